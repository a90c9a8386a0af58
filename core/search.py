"""Searching: what runs from here to there on a day, what is free on that stretch, and what it costs.

``offers`` is the clerk's question. Whoever searches also gives back expired holds on the departures it looked at.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, column, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Date, Integer

from core import holds, policy
from core.clock import local
from core.database import Statement, Transaction
from core.errors import NotFound, Refused
from core.fares import Bucket, open_bucket, seat_fare
from core.models import Schedule, SeatInventory
from core.network import ClassInfo, Network, RouteInfo, StationInfo, Stop
from core.office import Office
from core.policy import FARE_ROUNDING, Policies
from core.timetable import COLUMNS, Journey, journey, require_on_sale, sale_window, service_dates

_DEPARTURES: Final = Statement(
    select(*COLUMNS).where(
        Schedule.operator_id == bindparam("operator_id"),
        Schedule.route_id == func.any(bindparam("route_ids", type_=ARRAY(Integer))),
        Schedule.departure_date == func.any(bindparam("dates", type_=ARRAY(Date))),
    )
)
_ASKED: Final = (
    func.unnest(
        bindparam("schedule_ids", type_=ARRAY(Integer)),
        bindparam("service_dates", type_=ARRAY(Date)),
        bindparam("legs", type_=ARRAY(BigInteger)),
    )
    .table_valued(column("schedule_id", Integer), column("service_date", Date), column("legs", BigInteger))
    .render_derived(name="asked")
)
_COUNTED: Final = (
    select(
        SeatInventory.class_id,
        func.count().filter(SeatInventory.occupied.bitwise_and(_ASKED.c.legs) == 0).label("free"),
        func.count().filter(SeatInventory.occupied != 0).label("touched"),
    )
    .where(
        SeatInventory.operator_id == bindparam("operator_id"),
        SeatInventory.service_date == _ASKED.c.service_date,
        SeatInventory.schedule_id == _ASKED.c.schedule_id,
    )
    .group_by(SeatInventory.class_id)
    .lateral("counted")
)
#: A departure at a time: in the order of the key its seats come class by class and need no sorting, and the months it
#: does not run in are not looked at.
_AVAILABILITY: Final = Statement(
    select(_ASKED.c.schedule_id, _COUNTED.c.class_id, _COUNTED.c.free, _COUNTED.c.touched).select_from(
        _ASKED.join(_COUNTED, true())
    )
)


@dataclass(frozen=True)
class Offer:
    """A class of a departure on the wanted stretch. ``fare`` is for one seat, minor units."""

    journey: Journey
    travel_class: ClassInfo
    subclass: str
    fare: int
    available: int

    def as_json(self) -> dict[str, Any]:
        """The offer as ``counter search`` prints it."""
        trip = self.journey
        return {
            "schedule_id": trip.schedule_id,
            "train_number": trip.train.number,
            "train_name": trip.train.name,
            "class": self.travel_class.code,
            "subclass": self.subclass,
            "origin": trip.origin.code,
            "destination": trip.destination.code,
            "departs_at": trip.departs_at.isoformat(),
            "arrives_at": trip.arrives_at.isoformat(),
            "status": trip.status,
            "delay_minutes": trip.delay_minutes,
            "available": self.available,
            "fare": self.fare,
        }


def price(trip: Journey, travel_class: ClassInfo, policies: Policies, touched: int, party: int) -> tuple[Bucket, int]:
    """The fare bucket now open for a party, and the fare of one seat on this stretch.

    ``touched`` seats of the class are taken on any leg of this departure: each uses up the quota of a bucket.
    """
    bucket = open_bucket(travel_class.buckets, touched, party)
    step = policies.get(FARE_ROUNDING, station_id=trip.origin.id, train_id=trip.train.id)
    return bucket, seat_fare(travel_class.base_price, bucket.price_permille, trip.km, trip.route.km, step)


def offers(
    office: Office,
    origin: str,
    destination: str,
    day: date,
    *,
    class_code: str | None = None,
    party: int = 1,
    train_number: str | None = None,
) -> list[Offer]:
    """What is on sale from ``origin`` to ``destination`` (codes) on ``day`` at the boarding station, in time order.

    Classes that are sold out on the stretch are listed with ``available`` 0; departed trains are not listed.

    Raises:
        NotFound: an unknown station or class.
        Refused: codes ``same_station``, ``past_date``, ``not_on_sale_yet``, ``party_too_large``.
    """
    network = office.network()

    def look(tx: Transaction) -> tuple[list[Offer], list[Any]]:
        return _look(tx, network, origin, destination, day, class_code, party, train_number)

    found, expired = office.database.transaction(look)
    if expired and holds.release(office.database, expired):
        found, _ = office.database.transaction(look)
    return found


def _look(
    tx: Transaction,
    network: Network,
    origin: str,
    destination: str,
    day: date,
    class_code: str | None,
    party: int,
    train_number: str | None,
) -> tuple[list[Offer], list[Any]]:
    start, end = network.station(origin), network.station(destination)
    _require_two_stations(start, end)
    _require_known_class(network, class_code)
    ways = network.routes_between(start.id, end.id)
    dates = {service_day for route, board, _ in ways for service_day in service_dates(network, day, route, board)}
    asked = policy.ask(tx)
    rows = tx.send(_DEPARTURES, route_ids=[route.id for route, _, _ in ways], dates=sorted(dates))
    policies = asked.read()
    trips = _trips(network, ways, rows.all(), day)
    _require_sensible(tx, policies, start, day, party, trips)
    if train_number is not None:
        trips = [trip for trip in trips if trip.train.number == train_number]
    trips = [trip for trip in trips if _on_sale(trip, policies, tx)]
    seats = tx.send(
        _AVAILABILITY,
        schedule_ids=[trip.schedule_id for trip in trips],
        service_dates=[trip.service_date for trip in trips],
        legs=[trip.legs for trip in trips],
    )
    late = holds.expired(tx, [trip.schedule_id for trip in trips])
    counted = {(row.schedule_id, row.class_id): (row.free, row.touched) for row in seats.all()}
    found = []
    for trip in sorted(trips, key=lambda trip: (trip.departs_at, trip.train.number)):
        for travel_class in network.classes_of(trip.train.id):
            if class_code is not None and travel_class.code != class_code.upper():
                continue
            if (trip.schedule_id, travel_class.id) not in counted:
                continue
            free, touched = counted[trip.schedule_id, travel_class.id]
            bucket, fare = price(trip, travel_class, policies, touched, party)
            found.append(Offer(trip, travel_class, bucket.subclass, fare, free))
    return found, late.scalars()


def _trips(network: Network, ways: list[tuple[RouteInfo, Stop, Stop]], rows: list[Any], day: date) -> list[Journey]:
    by_route: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        by_route[row.route_id].append(row)
    trips = [
        journey(network, row, board, leave)
        for route, board, leave in ways
        for row in by_route[route.id]
        if network.is_served(row.train_id, route.id)
    ]
    # A delay past midnight does not move a train to another day: the timetable's date counts.
    return [trip for trip in trips if (trip.departs_at - timedelta(minutes=trip.delay_minutes)).date() == day]


def _on_sale(trip: Journey, policies: Policies, tx: Transaction) -> bool:
    try:
        require_on_sale(trip, policies, tx.now)
    except Refused:
        return False
    return True


def _require_two_stations(start: StationInfo, end: StationInfo) -> None:
    if start.id == end.id:
        raise Refused("Origin and destination are the same station.", code="same_station", hint="Name two stations.")


def _require_known_class(network: Network, code: str | None) -> None:
    if code is not None and code.upper() not in network.class_codes():
        raise NotFound(
            f"There is no class {code[:20]!r}.",
            code="unknown_class",
            hint=f"There are {', '.join(network.class_codes())}.",
        )


def _require_sensible(
    tx: Transaction, policies: Policies, start: StationInfo, day: date, party: int, trips: list[Journey]
) -> None:
    """Refuse what none of the day's trains could be sold for, rather than answer with nothing."""
    today = local(tx.now, start.time_zone).date()
    if day < today:
        raise Refused(f"{day.isoformat()} is past.", code="past_date", hint="Name today or a later day.")
    trains: set[tuple[int | None, bool]] = {(trip.train.id, trip.train.is_subsidised) for trip in trips}
    trains = trains or {(None, False), (None, True)}
    longest = max(
        policies.get(sale_window(subsidised), station_id=start.id, train_id=train) for train, subsidised in trains
    )
    if day > today + timedelta(days=longest):
        raise Refused(
            f"Sale opens {longest} days before departure.", code="not_on_sale_yet", hint="Choose an earlier date."
        )
    most = max(policies.get(policy.MAX_SEATS, station_id=start.id, train_id=train) for train, _ in trains)
    if party > most:
        raise Refused(
            f"A booking has at most {most} seats.", code="party_too_large", hint="Make several bookings of the party."
        )


