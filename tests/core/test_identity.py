"""Identity numbers, names, ages and passenger types."""

from __future__ import annotations

import unicodedata
from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.errors import CounterError, Refused
from core.identity import (
    NAME_LENGTH,
    PROVINCES,
    Identity,
    PassengerType,
    age_on,
    birth_date_from_nik,
    gender_from_nik,
    mask,
    nik_findings,
    normalize_name,
    parse_identity,
    type_by_age,
)

TODAY = date(2026, 11, 20)
BUDI = "3171010101900001"
SITI = "3171014507920003"


def nik(birth: date, woman: bool = False, serial: int = 1, region: str = "317101") -> str:
    return f"{region}{birth.day + 40 * woman:02}{birth.month:02}{birth.year % 100:02}{serial:04}"


def codes(number: str) -> list[str]:
    return [finding.code for finding in nik_findings(number, TODAY)]


last_hundred_years = st.dates(TODAY.replace(year=TODAY.year - 100) + timedelta(days=1), TODAY)


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [
        (BUDI, "nik", BUDI),
        (" 3171 0101 0190 0001 ", "nik", BUDI),
        ("317101.010190.0001", "nik", BUDI),
        ("a 123-4567", "passport", "A1234567"),
        ("c01x00t47", "passport", "C01X00T47"),
        ("X00001", "passport", "X00001"),
        ("925665416", "passport", "925665416"),
    ],
)
def test_a_number_is_read_with_any_separators_in_any_case(text: str, kind: str, number: str) -> None:
    found = parse_identity(text)
    assert (found.kind, found.number) == (kind, number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "317101010190000",  # 15 digits
        "31710101019000011",  # 17
        "1234567",  # too short for a passport of digits only
        "A1234",
        "A123456789",
        "SANTOSO",  # a word, no number
        "Ａ1234567",  # full-width letter
        "3171０10101900001",
        "A12345\x0067",
        "ı1234567",  # its upper case is an ASCII I
        "A1234_67",
        "1" * 5_000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_identity(text)
    assert refusal.value.reason == "identity_invalid"
    assert refusal.value.hint


@given(st.text(max_size=40))
def test_whatever_is_typed_is_an_identity_or_refused(text: str) -> None:
    try:
        found = parse_identity(text)
    except Refused:
        return
    assert found.number.isascii()
    assert found.number.isalnum()
    assert found.number == found.number.upper()
    assert len(found.number) == 16 if found.kind == "nik" else 6 <= len(found.number) <= 9
    assert parse_identity(found.number) == found


def test_only_the_last_four_characters_are_shown() -> None:
    assert mask(BUDI) == "…0001"
    assert mask("A1234567") == "…4567"


@given(
    birth=last_hundred_years, woman=st.booleans(), serial=st.integers(1, 9999), province=st.sampled_from([*PROVINCES])
)
def test_a_proper_nik_tells_birth_and_gender_without_a_warning(
    birth: date, woman: bool, serial: int, province: str
) -> None:
    number = nik(birth, woman, serial, f"{province}7101")
    assert birth_date_from_nik(number, TODAY) == birth
    assert gender_from_nik(number) == ("female" if woman else "male")
    assert nik_findings(number, TODAY) == []


def test_the_youngest_age_that_is_not_in_the_future_counts() -> None:
    assert birth_date_from_nik(nik(date(2026, 11, 20)), TODAY) == date(2026, 11, 20)
    assert birth_date_from_nik(nik(date(2026, 11, 21)), TODAY) == date(1926, 11, 21)
    assert birth_date_from_nik(nik(date(1928, 2, 29)), TODAY) == date(1928, 2, 29)
    assert birth_date_from_nik(nik(date(2000, 2, 29)), date(2105, 1, 1)) == date(2000, 2, 29)  # 2100 has no such day


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("9971010101900001", ["nik_province"]),
        ("0071010101900001", ["nik_province"]),
        ("3100010101900001", ["nik_district"]),
        ("3171000101900001", ["nik_district"]),
        ("3171013102900001", ["nik_date"]),  # 31 February
        ("3171013202900001", ["nik_date"]),  # day 32, of neither gender
        ("3171014002900001", ["nik_date"]),  # a woman's day 0
        ("3171017202900001", ["nik_date"]),
        ("3171010113900001", ["nik_date"]),
        ("3171012902990001", ["nik_date"]),  # 1999 was no leap year, nor is 1899
        ("3171010101900000", ["nik_serial"]),
        ("0000000000000000", ["nik_province", "nik_district", "nik_date", "nik_serial"]),
        ("A1234567", ["nik_format"]),
    ],
)
def test_doubtful_contents_are_warnings(number: str, expected: list[str]) -> None:
    assert codes(number) == expected
    assert all(finding.message.endswith(".") for finding in nik_findings(number, TODAY))


