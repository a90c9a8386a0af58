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
ALTER TABLE booking_modifications DROP CONSTRAINT ck_booking_modifications_modification_type_known
--;;
ALTER TABLE booking_modifications ADD CONSTRAINT ck_booking_modifications_modification_type_known CHECK (modification_type IN ('cancel', 'reschedule', 'correction', 'late_payment', 'settlement', 'upgrade', 'fault', 'disruption', 'duplicate', 'non_issued'))
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
CREATE TRIGGER guard_sold BEFORE UPDATE ON passengers FOR EACH ROW EXECUTE FUNCTION guard_passenger_sold()
--;;
REVOKE ALL ON passengers FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, booking_id, position, passenger_name, passenger_dob, passenger_type, identity_kind, identity_number, identity_digest, identity_last_four, gender, seat_id, ticket_price, special_requirements, entitlement_id, erased_at), DELETE, UPDATE (passenger_name, passenger_dob, gender, identity_kind, identity_number, identity_digest, identity_last_four, entitlement_id) ON passengers TO counter
--;;
REVOKE ALL ON refunds FROM counter
--;;
GRANT SELECT, INSERT (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount, processing_fee, refund_status, refund_method, refund_date, shift_id, modification_id, requested_by, external_reference, gateway_response, decided_with, claim_until, payout_account), UPDATE (refund_status, refund_date, external_reference, gateway_response, shift_id, payout_account, updated_at) ON refunds TO counter
--;;
REVOKE ALL ON refunds FROM counter_reporting
--;;
GRANT SELECT (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount, processing_fee, refund_status, refund_method, refund_date, created_at, updated_at, shift_id, modification_id, requested_by, decided_with, claim_until, payout_account) ON refunds TO counter_reporting
