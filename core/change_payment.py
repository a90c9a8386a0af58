"""Paying for the change of a sold booking: its lines enter the ledger and their sum the drawer, under a modification.

Whatever changes a sold booking says what it costs as lines; ``take`` puts them on the ledger and takes the money in the
same transaction, so the two never differ. Methods that have to be waited for are not taken here: a change is done at
once or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from core import modifications
from core.after_sale import SoldBooking, SoldTicket
from core.bill import Line
from core.database import Transaction
from core.errors import Refused
from core.money import grouped
from core.office import Office
from core.payments import Tender, find, processing_fee, settle
from core.payments.practice import marked
from core.payments.record import Later, record_later
from core.policy import CASH_ROUNDING
from core.shifts.desk import OpenShift


@dataclass(frozen=True, slots=True)
class Charged:
    """What was charged and taken, minor units. ``paid`` is ``due`` less what cash was rounded down by."""

    due: int
    paid: int = 0
    change: int = 0


def take(
    tx: Transaction,
    office: Office,
    sold: SoldBooking,
    ticket: SoldTicket,
    modification_id: UUID,
    lines: Sequence[Line],
    tender: Tender | None,
    shift: OpenShift,
) -> Charged:
    """Charge the lines of an open modification and take their sum into the clerk's open shift.

    Args:
        sold: locked by the caller.
        ticket: the one that is changed; its train and boarding station settle the policies.
        lines: come to nothing or more: what is given back is a refund.
        tender: how it is paid; not looked at where nothing is due.

    Raises:
        Refused: something is due and nothing is offered (``payment_missing``), or as ``core.payments.settle``.
        NoOpenShift: this clerk has no open shift at this drawer.
    """
    due = sum(line.amount for line in lines)
    if not due:
        modifications.charge(tx, sold.id, modification_id, lines)
        return Charged(0)
    if tender is None:
        raise Refused(
            f"{grouped(due)} is to be paid.",
            code="payment_missing",
            hint="Say how it is paid.",
            details={"due": due},
        )
    over = due % sold.policies.get(CASH_ROUNDING, **ticket.place) if find(tender.method).gives_change else 0
    settlement = settle(due - over, tender)
    open_shift = shift.read()
    modifications.charge(tx, sold.id, modification_id, [*lines, Line("discount", -over, "cash_rounding")])
    if settlement.amount:
        fee = processing_fee(sold.policies, settlement.method, settlement.amount, **ticket.place)
        later = Later(sold.id, sold.number, len(sold.payments) + 1, modification_id, fee)
        record_later(tx, office.keys, later, marked(office, settlement), open_shift.id)
    return Charged(due, settlement.amount, settlement.change or 0)
