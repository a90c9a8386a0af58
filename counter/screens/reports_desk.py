"""What the reports screen asks of the library: blocking calls for ``CounterApp.in_thread``.

What belongs here: which services a report needs, how what was typed is read, files and paper. No widget.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from core.clock import local
from core.database import Actor
from core.errors import DatabaseUnreachable, Refused
from core.reports import changes, drawers, fines, manifest, occupancy, printing, promotion_use, sales
from core.reports.riders import Manifest
from core.reports.span import Span, day_of, span_of
from core.reports.table import Report
from core.shifts.export import write
from counter.printing import print_report
from counter.session import Workplace

if TYPE_CHECKING:
    from counter.app import CounterApp

Name: TypeAlias = Literal[
    "sales",
    "occupancy of a day",
    "occupancy",
    "manifest",
    "refunds",
    "modifications",
    "over short",
    "promotions",
    "fines",
]
NAMES: Final[tuple[Name, ...]] = (
    "sales", "occupancy of a day", "occupancy", "manifest", "refunds", "modifications", "over short", "promotions",
    "fines",
)  # fmt: skip
#: About a departure or a day of departures; the others are about a span of days.
OF_A_DAY: Final = frozenset({"occupancy of a day", "occupancy", "manifest"})
OF_A_TRAIN: Final = frozenset({"occupancy", "manifest"})


@dataclass(frozen=True, slots=True)
class Asked:
    """Which report, about what. ``first`` is the day of a departure as well; None: today."""

    name: Name = "sales"
    by: sales.By = "day"
    first: date | None = None
    last: date | None = None
    train: str = ""
    origin: str = ""
    destination: str = ""

    def moved(self, way: int) -> Asked:
        """The same about the days before (-1) or after (+1)."""
        if self.first is None:
            return self
        last = self.last or self.first
        days = timedelta(days=1) if self.name in OF_A_DAY else last - self.first + timedelta(days=1)
        return replace(self, first=self.first + way * days, last=last + way * days)


@dataclass(frozen=True)
class Made:
    """A report with what was asked, all days known."""

    asked: Asked
    report: Report
    manifest: Manifest | None = None


@dataclass(frozen=True)
class ReportDesk:
    """One supervisor at one terminal. Every method blocks and raises ``CounterError``s."""

    place: Workplace
    actor: Actor

    @classmethod
    def of(cls, app: CounterApp) -> ReportDesk:
        """For whoever works at this application.

        Raises:
            DatabaseUnreachable: the workplace is not open.
        """
        if app.workplace is None or app.actor is None:
            raise DatabaseUnreachable("The database does not answer.", hint="What was typed is kept; try again.")
        return cls(app.workplace, app.actor)

    @property
    def _zone(self) -> str:
        return self.place.office.operator.time_zone

    def _now(self) -> datetime:
        return self.place.office.database.transaction(lambda tx: tx.now)

    def make(self, asked: Asked, *, purpose: str = "shown") -> Made:
        """Read a report."""
        first = asked.first or local(self._now(), self._zone).date()
        known = replace(asked, first=first, last=asked.last or first)
        office, actor = self.place.office, self.actor
        if known.name == "manifest":
            people = manifest.of_departure(
                office, actor, known.train, first, origin=known.origin or None, destination=known.destination or None,
                purpose=purpose,
            )  # fmt: skip
            return Made(known, people.report(), people)
        if known.name == "occupancy":
            return Made(known, occupancy.departure(office, actor, known.train, first))
        if known.name == "occupancy of a day":
            return Made(known, occupancy.day(office, actor, first))
        return Made(known, self._of_span(known, Span(first, known.last or first, self._zone)))

    def _of_span(self, asked: Asked, span: Span) -> Report:
        office, actor = self.place.office, self.actor
        if asked.name == "sales":
            return sales.report(office, actor, span, asked.by)
        ways = {
            "refunds": changes.refunds, "modifications": changes.modifications, "over short": drawers.over_short,
            "promotions": promotion_use.report, "fines": fines.report,
        }  # fmt: skip
        return ways[asked.name](office, actor, span)

    def span(self, first: str, last: str) -> Span:
        """Some days as they were typed."""
        return span_of(self._now(), self._zone, first.strip() or None, last.strip() or None)

    def day(self, written: str) -> date:
        """A day as it was typed; nothing is today."""
        return day_of(self._now(), self._zone, written.strip() or "today")

    def suggested_file(self, made: Made) -> str:
        """A name in this terminal's own folder."""
        about = made.asked
        words = [about.name.replace(" ", "-"), about.by if about.name == "sales" else "", about.train, str(about.first)]
        practised = "training-" if self.place.settings.training else ""
        return str(self.place.settings.home / f"{practised}{'-'.join(filter(None, words))}.csv")

    def save(self, made: Made, path: str) -> Path:
        """Write a report to a file; a manifest is read again, and on the trail as exported."""
        out = Path(path.strip()).expanduser()
        whole = self.make(made.asked, purpose="exported") if made.manifest is not None else made
        write(out, whole.report.table(), in_training=self.place.settings.training)
        return out

    def print(self, made: Made) -> str:
        """Print a report; what became of it.

        Raises:
            Refused: there is no printer here (code ``no_printer``).
        """
        office, kind = self.place.office, self.place.printer_kind
        if kind == "none":
            raise Refused("This terminal has no printer.", code="no_printer", hint="Set COUNTER_PRINTER.")
        if made.manifest is not None:
            job = manifest.queue(office, self.actor, made.manifest, kind)
        else:
            job = printing.queue(office, self.actor, made.report, kind, in_training=self.place.settings.training)
        return print_report(self.place, self.actor, job)
