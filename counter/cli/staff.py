"""Commands for whoever looks after staff, and for one's own PIN."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import click

from core import staff as signing
from core import staff_register as register
from core.clock import local
from core.config import Settings
from core.errors import NotSignedIn, UsageError
from core.staff_list import Member, Session
from core.staff_register import Changes, NewPin
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say
from counter.session import Workplace

_PROGRAM: Final = "counter staff"
#: Bytes of a line that may hold a PIN.
_LONGEST_LINE: Final = 4096
_STATES: Final = {
    "inactive": "not active", "locked": "locked", "must_change_pin": "must change PIN", "signed_in": "signed in",
    "active": "active",
}  # fmt: skip

station_option = click.option(
    "--station", "stations", multiple=True, metavar="S", help="A station to work at; every one if left out."
)


@click.group()
def staff() -> None:
    """Staff: who they are, what they may do, where they are signed in."""


@staff.command("list")
@click.argument("wanted", default="")
@json_option
def list_staff(wanted: str, as_json: bool) -> None:
    """Everybody, or those whose number begins with WANTED, whose name has it in it, or whose role it is."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        page = register.listed(place.office, actor, wanted)
        found = list(page.members)
        while page.has_more:
            page = register.listed(place.office, actor, wanted, page=page.number + 1)
            found += page.members
        zone = place.office.operator.time_zone
    if as_json:
        print_json({"staff": [one.as_json(zone) for one in found]})
    elif not found:
        say("There is nobody like that.")
    else:
        print_table([("Number", "Name", "Role", "Stations", "Status"), *(_row(one, zone) for one in found)])


@staff.command("show")
@click.argument("number")
@json_option
def show(number: str, as_json: bool) -> None:
    """One member of the staff."""
    with workplace(as_json=as_json) as place:
        _tell(register.find(place.office, place.scripted_actor(_PROGRAM), number), place, as_json=as_json)


@staff.command("add")
@click.argument("number")
@click.argument("name")
@click.option("--role", required=True, metavar="ROLE", help=f"One of: {', '.join(register.ROLES)}.")
@station_option
@json_option
def add(number: str, name: str, role: str, stations: tuple[str, ...], as_json: bool) -> None:
    """Enter somebody; prints the first PIN, once. It has to be changed at the first sign-in."""
    with workplace(as_json=as_json) as place:
        made = register.add(place.office, place.scripted_actor(_PROGRAM), number, name, role, stations)
        _tell_pin(made, place, as_json=as_json)


@staff.command("change")
@click.argument("number")
@click.option("--name", help="Another name.")
@click.option("--role", metavar="ROLE", help=f"Another role: {', '.join(register.ROLES)}. Signs that person off.")
@json_option
def change(number: str, name: str | None, role: str | None, as_json: bool) -> None:
    """Change somebody's name or role."""
    changes = Changes()
    if name is not None:
        changes["name"] = name
    if role is not None:
        changes["role"] = role
    if not changes:
        raise click.UsageError("Nothing is to be changed.")
    with workplace(as_json=as_json) as place:
        _tell(register.change(place.office, place.scripted_actor(_PROGRAM), number, changes), place, as_json=as_json)


@staff.command("deactivate")
@click.argument("number")
@json_option
def deactivate(number: str, as_json: bool) -> None:
    """Let nobody sign in as NUMBER any more; who is signed in is signed off."""
    with workplace(as_json=as_json) as place:
        _tell(register.deactivate(place.office, place.scripted_actor(_PROGRAM), number), place, as_json=as_json)


@staff.command("activate")
@click.argument("number")
@json_option
def activate(number: str, as_json: bool) -> None:
    """Let NUMBER sign in again."""
    with workplace(as_json=as_json) as place:
        _tell(register.activate(place.office, place.scripted_actor(_PROGRAM), number), place, as_json=as_json)


@staff.command("unlock")
@click.argument("number")
@json_option
def unlock(number: str, as_json: bool) -> None:
    """Let NUMBER try again after too many wrong PINs."""
    with workplace(as_json=as_json) as place:
        _tell(register.unlock(place.office, place.scripted_actor(_PROGRAM), number), place, as_json=as_json)


@staff.command("reset-pin")
@click.argument("number")
@json_option
def reset_pin(number: str, as_json: bool) -> None:
    """Give NUMBER a new PIN; prints it once. It has to be changed at the next sign-in."""
    with workplace(as_json=as_json) as place:
        _tell_pin(
            register.reset_pin(place.office, place.scripted_actor(_PROGRAM), number), place, as_json=as_json
        )  # fmt: skip


