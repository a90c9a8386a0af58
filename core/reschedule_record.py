"""Moves of tickets as they stand on record: what became of one is read from its modification, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select

from core import tickets
from core.database import Statement, Transaction
from core.models import BookingCharge, BookingModification, Payment, Ticket
from core.network import Network
from core.tickets import TicketRecord

_MODIFICATION: Final = Statement(
    select(BookingModification).where(
        BookingModification.operator_id == bindparam("operator_id"),
        BookingModification.id == bindparam("modification"),
    )
)
_NEW: Final = Statement(
    select(Ticket.id, Ticket.supersedes_id)
    .where(
        Ticket.operator_id == bindparam("operator_id"),
        Ticket.booking_id == bindparam("booking_id"),
        Ticket.supersedes_id.is_not(None),
        Ticket.created_at == bindparam("at"),
    )
    .order_by(Ticket.id)
)
_LINES: Final = Statement(
    select(BookingCharge.charge_kind, BookingCharge.amount, BookingCharge.cause).where(
        BookingCharge.operator_id == bindparam("operator_id"),
        BookingCharge.modification_id == bindparam("modification"),
    )
)
_PAID: Final = Statement(
    select(Payment.payment_method, Payment.amount, Payment.change_given, Payment.payment_reference).where(
        Payment.operator_id == bindparam("operator_id"), Payment.modification_id == bindparam("modification")
    )
)


@dataclass(frozen=True)
class Moved:
    """A move that is done. Amounts are minor units; ``tickets`` are the new ones with what each supersedes."""

    booking_number: str
    modification_id: UUID
    kind: str
    within_policy: bool
    tickets: tuple[tuple[TicketRecord, str], ...]
    old_fare: int
    new_fare: int
    fee: int
    not_given_back: int
    due: int
    paid: int
    change: int
    method: str | None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The move as ``counter reschedule`` prints it."""
        new, old = self.tickets[0]
        return {
            "booking_number": self.booking_number,
            "type": self.kind,
            "ticket_number": new.number,
            "supersedes": old,
            "within_policy": self.within_policy,
            "old_fare": self.old_fare,
            "new_fare": self.new_fare,
            "difference": max(0, self.due - self.fee),
            "not_given_back": self.not_given_back,
            "fee": self.fee,
            "due": self.due,
            "method": self.method,
            "paid": self.paid,
            "change": self.change,
            "tickets": [{**one.as_json(), "supersedes": before} for one, before in self.tickets],
            "notes": list(self.notes),
        }


def read(tx: Transaction, network: Network, modification: UUID, notes: tuple[str, ...] = ()) -> Moved:
    """A move as it stands on record."""
    row = tx.send(_MODIFICATION, modification=modification).first()
    assert row is not None, "it was claimed with the modification"
    lines, payment = tx.send(_LINES, modification=modification), tx.send(_PAID, modification=modification)
    new = tx.send(_NEW, booking_id=row.booking_id, at=row.created_at).pairs()
    records = {one.serial: one for one in tickets.of_booking(tx, network, row.booking_id)}
    amounts = [(line.charge_kind, line.amount, line.cause) for line in lines.all()]
    paid = payment.first()

    def total(*kinds: str) -> int:
        return sum(amount for kind, amount, cause in amounts if kind in kinds and cause != "cash_rounding")

    first = next(serial for serial, old in new.items() if old == row.ticket_id)
    ordered = [first, *(serial for serial in new if serial != first)]
    return Moved(
        booking_number=records[first].booking_number,
        modification_id=modification,
        kind=row.modification_type,
        within_policy=row.within_policy,
        tickets=tuple((records[serial], records[new[serial]].number) for serial in ordered),
        old_fare=-total("reversal"),
        new_fare=total("fare", "discount"),
        fee=row.fee_charged,
        not_given_back=total("kept_fee"),
        due=sum(amount for _, amount, cause in amounts if cause != "cash_rounding"),
        paid=paid.amount if paid else 0,
        change=(paid.change_given or 0) if paid else 0,
        method=paid.payment_method if paid else None,
        notes=notes,
    )
