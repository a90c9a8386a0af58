"""Coaches of the reference railway, seat by seat.

Each template is drawn as the coach is numbered: a row a line, the letters that exist in it, a space for the aisle.
Nothing is computed from rows times columns, because real coaches are not like that. Seat counts and
layouts are the railway's own, as are the 19 rows of the New Generation coach; those of the panoramic coach and of the
suites, and which seats a short row lacks, are demonstration data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

_AISLE: Final = " "


class SeatData(NamedTuple):
    """One seat; ``place`` is its position across the coach, counted from 1 with the aisle as a place of its own."""

    row: int
    letter: str
    place: int
    seat_type: str
    is_accessible: bool

    @property
    def number(self) -> str:
        """As painted above the seat: 10C."""
        return f"{self.row}{self.letter}"


@dataclass(frozen=True, slots=True)
class CoachTemplate:
    """A kind of coach: what a full row looks like, and the rows that are really there.

    ``accessible`` names the seats for travellers with reduced mobility; only the first coach of a class has them.
    """

    across: str
    accessible: frozenset[str]
    drawing: str

    @property
    def layout(self) -> str:
        """Seats between the aisles: 2-2, 3-2, 1-2, 1-1."""
        return "-".join(str(len(block)) for block in self.across.split(_AISLE))

    def seats(self) -> tuple[SeatData, ...]:
        """Every seat of the coach, in the order in which they are counted."""
        return tuple(
            SeatData(row, letter, self._place(letter), self._seat_type(letter), f"{row}{letter}" in self.accessible)
            for row, letters in self._rows()
            for letter in letters
        )

    def _rows(self) -> list[tuple[int, str]]:
        """Row number and the letters present in it."""
        return [(int(number), letters.replace(_AISLE, "")) for number, letters in map(_split, self._lines())]

    def _lines(self) -> list[str]:
        return self.drawing.strip().splitlines()

    def _place(self, letter: str) -> int:
        return self.across.index(letter) + 1

    def _seat_type(self, letter: str) -> str:
        before, _, after = self.across.partition(letter)
        if not before or not after:
            return "window"
        return "aisle" if before.endswith(_AISLE) or after.startswith(_AISLE) else "middle"


def _split(line: str) -> tuple[str, str]:
    number, _, letters = line.strip().partition(_AISLE)
    return number, letters


#: Eksekutif: one seat fewer in the last two rows.
EXECUTIVE_50: Final = CoachTemplate(
    "AB CD",
    frozenset({"1C", "1D"}),
    """
 1 AB CD
 2 AB CD
 3 AB CD
 4 AB CD
 5 AB CD
 6 AB CD
 7 AB CD
 8 AB CD
 9 AB CD
10 AB CD
11 AB CD
12 AB C
13 AB C
""",
)

#: Ekonomi New Generation: half a row at either end.
NEW_GENERATION_72: Final = CoachTemplate(
    "AB CD",
    frozenset({"1C", "1D"}),
    """
 1    CD
 2 AB CD
 3 AB CD
 4 AB CD
 5 AB CD
 6 AB CD
 7 AB CD
 8 AB CD
 9 AB CD
10 AB CD
11 AB CD
12 AB CD
13 AB CD
14 AB CD
15 AB CD
16 AB CD
17 AB CD
18 AB CD
19 AB
""",
)

#: Ekonomi Premium.
PREMIUM_80: Final = CoachTemplate(
    "AB CD",
    frozenset({"1A", "1B"}),
    """
 1 AB CD
 2 AB CD
 3 AB CD
 4 AB CD
 5 AB CD
 6 AB CD
 7 AB CD
 8 AB CD
 9 AB CD
10 AB CD
11 AB CD
12 AB CD
13 AB CD
14 AB CD
15 AB CD
16 AB CD
17 AB CD
18 AB CD
19 AB CD
20 AB CD
""",
)

#: Ekonomi PSO: three seats only in the first and the last row.
PUBLIC_SERVICE_106: Final = CoachTemplate(
    "ABC DE",
    frozenset({"1B", "1C"}),
    """
 1 ABC
 2 ABC DE
 3 ABC DE
 4 ABC DE
 5 ABC DE
 6 ABC DE
 7 ABC DE
 8 ABC DE
 9 ABC DE
10 ABC DE
11 ABC DE
12 ABC DE
13 ABC DE
14 ABC DE
15 ABC DE
16 ABC DE
17 ABC DE
18 ABC DE
19 ABC DE
20 ABC DE
21 ABC DE
22 ABC
""",
)

#: Luxury, second generation: no single seat in the last row.
LUXURY_26: Final = CoachTemplate(
    "A BC",
    frozenset({"1A", "2A"}),
    """
 1 A BC
 2 A BC
 3 A BC
 4 A BC
 5 A BC
 6 A BC
 7 A BC
 8 A BC
 9   BC
""",
)

#: Luxury sleeper.
SLEEPER_18: Final = CoachTemplate(
    "A B",
    frozenset({"1A", "1B"}),
    """
 1 A B
 2 A B
 3 A B
 4 A B
 5 A B
 6 A B
 7 A B
 8 A B
 9 A B
""",
)

#: Panoramic: two seats only in the last row.
PANORAMIC_38: Final = CoachTemplate(
    "AB CD",
    frozenset({"1C", "1D"}),
    """
 1 AB CD
 2 AB CD
 3 AB CD
 4 AB CD
 5 AB CD
 6 AB CD
 7 AB CD
 8 AB CD
 9 AB CD
10 AB
""",
)

#: Suite compartments.
SUITES_16: Final = CoachTemplate(
    "A B",
    frozenset({"1A", "1B"}),
    """
 1 A B
 2 A B
 3 A B
 4 A B
 5 A B
 6 A B
 7 A B
 8 A B
""",
)
