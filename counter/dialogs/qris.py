"""A QRIS code for the customer, large enough to scan, with the time that is left and what the gateway says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Static

from core.errors import CounterError
from core.payments.awaited import Awaited, Progress
from core.payments.qris_sale import QrisDesk
from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.i18n import _, sentences_of
from counter.screens.sell_fare import Figure
from counter.symbols import drawn, in_ascii, symbols
from counter.widgets.key_bar import KeyBar
from counter.widgets.qr_drawing import as_content, fitting

_SOON: Final = 60.0
#: Columns beside the code where the screen is wide enough; lines that frame and keys take.
_BESIDE, _FRAME = 32, 3


class QrisDialog(Dialog[Progress]):
    """Shows the code and asks until it is paid or over; ``None`` when somebody wants to do something else.

    Args:
        shown: the payment, with its code.
        look: asks the gateway once; it blocks and raises ``CounterError``s.
    """

    CSS_PATH = "qris.tcss"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("drawing", "f5", "draw otherwise", "For a font without the small blocks.", in_palette=False),
        Command("back", "escape", "something else", "Call the payment off, or leave it waiting.", in_palette=False),
    )

    def __init__(self, shown: Awaited, look: Callable[[Awaited], Progress]) -> None:
        super().__init__()
        self._payment, self._look = shown, look
        self._ends_at = monotonic() + (shown.expires_at - shown.now).total_seconds()
        self._asked, self._trouble, self._small_blocks = 0, "", True

    def compose(self) -> ComposeResult:
        """The code, and beside or below it the sum, the time and the state."""
        with Container(id="box"):
            yield Static("", id="code", markup=False)
            with Vertical(id="beside"):
                yield Static("QRIS", id="title", markup=False)
                yield Figure(id="sum")
                yield Static("", id="time", markup=False)
                yield Static("", id="state", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Draw, and begin to ask."""
        self.query_one("#sum", Figure).show("", self._payment.amount)
        self.query_one("#title", Static).update(f"QRIS  {self._payment.order_id}")
        self._draw_code()
        self.clock = self.set_interval(1.0, self._tell_time)
        self._tell_time()
        self._ask_on()

    def on_resize(self) -> None:
        """There may be room for a better drawing now."""
        self._draw_code()

    def _draw_code(self) -> None:
        text = self._payment.qr_string
        place = self.query_one("#code", Static)
        if text is None:
            place.update(_("Waiting for the code…"))
            return
        wide = self.size.width - _BESIDE
        drawing = fitting(text, wide, self.size.height - _FRAME, ascii_only=in_ascii(), sextants=self._small_blocks)
        place.update(
            as_content(drawing) if drawing is not None
            else Content(_("This window is too small for the code; make it larger."))
        )  # fmt: skip

    def action_drawing(self) -> None:
        """With half blocks only, which every font has and which take more room; then with small ones again."""
        self._small_blocks = not self._small_blocks
        self._draw_code()

    def _tell_time(self) -> None:
        if not self.is_attached or not self.query("#time"):  # it is just being taken down
            return
        left = max(0.0, self._ends_at - monotonic())
        time = self.query_one("#time", Static)
        time.update(f"{int(left) // 60}:{int(left) % 60:02}")
        time.set_class(left < _SOON, "-soon")
        mark = symbols()
        said = f"{mark.unsure} {self._trouble}" if self._trouble else f"{mark.dot} {_('Waiting to be paid.')}"
        self.query_one("#state", Static).update(drawn(said))

    @work(name="qris", exclusive=True)
    async def _ask_on(self) -> None:
        while True:
            await asyncio.sleep(QrisDesk.pause_after(self._payment, self._asked).total_seconds())
            self._asked += 1
            try:
                progress = await self.counter.in_thread(partial(self._look, self._payment))
            except CounterError as error:
                self._trouble = " ".join(sentences_of(error)).strip()
                self.counter.light("QRIS", "away")
                self._tell_time()
                continue
            self._trouble = ""
            self.counter.light("QRIS", "on")
            if not progress.awaited.is_waiting:
                self.dismiss(progress)
                return
            if progress.awaited.qr_string != self._payment.qr_string:
                self._payment = progress.awaited
                self._draw_code()
            self._payment = progress.awaited
