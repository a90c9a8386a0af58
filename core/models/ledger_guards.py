"""Closed is closed: what PostgreSQL refuses about the money of a sold booking and about a closed shift.

A booking's ledger (payments, refunds, charges, promotions) takes rows only while the booking is pending, or with the
id of an open modification of that booking. The trigger locks the booking's row FOR SHARE before it looks, so a
payment that is being inserted while the booking is being confirmed waits and is then refused, instead of slipping in.
A booking is confirmed only when what was paid is what was charged. The same holds for shifts: who sells, pays out or
moves cash shares the shift's row, who closes it has it alone.

Everything else on these tables that would rewrite history is refused for every role, the owner included.
"""
# ruff: noqa: S608 - statements put together from constants of this module

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_FUNCTION: Final = """
CREATE FUNCTION {name}() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
{body}
END $$
"""

_REFUSE: Final = """RAISE EXCEPTION '{message}', {argument}
                USING ERRCODE = 'check_violation', CONSTRAINT = '{rule}', TABLE = TG_TABLE_NAME;"""

_BOOKING_CLOSED: Final = _REFUSE.format(
    message="booking % is closed", argument="sold.booking_number", rule="booking_closed"
)
_SHIFT_CLOSED: Final = _REFUSE.format(message="shift % is closed", argument="drawer.shift_number", rule="shift_closed")

#: Locks each booking of the new rows, then looks whether it still takes money.
_OPEN_BOOKINGS: Final = f"""
    FOR sold IN
        SELECT b.operator_id, b.id, b.booking_number, b.status FROM public.bookings b
        WHERE (b.operator_id, b.id) IN (SELECT n.operator_id, n.booking_id FROM new_rows n) FOR SHARE
    LOOP
        IF sold.status <> 'pending' AND EXISTS (
            SELECT FROM new_rows n WHERE n.operator_id = sold.operator_id AND n.booking_id = sold.id
                AND NOT EXISTS (SELECT FROM public.booking_modifications m WHERE m.operator_id = n.operator_id
                    AND m.id = n.{{modification}} AND m.booking_id = sold.id AND m.status = 'open'))
        THEN
            {_BOOKING_CLOSED}
        END IF;
    END LOOP;"""
_OPEN_SHIFTS: Final = f"""
    FOR drawer IN
        SELECT s.shift_number, s.status FROM public.shifts s
        WHERE (s.operator_id, s.id) IN (SELECT n.operator_id, n.shift_id FROM new_rows n) FOR SHARE
    LOOP
        IF drawer.status {{allowed}} THEN
            {_SHIFT_CLOSED}
        END IF;
    END LOOP;"""
_DECLARE: Final = "DECLARE\n    {names} record;\nBEGIN"

_PAYMENTS: Final = (
    "DECLARE\n    sold record;\n    drawer record;\nBEGIN"
    + _OPEN_BOOKINGS.format(modification="modification_id")
    + _OPEN_SHIFTS.format(allowed="<> 'open'")
    + """
    IF EXISTS (SELECT FROM new_rows n WHERE n.payment_method = 'cash' AND n.shift_id IS NULL) THEN
        RAISE EXCEPTION 'cash belongs to a shift'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cash_needs_shift', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;"""
)
_CHARGES: Final = (
    _DECLARE.format(names="sold") + _OPEN_BOOKINGS.format(modification="modification_id") + "\n    RETURN NULL;"
)
_PROMOTIONS: Final = (
    _DECLARE.format(names="sold")
    + _OPEN_BOOKINGS.replace("AND m.id = n.{modification} ", "AND false ")
    + """
    UPDATE public.promotions p SET used_count = p.used_count + 1
    FROM (SELECT n.operator_id, n.promotion_id, count(*) AS uses FROM new_rows n GROUP BY 1, 2) u
    WHERE p.operator_id = u.operator_id AND p.id = u.promotion_id;
    RETURN NULL;"""
)
#: A use is given back once, when its sale came to nothing.
_RELEASE: Final = """BEGIN
    IF OLD.released_at IS NOT NULL OR NEW.released_at IS NULL OR EXISTS (
        SELECT FROM public.bookings b WHERE b.operator_id = OLD.operator_id AND b.id = OLD.booking_id
            AND b.status IN ('confirmed', 'completed'))
    THEN
        RAISE EXCEPTION 'this use of a promotion stands'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'promotion_use_stands', TABLE = TG_TABLE_NAME;
    END IF;
    UPDATE public.promotions p SET used_count = p.used_count - 1
    WHERE p.operator_id = OLD.operator_id AND p.id = OLD.promotion_id;
    RETURN NEW;"""
