"""Who travels: identity numbers, names, ages and passenger types, checked without a database.

What belongs here: what a NIK or a passport number must look like and what a NIK tells about its holder, how a name is
written on a ticket, and which passenger type an age makes. How identity numbers are encrypted belongs to
``core.keys``; the age limits are policy and come in as arguments.

Sources: NIK, Indonesian Government Regulation 37/2007, article 37 (16 digits: province, regency and district 2 each,
birth date DDMMYY with 40 added to a woman's day, serial 4); provinces, the Ministry of Home Affairs' region codes with
the four Papuan provinces of 2022; passport numbers, ICAO Doc 9303 part 4 (up to nine characters).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

from core.errors import Refused

NAME_LENGTH = 100
"""Characters that a passenger's name may have where the caller knows no narrower limit."""

PROVINCES = {
    "11": "Aceh",
    "12": "Sumatera Utara",
    "13": "Sumatera Barat",
    "14": "Riau",
    "15": "Jambi",
    "16": "Sumatera Selatan",
    "17": "Bengkulu",
    "18": "Lampung",
    "19": "Kepulauan Bangka Belitung",
    "21": "Kepulauan Riau",
    "31": "DKI Jakarta",
    "32": "Jawa Barat",
    "33": "Jawa Tengah",
    "34": "DI Yogyakarta",
    "35": "Jawa Timur",
    "36": "Banten",
    "51": "Bali",
    "52": "Nusa Tenggara Barat",
    "53": "Nusa Tenggara Timur",
    "61": "Kalimantan Barat",
    "62": "Kalimantan Tengah",
    "63": "Kalimantan Selatan",
    "64": "Kalimantan Timur",
    "65": "Kalimantan Utara",
    "71": "Sulawesi Utara",
    "72": "Sulawesi Tengah",
    "73": "Sulawesi Selatan",
    "74": "Sulawesi Tenggara",
    "75": "Gorontalo",
    "76": "Sulawesi Barat",
    "81": "Maluku",
    "82": "Maluku Utara",
    "91": "Papua",
    "92": "Papua Barat",
    "93": "Papua Selatan",
    "94": "Papua Tengah",
    "95": "Papua Pegunungan",
    "96": "Papua Barat Daya",
}
"""The first two digits of a NIK: the province that first registered its holder."""

