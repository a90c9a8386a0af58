"""The refund of a whole train: approved by a second person, everybody once, whatever is killed on the way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from core import approvals, disruption, payouts, policy, refunds, train_refund
from core.approvals import Approval, NotApproved
from core.background_jobs import Job
from core.database import Actor
from core.errors import NotPermitted, Refused, StateConflict
from core.payouts import Payout
from core.refunds import Cancellation
from tests.conftest import sign_in

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk


@pytest.fixture
def supervisor(desk: Desk) -> Actor:
    return sign_in(desk.office, "3001", "SUPER-1")


@pytest.fixture
def second(desk: Desk) -> Actor:
    return sign_in(desk.office, "9001", "SUPER-2")


def ask(desk: Desk, supervisor: Actor) -> Approval:
    wish = train_refund.wish(desk.office, supervisor, "43", desk.day)
    return approvals.request(desk.office, supervisor, wish, "flood on the line")


def begin(desk: Desk, supervisor: Actor, second: Actor) -> Job:
    disruption.cancel(desk.office, supervisor, "43", desk.day, "flood")
    asked = ask(desk, supervisor)
    approvals.decide(desk.office, second, asked.id, approve=True)
    return train_refund.start(desk.office, supervisor, asked)


def owed(desk: Desk) -> int:
    return int(desk.value("SELECT coalesce(sum(refund_amount), 0) FROM refunds"))


def require_everybody_once(desk: Desk, parties: int, people: int) -> None:
    assert desk.count("refunds") == parties
    assert desk.value("SELECT count(DISTINCT payment_id) FROM refunds") == parties
    assert desk.value("SELECT count(*) FROM tickets WHERE ticket_status = 'cancelled'") == people
    assert desk.value("SELECT count(*) FROM bookings WHERE status = 'cancelled'") == parties
    assert desk.value("SELECT count(*) FROM booking_modifications WHERE modification_type = 'disruption'") == parties
    assert desk.value("SELECT count(*) FROM booking_modifications WHERE status = 'open'") == 0
    assert desk.value("SELECT count(*) FROM refunds WHERE refund_reason <> 'schedule_change'") == 0
    fares = desk.value("SELECT sum(amount) FROM booking_charges WHERE charge_kind = 'fare'")
    assert owed(desk) == fares
    assert desk.taken() == 0
    desk.require_sound()


def test_everybody_is_refunded_without_the_booking_fee(desk: Desk, supervisor: Actor, second: Actor) -> None:
    parties = [desk.sell(2, first=1), desk.sell(1, first=3, infants=1), desk.sell(1, first=4, origin="PWT")]
    seen: list[int] = []
    job = begin(desk, supervisor, second)
    done = train_refund.go_on(desk.office, supervisor, job.id, lambda one: seen.append(one.done))
    assert (done.status, done.total, done.done, done.failed) == ("finished", 3, 3, 0)
    assert seen == [1, 2, 3, 3]
    require_everybody_once(desk, len(parties), 5)
    assert train_refund.go_on(desk.office, supervisor, job.id).done == 3
    require_everybody_once(desk, len(parties), 5)


def test_it_is_paid_out_in_cash_at_the_counter(desk: Desk, supervisor: Actor, second: Actor) -> None:
    desk.sell(1)
    job = begin(desk, supervisor, second)
    train_refund.go_on(desk.office, supervisor, job.id)
    reference = desk.value("SELECT refund_reference FROM refunds")
    payouts.pay(desk.office, desk.clerk, reference, Payout(identity="3171010101900001"))
    assert desk.value("SELECT refund_status FROM refunds") == "completed"
    desk.require_sound()


def test_by_policy_the_booking_fee_goes_back_as_well(desk: Desk, supervisor: Actor, second: Actor) -> None:
    desk.decide(policy.FAULT_KEEPS_BOOKING_FEE, True)
    sold = desk.sell(2)
    job = begin(desk, supervisor, second)
    train_refund.go_on(desk.office, supervisor, job.id)
    assert owed(desk) == sold.final_amount
    desk.require_sound()


def test_a_running_train_is_not_refunded_as_a_whole(desk: Desk, supervisor: Actor) -> None:
    desk.sell(1)
    with pytest.raises(StateConflict) as refused:
        train_refund.wish(desk.office, supervisor, "43", desk.day)
    assert refused.value.reason == "train_runs"
    with pytest.raises(NotPermitted):
        train_refund.wish(desk.office, desk.clerk, "43", desk.day)


def test_without_the_second_person_nothing_starts(desk: Desk, supervisor: Actor) -> None:
    desk.sell(1)
    disruption.cancel(desk.office, supervisor, "43", desk.day, "flood")
    asked = ask(desk, supervisor)
    with pytest.raises(Refused):
        approvals.decide(desk.office, supervisor, asked.id, approve=True)
    with pytest.raises(NotApproved):
        train_refund.start(desk.office, supervisor, asked)
    assert desk.count("background_jobs") == 0


def test_one_approval_starts_one_job(desk: Desk, supervisor: Actor, second: Actor) -> None:
    desk.sell(1)
    job = begin(desk, supervisor, second)
    asked = approvals.find(desk.office, job.approval_id)  # type: ignore[arg-type]
    with pytest.raises(NotApproved):
        train_refund.start(desk.office, supervisor, asked)
    with pytest.raises(StateConflict) as running:
        train_refund.wish(desk.office, supervisor, "43", desk.day)
    assert running.value.reason == "job_running"


def test_a_skipped_stop_refunds_those_who_use_it(desk: Desk, supervisor: Actor, second: Actor) -> None:
    desk.sell(1, destination="PWT")
    through = desk.sell(1, first=2)
    disruption.skip(desk.office, supervisor, "43", desk.day, "PWT", "landslide")
    asked = ask(desk, supervisor)
    approvals.decide(desk.office, second, asked.id, approve=True)
    done = train_refund.go_on(desk.office, supervisor, train_refund.start(desk.office, supervisor, asked).id)
    assert (done.status, done.failed) == ("finished", 0)
    assert desk.count("refunds") == 1
    assert desk.status(through.booking_id) == "confirmed"
    desk.require_sound()


def test_who_was_refunded_meanwhile_is_left_alone(desk: Desk, supervisor: Actor, second: Actor) -> None:
    first, _ = desk.sell(1), desk.sell(1, first=2)
    job = begin(desk, supervisor, second)
    own = refunds.request(desk.office, desk.clerk, Cancellation(first.booking_number), "3171010101900001", "no train")
    approvals.decide(desk.office, supervisor, own.id, approve=True)
    refunds.carry_out(desk.office, desk.clerk, approvals.find(desk.office, own.id))
    done = train_refund.go_on(desk.office, supervisor, job.id)
    assert (done.status, done.done, done.failed) == ("finished", 2, 0)
    assert desk.count("refunds") == 2
    desk.require_sound()


def test_one_that_fails_stops_no_other_and_is_tried_again(desk: Desk, supervisor: Actor, second: Actor) -> None:
    broken = desk.sell(1)
    desk.sell(1, first=2)
    job = begin(desk, supervisor, second)
    seats = desk.owner("SELECT seat_id, occupied FROM seat_inventory WHERE occupied <> 0 ORDER BY seat_id")
    seat = desk.value("SELECT seat_id FROM tickets WHERE booking_id = :id", id=broken.booking_id)
    desk.owner("UPDATE seat_inventory SET occupied = 0 WHERE seat_id = :seat", seat=seat)
    done = train_refund.go_on(desk.office, supervisor, job.id)
    assert (done.status, done.done, done.failed) == ("finished", 1, 1)
    ((exception, critical),) = desk.owner("SELECT exception, is_critical FROM job_failures")
    assert "not held" in exception
    assert critical
    for row in seats:
        desk.owner(
            "UPDATE seat_inventory SET occupied = :bits WHERE seat_id = :seat AND schedule_id ="
            " (SELECT schedule_id FROM bookings WHERE id = :id) AND seat_id = :broken",
            bits=row.occupied, seat=row.seat_id, id=broken.booking_id, broken=seat,
        )  # fmt: skip
    again = train_refund.go_on(desk.office, supervisor, job.id)
    assert (again.status, again.done, again.failed) == ("finished", 2, 0)
    require_everybody_once(desk, 2, 2)


def run(database: TestDatabase, job: Job, die_at: int) -> subprocess.Popen[str]:
    program = Path(__file__).with_name("refunder.py")
    urls = (database.counter_url, database.supervisor_url)
    return subprocess.Popen(
        [sys.executable, str(program), *urls, str(database.keys_folder), str(job.id), str(die_at)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_killed_twice_everybody_is_refunded_once(
    desk: Desk, supervisor: Actor, second: Actor, database: TestDatabase
) -> None:
    for first in range(1, 121, 4):
        desk.sell(4, first=first)
    job = begin(desk, supervisor, second)
    assert job.total == 30
    inside = run(database, job, die_at=6)  # in the middle of a booking
    assert inside.communicate()[0].splitlines() == ["1", "2", "3", "4", "5"]
    outside = run(database, job, die_at=0)
    assert outside.stdout is not None
    for _ in range(7):
        outside.stdout.readline()
    outside.kill()  # wherever it is by now
    outside.communicate()
    before = train_refund.find(desk.office, supervisor, "43", desk.day)
    assert before.status == "running"
    assert 12 <= before.done < 30
    last = run(database, job, die_at=0)
    assert last.communicate()[0].splitlines()[-1] == "30"
    done = train_refund.find(desk.office, supervisor, "43", desk.day)
    assert (done.status, done.done, done.failed) == ("finished", 30, 0)
    require_everybody_once(desk, 30, 120)


def test_two_at_once_share_the_work(desk: Desk, supervisor: Actor, second: Actor) -> None:
    for first in range(1, 17):
        desk.sell(1, first=first)
    job = begin(desk, supervisor, second)
    ends: list[Job] = []
    desks = [
        Thread(target=lambda who=who: ends.append(train_refund.go_on(desk.office, who, job.id)))
        for who in (supervisor, second, supervisor)
    ]
    for one in desks:
        one.start()
    for one in desks:
        one.join()
    assert [(one.status, one.done) for one in ends] == [("finished", 16)] * 3
    require_everybody_once(desk, 16, 16)
