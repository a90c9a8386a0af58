"""Electronic wallets: the customer pays on his telephone and the clerk types the number the wallet shows."""

from __future__ import annotations

from typing import Final

from core.payments.method import Method, settle_exactly

WALLET: Final = Method("wallet", "Wallet", settle_exactly, needs_reference=True)
