"""Values of policies as they stand: where one was entered, what holds at a place, and how people write and read one.

What belongs here: plain data and words; nothing is asked of the database. Reading and changing is
``core.policy_register``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final, Literal, TypeAlias

from core.clock import local
from core.errors import NotFound, Refused, UsageError
from core.policy import REGISTRY, Policy

Origin: TypeAlias = Literal["default", "operator", "station", "train", "train at station"]
_YES: Final = frozenset({"yes", "true", "on", "y", "ya"})
_NO: Final = frozenset({"no", "false", "off", "n", "tidak"})
#: Thousands may be set apart as the screens show them: 7.500.
_WHOLE: Final = re.compile(r"-?(?:[0-9]{1,15}|[0-9]{1,3}(?:\.[0-9]{3}){1,4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: nowhere in particular is the whole operator. Ids with the codes people know."""

    station_id: int | None = None
    train_id: int | None = None
    station: str | None = field(default=None, compare=False)
    train: str | None = field(default=None, compare=False)

    @property
    def origin(self) -> Origin:
        """What a value that stands here comes from."""
        if self.train_id is not None:
            return "train" if self.station_id is None else "train at station"
        return "operator" if self.station_id is None else "station"

    @property
    def wider(self) -> tuple[Place, ...]:
        """The places a value here overrides, the nearest first."""
        all_four = (Place(None, self.train_id, None, self.train), Place(self.station_id, None, self.station), Place())
        return tuple(dict.fromkeys(one for one in all_four if one != self))

    def as_json(self) -> dict[str, str | None]:
        return {"station": self.station, "train": self.train}


OPERATOR: Final = Place()


@dataclass(frozen=True, slots=True)
class Entered:
    """A value as it was entered: one row. ``ended_*`` say when and by whom it was replaced or withdrawn."""

    id: int
    name: str
    value: object
    place: Place
    since: datetime
    by: str
    overrides: int | None = None
    ended_at: datetime | None = None
    ended_by: str = ""

    def as_json(self, time_zone: str) -> dict[str, Any]:
        """The row as commands print it, times on a clock people know."""
        return {
            "id": self.id,
            "value": self.value,
            "origin": self.place.origin,
            **self.place.as_json(),
            "since": local(self.since, time_zone).isoformat(timespec="seconds"),
            "by": self.by or None,
            "overrides": self.overrides,
            "until": local(self.ended_at, time_zone).isoformat(timespec="seconds") if self.ended_at else None,
            "ended_by": self.ended_by or None,
        }


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds at a place, and everything that stands for this policy anywhere."""

    policy: Policy[Any]
    entered: Entered | None
    all: tuple[Entered, ...] = ()

    @property
    def value(self) -> object:
        """What a decision reads here."""
        return self.policy.default if self.entered is None else self.entered.value

    @property
    def origin(self) -> Origin:
        """Where it comes from."""
        return "default" if self.entered is None else self.entered.place.origin

    @property
    def is_sound(self) -> bool:
        """Whether a decision can read it: somebody with the owner's rights may have entered anything."""
        return self.policy.allows(self.value)

    def at(self, place: Place) -> Entered | None:
        """What stands at exactly this place."""
        return next((one for one in self.all if one.place == place), None)

    def as_json(self, time_zone: str) -> dict[str, Any]:
        """The policy as commands print it."""
        about, entered = self.policy, self.entered
        numeric = type(about.default) is int
        return {
            "name": about.name,
            "type": type(about.default).__name__,
            "unit": about.unit,
            "meaning": about.meaning,
            "default": about.default,
            "minimum": about.minimum if numeric else None,
            "maximum": about.maximum if numeric else None,
            "choices": list(about.choices) or None,
            "value": self.value,
            "origin": self.origin,
            "station": entered.place.station if entered else None,
            "train": entered.place.train if entered else None,
            "since": local(entered.since, time_zone).isoformat(timespec="seconds") if entered else None,
            "by": (entered.by or None) if entered else None,
            "sound": self.is_sound,
            "entered": [one.as_json(time_zone) for one in self.all],
        }


def named(name: str) -> Policy[Any]:
    """The policy of that name; dashes count as underscores.

    Raises:
        NotFound: there is none (code ``unknown_policy``).
    """
    wanted = name.strip().lower().replace("-", "_")
    if wanted in REGISTRY:
        return REGISTRY[wanted]
    alike = get_close_matches(wanted[:60], REGISTRY, n=3)
    raise NotFound(
        f"There is no policy {name.strip()[:60]!r}.",
        code="unknown_policy",
        hint=f"Is it {' or '.join(alike)}?" if alike else "List them first.",
    )


def parse_value(policy: Policy[Any], written: str) -> object:
    """A value as somebody typed it, of this policy's type.

    Raises:
        UsageError: it is no value of that type (code ``policy_value_invalid``).
        Refused: it is outside the bounds (code ``policy_out_of_bounds``).
    """
    word, kind = written.strip().lower(), type(policy.default)
    value: object
    if kind is bool:
        value = True if word in _YES else False if word in _NO else None
    elif kind is int:
        value = int(word.replace(".", "")) if _WHOLE.fullmatch(word) else None
    else:
        value = word
    if value is None or (kind is str and value not in policy.choices):
        raise UsageError(
            f"{written.strip()[:30]!r} is no value for {policy.name}.",
            code="policy_value_invalid",
            hint=f"It takes {policy.bounds} ({policy.unit}).",
        )
    if not policy.allows(value):
        raise Refused(
            f"{policy.name} takes {policy.bounds} ({policy.unit}), and {value} is outside.",
            code="policy_out_of_bounds",
            hint="Choose a value within.",
        )
    return value


def shown(value: object) -> str:
    """A value as people read and type it."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def in_force(policy: Policy[Any], entered: Sequence[Entered], place: Place) -> InForce:
    """What holds for a policy at a place, of everything that stands for it."""
    standing = {one.place: one for one in entered}
    nearest = next((standing[at] for at in (place, *place.wider) if at in standing), None)
    in_order = sorted(entered, key=lambda one: (one.place.train or "", one.place.station or ""))
    return InForce(policy, nearest, tuple(in_order))
