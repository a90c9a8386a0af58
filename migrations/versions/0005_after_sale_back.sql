DROP TRIGGER guard_way ON refunds
--;;
DROP TRIGGER guard_sold ON passengers
--;;
DROP TRIGGER guard_sold ON tickets
--;;
DROP POLICY own_operator ON seat_inventory
--;;
DROP POLICY take ON seat_inventory
--;;
DROP POLICY withdraw ON seat_inventory
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
DROP TABLE booking_modification_stats
--;;
DROP TABLE notification_deliveries
--;;
DROP TABLE job_failures
--;;
DROP TABLE notification_configurations
--;;
DROP TABLE callback_requests
--;;
DROP TABLE background_jobs
--;;
DROP TABLE callback_escalations
--;;
DROP TABLE background_job_items
--;;
DROP TABLE delay_vouchers
--;;
DROP TABLE fines
--;;
DROP TABLE spoilt_prints
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
ALTER TABLE notifications DROP CONSTRAINT ck_notifications_notification_type_known
--;;
ALTER TABLE notifications ADD CONSTRAINT ck_notifications_notification_type_known CHECK (notification_type IN ('booking', 'payment', 'schedule', 'promotion', 'security'))
--;;
ALTER TABLE schedules DROP COLUMN skipped_stops
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
CREATE OR REPLACE FUNCTION acting_user() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT s.user_id FROM public.user_sessions s
        WHERE s.operator_id = public.current_operator() AND s.is_active AND s.expires_at > now()
            AND s.session_token = sha256(convert_to(current_setting('counter.session', true), 'UTF8')));
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
GRANT SELECT, INSERT (operator_id, id, event_type, entity_type, entity_id, payload, correlation_id, causation_id, user_id, terminal_id, processing_status) ON domain_events TO counter
--;;
CREATE POLICY own_operator ON seat_inventory TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY assign ON user_stations FOR INSERT TO counter_supervisor WITH CHECK (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin'))
--;;
CREATE POLICY relieve ON user_stations FOR DELETE TO counter_supervisor USING (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin'))
--;;
CREATE POLICY own_operator ON schedules TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY sign_off ON user_sessions FOR UPDATE TO counter_supervisor USING (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin')) WITH CHECK (operator_id = (SELECT current_operator()) AND (SELECT acting_role()) IN ('supervisor', 'admin'))
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
