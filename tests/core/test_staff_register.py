"""Looking after staff: entering, changing, unlocking, signing off; who may do it to whom, and what goes on record."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, text

from core import pins, policy, staff, staff_register, terminals
from core.database import NOBODY, Actor
from core.errors import CounterError, NotPermitted, NotSignedIn
from core.office import Office
from core.staff import SignIn
from core.staff_list import PAGE_ROWS
from core.staff_register import ROLES
from core.terminals import TerminalInfo

if TYPE_CHECKING:
    from tests.core.conftest import Desk

PIN = "123456"
NEW = "847261"


@pytest.fixture
def here(office: Office) -> TerminalInfo:
    return terminals.register(office, "DESK-1", station="YK")


@pytest.fixture
def enter(office: Office, here: TerminalInfo) -> Callable[..., SignIn]:
    def sign_in(number: str, pin: str = PIN, *, at: TerminalInfo = here, interactive: bool = True) -> SignIn:
        return staff.sign_in(office, at, number, pin, program="counter", interactive=interactive)

    return sign_in


@pytest.fixture
def boss(enter: Callable[..., SignIn]) -> Actor:
    return enter("3001").actor


@pytest.fixture
def admin(enter: Callable[..., SignIn]) -> Actor:
    return enter("9001").actor


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises(CounterError) as caught:
        work()
    assert caught.value.hint
    return caught.value.reason


def trail(desk: Desk, number: str) -> list[dict[str, Any]]:
    """What is on record about somebody, the oldest first: action, old and new values."""
    rows = desk.owner(
        "SELECT a.action, a.old_values AS old, a.new_values AS new, w.staff_number AS by FROM audit_logs a"
        " JOIN users u ON a.entity_type = 'users' AND a.entity_id = u.id::text"
        " LEFT JOIN users w ON w.id = a.user_id WHERE u.staff_number = :number ORDER BY a.chain_no",
        number=number,
    )
    return [dict(row._mapping) for row in rows]


# Entering somebody


def test_somebody_new_changes_the_pin_and_works(
    office: Office, desk: Desk, boss: Actor, here: TerminalInfo, enter: Callable[..., SignIn]
) -> None:
    made = staff_register.add(office, boss, " 1044 ", " Dewi\tLestari ", "clerk", ["yk", "GMR"])
    member = made.member
    assert (member.number, member.name, member.role) == ("1044", "Dewi Lestari", "clerk")
    assert member.stations == ("GMR", "YK")
    assert (member.status, member.is_active, member.must_change_pin) == ("must_change_pin", True, True)
    pins.require_good_pin(made.pin, "1044")
    assert refusal(lambda: enter("1044", made.pin)) == "pin_must_change"
    staff.change_pin(office, here, "1044", made.pin, NEW)
    assert enter("1044", NEW).actor.role == "clerk"
    assert staff_register.find(office, boss, "1044").status == "signed_in"
    (created, *_) = trail(desk, "1044")
    assert (created["action"], created["by"]) == ("create", "3001")
    assert created["new"] == {
        "staff_number": "1044", "full_name": "Dewi Lestari", "role": "clerk", "must_change_pin": True,
        "stations": ["GMR", "YK"],
    }  # fmt: skip


def test_the_first_pin_is_stored_and_shown_nowhere(office: Office, desk: Desk, boss: Actor) -> None:
    made = staff_register.add(office, boss, "1044", "Dewi", "clerk")
    again = staff_register.reset_pin(office, boss, "1044")
    assert made.pin != again.pin
    assert made.pin not in repr(made)
    everything = desk.owner("SELECT a::text AS line FROM audit_logs a UNION ALL SELECT u::text FROM users u")
    said = json.dumps([row.line for row in everything])
    assert not any(f'"{pin}"' in said or f" {pin}" in said or f"={pin}" in said for pin in (made.pin, again.pin))


@pytest.mark.parametrize(
    ("number", "name", "role", "stations", "code"),
    [
        ("", "Dewi", "clerk", (), "staff_invalid"),
        ("10 44", "Dewi", "clerk", (), "staff_invalid"),
        ("1044\x00", "Dewi", "clerk", (), "staff_invalid"),
        ("１０４４", "Dewi", "clerk", (), "staff_invalid"),
        ("-1044", "Dewi", "clerk", (), "staff_invalid"),
        ("1" * 21, "Dewi", "clerk", (), "staff_invalid"),
        ("1044", " \x1b\n ", "clerk", (), "staff_invalid"),
        ("1044", "D" * 81, "clerk", (), "staff_invalid"),
        ("1044", "Dewi", "customer", (), "staff_invalid"),
        ("1044", "Dewi", "", (), "staff_invalid"),
        ("1044", "Dewi", "clerk", ("XXX",), "unknown_station"),
        ("1001", "Dewi", "clerk", (), "staff_exists"),
        ("1044", "Dewi", "supervisor", (), "not_permitted"),
        ("1044", "Dewi", "admin", (), "not_permitted"),
    ],
)
def test_what_cannot_be_entered(
    office: Office, desk: Desk, boss: Actor, number: str, name: str, role: str, stations: tuple[str, ...], code: str
) -> None:
    before = desk.count("users")
    assert refusal(lambda: staff_register.add(office, boss, number, name, role, stations)) == code
    assert desk.count("users") == before


def test_a_number_in_other_letters_is_the_same_number(office: Office, boss: Actor) -> None:
    staff_register.add(office, boss, "yk-7", "Dewi", "clerk")
    assert refusal(lambda: staff_register.add(office, boss, "YK-7", "Adi", "clerk")) == "staff_exists"


def test_of_two_with_the_same_number_one_comes_in(office: Office, desk: Desk, boss: Actor) -> None:
    def try_it(name: str) -> str:
        try:
            staff_register.add(office, boss, "1044", name, "clerk")
        except CounterError as error:
            return error.reason
        return "ok"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(try_it, ("A", "B", "C", "D"))) == ["ok", *["staff_exists"] * 3]


def test_what_is_not_printable_in_a_name_is_left_out(office: Office, boss: Actor) -> None:
    made = staff_register.add(office, boss, "1044", "De\x1b[2Jwi\u202e", "clerk")
    assert made.member.name.isprintable()


# Who may do what to whom


THINGS: dict[str, Callable[[Office, Actor, str], object]] = {
    "change": lambda office, actor, number: staff_register.change(office, actor, number, {"name": "Other"}),
    "demote": lambda office, actor, number: staff_register.change(office, actor, number, {"role": "clerk"}),
    "deactivate": staff_register.deactivate,
    "activate": staff_register.activate,
    "unlock": staff_register.unlock,
    "reset": staff_register.reset_pin,
    "stations": lambda office, actor, number: staff_register.set_stations(office, actor, number, ["YK"]),
}


@pytest.mark.parametrize("thing", THINGS)
def test_a_supervisor_does_not_touch_supervisors_and_administrators(
    office: Office, desk: Desk, boss: Actor, admin: Actor, thing: str
) -> None:
    staff_register.add(office, admin, "3002", "Another", "supervisor")
    for number in ("3002", "9001", "3001"):
        assert refusal(lambda number=number: THINGS[thing](office, boss, number)) == "not_permitted"
    assert refusal(lambda: THINGS[thing](office, admin, "9001")) == "not_permitted"
    THINGS[thing](office, boss, "1001")
    THINGS[thing](office, admin, "3002")


@pytest.mark.parametrize("number", ["1001", "2001"])
def test_nobody_else_looks_after_staff(office: Office, enter: Callable[..., SignIn], number: str) -> None:
    actor = enter(number).actor
    works: list[Callable[[], object]] = [
        lambda: staff_register.listed(office, actor),
        lambda: staff_register.find(office, actor, "1001"),
        lambda: staff_register.sessions(office, actor),
        lambda: staff_register.sign_off(office, actor, "1001", "why"),
        lambda: staff_register.add(office, actor, "1044", "Dewi", "clerk"),
        *(lambda thing=thing: thing(office, actor, "1001") for thing in THINGS.values()),  # type: ignore[misc]
    ]
    assert {refusal(work) for work in works} == {"not_permitted"}
    assert refusal(lambda: staff_register.listed(office, NOBODY)) == "not_signed_in"


def test_a_supervisor_makes_nobody_a_supervisor(office: Office, boss: Actor) -> None:
    for role in ("supervisor", "admin"):
        assert refusal(lambda role=role: staff_register.change(office, boss, "1001", {"role": role})) == "not_permitted"


def test_the_database_holds_the_rule_without_this_program(office: Office, desk: Desk, boss: Actor) -> None:
    """Whoever leaves the services out meets the same refusal."""
    wrong = "UPDATE users SET role = 'clerk' WHERE staff_number IN ('9001', '3001') RETURNING id"
    assert office.database.transaction(lambda tx: tx.raw(wrong).all(), actor=boss) == []
    grab = "UPDATE users SET role = 'admin' WHERE staff_number = '1001' RETURNING id"
    with pytest.raises(NotPermitted):
        office.database.transaction(lambda tx: tx.raw(grab).all(), actor=boss)
    pose = Actor(boss.user_id, "3001", "x", "supervisor", boss.terminal_id)
    assert office.database.transaction(lambda tx: tx.raw(wrong).all(), actor=pose) == []


def test_a_terminal_with_a_clerks_login_alone_changes_nothing(
    office: Office, desk: Desk, boss: Actor, open_office: Callable[[], Office]
) -> None:
    """A supervisor at a counter that was given no supervisor's login: refused, and nothing claimed on the trail."""
    plain, before = open_office(), desk.count("audit_logs")
    for thing in THINGS.values():
        assert refusal(lambda thing=thing: thing(plain, boss, "1001")) == "not_permitted"
    assert refusal(lambda: staff_register.add(plain, boss, "1044", "Dewi", "clerk")) == "not_permitted"
    assert refusal(lambda: staff_register.sign_off(plain, boss, "1001", "why")) == "not_permitted"
    assert desk.count("audit_logs") == before


