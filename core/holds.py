"""Holds: the seats a pending booking keeps until it is paid, given up, or out of time.

Whoever gives a hold back locks its booking first, as everything that changes a booking does; a booking that is being
confirmed at this moment is therefore passed over, not robbed of its seats.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Integer

from core import inventory
from core.database import Database, Rows, Statement, Transaction
from core.inventory import Stretch
from core.models import Booking, SeatHold
from core.payments import giving_back
from core.payments.giving_back import OnTheSpot

_EXPIRED: Final = Statement(
    select(SeatHold.booking_id).where(
        SeatHold.operator_id == bindparam("operator_id"),
        SeatHold.schedule_id == func.any(bindparam("schedule_ids", type_=ARRAY(Integer))),
        SeatHold.expires_at <= func.now(),
    )
)
_ALL_EXPIRED: Final = Statement(
    select(SeatHold.booking_id)
    .where(SeatHold.operator_id == bindparam("operator_id"), SeatHold.expires_at <= func.now())
    .order_by(SeatHold.expires_at)
    .limit(500)
)
_IF_EXPIRED: Final = select(Booking.id, Booking.priced_at).where(
    Booking.operator_id == bindparam("operator_id"),
    Booking.id == bindparam("booking_id"),
    Booking.status == "pending",
    Booking.expires_at <= func.now(),
)
_LOCK_EXPIRED: Final = Statement(_IF_EXPIRED.with_for_update(skip_locked=True))
_LOCK_EXPIRED_WAITING: Final = Statement(_IF_EXPIRED.with_for_update())
OF_BOOKING: Final = Statement(
    select(SeatHold).where(
        SeatHold.operator_id == bindparam("operator_id"), SeatHold.booking_id == bindparam("booking_id")
    )
)
_DROP: Final = Statement(
    delete(SeatHold)
    .where(SeatHold.operator_id == bindparam("operator_id"), SeatHold.booking_id == bindparam("booking_id"))
    .returning(SeatHold.id)
)
CLOSE: Final = Statement(
    update(Booking)
    .where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
    .values(status=bindparam("status"), updated_at=func.now())
    .returning(Booking.booking_number)
)


def stretch_of(hold: Any) -> Stretch:
    """The bits a row of ``seat_holds`` keeps."""
    return Stretch(hold.service_date, hold.schedule_id, hold.class_id, hold.legs)


def expired(tx: Transaction, schedule_ids: Collection[int]) -> Rows:
    """Queue the question which bookings hold seats on these departures beyond their time."""
    return tx.send(_EXPIRED, schedule_ids=list(schedule_ids))


def give_back(
    tx: Transaction, booking_id: object, *, status: str, is_priced: bool, on_the_spot: OnTheSpot | None = None
) -> list[dict[str, Any]]:
    """Free the seats of a pending booking whose row the caller has locked, and close it.

    Args:
        is_priced: its bill is fixed, so parts of it may be paid: they go back.
        on_the_spot: a clerk pays back what can be paid back across the counter.

    Returns:
        What becomes of the money that was paid; see ``giving_back.unwind``.
    """
    refunds = giving_back.unwind(tx, booking_id, on_the_spot) if is_priced else []
    holds = tx.send(OF_BOOKING, booking_id=booking_id).all()
    for hold in holds:
        inventory.release(tx, stretch_of(hold), hold.seat_ids)
    tx.send(_DROP, booking_id=booking_id)
    number = tx.send(CLOSE, booking_id=booking_id, status=status).scalar()
    tx.audit("update", "bookings", booking_id, old={"status": "pending"}, new={"status": status})
    tx.event(f"booking.{status}", "bookings", booking_id, {"booking_number": number})
    return refunds


def drop(tx: Transaction, booking_id: object) -> Rows:
    """Queue the end of a hold whose seats now belong to tickets."""
    return tx.send(_DROP, booking_id=booking_id)


def release(database: Database, booking_ids: Iterable[Any], *, wait: bool = False) -> int:
    """Give back those of these bookings that are out of time, each in a transaction of its own; returns how many.

    Bookings somebody else has locked are passed over, or with ``wait`` waited for: then their seats are free, or paid.
    """
    lock = _LOCK_EXPIRED_WAITING if wait else _LOCK_EXPIRED

    def one(tx: Transaction, booking_id: Any) -> bool:
        late = tx.send(lock, booking_id=booking_id).first()
        if late is None:
            return False  # somebody else is at it, or it was paid for in the meantime
        give_back(tx, booking_id, status="expired", is_priced=late.priced_at is not None)
        return True

    return sum(database.transaction(partial(one, booking_id=key)) for key in sorted(set(booking_ids)))


def sweep(database: Database) -> int:
    """Give back whatever is out of time anywhere; returns how many bookings expired."""
    return release(database, database.transaction(lambda tx: tx.send(_ALL_EXPIRED).scalars()))
