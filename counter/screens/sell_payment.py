"""Taking cash on the sell screen: the money handed over, sums to choose from, the change in large figures.

What belongs here: the panel. Which sums are suggested is ``core.cash``, what is too little ``core.payments``.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input

from core.cash import suggested_notes
from core.money import grouped
from counter.i18n import _
from counter.screens.sell_fare import Figure
from counter.screens.sell_fields import NOTE_KEYS, CashInput
from counter.screens.sell_words import Words
from counter.symbols import symbols


def notes_table(notes: Sequence[int]) -> Table:
    """Two lines of two sums, each with its key."""
    table = Table.grid(padding=(0, 3, 0, 0))
    cells = [f"[b]{key}[/b] {grouped(note):>10}" for key, note in zip(NOTE_KEYS, notes, strict=False)]
    cells += [""] * (len(NOTE_KEYS) - len(cells))
    table.add_row(*cells[:2])
    table.add_row(*cells[2:])
    return table


class PaymentPanel(Vertical):
    """Cash: what is given, what could be given, what goes back."""

    def compose(self) -> ComposeResult:
        """Six lines."""
        with Horizontal(id="cash-row"):
            yield Words("", id="cash-word")
            yield CashInput(id="cash")
        yield Words("", id="notes")
        yield Figure(id="change")

    def on_mount(self) -> None:
        """Nothing is due yet."""
        self._due = self._owed = 0

    @property
    def cash(self) -> CashInput:
        """The field."""
        return self.query_one(CashInput)

    def ask_for(self, due: int, typed: str, *, owed: int | None = None) -> None:
        """Ask for a sum, all of what is owed or a part of it; what was typed before is there again."""
        self._due, self._owed = due, due if owed is None else owed
        self.cash.default_amount = due
        self.cash.notes = suggested_notes(due)
        if self.cash.value != typed:
            self.cash.value = typed
        self.put_into_words()

    def put_into_words(self) -> None:
        """The words around the field."""
        self.query_one("#cash-word", Words).say(Content(f"{_('Cash')} {symbols().prompt} "))
        exactly = _("Enter: exactly {amount}", amount=grouped(self._due))
        if self._due < self._owed:
            exactly = _("Enter: {part} of {owed}", part=grouped(self._due), owed=grouped(self._owed))
        self.cash.placeholder = exactly
        self.query_one("#notes", Words).say(notes_table(self.cash.notes))
        self.tell_change()

    @on(Input.Changed, "#cash")
    def tell_change(self) -> None:
        """What goes back, or what is still missing, at every key."""
        given, change = self.cash.amount, self.query_one("#change", Figure)
        if given is None or not self.cash.value:
            change.show("", None)
        elif given < self._due:
            change.show(f"{symbols().no} {_('MISSING')}", self._due - given)
        else:
            change.show(_("CHANGE"), given - self._due)
