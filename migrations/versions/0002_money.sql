CREATE TABLE entitlements (
	operator_id SMALLINT NOT NULL,
	id UUID NOT NULL,
	entitlement_kind TEXT NOT NULL,
	holder_name TEXT NOT NULL,
	identity_digest BYTEA NOT NULL,
	identity_last_four TEXT NOT NULL,
	document_reference TEXT NOT NULL,
	valid_from DATE NOT NULL,
	valid_until DATE NOT NULL,
	registered_by UUID NOT NULL,
	revoked_at TIMESTAMP WITH TIME ZONE,
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	CONSTRAINT pk_entitlements PRIMARY KEY (operator_id, id),
	CONSTRAINT fk_entitlements_operator_id_registered_by FOREIGN KEY(operator_id, registered_by) REFERENCES users (operator_id, id),
	CONSTRAINT ck_entitlements_entitlement_kind_known CHECK (entitlement_kind IN ('senior', 'veteran', 'military')),
	CONSTRAINT ck_entitlements_validity_goes_forward CHECK (valid_until >= valid_from),
	CONSTRAINT ck_entitlements_holder_not_blank CHECK (btrim(holder_name) <> '')
)
--;;
CREATE TABLE approvals (
	operator_id SMALLINT NOT NULL,
	id UUID NOT NULL,
	approval_number INTEGER NOT NULL,
	approval_kind TEXT NOT NULL,
	subject_type TEXT NOT NULL,
	subject_id TEXT NOT NULL,
	amount BIGINT,
	fingerprint BYTEA NOT NULL,
	details JSONB DEFAULT '{}' NOT NULL,
	reason TEXT NOT NULL,
	status TEXT DEFAULT 'pending' NOT NULL,
	requested_by UUID NOT NULL,
	terminal_id INTEGER NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	decided_by UUID,
	decided_at TIMESTAMP WITH TIME ZONE,
	decision_reason TEXT,
	used_at TIMESTAMP WITH TIME ZONE,
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	CONSTRAINT pk_approvals PRIMARY KEY (operator_id, id),
	CONSTRAINT uq_approvals_operator_id_approval_number UNIQUE (operator_id, approval_number),
	CONSTRAINT fk_approvals_operator_id_requested_by FOREIGN KEY(operator_id, requested_by) REFERENCES users (operator_id, id),
	CONSTRAINT fk_approvals_operator_id_decided_by FOREIGN KEY(operator_id, decided_by) REFERENCES users (operator_id, id),
	CONSTRAINT fk_approvals_operator_id_terminal_id FOREIGN KEY(operator_id, terminal_id) REFERENCES terminals (operator_id, id),
	CONSTRAINT ck_approvals_status_known CHECK (status IN ('pending', 'approved', 'refused', 'used', 'expired')),
	CONSTRAINT ck_approvals_reason_not_blank CHECK (btrim(reason) <> ''),
	CONSTRAINT ck_approvals_four_eyes CHECK (decided_by <> requested_by),
	CONSTRAINT ck_approvals_decided_by_one CHECK ((status IN ('approved', 'refused', 'used')) = (decided_by IS NOT NULL)),
	CONSTRAINT ck_approvals_decided_has_time CHECK ((decided_by IS NULL) = (decided_at IS NULL)),
	CONSTRAINT ck_approvals_used_has_time CHECK ((status = 'used') = (used_at IS NOT NULL))
)
--;;
CREATE TABLE shifts (
	operator_id SMALLINT NOT NULL,
	id UUID NOT NULL,
	shift_number INTEGER NOT NULL,
	user_id UUID NOT NULL,
	terminal_id INTEGER NOT NULL,
	status TEXT DEFAULT 'open' NOT NULL,
	is_scripted BOOLEAN DEFAULT false NOT NULL,
	float_amount BIGINT NOT NULL,
	opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	counted_at TIMESTAMP WITH TIME ZONE,
	counted_amount BIGINT,
	expected_amount BIGINT,
	difference_reason TEXT,
	approval_id UUID,
	closed_at TIMESTAMP WITH TIME ZONE,
	closed_by UUID,
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	CONSTRAINT pk_shifts PRIMARY KEY (operator_id, id),
	CONSTRAINT uq_shifts_operator_id_shift_number UNIQUE (operator_id, shift_number),
	CONSTRAINT fk_shifts_operator_id_user_id FOREIGN KEY(operator_id, user_id) REFERENCES users (operator_id, id),
	CONSTRAINT fk_shifts_operator_id_closed_by FOREIGN KEY(operator_id, closed_by) REFERENCES users (operator_id, id),
	CONSTRAINT fk_shifts_operator_id_terminal_id FOREIGN KEY(operator_id, terminal_id) REFERENCES terminals (operator_id, id),
	CONSTRAINT fk_shifts_operator_id_approval_id FOREIGN KEY(operator_id, approval_id) REFERENCES approvals (operator_id, id),
	CONSTRAINT ck_shifts_status_known CHECK (status IN ('open', 'counted', 'closed')),
	CONSTRAINT ck_shifts_float_not_negative CHECK (float_amount >= 0),
	CONSTRAINT ck_shifts_counted_has_time CHECK ((status = 'open') = (counted_at IS NULL)),
	CONSTRAINT ck_shifts_closed_is_settled CHECK ((status = 'closed') = (closed_at IS NOT NULL) AND (status = 'closed') = (closed_by IS NOT NULL) AND (status <> 'closed' OR (expected_amount IS NOT NULL AND counted_amount IS NOT NULL))),
	CONSTRAINT ck_shifts_difference_has_reason CHECK (status <> 'closed' OR expected_amount = counted_amount OR btrim(difference_reason) <> '')
)
--;;
CREATE TABLE booking_modifications (
	operator_id SMALLINT NOT NULL,
	id UUID NOT NULL,
	booking_id UUID NOT NULL,
	user_id UUID,
	modification_type TEXT NOT NULL,
	within_policy BOOLEAN DEFAULT true NOT NULL,
	fee_charged BIGINT DEFAULT 0 NOT NULL,
	status TEXT DEFAULT 'open' NOT NULL,
	reason TEXT NOT NULL,
	approval_id UUID,
	opened_by UUID,
	closed_at TIMESTAMP WITH TIME ZONE,
	deleted_at TIMESTAMP WITH TIME ZONE,
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	CONSTRAINT pk_booking_modifications PRIMARY KEY (operator_id, id),
	CONSTRAINT uq_booking_modifications_operator_id_id_booking_id UNIQUE (operator_id, id, booking_id),
	CONSTRAINT fk_booking_modifications_operator_id_booking_id FOREIGN KEY(operator_id, booking_id) REFERENCES bookings (operator_id, id),
	CONSTRAINT fk_booking_modifications_operator_id_user_id FOREIGN KEY(operator_id, user_id) REFERENCES users (operator_id, id),
	CONSTRAINT fk_booking_modifications_operator_id_opened_by FOREIGN KEY(operator_id, opened_by) REFERENCES users (operator_id, id),
	CONSTRAINT fk_booking_modifications_operator_id_approval_id FOREIGN KEY(operator_id, approval_id) REFERENCES approvals (operator_id, id),
	CONSTRAINT ck_booking_modifications_modification_type_known CHECK (modification_type IN ('cancel', 'reschedule', 'correction', 'late_payment', 'settlement')),
	CONSTRAINT ck_booking_modifications_status_known CHECK (status IN ('open', 'closed', 'withdrawn')),
	CONSTRAINT ck_booking_modifications_fee_not_negative CHECK (fee_charged >= 0),
	CONSTRAINT ck_booking_modifications_closed_has_time CHECK ((status = 'open') = (closed_at IS NULL))
)
--;;
CREATE TABLE cash_movements (
	operator_id SMALLINT NOT NULL,
	id UUID NOT NULL,
	shift_id UUID NOT NULL,
	movement_kind TEXT NOT NULL,
	amount BIGINT NOT NULL,
	reason TEXT NOT NULL,
	bag_number TEXT,
	recorded_by UUID NOT NULL,
	approval_id UUID,
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	CONSTRAINT pk_cash_movements PRIMARY KEY (operator_id, id),
	CONSTRAINT fk_cash_movements_operator_id_shift_id FOREIGN KEY(operator_id, shift_id) REFERENCES shifts (operator_id, id),
	CONSTRAINT fk_cash_movements_operator_id_recorded_by FOREIGN KEY(operator_id, recorded_by) REFERENCES users (operator_id, id),
	CONSTRAINT fk_cash_movements_operator_id_approval_id FOREIGN KEY(operator_id, approval_id) REFERENCES approvals (operator_id, id),
	CONSTRAINT ck_cash_movements_movement_kind_known CHECK (movement_kind IN ('cash_in', 'cash_out', 'drop', 'no_sale')),
	CONSTRAINT ck_cash_movements_amount_fits_kind CHECK ((movement_kind = 'no_sale') = (amount = 0) AND amount >= 0),
	CONSTRAINT ck_cash_movements_reason_not_blank CHECK (btrim(reason) <> ''),
	CONSTRAINT ck_cash_movements_drops_have_bags CHECK ((movement_kind = 'drop') = (bag_number IS NOT NULL))
)
--;;
CREATE TABLE shift_counts (
	operator_id SMALLINT NOT NULL,
	id UUID NOT NULL,
	shift_id UUID NOT NULL,
	attempt SMALLINT DEFAULT 1 NOT NULL,
	denomination BIGINT NOT NULL,
	pieces INTEGER NOT NULL,
	counted_by UUID NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	CONSTRAINT pk_shift_counts PRIMARY KEY (operator_id, id),
	CONSTRAINT uq_shift_counts_operator_id_shift_id_attempt_denomination UNIQUE (operator_id, shift_id, attempt, denomination),
	CONSTRAINT fk_shift_counts_operator_id_shift_id FOREIGN KEY(operator_id, shift_id) REFERENCES shifts (operator_id, id),
	CONSTRAINT ck_shift_counts_counts_something CHECK (attempt > 0 AND denomination > 0 AND pieces >= 0)
)
--;;
CREATE TABLE stock_counts (
	operator_id SMALLINT NOT NULL,
	id UUID NOT NULL,
	shift_id UUID NOT NULL,
	roll TEXT NOT NULL,
	first_number BIGINT NOT NULL,
	next_number BIGINT,
	spoilt INTEGER DEFAULT 0 NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	CONSTRAINT pk_stock_counts PRIMARY KEY (operator_id, id),
	CONSTRAINT uq_stock_counts_operator_id_shift_id_roll UNIQUE (operator_id, shift_id, roll),
	CONSTRAINT fk_stock_counts_operator_id_shift_id FOREIGN KEY(operator_id, shift_id) REFERENCES shifts (operator_id, id),
	CONSTRAINT ck_stock_counts_counts_forward CHECK (first_number >= 0 AND next_number >= first_number AND spoilt >= 0),
	CONSTRAINT ck_stock_counts_spoilt_were_there CHECK (spoilt <= next_number - first_number)
)
--;;
CREATE TABLE z_reports (
	operator_id SMALLINT NOT NULL,
	id UUID NOT NULL,
	z_number INTEGER NOT NULL,
	shift_id UUID NOT NULL,
	body JSONB NOT NULL,
	digest BYTEA NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	CONSTRAINT pk_z_reports PRIMARY KEY (operator_id, id),
	CONSTRAINT uq_z_reports_operator_id_z_number UNIQUE (operator_id, z_number),
	CONSTRAINT uq_z_reports_operator_id_shift_id UNIQUE (operator_id, shift_id),
	CONSTRAINT fk_z_reports_operator_id_shift_id FOREIGN KEY(operator_id, shift_id) REFERENCES shifts (operator_id, id),
	CONSTRAINT ck_z_reports_z_number_counts CHECK (z_number > 0)
)
--;;
CREATE TABLE payment_questions (
	operator_id SMALLINT NOT NULL,
	id UUID NOT NULL,
	payment_id UUID NOT NULL,
	question TEXT NOT NULL,
	details JSONB DEFAULT '{}' NOT NULL,
	opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	resolved_at TIMESTAMP WITH TIME ZONE,
	resolved_by UUID,
	resolution TEXT,
	CONSTRAINT pk_payment_questions PRIMARY KEY (operator_id, id),
	CONSTRAINT fk_payment_questions_operator_id_payment_id FOREIGN KEY(operator_id, payment_id) REFERENCES payments (operator_id, id),
	CONSTRAINT fk_payment_questions_operator_id_resolved_by FOREIGN KEY(operator_id, resolved_by) REFERENCES users (operator_id, id),
	CONSTRAINT ck_payment_questions_resolved_says_how CHECK ((resolved_at IS NULL) = (resolution IS NULL))
)
--;;
CREATE UNIQUE INDEX uq_entitlements_one_in_force ON entitlements (operator_id, identity_digest, entitlement_kind) WHERE revoked_at IS NULL
--;;
COMMENT ON COLUMN entitlements.document_reference IS 'the card or letter that was shown'
--;;
COMMENT ON COLUMN entitlements.valid_until IS 'the last day it holds'
--;;
CREATE INDEX ix_approvals_operator_id_subject_type_subject_id ON approvals (operator_id, subject_type, subject_id)
--;;
CREATE INDEX ix_approvals_waiting ON approvals (operator_id, created_at) WHERE status = 'pending'
--;;
COMMENT ON COLUMN approvals.approval_number IS 'what people call it by'
--;;
COMMENT ON COLUMN approvals.approval_kind IS 'over_short, refund …'
--;;
COMMENT ON COLUMN approvals.amount IS 'minor units; an approval covers this amount only'
--;;
COMMENT ON COLUMN approvals.fingerprint IS 'SHA-256 of exactly what was asked'
--;;
CREATE INDEX ix_shifts_operator_id_user_id_status ON shifts (operator_id, user_id, status)
--;;
CREATE UNIQUE INDEX uq_shifts_one_to_a_drawer ON shifts (operator_id, terminal_id) WHERE status <> 'closed'
--;;
COMMENT ON COLUMN shifts.shift_number IS 'counts on without an end'
--;;
COMMENT ON COLUMN shifts.user_id IS 'the clerk whose drawer it is'
--;;
COMMENT ON COLUMN shifts.is_scripted IS 'opened by a command''s sale'
--;;
COMMENT ON COLUMN shifts.float_amount IS 'cash in the drawer at the start, minor units'
--;;
COMMENT ON COLUMN shifts.expected_amount IS 'settled when the shift is closed'
--;;
COMMENT ON COLUMN shifts.approval_id IS 'of a difference above the limit'
--;;
CREATE INDEX ix_booking_modifications_operator_id_booking_id ON booking_modifications (operator_id, booking_id)
--;;
CREATE INDEX ix_booking_modifications_operator_id_user_id_created_at ON booking_modifications (operator_id, user_id, created_at)
--;;
COMMENT ON COLUMN booking_modifications.user_id IS 'the customer, where one has an account'
--;;
COMMENT ON COLUMN booking_modifications.opened_by IS 'null: the reconciliation'
--;;
CREATE INDEX ix_cash_movements_operator_id_shift_id ON cash_movements (operator_id, shift_id)
--;;
COMMENT ON COLUMN cash_movements.amount IS 'minor units, never negative: the kind tells which way'
--;;
COMMENT ON COLUMN cash_movements.bag_number IS 'of the sealed bag a drop went into'
--;;
COMMENT ON COLUMN cash_movements.approval_id IS 'of an amount above the limit'
--;;
COMMENT ON COLUMN shift_counts.denomination IS 'worth of one note or coin, minor units'
--;;
COMMENT ON COLUMN stock_counts.roll IS 'the roll''s own mark'
--;;
COMMENT ON COLUMN z_reports.body IS 'every figure as it was printed'
--;;
COMMENT ON COLUMN z_reports.digest IS 'SHA-256 over the previous digest and the body''s canonical JSON'
--;;
CREATE UNIQUE INDEX uq_payment_questions_open ON payment_questions (operator_id, payment_id, question) WHERE resolved_at IS NULL
--;;
COMMENT ON COLUMN payment_questions.question IS 'a stable code, see core.payments.judgement'
--;;
COMMENT ON COLUMN payment_questions.resolved_by IS 'null: answered by the gateway itself'
--;;
ALTER TABLE bookings ADD COLUMN priced_at TIMESTAMP WITH TIME ZONE
--;;
COMMENT ON COLUMN bookings.priced_at IS 'its charges stand from then on'
--;;
ALTER TABLE booking_promotions ADD COLUMN released_at TIMESTAMP WITH TIME ZONE
--;;
COMMENT ON COLUMN booking_promotions.released_at IS 'the sale came to nothing'
--;;
ALTER TABLE passengers ADD COLUMN entitlement_id UUID
--;;
COMMENT ON COLUMN passengers.entitlement_id IS 'what the reduction was given for'
--;;
ALTER TABLE booking_charges ADD COLUMN modification_id UUID
--;;
COMMENT ON COLUMN booking_charges.modification_id IS 'lets it into a closed booking'
--;;
ALTER TABLE payments ADD COLUMN shift_id UUID
--;;
COMMENT ON COLUMN payments.shift_id IS 'the drawer or clerk that took it'
--;;
ALTER TABLE payments ADD COLUMN modification_id UUID
--;;
COMMENT ON COLUMN payments.modification_id IS 'lets it into a closed booking'
--;;
ALTER TABLE payments ADD COLUMN card_last_four TEXT
--;;
ALTER TABLE payments ADD COLUMN edc_terminal TEXT
--;;
COMMENT ON COLUMN payments.edc_terminal IS 'the card machine''s own number'
--;;
ALTER TABLE payments ADD COLUMN edc_batch TEXT
--;;
COMMENT ON COLUMN payments.edc_batch IS 'its settlement batch'
--;;
ALTER TABLE payments ADD COLUMN expires_at TIMESTAMP WITH TIME ZONE
--;;
COMMENT ON COLUMN payments.expires_at IS 'when its code can no longer be paid'
--;;
ALTER TABLE tickets ADD COLUMN entitlement_id UUID
--;;
COMMENT ON COLUMN tickets.entitlement_id IS 'the reduction''s, re-checked at the gate'
--;;
ALTER TABLE print_jobs ADD COLUMN document_kind TEXT DEFAULT 'ticket' NOT NULL
--;;
ALTER TABLE print_jobs ADD COLUMN document JSONB
--;;
COMMENT ON COLUMN print_jobs.document IS 'what is printed, unless a ticket'
--;;
ALTER TABLE refunds ADD COLUMN shift_id UUID
--;;
COMMENT ON COLUMN refunds.shift_id IS 'the drawer cash was paid out of'
--;;
ALTER TABLE refunds ADD COLUMN modification_id UUID
--;;
ALTER TABLE refunds ADD COLUMN requested_by UUID
--;;
COMMENT ON COLUMN refunds.requested_by IS 'null: the reconciliation'
--;;
ALTER TABLE refunds ADD COLUMN external_reference TEXT
--;;
COMMENT ON COLUMN refunds.external_reference IS 'theirs: void slip, transfer …'
--;;
ALTER TABLE refunds ADD COLUMN gateway_response JSONB
--;;
ALTER TABLE passengers ADD CONSTRAINT fk_passengers_operator_id_entitlement_id FOREIGN KEY(operator_id, entitlement_id) REFERENCES entitlements (operator_id, id)
--;;
ALTER TABLE booking_charges ADD CONSTRAINT fk_booking_charges_operator_id_modification_id_booking_id FOREIGN KEY(operator_id, modification_id, booking_id) REFERENCES booking_modifications (operator_id, id, booking_id)
--;;
ALTER TABLE payments ADD CONSTRAINT fk_payments_operator_id_modification_id_booking_id FOREIGN KEY(operator_id, modification_id, booking_id) REFERENCES booking_modifications (operator_id, id, booking_id)
--;;
ALTER TABLE payments ADD CONSTRAINT ck_payments_last_four_only CHECK (card_last_four ~ '^[0-9]{4}$')
--;;
ALTER TABLE payments ADD CONSTRAINT fk_payments_operator_id_shift_id FOREIGN KEY(operator_id, shift_id) REFERENCES shifts (operator_id, id)
--;;
CREATE INDEX ix_payments_operator_id_shift_id ON payments (operator_id, shift_id)
--;;
CREATE INDEX ix_payments_under_way ON payments (operator_id, created_at) WHERE payment_status IN ('pending', 'processing')
--;;
ALTER TABLE tickets ADD CONSTRAINT fk_tickets_operator_id_entitlement_id FOREIGN KEY(operator_id, entitlement_id) REFERENCES entitlements (operator_id, id)
--;;
ALTER TABLE print_jobs ALTER COLUMN ticket_id DROP NOT NULL
--;;
ALTER TABLE print_jobs ADD CONSTRAINT ck_print_jobs_document_kind_known CHECK (document_kind IN ('ticket', 'receipt', 'x_report', 'z_report'))
--;;
ALTER TABLE print_jobs ADD CONSTRAINT ck_print_jobs_prints_one_thing CHECK ((document_kind = 'ticket') = (ticket_id IS NOT NULL) AND (document_kind = 'ticket') = (document IS NULL))
--;;
ALTER TABLE refunds ADD CONSTRAINT fk_refunds_operator_id_requested_by FOREIGN KEY(operator_id, requested_by) REFERENCES users (operator_id, id)
--;;
ALTER TABLE refunds ADD CONSTRAINT fk_refunds_operator_id_modification_id FOREIGN KEY(operator_id, modification_id) REFERENCES booking_modifications (operator_id, id)
--;;
ALTER TABLE refunds ADD CONSTRAINT fk_refunds_operator_id_shift_id FOREIGN KEY(operator_id, shift_id) REFERENCES shifts (operator_id, id)
--;;
CREATE INDEX ix_refunds_operator_id_shift_id ON refunds (operator_id, shift_id)
--;;
CREATE INDEX ix_refunds_under_way ON refunds (operator_id, created_at) WHERE refund_status IN ('initiated', 'processing', 'failed')
--;;
CREATE FUNCTION guard_shifts_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.status || '>' || NEW.status <> ALL (ARRAY['counted>closed', 'open>counted']) THEN
        RAISE EXCEPTION 'shifts: % cannot become %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'shifts_transition', TABLE = 'shifts';
    END IF;
    RETURN NEW;
