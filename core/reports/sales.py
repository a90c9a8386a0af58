"""What was sold: by day, shift, clerk, method, train or class.

By day, shift, clerk and method, money counts when it came in or was paid out: completed payments and completed
refunds. By train and class the ledger of charges is asked, since one booking may be about several trains: a sale's
charges count when the sale was paid, a change's when it was made, on the train the passenger had then. Money of
bookings without a ticket (parts paid, not yet paid back) stands in a line of its own. So both ways come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import text

from core.database import Actor, Transaction
from core.office import Office
from core.permissions import require
from core.reports.span import Span
from core.reports.table import Cell, Column, Report

By: TypeAlias = Literal["day", "shift", "clerk", "method", "train", "class"]
BY: Final[tuple[By, ...]] = ("day", "shift", "clerk", "train", "class", "method")

_OF_MONEY: Final = {
    "day": "to_char(m.at AT TIME ZONE :zone, 'YYYY-MM-DD')",
    "shift": "coalesce(to_char(h.shift_number, 'FM000000'), '')",
    "clerk": "coalesce(u.staff_number || ' ' || u.full_name, '')",
    "method": "m.method",
}
_MONEY: Final = """
WITH money AS (
    SELECT p.payment_date AS at, true AS came, p.amount, p.booking_id, p.shift_id, p.taken_by AS who,
        p.payment_method AS method
    FROM payments p
    WHERE p.operator_id = :operator AND p.payment_status IN ('completed', 'refunded')
        AND p.payment_date >= :begin AND p.payment_date < :end
    UNION ALL
    SELECT r.refund_date, false, r.refund_amount, p.booking_id, r.shift_id, coalesce(s.user_id, r.requested_by),
        r.refund_method
    FROM refunds r
    JOIN payments p ON p.operator_id = r.operator_id AND p.id = r.payment_id
    LEFT JOIN shifts s ON s.operator_id = r.operator_id AND s.id = r.shift_id
    WHERE r.operator_id = :operator AND r.refund_status = 'completed'
        AND r.refund_date >= :begin AND r.refund_date < :end
)
SELECT {key} AS key, count(DISTINCT m.booking_id) FILTER (WHERE m.came) AS bookings,
    count(*) FILTER (WHERE m.came) AS payments, coalesce(sum(m.amount) FILTER (WHERE m.came), 0)::bigint AS sold,
    count(*) FILTER (WHERE NOT m.came) AS refunds,
    coalesce(sum(m.amount) FILTER (WHERE NOT m.came), 0)::bigint AS refunded
FROM money m
LEFT JOIN shifts h ON h.operator_id = :operator AND h.id = m.shift_id
LEFT JOIN users u ON u.operator_id = :operator AND u.id = m.who
GROUP BY 1 ORDER BY 1
"""

_OF_CHARGES: Final = {
    "train": "tr.train_number || ' ' || tr.train_name",
    "class": "cl.class_code",
}
#: A hold that became a sale was priced at most so long before it was paid.
_CHARGES: Final = """
WITH charged AS (
    SELECT c.booking_id, c.passenger_id, c.charge_kind, c.amount,
        CASE WHEN c.modification_id IS NULL THEN greatest(c.created_at, paid.at) ELSE c.created_at END AS at
    FROM booking_charges c
    LEFT JOIN LATERAL (
        SELECT max(p.payment_date) AS at FROM payments p
        WHERE p.operator_id = c.operator_id AND p.booking_id = c.booking_id AND p.modification_id IS NULL
            AND p.payment_status IN ('completed', 'refunded')
    ) paid ON true
    WHERE c.operator_id = :operator AND c.created_at < :end AND c.created_at >= :begin - interval '3 days'
)
SELECT {key} AS key, count(DISTINCT c.booking_id) AS bookings,
    count(DISTINCT c.passenger_id) FILTER (WHERE c.charge_kind = 'fare') AS passengers,
    coalesce(sum(c.amount) FILTER (WHERE c.charge_kind = 'fare'), 0)::bigint AS fares,
    coalesce(sum(c.amount) FILTER (WHERE c.charge_kind = 'discount'), 0)::bigint AS discounts,
    coalesce(sum(c.amount) FILTER (WHERE c.charge_kind IN ('fee', 'surcharge')), 0)::bigint AS fees,
    coalesce(sum(c.amount) FILTER (WHERE c.charge_kind NOT IN ('fare', 'discount', 'fee', 'surcharge')), 0)::bigint
        AS changes,
    sum(c.amount)::bigint AS net
