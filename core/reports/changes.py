"""What changed after the sale: refunds with their reasons, and changes of bookings by kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import text

from core.database import Actor, Transaction
from core.office import Office
from core.permissions import require
from core.reports.span import Span
from core.reports.table import Column, Report

#: A refund counts when it was paid out; one that is under way when it was asked for.
_REFUNDS: Final = """
SELECT r.refund_reason AS reason, coalesce(m.modification_type, '') AS change, r.refund_method AS method,
    r.refund_status AS status, count(*) AS refunds, sum(r.refund_amount)::bigint AS amount,
    sum(r.processing_fee)::bigint AS costs
FROM refunds r
LEFT JOIN booking_modifications m ON m.operator_id = r.operator_id AND m.id = r.modification_id
WHERE r.operator_id = :operator
    AND CASE WHEN r.refund_status = 'completed' THEN r.refund_date ELSE r.created_at END >= :begin
    AND CASE WHEN r.refund_status = 'completed' THEN r.refund_date ELSE r.created_at END < :end
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_REFUND_COLUMNS: Final = (
    Column("reason", "Reason"),
    Column("change", "Change"),
    Column("method", "Method"),
    Column("status", "Status"),
    Column("refunds", "Refunds", "count"),
    Column("amount", "Amount", "money"),
    Column("costs", "Costs", "money"),
)
_MODIFICATIONS: Final = """
SELECT m.modification_type AS change, m.within_policy, m.status, count(*) AS changes,
    count(DISTINCT m.booking_id) AS bookings, count(*) FILTER (WHERE m.approval_id IS NOT NULL) AS approved,
    sum(m.fee_charged)::bigint AS fees
FROM booking_modifications m
WHERE m.operator_id = :operator AND m.deleted_at IS NULL AND m.created_at >= :begin AND m.created_at < :end
GROUP BY 1, 2, 3 ORDER BY 1, 2 DESC, 3
"""
_MODIFICATION_COLUMNS: Final = (
    Column("change", "Change"),
    Column("within_policy", "Policy"),
    Column("status", "Status"),
    Column("changes", "Changes", "count"),
    Column("bookings", "Bookings", "count", adds_up=False),
    Column("approved", "Approved", "count"),
    Column("fees", "Fees", "money"),
)


def refunds(office: Office, actor: Actor, span: Span) -> Report:
    """Refunds by reason, kind of change, way and state; those completed are the ones the ledger knows."""
    require(actor, "look_into_reports")
    return of_refunds(span, _rows(office, actor, span, _REFUNDS))


def of_refunds(span: Span, rows: Iterable[Any]) -> Report:
    """Assemble rows of reason, change, method, status, refunds, amount, costs."""
    made = tuple((row.reason, row.change, row.method, row.status, row.refunds, row.amount, row.costs) for row in rows)
    return Report("refunds", "Refunds", _REFUND_COLUMNS, made, span.facts())


def modifications(office: Office, actor: Actor, span: Span) -> Report:
    """Changes of bookings by kind, whether within policy, and state."""
    require(actor, "look_into_reports")
    return of_modifications(span, _rows(office, actor, span, _MODIFICATIONS))


def of_modifications(span: Span, rows: Iterable[Any]) -> Report:
    """Assemble rows of change, within_policy, status, changes, bookings, approved, fees."""
    made = tuple(
        (row.change, "within" if row.within_policy else "beyond", row.status, row.changes, row.bookings, row.approved,
         row.fees)
        for row in rows
    )  # fmt: skip
    return Report("modifications", "Changes of bookings", _MODIFICATION_COLUMNS, made, span.facts())


def _rows(office: Office, actor: Actor, span: Span, statement: str) -> list[Any]:
    def read(tx: Transaction) -> list[Any]:
        asked = text(statement).bindparams(operator=tx.operator_id, begin=span.begin, end=span.end)
        return list(tx.query(asked).all())

    return office.database.transaction(read, actor=actor, snapshot=True)
