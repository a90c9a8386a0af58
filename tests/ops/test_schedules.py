"""Loading the reference railway and opening its schedules, on a real database."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, insert, text, update

from core import pins
from core.errors import Refused
from core.models import Operator, Route, RouteStation, Schedule, SeatInventory, ServicePattern, Station, Train
from core.ops import demo, schedules

#: A Wednesday; the week after it crosses into the next month.
FIRST = date(2026, 11, 25)
WIB = ZoneInfo("Asia/Jakarta")


@pytest.fixture
def railway(empty_owner_connection: Connection) -> Connection:
    """The owner's connection to a database with the reference railway and no schedules."""
    demo.load(empty_owner_connection)
    return empty_owner_connection


def ask(connection: Connection, sql: str, **values: Any) -> Any:
    return connection.execute(text(sql), values).scalar()


def schedule_of(connection: Connection, train_number: str, day: date) -> Any:
    return connection.execute(
        text(
            "SELECT s.*, t.total_capacity FROM schedules s JOIN trains t ON t.id = s.train_id"
            " WHERE t.train_number = :number AND s.departure_date = :day"
        ),
        {"number": train_number, "day": day},
    ).one_or_none()


def train_id(connection: Connection, number: str) -> int:
    return int(ask(connection, "SELECT id FROM trains WHERE train_number = :number", number=number))


def change_pattern(connection: Connection, number: str, **values: Any) -> None:
    connection.execute(
        update(ServicePattern).where(ServicePattern.train_id == train_id(connection, number)).values(**values)
    )


# The reference railway


def test_load_writes_the_whole_railway(empty_owner_connection: Connection) -> None:
    connection = empty_owner_connection
    told: list[tuple[int, int]] = []
    assert demo.load(connection, report=lambda done, total: told.append((done, total))) == demo.OPERATOR_ID
    assert told == [(done, 36) for done in range(1, 37)]
    assert ask(connection, "SELECT count(*) FROM stations WHERE time_zone = 'Asia/Jakarta'") == 31
    assert ask(connection, "SELECT count(*) FROM routes") == 16
    assert ask(connection, "SELECT is_demonstration FROM operators WHERE issuer_code = 'KAI'") is True
    assert ask(connection, "SELECT operator_id FROM database_logins WHERE login_name = 'counter'") == demo.OPERATOR_ID


def test_capacities_are_the_seats_that_exist(railway: Connection) -> None:
    assert (
        ask(
            railway,
            "SELECT count(*) FROM train_classes c WHERE capacity <> (SELECT count(*) FROM seats WHERE class_id = c.id)",
        )
        == 0
    )
    assert (
        ask(
            railway,
            "SELECT count(*) FROM trains t WHERE total_capacity <> (SELECT count(*) FROM seats WHERE train_id = t.id)",
        )
        == 0
    )


def test_accessible_seats_are_in_the_first_coach_of_a_class(railway: Connection) -> None:
    labels = railway.execute(
        text(
            "SELECT DISTINCT coach_label FROM seats s JOIN coaches c ON c.id = s.coach_id"
            " WHERE is_accessible AND c.train_id = :train"
        ),
        {"train": train_id(railway, "83")},
    ).scalars()
    assert set(labels) == {"EKS 1", "EKO PRE-1"}


def test_staff_can_sign_in_with_the_demonstration_pin(railway: Connection) -> None:
    staff = railway.execute(text("SELECT staff_number, role, password_hash FROM users ORDER BY 1")).all()
    assert [(row.staff_number, row.role) for row in staff] == [
        ("1001", "clerk"),
        ("2001", "gate"),
        ("3001", "supervisor"),
        ("9001", "admin"),
    ]
    assert len({row.password_hash for row in staff}) == 4
    for row in staff:
        parameters, _, kept = row.password_hash.rpartition("$")
        assert base64.b64decode(kept + "=") == hashlib.sha256(pins.proof(parameters, "123456")).digest()


