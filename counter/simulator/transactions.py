"""The simulated gateway's books: charges, what becomes of them, and what customers and banks do to them.

The calls of the API answer with a body; the status code in it is the gateway's verdict. What happens behind the
gateway's back (a customer pays, a bank says no, time passes) are methods of their own. Thread-safe.
What belongs here: the rules. HTTP and faults are next door.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from core.payments.qris import Merchant, build_payload
from counter.simulator.order import Body, Order, described, reply, restored, rupiah, stamp

_ORDER_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,49}")
_REFUND_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,50}")
_UNITS: Final = ("second", "minute", "hour", "day")
_LONGEST_IDEMPOTENCY_KEY: Final = 36
_LONGEST_EXPIRY: Final = timedelta(days=7)
_UNCHANGEABLE: Final = "Transaction status cannot be updated."


#: Nobody's: the national id is not given out.
_TRIAL_MERCHANT: Final = Merchant("ID1020000000001", "STATION COUNTER TRIAL", "YOGYAKARTA", "55232")


class CannotHappen(ValueError):
    """Something that no customer or bank can do to an order in that state."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How this gateway behaves where real ones differ.

    Attributes:
        merchant: whose codes are issued.
        expiry: how long a code can be paid when the charge does not say.
        refund_days: settled orders can be refunded for so long.
        repeats_refunds: the same refund key again is answered again; otherwise it is refused (400).
        funds: the merchant's account in rupiah for refunds; None never runs dry.
        settle_after: pay every order by itself after this time; None leaves it to people.
    """

    merchant: Merchant = _TRIAL_MERCHANT
    expiry: timedelta = timedelta(minutes=15)
    refund_days: int = 45
    repeats_refunds: bool = True
    funds: int | None = None
    settle_after: timedelta | None = None


def _unheard(_line: str) -> None:
    """Nobody listens."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Orders:
    """All orders of the gateway.

    Args:
        terms: how it behaves; may be replaced at any time.
        clock: aware times.
        file: keeps the orders across restarts.
        on_event: told in one line what happened.
    """

    def __init__(
        self,
        terms: Terms | None = None,
        *,
        clock: Callable[[], datetime] = _utc_now,
        file: Path | None = None,
        on_event: Callable[[str], None] = _unheard,
    ) -> None:
        self.terms = terms or Terms()
        self._clock = clock
        self._file = file
        self._on_event = on_event
        self._lock = threading.RLock()
        self._offset = timedelta()
        self._orders: dict[str, Order] = {}
        self._replies: dict[str, Body] = {}
        if file is not None and file.exists():
            record = json.loads(file.read_text(encoding="utf-8"))
            self._orders = {order["order_id"]: restored(order) for order in record["orders"]}
            self._replies = record["replies"]

    # The calls

    def charge(self, body: Body, idempotency_key: str = "") -> Body:
        """201 with a code; 406 when the order exists; 400 for anything that cannot be charged."""
        with self._changing() as now:
            if len(idempotency_key) > _LONGEST_IDEMPOTENCY_KEY:
                return reply("400", "Idempotency-Key is too long.")
            if idempotency_key in self._replies:
                return self._replies[idempotency_key]
            try:
                order_id, amount, acquirer, lasts = _charge_request(body, self.terms.expiry)
            except (AttributeError, KeyError, TypeError, ValueError):
                return reply("400", "One or more parameters in the payload is invalid.")
            if order_id in self._orders:
                return reply("406", "The request could not be completed due to a conflict with the current state.")
            transaction_id = str(uuid.uuid4())
            code = build_payload(self.terms.merchant, amount=amount, reference=order_id[:25], terminal="SIM")
            order = Order(order_id, transaction_id, amount, acquirer, code, now, now + lasts)
            order.move("pending", now)
            self._orders[order_id] = order
            answer = described(order, "QRIS transaction is created")
            answer["qr_string"] = code
            answer["actions"] = [
                {"name": "generate-qr-code", "method": "GET", "url": f"/v2/qris/{transaction_id}/qr-code"}
            ]
            if idempotency_key:
                self._replies[idempotency_key] = answer
            return answer

    def status(self, name: str) -> Body:
        """The order by its own or its transaction's id, or 404."""
        with self._changing():
            order = self._found(name)
            return _unknown() if order is None else described(order, "Success, transaction is found")

    def cancel(self, name: str) -> Body:
        """200, or 412 unless the order is still open."""
        return self._end(name, "cancel", "Success, transaction is canceled")

    def expire(self, name: str) -> Body:
        """407, or 412 unless the order is still open."""
        return self._end(name, "expire", "Success, transaction is expired")

    def refund(self, name: str, body: Body) -> Body:
        """200 with this refund at the top level; 412 unless settled, in its window, and not more than is left."""
        with self._changing() as now:
            order = self._found(name)
            if order is None:
                return _unknown()
            key, amount = body.get("refund_key", str(uuid.uuid4())), body.get("amount", order.amount - order.refunded)
            if not isinstance(key, str) or _REFUND_KEY.fullmatch(key) is None or not _is_amount(amount):
                return reply("400", "One or more parameters in the payload is invalid.")
            if key in order.refunds:
                if not self.terms.repeats_refunds or order.refunds[key] != amount:
                    return reply("400", "The refund key has been used.")
                return _refund_reply(order, key)
            late = order.settled is None or now > order.settled + timedelta(days=self.terms.refund_days)
            if order.state not in ("settlement", "partial_refund") or late or amount > order.amount - order.refunded:
                return reply("412", _UNCHANGEABLE)
            if self.terms.funds is not None and self.terms.funds < sum(o.refunded for o in self.all()) + amount:
                return reply("414", "Refund request is rejected due to insufficient funds.")
            order.refunds[key] = amount
            order.move("refund" if order.refunded == order.amount else "partial_refund", now)
            return _refund_reply(order, key)

    # What happens behind the counter's back

    def settle(self, name: str, *, late: bool = False) -> Order:
        """The customer pays. Paying what is settled changes nothing (the news came twice).

        Args:
            name: the order's or its transaction's id.
            late: the money was under way when the order expired or was cancelled.

        Raises:
            CannotHappen: no such order, or it can no longer be paid.
        """
        with self._changing() as now:
            order = self._named(name)
            if order.state == "settlement":
                order.history.append(f"{stamp(now)} settlement again")
                return order
            _require(order, "pending", *(("expire", "cancel") if late else ()))
            order.settled = now
            order.move("settlement", now)
            return order

    def deny(self, name: str) -> Order:
        """The bank says no, also after it said yes.

        Raises:
            CannotHappen: no such order, or it has ended.
        """
        return self._happens(name, "deny", "pending", "settlement")

    def lapse(self, name: str) -> Order:
        """The order's time is over now.

        Raises:
            CannotHappen: no such order, or it is not open.
        """
        return self._happens(name, "expire", "pending")

    def charge_back(self, name: str) -> Order:
        """The customer's bank takes the money back.

        Raises:
            CannotHappen: no such order, or no money in it.
        """
        return self._happens(name, "chargeback", "settlement", "partial_refund")

    def advance(self, by: timedelta) -> None:
        """Let time pass: orders expire, automatic customers pay."""
        with self._lock:
            self._offset += by
        self.let_time_pass()

    def let_time_pass(self) -> None:
        """Do what is due by the clock."""
        with self._changing():
            pass  # every change begins with what is due

    def now(self) -> datetime:
        """The gateway's time."""
        return self._clock() + self._offset

    def all(self) -> list[Order]:
        """Every order, oldest first."""
        with self._lock:
            return list(self._orders.values())

    def take_in(self) -> int:
        """What the merchant has of all customers' money: settled less refunded and taken back, in rupiah."""
        kept = ("settlement", "refund", "partial_refund")
        return sum(order.amount - order.refunded for order in self.all() if order.state in kept)

    # Inside

    @contextmanager
    def _changing(self) -> Iterator[datetime]:
        with self._lock:
            before = {order.order_id: len(order.history) for order in self._orders.values()}
            now = self.now()
            self._due(now)
            yield now
            changed = [order for order in self._orders.values() if len(order.history) != before.get(order.order_id)]
            if changed:
                self._save()
            for order in changed:
                self._on_event(order.line())

    def _due(self, now: datetime) -> None:
        after = self.terms.settle_after
        for order in self._orders.values():
            if order.state != "pending":
                continue
            pays = None if after is None else order.created + after
            if pays is not None and pays <= now and pays < order.expires:
                order.settled = pays
                order.move("settlement", pays)
            elif order.expires <= now:
                order.move("expire", order.expires)

    def _save(self) -> None:
        if self._file is None:
            return
        record = {"orders": [order.stored() for order in self._orders.values()], "replies": self._replies}
        draft = self._file.with_name(f"{self._file.name}.draft")
        draft.write_text(json.dumps(record, indent=1), encoding="utf-8")
        draft.replace(self._file)

    def _found(self, name: str) -> Order | None:
        by_transaction = (order for order in self._orders.values() if order.transaction_id == name)
        return self._orders.get(name) or next(by_transaction, None)

    def _named(self, name: str) -> Order:
        order = self._found(name)
        if order is None:
            raise CannotHappen(f"there is no order {name}")
        return order

    def _end(self, name: str, state: str, message: str) -> Body:
        with self._changing() as now:
            order = self._found(name)
            if order is None:
                return _unknown()
            if order.state != "pending":
                return reply("412", _UNCHANGEABLE)
            order.move(state, now)
            return described(order, message)

    def _happens(self, name: str, state: str, *befores: str) -> Order:
        with self._changing() as now:
            order = self._named(name)
            _require(order, *befores)
            order.move(state, now)
            return order


