"""Service requests on the real database: the queue, its levels, and what is told to whom, exactly once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from core import approvals, escalations, notices, policy, service_requests
from core.approvals import Wish
from core.database import Actor
from core.errors import CounterError, StateConflict
from core.ops import erasure
from core.personal_data import export, person
from core.service_requests import ServiceRequest, Wanted
from tests.conftest import sign_in

if TYPE_CHECKING:
    from core.office import Office
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk

PHONE = "0812 3456 7890"
CALL = Wanted("callback", "Siti Aminah", "lost her ticket", PHONE)


@pytest.fixture
def supervisor(office: Office) -> Actor:
    return sign_in(office, "3001", "SPV-1")


@pytest.fixture
def admin(office: Office) -> Actor:
    return sign_in(office, "9001", "ADM-1")


def code_of(work: Callable[[], Any]) -> str:
    with pytest.raises(CounterError) as refused:
        work()
    return refused.value.reason


def ask(desk: Desk, wanted: Wanted = CALL) -> ServiceRequest:
    return service_requests.open_request(desk.office, desk.clerk, wanted)


def overdue(desk: Desk, minutes: int) -> None:
    """Let every open request be so many minutes late."""
    desk.owner(f"UPDATE callback_requests SET expires_at = now() - interval '{minutes} minutes 1 second'")


def told(office: Office, actor: Actor) -> list[str]:
    return [one.title for one in notices.listed(office, actor)]


@pytest.mark.parametrize(
    ("wanted", "minutes"),
    [
        (CALL, 60),
        (Wanted("callback", "Siti", "x", PHONE, priority="urgent"), 15),
        (Wanted("assistance", "Siti", "a wheelchair"), 15),
        (Wanted("complaint", "Siti", "dirty seat"), 60),
        (Wanted("lost_property", "Siti", "an umbrella", priority="low"), 60),
    ],
)
def test_by_when_is_policy(desk: Desk, wanted: Wanted, minutes: int) -> None:
    made = ask(desk, wanted)
    assert (made.expires_at - made.opened_at).total_seconds() == minutes * 60
    assert (made.number, made.status, made.station, made.customer) == (1, "new", "YK", wanted.customer.upper())
    desk.decide(policy.CALLBACK_MINUTES, 5, station="YK")
    later = ask(desk, wanted)
    assert later.expires_at - later.opened_at <= made.expires_at - made.opened_at


def test_the_phone_number_is_sealed(desk: Desk) -> None:
    assert ask(desk).phone == "+6281234567890"
    row = desk.owner("SELECT * FROM callback_requests")[0]
    assert b"6281234567890" not in bytes(row.contact_phone)
    assert bytes(row.contact_phone_digest) == desk.office.keys.digest("+6281234567890")


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Wanted("dance", "Siti", "x"), "service_kind_unknown"),
        (Wanted("complaint", "Siti", "x", priority="now"), "priority_unknown"),
        (Wanted("complaint", "Siti", "  "), "note_missing"),
        (Wanted("complaint", "", "x"), "name_invalid"),
        (Wanted("callback", "Siti", "x"), "phone_missing"),
        (Wanted("callback", "Siti", "x", "12"), "person_unclear"),
        (Wanted("complaint", "Siti", "x", station="XXX"), "unknown_station"),
        (Wanted("complaint", "Siti", "x", staff="2001"), "unknown_staff"),  # a gate answers no requests
    ],
)
def test_what_is_no_request(desk: Desk, wanted: Wanted, code: str) -> None:
    assert code_of(lambda: ask(desk, wanted)) == code
    assert desk.count("callback_requests") == 0


def test_the_queue_is_by_priority_then_age(desk: Desk) -> None:
    for priority in ("low", "normal", "urgent", "normal"):
        ask(desk, Wanted("complaint", "Siti", priority, priority=priority))
    ask(desk, Wanted("complaint", "Siti", "elsewhere", station="GMR", priority="urgent"))
    listed = service_requests.listed(desk.office, desk.clerk)
    assert [one.number for one in listed] == [3, 5, 2, 4, 1]
    here = service_requests.listed(desk.office, desk.clerk, station="GMR")
    assert [one.number for one in here] == [5]


def test_from_the_queue_to_its_end(desk: Desk, supervisor: Actor) -> None:
    office, clerk = desk.office, desk.clerk
    ask(desk)
    given = service_requests.assign(office, supervisor, 1, "1001")
    assert (given.status, given.assigned_to) == ("assigned", clerk.full_name)
    assert service_requests.take(office, clerk, 1).status == "in_progress"
    assert code_of(lambda: service_requests.take(office, supervisor, 1)) == "request_taken"
    assert code_of(lambda: service_requests.resolve(office, clerk, 1, " ")) == "note_missing"
    done = service_requests.resolve(office, clerk, 1, "called her, ticket re-issued")
    assert (done.status, done.resolution, done.is_open) == ("resolved", "called her, ticket re-issued", False)
    assert service_requests.listed(office, clerk) == []
    assert [one.number for one in service_requests.listed(office, clerk, everything=True)] == [1]
    for work in (
        lambda: service_requests.take(office, clerk, 1),
        lambda: service_requests.cancel(office, clerk, 1, "x"),
        lambda: service_requests.assign(office, clerk, 1, "1001"),
        lambda: escalations.escalate(office, clerk, 1, "x"),
    ):
        assert code_of(work) == "request_ended"
    assert code_of(lambda: service_requests.find(office, clerk, 9)) == "unknown_request"


def test_whom_the_customer_prefers_gets_it(desk: Desk) -> None:
    made = ask(desk, Wanted("complaint", "Siti", "x", staff="3001"))
    assert (made.status, made.preferred) == ("assigned", made.assigned_to)


def test_eight_take_one_request_at_once(desk: Desk, supervisor: Actor, admin: Actor) -> None:
    ask(desk)
    people = [desk.clerk, supervisor, admin] * 3
    start = Barrier(len(people))

    def work(actor: Actor) -> str | None:
        start.wait()
        try:
            service_requests.take(desk.office, actor, 1)
        except StateConflict as error:
            return error.reason
        return str(actor.user_id)

    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(pool.map(work, people))
    winners = {answer for answer in answers if answer != "request_taken"}
    assert len(winners) == 1
    assert str(desk.value("SELECT assigned_to FROM callback_requests")) in winners


# -- escalation ----


def test_a_missed_level_is_told_once_and_the_next_one_higher(desk: Desk, supervisor: Actor, admin: Actor) -> None:
    office = desk.office
    ask(desk)
    assert escalations.escalate_due(office) == []
    overdue(desk, 5)
    [done] = escalations.escalate_due(office)
    assert (done.about, done.number, done.level, done.to_role, done.told) == ("request", 1, 1, "supervisor", 1)
    assert escalations.escalate_due(office) == []
    assert told(office, supervisor) == ["Service request 1 (callback) waits too long"]
    assert told(office, admin) == told(office, desk.clerk) == []
    overdue(desk, 31)
    [done] = escalations.escalate_due(office)
    assert (done.level, done.to_role) == (2, "admin")
    assert len(told(office, admin)) == 1
    assert escalations.escalate_due(office) == []
    assert service_requests.find(office, desk.clerk, 1).escalated == 2
    service_requests.resolve(office, desk.clerk, 1, "called")
    assert desk.value("SELECT count(*) FROM callback_escalations WHERE resolved_at IS NULL") == 0
    desk.require_sound()


def test_both_levels_at_once_after_a_long_night(desk: Desk) -> None:
    ask(desk)
    overdue(desk, 600)
    assert [one.level for one in escalations.escalate_due(desk.office)] == [1, 2]


def test_policy_names_the_role_and_station(desk: Desk, supervisor: Actor, admin: Actor) -> None:
    desk.decide(policy.ESCALATION_ROLE, "admin", station="YK")
    ask(desk)
    overdue(desk, 1)
    [done] = escalations.escalate_due(desk.office)
    assert done.to_role == "admin"
    assert (len(told(desk.office, admin)), len(told(desk.office, supervisor))) == (1, 0)


def test_where_nobody_of_the_role_works_the_administrator_knows(desk: Desk, supervisor: Actor, admin: Actor) -> None:
    desk.owner(
        "INSERT INTO user_stations (operator_id, user_id, station_id)"
        " SELECT 1, :user, id FROM stations WHERE station_code = 'GMR'",
        user=supervisor.user_id,
    )
    ask(desk)
    overdue(desk, 1)
    assert [one.told for one in escalations.escalate_due(desk.office)] == [1]
    assert (len(told(desk.office, admin)), len(told(desk.office, supervisor))) == (1, 0)


def test_many_terminals_escalate_once(desk: Desk, supervisor: Actor) -> None:
    for _ in range(3):
        ask(desk)
    approvals.request(desk.office, desk.clerk, Wish("cash_movement", "shifts", "x", 1), "please")
    desk.owner("ALTER TABLE approvals DISABLE TRIGGER USER")
    desk.owner(
        "UPDATE approvals SET created_at = now() - interval '11 minutes', expires_at = now() + interval '1 hour'"
    )
    desk.owner("ALTER TABLE approvals ENABLE TRIGGER USER")
    overdue(desk, 1)
    start = Barrier(8)

    def work(_: int) -> list[tuple[str, int]]:
        start.wait()
        return [(one.about, one.number) for one in escalations.escalate_due(desk.office)]

    with ThreadPoolExecutor(8) as pool:
        done = sorted(one for some in pool.map(work, range(8)) for one in some)
    assert done == [("approval", 1), ("request", 1), ("request", 2), ("request", 3)]
    assert len(told(desk.office, supervisor)) == 4
    desk.require_sound()


def test_an_approval_that_waits_too_long_is_told_until_it_is_decided(desk: Desk, supervisor: Actor) -> None:
    asked = approvals.request(desk.office, desk.clerk, Wish("cash_movement", "shifts", "x", 1), "please", minutes=120)
    assert escalations.escalate_due(desk.office) == []
    desk.decide(policy.APPROVAL_ESCALATION_MINUTES, 1, station="YK")
    desk.owner("ALTER TABLE approvals DISABLE TRIGGER USER")
    desk.owner("UPDATE approvals SET created_at = now() - interval '2 minutes'")
    desk.owner("ALTER TABLE approvals ENABLE TRIGGER USER")
    [done] = escalations.escalate_due(desk.office)
    assert (done.about, done.number, done.level) == ("approval", asked.number, 1)
    assert told(desk.office, supervisor) == ["Approval 1 (cash movement) waits too long"]
    approvals.decide(desk.office, supervisor, asked.id, approve=True)
    assert desk.value("SELECT resolved_at IS NOT NULL FROM callback_escalations")
    assert escalations.escalate_due(desk.office) == []


def test_by_hand_to_a_role_or_a_person(desk: Desk, supervisor: Actor, admin: Actor) -> None:
    office, clerk = desk.office, desk.clerk
    ask(desk)
    found, done = escalations.escalate(office, clerk, 1, "she shouts")
    assert (found.escalated, done.level, done.to_role, done.told) == (0, 0, "supervisor", 1)
    escalations.escalate(office, clerk, 1, "still", staff="9001")
    assert notices.listed(office, supervisor)[0].message.endswith("she shouts")
    assert notices.listed(office, admin)[0].message.endswith("still")
    assert code_of(lambda: escalations.escalate(office, clerk, 1, "")) == "reason_missing"
    assert code_of(lambda: escalations.escalate(office, clerk, 1, "x", role="clerk")) == "escalation_unclear"
    assert code_of(lambda: escalations.escalate(office, clerk, 1, "x", staff="77")) == "unknown_staff"
    overdue(desk, 1)
    assert [one.level for one in escalations.escalate_due(office)] == [1]  # by hand is no level of the clock's


def test_notices_are_ones_own(desk: Desk, supervisor: Actor, admin: Actor) -> None:
    office = desk.office
    ask(desk)
    overdue(desk, 600)
    escalations.escalate_due(office)
    [mine] = notices.listed(office, supervisor)
    assert notices.mark_read(office, admin, [mine.id]) == 0
    assert notices.count_unread(office, supervisor) == 1
    assert notices.mark_read(office, supervisor, [mine.id]) == 1
    assert notices.mark_read(office, supervisor, [mine.id]) == 0
    assert (notices.count_unread(office, supervisor), notices.count_unread(office, admin)) == (0, 1)
    assert [one.is_read for one in notices.listed(office, supervisor, everything=True)] == [True]


# -- personal data ----


def test_a_customer_is_told_of_requests_and_taken_out_of_them(
    desk: Desk, supervisor: Actor, database: TestDatabase
) -> None:
    who = person(desk.office.keys, phone=PHONE)
    ask(desk)
    held = export(desk.office, supervisor, who)["held"]["callback_requests"]
    assert [(row["customer_name"], row["contact_phone"]) for row in held] == [("SITI AMINAH", "+6281234567890")]
    erase = (database.owner_url, database.keys_folder, supervisor, who)
    assert code_of(lambda: erasure.erase(*erase)) == "request_open"
    service_requests.resolve(desk.office, desk.clerk, 1, "called Siti")
    assert erasure.erase(*erase).requests == 1
    row = desk.owner("SELECT * FROM callback_requests")[0]
    assert (row.customer_name, row.contact_phone, row.note, row.resolution) == ("ERASED", None, "ERASED", "ERASED")


def test_another_operator_sees_none(desk: Desk, two: psycopg.Connection[Any]) -> None:
    ask(desk)
    overdue(desk, 1)
    escalations.escalate_due(desk.office)
    for table in ("callback_requests", "callback_escalations"):
        assert two.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)]
