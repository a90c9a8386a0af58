"""What a terminal would obey does not get to it, whatever screen shows it; markup is shown as it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import ControlType, Segment
from textual.color import Color
from textual.content import Content
from textual.widgets import Input, Static
from textual.widgets.option_list import Option

from counter.app import CounterApp
from counter.terminal_text import TerminalText, visible
from counter.widgets.marked_list import MarkedList

#: Clears the screen (C0 and C1), sets the title, turns the direction, deletes, is half a character; and markup.
HOSTILE = "a\x1b[2J\x9b2J\x1b]0;owned\x07\u202e\u2066\x7f\x00\udcffz"
MARKUP = "[red]Budi[/red][@click=app.quit]S[/]"


@given(st.text())
def test_a_line_keeps_its_width_and_nothing_that_is_obeyed(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert cell_len(shown) == cell_len(text)


@given(st.text())
def test_what_can_be_shown_stays(text: str) -> None:
    readable = "".join(letter for letter in text if letter.isprintable())
    assert visible(readable) == readable


def test_the_programs_own_control_segments_are_left_alone() -> None:
    own = Segment("\x1b[2J", None, [(ControlType.CLEAR,)])
    line = [own, Segment("plain"), Segment("\x1b[2J")]
    assert TerminalText().apply(line, Color(0, 0, 0)) == [own, Segment("plain"), Segment("[2J")]
    assert TerminalText().apply(line[:2], Color(0, 0, 0)) is not None


class _Shown(CounterApp):
    """The application with hostile texts on its first screen."""

    def begin(self) -> None:
        """No database is needed for this."""


class _Words(Static):
    def __init__(self, text: str) -> None:
        super().__init__(text, markup=False)


@pytest.mark.parametrize("text", [HOSTILE, MARKUP])
async def test_nothing_on_a_screen_reaches_the_terminal_as_a_command(text: str) -> None:
    app = _Shown()
    async with app.run_test(size=(120, 40)) as pilot:
        await app.screen.mount(_Words(text), Static(Content(text)), Input(value=text), Input(placeholder=text))
        await app.screen.mount(MarkedList(Option(text), markup=False))
        await pilot.pause()
        rows = ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]
    assert rows
    assert all(row.isprintable() for row in rows)
    wanted = visible(text)
    assert sum(wanted in row for row in rows) >= 4, "\n".join(rows)
