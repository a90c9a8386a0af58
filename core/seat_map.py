"""Seat maps: how every seat of a class stands on a stretch, for whoever draws coaches.

What belongs here: one cheap question per look (a map that is shown asks again every second) and its answer as plain
data. The choice of seats is ``core.seating``, taking them ``core.inventory``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Literal, TypeAlias

from core import inventory
from core.database import Transaction
from core.inventory import Stretch
from core.network import ClassInfo, CoachInfo, Network, SeatInfo
from core.office import Office
from core.timetable import Journey

Standing: TypeAlias = Literal["free", "taken", "yours", "partial"]


@dataclass(frozen=True, slots=True)
class MappedSeat:
    """A seat on the stretch that was asked about.

    ``partial`` is taken on some of its legs only; then it is free from the station ``free_from`` to ``free_to``
    (codes), the longest such part.
    """

    seat: SeatInfo
    standing: Standing
    free_from: str = ""
    free_to: str = ""


@dataclass(frozen=True, slots=True)
class MappedCoach:
    """A coach with those of its seats that run on this departure, in the order of their places."""

    coach: CoachInfo
    seats: tuple[MappedSeat, ...]


def seat_map(office: Office, trip: Journey, travel_class: ClassInfo, mine: Collection[int] = ()) -> list[MappedCoach]:
    """Every seat of the class on this stretch, coach by coach.

    Args:
        mine: seats that the asker holds on this stretch already; they stand as ``yours`` while they are taken.

    Raises:
        DatabaseUnreachable: no answer.
    """
    network = office.network()

    def look(tx: Transaction) -> tuple[Mapping[int, SeatInfo], dict[int, int]]:
        rows = inventory.fetch(tx, Stretch(trip.service_date, trip.schedule_id, travel_class.id, trip.legs))
        known = network.seats(tx, travel_class.id)
        return known, {row.seat_id: row.occupied for row in rows.all()}

    known, occupied = office.database.transaction(look)
    seats = [seat for seat in known.values() if seat.id in occupied]
    return [
        MappedCoach(coach, tuple(_mapped(network, trip, seat, occupied[seat.id], seat.id in mine) for seat in here))
        for coach, here in groupby(seats, key=attrgetter("coach"))
    ]


def _mapped(network: Network, trip: Journey, seat: SeatInfo, occupied: int, is_mine: bool) -> MappedSeat:
    taken = occupied & trip.legs
    if not taken:
        return MappedSeat(seat, "free")
    if is_mine:
        return MappedSeat(seat, "yours")
    if taken == trip.legs:
        return MappedSeat(seat, "taken")
    halts = [stop for stop in trip.route.stops if trip.board.order <= stop.order <= trip.leave.order]
    first, last = longest_free(taken, [stop.order for stop in halts])
    if first == last:
        return MappedSeat(seat, "taken")
    codes = [network.stations[halts[index].station_id].code for index in (first, last)]
    return MappedSeat(seat, "partial", *codes)


def longest_free(taken: int, orders: list[int]) -> tuple[int, int]:
    """The longest run of halts between which no leg is taken, as indices into ``orders``; equal where there is none.

    >>> longest_free(0b0011, [0, 1, 2, 4])
    (2, 3)
    """
    best = run = (0, 0)
    for index in range(1, len(orders)):
        legs = (1 << orders[index]) - (1 << orders[index - 1])
        run = (index, index) if taken & legs else (run[0], index)
        if orders[run[1]] - orders[run[0]] > orders[best[1]] - orders[best[0]]:
            best = run
    return best
