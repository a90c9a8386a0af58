"""The command that finds bookings again."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import click

from core import finding
from core.clock import local
from core.days import parse_day
from core.errors import UsageError
from core.finding import Page, Wanted
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say
from counter.cli.values import Line
from counter.session import Workplace


@click.command()
@click.argument("text", metavar="[TEXT]", default="", type=Line(400))
@click.option("--identity", metavar="I", help="Everything this identity travels on.")
@click.option("--phone", metavar="P", help="Everything with this contact.")
@click.option("--name", metavar="NAME", help="How a passenger's name begins, on a train of a day.")
@click.option("--train", metavar="NO", help="The train a name is looked for on.")
@click.option("--date", "day", metavar="DATE", help="The day it is boarded.")
@click.option("--after", type=click.UUID, help="The page after this one: what the answer calls next.")
@json_option
def find(
    text: str, identity: str | None, phone: str | None, name: str | None, train: str | None, day: str | None,
    after: UUID | None, as_json: bool,
) -> None:  # fmt: skip
    """Find bookings by TEXT (a booking number, a ticket number, a scanned code, an identity, a phone) or by options."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter find")
        wanted = _wanted(place, text, identity, phone, name, train, day)
        page = finding.find(place.office, actor, wanted, after=after)
    if as_json:
        print_json(page.as_json())
    else:
        _show(page)


def _wanted(
    place: Workplace, text: str, identity: str | None, phone: str | None, name: str | None, train: str | None,
    day: str | None,
) -> Wanted:  # fmt: skip
    if not (identity or phone or name) and train and day:
        name, text = text, ""
    if text and (identity or phone or name):
        raise UsageError("Say one thing to look for.", code="find_unclear", hint="A text, or options.")
    if text:
        return finding.understood(text)
    if not (identity or phone or name):
        raise UsageError("Say what to look for.", code="find_unclear", hint="Such as: counter find ABX4K7Q")
    return Wanted(identity=identity, phone=phone, name=name, train=train, day=_day(place, day) if day else None)


def _day(place: Workplace, day: str) -> date:
    today = place.office.database.transaction(lambda tx: local(tx.now, place.time_zone).date())
    return parse_day(day, today)


def _show(page: Page) -> None:
    if not page.bookings:
        say("Nothing was found.")
        return
    rows = [("Booking", "", "Train", "Date", "Tickets", "Passengers")]
    for one in page.bookings:
        tickets, names = f"{one.live} of {one.tickets}", ", ".join(one.passengers)
        rows.append((one.number, one.status, one.train, f"{one.departs_on:%d %b %Y}", tickets, names))
    print_table(rows)
    if page.next is not None:
        say(f"There is more: --after {page.next}")
