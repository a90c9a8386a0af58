"""Revisions whose statements stand in an SQL file beside them, frozen as they were released."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import op

_SEPARATOR: Final = "\n--;;\n"


def run(statement: str) -> None:
    """Sent exactly as it stands: colons and percent signs are the statement's own."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statement)


def run_file(revision_file: str) -> None:
    """Run the ``.sql`` file that belongs to a revision's ``.py`` file."""
    for statement in Path(revision_file).with_suffix(".sql").read_text(encoding="utf-8").split(_SEPARATOR):
        run(statement)
