CREATE TABLE booking_modification_stats (
	operator_id SMALLINT NOT NULL,
	customer BYTEA NOT NULL,
	stat_type TEXT NOT NULL,
	period_start TIMESTAMP WITH TIME ZONE NOT NULL,
	period_end TIMESTAMP WITH TIME ZONE NOT NULL,
	count INTEGER NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE[] NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	CONSTRAINT pk_booking_modification_stats PRIMARY KEY (operator_id, customer, stat_type),
	CONSTRAINT ck_booking_modification_stats_count_is_right CHECK (count = cardinality(changed_at)),
	CONSTRAINT ck_booking_modification_stats_period_goes_forward CHECK (period_end > period_start),
	CONSTRAINT ck_booking_modification_stats_customer_is_a_key CHECK (octet_length(customer) IN (16, 32)),
	CONSTRAINT fk_booking_modification_stats_operator_id FOREIGN KEY(operator_id) REFERENCES operators (id)
)
--;;
CREATE TABLE spoilt_prints (
	operator_id SMALLINT NOT NULL,
	id UUID NOT NULL,
	ticket_id BIGINT NOT NULL,
	issue_no SMALLINT NOT NULL,
	modification_id UUID NOT NULL,
	print_job_id UUID,
	was_confirmed BOOLEAN NOT NULL,
	shift_id UUID NOT NULL,
	roll TEXT,
	blank_number BIGINT,
	reason TEXT NOT NULL,
	recorded_by UUID NOT NULL,
	terminal_id INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	CONSTRAINT pk_spoilt_prints PRIMARY KEY (operator_id, id),
	CONSTRAINT fk_spoilt_prints_operator_id_ticket_id FOREIGN KEY(operator_id, ticket_id) REFERENCES tickets (operator_id, id),
	CONSTRAINT fk_spoilt_prints_operator_id_modification_id FOREIGN KEY(operator_id, modification_id) REFERENCES booking_modifications (operator_id, id),
	CONSTRAINT fk_spoilt_prints_operator_id_shift_id FOREIGN KEY(operator_id, shift_id) REFERENCES shifts (operator_id, id),
	CONSTRAINT fk_spoilt_prints_operator_id_print_job_id FOREIGN KEY(operator_id, print_job_id) REFERENCES print_jobs (operator_id, id),
	CONSTRAINT fk_spoilt_prints_operator_id_recorded_by FOREIGN KEY(operator_id, recorded_by) REFERENCES users (operator_id, id),
	CONSTRAINT fk_spoilt_prints_operator_id_terminal_id FOREIGN KEY(operator_id, terminal_id) REFERENCES terminals (operator_id, id),
	CONSTRAINT ck_spoilt_prints_reason_not_blank CHECK (btrim(reason) <> ''),
	CONSTRAINT ck_spoilt_prints_blank_has_its_roll CHECK (blank_number IS NULL OR (blank_number >= 0 AND roll IS NOT NULL))
)
--;;
COMMENT ON COLUMN booking_modification_stats.customer IS 'the account''s id, or the digest of the identity shown'
--;;
COMMENT ON COLUMN booking_modification_stats.period_end IS 'the last change'
--;;
COMMENT ON COLUMN booking_modification_stats.changed_at IS 'the changes of the period: the window goes on rolling after it'
--;;
CREATE INDEX ix_spoilt_prints_operator_id_recorded_by_created_at ON spoilt_prints (operator_id, recorded_by, created_at)
--;;
CREATE INDEX ix_spoilt_prints_operator_id_shift_id ON spoilt_prints (operator_id, shift_id)
--;;
CREATE UNIQUE INDEX uq_spoilt_prints_blank ON spoilt_prints (operator_id, roll, blank_number) WHERE blank_number IS NOT NULL
--;;
COMMENT ON COLUMN spoilt_prints.print_job_id IS 'the print that was spoilt'
--;;
COMMENT ON COLUMN spoilt_prints.was_confirmed IS 'the journal counts that print: its blank is on record already'
--;;
COMMENT ON COLUMN spoilt_prints.roll IS 'the roll''s own mark, where stock is accounted for'
--;;
COMMENT ON COLUMN spoilt_prints.blank_number IS 'as printed on the blank'
--;;
ALTER TABLE booking_modifications ADD COLUMN ticket_id BIGINT
--;;
COMMENT ON COLUMN booking_modifications.ticket_id IS 'the ticket it was about; null: the whole booking, or its money'
--;;
ALTER TABLE refunds ADD COLUMN decided_with JSONB
--;;
COMMENT ON COLUMN refunds.decided_with IS 'the policies it was decided with; later changes do not touch it'
--;;
ALTER TABLE refunds ADD COLUMN claim_until TIMESTAMP WITH TIME ZONE
--;;
COMMENT ON COLUMN refunds.claim_until IS 'unclaimed by then it is forfeited'
--;;
ALTER TABLE refunds ADD COLUMN payout_account BYTEA
--;;
COMMENT ON COLUMN refunds.payout_account IS 'AES-GCM; where a transfer goes'
--;;
ALTER TABLE booking_modifications ADD CONSTRAINT fk_booking_modifications_operator_id_ticket_id FOREIGN KEY(operator_id, ticket_id) REFERENCES tickets (operator_id, id)
--;;
ALTER TABLE booking_modifications DROP CONSTRAINT ck_booking_modifications_modification_type_known
--;;
ALTER TABLE booking_modifications ADD CONSTRAINT ck_booking_modifications_modification_type_known CHECK (modification_type IN ('cancel', 'reschedule', 'correction', 'late_payment', 'settlement', 'upgrade', 'fault', 'disruption', 'duplicate', 'non_issued'))
--;;
CREATE INDEX ix_booking_modifications_operator_id_ticket_id ON booking_modifications (operator_id, ticket_id)
--;;
ALTER TABLE print_jobs DROP CONSTRAINT ck_print_jobs_document_kind_known
--;;
ALTER TABLE print_jobs ADD CONSTRAINT ck_print_jobs_document_kind_known CHECK (document_kind IN ('ticket', 'receipt', 'x_report', 'z_report', 'report'))
--;;
ALTER TABLE booking_charges DROP CONSTRAINT ck_booking_charges_charge_kind_known
--;;
ALTER TABLE booking_charges ADD CONSTRAINT ck_booking_charges_charge_kind_known CHECK (charge_kind IN ('fare', 'discount', 'fee', 'kept_fee', 'surcharge', 'reversal', 'owed'))
--;;
ALTER TABLE refunds DROP CONSTRAINT ck_refunds_refund_status_known
--;;
ALTER TABLE refunds ADD CONSTRAINT ck_refunds_refund_status_known CHECK (refund_status IN ('initiated', 'processing', 'completed', 'failed', 'forfeited'))
--;;
CREATE OR REPLACE FUNCTION guard_refunds_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.refund_status || '>' || NEW.refund_status <> ALL (ARRAY['failed>forfeited', 'failed>processing', 'initiated>completed', 'initiated>failed', 'initiated>forfeited', 'initiated>processing', 'processing>completed', 'processing>failed']) THEN
        RAISE EXCEPTION 'refunds: % cannot become %', OLD.refund_status, NEW.refund_status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refunds_transition', TABLE = 'refunds';
    END IF;
    RETURN NEW;
