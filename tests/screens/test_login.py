"""Signing in: what is typed, what is refused, and what happens before the database is there."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from sqlalchemy import text
from textual.pilot import Pilot
from textual.widgets import Input, Static

from core.config import Settings
from core.ops.demo import PIN
from counter import session
from counter.app import CounterApp
from counter.screens.login import LoginScreen
from counter.session import Report, Workplace


def field(pilot: Pilot[Any], name: str) -> Input:
    return pilot.app.screen.query_one(f"#{name}", Input)


def below(pilot: Pilot[Any]) -> str:
    return str(pilot.app.screen.query_one("#below", Static).content)


def sentence(pilot: Pilot[Any]) -> str:
    return pilot.app.workstation.line.sentence


async def type_in(pilot: Pilot[Any], *answers: str) -> None:
    for answer in answers:
        await pilot.press(*answer, "enter")


@pytest.mark.parametrize(("number", "mode"), [("2001", "gate"), ("1001", "sell"), ("3001", "sell"), ("9001", "sell")])
async def test_everybody_comes_to_his_own_workstation(counter, until, number: str, mode: str) -> None:
    async with counter(None) as pilot:
        await type_in(pilot, number, PIN)
        await until(pilot, lambda: pilot.app.current_mode == mode)
        assert pilot.app.actor.staff_number == number
        assert pilot.app.bar.staff.startswith(number)


async def test_the_demonstration_staff_is_shown_on_this_screen_and_nowhere_else(counter, until) -> None:
    async with counter(None) as pilot:
        await until(pilot, lambda: "1001" in below(pilot))
        assert all(each in below(pilot) for each in ("1001", "2001", "3001", "9001", PIN, "supervisor"))
        assert pilot.app.bar.mark == "DEMO"
        await type_in(pilot, "2001", PIN)
        await until(pilot, lambda: pilot.app.current_mode == "gate")
        assert not any(PIN in str(each.content) for each in pilot.app.screen.query(Static))


async def test_a_railway_of_its_own_shows_no_staff(counter, owner_connection) -> None:
    owner_connection.execute(text("UPDATE operators SET is_demonstration = false"))
    async with counter(None) as pilot:
        assert below(pilot) == ""
        assert pilot.app.bar.mark == ""


async def test_a_wrong_pin_keeps_the_number(counter, until) -> None:
    async with counter(None) as pilot:
        await type_in(pilot, "1001", "000000")
        await until(pilot, lambda: sentence(pilot) != "")
        assert sentence(pilot) == "This number and PIN do not fit."
        assert (field(pilot, "number").value, field(pilot, "pin").value) == ("1001", "")
        assert pilot.app.focused is field(pilot, "pin")
        await type_in(pilot, PIN)
        await until(pilot, lambda: pilot.app.current_mode == "sell")


async def test_too_many_wrong_pins_lock_the_number(counter, until) -> None:
    async with counter(None) as pilot:
        await type_in(pilot, "2001")
        for _ in range(6):
            await until(pilot, lambda: field(pilot, "pin").value == "")
            pilot.app.workstation.line.clear()
            await type_in(pilot, "999999")
            await until(pilot, lambda: sentence(pilot) != "")
        assert "locked" in sentence(pilot)
        assert field(pilot, "number").value == "2001"


async def test_enter_goes_to_what_is_missing_and_escape_clears(counter) -> None:
    async with counter(None) as pilot:
        await pilot.press("enter")
        assert pilot.app.focused is field(pilot, "number")
        await pilot.press(*"1001", "enter", "enter")
        assert pilot.app.focused is field(pilot, "pin")
        await pilot.press("1", "escape")
        assert (field(pilot, "number").value, field(pilot, "pin").value) == ("1001", "")
        await pilot.press("escape")
        assert field(pilot, "number").value == ""
        assert pilot.app.focused is field(pilot, "number")


@pytest.fixture
def slow_opening(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The workplace opens when told to; until then it says how far it is."""
    go_on, really_open = Event(), session.open_workplace

    def held_up(settings: Settings, report: Report) -> Workplace:
        report("schedules", 30, 90)
        go_on.wait()
        return really_open(settings, report)

    monkeypatch.setattr(session, "open_workplace", held_up)
    return go_on.set


async def test_what_is_typed_while_the_database_is_prepared_counts(desk_settings, slow_opening, until) -> None:
    app = CounterApp(desk_settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "33%" in below(pilot))
        assert "Opening the schedules of the coming days" in below(pilot)
        await type_in(pilot, "2001", PIN)
        assert "Signs in as soon as it is done." in below(pilot)
        assert isinstance(app.screen, LoginScreen)
        slow_opening()
        await until(pilot, lambda: app.current_mode == "gate")


async def test_escape_takes_back_what_was_to_be_signed_in(desk_settings, slow_opening, until) -> None:
    app = CounterApp(desk_settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "33%" in below(pilot))
        await type_in(pilot, "2001", PIN)
        await pilot.press("escape")
        slow_opening()
        await until(pilot, lambda: app.workplace is not None and app.bar.station == "YK")
        assert app.actor is None


async def test_a_database_that_is_not_there_yet(desk_settings, cable, until) -> None:
    cable.cut()
    app = CounterApp(desk_settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: sentence(pilot) != "")
        assert sentence(pilot) == "The database does not answer."
        assert ("db", "away") in app.bar.lights
        await type_in(pilot, "2001", PIN)
        cable.mend()
        await until(pilot, lambda: app.current_mode == "gate")
        assert ("db", "on") in app.bar.lights


async def test_a_database_that_goes_away_before_signing_in(counter, cable, until) -> None:
    async with counter(None) as pilot:
        cable.cut()
        await type_in(pilot, "2001", PIN)
        await until(pilot, lambda: "back" in below(pilot))
        assert (field(pilot, "number").value, field(pilot, "pin").value) == ("2001", PIN)
        cable.mend()
        await until(pilot, lambda: pilot.app.current_mode == "gate")


async def test_what_must_be_corrected_is_said_and_tried_again_on_enter(desk_settings, owner_connection, until) -> None:
    rename = "UPDATE stations SET station_code = :new WHERE station_code = :old"
    owner_connection.execute(text(rename), {"old": "YK", "new": "YKX"})
    app = CounterApp(desk_settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: sentence(pilot) != "")
        assert sentence(pilot) == "There is no station 'YK'."
        assert below(pilot) == "Enter tries again."
        owner_connection.execute(text(rename), {"old": "YKX", "new": "YK"})
        await pilot.press("enter")
        await until(pilot, lambda: app.bar.station == "YK")
        assert sentence(pilot) == ""
