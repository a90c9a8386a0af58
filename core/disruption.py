"""Trains that are late, do not run or skip a stop: what a supervisor decides, and who is affected by it.

A decision holds from its commit on: sale, search, gate and refunds read the departure's row. Cancelling waits for the
sales under way on that departure (their tickets share its row) and lets no later one through, so whoever lists the
affected bookings afterwards sees all of them. Whom it is told to follows from its events (``core.notifications``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.types import BigInteger, Date, Integer

from core import timetable
from core.clock import local
from core.database import Actor, Statement, Transaction
from core.disruption_rules import Departure, delayed, require_running, skipping
from core.errors import NotFound, Refused
from core.models import Booking, Passenger, Schedule, Ticket
from core.network import Network, RouteInfo, StationInfo, TrainInfo
from core.office import Office
from core.permissions import require
from core.states import LIVE_TICKET
from core.timetable import Journey, journey
from core.wording import one_line

_ROW: Final = (
    select(*timetable.COLUMNS, Schedule.delay_reason)
    .where(
        Schedule.operator_id == bindparam("operator_id"),
        Schedule.train_id == bindparam("train_id", type_=Integer),
        Schedule.departure_date == bindparam("day", type_=Date),
    )
    .order_by(Schedule.id)
)
_LOOK: Final = Statement(_ROW)
_LOCK: Final = Statement(_ROW.with_for_update())
_CHANGE: Final = Statement(
    update(Schedule)
    .where(Schedule.operator_id == bindparam("operator_id"), Schedule.id == bindparam("schedule_id"))
    .values(
        status=bindparam("status"),
        delay_minutes=bindparam("minutes", type_=Integer),
        delay_reason=bindparam("reason"),
        skipped_stops=bindparam("skipped", type_=BigInteger),
        updated_at=func.now(),
    )
)
_ON_BOARD: Final = Statement(
    select(
        *(Ticket.id.label("serial"), Ticket.ticket_number, Ticket.ticket_status, Ticket.class_id, Ticket.seat_id),
        *(Ticket.from_stop, Ticket.to_stop, Ticket.booking_id, Booking.booking_number, Booking.user_id),
        *(Passenger.passenger_name, Passenger.passenger_type, Passenger.position),
        (Booking.contact_phone.is_not(None) | Booking.user_id.is_not(None)).label("contact_known"),
    )
    .join(Booking, (Booking.operator_id == Ticket.operator_id) & (Booking.id == Ticket.booking_id))
    .join(Passenger, (Passenger.operator_id == Ticket.operator_id) & (Passenger.id == Ticket.passenger_id))
    .where(
        Ticket.operator_id == bindparam("operator_id"),
        Ticket.schedule_id == bindparam("schedule_id", type_=Integer),
        Ticket.ticket_status.in_(LIVE_TICKET),
    )
    .order_by(Booking.booking_number, Passenger.position)
)


@dataclass(frozen=True)
class Run:
    """One departure of a train as it stands. ``departs_at`` is at its origin, by the timetable."""

    schedule_id: int
    train: TrainInfo
    route: RouteInfo
    service_date: date
    departs_at: datetime
    status: str
    delay_minutes: int
    reason: str | None
    skipped: int
    stations: tuple[StationInfo, ...]
    row: Any

    @property
    def rules(self) -> Departure:
        return Departure(self.status, self.delay_minutes, self.skipped, len(self.route.stops))

    @property
    def skipped_codes(self) -> list[str]:
        """The codes of the stations it does not call at."""
        pairs = zip(self.route.stops, self.stations, strict=True)
        return [station.code for stop, station in pairs if self.skipped >> stop.order & 1]

    def as_json(self) -> dict[str, Any]:
        return {
            "schedule_id": self.schedule_id,
            "train_number": self.train.number,
            "train_name": self.train.name,
            "service_date": self.service_date.isoformat(),
            "departs_at": (self.departs_at + timedelta(minutes=self.delay_minutes)).isoformat(),
            "status": self.status,
            "delay_minutes": self.delay_minutes,
            "reason": self.reason,
            "skipped_stops": self.skipped_codes,
        }


@dataclass(frozen=True, slots=True)
class Affected:
    """A booking somebody travels on with this departure."""

    booking_number: str
    contact_known: bool
    passengers: tuple[Mapping[str, Any], ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "booking_number": self.booking_number,
            "contact_known": self.contact_known,
            "passengers": [dict(one) for one in self.passengers],
        }


def run_of(network: Network, train: TrainInfo, row: Any | None, day: date) -> Run:
    """
    Raises:
        NotFound: the train does not run that day (code ``no_departure``).
    """
    if row is None:
        raise NotFound(
            f"Train {train.number} does not leave its origin on {day.isoformat()}.",
            code="no_departure",
            hint="Name the day it leaves its origin.",
        )
    route = network.routes[row.route_id]
    stations = tuple(network.stations[stop.station_id] for stop in route.stops)
    return Run(
        schedule_id=row.id,
        train=train,
        route=route,
        service_date=row.departure_date,
        departs_at=local(row.departs_at, stations[0].time_zone),
        status=row.status,
        delay_minutes=row.delay_minutes,
        reason=row.delay_reason,
        skipped=row.skipped_stops,
        stations=stations,
        row=row,
    )


def read(tx: Transaction, network: Network, train: TrainInfo, day: date, *, lock: bool = False) -> Run:
    """A departure by its train and the day it leaves its origin; locked, its sales wait. Raises as ``run_of``."""
    row = tx.send(_LOCK if lock else _LOOK, train_id=train.id, day=day).first()
    return run_of(network, train, row, day)


def find(office: Office, train_number: str, day: date) -> Run:
    """
    Raises:
        NotFound: codes ``unknown_train``, ``no_departure``.
    """
    network = office.network()
    train = network.train(train_number)
    return office.database.transaction(lambda tx: read(tx, network, train, day))


def delay(office: Office, actor: Actor, train_number: str, day: date, minutes: int, reason: str) -> Run:
    """A departure is ``minutes`` late from its origin on; 0: on time again.

    Raises:
        NotPermitted: a supervisor decides it.
        NotFound: as ``find``.
        StateConflict, Refused: see ``disruption_rules.delayed``; ``reason_missing``.
    """

    def change(one: Run) -> tuple[dict[str, Any], str]:
        return {"status": delayed(one.rules, minutes), "minutes": minutes}, "schedule.delayed"

    return _decide(office, actor, train_number, day, reason, change)


def cancel(office: Office, actor: Actor, train_number: str, day: date, reason: str) -> Run:
    """A departure does not run. Its sale ends at once, its tickets open no gate, its fares can be claimed whole.

    Raises:
        NotPermitted, NotFound, StateConflict, Refused: as ``delay``.
    """

    def change(one: Run) -> tuple[dict[str, Any], str]:
        require_running(one.rules)
        return {"status": "cancelled"}, "schedule.cancelled"

    return _decide(office, actor, train_number, day, reason, change)


def skip(office: Office, actor: Actor, train_number: str, day: date, station_code: str, reason: str) -> Run:
    """A departure does not call at a station. For whoever boards or leaves there it is cancelled.

    Raises:
        NotPermitted, NotFound, StateConflict, Refused: as ``delay`` and ``disruption_rules.skipping``; a station that
            is not on its route (``no_connection``).
    """
    station = office.network().station(station_code)

    def change(one: Run) -> tuple[dict[str, Any], str]:
        stop = one.route.stop_at(station.id)
        if stop is None:
            raise NotFound(
                f"Train {one.train.number} does not call at {station.code}.",
                code="no_connection",
                hint="Nothing was changed.",
            )
        return {"skipped": skipping(one.rules, stop.order)}, "schedule.stop_skipped"

    return _decide(office, actor, train_number, day, reason, change)


def _decide(
    office: Office,
    actor: Actor,
    train_number: str,
    day: date,
    reason: str,
    change: Callable[[Run], tuple[dict[str, Any], str]],
) -> Run:
    require(actor, "disrupt")
    why = one_line(reason)
    if not why:
        raise Refused("A disruption needs a reason.", code="reason_missing", hint="Say why; travellers are told.")
    network = office.network()
    train = network.train(train_number)

    def write(tx: Transaction) -> Run:
        before = read(tx, network, train, day, lock=True)
        changed, event = change(before)
        now = {"status": before.status, "minutes": before.delay_minutes, "skipped": before.skipped, **changed}
        tx.send(_CHANGE, schedule_id=before.schedule_id, reason=why, **now)
        after = read(tx, network, train, day)
        tx.audit("update", "schedules", before.schedule_id, old=before.as_json(), new=after.as_json())
        tx.event(event, "schedules", before.schedule_id, after.as_json())
        return after

    # Sales under way on this departure end first.
    return office.database.transaction(write, actor=actor, lock_timeout=30.0)


def affected(office: Office, actor: Actor, run: Run, *, only_cancelled: bool = False) -> list[Affected]:
    """The bookings with live tickets on a departure; the look goes on the audit trail.

    Args:
        only_cancelled: those for whom it does not run: all of a cancelled one, else those of skipped stops.
    """
    require(actor, "disrupt")
    network = office.network()

    def look(tx: Transaction) -> list[Affected]:
        rows = on_board(tx, run)
        seats = {key: seat for row in rows for key, seat in network.seats(tx, row.class_id).items()}
        tx.audit("view", "schedules", run.schedule_id, new={"affected": len(rows)})
        by_booking: dict[str, list[Any]] = {}
        for row in rows:
            if not only_cancelled or trip_of(network, run, row).status == "cancelled":
                by_booking.setdefault(row.booking_number, []).append(row)
        return [
            Affected(
                number,
                bool(own[0].contact_known),
                tuple(_passenger(network, run, row, seats.get(row.seat_id)) for row in own),
            )
            for number, own in by_booking.items()
        ]

    return office.database.transaction(look, actor=actor)


def on_board(tx: Transaction, run: Run) -> Sequence[Any]:
    """The live tickets of a departure, booking by booking."""
    return tx.send(_ON_BOARD, schedule_id=run.schedule_id).all()


def trip_of(network: Network, run: Run, row: Any) -> Journey:
    """The journey of a ticket on a departure; ``row`` has its stops."""
    stops = {stop.order: stop for stop in run.route.stops}
    return journey(network, run.row, stops[row.from_stop], stops[row.to_stop])


def _passenger(network: Network, run: Run, row: Any, seat: Any) -> dict[str, Any]:
    trip = trip_of(network, run, row)
    return {
        "name": row.passenger_name,
        "type": row.passenger_type,
        "ticket_number": row.ticket_number,
        "status": row.ticket_status,
        "seat": seat.label if seat is not None else None,
        "origin": trip.origin.code,
        "destination": trip.destination.code,
        "cancelled": trip.status == "cancelled",
    }
