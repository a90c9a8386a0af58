"""The floor under the figures: the same rows written by hand, one bare psycopg statement to a round trip.

``Till`` is a till without a library. It works as the same login, in as many transactions, on the same tables with
their triggers and row-level security, and it reads what no till can do without: whether the seats are free, whether
the hold still stands, what the ticket at the gate is. What costs no database time it does not do: the signed code and
the encrypted identity are constants of the right size, nothing is checked, no seats are chosen side by side.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from core import database_address
from core.database import Actor
from core.ops.bench.demand import Wanted
from core.ticket_code import CODE_LENGTH

#: Stands for the signed code of every ticket the floor issues.
PLACEHOLDER: Final = "A" * CODE_LENGTH
#: As long as an encrypted identity number: key id, nonce, sixteen digits, tag.
_CIPHERTEXT: Final = bytes(1 + 12 + 16 + 16)
_DIGEST_BYTES: Final = 32
_FARE: Final = 250_000
_FEE: Final = 7_500
_BORN: Final = date(1990, 1, 1)
_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

_CLAIM: Final = (
    "INSERT INTO idempotency (operator_id, key, purpose, fingerprint, result_id) VALUES (%s, %s, 'sale', %s, %s)"
    " ON CONFLICT DO NOTHING"
)
_DEPARTURE: Final = (
    "operator_id = %(operator_id)s AND service_date = %(service_date)s AND schedule_id = %(schedule_id)s"
    " AND class_id = %(class_id)s AND occupied & %(legs)s = 0"
)
_TAKE: Final = (
    f"UPDATE seat_inventory SET occupied = occupied | %(legs)s WHERE {_DEPARTURE} AND seat_id = ANY(ARRAY("  # noqa: S608 - a constant
    f"SELECT seat_id FROM seat_inventory WHERE {_DEPARTURE} LIMIT %(party)s FOR UPDATE SKIP LOCKED)) RETURNING seat_id"
)
_INSERT_BOOKING: Final = (
    "INSERT INTO bookings (operator_id, id, booking_number, schedule_id, total_amount, final_amount, passenger_count,"
    " sold_by, terminal_id, expires_at, booking_details)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, now() + interval '10 minutes', %s)"
)
_INSERT_HOLD: Final = (
    "INSERT INTO seat_holds (operator_id, id, booking_id, schedule_id, service_date, class_id, from_stop, to_stop,"
    " legs, seat_ids, subclass, seat_fare, expires_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'A', %s, now() + interval '10 minutes')"
)
#: Who works: once for a connection, or for each transaction where connections are shared.
_SIGNED_IN: Final = "SELECT set_config('counter.session', %s, %s)"
_CONFIRM: Final = (
    "UPDATE bookings SET status = 'confirmed', expires_at = NULL, priced_at = now(), updated_at = now()"
    " WHERE operator_id = %s AND id = %s AND status = 'pending' AND expires_at > now()"
)
_DROP_HOLD: Final = "DELETE FROM seat_holds WHERE operator_id = %s AND booking_id = %s"
_INSERT_PASSENGER: Final = (
    "INSERT INTO passengers (operator_id, id, booking_id, position, passenger_name, passenger_dob, passenger_type,"
    " identity_kind, identity_number, identity_digest, identity_last_four, gender, seat_id, ticket_price)"
    " VALUES (%s, %s, %s, %s, %s, %s, 'adult', 'nik', %s, %s, %s, 'male', %s, %s)"
)
_INSERT_TICKET: Final = (
    "INSERT INTO tickets (operator_id, id, booking_id, passenger_id, qr_code, schedule_id, service_date, class_id,"
    " seat_id, from_stop, to_stop, legs, subclass, fare, exclusive_identity)"
    " VALUES (%s, nextval('ticket_serial'), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'A', %s, %s) RETURNING id"
)
_INSERT_CHARGE: Final = (
    "INSERT INTO booking_charges (operator_id, id, booking_id, passenger_id, charge_kind, amount, cause)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s)"
)
_INSERT_PRINT_JOB: Final = (
    "INSERT INTO print_jobs (operator_id, id, ticket_id, issue_no, copy_no, printer, terminal_id)"
    " VALUES (%s, %s, %s, 1, 0, %s, %s)"
)
_INSERT_PAYMENT: Final = (
    "INSERT INTO payments (operator_id, id, booking_id, payment_reference, payment_method, payment_status, amount,"
    " tendered, change_given, taken_by, terminal_id, payment_date, shift_id)"
    " VALUES (%s, %s, %s, %s, 'cash', 'completed', %s, %s, %s, %s, %s, now(), %s)"
)
_INSERT_EVENT: Final = (
    "INSERT INTO domain_events (operator_id, id, event_type, entity_type, entity_id, payload, correlation_id, user_id,"
    " terminal_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_INSERT_AUDIT: Final = (
    "INSERT INTO audit_logs (operator_id, id, user_id, terminal_id, correlation_id, entity_type, entity_id, action,"
    " old_values, new_values) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_TICKET: Final = (
    "SELECT t.ticket_status, t.issue_no, b.status, p.passenger_name, t.from_stop, s.departs_at, s.status FROM tickets t"
    " JOIN bookings b ON b.operator_id = t.operator_id AND b.id = t.booking_id"
    " JOIN passengers p ON p.operator_id = t.operator_id AND p.id = t.passenger_id"
    " JOIN schedules s ON s.operator_id = t.operator_id AND s.id = t.schedule_id"
    " WHERE t.operator_id = %s AND t.id = %s FOR UPDATE OF t"
)
_INSERT_CHECK_IN: Final = (
    "INSERT INTO checkins (operator_id, nonce, ticket_id, outcome, station_id, terminal_id, user_id, code_digest,"
    " scanned_at) VALUES (%s, %s, %s, 'ok', %s, %s, %s, %s, %s)"
)
_USE: Final = (
    "UPDATE tickets SET ticket_status = 'used', check_in_time = %s, checked_in_by = %s, updated_at = now()"
    " WHERE operator_id = %s AND id = %s"
)
_DEPARTURES: Final = """
    SELECT s.id, s.departure_date, (1::bigint << leave.station_order) - (1::bigint << board.station_order)
    FROM schedules s
    JOIN route_stations board ON board.operator_id = s.operator_id AND board.route_id = s.route_id
    JOIN stations origin ON origin.operator_id = board.operator_id AND origin.id = board.station_id
        AND origin.station_code = %(origin)s
    JOIN route_stations leave ON leave.operator_id = s.operator_id AND leave.route_id = s.route_id
        AND leave.station_order > board.station_order
    JOIN stations terminus ON terminus.operator_id = leave.operator_id AND terminus.id = leave.station_id
        AND terminus.station_code = %(destination)s
    WHERE s.operator_id = %(operator_id)s AND s.departure_date IN (%(day)s, %(day)s::date - 1)
        AND s.status <> 'cancelled'
        AND ((s.departs_at + make_interval(mins => board.departure_offset)) AT TIME ZONE origin.time_zone)::date
            = %(day)s
