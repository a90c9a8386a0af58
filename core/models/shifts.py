"""Shifts: whose drawer it is, what went in and out of it besides sales, what was counted, and the report of its end."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Stamped, belongs_to, created_column, one_of, tenant_key
from core.states import SHIFT

MOVEMENT_KINDS = ("cash_in", "cash_out", "drop", "no_sale")


class Shift(Stamped, Base):
    """One clerk at one drawer. A terminal has one drawer, and at most one shift that is not closed."""

    __tablename__ = "shifts"
    __table_args__ = (
        UniqueConstraint("operator_id", "shift_number"),
        belongs_to("users", "user_id"),
        belongs_to("users", "closed_by"),
        belongs_to("terminals", "terminal_id"),
        belongs_to("approvals", "approval_id"),
        one_of("status", SHIFT),
        CheckConstraint("float_amount >= 0", name="float_not_negative"),
        CheckConstraint("(status = 'open') = (counted_at IS NULL)", name="counted_has_time"),
        CheckConstraint(
            "(status = 'closed') = (closed_at IS NOT NULL) AND (status = 'closed') = (closed_by IS NOT NULL)"
            " AND (status <> 'closed' OR (expected_amount IS NOT NULL AND counted_amount IS NOT NULL))",
            name="closed_is_settled",
        ),
        CheckConstraint(
            "status <> 'closed' OR expected_amount = counted_amount OR btrim(difference_reason) <> ''",
            name="difference_has_reason",
        ),
        Index(
            "uq_shifts_one_to_a_drawer",
            "operator_id",
            "terminal_id",
            unique=True,
            postgresql_where=text("status <> 'closed'"),
        ),
        Index(None, "operator_id", "user_id", "status"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    shift_number: Mapped[int] = mapped_column(comment="counts on without an end")
    user_id: Mapped[UUID] = mapped_column(comment="the clerk whose drawer it is")
    terminal_id: Mapped[int]
    status: Mapped[str] = mapped_column(server_default="open")
    is_scripted: Mapped[bool] = mapped_column(server_default=text("false"), comment="opened by a command's sale")
    float_amount: Mapped[int] = mapped_column(BigInteger, comment="cash in the drawer at the start, minor units")
    opened_at: Mapped[datetime] = created_column()
    counted_at: Mapped[datetime | None]
    counted_amount: Mapped[int | None] = mapped_column(BigInteger)
    expected_amount: Mapped[int | None] = mapped_column(BigInteger, comment="settled when the shift is closed")
    difference_reason: Mapped[str | None]
    approval_id: Mapped[UUID | None] = mapped_column(comment="of a difference above the limit")
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None]


class CashMovement(Base):
    """Cash that went into or out of a drawer and was no sale; append-only."""

    __tablename__ = "cash_movements"
    __table_args__ = (
        belongs_to("shifts", "shift_id"),
        belongs_to("users", "recorded_by"),
        belongs_to("approvals", "approval_id"),
        one_of("movement_kind", MOVEMENT_KINDS),
        CheckConstraint("(movement_kind = 'no_sale') = (amount = 0) AND amount >= 0", name="amount_fits_kind"),
        CheckConstraint("btrim(reason) <> ''", name="reason_not_blank"),
        CheckConstraint("(movement_kind = 'drop') = (bag_number IS NOT NULL)", name="drops_have_bags"),
        Index(None, "operator_id", "shift_id"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    shift_id: Mapped[UUID]
    movement_kind: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger, comment="minor units, never negative: the kind tells which way")
    reason: Mapped[str]
    bag_number: Mapped[str | None] = mapped_column(comment="of the sealed bag a drop went into")
    recorded_by: Mapped[UUID]
    approval_id: Mapped[UUID | None] = mapped_column(comment="of an amount above the limit")
    created_at: Mapped[datetime] = created_column()


class ShiftCount(Base):
    """What a clerk counted before anything was shown; append-only. A recount is another attempt beside the first."""

    __tablename__ = "shift_counts"
    __table_args__ = (
        UniqueConstraint("operator_id", "shift_id", "attempt", "denomination"),
        belongs_to("shifts", "shift_id"),
        CheckConstraint("attempt > 0 AND denomination > 0 AND pieces >= 0", name="counts_something"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    shift_id: Mapped[UUID]
    attempt: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    denomination: Mapped[int] = mapped_column(BigInteger, comment="worth of one note or coin, minor units")
    pieces: Mapped[int]
    counted_by: Mapped[UUID]
    created_at: Mapped[datetime] = created_column()


class StockCount(Stamped, Base):
    """A roll of numbered ticket stock a shift worked with: the first number, and the next unused one at its end."""

    __tablename__ = "stock_counts"
    __table_args__ = (
        UniqueConstraint("operator_id", "shift_id", "roll"),
        belongs_to("shifts", "shift_id"),
        CheckConstraint("first_number >= 0 AND next_number >= first_number AND spoilt >= 0", name="counts_forward"),
        CheckConstraint("spoilt <= next_number - first_number", name="spoilt_were_there"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    shift_id: Mapped[UUID]
    roll: Mapped[str] = mapped_column(comment="the roll's own mark")
    first_number: Mapped[int] = mapped_column(BigInteger)
    next_number: Mapped[int | None] = mapped_column(BigInteger)
    spoilt: Mapped[int] = mapped_column(server_default=text("0"))


class ZReport(Base):
    """The report of a closed shift: numbered without gaps, never changed, chained to the one before."""

    __tablename__ = "z_reports"
    __table_args__ = (
        UniqueConstraint("operator_id", "z_number"),
        UniqueConstraint("operator_id", "shift_id"),
        belongs_to("shifts", "shift_id"),
        CheckConstraint("z_number > 0", name="z_number_counts"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    z_number: Mapped[int]
    shift_id: Mapped[UUID]
    body: Mapped[dict[str, Any]] = mapped_column(comment="every figure as it was printed")
    digest: Mapped[bytes] = mapped_column(comment="SHA-256 over the previous digest and the body's canonical JSON")
    created_at: Mapped[datetime] = created_column()
