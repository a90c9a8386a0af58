"""The part of the integrity check that is about shifts: reports without gaps, chained, and true to the rows.

The sums here are written in SQL of their own, on purpose: they share nothing with ``core.shifts.records``, which the
reports were made with. A payment that was denied after its shift was closed was taken all the same.
"""

from __future__ import annotations

from typing import Final

from core.database import Transaction
from core.shifts.closing import digest

_TAKEN: Final = """
    SELECT p.operator_id, p.shift_id, p.payment_method AS method, count(*) AS n, sum(p.amount) AS amount
    FROM payments p JOIN shifts s ON s.operator_id = p.operator_id AND s.id = p.shift_id
    WHERE p.payment_status IN ('completed', 'refunded')
        OR (p.payment_status = 'failed' AND p.payment_date IS NOT NULL AND p.updated_at > s.closed_at)
    GROUP BY 1, 2, 3
"""
_PAID_BACK: Final = """
    SELECT operator_id, shift_id, refund_method AS method, count(*) AS n, sum(refund_amount) AS amount
    FROM refunds WHERE refund_status = 'completed' AND shift_id IS NOT NULL GROUP BY 1, 2, 3
"""

_FINED: Final = """
    SELECT operator_id, shift_id, payment_method AS method, count(*) AS n, sum(amount) AS amount
    FROM fines WHERE status = 'paid' GROUP BY 1, 2, 3
"""

