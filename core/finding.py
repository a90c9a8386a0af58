"""Finding sold bookings again: by number, ticket, scanned code, identity, phone, or a name on a train of a day.

Numbers, digests and names are looked up by key; names by a range of the normalised name, never by a pattern. A page has
a hundred bookings at most, the newest first, and the next one begins after its last. Who looked for whom is on record,
the person by a pseudonym.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, literal, or_, select
from sqlalchemy.types import Integer

from core.database import Actor, Transaction
from core.errors import UsageError
from core.identity import normalize_name
from core.models import Booking, Passenger, RouteStation, Schedule, Ticket, User
from core.office import Office
from core.permissions import require
from core.personal_data import Person, person
from core.ticket_code import decode

PAGE: Final = 100
#: The highest character there is: no name that begins alike sorts after it.
_HIGHEST: Final = "\U0010ffff"
_BOOKING_NUMBER, _TICKET_NUMBER, _NIK = 7, 12, 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known of a booking; exactly one way to look for it. ``name`` needs ``train`` and ``day``."""

    number: str | None = None
    ticket: str | None = None
    code: str | None = None
    identity: str | None = None
    phone: str | None = None
    name: str | None = None
    train: str | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A booking as a list shows it; the rest is in its file (``core.lookup``)."""

    booking_id: UUID
    number: str
    status: str
    booked_at: datetime
    train: str
    departs_on: date
    passengers: tuple[str, ...]
    tickets: int
    live: int

    def as_json(self) -> dict[str, Any]:
        return {
            "booking_number": self.number,
            "status": self.status,
            "booked_at": self.booked_at.isoformat(),
            "train_number": self.train,
            "date": self.departs_on.isoformat(),
            "passengers": list(self.passengers),
            "tickets": self.tickets,
            "live_tickets": self.live,
        }


@dataclass(frozen=True, slots=True)
class Page:
    """Bookings, newest first; ``next`` is where the following page begins, if there is one."""

    bookings: tuple[Found, ...]
    next: UUID | None

    def as_json(self) -> dict[str, Any]:
        return {
            "bookings": [one.as_json() for one in self.bookings],
            "next": None if self.next is None else str(self.next),
        }


def understood(text: str) -> Wanted:
    """What a typed or scanned word is most likely meant as: a number, a ticket, a code, an identity, a phone.

    Raises:
        UsageError: it could be none of them (code ``find_unclear``).
    """
    word = text.strip()
    plain = "".join(letter for letter in word if letter.isalnum())
    if len(plain) == _BOOKING_NUMBER and not plain.isdigit():
        return Wanted(number=plain)
    if plain.isdigit() and len(plain) == _NIK:
        return Wanted(identity=plain)
    if word.startswith(("+", "08")) or (
        plain.isdigit() and plain.startswith("62") and len(plain) <= _TICKET_NUMBER + 1
    ):
        return Wanted(phone=word)
    if plain.isdigit() and len(plain) <= _TICKET_NUMBER:
        return Wanted(ticket=plain)
    if len(plain) > 100:
        return Wanted(code=word)
    if any(letter.isdigit() for letter in plain):
        return Wanted(identity=plain)
    raise UsageError(
        "This is no booking number, ticket, identity or phone number.",
        code="find_unclear",
        hint="A name is looked for on a train of a day: --name NAME --train NO --date DATE.",
    )


def find(office: Office, actor: Actor, wanted: Wanted, *, after: UUID | None = None) -> Page:
    """A page of bookings that were sold, or are being sold.

    Args:
        after: ``Page.next`` of the page before.

    Raises:
        UsageError: not exactly one way to look, or a name without train and day (code ``find_unclear``).
        Refused: this is no identity number.
        NotFound: no such train.
    """
    require(actor, "show")
    who, condition = _condition(office, wanted)
    network = office.network()

    def look(tx: Transaction) -> Page:
        rows = tx.query(_page(condition, tx.operator_id, after)).all()
        found = _details(tx, network.trains, rows[:PAGE])
        said: dict[str, Any] = {"bookings": [one.number for one in found]}
        looked_for = {"person": who.pseudonym} if who else {"by": _way(wanted)}
        tx.audit("view", "bookings", found[0].booking_id if len(found) == 1 else "search", new={**looked_for, **said})
        return Page(tuple(found), found[-1].booking_id if len(rows) > PAGE else None)

    return office.database.transaction(look, actor=actor)


def _way(wanted: Wanted) -> str:
    return next(name for name in ("number", "ticket", "code", "identity", "phone", "name") if getattr(wanted, name))


def _condition(office: Office, wanted: Wanted) -> tuple[Person | None, ColumnElement[bool]]:
    """Whom it is about, where that is somebody, and what the bookings have in common."""
    given = [
        one for one in (wanted.number, wanted.ticket, wanted.code, wanted.identity, wanted.phone, wanted.name) if one
    ]
    if len(given) != 1:
        raise UsageError("Say one thing to look for.", code="find_unclear", hint="A number, an identity, a phone …")
    if wanted.number:
        return None, Booking.booking_number == wanted.number.strip().upper()
    if wanted.ticket or wanted.code:
        serial = _serial(office, wanted)
        of_ticket = select(Ticket.booking_id).where(Ticket.operator_id == Booking.operator_id, Ticket.id == serial)
        return None, Booking.id == of_ticket.scalar_subquery()
    if wanted.identity:
        who = person(office.keys, identity=wanted.identity)
        travels = select(Passenger.booking_id).where(
            Passenger.operator_id == Booking.operator_id, Passenger.identity_digest == who.digest
        )
        return who, Booking.id.in_(travels)
    if wanted.phone:
        who = person(office.keys, phone=wanted.phone)
        account = select(User.id).where(User.operator_id == Booking.operator_id, User.phone_digest == who.digest)
        return who, or_(Booking.contact_phone_digest == who.digest, Booking.user_id.in_(account))
    return None, _on_train(office, wanted)


def _serial(office: Office, wanted: Wanted) -> int:
    """The ticket's serial; 0, which no ticket has, for what is none of ours."""
    if wanted.ticket:
        figures = wanted.ticket.strip()
        return int(figures) if figures.isascii() and figures.isdigit() and len(figures) <= _TICKET_NUMBER else 0
    read = decode(wanted.code or "", issuer=office.operator.issuer, public_keys=office.public_keys)
    return read.payload.ticket_serial if read.payload else 0


