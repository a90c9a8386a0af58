"""Closing a sale: its tickets, its last payment, its ledger, audit, event and print jobs, in the caller's transaction.

Whoever has locked a held booking and knows that it is paid, or just takes the money, calls ``close``: the payment that
covers everything at once (``core.sale``), the last of several parts (``core.payments.parts``), the gateway's answer
(``core.payments.carrying_out``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update
from uuid_utils.compat import uuid7

from core import bill as bills
from core import holds, print_journal, promotions, tickets
from core import party as parties
from core.bill import Bill
from core.checkout import Checkout
from core.database import Rows, Statement, Transaction, on_violation
from core.errors import Refused
from core.identity import mask
from core.models import Booking, Ticket
from core.models.sales import TICKET_SERIAL
from core.office import Office
from core.party import Traveller
from core.payments import Settlement
from core.payments.practice import marked
from core.payments.record import record
from core.pending import Hold
from core.tickets import TicketRecord

on_violation(
    "uq_tickets_one_per_identity",
    lambda: Refused(
        "One of the passengers already has a ticket for this train.",
        code="one_ticket_per_identity",
        hint="On subsidised trains an identity travels once per departure.",
    ),
)


@dataclass(frozen=True)
class Sale:
    """A finished sale. Amounts are minor units; ``findings`` are worth a second look at the card."""

    booking_id: UUID
    booking_number: str
    status: str
    total_amount: int
    discount_amount: int
    final_amount: int
    paid: int
    change: int
    tickets: tuple[TicketRecord, ...]
    findings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The sale as ``counter sell`` prints it."""
        return {
            "booking_number": self.booking_number,
            "status": self.status,
            "total_amount": self.total_amount,
            "discount_amount": self.discount_amount,
            "final_amount": self.final_amount,
            "paid": self.paid,
            "change": self.change,
            "tickets": [ticket.as_json() for ticket in self.tickets],
            "warnings": list(self.findings),
        }


@dataclass(frozen=True)
class _Issued:
    """A traveller with the ticket the sale gives him."""

    traveller: Traveller
    serial: int
    code: str


_SERIALS: Final = Statement(
    select(TICKET_SERIAL.next_value()).select_from(func.generate_series(1, bindparam("wanted")).alias("wanted"))
)
_TICKET_COLUMNS: Final = (
    *("operator_id", "id", "booking_id", "passenger_id", "qr_code", "schedule_id", "service_date", "class_id"),
    *("seat_id", "from_stop", "to_stop", "legs", "subclass", "fare", "exclusive_identity", "entitlement_id"),
)
_INSERT_TICKET: Final = Statement(insert(Ticket).values({name: bindparam(name) for name in _TICKET_COLUMNS}))
_CONFIRM: Final = Statement(
    update(Booking)
    .where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
    .values(
        status="confirmed",
        total_amount=bindparam("total"),
        discount_amount=bindparam("discount"),
        final_amount=bindparam("due"),
        priced_at=func.now(),
        expires_at=None,
        updated_at=func.now(),
    )
)


class Serials:
    """Serial numbers of tickets, asked for before it is known how many are needed."""

    __slots__ = ("_rows", "_tx", "_wanted")

    def __init__(self, tx: Transaction, wanted: int) -> None:
        self._tx, self._wanted, self._rows = tx, wanted, _ask(tx, wanted)

    def take(self, count: int) -> list[int]:
        """As many as are needed; other ones if the guess was wrong."""
        rows = self._rows if count == self._wanted else _ask(self._tx, count)
        return rows.scalars()


def _ask(tx: Transaction, wanted: int) -> Rows:
    return tx.send(_SERIALS, wanted=wanted)


