"""What drawers came to: closed shifts with what was expected and counted, over or short, why and who agreed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import text

from core.clock import local
from core.database import Actor, Transaction
from core.office import Office
from core.permissions import require
from core.reports.span import Span
from core.reports.table import Column, Report

_SHIFTS: Final = """
SELECT s.shift_number, u.staff_number || ' ' || u.full_name AS clerk, t.terminal_code AS terminal, s.closed_at,
    s.expected_amount AS expected, s.counted_amount AS counted, s.difference_reason AS reason,
    d.full_name AS approved_by
FROM shifts s
JOIN users u ON u.operator_id = s.operator_id AND u.id = s.user_id
JOIN terminals t ON t.operator_id = s.operator_id AND t.id = s.terminal_id
LEFT JOIN approvals a ON a.operator_id = s.operator_id AND a.id = s.approval_id
LEFT JOIN users d ON d.operator_id = s.operator_id AND d.id = a.decided_by
WHERE s.operator_id = :operator AND s.status = 'closed' AND s.closed_at >= :begin AND s.closed_at < :end
ORDER BY s.closed_at, s.shift_number
"""
_COLUMNS: Final = (
    Column("shift", "Shift"),
    Column("clerk", "Clerk"),
    Column("terminal", "Terminal"),
    Column("closed", "Closed"),
    Column("expected", "Expected", "money"),
    Column("counted", "Counted", "money"),
    Column("over", "Over", "money"),
    Column("short", "Short", "money"),
    Column("reason", "Reason"),
    Column("approved_by", "Approved by"),
)


def over_short(office: Office, actor: Actor, span: Span) -> Report:
    """Every shift closed in a span of days."""
    require(actor, "look_into_reports")

    def read(tx: Transaction) -> list[Any]:
        asked = text(_SHIFTS).bindparams(operator=tx.operator_id, begin=span.begin, end=span.end)
        return list(tx.query(asked).all())

    return of_shifts(span, office.database.transaction(read, actor=actor, snapshot=True))


def of_shifts(span: Span, rows: Iterable[Any]) -> Report:
    """Assemble rows of shift_number, clerk, terminal, closed_at, expected, counted, reason, approved_by."""
    made = tuple(
        (
            str(row.shift_number), row.clerk, row.terminal, f"{local(row.closed_at, span.time_zone):%Y-%m-%d %H:%M}",
            row.expected, row.counted, max(0, row.counted - row.expected), max(0, row.expected - row.counted),
            row.reason, row.approved_by,
        )
        for row in rows
    )  # fmt: skip
    return Report("over short", "Over and short", _COLUMNS, made, span.facts())