_DRAWERS: Final = _DECLARE.format(names="drawer") + _OPEN_SHIFTS.format(allowed="<> 'open'") + "\n    RETURN NULL;"
_REFUNDS: Final = (
    "DECLARE\n    sold record;\n    drawer record;\nBEGIN"
    + f"""
    FOR sold IN
        SELECT b.booking_number, b.status, n.modification_id, n.refund_status, b.operator_id, b.id FROM new_rows n
        JOIN public.payments p ON p.operator_id = n.operator_id AND p.id = n.payment_id
        JOIN public.bookings b ON b.operator_id = p.operator_id AND b.id = p.booking_id
        FOR SHARE OF b
    LOOP
        IF sold.status IN ('confirmed', 'completed') AND NOT EXISTS (
            SELECT FROM public.booking_modifications m WHERE m.operator_id = sold.operator_id
                AND m.id = sold.modification_id AND m.booking_id = sold.id AND m.status = 'open')
        THEN
            {_BOOKING_CLOSED}
        END IF;
        IF sold.status <> 'pending' AND sold.refund_status = 'completed' THEN
            RAISE EXCEPTION 'a refund of a closed booking is asked for before it is paid out'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_asked_first', TABLE = TG_TABLE_NAME;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM new_rows n
        JOIN public.payments p ON p.operator_id = n.operator_id AND p.id = n.payment_id
        WHERE p.amount < (SELECT sum(r.refund_amount) FROM public.refunds r
            WHERE r.operator_id = p.operator_id AND r.payment_id = p.id AND r.refund_status <> 'forfeited'))
    THEN
        RAISE EXCEPTION 'more is refunded than was paid'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_within_payment', TABLE = TG_TABLE_NAME;
    END IF;
    IF EXISTS (SELECT FROM new_rows n
        WHERE n.refund_method = 'cash' AND n.refund_status = 'completed' AND n.shift_id IS NULL)
    THEN
        RAISE EXCEPTION 'cash belongs to a shift'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cash_needs_shift', TABLE = TG_TABLE_NAME;
    END IF;"""
    + _OPEN_SHIFTS.format(allowed="<> 'open'")
    + "\n    RETURN NULL;"
)
_COUNTS: Final = _DECLARE.format(names="drawer") + _OPEN_SHIFTS.format(allowed="= 'closed'") + "\n    RETURN NULL;"

#: What a payment came to may be written down later; after the sale only through a modification.
_PAYMENT_STATE: Final = f"""DECLARE
    sold record;
BEGIN
    SELECT b.booking_number, b.status INTO sold FROM public.bookings b
    WHERE b.operator_id = NEW.operator_id AND b.id = NEW.booking_id FOR SHARE;
    IF sold.status <> 'pending' AND (NEW.payment_status <> 'failed' OR OLD.payment_status IN ('completed', 'refunded'))
        AND NOT EXISTS (SELECT FROM public.booking_modifications m WHERE m.operator_id = NEW.operator_id
            AND m.id = NEW.modification_id AND m.booking_id = NEW.booking_id AND m.status = 'open')
    THEN
        {_BOOKING_CLOSED}
    END IF;
    RETURN NEW;"""
