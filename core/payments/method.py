"""What a payment method is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tender:
    """What the customer offers: a method, for cash the amount handed over, else a reference. Minor units."""

    method: str
    tendered: int | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """A payment that is done, as it goes on record. ``tendered`` and ``change`` are for cash only."""

    method: str
    amount: int
    tendered: int | None = None
    change: int | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """One way to pay.

    ``settle`` decides what a tender pays of an amount; it raises ``Refused`` with a sentence for the clerk.
    """

    code: str
    name: str
    settle: Callable[[int, Tender], Settlement]
    needs_reference: bool = False
    asynchronous: bool = False
    refundable: bool = True
    offline: bool = True
