"""One line under the work: what was just done, what to watch, what went wrong; kept until the next action.

A sentence that is too long for one line gets more: nobody can act on half a sentence.

What belongs here: the line and its three kinds. Who says what is the screens' business.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from counter.i18n import _
from counter.symbols import drawn, symbols

Kind: TypeAlias = Literal["info", "warning", "error"]


class MessageLine(Static):
    """A symbol, a word, a sentence, and what to do next."""

    DEFAULT_CSS = """
    MessageLine {
        height: auto;
        min-height: 1;
        max-height: 4;
        padding: 0 1;
        &.-info { color: $foreground; }
        &.-warning { color: $warning; }
        &.-error { color: $error; text-style: bold; }
    }
    """

    message: reactive[tuple[Kind, str, str] | None] = reactive(None, layout=True)

    def show(self, sentence: str, *, kind: Kind = "info", hint: str = "") -> None:
        """Say something until :meth:`clear` or the next message."""
        self.message = (kind, sentence, hint)

    def clear(self) -> None:
        """Say nothing."""
        self.message = None

    @property
    def sentence(self) -> str:
        """What stands there now, without symbol and hint."""
        return self.message[1] if self.message else ""

    def watch_message(self) -> None:
        """Colour follows the kind; symbol and word have said it already."""
        for kind in ("info", "warning", "error"):
            self.set_class(self.message is not None and self.message[0] == kind, f"-{kind}")

    def render(self) -> Content:
        """The line, or as many as the sentence needs."""
        if self.message is None:
            return Content("")
        kind, sentence, hint = self.message
        mark = symbols()
        heads = {
            "info": f"{mark.info} ",
            "warning": f"{mark.warning} {_('Note')}: ",
            "error": f"{mark.no} {_('Error')}: ",
        }
        text = f"{heads[kind]}{sentence} {hint}".rstrip()
        return Content(drawn(" ".join(text.split())))
