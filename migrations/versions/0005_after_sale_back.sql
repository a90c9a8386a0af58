DROP TRIGGER guard_way ON refunds
--;;
DROP TRIGGER guard_sold ON passengers
--;;
DROP TRIGGER guard_sold ON tickets
--;;
DROP TRIGGER guard_names ON shifts
--;;
DROP TRIGGER guard_chain ON audit_checkpoints
--;;
DROP TRIGGER guard_kind ON users
--;;
DROP TRIGGER guard_modification ON payments
--;;
DROP POLICY own_operator ON seat_inventory
--;;
DROP POLICY take ON seat_inventory
--;;
DROP POLICY withdraw ON seat_inventory
--;;
DROP POLICY customers_change ON users
--;;
DROP POLICY staff_come ON users
--;;
DROP POLICY own_operator ON notifications
--;;
DROP POLICY tell ON notifications
--;;
DROP POLICY read ON notifications
--;;
DROP POLICY assign ON user_stations
--;;
DROP POLICY relieve ON user_stations
--;;
DROP POLICY own_operator ON schedules
--;;
DROP POLICY disrupt ON schedules
--;;
DROP POLICY sign_off ON user_sessions
--;;
REVOKE ALL ON domain_events FROM counter
--;;
REVOKE ALL ON seat_inventory FROM counter_supervisor
--;;
REVOKE ALL ON schedules FROM counter_supervisor
--;;
REVOKE ALL ON bookings FROM counter
--;;
REVOKE ALL ON passengers FROM counter
--;;
REVOKE ALL ON tickets FROM counter
--;;
REVOKE ALL ON tickets FROM counter_supervisor
--;;
REVOKE ALL ON booking_modifications FROM counter
--;;
REVOKE ALL ON refunds FROM counter
--;;
REVOKE ALL ON refunds FROM counter_reporting
--;;
DROP TABLE spoilt_prints
--;;
DROP TABLE fines
--;;
DROP TABLE delay_vouchers
--;;
DROP TABLE background_job_items
--;;
DROP TABLE callback_escalations
--;;
DROP TABLE background_jobs
--;;
DROP TABLE callback_requests
--;;
DROP TABLE sign_in_attempts
--;;
DROP TABLE notification_configurations
--;;
DROP TABLE job_failures
--;;
DROP TABLE notification_deliveries
--;;
DROP TABLE booking_modification_stats
--;;
ALTER TABLE refunds DROP CONSTRAINT ck_refunds_refund_status_known
--;;
ALTER TABLE refunds ADD CONSTRAINT ck_refunds_refund_status_known CHECK (refund_status IN ('initiated', 'processing', 'completed', 'failed'))
--;;
ALTER TABLE booking_charges DROP CONSTRAINT ck_booking_charges_charge_kind_known
--;;
ALTER TABLE booking_charges ADD CONSTRAINT ck_booking_charges_charge_kind_known CHECK (charge_kind IN ('fare', 'discount', 'fee', 'kept_fee', 'surcharge', 'reversal'))
--;;
ALTER TABLE print_jobs DROP CONSTRAINT ck_print_jobs_document_kind_known
--;;
ALTER TABLE print_jobs ADD CONSTRAINT ck_print_jobs_document_kind_known CHECK (document_kind IN ('ticket', 'receipt', 'x_report', 'z_report'))
--;;
DROP INDEX ix_booking_modifications_operator_id_ticket_id
--;;
ALTER TABLE booking_modifications DROP CONSTRAINT fk_booking_modifications_operator_id_ticket_id
--;;
ALTER TABLE booking_modifications DROP CONSTRAINT ck_booking_modifications_modification_type_known
--;;
ALTER TABLE booking_modifications ADD CONSTRAINT ck_booking_modifications_modification_type_known CHECK (modification_type IN ('cancel', 'reschedule', 'correction', 'late_payment', 'settlement'))
--;;
DROP INDEX ix_passengers_name
--;;
DROP INDEX ix_bookings_customer
--;;
DROP INDEX ix_bookings_contact
--;;
ALTER TABLE bookings DROP CONSTRAINT ck_bookings_digest_beside_email
--;;
ALTER TABLE notifications DROP CONSTRAINT ck_notifications_notification_type_known
--;;
ALTER TABLE notifications ADD CONSTRAINT ck_notifications_notification_type_known CHECK (notification_type IN ('booking', 'payment', 'schedule', 'promotion', 'security'))
--;;
ALTER TABLE schedules DROP COLUMN skipped_stops
--;;
ALTER TABLE bookings DROP COLUMN contact_email
--;;
ALTER TABLE bookings DROP COLUMN contact_email_digest
--;;
ALTER TABLE booking_modifications DROP COLUMN ticket_id
--;;
ALTER TABLE refunds DROP COLUMN decided_with
--;;
ALTER TABLE refunds DROP COLUMN claim_until
--;;
ALTER TABLE refunds DROP COLUMN payout_account
--;;
CREATE OR REPLACE FUNCTION guard_refunds_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.refund_status || '>' || NEW.refund_status <> ALL (ARRAY['failed>processing', 'initiated>completed', 'initiated>failed', 'initiated>processing', 'processing>completed', 'processing>failed']) THEN
        RAISE EXCEPTION 'refunds: % cannot become %', OLD.refund_status, NEW.refund_status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refunds_transition', TABLE = 'refunds';
    END IF;
    RETURN NEW;
