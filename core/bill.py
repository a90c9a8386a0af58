"""What a booking costs: fares, reductions, promotions and the booking fee, as lines of its ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, insert
from uuid_utils.compat import uuid7

from core.database import Statement, Transaction
from core.models import BookingCharge
from core.party import Traveller
from core.promotions import Use

_CHARGE_COLUMNS: Final = (
    *("operator_id", "id", "booking_id", "passenger_id", "charge_kind", "amount", "cause", "modification_id"),
)
_INSERT_CHARGE: Final = Statement(insert(BookingCharge).values({name: bindparam(name) for name in _CHARGE_COLUMNS}))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger; a discount is negative. Minor units."""

    kind: str
    amount: int
    cause: str
    passenger_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """All lines of a sale. ``total`` is before discounts, ``due`` is what is to be paid."""

    lines: tuple[Line, ...]

    @property
    def total(self) -> int:
        return sum(line.amount for line in self.lines if line.amount > 0)

    @property
    def discount(self) -> int:
        return -sum(line.amount for line in self.lines if line.amount < 0)

    @property
    def due(self) -> int:
        return self.total - self.discount

    @property
    def fares(self) -> int:
        """Fares less reductions: what promotions count from."""
        return sum(line.amount for line in self.lines if line.kind != "fee")

    def less(self, uses: Sequence[Use]) -> Bill:
        """The bill with promotions taken off."""
        return Bill((*self.lines, *(Line("discount", -use.discount, use.code) for use in uses if use.discount)))


def make(party: Sequence[Traveller], booking_fee: int) -> Bill:
    """The bill of a party before promotions."""
    lines = [Line("fare", one.full_fare, "sale", one.id) for one in party if one.seat]
    lines += [
        Line("discount", one.fare - one.full_fare, one.reduction.kind, one.id)
        for one in party
        if one.reduction and one.fare != one.full_fare
    ]
    if booking_fee:
        lines.append(Line("fee", booking_fee, "booking_fee"))
    return Bill(tuple(lines))


def write(tx: Transaction, booking_id: UUID, bill: Bill, *, modification_id: UUID | None = None) -> None:
    """Queue the lines of a bill for the ledger."""
    tx.send_each(_INSERT_CHARGE, [_row(booking_id, line, modification_id) for line in bill.lines])


def _row(booking_id: UUID, line: Line, modification_id: UUID | None) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "booking_id": booking_id,
        "passenger_id": line.passenger_id,
        "charge_kind": line.kind,
        "amount": line.amount,
        "cause": line.cause,
        "modification_id": modification_id,
    }
