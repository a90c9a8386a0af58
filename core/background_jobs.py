"""Long work as one job that can be killed at any moment: rows that say what is done, and how the next thing is taken.

The work on each thing and the note that it is done are one transaction. Several at work on the same job share it: a
thing somebody is at is passed over (SKIP LOCKED). What belongs here: the rows. What is done is the job's own module.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from uuid_utils.compat import uuid7

from core.database import Statement, Transaction, on_violation
from core.errors import NotFound, StateConflict
from core.models import BackgroundJob, BackgroundJobItem

on_violation(
    "uq_background_jobs_running",
    lambda: StateConflict("This is under way already.", code="job_running", hint="Go on with it: disrupt resume."),
)

_COLUMNS: Final = ("operator_id", "id", "kind", "subject", "total", "started_by", "approval_id", "details")
_START: Final = Statement(insert(BackgroundJob).values({name: bindparam(name) for name in _COLUMNS}))
_ITEM_COLUMNS: Final = ("operator_id", "job_id", "item")
_ADD: Final = Statement(insert(BackgroundJobItem).values({name: bindparam(name) for name in _ITEM_COLUMNS}))
_THIS: Final = (BackgroundJob.operator_id == bindparam("operator_id")) & (BackgroundJob.id == bindparam("job_id"))
_BY_ID: Final = Statement(select(BackgroundJob).where(_THIS))
_OF: Final = Statement(
    select(BackgroundJob)
    .where(
        BackgroundJob.operator_id == bindparam("operator_id"),
        BackgroundJob.kind == bindparam("kind"),
        BackgroundJob.subject == bindparam("subject"),
    )
    .order_by(BackgroundJob.created_at.desc(), BackgroundJob.id.desc())
    .limit(1)
)
_ALL: Final = Statement(
    select(BackgroundJob)
    .where(BackgroundJob.operator_id == bindparam("operator_id"))
    .order_by(BackgroundJob.created_at.desc(), BackgroundJob.id.desc())
    .limit(100)
)
_ITEMS: Final = (BackgroundJobItem.operator_id == bindparam("operator_id")) & (
    BackgroundJobItem.job_id == bindparam("job_id")
)
_PENDING: Final = (
    select(BackgroundJobItem.item)
    .where(_ITEMS, text("background_job_items.state = 'pending'"))
    .order_by(BackgroundJobItem.item)
    .limit(1)
)
_NEXT: Final = Statement(_PENDING.with_for_update(skip_locked=True))
_NEXT_WAITING: Final = Statement(_PENDING.with_for_update())
_THIS_ONE: Final = Statement(
    select(BackgroundJobItem.item)
    .where(_ITEMS, BackgroundJobItem.item == bindparam("item"), BackgroundJobItem.state == "pending")
    .with_for_update()
)
_SETTLE: Final = Statement(
    update(BackgroundJobItem)
    .where(_ITEMS, BackgroundJobItem.item == bindparam("item"))
    .values(state=bindparam("outcome"), result=bindparam("what", type_=JSONB), settled_at=func.clock_timestamp())
)
_COUNT: Final = Statement(
    update(BackgroundJob)
    .where(_THIS)
    .values(
        done=BackgroundJob.done + bindparam("more_done"),
        failed=BackgroundJob.failed + bindparam("more_failed"),
        updated_at=func.clock_timestamp(),
    )
)
_FINISH: Final = Statement(
    update(BackgroundJob)
    .where(
        _THIS,
        BackgroundJob.status == "running",
        BackgroundJob.done + BackgroundJob.failed == BackgroundJob.total,
    )
    .values(status="finished", finished_at=func.now(), updated_at=func.now())
    .returning(BackgroundJob.id)
)
_AGAIN: Final = Statement(
    update(BackgroundJobItem)
    .where(_ITEMS, BackgroundJobItem.state == "failed")
    .values(state="pending", settled_at=None)
    .returning(BackgroundJobItem.item)
)
_REOPEN: Final = Statement(
    update(BackgroundJob)
    .where(_THIS)
    .values(status="running", finished_at=None, failed=BackgroundJob.failed - bindparam("fewer"), updated_at=func.now())
)
_LOCK: Final = Statement(select(BackgroundJob.id).where(_THIS).with_for_update())
_FAILED: Final = Statement(
    select(BackgroundJobItem.item, BackgroundJobItem.result).where(_ITEMS, BackgroundJobItem.state == "failed")
)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands: ``total`` things, ``done`` or ``failed`` so far."""

    id: UUID
    kind: str
    subject: str
    status: str
    total: int
    done: int
    failed: int
    started_by: UUID
    approval_id: UUID | None
    details: Mapping[str, Any]
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        return {
            "job_id": str(self.id),
            "kind": self.kind,
            "subject": self.subject,
            "status": self.status,
            "total": self.total,
            "done": self.done,
            "failed": self.failed,
            "left": self.total - self.done - self.failed,
            "started_at": self.started_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
        }


