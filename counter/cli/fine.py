"""Commands for fines and the bans that follow from them: issue, pay, waive, list, show; list and lift bans."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import click
from uuid_utils.compat import uuid7

from core import bans, fine_settling, fines, shifts
from core.approvals import ApprovalNeeded
from core.bans import Banned
from core.clock import local
from core.days import parse_day
from core.errors import UsageError
from core.fines import FINE_KINDS, Fine, FineOrder
from core.money import grouped
from core.permissions import require
from counter.cli.approver import Approver, approver_options
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say
from counter.cli.paying import tender_of, tender_options
from counter.cli.values import Number
from counter.printing import kick_drawer, print_report
from counter.session import Workplace

_PROGRAM: Final = "counter fine"
_number = click.argument("number", type=Number(1, 2**31 - 1))
_reason = click.option("--reason", required=True, help="Why; it goes on record.")


@click.group()
def fine() -> None:
    """Fines for riding without paying for it: issue, pay, waive, look."""


def _day(place: Workplace, text: str | None) -> date | None:
    if text is None:
        return None
    zone = place.office.operator.time_zone
    return parse_day(text, place.office.database.transaction(lambda tx: local(tx.now, zone).date()))


@fine.command("issue")
@click.option("--ticket", metavar="NUMBER", help="The ticket that was ridden beyond; says who, which train and day.")
@click.option("--train", metavar="NO", help="The train, where there is no ticket.")
@click.option("--date", "day", metavar="DATE", help="The day the train left its origin; today if left out.")
@click.option("--name", default="", help="Who is fined; the ticket's passenger if left out.")
@click.option("--identity", default="", metavar="NUMBER", help="NIK or passport; the ticket's passenger if left out.")
@click.option("--kind", type=click.Choice(FINE_KINDS), default=FINE_KINDS[0], show_default=True)
@click.option("--from", "origin", metavar="S", help="Where the paid ride ended.")
@click.option("--to", "destination", metavar="S", help="Where the ride ended; this station if the train calls here.")
@click.option("--class", "class_code", metavar="C", help="Only this class's fares count.")
@click.option("--note", default="", help="What else there is to say.")
@json_option
def issue(as_json: bool, day: str | None, **given: Any) -> None:
    """Write a fine: so many times the lowest fare of the stretch that was not paid for."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        done = fines.issue(place.office, actor, FineOrder(**given, day=_day(place, day)))
        _tell(done, place, as_json=as_json)


@fine.command("pay")
@_number
@tender_options
@click.option("--key", type=click.UUID, help="Names this payment: asked again, it is taken once.")
@json_option
def pay(number: int, key: UUID | None, as_json: bool, **given: Any) -> None:
    """Take the money for fine NUMBER into this terminal's shift."""
    tender = tender_of(given)
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        require(actor, "sell")
        shifts.open_for_scripts(place.office, actor)
        done = fine_settling.pay(place.office, actor, number, tender, key=key or uuid7(), printer=place.printer_kind)
        if tender.method == "cash":
            kick_drawer(place)
        state = "off" if done.job_id is None else print_report(place, actor, done.job_id)
        _tell(done.fine, place, as_json=as_json, receipt=state)


@fine.command("waive")
@_number
@_reason
@approver_options
@json_option
def waive(number: int, reason: str, approve_staff: str | None, approve_pin_file: Path | None, as_json: bool) -> None:
    """Let somebody off fine NUMBER; a supervisor, or with a supervisor's approval."""
    with workplace(as_json=as_json) as place:
        actor, office = place.scripted_actor(_PROGRAM), place.office
        try:
            done = fine_settling.waive(office, actor, number, reason)
        except ApprovalNeeded:
            wish = fine_settling.wish_for(office, actor, number)
            approval = Approver(approve_staff, approve_pin_file).approve(place, actor, wish, reason)
            if approval is None:
                raise
            done = fine_settling.waive(office, actor, number, reason, approval_id=approval)
        _tell(done, place, as_json=as_json)


