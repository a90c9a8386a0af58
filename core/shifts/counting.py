"""The blind count of a drawer: notes and coins by their worth, stored before anything is shown.

The count ends the shift for everything but its close: from then on the database takes no payment, refund or movement
into it. Only then is told what should have been there. A recount, as often as policy allows, stands beside the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, insert, update
from uuid_utils.compat import uuid7

from core import policy
from core.approvals import Wish
from core.cash import NOTES
from core.database import Actor, Statement, Transaction
from core.errors import Refused, UsageError
from core.models import Shift as ShiftRow
from core.models import ShiftCount
from core.office import Office
from core.policy import OVER_SHORT_LIMIT, SHIFT_RECOUNTS, Policies
from core.shifts import records, stock
from core.shifts.desk import Shift
from core.shifts.figures import Count, Figures
from core.shifts.sheet import Sheet, here

#: Worth of the rupiah's coins and notes in use, the largest first; 1,000 is a coin and a note.
DENOMINATIONS: Final = (*sorted(NOTES, reverse=True), 500, 200, 100, 50)
_MOST_PIECES: Final = 100_000

_COUNT_COLUMNS: Final = ("operator_id", "id", "shift_id", "attempt", "denomination", "pieces", "counted_by")
_INSERT_COUNT: Final = Statement(insert(ShiftCount).values({name: bindparam(name) for name in _COUNT_COLUMNS}))
_THIS: Final = (ShiftRow.operator_id == bindparam("operator_id")) & (ShiftRow.id == bindparam("shift_id"))
_COUNTED: Final = Statement(
    update(ShiftRow)
    .where(_THIS)
    .values(status="counted", counted_at=func.now(), counted_amount=bindparam("amount"), updated_at=func.now())
)


@dataclass(frozen=True, slots=True)
class RollEnd:
    """The end of a roll of ticket stock: the number on its next blank, and how many of the used ones are spoilt."""

    mark: str
    next_number: int
    spoilt: int = 0


@dataclass(frozen=True)
class Counted:
    """A drawer that was counted, and what should have been in it. Minor units; a short drawer differs below zero."""

    sheet: Sheet
    figures: Figures
    attempts: tuple[Count, ...]
    recounts_left: int
    limit: int

    @property
    def count(self) -> Count:
        """The last attempt; it counts."""
        return self.attempts[-1]

    @property
    def expected(self) -> int:
        return self.figures.expected

    @property
    def difference(self) -> int:
        return self.count.amount - self.expected

    @property
    def worst(self) -> int:
        """The largest difference of all attempts: whoever counts again knows what should be there."""
        return max((one.amount - self.expected for one in self.attempts), key=abs)

    @property
    def needs_reason(self) -> bool:
        return self.worst != 0

    @property
    def needs_approval(self) -> bool:
        """Whether any attempt differs by more than the limit."""
        return abs(self.worst) > self.limit

    def wish(self) -> Wish:
        """What a second person has to approve of this count."""
        shift = self.sheet.shift
        details = {"shift": shift.number, "clerk": shift.clerk, "expected": self.expected, "counted": self.count.amount}
        return Wish("over_short", "shifts", str(shift.id), self.worst, details)

    def outcome(self) -> dict[str, Any]:
        """Expected, counted and what lies between."""
        return {
            "expected": self.expected,
            "counted": self.count.amount,
            "difference": self.difference,
            "counts": [one.as_json() for one in self.attempts],
        }

    def as_json(self) -> dict[str, Any]:
        """The count as commands print it."""
        return {
            "shift_number": self.sheet.shift.number,
            **self.outcome(),
            "recounts_left": self.recounts_left,
            "needs_reason": self.needs_reason,
            "needs_approval": self.needs_approval,
        }


def count(office: Office, actor: Actor, pieces: Mapping[int, int], rolls: tuple[RollEnd, ...] = ()) -> Counted:
    """Store what was counted in the drawer at this terminal, then say what should have been there.

    Args:
        pieces: worth of a note or coin → how many of it; empty for an empty drawer.
        rolls: the ends of the rolls of ticket stock, where they are accounted for.

    Raises:
        NoOpenShift: no shift here, or somebody else's.
        UsageError: pieces of no denomination, or below none.
        Refused: it was counted as often as policy allows (code ``recounts_used``).
    """
    _require_pieces(pieces)

    def write(tx: Transaction) -> Counted:
        asked = policy.ask(tx)
        found = here(tx, office, actor, lock=True)
        policies, shift, before = asked.read(), found.shift, records.counts(tx, found.shift.id)
        if len(before) > policies.get(SHIFT_RECOUNTS, station_id=actor.station_id):
            raise Refused(
                f"Shift {shift.number} was counted as often as it may be.",
                code="recounts_used",
                hint="Close it with this count.",
            )
        for end in rolls:
            stock.finish(tx, shift.id, end.mark, end.next_number, end.spoilt)
        now = Count({worth: pieces.get(worth, 0) for worth in DENOMINATIONS})
        _store(tx, shift, len(before) + 1, now)
        tx.send(_COUNTED, shift_id=shift.id, amount=now.amount)
        said = {"status": "counted", "attempt": len(before) + 1, "counted": now.amount, "shift_number": shift.number}
        tx.audit("update", "shifts", shift.id, old={"status": shift.status}, new=said)
        tx.event("shift.counted", "shifts", shift.id, said)
        return read(tx, here(tx, office, actor), policies)

    return office.database.transaction(write, actor=actor)


def _require_pieces(pieces: Mapping[int, int]) -> None:
    for worth, number in pieces.items():
        if worth not in DENOMINATIONS:
            raise UsageError(
                f"There is no note or coin of {worth}.",
                code="denomination_unknown",
                hint=f"Counted are: {', '.join(map(str, DENOMINATIONS))}.",
            )
        if not 0 <= number <= _MOST_PIECES:
            raise UsageError(f"{number} pieces of {worth} cannot be.", code="pieces_invalid", hint="Count them again.")


def _store(tx: Transaction, shift: Shift, attempt: int, counted: Count) -> None:
    shared: dict[str, UUID | int | None] = {
        "shift_id": shift.id,
        "attempt": attempt,
        "counted_by": tx.actor.user_id,
    }
    rows = [
        {**shared, "id": uuid7(), "denomination": worth, "pieces": number} for worth, number in counted.pieces.items()
    ]
    tx.send_each(_INSERT_COUNT, rows)


def read(tx: Transaction, sheet: Sheet, policies: Policies) -> Counted:
    """A counted shift of this terminal, as it stands.

    Raises:
        Refused: it is not counted yet (code ``shift_not_counted``).
    """
    if sheet.shift.status != "counted":
        raise Refused(
            f"Shift {sheet.shift.number} is not counted yet.",
            code="shift_not_counted",
            hint="Count the drawer first.",
        )
    asked = records.ask_figures(tx, sheet.shift, sheet.zone)
    attempts = tuple(records.counts(tx, sheet.shift.id))
    station = tx.actor.station_id
    left = policies.get(SHIFT_RECOUNTS, station_id=station) + 1 - len(attempts)
    return Counted(sheet, asked.read(), attempts, max(0, left), policies.get(OVER_SHORT_LIMIT, station_id=station))


def counted(office: Office, actor: Actor) -> Counted:
    """The counted shift of this terminal.

    Raises:
        NoOpenShift: no shift here, or somebody else's.
        Refused: it is not counted yet (code ``shift_not_counted``).
    """

    def look(tx: Transaction) -> Counted:
        asked = policy.ask(tx)
        return read(tx, here(tx, office, actor), asked.read())

    return office.database.transaction(look, actor=actor)
