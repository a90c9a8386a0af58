"""The foundation: network, sales, money, people, journal and policies, with their guards.

The statements stand in ``0001_foundation.sql`` beside this file, frozen as they were released.

Revision ID: 0001
Revises:
"""

from migrations.scripts import run, run_file

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(__file__)


_TABLES = (
    "audit_logs, booking_charges, booking_promotions, bookings, checkins, coaches, database_logins, domain_events,"
    " fare_buckets, idempotency, key_rings, notifications, operators, passengers, payments, policy_configurations,"
    " print_jobs, promotions, refunds, route_stations, routes, schedules, seat_holds, seat_inventory, seats,"
    " service_patterns, stations, terminals, tickets, train_classes, trains, user_profiles, user_sessions, users"
)
_GUARDED = ("bookings", "payments", "print_jobs", "refunds", "schedules", "tickets")


def downgrade() -> None:
    run(f"DROP TABLE {_TABLES} CASCADE")
    run("DROP FUNCTION current_operator()")
    for table in _GUARDED:
        run(f"DROP FUNCTION guard_{table}_transition()")
    run("DROP SEQUENCE ticket_serial")
    run("REVOKE SELECT ON alembic_version FROM counter")
