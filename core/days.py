"""Days as people write them: on the entry line, on the command line, in a birth-date field.

What belongs here: turning words and figures into a date, in Indonesian and English. Whether a train may be sold for
that day is policy and asked elsewhere.
"""

from __future__ import annotations

import re
from datetime import MAXYEAR, date, timedelta

from core.errors import UsageError

RELATIVE_DAYS = {"today": 0, "hari ini": 0, "tomorrow": 1, "besok": 1, "lusa": 2}

WEEKDAYS = {
    name: number
    for number, names in enumerate(
        (
            ("monday", "mon", "senin"),
            ("tuesday", "tue", "tues", "selasa"),
            ("wednesday", "wed", "rabu"),
            ("thursday", "thu", "thur", "thurs", "kamis"),
            ("friday", "fri", "jumat", "jum'at"),
            ("saturday", "sat", "sabtu"),
            ("sunday", "sun", "minggu", "ahad"),
        )
    )
    for name in names
}
"""Monday is 0, as in ``date.weekday``."""

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan", "januari"),
            ("february", "feb", "februari", "pebruari"),
            ("march", "mar", "maret"),
            ("april", "apr"),
            ("may", "mei"),
            ("june", "jun", "juni"),
            ("july", "jul", "juli"),
            ("august", "aug", "agustus", "agu", "agt", "ags"),
            ("september", "sep", "sept"),
            ("october", "oct", "oktober", "okt"),
            ("november", "nov", "nop", "nopember"),
            ("december", "dec", "desember", "des"),
        ),
        start=1,
    )
    for name in names
}

_OFFSET = re.compile(r"\+([0-9]{1,3})")
_DAY = re.compile(r"[0-9]{1,2}")
_YEAR_FIRST = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})")
_DAY_MONTH = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})(?:\2([0-9]{4}|[0-9]{2}))?")
_DAY_NAMED_MONTH = re.compile(r"([0-9]{1,2})[ -]?([a-z]{3,9})(?:[ -]?([0-9]{4}))?")
_RUN_TOGETHER = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{4})")
_LONGEST = 32
_YEARS_AHEAD = 8
"""29 February comes back after 4 years, or 8 around a century that is no leap year."""


def parse_day(text: str, today: date) -> date:
    """The day a text means: ``2026-11-25``, ``25``, ``25/11``, ``25/12/2026``, ``25nov``, ``+1``, ``lusa``, ``monday``.

    A day without its month or year, and a weekday, is the next one from today on, today included. Day comes before
    month. Raises UsageError for a day that cannot exist and for a text that means no day.
    """
    day = match_day(text, today)
    if day is None:
        raise _usage(f"{_quoted(text)} is no day.")
    return day


def match_day(text: str, today: date) -> date | None:
    """As ``parse_day``, but None for a text that does not look like a day at all.

    Raises UsageError for one that does and cannot exist: ``31/2``, ``0``, ``2026-13-01``.
    """
    if len(text) > _LONGEST:
        return None
    words = " ".join(text.casefold().split())
    if words in RELATIVE_DAYS:
        return _after(today, RELATIVE_DAYS[words], text)
    if words in WEEKDAYS:
        return _after(today, (WEEKDAYS[words] - today.weekday()) % 7, text)
    if found := _OFFSET.fullmatch(words):
        return _after(today, int(found[1]), text)
    if _DAY.fullmatch(words):
        return _next_day_of_month(int(words), today, text)
    if found := _YEAR_FIRST.fullmatch(words):
        return _exact(int(found[1]), int(found[3]), int(found[4]), text)
    if found := _DAY_MONTH.fullmatch(words):
        return _day_and_month(int(found[1]), int(found[3]), found[4], today, text)
    if (found := _DAY_NAMED_MONTH.fullmatch(words)) and found[2] in MONTHS:
        return _day_and_month(int(found[1]), MONTHS[found[2]], found[3], today, text)
    return None


def parse_birth_date(text: str, today: date) -> date:
    """A birth date: ``2025-03-02``, ``2/3/2025``, ``02032025``, ``2mar2025``; the year has four digits.

    Raises UsageError for a day that cannot exist, lies after today or is written otherwise.
    """
    words = " ".join(text.casefold().split()) if len(text) <= _LONGEST else ""
    if found := _RUN_TOGETHER.fullmatch(words):
        birth = _exact(int(found[3]), int(found[2]), int(found[1]), text)
    elif found := _YEAR_FIRST.fullmatch(words):
        birth = _exact(int(found[1]), int(found[3]), int(found[4]), text)
    elif (found := _DAY_MONTH.fullmatch(words)) and len(found[4] or "") == 4:
        birth = _exact(int(found[4]), int(found[3]), int(found[1]), text)
    elif (found := _DAY_NAMED_MONTH.fullmatch(words)) and found[2] in MONTHS and found[3]:
        birth = _exact(int(found[3]), MONTHS[found[2]], int(found[1]), text)
    else:
        raise _usage(f"{_quoted(text)} is no birth date.", hint="Write it as 2025-03-02 or 02/03/2025.")
    if birth > today:
        raise _usage(f"The birth date {birth.isoformat()} lies in the future.", hint="Check the year.")
    return birth


def _exact(year: int, month: int, day: int, text: str) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise _usage(f"The day {_quoted(text)} does not exist.") from None


def _after(today: date, days: int, text: str) -> date:
    try:
        return today + timedelta(days=days)
    except OverflowError:
        raise _usage(f"The day {_quoted(text)} does not exist.") from None


def _next_day_of_month(day: int, today: date, text: str) -> date:
    """The next such day: the 31st in February is the one in March."""
    if 1 <= day <= 31:
        for months in range(3):  # two neighbouring months without a 31st do not exist
            year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
            if year <= MAXYEAR and (found := _possible(year, month + 1, day)) and found >= today:
                return found
    raise _usage(f"The day {_quoted(text)} does not exist.")


def _day_and_month(day: int, month: int, year: str | None, today: date, text: str) -> date:
    if year:
        return _exact(int(year) if len(year) == 4 else today.year - today.year % 100 + int(year), month, day, text)
    for candidate in range(today.year, min(today.year + _YEARS_AHEAD, MAXYEAR) + 1):
        if (found := _possible(candidate, month, day)) and found >= today:
            return found
    raise _usage(f"The day {_quoted(text)} does not exist.")


def _possible(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _usage(message: str, hint: str = "Write a day as 2026-11-25, 25/11, 25, +1 or tomorrow.") -> UsageError:
    return UsageError(message, hint=hint, code="date_invalid")


def _quoted(text: str) -> str:
    shown = "".join(character if character.isprintable() else "�" for character in text[:_LONGEST])
    return f"“{shown}{'…' if len(text) > _LONGEST else ''}”"
