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

from core import booking as bookings
from core import holds, idempotency, policy, print_journal, tickets, timetable
from core.booking import Hold, HoldRequest
from core.clock import local
from core.database import Actor, Statement, Transaction, on_violation
from core.errors import Refused
from core.idempotency import Request
from core.identity import PassengerType, mask
from core.models import Booking, BookingCharge, Passenger, Payment, Ticket
from core.models.sales import TICKET_SERIAL
from core.network import SeatInfo
from core.office import Office
from core.passengers import PartyLimits, PassengerDetails, PassengerInput, check_party
from core.payments import METHODS, Settlement, Tender
from core.permissions import require
from core.policy import INFANT_AGE, INFANTS_PER_ADULT, ONE_TICKET_PER_IDENTITY, SENIOR_AGE
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
class _Seated:
    """A passenger with what the sale gives him."""

    id: UUID
    details: PassengerDetails
    seat: SeatInfo | None
    fare: int
    serial: int
    code: str
    digest: bytes | None


def _insert(table: Any, *columns: str) -> Statement:
    return Statement(insert(table).values({name: bindparam(name) for name in ("operator_id", *columns)}))


_SERIALS: Final = Statement(
    select(TICKET_SERIAL.next_value()).select_from(func.generate_series(1, bindparam("wanted")).alias("wanted"))
)
_INSERT_PASSENGER: Final = _insert(
    Passenger,
    *("id", "booking_id", "position", "passenger_name", "passenger_dob", "passenger_type", "identity_kind"),
    *("identity_number", "identity_digest", "identity_last_four", "gender", "seat_id", "ticket_price"),
)
_INSERT_TICKET: Final = _insert(
    Ticket,
    *("id", "booking_id", "passenger_id", "qr_code", "schedule_id", "service_date", "class_id", "seat_id"),
    *("from_stop", "to_stop", "legs", "subclass", "fare", "exclusive_identity"),
)
_INSERT_CHARGE: Final = _insert(BookingCharge, "id", "booking_id", "passenger_id", "charge_kind", "amount", "cause")
_INSERT_PAYMENT: Final = _insert(
    Payment,
    *("id", "booking_id", "payment_reference", "payment_method", "payment_status", "amount", "tendered"),
    *("change_given", "taken_by", "terminal_id", "payment_date"),
)
_CONFIRM: Final = Statement(
    update(Booking)
    .where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
    .values(status="confirmed", expires_at=None, updated_at=func.now())
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
    passengers: Sequence[PassengerInput],
    tender: Tender,
    *,
    key: UUID,
    printer: str = "none",
    fingerprint: bytes | None = None,
) -> Sale:
    """Take the money and issue the tickets of a held booking; the same key again returns the first result.

    Args:
        passengers: in order; everyone but infants gets the next of the held seats.
        printer: the kind of printer the tickets are queued for; ``none`` queues nothing.

    Raises:
        HoldExpired: the seats are gone; nothing was taken.
        StateConflict: it was confirmed or given up under another key.
        Refused: passengers or tender do not fit; see ``passengers.check_party`` and the payment's method.
    """
    require(actor, "sell")
    network = office.network()
    asked = Request(
        key,
        "sale",
        fingerprint
        or idempotency.fingerprint(office.keys, [booking_id, [repr(one) for one in passengers], repr(tender)]),
    )

    def sell_held(tx: Transaction) -> UUID | Sale:
        claim = idempotency.claim(tx, asked, booking_id, step="confirm")
        asked_policies = policy.ask(tx)
        serials = tx.send(_SERIALS, wanted=len(passengers))
        first = claim.first()
        if first is not None:
            return UUID(first.require_same())
        held = bookings.load(tx, network, bookings.lock_pending(tx, booking_id))
        policies = asked_policies.read()
        timetable.require_on_sale(held.journey, policies, tx.now)
        party = _check(held, policies, passengers, tx)
        settlement = _settle(held.total, tender)
        seated = _seat(office, held, policies, party, serials.scalars())
        _write(tx, office, held, seated, settlement, printer)
        return _result(tx, held, settlement, seated, "queued" if printer != "none" else "off")

    done = office.database.transaction(sell_held, actor=actor)
    return find(office, done) if isinstance(done, UUID) else done


