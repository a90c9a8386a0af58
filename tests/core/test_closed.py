"""Closed is closed: the database refuses new or changed money on a sold booking and on a closed shift, to everybody.

By plain SQL, as the terminal's own login and as the owner, and in races with the sale that is closing.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors as pg

from core.ops import migrate

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk

Session = psycopg.Connection[Any]

_SOLD = "(SELECT id FROM bookings WHERE status = 'confirmed')"
_SHIFT = "(SELECT id FROM shifts)"
_PAYMENT = (
    "INSERT INTO payments (operator_id, id, booking_id, payment_reference, payment_method, payment_status, amount,"
    " tendered, change_given, taken_by, terminal_id, payment_date, shift_id, modification_id)"
    " SELECT 1, gen_random_uuid(), {booking}, 'LATE', 'cash', 'completed', {amount}, {amount}, 0, user_id, terminal_id,"
    " now(), id, {modification} FROM shifts"
)
_CHARGE = (
    "INSERT INTO booking_charges (operator_id, id, booking_id, charge_kind, amount, cause, modification_id)"
    " VALUES (1, gen_random_uuid(), {booking}, 'surcharge', {amount}, 'late', {modification})"
)
_REFUND = (
    "INSERT INTO refunds (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount, refund_method,"
    " modification_id) SELECT 1, gen_random_uuid(), id, 'R-' || id, 'cancellation', amount, 'cash', {modification}"
    " FROM payments WHERE booking_id = {booking}"
)
_PROMOTION = (
    "INSERT INTO booking_promotions (operator_id, id, booking_id, promotion_id, discount_applied)"
    " SELECT 1, gen_random_uuid(), {booking}, min(id), 5000 FROM promotions"
)
_TICKET = (
    "INSERT INTO tickets (operator_id, id, booking_id, passenger_id, qr_code, schedule_id, service_date, class_id,"
    " from_stop, to_stop, legs, subclass, fare, ticket_status) SELECT operator_id, id + 100, booking_id, passenger_id,"
    " qr_code, schedule_id, service_date, class_id, from_stop, to_stop, legs, subclass, fare, 'voided' FROM tickets"
    " WHERE booking_id = {booking}"
)

#: What the terminal's login may not do to a sold booking: the row's own guard says no, or it has no such right.
CHANGES = {
    "a payment": _PAYMENT,
    "a charge": _CHARGE,
    "a refund": _REFUND,
    "a promotion": _PROMOTION,
    "a ticket": _TICKET,
    "the amounts": "UPDATE bookings SET final_amount = 0, total_amount = 0 WHERE id = {booking}",
    "the discount": "UPDATE bookings SET discount_amount = 0 WHERE id = {booking}",
    "a payment's amount": "UPDATE payments SET amount = 0 WHERE booking_id = {booking}",
    "a payment's state": "UPDATE payments SET payment_status = 'failed' WHERE booking_id = {booking}",
    "a payment given back": "UPDATE payments SET payment_status = 'refunded' WHERE booking_id = {booking}",
    "when it was paid": "UPDATE payments SET payment_date = now() - interval '3 days' WHERE booking_id = {booking}",
    "what it was paid with": "UPDATE payments SET external_reference = 'X' WHERE booking_id = {booking}",
    "its state": "UPDATE bookings SET status = 'cancelled' WHERE id = {booking}",
    "how many travel": "UPDATE bookings SET passenger_count = 9 WHERE id = {booking}",
    "a charge's amount": "UPDATE booking_charges SET amount = 0 WHERE booking_id = {booking}",
    "no payments": "DELETE FROM payments",
    "no charges": "DELETE FROM booking_charges",
    "no payments at all": "TRUNCATE payments CASCADE",
    "no charges at all": "TRUNCATE booking_charges",
    "no promotions at all": "TRUNCATE booking_promotions",
    "a trail of another": "UPDATE audit_logs SET user_id = NULL",
    "no trail": "DELETE FROM audit_logs",
    "no trail at all": "TRUNCATE audit_logs",
}
_REFUSED = (pg.CheckViolation, pg.InsufficientPrivilege)


@pytest.fixture
def terminal(database: TestDatabase) -> Iterator[Session]:
    """Plain psycopg as a terminal's login; each statement stands alone."""
    with psycopg.connect(database.counter_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def owning(database: TestDatabase) -> Iterator[Session]:
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def promotion(desk: Desk) -> int:
    desk.owner(
        "INSERT INTO promotions (operator_id, promotion_code, promotion_name, discount_type, discount_value,"
        " valid_from, valid_to, usage_limit)"
        " VALUES (1, 'TRY', 'Try', 'fixed_amount', 5000, now(), now() + interval '1 day', 1)"
    )
    return int(desk.value("SELECT id FROM promotions WHERE promotion_code = 'TRY'"))


def _open_modification(terminal: Session, booking_id: UUID) -> str:
    row = terminal.execute(
        "INSERT INTO booking_modifications (operator_id, id, booking_id, modification_type, reason)"
        " VALUES (1, gen_random_uuid(), %s, 'cancel', 'asked for') RETURNING id",
        (booking_id,),
    ).fetchone()
    assert row is not None
    return f"'{row[0]}'"


@pytest.mark.usefixtures("promotion")
@pytest.mark.parametrize("change", CHANGES)
def test_a_sold_booking_is_closed_to_a_terminal(desk: Desk, terminal: Session, change: str) -> None:
    desk.sell(2)
    with pytest.raises(_REFUSED):
        terminal.execute(CHANGES[change].format(booking=_SOLD, modification="NULL", amount=5000))
    desk.require_sound()


@pytest.mark.usefixtures("promotion")
@pytest.mark.parametrize("change", [name for name in CHANGES if name != "a payment's amount"])
def test_a_sold_booking_is_closed_to_the_owner(desk: Desk, owning: Session, change: str) -> None:
    desk.sell(2)
    with pytest.raises(_REFUSED):
        owning.execute(CHANGES[change].format(booking=_SOLD, modification="NULL", amount=5000))
    desk.require_sound()


def test_an_open_modification_of_that_booking_lets_rows_in(desk: Desk, terminal: Session) -> None:
    sold, other = desk.sell(1), desk.sell(1, first=5)
    booking = f"'{sold.booking_id}'"
    of_another = _open_modification(terminal, other.booking_id)
    for row in (_PAYMENT, _CHARGE, _REFUND):
        with pytest.raises((pg.CheckViolation, pg.ForeignKeyViolation)):
            terminal.execute(row.format(booking=booking, modification=of_another, amount=5000))
    own = _open_modification(terminal, sold.booking_id)
    with terminal.transaction():
        assert terminal.execute(_PAYMENT.format(booking=booking, modification=own, amount=5000)).rowcount == 1
        assert terminal.execute(_CHARGE.format(booking=booking, modification=own, amount=5000)).rowcount == 1
    paid_out = _REFUND.replace("refund_method,", "refund_method, refund_status, refund_date,").replace(
        "'cash', {modification}", "'cash', 'completed', now(), {modification}"
    )
    with pytest.raises(pg.CheckViolation, match="is asked for before it is paid out"):
        terminal.execute(paid_out.format(booking=booking, modification=own))
    with pytest.raises(pg.CheckViolation, match="more is refunded than was paid"):
        terminal.execute(
            _REFUND.replace("amount, 'cash'", "amount + 1, 'cash'").format(booking=booking, modification=own)
        )
    terminal.execute("UPDATE booking_modifications SET status = 'closed', closed_at = now()")
    with pytest.raises(pg.CheckViolation, match="is closed"):
        terminal.execute(_CHARGE.format(booking=booking, modification=own, amount=5000))
    desk.require_sound()


def test_a_booking_is_confirmed_only_when_it_is_paid(desk: Desk, terminal: Session) -> None:
    held = desk.hold(1)
    confirmed = "UPDATE bookings SET status = 'confirmed'"
    with pytest.raises(pg.CheckViolation, match="is paid"):
        terminal.execute(confirmed)
    with terminal.transaction(force_rollback=True):
        terminal.execute(_PAYMENT.format(booking=f"'{held.booking_id}'", modification="NULL", amount=5000))
        with pytest.raises(pg.CheckViolation, match="5000 is paid, 0 is charged"):
            terminal.execute(confirmed)


@pytest.mark.parametrize("row", [_PAYMENT, _CHARGE])
def test_money_that_comes_while_the_booking_is_closing_waits_and_is_refused(
    desk: Desk, terminal: Session, owning: Session, row: str
) -> None:
    """The insert begins while the sale has not ended; it may not slip in behind the sum."""
    held = desk.hold(1)
    amount = held.total
    booking = f"'{held.booking_id}'"
    late = row.format(booking=booking, modification="NULL", amount=5000)
    closing = (
        _PAYMENT.format(booking=booking, modification="NULL", amount=amount),
        _CHARGE.format(booking=booking, modification="NULL", amount=amount),
        "UPDATE bookings SET status = 'confirmed', expires_at = NULL",
    )
    with ThreadPoolExecutor(1) as pool:
        with owning.transaction():
            for statement in closing:
                owning.execute(statement)
            waiting = pool.submit(terminal.execute, late.replace("'LATE'", "'LATER'"))
            while not desk.owner("SELECT FROM pg_locks WHERE NOT granted"):
                assert not waiting.done()
        with pytest.raises(pg.CheckViolation, match="is closed"):
            waiting.result(timeout=30)
    paid = desk.value("SELECT sum(amount) FROM payments WHERE booking_id = :id", id=held.booking_id)
    assert paid == amount


_CLOSE_SHIFT = (
    "UPDATE shifts SET status = 'counted', counted_at = now(), counted_amount = 0",
    "UPDATE shifts SET status = 'closed', closed_at = now(), closed_by = user_id, expected_amount = 0",
)
_MOVEMENT = (
    "INSERT INTO cash_movements (operator_id, id, shift_id, movement_kind, amount, reason, recorded_by)"
    " SELECT 1, gen_random_uuid(), id, 'cash_out', 1000, 'tea', user_id FROM shifts"
)
SHIFT_CHANGES = {
    "a movement": _MOVEMENT,
    "a payment": _PAYMENT.format(
        booking="(SELECT id FROM bookings WHERE status = 'pending')", modification="NULL", amount=5000
    ),
    "a count": "INSERT INTO shift_counts (operator_id, id, shift_id, denomination, pieces, counted_by)"
    " SELECT 1, gen_random_uuid(), id, 1000, 1, user_id FROM shifts",
    "ticket stock": "INSERT INTO stock_counts (operator_id, id, shift_id, roll, first_number)"
    " SELECT 1, gen_random_uuid(), id, 'A', 1 FROM shifts",
    "its figures": "UPDATE shifts SET counted_amount = 1, expected_amount = 1",
    "its state": "UPDATE shifts SET status = 'open', counted_at = NULL, closed_at = NULL, closed_by = NULL",
    "nothing left of it": "DELETE FROM shifts",
    "nothing left of any": "TRUNCATE shifts CASCADE",
    "no movements": "TRUNCATE cash_movements",
    "no reports": "TRUNCATE z_reports",
}


@pytest.mark.parametrize("change", SHIFT_CHANGES)
def test_a_closed_shift_stays_as_it_was(desk: Desk, terminal: Session, owning: Session, change: str) -> None:
    desk.hold(1)
    terminal.execute(_MOVEMENT)
    terminal.execute("SELECT set_config('counter.session', %s, false)", (desk.clerk.session,))
    for statement in _CLOSE_SHIFT:
        terminal.execute(statement)
    for login in (terminal, owning):
        with pytest.raises(_REFUSED):
            login.execute(SHIFT_CHANGES[change])
    assert desk.count("cash_movements") == 1


def test_cash_needs_a_shift(desk: Desk, terminal: Session) -> None:
    held = desk.hold(1)
    statement = _PAYMENT.format(booking=f"'{held.booking_id}'", modification="NULL", amount=5000)
    with pytest.raises(pg.CheckViolation, match="cash belongs to a shift"):
        terminal.execute(statement.replace("now(), id,", "now(), NULL,"))


@pytest.mark.parametrize("table", ["audit_logs", "domain_events", "payments", "booking_charges", "cash_movements"])
def test_nobody_says_when_a_row_was_written(desk: Desk, terminal: Session, table: str) -> None:
    desk.sell(1)
    with pytest.raises(pg.InsufficientPrivilege):
        terminal.execute(
            f"INSERT INTO {table} (operator_id, id, created_at) VALUES (1, gen_random_uuid(), '2020-01-01')"
        )


def test_a_database_of_the_release_before_goes_forward_and_back_with_its_sales(
    desk: Desk, database: TestDatabase
) -> None:
    from alembic import command

    sold = desk.sell(2)
    engine = migrate.owner_engine(database.owner_url)
    made = migrate.config()
    with engine.begin() as connection:
        made.attributes["connection"] = connection
        command.downgrade(made, "0001")
    with engine.begin() as connection:
        made.attributes["connection"] = connection
        command.upgrade(made, "head")
    engine.dispose()
    assert desk.value("SELECT count(*) FROM tickets WHERE booking_id = :id", id=sold.booking_id) == 2
    desk.require_sound()
