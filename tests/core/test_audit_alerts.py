"""Security alerts: which wrong PINs and refusals are too many, and that they are found on record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import staff, terminals
from core.audit import alerts as alerting
from core.audit.incidents import (
    FAILED_PINS,
    FAILED_PINS_AT_TERMINAL,
    REFUSALS_AT_NIGHT,
    Alert,
    Incident,
    Place,
    find,
)
from core.checkin import Gate, check_in
from core.database import Actor
from core.errors import NotPermitted, NotSignedIn
from core.office import Office
from core.policy import (
    ALERT_FAILED_PINS,
    ALERT_FAILED_PINS_AT_TERMINAL,
    ALERT_NIGHT_REFUSALS,
    NIGHT_ENDS,
    NIGHT_STARTS,
    Policies,
    Policy,
    Setting,
)

if TYPE_CHECKING:
    from tests.core.conftest import Desk

#: Ten in the morning in Yogyakarta.
MORNING = datetime(2026, 3, 10, 3, 0, tzinfo=UTC)
YK = Place("YK", 7, "Asia/Jakarta")


def policies(**changed: int) -> Policies:
    known = (ALERT_FAILED_PINS, ALERT_FAILED_PINS_AT_TERMINAL, ALERT_NIGHT_REFUSALS, NIGHT_STARTS, NIGHT_ENDS)
    names = {policy.name for policy in known}
    assert changed.keys() <= names
    return Policies(Setting(name, None, None, value) for name, value in changed.items())


def wrong_pins(*minutes: float, number: str = "1001", terminal: str = "T1", place: Place = YK) -> list[Incident]:
    return [Incident(MORNING + timedelta(minutes=at), number, terminal, place) for at in minutes]


def kinds(found: list[Alert]) -> list[tuple[str, str, int]]:
    return [(alert.kind, alert.subject, alert.count) for alert in found]


# What makes an alert


def test_as_many_wrong_pins_as_policy_says_make_an_alert() -> None:
    assert find(wrong_pins(0, 10, 20, 30), policies()) == []
    assert kinds(find(wrong_pins(0, 10, 20, 30, 40), policies())) == [(FAILED_PINS, "1001", 5)]
    assert kinds(find(wrong_pins(0, 10), policies(alert_failed_pins=2))) == [(FAILED_PINS, "1001", 2)]


def test_they_are_wrong_within_an_hour() -> None:
    assert find(wrong_pins(0, 15, 30, 45, 60.1), policies()) == []
    assert kinds(find(wrong_pins(0, 15, 30, 45, 60), policies())) == [(FAILED_PINS, "1001", 5)]


def test_an_attack_is_one_alert_and_the_next_one_another() -> None:
    found = find(wrong_pins(*range(0, 300, 5), *range(600, 630, 5)), policies(alert_failed_pins_at_terminal=1000))
    assert kinds(found) == [(FAILED_PINS, "1001", 6), (FAILED_PINS, "1001", 60)]
    assert (found[1].first_at, found[1].last_at) == (MORNING, MORNING + timedelta(minutes=295))


def test_many_numbers_at_one_terminal() -> None:
    guesses = [one for number in range(10) for one in wrong_pins(number, number=str(number))]
    assert kinds(find(guesses, policies())) == [(FAILED_PINS_AT_TERMINAL, "T1", 10)]
    assert find(guesses[:9], policies()) == []


def test_one_number_at_many_terminals() -> None:
    guesses = [one for n in range(5) for one in wrong_pins(n, terminal=f"T{n}")]
    (alert,) = find(guesses, policies())
    assert (alert.kind, alert.terminals) == (FAILED_PINS, ("T0", "T1", "T2", "T3", "T4"))


@pytest.mark.parametrize(
    ("hour", "minute", "night"), [(22, 59, False), (23, 0, True), (0, 0, True), (3, 59, True), (4, 0, False)]
)
def test_night_is_when_policy_says_by_the_clock_of_the_station(hour: int, minute: int, night: bool) -> None:
    at = datetime(2026, 3, 10, hour, minute, tzinfo=UTC) - timedelta(hours=9)  # Jayapura is nine hours ahead
    place = Place("JP", 9, "Asia/Jayapura")
    refused = [Incident(at, None, "GATE", place)] * 3
    assert kinds(find(refused, policies())) == ([(REFUSALS_AT_NIGHT, "JP", 3)] if night else [])


def test_a_night_has_one_date() -> None:
    evening = datetime(2026, 3, 10, 16, 30, tzinfo=UTC)  # half past eleven in Yogyakarta
    late = [Incident(evening + timedelta(hours=n), None, "GATE", YK) for n in (0, 1, 2)]
    assert kinds(find(late, policies())) == [(REFUSALS_AT_NIGHT, "YK", 3)]
    apart = [Incident(evening + timedelta(days=n), None, "GATE", YK) for n in (0, 1, 2)]
    assert find(apart, policies()) == []


def test_night_may_lie_in_the_day_and_may_be_none() -> None:
    noon = [Incident(MORNING, None, "GATE", YK)] * 3
    assert len(find(noon, policies(night_starts_hour=9, night_ends_hour=11))) == 1
    assert find(noon, policies(night_starts_hour=10, night_ends_hour=10)) == []


def test_a_station_may_have_limits_of_its_own() -> None:
    mine: Policy[int] = ALERT_FAILED_PINS
    strict = Policies([Setting(mine.name, YK.station_id, None, 2)])
    assert kinds(find(wrong_pins(0, 1), strict)) == [(FAILED_PINS, "1001", 2)]
    assert find(wrong_pins(0, 1, place=Place("GMR", 8, "Asia/Jakarta")), strict) == []


@given(st.lists(st.integers(0, 600), max_size=40), st.integers(1, 8))
def test_there_is_an_alert_exactly_if_some_hour_reaches_the_limit(minutes: list[int], limit: int) -> None:
    found = find(wrong_pins(*minutes), policies(alert_failed_pins=limit, alert_failed_pins_at_terminal=10_000))
    busiest = max((sum(at <= other <= at + 60 for other in minutes) for at in minutes), default=0)
    assert bool(found) == (busiest >= limit)


# What is on record


@pytest.fixture
def supervisor(office: Office) -> Actor:
    here = terminals.register(office, "OFFICE", station="YK")
    return staff.sign_in(office, here, "3001", "123456", program="tests").actor


@pytest.fixture
def today(office: Office, supervisor: Actor) -> Callable[[], list[Alert]]:
    def look() -> list[Alert]:
        now: datetime = office.database.transaction(lambda tx: tx.now)
        day = timedelta(days=1)
        return alerting.alerts(office, supervisor, now - day, now + day)

    return look


def test_wrong_pins_are_found(desk: Desk, today: Callable[[], list[Alert]]) -> None:
    here = terminals.register(desk.office, "DESK-9", station="GMR")
    for number in ("1001", "8888"):
        for _ in range(5):
            with pytest.raises(NotSignedIn):
                staff.sign_in(desk.office, here, number, "000000", program="tests")
    found = [alert for alert in today() if alert.kind != REFUSALS_AT_NIGHT]
    subjects = {(alert.kind, alert.subject.split()[0], alert.count, alert.terminals) for alert in found}
    assert subjects == {
        (FAILED_PINS, "1001", 5, ("DESK-9",)),
        (FAILED_PINS, "unknown", 5, ("DESK-9",)),
        (FAILED_PINS_AT_TERMINAL, "DESK-9", 10, ("DESK-9",)),
    }
    assert not any("8888" in alert.subject for alert in found)  # it may be somebody's PIN


def test_refused_codes_at_night_are_found(desk: Desk, gate_agent: Actor, today: Callable[[], list[Alert]]) -> None:
    desk.decide(NIGHT_STARTS, 0)
    desk.decide(NIGHT_ENDS, 23)
    desk.owner("UPDATE stations SET time_zone = 'Etc/UTC'")
    code = desk.sell(1).tickets[0].code
    forged = code[:-2] + ("A" if code[-2] != "A" else "B") + code[-1]
    hour = desk.value("SELECT extract(hour FROM now() AT TIME ZONE 'Etc/UTC')")
    if hour == 23:
        desk.owner("UPDATE stations SET time_zone = 'Etc/GMT+2'")
    for _ in range(3):
        check_in(desk.office, gate_agent, forged, Gate("YK"))
    check_in(desk.office, gate_agent, "something else", Gate("YK"))  # that is no attempt on anything
    assert kinds(today()) == [(REFUSALS_AT_NIGHT, "YK", 3)]


def test_what_the_trail_says_need_not_be_a_key(desk: Desk, today: Callable[[], list[Alert]]) -> None:
    desk.office.database.transaction(
        lambda tx: [tx.audit("update", "users", "no key", new={"sign_in": "failed"}) for _ in range(5)]
    )
    assert (FAILED_PINS, "unknown no key", 5) in kinds(today())


def test_a_look_at_alerts_is_on_the_trail(desk: Desk, today: Callable[[], list[Alert]]) -> None:
    today()
    row = desk.owner("SELECT * FROM audit_logs WHERE entity_type = 'audit_logs'")[0]
    assert (row.action, row.entity_id) == ("view", "alerts")


def test_only_supervisors_are_told(office: Office, clerk: Actor) -> None:
    with pytest.raises(NotPermitted):
        alerting.alerts(office, clerk, MORNING, MORNING)
