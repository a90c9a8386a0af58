"""Who works, as PostgreSQL knows it: signing in, sessions, and what only a certain person's session may do.

A sign-in is judged in the database and not in the program (``sign_in_guards``); all of it is on the audit trail. The
session's token travels with each transaction as the setting ``counter.session``. Knowing a setting's name helps nobody:
``acting_user()`` looks for a running session with the SHA-256 of its value.

What a second person decides, and whose name stands on the audit trail, follows from that session alone.
"""
# ruff: noqa: S608 - statements put together from constants of this module

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from core.models import sign_in_guards
from core.models.roles import COUNTER_ROLE, GATE_ROLE, REPORTING_ROLE
from core.models.sign_in_guards import DEFINER, OPERATORS_OWN, POLICY_DEFAULTS

_POLICY: Final = f"""
CREATE FUNCTION policy_number(wanted text, station integer, fallback bigint) RETURNS bigint
LANGUAGE plpgsql STABLE {DEFINER} AS $$
BEGIN
    RETURN coalesce((
        SELECT least(greatest(trunc((p.config->>'value')::numeric), 0), 1000000000)::bigint
        FROM public.policy_configurations p
        WHERE p.{OPERATORS_OWN} AND p.policy_type = wanted AND p.deleted_at IS NULL AND p.train_id IS NULL
            AND (p.station_id IS NULL OR p.station_id = station) AND jsonb_typeof(p.config->'value') = 'number'
        ORDER BY p.station_id NULLS LAST LIMIT 1), fallback);
END $$
"""

_ACTING_USER: Final = f"""
CREATE FUNCTION acting_user() RETURNS uuid
LANGUAGE plpgsql STABLE {DEFINER} AS $$
BEGIN
    RETURN (SELECT s.user_id FROM public.user_sessions s
        JOIN public.users u ON u.operator_id = s.operator_id AND u.id = s.user_id AND u.is_active
        WHERE s.{OPERATORS_OWN} AND s.is_active AND s.expires_at > now()
            AND s.session_token = sha256(convert_to(nullif(current_setting('counter.session', true), ''), 'UTF8')));
END $$
"""

_ACTING_ROLE: Final = f"""
CREATE FUNCTION acting_role() RETURNS text
LANGUAGE plpgsql STABLE {DEFINER} AS $$
BEGIN
    RETURN (SELECT u.role FROM public.users u
        WHERE u.{OPERATORS_OWN} AND u.id = public.acting_user() AND u.is_active);
END $$
"""

_MAY_MANAGE: Final = """
CREATE FUNCTION may_manage(somebody text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce(CASE public.acting_role()
        WHEN 'admin' THEN true
        WHEN 'supervisor' THEN somebody IN ('customer', 'clerk', 'gate')
    END, false);
END $$
"""

_TRIGGER: Final = """
CREATE FUNCTION {name}() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
{body}
END $$
"""

#: The owner writes in anybody's name: imports, and what is put right by hand.
_UNLESS_OWNER: Final = (
    "IF pg_has_role(current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'MEMBER')"
    """
    THEN
        RETURN NEW;
    END IF;"""
)
#: rule -> (table, what is said)
_RULES: Final = {
    "approval_asked_by_self": ("approvals", "a request is made in the own name"),
    "approval_decided_by_second": ("approvals", "only a second person decides"),
    "modification_opened_by_self": ("booking_modifications", "a change is opened in the own name"),
    "refund_approved": ("refunds", "this refund is not approved"),
    "difference_approved": ("shifts", "this difference is not approved"),
    "shift_in_own_name": ("shifts", "a drawer is opened and closed in the own name"),
    "checkpoint_says_chain": ("audit_checkpoints", "the chain does not say this"),
    "z_of_closed_shift": ("z_reports", "a Z report belongs to a closed shift"),
}


def _refuse(rule: str) -> str:
    table, message = _RULES[rule]
    return f"RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation', CONSTRAINT = '{rule}', TABLE = '{table}';"


#: Who decides is signed in, with a role that may; who asks puts his own name to it.
_APPROVALS: Final = f"""DECLARE
    me uuid := public.acting_user();
BEGIN
    {_UNLESS_OWNER}
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' OR NEW.requested_by IS DISTINCT FROM me THEN
            {_refuse("approval_asked_by_self")}
        END IF;
    ELSIF NEW.decided_by IS DISTINCT FROM OLD.decided_by OR NEW.status IN ('approved', 'refused') THEN
        IF NEW.decided_by IS DISTINCT FROM me OR me = OLD.requested_by
            OR coalesce(public.acting_role(), '') <> ALL (ARRAY['supervisor', 'admin'])
        THEN
            {_refuse("approval_decided_by_second")}
        END IF;
    END IF;
    RETURN NEW;"""

_MODIFICATIONS: Final = f"""BEGIN
    {_UNLESS_OWNER}
    IF NEW.opened_by IS DISTINCT FROM public.acting_user() AND NOT (
        NEW.opened_by IS NULL AND NEW.modification_type IN ('late_payment', 'settlement'))
    THEN
        {_refuse("modification_opened_by_self")}
    END IF;
    RETURN NEW;"""

