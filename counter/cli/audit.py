"""Commands for whoever looks into the audit trail: list, export, check, sign, watch, acknowledge, report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.audit import alerts as alerting
from core.audit import checkpoint as take_checkpoint
from core.audit import compliance, trail, wanted
from core.audit import export as exports
from core.audit.trail import Entry, Filter
from core.clock import local
from core.database import Actor
from core.errors import UsageError
from core.models.journal import AUDIT_ACTIONS
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say
from counter.cli.values import Number
from counter.session import Workplace

Command = TypeVar("Command", bound=Callable[..., Any])

_MOST_LISTED: Final = 1_000
_VALUES_SHOWN: Final = 60
_PUBLIC_KEY_BYTES: Final = 32


class Moment(click.ParamType[Any]):
    """A day or a moment of this terminal's clock: ``2026-11-25`` or ``2026-11-25T14:30``."""

    name = "day or time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return wanted.moment(str(value))
        except UsageError as error:
            return self.fail(f"{error.message} {error.hint}", param, ctx)


class Correlation(click.ParamType[Any]):
    """A correlation id, as a row of the trail has it."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return UUID(str(value))
        except ValueError:
            return self.fail("It is no correlation id.", param, ctx)


def span_options(command: Command) -> Command:
    """``--from`` and ``--to``, which are ``--since`` and ``--until`` as well."""
    command = click.option(
        "--to", "--until", "until", type=Moment(), help="Up to this moment, or to the end of this day."
    )(command)
    return click.option("--from", "--since", "since", type=Moment(), help="From this day or moment on.")(command)


def _begin(place: Workplace, since: date | datetime | None) -> datetime | None:
    """The moment a day or time begins on this terminal's clock."""
    return None if since is None else wanted.begin(since, place.time_zone)


def _end(place: Workplace, until: date | datetime | None) -> datetime | None:
    """The moment before which all is that is meant; a day is meant as a whole."""
    return None if until is None else wanted.end(until, place.time_zone)


@click.group()
def audit() -> None:
    """Read, export and sign the audit trail; `counter admin verify` proves it."""


@audit.command("list")
@click.option("--entity", metavar="TABLE", help="Only of this kind: bookings, tickets, users …")
@click.option("--id", "entity_id", metavar="KEY", help="Only of this one.")
@click.option("--who", metavar="STAFF", help="Only by this staff number.")
@click.option("--action", type=click.Choice(AUDIT_ACTIONS))
@click.option("--terminal", metavar="CODE", help="Only from this terminal.")
@click.option("--correlation", type=Correlation(), help="Only what one transaction did.")
@span_options
@click.option("--limit", type=Number(1, _MOST_LISTED), default=trail.PAGE, show_default=True, help="Rows at most.")
@click.option("--after", metavar="PLACE", help="Go on where another list ended.")
@json_option
def listing(
    entity: str | None, entity_id: str | None, who: str | None, action: str | None, terminal: str | None,
    correlation: UUID | None, since: date | None, until: date | None, limit: int, after: str | None, as_json: bool,
) -> None:  # fmt: skip
    """The newest rows of the audit trail. For supervisors; every look is on the trail itself."""
    asked = Filter(entity, entity_id, who, action, terminal, correlation)
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter admin audit list")
        asked = replace(asked, since=_begin(place, since), before=_end(place, until))
        entries: list[Entry] = []
        while True:
            page = trail.look(place.office, actor, asked, after=after, limit=limit - len(entries))
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
        asked = Filter(since=_begin(place, since), before=_end(place, until))
        signed = exports.export(place.office, actor, asked, out, form=form)
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
    """What somebody should look at: wrong PINs, refusals at night, a day out of line. The last day by itself."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter admin audit alerts")
        before = _end(place, until) or _now(place)
        found = alerting.alerts(place.office, actor, _begin(place, since) or before - alerting.RECENT, before)
        if as_json:
            print_json({"alerts": [one.as_json() for one in found]})
        elif not found:
            say("Nothing is out of line.")
        else:
            head = ("Last", "Alert", "Of", "Count", "Terminals", "Key", "Acknowledged")
            print_table([head, *(_alert_line(place, one) for one in found)], right=(3,))


def _now(place: Workplace) -> datetime:
    return place.office.database.transaction(lambda tx: tx.now)


def _alert_line(place: Workplace, one: alerting.Alert) -> tuple[str, ...]:
    when = local(one.last_at, place.time_zone).strftime("%Y-%m-%d %H:%M:%S")
    seen = one.acknowledged
    told = "" if seen is None else f"{seen.by}: {seen.note}" if not one.is_open else f"{seen.by}, and it has grown"
    kind = one.kind.replace("_", " ")
    return when, kind, one.subject, str(one.count), ", ".join(one.terminals), one.id, told


@audit.command("acknowledge")
@click.argument("key")
@click.option("--note", required=True, help="What came of it; it goes on record.")
@json_option
def acknowledge(key: str, note: str, as_json: bool) -> None:
    """Put on record that somebody has looked at the alert of this KEY. For supervisors, not about themselves."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter admin audit acknowledge")
        done = alerting.acknowledge(place.office, actor, key, note)
    if as_json:
        print_json(done.as_json())
    else:
        say(f"Alert {done.id} ({done.kind.replace('_', ' ')} of {done.subject}) is acknowledged.")


@audit.command("report")
@span_options
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV and nothing else.")
def report(since: date | None, until: date | None, as_json: bool, as_csv: bool) -> None:
    """Who looked, changed, decided, failed to sign in, refunded; this month if no span is given. For supervisors."""
    if as_json and as_csv:
        raise click.UsageError("Either --json or --csv.")
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter admin audit report")
        zone = place.office.operator.time_zone
        now = _now(place)
        first = wanted.begin(since or local(now, zone).date().replace(day=1), zone)
        made = compliance.report(place.office, actor, first, wanted.end(until, zone) if until else now)
    if as_json:
        print_json(made.as_json())
    elif as_csv:
        for line in made.csv_lines():
            say(line.rstrip("\r\n"))
    else:
        _show_report(made)


def _show_report(made: compliance.Report) -> None:
    say(f"{made.operator}, {made.since} to {made.before} ({made.time_zone})")
    for section in made.sections:
        say("")
        say(section.name.replace("_", " ").capitalize())
        if not section.rows:
            say("Nothing is on record.")
            continue
        rows = [section.columns, *section.rows, *([section.total] if section.total else [])]
        numbers = [at for at, value in enumerate(section.rows[0]) if isinstance(value, int)]
        print_table([[str(cell).replace("_", " ") for cell in row] for row in rows], right=numbers)
        for problem in section.problems:
            say(f"MUST NOT BE: {problem}")
