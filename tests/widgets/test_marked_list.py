"""The list that marks its current line."""

from __future__ import annotations

from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets.option_list import Option

from counter.symbols import use_ascii
from counter.widgets.marked_list import MarkedList


class Desk(App[None]):
    """Three lines, of which the second needs two."""

    BINDINGS: ClassVar = [Binding("enter", "choose", "Choose")]
    chosen: int | None = None

    def compose(self) -> ComposeResult:
        yield MarkedList(Option("one"), Option("two and a half that is long"), Option("three"), markup=False)

    def action_choose(self) -> None:
        self.chosen = self.query_one(MarkedList).highlighted

    @property
    def lines(self) -> list[str]:
        strips = self.screen._compositor.render_strips()
        return ["".join(part.text for part in strip).rstrip() for strip in strips]


async def test_the_mark_goes_where_the_cursor_goes_and_enter_is_left_to_the_screen() -> None:
    app = Desk()
    async with app.run_test(size=(20, 6)) as pilot:
        await pilot.pause()
        assert app.lines[:4] == ["▸ one", "  two and a half", "  that is long", "  three"]
        await pilot.press("down")
        assert app.lines[:4] == ["  one", "▸ two and a half", "  that is long", "  three"]
        await pilot.press("down", "enter")
        assert app.lines[:4] == ["  one", "  two and a half", "  that is long", "▸ three"]
        assert app.chosen == 2


@pytest.fixture
def _ascii_only():
    use_ascii(True)
    yield
    use_ascii(False)


@pytest.mark.usefixtures("_ascii_only")
async def test_the_mark_in_ascii_also_when_the_list_is_scrolled() -> None:
    app = Desk()
    async with app.run_test(size=(20, 2)) as pilot:
        await pilot.press("end")
        await pilot.pause()
        assert [line[:7] for line in app.lines] == ["  that ", "> three"]
