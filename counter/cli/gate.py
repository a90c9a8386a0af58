"""The command of the gate: may the bearer of this code board?"""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import date, datetime, time
from typing import Any

import click

from core.checkin import Answer, Gate, Outcome, check_in
from core.clock import local, zone
from core.database import Actor
from core.days import parse_day
from core.errors import UsageError
from counter.cli.opening import workplace
from counter.cli.output import exits_with, json_option, print_json, say
from counter.cli.values import Line
from counter.session import Workplace

#: Longer than any code or barcode; the rest of a line is not worth reading.
_LONGEST_LINE = 4096


class _When(click.ParamType[Any]):
    """``2026-11-25T07:00``, with or without an offset, or ``07:00`` on the gate's day."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        for form in (datetime.fromisoformat, time.fromisoformat):
            with suppress(ValueError):
                return form(value.strip())
        return self.fail(f"{value[:30]!r} is no time such as 2026-11-25T07:00 or 07:00.", param, ctx)


@click.command()
@click.argument("code", type=Line(_LONGEST_LINE), metavar="CODE")
@click.option("--station", required=True, metavar="CODE", help="Where this gate is.")
@click.option("--train", "train_number", metavar="NO", help="The train being boarded; any if left out.")
@click.option("--date", "day", metavar="DATE", help="The date being boarded; any if left out.")
@click.option("--at", "when", type=_When(), metavar="TIME", help="Judge as of this time instead of now.")
@json_option
@exits_with
def checkin(
    code: str, station: str, train_number: str | None, day: str | None, when: datetime | time | None, as_json: bool
) -> int:
    """Check the CODE of a ticket in at a gate; with - codes are read line by line from standard input."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter checkin")
        place_zone = place.office.network().station(station).time_zone
        now = place.office.database.transaction(lambda tx: local(tx.now, place_zone))
        boarding = parse_day(day, now.date()) if day else None
        gate = Gate(station, train_number, boarding)
        at = _instant(when, boarding or now.date(), place_zone)
        if code != "-":
            answer = check_in(place.office, actor, code, gate, at=at)
            _show(answer, as_json=as_json)
            return 0 if answer.outcome is Outcome.OK else 1
        _read_all(place, actor, gate, at, as_json=as_json)
        return 0


def _read_all(place: Workplace, actor: Actor, gate: Gate, at: datetime | None, *, as_json: bool) -> None:
    """One answer per line, as soon as it is read; a line that is no text is unreadable, not the end."""
    stream = sys.stdin.buffer
    while raw := stream.readline(_LONGEST_LINE):
        rest = raw
        while rest and not rest.endswith(b"\n") and len(rest) == _LONGEST_LINE:
            rest = stream.readline(_LONGEST_LINE)  # one line is one code, however long
        text = raw.decode("utf-8", errors="replace").strip()
        _show(check_in(place.office, actor, text, gate, at=at), as_json=as_json)


def _instant(when: datetime | time | None, day: date, zone_name: str) -> datetime | None:
    if isinstance(when, time):
        when = datetime.combine(day, when)
    if when is None or when.tzinfo is not None:
        return when
    try:
        return when.replace(tzinfo=zone(zone_name))
    except (OverflowError, ValueError) as error:
        raise UsageError("This time cannot exist.", hint="Write it as 2026-11-25T07:00.") from error


def _show(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        print_json(answer.as_json())
        return
    seat = answer.seat.label if answer.seat else ""
    first = f"first used {answer.first_used.at:%d %b %H:%M} at {answer.first_used.where}" if answer.first_used else ""
    claim = f"the code says: a {answer.claim} ticket" if answer.claim else ""
    parts = (answer.outcome.value, answer.ticket_number, answer.passenger_name, seat, first, claim)
    say("  ".join(part for part in parts if part))
