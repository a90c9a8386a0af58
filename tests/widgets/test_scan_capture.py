"""Scans and typing in a running application, fed through Textual's terminal parser."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import pytest
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input

from counter.devices.wedge import PAUSE, is_code
from counter.widgets.scan_capture import ScanningApp
from counter.widgets.scan_input import ScanInput, Scanned

PACES = {"at once": (0.0,), "0 to 8 ms": tuple(each / 1000 for each in (0, 3, 8, 1, 5, 0, 7, 2)), "8 ms": (0.008,)}


class Desk(ScanningApp[None]):
    """A screen with one field in focus and another behind it, and what it was told."""

    BINDINGS: ClassVar = [Binding("a", "approve", "Approve")]

    def __init__(self, make_field: Callable[[], Widget] = Input) -> None:
        super().__init__()
        self.make_field = make_field
        self.scans: list[Scanned] = []
        self.submitted: list[str] = []
        self.changes: list[str] = []
        self.approved = 0

    def compose(self) -> ComposeResult:
        self.field: Any = self.make_field()
        yield self.field
        yield Input(id="next")

    def on_mount(self) -> None:
        self.field.focus()

    def on_scanned(self, message: Scanned) -> None:
        self.scans.append(message)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        self.submitted.append(message.value)

    def on_input_changed(self, message: Input.Changed) -> None:
        self.changes.append(message.value)

    def action_approve(self) -> None:
        self.approved += 1

    @property
    def texts(self) -> list[str]:
        return [scan.text for scan in self.scans]


@pytest.mark.parametrize("field", [ScanInput, Input])
@pytest.mark.parametrize("chunk", [1, 4, 64, 1000])
@pytest.mark.parametrize(
    ("end", "pace"), [("\r", "at once"), ("\n", "0 to 8 ms"), ("\t", "8 ms"), ("\r\n", "0 to 8 ms")]
)
async def test_ten_scans_arrive_intact_and_leave_the_field_alone(wire, codes, field, chunk, pace, end) -> None:
    app = Desk(field)
    async with app.run_test() as pilot:
        line = wire(pilot)
        await line.send("Budi San")
        await line.until(lambda: app.field.value == "Budi San")
        app.changes.clear()
        lower = chunk in (4, 1000)
        text = "".join(code + end for code in codes)
        await line.send(text.lower() if lower else text, chunk=chunk, gaps=PACES[pace], ahead=60)
        await line.until(lambda: len(app.scans) == 10)
        assert app.texts == codes
        assert {scan.source for scan in app.scans} == {"wedge"}
        assert (app.field.value, app.field.cursor_position, app.changes) == ("Budi San", 8, [])
        assert app.focused is app.field
        assert app.submitted == []


@pytest.mark.parametrize("field", [ScanInput, Input])
async def test_the_same_at_a_real_pace(wire, codes, field) -> None:
    app = Desk(field)
    async with app.run_test() as pilot:
        line = wire(pilot)
        await line.send("Budi San")
        await line.until(lambda: app.field.value == "Budi San")
        await line.send("".join(code + "\r" for code in codes), chunk=4, gaps=PACES["0 to 8 ms"])
        await line.until(lambda: len(app.scans) == 10)
        assert (app.texts, app.field.value, app.submitted) == (codes, "Budi San", [])


@pytest.mark.parametrize("field", [ScanInput, Input])
async def test_a_code_that_arrives_slowly_is_taken_back(wire, codes, field) -> None:
    """Every character reaches the field, and its text is as it was once the code is complete, selection included."""
    app = Desk(field)
    async with app.run_test() as pilot:
        line = wire(pilot)
        await line.send("Budi San")
        await line.until(lambda: app.field.value == "Budi San")
        await pilot.press("shift+left", "shift+left", "shift+left")
        assert app.field.selected_text == "San"
        await line.send(codes[0], chunk=1, gaps=(PAUSE * 2,), ahead=-60)
        await line.until(lambda: app.field.value == "Budi " + codes[0])
        await line.send("\r")
        await line.until(lambda: bool(app.scans))
        assert (app.texts, app.field.value, app.field.selected_text) == ([codes[0]], "Budi San", "San")


async def test_a_field_that_takes_only_some_characters_is_restored_as_well(wire, codes) -> None:
    app = Desk(partial(Input, value="12", type="integer", max_length=5))
    async with app.run_test() as pilot:
        line = wire(pilot)
        await line.send(codes[0], chunk=1, gaps=(PAUSE * 2,), ahead=-60)
        await line.until(lambda: app.field.value != "12")
        await line.send("\t")
        await line.until(lambda: bool(app.scans))
        assert (app.texts, app.field.value) == ([codes[0]], "12")


async def test_a_scan_presses_no_one_letter_command(wire, codes) -> None:
    app = Desk(partial(Button, "Go"))
    async with app.run_test() as pilot:
        line = wire(pilot)
        await line.send("A" + codes[0][1:] + "\ra" + codes[1][1:].lower() + "\r", chunk=3, gaps=(0.008,), ahead=60)
        await line.until(lambda: len(app.scans) == 2)
        assert app.approved == 0
        await line.send("a")
        await line.until(lambda: app.approved == 1)


async def test_modifiers_reported_as_keys_do_not_break_a_scan(wire, codes) -> None:
    """What a terminal with the kitty protocol sends for capitals."""
    strokes = "".join(
        f"\x1b[57441;2u\x1b[{ord(each.lower())};2;{ord(each)}u" if each.isalpha() else f"\x1b[{ord(each)};;{ord(each)}u"
        for each in codes[0]
    )
    app = Desk()
    async with app.run_test() as pilot:
        line = wire(pilot)
        await line.send(strokes + "\x1b[13u", chunk=64)
        await line.until(lambda: bool(app.scans))
        assert (app.texts, app.field.value) == ([codes[0]], "")


@pytest.mark.parametrize("field", [ScanInput, Input])
async def test_a_pasted_code_is_a_scan_and_other_text_is_pasted(wire, codes, field) -> None:
    app = Desk(field)
    async with app.run_test() as pilot:
        line = wire(pilot)
        await line.send(f"Budi\x1b[200~{codes[0].lower()}\n\x1b[201~\x1b[200~ Santoso\x1b[201~", chunk=7)
        await line.until(lambda: app.field.value == "Budi Santoso")
        assert [(scan.text, scan.source) for scan in app.scans] == [(codes[0], "paste")]


async def test_typing_in_a_scan_field_and_enter_submits_and_empties_it(wire) -> None:
    app = Desk(ScanInput)
    async with app.run_test() as pilot:
        line = wire(pilot)
        await line.send("TK-1\rTK-2\n\r  \rTK-3\r")
        await line.until(lambda: len(app.scans) == 3)
        assert [(scan.text, scan.source) for scan in app.scans] == [(f"TK-{n}", "typed") for n in (1, 2, 3)]
        assert (app.field.value, app.submitted) == ("", [])


async def test_a_foreign_symbol_is_a_scan_in_a_scan_field_only(wire) -> None:
    foreign = "https://example.org/tickets/0001"
    for field, scans, submitted in ((ScanInput, [foreign], []), (Input, [], [foreign])):
        app = Desk(field)
        async with app.run_test() as pilot:
            line = wire(pilot)
            await line.send(foreign + "\r", chunk=4, gaps=(0.004,), ahead=60)
            await line.until(lambda app=app: bool(app.scans or app.submitted))
            assert (app.texts, app.submitted) == (scans, submitted)


async def test_a_long_line_typed_by_a_machine_is_typed(wire) -> None:
    """An expert's line pasted by a terminal without bracketed paste must not vanish."""
    typed = "gmr 25 eks Budi Santoso 3171010101900001 cash"
    app = Desk()
    async with app.run_test() as pilot:
        line = wire(pilot)
        await line.send(typed + "\r")
        await line.until(lambda: bool(app.submitted))
        assert (app.submitted, app.scans) == ([typed], [])


