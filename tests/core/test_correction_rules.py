"""A slip of the pen or somebody else: names and identities side by side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.correction_rules import Correction, Person, classify, distance, letters_changed
from core.errors import Refused

ONE, TWO = "3171010101900001", "3171010101900002"
SPELLING, OTHER = Correction.SPELLING, Correction.OTHER_PERSON


@pytest.mark.parametrize(
    ("one", "other", "letters"),
    [
        ("", "", 0),
        ("", "ABC", 3),
        ("BUDI", "BUDI", 0),
        ("BUDI", "BUDY", 1),
        ("BUDI", "BUID", 1),
        ("BUDI", "BUI", 1),
        ("BUDI", "BUDDI", 1),
        ("KITTEN", "SITTING", 3),
        ("CA", "ABC", 3),
    ],
)
def test_distance(one: str, other: str, letters: int) -> None:
    assert distance(one, other) == distance(other, one) == letters


@given(st.text("ABC", max_size=8), st.text("ABC", max_size=8))
def test_distance_is_bounded_by_lengths(one: str, other: str) -> None:
    assert abs(len(one) - len(other)) <= distance(one, other) <= max(len(one), len(other))
    assert (distance(one, other) == 0) is (one == other)


@pytest.mark.parametrize(
    ("before", "after", "letters"),
    [
        ("SITI AMINAH", "AMINAH SITI", 0),
        ("SITI AMINAH", "Siti  Aminah", 0),
        ("JOSÉ", "JOSE", 0),
        ("M. YUSUF", "M YUSUF", 0),
        ("BUDI SANTOSO", "BUDI SENTOSA", 2),
    ],
)
def test_how_many_letters_change(before: str, after: str, letters: int) -> None:
    assert letters_changed(before, after) == letters


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (Person("BUDI SANTOSO", ONE), Person("BUDI SENTOSA", ONE), SPELLING),
        (Person("BUDI SANTOSO", ONE), Person("SANTOSO BUDI", ONE), SPELLING),
        (Person("BUDI SANTOSO", ONE), Person("BUDI SANTOSO", TWO), SPELLING),
        (Person("BUDI SANTOSO", ONE), Person("BUDI SANTOSO", ONE[:-2] + "10"), SPELLING),
        (Person("BUDI SANTOSO", ONE), Person("BUDI SANTOSO", ONE[:-3] + "999"), OTHER),
        (Person("BUDI SANTOSO", ONE), Person("RINA WATI", ONE), OTHER),
        (Person("BUDI SANTOSO", ONE), Person("BUDI AGUS SANTOSO", ONE), OTHER),
        (Person("BUDI SANTOSO", ONE), Person("BUDY SANTOSO", TWO), OTHER),  # twins have numbers side by side
        (Person("ALI", ONE), Person("ALY", ONE), SPELLING),
        (Person("ALI", ONE), Person("EVA", ONE), OTHER),  # within three letters, and nobody's slip
        (Person("BUDI", ONE), Person("RUDI", ONE), SPELLING),
        (Person("BUDI", ONE), Person("BUDI", "X1234567"), OTHER),
        (Person("BAYI", ""), Person("BAYI", ONE), SPELLING),
        (Person("BAYI", ""), Person("RINA", ""), OTHER),
    ],
)
def test_who_it_is(before: Person, after: Person, kind: Correction) -> None:
    assert classify(before, after, 3, 2) is kind


def test_policy_sets_how_much_is_a_slip() -> None:
    before, after = Person("BUDI SANTOSO", ONE), Person("BUDY SANTOSO", ONE)
    assert classify(before, after, 0, 0) is OTHER
    assert classify(before, Person("BUDI SANTOSO", TWO), 3, 0) is OTHER


def test_nothing_to_correct() -> None:
    with pytest.raises(Refused) as refused:
        classify(Person("BUDI", ONE), Person("BUDI", ONE), 3, 2)
    assert refused.value.reason == "nothing_to_correct"
