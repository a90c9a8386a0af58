"""What every report is in the end: named columns, rows, sums, and the facts that say what it is about.

What belongs here: plain data and its forms (JSON, spreadsheet, what a print job keeps). Amounts are minor units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Cell: TypeAlias = str | int | None
Kind: TypeAlias = Literal["text", "count", "money", "percent"]


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
