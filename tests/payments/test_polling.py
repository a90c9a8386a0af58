"""When the gateway is asked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.payments.polling import Polling

START = datetime(2026, 11, 20, 8, 41, tzinfo=UTC)
QUARTER = Polling(START + timedelta(minutes=15))
SECOND = timedelta(seconds=1)


def asked_at(polling: Polling, draw: float) -> list[float]:
    """Seconds after the start of every question until it is over."""
    now, times = START, []
    while (pause := polling.pause_before_next(len(times), now, draw=lambda: draw)) is not None:
        now += pause
        times.append((now - START).total_seconds())
    return times


def test_pauses_rise_from_one_second_to_five() -> None:
    times = asked_at(QUARTER, 0.5)
    pauses = [after - before for before, after in pairwise(times)][:20]
    assert times[0] == 1
    assert pauses == sorted(pauses)
    assert pauses[-1] == 5
    assert 180 <= len(times) <= 200


def test_there_is_a_question_at_the_expiry_and_one_at_the_end() -> None:
    times = asked_at(QUARTER, 0.37)
    assert 900.0 in times
    assert times[-1] == 930.0


def test_it_is_over_after_the_grace() -> None:
    assert QUARTER.pause_before_next(0, QUARTER.ends_at) is None
    assert QUARTER.pause_before_next(0, QUARTER.ends_at + timedelta(days=1)) is None


def test_a_resumed_payment_is_asked_about_even_after_its_expiry() -> None:
    pause = QUARTER.pause_before_next(0, QUARTER.expires_at + SECOND, draw=lambda: 0.5)
    assert pause == SECOND


@given(asked=st.integers(0, 10**6), seconds=st.integers(-(10**8), 929), draw=st.floats(0, 1))
def test_every_pause_is_short_and_moves_on(asked: int, seconds: int, draw: float) -> None:
    now = START + timedelta(seconds=seconds)
    pause = QUARTER.pause_before_next(asked, now, draw=lambda: draw)
    assert pause is not None
    assert timedelta() < pause <= 5 * SECOND
    assert now + pause <= QUARTER.ends_at


def test_counters_do_not_ask_in_step() -> None:
    drawn = {QUARTER.pause_before_next(3, START) for _ in range(20)}
    assert len(drawn) > 1
