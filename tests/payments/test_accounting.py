"""Two hundred payments in bad weather: whatever was lost, late, doubled or wrong, the books end up as the gateway's.

A small stand-in for a sale drives the client and the judgement as a counter does: charge, watch for a while, expire
what is still open, and reconcile the next morning when the weather is fine.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from core.errors import Unreachable
from core.payments.gateway import Gateway
from core.payments.gateway_answer import Answer
from core.payments.gateway_errors import CannotBeChanged, UnknownOrder
from core.payments.judgement import Action, judge
from counter.simulator import Fault, FaultPlan, GatewaySimulator, Orders
from counter.simulator.transactions import CannotHappen

NAMESPACE = UUID("0199d1a0-5a3c-7c11-8a54-1f6a2b3c4d5e")
NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
PAYMENTS = 200

#: What customers and banks do, as (settle, settle late, deny) in this order.
CUSTOMERS = (
    ("settle",),
    ("settle",),
    ("settle", "settle"),
    ("settle", "deny"),
    ("deny",),
    ("lapse",),
    ("lapse", "settle late"),
    (),
)


@dataclass
class Payment:
    """A row of the counter's books."""

    order_id: str
    amount: int
    state: str = "pending"
    confirmed: int = 0
    refunded: int = 0
    refund_initiated: bool = False
    questions: set[str] = field(default_factory=set)

    def hear(self, gateway: Gateway, answer: Answer) -> None:
        decision = judge(
            self.state, answer, amount=self.amount, order_id=self.order_id, refunded=self.refunded, wanted=True
        )
        self.state = decision.state
        if decision.question is not None:
            self.questions.add(decision.question)
        if decision.action is Action.CONFIRM:
            self.confirmed += 1
        elif decision.action is Action.RETURN:
            self.refund_initiated = True  # on record before the gateway is asked: the answer may be lost
            self.refund(gateway)
        elif decision.action is Action.EXPIRE:
            with suppress(CannotBeChanged):
                gateway.expire(self.order_id)

    def refund(self, gateway: Gateway) -> None:
        gateway.refund(self.order_id, refund_key=f"R-{self.order_id}", amount=self.amount, reason="late")
        self.refunded, self.state, self.refund_initiated = self.amount, "refunded", False


def sell(simulator: GatewaySimulator, gateway: Gateway, payment: Payment, draw: random.Random) -> None:
    for _ in range(3):
        with suppress(Unreachable):
            key = uuid5(NAMESPACE, payment.order_id)
            payment.hear(gateway, gateway.charge(payment.order_id, payment.amount, key=key, expires_in=QUARTER))
            break
    for event in draw.choice(CUSTOMERS):
        verb, _, late = event.partition(" ")
        with suppress(CannotHappen):  # the charge never arrived, or was expired too early
            if late:
                simulator.orders.settle(payment.order_id, late=True)
            else:
                getattr(simulator.orders, verb)(payment.order_id)
        with suppress(Unreachable, UnknownOrder):
            payment.hear(gateway, gateway.status(payment.order_id))
    if payment.state in ("pending", "processing"):
        try:
            payment.hear(gateway, gateway.expire(payment.order_id))
        except CannotBeChanged as error:
            payment.hear(gateway, error.answer)
        except (Unreachable, UnknownOrder):
            pass


def reconcile(gateway: Gateway, payment: Payment) -> None:
    """With a gateway that answers: ask about everything, end what is open."""
    try:
        if payment.refund_initiated:
            payment.refund(gateway)
        payment.hear(gateway, gateway.status(payment.order_id))
        if payment.state == "processing":
            payment.hear(gateway, gateway.expire(payment.order_id))
    except UnknownOrder:
        payment.state = "failed"


@pytest.mark.parametrize("seed", [1, 2])
def test_no_money_is_unaccounted_for(seed: int) -> None:
    draw = random.Random(seed)
    plan = FaultPlan(rate=0.4, seed=seed)
    payments = [Payment(f"SC-{number}", draw.randrange(1, 900) * 1_000) for number in range(PAYMENTS)]
    with GatewaySimulator(Orders(clock=lambda: NOON), plan, drip=0.02) as simulator:
        hurried = simulator.access(connect=5, read=0.2, total=0.3, attempts=2)
        with Gateway(hurried, pause=lambda _: None) as gateway, ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda p: sell(simulator, gateway, p, random.Random(f"{seed}/{p.order_id}")), payments))
        plan.clear()
        with Gateway(simulator.access(read=20, total=30)) as gateway:
            for _ in range(2):
                for payment in payments:
                    reconcile(gateway, payment)
        theirs = {order.order_id: order for order in simulator.orders.all()}
        kept = sum(
            payment.amount - payment.refunded for payment in payments if payment.state in ("completed", "refunded")
        )
        taken_back = sum(payment.amount for payment in payments if "settlement_denied" in payment.questions)
        assert kept - taken_back == simulator.orders.take_in()
    assert not [payment for payment in payments if payment.confirmed > 1]
    assert {payment.state for payment in payments} == {"completed", "failed", "refunded"}
    for payment in payments:
        order = theirs.get(payment.order_id)
        paid = order is not None and order.state == "settlement"
        assert (payment.state == "completed") == (paid or "settlement_denied" in payment.questions), payment
        assert order is None or order.amount == payment.amount
    assert {"settlement_denied", "settled_late", "wrong_amount"} <= set().union(*(p.questions for p in payments))


def test_the_weather_was_bad_indeed() -> None:
    """The draw above holds every fault many times."""
    plan = FaultPlan(rate=0.4, seed=1)
    drawn = [plan.next(call, f"SC-{n}") for n in range(PAYMENTS) for call in ("charge", "status", "expire")]
    assert set(drawn) == {None, *Fault}
