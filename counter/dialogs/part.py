"""How much of what is owed is paid now: the rest is paid another way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from core.money import grouped
from core.payments import METHODS
from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.i18n import _
from counter.symbols import drawn, symbols
from counter.widgets.key_bar import KeyBar
from counter.widgets.money_input import MoneyInput


class PartInput(MoneyInput):
    """The sum; Enter belongs to the dialog."""

    DEFAULT_CSS = """
    PartInput { border: none; height: 1; padding: 0; background: $surface; }
    PartInput:focus { border: none; background: $background; }
    PartInput.-rejected { text-style: underline; }
    """

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter belongs to the dialog, which shows it among its keys."""
        return False if action == "submit" else super().check_action(action, parameters)


class PartDialog(Dialog[int]):
    """Waits for a sum of at most what is owed.

    Args:
        owed: minor units.
        paid: what was paid before, as (how, minor units).
    """

    CSS_PATH = "part.tcss"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("accept", "enter", "pay this part", "Take this sum now, then say how.", in_palette=False),
        Command("back", "escape", "back", "Go back; all of it is paid in one way.", in_palette=False),
    )

    def __init__(self, owed: int, paid: Sequence[tuple[str, int]]) -> None:
        super().__init__()
        self._owed, self._paid = owed, paid

    def compose(self) -> ComposeResult:
        """What was paid, what is owed, and a field."""
        with Vertical(id="box"):
            yield Static(_("How much of it is paid now?"), id="sentence", markup=False)
            for how, amount in self._paid:
                yield Static(drawn(f"{_(METHODS[how].name):24} {grouped(amount):>14}"), classes="paid", markup=False)
            yield Static(drawn(f"{_('still owed'):24} {grouped(self._owed):>14}"), id="owed", markup=False)
            with Horizontal(id="now"):
                yield Static(drawn(f"{_('Now')} {symbols().prompt} "), markup=False)
                yield PartInput(select_on_focus=False, placeholder=_("such as 200k"))
            yield Static("", id="notice", markup=False)
        yield KeyBar()

    def action_accept(self) -> None:
        """The sum, if it is one."""
        field, notice = self.query_one(PartInput), self.query_one("#notice", Static)
        amount = field.amount if field.value else None
        if amount is None or amount <= 0:
            notice.update(_("Type the sum that is paid now."))
        elif amount > self._owed:
            notice.update(_("That is more than the {owed} that is owed.", owed=grouped(self._owed)))
        else:
            self.dismiss(amount)
