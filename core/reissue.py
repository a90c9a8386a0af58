"""Ticket paper that was lost or spoilt: two things of their own, both counted by clerk.

- *duplicate*: a lost ticket is issued anew. The code is another one and the old paper opens no gate (``duplicate``).
- *non-issued*: the paper came out spoilt and was never handed over. The same issue is printed again: as the original
  where the printer never confirmed the first print, else as a marked copy. The blank is accounted for in the stock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.types import DateTime
from uuid_utils.compat import uuid7

from core import (
    after_sale,
    approvals,
    change_payment,
    idempotency,
    modifications,
    policy,
    print_journal,
    reschedule_rules,
    shifts,
    ticket_changes,
)
from core.after_sale import SoldBooking, SoldTicket
from core.approvals import Wish
from core.bill import Line
from core.database import Actor, Statement, Transaction, on_violation
from core.errors import Refused, StateConflict
from core.idempotency import Request
from core.models import BookingModification, PrintJob, SpoiltPrint, Ticket, User
from core.network import Network
from core.office import Office
from core.payments import Tender
from core.permissions import require
from core.shifts import stock
from core.shifts.desk import Shift
from core.ticket_changes import Issued

on_violation(
    "uq_spoilt_prints_blank",
    lambda: StateConflict(
        "This blank was called spoilt before.", code="blank_spoilt_before", hint="Read the number on the blank again."
    ),
)

_DUPLICATES: Final = Statement(
    select(func.count())
    .select_from(BookingModification)
    .where(
        BookingModification.operator_id == bindparam("operator_id"),
        BookingModification.ticket_id == bindparam("serial"),
        BookingModification.modification_type == "duplicate",
        BookingModification.status == "closed",
    )
)
_LAST_PRINT: Final = Statement(
    select(PrintJob.id, PrintJob.state, PrintJob.copy_no, PrintJob.sent_at)
    .where(
        PrintJob.operator_id == bindparam("operator_id"),
        PrintJob.ticket_id == bindparam("serial"),
        PrintJob.issue_no == bindparam("issue_no"),
    )
    .order_by(PrintJob.copy_no.desc())
    .limit(1)
    .with_for_update()
)
_AGAIN: Final = Statement(
    update(PrintJob)
    .where(PrintJob.operator_id == bindparam("operator_id"), PrintJob.id == bindparam("job_id"))
    .values(
        state="queued", process_id=None, sent_at=None, settled_at=None, printer=bindparam("kind"), updated_at=func.now()
    )
)
_COPIES: Final = Statement(
    update(Ticket)
    .where(Ticket.operator_id == bindparam("operator_id"), Ticket.id == bindparam("serial"))
    .values(copies_printed=Ticket.copies_printed + 1, updated_at=func.now())
    .returning(Ticket.copies_printed)
)
_SPOILT_COLUMNS: Final = (
    *("operator_id", "id", "ticket_id", "issue_no", "modification_id", "print_job_id", "still_counted", "shift_id"),
    *("roll", "blank_number", "reason", "recorded_by", "terminal_id"),
)
_SPOILT: Final = Statement(insert(SpoiltPrint).values({name: bindparam(name) for name in _SPOILT_COLUMNS}))
_FOUND: Final = Statement(
    select(SpoiltPrint, BookingModification.booking_id)
    .join(
        BookingModification,
        (BookingModification.operator_id == SpoiltPrint.operator_id)
        & (BookingModification.id == SpoiltPrint.modification_id),
    )
    .where(
        SpoiltPrint.operator_id == bindparam("operator_id"),
        SpoiltPrint.modification_id == bindparam("modification"),
    )
)
_REPRINT: Final = Statement(
    select(PrintJob.id, PrintJob.copy_no)
    .where(
        PrintJob.operator_id == bindparam("operator_id"),
        PrintJob.ticket_id == bindparam("serial"),
        PrintJob.issue_no == bindparam("issue_no"),
    )
    .order_by(PrintJob.copy_no.desc())
    .limit(1)
)
_BY_CLERK: Final = Statement(
    select(
        User.staff_number,
        User.full_name,
        *(
            func.count().filter(BookingModification.modification_type == kind).label(kind)
            for kind in ("duplicate", "non_issued", "correction")
        ),
    )
    .join(
        BookingModification,
        (BookingModification.operator_id == User.operator_id) & (BookingModification.opened_by == User.id),
    )
    .where(
        User.operator_id == bindparam("operator_id"),
        BookingModification.modification_type.in_(("duplicate", "non_issued", "correction")),
        BookingModification.created_at >= bindparam("since", type_=DateTime(timezone=True)),
        BookingModification.created_at < bindparam("until", type_=DateTime(timezone=True)),
    )
    .group_by(User.staff_number, User.full_name)
    .order_by(User.staff_number)
)


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A spoilt print and what is printed instead; ``copy_no`` 0 is the original again."""

    modification_id: UUID
    ticket_number: str
    job_id: UUID
    copy_no: int
    roll: str | None
    blank: int | None

    def as_json(self) -> dict[str, Any]:
        """As ``counter spoilt`` prints it."""
        return {
            "ticket_number": self.ticket_number,
            "type": "non_issued",
            "copy": self.copy_no,
            "roll": self.roll,
            "blank": self.blank,
        }


