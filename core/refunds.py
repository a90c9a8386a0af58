"""Refunds: asked for at the counter, approved by a second person, carried out; paying out is ``core.payouts``.

    quote      what it would come to; nothing is locked or changed
    request    a passenger's identity is shown, the wish stands in the approval queue, bound to exactly this decision
    carry_out  whoever is at it once it is approved: tickets, seats, ledger and refunds in one transaction

A decision keeps the policies and the moment it was asked with: what is approved later is worked out again under lock
with just these and must come to the same, or nothing is done. Two carry the same out at once: the booking's row lets
one through, and the other hears what became of its tickets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select

from core import after_sale, approvals, cancelling, quotas, refund_quote
from core.after_sale import SoldBooking, SoldPassenger
from core.approvals import Approval, NotApproved, Wish
from core.cancelling import Decision, Owed
from core.database import Actor, Statement, Transaction
from core.errors import Refused, StateConflict
from core.models import Approval as ApprovalRow
from core.office import Office
from core.permissions import require
from core.quotas import Quota
from core.refund_quote import Quote
from core.refund_rules import Fault, Terms
from core.wording import one_line

KIND: Final = "refund"
_OPEN_REQUESTS: Final = Statement(
    select(ApprovalRow.id, ApprovalRow.details, ApprovalRow.status)
    .where(
        ApprovalRow.operator_id == bindparam("operator_id"),
        ApprovalRow.approval_kind == KIND,
        ApprovalRow.subject_type == "bookings",
        ApprovalRow.subject_id == bindparam("subject"),
        ApprovalRow.expires_at > bindparam("now"),
    )
    .order_by(ApprovalRow.approval_number)
)
#: What of the details says the same decision, whenever it was asked for.
_SAME: Final = ("tickets", "refund", "parts", "claim")


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What is asked for. ``tickets`` are numbers; None: whatever can be cancelled of the booking.

    ``method`` is how the money is wanted back, ``claim`` a fault that a supervisor is asked to recognize.
    """

    booking_number: str
    tickets: tuple[str, ...] | None = None
    method: str | None = None
    claim: Fault | None = None


