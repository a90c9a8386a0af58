"""Cash: settled at once, with change."""

from __future__ import annotations

from typing import Final

from core.errors import Refused
from core.money import grouped
from core.payments.method import Method, Settlement, Tender


def _settle(amount: int, tender: Tender) -> Settlement:
    """
    Raises:
        Refused: less than the amount (code ``tendered_too_little``).
    """
    tendered = amount if tender.tendered is None else tender.tendered
    if tendered < amount:
        raise Refused(
            f"{grouped(tendered)} is too little: {grouped(amount)} is due.",
            code="tendered_too_little",
            hint=f"{grouped(amount - tendered)} is missing.",
            details={"due": amount, "missing": amount - tendered},
        )
    return Settlement("cash", amount, tendered, tendered - amount)


CASH: Final = Method("cash", "Cash", _settle, gives_change=True)
