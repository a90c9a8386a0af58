"""Decisions that take a second person: what exactly is asked, who asked, who decided, and that it was used once.

Modifications of a closed booking stand here too: nothing enters its ledger any more without one that is open.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Stamped, belongs_to, created_column, one_of, tenant_key
from core.states import APPROVAL, MODIFICATION

MODIFICATION_TYPES = (
    *("cancel", "reschedule", "correction", "late_payment", "settlement"),
    *("upgrade", "fault", "disruption", "duplicate", "non_issued"),
)


class Approval(Stamped, Base):
    """A request to do just this, once. Nobody decides on a request of his own."""

    __tablename__ = "approvals"
    __table_args__ = (
        UniqueConstraint("operator_id", "approval_number"),
        belongs_to("users", "requested_by"),
        belongs_to("users", "decided_by"),
        belongs_to("terminals", "terminal_id"),
        one_of("status", APPROVAL),
        CheckConstraint("btrim(reason) <> ''", name="reason_not_blank"),
        CheckConstraint("decided_by <> requested_by", name="four_eyes"),
        CheckConstraint(
            "(status IN ('approved', 'refused', 'used')) = (decided_by IS NOT NULL)", name="decided_by_one"
        ),
        CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decided_has_time"),
        CheckConstraint("(status = 'used') = (used_at IS NOT NULL)", name="used_has_time"),
        Index("ix_approvals_waiting", "operator_id", "created_at", postgresql_where=text("status = 'pending'")),
        Index(None, "operator_id", "subject_type", "subject_id"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    approval_number: Mapped[int] = mapped_column(comment="what people call it by")
    approval_kind: Mapped[str] = mapped_column(comment="over_short, refund …")
    subject_type: Mapped[str]
    subject_id: Mapped[str]
    amount: Mapped[int | None] = mapped_column(BigInteger, comment="minor units; an approval covers this amount only")
    fingerprint: Mapped[bytes] = mapped_column(comment="SHA-256 of exactly what was asked")
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    reason: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="pending")
    requested_by: Mapped[UUID]
    terminal_id: Mapped[int]
    expires_at: Mapped[datetime]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str | None]
    used_at: Mapped[datetime | None]


class BookingModification(Stamped, Base):
    """A change of a booking that was closed already; while it is open its id lets new rows into the ledger."""

    __tablename__ = "booking_modifications"
    __table_args__ = (
        UniqueConstraint("operator_id", "id", "booking_id"),
        belongs_to("bookings", "booking_id"),
        belongs_to("users", "user_id"),
        belongs_to("users", "opened_by"),
        belongs_to("approvals", "approval_id"),
        belongs_to("tickets", "ticket_id"),
        one_of("modification_type", MODIFICATION_TYPES),
        one_of("status", MODIFICATION),
        CheckConstraint("fee_charged >= 0", name="fee_not_negative"),
        CheckConstraint("(status = 'open') = (closed_at IS NULL)", name="closed_has_time"),
        Index(None, "operator_id", "booking_id"),
        Index(None, "operator_id", "user_id", "created_at"),
        Index(None, "operator_id", "ticket_id"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    booking_id: Mapped[UUID]
    user_id: Mapped[UUID | None] = mapped_column(comment="the customer, where one has an account")
    modification_type: Mapped[str]
    within_policy: Mapped[bool] = mapped_column(server_default=text("true"))
    fee_charged: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    status: Mapped[str] = mapped_column(server_default="open")
    reason: Mapped[str]
    approval_id: Mapped[UUID | None]
    opened_by: Mapped[UUID | None] = mapped_column(comment="null: the reconciliation")
    closed_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    ticket_id: Mapped[int | None] = mapped_column(
        BigInteger, sort_order=930, comment="the ticket it was about; null: the whole booking, or its money"
    )


class PaymentQuestion(Base):
    """Something about a payment that people must look at; open until somebody says how it ended."""

    __tablename__ = "payment_questions"
    __table_args__ = (
        belongs_to("payments", "payment_id"),
        belongs_to("users", "resolved_by"),
        CheckConstraint("(resolved_at IS NULL) = (resolution IS NULL)", name="resolved_says_how"),
        Index(
            "uq_payment_questions_open",
            "operator_id",
            "payment_id",
            "question",
            unique=True,
            postgresql_where=text("resolved_at IS NULL"),
        ),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID]
    question: Mapped[str] = mapped_column(comment="a stable code, see core.payments.judgement")
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    opened_at: Mapped[datetime] = created_column()
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[UUID | None] = mapped_column(comment="null: answered by the gateway itself")
    resolution: Mapped[str | None]
