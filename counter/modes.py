"""The workstations there are: each a mode of the application, loaded when it is first switched to.

What belongs here: names, where the screens are, and what it takes to work at one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from textual.screen import Screen

from counter.screens.login import LoginScreen

LOGIN: Final = "login"
#: Mode → the permission it takes to work there; in this order they are offered to somebody who signs in.
WORKSTATIONS: Final[Mapping[str, str]] = {"sell": "sell", "gate": "check_in"}
#: Mode → where its screen is.
_SCREENS: Final = {
    "sell": "counter.screens.sell:SellScreen",
    "gate": "counter.screens.gate:GateScreen",
    "shift": "counter.screens.shift:ShiftScreen",
    "bookings": "counter.screens.bookings:BookingsScreen",
    "approvals": "counter.screens.approvals:ApprovalsScreen",
    "audit": "counter.screens.audit:AuditScreen",
    "staff": "counter.screens.staff:StaffScreen",
    "policies": "counter.screens.policies:PoliciesScreen",
    "reports": "counter.screens.reports:ReportsScreen",
    "service": "counter.screens.service:ServiceScreen",
}


def _opened(where: str) -> Callable[[], Screen[Any]]:
    def make() -> Screen[Any]:
        module, _, name = where.partition(":")
        screen: Screen[Any] = getattr(import_module(module), name)()
        return screen

    return make


MODES: Final[dict[str, str | Callable[[], Screen[Any]]]] = {
    LOGIN: LoginScreen,
    **{mode: _opened(where) for mode, where in _SCREENS.items()},
}