def test_load_twice_is_once(railway: Connection) -> None:
    told: list[int] = []
    assert demo.load(railway, report=lambda done, total: told.append(done)) == demo.OPERATOR_ID
    assert told == []
    assert ask(railway, "SELECT count(*) FROM trains") == 36


@pytest.mark.parametrize("operator_id", [demo.OPERATOR_ID, 7])
def test_load_stays_out_of_an_operators_database(empty_owner_connection: Connection, operator_id: int) -> None:
    empty_owner_connection.execute(
        insert(Operator).values(id=operator_id, operator_code="REAL", operator_name="A railway", issuer_code="REA")
    )
    with pytest.raises(Refused) as caught:
        demo.load(empty_owner_connection)
    assert caught.value.reason == "demo_on_real_data"
    assert ask(empty_owner_connection, "SELECT count(*) FROM stations") == 0


# Opening


def test_every_train_and_every_seat_of_every_day(railway: Connection) -> None:
    told: list[tuple[int, int]] = []
    opened = schedules.open_days(
        railway, demo.OPERATOR_ID, first=FIRST, days=10, report=lambda done, days: told.append((done, days))
    )
    assert opened == 360
    assert told == [(6, 10), (10, 10)]
    assert schedules.window_end(railway, demo.OPERATOR_ID) == FIRST + timedelta(days=9)
    assert (
        ask(
            railway,
            "SELECT count(*) FROM schedules s JOIN trains t ON t.id = s.train_id"
            " WHERE t.total_capacity <> (SELECT count(*) FROM seat_inventory i JOIN seats e ON e.id = i.seat_id"
            "   WHERE i.schedule_id = s.id AND i.service_date = s.departure_date AND e.class_id = i.class_id"
            "   AND e.train_id = s.train_id AND i.occupied = 0)",
        )
        == 0
    )
    assert ask(railway, "SELECT count(*) FROM seat_inventory_202611") == ask(
        railway, "SELECT sum(total_capacity) * 6 FROM trains"
    )


def test_nothing_to_open(railway: Connection) -> None:
    assert schedules.window_end(railway, demo.OPERATOR_ID) is None
    assert schedules.open_days(railway, demo.OPERATOR_ID, first=FIRST, days=0) == 0
    assert schedules.open_days(railway, 2, first=FIRST, days=1) == 0


def test_opening_again_adds_what_is_missing_and_touches_nothing(railway: Connection) -> None:
    schedules.open_days(railway, demo.OPERATOR_ID, first=FIRST, days=2)
    taken = schedule_of(railway, "43", FIRST)
    railway.execute(update(SeatInventory).where(SeatInventory.schedule_id == taken.id).values(occupied=5))
    railway.execute(update(Schedule).where(Schedule.id == taken.id).values(status="delayed", delay_minutes=20))
    assert schedules.open_days(railway, demo.OPERATOR_ID, first=FIRST, days=3) == 36
    assert schedules.open_days(railway, demo.OPERATOR_ID, first=FIRST, days=3) == 0
    assert schedule_of(railway, "43", FIRST).delay_minutes == 20
    assert (
        ask(railway, "SELECT sum(occupied) FROM seat_inventory WHERE schedule_id = :id", id=taken.id)
        == 5 * taken.total_capacity
    )


@pytest.mark.parametrize(
    ("number", "arrival", "departs_at"),
    [
        ("43", time(13, 45), datetime(2026, 11, 25, 7, 30, tzinfo=WIB)),
        ("60", time(3, 30), datetime(2026, 11, 25, 17, 0, tzinfo=WIB)),
        ("281", time(0, 19), datetime(2026, 11, 25, 8, 50, tzinfo=WIB)),
    ],
)
def test_departure_is_an_instant_and_arrival_a_local_time(
    railway: Connection, number: str, arrival: time, departs_at: datetime
) -> None:
    schedules.open_days(railway, demo.OPERATOR_ID, first=FIRST, days=1)
    schedule = schedule_of(railway, number, FIRST)
    assert (schedule.arrival_time, schedule.departs_at) == (arrival, departs_at)


