"""Commands that change a sold ticket: reschedule, upgrade, correct."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import click
from uuid_utils.compat import uuid7

from core import corrections, reschedules, ticket_changes
from core.approvals import Approval
from core.clock import local
from core.corrections import Wanted
from core.days import parse_day
from core.money import grouped
from core.reschedules import Moved, Order, Plan
from core.ticket_changes import Issued
from counter.cli.changing import Change, change_options, show_request
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, say, tell
from counter.cli.sales import found_again_by

_key_option = click.option("--key", type=click.UUID, help="Names this change: asked again, it is the same change.")
_identity_option = click.option("--identity", required=True, metavar="I", help="Of a passenger of the booking, whole.")
_quote_option = click.option("--quote", "only_quote", is_flag=True, help="Only say what it would cost.")
_infant_options = (
    click.option("--infant", "infants", multiple=True, metavar="TICKET", help="An infant's ticket that goes along."),
    click.option("--no-infant", is_flag=True, help="No infant goes along."),
)


@click.command()
@click.argument("ticket", metavar="TICKET")
@click.option("--train", "train_number", required=True, metavar="NO", help="The new train's number.")
@click.option("--date", "day", required=True, metavar="DATE", help="The new day at the boarding station.")
@click.option("--class", "class_code", metavar="CODE", help="Another class; the same if left out.")
@click.option("--seat", metavar="SEAT", help="A seat by its label, such as 'EKS 1/10C'.")
@click.option("--from", "origin", metavar="STATION", help="Another boarding station, where policy allows it.")
@click.option("--to", "destination", metavar="STATION", help="Another destination, where policy allows it.")
@_infant_options[0]
@_infant_options[1]
@_identity_option
@click.option("--reason", default="", help="Why; it goes on record.")
@_quote_option
@change_options
@_key_option
@json_option
def reschedule(
    ticket: str, train_number: str, day: str, class_code: str | None, seat: str | None, origin: str | None,
    destination: str | None, infants: tuple[str, ...], no_infant: bool, identity: str, reason: str, only_quote: bool,
    key: UUID | None, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Move a TICKET to another train, day or class; the old one opens no gate any more."""
    key = key or uuid7()
    along = _along(infants, no_infant)
    with workplace(as_json=as_json) as place, found_again_by(key):
        change = Change.of(place, "counter reschedule", given)
        _, old = ticket_changes.find(place.office, change.actor, ticket)
        today = place.office.database.transaction(lambda tx: local(tx.now, old.journey.origin.time_zone).date())
        trip = reschedules.journey_for(
            place.office, change.actor, ticket, train_number, parse_day(day, today), origin=origin,
            destination=destination,
        )  # fmt: skip
        order = Order(old.number, trip.schedule_id, trip.origin.code, trip.destination.code, class_code, seat, along)
        _move(change, order, identity, reason, key, only_quote=only_quote, as_json=as_json)


