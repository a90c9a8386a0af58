"""What PostgreSQL enforces beyond columns and constraints: row-level security, grants and state transitions.

What it refuses about sold bookings and closed shifts stands in ``ledger_guards``, how it chains the audit trail in
``audit_guards``.

``statements()`` yields the DDL that belongs to the current models. The first migration holds a frozen copy of it; a
test compares the two by schema dumps, since Alembic's autogenerate sees none of this.

The operator follows from the database login alone (``session_user``): nothing a client can SET changes it. The owner,
who migrates and opens schedules, is bound by the same FORCE and let through by a policy of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Column, DateTime, Table

from core.models import audit_guards, ledger_guards
from core.models.base import Base
from core.states import TRANSITIONS

#: The role whose rights every terminal login has (itself, or as a member).
COUNTER_ROLE: Final = "counter"

#: table -> what the counter role may do with it. Tables that are not named here it cannot even see.
GRANTS: Final[dict[str, str]] = {
    "operators": "SELECT",
    "key_rings": "SELECT",
    "terminals": "SELECT, INSERT, UPDATE (station_id, updated_at)",
    "users": "SELECT, UPDATE (failed_attempts, locked_until, last_login, updated_at)",
    "user_profiles": "SELECT",
    "user_sessions": "SELECT, INSERT, UPDATE (last_activity, expires_at, is_active)",
    "stations": "SELECT",
    "routes": "SELECT",
    "route_stations": "SELECT",
    "trains": "SELECT",
    "train_classes": "SELECT",
    "coaches": "SELECT",
    "seats": "SELECT",
    "fare_buckets": "SELECT",
    "service_patterns": "SELECT",
    "schedules": "SELECT",
    "seat_inventory": "SELECT, UPDATE (occupied)",
    "bookings": "SELECT, INSERT, UPDATE (status, total_amount, discount_amount, final_amount, passenger_count,"
    " booking_details, contact_phone, contact_phone_digest, user_id, expires_at, priced_at, updated_at)",
    "seat_holds": "SELECT, INSERT, UPDATE (seat_ids, expires_at), DELETE",
    "passengers": "SELECT, INSERT, DELETE",
    "tickets": "SELECT, INSERT, UPDATE (ticket_status, qr_code, issue_no, copies_printed, closed_reason, closed_at,"
    " check_in_time, checked_in_by, updated_at)",
    "payments": "SELECT, INSERT, UPDATE (payment_status, external_reference, gateway_response, payment_date,"
    " expires_at, shift_id, modification_id, updated_at)",
    "refunds": "SELECT, INSERT, UPDATE (refund_status, refund_date, external_reference, gateway_response, updated_at)",
    "booking_charges": "SELECT, INSERT",
    "promotions": "SELECT, INSERT (operator_id, promotion_code, promotion_name, discount_type, discount_value,"
    " minimum_amount, maximum_discount, valid_from, valid_to, usage_limit, is_active),"
    " UPDATE (promotion_name, minimum_amount, maximum_discount, valid_from, valid_to, usage_limit, is_active,"
    " updated_at)",
    "booking_promotions": "SELECT, INSERT, UPDATE (released_at)",
    "entitlements": "SELECT, INSERT, UPDATE (document_reference, valid_until, revoked_at, updated_at)",
    "shifts": "SELECT, INSERT, UPDATE (status, counted_at, counted_amount, expected_amount, difference_reason,"
    " approval_id, closed_at, closed_by, updated_at)",
    "cash_movements": "SELECT, INSERT",
    "shift_counts": "SELECT, INSERT",
    "stock_counts": "SELECT, INSERT, UPDATE (next_number, spoilt, updated_at)",
    "z_reports": "SELECT, INSERT",
    "approvals": "SELECT, INSERT, UPDATE (status, decided_by, decided_at, decision_reason, used_at, updated_at)",
    "booking_modifications": "SELECT, INSERT, UPDATE (within_policy, fee_charged, status, closed_at, updated_at)",
    "payment_questions": "SELECT, INSERT, UPDATE (resolved_at, resolved_by, resolution)",
    "audit_logs": "SELECT, INSERT (operator_id, id, user_id, terminal_id, correlation_id, entity_type, entity_id,"
    " action, old_values, new_values, ip_address, user_agent)",
    "audit_heads": "SELECT",
    "audit_checkpoints": "SELECT, INSERT",
    "domain_events": "SELECT, INSERT",
    "notifications": "SELECT, INSERT",
    "print_jobs": "SELECT, INSERT, UPDATE (state, printer, process_id, last_error, sent_at, settled_at, updated_at)",
    "checkins": "SELECT, INSERT",
    "idempotency": "SELECT, INSERT",
    "policy_configurations": "SELECT",
}

#: Tables that belong to no single operator and so carry no policy.
_UNOWNED: Final = frozenset({"database_logins"})

_CURRENT_OPERATOR: Final = """
CREATE FUNCTION current_operator() RETURNS smallint
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT l.operator_id FROM public.database_logins l WHERE l.login_name = session_user);
END $$
"""

_GUARD_TRANSITION: Final = """
CREATE FUNCTION guard_{table}_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.{column} || '>' || NEW.{column} <> ALL (ARRAY[{moves}]) THEN
        RAISE EXCEPTION '{table}: % cannot become %', OLD.{column}, NEW.{column}
            USING ERRCODE = 'check_violation', CONSTRAINT = '{table}_transition', TABLE = '{table}';
    END IF;
    RETURN NEW;
END $$
"""


def _transition_triggers() -> Iterator[str]:
    for table, (column, transitions) in TRANSITIONS.items():
        moves = sorted(f"'{before}>{after}'" for before, afters in transitions.items() for after in afters)
        yield _GUARD_TRANSITION.format(table=table, column=column, moves=", ".join(moves))
        yield (
            f"CREATE TRIGGER guard_transition BEFORE UPDATE OF {column} ON {table} FOR EACH ROW"
            f" WHEN (OLD.{column} IS DISTINCT FROM NEW.{column}) EXECUTE FUNCTION guard_{table}_transition()"
        )


def _grant(table: Table) -> str:
    """The grant of a table; when a row was written is for the database to say, so nobody may insert that."""
    told = [column.name for column in table.columns if not _is_written_at(column)]
    return re.sub(r"\bINSERT\b(?! \()", f"INSERT ({', '.join(told)})", GRANTS[table.name])


def _is_written_at(column: Column[Any]) -> bool:
    return isinstance(column.type, DateTime) and column.server_default is not None


def _row_security(table: str) -> Iterator[str]:
    key = "id" if table == "operators" else "operator_id"
    mine = f"{key} = (SELECT current_operator())"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY own_operator ON {table} TO {COUNTER_ROLE} USING ({mine}) WITH CHECK ({mine})"
    yield f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)"


def statements() -> Iterator[str]:
    """DDL to run, as the owner, after the tables exist."""
    yield _CURRENT_OPERATOR
    yield "REVOKE ALL ON FUNCTION current_operator() FROM PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION current_operator() TO {COUNTER_ROLE}"
    yield from _transition_triggers()
    yield from ledger_guards.statements()
    yield from audit_guards.statements()
    for table in Base.metadata.sorted_tables:
        if table.name not in _UNOWNED:
            yield from _row_security(table.name)
        if table.name in GRANTS:
            yield f"GRANT {_grant(table)} ON {table.name} TO {COUNTER_ROLE}"
    yield f"GRANT USAGE ON SEQUENCE ticket_serial TO {COUNTER_ROLE}"
