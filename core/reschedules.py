"""Moving a ticket of a sold booking to another train, date or class: the quote, and carrying it out.

The new seat is taken before the old one is given up, all in one transaction: the old ticket is superseded, a new one
with a serial of its own is issued, difference and fee go onto the ledger and into the drawer, and the old seat is free
for exactly its stretch. Whoever is late, of two, finds the ticket superseded or used.

What a move comes to is ``core.reschedule_plan``, whether it may be is ``core.reschedule_rules``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, insert
from uuid_utils.compat import uuid7

from core import (
    after_sale,
    approvals,
    change_payment,
    closing,
    holds,
    idempotency,
    modifications,
    print_journal,
    quotas,
    shifts,
    tickets,
)
from core.after_sale import SoldBooking
from core.approvals import Wish
from core.bill import Line
from core.change_payment import Charged
from core.database import Actor, Statement, Transaction
from core.idempotency import Request
from core.models import Ticket
from core.network import Network
from core.office import Office
from core.payments import Tender
from core.permissions import require
from core.reschedule_plan import Move, Order, Plan, work_out
from core.reschedule_record import Moved, read
from core.reschedule_rules import UPGRADE
from core.reschedule_seats import ExpiredInTheWay, Found, Pass, SeatLost, see, take
from core.search import departure
from core.ticket_changes import Holder, approval_needed, find, require_holder
from core.timetable import Journey
from core.wording import one_line

__all__ = ["Moved", "Order", "Plan", "carry_out", "journey_for", "quote", "wish_for"]

_CLOSED_REASON: Final = {"reschedule": "rescheduled", "upgrade": "upgraded"}
_COLUMNS: Final = (
    *("operator_id", "id", "booking_id", "passenger_id", "qr_code", "schedule_id", "service_date", "class_id"),
    *("seat_id", "from_stop", "to_stop", "legs", "subclass", "fare", "exclusive_identity", "entitlement_id"),
    "supersedes_id",
)
_INSERT: Final = Statement(insert(Ticket).values({name: bindparam(name) for name in _COLUMNS}))


def journey_for(
    office: Office,
    actor: Actor,
    ticket_number: str,
    train_number: str,
    day: date,
    *,
    origin: str | None = None,
    destination: str | None = None,
) -> Journey:
    """The journey on another train or day, between the ticket's own stations unless others are named.

    Raises:
        NotFound: no such ticket, train or departure.
        Refused: the day is past or not on sale yet; see ``search.departure``.
    """
    _, ticket = find(office, actor, ticket_number)
    old = ticket.journey
    return departure(office, origin or old.origin.code, destination or old.destination.code, day, train_number)


def upgrade_order(
    office: Office, actor: Actor, ticket_number: str, class_code: str, *, seat: str | None = None,
    infants: tuple[str, ...] | None = None,
) -> Order:  # fmt: skip
    """The order for a dearer class of the same train.

    Raises:
        NotFound: no such ticket.
    """
    _, ticket = find(office, actor, ticket_number)
    trip = ticket.journey
    return Order(
        ticket.number, trip.schedule_id, trip.origin.code, trip.destination.code, class_code, seat, infants, True
    )


def quote(office: Office, actor: Actor, order: Order, identity: str) -> Plan:
    """What a move would cost and which seat there would be; nothing is changed, taken or promised.

    Raises:
        Refused: as ``carry_out``; only what a supervisor may allow is part of the answer.
    """
    require(actor, "sell")
    network = office.network()
    holder = require_holder(office, actor, order.ticket, identity)

    def look(tx: Transaction) -> Plan:
        sold = after_sale.look(tx, network, holder.sold.id)
        return work_out(
            tx, network, sold, holder.shown_by, order, lambda wanted: see(tx, network, wanted, actor.terminal_id)
        )

    return office.database.transaction(look, actor=actor)


def wish_for(office: Office, actor: Actor, order: Order, identity: str) -> Wish:
    """What to ask a supervisor for. It holds for these amounts: a fare that changes meanwhile has to be asked again.

    Raises:
        Refused: as ``quote``.
    """
    return quote(office, actor, order, identity).wish(order)


def carry_out(
    office: Office,
    actor: Actor,
    order: Order,
    identity: str,
    tender: Tender | None,
    *,
    key: UUID,
    approval_id: UUID | None = None,
    reason: str = "",
    printer: str = "none",
) -> Moved:
    """Move a ticket; the same key again returns the first result.

    Args:
        identity: of a passenger of the booking, whole, as typed.
        tender: pays what is due; may be left out where nothing is.
        approval_id: for what is outside policy; see ``wish_for``.
        printer: the kind of printer the new tickets are queued for; ``none`` queues nothing.

    Raises:
        StateConflict: the ticket is used, closed or moved already.
        SeatTaken, NotEnoughSeats: there is no new seat; the old one is kept.
        ApprovalNeeded, NotApproved: it is outside policy, or the approval is for something else.
        Refused: a rule says no, nothing is paid, the identity is nobody's of the booking.
        KeyReused: the key belongs to another request.
    """
    require(actor, "sell")
    holder = require_holder(office, actor, order.ticket, identity)
    print_of = idempotency.fingerprint(office.keys, ["reschedule", order, tender, holder.shown_by.id])
    work = _Carrying(
        office, office.network(), actor, holder, order, tender, Request(key, "reschedule", print_of), approval_id,
        reason, printer,
    )  # fmt: skip
    return work.run()


@dataclass
class _Carrying:
    """One move, through the passes in which its seat is taken."""

    office: Office
    network: Network
    actor: Actor
    holder: Holder
    order: Order
    tender: Tender | None
    asked: Request
    approval_id: UUID | None
    reason: str
    printer: str

    def run(self) -> Moved:
        swept: set[Pass] = set()
        passes = [Pass.AT_ONCE, Pass.AFTER_WAITING]
        while True:
            attempt = partial(self._attempt, how=passes[0], swept=frozenset(swept))
            try:
                return self.office.database.transaction(attempt, actor=self.actor)
            except SeatLost:
                passes.pop(0)
            except ExpiredInTheWay as found:
                patient = passes[0] is Pass.AFTER_WAITING
                holds.release(self.office.database, found.booking_ids, wait=patient)
                swept.add(passes[0])

    def _attempt(self, tx: Transaction, *, how: Pass, swept: frozenset[Pass]) -> Moved:
        modification: UUID = uuid7()
        claim = idempotency.claim(tx, self.asked, modification, step="reschedule")
        here = shifts.ask(tx)
        expired = holds.expired(tx, [self.order.schedule_id])
        first = claim.first()
        if first is not None:
            return read(tx, self.network, UUID(first.require_same()))
        late = expired.scalars()
        if late and how not in swept:
            raise ExpiredInTheWay(late)
        sold = after_sale.lock(tx, self.network, self.holder.sold.id)
        start = self.actor.terminal_id

        def taken(wanted: Any) -> Found:
            return take(tx, self.network, wanted, start, how)

        plan = work_out(tx, self.network, sold, self.holder.shown_by, self.order, taken)
        used = self._approved(tx, plan)
        modifications.begin(
            tx,
            sold.id,
            plan.verdict.kind,
            one_line(self.reason) or plan.verdict.kind,
            approval_id=used,
            user_id=sold.user_id,
            within_policy=plan.verdict.within_policy,
            fee=plan.fee,
            ticket_id=plan.moves[0].ticket.serial,
            modification_id=modification,
        )
        self._exchange(tx, sold, plan)
        money = change_payment.take(
            tx, self.office, sold, plan.moves[0].ticket, modification, _lines(plan), self.tender, here
        )
        if plan.verdict.fault is None:
            quotas.count(tx, plan.customer)
        self._tell(tx, sold, plan, modification, money)
        modifications.close(tx, modification)
        return read(tx, self.network, modification, plan.notes)

    def _approved(self, tx: Transaction, plan: Plan) -> UUID | None:
        if plan.verdict.within_policy:
            return None
        wish = plan.wish(self.order)
        if self.approval_id is None:
            raise approval_needed(wish, plan.why_outside)
        return approvals.consume(tx, self.approval_id, wish).id

    def _exchange(self, tx: Transaction, sold: SoldBooking, plan: Plan) -> None:
        """Close the old tickets, issue the new ones, give the old seat back: the new one is taken already."""
        serials = closing.Serials(tx, len(plan.moves)).take(len(plan.moves))
        reason = _CLOSED_REASON[plan.verdict.kind]
        modifications.close_tickets(tx, [move.ticket for move in plan.moves], "superseded", reason)
        for move, serial in zip(plan.moves, serials, strict=True):
            tx.send(_INSERT, **self._row(sold, plan, move, serial))
            said = {"ticket_number": f"{serial:012d}", "supersedes": move.ticket.number, "fare": move.cost.new_fare}
            tx.audit("create", "tickets", serial, new=said)
        if self.printer != "none":
            rows = [print_journal.job_row(tx, uuid7(), serial, 1, self.printer) for serial in serials]
            print_journal.queue(tx, rows)

    def _row(self, sold: SoldBooking, plan: Plan, move: Move, serial: int) -> dict[str, Any]:
        trip, travel_class = plan.wanted.journey, plan.wanted.travel_class
        return {
            "id": serial,
            "booking_id": sold.id,
            "passenger_id": move.passenger.id,
            "qr_code": tickets.code_for(self.office, trip, travel_class, move.seat, serial=serial),
            "schedule_id": trip.schedule_id,
            "service_date": trip.service_date,
            "class_id": travel_class.id,
            "seat_id": move.seat.id if move.seat else None,
            "from_stop": trip.board.order,
            "to_stop": trip.leave.order,
            "legs": trip.legs,
            "subclass": plan.subclass,
            "fare": move.cost.new_fare,
            "exclusive_identity": move.exclusive,
            "entitlement_id": move.reduction.entitlement_id if move.reduction else None,
            "supersedes_id": move.ticket.serial,
        }

    def _tell(self, tx: Transaction, sold: SoldBooking, plan: Plan, modification: UUID, money: Charged) -> None:
        trip = plan.wanted.journey
        said = {
            "booking_number": sold.number,
            "type": plan.verdict.kind,
            "tickets": [one.ticket.number for one in plan.moves],
            "train": trip.train.number,
            "departs_at": trip.departs_at.isoformat(),
            "fee": plan.fee,
            "difference": plan.difference,
            "paid": money.paid,
            "fault": plan.verdict.fault.value if plan.verdict.fault else None,
            "modification_id": str(modification),
        }
        tx.audit("update", "bookings", sold.id, new=said)
        event = "ticket.upgraded" if plan.verdict.kind == UPGRADE else "ticket.rescheduled"
        tx.event(event, "bookings", sold.id, said)


def _lines(plan: Plan) -> list[Line]:
    """What a move writes on the ledger: the old journey off, the new one on, what is kept, the fee."""
    kind = plan.verdict.kind
    lines = []
    for move in plan.moves:
        who, amounts = move.passenger.id, move.cost
        lines += [
            Line("reversal", -amounts.old_fare, kind, who),
            Line("fare", move.full_fare, kind, who),
            Line("kept_fee", amounts.forgone, kind, who),
            Line("fee", amounts.fee, f"{kind}_fee", who),
        ]
        if move.reduction is not None:
            lines.append(Line("discount", amounts.new_fare - move.full_fare, move.reduction.kind, who))
    return lines
