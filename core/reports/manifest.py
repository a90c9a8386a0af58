"""The conductor's manifest: who sits where between which stops, with names and masked identities.

It is what a train is boarded by when nothing else works. A look at it is a look at personal data and on the audit
trail; a print job keeps no names, only which manifest it is, and reads it when it is printed.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from core import print_journal
from core.clock import local, minutes_after
from core.database import Actor, Transaction
from core.errors import NotFound
from core.identity import mask
from core.models import Booking, Passenger, Ticket
from core.network import Network, RouteInfo, Stop
from core.office import Office
from core.permissions import require
from core.reports.occupancy import schedule_of
from core.reports.riders import Manifest, Rider, halts
from core.states import LIVE_TICKET

#: Infants come after everybody who has a seat.
_LAP: Final = (1_000, 0)


def of_departure(
    office: Office,
    actor: Actor,
    train: str,
    day: date,
    *,
    origin: str | None = None,
    destination: str | None = None,
    purpose: str = "shown",
) -> Manifest:
    """Everybody with a live ticket, or those who travel on some part of the stretch between two stops.

    Args:
        day: the day the train leaves its origin.
        purpose: goes on the audit trail with who asked: shown, exported, printed.

    Raises:
        NotFound: ``unknown_train``, ``unknown_station``, ``no_departure``, or ``no_connection``: the train does not run
            between the two, in that order.
    """
    require(actor, "look_into_reports")
    network = office.network()
    wanted = network.train(train)

    def read(tx: Transaction) -> Manifest:
        schedule = schedule_of(tx, wanted, day)
        route = network.routes[schedule.route_id]
        board, leave = _stretch(network, route, origin, destination)
        everybody = _riders(tx, network, schedule)
        aboard = tuple(one for one in everybody if one.board < leave.order and one.leave > board.order)
        codes = {stop.order: network.stations[stop.station_id].code for stop in route.stops}
        told = {"train": wanted.number, "date": day.isoformat(), "from": codes[board.order], "to": codes[leave.order]}
        tx.audit("view", "schedules", schedule.id, new={"manifest": purpose, **told, "people": len(aboard)})
        stops = [stop for stop in route.stops if board.order <= stop.order <= leave.order]
        timed = [(stop.order, codes[stop.order], _departs(network, stop, schedule)) for stop in stops]
        return Manifest(
            wanted.number, wanted.name, day, schedule.status, codes[board.order], codes[leave.order], aboard,
            tuple(halts(aboard, timed)), codes,
        )  # fmt: skip

    return office.database.transaction(read, actor=actor)


def queue(office: Office, actor: Actor, made: Manifest, printer: str) -> UUID:
    """Queue a manifest for the printer; returns the job's id. The job keeps which one it is, and no names."""
    require(actor, "look_into_reports")
    which = {"train": made.train, "date": made.day.isoformat(), "from": made.origin, "to": made.destination}
    document = {"report": "manifest", **which}
    return office.database.transaction(
        lambda tx: print_journal.queue_document(tx, "report", document, printer), actor=actor
    )


def _departs(network: Network, stop: Stop, schedule: Any) -> str:
    at = minutes_after(schedule.departs_at, stop.departure_offset + schedule.delay_minutes)
    return f"{local(at, network.stations[stop.station_id].time_zone):%H:%M}"


def _stretch(network: Network, route: RouteInfo, origin: str | None, destination: str | None) -> tuple[Stop, Stop]:
    board = route.stop_at(network.station(origin).id) if origin else route.stops[0]
    leave = route.stop_at(network.station(destination).id) if destination else route.stops[-1]
    if board is None or leave is None or board.order >= leave.order:
        raise NotFound(
            "This train does not run between these stations, in that order.",
            code="no_connection",
            hint="Name two of its stops.",
        )
    return board, leave


def _riders(tx: Transaction, network: Network, schedule: Any) -> list[Rider]:
    rows = tx.query(
        select(
            *(Ticket.ticket_number, Ticket.ticket_status, Ticket.class_id, Ticket.seat_id, Ticket.from_stop),
            *(Ticket.to_stop, Booking.booking_number, Passenger.passenger_name, Passenger.passenger_type),
            *(Passenger.identity_last_four, Passenger.position),
        )
        .join(Booking, (Booking.operator_id == Ticket.operator_id) & (Booking.id == Ticket.booking_id))
        .join(Passenger, (Passenger.operator_id == Ticket.operator_id) & (Passenger.id == Ticket.passenger_id))
        .where(
            Ticket.operator_id == tx.operator_id,
            Ticket.schedule_id == schedule.id,
            Ticket.service_date == schedule.departure_date,
            Ticket.ticket_status.in_(LIVE_TICKET),
        )
    ).all()
    found = []
    for row in rows:
        seat = network.seats(tx, row.class_id)[row.seat_id] if row.seat_id is not None else None
        found.append(
            Rider(
                (seat.coach.number, seat.index) if seat else _LAP,
                seat.coach.label if seat else "",
                seat.number if seat else "",
                row.passenger_name,
                mask(row.identity_last_four) if row.identity_last_four else "",
                row.passenger_type,
                row.from_stop,
                row.to_stop,
                row.ticket_status == "used",
                row.ticket_number,
                row.booking_number,
            )
        )
    return sorted(found, key=lambda one: (one.order, one.board, one.booking, one.name))
