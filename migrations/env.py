"""Alembic's environment: where the connection comes from and what autogenerate compares.

``core.ops.migrate`` hands over an open connection; the ``alembic`` command line uses COUNTER_OWNER_DATABASE_URL.
"""

import os

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url

from core.models import Base


def _include(_object: object, name: str | None, kind: str, _reflected: bool, _compare_to: object) -> bool:
    """Monthly partitions are opened with the schedules, not by revisions."""
    return not (kind == "table" and (name or "").startswith("seat_inventory_"))


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=_include,
        compare_server_default=False,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


def _run_online() -> None:
    connection = context.config.attributes.get("connection")
    if isinstance(connection, Connection):
        _run(connection)
        return
    url = make_url(os.environ["COUNTER_OWNER_DATABASE_URL"]).set(drivername="postgresql+psycopg")
    with create_engine(url).begin() as own:
        _run(own)


_run_online()
