"""Finding stations, and guessing at mistyped words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counter.gazetteer import Gazetteer, Place, Vocabulary, folded

PLACES = [
    Place("SGU", "Surabaya Gubeng", "Surabaya"),
    Place("SBI", "Surabaya Pasarturi", "Surabaya"),
    Place("YK", "Yogyakarta", "Yogyakarta"),
    Place("LPN", "Lempuyangan", "Yogyakarta"),
    Place("BJ", "Banjar", "Banjar"),
    Place("BJS", "Banjarsari", "Ciamis"),
]


def codes(text: str) -> list[str]:
    return [place.code for place in Gazetteer(PLACES).search(folded(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sgu", ["SGU"]),
        ("SURABAYA  gubeng", ["SGU"]),
        ("surabaya p", ["SBI"]),
        ("pasar", ["SBI"]),  # a later word of the name
        ("surabaya", ["SGU", "SBI"]),
        ("yogya", ["YK"]),  # a name goes before a city
        ("banjar", ["BJ"]),  # a whole name goes before a beginning
        ("banja", ["BJ", "BJS"]),
        ("ciamis", ["BJS"]),
        ("ci", []),  # two letters are a code or nothing
        ("gubeng surabaya", []),
        ("", []),
    ],
)
def test_the_closest_way_of_naming_wins(text: str, expected: list[str]) -> None:
    assert codes(text) == expected


names = st.text("abcd ", min_size=1, max_size=8).map(str.strip).filter(bool)


@given(
    st.lists(st.builds(Place, st.text("ABC", min_size=4, max_size=6), names, names), unique_by=lambda place: place.code)
)
def test_every_station_is_found_by_its_code_and_is_among_those_of_its_name(places: list[Place]) -> None:
    gazetteer = Gazetteer(places)
    for place in places:
        assert gazetteer.search(folded(place.code)) == (place,)
        if folded(place.name) not in {folded(other.code) for other in places}:
            assert place in gazetteer.search(folded(place.name))
    for word, code in gazetteer.words().items():
        assert code in {place.code for place in gazetteer.search(word)}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("tomorow", "tomorrow"), ("tomo", "tomorrow"), ("besk", "besok"), ("xyz", ""), ("b", ""), ("besok" * 9, "")],
)
def test_a_mistyped_word_is_guessed_at(typed: str, meant: str) -> None:
    assert Vocabulary({word: word for word in ("tomorrow", "besok", "bd")}).nearest(typed) == meant


@given(st.text(max_size=30))
def test_any_text_can_be_guessed_at(text: str) -> None:
    assert Vocabulary({"besok": "besok", "gambir": "GMR"}).nearest(text) in ("", "besok", "GMR")


def test_a_short_word_is_no_guess_for_a_long_one() -> None:
    assert Vocabulary({"kya": "KYA", "yogyakarta": "YK"}).nearest("yokya") == "YK"