@staff.command("stations")
@click.argument("number")
@click.argument("stations", nargs=-1)
@click.option("--every", "everywhere", is_flag=True, help="At every station.")
@json_option
def stations(number: str, stations: tuple[str, ...], everywhere: bool, as_json: bool) -> None:
    """Where NUMBER may work: at these STATIONS from now on, or as it is if none is named."""
    if everywhere and stations:
        raise click.UsageError("Name stations, or give --every.")
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        if everywhere or stations:
            member = register.set_stations(place.office, actor, number, stations)
        else:
            member = register.find(place.office, actor, number)
    if as_json:
        print_json({"staff_number": member.number, "stations": list(member.stations)})
    else:
        say(f"{member.number} {member.name}: {' '.join(member.stations) or 'every station'}")


@staff.command("sessions")
@click.argument("number", default="")
@json_option
def sessions(number: str, as_json: bool) -> None:
    """Who is signed in where; of NUMBER alone if it is given."""
    with workplace(as_json=as_json) as place:
        found = register.sessions(place.office, place.scripted_actor(_PROGRAM), number)
        zone = place.office.operator.time_zone
    if as_json:
        print_json({"sessions": [one.as_json(zone) for one in found]})
    elif not found:
        say("Nobody is signed in.")
    else:
        head = ("Number", "Name", "Role", "Where", "Program", "Since", "Last seen")
        print_table([head, *(_session_row(one, zone) for one in found)])


@staff.command("sign-off")
@click.argument("number")
@click.option("--reason", required=True, help="Why; it goes on record.")
@json_option
def sign_off(number: str, reason: str, as_json: bool) -> None:
    """End NUMBER's sessions at once, wherever they are; one's own at other terminals."""
    with workplace(as_json=as_json) as place:
        ended = register.sign_off(place.office, place.scripted_actor(_PROGRAM), number, reason)
    if as_json:
        print_json({"staff_number": number.strip(), "ended": ended})
    else:
        say(f"{ended} session{'' if ended == 1 else 's'} ended.")


@staff.command("pin")
@json_option
def pin(as_json: bool) -> None:
    """Change one's own PIN (COUNTER_STAFF, COUNTER_PIN); the new one is asked for, or comes by standard input or file.

    COUNTER_NEW_PIN_FILE names the file.
    """
    with workplace(as_json=as_json) as place:
        own, old = place.settings.staff, place.settings.read_pin()
        if own is None or old is None:
            raise NotSignedIn(
                "This command needs somebody.", hint="Set COUNTER_STAFF, and COUNTER_PIN or COUNTER_PIN_FILE."
            )
        signing.change_pin(place.office, place.terminal, own, old, _new_pin(place.settings))
    if as_json:
        print_json({"staff_number": own.strip(), "changed": True})
    else:
        say("The PIN is changed.")


def _new_pin(settings: Settings) -> str:
    """
    Raises:
        UsageError: there is none (``pin_missing``).
    """
    new = settings.read_new_pin()
    if new is None and sys.stdin is not None and sys.stdin.isatty():
        new = click.prompt("New PIN", hide_input=True, confirmation_prompt="Once more", err=True)
    elif new is None and sys.stdin is not None:
        new = sys.stdin.readline(_LONGEST_LINE).strip()
    if not new:
        raise UsageError(
            "The new PIN is missing.", code="pin_missing", hint="Type it, or name a file with COUNTER_NEW_PIN_FILE."
        )
    return new


# What is printed


def _tell(member: Member, place: Workplace, *, as_json: bool) -> None:
    zone = place.office.operator.time_zone
    if as_json:
        print_json(member.as_json(zone))
        return
    say("  ".join(part for part in _row(member, zone) if part))
    for one in member.sessions:
        say("  ".join(_session_row(one, zone)[3:]))


def _tell_pin(made: NewPin, place: Workplace, *, as_json: bool) -> None:
    if as_json:
        print_json({**made.member.as_json(place.office.operator.time_zone), "pin": made.pin})
    else:
        say(f"{made.member.number} {made.member.name}: the PIN is {made.pin}")
        say("It is shown only now, and has to be changed at the first sign-in.")


def _row(member: Member, zone: str) -> Sequence[str]:
    status = _STATES[member.status]
    if member.status == "locked" and member.locked_until is not None:
        status = f"locked until {_time(member.locked_until, zone)}"
    elif member.status == "signed_in":
        here = next(one for one in member.sessions if one.is_interactive)
        status = f"signed in at {_where(here)}"
    return member.number, member.name, member.role, " ".join(member.stations) or "every", status


def _session_row(one: Session, zone: str) -> Sequence[str]:
    return (
        one.staff_number, one.full_name, one.role, _where(one), one.program, _time(one.since, zone),
        _time(one.last_activity, zone),
    )  # fmt: skip


def _where(one: Session) -> str:
    return f"{one.station} {one.terminal}".strip() or "-"


def _time(moment: datetime, zone: str) -> str:
    return f"{local(moment, zone):%Y-%m-%d %H:%M}"