@pytest.mark.parametrize("number", ["3171013102900001", "A1234567", ""])
def test_a_number_without_a_date_has_no_birth(number: str) -> None:
    assert birth_date_from_nik(number, TODAY) is None


def test_a_number_without_a_gender_has_none() -> None:
    assert [gender_from_nik(f"317101{day}02900001") for day in ("00", "32", "40", "72")] == [None] * 4
    assert gender_from_nik("A1234567") is None


@given(st.from_regex(r"[0-9]{16}", fullmatch=True), st.dates(date(1, 1, 1)))
def test_every_nik_is_accepted_whatever_it_holds(number: str, today: date) -> None:
    assert parse_identity(number) == Identity("nik", number)
    found = birth_date_from_nik(number, today)
    assert found is None or found <= today
    assert ("nik_date" in [finding.code for finding in nik_findings(number, today)]) == (found is None)


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("Budi Santoso", "BUDI SANTOSO"),
        ("  siti\u00a0  aminah \n", "SITI AMINAH"),
        ("Sukarno", "SUKARNO"),
        ("O'Brien-Smith Jr.", "O'BRIEN-SMITH JR."),
        ("Jose\u0301", "JOSÉ"),
        ("Weiß", "WEISS"),
        ("山田 太郎", "山田 太郎"),
    ],
)
def test_a_name_is_printed_in_capitals(typed: str, printed: str) -> None:
    assert normalize_name(typed) == printed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \t ",
        "12345",
        "...",
        "Budi\tSantoso",
        "Budi\x00",
        "\x1b[31mBudi",
        "Budi\u202eosotnaS",  # turns the writing direction
        "Bu\u200bdi",  # zero width
        "Bu\u00addi",  # soft hyphen
        "\ufeffBudi",
        "Budi\u2028Santoso",
        "Budi\u3164",  # a letter that shows nothing
        "Budi\ud800",  # half a character
        "Budi\ue000",  # private use
        "B" * 101,
        "ß" * 51 + "B",  # longer in capitals
        "B" * 5_000,
        "a " * 2_500,
    ],
)
def test_a_name_that_cannot_be_read_or_printed_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        normalize_name(text)
    assert refusal.value.reason == "name_invalid"
    assert refusal.value.message.isprintable()


def test_the_longest_name_is_the_callers_business() -> None:
    assert normalize_name("B" * 100) == "B" * 100
    assert normalize_name("Budi", maximum=4) == "BUDI"
    with pytest.raises(Refused, match="at most 3"):
        normalize_name("Budi", maximum=3)


@given(st.text(max_size=120))
def test_whatever_is_typed_is_a_printable_name_or_refused(text: str) -> None:
    try:
        name = normalize_name(text)
    except Refused:
        return
    assert 0 < len(name) <= NAME_LENGTH
    assert name.isprintable()
    assert "  " not in name
    assert name == name.strip()
    assert unicodedata.is_normalized("NFC", name)
    assert normalize_name(name) == name


@given(birth=st.dates(max_value=date(2100, 1, 1)), years=st.integers(0, 120))
def test_a_birthday_adds_a_year(birth: date, years: int) -> None:
    assume((birth.month, birth.day) != (2, 29))
    birthday = birth.replace(year=birth.year + years)
    assert age_on(birth, birthday) == years
    if years:
        assert age_on(birth, birthday - timedelta(days=1)) == years - 1


def test_a_leap_day_child_turns_older_on_the_first_of_march() -> None:
    assert age_on(date(2024, 2, 29), date(2027, 2, 28)) == 2
    assert age_on(date(2024, 2, 29), date(2027, 3, 1)) == 3
    assert age_on(date(2024, 2, 29), date(2028, 2, 29)) == 4


def test_nobody_travels_before_birth() -> None:
    with pytest.raises(CounterError) as refusal:
        age_on(date(2026, 11, 21), TODAY)
    assert refusal.value.reason == "birth_date_invalid"


@pytest.mark.parametrize(
    ("age", "expected"),
    [(0, "infant"), (2, "infant"), (3, "child"), (11, "child"), (12, "adult"), (59, "adult"), (60, "senior")],
)
def test_age_makes_the_type(age: int, expected: str) -> None:
    assert type_by_age(age, infant_below=3, child_below=12, senior_from=60) is PassengerType(expected)


@given(st.integers(0, 120))
def test_without_childrens_fares_nobody_is_a_child(age: int) -> None:
    assert type_by_age(age, infant_below=3, child_below=3, senior_from=60) is not PassengerType.CHILD
