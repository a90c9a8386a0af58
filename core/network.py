"""The railway's reference data in memory: stations, routes, trains, classes, coaches, seats, fare buckets.

It changes a few times a year, is read by every search and sale, and holds nothing that is sold; so each process keeps
one frozen copy and reads it anew after ``FRESH_SECONDS``. Seats load with the first look at their class.
"""

from __future__ import annotations

import time as _time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, select

from core.database import Database, Statement, Transaction
from core.errors import NotFound, Unreachable
from core.fares import Bucket
from core.models import Coach, FareBucket, Route, RouteStation, Seat, ServicePattern, Station, Train, TrainClass

FRESH_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class StationInfo:
    id: int
    code: str
    name: str
    city: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A halt of a route; offsets are minutes after leaving the origin, ``km`` counts from there."""

    order: int
    station_id: int
    arrival_offset: int
    departure_offset: int
    km: int
    is_served: bool = True


@dataclass(frozen=True)
class RouteInfo:
    id: int
    name: str
    stops: tuple[Stop, ...]

    def stop_at(self, station_id: int) -> Stop | None:
        """The halt at that station, if the route has one; a stop that is skipped is none."""
        return next((stop for stop in self.stops if stop.station_id == station_id and stop.is_served), None)

    @property
    def km(self) -> int:
        return self.stops[-1].km


@dataclass(frozen=True, slots=True)
class TrainInfo:
    id: int
    number: str
    name: str
    is_subsidised: bool


@dataclass(frozen=True, slots=True)
class ClassInfo:
    id: int
    train_id: int
    type: str
    code: str
    name: str
    capacity: int
    base_price: int
    buckets: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class CoachInfo:
    id: int
    class_id: int
    number: int
    label: str


@dataclass(frozen=True, slots=True)
class SeatInfo:
    id: int
    class_id: int
    coach: CoachInfo
    number: str
    index: int
    row: int
    column: str
    place: int
    kind: str
    accessible: bool

    @property
    def label(self) -> str:
        """As printed: ``EKS 1/10C``."""
        return f"{self.coach.label}/{self.number}"


def _mine(table: Any) -> Any:
    return table.operator_id == bindparam("operator_id")


_STATIONS: Final = Statement(select(Station).where(_mine(Station)))
_ROUTES: Final = Statement(select(Route.id, Route.route_name, Route.is_active).where(_mine(Route)))
_STOPS: Final = Statement(select(RouteStation).where(_mine(RouteStation)).order_by(RouteStation.station_order))
_TRAINS: Final = Statement(select(Train).where(_mine(Train)))
_CLASSES: Final = Statement(select(TrainClass).where(_mine(TrainClass)))
_COACHES: Final = Statement(select(Coach).where(_mine(Coach)).order_by(Coach.car_number))
_BUCKETS: Final = Statement(select(FareBucket).where(_mine(FareBucket)).order_by(FareBucket.price_permille))
_PATTERNS: Final = Statement(
    select(ServicePattern.train_id, ServicePattern.route_id)
    .where(_mine(ServicePattern))
    .order_by(ServicePattern.valid_from)
)
_SEATS: Final = Statement(
    select(Seat).where(_mine(Seat), Seat.class_id == bindparam("class_id")).order_by(Seat.car_number, Seat.seat_index)
)


class Network:
    """One operator's railway; see the module's docstring for how long it is kept.

    What was taken out of service is still known by its id, since tickets were sold for it; but no code, number or
    pair of stations leads to it.
    """

    def __init__(self, tx: Transaction) -> None:
        stations, routes, stops = tx.send(_STATIONS), tx.send(_ROUTES), tx.send(_STOPS)
        trains, classes, coaches, buckets = tx.send(_TRAINS), tx.send(_CLASSES), tx.send(_COACHES), tx.send(_BUCKETS)
        patterns = tx.send(_PATTERNS)
        station_rows, route_rows, train_rows = stations.all(), routes.all(), trains.all()
        self.stations = {
            row.id: StationInfo(row.id, row.station_code, row.station_name, row.city, row.time_zone)
            for row in station_rows
        }
        self._by_code = {row.station_code: self.stations[row.id] for row in station_rows if row.is_active}
        halts: defaultdict[int, list[Stop]] = defaultdict(list)
        names = {row.id: row.route_name for row in route_rows}
        for row in stops.all():
            halts[row.route_id].append(
                Stop(
                    row.station_order,
                    row.station_id,
                    row.arrival_offset,
                    row.departure_offset,
                    row.distance,
                    row.is_stop,
                )
            )
        self.routes = {key: RouteInfo(key, name, tuple(halts[key])) for key, name in names.items() if halts[key]}
        self.trains = {
            row.id: TrainInfo(row.id, row.train_number, row.train_name, row.is_subsidised) for row in train_rows
        }
        self._served_routes = {row.id for row in route_rows if row.is_active}
        self._served_trains = {row.id for row in train_rows if row.is_active}
        prices: defaultdict[int, list[Bucket]] = defaultdict(list)
        class_rows, coach_rows = classes.all(), coaches.all()
        for row in buckets.all():
            prices[row.class_id].append(Bucket(row.subclass, row.price_permille, row.quota))
        self.classes = {
            row.id: ClassInfo(
                row.id, row.train_id, row.class_type, row.class_code, row.class_name, row.capacity, row.base_price,
                tuple(prices[row.id]),
            )
            for row in class_rows
        }  # fmt: skip
        self._classes_of: defaultdict[int, list[ClassInfo]] = defaultdict(list)
        for row in class_rows:
            if row.is_available:
                self._classes_of[row.train_id].append(self.classes[row.id])
        self.coaches = {row.id: CoachInfo(row.id, row.class_id, row.car_number, row.coach_label) for row in coach_rows}
        self._patterns = {row.train_id: row.route_id for row in patterns.all()}
        self._seats: dict[int, Mapping[int, SeatInfo]] = {}

    def station(self, code: str) -> StationInfo:
        """
        Raises:
            NotFound: no station has that code (code ``unknown_station``).
        """
        found = self._by_code.get(code.strip().upper())
        if found is None:
            raise NotFound(
                f"There is no station {code.strip()[:20]!r}.", code="unknown_station", hint="Use a code such as GMR."
            )
        return found

    def routes_between(self, origin_id: int, destination_id: int) -> list[tuple[RouteInfo, Stop, Stop]]:
        """The routes that halt at both, in that order."""
        found = []
        for route in self.routes.values():
            board, leave = route.stop_at(origin_id), route.stop_at(destination_id)
            served = route.id in self._served_routes
            if served and board is not None and leave is not None and board.order < leave.order:
                found.append((route, board, leave))
        return found

    def train(self, number: str) -> TrainInfo:
        """
        Raises:
            NotFound: no train has that number (code ``unknown_train``).
        """
        wanted = number.strip().upper().removeprefix("KA").strip()
        for train in self.trains.values():
            if train.number == wanted and train.id in self._served_trains:
                return train
        raise NotFound(
            f"There is no train {number.strip()[:20]!r}.", code="unknown_train", hint="Use its number, such as 43."
        )

    def route_of(self, train_id: int) -> RouteInfo | None:
        """The route the train runs by its newest pattern."""
        return self.routes.get(self._patterns.get(train_id, 0))

    def is_served(self, train_id: int, route_id: int) -> bool:
        """Whether the train and the route are both in service."""
        return train_id in self._served_trains and route_id in self._served_routes

    def classes_of(self, train_id: int) -> Sequence[ClassInfo]:
        """The classes of a train that are on sale."""
        return self._classes_of.get(train_id, ())

    def class_codes(self) -> list[str]:
        """The codes of all classes that are on sale on any train."""
        return sorted({entry.code for classes in self._classes_of.values() for entry in classes})

    def class_of(self, train_id: int, code: str) -> ClassInfo:
        """
        Raises:
            NotFound: the train has no such class (code ``unknown_class``).
        """
        for entry in self.classes_of(train_id):
            if entry.code == code.strip().upper():
                return entry
        had = ", ".join(entry.code for entry in self.classes_of(train_id))
        raise NotFound(f"This train has no class {code.strip()[:20]!r}.", code="unknown_class", hint=f"It has {had}.")

    def seats(self, tx: Transaction, class_id: int) -> Mapping[int, SeatInfo]:
        """The seats of a class by id, in the order of coaches and places; fetched once."""
        known = self._seats.get(class_id)
        if known is None:
            known = self._seats[class_id] = {
                row.id: SeatInfo(
                    row.id, class_id, self.coaches[row.coach_id], row.seat_number, row.seat_index, row.row_number,
                    row.column_letter, row.place_across, row.seat_type, row.is_accessible,
                )
                for row in tx.send(_SEATS, class_id=class_id).all()
            }  # fmt: skip
        return known

    def find_seat(self, tx: Transaction, class_id: int, label: str) -> SeatInfo:
        """The seat a label names: ``EKS 1/10C``, or ``10C`` where only one coach of the class has it.

        Raises:
            NotFound: no such seat in this class, or in several coaches (code ``unknown_seat``).
        """
        coach, _, number = label.strip().upper().rpartition("/")
        number = number.strip().lstrip("0")
        matches: Sequence[SeatInfo] = [
            seat
            for seat in self.seats(tx, class_id).values()
            if seat.number == number and (not coach or _plain(seat.coach.label) == _plain(coach))
        ]
        if len(matches) != 1:
            raise NotFound(
                f"There is no seat {label.strip()[:20]!r} in this class."
                if not matches
                else f"Several coaches have a seat {number}.",
                code="unknown_seat",
                hint="Name coach and seat, such as EKS 1/10C.",
            )
        return matches[0]


def _plain(label: str) -> str:
    return "".join(letter for letter in label.upper() if letter.isalnum())


class NetworkCache:
    """The current ``Network`` of a process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._network: Network | None = None
        self._read_at = 0.0

    def get(self) -> Network:
        """The network, read anew when the copy is older than ``FRESH_SECONDS``."""
        if self._network is None:
            self._network = self._database.transaction(Network)
            self._read_at = _time.monotonic()
        elif _time.monotonic() - self._read_at > FRESH_SECONDS:
            self._read_at = _time.monotonic()
            with suppress(Unreachable):  # what is known goes on being true while the database is away
                self._network = self._database.transaction(Network)
        return self._network
