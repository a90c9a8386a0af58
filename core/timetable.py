"""Departures: one train on one service date, and the stretch of it that somebody travels.

The service date is the day a train leaves its origin. A traveller's date is the day at the boarding station, which is
a later one for trains that pass midnight.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, select

from core.clock import local, minutes_after
from core.database import Statement, on_violation
from core.errors import NotFound, Refused
from core.models import Schedule
from core.network import Network, RouteInfo, StationInfo, Stop, TrainInfo
from core.policy import (
    GO_SHOW_HOURS,
    SALE_CLOSES_MINUTES,
    SALE_WINDOW_DAYS,
    SUBSIDISED_SALE_WINDOW_DAYS,
    Policies,
    Policy,
)
from core.seating import legs_mask

COLUMNS: Final = (
    Schedule.id,
    Schedule.train_id,
    Schedule.route_id,
    Schedule.departure_date,
    Schedule.departs_at,
    Schedule.status,
    Schedule.delay_minutes,
    Schedule.skipped_stops,
)

BY_ID: Final = Statement(
    select(*COLUMNS).where(Schedule.operator_id == bindparam("operator_id"), Schedule.id == bindparam("schedule_id"))
)


@dataclass(frozen=True)
class Journey:
    """A stretch of one departure: what an offer offers, a hold holds and a ticket is.

    ``status`` is the departure's; for whoever boards or leaves at a stop that it skips it is cancelled.
    """

    schedule_id: int
    service_date: date
    status: str
    train: TrainInfo
    route: RouteInfo
    board: Stop
    leave: Stop
    origin: StationInfo
    destination: StationInfo
    departs_at: datetime
    arrives_at: datetime
    delay_minutes: int

    @property
    def legs(self) -> int:
        """The bits of ``seat_inventory.occupied`` this stretch takes."""
        return legs_mask(self.board.order, self.leave.order)

    @property
    def km(self) -> int:
        return self.leave.km - self.board.km

    @property
    def minutes(self) -> int:
        return self.leave.arrival_offset - self.board.departure_offset

    @property
    def day(self) -> date:
        """The traveller's date, on the clock of the boarding station."""
        return self.departs_at.date()


def journey(network: Network, row: Any, board: Stop, leave: Stop) -> Journey:
    """A journey from a row with ``COLUMNS``; times are local to the two stations, delays included."""
    origin, destination = network.stations[board.station_id], network.stations[leave.station_id]
    late = row.delay_minutes
    skips = row.skipped_stops >> board.order & 1 or row.skipped_stops >> leave.order & 1
    return Journey(
        schedule_id=row.id,
        service_date=row.departure_date,
        status="cancelled" if skips else row.status,
        train=network.trains[row.train_id],
        route=network.routes[row.route_id],
        board=board,
        leave=leave,
        origin=origin,
        destination=destination,
        departs_at=local(minutes_after(row.departs_at, board.departure_offset + late), origin.time_zone),
        arrives_at=local(minutes_after(row.departs_at, leave.arrival_offset + late), destination.time_zone),
        delay_minutes=late,
    )


def stretch(network: Network, row: Any | None, from_code: str, to_code: str) -> Journey:
    """The journey between two stations on the departure of ``row``.

    Raises:
        NotFound: no such departure, or the train does not run between the two (code ``no_connection``).
    """
    if row is None or not network.is_served(row.train_id, row.route_id):
        raise NotFound("There is no such departure.", code="unknown_schedule", hint="Search again.")
    origin, destination = network.station(from_code), network.station(to_code)
    route = network.routes[row.route_id]
    board, leave = route.stop_at(origin.id), route.stop_at(destination.id)
    if board is None or leave is None or board.order >= leave.order:
        raise NotFound(
            f"This train does not run from {origin.code} to {destination.code}.",
            code="no_connection",
            hint="Search for that pair of stations.",
        )
    return journey(network, row, board, leave)


def service_dates(network: Network, day: date, route: RouteInfo, board: Stop) -> list[date]:
    """The service dates a train boarded on ``day`` can have: that day, and earlier ones if it passed midnight.

    Also the next one where the clocks of the origin and the boarding station differ: west of its origin a train can
    call on the day before it left.
    """
    zones = (network.stations[stop.station_id].time_zone for stop in (route.stops[0], board))
    ahead = int(len(set(zones)) > 1)
    return [day - timedelta(days=back) for back in range(-ahead, board.departure_offset // 1440 + 2)]


def sale_window(subsidised: bool) -> Policy[int]:
    """The policy that says how many days before departure the sale opens."""
    return SUBSIDISED_SALE_WINDOW_DAYS if subsidised else SALE_WINDOW_DAYS


def train_cancelled() -> Refused:
    """The refusal of a departure that does not run, or not from here to there."""
    return Refused("This train is cancelled.", code="train_cancelled", hint="Offer another train.")


on_violation("ticket_departure_runs", train_cancelled)


def require_in_sale(trip: Journey, policies: Policies, now: datetime) -> None:
    """Refuse a train nobody can be given a seat on now: departed, not yet on sale, cancelled.

    Raises:
        Refused: codes ``departed``, ``sale_closed``, ``not_on_sale_yet``, ``train_cancelled``.
    """
    place = {"station_id": trip.origin.id, "train_id": trip.train.id}
    if trip.status == "cancelled":
        raise train_cancelled()
    if trip.departs_at <= now:
        raise Refused("This train has departed.", code="departed", hint="Offer a later train.")
    closes = policies.get(SALE_CLOSES_MINUTES, **place)
    if trip.departs_at <= now + timedelta(minutes=closes):
        raise Refused(
            f"The sale of this train closed {closes} minutes before departure.",
            code="sale_closed",
            hint="Offer a later train.",
        )
    window = policies.get(sale_window(trip.train.is_subsidised), **place)
    today = local(now, trip.origin.time_zone).date()
    if trip.day > today + timedelta(days=window):
        raise Refused(
            f"Sale opens {window} days before departure.", code="not_on_sale_yet", hint="Choose an earlier date."
        )


def require_on_sale(trip: Journey, policies: Policies, now: datetime) -> None:
    """Refuse what this counter does not sell now: as ``require_in_sale``, and by policy trains that leave much later.

    Raises:
        Refused: codes ``departed``, ``sale_closed``, ``not_on_sale_yet``, ``train_cancelled``.
    """
    require_in_sale(trip, policies, now)
    hours = policies.get(GO_SHOW_HOURS, station_id=trip.origin.id, train_id=trip.train.id)
    if hours and trip.departs_at > now + timedelta(hours=hours):
        raise Refused(
            f"This counter sells only from {hours} hours before departure.",
            code="not_on_sale_yet",
            hint="Choose a train that leaves sooner.",
        )
