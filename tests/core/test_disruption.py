"""Trains that are late, do not run or skip a stop: sale, search, gate, and who is affected."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core import delay_vouchers, disruption, policy, sale
from core.checkin import Gate, Outcome, check_in
from core.database import Actor
from core.errors import NotPermitted, Refused, StateConflict
from core.search import offers
from tests.conftest import sign_in

if TYPE_CHECKING:
    from tests.core.conftest import Desk


@pytest.fixture
def supervisor(desk: Desk) -> Actor:
    return sign_in(desk.office, "3001", "SUPER-1")


def test_a_delay_shows_in_search_and_on_the_offer(desk: Desk, supervisor: Actor) -> None:
    before = offers(desk.office, "YK", "GMR", desk.day, train_number="43")[0]
    run = disruption.delay(desk.office, supervisor, "43", desk.day, 90, "signal failure")
    after = offers(desk.office, "YK", "GMR", desk.day, train_number="43")[0]
    assert (run.status, run.delay_minutes, run.reason) == ("delayed", 90, "signal failure")
    assert (after.journey.departs_at - before.journey.departs_at).total_seconds() == 90 * 60
    assert (after.as_json()["status"], after.as_json()["delay_minutes"]) == ("delayed", 90)
    on_time = disruption.delay(desk.office, supervisor, "43", desk.day, 0, "repaired")
    assert on_time.status == "scheduled"
    desk.require_sound()


def test_nothing_is_sold_on_a_cancelled_train(desk: Desk, supervisor: Actor) -> None:
    held = desk.hold(2)
    disruption.cancel(desk.office, supervisor, "43", desk.day, "flood")
    assert offers(desk.office, "YK", "GMR", desk.day, train_number="43") == []
    with pytest.raises(Refused, match="cancelled") as refused:
        desk.confirm(held)
    assert refused.value.reason == "train_cancelled"
    assert desk.count("tickets") == 0
    with pytest.raises(StateConflict):
        disruption.delay(desk.office, supervisor, "43", desk.day, 5, "flood")


def test_a_sale_that_began_before_is_refused_by_the_database(
    desk: Desk, supervisor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = desk.hold(1)
    settle_rest = sale.settle_rest

    def cancel_meanwhile(*arguments: object) -> object:
        disruption.cancel(desk.office, supervisor, "43", desk.day, "flood")
        return settle_rest(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sale, "settle_rest", cancel_meanwhile)
    with pytest.raises(Refused) as refused:
        desk.confirm(held)
    assert refused.value.reason == "train_cancelled"
    assert (desk.count("tickets"), desk.count("payments")) == (0, 0)


def test_the_gate_knows_at_once(desk: Desk, supervisor: Actor, gate_agent: Actor) -> None:
    through, short = desk.sell(1).tickets[0], desk.sell(1, first=2, destination="PWT").tickets[0]

    def scan(code: str, late: int = 0) -> Outcome:
        at = through.journey.departs_at - timedelta(minutes=10 - late)
        return check_in(desk.office, gate_agent, code, Gate("YK"), at=at).outcome

    disruption.delay(desk.office, supervisor, "43", desk.day, 120, "engine")
    assert scan(through.code) is Outcome.NOT_YET
    disruption.skip(desk.office, supervisor, "43", desk.day, "PWT", "landslide")
    assert scan(short.code, late=120) is Outcome.CANCELLED
    assert scan(through.code, late=120) is Outcome.OK
    disruption.cancel(desk.office, supervisor, "43", desk.day, "flood")
    assert scan(through.code, late=120) is Outcome.CANCELLED


def test_a_skipped_stop_is_a_cancelled_train_for_those_who_use_it(desk: Desk, supervisor: Actor) -> None:
    leaving, through = desk.sell(2, destination="PWT"), desk.sell(1, first=3)
    run = disruption.skip(desk.office, supervisor, "43", desk.day, "PWT", "landslide at the station")
    assert run.skipped_codes == ["PWT"]
    assert offers(desk.office, "YK", "PWT", desk.day, train_number="43") == []
    assert offers(desk.office, "YK", "GMR", desk.day, train_number="43") != []
    everybody = disruption.affected(desk.office, supervisor, run)
    assert [one.booking_number for one in disruption.affected(desk.office, supervisor, run, only_cancelled=True)] == [
        leaving.booking_number
    ]
    assert {one.booking_number for one in everybody} == {leaving.booking_number, through.booking_number}
    with pytest.raises(StateConflict):
        disruption.skip(desk.office, supervisor, "43", desk.day, "PWT", "again")


def test_affected_bookings_are_listed_with_their_passengers(desk: Desk, supervisor: Actor) -> None:
    sold = desk.sell(2, infants=1)
    run = disruption.find(desk.office, "43", desk.day)
    (one,) = disruption.affected(desk.office, supervisor, run)
    assert (one.booking_number, one.contact_known) == (sold.booking_number, False)
    assert [person["name"] for person in one.passengers] == ["PENUMPANG 1", "PENUMPANG 2", "BAYI 1"]
    assert [person["seat"] for person in one.passengers][2] is None
    assert {person["ticket_number"] for person in one.passengers} == {ticket.number for ticket in sold.tickets}


def test_a_clerk_decides_nothing(desk: Desk) -> None:
    with pytest.raises(NotPermitted):
        disruption.cancel(desk.office, desk.clerk, "43", desk.day, "flood")
    with pytest.raises(Refused) as nameless:
        disruption.cancel(desk.office, sign_in(desk.office, "3001", "SUPER-1"), "43", desk.day, " ")
    assert nameless.value.reason == "reason_missing"


def test_the_database_lets_no_clerk_touch_a_departure(desk: Desk) -> None:
    with pytest.raises(NotPermitted):
        desk.office.database.transaction(
            lambda tx: tx.raw("UPDATE schedules SET status = 'cancelled'").all(), actor=desk.clerk
        )


@pytest.mark.parametrize(
    ("minutes", "kinds"),
    [(60, set()), (61, {"drink"}), (181, {"drink", "snack"}), (301, {"drink", "snack", "meal"})],
)
def test_vouchers_are_issued_once(desk: Desk, supervisor: Actor, minutes: int, kinds: set[str]) -> None:
    desk.sell(2, infants=1)
    disruption.delay(desk.office, supervisor, "43", desk.day, minutes, "engine")
    first = delay_vouchers.issue(desk.office, supervisor, "43", desk.day)
    again = delay_vouchers.issue(desk.office, supervisor, "43", desk.day)
    assert {one.kind for one in first} == kinds
    assert len(first) == 2 * len(kinds)
    assert again == []
    assert desk.count("delay_vouchers") == len(first)


def test_a_clerk_issues_them_for_one_ticket(desk: Desk, supervisor: Actor) -> None:
    sold = desk.sell(2)
    desk.decide(policy.DELAY_DRINK_MINUTES, 20)
    disruption.delay(desk.office, supervisor, "43", desk.day, 30, "engine")
    given = delay_vouchers.issue_for(desk.office, desk.clerk, sold.tickets[0].number)
    assert [(one.kind, one.ticket_number) for one in given] == [("drink", sold.tickets[0].number)]
    assert delay_vouchers.issue_for(desk.office, desk.clerk, sold.tickets[0].number) == []
    assert len(delay_vouchers.issue(desk.office, supervisor, "43", desk.day)) == 1
