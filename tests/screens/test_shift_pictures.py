"""How the shift and the approvals look, at the smallest screen and at a comfortable one, with data of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from textual.pilot import Pilot

from core import shifts
from core.approvals import Approval
from core.ops.demo import PIN
from core.shifts import Shift, counting
from core.shifts.counting import Counted
from core.shifts.figures import Count, Figures, Movement, Sum, Work
from core.shifts.sheet import Sheet, StoredZ
from core.shifts.stock import Roll
from counter.app import CounterApp
from counter.lifeline import Clock
from counter.screens.approvals import ApprovalsScreen
from counter.screens.shift import ShiftScreen
from counter.screens.shift_flows import Face
from counter.shift_desk import DrawerState, ShiftDesk
from tests.conftest import sign_in

SIZES = [(80, 24), (120, 40)]
NOON = datetime(2026, 11, 20, 1, 41, tzinfo=UTC)
SHIFT = Shift(UUID(int=14), 14, UUID(int=1), "Sari", 1, "open", 300_000, NOON - timedelta(hours=1), False)
FIGURES = Figures(
    300_000,
    sales={"cash": Sum(12, 5_400_000), "debit_card": Sum(4, 1_830_000), "qris": Sum(3, 1_350_000)},
    refunds={"cash": Sum(1, 112_500)},
    movements=(
        Movement("cash_in", 50_000, "change from the office", None, "2026-11-20T08:05:00+07:00", "Sari"),
        Movement("drop", 4_000_000, "full drawer", "B-77", "2026-11-20T08:30:00+07:00", "Sari"),
        Movement("no_sale", 0, "change for a colleague", None, "2026-11-20T08:38:00+07:00", "Sari"),
    ),
    discounts={"DEMO10": Sum(2, 91_000)},
    work=Work(19, "ABX4K7Q", "K7Q2MNP", 27, 27, 1, 1),
    rolls=(Roll("A17", 100, None, 0),),
)
COUNT = Count({100_000: 15, 50_000: 2, 20_000: 1, 5_000: 0, 500: 25, 100: 0})
REPORT: dict[str, Any] = {
    "shift_number": 14, "status": "open", "clerk": "Sari", "staff_number": "1001", "terminal": "LOKET-2",
    "station": "YK", "scripted": False, "opened_at": "2026-11-20T07:41:00+07:00", "counted_at": None,
    "report": "x", "operator": "Kereta Api Contoh", "currency": "IDR", **FIGURES.as_json(), "expected": None,
}  # fmt: skip


def counted() -> Counted:
    sheet = Sheet(SHIFT, "1001", "LOKET-2", "YK", "Asia/Jakarta", NOON, COUNT.amount, None, None, None, None, None)
    return Counted(sheet, FIGURES, (COUNT,), 1, 20_000)


def closed() -> StoredZ:
    body = {
        **REPORT, **counted().outcome(), "report": "z", "z_number": 13, "closed_at": "2026-11-20T08:41:00+07:00",
        "closed_by": "Sari", "difference_reason": "a note too few in the change", "approved_by": "Wulan",
        "approval_number": 7, "previous_digest": "",
    }  # fmt: skip
    return StoredZ(13, body, bytes(32), SHIFT.id)


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clock, "now", NOON)
    monkeypatch.setattr(shifts, "current", lambda *_: SHIFT)
    monkeypatch.delenv("NO_COLOR", raising=False)


async def at_the_shift(
    pilot: Pilot[Any], until: Any, state: DrawerState, monkeypatch: pytest.MonkeyPatch
) -> ShiftScreen:
    monkeypatch.setattr(ShiftDesk, "state", lambda _: state)
    app = pilot.app
    assert isinstance(app, CounterApp)
    await until(pilot, lambda: app.bar.now is not None)
    await app.sign_in("1001", PIN)
    await until(pilot, lambda: app.current_mode == "sell")
    await pilot.press("ctrl+t")
    await until(
        pilot, lambda: isinstance(app.screen, ShiftScreen) and not app.screen.busy and app.screen.state is state
    )
    screen = app.screen
    assert isinstance(screen, ShiftScreen)
    screen.line.clear()
    await pilot.pause()
    return screen


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("face", ["none", "open", "counting", "counted", "closed", "cash_out"])
def test_shift(snap_compare, desk_settings, office, until, monkeypatch, face: str, size: tuple[int, int]) -> None:
    sign_in(office, "3001")
    states = {"none": DrawerState(SHIFT), "counted": DrawerState(SHIFT, REPORT, counted())}

    async def ready(pilot: Pilot[Any]) -> None:
        screen = await at_the_shift(pilot, until, states.get(face, DrawerState(SHIFT, REPORT)), monkeypatch)
        if face == "counting":
            await pilot.press("c")
            await until(pilot, lambda: screen.face is Face.COUNTING and not screen.busy)
            await pilot.press(*"15", "enter", *"2", "enter", *"1", "enter")
        elif face == "closed":
            await screen.read_z(closed())
            screen.show()
        elif face == "cash_out":
            await pilot.press("o")
            await until(pilot, lambda: pilot.app.screen is not screen)
            await pilot.press(*"35k", "enter")
        await pilot.pause()

    assert snap_compare(CounterApp(desk_settings), terminal_size=size, run_before=ready)


def asked(number: int, kind: str, amount: int, minutes: int, **details: Any) -> Approval:
    return Approval(
        UUID(int=number), number, kind, "shifts", "14", amount, details, "one note too few in the change of a group",
        "pending", UUID(int=1), "Sari", NOON - timedelta(minutes=minutes), NOON + timedelta(minutes=20), 1, None, None,
        None, NOON,
    )  # fmt: skip


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_approvals(snap_compare, desk_settings, office, until, monkeypatch, size: tuple[int, int]) -> None:
    found = [
        asked(7, "over_short", -25_000, 4, shift=14, clerk="Sari", expected=1_657_500, counted=1_632_500),
        asked(8, "cash_movement", 600_000, 1, movement="cash_out", reason="safe", shift=15),
    ]
    monkeypatch.setattr(ShiftDesk, "waiting", lambda _: found)
    monkeypatch.setattr(shifts, "current", lambda *_: None)

    async def ready(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, CounterApp)
        await until(pilot, lambda: app.bar.now is not None)
        await app.sign_in("3001", PIN)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, ApprovalsScreen) and len(app.screen.waiting) == 2)
        await pilot.pause()

    assert snap_compare(CounterApp(desk_settings), terminal_size=size, run_before=ready)


def test_the_float_is_asked_for(snap_compare, desk_settings, office, until, monkeypatch) -> None:
    monkeypatch.setattr(shifts, "current", lambda *_: None)

    async def ready(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: pilot.app.bar.now is not None)
        await pilot.app.sign_in("1001", PIN)
        await until(pilot, lambda: pilot.app.screen.query("#float"))
        await pilot.press(*"300k")
        await pilot.pause()

    assert snap_compare(CounterApp(desk_settings), terminal_size=(80, 24), run_before=ready)


def test_denominations_fit_the_smallest_screen() -> None:
    assert len(counting.DENOMINATIONS) <= 12
