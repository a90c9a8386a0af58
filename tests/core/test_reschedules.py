"""Moving tickets of sold bookings: seats, money, codes, reductions, infants, approvals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from uuid_utils.compat import uuid7

from core import reschedules
from core.payments import Tender
from core.reschedules import Order

if TYPE_CHECKING:
    from tests.core.conftest import Desk

CASH = Tender("cash")


def nik(number: int = 1) -> str:
    return f"317101010190{number:04}"


def order(desk: Desk, ticket: str, *, train: str = "43", **wanted: Any) -> Order:
    trip = reschedules.journey_for(desk.office, desk.clerk, ticket, train, desk.day + wanted.pop("later"))
    return Order(ticket, trip.schedule_id, trip.origin.code, trip.destination.code, **wanted)


def test_first(desk: Desk) -> None:
    from datetime import timedelta

    sold = desk.sell(2)
    moved = reschedules.carry_out(
        desk.office, desk.clerk, order(desk, sold.tickets[0].number, later=timedelta(days=1)), nik(1), CASH, key=uuid7()
    )
    print(moved.as_json())
    desk.require_sound()
