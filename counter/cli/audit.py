"""Commands for whoever looks into the audit trail: list, export, check, sign, watch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.audit import alerts as alerting
from core.audit import checkpoint as take_checkpoint
from core.audit import export as exports
from core.audit import trail
from core.audit.trail import Entry, Filter
from core.clock import local, zone
from core.database import Actor
from core.models.journal import AUDIT_ACTIONS
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say
from counter.cli.values import Number
from counter.session import Workplace

Command = TypeVar("Command", bound=Callable[..., Any])

_MOST_LISTED: Final = 1_000
_VALUES_SHOWN: Final = 60
#: Every zone knows these, and the day after.
_YEARS: Final = (1970, 9000)
_PUBLIC_KEY_BYTES: Final = 32


class Moment(click.ParamType[Any]):
    """A day or a moment of this terminal's clock: ``2026-11-25`` or ``2026-11-25T14:30``."""

    name = "day or time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        for read in (date.fromisoformat, datetime.fromisoformat):
            try:
                moment = read(str(value))
            except ValueError:
                continue
            if _YEARS[0] <= moment.year <= _YEARS[1]:
                return moment
        shown = str(value)[:30]
        return self.fail(f"{shown!r} is no day or time such as 2026-11-25 or 2026-11-25T14:30.", param, ctx)


def span_options(command: Command) -> Command:
    """``--from`` and ``--to``."""
    command = click.option("--to", "until", type=Moment(), help="Up to this moment, or to the end of this day.")(
        command
    )
    return click.option("--from", "since", type=Moment(), help="From this day or moment on.")(command)


def _begin(place: Workplace, since: date | datetime | None) -> datetime | None:
    """The moment a day or time begins on this terminal's clock."""
    if since is None:
        return None
    if not isinstance(since, datetime):
        since = datetime(since.year, since.month, since.day)  # noqa: DTZ001 - the next line gives it its zone
    return since if since.tzinfo else since.replace(tzinfo=zone(place.time_zone))


def _end(place: Workplace, until: date | datetime | None) -> datetime | None:
    """The moment before which all is that is meant; a day is meant as a whole."""
    if until is None or isinstance(until, datetime):
        return _begin(place, until)
    return _begin(place, until) and _begin(place, until + timedelta(days=1))


@click.group()
def audit() -> None:
    """Read, export and sign the audit trail; `counter admin verify` proves it."""


@audit.command("list")
@click.option("--entity", metavar="TABLE", help="Only of this kind: bookings, tickets, users …")
@click.option("--id", "entity_id", metavar="KEY", help="Only of this one.")
@click.option("--who", metavar="STAFF", help="Only by this staff number.")
@click.option("--action", type=click.Choice(AUDIT_ACTIONS))
@click.option("--terminal", metavar="CODE", help="Only from this terminal.")
@span_options
@click.option("--limit", type=Number(1, _MOST_LISTED), default=trail.PAGE, show_default=True, help="Rows at most.")
@click.option("--after", metavar="PLACE", help="Go on where another list ended.")
@json_option
def listing(
    entity: str | None, entity_id: str | None, who: str | None, action: str | None, terminal: str | None,
    since: date | None, until: date | None, limit: int, after: str | None, as_json: bool,
) -> None:  # fmt: skip
    """The newest rows of the audit trail. For supervisors; every look is on the trail itself."""
    wanted = Filter(entity=entity, entity_id=entity_id, who=who, action=action, terminal=terminal)
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter admin audit list")
        wanted = replace(wanted, since=_begin(place, since), before=_end(place, until))
        entries: list[Entry] = []
        while True:
            page = trail.look(place.office, actor, wanted, after=after, limit=limit - len(entries))
            entries, after = [*entries, *page.entries], page.next
            if after is None or len(entries) >= limit:
                break
        if as_json:
            print_json({"rows": [entry.as_json() for entry in entries], "next": after})
            return
        print_table([("When", "Who", "Terminal", "What", "Of", "Values"), *(_line(place, one) for one in entries)])
        if after is not None:
            say(f"There are more: --after {after}")


