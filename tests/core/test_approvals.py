"""Approvals: four eyes, one exact thing, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from core import approvals, terminals
from core.approvals import Approval, NotApproved, Wish
from core.database import Actor
from core.errors import CounterError, NotFound, NotPermitted, NotSignedIn, Refused, StateConflict
from core.policy import PIN_ATTEMPTS
from core.terminals import TerminalInfo
from tests.conftest import PIN, sign_in
from tests.core.conftest import Desk

WISH = Wish("over_short", "shifts", "s-1", -25_000, {"expected": 100_000, "counted": 75_000})


@pytest.fixture
def supervisor(desk: Desk) -> Actor:
    return sign_in(desk.office, "3001", "OFFICE-1")


@pytest.fixture
def asked(desk: Desk) -> Approval:
    return approvals.request(desk.office, desk.clerk, WISH, "a note was torn")


def consume(desk: Desk, approval: Approval, wish: Wish = WISH) -> Approval:
    return desk.office.database.transaction(lambda tx: approvals.consume(tx, approval.id, wish), actor=desk.clerk)


def code_of(caught: pytest.ExceptionInfo[CounterError]) -> str:
    return caught.value.reason


def test_a_request_waits_for_a_supervisor(desk: Desk, asked: Approval, supervisor: Actor) -> None:
    assert (asked.number, asked.status, asked.requested_by_name, asked.amount) == (1, "pending", "Sari", -25_000)
    assert [one.id for one in approvals.waiting(desk.office, supervisor)] == [asked.id]
    assert approvals.by_number(desk.office, 1).id == asked.id
    with pytest.raises(NotPermitted):
        approvals.waiting(desk.office, desk.clerk)
    with pytest.raises(NotFound):
        approvals.by_number(desk.office, 2)


def test_an_approval_is_used_once_and_both_people_are_on_record(desk: Desk, asked: Approval, supervisor: Actor) -> None:
    with pytest.raises(NotApproved, match="pending"):
        consume(desk, asked)
    given = approvals.decide(desk.office, supervisor, asked.id, approve=True)
    assert (given.status, given.decided_by_name) == ("approved", "Wulan")
    assert approvals.waiting(desk.office, supervisor) == []
    assert consume(desk, asked).decided_by == supervisor.user_id
    with pytest.raises(NotApproved) as caught:
        consume(desk, asked)
    assert code_of(caught) == "approval_used"
    trail = desk.owner("SELECT * FROM audit_logs WHERE entity_type = 'approvals' ORDER BY id")
    assert [row.user_id for row in trail] == [desk.clerk.user_id, supervisor.user_id, desk.clerk.user_id]
    assert all(row.new_values["requested_by"] == "Sari" for row in trail[1:])
    assert all(row.new_values["decided_by"] == "Wulan" for row in trail[1:])


@pytest.mark.parametrize(
    "changed",
    [{"amount": -25_001}, {"kind": "refund"}, {"subject_id": "s-2"}, {"details": {**WISH.details, "counted": 1}}],
)
def test_it_covers_exactly_what_was_asked(
    desk: Desk, asked: Approval, supervisor: Actor, changed: dict[str, Any]
) -> None:
    approvals.decide(desk.office, supervisor, asked.id, approve=True)
    with pytest.raises(NotApproved, match="something else"):
        consume(desk, asked, replace(WISH, **changed))
    assert consume(desk, asked).number == 1  # and is not used up by the attempt


def test_of_two_at_once_one_uses_it(desk: Desk, asked: Approval, supervisor: Actor) -> None:
    approvals.decide(desk.office, supervisor, asked.id, approve=True)
    barrier = Barrier(8)

    def use(_: int) -> str:
        barrier.wait()
        try:
            return consume(desk, asked).status
        except NotApproved as refused:
            return refused.reason

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(use, range(8))) == ["approval_used"] * 7 + ["approved"]


def test_nobody_decides_on_his_own_request(desk: Desk, supervisor: Actor) -> None:
    own = approvals.request(desk.office, supervisor, WISH, "mine")
    with pytest.raises(Refused) as caught:
        approvals.decide(desk.office, supervisor, own.id, approve=True)
    assert code_of(caught) == "own_request"
    boss = sign_in(desk.office, "9001", "OFFICE-2")
    assert approvals.decide(desk.office, boss, own.id, approve=True).decided_by_name == "Bayu"


def test_a_clerk_decides_nothing(desk: Desk, supervisor: Actor) -> None:
    other = approvals.request(desk.office, supervisor, WISH, "not the clerk's")
    with pytest.raises(NotPermitted):
        approvals.decide(desk.office, desk.clerk, other.id, approve=True)


def test_a_refusal_has_a_reason_and_ends_it(desk: Desk, asked: Approval, supervisor: Actor) -> None:
    with pytest.raises(Refused, match="reason"):
        approvals.decide(desk.office, supervisor, asked.id, approve=False, reason=" ")
    refused = approvals.decide(desk.office, supervisor, asked.id, approve=False, reason="count again")
    assert (refused.status, refused.decision_reason) == ("refused", "count again")
    with pytest.raises(StateConflict) as caught:
        approvals.decide(desk.office, supervisor, asked.id, approve=True)
    assert code_of(caught) == "approval_decided"
    with pytest.raises(NotApproved, match="refused"):
        consume(desk, asked)


@pytest.mark.parametrize("decided", [False, True])
def test_an_old_request_is_over(desk: Desk, asked: Approval, supervisor: Actor, decided: bool) -> None:
    if decided:
        approvals.decide(desk.office, supervisor, asked.id, approve=True)
    desk.owner("UPDATE approvals SET expires_at = now() - interval '1 second'")
    assert approvals.find(desk.office, asked.id).status == "expired"
    assert approvals.waiting(desk.office, supervisor) == []
    with pytest.raises(StateConflict) as caught:
        consume(desk, asked) if decided else approvals.decide(desk.office, supervisor, asked.id, approve=True)
    assert code_of(caught) == "approval_expired"


def test_a_request_needs_a_reason(desk: Desk) -> None:
    with pytest.raises(Refused, match="reason"):
        approvals.request(desk.office, desk.clerk, WISH, "  ")
    assert desk.count("approvals") == 0


def test_numbers_of_requests_made_at_once_differ(desk: Desk) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda n: approvals.request(desk.office, desk.clerk, WISH, f"reason {n}"), range(8))
        assert sorted(one.number for one in made) == list(range(1, 9))


# In place


@pytest.fixture
def here(desk: Desk) -> TerminalInfo:
    return terminals.register(desk.office, "TEST-1")


def test_a_supervisor_decides_at_the_clerks_desk(desk: Desk, asked: Approval, here: TerminalInfo) -> None:
    going_on = "SELECT count(*) FROM user_sessions WHERE is_active"
    sessions = desk.value(going_on)
    given = approvals.decide_in_place(desk.office, here, asked.id, "3001", PIN)
    assert (given.status, given.decided_by_name) == ("approved", "Wulan")
    assert desk.value(going_on) == sessions
    assert consume(desk, asked).status == "approved"


def test_wrong_pins_in_place_lock_the_number(desk: Desk, asked: Approval, here: TerminalInfo) -> None:
    desk.decide(PIN_ATTEMPTS, 2)
    for _ in range(2):
        with pytest.raises(NotSignedIn, match="do not fit"):
            approvals.decide_in_place(desk.office, here, asked.id, "3001", "000000")
    with pytest.raises(NotSignedIn, match="locked"):
        approvals.decide_in_place(desk.office, here, asked.id, "3001", PIN)
    assert approvals.find(desk.office, asked.id).status == "pending"


@pytest.mark.parametrize(("number", "error"), [("1001", NotPermitted), ("2001", NotPermitted), ("7777", NotSignedIn)])
def test_who_may_not_decide_in_place(
    desk: Desk, asked: Approval, here: TerminalInfo, number: str, error: type[CounterError]
) -> None:
    with pytest.raises(error):
        approvals.decide_in_place(desk.office, here, asked.id, number, PIN)
    assert approvals.find(desk.office, asked.id).status == "pending"
