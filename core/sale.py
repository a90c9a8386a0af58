"""Finishing a sale: passengers, payment and tickets in one transaction with audit, event and print jobs.

``confirm`` turns a held booking into a paid one with tickets. ``sell`` is the whole sale from nothing, for scripts: a
hold and its confirmation under one key. Either the whole of a confirmation is kept or nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update
from uuid_utils.compat import uuid7

from core import bill as bills
from core import booking as bookings
from core import checkout, holds, idempotency, pending, print_journal, promotions, shifts, tickets
from core import party as parties
from core.booking import HoldRequest
from core.checkout import Checkout
from core.database import Actor, Statement, Transaction, on_violation
from core.errors import Refused, StateConflict, UsageError
from core.idempotency import Request
from core.identity import mask
from core.models import Booking, Payment, Ticket
from core.models.sales import TICKET_SERIAL
from core.money import grouped
from core.office import Office
from core.party import Traveller
from core.passengers import PassengerInput
from core.payments import Settlement, Tender, settle
from core.pending import Hold
from core.permissions import require
from core.tickets import TicketRecord

on_violation(
    "uq_tickets_one_per_identity",
    lambda: Refused(
        "One of the passengers already has a ticket for this train.",
        code="one_ticket_per_identity",
        hint="On subsidised trains an identity travels once per departure.",
    ),
)


@dataclass(frozen=True)
class Sale:
    """A finished sale. Amounts are minor units; ``findings`` are worth a second look at the card."""

    booking_id: UUID
    booking_number: str
    status: str
    total_amount: int
    discount_amount: int
    final_amount: int
    paid: int
    change: int
    tickets: tuple[TicketRecord, ...]
    findings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The sale as ``counter sell`` prints it."""
        return {
            "booking_number": self.booking_number,
            "status": self.status,
            "total_amount": self.total_amount,
            "discount_amount": self.discount_amount,
            "final_amount": self.final_amount,
            "paid": self.paid,
            "change": self.change,
            "tickets": [ticket.as_json() for ticket in self.tickets],
            "warnings": list(self.findings),
        }


@dataclass(frozen=True)
class _Issued:
    """A traveller with the ticket the sale gives him."""

    traveller: Traveller
    serial: int
    code: str


def _insert(table: Any, *columns: str) -> Statement:
    return Statement(insert(table).values({name: bindparam(name) for name in ("operator_id", *columns)}))


_SERIALS: Final = Statement(
    select(TICKET_SERIAL.next_value()).select_from(func.generate_series(1, bindparam("wanted")).alias("wanted"))
)
_INSERT_TICKET: Final = _insert(
    Ticket,
    *("id", "booking_id", "passenger_id", "qr_code", "schedule_id", "service_date", "class_id", "seat_id"),
    *("from_stop", "to_stop", "legs", "subclass", "fare", "exclusive_identity", "entitlement_id"),
)
_INSERT_PAYMENT: Final = _insert(
    Payment,
    *("id", "booking_id", "payment_reference", "payment_method", "payment_status", "amount", "tendered"),
    *("change_given", "external_reference", "taken_by", "terminal_id", "payment_date", "shift_id"),
)
_CONFIRM: Final = Statement(
    update(Booking)
    .where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
    .values(
        status="confirmed",
        total_amount=bindparam("total"),
        discount_amount=bindparam("discount"),
        final_amount=bindparam("due"),
        priced_at=func.now(),
        expires_at=None,
        updated_at=func.now(),
    )
)
_SALE: Final = Statement(
    select(Booking).where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
)
_PAID: Final = Statement(
    select(
        func.coalesce(func.sum(Payment.amount), 0).label("paid"),
        func.coalesce(func.sum(Payment.change_given), 0).label("change"),
    ).where(
        Payment.operator_id == bindparam("operator_id"),
        Payment.booking_id == bindparam("booking_id"),
        Payment.payment_status == "completed",
    )
)


