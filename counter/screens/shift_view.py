"""How a shift is drawn: its sums, its movements, what was counted. Pure functions from reports to tables.

What belongs here: words and columns. The figures are ``core.shifts``'s, and so is who may see which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from core.money import grouped
from core.payments import METHODS
from core.shifts.counting import Counted
from counter.i18n import _, clock_time, day_in_words
from counter.symbols import drawn, symbols

Report = Mapping[str, Any]

#: Kinds of movement as people call them, and which way the cash goes.
KINDS = {"cash_in": ("cash in", 1), "cash_out": ("cash out", -1), "drop": ("drop", -1), "no_sale": ("no-sale", 0)}


def title_of(report: Report) -> str:
    """Which shift, whose, since when."""
    opened = datetime.fromisoformat(report["opened_at"])
    return drawn(
        _("Shift {number} · {staff} · open since {time}", number=report["shift_number"],
          staff=f"{report['staff_number']} {report['clerk']}",
          time=f"{day_in_words(opened.date())} {clock_time(opened)}")
    )  # fmt: skip


def sums_table(report: Report) -> Table:
    """Money by method, and the drawer as far as it may be told."""
    table = _amounts()
    _heading(table, _("Sales"))
    _by_method(table, report["sales"])
    _row(table, _("Total"), report["sales_total"]["count"], report["sales_total"]["amount"], bold=True)
    if report["refunds"]:
        _heading(table, _("Refunds"))
        _by_method(table, report["refunds"])
    if report["fines"]:
        _heading(table, _("Fines"))
        _by_method(table, report["fines"])
    if report["discounts"]:
        _heading(table, _("Discounts"))
        for cause, one in report["discounts"].items():
            _row(table, _(cause), one["count"], one["amount"])
    _heading(table, _("Drawer"))
    _row(table, _("Float"), None, report["float"])
    for name, word, sign in (("cash_in", "Cash in", 1), ("cash_out", "Cash out", -1), ("drops", "Drop", -1)):
        if report[name]["count"]:
            _row(table, _(word), report[name]["count"], sign * report[name]["amount"])
    if report["expected"] is not None:
        _row(table, _("Expected"), None, report["expected"], bold=True)
    return table


def _amounts() -> Table:
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", width=4, no_wrap=True)
    table.add_column(justify="right", min_width=12, no_wrap=True)
    return table


def _heading(table: Table, word: str) -> None:
    table.add_row(Text(drawn(word), "bold underline"), "", "")


def _row(table: Table, word: str, count: int | None, amount: int, *, bold: bool = False) -> None:
    cells = (f"  {word}", "" if count is None else str(count), grouped(amount))
    table.add_row(*(Text(drawn(cell), "bold" if bold else "") for cell in cells))


def _by_method(table: Table, sums: Mapping[str, Mapping[str, int]]) -> None:
    for method, one in sums.items():
        name = METHODS[method].name if method in METHODS else method
        _row(table, _(name), one["count"], one["amount"])


def work_table(report: Report) -> Group:
    """What was sold and printed, the stock, and the movements, the newest first."""
    table = _pairs()
    table.add_row(Text(drawn(_("Work")), "bold underline"), "")
    stock = [] if report["stock_unaccounted"] is None else [(_("Blanks unaccounted for"), report["stock_unaccounted"])]
    rows = [
        (_("Bookings"), report["bookings"]), (_("Tickets"), report["tickets"]),
        (_("Copies printed"), report["copies_printed"]), (_("No-sales"), report["no_sales"]), *stock,
        *((f"{_('Roll')} {roll['roll']}", roll["first_number"]) for roll in report["rolls"]),
    ]  # fmt: skip
    for word, number in rows:
        table.add_row(drawn(f"  {word}"), str(number))
    if report["payments_under_way"]:
        words = drawn(f"  {_('Payments under way')}")
        table.add_row(Text(words, "bold"), str(report["payments_under_way"]))
    parts: list[RenderableType] = [table]
    if report["movements"]:
        parts.append(Text(drawn(_("Movements")), "bold underline"))
    for one in reversed(report["movements"]):
        word, sign = KINDS[one["kind"]]
        line = _pairs()
        at = clock_time(datetime.fromisoformat(one["at"]))
        line.add_row(drawn(f"  {at} {_(word)}"), grouped(sign * one["amount"]) if sign else "")
        why = " ".join(filter(None, (one["bag"], one["reason"])))
        parts += [line, Text(drawn(f"    {why}"), "dim", no_wrap=True, overflow="ellipsis")]
    return Group(*parts)


def _pairs() -> Table:
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    return table


def count_table(counted: Counted) -> Table:
    """What was counted, every attempt, the last one first."""
    table = _amounts()
    for number, attempt in reversed(list(enumerate(counted.attempts, start=1))):
        _heading(table, _("Count {n}", n=number))
        for worth in sorted(attempt.pieces, reverse=True):
            if attempt.pieces[worth]:
                _row(table, grouped(worth), attempt.pieces[worth], worth * attempt.pieces[worth])
        _row(table, _("Total"), None, attempt.amount, bold=True)
    return table


def verdict_of(counted: Counted) -> tuple[str, int]:
    """The word and the sum of the difference, as they are shown large."""
    mark = symbols()
    if counted.difference == 0:
        return f"{mark.yes} {_('FITS')}", 0
    word = _("OVER") if counted.difference > 0 else _("SHORT")
    return f"{mark.warning} {word}", abs(counted.difference)


def verdict_table(counted: Counted) -> Table:
    """What should have been there and what was."""
    table = _amounts()
    _row(table, _("Expected"), None, counted.expected)
    _row(table, _("Counted"), None, counted.count.amount)
    return table


def lines_of(texts: Iterable[str]) -> str:
    """Several sentences below each other, without the empty ones."""
    return drawn("\n".join(text for text in texts if text))
