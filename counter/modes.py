"""The workstations there are: each a mode of the application, loaded when it is first switched to.

What belongs here: names, where the screens are, and what it takes to work at one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from textual.screen import Screen

from counter.screens.login import LoginScreen

LOGIN: Final = "login"
#: Mode → the permission it takes to work there; in this order they are offered to somebody who signs in.
WORKSTATIONS: Final[Mapping[str, str]] = {"sell": "sell", "gate": "check_in"}
#: The same for those that are gone to for a moment, each by a key of its own, and left to where one came from.
ASIDE: Final[Mapping[str, str]] = {
    "shift": "sell", "approvals": "approve", "audit": "look_into_audit", "staff": "manage_staff",
    "policies": "decide_policies", "reports": "look_into_reports",
}  # fmt: skip


def _sell() -> Screen[Any]:
    from counter.screens.sell import SellScreen

    return SellScreen()


def _gate() -> Screen[Any]:
    from counter.screens.gate import GateScreen

    return GateScreen()


def _shift() -> Screen[Any]:
    from counter.screens.shift import ShiftScreen

    return ShiftScreen()


def _approvals() -> Screen[Any]:
    from counter.screens.approvals import ApprovalsScreen

    return ApprovalsScreen()


def _audit() -> Screen[Any]:
    from counter.screens.audit import AuditScreen

    return AuditScreen()


def _staff() -> Screen[Any]:
    from counter.screens.staff import StaffScreen

    return StaffScreen()


def _policies() -> Screen[Any]:
    from counter.screens.policies import PoliciesScreen

    return PoliciesScreen()


def _reports() -> Screen[Any]:
    from counter.screens.reports import ReportsScreen

    return ReportsScreen()


MODES: Final[dict[str, str | Callable[[], Screen[Any]]]] = {
    LOGIN: LoginScreen,
    "sell": _sell,
    "gate": _gate,
    "shift": _shift,
    "approvals": _approvals,
    "audit": _audit,
    "staff": _staff,
    "policies": _policies,
    "reports": _reports,
}
