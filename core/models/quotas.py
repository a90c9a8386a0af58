"""How often each customer changes what he bought, kept so that the quota check reads one row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.models.base import Base, Stamped, tenant_key


class BookingModificationStat(Stamped, Base):
    """A customer's changes of one kind in the window that ended with the last of them."""

    __tablename__ = "booking_modification_stats"
    __table_args__ = (
        CheckConstraint("count = cardinality(changed_at)", name="count_is_right"),
        CheckConstraint("period_end > period_start", name="period_goes_forward"),
        CheckConstraint("octet_length(customer) IN (16, 32)", name="customer_is_a_key"),
    )

    operator_id: Mapped[int] = tenant_key(root=True)
    customer: Mapped[bytes] = mapped_column(
        primary_key=True, comment="the account's id, or the digest of the identity shown"
    )
    stat_type: Mapped[str] = mapped_column(primary_key=True)
    period_start: Mapped[datetime]
    period_end: Mapped[datetime] = mapped_column(comment="the last change")
    count: Mapped[int]
    changed_at: Mapped[list[datetime]] = mapped_column(
        ARRAY(DateTime(timezone=True)), comment="the changes of the period: the window goes on rolling after it"
    )
