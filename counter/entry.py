"""The entry line of the sell screen: from a line such as ``gmr yk 25 2a1i eks`` to a question for the timetable.

What belongs here: reading the whole line, without a database and without ever failing, since it is read again at every
key. What single words mean is ``counter.entry_words``, how stations are found ``counter.gazetteer``, how days are
read ``core.days``, and how an entry is put into words ``counter.entry_summary``. Whether such a train runs and may be
sold is asked afterwards.

The order is free. The first station is the origin and the second the destination; a single one is the destination,
from the counter's own station. A word that fits nothing stays as a token with the nearest guess.

Experts go on with passengers, each a name and an identity number. A name is, in front of the number, the words with a
capital first letter (``… eks Eko Malang 3171010101900001``), else everything from a comma on (``… eks, eko malang
3171010101900001``), else the words that fit nothing else (``… eks budi santoso 3171010101900001 cash``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from core.errors import Refused
from core.identity import Identity, normalize_name, parse_identity
from counter.entry_words import PARTY_LETTERS, Kind, Lexicon, Problem, Reading, TimeOfDay
from counter.gazetteer import Place, folded

__all__ = ["Entry", "Kind", "PassengerDraft", "Place", "Problem", "TimeOfDay", "Token", "parse"]


@dataclass(frozen=True, slots=True)
class Token:
    """A part of the line, ``line[start:end]``, and what was understood of it.

    ``meaning`` is the code of a station or class, an ISO date, a normalised party, train number, name or identity
    number, a time of day or a payment method. Where there is a problem, ``guess`` is what could be typed instead and
    ``candidates`` are the codes of all stations that may be meant.
    """

    start: int
    end: int
    kind: Kind
    meaning: str = ""
    problem: Problem | None = None
    guess: str = ""
    candidates: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.problem is None


@dataclass(frozen=True, slots=True)
class PassengerDraft:
    """A passenger typed on the line; the name is empty where only the number was given."""

    name: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class Entry:
    """What a line asks for. What it does not say has the counter's default: from home, today, one adult."""

    line: str
    day: date
    tokens: tuple[Token, ...]
    origin: Place | None
    destination: Place | None
    adults: int
    children: int
    infants: int
    seniors: int
    class_code: str | None
    train_number: str | None
    time_of_day: TimeOfDay | None
    passengers: tuple[PassengerDraft, ...]
    pay_method: str | None

    @property
    def complete(self) -> bool:
        """Whether the timetable can be asked: both stations known and nothing left that was not understood."""
        return self.origin is not None and self.destination is not None and all(token.ok for token in self.tokens)

    @property
    def party(self) -> int:
        """Everybody who travels, infants included."""
        return self.adults + self.children + self.infants + self.seniors


def parse(line: str, *, places: Sequence[Place], home: str | None, today: date, classes: Mapping[str, str]) -> Entry:
    """Read a line; never raises.

    ``home`` is the code of the counter's own station; ``classes`` maps the words for classes to class codes. What
    comes after the first 48 words is not read and makes the entry incomplete.
    """
    return _Reader(line, _lexicon(tuple(places), tuple(classes.items())), today).entry(home)


_WORD = re.compile(r"[^\s,;]+")
_PART = re.compile(r"[0-9]+[a-z]")
_MAX_WORDS = 48
_PARTICLES = frozenset({"al", "bin", "binti", "da", "de", "den", "der", "di", "dos", "el", "ibn", "la", "van", "von"})


@lru_cache(maxsize=4)
def _lexicon(places: tuple[Place, ...], classes: tuple[tuple[str, str], ...]) -> Lexicon:
    return Lexicon(places, dict(classes))


class _Word(NamedTuple):
    start: int
    end: int
    folded: str
    opens: bool
    """Whether a comma stands before it."""
    capital: bool
    digits: bool