@dataclass(frozen=True, slots=True)
class ByClerk:
    """How often somebody issued anew in a time."""

    staff_number: str
    name: str
    duplicates: int
    non_issued: int
    corrections: int


def duplicate_wish(ticket: SoldTicket, fee: int) -> Wish:
    """What a supervisor allows: one more issue of this ticket."""
    return Wish("duplicate", "tickets", ticket.number, fee, {"issue_no": ticket.issue_no + 1})


@dataclass(frozen=True, slots=True)
class DuplicateQuote:
    """What issuing a lost ticket anew would be. ``before`` counts earlier duplicates; ``fee`` in minor units."""

    before: int
    fee: int
    within_policy: bool
    wish: Wish


def duplicate_quote(office: Office, actor: Actor, number: str, identity: str) -> DuplicateQuote:
    """What it would cost, and whether it takes a supervisor; nothing is changed.

    Raises:
        NotFound, Refused, StateConflict: as ``duplicate``.
    """
    require(actor, "sell")
    holder = ticket_changes.require_holder(office, actor, number, identity)

    def look(tx: Transaction) -> DuplicateQuote:
        ticket = _in_force(holder.sold, number)
        ticket_changes.require_another_issue(ticket)
        return _quote(tx, holder.sold, ticket)

    return office.database.transaction(look, actor=actor)


def _quote(tx: Transaction, sold: SoldBooking, ticket: SoldTicket) -> DuplicateQuote:
    before = int(tx.send(_DUPLICATES, serial=ticket.serial).scalar() or 0)
    fee = sold.policies.get(policy.DUPLICATE_FEE, **ticket.place)
    within = before < sold.policies.get(policy.DUPLICATES_PER_TICKET, **ticket.place)
    return DuplicateQuote(before, fee, within, duplicate_wish(ticket, fee))


def duplicate_wish_for(office: Office, actor: Actor, number: str) -> Wish:
    """What to ask a supervisor for, of a ticket that was lost too often.

    Raises:
        NotFound: there is no such ticket.
    """
    sold, ticket = ticket_changes.find(office, actor, number)
    return duplicate_wish(ticket, sold.policies.get(policy.DUPLICATE_FEE, **ticket.place))


