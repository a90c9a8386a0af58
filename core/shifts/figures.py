"""What a shift comes to: pure functions from its rows to the figures of an X or Z report.

Every figure is a whole number of minor units or of things. ``Figures.as_json`` is the body of a report; it holds
nothing that JSON could change, so that a Z report's digest can be computed again from what is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.shifts.stock import Roll


@dataclass(frozen=True, slots=True)
class Sum:
    """So many, and what they come to together."""

    count: int = 0
    amount: int = 0

    def as_json(self) -> dict[str, int]:
        return {"count": self.count, "amount": self.amount}


@dataclass(frozen=True, slots=True)
class Movement:
    """Cash that went in or out and was no sale. ``kind`` is one of ``core.models.shifts.MOVEMENT_KINDS``."""

    kind: str
    amount: int
    reason: str
    bag: str | None
    at: str
    by: str

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "amount": self.amount,
            "reason": self.reason,
            "bag": self.bag,
            "at": self.at,
            "by": self.by,
        }


@dataclass(frozen=True, slots=True)
class Work:
    """What was sold and printed: counts that no money is computed from."""

    bookings: int = 0
    first_booking: str | None = None
    last_booking: str | None = None
    tickets: int = 0
    originals_printed: int = 0
    copies_printed: int = 0
    prints_spoilt: int = 0  #: of those that were printed: their blanks are among the spoilt ones
    payments_under_way: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "bookings": self.bookings,
            "first_booking": self.first_booking,
            "last_booking": self.last_booking,
            "tickets": self.tickets,
            "originals_printed": self.originals_printed,
            "copies_printed": self.copies_printed,
            "prints_spoilt": self.prints_spoilt,
            "payments_under_way": self.payments_under_way,
        }


@dataclass(frozen=True)
class Figures:
    """All figures of one shift. ``sales``, ``refunds`` and ``fines`` are by payment method, ``discounts`` by cause.

    ``fines`` are the fines that were paid here; they are no sales, and their cash lies in the drawer like any other.
    """

    float_amount: int
    sales: Mapping[str, Sum] = field(default_factory=dict)
    refunds: Mapping[str, Sum] = field(default_factory=dict)
    fines: Mapping[str, Sum] = field(default_factory=dict)
    movements: tuple[Movement, ...] = ()
    discounts: Mapping[str, Sum] = field(default_factory=dict)
    work: Work = field(default_factory=Work)
    rolls: tuple[Roll, ...] = ()

    def moved(self, kind: str) -> Sum:
        """All movements of a kind."""
        amounts = [one.amount for one in self.movements if one.kind == kind]
        return Sum(len(amounts), sum(amounts))

    @property
    def sold(self) -> Sum:
        """Sales by all methods."""
        return total(self.sales.values())

    @property
    def refunded(self) -> Sum:
        """Refunds by all methods."""
        return total(self.refunds.values())

    @property
    def expected(self) -> int:
        """What should be in the drawer: the float and every coin that went in, less every one that went out.

        Cash sales are net of the change that was given.
        """
        return (
            self.float_amount
            + self.sales.get("cash", Sum()).amount
            - self.refunds.get("cash", Sum()).amount
            + self.fines.get("cash", Sum()).amount
            + self.moved("cash_in").amount
            - self.moved("cash_out").amount
            - self.moved("drop").amount
        )

    @property
    def unaccounted(self) -> int | None:
        """Blanks that left the rolls and were neither printed on nor spoilt; None while a roll is not counted."""
        if not self.rolls or any(roll.next_number is None for roll in self.rolls):
            return None
        printed = self.work.originals_printed + self.work.copies_printed - self.work.prints_spoilt
        return sum(roll.used - roll.spoilt for roll in self.rolls) - printed

    def as_json(self) -> dict[str, Any]:
        """The figures, but not what is expected: a clerk who has not counted yet must not see it."""
        return {
            "float": self.float_amount,
            "sales": {method: self.sales[method].as_json() for method in sorted(self.sales)},
            "sales_total": self.sold.as_json(),
            "refunds": {method: self.refunds[method].as_json() for method in sorted(self.refunds)},
            "refunds_total": self.refunded.as_json(),
            "fines": {method: self.fines[method].as_json() for method in sorted(self.fines)},
            "fines_total": total(self.fines.values()).as_json(),
            "cash_in": self.moved("cash_in").as_json(),
            "cash_out": self.moved("cash_out").as_json(),
            "drops": self.moved("drop").as_json(),
            "no_sales": self.moved("no_sale").count,
            "movements": [one.as_json() for one in self.movements],
            "discounts": {cause: self.discounts[cause].as_json() for cause in sorted(self.discounts)},
            **self.work.as_json(),
            "rolls": [roll.as_json() for roll in self.rolls],
            "stock_spoilt": sum(roll.spoilt for roll in self.rolls),
            "stock_unaccounted": self.unaccounted,
        }


def total(sums: Iterable[Sum]) -> Sum:
    """Several sums as one."""
    known = list(sums)
    return Sum(sum(one.count for one in known), sum(one.amount for one in known))


@dataclass(frozen=True, slots=True)
class Count:
    """What lies in a drawer: worth of one piece → pieces."""

    pieces: Mapping[int, int]

    @property
    def amount(self) -> int:
        return sum(worth * number for worth, number in self.pieces.items())

    def as_json(self) -> list[dict[str, int]]:
        return [
            {"denomination": worth, "pieces": self.pieces[worth], "amount": worth * self.pieces[worth]}
            for worth in sorted(self.pieces, reverse=True)
        ]


def by_name(rows: Iterable[tuple[str, int, int]]) -> dict[str, Sum]:
    """Rows of name, count and amount as sums."""
    return {name: Sum(int(count), int(amount)) for name, count, amount in rows}


def attempts(rows: Sequence[tuple[int, int, int]]) -> list[Count]:
    """Rows of attempt, denomination and pieces as counts, the first attempt first."""
    found: dict[int, dict[int, int]] = {}
    for attempt, worth, pieces in rows:
        found.setdefault(attempt, {})[worth] = pieces
    return [Count(found[attempt]) for attempt in sorted(found)]