END $$
--;;
CREATE TRIGGER guard_transition BEFORE UPDATE OF status ON shifts FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION guard_shifts_transition()
--;;
CREATE FUNCTION guard_approvals_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.status || '>' || NEW.status <> ALL (ARRAY['approved>expired', 'approved>used', 'pending>approved', 'pending>expired', 'pending>refused']) THEN
        RAISE EXCEPTION 'approvals: % cannot become %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approvals_transition', TABLE = 'approvals';
    END IF;
    RETURN NEW;
END $$
--;;
CREATE TRIGGER guard_transition BEFORE UPDATE OF status ON approvals FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION guard_approvals_transition()
--;;
CREATE FUNCTION guard_booking_modifications_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.status || '>' || NEW.status <> ALL (ARRAY['open>closed', 'open>withdrawn']) THEN
        RAISE EXCEPTION 'booking_modifications: % cannot become %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_modifications_transition', TABLE = 'booking_modifications';
    END IF;
    RETURN NEW;
END $$
--;;
CREATE TRIGGER guard_transition BEFORE UPDATE OF status ON booking_modifications FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION guard_booking_modifications_transition()
--;;
CREATE FUNCTION guard_payments_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sold record;
    drawer record;
BEGIN
    FOR sold IN
        SELECT b.operator_id, b.id, b.booking_number, b.status FROM public.bookings b
        WHERE (b.operator_id, b.id) IN (SELECT n.operator_id, n.booking_id FROM new_rows n) FOR SHARE
    LOOP
        IF sold.status <> 'pending' AND EXISTS (
            SELECT FROM new_rows n WHERE n.operator_id = sold.operator_id AND n.booking_id = sold.id
                AND NOT EXISTS (SELECT FROM public.booking_modifications m WHERE m.operator_id = n.operator_id
                    AND m.id = n.modification_id AND m.booking_id = sold.id AND m.status = 'open'))
        THEN
            RAISE EXCEPTION 'booking % is closed', sold.booking_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_closed', TABLE = TG_TABLE_NAME;
        END IF;
    END LOOP;
    FOR drawer IN
        SELECT s.shift_number, s.status FROM public.shifts s
        WHERE (s.operator_id, s.id) IN (SELECT n.operator_id, n.shift_id FROM new_rows n) FOR SHARE
    LOOP
        IF drawer.status <> 'open' THEN
            RAISE EXCEPTION 'shift % is closed', drawer.shift_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'shift_closed', TABLE = TG_TABLE_NAME;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM new_rows n WHERE n.payment_method = 'cash' AND n.shift_id IS NULL) THEN
        RAISE EXCEPTION 'cash belongs to a shift'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cash_needs_shift', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$
