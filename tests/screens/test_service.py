"""Service on the screen: the queue and its keys, notices, a fine written and paid, at a counter and at a gate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Connection, text

from core import escalations, service_requests
from core.ops.demo import PIN
from core.service_requests import Wanted
from counter.app import CounterApp
from counter.dialogs.form import Form
from counter.dialogs.notices import Notices
from counter.screens.service import ServiceScreen
from tests.conftest import sign_in
from tests.screens.till import Till


class Desk(Till):
    """Somebody at the service workstation."""

    @property
    def service(self) -> ServiceScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, ServiceScreen)
        return screen

    @property
    def message(self) -> str:
        shown = self.app.workstation.line.message
        return f"{shown[1]} {shown[2]}".strip() if shown else ""

    async def go(self) -> None:
        await self.press("ctrl+s")
        await self.until(lambda: isinstance(self.app.screen_stack[0], ServiceScreen))
        await self.settled()

    async def form(self, key: str, typed: str) -> None:
        """Open a form by its key, and type into it."""
        await self.press(key)
        await self.until(lambda: isinstance(self.app.screen, Form))
        form = self.app.screen
        await self.type(typed)
        await self.until(lambda: self.app.screen is not form)
        await self.settled()


async def at_work(app: CounterApp, pilot: Any, until: Any, number: str) -> Desk:
    desk = Desk(pilot)
    await until(pilot, lambda: app.workplace is not None)
    await app.sign_in(number, PIN)
    await desk.go()
    return desk


@pytest.fixture
async def desk(desk_settings: Any, office: Any, until: Any) -> AsyncIterator[Desk]:
    """A clerk with an open shift, at the queue of 80 columns."""
    app = CounterApp(desk_settings)
    async with app.run_test(size=(80, 24)) as pilot:
        yield await at_work(app, pilot, until, "3001")


async def test_from_a_request_to_its_end_by_keys(desk: Desk) -> None:
    assert "Nobody waits." in desk.text
    await desk.form("n", "Siti Aminah\t0812 3456 7890\tlost her ticket\t\t\r")
    await desk.until(lambda: "Request 1 is in the queue." in desk.message)
    assert "1 request waits" in desk.text
    assert "SITI AMINAH" in desk.text
    assert "60 min" in desk.text or "59 min" in desk.text
    await desk.press("t")
    await desk.until(lambda: "Request 1 is yours." in desk.message)
    assert "With " in desk.text
    await desk.form("e", "she shouts\r")
    await desk.until(lambda: "The supervisors know of request 1." in desk.message)
    await desk.form("r", "called her\r")
    await desk.until(lambda: "Request 1 is resolved." in desk.message)
    assert "Nobody waits." in desk.text
    assert desk.count("callback_requests WHERE status = 'resolved' AND resolution = 'called her'") == 1
    await desk.press("escape")
    await desk.until(lambda: desk.app.current_mode == "sell")


async def test_a_refusal_stays_in_its_form(desk: Desk) -> None:
    await desk.press("n")
    await desk.until(lambda: isinstance(desk.app.screen, Form))
    await desk.type("Siti\t\tcall me\t\t\r")
    await desk.until(lambda: "Nobody can be called without a number." in desk.text)
    await desk.press("escape")
    await desk.until(lambda: not isinstance(desk.app.screen, Form))
    assert desk.count("callback_requests") == 0


async def test_notices_are_listed_and_marked_as_read(
    desk_settings: Any, office: Any, until: Any, owner_connection: Connection
) -> None:
    def marked() -> int:  # as the owner: nobody else sees somebody's notices
        return int(
            owner_connection.execute(text("SELECT count(read_at) FROM notifications WHERE is_read")).scalar_one()
        )

    clerk = sign_in(office)
    for _ in range(2):
        made = service_requests.open_request(office, clerk, Wanted("complaint", "Siti", "noise"))
        escalations.escalate(office, clerk, made.number, "she shouts")
    app = CounterApp(desk_settings)
    async with app.run_test(size=(80, 24)) as pilot:
        desk = await at_work(app, pilot, until, "3001")
        await desk.until(lambda: "2 new notices: Ctrl+D" in desk.message)
        assert "2 requests wait" in desk.text
        await desk.press("ctrl+d")
        await desk.until(lambda: isinstance(app.screen, Notices))
        assert "Service request 2 (complaint) waits too long" in desk.text
        assert "she shouts" in desk.text
        await desk.press("enter")
        await desk.until(lambda: marked() == 1)
        await desk.press("a")
        await desk.until(lambda: not isinstance(app.screen, Notices))
        assert marked() == 2
        await desk.press("ctrl+d")
        await desk.until(lambda: "There is nothing new." in desk.message)


async def test_a_fine_is_written_at_the_gate(desk_settings: Any, office: Any, until: Any) -> None:
    app = CounterApp(desk_settings)
    async with app.run_test(size=(80, 24)) as pilot:
        desk = await at_work(app, pilot, until, "2001")
        await desk.press("n")
        await desk.until(lambda: "does not allow" in desk.message)
        await desk.form("f", "\t43\tBudi Santoso\t3171010101900001\tCN\tGMR\t\r")
        await desk.until(lambda: "Fine 1:" in desk.message)
        assert "BUDI SANTOSO" in desk.message
        assert desk.count("fines WHERE status = 'open'") == 1
        await desk.press("p")
        await desk.until(lambda: "does not allow" in desk.message)


async def test_a_fine_is_paid_at_the_counter(desk: Desk) -> None:
    await desk.form("f", "\t43\tBudi Santoso\t3171010101900001\tCN\tGMR\t\r")
    await desk.until(lambda: "Fine 1:" in desk.message)
    await desk.press("p")
    await desk.until(lambda: isinstance(desk.app.screen, Form))
    await desk.type("1\r")
    await desk.until(lambda: "for BUDI SANTOSO" in desk.text)
    await desk.type("\r")
    await desk.until(lambda: "No shift is open" in desk.text)
    await desk.press("escape")
    await desk.until(lambda: not isinstance(desk.app.screen, Form))
    assert desk.count("fines WHERE status = 'open'") == 1
