"""One of several: a sentence and a short list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from rich.table import Table
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.symbols import drawn
from counter.widgets.key_bar import KeyBar
from counter.widgets.marked_list import MarkedList

T = TypeVar("T")


class Choice(Dialog[T], Generic[T]):
    """Says something and waits until one of some lines is chosen; Esc chooses none. A line may be a table's row."""

    CSS_PATH = "choice.tcss"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("accept", "enter", "choose", "Choose the marked line.", in_palette=False),
        Command("back", "escape", "back", "Go back and choose none.", in_palette=False),
    )

    def __init__(self, sentence: str, choices: Sequence[tuple[T, str | Table]]) -> None:
        super().__init__()
        self._sentence = sentence
        self._choices = choices

    def compose(self) -> ComposeResult:
        """The sentence above, the lines below."""
        with Vertical(id="box"):
            yield Static(drawn(self._sentence), id="sentence", markup=False)
            lines = [drawn(line) if isinstance(line, str) else line for _, line in self._choices]
            yield MarkedList(*(Option(line) for line in lines), markup=False)
        yield KeyBar()

    def on_option_list_option_selected(self, _message: OptionList.OptionSelected) -> None:
        """A line was clicked."""
        self.action_accept()

    def action_accept(self) -> None:
        """The line under the cursor."""
        at = self.query_one(MarkedList).highlighted
        if at is not None:
            self.dismiss(self._choices[at][0])
