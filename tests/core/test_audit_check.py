"""Checking chains on demand, one or all, with progress; and the head that every Z report carries on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core import staff, terminals
from core.audit import proof
from core.audit.trail import Filter, look
from core.database import Actor
from core.errors import NotFound, NotPermitted
from core.shifts import closing, counting

if TYPE_CHECKING:
    from tests.core.conftest import Desk, Trail


@pytest.fixture
def supervisor(desk: Desk) -> Actor:
    here = terminals.register(desk.office, "OFFICE", station="YK")
    return staff.sign_in(desk.office, here, "3001", "123456", program="tests").actor


def silent(_done: int, _total: int) -> None:
    """Nobody looks at the progress."""


def test_all_chains_or_one(trail: Trail, supervisor: Actor) -> None:
    seen: list[tuple[int, int]] = []
    every = proof.check(trail.office, supervisor, trail.heads_file, lambda *now: seen.append(now))
    one = proof.check(trail.office, supervisor, trail.heads_file, silent, terminal=" AUDIT ")
    assert (every.problems, one.problems, one.checked) == ((), (), trail.rows)
    assert every.checked > one.checked
    assert seen == [(every.checked, every.checked)]


def test_only_the_chain_that_was_asked_for_is_judged(trail: Trail, supervisor: Actor) -> None:
    trail.checkpoint()
    trail.tamper("UPDATE audit_logs SET action = 'view' WHERE terminal_id = :chain AND chain_no = 3")
    broken = proof.check(trail.office, supervisor, trail.heads_file, silent, terminal="AUDIT")
    assert [problem.partition(" (")[0] for problem in broken.problems] == ["terminal AUDIT: row 3"]
    assert proof.check(trail.office, supervisor, trail.heads_file, silent, terminal="OFFICE").problems == ()
    assert proof.check(trail.office, supervisor, trail.heads_file, silent).problems == broken.problems


def test_a_check_is_on_the_trail(trail: Trail, supervisor: Actor) -> None:
    proof.check(trail.office, supervisor, trail.heads_file, silent, terminal="AUDIT")
    row = look(trail.office, supervisor, Filter(entity_id="proof")).entries[0]
    assert row.new == '{"rows": 7, "problems": [], "terminal": "AUDIT"}'


def test_whoever_has_seen_enough_ends_it(trail: Trail, supervisor: Actor) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        proof.check(trail.office, supervisor, trail.heads_file, stop)
    assert proof.check(trail.office, supervisor, trail.heads_file, silent).problems == ()


def test_what_is_not_checked(trail: Trail, supervisor: Actor) -> None:
    with pytest.raises(NotFound):
        proof.check(trail.office, supervisor, trail.heads_file, silent, terminal="NOWHERE")
    with pytest.raises(NotPermitted):
        proof.check(trail.office, trail.desk.clerk, trail.heads_file, silent)


def test_a_z_report_carries_the_head_of_its_terminal(desk: Desk, supervisor: Actor) -> None:
    counting.count(desk.office, desk.clerk, {}, ())
    before = trail_end(desk, desk.clerk)
    report = closing.close(desk.office, desk.clerk, reason="the float was nothing").report
    assert report.body["audit_head"] == {"chain": desk.clerk.terminal_id, "row": before[0], "hash": before[1]}
    assert closing.digest(bytes.fromhex(report.body["previous_digest"]), report.body) == report.digest
    kept = look(desk.office, supervisor, Filter(terminal=desk.clerk.terminal_code)).entries
    assert next(one for one in kept if one.chain_no == before[0]).row_hash.hex()[:16] == before[1]
    desk.require_sound()


def trail_end(desk: Desk, actor: Actor) -> tuple[int, str]:
    head = desk.owner("SELECT last_no, last_hash FROM audit_heads WHERE chain = :chain", chain=actor.terminal_id)[0]
    return head.last_no, bytes(head.last_hash)[:8].hex()
