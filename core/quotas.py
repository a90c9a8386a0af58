"""How often a customer may change what he bought without a supervisor: a rolling window, read in one row.

The row of ``booking_modification_stats`` is written in the transaction of each change and holds when each change of
its period was made, so the window rolls on between two changes without anybody counting again. A customer is the
account of the booking, or else whoever's identity was shown (its digest).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert

from core.database import Rows, Statement, Transaction
from core.models import BookingModificationStat as Stat
from core.policy import MODIFICATION_WINDOW_DAYS, MODIFICATIONS_PER_WINDOW, Policies

#: What a customer wishes; what the operator is to blame for counts for nobody.
COUNTED: Final = ("cancel", "reschedule", "correction", "upgrade")
#: The one kind of statistics the quota is about; others may be kept beside it under their own names.
CHANGES: Final = "changes"

_SELECT: Final = Statement(
    select(Stat.changed_at).where(
        Stat.operator_id == bindparam("operator_id"),
        Stat.customer == bindparam("customer"),
        Stat.stat_type == bindparam("stat_type"),
    )
)
_NAMES: Final = ("operator_id", "customer", "stat_type", "period_start", "period_end", "count", "changed_at")
#: Older changes count nowhere any more: no window is longer.
_KEPT: Final = text(
    "(SELECT array_agg(one ORDER BY one) FROM unnest(booking_modification_stats.changed_at || excluded.changed_at) one"
    " WHERE one > now() - interval '366 days')"
)
_NEW: Final = insert(Stat).values({name: bindparam(name) for name in _NAMES})
_COUNT: Final = Statement(
    _NEW.on_conflict_do_update(
        index_elements=["operator_id", "customer", "stat_type"],
        set_={
            "changed_at": _KEPT,
            "count": func.cardinality(_KEPT),
            "period_start": func.least(Stat.period_start, _NEW.excluded.period_start),
            "period_end": func.greatest(Stat.period_end, _NEW.excluded.period_end),
            "updated_at": func.now(),
        },
    )
)


@dataclass(frozen=True, slots=True)
class Quota:
    """Where a customer stands before the change he asks for."""

    changes: int
    limit: int
    days: int

    @property
    def is_used_up(self) -> bool:
        """One more takes a supervisor."""
        return self.changes >= self.limit

    def as_json(self) -> dict[str, Any]:
        return {"changes": self.changes, "limit": self.limit, "days": self.days}

    def __str__(self) -> str:
        return f"{self.changes} of {self.limit} changes in {self.days} days"


def customer_of(user_id: UUID | None, identity_digest: bytes | None) -> bytes | None:
    """The key a customer's changes are counted under: the account, else the identity that was shown."""
    return user_id.bytes if user_id is not None else identity_digest


def judge(changed_at: Sequence[datetime], now: datetime, limit: int, days: int) -> Quota:
    """Where somebody stands whose changes were made then: those of the last ``days`` days count."""
    since = now - timedelta(days=days)
    return Quota(sum(1 for one in changed_at if one > since), limit, days)


class PendingQuota:
    """A quota that was asked for in a pipeline and not yet read."""

    __slots__ = ("_rows", "_tx")

    def __init__(self, tx: Transaction, rows: Rows | None) -> None:
        self._tx, self._rows = tx, rows

    def read(self, policies: Policies, *, station_id: int | None, train_id: int | None) -> Quota:
        """Where the customer stands by the policies of the journey that is changed."""
        place = {"station_id": station_id, "train_id": train_id}
        made = (self._rows.scalar() if self._rows is not None else None) or []
        return judge(
            made,
            self._tx.now,
            policies.get(MODIFICATIONS_PER_WINDOW, **place),
            policies.get(MODIFICATION_WINDOW_DAYS, **place),
        )


def ask(tx: Transaction, customer: bytes | None) -> PendingQuota:
    """Queue the question; nobody known has made no changes. Ask under the booking's lock before it counts."""
    return PendingQuota(tx, None if customer is None else tx.send(_SELECT, customer=customer, stat_type=CHANGES))


def count(tx: Transaction, customer: bytes | None, *, stat_type: str = CHANGES) -> None:
    """Queue counting one change of this customer's, now. Two at once wait for each other: count last."""
    if customer is not None:
        tx.send(
            _COUNT,
            customer=customer,
            stat_type=stat_type,
            period_start=tx.now - timedelta(days=1),
            period_end=tx.now,
            count=1,
            changed_at=[tx.now],
        )
