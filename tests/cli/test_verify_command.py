"""What `counter admin verify` finds, and what it knows to be in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from core.ops import migrate
from core.ops.schedules import open_days

Run = Callable[..., Any]

SEATS = "seats_match_tickets_and_holds"


@pytest.fixture
def sold(run: Run, travel_day: date) -> Callable[..., Any]:
    """Sells a seat of 43 Taksaka; the sale as JSON."""

    def sell(seat: str) -> Any:
        words = ["yk", "gmr", travel_day.isoformat(), "--train", "43", "--class", "EKS", "--pay", "cash", "--json"]
        done = run("sell", *words, "--passenger", "Budi;3171010101900001", "--seat", seat)
        assert done.status == 0
        return done.json

    return sell


@contextmanager
def unguarded(database: Any, *tables: str) -> Iterator[psycopg.Connection[Any]]:
    """The owner's connection with the triggers off that keep these tables sound."""
    with psycopg.connect(database.owner_url) as owner:
        for table in tables:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield owner
        for table in tables:
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def wrong(run: Run) -> dict[str, list[str]]:
    """The problems of each check that found any."""
    found = run("admin", "verify", "--json")
    problems = {check["name"]: check["problems"] for check in found.json["checks"] if not check["ok"]}
    assert found.status == (4 if problems else 0)
    return problems


def partition(day: date) -> str:
    return f"seat_inventory_{day:%Y%m}"


def test_the_seats_of_long_ago_may_be_dropped(
    run: Run, database: Any, sold: Callable[..., Any], travel_day: date
) -> None:
    sold("EKS 1/1A")
    long_ago = travel_day - timedelta(days=200)
    engine = migrate.owner_engine(database.owner_url)
    with engine.begin() as connection:
        open_days(connection, 1, first=long_ago, days=1)
    engine.dispose()
    with unguarded(database, "tickets") as owner:  # the ticket grows old
        taken = owner.execute(
            "SELECT schedule_id, seat_id, occupied FROM seat_inventory WHERE occupied <> 0"
        ).fetchone()
        assert taken is not None
        schedule, seat, occupied = taken
        then = owner.execute(
            "SELECT t.id FROM schedules s JOIN schedules t USING (operator_id, train_id)"
            " WHERE s.id = %s AND t.departure_date = %s",
            (schedule, long_ago),
        ).fetchone()
        assert then is not None
        owner.execute("UPDATE tickets SET schedule_id = %s, service_date = %s", (then[0], long_ago))
        owner.execute("UPDATE seat_inventory SET occupied = 0 WHERE occupied <> 0")
        again = "UPDATE seat_inventory SET occupied = %s WHERE service_date = %s AND schedule_id = %s AND seat_id = %s"
        owner.execute(again, (occupied, long_ago, then[0], seat))
    assert SEATS not in wrong(run)
    with psycopg.connect(database.owner_url) as owner:
        owner.execute(f"DROP TABLE {partition(long_ago)}")
    assert SEATS not in wrong(run)


def test_the_seats_of_a_departure_to_come_may_not_be_gone(
    run: Run, database: Any, sold: Callable[..., Any], travel_day: date
) -> None:
    sold("EKS 1/1A")
    assert wrong(run) == {}
    with psycopg.connect(database.owner_url) as owner:
        owner.execute(f"DROP TABLE {partition(travel_day)}")
    assert "no inventory" in wrong(run)[SEATS][0]


def test_two_live_tickets_on_one_seat_are_found(run: Run, database: Any, sold: Callable[..., Any]) -> None:
    first, second = sold("EKS 1/1A"), sold("EKS 1/1B")
    numbers = sorted(sale["tickets"][0]["ticket_number"] for sale in (first, second))
    with unguarded(database, "tickets") as owner:
        owner.execute("UPDATE tickets SET seat_id = (SELECT min(seat_id) FROM tickets)")
    (found,) = wrong(run)["no_seat_sold_twice"]
    assert all(f"ticket {number}" in found for number in numbers)


def test_an_amount_that_is_not_what_was_charged_is_found(run: Run, database: Any, sold: Callable[..., Any]) -> None:
    number = sold("EKS 1/1A")["booking_number"]
    with unguarded(database, "bookings") as owner:
        owner.execute("UPDATE bookings SET total_amount = total_amount - 1, final_amount = final_amount - 1")
    found = wrong(run)
    assert list(found) == ["amounts_are_as_sold"]
    assert number in found["amounts_are_as_sold"][0]
