"""Tickets: issuing their codes, reading them back with everything a printer, a screen or a script shows, copies.

A ticket is one passenger's journey. Its code is signed here, where tickets are issued; judging a code is the gate's
business (``core.checkin``), the code's form is ``core.ticket_code``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from uuid_utils.compat import uuid7

from core import print_journal, timetable
from core.database import Actor, Statement, Transaction
from core.errors import NotFound, Refused, StateConflict
from core.identity import mask
from core.models import Booking, Passenger, PrintJob, Schedule, Ticket, User
from core.models.network import CLASS_TYPES
from core.network import ClassInfo, Network, SeatInfo
from core.office import Office
from core.permissions import require
from core.ticket_code import TicketPayload, encode
from core.timetable import Journey
from core.wording import one_line

_COLUMNS: Final = (
    Ticket.id.label("serial"),
    Ticket.ticket_number,
    Ticket.ticket_status,
    Ticket.qr_code,
    Ticket.class_id,
    Ticket.seat_id,
    Ticket.from_stop,
    Ticket.to_stop,
    Ticket.subclass,
    Ticket.fare,
    Ticket.issue_no,
    Ticket.copies_printed,
    Ticket.check_in_time,
    Ticket.created_at.label("issued_at"),
    Booking.id.label("booking_id"),
    Booking.booking_number,
    Booking.status.label("booking_status"),
    Passenger.id.label("passenger_id"),
    Passenger.passenger_name,
    Passenger.passenger_type,
    Passenger.identity_last_four,
    User.full_name.label("sold_by"),
)
_JOINED: Final = (
    select(*_COLUMNS, *(column for column in timetable.COLUMNS if column is not Schedule.status))
    .add_columns(Schedule.status)
    .join(Booking, (Booking.operator_id == Ticket.operator_id) & (Booking.id == Ticket.booking_id))
    .join(Passenger, (Passenger.operator_id == Ticket.operator_id) & (Passenger.id == Ticket.passenger_id))
    .join(Schedule, (Schedule.operator_id == Ticket.operator_id) & (Schedule.id == Ticket.schedule_id))
    .join(User, (User.operator_id == Booking.operator_id) & (User.id == Booking.sold_by))
    .where(Ticket.operator_id == bindparam("operator_id"))
)
_OF_BOOKING: Final = Statement(
    _JOINED.where(Ticket.booking_id == bindparam("booking_id")).order_by(Passenger.position, Ticket.id)
)
_BY_NUMBER: Final = Statement(_JOINED.where(Ticket.ticket_number == bindparam("ticket_number")))
_BY_SERIAL: Final = Statement(_JOINED.where(Ticket.id == bindparam("serial")))
_LOCK: Final = Statement(
    select(Ticket.id, Ticket.ticket_status, Ticket.copies_printed, Ticket.issue_no)
    .where(Ticket.operator_id == bindparam("operator_id"), Ticket.ticket_number == bindparam("ticket_number"))
    .with_for_update()
)
_COUNT_COPY: Final = Statement(
    update(Ticket)
    .where(Ticket.operator_id == bindparam("operator_id"), Ticket.id == bindparam("serial"))
    .values(copies_printed=bindparam("copies"), updated_at=func.now())
)
_PRINTS: Final = Statement(
    select(PrintJob.ticket_id, PrintJob.state)
    .where(
        PrintJob.operator_id == bindparam("operator_id"),
        PrintJob.ticket_id == func.any(bindparam("serials")),
    )
    .order_by(PrintJob.copy_no, PrintJob.created_at)
)


@dataclass(frozen=True)
class TicketRecord:
    """A ticket with everything that is shown of it. The identity is masked already; fares are minor units."""

    serial: int
    number: str
    status: str
    code: str
    booking_id: UUID
    booking_number: str
    booking_status: str
    passenger_name: str
    passenger_type: str
    identity: str
    journey: Journey
    travel_class: ClassInfo
    seat: SeatInfo | None
    subclass: str
    fare: int
    issue_no: int
    copies: int
    issued_at: datetime
    sold_by: str
    check_in_time: datetime | None
    print_state: str = "off"

    def as_json(self) -> dict[str, Any]:
        """The ticket as commands print it."""
        return {
            "ticket_number": self.number,
            "status": self.status,
            "passenger_name": self.passenger_name,
            "passenger_type": self.passenger_type,
            "train_number": self.journey.train.number,
            "class": self.travel_class.code,
            "origin": self.journey.origin.code,
            "destination": self.journey.destination.code,
            "departs_at": self.journey.departs_at.isoformat(),
            "coach": self.seat.coach.label if self.seat else None,
            "seat": self.seat.number if self.seat else None,
            "fare": self.fare,
            "issue_no": self.issue_no,
            "copies": self.copies,
            "code": self.code,
            "print": self.print_state,
        }


def code_for(
    office: Office, trip: Journey, travel_class: ClassInfo, seat: SeatInfo | None, *, serial: int, issue_no: int = 1
) -> str:
    """The signed code of one issue of a ticket; a traveller without a seat has coach and seat 0 in it."""
    key_id = office.keys.signing_key_id
    payload = TicketPayload(
        key_id=key_id,
        ticket_serial=serial,
        schedule_id=trip.schedule_id,
        service_date=trip.service_date,
        from_stop=trip.board.order,
        to_stop=trip.leave.order,
        issue_no=issue_no,
        travel_class=CLASS_TYPES.index(travel_class.type) + 1,
        coach=seat.coach.number if seat else 0,
        seat=seat.index if seat else 0,
        training=office.operator.is_training,
    )
    return encode(payload, office.operator.issuer, office.keys.ticket_keys[key_id])


def _record(tx: Transaction, network: Network, row: Any, print_state: str) -> TicketRecord:
    stops = {stop.order: stop for stop in network.routes[row.route_id].stops}
    return TicketRecord(
        serial=row.serial,
        number=row.ticket_number,
        status=row.ticket_status,
        code=row.qr_code,
        booking_id=row.booking_id,
        booking_number=row.booking_number,
        booking_status=row.booking_status,
        passenger_name=row.passenger_name,
        passenger_type=row.passenger_type,
        identity=mask(row.identity_last_four) if row.identity_last_four else "",
        journey=timetable.journey(network, row, stops[row.from_stop], stops[row.to_stop]),
        travel_class=network.classes[row.class_id],
        seat=None if row.seat_id is None else network.seats(tx, row.class_id)[row.seat_id],
        subclass=row.subclass,
        fare=row.fare,
        issue_no=row.issue_no,
        copies=row.copies_printed,
        issued_at=row.issued_at,
        sold_by=row.sold_by,
        check_in_time=row.check_in_time,
        print_state=print_state,
    )


def of_booking(tx: Transaction, network: Network, booking_id: UUID) -> list[TicketRecord]:
    """Every ticket a booking ever had, in the order of its passengers; the last print of each tells its state."""
    rows = tx.send(_OF_BOOKING, booking_id=booking_id).all()
    prints = {row.ticket_id: row.state for row in tx.send(_PRINTS, serials=[row.serial for row in rows]).all()}
    return [_record(tx, network, row, shown_state(prints.get(row.serial))) for row in rows]


def shown_state(state: str | None) -> str:
    """A print job's state in the words of the command line: a job that was sent and not answered is unknown."""
    return {None: "off", "sent": "unknown", "cancelled": "off"}.get(state, state or "off")


