"""Row-level security: logged in as ``counter`` with plain psycopg, another operator does not exist."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors as pg
from psycopg import sql
from sqlalchemy.engine import make_url

from core import office as offices
from core.errors import NotReady
from core.models import Base
from core.ops import prepare

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk

Session = psycopg.Connection[Any]
OWNED = sorted(table.name for table in Base.metadata.sorted_tables if "operator_id" in table.c and table.name != "database_logins")

#: Reference data of a second operator, and one booking of its own.
SECOND = (
    "INSERT INTO operators (id, operator_code, operator_name, issuer_code) VALUES (2, 'TWO', 'Second', 'TWO')",
    "INSERT INTO stations (operator_id, id, station_code, station_name, city, province, time_zone) OVERRIDING SYSTEM VALUE"
    " VALUES (2, 9001, 'AAA', 'A', '', '', 'Asia/Jakarta'), (2, 9002, 'BBB', 'B', '', '', 'Asia/Jakarta')",
    "INSERT INTO routes (operator_id, id, route_name, origin_station_id, destination_station_id, distance,"
    " estimated_duration) OVERRIDING SYSTEM VALUE VALUES (2, 9001, 'R', 9001, 9002, 50, 60)",
    "INSERT INTO trains (operator_id, id, train_number, train_name, train_type, total_capacity) OVERRIDING SYSTEM VALUE"
    " VALUES (2, 9001, '43', 'Other', 'local', 0)",
    "INSERT INTO schedules (operator_id, id, train_id, route_id, departure_date, departure_time, arrival_time, departs_at)"
    " OVERRIDING SYSTEM VALUE VALUES (2, 9001, 9001, 9001, '2026-01-01', '06:00', '07:00', '2026-01-01 06:00+07')",
    "INSERT INTO train_classes (operator_id, id, train_id, class_type, class_code, class_name, capacity, base_price)"
    " OVERRIDING SYSTEM VALUE VALUES (2, 9001, 9001, 'economy', 'EKO', 'E', 0, 0)",
    "INSERT INTO terminals (operator_id, id, terminal_code) OVERRIDING SYSTEM VALUE VALUES (2, 9001, 'T')",
    "INSERT INTO users (operator_id, id, staff_number, role, full_name) VALUES (2, :user, '1001', 'clerk', 'Other')",
    "INSERT INTO bookings (operator_id, id, booking_number, schedule_id, total_amount, final_amount, passenger_count,"
    " sold_by, terminal_id, expires_at) VALUES (2, :booking, 'OTHER22', 9001, 0, 0, 1, :user, 9001, now())",
)
OWN = {"user": "00000000-0000-0000-0000-000000000002", "booking": "00000000-0000-0000-0000-000000000022"}


@pytest.fixture
def login(desk: Desk, database: TestDatabase, administrator: Session) -> Iterator[str]:
    """The address of a second operator's login; the first operator has sold something."""
    desk.sell(2, infants=1, printer="file")
    desk.hold(1)
    for statement in SECOND:
        desk.owner(statement, **{name: value for name, value in OWN.items() if f":{name}" in statement})
    name, password = f"counter_two_{secrets.token_hex(4)}", secrets.token_hex(8)
    role = sql.Identifier(name)
    administrator.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
    prepare.add_login(database.owner_url, name, "TWO")
    target = make_url(database.counter_url).set(username=name, password=password)
    yield target.render_as_string(hide_password=False)
    administrator.execute(sql.SQL("DROP OWNED BY {}").format(role))
    administrator.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.fixture
def two(login: str) -> Iterator[Session]:
    """Somebody of the second operator with nothing but psycopg."""
    with psycopg.connect(login, autocommit=True) as session:
        yield session


