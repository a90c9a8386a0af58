"""How reports are drawn: pure functions from a report to its title, its table and what a chart of it would show."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from core.money import grouped
from core.reports.table import Cell, Column, Report
from counter.i18n import _, day_in_words
from counter.screens.reports_desk import OF_A_DAY, OF_A_TRAIN, Asked
from counter.symbols import drawn, symbols

if TYPE_CHECKING:
    from counter.widgets.figures_chart import Bars

#: Rows of one page: longer tables hold the screen up.
PAGE_ROWS: Final = 100
#: Left out where there is no room; files and wide screens have them.
_FOR_WIDE: Final = frozenset({"ticket", "booking", "approved_by", "costs", "terminal", "boarded", "payments"})
#: What gets the room that is left; without any the table is as wide as it is.
_LONG: Final = frozenset({"name", "train", "clerk", "reason"})
#: Stored words that people read in their language.
_WORDS: Final = frozenset({"kind", "reason", "change", "method", "status", "within_policy", "type", "class", "boarded"})
_FREE_WORDS: Final = frozenset({"over short"})
_MILLION: Final = 1_000_000


def title(asked: Asked, report: Report | None) -> str:
    """Which report this is, and about what."""
    dot = f" {symbols().dot} "
    parts = [_(report.title) if report is not None else _("Reports")]
    if asked.name in OF_A_TRAIN and report is not None:
        parts.append(f"{report.facts.get('train')} {report.facts.get('train_name')}")
    if asked.first is not None:
        parts.append(days(asked.first, None if asked.name in OF_A_DAY else asked.last))
    if asked.name == "manifest" and report is not None:
        parts.append(f"{report.facts.get('from')} {symbols().arrow} {report.facts.get('to')}")
    return dot.join(parts)


def days(first: date, last: date | None) -> str:
    """One day, or from one to another."""
    begin = day_in_words(first, year=True)
    if last is None or last == first:
        return begin
    return f"{begin} - {day_in_words(last, year=True)}"


def table(report: Report, page: int, *, wide: bool) -> Table:
    """A page of the rows, sums below the last."""
    shown = [at for at, one in enumerate(report.columns) if wide or one.key not in _FOR_WIDE]
    stretches = any(report.columns[at].key in _LONG for at in shown)
    padding = (0, 2 if wide else 1, 0, 0)
    made = Table(box=None, padding=padding, expand=stretches, show_edge=False, header_style="bold")
    for at in shown:
        one = report.columns[at]
        figure = one.kind != "text"
        made.add_column(
            drawn(_(one.label)), justify="right" if figure else "left", no_wrap=True,
            overflow="ellipsis", ratio=1 if one.key in _LONG else None,
        )  # fmt: skip
    for row in report.rows[page * PAGE_ROWS : (page + 1) * PAGE_ROWS]:
        made.add_row(*(Text(drawn(cell(row[at], report.columns[at], report))) for at in shown))
    totals = report.totals
    if (page + 1) * PAGE_ROWS >= len(report.rows) and report.rows and any(one is not None for one in totals):
        sums = [cell(totals[at], report.columns[at], report) for at in shown]
        made.add_row(*(Text(drawn(one), style="bold") for one in (_("Total"), *sums[1:])))
    return made


def cell(value: Cell, column: Column, report: Report) -> str:
    """One value as people read it, without anything a terminal would obey."""
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value} %" if column.kind == "percent" else grouped(value)
    if column.key in _WORDS and report.name not in _FREE_WORDS:
        return _(value.replace("_", " ")) if value else ""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in value)


def pages(report: Report) -> int:
    """How many pages there are; one at least."""
    return max(1, -(-len(report.rows) // PAGE_ROWS))


def chart(report: Report) -> Bars | None:
    """What a picture would show: how full each leg or train is, what each day brought; None where it says no more."""
    if not report.rows:
        return None
    from counter.widgets.figures_chart import Bars

    if report.name == "occupancy":
        legs = [row for row in report.rows if row[2] == "all"]
        names = tuple(f"{row[0]}-{row[1]}" for row in legs)
        return Bars(names, tuple(float(row[-1] or 0) for row in legs), _("Full on each leg, per cent"), 100)
    if report.name == "occupancy of a day":
        names = tuple(str(row[0]).split(" ", 1)[0] for row in report.rows)
        values = tuple(float(one or 0) for one in report.cells("fullest"))
        return Bars(names, values, _("The fullest leg of each train, per cent"), 100)
    if report.name == "sales by day" and len(report.rows) > 1:
        names = tuple(str(one)[5:] for one in report.cells("day"))
        values = tuple(float(one or 0) / _MILLION for one in report.cells("net"))
        return Bars(names, values, _("Net of each day, millions"))
    return None