def sell(
    office: Office,
    actor: Actor,
    request: HoldRequest,
    passengers: Sequence[PassengerInput],
    tender: Tender,
    *,
    key: UUID,
    printer: str = "none",
) -> Sale:
    """A whole sale under one key; asked again with the same key, the first result.

    Raises:
        KeyReused: the key belongs to a sale with other arguments.
        Refused: as ``booking.hold`` and ``confirm``; the seats are then given back at once.
    """
    whole = idempotency.fingerprint(office.keys, [repr(request), [repr(one) for one in passengers], repr(tender)])
    try:
        held = bookings.hold(office, actor, request, key=key, fingerprint=whole)
    except bookings.AlreadySold:
        asked = Request(key, "sale", whole)
        done = office.database.transaction(lambda tx: idempotency.earlier(tx, asked, step="confirm"))
        assert done is not None, "a sold booking was confirmed under its key"
        return find(office, UUID(done.require_same()))
    try:
        return confirm(office, actor, held.booking_id, passengers, tender, key=key, printer=printer, fingerprint=whole)
    except Refused:
        bookings.give_up_quietly(office, actor, held.booking_id)
        raise


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


def _check(
    held: Hold, policies: policy.Policies, passengers: Sequence[PassengerInput], tx: Transaction
) -> list[PassengerDetails]:
    place = {"station_id": held.journey.origin.id, "train_id": held.journey.train.id}
    limits = PartyLimits(
        policies.get(INFANT_AGE, **place), policies.get(INFANTS_PER_ADULT, **place), policies.get(SENIOR_AGE, **place)
    )
    today = local(tx.now, held.journey.origin.time_zone).date()
    party = check_party(passengers, held.journey.day, today, limits)
    infants = sum(1 for one in party if one.type is PassengerType.INFANT)
    if len(party) - infants != len(held.seats) or infants != held.infants:
        raise Refused(
            f"{len(held.seats)} seats and {held.infants} infants are held, "
            f"{len(party) - infants} and {infants} passengers were named.",
            code="passengers_do_not_fit_hold",
            hint="Name as many passengers as are held.",
        )
    return party


def _settle(amount: int, tender: Tender) -> Settlement:
    method = METHODS.get(tender.method)
    if method is None:
        raise Refused(
            f"{tender.method[:20]!r} is not taken at this counter.",
            code="method_not_taken",
            hint=f"Taken are: {', '.join(METHODS)}.",
        )
    return method.settle(amount, tender)


def _seat(
    office: Office, held: Hold, policies: policy.Policies, party: Sequence[PassengerDetails], serials: Sequence[int]
) -> list[_Seated]:
    trip = held.journey
    exclusive = trip.train.is_subsidised and policies.get(
        ONE_TICKET_PER_IDENTITY, station_id=trip.origin.id, train_id=trip.train.id
    )
    free = iter(held.seats)
    seated = []
    for details, serial in zip(party, serials, strict=True):
        seat = None if details.type is PassengerType.INFANT else next(free)
        digest = office.keys.digest(details.identity.number) if exclusive and details.identity else None
        code = tickets.code_for(office, trip, held.travel_class, seat, serial=serial)
        seated.append(_Seated(uuid7(), details, seat, held.seat_fare if seat else 0, serial, code, digest))
    return seated


