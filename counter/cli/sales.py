"""Commands of the counter: search, sell, show, reprint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import click
from uuid_utils.compat import uuid7

from core import contacts, idempotency, lookup, print_journal, shifts, tickets
from core import sale as sales
from core.booking import HoldRequest
from core.clock import local
from core.days import parse_birth_date, parse_day
from core.entitlements import KINDS, SENIOR
from core.errors import DatabaseBusy, DatabaseUnreachable, OutcomeUnknown, UsageError
from core.identity import PassengerType
from core.money import grouped
from core.passengers import PassengerInput
from core.payments import Tender
from core.payments.standing import Standing
from core.promotions import normalised
from core.sale import Sale
from core.search import departure, offers
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say, tell
from counter.cli.pay import show_standing
from counter.cli.paying import Order, payment_options, tender_of
from counter.cli.paying import sell as sell_order
from counter.cli.values import Number
from counter.printing import kick_drawer, print_job, print_queued
from counter.session import Workplace


def _day(place: Workplace, origin: str, text: str) -> date:
    """The day a word means at the boarding station, by the database's clock."""
    zone = place.office.network().station(origin).time_zone
    return parse_day(text, place.office.database.transaction(lambda tx: local(tx.now, zone).date()))


@click.command()
@click.argument("origin", metavar="FROM")
@click.argument("destination", metavar="TO")
@click.argument("day", metavar="[DATE]", default="today")
@click.option("--class", "class_code", metavar="CODE", help="Only this class: EKS, EKO, LUX …")
@click.option("--passengers", type=Number(1), default=1, show_default=True, help="Seats wanted.")
@click.option("--train", "train_number", metavar="NO", help="Only this train.")
@json_option
def search(
    origin: str, destination: str, day: str, class_code: str | None, passengers: int, train_number: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """What runs FROM one station TO another on a DATE (2026-11-25, 25, 25/11, +1, today, tomorrow)."""
    with workplace(as_json=as_json) as place:
        found = offers(
            place.office,
            origin,
            destination,
            _day(place, origin, day),
            class_code=class_code,
            party=passengers,
            train_number=place.office.network().train(train_number).number if train_number else None,
        )
        if as_json:
            print_json({"offers": [offer.as_json() for offer in found]})
        elif not found:
            say("No direct train is on sale.")
        else:
            head = ("Train", "", "Departs", "Arrives", "Class", "Free", "Fare")
            lines = [
                (
                    offer.journey.train.number,
                    offer.journey.train.name,
                    f"{offer.journey.departs_at:%a %d %b %H:%M}{_late(offer.journey.delay_minutes)}",
                    f"{offer.journey.arrives_at:%H:%M}",
                    f"{offer.travel_class.code} {offer.subclass}",
                    str(offer.available),
                    grouped(offer.fare),
                )
                for offer in found
            ]
            print_table([head, *lines], right=(5, 6))


def _late(minutes: int) -> str:
    return f" ({minutes} min late)" if minutes else ""


class _Passenger(click.ParamType[Any]):
    """``NAME;IDENTITY[;TYPE[;BIRTHDATE]]``; a type may also be the reduction that is asked for."""

    name = "passenger"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, PassengerInput):
            return value
        parts = [part.strip() for part in str(value).split(";")]
        if not 2 <= len(parts) <= 4:
            self.fail("A passenger is NAME;IDENTITY[;TYPE[;BIRTHDATE]].", param, ctx)
        name, identity, kind, birth = (*parts, "", "")[:4]
        reduction = kind.lower() if kind.lower() in KINDS and kind.lower() != SENIOR else None
        try:
            passenger_type = PassengerType("adult" if reduction else kind.lower() or "adult")
        except ValueError:
            known = ", ".join([*(one.value for one in PassengerType), *(one for one in KINDS if one != SENIOR)])
            self.fail(f"{kind[:20]!r} is no passenger type: {known}.", param, ctx)
        try:
            birth_date = parse_birth_date(birth, date.today()) if birth else None  # noqa: DTZ011 - only bounds the year
        except UsageError as error:
            self.fail(error.message, param, ctx)
        return PassengerInput(name, identity, passenger_type, birth_date, reduction)