def close(
    tx: Transaction,
    office: Office,
    done: Checkout,
    settlement: Settlement | None,
    *,
    serials: Serials | None = None,
    shift_id: UUID | None = None,
    printer: str = "none",
    terminal_id: int | None = None,
) -> Sale:
    """Issue the tickets of a booking that is paid, or is being paid by this settlement.

    Args:
        done: the locked booking with its bill.
        settlement: pays what is owed; None where nothing is.
        shift_id: the drawer's; None where nothing is paid here.
        printer: the kind of printer the tickets are queued for; ``none`` queues nothing.
        terminal_id: where they are printed; by default where this is done.
    """
    issued = _issue(office, done.held, done.party, (serials or Serials(tx, len(done.party))).take(len(done.party)))
    held, bill = done.held, done.bill
    booking = {"booking_id": held.booking_id}
    holds.drop(tx, held.booking_id)
    if not held.is_priced:
        parties.store(tx, office, held, done.party)
    bills.write(tx, held.booking_id, bill if not held.is_priced else Bill(bill.lines[done.written :]))
    tx.send_each(_INSERT_TICKET, [booking | _ticket_row(held, one) for one in issued])
    if settlement is not None:
        record(tx, office.keys, done, marked(office, settlement), shift_id)
    if printer != "none":
        where = {} if terminal_id is None else {"terminal_id": terminal_id}
        rows = [print_journal.job_row(tx, uuid7(), one.serial, 1, printer) | where for one in issued]
        print_journal.queue(tx, rows)
    sold = {"booking_number": held.booking_number, "amount": bill.due, "tickets": [one.serial for one in issued]}
    tx.event("booking.confirmed", "bookings", held.booking_id, sold)
    after = {**sold, "status": "confirmed", "method": settlement.method if settlement else "parts"}
    tx.audit("update", "bookings", held.booking_id, old={"status": "pending"}, new=after)
    # A promotion's row stays locked from here to the commit, and everybody wants the same one: as late as possible.
    promotions.write(tx, held.booking_id, done.uses)
    # Last: the database confirms only what is charged and paid, and takes no money row afterwards.
    tx.send(_CONFIRM, **booking, total=bill.total, discount=bill.discount, due=bill.due)
    return _result(tx, done, settlement, issued, "queued" if printer != "none" else "off")


def _issue(office: Office, held: Hold, party: Sequence[Traveller], serials: Sequence[int]) -> list[_Issued]:
    trip, travel_class = held.journey, held.travel_class
    return [
        _Issued(one, serial, tickets.code_for(office, trip, travel_class, one.seat, serial=serial))
        for one, serial in zip(party, serials, strict=True)
    ]


def _ticket_row(held: Hold, one: _Issued) -> dict[str, Any]:
    trip, who = held.journey, one.traveller
    return {
        "id": one.serial,
        "passenger_id": who.id,
        "qr_code": one.code,
        "schedule_id": trip.schedule_id,
        "service_date": trip.service_date,
        "class_id": held.travel_class.id,
        "seat_id": who.seat.id if who.seat else None,
        "from_stop": trip.board.order,
        "to_stop": trip.leave.order,
        "legs": trip.legs,
        "subclass": held.subclass,
        "fare": who.fare,
        "exclusive_identity": who.digest if who.exclusive else None,
        "entitlement_id": who.reduction.entitlement_id if who.reduction else None,
    }


def _result(
    tx: Transaction, done: Checkout, settlement: Settlement | None, issued: Sequence[_Issued], print_state: str
) -> Sale:
    held, bill = done.held, done.bill
    return Sale(
        booking_id=held.booking_id,
        booking_number=held.booking_number,
        status="confirmed",
        total_amount=bill.total,
        discount_amount=bill.discount,
        final_amount=bill.due,
        paid=done.paid + (settlement.amount if settlement else 0),
        change=done.change + ((settlement.change or 0) if settlement else 0),
        tickets=tuple(_record(tx, held, one, print_state) for one in issued),
        findings=tuple(finding.message for one in issued for finding in one.traveller.details.findings),
    )


def _record(tx: Transaction, held: Hold, one: _Issued, print_state: str) -> TicketRecord:
    details = one.traveller.details
    return TicketRecord(
        serial=one.serial,
        number=f"{one.serial:012d}",
        status="active",
        code=one.code,
        booking_id=held.booking_id,
        booking_number=held.booking_number,
        booking_status="confirmed",
        passenger_name=details.name,
        passenger_type=details.type.value,
        identity=mask(details.identity.number) if details.identity else "",
        journey=held.journey,
        travel_class=held.travel_class,
        seat=one.traveller.seat,
        subclass=held.subclass,
        fare=one.traveller.fare,
        issue_no=1,
        copies=0,
        issued_at=tx.now,
        sold_by=tx.actor.full_name,
        check_in_time=None,
        print_state=print_state,
    )
