"""Finding a station by what somebody typed, and the nearest word to a mistyped one.

What belongs here: matching text against names that are known beforehand. What the words of an entry line mean
together is decided in ``counter.entry``. Texts that are compared are folded first, see ``folded``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise

SHORTEST_PREFIX = 3
"""Letters that a name may be shortened to; anything shorter is a station code or nothing."""

_END = "\U0010ffff"
_COMPARED = 24
_SIMILARITY = 0.6


@dataclass(frozen=True, slots=True)
class Place:
    """A station as the entry line knows it."""

    code: str
    name: str
    city: str


def folded(text: str) -> str:
    """Without case and with single spaces."""
    return " ".join(text.casefold().split())


class Gazetteer:
    """Stations by code, by name, by the start of a name or of a word in it, and by city, in this order."""

    def __init__(self, places: Sequence[Place]) -> None:
        names = [(folded(place.name), place) for place in places]
        inner = [(key.split(" ", cut)[cut], place) for key, place in names for cut in range(1, key.count(" ") + 1)]
        self._codes = {folded(place.code): (place,) for place in places}
        self._layers = (_Layer(names), _Layer(inner), _Layer((folded(place.city), place) for place in places))
        self.longest = max((name.count(" ") + 1 for name, _ in names), default=1)

    def exact(self, phrase: str) -> tuple[Place, ...]:
        """The station with this code or this whole name; several if a network has namesakes."""
        return self._codes.get(phrase) or self._layers[0].exact(phrase)

    def search(self, phrase: str) -> tuple[Place, ...]:
        """The stations that a text may mean: none, the one, or several to choose from."""
        if found := self.exact(phrase):
            return found
        for layer in self._layers:
            if found := layer.exact(phrase) or layer.starting(phrase):
                return found
        return ()

    def words(self) -> dict[str, str]:
        """Every text that means one station, with that station's code."""
        keys = {key for layer in self._layers for key in layer.keys} | self._codes.keys()
        return {key: found[0].code for key in sorted(keys) if len(found := self.search(key)) == 1}


class _Layer:
    """Keys in alphabetical order, so that all that start alike stand together."""

    def __init__(self, entries: Iterable[tuple[str, Place]]) -> None:
        self._places: defaultdict[str, list[Place]] = defaultdict(list)
        for key, place in entries:
            if place not in self._places[key]:
                self._places[key].append(place)
        self.keys = sorted(self._places)

    def exact(self, key: str) -> tuple[Place, ...]:
        return tuple(self._places.get(key, ()))

    def starting(self, prefix: str) -> tuple[Place, ...]:
        if len(prefix) < SHORTEST_PREFIX:
            return ()
        keys = self.keys[bisect_left(self.keys, prefix) : bisect_left(self.keys, prefix + _END)]
        return tuple({place: None for key in keys for place in self._places[key]})


class Vocabulary:
    """Words, each with what should be typed for it, to be guessed at when one of them is mistyped."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = dict(words)
        self._sharing: defaultdict[str, list[str]] = defaultdict(list)
        for word in self._words:
            for pair in _pairs(word):
                self._sharing[pair].append(word)

    def nearest(self, word: str) -> str:
        """What to type instead of a folded word that nothing is known by; empty when nothing is near.

        A word may be unfinished, so it is compared with beginnings about as long, never with much shorter words. Only
        those that share most pairs of letters are compared closely: the time hardly grows with the number of stations.
        """
        if not 2 <= len(word) <= _COMPARED:
            return ""
        shared = Counter(candidate for pair in _pairs(word) for candidate in self._sharing.get(pair, ()))
        beginnings: dict[str, str] = {}
        for candidate, _ in shared.most_common(_COMPARED):
            if len(candidate) >= len(word) - 1:
                beginnings.setdefault(candidate[: len(word) + 1], candidate)
        near = get_close_matches(word, beginnings, n=1, cutoff=_SIMILARITY)
        return self._words[beginnings[near[0]]] if near else ""


def _pairs(word: str) -> Iterable[str]:
    return dict.fromkeys(one + other for one, other in pairwise(f" {word}"))
