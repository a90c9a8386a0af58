"""When trains are late or do not run: long jobs and what they have done, and what travellers were given for waiting."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Stamped, belongs_to, created_column, one_of, tenant_key
from core.states import BACKGROUND_JOB, JOB_ITEM

VOUCHER_KINDS = ("drink", "snack", "meal")


class BackgroundJob(Stamped, Base):
    """Work on many things, each in a transaction of its own: it can be killed at any moment and gone on with."""

    __tablename__ = "background_jobs"
    __table_args__ = (
        belongs_to("users", "started_by"),
        belongs_to("approvals", "approval_id"),
        one_of("status", BACKGROUND_JOB),
        CheckConstraint("total >= 0 AND done >= 0 AND failed >= 0 AND done + failed <= total", name="counts_add_up"),
        CheckConstraint("(status = 'finished') = (finished_at IS NOT NULL)", name="finished_has_time"),
        Index(
            "uq_background_jobs_running",
            "operator_id",
            "kind",
            "subject",
            unique=True,
            postgresql_where=text("status = 'running'"),
        ),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(comment="train_refund …")
    subject: Mapped[str] = mapped_column(comment="the key of what it is about")
    status: Mapped[str] = mapped_column(server_default="running")
    total: Mapped[int] = mapped_column(server_default=text("0"))
    done: Mapped[int] = mapped_column(server_default=text("0"))
    failed: Mapped[int] = mapped_column(server_default=text("0"))
    started_by: Mapped[UUID]
    approval_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    finished_at: Mapped[datetime | None]


class BackgroundJobItem(Base):
    """One thing of a job: settled in the same transaction as the work on it, so it is done once."""

    __tablename__ = "background_job_items"
    __table_args__ = (
        belongs_to("background_jobs", "job_id"),
        one_of("state", JOB_ITEM),
        CheckConstraint("(state = 'pending') = (settled_at IS NULL)", name="settled_has_time"),
        Index(
            "ix_background_job_items_pending",
            "operator_id",
            "job_id",
            postgresql_where=text("state = 'pending'"),
        ),
    )

    operator_id: Mapped[int] = tenant_key()
    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True, comment="its key: of a train's refund, the booking's")
    state: Mapped[str] = mapped_column(server_default="pending")
    result: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    settled_at: Mapped[datetime | None]


class DelayVoucher(Base):
    """What somebody who waits is given, once for each ticket and kind; append-only."""

    __tablename__ = "delay_vouchers"
    __table_args__ = (
        UniqueConstraint("operator_id", "ticket_id", "voucher_kind"),
        belongs_to("tickets", "ticket_id"),
        belongs_to("schedules", "schedule_id"),
        belongs_to("users", "issued_by"),
        belongs_to("terminals", "terminal_id"),
        one_of("voucher_kind", VOUCHER_KINDS),
        CheckConstraint("delay_minutes >= 0", name="delay_not_negative"),
        Index(None, "operator_id", "schedule_id"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(BigInteger)
    schedule_id: Mapped[int] = mapped_column(Integer)
    voucher_kind: Mapped[str]
    delay_minutes: Mapped[int] = mapped_column(SmallInteger, comment="when it was issued")
    issued_by: Mapped[UUID]
    terminal_id: Mapped[int]
    created_at: Mapped[datetime] = created_column()
