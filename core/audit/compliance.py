"""What auditors ask about a period: who looked, who changed what, who decided, who failed to sign in, and per clerk the
copies, blanks, differences and refunds. ``summarise`` makes it of rows and asks nothing; ``report`` loads them.

Four eyes are checked on what is stored and on the trail as well: where the two name different people, or one person
twice, the report says so.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from core import spreadsheet, training
from core.audit import compliance_rows
from core.audit.compliance_rows import Decision, Found
from core.clock import local
from core.database import Actor, Transaction
from core.errors import NotReady, Refused
from core.office import Office
from core.permissions import require

Row = tuple[Any, ...]
#: Unlike any value.
_MISSING: Final = object()
_UNDECIDED: Final = ("pending", "expired")


@dataclass(frozen=True, slots=True)
class Section:
    """One question and its answer: a table, the sums below it, and what must not be (``problems``)."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    total: Row | None = None
    problems: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Rows and sums by the names of their columns."""
        named = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        total = None if self.total is None else dict(zip(self.columns, self.total, strict=True))
        return {"rows": named, "total": total, "problems": list(self.problems)}


@dataclass(frozen=True)
class Report:
    """The whole report. Times are of the operator's zone, amounts in minor units."""

    operator: str
    since: str
    before: str
    time_zone: str
    sections: tuple[Section, ...] = field(default_factory=tuple)
    in_training: bool = False

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that must not be."""
        return tuple(problem for section in self.sections for problem in section.problems)

    def as_json(self) -> dict[str, Any]:
        """The report as the command prints it."""
        return {
            "operator": self.operator,
            "since": self.since,
            "before": self.before,
            "time_zone": self.time_zone,
            "problems": list(self.problems),
            "sections": {section.name: section.as_json() for section in self.sections},
            **({"training": True} if self.in_training else {}),
        }

    def csv_lines(self) -> Iterator[str]:
        """The report as one table of harmless cells: a block for each section, its name in the first column."""
        notice = [spreadsheet.line([training.NOTICE])] if self.in_training else []
        yield from notice
        yield spreadsheet.line(("report", self.operator, self.since, self.before, self.time_zone))
        for section in self.sections:
            yield spreadsheet.line((section.name, *section.columns))
            yield from (spreadsheet.line((section.name, *row)) for row in section.rows)
            if section.total is not None:
                yield spreadsheet.line((f"{section.name} total", *section.total))
            yield from (spreadsheet.line((f"{section.name} problem", problem)) for problem in section.problems)
        yield from notice


def report(office: Office, actor: Actor, since: datetime, before: datetime) -> Report:
    """The report about ``since`` up to ``before``; the look is on the trail before it is taken.

    Raises:
        NotPermitted: not a supervisor or an administrator.
    """
    require(actor, "look_into_audit")
    zone = office.operator.time_zone
    span = {"since": _at(since, zone), "before": _at(before, zone)}

    def load(tx: Transaction) -> Found:
        return compliance_rows.load(tx, since, before)

    office.database.transaction(lambda tx: tx.audit("view", "audit_logs", "report", new={"filter": span}), actor=actor)
    found = office.database.transaction(load, actor=actor, snapshot=True, statement_timeout=300)
    sections, practised = summarise(found, zone), office.operator.is_training
    return Report(office.operator.name, span["since"], span["before"], zone, sections, practised)


def save(office: Office, actor: Actor, made: Report, out: Path) -> None:
    """Write a report to a new file that its owner alone may read: JSON if its name ends in ``.json``, else CSV.

    Raises:
        NotPermitted: not a supervisor or an administrator.
        Refused: a file of that name is there (code ``file_exists``).
        NotReady: it cannot be written (code ``file_not_written``).
    """
    require(actor, "export_audit")
    as_json = out.suffix.lower() == ".json"
    said = {"export": True, "filter": {"since": made.since, "before": made.before}}
    office.database.transaction(lambda tx: tx.audit("view", "audit_logs", "report", new=said), actor=actor)
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.writelines([json.dumps(made.as_json()) + "\n"] if as_json else made.csv_lines())
            stream.flush()
            os.fsync(descriptor)
    except FileExistsError:
        raise Refused(f"{out} is there already.", code="file_exists", hint="Choose another name.") from None
    except OSError as error:
        raise NotReady(f"{out} cannot be written.", code="file_not_written", hint=f"{error.strerror}.") from error


def summarise(found: Found, zone: str) -> tuple[Section, ...]:
    """Every section, its rows in a fixed order.

    Args:
        zone: of the clock that times are written by.
    """
    return (
        _summed("views", ("staff", "entity", "views", "different"), found.views, sums=2),
        _changes(found, zone),
        _approvals(found.decisions),
        _sign_ins(found, zone),
        _summed("copies_and_spoilt", ("staff", "copies", "voided", "spoilt"), _by_clerk(found.papers, 3), sums=1),
        _summed("over_short", ("staff", "shifts", "over", "short", "net"), _differences(found), sums=1),
        _summed("refunds", ("staff", "requested", "completed", "amount"), _by_clerk(found.refunds, 3), sums=1),
        Section(
            "exports", ("at", "staff", "of", "what", "filter"),
            tuple((_at(at, zone), *rest) for at, *rest in sorted(found.exports, key=_first)),
        ),
    )  # fmt: skip


def _summed(name: str, columns: tuple[str, ...], rows: Iterable[Row], *, sums: int) -> Section:
    """A section whose columns from ``sums`` on are added up."""
    known = tuple(sorted(rows, key=lambda row: tuple(map(str, row[:sums]))))
    blank: Row = ("",) * sums
    total = (*blank, *(sum(row[at] for row in known) for at in range(sums, len(columns))))
    return Section(name, columns, known, total)


def _by_clerk(rows: Iterable[Row], width: int) -> list[Row]:
    """Rows (staff, figures …) with one line to a person."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0] * width)
    for staff, *figures in rows:
        sums[staff] = [before + more for before, more in zip(sums[staff], figures, strict=True)]
    return [(staff, *figures) for staff, figures in sums.items()]


