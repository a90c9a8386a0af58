"""The integrity check: does what is stored agree with itself?

Every check is one question to the database whose answer should be empty; what it finds is named. Run after every race
and fault test, and by ``counter admin verify``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core import training
from core.audit import checkpoints, proof
from core.audit.checkpoints import Noted
from core.database import Database, Transaction
from core.office import Office
from core.ops import integrity_refunds, integrity_shifts
from core.ticket_code import decode

_PROBLEMS_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Check:
    """What one check looked at and found."""

    name: str
    checked: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.ok, "checked": self.checked, "problems": list(self.problems)}


#: Who may keep a bit: live tickets and holds. Every bit must be kept by exactly one of them.
_KEEPERS: Final = """
    SELECT t.service_date, t.schedule_id, t.class_id, t.seat_id, t.legs, 'ticket ' || t.ticket_number AS keeper
    FROM tickets t WHERE t.seat_id IS NOT NULL AND t.ticket_status IN ('active', 'used')
    UNION ALL
    SELECT h.service_date, h.schedule_id, h.class_id, s.seat_id, h.legs, 'hold of ' || b.booking_number
    FROM seat_holds h JOIN bookings b ON b.operator_id = h.operator_id AND b.id = h.booking_id,
        unnest(h.seat_ids) AS s (seat_id)
