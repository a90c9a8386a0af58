"""A clerk at the sell screen: types through the terminal parser, sees what is drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from textual.pilot import Pilot

from core.office import Office
from core.sale import Sale, find
from counter.app import CounterApp
from counter.screens.sell import SellScreen
from tests.conftest import Wire

#: Seconds after which what a test waits for is not going to happen, however busy the machine.
PATIENCE: Final = 90.0


class Till:
    """Drives the sell screen of a running application."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self.pilot = pilot
        self.wire = Wire(pilot)

    @property
    def app(self) -> CounterApp:
        app = self.pilot.app
        assert isinstance(app, CounterApp)
        return app

    @property
    def screen(self) -> SellScreen:
        """The sell screen, also when a dialog is above it."""
        screen = self.app.screen_stack[0]
        assert isinstance(screen, SellScreen)
        return screen

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait for something to become true; what never does fails with what the terminal shows."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not done():
                    await self.pilot.pause(0.01)
        except TimeoutError:
            raise AssertionError(f"It never happened:\n{self.text}") from None
        await self.pilot.pause()

    async def ready(self) -> Till:
        """Wait until the screen has learned the words of the railway."""
        await self.until(lambda: isinstance(self.app.screen_stack[0], SellScreen) and self.screen.lexis is not None)
        await self.settled()
        return self

    async def settled(self) -> None:
        """Wait until every key has had its effect, and a flow has ended or asks something."""
        for _ in range(3):  # what a key posts may post again on its way up
            await self.pilot.pause()
            await self.until(self._is_quiet)

    def _is_quiet(self) -> bool:
        nodes = [self.app, self.app.screen, *self.app.focused.ancestors] if self.app.focused else [self.app]
        if any(node.message_queue_size for node in (*nodes, self.app.focused) if node is not None):
            return False
        return not self.app._steps and self.app._settling is None and not self.app.is_holding_keys

    async def type(self, text: str) -> None:
        """Type a text; ``\\r`` is Enter."""
        await self.wire.send(text)
        await self.settled()

    async def press(self, *keys: str) -> None:
        """Press keys by name."""
        for key in keys:
            await self.pilot.press(key)
            await self.settled()

    @property
    def lines(self) -> list[str]:
        """What the terminal shows."""
        return ["".join(part.text for part in strip).rstrip() for strip in self.app.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def message(self) -> str:
        """The message line, with its hint."""
        shown = self.screen.line.message
        return f"{shown[1]} {shown[2]}".strip() if shown else ""

    @property
    def office(self) -> Office:
        assert self.app.workplace is not None
        return self.app.workplace.office

    def sale(self) -> Sale:
        """The finished sale as the database has it."""
        assert self.screen.draft.sale is not None
        return find(self.office, self.screen.draft.sale.booking_id)

    def count(self, what: str) -> int:
        """Rows of a table or of a part of it: ``tickets``, ``bookings WHERE status = 'pending'``."""
        return int(self.office.database.transaction(lambda tx: tx.raw(f"SELECT count(*) FROM {what}").scalar() or 0))
