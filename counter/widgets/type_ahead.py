"""Typing ahead: keys struck faster than the screen follows still go where they were meant to go.

Textual looks up who has the focus when a key arrives, not when its turn comes: of ``Budi Tab 3171`` read in one piece,
all goes into the first field, since the Tab has not been worked off yet. What belongs here: making a key wait until
the one before it has had its effect, or until a screen is done with what it asked a thread to do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, Generic, TypeAlias
from weakref import WeakKeyDictionary

from textual import events
from textual.app import App, ReturnType
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

Step: TypeAlias = Callable[[], Awaitable[None]]

#: A key whose effect takes longer than this (seconds) no longer keeps the next ones waiting.
PATIENCE: Final = 2.0


class TypeAheadApp(App[ReturnType], Generic[ReturnType]):
    """An application that works off keys, clicks and pastes strictly one after the other."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._steps: deque[Step] = deque()
        self._aside: WeakKeyDictionary[Screen[Any], deque[Step]] = WeakKeyDictionary()
        self._settling: Screen[Any] | None = None
        self._settling_round = 0
        self._settling_limit: Timer | None = None

    async def on_event(self, event: events.Event) -> None:
        """Let input wait for its turn; anything else goes its way at once."""
        is_input = isinstance(event, events.InputEvent | events.Paste) and not isinstance(event, events.MouseMove)
        if not is_input or event.is_forwarded or not self.screen_stack:
            await super().on_event(event)
        elif self.is_holding_keys and isinstance(event, events.Key) and event.key in self._bindings.key_to_bindings:
            # The way to the help or out of the program is never blocked; what waits goes on waiting for this screen.
            self._set_aside()
            await super().on_event(event)
        else:
            await self.in_turn(partial(self.forward, event))

    @property
    def is_holding_keys(self) -> bool:
        """Whether the screen in front works at something and takes no input until it is done: its ``busy`` says so.

        A dialog above it is a screen of its own. Whoever stops being busy calls :meth:`go_on`.
        """
        return bool(getattr(self.screen, "busy", False))

    async def go_on(self) -> None:
        """The screen in front takes input again."""
        await self._advance()

    def _set_aside(self) -> None:
        self._aside.setdefault(self.screen, deque()).extend(self._steps)
        self._steps.clear()

    def drop_keys(self, screen: Screen[Any]) -> None:
        """Forget the keys that wait for a screen, since they were typed in ignorance of what came; scans stay."""
        if screen in self._aside:
            self._aside[screen] = self._without_keys(self._aside[screen])
        if screen is self.screen:
            self._steps = self._without_keys(self._steps)

    def _without_keys(self, steps: deque[Step]) -> deque[Step]:
        return deque(step for step in steps if not self._is_key(step))

    def _is_key(self, step: Step) -> bool:
        if not isinstance(step, partial):
            return False
        return step.func == self.forward_run or (step.func == self.forward and isinstance(step.args[0], events.Key))

    async def in_turn(self, step: Step) -> None:
        """Do something after everything that was typed before it has had its effect."""
        self._steps.append(step)
        await self._advance()

    async def forward(self, event: events.Event) -> None:
        """Hand an input event to whatever has the focus now."""
        target = self.focused or self.screen
        screen = self.screen
        await super().on_event(event)
        stays_in_field = isinstance(target, Input) and isinstance(event, events.Key) and event.is_printable
        if isinstance(event, events.Key) and not stays_in_field:
            self._settle(screen, target)

    async def forward_run(self, keys: Sequence[events.Key]) -> None:
        """Hand on what a machine typed: to a field in one piece, as if it were pasted, to anything else key by key."""
        if isinstance(field := self.focused, Input):
            await self.forward(events.Paste("".join(key.character or "" for key in keys)))
            self._settle(self.screen, field)  # the field may say that it does not take it, and then no Enter may follow
        else:
            self._steps.extendleft(partial(self.forward, key) for key in reversed(keys))

    async def _advance(self) -> None:
        while self._settling is None and not self.is_holding_keys:
            if waited := self._aside.pop(self.screen, None):
                self._steps.extendleft(reversed(waited))
            if not self._steps:
                return
            await self._steps.popleft()()

    def _settle(self, screen: Screen[Any], target: Widget) -> None:
        """Keep what follows waiting until a key, and what it caused, has gone from its target up to the application."""
        self._settling = screen
        self._settling_round += 1
        current = self._settling_round
        if self._settling_limit is not None:
            self._settling_limit.stop()
        self._settling_limit = self.set_timer(PATIENCE, partial(self._settled, current))
        # A key climbs up to the application, which finds its binding there; then the message that its action posts
        # climbs. Twice at each level: what a node says to itself on the way stands behind the first call.
        path = [node for node in target.ancestors_with_self for _ in range(2)] * 2

        def climb(level: int) -> None:
            while level < len(path):
                level += 1
                if path[level - 1].call_later(climb, level):
                    return
            self.call_later(self._arrived, current)

        climb(0)

    async def _arrived(self, settled_round: int) -> None:
        if settled_round != self._settling_round or self._settling is None:
            return
        if self.screen is not self._settling:
            # Another screen came up: it has to be there, with its focus, before it can be typed into.
            self._settle(self.screen, self.focused or self.screen)
        else:
            await self._settled(settled_round)

    async def _settled(self, settled_round: int) -> None:
        if settled_round != self._settling_round or self._settling is None:
            return
        self._settling = None
        if self._settling_limit is not None:
            self._settling_limit.stop()
            self._settling_limit = None
        await self._advance()
