"""Shifts: a clerk's time at a drawer, from the float to the counted close.

``desk`` opens them and says which one is open here; every sale asks there. ``movements`` are cash that is no sale,
``counting`` is the blind count, ``closing`` makes the X and Z reports out of ``figures``; ``sheet`` finds shifts and
reports again.
"""

from core.shifts.desk import (
    NoOpenShift,
    OpenShift,
    Shift,
    ask,
    current,
    open_for_scripts,
    open_shift,
)

__all__ = ["NoOpenShift", "OpenShift", "Shift", "ask", "current", "open_for_scripts", "open_shift"]
