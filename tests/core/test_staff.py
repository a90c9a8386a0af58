"""Signing in: the right PIN, wrong ones, the lock after too many, and numbers nobody has."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from core import policy, staff, terminals
from core.database import NOBODY, Actor
from core.errors import CounterError, NotFound, NotPermitted, NotSignedIn, Refused, UsageError
from core.office import Office
from core.permissions import PERMISSIONS, allowed, require
from core.staff import SignIn
from core.terminals import TerminalInfo

if TYPE_CHECKING:
    from tests.core.conftest import Desk

PIN = "123456"


@pytest.fixture
def here(office: Office) -> TerminalInfo:
    return terminals.register(office, "DESK-1", station="YK")


@pytest.fixture
def sign_in(office: Office, here: TerminalInfo) -> Callable[..., SignIn]:
    def enter(number: str = "1001", pin: str = PIN) -> SignIn:
        return staff.sign_in(office, here, number, pin, program="tests")

    return enter


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(NotSignedIn) as caught:
        work()
    return caught.value.reason


# The right PIN


@pytest.mark.parametrize(
    ("number", "role"), [("1001", "clerk"), ("2001", "gate"), ("3001", "supervisor"), ("9001", "admin")]
)
def test_who_signs_in_is_on_record(
    desk: Desk, here: TerminalInfo, sign_in: Callable[..., SignIn], number: str, role: str
) -> None:
    before = desk.count("user_sessions")
    signed = sign_in(f" {number} ")
    assert (signed.actor.role, signed.actor.staff_number, signed.actor.terminal_id) == (role, number, here.id)
    row = desk.owner("SELECT * FROM user_sessions ORDER BY login_time DESC LIMIT 1")[0]
    assert (row.user_id, row.terminal_id, row.user_agent) == (signed.actor.user_id, here.id, "tests")
    assert row.expires_at == signed.expires_at
    assert desk.count("user_sessions") == before + 1
    assert desk.value(
        "SELECT expires_at - login_time = interval '12 hours' FROM user_sessions WHERE id = :id", id=row.id
    )
    trail = desk.value("SELECT new_values FROM audit_logs WHERE entity_id = :id", id=str(row.id))
    assert trail == {"staff_number": number, "program": "tests"}


def test_a_session_lasts_as_the_station_says(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    desk.decide(policy.SESSION_HOURS, 1, station="YK")
    signed = sign_in()
    assert desk.value(
        "SELECT expires_at - login_time = interval '1 hour' FROM user_sessions WHERE expires_at = :at",
        at=signed.expires_at,
    )


# Wrong ones


@pytest.mark.parametrize(
    ("number", "pin"),
    [
        ("1001", "000000"),
        ("1001", "1234567"),
        ("1001", PIN + "\x00"),
        ("1001", "x" * 5000),
        ("1001", "\ud800"),
        ("9999", PIN),
        ("", PIN),
        ("1001; DROP TABLE users", PIN),
        ("1" * 5000, PIN),
    ],
)
def test_what_does_not_fit(sign_in: Callable[..., SignIn], number: str, pin: str) -> None:
    assert code_of(lambda: sign_in(number, pin)) == "not_signed_in"


@pytest.mark.parametrize("number", ["10\x0001", "\udcff"])
def test_a_number_no_database_can_store(sign_in: Callable[..., SignIn], number: str) -> None:
    with pytest.raises((NotSignedIn, UsageError)):
        sign_in(number)


def test_unknown_numbers_and_wrong_pins_sound_the_same(sign_in: Callable[..., SignIn]) -> None:
    answers = []
    for number in ("1001", "4711"):
        with pytest.raises(NotSignedIn) as caught:
            sign_in(number, "000000")
        answers.append(caught.value.as_json())
    assert answers[0] == answers[1]


def test_an_unknown_number_costs_a_hash_too(sign_in: Callable[..., SignIn], monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the time of the answer would tell which numbers exist."""
    compared: list[str] = []

    class Counting:
        def verify(self, stored: str, _pin: str) -> bool:
            compared.append(stored)
            return False

    monkeypatch.setattr(staff, "_HASHER", Counting())
    for number in ("1001", "4711"):
        with pytest.raises(NotSignedIn):
            sign_in(number)
    parameters = {stored.split("$")[3] for stored in compared}
    assert len(compared) == 2
    assert len(parameters) == 1  # as expensive as each other


