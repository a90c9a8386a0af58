"""Who works, as PostgreSQL knows it: signing in, sessions, and what only a certain person's session may do.

A sign-in is judged here and not in the program: ``sign_in_challenge`` gives the parameters of what is kept of a PIN
(``core.pins``), the program answers with a proof, ``sign_in`` compares, counts, locks, and opens the session; all of it
is on the audit trail. The session's token travels with each transaction as the setting ``counter.session``. Knowing a
setting's name helps nobody: ``acting_user()`` looks for a running session with the SHA-256 of its value.

What a second person decides, and whose name stands on the audit trail, follows from that session alone.
"""
# ruff: noqa: S608 - statements put together from constants of this module

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from core.models.roles import COUNTER_ROLE, GATE_ROLE, REPORTING_ROLE

#: What holds where the operator decided nothing: the defaults of ``core.policy`` under the same names.
POLICY_DEFAULTS: Final = {
    "pin_attempts": 5,
    "pin_lock_minutes": 5,
    "pin_lock_most_minutes": 1440,
    "session_hours": 12,
    "sessions_at_one_terminal": 1,
    "over_short_limit": 20_000,
}

_DEFINER: Final = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
_OPERATORS_OWN: Final = "operator_id = public.current_operator()"

_POLICY: Final = f"""
CREATE FUNCTION policy_number(wanted text, station integer, fallback bigint) RETURNS bigint
LANGUAGE plpgsql STABLE {_DEFINER} AS $$
BEGIN
    RETURN coalesce((
        SELECT (p.config->>'value')::bigint FROM public.policy_configurations p
        WHERE p.{_OPERATORS_OWN} AND p.policy_type = wanted AND p.deleted_at IS NULL AND p.train_id IS NULL
            AND (p.station_id IS NULL OR p.station_id = station) AND jsonb_typeof(p.config->'value') = 'number'
        ORDER BY p.station_id NULLS LAST LIMIT 1), fallback);
END $$
"""

_ACTING_USER: Final = f"""
CREATE FUNCTION acting_user() RETURNS uuid
LANGUAGE plpgsql STABLE {_DEFINER} AS $$
BEGIN
    RETURN (SELECT s.user_id FROM public.user_sessions s
        WHERE s.{_OPERATORS_OWN} AND s.is_active AND s.expires_at > now()
            AND s.session_token = sha256(convert_to(current_setting('counter.session', true), 'UTF8')));
END $$
"""

_ACTING_ROLE: Final = f"""
CREATE FUNCTION acting_role() RETURNS text
LANGUAGE plpgsql STABLE {_DEFINER} AS $$
BEGIN
    RETURN (SELECT u.role FROM public.users u
        WHERE u.{_OPERATORS_OWN} AND u.id = public.acting_user() AND u.is_active);
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

#: Of a number nobody has the failures stand on the trail, by its digest.
_NOBODY_LOCKED: Final = f"""
CREATE FUNCTION nobody_locked_until(digest text, station integer) RETURNS timestamptz
LANGUAGE plpgsql STABLE {_DEFINER} AS $$
DECLARE
    failures bigint;
    latest timestamptz;
    attempts bigint := public.policy_number('pin_attempts', station, {POLICY_DEFAULTS["pin_attempts"]});
BEGIN
    SELECT count(*), max(a.created_at) INTO failures, latest FROM public.audit_logs a
    WHERE a.{_OPERATORS_OWN} AND a.entity_type = 'staff_numbers' AND a.entity_id = digest
        AND a.new_values->>'sign_in' IN ('failed', 'locked');
    IF failures = 0 OR failures % attempts <> 0 THEN
        RETURN NULL;
    END IF;
    RETURN latest + public.lock_time(failures / attempts, station);
END $$
"""

_LOCK_TIME: Final = f"""
CREATE FUNCTION lock_time(lockouts bigint, station integer) RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN make_interval(mins => least(
        public.policy_number('pin_lock_minutes', station, {POLICY_DEFAULTS["pin_lock_minutes"]})
            * power(2, least(lockouts, 20) - 1),
        public.policy_number('pin_lock_most_minutes', station, {POLICY_DEFAULTS["pin_lock_most_minutes"]}))::integer);
