"""What the clients of the benchmark are asked for: the same endless sequence for the library and for the floor."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import select

from core import policy
from core.clock import local
from core.database import Transaction
from core.models import Schedule, Train, TrainClass
from core.network import Network, Stop
from core.office import Office
from core.passengers import PassengerInput
from core.seating import legs_mask
from core.timetable import sale_window

#: The kind of printer tickets are queued for, so that print jobs are written; nothing is printed.
PRINTER: Final = "file"
#: A train may call at a stop that many days after it left.
_NIGHTS: Final = 2
_NAMES: Final = ("Satu", "Dua", "Tiga", "Empat")


@dataclass(frozen=True, slots=True)
class Departure:
    """One class of one departure."""

    schedule_id: int
    service_date: date
    route_id: int
    class_id: int
    class_code: str
    exclusive: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Seats for a party on a stretch of a departure."""

    schedule_id: int
    service_date: date
    class_id: int
    class_code: str
    exclusive: bool
    board: Stop
    leave: Stop
    origin: str
    destination: str
    passengers: tuple[PassengerInput, ...]
    printer: str = PRINTER

    @property
    def party(self) -> int:
        return len(self.passengers)

    @property
    def legs(self) -> int:
        """The bits of ``seat_inventory.occupied`` this stretch takes."""
        return legs_mask(self.board.order, self.leave.order)


@dataclass(frozen=True, slots=True)
class Question:
    """What runs between two stations on a day?"""

    origin: str
    destination: str
    day: date
    party: int


def departures(office: Office, first: date, last: date, *, class_id: int | None = None) -> list[Departure]:
    """Every class of every departure on these service dates, in the order of dates."""
    asked = (
        select(
            Schedule.id, Schedule.departure_date, Schedule.route_id, TrainClass.id.label("class_id"),
            TrainClass.class_code, Train.is_subsidised,
        )
        .join(Train, (Train.operator_id == Schedule.operator_id) & (Train.id == Schedule.train_id))
        .join(TrainClass, (TrainClass.operator_id == Train.operator_id) & (TrainClass.train_id == Train.id))
        .where(Schedule.operator_id == office.operator.id, Schedule.departure_date.between(first, last))
        .order_by(Schedule.departure_date, Schedule.id, TrainClass.id)
    )  # fmt: skip
    if class_id is not None:
        asked = asked.where(TrainClass.id == class_id)
    rows = office.database.transaction(lambda tx: tx.query(asked).all())
    return [
        Departure(row.id, row.departure_date, row.route_id, row.class_id, row.class_code, row.is_subsidised)
        for row in rows
    ]


def sellable(office: Office, first: date, last: date) -> list[Departure]:
    """Those of the departures that may be sold today from any of their stops; subsidised trains open later."""

    def windows(tx: Transaction) -> tuple[date, dict[bool, int]]:
        asked = policy.ask(tx)
        today = local(tx.now, office.operator.time_zone).date()
        policies = asked.read()
        return today, {subsidised: policies.get(sale_window(subsidised)) for subsidised in (False, True)}

    today, days = office.database.transaction(windows)
    return [
        one
        for one in departures(office, first, last)
        if one.service_date <= today + timedelta(days=days[one.exclusive] - _NIGHTS)
    ]


def largest_class(office: Office) -> int:
    """The class with the most seats of all trains."""
    return max(office.network().classes.values(), key=lambda one: (one.capacity, -one.id)).id


def parties(network: Network, among: Sequence[Departure], seed: int) -> Iterator[Wanted]:
    """Parties of one to four on random stretches of random departures, without end."""
    rng = random.Random(seed)
    while True:
        chosen = rng.choice(among)
        board, leave = _stretch(network, chosen.route_id, rng)
        yield Wanted(
            chosen.schedule_id,
            chosen.service_date,
            chosen.class_id,
            chosen.class_code,
            chosen.exclusive,
            board,
            leave,
            network.stations[board.station_id].code,
            network.stations[leave.station_id].code,
            tuple(_passenger(rng, place) for place in range(rng.randint(1, len(_NAMES)))),
        )


def questions(network: Network, first: date, days: int, seed: int) -> Iterator[Question]:
    """Searches between random stops of random routes on random days, without end.

    On routes that ordinary trains run: where only subsidised ones do, most days are not on sale yet.
    """
    rng = random.Random(seed)
    ways = (network.route_of(train.id) for train in network.trains.values() if not train.is_subsidised)
    routes = sorted({route.id for route in ways if route is not None})
    while True:
        board, leave = _stretch(network, rng.choice(routes), rng)
        day = date.fromordinal(first.toordinal() + rng.randrange(days))
        origin, destination = network.stations[board.station_id].code, network.stations[leave.station_id].code
        yield Question(origin, destination, day, rng.randint(1, len(_NAMES)))


def _stretch(network: Network, route_id: int, rng: random.Random) -> tuple[Stop, Stop]:
    stops = network.routes[route_id].stops
    board, leave = sorted(rng.sample(range(len(stops)), 2))
    return stops[board], stops[leave]


def _passenger(rng: random.Random, place: int) -> PassengerInput:
    """An adult with a well-formed NIK: region, birth date, serial (see ``core.identity``)."""
    born = f"{rng.randint(1, 28):02d}{rng.randint(1, 12):02d}{rng.randint(60, 99):02d}"
    number = f"317{rng.randint(101, 999)}{born}{rng.randint(1, 9999):04d}"
    return PassengerInput(f"Penumpang {_NAMES[place]}", number)
