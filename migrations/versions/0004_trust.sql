CREATE TABLE user_stations (
	operator_id SMALLINT NOT NULL,
	user_id UUID NOT NULL,
	station_id INTEGER NOT NULL,
	CONSTRAINT pk_user_stations PRIMARY KEY (operator_id, user_id, station_id),
	CONSTRAINT fk_user_stations_operator_id_user_id FOREIGN KEY(operator_id, user_id) REFERENCES users (operator_id, id),
	CONSTRAINT fk_user_stations_operator_id_station_id FOREIGN KEY(operator_id, station_id) REFERENCES stations (operator_id, id)
)
--;;
ALTER TABLE operators ADD COLUMN is_training BOOLEAN DEFAULT false NOT NULL
--;;
COMMENT ON COLUMN operators.is_training IS 'nothing here is a real sale'
--;;
ALTER TABLE users ADD COLUMN must_change_pin BOOLEAN DEFAULT false NOT NULL
--;;
COMMENT ON COLUMN users.must_change_pin IS 'somebody else has set it'
--;;
ALTER TABLE users ADD COLUMN lockouts SMALLINT DEFAULT 0 NOT NULL
--;;
COMMENT ON COLUMN users.lockouts IS 'since the last right PIN'
--;;
ALTER TABLE users ADD COLUMN erased_at TIMESTAMP WITH TIME ZONE
--;;
COMMENT ON COLUMN users.erased_at IS 'when the person was taken out of the record'
--;;
ALTER TABLE user_sessions ADD COLUMN is_interactive BOOLEAN DEFAULT false NOT NULL
--;;
COMMENT ON COLUMN user_sessions.is_interactive IS 'somebody at a screen, not a command'
--;;
ALTER TABLE user_sessions ADD COLUMN ended_at TIMESTAMP WITH TIME ZONE
--;;
ALTER TABLE user_sessions ADD COLUMN ended_because TEXT
--;;
ALTER TABLE passengers ADD COLUMN erased_at TIMESTAMP WITH TIME ZONE
--;;
COMMENT ON COLUMN passengers.erased_at IS 'when the person was taken out of the record'
--;;
ALTER TABLE database_logins DROP CONSTRAINT ck_database_logins_login_role_known
--;;
ALTER TABLE database_logins ADD CONSTRAINT ck_database_logins_login_role_known CHECK (login_role IN ('owner', 'counter', 'gate', 'supervisor', 'reporting'))
--;;
ALTER TABLE notifications DROP CONSTRAINT ck_notifications_notification_type_known
--;;
ALTER TABLE notifications ADD CONSTRAINT ck_notifications_notification_type_known CHECK (notification_type IN ('booking', 'payment', 'schedule', 'promotion', 'security'))
--;;
GRANT EXECUTE ON FUNCTION current_operator() TO counter, counter_gate, counter_reporting
--;;
CREATE OR REPLACE FUNCTION chain_audit_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said bytea;
BEGIN
    IF NEW.operator_id IS DISTINCT FROM public.current_operator()
        AND NOT pg_has_role(session_user, current_user, 'MEMBER')
    THEN
        RETURN NEW;
    END IF;
    IF NEW.user_id IS DISTINCT FROM public.acting_user() AND NEW.user_id IS NOT NULL
        AND NOT pg_has_role(session_user, current_user, 'MEMBER')
        AND NOT EXISTS (SELECT FROM public.user_sessions s WHERE s.operator_id = NEW.operator_id
            AND s.user_id = NEW.user_id AND s.xmin = pg_current_xact_id()::xid)
    THEN
        RAISE EXCEPTION 'nobody signs for somebody else'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_row_is_own', TABLE = 'audit_logs';
    END IF;
    said := convert_to(json_build_array(NEW.operator_id, NEW.id, NEW.user_id, NEW.terminal_id, NEW.correlation_id, NEW.entity_type, NEW.entity_id, NEW.action, NEW.old_values::text, NEW.new_values::text, NEW.ip_address, NEW.user_agent, extract(epoch FROM NEW.created_at))::text, 'UTF8');
    LOOP
        UPDATE public.audit_heads h SET last_no = h.last_no + 1, previous_hash = h.last_hash,
            last_hash = sha256(h.last_hash || said)
        WHERE h.operator_id = NEW.operator_id AND h.chain = coalesce(NEW.terminal_id, 0)
        RETURNING h.last_no, h.previous_hash, h.last_hash INTO NEW.chain_no, NEW.previous_hash, NEW.row_hash;
        EXIT WHEN FOUND;
        INSERT INTO public.audit_heads (operator_id, chain, last_no, previous_hash, last_hash)
        VALUES (NEW.operator_id, coalesce(NEW.terminal_id, 0), 0, '', '') ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN NEW;