"""

#: The months whose seats are kept. Those of departures long past are dropped as a whole; their tickets stay.
_KEPT_MONTHS: Final = """
    SELECT (regexp_match(bounds, $$FROM \\('([^']+)'\\)$$))[1]::date AS first,
        (regexp_match(bounds, $$TO \\('([^']+)'\\)$$))[1]::date AS next
    FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid, pg_get_expr(c.relpartbound, c.oid) AS bounds
    WHERE h.inhparent = 'seat_inventory'::regclass
"""

#: name -> (how many things are looked at, what is wrong with each that is)
_CHECKS: Final[dict[str, tuple[str, str]]] = {
    "seats_match_tickets_and_holds": (
        "SELECT count(*) FROM seat_inventory",
        f"""
        WITH kept AS (
            SELECT service_date, schedule_id, class_id, seat_id, bit_or(legs) AS legs
            FROM ({_KEEPERS}) k GROUP BY 1, 2, 3, 4
        ), months AS ({_KEPT_MONTHS})
        SELECT format('schedule %s seat %s: taken %s, kept %s', coalesce(i.schedule_id, k.schedule_id),
            coalesce(i.seat_id, k.seat_id), coalesce(i.occupied::bit(64)::text, 'no inventory'),
            coalesce(k.legs, 0)::bit(64)::text)
        FROM (SELECT * FROM seat_inventory WHERE occupied <> 0) i
        FULL JOIN kept k USING (service_date, schedule_id, class_id, seat_id)
        WHERE coalesce(i.occupied, 0) <> coalesce(k.legs, 0)
            AND (service_date >= current_date
                OR EXISTS (SELECT FROM months m WHERE service_date >= m.first AND service_date < m.next))
        """,  # noqa: S608 - constants of this module
    ),
    "no_seat_sold_twice": (
        "SELECT count(*) FROM tickets WHERE seat_id IS NOT NULL",
        f"""
        WITH keepers AS ({_KEEPERS})
        SELECT format('schedule %s seat %s: %s and %s', a.schedule_id, a.seat_id, a.keeper, b.keeper)
        FROM keepers a JOIN keepers b USING (service_date, schedule_id, class_id, seat_id)
        WHERE a.keeper < b.keeper AND a.legs & b.legs <> 0
        """,  # noqa: S608 - constants of this module
    ),
    "inventory_has_its_seat": (
        "SELECT count(*) FROM schedules",
        """
        SELECT format('schedule %s seat %s of class %s does not exist', i.schedule_id, i.seat_id, i.class_id)
        FROM (SELECT DISTINCT operator_id, schedule_id, class_id, seat_id FROM seat_inventory) i
        LEFT JOIN seats s ON s.operator_id = i.operator_id AND s.id = i.seat_id AND s.class_id = i.class_id
        LEFT JOIN schedules d ON d.operator_id = i.operator_id AND d.id = i.schedule_id
        WHERE s.id IS NULL OR d.id IS NULL
        """,
    ),
    "ledger_balances": (
        "SELECT count(*) FROM bookings",
        """
        SELECT format('booking %s: paid %s, refunded %s, charged %s', b.booking_number, p.paid, r.refunded, c.charged)
        FROM bookings b
        CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS paid FROM payments
            WHERE operator_id = b.operator_id AND booking_id = b.id
                AND payment_status IN ('completed', 'refunded')) p
        CROSS JOIN LATERAL (SELECT coalesce(sum(f.refund_amount), 0) AS refunded FROM refunds f
            JOIN payments q ON q.operator_id = f.operator_id AND q.id = f.payment_id
            WHERE q.operator_id = b.operator_id AND q.booking_id = b.id AND f.refund_status = 'completed') r
        CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS charged FROM booking_charges
            WHERE operator_id = b.operator_id AND booking_id = b.id) c
        WHERE CASE WHEN b.status = 'pending' THEN p.paid - r.refunded > c.charged
            ELSE p.paid - r.refunded <> c.charged END
        """,
    ),
    "money_of_sales_given_up_goes_back": (
        "SELECT count(*) FROM bookings WHERE status IN ('cancelled', 'expired')",
        """
        SELECT format('booking %s is %s: %s is still in our hands, %s is to be paid back', b.booking_number, b.status,
            p.paid - r.refunded, r.owing)
        FROM bookings b
        CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS paid FROM payments
            WHERE operator_id = b.operator_id AND booking_id = b.id
                AND payment_status IN ('completed', 'refunded')) p
        CROSS JOIN LATERAL (SELECT
                coalesce(sum(f.refund_amount) FILTER (WHERE f.refund_status = 'completed'), 0) AS refunded,
                coalesce(sum(f.refund_amount) FILTER (WHERE f.refund_status <> 'completed'), 0) AS owing
            FROM refunds f JOIN payments q ON q.operator_id = f.operator_id AND q.id = f.payment_id
            WHERE q.operator_id = b.operator_id AND q.booking_id = b.id) r
        WHERE b.status IN ('cancelled', 'expired') AND p.paid - r.refunded <> r.owing
            AND NOT EXISTS (SELECT FROM tickets t WHERE t.operator_id = b.operator_id AND t.booking_id = b.id)
        """,
    ),
    "promotions_of_sales_given_up_are_free": (
        "SELECT count(*) FROM booking_promotions",
        """
        SELECT format('booking %s is %s and still uses a promotion', b.booking_number, b.status)
        FROM booking_promotions u JOIN bookings b ON b.operator_id = u.operator_id AND b.id = u.booking_id
        WHERE b.status = 'expired' AND u.released_at IS NULL
        """,
    ),
    "amounts_are_as_sold": (
        "SELECT count(DISTINCT booking_id) FROM tickets",
        """
        SELECT format('booking %s was sold for %s, charged were %s', b.booking_number, b.final_amount, c.sold)
        FROM bookings b
        CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS sold FROM booking_charges
            WHERE operator_id = b.operator_id AND booking_id = b.id AND modification_id IS NULL) c
        WHERE b.final_amount <> c.sold AND EXISTS (SELECT FROM tickets t
            WHERE t.operator_id = b.operator_id AND t.booking_id = b.id)
        """,
    ),
    "promotions_count_their_uses": (
        "SELECT count(*) FROM promotions",
        """
        SELECT format('promotion %s: %s uses counted, %s stand', p.promotion_code, p.used_count, u.n)
        FROM promotions p
        CROSS JOIN LATERAL (SELECT count(*) AS n FROM booking_promotions
            WHERE operator_id = p.operator_id AND promotion_id = p.id AND released_at IS NULL) u
        WHERE p.used_count <> u.n
        """,
    ),
    "bookings_are_whole": (
        "SELECT count(*) FROM bookings",
        """
        SELECT format('booking %s is %s: %s passengers of %s, %s tickets, %s holds', b.booking_number, b.status,
            p.n, b.passenger_count, t.n, h.n)
        FROM bookings b
        CROSS JOIN LATERAL (SELECT count(*) AS n FROM passengers
            WHERE operator_id = b.operator_id AND booking_id = b.id) p
        CROSS JOIN LATERAL (SELECT count(DISTINCT passenger_id) AS n FROM tickets
            WHERE operator_id = b.operator_id AND booking_id = b.id) t
        CROSS JOIN LATERAL (SELECT count(*) AS n FROM seat_holds
            WHERE operator_id = b.operator_id AND booking_id = b.id) h
        WHERE CASE b.status
            WHEN 'pending' THEN t.n <> 0 OR h.n <> 1
            WHEN 'expired' THEN t.n <> 0 OR h.n <> 0
            WHEN 'cancelled' THEN h.n <> 0
            ELSE h.n <> 0 OR p.n <> b.passenger_count OR t.n <> b.passenger_count END
        """,
    ),
    "moved_tickets_follow_each_other": (
        "SELECT count(*) FROM tickets WHERE ticket_status = 'superseded' OR supersedes_id IS NOT NULL",
        """
        SELECT format('ticket %s is superseded by %s tickets', o.ticket_number, count(n.id))
        FROM tickets o LEFT JOIN tickets n ON n.operator_id = o.operator_id AND n.supersedes_id = o.id
        WHERE o.ticket_status = 'superseded' GROUP BY o.operator_id, o.id, o.ticket_number HAVING count(n.id) <> 1
        UNION ALL
        SELECT format('ticket %s follows %s, which is %s', n.ticket_number, o.ticket_number, o.ticket_status)
        FROM tickets n JOIN tickets o ON o.operator_id = n.operator_id AND o.id = n.supersedes_id
        WHERE o.ticket_status <> 'superseded' OR o.passenger_id <> n.passenger_id
        """,
    ),
    "gates_agree_with_tickets": (
        "SELECT count(*) FROM checkins",
        """
        SELECT format('ticket %s is %s, admitted %s times', t.ticket_number, t.ticket_status, c.n)
        FROM tickets t
        LEFT JOIN (SELECT operator_id, ticket_id, count(*) AS n FROM checkins
            WHERE outcome = 'ok' AND undone_at IS NULL GROUP BY 1, 2) c
            ON c.operator_id = t.operator_id AND c.ticket_id = t.id
        WHERE (t.ticket_status = 'used' AND coalesce(c.n, 0) <> 1)
            OR (t.ticket_status = 'active' AND coalesce(c.n, 0) <> 0)
        """,
    ),
    "sold_things_are_on_the_trail": (
        "SELECT count(*) FROM bookings WHERE status = 'confirmed'",
        """
        SELECT format('booking %s has no audit row or event of its sale', b.booking_number)
        FROM bookings b WHERE b.status = 'confirmed' AND NOT (
            EXISTS (SELECT FROM audit_logs a WHERE a.operator_id = b.operator_id AND a.entity_type = 'bookings'
                AND a.entity_id = b.id::text AND a.new_values ->> 'status' = 'confirmed')
            AND EXISTS (SELECT FROM domain_events e WHERE e.operator_id = b.operator_id
                AND e.entity_id = b.id::text AND e.event_type = 'booking.confirmed'))
        """,
    ),
}


def verify(office: Office, heads_file: Path | None = None) -> list[Check]:
    """Run every check on one snapshot of this operator's data.

    Args:
        heads_file: what this machine keeps of the audit trail outside the database; see ``core.audit.checkpoints``.

    Raises:
        NotReady: that file cannot be read.
    """
    outside = checkpoints.read_file(heads_file) if heads_file else []  # first: it may only know less than the snapshot

    def look(tx: Transaction) -> list[Check]:
        checks = _CHECKS | integrity_shifts.CHECKS | integrity_refunds.CHECKS
        found = [_ask(tx, name, counted, wrong) for name, (counted, wrong) in checks.items()]
        reports, broken = integrity_shifts.broken_links(tx)
        chain = Check("z_reports_are_chained", reports, tuple(broken[:_PROBLEMS_SHOWN]))
        return [*found, chain, _check_codes(tx, office), _check_training(tx, office), _check_audit(tx, office, outside)]

    return office.database.transaction(look, statement_timeout=600, snapshot=True)


def verify_seats(database: Database) -> list[str]:
    """Only the seats, without keys: what is wrong with them."""

    def look(tx: Transaction) -> list[str]:
        problems: list[str] = []
        for name in ("seats_match_tickets_and_holds", "no_seat_sold_twice"):
            problems += _ask(tx, name, *_CHECKS[name]).problems
        return problems

    return database.transaction(look, statement_timeout=600, snapshot=True)


def _ask(tx: Transaction, name: str, counted: str, wrong: str) -> Check:
    total, problems = tx.raw(counted), tx.raw(f"{wrong} LIMIT {_PROBLEMS_SHOWN}")
    return Check(name, int(total.scalar() or 0), tuple(problems.scalars()))


def _check_codes(tx: Transaction, office: Office) -> Check:
    """Every live ticket's code verifies and says what the ticket's row says."""
    rows = tx.raw(
        "SELECT id, ticket_number, qr_code, schedule_id, service_date, from_stop, to_stop, issue_no FROM tickets"
        " WHERE ticket_status IN ('active', 'used')"
    ).all()
    problems = []
    for row in rows:
        said = decode(row.qr_code, issuer=office.operator.issuer, public_keys=office.public_keys).payload
        stored = (row.id, row.schedule_id, row.service_date, row.from_stop, row.to_stop, row.issue_no)
        if said is None:
            problems.append(f"ticket {row.ticket_number}: its code does not verify")
        elif stored != (
            said.ticket_serial,
            said.schedule_id,
            said.service_date,
            said.from_stop,
            said.to_stop,
            said.issue_no,
        ):
            problems.append(f"ticket {row.ticket_number}: its code says something else than the ticket")
    return Check("codes_match_tickets", len(rows), tuple(problems[:_PROBLEMS_SHOWN]))


def _check_training(tx: Transaction, office: Office) -> Check:
    """What was sold in training, and nothing else, carries the numbers, codes and marks of training."""
    practising = office.operator.is_training
    bookings = tx.raw("SELECT booking_number FROM bookings").scalars()
    rows = tx.raw("SELECT id, ticket_number, qr_code FROM tickets").all()
    reports = tx.raw("SELECT z_number, coalesce(body ->> 'training' = 'true', false) AS practised FROM z_reports").all()
    marked = "bears the mark of training" if not practising else "does not bear the mark of training"
    problems = [
        f"booking {number}: its number {marked}"
        for number in bookings
        if number.startswith(training.BOOKING_PREFIX) != practising
    ]
    for row in rows:
        said = decode(row.qr_code, issuer=office.operator.issuer, public_keys={}).says_training  # signed: see above
        if (row.id >= training.FIRST_SERIAL) != practising:
            problems.append(f"ticket {row.ticket_number}: its number {marked}")
        if said is not None and said != practising:
            problems.append(f"ticket {row.ticket_number}: its code {marked}")
    problems += [f"Z report {row.z_number} {marked}" for row in reports if row.practised != practising]
    checked = len(bookings) + len(rows) + len(reports)
    return Check("training_kept_apart", checked, tuple(problems[:_PROBLEMS_SHOWN]))


def _check_audit(tx: Transaction, office: Office, outside: list[Noted]) -> Check:
    """The audit trail proves that it was not changed."""
    proven = proof.prove(tx, office, outside)
    return Check("audit_chain", proven.checked, proven.problems[:_PROBLEMS_SHOWN])