@fine.command("show")
@_number
@json_option
def show(number: int, as_json: bool) -> None:
    """Fine NUMBER as it stands. Who looked goes on record."""
    with workplace(as_json=as_json) as place:
        _tell(fines.find(place.office, place.scripted_actor(_PROGRAM), number), place, as_json=as_json)


@fine.command("list")
@click.option("--identity", metavar="NUMBER", help="Only this person's.")
@click.option("--open", "only_open", is_flag=True, help="Only those that are neither paid nor waived.")
@json_option
def list_fines(identity: str | None, only_open: bool, as_json: bool) -> None:
    """The latest fines, newest first. Who looked goes on record."""
    with workplace(as_json=as_json) as place:
        actor, zone = place.scripted_actor(_PROGRAM), place.office.operator.time_zone
        found = fines.listed(place.office, actor, identity=identity, only_open=only_open)
    if as_json:
        print_json({"fines": [one.as_json(zone) for one in found]})
    elif not found:
        say("There are no fines.")
    else:
        head = ("Fine", "Kind", "Who", "", "Train", "Day", "Amount", "Status")
        print_table([head, *(_row(one) for one in found)], right=(0, 6))


def _row(one: Fine) -> tuple[str, ...]:
    day = one.service_date.isoformat()
    return (str(one.number), one.kind.replace("_", " "), one.name, one.identity, one.train_number, day,
            grouped(one.amount), one.status)  # fmt: skip


def _tell(one: Fine, place: Workplace, *, as_json: bool, **more: Any) -> None:
    if as_json:
        print_json({**one.as_json(place.office.operator.time_zone), **more})
        return
    said = f"Fine {one.number} of {grouped(one.amount)} for {one.name} ({one.identity}) is {one.status}."
    say(f"{said} Change {grouped(one.change)}." if one.change else said)


@click.group()
def ban() -> None:
    """Who may not buy because of unpaid fines."""


@ban.command("list")
@json_option
def list_bans(as_json: bool) -> None:
    """Everybody who is banned now. Who looked goes on record."""
    with workplace(as_json=as_json) as place:
        found = bans.listed(place.office, place.scripted_actor("counter ban"))
        zone = place.office.operator.time_zone
    if as_json:
        print_json({"bans": [one.as_json(zone) for one in found]})
    elif not found:
        say("Nobody is banned.")
    else:
        print_table([("Who", "", "Until", "Fines", "Amount"), *(_ban_row(one, zone) for one in found)], right=(4,))


def _ban_row(one: Banned, zone: str) -> tuple[str, ...]:
    numbers = ", ".join(str(each.number) for each in one.ban.fines)
    return one.name, one.identity, local(one.ban.until, zone).date().isoformat(), numbers, grouped(one.ban.amount)


@ban.command("lift")
@click.argument("identity", required=False, metavar="[IDENTITY]")
@click.option("--fine", "number", type=Number(1, 2**31 - 1), help="Whoever this fine is of, instead of an identity.")
@_reason
@approver_options
@json_option
def lift(
    identity: str | None, number: int | None, reason: str, approve_staff: str | None, approve_pin_file: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Let somebody buy again although fines are unpaid; a supervisor, or with a supervisor's approval."""
    if (identity is None) is (number is None):
        raise UsageError("A ban is somebody's.", code="person_unclear", hint="Give an identity number, or --fine.")
    with workplace(as_json=as_json) as place:
        actor, office = place.scripted_actor("counter ban"), place.office
        require(actor, "handle_fines")
        digest = bans.digest_of(office, identity=identity, fine=number)
        try:
            done = bans.lift(office, actor, digest, reason)
        except ApprovalNeeded:
            wish = bans.wish_for(office, actor, digest)
            approval = Approver(approve_staff, approve_pin_file).approve(place, actor, wish, reason)
            if approval is None:
                raise
            done = bans.lift(office, actor, digest, reason, approval_id=approval)
        zone = office.operator.time_zone
    if as_json:
        print_json({**done.as_json(zone), "lifted": True})
    else:
        say(f"{done.name} ({done.identity}) may buy again; {grouped(done.ban.amount)} is still owed.")