def test_a_session_that_is_over_manages_nobody(office: Office, boss: Actor) -> None:
    staff.sign_off(office, boss)
    for thing in (*THINGS.values(), lambda office, actor, _number: staff_register.listed(office, actor)):
        assert refusal(lambda thing=thing: thing(office, boss, "1001")) == "session_over"


@pytest.fixture
def second(office: Office, admin: Actor, here: TerminalInfo, enter: Callable[..., SignIn]) -> Actor:
    """Another administrator, signed in."""
    made = staff_register.add(office, admin, "9002", "Second", "admin")
    staff.change_pin(office, here, "9002", made.pin, NEW)
    return enter("9002", NEW).actor


def test_the_last_administrator_stays(
    office: Office, desk: Desk, second: Actor, owner_session: Connection, until_blocked: Callable[[Thread], None]
) -> None:
    """The second one decides about the first while he is being switched off himself."""
    heard: list[str] = []
    owner_session.execute(text("UPDATE users SET is_active = false WHERE staff_number = '9002'"))
    thread = Thread(target=lambda: heard.append(refusal(lambda: staff_register.deactivate(office, second, "9001"))))
    thread.start()
    until_blocked(thread)
    owner_session.commit()
    thread.join()
    assert heard == ["last_admin"]
    assert desk.value("SELECT is_active FROM users WHERE staff_number = '9001'")


