"""A gateway to test against: a real HTTP server on loopback with books of its own, and clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from core.payments.gateway import Gateway
from core.payments.gateway_answer import Answer, TransactionState
from counter.simulator import GatewaySimulator, Orders

KEY = UUID("0199d1a0-5a3c-7c11-8a54-1f6a2b3c4d5e")
NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
AMOUNT = 789_000

#: For faults that end in a time-out; everything else gets all the time a busy machine may need.
HURRIED = {"connect": 0.3, "read": 0.15, "total": 0.3}
PATIENT = {"connect": 20, "read": 20, "total": 30}


@pytest.fixture
def simulator() -> Iterator[GatewaySimulator]:
    with GatewaySimulator(Orders(clock=lambda: NOON), drip=0.02) as running:
        yield running


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that clients made instead of sleeping, in seconds."""
    return []


@pytest.fixture
def connect(simulator: GatewaySimulator, pauses: list[float]) -> Iterator[Callable[..., Gateway]]:
    """Clients of the simulator; ``attempts`` and time limits as wanted."""
    with ExitStack() as stack:

        def new(attempts: int = 3, **limits: float) -> Gateway:
            access = simulator.access(attempts=attempts, **{**PATIENT, **limits})
            return stack.enter_context(Gateway(access, pause=pauses.append, draw=lambda: 1.0))

        yield new


@pytest.fixture
def gateway(connect: Callable[..., Gateway]) -> Gateway:
    return connect()


def charge(gateway: Gateway, order_id: str = "SC-1", amount: int = AMOUNT) -> Answer:
    return gateway.charge(order_id, amount, key=uuid5(KEY, order_id), expires_in=QUARTER)


def answer(state: str = "pending", *, amount: int = AMOUNT, order_id: str = "SC-1", **more: object) -> Answer:
    """An answer as the gateway would give it."""
    fields = {"status_code": "200", "transaction_id": "t", "gross_amount": f"{amount}.00"} | more
    return Answer(order_id=order_id, state=TransactionState(state), amount=amount, **fields)  # type: ignore[arg-type]
