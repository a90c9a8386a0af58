"""Cash that goes into or out of a drawer and is no sale: paid in, paid out, dropped into a sealed bag; and a drawer
that is opened without a sale. Each has its reason, and above a limit by policy a second person approves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, insert
from uuid_utils.compat import uuid7

from core import approvals, policy
from core.approvals import ApprovalNeeded, Wish
from core.database import Actor, Statement, Transaction
from core.errors import Refused, UsageError
from core.models import CashMovement
from core.money import grouped
from core.office import Office
from core.permissions import allowed, require
from core.policy import CASH_IN_LIMIT, CASH_OUT_LIMIT, DROP_LIMIT, Policy
from core.shifts.desk import Shift, ask, require_open
from core.wording import one_line

_LIMITS: Final[Mapping[str, Policy[int]]] = {
    "cash_in": CASH_IN_LIMIT,
    "cash_out": CASH_OUT_LIMIT,
    "drop": DROP_LIMIT,
}
_LONGEST_BAG: Final = 40
_COLUMNS: Final = (
    *("operator_id", "id", "shift_id", "movement_kind", "amount", "reason", "bag_number", "recorded_by"),
    "approval_id",
)
_INSERT: Final = Statement(insert(CashMovement).values({name: bindparam(name) for name in _COLUMNS}))


@dataclass(frozen=True, slots=True)
class Move:
    """What is to be recorded. ``amount`` in minor units, 0 for a ``no_sale``; ``bag`` is the bag of a ``drop``."""

    kind: str
    amount: int
    reason: str
    bag: str | None = None

    def tidied(self) -> Move:
        """The same as it is stored.

        Raises:
            UsageError: an amount below one, or one for a no-sale.
            Refused: no reason (``reason_missing``), a drop without its bag (``bag_missing``).
        """
        if (self.amount > 0) is (self.kind == "no_sale") or self.amount < 0:
            raise UsageError(
                "The amount of a movement is more than nothing.", code="amount_invalid", hint="Type how much it is."
            )
        reason, bag = one_line(self.reason), one_line(self.bag or "", _LONGEST_BAG) or None
        if not reason:
            raise Refused("Cash moves with a reason.", code="reason_missing", hint="Say why; it goes on record.")
        if self.kind == "drop" and bag is None:
            raise Refused(
                "A drop goes into a sealed bag.", code="bag_missing", hint="Type the number that stands on the bag."
            )
        return Move(self.kind, self.amount, reason, bag if self.kind == "drop" else None)

    def wish(self, shift: Shift) -> Wish:
        """What has to be approved if it is above the limit."""
        details = {"movement": self.kind, "bag": self.bag, "reason": self.reason, "shift": shift.number}
        return Wish("cash_movement", "shifts", str(shift.id), self.amount, details)


def record(office: Office, actor: Actor, move: Move, *, approval_id: UUID | None = None) -> UUID:
    """Record a movement of the drawer at this terminal; returns its id.

    Raises:
        NoOpenShift: no shift is open here, or it is somebody else's.
        ApprovalNeeded: the amount is above the limit; ``details`` say what to ask for.
        NotApproved: the approval is not for this movement.
    """
    require(actor, "sell")
    move = move.tidied()

    def write(tx: Transaction) -> UUID:
        policies, here = policy.ask(tx), ask(tx)
        shift = here.read() if not allowed(actor, "manage_shifts") else require_open(here.find())
        limit = _LIMITS.get(move.kind)
        wish, used = move.wish(shift), None
        if limit is not None and move.amount > policies.read().get(limit, station_id=actor.station_id):
            if approval_id is None:
                raise ApprovalNeeded(
                    f"{grouped(move.amount)} is above the limit.",
                    hint="A supervisor approves it.",
                    details={"kind": wish.kind, "amount": move.amount},
                )
            used = approvals.consume(tx, approval_id, wish)
        movement_id = uuid7()
        tx.send(
            _INSERT,
            id=movement_id,
            shift_id=shift.id,
            movement_kind=move.kind,
            amount=move.amount,
            reason=move.reason,
            bag_number=move.bag,
            recorded_by=actor.user_id,
            approval_id=used.id if used else None,
        )
        said = {"kind": move.kind, "amount": move.amount, "reason": move.reason, "bag": move.bag}
        if used is not None:
            said |= {"approval": used.number, "approved_by": used.decided_by_name}
        tx.audit("create", "cash_movements", movement_id, new={**said, "shift_number": shift.number})
        tx.event("cash.moved", "cash_movements", movement_id, {**said, "shift_number": shift.number})
        return movement_id

    return office.database.transaction(write, actor=actor)


def wish_for(office: Office, actor: Actor, move: Move) -> Wish:
    """What to ask a supervisor for, for the drawer at this terminal.

    Raises:
        NoOpenShift: no shift is open here.
    """
    tidy = move.tidied()
    shift = office.database.transaction(lambda tx: require_open(ask(tx).find()), actor=actor)
    return tidy.wish(shift)
