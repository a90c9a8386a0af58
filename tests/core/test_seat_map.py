"""How the seats of a class stand on a stretch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import booking, pending
from core.booking import HoldRequest
from core.database import Actor
from core.office import Office
from core.search import Offer
from core.seat_map import longest_free, seat_map


def test_a_seat_is_free_taken_ours_or_free_for_a_part(office: Office, clerk: Actor, taksaka: Offer) -> None:
    trip, travel_class = taksaka.journey, taksaka.travel_class
    part = booking.hold(office, clerk, HoldRequest(trip.schedule_id, "EKS", "YK", "PWT", 1))
    whole = booking.hold(office, clerk, HoldRequest(trip.schedule_id, "EKS", "YK", "GMR", 1))
    coaches = seat_map(office, trip, travel_class, {whole.seats[0].id})
    seats = {one.seat.id: one for coach in coaches for one in coach.seats}
    assert len(seats) == travel_class.capacity
    assert [coach.coach.number for coach in coaches] == sorted(coach.coach.number for coach in coaches)
    partly = seats[part.seats[0].id]
    assert (partly.standing, partly.free_from, partly.free_to) == ("partial", "PWT", "GMR")
    assert seats[whole.seats[0].id].standing == "yours"
    assert [one.standing for one in seats.values()].count("free") == travel_class.capacity - 2
    others = {one.seat.id: one.standing for coach in seat_map(office, trip, travel_class) for one in coach.seats}
    assert others[whole.seats[0].id] == "taken"


def test_what_was_given_back_is_free_even_to_whoever_held_it(office: Office, clerk: Actor, taksaka: Offer) -> None:
    held = booking.hold(office, clerk, HoldRequest(taksaka.journey.schedule_id, "EKS", "YK", "GMR", 2))
    mine = {seat.id for seat in held.seats}
    pending.give_up(office, clerk, held.booking_id)
    coaches = seat_map(office, taksaka.journey, taksaka.travel_class, mine)
    assert {one.standing for coach in coaches for one in coach.seats} == {"free"}


@pytest.mark.parametrize(
    ("taken", "orders", "expected"),
    [
        (0b0001, [0, 1, 2, 3], (1, 3)),
        (0b0010, [0, 1, 2, 3], (0, 1)),
        (0b1000, [0, 2, 4], (0, 1)),
        (0b0010, [1, 2, 5, 6], (1, 3)),
    ],
)
def test_the_longest_free_part(taken: int, orders: list[int], expected: tuple[int, int]) -> None:
    first, last = longest_free(taken, orders)
    span = orders[expected[1]] - orders[expected[0]]
    assert orders[last] - orders[first] == span
    assert not taken & ((1 << orders[last]) - (1 << orders[first]))


@given(st.integers(0, 2**12 - 1), st.sets(st.integers(0, 12), min_size=2))
def test_no_longer_free_part_is_overlooked(taken: int, halts: set[int]) -> None:
    orders = sorted(halts)
    first, last = longest_free(taken, orders)
    free = [
        (start, end) for start in orders for end in orders if start < end and not taken & ((1 << end) - (1 << start))
    ]
    assert orders[last] - orders[first] == max((end - start for start, end in free), default=0)
    assert first == last or (orders[first], orders[last]) in free
