"""The foundation: network, sales, money, people, journal and policies, with their guards.

The statements stand in ``0001_foundation.sql`` beside this file, frozen as they were released.

Revision ID: 0001
Revises:
"""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SCRIPT = Path(__file__).with_suffix(".sql")
_SEPARATOR = "\n--;;\n"


def _run(statement: str) -> Any:
    """Sent exactly as it stands: colons and percent signs are the statement's own."""
    return op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statement)


def upgrade() -> None:
    for statement in _SCRIPT.read_text(encoding="utf-8").split(_SEPARATOR):
        _run(statement)


def downgrade() -> None:
    tables = _run(
        "SELECT format('%I', c.relname) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
        " AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'alembic_version'"
    ).scalars()
    _run(f"DROP TABLE {', '.join(tables)} CASCADE")
    routines = _run(
        "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace"
        " AND (p.proname = 'current_operator' OR p.proname LIKE 'guard\\_%\\_transition')"
    ).scalars()
    _run(f"DROP FUNCTION {', '.join(routines)}")
    _run("DROP SEQUENCE ticket_serial")
    _run("REVOKE SELECT ON alembic_version FROM counter")
