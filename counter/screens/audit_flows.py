"""How one goes through the audit trail from step to step: pages, filters, check, export, alerts, reports.

What belongs here: flows, one at a time (``Turns``), and what they remember. Keys and drawing are ``audit``'s.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from functools import partial
from pathlib import Path

from core.audit.compliance import Report
from core.audit.export import Signed
from core.audit.incidents import Alert
from core.audit.trail import Entry, Filter, Page
from core.clock import local
from core.errors import UsageError
from counter.dialogs.choice import Choice
from counter.dialogs.form import Field, Form, Typed
from counter.i18n import _
from counter.screens.audit_check import ChainCheck, verdict
from counter.screens.audit_desk import AuditDesk
from counter.screens.sell_turns import Turns


class Face(Enum):
    """What stands in the middle."""

    TRAIL = auto()
    ALERTS = auto()
    REPORT = auto()


class AuditFlows(Turns):
    """The flows of the audit workstation."""

    def __init__(self) -> None:
        super().__init__()
        self.face = Face.TRAIL
        self.wanted = Filter()
        self.page = Page((), None)
        #: The places the pages begin at, the newest page first; None is the beginning.
        self.places: list[str | None] = [None]
        self.alerts: list[Alert] = []
        self.compliance: Report | None = None
        self.is_typing = False

    @property
    def desk(self) -> AuditDesk:
        """The library, for whoever works here."""
        return AuditDesk.of(self.counter)

    # To be overridden

    @property
    def chosen(self) -> Entry | None:
        """The marked row of the trail."""
        raise NotImplementedError

    @property
    def chosen_alert(self) -> Alert | None:
        """The marked alert."""
        raise NotImplementedError

    @property
    def typed(self) -> str:
        """What stands in the filter line."""
        raise NotImplementedError

    def fill(self) -> None:
        """Other rows, other alerts or another report are there to be listed."""
        raise NotImplementedError

    # The trail

    async def look(self, wanted: Filter, places: list[str | None]) -> None:
        """Show the page that begins at the last of these places."""
        page = await self.counter.in_thread(partial(self.desk.look, wanted, places[-1]))
        self.wanted, self.places, self.page = wanted, places, page
        self.face, self.is_typing = Face.TRAIL, False
        self.fill()

    async def find(self) -> None:
        """What the filter line says; a line that says nothing right stays where it is."""
        self.is_typing = True
        await self.look(self.desk.filter(self.typed), [None])

    async def narrow(self, **more: object) -> None:
        """The rows that have something more in common."""
        await self.look(replace(self.wanted, **more), [None])  # type: ignore[arg-type]  # by name, each of its kind

    async def older(self) -> None:
        """The next page."""
        if self.page.next is not None:
            await self.look(self.wanted, [*self.places, self.page.next])

    async def newer(self) -> None:
        """The page before; from the newest, whatever has come since."""
        await self.look(self.wanted, self.places[:-1] or [None])

    # Check and export

    async def check(self) -> None:
        """Prove one chain or all, as is chosen."""
        terminal = self.chosen.terminal if self.chosen is not None else None
        if terminal is not None:
            only = _("Only the chain of terminal {terminal}", terminal=terminal)
            choices = [("", _("All chains of the audit trail")), (terminal, only)]
            answer = await self.counter.ask(Choice(_("What is to be checked?"), choices))
            if answer is None:
                return
            terminal = answer or None
        found = await self.counter.ask(ChainCheck(self.desk, terminal))
        if found is not None:
            symbol, sentence = verdict(found)
            if found.problems:
                self.warn(f"{symbol} {sentence}", found.problems[0])
            else:
                self.say(f"{symbol} {sentence}")

    async def export(self) -> None:
        """Write what the filter finds to a file, and sign it."""
        desk, wanted = self.desk, self.wanted

        def work(typed: Typed) -> tuple[Path, Signed]:
            return desk.export(wanted, typed["file"])

        done = await self.counter.ask(Form(_("Export the rows of this filter"), [self._file("audit")], work, note=_(
            "A name that ends in .jsonl gets JSON lines, any other CSV. Beside it a file with .sig signs it."
        )))  # fmt: skip
        if done is not None:
            out, signed = done
            self.say(_("{rows} rows are in {file}, signed in {file}.sig.", rows=signed.statement["rows"], file=out))

    def _file(self, what: str) -> Field:
        suggested = self.desk.suggested_file(what, self.counter.lifeline.clock.now)
        return Field("file", _("File"), missing=_("Name a new file."), value=suggested)

    # Alerts

    async def show_alerts(self) -> None:
        """The alerts of the last days."""
        self.alerts = await self.counter.in_thread(self.desk.alerts)
        self.face, self.is_typing = Face.ALERTS, False
        self.fill()

    async def acknowledge(self) -> None:
        """Say that one has looked at the marked alert, and what came of it."""
        alert, desk = self.chosen_alert, self.desk
        if alert is None:
            return

        def work(typed: Typed) -> Alert:
            return desk.acknowledge(alert, typed["note"])

        note = Field("note", _("Note"), missing=_("Say what came of it; it goes on record."))
        done = await self.counter.ask(Form(_("Acknowledge this alert"), [note], work))
        if done is not None:
            await self.show_alerts()
            self.say(_("The alert is acknowledged."))
            self.counter.alerts.look()

    # Reports

    async def make_report(self) -> None:
        """Ask for the days, and show the report about them."""
        desk, now = self.desk, self.counter.lifeline.clock.now
        if now is None:
            raise UsageError("The time is not known yet.", code="no_time", hint="Try again.")
        today = local(now, desk.place.office.operator.time_zone).date()

        def work(typed: Typed) -> Report:
            return desk.report(typed["since"], typed["until"])

        since = Field("since", _("From"), missing=_("Write a day: 2026-11-25."), value=f"{today.replace(day=1)}")
        until = Field("until", _("To"), missing=_("Write a day: 2026-11-25."), value=f"{today}")
        made = await self.counter.ask(Form(_("Compliance report"), [since, until], work))
        if made is not None:
            self.compliance, self.face = made, Face.REPORT
            self.fill()

    async def save_report(self) -> None:
        """Write the report to a file."""
        desk, report = self.desk, self.compliance
        if report is None:
            return

        def work(typed: Typed) -> Path:
            return desk.save(report, typed["file"])

        note = _("A name that ends in .json gets JSON, any other CSV.")
        out = await self.counter.ask(Form(_("Save this report"), [self._file("compliance")], work, note=note))
        if out is not None:
            self.say(_("The report is in {file}.", file=out))