def test_each_end_keeps_its_own_clock(railway: Connection) -> None:
    railway.execute(update(Station).where(Station.station_code == "KTG").values(time_zone="Asia/Makassar"))
    schedules.open_days(railway, demo.OPERATOR_ID, first=FIRST, days=1)
    eastward, westward = schedule_of(railway, "286", FIRST), schedule_of(railway, "285", FIRST)
    assert (eastward.departs_at, eastward.arrival_time) == (datetime(2026, 11, 25, 7, 0, tzinfo=WIB), time(21, 40))
    assert (westward.departs_at, westward.arrival_time) == (datetime(2026, 11, 25, 5, 30, tzinfo=WIB), time(19, 10))


def test_weekdays_and_validity(railway: Connection) -> None:
    change_pattern(railway, "43", weekdays=0b0000001)
    change_pattern(railway, "44", valid_to=FIRST + timedelta(days=1))
    change_pattern(railway, "45", valid_from=FIRST + timedelta(days=5))
    railway.execute(update(Train).where(Train.train_number == "46").values(is_active=False))
    schedules.open_days(railway, demo.OPERATOR_ID, first=FIRST, days=7)
    days = {
        number: [at for at in range(7) if schedule_of(railway, number, FIRST + timedelta(days=at))]
        for number in ("43", "44", "45", "46")
    }
    assert days == {"43": [5], "44": [0, 1], "45": [5, 6], "46": []}


def test_the_newer_of_two_timetables_holds_on_its_days(railway: Connection) -> None:
    old = railway.execute(
        text("SELECT * FROM service_patterns WHERE train_id = :train"), {"train": train_id(railway, "43")}
    ).one()
    railway.execute(
        insert(ServicePattern).values(
            operator_id=demo.OPERATOR_ID,
            train_id=old.train_id,
            route_id=old.route_id,
            departure_time=time(8, 0),
            weekdays=0b1100000,
            valid_from=date(2026, 6, 1),
        )
    )
    schedules.open_days(railway, demo.OPERATOR_ID, first=FIRST, days=7)
    times = [schedule_of(railway, "43", FIRST + timedelta(days=at)).departure_time for at in range(7)]
    assert times == [time(8, 0) if at in (3, 4) else time(7, 30) for at in range(7)]


def test_another_operators_trains_stay_closed(railway: Connection) -> None:
    railway.execute(insert(Operator).values(id=2, operator_code="X", operator_name="Another", issuer_code="XXX"))
    ids = {}
    for code in ("AAA", "BBB"):
        ids[code] = railway.execute(
            insert(Station)
            .values(
                operator_id=2, station_code=code, station_name=code, city="", province="", time_zone="Asia/Jayapura"
            )
            .returning(Station.id)
        ).scalar_one()
    route = railway.execute(
        insert(Route)
        .values(
            operator_id=2,
            route_name="short",
            origin_station_id=ids["AAA"],
            destination_station_id=ids["BBB"],
            distance=50,
            estimated_duration=60,
        )
        .returning(Route.id)
    ).scalar_one()
    stops = [(ids["AAA"], 0, 0), (ids["BBB"], 1, 60)]
    railway.execute(
        insert(RouteStation),
        [
            {"operator_id": 2, "route_id": route, "station_id": station, "station_order": order}
            | {"arrival_offset": offset, "departure_offset": offset, "distance": order * 50}
            for station, order, offset in stops
        ],
    )
    train = railway.execute(
        insert(Train)
        .values(operator_id=2, train_number="43", train_name="Other", train_type="local", total_capacity=0)
        .returning(Train.id)
    ).scalar_one()
    railway.execute(
        insert(ServicePattern).values(
            operator_id=2, train_id=train, route_id=route, departure_time=time(6, 0), valid_from=date(2026, 1, 1)
        )
    )
    assert schedules.open_days(railway, demo.OPERATOR_ID, first=FIRST, days=1) == 36
    assert schedules.window_end(railway, 2) is None
    assert schedules.open_days(railway, 2, first=FIRST, days=3) == 3
    assert schedules.window_end(railway, demo.OPERATOR_ID) == FIRST