def everything(desk: Desk) -> dict[str, str]:
    """A digest of every row of the first operator."""
    return {
        table: desk.value(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t WHERE operator_id = 1")
        for table in OWNED
    }


# What can be seen


def test_the_login_says_who_one_is(desk: Desk, login: str, two: Session) -> None:
    connected = offices.connect(login)
    assert connected.operator_id == 2
    connected.close()
    assert two.execute("SELECT current_operator()").fetchone() == (2,)
    assert two.execute("SELECT booking_number FROM bookings").fetchall() == [("OTHER22",)]
    assert two.execute("SELECT operator_code FROM operators").fetchall() == [("TWO",)]


SETTINGS = {
    "nothing": [],
    "role": ["SET ROLE counter"],
    "no role": ["SET ROLE counter", "RESET ROLE", "SET ROLE NONE"],
    "session authorization": ["SET SESSION AUTHORIZATION counter", "SET SESSION AUTHORIZATION DEFAULT"],
    "row security off": ["SET row_security = off"],
    "settings of ours": [
        "SET counter.operator = 1", "SET counter.operator_id = '1'", "SET counter.staff = '1'", "SET counter.terminal = '1'",
    ],
    "replica": ["SET session_replication_role = replica"],
    "a function of one's own": [
        "CREATE FUNCTION pg_temp.current_operator() RETURNS smallint LANGUAGE sql AS 'SELECT 1::smallint'",
        "SET search_path = pg_temp, pg_catalog, public",
    ],
    "a table of one's own": [
        "CREATE TEMP TABLE database_logins (login_name name, operator_id smallint, login_role text)",
        "INSERT INTO database_logins VALUES (session_user, 1, 'counter')",
        "SET search_path = pg_temp, public",
    ],
    "a view of one's own": [
        "CREATE TEMP VIEW database_logins AS SELECT session_user AS login_name, 1::smallint AS operator_id",
        "CREATE TEMP VIEW mine AS SELECT * FROM public.bookings",
        "SET search_path = pg_temp, public",
    ],
    "an operator of one's own": [
        "CREATE FUNCTION pg_temp.same(smallint, smallint) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "CREATE OPERATOR pg_temp.= (LEFTARG = smallint, RIGHTARG = smallint, FUNCTION = pg_temp.same)",
        "SET search_path = pg_temp, pg_catalog, public",
    ],
    "plans": ["SET plan_cache_mode = force_generic_plan", "SET enable_seqscan = off", "SET debug_parallel_query = on"],
}  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS)
def test_another_operator_is_invisible_whatever_is_set(two: Session, setting: str) -> None:
    for statement in SETTINGS[setting]:
        with suppress(psycopg.Error):
            two.execute(statement)
    for table in OWNED:
        try:
            seen = two.execute(f"SELECT count(*) FROM public.{table} WHERE operator_id = 1").fetchone()
        except psycopg.Error as error:
            assert isinstance(error, pg.InsufficientPrivilege), error
        else:
            assert seen == (0,), table
    with suppress(pg.InsufficientPrivilege):
        assert two.execute("SELECT public.current_operator()").fetchone() == (2,)
        assert two.execute("SELECT count(*) FROM public.operators WHERE id = 1").fetchone() == (0,)


def test_a_prepared_statement_does_not_remember_another(two: Session) -> None:
    two.execute("PREPARE look AS SELECT operator_id FROM bookings")
    for _ in range(7):
        two.execute("SET ROLE counter")
        assert two.execute("EXECUTE look").fetchall() == [(2,)]
        two.execute("RESET ROLE")


def test_a_condition_that_tells_hears_of_no_foreign_row(two: Session) -> None:
    """A cheap function would be asked first, if it could: then it would hear every row there is."""
    heard: list[str] = []
    two.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
    two.execute(
        "CREATE FUNCTION pg_temp.tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS"
        " $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"
    )
    two.execute("SELECT FROM bookings WHERE pg_temp.tell(booking_number)").fetchall()
    assert heard == ["OTHER22"]


def test_statistics_tell_nothing(desk: Desk, two: Session) -> None:
    desk.owner("ANALYZE passengers, bookings, stations")
    assert two.execute("SELECT count(*) FROM pg_stats WHERE schemaname = 'public'").fetchone() == (0,)
    with pytest.raises(pg.InsufficientPrivilege):
        two.execute("SELECT * FROM pg_statistic")


def test_copy_sees_what_select_sees(two: Session) -> None:
    with two.cursor().copy("COPY bookings TO STDOUT") as copied:
        rows = [bytes(row) for row in copied]
    assert len(rows) == 1
    assert b"OTHER22" in rows[0]


def test_a_login_of_no_operator_sees_nothing(desk: Desk, login: str, two: Session) -> None:
    desk.owner("DELETE FROM database_logins WHERE operator_id = 2")
    for table in ("operators", *OWNED):
        with suppress(pg.InsufficientPrivilege):
            assert two.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    with pytest.raises(NotReady):
        offices.connect(login)


