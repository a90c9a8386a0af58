"""Reductions a person is entitled to: registered once by identity, applied per passenger, re-checked at the gate.

The rules are pure: what a reduction is worth, and whether a registered entitlement gives it on a day. Registering and
revoking is ``core.entitlement_register``, applying ``core.party``, the gate ``core.verdict``.

Source: the reference railway's own statement (KAI): seniors from 60 on 20 % in all classes; veterans 30 % from Friday
to Monday and 50 % from Tuesday to Thursday; military and police 25 % in executive, 50 % in business and economy class.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import LargeBinary

from core import policy
from core.database import Rows, Statement, Transaction
from core.errors import Refused
from core.identity import mask
from core.models import Entitlement as EntitlementRow
from core.models.people import ENTITLEMENT_KINDS
from core.money import round_up, share
from core.policy import Policies

KINDS: Final = ENTITLEMENT_KINDS
SENIOR, VETERAN, MILITARY = KINDS

#: Classes whose passengers get the military reduction as in economy class.
_LIKE_ECONOMY: Final = frozenset({"economy", "premium", "business"})
_TUESDAY_TO_THURSDAY: Final = (1, 2, 3)


class EntitlementRefused(Refused):
    """A reduction is not given; the sentence says why."""

    code = "entitlement_missing"


@dataclass(frozen=True, slots=True)
class Reduction:
    """A reduction as one passenger gets it: of which kind, and by which registered entitlement."""

    kind: str
    entitlement_id: UUID


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A registered right to a reduction. Both days of its validity count; the identity shows its last four only."""

    id: UUID
    kind: str
    holder: str
    identity: str
    document: str
    valid_from: date
    valid_until: date
    is_revoked: bool = False

    def holds_on(self, day: date) -> bool:
        """Whether it gives a reduction to a journey that begins on this day."""
        return not self.is_revoked and self.valid_from <= day <= self.valid_until

    def as_json(self) -> dict[str, Any]:
        """The entitlement as commands print it."""
        return {
            "id": str(self.id),
            "kind": self.kind,
            "holder": self.holder,
            "identity": self.identity,
            "document": self.document,
            "valid_from": self.valid_from.isoformat(),
            "valid_until": self.valid_until.isoformat(),
            "revoked": self.is_revoked,
        }


@dataclass(frozen=True, slots=True)
class Rates:
    """What each reduction is worth, in per cent, and whether any is given on this train at all."""

    senior: int
    veteran_weekend: int
    veteran_weekday: int
    military_executive: int
    military_economy: int
    are_given: bool = True

    @classmethod
    def of(cls, policies: Policies, *, station_id: int, train_id: int, is_subsidised: bool) -> Rates:
        """The rates in force for a train at a boarding station."""
        place = {"station_id": station_id, "train_id": train_id}
        return cls(
            policies.get(policy.SENIOR_PERCENT, **place),
            policies.get(policy.VETERAN_WEEKEND_PERCENT, **place),
            policies.get(policy.VETERAN_WEEKDAY_PERCENT, **place),
            policies.get(policy.MILITARY_EXECUTIVE_PERCENT, **place),
            policies.get(policy.MILITARY_ECONOMY_PERCENT, **place),
            not is_subsidised or policies.get(policy.REDUCTIONS_ON_SUBSIDISED, **place),
        )


def reduction_percent(kind: str, class_type: str, travel_day: date, rates: Rates) -> int:
    """What a reduction takes off a fare, in per cent; 0 where it is not given.

    The military rule names executive, business and economy class. Premium is a better economy class and counts as
    economy; luxury, panoramic, suites and sleeper are dearer than executive, the rule does not name them, and none is
    given there.

    Args:
        travel_day: at the boarding station.
    """
    if not rates.are_given:
        return 0
    if kind == SENIOR:
        return rates.senior
    if kind == VETERAN:
        return rates.veteran_weekday if travel_day.weekday() in _TUESDAY_TO_THURSDAY else rates.veteran_weekend
    if class_type in _LIKE_ECONOMY:
        return rates.military_economy
    return rates.military_executive if class_type == "executive" else 0


