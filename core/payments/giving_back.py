"""Money that goes back: of a sale that was given up while parts of it were paid, and money that came for nothing.

The books never lose sight of it. A refund's row is written before anybody is asked to pay it out, and until it is
completed the ledger goes on charging what is still in our hands; completing it takes the charge away. So payments less
completed refunds equal the charges at every moment.

What belongs here: the rows, in the caller's transaction, which has locked the booking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import Text, Uuid
from uuid_utils.compat import uuid7

from core.database import Statement, Transaction
from core.models import BookingCharge, BookingModification, BookingPromotion, Payment, Refund
from core.payments import METHODS

_OF_BOOKING: Final = (Payment.operator_id == bindparam("operator_id")) & (Payment.booking_id == bindparam("booking_id"))
_PAYMENTS: Final = Statement(select(Payment).where(_OF_BOOKING).order_by(Payment.id))
_CHARGED: Final = Statement(
    select(func.coalesce(func.sum(BookingCharge.amount), 0)).where(
        BookingCharge.operator_id == bindparam("operator_id"), BookingCharge.booking_id == bindparam("booking_id")
    )
)
_END_AWAITED: Final = Statement(
    update(Payment)
    .where(_OF_BOOKING, text("payments.payment_status IN ('pending', 'processing')"))
    .values(payment_status="failed", updated_at=func.now())
)
_RELEASE: Final = Statement(
    update(BookingPromotion)
    .where(
        BookingPromotion.operator_id == bindparam("operator_id"),
        BookingPromotion.booking_id == bindparam("booking_id"),
        BookingPromotion.released_at.is_(None),
    )
    .values(released_at=func.now())
)
_CHARGE_COLUMNS: Final = ("operator_id", "id", "booking_id", "charge_kind", "amount", "cause", "modification_id")
_CHARGE: Final = Statement(insert(BookingCharge).values({name: bindparam(name) for name in _CHARGE_COLUMNS}))
_REFUND_COLUMNS: Final = (
    *("operator_id", "id", "payment_id", "refund_reference", "refund_reason", "refund_amount", "refund_status"),
    *("refund_method", "refund_date", "shift_id", "modification_id", "requested_by", "external_reference"),
)
_REFUND: Final = Statement(insert(Refund).values({name: bindparam(name) for name in _REFUND_COLUMNS}))
_MODIFICATION_COLUMNS: Final = ("operator_id", "id", "booking_id", "modification_type", "reason", "opened_by")
_MODIFY: Final = Statement(
    insert(BookingModification).values({name: bindparam(name) for name in _MODIFICATION_COLUMNS})
)
_COMPLETE: Final = Statement(
    update(Refund)
    .where(Refund.operator_id == bindparam("operator_id"), Refund.id == bindparam("refund_id"))
    .values(
        refund_status="completed",
        refund_date=func.now(),
        external_reference=bindparam("reference", type_=Text),
        gateway_response=bindparam("response", type_=JSONB),
        shift_id=func.coalesce(bindparam("shift", type_=Uuid), Refund.shift_id),
        updated_at=func.now(),
    )
)
_FORFEIT: Final = Statement(
    update(Refund)
    .where(Refund.operator_id == bindparam("operator_id"), Refund.id == bindparam("refund_id"))
    .values(refund_status="forfeited", updated_at=func.now())
)
_TAKE_UP: Final = Statement(
    update(Refund)
    .where(Refund.operator_id == bindparam("operator_id"), Refund.id == bindparam("refund_id"))
    .values(refund_status="processing", updated_at=func.now())
)
_RETURNED: Final = Statement(
    update(Payment)
    .where(Payment.operator_id == bindparam("operator_id"), Payment.id == bindparam("payment_id"))
    .values(
        payment_status="refunded",
        modification_id=func.coalesce(bindparam("modification"), Payment.modification_id),
        updated_at=func.now(),
    )
)
#: A payment is refunded when all of it is.
_RETURNED_WHOLLY: Final = Statement(
    update(Payment)
    .where(
        Payment.operator_id == bindparam("operator_id"),
        Payment.id == bindparam("payment_id"),
        Payment.payment_status == "completed",
        Payment.amount
        == select(func.sum(Refund.refund_amount))
        .where(
            Refund.operator_id == Payment.operator_id,
            Refund.payment_id == Payment.id,
            Refund.refund_status == "completed",
        )
        .scalar_subquery(),
    )
    .values(payment_status="refunded", modification_id=bindparam("modification"), updated_at=func.now())
)
_IS_OPEN: Final = Statement(
    select(BookingModification.id).where(
        BookingModification.operator_id == bindparam("operator_id"),
        BookingModification.id == bindparam("modification"),
        BookingModification.status == "open",
    )
)
_LATE: Final = Statement(
    update(Payment)
    .where(Payment.operator_id == bindparam("operator_id"), Payment.id == bindparam("payment_id"))
    .values(
        payment_status="completed",
        payment_date=func.now(),
        modification_id=bindparam("modification"),
        shift_id=None,
        updated_at=func.now(),
    )
)
_CLOSE_MODIFICATION: Final = Statement(
    update(BookingModification)
    .where(
        BookingModification.operator_id == bindparam("operator_id"),
        BookingModification.id == bindparam("modification"),
        BookingModification.status == "open",
        ~select(Refund.id)
        .where(
            Refund.operator_id == BookingModification.operator_id,
            Refund.modification_id == BookingModification.id,
            text("refunds.refund_status NOT IN ('completed', 'forfeited')"),
        )
        .exists(),
    )
    .values(status="closed", closed_at=func.now(), updated_at=func.now())
)


@dataclass(frozen=True, slots=True)
class OnTheSpot:
    """How a clerk gives money back across the counter.

    Attributes:
        shift_id: the drawer cash is paid out of; None: there is none.
        voids: payment reference to the reference of the slip that voided it, as it goes on record.
    """

    shift_id: UUID | None = None
    voids: Mapping[str, str] | None = None


def refund_reference(payment_reference: str, number: int = 1) -> str:
    """Our own name for a refund of a payment, the ``number``-th of it."""
    return f"{payment_reference}-R" if number == 1 else f"{payment_reference}-R{number}"


def unwind(tx: Transaction, booking_id: object, on_the_spot: OnTheSpot | None) -> list[dict[str, Any]]:
    """Undo the bill of a locked, pending booking that is about to be given up; returns the refunds, as they stand.

    What is under way ends as failed (if its money comes after all, it is found and sent back), promotions are free
    again, every completed part gets a refund: completed at once where a clerk pays it out, else for somebody to do.
    """
    payments = tx.send(_PAYMENTS, booking_id=booking_id).all()
    charged = int(tx.send(_CHARGED, booking_id=booking_id).scalar() or 0)
    tx.send(_END_AWAITED, booking_id=booking_id)
    tx.send(_RELEASE, booking_id=booking_id)
    paid = [one for one in payments if one.payment_status == "completed"]
    done = {one.id: _paid_out(one, on_the_spot or OnTheSpot()) for one in paid}
    owing = [one for one in paid if done[one.id] is None]
    modification = _open(tx, booking_id, "settlement", "given up while parts were paid") if owing else None
    refunds = [
        _refund(tx, one, done[one.id], on_the_spot, modification if done[one.id] is None else None) for one in paid
    ]
    for one in paid:
        if done[one.id] is not None:
            tx.send(_RETURNED, payment_id=one.id, modification=None)
    _charge(tx, booking_id, "reversal", sum(one.amount for one in owing) - charged, "given_up", None)
    return refunds


def _paid_out(payment: Any, spot: OnTheSpot) -> str | None:
    """The reference of a refund that is done at once (empty for cash); None where somebody still has to do it."""
    method = METHODS[payment.payment_method]
    if method.gives_change:
        return None if spot.shift_id is None else ""
    void = (spot.voids or {}).get(payment.payment_reference, "").strip()
    return void if void and not method.asynchronous else None


def _refund(
    tx: Transaction, payment: Any, done: str | None, spot: OnTheSpot | None, modification: UUID | None
) -> dict[str, Any]:
    from_drawer = done is not None and METHODS[payment.payment_method].gives_change
    refund_id, reference = uuid7(), refund_reference(payment.payment_reference)
    tx.send(
        _REFUND,
        id=refund_id,
        payment_id=payment.id,
        refund_reference=reference,
        refund_reason="cancellation",
        refund_amount=payment.amount,
        refund_status="initiated" if done is None else "completed",
        refund_method=payment.payment_method,
        refund_date=None if done is None else tx.now,
        shift_id=spot.shift_id if from_drawer and spot else None,
        modification_id=modification,
        requested_by=tx.actor.user_id,
        external_reference=done or None,
    )
    said = {
        "reference": reference,
        "method": payment.payment_method,
        "amount": payment.amount,
        "status": "initiated" if done is None else "completed",
    }
    tx.audit("create", "refunds", refund_id, new=said)
    tx.event(f"refund.{said['status']}", "refunds", refund_id, said)
    return said


def _open(tx: Transaction, booking_id: object, kind: str, reason: str) -> UUID:
    modification = uuid7()
    tx.send(
        _MODIFY, id=modification, booking_id=booking_id, modification_type=kind, reason=reason,
        opened_by=tx.actor.user_id,
    )  # fmt: skip
    return modification


def _charge(tx: Transaction, booking_id: object, kind: str, amount: int, cause: str, modification: UUID | None) -> None:
    if amount:
        tx.send(
            _CHARGE, id=uuid7(), booking_id=booking_id, charge_kind=kind, amount=amount, cause=cause,
            modification_id=modification,
        )  # fmt: skip


def take_late(tx: Transaction, payment: Any) -> None:
    """Put money on record that came for a booking which no longer takes it, and that it has to go back."""
    modification = _open(tx, payment.booking_id, "late_payment", "money came after the payment had ended")
    tx.send(_LATE, payment_id=payment.id, modification=modification)
    _charge(tx, payment.booking_id, "surcharge", payment.amount, "late_payment", modification)
    _refund(tx, payment, None, None, modification)


def take_up(tx: Transaction, refund_id: UUID) -> None:
    """Queue a try of a refund; until it ends nobody else pays it out, and it goes no other way."""
    tx.send(_TAKE_UP, refund_id=refund_id)


def complete(
    tx: Transaction,
    refund: Any,
    payment: Any,
    *,
    reference: str | None,
    response: Mapping[str, Any] | None = None,
    shift_id: UUID | None = None,
) -> None:
    """The money of a refund, whole or in part, is back with the customer.

    Args:
        refund, payment: their rows, the booking's row being locked.
        reference: somebody else's number for it.
        response: the gateway's answer, for the record.
        shift_id: the clerk's, where it was paid out across the counter; cash goes no other way.
    """
    if refund.refund_status == "failed":
        take_up(tx, refund.id)
    modification = _reopen(tx, refund, payment, f"refund {refund.refund_reference} paid out")
    answered = None if response is None else Jsonb(response)
    tx.send(_COMPLETE, refund_id=refund.id, reference=reference, response=answered, shift=shift_id)
    tx.send(_RETURNED_WHOLLY, payment_id=payment.id, modification=modification)
    cause = f"refund {refund.refund_reference}"
    _charge(tx, payment.booking_id, "reversal", -refund.refund_amount, cause, modification)
    tx.send(_CLOSE_MODIFICATION, modification=modification)
    said = {"reference": refund.refund_reference, "amount": refund.refund_amount, "status": "completed"}
    tx.audit("update", "refunds", refund.id, old={"status": refund.refund_status}, new=said)
    tx.event("refund.completed", "refunds", refund.id, said)


def _reopen(tx: Transaction, refund: Any, payment: Any, reason: str) -> UUID:
    """The refund's own modification while it is open; a short one for the money alone once it is closed."""
    own: UUID | None = refund.modification_id
    if own is not None and tx.send(_IS_OPEN, modification=own).first() is not None:
        return own
    return _open(tx, payment.booking_id, "settlement", reason)


def forfeit(tx: Transaction, refund: Any, payment: Any) -> None:
    """Nobody claimed a refund in its time: what was owed is kept. Arguments as ``complete``."""
    modification = _reopen(tx, refund, payment, f"refund {refund.refund_reference} not claimed")
    tx.send(_FORFEIT, refund_id=refund.id)
    cause = f"refund {refund.refund_reference} forfeited"
    _charge(tx, payment.booking_id, "reversal", -refund.refund_amount, cause, modification)
    _charge(tx, payment.booking_id, "kept_fee", refund.refund_amount, cause, modification)
    tx.send(_CLOSE_MODIFICATION, modification=modification)
    said = {"reference": refund.refund_reference, "amount": refund.refund_amount, "status": "forfeited"}
    tx.audit("update", "refunds", refund.id, old={"status": refund.refund_status}, new=said)
    tx.event("refund.forfeited", "refunds", refund.id, said)
