"""Which way money goes back: how much of a refund to which payment, by which method, and why not another one.

Money goes back the way it came while that works: a card or QRIS within the time its bank or gateway takes it back.
Everything else is transferred to an account or a wallet; cash is the exception (source: the reference railway pays out
by transfer or wallet, in cash only exceptionally or when it is to blame itself). Pure decisions; minor units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from core.errors import Refused
from core.models.money import PAYMENT_METHODS
from core.money import grouped

CASH: Final = "cash"
TRANSFER: Final = "bank_transfer"
WALLET: Final = "wallet"
QRIS: Final = "qris"
CARDS: Final = ("credit_card", "debit_card")
#: These reach anybody, whatever was paid with.
_ANYWHERE: Final = (TRANSFER, WALLET)


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment of the booking. ``remaining`` is what nobody has decided to give back yet."""

    id: UUID
    reference: str
    method: str
    remaining: int
    paid_at: datetime


@dataclass(frozen=True, slots=True)
class Windows:
    """What policy says about ways back; ``cash`` whether cash is paid out."""

    qris_days: int
    card_days: int
    cash: bool


@dataclass(frozen=True, slots=True)
class Part:
    """What goes back of one payment, how, and why that way."""

    payment_id: UUID
    payment: str
    method: str
    amount: int
    cause: str

    def as_json(self) -> dict[str, Any]:
        return {"payment": self.payment, "method": self.method, "amount": self.amount, "cause": self.cause}


def why_not(method: str, paid: Paid, windows: Windows, now: datetime) -> str | None:
    """Why money of this payment cannot go back by this method; None: it can."""
    if method in _ANYWHERE:
        return None
    if method == CASH:
        return None if windows.cash else "Cash is paid out only by policy or where the operator is to blame."
    if method != paid.method:
        return f"It was not paid by {method.replace('_', ' ')}."
    days = windows.qris_days if method == QRIS else windows.card_days
    if now > paid.paid_at + timedelta(days=days):
        return f"It was paid more than {days} days ago; that way back is closed."
    return None


def default_way(paid: Paid, windows: Windows, now: datetime) -> tuple[str, str]:
    """The method by which money of this payment goes back where nobody asks for another, and why."""
    refusal = why_not(paid.method, paid, windows, now)
    if refusal is None:
        return paid.method, "the way it came"
    return TRANSFER, refusal


def allocate(
    amount: int, payments: Sequence[Paid], windows: Windows, now: datetime, wanted: str | None = None
) -> tuple[Part, ...]:
    """Spread a refund over what remains of the payments: first what goes back the way it came, older ones first.

    Args:
        wanted: a method that is asked for; payments that cannot go back by it go their own way.

    Raises:
        Refused: nothing of it can go back by the wanted method (``method_refused``), or the payments do not hold it
            (``refund_exceeds_payments``).
    """
    open_ones = [one for one in payments if one.remaining > 0]
    ways = {one.id: _way(one, windows, now, wanted) for one in open_ones}
    if wanted is not None and amount and all(method != wanted for method, _ in ways.values()):
        refusals = [why_not(wanted, one, windows, now) for one in open_ones]
        raise Refused(
            next((one for one in refusals if one), "Nothing is left to pay back."),
            code="method_refused",
            hint="Leave the method out: then each payment goes back the way it may.",
        )
    left, parts = amount, []
    for one in sorted(open_ones, key=lambda paid: (ways[paid.id][0] != paid.method, paid.paid_at, paid.reference)):
        part = min(left, one.remaining)
        if part:
            parts.append(Part(one.id, one.reference, ways[one.id][0], part, ways[one.id][1]))
        left -= part
    if left:
        raise Refused(
            f"{grouped(amount)} is more than is left of the payments.",
            code="refund_exceeds_payments",
            hint="Look at the booking's refunds: counter show.",
        )
    return tuple(parts)


def _way(paid: Paid, windows: Windows, now: datetime, wanted: str | None) -> tuple[str, str]:
    if wanted is not None and why_not(wanted, paid, windows, now) is None:
        return wanted, "as asked for"
    return default_way(paid, windows, now)


def methods(payments: Sequence[Paid], windows: Windows, now: datetime) -> Mapping[str, str | None]:
    """Each method there is → why no part can go back by it; None: some can."""
    found: dict[str, str | None] = {}
    for method in PAYMENT_METHODS:
        refusals = [why_not(method, one, windows, now) for one in payments if one.remaining > 0]
        found[method] = None if None in refusals else next(iter(refusals), "Nothing is left to pay back.")
    return found
