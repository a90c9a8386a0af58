"""Changes of a sold booking: each has a row of ``booking_modifications`` that is open while it is carried out.

Everything that changes a sold booking does so in this order, in one transaction: the booking's row is locked first,
then its tickets by their serial numbers (``core.after_sale.lock``), then seats in seat order (``core.inventory``). A
modification is opened, its lines enter the ledger with its id, and it is closed before the transaction ends: nothing
enters a closed book any more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.types import BigInteger
from uuid_utils.compat import uuid7

from core import bill as bills
from core import inventory
from core.after_sale import SoldTicket
from core.bill import Bill, Line
from core.database import Statement, Transaction
from core.errors import StateConflict
from core.inventory import Stretch
from core.models import BookingModification, Ticket

_COLUMNS: Final = (
    *("operator_id", "id", "booking_id", "user_id", "modification_type", "within_policy", "fee_charged", "reason"),
    *("approval_id", "opened_by", "ticket_id"),
)
_OPEN: Final = Statement(insert(BookingModification).values({name: bindparam(name) for name in _COLUMNS}))
_CLOSE: Final = Statement(
    update(BookingModification)
    .where(
        BookingModification.operator_id == bindparam("operator_id"),
        BookingModification.id == bindparam("modification"),
        BookingModification.status == "open",
    )
    .values(status="closed", closed_at=func.now(), updated_at=func.now())
)
_IS_OPEN: Final = Statement(
    select(BookingModification.id).where(
        BookingModification.operator_id == bindparam("operator_id"),
        BookingModification.id == bindparam("modification", type_=PG_UUID),
        BookingModification.status == "open",
    )
)
_CLOSE_TICKET: Final = Statement(
    update(Ticket)
    .where(Ticket.operator_id == bindparam("operator_id"), Ticket.id == bindparam("serial", type_=BigInteger))
    .values(
        ticket_status=bindparam("status"),
        closed_reason=bindparam("why"),
        closed_at=func.now(),
        updated_at=func.now(),
    )
)


def begin(
    tx: Transaction,
    booking_id: UUID,
    kind: str,
    reason: str,
    *,
    approval_id: UUID | None = None,
    user_id: UUID | None = None,
    within_policy: bool = True,
    fee: int = 0,
    ticket_id: int | None = None,
    modification_id: UUID | None = None,
) -> UUID:
    """Open a modification of a booking whose row the caller has locked; returns its id.

    Args:
        kind: one of ``core.models.approvals.MODIFICATION_TYPES``.
        approval_id: what a second person has approved, consumed in the same transaction.
        user_id: the customer, where one has an account.
        within_policy: False where somebody allowed what the policies do not.
        fee: what it costs the customer, minor units.
        ticket_id: the serial of the one ticket it is about; None: several, or the whole booking.
        modification_id: its key, where that had to be known before; a new one by default.
    """
    modification: UUID = modification_id or uuid7()
    tx.send(
        _OPEN,
        id=modification,
        booking_id=booking_id,
        user_id=user_id,
        modification_type=kind,
        within_policy=within_policy,
        fee_charged=fee,
        reason=reason,
        approval_id=approval_id,
        opened_by=tx.actor.user_id,
        ticket_id=ticket_id,
    )
    said = {"type": kind, "booking_id": str(booking_id), "reason": reason, "fee": fee, "within_policy": within_policy}
    approved = {} if approval_id is None else {"approval_id": str(approval_id)}
    tx.audit("create", "booking_modifications", modification, new={**said, **approved})
    return modification


def charge(tx: Transaction, booking_id: UUID, modification_id: UUID, lines: Sequence[Line]) -> None:
    """Queue lines for the ledger of a sold booking; those of nothing are left out."""
    bills.write(tx, booking_id, Bill(tuple(line for line in lines if line.amount)), modification_id=modification_id)


def close(tx: Transaction, modification_id: UUID) -> None:
    """Queue the end of a modification: its lines stand, and no more enter under it."""
    tx.send(_CLOSE, modification=modification_id)


def is_open(tx: Transaction, modification_id: UUID | None) -> bool:
    """Whether rows may still enter under it."""
    return modification_id is not None and tx.send(_IS_OPEN, modification=modification_id).first() is not None


def close_tickets(tx: Transaction, tickets: Collection[SoldTicket], status: str, why: str) -> None:
    """Close live tickets of a locked booking and free exactly their seats.

    Args:
        status: ``cancelled``, ``superseded``, ``voided`` or ``expired``.
        why: a word that stands on the ticket: ``cancelled``, ``rescheduled``, ``train cancelled`` …
    """
    for one in sorted(tickets, key=lambda ticket: ticket.serial):
        tx.send(_CLOSE_TICKET, serial=one.serial, status=status, why=why)
        tx.audit("update", "tickets", one.serial, old={"ticket_status": one.status}, new={"ticket_status": status})
        tx.event(f"ticket.{status}", "tickets", one.serial, {"why": why, "ticket_number": one.number})
    free_seats(tx, [one for one in tickets if one.is_live])


def free_seats(tx: Transaction, tickets: Collection[SoldTicket]) -> None:
    """Give the seats of live tickets back for exactly their stretch, in seat order of each departure.

    Raises:
        StateConflict: a seat was not taken for that stretch (code ``seat_not_held``): the books disagree.
    """
    seats: dict[Stretch, list[int]] = {}
    for one in tickets:
        if one.seat is not None:
            seats.setdefault(one.stretch, []).append(one.seat.id)
    order = sorted(seats, key=lambda stretch: (stretch.service_date, stretch.schedule_id, stretch.class_id))
    released = [(stretch, inventory.release(tx, stretch, sorted(seats[stretch]))) for stretch in order]
    for stretch, rows in released:
        if sorted(rows.scalars()) != sorted(seats[stretch]):
            raise StateConflict(
                "A seat of this booking is not held for its stretch.",
                code="seat_not_held",
                hint="Nothing was changed. Run counter admin verify and tell the engineer.",
            )