def test_two_administrators_do_not_remove_each_other(office: Office, desk: Desk, admin: Actor, second: Actor) -> None:
    def remove(pair: tuple[Actor, str]) -> str:
        try:
            staff_register.deactivate(office, *pair)
        except CounterError as error:
            return error.reason
        return "ok"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(remove, ((admin, "9002"), (second, "9001"))))
    assert outcomes[1] == "ok"
    assert outcomes[0] in ("last_admin", "session_over")
    assert desk.value("SELECT count(*) FROM users WHERE role = 'admin' AND is_active") == 1


def test_of_two_administrators_one_may_go(office: Office, admin: Actor, second: Actor) -> None:
    assert staff_register.change(office, second, "9001", {"role": "clerk"}).role == "clerk"
    assert refusal(lambda: staff_register.deactivate(office, second, "9002")) == "not_permitted"


# Changes


def test_a_change_is_on_record_with_what_was_before(office: Office, desk: Desk, boss: Actor) -> None:
    staff_register.change(office, boss, "1001", {"name": "Sari Dewi", "role": "gate"})
    staff_register.change(office, boss, "1001", {"name": "Sari Dewi"})
    staff_register.set_stations(office, boss, "1001", ["GMR"])
    staff_register.set_stations(office, boss, "1001", ["gmr"])
    staff_register.set_stations(office, boss, "1001", [])
    staff_register.deactivate(office, boss, "1001")
    staff_register.activate(office, boss, "1001")
    said = [(row["old"], row["new"], row["by"]) for row in trail(desk, "1001") if row["old"]]
    assert said[0][1:] == ({"full_name": "Sari Dewi", "role": "gate"}, "3001")
    assert said[0][0]["role"] == "clerk"
    assert [row[:2] for row in said[1:]] == [
        ({"stations": []}, {"stations": ["GMR"]}),
        ({"stations": ["GMR"]}, {"stations": []}),
        ({"is_active": True}, {"is_active": False}),
        ({"is_active": False}, {"is_active": True}),
    ]


