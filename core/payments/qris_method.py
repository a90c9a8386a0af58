"""QRIS: the customer scans a code that a gateway made for this sale; the gateway says when the money is there."""

from __future__ import annotations

from typing import Final

from core.payments.method import Method, settle_exactly

QRIS: Final = Method("qris", "QRIS", settle_exactly, asynchronous=True, offline=False)
