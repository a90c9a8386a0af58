"""Catching scans in any screen: a scan never reaches the widget that has the focus.

What belongs here: the bridge between the terminal's key events and ``counter.devices.wedge``, that is: what has to be
done before Textual hands a key on. An application inherits from :class:`ScanningApp` and its screens handle
:class:`~counter.widgets.scan_input.Scanned`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final, Generic
from weakref import WeakKeyDictionary

from textual import events
from textual._time import get_time  # the very clock that stamps the events
from textual.app import ReturnType
from textual.timer import Timer
from textual.widgets import Input
from textual.widgets.input import Selection

from counter.devices.wedge import Deliver, Scan, WedgeAssembler, codes_in, is_code
from counter.widgets.scan_input import ScanInput, Scanned, Source
from counter.widgets.type_ahead import TypeAheadApp

_TERMINATORS: Final = frozenset({"enter", "tab", "ctrl+j"})
#: Characters that wait together for their turn and are still worked off one by one.
LONGEST_TYPED: Final = 64
#: A timer cannot run out in no time at all (seconds).
_SOON: Final = 0.001
#: Some terminals report these as keys of their own, in the middle of a scan that contains capitals.
_MODIFIERS: Final = frozenset(
    {f"{side}_{key}" for side in ("left", "right") for key in ("shift", "control", "alt", "super", "hyper", "meta")}
    | {"iso_level3_shift", "iso_level5_shift", "caps_lock", "num_lock", "scroll_lock"}
)


class _Memory:
    """What a field contained just before it was given a key."""

    def __init__(self, field: Input) -> None:
        self.field = field
        self._content: tuple[str, Selection] | None = None

    def note(self) -> None:
        """Note the field's content; runs in the field's own turn, right before it gets the key."""
        self._content = (self.field.value, self.field.selection)

    def restore(self) -> None:
        """Put the field's content back; runs in the field's own turn, after every key it was given."""
        if self._content is not None:
            self.field.value, self.field.selection = self._content


class ScanningApp(TypeAheadApp[ReturnType], Generic[ReturnType]):
    """An application in which a scanner works everywhere.

    Keys are collected before the focused widget gets them. A scan, or a pasted ticket code, becomes a ``Scanned``
    message to the screen in front; everything else goes its normal way, in its order.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._wedge: WedgeAssembler[events.Key] = WedgeAssembler(self.recognises_code)
        self._wedge_timer: Timer | None = None
        self._memories: WeakKeyDictionary[events.Key, _Memory] = WeakKeyDictionary()

    def recognises_code(self, text: str) -> bool:
        """Whether a text looks like a ticket code; to be widened where scanners type on a foreign keyboard layout."""
        return is_code(text)

    async def on_event(self, event: events.Event) -> None:
        """Collect keys before they are forwarded."""
        if event.is_forwarded or not self.screen_stack:
            await super().on_event(event)
        elif isinstance(event, events.Key) and event.key not in _MODIFIERS:
            await self._obey(self._judge(event))
            self._watch()
        elif isinstance(event, events.Paste):
            await self._judge_paste(event)
        else:
            if isinstance(event, events.MouseDown):
                # What was typed before a click belongs to where the focus still is.
                await self._obey(self._wedge.release())
            await super().on_event(event)

    async def forward(self, event: events.Event) -> None:
        """Hand an event on, remembering what the field contained in case the key turns out to belong to a scan."""
        if isinstance(event, events.Key) and event.is_printable:
            self._remember([event])
        await super().forward(event)

    async def forward_run(self, keys: Sequence[events.Key]) -> None:
        """The same for many keys at once."""
        self._remember(keys)
        await super().forward_run(keys)

    def _remember(self, keys: Sequence[events.Key]) -> None:
        field = self.focused
        if isinstance(field, Input):
            memory = _Memory(field)
            field.call_later(memory.note)
            self._memories.update(dict.fromkeys(keys, memory))

    def _judge(self, event: events.Key) -> list[Deliver[events.Key] | Scan[events.Key]]:
        if event.key in _TERMINATORS:
            return self._wedge.terminator(event, event.time, scan_field=isinstance(self.focused, ScanInput))
        if event.character is not None and event.is_printable:
            return self._wedge.character(event, event.character, event.time)
        return self._wedge.other(event)

    async def _judge_paste(self, event: events.Paste) -> None:
        await self._obey(self._wedge.release())
        codes = codes_in(event.text, self.recognises_code)
        for code in codes:
            await self.in_turn(partial(self._announce, code, "paste"))
        if not codes:
            await super().on_event(event)

    async def _obey(self, decisions: Iterable[Deliver[events.Key] | Scan[events.Key]]) -> None:
        for decision in decisions:
            match decision:
                case Deliver(keys):
                    await self._deliver(keys)
                case Scan(text, delivered):
                    await self.in_turn(partial(self._take_back, delivered))
                    await self.in_turn(partial(self._announce, text, "wedge"))

    async def _deliver(self, keys: Sequence[events.Key]) -> None:
        """Hand keys on one by one; in one piece what is so long that no person typed it."""
        for is_text, some in groupby(keys, key=lambda key: key.is_printable):
            run = tuple(some)
            if is_text and len(run) > LONGEST_TYPED:
                await self.in_turn(partial(self.forward_run, run))
                continue
            for key in run:
                await super().on_event(key)

    async def _take_back(self, keys: Iterable[events.Key]) -> None:
        first: dict[Input, _Memory] = {}
        for key in keys:
            if (memory := self._memories.get(key)) is not None:
                first.setdefault(memory.field, memory)
        for field, memory in first.items():
            field.call_later(memory.restore)

    async def _announce(self, text: str, source: Source) -> None:
        self.screen.post_message(Scanned(text, source))

    def _watch(self) -> None:
        """Have what waits looked at when it has waited long enough."""
        due = self._wedge.due
        if due is None and self._wedge_timer is not None:
            self._wedge_timer.stop()
            self._wedge_timer = None
        elif due is not None and self._wedge_timer is None:
            self._wedge_timer = self.set_timer(max(_SOON, due - get_time()), self._on_pause)

    def _on_pause(self) -> None:
        # After a stall of the loop, keys may have arrived with the timer: they get their turn first.
        self.call_later(self._after_pause)

    async def _after_pause(self) -> None:
        self._wedge_timer = None
        await self._obey(self._wedge.pause(get_time()))
        self._watch()
