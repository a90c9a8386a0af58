"""Keys that come faster than the screen follows."""

from __future__ import annotations

import asyncio

import pytest
from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Input

from counter.widgets.scan_capture import ScanningApp
from counter.widgets.scan_input import Scanned


class Question(ModalScreen[str]):
    def compose(self) -> ComposeResult:
        yield Input(id="answer")

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.dismiss(message.value)


class Form(ScanningApp[None]):
    """Two fields; Enter in the second asks something and then goes to a third."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[str] = []
        self.scans: list[tuple[str, str]] = []

    def compose(self) -> ComposeResult:
        for name in ("name", "identity", "remark"):
            yield Input(id=name)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        if message.input.id == "identity":
            self.push_screen(Question(), self.answered)

    def answered(self, answer: str | None) -> None:
        self.answers.append(answer or "")
        self.query_one("#remark").focus()

    def on_scanned(self, message: Scanned) -> None:
        self.scans.append((message.text, type(self.screen).__name__))

    def value(self, name: str) -> str:
        return self.screen_stack[0].query_one(f"#{name}", Input).value


@pytest.mark.parametrize("chunk", [1, 5, 4096])
async def test_each_key_goes_where_the_one_before_it_led(wire, chunk) -> None:
    app = Form()
    async with app.run_test() as pilot:
        line = wire(pilot)
        await line.send("Budi\t3171010101900001\ryes\rwindow", chunk=chunk)
        await line.until(lambda: app.value("remark") == "window")
        assert (app.value("name"), app.value("identity"), app.answers) == ("Budi", "3171010101900001", ["yes"])


async def test_a_scan_keeps_its_turn_among_keys(wire, codes) -> None:
    """A scan right behind the Enter that opens a dialog is the dialog's."""
    app = Form()
    async with app.run_test() as pilot:
        line = wire(pilot)
        await line.send(f"Budi\t1\r{codes[0]}\rok\r{codes[1]}\rx")
        await line.until(lambda: app.value("remark") == "x")
        assert app.scans == [(codes[0], "Question"), (codes[1], "Screen")]
        assert app.answers == ["ok"]


async def test_a_key_that_never_gets_done_does_not_hold_up_the_others(wire) -> None:
    """A handler that hangs costs patience, not the keyboard."""

    class Stuck(Input):
        def __init__(self) -> None:
            super().__init__()
            self.rescue = asyncio.Event()

        async def on_key(self, event: events.Key) -> None:
            if event.key == "enter":
                self.app.query_one("#other").focus()
                await self.rescue.wait()

    class App(ScanningApp[None]):
        def compose(self) -> ComposeResult:
            yield Stuck()
            yield Input(id="other")

        def on_mount(self) -> None:
            self.query_one(Stuck).focus()

    app = App()
    async with app.run_test() as pilot:
        line = wire(pilot)
        await line.send("ab\rcd")
        while (other := app.query_one("#other", Input)).value != "cd":
            await asyncio.sleep(0.01)
        stuck = app.query_one(Stuck)
        assert (stuck.value, other.value, stuck.rescue.is_set()) == ("ab", "cd", False)
        stuck.rescue.set()
