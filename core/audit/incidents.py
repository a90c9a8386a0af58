"""Which incidents make a security alert: wrong PINs in a row, refusals at night. Pure rules over what is on record.

- failed PINs: one number, or one terminal, with more wrong PINs within an hour than policy allows;
- refusals at night: sign-ins, and ticket codes that were used up, given back or never ours, refused at a station in
  the hours policy calls night, by the station's own clock.

What an alert is stands here too. What is out of line for a whole day is decided in ``core.audit.outliers``.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from core import policy
from core.clock import local
from core.policy import (
    ALERT_FAILED_PINS,
    ALERT_FAILED_PINS_AT_TERMINAL,
    ALERT_NIGHT_REFUSALS,
    NIGHT_ENDS,
    NIGHT_STARTS,
    Policies,
)

FAILED_PINS: Final = "failed_pins"
FAILED_PINS_AT_TERMINAL: Final = "failed_pins_at_terminal"
REFUSALS_AT_NIGHT: Final = "refusals_at_night"
REFUNDS_OUT_OF_LINE: Final = "refunds_out_of_line"
REPRINTS_OUT_OF_LINE: Final = "reprints_out_of_line"
#: The kinds whose subject is a staff number.
ABOUT_SOMEBODY: Final = frozenset({FAILED_PINS, REFUNDS_OUT_OF_LINE, REPRINTS_OUT_OF_LINE})

_WITHIN: Final = timedelta(hours=1)
_ID_DIGITS: Final = 12
#: An alert that has grown to so many times what somebody has seen of it wants to be looked at again.
_GROWN: Final = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A station: its code, its own key and its time zone."""

    station: str
    station_id: int | None
    time_zone: str


@dataclass(frozen=True, slots=True)
class Incident:
    """A wrong PIN, or a code that a gate refused.

    Args:
        number: the staff number a PIN was tried for; None at a gate.
        terminal: the terminal's code; empty where none is known.
        place: where it stands.
    """

    at: datetime
    number: str | None
    terminal: str
    place: Place


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has looked at an alert: who (a staff number), when, the note, and how many incidents it had then."""

    by: str
    at: datetime
    note: str
    count: int


@dataclass(frozen=True, slots=True)
class Alert:
    """What was too much: for one number, at one terminal, in one night at one station, or in a clerk's day.

    Args:
        anchor: what tells it from others of its kind and subject, and does not change while it grows.
        details: further figures, by name; amounts in minor units.
    """

    kind: str
    subject: str
    count: int
    first_at: datetime
    last_at: datetime
    terminals: tuple[str, ...]
    anchor: str
    details: Mapping[str, int] = field(default_factory=dict)
    acknowledged: Acknowledgement | None = None

    @property
    def id(self) -> str:
        """Twelve digits and letters: the beginning of the SHA-256 of kind, subject and anchor."""
        said = "\n".join((self.kind, self.subject, self.anchor))
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:_ID_DIGITS]

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to look: nobody has, or it has doubled since."""
        return self.acknowledged is None or self.count >= _GROWN * max(1, self.acknowledged.count)

    def as_json(self) -> dict[str, Any]:
        """The alert as commands print it."""
        seen = self.acknowledged
        return {
            "id": self.id,
            "kind": self.kind,
            "subject": self.subject,
            "count": self.count,
            "first_at": self.first_at.astimezone(UTC).isoformat(),
            "last_at": self.last_at.astimezone(UTC).isoformat(),
            "terminals": list(self.terminals),
            "details": dict(self.details),
            "open": self.is_open,
            "acknowledged": seen
            and {"by": seen.by, "at": seen.at.astimezone(UTC).isoformat(), "note": seen.note, "count": seen.count},
        }


def find(incidents: Iterable[Incident], policies: Policies) -> list[Alert]:
    """The alerts that incidents make, newest first."""
    by_time = sorted(incidents, key=lambda one: one.at)
    wrong_pins = [one for one in by_time if one.number is not None]
    found = [
        *_bursts(FAILED_PINS, wrong_pins, lambda one: one.number or "", policies, ALERT_FAILED_PINS),
        *_bursts(
            FAILED_PINS_AT_TERMINAL, wrong_pins, lambda one: one.terminal, policies, ALERT_FAILED_PINS_AT_TERMINAL
        ),
        *_nights(by_time, policies),
    ]
    return sorted(found, key=lambda alert: alert.last_at, reverse=True)


def _bursts(
    kind: str,
    incidents: Sequence[Incident],
    subject: Callable[[Incident], str],
    policies: Policies,
    limit: policy.Policy[int],
) -> Iterator[Alert]:
    """One alert for each row of incidents without a pause of an hour, if some hour of it reached the limit."""
    of_subject: dict[str, list[Incident]] = defaultdict(list)
    for one in incidents:
        of_subject[subject(one)].append(one)
    for name, mine in of_subject.items():
        starts = [at for at, one in enumerate(mine) if at == 0 or one.at - mine[at - 1].at > _WITHIN]
        for begin, stop in zip(starts, [*starts[1:], len(mine)], strict=True):
            burst = mine[begin:stop]
            most = policies.get(limit, station_id=burst[-1].place.station_id)
            if any(late.at - early.at <= _WITHIN for early, late in zip(burst, burst[most - 1 :], strict=False)):
                yield _alert(kind, name, burst, burst[0].at.astimezone(UTC).isoformat())


def _nights(incidents: Sequence[Incident], policies: Policies) -> Iterator[Alert]:
    nights: dict[tuple[Place, date], list[Incident]] = defaultdict(list)
    for one in incidents:
        night = _night(one, policies)
        if night is not None:
            nights[one.place, night].append(one)
    for (place, night), refused in nights.items():
        if len(refused) >= policies.get(ALERT_NIGHT_REFUSALS, station_id=place.station_id):
            yield _alert(REFUSALS_AT_NIGHT, place.station, refused, night.isoformat())


def _night(one: Incident, policies: Policies) -> date | None:
    """The evening of the night an incident falls into; None by day."""
    starts = policies.get(NIGHT_STARTS, station_id=one.place.station_id)
    ends = policies.get(NIGHT_ENDS, station_id=one.place.station_id)
    there = local(one.at, one.place.time_zone)
    if starts <= ends:
        return there.date() if starts <= there.hour < ends else None
    if there.hour >= starts:
        return there.date()
    return there.date() - timedelta(days=1) if there.hour < ends else None


def _alert(kind: str, subject: str, incidents: Sequence[Incident], anchor: str) -> Alert:
    terminals = tuple(sorted({one.terminal for one in incidents if one.terminal}))
    return Alert(kind, subject, len(incidents), incidents[0].at, incidents[-1].at, terminals, anchor)
