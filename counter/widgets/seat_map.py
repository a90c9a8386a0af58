"""The seat map: one coach at a time, drawn with one-cell symbols, and the choice of seats on it.

What belongs here: drawing, keys and the clerk's choice. The widget is fed with ``CoachView``s, again whenever other
counters' sales show, and answers with messages; it takes no seat in any database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive, var
from textual.strip import Strip
from textual.widget import Widget

from counter.i18n import _, counted, language
from counter.widgets.coach_view import AVAILABLE, CoachView, Direction, SeatCell
from counter.widgets.seat_drawing import LOOKS, CoachDrawing, Span, height

__all__ = ["CoachView", "SeatCell", "SeatMap"]

_LONGEST_ROW_NUMBER: Final = 2


class SeatMap(Widget, can_focus=True):
    """Coaches, a cursor, and as many chosen seats as the party has people; one more gives up the oldest."""

    DEFAULT_CSS = """
    SeatMap {
        height: auto;
        width: 1fr;
        & > .seat-map--heading { text-style: bold; }
        & > .seat-map--frame { color: $text-muted; }
        & > .seat-map--free { color: $text; }
        & > .seat-map--accessible { color: $text; text-style: bold; }
        & > .seat-map--taken { color: $text-disabled; }
        & > .seat-map--partial { color: $text-muted; }
        & > .seat-map--yours { color: $primary; text-style: bold; }
        & > .seat-map--cursor { color: $accent; text-style: bold; }
        &:focus > .seat-map--cursor { text-style: bold reverse; }
        & > .seat-map--notice { color: $text-warning; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"seat-map--{part}" for part in (*LOOKS, "heading", "frame", "cursor", "notice")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"move('{key}')", show=False) for key in ("left", "right", "up", "down", "home", "end")),
        Binding("pageup", "coach(-1)", show=False),
        Binding("pagedown", "coach(1)", show=False),
        Binding("space", "take", show=False),
        Binding("enter", "accept", show=False),
    ]

    #: Travellers with a seat of their own.
    party: var[int] = var(1)
    #: Draw with ASCII only.
    ascii: reactive[bool] = reactive(False)

    @dataclass
    class Changed(Message):
        """The choice changed; the seats in the order of the train."""

        seat_map: SeatMap
        seat_ids: tuple[int, ...]

        @property
        def control(self) -> SeatMap:
            """The map it was changed on."""
            return self.seat_map

    @dataclass
    class Accepted(Changed):
        """Enter was pressed with a seat for everybody."""

    @dataclass
    class SeatLost(Changed):
        """Chosen seats were taken by somebody else; they are no longer in the choice."""

    def __init__(
        self,
        coaches: Sequence[CoachView] = (),
        *,
        party: int = 1,
        chosen: Iterable[int] | None = None,
        ascii: bool = False,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """A map of some coaches.

        Args:
            chosen: the seats chosen already; by default those that are ``yours``.
        """
        super().__init__(id=id, classes=classes)
        self.set_reactive(SeatMap.party, party)
        self.set_reactive(SeatMap.ascii, ascii)
        self._coaches: tuple[CoachView, ...] = ()
        self._seats: dict[int, tuple[int, SeatCell]] = {}
        self._at = 0
        self._cursor: SeatCell | None = None
        self._chosen: list[int] = []
        self._first_row = 0
        self._typed = ""
        self._notice = ""
        self._lines: list[list[Span]] | None = None
        self._lines_for = (0, "")
        if coaches:
            self._begin(coaches, chosen)

    # -- what it is told and can be asked ---------------------------------------------------------------------------

    @property
    def chosen(self) -> tuple[int, ...]:
        """The ids of the chosen seats, in the order of the train."""
        return tuple(sorted(self._chosen, key=self._position))

    @property
    def cursor_seat(self) -> SeatCell | None:
        """The seat under the cursor."""
        return self._cursor

    @property
    def coach(self) -> CoachView | None:
        """The coach that is shown."""
        return self._coaches[self._at] if self._coaches else None

    @property
    def coach_count(self) -> int:
        """Coaches there are to look at."""
        return len(self._coaches)

    def label(self, seat_id: int) -> str:
        """A seat as it is written: ``EKS 3/5B``."""
        at, seat = self._seats[seat_id]
        return f"{self._coaches[at].label}/{seat.number}"

    def update_coaches(self, coaches: Sequence[CoachView]) -> None:
        """Show how the seats stand now. Cursor and choice stay; a chosen seat that is gone is reported."""
        if not self._coaches:
            self._begin(coaches, None)
            return
        if tuple(coaches) == self._coaches:
            return
        names = {seat_id: self._seats[seat_id][1].number for seat_id in self._chosen}
        self._load(coaches)
        lost = [seat_id for seat_id in self._chosen if not self._can_be_taken(seat_id)]
        if lost:
            self._chosen = [seat_id for seat_id in self._chosen if seat_id not in lost]
            gone = " ".join(names[seat_id] for seat_id in lost)
            self._notice = _("Sold elsewhere: {seats}. Choose again.", seats=gone)
            self.post_message(self.SeatLost(self, tuple(lost)))
            self.post_message(self.Changed(self, self.chosen))

    def watch_party(self) -> None:
        """A smaller party gives up its oldest seats."""
        excess = len(self._chosen) - self.party
        if excess > 0:
            self._chosen = self._chosen[excess:]
            self.post_message(self.Changed(self, self.chosen))
        self._redraw()

    def watch_ascii(self) -> None:
        """Another set of symbols."""
        self._redraw()

    def _begin(self, coaches: Sequence[CoachView], chosen: Iterable[int] | None) -> None:
        self._load(coaches)
        if chosen is None:
            chosen = [seat_id for seat_id, (_at, seat) in self._seats.items() if seat.state == "yours"]
        self._chosen = [seat_id for seat_id in chosen if self._can_be_taken(seat_id)][-self.party :]
        start = self.chosen[:1] or [seat_id for seat_id in self._seats if self._can_be_taken(seat_id)][:1]
        for seat_id in start:
            self._at, self._cursor = self._seats[seat_id]

    def _load(self, coaches: Sequence[CoachView]) -> None:
        before, cursor = self.coach, self._cursor
        self._coaches = tuple(coaches)
        self._seats = {seat.seat_id: (at, seat) for at, coach in enumerate(coaches) for seat in coach.seats}
        if cursor is not None and cursor.seat_id in self._seats:
            self._at, self._cursor = self._seats[cursor.seat_id]
        else:
            number = before.number if before else 0
            distances = [abs(coach.number - number) for coach in coaches]
            self._at = distances.index(min(distances)) if distances else 0
            row, place = (cursor.row, cursor.place) if cursor else (0, 0)
            self._cursor = self.coach.nearest(row, place) if self.coach else None
        self._redraw(layout=True)

    def _can_be_taken(self, seat_id: int) -> bool:
        return seat_id in self._seats and self._seats[seat_id][1].state in AVAILABLE

    def _position(self, seat_id: int) -> tuple[int, int, int]:
        at, seat = self._seats[seat_id]
        return at, seat.row, seat.place

    # -- keys -------------------------------------------------------------------------------------------------------

    def action_move(self, direction: Direction) -> None:
        """Move the cursor by a seat, or to the end of the coach."""
        if self.coach and self._cursor:
            self.go_to(self.coach.step(self._cursor, direction))

    def action_coach(self, step: int) -> None:
        """Show the coach before or after, the cursor at about the same place."""
        at = self._at + step
        if 0 <= at < len(self._coaches):
            row, place = (self._cursor.row, self._cursor.place) if self._cursor else (0, 0)
            self._at, self._first_row = at, 0
            self.go_to(self._coaches[at].nearest(row, place))
            self._redraw(layout=True)

    def action_take(self) -> None:
        """Take the seat under the cursor, or give it up."""
        seat = self._cursor
        if seat is None:
            return
        if seat.seat_id in self._chosen:
            self._chosen.remove(seat.seat_id)
        elif self._can_be_taken(seat.seat_id):
            self._chosen = [*self._chosen, seat.seat_id][-self.party :]
        else:
            drawing = self._drawing()
            state = drawing.describe(seat) if drawing else _(seat.state)
            self._say(_("Seat {seat} is {state}.", seat=seat.number, state=state))
            return
        self._say("")
        self.post_message(self.Changed(self, self.chosen))

    def action_accept(self) -> None:
        """Accept the choice if there is a seat for everybody."""
        missing = self.party - len(self._chosen)
        if missing > 0:
            self._say(counted("Choose {n} more seat.", "Choose {n} more seats.", missing))
        else:
            self.post_message(self.Accepted(self, self.chosen))

    def on_key(self, event: events.Key) -> None:
        """A seat's number, typed: the digits, then the letter."""
        character = (event.character or "").upper() if event.is_printable else ""
        if character.isdecimal() and character.isascii() and len(self._typed) < _LONGEST_ROW_NUMBER:
            self._type(self._typed + character)
        elif self._typed and event.key in ("backspace", "escape"):
            self._type(self._typed[:-1] if event.key == "backspace" else "")
        elif self._typed and character.isalpha():
            self._go_to_number(self._typed + character)
        else:
            if self._typed:
                self._type("")
            return
        event.stop()

    def on_click(self, event: events.Click) -> None:
        """A click on a seat takes it or gives it up."""
        drawing = self._drawing()
        seat = drawing.seat_at(event.x, event.y) if drawing else None
        if seat is not None:
            self.go_to(seat)
            self.action_take()

    def _type(self, typed: str) -> None:
        self._typed = typed
        self._say("")

    def _go_to_number(self, number: str) -> None:
        self._type("")
        seat = self.coach.seat(number) if self.coach else None
        if seat is not None:
            self.go_to(seat)
        elif self.coach:
            self._say(_("{coach} has no seat {number}.", coach=self.coach.label, number=number))

    def go_to(self, seat: SeatCell | None) -> None:
        self._cursor = seat
        self._say("")

    def _say(self, notice: str) -> None:
        self._notice = notice
        self._redraw()

    # -- drawing ----------------------------------------------------------------------------------------------------

    def get_content_height(self, _container: Size, _viewport: Size, _width: int) -> int:
        """As many lines as the coaches need."""
        return height(self._coaches)

    def render_line(self, y: int) -> Strip:
        """One line of the map; all are drawn at once and kept until something changes."""
        wanted = self.size.width, language()
        if self._lines is None or self._lines_for != wanted:
            self._lines, self._lines_for = self._draw(), wanted
        segments = [
            Segment(text, self.get_component_rich_style(f"seat-map--{part}", partial=True) if part else None)
            for text, part in (self._lines[y] if y < len(self._lines) else ())
        ]
        return Strip(segments).adjust_cell_length(self.size.width).apply_style(self.rich_style)

    def _redraw(self, *, layout: bool = False) -> None:
        self._lines = None
        self.refresh(layout=layout)

    def _drawing(self) -> CoachDrawing | None:
        if self._cursor is None:
            return None
        return CoachDrawing(
            self._coaches,
            self._at,
            self._cursor,
            frozenset(self._chosen),
            self.size.width,
            self._first_row,
            self.ascii,
            self.can_focus,
        )

    def _draw(self) -> list[list[Span]]:
        drawing = self._drawing()
        if drawing is None:
            return [[Span(f" {_('No seats to show.')}")]]
        self._first_row, _room = drawing.window()
        return [*drawing.lines(), self._bottom_line(drawing)]

    def _bottom_line(self, drawing: CoachDrawing) -> list[Span]:
        """What is under the cursor, or what went wrong, and to the right the seats chosen."""
        seat = drawing.cursor
        left = Span(f" {seat.number} {_(seat.kind)}, {drawing.describe(seat)}" if self.can_focus else "")
        if self._typed:
            left = Span(f" {_('go to {seat}', seat=self._typed)}_")
        elif self._notice:
            left = Span(f" {self._notice}", "notice")
        elsewhere = any(self._seats[seat_id][0] != self._at for seat_id in self._chosen)
        names = [self.label(seat_id) if elsewhere else self._seats[seat_id][1].number for seat_id in self.chosen]
        count = f"{len(names)} {_('of')} {self.party}"
        right = f"{count}: {' '.join(names) or _('none yet')} "
        if len(left.text) + len(right) >= self.size.width:
            right = f"{count} "
        room = max(0, self.size.width - len(right) - 1)
        return [Span(left.text[:room].ljust(room + 1), left.part), Span(right, "yours")]