#: Money is part of the shift it was completed in. What arrives after that shift was counted is nobody's drawer's;
#: cash cannot arrive by itself. A payment that was completed once stays where it is.
_PAYMENT_SHIFT: Final = f"""DECLARE
    drawer record;
BEGIN
    IF OLD.payment_date IS NOT NULL THEN
        IF OLD.shift_id IS DISTINCT FROM NEW.shift_id THEN
            RAISE EXCEPTION 'a payment stays in its shift'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'history_is_kept', TABLE = TG_TABLE_NAME;
        END IF;
        RETURN NEW;
    END IF;
    SELECT s.shift_number, s.status INTO drawer FROM public.shifts s
    WHERE s.operator_id = NEW.operator_id AND s.id = NEW.shift_id FOR SHARE;
    IF drawer.status <> 'open' AND NEW.payment_status = 'completed' AND NEW.payment_method <> 'cash' THEN
        NEW.shift_id := NULL;
    ELSIF drawer.status <> 'open' AND (NEW.payment_status = 'completed' OR OLD.shift_id IS DISTINCT FROM NEW.shift_id)
    THEN
        {_SHIFT_CLOSED}
    END IF;
    RETURN NEW;"""
_REFUND_SHIFT: Final = f"""DECLARE
    drawer record;
BEGIN
    SELECT s.shift_number, s.status INTO drawer FROM public.shifts s
    WHERE s.operator_id = NEW.operator_id AND s.id = NEW.shift_id FOR SHARE;
    IF drawer.status <> 'open' AND NEW.refund_method <> 'cash' THEN
        NEW.shift_id := NULL;
    ELSIF drawer.status <> 'open' THEN
        {_SHIFT_CLOSED}
    ELSIF NEW.refund_method = 'cash' AND NEW.shift_id IS NULL THEN
        RAISE EXCEPTION 'cash belongs to a shift'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cash_needs_shift', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;"""
#: A decided refund goes another way only by transfer, and only while it is not paid out; it lapses in its own time.
_REFUND_WAY: Final = """BEGIN
    IF NEW.refund_method <> OLD.refund_method
        AND (OLD.refund_status NOT IN ('initiated', 'failed') OR NEW.refund_method NOT IN ('bank_transfer', 'wallet'))
    THEN
        RAISE EXCEPTION 'a refund goes the way it was decided'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_way_stands', TABLE = TG_TABLE_NAME;
    END IF;
    IF NEW.refund_status = 'forfeited' AND OLD.refund_status <> 'forfeited'
        AND (NEW.claim_until IS NULL OR NEW.claim_until > now())
    THEN
        RAISE EXCEPTION 'this refund can still be claimed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_claimable', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;"""
#: A ticket belongs to a sale that is being closed, or to a change of one, on a departure that runs: its foreign key
#: shares the departure's row, which whoever cancels it has alone, so this look comes after the cancellation.
_TICKETS: Final = (
    _DECLARE.format(names="sold")
    + _OPEN_BOOKINGS.replace("AND m.id = n.{modification} ", "")
    + """
    IF EXISTS (SELECT FROM new_rows n
        JOIN public.schedules d ON d.operator_id = n.operator_id AND d.id = n.schedule_id
        WHERE d.status = 'cancelled'
            OR d.skipped_stops & ((1::bigint << n.from_stop) | (1::bigint << n.to_stop)) <> 0)
    THEN
        RAISE EXCEPTION 'nothing is sold on a departure that does not run'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ticket_departure_runs', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;"""
)
#: A sale is not undone by its state alone: there is a modification that says why.
_SOLD: Final = f"""DECLARE
    sold record;
BEGIN
    sold := NEW;
    IF NOT EXISTS (SELECT FROM public.booking_modifications m WHERE m.operator_id = NEW.operator_id
        AND m.booking_id = NEW.id AND m.status = 'open')
    THEN
        {_BOOKING_CLOSED}
    END IF;
    RETURN NEW;"""
