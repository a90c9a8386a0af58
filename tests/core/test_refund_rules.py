"""What cancelling costs: a table of cases by the reference railway's terms, and what holds for any booking at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import refund_quote, refund_rules, refund_ways
from core.errors import Refused, StateConflict
from core.refund_quote import Quote, quote
from core.refund_rules import Fault, Item, Terms, Trip
from core.refund_ways import Paid, Windows
from core.worth import LedgerLine, share_out, worth

DEPARTS = datetime(2026, 11, 25, 7, 30, tzinfo=UTC)
CUTOFF = DEPARTS - timedelta(minutes=30)
DAY_BEFORE = DEPARTS - timedelta(days=1)
TRIP = Trip(7, DEPARTS, "43")
CASH = Paid(UUID(int=90), "ABX4K7Q-1", "cash", 10**9, DAY_BEFORE)


def ticket(position: int = 1, paid: int = 450_000, kind: str = "adult", **more: Any) -> Item:
    made = Item(f"{position:012}", "active", UUID(int=position), f"P{position}", kind, position, paid, TRIP)
    return replace(made, **more)


def late(minutes: int) -> Trip:
    return replace(TRIP, delay_minutes=minutes, departs_at=DEPARTS + timedelta(minutes=minutes))


GONE = replace(TRIP, is_cancelled=True)


def asked(*items: Item, at: datetime = DAY_BEFORE, payments: tuple[Paid, ...] = (CASH,), **more: Any) -> Quote:
    return quote(items, more.pop("chosen", None), payments, at, **more)


@pytest.mark.parametrize(
    ("paid", "percent", "rounding", "fee"),
    [
        (450_000, 25, 1, 112_500),
        (450_001, 25, 1, 112_501),
        (449_999, 25, 1, 112_500),
        (450_000, 25, 1_000, 113_000),
        (112_000, 25, 1_000, 28_000),
        (500, 25, 1_000, 500),
        (1, 25, 1, 1),
        (0, 25, 1, 0),
        (0, 25, 1_000, 0),
        (450_000, 0, 1_000, 0),
        (450_000, 100, 1_000, 450_000),
        (333_333, 10, 1, 33_334),
        (10, 33, 7, 7),
    ],
)
def test_the_fee_is_a_share_of_what_was_paid(paid: int, percent: int, rounding: int, fee: int) -> None:
    assert refund_rules.fee_of(paid, Terms(fee_percent=percent, fee_rounding=rounding)) == fee


@pytest.mark.parametrize(
    ("at", "item", "claim", "fee", "refund", "fault"),
    [
        (DAY_BEFORE, ticket(), None, 112_500, 337_500, None),
        (CUTOFF, ticket(), None, 112_500, 337_500, None),
        (DAY_BEFORE, ticket(paid=360_000), None, 90_000, 270_000, None),  # a senior's reduction
        (DAY_BEFORE, ticket(paid=0, kind="infant"), None, 0, 0, None),
        (CUTOFF + timedelta(minutes=59), ticket(trip=late(60)), None, 112_500, 337_500, None),
        (DAY_BEFORE, ticket(terms=Terms(fee_percent=10)), None, 45_000, 405_000, None),
        (DEPARTS - timedelta(seconds=1), ticket(terms=Terms(cutoff_minutes=0)), None, 112_500, 337_500, None),
        (DEPARTS, ticket(trip=late(61)), None, 0, 450_000, Fault.DELAYED),
        (DEPARTS + timedelta(days=7), ticket(trip=late(61)), None, 0, 450_000, Fault.DELAYED),
        (DAY_BEFORE, ticket(trip=late(90), terms=Terms(delay_minutes=120)), None, 112_500, 337_500, None),
        (DAY_BEFORE, ticket(trip=GONE), None, 0, 450_000, Fault.CANCELLED),
        (CUTOFF + timedelta(minutes=1), ticket(trip=GONE), None, 0, 450_000, Fault.CANCELLED),
        (DEPARTS + timedelta(days=7), ticket(trip=GONE), None, 0, 450_000, Fault.CANCELLED),
        (DEPARTS, ticket(trip=GONE, status="used"), None, 0, 450_000, Fault.CANCELLED),
        (DEPARTS, ticket(trip=GONE, status="expired"), None, 0, 450_000, Fault.CANCELLED),
        (DEPARTS, ticket(status="used"), Fault.SERVICE, 0, 450_000, Fault.SERVICE),
        (DEPARTS + timedelta(days=3), ticket(status="expired"), Fault.SERVICE, 0, 450_000, Fault.SERVICE),
        (DAY_BEFORE, ticket(trip=GONE), Fault.SERVICE, 0, 450_000, Fault.CANCELLED),
    ],
)
def test_what_one_ticket_gives_back(
    at: datetime, item: Item, claim: Fault | None, fee: int, refund: int, fault: Fault | None
) -> None:
    line = refund_rules.judge(item, at, claim)
    assert (line.fee, line.refund, line.fault) == (fee, refund, fault)
    assert line.cause
    assert line.until >= at


@pytest.mark.parametrize(
    ("at", "item", "claim", "code"),
    [
        (CUTOFF + timedelta(seconds=1), ticket(), None, "cutoff_passed"),
        (DEPARTS - timedelta(seconds=1), ticket(), None, "cutoff_passed"),
        (DEPARTS, ticket(), None, "departed"),
        (DEPARTS, ticket(terms=Terms(cutoff_minutes=0)), None, "departed"),
        (CUTOFF, ticket(terms=Terms(cutoff_minutes=60)), None, "cutoff_passed"),
        (DEPARTS + timedelta(minutes=60), ticket(trip=late(60)), None, "departed"),
        (DEPARTS + timedelta(minutes=31), ticket(trip=late(60)), None, "cutoff_passed"),
        (DEPARTS + timedelta(days=8), ticket(trip=late(61)), None, "fault_claim_over"),
        (DEPARTS + timedelta(days=7, seconds=1), ticket(trip=GONE), None, "fault_claim_over"),
        (DEPARTS + timedelta(days=2), ticket(trip=GONE, terms=Terms(fault_claim_days=1)), None, "fault_claim_over"),
        (DEPARTS + timedelta(days=8), ticket(status="used"), Fault.SERVICE, "fault_claim_over"),
        (DAY_BEFORE, ticket(status="used"), None, "ticket_used"),
        (DEPARTS, ticket(status="used", trip=late(120)), None, "ticket_used"),
        (DAY_BEFORE, ticket(status="expired"), None, "departed"),
        (DAY_BEFORE, ticket(status="cancelled"), None, "ticket_cancelled"),
        (DAY_BEFORE, ticket(status="cancelled", trip=GONE), Fault.SERVICE, "ticket_cancelled"),
        (DAY_BEFORE, ticket(status="superseded"), None, "ticket_superseded"),
        (DAY_BEFORE, ticket(status="voided"), None, "ticket_voided"),
    ],
)
def test_why_one_ticket_gives_nothing_back(at: datetime, item: Item, claim: Fault | None, code: str) -> None:
    with pytest.raises(Refused) as refused:
        refund_rules.judge(item, at, claim)
    assert refused.value.reason == code
    assert refused.value.hint


def test_terms_are_kept_by_the_names_of_their_policies() -> None:
    terms = Terms(fee_percent=10, cash_allowed=True)
    kept = terms.as_json()
    assert kept["cancel_fee_percent"] == 10
    assert Terms.from_json(kept) == terms
    assert Terms.from_json({}) == Terms()


def test_all_of_a_booking_keeps_its_booking_fee() -> None:
    found = asked(ticket(1), ticket(2), booking_fee=7_500)
    assert (found.paid, found.fee, found.refund, found.booking_fee_back) == (900_000, 225_000, 675_000, 0)
    assert (found.ends_booking, found.reason, found.fault) == (True, "cancellation", None)
    assert found.as_json()["kept"] == 232_500
    assert found.claim_until == DAY_BEFORE + timedelta(days=365)
    assert found.pay_out_by == DAY_BEFORE + timedelta(days=7)


def test_one_of_two_leaves_the_other_and_its_share() -> None:
    found = asked(ticket(1), ticket(2), chosen={ticket(2).number}, booking_fee=7_500)
    assert ([line.item.position for line in found.lines], found.refund) == ([2], 337_500)
    assert not found.ends_booking
    assert found.as_json()["kept"] == 112_500


@pytest.mark.parametrize(("returns", "back"), [(False, 0), (True, 7_500)])
def test_a_cancelled_train_gives_the_booking_fee_back_by_policy(returns: bool, back: int) -> None:
    terms = Terms(fault_returns_booking_fee=returns)
    both = ticket(1, trip=GONE, terms=terms), ticket(2, trip=GONE, terms=terms)
    found = asked(*both, booking_fee=7_500)
    assert (found.booking_fee_back, found.refund, found.reason) == (back, 900_000 + back, "schedule_change")
    assert asked(*both, chosen={both[0].number}, booking_fee=7_500).booking_fee_back == 0
    last = replace(both[0], status="cancelled"), both[1]
    assert asked(*last, booking_fee=7_500).booking_fee_back == back


def test_a_partly_used_booking_gives_back_the_rest() -> None:
    found = asked(ticket(1, status="used"), ticket(2))
    assert [line.item.position for line in found.lines] == [2]
    assert [(one.number, one.error.reason) for one in found.refused] == [(ticket(1).number, "ticket_used")]
    assert not found.ends_booking
    with pytest.raises(StateConflict) as refused:
        asked(ticket(1, status="used"), ticket(2), chosen={ticket(1).number, ticket(2).number})
    assert refused.value.reason == "ticket_used"
    with pytest.raises(StateConflict):
        asked(ticket(1, status="used"))


def test_tickets_on_two_trains_are_judged_each_by_its_own() -> None:
    tomorrow = Trip(8, DEPARTS + timedelta(days=1), "45")
    moved = ticket(2, trip=tomorrow)
    found = asked(ticket(1), moved, at=CUTOFF + timedelta(minutes=1))
    assert [line.item.position for line in found.lines] == [2]
    assert found.refused[0].error.reason == "cutoff_passed"
    mixed = asked(ticket(1, trip=GONE), moved)
    assert (mixed.refund, mixed.fault, mixed.reason) == (450_000 + 337_500, None, "cancellation")


def test_nothing_is_left_of_a_cancelled_booking() -> None:
    with pytest.raises(StateConflict) as refused:
        asked(ticket(1, status="cancelled"))
    assert refused.value.reason == "ticket_cancelled"
    with pytest.raises(StateConflict) as refused:
        asked(ticket(1, status="voided"), ticket(2, status="cancelled"))
    assert refused.value.reason == "nothing_to_cancel"


def infant(position: int, **more: Any) -> Item:
    return ticket(position, paid=0, kind="infant", **more)


@pytest.mark.parametrize(
    ("party", "chosen", "cancelled"),
    [
        ([ticket(1), infant(2)], {1}, [1, 2]),
        ([ticket(1), infant(2)], {2}, [2]),
        ([ticket(1), ticket(2), infant(3)], {1}, [1, 3]),
        ([ticket(1), ticket(2), infant(3)], {2}, [2]),
        ([ticket(1), ticket(2), infant(3), infant(4)], {2}, [2, 4]),
        ([ticket(1, kind="senior"), infant(2)], {1}, [1, 2]),
        ([ticket(1, kind="child"), ticket(2), infant(3)], {1}, [1]),
        ([ticket(1), infant(2, status="cancelled")], {1}, [1]),
        ([ticket(1), infant(2, trip=replace(TRIP, schedule_id=9))], {1}, [1]),
        ([ticket(1), ticket(2, status="used"), infant(3), infant(4)], None, [1, 3]),
        ([ticket(1, status="cancelled"), infant(2)], None, [2]),
    ],
)
def test_infants_go_with_their_adults(party: list[Item], chosen: set[int] | None, cancelled: list[int]) -> None:
    numbers = None if chosen is None else {ticket(one).number for one in chosen}
    found = asked(*party, chosen=numbers)
    assert [line.item.position for line in found.lines] == cancelled
    assert all(line.refund == 0 for line in found.lines if line.item.is_infant)


WINDOWS = Windows(qris_days=7, card_days=45, cash=False)


def paid(method: str, remaining: int = 500_000, *, days_ago: float = 1, number: int = 1) -> Paid:
    return Paid(UUID(int=number), f"X-{number}", method, remaining, DAY_BEFORE - timedelta(days=days_ago))


@pytest.mark.parametrize(
    ("payment", "windows", "wanted", "way"),
    [
        (paid("cash"), WINDOWS, None, "bank_transfer"),
        (paid("cash"), replace(WINDOWS, cash=True), None, "cash"),
        (paid("cash"), replace(WINDOWS, cash=True), "wallet", "wallet"),
        (paid("cash"), WINDOWS, "wallet", "wallet"),
        (paid("qris"), WINDOWS, None, "qris"),
        (paid("qris", days_ago=7), WINDOWS, None, "qris"),
        (paid("qris", days_ago=7.1), WINDOWS, None, "bank_transfer"),
        (paid("debit_card", days_ago=45), WINDOWS, None, "debit_card"),
        (paid("credit_card", days_ago=46), WINDOWS, None, "bank_transfer"),
        (paid("credit_card"), WINDOWS, "bank_transfer", "bank_transfer"),
        (paid("credit_card"), replace(WINDOWS, cash=True), "cash", "cash"),
        (paid("wallet", days_ago=300), WINDOWS, None, "wallet"),
        (paid("bank_transfer"), WINDOWS, None, "bank_transfer"),
    ],
)
def test_the_way_back(payment: Paid, windows: Windows, wanted: str | None, way: str) -> None:
    (part,) = refund_ways.allocate(100_000, [payment], windows, DAY_BEFORE, wanted)
    assert (part.method, part.amount) == (way, 100_000)
    assert part.cause
    assert refund_ways.methods([payment], windows, DAY_BEFORE)[way] is None


@pytest.mark.parametrize(
    ("payment", "wanted"),
    [(paid("cash"), "cash"), (paid("cash"), "qris"), (paid("qris", days_ago=8), "qris"), (paid("qris"), "debit_card")],
)
def test_why_not_another_way(payment: Paid, wanted: str) -> None:
    with pytest.raises(Refused) as refused:
        refund_ways.allocate(100_000, [payment], WINDOWS, DAY_BEFORE, wanted)
    assert refused.value.reason == "method_refused"
    assert refund_ways.methods([payment], WINDOWS, DAY_BEFORE)[wanted]


def test_parts_go_back_the_way_they_came_first() -> None:
    both = [paid("cash", 300_000, days_ago=2, number=1), paid("qris", 157_500, number=2)]
    parts = refund_ways.allocate(337_500, both, WINDOWS, DAY_BEFORE)
    assert [(one.payment, one.method, one.amount) for one in parts] == [
        ("X-2", "qris", 157_500), ("X-1", "bank_transfer", 180_000),
    ]  # fmt: skip
    wanted = refund_ways.allocate(337_500, both, WINDOWS, DAY_BEFORE, "qris")
    assert [one.method for one in wanted] == ["qris", "bank_transfer"]


def test_no_more_goes_back_than_is_left() -> None:
    with pytest.raises(Refused) as refused:
        refund_ways.allocate(500_001, [paid("cash"), paid("cash", 0, number=2)], WINDOWS, DAY_BEFORE)
    assert refused.value.reason == "refund_exceeds_payments"
    assert refund_ways.allocate(0, [], WINDOWS, DAY_BEFORE) == ()
    assert refund_ways.allocate(0, [], WINDOWS, DAY_BEFORE, "cash") == ()


def test_promotions_are_shared_by_the_fares() -> None:
    people = [UUID(int=n) for n in (1, 2, 3)]
    lines = [
        LedgerLine("fare", 450_000, "sale", people[0]),
        LedgerLine("fare", 450_000, "sale", people[1]),
        LedgerLine("discount", -90_000, "senior", people[1]),
        LedgerLine("fee", 7_500, "booking_fee"),
        LedgerLine("discount", -50_000, "LEBARAN"),
    ]
    assert list(worth(lines, people).values()) == [422_222, 337_778, 0]
    cancelled = [
        *lines,
        LedgerLine("reversal", -337_778, "ticket", people[1], UUID(int=9)),
        LedgerLine("kept_fee", 84_445, "cancel_fee", people[1], UUID(int=9)),
        LedgerLine("owed", 253_333, "refund", None, UUID(int=9)),
    ]
    assert list(worth(cancelled, people).values()) == [422_222, 0, 0]
    moved = [
        *lines,
        LedgerLine("reversal", -450_000, "reschedule", people[0], UUID(int=9)),
        LedgerLine("fare", 500_000, "reschedule", people[0], UUID(int=9)),
        LedgerLine("fee", 113_000, "reschedule_fee", people[0], UUID(int=9)),
    ]
    assert list(worth(moved, people).values()) == [472_222, 337_778, 0]
    free = [LedgerLine("fare", 10_000, "sale", people[0]), LedgerLine("discount", -12_000, "cash_rounding")]
    assert worth(free, people[:1]) == {people[0]: 0}


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_shares_add_up_to_the_unit(amount: int, weights: list[int]) -> None:
    parts = share_out(amount, weights)
    assert sum(parts) == (amount if sum(weights) else 0)
    assert all(part >= 0 for part in parts)
    exact = [amount * weight / (sum(weights) or 1) for weight in weights]
    assert all(abs(part - one) <= 1 + one * 1e-9 for part, one in zip(parts, exact, strict=True))
    assert all(part <= weight for part, weight in zip(parts, weights, strict=True)) or amount > sum(weights)


_TERMS = st.builds(
    Terms,
    fee_percent=st.integers(0, 100),
    fee_rounding=st.sampled_from([1, 7, 100, 1_000]),
    cutoff_minutes=st.integers(0, 3_000),
    cash_allowed=st.booleans(),
    fault_returns_booking_fee=st.booleans(),
)
_TRIPS = st.builds(
    Trip,
    schedule_id=st.integers(1, 3),
    departs_at=st.integers(-20_000, 20_000).map(lambda minutes: DEPARTS + timedelta(minutes=minutes)),
    is_cancelled=st.booleans(),
    delay_minutes=st.integers(0, 200),
)


@st.composite
def bookings(draw: st.DrawFn) -> tuple[list[Item], list[Paid], int]:
    """Tickets of any state, and payments that paid for them and the booking fee."""
    kinds = draw(st.lists(st.sampled_from(["adult", "child", "senior", "infant"]), min_size=1, max_size=6))
    items = []
    for position, kind in enumerate(kinds, 1):
        status = draw(st.sampled_from(["active", "active", "active", "used", "cancelled", "superseded", "expired"]))
        worth_it = 0 if kind == "infant" or status in ("cancelled", "superseded") else draw(st.integers(0, 10**6))
        made = ticket(position, worth_it, kind, status=status, trip=draw(_TRIPS), terms=draw(_TERMS))
        items.append(made)
    fee = draw(st.integers(0, 10_000))
    shares = share_out(sum(one.paid for one in items) + fee, draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    methods = st.sampled_from(["cash", "qris", "debit_card", "wallet"])
    payments = [
        paid(draw(methods), share, days_ago=draw(st.integers(0, 90)), number=n) for n, share in enumerate(shares, 1)
    ]
    return items, payments, fee


@given(bookings(), st.booleans(), st.sampled_from([None, "bank_transfer", "cash"]), st.data())
def test_a_quote_adds_up_and_never_gives_more_than_was_paid(
    booking: tuple[list[Item], list[Paid], int], whole: bool, method: str | None, data: st.DataObject
) -> None:
    items, payments, fee = booking
    chosen = None if whole else {one.number for one in data.draw(st.lists(st.sampled_from(items), min_size=1))}
    try:
        found = quote(items, chosen, payments, DAY_BEFORE, booking_fee=fee, method=method)
    except Refused:
        return
    assert found.refund == sum(part.amount for part in found.parts)
    assert found.paid == found.fee + found.refund - found.booking_fee_back
    assert 0 <= found.refund <= sum(one.remaining for one in payments)
    assert all(line.fee >= 0 and line.refund >= 0 and line.fee + line.refund == line.item.paid for line in found.lines)
    left = {one.id: one.remaining for one in payments}
    assert all(0 < part.amount <= left[part.payment_id] for part in found.parts)
    assert found.booking_fee_back in (0, fee)
    numbers = [line.item.number for line in found.lines]
    assert len(set(numbers)) == len(numbers)
    assert chosen is None or chosen <= set(numbers)
    adults = refund_quote.adults_of(items)
    live = {one.number for one in items if one.status in ("active", "used")} - set(numbers)
    assert all(adults.get(one.number) not in numbers for one in items if one.number in live and one.status == "active")


@given(bookings())
def test_ticket_by_ticket_comes_to_the_same_as_all_at_once(booking: tuple[list[Item], list[Paid], int]) -> None:
    items, payments, _ = booking
    try:
        whole = quote(items, None, payments, DAY_BEFORE)
    except Refused:
        return
    alone = [quote(items, {line.item.number}, payments, DAY_BEFORE) for line in whole.lines if not line.along]
    assert sum(line.refund for one in alone for line in one.lines if not line.along) == whole.refund
