"""A sold booking, whole: what everything that happens after the sale starts from.

``look`` reads it as it stands, ``lock`` keeps everybody else from changing it: first the booking's row, then its
tickets by their serial numbers; a gate that is looking at one of them is waited for. Whoever wants to change a booking
names a passenger's identity besides its number (``require_identity``): a number alone is soon overheard.

What belongs here: loading, locking, recognizing. Changing it is ``core.modifications``; the rules are elsewhere.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BindParameter, bindparam, select

from core import pending, policy, timetable
from core.database import Actor, Rows, Statement, Transaction
from core.errors import NotFound, Refused, StateConflict
from core.identity import mask, parse_identity
from core.inventory import Stretch
from core.models import Booking, BookingCharge, Passenger, Payment, Refund, Schedule, Ticket
from core.network import ClassInfo, Network, SeatInfo
from core.office import Office
from core.policy import PendingPolicies, Policies
from core.states import LIVE_TICKET
from core.timetable import Journey
from core.worth import LedgerLine, worth

_OF_BOOKING: Final[BindParameter[UUID]] = bindparam("booking_id")


def _mine(table: Any) -> Any:
    return (table.operator_id == bindparam("operator_id")) & (table.booking_id == _OF_BOOKING)


_BY_NUMBER: Final = Statement(
    select(Booking.id).where(
        Booking.operator_id == bindparam("operator_id"), Booking.booking_number == bindparam("booking_number")
    )
)
_BOOKING: Final = Statement(
    select(Booking).where(Booking.operator_id == bindparam("operator_id"), Booking.id == _OF_BOOKING)
)
_TICKETS: Final = (
    select(
        *(Ticket.id.label("serial"), Ticket.ticket_number, Ticket.ticket_status, Ticket.passenger_id),
        *(Ticket.class_id, Ticket.seat_id, Ticket.from_stop, Ticket.to_stop, Ticket.subclass, Ticket.fare),
        *(Ticket.issue_no, Ticket.exclusive_identity, Ticket.entitlement_id, Ticket.closed_reason, *timetable.COLUMNS),
    )
    .join(Schedule, (Schedule.operator_id == Ticket.operator_id) & (Schedule.id == Ticket.schedule_id))
    .where(_mine(Ticket))
    .order_by(Ticket.id)
)
_LOOK_AT_TICKETS: Final = Statement(_TICKETS)
_LOCK_TICKETS: Final = Statement(_TICKETS.with_for_update(of=Ticket))
_PASSENGERS: Final = Statement(select(Passenger).where(_mine(Passenger)).order_by(Passenger.position))
_PAYMENTS: Final = Statement(select(Payment).where(_mine(Payment)).order_by(Payment.id))
_REFUNDS: Final = Statement(
    select(Refund)
    .join(Payment, (Payment.operator_id == Refund.operator_id) & (Payment.id == Refund.payment_id))
    .where(Refund.operator_id == bindparam("operator_id"), Payment.booking_id == _OF_BOOKING)
    .order_by(Refund.id)
)
_LINES: Final = Statement(select(BookingCharge).where(_mine(BookingCharge)).order_by(BookingCharge.id))


@dataclass(frozen=True)
class SoldTicket:
    """A ticket as it stands. ``fare`` is after the reduction and before promotions, minor units."""

    serial: int
    number: str
    status: str
    passenger_id: UUID
    journey: Journey
    travel_class: ClassInfo
    seat: SeatInfo | None
    subclass: str
    fare: int
    issue_no: int
    exclusive_identity: bytes | None
    entitlement_id: UUID | None
    closed_reason: str | None

    @property
    def is_live(self) -> bool:
        """Whether it holds its seat."""
        return self.status in LIVE_TICKET

    @property
    def stretch(self) -> Stretch:
        """The bits of ``seat_inventory`` it holds while it is live."""
        trip = self.journey
        return Stretch(trip.service_date, trip.schedule_id, self.travel_class.id, trip.legs)

    @property
    def place(self) -> dict[str, int]:
        """Where its policies are asked for: the boarding station and the train."""
        return {"station_id": self.journey.origin.id, "train_id": self.journey.train.id}


@dataclass(frozen=True, slots=True)
class SoldPassenger:
    """Somebody who travels, or travelled. ``identity`` is masked; ``digest`` recognizes it."""

    id: UUID
    position: int
    name: str
    type: str
    identity: str
    digest: bytes | None
    entitlement_id: UUID | None
    row: Any


@dataclass(frozen=True, slots=True)
class SoldPayment:
    """A payment and what of it is given back or going to be, minor units.

    ``decided`` counts every refund whatever became of it, ``returned`` the ones that are paid out.
    """

    id: UUID
    reference: str
    method: str
    status: str
    amount: int
    paid_at: datetime | None
    decided: int
    returned: int
    refunds: int  #: how many rows
    row: Any

    @property
    def remaining(self) -> int:
        """What of it nobody has decided to give back."""
        return self.amount - self.decided if self.status in ("completed", "refunded") else 0


@dataclass(frozen=True)
class SoldBooking:
    """A booking with everything that belongs to it. Amounts are minor units; ``now`` is the database's."""

    id: UUID
    number: str
    status: str
    user_id: UUID | None
    final_amount: int
    tickets: tuple[SoldTicket, ...]
    passengers: tuple[SoldPassenger, ...]
    payments: tuple[SoldPayment, ...]
    refunds: tuple[Any, ...]
    lines: tuple[LedgerLine, ...]
    policies: Policies
    now: datetime
    row: Any

    @property
    def live(self) -> tuple[SoldTicket, ...]:
        """The tickets that hold a seat."""
        return tuple(one for one in self.tickets if one.is_live)

    @cached_property
    def worth(self) -> Mapping[UUID, int]:
        """Passenger → what was paid for his journey; see ``core.worth``."""
        return worth(self.lines, [one.id for one in self.passengers])

    def passenger(self, passenger_id: UUID) -> SoldPassenger:
        return next(one for one in self.passengers if one.id == passenger_id)

    def ticket(self, number: str) -> SoldTicket:
        """
        Raises:
            NotFound: this booking has no such ticket (code ``unknown_ticket``).
        """
        found = next((one for one in self.tickets if one.number == number.strip().zfill(12)), None)
        if found is None:
            raise NotFound(
                f"Booking {self.number} has no ticket {number.strip()[:20]!r}.",
                code="unknown_ticket",
                hint="It has twelve digits.",
            )
        return found


