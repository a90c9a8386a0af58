"""Whose day is out of line: refunds and reprints against what the other clerks did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import staff, terminals, tickets
from core.audit import alerts as alerting
from core.audit.incidents import REFUNDS_OUT_OF_LINE, REPRINTS_OUT_OF_LINE, Acknowledgement, Alert
from core.audit.outliers import REFUNDS, REPRINTS, Days, Tally, out_of_line
from core.database import Actor
from core.errors import CounterError, NotFound, NotPermitted, NotSignedIn, Refused
from core.office import Office
from core.policy import Policies, Setting

if TYPE_CHECKING:
    from tests.core.conftest import Desk

DAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 5, tzinfo=UTC)


def policies(**changed: int) -> Policies:
    return Policies(Setting(name, None, None, value) for name, value in changed.items())


def tally(number: str, count: int, amount: int = 0, *, what: str = REFUNDS, day: date = DAY) -> Tally:
    return Tally(day, number, what, count, amount, NOON, NOON + timedelta(hours=1), ("T1",))


def subjects(days: Days, **changed: int) -> list[tuple[str, str, int]]:
    return [(one.kind, one.subject, one.count) for one in out_of_line(days, policies(**changed))]


def crew(*numbers: str) -> frozenset[tuple[date, str]]:
    return frozenset((DAY, number) for number in numbers)


def test_more_than_so_many_times_what_the_others_do() -> None:
    others = [tally("1", 2, 200), tally("2", 3, 300), tally("3", 4, 400)]
    assert subjects(Days(tallies=[*others, tally("9", 9, 900)])) == []
    assert subjects(Days(tallies=[*others, tally("9", 10, 900)])) == [(REFUNDS_OUT_OF_LINE, "9", 10)]


def test_large_sums_are_out_of_line_as_well() -> None:
    others = [tally("1", 5, 200), tally("2", 6, 300), tally("3", 7, 400)]
    (alert,) = out_of_line(Days(tallies=[*others, tally("9", 6, 901)]), policies())
    assert (alert.subject, alert.details) == ("9", {"usual_count": 6, "amount": 901, "usual_amount": 300})


def test_a_single_refund_never_is() -> None:
    assert subjects(Days(crew("1", "2", "3"), [tally("9", 1, 10_000_000)])) == []
    assert subjects(Days(crew("1", "2", "3"), [tally("9", 4, 10_000_000)])) == []
    assert subjects(Days(crew("1", "2", "3"), [tally("9", 5, 10)])) == [(REFUNDS_OUT_OF_LINE, "9", 5)]


def test_those_who_refunded_nothing_count_among_the_others() -> None:
    tallies = [tally("1", 6, 600), tally("9", 6, 600)]
    assert subjects(Days(tallies=tallies)) == []
    assert len(subjects(Days(crew("2", "3", "4"), tallies))) == 2


def test_one_who_does_much_hides_nobody() -> None:
    honest = [tally(str(n), 1, 100) for n in range(5)]
    found = subjects(Days(tallies=[*honest, tally("8", 500, 50_000), tally("9", 20, 2_000)]))
    assert {number for _, number, _ in found} == {"8", "9"}


def test_whoever_was_alone_is_held_to_the_least_number() -> None:
    assert subjects(Days(tallies=[tally("9", 4, 100)])) == []
    assert subjects(Days(tallies=[tally("9", 5, 100)])) == [(REFUNDS_OUT_OF_LINE, "9", 5)]


def test_days_and_kinds_are_judged_by_themselves() -> None:
    yesterday = DAY - timedelta(days=1)
    tallies = [tally("9", 5), tally("9", 5, day=yesterday), tally("9", 5, what=REPRINTS)]
    found = out_of_line(Days(tallies=tallies), policies())
    assert {(one.kind, one.anchor) for one in found} == {
        (REFUNDS_OUT_OF_LINE, "2026-03-10"), (REFUNDS_OUT_OF_LINE, "2026-03-09"), (REPRINTS_OUT_OF_LINE, "2026-03-10"),
    }  # fmt: skip
    assert len({one.id for one in found}) == 3


def test_limits_are_the_operators() -> None:
    days = Days(tallies=[tally("1", 2, 2), tally("9", 4, 4)])
    assert subjects(days) == []
    assert subjects(days, alert_refunds_least=2, alert_refunds_times=1) == [(REFUNDS_OUT_OF_LINE, "9", 4)]
    copies = Days(tallies=[tally("1", 2, what=REPRINTS), tally("9", 4, what=REPRINTS)])
    assert subjects(copies, alert_refunds_least=2, alert_refunds_times=1) == []
    assert subjects(copies, alert_reprints_least=2, alert_reprints_times=1) == [(REPRINTS_OUT_OF_LINE, "9", 4)]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=9), st.integers(0, 300))
def test_an_alert_is_never_about_somebody_in_line(others: list[int], mine: int) -> None:
    tallies = [tally(str(at), count, count) for at, count in enumerate(others) if count]
    days = Days(crew(*map(str, range(len(others)))), [*tallies, *([tally("me", mine, mine)] if mine else [])])
    about_me = [one for one in out_of_line(days, policies()) if one.subject == "me"]
    at_or_below = sorted(others)[len(others) // 2]
    if about_me:
        assert mine >= 5
        assert mine > 3 * sorted(others)[(len(others) - 1) // 2] or mine > 3 * at_or_below
    elif mine >= 5:
        assert mine <= 3 * at_or_below


# What is known of an alert


def alert(count: int, seen: int | None = None) -> Alert:
    known = None if seen is None else Acknowledgement("3001", NOON, "looked", seen)
    return Alert(REFUNDS_OUT_OF_LINE, "9", count, NOON, NOON, (), "2026-03-10", acknowledged=known)


def test_an_alert_is_open_until_it_is_acknowledged_and_again_when_it_has_doubled() -> None:
    assert [alert(5).is_open, alert(5, 5).is_open, alert(9, 5).is_open, alert(10, 5).is_open] == [
        True, False, False, True,
    ]  # fmt: skip


def test_the_key_stays_while_an_alert_grows() -> None:
    assert alert(5).id == alert(50, 5).id
    assert len(alert(5).id) == 12


# What is on record


@pytest.fixture
def supervisor(office: Office) -> Actor:
    here = terminals.register(office, "OFFICE", station="YK")
    return staff.sign_in(office, here, "3001", "123456", program="tests").actor


@pytest.fixture
def today(office: Office, supervisor: Actor) -> Callable[[], list[Alert]]:
    def look() -> list[Alert]:
        now: datetime = office.database.transaction(lambda tx: tx.now)
        return alerting.alerts(office, supervisor, now - timedelta(days=1), now + timedelta(days=1))

    return look


def out_of_line_kinds(found: list[Alert]) -> list[tuple[str, str, int]]:
    return [(one.kind, one.subject, one.count) for one in found if one.kind.endswith("out_of_line")]


def test_refunds_of_a_clerk_are_found(desk: Desk, today: Callable[[], list[Alert]]) -> None:
    sold = [desk.sell(1, first=n) for n in range(1, 6)]
    refund = (
        "INSERT INTO refunds (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount,"
        " refund_method, requested_by) SELECT operator_id, gen_random_uuid(), id, payment_reference || '-R',"
        " 'cancellation', amount, payment_method, taken_by FROM payments WHERE booking_id = ANY(:ids)"
    )
    desk.open_modifications()
    desk.owner("ALTER TABLE refunds DISABLE TRIGGER USER")
    desk.owner(refund, ids=[one.booking_id for one in sold[:4]])
    assert out_of_line_kinds(today()) == []
    desk.owner(refund, ids=[sold[4].booking_id])
    (found,) = [one for one in today() if one.kind == REFUNDS_OUT_OF_LINE]
    assert (found.subject, found.count) == (desk.clerk.staff_number, 5)
    assert found.details["amount"] == desk.value("SELECT sum(refund_amount) FROM refunds")


def test_copies_of_tickets_are_found(desk: Desk, today: Callable[[], list[Alert]]) -> None:
    ticket = desk.sell(1, printer="file:x").tickets[0]
    for _ in range(5):
        tickets.order_copy(desk.office, desk.clerk, ticket.number, "paper jam", "file:x")
    assert out_of_line_kinds(today()) == [(REPRINTS_OUT_OF_LINE, desk.clerk.staff_number, 5)]
    assert today()[0].terminals == (desk.clerk.terminal_code,)


# Acknowledging


@pytest.fixture
def guessed(desk: Desk, today: Callable[[], list[Alert]]) -> Alert:
    """Five wrong PINs for clerk 1001."""
    here = terminals.register(desk.office, "DESK-9", station="GMR")
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            staff.sign_in(desk.office, here, "1001", "000000", program="tests")
    return next(one for one in today() if one.subject == "1001")


def test_who_has_looked_is_on_the_trail(
    desk: Desk, guessed: Alert, supervisor: Actor, today: Callable[[], list[Alert]]
) -> None:
    before = alerting.count_open(desk.office, supervisor)
    done = alerting.acknowledge(desk.office, supervisor, guessed.id, " a forgotten \x1b PIN ")
    assert done.acknowledged is not None
    assert alerting.count_open(desk.office, supervisor) == before - 1
    row = desk.owner("SELECT * FROM audit_logs WHERE entity_type = 'security_alerts'")[0]
    assert (row.entity_id, row.action, row.user_id) == (guessed.id, "update", supervisor.user_id)
    assert row.new_values == {"note": "a forgotten PIN", "kind": "failed_pins", "subject": "1001", "count": 5}
    found = next(one for one in today() if one.id == guessed.id)
    assert found.acknowledged is not None
    assert (found.acknowledged.by, found.acknowledged.note, found.is_open) == ("3001", "a forgotten PIN", False)
    with pytest.raises(Refused, match="already"):
        alerting.acknowledge(desk.office, supervisor, guessed.id, "again")
    desk.require_sound()


def test_counting_is_no_look(desk: Desk, guessed: Alert, supervisor: Actor) -> None:
    rows = desk.count("audit_logs")
    assert alerting.count_open(desk.office, supervisor) >= 1
    assert desk.count("audit_logs") == rows


def test_nobody_acknowledges_what_is_about_himself(
    desk: Desk, supervisor: Actor, today: Callable[[], list[Alert]]
) -> None:
    here = terminals.register(desk.office, "DESK-9", station="GMR")
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            staff.sign_in(desk.office, here, "3001", "000000", program="tests")
    mine = next(one for one in today() if one.subject == "3001")
    with pytest.raises(Refused) as refused:
        alerting.acknowledge(desk.office, supervisor, mine.id, "it was me")
    assert refused.value.reason == "own_alert"
    said = {"note": "it was me", "kind": mine.kind, "subject": "3001", "count": 5}
    for whose in (supervisor, desk.clerk):  # past the rule, by a row alone
        desk.office.database.transaction(
            lambda tx: tx.audit("update", "security_alerts", mine.id, new=said), actor=whose
        )
    assert next(one for one in today() if one.id == mine.id).is_open


@pytest.mark.parametrize(
    ("key", "note", "error"), [(None, " ", Refused), ("0" * 12, "seen", NotFound), ("", "seen", NotFound)]
)
def test_what_cannot_be_acknowledged(
    desk: Desk, guessed: Alert, supervisor: Actor, key: str | None, note: str, error: type[CounterError]
) -> None:
    with pytest.raises(error):
        alerting.acknowledge(desk.office, supervisor, guessed.id if key is None else key, note)
    assert desk.owner("SELECT 1 FROM audit_logs WHERE entity_type = 'security_alerts'") == []


def test_clerks_acknowledge_and_count_nothing(desk: Desk, guessed: Alert) -> None:
    with pytest.raises(NotPermitted):
        alerting.acknowledge(desk.office, desk.clerk, guessed.id, "nothing to see")
    with pytest.raises(NotPermitted):
        alerting.count_open(desk.office, desk.clerk)


def test_the_key_is_the_same_whenever_one_looks(desk: Desk, guessed: Alert, supervisor: Actor) -> None:
    last = guessed.last_at
    for span in (timedelta(seconds=0), timedelta(hours=5), timedelta(days=9)):
        found = alerting.alerts(desk.office, supervisor, last - span, last + timedelta(seconds=1))
        assert guessed.id in {one.id for one in found}
