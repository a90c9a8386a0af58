"""After the sale: refunds in parts and in time, reschedules, corrections, disruption, service requests, notifications.

The statements stand in ``0005_after_sale.sql`` beside this file, frozen as they were released; those of the way back in
``0005_after_sale_back.sql``.

Revision ID: 0005
Revises: 0004
"""

from pathlib import Path

from migrations.scripts import run_file

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(__file__)


def downgrade() -> None:
    run_file(str(Path(__file__).with_stem("0005_after_sale_back")))
