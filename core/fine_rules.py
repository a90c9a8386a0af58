"""What a fine comes to and how long unpaid ones ban somebody: pure decisions, without a database.

Source: KAI's conditions of carriage: riding beyond the paid stretch costs twice the lowest partial fare; a fine that
is not paid bans from buying for 90 days, more than three of them for 180. All of it is policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from core.errors import Refused
from core.fares import seat_fare
from core.network import ClassInfo, RouteInfo
from core.policy import BAN_AFTER_FINES, BAN_DAYS, BAN_DAYS_REPEATED, FINE_DUE_DAYS, Policies


@dataclass(frozen=True, slots=True)
class OpenFine:
    """A fine that is neither paid nor waived and whose ban nobody has lifted. ``amount`` in minor units."""

    number: int
    amount: int
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class BanRules:
    """``days`` of ban; ``repeated_days`` for more than ``many`` fines; a fine bans once ``due_days`` have passed."""

    days: int
    repeated_days: int
    many: int
    due_days: int = 0

    @classmethod
    def of(cls, policies: Policies, *, station_id: int | None = None, train_id: int | None = None) -> BanRules:
        """The rules in force somewhere."""
        place = {"station_id": station_id, "train_id": train_id}
        return cls(
            policies.get(BAN_DAYS, **place),
            policies.get(BAN_DAYS_REPEATED, **place),
            policies.get(BAN_AFTER_FINES, **place),
            policies.get(FINE_DUE_DAYS, **place),
        )


@dataclass(frozen=True, slots=True)
class Ban:
    """Somebody may not buy before ``until``; ``fines`` are those that paying would end it."""

    until: datetime
    fines: tuple[OpenFine, ...]

    @property
    def amount(self) -> int:
        """What paying all of it costs, minor units."""
        return sum(one.amount for one in self.fines)


def ban_of(fines: Iterable[OpenFine], rules: BanRules, now: datetime) -> Ban | None:
    """The ban that a person's open fines make; it is counted from the latest of those that are due."""
    due = timedelta(days=rules.due_days)
    banning = sorted((one for one in fines if one.issued_at + due <= now), key=lambda one: (one.issued_at, one.number))
    if not banning:
        return None
    days = rules.repeated_days if len(banning) > rules.many else rules.days
    until = banning[-1].issued_at + due + timedelta(days=days)
    return Ban(until, tuple(banning)) if now < until else None


def lowest_partial_fare(
    classes: Sequence[ClassInfo], route: RouteInfo, rounding: int, *, origin_id: int | None = None,
    destination_id: int | None = None,
) -> int:  # fmt: skip
    """The lowest fare of a train's classes on a stretch of its route, minor units.

    Args:
        origin_id, destination_id: the stretch that was not paid for; without both, the cheapest between two
            neighbouring stops.

    Raises:
        Refused: the train does not run there in that order (``no_connection``), or has no fare (``no_fare``).
    """
    stops = [stop for stop in route.stops if stop.is_served]
    stretches = [after.km - before.km for before, after in pairwise(stops)]
    if origin_id is not None and destination_id is not None:
        board, leave = route.stop_at(origin_id), route.stop_at(destination_id)
        if board is None or leave is None or board.order >= leave.order:
            raise Refused(
                "This train does not run between these stations.",
                code="no_connection",
                hint="Name the station where the ticket ended and the one where the ride did.",
            )
        stretches = [leave.km - board.km]
    fares = [
        seat_fare(one.base_price, bucket.price_permille, km, route.km, rounding)
        for one in classes
        for bucket in one.buckets
        for km in stretches
        if km > 0
    ]
    if not fares:
        raise Refused("This train has no fare.", code="no_fare", hint="Enter its fare subclasses first.")
    return min(fares)
