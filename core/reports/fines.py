"""Fines: issued, paid, waived. What was paid is no sale of a booking; it lies in the drawer of a shift all the same.

A paid fine counts on the day it was paid, a waived one when it was waived, an open one when it was issued.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import text

from core.database import Actor, Transaction
from core.office import Office
from core.permissions import require
from core.reports.span import Span
from core.reports.table import Column, Report

_FINES: Final = """
SELECT f.fine_kind AS kind, f.status, coalesce(f.payment_method, '') AS method, count(*) AS fines,
    sum(f.amount)::bigint AS amount
FROM fines f
WHERE f.operator_id = :operator AND coalesce(f.paid_at, f.waived_at, f.issued_at) >= :begin
    AND coalesce(f.paid_at, f.waived_at, f.issued_at) < :end
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_COLUMNS: Final = (
    Column("kind", "Kind"),
    Column("status", "Status"),
    Column("method", "Method"),
    Column("fines", "Fines", "count"),
    Column("amount", "Amount", "money"),
)


def report(office: Office, actor: Actor, span: Span) -> Report:
    """Fines by kind, state and way of paying."""
    require(actor, "look_into_reports")

    def read(tx: Transaction) -> list[Any]:
        asked = text(_FINES).bindparams(operator=tx.operator_id, begin=span.begin, end=span.end)
        return list(tx.query(asked).all())

    return of_fines(span, office.database.transaction(read, actor=actor, snapshot=True))


def of_fines(span: Span, rows: Iterable[Any]) -> Report:
    """Assemble rows of kind, status, method, fines, amount."""
    made = tuple((row.kind, row.status, row.method, row.fines, row.amount) for row in rows)
    return Report("fines", "Fines", _COLUMNS, made, span.facts())
