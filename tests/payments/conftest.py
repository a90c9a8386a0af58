"""A gateway to test against: a real HTTP server on loopback with books of its own, and clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from core.database import Actor
from core.payments.gateway import Gateway
from counter.simulator import GatewaySimulator, Orders
from tests.conftest import sign_in
from tests.core.conftest import Desk, desk, open_office

__all__ = ["desk", "open_office"]

NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)

#: All the time a busy machine may need; a test of a time-out takes its own.
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


def actor_of(desk: Desk, number: str, terminal: str = "DESK-2") -> Actor:
    """Somebody else of the staff, at another terminal."""
    return sign_in(desk.office, number, terminal)
