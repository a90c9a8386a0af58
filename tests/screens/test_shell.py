"""The frame around the workstations: modes, dialogs, messages, help, palette, language, and the database going away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
from textual import work
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from core.config import Settings, settings
from core.errors import DatabaseUnreachable, Refused
from core.ops import embedded
from core.ops.demo import PIN
from counter import session
from counter.app import CounterApp
from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.dialogs.help import HelpDialog
from counter.dialogs.question import Question
from counter.i18n import language
from counter.screens.login import LoginScreen
from counter.screens.workstation import Workstation
from counter.widgets.key_bar import KeyBar


class Desk(Workstation):
    """A workstation with a field, a question, and a command that is a supervisor's business."""

    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("ask", "f2", "ask", "Ask something.", title="Ask a question"),
        Command("approve", "f3", "approve", "Approve something.", permission="reprint"),
    )
    answer: bool | str | None = "none yet"
    approved = 0

    def compose_work(self) -> Iterable[Widget]:
        yield Input()

    @property
    def has_work(self) -> bool:
        return bool(self.query_one(Input).value)

    @work
    async def action_ask(self) -> None:
        self.question = Question("Really?", yes="yes", no="no")
        self.answer = await self.counter.ask(self.question)

    def action_approve(self) -> None:
        self.approved += 1


class Office(CounterApp):
    """The application with two such desks instead of the real workstations."""

    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {"login": LoginScreen, "sell": Desk, "gate": Desk}


@pytest.fixture
def office_app(desk_settings: Settings) -> Office:
    return Office(desk_settings)


async def sign_in(pilot: Pilot[Any], until: Any, number: str = "1001") -> Desk:
    await until(pilot, lambda: pilot.app.workplace is not None)
    await pilot.app.sign_in(number, PIN)
    await until(pilot, lambda: pilot.app.current_mode != "login" and pilot.app.screen.query(Input))
    return pilot.app.workstation


def end_session(app: CounterApp) -> None:
    app.attendance.signed_in = replace(app.attendance.signed_in, expires_at=app.lifeline.clock.now)


def text_of(widget: Widget) -> str:
    return str(widget.render())


async def test_half_typed_input_survives_going_elsewhere(office_app, until) -> None:
    async with office_app.run_test() as pilot:
        desk = await sign_in(pilot, until)
        await pilot.press(*"half")
        await pilot.press("ctrl+g")
        assert office_app.current_mode == "gate"
        assert office_app.workstation is not desk
        await pilot.press("f11")
        assert office_app.workstation is desk
        assert desk.query_one(Input).value == "half"


async def test_a_gate_agent_cannot_go_where_he_may_not_work(office_app, until) -> None:
    async with office_app.run_test() as pilot:
        await sign_in(pilot, until, "2001")
        await pilot.press("ctrl+g")
        assert office_app.current_mode == "gate"
        assert office_app.workstation.line.sentence == "There is no other workstation here for you."


async def test_a_command_without_its_permission_says_why_and_does_nothing(office_app, until) -> None:
    async with office_app.run_test() as pilot:
        desk = await sign_in(pilot, until, "2001")
        await pilot.press("f3")
        assert desk.approved == 0
        assert desk.line.sentence == "Your role, gate, does not allow this."
        assert not next(each for each in desk.query_one(KeyBar).entries() if each.action == "approve").enabled


async def test_the_same_command_with_its_permission(office_app, until) -> None:
    async with office_app.run_test() as pilot:
        desk = await sign_in(pilot, until, "3001")
        await pilot.press("f3")
        assert desk.approved == 1


async def test_signing_off_asks_when_something_is_half_done(office_app, until) -> None:
    async with office_app.run_test() as pilot:
        desk = await sign_in(pilot, until)
        await pilot.press(*"half", "f12")
        await until(pilot, lambda: isinstance(office_app.screen, Question))
        await pilot.press("escape")
        assert office_app.screen is desk
        assert desk.query_one(Input).value == "half"
        await pilot.press("f12")
        await until(pilot, lambda: isinstance(office_app.screen, Question))
        await pilot.press("enter")
        await until(pilot, lambda: office_app.current_mode == "login")
        assert office_app.actor is None
        again = await sign_in(pilot, until)
        assert again is not desk
        assert again.query_one(Input).value == ""


async def test_ending_the_program_asks_as_well(office_app, until) -> None:
    async with office_app.run_test() as pilot:
        await sign_in(pilot, until)
        await pilot.press(*"half", "ctrl+q")
        await until(pilot, lambda: isinstance(office_app.screen, Question))
        await pilot.press("enter")
        await until(pilot, lambda: not office_app.is_running)


