"""One order at the simulated gateway, and how the gateway writes it down.

What belongs here: the record and its wording as JSON; the rules of what may become what are in ``transactions``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from core.money import grouped

Body = dict[str, Any]

_LOCAL: Final = timezone(timedelta(hours=7))

#: The status code that goes with each state.
CODES: Final = {
    "pending": "201",
    "settlement": "200",
    "deny": "202",
    "cancel": "200",
    "expire": "407",
    "refund": "200",
    "partial_refund": "200",
    "chargeback": "200",
}


@dataclass
class Order:
    """Amounts in rupiah, times in UTC. ``refunds`` maps refund keys to amounts, in their order."""

    order_id: str
    transaction_id: str
    amount: int
    acquirer: str
    qr_string: str
    created: datetime
    expires: datetime
    state: str = "pending"
    settled: datetime | None = None
    refunds: dict[str, int] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)

    @property
    def refunded(self) -> int:
        return sum(self.refunds.values())

    def move(self, state: str, now: datetime) -> None:
        """Change the state and remember when."""
        self.state = state
        self.history.append(f"{stamp(now)} {state}")

    def line(self) -> str:
        """The order for people: id, amount, state."""
        back = f", {grouped(self.refunded)} refunded" if self.refunds else ""
        return f"{self.order_id}  Rp {grouped(self.amount)}  {self.state}{back}"

    def stored(self) -> Body:
        """For the file; ``restored`` reads it back."""
        record = asdict(self)
        for name in ("created", "expires", "settled"):
            record[name] = None if record[name] is None else record[name].isoformat()
        return record


def restored(record: Body) -> Order:
    """An order from the file."""
    times = {
        name: None if record[name] is None else datetime.fromisoformat(record[name])
        for name in ("created", "expires", "settled")
    }
    return Order(**{**record, **times})


def stamp(moment: datetime) -> str:
    """A time as the gateway writes it."""
    return moment.astimezone(_LOCAL).strftime("%Y-%m-%d %H:%M:%S")


def rupiah(amount: int) -> str:
    """An amount as the gateway writes it."""
    return f"{amount}.00"


def reply(code: str, message: str, **more: Any) -> Body:
    """Any answer begins like this."""
    return {"status_code": code, "status_message": message, **more}


def described(order: Order, message: str, *, code: str | None = None) -> Body:
    """The order as a status tells it."""
    body = reply(
        code or CODES[order.state],
        message,
        transaction_id=order.transaction_id,
        order_id=order.order_id,
        merchant_id="G000000000",
        gross_amount=rupiah(order.amount),
        currency="IDR",
        payment_type="qris",
        transaction_time=stamp(order.created),
        transaction_status=order.state,
        fraud_status="accept",
        acquirer=order.acquirer,
        expiry_time=stamp(order.expires),
    )
    if order.settled is not None:
        body |= {"settlement_time": stamp(order.settled), "issuer": "simulated wallet"}
    if order.refunds:
        body["refund_amount"] = rupiah(order.refunded)
        body["refunds"] = [
            {"refund_chargeback_id": number, "refund_key": key, "refund_amount": rupiah(amount)}
            for number, (key, amount) in enumerate(order.refunds.items(), start=1)
        ]
    return body