@click.command()
@click.argument("ticket", metavar="TICKET")
@click.option("--class", "class_code", required=True, metavar="CODE", help="A dearer class of the same train.")
@click.option("--seat", metavar="SEAT", help="A seat by its label, such as 'LUX 1/3A'.")
@_infant_options[0]
@_infant_options[1]
@_identity_option
@click.option("--reason", default="", help="Why; it goes on record.")
@_quote_option
@change_options
@_key_option
@json_option
def upgrade(
    ticket: str, class_code: str, seat: str | None, infants: tuple[str, ...], no_infant: bool, identity: str,
    reason: str, only_quote: bool, key: UUID | None, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Move a TICKET to a dearer class of the same train."""
    key = key or uuid7()
    with workplace(as_json=as_json) as place, found_again_by(key):
        change = Change.of(place, "counter upgrade", given)
        order = reschedules.upgrade_order(
            place.office, change.actor, ticket, class_code, seat=seat, infants=_along(infants, no_infant)
        )
        _move(change, order, identity, reason, key, only_quote=only_quote, as_json=as_json)


def _along(infants: tuple[str, ...], no_infant: bool) -> tuple[str, ...] | None:
    if infants and no_infant:
        raise click.UsageError("Either --infant or --no-infant.")
    return infants or (() if no_infant else None)


def _move(
    change: Change, order: Order, identity: str, reason: str, key: UUID, *, only_quote: bool, as_json: bool
) -> None:
    place, actor = change.place, change.actor
    if only_quote:
        _show_plan(reschedules.quote(place.office, actor, order, identity), as_json=as_json)
        return
    move = partial(
        reschedules.carry_out, place.office, actor, order, identity, change.tender, key=key, reason=reason,
        printer=place.printer_kind,
    )  # fmt: skip
    done = change.carry_out(
        lambda approval: move(approval_id=approval),
        lambda: reschedules.wish_for(place.office, actor, order, identity),
        reason or "outside policy",
    )
    if isinstance(done, Approval):
        show_request(done, as_json=as_json)
        return
    states = change.printed(one.serial for one, _ in done.tickets)
    tickets = tuple(
        (replace(one, print_state=states.get(one.serial, one.print_state)), old) for one, old in done.tickets
    )
    _show_moved(replace(done, tickets=tickets), key, as_json=as_json)


def _show_plan(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        print_json({"quote": True, **plan.as_json()})
        return
    trip, main = plan.wanted.journey, plan.moves[0]
    seat = main.seat.label if main.seat else "no seat"
    say(f"Train {trip.train.number}, {trip.departs_at:%a %d %b %H:%M}, {plan.wanted.travel_class.code}, {seat}")
    say(f"Fare {grouped(main.cost.old_fare)} → {grouped(main.cost.new_fare)}")
    say(f"Difference {grouped(plan.difference)}, fee {grouped(plan.fee)}, to pay {grouped(plan.due)}")
    if plan.verdict.outside:
        say(plan.why_outside)
    for note in plan.notes:
        say(note)


def _show_moved(moved: Moved, key: UUID, *, as_json: bool) -> None:
    if as_json:
        print_json({**moved.as_json(), "key": str(key)})
        return
    for note in moved.notes:
        tell(f"Look again: {note}")
    say(f"{moved.booking_number}  paid {grouped(moved.paid)}  change {grouped(moved.change)}")
    for ticket, old in moved.tickets:
        seat = ticket.seat.label if ticket.seat else "no seat"
        say(f"  {ticket.number} for {old}  {ticket.passenger_name}  {seat}  print {ticket.print_state}")


@click.command()
@click.argument("ticket", metavar="TICKET")
@click.option("--name", metavar="NAME", help="The name as the card shows it.")
@click.option("--identity", metavar="I", help="The identity as the card shows it.")
@click.option("--holder", metavar="I", help="The identity the ticket was sold for, where another person takes it over.")
@click.option("--reason", default="", help="Why; it goes on record.")
@_quote_option
@change_options
@_key_option
@json_option
def correct(
    ticket: str, name: str | None, identity: str | None, holder: str | None, reason: str, only_quote: bool,
    key: UUID | None, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Correct the name or the identity on a TICKET and issue it anew; older prints open no gate any more."""
    if name is None and identity is None:
        raise click.UsageError("Say what the card shows: --name, --identity.")
    key, wanted = key or uuid7(), Wanted(ticket, name, identity, holder)
    with workplace(as_json=as_json) as place, found_again_by(key):
        change = Change.of(place, "counter correct", given)
        if only_quote:
            _show_correction(corrections.quote(place.office, change.actor, wanted), as_json=as_json)
            return
        fix = partial(
            corrections.carry_out, place.office, change.actor, wanted, change.tender, key=key, reason=reason,
            printer=place.printer_kind,
        )  # fmt: skip
        done = change.carry_out(
            lambda approval: fix(approval_id=approval),
            lambda: corrections.wish_for(place.office, change.actor, wanted),
            reason or "correction of name or identity",
        )
        if isinstance(done, Approval):
            show_request(done, as_json=as_json)
            return
        show_issued(change, done, key, as_json=as_json)


def _show_correction(plan: corrections.Plan, *, as_json: bool) -> None:
    if as_json:
        print_json({"quote": True, **plan.as_json()})
        return
    what = plan.kind.value.replace("_", " ")
    say(f"{plan.ticket.number}: {what}, {plan.details.name}, to pay {grouped(plan.fee)}")
    if plan.outside:
        say(plan.why_outside())


def show_issued(change: Change, issued: Issued, key: UUID, *, as_json: bool) -> None:
    """Print a ticket that was issued anew, and say so."""
    ticket = issued.ticket
    state = change.printed([ticket.serial]).get(ticket.serial, ticket.print_state)
    done = replace(issued, ticket=replace(ticket, print_state=state))
    if as_json:
        print_json({**done.as_json(), "key": str(key)})
        return
    for note in done.notes:
        tell(f"Look again: {note}")
    say(f"{ticket.number}  issue {ticket.issue_no}  {ticket.passenger_name}  print {state}")
    if done.paid:
        say(f"  paid {grouped(done.paid)}  change {grouped(done.change)}")