END $$
--;;
CREATE OR REPLACE FUNCTION guard_print_jobs_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.state || '>' || NEW.state <> ALL (ARRAY['queued>cancelled', 'queued>sent', 'sent>confirmed', 'sent>queued', 'sent>unknown', 'unknown>cancelled', 'unknown>confirmed', 'unknown>queued']) THEN
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
    ELSIF NEW.refund_method = 'cash' AND NEW.shift_id IS NULL THEN
        RAISE EXCEPTION 'cash belongs to a shift'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cash_needs_shift', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$
--;;
CREATE FUNCTION guard_refund_way() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
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
    RETURN NEW;
END $$
--;;
CREATE FUNCTION guard_passenger_sold() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sold record;
BEGIN
    SELECT b.booking_number, b.status INTO sold FROM public.bookings b
    WHERE b.operator_id = NEW.operator_id AND b.id = NEW.booking_id FOR SHARE;
    IF sold.status <> 'pending' AND NOT pg_has_role(current_user,
            (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'MEMBER')
        AND NOT EXISTS (SELECT FROM public.booking_modifications m WHERE m.operator_id = NEW.operator_id
            AND m.booking_id = NEW.booking_id AND m.status = 'open')
    THEN
        RAISE EXCEPTION 'booking % is closed', sold.booking_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_closed', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$
--;;
CREATE TRIGGER guard_insert AFTER INSERT ON spoilt_prints REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION guard_open_shift()
--;;
CREATE TRIGGER guard_way BEFORE UPDATE OF refund_method, refund_status ON refunds FOR EACH ROW EXECUTE FUNCTION guard_refund_way()
--;;
CREATE TRIGGER guard_sold BEFORE UPDATE ON passengers FOR EACH ROW EXECUTE FUNCTION guard_passenger_sold()
--;;
CREATE TRIGGER guard_sold BEFORE UPDATE OF qr_code, issue_no, exclusive_identity, entitlement_id ON tickets FOR EACH ROW EXECUTE FUNCTION guard_passenger_sold()
--;;
CREATE TRIGGER guard_history BEFORE UPDATE OR DELETE OR TRUNCATE ON spoilt_prints FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE OR REPLACE FUNCTION acting_user() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT s.user_id FROM public.user_sessions s
        JOIN public.users u ON u.operator_id = s.operator_id AND u.id = s.user_id AND u.is_active
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
            JOIN public.payments p ON p.operator_id = m.operator_id AND p.booking_id = m.booking_id
            LEFT JOIN public.approvals a ON a.operator_id = m.operator_id AND a.id = m.approval_id
            WHERE m.operator_id = NEW.operator_id AND m.id = NEW.modification_id AND p.id = NEW.payment_id AND (
                (a.status IN ('approved', 'used') AND a.approval_kind IN ('refund', 'fault', 'disruption')
                    AND (a.subject_type <> 'bookings' OR (a.subject_id = m.booking_id::text
                        AND a.amount >= (SELECT sum(r.refund_amount) FROM public.refunds r
                            WHERE r.operator_id = m.operator_id AND r.modification_id = m.id))))
                OR (m.modification_type = 'late_payment' AND p.modification_id = m.id)
                OR (m.modification_type = 'settlement' AND NOT EXISTS (SELECT FROM public.tickets t
                    WHERE t.operator_id = m.operator_id AND t.booking_id = m.booking_id))))
    THEN
        RAISE EXCEPTION 'this refund is not approved' USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_approved', TABLE = 'refunds';
    END IF;
    RETURN NEW;
