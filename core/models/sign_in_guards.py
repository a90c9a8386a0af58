"""Signing in, as PostgreSQL judges it: challenge, proof, lock, session; and changing what is kept of a PIN.

The functions run with the owner's rights, since no terminal may read what is kept of a PIN, write a session, or count
its own failures. What a session then allows stands in ``session_guards``.
"""
# ruff: noqa: S608 - statements put together from constants of this module

from __future__ import annotations

from typing import Final

#: What holds where the operator decided nothing: the defaults of ``core.policy`` under the same names.
POLICY_DEFAULTS: Final = {
    "pin_attempts": 5,
    "pin_lock_minutes": 5,
    "pin_lock_most_minutes": 1440,
    "session_hours": 12,
    "sessions_at_one_terminal": 1,
    "over_short_limit": 20_000,
}

#: How every function here runs, and whose rows it looks at.
DEFINER: Final = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
OPERATORS_OWN: Final = "operator_id = public.current_operator()"

#: Of a number nobody has the failures stand on the trail, by its digest.
_NOBODY_LOCKED: Final = f"""
CREATE FUNCTION nobody_locked_until(digest text, station integer) RETURNS timestamptz
LANGUAGE plpgsql STABLE {DEFINER} AS $$
DECLARE
    failures bigint;
    latest timestamptz;
    attempts bigint := public.policy_number('pin_attempts', station, {POLICY_DEFAULTS["pin_attempts"]});
BEGIN
    SELECT count(*), max(a.created_at) INTO failures, latest FROM public.audit_logs a
    WHERE a.{OPERATORS_OWN} AND a.entity_type = 'staff_numbers' AND a.entity_id = digest
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
LANGUAGE plpgsql STABLE {DEFINER} AS $$
DECLARE
    at_station integer := (
        SELECT t.station_id FROM public.terminals t WHERE t.{OPERATORS_OWN} AND t.id = terminal);
BEGIN
    RETURN QUERY SELECT substring(u.password_hash FROM '^(.*)\\$[^$]*$'), u.locked_until FROM public.users u
    WHERE u.{OPERATORS_OWN} AND (u.staff_number = number OR u.email_digest = mail);
    IF NOT FOUND THEN
        RETURN QUERY SELECT NULL::text, public.nobody_locked_until(digest, at_station);
    END IF;
END $$
"""

_NOTE: Final = f"""
CREATE FUNCTION note_sign_in(entity text, key text, outcome text, somebody uuid, terminal integer, more jsonb)
RETURNS void
LANGUAGE plpgsql {DEFINER} AS $$
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
LANGUAGE plpgsql {DEFINER} AS $$
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
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    over record;
BEGIN
    SELECT s.id, s.user_id, s.terminal_id INTO over FROM public.user_sessions s
    WHERE s.{OPERATORS_OWN} AND s.is_active
        AND s.session_token = sha256(convert_to(current_setting('counter.session', true), 'UTF8')) FOR UPDATE;
    IF FOUND THEN
        INSERT INTO public.audit_logs (operator_id, id, user_id, terminal_id, correlation_id, entity_type, entity_id,
            action, new_values)
        VALUES (public.current_operator(), gen_random_uuid(), public.acting_user(), over.terminal_id,
            gen_random_uuid(), 'user_sessions', over.id::text, 'update', jsonb_build_object('ended', why));
        UPDATE public.user_sessions s SET is_active = false, ended_at = now(), ended_because = why
        WHERE s.{OPERATORS_OWN} AND s.id = over.id;
    END IF;
END $$
"""

#: What ``core.pins`` keeps of a PIN or password.
_KEPT: Final = r"^\$argon2id-sha256\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]{43}$"

#: Either who knows the old one, or who may manage that person; in the second case it has to be changed again.
_CHANGE_SECRET: Final = f"""
CREATE FUNCTION change_secret(somebody uuid, old_proof bytea, kept text, terminal integer) RETURNS text
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    own smallint := public.current_operator();
    who public.users%ROWTYPE;
    own_hand boolean := old_proof IS NOT NULL;
BEGIN
    SELECT u.* INTO who FROM public.users u WHERE u.operator_id = own AND u.id = somebody FOR UPDATE;
    IF NOT FOUND OR kept !~ '{_KEPT}'
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

#: In the order in which they need each other.
FUNCTIONS: Final = (_LOCK_TIME, _NOBODY_LOCKED, _CHALLENGE, _NOTE, _TELL, _SIGN_IN, _END_SESSION, _CHANGE_SECRET)
