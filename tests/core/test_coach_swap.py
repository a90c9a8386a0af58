"""A coach taken out of a departure: everybody seated elsewhere, together who sat together, or nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import coach_swap, seating, ticket_code
from core.database import Actor
from core.disruption_rules import Seated, reseat
from core.errors import NotEnoughSeats, NotFound, NotPermitted, StateConflict
from tests.conftest import sign_in

if TYPE_CHECKING:
    from tests.core.conftest import Desk


@pytest.fixture
def supervisor(desk: Desk) -> Actor:
    return sign_in(desk.office, "3001", "SUPER-1")


def coach_of(label: str) -> str:
    return label.partition("/")[0]


def test_everybody_is_seated_elsewhere_and_parties_stay_together(desk: Desk, supervisor: Actor) -> None:
    parties = [desk.sell(2, first=1, infants=1), desk.sell(3, first=4), desk.sell(1, first=7, destination="PWT")]
    coach = coach_of(desk.value(
        "SELECT c.coach_label || '/' FROM tickets t JOIN seats s ON s.id = t.seat_id"
        " JOIN coaches c ON c.id = s.coach_id ORDER BY t.id LIMIT 1"
    ))  # fmt: skip
    in_it = desk.value(
        "SELECT count(*) FROM tickets t JOIN seats s ON s.id = t.seat_id JOIN coaches c ON c.id = s.coach_id"
        " WHERE c.coach_label = :label", label=coach,
    )  # fmt: skip
    done = coach_swap.swap(desk.office, supervisor, "43", desk.day, coach, "air conditioning")
    assert len(done.reseated) == in_it > 0
    assert {coach_of(one.old) for one in done.reseated} == {coach}
    assert coach not in {coach_of(one.new) for one in done.reseated}
    for party in parties:
        new = {coach_of(one.new) for one in done.reseated if one.booking_number == party.booking_number}
        assert len(new) <= 1
    desk.require_sound()
    rows = desk.owner(
        "SELECT t.qr_code, t.issue_no, s.seat_index, s.car_number FROM tickets t JOIN seats s ON s.id = t.seat_id"
        " WHERE t.issue_no = 2"
    )
    assert len(rows) == in_it
    for row in rows:
        payload = ticket_code.decode(
            row.qr_code, issuer=desk.office.operator.issuer, public_keys=desk.office.public_keys
        )
        printed = payload.payload
        assert printed is not None
        assert (printed.issue_no, printed.coach, printed.seat) == (2, row.car_number, row.seat_index)


def test_the_coach_is_on_sale_no_more(desk: Desk, supervisor: Actor) -> None:
    coach_swap.swap(desk.office, supervisor, "43", desk.day, "EKS 1", "brakes")
    sold = [desk.sell(4, first=first) for first in range(1, 41, 4)]
    assert all(one.seat is not None and one.seat.coach.label != "EKS 1" for sale in sold for one in sale.tickets)
    with pytest.raises(NotFound):
        coach_swap.swap(desk.office, supervisor, "43", desk.day, "EKS 1", "brakes")
    desk.require_sound()


def test_a_seat_that_is_being_sold_stops_it(desk: Desk, supervisor: Actor) -> None:
    desk.hold(1, labels=("EKS 2/1A",))
    before = desk.fingerprint()
    with pytest.raises(StateConflict) as refused:
        coach_swap.swap(desk.office, supervisor, "43", desk.day, "EKS 2", "brakes")
    assert refused.value.reason == "seats_held"
    assert desk.fingerprint() == before


def test_without_room_nothing_changes(desk: Desk, supervisor: Actor) -> None:
    desk.sell(1, labels=("EKS 1/1A",))
    desk.sell(2, first=2, labels=("EKS 2/1A", "EKS 2/1B"))
    seats = "SELECT count(*) FROM seats s JOIN coaches c ON c.id = s.coach_id WHERE c.coach_label = 'EKS 2'"
    assert desk.value(seats) > 2
    desk.owner(
        "DELETE FROM seat_inventory i USING seats s, coaches c WHERE s.id = i.seat_id AND c.id = s.coach_id"
        " AND i.occupied = 0 AND c.coach_label = 'EKS 1'"
    )
    before = desk.fingerprint()
    with pytest.raises(NotEnoughSeats):
        coach_swap.swap(desk.office, supervisor, "43", desk.day, "EKS 2", "brakes", into="EKS 1")
    assert desk.fingerprint() == before


def test_a_clerk_swaps_nothing(desk: Desk) -> None:
    with pytest.raises(NotPermitted):
        coach_swap.swap(desk.office, desk.clerk, "43", desk.day, "EKS 1", "brakes")


LEGS = st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(lambda ends: ends[0] != ends[1]).map(sorted)


@given(st.lists(st.tuples(st.integers(0, 3), LEGS), max_size=20), st.integers(0, 30))
def test_nobody_is_put_where_somebody_sits(wanted: list[tuple[int, list[int]]], room: int) -> None:
    bookings = [uuid4() for _ in range(4)]
    people = [
        Seated(serial, bookings[whose], serial, seating.legs_mask(*ends)) for serial, (whose, ends) in enumerate(wanted)
    ]
    seats = [
        seating.SeatState(100 + n, 2 + n // 12, n % 12 // 4, "ABCD"[n % 4], n % 4, "aisle", False, n % 3)
        for n in range(room)
    ]
    found, left = reseat(people, seats, 3)
    taken = {seat.seat_id: seat.occupied for seat in seats}
    for one in people:
        if one.serial in found:
            assert taken[found[one.serial]] & one.legs == 0
            taken[found[one.serial]] |= one.legs
    assert {one.serial for one in left} == {one.serial for one in people} - set(found)
    for one in left:
        assert all(bits & one.legs for bits in taken.values())


def test_the_largest_party_is_seated_first_and_in_one_coach() -> None:
    seats = [seating.SeatState(n, 1 + n // 4, n % 4 // 2, "AB"[n % 2], n % 2, "aisle", False, 0) for n in range(8)]
    party, one = UUID(int=1), UUID(int=2)
    people = [Seated(10, one, 1, 1), *(Seated(n, party, n + 10, 1) for n in range(4))]
    found, left = reseat(people, seats, 1)
    assert left == ()
    assert len({found[n] // 4 for n in range(4)}) == 1
