CREATE TABLE audit_checkpoints (
	operator_id SMALLINT NOT NULL,
	chain INTEGER NOT NULL,
	chain_no BIGINT NOT NULL,
	row_hash BYTEA NOT NULL,
	user_id UUID,
	key_id SMALLINT NOT NULL,
	signature BYTEA NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	CONSTRAINT pk_audit_checkpoints PRIMARY KEY (operator_id, chain, chain_no),
	CONSTRAINT ck_audit_checkpoints_says_something CHECK (chain_no > 0)
)
--;;
CREATE TABLE audit_heads (
	operator_id SMALLINT NOT NULL,
	chain INTEGER NOT NULL,
	last_no BIGINT NOT NULL,
	previous_hash BYTEA NOT NULL,
	last_hash BYTEA NOT NULL,
	CONSTRAINT pk_audit_heads PRIMARY KEY (operator_id, chain)
)
--;;
COMMENT ON COLUMN audit_checkpoints.user_id IS 'null: nobody in particular'
--;;
COMMENT ON COLUMN audit_checkpoints.key_id IS 'the ticket key that signed it'
--;;
COMMENT ON COLUMN audit_checkpoints.signature IS 'Ed25519, see core.audit.checkpoints'
--;;
COMMENT ON COLUMN audit_heads.chain IS 'the terminal; 0: rows without one'
--;;
ALTER TABLE audit_logs ADD COLUMN chain_no BIGINT
--;;
COMMENT ON COLUMN audit_logs.chain_no IS 'its place in its chain, from 1'
--;;
ALTER TABLE audit_logs ADD COLUMN previous_hash BYTEA
--;;
COMMENT ON COLUMN audit_logs.previous_hash IS 'the row before; empty in the first'
--;;
ALTER TABLE audit_logs ADD COLUMN row_hash BYTEA
--;;
COMMENT ON COLUMN audit_logs.row_hash IS 'SHA-256, see core.models.audit_guards'
--;;
ALTER TABLE audit_logs DISABLE TRIGGER guard_history
--;;
DO $$
DECLARE
    entry record;
    of_operator smallint;
    of_chain integer;
    number bigint;
    before bytea;
    hash bytea;
BEGIN
    FOR entry IN
        SELECT a.operator_id, a.id, coalesce(a.terminal_id, 0) AS chain,
            convert_to(json_build_array(a.operator_id, a.id, a.user_id, a.terminal_id, a.correlation_id, a.entity_type, a.entity_id, a.action, a.old_values::text, a.new_values::text, a.ip_address, a.user_agent, extract(epoch FROM a.created_at))::text, 'UTF8') AS said
        FROM audit_logs a ORDER BY 1, 3, a.created_at, a.id
    LOOP
        IF of_operator IS DISTINCT FROM entry.operator_id OR of_chain IS DISTINCT FROM entry.chain THEN
            of_operator := entry.operator_id;
            of_chain := entry.chain;
            number := 0;
            hash := '';
        END IF;
        number := number + 1;
        before := hash;
        hash := sha256(before || entry.said);
        UPDATE audit_logs SET chain_no = number, previous_hash = before, row_hash = hash
        WHERE operator_id = entry.operator_id AND id = entry.id;
    END LOOP;
    INSERT INTO audit_heads (operator_id, chain, last_no, previous_hash, last_hash)
    SELECT DISTINCT ON (1, 2) h.operator_id, coalesce(h.terminal_id, 0), h.chain_no, h.previous_hash, h.row_hash
    FROM audit_logs h ORDER BY 1, 2, h.chain_no DESC;
END $$
--;;
ALTER TABLE audit_logs ENABLE TRIGGER guard_history
--;;
ALTER TABLE audit_logs ALTER COLUMN chain_no SET NOT NULL, ALTER COLUMN previous_hash SET NOT NULL, ALTER COLUMN row_hash SET NOT NULL
--;;
CREATE TRIGGER guard_history BEFORE DELETE OR TRUNCATE ON audit_heads FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE TRIGGER guard_history BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints FOR EACH STATEMENT EXECUTE FUNCTION guard_history()
--;;
CREATE FUNCTION chain_audit_row() RETURNS trigger
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
REVOKE ALL ON FUNCTION chain_audit_row() FROM PUBLIC
--;;
CREATE TRIGGER chain_row BEFORE INSERT ON audit_logs FOR EACH ROW EXECUTE FUNCTION chain_audit_row()
--;;
ALTER TABLE audit_checkpoints ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE audit_checkpoints FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own_operator ON audit_checkpoints TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY owner ON audit_checkpoints TO CURRENT_USER USING (true) WITH CHECK (true)
--;;
GRANT SELECT, INSERT (operator_id, chain, chain_no, row_hash, user_id, key_id, signature) ON audit_checkpoints TO counter
--;;
ALTER TABLE audit_heads ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE audit_heads FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own_operator ON audit_heads TO counter USING (operator_id = (SELECT current_operator())) WITH CHECK (operator_id = (SELECT current_operator()))
--;;
CREATE POLICY owner ON audit_heads TO CURRENT_USER USING (true) WITH CHECK (true)
--;;
GRANT SELECT ON audit_heads TO counter
