"""Bank transfers: made before, and named by the bank's number for them."""

from __future__ import annotations

from typing import Final

from core.payments.method import Method, settle_exactly

BANK_TRANSFER: Final = Method("bank_transfer", "Bank transfer", settle_exactly, needs_reference=True)