_NIK = re.compile(r"[0-9]{16}")
_PASSPORT = re.compile(r"(?=[A-Z0-9]*[0-9])[A-Z0-9]{6,9}")
_LETTERLESS_PASSPORT = re.compile(r"[0-9]{8,9}")
_SEPARATORS = re.compile(r"[\s.\-‐‑‒–—]+")
_WOMAN = 40
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: controls, formats and direction marks, surrogates, private, unassigned, line separators."""

_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters of harmless categories that show nothing: joiners, fillers and the empty braille cell."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A well-formed identity number: ``number`` is upper-case without separators."""

    kind: Literal["nik", "passport"]
    number: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a NIK that deserves a second look at the card, and never stops a sale by itself."""

    code: str
    message: str


class PassengerType(StrEnum):
    ADULT = "adult"
    CHILD = "child"
    INFANT = "infant"
    SENIOR = "senior"


def parse_identity(text: str) -> Identity:
    """The identity number in a text, spaces, dots and dashes dropped.

    Sixteen digits are a NIK. Six to nine letters and digits are a passport number; without any letter it needs eight
    or nine digits, as British, Russian and older American passports have them. Raises Refused ``identity_invalid``
    for anything else; a NIK with doubtful contents is none of that, see ``nik_findings``.
    """
    number = _SEPARATORS.sub("", text[: NAME_LENGTH + 1])
    number = number.upper() if number.isascii() else ""  # some foreign letters turn into ASCII ones in upper case
    if _NIK.fullmatch(number):
        return Identity("nik", number)
    if _PASSPORT.fullmatch(number) and (not number.isdigit() or _LETTERLESS_PASSPORT.fullmatch(number)):
        return Identity("passport", number)
    raise Refused(
        f"A NIK has 16 digits, this number has {len(number)}."
        if number.isdigit() and len(text) <= NAME_LENGTH
        else "This is neither a NIK nor a passport number.",
        hint="Type the 16 digits of the identity card, or the 6 to 9 letters and digits of the passport.",
        code="identity_invalid",
    )


def mask(number: str) -> str:
    """What a screen may show of an identity number: its last four characters."""
    return f"…{number[-4:]}"


def nik_findings(number: str, today: date) -> list[Finding]:
    """What looks wrong in a NIK: warnings for the clerk. A date that was registered wrongly stays so for life."""
    if not _NIK.fullmatch(number):
        return [Finding("nik_format", "A NIK has 16 digits.")]
    findings = []
    if number[:2] not in PROVINCES:
        findings.append(Finding("nik_province", f"No province has the code {number[:2]}."))
    if "00" in (number[2:4], number[4:6]):
        findings.append(Finding("nik_district", "The code of the regency or district is 00."))
    if birth_date_from_nik(number, today) is None:
        findings.append(Finding("nik_date", f"The birth date in the number ({number[6:12]}) does not exist."))
    if number[12:] == "0000":
        findings.append(Finding("nik_serial", "The serial number is 0000; it starts from 0001."))
    return findings


def birth_date_from_nik(number: str, today: date) -> date | None:
    """The birth date in a NIK, None where the number holds no possible date.

    The number has two digits for the year: the youngest age counts that is not in the future.
    """
    if not _NIK.fullmatch(number):
        return None
    day, month, short_year = int(number[6:8]), int(number[8:10]), int(number[10:12])
    century = today.year - today.year % 100
    for year in (century + short_year, century - 100 + short_year):
        try:
            birth = date(year, month, day - _WOMAN if day > _WOMAN else day)
        except ValueError:
            continue
        if birth <= today:
            return birth
    return None


def gender_from_nik(number: str) -> Literal["male", "female"] | None:
    """The gender a NIK was issued for, None where its day is no day of either."""
    if not _NIK.fullmatch(number):
        return None
    day = int(number[6:8])
    if 1 <= day <= 31:
        return "male"
    return "female" if 1 <= day - _WOMAN <= 31 else None


def normalize_name(text: str, maximum: int = NAME_LENGTH) -> str:
    """A passenger's name as tickets print it: upper case, NFC, single spaces.

    Raises Refused ``name_invalid`` for a name that is empty, has no letter, is longer than ``maximum`` characters or
    contains characters that cannot be seen or that turn the writing direction.
    """
    if len(text) > 10 * maximum:
        raise _name_refused(f"A name has at most {maximum} characters.")
    trimmed = text.strip(" \t\r\n")
    if any(unicodedata.category(character) in _UNSEEN or character in _BLANK_LETTERS for character in trimmed):
        raise _name_refused("The name contains characters that cannot be seen.")
    name = " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", trimmed).upper()).split())
    if not any(character.isalpha() for character in name):
        raise _name_refused("A name has at least one letter.")
    if len(name) > maximum:
        raise _name_refused(f"A name has at most {maximum} characters.")
    return name


def _name_refused(message: str) -> Refused:
    return Refused(message, hint="Type the name as it stands on the identity card.", code="name_invalid")


def age_on(birth: date, day: date) -> int:
    """Full years on a day; who was born on 29 February turns older on 1 March of other years.

    Raises Refused ``birth_date_invalid`` when the birth lies after the day.
    """
    if birth > day:
        raise Refused(
            f"The birth date {birth.isoformat()} lies after {day.isoformat()}.",
            hint="Check the year of the birth date.",
            code="birth_date_invalid",
        )
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def type_by_age(age: int, *, infant_below: int, child_below: int, senior_from: int) -> PassengerType:
    """The passenger type that an age in full years makes; the limits are policy, in years.

    An operator without children's fares sets ``child_below`` to ``infant_below``.
    """
    if age < infant_below:
        return PassengerType.INFANT
    if age < child_below:
        return PassengerType.CHILD
    return PassengerType.SENIOR if age >= senior_from else PassengerType.ADULT
