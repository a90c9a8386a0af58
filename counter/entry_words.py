"""What a word, or a few in a row, means on the entry line when it stands alone.

What belongs here: the words the line knows (days and stations come from ``core.days`` and ``counter.gazetteer``) and
their reading. What the words of a line mean together, and which of them are somebody's name, is decided in
``counter.entry``. Words are folded: without case, single spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from core.days import RELATIVE_DAYS, WEEKDAYS, match_day
from core.errors import Refused, UsageError
from core.identity import Identity, parse_identity
from counter.gazetteer import SHORTEST_PREFIX, Gazetteer, Place, Vocabulary, folded


class Kind(StrEnum):
    """What a token is about."""

    STATION = "station"
    DAY = "day"
    TIME = "time"
    PARTY = "party"
    CLASS = "class"
    TRAIN = "train"
    NAME = "name"
    IDENTITY = "identity"
    PAYMENT = "payment"
    UNKNOWN = "unknown"


class Problem(StrEnum):
    """Why a token cannot be used."""

    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    IMPOSSIBLE = "impossible"
    REPEATED = "repeated"


class TimeOfDay(StrEnum):
    """A part of the day, as travellers call it."""

    MORNING = "morning"
    MIDDAY = "midday"
    AFTERNOON = "afternoon"
    EVENING = "evening"

    @property
    def hours(self) -> tuple[int, int]:
        """The hours of departure that are meant, from and before; the evening ends at 4 on the next day (28)."""
        return {"morning": (4, 11), "midday": (11, 15), "afternoon": (15, 18), "evening": (18, 28)}[self.value]


class Reading(NamedTuple):
    """What the first ``words`` words of a rest of the line mean; the other fields are those of a token."""

    words: int
    kind: Kind
    meaning: str = ""
    problem: Problem | None = None
    guess: str = ""
    candidates: tuple[str, ...] = ()


PARTY_LETTERS = {"a": "adults", "c": "children", "i": "infants", "s": "seniors"}
"""The letters of a normalised party such as ``2a1i``."""

_PARTY_WORDS = {
    "a": ("adult", "adults", "d", "dewasa", "p", "x", "pax", "orang"),
    "c": ("child", "children", "anak"),
    "i": ("infant", "infants", "b", "bayi"),
    "s": ("senior", "seniors", "l", "lansia"),
}
_LETTER_OF = {word: letter for letter, words in _PARTY_WORDS.items() for word in (letter, *words)}
_TIMES = {
    "pagi": TimeOfDay.MORNING,
    "morning": TimeOfDay.MORNING,
    "siang": TimeOfDay.MIDDAY,
    "midday": TimeOfDay.MIDDAY,
    "noon": TimeOfDay.MIDDAY,
    "sore": TimeOfDay.AFTERNOON,
    "afternoon": TimeOfDay.AFTERNOON,
    "malam": TimeOfDay.EVENING,
    "evening": TimeOfDay.EVENING,
    "night": TimeOfDay.EVENING,
}
_PAYMENTS = {
    "cash": "cash",
    "tunai": "cash",
    "qris": "qris",
    "wallet": "wallet",
    "dompet": "wallet",
    "debit": "debit_card",
    "credit": "credit_card",
    "kredit": "credit_card",
    "transfer": "bank_transfer",
}

_PARTY = re.compile(r"(?:[0-9]{1,2}[a-z]+)+|[0-9]{1,2} [a-z]{2,}")
_PART = re.compile(r"([0-9]{1,2}) ?([a-z]+)")
_TRAIN = re.compile(r"(?:ka|#) ?([0-9]{1,5}[a-z]?)")
_NUMBER = re.compile(r"[0-9]{1,5}")
_MANY_DIGITS = re.compile(r"(?:[0-9][-.]?){10,}")
_PHRASE = 3
_LONGEST = 64


class Lexicon:
    """The words of one railway: its stations and classes besides those that every railway has."""

    def __init__(self, places: Sequence[Place], classes: Mapping[str, str]) -> None:
        self.places = {folded(place.code): place for place in places}
        self._gazetteer = Gazetteer(places)
        self._classes = {folded(word): code for word, code in classes.items()}
        plain = (*RELATIVE_DAYS, *WEEKDAYS, *_TIMES, *_PAYMENTS, *self._classes)
        self._vocabulary = Vocabulary({word: word for word in plain} | self._gazetteer.words())
        self.longest = max(self._gazetteer.longest, _PHRASE)
        self._guess = lru_cache(maxsize=256)(self._vocabulary.nearest)

    def read(self, phrases: Sequence[str], today: date) -> Reading:
        """What a rest of the line begins with; ``phrases[n]`` are its first n + 1 words.

        The operator's own words come first: a station whose code is also the word for a weekday is the station.
        """
        word = phrases[0]
        if len(word) > _LONGEST:
            return Reading(1, Kind.UNKNOWN, problem=Problem.UNKNOWN)
        for reader in (self._exact_station, self._known_word, self._day, self._station, self._short_class):
            if reading := reader(phrases, today):
                return reading
        if identity := _identity_in(word):
            return Reading(1, Kind.IDENTITY, identity.number)
        if _MANY_DIGITS.fullmatch(word):
            return Reading(1, Kind.IDENTITY, word, Problem.IMPOSSIBLE)
        guess = f"ka{word}" if _NUMBER.fullmatch(word) else self._guess(word)
        return Reading(1, Kind.UNKNOWN, word, Problem.UNKNOWN, guess)

    def identity(self, word: str, today: date) -> Identity | None:
        """The identity number that a word is, unless it means something else."""
        if not any("0" <= character <= "9" for character in word) or len(word) > _LONGEST:
            return None
        reading = self.read([word], today)
        return _identity_in(word) if reading.kind is Kind.IDENTITY and reading.problem is None else None

    def _exact_station(self, phrases: Sequence[str], _today: date) -> Reading | None:
        for words, phrase in _longest_first(phrases):
            found = self._gazetteer.search(phrase) if words > 1 else self._gazetteer.exact(phrase)
            if found:
                return _station(words, found)
        return None

    def _station(self, phrases: Sequence[str], _today: date) -> Reading | None:
        found = self._gazetteer.search(phrases[0])
        return _station(1, found) if found else None

    def _day(self, phrases: Sequence[str], today: date) -> Reading | None:
        for words, phrase in _longest_first(phrases[:_PHRASE]):
            try:
                day = match_day(phrase, today)
            except UsageError:
                guess = f"ka{phrase}" if _NUMBER.fullmatch(phrase) else ""
                return Reading(words, Kind.DAY, phrase, Problem.IMPOSSIBLE, guess)
            if day:
                return Reading(words, Kind.DAY, day.isoformat())
        return None

    def _known_word(self, phrases: Sequence[str], _today: date) -> Reading | None:
        for words, phrase in _longest_first(phrases[:_PHRASE]):
            if code := self._classes.get(phrase):
                return Reading(words, Kind.CLASS, code)
            if reading := _party(words, phrase):
                return reading
            if found := _TRAIN.fullmatch(phrase):
                return Reading(words, Kind.TRAIN, found[1].upper())
        if time := _TIMES.get(phrases[0]):
            return Reading(1, Kind.TIME, time.value)
        if method := _PAYMENTS.get(phrases[0]):
            return Reading(1, Kind.PAYMENT, method)
        return None

    def _short_class(self, phrases: Sequence[str], _today: date) -> Reading | None:
        if len(phrases[0]) < SHORTEST_PREFIX:
            return None
        codes = {code for word, code in self._classes.items() if word.startswith(phrases[0])}
        return Reading(1, Kind.CLASS, codes.pop()) if len(codes) == 1 else None


def _longest_first(phrases: Sequence[str]) -> Iterable[tuple[int, str]]:
    return ((words, phrases[words - 1]) for words in range(len(phrases), 0, -1))


def _station(words: int, found: tuple[Place, ...]) -> Reading:
    if len(found) == 1:
        return Reading(words, Kind.STATION, found[0].code)
    codes = tuple(place.code for place in found)
    return Reading(words, Kind.STATION, "", Problem.AMBIGUOUS, codes[0], codes)


def _party(words: int, phrase: str) -> Reading | None:
    if not _PARTY.fullmatch(phrase):
        return None
    parts = _PART.findall(phrase)
    if not all(word in _LETTER_OF for _, word in parts):
        return None
    party = [(_LETTER_OF[word], int(number)) for number, word in parts]
    meaning = "".join(f"{number}{letter}" for letter, number in party)
    if len({letter for letter, _ in party}) < len(party):
        return Reading(words, Kind.PARTY, meaning, Problem.REPEATED)
    return Reading(words, Kind.PARTY, meaning, None if any(number for _, number in party) else Problem.IMPOSSIBLE)


def _identity_in(word: str) -> Identity | None:
    try:
        return parse_identity(word)
    except Refused:
        return None