--;;
CREATE FUNCTION guard_charges_insert() RETURNS trigger
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
                    AND m.id = n.modification_id AND m.booking_id = sold.id AND m.status = 'open'))
        THEN
            RAISE EXCEPTION 'booking % is closed', sold.booking_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_closed', TABLE = TG_TABLE_NAME;
        END IF;
    END LOOP;
    RETURN NULL;
END $$
--;;
CREATE FUNCTION guard_promotion_use() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
                    AND false AND m.booking_id = sold.id AND m.status = 'open'))
        THEN
            RAISE EXCEPTION 'booking % is closed', sold.booking_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_closed', TABLE = TG_TABLE_NAME;
        END IF;
    END LOOP;
    UPDATE public.promotions p SET used_count = p.used_count + 1
    FROM (SELECT n.operator_id, n.promotion_id, count(*) AS uses FROM new_rows n GROUP BY 1, 2) u
    WHERE p.operator_id = u.operator_id AND p.id = u.promotion_id;
    RETURN NULL;
END $$
--;;
REVOKE ALL ON FUNCTION guard_promotion_use() FROM PUBLIC
--;;
CREATE FUNCTION guard_promotion_release() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.released_at IS NOT NULL OR NEW.released_at IS NULL OR EXISTS (
        SELECT FROM public.bookings b WHERE b.operator_id = OLD.operator_id AND b.id = OLD.booking_id
            AND b.status IN ('confirmed', 'completed'))
    THEN
        RAISE EXCEPTION 'this use of a promotion stands'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'promotion_use_stands', TABLE = TG_TABLE_NAME;
    END IF;
    UPDATE public.promotions p SET used_count = p.used_count - 1
    WHERE p.operator_id = OLD.operator_id AND p.id = OLD.promotion_id;
    RETURN NEW;