def _require(order: Order, *states: str) -> None:
    if order.state not in states:
        raise CannotHappen(f"order {order.order_id} is in state {order.state}")


def _unknown() -> Body:
    return reply("404", "Transaction doesn't exist.")


def _refund_reply(order: Order, key: str) -> Body:
    body = described(order, "Success, refund request is approved", code="200")
    del body["refunds"]
    return body | {"refund_key": key, "refund_amount": rupiah(order.refunds[key])}


def _is_amount(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _charge_request(body: Body, standard: timedelta) -> tuple[str, int, str, timedelta]:
    """Order id, amount, acquirer and how long the code can be paid."""
    details = body["transaction_details"]
    order_id, amount = details["order_id"], details["gross_amount"]
    expiry = body.get("custom_expiry")
    if body["payment_type"] != "qris" or _ORDER_ID.fullmatch(order_id) is None or not _is_amount(amount):
        raise ValueError(order_id)
    lasts = standard
    if expiry is not None:
        unit = expiry.get("unit", "minute")
        if unit not in _UNITS or not _is_amount(expiry["expiry_duration"]):
            raise ValueError(unit)
        lasts = timedelta(**{f"{unit}s": min(expiry["expiry_duration"], _LONGEST_EXPIRY.days * 86_400 + 1)})
        if lasts > _LONGEST_EXPIRY:
            raise ValueError(unit)
    return order_id, amount, str(body.get("qris", {}).get("acquirer", "gopay")), lasts
