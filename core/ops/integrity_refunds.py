"""What must agree about money that goes back and about changes of sold bookings; part of the integrity check.

Each check is (how many things are looked at, what is wrong with each that is), as in ``core.ops.integrity``.
"""

from __future__ import annotations

from typing import Final

_OF_SOLD: Final = """
    FROM refunds f
    JOIN payments p ON p.operator_id = f.operator_id AND p.id = f.payment_id
    JOIN bookings b ON b.operator_id = p.operator_id AND b.id = p.booking_id
"""

CHECKS: Final[dict[str, tuple[str, str]]] = {
    "refunds_within_payments": (
        "SELECT count(*) FROM payments",
        """
        SELECT format('payment %s of %s is %s: %s is decided to go back, %s went back', p.payment_reference, p.amount,
            p.payment_status, r.decided, r.done)
        FROM payments p
        CROSS JOIN LATERAL (SELECT
                coalesce(sum(f.refund_amount) FILTER (WHERE f.refund_status <> 'forfeited'), 0) AS decided,
                coalesce(sum(f.refund_amount) FILTER (WHERE f.refund_status = 'completed'), 0) AS done
            FROM refunds f WHERE f.operator_id = p.operator_id AND f.payment_id = p.id) r
        WHERE r.decided > p.amount OR (p.payment_status = 'refunded' AND r.done <> p.amount)
            OR (p.payment_status IN ('pending', 'processing', 'failed') AND r.done > 0)
            OR (p.payment_status = 'completed' AND p.amount > 0 AND r.done = p.amount)
        """,
    ),
    "refunds_are_approved": (
        "SELECT count(*) FROM refunds",
        f"""
        SELECT format('refund %s of booking %s has no approval', f.refund_reference, b.booking_number)
        {_OF_SOLD}
        LEFT JOIN booking_modifications m ON m.operator_id = f.operator_id AND m.id = f.modification_id
        LEFT JOIN approvals a ON a.operator_id = m.operator_id AND a.id = m.approval_id
        WHERE EXISTS (SELECT FROM tickets t WHERE t.operator_id = b.operator_id AND t.booking_id = b.id)
            AND NOT coalesce(m.booking_id = b.id AND (m.modification_type = 'late_payment'
                OR a.status IN ('approved', 'used')), false)
        """,  # noqa: S608 - constants of this module
    ),
    "owed_is_what_waits": (
        "SELECT count(*) FROM refunds WHERE decided_with IS NOT NULL",
        f"""
        SELECT format('refund %s of %s is %s: %s is owed on the ledger', f.refund_reference, f.refund_amount,
            f.refund_status, c.owed)
        {_OF_SOLD}
        CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS owed FROM booking_charges
            WHERE operator_id = b.operator_id AND booking_id = b.id AND charge_kind IN ('owed', 'reversal')
                AND cause IN ('refund ' || f.refund_reference, 'refund ' || f.refund_reference || ' forfeited')) c
        WHERE f.decided_with IS NOT NULL AND c.owed <>
            CASE WHEN f.refund_status IN ('completed', 'forfeited') THEN 0 ELSE f.refund_amount END
        """,  # noqa: S608 - constants of this module
    ),
    "cash_refunds_left_a_drawer": (
        "SELECT count(*) FROM refunds WHERE refund_method = 'cash' AND refund_status = 'completed'",
        """
        SELECT format('refund %s was paid in cash out of no drawer', refund_reference) FROM refunds
        WHERE refund_method = 'cash' AND refund_status = 'completed' AND shift_id IS NULL
        """,
    ),
    "changes_are_closed": (
        "SELECT count(*) FROM booking_modifications",
        """
        SELECT format('a %s of booking %s is still open', m.modification_type, b.booking_number)
        FROM booking_modifications m JOIN bookings b ON b.operator_id = m.operator_id AND b.id = m.booking_id
        WHERE m.status = 'open' AND NOT EXISTS (SELECT FROM refunds f
            WHERE f.operator_id = m.operator_id AND f.modification_id = m.id
                AND f.refund_status NOT IN ('completed', 'forfeited'))
        """,
    ),
    "cancelled_bookings_have_no_live_ticket": (
        "SELECT count(*) FROM bookings WHERE status = 'cancelled'",
        """
        SELECT format('booking %s is cancelled, its ticket %s is %s', b.booking_number, t.ticket_number,
            t.ticket_status)
        FROM bookings b JOIN tickets t ON t.operator_id = b.operator_id AND t.booking_id = b.id
        WHERE b.status = 'cancelled' AND t.ticket_status IN ('active', 'used')
        """,
    ),
}
