"""What leaves a station on a day, and who has boarded it there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core import boarding
from core.boarding import Departure, Tally
from core.checkin import Gate, check_in
from core.errors import NotFound
from core.policy import BOARDING_OPENS_MINUTES
from core.search import departure


def leaving(desk, station: str, train: str, days: int = 0) -> Departure:
    found = boarding.departures(desk.office, station, desk.day + timedelta(days=days))
    return next(one for one in found if one.train.number == train)


def test_departures_are_in_order_and_of_that_day(desk) -> None:
    found = boarding.departures(desk.office, "YK", desk.day)
    assert found == sorted(found, key=lambda one: one.departs_at)
    assert {one.day for one in found} == {desk.day}
    trip = departure(desk.office, "YK", "GMR", desk.day, "43")
    taksaka = leaving(desk, "YK", "43")
    assert (taksaka.schedule_id, taksaka.departs_at) == (trip.schedule_id, trip.departs_at)
    assert taksaka.terminus.code == "GMR"


@pytest.mark.parametrize("station", ["YK", "CN", "PWT", "SMT"])
def test_every_departure_is_on_one_day_only_also_after_midnight(desk, station: str) -> None:
    days = [boarding.departures(desk.office, station, desk.day + timedelta(days=n)) for n in (-1, 0, 1)]
    seen = [one.schedule_id for found in days for one in found]
    assert len(seen) == len(set(seen))


def test_a_train_that_has_passed_midnight_leaves_on_the_day_of_the_platform(desk) -> None:
    """59 Bima leaves Yogyakarta at 23:15 and Purwokerto after midnight."""
    evening, night = leaving(desk, "YK", "59"), leaving(desk, "PWT", "59", days=1)
    assert evening.schedule_id == night.schedule_id
    assert (evening.day, night.day) == (desk.day, desk.day + timedelta(days=1))


def test_nothing_leaves_from_where_it_ends(desk) -> None:
    assert all(one.terminus.code != "GMR" for one in boarding.departures(desk.office, "GMR", desk.day))
    assert all(one.train.number != "43" for one in boarding.departures(desk.office, "GMR", desk.day))


def test_a_late_train_leaves_late_and_a_cancelled_one_not_at_all(desk) -> None:
    before = leaving(desk, "YK", "43")
    desk.owner("UPDATE schedules SET delay_minutes = 25 WHERE id = :id", id=before.schedule_id)
    assert leaving(desk, "YK", "43").departs_at == before.departs_at + timedelta(minutes=25)
    desk.owner("UPDATE schedules SET status = 'cancelled' WHERE id = :id", id=before.schedule_id)
    assert "43" not in {one.train.number for one in boarding.departures(desk.office, "YK", desk.day)}


def test_today_is_the_databases(desk) -> None:
    assert boarding.departures(desk.office, "YK") == boarding.departures(
        desk.office, "YK", desk.day - timedelta(days=2)
    )


def test_an_unknown_station(desk) -> None:
    with pytest.raises(NotFound):
        boarding.departures(desk.office, "XXX")


def test_the_tally_counts_who_boards_here(desk, gate_agent) -> None:
    desk.decide(BOARDING_OPENS_MINUTES, 7 * 24 * 60)
    here = leaving(desk, "YK", "43")
    assert boarding.tally(desk.office, here) == Tally(0, 0)
    sold = desk.sell(3)
    desk.sell(1, first=4, origin="CN")
    assert boarding.tally(desk.office, here) == Tally(3, 0)
    answer = check_in(desk.office, gate_agent, sold.tickets[0].code, Gate("YK"))
    assert answer.outcome.value == "ok"
    assert boarding.tally(desk.office, here) == Tally(3, 1)
    assert boarding.tally(desk.office, leaving(desk, "CN", "43")) == Tally(1, 0)
