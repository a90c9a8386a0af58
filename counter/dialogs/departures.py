"""Which train a gate boards: one of those that leave its station today, or on another day, or any."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static
from textual.widgets.option_list import Option

from core import boarding
from core.boarding import Departure
from core.clock import local
from core.days import match_day
from core.errors import CounterError, Unreachable, UsageError
from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.i18n import _, clock_time, counted, day_in_words, sentences_of
from counter.symbols import drawn
from counter.widgets.key_bar import KeyBar
from counter.widgets.marked_list import MarkedList

#: Seconds until a database that did not answer is asked again.
_AGAIN: Final = 1.0
#: Characters that find a train.
_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class TrainChoice:
    """What was chosen; without a departure any train may be boarded."""

    departure: Departure | None


class DepartureDialog(Dialog[TrainChoice]):
    """A list that shrinks as one types: a number, part of a name, a time, or another day (``+1``, ``besok``)."""

    CSS_PATH = "departures.tcss"
    AUTO_FOCUS = "#wanted"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("choose", "enter", "choose", "Board the highlighted train.", in_palette=False, priority=True),
        Command("move(-1)", "up", "", "Go up the list.", in_palette=False, priority=True),
        Command("move(1)", "down", "", "Go down the list.", in_palette=False, priority=True),
        Command("move(-10)", "pageup", "", "Go up a page.", in_palette=False, priority=True),
        Command("move(10)", "pagedown", "", "Go down a page.", in_palette=False, priority=True),
    )

    def __init__(self, station: str) -> None:
        super().__init__()
        self._station = station
        self._day: date | None = None
        self._departures: list[Departure] = []
        self._shown: list[Departure | None] = []

    def compose(self) -> ComposeResult:
        """The question, the field, the list."""
        with Vertical(id="box"):
            yield Static(_("Which train does this gate board?"), id="title", markup=False)
            yield Input(
                id="wanted", max_length=_LONGEST, placeholder=_("number, name, time, or another day such as +1")
            )
            yield MarkedList(id="trains", markup=False)
            yield Static(id="found", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Today's trains."""
        self.query_one(MarkedList).can_focus = False
        self._load(None)

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        days = [self._day_of(word) for word in message.value.split()]
        wanted = next((day for day in days if day is not None), None)
        if wanted != self._day:
            self._load(wanted)
        else:
            self._fill()

    def _today(self) -> date | None:
        place, now = self.counter.workplace, self.counter.lifeline.clock.now
        if place is None or now is None:
            return None
        return local(now, place.time_zone).date()

    def _day_of(self, word: str) -> date | None:
        """The day a word means; bare figures are a train's number."""
        today = self._today()
        if today is None or word.isdigit():
            return None
        try:
            return match_day(word, today)
        except UsageError:
            return None

    @work(exclusive=True)
    async def _load(self, day: date | None) -> None:
        self._day = day
        place = self.counter.workplace
        assert place is not None, "the gate opens after the workplace"
        try:
            look = partial(boarding.departures, place.office, self._station, day)
            self._departures = await self.counter.in_thread(look)
        except CounterError as error:
            self.query_one("#found", Static).update(drawn(" ".join(sentences_of(error))))
            if isinstance(error, Unreachable):
                self.set_timer(_AGAIN, lambda: self._load(self._day))
            return
        self._fill()

    def _fill(self) -> None:
        words = [word.casefold() for word in self.query_one(Input).value.split() if self._day_of(word) is None]
        found = [one for one in self._departures if all(word in _searched(one) for word in words)]
        self._shown = [*found, None] if words else [None, *found]
        trains = self.query_one(MarkedList)
        trains.clear_options()
        trains.add_options([Option(drawn(_line(one))) for one in self._shown])
        trains.highlighted = self._next_to_leave()
        if self._day is None:
            number = counted("{n} train today", "{n} trains today", len(found))
        else:
            number = counted("{n} train on {day}", "{n} trains on {day}", len(found), day=day_in_words(self._day))
        self.query_one("#found", Static).update(number)

    def _next_to_leave(self) -> int:
        """The first train of the list that has not left; the top of the list if all have."""
        now = self.counter.lifeline.clock.now
        waiting = (
            index for index, one in enumerate(self._shown) if one is not None and (now is None or one.departs_at > now)
        )
        return next(waiting, 0)

    def action_move(self, by: int) -> None:
        """Go up or down the list."""
        trains = self.query_one(MarkedList)
        trains.highlighted = max(0, min(len(self._shown) - 1, (trains.highlighted or 0) + by))

    def action_choose(self) -> None:
        """The highlighted one."""
        highlighted = self.query_one(MarkedList).highlighted
        if highlighted is not None and highlighted < len(self._shown):
            self.dismiss(TrainChoice(self._shown[highlighted]))


def _searched(departure: Departure) -> str:
    train, terminus = departure.train, departure.terminus
    text = f"{train.number} {train.name} {terminus.code} {terminus.name} {clock_time(departure.departs_at)}"
    return text.casefold()


def _line(departure: Departure | None) -> str:
    if departure is None:
        return _("any train")
    train, terminus = departure.train, departure.terminus
    return f"{clock_time(departure.departs_at)}  {train.number:>5} {train.name:24.24} → {terminus.code}"
