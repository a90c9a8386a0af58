"""Days as people write them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.days import MONTHS, WEEKDAYS, match_day, parse_birth_date, parse_day
from core.errors import UsageError

TODAY = date(2026, 11, 20)  # a Friday
todays = st.dates(date(1990, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-25", "2026-11-25"),
        ("2026/11/25", "2026-11-25"),
        ("2020-01-01", "2020-01-01"),  # past, but a day
        ("25", "2026-11-25"),
        ("20", "2026-11-20"),
        ("19", "2026-12-19"),
        ("5", "2026-12-05"),
        ("05", "2026-12-05"),
        ("31", "2026-12-31"),
        ("25/11", "2026-11-25"),
        ("20/11", "2026-11-20"),
        ("19/11", "2027-11-19"),
        ("29/2", "2028-02-29"),
        ("25/12/2026", "2026-12-25"),
        ("25-12-2026", "2026-12-25"),
        ("25.12.26", "2026-12-25"),
        ("25nov", "2026-11-25"),
        ("25 Nov", "2026-11-25"),
        ("1 Januari", "2027-01-01"),
        ("17 agustus 2027", "2027-08-17"),
        ("25NOV2026", "2026-11-25"),
        ("25-nov-2026", "2026-11-25"),
        ("+0", "2026-11-20"),
        ("+1", "2026-11-21"),
        ("+90", "2027-02-18"),
        ("today", "2026-11-20"),
        ("Hari  Ini", "2026-11-20"),
        ("tomorrow", "2026-11-21"),
        (" BESOK ", "2026-11-21"),
        ("lusa", "2026-11-22"),
        ("jumat", "2026-11-20"),
        ("fri", "2026-11-20"),
        ("sabtu", "2026-11-21"),
        ("minggu", "2026-11-22"),
        ("senin", "2026-11-23"),
        ("thursday", "2026-11-26"),
    ],
)
def test_days_are_read(text: str, expected: str) -> None:
    assert parse_day(text, TODAY).isoformat() == expected


@pytest.mark.parametrize(
    "text",
    ["31/2", "30 feb", "31feb2027", "29/2/2027", "0", "00", "32", "99", "0/1", "25/13", "2026-13-01", "0000-01-01"],
)
def test_a_day_that_cannot_exist_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="does not exist") as error:
        match_day(text, TODAY)
    assert error.value.exit_status == 2
    assert error.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gmr",
        "2a",
        "ka43",
        "100",
        "+",
        "-1",
        "+1000",
        "25/1-26",
        "25//11",
        "２５",
        "25/11/",
        "nov",
        "25xyz",
        "1" * 999,
        "\x1b",
    ],
)
def test_a_text_that_means_no_day_is_told_apart(text: str) -> None:
    assert match_day(text, TODAY) is None
    with pytest.raises(UsageError, match="is no day") as error:
        parse_day(text, TODAY)
    assert error.value.message.isprintable()
    assert len(error.value.message) < 80


@given(day=st.dates(date(1000, 1, 1)), today=todays)
def test_a_full_date_means_itself(day: date, today: date) -> None:
    for text in (day.isoformat(), f"{day.day}/{day.month}/{day.year}", f"{day:%d.%m.}{day.year}"):
        assert parse_day(text, today) == day


@given(today=todays, days=st.integers(0, 27))
def test_a_bare_day_is_the_next_one(today: date, days: int) -> None:
    assert parse_day(str((today + timedelta(days=days)).day), today) == today + timedelta(days=days)


@given(today=todays, day=st.integers(1, 31))
def test_a_bare_day_is_never_past_and_at_most_two_months_ahead(today: date, day: int) -> None:
    found = parse_day(str(day), today)
    assert found.day == day
    assert 0 <= (found - today).days <= 61


@given(today=todays, days=st.integers(0, 364))
def test_a_day_and_month_are_the_next_such_date(today: date, days: int) -> None:
    day = today + timedelta(days=days)
    assume((day.month, day.day) != (today.month, today.day) or day == today)
    assert parse_day(f"{day.day}/{day.month}", today) == day


@given(today=todays)
def test_a_leap_day_is_found_even_around_a_century(today: date) -> None:
    found = parse_day("29/2", today)
    assert (found.month, found.day) == (2, 29)
    assert found >= today


@given(today=todays, name=st.sampled_from([*WEEKDAYS]))
def test_a_weekday_is_within_a_week(today: date, name: str) -> None:
    found = parse_day(name, today)
    assert found.weekday() == WEEKDAYS[name]
    assert 0 <= (found - today).days < 7


@given(name=st.sampled_from([*MONTHS]), day=st.integers(1, 28), year=st.integers(1000, 9999))
def test_months_have_names_in_both_languages(name: str, day: int, year: int) -> None:
    assert parse_day(f"{day}{name}{year}", TODAY) == date(year, MONTHS[name], day)


@given(text=st.text(max_size=40) | st.from_regex(r"[0-9+/.\- a-z]{0,14}", fullmatch=True), today=st.dates())
def test_no_text_breaks_it(text: str, today: date) -> None:
    try:
        day = parse_day(text, today)
    except UsageError:
        return
    assert match_day(text, today) == day


@pytest.mark.parametrize(
    "text", ["2025-03-02", "2/3/2025", "02-03-2025", "02032025", "2 mar 2025", "2mar2025", "2 Maret 2025"]
)
def test_birth_dates_are_read(text: str) -> None:
    assert parse_birth_date(text, TODAY) == date(2025, 3, 2)


@pytest.mark.parametrize(
    "text", ["", "2/3", "2/3/25", "2", "+1", "besok", "31/2/2020", "2020-13-01", "31022020", "2026-11-21", "1" * 99]
)
def test_other_birth_dates_are_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError):
        parse_birth_date(text, TODAY)


@given(birth=st.dates(date(1000, 1, 1), TODAY))
def test_every_past_day_can_be_a_birth_date(birth: date) -> None:
    assert parse_birth_date(birth.isoformat(), TODAY) == birth
    assert parse_birth_date(f"{birth:%d%m}{birth.year}", TODAY) == birth
