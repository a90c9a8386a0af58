"""Ways to pay. Each method is one module with a ``Method`` of its own; ``METHODS`` is where they are all known.

A method declares what it can do once (``method.Method``), and everything else asks there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from core.errors import Refused
from core.payments.bank_transfer import BANK_TRANSFER
from core.payments.cash import CASH
from core.payments.credit_card import CREDIT_CARD
from core.payments.debit_card import DEBIT_CARD
from core.payments.method import Method, Settlement, Tender
from core.payments.qris_method import QRIS
from core.payments.wallet import WALLET
from core.policy import PROCESSING_FEES, Policies

METHODS: Final[dict[str, Method]] = {
    method.code: method for method in (CASH, DEBIT_CARD, CREDIT_CARD, QRIS, WALLET, BANK_TRANSFER)
}

__all__ = ["METHODS", "Method", "Settlement", "Tender", "find", "processing_fee", "settle"]

_LONGEST_REFERENCE: Final = 60


def find(code: str) -> Method:
    """
    Raises:
        Refused: the method is not taken here (code ``method_not_taken``).
    """
    method = METHODS.get(code)
    if method is None:
        raise Refused(
            f"{code[:20]!r} is not taken at this counter.",
            code="method_not_taken",
            hint=f"Taken are: {', '.join(METHODS)}.",
        )
    return method


def settle(amount: int, tender: Tender) -> Settlement:
    """What a tender pays of an amount, decided by its method.

    Raises:
        Refused: the method is not taken here (``method_not_taken``), has to be waited for (``method_waits``), needs a
            reference (``reference_missing``), or it says no.
    """
    method = find(tender.method)
    if method.asynchronous:
        raise Refused(
            f"{method.name} is not paid at once.",
            code="method_waits",
            hint="Show the code and wait for the gateway.",
        )
    given = replace(
        tender,
        reference=_cleaned(tender.reference),
        card_last_four=_cleaned(tender.card_last_four),
        edc_terminal=_cleaned(tender.edc_terminal),
        edc_batch=_cleaned(tender.edc_batch),
    )
    if method.needs_reference and given.reference is None:
        raise Refused(
            f"{method.name} needs a reference.",
            code="reference_missing",
            hint="Type the approval code from the slip." if method.takes_card_details else "Type its number.",
        )
    if given.reference is not None and len(given.reference) > _LONGEST_REFERENCE:
        raise Refused(
            f"A reference has at most {_LONGEST_REFERENCE} characters.",
            code="reference_invalid",
            hint="Type it as the slip shows it.",
        )
    if any(given.card_details) and not method.takes_card_details:
        raise Refused(
            f"{method.name} has no card.", code="card_details_unexpected", hint="Leave the card's details out."
        )
    if given.tendered is not None and not method.gives_change:
        raise Refused(
            f"{method.name} gives no change.", code="tendered_unexpected", hint="Leave the tendered amount out."
        )
    return method.settle(amount, given)


def _cleaned(text: str | None) -> str | None:
    """On one line, single spaces; nothing where nothing was typed."""
    return " ".join(text.split()) or None if text is not None else None


def processing_fee(policies: Policies, method: str, amount: int, *, station_id: int, train_id: int) -> int:
    """What a payment costs the operator, minor units, to the nearest one; the customer never pays it."""
    points = policies.get(PROCESSING_FEES[method], station_id=station_id, train_id=train_id)
    return (amount * points + 5_000) // 10_000
