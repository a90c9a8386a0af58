"""What every table shares: naming conventions, the tenant key, and short forms for the columns that recur."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    Time,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Declarative base: text without length, money as bigint minor units, time always with its zone."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - the shape SQLAlchemy asks for
        str: Text(),
        bytes: LargeBinary(),
        date: Date(),
        time: Time(),
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
        dict[str, Any]: JSONB(),
    }


def tenant_key(*, root: bool = False) -> MappedColumn[int]:
    """``operator_id`` as the first part of a primary key.

    Only root tables refer to ``operators`` themselves; all others inherit the operator through composite foreign
    keys, which spares every sale a lock on its operator's row.
    """
    reference = [ForeignKey("operators.id")] if root else []
    return mapped_column(SmallInteger, *reference, primary_key=True)


def small_key() -> MappedColumn[int]:
    """A short key for reference data, counted by the database unless one is given."""
    return mapped_column(Integer, Identity(), primary_key=True)


def belongs_to(table: str, column: str, *, name: str | None = None) -> ForeignKeyConstraint:
    """A foreign key that carries the operator: a plain one would reach across row-level security."""
    return ForeignKeyConstraint(["operator_id", column], [f"{table}.operator_id", f"{table}.id"], name=name)


def belongs_with(table: str, columns: Sequence[str], remote: Sequence[str]) -> ForeignKeyConstraint:
    """A foreign key that also holds further columns to what the other row says of them."""
    return ForeignKeyConstraint(["operator_id", *columns], [f"{table}.{column}" for column in ("operator_id", *remote)])


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """States are text with a CHECK: enum comparison is not leakproof and loses its index under row-level security."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def created_column() -> MappedColumn[datetime]:
    return mapped_column(DateTime(timezone=True), server_default=func.now())


class Stamped:
    """``created_at`` and ``updated_at``; the database's clock fills both in, services refresh the second."""

    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), sort_order=900)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), sort_order=901)