@dataclass(frozen=True)
class Quoted:
    """A quote with what it was made from, and where the customer stands with his changes."""

    sold: SoldBooking
    quote: Quote
    quota: Quota | None = None

    @property
    def needs_supervisor_twice(self) -> bool:
        """Beside the refund itself the customer's quota is used up; one approval covers both."""
        return self.quota is not None and self.quota.is_used_up and self.quote.fault is None

    def as_json(self) -> dict[str, Any]:
        """As ``counter cancel --quote`` prints it."""
        return {
            "booking_number": self.sold.number,
            "status": self.sold.status,
            **self.quote.as_json(),
            "quota": None if self.quota is None else {**self.quota.as_json(), "over": self.needs_supervisor_twice},
        }


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What was done. Amounts are minor units."""

    booking_id: UUID
    booking_number: str
    tickets: tuple[str, ...]
    kept: int
    refund: int
    refunds: tuple[Owed, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "booking_number": self.booking_number,
            "tickets": list(self.tickets),
            "kept": self.kept,
            "refund": self.refund,
            "refunds": [one.as_json() for one in self.refunds],
        }


def quote(office: Office, actor: Actor, asked: Cancellation) -> Quoted:
    """What it would come to, as things are now.

    Raises:
        NotFound: no such booking or ticket.
        StateConflict: never sold, used or closed already.
        Refused: too late, or not that way; see ``core.refund_rules`` and ``core.refund_ways``.
    """
    require(actor, "sell")
    network = office.network()

    def look(tx: Transaction) -> Quoted:
        sold = after_sale.look(tx, network, after_sale.booking_id_of(tx, asked.booking_number))
        tx.audit("view", "bookings", sold.id)
        customer = quotas.customer_of(sold.user_id, None)
        return Quoted(sold, _quote(sold, asked, sold.now), _quota(tx, sold, customer) if customer else None)

    return office.database.transaction(look, actor=actor)


def _quote(sold: SoldBooking, asked: Cancellation, at: datetime, terms: Mapping[str, Terms] | None = None) -> Quote:
    chosen = None if asked.tickets is None else {sold.ticket(number).number for number in asked.tickets}
    return refund_quote.quote(
        cancelling.items_of(sold, terms),
        chosen,
        cancelling.payments_of(sold),
        at,
        booking_fee=cancelling.booking_fee_of(sold),
        claim=asked.claim,
        method=asked.method,
    )


def _quota(tx: Transaction, sold: SoldBooking, customer: bytes | None) -> Quota:
    place = sold.tickets[0].place if sold.tickets else {"station_id": None, "train_id": None}
    return quotas.ask(tx, customer).read(sold.policies, **place)


def request(office: Office, actor: Actor, asked: Cancellation, identity: str, reason: str) -> Approval:
    """Ask for a refund; asked again for the same, the same request.

    Args:
        identity: a passenger's whole number, shown at the counter; it is stored nowhere.
        reason: the customer's words; they go on record.

    Raises:
        Refused: the identity is nobody's of this booking (``identity_mismatch``, on record), no reason
            (``reason_missing``), or as ``quote``.
        StateConflict: another request about one of these tickets waits (``refund_requested``), or as ``quote``.
    """
    require(actor, "sell")
    if not one_line(reason):
        raise Refused("A refund needs a reason.", code="reason_missing", hint="Say why it is asked for.")
    found = after_sale.find(office, actor, asked.booking_number)
    shown = after_sale.require_identity(office, actor, found, identity)
    network = office.network()
    customer = quotas.customer_of(found.user_id, shown.digest)

    def decide(tx: Transaction) -> tuple[Wish, UUID | None]:
        sold = after_sale.look(tx, network, found.id)
        decided = _quote(sold, asked, sold.now)
        quoted = Quoted(sold, decided, _quota(tx, sold, customer))
        wish = _wish(sold, decided, asked, _facts(quoted, shown))
        waiting = tx.send(_OPEN_REQUESTS, subject=str(sold.id), now=sold.now).all()
        return wish, _same_request(wish, [one for one in waiting if one.status in ("pending", "approved")])

    wish, before = office.database.transaction(decide, actor=actor)
    return approvals.find(office, before) if before else approvals.request(office, actor, wish, reason)


def _same_request(wish: Wish, waiting: Sequence[Any]) -> UUID | None:
    for one in waiting:
        if all(one.details.get(name) == wish.details[name] for name in _SAME):
            return UUID(str(one.id))
        if set(one.details.get("tickets", ())) & set(wish.details["tickets"]):
            raise StateConflict(
                "Another refund of one of these tickets is asked for already.",
                code="refund_requested",
                hint="It is decided first: counter approve list.",
            )
    return None


def _facts(quoted: Quoted, shown: SoldPassenger) -> dict[str, Any]:
    """What a supervisor wants to see, and what must not change between asking and doing; see ``carry_out``."""
    sold, decided = quoted.sold, quoted.quote
    first = min(decided.lines, key=lambda line: line.item.trip.departs_at)
    return {
        "booking": sold.number,
        "of": len(sold.live),
        "train": first.item.trip.train,
        "departs_at": first.item.trip.departs_at.isoformat(),
        "until": min(line.until for line in decided.lines).isoformat(),
        "paid_by": [
            {"method": one.method, "amount": one.amount, "at": one.paid_at.isoformat()}
            for one in sold.payments
            if one.paid_at is not None
        ],
        "as_of": sold.now.isoformat(),
        "terms": {line.item.number: line.item.terms.as_json() for line in decided.lines},
        "over_quota": str(quoted.quota) if quoted.needs_supervisor_twice else None,
        "shown_by": shown.position,
    }


def _wish(sold: SoldBooking, decided: Quote, asked: Cancellation, facts: Mapping[str, Any]) -> Wish:
    """The decision as it is approved: to the ticket, the unit and the way the money goes."""
    details = {
        **facts,
        "tickets": [line.item.number for line in decided.lines],
        "paid": decided.paid,
        "fee": decided.fee,
        "refund": decided.refund,
        "reason": decided.reason,
        "fault": decided.fault,
        "claim": asked.claim,
        "method": asked.method,
        "parts": [part.as_json() for part in decided.parts],
    }
    return Wish(KIND, "bookings", str(sold.id), decided.refund, details)


def approved(office: Office, number: int, booking_number: str) -> Approval:
    """The request of that number about a refund of that booking, whatever became of it.

    Raises:
        NotFound: there is none of that number.
        NotApproved: it is about something else.
    """
    found = approvals.by_number(office, number)
    if found.kind != KIND or found.details.get("booking") != booking_number.strip().upper():
        raise NotApproved("This approval is for something else.", hint="Ask for one for exactly this.")
    return found


def carry_out(office: Office, actor: Actor, approval: Approval) -> Cancelled:
    """Do what was approved, once.

    Raises:
        NotApproved: it is not approved, used already or too old.
        StateConflict: a ticket was used, cancelled or exchanged meanwhile, or it would come to something else now
            (``refund_changed``).
        Refused: as ``quote``.
    """
    require(actor, "sell")
    network = office.network()
    facts, booking_id = approval.details, UUID(approval.subject_id)
    claim = Fault(facts["claim"]) if facts.get("claim") else None
    asked = Cancellation(facts["booking"], tuple(facts["tickets"]), facts.get("method"), claim)

    def do(tx: Transaction) -> Cancelled:
        sold = after_sale.lock(tx, network, booking_id)
        terms = {number: Terms.from_json(values) for number, values in facts["terms"].items()}
        decided = _quote(sold, asked, datetime.fromisoformat(facts["as_of"]), terms)
        wish = _wish(sold, decided, asked, facts)
        if any(wish.details[name] != facts.get(name) for name in _SAME):
            raise StateConflict(
                "It would come to something else by now.", code="refund_changed", hint="Ask for it again."
            )
        approvals.consume(tx, approval.id, wish)
        over = facts.get("over_quota")
        how = Decision(
            kind="cancel" if decided.fault is None else "fault",
            reason=approval.reason,
            approval_id=approval.id,
            requested_by=approval.requested_by,
            within_policy=over is None and decided.fault is not Fault.SERVICE,
            customer=quotas.customer_of(sold.user_id, _digest_of(sold, facts["shown_by"])),
            more={"as_of": facts["as_of"], "approval": approval.number},
        )
        owed = cancelling.carry_out(tx, sold, decided, how)
        return Cancelled(sold.id, sold.number, tuple(facts["tickets"]), decided.fee, decided.refund, tuple(owed))

    return office.database.transaction(do, actor=actor)


def _digest_of(sold: SoldBooking, position: int) -> bytes | None:
    """Of the identity that was shown; the number itself stands in no request."""
    return next((one.digest for one in sold.passengers if one.position == position), None)
