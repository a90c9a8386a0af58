"""Bookings on screen: found, cancelled with the quote shown first, approved in place or with a key, paid out."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection

from core import refunds
from core.closing import Sale
from core.database import Actor
from core.office import Office
from core.ops.demo import PIN
from core.refunds import Cancellation
from counter.app import CounterApp
from counter.dialogs.approver import Approver
from counter.dialogs.form import Form
from counter.screens.approvals import ApprovalsScreen
from counter.screens.bookings import BookingsScreen
from tests.core.conftest import Desk
from tests.core.refunding import Refunder, somebody
from tests.screens.till import Till

IDENTITY = "3171010101900001"


class Counter(Till):
    """Drives the bookings screen."""

    @property
    def bookings(self) -> BookingsScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, BookingsScreen)
        return screen

    @property
    def said(self) -> str:
        shown = self.app.screen_stack[0].line.message  # type: ignore[attr-defined]
        return f"{shown[1]} {shown[2]}".strip() if shown else ""

    async def fill(self, *values: str) -> None:
        """Type a value into each field of a form, Enter after each."""
        for value in values:
            await self.type(value)
            await self.press("enter")


@pytest.fixture
def desk(office: Office, clerk: Actor, travel_day: date, owner_connection: Connection) -> Desk:
    return Desk(office, clerk, travel_day, owner_connection)


@pytest.fixture
def sold(desk: Desk) -> Sale:
    """Two passengers on one booking, of this test's database."""
    return desk.sell(2)


async def test_cancelled_in_place_and_transferred(sold: Sale, desk: Desk, desk_settings: Any, until: Any) -> None:
    app = CounterApp(desk_settings)
    async with app.run_test(size=(80, 24)) as pilot:
        at = Counter(pilot)
        await until(pilot, lambda: app.workplace is not None)
        await app.sign_in("1001", PIN)
        await at.press("ctrl+b")
        await until(pilot, lambda: isinstance(app.screen, BookingsScreen))
        await at.fill("NOSUCH2")
        await at.press("escape")
        await at.fill(sold.booking_number)
        await at.until(lambda: sold.booking_number in at.text and "PENUMPANG 2" in at.text)
        await at.press("f2")
        await at.until(lambda: isinstance(app.screen, Form) and "which tickets" in at.text)
        await at.fill("1", "")
        await at.until(lambda: "337.500 goes back, 112.500 is kept" in at.text)
        assert desk.count("approvals") == 0  # nothing has happened yet
        await at.fill("3171010101900009", "ill")
        await at.until(lambda: "nobody's of booking" in at.text)
        await at.press("up", "home", "ctrl+k")
        await at.fill(IDENTITY)
        await at.press("enter")
        await at.until(lambda: isinstance(app.screen, Approver))
        await at.fill("3001", PIN)
        await at.until(lambda: "337.500 goes back by" in at.text)
        await at.fill("BCA 123", "TRX-1")
        await at.until(lambda: "is paid out" in at.said)
    assert [one.ticket_status for one in desk.owner("SELECT * FROM tickets ORDER BY id")] == ["cancelled", "active"]
    assert desk.value("SELECT refund_status FROM refunds") == "completed"
    desk.require_sound()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_supervisor_approves_a_refund_with_two_keys(
    sold: Sale, desk: Desk, desk_settings: Any, until: Any, size: tuple[int, int]
) -> None:
    refunds.request(desk.office, desk.clerk, Cancellation(sold.booking_number), IDENTITY, "ill")
    app = CounterApp(desk_settings)
    async with app.run_test(size=size) as pilot:
        at = Counter(pilot)
        await until(pilot, lambda: app.workplace is not None)
        await app.sign_in("3001", PIN)
        await at.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, ApprovalsScreen) and len(app.screen.waiting) == 1)
        await at.until(lambda: "2 of 2 seats: paid 900.000 cash" in " ".join(at.text.split()))
        text = " ".join(at.text.split())
        for words in (sold.booking_number, "-675.000", "fee 25 % 225.000", "until", "07:00"):
            assert words in text
        await at.press("a")
        await at.until(lambda: "approved and carried out: 675.000 goes back" in at.said)
    assert desk.status(sold.booking_id) == "cancelled"
    desk.require_sound()


async def test_a_refund_from_the_list_is_paid_out(sold: Sale, desk: Desk, desk_settings: Any, until: Any) -> None:
    Refunder(desk, somebody(desk, "3001")).cancel(sold)
    app = CounterApp(desk_settings)
    async with app.run_test(size=(80, 24)) as pilot:
        at = Counter(pilot)
        await until(pilot, lambda: app.workplace is not None)
        await app.sign_in("1001", PIN)
        await at.press("ctrl+b")
        await until(pilot, lambda: isinstance(app.screen, BookingsScreen))
        await at.fill(f"penumpang 43 {desk.day:%d/%m}")
        await at.until(lambda: sold.booking_number in at.text)
        await at.press("f5")
        await at.until(lambda: isinstance(app.screen, Form))
        await at.fill("BCA 123", "TRX-1")
        await at.until(lambda: "is paid out" in at.said)
        await at.press("f5")
        await at.until(lambda: "Nothing of this booking waits" in at.said)
        await at.press("escape", "escape")
        assert app.current_mode == "sell"