#: name -> (how many things are looked at, what is wrong with each that is)
CHECKS: Final[dict[str, tuple[str, str]]] = {
    "z_reports_have_no_gaps": (
        "SELECT count(*) FROM z_reports",
        """
        SELECT format('Z report %s follows %s', z.z_number, z.before)
        FROM (SELECT z_number, lag(z_number, 1, 0) OVER (PARTITION BY operator_id ORDER BY z_number) AS before
            FROM z_reports) z
        WHERE z.z_number <> z.before + 1
        """,
    ),
    "closed_shifts_have_a_report": (
        "SELECT count(*) FROM shifts WHERE status = 'closed'",
        """
        SELECT format('shift %s is %s, its Z report is %s', s.shift_number, s.status,
            coalesce(z.z_number::text, 'missing'))
        FROM shifts s LEFT JOIN z_reports z ON z.operator_id = s.operator_id AND z.shift_id = s.id
        WHERE (s.status = 'closed') <> (z.id IS NOT NULL)
        """,
    ),
    "z_reports_match_the_rows": (
        "SELECT count(*) FROM z_reports",
        f"""
        WITH moved AS (
            SELECT operator_id, shift_id, movement_kind AS kind, count(*) AS n, sum(amount) AS amount
            FROM cash_movements GROUP BY 1, 2, 3
        ), said AS (
            SELECT z.operator_id, z.shift_id, z.z_number, 'sales ' || e.key AS what, (e.value ->> 'count')::bigint AS n,
                (e.value ->> 'amount')::bigint AS amount FROM z_reports z, jsonb_each(z.body -> 'sales') e
            UNION ALL
            SELECT z.operator_id, z.shift_id, z.z_number, 'refunds ' || e.key, (e.value ->> 'count')::bigint,
                (e.value ->> 'amount')::bigint FROM z_reports z, jsonb_each(z.body -> 'refunds') e
            UNION ALL
            SELECT z.operator_id, z.shift_id, z.z_number, 'fines ' || e.key, (e.value ->> 'count')::bigint,
                (e.value ->> 'amount')::bigint FROM z_reports z, jsonb_each(z.body -> 'fines') e
            UNION ALL
            SELECT z.operator_id, z.shift_id, z.z_number, m.kind, (z.body -> m.field ->> 'count')::bigint,
                (z.body -> m.field ->> 'amount')::bigint
            FROM z_reports z,
                (VALUES ('cash_in', 'cash_in'), ('cash_out', 'cash_out'), ('drop', 'drops')) m (kind, field)
            WHERE (z.body -> m.field ->> 'count')::bigint > 0
        ), found AS (
            SELECT operator_id, shift_id, 'sales ' || method AS what, n, amount FROM ({_TAKEN}) t
            UNION ALL
            SELECT operator_id, shift_id, 'refunds ' || method, n, amount FROM ({_PAID_BACK}) r
            UNION ALL
            SELECT operator_id, shift_id, 'fines ' || method, n, amount FROM ({_FINED}) d
            UNION ALL
            SELECT operator_id, shift_id, kind, n, amount FROM moved WHERE kind <> 'no_sale'
        )
        SELECT format('Z report %s: %s is %s, the rows say %s', z.z_number, coalesce(s.what, f.what),
            coalesce(s.amount, 0), coalesce(f.amount, 0))
        FROM said s FULL JOIN found f USING (operator_id, shift_id, what)
        JOIN z_reports z USING (operator_id, shift_id)
        WHERE s.amount IS DISTINCT FROM f.amount OR s.n IS DISTINCT FROM f.n
        """,  # noqa: S608 - constants of this module
    ),
    "drawers_add_up": (
        "SELECT count(*) FROM shifts WHERE status = 'closed'",
        f"""
        SELECT format('shift %s: expected %s, rows %s; counted %s, pieces %s; report %s and %s', s.shift_number,
            s.expected_amount, r.expected, s.counted_amount, c.counted, z.body ->> 'expected', z.body ->> 'counted')
        FROM shifts s
        LEFT JOIN z_reports z ON z.operator_id = s.operator_id AND z.shift_id = s.id
        CROSS JOIN LATERAL (SELECT s.float_amount
            + coalesce((SELECT sum(t.amount) FROM ({_TAKEN}) t WHERE t.operator_id = s.operator_id
                AND t.shift_id = s.id AND t.method = 'cash'), 0)
            - coalesce((SELECT sum(b.amount) FROM ({_PAID_BACK}) b WHERE b.operator_id = s.operator_id
                AND b.shift_id = s.id AND b.method = 'cash'), 0)
            + coalesce((SELECT sum(d.amount) FROM ({_FINED}) d WHERE d.operator_id = s.operator_id
                AND d.shift_id = s.id AND d.method = 'cash'), 0)
            + coalesce((SELECT sum(CASE WHEN m.movement_kind = 'cash_in' THEN m.amount ELSE -m.amount END)
                FROM cash_movements m WHERE m.operator_id = s.operator_id AND m.shift_id = s.id), 0) AS expected) r
        CROSS JOIN LATERAL (SELECT coalesce(sum(n.denomination * n.pieces), 0) AS counted FROM shift_counts n
            WHERE n.operator_id = s.operator_id AND n.shift_id = s.id AND n.attempt = (SELECT max(l.attempt)
                FROM shift_counts l WHERE l.operator_id = s.operator_id AND l.shift_id = s.id)) c
        WHERE s.status = 'closed' AND (s.expected_amount <> r.expected OR s.counted_amount <> c.counted
            OR (z.body ->> 'expected')::bigint <> s.expected_amount
            OR (z.body ->> 'counted')::bigint <> s.counted_amount OR (z.body ->> 'float')::bigint <> s.float_amount)
        """,  # noqa: S608 - constants of this module
    ),
    "fines_are_settled_once": (
        "SELECT count(*) FROM fines",
        """
        SELECT format('fine %s is waived without a supervisor', f.fine_number) FROM fines f
        JOIN users u ON u.operator_id = f.operator_id AND u.id = f.waived_by
        LEFT JOIN approvals a ON a.operator_id = f.operator_id AND a.id = f.waive_approval_id
        WHERE u.role NOT IN ('supervisor', 'admin') AND (a.id IS NULL OR a.status <> 'used'
            OR a.subject_id <> f.id::text OR a.amount <> f.amount)
        UNION ALL
        SELECT format('fine %s was paid at %s, outside its shift', f.fine_number, f.paid_at) FROM fines f
        JOIN shifts s ON s.operator_id = f.operator_id AND s.id = f.shift_id
        WHERE f.paid_at < s.opened_at OR f.paid_at > s.closed_at
        """,
    ),
    "approvals_are_by_two_people": (
        "SELECT count(*) FROM approvals",
        """
        SELECT format('approval %s was decided by the one who asked', approval_number) FROM approvals
        WHERE decided_by = requested_by
        UNION ALL
        SELECT format('shift %s was closed with approval %s, which is %s', s.shift_number, a.approval_number, a.status)
        FROM shifts s JOIN approvals a ON a.operator_id = s.operator_id AND a.id = s.approval_id
        WHERE a.status <> 'used' OR a.subject_id <> s.id::text
            OR abs(a.amount) < abs(s.counted_amount - s.expected_amount)
        UNION ALL
        SELECT format('approval %s of a movement is %s', a.approval_number, a.status)
        FROM cash_movements m JOIN approvals a ON a.operator_id = m.operator_id AND a.id = m.approval_id
        WHERE a.status <> 'used' OR a.amount <> m.amount
        """,
    ),
}


def broken_links(tx: Transaction) -> tuple[int, list[str]]:
    """How many Z reports there are, and those whose digest is not that of the one before and their own body."""
    rows = tx.raw("SELECT z_number, body, digest FROM z_reports ORDER BY z_number").all()
    before, problems = b"", []
    for row in rows:
        if digest(before, row.body) != bytes(row.digest) or row.body.get("previous_digest") != before.hex():
            problems.append(f"Z report {row.z_number}: its digest does not follow from the one before")
        before = bytes(row.digest)
    return len(rows), problems