def test_partitions_are_monthly_and_out_of_reach(railway: Connection) -> None:
    schedules.open_days(railway, demo.OPERATOR_ID, first=date(2026, 12, 30), days=4)
    partitions = railway.execute(
        text(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bounds, c.relrowsecurity, c.reloptions,"
            " has_table_privilege('counter', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') AS granted,"
            " (SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid) AS keys"
            " FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid"
            " WHERE h.inhparent = 'seat_inventory'::regclass ORDER BY 1"
        )
    ).all()
    assert [(row.relname, row.bounds) for row in partitions] == [
        ("seat_inventory_202612", "FOR VALUES FROM ('2026-12-01') TO ('2027-01-01')"),
        ("seat_inventory_202701", "FOR VALUES FROM ('2027-01-01') TO ('2027-02-01')"),
    ]
    assert all(row.relrowsecurity and not row.granted and row.keys == 1 for row in partitions)
    assert all(row.reloptions == ["fillfactor=70"] for row in partitions)


@pytest.mark.parametrize("name", ["seats", "schedules", "seat_inventory"])
def test_planner_knows_how_much_there_is(railway: Connection, name: str) -> None:
    schedules.open_days(railway, demo.OPERATOR_ID, first=FIRST, days=1)
    rows = ask(railway, f"SELECT count(*) FROM {name}")
    assert ask(railway, "SELECT reltuples FROM pg_class WHERE oid = to_regclass(:name)", name=name) == rows > 0


# Two processes at once


@pytest.fixture
def two_owners(empty_owner_connection: Connection) -> Iterator[tuple[Connection, Connection, Connection]]:
    """Two owners of a loaded database, and somebody who watches them."""
    engine = empty_owner_connection.engine
    with engine.connect() as one, engine.connect() as other, engine.connect() as watcher:
        demo.load(one)
        one.commit()
        yield one, other, watcher.execution_options(isolation_level="AUTOCOMMIT")


def test_two_openers_at_once_open_once(two_owners: tuple[Connection, Connection, Connection]) -> None:
    one, other, watcher = two_owners
    results: list[int] = []

    def open_too() -> None:
        results.append(schedules.open_days(other, demo.OPERATOR_ID, first=FIRST, days=3))
        other.commit()

    assert schedules.open_days(one, demo.OPERATOR_ID, first=FIRST, days=2) == 72
    second = Thread(target=open_too)
    second.start()
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while second.is_alive() and not ask(watcher, waiting):
        pass
    assert results == []
    one.commit()
    second.join(timeout=60)
    assert results == [36]
    assert ask(watcher, "SELECT count(*) FROM schedules") == 108


def test_sales_go_on_while_a_month_is_opened(two_owners: tuple[Connection, Connection, Connection]) -> None:
    one, other, _ = two_owners
    schedules.open_days(one, demo.OPERATOR_ID, first=FIRST, days=1)
    one.commit()
    schedules.open_days(one, demo.OPERATOR_ID, first=FIRST + timedelta(days=1), days=7)
    other.execute(text("SET LOCAL lock_timeout = '5s'"))
    schedule = schedule_of(other, "43", FIRST)
    sold = other.execute(
        update(SeatInventory)
        .where(SeatInventory.service_date == FIRST, SeatInventory.schedule_id == schedule.id)
        .values(occupied=1)
    )
    assert sold.rowcount == schedule.total_capacity
