"""A reason, in the clerk's own words."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.i18n import _
from counter.screens.sell_fields import PlainInput, too_long
from counter.symbols import drawn
from counter.widgets.key_bar import KeyBar


class Reason(Dialog[str]):
    """Waits for a few words; without any it says that they are needed."""

    CSS_PATH = "reason.tcss"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("accept", "enter", "print", "Go on with this reason.", in_palette=False),
        Command("back", "escape", "back", "Go back and do nothing.", in_palette=False),
    )

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self._sentence = sentence

    def compose(self) -> ComposeResult:
        """The question and a field."""
        with Vertical(id="box"):
            yield Static(drawn(self._sentence), id="sentence", markup=False)
            yield PlainInput(max_length=200, placeholder=_("such as: paper jam"))
            yield Static("", id="missing", markup=False)
        yield KeyBar()

    def on_plain_input_too_long(self, message: PlainInput.TooLong) -> None:
        """A long story."""
        message.stop()
        self._say(too_long(message))

    def action_accept(self) -> None:
        """The reason, if one was typed."""
        reason = self.query_one(PlainInput).value.strip()
        if reason:
            self.dismiss(reason)
        else:
            self._say(_("Say why it is printed again; it goes on record."))

    def _say(self, sentence: str) -> None:
        self.query_one("#missing", Static).update(drawn(sentence))
