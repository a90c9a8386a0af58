"""Opening schedules: from the service patterns to departures on sale, with a row for every seat.

What belongs here: the owner's job that rolls the window of schedules forward. How far it reaches is the caller's
decision (a policy); who may buy in it is the search's. Seats are kept in one partition per month of service date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from sqlalchemy import Connection, column, func, insert, select, table, text

from core.models import Schedule, Seat
from core.ops.migrate import hold_preparation_lock

#: Days opened between two reports: a fraction of a second's work.
_BATCH_DAYS: Final = 7

#: Room left on every page, so that taking a seat rewrites its row in place (HOT) and touches no index.
_FILLFACTOR: Final = 70

#: Where several patterns of a train ask for the same day, the one that came into force last is the timetable.
_INSERT_SCHEDULES: Final = text("""
    INSERT INTO schedules (operator_id, train_id, route_id, departure_date, departure_time, arrival_time, departs_at)
    SELECT DISTINCT ON (p.train_id, d.day)
           p.operator_id, p.train_id, p.route_id, d.day, p.departure_time,
           (o.departs_at + make_interval(mins => last.arrival_offset)) AT TIME ZONE terminus.time_zone,
           o.departs_at
      FROM service_patterns p
      JOIN trains t ON t.operator_id = p.operator_id AND t.id = p.train_id AND t.is_active
      JOIN routes r ON r.operator_id = p.operator_id AND r.id = p.route_id AND r.is_active
      JOIN stations origin ON origin.operator_id = r.operator_id AND origin.id = r.origin_station_id
      JOIN stations terminus ON terminus.operator_id = r.operator_id AND terminus.id = r.destination_station_id
      JOIN route_stations last ON last.operator_id = r.operator_id AND last.route_id = r.id
                              AND last.station_id = r.destination_station_id
     CROSS JOIN LATERAL (SELECT CAST(:first AS date) + n AS day FROM generate_series(0, CAST(:days AS int) - 1) n) d
     CROSS JOIN LATERAL (SELECT (d.day + p.departure_time) AT TIME ZONE origin.time_zone AS departs_at) o
     WHERE p.operator_id = :operator_id
       AND d.day BETWEEN p.valid_from AND coalesce(p.valid_to, 'infinity')
       AND p.weekdays & (1 << (extract(isodow FROM d.day)::int - 1)) <> 0
     ORDER BY p.train_id, d.day, p.valid_from DESC
    ON CONFLICT (operator_id, train_id, departure_date) DO NOTHING
    RETURNING id
""")


def open_days(
    connection: Connection,
    operator_id: int,
    *,
    first: date,
    days: int,
    report: Callable[[int, int], None] | None = None,
) -> int:
    """Put the departures of ``days`` service dates from ``first`` on sale; returns how many schedules are new.

    Runs in the owner's transaction and waits for other processes that prepare the same database. Schedules that are
    there already stay as they are. Sales on other days go on meanwhile. ``report`` is told the days done of all days.
    """
    hold_preparation_lock(connection)
    opened = done = 0
    any_fresh = False
    for month, batches in _by_month(first, days):
        partition = f"seat_inventory_{month:%Y%m}"
        fresh = _create_partition(connection, partition)
        for batch_first, batch_days in batches:
            opened += _open_batch(connection, operator_id, partition, batch_first, batch_days)
            done += batch_days
            if report is not None:
                report(done, days)
        if fresh:
            _attach_partition(connection, partition, month)
        any_fresh |= fresh
    if any_fresh:
        # Autovacuum analyses partitions in its own time, but never the whole they are part of.
        connection.execute(text("ANALYZE schedules, seat_inventory"))
    return opened


def window_end(connection: Connection, operator_id: int) -> date | None:
    """The last service date with an open schedule; None when there is none."""
    return connection.execute(
        select(func.max(Schedule.departure_date)).where(Schedule.operator_id == operator_id)
    ).scalar()


def _next_month(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=31)).replace(day=1)


def _by_month(first: date, days: int) -> Iterator[tuple[date, Sequence[tuple[date, int]]]]:
    """The days as batches of (first day, number of days), grouped by the first of their month."""
    end = first + timedelta(days=days)
    while first < end:
        stop = min(_next_month(first), end)
        lengths = [min(_BATCH_DAYS, (stop - first).days - at) for at in range(0, (stop - first).days, _BATCH_DAYS)]
        yield first.replace(day=1), [(first + timedelta(days=i * _BATCH_DAYS), n) for i, n in enumerate(lengths)]
        first = stop


def _create_partition(connection: Connection, partition: str) -> bool:
    """Make the month's table unless it exists, still apart from the whole; returns whether it is new.

    ``CREATE … PARTITION OF`` would lock every sale out until the transaction ends, ATTACH does not. And an index that
    is built once over the loaded month costs a fraction of one that grows row by row.
    """
    if connection.execute(select(func.to_regclass(f"public.{partition}"))).scalar() is not None:
        return False
    connection.execute(
        text(
            f"CREATE TABLE {partition} (LIKE seat_inventory INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
            f" WITH (fillfactor = {_FILLFACTOR})"
        )
    )
    # Seats are reached through the whole and its policies. Here are neither grants nor policies: a grant made by
    # mistake shows nothing.
    connection.execute(text(f"ALTER TABLE {partition} ENABLE ROW LEVEL SECURITY"))
    return True


def _attach_partition(connection: Connection, partition: str, month: date) -> None:
    connection.execute(
        text(
            f"ALTER TABLE seat_inventory ATTACH PARTITION {partition}"
            f" FOR VALUES FROM ('{month.isoformat()}') TO ('{_next_month(month).isoformat()}')"
        )
    )


def _open_batch(connection: Connection, operator_id: int, partition: str, first: date, days: int) -> int:
    """Insert the missing schedules of some days of one month, and their seats; returns how many schedules."""
    opened = (
        connection.execute(_INSERT_SCHEDULES, {"operator_id": operator_id, "first": first, "days": days})
        .scalars()
        .all()
    )
    seats = (
        select(Schedule.operator_id, Schedule.departure_date, Schedule.id, Seat.class_id, Seat.id)
        .join(Seat, (Seat.operator_id == Schedule.operator_id) & (Seat.train_id == Schedule.train_id))
        .where(Schedule.operator_id == operator_id, Schedule.id == func.any(opened))
        .order_by(Schedule.id, Seat.class_id, Seat.id)
    )
    names = ("operator_id", "service_date", "schedule_id", "class_id", "seat_id")
    connection.execute(insert(table(partition, *map(column, names))).from_select(names, seats))
    return len(opened)