END $$
"""

_CHALLENGE: Final = f"""
CREATE FUNCTION sign_in_challenge(number text, digest text, mail bytea, terminal integer)
RETURNS TABLE (parameters text, locked_until timestamptz)
LANGUAGE plpgsql STABLE {_DEFINER} AS $$
DECLARE
    at_station integer := (
        SELECT t.station_id FROM public.terminals t WHERE t.{_OPERATORS_OWN} AND t.id = terminal);
BEGIN
    RETURN QUERY SELECT substring(u.password_hash FROM '^(.*)\\$[^$]*$'), u.locked_until FROM public.users u
    WHERE u.{_OPERATORS_OWN} AND (u.staff_number = number OR u.email_digest = mail);
    IF NOT FOUND THEN
        RETURN QUERY SELECT NULL::text, public.nobody_locked_until(digest, at_station);
    END IF;
END $$
"""

_NOTE: Final = f"""
CREATE FUNCTION note_sign_in(entity text, key text, outcome text, somebody uuid, terminal integer, more jsonb)
RETURNS void
LANGUAGE plpgsql {_DEFINER} AS $$
BEGIN
    INSERT INTO public.audit_logs (operator_id, id, user_id, terminal_id, correlation_id, entity_type, entity_id,
        action, new_values)
    VALUES (public.current_operator(), gen_random_uuid(), somebody, terminal, gen_random_uuid(), entity, key,
        CASE entity WHEN 'user_sessions' THEN 'create' ELSE 'update' END,
        CASE WHEN outcome IS NULL THEN more ELSE jsonb_build_object('sign_in', outcome) || more END);
END $$
"""

_SIGN_IN: Final = f"""
CREATE FUNCTION sign_in(number text, digest text, mail bytea, proof bytea, new_session uuid, token bytea,
    terminal integer, program text, interactive boolean, most_minutes integer)
RETURNS TABLE (outcome text, user_id uuid, staff_number text, full_name text, role text, locked_until timestamptz,
    expires_at timestamptz, ended bigint)
LANGUAGE plpgsql {_DEFINER} AS $$
DECLARE
    own smallint := public.current_operator();
    who public.users%ROWTYPE;
    at_station integer := (SELECT t.station_id FROM public.terminals t WHERE t.operator_id = own AND t.id = terminal);
    until timestamptz;
    was text;
