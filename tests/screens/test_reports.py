"""Reports on the screen: chosen by name, moved through the days, drawn as a chart, saved and printed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input
from uuid_utils.compat import uuid7

from core import booking, sale
from core.booking import HoldRequest
from core.office import Office
from core.passengers import PassengerInput
from core.payments import Tender
from core.reports.table import Column, Report
from core.search import departure
from counter.dialogs.choice import Choice
from counter.dialogs.form import Form
from counter.screens.reports import ReportsScreen
from counter.screens.reports_desk import NAMES, Asked
from counter.screens.reports_view import PAGE_ROWS, chart, pages
from counter.symbols import use_ascii
from tests.conftest import sign_in
from tests.screens.till import Till


def sell(office: Office, day: date) -> sale.Sale:
    clerk = sign_in(office, terminal="FAR-1")
    trip = departure(office, "YK", "GMR", day, "43")
    held = booking.hold(office, clerk, HoldRequest(trip.schedule_id, "EKS", "YK", "GMR", 1))
    who = [PassengerInput("Budi Santoso", "3171010101900001")]
    return sale.confirm(office, clerk, held.booking_id, who, Tender("cash"), key=uuid7())


class Boss(Till):
    """A supervisor at the reports."""

    @property
    def reports(self) -> ReportsScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, ReportsScreen)
        return screen

    @property
    def message(self) -> str:
        shown = self.app.workstation.line.message
        return f"{shown[1]} {shown[2]}".strip() if shown else ""

    async def come(self) -> Boss:
        await self.press("ctrl+e")
        await self.until(lambda: isinstance(self.app.screen_stack[0], ReportsScreen) and self.reports.made is not None)
        await self.settled()
        return self

    async def shown(self, dialog: type[Any]) -> Any:
        await self.until(lambda: isinstance(self.app.screen, dialog))
        await self.settled()
        return self.app.screen

    async def done(self) -> None:
        await self.until(lambda: self.app.screen is self.reports and not self.reports.busy)
        await self.settled()

    async def choose(self, name: str, day: date, train: str) -> None:
        """Choose a report about a train, which is asked for; the day stands there already."""
        await self.press("f2")
        await self.shown(Choice)
        await self.press(*["down"] * NAMES.index(name), "enter")  # type: ignore[arg-type]  # one of them
        form = await self.shown(Form)
        form.query_one("#day", Input).value = day.isoformat()
        await self.type(f"{train}\r")
        await self.until(lambda: self.app.screen is not form)
        await self.done()


@pytest.fixture
async def boss(counter: Any, office: Office, travel_day: date) -> AsyncIterator[Boss]:
    sell(office, travel_day)
    async with counter("3001") as pilot:
        till = Boss(pilot)
        await till.until(lambda: till.app.screen_stack[0].query(Input))
        yield await till.come()


async def test_it_begins_with_the_sales_of_today_and_goes_through_the_days(boss: Boss) -> None:
    made = boss.reports.made
    assert made is not None
    assert "Sales by day" in boss.text
    assert made.report.total("payments") == 1
    assert "Total" in boss.text
    await boss.press("left")
    await boss.done()
    assert "Nothing is on record." in boss.text
    await boss.press("right")
    await boss.done()
    assert "Total" in boss.text
    await boss.press("escape")
    await boss.until(lambda: boss.app.current_mode == "sell")


async def test_occupancy_is_a_picture_of_the_legs(boss: Boss, travel_day: date) -> None:
    await boss.choose("occupancy", travel_day, "43")
    assert "43 Taksaka" in boss.text
    assert "Full on each leg, per cent" in boss.text
    assert "YK-KM" in boss.text
    await boss.press("f5")
    assert "Full on each leg, per cent" not in boss.text
    assert "KM" in boss.text


async def test_a_train_that_is_none_is_said_in_the_form(boss: Boss) -> None:
    await boss.press("f2")
    await boss.shown(Choice)
    await boss.press("down", "down", "enter")
    await boss.shown(Form)
    await boss.type("999\r")
    await boss.until(lambda: "There is no train '999'." in boss.text)
    await boss.press("escape")
    await boss.done()


async def test_the_manifest_is_saved_and_printed(boss: Boss, office: Office, travel_day: date, tmp_path: Path) -> None:
    await boss.choose("manifest", travel_day, "43")
    assert "BUDI SANTOSO" in boss.text
    assert "3171010101900001" not in boss.text
    await boss.press("f6")
    form = await boss.shown(Form)
    form.query_one("#file", Input).value = str(tmp_path / "manifest.csv")
    await boss.press("enter")
    await boss.done()
    assert "BUDI SANTOSO" in (tmp_path / "manifest.csv").read_text(encoding="utf-8")
    await boss.press("f7")
    await boss.until(lambda: boss.message == "It is printed.")
    looks = office.database.transaction(
        lambda tx: tx.raw(
            "SELECT new_values->>'manifest' FROM audit_logs WHERE entity_type = 'schedules' ORDER BY created_at"
        ).scalars(),
        actor=sign_in(office, "9001", "FAR-2"),
    )
    assert looks == ["shown", "exported", "printed"]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("plain", [False, True])
async def test_every_report_can_be_drawn(
    counter: Any, office: Office, travel_day: date, size: tuple[int, int], plain: bool
) -> None:
    sell(office, travel_day)
    use_ascii(plain)
    async with counter("3001", size=size) as pilot:
        boss = Boss(pilot)
        await boss.until(lambda: boss.app.screen_stack[0].query(Input))
        await boss.come()
        screen = boss.reports
        for name in NAMES:
            train = "43" if name in ("occupancy", "manifest") else ""
            asked = Asked(name, first=travel_day if "occupancy" in name or train else None, train=train)
            screen.turn(lambda asked=asked: screen.look(asked))
            await boss.done()
            assert screen.made is not None
            assert screen.made.asked.name == name
            assert "F2" in boss.text


async def test_a_clerk_has_no_business_here(counter: Any) -> None:
    async with counter("1001") as pilot:
        till = await Till(pilot).ready()
        await till.press("ctrl+e")
        assert till.app.current_mode == "sell"
        assert "does not allow this" in till.text


def test_the_library_that_draws_is_loaded_with_the_first_chart() -> None:
    program = (
        "import sys, counter.app, counter.screens.reports, counter.screens.reports_view;"
        " sys.exit(any('plotext' in name for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_long_tables_have_pages_and_short_ones_no_picture() -> None:
    columns = (Column("day", "Day"), Column("net", "Net", "money"))
    rows = tuple((f"2026-01-{n:03}", n) for n in range(PAGE_ROWS + 1))
    assert pages(Report("sales by day", "Sales by day", columns, rows)) == 2
    assert chart(Report("sales by day", "Sales by day", columns, rows[:1])) is None
    bars = chart(Report("sales by day", "Sales by day", columns, rows[:3]))
    assert bars is not None
    assert bars.values == (0.0, 1e-06, 2e-06)
