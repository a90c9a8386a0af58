"""What follows from a train that is late or does not run. Pure decisions.

Source, the reference railway's terms: whoever waits more than an hour at departure is given a drink, more than three a
snack, more than five a meal; the figures are policies. Money back is ``core.refund_rules``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from core import policy
from core.errors import Refused, StateConflict
from core.policy import Policies, Policy
from core.seating import SeatState, choose

#: Voucher → the delay in minutes that has to be exceeded for it.
VOUCHERS: Final[Mapping[str, Policy[int]]] = {
    "drink": policy.DELAY_DRINK_MINUTES,
    "snack": policy.DELAY_SNACK_MINUTES,
    "meal": policy.DELAY_MEAL_MINUTES,
}
MOST_MINUTES: Final = 2 * 1440
_OVER: Final = ("cancelled", "completed")


@dataclass(frozen=True, slots=True)
class Departure:
    """A departure as the rules see it; ``skipped`` has a bit for each stop of the route it does not call at."""

    status: str
    delay_minutes: int
    skipped: int
    stops: int


@dataclass(frozen=True, slots=True)
class Seated:
    """Somebody on a seat that is taken out of the train. ``legs`` as in ``seat_inventory.occupied``."""

    serial: int
    booking_id: UUID
    seat_id: int
    legs: int


def require_running(one: Departure) -> None:
    """
    Raises:
        StateConflict: it is cancelled or over (codes ``train_cancelled``, ``train_completed``).
    """
    if one.status in _OVER:
        raise StateConflict(
            f"This departure is {one.status} already.", code=f"train_{one.status}", hint="Nothing was changed."
        )


def delayed(one: Departure, minutes: int) -> str:
    """The state of a departure that is ``minutes`` late from now on; 0 puts it back on time.

    Raises:
        Refused: more than two days, or less than nothing (code ``delay_out_of_range``).
        StateConflict: as ``require_running``.
    """
    require_running(one)
    if not 0 <= minutes <= MOST_MINUTES:
        raise Refused(
            f"A delay is 0 to {MOST_MINUTES} minutes.", code="delay_out_of_range", hint="Cancel the train instead."
        )
    return "delayed" if minutes else "scheduled"


def skipping(one: Departure, stop: int) -> int:
    """The stops that are skipped when stop number ``stop`` is as well.

    Raises:
        StateConflict: it skips that one already (``stop_skipped``), or as ``require_running``.
        Refused: fewer than two stops would be left (code ``nothing_left_to_run``).
    """
    require_running(one)
    if one.skipped >> stop & 1:
        raise StateConflict("It skips that stop already.", code="stop_skipped", hint="Nothing was changed.")
    after = one.skipped | 1 << stop
    if one.stops - after.bit_count() < 2:
        raise Refused(
            "A train that skips nearly every stop does not run.",
            code="nothing_left_to_run",
            hint="Cancel it instead.",
        )
    return after


def vouchers_due(delay_minutes: int, policies: Policies, *, station_id: int, train_id: int) -> tuple[str, ...]:
    """What whoever boards at that station is given for so long a delay, the smallest first."""
    return tuple(
        kind
        for kind, limit in VOUCHERS.items()
        if delay_minutes > policies.get(limit, station_id=station_id, train_id=train_id)
    )


def reseat(
    people: Iterable[Seated], seats: Sequence[SeatState], leg_count: int
) -> tuple[dict[int, int], tuple[Seated, ...]]:
    """New seats for everybody of a coach: serial → seat, and those for whom none is left.

    Who travels on one booking from and to the same stops goes on sitting together as well as can be, the largest
    parties first; a party that no longer fits together is seated apart.

    Args:
        seats: the other coaches' seats of the class, with what is taken on each.
    """
    occupied = {seat.seat_id: seat.occupied for seat in seats}
    found: dict[int, int] = {}
    for party in _parties(people):
        states = [_with(seat, occupied[seat.seat_id]) for seat in seats]
        legs = party[0].legs
        chosen = choose(states, legs, len(party), leg_count=leg_count, avoid_accessible=True)
        if not chosen:
            free = sum(not state.occupied & legs for state in states)
            chosen = choose(states, legs, free, leg_count=leg_count) if free else []
        for one, seat_id in zip(party, chosen, strict=False):
            found[one.serial] = seat_id
            occupied[seat_id] |= legs
    return found, tuple(one for party in _parties(people) for one in party if one.serial not in found)


def _parties(people: Iterable[Seated]) -> list[list[Seated]]:
    """By booking and stretch, in the order of their old seats; the largest and longest first."""
    by_party: dict[tuple[UUID, int], list[Seated]] = {}
    for one in sorted(people, key=lambda seated: (seated.seat_id, seated.serial)):
        by_party.setdefault((one.booking_id, one.legs), []).append(one)
    return sorted(
        by_party.values(),
        key=lambda party: (-len(party), -party[0].legs.bit_count(), party[0].seat_id, party[0].serial),
    )


def _with(seat: SeatState, occupied: int) -> SeatState:
    return SeatState(seat.seat_id, seat.coach, seat.row, seat.column, seat.place, seat.kind, seat.accessible, occupied)


def together(serials: Collection[int], coach_of: Mapping[int, int]) -> bool:
    """Whether a party sits in one coach."""
    return len({coach_of[serial] for serial in serials}) <= 1