def _write(
    tx: Transaction, office: Office, held: Hold, seated: Sequence[_Seated], settlement: Settlement, printer: str
) -> None:
    actor, trip, booking = tx.actor, held.journey, {"booking_id": held.booking_id}
    tx.send(_CONFIRM, **booking)
    holds.drop(tx, held.booking_id)
    tx.send_each(
        _INSERT_PASSENGER, [booking | _passenger_row(office, place, one) for place, one in enumerate(seated, 1)]
    )
    tx.send_each(
        _INSERT_TICKET,
        [
            booking
            | {
                "id": one.serial,
                "passenger_id": one.id,
                "qr_code": one.code,
                "schedule_id": trip.schedule_id,
                "service_date": trip.service_date,
                "class_id": held.travel_class.id,
                "seat_id": one.seat.id if one.seat else None,
                "from_stop": trip.board.order,
                "to_stop": trip.leave.order,
                "legs": trip.legs,
                "subclass": held.subclass,
                "fare": one.fare,
                "exclusive_identity": one.digest,
            }
            for one in seated
        ],
    )
    charges: list[tuple[UUID | None, str, int, str]] = [
        (one.id, "fare", one.fare, "sale") for one in seated if one.seat
    ]
    if held.booking_fee:
        charges.append((None, "fee", held.booking_fee, "booking_fee"))
    tx.send_each(
        _INSERT_CHARGE,
        [
            booking | {"id": uuid7(), "passenger_id": whose, "charge_kind": kind, "amount": amount, "cause": cause}
            for whose, kind, amount, cause in charges
        ],
    )
    tx.send(
        _INSERT_PAYMENT,
        id=uuid7(),
        payment_reference=settlement.reference or f"{held.booking_number}-1",
        payment_method=settlement.method,
        payment_status=settlement.status,
        amount=settlement.amount,
        tendered=settlement.tendered,
        change_given=settlement.change,
        taken_by=actor.user_id,
        terminal_id=actor.terminal_id,
        payment_date=tx.now,
        **booking,
    )
    if printer != "none":
        print_journal.queue(tx, [print_journal.job_row(tx, uuid7(), one.serial, 1, printer) for one in seated])
    sold = {"booking_number": held.booking_number, "amount": held.total, "tickets": [one.serial for one in seated]}
    tx.event("booking.confirmed", "bookings", held.booking_id, sold)
    tx.audit(
        "update", "bookings", held.booking_id, old={"status": "pending"},
        new={**sold, "status": "confirmed", "method": settlement.method},
    )  # fmt: skip


def _passenger_row(office: Office, position: int, one: _Seated) -> dict[str, Any]:
    details, identity = one.details, one.details.identity
    return {
        "id": one.id,
        "position": position,
        "passenger_name": details.name,
        "passenger_dob": details.birth_date,
        "passenger_type": details.type.value,
        "identity_kind": identity.kind if identity else None,
        "identity_number": office.keys.encrypt(identity.number, "passengers.identity_number") if identity else None,
        "identity_digest": office.keys.digest(identity.number) if identity else None,
        "identity_last_four": identity.number[-4:] if identity else None,
        "gender": details.gender,
        "seat_id": one.seat.id if one.seat else None,
        "ticket_price": one.fare,
    }


def _result(tx: Transaction, held: Hold, settlement: Settlement, seated: Sequence[_Seated], print_state: str) -> Sale:
    issued = tuple(
        TicketRecord(
            serial=one.serial,
            number=f"{one.serial:012d}",
            status="active",
            code=one.code,
            booking_id=held.booking_id,
            booking_number=held.booking_number,
            booking_status="confirmed",
            passenger_name=one.details.name,
            passenger_type=one.details.type.value,
            identity=mask(one.details.identity.number) if one.details.identity else "",
            journey=held.journey,
            travel_class=held.travel_class,
            seat=one.seat,
            subclass=held.subclass,
            fare=one.fare,
            issue_no=1,
            copies=0,
            issued_at=tx.now,
            sold_by=tx.actor.full_name,
            check_in_time=None,
            print_state=print_state,
        )
        for one in seated
    )
    return Sale(
        booking_id=held.booking_id,
        booking_number=held.booking_number,
        status="confirmed",
        total_amount=held.total,
        discount_amount=0,
        final_amount=held.total,
        paid=settlement.amount,
        change=settlement.change or 0,
        tickets=issued,
        findings=tuple(finding.message for one in seated for finding in one.details.findings),
    )
