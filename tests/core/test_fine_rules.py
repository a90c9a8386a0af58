"""What a fine comes to and how long unpaid ones ban: the rules alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refused
from core.escalations import missed
from core.fares import Bucket
from core.fine_rules import BanRules, OpenFine, ban_of, lowest_partial_fare
from core.network import ClassInfo, RouteInfo, Stop

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
RULES = BanRules(days=90, repeated_days=180, many=3)
DAY = timedelta(days=1)

ROUTE = RouteInfo(1, "R", (Stop(1, 10, 0, 0, 0), Stop(2, 20, 60, 62, 100), Stop(3, 30, 90, 90, 150)))
CLASSES = (
    ClassInfo(1, 1, "executive", "EKS", "Eksekutif", 50, 300_000, (Bucket("A", 1000, None), Bucket("X", 500, 5))),
    ClassInfo(2, 1, "economy", "EKO", "Ekonomi", 80, 120_000, (Bucket("C", 1000, None),)),
)


def fines(*days_ago: float) -> list[OpenFine]:
    return [OpenFine(number, 50_000, NOW - days * DAY) for number, days in enumerate(days_ago, 1)]


@pytest.mark.parametrize(
    ("days_ago", "banned_for"),
    [
        ((), None),
        ((0,), 90),
        ((10,), 80),
        ((89.5,), 0.5),
        ((90,), None),
        ((10, 20, 30), 80),  # three are not yet more than three
        ((10, 20, 30, 40), 170),
        ((170, 171, 172, 173), 10),
        ((180, 181, 182, 183), None),
    ],
)
def test_how_long_unpaid_fines_ban(days_ago: tuple[float, ...], banned_for: float | None) -> None:
    ban = ban_of(fines(*days_ago), RULES, NOW)
    assert (None if ban is None else (ban.until - NOW) / DAY) == banned_for


def test_a_fine_bans_once_it_is_due() -> None:
    rules = BanRules(days=90, repeated_days=180, many=3, due_days=7)
    assert ban_of(fines(6), rules, NOW) is None
    ban = ban_of(fines(7, 1), rules, NOW)
    assert ban is not None
    assert [one.number for one in ban.fines] == [1]
    assert ban.until == NOW + 90 * DAY


@given(st.lists(st.floats(0, 400), max_size=8), st.integers(0, 400), st.integers(0, 400), st.integers(1, 5))
def test_one_more_fine_never_shortens_a_ban(days_ago: list[float], days: int, repeated: int, many: int) -> None:
    rules = BanRules(days, max(days, repeated), many)
    before, after = ban_of(fines(*days_ago), rules, NOW), ban_of(fines(*days_ago, 0), rules, NOW)
    if before is not None:
        assert after is not None
        assert after.until >= before.until
        assert after.amount == before.amount + 50_000


@pytest.mark.parametrize(
    ("origin", "destination", "fare"),
    [
        (10, 20, 80_000),  # economy, 100 of 150 km of 120,000
        (20, 30, 40_000),
        (10, 30, 120_000),
        (None, None, 40_000),  # the shortest stretch between neighbours
    ],
)
def test_the_lowest_partial_fare(origin: int | None, destination: int | None, fare: int) -> None:
    assert lowest_partial_fare(CLASSES, ROUTE, 1_000, origin_id=origin, destination_id=destination) == fare


def test_the_lowest_subclass_of_one_class_counts() -> None:
    assert lowest_partial_fare(CLASSES[:1], ROUTE, 1_000, origin_id=20, destination_id=30) == 50_000


@pytest.mark.parametrize(("origin", "destination"), [(30, 10), (10, 10), (10, 99)])
def test_no_fare_where_the_train_does_not_run(origin: int, destination: int) -> None:
    with pytest.raises(Refused) as refused:
        lowest_partial_fare(CLASSES, ROUTE, 1_000, origin_id=origin, destination_id=destination)
    assert refused.value.reason == "no_connection"


def test_a_train_without_classes_has_no_fare() -> None:
    with pytest.raises(Refused) as refused:
        lowest_partial_fare((), ROUTE, 1_000)
    assert refused.value.reason == "no_fare"


@pytest.mark.parametrize(
    ("late", "level", "levels"),
    [(-1, 0, []), (0, 0, [1]), (29, 1, []), (30, 1, [2]), (30, 0, [1, 2]), (500, 2, [])],
)
def test_which_levels_are_missed(late: int, level: int, levels: list[int]) -> None:
    assert missed(NOW - timedelta(minutes=late), NOW, timedelta(minutes=30), level) == levels
