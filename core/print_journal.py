"""The print journal: what was to be printed, what a printer was given, and what it said.

queued → sent → confirmed, or unknown when nobody said anything. A job is marked as sent *before* its bytes leave, so a
terminal that dies in between leaves an unknown behind, never a second original. Nothing here talks to a device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import DateTime, Text
from uuid_utils.compat import uuid7

from core.database import Actor, Statement, Transaction
from core.models import PrintJob
from core.office import Office

_COLUMNS: Final = (
    "operator_id",
    "id",
    "ticket_id",
    "issue_no",
    "copy_no",
    "reason",
    "printer",
    "terminal_id",
)
_QUEUE: Final = Statement(insert(PrintJob).values({name: bindparam(name) for name in _COLUMNS}))
_DOCUMENT_COLUMNS: Final = (
    *("operator_id", "id", "issue_no", "copy_no", "reason", "printer", "terminal_id", "document_kind", "document"),
)
_QUEUE_DOCUMENT: Final = Statement(insert(PrintJob).values({name: bindparam(name) for name in _DOCUMENT_COLUMNS}))
_THIS: Final = (PrintJob.operator_id == bindparam("operator_id")) & (PrintJob.id == bindparam("job_id"))
_SEND: Final = Statement(
    update(PrintJob)
    .where(_THIS, PrintJob.state == "queued")
    .values(state="sent", process_id=bindparam("process_id"), sent_at=func.now(), updated_at=func.now())
    .returning(PrintJob.id)
)
_SETTLE: Final = Statement(
    update(PrintJob)
    .where(_THIS, PrintJob.state == func.any(bindparam("from_states", type_=ARRAY(Text))))
    .values(
        state=bindparam("state"),
        last_error=bindparam("error"),
        settled_at=bindparam("settled_at", type_=DateTime(timezone=True)),
        updated_at=func.now(),
    )
    .returning(PrintJob.id)
)
_JOBS: Final = select(
    PrintJob.id,
    PrintJob.ticket_id,
    PrintJob.issue_no,
    PrintJob.copy_no,
    PrintJob.state,
    PrintJob.printer,
    PrintJob.last_error,
).where(PrintJob.operator_id == bindparam("operator_id"))
_OF_TICKETS: Final = Statement(
    _JOBS.where(PrintJob.ticket_id == func.any(bindparam("serials")), PrintJob.state == "queued").order_by(PrintJob.id)
)
_BY_ID: Final = Statement(_JOBS.where(PrintJob.id == bindparam("job_id")))
_IS_OPEN: Final = PrintJob.state == func.any(literal(["queued", "sent", "unknown"], ARRAY(Text)))
_DOCUMENTS: Final = select(
    PrintJob.id,
    PrintJob.document_kind,
    PrintJob.document,
    PrintJob.copy_no,
    PrintJob.state,
    PrintJob.printer,
    PrintJob.last_error,
).where(PrintJob.operator_id == bindparam("operator_id"), PrintJob.document.is_not(None))
_DOCUMENT_BY_ID: Final = Statement(_DOCUMENTS.where(PrintJob.id == bindparam("job_id")))
_OPEN_DOCUMENTS: Final = Statement(
    _DOCUMENTS.where(PrintJob.terminal_id == bindparam("terminal_id"), _IS_OPEN).order_by(PrintJob.id)
)
_OPEN: Final = Statement(
    _JOBS.where(PrintJob.terminal_id == bindparam("terminal_id"), PrintJob.ticket_id.is_not(None), _IS_OPEN).order_by(
        PrintJob.id
    )
)


@dataclass(frozen=True, slots=True)
class Job:
    """One ticket for a printer: the original (``copy_no`` 0) or a marked copy of a ticket."""

    id: UUID
    ticket_serial: int
    issue_no: int
    copy_no: int
    state: str
    printer: str
    last_error: str | None


@dataclass(frozen=True, slots=True)
class DocumentJob:
    """Something else for a printer: a report, printed from ``document`` as it was when it was queued."""

    id: UUID
    kind: str
    document: Mapping[str, Any]
    copy_no: int
    state: str
    printer: str
    last_error: str | None


def _document_job(row: Any) -> DocumentJob:
    return DocumentJob(row.id, row.document_kind, row.document, row.copy_no, row.state, row.printer, row.last_error)


def _job(row: Any) -> Job:
    return Job(row.id, row.ticket_id, row.issue_no, row.copy_no, row.state, row.printer, row.last_error)


def job_row(
    tx: Transaction,
    job_id: UUID,
    serial: int,
    issue_no: int,
    printer: str,
    *,
    copy_no: int = 0,
    reason: str | None = None,
) -> dict[str, Any]:
    """The row of a job that will be queued by this transaction's terminal."""
    return {
        "id": job_id,
        "ticket_id": serial,
        "issue_no": issue_no,
        "copy_no": copy_no,
        "reason": reason,
        "printer": printer,
        "terminal_id": tx.actor.terminal_id,
    }