def duplicate(
    office: Office,
    actor: Actor,
    number: str,
    identity: str,
    reason: str,
    tender: Tender | None = None,
    *,
    key: UUID,
    approval_id: UUID | None = None,
    printer: str = "none",
) -> Issued:
    """Issue a lost ticket anew; the same key again returns the first result.

    Raises:
        StateConflict: the ticket is used or closed.
        ApprovalNeeded, NotApproved: it was lost before as often as policy lets a clerk replace it.
        Refused: no reason, the train has departed, issued 15 times, ``identity_mismatch``, nothing is paid.
        KeyReused: the key belongs to another request.
    """
    require(actor, "sell")
    why = ticket_changes.require_reason(reason)
    network = office.network()
    holder = ticket_changes.require_holder(office, actor, number, identity)
    asked = Request(key, "duplicate", idempotency.fingerprint(office.keys, ["duplicate", number.strip(), why, tender]))

    def issue(tx: Transaction) -> Issued:
        modification: UUID = uuid7()
        claim = idempotency.claim(tx, asked, modification, step=ticket_changes.STEP)
        here = shifts.ask(tx)
        first = claim.first()
        if first is not None:
            return ticket_changes.read_issue(tx, network, UUID(first.require_same()))
        sold = after_sale.lock(tx, network, holder.sold.id)
        ticket = _in_force(sold, number)
        ticket_changes.require_another_issue(ticket)
        quoted = _quote(tx, sold, ticket)
        within, fee = quoted.within_policy, quoted.fee
        used = None if within else _approved(tx, quoted.wish, approval_id, quoted.before)
        modifications.begin(
            tx, sold.id, "duplicate", why, approval_id=used, user_id=sold.user_id, within_policy=within, fee=fee,
            ticket_id=ticket.serial, modification_id=modification,
        )  # fmt: skip
        issue_no = ticket_changes.issue_anew(tx, office, ticket, printer, "duplicate")
        lines = [Line("fee", fee, "duplicate_fee", ticket.passenger_id)]
        change_payment.take(tx, office, sold, ticket, modification, lines, tender, here)
        said = {"ticket_number": ticket.number, "issue_no": issue_no, "reason": why, "fee": fee}
        tx.event("ticket.duplicate_issued", "tickets", ticket.serial, said)
        modifications.close(tx, modification)
        return ticket_changes.read_issue(tx, network, modification)

    return office.database.transaction(issue, actor=actor)


def _approved(tx: Transaction, wish: Wish, approval_id: UUID | None, before: int) -> UUID:
    if approval_id is None:
        raise ticket_changes.approval_needed(wish, f"This ticket was issued anew {before} times already.")
    return approvals.consume(tx, approval_id, wish).id


def _in_force(sold: SoldBooking, number: str) -> SoldTicket:
    ticket = sold.ticket(number)
    reschedule_rules.require_in_force(ticket.status, sold.status)
    reschedule_rules.require_not_departed(ticket.journey, None, 0, sold.now)
    return ticket


