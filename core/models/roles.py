"""What each database role may do, table by table. A terminal's login is a member of one of these roles.

- ``counter``: a clerk's counter. Sells, holds a drawer, asks for approvals.
- ``counter_supervisor``: a supervisor's desk. All that ``counter`` may, and what changes people, promotions and rules.
- ``counter_gate``: a gate. Reads what is on a ticket, admits, and can neither sell nor give anything back.
- ``counter_reporting``: figures. Reads everything but personal data, and writes nothing.

The owner alone changes the schema, opens schedules and enters logins; no terminal works as the owner. What depends on
who is signed in, beyond the role, stands in ``session_guards``.
"""

from __future__ import annotations

from typing import Final

COUNTER_ROLE: Final = "counter"
SUPERVISOR_ROLE: Final = "counter_supervisor"
GATE_ROLE: Final = "counter_gate"
REPORTING_ROLE: Final = "counter_reporting"
#: In the order they are made: a supervisor's is a member of the counter's.
ROLES: Final = (COUNTER_ROLE, SUPERVISOR_ROLE, GATE_ROLE, REPORTING_ROLE)
#: Kind of login, as ``counter admin login`` names it -> its role.
ROLE_OF_LOGIN: Final = {
    "counter": COUNTER_ROLE,
    "supervisor": SUPERVISOR_ROLE,
    "gate": GATE_ROLE,
    "reporting": REPORTING_ROLE,
}
#: The least role for each kind of staff.
ROLE_OF_STAFF: Final = {
    "clerk": COUNTER_ROLE,
    "gate": GATE_ROLE,
    "supervisor": SUPERVISOR_ROLE,
    "admin": SUPERVISOR_ROLE,
}

_RAILWAY: Final = (
    *("operators", "key_rings", "stations", "routes", "route_stations", "trains", "train_classes", "coaches", "seats"),
    *("fare_buckets", "service_patterns", "schedules"),
)
_AUDITED: Final = (
    "(operator_id, id, user_id, terminal_id, correlation_id, entity_type, entity_id, action, old_values, new_values,"
    " ip_address, user_agent)"
)

_FINED: Final = (
    "(operator_id, id, fine_number, fine_kind, person_name, identity_kind, identity_number, identity_digest,"
    " identity_last_four, ticket_id, train_id, service_date, from_station_id, to_station_id, amount, decided_with,"
    " note, station_id, terminal_id, issued_by)"
)

