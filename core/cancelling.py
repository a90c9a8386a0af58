"""Carrying a decided cancellation out: tickets closed, seats freed, ledger, refunds to be paid out, the booking ended.

One transaction, in the caller's hands, under the booking's lock. The fares of the tickets are reversed, what is kept
becomes a line of its own, and what is to be paid back stays charged as *owed* until it is paid out
(``core.payments.giving_back.complete``): payments less completed refunds are the sum of the ledger at every commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, func, insert, update
from uuid_utils.compat import uuid7

from core import modifications, quotas
from core.after_sale import SoldBooking, SoldTicket
from core.bill import Line as Charge
from core.database import Statement, Transaction
from core.models import Booking, Refund
from core.payments.giving_back import refund_reference
from core.refund_quote import Quote
from core.refund_rules import Item, Terms, Trip
from core.refund_ways import Paid, Part

_COLUMNS: Final = (
    *("operator_id", "id", "payment_id", "refund_reference", "refund_reason", "refund_amount", "refund_status"),
    *("refund_method", "modification_id", "requested_by", "decided_with", "claim_until"),
)
_REFUND: Final = Statement(insert(Refund).values({name: bindparam(name) for name in _COLUMNS}))
_END: Final = Statement(
    update(Booking)
    .where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
    .values(status="cancelled", updated_at=func.now())
)


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided a cancellation, and as what it goes on record.

    Attributes:
        kind: ``cancel``, ``fault`` or ``disruption``.
        approval_id: a second person's, consumed in the same transaction.
        requested_by: who asked for the money back; None: a job.
        customer: whose quota it counts for (``quotas.customer_of``); None: nobody's.
        more: further facts that are kept with each refund.
    """

    kind: str
    reason: str
    approval_id: UUID | None
    requested_by: UUID | None
    within_policy: bool = True
    customer: bytes | None = None
    more: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """A refund that waits to be paid out. Minor units."""

    id: UUID
    reference: str
    payment: str
    method: str
    amount: int

    def as_json(self) -> dict[str, Any]:
        return {
            "reference": self.reference,
            "payment": self.payment,
            "method": self.method,
            "amount": self.amount,
            "status": "initiated",
        }


def items_of(sold: SoldBooking, terms: Mapping[str, Terms] | None = None) -> list[Item]:
    """The tickets as the rules see them, by the policies of now or by terms they were decided with (by number)."""
    return [_item(sold, one, (terms or {}).get(one.number)) for one in sold.tickets]


def _item(sold: SoldBooking, ticket: SoldTicket, terms: Terms | None) -> Item:
    who, trip = sold.passenger(ticket.passenger_id), ticket.journey
    return Item(
        number=ticket.number,
        status=ticket.status,
        passenger_id=ticket.passenger_id,
        passenger=who.name,
        passenger_type=who.type,
        position=who.position,
        paid=max(0, sold.worth[who.id]) if ticket.is_live or ticket.status == "expired" else 0,
        trip=Trip(trip.schedule_id, trip.departs_at, trip.train.number, trip.status == "cancelled", trip.delay_minutes),
        terms=terms or Terms.of(sold.policies, **ticket.place),
    )


def payments_of(sold: SoldBooking) -> list[Paid]:
    """The payments money can go back to, with what remains of each."""
    return [
        Paid(one.id, one.reference, one.method, one.remaining, one.paid_at)
        for one in sold.payments
        if one.paid_at is not None and one.remaining > 0
    ]


def booking_fee_of(sold: SoldBooking) -> int:
    """What stands of the booking fee on the ledger, minor units."""
    return sum(line.amount for line in sold.lines if line.passenger_id is None and line.cause == "booking_fee")


def carry_out(tx: Transaction, sold: SoldBooking, decided: Quote, how: Decision) -> list[Owed]:
    """Cancel the tickets of a quote; returns the refunds that are to be paid out.

    Args:
        sold: locked (``after_sale.lock``); the quote was made from it in this transaction.
    """
    tickets = [sold.ticket(line.item.number) for line in decided.lines]
    modification = modifications.begin(
        tx,
        sold.id,
        how.kind,
        how.reason,
        approval_id=how.approval_id,
        user_id=sold.user_id,
        within_policy=how.within_policy,
        fee=decided.fee,
        ticket_id=tickets[0].serial if len(tickets) == 1 else None,
    )
    modifications.close_tickets(tx, tickets, "cancelled", decided.fault or "cancelled")
    owed = [_owe(tx, sold, part, decided, how, modification) for part in decided.parts]
    modifications.charge(tx, sold.id, modification, [*_lines(decided), *(_still_owed(one) for one in owed)])
    if decided.ends_booking:
        tx.send(_END, booking_id=sold.id)
        tx.audit("update", "bookings", sold.id, old={"status": sold.status}, new={"status": "cancelled"})
        tx.event("booking.cancelled", "bookings", sold.id, {"booking_number": sold.number, "kind": how.kind})
    modifications.close(tx, modification)
    if decided.fault is None:
        quotas.count(tx, how.customer)
    return owed


def _lines(decided: Quote) -> list[Charge]:
    lines: list[Charge] = []
    for line in decided.lines:
        item = line.item
        lines.append(Charge("reversal", -item.paid, f"ticket {item.number}", item.passenger_id))
        lines.append(Charge("kept_fee", line.fee, "cancel_fee", item.passenger_id))
    return [*lines, Charge("reversal", -decided.booking_fee_back, "booking_fee")]


def _still_owed(one: Owed) -> Charge:
    return Charge("owed", one.amount, f"refund {one.reference}")


def _owe(tx: Transaction, sold: SoldBooking, part: Part, decided: Quote, how: Decision, modification: UUID) -> Owed:
    payment = next(one for one in sold.payments if one.id == part.payment_id)
    one = Owed(
        uuid7(), refund_reference(payment.reference, payment.refunds + 1), payment.reference, part.method, part.amount
    )
    tx.send(
        _REFUND,
        id=one.id,
        payment_id=payment.id,
        refund_reference=one.reference,
        refund_reason=decided.reason,
        refund_amount=one.amount,
        refund_status="initiated",
        refund_method=one.method,
        modification_id=modification,
        requested_by=how.requested_by,
        decided_with=Jsonb(
            {
                "terms": {line.item.number: line.item.terms.as_json() for line in decided.lines},
                "fault": decided.fault,
                "pay_out_by": decided.pay_out_by.isoformat(),
                **(how.more or {}),
            }
        ),
        claim_until=decided.claim_until,
    )
    said = {**one.as_json(), "booking_number": sold.number}
    tx.audit("create", "refunds", one.id, new=said)
    tx.event("refund.initiated", "refunds", one.id, said)
    return one
