"""Changing a ticket on screen: moved with its quote and payment, corrected, issued anew, printed once more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection

from core import policy
from core.database import Actor
from core.office import Office
from core.ops.demo import PIN
from counter.app import CounterApp
from counter.dialogs.approver import Approver
from counter.dialogs.choice import Choice
from counter.dialogs.form import Form
from counter.dialogs.question import Question
from counter.screens.bookings import BookingsScreen
from tests.core.conftest import Desk
from tests.screens.till import Till

IDENTITY = "3171010101900001"


class Counter(Till):
    """Drives the bookings screen, a booking of two marked."""

    @property
    def said(self) -> str:
        shown = self.app.screen_stack[0].line.message  # type: ignore[attr-defined]
        return f"{shown[1]} {shown[2]}".strip() if shown else ""

    async def fill(self, *values: str) -> None:
        """Type a value into each field of a form, Enter after each."""
        for value in values:
            await self.type(value)
            await self.press("enter")

    async def kind(self, lines_down: int) -> None:
        """F3, the first ticket, and one of the things that can be done with it."""
        await self.press("f3")
        await self.until(lambda: isinstance(self.app.screen, Choice) and "Which ticket" in self.text)
        await self.press("enter")
        await self.until(lambda: isinstance(self.app.screen, Choice) and "Upgrade" in self.text)
        await self.press(*["down"] * lines_down, "enter")
        await self.until(lambda: isinstance(self.app.screen, Form))


@pytest.fixture
def desk(office: Office, clerk: Actor, travel_day: date, owner_connection: Connection) -> Desk:
    return Desk(office, clerk, travel_day, owner_connection)


@pytest.fixture(params=[(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def at(desk: Desk, desk_settings: Any, until: Any, request: pytest.FixtureRequest) -> AsyncIterator[Counter]:
    sold = desk.sell(2, printer="file")
    app = CounterApp(desk_settings)
    async with app.run_test(size=request.param) as pilot:
        counter = Counter(pilot)
        await until(pilot, lambda: app.workplace is not None)
        await app.sign_in("1001", PIN)
        await counter.press("ctrl+b")
        await until(pilot, lambda: isinstance(app.screen, BookingsScreen))
        await counter.fill(sold.booking_number)
        await counter.until(lambda: "PENUMPANG 2" in counter.text)
        yield counter
    desk.require_sound()


async def test_moved_to_the_next_day(at: Counter, desk: Desk) -> None:
    await at.kind(0)
    day = date.fromordinal(desk.day.toordinal() + 1).isoformat()
    await at.fill("", day, "3171010101900009")
    await at.until(lambda: "nobody's of booking" in at.text)
    await at.press("ctrl+a", "ctrl+k")
    await at.fill(IDENTITY)
    await at.until(lambda: "To pay: 113.000" in at.text and "fee 113.000" in at.text)
    assert desk.count("booking_modifications") == 0  # nothing has happened yet
    await at.fill("")
    await at.until(lambda: "print" in at.said and "113.000" in at.said)
    states = [row[0] for row in desk.owner("SELECT ticket_status FROM tickets ORDER BY id")]
    assert states == ["superseded", "active", "active"]


async def test_corrected_for_nothing(at: Counter, desk: Desk) -> None:
    await at.kind(2)
    await at.press("shift+tab", "ctrl+a", "ctrl+k")
    await at.type("Penumpeng 1")
    await at.press("enter")
    await at.fill(IDENTITY)
    await at.until(lambda: isinstance(at.app.screen, Question))
    await at.press("enter")
    await at.until(lambda: "print" in at.said)
    assert desk.value("SELECT passenger_name FROM passengers WHERE position = 1") == "PENUMPENG 1"


async def test_lost_once_too_often(at: Counter, desk: Desk) -> None:
    desk.decide(policy.DUPLICATES_PER_TICKET, 0)
    await at.kind(3)
    await at.fill(IDENTITY, "lost in the train")
    await at.until(lambda: isinstance(at.app.screen, Approver))
    await at.fill("3001", PIN)
    await at.until(lambda: isinstance(at.app.screen, Question))
    await at.press("enter")
    await at.until(lambda: "print" in at.said)
    assert desk.value("SELECT max(issue_no) FROM tickets") == 2


async def test_a_spoilt_print(at: Counter, desk: Desk) -> None:
    await at.kind(4)
    await at.press("enter")
    await at.fill("paper jam")
    await at.until(lambda: "print" in at.said or "no printer" in at.text)
    assert desk.count("spoilt_prints") == (0 if "no printer" in at.text else 1)
