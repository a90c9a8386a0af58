"""The audit trail proves itself: rows chained per terminal, heads, and signed checkpoints.

The statements stand in ``0003_audit.sql`` beside this file, frozen as they were released. Rows from before are chained
in the order in which they were written, as far as their times tell.

Revision ID: 0003
Revises: 0002
"""

from migrations.scripts import run, run_file

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(__file__)


def downgrade() -> None:
    run("DROP TRIGGER chain_row ON audit_logs")
    run("DROP FUNCTION chain_audit_row()")
    run("ALTER TABLE audit_logs DROP COLUMN chain_no, DROP COLUMN previous_hash, DROP COLUMN row_hash")
    run("DROP TABLE audit_checkpoints, audit_heads")
