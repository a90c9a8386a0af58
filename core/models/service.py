"""Service: what customers ask for besides tickets, by when they are answered, and what was escalated."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Stamped, belongs_to, created_column, one_of, tenant_key
from core.states import CALLBACK

SERVICE_KINDS = ("callback", "assistance", "complaint", "lost_property")
PRIORITIES = ("urgent", "normal", "low")
ESCALATED_TO = ("supervisor", "admin")


class CallbackRequest(Stamped, Base):
    """A customer waits for somebody of the staff."""

    __tablename__ = "callback_requests"
    __table_args__ = (
        UniqueConstraint("operator_id", "request_number"),
        belongs_to("users", "user_id"),
        belongs_to("stations", "station_id"),
        belongs_to("users", "preferred_staff"),
        belongs_to("users", "assigned_to"),
        belongs_to("users", "opened_by"),
        belongs_to("users", "resolved_by"),
        belongs_to("terminals", "terminal_id"),
        one_of("service_kind", SERVICE_KINDS),
        one_of("status", CALLBACK),
        one_of("priority", PRIORITIES),
        CheckConstraint("user_id IS NOT NULL OR btrim(customer_name) <> ''", name="somebody_asks"),
        CheckConstraint("(contact_phone IS NULL) = (contact_phone_digest IS NULL)", name="phone_digest_beside_phone"),
        CheckConstraint("status NOT IN ('assigned', 'in_progress') OR assigned_to IS NOT NULL", name="assigned_to_one"),
        CheckConstraint(
            "(status IN ('resolved', 'cancelled')) = (resolved_at IS NOT NULL)"
            " AND (resolved_at IS NULL) = (resolved_by IS NULL)"
            " AND (resolved_at IS NULL OR btrim(resolution) <> '')",
            name="ended_says_how",
        ),
        Index(
            "ix_callback_requests_open",
            "operator_id",
            "expires_at",
            postgresql_where=text("status IN ('new', 'assigned', 'in_progress')"),
        ),
        Index(None, "operator_id", "contact_phone_digest"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    request_number: Mapped[int] = mapped_column(comment="what people call it by")
    service_kind: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="new")
    priority: Mapped[str] = mapped_column(server_default="normal")
    user_id: Mapped[UUID | None] = mapped_column(comment="the customer, where one has an account")
    customer_name: Mapped[str | None]
    contact_phone: Mapped[bytes | None] = mapped_column(comment="AES-GCM")
    contact_phone_digest: Mapped[bytes | None] = mapped_column(comment="keyed digest, for look-up")
    station_id: Mapped[int | None] = mapped_column(comment="whose staff it is for")
    preferred_staff: Mapped[UUID | None]
    assigned_to: Mapped[UUID | None]
    note: Mapped[str] = mapped_column(comment="what is wanted")
    expires_at: Mapped[datetime] = mapped_column(comment="the service level: by then somebody has answered")
    opened_by: Mapped[UUID]
    terminal_id: Mapped[int]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[UUID | None]
    resolution: Mapped[str | None]
    erased_at: Mapped[datetime | None] = mapped_column(comment="when the person was taken out of the record")


class CallbackEscalation(Base):
    """Somebody higher was told: of a level that was missed (once for each level), or by hand (level 0)."""

    __tablename__ = "callback_escalations"
    __table_args__ = (
        belongs_to("callback_requests", "request_id"),
        belongs_to("approvals", "approval_id"),
        belongs_to("users", "escalated_from"),
        belongs_to("users", "escalated_to"),
        belongs_to("users", "escalated_by"),
        one_of("escalated_to_role", ESCALATED_TO),
        CheckConstraint("(request_id IS NULL) <> (approval_id IS NULL)", name="about_one_thing"),
        CheckConstraint("(escalated_to IS NULL) <> (escalated_to_role IS NULL)", name="to_somebody"),
        CheckConstraint("(level = 0) = (escalated_by IS NOT NULL) AND level >= 0", name="by_hand_or_by_time"),
        CheckConstraint("btrim(reason) <> ''", name="reason_not_blank"),
        Index(
            "uq_callback_escalations_request_level",
            "operator_id",
            "request_id",
            "level",
            unique=True,
            postgresql_where=text("level > 0 AND request_id IS NOT NULL"),
        ),
        Index(
            "uq_callback_escalations_approval_level",
            "operator_id",
            "approval_id",
            "level",
            unique=True,
            postgresql_where=text("level > 0 AND approval_id IS NOT NULL"),
        ),
        Index(None, "operator_id", "request_id"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    request_id: Mapped[UUID | None]
    approval_id: Mapped[UUID | None]
    level: Mapped[int] = mapped_column(SmallInteger, comment="1 and 2: missed for so long; 0: by hand")
    reason: Mapped[str]
    escalated_from: Mapped[UUID | None] = mapped_column(comment="who had it, if anybody")
    escalated_to_role: Mapped[str | None]
    escalated_to: Mapped[UUID | None]
    escalated_by: Mapped[UUID | None] = mapped_column(comment="null: the clock")
    escalated_at: Mapped[datetime] = created_column()
    resolved_at: Mapped[datetime | None]