def queue(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Queue jobs in the transaction that makes them necessary."""
    tx.send_each(_QUEUE, rows)


def queue_document(
    tx: Transaction,
    kind: str,
    document: Mapping[str, Any],
    printer: str,
    *,
    copy_no: int = 0,
    reason: str | None = None,
) -> UUID:
    """Queue a report in the transaction that makes it; returns the job's id. ``kind`` is a ``DOCUMENT_KINDS``."""
    job_id: UUID = uuid7()
    tx.send(
        _QUEUE_DOCUMENT,
        id=job_id,
        issue_no=1,
        copy_no=copy_no,
        reason=reason,
        printer=printer,
        terminal_id=tx.actor.terminal_id,
        document_kind=kind,
        document=Jsonb(dict(document)),
    )
    return job_id


def find_document(office: Office, job_id: UUID) -> DocumentJob | None:
    row = office.database.transaction(lambda tx: tx.send(_DOCUMENT_BY_ID, job_id=job_id).first())
    return None if row is None else _document_job(row)


def open_documents(office: Office, actor: Actor) -> list[DocumentJob]:
    """The reports that this terminal has not seen printed."""
    rows = office.database.transaction(lambda tx: tx.send(_OPEN_DOCUMENTS, terminal_id=actor.terminal_id).all())
    return [_document_job(row) for row in rows]


def queued_for(office: Office, serials: Sequence[int]) -> list[Job]:
    """The jobs of these tickets that no printer has been given yet, oldest first."""
    rows = office.database.transaction(lambda tx: tx.send(_OF_TICKETS, serials=list(serials)).all())
    return [_job(row) for row in rows]


def find(office: Office, job_id: UUID) -> Job | None:
    row = office.database.transaction(lambda tx: tx.send(_BY_ID, job_id=job_id).first())
    return None if row is None else _job(row)


def open_jobs(office: Office, actor: Actor) -> list[Job]:
    """The tickets that this terminal has not seen printed: queued, or given to a printer that never answered."""
    rows = office.database.transaction(lambda tx: tx.send(_OPEN, terminal_id=actor.terminal_id).all())
    return [_job(row) for row in rows]


def mark_sent(office: Office, actor: Actor, job: Job | DocumentJob, process_id: str) -> bool:
    """Claim a queued job just before its bytes leave; False if somebody else has."""
    return office.database.transaction(
        lambda tx: tx.send(_SEND, job_id=job.id, process_id=process_id).first() is not None, actor=actor
    )


def settle(office: Office, actor: Actor, job: Job | DocumentJob, state: str, error: str | None = None) -> bool:
    """Record what became of a job that was sent: confirmed, unknown, or queued again when surely nothing printed.

    Also how a clerk answers for an unknown one: confirmed (it is there) or cancelled (it is not), and how one that is
    out of date is taken out of the queue. False if the job is
    no longer in a state that allows it.
    """
    allowed = {
        "confirmed": ["sent", "unknown"],
        "unknown": ["sent"],
        "queued": ["sent"],
        "cancelled": ["queued", "unknown"],
    }

    def write(tx: Transaction) -> bool:
        done = tx.send(
            _SETTLE,
            job_id=job.id,
            from_states=allowed[state],
            state=state,
            error=error,
            settled_at=None if state == "queued" else tx.now,
        ).first()
        if done is not None and job.state == "unknown":
            tx.audit("update", "print_jobs", job.id, old={"state": "unknown"}, new={"state": state})
        return done is not None

    return office.database.transaction(write, actor=actor)
