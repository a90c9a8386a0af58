"""How a fine ends: paid at a counter into the clerk's shift, or waived with a reason and a supervisor's word.

Paying locks the fine's row: of several counters that take the money of one fine at once, one does and the others are
told. What was taken is part of the shift's figures as a line of its own (``core.shifts.figures``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, update

from core import approvals, fines, idempotency, print_journal, shifts
from core.approvals import ApprovalNeeded, Wish
from core.clock import local
from core.database import Actor, Statement, Transaction
from core.errors import Refused, StateConflict
from core.fines import Fine
from core.idempotency import Request
from core.models import Fine as FineRow
from core.models import Station, Terminal
from core.office import Office
from core.payments import METHODS, Settlement, Tender, settle
from core.payments.card import concealed_reference
from core.payments.practice import marked
from core.permissions import allowed, require
from core.wording import one_line

_THIS: Final = (FineRow.operator_id == bindparam("operator_id")) & (FineRow.fine_number == bindparam("number"))
_LOCK: Final = Statement(select(FineRow.id, FineRow.status).where(_THIS).with_for_update())
_PAY: Final = Statement(
    update(FineRow)
    .where(_THIS)
    .values(
        status="paid",
        paid_at=func.now(),
        paid_by=bindparam("clerk"),
        shift_id=bindparam("shift_id"),
        payment_method=bindparam("method"),
        tendered=bindparam("tendered_amount"),
        change_given=bindparam("change_amount"),
        external_reference=bindparam("reference"),
        card_last_four=bindparam("last_four"),
        edc_terminal=bindparam("machine"),
        edc_batch=bindparam("batch"),
        updated_at=func.now(),
    )
)
_WAIVE: Final = Statement(
    update(FineRow)
    .where(_THIS)
    .values(
        status="waived",
        waived_at=func.now(),
        waived_by=bindparam("waiver"),
        waive_reason=bindparam("why"),
        waive_approval_id=bindparam("approval"),
        updated_at=func.now(),
    )
)
_WHERE: Final = Statement(
    select(Terminal.terminal_code, Station.station_code)
    .outerjoin(Station, (Station.operator_id == Terminal.operator_id) & (Station.id == Terminal.station_id))
    .where(Terminal.operator_id == bindparam("operator_id"), Terminal.id == bindparam("terminal_id"))
)


@dataclass(frozen=True, slots=True)
class Paid:
    """A fine that was paid, and the print job of its receipt if there is a printer."""

    fine: Fine
    job_id: UUID | None = None


def _lock(tx: Transaction, number: int) -> Fine:
    """
    Raises:
        NotFound: there is none.
        StateConflict: it is paid or waived already (codes ``fine_paid``, ``fine_waived``).
    """
    tx.send(_LOCK, number=number)
    found = fines.read(tx, number)
    if found.status != "open":
        raise StateConflict(
            f"Fine {number} is {found.status} already.", code=f"fine_{found.status}", hint="Look at it."
        )
    return found


def pay(office: Office, actor: Actor, number: int, tender: Tender, *, key: UUID, printer: str = "none") -> Paid:
    """Take the money for a fine; the same key again takes nothing more and returns the fine.

    Args:
        printer: the kind of printer the receipt is queued for; ``none`` queues nothing.

    Raises:
        NotFound: no such fine (code ``unknown_fine``).
        StateConflict: it is paid or waived already (``fine_paid``, ``fine_waived``).
        NoOpenShift: this clerk has no open shift at this drawer.
        Refused: as ``core.payments.settle``; what has to be waited for is not taken (``method_waits``).
        KeyReused: the key belongs to another request.
    """
    require(actor, "sell")
    asked = Request(key, "fine", idempotency.fingerprint(office.keys, [number, tender]))

    def take(tx: Transaction) -> Paid:
        claim = idempotency.claim(tx, asked, number, step="pay")
        here = shifts.ask(tx)
        first = claim.first()
        if first is not None:
            return Paid(fines.read(tx, int(first.require_same())))
        fine = _lock(tx, number)
        settlement = _concealed(office, number, marked(office, settle(fine.amount, tender)))
        shift = here.read()
        tx.send(
            _PAY,
            number=number,
            clerk=actor.user_id,
            shift_id=shift.id,
            method=settlement.method,
            tendered_amount=settlement.tendered,
            change_amount=settlement.change,
            reference=settlement.reference,
            last_four=settlement.card_last_four,
            machine=settlement.edc_terminal,
            batch=settlement.edc_batch,
        )
        said = {"fine_number": number, "amount": fine.amount, "method": settlement.method, "status": "paid"}
        tx.audit("update", "fines", fine.id, old={"status": "open"}, new={**said, "shift_number": shift.number})
        tx.event("fine.paid", "fines", fine.id, said)
        done = fines.read(tx, number)
        job = None
        if printer != "none":
            job = print_journal.queue_document(tx, "receipt", _receipt(tx, office, done), printer)
        return Paid(done, job)

    return office.database.transaction(take, actor=actor)


def _concealed(office: Office, number: int, settlement: Settlement) -> Settlement:
    """A card's settlement without a slip's reference that anybody could read."""
    if settlement.reference is None or not METHODS[settlement.method].takes_card_details:
        return settlement
    hidden = concealed_reference(office.keys, f"fine-{number}", settlement.reference)
    return Settlement(
        settlement.method, settlement.amount, settlement.tendered, settlement.change, hidden,
        settlement.card_last_four, settlement.edc_terminal, settlement.edc_batch,
    )  # fmt: skip


def _receipt(tx: Transaction, office: Office, fine: Fine) -> dict[str, Any]:
    """What the receipt says. Documents of print jobs are kept: no name stands in them."""
    place = tx.send(_WHERE, terminal_id=tx.actor.terminal_id).first()
    stretch = f"{fine.origin} - {fine.destination}" if fine.origin and fine.destination else None
    at = local(tx.now, office.operator.time_zone).isoformat(timespec="seconds")
    return {
        "report": "fine",
        "operator": office.operator.name,
        **({"training": True} if office.operator.is_training else {}),
        "currency": office.operator.currency,
        "number": fine.number,
        "kind": fine.kind,
        "identity": fine.identity,
        "train": f"{fine.train_number} {fine.train_name}",
        "date": fine.service_date.isoformat(),
        "stretch": stretch,
        "amount": fine.amount,
        "method": fine.method,
        "tendered": fine.tendered,
        "change": fine.change,
        "paid_at": at,
        "clerk": tx.actor.full_name,
        "terminal": place.terminal_code if place else "",
        "station": (place.station_code if place else None) or "",
    }


def _wish(fine: Fine) -> Wish:
    return Wish("fine_waiver", "fines", str(fine.id), fine.amount, {"fine": fine.number, "kind": fine.kind})


def wish_for(office: Office, actor: Actor, number: int) -> Wish:
    """What to ask a supervisor for, to waive a fine.

    Raises:
        NotFound: no such fine.
        StateConflict: it is paid or waived already.
    """
    require(actor, "handle_fines")
    return _wish(office.database.transaction(lambda tx: _lock(tx, number), actor=actor))


def waive(office: Office, actor: Actor, number: int, reason: str, *, approval_id: UUID | None = None) -> Fine:
    """Let somebody off a fine; its ban ends with it.

    Raises:
        NotFound: no such fine.
        StateConflict: it is paid or waived already.
        Refused: no reason (``reason_missing``).
        ApprovalNeeded: this is no supervisor's session.
        NotApproved: the approval is for something else.
    """
    require(actor, "handle_fines")
    why = one_line(reason)
    if not why:
        raise Refused("A fine is waived with a reason.", code="reason_missing", hint="Say why; it goes on record.")

    def write(tx: Transaction) -> Fine:
        fine = _lock(tx, number)
        if approval_id is not None:
            approvals.consume(tx, approval_id, _wish(fine))
        elif not allowed(actor, "waive_fines"):
            raise ApprovalNeeded(
                "Waiving a fine takes a supervisor.",
                hint="A supervisor approves it.",
                details={"kind": "fine_waiver", "amount": fine.amount},
            )
        tx.send(_WAIVE, number=number, waiver=actor.user_id, why=why, approval=approval_id)
        said = {"fine_number": number, "amount": fine.amount, "status": "waived", "reason": why}
        tx.audit("update", "fines", fine.id, old={"status": "open"}, new={**said, "approval": str(approval_id or "")})
        tx.event("fine.waived", "fines", fine.id, said)
        return fines.read(tx, number)

    return office.database.transaction(write, actor=actor)