def _line(place: Workplace, one: Entry) -> tuple[str, ...]:
    values = " > ".join(text for text in (one.old, one.new) if text is not None)
    shown = f"{values[:_VALUES_SHOWN]}…" if len(values) > _VALUES_SHOWN else values
    when = local(one.at, place.time_zone).strftime("%Y-%m-%d %H:%M:%S")
    return when, one.staff_number or "", one.terminal or "", one.action, f"{one.entity} {one.entity_id}", shown


@audit.command("export")
@span_options
@click.option("--format", "form", type=click.Choice(list(exports.FORMATS)), default="csv", show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A new file; FILE.sig signs it."
)
@json_option
def export(since: date | None, until: date | None, form: str, out: Path, as_json: bool) -> None:
    """Write the audit trail to a file for auditors, and a signature beside it. For supervisors."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter admin audit export")
        wanted = Filter(since=_begin(place, since), before=_end(place, until))
        signed = exports.export(place.office, actor, wanted, out, form=form)
        key = place.office.keys.public_key(signed.key_id).hex()
    if as_json:
        print_json({"file": str(out), "signature": f"{out}.sig", **signed.as_json()})
    else:
        say(f"{signed.statement['rows']} rows are in {out}, signed in {out}.sig with key {signed.key_id}:")
        say(key)


@audit.command("check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--public-key", metavar="HEX", help="The operator's key, as published; asks no database.")
@json_option
def check(file: Path, public_key: str | None, as_json: bool) -> None:
    """Check that an exported FILE is what was signed; exit status 4 if it is not."""
    if public_key is not None:
        key = _public_key(public_key)
        signed = exports.check(file, lambda _key_id: key)
    else:
        with workplace(as_json=as_json) as place:
            signed = exports.check(file, exports.keys_of(place.office))
    if as_json:
        print_json({"ok": True, **signed.as_json()})
    else:
        said = signed.statement
        say(f"{file} is what {said['operator']} signed: {said['rows']} rows, made {said['made_at']}.")


def _public_key(text: str) -> Ed25519PublicKey:
    try:
        raw = bytes.fromhex(text)
        if len(raw) != _PUBLIC_KEY_BYTES:
            raise ValueError
        return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise click.BadParameter("64 hexadecimal digits.", param_hint="'--public-key'") from None


@audit.command("checkpoint")
@json_option
def checkpoint(as_json: bool) -> None:
    """Sign where the audit trail ends now, in the database and in this machine's file of audit heads."""
    with workplace(as_json=as_json) as place:
        heads_file = place.settings.audit_heads_file
        taken = take_checkpoint(place.office, Actor(terminal_id=place.terminal.id), heads_file)
    if as_json:
        print_json({"file": str(heads_file), "checkpoints": [one.as_json() for one in taken]})
        return
    lines = [(one.terminal or "no terminal", str(one.number), one.hash.hex()) for one in taken]
    print_table([("Terminal", "Row", "SHA-256"), *lines], right=(1,))
    say(f"These heads are noted in {heads_file}.")


@audit.command("alerts")
@span_options
@json_option
def alerts(since: date | None, until: date | None, as_json: bool) -> None:
    """What somebody should look at: repeated wrong PINs, refusals at night. The last day if no span is given."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter admin audit alerts")
        now = place.office.database.transaction(lambda tx: tx.now)
        before = _end(place, until) or now
        found = alerting.alerts(place.office, actor, _begin(place, since) or before - timedelta(days=1), before)
        if as_json:
            print_json({"alerts": [one.as_json() for one in found]})
        elif not found:
            say("Nothing is out of line.")
        else:
            print_table([("Last", "Alert", "Of", "Count", "Terminals"), *(_alert_line(place, one) for one in found)])


def _alert_line(place: Workplace, one: alerting.Alert) -> tuple[str, ...]:
    when = local(one.last_at, place.time_zone).strftime("%Y-%m-%d %H:%M:%S")
    return when, one.kind.replace("_", " "), one.subject, str(one.count), ", ".join(one.terminals)
