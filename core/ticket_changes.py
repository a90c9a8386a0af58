"""What every change of one ticket begins with: its booking found by the ticket's number, and who may have it changed.

Rescheduling (``core.reschedules``), correcting (``core.corrections``) and issuing anew (``core.reissue``) start here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from uuid_utils.compat import uuid7

from core import after_sale, idempotency, print_journal, tickets
from core.after_sale import SoldBooking, SoldPassenger, SoldTicket
from core.approvals import ApprovalNeeded, Wish
from core.database import Actor, Statement, Transaction
from core.errors import NotFound, Refused
from core.idempotency import Request
from core.models import BookingModification, Payment, Ticket
from core.network import Network
from core.office import Office
from core.tickets import TicketRecord
from core.wording import one_line

#: The sub-key under which a change claims its request's key.
STEP: Final = "issue"
#: Issues of a ticket: its code has four bits for them.
MOST_ISSUES: Final = 15

_BOOKING_OF: Final = Statement(
    select(Ticket.booking_id).where(
        Ticket.operator_id == bindparam("operator_id"), Ticket.ticket_number == bindparam("ticket_number")
    )
)
_ISSUE: Final = Statement(
    update(Ticket)
    .where(Ticket.operator_id == bindparam("operator_id"), Ticket.id == bindparam("serial"))
    .values(issue_no=bindparam("issue_no"), qr_code=bindparam("code"), updated_at=func.now())
)
_MODIFICATION: Final = Statement(
    select(BookingModification).where(
        BookingModification.operator_id == bindparam("operator_id"),
        BookingModification.id == bindparam("modification"),
    )
)
_PAID: Final = Statement(
    select(Payment.amount, Payment.change_given).where(
        Payment.operator_id == bindparam("operator_id"), Payment.modification_id == bindparam("modification")
    )
)


@dataclass(frozen=True)
class Holder:
    """A ticket, its booking as it stood before anything was locked, and whose identity was shown for it."""

    sold: SoldBooking
    ticket: SoldTicket
    shown_by: SoldPassenger


def find(office: Office, actor: Actor, number: str) -> tuple[SoldBooking, SoldTicket]:
    """A ticket by its number, with its booking as it stands; nothing is locked.

    Raises:
        NotFound: there is none (code ``unknown_ticket``).
    """
    network = office.network()
    wanted = number.strip()

    def look(tx: Transaction) -> SoldBooking:
        booking_id = tx.send(_BOOKING_OF, ticket_number=wanted).scalar()
        if booking_id is None:
            raise NotFound(f"There is no ticket {wanted[:20]!r}.", code="unknown_ticket", hint="It has twelve digits.")
        return after_sale.look(tx, network, UUID(str(booking_id)))

    sold = office.database.transaction(look, actor=actor)
    return sold, sold.ticket(wanted)


def require_holder(office: Office, actor: Actor, number: str, identity: str) -> Holder:
    """The ticket of that number, if this is the identity of a passenger of its booking; a refusal is on record.

    Raises:
        NotFound: there is no such ticket.
        Refused: ``identity_missing``, ``identity_mismatch``.
    """
    sold, ticket = find(office, actor, number)
    return Holder(sold, ticket, after_sale.require_identity(office, actor, sold, identity))


def require_reason(reason: str) -> str:
    """A reason as it is kept.

    Raises:
        Refused: there is none (code ``reason_missing``).
    """
    why = one_line(reason)
    if not why:
        raise Refused("A change needs a reason.", code="reason_missing", hint="Say why; it goes on record.")
    return why


def require_another_issue(ticket: SoldTicket) -> int:
    """The number of the next issue of a ticket.

    Raises:
        Refused: it was issued as often as its code can count (code ``too_many_issues``).
    """
    if ticket.issue_no >= MOST_ISSUES:
        raise Refused(
            f"This ticket was issued {MOST_ISSUES} times.",
            code="too_many_issues",
            hint="Print a copy, or move it: a moved ticket is a new one.",
        )
    return ticket.issue_no + 1


def approval_needed(wish: Wish, why: str) -> ApprovalNeeded:
    """The refusal of something that takes a supervisor, with what is to be approved."""
    details: dict[str, Any] = {"kind": wish.kind, "amount": wish.amount, **wish.details}
    return ApprovalNeeded(why, hint="A supervisor approves it.", details={"approval": details})


@dataclass(frozen=True)
class Issued:
    """A ticket that was issued anew. Amounts are minor units; older issues of it open no gate any more."""

    modification_id: UUID
    kind: str
    ticket: TicketRecord
    within_policy: bool
    fee: int
    paid: int
    change: int
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As ``counter correct`` and ``counter reissue`` print it."""
        return {
            "booking_number": self.ticket.booking_number,
            "type": self.kind,
            **self.ticket.as_json(),
            "within_policy": self.within_policy,
            "fee": self.fee,
            "paid": self.paid,
            "change": self.change,
            "warnings": list(self.notes),
        }


def issue_anew(tx: Transaction, office: Office, ticket: SoldTicket, printer: str, why: str) -> int:
    """Queue the next issue of a locked ticket, with a code of its own, and its print; returns its number.

    Raises:
        Refused: it was issued as often as its code can count.
    """
    number = require_another_issue(ticket)
    code = tickets.code_for(
        office, ticket.journey, ticket.travel_class, ticket.seat, serial=ticket.serial, issue_no=number
    )
    tx.send(_ISSUE, serial=ticket.serial, issue_no=number, code=code)
    tx.audit(
        "update", "tickets", ticket.serial, old={"issue_no": ticket.issue_no}, new={"issue_no": number, "for": why}
    )
    if printer != "none":
        print_journal.queue(tx, [print_journal.job_row(tx, uuid7(), ticket.serial, number, printer, reason=why)])
    return number


def earlier(office: Office, actor: Actor, asked: Request) -> Issued | None:
    """What was issued under this key before.

    Raises:
        KeyReused: the key belongs to another request.
    """
    network = office.network()

    def look(tx: Transaction) -> Issued | None:
        first = idempotency.earlier(tx, asked, step=STEP)
        return None if first is None else read_issue(tx, network, UUID(first.require_same()))

    return office.database.transaction(look, actor=actor)


def read_issue(tx: Transaction, network: Network, modification_id: UUID, notes: tuple[str, ...] = ()) -> Issued:
    """A new issue as it stands on record."""
    row = tx.send(_MODIFICATION, modification=modification_id).first()
    assert row is not None, "it was claimed with the modification"
    assert row.ticket_id is not None, "an issue is of a ticket"
    paid = tx.send(_PAID, modification=modification_id).first()
    issued = next(one for one in tickets.of_booking(tx, network, row.booking_id) if one.serial == row.ticket_id)
    return Issued(
        modification_id,
        row.modification_type,
        issued,
        row.within_policy,
        row.fee_charged,
        paid.amount if paid else 0,
        (paid.change_given or 0) if paid else 0,
        notes,
    )
