"""What is told to whom: which event by which channel, the messages on their way, and the work that came to nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Integer, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Stamped, belongs_to, created_column, one_of, small_key, tenant_key
from core.states import DELIVERY

CHANNELS = ("screen", "email", "sms", "whatsapp")
LANGUAGES = ("id", "en")


class NotificationConfiguration(Stamped, Base):
    """An event and a channel: whether, to whom and how. The nearest one counts: train, station, operator."""

    __tablename__ = "notification_configurations"
    __table_args__ = (
        belongs_to("stations", "station_id"),
        belongs_to("trains", "train_id"),
        belongs_to("users", "created_by"),
        one_of("channel", CHANNELS),
        Index(
            "uq_notification_configurations_live",
            "operator_id",
            "event_type",
            "channel",
            text("coalesce(station_id, 0)"),
            text("coalesce(train_id, 0)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    operator_id: Mapped[int] = tenant_key(root=True)
    id: Mapped[int] = small_key()
    event_type: Mapped[str]
    channel: Mapped[str]
    station_id: Mapped[int | None] = mapped_column(Integer)
    train_id: Mapped[int | None] = mapped_column(Integer)
    is_enabled: Mapped[bool] = mapped_column(server_default=text("true"), comment="false: told nobody from here on")
    details: Mapped[dict[str, Any]] = mapped_column(
        "metadata", server_default=text("'{}'"), comment="language, template, to (an address of the operator's own)"
    )
    created_by: Mapped[UUID | None]
    deleted_at: Mapped[datetime | None]


class NotificationDelivery(Stamped, Base):
    """One message to one recipient by one channel. Its key is made of these and the event: it exists once."""

    __tablename__ = "notification_deliveries"
    __table_args__ = (
        belongs_to("domain_events", "event_id"),
        one_of("channel", CHANNELS),
        one_of("language", LANGUAGES),
        one_of("state", DELIVERY),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_has_time"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        Index(
            "ix_notification_deliveries_due",
            "operator_id",
            "next_try_at",
            postgresql_where=text("state IN ('queued', 'sending', 'handing_over', 'failed')"),
        ),
        Index(None, "operator_id", "recipient_digest"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True, comment="of event, channel and recipient; goes with the message")
    event_id: Mapped[UUID]
    event_type: Mapped[str]
    channel: Mapped[str]
    recipient: Mapped[bytes | None] = mapped_column(comment="AES-GCM; gone once it has arrived")
    recipient_digest: Mapped[bytes]
    template: Mapped[str]
    language: Mapped[str]
    params: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"), comment="nothing personal")
    state: Mapped[str] = mapped_column(server_default="queued")
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    next_try_at: Mapped[datetime] = mapped_column(comment="of one that is being sent: when it is taken for lost")
    sender: Mapped[str | None] = mapped_column(comment="the process that is sending it: machine, number, start")
    last_error: Mapped[str | None]
    sent_at: Mapped[datetime | None]


class JobFailure(Base):
    """Work in the background that came to nothing, and what somebody did about it."""

    __tablename__ = "job_failures"
    __table_args__ = (
        belongs_to("users", "resolved_by"),
        CheckConstraint("(resolved_at IS NULL) = (resolution IS NULL)", name="resolved_says_how"),
        Index(
            "uq_job_failures_open",
            "operator_id",
            "job_kind",
            "subject",
            unique=True,
            postgresql_where=text("resolved_at IS NULL"),
        ),
        Index(None, "operator_id", "created_at"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    job_kind: Mapped[str] = mapped_column(comment="notification, train_refund …")
    subject: Mapped[str] = mapped_column(comment="the key of what it was about")
    exception: Mapped[str]
    context: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    is_critical: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = created_column()
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[UUID | None]
    resolution: Mapped[str | None]
