"""Ticket stock: rolls of numbered blanks, the first number a shift began with and the next one at its end.

Stolen blanks have been used for fraud, so every number is used by a print the journal knows, or spoilt, or missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, insert, update
from uuid_utils.compat import uuid7

from core.database import Statement, Transaction, on_violation
from core.errors import NotFound, Refused, StateConflict, UsageError
from core.models import StockCount

_LONGEST_MARK: Final = 20
_LARGEST: Final = 10**12

_COLUMNS: Final = ("operator_id", "id", "shift_id", "roll", "first_number")
_INSERT: Final = Statement(insert(StockCount).values({name: bindparam(name) for name in _COLUMNS}))
_FINISH: Final = Statement(
    update(StockCount)
    .where(
        StockCount.operator_id == bindparam("operator_id"),
        StockCount.shift_id == bindparam("shift_id"),
        StockCount.roll == bindparam("mark"),
    )
    .values(next_number=bindparam("next"), spoilt=bindparam("wasted"), updated_at=func.now())
    .returning(StockCount.id)
)

on_violation(
    "uq_stock_counts_operator_id_shift_id_roll",
    lambda: StateConflict("This roll is loaded already.", code="roll_loaded", hint="Count it at the end of the shift."),
)
on_violation(
    "ck_stock_counts_counts_forward",
    lambda: Refused(
        "The next number comes after the first one.", code="roll_numbers", hint="Read the number on the next blank."
    ),
)
on_violation(
    "ck_stock_counts_spoilt_were_there",
    lambda: Refused("More blanks are spoilt than were used.", code="roll_spoilt", hint="Count the spoilt ones again."),
)


@dataclass(frozen=True, slots=True)
class Roll:
    """A roll as a shift worked with it. Without ``next_number`` its end is not counted yet."""

    mark: str
    first_number: int
    next_number: int | None
    spoilt: int

    @property
    def used(self) -> int:
        """Blanks that left the roll, spoilt ones among them; 0 while nobody has counted."""
        return 0 if self.next_number is None else self.next_number - self.first_number

    def as_json(self) -> dict[str, Any]:
        return {
            "roll": self.mark,
            "first_number": self.first_number,
            "next_number": self.next_number,
            "used": self.used,
            "spoilt": self.spoilt,
        }


def require_number(number: int) -> int:
    """
    Raises:
        UsageError: it is no number of a blank.
    """
    if not 0 <= number <= _LARGEST:
        raise UsageError(
            "This is no number of ticket stock.", code="roll_invalid", hint="Type it as printed on the blank."
        )
    return number


def mark_of(text: str) -> str:
    """A roll's mark as it is stored: upper case.

    Raises:
        UsageError: it is empty or too long.
    """
    mark = text.strip().upper()
    if not (mark and mark.isprintable() and len(mark) <= _LONGEST_MARK):
        raise UsageError("This is no mark of a roll.", code="roll_invalid", hint="Type it as printed: A17.")
    return mark


def write(tx: Transaction, shift_id: UUID, mark: str, first_number: int) -> None:
    """Queue a roll that is loaded into the printer.

    Raises:
        UsageError: a mark or number that is none.
    """
    row = {"shift_id": shift_id, "roll": mark_of(mark), "first_number": require_number(first_number)}
    tx.send(_INSERT, id=uuid7(), **row)
    tx.audit("create", "stock_counts", shift_id, new={"roll": row["roll"], "first_number": first_number})


def finish(tx: Transaction, shift_id: UUID, mark: str, next_number: int, spoilt: int) -> None:
    """Queue the end of a roll: the number on its next blank, and how many of the used ones are spoilt.

    Raises:
        NotFound: this shift has no such roll (code ``unknown_roll``).
        Refused: numbers that run backwards.
    """
    mark = mark_of(mark)
    done = tx.send(
        _FINISH, shift_id=shift_id, mark=mark, next=require_number(next_number), wasted=require_number(spoilt)
    )
    if done.first() is None:
        raise NotFound(f"This shift has no roll {mark}.", code="unknown_roll", hint="Its rolls: counter shift show.")
    tx.audit("update", "stock_counts", shift_id, new={"roll": mark, "next_number": next_number, "spoilt": spoilt})
