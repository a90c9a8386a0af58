"""Looking things up: a booking with everything that belongs to it. A look at personal data is on the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select

from core import tickets
from core.database import Actor, Statement, Transaction
from core.errors import NotFound
from core.identity import mask
from core.models import Booking, BookingModification, Passenger, Payment, Refund
from core.office import Office
from core.payments.card import whole_references
from core.payments.standing import payment_json, refund_json
from core.permissions import allowed, require
from core.tickets import TicketRecord

_BOOKING: Final = Statement(
    select(Booking).where(
        Booking.operator_id == bindparam("operator_id"), Booking.booking_number == bindparam("booking_number")
    )
)
_PASSENGERS: Final = Statement(
    select(
        Passenger.passenger_name,
        Passenger.passenger_type,
        Passenger.passenger_dob,
        Passenger.identity_kind,
        Passenger.identity_last_four,
        Passenger.ticket_price,
    )
    .where(Passenger.operator_id == bindparam("operator_id"), Passenger.booking_id == bindparam("booking_id"))
    .order_by(Passenger.position)
)
_PAYMENTS: Final = Statement(
    select(Payment)
    .where(Payment.operator_id == bindparam("operator_id"), Payment.booking_id == bindparam("booking_id"))
    .order_by(Payment.id)
)
_REFUNDS: Final = Statement(
    select(Refund)
    .join(Payment, (Payment.operator_id == Refund.operator_id) & (Payment.id == Refund.payment_id))
    .where(Refund.operator_id == bindparam("operator_id"), Payment.booking_id == bindparam("booking_id"))
    .order_by(Refund.id)
)
_MODIFICATIONS: Final = Statement(
    select(BookingModification)
    .where(
        BookingModification.operator_id == bindparam("operator_id"),
        BookingModification.booking_id == bindparam("booking_id"),
        BookingModification.deleted_at.is_(None),
    )
    .order_by(BookingModification.id)
)


@dataclass(frozen=True)
class BookingFile:
    """A booking with everything that belongs to it; identities are masked, amounts are minor units."""

    id: UUID
    row: Any
    passengers: tuple[Any, ...]
    payments: tuple[Any, ...]
    refunds: tuple[Any, ...]
    tickets: tuple[TicketRecord, ...]
    modifications: tuple[Any, ...] = ()
    references: Mapping[UUID, str | None] = field(default_factory=dict)  #: typed ones, for whoever may see them whole

    def as_json(self) -> dict[str, Any]:
        """The booking as ``counter show`` prints it."""
        row = self.row
        return {
            "booking_number": row.booking_number,
            "status": row.status,
            "total_amount": row.total_amount,
            "discount_amount": row.discount_amount,
            "final_amount": row.final_amount,
            "passenger_count": row.passenger_count,
            "created_at": row.created_at.isoformat(),
            "expires_at": row.expires_at.isoformat() if row.expires_at else None,
            "passengers": [
                {
                    "name": one.passenger_name,
                    "type": one.passenger_type,
                    "birth_date": one.passenger_dob.isoformat() if one.passenger_dob else None,
                    "identity_kind": one.identity_kind,
                    "identity": mask(one.identity_last_four) if one.identity_last_four else None,
                    "ticket_price": one.ticket_price,
                }
                for one in self.passengers
            ],
            "payments": [payment_json(one, self.references.get(one.id)) for one in self.payments],
            "refunds": [refund_json(one, self.references.get(one.id)) for one in self.refunds],
            "tickets": [ticket.as_json() for ticket in self.tickets],
            "modifications": [
                {
                    "type": one.modification_type,
                    "status": one.status,
                    "reason": one.reason,
                    "within_policy": one.within_policy,
                    "fee_charged": one.fee_charged,
                    "ticket_number": f"{one.ticket_id:012d}" if one.ticket_id else None,
                    "opened_at": one.created_at.isoformat(),
                }
                for one in self.modifications
            ],
        }


def booking(office: Office, actor: Actor, number: str) -> BookingFile:
    """
    Raises:
        NotFound: no booking has that number (code ``unknown_booking``).
    """
    require(actor, "show")
    network = office.network()

    def look(tx: Transaction) -> BookingFile:
        row = tx.send(_BOOKING, booking_number=number.strip().upper()).first()
        if row is None:
            raise NotFound(
                f"There is no booking {number.strip()[:20]!r}.",
                code="unknown_booking",
                hint="A booking number has seven letters and digits.",
            )
        asked = [
            tx.send(question, booking_id=row.id) for question in (_PASSENGERS, _PAYMENTS, _REFUNDS, _MODIFICATIONS)
        ]
        passengers, payments, refunds, modifications = (tuple(rows.all()) for rows in asked)
        tx.audit("view", "bookings", row.id)
        issued = tuple(tickets.of_booking(tx, network, row.id))
        may_see = allowed(actor, "look_into_payments")
        whole = whole_references(office.keys, payments, refunds) if may_see else {}
        return BookingFile(row.id, row, passengers, payments, refunds, issued, modifications, whole)

    return office.database.transaction(look, actor=actor)
