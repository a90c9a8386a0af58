"""Ways to pay. Each method is one module with a ``Method`` of its own; ``METHODS`` is where they are all known.

A method declares what it can do once, here, and everything else asks: whether it needs a reference, whether it is
settled at once or has to be waited for, whether it can be refunded the way it came, whether it works offline.
"""

from __future__ import annotations

from typing import Final

from core.payments.cash import CASH
from core.payments.method import Method, Settlement, Tender

METHODS: Final[dict[str, Method]] = {method.code: method for method in (CASH,)}

__all__ = ["METHODS", "Method", "Settlement", "Tender"]
