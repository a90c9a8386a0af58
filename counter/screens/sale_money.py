"""How far the money of a sale has got: parts that were paid, the part that is being paid, a payment under way.

What belongs here: state, without a screen or a database. What is owed is always what the database said last.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.payments.standing import Standing


@dataclass
class SaleMoney:
    """See the module's docstring. ``part`` is the sum that is paid next, minor units; None: all that is owed."""

    standing: Standing | None = None
    part: int | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether the bill stands: something was paid, or a gateway was asked."""
        return self.standing is not None and self.standing.is_priced

    @property
    def owed(self) -> int:
        """What is left to pay; only where the bill stands."""
        return self.standing.owed - self.standing.under_way if self.standing is not None else 0

    @property
    def parts(self) -> list[tuple[str, int]]:
        """What was paid, as (method, minor units)."""
        rows = self.standing.payments if self.standing is not None else ()
        return [(one.payment_method, one.amount) for one in rows if one.payment_status == "completed"]

    def tell(self, standing: Standing) -> None:
        """The database has said how it stands; a part is asked for anew each time."""
        self.standing, self.part = standing, None
