"""Nothing that draws ever waits for the database: every question to it is asked in a thread, also about the railway."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from functools import wraps
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from core import network
from core.database import Database
from core.ops.demo import PIN
from counter.dialogs.departures import DepartureDialog
from counter.screens.gate import GateScreen
from tests.screens.till import Till

BUDI = "3171010101900001"
PROGRAM = Path(str(files("counter")))


@pytest.fixture
def asked_here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where the program asked the database on the thread of this test, which is the one that draws."""
    monkeypatch.setattr(network, "FRESH_SECONDS", -1.0)  # whoever looks at the railway reads it anew
    found: list[str] = []

    def watched(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def asks(*arguments: Any, **options: Any) -> Any:
            stack = traceback.extract_stack()
            if threading.get_ident() == here and any(Path(frame.filename).is_relative_to(PROGRAM) for frame in stack):
                found.append("".join(traceback.format_list(stack[-6:])))
            return method(*arguments, **options)

        return asks

    here = threading.get_ident()
    for name in ("transaction", "ask"):
        monkeypatch.setattr(Database, name, watched(getattr(Database, name)))
    return found


async def test_selling_and_boarding_never_ask_the_database_where_they_draw(counter, until, asked_here) -> None:
    async with counter("1001") as pilot:
        till = await Till(pilot).ready()
        await till.type(f"gmr +2 eks\r\rBudi {BUDI}")
        await till.press("f3", "escape", "f8", "f9", "enter")
        till.screen._tick()
        till.app._tick()
        await till.type("\r\r")
        await till.until(lambda: "printing" not in till.screen.print_states.values())
        await till.press("enter", "f11")
        assert isinstance(till.app.screen, GateScreen)
        await till.type("TK-1\r")
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(till.app.screen, DepartureDialog) and "Taksaka" in till.text)
        await till.type("+1")
        await until(pilot, lambda: "trains on" in till.text)
        till.app.action_language()
        await pilot.press("escape", "f12")
        await until(pilot, lambda: till.app.current_mode == "login")
    assert asked_here == []


async def test_a_counter_whose_railway_is_old_lives_on_while_the_database_is_away(
    counter, cable, until, asked_here
) -> None:
    async with counter("1001") as pilot:
        till = await Till(pilot).ready()
        cable.cut()
        await till.type("gmr +2 eks\r")
        await until(pilot, lambda: till.app.lifeline.away)
        till.app._tick()
        till.screen._tick()
        assert till.app.bar.station == "YK"
        await till.press("f11")
        till.app.screen._show()
        assert "GATE YK" in till.text
        await pilot.press("f2", "escape", "f11")
        cable.mend()
        till.app.lifeline.nudge()
        await until(pilot, lambda: not till.app.lifeline.away)
        await till.type("\r")
        assert "Taksaka" in till.text
    assert asked_here == []


async def test_where_the_terminal_stands_is_read_again_behind_the_screen(counter, until, owner_connection) -> None:
    from sqlalchemy import text

    async with counter("1001") as pilot:
        place = pilot.app.workplace
        assert (place.station_code, place.time_zone) == ("YK", "Asia/Jakarta")
        owner_connection.execute(text("UPDATE stations SET time_zone = 'Asia/Makassar' WHERE station_code = 'YK'"))
        network_cache = place.office._cache
        network_cache._read_at = float("-inf")
        pilot.app.lifeline.nudge()
        await until(pilot, lambda: place.time_zone == "Asia/Makassar")


async def test_looking_after_staff_and_a_locked_screen_never_ask_where_they_draw(counter, until, asked_here) -> None:
    async with counter("3001") as pilot:
        till = Till(pilot)
        await until(pilot, lambda: till.app.current_mode == "sell")
        await till.press("ctrl+n")
        await until(pilot, lambda: till.app.current_mode == "staff" and "1001" in till.text)
        await till.type("100")
        await until(pilot, lambda: till.app.screen.wanted == "100" and till.app.screen.page.total == 1)
        await till.press("f6", "enter", "enter", "f8", "escape", "enter", "escape")
        till.app.attendance.look()
        till.app._tick()
        await till.press("ctrl+r")
        await until(pilot, lambda: till.app.current_mode == "login")
        await till.type(f"{PIN}\r")
        await until(pilot, lambda: till.app.current_mode == "staff")
        await till.press("f12")
        await until(pilot, lambda: till.app.current_mode == "login")
    assert asked_here == []
