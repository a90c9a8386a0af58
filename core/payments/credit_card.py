"""Credit cards, on a bank's stand-alone machine."""

from __future__ import annotations

from typing import Final

from core.payments.card import card

CREDIT_CARD: Final = card("credit_card", "Credit card")
