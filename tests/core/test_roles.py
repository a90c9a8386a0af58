"""What each database role is refused by PostgreSQL itself, whatever program asks; and what it needs, it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors as pg

from core.models.roles import ROLES
from core.ops import rights

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk

Session = psycopg.Connection[tuple[Any, ...]]
#: What PostgreSQL says no with: no such right, a rule of the data, or row-level security.
NO = (pg.InsufficientPrivilege, pg.CheckViolation, pg.UndefinedFunction, pg.InvalidParameterValue)

LOGINS = ("counter", "supervisor", "gate", "reporting")

#: Refused to everyone who is not the owner.
EVERYBODY = [
    "SET ROLE counter_owner",
    "SET SESSION AUTHORIZATION counter_owner",
    "SET session_replication_role = replica",
    "CREATE ROLE thief SUPERUSER",
    "ALTER ROLE counter CREATEROLE",
    "GRANT counter_supervisor TO counter",
    "ALTER TABLE audit_logs DISABLE TRIGGER ALL",
    "DROP TRIGGER chain_row ON audit_logs",
    "CREATE OR REPLACE FUNCTION acting_user() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
    "CREATE TABLE public.mine (n int)",
    "CREATE SCHEMA mine",
    "SELECT * FROM pg_authid",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY users TO PROGRAM 'cat'",
    "SELECT * FROM database_logins",
    "INSERT INTO database_logins VALUES (session_user, 2, 'counter', now())",
    "UPDATE audit_logs SET new_values = NULL",
    "DELETE FROM audit_logs",
    "TRUNCATE audit_logs",
    "UPDATE audit_heads SET last_no = 0",
    "UPDATE audit_checkpoints SET chain_no = 1",
    "SELECT password_hash FROM users",
    "SELECT u FROM users u",
    "SELECT session_token FROM user_sessions",
    "UPDATE users SET password_hash = 'x'",
    "INSERT INTO user_sessions (operator_id, id, user_id, session_token, expires_at)"
    " SELECT 1, gen_random_uuid(), id, sha256('x'), now() + interval '1 day' FROM users",
    "UPDATE key_rings SET revoked_at = NULL",
    "INSERT INTO key_rings (operator_id, purpose, key_id, fingerprint) VALUES (1, 'identity', 9, '')",
    "UPDATE operators SET is_training = true",
    "UPDATE payments SET amount = 1",
    "DELETE FROM payments",
    "UPDATE booking_charges SET amount = 0",
    "INSERT INTO refunds (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount, refund_status,"
    " refund_method, refund_date) SELECT 1, gen_random_uuid(), id, id::text, 'cancellation', amount, 'completed',"
    " 'bank_transfer', now() FROM payments",
    "UPDATE refunds SET refund_status = 'completed'",
    "UPDATE z_reports SET body = '{}'",
    "UPDATE bookings b SET status = 'cancelled' WHERE status = 'confirmed'"
    " AND NOT EXISTS (SELECT FROM booking_modifications m WHERE m.booking_id = b.id)",
    "UPDATE tickets SET seat_id = 1",
    "UPDATE schedules SET status = 'cancelled'",
    "UPDATE schedules SET delay_minutes = 5",
    "DELETE FROM seat_inventory",
    "INSERT INTO background_jobs (operator_id, id, kind, subject, started_by)"
    " SELECT 1, gen_random_uuid(), 'x', 'x', id FROM users WHERE staff_number = '3001'",
    "INSERT INTO notification_configurations (operator_id, event_type, channel) VALUES (1, 'x', 'sms')",
    "UPDATE checkins SET outcome = 'ok'",
    "DELETE FROM checkins",
    "SELECT lo_import('/etc/passwd')",
    "SELECT note_sign_in('x', 'x', 'x', NULL, NULL, '{}')",
    "INSERT INTO audit_logs (operator_id, id, user_id, correlation_id, entity_type, entity_id, action)"
    " SELECT 1, gen_random_uuid(), id, gen_random_uuid(), 'x', 'x', 'create' FROM users WHERE role = 'supervisor'",
    "UPDATE users SET role = 'admin' WHERE staff_number = '1001'",
    "INSERT INTO policy_configurations (operator_id, policy_type, config)"
    " VALUES (1, 'hold_minutes', '{\"value\": 99}')",
    "UPDATE promotions SET usage_limit = 9999",
    "UPDATE promotions SET used_count = 0",
    "UPDATE approvals SET status = 'approved', decided_by = (SELECT id FROM users WHERE staff_number = '3001'),"
    " decided_at = now()",
    "INSERT INTO approvals (operator_id, id, approval_number, approval_kind, subject_type, subject_id, fingerprint,"
    " reason, requested_by, terminal_id, expires_at, status, decided_by, decided_at) SELECT 1, gen_random_uuid(), 99,"
    " 'refund', 'x', 'x', '', 'x', u.id, t.id, now(), 'approved', b.id, now() FROM users u, users b, terminals t"
    " WHERE u.staff_number = '1001' AND b.staff_number = '3001' LIMIT 1",
    "INSERT INTO booking_modifications (operator_id, id, booking_id, modification_type, reason, opened_by)"
    " SELECT 1, gen_random_uuid(), b.id, 'cancel', 'x', u.id FROM bookings b, users u WHERE u.staff_number = '3001'",
]
#: Refused to a gate, beside that.
GATE = [
    "INSERT INTO bookings DEFAULT VALUES",
    "UPDATE bookings SET updated_at = now()",
    "INSERT INTO refunds DEFAULT VALUES",
    "SELECT * FROM payments",
    "SELECT * FROM audit_logs",
    "SELECT identity_number FROM passengers",
    "SELECT phone_number FROM users",
    "UPDATE tickets SET ticket_status = 'cancelled'",
    "UPDATE tickets SET ticket_status = 'expired'",
    "UPDATE tickets SET qr_code = 'x'",
    "INSERT INTO tickets DEFAULT VALUES",
    "UPDATE seat_inventory SET occupied = 0",
    "SELECT * FROM booking_charges",
    "INSERT INTO approvals DEFAULT VALUES",
    "INSERT INTO users (operator_id, id, role, full_name) VALUES (1, gen_random_uuid(), 'customer', 'x')",
]
#: Refused to figures, beside that.
REPORTING = [
    "SELECT passenger_name FROM passengers",
    "SELECT identity_number FROM passengers",
    "SELECT contact_phone FROM bookings",
    "SELECT full_name FROM users",
    "SELECT qr_code FROM tickets",
    "SELECT * FROM audit_logs",
    "SELECT * FROM user_sessions",
    "SELECT * FROM domain_events",
    "INSERT INTO checkins DEFAULT VALUES",
    "UPDATE tickets SET ticket_status = 'used'",
    "INSERT INTO terminals (operator_id, terminal_code) VALUES (1, 'x')",
    "DELETE FROM seat_holds",
    "SELECT sign_in(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
]
CASES = [
    *((login, statement) for login in LOGINS for statement in EVERYBODY),
    *(("gate", statement) for statement in GATE),
    *(("reporting", statement) for statement in REPORTING),
]


@pytest.fixture
def log_in(database: TestDatabase) -> Iterator[Callable[[str], Session]]:
    opened: list[Session] = []

    def connect(login: str) -> Session:
        opened.append(psycopg.connect(getattr(database, f"{login}_url"), autocommit=True))
        return opened[-1]

    yield connect
    for session in opened:
        session.close()


def _changed(session: Session, statement: str) -> int:
    done = session.execute(statement)  # type: ignore[arg-type]
    return done.rowcount


def test_statements_that_no_terminal_may_make(desk: Desk, log_in: Callable[[str], Session]) -> None:
    """On a railway with a sale, an open request and an initiated refund; nothing is refused for want of rows."""
    sold = desk.sell(2)
    desk.open_modifications()
    desk.owner(
        "INSERT INTO refunds (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount,"
        " refund_status, refund_method, modification_id) SELECT 1, gen_random_uuid(), p.id, 'R', 'cancellation', 1000,"
        " 'initiated', 'bank_transfer', m.id FROM payments p JOIN booking_modifications m USING (booking_id)"
        " WHERE p.booking_id = :id",
        id=sold.booking_id,
    )
    desk.owner(
        "INSERT INTO approvals (operator_id, id, approval_number, approval_kind, subject_type, subject_id, fingerprint,"
        " reason, requested_by, terminal_id, expires_at) SELECT 1, gen_random_uuid(), 1, 'refund', 'x', 'x', '', 'x',"
        " taken_by, terminal_id, now() + interval '1 hour' FROM payments LIMIT 1"
    )
    desk.sell(first=5)
    sessions = {login: log_in(login) for login in LOGINS}
    before = desk.fingerprint()
    done = []
    for login, statement in CASES:
        try:
            rows = _changed(sessions[login], statement)
        except NO:
            continue
        if rows != 0 or statement.startswith(("SELECT", "SET", "CREATE", "ALTER", "GRANT", "DROP", "TRUNCATE")):
            done.append((login, statement, rows))
    assert done == []
    assert desk.fingerprint() == before


def test_roles_say_what_they_may(database: TestDatabase) -> None:
    told = {role.name: role.as_json() for role in rights.roles(database.owner_url)}
    assert tuple(told) == ROLES
    gate = told["counter_gate"]["tables"]
    assert gate["checkins"] == {"select": True, "insert": gate["checkins"]["insert"]}
    assert "payments" not in gate
    assert "password_hash" not in told["counter"]["tables"]["users"]["select"]
    assert told["counter_supervisor"]["tables"]["user_stations"]["delete"] is True
    writes = [table for table, may in told["counter_reporting"]["tables"].items() if set(may) != {"select"}]
    assert writes == []
    assert {"login": "counter_gate", "operator": "KAI"} in told["counter_gate"]["logins"]
