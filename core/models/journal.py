"""What happened: audit rows and their chains, domain events, notifications, print jobs, check-ins, idempotency keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Stamped, belongs_to, created_column, one_of, tenant_key
from core.states import PRINT_JOB

AUDIT_ACTIONS = ("create", "update", "delete", "view")
EVENT_STATES = ("pending", "processed", "failed")
NOTIFICATION_TYPES = ("booking", "payment", "schedule", "promotion", "security", "service")
DOCUMENT_KINDS = ("ticket", "receipt", "x_report", "z_report", "report")
CHECK_IN_OUTCOMES = (
    "ok",
    "already_used",
    "not_yet",
    "departed",
    "wrong_train",
    "wrong_station",
    "wrong_direction",
    "wrong_date",
    "cancelled",
    "superseded",
    "duplicate",
    "entitlement",
    "unpaid",
    "revoked",
    "unknown",
    "forged",
    "unreadable",
)


class AuditLog(Base):
    """Append-only for every role a terminal can have; written last in its transaction."""

    __tablename__ = "audit_logs"
    __table_args__ = (
        one_of("action", AUDIT_ACTIONS),
        Index(None, "operator_id", "entity_type", "entity_id"),
        Index(None, "operator_id", "created_at"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID | None]
    terminal_id: Mapped[int | None] = mapped_column(Integer)
    correlation_id: Mapped[UUID]
    entity_type: Mapped[str]
    entity_id: Mapped[str]
    action: Mapped[str]
    old_values: Mapped[dict[str, Any] | None]
    new_values: Mapped[dict[str, Any] | None]
    ip_address: Mapped[str | None]
    user_agent: Mapped[str | None]
    created_at: Mapped[datetime] = created_column()
    chain_no: Mapped[int] = mapped_column(BigInteger, sort_order=910, comment="its place in its chain, from 1")
    previous_hash: Mapped[bytes] = mapped_column(sort_order=911, comment="the row before; empty in the first")
    row_hash: Mapped[bytes] = mapped_column(sort_order=912, comment="SHA-256, see core.models.audit_guards")


class AuditHead(Base):
    """The end of each chain of audit rows. Only the trigger on ``audit_logs`` moves it."""

    __tablename__ = "audit_heads"

    operator_id: Mapped[int] = tenant_key()
    chain: Mapped[int] = mapped_column(primary_key=True, comment="the terminal; 0: rows without one")
    last_no: Mapped[int] = mapped_column(BigInteger)
    previous_hash: Mapped[bytes]
    last_hash: Mapped[bytes]


class AuditCheckpoint(Base):
    """A chain as it stood at one moment, signed: what was before it cannot be rewritten unseen."""

    __tablename__ = "audit_checkpoints"
    __table_args__ = (CheckConstraint("chain_no > 0", name="says_something"),)

    operator_id: Mapped[int] = tenant_key()
    chain: Mapped[int] = mapped_column(primary_key=True)
    chain_no: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    row_hash: Mapped[bytes]
    user_id: Mapped[UUID | None] = mapped_column(comment="null: nobody in particular")
    key_id: Mapped[int] = mapped_column(SmallInteger, comment="the ticket key that signed it")
    signature: Mapped[bytes] = mapped_column(comment="Ed25519, see core.audit.checkpoints")
    created_at: Mapped[datetime] = created_column()


class DomainEvent(Base):
    """Every important change, for whoever listens: the outbox of this database."""

    __tablename__ = "domain_events"
    __table_args__ = (
        one_of("processing_status", EVENT_STATES),
        Index(
            "ix_domain_events_pending",
            "operator_id",
            "id",
            postgresql_where=text("processing_status = 'pending'"),
        ),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    event_type: Mapped[str]
    entity_type: Mapped[str]
    entity_id: Mapped[str]
    payload: Mapped[dict[str, Any]]
    correlation_id: Mapped[UUID]
    causation_id: Mapped[UUID | None]
    user_id: Mapped[UUID | None]
    terminal_id: Mapped[int | None] = mapped_column(Integer)
    processing_status: Mapped[str] = mapped_column(server_default="pending")
    created_at: Mapped[datetime] = created_column()


class Notification(Base):
    __tablename__ = "notifications"
    __table_args__ = (
        belongs_to("users", "user_id"),
        one_of("notification_type", NOTIFICATION_TYPES),
        Index(None, "operator_id", "user_id", "created_at"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    notification_type: Mapped[str]
    title: Mapped[str]
    message: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'"))
    is_read: Mapped[bool] = mapped_column(server_default=text("false"))
    sent_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = created_column()


class PrintJob(Stamped, Base):
    """queued → sent → confirmed, or unknown: never printed again by itself."""

    __tablename__ = "print_jobs"
    __table_args__ = (
        UniqueConstraint("operator_id", "ticket_id", "issue_no", "copy_no"),
        belongs_to("tickets", "ticket_id"),
        belongs_to("terminals", "terminal_id"),
        one_of("state", PRINT_JOB),
        one_of("document_kind", DOCUMENT_KINDS),
        CheckConstraint(
            "(document_kind = 'ticket') = (ticket_id IS NOT NULL) AND (document_kind = 'ticket') = (document IS NULL)",
            name="prints_one_thing",
        ),
        CheckConstraint("copy_no >= 0", name="copy_no_not_negative"),
        Index(
            "ix_print_jobs_open",
            "operator_id",
            "terminal_id",
            postgresql_where=text("state IN ('queued', 'sent', 'unknown')"),
        ),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[int | None] = mapped_column(BigInteger)
    issue_no: Mapped[int] = mapped_column(SmallInteger)
    copy_no: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"), comment="0: the original")
    reason: Mapped[str | None] = mapped_column(comment="why a copy was printed")
    state: Mapped[str] = mapped_column(server_default="queued")
    printer: Mapped[str] = mapped_column(comment="kind of printer it was meant for")
    terminal_id: Mapped[int]
    process_id: Mapped[str | None] = mapped_column(comment="what the printer is asked to echo when it is done")
    last_error: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None] = mapped_column(comment="when it became confirmed, unknown or cancelled")
    document_kind: Mapped[str] = mapped_column(server_default="ticket", sort_order=910)
    document: Mapped[dict[str, Any] | None] = mapped_column(sort_order=911, comment="what is printed, unless a ticket")


class CheckIn(Base):
    """One row per scan, whatever the answer. The nonce makes a replayed offline scan the same row."""

    __tablename__ = "checkins"
    __table_args__ = (
        belongs_to("tickets", "ticket_id"),
        belongs_to("stations", "station_id"),
        belongs_to("terminals", "terminal_id"),
        belongs_to("users", "user_id"),
        one_of("outcome", CHECK_IN_OUTCOMES),
        CheckConstraint("outcome <> 'ok' OR ticket_id IS NOT NULL", name="only_tickets_board"),
        Index(
            "uq_checkins_one_gate",
            "operator_id",
            "ticket_id",
            unique=True,
            postgresql_where=text("outcome = 'ok' AND NOT offline AND undone_at IS NULL"),
        ),
        Index(None, "operator_id", "station_id", "recorded_at"),
    )

    operator_id: Mapped[int] = tenant_key()
    nonce: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[int | None] = mapped_column(BigInteger)
    outcome: Mapped[str]
    station_id: Mapped[int]
    terminal_id: Mapped[int]
    user_id: Mapped[UUID]
    code_digest: Mapped[bytes] = mapped_column(comment="SHA-256 of what was read; the code itself is not kept")
    offline: Mapped[bool] = mapped_column(server_default=text("false"))
    scanned_at: Mapped[datetime] = mapped_column(comment="when the gate read it")
    recorded_at: Mapped[datetime] = created_column()
    undone_at: Mapped[datetime | None]


class IdempotencyKey(Base):
    """The first result of a request; asking again with the same key finds it instead of doing it twice."""

    __tablename__ = "idempotency"
    __table_args__ = (Index(None, "created_at"),)

    operator_id: Mapped[int] = tenant_key()
    key: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    fingerprint: Mapped[bytes] = mapped_column(comment="SHA-256 of the arguments")
    result_id: Mapped[str]
    created_at: Mapped[datetime] = created_column()
