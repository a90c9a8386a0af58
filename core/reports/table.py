"""What every report is in the end: named columns, rows, sums, and the facts that say what it is about.

What belongs here: plain data and its forms (JSON, spreadsheet, what a print job keeps). Amounts are minor units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from core.clock import local, zone
from core.database import Transaction
from core.days import parse_day
from core.errors import UsageError

Cell: TypeAlias = str | int | None
Kind: TypeAlias = Literal["text", "count", "money", "percent"]
#: Days that one report may be about.
MOST_DAYS: Final = 400


@dataclass(frozen=True, slots=True)
class Column:
    """``key`` is for programs, ``label`` (English) for people. Per cents are whole numbers."""

    key: str
    label: str
    kind: Kind = "text"
    #: Whether its sum means something.
    adds_up: bool = True

    @property
    def is_summed(self) -> bool:
        return self.adds_up and self.kind in ("count", "money")


@dataclass(frozen=True)
class Report:
    """A report. ``name`` is for programs, ``title`` (English) for people; ``facts`` say what it is about."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    facts: Mapping[str, Cell] = field(default_factory=dict)

    @property
    def totals(self) -> tuple[Cell, ...]:
        """The sum of each column that has one, None elsewhere."""
        return tuple(
            sum(int(row[at] or 0) for row in self.rows) if column.is_summed else None
            for at, column in enumerate(self.columns)
        )

    def total(self, key: str) -> int:
        """The sum of one column."""
        at = next(at for at, column in enumerate(self.columns) if column.key == key)
        return int(self.totals[at] or 0)

    def cells(self, key: str) -> list[Cell]:
        """One column, from top to bottom."""
        at = next(at for at, column in enumerate(self.columns) if column.key == key)
        return [row[at] for row in self.rows]

    def as_json(self) -> dict[str, Any]:
        """The report as commands print it."""
        keys = [column.key for column in self.columns]
        sums = dict(zip(keys, self.totals, strict=True))
        return {
            "report": self.name,
            **self.facts,
            "rows": [dict(zip(keys, row, strict=True)) for row in self.rows],
            "totals": {key: value for key, value in sums.items() if value is not None},
        }

    def table(self) -> list[Sequence[Cell]]:
        """Heading and rows for a spreadsheet; sums are the spreadsheet's business."""
        return [[column.key for column in self.columns], *self.rows]

    def document(self, heading: Mapping[str, Cell]) -> dict[str, Any]:
        """What a print job keeps of it: printed years later it is the one that was printed then."""
        return {
            "report": self.name,
            "title": self.title,
            **heading,
            "facts": dict(self.facts),
            "columns": [[column.key, column.label, column.kind] for column in self.columns],
            "rows": [list(row) for row in self.rows],
            "totals": list(self.totals),
        }


@dataclass(frozen=True, slots=True)
class Span:
    """Some days of the operator's calendar, both ends included."""

    first: date
    last: date
    time_zone: str

    @property
    def begin(self) -> datetime:
        return datetime.combine(self.first, datetime.min.time(), tzinfo=zone(self.time_zone))

    @property
    def end(self) -> datetime:
        """The moment before which all of it is."""
        return datetime.combine(self.last + timedelta(days=1), datetime.min.time(), tzinfo=zone(self.time_zone))

    @property
    def bounds(self) -> dict[str, Any]:
        """For a query's parameters ``:begin``, ``:end`` and ``:zone``."""
        return {"begin": self.begin, "end": self.end, "zone": self.time_zone}

    def facts(self) -> dict[str, Cell]:
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}


def span_of(tx: Transaction, time_zone: str, first: str | None = None, last: str | None = None) -> Span:
    """The days somebody asks about: today if nothing is said, one day if only the first is.

    Raises:
        UsageError: no such day (``date_invalid``), or the days go backwards or are too many (``span_invalid``).
    """
    today = local(tx.now, time_zone).date()
    begin = _day(first, today) if first else None
    end = _day(last, today) if last else begin
    begin, end = begin or end or today, end or today
    if not timedelta() <= end - begin < timedelta(days=MOST_DAYS):
        raise UsageError(
            f"From {begin} to {end} is no span of up to {MOST_DAYS} days.",
            code="span_invalid",
            hint="Name the earlier day first.",
        )
    return Span(begin, end, time_zone)


def _day(written: str, today: date) -> date:
    """A day as people write it. ``25`` is the last 25th, not the next: reports look back. ``-1`` is yesterday."""
    word = written.strip()
    if word.startswith("-") and word[1:].isdigit() and len(word) <= len("-999"):
        return today - timedelta(days=int(word[1:]))
    return parse_day(word, today)
