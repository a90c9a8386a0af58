"""How PostgreSQL chains the audit trail: each row is hashed together with the one before it, on its terminal's chain.

A row's hash is SHA-256 over the previous row's hash (nothing, in the first row) and the row's canonical text: a JSON
array of its columns in a fixed order, with ", " between them and characters beyond ASCII as they are. It says the same
whatever a session has set: times are seconds since 1970 with six decimals, ``old_values`` and ``new_values`` stand in
it as the text of their jsonb, so that SQL's null and JSON's differ. ``chain_no`` is in no hash: the hashes alone say in
which order rows belong, which tells a row that was moved from one that was changed.

Rows without a terminal make a chain of their own, number 0, per operator. The row of ``audit_heads`` is locked from
the insert to the end of its transaction; so the audit rows are a transaction's last statement (``core.journal``).
"""
# ruff: noqa: S608 - statements put together from constants of this module

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

#: Every column of ``audit_logs`` that says something, as it enters the canonical text.
_HASHED: Final = (
    *("operator_id", "id", "user_id", "terminal_id", "correlation_id", "entity_type", "entity_id", "action"),
    *("old_values::text", "new_values::text", "ip_address", "user_agent"),
)


def chain(row: str) -> str:
    """SQL of the chain a row belongs to; ``row`` is its alias."""
    return f"coalesce({row}.terminal_id, 0)"


def canonical(row: str) -> str:
    """SQL of a row's canonical text, as bytes; ``row`` is its alias."""
    columns = ", ".join(f"{row}.{column}" for column in _HASHED)
    return f"convert_to(json_build_array({columns}, extract(epoch FROM {row}.created_at))::text, 'UTF8')"


#: Whose name is on a row is who is signed in (``core.models.session_guards``), or who has just signed in.
#: The owner may write for any operator, and in anybody's name. Nobody else's row for another one comes as far as that
#: operator's head: it passes unchained, to be refused by row-level security.
_CHAIN: Final = f"""
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
    IF NEW.user_id IS DISTINCT FROM public.acting_user() AND NEW.user_id IS NOT NULL
        AND NOT pg_has_role(session_user, current_user, 'MEMBER')
        AND NOT EXISTS (SELECT FROM public.user_sessions s WHERE s.operator_id = NEW.operator_id
            AND s.user_id = NEW.user_id AND s.login_time = now())
    THEN
        RAISE EXCEPTION 'nobody signs for somebody else'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_row_is_own', TABLE = 'audit_logs';
    END IF;
    -- A name of its own, in the order of writing: one that is there already would move the head and leave no row.
    NEW.id := (lpad(to_hex(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
        || lpad(to_hex(floor(extract(microseconds FROM clock_timestamp()))::bigint % 1000), 3, '0')
        || '8' || substr(md5(gen_random_uuid()::text), 1, 15))::uuid;
    said := {canonical("NEW")};
    LOOP
        UPDATE public.audit_heads h SET last_no = h.last_no + 1, previous_hash = h.last_hash,
            last_hash = sha256(h.last_hash || said)
        WHERE h.operator_id = NEW.operator_id AND h.chain = {chain("NEW")}
        RETURNING h.last_no, h.previous_hash, h.last_hash INTO NEW.chain_no, NEW.previous_hash, NEW.row_hash;
        EXIT WHEN FOUND;
        INSERT INTO public.audit_heads (operator_id, chain, last_no, previous_hash, last_hash)
        VALUES (NEW.operator_id, {chain("NEW")}, 0, '', '') ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN NEW;
END $$
"""


def statements() -> Iterator[str]:
    """DDL of the function and its trigger, to run as the owner after the tables exist."""
    yield _CHAIN
    yield "REVOKE ALL ON FUNCTION chain_audit_row() FROM PUBLIC"
    yield "CREATE TRIGGER chain_row BEFORE INSERT ON audit_logs FOR EACH ROW EXECUTE FUNCTION chain_audit_row()"
