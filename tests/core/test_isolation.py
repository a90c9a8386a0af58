"""Row-level security: logged in as ``counter`` with plain psycopg, another operator does not exist."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors as pg

from core import office as offices
from core.errors import NotReady
from core.models import Base

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk

Session = psycopg.Connection[Any]
OWNED = sorted(
    table.name for table in Base.metadata.sorted_tables if "operator_id" in table.c and table.name != "database_logins"
)

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
        "SET counter.operator = 1",
        "SET counter.operator_id = '1'",
        "SET counter.staff = '1'",
        "SET counter.terminal = '1'",
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
        with suppress(pg.InsufficientPrivilege):
            seen = two.execute(f"SELECT count(*) FROM public.{table} WHERE operator_id = 1").fetchone()
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
