"""The fields of the sell screen: one line high, safe to paste into, with Enter left to the screen's commands.

What belongs here: fields and how they behave at a key. What their text means is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, ClassVar, Final

from rich.highlighter import Highlighter
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from counter.entry import Token
from counter.i18n import _
from counter.screens.typed_names import showable
from counter.widgets.money_input import MoneyInput, regrouped

#: Keys that put a suggested sum into the cash field; none of them can begin an amount.
NOTE_KEYS: Final = "abcd"
#: Characters that fit into a field: a name with its number, several times over.
LONGEST_FIELD: Final = 300
#: And into the entry line: a whole sale, eight passengers with their numbers.
LONGEST_LINE: Final = 500
#: What comes so soon (seconds) after a text that was too long is the rest of it, and refused as well.
REST_OF_TEXT: Final = 1.0


class PlainInput(Input):
    """A field without a border that shows pasted control characters as marks instead of sending them on."""

    DEFAULT_CSS = """
    PlainInput {
        border: none;
        height: 1;
        padding: 0;
        background: $surface;
        &:focus { border: none; background: $panel; }
        &.-refused { text-style: underline; }
    }
    """

    @dataclass
    class TooLong(Message):
        """What was typed or pasted does not fit in; the field is as it was before."""

        field: PlainInput

        @property
        def control(self) -> PlainInput:
            """The field it does not fit into."""
            return self.field

    def __init__(self, *, max_length: int = LONGEST_FIELD, **options: Any) -> None:
        super().__init__(max_length=max_length, select_on_focus=False, **options)
        self._refused_at = -REST_OF_TEXT

    def restricted(self) -> None:
        """Too much at once: all of it is refused, so that nobody has to find out where it was cut."""
        super().restricted()
        self._refused_at = monotonic()
        self.post_message(self.TooLong(self))

    def replace(self, text: str, start: int, end: int) -> None:
        """Change part of the text; whatever cannot be shown becomes a mark that no name accepts."""
        if text and monotonic() - self._refused_at < REST_OF_TEXT:
            self.restricted()
        else:
            super().replace(showable(text), start, end)
            self.remove_class("-refused")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter belongs to the screen, which shows it among its keys."""
        return False if action == "submit" else super().check_action(action, parameters)


class _Underlined(Highlighter):
    """Underlines what was not understood; the line below says so in words."""

    def __init__(self) -> None:
        self.tokens: Sequence[Token] = ()

    def highlight(self, text: Text) -> None:
        for token in self.tokens:
            if not token.ok:
                text.stylize("underline bold", token.start, token.end)


class EntryInput(PlainInput):
    """The entry line. Up and Down in the empty line bring back earlier questions, the newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "recall(1)", show=False),
        Binding("down", "recall(-1)", show=False),
    ]
    _MOST: Final = 50

    def __init__(self, *, id: str | None = None, placeholder: str = "") -> None:
        self._underlined = _Underlined()
        super().__init__(id=id, placeholder=placeholder, highlighter=self._underlined, max_length=LONGEST_LINE)
        self._asked: list[str] = []
        self._at = -1

    def mark(self, tokens: Sequence[Token]) -> None:
        """Underline what of these was not understood."""
        self._underlined.tokens = tokens
        self.refresh()

    def remember(self, line: str) -> None:
        """Keep a question that was asked or dropped."""
        line = line.strip()
        if line:
            self._asked = [line, *(one for one in self._asked if one != line)][: self._MOST]
        self._at = -1

    def put(self, line: str) -> None:
        """Set the whole line, the cursor behind it."""
        self.value = line
        self.cursor_position = len(line)

    def action_recall(self, step: int) -> None:
        """An earlier or later question; half-typed text stays as it is."""
        recalled = self._asked[self._at] if 0 <= self._at < len(self._asked) else ""
        if self.value != recalled:
            if self.value:
                return
            self._at = -1
        self._at = max(-1, min(self._at + step, len(self._asked) - 1))
        self.put(self._asked[self._at] if self._at >= 0 else "")


class CashInput(MoneyInput):
    """The money a customer hands over; letters and arrows choose a suggested sum."""

    DEFAULT_CSS = """
    CashInput {
        border: none;
        height: 1;
        padding: 0;
        background: $surface;
        &:focus { border: none; background: $panel; }
        &.-rejected { text-style: underline; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "next_note(1)", show=False),
        Binding("up", "next_note(-1)", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, select_on_focus=False)
        self.notes: Sequence[int] = ()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter belongs to the screen, which shows it among its keys."""
        return False if action == "submit" else super().check_action(action, parameters)

    def choose(self, place: int) -> None:
        """Put a suggested sum into the field, whatever stands there."""
        if 0 <= place < len(self.notes):
            self.value = regrouped(str(self.notes[place]))
            self.cursor_position = len(self.value)
            self.remove_class("-rejected")

    def action_next_note(self, step: int) -> None:
        """The next suggested sum, or the one before."""
        count = len(self.notes)
        if self.value and self.amount in self.notes:
            self.choose((self.notes.index(self.amount) + step) % count)
        else:
            self.choose(0 if step > 0 else count - 1)

    async def _on_key(self, event: events.Key) -> None:
        key = (event.character or "").lower()
        if key and key in NOTE_KEYS and not self.value.lower().endswith("r"):
            event.stop()
            event.prevent_default()
            self.choose(NOTE_KEYS.index(key))
            return
        await super()._on_key(event)


def too_long(message: PlainInput.TooLong) -> str:
    """What is said about it."""
    return _("No more than {n} characters fit in here; what was there is kept.", n=message.field.max_length or 0)