async def test_who_wants_to_leave_with_ctrl_c_is_told_how(office_app, until) -> None:
    async with office_app.run_test() as pilot:
        desk = await sign_in(pilot, until)
        await pilot.press("ctrl+c")
        assert desk.line.sentence == "Ctrl+Q ends the program."
        assert office_app.is_running


async def test_an_answer_closes_its_own_dialog_and_waits_for_its_own_workstation(office_app, until) -> None:
    async with office_app.run_test() as pilot:
        selling = await sign_in(pilot, until)
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(office_app.screen, Question))
        await office_app.action_next_workstation()
        boarding = office_app.workstation
        await pilot.press("f2")
        await until(pilot, lambda: office_app.screen is boarding.question)
        selling.question.dismiss(True)
        await pilot.pause()
        assert office_app.screen is boarding.question
        assert (selling.answer, boarding.answer) == ("none yet", "none yet")
        await pilot.press("escape")
        await until(pilot, lambda: boarding.answer is None)
        assert office_app.screen is boarding
        await office_app.action_next_workstation()
        await until(pilot, lambda: selling.answer is True)
        assert office_app.screen is selling


async def test_a_dialog_belongs_to_the_workstation_that_asked(office_app, until) -> None:
    async with office_app.run_test() as pilot:
        selling = await sign_in(pilot, until)
        await office_app.action_next_workstation()
        boarding = office_app.workstation
        selling.action_ask()
        await until(pilot, lambda: len(office_app.get_screen_stack("sell")) == 2)
        assert office_app.screen is boarding
        await office_app.action_next_workstation()
        await pilot.press("enter")
        await until(pilot, lambda: selling.answer is True)


async def test_a_session_that_is_over_is_taken_up_again_where_it_was(office_app, until) -> None:
    async with office_app.run_test() as pilot:
        desk = await sign_in(pilot, until)
        await pilot.press(*"half")
        end_session(office_app)
        await until(pilot, lambda: office_app.current_mode == "login")
        login = office_app.workstation
        assert login.query_one("#number", Input).value == "1001"
        await pilot.press(*PIN, "enter")
        await until(pilot, lambda: office_app.current_mode == "sell")
        assert office_app.workstation is desk
        assert desk.query_one(Input).value == "half"


async def test_somebody_else_does_not_take_up_a_session_that_is_over(office_app, until) -> None:
    async with office_app.run_test() as pilot:
        desk = await sign_in(pilot, until)
        await pilot.press(*"half")
        end_session(office_app)
        await until(pilot, lambda: office_app.current_mode == "login")
        other = await sign_in(pilot, until, "3001")
        assert other is not desk
        assert other.query_one(Input).value == ""


async def test_help_lists_what_works_here_and_why_some_of_it_does_not(office_app, until) -> None:
    async with office_app.run_test(size=(80, 24)) as pilot:
        await sign_in(pilot, until, "2001")
        await pilot.press("f1")
        assert isinstance(office_app.screen, HelpDialog)
        keys = text_of(office_app.screen.query_one("#keys"))
        for key in ("F1 List", "F2 Ask something.", "F3 Approve something.", "F12 Sign off"):
            assert key in keys
        assert "Your role, gate, does not allow this." in keys
        await pilot.press("f1", "escape")
        assert isinstance(office_app.screen, Desk)


async def test_the_palette_finds_commands_and_does_them(office_app, until) -> None:
    async with office_app.run_test() as pilot:
        desk = await sign_in(pilot, until)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(office_app.screen, CommandPalette))
        await pilot.press(*"question")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(office_app.screen, Question))
        await pilot.press("enter")
        await until(pilot, lambda: desk.answer is True)


async def test_the_language_changes_at_once_and_leaves_what_was_typed(office_app, until) -> None:
    async with office_app.run_test() as pilot:
        desk = await sign_in(pilot, until)
        await pilot.press(*"half")
        assert "keys" in text_of(desk.query_one(KeyBar))
        office_app.action_language()
        await until(pilot, lambda: "tombol" in text_of(desk.query_one(KeyBar)))
        assert desk.query_one(Input).value == "half"
        assert language() == "id"
        office_app.action_language()
        await until(pilot, lambda: "keys" in text_of(desk.query_one(KeyBar)))


async def test_settings_say_the_language_and_the_symbols(desk_settings, until) -> None:
    app = CounterApp(desk_settings.model_copy(update={"language": "id", "ascii": True}))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.workplace is not None)
        shown = text_of(app.workstation.query_one("#number-label"))
        assert shown.startswith("Nomor petugas")
        screen = "".join(app.screen._compositor.render_strips()[row].text for row in range(24))
        assert screen.isascii()


