"""Signing in, as PostgreSQL judges it: challenge, answer, judgement, lock, session; and changing what is kept of a PIN.

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

#: Seconds after which an answer that nobody had judged counts as a wrong one, and how many may wait for a number.
_ABANDONED_SECONDS: Final = 10
_MOST_WAITING: Final = 20

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
    attempts bigint := public.pin_attempts(station);
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
    RETURN make_interval(mins => least(100000,
        greatest(public.policy_number('pin_lock_minutes', station, {POLICY_DEFAULTS["pin_lock_minutes"]}), 1)
            * power(2, least(lockouts, 20) - 1),
        greatest(public.policy_number('pin_lock_most_minutes', station,
            {POLICY_DEFAULTS["pin_lock_most_minutes"]}), 1))::integer);
END $$
"""

#: Neither never nor at once, whatever somebody has written into the policies.
_PIN_ATTEMPTS: Final = f"""
CREATE FUNCTION pin_attempts(station integer) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN least(greatest(public.policy_number('pin_attempts', station, {POLICY_DEFAULTS["pin_attempts"]}), 1), 100);
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

#: First the answer is put down, and committed: what is judged later cannot be taken back with a ROLLBACK, to guess
#: again. An answer nobody had judged counts as a wrong one after a while, and few wait at a time.
_ATTEMPT: Final = f"""
CREATE FUNCTION sign_in_attempt(number text, digest text, mail bytea, answer bytea, terminal integer)
RETURNS TABLE (attempt uuid, locked_until timestamptz)
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    own smallint := public.current_operator();
    who public.users%ROWTYPE;
    at_station integer := (SELECT t.station_id FROM public.terminals t WHERE t.operator_id = own AND t.id = terminal);
    entity text := 'users';
    key text;
    abandoned integer;
BEGIN
    SELECT u.* INTO who FROM public.users u
    WHERE u.operator_id = own AND (u.staff_number = number OR u.email_digest = mail) FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM pg_advisory_xact_lock(hashtext(digest), own);
        entity := 'staff_numbers';
    END IF;
    key := coalesce(who.id::text, digest);
    DELETE FROM public.sign_in_attempts a WHERE a.operator_id = own AND a.subject = key
        AND a.created_at < now() - interval '{_ABANDONED_SECONDS} seconds';
    GET DIAGNOSTICS abandoned = ROW_COUNT;
    FOR each IN 1..abandoned LOOP
        PERFORM public.count_failure(entity, key, terminal, at_station);
    END LOOP;
    locked_until := CASE entity WHEN 'users'
        THEN (SELECT u.locked_until FROM public.users u WHERE u.operator_id = own AND u.id = who.id)
        ELSE public.nobody_locked_until(digest, at_station) END;
    IF locked_until > now() THEN
        PERFORM public.note_sign_in(entity, key, 'refused', NULL, terminal, '{{}}');
    ELSIF octet_length(answer) = 32 AND (SELECT count(*) FROM public.sign_in_attempts a
        WHERE a.operator_id = own AND a.subject = key) < {_MOST_WAITING}
    THEN
        INSERT INTO public.sign_in_attempts (operator_id, id, subject, user_id, answer, made_in)
        VALUES (own, gen_random_uuid(), key, who.id, sign_in_attempt.answer, pg_current_xact_id()::text)
        RETURNING id INTO attempt;
    END IF;
    RETURN NEXT;
END $$
"""

_COUNT_FAILURE: Final = f"""
CREATE FUNCTION count_failure(entity text, key text, terminal integer, station integer) RETURNS void
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    own smallint := public.current_operator();
    who public.users%ROWTYPE;
    until timestamptz;
