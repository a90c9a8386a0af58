"""What a seat map is told about coaches, and the way from one seat to the next.

What belongs here: plain data and geometry. Nothing here draws, and nothing knows where the data came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final, Literal, TypeAlias

State: TypeAlias = Literal["free", "taken", "yours", "partial"]
Direction: TypeAlias = Literal["left", "right", "up", "down", "home", "end"]

#: States a seat can be taken in; ``yours`` is one this counter holds already.
AVAILABLE: Final = frozenset({"free", "yours"})


@dataclass(frozen=True, slots=True)
class SeatCell:
    """One seat as the map shows it, on the stretch that is being sold.

    ``place`` counts positions across the coach, the aisle included: neighbours differ by one, an aisle makes it two.
    ``partial`` is free for part of the stretch only; ``note`` then says which ("from PWT").
    """

    seat_id: int
    row: int
    column: str
    place: int
    kind: str
    accessible: bool
    state: State
    note: str = ""

    @property
    def number(self) -> str:
        """As painted above it: 10C."""
        return f"{self.row}{self.column}"


@dataclass(frozen=True)
class CoachView:
    """One coach with exactly the seats it has; rows may lack some."""

    number: int
    label: str
    class_code: str
    seats: tuple[SeatCell, ...]

    @cached_property
    def _by_number(self) -> dict[str, SeatCell]:
        return {seat.number.upper(): seat for seat in self.seats}

    @cached_property
    def rows(self) -> list[int]:
        """The row numbers, in order."""
        return sorted({seat.row for seat in self.seats})

    @cached_property
    def columns(self) -> list[tuple[str, int]]:
        """The letters across the coach with their places, in order."""
        return sorted({(seat.column, seat.place) for seat in self.seats}, key=lambda column: column[1])

    @cached_property
    def aisles(self) -> set[str]:
        """The letters with an aisle behind them."""
        return {left for (left, place), (_, next_place) in pairwise(self.columns) if next_place - place > 1}

    def seat(self, number: str) -> SeatCell | None:
        """The seat painted with a number, in either case."""
        return self._by_number.get(number.upper())

    def nearest(self, row: int, place: int) -> SeatCell | None:
        """The seat closest to a position, rows first; ``None`` in a coach without seats."""
        return min(self.seats, key=lambda seat: (abs(seat.row - row), abs(seat.place - place)), default=None)

    def step(self, seat: SeatCell, direction: Direction) -> SeatCell:
        """Where an arrow key leads from a seat; the seat itself at the end of the coach.

        Along the coach the letter is kept where any seat that way has it, across it the row.
        """
        if direction in ("up", "down"):
            ahead = self._ahead(seat, direction, lambda other: other.place)
            return _closest(ahead, lambda o: (abs(o.place - seat.place), abs(o.row - seat.row))) or seat
        ahead = self._ahead(seat, "up" if direction in ("left", "home") else "down", lambda other: other.row)
        same_letter = [other for other in ahead if other.place == seat.place]
        if direction in ("home", "end"):
            return _closest(same_letter, lambda o: (-abs(o.row - seat.row), 0)) or seat
        return _closest(same_letter or ahead, lambda o: (abs(o.row - seat.row), abs(o.place - seat.place))) or seat

    def _ahead(self, seat: SeatCell, way: str, along: Callable[[SeatCell], int]) -> list[SeatCell]:
        here = along(seat)
        return [other for other in self.seats if (along(other) < here if way == "up" else along(other) > here)]


def _closest(seats: Iterable[SeatCell], distance: Callable[[SeatCell], tuple[int, int]]) -> SeatCell | None:
    return min(seats, key=distance, default=None)
