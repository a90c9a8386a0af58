"""Many counters and gates at one ticket, at the last seats of a train, and at each other's seats: one wins each time.

And the long case: two passengers, one moved, one cancelled, the first one's ticket lost, every code scanned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from uuid_utils.compat import uuid4, uuid7

from core import approvals, policy, refunds, reissue, reschedules, shifts, terminals
from core.checkin import Gate, check_in
from core.database import Actor
from core.errors import NotEnoughSeats, Refused
from core.ops import integrity
from core.payments import Tender
from core.refunds import Cancellation
from core.reschedules import Order
from core.tickets import TicketRecord
from tests.conftest import sign_in

if TYPE_CHECKING:
    from tests.core.conftest import Desk

CASH = Tender("cash")
CLIENTS = 16


def nik(number: int = 1) -> str:
    return f"317101010190{number:04}"


@pytest.fixture
def supervisor(desk: Desk) -> Actor:
    return sign_in(desk.office, "3001", "TEST-2")


class Rush:
    """Clients at terminals of their own, let go at the same moment."""

    def __init__(self, desk: Desk, office: Any, gate_agent: Actor) -> None:
        self.desk, self.office, self.gate_agent = desk, office, gate_agent

    def order(self, ticket: TicketRecord, *, days: int = 1, class_code: str | None = None) -> Order:
        day = ticket.journey.day + timedelta(days=days)
        trip = reschedules.journey_for(self.desk.office, self.desk.clerk, ticket.number, "43", day)
        return Order(ticket.number, trip.schedule_id, trip.origin.code, trip.destination.code, class_code)

    def clerk(self, number: int) -> Actor:
        here = terminals.register(self.office, f"RUSH-{number}", station="YK")
        actor = replace(self.desk.clerk, terminal_id=here.id)
        shifts.open_for_scripts(self.office, actor)
        return actor

    def move(self, number: int, order: Order, who: str) -> Callable[[], str]:
        actor = self.clerk(number)

        def go() -> str:
            reschedules.carry_out(self.office, actor, order, who, CASH, key=uuid4())
            return "moved"

        return go

    def scan(self, ticket: TicketRecord) -> Callable[[], str]:
        at = ticket.journey.departs_at - timedelta(minutes=10)

        def go() -> str:
            return check_in(self.office, self.gate_agent, ticket.code, Gate("YK"), at=at).outcome.value

        return go

    def lose(self, number: int, ticket: TicketRecord, who: str) -> Callable[[], str]:
        actor = self.clerk(number)

        def go() -> str:
            reissue.duplicate(self.office, actor, ticket.number, who, "lost", key=uuid4())
            return "reissued"

        return go

    def cancel(self, ticket: TicketRecord, approval: approvals.Approval) -> Callable[[], str]:
        def go() -> str:
            refunds.carry_out(self.office, self.desk.clerk, approval)
            return "refunded"

        return go

    def run(self, *work: Callable[[], str]) -> Counter[str]:
        """Everybody at once; what each got, or why not."""
        barrier = Barrier(len(work))

        def one(go: Callable[[], str]) -> str:
            barrier.wait()
            try:
                return go()
            except Refused as refused:
                return refused.reason

        with ThreadPoolExecutor(len(work)) as pool:
            return Counter(pool.map(one, work))


@pytest.fixture
def rush(desk: Desk, gate_agent: Actor, open_office: Callable[..., Any]) -> Rush:
    return Rush(desk, open_office(pool_size=CLIENTS), gate_agent)


@pytest.mark.parametrize("scans", [0, 8, 15])
def test_one_ticket_is_moved_or_used(rush: Rush, desk: Desk, scans: int) -> None:
    ticket = desk.sell().tickets[0]
    orders = [rush.order(ticket, class_code=code) for code in ("EKS", "LUX")]
    moves = [rush.move(n, orders[n % 2], nik()) for n in range(CLIENTS - scans)]
    got = rush.run(*moves, *(rush.scan(ticket) for _ in range(scans)))
    assert got["moved"] + got["ok"] == 1
    late = CLIENTS - scans - got["moved"]
    assert got["ticket_used" if got["ok"] else "ticket_closed"] == late
    assert got["already_used" if got["ok"] else "superseded"] == scans - got["ok"]
    assert desk.taken() == 1
    assert desk.count("booking_modifications") == got["moved"]
    desk.require_sound()


def test_moved_refunded_reissued_or_used(rush: Rush, desk: Desk, supervisor: Actor) -> None:
    """A new issue may go before any of the others; of those one wins, and the others say why not."""
    sold = desk.sell(2)
    ticket = sold.tickets[0]
    order = rush.order(ticket)
    asked = refunds.request(desk.office, desk.clerk, Cancellation(sold.booking_number, (ticket.number,)), nik(), "ill")
    approvals.decide(desk.office, supervisor, asked.id, approve=True)
    desk.decide(policy.DUPLICATES_PER_TICKET, 14)
    got = rush.run(
        *(rush.move(n, order, nik()) for n in range(5)),
        *(rush.cancel(ticket, asked) for _ in range(4)),
        *(rush.lose(10 + n, ticket, nik()) for n in range(3)),
        *(rush.scan(ticket) for _ in range(4)),
    )
    assert sum(got.values()) == CLIENTS
    assert got["moved"] + got["refunded"] + got["ok"] == 1
    desk.require_sound()


def test_the_last_seats_of_a_train(rush: Rush, desk: Desk) -> None:
    tickets = [ticket for n in range(4) for ticket in desk.sell(4, first=1 + 4 * n).tickets]
    orders = [rush.order(one) for one in tickets]
    desk.owner(
        "DELETE FROM seat_inventory WHERE schedule_id = :id AND seat_id NOT IN (SELECT seat_id FROM seat_inventory"
        " WHERE schedule_id = :id AND class_id = :class_id ORDER BY seat_id LIMIT 5)",
        id=orders[0].schedule_id,
        class_id=tickets[0].travel_class.id,
    )
    got = rush.run(*(rush.move(n, order, nik(n + 1)) for n, order in enumerate(orders)))
    assert got == {"moved": 5, NotEnoughSeats.code: CLIENTS - 5}
    assert desk.taken() == CLIENTS
    desk.require_sound()


def test_two_trains_change_places(rush: Rush, desk: Desk) -> None:
    """Half of them go to the day the other half leaves: nobody waits for ever, everybody arrives."""
    here = [ticket for n in range(2) for ticket in desk.sell(4, first=1 + 4 * n).tickets]
    there = [
        reschedules.carry_out(
            desk.office, desk.clerk, rush.order(ticket), nik(9 + at), CASH, key=uuid7()
        ).tickets[0][0]
        for at, ticket in enumerate(ticket for n in range(2) for ticket in desk.sell(4, first=9 + 4 * n).tickets)
    ]  # fmt: skip
    work = [rush.move(n, rush.order(one), nik(n + 1)) for n, one in enumerate(here)]
    work += [rush.move(20 + n, rush.order(one, days=-1), nik(9 + n)) for n, one in enumerate(there)]
    assert rush.run(*work) == {"moved": CLIENTS}
    assert desk.taken() == CLIENTS
    desk.require_sound()


def test_the_same_key_from_many_hands(rush: Rush, desk: Desk) -> None:
    order, key = rush.order(desk.sell().tickets[0]), uuid4()
    actor = rush.clerk(1)

    def go() -> str:
        return reschedules.carry_out(rush.office, actor, order, nik(), CASH, key=key).tickets[0][0].number

    got = rush.run(*[go] * 8)
    assert list(got.values()) == [8]
    assert desk.count("tickets") == 2
    desk.require_sound()


def test_two_passengers_and_every_code_they_ever_had(rush: Rush, desk: Desk, supervisor: Actor) -> None:
    sold = desk.sell(2)
    first, second = sold.tickets
    moved = reschedules.carry_out(desk.office, desk.clerk, rush.order(first), nik(1), CASH, key=uuid7())
    asked = refunds.request(desk.office, desk.clerk, Cancellation(sold.booking_number, (second.number,)), nik(2), "ill")
    approvals.decide(desk.office, supervisor, asked.id, approve=True)
    gone = refunds.carry_out(desk.office, desk.clerk, approvals.find(desk.office, asked.id))
    new = moved.tickets[0][0]
    again = reissue.duplicate(desk.office, desk.clerk, new.number, nik(1), "lost", key=uuid7()).ticket
    got = [rush.scan(one)() for one in (first, second, new, again, again, new)]
    assert got == ["superseded", "cancelled", "duplicate", "ok", "already_used", "duplicate"]
    fee = 113_000
    assert (moved.fee, gone.refund) == (fee, 450_000 - 112_500)
    charged = desk.value("SELECT sum(amount) FROM booking_charges")
    paid = desk.value("SELECT sum(amount) FROM payments")
    assert paid == charged == 2 * 450_000 + 7_500 + fee
    kinds = {
        row[0] for row in desk.owner("SELECT modification_type FROM booking_modifications WHERE status = 'closed'")
    }
    assert kinds == {"reschedule", "cancel", "duplicate"}
    assert desk.taken() == 1
    desk.require_sound()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE tickets SET supersedes_id = NULL WHERE supersedes_id IS NOT NULL", "superseded by 0 tickets"),
        ("UPDATE tickets SET ticket_status = 'cancelled' WHERE ticket_status = 'superseded'", "which is cancelled"),
    ],
)
def test_verify_finds_a_ticket_that_lost_its_successor(rush: Rush, desk: Desk, change: str, said: str) -> None:
    ticket = desk.sell().tickets[0]
    reschedules.carry_out(desk.office, desk.clerk, rush.order(ticket), nik(), CASH, key=uuid7())
    desk.owner("ALTER TABLE tickets DISABLE TRIGGER USER")
    desk.owner(change)
    found = [problem for check in integrity.verify(desk.office) for problem in check.problems]
    assert len(found) == 1
    assert said in found[0]
