"""Ways to pay. Each method is one module with a ``Method`` of its own; ``METHODS`` is where they are all known.

A method declares what it can do once, here, and everything else asks: whether it needs a reference, whether it is
settled at once or has to be waited for, whether it can be refunded the way it came, whether it works offline.
"""

from __future__ import annotations

from typing import Final

from core.errors import Refused
from core.payments.cash import CASH
from core.payments.method import Method, Settlement, Tender

METHODS: Final[dict[str, Method]] = {method.code: method for method in (CASH,)}

__all__ = ["METHODS", "Method", "Settlement", "Tender", "settle"]


def settle(amount: int, tender: Tender) -> Settlement:
    """What a tender pays of an amount, decided by its method.

    Raises:
        Refused: the method is not taken here (code ``method_not_taken``), or it says no.
    """
    method = METHODS.get(tender.method)
    if method is None:
        raise Refused(
            f"{tender.method[:20]!r} is not taken at this counter.",
            code="method_not_taken",
            hint=f"Taken are: {', '.join(METHODS)}.",
        )
    return method.settle(amount, tender)