def departure(office: Office, origin: str, destination: str, day: date, train_number: str) -> Journey:
    """The journey on one train by its number, on sale or not: ``booking.hold`` says why it cannot be sold.

    Raises:
        NotFound: codes ``unknown_station``, ``unknown_train``, ``no_connection``, ``no_departure``.
        Refused: codes ``same_station``, ``past_date``, ``not_on_sale_yet``.
    """
    network = office.network()
    start, end = network.station(origin), network.station(destination)
    train = network.train(train_number)

    def look(tx: Transaction) -> Journey:
        _require_two_stations(start, end)
        ways = network.routes_between(start.id, end.id)
        dates = {service_day for route, board, _ in ways for service_day in service_dates(network, day, route, board)}
        rows = tx.send(_DEPARTURES, route_ids=[route.id for route, _, _ in ways], dates=sorted(dates)).all()
        trips = _trips(network, ways, rows, day)
        _require_sensible(tx, policy.ask(tx).read(), start, day, 1, trips)
        for trip in trips:
            if trip.train.id == train.id:
                return trip
        route = network.route_of(train.id)
        if route is None or all(way.id != route.id for way, _, _ in ways):
            raise NotFound(
                f"Train {train.number} does not run from {start.code} to {end.code}.",
                code="no_connection",
                hint="Search for that pair of stations.",
            )
        raise NotFound(
            f"Train {train.number} does not leave {start.code} on {day.isoformat()}.",
            code="no_departure",
            hint="Search that day to see what runs.",
        )

    return office.database.transaction(look)
