"""Preparing a database: roles, schema, keys, the demonstration railway, and schedules for the days to come.

``provision`` is an administrator's part (roles and an empty database), ``prepare`` the owner's (everything inside it).
The embedded server is no exception: after ``provision`` nobody works as its superuser any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from core import keys
from core.driver_errors import translated
from core.errors import NotFound, NotReady, Refused
from core.models import DatabaseLogin, KeyRing, Operator, Schedule
from core.models.roles import ROLE_OF_LOGIN, ROLES
from core.ops import demo, migrate, practice, schedules

OWNER_ROLE: Final = "counter_owner"
DATABASE_NAME: Final = "counter"
TRAINING_DATABASE_NAME: Final = "counter_training"

#: (step, done, total) as a long preparation goes on.
Report = Callable[[str, int, int], None]


def _silent(_step: str, _done: int, _total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What ``prepare`` left behind."""

    revision: str
    demo: bool
    schedules: int
    opened: int


def provision(administrator_url: str, database: str = DATABASE_NAME) -> None:
    """Make the roles and an empty database owned by the owner, where they are missing.

    Args:
        administrator_url: a login that may create roles and databases, to any database of the server.
    """
    with psycopg.connect(administrator_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(7246800)")  # several starts may arrive here at once
        exists = "SELECT 1 FROM pg_roles WHERE rolname = %s"
        if not connection.execute(exists, (OWNER_ROLE,)).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(sql.Identifier(OWNER_ROLE)))
        missing = [role for role in ROLES if not connection.execute(exists, (role,)).fetchone()]
        for statement in migrate.role_statements(missing):
            connection.execute(sql.SQL(statement))
        member = "SELECT 1 WHERE pg_has_role(%s, %s, 'MEMBER')"
        for role in ROLES:
            if not connection.execute(member, (OWNER_ROLE, role)).fetchone():
                roles = sql.Identifier(role), sql.Identifier(OWNER_ROLE)
                connection.execute(sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(*roles))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
            name, owner = sql.Identifier(database), sql.Identifier(OWNER_ROLE)
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))


def prepare(
    owner_url: str,
    keys_folder: Path,
    *,
    with_demo: bool | None = None,
    days: int | None = None,
    operator_code: str | None = None,
    training: bool = False,
    report: Report = _silent,
) -> Prepared:
    """Bring the owner's database up to this program, and extend the schedules; safe to run again and at once.

    Args:
        with_demo: load the demonstration railway into a database that has no operator yet; None: only for training.
        days: open schedules from today for so many days; None leaves them as they are.
        operator_code: whose keys are in ``keys_folder``, where the database has several operators.
        training: make it a database of training, for good.

    Raises:
        NotReady: the schema is newer, the role cannot be made, the keys are not this database's, or it is one of
            training and this is not for training (code ``training_mismatch``).
        Refused: a demonstration or training was asked for on a database with real data.
        DatabaseUnreachable: no answer.
    """
    with owning(owner_url) as engine:
        with engine.begin() as connection:
            migrate.hold_preparation_lock(connection)
            migrate.ensure_roles(connection)
            report("schema", 0, 1)
            revision = migrate.upgrade(connection)
            report("schema", 1, 1)
            if not training:
                practice.require_kind(connection, in_training=False)
            if with_demo or (with_demo is None and training and not _operators(connection)):
                demo.load(connection, report=lambda done, total: report("railway", done, total))
            if training:
                practice.mark(connection)
            for operator_id in _operators(connection):
                _register_owner(connection, operator_id)
            _register_keys(connection, _operator_of_this_ring(connection, operator_code), keys_folder)
        opened = extend(owner_url, days, report=report) if days else 0
        with engine.connect() as connection:
            count = connection.execute(select(func.count()).select_from(Schedule)).scalar_one()
            is_demo = connection.execute(select(func.bool_or(Operator.is_demonstration))).scalar() or False
    return Prepared(revision, bool(is_demo), count, opened)


def require_kind(owner_url: str, *, in_training: bool) -> None:
    """Refuse an owner's work on the other kind of database; one that is not prepared yet is of no kind.

    Raises:
        NotReady: it is of training and the program is not, or the other way round (code ``training_mismatch``).
        DatabaseUnreachable: no answer.
    """
    known = text("SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('public.operators') AND attname = :name")
    with owning(owner_url) as engine, engine.connect() as connection:
        if connection.execute(known, {"name": Operator.is_training.key}).first():
            practice.require_kind(connection, in_training)


def extend(owner_url: str, days: int, *, report: Report = _silent) -> int:
    """Open the schedules of every operator from today for so many days; returns how many departures were opened."""
    opened = 0
    with owning(owner_url) as engine, engine.begin() as connection:
        for operator_id, zone in connection.execute(select(Operator.id, Operator.time_zone)).all():
            today = connection.execute(text("SELECT (now() AT TIME ZONE :zone)::date"), {"zone": zone}).scalar_one()
            opened += schedules.open_days(
                connection,
                operator_id,
                first=today,
                days=days + 1,  # today counts as well
                report=lambda done, total: report("schedules", done, total),
            )
    return opened


