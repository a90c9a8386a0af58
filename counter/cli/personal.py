"""Commands about one person's data: tell it, take it out of the record; and the daily job that forgets in time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from core import personal_data
from core.config import settings
from core.errors import NotReady, Refused
from core.keys import write_draft
from core.ops import erasure, retention
from core.personal_data import Person
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, progress, say
from counter.session import Workplace, owner_url

Command = TypeVar("Command", bound=Callable[..., Any])

_LONGEST_LINE: Final = 200


def person_options(command: Command) -> Command:
    """Who is meant. An identity number of ``-`` is read from standard input, so that no process list shows it."""
    command = click.option("--customer", metavar="MAIL", help="The customer with this e-mail address.")(command)
    command = click.option("--phone", metavar="NUMBER", help="Who has this phone number.")(command)
    return click.argument("identity", required=False)(command)


def _person(place: Workplace, identity: str | None, phone: str | None, customer: str | None) -> Person:
    if identity == "-":
        identity = sys.stdin.readline(_LONGEST_LINE).strip()
    return personal_data.person(place.office.keys, identity=identity, phone=phone, customer=customer)


@click.group()
def personal() -> None:
    """What is held about one person. For supervisors; every look is on the audit trail."""


@personal.command("export")
@person_options
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A new file that only you may read.")
@json_option
def export(identity: str | None, phone: str | None, customer: str | None, out: Path | None, as_json: bool) -> None:
    """Everything held about the person with this IDENTITY number (- reads it), as one JSON document."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter personal export")
        told = personal_data.export(place.office, actor, _person(place, identity, phone, customer))
    if out is None:
        print_json(told)
        return
    _write_new(out, told)
    counts = {table: len(rows) for table, rows in told["held"].items() if rows}
    if as_json:
        print_json({"file": str(out), "held": counts})
    else:
        held = ", ".join(f"{number} {table.replace('_', ' ')}" for table, number in counts.items())
        say(f"{out} holds {held or 'nothing: this person is not known'}.")


def _write_new(file: Path, told: dict[str, Any]) -> None:
    if file.exists():
        raise Refused(f"{file} is there already.", code="file_exists", hint="Choose another name.")
    try:
        write_draft(file, told).replace(file)
    except OSError as error:
        raise NotReady(f"{file} cannot be written.", code="file_not_written", hint=f"{error.strerror}.") from error


@personal.command("erase")
@person_options
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@json_option
def erase(identity: str | None, phone: str | None, customer: str | None, dry_run: bool, as_json: bool) -> None:
    """Take the person with this IDENTITY number (- reads it) out of the record. It cannot be undone.

    What accounting must keep stays without the person. Needs the owner's login besides (COUNTER_OWNER_DATABASE_URL).
    """
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter personal erase")
        who = _person(place, identity, phone, customer)
        address = owner_url(settings(), progress(as_json))
        done = erasure.erase(address, settings().keys_folder, actor, who, dry_run=dry_run)
    if as_json:
        print_json({"person": who.masked, "dry_run": dry_run, "erased": done.as_json()})
    else:
        say(f"{who.masked} {'would be' if dry_run else 'is'} taken out of {_in_words(done)}.")


@click.command("retention")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@json_option
def forget(dry_run: bool, as_json: bool) -> None:
    """Erase who travelled longer ago than policy keeps it (retention_days_personal_data): the owner's daily job."""
    done = retention.retain(owner_url(settings(), progress(as_json)), dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, **done.as_json()})
    else:
        begin = "Who travelled long ago would be" if dry_run else "Who travelled long ago was"
        say(f"{begin} taken out of {_in_words(done.erased)}; {done.sessions} old sign-ins.")


def _in_words(done: erasure.Erased) -> str:
    return ", ".join(f"{number} {what}" for what, number in done.as_json().items())
