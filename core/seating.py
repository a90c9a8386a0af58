"""Which seats a party gets: the pure decision, without a database.

What belongs here: the arithmetic of legs (the stretches between neighbouring stops, one bit each) and the choice of
seats out of one fetch of a class. Taking the chosen seats, and what happens when somebody else was faster, is the
business of ``core.inventory``.

The choice is exact, not a heuristic: coaches, and the rows inside a coach, are narrowed to the closest groups that can
hold the party, and a small dynamic programme over those groups compares what is left. 4 of 250 seats take 0.1 to
0.2 ms, the more the emptier the train.
"""

from __future__ import annotations

import random
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

MAX_LEGS = 63
"""Legs that fit the signed 64-bit column ``seat_inventory.occupied``."""


@dataclass(frozen=True, slots=True)
class SeatState:
    """One seat of one departure as the choice sees it.

    ``place`` counts positions across the coach, the aisle included: seats whose places differ by 1 are neighbours, an
    aisle between two seats makes a difference of 2. ``occupied`` has one bit per leg, the first leg lowest.
    """

    seat_id: int
    coach: int
    row: int
    column: str
    place: int
    kind: str
    accessible: bool
    occupied: int


def legs_mask(from_stop: int, to_stop: int) -> int:
    """The bits of the legs between two stops, counted from 0 along the route.

    Raises ValueError where no train can run: backwards, to the same stop, or beyond the 63rd leg.
    """
    if not 0 <= from_stop < to_stop <= MAX_LEGS:
        raise ValueError(f"no legs between stop {from_stop} and stop {to_stop}")
    return (1 << to_stop) - (1 << from_stop)


def is_free(occupied: int, legs: int) -> bool:
    """Whether none of the legs is taken."""
    return not occupied & legs


def choose(
    seats: Sequence[SeatState],
    legs: int,
    party: int,
    *,
    leg_count: int,
    start_coach: int | None = None,
    rng: random.Random | None = None,
    avoid_accessible: bool = True,
) -> list[int]:
    """Best fit for a party: the ids of its seats, neighbours following each other; empty if too few seats are free.

    The order in which choices are compared; each rule decides only where all before it leave a tie:

    1. accessible seats stay out as long as the others suffice for the party (unless ``avoid_accessible`` is off);
    2. fewest coaches, then coaches close to each other;
    3. fewest rows, then rows close behind each other;
    4. side by side rather than across the aisle or further apart, then straight behind rather than diagonally;
    5. fewest accessible seats, where rule 1 had to let them in;
    6. the smallest gap: the fewest free legs left over before and after the wanted ones on the same seats, so that
       seats free all the way stay for those who go all the way (best fit, as in memory allocation);
    7. rows that are filled up rather than broken into, so that whole rows stay for parties;
    8. the first coach from ``start_coach`` on, round the train, so that terminals which start in different coaches
       seldom want the same seat; a number that is no coach here is folded onto those there are;
    9. chance, from ``rng`` (default: the process's own generator, which is seeded anew after a fork).

    ``legs`` is a mask from ``legs_mask``, ``leg_count`` the number of legs of the whole run. Raises ValueError for a
    party below 1 and for legs that are none, not in one piece or beyond the run.
    """
    gap = _gap_of(legs, leg_count)
    if party < 1:
        raise ValueError(f"a party of {party}")
    free = [seat for seat in seats if not seat.occupied & legs]
    if len(free) < party:
        return []
    if avoid_accessible:
        ordinary = [seat for seat in free if not seat.accessible]
        if len(ordinary) >= party:
            free, avoid_accessible = ordinary, False
    coaches = _by_coach(free)
    weigh = _Weigher(gap, avoid_accessible, rng.getrandbits if rng else random.getrandbits)
    order = _coach_order(sorted(coaches), start_coach)
    return [seat.seat_id for seat in _best_in_train(coaches, order, party, weigh)]


# What follows packs a choice's cost into one integer, the weightiest rule in the highest bits. Costs of rows and of
# coaches add up, so a sum never carries into the next rule as long as a rule's total stays below 2**16.
_CHANCE_BITS = 16
_COACH_ORDER = 1 << 24
_BROKEN_ROW = 1 << 40
_GAP = 1 << 56
_ACCESSIBLE = 1 << 72
_DIAGONAL = 1 << 88
_APART = 1 << 104
_ROW_DISTANCE = 1 << 120
_ROW = 1 << 136


class _Block(NamedTuple):
    """Some seats of one row (or of one coach), the cost of taking them and the places they reach across."""

    size: int
    left: int
    right: int
    cost: int
    rows: tuple[tuple[SeatState, ...], ...]