BEGIN
    IF entity = 'users' THEN
        SELECT u.* INTO who FROM public.users u WHERE u.operator_id = own AND u.id = key::uuid FOR UPDATE;
        IF who.failed_attempts + 1 >= public.pin_attempts(station) THEN
            until := now() + public.lock_time(who.lockouts + 1, station);
        END IF;
        UPDATE public.users u SET locked_until = coalesce(until, u.locked_until), updated_at = now(),
            failed_attempts = CASE WHEN until IS NULL THEN u.failed_attempts + 1 ELSE 0 END,
            lockouts = least(u.lockouts + CASE WHEN until IS NULL THEN 0 ELSE 1 END, 1000)
        WHERE u.operator_id = own AND u.id = who.id;
    END IF;
    PERFORM public.note_sign_in(entity, key, CASE WHEN until IS NULL THEN 'failed' ELSE 'locked' END, NULL, terminal,
        '{{}}');
    IF until IS NOT NULL THEN
        PERFORM public.tell_supervisors(station, who.id, until);
    END IF;
END $$
"""

_OPEN_SESSION: Final = f"""
CREATE FUNCTION open_session(attempt uuid, new_session uuid, token bytea, terminal integer, program text,
    interactive boolean, most_minutes integer)
RETURNS TABLE (outcome text, user_id uuid, staff_number text, full_name text, role text, locked_until timestamptz,
    expires_at timestamptz, ended bigint)
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    own smallint := public.current_operator();
    who public.users%ROWTYPE;
    tried record;
    at_station integer := (SELECT t.station_id FROM public.terminals t WHERE t.operator_id = own AND t.id = terminal);
BEGIN
    outcome := 'failed';
    ended := 0;
    SELECT u.* INTO who FROM public.users u JOIN public.sign_in_attempts a
        ON a.operator_id = u.operator_id AND a.user_id = u.id
    WHERE a.operator_id = own AND a.id = attempt FOR UPDATE OF u;
    DELETE FROM public.sign_in_attempts a
    WHERE a.operator_id = own AND a.id = attempt AND a.made_in <> pg_current_xact_id()::text
    RETURNING a.subject, a.user_id, a.answer INTO tried;
    IF NOT FOUND THEN
        RETURN NEXT;
        RETURN;
    END IF;
    IF who.locked_until > now() THEN
        PERFORM public.note_sign_in('users', tried.subject, 'refused', NULL, terminal, '{{}}');
        outcome := 'locked';
        locked_until := who.locked_until;
        RETURN NEXT;
        RETURN;
    END IF;
    IF tried.user_id IS NULL OR NOT who.is_active OR who.password_hash NOT LIKE '$argon2id-sha256$%'
        OR substring(who.password_hash FROM '[^$]*$') IS DISTINCT FROM rtrim(encode(tried.answer, 'base64'), '=')
    THEN
        PERFORM public.count_failure(CASE WHEN tried.user_id IS NULL THEN 'staff_numbers' ELSE 'users' END,
            tried.subject, terminal, at_station);
        RETURN NEXT;
        RETURN;
    END IF;
    UPDATE public.users u SET failed_attempts = 0, lockouts = 0, locked_until = NULL, last_login = now()
    WHERE u.operator_id = own AND u.id = who.id;
    outcome := CASE
        WHEN who.must_change_pin THEN 'must_change'
        WHEN EXISTS (SELECT FROM public.user_stations s WHERE s.operator_id = own AND s.user_id = who.id)
            AND NOT EXISTS (SELECT FROM public.user_stations s
                WHERE s.operator_id = own AND s.user_id = who.id AND s.station_id = at_station) THEN 'wrong_station'
        ELSE 'ok' END;
    user_id := who.id;
    staff_number := who.staff_number;
    full_name := who.full_name;
    role := who.role;
    IF outcome = 'ok' AND interactive AND public.policy_number('sessions_at_one_terminal', at_station,
        {POLICY_DEFAULTS["sessions_at_one_terminal"]}) > 0
    THEN
        UPDATE public.user_sessions s SET is_active = false, ended_at = now(), ended_because = 'signed in elsewhere'
        WHERE s.operator_id = own AND s.user_id = who.id AND s.is_interactive AND s.is_active
            AND s.expires_at > now() AND s.terminal_id IS DISTINCT FROM terminal;
        GET DIAGNOSTICS ended = ROW_COUNT;
    END IF;
    IF octet_length(token) <> 32 OR token = sha256('') THEN
        outcome := 'no_token';
    END IF;
    IF outcome IN ('wrong_station', 'no_token') THEN
        PERFORM public.note_sign_in('users', who.id::text, outcome, NULL, terminal, '{{}}');
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO public.user_sessions (operator_id, id, user_id, terminal_id, session_token, user_agent, expires_at,
        is_interactive, is_active, ended_because)
    VALUES (own, new_session, who.id, terminal, token, program, now() + least(
        make_interval(hours => least(greatest(public.policy_number('session_hours', at_station,
            {POLICY_DEFAULTS["session_hours"]}), 1), 168)::integer),
        make_interval(mins => CASE outcome WHEN 'ok' THEN least(greatest(most_minutes, 0), 10080) ELSE 5 END)),
        interactive, outcome = 'ok', CASE outcome WHEN 'ok' THEN NULL ELSE 'must_change' END)
    RETURNING user_sessions.expires_at INTO expires_at;
    IF outcome = 'ok' THEN
        PERFORM public.note_sign_in('user_sessions', new_session::text, NULL, who.id, terminal,
            jsonb_build_object('staff_number', who.staff_number, 'program', program));
    ELSE
        PERFORM public.note_sign_in('users', who.id::text, 'must_change', NULL, terminal, '{{}}');
    END IF;
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

