"""A PIN that was just made, large, to be told to the person: it is shown this once."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from core.staff_register import NewPin
from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.i18n import _
from counter.symbols import drawn
from counter.widgets.block_letters import block_letters
from counter.widgets.key_bar import KeyBar

_COLUMNS = 60


class NewPinDialog(Dialog[bool]):
    """Shows the PIN until somebody says that it was told; Esc alone does not take it away."""

    CSS_PATH = "new_pin.tcss"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("accept", "enter", "told", "It was told; it is not shown again.", in_palette=False),
        Command("back", "escape", "", "Stay: the PIN is shown only once.", in_palette=False),
    )

    def __init__(self, made: NewPin) -> None:
        super().__init__()
        self._made = made

    def compose(self) -> ComposeResult:
        """Whose it is, the figures, and what becomes of it."""
        pin = self._made.pin
        large = block_letters(pin, _COLUMNS)
        who = f"{self._made.member.number} {self._made.member.name}"
        with Vertical(id="box"):
            yield Static(drawn(_("The new PIN of {who}", who=who)), id="title", markup=False)
            yield Static("\n".join(large or [pin]), id="large", markup=False)
            yield Static(pin, id="small", markup=False)
            yield Static(drawn(_("Tell it to nobody else. It is shown only now, and has to be changed at the "
                                 "first sign-in.")), id="note", markup=False)  # fmt: skip
        yield KeyBar()

    def action_accept(self) -> None:
        """It was told."""
        self.dismiss(True)

    def action_back(self) -> None:
        """A key hit by habit must not lose it."""
        self.app.bell()
