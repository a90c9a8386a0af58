"""Row-level security: logged in as ``counter`` nobody attaches to, changes or destroys what is another operator's.

And what no terminal may do at all, not even to its own operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors as pg

if TYPE_CHECKING:
    from tests.core.conftest import Desk

Session = psycopg.Connection[Any]


# What can be done


OF_ONE = {
    "booking": "(SELECT id FROM bookings WHERE operator_id = 1 ORDER BY id LIMIT 1)",
    "schedule": "(SELECT schedule_id FROM bookings WHERE operator_id = 1 LIMIT 1)",
    "user": "(SELECT id FROM users WHERE operator_id = 1 AND staff_number = '1001')",
    "terminal": "(SELECT id FROM terminals WHERE operator_id = 1 LIMIT 1)",
    "station": "(SELECT id FROM stations WHERE operator_id = 1 AND station_code = 'YK')",
    "ticket": "(SELECT min(id) FROM tickets WHERE operator_id = 1)",
    "passenger": "(SELECT id FROM passengers WHERE operator_id = 1 LIMIT 1)",
}
_BOOKING = (
    "INSERT INTO bookings (operator_id, id, booking_number, schedule_id, total_amount, final_amount, passenger_count,"
    " sold_by, terminal_id, expires_at) VALUES ({}, gen_random_uuid(), 'X', {}, 0, 0, 1, {}, {}, now())"
)
_OWN_USER = "(SELECT id FROM users)"  # the one the second operator sees
_OWN_BOOKING = "(SELECT id FROM bookings WHERE booking_number = 'OTHER22')"

#: Each names rows of the first operator by their real keys; none may succeed.
ATTACHMENTS = {
    "a row of the first operator": _BOOKING.format(1, "{schedule}", "{user}", "{terminal}"),
    "a booking on its schedule": _BOOKING.format(2, "{schedule}", _OWN_USER, 9001),
    "a booking by its clerk": _BOOKING.format(2, 9001, "{user}", 9001),
    "a booking at its terminal": _BOOKING.format(2, 9001, _OWN_USER, "{terminal}"),
    "a terminal in its station": "UPDATE terminals SET station_id = {station}",
    "a new terminal in its station": "INSERT INTO terminals (operator_id, terminal_code, station_id)"
    " VALUES (2, 'N', {station})",
    "a passenger on its booking": "INSERT INTO passengers (operator_id, id, booking_id, position, passenger_name,"
    " passenger_type, ticket_price) VALUES (2, gen_random_uuid(), {booking}, 9, 'X', 'infant', 0)",
    "a hold of its booking": "INSERT INTO seat_holds (operator_id, id, booking_id, schedule_id, service_date, class_id,"
    " from_stop, to_stop, legs, seat_ids, subclass, seat_fare, expires_at)"
    " VALUES (2, gen_random_uuid(), {booking}, 9001,"
    " '2026-01-01', 9001, 0, 1, 1, ARRAY[1], 'A', 0, now())",
    "a charge on its booking": "INSERT INTO booking_charges (operator_id, id, booking_id, charge_kind, amount, cause)"
    " VALUES (2, gen_random_uuid(), {booking}, 'fee', 1, 'x')",
    "a payment for its booking": "INSERT INTO payments (operator_id, id, booking_id, payment_reference, payment_method,"
    f" amount, taken_by, terminal_id) VALUES (2, gen_random_uuid(), {{booking}}, 'X', 'qris', 1, {_OWN_USER}, 9001)",
    "a ticket for its passenger": "INSERT INTO tickets (operator_id, id, booking_id, passenger_id, qr_code,"
    " schedule_id,"
    " service_date, class_id, from_stop, to_stop, legs, subclass, fare) VALUES (2, nextval('ticket_serial'),"
    f" {_OWN_BOOKING}, {{passenger}}, 'X', 9001, '2026-01-01', 9001, 0, 1, 1, 'A', 0)",
    "a print of its ticket": "INSERT INTO print_jobs (operator_id, id, ticket_id, issue_no, printer, terminal_id)"
    " VALUES (2, gen_random_uuid(), {ticket}, 1, 'file', 9001)",
    "a scan of its ticket": "INSERT INTO checkins (operator_id, nonce, ticket_id, outcome, station_id, terminal_id,"
    " user_id, code_digest, scanned_at)"
    f" VALUES (2, gen_random_uuid(), {{ticket}}, 'ok', 9001, 9001, {_OWN_USER}, '', now())",
    "a scan in its station": "INSERT INTO checkins (operator_id, nonce, outcome, station_id, terminal_id, user_id,"
    f" code_digest, scanned_at) VALUES (2, gen_random_uuid(), 'forged', {{station}}, 9001, {_OWN_USER}, '', now())",
    "an audit row of the first operator": "INSERT INTO audit_logs (operator_id, id, correlation_id, entity_type,"
    " entity_id, action) VALUES (1, gen_random_uuid(), gen_random_uuid(), 'x', 'x', 'create')",
    "a key of the first operator": "INSERT INTO idempotency (operator_id, key, purpose, fingerprint, result_id)"
    " VALUES (1, gen_random_uuid(), 'sale', '', 'x')",
}  # fmt: skip


@pytest.mark.parametrize("attachment", ATTACHMENTS)
def test_nothing_is_attached_to_another_operator(desk: Desk, two: Session, attachment: str) -> None:
    known = {name: desk.value(f"SELECT {query}") for name, query in OF_ONE.items()}
    literal = {name: f"'{value}'" for name, value in known.items()}
    before = desk.fingerprint()
    with pytest.raises((pg.InsufficientPrivilege, pg.ForeignKeyViolation)):
        two.execute(ATTACHMENTS[attachment].format(**literal))
    assert desk.fingerprint() == before


def test_what_is_ones_own_can_be_attached(two: Session) -> None:
    """The statements above fail for what they name, not for how they are written."""
    own = {"schedule": 9001, "terminal": 9001, "station": 9001, "user": _OWN_USER, "booking": _OWN_BOOKING}
    passenger = two.execute(ATTACHMENTS["a passenger on its booking"].format(**own) + " RETURNING id").fetchone()
    own["passenger"] = f"'{passenger[0]}'"
    ticket = two.execute(ATTACHMENTS["a ticket for its passenger"].format(**own) + " RETURNING id").fetchone()
    own["ticket"] = ticket[0]
    for name, statement in ATTACHMENTS.items():
        if "of the first operator" not in name and "its passenger" not in name:
            written = statement.format(**own).replace("'X'", f"'{name}'").replace(" 9,", " 10,")
            assert two.execute(written).rowcount == 1, name


def test_changes_reach_no_foreign_row(desk: Desk, two: Session) -> None:
    before = desk.fingerprint()
    for statement in (
        "UPDATE seat_inventory SET occupied = 0",
        "UPDATE bookings SET status = 'cancelled' WHERE booking_number <> 'OTHER22'",
        "UPDATE tickets SET ticket_status = 'cancelled'",
        "UPDATE users SET full_name = 'X' WHERE full_name <> 'Other'",
        "UPDATE user_sessions SET last_activity = now()",
        "UPDATE terminals SET updated_at = now() WHERE terminal_code <> 'T'",
        "UPDATE print_jobs SET state = 'cancelled'",
        "UPDATE payments SET payment_status = 'refunded'",
        "DELETE FROM seat_holds",
    ):
        assert two.execute(statement).rowcount == 0, statement
    assert desk.fingerprint() == before


FORBIDDEN = [
    "SELECT * FROM database_logins",
    "INSERT INTO database_logins VALUES (session_user, 1, 'counter', now())",
    "UPDATE database_logins SET operator_id = 1",
    "SELECT * FROM {partition}",
    "UPDATE {partition} SET occupied = 0",
    "INSERT INTO seat_inventory (operator_id, service_date, schedule_id, class_id, seat_id) VALUES (2, now(), 1, 1, 1)",
    "DELETE FROM seat_inventory",
    "UPDATE seat_inventory SET seat_id = 1",
    "UPDATE audit_logs SET user_id = NULL",
    "DELETE FROM audit_logs",
    "UPDATE booking_charges SET amount = 0",
    "DELETE FROM booking_charges",
    "UPDATE checkins SET undone_at = now()",
    "DELETE FROM checkins",
    "UPDATE domain_events SET payload = '{{}}'",
    "DELETE FROM domain_events",
    "UPDATE idempotency SET result_id = 'x'",
    "DELETE FROM idempotency",
    "UPDATE bookings SET operator_id = 1",
    "UPDATE bookings SET schedule_id = 1",
    "DELETE FROM bookings",
    "UPDATE passengers SET seat_id = 1",
    "UPDATE tickets SET seat_id = 1",
    "UPDATE tickets SET legs = 1",
    "DELETE FROM tickets",
    "UPDATE payments SET amount = 0",
    "DELETE FROM payments",
    "INSERT INTO refunds DEFAULT VALUES",
    "UPDATE users SET password_hash = 'x'",
    "UPDATE users SET role = 'admin'",
    "UPDATE users SET failed_attempts = 9",
    "SELECT password_hash FROM users",
    "SELECT session_token FROM user_sessions",
    "INSERT INTO user_sessions DEFAULT VALUES",
    "UPDATE user_sessions SET expires_at = now()",
    "INSERT INTO policy_configurations DEFAULT VALUES",
    "INSERT INTO promotions DEFAULT VALUES",
    "INSERT INTO users DEFAULT VALUES",
    "UPDATE operators SET operator_name = 'x'",
    "UPDATE key_rings SET fingerprint = ''",
    "UPDATE policy_configurations SET config = '{{}}'",
    "UPDATE schedules SET status = 'cancelled'",
    "UPDATE trains SET is_active = false",
    "UPDATE terminals SET is_active = true",
    "UPDATE promotions SET used_count = 0",
    "UPDATE alembic_version SET version_num = '9999'",
    "TRUNCATE audit_logs",
    "TRUNCATE seat_holds",
    "ALTER TABLE bookings DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE bookings NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE bookings DISABLE TRIGGER ALL",
    "DROP POLICY own_operator ON bookings",
    "CREATE POLICY everything ON bookings USING (true)",
    "CREATE TABLE public.mine (n int)",
    "CREATE VIEW public.mine AS SELECT 1",
    "CREATE FUNCTION public.current_operator(int) RETURNS smallint LANGUAGE sql AS 'SELECT 1::smallint'",
    "CREATE OR REPLACE FUNCTION public.current_operator() RETURNS smallint LANGUAGE sql AS 'SELECT 1::smallint'",
    "DROP FUNCTION public.current_operator()",
    "ALTER FUNCTION public.current_operator() SECURITY INVOKER",
    "CREATE TRIGGER mine BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION guard_bookings_transition()",
    "CREATE RULE mine AS ON SELECT TO bookings DO INSTEAD NOTHING",
    "CREATE SCHEMA mine",
    "DROP EXTENSION plpgsql",
    "CREATE ROLE mine",
    "ALTER ROLE counter BYPASSRLS",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "GRANT {owner} TO CURRENT_USER",
    "SET ROLE {owner}",
    "SET SESSION AUTHORIZATION {owner}",
    "SELECT setval('ticket_serial', 1)",
    "SELECT * FROM ticket_serial",
    "SELECT pg_read_file('postgresql.conf')",
    "COPY bookings FROM PROGRAM 'true'",
    "COPY bookings TO '/tmp/bookings'",
    "REASSIGN OWNED BY {owner} TO CURRENT_USER",
]


def test_what_no_terminal_may_do(desk: Desk, two: Session) -> None:
    """Every statement is refused, and for want of a privilege: none of them fails for how it is written."""
    partition = desk.value(
        "SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'seat_inventory'::regclass"
    )
    owner = desk.value("SELECT quote_ident(current_user)")
    answers = {statement: _refusal(two, statement.format(partition=partition, owner=owner)) for statement in FORBIDDEN}
    assert {statement: answer for statement, answer in answers.items() if answer is not pg.InsufficientPrivilege} == {}


def _refusal(session: Session, statement: str) -> type[psycopg.Error] | None:
    try:
        session.execute(statement)
    except psycopg.Error as error:
        return type(error)
    return None
