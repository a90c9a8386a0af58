"""When to ask the gateway again: soon at first, while the customer holds the phone, then less often, to an end.

A counter cannot be called by the gateway, so it asks. What belongs here: the times; nobody sleeps or asks here.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Polling:
    """How an unpaid code is watched until its expiry, and for ``grace`` longer for money that was under way.

    Attributes:
        expires_at: when the code can no longer be paid, by the clock that ``pause_before_next`` is given.
        grace: how long a settlement may be late; reconciliation takes over afterwards.
        first, longest: the pauses at the beginning and after about ten questions.
        growth: each pause is so many times the one before.
        spread: each pause is up to this part shorter or longer, so that counters do not ask in step.
    """

    expires_at: datetime
    grace: timedelta = timedelta(seconds=30)
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(seconds=5)
    growth: float = 1.2
    spread: float = 0.1

    @property
    def ends_at(self) -> datetime:
        return self.expires_at + self.grace

    def pause_before_next(
        self, asked: int, now: datetime, *, draw: Callable[[], float] = random.random
    ) -> timedelta | None:
        """How long to wait before asking again; None when it is over.

        One question falls exactly on the expiry and the last one exactly on the end of the grace, so that neither is
        noticed late. A clock that jumps back makes no pause longer than ``longest``.

        Args:
            asked: how many answers came since the code was shown or the watching was resumed.
            now: of the same clock as ``expires_at``.
            draw: a number from 0 to 1.
        """
        if now >= self.ends_at:
            return None
        # The exponent is capped: an hour of questions would overflow a float.
        grown = self.first * min(self.growth ** min(asked, 64), self.longest / self.first)
        pause = min(grown * (1 + self.spread * (2 * draw() - 1)), self.longest)
        deadline = self.expires_at if now < self.expires_at else self.ends_at
        return min(pause, deadline - now)
