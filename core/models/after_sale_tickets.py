"""What became of ticket paper after the sale: prints that came out spoilt, and the blanks they were on."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, belongs_to, created_column, tenant_key


class SpoiltPrint(Base):
    """A ticket that was printed in vain (*non-issued*); append-only, since spoilt blanks are counted for good."""

    __tablename__ = "spoilt_prints"
    __table_args__ = (
        belongs_to("tickets", "ticket_id"),
        belongs_to("booking_modifications", "modification_id"),
        belongs_to("shifts", "shift_id"),
        belongs_to("print_jobs", "print_job_id"),
        belongs_to("users", "recorded_by"),
        belongs_to("terminals", "terminal_id"),
        CheckConstraint("btrim(reason) <> ''", name="reason_not_blank"),
        CheckConstraint("blank_number IS NULL OR (blank_number >= 0 AND roll IS NOT NULL)", name="blank_has_its_roll"),
        Index(
            "uq_spoilt_prints_blank",
            "operator_id",
            "roll",
            "blank_number",
            unique=True,
            postgresql_where=text("blank_number IS NOT NULL"),
        ),
        Index(None, "operator_id", "shift_id"),
        Index(None, "operator_id", "recorded_by", "created_at"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(BigInteger)
    issue_no: Mapped[int] = mapped_column(SmallInteger)
    modification_id: Mapped[UUID]
    print_job_id: Mapped[UUID | None] = mapped_column(comment="the print that was spoilt")
    still_counted: Mapped[bool] = mapped_column(comment="a shift counts that print as well: its blank is not missing")
    shift_id: Mapped[UUID]
    roll: Mapped[str | None] = mapped_column(comment="the roll's own mark, where stock is accounted for")
    blank_number: Mapped[int | None] = mapped_column(BigInteger, comment="as printed on the blank")
    reason: Mapped[str]
    recorded_by: Mapped[UUID]
    terminal_id: Mapped[int]
    created_at: Mapped[datetime] = created_column()
