"""A wire to an application: bytes in, through Textual's own terminal parser, in chunks and at a pace."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

import pytest
from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.pilot import Pilot

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@pytest.fixture(scope="session")
def codes() -> list[str]:
    """Ten different texts that look like ticket codes."""
    chance = random.Random(2026)
    return ["KAIA" + "".join(chance.choices(ALPHABET, k=136)) for _ in range(10)]


class Wire:
    """Feeds a running application as its terminal driver would."""

    def __init__(self, pilot: Pilot) -> None:
        self.app: App = pilot.app
        self.pilot = pilot
        self.parser = XTermParser()

    async def send(
        self, text: str, *, chunk: int = 4096, gaps: Sequence[float] = (0.0,), ahead: float | None = None
    ) -> None:
        """Feed a text chunk by chunk.

        Args:
            chunk: characters to one ``read()``.
            gaps: seconds between chunks, over and over.
            ahead: do not wait, but stamp the events as if they came at that pace, beginning so many seconds from now.
                Far ahead, no pause is ever over; far back, every one is.
        """
        assert self.app._driver is not None
        at = get_time() + (ahead or 0.0)
        for number, begin in enumerate(range(0, len(text), chunk)):
            gap = gaps[number % len(gaps)]
            at += gap
            for event in self.parser.feed(text[begin : begin + chunk]):
                if ahead is not None:
                    event.time = at
                self.app._driver.process_message(event)
            await asyncio.sleep(gap if ahead is None else 0)

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait for something to become true; the test's own time limit is the runner's."""
        while not done():
            await self.pilot.pause()
        await self.pilot.pause()


@pytest.fixture
def wire() -> type[Wire]:
    return Wire
