"""Bringing a database to the schema of this program, and greeting one: do program and schema fit each other?"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import files
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import ProgrammingError

from core import database_address
from core.errors import NotReady
from core.models.roles import COUNTER_ROLE, ROLES, SUPERVISOR_ROLE

#: Serialises everything that changes the schema or opens schedules, whichever process does it.
_PREPARATION_LOCK: Final = 7_246_801


def config() -> Config:
    """Alembic's configuration, complete without a file: the revisions travel inside the package."""
    made = Config()
    made.set_main_option("script_location", str(files("migrations")))
    return made


def head() -> str:
    """The newest revision this program knows."""
    revision = ScriptDirectory.from_config(config()).get_current_head()
    assert revision is not None
    return revision


def owner_engine(url: str) -> Engine:
    """An engine for the owner's jobs; plain SQLAlchemy, one connection at a time.

    Raises:
        UsageError: the URL is not usable.
    """
    address = database_address.read(url)
    return create_engine(address, pool_size=1, connect_args=database_address.connect_arguments(address))


def hold_preparation_lock(connection: Connection) -> None:
    """Wait until no other process prepares this database; held until the transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PREPARATION_LOCK})


def ensure_roles(connection: Connection) -> list[str]:
    """Make the roles that terminals' logins are members of, where the server does not have them; returns the new ones.

    Raises:
        NotReady: some are missing and this login may not create roles.
    """
    exists = text("SELECT 1 FROM pg_roles WHERE rolname = :role")
    missing = [role for role in ROLES if connection.execute(exists, {"role": role}).first() is None]
    if missing:
        _create_roles(connection, missing)
    member = text("SELECT pg_has_role(current_user, :role, 'MEMBER')")
    for role in ROLES:
        if not connection.execute(member, {"role": role}).scalar():
            # An owner that runs the program itself steps down to these roles, so it must be a member of them. One
            # that was not trusted with that runs the program under another login.
            with suppress(ProgrammingError), connection.begin_nested():
                connection.execute(text(f"GRANT {role} TO CURRENT_USER"))
    return missing


def _create_roles(connection: Connection, missing: Sequence[str]) -> None:
    may = connection.execute(
        text("SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user")
    ).scalar_one()
    if not may:
        named = " and ".join(f'"{role}"' for role in missing)
        raise NotReady(
            f"The database has no role {named} and this login may not create it.",
            hint=f"As an administrator run: {'; '.join(role_statements(missing))}",
        )
    for statement in role_statements(missing):
        connection.execute(text(statement))


def role_statements(missing: Sequence[str] = ROLES) -> list[str]:
    """The SQL that makes roles: for whoever administers the server."""
    made = [f"CREATE ROLE {role} LOGIN" for role in missing]
    if SUPERVISOR_ROLE in missing:
        made.append(f"GRANT {COUNTER_ROLE} TO {SUPERVISOR_ROLE}")
    return made


def upgrade(connection: Connection, revision: str = "head") -> str:
    """Run the missing revisions on the owner's connection, inside its transaction; returns the revision reached.

    Raises:
        NotReady: the schema is newer than this program.
    """
    refuse_newer(current(connection))
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, revision)
    return current(connection) or ""


def current(connection: Connection) -> str | None:
    """The revision the database is at; None when it was never prepared."""
    if connection.execute(text("SELECT to_regclass('public.alembic_version')")).scalar() is None:
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def refuse_newer(revision: str | None) -> None:
    """
    Raises:
        NotReady: this program has never heard of that revision.
    """
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise NotReady(
            f"The database is newer (revision {revision}) than this program.", hint="Update the program first."
        )