def _on_train(office: Office, wanted: Wanted) -> ColumnElement[bool]:
    if not (wanted.name and wanted.train and wanted.day):
        raise UsageError(
            "A name is looked for on a train of a day.", code="find_unclear", hint="Add --train NO and --date DATE."
        )
    name, train = normalize_name(wanted.name), office.network().train(wanted.train)
    boards_after = (
        func.floor((func.extract("epoch", Schedule.departure_time) / 60 + RouteStation.departure_offset) / 1440)
    ).cast(Integer)
    day = literal(wanted.day)
    travels = (
        select(Ticket.booking_id)
        .join(Passenger, (Passenger.operator_id == Ticket.operator_id) & (Passenger.id == Ticket.passenger_id))
        .join(Schedule, (Schedule.operator_id == Ticket.operator_id) & (Schedule.id == Ticket.schedule_id))
        .join(
            RouteStation,
            (RouteStation.operator_id == Schedule.operator_id)
            & (RouteStation.route_id == Schedule.route_id)
            & (RouteStation.station_order == Ticket.from_stop),
        )
        .where(
            Ticket.operator_id == Booking.operator_id,
            Schedule.train_id == train.id,
            or_(Schedule.departure_date == day, Schedule.departure_date + boards_after == day),
            Passenger.passenger_name.op("~>=~", is_comparison=True)(name),  # the index's order is of bytes
            Passenger.passenger_name.op("~<~", is_comparison=True)(name + _HIGHEST),
        )
    )
    return Booking.id.in_(travels)


def _page(condition: ColumnElement[bool], operator_id: int, after: UUID | None) -> Select[Any]:
    asked = (
        select(*(Booking.id, Booking.booking_number, Booking.status, Booking.booking_date))
        .add_columns(Schedule.train_id, Schedule.departure_date)
        .join(Schedule, (Schedule.operator_id == Booking.operator_id) & (Schedule.id == Booking.schedule_id))
        .where(Booking.operator_id == operator_id, condition)
    )
    if after is not None:
        asked = asked.where(Booking.id < after)
    return asked.order_by(Booking.id.desc()).limit(PAGE + 1)


def _details(tx: Transaction, trains: Any, rows: Sequence[Any]) -> list[Found]:
    ids = [row.id for row in rows]
    if not ids:
        return []
    people = tx.query(
        select(Passenger.booking_id, Passenger.passenger_name)
        .where(Passenger.operator_id == tx.operator_id, Passenger.booking_id.in_(ids))
        .order_by(Passenger.position)
    )
    live = case((Ticket.ticket_status.in_(("active", "used")), 1), else_=0)
    tickets = tx.query(
        select(Ticket.booking_id, func.count().label("tickets"), func.sum(live).label("live"))
        .where(Ticket.operator_id == tx.operator_id, Ticket.booking_id.in_(ids))
        .group_by(Ticket.booking_id)
    )
    names: dict[UUID, list[str]] = {}
    for one in people.all():
        names.setdefault(one.booking_id, []).append(one.passenger_name)
    counts = {one.booking_id: (int(one.tickets), int(one.live)) for one in tickets.all()}
    return [
        Found(
            row.id,
            row.booking_number,
            row.status,
            row.booking_date,
            trains[row.train_id].number,
            row.departure_date,
            tuple(names.get(row.id, ())),
            *counts.get(row.id, (0, 0)),
        )
        for row in rows
    ]
