"""Money: shifts and drawers, approvals, modifications, entitlements, and what makes a closed sale closed.

The statements stand in ``0002_money.sql`` beside this file, frozen as they were released.

Revision ID: 0002
Revises: 0001
"""

from migrations.scripts import run, run_file

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(__file__)


_TRIGGERS = {
    "payments": ("guard_insert", "guard_shift", "guard_state", "guard_history"),
    "booking_charges": ("guard_insert", "guard_history"),
    "booking_promotions": ("guard_insert", "guard_release", "guard_history"),
    "refunds": ("guard_insert", "guard_shift", "guard_history"),
    "bookings": ("guard_paid", "guard_sold", "guard_amounts"),
    "audit_logs": ("guard_history",),
    "tickets": ("guard_insert",),
}
_COLUMNS = {
    "bookings": ("priced_at",),
    "booking_promotions": ("released_at",),
    "passengers": ("entitlement_id",),
    "booking_charges": ("modification_id",),
    "payments": ("shift_id", "modification_id", "card_last_four", "edc_terminal", "edc_batch", "expires_at"),
    "tickets": ("entitlement_id",),
    "print_jobs": ("document_kind", "document"),
    "refunds": ("shift_id", "modification_id", "requested_by", "external_reference", "gateway_response"),
}
_TABLES = (
    "payment_questions, z_reports, stock_counts, shift_counts, cash_movements, booking_modifications, shifts,"
    " approvals, entitlements"
)
_FUNCTIONS = (
    *("guard_payments_insert", "guard_charges_insert", "guard_promotion_use", "guard_promotion_release"),
    *(
        "guard_refunds_insert",
        "guard_tickets_insert",
        "guard_open_shift",
        "guard_unclosed_shift",
        "guard_payment_state",
        "guard_payment_shift",
        "guard_refund_shift",
        "guard_booking_paid",
        "guard_booking_sold",
    ),
    *("guard_history", "guard_shifts_transition", "guard_approvals_transition"),
    "guard_booking_modifications_transition",
)

#: What the counter role could do before.
_GRANTS = {
    "audit_logs": ("SELECT, INSERT"),
    "booking_charges": ("SELECT, INSERT"),
    "booking_promotions": ("SELECT"),
    "bookings": (
        "SELECT, INSERT, UPDATE (status, total_amount, discount_amount, final_amount, "
        "passenger_count, booking_details, contact_phone, contact_phone_digest, user_id, "
        "expires_at, updated_at)"
    ),
    "checkins": ("SELECT, INSERT"),
    "domain_events": ("SELECT, INSERT"),
    "idempotency": ("SELECT, INSERT"),
    "notifications": ("SELECT, INSERT"),
    "passengers": ("SELECT, INSERT, DELETE"),
    "payments": ("SELECT, INSERT, UPDATE (payment_status, gateway_response, payment_date, updated_at)"),
    "print_jobs": ("SELECT, INSERT, UPDATE (state, printer, process_id, last_error, sent_at, settled_at, updated_at)"),
    "promotions": ("SELECT"),
    "refunds": ("SELECT"),
    "seat_holds": ("SELECT, INSERT, UPDATE (seat_ids, expires_at), DELETE"),
    "terminals": ("SELECT, INSERT, UPDATE (station_id, updated_at)"),
    "tickets": (
        "SELECT, INSERT, UPDATE (ticket_status, qr_code, issue_no, copies_printed, closed_reason, "
        "closed_at, check_in_time, checked_in_by, updated_at)"
    ),
    "user_sessions": ("SELECT, INSERT, UPDATE (last_activity, expires_at, is_active)"),
}


def downgrade() -> None:
    for table, triggers in _TRIGGERS.items():
        for trigger in triggers:
            run(f"DROP TRIGGER {trigger} ON {table}")
    run("DROP INDEX ix_payments_under_way")
    run("DROP INDEX ix_refunds_under_way")
    run("ALTER TABLE print_jobs DROP CONSTRAINT ck_print_jobs_prints_one_thing")
    run("DELETE FROM print_jobs WHERE ticket_id IS NULL")
    run("ALTER TABLE print_jobs ALTER COLUMN ticket_id SET NOT NULL")
    for table, columns in _COLUMNS.items():
        run(f"ALTER TABLE {table} " + ", ".join(f"DROP COLUMN {column} CASCADE" for column in columns))
    run(f"DROP TABLE {_TABLES}")
    for function in _FUNCTIONS:
        run(f"DROP FUNCTION {function}()")
    for table, rights in _GRANTS.items():
        run(f"REVOKE ALL ON {table} FROM counter")
        run(f"GRANT {rights} ON {table} TO counter")