def test_an_owner_who_runs_the_program_sees_its_operator_only(database: TestDatabase, login: str) -> None:
    """``login`` has put a second operator's booking beside the first one's."""
    stepped_down = offices.connect(database.owner_url)
    assert stepped_down.operator_id == 1
    assert stepped_down.ask("SELECT array_agg(DISTINCT operator_id) FROM bookings") == ([1],)
    with pytest.raises(Exception, match="may not"):
        stepped_down.ask("DELETE FROM bookings RETURNING 1")
    stepped_down.close()


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
_OWN_USER, _OWN_BOOKING = (f"'{OWN[name]}'" for name in ("user", "booking"))

#: Each names rows of the first operator by their real keys; none may succeed.
ATTACHMENTS = {
    "a row of the first operator": _BOOKING.format(1, "{schedule}", "{user}", "{terminal}"),
    "a booking on its schedule": _BOOKING.format(2, "{schedule}", _OWN_USER, 9001),
    "a booking by its clerk": _BOOKING.format(2, 9001, "{user}", 9001),
    "a booking at its terminal": _BOOKING.format(2, 9001, _OWN_USER, "{terminal}"),
    "a terminal in its station": "UPDATE terminals SET station_id = {station}",
    "a new terminal in its station": "INSERT INTO terminals (operator_id, terminal_code, station_id) VALUES (2, 'N', {station})",
    "a passenger on its booking": "INSERT INTO passengers (operator_id, id, booking_id, position, passenger_name,"
    " passenger_type, ticket_price) VALUES (2, gen_random_uuid(), {booking}, 9, 'X', 'infant', 0)",
    "a hold of its booking": "INSERT INTO seat_holds (operator_id, id, booking_id, schedule_id, service_date, class_id,"
    " from_stop, to_stop, legs, seat_ids, subclass, seat_fare, expires_at) VALUES (2, gen_random_uuid(), {booking}, 9001,"
    " '2026-01-01', 9001, 0, 1, 1, ARRAY[1], 'A', 0, now())",
    "a charge on its booking": "INSERT INTO booking_charges (operator_id, id, booking_id, charge_kind, amount, cause)"
    " VALUES (2, gen_random_uuid(), {booking}, 'fee', 1, 'x')",
    "a payment for its booking": "INSERT INTO payments (operator_id, id, booking_id, payment_reference, payment_method,"
    f" amount, taken_by, terminal_id) VALUES (2, gen_random_uuid(), {{booking}}, 'X', 'qris', 1, {_OWN_USER}, 9001)",
    "a ticket for its passenger": "INSERT INTO tickets (operator_id, id, booking_id, passenger_id, qr_code, schedule_id,"
    " service_date, class_id, from_stop, to_stop, legs, subclass, fare) VALUES (2, nextval('ticket_serial'),"
    f" {_OWN_BOOKING}, {{passenger}}, 'X', 9001, '2026-01-01', 9001, 0, 1, 1, 'A', 0)",
    "a print of its ticket": "INSERT INTO print_jobs (operator_id, id, ticket_id, issue_no, printer, terminal_id)"
    " VALUES (2, gen_random_uuid(), {ticket}, 1, 'file', 9001)",
    "a scan of its ticket": "INSERT INTO checkins (operator_id, nonce, ticket_id, outcome, station_id, terminal_id,"
    f" user_id, code_digest, scanned_at) VALUES (2, gen_random_uuid(), {{ticket}}, 'ok', 9001, 9001, {_OWN_USER}, '', now())",
    "a scan in its station": "INSERT INTO checkins (operator_id, nonce, outcome, station_id, terminal_id, user_id,"
    f" code_digest, scanned_at) VALUES (2, gen_random_uuid(), 'forged', {{station}}, 9001, {_OWN_USER}, '', now())",
    "a session of its clerk": "INSERT INTO user_sessions (operator_id, id, user_id, session_token, expires_at)"
    " VALUES (2, gen_random_uuid(), {user}, '', now())",
    "an audit row of the first operator": "INSERT INTO audit_logs (operator_id, id, correlation_id, entity_type, entity_id,"
    " action) VALUES (1, gen_random_uuid(), gen_random_uuid(), 'x', 'x', 'create')",
    "a key of the first operator": "INSERT INTO idempotency (operator_id, key, purpose, fingerprint, result_id)"
    " VALUES (1, gen_random_uuid(), 'sale', '', 'x')",
}  # fmt: skip