FROM charged c
CROSS JOIN LATERAL (
    SELECT t.schedule_id, t.class_id FROM tickets t
    WHERE t.operator_id = :operator AND t.booking_id = c.booking_id
        AND (c.passenger_id IS NULL OR t.passenger_id = c.passenger_id)
    ORDER BY t.created_at <= c.at DESC, CASE WHEN t.created_at <= c.at THEN -t.id ELSE t.id END
    LIMIT 1
) t
JOIN schedules s ON s.operator_id = :operator AND s.id = t.schedule_id
JOIN trains tr ON tr.operator_id = :operator AND tr.id = s.train_id
JOIN train_classes cl ON cl.operator_id = :operator AND cl.id = t.class_id
WHERE c.at >= :begin AND c.at < :end
GROUP BY 1 ORDER BY 1
"""
_WITHOUT_TICKET: Final = """
SELECT count(DISTINCT m.booking_id) AS bookings, coalesce(sum(m.amount), 0)::bigint AS net
FROM (
    SELECT p.booking_id, p.amount FROM payments p
    WHERE p.operator_id = :operator AND p.payment_status IN ('completed', 'refunded')
        AND p.payment_date >= :begin AND p.payment_date < :end
    UNION ALL
    SELECT p.booking_id, -r.refund_amount FROM refunds r
    JOIN payments p ON p.operator_id = r.operator_id AND p.id = r.payment_id
    WHERE r.operator_id = :operator AND r.refund_status = 'completed'
        AND r.refund_date >= :begin AND r.refund_date < :end
) m
WHERE NOT EXISTS (SELECT FROM tickets t WHERE t.operator_id = :operator AND t.booking_id = m.booking_id)
"""

_HEADS: Final = {"day": "Day", "shift": "Shift", "clerk": "Clerk", "method": "Method", "train": "Train",
                 "class": "Class"}  # fmt: skip
_MONEY_COLUMNS: Final = (
    Column("bookings", "Bookings", "count"),
    Column("payments", "Payments", "count"),
    Column("sold", "Sold", "money"),
    Column("refunds", "Refunds", "count"),
    Column("refunded", "Refunded", "money"),
    Column("net", "Net", "money"),
)
_CHARGE_COLUMNS: Final = (
    Column("bookings", "Bookings", "count"),
    Column("passengers", "Passengers", "count"),
    Column("fares", "Fares", "money"),
    Column("discounts", "Discounts", "money"),
    Column("fees", "Fees", "money"),
    Column("changes", "Changes", "money"),
    Column("net", "Net", "money"),
)


def report(office: Office, actor: Actor, span: Span, by: By = "day") -> Report:
    """What was sold in a span of days."""
    require(actor, "look_into_reports")

    def read(tx: Transaction) -> Report:
        asked = {"operator": tx.operator_id, **span.bounds}
        if by in _OF_CHARGES:
            charges = text(_CHARGES.format(key=_OF_CHARGES[by])).bindparams(**_used(_CHARGES, asked))
            without = text(_WITHOUT_TICKET).bindparams(**_used(_WITHOUT_TICKET, asked))
            return by_charges(by, span, tx.query(charges).all(), tx.query(without).first())
        key = _OF_MONEY[by]
        return by_money(by, span, tx.query(text(_MONEY.format(key=key)).bindparams(**_used(_MONEY + key, asked))).all())

    return office.database.transaction(read, actor=actor, snapshot=True)


def _used(statement: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if f":{name}" in statement}


def by_money(by: By, span: Span, rows: Iterable[Any]) -> Report:
    """Assemble rows of key, bookings, payments, sold, refunds, refunded."""
    made: list[tuple[Cell, ...]] = [
        (row.key, row.bookings, row.payments, row.sold, row.refunds, row.refunded, row.sold - row.refunded)
        for row in rows
    ]
    columns = (Column(by, _HEADS[by]), *_MONEY_COLUMNS)
    return Report(f"sales by {by}", f"Sales by {by}", columns, tuple(made), {"by": by, **span.facts()})


def by_charges(by: By, span: Span, rows: Iterable[Any], without_ticket: Any) -> Report:
    """Assemble rows of key, bookings, passengers, fares, discounts, fees, changes, net; and money without a ticket."""
    made: list[tuple[Cell, ...]] = [
        (row.key, row.bookings, row.passengers, row.fares, row.discounts, row.fees, row.changes, row.net)
        for row in rows
    ]
    if without_ticket is not None and without_ticket.bookings:
        loose = without_ticket
        made.append(("", loose.bookings, 0, 0, 0, 0, loose.net, loose.net))
    columns = (Column(by, _HEADS[by]), *_CHARGE_COLUMNS)
    return Report(f"sales by {by}", f"Sales by {by}", columns, tuple(made), {"by": by, **span.facts()})
