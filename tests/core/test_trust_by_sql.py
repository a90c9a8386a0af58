"""What somebody with a terminal's login and plain SQL has tried: to guess, to sign for others, to pay himself.

Each of these went through once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors as pg

from core import pins, staff
from core.database import Actor
from tests.conftest import PIN, sign_in

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk

Session = psycopg.Connection[Any]
NO = (pg.InsufficientPrivilege, pg.CheckViolation, pg.UndefinedFunction)


@pytest.fixture
def log_in(database: TestDatabase) -> Iterator[Callable[..., Session]]:
    opened: list[Session] = []

    def connect(login: str, actor: Actor | None = None) -> Session:
        session = psycopg.connect(getattr(database, f"{login}_url"), autocommit=True)
        opened.append(session)
        if actor is not None:
            session.execute("SELECT set_config('counter.session', %s, false)", (actor.session,))
        return session

    yield connect
    for session in opened:
        session.close()


def answer(session: Session, pin: str, number: str = "3001") -> UUID | None:
    """Put an answer down, as the program does."""
    parameters = session.execute(
        "SELECT parameters FROM sign_in_challenge(%s, 'digest', NULL, 1)", (number,)
    ).fetchone()
    proof = hashlib.sha256(pins.proof(parameters[0], pin)).digest() if parameters else b""
    made = session.execute("SELECT attempt FROM sign_in_attempt(%s, 'digest', NULL, %s, 1)", (number, proof))
    found = made.fetchone()
    return None if found is None else found[0]


def judged(session: Session, attempt: UUID | None, token: bytes = b"t" * 32) -> str:
    row = session.execute(
        "SELECT outcome FROM open_session(%s, gen_random_uuid(), %s, 1, 'x', false, 60)", (attempt, token)
    ).fetchone()
    assert row is not None
    return str(row[0])


# Guessing


@pytest.mark.parametrize("login", ["counter", "gate"])
def test_a_guess_is_not_taken_back(desk: Desk, log_in: Callable[..., Session], login: str) -> None:
    session = log_in(login)
    with session.transaction(force_rollback=True):
        assert judged(session, answer(session, PIN)) == "failed", "not in the transaction that put it down"
    for guess in range(3):
        attempt = answer(session, f"00000{guess}")
        with session.transaction(force_rollback=True):
            assert judged(session, attempt) == "failed"
    assert desk.value("SELECT count(*) FROM sign_in_attempts") == 3
    desk.owner("UPDATE sign_in_attempts SET created_at = created_at - interval '1 minute'")
    answer(session, "000009")
    assert desk.value("SELECT failed_attempts FROM users WHERE staff_number = '3001'") == 3
    trail = "SELECT count(*) FROM audit_logs WHERE new_values->>'sign_in' = 'failed'"
    assert desk.value(trail) == 3


def test_few_answers_wait_at_a_time(desk: Desk, log_in: Callable[..., Session]) -> None:
    session = log_in("counter")
    made = [answer(session, PIN) for _ in range(21)]
    assert made[-1] is None
    assert None not in made[:-1]


def test_an_answer_is_judged_once(desk: Desk, log_in: Callable[..., Session]) -> None:
    session = log_in("counter")
    attempt = answer(session, PIN)
    assert judged(session, attempt) == "ok"
    assert judged(session, attempt, b"u" * 32) == "failed"


def test_nobody_is_whoever_has_an_empty_token(desk: Desk, log_in: Callable[..., Session]) -> None:
    session = log_in("counter")
    assert judged(session, answer(session, PIN), hashlib.sha256(b"").digest()) != "ok"
    assert session.execute("SELECT acting_user()").fetchone() == (None,)


def test_a_pin_is_set_by_nobody_who_is_not_signed_in(desk: Desk, log_in: Callable[..., Session]) -> None:
    session, clerk = log_in("counter"), desk.clerk
    kept = pins.keep("847261")
    somebody = desk.value("SELECT id FROM users WHERE staff_number = '3001'")
    setting = "SELECT set_secret(%s, %s, 1)"
    assert session.execute(setting, (somebody, kept)).fetchone() == ("refused",)
    session.execute("SELECT set_config('counter.session', %s, false)", (clerk.session,))
    assert session.execute(setting, (somebody, kept)).fetchone() == ("refused",)
    desk.owner("UPDATE user_sessions SET login_time = login_time - interval '10 minutes'")
    assert session.execute(setting, (clerk.user_id, kept)).fetchone() == ("refused",), "the old PIN is long ago"


@pytest.mark.parametrize("value", ["0", "1e9", "1.5", "1e15", "-3"])
def test_no_policy_takes_the_lock_away(desk: Desk, value: str) -> None:
    for name in ("pin_attempts", "pin_lock_minutes", "pin_lock_most_minutes", "session_hours"):
        desk.owner(
            "INSERT INTO policy_configurations (operator_id, policy_type, config)"
            f" VALUES (1, '{name}', '{{\"value\": {value}}}')"
        )
    heard = []
    for _ in range(101):
        desk.owner("UPDATE users SET failed_attempts = failed_attempts + 20 WHERE staff_number = '1001'")
        with pytest.raises(Exception, match=r"do not fit|locked") as caught:
            sign_in_wrong(desk)
        heard.append(str(caught.value))
        if "locked" in heard[-1]:
            break
    assert "locked" in heard[-1]


def sign_in_wrong(desk: Desk) -> None:
    from core import terminals

    staff.sign_in(desk.office, terminals.register(desk.office, "TEST-1"), "1001", "000000", program="tests")


# Names


def test_nobody_signs_for_whoever_he_has_just_touched(desk: Desk, log_in: Callable[..., Session]) -> None:
    boss = sign_in(desk.office, "3001", "OFFICE-1")
    session = log_in("supervisor", boss)
    session.execute("BEGIN")
    session.execute("UPDATE user_sessions SET is_active = is_active WHERE user_id = %s", (desk.clerk.user_id,))
    with pytest.raises(NO):
        session.execute(
            "INSERT INTO audit_logs (operator_id, id, user_id, correlation_id, entity_type, entity_id, action)"
            " VALUES (1, gen_random_uuid(), %s, gen_random_uuid(), 'x', 'x', 'create')",
            (desk.clerk.user_id,),
        )


def test_a_drawer_is_nobody_elses(desk: Desk, log_in: Callable[..., Session]) -> None:
    boss = desk.value("SELECT id FROM users WHERE staff_number = '3001'")
    session = log_in("counter", desk.clerk)
    with pytest.raises(NO):
        session.execute(
            "INSERT INTO shifts (operator_id, id, shift_number, user_id, terminal_id, float_amount)"
            " SELECT 1, gen_random_uuid(), 99, %s, max(id), 0 FROM terminals",
            (boss,),
        )


def test_a_customer_does_not_become_staff(desk: Desk, log_in: Callable[..., Session]) -> None:
    desk.owner("INSERT INTO users (operator_id, id, role, full_name) VALUES (1, gen_random_uuid(), 'customer', 'X')")
    session = log_in("supervisor", sign_in(desk.office, "9001", "OFFICE-1"))
    for statement in (
        "UPDATE users SET role = 'clerk', staff_number = '7' WHERE role = 'customer'",
        "INSERT INTO users (operator_id, id, role, staff_number, full_name, password_hash)"
        " VALUES (1, gen_random_uuid(), 'clerk', '8', 'X', 'x')",
    ):
        with pytest.raises(NO):
            session.execute(statement)  # type: ignore[arg-type]
    without = log_in("counter")
    assert without.execute("UPDATE users SET is_verified = true WHERE role = 'customer'").rowcount == 0


def test_notices_are_ones_own(desk: Desk, log_in: Callable[..., Session]) -> None:
    desk.owner(
        "INSERT INTO notifications (operator_id, id, user_id, notification_type, title, message)"
        " SELECT 1, gen_random_uuid(), id, 'security', 'x', 'x' FROM users WHERE staff_number = '3001'"
    )
    for login in ("gate", "counter"):
        session = log_in(login)
        assert session.execute("SELECT count(*) FROM notifications").fetchone() == (0,)
        assert session.execute("UPDATE notifications SET is_read = true").rowcount == 0
    with pytest.raises(NO):
        log_in("counter", desk.clerk).execute(
            "INSERT INTO notifications (operator_id, id, user_id, notification_type, title, message)"
            " SELECT 1, gen_random_uuid(), id, 'security', 'Tell your PIN', 'x' FROM users"
        )


# The trail


def test_a_row_that_is_there_already_moves_no_head(desk: Desk, log_in: Callable[..., Session]) -> None:
    known = desk.value("SELECT id FROM audit_logs LIMIT 1")
    log_in("gate").execute(
        "INSERT INTO audit_logs (operator_id, id, terminal_id, correlation_id, entity_type, entity_id, action)"
        " VALUES (1, %s, 1, gen_random_uuid(), 'x', 'x', 'create') ON CONFLICT DO NOTHING",
        (known,),
    )
    desk.require_sound()


def test_a_checkpoint_says_what_the_chain_says(desk: Desk, log_in: Callable[..., Session]) -> None:
    for login in ("gate", "counter"):
        with pytest.raises(NO):
            log_in(login).execute(
                "INSERT INTO audit_checkpoints (operator_id, chain, chain_no, row_hash, key_id, signature)"
                " VALUES (1, 1, 999999, '\\x00', 1, '\\x00')"
            )


# Money


def modification(session: Session, booking: UUID, kind: str, clerk: Actor, approval: UUID | None = None) -> UUID:
    row = session.execute(
        "INSERT INTO booking_modifications (operator_id, id, booking_id, modification_type, reason, opened_by,"
        " approval_id) VALUES (1, gen_random_uuid(), %s, %s, 'x', %s, %s) RETURNING id",
        (booking, kind, clerk.user_id, approval),
    ).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def refund(session: Session, booking: UUID, of: UUID, amount: int) -> None:
    session.execute(
        "INSERT INTO refunds (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount,"
        " refund_method, modification_id) SELECT 1, gen_random_uuid(), id, gen_random_uuid()::text, 'cancellation', %s,"
        " 'bank_transfer', %s FROM payments WHERE booking_id = %s",
        (amount, of, booking),
    )
    session.execute(
        "UPDATE refunds SET refund_status = 'completed', refund_date = now() WHERE modification_id = %s", (of,)
    )


def test_money_that_came_in_time_does_not_go_back_as_late(desk: Desk, log_in: Callable[..., Session]) -> None:
    sold = desk.sell()
    session = log_in("counter", desk.clerk)
    late = modification(session, sold.booking_id, "late_payment", desk.clerk)
    with pytest.raises(NO):
        session.execute("UPDATE payments SET modification_id = %s WHERE booking_id = %s", (late, sold.booking_id))
    with pytest.raises(NO):
        refund(session, sold.booking_id, late, sold.final_amount)


def test_one_approval_pays_no_more_than_it_says(desk: Desk, log_in: Callable[..., Session]) -> None:
    sold = desk.sell()
    boss, session = sign_in(desk.office, "3001", "OFFICE-1"), log_in("counter", desk.clerk)
    approvals = {}
    for number, (kind, subject) in enumerate(
        [("payments", "x"), ("bookings", str(sold.booking_id)), ("schedules", "0")], 900
    ):
        row = session.execute(
            "INSERT INTO approvals (operator_id, id, approval_number, approval_kind, subject_type, subject_id, amount,"
            " fingerprint, reason, requested_by, terminal_id, expires_at) VALUES (1, gen_random_uuid(), %s, 'refund',"
            " %s, %s, 1000, '', 'x', %s, %s, now() + interval '1 hour') RETURNING id",
            (number, kind, subject, desk.clerk.user_id, desk.clerk.terminal_id),
        ).fetchone()
        approvals[kind] = row[0]
    log_in("supervisor", boss).execute(
        "UPDATE approvals SET status = 'approved', decided_by = %s, decided_at = now()", (boss.user_id,)
    )
    for kind in ("payments", "schedules"):
        of = modification(session, sold.booking_id, "cancel", desk.clerk, approvals[kind])
        with pytest.raises(NO):
            refund(session, sold.booking_id, of, 1000)
    desk.owner("UPDATE refunds SET refund_status = 'failed'")
    first = modification(session, sold.booking_id, "cancel", desk.clerk, approvals["bookings"])
    refund(session, sold.booking_id, first, 1000)
    second = modification(session, sold.booking_id, "cancel", desk.clerk, approvals["bookings"])
    with pytest.raises(NO):
        refund(session, sold.booking_id, second, 1000)


def test_what_was_given_back_pays_for_nothing(desk: Desk, log_in: Callable[..., Session]) -> None:
    held = desk.hold()
    session = log_in("counter", desk.clerk)
    session.execute(
        "INSERT INTO payments (operator_id, id, booking_id, payment_reference, payment_method, payment_status, amount,"
        " taken_by, terminal_id, payment_date, external_reference) VALUES (1, gen_random_uuid(), %s, 'X',"
        " 'bank_transfer', 'completed', 5000, %s, %s, now(), 'x')",
        (held.booking_id, desk.clerk.user_id, desk.clerk.terminal_id),
    )
    session.execute(
        "INSERT INTO refunds (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount,"
        " refund_status, refund_method, refund_date) SELECT 1, gen_random_uuid(), id, 'X', 'cancellation', 5000,"
        " 'completed', 'bank_transfer', now() FROM payments WHERE booking_id = %s",
        (held.booking_id,),
    )
    session.execute(
        "INSERT INTO booking_charges (operator_id, id, booking_id, charge_kind, amount, cause)"
        " VALUES (1, gen_random_uuid(), %s, 'fare', 5000, 'x')",
        (held.booking_id,),
    )
    with pytest.raises(NO):
        session.execute(
            "UPDATE bookings SET status = 'confirmed', final_amount = 5000, total_amount = 5000, discount_amount = 0"
            " WHERE id = %s",
            (held.booking_id,),
        )
