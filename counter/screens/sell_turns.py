"""One thing at a time: while the library works in a thread, keys wait, and nothing is started twice.

What belongs here: the guard around the flows of the sell screen. Whoever types ahead of a search or a hold finds every
key where it would have gone (``counter.widgets.type_ahead``). What was typed ahead of something that failed is dropped,
and so is everything typed while money is taken: the change has to be seen.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from textual import events
from textual.worker import Worker

from core.errors import CounterError
from counter.screens.workstation import Workstation

Flow: TypeAlias = Callable[[], Awaitable[None]]


class Turns(Workstation):
    """A workstation whose flows run one after the other; see the module's docstring.

    ``busy`` keeps keys waiting while this screen is in front; the keys of a dialog above it go to the dialog.
    """

    def __init__(self) -> None:
        super().__init__()
        self.busy = False
        self.last_key = self.now()

    @staticmethod
    def now() -> float:
        """The clock that holds are counted down by, in seconds."""
        return time.monotonic()

    # To be overridden

    def show(self) -> None:
        """Draw everything as it is now."""

    def place_cursor(self) -> None:
        """Put the focus where the next key belongs."""

    # The guard

    def touch(self) -> None:
        """Somebody is at work."""
        self.last_key = self.now()

    def turn(self, flow: Flow, *, keep_ahead: bool = True) -> Worker[None] | None:
        """Start a flow, unless one is under way."""
        self.touch()
        if self.busy:
            return None
        self.busy = True
        return self.run_worker(self._guarded(flow, keep_ahead), name="turn", exit_on_error=True)

    async def _guarded(self, flow: Flow, keep_ahead: bool) -> None:
        try:
            await flow()
        except CounterError as error:
            keep_ahead = False
            self.report(error)
        self.busy = False
        self.show()
        self.place_cursor()
        if not keep_ahead:
            self.counter.drop_keys(self)
        await self.counter.go_on()

    def on_key(self, _event: events.Key) -> None:
        """A key that no field took."""
        self.touch()

    async def on_screen_suspend(self, _event: events.ScreenSuspend) -> None:
        """A dialog has come up, or another workstation is in front: what was typed ahead is meant for it."""
        await self.counter.go_on()

    async def on_screen_resume(self, _event: events.ScreenResume) -> None:
        """In front again: what was typed ahead of a glance at the help is still meant for this screen."""
        await self.counter.go_on()
