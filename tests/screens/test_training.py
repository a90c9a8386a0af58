"""Training on the screen: it says so everywhere, from the first paint to the last, with and without colour."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import pytest
from sqlalchemy import Connection, text
from textual.pilot import Pilot
from textual.widgets import Static

from core import office as offices
from core.checkin import Answer, Gate, Outcome
from core.config import Settings
from core.keys import KeyRing
from core.ops import practice
from core.ops.demo import PIN
from counter import training
from counter.app import CounterApp
from counter.screens import gate_faces
from counter.symbols import use_ascii
from counter.themes import PLAIN, THEMES, TRAINING_THEMES
from tests.conftest import TestDatabase, sign_in

Counter: TypeAlias = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


def seen(pilot: Pilot[Any]) -> list[str]:
    """The lines on the screen."""
    return [strip.text for strip in pilot.app.screen._compositor.render_strips()]


def top(pilot: Pilot[Any]) -> str:
    return seen(pilot)[0]


@pytest.fixture
def training_settings(
    desk_settings: Settings, database: TestDatabase, key_ring: KeyRing, owner_connection: Connection
) -> Settings:
    """The counter of ``desk_settings`` in training, on a database that is; its ring is read from the usual folder."""
    practice.mark(owner_connection)
    office = offices.open_office(offices.connect(database.counter_url), key_ring, in_training=True)
    sign_in(office)
    office.close()
    return desk_settings.model_copy(update={"training": True})


@pytest.fixture
def practising(training_settings: Settings, until: Any) -> Counter:
    """The application in training, with somebody signed in or nobody."""

    @asynccontextmanager
    async def opened(staff: str | None = "1001", *, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
        app = CounterApp(training_settings)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.workplace is not None)
            if staff is not None:
                await app.sign_in(staff, PIN)
                await until(pilot, lambda: app.current_mode != "login")
            await pilot.pause()
            yield pilot

    return opened


async def test_the_login_screen_says_so_before_and_after_the_database_is_there(training_settings, until) -> None:
    app = CounterApp(training_settings)
    assert app.bar.mark == "TRAINING"
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.bar.mark == "TRAINING"
        assert any("TRAINING - nothing that is sold here is real." in line for line in seen(pilot))
        await until(pilot, lambda: app.workplace is not None)
        await pilot.pause()
        assert " TRAINING " in top(pilot)
        assert "DEMO" not in top(pilot)
        assert any("TRAINING - nothing that is sold here is real." in line for line in seen(pilot))
        assert "1001" in str(app.screen.query_one("#below", Static).content)


async def test_the_environment_alone_marks_the_first_paint(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("COUNTER_TRAINING", "1")
    monkeypatch.setenv("COUNTER_HOME", str(tmp_path))
    monkeypatch.setattr(CounterApp, "begin", lambda _app: None)
    async with CounterApp().run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert " TRAINING " in top(pilot)


@pytest.mark.parametrize(
    ("staff", "keys"), [("1001", ()), ("1001", ("ctrl+t",)), ("2001", ()), ("3001", ("ctrl+o",)), ("3001", ("ctrl+l",))]
)
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_every_workstation_says_so(practising, until, staff: str, keys: tuple[str, ...], size) -> None:
    async with practising(staff, size=size) as pilot:
        before = pilot.app.current_mode
        await pilot.press(*keys)
        await until(pilot, lambda: not keys or pilot.app.current_mode != before)
        assert " TRAINING " in top(pilot)
        assert pilot.app.theme == TRAINING_THEMES[0].name
        await pilot.press("f1")  # a dialog lies over it
        await pilot.pause()
        assert pilot.app.screen.is_modal
        assert " TRAINING " in top(pilot)


async def test_it_is_said_in_indonesian(practising) -> None:
    async with practising(None) as pilot:
        pilot.app.speak("id")
        await pilot.pause()
        assert " LATIHAN " in top(pilot)
        assert any("LATIHAN - tidak ada penjualan sungguhan di sini." in line for line in seen(pilot))


async def test_no_colour_and_ascii_leave_the_words(practising, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    use_ascii(True)
    async with practising(None) as pilot:
        use_ascii(True)
        assert pilot.app.theme == PLAIN.name
        assert " TRAINING " in top(pilot)
        marked = [part for part in pilot.app.screen._compositor.render_strips()[0] if "TRAINING" in part.text]
        assert marked
        assert all(part.style is not None and part.style.reverse and part.style.bold for part in marked)


async def test_other_colours_are_of_training_too(practising) -> None:
    async with practising() as pilot:
        themes = set()
        for _ in THEMES:
            pilot.app.action_colours()
            themes.add(pilot.app.theme)
        assert themes == {theme.name for theme in TRAINING_THEMES if theme is not PLAIN}
        assert not themes & {theme.name for theme in THEMES}


async def test_nothing_on_the_screen_leaves_training(practising, until) -> None:
    async with practising() as pilot:
        app = pilot.app
        assert not any("training" in command.id for command in app.COMMANDS)
        await pilot.press("f12")
        await until(pilot, lambda: app.current_mode == "login")
        assert " TRAINING " in top(pilot)


async def test_a_counter_of_real_sales_says_nothing_of_it(counter, owner_connection: Connection) -> None:
    owner_connection.execute(text("UPDATE operators SET is_demonstration = false"))
    async with counter(None) as pilot:
        await pilot.pause()
        assert not any("TRAINING" in line for line in seen(pilot))
        assert pilot.app.theme in {theme.name for theme in THEMES}


@pytest.mark.parametrize("program_trains", [True, False])
async def test_the_wrong_database_is_not_worked_on(
    desk_settings, owner_connection: Connection, until, program_trains: bool
) -> None:
    if not program_trains:
        practice.mark(owner_connection)
    app = CounterApp(desk_settings.model_copy(update={"training": program_trains}))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.workstation.line.sentence != "")
        said = "This is a database of real sales" if program_trains else "This database is one of training"
        assert app.workstation.line.sentence.startswith(said)
        assert app.workplace is None


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("training", "It says it is a training ticket: not valid for travel."),
        ("real", "It is no ticket of training: real ones are judged at a real gate."),
        (None, "The signature of this ticket is false."),
    ],
)
def test_the_gate_says_what_a_strange_ticket_is(claim: Any, reason: str) -> None:
    face = gate_faces.face_of(Answer(Outcome.FORGED, claim=claim), Gate("YK"))
    assert (face.word, face.reason) == ("FORGED", reason)


def test_the_switch_reads_as_settings_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("COUNTER_HOME", str(tmp_path))
    for value, is_on in {"1": True, "true": True, "YES": True, "on": True, "0": False, "": False, "off": False}.items():
        monkeypatch.setenv("COUNTER_TRAINING", value)
        assert (training.asked_for(), Settings().training) == (is_on, is_on), value
