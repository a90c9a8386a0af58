"""The reference railway: demonstration data to try and to test the counter with, and how it gets into a database.

``stations``, ``lines``, ``coaches`` and ``trains`` hold the data; ``load`` here writes it, as the owner. Schedules are
opened afterwards, by ``core.ops.schedules``, like those of any other railway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, time
from decimal import Decimal
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, insert, select, text
from uuid_utils.compat import uuid7

from core import pins
from core.errors import Refused
from core.models import (
    Base,
    Coach,
    DatabaseLogin,
    FareBucket,
    Operator,
    Promotion,
    Route,
    RouteStation,
    Seat,
    ServicePattern,
    Station,
    Train,
    TrainClass,
    User,
)
from core.models.roles import ROLE_OF_LOGIN
from core.ops.demo.lines import Line, minutes
from core.ops.demo.promotions import PROMOTIONS
from core.ops.demo.stations import STATIONS, TIME_ZONE
from core.ops.demo.trains import SERVICES, CarData, ClassData, Service, make_up
from core.ops.migrate import hold_preparation_lock

OPERATOR_ID: Final = 1

#: Staff number -> name and role. The login screen of the demonstration railway shows them.
STAFF: Final[Mapping[str, tuple[str, str]]] = {
    "1001": ("Sari", "clerk"),
    "2001": ("Joko", "gate"),
    "3001": ("Wulan", "supervisor"),
    "9001": ("Bayu", "admin"),
}
PIN: Final = "123456"

_VALID_FROM: Final = date(2020, 1, 1)
_EVERY_DAY: Final = 0b1111111
_FILLED: Final = (Station, Route, RouteStation, Train, TrainClass, Coach, Seat, FareBucket, ServicePattern)

Row: TypeAlias = dict[str, Any]


def load(connection: Connection, *, report: Callable[[int, int], None] | None = None) -> int:
    """Write the reference railway as operator 1, once; returns the operator's id.

    Runs in the owner's transaction. Does nothing where it is already there. ``report`` is told how many trains of how
    many are written.

    Raises:
        Refused: the database belongs to another operator (code ``demo_on_real_data``).
    """
    hold_preparation_lock(connection)
    if _is_loaded(connection):
        return OPERATOR_ID
    _insert_operator(connection)
    connection.execute(insert(Promotion), _owned(PROMOTIONS))
    stations = _insert_keyed(connection, Station, "station_code", _station_rows())
    total = sum(len(runs) for service in SERVICES for _, runs in service.directions())
    done = 0
    for service in SERVICES:
        for line, runs in service.directions():
            route_id = _insert_route(connection, service, line, stations)
            for number, departure in runs.items():
                _insert_train(connection, service, number, departure, route_id)
                done += 1
                if report is not None:
                    report(done, total)
    connection.execute(text("ANALYZE " + ", ".join(model.__tablename__ for model in _FILLED)))
    return OPERATOR_ID


def _is_loaded(connection: Connection) -> bool:
    present = connection.execute(select(Operator.id, Operator.is_demonstration)).all()
    if any(row.id == OPERATOR_ID and row.is_demonstration for row in present):
        return True
    if present:
        raise Refused(
            "The demonstration railway is not loaded into a database that belongs to an operator.",
            code="demo_on_real_data",
            hint="Name an empty database, or leave out --demo.",
        )
    return False


def _insert_operator(connection: Connection) -> None:
    connection.execute(
        insert(Operator).values(
            id=OPERATOR_ID,
            operator_code="KAI",
            operator_name="Kereta Api Indonesia (demonstration)",
            issuer_code="KAI",
            time_zone=TIME_ZONE,
            is_demonstration=True,
        )
    )
    connection.execute(
        insert(DatabaseLogin),
        [{"login_name": role, "operator_id": OPERATOR_ID, "login_role": kind} for kind, role in ROLE_OF_LOGIN.items()],
    )
    staff = [
        {"id": uuid7(), "staff_number": number, "full_name": name, "role": role, "password_hash": pins.keep(PIN)}
        for number, (name, role) in STAFF.items()
    ]
    connection.execute(insert(User), _owned({**row, "is_verified": True} for row in staff))


def _station_rows() -> list[Row]:
    return [
        {
            "station_code": station.code,
            "station_name": station.name,
            "city": station.city,
            "province": station.province,
            "latitude": Decimal(station.latitude),
            "longitude": Decimal(station.longitude),
            "time_zone": TIME_ZONE,
        }
        for station in STATIONS
    ]


def _insert_route(connection: Connection, service: Service, line: Line, stations: Mapping[Any, int]) -> int:
    origin, terminus = line.stops[0].station, line.stops[-1].station
    route: Row = {
        "route_name": f"{origin}–{terminus} {service.name}",
        "origin_station_id": stations[origin],
        "destination_station_id": stations[terminus],
        "distance": line.km,
        "estimated_duration": line.minutes,
    }
    (route_id,) = _insert_keyed(connection, Route, "route_name", [route]).values()
    stops = [
        {
            "route_id": route_id,
            "station_id": stations[stop.station],
            "station_order": order,
            "arrival_offset": stop.arrival,
            "departure_offset": stop.departure,
            "distance": stop.km,
        }
        for order, stop in enumerate(line.stops)
    ]
    connection.execute(insert(RouteStation), _owned(stops))
    return route_id


def _insert_train(connection: Connection, service: Service, number: str, departure: str, route_id: int) -> None:
    train: Row = {
        "train_number": number,
        "train_name": service.name,
        "train_type": "express",
        "is_subsidised": service.is_subsidised,
        "total_capacity": sum(train_class.capacity for train_class in service.classes),
    }
    train_id = _insert_keyed(connection, Train, "train_number", [train])[number]
    class_ids = _insert_keyed(
        connection, TrainClass, "class_code", [_class_row(train_id, train_class) for train_class in service.classes]
    )
    buckets = [
        {"class_id": class_ids[train_class.code], **asdict(bucket)}
        for train_class in service.classes
        for bucket in train_class.buckets
    ]
    connection.execute(insert(FareBucket), _owned(buckets))
    _insert_coaches(connection, train_id, class_ids, make_up(service.classes))
    hour, minute = divmod(minutes(departure), 60)
    pattern: Row = {
        "train_id": train_id,
        "route_id": route_id,
        "departure_time": time(hour, minute),
        "weekdays": _EVERY_DAY,
        "valid_from": _VALID_FROM,
    }
    connection.execute(insert(ServicePattern), _owned([pattern]))


def _class_row(train_id: int, train_class: ClassData) -> Row:
    return {
        "train_id": train_id,
        "class_type": train_class.class_type,
        "class_code": train_class.code,
        "class_name": train_class.name,
        "capacity": train_class.capacity,
        "base_price": train_class.base_price,
    }


def _insert_coaches(
    connection: Connection, train_id: int, class_ids: Mapping[Any, int], cars: Sequence[CarData]
) -> None:
    coaches = [
        {
            "train_id": train_id,
            "class_id": class_ids[car.train_class.code],
            "car_number": car.car_number,
            "coach_label": car.label,
            "layout": car.train_class.coach.layout,
        }
        for car in cars
    ]
    coach_ids = _insert_keyed(connection, Coach, "car_number", coaches)
    seats = [
        {
            "train_id": train_id,
            "class_id": class_ids[car.train_class.code],
            "coach_id": coach_ids[car.car_number],
            "seat_number": seat.number,
            "seat_type": seat.seat_type,
            "car_number": car.car_number,
            "seat_index": index,
            "row_number": seat.row,
            "column_letter": seat.letter,
            "place_across": seat.place,
            "is_accessible": seat.is_accessible and car.is_first_of_class,
        }
        for car in cars
        for index, seat in enumerate(car.train_class.coach.seats(), start=1)
    ]
    connection.execute(insert(Seat), _owned(seats))


def _insert_keyed(connection: Connection, model: type[Base], natural_key: str, rows: Iterable[Row]) -> dict[Any, int]:
    """Insert rows whose ids the database counts; returns natural key -> id."""
    columns = model.__table__.c
    inserted = connection.execute(insert(model).returning(columns[natural_key], columns.id), _owned(rows))
    return {row[0]: row[1] for row in inserted}


def _owned(rows: Iterable[Row]) -> list[Row]:
    return [{"operator_id": OPERATOR_ID, **row} for row in rows]