def test_who_is_deactivated_is_signed_off_and_stays_out(
    office: Office, boss: Actor, enter: Callable[..., SignIn]
) -> None:
    clerk = enter("1001")
    assert staff_register.deactivate(office, boss, "1001").status == "inactive"
    assert staff.standing(office, clerk) == "deactivated"
    assert refusal(lambda: enter("1001")) == "not_signed_in"
    staff_register.activate(office, boss, "1001")
    enter("1001")


def test_another_role_needs_another_sign_in(office: Office, boss: Actor, enter: Callable[..., SignIn]) -> None:
    clerk = enter("1001")
    staff_register.change(office, boss, "1001", {"name": "Sari"})
    assert staff.standing(office, clerk) is None
    staff_register.change(office, boss, "1001", {"role": "gate"})
    assert staff.standing(office, clerk) == "role changed"
    assert enter("1001").actor.role == "gate"


def test_sessions_at_other_stations_end(
    office: Office, boss: Actor, enter: Callable[..., SignIn], here: TerminalInfo
) -> None:
    at_yk = enter("1001", interactive=False)
    at_gmr = enter("1001", at=terminals.register(office, "GMR-1", station="GMR"), interactive=False)
    staff_register.set_stations(office, boss, "1001", ["YK"])
    assert staff.standing(office, at_yk) is None
    assert staff.standing(office, at_gmr) == "stations changed"


def test_a_locked_number_is_unlocked(office: Office, desk: Desk, boss: Actor, enter: Callable[..., SignIn]) -> None:
    desk.decide(policy.PIN_ATTEMPTS, 2)
    for _ in range(2):
        refusal(lambda: enter("1001", "000000"))
    locked = staff_register.find(office, boss, "1001")
    assert (locked.status, locked.is_locked, locked.lockouts) == ("locked", True, 1)
    assert refusal(lambda: enter("1001")) == "locked"
    open_again = staff_register.unlock(office, boss, "1001")
    assert (open_again.status, open_again.lockouts, open_again.locked_until) == ("active", 0, None)
    enter("1001")
    last = [row for row in trail(desk, "1001") if row["old"]][-1]
    assert last["old"]["locked_until"]
    assert last["new"] == {"lockouts": 0, "locked_until": None}


def test_a_new_pin_signs_off_unlocks_and_must_be_changed(
    office: Office, desk: Desk, boss: Actor, enter: Callable[..., SignIn], here: TerminalInfo
) -> None:
    clerk = enter("1001")
    desk.owner("UPDATE users SET locked_until = now() + interval '1 hour', lockouts = 3 WHERE staff_number = '1001'")
    made = staff_register.reset_pin(office, boss, "1001")
    assert made.member.status == "must_change_pin"
    assert staff.standing(office, clerk) == "secret changed"
    assert refusal(lambda: enter("1001")) == "not_signed_in"
    assert refusal(lambda: enter("1001", made.pin)) == "pin_must_change"
    staff.change_pin(office, here, "1001", made.pin, NEW)
    enter("1001", NEW)
    assert {"secret": "reset"} in [row["new"] for row in trail(desk, "1001")]


