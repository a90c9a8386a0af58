"""How login and gate look, at the smallest screen and at a comfortable one, with data that never changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from textual.pilot import Pilot

from core.config import Settings
from core.errors import NotReady
from core.ops.demo import PIN
from counter import session
from counter.app import CounterApp
from counter.lifeline import Clock
from counter.screens.gate import GateScreen
from counter.widgets.answer_board import AnswerBoard, Face
from counter.widgets.state_bar import StateBar

SIZES = [(80, 24), (120, 40)]
NOON = datetime(2026, 11, 20, 1, 41, tzinfo=UTC)

WHO = {"who": "BUDI SANTOSO   …0001", "trip": "YK → GMR · 43 Taksaka · Fri 20 Nov 07:30", "seat": "EKS 3 5B"}
FACES = {
    "board": Face("go", "BOARD", **WHO),
    "used": Face(
        "stop", "USED", reason="Used at 07:02 on Fri 20 Nov in YK.",
        advice="Do not let a second person pass; call a supervisor.", **WHO,
    ),
    "wrong_station": Face(
        "stop", "WRONG STATION", reason="The ticket begins at GMR Gambir.", advice="Send the passenger to a counter.",
        **WHO,
    ),
    "forged": Face(
        "stop", "FORGED", reason="The signature of this ticket is false.",
        advice="Keep the ticket here and call a supervisor.",
    ),
    "wait": Face(
        "wait", "WAIT", reason="Not decided: The database does not answer.",
        advice="It is judged when the database is back, or when you scan again.",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clock, "now", NOON)
    monkeypatch.delenv("NO_COLOR", raising=False)


async def opened(pilot: Pilot[Any], until: Callable[..., Any]) -> None:
    await until(pilot, lambda: pilot.app.bar.now is not None)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_login(snap_compare, desk_settings: Settings, until, size: tuple[int, int]) -> None:
    async def ready(pilot: Pilot[Any]) -> None:
        await opened(pilot, until)
        await pilot.press(*"1001")

    assert snap_compare(CounterApp(desk_settings), terminal_size=size, run_before=ready)


class Preparing(CounterApp):
    """The application while its database is a third prepared, and stays so until the picture is taken."""

    taken = Event()

    def close(self) -> None:
        self.taken.set()
        super().close()


def test_login_while_the_database_is_prepared(snap_compare, tmp_path: Path, monkeypatch, until) -> None:
    def preparing(_settings: Settings, report: session.Report) -> session.Workplace:
        report("schedules", 30, 90)
        Preparing.taken.wait()
        raise NotReady("This never gets further.")

    async def under_way(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "33%" in str(pilot.app.screen.query_one("#below").content))

    monkeypatch.setattr(session, "open_workplace", preparing)
    assert snap_compare(Preparing(Settings(home=tmp_path)), terminal_size=(80, 24), run_before=under_way)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("name", FACES)
def test_gate(snap_compare, desk_settings: Settings, until, name: str, size: tuple[int, int]) -> None:
    async def answered(pilot: Pilot[Any]) -> None:
        await opened(pilot, until)
        await pilot.app.sign_in("2001", PIN)
        await until(pilot, lambda: isinstance(pilot.app.screen, GateScreen) and pilot.app.screen.query(AnswerBoard))
        pilot.app.screen.query_one(AnswerBoard).face = FACES[name]
        if name == "wait":
            bar = pilot.app.screen.query_one(StateBar)
            bar.state = replace(bar.state.with_light("db", "away"))
        await pilot.pause()

    assert snap_compare(CounterApp(desk_settings), terminal_size=size, run_before=answered)


def test_gate_before_the_first_scan_and_its_help(snap_compare, desk_settings: Settings, until) -> None:
    async def asking(pilot: Pilot[Any]) -> None:
        await opened(pilot, until)
        await pilot.app.sign_in("2001", PIN)
        await until(pilot, lambda: isinstance(pilot.app.screen, GateScreen) and pilot.app.screen.query(AnswerBoard))
        await pilot.press("f1")
        await pilot.pause()

    assert snap_compare(CounterApp(desk_settings), terminal_size=(80, 24), run_before=asking)