async def test_a_scan_goes_to_the_screen_in_front(wire, codes) -> None:
    class Question(ModalScreen[None]):
        def __init__(self) -> None:
            super().__init__()
            self.scans: list[str] = []

        def compose(self) -> ComposeResult:
            yield Input(password=True)

        def on_scanned(self, message: Scanned) -> None:
            message.stop()
            self.scans.append(message.text)

    app = Desk()
    async with app.run_test() as pilot:
        question = Question()
        await app.push_screen(question)
        await wire(pilot).send(codes[0] + "\r")
        await wire(pilot).until(lambda: bool(question.scans))
        assert (question.scans, app.scans, question.query_one(Input).value) == ([codes[0]], [], "")


async def test_what_counts_as_a_code_can_be_widened(wire, codes) -> None:
    class Azerty(Desk):
        def recognises_code(self, text: str) -> bool:
            return is_code(text.replace('"', "3"))

    text = codes[0].replace("3", '"')
    assert text != codes[0]
    app = Azerty()
    async with app.run_test() as pilot:
        await wire(pilot).send(text + "\r")
        await wire(pilot).until(lambda: bool(app.scans))
        assert (app.texts, app.field.value) == ([text], "")


async def test_people_s_typing_is_there_when_the_pilot_looks() -> None:
    """Screens' tests press keys and look: the glance a character waits must be over by then."""
    app = Desk()
    async with app.run_test() as pilot:
        text = ""
        for character in "gmr 25 2a1i eks":
            await pilot.press("space" if character == " " else character)
            text += character
            assert app.field.value == text
        await pilot.press("left", "left", "backspace", "x", "enter")
        assert app.submitted == ["gmr 25 2a1i xks"]
