"""Names and numbers as clerks type them into one field: ``Budi Santoso 3171010101900001``, ``Rafi 02/03/2025``.

What belongs here: taking such a text apart, purely. What a name or a number must look like is ``core.identity``.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from core.days import parse_birth_date
from core.errors import Refused, UsageError
from core.identity import normalize_name, parse_identity

#: Stands in a field for a character that cannot be shown; no name contains it.
UNSHOWABLE: Final = "\N{REPLACEMENT CHARACTER}"
_LAST_WORD: Final = re.compile(r"\A(?P<name>.*\S)[\s,;]+(?P<last>\S*[0-9]\S*)\s*\Z", re.DOTALL)
_DATE: Final = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}|[0-9]{8}|[0-9]{1,2}[A-Za-z]{3,9}[0-9]{4}")
_LONGEST: Final = 400


def showable(text: str) -> str:
    """A text without control characters: white space becomes blanks, what cannot be shown a mark."""
    return "".join(
        character if character.isprintable() else " " if character.isspace() else UNSHOWABLE for character in text
    )


def plain_name(text: str) -> str:
    """A name fit for a ticket.

    Raises:
        Refused: ``name_invalid``, as ``core.identity.normalize_name``.
    """
    return normalize_name(text.replace(UNSHOWABLE, "\x00"))


def split_identity(text: str, *, infant: bool = False) -> tuple[str, str]:
    """The name and the number (for infants also the birth date) behind it; the number is empty where none stands."""
    found = _LAST_WORD.match(text) if len(text) <= _LONGEST else None
    if found is None:
        return text, ""
    name, last = found["name"].rstrip(" ,;"), found["last"]
    if infant and _DATE.fullmatch(last):
        return name, last
    try:
        parse_identity(last)
    except Refused:
        return text, ""
    return name, last


def split_infant(text: str, today: date) -> tuple[str, date | None]:
    """The identity and the birth date of an infant: either, or both with a blank between.

    Raises:
        UsageError: what looks like a date is none.
        Refused: what looks like a number is none.
    """
    typed = text.strip()
    if not typed:
        return "", None
    words = typed.split()
    if len(words) == 2:
        for number, birth in (words, words[::-1]):
            if _DATE.fullmatch(birth) and _is_identity(number):
                return number, parse_birth_date(birth, today)
    if _is_identity(typed) and len("".join(filter(str.isalnum, typed))) != 8:
        return typed, None
    try:
        return "", parse_birth_date(typed, today)
    except UsageError:
        if _DATE.fullmatch(typed) or any(mark in typed for mark in "/-"):
            raise
    parse_identity(typed)
    return typed, None


def _is_identity(text: str) -> bool:
    try:
        parse_identity(text)
    except Refused:
        return False
    return True
