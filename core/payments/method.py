"""What a payment method is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tender:
    """What the customer offers: a method, for cash the amount handed over, else a reference. Minor units.

    The last three are what the slip of a card machine says; never more of a card than its last four digits.
    """

    method: str
    tendered: int | None = None
    reference: str | None = None
    card_last_four: str | None = None
    edc_terminal: str | None = None
    edc_batch: str | None = None

    @property
    def card_details(self) -> tuple[str | None, str | None, str | None]:
        """Last four digits, card machine, batch."""
        return self.card_last_four, self.edc_terminal, self.edc_batch


@dataclass(frozen=True, slots=True)
class Settlement:
    """A payment that is done, as it goes on record. ``tendered`` and ``change`` are for cash only."""

    method: str
    amount: int
    tendered: int | None = None
    change: int | None = None
    reference: str | None = None
    card_last_four: str | None = None
    edc_terminal: str | None = None
    edc_batch: str | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """One way to pay, and what it can do. Everything else asks here.

    Attributes:
        code: as it is stored; ``name``: for people.
        settle: decides what a tender pays of an amount; raises ``Refused`` with a sentence for the clerk. It is not
            asked where ``asynchronous``.
        gives_change: more than the amount may be handed over.
        needs_reference: nothing is recorded without somebody else's number for it.
        takes_card_details: last four digits, card machine and batch go on record.
        asynchronous: the money comes later or not at all; a gateway tells.
        refundable: the money can go back the way it came; else it goes another way.
        offline: works while nothing but the counter itself works.
    """

    code: str
    name: str
    settle: Callable[[int, Tender], Settlement]
    gives_change: bool = False
    needs_reference: bool = False
    takes_card_details: bool = False
    asynchronous: bool = False
    refundable: bool = True
    offline: bool = True


def settle_exactly(amount: int, tender: Tender) -> Settlement:
    """What every method does that gives no change."""
    return Settlement(tender.method, amount, None, None, tender.reference, *tender.card_details)