def by_serial(tx: Transaction, network: Network, serial: int) -> TicketRecord | None:
    """The ticket of that serial number, without its print state."""
    row = tx.send(_BY_SERIAL, serial=serial).first()
    return None if row is None else _record(tx, network, row, "off")


def by_number(tx: Transaction, network: Network, number: str) -> TicketRecord:
    """
    Raises:
        NotFound: no ticket has that number (code ``unknown_ticket``).
    """
    row = tx.send(_BY_NUMBER, ticket_number=number.strip()).first()
    if row is None:
        raise NotFound(
            f"There is no ticket {number.strip()[:20]!r}.", code="unknown_ticket", hint="It has twelve digits."
        )
    return _record(tx, network, row, "off")


def order_copy(office: Office, actor: Actor, number: str, reason: str, printer: str) -> tuple[UUID, int]:
    """Count one more marked copy of a ticket and queue it for ``printer``; returns the print job and the copy number.

    The copy carries the same code: a ticket lost for good needs a new issue, not a copy.

    Raises:
        NotFound: no such ticket.
        Refused: no reason given, or no printer (codes ``reason_missing``, ``no_printer``).
        StateConflict: the ticket is no longer valid.
    """
    require(actor, "reprint")
    reason = one_line(reason)
    if not reason:
        raise Refused("A copy needs a reason.", code="reason_missing", hint="Say why it is printed again.")
    if printer == "none":
        raise Refused("This terminal has no printer.", code="no_printer", hint="Set COUNTER_PRINTER.")

    def count(tx: Transaction) -> tuple[UUID, int]:
        row = tx.send(_LOCK, ticket_number=number.strip()).first()
        if row is None:
            raise NotFound(
                f"There is no ticket {number.strip()[:20]!r}.", code="unknown_ticket", hint="It has twelve digits."
            )
        if row.ticket_status not in ("active", "used"):
            raise StateConflict(f"This ticket is {row.ticket_status}.", hint="Only valid tickets are copied.")
        copy = row.copies_printed + 1
        tx.send(_COUNT_COPY, serial=row.id, copies=copy)
        job_id = uuid7()
        print_journal.queue(
            tx, [print_journal.job_row(tx, job_id, row.id, row.issue_no, printer, copy_no=copy, reason=reason)]
        )
        tx.audit("update", "tickets", row.id, new={"copy": copy, "reason": reason})
        return job_id, copy

    return office.database.transaction(count, actor=actor)