@pytest.mark.parametrize("number", ["4711", "", "10\x0001", "\ud800", "1" * 500, "' OR 1=1 --", "１００１"])
def test_a_number_nobody_has(office: Office, boss: Actor, number: str) -> None:
    for thing in (*THINGS.values(), staff_register.find):
        assert refusal(lambda thing=thing: thing(office, boss, number)) == "unknown_staff"
    assert refusal(lambda: staff_register.sign_off(office, boss, number, "why")) == "unknown_staff"


def test_a_customer_is_no_staff(office: Office, desk: Desk, boss: Actor) -> None:
    desk.owner(
        "INSERT INTO users (operator_id, id, role, full_name) VALUES (1, gen_random_uuid(), 'customer', 'Somebody')"
    )
    assert "Somebody" not in [one.name for one in staff_register.listed(office, boss).members]
    assert {one.role for one in staff_register.listed(office, boss).members} <= set(ROLES)


# Signed off from afar


def test_somebody_is_signed_off_with_a_reason(
    office: Office, desk: Desk, boss: Actor, enter: Callable[..., SignIn]
) -> None:
    clerk = enter("1001")
    script = enter("1001", interactive=False)
    running = len(staff_register.sessions(office, boss, "1001"))
    assert staff_register.sign_off(office, boss, "1001", " left the\ncounter ") == running
    assert staff.standing(office, clerk) == staff.standing(office, script) == "signed off by 3001: left the counter"
    assert staff_register.sign_off(office, boss, "1001", "again") == 0
    with pytest.raises(NotSignedIn) as caught:
        office.database.transaction(lambda tx: tx.audit("view", "bookings", "x"), actor=clerk.actor)
    assert caught.value.reason == "session_over"
    said = desk.owner(
        "SELECT new_values FROM audit_logs"
        " WHERE entity_type = 'user_sessions' AND entity_id = :id AND action = 'update'",
        id=str(clerk.session_id),
    )
    assert [row.new_values for row in said] == [{"is_active": False, "ended": "signed off by 3001: left the counter"}]


def test_no_reason_no_sign_off(office: Office, boss: Actor, enter: Callable[..., SignIn]) -> None:
    clerk = enter("1001")
    assert refusal(lambda: staff_register.sign_off(office, boss, "1001", " \x1b ")) == "reason_missing"
    assert staff.standing(office, clerk) is None


def test_signed_off_are_those_one_looks_after_and_oneself_elsewhere(
    office: Office, enter: Callable[..., SignIn], here: TerminalInfo
) -> None:
    left_open = enter("3001", at=terminals.register(office, "GMR-1", station="GMR"), interactive=False)
    boss, admin = enter("3001"), enter("9001")
    assert staff_register.sign_off(office, boss.actor, "3001", "forgotten") == 1
    assert staff.standing(office, left_open) == "signed off by 3001: forgotten"
    assert staff.standing(office, boss) is None
    assert refusal(lambda: staff_register.sign_off(office, boss.actor, "9001", "why")) == "not_permitted"
    assert staff_register.sign_off(office, admin.actor, "3001", "why") == 1


# Looking


def test_who_is_signed_in_where(office: Office, boss: Actor, enter: Callable[..., SignIn]) -> None:
    enter("1001")
    first, *_others = staff_register.sessions(office, boss)
    assert (first.staff_number, first.terminal, first.station, first.program) == ("1001", "DESK-1", "YK", "counter")
    assert first.is_interactive
    assert first.since < first.expires_at
    assert [one.staff_number for one in staff_register.sessions(office, boss, "1001")] == ["1001"]
    member = staff_register.find(office, boss, "1001")
    assert member.as_json("Asia/Jakarta")["sessions"][0]["terminal"] == "DESK-1"
    assert member.as_json("Asia/Jakarta")["status"] == "signed_in"


