"""Quotas: what counts in a rolling window, and that many who change at once are all counted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import policy, quotas
from core.policy import Policies, Setting
from core.quotas import Quota
from tests.core.conftest import Desk

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
SOMEBODY = bytes(range(32))


@pytest.mark.parametrize(
    ("days_ago", "counted"),
    [([], 0), ([0], 1), ([29.99], 1), ([30], 0), ([31], 0), ([1, 2, 29, 30, 400], 3)],
)
def test_changes_count_for_so_many_days(days_ago: list[float], counted: int) -> None:
    made = [NOW - timedelta(days=one) for one in days_ago]
    assert quotas.judge(made, NOW, 3, 30) == Quota(counted, 3, 30)


@given(st.lists(st.integers(0, 100)), st.integers(0, 10), st.integers(1, 60))
def test_one_more_takes_a_supervisor_from_the_limit_on(ago: list[int], limit: int, days: int) -> None:
    quota = quotas.judge([NOW - timedelta(days=one) for one in ago], NOW, limit, days)
    assert quota.is_used_up == (sum(one < days for one in ago) >= limit)


def test_an_account_comes_before_an_identity() -> None:
    account = UUID(int=7)
    assert quotas.customer_of(account, SOMEBODY) == account.bytes
    assert quotas.customer_of(None, SOMEBODY) == SOMEBODY
    assert quotas.customer_of(None, None) is None


def _standing(desk: Desk, customer: bytes | None) -> Quota:
    limits = Policies([Setting(policy.MODIFICATIONS_PER_WINDOW.name, None, None, 3)])
    return desk.office.database.transaction(
        lambda tx: quotas.ask(tx, customer).read(limits, station_id=None, train_id=None)
    )


def test_counted_in_one_row(desk: Desk) -> None:
    assert _standing(desk, None).changes == 0
    assert not _standing(desk, SOMEBODY).is_used_up
    for _ in range(3):
        desk.office.database.transaction(lambda tx: quotas.count(tx, SOMEBODY), actor=desk.clerk)
    desk.office.database.transaction(lambda tx: quotas.count(tx, None), actor=desk.clerk)
    desk.office.database.transaction(lambda tx: quotas.count(tx, SOMEBODY, stat_type="duplicate"), actor=desk.clerk)
    assert _standing(desk, SOMEBODY).is_used_up
    assert [row.count for row in desk.owner("SELECT * FROM booking_modification_stats ORDER BY stat_type")] == [3, 1]
    desk.owner(
        "UPDATE booking_modification_stats SET changed_at ="
        " ARRAY(SELECT one - interval '31 days' FROM unnest(changed_at) one)"
    )
    assert _standing(desk, SOMEBODY).changes == 0


def test_what_left_every_window_is_forgotten(desk: Desk) -> None:
    desk.owner(
        "INSERT INTO booking_modification_stats (operator_id, customer, stat_type, period_start, period_end, count,"
        " changed_at) VALUES (1, :customer, 'changes', now() - interval '400 days', now() - interval '399 days', 1,"
        " ARRAY[now() - interval '399 days'])",
        customer=SOMEBODY,
    )
    desk.office.database.transaction(lambda tx: quotas.count(tx, SOMEBODY), actor=desk.clerk)
    assert desk.value("SELECT count FROM booking_modification_stats") == 1
    assert _standing(desk, SOMEBODY).changes == 1


def test_all_who_change_at_once_are_counted(desk: Desk) -> None:
    def change(_: int) -> None:
        desk.office.database.transaction(lambda tx: quotas.count(tx, SOMEBODY), actor=desk.clerk)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(24)))
    assert desk.value("SELECT count FROM booking_modification_stats") == 24
