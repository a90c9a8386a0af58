"""Whose day is out of line: a clerk's refunds and reprints against what the other clerks did that day. Pure rules.

The measure is the median of the others times what policy allows: half of them would have to do too much before the
median moved (its breakdown point is one half; Huber, *Robust Statistics*, 1981), while a mean follows the first. Below
a least number of refunds, or of reprints, nothing is out of line: where others had none, one is many times the median.
The others are those who had a shift, a refund or a reprint that day; whoever was alone is held to the least number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from statistics import median
from typing import Final

from core.audit.incidents import REFUNDS_OUT_OF_LINE, REPRINTS_OUT_OF_LINE, Alert
from core.policy import (
    ALERT_REFUNDS_LEAST,
    ALERT_REFUNDS_TIMES,
    ALERT_REPRINTS_LEAST,
    ALERT_REPRINTS_TIMES,
    Policies,
    Policy,
)

REFUNDS: Final = "refunds"
REPRINTS: Final = "reprints"
_KINDS: Final[Mapping[str, tuple[str, Policy[int], Policy[int]]]] = {
    REFUNDS: (REFUNDS_OUT_OF_LINE, ALERT_REFUNDS_LEAST, ALERT_REFUNDS_TIMES),
    REPRINTS: (REPRINTS_OUT_OF_LINE, ALERT_REPRINTS_LEAST, ALERT_REPRINTS_TIMES),
}


@dataclass(frozen=True, slots=True)
class Tally:
    """How often somebody did something on a day of the operator's calendar, and for how much in minor units."""

    day: date
    staff_number: str
    what: str
    count: int
    amount: int
    first_at: datetime
    last_at: datetime
    terminals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Days:
    """What is on record about some days: who was at work (day, staff number), and what they did."""

    at_work: frozenset[tuple[date, str]] = frozenset()
    tallies: Sequence[Tally] = field(default_factory=tuple)


def out_of_line(days: Days, policies: Policies) -> list[Alert]:
    """The alerts that days make, newest first."""
    present: dict[date, set[str]] = defaultdict(set)
    for day, number in (*days.at_work, *((one.day, one.staff_number) for one in days.tallies)):
        present[day].add(number)
    done: dict[tuple[date, str], list[Tally]] = defaultdict(list)
    for one in days.tallies:
        done[one.day, one.what].append(one)
    found = [alert for (day, what), tallies in done.items() for alert in _of_day(what, tallies, present[day], policies)]
    return sorted(found, key=lambda alert: alert.last_at, reverse=True)


def _of_day(what: str, tallies: Iterable[Tally], people: set[str], policies: Policies) -> Iterator[Alert]:
    kind, least, times = _KINDS[what]
    mine = {one.staff_number: one for one in tallies}
    allowed = policies.get(times)
    for number, one in mine.items():
        others = [mine.get(other) for other in people - {number}]
        usual = _median(other.count if other else 0 for other in others)
        usual_amount = _median(other.amount if other else 0 for other in others)
        too_many = one.count > allowed * usual
        too_much = one.amount > allowed * usual_amount
        if one.count >= policies.get(least) and (too_many or too_much):
            details = {"usual_count": int(usual)}
            if what == REFUNDS:
                details |= {"amount": one.amount, "usual_amount": int(usual_amount)}
            yield Alert(kind, number, one.count, one.first_at, one.last_at, one.terminals, one.day.isoformat(), details)


def _median(values: Iterable[int]) -> float:
    known = list(values)
    return median(known) if known else 0