class _Closest(NamedTuple):
    """The fewest groups, as close as can be, that hold the party: ``windows`` are the index ranges that tie."""

    groups: int
    distance: int
    windows: list[tuple[int, int]]


_Row = list[SeatState]
_Coach = dict[int, _Row]


def _gap_of(legs: int, leg_count: int) -> Callable[[int], int]:
    """A function from a seat's occupied legs to the free legs left over around the wanted ones."""
    first = (legs & -legs).bit_length() - 1
    end = legs.bit_length()
    if legs <= 0 or end > leg_count or legs != (1 << end) - (1 << first):
        raise ValueError(f"legs {legs:b} are not one stretch of a run of {leg_count} legs")
    below = (1 << first) - 1
    known: dict[int, int] = {}

    def gap(occupied: int) -> int:
        found = known.get(occupied)
        if found is None:
            after = occupied >> end
            free_after = (after & -after).bit_length() - 1 if after else leg_count - end
            found = known[occupied] = first - (occupied & below).bit_length() + free_after
        return found

    return gap


def _by_coach(free: Iterable[SeatState]) -> dict[int, _Coach]:
    coaches: defaultdict[int, defaultdict[int, _Row]] = defaultdict(lambda: defaultdict(list))
    for seat in sorted(free, key=lambda seat: seat.place):
        coaches[seat.coach][seat.row].append(seat)
    return {coach: dict(sorted(rows.items())) for coach, rows in coaches.items()}


def _coach_order(coaches: list[int], start: int | None) -> dict[int, int]:
    """How far each coach is from the starting one, going round the train; all the same without one."""
    if start is None:
        return dict.fromkeys(coaches, 0)
    first = coaches.index(start) if start in coaches else start % len(coaches)
    return {coach: (index - first) % len(coaches) for index, coach in enumerate(coaches)}


class _Weigher:
    """Makes the blocks of a row and knows what taking them costs."""

    def __init__(self, gap: Callable[[int], int], avoid_accessible: bool, bits: Callable[[int], int]) -> None:
        self._gap = gap
        self._avoid_accessible = avoid_accessible
        self._bits = bits

    def blocks(self, row: _Row, sizes: range) -> list[_Block]:
        """Every run of neighbours among a row's free seats whose length is in ``sizes``.

        Runs suffice: leaving out a free seat in the middle always reaches further across for the same number.
        """
        return [_run(row, index, size, cost) for size in sizes for cost, index in self._costs(row, size)]

    def best_block(self, rows: Iterable[_Row], size: int) -> _Block:
        """The cheapest run of ``size`` seats in one of the rows (the usual case: everybody in one row)."""
        cost, index, row = min(((*min(self._costs(row, size)), row) for row in rows), key=itemgetter(0))
        return _run(row, index, size, cost)

    def _costs(self, row: _Row, size: int) -> list[tuple[int, int]]:
        """The cost of each run of ``size`` free seats of a row, with the index at which the run starts."""
        gap, bits = self._gap, self._bits
        costs = [_GAP * gap(seat.occupied) for seat in row]
        if self._avoid_accessible:
            costs = [cost + _ACCESSIBLE * seat.accessible for cost, seat in zip(costs, row, strict=True)]
        base = _BROKEN_ROW * (len(row) - size)
        if size == 1:
            return [(base + cost + bits(_CHANCE_BITS), index) for index, cost in enumerate(costs)]
        return [
            (
                base
                + _APART * (row[index + size - 1].place - row[index].place - size + 1)
                + sum(costs[index : index + size])
                + bits(_CHANCE_BITS),
                index,
            )
            for index in range(len(row) - size + 1)
        ]


def _run(row: _Row, index: int, size: int, cost: int) -> _Block:
    run = tuple(row[index : index + size])
    return _Block(size, run[0].place, run[-1].place, cost, (run,))


def _best_in_train(coaches: dict[int, _Coach], order: dict[int, int], party: int, weigh: _Weigher) -> list[SeatState]:
    numbers = sorted(coaches)
    free = [sum(map(len, coaches[number].values())) for number in numbers]
    closest = _closest(numbers, free, party)
    if closest.groups == 1:
        fitting = [numbers[index] for index, _ in closest.windows]
        return _seated(_best_of_coaches(fitting, coaches, order, party, weigh))
    made: dict[int, list[_Block]] = {}
    for index in {index for first, last in closest.windows for index in range(first, last + 1)}:
        shares = range(1, min(party - closest.groups + 1, free[index]) + 1)
        whole = [_best_of_coaches([numbers[index]], coaches, order, share, weigh) for share in shares]
        made[index] = [block._replace(left=0, right=0) for block in whole]  # no diagonal from coach to coach
    return _seated(_cheapest(_fill(made, window, closest.groups, party) for window in closest.windows))


