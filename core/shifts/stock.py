"""Ticket stock: rolls of numbered blanks, the first number a shift began with and the next one at its end.

Stolen blanks have been used for fraud, so every number is used by a print the journal knows, or spoilt, or missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.types import Integer
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
    .values(
        next_number=bindparam("next"),
        spoilt=func.greatest(StockCount.spoilt, bindparam("wasted", type_=Integer)),
        updated_at=func.now(),
    )
    .returning(StockCount.id)
)
_LOADED: Final = Statement(
    select(StockCount.roll, StockCount.first_number)
    .where(
        StockCount.operator_id == bindparam("operator_id"),
        StockCount.shift_id == bindparam("shift_id"),
        StockCount.next_number.is_(None),
    )
    .order_by(StockCount.created_at.desc(), StockCount.id.desc())
)
_SPOIL: Final = Statement(
    update(StockCount)
    .where(
        StockCount.operator_id == bindparam("operator_id"),
        StockCount.shift_id == bindparam("shift_id"),
        StockCount.roll == bindparam("mark"),
    )
    .values(spoilt=StockCount.spoilt + 1, updated_at=func.now())
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

    What was called spoilt during the shift stays so: the larger number counts.

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


def blank_of(text: str) -> tuple[str | None, int]:
    """Roll and number of one blank: ``A17:123``, or ``123`` of the roll that is loaded.

    Raises:
        UsageError: it is no such thing.
    """
    mark, _, number = text.strip().rpartition(":")
    if not (number.isascii() and number.isdigit()) or len(number) > len(str(_LARGEST)):
        raise UsageError(
            "This is no number of ticket stock.", code="roll_invalid", hint="Type it as printed on the blank: A17:123."
        )
    return (mark_of(mark) if mark else None), require_number(int(number))


def spoil(tx: Transaction, shift_id: UUID, mark: str | None, number: int | None) -> str | None:
    """Count one spoilt blank of a roll of this shift; returns the roll's mark, None where stock is not accounted for.

    Args:
        mark: None: the roll that was loaded last.

    Raises:
        NotFound: this shift has no such roll (``unknown_roll``).
        Refused: a blank is named and no roll is (``roll_missing``), or it was used earlier (``roll_numbers``).
    """
    loaded = tx.send(_LOADED, shift_id=shift_id).pairs()
    if mark is None and not loaded:
        if number is not None:
            raise Refused("No roll is loaded.", code="roll_missing", hint="Leave the blank's number out.")
        return None
    mark = mark or next(iter(loaded))
    if mark not in loaded:
        raise NotFound(f"This shift has no roll {mark}.", code="unknown_roll", hint="Its rolls: counter shift show.")
    if number is not None and number < loaded[mark]:
        raise Refused(
            f"Blanks of roll {mark} below {loaded[mark]} were used before this shift.",
            code="roll_numbers",
            hint="Read the number on the blank again.",
        )
    tx.send(_SPOIL, shift_id=shift_id, mark=mark)
    tx.audit("update", "stock_counts", shift_id, new={"roll": mark, "spoilt": number})
    return mark