BEGIN
    SELECT u.* INTO who FROM public.users u
    WHERE u.operator_id = own AND (u.staff_number = number OR u.email_digest = mail) FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM pg_advisory_xact_lock(hashtext(digest), own);
        until := public.nobody_locked_until(digest, at_station);
        was := CASE WHEN until > now() THEN 'refused' ELSE 'failed' END;
        PERFORM public.note_sign_in('staff_numbers', digest, was, NULL, terminal, '{{}}');
        RETURN QUERY SELECT CASE was WHEN 'refused' THEN 'locked' ELSE 'failed' END, NULL::uuid, NULL::text, NULL::text,
            NULL::text, until, NULL::timestamptz, 0::bigint;
        RETURN;
    END IF;
    IF who.locked_until > now() THEN
        PERFORM public.note_sign_in('users', who.id::text, 'refused', NULL, terminal, '{{}}');
        RETURN QUERY SELECT 'locked', NULL::uuid, NULL::text, NULL::text, NULL::text, who.locked_until,
            NULL::timestamptz, 0::bigint;
        RETURN;
    END IF;
    IF NOT who.is_active OR substring(who.password_hash FROM '[^$]*$') IS DISTINCT FROM
        rtrim(encode(sha256(proof), 'base64'), '=') OR who.password_hash NOT LIKE '$argon2id-sha256$%'
    THEN
        IF who.failed_attempts + 1 >= public.policy_number('pin_attempts', at_station,
            {POLICY_DEFAULTS["pin_attempts"]})
        THEN
            until := now() + public.lock_time(who.lockouts + 1, at_station);
        END IF;
        UPDATE public.users u SET locked_until = until, updated_at = now(),
            failed_attempts = CASE WHEN until IS NULL THEN u.failed_attempts + 1 ELSE 0 END,
            lockouts = u.lockouts + CASE WHEN until IS NULL THEN 0 ELSE 1 END
        WHERE u.operator_id = own AND u.id = who.id;
        PERFORM public.note_sign_in('users', who.id::text, CASE WHEN until IS NULL THEN 'failed' ELSE 'locked' END,
            NULL, terminal, '{{}}');
        IF until IS NOT NULL THEN
            PERFORM public.tell_supervisors(at_station, who.id, until);
        END IF;
        RETURN QUERY SELECT 'failed', NULL::uuid, NULL::text, NULL::text, NULL::text, NULL::timestamptz,
            NULL::timestamptz, 0::bigint;
        RETURN;
    END IF;
    UPDATE public.users u SET failed_attempts = 0, lockouts = 0, locked_until = NULL, last_login = now()
    WHERE u.operator_id = own AND u.id = who.id;
    was := CASE
        WHEN who.must_change_pin THEN 'must_change'
        WHEN EXISTS (SELECT FROM public.user_stations s WHERE s.operator_id = own AND s.user_id = who.id)
            AND NOT EXISTS (SELECT FROM public.user_stations s
                WHERE s.operator_id = own AND s.user_id = who.id AND s.station_id = at_station) THEN 'wrong_station'
        ELSE 'ok' END;
    IF was <> 'ok' THEN
        PERFORM public.note_sign_in('users', who.id::text, was, NULL, terminal, '{{}}');
        RETURN QUERY SELECT was, who.id, who.staff_number, who.full_name, who.role, NULL::timestamptz,
            NULL::timestamptz, 0::bigint;
        RETURN;
    END IF;
    IF interactive AND public.policy_number('sessions_at_one_terminal', at_station,
        {POLICY_DEFAULTS["sessions_at_one_terminal"]}) > 0
    THEN
        UPDATE public.user_sessions s SET is_active = false, ended_at = now(), ended_because = 'signed in elsewhere'
        WHERE s.operator_id = own AND s.user_id = who.id AND s.is_interactive AND s.is_active
            AND s.expires_at > now() AND s.terminal_id IS DISTINCT FROM terminal;
        GET DIAGNOSTICS ended = ROW_COUNT;
    END IF;
    INSERT INTO public.user_sessions (operator_id, id, user_id, terminal_id, session_token, user_agent, expires_at,
        is_interactive)
    VALUES (own, new_session, who.id, terminal, token, program, now() + least(
        make_interval(hours => public.policy_number('session_hours', at_station,
            {POLICY_DEFAULTS["session_hours"]})::integer),
        make_interval(mins => most_minutes)), interactive)
    RETURNING user_sessions.expires_at INTO expires_at;
    PERFORM public.note_sign_in('user_sessions', new_session::text, NULL, who.id, terminal,
        jsonb_build_object('staff_number', who.staff_number, 'program', program));
    outcome := 'ok';
    user_id := who.id;
    staff_number := who.staff_number;
    full_name := who.full_name;
    role := who.role;
    ended := coalesce(ended, 0);
    RETURN NEXT;
