"""The benchmark's own databases: made for it, filled with the demonstration railway, dropped when it is over.

They stand on the server the operator's own database is on, since that server is to be measured, and nothing of the
operator's is read or written. Whoever may create databases there makes them: the administrator's address if one is
given (the embedded server has one), else the owner's.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.engine import make_url

from core import database_address, keys
from core.database import translate
from core.errors import NotReady
from core.ops import prepare, schedules
from core.ops.bench.crew import staff_number
from core.ops.demo import OPERATOR_ID
from core.ops.prepare import Report

_PREFIX: Final = "counter_bench_"
#: A benchmark that was killed leaves its databases behind; nobody's takes so long.
_LEFT_BEHIND_SECONDS: Final = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Addresses:
    """The logins to one database."""

    owner: str
    counter: str

    def to(self, database: str) -> Addresses:
        """The same logins, to another database of the server."""
        return Addresses(_to(self.owner, database), _to(self.counter, database))


@dataclass(frozen=True, slots=True)
class Ground:
    """Two databases alike but for how many days are on sale, both from ``first``."""

    one_day: Addresses
    whole: Addresses
    first: date
    days: int

    def open_days(self, where: Addresses, first: date, days: int) -> None:
        """Put further days on sale."""
        with prepare.owning(where.owner) as engine, engine.begin() as connection:
            schedules.open_days(connection, OPERATOR_ID, first=first, days=days)


@contextmanager
def temporary(
    addresses: Addresses, administrator_url: str | None, keys_folder: Path, *, days: int, clients: int, report: Report
) -> Iterator[Ground]:
    """The benchmark's ground, gone afterwards whatever happens.

    Raises:
        NotReady: nobody may create databases on this server, or there is no key ring.
        DatabaseUnreachable: no answer.
    """
    keys.load(keys_folder)  # before anything is made; preparing would make a ring where there is none
    maker = _plain(administrator_url or addresses.owner)
    with _server(maker) as server:
        _require_may_create(server)
        _drop_what_was_left_behind(server)
        stem = f"{_PREFIX}{_seconds_now(server)}_{secrets.token_hex(4)}"
    owner, login = _name_of(addresses.owner), _name_of(addresses.counter)
    one_day, whole = f"{stem}_day", f"{stem}_all"
    try:
        _create(maker, one_day, owner)
        first = _prepare(addresses.to(one_day), keys_folder, login, clients, report)
        _create(maker, whole, owner, template=one_day)
        ground = Ground(addresses.to(one_day), addresses.to(whole), first, days)
        for database, opened in ((ground.one_day, 1), (ground.whole, days)):
            report("schedules", 0, opened)
            ground.open_days(database, first, opened)
            _settle(database)
            report("schedules", opened, opened)
        yield ground
    finally:
        with _server(maker) as server:
            for name in (whole, one_day):
                server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _prepare(addresses: Addresses, keys_folder: Path, login: str, clients: int, report: Report) -> date:
    """The demonstration railway, with a clerk for every client; returns the first day to be put on sale: tomorrow."""
    prepare.prepare(addresses.owner, keys_folder, with_demo=True, report=report)
    add_clerks(addresses.owner, clients)
    with prepare.owning(addresses.owner) as engine, engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO database_logins (login_name, operator_id, login_role)"
                " VALUES (:login, :operator, 'counter') ON CONFLICT DO NOTHING"
            ),
            {"login": login, "operator": OPERATOR_ID},
        )
        zone = connection.execute(text("SELECT time_zone FROM operators WHERE id = :id"), {"id": OPERATOR_ID}).scalar()
        today = connection.execute(text("SELECT (now() AT TIME ZONE :zone)::date"), {"zone": zone}).scalar_one()
    return date.fromordinal(today.toordinal()) + timedelta(days=1)


def add_clerks(owner_url: str, clients: int) -> None:
    """Clerks of their own, as at a station: clients that shared one would wait for each other's row locks."""
    with prepare.owning(owner_url) as engine, engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO users (operator_id, id, staff_number, role, password_hash, full_name)"
                " SELECT operator_id, gen_random_uuid(), number, role, password_hash, full_name"
                " FROM users CROSS JOIN unnest(CAST(:numbers AS text[])) AS number WHERE staff_number = '1001'"
            ),
            {"numbers": [staff_number(index) for index in range(clients)]},
        )


def _settle(addresses: Addresses) -> None:
    """What autovacuum does after a while, at once: it is not to run into a measurement."""
    with _server(addresses.owner) as connection:
        connection.execute("VACUUM (ANALYZE) schedules, seat_inventory")


def _create(maker: str, name: str, owner: str, *, template: str = "template1") -> None:
    create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
    with _server(maker) as server:
        server.execute(create.format(sql.Identifier(name), sql.Identifier(owner), sql.Identifier(template)))


def _require_may_create(server: psycopg.Connection[tuple[object, ...]]) -> None:
    row = server.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if row is None or not row[0]:
        raise NotReady(
            "The benchmark works in databases of its own, and this login may not create any.",
            hint="As an administrator run: ALTER ROLE … CREATEDB, for the owner's login, and take it back afterwards.",
            code="no_database_for_benchmark",
        )


def _drop_what_was_left_behind(server: psycopg.Connection[tuple[object, ...]]) -> None:
    rows = server.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND pg_has_role(datdba, 'USAGE')", (_PREFIX,)
    ).fetchall()
    latest = _seconds_now(server) - _LEFT_BEHIND_SECONDS
    for (name,) in rows:
        made_at = str(name).removeprefix(_PREFIX).split("_")[0]
        if made_at.isdigit() and int(made_at) < latest:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(str(name))))


def _seconds_now(server: psycopg.Connection[tuple[object, ...]]) -> int:
    row = server.execute("SELECT extract(epoch FROM now())::bigint").fetchone()
    assert row is not None
    return int(str(row[0]))


def _name_of(url: str) -> str:
    """The role an address logs in as, which a pooler may have the last word on."""
    with _server(_plain(url)) as connection:
        row = connection.execute("SELECT session_user::text").fetchone()
    assert row is not None
    return str(row[0])


def _to(url: str, database: str) -> str:
    return make_url(_plain(url)).set(database=database).render_as_string(hide_password=False)


def _plain(url: str) -> str:
    """An address as libpq reads it, without SQLAlchemy's name of the driver."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def _server(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """An autocommitting connection whose driver errors are ours."""
    try:
        told = database_address.connect_arguments(database_address.read(url))
        with psycopg.connect(url, autocommit=True, **told) as connection:
            yield connection
    except psycopg.Error as error:
        raise translate(error) from error
