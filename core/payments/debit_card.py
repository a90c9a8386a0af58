"""Debit cards, on a bank's stand-alone machine."""

from __future__ import annotations

from typing import Final

from core.payments.card import card

DEBIT_CARD: Final = card("debit_card", "Debit card")
