"""A clerk who moves tickets, for the tests of moving them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from core import reschedules
from core.errors import Refused, UsageError
from core.payments import Tender
from core.reschedule_plan import Plan
from core.reschedules import Moved, Order

if TYPE_CHECKING:
    from tests.core.conftest import Desk

CASH = Tender("cash")
FARE, FEE = 450_000, 113_000


def nik(number: int = 1) -> str:
    return f"317101010190{number:04}"


class Counter:
    """A clerk who moves tickets."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.office, self.clerk = desk, desk.office, desk.clerk

    def order(self, ticket: Any, *, train: str = "43", days: int = 1, **wanted: Any) -> Order:
        number = str(getattr(ticket, "number", ticket))
        day = self.desk.day + timedelta(days=days)
        trip = reschedules.journey_for(self.office, self.clerk, number, train, day)
        return Order(number, trip.schedule_id, trip.origin.code, trip.destination.code, **wanted)

    def move(
        self, order: Order, *, who: str = nik(1), tender: Tender | None = CASH, key: UUID | None = None, **more: Any
    ) -> Moved:
        return reschedules.carry_out(self.office, self.clerk, order, who, tender, key=key or uuid7(), **more)

    def quote(self, order: Order, *, who: str = nik(1)) -> Plan:
        return reschedules.quote(self.office, self.clerk, order, who)

    def refused(self, order: Order, **more: Any) -> str:
        """The code of the refusal, after which nothing has changed."""
        before = self.desk.fingerprint()
        with pytest.raises((Refused, UsageError)) as refused:
            self.move(order, **more)
        after = self.desk.fingerprint()
        changed = {table for table in before if before[table] != after[table]}
        assert changed <= {"audit_logs", "audit_heads", "domain_events"}
        return refused.value.reason

    def leaves_in(self, serial: int, minutes: float) -> None:
        """Let the train of a ticket that boards where it starts leave so many minutes from now."""
        self.desk.owner(
            "UPDATE schedules SET departs_at = now() + make_interval(secs => :secs)"
            " WHERE id = (SELECT schedule_id FROM tickets WHERE id = :serial)",
            secs=minutes * 60,
            serial=serial,
        )