END $$
--;;
CREATE OR REPLACE FUNCTION guard_print_jobs_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.state || '>' || NEW.state <> ALL (ARRAY['queued>cancelled', 'queued>sent', 'sent>confirmed', 'sent>queued', 'sent>unknown', 'unknown>cancelled', 'unknown>confirmed']) THEN
        RAISE EXCEPTION 'print_jobs: % cannot become %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'print_jobs_transition', TABLE = 'print_jobs';
    END IF;
    RETURN NEW;
END $$
--;;
CREATE OR REPLACE FUNCTION guard_refunds_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sold record;
    drawer record;
BEGIN
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
            RAISE EXCEPTION 'booking % is closed', sold.booking_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_closed', TABLE = TG_TABLE_NAME;
        END IF;
        IF sold.status <> 'pending' AND sold.refund_status = 'completed' THEN
            RAISE EXCEPTION 'a refund of a closed booking is asked for before it is paid out'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_asked_first', TABLE = TG_TABLE_NAME;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM new_rows n
        JOIN public.payments p ON p.operator_id = n.operator_id AND p.id = n.payment_id
        WHERE p.amount < (SELECT sum(r.refund_amount) FROM public.refunds r
            WHERE r.operator_id = p.operator_id AND r.payment_id = p.id))
    THEN
        RAISE EXCEPTION 'more is refunded than was paid'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_within_payment', TABLE = TG_TABLE_NAME;
    END IF;
    IF EXISTS (SELECT FROM new_rows n
        WHERE n.refund_method = 'cash' AND n.refund_status = 'completed' AND n.shift_id IS NULL)
    THEN
        RAISE EXCEPTION 'cash belongs to a shift'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cash_needs_shift', TABLE = TG_TABLE_NAME;
    END IF;
    FOR drawer IN
        SELECT s.shift_number, s.status FROM public.shifts s
        WHERE (s.operator_id, s.id) IN (SELECT n.operator_id, n.shift_id FROM new_rows n) FOR SHARE
    LOOP
        IF drawer.status <> 'open' THEN
            RAISE EXCEPTION 'shift % is closed', drawer.shift_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'shift_closed', TABLE = TG_TABLE_NAME;
        END IF;
    END LOOP;
    RETURN NULL;
END $$
--;;
CREATE OR REPLACE FUNCTION guard_tickets_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sold record;
BEGIN
    FOR sold IN
        SELECT b.operator_id, b.id, b.booking_number, b.status FROM public.bookings b
        WHERE (b.operator_id, b.id) IN (SELECT n.operator_id, n.booking_id FROM new_rows n) FOR SHARE
    LOOP
        IF sold.status <> 'pending' AND EXISTS (
            SELECT FROM new_rows n WHERE n.operator_id = sold.operator_id AND n.booking_id = sold.id
                AND NOT EXISTS (SELECT FROM public.booking_modifications m WHERE m.operator_id = n.operator_id
                    AND m.booking_id = sold.id AND m.status = 'open'))
        THEN
            RAISE EXCEPTION 'booking % is closed', sold.booking_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_closed', TABLE = TG_TABLE_NAME;
        END IF;
    END LOOP;
    RETURN NULL;
