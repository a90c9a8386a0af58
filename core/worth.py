"""What each passenger's ticket is worth: what was paid for it, worked out from the ledger to the minor unit.

Fares and reductions stand on the ledger with their passenger; promotions and cash rounding belong to the whole booking
and are shared out by what each fare came to. The shares follow from the lines as sold, so what becomes of one ticket
later changes nothing about the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

#: Lines with a passenger that are part of the price of the journey; fees, what is kept and what is owed are not.
_OF_JOURNEY: Final = ("fare", "discount", "surcharge", "reversal")


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A line of ``booking_charges``, minor units. ``modification_id`` is None for what was charged at the sale."""

    kind: str
    amount: int
    cause: str
    passenger_id: UUID | None = None
    modification_id: UUID | None = None


def share_out(amount: int, weights: Sequence[int]) -> list[int]:
    """Parts of ``amount`` in proportion to the weights that add up to it, by the largest remainder.

    What is left after rounding down goes, a unit each, to the largest remainders, the first of equals first
    (Hamilton's method).

    Args:
        amount, weights: not negative; where nothing weighs anything nobody gets anything.

    >>> share_out(100, [1, 1, 1])
    [34, 33, 33]
    """
    whole = sum(weights)
    if not whole:
        return [0 for _ in weights]
    parts = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: (-(amount * weights[at] % whole), at))
    for at in by_remainder[: amount - sum(parts)]:
        parts[at] += 1
    return parts


def worth(lines: Sequence[LedgerLine], passengers: Sequence[UUID]) -> Mapping[UUID, int]:
    """What was paid for the journey of each passenger, reductions, promotions and later differences included.

    A cancelled passenger's is nothing any more, since his fare is reversed. Fees are never part of it.

    Args:
        lines: the whole ledger of a booking.
        passengers: its passengers in their order, which settles who gets the odd unit.
    """
    sold = [line for line in lines if line.modification_id is None]
    own = [sum(_of(line, one) for line in sold) for one in passengers]
    shared = -sum(line.amount for line in sold if line.kind == "discount" and line.passenger_id is None)
    shares = share_out(min(shared, sum(own)), own)
    later = [line for line in lines if line.modification_id is not None]
    return {
        one: fare - off + sum(_of(line, one) for line in later)
        for one, fare, off in zip(passengers, own, shares, strict=True)
    }


def _of(line: LedgerLine, passenger: UUID) -> int:
    return line.amount if line.passenger_id == passenger and line.kind in _OF_JOURNEY else 0