@pytest.fixture
def own_settings_file(desk_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The settings file of a home folder that the environment names."""
    path = desk_settings.home / "settings.toml"
    path.write_text(
        f'database_url = "{desk_settings.database_url}"\nkeys = "{desk_settings.keys}"\nterminal = "TEST-1"\n'
        'station = "YK"\nlanguage = "id"\nascii = true\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("COUNTER_HOME", str(desk_settings.home))
    settings.cache_clear()
    yield path
    settings.cache_clear()


async def test_the_settings_file_is_read_behind_the_login_screen(own_settings_file: Path, until) -> None:
    app = CounterApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: text_of(app.workstation.query_one("#number-label")) == "Nomor petugas >")
        assert app.bar.terminal == "TEST-1"


async def test_errors_are_one_sentence_and_a_hint(office_app, until) -> None:
    async with office_app.run_test(size=(80, 24)) as pilot:
        desk = await sign_in(pilot, until)
        office_app.report(Refused("No more seats.", hint="Offer another train."))
        assert text_of(desk.line) == "✘ Error: No more seats. Offer another train."
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(office_app.screen, Question))
        assert desk.line.sentence == ""


async def test_the_database_goes_away_and_comes_back(office_app, cable, until) -> None:
    async with office_app.run_test() as pilot:
        desk = await sign_in(pilot, until)
        await pilot.press(*"half")
        cable.cut()
        place = office_app.workplace
        with pytest.raises(DatabaseUnreachable):
            await office_app.in_thread(place.reconnect)
        await until(pilot, lambda: ("db", "away") in office_app.bar.lights)
        cable.mend()
        await until(pilot, lambda: ("db", "on") in office_app.bar.lights)
        assert desk.query_one(Input).value == "half"


async def test_an_idle_counter_notices_by_itself(office_app, cable, until, monkeypatch) -> None:
    monkeypatch.setattr("counter.lifeline.HEARTBEAT", 0.01)
    async with office_app.run_test() as pilot:
        await sign_in(pilot, until)
        cable.cut()
        await until(pilot, lambda: ("db", "away") in office_app.bar.lights)
        cable.mend()
        await until(pilot, lambda: ("db", "on") in office_app.bar.lights)


async def test_an_embedded_server_that_was_killed_is_started_again(tmp_path: Path, until, monkeypatch) -> None:
    monkeypatch.setattr(session, "DEMONSTRATION_DAYS", 1)
    app = Office(Settings(home=tmp_path / "home", terminal="TEST-1"))
    async with app.run_test() as pilot:
        await sign_in(pilot, until)
        pid_file = embedded.data_folder(tmp_path / "home") / "postmaster.pid"
        server = psutil.Process(int(pid_file.read_text().split()[0]))
        server.kill()
        server.wait()
        with pytest.raises(DatabaseUnreachable):
            await app.in_thread(partial(app.workplace.office.database.ask, "SELECT 1"))
        await until(pilot, lambda: ("db", "on") in app.bar.lights)


async def test_a_crash_says_one_sentence_and_logs_places_without_values(office_app, until, capsys, tmp_path) -> None:
    async def crash() -> None:
        async with office_app.run_test() as pilot:
            desk = await sign_in(pilot, until)
            desk.call_later(fail, "3171010101900001")
            await until(pilot, lambda: not office_app.is_running)

    def fail(secret: str) -> None:
        raise ZeroDivisionError(secret)

    with pytest.raises(ZeroDivisionError):
        await crash()
    assert office_app.return_code == 3
    said = capsys.readouterr().err
    assert "The program met an error of its own" in said
    assert "Traceback" not in said
    log = (tmp_path / "log" / "counter.log").read_text(encoding="utf-8")
    crash = json.loads(log.splitlines()[-1])
    assert crash["kind"] == "ZeroDivisionError"
    assert any("fail" in place for place in crash["places"])
    assert "3171010101900001" not in said + log


async def test_a_dialog_answers_once(office_app, until) -> None:
    class Twice(Dialog[str]):
        """A dialog that is told its answer again while it closes."""

    async with office_app.run_test() as pilot:
        desk = await sign_in(pilot, until)
        answers: list[str | None] = []

        async def ask() -> None:
            answers.append(await office_app.ask(dialog))

        dialog = Twice()
        desk.run_worker(ask())
        await until(pilot, lambda: office_app.screen is dialog)
        dialog.dismiss("first")
        dialog.dismiss("second")
        await until(pilot, lambda: answers != [])
        assert answers == ["first"]
        assert office_app.screen is desk
