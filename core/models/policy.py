"""Policies: what an operator decides, overridden per station and per train. The nearest value wins."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Stamped, belongs_to, small_key, tenant_key


class PolicyConfiguration(Stamped, Base):
    __tablename__ = "policy_configurations"
    __table_args__ = (
        belongs_to("stations", "station_id"),
        belongs_to("trains", "train_id"),
        belongs_to("policy_configurations", "overrides_id"),
        belongs_to("users", "created_by"),
        CheckConstraint("config ? 'value'", name="config_has_value"),
        CheckConstraint(
            "is_override = (station_id IS NOT NULL OR train_id IS NOT NULL)", name="override_names_its_place"
        ),
        Index(
            "uq_policy_configurations_live",
            "operator_id",
            "policy_type",
            text("coalesce(station_id, 0)"),
            text("coalesce(train_id, 0)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    operator_id: Mapped[int] = tenant_key(root=True)
    id: Mapped[int] = small_key()
    policy_type: Mapped[str]
    config: Mapped[dict[str, Any]] = mapped_column(comment='{"value": …} in the unit the registry names')
    station_id: Mapped[int | None] = mapped_column(Integer)
    train_id: Mapped[int | None] = mapped_column(Integer)
    is_override: Mapped[bool] = mapped_column(server_default=text("false"))
    overrides_id: Mapped[int | None] = mapped_column(Integer)
    created_by: Mapped[UUID | None]
    deleted_at: Mapped[datetime | None]
