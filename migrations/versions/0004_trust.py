"""Trust: sessions and sign-ins judged by the database, roles for each kind of terminal, stations people work at.

The statements stand in ``0004_trust.sql`` beside this file, frozen as they were released; those of the way back in
``0004_trust_back.sql``. The roles themselves belong to the server and not to the database: ``core.ops.migrate`` makes
them before, and nothing takes them away. What is kept of a PIN is not turned back: on the way back staff need new ones.

Revision ID: 0004
Revises: 0003
"""

from pathlib import Path

from migrations.scripts import run_file

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(__file__)


def downgrade() -> None:
    run_file(str(Path(__file__).with_stem("0004_trust_back")))