def add_login(owner_url: str, name: str, operator_code: str, kind: str = "counter") -> None:
    """Let a database login of the server work for an operator, with the rights of its kind and no more.

    Args:
        kind: ``counter``, ``supervisor``, ``gate`` or ``reporting`` (``core.models.roles``).

    Raises:
        NotFound: no such operator, or no such role on the server.
    """
    with owning(owner_url) as engine, engine.begin() as connection:
        operator_id = connection.execute(
            select(Operator.id).where(Operator.operator_code == operator_code.upper())
        ).scalar()
        if operator_id is None:
            raise NotFound(f"There is no operator {operator_code[:20]!r}.", hint="Use its code, such as KAI.")
        if not connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}).first():
            raise NotFound(f"The server has no role {name[:60]!r}.", hint="Create it first: CREATE ROLE … LOGIN")
        if name not in ROLES:
            login = connection.dialect.identifier_preparer.quote(name)
            for role in ROLES:
                member = text("SELECT pg_has_role(:name, :role, 'MEMBER')")
                if role != ROLE_OF_LOGIN[kind] and connection.execute(member, {"name": name, "role": role}).scalar():
                    connection.execute(text(f"REVOKE {role} FROM {login}"))
            connection.execute(text(f"GRANT {ROLE_OF_LOGIN[kind]} TO {login}"))
        row = {"login_name": name, "operator_id": operator_id, "login_role": kind}
        connection.execute(
            upsert(DatabaseLogin).values(row).on_conflict_do_update(index_elements=["login_name"], set_=row)
        )


def add_operator(
    owner_url: str, keys_folder: Path, code: str, name: str, issuer: str, time_zone: str, *, training: bool = False
) -> None:
    """Enter an operator, with the key ring in ``keys_folder`` (made if there is none) for its tickets.

    Args:
        training: it is there to practise on, and so is everything in its database.

    Raises:
        Refused: the code or the issuer is taken (code ``operator_exists``), or the ring is another operator's
            (code ``keys_taken``).
    """
    with owning(owner_url) as engine, engine.begin() as connection:
        migrate.hold_preparation_lock(connection)
        practice.require_kind(connection, training)
        same = (Operator.operator_code == code) | (Operator.issuer_code == issuer)
        if connection.execute(select(Operator.id).where(same)).first():
            raise Refused(
                f"There is an operator {code} or an issuer {issuer} already.",
                code="operator_exists",
                hint="Each operator has a code and three issuer letters of its own.",
            )
        operator_id = connection.execute(select(func.coalesce(func.max(Operator.id), 0) + 1)).scalar_one()
        connection.execute(
            insert(Operator).values(
                id=operator_id, operator_code=code, operator_name=name, issuer_code=issuer, time_zone=time_zone
            )
        )
        if training:
            practice.mark(connection)
        _register_owner(connection, operator_id)
        _register_keys(connection, operator_id, keys_folder)


def _operators(connection: Connection) -> list[int]:
    return list(connection.execute(select(Operator.id).order_by(Operator.id)).scalars())


def _operator_of_this_ring(connection: Connection, operator_code: str | None) -> int | None:
    """Whose keys this machine holds: the operator that was named, or the only one."""
    if operator_code is None:
        every = _operators(connection)
        return every[0] if len(every) == 1 else None
    found = connection.execute(select(Operator.id).where(Operator.operator_code == operator_code.upper())).scalar()
    if found is None:
        raise NotFound(f"There is no operator {operator_code[:20]!r}.", hint="Use its code, such as KAI.")
    return found


def _register_owner(connection: Connection, operator_id: int) -> None:
    """The owner's login stands for the operator entered first, so that one machine can run on one login alone."""
    row = {"operator_id": operator_id, "login_role": "owner"}
    name = connection.execute(text("SELECT session_user::text")).scalar_one()
    connection.execute(upsert(DatabaseLogin).values(login_name=name, **row).on_conflict_do_nothing())


def _register_keys(connection: Connection, operator_id: int | None, folder: Path) -> None:
    """Enter the fingerprints of an operator's ring, once; later only compare them."""
    if operator_id is None:
        return
    known = {
        (row.purpose, row.key_id): bytes(row.fingerprint)
        for row in connection.execute(select(KeyRing).where(KeyRing.operator_id == operator_id).with_only_columns(
            KeyRing.purpose, KeyRing.key_id, KeyRing.fingerprint
        ))
    }  # fmt: skip
    if known:
        if not keys.load(folder).fits(known):
            raise NotReady(
                "The key ring of this terminal is not the one this database was set up with.",
                hint=f"Put the right ring into {folder}; nothing was changed.",
            )
        return
    ring = keys.create(folder)
    if connection.execute(select(KeyRing.key_id).where(KeyRing.fingerprint.in_(ring.fingerprints().values()))).first():
        raise Refused(
            f"The key ring in {folder} belongs to another operator.",
            code="keys_taken",
            hint="Set COUNTER_KEYS to a folder of this operator's own.",
        )
    connection.execute(
        insert(KeyRing),
        [
            {
                "operator_id": operator_id,
                "purpose": purpose,
                "key_id": key_id,
                "fingerprint": fingerprint,
                "public_key": ring.public_key(key_id) if purpose == "ticket" else None,
            }
            for (purpose, key_id), fingerprint in ring.fingerprints().items()
        ],
    )


@contextmanager
def owning(owner_url: str) -> Iterator[Engine]:
    """An owner's engine whose driver errors are ours."""
    engine = migrate.owner_engine(owner_url)
    try:
        with translated():
            yield engine
    finally:
        engine.dispose()
