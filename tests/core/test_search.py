"""Searching: what is offered, at what price, and how many seats are free on the stretch."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from core import booking, policy
from core.clock import local
from core.database import Actor
from core.errors import CounterError, NotEnoughSeats, NotFound, Refused
from core.office import Office
from core.search import Offer, departure, offers

if TYPE_CHECKING:
    from tests.core.conftest import Desk

STOPS = ("YK", "KM", "PWT", "CN", "GMR")


@pytest.fixture
def today(office: Office) -> date:
    return office.database.transaction(lambda tx: local(tx.now, office.operator.time_zone).date())


def numbers(found: list[Offer]) -> list[tuple[str, str]]:
    return [(offer.journey.train.number, offer.travel_class.code) for offer in found]


def available(office: Office, origin: str, destination: str, day: date, train: str = "43", code: str = "EKS") -> int:
    return offers(office, origin, destination, day, class_code=code, train_number=train)[0].available


# What is offered


def test_every_class_of_every_train_in_time_order(office: Office, travel_day: date) -> None:
    classes = {"43": ("EKS", "LUX"), "45": ("EKS", "LUX"), "59": ("EKS", "SUI")}
    found = offers(office, "YK", "GMR", travel_day)
    assert numbers(found) == [(train, code) for train in ("43", "45", "59") for code in classes[train]]
    times = [offer.journey.departs_at.strftime("%H:%M") for offer in found]
    assert times == ["07:30", "07:30", "19:15", "19:15", "23:15", "23:15"]
    assert [offer.available for offer in found] == [250, 26, 250, 26, 200, 16]
    assert all(offer.journey.departs_at.date() == travel_day for offer in found)


def test_the_way_back_is_another_train(office: Office, travel_day: date) -> None:
    assert {number for number, _ in numbers(offers(office, "GMR", "YK", travel_day))} == {"44", "46", "60"}


def test_a_stretch_costs_its_share(office: Office, travel_day: date) -> None:
    whole, part = (
        offers(office, origin, "GMR", travel_day, class_code="eks", train_number="43")[0] for origin in ("YK", "CN")
    )
    assert (whole.subclass, whole.fare) == ("J", 450_000)  # 520,000 x 0.865 = 449,800
    km = part.journey.km
    assert part.fare == -(-520_000 * 865 * km // (1000 * 512) // 1000) * 1000
    assert (part.journey.departs_at.strftime("%H:%M"), part.journey.arrives_at.strftime("%H:%M")) == ("11:20", "13:45")


def test_codes_are_read_as_people_type_them(office: Office, travel_day: date) -> None:
    assert offers(office, " yk", "Gmr ", travel_day) == offers(office, "YK", "GMR", travel_day)


def test_json_has_what_the_command_promises(office: Office, travel_day: date) -> None:
    said = offers(office, "YK", "GMR", travel_day)[0].as_json()
    assert said["departs_at"] == f"{travel_day}T07:30:00+07:00"
    assert (said["train_number"], said["class"], said["subclass"], said["available"], said["fare"]) == (
        ("43", "EKS", "J", 250, 450_000)
    )


# Midnight


def test_who_boards_after_midnight_travels_on_the_later_day(office: Office, travel_day: date) -> None:
    """60 Bima leaves Gambir at 17:00 and Madiun at 01:00."""
    night = offers(office, "MN", "SGU", travel_day + timedelta(days=1), train_number="60")[0].journey
    assert night.service_date == travel_day
    assert night.departs_at.strftime("%d %H:%M") == f"{travel_day + timedelta(days=1):%d} 01:00"
    evening = offers(office, "YK", "SGU", travel_day, train_number="60")[0].journey
    assert (evening.service_date, evening.schedule_id) == (travel_day, night.schedule_id)
    before = offers(office, "MN", "SGU", travel_day, train_number="60")[0].journey
    assert before.service_date == travel_day - timedelta(days=1)


def test_a_delay_past_midnight_moves_no_train_to_another_day(desk: Desk) -> None:
    desk.owner(
        "UPDATE schedules s SET status = 'delayed', delay_minutes = 120 FROM trains t"
        " WHERE t.id = s.train_id AND t.train_number = '60' AND s.departure_date = :day",
        day=desk.day,
    )
    late = offers(desk.office, "YK", "SGU", desk.day, train_number="60")[0].journey
    assert (late.departs_at.date(), late.departs_at.strftime("%H:%M")) == (desk.day + timedelta(days=1), "01:15")
    following = offers(desk.office, "YK", "SGU", desk.day + timedelta(days=1), train_number="60")
    assert {offer.journey.service_date for offer in following} == {desk.day + timedelta(days=1)}


def test_a_station_west_of_the_origin_keeps_the_day_before(desk: Desk, open_office: Callable[[], Office]) -> None:
    """A train that leaves at 00:20 in one zone calls half an hour later, and 23:50 of the day before, in the next."""
    desk.owner("UPDATE stations SET time_zone = 'Asia/Makassar' WHERE station_code = 'GMR'")
    desk.owner(
        "UPDATE schedules s SET departure_time = '00:20', departs_at = (s.departure_date + time '00:20')"
        " AT TIME ZONE 'Asia/Makassar' FROM trains t WHERE t.id = s.train_id AND t.train_number = '132'"
    )
    found = offers(open_office(), "BKS", "BD", desk.day, train_number="132")[0].journey
    assert found.service_date == desk.day + timedelta(days=1)
    assert found.departs_at.strftime("%d %H:%M") == f"{desk.day:%d} 23:50"


# What is not offered


@pytest.mark.parametrize(
    ("origin", "destination", "options", "error", "code"),
    [
        ("XXX", "GMR", {}, NotFound, "unknown_station"),
        ("YK", "", {}, NotFound, "unknown_station"),
        ("YK", "G" * 5000, {}, NotFound, "unknown_station"),
        ("YK", "\x00\ud800", {}, NotFound, "unknown_station"),
        ("YK", "yk", {}, Refused, "same_station"),
        ("YK", "GMR", {"class_code": "GOLD"}, NotFound, "unknown_class"),
        ("YK", "GMR", {"party": 5}, Refused, "party_too_large"),
    ],
)
def test_nonsense_is_refused(
    office: Office, travel_day: date, origin: str, destination: str, options: dict, error: type[CounterError], code: str
) -> None:
    with pytest.raises(error) as caught:
        offers(office, origin, destination, travel_day, **options)
    assert caught.value.reason == code
    assert len(caught.value.message) < 100


def test_yesterday_is_past_and_today_is_not(office: Office, today: date) -> None:
    with pytest.raises(Refused) as caught:
        offers(office, "YK", "GMR", today - timedelta(days=1))
    assert caught.value.reason == "past_date"
    offers(office, "YK", "GMR", today)


def test_the_sale_window_ends(office: Office, today: date) -> None:
    assert offers(office, "YK", "GMR", today + timedelta(days=90)) == []  # in the window, but nothing is open there
    with pytest.raises(Refused) as caught:
        offers(office, "YK", "GMR", today + timedelta(days=91))
    assert caught.value.reason == "not_on_sale_yet"


def test_no_train_is_no_error(office: Office, travel_day: date) -> None:
    assert offers(office, "KTG", "GMR", travel_day) == []
    assert offers(office, "YK", "GMR", travel_day, train_number="6") == []


def test_a_train_is_sold_until_it_has_left_the_boarding_station(desk: Desk, today: date) -> None:
    """43 left Yogyakarta a minute ago; it leaves Cirebon 230 minutes later."""
    schedule, at_cirebon = desk.owner(
        "UPDATE schedules s SET departs_at = now() - interval '1 minute' FROM trains t WHERE t.id = s.train_id"
        " AND t.train_number = '43' AND s.departure_date = :day"
        " RETURNING s.id, ((departs_at + interval '230 minutes') AT TIME ZONE 'Asia/Jakarta')::date",
        day=today,
    )[0]
    assert offers(desk.office, "YK", "GMR", today, train_number="43") == []
    with pytest.raises(Refused) as caught:
        booking.hold(desk.office, desk.clerk, booking.HoldRequest(schedule, "EKS", "YK", "GMR", 1))
    assert caught.value.reason == "departed"
    assert offers(desk.office, "CN", "GMR", at_cirebon, train_number="43")[0].journey.schedule_id == schedule


def test_cancelled_trains_are_not_listed(desk: Desk) -> None:
    request = desk.request()
    desk.owner("UPDATE schedules SET status = 'cancelled' WHERE id = :id", id=request.schedule_id)
    assert offers(desk.office, "YK", "GMR", desk.day, train_number="43") == []
    assert departure(desk.office, "YK", "GMR", desk.day, "43").status == "cancelled"


@pytest.mark.parametrize(
    "out_of_service",
    [
        "UPDATE trains SET is_active = false WHERE train_number = '43'",
        "UPDATE train_classes SET is_available = false",
        "UPDATE routes SET is_active = false WHERE id = (SELECT route_id FROM schedules s JOIN trains t"
        " ON t.id = s.train_id AND t.train_number = '43' LIMIT 1)",
        "UPDATE stations SET is_active = false WHERE station_code = 'YK'",
    ],
)
def test_what_is_out_of_service_is_neither_offered_nor_sold(
    desk: Desk, clerk: Actor, open_office: Callable[[], Office], out_of_service: str
) -> None:
    request = desk.request()
    desk.owner(out_of_service)
    office = open_office()
    with suppress(NotFound):  # a station out of service is not known at all
        assert offers(office, "YK", "GMR", desk.day, train_number="43") == []
    with pytest.raises(NotFound):
        booking.hold(office, clerk, request)


# How many seats


def test_a_seat_taken_to_cirebon_is_free_from_cirebon(desk: Desk) -> None:
    desk.hold(3, destination="CN")
    free = {
        (a, b): available(desk.office, a, b, desk.day)
        for a, b in (("YK", "CN"), ("YK", "GMR"), ("KM", "PWT"), ("CN", "GMR"))
    }
    assert free == {("YK", "CN"): 247, ("YK", "GMR"): 247, ("KM", "PWT"): 247, ("CN", "GMR"): 250}


def test_available_is_right_for_every_stretch(desk: Desk) -> None:
    """Against a count by hand, after a random afternoon of sales in the small class."""
    chance = random.Random(5)
    taken: dict[int, set[int]] = {}
    for _ in range(30):
        start, end = sorted(chance.sample(range(5), 2))
        try:
            held = desk.hold(chance.randint(1, 4), class_code="LUX", origin=STOPS[start], destination=STOPS[end])
        except NotEnoughSeats:
            continue
        for seat in held.seats:
            legs = taken.setdefault(seat.id, set())
            assert legs.isdisjoint(range(start, end))
            legs.update(range(start, end))
    for start, end in combinations(range(5), 2):
        expected = 26 - sum(1 for legs in taken.values() if legs & set(range(start, end)))
        assert available(desk.office, STOPS[start], STOPS[end], desk.day, code="LUX") == expected


def test_sold_out_is_listed_with_none_left(desk: Desk) -> None:
    desk.owner(
        "UPDATE seat_inventory i SET occupied = 2 FROM train_classes c, trains t WHERE c.id = i.class_id"
        " AND t.id = c.train_id AND t.train_number = '43' AND c.class_code = 'LUX' AND i.service_date = :day",
        day=desk.day,
    )
    found = offers(desk.office, "YK", "GMR", desk.day, train_number="43")
    assert [(offer.travel_class.code, offer.available) for offer in found] == [("EKS", 250), ("LUX", 0)]
    assert available(desk.office, "YK", "KM", desk.day, code="LUX") == 26


def test_searching_gives_expired_holds_back(desk: Desk) -> None:
    late, fresh = desk.hold(4), desk.hold(2)
    desk.expire(late)
    assert available(desk.office, "YK", "GMR", desk.day) == 248
    assert (desk.status(late.booking_id), desk.status(fresh.booking_id)) == ("expired", "pending")
    assert available(desk.office, "YK", "GMR", desk.day) == 248
    assert desk.value("SELECT count(*) FROM domain_events WHERE event_type = 'booking.expired'") == 1
    desk.require_sound()


# What it costs


def test_the_cheap_seats_go_first(desk: Desk) -> None:
    """26 luxury seats: six at 90 %, the rest at the full price."""
    prices = []
    for _ in range(3):
        offer = offers(desk.office, "YK", "GMR", desk.day, class_code="LUX", train_number="43", party=2)[0]
        held = desk.hold(2, class_code="LUX")
        assert (held.subclass, held.seat_fare) == (offer.subclass, offer.fare)
        prices.append(offer.subclass)
    assert prices == ["I", "I", "I"]
    assert desk.hold(1, class_code="LUX").seat_fare == 980_000


def test_a_party_pays_one_price(desk: Desk) -> None:
    desk.hold(4, class_code="LUX")
    found = {
        party: offers(desk.office, "YK", "GMR", desk.day, class_code="LUX", train_number="43", party=party)[0].subclass
        for party in (1, 2, 3)
    }
    assert found == {1: "I", 2: "I", 3: "AA"}


# Policies


def test_a_train_may_be_sold_longer_ahead_than_others(desk: Desk, today: date) -> None:
    desk.decide(policy.SALE_WINDOW_DAYS, 1)
    desk.decide(policy.SUBSIDISED_SALE_WINDOW_DAYS, 1)
    with pytest.raises(Refused) as caught:
        offers(desk.office, "YK", "GMR", desk.day)
    assert caught.value.reason == "not_on_sale_yet"
    desk.decide(policy.SALE_WINDOW_DAYS, 2, train="45")
    assert {number for number, _ in numbers(offers(desk.office, "YK", "GMR", desk.day))} == {"45"}


def test_a_train_may_take_larger_parties_than_others(desk: Desk) -> None:
    desk.decide(policy.MAX_SEATS, 6, train="43")
    assert len(desk.hold(6).seats) == 6
    assert offers(desk.office, "YK", "GMR", desk.day, train_number="43", party=6)[0].available == 244
    with pytest.raises(Refused):
        offers(desk.office, "YK", "GMR", desk.day, train_number="43", party=7)


def test_a_closed_sale_is_not_listed(desk: Desk) -> None:
    desk.decide(policy.SALE_CLOSES_MINUTES, 60 * 24 * 4, station="YK", train="43")
    assert {number for number, _ in numbers(offers(desk.office, "YK", "GMR", desk.day))} == {"45", "59"}
    assert {number for number, _ in numbers(offers(desk.office, "CN", "GMR", desk.day)) if number == "43"} == {"43"}


def test_go_show_counters_sell_only_the_last_hours(desk: Desk) -> None:
    desk.decide(policy.GO_SHOW_HOURS, 3, station="YK")
    assert offers(desk.office, "YK", "GMR", desk.day) == []
    assert offers(desk.office, "CN", "GMR", desk.day)
