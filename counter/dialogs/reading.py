"""Something to read: a ticket as it is printed, or a booking with everything that belongs to it.

``on_scan`` gets what is scanned while it is open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.symbols import drawn
from counter.widgets.key_bar import KeyBar
from counter.widgets.scan_input import Scanned


class Reading(Dialog[None]):
    """Lines that scroll; Enter or Esc closes them."""

    CSS_PATH = "reading.tcss"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("back", "escape,enter", "back", "Close this.", in_palette=False),
        Command("scroll(1)", "down", "scroll", "Scroll down by a line.", in_palette=False),
        Command("scroll(-1)", "up", "", "Scroll up by a line.", in_palette=False),
        Command("scroll(10)", "pagedown", "", "Scroll down by ten lines.", in_palette=False),
        Command("scroll(-10)", "pageup", "", "Scroll up by ten lines.", in_palette=False),
    )

    def __init__(self, title: str, lines: Content, on_scan: Callable[[str], None] | None = None) -> None:
        super().__init__()
        self._title, self._lines, self._on_scan = title, lines, on_scan

    def compose(self) -> ComposeResult:
        """Title and lines."""
        with Vertical(id="box"):
            yield Static(Content(drawn(self._title)), id="title")
            with VerticalScroll(can_focus=False):
                yield Static(self._lines, id="lines")
        yield KeyBar()

    def show(self, title: str, lines: Content) -> None:
        """Something else to read, from its beginning."""
        self._title, self._lines = title, lines
        if self.is_mounted:
            self.query_one("#title", Static).update(Content(drawn(title)))
            self.query_one("#lines", Static).update(lines)
            self.query_one(VerticalScroll).scroll_home(animate=False)

    def on_scanned(self, message: Scanned) -> None:
        """Another ticket is scanned while this one is read."""
        message.stop()
        if self._on_scan is not None:
            self._on_scan(message.text)

    def action_scroll(self, lines: int) -> None:
        """Scroll by some lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
