"""Closing a counted shift with its Z report, and the X report at any time before.

A Z report holds every figure of its shift, is numbered without gaps over all counters of the operator, and chained: its
digest is the SHA-256 of the digest before it and its own body, written as canonical JSON (keys sorted, no blanks,
UTF-8). Whoever changes one, or takes one out, breaks every digest after it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, func, insert, literal_column, select, update
from uuid_utils.compat import uuid7

from core import approvals, policy, print_journal
from core.approvals import Approval, ApprovalNeeded
from core.audit import checkpoints
from core.database import Actor, Statement, Transaction
from core.errors import Refused
from core.models import PrintJob, ZReport
from core.models import Shift as ShiftRow
from core.money import grouped
from core.office import Office
from core.permissions import allowed
from core.policy import X_SHOWS_EXPECTED
from core.shifts import counting, records
from core.shifts.counting import Counted
from core.shifts.sheet import Sheet, StoredZ, here
from core.wording import one_line

_NUMBERS: Final = Statement(
    select(func.pg_advisory_xact_lock(func.hashtext(literal_column("'z_number'")), bindparam("operator_id")))
)
_LAST: Final = Statement(
    select(ZReport.z_number, ZReport.digest)
    .where(ZReport.operator_id == bindparam("operator_id"))
    .order_by(ZReport.z_number.desc())
    .limit(1)
)
_JOBS_OF: Final = Statement(
    select(PrintJob.id, PrintJob.state, PrintJob.terminal_id)
    .where(
        PrintJob.operator_id == bindparam("operator_id"),
        PrintJob.document_kind == "z_report",
        PrintJob.document["digest"].astext == bindparam("digest"),
    )
    .order_by(PrintJob.id)
)
_Z_COLUMNS: Final = ("operator_id", "id", "z_number", "shift_id", "body", "digest")
_INSERT_Z: Final = Statement(insert(ZReport).values({name: bindparam(name) for name in _Z_COLUMNS}))
_CLOSE: Final = Statement(
    update(ShiftRow)
    .where(ShiftRow.operator_id == bindparam("operator_id"), ShiftRow.id == bindparam("shift_id"))
    .values(
        status="closed",
        expected_amount=bindparam("expected"),
        difference_reason=bindparam("why"),
        approval_id=bindparam("approval"),
        closed_at=func.now(),
        closed_by=bindparam("closer"),
        updated_at=func.now(),
    )
)


@dataclass(frozen=True, slots=True)
class Closed:
    """A shift that was closed: its report, and the print job of it if there is a printer."""

    report: StoredZ
    job_id: UUID | None


def digest(before: bytes, body: Mapping[str, Any]) -> bytes:
    """The digest of a report: SHA-256 over the digest before it (empty for the first) and its canonical JSON."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(before + canonical.encode()).digest()


def x_report(office: Office, actor: Actor) -> dict[str, Any]:
    """The shift at this terminal as it stands.

    What should be in the drawer is told to whoever manages shifts, to everybody once it is counted, and to clerks
    before that only where policy allows it (``expected`` is None otherwise).

    Raises:
        NoOpenShift: no shift here, or somebody else's.
    """

    def look(tx: Transaction) -> dict[str, Any]:
        asked_policies = policy.ask(tx)
        sheet = here(tx, office, actor)
        figures = records.ask_figures(tx, sheet.shift, sheet.zone).read()
        shown = (
            sheet.shift.status == "counted"
            or allowed(actor, "manage_shifts")
            or asked_policies.read().get(X_SHOWS_EXPECTED, station_id=actor.station_id)
        )
        return {
            "report": "x",
            "operator": office.operator.name,
            **_marks(office),
            "currency": office.operator.currency,
            **sheet.heading(),
            "made_at": sheet.at(tx.now),
            **figures.as_json(),
            "expected": figures.expected if shown else None,
        }

    return office.database.transaction(look, actor=actor)


def print_x(office: Office, actor: Actor, report: Mapping[str, Any], printer: str) -> UUID:
    """Queue an X report for the printer; returns the job's id."""

    def write(tx: Transaction) -> UUID:
        return print_journal.queue_document(tx, "x_report", report, printer)

    return office.database.transaction(write, actor=actor)


def print_z(office: Office, actor: Actor, report: StoredZ, printer: str) -> UUID:
    """Queue a Z report for this terminal's printer; returns the job's id.

    One that still waits here is printed as it was meant to be; after that every further print is a marked copy.
    """

    def write(tx: Transaction) -> UUID:
        tx.send(_NUMBERS)
        jobs = tx.send(_JOBS_OF, digest=report.digest.hex()).all()
        for job in jobs:
            if job.state == "queued" and job.terminal_id == actor.terminal_id:
                waiting: UUID = job.id
                return waiting
        tx.audit("update", "z_reports", report.shift_id, new={"z_number": report.number, "copy": len(jobs)})
        return print_journal.queue_document(tx, "z_report", report.as_json(), printer, copy_no=len(jobs))

    return office.database.transaction(write, actor=actor)


