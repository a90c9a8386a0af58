"""Opening a shift, and which one is open at a terminal: a terminal has one drawer, and a drawer one shift at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, text
from uuid_utils.compat import uuid7

from core import policy
from core.database import Actor, Rows, Statement, Transaction, on_violation
from core.errors import Refused, StateConflict, UsageError
from core.models import Shift as ShiftRow
from core.models import User
from core.office import Office
from core.permissions import require
from core.policy import SCRIPTS_OPEN_SHIFTS
from core.shifts import stock


class NoOpenShift(Refused):
    """Nobody's shift is open at this drawer, or somebody else's is."""

    code = "no_open_shift"


class _NumberTaken(StateConflict):
    """Another shift was opened at the same moment and has the number."""


on_violation(
    "uq_shifts_one_to_a_drawer",
    lambda: StateConflict(
        "A shift is open at this drawer already.", code="shift_open", hint="Go on with it, or close it first."
    ),
)
on_violation("uq_shifts_operator_id_shift_number", lambda: _NumberTaken("This shift number is taken."))
on_violation(
    "shift_closed",
    lambda: StateConflict(
        "This shift is counted or closed; nothing enters it any more.", code="shift_closed", hint="Open a new shift."
    ),
)
on_violation(
    "cash_needs_shift",
    lambda: NoOpenShift("Cash is taken into an open shift only.", hint="Open a shift."),
)

_COLUMNS: Final = ("operator_id", "id", "shift_number", "user_id", "terminal_id", "float_amount", "is_scripted")
_INSERT: Final = Statement(insert(ShiftRow).values({name: bindparam(name) for name in _COLUMNS}))
_LAST_NUMBER: Final = Statement(
    select(func.coalesce(func.max(ShiftRow.shift_number), 0)).where(ShiftRow.operator_id == bindparam("operator_id"))
)
_HERE: Final = Statement(
    select(
        *(ShiftRow.id, ShiftRow.shift_number, ShiftRow.user_id, ShiftRow.terminal_id, ShiftRow.status),
        *(ShiftRow.float_amount, ShiftRow.opened_at, ShiftRow.is_scripted, User.full_name),
    )
    .join(User, (User.operator_id == ShiftRow.operator_id) & (User.id == ShiftRow.user_id))
    .where(
        ShiftRow.operator_id == bindparam("operator_id"),
        ShiftRow.terminal_id == bindparam("terminal_id"),
        text("shifts.status <> 'closed'"),
    )
)


@dataclass(frozen=True)
class Shift:
    """A shift that is not closed yet. ``float_amount`` is in minor units."""

    id: UUID
    number: int
    user_id: UUID
    clerk: str
    terminal_id: int
    status: str
    float_amount: int
    opened_at: datetime
    is_scripted: bool


class OpenShift:
    """The shift of this terminal, asked for in a pipeline and not yet read."""

    __slots__ = ("_actor", "_rows")

    def __init__(self, actor: Actor, rows: Rows) -> None:
        self._actor, self._rows = actor, rows

    def find(self) -> Shift | None:
        """The shift that is not closed at this drawer, whoever's it is."""
        row = self._rows.first()
        return None if row is None else _shift(row)

    def read(self) -> Shift:
        """The open shift of this clerk at this drawer.

        Raises:
            NoOpenShift: there is none, it is somebody else's, or it is being closed.
        """
        found = self.find()
        if found is not None:
            require_own(self._actor, found)
        return require_open(found)


def require_own(actor: Actor, shift: Shift) -> None:
    """
    Raises:
        NoOpenShift: the shift is somebody else's (code ``shift_of_another``) or counted (code ``shift_counted``).
    """
    if shift.user_id != actor.user_id:
        raise NoOpenShift(
            f"The drawer belongs to shift {shift.number} of {shift.clerk}.",
            code="shift_of_another",
            hint="Its clerk or a supervisor counts and closes it first.",
        )
    require_open(shift)


