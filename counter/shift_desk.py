"""What the screens ask of the library about shifts and approvals: blocking calls for ``CounterApp.in_thread``.

What belongs here: which services a step needs, in which order. No widget, no decision of the railway.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from core import approvals, refunds, shifts
from core.approvals import Approval, Wish
from core.database import Actor
from core.errors import DatabaseUnreachable, UsageError
from core.permissions import allowed
from core.shifts import Shift, closing, counting, movements, sheet
from core.shifts.closing import Closed
from core.shifts.counting import Counted, RollEnd
from core.shifts.movements import Move
from core.shifts.sheet import StoredZ
from counter.printing import kick_drawer, preview_report, print_report, print_stored
from counter.session import Workplace

if TYPE_CHECKING:
    from counter.app import CounterApp

_ROLL: Final = re.compile(r"(?P<mark>\S+?)[\s:]+(?P<number>[0-9]{1,12})", re.ASCII)


def parse_roll(text: str) -> tuple[str, int] | None:
    """``A17 000120`` or ``A17:120``: a roll's mark and a number on it; nothing typed is no roll.

    Raises:
        UsageError: anything else (code ``roll_invalid``).
    """
    if not text.strip():
        return None
    found = _ROLL.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            "A roll is its mark and a number.", code="roll_invalid", hint="Type it as printed: A17 000120."
        )
    return found["mark"], int(found["number"])


@dataclass(frozen=True)
class DrawerState:
    """How the drawer of this terminal stands: whose shift is open, what it comes to, what was counted.

    ``report`` is None where the shift is somebody else's and this is no supervisor; ``counted`` until it is counted.
    """

    shift: Shift | None
    report: Mapping[str, Any] | None = None
    counted: Counted | None = None


@dataclass(frozen=True)
class ShiftDesk:
    """One person at one terminal. Every method blocks and raises ``CounterError``s."""

    place: Workplace
    actor: Actor

    @classmethod
    def of(cls, app: CounterApp) -> ShiftDesk:
        """For whoever works at this application.

        Raises:
            DatabaseUnreachable: the workplace is not open.
        """
        if app.workplace is None or app.actor is None:
            raise DatabaseUnreachable("The database does not answer.", hint="What was typed is kept; try again.")
        return cls(app.workplace, app.actor)

    def state(self) -> DrawerState:
        """How the drawer stands now."""
        shift = shifts.current(self.place.office, self.actor)
        if shift is None or not (shift.user_id == self.actor.user_id or allowed(self.actor, "manage_shifts")):
            return DrawerState(shift)
        report = closing.x_report(self.place.office, self.actor)
        counted = counting.counted(self.place.office, self.actor) if shift.status == "counted" else None
        return DrawerState(shift, report, counted)

    def open(self, float_amount: int, roll: tuple[str, int] | None) -> Shift:
        """Open a shift with this float, and the drawer."""
        opened = shifts.open_shift(self.place.office, self.actor, float_amount, roll=roll)
        kick_drawer(self.place)
        return opened

    def record(self, move: Move, approval_id: UUID | None) -> None:
        """Record a movement of cash, and open the drawer for it."""
        movements.record(self.place.office, self.actor, move, approval_id=approval_id)
        kick_drawer(self.place)

    def wish_for(self, move: Move) -> Wish:
        """What a supervisor has to approve of a movement."""
        return movements.wish_for(self.place.office, self.actor, move)

    def count(self, pieces: Mapping[int, int], rolls: tuple[RollEnd, ...]) -> Counted:
        """Store a count; what should have been there is told afterwards."""
        return counting.count(self.place.office, self.actor, pieces, rolls)

    def close(self, reason: str, approval_id: UUID | None) -> tuple[Closed, str]:
        """Close the counted shift and print its report; returns both."""
        closed = closing.close(
            self.place.office, self.actor, reason=reason, approval_id=approval_id, printer=self.place.printer_kind
        )
        self.place.note_audit_head(self.actor)
        return closed, "off" if closed.job_id is None else print_report(self.place, self.actor, closed.job_id)

    def print_x(self, report: Mapping[str, Any]) -> str:
        """Print an X report; returns the state of its print."""
        if self.place.printer_kind == "none":
            return "off"
        job = closing.print_x(self.place.office, self.actor, report, self.place.printer_kind)
        return print_report(self.place, self.actor, job)

    def z_report(self) -> StoredZ:
        """The last Z report of this terminal."""
        return sheet.z_report(self.place.office, self.actor)

    def print_z(self, report: StoredZ) -> str:
        """Print a Z report again; returns the state of its print."""
        return print_stored(self.place, self.actor, report)

    def preview(self, report: Mapping[str, Any], language: str) -> list[str]:
        """A report as lines of text."""
        return preview_report(self.place, report, language)

    # -- approvals --------------------------------------------------------------------------------------------------

    def request(self, wish: Wish, reason: str) -> Approval:
        """Ask for an approval."""
        return approvals.request(self.place.office, self.actor, wish, reason)

    def approval(self, asked: Approval) -> Approval:
        """A request as it stands now."""
        return approvals.find(self.place.office, asked.id)

    def approve_here(self, asked: Approval, staff_number: str, pin: str) -> Approval:
        """A supervisor approves in place."""
        return approvals.decide_in_place(self.place.office, self.place.terminal, asked.id, staff_number, pin)

    def waiting(self) -> list[Approval]:
        """What waits for this supervisor's decision."""
        return approvals.waiting(self.place.office, self.actor)

    def decide(self, asked: Approval, *, approve: bool, reason: str = "") -> Approval:
        """Say yes or no; an approved refund is carried out at once."""
        done = approvals.decide(self.place.office, self.actor, asked.id, approve=approve, reason=reason)
        if approve and done.kind == refunds.KIND:
            refunds.carry_out(self.place.office, self.actor, done)
        return done
