"""Correcting a name or an identity on a sold ticket: is it a slip of the pen, or somebody else? Pure decisions.

Tickets are not passed on: whoever buys to sell again must not find a counter that renames them one letter at a time.
So a correction is a spelling mistake only if a few letters of the name *or* a few digits of the identity change, and
only so often for one traveller. Everything else is another person, and takes a supervisor.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from core.errors import Refused


class Correction(StrEnum):
    """What a correction is."""

    SPELLING = "spelling"
    OTHER_PERSON = "other_person"


class Outside(StrEnum):
    """What takes a correction outside policy: a supervisor may still allow it."""

    OTHER_PERSON = "other_person"
    CUTOFF = "after_cutoff"
    REPEATED = "corrected_before"
    QUOTA = "over_quota"


@dataclass(frozen=True, slots=True)
class Person:
    """Who stands on a ticket: the name as it is printed, the identity number or nothing (an infant's)."""

    name: str
    identity: str = ""


def distance(one: str, other: str) -> int:
    """Letters to insert, drop, replace or swap with their neighbour to make one text of the other.

    Optimal string alignment (Damerau 1964, without touching a pair twice): most slips at a keyboard count one.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        above, before = before, row
        row = [i]
        for j, right in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                best = min(best, above[j - 2] + 1)
            row.append(best)
    return row[-1]


def letters_changed(before: str, after: str) -> int:
    """By how many letters a name changes; accents, points, case and the order of its words do not count."""
    one, other = _words(before), _words(after)
    return min(distance(" ".join(one), " ".join(other)), distance(" ".join(sorted(one)), " ".join(sorted(other))))


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter if letter.isalnum() else " " for letter in plain if not unicodedata.combining(letter)).split()


def classify(before: Person, after: Person, letters: int, digits: int) -> Correction:
    """What the change is, by policy: ``letters`` of a name and ``digits`` of an identity may be slips.

    Of a short name a third at most: three letters of ``ALI`` are another person. A name and an identity that change
    together are another person, too. An identity where none stood before is no change of person.

    Raises:
        Refused: nothing changes (code ``nothing_to_correct``).
    """
    if before == after:
        raise Refused(
            "The ticket says so already.", code="nothing_to_correct", hint="Type what stands on the identity card."
        )
    changed = letters_changed(before.name, after.name)
    renumbered = distance(before.identity, after.identity) if before.identity else 0
    most = min(letters, max(1, len("".join(_words(before.name))) // 3))
    if (changed and renumbered) or changed > most or renumbered > digits:
        return Correction.OTHER_PERSON
    return Correction.SPELLING
