"""Bookings before they are paid: holding seats, moving, extending and giving up a hold, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, text
from uuid_utils.compat import uuid7

from core import booking, holds, pending, policy, sale
from core.booking import AlreadySold, HoldRequest
from core.database import NOBODY, Actor
from core.errors import (
    CounterError,
    HoldExpired,
    KeyReused,
    NotEnoughSeats,
    NotFound,
    NotPermitted,
    NotSignedIn,
    Refused,
    SeatTaken,
    UsageError,
)
from core.payments import Tender

if TYPE_CHECKING:
    from tests.core.conftest import Desk


def refused(error: type[CounterError], code: str, work: Callable[[], object]) -> CounterError:
    """What ``work`` is refused with."""
    with pytest.raises(error) as caught:
        work()
    assert caught.value.reason == code
    return caught.value


# Holding


def test_a_hold_keeps_its_seats_for_its_minutes(desk: Desk) -> None:
    held = desk.hold(3)
    assert len({seat.id for seat in held.seats}) == 3
    assert held.total == 3 * held.seat_fare + 7_500
    assert desk.value(
        "SELECT expires_at - created_at = interval '10 minutes' FROM bookings WHERE id = :id", id=held.booking_id
    )
    assert desk.taken() == 3
    assert desk.value("SELECT passenger_count FROM bookings") == 3
    desk.require_sound()


def test_a_party_sits_together(desk: Desk) -> None:
    seats = desk.hold(4).seats
    assert len({(seat.coach.number, seat.row) for seat in seats}) == 1
    assert not any(seat.accessible for seat in seats)


def test_named_seats_come_in_the_order_they_were_named(desk: Desk) -> None:
    held = desk.hold(3, labels=("EKS 2/10C", "eks1/01a", "EKS 5/13B"))
    assert [seat.label for seat in held.seats] == ["EKS 2/10C", "EKS 1/1A", "EKS 5/13B"]


@pytest.mark.parametrize(
    ("labels", "error", "code"),
    [
        (("EKS 1/99Z",), NotFound, "unknown_seat"),
        (("10C",), NotFound, "unknown_seat"),  # five coaches have one
        (("LUX 1/1A",), NotFound, "unknown_seat"),
        (("",), NotFound, "unknown_seat"),
        (("/" * 5000,), NotFound, "unknown_seat"),
        (("EKS 1/1A", "EKS 1/1B"), Refused, "seats_do_not_fit_party"),
    ],
)
def test_seats_that_cannot_be_meant(desk: Desk, labels: tuple[str, ...], error: type[CounterError], code: str) -> None:
    refused(error, code, lambda: desk.hold(1, labels=labels))
    assert desk.taken() == 0


@pytest.mark.parametrize("labels", [("EKS 1/10C", "EKS 1/10C"), ("EKS 1/10C", "EKS1/10c"), ("EKS 1/5A", "EKS 1/05A")])
def test_one_seat_named_twice_is_not_two_seats(desk: Desk, labels: tuple[str, ...]) -> None:
    refused(Refused, "seats_do_not_fit_party", lambda: desk.hold(2, labels=labels))
    assert desk.taken() == 0


def test_a_taken_seat_is_named_and_nothing_is_kept(desk: Desk) -> None:
    desk.hold(1, labels=("EKS 1/10C",))
    error = refused(SeatTaken, "seat_taken", lambda: desk.hold(2, labels=("EKS 1/10D", "EKS 1/10C")))
    assert error.details == {"seats": ["EKS 1/10C"]}
    assert (desk.taken(), desk.count("bookings")) == (1, 1)


def test_the_same_seat_is_sold_again_behind_cirebon_and_not_across(desk: Desk) -> None:
    seat = ("EKS 1/10C",)
    first = desk.hold(1, destination="CN", labels=seat)
    second = desk.hold(1, origin="CN", labels=seat)
    assert first.seats == second.seats
    refused(SeatTaken, "seat_taken", lambda: desk.hold(1, labels=seat))
    refused(SeatTaken, "seat_taken", lambda: desk.hold(1, origin="PWT", destination="CN", labels=seat))
    pending.give_up(desk.office, desk.clerk, first.booking_id)
    refused(SeatTaken, "seat_taken", lambda: desk.hold(1, labels=seat))
    assert desk.hold(1, origin="KM", destination="PWT", labels=seat).seats == second.seats
    desk.require_sound()


def test_too_few_seats_says_how_many_are_left(desk: Desk) -> None:
    desk.owner(
        "DELETE FROM seat_inventory i USING seats s, trains t WHERE s.id = i.seat_id AND t.id = s.train_id"
        " AND t.train_number = '43' AND (s.car_number > 1 OR s.row_number > 1) AND i.service_date = :day",
        day=desk.day,
    )
    desk.hold(2)
    error = refused(NotEnoughSeats, "not_enough_seats", lambda: desk.hold(3))
    assert error.details == {"free": 2}
    assert len(desk.hold(2).seats) == 2
    assert refused(NotEnoughSeats, "not_enough_seats", lambda: desk.hold(1)).details == {"free": 0}
    assert desk.count("bookings") == 2


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"schedule_id": 2**31 - 1}, NotFound, "unknown_schedule"),
        ({"class_code": "GOLD"}, NotFound, "unknown_class"),
        ({"origin": "GMR", "destination": "YK"}, NotFound, "no_connection"),
        ({"destination": "YK"}, NotFound, "no_connection"),
        ({"destination": "SGU"}, NotFound, "no_connection"),
        ({"origin": "???"}, NotFound, "unknown_station"),
        ({"seats": 0, "infants": 1}, Refused, "infant_alone"),
        ({"seats": -1}, UsageError, "party_invalid"),
        ({"seats": 1, "infants": -1}, UsageError, "party_invalid"),
        ({"seats": 5}, Refused, "party_too_large"),
        ({"seats": 2, "infants": 3}, Refused, "too_many_infants"),
    ],
)
def test_requests_that_cannot_be_held(desk: Desk, change: dict[str, Any], error: type[CounterError], code: str) -> None:
    request = replace(desk.request(1), **change)
    refused(error, code, lambda: booking.hold(desk.office, desk.clerk, request))
    assert (desk.taken(), desk.count("bookings"), desk.count("idempotency")) == (0, 0, 0)


def test_a_number_no_database_can_store_is_wrong_usage(desk: Desk) -> None:
    with pytest.raises((NotFound, UsageError)):
        booking.hold(desk.office, desk.clerk, replace(desk.request(1), schedule_id=2**40))


def test_who_may_hold(desk: Desk, gate_agent: Actor) -> None:
    request = desk.request(1)
    refused(NotSignedIn, "not_signed_in", lambda: booking.hold(desk.office, NOBODY, request))
    refused(NotPermitted, "not_permitted", lambda: booking.hold(desk.office, gate_agent, request))
    held = desk.hold()
    for work in (pending.extend, pending.give_up):
        refused(NotPermitted, "not_permitted", lambda work=work: work(desk.office, gate_agent, held.booking_id))
    refused(NotPermitted, "not_permitted", lambda: pending.change_seats(desk.office, gate_agent, held.booking_id, [1]))


def test_a_cancelled_train_is_not_held(desk: Desk) -> None:
    request = desk.request(1)
    desk.owner("UPDATE schedules SET status = 'cancelled' WHERE id = :id", id=request.schedule_id)
    refused(Refused, "train_cancelled", lambda: booking.hold(desk.office, desk.clerk, request))


def test_a_random_number_that_exists_is_drawn_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = iter("AAAAAAAAAAAAAABBBBBBB")
    monkeypatch.setattr(booking.secrets, "choice", lambda _: next(letters))
    assert [desk.hold().booking_number, desk.hold().booking_number] == ["AAAAAAA", "BBBBBBB"]
    assert desk.taken() == 2
    desk.require_sound()


# The same key


def test_the_same_key_finds_the_same_hold(desk: Desk) -> None:
    key = uuid7()
    first, again = desk.hold(2, key=key), desk.hold(2, key=key)
    assert again == first
    assert (desk.count("bookings"), desk.taken()) == (1, 2)


def test_the_same_key_for_something_else_is_an_error(desk: Desk) -> None:
    key = uuid7()
    held = desk.hold(2, key=key)
    refused(KeyReused, "key_reused", lambda: desk.hold(3, key=key))
    assert desk.status(held.booking_id) == "pending"


@pytest.mark.parametrize("end", ["expires", "is given up", "expires and is swept"])
def test_after_a_hold_has_ended_its_key_holds_anew(desk: Desk, end: str) -> None:
    key = uuid7()
    first = desk.hold(2, key=key)
    if end == "is given up":
        pending.give_up(desk.office, desk.clerk, first.booking_id)
    else:
        desk.expire()
    if end == "expires and is swept":
        assert holds.sweep(desk.office.database) == 1
    second = desk.hold(2, key=key)
    assert second.booking_id != first.booking_id
    assert desk.taken() == 2
    assert desk.status(first.booking_id) == ("cancelled" if end == "is given up" else "expired")
    assert desk.hold(2, key=key) == second
    desk.require_sound()


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_key_that_was_sold_under_holds_nothing_more(desk: Desk, cancelled: bool) -> None:
    key = uuid7()
    held = desk.hold(1, key=key)
    desk.confirm(held, key=key)
    if cancelled:
        desk.open_modifications()
        desk.owner("UPDATE bookings SET status = 'cancelled'")
    with pytest.raises(AlreadySold) as caught:
        desk.hold(1, key=key)
    assert UUID(caught.value.details["booking_id"]) == held.booking_id
    assert desk.count("bookings") == 1


# Expiry


def test_an_expired_hold_can_neither_be_paid_nor_changed(desk: Desk) -> None:
    held = desk.hold(2)
    desk.expire()
    key = held.booking_id
    people = desk.people(2)
    refused(HoldExpired, "hold_expired", lambda: desk.confirm(held))
    refused(HoldExpired, "hold_expired", lambda: pending.extend(desk.office, desk.clerk, key))
    refused(HoldExpired, "hold_expired", lambda: pending.change_seats(desk.office, desk.clerk, key, [1, 2]))
    assert desk.taken() == 2
    assert holds.sweep(desk.office.database) == 1
    assert holds.sweep(desk.office.database) == 0
    refused(
        HoldExpired, "hold_expired",
        lambda: sale.confirm(desk.office, desk.clerk, key, people, Tender("cash"), key=uuid7()),
    )  # fmt: skip
    assert (desk.taken(), desk.status(key)) == (0, "expired")
    desk.require_sound()


def test_whoever_holds_next_gives_expired_seats_back_first(desk: Desk) -> None:
    seat = ("EKS 3/7B",)
    first = desk.hold(1, labels=seat)
    desk.expire()
    assert desk.hold(1, labels=seat).seats == first.seats
    assert desk.status(first.booking_id) == "expired"


@pytest.fixture
def two_left(desk: Desk) -> None:
    """The luxury coaches of the travel day have two seats."""
    desk.owner(
        "DELETE FROM seat_inventory i USING seats s, coaches c WHERE s.id = i.seat_id AND c.id = s.coach_id"
        " AND c.coach_label = 'LUX 1' AND s.seat_number NOT IN ('1A', '1B') AND i.service_date = :day",
        day=desk.day,
    )


@pytest.fixture
def meanwhile(
    desk: Desk, owner_session: Connection, until_blocked: Callable[[Thread], None]
) -> Callable[..., pending.Hold | CounterError]:
    """Holds two luxury seats while the owner is in the middle of some changes, which then end in one way or another."""

    def hold(changes: Sequence[str], end: str, labels: tuple[str, ...]) -> pending.Hold | CounterError:
        request = desk.request(2, class_code="LUX", labels=labels)
        outcome: list[pending.Hold | CounterError] = []

        def try_it() -> None:
            try:
                outcome.append(booking.hold(desk.office, desk.clerk, request))
            except CounterError as error:
                outcome.append(error)

        for change in changes:
            owner_session.execute(text(change))
        other = Thread(target=try_it)
        other.start()
        until_blocked(other)
        getattr(owner_session, end)()
        other.join()
        return outcome[0]

    return hold


LABELS = [(), ("LUX 1/1A", "LUX 1/1B")]


@pytest.mark.usefixtures("two_left")
@pytest.mark.parametrize("labels", LABELS)
def test_seats_another_counter_is_just_giving_back_are_waited_for(
    desk: Desk, meanwhile: Callable[..., pending.Hold | CounterError], labels: tuple[str, ...]
) -> None:
    """All seats are held beyond their time; somebody else has begun to release them and is not done."""
    desk.hold(2, class_code="LUX")
    desk.expire()
    changes = (
        "UPDATE bookings SET status = 'expired'",
        "UPDATE seat_inventory SET occupied = 0 WHERE occupied <> 0",
        "DELETE FROM seat_holds",
    )
    assert isinstance(meanwhile(changes, "commit", labels), pending.Hold)
    desk.require_sound()


@pytest.mark.usefixtures("two_left")
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize(("end", "result"), [("rollback", pending.Hold), ("commit", Refused)])
def test_seats_another_counter_is_just_taking_are_waited_for(
    desk: Desk,
    meanwhile: Callable[..., pending.Hold | CounterError],
    labels: tuple[str, ...],
    end: str,
    result: type[pending.Hold | CounterError],
) -> None:
    """Nobody is refused for seats that may come free again: the other sale can still fail."""
    taking = (
        "UPDATE seat_inventory i SET occupied = 15 FROM train_classes c WHERE c.id = class_id AND class_code = 'LUX'"
    )
    assert isinstance(meanwhile([taking], end, labels), result)


def test_a_booking_that_is_being_paid_is_not_robbed(desk: Desk, owner_session: Connection) -> None:
    """Its time ends while the payment is under way: the sweep passes it over."""
    desk.hold(2)
    desk.expire()
    owner_session.execute(text("SELECT 1 FROM bookings FOR UPDATE"))
    assert holds.sweep(desk.office.database) == 0
    assert desk.taken() == 2
    owner_session.rollback()
    assert holds.sweep(desk.office.database) == 1


# Policies


def test_policies_hold_from_the_next_decision_on(desk: Desk) -> None:
    assert desk.hold().booking_fee == 7_500
    desk.decide(policy.BOOKING_FEE, 1)
    assert desk.hold().booking_fee == 1
    desk.decide(policy.BOOKING_FEE, 2, station="YK")
    assert desk.hold().booking_fee == 2
    assert desk.hold(origin="CN").booking_fee == 1
    desk.decide(policy.BOOKING_FEE, 3, train="43")
    assert desk.hold().booking_fee == 3
    assert desk.hold(train="45").booking_fee == 2
    desk.decide(policy.BOOKING_FEE, 4, station="YK", train="43")
    assert desk.hold().booking_fee == 4
    desk.owner("UPDATE policy_configurations SET deleted_at = now() WHERE train_id IS NOT NULL")
    assert desk.hold().booking_fee == 2


def test_a_policy_nobody_can_read_stops_the_sale_with_a_sentence(desk: Desk) -> None:
    desk.decide(policy.HOLD_MINUTES, "ten")
    refused(Refused, "policy_invalid", desk.hold)
    assert desk.taken() == 0


def test_laps_and_party_sizes_are_policies(desk: Desk) -> None:
    desk.decide(policy.MAX_SEATS, 1, station="CN")
    desk.decide(policy.INFANTS_PER_ADULT, 2, train="43")
    refused(Refused, "party_too_large", lambda: desk.hold(2, origin="CN"))
    assert len(desk.hold(2).seats) == 2
    assert desk.hold(1, infants=2).infants == 2
    refused(Refused, "too_many_infants", lambda: desk.hold(1, infants=2, train="45"))
    assert desk.value("SELECT max(passenger_count) FROM bookings") == 3


def test_the_request_is_a_value(desk: Desk) -> None:
    """A fingerprint is made of it: the same wish must always read the same."""
    one, other = (HoldRequest(1, "EKS", "YK", "GMR", 2, 1, ("EKS 1/1A", "EKS 1/1B")) for _ in range(2))
    assert repr(one) == repr(other)