def test_the_list_in_pages_with_a_filter(office: Office, desk: Desk, boss: Actor) -> None:
    desk.owner(
        "INSERT INTO users (operator_id, id, staff_number, role, full_name, is_active)"
        " SELECT 1, gen_random_uuid(), '5' || to_char(n, 'FM000'), 'clerk', 'Clerk ' || n, n <> 7"
        " FROM generate_series(1, 150) n"
    )
    first = staff_register.listed(office, boss)
    assert (len(first.members), first.total, first.has_more) == (PAGE_ROWS, 154, True)
    second = staff_register.listed(office, boss, page=1)
    assert (len(second.members), second.has_more) == (54, False)
    assert second.members[-1].number == "5007", "who has left comes last"
    assert {one.number for one in first.members}.isdisjoint(one.number for one in second.members)

    def found(wanted: str) -> list[str]:
        return [one.number for one in staff_register.listed(office, boss, wanted).members]

    assert found("514") == [f"514{n}" for n in range(10)]
    assert found("clerk 15") == ["5015", "5150"]
    assert found("Supervisor") == ["3001"]
    assert found("%") == found("_") == found("\x00") == []
    assert staff_register.listed(office, boss, page=99).members == ()


def test_a_page_costs_the_same_questions_for_one_and_for_many(
    office: Office, desk: Desk, boss: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one question to each member."""
    from core.database import Transaction

    asked: list[object] = []
    query = Transaction.query
    monkeypatch.setattr(Transaction, "query", lambda tx, clause: asked.append(clause) or query(tx, clause))
    staff_register.listed(office, boss, "1001")
    few = len(asked)
    asked.clear()
    staff_register.listed(office, boss)
    assert len(asked) == few


# A locked screen


def test_the_pin_opens_a_locked_screen_and_failures_count(
    office: Office, desk: Desk, here: TerminalInfo, enter: Callable[..., SignIn]
) -> None:
    desk.decide(policy.PIN_ATTEMPTS, 2)
    clerk = enter("1001")
    running = "SELECT count(*) FROM user_sessions WHERE is_active"
    before = desk.value(running)
    assert staff.unlock(office, here, clerk, PIN)
    assert desk.value(running) == before, "the proof's own session has ended"
    for _ in range(2):
        assert refusal(lambda: staff.unlock(office, here, clerk, "000000")) == "not_signed_in"
    assert refusal(lambda: staff.unlock(office, here, clerk, PIN)) == "locked"
    staff.sign_off(office, clerk.actor)
    assert staff.unlock(office, here, clerk, PIN) is False


def test_a_session_is_asked_how_it_stands(office: Office, desk: Desk, enter: Callable[..., SignIn]) -> None:
    clerk = enter("1001")
    seen = "SELECT last_activity FROM user_sessions WHERE id = :id"
    before = desk.value(seen, id=clerk.session_id)
    assert staff.attend(office, clerk, at_work=False) == staff.Standing(None, policy.IDLE_LOCK_MINUTES.default)
    assert desk.value(seen, id=clerk.session_id) == before
    desk.decide(policy.IDLE_LOCK_MINUTES, 3, station="YK")
    assert staff.attend(office, clerk).idle_lock_minutes == 3
    assert desk.value(seen, id=clerk.session_id) > before


@pytest.mark.parametrize("number", ["1001", "2001", "3001"])
def test_every_kind_of_staff_may_ask_and_unlock(
    office: Office, here: TerminalInfo, enter: Callable[..., SignIn], number: str
) -> None:
    signed_in = enter(number)
    assert staff.attend(office, signed_in) == staff.Standing(None, policy.IDLE_LOCK_MINUTES.default)
    assert staff.unlock(office, here, signed_in, PIN)


def test_who_signs_in_elsewhere_hears_where_he_was(office: Office, enter: Callable[..., SignIn]) -> None:
    first = enter("1001")
    second = enter("1001", at=terminals.register(office, "DESK-2", station="YK"))
    assert staff.signed_off_at(office, first) == []
    assert staff.signed_off_at(office, second) == ["DESK-1"]