def confirm(
    office: Office,
    actor: Actor,
    booking_id: UUID,
    passengers: Sequence[PassengerInput] | None,
    tender: Tender | None,
    *,
    key: UUID,
    promotions: Sequence[str] = (),
    printer: str = "none",
    fingerprint: bytes | None = None,
) -> Sale:
    """Take the money and issue the tickets of a held booking; the same key again returns the first result.

    Args:
        passengers: in order; everyone but infants gets the next of the held seats. None: as they were named before.
        tender: pays what is left to pay. None: all of it was paid in parts.
        promotions: codes; of a booking that is being paid in parts they stand already.
        printer: the kind of printer the tickets are queued for; ``none`` queues nothing.

    Raises:
        HoldExpired: the seats are gone; nothing was taken.
        StateConflict: it was confirmed or given up under another key.
        NoOpenShift: this clerk has no open shift at this drawer.
        Refused: passengers, promotions or tender do not fit; see ``checkout.work_out`` and the payment's method.
    """
    require(actor, "sell")
    network = office.network()
    asked = Request(key, "sale", fingerprint or _fingerprint(office, booking_id, passengers, tender, tuple(promotions)))

    def sell_held(tx: Transaction) -> UUID | Sale:
        claim = idempotency.claim(tx, asked, booking_id, step="confirm")
        wanted = checkout.ask(tx, booking_id, promotions)
        here = shifts.ask(tx)
        serials = tx.send(_SERIALS, wanted=len(passengers or ()))
        first = claim.first()
        if first is not None:
            return UUID(first.require_same())
        done = checkout.work_out(tx, office, wanted.held(network), wanted, passengers)
        shift = here.read()
        settlement = _settle(done.owed, tender)
        if len(passengers or ()) != len(done.party):
            serials = tx.send(_SERIALS, wanted=len(done.party))
        issued = _issue(office, done.held, done.party, serials.scalars())
        _write(tx, office, done, issued, settlement, printer, shift.id)
        return _result(tx, done, settlement, issued, "queued" if printer != "none" else "off")

    done = office.database.transaction(sell_held, actor=actor)
    return find(office, done) if isinstance(done, UUID) else done


def _fingerprint(office: Office, *arguments: Any) -> bytes:
    """What tells one sale from another; what is empty is left out, as it was before there was such an argument."""
    return idempotency.fingerprint(office.keys, [one for one in arguments if one != ()])


def sell(
    office: Office,
    actor: Actor,
    request: HoldRequest,
    passengers: Sequence[PassengerInput],
    tender: Tender,
    *,
    key: UUID,
    promotions: Sequence[str] = (),
    printer: str = "none",
    fingerprint: bytes | None = None,
) -> Sale:
    """A whole sale under one key; asked again with the same key, the first result.

    Args:
        fingerprint: tells a repetition from another sale under the same key; by default made of the arguments.

    Raises:
        KeyReused: the key belongs to a sale with other arguments.
        Refused: as ``booking.hold`` and ``confirm``; the seats are then given back at once.
    """
    whole = fingerprint or _fingerprint(office, request, passengers, tender, tuple(promotions))
    try:
        held = bookings.hold(office, actor, request, key=key, fingerprint=whole)
    except bookings.AlreadySold:
        done = earlier(office, key, whole)
        assert done is not None, "a sold booking was confirmed under its key"
        return done
    try:
        return confirm(
            office,
            actor,
            held.booking_id,
            passengers,
            tender,
            key=key,
            promotions=promotions,
            printer=printer,
            fingerprint=whole,
        )
    except (Refused, UsageError):
        pending.give_up_quietly(office, actor, held.booking_id)
        raise


def earlier(office: Office, key: UUID, fingerprint: bytes) -> Sale | None:
    """The sale that was finished under this key, if one was.

    Raises:
        KeyReused: it was another sale.
    """
    asked = Request(key, "sale", fingerprint)
    done = office.database.transaction(lambda tx: idempotency.earlier(tx, asked, step="confirm"))
    return None if done is None else find(office, UUID(done.require_same()))


def find(office: Office, booking_id: UUID) -> Sale:
    """A confirmed sale as it stands now, read from the database."""
    network = office.network()

    def read(tx: Transaction) -> Sale:
        row = tx.send(_SALE, booking_id=booking_id).first()
        money = tx.send(_PAID, booking_id=booking_id).first()
        assert row is not None
        assert money is not None
        return Sale(
            booking_id=row.id,
            booking_number=row.booking_number,
            status=row.status,
            total_amount=row.total_amount,
            discount_amount=row.discount_amount,
            final_amount=row.final_amount,
            paid=int(money.paid),
            change=int(money.change),
            tickets=tuple(tickets.of_booking(tx, network, booking_id)),
        )

    return office.database.transaction(read)


def _settle(owed: int, tender: Tender | None) -> Settlement | None:
    if tender is None:
        if owed:
            raise StateConflict(
                f"{grouped(owed)} is still to be paid.",
                code="not_paid",
                hint="Take the rest first.",
                details={"due": owed},
            )
        return None
    return settle(owed, tender)


