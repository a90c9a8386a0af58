"""The seat somebody is moved to: seen for a quote, taken for the move, before the old one is given up.

Taking it follows ``core.booking``: first the best fit without waiting for anybody, then whatever is free, and only
before a refusal every lock is waited for. The booking and its tickets are locked already by whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from core import inventory
from core.database import Transaction
from core.errors import NotEnoughSeats, SeatTaken
from core.inventory import Stretch
from core.network import Network, SeatInfo
from core.pending import take_named
from core.reschedule_rules import Wanted
from core.seating import choose


class Pass(Enum):
    """How patiently a seat is taken."""

    AT_ONCE = "at once"
    AFTER_WAITING = "after waiting"


class SeatLost(Exception):
    """Somebody has locked what is free; the next pass waits for them."""


class ExpiredInTheWay(Exception):
    """Holds on the new departure are out of time; they are given back before anything is chosen."""

    def __init__(self, booking_ids: Sequence[UUID]) -> None:
        super().__init__()
        self.booking_ids = booking_ids


@dataclass(frozen=True, slots=True)
class Found:
    """A seat, and how many seats of the class were taken on any leg before: each uses up the quota of a fare."""

    seat: SeatInfo
    touched: int


def _stretch(wanted: Wanted) -> Stretch:
    trip = wanted.journey
    return Stretch(trip.service_date, trip.schedule_id, wanted.travel_class.id, trip.legs)


def see(tx: Transaction, network: Network, wanted: Wanted, start_coach: int | None) -> Found:
    """The seat that would be taken now; nothing is locked.

    Raises:
        SeatTaken: the one that was asked for is taken.
        NotEnoughSeats: none is free.
    """
    occupied = inventory.fetch(tx, _stretch(wanted)).pairs()
    known, touched = network.seats(tx, wanted.travel_class.id), sum(1 for bits in occupied.values() if bits)
    if wanted.seat_id is not None:
        if occupied.get(wanted.seat_id, -1) & wanted.journey.legs:
            raise _taken(known[wanted.seat_id])
        return Found(known[wanted.seat_id], touched)
    chosen = _choose(wanted, known.values(), occupied, start_coach)
    if not chosen:
        raise _full(wanted)
    return Found(known[chosen[0]], touched)


def take(tx: Transaction, network: Network, wanted: Wanted, start_coach: int | None, how: Pass) -> Found:
    """Take one seat.

    Raises:
        SeatTaken, NotEnoughSeats: as ``see``, after everybody was waited for.
        SeatLost: in the first pass, when somebody else is at what is free.
    """
    stretch = _stretch(wanted)
    occupied = inventory.fetch(tx, stretch).pairs()
    known, touched = network.seats(tx, wanted.travel_class.id), sum(1 for bits in occupied.values() if bits)
    if wanted.seat_id is not None:
        return Found(take_named(tx, stretch, known, [wanted.seat_id])[0], touched)
    if how is Pass.AFTER_WAITING:
        occupied = inventory.free_after_waiting(tx, stretch)
    chosen = _choose(wanted, known.values(), occupied, start_coach)
    if not chosen and how is Pass.AFTER_WAITING:
        raise _full(wanted)
    taken = inventory.take(tx, stretch, chosen).scalars() if chosen else []
    if not taken and how is Pass.AT_ONCE:
        taken = inventory.take_any(tx, stretch, 1).scalars()
    if not taken:
        raise SeatLost
    return Found(known[taken[0]], touched)


def _choose(wanted: Wanted, known: Iterable[SeatInfo], occupied: dict[int, int], start_coach: int | None) -> list[int]:
    trip = wanted.journey
    states = inventory.states(list(known), occupied, trip.legs)
    return choose(states, trip.legs, 1, leg_count=len(trip.route.stops) - 1, start_coach=start_coach)


def _taken(seat: SeatInfo) -> SeatTaken:
    return SeatTaken(
        f"{seat.label} is taken on this stretch.", hint="Choose another seat.", details={"seats": [seat.label]}
    )


def _full(wanted: Wanted) -> NotEnoughSeats:
    return NotEnoughSeats(
        f"{wanted.travel_class.code} on train {wanted.journey.train.number} has no seat left for this stretch.",
        hint="Offer another class or train; the ticket stays as it is.",
        details={"free": 0},
    )
