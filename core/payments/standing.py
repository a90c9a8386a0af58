"""How a booking stands with its money: what is due, paid, under way, and what goes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select

from core.database import Statement, Transaction
from core.errors import NotFound
from core.models import Booking, Payment, Refund
from core.office import Office
from core.payments.card import shown_reference, whole_references

_BOOKING: Final = select(
    *(Booking.id, Booking.booking_number, Booking.status, Booking.final_amount, Booking.expires_at, Booking.priced_at)
).where(Booking.operator_id == bindparam("operator_id"))
_BY_ID: Final = Statement(_BOOKING.where(Booking.id == bindparam("booking_id")))
_BY_NUMBER: Final = Statement(_BOOKING.where(Booking.booking_number == bindparam("booking_number")))
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


@dataclass(frozen=True)
class Standing:
    """Amounts are minor units; ``payments`` and ``refunds`` are rows, oldest first."""

    booking_id: UUID
    booking_number: str
    status: str
    due: int
    expires_at: datetime | None
    is_priced: bool
    payments: tuple[Any, ...]
    refunds: tuple[Any, ...]
    now: datetime
    references: Mapping[UUID, str | None] = field(default_factory=dict)  #: of payments and refunds, as typed

    @property
    def paid(self) -> int:
        return sum(one.amount for one in self.payments if one.payment_status == "completed")

    @property
    def change(self) -> int:
        return sum(one.change_given or 0 for one in self.payments if one.payment_status == "completed")

    @property
    def under_way(self) -> int:
        """What a gateway has not answered for yet."""
        return sum(one.amount for one in self.payments if one.payment_status in ("pending", "processing"))

    @property
    def owed(self) -> int:
        """What is left to pay; nothing once the booking is closed."""
        return self.due - self.paid if self.status == "pending" else 0

    def as_json(self) -> dict[str, Any]:
        """As ``counter pay status`` prints it."""
        return {
            "booking_number": self.booking_number,
            "status": self.status,
            "final_amount": self.due,
            "paid": self.paid,
            "change": self.change,
            "under_way": self.under_way,
            "owed": self.owed,
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "payments": [payment_json(one, self.references.get(one.id)) for one in self.payments],
            "refunds": [refund_json(one, self.references.get(one.id)) for one in self.refunds],
        }


def payment_json(row: Any, reference: str | None = None) -> dict[str, Any]:
    """A payment as commands print it; ``reference`` is the whole of a concealed one, for whoever may see it."""
    return {
        "reference": row.payment_reference,
        "method": row.payment_method,
        "status": row.payment_status,
        "amount": row.amount,
        "processing_fee": row.processing_fee,
        "tendered": row.tendered,
        "change": row.change_given,
        "external_reference": reference or shown_reference(row.external_reference),
        "card_last_four": row.card_last_four,
        "edc_terminal": row.edc_terminal,
        "edc_batch": row.edc_batch,
        "paid_at": row.payment_date.isoformat() if row.payment_date else None,
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
    }


def refund_json(row: Any, reference: str | None = None) -> dict[str, Any]:
    """A refund as commands print it; ``reference`` as in ``payment_json``."""
    return {
        "reference": row.refund_reference,
        "reason": row.refund_reason,
        "status": row.refund_status,
        "amount": row.refund_amount,
        "method": row.refund_method,
        "external_reference": reference or shown_reference(row.external_reference),
        "refunded_at": row.refund_date.isoformat() if row.refund_date else None,
    }


def read_standing(office: Office, which: UUID | str) -> Standing:
    """How a booking stands, by its id or number.

    Raises:
        NotFound: there is none (code ``unknown_booking``).
    """
    return office.database.transaction(lambda tx: standing(tx, office, which))


def standing(tx: Transaction, office: Office, which: UUID | str) -> Standing:
    """The same inside a transaction, with what it has written."""
    if isinstance(which, UUID):
        row = tx.send(_BY_ID, booking_id=which).first()
    else:
        row = tx.send(_BY_NUMBER, booking_number=which.strip().upper()).first()
    if row is None:
        raise NotFound(
            f"There is no booking {str(which).strip()[:20]!r}.",
            code="unknown_booking",
            hint="A booking number has seven letters and digits.",
        )
    asked = tx.send(_PAYMENTS, booking_id=row.id), tx.send(_REFUNDS, booking_id=row.id)
    payments, refunds = (tuple(rows.all()) for rows in asked)
    return Standing(
        row.id, row.booking_number, row.status, row.final_amount, row.expires_at, row.priced_at is not None,
        payments, refunds, tx.now, whole_references(office.keys, payments, refunds),
    )  # fmt: skip
