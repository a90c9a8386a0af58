"""Fines: who rode further than was paid for, what it costs, and how it ended: paid into a drawer, or waived.

A ban follows from fines that are open (``core.fine_rules``); there is no table of bans. A fine is paid once and whole,
so how it was paid stands on its own row.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, belongs_to, created_column, one_of, tenant_key
from core.models.money import PAYMENT_METHODS
from core.states import FINE

FINE_KINDS = ("over_riding", "no_ticket", "wrong_class")


class Fine(Base):
    """Somebody owes the operator; known by the digest of the identity number."""

    __tablename__ = "fines"
    __table_args__ = (
        UniqueConstraint("operator_id", "fine_number"),
        belongs_to("tickets", "ticket_id"),
        belongs_to("trains", "train_id"),
        belongs_to("stations", "from_station_id"),
        belongs_to("stations", "to_station_id"),
        belongs_to("stations", "station_id"),
        belongs_to("terminals", "terminal_id"),
        belongs_to("users", "issued_by"),
        belongs_to("users", "paid_by"),
        belongs_to("shifts", "shift_id"),
        belongs_to("users", "waived_by"),
        belongs_to("approvals", "waive_approval_id"),
        belongs_to("users", "ban_lifted_by"),
        belongs_to("approvals", "ban_approval_id"),
        one_of("fine_kind", FINE_KINDS),
        one_of("status", FINE),
        one_of("payment_method", PAYMENT_METHODS),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("btrim(person_name) <> ''", name="person_not_blank"),
        CheckConstraint(
            "(status = 'paid') = (paid_at IS NOT NULL) AND (paid_at IS NULL) = (paid_by IS NULL)"
            " AND (paid_at IS NULL) = (payment_method IS NULL) AND (paid_at IS NULL) = (shift_id IS NULL)",
            name="paid_says_how",
        ),
        CheckConstraint(
            "(coalesce(payment_method, '') = 'cash') = (tendered IS NOT NULL)"
            " AND (tendered IS NULL) = (change_given IS NULL)",
            name="cash_has_tender",
        ),
        CheckConstraint(
            "tendered IS NULL OR (tendered = amount + change_given AND change_given >= 0)", name="change_adds_up"
        ),
        CheckConstraint("card_last_four ~ '^[0-9]{4}$'", name="last_four_only"),
        CheckConstraint(
            "(status = 'waived') = (waived_at IS NOT NULL) AND (waived_at IS NULL) = (waived_by IS NULL)"
            " AND (waived_at IS NULL OR btrim(waive_reason) <> '')",
            name="waived_says_why",
        ),
        CheckConstraint(
            "(ban_lifted_at IS NULL) = (ban_lifted_by IS NULL)"
            " AND (ban_lifted_at IS NULL OR btrim(ban_lift_reason) <> '')",
            name="lifted_says_why",
        ),
        Index(
            "ix_fines_banning",
            "operator_id",
            "identity_digest",
            postgresql_where=text("status = 'open' AND ban_lifted_at IS NULL"),
        ),
        Index(None, "operator_id", "identity_digest", "issued_at"),
        Index(None, "operator_id", "shift_id"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    fine_number: Mapped[int] = mapped_column(comment="what people call it by")
    fine_kind: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="open")
    person_name: Mapped[str]
    identity_kind: Mapped[str | None]
    identity_number: Mapped[bytes | None] = mapped_column(comment="AES-GCM; null: written at a gate, which cannot seal")
    identity_digest: Mapped[bytes]
    identity_last_four: Mapped[str]
    ticket_id: Mapped[int | None] = mapped_column(BigInteger, comment="the ticket that was ridden beyond")
    train_id: Mapped[int]
    service_date: Mapped[date]
    from_station_id: Mapped[int | None] = mapped_column(comment="the stretch that was not paid for")
    to_station_id: Mapped[int | None]
    amount: Mapped[int] = mapped_column(BigInteger, comment="minor units")
    decided_with: Mapped[dict[str, Any]] = mapped_column(comment="the lowest fare and how many times it")
    note: Mapped[str | None]
    station_id: Mapped[int | None] = mapped_column(comment="where it was issued")
    terminal_id: Mapped[int]
    issued_by: Mapped[UUID]
    issued_at: Mapped[datetime] = created_column()
    updated_at: Mapped[datetime] = created_column()
    paid_at: Mapped[datetime | None]
    paid_by: Mapped[UUID | None] = mapped_column(comment="the clerk who took it")
    shift_id: Mapped[UUID | None] = mapped_column(comment="whose figures it is part of")
    payment_method: Mapped[str | None]
    tendered: Mapped[int | None] = mapped_column(BigInteger, comment="cash handed over")
    change_given: Mapped[int | None] = mapped_column(BigInteger)
    external_reference: Mapped[str | None] = mapped_column(comment="theirs: approval code, transfer …")
    card_last_four: Mapped[str | None]
    edc_terminal: Mapped[str | None]
    edc_batch: Mapped[str | None]
    waived_at: Mapped[datetime | None]
    waived_by: Mapped[UUID | None]
    waive_reason: Mapped[str | None]
    waive_approval_id: Mapped[UUID | None]
    ban_lifted_at: Mapped[datetime | None] = mapped_column(comment="the fine is still owed; it bans no more")
    ban_lifted_by: Mapped[UUID | None]
    ban_lift_reason: Mapped[str | None]
    ban_approval_id: Mapped[UUID | None]
    erased_at: Mapped[datetime | None] = mapped_column(comment="when the person was taken out of the record")
