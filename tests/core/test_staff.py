"""Signing in: the right PIN, wrong ones, the lock after too many, numbers nobody has, sessions and new PINs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from core import pins, policy, staff, terminals
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
    computed: list[str] = []

    def counting(parameters: str, _secret: str) -> bytes:
        computed.append(parameters)
        return b"wrong"

    monkeypatch.setattr(pins, "proof", counting)
    for number in ("1001", "4711"):
        assert code_of(partial(sign_in, number)) == "not_signed_in"
    assert len(computed) == 2
    assert len({parameters.rpartition("$")[0] for parameters in computed}) == 1  # as expensive as each other


def test_who_has_left_does_not_sign_in(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    desk.owner("UPDATE users SET is_active = false WHERE staff_number = '1001'")
    assert code_of(sign_in) == "not_signed_in"


def test_a_customer_has_no_number_to_sign_in_with(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    desk.owner(
        "INSERT INTO users (operator_id, id, role, full_name) VALUES (1, gen_random_uuid(), 'customer', 'Somebody')"
    )
    assert code_of(lambda: sign_in("", "")) == "not_signed_in"


def test_staff_without_a_pin_do_not_sign_in(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    for stored in (None, "", "plain", "$argon2id-sha256$v=19$m=1,t=1,p=1$c2FsdHNhbHQ", "$x$y$z$"):
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
    """Guessing in parallel: the number is locked between the look at the lock and the judgement."""
    proof = pins.proof

    def locked_meanwhile(parameters: str, secret: str) -> bytes:
        desk.owner("UPDATE users SET locked_until = now() + interval '5 minutes' WHERE staff_number = '1001'")
        return proof(parameters, secret)

    monkeypatch.setattr(pins, "proof", locked_meanwhile)
    assert code_of(sign_in) == "locked"


def test_each_lock_is_longer_than_the_one_before(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    desk.decide(policy.PIN_ATTEMPTS, 1)
    desk.decide(policy.PIN_LOCK_MOST_MINUTES, 15)
    lasts = "SELECT extract(epoch FROM locked_until - updated_at)::int / 60 FROM users WHERE staff_number = '1001'"
    minutes = []
    for _ in range(4):
        code_of(lambda: sign_in("1001", "000000"))
        minutes.append(desk.value(lasts))
        desk.owner("UPDATE users SET locked_until = now() WHERE staff_number = '1001'")
    assert minutes == [5, 10, 15, 15]
    sign_in()
    code_of(lambda: sign_in("1001", "000000"))
    assert desk.value(lasts) == 5


def test_supervisors_are_told_of_a_lock(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    desk.decide(policy.PIN_ATTEMPTS, 2)
    for _ in range(4):
        code_of(lambda: sign_in("1001", "000000"))
    told = desk.owner(
        "SELECT u.role, n.message FROM notifications n JOIN users u ON u.id = n.user_id"
        " WHERE n.notification_type = 'security' ORDER BY 1"
    )
    assert [row.role for row in told] == ["admin", "supervisor"]
    assert "1001" in told[0].message


def test_ten_thousand_guesses(office: Office, desk: Desk, here: TerminalInfo, sign_in: Callable[..., SignIn]) -> None:
    """Behind a lock a guess is refused before anything is computed, and put on record; the lock does not grow."""
    desk.decide(policy.PIN_ATTEMPTS, 3)
    heard = [code_of(partial(sign_in, "1001", f"{guess:06}")) for guess in range(40)]
    assert heard == ["not_signed_in"] * 3 + ["locked"] * 37
    trail = "SELECT new_values->>'sign_in' AS it, count(*) FROM audit_logs WHERE entity_type = 'users' GROUP BY 1"
    assert {row.it: row.count for row in desk.owner(trail)} == {"failed": 2, "locked": 1, "refused": 37}
    assert desk.value("SELECT lockouts FROM users WHERE staff_number = '1001'") == 1


def test_the_trail_knows_of_failures(desk: Desk, sign_in: Callable[..., SignIn]) -> None:
    desk.decide(policy.PIN_ATTEMPTS, 2)
    for _ in range(2):
        code_of(lambda: sign_in("1001", "000000"))
    trail = desk.owner("SELECT new_values FROM audit_logs WHERE entity_type = 'users' ORDER BY created_at")
    assert [row.new_values for row in trail] == [{"sign_in": "failed"}, {"sign_in": "locked"}]


# Sessions


def test_at_a_screen_one_terminal_at_a_time(office: Office, desk: Desk, here: TerminalInfo) -> None:
    first = staff.sign_in(office, here, "1001", PIN, program="counter", interactive=True)
    script = staff.sign_in(office, here, "1001", PIN, program="counter sell")
    there = terminals.register(office, "DESK-2", station="YK")
    second = staff.sign_in(office, there, "1001", PIN, program="counter", interactive=True)
    assert (first.ended, second.ended) == (0, 1)
    assert staff.standing(office, first) == "signed in elsewhere"
    assert staff.standing(office, second) is None
    assert staff.standing(office, script) is None
    desk.decide(policy.SESSIONS_AT_ONE_TERMINAL, 0)
    staff.sign_in(office, here, "1001", PIN, program="counter", interactive=True)
    assert staff.standing(office, second) is None


def test_a_session_that_is_over_changes_nothing(office: Office, desk: Desk, here: TerminalInfo) -> None:
    signed = staff.sign_in(office, here, "1001", PIN, program="counter")
    staff.sign_off(office, signed.actor)
    assert staff.standing(office, signed) == "signed off"
    with pytest.raises(NotSignedIn) as caught:
        office.database.transaction(lambda tx: tx.audit("view", "bookings", "x"), actor=signed.actor)
    assert caught.value.reason == "session_over"
    staff.sign_off(office, signed.actor)  # once more is no harm


def test_a_session_runs_out(office: Office, desk: Desk, here: TerminalInfo) -> None:
    signed = staff.sign_in(office, here, "1001", PIN, program="counter")
    desk.owner("UPDATE user_sessions SET expires_at = now() WHERE id = :id", id=signed.session_id)
    assert staff.standing(office, signed) == "expired"


def test_the_token_is_shown_nowhere(sign_in: Callable[..., SignIn], desk: Desk) -> None:
    signed = sign_in()
    assert signed.actor.session not in repr(signed)
    assert (
        desk.value(
            "SELECT count(*) FROM user_sessions WHERE session_token = sha256(:t)", t=signed.actor.session.encode()
        )
        == 1
    )


# Where somebody works


def test_who_works_at_certain_stations_signs_in_there_alone(office: Office, desk: Desk, here: TerminalInfo) -> None:
    desk.owner(
        "INSERT INTO user_stations SELECT 1, u.id, s.id FROM users u, stations s"
        " WHERE u.staff_number = '1001' AND s.station_code = 'GMR'"
    )
    with pytest.raises(NotPermitted) as caught:
        staff.sign_in(office, here, "1001", PIN, program="tests")
    assert caught.value.reason == "wrong_station"
    there = terminals.register(office, "GMR-1", station="GMR")
    staff.sign_in(office, there, "1001", PIN, program="tests")


# One's own PIN


def test_a_pin_is_changed(office: Office, here: TerminalInfo, sign_in: Callable[..., SignIn]) -> None:
    before = sign_in()
    staff.change_pin(office, here, "1001", PIN, "847261")
    assert staff.standing(office, before) == "secret changed"
    assert code_of(sign_in) == "not_signed_in"
    sign_in("1001", "847261")


def test_a_pin_somebody_else_set_is_changed_first(
    office: Office, desk: Desk, here: TerminalInfo, sign_in: Callable[..., SignIn]
) -> None:
    desk.owner("UPDATE users SET must_change_pin = true WHERE staff_number = '1001'")
    assert code_of(sign_in) == "pin_must_change"
    assert code_of(lambda: staff.change_pin(office, here, "1001", "000000", "847261")) == "not_signed_in"
    staff.change_pin(office, here, "1001", PIN, "847261")
    sign_in("1001", "847261")


@pytest.mark.parametrize(
    "weak",
    [
        "12345",
        "1234567890123",
        "abcdef",
        "111111",
        "123456",
        "987654",
        "890123",
        "121212",
        "123123",
        "100100",
        "991001",
    ],
)
def test_a_pin_that_a_thief_tries_first(office: Office, here: TerminalInfo, weak: str) -> None:
    with pytest.raises(Refused) as caught:
        staff.change_pin(office, here, "1001", PIN, weak)
    assert caught.value.reason == "pin_weak"


def test_what_is_kept_is_not_what_is_sent(desk: Desk) -> None:
    kept = desk.value("SELECT password_hash FROM users WHERE staff_number = '1001'")
    parameters, _, last = kept.rpartition("$")
    sent = pins.proof(parameters, PIN)
    assert base64.b64encode(hashlib.sha256(sent).digest()).decode().rstrip("=") == last
    assert PIN not in kept


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
