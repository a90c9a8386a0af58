"""Migrations: up, down, and the same schema as the models make, with the policies, grants and triggers in it."""

from __future__ import annotations

import difflib
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg import sql
from pytest_alembic.tests import (
    test_model_definitions_match_ddl,
    test_single_head_revision,
    test_up_down_consistency,
    test_upgrade,
)
from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import make_url

from core import office as offices
from core.errors import CounterError, NotReady
from core.models import Base, guards
from core.office import REVISION
from core.ops import embedded_layout, migrate, prepare

if TYPE_CHECKING:
    from tests.conftest import Server, TestDatabase

__all__ = [
    "test_model_definitions_match_ddl",
    "test_single_head_revision",
    "test_up_down_consistency",
    "test_upgrade",
]


@pytest.fixture
def bare(server: Server) -> Iterator[Server]:
    """A database with nothing in it, the owner's."""
    name, owner = f"test_{secrets.token_hex(6)}", make_url(server.owner).username or ""
    with psycopg.connect(server.administrator, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))
        yield server.database(name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def owning(bare: Server) -> Iterator[Connection]:
    """The owner's connection to the bare database, autocommitting."""
    engine = migrate.owner_engine(bare.owner)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def alembic_config() -> Config:
    return migrate.config()


@pytest.fixture
def alembic_engine(bare: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """What pytest-alembic looks through; the migrations themselves go the way of the ``alembic`` command."""
    monkeypatch.setenv("COUNTER_OWNER_DATABASE_URL", bare.owner)
    engine = migrate.owner_engine(bare.owner)
    yield engine
    engine.dispose()


# The schema as a whole


def dump(url: str) -> list[str]:
    """The schema as pg_dump writes it: tables, indexes, constraints, functions, triggers, policies and grants."""
    written = subprocess.run(
        [
            str(embedded_layout.installed_programs() / "pg_dump"),
            "--schema-only",
            "--exclude-table=alembic_version",
            f"--dbname={url}",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    noise = ("--", "\\restrict", "\\unrestrict")  # comments, and a word that is new in every dump
    told = [line for line in written.splitlines() if line and not line.startswith(noise)]
    # The grants of a column stand in the order in which they were given, which means nothing.
    return [line for line in told if not line.startswith("GRANT ")] + sorted(
        line for line in told if line.startswith("GRANT ")
    )


def build_from_models(connection: Connection) -> None:
    Base.metadata.create_all(connection)
    for statement in guards.statements():
        connection.execution_options(no_parameters=True).exec_driver_sql(statement)


def differences(one: list[str], other: list[str]) -> list[str]:
    return [line for line in difflib.unified_diff(one, other, lineterm="", n=0) if not line.startswith(("---", "+++"))]


def test_the_models_make_the_schema_that_the_migrations_make(owning: Connection, empty_database: TestDatabase) -> None:
    build_from_models(owning)
    made = dump(owning.engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
    assert differences(dump(empty_database.owner_url), made) == []


@pytest.mark.parametrize(
    "drift",
    [
        "DROP POLICY own_operator ON bookings",
        "ALTER POLICY own_operator ON bookings USING (true)",
        "CREATE POLICY everything ON bookings USING (true)",
        "ALTER TABLE bookings NO FORCE ROW LEVEL SECURITY",
        "REVOKE UPDATE (occupied) ON seat_inventory FROM counter",
        "GRANT DELETE ON bookings TO counter",
        "GRANT EXECUTE ON FUNCTION current_operator() TO PUBLIC",
        "DROP TRIGGER guard_transition ON tickets",
        "ALTER TABLE tickets DISABLE TRIGGER guard_transition",
        "ALTER FUNCTION current_operator() SECURITY INVOKER",
        "ALTER TABLE bookings DROP CONSTRAINT ck_bookings_amounts_add_up",
        "ALTER TABLE bookings ALTER COLUMN status DROP DEFAULT",
        "COMMENT ON COLUMN bookings.final_amount IS NULL",
        "DROP INDEX ix_bookings_open_work",
    ],
)
def test_the_comparison_sees_every_kind_of_drift(empty_database: TestDatabase, drift: str) -> None:
    """Without this a comparison that sees nothing would pass for ever."""
    before = dump(empty_database.owner_url)
    engine = migrate.owner_engine(empty_database.owner_url)
    with engine.begin() as connection:
        connection.execute(text(drift))
    engine.dispose()
    assert differences(before, dump(empty_database.owner_url)) != []


def test_the_way_down_leaves_nothing(bare: Server, owning: Connection) -> None:
    empty = dump(bare.owner)
    made = migrate.config()
    with owning.engine.begin() as connection:
        made.attributes["connection"] = connection
        command.upgrade(made, "head")
    assert dump(bare.owner) != empty
    with owning.engine.begin() as connection:
        made.attributes["connection"] = connection
        command.downgrade(made, "base")
    assert dump(bare.owner) == empty
    assert owning.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 0
    assert migrate.current(owning) is None


def test_the_way_down_takes_opened_schedules_along(database: TestDatabase) -> None:
    engine = migrate.owner_engine(database.owner_url)
    with engine.begin() as connection:
        made = migrate.config()
        made.attributes["connection"] = connection
        command.downgrade(made, "base")
        left = connection.execute(
            text(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " AND relkind IN ('r', 'p', 'S')"
            )
        ).scalars()
        assert set(left) == {"alembic_version"}
        command.upgrade(made, "head")
    engine.dispose()


def test_migrating_twice_is_migrating_once(bare: Server, owning: Connection) -> None:
    for _ in range(2):
        with owning.engine.begin() as connection:
            assert migrate.upgrade(connection) == REVISION
    assert migrate.head() == REVISION


def test_a_migration_that_fails_leaves_nothing_behind(bare: Server, owning: Connection) -> None:
    empty = dump(bare.owner)
    owning.execute(text("CREATE TABLE print_jobs (in_the_way int)"))
    in_the_way = dump(bare.owner)
    with pytest.raises(CounterError), prepare.owning(bare.owner) as engine, engine.begin() as connection:
        migrate.upgrade(connection)
    assert dump(bare.owner) == in_the_way
    owning.execute(text("DROP TABLE print_jobs"))
    with owning.engine.begin() as connection:
        assert migrate.upgrade(connection) == REVISION
    assert dump(bare.owner) != empty


# Program and schema greet each other


def test_an_unprepared_database_is_not_opened(bare: Server) -> None:
    with pytest.raises(NotReady) as caught:
        offices.connect(bare.counter)
    assert "admin init" in caught.value.hint


@pytest.mark.parametrize(("revision", "hint"), [("0000", "admin init"), ("9999", "Update the program")])
def test_another_revision_is_not_opened(database: TestDatabase, revision: str, hint: str) -> None:
    engine = migrate.owner_engine(database.owner_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    with pytest.raises(NotReady) as caught:
        offices.connect(database.counter_url)
    assert hint in caught.value.hint
    assert revision in caught.value.message
    engine.dispose()


def test_a_database_between_revisions_is_not_opened(database: TestDatabase) -> None:
    engine = migrate.owner_engine(database.owner_url)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(NotReady):
        offices.connect(database.counter_url)
    engine.dispose()


def test_a_newer_database_is_not_upgraded(database: TestDatabase, tmp_path: Path) -> None:
    engine = migrate.owner_engine(database.owner_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NotReady):
        prepare.prepare(database.owner_url, tmp_path, with_demo=False)
    with engine.begin() as connection:
        assert migrate.current(connection) == "9999"
    engine.dispose()
