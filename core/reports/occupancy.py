"""How full trains are: a departure leg by leg, and all departures of a day.

A seat that is freed half-way is sold again, so a train can carry more passengers than it has seats: the day's list
tells both, how full the fullest leg is and how many tickets there are to a hundred seats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import func, select

from core.database import Actor, Transaction
from core.errors import NotFound
from core.models import Schedule, SeatInventory, Ticket
from core.network import ClassInfo, Network, RouteInfo, TrainInfo
from core.office import Office
from core.permissions import require
from core.reports.table import Cell, Column, Report
from core.seating import legs_mask

#: A ticket nobody used was sold all the same.
SOLD: Final = ("active", "used", "expired")
_ALL: Final = "all"
_LEG_COLUMNS: Final = (
    Column("from", "From"),
    Column("to", "To"),
    Column("class", "Class"),
    Column("seats", "Seats", "count", adds_up=False),
    Column("sold", "Sold", "count", adds_up=False),
    Column("held", "Held", "count", adds_up=False),
    Column("free", "Free", "count", adds_up=False),
    Column("percent", "Full", "percent"),
)
_DAY_COLUMNS: Final = (
    Column("train", "Train"),
    Column("departs", "Departs"),
    Column("seats", "Seats", "count"),
    Column("tickets", "Tickets", "count"),
    Column("fullest", "Fullest leg", "percent"),
    Column("average", "On average", "percent"),
    Column("tickets_percent", "Tickets to seats", "percent"),
)


@dataclass(frozen=True, slots=True)
class Taken:
    """So many seats of a class with these legs taken (bits), or so many tickets with these legs."""

    class_id: int
    legs: int
    number: int


@dataclass(frozen=True, slots=True)
class Leg:
    """Between two neighbouring stops, in one class (None: all): seats, those with a ticket, those taken at all."""

    origin: str
    destination: str
    travel_class: str | None
    seats: int
    sold: int
    taken: int
    km: int

    @property
    def percent(self) -> int:
        """Taken seats to a hundred, to the nearest whole."""
        return percent(self.taken, self.seats)


def percent(part: int, whole: int) -> int:
    """``part`` to a hundred of ``whole``, to the nearest whole number; nothing of nothing is 0."""
    return (200 * part + whole) // (2 * whole) if whole else 0


def legs(
    network: Network, route: RouteInfo, classes: Sequence[ClassInfo], seats: Iterable[Taken], tickets: Iterable[Taken]
) -> list[Leg]:
    """A departure leg by leg between the stops it serves: all classes together, then each.

    Where nothing is known of the seats any more (old departures), a class has its capacity and the tickets took it.
    """
    known, sold = list(seats), list(tickets)
    numbers = {one.id: sum(each.number for each in known if each.class_id == one.id) for one in classes}
    found = []
    halts = [stop for stop in route.stops if stop.is_served]
    for board, leave in pairwise(halts):
        mask = legs_mask(board.order, leave.order)
        names = network.stations[board.station_id].code, network.stations[leave.station_id].code
        each = []
        for one in classes:
            with_ticket = sum(few.number for few in sold if few.class_id == one.id and few.legs & mask)
            taken = sum(few.number for few in known if few.class_id == one.id and few.legs & mask)
            room, taken = (numbers[one.id], taken) if numbers[one.id] else (one.capacity, with_ticket)
            each.append(Leg(*names, one.code, room, with_ticket, taken, leave.km - board.km))
        seats_there, sold_there = sum(leg.seats for leg in each), sum(leg.sold for leg in each)
        taken_there = sum(leg.taken for leg in each)
        found += [Leg(*names, None, seats_there, sold_there, taken_there, leave.km - board.km), *each]
    return found


def departure(office: Office, actor: Actor, train: str, day: date) -> Report:
    """One departure leg by leg; ``day`` is the day the train leaves its origin.

    Raises:
        NotFound: no such train (``unknown_train``), or it does not run that day (``no_departure``).
    """
    require(actor, "look_into_reports")
    network = office.network()
    wanted = network.train(train)

    def read(tx: Transaction) -> Report:
        row = schedule_of(tx, wanted, day)
        found = _legs_of(tx, network, [row])[row.id]
        rows: list[tuple[Cell, ...]] = [
            (
                leg.origin, leg.destination, leg.travel_class or _ALL, leg.seats, leg.sold,
                max(0, leg.taken - leg.sold), max(0, leg.seats - leg.taken), leg.percent,
            )
            for leg in found
        ]  # fmt: skip
        facts = {"train": wanted.number, "train_name": wanted.name, "date": day.isoformat(), "status": row.status}
        return Report("occupancy", "Occupancy", _LEG_COLUMNS, tuple(rows), facts)

    return office.database.transaction(read, actor=actor, snapshot=True)


def day(office: Office, actor: Actor, service_day: date) -> Report:
    """Every departure of a service day, one to a row, in the order they leave."""
    require(actor, "look_into_reports")
    network = office.network()

    def read(tx: Transaction) -> Report:
        rows = tx.query(
            select(Schedule)
            .where(Schedule.operator_id == tx.operator_id, Schedule.departure_date == service_day)
            .order_by(Schedule.departs_at, Schedule.id)
        ).all()
        found = _legs_of(tx, network, rows)
        tickets = _tickets(tx, [row.id for row in rows])
        made = tuple(_day_row(network, row, found[row.id], tickets.get(row.id, ())) for row in rows)
        return Report("occupancy of a day", "Occupancy", _DAY_COLUMNS, made, {"date": service_day.isoformat()})

    return office.database.transaction(read, actor=actor, snapshot=True)


def _day_row(network: Network, row: Any, found: Sequence[Leg], tickets: Iterable[Taken]) -> tuple[Cell, ...]:
    train = network.trains[row.train_id]
    together = [leg for leg in found if leg.travel_class is None]
    seats = max((leg.seats for leg in together), default=0)
    sold = sum(one.number for one in tickets)
    average = percent(sum(leg.taken * leg.km for leg in together), sum(leg.seats * leg.km for leg in together))
    fullest = max((leg.percent for leg in together), default=0)
    departs = f"{row.departure_time:%H:%M}"
    return (f"{train.number} {train.name}", departs, seats, sold, fullest, average, percent(sold, seats))


def schedule_of(tx: Transaction, train: TrainInfo, day: date) -> Any:
    """The row of a departure.

    Raises:
        NotFound: the train does not run that day (code ``no_departure``).
    """
    row = tx.query(
        select(Schedule).where(
            Schedule.operator_id == tx.operator_id, Schedule.train_id == train.id, Schedule.departure_date == day
        )
    ).first()
    if row is None:
        raise NotFound(
            f"Train {train.number} does not leave on {day}.", code="no_departure", hint="Check number and date."
        )
    return row


def _legs_of(tx: Transaction, network: Network, schedules: Sequence[Any]) -> dict[int, list[Leg]]:
    seats: dict[int, list[Taken]] = {}
    ids, days = [row.id for row in schedules], {row.departure_date for row in schedules}
    rows = tx.query(
        select(SeatInventory.schedule_id, SeatInventory.class_id, SeatInventory.occupied, func.count().label("number"))
        .where(
            SeatInventory.operator_id == tx.operator_id,
            SeatInventory.service_date.in_(days),
            SeatInventory.schedule_id.in_(ids),
        )
        .group_by(SeatInventory.schedule_id, SeatInventory.class_id, SeatInventory.occupied)
    )
    for row in rows.all():
        seats.setdefault(row.schedule_id, []).append(Taken(row.class_id, row.occupied, row.number))
    tickets = _tickets(tx, ids)
    found = {}
    for row in schedules:
        here, sold = seats.get(row.id, []), tickets.get(row.id, [])
        used = {one.class_id for one in (*here, *sold)}
        classes = [one for one in network.classes.values() if one.train_id == row.train_id or one.id in used]
        classes = [one for one in classes if one.id in used] or classes
        found[row.id] = legs(network, network.routes[row.route_id], classes, here, sold)
    return found


def _tickets(tx: Transaction, schedules: Sequence[int]) -> Mapping[int, list[Taken]]:
    found: dict[int, list[Taken]] = {}
    rows = tx.query(
        select(Ticket.schedule_id, Ticket.class_id, Ticket.legs, func.count().label("number"))
        .where(
            Ticket.operator_id == tx.operator_id,
            Ticket.schedule_id.in_(schedules),
            Ticket.ticket_status.in_(SOLD),
            Ticket.seat_id.is_not(None),
        )
        .group_by(Ticket.schedule_id, Ticket.class_id, Ticket.legs)
    )
    for row in rows.all():
        found.setdefault(row.schedule_id, []).append(Taken(row.class_id, row.legs, row.number))
    return found