"""
_FREE: Final = """
    SELECT i.schedule_id, i.class_id, count(*) FILTER (WHERE i.occupied & asked.legs = 0)
    FROM unnest(%(schedules)s::integer[], %(dates)s::date[], %(legs)s::bigint[]) AS asked (schedule_id, day, legs)
    JOIN seat_inventory i ON i.schedule_id = asked.schedule_id AND i.service_date = asked.day
    WHERE i.operator_id = %(operator_id)s AND i.service_date = ANY(%(dates)s::date[])
    GROUP BY i.schedule_id, i.class_id
"""


class _NoSeats(psycopg.Rollback):
    """Too few seats were free; nothing is kept."""


class Till:
    """One client of the floor: a login's connection, and somebody who sells at a terminal.

    Args:
        url: the database, as the counter's login.
        role: step down to it in each transaction, where the library does.
        pooled: the URL leads through a transaction pooler: no prepared statements.
    """

    def __init__(
        self, url: str, *, operator_id: int, actor: Actor, shift_id: UUID, role: str | None, pooled: bool
    ) -> None:
        self._operator_id, self._actor, self._role = operator_id, actor, role
        self._who, self._shift_id = (actor.user_id, actor.terminal_id), shift_id
        told = database_address.connect_arguments(database_address.read(url))
        self._connection = psycopg.connect(url, autocommit=True, **told)
        if pooled:
            self._connection.prepare_threshold = None
        else:
            self._connection.execute(_SIGNED_IN, (actor.session, False))
        self._pooled = pooled

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection[Any]]:
        with self._connection.transaction():
            if self._role is not None:
                self._connection.execute("SELECT set_config('role', %s, true)", (self._role,))
            if self._pooled:
                self._connection.execute(_SIGNED_IN, (self._actor.session, True))
            yield self._connection

    def sell(self, wanted: Wanted) -> bool:
        """Hold and confirm, two transactions; False when too few seats were free."""
        booking_id, number = uuid7(), "".join(random.choices(_LETTERS, k=7))
        seats = self._hold(wanted, booking_id, number)
        if len(seats) < wanted.party:
            return False
        self._confirm(wanted, booking_id, number, seats)
        return True

    def _hold(self, wanted: Wanted, booking_id: UUID, number: str) -> list[int]:
        operator, amount, seats = self._operator_id, _FARE * wanted.party + _FEE, []
        with self._transaction() as connection:
            connection.execute(_CLAIM, (operator, uuid7(), os.urandom(_DIGEST_BYTES), str(booking_id)))
            taken = connection.execute(
                _TAKE,
                {
                    "operator_id": operator,
                    "service_date": wanted.service_date,
                    "schedule_id": wanted.schedule_id,
                    "class_id": wanted.class_id,
                    "legs": wanted.legs,
                    "party": wanted.party,
                },
            )
            seats = [row[0] for row in taken]
            if len(seats) < wanted.party:
                raise _NoSeats
            details = Jsonb({"infants": 0, "booking_fee": _FEE})
            connection.execute(
                _INSERT_BOOKING,
                (operator, booking_id, number, wanted.schedule_id, amount, amount, wanted.party, *self._who, details),
            )
            connection.execute(
                _INSERT_HOLD,
                (operator, uuid7(), booking_id, *_departure(wanted), *_stretch(wanted), seats, _FARE),
            )
            labels = [f"EKS 1/{seat}A" for seat in seats]
            new = {"booking_number": number, "status": "pending", "total_amount": amount, "seats": labels}
            self._audit(connection, "bookings", str(booking_id), "create", None, Jsonb(new))
        return seats

    def _confirm(self, wanted: Wanted, booking_id: UUID, number: str, seats: list[int]) -> None:
        operator, amount = self._operator_id, _FARE * wanted.party + _FEE
        with self._transaction() as connection:
            connection.execute(_CLAIM, (operator, uuid7(), os.urandom(_DIGEST_BYTES), str(booking_id)))
            connection.execute(_DROP_HOLD, (operator, booking_id))
            serials = [
                self._issue(connection, wanted, booking_id, position, seat) for position, seat in enumerate(seats, 1)
            ]
            connection.execute(_INSERT_CHARGE, (operator, uuid7(), booking_id, None, "fee", _FEE, "booking_fee"))
            connection.execute(
                _INSERT_PAYMENT,
                (
                    operator,
                    uuid7(),
                    booking_id,
                    f"{number}-1",
                    amount,
                    amount + 2_500,
                    2_500,
                    *self._who,
                    self._shift_id,
                ),
            )
            connection.execute(_CONFIRM, (operator, booking_id))
            sold = {"booking_number": number, "amount": amount, "tickets": serials}
            self._announce(connection, "booking.confirmed", "bookings", str(booking_id), Jsonb(sold))
            new = Jsonb({**sold, "status": "confirmed", "method": "cash"})
            old = Jsonb({"status": "pending"})
            self._audit(connection, "bookings", str(booking_id), "update", old, new)

    def _issue(
        self, connection: psycopg.Connection[Any], wanted: Wanted, booking_id: UUID, position: int, seat: int
    ) -> int:
        operator, person, digest = self._operator_id, uuid7(), os.urandom(_DIGEST_BYTES)
        connection.execute(
            _INSERT_PASSENGER,
            (operator, person, booking_id, position, "Penumpang", _BORN, _CIPHERTEXT, digest, "0001", seat, _FARE),
        )
        exclusive = digest if wanted.exclusive else None
        ticket = connection.execute(
            _INSERT_TICKET,
            (operator, booking_id, person, PLACEHOLDER, *_departure(wanted), seat, *_stretch(wanted), _FARE, exclusive),
        )
        (serial,) = ticket.fetchone() or (0,)
        connection.execute(_INSERT_CHARGE, (operator, uuid7(), booking_id, person, "fare", _FARE, "sale"))
        connection.execute(_INSERT_PRINT_JOB, (operator, uuid7(), serial, wanted.printer, self._actor.terminal_id))
        return int(serial)

    def check_in(self, serial: int, station_id: int, at: datetime) -> bool:
        """Admit the bearer of a ticket, one transaction; False when it is not good for travel."""
        operator, user, nonce = self._operator_id, self._actor.user_id, uuid7()
        with self._transaction() as connection:
            ticket = connection.execute(_TICKET, (operator, serial)).fetchone()
            if ticket is None or ticket[0] != "active" or ticket[2] != "confirmed":
                return False
            connection.execute(
                _INSERT_CHECK_IN,
                (operator, nonce, serial, station_id, self._actor.terminal_id, user, os.urandom(_DIGEST_BYTES), at),
            )
            connection.execute(_USE, (at, user, operator, serial))
            payload = Jsonb({"station_id": station_id, "nonce": str(nonce)})
            self._announce(connection, "ticket.used", "tickets", str(serial), payload)
            old, new = Jsonb({"ticket_status": "active"}), Jsonb({"ticket_status": "used"})
            self._audit(connection, "tickets", str(serial), "update", old, new)
        return True

    def search(self, origin: str, destination: str, day: date) -> dict[tuple[int, int], int]:
        """Free seats by departure and class between two stations, one transaction of two statements."""
        asked = {"operator_id": self._operator_id, "origin": origin, "destination": destination, "day": day}
        with self._transaction() as connection:
            trips = connection.execute(_DEPARTURES, asked).fetchall()
            schedules, dates, legs = ([trip[column] for trip in trips] for column in range(3))
            counted = {"operator_id": self._operator_id, "schedules": schedules, "dates": dates, "legs": legs}
            return {(row[0], row[1]): row[2] for row in connection.execute(_FREE, counted)}

    def _announce(
        self, connection: psycopg.Connection[Any], event: str, entity: str, entity_id: str, payload: Jsonb
    ) -> None:
        row = (self._operator_id, uuid7(), event, entity, entity_id, payload, uuid7(), *self._who)
        connection.execute(_INSERT_EVENT, row)

    def _audit(
        self,
        connection: psycopg.Connection[Any],
        entity: str,
        entity_id: str,
        action: str,
        old: Jsonb | None,
        new: Jsonb,
    ) -> None:
        row = (self._operator_id, uuid7(), *self._who, uuid7(), entity, entity_id, action, old, new)
        connection.execute(_INSERT_AUDIT, row)


def _departure(wanted: Wanted) -> tuple[int, date, int]:
    return wanted.schedule_id, wanted.service_date, wanted.class_id


def _stretch(wanted: Wanted) -> tuple[int, int, int]:
    return wanted.board.order, wanted.leave.order, wanted.legs