def _job(row: Any) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        subject=row.subject,
        status=row.status,
        total=row.total,
        done=row.done,
        failed=row.failed,
        started_by=row.started_by,
        approval_id=row.approval_id,
        details=row.details,
        started_at=row.created_at,
        updated_at=row.updated_at,
        finished_at=row.finished_at,
    )


def start(
    tx: Transaction,
    kind: str,
    subject: str,
    items: Collection[str],
    details: Mapping[str, Any],
    *,
    approval_id: UUID | None = None,
) -> UUID:
    """Queue a job with everything it is about; one of a kind runs about one subject at a time (``job_running``)."""
    job: UUID = uuid7()
    tx.send(
        _START,
        id=job,
        kind=kind,
        subject=subject,
        total=len(items),
        started_by=tx.actor.user_id,
        approval_id=approval_id,
        details=Jsonb(dict(details)),
    )
    tx.send_each(_ADD, [{"job_id": job, "item": item} for item in sorted(items)])
    tx.audit("create", "background_jobs", job, new={"kind": kind, "subject": subject, "total": len(items)})
    return job


def find(tx: Transaction, job_id: UUID) -> Job:
    """
    Raises:
        NotFound: there is none (code ``unknown_job``).
    """
    row = tx.send(_BY_ID, job_id=job_id).first()
    if row is None:
        raise NotFound("There is no such job.", code="unknown_job", hint="List them: counter disrupt jobs.")
    return _job(row)


def latest(tx: Transaction, kind: str, subject: str) -> Job | None:
    """The newest job of a kind about a subject."""
    row = tx.send(_OF, kind=kind, subject=subject).first()
    return None if row is None else _job(row)


def listed(tx: Transaction) -> list[Job]:
    """The newest hundred."""
    return [_job(row) for row in tx.send(_ALL).all()]


def take(tx: Transaction, job_id: UUID) -> str | None:
    """The next thing nobody else is at, locked until the transaction ends.

    Where somebody is at all that are left, his end is waited for: whoever was killed at one leaves it to others. None:
    none is left, or the one that was waited for is done.
    """
    item = tx.send(_NEXT, job_id=job_id).scalar() or tx.send(_NEXT_WAITING, job_id=job_id).scalar()
    return None if item is None else str(item)


def still_pending(tx: Transaction, job_id: UUID, item: str) -> bool:
    """Whether a thing is still to be done, locked until the transaction ends."""
    return tx.send(_THIS_ONE, job_id=job_id, item=item).first() is not None


def settle(tx: Transaction, job_id: UUID, item: str, outcome: str, result: Mapping[str, Any]) -> None:
    """Queue that a thing is ``done`` or ``failed``; the last statements of its transaction."""
    tx.send(_SETTLE, job_id=job_id, item=item, outcome=outcome, what=Jsonb(dict(result)))
    tx.send(_COUNT, job_id=job_id, more_done=int(outcome == "done"), more_failed=int(outcome == "failed"))


def finish(tx: Transaction, job_id: UUID) -> bool:
    """End a job of which nothing is left; whether this was the moment it ended."""
    if tx.send(_FINISH, job_id=job_id).first() is None:
        return False
    ended = find(tx, job_id)
    tx.audit("update", "background_jobs", job_id, old={"status": "running"}, new=ended.as_json())
    tx.event(f"{ended.kind}.finished", "background_jobs", job_id, ended.as_json())
    return True


def try_failed_again(tx: Transaction, job_id: UUID) -> int:
    """Let what had failed be done again; how many things."""
    tx.send(_LOCK, job_id=job_id)
    again = len(tx.send(_AGAIN, job_id=job_id).scalars())
    if again:
        tx.send(_REOPEN, job_id=job_id, fewer=again)
        tx.audit("update", "background_jobs", job_id, new={"again": again})
    return again


def failures(tx: Transaction, job_id: UUID) -> list[dict[str, Any]]:
    """What failed, and why."""
    return [{"item": row.item, **row.result} for row in tx.send(_FAILED, job_id=job_id).all()]