#: Money goes out of a sold booking with a second person's approval, bound to that booking and no more than he said;
#: what arrived too late, or for a sale that came to nothing, goes back by itself.
_REFUND_APPROVED: Final = f"""BEGIN
    IF NOT EXISTS (SELECT FROM public.payments p JOIN public.bookings b
            ON b.operator_id = p.operator_id AND b.id = p.booking_id
        WHERE p.operator_id = NEW.operator_id AND p.id = NEW.payment_id AND b.status = 'pending')
        AND NOT EXISTS (SELECT FROM public.booking_modifications m
            JOIN public.payments p ON p.operator_id = m.operator_id AND p.booking_id = m.booking_id
            LEFT JOIN public.approvals a ON a.operator_id = m.operator_id AND a.id = m.approval_id
            WHERE m.operator_id = NEW.operator_id AND m.id = NEW.modification_id AND p.id = NEW.payment_id AND (
                (a.status IN ('approved', 'used') AND a.approval_kind IN ('refund', 'fault', 'disruption')
                    AND (a.subject_type = 'bookings' AND a.subject_id = m.booking_id::text
                        OR a.subject_type = 'schedules' AND EXISTS (SELECT FROM public.tickets t
                            WHERE t.operator_id = m.operator_id AND t.booking_id = m.booking_id
                                AND t.schedule_id::text = a.subject_id))
                    AND a.amount >= (SELECT sum(r.refund_amount) FROM public.refunds r
                        JOIN public.booking_modifications o
                            ON o.operator_id = r.operator_id AND o.id = r.modification_id
                        WHERE r.operator_id = a.operator_id AND o.approval_id = a.id
                            AND r.refund_status <> 'forfeited'))
                OR (m.modification_type = 'late_payment' AND p.modification_id = m.id)
                OR (m.modification_type = 'settlement' AND NOT EXISTS (SELECT FROM public.tickets t
                    WHERE t.operator_id = m.operator_id AND t.booking_id = m.booking_id))))
    THEN
        {_refuse("refund_approved")}
    END IF;
    RETURN NEW;"""

#: Of all attempts the worst counts: counting again until it fits is no way around.
_SHIFT_APPROVED: Final = f"""DECLARE
    furthest bigint := (SELECT max(abs(c.counted - NEW.expected_amount)) FROM (
        SELECT sum(n.denomination * n.pieces)::bigint AS counted FROM public.shift_counts n
        WHERE n.operator_id = NEW.operator_id AND n.shift_id = NEW.id GROUP BY n.attempt) c);
BEGIN
    IF greatest(furthest, abs(NEW.counted_amount - NEW.expected_amount)) > public.policy_number('over_short_limit',
            (SELECT t.station_id FROM public.terminals t
                WHERE t.operator_id = NEW.operator_id AND t.id = NEW.terminal_id),
            {POLICY_DEFAULTS["over_short_limit"]})
        AND NOT EXISTS (SELECT FROM public.approvals a WHERE a.operator_id = NEW.operator_id
            AND a.id = NEW.approval_id AND a.approval_kind = 'over_short' AND a.status IN ('approved', 'used')
            AND a.subject_id = NEW.id::text)
    THEN
        {_refuse("difference_approved")}
    END IF;
    RETURN NEW;"""

_Z_OF_CLOSED: Final = f"""BEGIN
    IF NOT EXISTS (SELECT FROM public.shifts s
        WHERE s.operator_id = NEW.operator_id AND s.id = NEW.shift_id AND s.status = 'closed')
    THEN
        {_refuse("z_of_closed_shift")}
    END IF;
    RETURN NEW;"""

#: A drawer is opened and closed by who is signed in.
_SHIFT_NAMES: Final = f"""BEGIN
    {_UNLESS_OWNER}
    IF TG_OP = 'INSERT' AND NEW.user_id IS DISTINCT FROM public.acting_user()
        OR TG_OP = 'UPDATE' AND NEW.closed_by IS NOT NULL AND NEW.closed_by IS DISTINCT FROM public.acting_user()
    THEN
        {_refuse("shift_in_own_name")}
    END IF;
    RETURN NEW;"""

#: A checkpoint says what the chain says: one that does not could never be told from a chain that was cut.
_CHECKPOINT: Final = f"""BEGIN
    IF NOT EXISTS (SELECT FROM public.audit_logs a WHERE a.operator_id = NEW.operator_id
        AND coalesce(a.terminal_id, 0) = NEW.chain AND a.chain_no = NEW.chain_no AND a.row_hash = NEW.row_hash)
        OR NEW.user_id IS NOT NULL AND NEW.user_id IS DISTINCT FROM public.acting_user()
            AND NOT pg_has_role(session_user, current_user, 'MEMBER')
    THEN
        {_refuse("checkpoint_says_chain")}
    END IF;
    RETURN NEW;"""

