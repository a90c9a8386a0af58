"""The offers of the sell screen: a table to choose from, and what is told about the chosen one.

What belongs here: how offers look. What is on sale and what it costs comes from ``core.search``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets.option_list import Option

from core.clock import local
from core.money import grouped
from core.search import Offer
from core.timetable import Journey
from counter.i18n import _, clock_time, day_in_words
from counter.screens.sell_words import Words
from counter.symbols import drawn, symbols
from counter.widgets.marked_list import MarkedList

#: Column → width in cells; the train takes the rest.
_WIDTHS: Final = (("Dep", 7), ("Arr", 7), ("Time", 6), ("Class", 6), ("Free", 9), ("Fare", 10), ("Party total", 11))
_RIGHT: Final = frozenset({"Free", "Fare", "Party total"})
_MINUTES: Final = 60


def duration(minutes: int) -> str:
    """``6 h15``."""
    return f"{minutes // _MINUTES} h{minutes % _MINUTES:02d}"


def clock_on(trip: Journey, day: date, *, arrival: bool = False) -> str:
    """A departure or arrival as a clock shows it, with the days it is later than the day asked for."""
    moment = trip.arrives_at if arrival else trip.departs_at
    later = (moment.date() - day).days
    return f"{clock_time(moment)}{f'+{later}' if later > 0 else ''}"


def free_in_words(offer: Offer, seats: int) -> str:
    """How many seats are free, with a word where they are too few."""
    if offer.available == 0:
        return _("sold out")
    return str(offer.available) if offer.available >= seats else _("only {n}", n=offer.available)


def class_label(code: str, subclass: str) -> str:
    """``EKS A``."""
    return f"{code} {subclass}".strip()


def journey_in_words(trip: Journey) -> str:
    """``43 Taksaka · Wed 25 Nov · YK 07:30 → GMR 13:45``."""
    mark = symbols()
    stretch = (
        f"{trip.origin.code} {clock_time(trip.departs_at)} {mark.arrow}"
        f" {trip.destination.code} {clock_on(trip, trip.day, arrival=True)}"
    )
    return f" {mark.dot} ".join((f"{trip.train.number} {trip.train.name}", day_in_words(trip.day), stretch))


def _grid() -> Table:
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for name, width in _WIDTHS:
        table.add_column(width=width, no_wrap=True, justify="right" if name in _RIGHT else "left")
    return table


def _row(offer: Offer, seats: int, day: date) -> Table:
    trip, table = offer.journey, _grid()
    table.add_row(
        *(
            Text(drawn(cell), style="dim" if offer.available < seats else "")
            for cell in (
                f"{trip.train.number} {trip.train.name}",
                clock_on(trip, day),
                clock_on(trip, day, arrival=True),
                duration(trip.minutes),
                class_label(offer.travel_class.code, offer.subclass),
                free_in_words(offer, seats),
                grouped(offer.fare),
                grouped(offer.fare * seats),
            )
        )
    )
    return table


class OffersTable(MarkedList):
    """One line to an offer; Enter, which belongs to the screen, holds its seats."""

    DEFAULT_CSS = "OffersTable { height: 1fr; background: $background; }"


class OffersPanel(Vertical):
    """The table with its heading."""

    def compose(self) -> ComposeResult:
        """Heading and lines."""
        yield Words("", id="offers-head")
        yield OffersTable(id="offers", markup=False)

    def on_mount(self) -> None:
        """Nothing is offered yet."""
        self._offers: Sequence[Offer] = ()

    @property
    def table(self) -> OffersTable:
        """The lines."""
        return self.query_one(OffersTable)

    @property
    def chosen(self) -> Offer | None:
        """The offer under the cursor."""
        at = self.table.highlighted
        return self._offers[at] if at is not None and at < len(self._offers) else None

    def show(self, offers: Sequence[Offer], seats: int, day: date, keep: Offer | None = None) -> None:
        """Show some offers, the cursor on the one to ``keep``, else on the first with room for the party."""
        self._offers = offers
        self.put_into_words(seats, day)
        self.table.highlighted = best_place(offers, seats, keep)

    def put_into_words(self, seats: int, day: date) -> None:
        """Draw heading and lines anew; the cursor stays."""
        head = _grid()
        head.add_row(_("Train"), *(_(name) for name, _width in _WIDTHS), style="dim")
        self.query_one("#offers-head", Words).say(head)
        at = self.table.highlighted
        self.table.clear_options()
        self.table.add_options([Option(_row(offer, seats, day)) for offer in self._offers])
        if at is not None and at < len(self._offers):
            self.table.highlighted = at


def best_place(offers: Sequence[Offer], seats: int, keep: Offer | None) -> int | None:
    """Where the cursor stands first."""
    if keep is not None:
        for place, offer in enumerate(offers):
            same_train = offer.journey.schedule_id == keep.journey.schedule_id
            if same_train and offer.travel_class.id == keep.travel_class.id:
                return place
    with_room = [place for place, offer in enumerate(offers) if offer.available >= seats]
    return with_room[0] if with_room else (0 if offers else None)


def details(offer: Offer, seats: int) -> Iterable[str]:
    """What is told about an offer beside the table."""
    trip, mark = offer.journey, symbols()
    yield f"{trip.train.number} {trip.train.name} {mark.dot} {offer.travel_class.name} {offer.subclass}"
    yield f"{day_in_words(trip.departs_at.date())} {clock_time(trip.departs_at)}  {trip.origin.name}"
    arrives = local(trip.arrives_at, trip.destination.time_zone)
    yield f"{day_in_words(arrives.date())} {clock_time(arrives)}  {trip.destination.name}"
    if trip.delay_minutes:
        yield f"{mark.warning} {_('{n} minutes late', n=trip.delay_minutes)}"
    if offer.available == 0:
        yield f"{mark.no} {_('sold out on this stretch')}"
    elif offer.available < seats:
        yield f"{mark.no} {_('{free} seats free, the party needs {seats}', free=offer.available, seats=seats)}"


def detail_content(offer: Offer | None, seats: int) -> Content:
    """The same, ready to show."""
    if offer is None:
        return Content("")
    first, *rest = (drawn(line) for line in details(offer, seats))
    return Content("\n").join([Content.styled(first, "bold"), *(Content(line) for line in rest)])
