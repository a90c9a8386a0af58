"""The tenders suggested for an amount."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cash import BAND, NOTES, pieces, suggested_notes


@pytest.mark.parametrize(
    ("amount", "suggestions"),
    [
        (857_500, [857_500, 860_000, 900_000, 1_000_000]),
        (450_000, [450_000, 500_000]),
        (7_500, [7_500, 10_000, 50_000, 100_000]),
        (112_000, [112_000, 120_000, 150_000, 200_000]),
        (900_000, [900_000, 1_000_000]),
        (1_357_500, [1_357_500, 1_360_000, 1_400_000, 2_000_000]),
        (100_000, [100_000]),
        (0, []),
        (-1, []),
    ],
)
def test_natural_tenders(amount: int, suggestions: list[int]) -> None:
    assert suggested_notes(amount) == suggestions


@given(st.integers(1, 100_000_000))
def test_suggestions_are_few_rising_enough_and_worth_it(amount: int) -> None:
    suggestions = suggested_notes(amount)
    assert suggestions[0] == amount
    assert len(suggestions) <= 4
    assert suggestions == sorted(set(suggestions))
    notes = [pieces(each) for each in suggestions]
    assert notes == sorted(notes, reverse=True), "a larger sum never takes more notes"
    assert suggestions[-1] < amount + BAND


@given(st.lists(st.sampled_from((*NOTES, BAND)), max_size=30))
def test_no_way_of_paying_takes_fewer_pieces(notes: list[int]) -> None:
    assert pieces(sum(notes)) <= len(notes)
