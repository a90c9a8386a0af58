"""The document somebody shows for a reduced fare: its number and its last day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from core.days import parse_day
from core.errors import UsageError
from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.i18n import _, sentences_of
from counter.screens.sell_fields import PlainInput, too_long
from counter.symbols import drawn, symbols
from counter.widgets.key_bar import KeyBar

_LONGEST_DOCUMENT = 60
_LONGEST_DAY = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """A document; without a last day it holds for life."""

    document: str
    until: date | None


class Registering(Dialog[Shown]):
    """Waits for the document; what is refused stands below the fields with everything typed."""

    CSS_PATH = "registering.tcss"
    AUTO_FOCUS = "#document"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("accept", "enter", "next", "Go on to the next field, then register.", in_palette=False),
        Command("app.focus_next", "tab,down", "", "Go to the next field.", in_palette=False),
        Command("app.focus_previous", "shift+tab,up", "", "Go to the field before.", in_palette=False),
        Command("back", "escape", "back", "Go back and register nothing.", in_palette=False),
    )

    def __init__(
        self, title: str, today: date, document: str = "", until: str = "", notice: str = "", *, may_be_for_life: bool
    ) -> None:
        super().__init__()
        self._title, self._today, self._notice, self._may_be_for_life = title, today, notice, may_be_for_life
        self._typed = document, until

    def compose(self) -> ComposeResult:
        """Two fields."""
        document, until = self._typed
        day = _("may stay empty; such as 31/12/2027") if self._may_be_for_life else _("such as 31/12/2027")
        with Vertical(id="box"):
            yield Static(drawn(self._title), id="title", markup=False)
            yield Static(drawn(f"{_('Document')} {symbols().prompt}"), markup=False)
            yield PlainInput(
                value=document, id="document", max_length=_LONGEST_DOCUMENT, placeholder=_("number on the card")
            )
            yield Static(drawn(f"{_('Valid until')} {symbols().prompt}"), markup=False)
            yield PlainInput(value=until, id="until", max_length=_LONGEST_DAY, placeholder=day)
            yield Static(drawn(self._notice), id="notice", markup=False)
        yield KeyBar()

    def on_plain_input_too_long(self, message: PlainInput.TooLong) -> None:
        """No document has that long a number."""
        message.stop()
        self._say(too_long(message))

    def action_accept(self) -> None:
        """The next field; behind the last one the document, if it can be one."""
        document, until = self.query_one("#document", PlainInput), self.query_one("#until", PlainInput)
        if not document.value.strip():
            self._say(_("Type the number on the card or letter."))
            document.focus()
            return
        if self.focused is document:
            until.focus()
            return
        try:
            day = parse_day(until.value, self._today) if until.value.strip() else None
        except UsageError as error:
            self._say(" ".join(sentences_of(error)))
            return
        if day is None and not self._may_be_for_life:
            self._say(_("Type the document's last day."))
            return
        self.dismiss(Shown(document.value.strip(), day))

    def _say(self, sentence: str) -> None:
        self.query_one("#notice", Static).update(drawn(sentence))
