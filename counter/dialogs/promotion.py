"""A promotion code for the sale in hand, and those that are used already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from core.money import grouped
from core.promotions import Use
from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.i18n import _
from counter.screens.sell_fields import PlainInput, too_long
from counter.symbols import drawn
from counter.widgets.key_bar import KeyBar

_LONGEST = 40


class PromotionDialog(Dialog[str]):
    """Waits for a code; answers with an empty text where those that are used are taken off."""

    CSS_PATH = "promotion.tcss"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("accept", "enter", "use", "Use this promotion, if it applies.", in_palette=False),
        Command("take_off", "f8", "take off", "Use no promotion.", in_palette=False),
        Command("back", "escape", "back", "Go back and change nothing.", in_palette=False),
    )

    def __init__(self, uses: Sequence[Use], typed: str = "", notice: str = "") -> None:
        super().__init__()
        self._uses, self._typed, self._notice = uses, typed, notice

    def compose(self) -> ComposeResult:
        """What is used, a field, and why the last code did not apply."""
        with Vertical(id="box"):
            yield Static(_("Which promotion?"), id="sentence", markup=False)
            for use in self._uses:
                yield Static(drawn(f"{use.code}  {use.name}  −{grouped(use.discount)}"), classes="use", markup=False)
            yield PlainInput(value=self._typed, max_length=_LONGEST, placeholder=_("the code as printed"))
            yield Static(drawn(self._notice), id="notice", markup=False)
        yield KeyBar()

    def offers(self, command: Command) -> bool:
        """There must be something to take off."""
        return command.id != "take_off" or bool(self._uses)

    def on_plain_input_too_long(self, message: PlainInput.TooLong) -> None:
        """No code is that long."""
        message.stop()
        self._say(too_long(message))

    def action_accept(self) -> None:
        """The code, if one was typed."""
        code = self.query_one(PlainInput).value.strip()
        if code:
            self.dismiss(code)
        else:
            self._say(_("Type the code as printed."))

    def action_take_off(self) -> None:
        """None of them."""
        self.dismiss("")

    def _say(self, sentence: str) -> None:
        self.query_one("#notice", Static).update(drawn(sentence))
