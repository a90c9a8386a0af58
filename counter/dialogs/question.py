"""A question with two answers."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.symbols import drawn
from counter.widgets.key_bar import KeyBar


class Question(Dialog[bool]):
    """Says something and waits for Enter (yes) or Esc (no)."""

    CSS_PATH = "question.tcss"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("accept", "enter", "yes", "Answer yes.", in_palette=False),
        Command("back", "escape", "no", "Answer no.", in_palette=False),
    )

    def __init__(self, sentence: str, *, yes: str, no: str) -> None:
        super().__init__()
        self._sentence = sentence
        self._answers = f"Enter {yes}    Esc {no}"

    def compose(self) -> ComposeResult:
        """The sentence and the two keys."""
        with Vertical(id="box"):
            yield Static(drawn(self._sentence), id="sentence", markup=False)
            yield Static(drawn(self._answers), id="answers", markup=False)
        yield KeyBar()

    def action_accept(self) -> None:
        """Yes."""
        self.dismiss(True)
