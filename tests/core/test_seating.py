"""Seat choice: against an oracle that tries every combination on small trains, and by its promises on larger ones."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.seating import MAX_LEGS, SeatState, choose, is_free, legs_mask

TWO_TWO = {"A": 1, "B": 2, "C": 4, "D": 5}
THREE_TWO = {"A": 1, "B": 2, "C": 3, "D": 5, "E": 6}
LEGS = 4


def coach(number: int, rows: int, layout: dict[str, int] = TWO_TWO, first_id: int = 0) -> list[SeatState]:
    return [
        SeatState(first_id + row * 10 + index, number, row, column, place, "window", False, 0)
        for row in range(1, rows + 1)
        for index, (column, place) in enumerate(layout.items())
    ]


def train(coaches: int, rows: int, layout: dict[str, int] = TWO_TWO) -> list[SeatState]:
    return [seat for number in range(1, coaches + 1) for seat in coach(number, rows, layout, number * 1000)]


def labels(seats: list[SeatState], ids: list[int]) -> list[str]:
    by_id = {seat.seat_id: seat for seat in seats}
    return [f"{by_id[chosen].row}{by_id[chosen].column}" for chosen in ids]


@st.composite
def small_trains(draw: st.DrawFn) -> list[SeatState]:
    """At most 11 seats: whole coaches, scattered seats, or so few to a coach that parties must be split."""
    layout = draw(st.sampled_from([TWO_TWO, THREE_TWO, {"A": 1, "B": 3, "C": 4}]))
    coaches, rows = draw(st.sampled_from([(1, 3), (1, 6), (2, 3), (4, 4), (6, 2)]))
    spots = [(number, row, column) for number in range(coaches) for row in range(rows) for column in layout]
    chosen = draw(st.permutations(spots))[: draw(st.integers(0, 11))]
    accessible = draw(st.sampled_from([[False], [False, False, True], [False, True, True, True]]))
    loads = draw(st.sampled_from([st.just(0), st.integers(0, 15), st.sampled_from([0, 1, 8, 9])]))
    return [
        SeatState(
            seat_id=index * 7 + 1,
            coach=number + 1,
            row=row + 1,
            column=column,
            place=layout[column],
            kind="window",
            accessible=draw(st.sampled_from(accessible)),
            occupied=draw(loads),
        )
        for index, (number, row, column) in enumerate(chosen)
    ]


@st.composite
def stretches(draw: st.DrawFn) -> int:
    start = draw(st.integers(0, LEGS - 1))
    return legs_mask(start, draw(st.integers(start + 1, LEGS)))


def leftover(seat: SeatState, legs: int) -> int:
    """Free legs around the wanted ones, counted one by one."""
    wanted = [leg for leg in range(LEGS) if legs >> leg & 1]
    found, leg = 0, wanted[0] - 1
    while leg >= 0 and not seat.occupied >> leg & 1:
        found, leg = found + 1, leg - 1
    leg = wanted[-1] + 1
    while leg < LEGS and not seat.occupied >> leg & 1:
        found, leg = found + 1, leg + 1
    return found


def cost(picked: tuple[SeatState, ...], offered: list[SeatState], legs: int) -> tuple[int, ...]:
    """Rules 2 to 7 of the choice, straight from their wording."""
    coaches = sorted({seat.coach for seat in picked})
    rows = sorted({(seat.coach, seat.row) for seat in picked})
    across = {key: sorted(seat.place for seat in picked if (seat.coach, seat.row) == key) for key in rows}
    behind = [(one, other) for one, other in pairwise(rows) if one[0] == other[0]]
    return (
        len(coaches),
        coaches[-1] - coaches[0],
        len(rows),
        sum(other[1] - one[1] for one, other in behind),
        sum(places[-1] - places[0] - len(places) + 1 for places in across.values()),
        sum(
            max(0, across[other][0] - across[one][-1], across[one][0] - across[other][-1]) for one, other in behind
        ),
        sum(seat.accessible for seat in picked),
        sum(leftover(seat, legs) for seat in picked),
        sum((seat.coach, seat.row) in across for seat in offered) - len(picked),
    )  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(seats=small_trains(), legs=stretches(), party=st.integers(1, 5), avoid=st.booleans(), seed=st.integers(0, 9))
def test_no_combination_of_seats_is_better(
    seats: list[SeatState], legs: int, party: int, avoid: bool, seed: int
) -> None:
    ids = choose(seats, legs, party, leg_count=LEGS, rng=random.Random(seed), avoid_accessible=avoid)

    offered = [seat for seat in seats if is_free(seat.occupied, legs)]
    if len(offered) < party:
        assert ids == []
        return
    ordinary = [seat for seat in offered if not seat.accessible]
    if avoid and len(ordinary) >= party:
        offered = ordinary
    weighed = [seat if avoid else replace(seat, accessible=False) for seat in offered]
    picked = tuple(seat for seat in weighed if seat.seat_id in ids)
    assert len(ids) == len(set(ids)) == len(picked) == party
    assert cost(picked, weighed, legs) == min(cost(each, weighed, legs) for each in combinations(weighed, party))


@given(
    load=st.lists(st.integers(0, (1 << 8) - 1), min_size=120, max_size=120),
    layout=st.sampled_from([TWO_TWO, THREE_TWO]),
    party=st.integers(1, 12),
    start=st.none() | st.integers(0, 63),
)
def test_a_party_gets_distinct_free_seats_unless_too_few_are_left(
    load: list[int], layout: dict[str, int], party: int, start: int | None
) -> None:
    seats = [replace(seat, occupied=taken) for seat, taken in zip(train(3, 8, layout), load, strict=False)]
    legs = legs_mask(2, 5)
    free = {seat.seat_id for seat in seats if is_free(seat.occupied, legs)}

    ids = choose(seats, legs, party, leg_count=8, start_coach=start)

    assert len(ids) == (party if len(free) >= party else 0)
    assert len(set(ids)) == len(ids)
    assert set(ids) <= free


@given(seats=small_trains(), legs=stretches(), party=st.integers(1, 5), seed=st.integers())
def test_the_same_generator_gives_the_same_seats(seats: list[SeatState], legs: int, party: int, seed: int) -> None:
    def once() -> list[int]:
        return choose(seats, legs, party, leg_count=LEGS, rng=random.Random(seed))

    assert once() == once()


def test_equal_seats_are_drawn_by_chance() -> None:
    seats = train(4, 10)
    legs = legs_mask(0, 3)
    rng = random.Random(7)

    drawn = {tuple(choose(seats, legs, 2, leg_count=LEGS, rng=rng)) for _ in range(60)}

    assert len(drawn) > 30  # of 80 pairs side by side


def test_without_a_generator_of_its_own_chance_still_varies() -> None:
    seats = train(4, 10)
    drawn = {tuple(choose(seats, legs_mask(0, 3), 1, leg_count=LEGS)) for _ in range(40)}
    assert len(drawn) > 1


@pytest.mark.parametrize("start", [1, 2, 3, 4])
@pytest.mark.parametrize("party", [1, 3, 4, 6])
def test_an_empty_train_is_filled_from_the_starting_coach(start: int, party: int) -> None:
    seats = train(4, 10)
    by_id = {seat.seat_id: seat for seat in seats}

    ids = choose(seats, legs_mask(0, 2), party, leg_count=LEGS, start_coach=start)

    assert {by_id[chosen].coach for chosen in ids} == {start}


def test_the_next_coach_is_taken_when_the_starting_one_cannot_hold_the_party() -> None:
    seats = [seat for seat in train(3, 5) if seat.coach != 3 or seat.row == 1]
    by_id = {seat.seat_id: seat for seat in seats}

    ids = choose(seats, legs_mask(0, 2), 5, leg_count=LEGS, start_coach=3)

    assert {by_id[chosen].coach for chosen in ids} == {1}


def test_starting_numbers_beyond_the_train_are_spread_over_it() -> None:
    seats = [seat for seat in train(6, 4) if seat.coach >= 4]
    by_id = {seat.seat_id: seat for seat in seats}

    reached = {
        by_id[choose(seats, legs_mask(0, 2), 1, leg_count=LEGS, start_coach=start)[0]].coach for start in range(40, 52)
    }

    assert reached == {4, 5, 6}


def test_a_seat_freed_on_the_way_is_sold_before_one_that_is_free_throughout() -> None:
    seats = train(2, 5)
    to_third = legs_mask(0, 2)
    seats[17] = replace(seats[17], occupied=to_third)

    assert choose(seats, legs_mask(2, 4), 1, leg_count=LEGS) == [seats[17].seat_id]


def test_the_gap_counts_only_as_far_as_the_neighbouring_passengers() -> None:
    seats = [
        SeatState(1, 1, 1, "A", 1, "window", False, legs_mask(0, 2) | legs_mask(5, 8)),  # free 2 to 5
        SeatState(2, 1, 2, "A", 1, "window", False, legs_mask(1, 3) | legs_mask(4, 5)),  # free 3 to 4, and far off
    ]
    assert choose(seats, legs_mask(3, 4), 1, leg_count=8) == [2]


def test_single_travellers_leave_whole_rows_to_parties() -> None:
    seats = [replace(seat, occupied=1 if seat.row == 3 and seat.column != "D" else 0) for seat in train(1, 6)]
    assert labels(seats, choose(seats, 1, 1, leg_count=1)) == ["3D"]


def test_two_sit_side_by_side_before_across_the_aisle_before_one_behind_the_other() -> None:
    seats = coach(1, 2)
    without = {"1A", "1D", "2A", "2D"}
    aisle_only = [seat for seat in seats if f"{seat.row}{seat.column}" not in without]
    assert sorted(labels(seats, choose(seats, 1, 2, leg_count=1))) in (
        ["1A", "1B"], ["1C", "1D"], ["2A", "2B"], ["2C", "2D"],
    )  # fmt: skip
    assert sorted(labels(seats, choose(aisle_only, 1, 2, leg_count=1))) in (["1B", "1C"], ["2B", "2C"])
    singles = [seat for seat in seats if f"{seat.row}{seat.column}" in {"1B", "2B"}]
    assert sorted(labels(seats, choose(singles, 1, 2, leg_count=1))) == ["1B", "2B"]


def test_the_party_order_goes_from_neighbour_to_neighbour() -> None:
    two_by_two = [seat for seat in coach(1, 2) if seat.column in "AB"]
    chosen = labels(two_by_two, choose(two_by_two, 1, 4, leg_count=1))
    assert chosen == ["1A", "1B", "2B", "2A"]

    corner = [seat for seat in two_by_two if (seat.row, seat.column) != (2, "B")]
    assert labels(corner, choose(corner, 1, 3, leg_count=1)) == ["1B", "1A", "2A"]


def test_accessible_seats_are_kept_until_nothing_else_is_left() -> None:
    seats = [replace(seat, accessible=seat.row == 1) for seat in train(2, 2)]
    by_id = {seat.seat_id: seat for seat in seats}

    assert not any(by_id[chosen].accessible for chosen in choose(seats, 1, 8, leg_count=1))
    assert sum(by_id[chosen].accessible for chosen in choose(seats, 1, 9, leg_count=1)) > 0
    only = [seat for seat in seats if seat.accessible]
    assert len(choose(only, 1, 8, leg_count=1)) == 8


def test_no_more_accessible_seats_are_given_than_needed_where_it_makes_no_other_difference() -> None:
    row = coach(1, 1)
    beside = [replace(seat, accessible=seat.column in "CD") for seat in row if seat.column != "A"]
    assert labels(beside, choose(beside, 1, 1, leg_count=1)) == ["1B"]
    seats = [
        SeatState(1, 1, 1, "A", 1, "window", False, 0),
        SeatState(2, 1, 2, "A", 1, "window", True, 0),
        SeatState(3, 2, 1, "A", 1, "window", True, 0b10),
        SeatState(4, 2, 2, "A", 1, "window", True, 0b10),
    ]
    assert sorted(choose(seats, 1, 2, leg_count=2)) == [1, 2]  # though 3 and 4 would leave a smaller gap


def test_one_behind_the_other_sits_straight_rather_than_diagonally() -> None:
    seats = [
        SeatState(1, 1, 1, "A", 1, "window", False, 0),
        SeatState(2, 1, 2, "A", 1, "window", False, 0),
        SeatState(3, 1, 3, "D", 5, "window", False, 0b10),
        SeatState(4, 1, 4, "A", 1, "window", False, 0b10),
    ]
    assert sorted(choose(seats, 1, 2, leg_count=2)) == [1, 2]  # though 3 and 4 would leave a smaller gap


def test_an_accessible_seat_is_as_good_as_any_for_whoever_asks() -> None:
    seats = [replace(seat, accessible=seat.row == 1) for seat in train(1, 3)]
    seats[0] = replace(seats[0], occupied=0b1110)
    assert choose(seats, 1, 1, leg_count=4, avoid_accessible=False) == [seats[0].seat_id]
    assert choose(seats, 1, 1, leg_count=4) != [seats[0].seat_id]


def test_four_are_split_over_two_coaches_when_none_holds_them() -> None:
    seats = [seat for seat in train(5, 1) if seat.coach == 2 or seat.column in "AB"]
    seats = [seat for seat in seats if seat.coach != 2 or seat.column != "D"]
    by_id = {seat.seat_id: seat for seat in seats}

    ids = choose(seats, 1, 4, leg_count=1)

    used = sorted({by_id[chosen].coach for chosen in ids})
    assert len(ids) == 4
    assert len(used) == 2
    assert used[1] - used[0] == 1


def test_a_split_party_sits_in_few_rows_and_close_ones() -> None:
    def seat(seat_id: int, number: int, row: int, column: str, gap: int) -> SeatState:
        return SeatState(seat_id, number, row, column, TWO_TWO[column], "window", False, 0 if gap else 0b10)

    pairs = [seat(1, 1, 1, "A", 1), seat(2, 1, 1, "B", 1), seat(3, 2, 1, "A", 1), seat(4, 2, 1, "B", 1)]
    singles = [seat(5, 1, 2, "A", 0), seat(6, 2, 2, "A", 0)]
    assert sorted(choose(pairs + singles, 1, 4, leg_count=2)) == [1, 2, 3, 4]

    far_and_near = [seat(1, 1, 1, "A", 0), seat(2, 1, 5, "A", 0), seat(3, 2, 1, "A", 1), seat(4, 2, 2, "A", 1)]
    assert {3, 4} < set(choose(far_and_near, 1, 3, leg_count=2))

    wide = [seat(1, 1, 1, "A", 1), seat(2, 1, 1, "B", 1), seat(3, 1, 2, "A", 1)]
    wide += [seat(4, 1, 10, "A", 1), seat(5, 1, 10, "B", 1)]
    narrow = [seat(6, 2, 1, "A", 1), seat(7, 2, 1, "B", 1), seat(8, 2, 2, "A", 1)]
    assert sorted(choose(wide + narrow, 1, 6, leg_count=2)) == [1, 2, 4, 5, 6, 7]  # three rows, though far apart


def test_everything_can_be_sold_to_the_last_seat() -> None:
    seats = train(3, 6, THREE_TWO)
    ids = choose(seats, 1, len(seats), leg_count=1)
    assert sorted(ids) == sorted(seat.seat_id for seat in seats)
    assert choose(seats, 1, len(seats) + 1, leg_count=1) == []
    assert choose([], 1, 1, leg_count=1) == []


@given(start=st.integers(0, MAX_LEGS - 1), length=st.integers(1, MAX_LEGS))
def test_a_mask_has_one_bit_for_each_leg(start: int, length: int) -> None:
    end = start + length
    if end > MAX_LEGS:
        with pytest.raises(ValueError, match="no legs"):
            legs_mask(start, end)
        return
    mask = legs_mask(start, end)
    assert [leg for leg in range(64) if mask >> leg & 1] == list(range(start, end))
    assert mask < 1 << 63  # fits the database's signed bigint


@given(a=st.tuples(st.integers(0, 62), st.integers(0, 62)), b=st.tuples(st.integers(0, 62), st.integers(0, 62)))
def test_two_journeys_share_a_seat_when_one_ends_before_the_other_starts(
    a: tuple[int, int], b: tuple[int, int]
) -> None:
    (a1, a2), (b1, b2) = (tuple(sorted(pair)) for pair in (a, b))
    if a1 < a2 and b1 < b2:
        assert is_free(legs_mask(a1, a2), legs_mask(b1, b2)) == (a2 <= b1 or b2 <= a1)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (3, 2), (-1, 2), (0, 64), (63, 64)])
def test_impossible_stretches_have_no_mask(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="no legs"):
        legs_mask(start, end)


@pytest.mark.parametrize(("legs", "party"), [(0, 1), (-1, 1), (0b101, 1), (0b10000, 1), (1, 0), (1, -2)])
def test_questions_that_mean_nothing_are_refused(legs: int, party: int) -> None:
    with pytest.raises(ValueError, match=r"legs|party"):
        choose(train(1, 2), legs, party, leg_count=LEGS)