_TRIGGERS: Final = (
    ("guard_shift_names", _SHIFT_NAMES),
    ("guard_approval_names", _APPROVALS),
    ("guard_modification_names", _MODIFICATIONS),
    ("guard_refund_approved", _REFUND_APPROVED),
    ("guard_shift_difference", _SHIFT_APPROVED),
    ("guard_z_of_closed", _Z_OF_CLOSED),
)
_FIRINGS: Final = (
    "CREATE TRIGGER guard_names BEFORE INSERT OR UPDATE OF status, decided_by ON approvals FOR EACH ROW"
    " EXECUTE FUNCTION guard_approval_names()",
    "CREATE TRIGGER guard_names BEFORE INSERT ON booking_modifications FOR EACH ROW"
    " EXECUTE FUNCTION guard_modification_names()",
    "CREATE TRIGGER guard_approved BEFORE UPDATE OF refund_status ON refunds FOR EACH ROW"
    " WHEN (OLD.refund_status <> 'completed' AND NEW.refund_status = 'completed')"
    " EXECUTE FUNCTION guard_refund_approved()",
    "CREATE TRIGGER guard_difference BEFORE UPDATE OF status ON shifts FOR EACH ROW"
    " WHEN (OLD.status <> 'closed' AND NEW.status = 'closed') EXECUTE FUNCTION guard_shift_difference()",
    "CREATE TRIGGER guard_names BEFORE INSERT OR UPDATE OF closed_by ON shifts FOR EACH ROW"
    " EXECUTE FUNCTION guard_shift_names()",
    "CREATE TRIGGER guard_chain BEFORE INSERT ON audit_checkpoints FOR EACH ROW EXECUTE FUNCTION guard_checkpoint()",
    # Nobody becomes staff who was a customer, with a password of his own and no number that supervisors gave him.
    "CREATE TRIGGER guard_kind BEFORE UPDATE OF role ON users FOR EACH ROW"
    " WHEN ((OLD.role = 'customer') <> (NEW.role = 'customer')) EXECUTE FUNCTION guard_history()",
    "CREATE TRIGGER guard_modification BEFORE UPDATE OF modification_id ON payments FOR EACH ROW"
    " WHEN (OLD.payment_status = 'completed' AND NEW.payment_status = 'completed'"
    " AND OLD.modification_id IS DISTINCT FROM NEW.modification_id) EXECUTE FUNCTION guard_history()",
    "CREATE TRIGGER guard_closed BEFORE INSERT ON z_reports FOR EACH ROW EXECUTE FUNCTION guard_z_of_closed()",
    "CREATE TRIGGER guard_over BEFORE UPDATE OF is_active ON user_sessions FOR EACH ROW"
    " WHEN (NEW.is_active AND NOT OLD.is_active) EXECUTE FUNCTION guard_history()",
)

#: function -> roles that call it
_CALLABLE: Final = {
    "acting_user()": (COUNTER_ROLE, GATE_ROLE),
    "acting_role()": (COUNTER_ROLE, GATE_ROLE),
    "may_manage(text)": (COUNTER_ROLE,),
    "policy_number(text, integer, bigint)": (COUNTER_ROLE, GATE_ROLE, REPORTING_ROLE),
    "sign_in_challenge(text, text, bytea, integer)": (COUNTER_ROLE, GATE_ROLE),
    "sign_in_attempt(text, text, bytea, bytea, integer)": (COUNTER_ROLE, GATE_ROLE),
    "open_session(uuid, uuid, bytea, integer, text, boolean, integer)": (COUNTER_ROLE, GATE_ROLE),
    "end_session(text)": (COUNTER_ROLE, GATE_ROLE),
    "set_secret(uuid, text, integer)": (COUNTER_ROLE, GATE_ROLE),
    "count_failure(text, text, integer, integer)": (),
    "pin_attempts(integer)": (),
    "nobody_locked_until(text, integer)": (),
    "lock_time(bigint, integer)": (),
    "note_sign_in(text, text, text, uuid, integer, jsonb)": (),
    "tell_supervisors(integer, uuid, timestamptz)": (),
}


def functions() -> Iterator[str]:
    """DDL of the functions, to run as the owner after the tables and ``current_operator()`` exist."""
    yield from (
        *(_POLICY, _ACTING_USER, _ACTING_ROLE, _MAY_MANAGE),
        *sign_in_guards.FUNCTIONS,
    )
    for name, roles in _CALLABLE.items():
        yield f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC"
        if roles:
            yield f"GRANT EXECUTE ON FUNCTION {name} TO {', '.join(roles)}"


def triggers() -> Iterator[str]:
    """DDL of the triggers, after those of ``ledger_guards``."""
    for name, body in _TRIGGERS:
        yield _TRIGGER.format(name=name, body=body)
    # It reads the trail, which a gate does not.
    yield _TRIGGER.format(name="guard_checkpoint", body=_CHECKPOINT).replace(
        "LANGUAGE plpgsql", "LANGUAGE plpgsql SECURITY DEFINER"
    )
    yield "REVOKE ALL ON FUNCTION guard_checkpoint() FROM PUBLIC"
    yield from _FIRINGS