def _best_of_coaches(
    numbers: list[int], coaches: dict[int, _Coach], order: dict[int, int], count: int, weigh: _Weigher
) -> _Block:
    """The cheapest block of ``count`` seats in one of these coaches, each of which has as many free."""
    closest = {
        number: _closest(list(coaches[number]), list(map(len, coaches[number].values())), count) for number in numbers
    }
    groups, distance = min(found[:2] for found in closest.values())
    best: list[_Block] = []
    for number, found in closest.items():
        if found[:2] != (groups, distance):
            continue
        rows = list(coaches[number].values())
        if groups == 1:
            block = weigh.best_block([rows[index] for index, _ in found.windows], count)
        else:
            used = {index for first, last in found.windows for index in range(first, last + 1)}
            made = {index: weigh.blocks(rows[index], range(1, count - groups + 2)) for index in used}
            block = _cheapest(_fill(made, window, groups, count) for window in found.windows)
        here = _COACH_ORDER * order[number] + _ROW * groups + _ROW_DISTANCE * distance
        best.append(block._replace(cost=block.cost + here))
    return _cheapest(best)


def _cheapest(blocks: Iterable[_Block]) -> _Block:
    return min(blocks, key=lambda block: block.cost)


def _closest(numbers: list[int], free: list[int], party: int) -> _Closest:
    """The fewest groups (rows, coaches) that hold the party and, among those, the ones nearest to each other.

    ``numbers`` are the groups' numbers, ascending, ``free`` their free seats, together at least ``party``.
    """
    groups, held = 0, 0
    for count in sorted(free, reverse=True):
        groups, held = groups + 1, held + count
        if held >= party:
            break
    if groups == 1:
        return _Closest(1, 0, [(index, index) for index, count in enumerate(free) if count >= party])
    distance = numbers[-1] - numbers[0]
    windows: list[tuple[int, int]] = []
    for first in range(len(numbers) - groups + 1):
        between: list[int] = []
        for last in range(first + 1, len(numbers)):
            if numbers[last] - numbers[first] > distance:
                break
            inner = sum(between[len(between) - (groups - 2) :]) if groups > 2 else 0
            if free[first] + inner + free[last] >= party:
                if numbers[last] - numbers[first] < distance:
                    distance, windows = numbers[last] - numbers[first], []
                windows.append((first, last))
                break
            insort(between, free[last])
    return _Closest(groups, distance, windows)


def _fill(made: dict[int, list[_Block]], window: tuple[int, int], groups: int, party: int) -> _Block:
    """The cheapest way to seat the party on exactly ``groups`` of the window's groups, the first and the last among
    them: a dynamic programme along the window. Blocks are joined at the cost of sitting diagonally."""
    first, last = window
    states: dict[tuple[int, int, int, int], _Block] = {}
    for block in made[first]:
        _keep(states, 1, block)
    for index in range(first + 1, last + 1):
        closing = index == last
        rest = sorted(max(block.size for block in made[later]) for later in range(index + 1, last + 1))
        following: dict[tuple[int, int, int, int], _Block] = {} if closing else dict(states)
        for (used, taken, left, right), before in states.items():
            still = groups - used - 1
            if still < 0 or closing is not (still == 0):
                continue
            least = party - taken - sum(rest[len(rest) - still :]) if still else party - taken
            for block in made[index]:
                if least <= block.size <= party - taken - still:
                    aside = max(0, block.left - right, left - block.right)
                    joined = _Block(
                        taken + block.size,
                        block.left,
                        block.right,
                        before.cost + block.cost + _DIAGONAL * aside,
                        before.rows + block.rows,
                    )
                    _keep(following, used + 1, joined)
        states = following
    return _cheapest(states.values())


def _keep(states: dict[tuple[int, int, int, int], _Block], used: int, block: _Block) -> None:
    key = (used, block.size, block.left, block.right)
    known = states.get(key)
    if known is None or block.cost < known.cost:
        states[key] = block


def _seated(block: _Block) -> list[SeatState]:
    """The seats in the order of the party: each row starts at the end where the row before it stopped."""

    def walk(first: tuple[SeatState, ...]) -> list[SeatState]:
        seats = list(first)
        for row in block.rows[1:]:
            here = seats[-1].place
            seats += row if abs(row[0].place - here) <= abs(row[-1].place - here) else row[::-1]
        return seats

    def sideways(seats: list[SeatState]) -> int:
        return sum(abs(one.place - other.place) for one, other in pairwise(seats))

    return min(walk(block.rows[0]), walk(block.rows[0][::-1]), key=sideways)
