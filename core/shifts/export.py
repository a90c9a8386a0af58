"""Z reports and lists of shifts as tables for a spreadsheet.

What belongs here: rows and columns; that no text becomes a formula is ``core.spreadsheet``'s. Amounts are whole minor
units, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from core import spreadsheet, training
from core.errors import UsageError

Cell: TypeAlias = str | int | None

_HEADING: Final = (
    *("operator", "z_number", "shift_number", "clerk", "staff_number", "terminal", "station", "opened_at"),
    *("counted_at", "closed_at", "closed_by", "difference_reason", "approved_by", "previous_digest", "digest"),
)
_SUMS: Final = ("sales", "refunds", "fines", "discounts")
_COUNTS: Final = (
    *("no_sales", "bookings", "tickets", "originals_printed", "copies_printed", "payments_under_way"),
    *("stock_spoilt", "stock_unaccounted"),
)
_AMOUNTS: Final = ("float", "expected", "counted", "difference")
_SHIFT_COLUMNS: Final = (
    *("shift_number", "z_number", "status", "clerk", "staff_number", "terminal", "station", "opened_at", "counted_at"),
    *("closed_at", "closed_by", "float", "expected", "counted", "difference", "difference_reason"),
)


def z_table(report: Mapping[str, Any]) -> list[tuple[Cell, ...]]:
    """A Z report, one figure to a row: section, item, count, amount, text."""
    rows: list[tuple[Cell, ...]] = [("section", "item", "count", "amount", "text")]
    rows += [("report", name, None, None, _text(report.get(name))) for name in _HEADING]
    for section in _SUMS:
        # Reports from before there were fines say nothing of them.
        rows += [(section, kind, one["count"], one["amount"], None) for kind, one in report.get(section, {}).items()]
    for name in ("cash_in", "cash_out", "drops"):
        rows.append(("cash", name, report[name]["count"], report[name]["amount"], None))
    rows += [("drawer", name, None, report[name], None) for name in _AMOUNTS]
    rows += [("work", name, report[name], None, None) for name in _COUNTS]
    rows += [("work", name, None, None, _text(report[name])) for name in ("first_booking", "last_booking")]
    rows += [
        ("movement", one["kind"], None, one["amount"], " ".join(filter(None, (one["at"], one["bag"], one["reason"]))))
        for one in report["movements"]
    ]
    for attempt, lines in enumerate(report["counts"], start=1):
        rows += [(f"count {attempt}", one["denomination"], one["pieces"], one["amount"], None) for one in lines]
    for roll in report["rolls"]:
        text = f"{roll['first_number']} to {roll['next_number']}, {roll['spoilt']} spoilt"
        rows.append(("roll", roll["roll"], roll["used"], None, text))
    return rows


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def shifts_table(
    shifts: Sequence[Mapping[str, Any]], reports: Mapping[int, Mapping[str, Any]]
) -> list[tuple[Cell, ...]]:
    """Shifts, one to a row, with what each method took and paid back by its Z report (number → report)."""
    kinds = [
        (section, method)
        for section in ("sales", "refunds", "fines")
        for method in sorted({method for report in reports.values() for method in report.get(section, {})})
    ]
    rows: list[tuple[Cell, ...]] = [(*_SHIFT_COLUMNS, *(f"{section}_{method}" for section, method in kinds))]
    for shift in shifts:
        report = reports.get(shift["z_number"])
        sums = [None if report is None else _sum(report, section, kind) for section, kind in kinds]
        rows.append((*(shift[name] for name in _SHIFT_COLUMNS), *sums))
    return rows


def _sum(report: Mapping[str, Any], section: str, kind: str) -> int:
    found: int = report.get(section, {}).get(kind, {}).get("amount", 0)
    return found


def write(path: Path, rows: Iterable[Sequence[Cell]], *, in_training: bool = False) -> None:
    """Write a table as CSV, UTF-8; one of training between two lines that say so.

    Raises:
        UsageError: the file cannot be written (code ``file_not_writable``).
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            stream.writelines(map(spreadsheet.line, training.framed(rows, training=in_training)))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}.",
            code="file_not_writable",
            hint="Name a file in a folder of yours.",
        ) from None