def close(
    office: Office, actor: Actor, *, reason: str = "", approval_id: UUID | None = None, printer: str = "none"
) -> Closed:
    """Close the counted shift at this terminal.

    Args:
        reason: why the drawer differs; needed if it does.
        approval_id: of a difference above the limit.
        printer: the kind of printer the report is queued for; ``none`` queues nothing.

    Raises:
        NoOpenShift: no shift here, or somebody else's.
        Refused: it is not counted yet (``shift_not_counted``), or it differs and nobody says why (``reason_missing``).
        ApprovalNeeded: the difference is above the limit.
        NotApproved: the approval is not for this difference.
    """
    reason = one_line(reason)

    def write(tx: Transaction) -> Closed:
        asked = policy.ask(tx)
        sheet = here(tx, office, actor, lock=True)
        done = counting.read(tx, sheet, asked.read())
        approval = _settle_difference(tx, done, reason, approval_id)
        tx.send(_NUMBERS)
        last = tx.send(_LAST).first()
        number, before = (last.z_number + 1, bytes(last.digest)) if last is not None else (1, b"")
        body = _body(office, tx, sheet, done, reason, approval, number, before)
        report = StoredZ(number, body, digest(before, body), sheet.shift.id)
        tx.send(
            _CLOSE,
            shift_id=sheet.shift.id,
            expected=done.expected,
            why=reason or None,
            approval=approval.id if approval else None,
            closer=actor.user_id,
        )
        report_id = uuid7()
        tx.send(
            _INSERT_Z, id=report_id, z_number=number, shift_id=report.shift_id, body=Jsonb(body), digest=report.digest
        )
        job_id = None
        if printer != "none":
            job_id = print_journal.queue_document(tx, "z_report", report.as_json(), printer)
        _tell(tx, report, done, approval)
        return Closed(report, job_id)

    return office.database.transaction(write, actor=actor)


def _settle_difference(tx: Transaction, done: Counted, reason: str, approval_id: UUID | None) -> Approval | None:
    if not done.needs_reason:
        return None
    side = "over" if done.worst > 0 else "short"
    sentence = (
        f"The drawer {'is' if done.worst == done.difference else 'was counted'} {grouped(abs(done.worst))} {side}."
    )
    if not reason:
        raise Refused(sentence, code="reason_missing", hint="Say why; it goes on record.", details=done.outcome())
    if not done.needs_approval:
        return None
    if approval_id is None:
        raise ApprovalNeeded(
            f"{sentence} That is above the limit of {grouped(done.limit)}.",
            hint="A supervisor approves it.",
            details=done.outcome(),
        )
    return approvals.consume(tx, approval_id, done.wish())


def _marks(office: Office) -> dict[str, Any]:
    """What a report says of training: nothing, where real money was counted."""
    return {"training": True} if office.operator.is_training else {}


def _body(
    office: Office,
    tx: Transaction,
    sheet: Sheet,
    done: Counted,
    reason: str,
    approval: Approval | None,
    number: int,
    before: bytes,
) -> dict[str, Any]:
    """Every figure, in words and whole numbers: what JSON gives back as it took it."""
    return {
        "report": "z",
        "z_number": number,
        "operator": office.operator.name,
        **_marks(office),
        "currency": office.operator.currency,
        **sheet.heading(),
        "status": "closed",
        "closed_at": sheet.at(tx.now),
        "closed_by": tx.actor.full_name,
        **done.figures.as_json(),
        **done.outcome(),
        "difference_reason": reason if done.needs_reason else None,
        "approved_by": approval.decided_by_name if approval else None,
        "approval_number": approval.number if approval else None,
        "audit_head": checkpoints.head_of(tx, sheet.shift.terminal_id),
        "previous_digest": before.hex(),
    }


def _tell(tx: Transaction, report: StoredZ, done: Counted, approval: Approval | None) -> None:
    said = {
        "status": "closed",
        "z_number": report.number,
        "expected": done.expected,
        "counted": done.count.amount,
        "difference": done.difference,
        "approved_by": approval.decided_by_name if approval else None,
    }
    tx.audit("update", "shifts", report.shift_id, old={"status": "counted"}, new=said)
    tx.event("shift.closed", "shifts", report.shift_id, said)