END $$
--;;
CREATE OR REPLACE FUNCTION guard_refund_shift() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    drawer record;
BEGIN
    SELECT s.shift_number, s.status INTO drawer FROM public.shifts s
    WHERE s.operator_id = NEW.operator_id AND s.id = NEW.shift_id FOR SHARE;
    IF drawer.status <> 'open' AND NEW.refund_method <> 'cash' THEN
        NEW.shift_id := NULL;
    ELSIF drawer.status <> 'open' THEN
        RAISE EXCEPTION 'shift % is closed', drawer.shift_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'shift_closed', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$
--;;
CREATE OR REPLACE FUNCTION guard_booking_paid() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    paid bigint;
    charged bigint;
BEGIN
    SELECT coalesce(sum(p.amount), 0) INTO paid FROM public.payments p
    WHERE p.operator_id = NEW.operator_id AND p.booking_id = NEW.id AND p.payment_status = 'completed';
    SELECT coalesce(sum(c.amount), 0) INTO charged FROM public.booking_charges c
    WHERE c.operator_id = NEW.operator_id AND c.booking_id = NEW.id;
    IF paid <> charged OR charged <> NEW.final_amount THEN
        RAISE EXCEPTION 'booking %: % is paid, % is charged', NEW.booking_number, paid, charged
            USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_is_paid', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$
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
CREATE OR REPLACE FUNCTION policy_number(wanted text, station integer, fallback bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce((
        SELECT (p.config->>'value')::bigint FROM public.policy_configurations p
        WHERE p.operator_id = public.current_operator() AND p.policy_type = wanted AND p.deleted_at IS NULL AND p.train_id IS NULL
            AND (p.station_id IS NULL OR p.station_id = station) AND jsonb_typeof(p.config->'value') = 'number'
        ORDER BY p.station_id NULLS LAST LIMIT 1), fallback);
END $$
--;;
CREATE OR REPLACE FUNCTION acting_user() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT s.user_id FROM public.user_sessions s
        WHERE s.operator_id = public.current_operator() AND s.is_active AND s.expires_at > now()
            AND s.session_token = sha256(convert_to(current_setting('counter.session', true), 'UTF8')));
END $$
--;;
CREATE OR REPLACE FUNCTION lock_time(lockouts bigint, station integer) RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN make_interval(mins => least(
        public.policy_number('pin_lock_minutes', station, 5)
            * power(2, least(lockouts, 20) - 1),
        public.policy_number('pin_lock_most_minutes', station, 1440))::integer);
