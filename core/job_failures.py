"""Work in the background that came to nothing: put on record once, looked into, tried again or let be by a supervisor.

What belongs here: the record and its resolution. Doing the work again is the business of its own module, which is asked
for it by the failure's kind (``counter.cli.failures``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from core.database import Actor, Statement, Transaction
from core.errors import NotFound, Refused, StateConflict
from core.models import JobFailure
from core.office import Office
from core.permissions import require
from core.redaction import redacted
from core.wording import one_line

_COLUMNS: Final = ("operator_id", "id", "job_kind", "subject", "exception", "context", "attempts", "is_critical")
_RECORD: Final = Statement(
    insert(JobFailure).values({name: bindparam(name) for name in _COLUMNS}).on_conflict_do_nothing()
)
_MINE: Final = JobFailure.operator_id == bindparam("operator_id")
_OPEN: Final = Statement(
    select(JobFailure)
    .where(_MINE, text("job_failures.resolved_at IS NULL"))
    .order_by(JobFailure.is_critical.desc(), JobFailure.created_at.desc())
    .limit(100)
)
_ALL: Final = Statement(select(JobFailure).where(_MINE).order_by(JobFailure.created_at.desc()).limit(100))
_BY_ID: Final = Statement(select(JobFailure).where(_MINE, JobFailure.id == bindparam("failure_id")))
_LOCK: Final = Statement(
    select(JobFailure.id)
    .where(_MINE, JobFailure.id == bindparam("failure_id"), JobFailure.resolved_at.is_(None))
    .with_for_update()
)
_RESOLVE: Final = Statement(
    update(JobFailure)
    .where(_MINE, JobFailure.id == bindparam("failure_id"))
    .values(resolved_at=func.now(), resolved_by=bindparam("who"), resolution=bindparam("how"))
)


@dataclass(frozen=True, slots=True)
class Failure:
    """One piece of work that failed. ``resolution`` says what was done about it; None: nothing yet."""

    id: UUID
    kind: str
    subject: str
    exception: str
    context: Mapping[str, Any]
    attempts: int
    is_critical: bool
    at: datetime
    resolution: str | None

    def as_json(self) -> dict[str, Any]:
        return {
            "failure_id": str(self.id),
            "kind": self.kind,
            "subject": self.subject,
            "exception": self.exception,
            "context": dict(self.context),
            "attempts": self.attempts,
            "critical": self.is_critical,
            "at": self.at.isoformat(),
            "resolution": self.resolution,
        }


def record(
    tx: Transaction,
    kind: str,
    subject: str,
    exception: str,
    context: Mapping[str, Any],
    *,
    attempts: int = 1,
    critical: bool = False,
) -> None:
    """Queue the record of a failure; while one about the same thing is open there is no second.

    Args:
        subject: the key of what it was about.
        context: whatever helps to understand it; nothing personal.
    """
    failure: UUID = uuid7()
    tx.send(
        _RECORD,
        id=failure,
        job_kind=kind,
        subject=subject,
        exception=redacted(exception)[:1000],
        context=Jsonb(dict(context)),
        attempts=attempts,
        is_critical=critical,
    )
    tx.event("job.failed", "job_failures", failure, {"kind": kind, "subject": subject, "critical": critical})


def listed(office: Office, actor: Actor, *, resolved: bool = False) -> list[Failure]:
    """The newest hundred that nobody resolved, critical ones first; with ``resolved`` those too.

    Raises:
        NotPermitted: the role may not look.
    """
    require(actor, "look_into_failures")
    rows = office.database.transaction(lambda tx: tx.send(_ALL if resolved else _OPEN).all(), actor=actor)
    return [_failure(row) for row in rows]


def _failure(row: Any) -> Failure:
    return Failure(
        row.id, row.job_kind, row.subject, row.exception, row.context, row.attempts, row.is_critical, row.created_at,
        row.resolution,
    )  # fmt: skip


def open_one(tx: Transaction, failure_id: UUID) -> Failure:
    """A failure nobody has resolved, locked.

    Raises:
        NotFound: there is none (code ``unknown_failure``).
        StateConflict: somebody has (code ``failure_resolved``).
    """
    row = tx.send(_BY_ID, failure_id=failure_id).first()
    if row is None:
        raise NotFound("There is no such failure.", code="unknown_failure", hint="List: counter admin failures list.")
    if row.resolved_at is not None or tx.send(_LOCK, failure_id=failure_id).first() is None:
        raise StateConflict("This failure is resolved already.", code="failure_resolved", hint=row.resolution or "")
    return _failure(row)


def close(tx: Transaction, failure: Failure, how: str) -> None:
    """Queue the resolution of an open failure."""
    tx.send(_RESOLVE, failure_id=failure.id, who=tx.actor.user_id, how=how)
    tx.audit("update", "job_failures", failure.id, old={"resolution": None}, new={"resolution": how})


def resolve(office: Office, actor: Actor, failure_id: UUID, note: str) -> Failure:
    """Let it be, with a note on why.

    Raises:
        NotPermitted: the role may not.
        Refused: no note (``reason_missing``).
        NotFound, StateConflict: as ``open_one``.
    """
    require(actor, "look_into_failures")
    how = one_line(note)
    if not how:
        raise Refused("A failure is resolved with a note.", code="reason_missing", hint="Say what was done about it.")

    def write(tx: Transaction) -> Failure:
        found = open_one(tx, failure_id)
        close(tx, found, how)
        return found

    return office.database.transaction(write, actor=actor)