def reduced_fare(full_fare: int, percent: int, rounding: int) -> int:
    """A fare less a reduction, rounded up like a fare; never dearer than the full one. Minor units."""
    return min(full_fare, round_up(share(full_fare, 100 - percent, 100), rounding))


@dataclass(frozen=True, slots=True)
class Journeying:
    """What a reduction is judged by: class and day of a journey, and the rates there. ``rounding`` in minor units."""

    class_type: str
    day: date
    rates: Rates
    rounding: int

    def fare(self, kind: str, full_fare: int) -> int:
        """What is left of a full fare, minor units."""
        return reduced_fare(full_fare, reduction_percent(kind, self.class_type, self.day, self.rates), self.rounding)


def judge(kind: str, found: Iterable[Entitlement], journey: Journeying) -> Reduction:
    """The reduction of this kind that somebody's registered entitlements give on a journey.

    Raises:
        EntitlementRefused: codes ``entitlement_missing``, ``entitlement_expired``, ``entitlement_not_yet``,
            ``reduction_not_given``.
    """
    if not reduction_percent(kind, journey.class_type, journey.day, journey.rates):
        raise EntitlementRefused(
            f"No {kind} reduction is given on this train and class.",
            code="reduction_not_given",
            hint="Sell at the full fare.",
        )
    in_force = [one for one in found if one.kind == kind and not one.is_revoked]
    if not in_force:
        raise EntitlementRefused(
            f"No {kind} entitlement is registered for this identity.",
            code="entitlement_missing",
            hint="Register it with its document, or sell at the full fare.",
        )
    best = max(in_force, key=lambda one: (one.holds_on(journey.day), one.valid_until))
    if best.valid_until < journey.day:
        raise EntitlementRefused(
            f"The {kind} entitlement ended on {best.valid_until.isoformat()}.",
            code="entitlement_expired",
            hint="Register the new document, or sell at the full fare.",
        )
    if best.valid_from > journey.day:
        raise EntitlementRefused(
            f"The {kind} entitlement begins on {best.valid_from.isoformat()}.",
            code="entitlement_not_yet",
            hint="Sell at the full fare.",
        )
    return Reduction(kind, best.id)


def require_used_once(given: Sequence[Reduction]) -> None:
    """A person travels in one seat: an entitlement reduces one fare of a booking.

    Raises:
        EntitlementRefused: one of them twice (code ``entitlement_repeated``).
    """
    if len({one.entitlement_id for one in given}) != len(given):
        raise EntitlementRefused(
            "Two passengers ask for a reduction with the same identity.",
            code="entitlement_repeated",
            hint="The reduction is for the holder's own seat: sell the other one at the full fare.",
        )


_OF_IDENTITIES: Final = Statement(
    select(EntitlementRow).where(
        EntitlementRow.operator_id == bindparam("operator_id"),
        EntitlementRow.identity_digest == func.any(bindparam("digests", type_=ARRAY(LargeBinary))),
        EntitlementRow.revoked_at.is_(None),
    )
)


class PendingEntitlements:
    """Entitlements that were asked for in a pipeline and not yet read."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Rows | None) -> None:
        self._rows = rows

    def read(self) -> Mapping[bytes, list[Entitlement]]:
        """What is registered and not revoked, by the digest of the identity."""
        found: dict[bytes, list[Entitlement]] = {}
        for row in self._rows.all() if self._rows else ():
            found.setdefault(bytes(row.identity_digest), []).append(of_row(row))
        return found


def ask(tx: Transaction, digests: Collection[bytes]) -> PendingEntitlements:
    """Queue the question what these identities are entitled to; nothing is asked about nobody."""
    return PendingEntitlements(tx.send(_OF_IDENTITIES, digests=list(digests)) if digests else None)


def of_row(row: Any, entitlement_id: UUID | None = None) -> Entitlement:
    """A row of ``entitlements``, or of a join with it that has its id under another name."""
    return Entitlement(
        id=entitlement_id or row.id,
        kind=row.entitlement_kind,
        holder=row.holder_name,
        identity=mask(row.identity_last_four),
        document=row.document_reference,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        is_revoked=row.revoked_at is not None,
    )