@pytest.mark.parametrize("attachment", ATTACHMENTS)
def test_nothing_is_attached_to_another_operator(desk: Desk, two: Session, attachment: str) -> None:
    known = {name: desk.value(f"SELECT {query}") for name, query in OF_ONE.items()}
    literal = {name: f"'{value}'" for name, value in known.items()}
    before = everything(desk)
    with pytest.raises((pg.InsufficientPrivilege, pg.ForeignKeyViolation)):
        two.execute(ATTACHMENTS[attachment].format(**literal))
    assert everything(desk) == before


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
    before = everything(desk)
    for statement in (
        "UPDATE seat_inventory SET occupied = 0",
        "UPDATE bookings SET status = 'cancelled' WHERE booking_number <> 'OTHER22'",
        "UPDATE tickets SET ticket_status = 'cancelled'",
        "UPDATE users SET failed_attempts = 9 WHERE full_name <> 'Other'",
        "UPDATE terminals SET updated_at = now() WHERE terminal_code <> 'T'",
        "UPDATE print_jobs SET state = 'cancelled'",
        "UPDATE payments SET payment_status = 'refunded'",
        "DELETE FROM seat_holds",
    ):
        assert two.execute(statement).rowcount == 0, statement
    assert everything(desk) == before


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
    "UPDATE passengers SET passenger_name = 'X'",
    "UPDATE tickets SET seat_id = 1",
    "UPDATE tickets SET legs = 1",
    "DELETE FROM tickets",
    "UPDATE payments SET amount = 0",
    "DELETE FROM payments",
    "INSERT INTO refunds DEFAULT VALUES",
    "UPDATE users SET password_hash = 'x'",
    "UPDATE users SET role = 'admin'",
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
    partition = desk.value("SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'seat_inventory'::regclass")
    owner = desk.value("SELECT quote_ident(current_user)")
    answers = {statement: _refusal(two, statement.format(partition=partition, owner=owner)) for statement in FORBIDDEN}
    assert {statement: answer for statement, answer in answers.items() if answer is not pg.InsufficientPrivilege} == {}


def _refusal(session: Session, statement: str) -> type[psycopg.Error] | None:
    try:
        session.execute(statement)
    except psycopg.Error as error:
        return type(error)
    return None


# How it is built


def test_every_table_is_guarded(desk: Desk) -> None:
    unguarded = desk.owner(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition AND NOT (relrowsecurity AND relforcerowsecurity) ORDER BY 1"
    )
    assert [row.relname for row in unguarded] == ["alembic_version", "database_logins"]
    lenient = desk.owner(
        "SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'public' AND policyname <> 'owner'"
        " AND (qual NOT LIKE '%current_operator()%' OR with_check NOT LIKE '%current_operator()%')"
    )
    assert lenient == []
    others = desk.owner(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm', 'f')"
        " AND NOT coalesce(reloptions, '{}') && ARRAY['security_invoker=true', 'security_invoker=on']"
    )
    assert others == []


def test_every_reference_carries_its_operator(desk: Desk) -> None:
    """A plain foreign key is checked past row-level security: it would tell what exists elsewhere."""
    plain = desk.owner(
        "SELECT c.conrelid::regclass::text, c.conname FROM pg_constraint c"
        " JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attname = 'operator_id'"
        " JOIN pg_attribute r ON r.attrelid = c.conrelid AND r.attname = 'operator_id'"
        " WHERE c.contype = 'f' AND array_position(c.confkey, f.attnum) IS NULL"
        " OR array_position(c.conkey, r.attnum) <> array_position(c.confkey, f.attnum)"
    )
    assert plain == []


def test_nothing_is_granted_to_everybody(desk: Desk, two: Session) -> None:
    with suppress(pg.InsufficientPrivilege):
        two.execute("GRANT SELECT ON bookings TO PUBLIC")  # who may not is only warned
    granted = desk.owner(
        "SELECT table_name, privilege_type FROM information_schema.table_privileges"
        " WHERE table_schema = 'public' AND grantee = 'PUBLIC'"
    )
    assert granted == []
    executable = desk.owner(
        "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef"
        " AND has_function_privilege('public', p.oid, 'EXECUTE')"
    )
    assert executable == []