def _differences(found: Found) -> list[Row]:
    rows = [(staff, 1, max(0, off), max(0, -off), off) for staff, off in found.differences]
    return _by_clerk(rows, 4)


def _changes(found: Found, zone: str) -> Section:
    rows = [
        (_at(at, zone), staff, action, f"{entity} {entity_id}", _changed(old, new))
        for at, staff, action, entity, entity_id, old, new in sorted(found.changes, key=_first)
    ]
    return Section("changes", ("at", "staff", "action", "of", "fields"), tuple(rows))


def _changed(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> str:
    """Which fields a change names, and not what they say: that stands on the trail."""
    before, after = old or {}, new or {}
    return ", ".join(sorted(name for name in {*before, *after} if before.get(name, _MISSING) != after.get(name)))


def _approvals(decisions: Sequence[Decision]) -> Section:
    groups: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for one in decisions:
        line = groups[one.asked_by, one.decided_by or "", one.kind]
        line[0] += 1
        line[1] += one.status in ("approved", "used")
        line[2] += one.status == "refused"
        line[3] += one.status in _UNDECIDED
        line[4] += one.amount or 0
    columns = ("asked_by", "decided_by", "kind", "asked", "approved", "refused", "undecided", "amount")
    made = _summed("approvals", columns, [(*who, *figures) for who, figures in groups.items()], sums=3)
    problems = tuple(problem for one in decisions for problem in _four_eyes(one))
    return Section(made.name, made.columns, made.rows, made.total, problems)


def _four_eyes(one: Decision) -> Iterator[str]:
    """What is wrong with who asked and who decided."""
    name = f"request {one.number}"
    if one.decided_by is not None and one.decided_by == one.asked_by:
        yield f"{name}: {one.asked_by} asked and decided"
    asked, decided = set(one.trail_asked), set(one.trail_decided)
    if asked & decided:
        yield f"{name}: by the audit trail {', '.join(sorted(asked & decided))} asked and decided"
    if asked != {one.asked_by}:
        yield f"{name}: {one.asked_by} asked, by the audit trail {', '.join(sorted(asked)) or 'nobody'}"
    expected = set() if one.decided_by is None else {one.decided_by}
    if decided != expected:
        yield (
            f"{name}: {one.decided_by or 'nobody'} decided, by the audit trail {', '.join(sorted(decided)) or 'nobody'}"
        )


def _sign_ins(found: Found, zone: str) -> Section:
    rows = [
        (number, succeeded, failed, locked, _at(last, zone) if last else "")
        for number, succeeded, failed, locked, last in sorted(found.sign_ins, key=_first)
        if failed or locked
    ]
    sums = tuple(sum(int(row[at]) for row in rows) for at in (1, 2, 3))
    return Section("sign_ins", ("number", "succeeded", "failed", "locked", "last_failed"), tuple(rows), ("", *sums, ""))


def _first(row: Row) -> Any:
    return row[0]


def _at(moment: datetime, zone: str) -> str:
    return local(moment, zone).isoformat(timespec="seconds")
