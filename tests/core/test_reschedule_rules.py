"""May a ticket be moved, and what does it cost: tables of cases, and what holds for every amount."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NotFound, Refused
from core.fares import Bucket
from core.identity import PassengerType
from core.network import ClassInfo, RouteInfo, StationInfo, Stop, TrainInfo
from core.policy import (
    RESCHEDULE_CUTOFF_MINUTES,
    RESCHEDULE_FEE_PERCENT,
    Policies,
    Setting,
)
from core.reschedule_rules import (
    RESCHEDULE,
    UPGRADE,
    Fault,
    Outside,
    Rider,
    Standing,
    Terms,
    Verdict,
    Wanted,
    companions,
    cost,
    explain,
    fee_of,
    judge,
    require_still_infant,
)
from core.timetable import Journey

DEPARTS = datetime(2026, 3, 20, 7, 30, tzinfo=UTC)
STATIONS = [StationInfo(n, code, code, code, "Asia/Jakarta") for n, code in enumerate(("YK", "CN", "GMR"), 1)]
ROUTE = RouteInfo(1, "R", tuple(Stop(n, n + 1, n * 60, n * 60, n * 100) for n in range(3)))
ECONOMY = ClassInfo(1, 1, "economy", "EKO", "Ekonomi", 80, 200_000, (Bucket("C", 1000, None),))
EXECUTIVE = ClassInfo(2, 1, "executive", "EKS", "Eksekutif", 50, 400_000, (Bucket("A", 1000, None),))


def trip(
    schedule: int = 1, *, board: int = 0, leave: int = 2, departs: datetime = DEPARTS, status: str = "scheduled",
    late: int = 0,
) -> Journey:  # fmt: skip
    return Journey(
        schedule, departs.date(), status, TrainInfo(1, "43", "Taksaka", False), ROUTE, ROUTE.stops[board],
        ROUTE.stops[leave], STATIONS[board], STATIONS[leave], departs + timedelta(minutes=late),
        departs + timedelta(hours=6, minutes=late), late,
    )  # fmt: skip


TERMS = Terms.of(Policies([]), trip())
TICKET = Standing("active", "confirmed", trip(), ECONOMY, 7, 200_000)
TOMORROW = Wanted(trip(2, departs=DEPARTS + timedelta(days=1)), ECONOMY)


def before(minutes: float) -> datetime:
    return DEPARTS - timedelta(minutes=minutes)


def test_the_terms_are_those_of_the_railway_unless_policy_says_otherwise() -> None:
    assert (TERMS.cutoff_minutes, TERMS.fee_percent, TERMS.fee_rounding, TERMS.other_relation) == (60, 25, 1000, False)
    nearer = Policies(
        [
            Setting(RESCHEDULE_CUTOFF_MINUTES.name, 1, None, 90),
            Setting(RESCHEDULE_FEE_PERCENT.name, None, 1, 10),
            Setting(RESCHEDULE_FEE_PERCENT.name, None, 2, 99),
        ]
    )
    assert (Terms.of(nearer, trip()).cutoff_minutes, Terms.of(nearer, trip()).fee_percent) == (90, 10)
    assert Terms.of(nearer, trip(board=1)).cutoff_minutes == 60


@pytest.mark.parametrize(
    ("minutes", "outside"),
    [(60 * 24 * 80, ()), (61, ()), (60, ()), (59.99, (Outside.CUTOFF,)), (0.01, (Outside.CUTOFF,))],
)
def test_the_cutoff(minutes: float, outside: tuple[Outside, ...]) -> None:
    verdict = judge(TICKET, TOMORROW, TERMS, before(minutes))
    assert verdict == Verdict(RESCHEDULE, None, outside)
    assert verdict.within_policy is (outside == ())


@pytest.mark.parametrize("minutes", [0, -1, -60 * 24])
def test_a_train_that_left_is_gone(minutes: float) -> None:
    with pytest.raises(Refused) as refused:
        judge(TICKET, TOMORROW, TERMS, before(minutes))
    assert refused.value.reason == "departed"


@pytest.mark.parametrize(
    ("status", "booking", "code"),
    [
        ("used", "confirmed", "ticket_used"),
        ("superseded", "confirmed", "ticket_closed"),
        ("cancelled", "confirmed", "ticket_closed"),
        ("expired", "confirmed", "ticket_closed"),
        ("voided", "confirmed", "ticket_closed"),
        ("active", "cancelled", "booking_not_sold"),
        ("active", "completed", "booking_not_sold"),
        ("active", "pending", "booking_not_sold"),
    ],
)
def test_only_tickets_in_force_are_moved(status: str, booking: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        judge(replace(TICKET, status=status, booking_status=booking), TOMORROW, TERMS, before(600))
    assert refused.value.reason == code


@pytest.mark.parametrize(
    ("late", "minutes", "fault"),
    [(60, 30, None), (61, 30, Fault.DELAYED), (61, -60.9, Fault.DELAYED), (600, -300, Fault.DELAYED)],
)
def test_a_long_delay_is_the_operators_fault(late: int, minutes: float, fault: Fault | None) -> None:
    """Over an hour; and then there is no cut-off but the departure itself. A shorter one only moves the cut-off."""
    verdict = judge(replace(TICKET, journey=trip(late=late)), TOMORROW, TERMS, before(minutes))
    assert (verdict.fault, verdict.outside) == (fault, ())


def test_a_delayed_train_leaves_in_the_end() -> None:
    with pytest.raises(Refused) as refused:
        judge(replace(TICKET, journey=trip(late=61)), TOMORROW, TERMS, before(-61))
    assert refused.value.reason == "departed"


@pytest.mark.parametrize(("days", "code"), [(-3, None), (0, None), (6.99, None), (7, "fault_claim_over")])
def test_tickets_of_a_cancelled_train_are_good_for_a_week(days: float, code: str | None) -> None:
    ticket = replace(TICKET, journey=trip(status="cancelled"))
    now = DEPARTS + timedelta(days=days)
    if code is None:
        assert judge(ticket, TOMORROW, TERMS, now) == Verdict(RESCHEDULE, Fault.CANCELLED)
    else:
        with pytest.raises(Refused) as refused:
            judge(ticket, TOMORROW, TERMS, now)
        assert refused.value.reason == code


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        (TOMORROW, RESCHEDULE),
        (replace(TOMORROW, travel_class=EXECUTIVE), RESCHEDULE),
        (Wanted(trip(), EXECUTIVE), UPGRADE),
        (Wanted(trip(), ECONOMY, 8), RESCHEDULE),
    ],
)
def test_an_upgrade_is_a_dearer_class_of_the_same_train(wanted: Wanted, kind: str) -> None:
    assert judge(TICKET, wanted, TERMS, before(600)).kind == kind


def test_a_cheaper_class_of_the_same_train_is_no_upgrade() -> None:
    assert (
        judge(replace(TICKET, travel_class=EXECUTIVE), Wanted(trip(), ECONOMY), TERMS, before(600)).kind == RESCHEDULE
    )


@pytest.mark.parametrize("seat", [None, 7])
def test_a_move_to_where_one_sits_is_none(seat: int | None) -> None:
    with pytest.raises(Refused) as refused:
        judge(TICKET, Wanted(trip(), ECONOMY, seat), TERMS, before(600))
    assert refused.value.reason == "same_journey"


def test_an_upgrade_has_terms_of_its_own() -> None:
    up = Wanted(trip(), EXECUTIVE)
    assert judge(TICKET, up, TERMS, before(30)).outside == ()
    late = judge(TICKET, up, TERMS, before(29))
    assert late.outside == (Outside.CUTOFF,)
    assert "30 minutes" in explain(late.outside, TERMS, late.kind)
    assert cost(200_000, 400_000, late, TERMS).due == 200_000
    assert cost(200_000, 400_000, late, replace(TERMS, upgrade_fee_percent=10)).fee == 20_000
    with pytest.raises(Refused) as refused:
        judge(TICKET, up, replace(TERMS, upgrades_allowed=False), before(600))
    assert refused.value.reason == "upgrades_not_allowed"


def test_another_relation_is_another_ticket_unless_policy_allows_it() -> None:
    wanted = Wanted(trip(2, board=1, departs=DEPARTS + timedelta(days=1)), ECONOMY)
    with pytest.raises(Refused) as refused:
        judge(TICKET, wanted, TERMS, before(600))
    assert refused.value.reason == "other_relation"
    assert judge(TICKET, wanted, replace(TERMS, other_relation=True), before(600)).kind == RESCHEDULE


@pytest.mark.parametrize(
    ("old", "new", "fault", "fee", "difference", "forgone"),
    [
        (450_000, 450_000, None, 113_000, 0, 0),  # 112,500 is rounded up
        (400_000, 400_000, None, 100_000, 0, 0),  # 100,000 is not
        (400_001, 400_001, None, 101_000, 0, 0),
        (450_000, 520_000, None, 113_000, 70_000, 0),
        (450_000, 300_000, None, 113_000, 0, 150_000),
        (1, 1, None, 1_000, 0, 0),
        (0, 0, None, 0, 0, 0),  # an infant
        (450_000, 450_000, Fault.CANCELLED, 0, 0, 0),
        (450_000, 520_000, Fault.DELAYED, 0, 70_000, 0),
        (450_000, 300_000, Fault.DELAYED, 0, 0, 150_000),
        (360_000, 450_000, None, 90_000, 90_000, 0),  # a reduction that is not given any more
    ],
)
def test_what_it_costs(old: int, new: int, fault: Fault | None, fee: int, difference: int, forgone: int) -> None:
    found = cost(old, new, Verdict(RESCHEDULE, fault), TERMS)
    assert (found.fee, found.difference, found.forgone, found.due) == (fee, difference, forgone, fee + difference)


@given(
    old=st.integers(0, 10**9), new=st.integers(0, 10**9), percent=st.integers(0, 100), rounding=st.integers(1, 100_000)
)
def test_whatever_the_amounts(old: int, new: int, percent: int, rounding: int) -> None:
    terms = replace(TERMS, fee_percent=percent, fee_rounding=rounding)
    found = cost(old, new, Verdict(RESCHEDULE, None), terms)
    assert found.fee % rounding == 0
    assert found.fee * 100 >= old * percent > (found.fee - rounding) * 100 or found.fee == 0 == old * percent
    assert found.old_fare + found.difference - found.forgone == found.new_fare
    assert found.difference >= 0 <= found.forgone
    assert 0 in (found.difference, found.forgone)
    # What the ledger of the move adds up to is what the customer pays.
    assert -old + new + found.forgone + found.fee == found.due
    assert fee_of(old, percent, rounding) == found.fee


def rider(serial: int, kind: str, *, born: date | None = None) -> Rider:
    return Rider(serial, serial, PassengerType(kind), f"P{serial}", born)


A, B, CHILD, X, Y = rider(1, "adult"), rider(2, "senior"), rider(3, "child"), rider(4, "infant"), rider(5, "infant")


@pytest.mark.parametrize(
    ("mover", "party", "chosen", "along"),
    [
        (A, [A], None, ()),
        (A, [A, X], None, (X,)),
        (A, [A, B, X], None, (X,)),
        (B, [A, B, X], None, ()),
        (B, [A, B, X], {4}, (X,)),
        (A, [A, B, X], set(), ()),
        (A, [Y, B, X, A], None, (X,)),
        (B, [Y, B, X, A], None, (Y,)),
        (B, [Y, B, X, A], {4}, (X,)),
        (CHILD, [A, CHILD, X], None, ()),
        (CHILD, [CHILD], None, ()),
    ],
)
def test_infants_go_with_their_adult(
    mover: Rider, party: list[Rider], chosen: set[int] | None, along: tuple[Rider, ...]
) -> None:
    assert companions(mover, party, 1, chosen) == along


@pytest.mark.parametrize(
    ("mover", "party", "chosen", "code"),
    [
        (X, [A, X], None, "infant_goes_with_adult"),
        (A, [A, X], set(), "infant_left_alone"),
        (A, [A, CHILD, X], set(), "infant_left_alone"),
        (A, [A, B, X, Y], set(), "infant_left_alone"),
        (A, [A, B, X, Y], {4, 5}, "too_many_infants"),
        (CHILD, [A, CHILD, X], {4}, "too_many_infants"),
        (A, [A, B, X], {99}, "unknown_infant"),
        (A, [A, B, X], {2}, "unknown_infant"),
    ],
)
def test_no_infant_travels_alone(mover: Rider, party: list[Rider], chosen: set[int] | None, code: str) -> None:
    with pytest.raises((Refused, NotFound)) as refused:
        companions(mover, party, 1, chosen)
    assert refused.value.reason == code


@given(adults=st.integers(1, 4), infants=st.integers(0, 4), each=st.integers(1, 2))
def test_every_infant_has_a_lap_on_both_trains(adults: int, infants: int, each: int) -> None:
    party = [rider(n, "adult") for n in range(adults)] + [rider(10 + n, "infant") for n in range(infants)]
    if infants > adults * each:
        return
    moved = [companions(one, party, each) for one in party[:adults]]
    assert sorted(one.serial for along in moved for one in along) == [10 + n for n in range(infants)]
    assert all(len(along) <= each for along in moved)


@pytest.mark.parametrize(("born", "old"), [("2023-03-21", False), ("2023-03-20", True), ("2020-01-01", True)])
def test_an_infant_that_grew_up_pays(born: str, old: bool) -> None:
    infant = rider(4, "infant", born=date.fromisoformat(born))
    if not old:
        require_still_infant(infant, date(2026, 3, 20), 3)
        return
    with pytest.raises(Refused) as refused:
        require_still_infant(infant, date(2026, 3, 20), 3)
    assert refused.value.reason == "infant_too_old"


def test_a_supervisor_is_told_why() -> None:
    said = explain((Outside.CUTOFF, Outside.QUOTA), TERMS, RESCHEDULE)
    assert "60 minutes" in said
    assert "changed as much" in said