class _Asked:
    """Everything about a booking that was asked for in a pipeline and not yet read."""

    __slots__ = ("_booking", "_policies", "_rows", "_tx")

    def __init__(self, tx: Transaction, booking_id: UUID, *, locked: bool) -> None:
        self._tx = tx
        self._booking = tx.send(pending.LOCK if locked else _BOOKING, booking_id=booking_id)
        self._rows: dict[str, Rows] = {
            name: tx.send(statement, booking_id=booking_id)
            for name, statement in (
                ("tickets", _LOCK_TICKETS if locked else _LOOK_AT_TICKETS),
                ("passengers", _PASSENGERS),
                ("payments", _PAYMENTS),
                ("refunds", _REFUNDS),
                ("lines", _LINES),
            )
        }
        self._policies: PendingPolicies = policy.ask(tx)

    def read(self, network: Network) -> SoldBooking:
        row = self._booking.first()
        if row is None:
            raise NotFound("There is no such booking.", code="unknown_booking", hint="Look it up by its number.")
        require_sold(row)
        tickets = [_ticket(self._tx, network, one) for one in self._rows["tickets"].all()]
        refunds = tuple(self._rows["refunds"].all())
        return SoldBooking(
            id=row.id,
            number=row.booking_number,
            status=row.status,
            user_id=row.user_id,
            final_amount=row.final_amount,
            tickets=tuple(tickets),
            passengers=tuple(_passenger(one) for one in self._rows["passengers"].all()),
            payments=tuple(_payment(one, refunds) for one in self._rows["payments"].all()),
            refunds=refunds,
            lines=tuple(
                LedgerLine(one.charge_kind, one.amount, one.cause, one.passenger_id, one.modification_id)
                for one in self._rows["lines"].all()
            ),
            policies=self._policies.read(),
            now=self._tx.now,
            row=row,
        )


def require_sold(booking: Any) -> None:
    """
    Raises:
        StateConflict: it was never paid (code ``not_sold``).
    """
    if booking.status in ("pending", "expired"):
        raise StateConflict(
            f"Booking {booking.booking_number} is {booking.status}: nothing was sold.",
            code="not_sold",
            hint="An unpaid booking is given up: counter pay cancel.",
        )


