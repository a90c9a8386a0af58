"""One thing at a time: while the library works in a thread, keys wait, and nothing is started twice.

What belongs here: the guard around the flows of the sell screen. Whoever types ahead of a search or a hold finds every
key where it would have gone; what was typed ahead of something that failed is dropped, and so is everything typed
while money is taken: the change has to be seen.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeAlias

from textual import events
from textual.worker import Worker

from core.errors import CounterError
from counter.screens.workstation import Workstation

Flow: TypeAlias = Callable[[], Awaitable[None]]

_MOST_KEYS: Final = 400


class Turns(Workstation):
    """A workstation whose flows run one after the other; see the module's docstring."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = False
        self._ahead: list[events.Key | events.Paste] = []
        self.last_key = time.monotonic()

    # To be overridden

    def show(self) -> None:
        """Draw everything as it is now."""

    def place_cursor(self) -> None:
        """Put the focus where the next key belongs."""

    async def fail(self, error: CounterError) -> None:
        """A flow was refused or lost the database."""
        self.report(error)

    # The guard

    def touch(self) -> None:
        """Somebody is at work."""
        self.last_key = time.monotonic()

    def turn(self, flow: Flow, *, keep_ahead: bool = True) -> Worker[None] | None:
        """Start a flow, unless one is under way."""
        self.touch()
        if self.busy:
            return None
        self.busy = True
        self._ahead.clear()
        self.set_focus(None)
        return self.run_worker(self._guarded(flow, keep_ahead), name="turn", exit_on_error=True)

    async def _guarded(self, flow: Flow, keep_ahead: bool) -> None:
        went_well = False
        try:
            await flow()
            went_well = True
        except CounterError as error:
            await self.fail(error)
        finally:
            ahead = list(self._ahead) if went_well and keep_ahead else []
            self.busy = False
            self._ahead.clear()
            self.show()
            self.place_cursor()
        for event in ahead:
            again = event.copy() if isinstance(event, events.Key) else events.Paste(event.text)
            await self.counter.in_turn(partial(self.counter.forward, again))

    def on_key(self, event: events.Key) -> None:
        """While a flow runs nothing has the focus and keys arrive here: they wait."""
        self.touch()
        if self.busy:
            self._wait(event)

    def on_paste(self, event: events.Paste) -> None:
        """As with keys."""
        if self.busy:
            self._wait(event)

    def _wait(self, event: events.Key | events.Paste) -> None:
        event.stop()
        event.prevent_default()
        if len(self._ahead) < _MOST_KEYS:
            self._ahead.append(event)

    def drop_scan(self, text: str) -> None:
        """A slow scanner's characters were taken for typing: they are no longer waiting."""
        tail = text
        while self._ahead and tail:
            last = self._ahead[-1]
            if not isinstance(last, events.Key) or (last.character or "").upper() != tail[-1]:
                break
            self._ahead.pop()
            tail = tail[:-1]