END $$
--;;
CREATE OR REPLACE FUNCTION nobody_locked_until(digest text, station integer) RETURNS timestamptz
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
CREATE OR REPLACE FUNCTION sign_in(number text, digest text, mail bytea, proof bytea, new_session uuid, token bytea,
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
CREATE OR REPLACE FUNCTION change_secret(somebody uuid, old_proof bytea, kept text, terminal integer) RETURNS text
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
CREATE OR REPLACE FUNCTION guard_refund_approved() RETURNS trigger
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
REVOKE ALL ON FUNCTION sign_in(text, text, bytea, bytea, uuid, bytea, integer, text, boolean, integer) FROM PUBLIC
--;;
GRANT EXECUTE ON FUNCTION sign_in(text, text, bytea, bytea, uuid, bytea, integer, text, boolean, integer) TO counter, counter_gate
--;;
REVOKE ALL ON FUNCTION change_secret(uuid, bytea, text, integer) FROM PUBLIC
--;;
GRANT EXECUTE ON FUNCTION change_secret(uuid, bytea, text, integer) TO counter, counter_gate
--;;
GRANT SELECT, INSERT (operator_id, id, event_type, entity_type, entity_id, payload, correlation_id, causation_id, user_id, terminal_id, processing_status) ON domain_events TO counter
--;;
CREATE POLICY own_operator ON seat_inventory TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY customers_change ON users FOR UPDATE TO counter USING (operator_id = (SELECT current_operator()) AND role = 'customer') WITH CHECK (operator_id = (SELECT current_operator()) AND role = 'customer')
--;;
CREATE POLICY staff_come ON users FOR INSERT TO counter_supervisor WITH CHECK (operator_id = (SELECT current_operator()) AND may_manage(role))
--;;
CREATE POLICY own_operator ON notifications TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY assign ON user_stations FOR INSERT TO counter_supervisor WITH CHECK (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin'))
--;;
CREATE POLICY relieve ON user_stations FOR DELETE TO counter_supervisor USING (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin'))
--;;
CREATE POLICY own_operator ON schedules TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY sign_off ON user_sessions FOR UPDATE TO counter_supervisor USING (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin')) WITH CHECK (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin'))
--;;
GRANT SELECT, INSERT (operator_id, id, booking_number, user_id, schedule_id, status, total_amount, discount_amount, final_amount, passenger_count, booking_details, contact_phone, contact_phone_digest, sold_by, terminal_id, expires_at, priced_at), UPDATE (status, total_amount, discount_amount, final_amount, passenger_count, booking_details, contact_phone, contact_phone_digest, user_id, expires_at, priced_at, updated_at) ON bookings TO counter
--;;
GRANT SELECT, INSERT (operator_id, id, booking_id, user_id, modification_type, within_policy, fee_charged, status, reason, approval_id, opened_by, closed_at, deleted_at), UPDATE (within_policy, fee_charged, status, closed_at, updated_at) ON booking_modifications TO counter
--;;
GRANT SELECT, INSERT (operator_id, id, booking_id, position, passenger_name, passenger_dob, passenger_type, identity_kind, identity_number, identity_digest, identity_last_four, gender, seat_id, ticket_price, special_requirements, entitlement_id, erased_at), DELETE ON passengers TO counter
--;;
GRANT SELECT, INSERT (operator_id, id, ticket_number, booking_id, passenger_id, qr_code, ticket_status, schedule_id, service_date, class_id, seat_id, from_stop, to_stop, legs, subclass, fare, exclusive_identity, issue_no, copies_printed, supersedes_id, closed_reason, closed_at, check_in_time, checked_in_by, entitlement_id), UPDATE (ticket_status, qr_code, issue_no, copies_printed, closed_reason, closed_at, check_in_time, checked_in_by, updated_at) ON tickets TO counter
--;;
GRANT SELECT, INSERT (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount, processing_fee, refund_status, refund_method, refund_date, shift_id, modification_id, requested_by, external_reference, gateway_response), UPDATE (refund_status, refund_date, external_reference, gateway_response, updated_at) ON refunds TO counter
--;;
GRANT SELECT (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount, processing_fee, refund_status, refund_method, refund_date, created_at, updated_at, shift_id, modification_id, requested_by) ON refunds TO counter_reporting
--;;
DROP FUNCTION guard_fine()
--;;
DROP FUNCTION take_fined_from_ticket()
--;;
DROP FUNCTION guard_checkpoint()
--;;
DROP FUNCTION guard_shift_names()
--;;
DROP FUNCTION set_secret(uuid, text, integer)
--;;
DROP FUNCTION open_session(uuid, uuid, bytea, integer, text, boolean, integer)
--;;
DROP FUNCTION sign_in_attempt(text, text, bytea, bytea, integer)
--;;
DROP FUNCTION count_failure(text, text, integer, integer)
--;;
DROP FUNCTION pin_attempts(integer)
--;;
DROP FUNCTION guard_passenger_sold()
--;;
DROP FUNCTION guard_refund_way()
--;;
DROP FUNCTION guard_notification_deliveries_transition()
--;;
DROP FUNCTION guard_background_job_items_transition()
--;;
DROP FUNCTION guard_background_jobs_transition()
--;;
DROP FUNCTION guard_fines_transition()
--;;
DROP FUNCTION guard_callback_requests_transition()