#: Either one's own, with a session that was opened by the old one a moment ago; or of somebody one may manage, who has
#: to change it again.
_SET_SECRET: Final = f"""
CREATE FUNCTION set_secret(somebody uuid, kept text, terminal integer) RETURNS text
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    own smallint := public.current_operator();
    who public.users%ROWTYPE;
    own_hand boolean := EXISTS (SELECT FROM public.user_sessions s
        WHERE s.operator_id = own AND s.user_id = somebody AND s.expires_at > now()
            AND s.login_time > now() - interval '5 minutes' AND (s.is_active OR s.ended_because = 'must_change')
            AND s.session_token = sha256(convert_to(nullif(current_setting('counter.session', true), ''), 'UTF8')));
BEGIN
    SELECT u.* INTO who FROM public.users u WHERE u.operator_id = own AND u.id = somebody FOR UPDATE;
    IF NOT FOUND OR kept !~ '{_KEPT}' THEN
        RETURN 'unknown';
    END IF;
    IF NOT who.is_active OR NOT (own_hand OR (public.may_manage(who.role) AND somebody <> public.acting_user())) THEN
        RETURN 'refused';
    END IF;
    INSERT INTO public.audit_logs (operator_id, id, user_id, terminal_id, correlation_id, entity_type, entity_id,
        action, new_values)
    VALUES (own, gen_random_uuid(), public.acting_user(), terminal, gen_random_uuid(), 'users', somebody::text,
        'update', jsonb_build_object('secret', CASE WHEN own_hand THEN 'changed' ELSE 'reset' END));
    UPDATE public.users u SET password_hash = kept, must_change_pin = NOT own_hand, updated_at = now(),
        failed_attempts = 0, lockouts = 0, locked_until = NULL
    WHERE u.operator_id = own AND u.id = somebody;
    UPDATE public.user_sessions s SET is_active = false, ended_at = now(), ended_because = 'secret changed'
    WHERE s.operator_id = own AND s.user_id = somebody AND (s.is_active OR s.ended_because = 'must_change')
        AND (s.ended_because = 'must_change' OR s.session_token <> sha256(convert_to(
            coalesce(current_setting('counter.session', true), ''), 'UTF8')));
    RETURN 'ok';
END $$
"""

#: In the order in which they need each other.
FUNCTIONS: Final = (
    *(_LOCK_TIME, _PIN_ATTEMPTS, _NOBODY_LOCKED, _CHALLENGE, _NOTE, _TELL, _COUNT_FAILURE, _ATTEMPT, _OPEN_SESSION),
    *(_END_SESSION, _SET_SECRET),
)
