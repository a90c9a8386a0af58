"""Boarding: what leaves a station on a day, and how many of those expected on a train have passed the gate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, func, select

from core import timetable
from core.clock import local
from core.database import Statement, Transaction
from core.models import Schedule, Ticket
from core.network import Network, StationInfo, TrainInfo
from core.office import Office
from core.timetable import journey

_DEPARTURES: Final = Statement(
    select(*timetable.COLUMNS).where(
        Schedule.operator_id == bindparam("operator_id"),
        Schedule.departure_date.between(bindparam("first"), bindparam("last")),
        Schedule.status != "cancelled",
    )
)
_USED: Final = Ticket.ticket_status == "used"
_TALLY: Final = Statement(
    select(
        func.count().filter((Ticket.ticket_status == "active") | _USED).label("expected"),
        func.count().filter(_USED).label("boarded"),
    ).where(
        Ticket.operator_id == bindparam("operator_id"),
        Ticket.schedule_id == bindparam("schedule_id"),
        Ticket.from_stop == bindparam("stop"),
    )
)


@dataclass(frozen=True, slots=True)
class Departure:
    """A train that can be boarded at a station; ``departs_at`` is local there, its delay included."""

    schedule_id: int
    stop_order: int
    train: TrainInfo
    terminus: StationInfo
    departs_at: datetime

    @property
    def day(self) -> date:
        """The date on the platform, which is a later one than the service date where a train has passed midnight."""
        return self.departs_at.date()


@dataclass(frozen=True, slots=True)
class Tally:
    """Travellers who board a departure at one station: with a live ticket, and through the gate already."""

    expected: int
    boarded: int


def departures(office: Office, station: str, day: date | None = None) -> list[Departure]:
    """The trains that leave a station on a day there, in the order in which they leave; today if none is given.

    Raises:
        NotFound: an unknown station.
    """
    network = office.network()
    here = network.station(station)

    def look(tx: Transaction) -> list[Departure]:
        wanted = day or local(tx.now, here.time_zone).date()
        return _departures(tx, network, here, wanted)

    return office.database.transaction(look)


def _departures(tx: Transaction, network: Network, here: StationInfo, day: date) -> list[Departure]:
    stops = {route.id: stop for route in network.routes.values() if (stop := route.stop_at(here.id)) is not None}
    nights = max((stop.departure_offset // 1440 for stop in stops.values()), default=0)
    # A day more at both ends: a train may be late past midnight, and clocks differ along a route.
    asked = tx.send(_DEPARTURES, first=day - timedelta(days=nights + 2), last=day + timedelta(days=1))
    found = []
    for row in asked.all():
        stop, route = stops.get(row.route_id), network.routes.get(row.route_id)
        if stop is None or route is None or stop is route.stops[-1]:
            continue
        if not network.is_served(row.train_id, row.route_id):
            continue
        trip = journey(network, row, stop, route.stops[-1])
        if trip.day == day:
            found.append(Departure(trip.schedule_id, stop.order, trip.train, trip.destination, trip.departs_at))
    return sorted(found, key=lambda departure: (departure.departs_at, departure.train.number))


def tally(office: Office, departure: Departure) -> Tally:
    """How many are expected to board a departure where it was looked up, and how many have."""

    def count(tx: Transaction) -> Tally:
        row = tx.send(_TALLY, schedule_id=departure.schedule_id, stop=departure.stop_order).first()
        return Tally(0, 0) if row is None else Tally(row.expected, row.boarded)

    return office.database.transaction(count)