COUNTER_GRANTS: Final[dict[str, str]] = {
    **dict.fromkeys(_RAILWAY, "SELECT"),
    "terminals": "SELECT, INSERT, UPDATE (station_id, updated_at)",
    "users": "SELECT, INSERT (operator_id, id, role, email, email_digest, password_hash, full_name, phone_number,"
    " phone_digest, date_of_birth, gender), UPDATE (email, email_digest, full_name, phone_number, phone_digest,"
    " date_of_birth, gender, is_verified, is_active, updated_at)",
    "user_profiles": "SELECT, INSERT, UPDATE (profile_picture, address, city, province, postal_code,"
    " emergency_contact_name, emergency_contact_phone, preferences, updated_at)",
    "user_sessions": "SELECT, UPDATE (last_activity)",
    "user_stations": "SELECT",
    "seat_inventory": "SELECT, UPDATE (occupied)",
    "bookings": "SELECT, INSERT, UPDATE (status, total_amount, discount_amount, final_amount, passenger_count,"
    " booking_details, contact_phone, contact_phone_digest, contact_email, contact_email_digest, user_id, expires_at,"
    " priced_at, updated_at)",
    "seat_holds": "SELECT, INSERT, UPDATE (seat_ids, expires_at), DELETE",
    "passengers": "SELECT, INSERT, DELETE, UPDATE (passenger_name, passenger_dob, gender, identity_kind,"
    " identity_number, identity_digest, identity_last_four, entitlement_id)",
    "tickets": "SELECT, INSERT, UPDATE (ticket_status, qr_code, issue_no, copies_printed, closed_reason, closed_at,"
    " check_in_time, checked_in_by, exclusive_identity, entitlement_id, updated_at)",
    "spoilt_prints": "SELECT, INSERT",
    "payments": "SELECT, INSERT, UPDATE (payment_status, external_reference, gateway_response, payment_date,"
    " expires_at, shift_id, modification_id, updated_at)",
    "refunds": "SELECT, INSERT, UPDATE (refund_status, refund_date, external_reference, gateway_response, shift_id,"
    " payout_account, refund_method, updated_at)",
    "booking_charges": "SELECT, INSERT",
    "promotions": "SELECT",
    "booking_promotions": "SELECT, INSERT, UPDATE (released_at)",
    "entitlements": "SELECT, INSERT, UPDATE (document_reference, valid_until, updated_at)",
    "shifts": "SELECT, INSERT, UPDATE (status, counted_at, counted_amount, expected_amount, difference_reason,"
    " approval_id, closed_at, closed_by, updated_at)",
    "cash_movements": "SELECT, INSERT",
    "shift_counts": "SELECT, INSERT",
    "stock_counts": "SELECT, INSERT, UPDATE (next_number, spoilt, updated_at)",
    "z_reports": "SELECT, INSERT",
    "approvals": "SELECT, INSERT, UPDATE (status, decided_by, decided_at, decision_reason, used_at, updated_at)",
    "booking_modifications": "SELECT, INSERT, UPDATE (within_policy, fee_charged, status, closed_at, updated_at)",
    "booking_modification_stats": "SELECT, INSERT, UPDATE (period_start, period_end, count, changed_at, updated_at)",
    "payment_questions": "SELECT, INSERT, UPDATE (resolved_at, resolved_by, resolution)",
    "callback_requests": "SELECT, INSERT, UPDATE (status, priority, assigned_to, resolved_at, resolved_by, resolution,"
    " updated_at)",
    "callback_escalations": "SELECT, INSERT, UPDATE (resolved_at)",
    "fines": f"SELECT, INSERT {_FINED}, UPDATE (status, updated_at, paid_at, paid_by, shift_id, payment_method,"
    " tendered, change_given, external_reference, card_last_four, edc_terminal, edc_batch, waived_at, waived_by,"
    " waive_reason, waive_approval_id, ban_lifted_at, ban_lifted_by, ban_lift_reason, ban_approval_id)",
    "audit_logs": f"SELECT, INSERT {_AUDITED}",
    "audit_heads": "SELECT",
    "audit_checkpoints": "SELECT, INSERT",
    "domain_events": "SELECT, INSERT, UPDATE (processing_status)",
    "background_jobs": "SELECT",
    "background_job_items": "SELECT",
    "delay_vouchers": "SELECT, INSERT",
    "notification_configurations": "SELECT",
    "notification_deliveries": "SELECT, INSERT, UPDATE (state, attempts, next_try_at, sender,"
    " last_error, sent_at, recipient, updated_at)",
    "job_failures": "SELECT, INSERT",
    "notifications": "SELECT, INSERT, UPDATE (is_read, read_at)",
    "print_jobs": "SELECT, INSERT, UPDATE (state, printer, process_id, last_error, sent_at, settled_at, updated_at)",
    "checkins": "SELECT, INSERT",
    "idempotency": "SELECT, INSERT",
    "policy_configurations": "SELECT",
}

#: Beside what it has from ``counter``.
SUPERVISOR_GRANTS: Final[dict[str, str]] = {
    "users": "INSERT (staff_number, must_change_pin, is_verified), UPDATE (staff_number, role, failed_attempts,"
    " locked_until, lockouts)",
    "user_sessions": "UPDATE (is_active, ended_at, ended_because)",
    "user_stations": "INSERT, DELETE",
    "promotions": "INSERT (operator_id, promotion_code, promotion_name, discount_type, discount_value,"
    " minimum_amount, maximum_discount, valid_from, valid_to, usage_limit, is_active),"
    " UPDATE (promotion_name, minimum_amount, maximum_discount, valid_from, valid_to, usage_limit, is_active,"
    " updated_at)",
    "entitlements": "UPDATE (revoked_at)",
    "policy_configurations": "INSERT (operator_id, policy_type, config, station_id, train_id, is_override,"
    " overrides_id, created_by), UPDATE (deleted_at, updated_at)",
    "terminals": "UPDATE (is_active)",
    "schedules": "UPDATE (status, delay_minutes, delay_reason, skipped_stops, updated_at)",
    "seat_inventory": "DELETE",
    "tickets": "UPDATE (seat_id)",
    "background_jobs": "INSERT, UPDATE (status, done, failed, finished_at, updated_at)",
    "background_job_items": "INSERT, UPDATE (state, result, settled_at)",
    "notification_configurations": "INSERT (operator_id, event_type, channel, station_id, train_id, is_enabled,"
    " metadata, created_by), UPDATE (deleted_at, updated_at)",
    "job_failures": "UPDATE (resolved_at, resolved_by, resolution)",
}