def spoilt(
    office: Office, actor: Actor, number: str, reason: str, printer: str, *, key: UUID, blank: str | None = None
) -> Spoilt:
    """Account for a print that came out spoilt and queue the ticket once more; the same key again changes nothing.

    Args:
        blank: the number on the spoilt blank, ``A17:123`` or ``123`` of the roll that is loaded.

    Raises:
        StateConflict: the ticket is used or closed, or the blank was called spoilt before (``blank_spoilt_before``).
        NoOpenShift: this clerk has no open shift at this drawer, whose stock the blank is part of.
        Refused: no reason, no printer (``no_printer``), the ticket was never printed (``never_printed``), a blank that
            cannot be of the roll (``unknown_roll``, ``roll_missing``, ``roll_numbers``).
        UsageError: what is no number of a blank (``roll_invalid``).
    """
    require(actor, "reprint")
    why = ticket_changes.require_reason(reason)
    if printer == "none":
        raise Refused("This terminal has no printer.", code="no_printer", hint="Set COUNTER_PRINTER.")
    roll, blank_number = stock.blank_of(blank) if blank is not None else (None, None)
    network = office.network()
    sold_before, _ = ticket_changes.find(office, actor, number)
    asked = Request(key, "non_issued", idempotency.fingerprint(office.keys, ["spoilt", number.strip(), why, blank]))

    def account(tx: Transaction) -> Spoilt:
        modification: UUID = uuid7()
        claim = idempotency.claim(tx, asked, modification, step=ticket_changes.STEP)
        here = shifts.ask(tx)
        first = claim.first()
        if first is not None:
            return _read(tx, network, UUID(first.require_same()))
        sold = after_sale.lock(tx, network, sold_before.id)
        ticket = _in_force(sold, number)
        shift = here.read()
        last = tx.send(_LAST_PRINT, serial=ticket.serial, issue_no=ticket.issue_no).first()
        if last is None:
            raise Refused(
                "This ticket was never printed.", code="never_printed", hint="Print it: counter reprint TICKET."
            )
        mark = stock.spoil(tx, shift.id, roll, blank_number)
        modifications.begin(
            tx, sold.id, "non_issued", why, user_id=sold.user_id, ticket_id=ticket.serial,
            modification_id=modification,
        )  # fmt: skip
        tx.send(
            _SPOILT, id=uuid7(), ticket_id=ticket.serial, issue_no=ticket.issue_no, modification_id=modification,
            print_job_id=last.id, still_counted=_still_counted(last.state, last.sent_at, shift), shift_id=shift.id,
            roll=mark, blank_number=blank_number, reason=why, recorded_by=actor.user_id, terminal_id=actor.terminal_id,
        )  # fmt: skip
        copy_no = _print_again(tx, ticket, last, printer, why)
        said = {"ticket_number": ticket.number, "copy": copy_no, "roll": mark, "blank": blank_number, "reason": why}
        tx.audit("update", "tickets", ticket.serial, new={"non_issued": said})
        tx.event("ticket.non_issued", "tickets", ticket.serial, said)
        modifications.close(tx, modification)
        return _read(tx, network, modification)

    return office.database.transaction(account, actor=actor)


def _still_counted(state: str, sent_at: datetime | None, shift: Shift) -> bool:
    """Whether a shift's figures go on counting that print when the ticket is printed once more.

    A confirmed print is counted for good. One that nobody confirmed is printed again under its own row, so it counts
    once more only where it was sent before this shift was opened.
    """
    if state == "confirmed":
        return True
    return state in ("sent", "unknown") and sent_at is not None and sent_at < shift.opened_at


def _print_again(tx: Transaction, ticket: SoldTicket, last: Any, printer: str, why: str) -> int:
    """Queue the print; returns 0 for the original, else the number of the copy."""
    if last.state in ("sent", "unknown"):
        tx.send(_AGAIN, job_id=last.id, kind=printer)
        return int(last.copy_no)
    if last.state == "queued":
        return int(last.copy_no)
    copy_no = int(tx.send(_COPIES, serial=ticket.serial).scalar() or 0)
    row = print_journal.job_row(
        tx, uuid7(), ticket.serial, ticket.issue_no, printer, copy_no=copy_no, reason=f"spoilt: {why}"
    )
    print_journal.queue(tx, [row])
    return copy_no


def _read(tx: Transaction, network: Network, modification: UUID) -> Spoilt:
    """A spoilt print as it stands on record, and the print that follows it."""
    row = tx.send(_FOUND, modification=modification).first()
    assert row is not None, "it was claimed with the modification"
    job = tx.send(_REPRINT, serial=row.ticket_id, issue_no=row.issue_no).first()
    assert job is not None, "it was queued with the modification"
    sold = after_sale.look(tx, network, row.booking_id)
    number = next(one.number for one in sold.tickets if one.serial == row.ticket_id)
    return Spoilt(modification, number, job.id, job.copy_no, row.roll, row.blank_number)


def by_clerk(office: Office, actor: Actor, since: datetime, until: datetime) -> list[ByClerk]:
    """Who issued how much anew between two moments.

    Raises:
        NotPermitted: the role may not look into reports.
    """
    require(actor, "look_into_reports")
    rows = office.database.transaction(lambda tx: tx.send(_BY_CLERK, since=since, until=until).all(), actor=actor)
    return [ByClerk(row.staff_number, row.full_name, row.duplicate, row.non_issued, row.correction) for row in rows]
