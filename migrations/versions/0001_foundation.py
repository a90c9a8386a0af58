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


_TABLES = (
    "audit_logs, booking_charges, booking_promotions, bookings, checkins, coaches, database_logins, domain_events,"
    " fare_buckets, idempotency, key_rings, notifications, operators, passengers, payments, policy_configurations,"
    " print_jobs, promotions, refunds, route_stations, routes, schedules, seat_holds, seat_inventory, seats,"
    " service_patterns, stations, terminals, tickets, train_classes, trains, user_profiles, user_sessions, users"
)
_GUARDED = ("bookings", "payments", "print_jobs", "refunds", "schedules", "tickets")


def downgrade() -> None:
    _run(f"DROP TABLE {_TABLES} CASCADE")
    _run("DROP FUNCTION current_operator()")
    for table in _GUARDED:
        _run(f"DROP FUNCTION guard_{table}_transition()")
    _run("DROP SEQUENCE ticket_serial")
    _run("REVOKE SELECT ON alembic_version FROM counter")