def _ticket(tx: Transaction, network: Network, row: Any) -> SoldTicket:
    stops = {stop.order: stop for stop in network.routes[row.route_id].stops}
    return SoldTicket(
        serial=row.serial,
        number=row.ticket_number,
        status=row.ticket_status,
        passenger_id=row.passenger_id,
        journey=timetable.journey(network, row, stops[row.from_stop], stops[row.to_stop]),
        travel_class=network.classes[row.class_id],
        seat=None if row.seat_id is None else network.seats(tx, row.class_id)[row.seat_id],
        subclass=row.subclass,
        fare=row.fare,
        issue_no=row.issue_no,
        exclusive_identity=bytes(row.exclusive_identity) if row.exclusive_identity else None,
        entitlement_id=row.entitlement_id,
        closed_reason=row.closed_reason,
    )


def _passenger(row: Any) -> SoldPassenger:
    return SoldPassenger(
        id=row.id,
        position=row.position,
        name=row.passenger_name,
        type=row.passenger_type,
        identity=mask(row.identity_last_four) if row.identity_last_four else "",
        digest=bytes(row.identity_digest) if row.identity_digest else None,
        entitlement_id=row.entitlement_id,
        row=row,
    )


def _payment(row: Any, refunds: Sequence[Any]) -> SoldPayment:
    own = [one for one in refunds if one.payment_id == row.id]
    return SoldPayment(
        id=row.id,
        reference=row.payment_reference,
        method=row.payment_method,
        status=row.payment_status,
        amount=row.amount,
        paid_at=row.payment_date,
        decided=sum(one.refund_amount for one in own),
        returned=sum(one.refund_amount for one in own if one.refund_status == "completed"),
        refunds=len(own),
        row=row,
    )


def booking_id_of(tx: Transaction, number: str) -> UUID:
    """
    Raises:
        NotFound: no booking has that number (code ``unknown_booking``).
    """
    found = tx.send(_BY_NUMBER, booking_number=number.strip().upper()).scalar()
    if found is None:
        raise NotFound(
            f"There is no booking {number.strip()[:20]!r}.",
            code="unknown_booking",
            hint="A booking number has seven letters and digits.",
        )
    return UUID(str(found))


def look(tx: Transaction, network: Network, booking_id: UUID) -> SoldBooking:
    """A sold booking as it stands, nothing locked.

    Raises:
        NotFound: there is none.
        StateConflict: it was never paid (code ``not_sold``).
    """
    return _Asked(tx, booking_id, locked=False).read(network)


def lock(tx: Transaction, network: Network, booking_id: UUID) -> SoldBooking:
    """The same, its row and then its tickets locked until the transaction ends; raises as ``look``."""
    return _Asked(tx, booking_id, locked=True).read(network)


def find(office: Office, actor: Actor, number: str) -> SoldBooking:
    """``look`` by number, in a transaction of its own; raises as ``booking_id_of`` and ``look``."""
    network = office.network()
    return office.database.transaction(lambda tx: look(tx, network, booking_id_of(tx, number)), actor=actor)


def require_identity(office: Office, actor: Actor, sold: SoldBooking, identity: str) -> SoldPassenger:
    """The passenger of the booking whose identity this is; a refusal is put on record.

    Args:
        sold: as ``find`` gave it; ask before the transaction that changes it.
        identity: the whole number, as typed.

    Raises:
        Refused: nobody's of this booking, or no identity at all (codes ``identity_missing``, ``identity_mismatch``).
    """
    if not identity.strip():
        raise Refused(
            "Changing a booking takes a passenger's identity besides its number.",
            code="identity_missing",
            hint="Ask for the identity card or passport.",
        )
    try:
        digest = office.keys.digest(parse_identity(identity).number)
    except Refused:
        digest = b""
    for one in sold.passengers:
        if one.digest is not None and hmac.compare_digest(one.digest, digest):
            return one

    def record(tx: Transaction) -> None:
        tx.audit("view", "bookings", sold.id, new={"refused": "identity_mismatch", "booking_number": sold.number})
        tx.event("booking.identity_refused", "bookings", sold.id, {"booking_number": sold.number})

    office.database.transaction(record, actor=actor)
    raise Refused(
        f"This identity is nobody's of booking {sold.number}.",
        code="identity_mismatch",
        hint="Compare it with the card; the refusal is on record.",
    )
