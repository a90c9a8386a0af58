"""A hold that lasts: moving it to other seats, extending it, giving it up, finding it again after a restart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from uuid_utils.compat import uuid7

from core import pending, policy
from core.errors import CounterError, NotFound, Refused, SeatTaken, StateConflict
from core.office import Office
from tests.conftest import sign_in

if TYPE_CHECKING:
    from tests.core.conftest import Desk


def refused(error: type[CounterError], code: str, work: Callable[[], object]) -> CounterError:
    """What ``work`` is refused with."""
    with pytest.raises(error) as caught:
        work()
    assert caught.value.reason == code
    return caught.value


# Changing a hold


def seat_ids(desk: Desk, *labels: str) -> list[int]:
    found = {
        row.label: row.id
        for row in desk.owner(
            "SELECT c.coach_label || '/' || s.seat_number AS label, s.id FROM seats s"
            " JOIN coaches c ON c.id = s.coach_id JOIN trains t ON t.id = s.train_id WHERE t.train_number = '43'"
        )
    }
    return [found[label] for label in labels]


def test_a_hold_moves_to_other_seats(desk: Desk) -> None:
    held = desk.hold(2, labels=("EKS 1/1A", "EKS 1/1B"))
    moved = pending.change_seats(desk.office, desk.clerk, held.booking_id, seat_ids(desk, "EKS 1/1B", "EKS 4/9D"))
    assert [seat.label for seat in moved.seats] == ["EKS 1/1B", "EKS 4/9D"]
    assert moved.total == held.total
    assert desk.taken() == 2
    done = desk.confirm(held)
    assert [ticket.seat.label for ticket in done.tickets if ticket.seat] == ["EKS 1/1B", "EKS 4/9D"]
    desk.require_sound()


def test_a_move_to_a_taken_seat_leaves_the_hold_as_it_was(desk: Desk) -> None:
    held = desk.hold(2, labels=("EKS 1/1A", "EKS 1/1B"))
    desk.hold(1, labels=("EKS 1/2A",))
    wanted = seat_ids(desk, "EKS 1/3A", "EKS 1/2A")
    refused(SeatTaken, "seat_taken", lambda: pending.change_seats(desk.office, desk.clerk, held.booking_id, wanted))
    assert desk.taken() == 3
    assert pending.open_work(desk.office, desk.clerk)[-1] == held
    desk.require_sound()


@pytest.mark.parametrize(
    "labels",
    [
        ("EKS 1/2A",),
        ("EKS 1/2A", "EKS 1/2A"),
        ("EKS 1/2A", "EKS 1/2B", "EKS 1/2B"),
        ("EKS 1/2A", "EKS 1/2B", "EKS 1/2C"),
        (),
    ],
)
def test_a_move_to_the_wrong_number_of_seats(desk: Desk, labels: tuple[str, ...]) -> None:
    held = desk.hold(2)
    wanted = seat_ids(desk, *labels)
    refused(
        Refused, "seats_do_not_fit_party",
        lambda: pending.change_seats(desk.office, desk.clerk, held.booking_id, wanted),
    )  # fmt: skip
    assert pending.open_work(desk.office, desk.clerk) == [held]
    desk.require_sound()


def test_a_move_out_of_the_class(desk: Desk) -> None:
    held = desk.hold(2)
    wanted = seat_ids(desk, "EKS 1/2A", "EKS 1/2B", "LUX 1/1A")
    for seats in (wanted[1:], wanted):
        refused(
            NotFound, "unknown_seat",
            lambda seats=seats: pending.change_seats(desk.office, desk.clerk, held.booking_id, seats),
        )  # fmt: skip
    desk.require_sound()


def test_extending_counts_from_now_by_the_policy_of_the_place(desk: Desk) -> None:
    held = desk.hold()
    desk.decide(policy.HOLD_MINUTES, 25, station="YK", train="43")
    until = pending.extend(desk.office, desk.clerk, held.booking_id)
    rows = desk.owner(
        "SELECT b.expires_at AS booking, h.expires_at AS hold, b.updated_at AS now FROM bookings b JOIN seat_holds h"
        " ON h.booking_id = b.id"
    )
    assert (rows[0].booking, rows[0].hold) == (until, until)
    assert until - rows[0].now == timedelta(minutes=25)


def test_giving_up_twice_is_giving_up_once(desk: Desk) -> None:
    held = desk.hold(3)
    for _ in range(2):
        pending.give_up(desk.office, desk.clerk, held.booking_id)
    assert (desk.taken(), desk.status(held.booking_id), desk.count("seat_holds")) == (0, "cancelled", 0)
    assert desk.value("SELECT count(*) FROM domain_events WHERE event_type = 'booking.cancelled'") == 1
    refused(StateConflict, "state_conflict", lambda: desk.confirm(held))
    refused(StateConflict, "state_conflict", lambda: pending.extend(desk.office, desk.clerk, held.booking_id))
    desk.require_sound()


def test_a_paid_booking_is_not_given_up(desk: Desk) -> None:
    held = desk.hold()
    desk.confirm(held)
    refused(StateConflict, "state_conflict", lambda: pending.give_up(desk.office, desk.clerk, held.booking_id))
    assert desk.taken() == 1


def test_a_booking_nobody_knows(desk: Desk) -> None:
    refused(NotFound, "unknown_booking", lambda: pending.extend(desk.office, desk.clerk, uuid7()))
    pending.give_up(desk.office, desk.clerk, uuid7())


# Open work


def test_a_terminal_finds_its_own_open_work(
    desk: Desk,
    open_office: Callable[[], Office],
) -> None:
    first, second, third = desk.hold(1), desk.hold(2, infants=1, class_code="LUX"), desk.hold(1)
    lost = desk.hold(1)
    desk.confirm(third)
    desk.expire(lost)
    assert pending.open_work(open_office(), desk.clerk) == [second, first]
    assert pending.open_work(desk.office, sign_in(desk.office, "3001", "OTHER")) == []
