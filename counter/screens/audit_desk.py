"""What the audit screen asks of the library: blocking calls for ``CounterApp.in_thread``.

What belongs here: which services a step needs, in which order. No widget, no decision about the trail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.audit import alerts, compliance, export, proof, trail, wanted
from core.audit.compliance import Report
from core.audit.export import Signed
from core.audit.incidents import Alert
from core.audit.proof import Progress, Proof
from core.audit.trail import Filter, Page
from core.clock import local
from core.database import Actor
from core.errors import DatabaseUnreachable
from counter.session import Workplace

if TYPE_CHECKING:
    from counter.app import CounterApp

#: How far back the list of alerts goes.
_SHOWN: Final = timedelta(days=7)


@dataclass(frozen=True)
class AuditDesk:
    """One supervisor at one terminal. Every method blocks and raises ``CounterError``s."""

    place: Workplace
    actor: Actor

    @classmethod
    def of(cls, app: CounterApp) -> AuditDesk:
        """For whoever works at this application.

        Raises:
            DatabaseUnreachable: the workplace is not open.
        """
        if app.workplace is None or app.actor is None:
            raise DatabaseUnreachable("The database does not answer.", hint="What was typed is kept; try again.")
        return cls(app.workplace, app.actor)

    def filter(self, line: str) -> Filter:
        """What a line of words says; asks nothing."""
        return wanted.parse(line, self.place.time_zone)

    def line_of(self, asked: Filter) -> str:
        """The line of words that says this."""
        return wanted.line_of(asked, self.place.time_zone)

    def look(self, asked: Filter, after: str | None) -> Page:
        """A page of the trail."""
        return trail.look(self.place.office, self.actor, asked, after=after)

    def prove(self, terminal: str | None, progress: Progress) -> Proof:
        """Prove one chain, or all."""
        return proof.check(
            self.place.office, self.actor, self.place.settings.audit_heads_file, progress, terminal=terminal
        )

    def export(self, asked: Filter, path: str) -> tuple[Path, Signed]:
        """Write what a filter finds to a file: JSON lines if its name says so, else CSV."""
        out = Path(path.strip()).expanduser()
        form = "jsonl" if out.suffix.lower() in (".jsonl", ".json") else "csv"
        return out, export.export(self.place.office, self.actor, asked, out, form=form)

    def alerts(self) -> list[Alert]:
        """The alerts of the last days."""
        now = self._now()
        return alerts.alerts(self.place.office, self.actor, now - _SHOWN, now + timedelta(seconds=1))

    def acknowledge(self, alert: Alert, note: str) -> Alert:
        """Put on record that somebody has looked at it."""
        return alerts.acknowledge(self.place.office, self.actor, alert.id, note)

    def report(self, since: str, until: str) -> Report:
        """The compliance report about some days of the operator's calendar."""
        zone = self.place.office.operator.time_zone
        begin, end = wanted.begin(wanted.moment(since.strip()), zone), wanted.end(wanted.moment(until.strip()), zone)
        return compliance.report(self.place.office, self.actor, begin, end)

    def save(self, report: Report, path: str) -> Path:
        """Write a report to a file: JSON if its name says so, else CSV."""
        out = Path(path.strip()).expanduser()
        compliance.save(self.place.office, self.actor, report, out)
        return out

    def suggested_file(self, what: str, now: datetime | None) -> str:
        """A name nobody has taken yet, in this terminal's own folder."""
        stamp = f"-{local(now, self.place.time_zone):%Y%m%d-%H%M%S}" if now is not None else ""
        practised = "training-" if self.place.settings.training else ""
        return str(self.place.settings.home / f"{practised}{what}{stamp}.csv")

    def _now(self) -> datetime:
        return self.place.office.database.transaction(lambda tx: tx.now)
