"""A list to choose from: a mark stands before the current line, which colour only underlines.

What belongs here: how such a list looks and which keys it leaves alone. What stands in it is its owner's.
"""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widgets import OptionList

from counter.symbols import symbols


class MarkedList(OptionList):
    """One option to a line or two; Enter belongs to the screen, which shows it among its keys."""

    DEFAULT_CSS = """
    MarkedList {
        border: none;
        padding: 0;
        scrollbar-size-vertical: 1;
        &:focus { border: none; background-tint: transparent; }
        & > .option-list--option { padding: 0 0 0 2; }
    }
    """

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter belongs to the screen."""
        return False if action == "select" else super().check_action(action, parameters)

    def render_line(self, y: int) -> Strip:
        """A line, with the mark in the blank before it if the cursor is there."""
        strip = super().render_line(y)
        line = self.scroll_offset.y + y
        if line >= len(self._lines) or self._lines[line] != (self.highlighted, 0):
            return strip
        mark = Segment(symbols().prompt, next(iter(strip)).style)
        return Strip.join([Strip([mark]), strip.crop(1)])