END $$
--;;
REVOKE ALL ON FUNCTION guard_promotion_release() FROM PUBLIC
--;;
CREATE FUNCTION guard_refunds_insert() RETURNS trigger
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
CREATE FUNCTION guard_tickets_insert() RETURNS trigger
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
CREATE FUNCTION guard_open_shift() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    drawer record;
BEGIN
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
CREATE FUNCTION guard_unclosed_shift() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    drawer record;
BEGIN
    FOR drawer IN
        SELECT s.shift_number, s.status FROM public.shifts s
        WHERE (s.operator_id, s.id) IN (SELECT n.operator_id, n.shift_id FROM new_rows n) FOR SHARE
    LOOP
        IF drawer.status = 'closed' THEN
            RAISE EXCEPTION 'shift % is closed', drawer.shift_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'shift_closed', TABLE = TG_TABLE_NAME;
        END IF;
    END LOOP;
    RETURN NULL;
END $$
--;;
CREATE FUNCTION guard_payment_state() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sold record;
BEGIN
    SELECT b.booking_number, b.status INTO sold FROM public.bookings b
    WHERE b.operator_id = NEW.operator_id AND b.id = NEW.booking_id FOR SHARE;
    IF sold.status <> 'pending' AND (NEW.payment_status <> 'failed' OR OLD.payment_status IN ('completed', 'refunded'))
        AND NOT EXISTS (SELECT FROM public.booking_modifications m WHERE m.operator_id = NEW.operator_id
            AND m.id = NEW.modification_id AND m.booking_id = NEW.booking_id AND m.status = 'open')
    THEN
        RAISE EXCEPTION 'booking % is closed', sold.booking_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_closed', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$