END $$
--;;
ALTER TABLE booking_modification_stats ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE booking_modification_stats FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own_operator ON booking_modification_stats TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY owner ON booking_modification_stats TO CURRENT_USER USING (true) WITH CHECK (true)
--;;
GRANT SELECT, INSERT (operator_id, customer, stat_type, period_start, period_end, count, changed_at), UPDATE (period_start, period_end, count, changed_at, updated_at) ON booking_modification_stats TO counter
--;;
DROP POLICY assign ON user_stations
--;;
CREATE POLICY assign ON user_stations FOR INSERT TO counter_supervisor WITH CHECK (operator_id = (SELECT current_operator()) AND user_id IN (SELECT u.id FROM users u WHERE may_manage(u.role)))
--;;
DROP POLICY relieve ON user_stations
--;;
CREATE POLICY relieve ON user_stations FOR DELETE TO counter_supervisor USING (operator_id = (SELECT current_operator()) AND user_id IN (SELECT u.id FROM users u WHERE may_manage(u.role)))
--;;
DROP POLICY sign_off ON user_sessions
--;;
CREATE POLICY sign_off ON user_sessions FOR UPDATE TO counter_supervisor USING (operator_id = (SELECT current_operator()) AND user_id IN (SELECT u.id FROM users u WHERE may_manage(u.role))) WITH CHECK (operator_id = (SELECT current_operator()) AND user_id IN (SELECT u.id FROM users u WHERE may_manage(u.role)))
--;;
REVOKE ALL ON passengers FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, booking_id, position, passenger_name, passenger_dob, passenger_type, identity_kind, identity_number, identity_digest, identity_last_four, gender, seat_id, ticket_price, special_requirements, entitlement_id, erased_at), DELETE, UPDATE (passenger_name, passenger_dob, gender, identity_kind, identity_number, identity_digest, identity_last_four, entitlement_id) ON passengers TO counter
--;;
REVOKE ALL ON tickets FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, ticket_number, booking_id, passenger_id, qr_code, ticket_status, schedule_id, service_date, class_id, seat_id, from_stop, to_stop, legs, subclass, fare, exclusive_identity, issue_no, copies_printed, supersedes_id, closed_reason, closed_at, check_in_time, checked_in_by, entitlement_id), UPDATE (ticket_status, qr_code, issue_no, copies_printed, closed_reason, closed_at, check_in_time, checked_in_by, exclusive_identity, entitlement_id, updated_at) ON tickets TO counter
--;;
REVOKE ALL ON booking_modifications FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, booking_id, user_id, modification_type, within_policy, fee_charged, status, reason, approval_id, opened_by, closed_at, deleted_at, ticket_id), UPDATE (within_policy, fee_charged, status, closed_at, updated_at) ON booking_modifications TO counter
--;;
ALTER TABLE spoilt_prints ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE spoilt_prints FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own_operator ON spoilt_prints TO counter, counter_gate, counter_reporting USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY owner ON spoilt_prints TO CURRENT_USER USING (true) WITH CHECK (true)
--;;
GRANT SELECT, INSERT (operator_id, id, ticket_id, issue_no, modification_id, print_job_id, was_confirmed, shift_id, roll, blank_number, reason, recorded_by, terminal_id) ON spoilt_prints TO counter
--;;
GRANT SELECT ON spoilt_prints TO counter_reporting
--;;
REVOKE ALL ON refunds FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount, processing_fee, refund_status, refund_method, refund_date, shift_id, modification_id, requested_by, external_reference, gateway_response, decided_with, claim_until, payout_account), UPDATE (refund_status, refund_date, external_reference, gateway_response, shift_id, payout_account, refund_method, updated_at) ON refunds TO counter
--;;
REVOKE ALL ON refunds FROM counter_reporting
--;;
GRANT SELECT (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount, processing_fee, refund_status, refund_method, refund_date, created_at, updated_at, shift_id, modification_id, requested_by, decided_with, claim_until, payout_account) ON refunds TO counter_reporting
