"""What of a sale makes its price besides the seats: promotions asked for, and the last answer to what it costs.

What belongs here: state, without a screen or a database. Reductions are asked for per traveller in ``SaleDraft``; what
both take off is ``core.quote``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.promotions import PromotionRefused
from core.quote import Quote


@dataclass
class SalePrice:
    """See the module's docstring. ``codes`` are those that applied when they were last asked about."""

    codes: list[str] = field(default_factory=list)
    quote: Quote | None = None
    _asked: object = None

    def is_of(self, asked: object) -> bool:
        """Whether the last answer is the one to this question."""
        return self.quote is not None and self._asked == asked

    def take(self, quote: Quote, asked: object) -> Mapping[str, PromotionRefused]:
        """An answer; promotions that do not apply any more are given up, and returned with the reason."""
        self.quote, self._asked = quote, asked
        self.codes = [code for code in self.codes if code not in quote.refused_promotions]
        return quote.refused_promotions

    def forget(self) -> None:
        """Something has changed: the last answer is not worth anything."""
        self.quote = self._asked = None
