"""How a coach looks: lines of text, each piece with the name of its style.

What belongs here: symbols, spacing and what scrolls, as pure functions of what is to be drawn. Colours are the
stylesheet's business, keys and the choice of seats the widget's (``counter.widgets.seat_map``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from rich.cells import cell_len

from counter.i18n import _
from counter.widgets.coach_view import AVAILABLE, CoachView, SeatCell


class Look(NamedTuple):
    """A state in (English) words, its symbol, and the symbol for terminals that draw some of them two cells wide."""

    words: str
    symbol: str
    plain: str


LOOKS: Final = MappingProxyType(
    {
        "free": Look("free", "·", "."),
        "taken": Look("taken", "■", "#"),
        "yours": Look("yours", "●", "o"),
        "partial": Look("part of the way", "◐", "~"),
        "accessible": Look("accessible", "a", "a"),
    }
)
_FRAME_IN_ASCII: Final = str.maketrans("◂▸≡─·", "<>=-.")

_LETTERS: Final = 4  # cells before the first row of seats
_WIDE, _NARROW = 4, 3  # cells to a row of seats, as far as there is room
_WINDOW: Final = " ≡ "
_ABOVE, _BELOW = 2, 2  # heading and row numbers; legend and the line at the bottom


class Span(NamedTuple):
    """A piece of a line; ``part`` is a look, ``heading``, ``frame``, ``cursor``, ``notice`` or nothing special."""

    text: str
    part: str = ""


def height(coaches: Sequence[CoachView]) -> int:
    """Lines that the tallest of some coaches needs, so that nothing jumps when another one is shown."""
    return max((len(_body(coach)) for coach in coaches), default=0) + _ABOVE + _BELOW


def _body(coach: CoachView) -> list[str]:
    """The lines between row numbers and legend: a letter, or nothing for an aisle."""
    aisles = coach.aisles
    return [line for letter, _place in coach.columns for line in ([letter, ""] if letter in aisles else [letter])]


@dataclass(frozen=True, slots=True)
class CoachDrawing:
    """Everything that decides what is seen of one coach.

    ``first_row`` is the index of the first row that was seen last; as little as possible scrolls from there.
    ``shows_cursor`` is false where nobody can move it.
    """

    coaches: tuple[CoachView, ...]
    at: int
    cursor: SeatCell
    chosen: frozenset[int]
    width: int
    first_row: int = 0
    ascii: bool = False
    shows_cursor: bool = True

    @property
    def coach(self) -> CoachView:
        return self.coaches[self.at]

    @property
    def cell(self) -> int:
        """Cells to a row of seats."""
        window = len(_WINDOW) + cell_len(_("window"))
        return _WIDE if _LETTERS + len(self.coach.rows) * _WIDE + window <= self.width else _NARROW

    def visible_rows(self) -> list[int]:
        """The row numbers there is room for, the cursor's always among them."""
        rows = self.coach.rows
        begin, room = self.window()
        return rows[begin : begin + room]

    def window(self) -> tuple[int, int]:
        """The index of the first row to be seen, and how many there is room for."""
        rows = self.coach.rows
        room = max(1, (self.width - _LETTERS) // self.cell)
        if len(rows) <= room:
            return 0, len(rows)
        room = max(1, (self.width - _LETTERS - 1) // self.cell)  # a cell for the marker that there is more
        at = rows.index(self.cursor.row)
        return min(max(self.first_row, at - room + 1), at, len(rows) - room), room

    def seat_at(self, x: int, y: int) -> SeatCell | None:
        """The seat drawn at a position."""
        lines, rows = _body(self.coach), self.visible_rows()
        line, row = y - _ABOVE, (x - _LETTERS) // self.cell
        if not (0 <= line < len(lines) and 0 <= row < len(rows)):
            return None
        return self.coach.seat(f"{rows[row]}{lines[line]}")

    def lines(self) -> list[list[Span]]:
        """Heading, row numbers, seats and legend from top to bottom."""
        body = [self._seats(letter) if letter else self._aisle() for letter in _body(self.coach)]
        spare = height(self.coaches) - _ABOVE - _BELOW - len(body)
        drawn = [self._heading(), self._row_numbers(), *body, *([Span("")] for _ in range(spare)), self._legend()]
        if not self.ascii:
            return drawn
        return [[Span(span.text.translate(_FRAME_IN_ASCII), span.part) for span in line] for line in drawn]

    def look(self, seat: SeatCell) -> str:
        """Which of ``LOOKS`` a seat has."""
        if seat.seat_id in self.chosen:
            return "yours"
        if seat.state in AVAILABLE:
            return "accessible" if seat.accessible else "free"
        return seat.state

    def describe(self, seat: SeatCell) -> str:
        """A seat's state in words."""
        look = self.look(seat)
        if look == "partial":
            return _("free only {stretch}", stretch=seat.note or _(LOOKS[look].words))
        if look == "accessible":
            return f"{_('free')}, {_('accessible')}"
        return _(LOOKS[look].words) + (f", {_('accessible')}" if seat.accessible else "")

    def _symbol(self, look: str) -> str:
        return LOOKS[look].plain if self.ascii else LOOKS[look].symbol

    def _tab(self, at: int) -> str:
        coach = self.coaches[at]
        return f"{coach.label} ({sum(self.look(seat) in ('free', 'accessible') for seat in coach.seats)})"

    def _heading(self) -> list[Span]:
        here = f" {self._tab(self.at)}"
        before = f"◂ {self._tab(self.at - 1)}" if self.at > 0 else ""
        after = f"{self._tab(self.at + 1)} ▸" if self.at + 1 < len(self.coaches) else ""
        tabs = "   ".join(filter(None, (before, after)))
        gap = max(1, self.width - len(here) - len(tabs) - 1)
        return [Span(here, "heading"), Span(" " * gap), Span(tabs, "frame")]

    def _row_numbers(self) -> list[Span]:
        rows = self.visible_rows()
        begin, _room = self.window()
        text = "".join(f"{row:>2}".ljust(self.cell) for row in rows)
        more = begin + len(rows) < len(self.coach.rows)
        return [Span(("◂" if begin else "").rjust(_LETTERS) + text + ("▸" if more else ""), "frame")]

    def _aisle(self) -> list[Span]:
        length = len(self.visible_rows()) * self.cell - 1
        return self._named([Span(" " * (_LETTERS - 1) + "─" * length, "frame")], f" {_('aisle')}")

    def _named(self, spans: list[Span], name: str) -> list[Span]:
        """A line with its name at the end, where there is room for it."""
        fits = sum(len(span.text) for span in spans) + cell_len(name) <= self.width
        return [*spans, Span(name, "frame")] if fits else spans

    def _seats(self, letter: str) -> list[Span]:
        spans, cell = [Span(f" {letter} ".rjust(_LETTERS), "frame")], self.cell
        for row in self.visible_rows():
            seat = self.coach.seat(f"{row}{letter}")
            if seat is None:
                spans.append(Span(" " * cell))
                continue
            look = self.look(seat)
            here = self.shows_cursor and seat.seat_id == self.cursor.seat_id
            left, right = (Span("[", "cursor"), Span("]", "cursor")) if here else (Span(" "), Span(" "))
            spans += (left, Span(self._symbol(look), look), right, Span(" " * (cell - 3)))
        edges = (self.coach.columns[0][0], self.coach.columns[-1][0])
        return self._named(spans, f"{_WINDOW}{_('window')}") if letter in edges else spans

    def _legend(self) -> list[Span]:
        pieces = ((Span(f" {self._symbol(name)} ", name), Span(f"{_(LOOKS[name].words)}  ", "frame")) for name in LOOKS)
        return [span for piece in pieces for span in piece]
