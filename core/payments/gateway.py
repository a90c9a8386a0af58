"""The payment gateway: charge, status, cancel, expire and refund of an order, in the Midtrans Core API's shape.

Every call ends in an ``Answer`` about the order that was asked for, or in an error of
``core.payments.gateway_errors``, whose table names every ending. Calls block: they belong in a worker thread, and
outside of database transactions.

A call is repeated, a few times and with growing pauses, because each of them may be: a status changes nothing, a
charge carries an idempotency key and its order can exist only once, cancel and expire reach the same state, a refund
carries its ``refund_key``.

What belongs here: the five calls and what their status codes mean.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from core.errors import CounterError, NotReady, UsageError
from core.payments.gateway_answer import CURRENCY, Answer, TransactionState, Unreadable, read_answer
from core.payments.gateway_errors import (
    CannotBeChanged,
    GatewayBusy,
    GatewayMismatch,
    GatewayNotReady,
    GatewayOutcomeUnknown,
    GatewayRefused,
    GatewayUnreachable,
    UnknownOrder,
)
from core.payments.gateway_settings import GatewayAccess
from core.payments.gateway_wire import Failure, Reply, Wire

#: Seconds: the pause before the second attempt, and the longest before a later one.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 4.0

_ORDER_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,49}")
_REFUND_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,50}")
_NOT_OUR_CONTRACT: Final = frozenset({"401", "402", "403", "410"})
_REPEATED, _EXPIRED, _UNKNOWN, _UNCHANGEABLE, _NO_FUNDS = "406", "407", "404", "412", "414"


class Gateway:
    """A client of the gateway. Several threads may share one.

    Args:
        access: address, server key and time limits.
        pause: waits that many seconds between attempts; ``threading.Event().wait`` makes it interruptible.
        draw: a number from 0 to 1 that spreads the pauses, so that counters do not all come back at once.
    """

    def __init__(
        self,
        access: GatewayAccess,
        *,
        pause: Callable[[float], object] = time.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._wire = Wire(access)
        self._acquirer = access.acquirer
        self._attempts = access.attempts
        self._pause = pause
        self._draw = draw

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._wire.close()

    def charge(self, order_id: str, amount: int, *, key: UUID, expires_in: timedelta) -> Answer:
        """Ask for a QRIS code that takes ``amount`` rupiah once.

        Asking again with the same order and key is safe and gives the first answer. ``qr_string`` is None when the
        order exists but its answer was lost and the gateway no longer repeats it: expire the order and charge under a
        new id. The answer's state may be final already; only a pending one has a code worth showing.

        Raises:
            UsageError: an order id the gateway does not take, or no positive whole amount or duration.
            GatewayMismatch: the order exists with another amount or currency.
            CounterError: the other endings of the table.
        """
        _require_order_id(order_id)
        _require_amount(amount)
        body = {
            "payment_type": "qris",
            "transaction_details": {"order_id": order_id, "gross_amount": amount},
            "qris": {"acquirer": self._acquirer},
            "custom_expiry": _custom_expiry(expires_in),
        }

        def attempt() -> Answer:
            reply = self._exchange(order_id, "POST", "/v2/charge", body, idempotency_key=str(key))
            if reply.status_code == _UNKNOWN:
                raise _plain_refusal(reply.status_code, order_id)  # the address is wrong, not the order
            repeated = reply.status_code == _REPEATED
            answer = self._looked_up(order_id) if repeated else _answer(reply, order_id, changes=True)
            if answer.amount != amount:
                raise GatewayMismatch.between("amount", order_id, amount, answer.amount)
            return answer

        return self._repeatedly(attempt)

    def status(self, order_id: str) -> Answer:
        """What became of an order.

        Raises:
            UnknownOrder: no charge for it ever arrived.
            GatewayUnreachable: no readable answer; nothing was changed.
            CounterError: the other endings of the table.
        """
        _require_order_id(order_id)
        return self._repeatedly(lambda: self._status_once(order_id))

    def cancel(self, order_id: str) -> Answer:
        """Call an unpaid order off.

        Raises:
            CannotBeChanged: it is paid or ended otherwise; ``answer`` tells which.
            CounterError: the other endings of the table.
        """
        return self._end(order_id, "cancel", TransactionState.CANCEL)

    def expire(self, order_id: str) -> Answer:
        """End an unpaid order now; its code can no longer be paid.

        Raises:
            CannotBeChanged: it is paid or ended otherwise; ``answer`` tells which.
            CounterError: the other endings of the table.
        """
        return self._end(order_id, "expire", TransactionState.EXPIRE)

    def refund(self, order_id: str, *, refund_key: str, amount: int, reason: str) -> Answer:
        """Give ``amount`` rupiah of a settled order back; the same ``refund_key`` gives it back once only.

        The answer's ``refunds`` hold this one.

        Raises:
            UsageError: a refund key the gateway does not take, or no positive whole amount.
            CannotBeChanged: the order is not settled (cancel it instead) or past its refund window.
            GatewayRefused: also when the merchant's account lacks the money (``gateway_no_funds``).
            GatewayMismatch: this refund key was used for another amount.
            CounterError: the other endings of the table.
        """
        _require_order_id(order_id)
        _require_amount(amount)
        if _REFUND_KEY.fullmatch(refund_key) is None:
            raise UsageError(f"{refund_key!r} is no refund key.", hint="Letters, figures, - and _, 50 at most.")
        body = {"refund_key": refund_key, "amount": amount, "reason": reason[:255]}

        def attempt() -> Answer:
            try:
                answer = _answer(
                    self._exchange(order_id, "POST", f"/v2/{order_id}/refund", body), order_id, changes=True
                )
            except (GatewayRefused, CannotBeChanged) as refused:
                # A gateway may refuse the repetition of a refund key; then its list of refunds has it.
                answer = self._looked_up(order_id)
                if not any(line.key == refund_key for line in answer.refunds):
                    raise _still(refused, answer) from None
            if not answer.has_refund(refund_key, amount):
                raise GatewayMismatch.between("refund", order_id, amount, answer.refunded)
            return answer

        return self._repeatedly(attempt)

    def _end(self, order_id: str, verb: str, wanted: TransactionState) -> Answer:
        _require_order_id(order_id)

        def attempt() -> Answer:
            reply = self._exchange(order_id, "POST", f"/v2/{order_id}/{verb}")
            if reply.status_code == _UNCHANGEABLE:
                answer = self._looked_up(order_id)
            else:
                answer = _answer(reply, order_id, changes=True)
            if answer.state is not wanted:
                raise CannotBeChanged(order_id, answer)
            return answer

        return self._repeatedly(attempt)

    def _status_once(self, order_id: str) -> Answer:
        reply = self._exchange(order_id, "GET", f"/v2/{order_id}/status", changes=False)
        return _answer(reply, order_id, changes=False)

    def _looked_up(self, order_id: str) -> Answer:
        """The status in the middle of another call, whose outcome stays unknown without it."""
        try:
            return self._status_once(order_id)
        except UnknownOrder:
            cause = "contradiction"
        except GatewayUnreachable as error:
            cause = str(error.details["cause"])
        raise GatewayOutcomeUnknown.because(cause, order_id)

    def _exchange(
        self,
        order_id: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        changes: bool = True,
        idempotency_key: str | None = None,
    ) -> Reply:
        try:
            return self._wire.exchange(method, path, body, idempotency_key=idempotency_key)
        except Failure as failure:
            error = _error(failure, order_id, changes=changes)
        raise error

    def _repeatedly(self, attempt: Callable[[], Answer]) -> Answer:
        doubt: GatewayOutcomeUnknown | None = None
        last: CounterError | None = None
        for number in range(self._attempts):
            if number:
                longest = min(_FIRST_PAUSE * 2 ** (number - 1), _LONGEST_PAUSE)
                self._pause(longest * (0.5 + self._draw() / 2))
            try:
                return attempt()
            except GatewayOutcomeUnknown as error:
                doubt = error
            except GatewayUnreachable as error:
                last = error
            except (UnknownOrder, CannotBeChanged):
                raise  # this is about the order, so it settles any doubt
            except (NotReady, GatewayRefused) as error:
                last = error
                break
        ending = doubt or last
        assert ending is not None, "there is at least one attempt"
        raise ending


def _answer(reply: Reply, order_id: str, *, changes: bool) -> Answer:
    """What the reply says about the order, or the error its status code stands for."""
    if reply.status_code[0] == "4" and reply.status_code != _EXPIRED:
        raise _refusal(reply, order_id)
    try:
        answer = read_answer(reply.body)
    except Unreadable as error:
        cause = error.cause
    else:
        if answer.order_id != order_id:
            raise GatewayMismatch.between("order", order_id, order_id, answer.order_id)
        if answer.currency != CURRENCY:
            raise GatewayMismatch.between("currency", order_id, CURRENCY, answer.currency)
        return answer
    raise _error(Failure(cause), order_id, changes=changes)


def _error(failure: Failure, order_id: str, *, changes: bool) -> CounterError:
    if failure.cause == "rate_limit":
        return GatewayBusy.because(failure.cause, order_id)
    if failure.sent and changes:
        return GatewayOutcomeUnknown.because(failure.cause, order_id)
    return GatewayUnreachable.because(failure.cause, order_id)


def _refusal(reply: Reply, order_id: str) -> CounterError:
    code = reply.status_code
    details = {"order_id": order_id, "status_code": code}
    if code in _NOT_OUR_CONTRACT:
        return GatewayNotReady(
            "The payment gateway does not accept this server key.",
            code="gateway_key_refused",
            hint="Check COUNTER_GATEWAY_SERVER_KEY, COUNTER_GATEWAY_URL and the contract; take another way to pay.",
            details=details,
        )
    if code == _UNKNOWN:
        return UnknownOrder(
            "The payment gateway does not know this payment.",
            hint="Nothing was charged under it: start the payment again.",
            details=details,
        )
    if code == _NO_FUNDS:
        return GatewayRefused(
            "The merchant's account at the payment gateway lacks the money for this refund.",
            code="gateway_no_funds",
            hint="Try again after the next sales, or refund another way.",
            details=details,
        )
    return _plain_refusal(code, order_id)


def _plain_refusal(code: str, order_id: str) -> GatewayRefused:
    return GatewayRefused(
        f"The payment gateway refused the request ({code}).",
        hint="Nothing was done; take another way to pay and report the number.",
        details={"order_id": order_id, "status_code": code},
    )


def _still(refused: CounterError, answer: Answer) -> CounterError:
    """The refusal of a refund, with the order's state where that is the reason."""
    unchangeable = refused.details.get("status_code") == _UNCHANGEABLE
    return CannotBeChanged(answer.order_id, answer) if unchangeable else refused


def _require_order_id(order_id: str) -> None:
    # It becomes part of an address: nothing that could lead elsewhere.
    if _ORDER_ID.fullmatch(order_id) is None:
        raise UsageError(f"{order_id!r} is no order id.", hint="Letters, figures and - _ . ~ only, 50 at most.")


def _require_amount(amount: int) -> None:
    if amount <= 0:
        raise UsageError("An amount for the payment gateway is above zero.", hint="Check what is due.")


def _custom_expiry(expires_in: timedelta) -> dict[str, Any]:
    seconds = int(expires_in.total_seconds())
    if seconds <= 0:
        raise UsageError("A payment must have some time.", hint="Give it at least a second.")
    minutes, rest = divmod(seconds, 60)
    return {"expiry_duration": seconds, "unit": "second"} if rest else {"expiry_duration": minutes, "unit": "minute"}