#: Who travels on a sold ticket changes by a modification that is open at that moment.
_PASSENGER: Final = f"""DECLARE
    sold record;
BEGIN
    SELECT b.booking_number, b.status INTO sold FROM public.bookings b
    WHERE b.operator_id = NEW.operator_id AND b.id = NEW.booking_id FOR SHARE;
    IF sold.status <> 'pending' AND NOT pg_has_role(current_user,
            (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'MEMBER')
        AND NOT EXISTS (SELECT FROM public.booking_modifications m WHERE m.operator_id = NEW.operator_id
            AND m.booking_id = NEW.booking_id AND m.status = 'open')
    THEN
        {_BOOKING_CLOSED}
    END IF;
    RETURN NEW;"""
_PAID: Final = """DECLARE
    paid bigint;
    charged bigint;
BEGIN
    SELECT coalesce(sum(p.amount - (SELECT coalesce(sum(r.refund_amount), 0) FROM public.refunds r
        WHERE r.operator_id = p.operator_id AND r.payment_id = p.id AND r.refund_status = 'completed')), 0)
    INTO paid FROM public.payments p
    WHERE p.operator_id = NEW.operator_id AND p.booking_id = NEW.id AND p.payment_status = 'completed';
    SELECT coalesce(sum(c.amount), 0) INTO charged FROM public.booking_charges c
    WHERE c.operator_id = NEW.operator_id AND c.booking_id = NEW.id;
    IF paid <> charged OR charged <> NEW.final_amount THEN
        RAISE EXCEPTION 'booking %: % is paid, % is charged', NEW.booking_number, paid, charged
            USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_is_paid', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;"""
_KEPT: Final = """BEGIN
    RAISE EXCEPTION '% is kept as it was written', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = 'history_is_kept', TABLE = TG_TABLE_NAME;"""

#: function -> (body, runs with the owner's rights)
_FUNCTIONS: Final[dict[str, tuple[str, bool]]] = {
    "guard_payments_insert": (_PAYMENTS, False),
    "guard_charges_insert": (_CHARGES, False),
    "guard_promotion_use": (_PROMOTIONS, True),
    "guard_promotion_release": (_RELEASE, True),
    "guard_refunds_insert": (_REFUNDS, False),
    "guard_tickets_insert": (_TICKETS, False),
    "guard_open_shift": (_DRAWERS, False),
    "guard_unclosed_shift": (_COUNTS, False),
    "guard_payment_state": (_PAYMENT_STATE, False),
    "guard_payment_shift": (_PAYMENT_SHIFT, False),
    "guard_refund_shift": (_REFUND_SHIFT, False),
    "guard_refund_way": (_REFUND_WAY, False),
    "guard_booking_sold": (_SOLD, False),
    "guard_booking_paid": (_PAID, False),
    "guard_passenger_sold": (_PASSENGER, False),
    "guard_history": (_KEPT, False),
}
_AFTER_INSERT: Final = {
    "payments": "guard_payments_insert",
    "booking_charges": "guard_charges_insert",
    "booking_promotions": "guard_promotion_use",
    "refunds": "guard_refunds_insert",
    "tickets": "guard_tickets_insert",
    "cash_movements": "guard_open_shift",
    "spoilt_prints": "guard_open_shift",
    "shift_counts": "guard_unclosed_shift",
    "stock_counts": "guard_unclosed_shift",
}
#: Rows of these are never deleted, and of the second set never changed either.
_KEPT_TABLES: Final = (
    *("payments", "refunds", "booking_promotions", "shifts", "stock_counts", "approvals", "booking_modifications"),
    *("payment_questions", "audit_heads"),
)
_UNCHANGED_TABLES: Final = (
    *("booking_charges", "cash_movements", "shift_counts", "z_reports", "audit_logs"),
    *("audit_checkpoints", "spoilt_prints", "delay_vouchers"),
)


