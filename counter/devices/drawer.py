"""The cash drawer that hangs on the printer: which pin opens it, for how long, and the bytes that do.

What belongs here: reading ``COUNTER_DRAWER`` and the ESC/POS pulse. How bytes get to a printer is ``transports``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from core.errors import UsageError

#: Pin of the drawer's connector → the number ESC p knows it by.
_PINS: Final = {2: 0, 5: 1}
_DEFAULT_PIN: Final = 2
#: The command counts in steps of two milliseconds, in one byte.
_STEP_MS: Final = 2
_LONGEST_MS: Final = 255 * _STEP_MS
_SETTING: Final = re.compile(r"printer(?::(?P<pin>[25]))?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DrawerPort:
    """A drawer on the printer: the pin it is wired to, and how long the pulse is in milliseconds."""

    pin: int
    pulse_ms: int

    @property
    def kick(self) -> bytes:
        """ESC p m t1 t2: current on pin m for t1, then none for t2, both in steps of 2 ms.

        The pause is at least as long as the pulse, as the command asks for, so that a solenoid does not burn.
        Source: Epson's ESC/POS command reference, "ESC p".
        """
        steps = self.pulse_ms // _STEP_MS
        return b"\x1bp" + bytes((_PINS[self.pin], steps, max(steps, 125)))


def parse_drawer(text: str, pulse_ms: int) -> DrawerPort | None:
    """The drawer that ``COUNTER_DRAWER`` names: ``none``, or ``printer`` with the pin, ``printer:2`` or ``printer:5``.

    Raises UsageError for anything else (``drawer_address``), and for a pulse that ESC p cannot give (``drawer_pulse``).
    """
    word = text.strip()
    if not _STEP_MS <= pulse_ms <= _LONGEST_MS:
        raise UsageError(
            f"A drawer's pulse is {_STEP_MS} to {_LONGEST_MS} ms long.", hint="Usual are 100.", code="drawer_pulse"
        )
    if word.lower() == "none":
        return None
    found = _SETTING.fullmatch(word)
    if found is None:
        raise UsageError(
            f"{word!r} names no drawer.", hint="Use none, printer, printer:2 or printer:5.", code="drawer_address"
        )
    return DrawerPort(int(found["pin"] or _DEFAULT_PIN), pulse_ms)