GATE_GRANTS: Final[dict[str, str]] = {
    **dict.fromkeys(_RAILWAY, "SELECT"),
    "terminals": "SELECT, INSERT, UPDATE (station_id, updated_at)",
    "users": "SELECT",
    "user_sessions": "SELECT, UPDATE (last_activity)",
    "user_stations": "SELECT",
    "policy_configurations": "SELECT",
    "bookings": "SELECT",
    "passengers": "SELECT",
    "entitlements": "SELECT",
    "tickets": "SELECT, UPDATE (ticket_status, check_in_time, checked_in_by, updated_at)",
    "checkins": "SELECT, INSERT",
    "fines": f"SELECT, INSERT {_FINED}",
    "idempotency": "SELECT, INSERT",
    "domain_events": "INSERT",
    "notifications": "SELECT, UPDATE (is_read, read_at)",
    "audit_logs": f"INSERT {_AUDITED}",
    "audit_heads": "SELECT",
    "audit_checkpoints": "SELECT, INSERT",
}

REPORTING_GRANTS: Final[dict[str, str]] = {
    **dict.fromkeys(_RAILWAY, "SELECT"),
    **dict.fromkeys(
        (
            *("terminals", "users", "user_stations", "seat_inventory", "bookings", "passengers", "tickets", "payments"),
            *("refunds", "booking_charges", "promotions", "booking_promotions", "entitlements", "shifts"),
            *("cash_movements", "shift_counts", "stock_counts", "z_reports", "approvals", "booking_modifications"),
            *("payment_questions", "checkins", "policy_configurations", "spoilt_prints"),
            *("fines", "callback_requests", "callback_escalations"),
        ),
        "SELECT",
    ),
}

GRANTS: Final = {
    COUNTER_ROLE: COUNTER_GRANTS,
    SUPERVISOR_ROLE: SUPERVISOR_GRANTS,
    GATE_ROLE: GATE_GRANTS,
    REPORTING_ROLE: REPORTING_GRANTS,
}

#: Columns that no terminal reads: the database compares them itself.
_SECRET: Final[dict[str, frozenset[str]]] = {
    "users": frozenset({"password_hash"}),
    "user_sessions": frozenset({"session_token"}),
}
#: Columns by which people are known. Staff are known by their numbers.
_PERSONAL: Final[dict[str, frozenset[str]]] = {
    "users": frozenset(
        {"password_hash", "email", "email_digest", "full_name", "phone_number", "phone_digest", "date_of_birth"}
    ),
    "bookings": frozenset(
        {"booking_details", "contact_phone", "contact_phone_digest", "contact_email", "contact_email_digest"}
    ),
    "passengers": frozenset(
        {
            *("passenger_name", "passenger_dob", "identity_number", "identity_digest", "identity_last_four"),
            "special_requirements",
        }
    ),
    "tickets": frozenset({"qr_code"}),
    "payments": frozenset({"gateway_response", "external_reference"}),
    "refunds": frozenset({"gateway_response", "external_reference"}),
    "entitlements": frozenset({"holder_name", "identity_digest", "identity_last_four", "document_reference"}),
    "payment_questions": frozenset({"details"}),
    "approvals": frozenset({"details"}),
    "fines": frozenset(
        {"person_name", "identity_number", "identity_digest", "identity_last_four", "external_reference", "note"}
    ),
    "callback_requests": frozenset({"customer_name", "contact_phone", "contact_phone_digest", "note", "resolution"}),
    "callback_escalations": frozenset({"reason"}),
}
_PERSONAL_AT_GATES: Final[dict[str, frozenset[str]]] = {
    "users": _PERSONAL["users"] - {"full_name"},
    "bookings": _PERSONAL["bookings"],
    "passengers": frozenset({"identity_number", "identity_digest", "passenger_dob"}),
    "user_sessions": _SECRET["user_sessions"],
    "fines": frozenset({"identity_number", "identity_digest", "external_reference"}),
}
#: role -> table -> columns its SELECT leaves out
HIDDEN: Final = {
    COUNTER_ROLE: _SECRET,
    SUPERVISOR_ROLE: _SECRET,
    GATE_ROLE: _PERSONAL_AT_GATES,
    REPORTING_ROLE: _PERSONAL,
}