def _issue(office: Office, held: Hold, party: Sequence[Traveller], serials: Sequence[int]) -> list[_Issued]:
    trip, travel_class = held.journey, held.travel_class
    return [
        _Issued(one, serial, tickets.code_for(office, trip, travel_class, one.seat, serial=serial))
        for one, serial in zip(party, serials, strict=True)
    ]


def _write(
    tx: Transaction,
    office: Office,
    done: Checkout,
    issued: Sequence[_Issued],
    settlement: Settlement | None,
    printer: str,
    shift_id: UUID,
) -> None:
    held, bill = done.held, done.bill
    booking = {"booking_id": held.booking_id}
    holds.drop(tx, held.booking_id)
    if not held.is_priced:
        parties.store(tx, office, held, done.party)
        bills.write(tx, held.booking_id, bill)
    tx.send_each(_INSERT_TICKET, [booking | _ticket_row(held, one) for one in issued])
    if settlement is not None:
        tx.send(_INSERT_PAYMENT, **booking, **_payment_row(tx, done, settlement, shift_id))
    if printer != "none":
        print_journal.queue(tx, [print_journal.job_row(tx, uuid7(), one.serial, 1, printer) for one in issued])
    sold = {"booking_number": held.booking_number, "amount": bill.due, "tickets": [one.serial for one in issued]}
    tx.event("booking.confirmed", "bookings", held.booking_id, sold)
    after = {**sold, "status": "confirmed", "method": settlement.method if settlement else "parts"}
    tx.audit("update", "bookings", held.booking_id, old={"status": "pending"}, new=after)
    # A promotion's row stays locked from here to the commit, and everybody wants the same one: as late as possible.
    promotions.write(tx, held.booking_id, done.uses)
    # Last: the database confirms only what is charged and paid, and takes no money row afterwards.
    tx.send(_CONFIRM, **booking, total=bill.total, discount=bill.discount, due=bill.due)


def _ticket_row(held: Hold, one: _Issued) -> dict[str, Any]:
    trip, who = held.journey, one.traveller
    return {
        "id": one.serial,
        "passenger_id": who.id,
        "qr_code": one.code,
        "schedule_id": trip.schedule_id,
        "service_date": trip.service_date,
        "class_id": held.travel_class.id,
        "seat_id": who.seat.id if who.seat else None,
        "from_stop": trip.board.order,
        "to_stop": trip.leave.order,
        "legs": trip.legs,
        "subclass": held.subclass,
        "fare": who.fare,
        "exclusive_identity": who.digest if who.exclusive else None,
        "entitlement_id": who.reduction.entitlement_id if who.reduction else None,
    }


def _payment_row(tx: Transaction, done: Checkout, settlement: Settlement, shift_id: UUID) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "payment_reference": f"{done.held.booking_number}-{done.parts + 1}",
        "external_reference": settlement.reference,
        "payment_method": settlement.method,
        "payment_status": "completed",
        "amount": settlement.amount,
        "tendered": settlement.tendered,
        "change_given": settlement.change,
        "taken_by": tx.actor.user_id,
        "terminal_id": tx.actor.terminal_id,
        "payment_date": tx.now,
        "shift_id": shift_id,
    }


def _result(
    tx: Transaction, done: Checkout, settlement: Settlement | None, issued: Sequence[_Issued], print_state: str
) -> Sale:
    held, bill = done.held, done.bill
    return Sale(
        booking_id=held.booking_id,
        booking_number=held.booking_number,
        status="confirmed",
        total_amount=bill.total,
        discount_amount=bill.discount,
        final_amount=bill.due,
        paid=done.paid + (settlement.amount if settlement else 0),
        change=done.change + ((settlement.change or 0) if settlement else 0),
        tickets=tuple(_record(tx, held, one, print_state) for one in issued),
        findings=tuple(finding.message for one in issued for finding in one.traveller.details.findings),
    )


def _record(tx: Transaction, held: Hold, one: _Issued, print_state: str) -> TicketRecord:
    details = one.traveller.details
    return TicketRecord(
        serial=one.serial,
        number=f"{one.serial:012d}",
        status="active",
        code=one.code,
        booking_id=held.booking_id,
        booking_number=held.booking_number,
        booking_status="confirmed",
        passenger_name=details.name,
        passenger_type=details.type.value,
        identity=mask(details.identity.number) if details.identity else "",
        journey=held.journey,
        travel_class=held.travel_class,
        seat=one.traveller.seat,
        subclass=held.subclass,
        fare=one.traveller.fare,
        issue_no=1,
        copies=0,
        issued_at=tx.now,
        sold_by=tx.actor.full_name,
        check_in_time=None,
        print_state=print_state,
    )
