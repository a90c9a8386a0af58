"""What a slip says of a payment: a card's approval code and machine, a transfer's or a wallet's number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from core.errors import Refused
from core.money import grouped
from core.payments import METHODS, Tender, settle
from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.i18n import _, sentences_of
from counter.screens.sell_fields import PlainInput, too_long
from counter.symbols import drawn, symbols
from counter.widgets.key_bar import KeyBar

_LONGEST: Final = 60


@dataclass(frozen=True, slots=True)
class Machine:
    """A card machine and its batch, as typed last: they are the same for many slips."""

    terminal: str = ""
    batch: str = ""


class Slip(Dialog[Tender]):
    """Waits for what the slip says; what is refused stands below the fields with everything typed.

    Args:
        method: the method's code; of a card F5 changes between debit and credit.
        amount: what the machine takes, minor units.
        machine: where given, card details are asked for.
    """

    CSS_PATH = "slip.tcss"
    AUTO_FOCUS = "#reference"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("accept", "enter", "paid", "The payment is made: put it on record.", in_palette=False),
        Command("other", "f5", "debit/credit", "The other kind of card.", in_palette=False),
        Command("app.focus_next", "tab,down", "next field", "Go to the next field.", in_palette=False),
        Command("app.focus_previous", "shift+tab,up", "", "Go to the field before.", in_palette=False),
        Command("back", "escape", "back", "Go back; nothing is paid.", in_palette=False),
    )

    def __init__(self, method: str, amount: int, machine: Machine | None = None, notice: str = "") -> None:
        super().__init__()
        self._method, self._amount, self._machine, self._notice = method, amount, machine, notice

    def compose(self) -> ComposeResult:
        """The sum, and one field or four."""
        with Vertical(id="box"):
            yield Static("", id="title", markup=False)
            yield from self._field(_("Approval code") if self._machine else _("Number"), "reference", "")
            if self._machine is not None:
                yield from self._field(_("Last 4 figures"), "last-four", "")
                yield from self._field(_("Card machine"), "terminal", self._machine.terminal)
                yield from self._field(_("Batch"), "batch", self._machine.batch)
            yield Static(drawn(self._notice), id="notice", markup=False)
        yield KeyBar()

    def _field(self, word: str, name: str, value: str) -> ComposeResult:
        hints = {"reference": _("as on the slip"), "last-four": _("may stay empty")}
        yield Static(drawn(f"{word} {symbols().prompt}"), markup=False)
        yield PlainInput(value=value, id=name, max_length=_LONGEST, placeholder=hints.get(name, _("may stay empty")))

    def on_mount(self) -> None:
        """Say how, and how much."""
        self._show_title()

    def _show_title(self) -> None:
        self.query_one("#title", Static).update(drawn(f"{_(METHODS[self._method].name)}   {grouped(self._amount)}"))

    def offers(self, command: Command) -> bool:
        """Only cards come in two kinds."""
        return command.id != "other" or self._machine is not None

    def action_other(self) -> None:
        """Debit, then credit."""
        self._method = "credit_card" if self._method == "debit_card" else "debit_card"
        self._show_title()

    def on_plain_input_too_long(self, message: PlainInput.TooLong) -> None:
        """No slip says that much."""
        message.stop()
        self._say(too_long(message))

    def action_accept(self) -> None:
        """What was typed, if the method takes it."""
        tender = self._tender()
        try:
            settle(self._amount, tender)
        except Refused as refusal:
            self._say(" ".join(sentences_of(refusal)).strip())
            self.query_one("#reference", PlainInput).focus()
        else:
            self.dismiss(tender)

    def _tender(self) -> Tender:
        def typed(name: str) -> str | None:
            return self.query_one(f"#{name}", PlainInput).value.strip() or None

        if self._machine is None:
            return Tender(self._method, reference=typed("reference"))
        return Tender(
            self._method, reference=typed("reference"), card_last_four=typed("last-four"),
            edc_terminal=typed("terminal"), edc_batch=typed("batch"),
        )  # fmt: skip

    def _say(self, sentence: str) -> None:
        self.query_one("#notice", Static).update(drawn(sentence))
