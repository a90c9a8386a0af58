"""Money: payments, refunds, the append-only ledger of charges, and promotions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Stamped, belongs_to, belongs_with, created_column, one_of, small_key, tenant_key
from core.states import PAYMENT, REFUND

PAYMENT_METHODS = ("cash", "credit_card", "debit_card", "wallet", "bank_transfer", "qris")
REFUND_REASONS = ("cancellation", "schedule_change", "system_error")
CHARGE_KINDS = ("fare", "discount", "fee", "kept_fee", "surcharge", "reversal", "owed")


class Payment(Stamped, Base):
    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("operator_id", "payment_reference"),
        belongs_to("bookings", "booking_id"),
        belongs_to("users", "taken_by"),
        belongs_to("terminals", "terminal_id"),
        one_of("payment_method", PAYMENT_METHODS),
        one_of("payment_status", PAYMENT),
        CheckConstraint("amount >= 0 AND processing_fee >= 0", name="amounts_positive"),
        CheckConstraint(
            "(payment_method = 'cash') = (tendered IS NOT NULL) AND (tendered IS NULL) = (change_given IS NULL)",
            name="cash_has_tender",
        ),
        CheckConstraint("tendered IS NULL OR tendered = amount + change_given", name="change_adds_up"),
        CheckConstraint("change_given IS NULL OR change_given >= 0", name="tender_covers_amount"),
        CheckConstraint("payment_status <> 'completed' OR payment_date IS NOT NULL", name="completed_has_date"),
        belongs_to("shifts", "shift_id"),
        belongs_with("booking_modifications", ("modification_id", "booking_id"), ("id", "booking_id")),
        CheckConstraint("card_last_four ~ '^[0-9]{4}$'", name="last_four_only"),
        Index(None, "operator_id", "booking_id"),
        Index(None, "operator_id", "shift_id"),
        Index(
            "ix_payments_under_way",
            "operator_id",
            "created_at",
            postgresql_where=text("payment_status IN ('pending', 'processing')"),
        ),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    booking_id: Mapped[UUID]
    payment_reference: Mapped[str] = mapped_column(comment="ours: the booking's number and a count")
    external_reference: Mapped[str | None] = mapped_column(comment="theirs: approval code, transfer or gateway id")
    payment_method: Mapped[str]
    payment_status: Mapped[str] = mapped_column(server_default="pending")
    amount: Mapped[int] = mapped_column(BigInteger, comment="minor units")
    processing_fee: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    tendered: Mapped[int | None] = mapped_column(BigInteger, comment="cash handed over")
    change_given: Mapped[int | None] = mapped_column(BigInteger)
    gateway_response: Mapped[dict[str, Any] | None]
    taken_by: Mapped[UUID]
    terminal_id: Mapped[int]
    payment_date: Mapped[datetime | None]
    shift_id: Mapped[UUID | None] = mapped_column(sort_order=910, comment="the drawer or clerk that took it")
    modification_id: Mapped[UUID | None] = mapped_column(sort_order=911, comment="lets it into a closed booking")
    card_last_four: Mapped[str | None] = mapped_column(sort_order=912)
    edc_terminal: Mapped[str | None] = mapped_column(sort_order=913, comment="the card machine's own number")
    edc_batch: Mapped[str | None] = mapped_column(sort_order=914, comment="its settlement batch")
    expires_at: Mapped[datetime | None] = mapped_column(sort_order=915, comment="when its code can no longer be paid")


class Refund(Stamped, Base):
    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("operator_id", "refund_reference"),
        belongs_to("payments", "payment_id"),
        one_of("refund_reason", REFUND_REASONS),
        one_of("refund_status", REFUND),
        one_of("refund_method", PAYMENT_METHODS),
        CheckConstraint("refund_amount >= 0 AND processing_fee >= 0", name="amounts_positive"),
        belongs_to("shifts", "shift_id"),
        belongs_to("booking_modifications", "modification_id"),
        belongs_to("users", "requested_by"),
        Index(None, "operator_id", "payment_id"),
        Index(None, "operator_id", "shift_id"),
        Index(
            "ix_refunds_under_way",
            "operator_id",
            "created_at",
            postgresql_where=text("refund_status IN ('initiated', 'processing', 'failed')"),
        ),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID]
    refund_reference: Mapped[str]
    refund_reason: Mapped[str]
    refund_amount: Mapped[int] = mapped_column(BigInteger, comment="minor units")
    processing_fee: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    refund_status: Mapped[str] = mapped_column(server_default="initiated")
    refund_method: Mapped[str]
    refund_date: Mapped[datetime | None]
    shift_id: Mapped[UUID | None] = mapped_column(sort_order=910, comment="the drawer cash was paid out of")
    modification_id: Mapped[UUID | None] = mapped_column(sort_order=911)
    requested_by: Mapped[UUID | None] = mapped_column(sort_order=912, comment="null: the reconciliation")
    external_reference: Mapped[str | None] = mapped_column(sort_order=913, comment="theirs: void slip, transfer …")
    gateway_response: Mapped[dict[str, Any] | None] = mapped_column(sort_order=914)
    decided_with: Mapped[dict[str, Any] | None] = mapped_column(
        sort_order=930, comment="the policies it was decided with; later changes do not touch it"
    )
    claim_until: Mapped[datetime | None] = mapped_column(sort_order=931, comment="unclaimed by then it is forfeited")
    payout_account: Mapped[bytes | None] = mapped_column(sort_order=932, comment="AES-GCM; where a transfer goes")


class BookingCharge(Base):
    """The ledger: nothing on it is ever changed; payments less completed refunds equal its sum."""

    __tablename__ = "booking_charges"
    __table_args__ = (
        belongs_to("bookings", "booking_id"),
        belongs_with("passengers", ("passenger_id", "booking_id"), ("id", "booking_id")),
        one_of("charge_kind", CHARGE_KINDS),
        CheckConstraint(
            "(charge_kind IN ('discount', 'reversal')) = (amount < 0) OR amount = 0", name="sign_fits_kind"
        ),
        belongs_with("booking_modifications", ("modification_id", "booking_id"), ("id", "booking_id")),
        Index(None, "operator_id", "booking_id"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    booking_id: Mapped[UUID]
    passenger_id: Mapped[UUID | None]
    charge_kind: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger, comment="minor units; negative lowers what the customer owes")
    cause: Mapped[str] = mapped_column(comment="what made it: sale, booking_fee, a promotion's code …")
    created_at: Mapped[datetime] = created_column()
    modification_id: Mapped[UUID | None] = mapped_column(sort_order=910, comment="lets it into a closed booking")


class Promotion(Stamped, Base):
    __tablename__ = "promotions"
    __table_args__ = (
        UniqueConstraint("operator_id", "promotion_code"),
        one_of("discount_type", ("percentage", "fixed_amount")),
        CheckConstraint("discount_value > 0", name="discount_positive"),
        CheckConstraint("minimum_amount >= 0 AND maximum_discount > 0", name="limits_positive"),
        CheckConstraint("discount_type <> 'percentage' OR discount_value <= 100", name="percentage_at_most_100"),
        CheckConstraint("usage_limit IS NULL OR used_count <= usage_limit", name="usage_within_limit"),
        CheckConstraint("used_count >= 0", name="used_count_not_negative"),
        CheckConstraint("valid_to > valid_from", name="validity_goes_forward"),
    )

    operator_id: Mapped[int] = tenant_key(root=True)
    id: Mapped[int] = small_key()
    promotion_code: Mapped[str]
    promotion_name: Mapped[str]
    discount_type: Mapped[str]
    discount_value: Mapped[int] = mapped_column(BigInteger, comment="percent, or minor units")
    minimum_amount: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    maximum_discount: Mapped[int | None] = mapped_column(BigInteger)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime]
    usage_limit: Mapped[int | None]
    used_count: Mapped[int] = mapped_column(server_default=text("0"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))


class BookingPromotion(Base):
    __tablename__ = "booking_promotions"
    __table_args__ = (
        UniqueConstraint("operator_id", "booking_id", "promotion_id"),
        belongs_to("bookings", "booking_id"),
        belongs_to("promotions", "promotion_id"),
        CheckConstraint("discount_applied >= 0", name="discount_not_negative"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    booking_id: Mapped[UUID]
    promotion_id: Mapped[int]
    discount_applied: Mapped[int] = mapped_column(BigInteger, comment="minor units")
    applied_at: Mapped[datetime] = created_column()
    released_at: Mapped[datetime | None] = mapped_column(sort_order=910, comment="the sale came to nothing")