def statements() -> Iterator[str]:
    """DDL of the functions and triggers, to run as the owner after the tables exist."""
    for name, (body, definer) in _FUNCTIONS.items():
        made = _FUNCTION.format(name=name, body=body)
        yield made.replace("LANGUAGE plpgsql", "LANGUAGE plpgsql SECURITY DEFINER") if definer else made
        if definer:
            yield f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC"
    for table, function in _AFTER_INSERT.items():
        yield (
            f"CREATE TRIGGER guard_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
    yield (
        "CREATE TRIGGER guard_release BEFORE UPDATE ON booking_promotions FOR EACH ROW"
        " EXECUTE FUNCTION guard_promotion_release()"
    )
    yield (
        "CREATE TRIGGER guard_state BEFORE UPDATE OF payment_status, payment_date, external_reference ON payments"
        " FOR EACH ROW WHEN ((OLD.payment_status, OLD.payment_date, OLD.external_reference)"
        " IS DISTINCT FROM (NEW.payment_status, NEW.payment_date, NEW.external_reference))"
        " EXECUTE FUNCTION guard_payment_state()"
    )
    yield (
        "CREATE TRIGGER guard_shift BEFORE UPDATE OF payment_status, shift_id ON payments FOR EACH ROW"
        " EXECUTE FUNCTION guard_payment_shift()"
    )
    yield (
        "CREATE TRIGGER guard_shift BEFORE UPDATE OF refund_status ON refunds FOR EACH ROW"
        " WHEN (OLD.refund_status <> 'completed' AND NEW.refund_status = 'completed')"
        " EXECUTE FUNCTION guard_refund_shift()"
    )
    yield (
        "CREATE TRIGGER guard_way BEFORE UPDATE OF refund_method, refund_status ON refunds FOR EACH ROW"
        " EXECUTE FUNCTION guard_refund_way()"
    )
    yield (
        "CREATE TRIGGER guard_update AFTER UPDATE ON stock_counts REFERENCING NEW TABLE AS new_rows"
        " FOR EACH STATEMENT EXECUTE FUNCTION guard_unclosed_shift()"
    )
    yield (
        "CREATE TRIGGER guard_paid BEFORE UPDATE OF status ON bookings FOR EACH ROW"
        " WHEN (OLD.status = 'pending' AND NEW.status = 'confirmed') EXECUTE FUNCTION guard_booking_paid()"
    )
    yield (
        "CREATE TRIGGER guard_sold BEFORE UPDATE OF status ON bookings FOR EACH ROW"
        " WHEN (OLD.status IN ('confirmed', 'completed') AND NEW.status = 'cancelled')"
        " EXECUTE FUNCTION guard_booking_sold()"
    )
    yield (
        "CREATE TRIGGER guard_amounts BEFORE UPDATE OF total_amount, discount_amount, final_amount, priced_at,"
        " passenger_count ON bookings FOR EACH ROW WHEN (OLD.status <> 'pending') EXECUTE FUNCTION guard_history()"
    )
    yield ("CREATE TRIGGER guard_sold BEFORE UPDATE ON passengers FOR EACH ROW EXECUTE FUNCTION guard_passenger_sold()")
    yield (
        "CREATE TRIGGER guard_sold BEFORE UPDATE OF seat_id, qr_code, issue_no, exclusive_identity, entitlement_id"
        " ON tickets FOR EACH ROW EXECUTE FUNCTION guard_passenger_sold()"
    )
    yield (
        "CREATE TRIGGER guard_closed BEFORE UPDATE ON shifts FOR EACH ROW"
        " WHEN (OLD.status = 'closed') EXECUTE FUNCTION guard_history()"
    )
    for table in (*_KEPT_TABLES, *_UNCHANGED_TABLES):
        changes = "DELETE OR TRUNCATE" if table in _KEPT_TABLES else "UPDATE OR DELETE OR TRUNCATE"
        yield (
            f"CREATE TRIGGER guard_history BEFORE {changes} ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION guard_history()"
        )