--;;
CREATE FUNCTION guard_payment_shift() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
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
        RAISE EXCEPTION 'shift % is closed', drawer.shift_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'shift_closed', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$
--;;
CREATE FUNCTION guard_refund_shift() RETURNS trigger
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
CREATE FUNCTION guard_booking_sold() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sold record;
BEGIN
    sold := NEW;
    IF NOT EXISTS (SELECT FROM public.booking_modifications m WHERE m.operator_id = NEW.operator_id
        AND m.booking_id = NEW.id AND m.status = 'open')
    THEN
        RAISE EXCEPTION 'booking % is closed', sold.booking_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_closed', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$
--;;
CREATE FUNCTION guard_booking_paid() RETURNS trigger
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
CREATE FUNCTION guard_history() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% is kept as it was written', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = 'history_is_kept', TABLE = TG_TABLE_NAME;
END $$
--;;
CREATE TRIGGER guard_insert AFTER INSERT ON payments REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION guard_payments_insert()
--;;
CREATE TRIGGER guard_insert AFTER INSERT ON booking_charges REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION guard_charges_insert()
--;;
CREATE TRIGGER guard_insert AFTER INSERT ON booking_promotions REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION guard_promotion_use()
--;;
CREATE TRIGGER guard_insert AFTER INSERT ON refunds REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION guard_refunds_insert()
--;;
CREATE TRIGGER guard_insert AFTER INSERT ON tickets REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION guard_tickets_insert()
--;;
CREATE TRIGGER guard_insert AFTER INSERT ON cash_movements REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION guard_open_shift()
--;;
CREATE TRIGGER guard_insert AFTER INSERT ON shift_counts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION guard_unclosed_shift()
--;;
CREATE TRIGGER guard_insert AFTER INSERT ON stock_counts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION guard_unclosed_shift()
--;;
CREATE TRIGGER guard_release BEFORE UPDATE ON booking_promotions FOR EACH ROW EXECUTE FUNCTION guard_promotion_release()
--;;
CREATE TRIGGER guard_state BEFORE UPDATE OF payment_status, payment_date, external_reference ON payments FOR EACH ROW WHEN ((OLD.payment_status, OLD.payment_date, OLD.external_reference) IS DISTINCT FROM (NEW.payment_status, NEW.payment_date, NEW.external_reference)) EXECUTE FUNCTION guard_payment_state()
--;;
CREATE TRIGGER guard_shift BEFORE UPDATE OF payment_status, shift_id ON payments FOR EACH ROW EXECUTE FUNCTION guard_payment_shift()
--;;
CREATE TRIGGER guard_shift BEFORE UPDATE OF refund_status ON refunds FOR EACH ROW WHEN (OLD.refund_status <> 'completed' AND NEW.refund_status = 'completed') EXECUTE FUNCTION guard_refund_shift()
--;;
CREATE TRIGGER guard_update AFTER UPDATE ON stock_counts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION guard_unclosed_shift()
--;;
CREATE TRIGGER guard_paid BEFORE UPDATE OF status ON bookings FOR EACH ROW WHEN (OLD.status = 'pending' AND NEW.status = 'confirmed') EXECUTE FUNCTION guard_booking_paid()
--;;
CREATE TRIGGER guard_sold BEFORE UPDATE OF status ON bookings FOR EACH ROW WHEN (OLD.status IN ('confirmed', 'completed') AND NEW.status = 'cancelled') EXECUTE FUNCTION guard_booking_sold()
--;;
CREATE TRIGGER guard_amounts BEFORE UPDATE OF total_amount, discount_amount, final_amount, priced_at, passenger_count ON bookings FOR EACH ROW WHEN (OLD.status <> 'pending') EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_closed BEFORE UPDATE ON shifts FOR EACH ROW WHEN (OLD.status = 'closed') EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_history BEFORE DELETE OR TRUNCATE ON payments FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_history BEFORE DELETE OR TRUNCATE ON refunds FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_history BEFORE DELETE OR TRUNCATE ON booking_promotions FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_history BEFORE DELETE OR TRUNCATE ON shifts FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_history BEFORE DELETE OR TRUNCATE ON stock_counts FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_history BEFORE DELETE OR TRUNCATE ON approvals FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_history BEFORE DELETE OR TRUNCATE ON booking_modifications FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_history BEFORE DELETE OR TRUNCATE ON payment_questions FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_history BEFORE UPDATE OR DELETE OR TRUNCATE ON booking_charges FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_history BEFORE UPDATE OR DELETE OR TRUNCATE ON cash_movements FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_history BEFORE UPDATE OR DELETE OR TRUNCATE ON shift_counts FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_history BEFORE UPDATE OR DELETE OR TRUNCATE ON z_reports FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_history BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_logs FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
REVOKE ALL ON audit_logs FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, user_id, terminal_id, correlation_id, entity_type, entity_id, action, old_values, new_values, ip_address, user_agent) ON audit_logs TO counter
--;;
REVOKE ALL ON domain_events FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, event_type, entity_type, entity_id, payload, correlation_id, causation_id, user_id, terminal_id, processing_status) ON domain_events TO counter
--;;
REVOKE ALL ON idempotency FROM counter
--;;
GRANT SELECT, INSERT (operator_id, key, purpose, fingerprint, result_id) ON idempotency TO counter
--;;
REVOKE ALL ON promotions FROM counter
--;;
GRANT SELECT, INSERT (operator_id, promotion_code, promotion_name, discount_type, discount_value, minimum_amount, maximum_discount, valid_from, valid_to, usage_limit, is_active), UPDATE (promotion_name, minimum_amount, maximum_discount, valid_from, valid_to, usage_limit, is_active, updated_at) ON promotions TO counter
--;;
ALTER TABLE entitlements ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE entitlements FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own_operator ON entitlements TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY owner ON entitlements TO CURRENT_USER USING (true) WITH CHECK (true)
--;;
GRANT SELECT, INSERT (operator_id, id, entitlement_kind, holder_name, identity_digest, identity_last_four, document_reference, valid_from, valid_until, registered_by, revoked_at), UPDATE (document_reference, valid_until, revoked_at, updated_at) ON entitlements TO counter
--;;
REVOKE ALL ON notifications FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, user_id, notification_type, title, message, metadata, is_read, sent_at, read_at) ON notifications TO counter
--;;
REVOKE ALL ON terminals FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, terminal_code, station_id, is_active), UPDATE (station_id, updated_at) ON terminals TO counter
--;;
ALTER TABLE approvals ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE approvals FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own_operator ON approvals TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY owner ON approvals TO CURRENT_USER USING (true) WITH CHECK (true)
--;;
GRANT SELECT, INSERT (operator_id, id, approval_number, approval_kind, subject_type, subject_id, amount, fingerprint, details, reason, status, requested_by, terminal_id, expires_at, decided_by, decided_at, decision_reason, used_at), UPDATE (status, decided_by, decided_at, decision_reason, used_at, updated_at) ON approvals TO counter
--;;
REVOKE ALL ON user_sessions FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, user_id, terminal_id, session_token, ip_address, user_agent, expires_at, is_active), UPDATE (last_activity, expires_at, is_active) ON user_sessions TO counter
--;;
REVOKE ALL ON bookings FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, booking_number, user_id, schedule_id, status, total_amount, discount_amount, final_amount, passenger_count, booking_details, contact_phone, contact_phone_digest, sold_by, terminal_id, expires_at, priced_at), UPDATE (status, total_amount, discount_amount, final_amount, passenger_count, booking_details, contact_phone, contact_phone_digest, user_id, expires_at, priced_at, updated_at) ON bookings TO counter
--;;
ALTER TABLE shifts ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE shifts FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own_operator ON shifts TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY owner ON shifts TO CURRENT_USER USING (true) WITH CHECK (true)
--;;
GRANT SELECT, INSERT (operator_id, id, shift_number, user_id, terminal_id, status, is_scripted, float_amount, counted_at, counted_amount, expected_amount, difference_reason, approval_id, closed_at, closed_by), UPDATE (status, counted_at, counted_amount, expected_amount, difference_reason, approval_id, closed_at, closed_by, updated_at) ON shifts TO counter
--;;
ALTER TABLE booking_modifications ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE booking_modifications FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own_operator ON booking_modifications TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY owner ON booking_modifications TO CURRENT_USER USING (true) WITH CHECK (true)
--;;
GRANT SELECT, INSERT (operator_id, id, booking_id, user_id, modification_type, within_policy, fee_charged, status, reason, approval_id, opened_by, closed_at, deleted_at), UPDATE (within_policy, fee_charged, status, closed_at, updated_at) ON booking_modifications TO counter
--;;
REVOKE ALL ON booking_promotions FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, booking_id, promotion_id, discount_applied, released_at), UPDATE (released_at) ON booking_promotions TO counter
--;;
ALTER TABLE cash_movements ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE cash_movements FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own_operator ON cash_movements TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY owner ON cash_movements TO CURRENT_USER USING (true) WITH CHECK (true)
--;;
GRANT SELECT, INSERT (operator_id, id, shift_id, movement_kind, amount, reason, bag_number, recorded_by, approval_id) ON cash_movements TO counter
--;;
REVOKE ALL ON passengers FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, booking_id, position, passenger_name, passenger_dob, passenger_type, identity_kind, identity_number, identity_digest, identity_last_four, gender, seat_id, ticket_price, special_requirements, entitlement_id), DELETE ON passengers TO counter
--;;
REVOKE ALL ON seat_holds FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, booking_id, schedule_id, service_date, class_id, from_stop, to_stop, legs, seat_ids, subclass, seat_fare, expires_at), UPDATE (seat_ids, expires_at), DELETE ON seat_holds TO counter
--;;
ALTER TABLE shift_counts ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE shift_counts FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own_operator ON shift_counts TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY owner ON shift_counts TO CURRENT_USER USING (true) WITH CHECK (true)
--;;
GRANT SELECT, INSERT (operator_id, id, shift_id, attempt, denomination, pieces, counted_by) ON shift_counts TO counter
--;;
ALTER TABLE stock_counts ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE stock_counts FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own_operator ON stock_counts TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY owner ON stock_counts TO CURRENT_USER USING (true) WITH CHECK (true)
--;;
GRANT SELECT, INSERT (operator_id, id, shift_id, roll, first_number, next_number, spoilt), UPDATE (next_number, spoilt, updated_at) ON stock_counts TO counter
--;;
ALTER TABLE z_reports ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE z_reports FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own_operator ON z_reports TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY owner ON z_reports TO CURRENT_USER USING (true) WITH CHECK (true)
--;;
GRANT SELECT, INSERT (operator_id, id, z_number, shift_id, body, digest) ON z_reports TO counter
--;;
REVOKE ALL ON booking_charges FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, booking_id, passenger_id, charge_kind, amount, cause, modification_id) ON booking_charges TO counter
--;;
REVOKE ALL ON payments FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, booking_id, payment_reference, external_reference, payment_method, payment_status, amount, processing_fee, tendered, change_given, gateway_response, taken_by, terminal_id, payment_date, shift_id, modification_id, card_last_four, edc_terminal, edc_batch, expires_at), UPDATE (payment_status, external_reference, gateway_response, payment_date, expires_at, shift_id, modification_id, updated_at) ON payments TO counter
--;;
REVOKE ALL ON tickets FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, ticket_number, booking_id, passenger_id, qr_code, ticket_status, schedule_id, service_date, class_id, seat_id, from_stop, to_stop, legs, subclass, fare, exclusive_identity, issue_no, copies_printed, supersedes_id, closed_reason, closed_at, check_in_time, checked_in_by, entitlement_id), UPDATE (ticket_status, qr_code, issue_no, copies_printed, closed_reason, closed_at, check_in_time, checked_in_by, updated_at) ON tickets TO counter
--;;
REVOKE ALL ON checkins FROM counter
--;;
GRANT SELECT, INSERT (operator_id, nonce, ticket_id, outcome, station_id, terminal_id, user_id, code_digest, offline, scanned_at, undone_at) ON checkins TO counter
--;;
ALTER TABLE payment_questions ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE payment_questions FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own_operator ON payment_questions TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY owner ON payment_questions TO CURRENT_USER USING (true) WITH CHECK (true)
--;;
GRANT SELECT, INSERT (operator_id, id, payment_id, question, details, resolved_at, resolved_by, resolution), UPDATE (resolved_at, resolved_by, resolution) ON payment_questions TO counter
--;;
REVOKE ALL ON print_jobs FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, ticket_id, issue_no, copy_no, reason, state, printer, terminal_id, process_id, last_error, sent_at, settled_at, document_kind, document), UPDATE (state, printer, process_id, last_error, sent_at, settled_at, updated_at) ON print_jobs TO counter
--;;
REVOKE ALL ON refunds FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount, processing_fee, refund_status, refund_method, refund_date, shift_id, modification_id, requested_by, external_reference, gateway_response), UPDATE (refund_status, refund_date, external_reference, gateway_response, updated_at) ON refunds TO counter