class _Reader:
    """One pass over a line, from left to right, collecting what it asks for."""

    def __init__(self, line: str, lexicon: Lexicon, today: date) -> None:
        self._line = line
        self._lexicon = lexicon
        self._today = today
        self._words = list(islice(_split(line), _MAX_WORDS + 1))
        self._tokens: list[tuple[int, Token]] = []  # each with the index of its first word
        self._stations: list[Place] = []
        self._given: dict[Kind, str] = {}
        self._party: dict[str, int] = {}
        self._passengers: list[PassengerDraft] = []

    def entry(self, home: str | None) -> Entry:
        self._read()
        origin, destination = self._journey(self._lexicon.places.get(folded(home or "")))
        counts = self._counts()
        time = self._given.get(Kind.TIME)
        return Entry(
            line=self._line,
            day=date.fromisoformat(self._given.get(Kind.DAY, self._today.isoformat())),
            tokens=tuple(token for _, token in self._tokens),
            origin=origin,
            destination=destination,
            adults=counts["adults"],
            children=counts["children"],
            infants=counts["infants"],
            seniors=counts["seniors"],
            class_code=self._given.get(Kind.CLASS),
            train_number=self._given.get(Kind.TRAIN),
            time_of_day=TimeOfDay(time) if time else None,
            passengers=tuple(self._passengers),
            pay_method=self._given.get(Kind.PAYMENT),
        )

    def _journey(self, home: Place | None) -> tuple[Place | None, Place | None]:
        if len(self._stations) == 2:
            return self._stations[0], self._stations[1]
        only = self._stations[0] if self._stations else None
        return home, only if only != home else None

    def _counts(self) -> dict[str, int]:
        """The party. Without a word about adults there is one, or as many as were named, unless others travel alone;
        an infant never does."""
        counts = {name: self._party.get(letter, 0) for letter, name in PARTY_LETTERS.items()}
        if "a" not in self._party and not counts["children"] and not counts["seniors"]:
            counts["adults"] = max(1, len(self._passengers) - counts["infants"])
        return counts

    def _read(self) -> None:
        names = dict(self._names())
        index = 0
        while index < min(len(self._words), _MAX_WORDS):
            if index in names:
                self._name(index, names[index])
                index = names[index]
            reading = self._lexicon.read(self._phrases(index, names), self._today)
            if reading.kind is Kind.IDENTITY and not reading.problem:
                self._identity(index, reading)
            else:
                self._add(index, self._once(reading))
            index += reading.words
        if index < len(self._words):
            rest = Token(self._words[index].start, len(self._line), Kind.UNKNOWN, "", Problem.UNKNOWN)
            self._tokens.append((index, rest))

    def _phrases(self, index: int, names: Mapping[int, int]) -> list[str]:
        """The first word from here on, the first two, and so on, not beyond a comma or into a passenger's name."""
        phrases = [self._words[index].folded]
        for following in range(index + 1, min(len(self._words), index + self._lexicon.longest)):
            if self._words[following].opens or following in names:
                break
            phrases.append(f"{phrases[-1]} {self._words[following].folded}")
        return phrases

    def _once(self, reading: Reading) -> Reading:
        """The reading, kept for the entry unless the line has already said as much."""
        if reading.problem or reading.kind in (Kind.UNKNOWN, Kind.NAME):
            return reading
        if reading.kind is Kind.STATION:
            place = self._lexicon.places[folded(reading.meaning)]
            repeated = len(self._stations) == 2 or place in self._stations
            if not repeated:
                self._stations.append(place)
        elif reading.kind is Kind.PARTY:
            parts = {part[-1]: int(part[:-1]) for part in _PART.findall(reading.meaning)}
            repeated = not self._party.keys().isdisjoint(parts)
            if not repeated:
                self._party |= parts
        else:
            repeated = reading.kind in self._given
            self._given.setdefault(reading.kind, reading.meaning)
        return reading._replace(problem=Problem.REPEATED) if repeated else reading

    def _add(self, index: int, reading: Reading) -> None:
        start, end = self._words[index].start, self._words[index + reading.words - 1].end
        self._tokens.append((index, Token(start, end, *reading[1:])))

    def _names(self) -> Iterator[tuple[int, int]]:
        """Where names stand that need no guessing: the index of the first word and of the number behind."""
        for index, word in enumerate(self._words[:_MAX_WORDS]):
            if index and word.digits and self._lexicon.identity(word.folded, self._today):
                start = self._capitals_before(index)
                if start == index and not word.opens:
                    start = self._comma_before(index)
                if start < index:
                    yield start, index

    def _capitals_before(self, index: int) -> int:
        """The start of the words with a capital in front of a number, particles between them included.

        Capitals throughout, of the letters or of all words from the start of the line, tell nothing about a name.
        """
        start = index
        for before in range(index - 1, -1, -1):
            word = self._words[before]
            if word.capital:
                start = before
            elif word.folded not in _PARTICLES or start == index:
                break
            if word.opens:
                break
        shouted = self._line[self._words[start].start : self._words[index].start].isupper()
        return start if start and not shouted else index

    def _comma_before(self, index: int) -> int:
        """The word after the last comma in front of a number, if no figure stands between."""
        for before in range(index - 1, -1, -1):
            if self._words[before].digits:
                break
            if self._words[before].opens:
                return before
        return index

    def _name(self, index: int, end: int) -> None:
        text = self._line[self._words[index].start : self._words[end - 1].end]
        try:
            name, problem = normalize_name(text.replace(",", " ").replace(";", " ")), None
        except Refused:
            name, problem = "", Problem.IMPOSSIBLE
        self._add(index, Reading(end - index, Kind.NAME, name, problem))

    def _identity(self, index: int, reading: Reading) -> None:
        """A number and the passenger it makes; words before it that fitted nothing are the name."""
        if not self._name_before():
            first = index
            while self._is_stray():
                first, _ = self._tokens.pop()
                if self._words[first].opens:
                    break
            if first < index:
                self._name(first, index)
        name = self._name_before()
        identity = parse_identity(reading.meaning)
        if identity.kind == "nik" or name:
            self._passengers.append(PassengerDraft(name.meaning if name else "", identity))
            self._add(index, reading)
        else:  # many things have the form of a passport number
            self._add(index, Reading(1, Kind.UNKNOWN, reading.meaning, Problem.UNKNOWN))

    def _name_before(self) -> Token | None:
        return self._tokens[-1][1] if self._tokens and self._tokens[-1][1].kind is Kind.NAME else None

    def _is_stray(self) -> bool:
        """Whether the last token may be part of a name: it was of no use, and has no figures in it."""
        if not self._tokens:
            return False
        first, token = self._tokens[-1]
        return token.problem in (Problem.UNKNOWN, Problem.REPEATED) and not self._words[first].digits


def _split(line: str) -> Iterator[_Word]:
    end = 0
    for found in _WORD.finditer(line):
        text = found.group()
        between = line[end : found.start()]
        end = found.end()
        digits = any("0" <= character <= "9" for character in text)
        yield _Word(
            start=found.start(),
            end=end,
            folded=text.casefold(),
            opens="," in between or ";" in between,
            capital=text[0].isupper() and not digits and (not text.isupper() or sum(map(str.isalpha, text)) == 1),
            digits=digits,
        )