def test_who_has_left_does_not_sign_in(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    desk.owner("UPDATE users SET is_active = false WHERE staff_number = '1001'")
    assert code_of(sign_in) == "not_signed_in"


def test_a_customer_has_no_number_to_sign_in_with(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    desk.owner(
        "INSERT INTO users (operator_id, id, role, full_name) VALUES (1, gen_random_uuid(), 'customer', 'Somebody')"
    )
    assert code_of(lambda: sign_in("", "")) == "not_signed_in"


def test_staff_without_a_pin_do_not_sign_in(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    for stored in (None, "", "plain"):
        desk.owner("UPDATE users SET password_hash = :stored WHERE staff_number = '1001'", stored=stored)
        assert code_of(lambda: sign_in("1001", "plain")) == "not_signed_in"


# The lock


def test_too_many_wrong_pins_lock_the_number_even_for_the_right_one(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    desk.decide(policy.PIN_ATTEMPTS, 3, station="YK")
    assert [code_of(lambda: sign_in("1001", "000000")) for _ in range(4)] == ["not_signed_in"] * 3 + ["locked"]
    assert code_of(sign_in) == "locked"
    sign_in("3001")
    desk.owner("UPDATE users SET locked_until = now() - interval '1 second' WHERE staff_number = '1001'")
    sign_in()
    assert desk.value("SELECT failed_attempts FROM users WHERE staff_number = '1001'") == 0


def test_a_number_nobody_has_locks_like_any_other(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    """Else the lock would tell which numbers exist."""
    desk.decide(policy.PIN_ATTEMPTS, 3, station="YK")

    def answers(number: str) -> list[dict[str, object]]:
        heard = []
        for _ in range(5):
            with pytest.raises(NotSignedIn) as caught:
                sign_in(number, "000000")
            heard.append(caught.value.as_json())
        return heard

    assert answers("1001") == answers("4711")
    assert answers("4712")[0]["code"] == "not_signed_in"
    past = "UPDATE audit_logs SET created_at = created_at - interval '10 minutes'"
    desk.owner("ALTER TABLE audit_logs DISABLE TRIGGER guard_history")  # time passes; nobody else could do that
    desk.owner(past)
    assert [answer["code"] for answer in answers("4711")] == ["not_signed_in"] * 3 + ["locked"] * 2
    told = "SELECT count(*) FROM audit_logs WHERE entity_id = '4711' OR new_values::text LIKE '%4711%'"
    assert desk.value(told) == 0


def test_the_right_pin_forgets_the_wrong_ones(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    desk.decide(policy.PIN_ATTEMPTS, 2)
    for _ in range(3):
        assert code_of(lambda: sign_in("1001", "000000")) == "not_signed_in"
        sign_in()


def test_wrong_pins_at_the_same_moment_are_all_counted(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    desk.decide(policy.PIN_ATTEMPTS, 100)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: code_of(lambda: sign_in("1001", "000000")), range(8)))
    assert desk.value("SELECT failed_attempts FROM users WHERE staff_number = '1001'") == 8


def test_a_right_pin_among_too_many_wrong_ones_comes_too_late(
    desk: Desk, sign_in: Callable[..., SignIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guessing in parallel: the number is locked between the check of the lock and the end of the comparison."""
    verify = staff._verify

    def locked_meanwhile(stored: str, pin: str) -> bool:
        desk.owner("UPDATE users SET locked_until = now() + interval '5 minutes' WHERE staff_number = '1001'")
        return verify(stored, pin)

    monkeypatch.setattr(staff, "_verify", locked_meanwhile)
    assert code_of(sign_in) == "locked"


def test_the_trail_knows_of_failures(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    desk.decide(policy.PIN_ATTEMPTS, 2)
    for _ in range(2):
        code_of(lambda: sign_in("1001", "000000"))
    trail = desk.owner("SELECT new_values FROM audit_logs WHERE entity_type = 'users' ORDER BY created_at")
    assert [row.new_values for row in trail] == [{"sign_in": "failed"}, {"sign_in": "locked"}]


# Terminals


def test_a_terminal_is_registered_once(office: Office, desk: Desk) -> None:
    before = desk.count("terminals")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: terminals.register(office, "NEW", station="YK"), range(8)))
    assert len({terminal.id for terminal in found}) == 1
    assert desk.count("terminals") == before + 1


def test_a_terminal_moves_and_keeps_its_place(office: Office) -> None:
    first = terminals.register(office, "CART", station="YK")
    moved = terminals.register(office, "CART", station="gmr")
    assert moved.id == first.id
    assert moved.station_id != first.station_id
    assert terminals.register(office, "CART") == moved
    with pytest.raises(NotFound):
        terminals.register(office, "CART", station="XXX")


def test_a_terminal_out_of_service(office: Office, desk: Desk) -> None:
    terminals.register(office, "OLD")
    desk.owner("UPDATE terminals SET is_active = false WHERE terminal_code = 'OLD'")
    with pytest.raises(Refused) as caught:
        terminals.register(office, "OLD")
    assert caught.value.reason == "terminal_inactive"


# Permissions


def test_nobody_may_do_anything() -> None:
    for permission in PERMISSIONS:
        assert not allowed(NOBODY, permission)
        with pytest.raises(NotSignedIn):
            require(NOBODY, permission)


def test_roles_have_what_they_need_and_no_more(sign_in: Callable[..., SignIn]) -> None:
    def can(number: str) -> set[str]:
        actor = sign_in(number).actor
        return {permission for permission in PERMISSIONS if allowed(actor, permission)}

    gate = can("2001")
    assert "check_in" in gate
    assert gate.isdisjoint({"sell", "reprint"})
    assert {"sell", "reprint", "show"} <= can("1001") <= can("3001") <= can("9001")
    with pytest.raises(NotPermitted):
        require(sign_in("2001").actor, "sell")


def test_a_role_nobody_declared_may_nothing(here: TerminalInfo, sign_in: Callable[..., SignIn]) -> None:
    stranger = Actor(sign_in().actor.user_id, role="customer")
    for permission in PERMISSIONS:
        with pytest.raises(CounterError):
            require(stranger, permission)
