"""Shifts on the screen: opened after sign-in, moved, counted blindly, closed with a report."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from core import approvals, shifts
from core.ops.demo import PIN
from core.shifts import counting
from counter.app import CounterApp
from counter.dialogs.approver import Approver
from counter.dialogs.form import Form
from counter.dialogs.open_shift import OpenShift
from counter.dialogs.question import Question
from counter.screens.approvals import ApprovalsScreen
from counter.screens.shift import ShiftScreen
from counter.screens.shift_flows import Face
from tests.conftest import sign_in
from tests.screens.till import Till


class Drawer(Till):
    """A clerk at the shift workstation."""

    @property
    def shift(self) -> ShiftScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, ShiftScreen)
        return screen

    @property
    def message(self) -> str:
        shown = self.app.workstation.line.message
        return f"{shown[1]} {shown[2]}".strip() if shown else ""

    async def go_to_shift(self, face: Face = Face.OPEN) -> None:
        await self.press("ctrl+t")
        await self.until(lambda: isinstance(self.app.screen_stack[0], ShiftScreen) and self.shift.face is face)
        await self.settled()

    async def fill(self, *answers: str) -> None:
        """Type into one field after the other of the form in front, Enter after each."""
        form = self.app.screen
        assert isinstance(form, Form), type(form)
        for answer in answers:
            await self.type(f"{answer}\r")
        await self.until(lambda: self.app.screen is not form)
        await self.settled()

    def rows(self, what: str) -> int:
        """Rows of a table, or of a part of it."""
        return Till.count(self, what)

    async def tally(self, *pieces: int) -> None:
        """Count so many pieces of each denomination, from the largest, and store it."""
        await self.press("c" if self.shift.face is Face.OPEN else "r")
        await self.until(lambda: self.shift.face is Face.COUNTING and not self.shift.busy)
        for number in pieces:
            await self.type(f"{number}\r")
        await self.press("f2")
        await self.until(lambda: isinstance(self.app.screen, Question))
        await self.press("enter")
        await self.until(lambda: self.shift.face is Face.COUNTED and not self.shift.busy)
        await self.settled()


@pytest.fixture
async def fresh(desk_settings: Any, until: Any) -> AsyncIterator[Drawer]:
    """A clerk who has just signed in at a counter without an open shift."""
    app = CounterApp(desk_settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.workplace is not None)
        await app.sign_in("1001", PIN)
        drawer = Drawer(pilot)
        await until(pilot, lambda: isinstance(app.screen, OpenShift))
        yield drawer


@pytest.fixture
async def drawer(fresh: Drawer) -> Drawer:
    """The same with a float of 300,000 and a roll of tickets."""
    await fresh.type("300k\tA17 100\r")
    await fresh.until(lambda: not isinstance(fresh.app.screen, OpenShift))
    await fresh.ready()
    return fresh


async def sell(drawer: Drawer) -> int:
    """A whole sale on the sell screen; what was paid."""
    await drawer.type("gmr +2 eks ka43 Budi Santoso 3171010101900001 cash\r")
    await drawer.type("\r")
    await drawer.until(lambda: drawer.rows("payments WHERE payment_status = 'completed'") == 1)
    await drawer.settled()
    paid = drawer.office.database.transaction(lambda tx: tx.raw("SELECT sum(amount) FROM payments").scalar())
    return int(paid or 0)


# Opening


async def test_a_clerk_opens_a_shift_with_a_few_keys(fresh: Drawer) -> None:
    assert "what lies in the drawer?" in fresh.text
    await fresh.type("300k\r")
    await fresh.until(lambda: not isinstance(fresh.app.screen, OpenShift))
    assert fresh.rows("shifts WHERE status = 'open' AND float_amount = 300000 AND NOT is_scripted") == 1
    assert "Shift 1" in fresh.lines[0]
    assert fresh.message == "Shift 1 is open."


async def test_a_float_that_is_none_stays_in_the_form(fresh: Drawer) -> None:
    await fresh.type("\r")
    assert "Type the sum that lies in the drawer now; 0 if it is empty." in " ".join(fresh.text.split())
    await fresh.type("0\tA17\r")
    await fresh.until(lambda: "A roll is its mark and a number." in fresh.text)
    assert isinstance(fresh.app.screen, OpenShift)
    assert fresh.rows("shifts") == 0


async def test_without_a_shift_selling_says_why_not_and_how(fresh: Drawer) -> None:
    await fresh.press("escape")
    await fresh.until(lambda: fresh.message != "")
    assert fresh.message == "Without a shift nothing can be sold. Ctrl+T opens one."
    await fresh.ready()
    await fresh.type("gmr +2 eks ka43 Budi Santoso 3171010101900001 cash\r")
    await fresh.type("\r")
    await fresh.until(lambda: "No shift is open" in fresh.message)
    assert "Ctrl+T" in fresh.message
    await fresh.go_to_shift(Face.NONE)
    await fresh.press("enter")
    await fresh.until(lambda: isinstance(fresh.app.screen, OpenShift))
    await fresh.fill("5k")
    await fresh.press("ctrl+t", "enter")  # back in the sale, as it was left
    await fresh.until(lambda: fresh.rows("bookings WHERE status = 'confirmed'") == 1)


async def test_a_shift_left_open_is_gone_on_with(office: Any, desk_settings: Any, until: Any) -> None:
    supervisor = sign_in(office, "3001")  # who registers the terminal and opens no shift
    clerk = replace(sign_in(office, "1001", "OTHER"), terminal_id=supervisor.terminal_id)
    shifts.open_shift(office, clerk, 70_000)
    app = CounterApp(desk_settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.workplace is not None)
        await app.sign_in("1001", PIN)
        await until(pilot, lambda: "goes on; it stands open since" in app.workstation.line.sentence)
        assert app.bar.shift == "2"


async def test_another_clerks_shift_is_named_and_a_supervisor_closes_it(
    office: Any, desk_settings: Any, until: Any, owner_connection: Any
) -> None:
    sign_in(office)  # 1001 has a shift here
    owner_connection.execute(text("UPDATE users SET role = 'clerk' WHERE staff_number = '2001'"))
    app = CounterApp(desk_settings)
    async with app.run_test(size=(80, 24)) as pilot:
        drawer = Drawer(pilot)
        await until(pilot, lambda: app.workplace is not None)
        await app.sign_in("2001", PIN)
        await until(pilot, lambda: "belongs to shift 1 of Sari" in app.workstation.line.sentence)
        assert "supervisor" in drawer.message
        await drawer.go_to_shift(Face.NONE)
        assert "Nobody else sells here until it is closed." in drawer.text
        await app.attendance.sign_off()
        await app.sign_in("3001", PIN)
        await until(pilot, lambda: "belongs to shift 1 of Sari" in app.workstation.line.sentence)
        await drawer.go_to_shift()
        await drawer.tally(0)
        await drawer.press("enter")
        await drawer.until(lambda: drawer.shift.face is Face.CLOSED)
        assert drawer.rows("z_reports") == 1


# Cash


async def test_cash_in_and_out(drawer: Drawer) -> None:
    await drawer.go_to_shift()
    await drawer.press("i")
    await drawer.fill("50k", "change from the office")
    assert drawer.message == "Noted: 50.000."
    await drawer.press("o")
    await drawer.fill("20k", "stamps")
    await drawer.press("d")
    await drawer.fill("100k", "B-77", "full drawer")
    await drawer.press("n")
    await drawer.fill("change a note")
    assert "B-77 full drawer" in drawer.text
    assert "-100.000" in drawer.text
    assert "Expected" not in drawer.text
    assert drawer.rows("cash_movements") == 4
    await drawer.press("escape")
    assert drawer.app.current_mode == "sell"


async def test_a_large_payment_out_is_approved_in_place(drawer: Drawer) -> None:
    await drawer.go_to_shift()
    await drawer.press("o")
    await drawer.fill("600k", "safe")
    await drawer.until(lambda: isinstance(drawer.app.screen, Approver))
    await drawer.type("3001\r")
    await drawer.type("000000\r")
    await drawer.until(lambda: "do not fit" in drawer.text)
    assert drawer.rows("cash_movements") == 0
    await drawer.fill(PIN)
    assert drawer.app.actor.staff_number == "1001"
    assert drawer.rows("cash_movements WHERE amount = 600000 AND approval_id IS NOT NULL") == 1


# Count and close


async def test_a_shift_from_the_float_to_the_report(drawer: Drawer, desk_settings: Any) -> None:
    paid = await sell(drawer)
    await drawer.press("enter")
    await drawer.go_to_shift()
    assert "Cash" in drawer.text
    total = 300_000 + paid
    pieces = []
    for worth in counting.DENOMINATIONS:
        number, total = divmod(total, worth)
        pieces.append(number)
    await drawer.tally(*pieces)
    assert "FITS" in drawer.text
    await drawer.press("enter")
    await drawer.until(lambda: drawer.shift.face is Face.CLOSED and not drawer.shift.busy)
    assert "Shift closed with Z report 1. The report is printed." in drawer.message
    assert "Z   R E P O R T" in drawer.text
    assert drawer.app.bar.shift == ""
    assert b"LAPORAN Z 1" in Path(desk_settings.printer.removeprefix("file:")).read_bytes()
    await drawer.press("p")
    await drawer.until(lambda: not drawer.shift.busy)
    assert b"COPY 1" in Path(desk_settings.printer.removeprefix("file:")).read_bytes()
    await drawer.press("enter")
    await drawer.until(lambda: isinstance(drawer.app.screen, OpenShift))
    await drawer.fill("0")
    assert drawer.app.bar.shift == "2"


async def test_nothing_is_told_before_the_count_is_stored(drawer: Drawer) -> None:
    await drawer.go_to_shift()
    await drawer.press("c")
    await drawer.until(lambda: drawer.shift.face is Face.COUNTING)
    await drawer.type("2\r1\r")
    assert drawer.shift.counting.total == 250_000
    assert "200.000" in drawer.text
    assert "300.000" not in drawer.text
    assert drawer.rows("shifts WHERE status = 'open'") == 1
    await drawer.press("escape")
    await drawer.until(lambda: isinstance(drawer.app.screen, Question))
    await drawer.press("enter")
    await drawer.until(lambda: drawer.shift.face is Face.OPEN)
    assert drawer.rows("shift_counts") == 0


async def test_a_small_difference_takes_a_reason(drawer: Drawer) -> None:
    await drawer.go_to_shift()
    await drawer.tally(2, 1, 2, 0, 1, 2)  # 299.000: a thousand short
    assert "SHORT" in drawer.text
    await drawer.press("enter")
    await drawer.until(lambda: isinstance(drawer.app.screen, Form))
    await drawer.type("\r")
    assert "Say why" in drawer.text
    await drawer.fill("a customer got too much")
    await drawer.until(lambda: drawer.shift.face is Face.CLOSED)
    assert drawer.rows("shifts WHERE difference_reason = 'a customer got too much'") == 1


async def test_a_recount_stands_beside_the_first_count(drawer: Drawer) -> None:
    await drawer.go_to_shift()
    await drawer.tally(2)
    assert "R counts again" in drawer.text
    await drawer.tally(3)
    assert "FITS" in drawer.text
    assert "R counts again" not in drawer.text
    await drawer.press("enter")
    await drawer.until(lambda: isinstance(drawer.app.screen, Form))
    await drawer.fill("miscounted")
    await drawer.until(lambda: isinstance(drawer.app.screen, Approver))
    await drawer.type("3001\r")
    await drawer.fill(PIN)
    await drawer.until(lambda: drawer.shift.face is Face.CLOSED)
    assert drawer.rows("shift_counts WHERE attempt = 2") == len(counting.DENOMINATIONS)


async def test_a_large_difference_is_approved_elsewhere_meanwhile(drawer: Drawer) -> None:
    await drawer.go_to_shift()
    await drawer.tally(2)
    await drawer.press("enter")
    await drawer.until(lambda: isinstance(drawer.app.screen, Form))
    await drawer.fill("lost")
    await drawer.until(lambda: isinstance(drawer.app.screen, Approver))
    await drawer.press("escape")
    await drawer.until(lambda: "waits for a supervisor" in drawer.message)
    supervisor = sign_in(drawer.office, "3001", "OFFICE-1")
    (asked,) = approvals.waiting(drawer.office, supervisor)
    assert (asked.amount, asked.reason) == (-100_000, "lost")
    approvals.decide(drawer.office, supervisor, asked.id, approve=True)
    await drawer.press("enter")
    await drawer.until(lambda: drawer.shift.face is Face.CLOSED)
    assert drawer.rows("approvals WHERE status = 'used'") == 1


async def test_ticket_stock_is_counted_with_the_drawer(drawer: Drawer) -> None:
    await drawer.go_to_shift()
    await drawer.press("c")
    await drawer.until(lambda: drawer.shift.face is Face.COUNTING)
    await drawer.type("3\r" + "\r" * (len(counting.DENOMINATIONS) - 1) + "102\r1\r")
    await drawer.until(lambda: isinstance(drawer.app.screen, Question))
    await drawer.press("enter")
    await drawer.until(lambda: drawer.shift.face is Face.COUNTED)
    assert drawer.rows("stock_counts WHERE roll = 'A17' AND next_number = 102 AND spoilt = 1") == 1


async def test_indonesian(drawer: Drawer) -> None:
    await drawer.go_to_shift()
    drawer.app.speak("id")
    await drawer.settled()
    assert "Sif 1 · 1001 Sari · dibuka sejak" in drawer.text
    await drawer.press("c")
    await drawer.until(lambda: drawer.shift.face is Face.COUNTING)
    assert "TERHITUNG" in drawer.text


async def test_cash_opens_the_drawer(office: Any, desk_settings: Any, until: Any) -> None:
    sign_in(office)
    app = CounterApp(desk_settings.model_copy(update={"drawer": "printer:5"}))
    paper = Path(desk_settings.printer.removeprefix("file:"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.workplace is not None)
        await app.sign_in("1001", PIN)
        drawer = Drawer(pilot)
        await drawer.ready()
        await sell(drawer)
        await drawer.until(lambda: paper.exists() and b"\x1bp\x01\x32\x7d" in paper.read_bytes())


# The supervisor's list


async def test_a_supervisor_decides_with_a_key(office: Any, desk_settings: Any, until: Any) -> None:
    clerk = sign_in(office)
    for number in (1, 2):
        wish = approvals.Wish("over_short", "shifts", str(number), -25_000 * number, {"shift": 13, "clerk": "Dewi"})
        approvals.request(office, clerk, wish, f"reason {number}")
    app = CounterApp(desk_settings)
    async with app.run_test(size=(80, 24)) as pilot:
        drawer = Drawer(pilot)
        await until(pilot, lambda: app.workplace is not None)
        await app.sign_in("3001", PIN)
        await drawer.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, ApprovalsScreen) and len(app.screen.waiting) == 2)
        assert "Sari asks: reason 1" in drawer.text
        await drawer.press("a")
        await drawer.until(lambda: "Request 1 is approved." in drawer.message)
        await drawer.press("x")
        await drawer.until(lambda: isinstance(app.screen, Form))
        await drawer.fill("count again")
        await drawer.until(lambda: "Request 2 is refused." in drawer.message)
        assert "Nothing waits for a decision." in drawer.text
        await drawer.press("ctrl+o")
        assert app.current_mode == "sell"


async def test_a_clerk_has_no_list_of_approvals(drawer: Drawer) -> None:
    await drawer.press("ctrl+o")
    assert drawer.app.current_mode == "sell"
    assert "does not allow" in drawer.message
