"""Workstations that are gone to for a moment, each by a key of its own; the same key goes back.

What belongs here: their keys, and what it takes to use them. Where the screens are stands in ``counter.modes``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from counter.commands import Command

if TYPE_CHECKING:
    from counter.attendance import Attendance


ASIDE_COMMANDS: Final = (
    Command("shift", "ctrl+t", "", "The shift: cash, count, close; again goes back.", "sell", title="Shift"),
    Command("bookings", "ctrl+b", "", "Bookings: find, cancel, pay out; again goes back.", "sell", title="Bookings",
            priority=True),
    Command("approvals", "ctrl+o", "", "What waits for a decision; again goes back.", "approve", title="Approvals"),
    Command("audit", "ctrl+l", "", "The audit trail: who did what; again goes back.", "look_into_audit",
            title="Audit trail"),
    Command("staff", "ctrl+n", "", "The staff: who may work, PINs, locks; again goes back.", "manage_staff",
            title="Staff"),
    Command("policies", "ctrl+y", "", "Policies: rates, windows and limits; again goes back.", "decide_policies",
            title="Policies"),
    Command("reports", "ctrl+e", "", "Reports: sales, occupancy, refunds; again goes back.", "look_into_reports",
            title="Reports", priority=True),
    Command("service", "ctrl+s", "", "Service requests and fines; again goes back.", "issue_fines",
            title="Service requests and fines", priority=True),
)  # fmt: skip
#: Mode → the permission it takes to work there.
ASIDE: Final = {command.id: command.permission or "" for command in ASIDE_COMMANDS}


class Asides:
    """Mixed into the application: an action for each of ``ASIDE_COMMANDS``."""

    attendance: Attendance

    async def action_shift(self) -> None:
        """To the shift workstation, or back from it."""
        await self.attendance.go_aside("shift")

    async def action_bookings(self) -> None:
        """To the bookings, or back from them."""
        await self.attendance.go_aside("bookings")

    async def action_approvals(self) -> None:
        """To the approvals, or back from them."""
        await self.attendance.go_aside("approvals")

    async def action_audit(self) -> None:
        """To the audit trail, or back from it."""
        await self.attendance.go_aside("audit")

    async def action_staff(self) -> None:
        """To the staff, or back from it."""
        await self.attendance.go_aside("staff")

    async def action_policies(self) -> None:
        """To the policies, or back from them."""
        await self.attendance.go_aside("policies")

    async def action_reports(self) -> None:
        """To the reports, or back from them."""
        await self.attendance.go_aside("reports")

    async def action_service(self) -> None:
        """To the service requests, or back from them."""
        await self.attendance.go_aside("service")

    async def leave_aside(self) -> None:
        """Back to where this person works."""
        await self.attendance.come_back()