END $$
"""

#: Those of the terminal's station, of every station, or else every administrator.
_TELL: Final = """
CREATE FUNCTION tell_supervisors(station integer, somebody uuid, until timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own smallint := public.current_operator();
    who record;
BEGIN
    SELECT coalesce(u.staff_number, 'a customer') AS number, u.full_name INTO who FROM public.users u
    WHERE u.operator_id = own AND u.id = somebody;
    INSERT INTO public.notifications (operator_id, id, user_id, notification_type, title, message, metadata)
    SELECT own, gen_random_uuid(), u.id, 'security', 'Too many wrong PINs',
        'The number ' || who.number || ' (' || who.full_name || ') is locked.',
        jsonb_build_object('user_id', somebody, 'locked_until', until, 'station_id', station)
    FROM public.users u
    WHERE u.operator_id = own AND u.is_active AND u.role IN ('supervisor', 'admin') AND u.id <> somebody
        AND (NOT EXISTS (SELECT FROM public.user_stations s WHERE s.operator_id = own AND s.user_id = u.id)
            OR EXISTS (SELECT FROM public.user_stations s
                WHERE s.operator_id = own AND s.user_id = u.id AND s.station_id = station));
END $$
"""

_END_SESSION: Final = f"""
CREATE FUNCTION end_session(why text) RETURNS void
LANGUAGE plpgsql {_DEFINER} AS $$
DECLARE
    over record;
BEGIN
    SELECT s.id, s.user_id, s.terminal_id INTO over FROM public.user_sessions s
    WHERE s.{_OPERATORS_OWN} AND s.is_active
        AND s.session_token = sha256(convert_to(current_setting('counter.session', true), 'UTF8')) FOR UPDATE;
    IF FOUND THEN
        INSERT INTO public.audit_logs (operator_id, id, user_id, terminal_id, correlation_id, entity_type, entity_id,
            action, new_values)
        VALUES (public.current_operator(), gen_random_uuid(), public.acting_user(), over.terminal_id,
            gen_random_uuid(), 'user_sessions', over.id::text, 'update', jsonb_build_object('ended', why));
        UPDATE public.user_sessions s SET is_active = false, ended_at = now(), ended_because = why
        WHERE s.{_OPERATORS_OWN} AND s.id = over.id;
    END IF;
END $$
"""

#: Either who knows the old one, or who may manage that person; in the second case it has to be changed again.
_CHANGE_SECRET: Final = f"""
CREATE FUNCTION change_secret(somebody uuid, old_proof bytea, kept text, terminal integer) RETURNS text
LANGUAGE plpgsql {_DEFINER} AS $$
DECLARE
    own smallint := public.current_operator();
    who public.users%ROWTYPE;
    own_hand boolean := old_proof IS NOT NULL;
BEGIN
    SELECT u.* INTO who FROM public.users u WHERE u.operator_id = own AND u.id = somebody FOR UPDATE;
    IF NOT FOUND OR kept !~ '^\\$argon2id-sha256\\$v=19\\$m=[0-9]+,t=[0-9]+,p=[0-9]+\\$[A-Za-z0-9+/]+\\$[A-Za-z0-9+/]{{43}}$'
    THEN
        RETURN 'unknown';
    END IF;
    IF own_hand THEN
        IF NOT who.is_active OR who.locked_until > now() OR substring(who.password_hash FROM '[^$]*$') IS DISTINCT FROM
            rtrim(encode(sha256(old_proof), 'base64'), '=')
        THEN
            RETURN 'refused';
        END IF;
    ELSIF NOT public.may_manage(who.role) OR somebody = public.acting_user() THEN
        RETURN 'refused';
    END IF;
    UPDATE public.users u SET password_hash = kept, must_change_pin = NOT own_hand, updated_at = now(),
        failed_attempts = 0, lockouts = 0, locked_until = NULL
    WHERE u.operator_id = own AND u.id = somebody;
    UPDATE public.user_sessions s SET is_active = false, ended_at = now(), ended_because = 'secret changed'
    WHERE s.operator_id = own AND s.user_id = somebody AND s.is_active
        AND s.session_token <> sha256(convert_to(coalesce(current_setting('counter.session', true), ''), 'UTF8'));
    INSERT INTO public.audit_logs (operator_id, id, user_id, terminal_id, correlation_id, entity_type, entity_id,
        action, new_values)
    VALUES (own, gen_random_uuid(), public.acting_user(), terminal, gen_random_uuid(), 'users', somebody::text,
        'update', jsonb_build_object('secret', CASE WHEN own_hand THEN 'changed' ELSE 'reset' END));
    RETURN 'ok';
END $$
"""

_REFUSE: Final = (
    "RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation', CONSTRAINT = '{rule}', TABLE = '{table}';"
)

_TRIGGER: Final = """
CREATE FUNCTION {name}() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
{body}
END $$
"""

#: The owner writes in anybody's name: imports, and what is put right by hand.
_UNLESS_OWNER: Final = """IF pg_has_role(current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'MEMBER')
    THEN
        RETURN NEW;
    END IF;"""

#: Who decides is signed in, with a role that may; who asks puts his own name to it.
_APPROVALS: Final = f"""DECLARE
    me uuid := public.acting_user();
BEGIN
    {_UNLESS_OWNER}
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' OR NEW.requested_by IS DISTINCT FROM me THEN
            {_REFUSE.format(message="a request is made in the own name", rule="approval_asked_by_self", table="approvals")}
        END IF;
    ELSIF NEW.decided_by IS DISTINCT FROM OLD.decided_by OR NEW.status IN ('approved', 'refused') THEN
        IF NEW.decided_by IS DISTINCT FROM me OR me = OLD.requested_by
            OR coalesce(public.acting_role(), '') <> ALL (ARRAY['supervisor', 'admin'])
        THEN
            {_REFUSE.format(message="only a second person decides", rule="approval_decided_by_second", table="approvals")}
        END IF;
    END IF;
    RETURN NEW;"""

_MODIFICATIONS: Final = f"""BEGIN
    {_UNLESS_OWNER}
    IF NEW.opened_by IS DISTINCT FROM public.acting_user() AND NOT (
        NEW.opened_by IS NULL AND NEW.modification_type IN ('late_payment', 'settlement'))
    THEN
        {_REFUSE.format(message="a change is opened in the own name", rule="modification_opened_by_self", table="booking_modifications")}
    END IF;
    RETURN NEW;"""

#: Money goes out of a sold booking with a second person's approval, bound to it; what arrived too late goes back by
#: itself, but never in cash.
_REFUND_APPROVED: Final = f"""BEGIN
    IF NOT EXISTS (SELECT FROM public.payments p JOIN public.bookings b
            ON b.operator_id = p.operator_id AND b.id = p.booking_id
        WHERE p.operator_id = NEW.operator_id AND p.id = NEW.payment_id AND b.status = 'pending')
        AND NOT EXISTS (SELECT FROM public.booking_modifications m
            LEFT JOIN public.approvals a ON a.operator_id = m.operator_id AND a.id = m.approval_id
            WHERE m.operator_id = NEW.operator_id AND m.id = NEW.modification_id
                AND (a.status IN ('approved', 'used') OR m.modification_type IN ('late_payment', 'settlement')))
    THEN
        {_REFUSE.format(message="this refund is not approved", rule="refund_approved", table="refunds")}
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
        {_REFUSE.format(message="this difference is not approved", rule="difference_approved", table="shifts")}
    END IF;
    RETURN NEW;"""

_Z_OF_CLOSED: Final = f"""BEGIN
    IF NOT EXISTS (SELECT FROM public.shifts s
        WHERE s.operator_id = NEW.operator_id AND s.id = NEW.shift_id AND s.status = 'closed')
    THEN
        {_REFUSE.format(message="a Z report belongs to a closed shift", rule="z_of_closed_shift", table="z_reports")}
    END IF;
    RETURN NEW;"""

_TRIGGERS: Final = (
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
    "sign_in(text, text, bytea, bytea, uuid, bytea, integer, text, boolean, integer)": (COUNTER_ROLE, GATE_ROLE),
    "end_session(text)": (COUNTER_ROLE, GATE_ROLE),
    "change_secret(uuid, bytea, text, integer)": (COUNTER_ROLE, GATE_ROLE),
    "nobody_locked_until(text, integer)": (),
    "lock_time(bigint, integer)": (),
    "note_sign_in(text, text, text, uuid, integer, jsonb)": (),
    "tell_supervisors(integer, uuid, timestamptz)": (),
}


def functions() -> Iterator[str]:
    """DDL of the functions, to run as the owner after the tables and ``current_operator()`` exist."""
    yield from (
        *(_POLICY, _ACTING_USER, _ACTING_ROLE, _MAY_MANAGE, _LOCK_TIME, _NOBODY_LOCKED, _CHALLENGE, _NOTE, _TELL),
        *(_SIGN_IN, _END_SESSION, _CHANGE_SECRET),
    )
    for name, roles in _CALLABLE.items():
        yield f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC"
        if roles:
            yield f"GRANT EXECUTE ON FUNCTION {name} TO {', '.join(roles)}"


def triggers() -> Iterator[str]:
    """DDL of the triggers, after those of ``ledger_guards``."""
    for name, body in _TRIGGERS:
        yield _TRIGGER.format(name=name, body=body)
    yield from _FIRINGS
