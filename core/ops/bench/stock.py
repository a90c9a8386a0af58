"""Tickets from before the benchmark: sold set-wise, a departure at a time, and whole enough for every check.

What stands here is scenery, not a way to sell: it serves the gates with tickets to admit, fills a train up to its last
seats for the rush, and signs afterwards what the floor issued with a placeholder for a code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, select, text
from uuid_utils.compat import uuid7

from core import shifts, tickets, timetable
from core.database import Actor, Statement, Transaction
from core.models import Schedule, Ticket
from core.network import Network
from core.office import Office
from core.ops.bench.demand import Departure
from core.ops.bench.floor import PLACEHOLDER
from core.timetable import Journey

_BEFORE_DEPARTURE: Final = timedelta(minutes=30)
_SOLD: Final = (
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:serials AS bigint[]), CAST(:codes AS text[]), CAST(:seats AS integer[]))"
    " AS sold (id, serial, code, seat_id)"
)
_FREE: Final = Statement(
    text(
        "SELECT seat_id, nextval('ticket_serial') AS serial FROM (SELECT seat_id FROM seat_inventory"
        " WHERE operator_id = :operator_id AND service_date = :service_date AND schedule_id = :schedule_id"
        " AND class_id = :class_id AND occupied = 0 ORDER BY seat_id LIMIT :wanted FOR UPDATE) AS free"
    )
)
#: One ticket to a booking; booking, passenger, charge and payment share its key.
_SELL: Final = tuple(
    Statement(text(part))
    for part in (
        "UPDATE seat_inventory SET occupied = :legs WHERE operator_id = :operator_id AND service_date = :service_date"
        " AND schedule_id = :schedule_id AND class_id = :class_id AND seat_id = ANY(CAST(:seats AS integer[]))",
        "INSERT INTO bookings (operator_id, id, booking_number, schedule_id, status, total_amount, final_amount,"
        " passenger_count, sold_by, terminal_id, expires_at) SELECT :operator_id, id, 'AHEAD-' || serial, :schedule_id,"
        " 'pending', :fare, :fare, 1, :user_id, :terminal_id, now()" + _SOLD,
        "INSERT INTO passengers (operator_id, id, booking_id, position, passenger_name, passenger_type, identity_kind,"
        " identity_number, identity_digest, identity_last_four, seat_id, ticket_price) SELECT :operator_id, id, id, 1,"
        " 'Penumpang', 'adult', 'nik', sha256(code::bytea), sha256(code::bytea), '0001', seat_id, :fare" + _SOLD,
        "INSERT INTO tickets (operator_id, id, booking_id, passenger_id, qr_code, schedule_id, service_date, class_id,"
        " seat_id, from_stop, to_stop, legs, subclass, fare) SELECT :operator_id, serial, id, id, code, :schedule_id,"
        " :service_date, :class_id, seat_id, :from_stop, :to_stop, :legs, 'A', :fare" + _SOLD,
        "INSERT INTO booking_charges (operator_id, id, booking_id, passenger_id, charge_kind, amount, cause)"
        " SELECT :operator_id, id, id, id, 'fare', :fare, 'sale'" + _SOLD,
        "INSERT INTO payments (operator_id, id, booking_id, payment_reference, payment_method, payment_status, amount,"
        " tendered, change_given, taken_by, terminal_id, payment_date, shift_id) SELECT :operator_id, id, id,"
        " 'AHEAD-' || serial, 'cash', 'completed', :fare, :fare, 0, :user_id, :terminal_id, now(), :shift_id" + _SOLD,
        "UPDATE bookings SET status = 'confirmed', expires_at = NULL WHERE operator_id = :operator_id"
        " AND id = ANY(CAST(:ids AS uuid[]))",
        "INSERT INTO domain_events (operator_id, id, event_type, entity_type, entity_id, payload, correlation_id)"
        " SELECT :operator_id, id, 'booking.confirmed', 'bookings', id::text, '{}', id" + _SOLD,
        "INSERT INTO audit_logs (operator_id, id, correlation_id, entity_type, entity_id, action, new_values)"
        " SELECT :operator_id, id, id, 'bookings', id::text, 'update', '{\"status\": \"confirmed\"}'" + _SOLD,
    )
)
_UNSIGNED: Final = Statement(
    select(Ticket.id.label("serial"), Ticket.class_id, Ticket.seat_id, Ticket.from_stop, Ticket.to_stop)
    .add_columns(*timetable.COLUMNS)
    .join(Schedule, (Schedule.operator_id == Ticket.operator_id) & (Schedule.id == Ticket.schedule_id))
    .where(Ticket.operator_id == bindparam("operator_id"), Ticket.qr_code == bindparam("placeholder"))
)
_SIGN: Final = Statement(
    text(
        "UPDATE tickets SET qr_code = signed.code"
        " FROM unnest(CAST(:serials AS bigint[]), CAST(:codes AS text[])) AS signed (serial, code)"
        " WHERE operator_id = :operator_id AND id = signed.serial"
    )
)
#: A sold ticket's code changes with an open modification only.
_OPENED: Final = Statement(
    text(
        "INSERT INTO booking_modifications (operator_id, id, booking_id, modification_type, reason)"
        " SELECT DISTINCT operator_id, md5(booking_id::text)::uuid, booking_id, 'settlement', 'signed afterwards'"
        " FROM tickets WHERE operator_id = :operator_id AND qr_code = :placeholder"
    )
)
_CLOSED: Final = Statement(
    text(
        "UPDATE booking_modifications SET status = 'closed', closed_at = now(), updated_at = now()"
        " WHERE operator_id = :operator_id AND status = 'open' AND reason = 'signed afterwards'"
    )
)
_FARE: Final = 250_000


@dataclass(frozen=True, slots=True)
class SoldAhead:
    """A ticket to admit: where its bearer boards, and a moment at which the gate is open."""

    serial: int
    code: str
    station: str
    station_id: int
    boards_at: datetime


def sell_ahead(office: Office, actor: Actor, departure: Departure, seats: int) -> list[SoldAhead]:
    """Sell up to so many free seats of a departure from its first stop to its last."""
    network = office.network()

    def work(tx: Transaction) -> list[SoldAhead]:
        free = tx.send(
            _FREE,
            service_date=departure.service_date,
            schedule_id=departure.schedule_id,
            class_id=departure.class_id,
            wanted=seats,
        ).all()
        trip = _whole_run(tx, network, departure)
        travel_class, places = network.classes[departure.class_id], network.seats(tx, departure.class_id)
        codes = [tickets.code_for(office, trip, travel_class, places[row.seat_id], serial=row.serial) for row in free]
        shared: dict[str, Any] = {
            "ids": [uuid7() for _ in free],
            "serials": [row.serial for row in free],
            "codes": codes,
            "seats": [row.seat_id for row in free],
            "schedule_id": departure.schedule_id,
            "service_date": departure.service_date,
            "class_id": departure.class_id,
            "from_stop": trip.board.order,
            "to_stop": trip.leave.order,
            "legs": trip.legs,
            "fare": _FARE,
            "user_id": actor.user_id,
            "terminal_id": actor.terminal_id,
            "shift_id": shifts.ask(tx).read().id,
        }
        for statement in _SELL:
            tx.send(statement, **shared)
        boards_at = trip.departs_at - _BEFORE_DEPARTURE
        return [
            SoldAhead(row.serial, code, trip.origin.code, trip.origin.id, boards_at)
            for row, code in zip(free, codes, strict=True)
        ]

    return office.database.transaction(work, actor=actor)


def _whole_run(tx: Transaction, network: Network, departure: Departure) -> Journey:
    row = tx.send(timetable.BY_ID, schedule_id=departure.schedule_id).first()
    stops = network.routes[departure.route_id].stops
    return timetable.journey(network, row, stops[0], stops[-1])


def sign_what_the_floor_sold(office: Office) -> int:
    """Give the floor's tickets real codes, so that the integrity check can look at them too; returns how many."""
    network = office.network()

    def work(tx: Transaction) -> int:
        rows = tx.send(_UNSIGNED, placeholder=PLACEHOLDER).all()
        tx.send(_OPENED, placeholder=PLACEHOLDER)
        tx.send(_SIGN, serials=[row.serial for row in rows], codes=[_code(tx, office, network, row) for row in rows])
        tx.send(_CLOSED)
        return len(rows)

    return office.database.transaction(work, statement_timeout=600)


def _code(tx: Transaction, office: Office, network: Network, row: Any) -> str:
    stops = {stop.order: stop for stop in network.routes[row.route_id].stops}
    trip = timetable.journey(network, row, stops[row.from_stop], stops[row.to_stop])
    seat = network.seats(tx, row.class_id)[row.seat_id]
    return tickets.code_for(office, trip, network.classes[row.class_id], seat, serial=row.serial)


def fill_gates(office: Office, actor: Actor, departures: Sequence[Departure], wanted: int) -> list[SoldAhead]:
    """So many tickets for the gates, from as many departures as it takes; fewer when all are sold."""
    made: list[SoldAhead] = []
    for departure in departures:
        if len(made) >= wanted:
            break
        made += sell_ahead(office, actor, departure, wanted - len(made))
    return made
