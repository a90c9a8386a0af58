"""How a supervisor goes from report to report: which dialog, then which question to the library.

What belongs here: the flows of the reports screen. Keys and what is drawn are ``reports`` and ``reports_view``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from core.reports.sales import BY
from counter.dialogs.choice import Choice
from counter.dialogs.form import Field, Form, Typed
from counter.i18n import _
from counter.screens.reports_desk import NAMES, OF_A_DAY, OF_A_TRAIN, Asked, Made, ReportDesk
from counter.screens.sell_turns import Turns

#: Name of a report → what people choose.
CALLED: Final = {
    "sales": "Sales", "occupancy of a day": "Occupancy of a day's trains", "occupancy": "Occupancy of a train",
    "manifest": "Manifest of a train", "refunds": "Refunds", "modifications": "Changes of bookings",
    "over short": "Over and short", "promotions": "Use of promotions", "fines": "Fines",
}  # fmt: skip
_CALLED_BY: Final = {
    "day": "by day", "shift": "by shift", "clerk": "by clerk", "train": "by train", "class": "by class",
    "method": "by method",
}  # fmt: skip
_PRINTED: Final = {
    "confirmed": "It is printed.", "unknown": "Nobody knows whether it was printed: look at the printer.",
    "queued": "It was not printed; it waits for the printer.", "off": "It was not printed.",
}  # fmt: skip


class ReportsFlows(Turns):
    """The flows; see the module's docstring. ``made`` is the report in front; None before the first."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = Asked()
        self.made: Made | None = None
        self.page = 0

    @property
    def desk(self) -> ReportDesk:
        """The library, for whoever works here."""
        return ReportDesk.of(self.counter)

    # To be overridden

    def fill(self) -> None:
        """Another report is in front."""

    async def look(self, asked: Asked) -> None:
        """Read a report and put it in front."""
        self.made = await self.counter.in_thread(partial(self.desk.make, asked))
        self.asked, self.page = self.made.asked, 0
        self.fill()

    async def choose(self) -> None:
        """Another report; one about a train asks which."""
        lines = [(name, _(CALLED[name])) for name in NAMES]
        name = await self.counter.ask(Choice(_("Which report?"), lines))
        if name is None:
            return
        asked = replace(self.asked, name=name)
        if name == "sales":
            ways = [(by, _(_CALLED_BY[by])) for by in BY]
            by = await self.counter.ask(Choice(_("Sales by what?"), ways))
            if by is None:
                return
            asked = replace(asked, by=by)
        if name in OF_A_TRAIN:
            await self._ask_about(asked)
        else:
            await self.look(asked)

    async def about(self) -> None:
        """Other days, or another train."""
        await self._ask_about(self.asked)

    async def _ask_about(self, asked: Asked) -> None:
        desk = self.desk

        def make(typed: Typed) -> Made:
            return desk.make(self._as_typed(desk, asked, typed))

        made = await self.counter.ask(Form(_(CALLED[asked.name]), self._fields(asked), make))
        if made is not None:
            self.made, self.asked, self.page = made, made.asked, 0
            self.fill()

    def _fields(self, asked: Asked) -> list[Field]:
        first = asked.first.isoformat() if asked.first else ""
        if asked.name not in OF_A_DAY:
            today, one_day = _("today; -1 is yesterday"), _("empty: one day")
            return [Field("first", _("From"), placeholder=today), Field("last", _("To"), placeholder=one_day)]
        fields = [Field("day", _("Date"), value=first, placeholder=_("today"))]
        if asked.name in OF_A_TRAIN:
            fields.append(Field("train", _("Train"), value=asked.train, missing=_("Type a train's number.")))
        if asked.name == "manifest":
            fields += [
                Field("origin", _("From"), placeholder=_("empty: the whole way")),
                Field("destination", _("To"), placeholder=_("empty: the whole way")),
            ]
        return fields

    @staticmethod
    def _as_typed(desk: ReportDesk, asked: Asked, typed: Typed) -> Asked:
        if asked.name not in OF_A_DAY:
            span = desk.span(typed["first"], typed["last"])
            return replace(asked, first=span.first, last=span.last)
        day = desk.day(typed["day"])
        return replace(
            asked, first=day, last=day, train=typed.get("train", "").strip(),
            origin=typed.get("origin", "").strip(), destination=typed.get("destination", "").strip(),
        )  # fmt: skip

    async def save(self, made: Made) -> None:
        """To a file."""
        desk = self.desk

        def write(typed: Typed) -> Path:
            return desk.save(made, typed["file"])

        field = Field("file", _("File"), value=desk.suggested_file(made), missing=_("Name a file."))
        out = await self.counter.ask(Form(_("Save the report as CSV"), [field], write))
        if out is not None:
            self.say(_("The report is in {file}.", file=out))

    async def print(self, made: Made) -> None:
        """On paper."""
        state = await self.counter.in_thread(partial(self.desk.print, made))
        said = _(_PRINTED[state])
        if state == "confirmed":
            self.say(said)
        else:
            self.warn(said)