END $$
--;;
CREATE FUNCTION policy_number(wanted text, station integer, fallback bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce((
        SELECT (p.config->>'value')::bigint FROM public.policy_configurations p
        WHERE p.operator_id = public.current_operator() AND p.policy_type = wanted AND p.deleted_at IS NULL AND p.train_id IS NULL
            AND (p.station_id IS NULL OR p.station_id = station) AND jsonb_typeof(p.config->'value') = 'number'
        ORDER BY p.station_id NULLS LAST LIMIT 1), fallback);
END $$
--;;
CREATE FUNCTION acting_user() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT s.user_id FROM public.user_sessions s
        WHERE s.operator_id = public.current_operator() AND s.is_active AND s.expires_at > now()
            AND s.session_token = sha256(convert_to(current_setting('counter.session', true), 'UTF8')));
END $$
--;;
CREATE FUNCTION acting_role() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT u.role FROM public.users u
        WHERE u.operator_id = public.current_operator() AND u.id = public.acting_user() AND u.is_active);
END $$
--;;
CREATE FUNCTION may_manage(somebody text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce(CASE public.acting_role()
        WHEN 'admin' THEN true
        WHEN 'supervisor' THEN somebody IN ('customer', 'clerk', 'gate')
    END, false);
END $$
--;;
CREATE FUNCTION lock_time(lockouts bigint, station integer) RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN make_interval(mins => least(
        public.policy_number('pin_lock_minutes', station, 5)
            * power(2, least(lockouts, 20) - 1),
        public.policy_number('pin_lock_most_minutes', station, 1440))::integer);
END $$
--;;
CREATE FUNCTION nobody_locked_until(digest text, station integer) RETURNS timestamptz
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    failures bigint;
    latest timestamptz;
    attempts bigint := public.policy_number('pin_attempts', station, 5);
BEGIN
    SELECT count(*), max(a.created_at) INTO failures, latest FROM public.audit_logs a
    WHERE a.operator_id = public.current_operator() AND a.entity_type = 'staff_numbers' AND a.entity_id = digest
        AND a.new_values->>'sign_in' IN ('failed', 'locked');
    IF failures = 0 OR failures % attempts <> 0 THEN
        RETURN NULL;
    END IF;
    RETURN latest + public.lock_time(failures / attempts, station);
END $$
--;;
CREATE FUNCTION sign_in_challenge(number text, digest text, mail bytea, terminal integer)
RETURNS TABLE (parameters text, locked_until timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at_station integer := (
        SELECT t.station_id FROM public.terminals t WHERE t.operator_id = public.current_operator() AND t.id = terminal);
BEGIN
    RETURN QUERY SELECT substring(u.password_hash FROM '^(.*)\$[^$]*$'), u.locked_until FROM public.users u
    WHERE u.operator_id = public.current_operator() AND (u.staff_number = number OR u.email_digest = mail);
    IF NOT FOUND THEN
        RETURN QUERY SELECT NULL::text, public.nobody_locked_until(digest, at_station);
    END IF;
END $$
--;;
CREATE FUNCTION note_sign_in(entity text, key text, outcome text, somebody uuid, terminal integer, more jsonb)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.audit_logs (operator_id, id, user_id, terminal_id, correlation_id, entity_type, entity_id,
        action, new_values)
    VALUES (public.current_operator(), gen_random_uuid(), somebody, terminal, gen_random_uuid(), entity, key,
        CASE entity WHEN 'user_sessions' THEN 'create' ELSE 'update' END,
        CASE WHEN outcome IS NULL THEN more ELSE jsonb_build_object('sign_in', outcome) || more END);
END $$
--;;
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
--;;
CREATE FUNCTION sign_in(number text, digest text, mail bytea, proof bytea, new_session uuid, token bytea,
    terminal integer, program text, interactive boolean, most_minutes integer)
RETURNS TABLE (outcome text, user_id uuid, staff_number text, full_name text, role text, locked_until timestamptz,
    expires_at timestamptz, ended bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
        PERFORM public.note_sign_in('staff_numbers', digest, was, NULL, terminal, '{}');
        RETURN QUERY SELECT CASE was WHEN 'refused' THEN 'locked' ELSE 'failed' END, NULL::uuid, NULL::text, NULL::text,
            NULL::text, until, NULL::timestamptz, 0::bigint;
        RETURN;
    END IF;
    IF who.locked_until > now() THEN
        PERFORM public.note_sign_in('users', who.id::text, 'refused', NULL, terminal, '{}');
        RETURN QUERY SELECT 'locked', NULL::uuid, NULL::text, NULL::text, NULL::text, who.locked_until,
            NULL::timestamptz, 0::bigint;
        RETURN;
    END IF;
    IF NOT who.is_active OR substring(who.password_hash FROM '[^$]*$') IS DISTINCT FROM
        rtrim(encode(sha256(proof), 'base64'), '=') OR who.password_hash NOT LIKE '$argon2id-sha256$%'
    THEN
        IF who.failed_attempts + 1 >= public.policy_number('pin_attempts', at_station,
            5)
        THEN
            until := now() + public.lock_time(who.lockouts + 1, at_station);
        END IF;
        UPDATE public.users u SET locked_until = until, updated_at = now(),
            failed_attempts = CASE WHEN until IS NULL THEN u.failed_attempts + 1 ELSE 0 END,
            lockouts = u.lockouts + CASE WHEN until IS NULL THEN 0 ELSE 1 END
        WHERE u.operator_id = own AND u.id = who.id;
        PERFORM public.note_sign_in('users', who.id::text, CASE WHEN until IS NULL THEN 'failed' ELSE 'locked' END,
            NULL, terminal, '{}');
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
        PERFORM public.note_sign_in('users', who.id::text, was, NULL, terminal, '{}');
        RETURN QUERY SELECT was, who.id, who.staff_number, who.full_name, who.role, NULL::timestamptz,
            NULL::timestamptz, 0::bigint;
        RETURN;
    END IF;
    IF interactive AND public.policy_number('sessions_at_one_terminal', at_station,
        1) > 0
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
            12)::integer),
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
--;;
CREATE FUNCTION end_session(why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    over record;
BEGIN
    SELECT s.id, s.user_id, s.terminal_id INTO over FROM public.user_sessions s
    WHERE s.operator_id = public.current_operator() AND s.is_active
        AND s.session_token = sha256(convert_to(current_setting('counter.session', true), 'UTF8')) FOR UPDATE;
    IF FOUND THEN
        INSERT INTO public.audit_logs (operator_id, id, user_id, terminal_id, correlation_id, entity_type, entity_id,
            action, new_values)
        VALUES (public.current_operator(), gen_random_uuid(), public.acting_user(), over.terminal_id,
            gen_random_uuid(), 'user_sessions', over.id::text, 'update', jsonb_build_object('ended', why));
        UPDATE public.user_sessions s SET is_active = false, ended_at = now(), ended_because = why
        WHERE s.operator_id = public.current_operator() AND s.id = over.id;
    END IF;
END $$
--;;
CREATE FUNCTION change_secret(somebody uuid, old_proof bytea, kept text, terminal integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own smallint := public.current_operator();
    who public.users%ROWTYPE;
    own_hand boolean := old_proof IS NOT NULL;
BEGIN
    SELECT u.* INTO who FROM public.users u WHERE u.operator_id = own AND u.id = somebody FOR UPDATE;
    IF NOT FOUND OR kept !~ '^\$argon2id-sha256\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]{43}$'
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
--;;
REVOKE ALL ON FUNCTION acting_user() FROM PUBLIC
--;;
GRANT EXECUTE ON FUNCTION acting_user() TO counter, counter_gate
--;;
REVOKE ALL ON FUNCTION acting_role() FROM PUBLIC
--;;
GRANT EXECUTE ON FUNCTION acting_role() TO counter, counter_gate
--;;
REVOKE ALL ON FUNCTION may_manage(text) FROM PUBLIC
--;;
GRANT EXECUTE ON FUNCTION may_manage(text) TO counter
--;;
REVOKE ALL ON FUNCTION policy_number(text, integer, bigint) FROM PUBLIC
--;;
GRANT EXECUTE ON FUNCTION policy_number(text, integer, bigint) TO counter, counter_gate, counter_reporting
--;;
REVOKE ALL ON FUNCTION sign_in_challenge(text, text, bytea, integer) FROM PUBLIC
--;;
GRANT EXECUTE ON FUNCTION sign_in_challenge(text, text, bytea, integer) TO counter, counter_gate
--;;
REVOKE ALL ON FUNCTION sign_in(text, text, bytea, bytea, uuid, bytea, integer, text, boolean, integer) FROM PUBLIC
--;;
GRANT EXECUTE ON FUNCTION sign_in(text, text, bytea, bytea, uuid, bytea, integer, text, boolean, integer) TO counter, counter_gate
--;;
REVOKE ALL ON FUNCTION end_session(text) FROM PUBLIC
--;;
GRANT EXECUTE ON FUNCTION end_session(text) TO counter, counter_gate
--;;
REVOKE ALL ON FUNCTION change_secret(uuid, bytea, text, integer) FROM PUBLIC
--;;
GRANT EXECUTE ON FUNCTION change_secret(uuid, bytea, text, integer) TO counter, counter_gate
--;;
REVOKE ALL ON FUNCTION nobody_locked_until(text, integer) FROM PUBLIC
--;;
REVOKE ALL ON FUNCTION lock_time(bigint, integer) FROM PUBLIC
--;;
REVOKE ALL ON FUNCTION note_sign_in(text, text, text, uuid, integer, jsonb) FROM PUBLIC
--;;
REVOKE ALL ON FUNCTION tell_supervisors(integer, uuid, timestamptz) FROM PUBLIC
--;;
CREATE FUNCTION guard_approval_names() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me uuid := public.acting_user();
BEGIN
    IF pg_has_role(current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'MEMBER')
    THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' OR NEW.requested_by IS DISTINCT FROM me THEN
            RAISE EXCEPTION 'a request is made in the own name' USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_asked_by_self', TABLE = 'approvals';
        END IF;
    ELSIF NEW.decided_by IS DISTINCT FROM OLD.decided_by OR NEW.status IN ('approved', 'refused') THEN
        IF NEW.decided_by IS DISTINCT FROM me OR me = OLD.requested_by
            OR coalesce(public.acting_role(), '') <> ALL (ARRAY['supervisor', 'admin'])
        THEN
            RAISE EXCEPTION 'only a second person decides' USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_decided_by_second', TABLE = 'approvals';
        END IF;
    END IF;
    RETURN NEW;
END $$
--;;
CREATE FUNCTION guard_modification_names() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_has_role(current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'MEMBER')
    THEN
        RETURN NEW;
    END IF;
    IF NEW.opened_by IS DISTINCT FROM public.acting_user() AND NOT (
        NEW.opened_by IS NULL AND NEW.modification_type IN ('late_payment', 'settlement'))
    THEN
        RAISE EXCEPTION 'a change is opened in the own name' USING ERRCODE = 'check_violation', CONSTRAINT = 'modification_opened_by_self', TABLE = 'booking_modifications';
    END IF;
    RETURN NEW;
END $$
--;;
CREATE FUNCTION guard_refund_approved() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.payments p JOIN public.bookings b
            ON b.operator_id = p.operator_id AND b.id = p.booking_id
        WHERE p.operator_id = NEW.operator_id AND p.id = NEW.payment_id AND b.status = 'pending')
        AND NOT EXISTS (SELECT FROM public.booking_modifications m
            LEFT JOIN public.approvals a ON a.operator_id = m.operator_id AND a.id = m.approval_id
            WHERE m.operator_id = NEW.operator_id AND m.id = NEW.modification_id
                AND (a.status IN ('approved', 'used') OR m.modification_type IN ('late_payment', 'settlement')))
    THEN
        RAISE EXCEPTION 'this refund is not approved' USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_approved', TABLE = 'refunds';
    END IF;
    RETURN NEW;
END $$
--;;
CREATE FUNCTION guard_shift_difference() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    furthest bigint := (SELECT max(abs(c.counted - NEW.expected_amount)) FROM (
        SELECT sum(n.denomination * n.pieces)::bigint AS counted FROM public.shift_counts n
        WHERE n.operator_id = NEW.operator_id AND n.shift_id = NEW.id GROUP BY n.attempt) c);
BEGIN
    IF greatest(furthest, abs(NEW.counted_amount - NEW.expected_amount)) > public.policy_number('over_short_limit',
            (SELECT t.station_id FROM public.terminals t
                WHERE t.operator_id = NEW.operator_id AND t.id = NEW.terminal_id),
            20000)
        AND NOT EXISTS (SELECT FROM public.approvals a WHERE a.operator_id = NEW.operator_id
            AND a.id = NEW.approval_id AND a.approval_kind = 'over_short' AND a.status IN ('approved', 'used')
            AND a.subject_id = NEW.id::text)
    THEN
        RAISE EXCEPTION 'this difference is not approved' USING ERRCODE = 'check_violation', CONSTRAINT = 'difference_approved', TABLE = 'shifts';
    END IF;
    RETURN NEW;
END $$
--;;
CREATE FUNCTION guard_z_of_closed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.shifts s
        WHERE s.operator_id = NEW.operator_id AND s.id = NEW.shift_id AND s.status = 'closed')
    THEN
        RAISE EXCEPTION 'a Z report belongs to a closed shift' USING ERRCODE = 'check_violation', CONSTRAINT = 'z_of_closed_shift', TABLE = 'z_reports';
    END IF;
    RETURN NEW;
END $$
--;;
CREATE TRIGGER guard_names BEFORE INSERT OR UPDATE OF status, decided_by ON approvals FOR EACH ROW EXECUTE FUNCTION guard_approval_names()
--;;
CREATE TRIGGER guard_names BEFORE INSERT ON booking_modifications FOR EACH ROW EXECUTE FUNCTION guard_modification_names()
--;;
CREATE TRIGGER guard_approved BEFORE UPDATE OF refund_status ON refunds FOR EACH ROW WHEN (OLD.refund_status <> 'completed' AND NEW.refund_status = 'completed') EXECUTE FUNCTION guard_refund_approved()
--;;
CREATE TRIGGER guard_difference BEFORE UPDATE OF status ON shifts FOR EACH ROW WHEN (OLD.status <> 'closed' AND NEW.status = 'closed') EXECUTE FUNCTION guard_shift_difference()
--;;
CREATE TRIGGER guard_closed BEFORE INSERT ON z_reports FOR EACH ROW EXECUTE FUNCTION guard_z_of_closed()
--;;
CREATE TRIGGER guard_over BEFORE UPDATE OF is_active ON user_sessions FOR EACH ROW WHEN (NEW.is_active AND NOT OLD.is_active) EXECUTE FUNCTION guard_history()
--;;
DROP POLICY own_operator ON audit_checkpoints
--;;
CREATE POLICY own_operator ON audit_checkpoints TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT, INSERT (operator_id, chain, chain_no, row_hash, user_id, key_id, signature) ON audit_checkpoints TO counter_gate
--;;
DROP POLICY own_operator ON audit_heads
--;;
CREATE POLICY own_operator ON audit_heads TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON audit_heads TO counter_gate
--;;
DROP POLICY own_operator ON audit_logs
--;;
CREATE POLICY own_operator ON audit_logs TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT INSERT (operator_id, id, user_id, terminal_id, correlation_id, entity_type, entity_id, action, old_values, new_values, ip_address, user_agent) ON audit_logs TO counter_gate
--;;
DROP POLICY own_operator ON domain_events
--;;
CREATE POLICY own_operator ON domain_events TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT INSERT (operator_id, id, event_type, entity_type, entity_id, payload, correlation_id, causation_id, user_id, terminal_id, processing_status) ON domain_events TO counter_gate
--;;
DROP POLICY own_operator ON idempotency
--;;
CREATE POLICY own_operator ON idempotency TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT, INSERT (operator_id, key, purpose, fingerprint, result_id) ON idempotency TO counter_gate
--;;
DROP POLICY own_operator ON operators
--;;
CREATE POLICY own_operator ON operators TO counter, counter_gate, counter_reporting USING (id = (SELECT current_operator())) WITH CHECK (id = (SELECT current_operator()))
--;;
GRANT SELECT ON operators TO counter_gate
--;;
GRANT SELECT ON operators TO counter_reporting
--;;
DROP POLICY own_operator ON seat_inventory
--;;
CREATE POLICY own_operator ON seat_inventory TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON seat_inventory TO counter_reporting
--;;
DROP POLICY own_operator ON key_rings
--;;
CREATE POLICY own_operator ON key_rings TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON key_rings TO counter_gate
--;;
GRANT SELECT ON key_rings TO counter_reporting
--;;
DROP POLICY own_operator ON promotions
--;;
CREATE POLICY own_operator ON promotions FOR SELECT TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY offer ON promotions FOR INSERT TO counter_supervisor WITH CHECK (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin'))
--;;
CREATE POLICY change ON promotions FOR UPDATE TO counter_supervisor USING (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin')) WITH CHECK (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin'))
--;;
REVOKE ALL ON promotions FROM counter
--;;
GRANT SELECT ON promotions TO counter
--;;
GRANT INSERT (operator_id, promotion_code, promotion_name, discount_type, discount_value, minimum_amount, maximum_discount, valid_from, valid_to, usage_limit, is_active), UPDATE (promotion_name, minimum_amount, maximum_discount, valid_from, valid_to, usage_limit, is_active, updated_at) ON promotions TO counter_supervisor
--;;
GRANT SELECT ON promotions TO counter_reporting
--;;
DROP POLICY own_operator ON stations
--;;
CREATE POLICY own_operator ON stations TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON stations TO counter_gate
--;;
GRANT SELECT ON stations TO counter_reporting
--;;
DROP POLICY own_operator ON trains
--;;
CREATE POLICY own_operator ON trains TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON trains TO counter_gate
--;;
GRANT SELECT ON trains TO counter_reporting
--;;
DROP POLICY own_operator ON users
--;;
CREATE POLICY own_operator ON users FOR SELECT TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY customers_come ON users FOR INSERT TO counter WITH CHECK (operator_id = (SELECT current_operator()) AND role = 'customer')
--;;
CREATE POLICY customers_change ON users FOR UPDATE TO counter USING (operator_id = (SELECT current_operator()) AND role = 'customer') WITH CHECK (operator_id = (SELECT current_operator()) AND role = 'customer')
--;;
CREATE POLICY staff_come ON users FOR INSERT TO counter_supervisor WITH CHECK (operator_id = (SELECT current_operator()) AND may_manage(role))
--;;
CREATE POLICY staff_change ON users FOR UPDATE TO counter_supervisor USING (operator_id = (SELECT current_operator()) AND may_manage(role)) WITH CHECK (operator_id = (SELECT current_operator()) AND may_manage(role))
--;;
REVOKE ALL ON users FROM counter
--;;
GRANT SELECT (operator_id, id, staff_number, role, email, email_digest, full_name, phone_number, phone_digest, date_of_birth, gender, is_verified, is_active, failed_attempts, locked_until, last_login, created_at, updated_at, must_change_pin, lockouts, erased_at), INSERT (operator_id, id, role, email, email_digest, password_hash, full_name, phone_number, phone_digest, date_of_birth, gender), UPDATE (email, email_digest, full_name, phone_number, phone_digest, date_of_birth, gender, is_verified, is_active, updated_at) ON users TO counter
--;;
GRANT INSERT (staff_number, must_change_pin, is_verified), UPDATE (staff_number, role, failed_attempts, locked_until, lockouts) ON users TO counter_supervisor
--;;
GRANT SELECT (operator_id, id, staff_number, role, full_name, gender, is_verified, is_active, failed_attempts, locked_until, last_login, created_at, updated_at, must_change_pin, lockouts, erased_at) ON users TO counter_gate
--;;
GRANT SELECT (operator_id, id, staff_number, role, gender, is_verified, is_active, failed_attempts, locked_until, last_login, created_at, updated_at, must_change_pin, lockouts, erased_at) ON users TO counter_reporting
--;;
DROP POLICY own_operator ON entitlements
--;;
CREATE POLICY own_operator ON entitlements TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
REVOKE ALL ON entitlements FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, entitlement_kind, holder_name, identity_digest, identity_last_four, document_reference, valid_from, valid_until, registered_by, revoked_at), UPDATE (document_reference, valid_until, updated_at) ON entitlements TO counter
--;;
GRANT UPDATE (revoked_at) ON entitlements TO counter_supervisor
--;;
GRANT SELECT ON entitlements TO counter_gate
--;;
GRANT SELECT (operator_id, id, entitlement_kind, valid_from, valid_until, registered_by, revoked_at, created_at, updated_at) ON entitlements TO counter_reporting
--;;
DROP POLICY own_operator ON notifications
--;;
CREATE POLICY own_operator ON notifications TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
REVOKE ALL ON notifications FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, user_id, notification_type, title, message, metadata, is_read, sent_at, read_at), UPDATE (is_read, read_at) ON notifications TO counter
--;;
GRANT SELECT, UPDATE (is_read, read_at) ON notifications TO counter_gate
--;;
DROP POLICY own_operator ON policy_configurations
--;;
CREATE POLICY own_operator ON policy_configurations FOR SELECT TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY decide ON policy_configurations FOR INSERT TO counter_supervisor WITH CHECK (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin'))
--;;
CREATE POLICY withdraw ON policy_configurations FOR UPDATE TO counter_supervisor USING (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin')) WITH CHECK (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin'))
--;;
GRANT INSERT (operator_id, policy_type, config, station_id, train_id, is_override, overrides_id, created_by), UPDATE (deleted_at, updated_at) ON policy_configurations TO counter_supervisor
--;;
GRANT SELECT ON policy_configurations TO counter_gate
--;;
GRANT SELECT ON policy_configurations TO counter_reporting
--;;
DROP POLICY own_operator ON routes
--;;
CREATE POLICY own_operator ON routes TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON routes TO counter_gate
--;;
GRANT SELECT ON routes TO counter_reporting
--;;
DROP POLICY own_operator ON terminals
--;;
CREATE POLICY own_operator ON terminals TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT UPDATE (is_active) ON terminals TO counter_supervisor
--;;
GRANT SELECT, INSERT (operator_id, id, terminal_code, station_id, is_active), UPDATE (station_id, updated_at) ON terminals TO counter_gate
--;;
GRANT SELECT ON terminals TO counter_reporting
--;;
DROP POLICY own_operator ON train_classes
--;;
CREATE POLICY own_operator ON train_classes TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON train_classes TO counter_gate
--;;
GRANT SELECT ON train_classes TO counter_reporting
--;;
DROP POLICY own_operator ON user_profiles
--;;
CREATE POLICY own_operator ON user_profiles TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
REVOKE ALL ON user_profiles FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, user_id, profile_picture, address, city, province, postal_code, emergency_contact_name, emergency_contact_phone, preferences), UPDATE (profile_picture, address, city, province, postal_code, emergency_contact_name, emergency_contact_phone, preferences, updated_at) ON user_profiles TO counter
--;;
ALTER TABLE user_stations ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE user_stations FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own_operator ON user_stations FOR SELECT TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY assign ON user_stations FOR INSERT TO counter_supervisor WITH CHECK (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin'))
--;;
CREATE POLICY relieve ON user_stations FOR DELETE TO counter_supervisor USING (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin'))
--;;
CREATE POLICY owner ON user_stations TO CURRENT_USER USING (true) WITH CHECK (true)
--;;
GRANT SELECT ON user_stations TO counter
--;;
GRANT INSERT (operator_id, user_id, station_id), DELETE ON user_stations TO counter_supervisor
--;;
GRANT SELECT ON user_stations TO counter_gate
--;;
GRANT SELECT ON user_stations TO counter_reporting
--;;
DROP POLICY own_operator ON approvals
--;;
CREATE POLICY own_operator ON approvals TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT (operator_id, id, approval_number, approval_kind, subject_type, subject_id, amount, fingerprint, reason, status, requested_by, terminal_id, expires_at, decided_by, decided_at, decision_reason, used_at, created_at, updated_at) ON approvals TO counter_reporting
--;;
DROP POLICY own_operator ON coaches
--;;
CREATE POLICY own_operator ON coaches TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON coaches TO counter_gate
--;;
GRANT SELECT ON coaches TO counter_reporting
--;;
DROP POLICY own_operator ON fare_buckets
--;;
CREATE POLICY own_operator ON fare_buckets TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON fare_buckets TO counter_gate
--;;
GRANT SELECT ON fare_buckets TO counter_reporting
--;;
DROP POLICY own_operator ON route_stations
--;;
CREATE POLICY own_operator ON route_stations TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON route_stations TO counter_gate
--;;
GRANT SELECT ON route_stations TO counter_reporting
--;;
DROP POLICY own_operator ON schedules
--;;
CREATE POLICY own_operator ON schedules TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON schedules TO counter_gate
--;;
GRANT SELECT ON schedules TO counter_reporting
--;;
DROP POLICY own_operator ON service_patterns
--;;
CREATE POLICY own_operator ON service_patterns TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON service_patterns TO counter_gate
--;;
GRANT SELECT ON service_patterns TO counter_reporting
--;;
DROP POLICY own_operator ON user_sessions
--;;
CREATE POLICY own_operator ON user_sessions FOR SELECT TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_session ON user_sessions FOR UPDATE TO counter, counter_gate USING (operator_id = (SELECT current_operator()) AND user_id = (SELECT acting_user())) WITH CHECK (operator_id = (SELECT current_operator()) AND user_id = (SELECT acting_user()))
--;;
CREATE POLICY sign_off ON user_sessions FOR UPDATE TO counter_supervisor USING (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin')) WITH CHECK (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin'))
--;;
REVOKE ALL ON user_sessions FROM counter
--;;
GRANT SELECT (operator_id, id, user_id, terminal_id, ip_address, user_agent, login_time, last_activity, expires_at, is_active, is_interactive, ended_at, ended_because), UPDATE (last_activity) ON user_sessions TO counter
--;;
GRANT UPDATE (is_active, ended_at, ended_because) ON user_sessions TO counter_supervisor
--;;
GRANT SELECT (operator_id, id, user_id, terminal_id, ip_address, user_agent, login_time, last_activity, expires_at, is_active, is_interactive, ended_at, ended_because), UPDATE (last_activity) ON user_sessions TO counter_gate
--;;
DROP POLICY own_operator ON bookings
--;;
CREATE POLICY own_operator ON bookings TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT (operator_id, id, booking_number, user_id, schedule_id, status, total_amount, discount_amount, final_amount, passenger_count, sold_by, terminal_id, booking_date, expires_at, created_at, updated_at, priced_at) ON bookings TO counter_gate
--;;
GRANT SELECT (operator_id, id, booking_number, user_id, schedule_id, status, total_amount, discount_amount, final_amount, passenger_count, sold_by, terminal_id, booking_date, expires_at, created_at, updated_at, priced_at) ON bookings TO counter_reporting
--;;
DROP POLICY own_operator ON seats
--;;
CREATE POLICY own_operator ON seats TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON seats TO counter_gate
--;;
GRANT SELECT ON seats TO counter_reporting
--;;
DROP POLICY own_operator ON shifts
--;;
CREATE POLICY own_operator ON shifts TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON shifts TO counter_reporting
--;;
DROP POLICY own_operator ON booking_modifications
--;;
CREATE POLICY own_operator ON booking_modifications TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON booking_modifications TO counter_reporting
--;;
DROP POLICY own_operator ON booking_promotions
--;;
CREATE POLICY own_operator ON booking_promotions TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON booking_promotions TO counter_reporting
--;;
DROP POLICY own_operator ON cash_movements
--;;
CREATE POLICY own_operator ON cash_movements TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON cash_movements TO counter_reporting
--;;
DROP POLICY own_operator ON passengers
--;;
CREATE POLICY own_operator ON passengers TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
REVOKE ALL ON passengers FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, booking_id, position, passenger_name, passenger_dob, passenger_type, identity_kind, identity_number, identity_digest, identity_last_four, gender, seat_id, ticket_price, special_requirements, entitlement_id, erased_at), DELETE ON passengers TO counter
--;;
GRANT SELECT (operator_id, id, booking_id, position, passenger_name, passenger_type, identity_kind, identity_last_four, gender, seat_id, ticket_price, special_requirements, created_at, entitlement_id, erased_at) ON passengers TO counter_gate
--;;
GRANT SELECT (operator_id, id, booking_id, position, passenger_type, identity_kind, gender, seat_id, ticket_price, created_at, entitlement_id, erased_at) ON passengers TO counter_reporting
--;;
DROP POLICY own_operator ON seat_holds
--;;
CREATE POLICY own_operator ON seat_holds TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
DROP POLICY own_operator ON shift_counts
--;;
CREATE POLICY own_operator ON shift_counts TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON shift_counts TO counter_reporting
--;;
DROP POLICY own_operator ON stock_counts
--;;
CREATE POLICY own_operator ON stock_counts TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON stock_counts TO counter_reporting
--;;
DROP POLICY own_operator ON z_reports
--;;
CREATE POLICY own_operator ON z_reports TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON z_reports TO counter_reporting
--;;
DROP POLICY own_operator ON booking_charges
--;;
CREATE POLICY own_operator ON booking_charges TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON booking_charges TO counter_reporting
--;;
DROP POLICY own_operator ON payments
--;;
CREATE POLICY own_operator ON payments TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT (operator_id, id, booking_id, payment_reference, payment_method, payment_status, amount, processing_fee, tendered, change_given, taken_by, terminal_id, payment_date, created_at, updated_at, shift_id, modification_id, card_last_four, edc_terminal, edc_batch, expires_at) ON payments TO counter_reporting
--;;
DROP POLICY own_operator ON tickets
--;;
CREATE POLICY own_operator ON tickets FOR SELECT TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY sell ON tickets FOR INSERT TO counter WITH CHECK (operator_id = (SELECT current_operator()) AND true)
--;;
CREATE POLICY change ON tickets FOR UPDATE TO counter USING (operator_id = (SELECT current_operator()) AND true) WITH CHECK (operator_id = (SELECT current_operator()) AND true)
--;;
CREATE POLICY admit ON tickets FOR UPDATE TO counter_gate USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()) AND ticket_status IN ('active', 'used'))
--;;
GRANT SELECT, UPDATE (ticket_status, check_in_time, checked_in_by, updated_at) ON tickets TO counter_gate
--;;
GRANT SELECT (operator_id, id, ticket_number, booking_id, passenger_id, ticket_status, schedule_id, service_date, class_id, seat_id, from_stop, to_stop, legs, subclass, fare, exclusive_identity, issue_no, copies_printed, supersedes_id, closed_reason, closed_at, check_in_time, checked_in_by, created_at, updated_at, entitlement_id) ON tickets TO counter_reporting
--;;
DROP POLICY own_operator ON checkins
--;;
CREATE POLICY own_operator ON checkins TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT, INSERT (operator_id, nonce, ticket_id, outcome, station_id, terminal_id, user_id, code_digest, offline, scanned_at, undone_at) ON checkins TO counter_gate
--;;
GRANT SELECT ON checkins TO counter_reporting
--;;
DROP POLICY own_operator ON payment_questions
--;;
CREATE POLICY own_operator ON payment_questions TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT (operator_id, id, payment_id, question, opened_at, resolved_at, resolved_by, resolution) ON payment_questions TO counter_reporting
--;;
DROP POLICY own_operator ON print_jobs
--;;
CREATE POLICY own_operator ON print_jobs TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
DROP POLICY own_operator ON refunds
--;;
CREATE POLICY own_operator ON refunds TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount, processing_fee, refund_status, refund_method, refund_date, created_at, updated_at, shift_id, modification_id, requested_by) ON refunds TO counter_reporting
--;;
GRANT SELECT ON alembic_version TO counter_gate, counter_reporting
--;;
UPDATE users SET password_hash = '$argon2id-sha256' || substring(password_hash FROM '^\$argon2id(\$v=19\$[^$]+\$[^$]+\$)[^$]+$')
    || rtrim(encode(sha256(decode(rpad(substring(password_hash FROM '[^$]+$'), 44, '='), 'base64')), 'base64'), '=')
WHERE password_hash ~ '^\$argon2id\$v=19\$[^$]+\$[^$]+\$[A-Za-z0-9+/]{43}$'
--;;
INSERT INTO database_logins (login_name, operator_id, login_role)
SELECT more.name, l.operator_id, more.kind FROM database_logins l
CROSS JOIN (VALUES ('counter_supervisor', 'supervisor'), ('counter_gate', 'gate'), ('counter_reporting', 'reporting')) AS more (name, kind)
WHERE l.login_name = 'counter'