def require_open(shift: Shift | None) -> Shift:
    """The shift, if there is one and things can still happen in it.

    Raises:
        NoOpenShift: there is none, or it is counted (code ``shift_counted``).
    """
    if shift is None:
        raise NoOpenShift(
            "No shift is open at this counter.", hint="Open one: Ctrl+T, or counter shift open --float AMOUNT."
        )
    if shift.status != "open":
        raise NoOpenShift(
            f"Shift {shift.number} is counted already.", code="shift_counted", hint="Close it, then open a new one."
        )
    return shift


def _shift(row: Any) -> Shift:
    return Shift(
        id=row.id,
        number=row.shift_number,
        user_id=row.user_id,
        clerk=row.full_name,
        terminal_id=row.terminal_id,
        status=row.status,
        float_amount=row.float_amount,
        opened_at=row.opened_at,
        is_scripted=row.is_scripted,
    )


def ask(tx: Transaction) -> OpenShift:
    """Queue the question which shift is open at this terminal."""
    return OpenShift(tx.actor, tx.send(_HERE, terminal_id=tx.actor.terminal_id))


def current(office: Office, actor: Actor) -> Shift | None:
    """The shift at this terminal that is not closed, whoever's it is."""
    return office.database.transaction(lambda tx: ask(tx).find(), actor=actor)


def open_shift(
    office: Office, actor: Actor, float_amount: int, *, roll: tuple[str, int] | None = None, scripted: bool = False
) -> Shift:
    """Open a shift for this clerk at this terminal's drawer.

    Args:
        float_amount: cash in the drawer at the start, minor units.
        roll: the mark and first number of the ticket stock in the printer, where it is accounted for.
        scripted: a command's sale opens it, without a float.

    Raises:
        StateConflict: one is open here already (code ``shift_open``).
        UsageError: a float below zero, or a roll that is none.
    """
    require(actor, "sell")
    if float_amount < 0:
        raise UsageError("A float is not below zero.", code="float_invalid", hint="Count the drawer.")

    def write(tx: Transaction) -> Shift:
        number = (tx.send(_LAST_NUMBER).scalar() or 0) + 1
        shift_id = uuid7()
        tx.send(
            _INSERT,
            id=shift_id,
            shift_number=number,
            user_id=actor.user_id,
            terminal_id=actor.terminal_id,
            float_amount=float_amount,
            is_scripted=scripted,
        )
        if roll is not None:
            stock.write(tx, shift_id, *roll)
        tx.audit("create", "shifts", shift_id, new={"shift_number": number, "float_amount": float_amount})
        tx.event("shift.opened", "shifts", shift_id, {"shift_number": number, "float_amount": float_amount})
        opened = ask(tx).find()
        assert opened is not None, "it was made a statement ago"
        return opened

    while True:
        try:
            return office.database.transaction(write, actor=actor)
        except _NumberTaken:
            continue


def open_for_scripts(office: Office, actor: Actor) -> Shift:
    """The clerk's open shift; where there is none and policy allows it, one is opened without a float.

    Raises:
        NoOpenShift: policy wants a shift to be opened by hand, or the drawer is somebody else's.
    """

    def look(tx: Transaction) -> tuple[Shift | None, bool]:
        asked, here = policy.ask(tx), ask(tx)
        found = here.find()
        if found is not None:
            require_own(actor, found)
        return found, asked.read().get(SCRIPTS_OPEN_SHIFTS, station_id=actor.station_id)

    found, allowed = office.database.transaction(look, actor=actor)
    if found is not None:
        return found
    if not allowed:
        raise NoOpenShift("No shift is open at this counter.", hint="Open one: counter shift open --float AMOUNT.")
    try:
        return open_shift(office, actor, 0, scripted=True)
    except StateConflict:  # another command was faster
        found, _ = office.database.transaction(look, actor=actor)
        if found is None:
            raise
        return found
