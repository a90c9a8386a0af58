"""States: the table in the code, the CHECK lists and the triggers of the database say the same of every move."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from core import fines, service_requests
from core.errors import StateConflict
from core.fines import FineOrder
from core.service_requests import Wanted
from core.states import LIVE_TICKET, TRANSITIONS

if TYPE_CHECKING:
    from tests.core.conftest import Desk

#: What a row needs besides its state, so that nothing but the transition can stand in the way of a move.
ANY_STATE = {
    "bookings": "expires_at = now() + interval '1 hour'",
    "tickets": "check_in_time = now()",
    "schedules": "delay_minutes = 5",
    "payments": "payment_date = now()",
}
#: Checks that tie other columns to a state; they are tried elsewhere.
STATE_CHECKS = {
    "shifts": ("counted_has_time", "closed_is_settled"),
    "approvals": ("decided_by_one", "used_has_time"),
    "booking_modifications": ("closed_has_time",),
    "callback_requests": ("assigned_to_one", "ended_says_how"),
    "fines": ("paid_says_how", "waived_says_why"),
    "background_jobs": ("finished_has_time",),
    "background_job_items": ("settled_has_time",),
    "notification_deliveries": ("sent_has_time",),
}


@pytest.fixture
def rows(desk: Desk, owner_session: Connection) -> Connection:
    """A connection of the owner's to a database with one row at least of everything that has states."""
    done = desk.sell(1, printer="file")
    desk.owner(
        "INSERT INTO approvals (operator_id, id, approval_number, approval_kind, subject_type, subject_id, fingerprint,"
        " reason, requested_by, terminal_id, expires_at)"
        " SELECT 1, gen_random_uuid(), 1, 'over_short', 'shifts', id::text, '', 'counted', user_id, terminal_id, now()"
        " FROM shifts"
    )
    desk.owner(
        "INSERT INTO booking_modifications (operator_id, id, booking_id, modification_type, reason)"
        " VALUES (1, gen_random_uuid(), :id, 'cancel', 'asked for')",
        id=done.booking_id,
    )
    desk.owner(
        "INSERT INTO refunds (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount,"
        " refund_method, modification_id)"
        " SELECT 1, gen_random_uuid(), p.id, 'R-1', 'cancellation', amount, 'cash', m.id"
        " FROM payments p JOIN booking_modifications m ON m.booking_id = p.booking_id WHERE p.booking_id = :id",
        id=done.booking_id,
    )
    fines.issue(desk.office, desk.clerk, FineOrder(name="Budi", identity="P1234567", train="43"))
    service_requests.open_request(desk.office, desk.clerk, Wanted("complaint", "Siti", "noise"))
    desk.owner(
        "INSERT INTO background_jobs (operator_id, id, kind, subject, started_by)"
        " SELECT 1, gen_random_uuid(), 'train_refund', '1', id FROM users WHERE staff_number = '3001'"
    )
    desk.owner("INSERT INTO background_job_items (operator_id, job_id, item) SELECT 1, id, '1' FROM background_jobs")
    desk.owner(
        "INSERT INTO notification_deliveries (operator_id, id, event_id, event_type, channel, recipient_digest,"
        " template, language, next_try_at)"
        " SELECT 1, gen_random_uuid(), id, event_type, 'sms', '', 'x', 'id', now() FROM domain_events LIMIT 1"
    )
    for table in TRANSITIONS:
        owner_session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    for table, assignment in ANY_STATE.items():
        owner_session.execute(text(f"UPDATE {table} SET {assignment}"))
    for table, checks in STATE_CHECKS.items():
        for check in checks:
            owner_session.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{check}"))
    for table in TRANSITIONS:
        owner_session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER guard_transition"))
    return owner_session


@pytest.mark.parametrize("table", TRANSITIONS)
def test_the_database_allows_what_the_table_draws_and_nothing_else(rows: Connection, table: str) -> None:
    column, transitions = TRANSITIONS[table]
    one = f"ctid = (SELECT min(ctid) FROM {table})"
    for before, after in product(transitions, repeat=2):
        allowed = before == after or after in transitions[before]
        outside = rows.begin_nested()
        rows.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER guard_transition"))
        rows.execute(text(f"UPDATE {table} SET {column} = :before"), {"before": before})
        rows.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER guard_transition"))
        if allowed:
            assert (
                rows.execute(text(f"UPDATE {table} SET {column} = :after WHERE {one}"), {"after": after}).rowcount == 1
            )
        else:
            with pytest.raises(IntegrityError, match=f"{table}_transition|cannot become"):
                rows.execute(text(f"UPDATE {table} SET {column} = :after WHERE {one}"), {"after": after})
        outside.rollback()


@pytest.mark.parametrize("table", TRANSITIONS)
def test_the_check_lists_the_same_states(desk: Desk, table: str) -> None:
    column, transitions = TRANSITIONS[table]
    definition = desk.value(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = CAST(:table AS regclass) AND conname = :name",
        table=table,
        name=f"ck_{table}_{column}_known",
    )
    assert set(re.findall(r"'(\w+)'", definition)) == set(transitions)
    assert {state for moves in transitions.values() for state in moves} <= set(transitions)


def test_every_first_state_is_the_one_new_rows_get(desk: Desk) -> None:
    """No state is without a way in: it is the default, or some move leads there."""
    for table, (column, transitions) in TRANSITIONS.items():
        default = desk.value(
            "SELECT column_default FROM information_schema.columns WHERE table_name = :table AND column_name = :column",
            table=table,
            column=column,
        )
        first = "active" if table == "tickets" else None
        reached = {state for moves in transitions.values() for state in moves} | {first or default.split("'")[1]}
        assert reached == set(transitions), table


def test_a_live_ticket_holds_its_seat_until_it_is_closed(desk: Desk) -> None:
    """The index that allows one live ticket to a passenger counts the same states as live."""
    definition = desk.value("SELECT indexdef FROM pg_indexes WHERE indexname = 'uq_tickets_one_live_per_passenger'")
    assert set(re.findall(r"'(\w+)'", definition)) == set(LIVE_TICKET)


def test_a_clerk_is_told_in_words(desk: Desk) -> None:
    done = desk.sell()
    desk.open_modifications()
    desk.owner("UPDATE bookings SET status = 'cancelled' WHERE id = :id", id=done.booking_id)
    with pytest.raises(StateConflict):
        desk.office.database.transaction(
            lambda tx: tx.raw("UPDATE bookings SET status = 'confirmed' RETURNING 1").all()
        )
