"""Opening a shift: what lies in the drawer, and if it is accounted for, the roll of ticket stock in the printer."""

from __future__ import annotations

from core.shifts import Shift
from counter.dialogs.form import Field, Form, Typed
from counter.i18n import _
from counter.shift_desk import ShiftDesk, parse_roll
from counter.widgets.money_input import parse_money


class OpenShift(Form[Shift]):
    """Waits for the float and opens the shift; the roll may stay empty."""

    def __init__(self, desk: ShiftDesk) -> None:
        super().__init__(
            _("Your shift: what lies in the drawer?"),
            (
                Field("float", _("Float"), "money", _("such as 300k; 0 for an empty drawer"),
                      _("Type the sum that lies in the drawer now; 0 if it is empty.")),
                Field("roll", _("Roll"), "text", _("may stay empty; mark and number: A17 000120")),
            ),
            self._open,
        )  # fmt: skip
        self._desk = desk

    def _open(self, typed: Typed) -> Shift:
        return self._desk.open(parse_money(typed["float"]), parse_roll(typed["roll"]))
