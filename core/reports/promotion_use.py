"""How promotions were used: how often, what they took off, and what came back when a sale came to nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import text

from core.database import Actor, Transaction
from core.office import Office
from core.permissions import require
from core.reports.span import Span
from core.reports.table import Column, Report

_USES: Final = """
SELECT p.promotion_code AS code, p.promotion_name AS name,
    count(u.id) FILTER (WHERE u.released_at IS NULL) AS uses,
    coalesce(sum(u.discount_applied) FILTER (WHERE u.released_at IS NULL), 0)::bigint AS discount,
    count(u.id) FILTER (WHERE u.released_at IS NOT NULL) AS released, p.used_count, p.usage_limit
FROM promotions p
JOIN booking_promotions u ON u.operator_id = p.operator_id AND u.promotion_id = p.id
    AND u.applied_at >= :begin AND u.applied_at < :end
WHERE p.operator_id = :operator
GROUP BY p.promotion_code, p.promotion_name, p.used_count, p.usage_limit ORDER BY 1
"""
_COLUMNS: Final = (
    Column("code", "Code"),
    Column("name", "Name"),
    Column("uses", "Uses", "count"),
    Column("discount", "Discount", "money"),
    Column("released", "Given back", "count"),
    Column("used_ever", "Ever used", "count", adds_up=False),
    Column("limit", "Limit", "count", adds_up=False),
)


def report(office: Office, actor: Actor, span: Span) -> Report:
    """Every promotion that was used in a span of days."""
    require(actor, "look_into_reports")

    def read(tx: Transaction) -> list[Any]:
        asked = text(_USES).bindparams(operator=tx.operator_id, begin=span.begin, end=span.end)
        return list(tx.query(asked).all())

    return of_uses(span, office.database.transaction(read, actor=actor, snapshot=True))


def of_uses(span: Span, rows: Iterable[Any]) -> Report:
    """Assemble rows of code, name, uses, discount, released, used_count, usage_limit."""
    made = tuple(
        (row.code, row.name, row.uses, row.discount, row.released, row.used_count, row.usage_limit) for row in rows
    )
    return Report("promotions", "Use of promotions", _COLUMNS, made, span.facts())
