"""How audit rows are chained: by the database, as they are written, for every terminal on its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors as pg
from sqlalchemy import text

from core.database import NOBODY, Transaction
from core.models import AuditLog
from core.models.audit_guards import canonical
from core.office import Office
from core.ops import integrity, migrate

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk, Trail

Session = psycopg.Connection[Any]

ROWS = 7
OF_CHAIN = "WHERE terminal_id = :chain"


def test_a_sale_leaves_a_whole_chain(desk: Desk) -> None:
    desk.sell(2)
    rows = desk.owner("SELECT * FROM audit_logs WHERE terminal_id = :at ORDER BY chain_no", at=desk.clerk.terminal_id)
    assert [row.chain_no for row in rows] == list(range(1, len(rows) + 1))
    assert [row.previous_hash for row in rows] == [b"", *(row.row_hash for row in rows[:-1])]
    (found,) = [check for check in integrity.verify(desk.office) if check.name == "audit_chain"]
    assert (found.ok, found.checked) == (True, desk.count("audit_logs"))


def test_a_hash_is_of_the_row_before_and_of_every_column(trail: Trail) -> None:
    """Recomputed here from the columns as they are read, by the words of ``core.models.audit_guards``."""
    before = b""
    rows = trail.desk.owner(
        "SELECT operator_id, id::text, user_id::text, terminal_id, correlation_id::text, entity_type, entity_id,"
        " action, old_values::text, new_values::text, ip_address, user_agent,"
        " extract(epoch FROM created_at)::text AS at, row_hash"
        f" FROM audit_logs {OF_CHAIN} ORDER BY chain_no",
        chain=trail.chain,
    )
    assert len(rows) == ROWS
    for row in rows:
        *said, at, row_hash = row
        body = json.dumps(said, ensure_ascii=False, separators=(", ", ": "))[:-1] + f", {at}]"
        before = hashlib.sha256(before + body.encode()).digest()
        assert row_hash == before


def test_every_column_is_hashed_or_holds_the_chain() -> None:
    said = canonical("a")
    unsaid = {column.name for column in AuditLog.__table__.columns if f"a.{column.name}" not in said}
    assert unsaid == {"chain_no", "previous_hash", "row_hash"}


@pytest.mark.parametrize(
    "settings",
    [
        ("TimeZone = 'Asia/Jayapura'", "DateStyle = 'German'", "IntervalStyle = 'iso_8601'"),
        ("bytea_output = 'escape'", "extra_float_digits = -15", "client_encoding = 'LATIN1'"),
        ("standard_conforming_strings = off", "quote_all_identifiers = on", "search_path = ''"),
        ("plan_cache_mode = force_custom_plan", "default_transaction_isolation = 'serializable'"),
    ],
)
def test_a_hash_does_not_depend_on_the_session(trail: Trail, database: TestDatabase, settings: Sequence[str]) -> None:
    with psycopg.connect(database.counter_url, autocommit=True) as session:
        for setting in settings:
            session.execute(f"SET {setting}")
        session.execute(
            "INSERT INTO public.audit_logs (operator_id, id, terminal_id, correlation_id, entity_type, entity_id,"
            " action, new_values, ip_address)"
            " VALUES (1, gen_random_uuid(), %s, gen_random_uuid(), 'things', 'é', 'view', %s::jsonb, '::1')",
            (trail.chain, '{"a": 1.50, "at": "2026-01-01"}'),
        )
    assert trail.problems() == []


def test_counters_writing_at_once_make_one_chain(trail: Trail) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: trail.write(3), range(8)))
    assert trail.problems() == []
    head = trail.desk.owner("SELECT last_no FROM audit_heads WHERE chain = :chain", chain=trail.chain)
    assert [row.last_no for row in head] == [ROWS + 24]


def test_a_transaction_that_fails_leaves_no_gap(trail: Trail) -> None:
    def fail(tx: Transaction) -> None:
        tx.audit("create", "things", "lost")
        tx._write_journal()
        tx.raw("SELECT 1").first()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        trail.office.database.transaction(fail, actor=trail.actor)
    trail.write()
    assert trail.problems() == []
    assert trail.desk.value("SELECT last_no FROM audit_heads WHERE chain = :chain", chain=trail.chain) == ROWS + 1


def test_rows_without_a_terminal_have_a_chain_of_their_own(trail: Trail) -> None:
    before = trail.desk.value("SELECT last_no FROM audit_heads WHERE chain = 0")
    trail.office.database.transaction(lambda tx: tx.audit("create", "things", "x"), actor=NOBODY)
    assert trail.desk.value("SELECT last_no FROM audit_heads WHERE chain = 0") == before + 1
    trail.tamper("UPDATE audit_logs SET entity_id = 'y' WHERE terminal_id IS NULL AND entity_type = 'things'")
    (found,) = trail.problems()
    assert found.startswith("rows without a terminal: row ")


FORBIDDEN = [
    "INSERT INTO audit_logs (operator_id, id, correlation_id, entity_type, entity_id, action, chain_no)"
    " VALUES (1, gen_random_uuid(), gen_random_uuid(), 'x', 'x', 'view', 1)",
    "INSERT INTO audit_logs (operator_id, id, correlation_id, entity_type, entity_id, action, row_hash)"
    " VALUES (1, gen_random_uuid(), gen_random_uuid(), 'x', 'x', 'view', '')",
    "UPDATE audit_logs SET row_hash = ''",
    "DELETE FROM audit_logs",
    "TRUNCATE audit_logs, audit_heads",
    "INSERT INTO audit_heads VALUES (1, 77, 0, '', '')",
    "UPDATE audit_heads SET last_no = 0",
    "DELETE FROM audit_heads",
    "UPDATE audit_checkpoints SET signature = ''",
    "DELETE FROM audit_checkpoints",
    "INSERT INTO audit_checkpoints (operator_id, chain, chain_no, row_hash, key_id, signature)"
    " VALUES (2, 1, 1, '', 1, '')",
    "INSERT INTO audit_checkpoints (operator_id, chain, chain_no, row_hash, key_id, signature, created_at)"
    " VALUES (1, 1, 1, '', 1, '', now())",
    "SELECT chain_audit_row()",
    "ALTER TABLE audit_logs DISABLE TRIGGER ALL",
    "DROP TRIGGER chain_row ON audit_logs",
    "SET session_replication_role = replica",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_a_terminal_cannot_touch_the_chain(trail: Trail, database: TestDatabase, statement: str) -> None:
    with (
        psycopg.connect(database.counter_url, autocommit=True) as session,
        pytest.raises((pg.InsufficientPrivilege, pg.FeatureNotSupported, pg.CheckViolation)),
    ):
        session.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_heads",
        "TRUNCATE audit_heads",
        "DELETE FROM audit_checkpoints",
        "UPDATE audit_checkpoints SET key_id = 2",
    ],
)
def test_not_even_the_owner_deletes_without_taking_a_trigger_away(
    trail: Trail, database: TestDatabase, statement: str
) -> None:
    with psycopg.connect(database.owner_url) as owner, pytest.raises(pg.CheckViolation):
        owner.execute(statement)


def test_another_operator_does_not_reach_a_foreign_head(two: Session, desk: Desk) -> None:
    """It would wait for it, and so learn when the terminals of another write."""

    def hold(tx: Transaction) -> None:
        tx.audit("create", "things", "x")
        tx._write_journal()
        tx.raw("SELECT 1").first()  # the head is locked now
        two.execute("SET lock_timeout = '1s'")
        with pytest.raises(pg.InsufficientPrivilege):
            two.execute(
                "INSERT INTO audit_logs (operator_id, id, terminal_id, correlation_id, entity_type, entity_id, action)"
                " VALUES (1, gen_random_uuid(), %s, gen_random_uuid(), 'x', 'x', 'create')",
                (desk.clerk.terminal_id,),
            )
        tx._journal.audit.clear()

    desk.office.database.transaction(hold, actor=desk.clerk)


# Rows from before


def test_the_rows_from_before_are_chained_by_the_migration(
    desk: Desk, database: TestDatabase, office: Office, alembic: Callable[[str], None]
) -> None:
    desk.sell(2)
    rows = desk.count("audit_logs")
    alembic("0002")
    with psycopg.connect(database.counter_url) as session:
        session.execute(
            "INSERT INTO audit_logs (operator_id, id, terminal_id, correlation_id, entity_type, entity_id, action)"
            " SELECT 1, gen_random_uuid(), n % 3, gen_random_uuid(), 'things', n::text, 'create'"
            " FROM generate_series(1, 20) n"
        )
    alembic("head")
    (found,) = [check for check in integrity.verify(office) if check.name == "audit_chain"]
    assert (found.problems, found.checked) == ((), rows + 20)
    desk.sell(1, first=10)
    desk.require_sound()
    with pytest.raises(Exception, match="kept as it was written"):
        desk.owner("UPDATE audit_logs SET user_id = NULL")


@pytest.fixture
def alembic(database: TestDatabase, office: Office) -> Callable[[str], None]:
    """Brings this test's database to a revision, up or down."""
    from alembic import command

    def go(revision: str) -> None:
        office.database.engine.dispose()
        engine = migrate.owner_engine(database.owner_url)
        made = migrate.config()
        with engine.begin() as connection:
            made.attributes["connection"] = connection
            now = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
            (command.upgrade if revision == "head" or revision > now else command.downgrade)(made, revision)
        engine.dispose()

    return go
