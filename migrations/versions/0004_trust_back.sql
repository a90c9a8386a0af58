DELETE FROM notifications WHERE notification_type = 'security'
--;;
DELETE FROM database_logins WHERE login_role NOT IN ('owner', 'counter')
--;;
DROP TRIGGER guard_names ON approvals
--;;
DROP TRIGGER guard_names ON booking_modifications
--;;
DROP TRIGGER guard_approved ON refunds
--;;
DROP TRIGGER guard_difference ON shifts
--;;
DROP TRIGGER guard_closed ON z_reports
--;;
DROP TRIGGER guard_over ON user_sessions
--;;
DROP POLICY own_operator ON audit_checkpoints
--;;
DROP POLICY own_operator ON audit_heads
--;;
DROP POLICY own_operator ON audit_logs
--;;
DROP POLICY own_operator ON domain_events
--;;
DROP POLICY own_operator ON idempotency
--;;
DROP POLICY own_operator ON operators
--;;
DROP POLICY own_operator ON seat_inventory
--;;
DROP POLICY own_operator ON key_rings
--;;
DROP POLICY own_operator ON promotions
--;;
DROP POLICY offer ON promotions
--;;
DROP POLICY change ON promotions
--;;
DROP POLICY own_operator ON stations
--;;
DROP POLICY own_operator ON trains
--;;
DROP POLICY own_operator ON users
--;;
DROP POLICY customers_come ON users
--;;
DROP POLICY customers_change ON users
--;;
DROP POLICY staff_come ON users
--;;
DROP POLICY staff_change ON users
--;;
DROP POLICY own_operator ON entitlements
--;;
DROP POLICY own_operator ON notifications
--;;
DROP POLICY own_operator ON policy_configurations
--;;
DROP POLICY decide ON policy_configurations
--;;
DROP POLICY withdraw ON policy_configurations
--;;
DROP POLICY own_operator ON routes
--;;
DROP POLICY own_operator ON terminals
--;;
DROP POLICY own_operator ON train_classes
--;;
DROP POLICY own_operator ON user_profiles
--;;
DROP POLICY own_operator ON approvals
--;;
DROP POLICY own_operator ON coaches
--;;
DROP POLICY own_operator ON fare_buckets
--;;
DROP POLICY own_operator ON route_stations
--;;
DROP POLICY own_operator ON schedules
--;;
DROP POLICY own_operator ON service_patterns
--;;
DROP POLICY own_operator ON user_sessions
--;;
DROP POLICY own_session ON user_sessions
--;;
DROP POLICY sign_off ON user_sessions
--;;
DROP POLICY own_operator ON bookings
--;;
DROP POLICY own_operator ON seats
--;;
DROP POLICY own_operator ON shifts
--;;
DROP POLICY own_operator ON booking_modifications
--;;
DROP POLICY own_operator ON booking_promotions
--;;
DROP POLICY own_operator ON cash_movements
--;;
DROP POLICY own_operator ON passengers
--;;
DROP POLICY own_operator ON seat_holds
--;;
DROP POLICY own_operator ON shift_counts
--;;
DROP POLICY own_operator ON stock_counts
--;;
DROP POLICY own_operator ON z_reports
--;;
DROP POLICY own_operator ON booking_charges
--;;
DROP POLICY own_operator ON payments
--;;
DROP POLICY own_operator ON tickets
--;;
DROP POLICY sell ON tickets
--;;
DROP POLICY change ON tickets
--;;
DROP POLICY admit ON tickets
--;;
DROP POLICY own_operator ON checkins
--;;
DROP POLICY own_operator ON payment_questions
--;;
DROP POLICY own_operator ON print_jobs
--;;
DROP POLICY own_operator ON refunds
--;;
REVOKE EXECUTE ON FUNCTION current_operator() FROM counter, counter_gate, counter_reporting
--;;
REVOKE ALL ON audit_checkpoints FROM counter_gate
--;;
REVOKE ALL ON audit_heads FROM counter_gate
--;;
REVOKE ALL ON audit_logs FROM counter_gate
--;;
REVOKE ALL ON domain_events FROM counter_gate
--;;
REVOKE ALL ON idempotency FROM counter_gate
--;;
REVOKE ALL ON operators FROM counter_gate
--;;
REVOKE ALL ON operators FROM counter_reporting
--;;
REVOKE ALL ON seat_inventory FROM counter_reporting
--;;
REVOKE ALL ON key_rings FROM counter_gate
--;;
REVOKE ALL ON key_rings FROM counter_reporting
--;;
REVOKE ALL ON promotions FROM counter
--;;
REVOKE ALL ON promotions FROM counter_supervisor
--;;
REVOKE ALL ON promotions FROM counter_reporting
--;;
REVOKE ALL ON stations FROM counter_gate
--;;
REVOKE ALL ON stations FROM counter_reporting
--;;
REVOKE ALL ON trains FROM counter_gate
--;;
REVOKE ALL ON trains FROM counter_reporting
--;;
REVOKE ALL ON users FROM counter
--;;
REVOKE ALL ON users FROM counter_supervisor
--;;
REVOKE ALL ON users FROM counter_gate
--;;
REVOKE ALL ON users FROM counter_reporting
--;;
REVOKE ALL ON entitlements FROM counter
--;;
REVOKE ALL ON entitlements FROM counter_supervisor
--;;
REVOKE ALL ON entitlements FROM counter_gate
--;;
REVOKE ALL ON entitlements FROM counter_reporting
--;;
REVOKE ALL ON notifications FROM counter
--;;
REVOKE ALL ON notifications FROM counter_gate
--;;
REVOKE ALL ON policy_configurations FROM counter_supervisor
--;;
REVOKE ALL ON policy_configurations FROM counter_gate
--;;
REVOKE ALL ON policy_configurations FROM counter_reporting
--;;
REVOKE ALL ON routes FROM counter_gate
--;;
REVOKE ALL ON routes FROM counter_reporting
--;;
REVOKE ALL ON terminals FROM counter_supervisor
--;;
REVOKE ALL ON terminals FROM counter_gate
--;;
REVOKE ALL ON terminals FROM counter_reporting
--;;
REVOKE ALL ON train_classes FROM counter_gate
--;;
REVOKE ALL ON train_classes FROM counter_reporting
--;;
REVOKE ALL ON user_profiles FROM counter
--;;
REVOKE ALL ON approvals FROM counter_reporting
--;;
REVOKE ALL ON coaches FROM counter_gate
--;;
REVOKE ALL ON coaches FROM counter_reporting
--;;
REVOKE ALL ON fare_buckets FROM counter_gate
--;;
REVOKE ALL ON fare_buckets FROM counter_reporting
--;;
REVOKE ALL ON route_stations FROM counter_gate
--;;
REVOKE ALL ON route_stations FROM counter_reporting
--;;
REVOKE ALL ON schedules FROM counter_gate
--;;
REVOKE ALL ON schedules FROM counter_reporting
--;;
REVOKE ALL ON service_patterns FROM counter_gate
--;;
REVOKE ALL ON service_patterns FROM counter_reporting
--;;
REVOKE ALL ON user_sessions FROM counter
--;;
REVOKE ALL ON user_sessions FROM counter_supervisor
--;;
REVOKE ALL ON user_sessions FROM counter_gate
--;;
REVOKE ALL ON bookings FROM counter_gate
--;;
REVOKE ALL ON bookings FROM counter_reporting
--;;
REVOKE ALL ON seats FROM counter_gate
--;;
REVOKE ALL ON seats FROM counter_reporting
--;;
REVOKE ALL ON shifts FROM counter_reporting
--;;
REVOKE ALL ON booking_modifications FROM counter_reporting
--;;
REVOKE ALL ON booking_promotions FROM counter_reporting
--;;
REVOKE ALL ON cash_movements FROM counter_reporting
--;;
REVOKE ALL ON passengers FROM counter
--;;
REVOKE ALL ON passengers FROM counter_gate
--;;
REVOKE ALL ON passengers FROM counter_reporting
--;;
REVOKE ALL ON shift_counts FROM counter_reporting
--;;
REVOKE ALL ON stock_counts FROM counter_reporting
--;;
REVOKE ALL ON z_reports FROM counter_reporting
--;;
REVOKE ALL ON booking_charges FROM counter_reporting
--;;
REVOKE ALL ON payments FROM counter_reporting
--;;
REVOKE ALL ON tickets FROM counter_gate
--;;
REVOKE ALL ON tickets FROM counter_reporting
--;;
REVOKE ALL ON checkins FROM counter_gate
--;;
REVOKE ALL ON checkins FROM counter_reporting
--;;
REVOKE ALL ON payment_questions FROM counter_reporting
--;;
REVOKE ALL ON refunds FROM counter_reporting
--;;
DROP TABLE user_stations
--;;
ALTER TABLE notifications DROP CONSTRAINT ck_notifications_notification_type_known
--;;
ALTER TABLE notifications ADD CONSTRAINT ck_notifications_notification_type_known CHECK (notification_type IN ('booking', 'payment', 'schedule', 'promotion'))
--;;
ALTER TABLE database_logins DROP CONSTRAINT ck_database_logins_login_role_known
--;;
ALTER TABLE database_logins ADD CONSTRAINT ck_database_logins_login_role_known CHECK (login_role IN ('owner', 'counter'))
--;;
ALTER TABLE operators DROP COLUMN is_training
--;;
ALTER TABLE users DROP COLUMN must_change_pin
--;;
ALTER TABLE users DROP COLUMN lockouts
--;;
ALTER TABLE users DROP COLUMN erased_at
--;;
ALTER TABLE user_sessions DROP COLUMN is_interactive
--;;
ALTER TABLE user_sessions DROP COLUMN ended_at
--;;
ALTER TABLE user_sessions DROP COLUMN ended_because
--;;
ALTER TABLE passengers DROP COLUMN erased_at
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
GRANT EXECUTE ON FUNCTION current_operator() TO counter
--;;
CREATE POLICY own_operator ON audit_checkpoints TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON audit_heads TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON audit_logs TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON domain_events TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON idempotency TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON operators TO counter USING (id = (SELECT current_operator())) WITH CHECK (id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON seat_inventory TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON key_rings TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON promotions TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT, INSERT (operator_id, promotion_code, promotion_name, discount_type, discount_value, minimum_amount, maximum_discount, valid_from, valid_to, usage_limit, is_active), UPDATE (promotion_name, minimum_amount, maximum_discount, valid_from, valid_to, usage_limit, is_active, updated_at) ON promotions TO counter
--;;
CREATE POLICY own_operator ON stations TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON trains TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON users TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT, UPDATE (failed_attempts, locked_until, last_login, updated_at) ON users TO counter
--;;
CREATE POLICY own_operator ON entitlements TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT, INSERT (operator_id, id, entitlement_kind, holder_name, identity_digest, identity_last_four, document_reference, valid_from, valid_until, registered_by, revoked_at), UPDATE (document_reference, valid_until, revoked_at, updated_at) ON entitlements TO counter
--;;
CREATE POLICY own_operator ON notifications TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT, INSERT (operator_id, id, user_id, notification_type, title, message, metadata, is_read, sent_at, read_at) ON notifications TO counter
--;;
CREATE POLICY own_operator ON policy_configurations TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON routes TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON terminals TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON train_classes TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON user_profiles TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT ON user_profiles TO counter
--;;
CREATE POLICY own_operator ON approvals TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON coaches TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON fare_buckets TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON route_stations TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON schedules TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON service_patterns TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON user_sessions TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT, INSERT (operator_id, id, user_id, terminal_id, session_token, ip_address, user_agent, expires_at, is_active), UPDATE (last_activity, expires_at, is_active) ON user_sessions TO counter
--;;
CREATE POLICY own_operator ON bookings TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON seats TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON shifts TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON booking_modifications TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON booking_promotions TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON cash_movements TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON passengers TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
GRANT SELECT, INSERT (operator_id, id, booking_id, position, passenger_name, passenger_dob, passenger_type, identity_kind, identity_number, identity_digest, identity_last_four, gender, seat_id, ticket_price, special_requirements, entitlement_id), DELETE ON passengers TO counter
--;;
CREATE POLICY own_operator ON seat_holds TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON shift_counts TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON stock_counts TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON z_reports TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON booking_charges TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON payments TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON tickets TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON checkins TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON payment_questions TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON print_jobs TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY own_operator ON refunds TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
DROP FUNCTION guard_z_of_closed()
--;;
DROP FUNCTION guard_shift_difference()
--;;
DROP FUNCTION guard_refund_approved()
--;;
DROP FUNCTION guard_modification_names()
--;;
DROP FUNCTION guard_approval_names()
--;;
DROP FUNCTION change_secret(uuid, bytea, text, integer)
--;;
DROP FUNCTION end_session(text)
--;;
DROP FUNCTION sign_in(text, text, bytea, bytea, uuid, bytea, integer, text, boolean, integer)
--;;
DROP FUNCTION tell_supervisors(integer, uuid, timestamptz)
--;;
DROP FUNCTION note_sign_in(text, text, text, uuid, integer, jsonb)
--;;
DROP FUNCTION sign_in_challenge(text, text, bytea, integer)
--;;
DROP FUNCTION nobody_locked_until(text, integer)
--;;
DROP FUNCTION lock_time(bigint, integer)
--;;
DROP FUNCTION may_manage(text)
--;;
DROP FUNCTION acting_role()
--;;
DROP FUNCTION acting_user()
--;;
DROP FUNCTION policy_number(text, integer, bigint)
--;;
REVOKE SELECT ON alembic_version FROM counter_gate, counter_reporting
