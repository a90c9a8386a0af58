"""Is a chain of audit rows whole, and if not, what was done to it? Decided from its links alone.

Each row carries the hash of the row before it and its own (``core.models.audit_guards``); its number is in neither.
So the hashes say in which order rows belong, and whether each still says what it said. Rows are looked at in the order
of their numbers. ``Walk`` takes those that fit; with the first that does not, ``diagnose`` tells from what follows
what happened there: changed, moved, put in, or rows before it taken out.

An end that was cut off leaves a chain that fits. It shows against the head of the chain, and where that was set back
too, against witnesses from outside: signed checkpoints (``core.audit.checkpoints``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Link:
    """A row as a link of its chain; ``whole`` says whether its hash is that of what it says."""

    number: int
    id: UUID
    previous: bytes
    hash: bytes
    whole: bool
    about: str

    def __str__(self) -> str:
        return f"row {self.number} ({self.about}, id {self.id})"


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends, as its head says."""

    number: int
    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody who remembers a row's hash: a checkpoint in the database, or a line of the file outside it."""

    number: int
    hash: bytes
    source: str


@dataclass
class Walk:
    """The part of a chain that was found whole; it grows link by link."""

    head: Head | None
    witnessed: frozenset[int] = frozenset()
    last: Link | None = None
    number: int = 0
    hash: bytes = b""
    remembered: dict[int, bytes] = field(default_factory=dict)

    def take(self, link: Link) -> bool:
        """Go on to ``link``, if that is where the chain goes on."""
        beyond = self.head is not None and link.number > self.head.number
        if beyond or not link.whole or link.previous != self.hash or link.number != self.number + 1:
            return False
        self.last, self.number, self.hash = link, link.number, link.hash
        if link.number in self.witnessed:
            self.remembered[link.number] = link.hash
        return True


def diagnose(walk: Walk, rest: Sequence[Link], belongs: Mapping[UUID, int]) -> str:
    """What happened where the walk came to a halt.

    Args:
        rest: the links from there on, by number; at least one.
        belongs: of links that are not whole, the numbers whose hashes their contents fit.
    """
    here, first = walk.number + 1, rest[0]
    true_next = next((link for link in rest if link.whole and link.previous == walk.hash), None)
    if walk.head is not None and walk.hash == walk.head.hash:
        return f"{first} was put in: the chain ends with row {walk.number}"
    if not first.whole:
        if first.id in belongs:
            return f"{first} was moved: what it says belongs into row {belongs[first.id]}"
        if true_next is not None:
            return f"{first} was put in: after row {walk.number} comes {true_next}"
        return f"{first} was changed"
    if true_next is first:
        return f"{first} was moved: it belongs into place {here}"
    if true_next is not None:
        if not _is_in_the_chain(first, rest, walk.head):
            return f"{first} was put in: after row {walk.number} comes {true_next}"
        if true_next.number != here:
            return f"{true_next} was moved: it belongs into place {here}"
        return f"{first} was moved: into place {here} belongs {true_next}"
    if walk.last is not None and first.previous == walk.last.previous:
        return f"{walk.last} was put in: {first} follows on the row before it"
    if first.number < here:
        return f"{first} was put in: there is another row of that number"
    if first.number > here + 1:
        return f"rows {here} to {first.number - 1} were removed: next comes {first}"
    if first.number > here:
        return f"row {here} was removed: next comes {first}"
    return f"a row before {first} was removed, and the rest was numbered anew"


def _is_in_the_chain(link: Link, rest: Sequence[Link], head: Head | None) -> bool:
    """Whether other links lead to this one and on from it: then it is no stranger, and only stands elsewhere."""
    led_to = any(other.hash == link.previous for other in rest)
    goes_on = any(other.previous == link.hash for other in rest) or (head is not None and head.hash == link.hash)
    return led_to and goes_on


def end(walk: Walk) -> str | None:
    """What is wrong with the end of a chain that fits up to there, against its head; None if nothing is."""
    head = walk.head
    if head is None:
        return f"its head is gone; row {walk.number} is the last" if walk.number else None
    if head.number > walk.number:
        return _cut_off(walk.number, head.number, "its head")
    if head.hash != walk.hash or (walk.last is not None and head.previous != walk.last.previous):
        return f"its head was changed; {walk.last or 'nothing'} is the last"
    return None


def testimony(walk: Walk, witnesses: Sequence[Witness], last_number: int) -> str | None:
    """What witnesses say against a chain whose last row is ``last_number``; None if they agree."""
    proven = 0
    longest = max(witnesses, key=lambda witness: witness.number, default=None)
    for witness in sorted(witnesses, key=lambda witness: witness.number):
        if walk.remembered.get(witness.number, witness.hash) != witness.hash:
            return f"rows {proven + 1} to {witness.number} were rewritten: {witness.source} knows another"
        if witness.number in walk.remembered:
            proven = witness.number
    if longest is not None and longest.number > last_number:
        return _cut_off(last_number, longest.number, longest.source)
    return None


def _cut_off(last: int, known: int, source: str) -> str:
    rows = f"rows {last + 1} to {known} were" if known > last + 1 else f"row {known} was"
    return f"{rows} cut off: {source} knows of row {known}"
