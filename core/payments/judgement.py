"""What a gateway's answer means for a payment, whatever state our books have it in.

Pure: the caller locks the payment, calls ``judge`` and carries the decision out in the same transaction: the payment's
``state``, the sale's confirmation or the refund's first row (RETURN), the question. The same answer again then asks for
nothing that was done already, so answers may come twice, late and out of order.

The moves it needs from ``core.states.PAYMENT`` are all there but one: failed → completed, for money that arrived after
all. It goes on record as the payment it is, and its refund stands beside it: payments less refunds stay right. A
settlement that is later denied leaves the payment completed: the ticket is out, the sale is closed, and a supervisor
takes it back through a modification of the booking (a refund for ``system_error``) or collects the fare again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.payments.gateway_answer import CURRENCY, Answer, TransactionState

_PAID: Final = frozenset({TransactionState.CAPTURE, TransactionState.SETTLEMENT})
_OPEN: Final = frozenset({TransactionState.PENDING, TransactionState.AUTHORIZE})
_UNPAID: Final = frozenset(
    {TransactionState.DENY, TransactionState.CANCEL, TransactionState.EXPIRE, TransactionState.FAILURE}
)
_REFUNDED: Final = frozenset({TransactionState.REFUND, TransactionState.PARTIAL_REFUND})

#: Our states before any end.
_WAITING: Final = frozenset({"pending", "processing"})
_PAID_BEFORE: Final = frozenset({"completed", "refunded"})


class Action(StrEnum):
    """What the caller does next."""

    WAIT = "wait"  #: nothing is settled: ask again by the polling schedule
    CONFIRM = "confirm"  #: the money is there: confirm the sale
    CLOSE = "close"  #: it ended without money: take another payment or give the seats back
    RETURN = "return"  #: the money is there and nothing waits for it: refund it at the gateway
    EXPIRE = "expire"  #: ended in our books, open at the gateway: expire it there before somebody pays
    KEEP = "keep"  #: nothing new
    ASK = "ask"  #: people must look: put ``question`` on the supervisor's list, keep on asking the gateway


@dataclass(frozen=True, slots=True)
class Decision:
    """The payment's state from now on, what to do, and what is asked of a supervisor (a stable code)."""

    state: str
    action: Action
    question: str | None = None


QUESTIONS: Final = {
    "wrong_order": "The gateway answered about another order.",
    "wrong_amount": "The gateway has another amount for this payment.",
    "wrong_currency": "The gateway has another currency for this payment.",
    "settled_under_review": "The money is there, but the gateway suspects fraud.",
    "settlement_denied": "The money was there and was taken back by the gateway after the sale.",
    "settlement_cancelled": "The payment was cancelled at the gateway after the sale.",
    "settlement_expired": "The gateway calls a payment expired that it had called settled.",
    "settlement_failed": "The gateway calls a payment failed that it had called settled.",
    "settled_late": "Money came in for a payment that had ended.",
    "settled_unwanted": "Money came in for a booking that no longer waits for it.",
    "refunded_elsewhere": "The gateway has refunded more than this system has.",
    "refund_missing": "The gateway has refunded less than this system has.",
    "charged_back": "The customer's bank took the money back.",
}


def judge(
    previous: str, answer: Answer, *, amount: int, order_id: str, refunded: int = 0, wanted: bool = True
) -> Decision:
    """Decide what an answer means.

    Args:
        previous: the payment's state in our books (``core.states.PAYMENT``).
        answer: what the gateway says.
        amount: the payment's amount in rupiah.
        order_id: the order the payment was charged under.
        refunded: what our books have given back of it through the gateway (completed refunds), in rupiah.
        wanted: whether the booking still waits for this money (held or payable, and not paid otherwise).
    """
    for what, right in (
        ("wrong_order", answer.order_id == order_id),
        ("wrong_currency", answer.currency == CURRENCY),
        ("wrong_amount", answer.amount == amount),
    ):
        if not right:
            return Decision(previous, Action.ASK, what)
    if answer.state in _OPEN:
        return _open(previous)
    if answer.state in _PAID:
        return _paid(previous, answer, refunded, wanted)
    if answer.state in _UNPAID:
        return _unpaid(previous, answer)
    if answer.state in _REFUNDED:
        return _refunded(previous, answer, amount, refunded)
    return _charged_back(previous, answer)


def _open(previous: str) -> Decision:
    if previous in _WAITING:
        return Decision("processing", Action.WAIT)
    if previous == "failed":
        return Decision(previous, Action.EXPIRE)
    # Settled once and open now: an answer from before the settlement. The next one tells.
    return Decision(previous, Action.WAIT)


def _paid(previous: str, answer: Answer, refunded: int, wanted: bool) -> Decision:
    if previous == "refunded" or (previous == "completed" and refunded):
        return Decision(previous, Action.ASK, "refund_missing")
    if previous == "completed":
        return Decision(previous, Action.KEEP)
    if answer.fraud_status in ("challenge", "deny"):
        return Decision(_still_open(previous), Action.ASK, "settled_under_review")
    if previous == "failed":
        return Decision("completed", Action.RETURN, "settled_late")
    if not wanted:
        return Decision("completed", Action.RETURN, "settled_unwanted")
    return Decision("completed", Action.CONFIRM)


_WITHDRAWN: Final = {
    TransactionState.DENY: "settlement_denied",
    TransactionState.CANCEL: "settlement_cancelled",
    TransactionState.EXPIRE: "settlement_expired",
    TransactionState.FAILURE: "settlement_failed",
}


def _unpaid(previous: str, answer: Answer) -> Decision:
    if previous in _WAITING:
        return Decision("failed", Action.CLOSE)
    if previous == "failed":
        return Decision(previous, Action.KEEP)
    return Decision(previous, Action.ASK, _WITHDRAWN[answer.state])


def _refunded(previous: str, answer: Answer, amount: int, refunded: int) -> Decision:
    if previous not in _PAID_BEFORE:
        return _came_and_went(previous, "refunded_elsewhere", whole=answer.refunded >= amount)
    if answer.refunded > refunded:
        return Decision(previous, Action.ASK, "refunded_elsewhere")
    if answer.refunded < refunded:
        return Decision(previous, Action.ASK, "refund_missing")
    return Decision("refunded" if refunded == amount else previous, Action.KEEP)


def _charged_back(previous: str, answer: Answer) -> Decision:
    if previous in _PAID_BEFORE:
        return Decision(previous, Action.ASK, "charged_back")
    return _came_and_went(previous, "charged_back", whole=answer.state is TransactionState.CHARGEBACK)


def _came_and_went(previous: str, question: str, *, whole: bool) -> Decision:
    """Paid and taken back without our books knowing of either. Nothing is left of the whole, so the sale is unpaid."""
    if not whole:
        return Decision(_still_open(previous), Action.ASK, question)
    return Decision("failed", Action.CLOSE, question) if previous in _WAITING else Decision(previous, Action.KEEP)


def _still_open(previous: str) -> str:
    """The gateway knows the order, so a payment that was only prepared is under way."""
    return "processing" if previous == "pending" else previous
