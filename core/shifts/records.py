"""The rows of a shift, read for its figures. What belongs here: questions to the database, and no arithmetic but sums.

A booking belongs to the shift in which the last part of it was paid; prints belong to the shift that stood open at
their terminal. Both follow from rows that never change once the shift is closed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, case, distinct, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased
from sqlalchemy.types import DateTime, Text

from core.clock import local
from core.database import Rows, Statement, Transaction
from core.models import (
    Booking,
    BookingCharge,
    CashMovement,
    Fine,
    Payment,
    PrintJob,
    Refund,
    ShiftCount,
    SpoiltPrint,
    StockCount,
    Ticket,
    User,
)
from core.shifts.desk import Shift
from core.shifts.figures import Count, Figures, Movement, Work, attempts, by_name
from core.shifts.stock import Roll

_NUMBER: Final = func.count().label("number")


def _among(column: Any, *values: str) -> Any:
    return column == func.any(literal(list(values), ARRAY(Text)))


_SALES: Final = Statement(
    select(Payment.payment_method, _NUMBER, func.sum(Payment.amount).label("amount"))
    .where(
        Payment.operator_id == bindparam("operator_id"),
        Payment.shift_id == bindparam("shift_id"),
        _among(Payment.payment_status, "completed", "refunded"),
    )
    .group_by(Payment.payment_method)
)
_REFUNDS: Final = Statement(
    select(Refund.refund_method, _NUMBER, func.sum(Refund.refund_amount).label("amount"))
    .where(
        Refund.operator_id == bindparam("operator_id"),
        Refund.shift_id == bindparam("shift_id"),
        Refund.refund_status == "completed",
    )
    .group_by(Refund.refund_method)
)
_FINES: Final = Statement(
    select(Fine.payment_method, _NUMBER, func.sum(Fine.amount).label("amount"))
    .where(Fine.operator_id == bindparam("operator_id"), Fine.shift_id == bindparam("shift_id"), Fine.status == "paid")
    .group_by(Fine.payment_method)
)
_UNDER_WAY: Final = Statement(
    select(func.count()).where(
        Payment.operator_id == bindparam("operator_id"),
        Payment.shift_id == bindparam("shift_id"),
        _among(Payment.payment_status, "pending", "processing"),
    )
)
_MOVEMENTS: Final = Statement(
    select(
        *(CashMovement.movement_kind, CashMovement.amount, CashMovement.reason, CashMovement.bag_number),
        *(CashMovement.created_at, User.full_name),
    )
    .join(User, and_(User.operator_id == CashMovement.operator_id, User.id == CashMovement.recorded_by))
    .where(CashMovement.operator_id == bindparam("operator_id"), CashMovement.shift_id == bindparam("shift_id"))
    .order_by(CashMovement.created_at, CashMovement.id)
)


def _of_bookings(*columns: Any) -> Select[Any]:
    """Something about the bookings whose last part was paid in the shift; later changes of them are none of its."""
    last, issued = aliased(Payment), aliased(Ticket)
    return select(*columns).where(
        Booking.operator_id == bindparam("operator_id"),
        Booking.id == Payment.booking_id,
        Payment.operator_id == Booking.operator_id,
        Payment.shift_id == bindparam("shift_id"),
        _among(Payment.payment_status, "completed", "refunded"),
        Payment.modification_id.is_(None),
        select(issued.id).where(issued.operator_id == Booking.operator_id, issued.booking_id == Booking.id).exists(),
        ~select(last.id)
        .where(
            last.operator_id == Payment.operator_id,
            last.booking_id == Payment.booking_id,
            last.modification_id.is_(None),
            _among(last.payment_status, "completed", "refunded"),
            (last.payment_date > Payment.payment_date)
            | ((last.payment_date == Payment.payment_date) & (last.id > Payment.id)),
        )
        .exists(),
    )


_BOOKINGS: Final = Statement(_of_bookings(Booking.booking_number).order_by(Payment.payment_date, Payment.id))
_TICKETS: Final = Statement(
    _of_bookings(func.count(distinct(Ticket.id))).where(
        Ticket.operator_id == Booking.operator_id, Ticket.booking_id == Booking.id
    )
)
_DISCOUNTS: Final = Statement(
    _of_bookings(BookingCharge.cause, _NUMBER, func.sum(-BookingCharge.amount).label("amount"))
    .where(
        BookingCharge.operator_id == Booking.operator_id,
        BookingCharge.booking_id == Booking.id,
        BookingCharge.charge_kind == "discount",
        BookingCharge.modification_id.is_(None),
    )
    .group_by(BookingCharge.cause)
)
_PRINTED: Final = Statement(
    select(
        func.coalesce(func.sum(case((PrintJob.copy_no == 0, 1), else_=0)), 0).label("originals"),
        func.coalesce(func.sum(case((PrintJob.copy_no > 0, 1), else_=0)), 0).label("copies"),
    ).where(
        PrintJob.operator_id == bindparam("operator_id"),
        PrintJob.terminal_id == bindparam("terminal_id"),
        PrintJob.ticket_id.is_not(None),
        PrintJob.sent_at >= bindparam("since", type_=DateTime(timezone=True)),
        PrintJob.sent_at < bindparam("until", type_=DateTime(timezone=True)),
        _among(PrintJob.state, "sent", "unknown", "confirmed"),
    )
)
_PRINTS_SPOILT: Final = Statement(
    select(func.count())
    .select_from(SpoiltPrint)
    .where(
        SpoiltPrint.operator_id == bindparam("operator_id"),
        SpoiltPrint.shift_id == bindparam("shift_id"),
        SpoiltPrint.still_counted,
    )
)
_ROLLS: Final = Statement(
    select(StockCount.roll, StockCount.first_number, StockCount.next_number, StockCount.spoilt)
    .where(StockCount.operator_id == bindparam("operator_id"), StockCount.shift_id == bindparam("shift_id"))
    .order_by(StockCount.created_at, StockCount.roll)
)
_COUNTS: Final = Statement(
    select(ShiftCount.attempt, ShiftCount.denomination, ShiftCount.pieces).where(
        ShiftCount.operator_id == bindparam("operator_id"), ShiftCount.shift_id == bindparam("shift_id")
    )
)


class AskedFigures:
    """The rows of a shift, asked for in a pipeline and not yet read."""

    __slots__ = ("_rows", "_shift", "_zone")

    def __init__(self, shift: Shift, zone: str, rows: dict[str, Rows]) -> None:
        self._shift, self._zone, self._rows = shift, zone, rows

    def read(self) -> Figures:
        rows = self._rows
        sold, printed = rows["bookings"].scalars(), rows["printed"].first()
        assert printed is not None, "a sum has one row"
        return Figures(
            float_amount=self._shift.float_amount,
            sales=by_name(rows["sales"].all()),
            refunds=by_name(rows["refunds"].all()),
            fines=by_name(rows["fines"].all()),
            movements=tuple(self._movement(row) for row in rows["movements"].all()),
            discounts=by_name(rows["discounts"].all()),
            work=Work(
                bookings=len(sold),
                first_booking=sold[0] if sold else None,
                last_booking=sold[-1] if sold else None,
                tickets=rows["tickets"].scalar() or 0,
                originals_printed=int(printed.originals),
                copies_printed=int(printed.copies),
                prints_spoilt=int(rows["prints_spoilt"].scalar() or 0),
                payments_under_way=rows["under_way"].scalar() or 0,
            ),
            rolls=tuple(Roll(row.roll, row.first_number, row.next_number, row.spoilt) for row in rows["rolls"].all()),
        )

    def _movement(self, row: Any) -> Movement:
        at = local(row.created_at, self._zone).isoformat(timespec="seconds")
        return Movement(row.movement_kind, row.amount, row.reason, row.bag_number, at, row.full_name)


def ask_figures(tx: Transaction, shift: Shift, zone: str, *, until: datetime | None = None) -> AskedFigures:
    """Queue every question about a shift; all of them see what is committed when they are asked.

    Args:
        zone: whose clock times are written by.
        until: the end of the shift; up to now if left out.
    """
    mine = {"shift_id": shift.id}
    asked = {
        "sales": tx.send(_SALES, **mine),
        "refunds": tx.send(_REFUNDS, **mine),
        "fines": tx.send(_FINES, **mine),
        "movements": tx.send(_MOVEMENTS, **mine),
        "discounts": tx.send(_DISCOUNTS, **mine),
        "bookings": tx.send(_BOOKINGS, **mine),
        "tickets": tx.send(_TICKETS, **mine),
        "under_way": tx.send(_UNDER_WAY, **mine),
        "prints_spoilt": tx.send(_PRINTS_SPOILT, **mine),
        "rolls": tx.send(_ROLLS, **mine),
        "printed": tx.send(_PRINTED, terminal_id=shift.terminal_id, since=shift.opened_at, until=until or tx.now),
    }
    return AskedFigures(shift, zone, asked)


def counts(tx: Transaction, shift_id: UUID) -> list[Count]:
    """Every count of a shift's drawer, the first one first."""
    return attempts([tuple(row) for row in tx.send(_COUNTS, shift_id=shift_id).all()])