@click.command()
@click.argument("origin", metavar="FROM")
@click.argument("destination", metavar="TO")
@click.argument("day", metavar="DATE")
@click.option("--train", "train_number", required=True, metavar="NO", help="The train's number.")
@click.option("--class", "class_code", required=True, metavar="CODE", help="The class: EKS, EKO, LUX …")
@click.option(
    "--passenger", "passengers", type=_Passenger(), multiple=True, required=True,
    metavar="NAME;IDENTITY[;TYPE[;BIRTHDATE]]", help="Once per passenger, in the order of the seats.",
)  # fmt: skip
@click.option("--seat", "seats", multiple=True, metavar="SEAT", help="A seat by its label, such as 'EKS 1/10C'.")
@click.option("--promo", "promotions", multiple=True, metavar="CODE", help="A promotion, once per code.")
@click.option("--phone", metavar="NUMBER", help="Where messages about it go; it is sealed.")
@click.option("--email", metavar="ADDRESS", help="The same by mail.")
@payment_options
@click.option("--key", type=click.UUID, help="Names this sale: asked again, it is the same sale.")
@json_option
def sell(
    origin: str, destination: str, day: str, train_number: str, class_code: str,
    passengers: tuple[PassengerInput, ...], seats: tuple[str, ...], promotions: tuple[str, ...], phone: str | None,
    email: str | None, key: UUID | None, amount: int | None, wait_seconds: float, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Sell seats on one train and print the tickets."""
    contacts.require_usable(phone, email)
    sale_key, tender = key or uuid7(), tender_of(given)
    asked = [origin, destination, day, train_number, class_code, seats, tender.method, tender.tendered]
    promotions = normalised(promotions)
    with workplace(as_json=as_json) as place, found_again_by(sale_key):
        actor = place.scripted_actor("counter sell")
        as_asked = idempotency.fingerprint(
            place.office.keys,
            [str(word).strip().casefold() for word in [*asked, tender.reference]]
            + [list(passengers), *([promotions] if promotions else []), *_further(tender, amount)],
        )
        sold: Sale | Standing | None = sales.earlier(place.office, sale_key, as_asked)
        if sold is None:
            trip = departure(place.office, origin, destination, _day(place, origin, day), train_number)
            infants = sum(1 for passenger in passengers if passenger.type is PassengerType.INFANT)
            request = HoldRequest(
                trip.schedule_id, class_code, trip.origin.code, trip.destination.code,
                len(passengers) - infants, infants, seats,
            )  # fmt: skip
            shifts.open_for_scripts(place.office, actor)
            sold = sell_order(
                Order(
                    place, actor, request, passengers, tender, amount, promotions, sale_key, as_asked, wait_seconds,
                    as_json,
                )
            )  # fmt: skip
            if tender.method == "cash":
                kick_drawer(place)
        if phone or email:
            contacts.leave(place.office, actor, sold.booking_number, phone=phone, email=email)
        if isinstance(sold, Standing):
            show_standing(sold, as_json=as_json, key=str(sale_key))
            return
        states = print_queued(place, actor, [ticket.serial for ticket in sold.tickets])
        printed = tuple(
            replace(ticket, print_state=states.get(ticket.serial, ticket.print_state)) for ticket in sold.tickets
        )
        _show_sale(replace(sold, tickets=printed), sale_key, as_json=as_json)


def _further(tender: Tender, amount: int | None) -> list[str]:
    """What tells one payment from another besides method, sum and reference; nothing where nothing was said."""
    given = {"amount": amount, "card": tender.card_last_four, "edc": tender.edc_terminal, "batch": tender.edc_batch}
    return [f"{name} {value}" for name, value in given.items() if value is not None]


@contextmanager
def found_again_by(key: UUID) -> Iterator[None]:
    """Whatever cuts a sale short, the error says how to find what was saved of it."""
    hint = f"Ask again with --key {key}: if it was saved, that finds it."
    try:
        yield
    except (DatabaseBusy, DatabaseUnreachable, OutcomeUnknown) as error:
        error.hint = hint
        error.details["key"] = str(key)
        raise
    except (KeyboardInterrupt, OSError) as error:
        error.add_note(hint)
        raise


def _show_sale(sold: Sale, key: UUID, *, as_json: bool) -> None:
    for finding in sold.findings:
        tell(f"Look again: {finding}")
    if as_json:
        print_json({**sold.as_json(), "key": str(key)})
        return
    say(f"{sold.booking_number}  paid {grouped(sold.paid)}  change {grouped(sold.change)}")
    for ticket in sold.tickets:
        seat = ticket.seat.label if ticket.seat else "no seat"
        say(f"  {ticket.number}  {ticket.passenger_name}  {seat}  print {ticket.print_state}")


@click.command()
@click.argument("booking_number", metavar="BOOKING")
@json_option
def show(booking_number: str, as_json: bool) -> None:
    """A BOOKING with its passengers, payments, refunds and tickets."""
    with workplace(as_json=as_json) as place:
        found = lookup.booking(place.office, place.scripted_actor("counter show"), booking_number).as_json()
    if as_json:
        print_json(found)
        return
    say(f"{found['booking_number']}  {found['status']}  {grouped(found['final_amount'])}")
    for one in found["passengers"]:
        say(f"  {one['name']}  {one['type']}  {one['identity'] or ''}")
    for one in found["payments"]:
        say(f"  paid {grouped(one['amount'])} by {one['method']}, {one['status']}  {one['reference']}")
    for one in found["refunds"]:
        say(f"  back {grouped(one['amount'])} by {one['method']}, {one['status']}  {one['reference']}")
    for one in found["modifications"]:
        kept = f", fee {grouped(one['fee_charged'])}" if one["fee_charged"] else ""
        say(f"  {one['type']} {one['opened_at'][:10]}: {one['reason']}{kept}")
    for one in found["tickets"]:
        seat = f"{one['coach']}/{one['seat']}" if one["seat"] else "no seat"
        say(f"  {one['ticket_number']}  {one['origin']} → {one['destination']}  {one['train_number']}  {seat}"
            f"  {one['status']}  print {one['print']}")  # fmt: skip


@click.command()
@click.argument("ticket_number", metavar="TICKET")
@click.option("--reason", required=True, help="Why it is printed again; it goes on record.")
@json_option
def reprint(ticket_number: str, reason: str, as_json: bool) -> None:
    """Print a marked copy of a TICKET. The copy carries the same code and is counted."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter reprint")
        job_id, copy = tickets.order_copy(place.office, actor, ticket_number, reason, place.printer_kind)
        job = print_journal.find(place.office, job_id)
        assert job is not None, "it was queued a moment ago"
        state = print_job(place, actor, job)
    if as_json:
        print_json({"ticket_number": ticket_number.strip(), "copy": copy, "print": state})
    else:
        say(f"Copy {copy} of {ticket_number.strip()}: print {state}.")
