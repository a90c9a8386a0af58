"""The staff on the screen: found by typing, entered, changed, unlocked, signed off; and the first PIN at the login."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from textual.widgets import Input

from core import staff, staff_register, terminals
from core.errors import UsageError
from core.office import Office
from core.ops.demo import PIN
from core.staff_register import ROLES
from counter.app import CounterApp
from counter.dialogs.form import Form
from counter.dialogs.new_pin import NewPinDialog
from counter.dialogs.question import Question
from counter.dialogs.reading import Reading
from counter.i18n import set_language
from counter.screens.staff import StaffScreen
from counter.screens.staff_desk import role_of
from tests.screens.till import Till

NEW = "847261"


class Boss(Till):
    """A supervisor at the staff workstation."""

    @property
    def staff(self) -> StaffScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, StaffScreen)
        return screen

    @property
    def message(self) -> str:
        shown = self.app.workstation.line.message
        return f"{shown[1]} {shown[2]}".strip() if shown else ""

    @property
    def numbers(self) -> list[str]:
        return [one.number for one in self.staff.page.members]

    @property
    def chosen(self) -> str:
        return self.staff.chosen.number if self.staff.chosen else ""

    async def come(self) -> Boss:
        await self.press("ctrl+n")
        await self.until(lambda: isinstance(self.app.screen_stack[0], StaffScreen) and self.staff.page.total > 0)
        await self.settled()
        return self

    async def find(self, words: str, *numbers: str) -> None:
        """Type a filter until it shows these."""
        await self.press("escape") if self.staff.query_one("#filter", Input).value else None
        await self.type(words)
        await self.until(lambda: self.staff.wanted == words and self.numbers == list(numbers))

    async def fill(self, *answers: str) -> None:
        """Type into one field after the other of the form in front, Enter after each."""
        form = self.app.screen
        assert isinstance(form, Form), type(form)
        for answer in answers:
            await self.type(f"{answer}\r")
        await self.until(lambda: self.app.screen is not form)

    async def shown(self, dialog: type[Any]) -> Any:
        await self.until(lambda: isinstance(self.app.screen, dialog))
        await self.settled()
        return self.app.screen

    async def done(self) -> None:
        await self.until(lambda: self.app.screen is self.staff and not self.staff.busy)
        await self.settled()


@pytest.fixture
async def boss(counter: Any) -> AsyncIterator[Boss]:
    async with counter("3001") as pilot:
        till = Boss(pilot)
        await till.until(lambda: till.app.screen_stack[0].query(Input))
        yield await till.come()


async def test_typing_finds_people_and_escape_goes_back(boss: Boss) -> None:
    assert boss.numbers == ["1001", "2001", "3001", "9001"]
    assert "4 members of the staff" in boss.text
    await boss.press("down")
    assert boss.chosen == "2001"
    await boss.find("300", "3001")
    assert "signed in at YK TEST-1" in boss.text
    await boss.type("x")
    await boss.until(lambda: "Nobody fits this filter." in boss.text)
    await boss.press("escape")
    await boss.until(lambda: len(boss.numbers) == 4)
    await boss.press("escape")
    await boss.until(lambda: boss.app.current_mode == "sell")


async def test_somebody_is_entered_and_the_pin_is_shown_once(boss: Boss, office: Office) -> None:
    await boss.press("f2")
    await boss.shown(Form)
    await boss.type("1044\rDewi Lestari\r")
    await boss.press("up")
    await boss.type("yk gmr\r")
    await boss.type("cl")
    form = boss.app.screen
    await boss.press("enter")
    await boss.until(lambda: boss.app.screen is not form)
    dialog = await boss.shown(NewPinDialog)
    pin = dialog._made.pin
    assert "1044 Dewi Lestari" in boss.text
    assert pin in boss.text
    await boss.press("escape")
    assert boss.app.screen is dialog, "a key hit by habit does not lose it"
    await boss.press("enter")
    await boss.done()
    assert pin not in boss.text
    assert (boss.chosen, boss.message) == ("1044", "1044 Dewi Lestari is entered.")
    assert boss.staff.chosen.stations == ("GMR", "YK")
    here = terminals.register(office, "TEST-1")
    staff.change_pin(office, here, "1044", pin, NEW)
    assert staff.sign_in(office, here, "1044", NEW, program="tests").actor.role == "clerk"


async def test_what_cannot_be_is_said_in_the_form_and_can_be_mended(boss: Boss) -> None:
    await boss.press("f2")
    form = await boss.shown(Form)
    await boss.type("1001\rDewi\rboss\r")
    await boss.until(lambda: "This is no role." in boss.text)
    role = form.query_one("#role", Input)
    role.value = "supervisor"
    role.focus()
    await boss.press("enter")
    await boss.until(lambda: "cannot make anybody supervisor" in boss.text)
    role.value = "gate"
    await boss.press("enter")
    await boss.until(lambda: "Somebody has this staff number already." in boss.text)
    await boss.press("escape")
    await boss.done()


async def test_name_role_and_stations_change(boss: Boss) -> None:
    await boss.press("f3")
    form = await boss.shown(Form)
    form.query_one("#name", Input).value = "Sari Dewi"
    form.query_one("#role", Input).value = "gate"
    form.query_one("#role", Input).focus()
    await boss.fill("")
    await boss.done()
    assert (boss.staff.chosen.name, boss.staff.chosen.role) == ("Sari Dewi", "gate")
    await boss.press("f4")
    await boss.shown(Form)
    await boss.fill("gmr yk")
    await boss.done()
    assert boss.staff.chosen.stations == ("GMR", "YK")
    assert "Works at: GMR YK" in boss.text


async def test_a_locked_number_is_unlocked(boss: Boss, owner_connection: Connection) -> None:
    assert "F5" not in boss.text
    owner_connection.execute(
        text("UPDATE users SET locked_until = now() + interval '1 hour', lockouts = 1 WHERE staff_number = '1001'")
    )
    boss.staff.look()
    await boss.until(lambda: "locked until" in boss.text)
    await boss.press("f5")
    await boss.done()
    assert boss.message.startswith("1001")
    assert boss.message.endswith("can try again.")
    assert "locked until" not in boss.text


async def test_a_new_pin_after_a_question(boss: Boss) -> None:
    await boss.press("f6")
    await boss.shown(Question)
    await boss.press("escape")
    await boss.done()
    await boss.press("f6")
    await boss.shown(Question)
    await boss.press("enter")
    dialog = await boss.shown(NewPinDialog)
    assert dialog._made.pin in boss.text
    await boss.press("enter")
    await boss.done()
    assert "must change PIN" in boss.text


async def test_somebody_is_signed_off_from_afar(boss: Boss, office: Office) -> None:
    there = terminals.register(office, "DESK-2", station="GMR")
    clerk = staff.sign_in(office, there, "1001", PIN, program="counter", interactive=True)
    boss.staff.look()
    await boss.until(lambda: "signed in at GMR DESK-2" in boss.text)
    await boss.press("enter")
    await boss.shown(Reading)
    assert "counter, since" in boss.text
    await boss.press("escape")
    await boss.done()
    await boss.press("f7")
    await boss.shown(Form)
    await boss.fill("left the counter")
    await boss.done()
    assert staff.standing(office, clerk) == "signed off by 3001: left the counter"
    assert boss.message == "1 session was ended."


async def test_a_number_is_switched_off_after_a_question_and_on_again(boss: Boss) -> None:
    await boss.press("f8")
    await boss.shown(Question)
    await boss.press("enter")
    await boss.done()
    assert boss.staff.chosen.number == "1001"
    assert (boss.staff.chosen.status, boss.numbers[-1]) == ("inactive", "1001")
    await boss.press("f8")
    await boss.done()
    assert boss.staff.chosen.is_active


async def test_who_may_not_be_touched_is_said_why(boss: Boss) -> None:
    await boss.find("9001", "9001")
    await boss.press("f6")
    assert boss.message == "An administrator looks after admin."
    await boss.find("3001", "3001")
    await boss.press("f8")
    assert boss.message == "Nobody does this to himself."


async def test_a_clerk_does_not_come_here(counter: Any) -> None:
    async with counter("1001") as pilot:
        till = await Till(pilot).ready()
        await till.press("ctrl+n")
        assert till.app.current_mode == "sell"
        assert till.message == "Your role, clerk, does not allow this."


async def test_pages_of_a_hundred(boss: Boss, owner_connection: Connection) -> None:
    owner_connection.execute(
        text(
            "INSERT INTO users (operator_id, id, staff_number, role, full_name)"
            " SELECT 1, gen_random_uuid(), '5' || to_char(n, 'FM000'), 'clerk', 'Clerk ' || n"
            " FROM generate_series(1, 150) n"
        )
    )
    boss.staff.look()
    await boss.until(lambda: len(boss.numbers) == 100)
    assert "page 1 of 2" in boss.text
    await boss.press("pagedown")
    await boss.until(lambda: len(boss.numbers) == 54)
    await boss.press("pagedown")
    assert "page 2 of 2" in boss.text
    await boss.press("pageup")
    await boss.until(lambda: len(boss.numbers) == 100)
    await boss.press("pagedown")
    await boss.until(lambda: len(boss.numbers) == 54)
    await boss.find("clerk 7", "5007", *(f"507{n}" for n in range(10)))


async def test_in_indonesian(boss: Boss) -> None:
    boss.app.action_language()
    await boss.until(lambda: "4 petugas" in boss.text)
    assert "penyelia" in boss.text
    await boss.press("f3")
    await boss.shown(Form)
    assert "petugas loket" in boss.text
    await boss.press("escape")
    await boss.done()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_it_fits_the_screen(counter: Any, size: tuple[int, int]) -> None:
    async with counter("3001", size=size) as pilot:
        boss = Boss(pilot)
        await boss.until(lambda: boss.app.screen_stack[0].query(Input))
        await boss.come()
        assert all(len(line) <= size[0] for line in boss.lines)
        assert len(boss.lines) == size[1]
        for word in ("1001", "supervisor", "signed in at YK TEST-1", "Works at: every station", "F2", "F8", "Esc"):
            assert word in boss.text


# Roles as they are typed


@given(st.text(max_size=12))
def test_whatever_is_typed_is_a_role_or_refused(typed: str) -> None:
    named = [role for role in ROLES if " ".join(typed.casefold().split()) == role]
    if named:
        assert [role_of(typed)] == named
    elif len([role for role in ROLES if typed.strip() and role.startswith(" ".join(typed.casefold().split()))]) != 1:
        with pytest.raises(UsageError) as refused:
            role_of(typed)
        assert (refused.value.reason, bool(refused.value.hint)) == ("staff_invalid", True)


def test_a_role_by_its_beginning_in_both_languages() -> None:
    assert [role_of(word) for word in ("cl", "G", " Supervisor ", "admin")] == ["clerk", "gate", "supervisor", "admin"]
    set_language("id")
    assert [role_of(word) for word in ("penyelia", "petugas loket", "Petugas G", "clerk")] == [
        "supervisor", "clerk", "gate", "clerk",
    ]  # fmt: skip
    for doubtful in ("", "petugas", "boss"):
        with pytest.raises(UsageError):
            role_of(doubtful)


# The first PIN, at the login screen


@pytest.fixture
def newcomer(office: Office) -> str:
    """A PIN that somebody else has set for 1044."""
    boss = staff.sign_in(office, terminals.register(office, "DESK-9", station="YK"), "3001", PIN, program="tests").actor
    return staff_register.add(office, boss, "1044", "Dewi", "gate").pin


async def enter(till: Till, number: str, pin: str) -> None:
    await till.type(f"{number}\r{pin}\r")


async def test_a_first_pin_is_changed_before_anything_else(counter: Any, newcomer: str) -> None:
    async with counter(None) as pilot:
        till = Till(pilot)
        await enter(till, "1044", newcomer)
        await till.until(lambda: isinstance(till.app.screen, Form))
        assert "Choose a PIN of your own" in till.text
        await till.type(f"{NEW}\r{NEW[::-1]}\r")
        await till.until(lambda: "two different PINs" in till.text)
        for weak, said in (("111111", "one digit again and again"), (newcomer, "the PIN you have")):
            for field in ("new", "again"):
                till.app.screen.query_one(f"#{field}", Input).value = weak
            till.app.screen.query_one("#again", Input).focus()
            await till.press("enter")
            await till.until(lambda said=said: said in till.text)
        assert NEW not in till.text
        for field in ("new", "again"):
            till.app.screen.query_one(f"#{field}", Input).value = NEW
        till.app.screen.query_one("#again", Input).focus()
        await till.press("enter")
        await till.until(lambda: till.app.current_mode == "gate")
        assert till.app.actor is not None
        assert till.app.actor.staff_number == "1044"


async def test_who_does_not_choose_does_not_come_in(counter: Any, newcomer: str) -> None:
    async with counter(None) as pilot:
        till = Till(pilot)
        await enter(till, "1044", newcomer)
        await till.until(lambda: isinstance(till.app.screen, Form))
        await till.press("escape")
        await till.until(lambda: till.app.screen.id != "form" and not isinstance(till.app.screen, Form))
        assert isinstance(till.app, CounterApp)
        assert (till.app.current_mode, till.app.actor) == ("login", None)
        assert till.app.screen.query_one("#number", Input).value == "1044"
        assert till.app.screen.query_one("#pin", Input).value == ""


async def test_who_takes_over_hears_where_he_was(counter: Any, office: Office) -> None:
    staff.sign_in(
        office, terminals.register(office, "DESK-2", station="YK"), "2001", PIN, program="counter", interactive=True
    )
    async with counter(None) as pilot:
        till = Till(pilot)
        await enter(till, "2001", PIN)
        await till.until(lambda: till.app.current_mode == "gate")
        await till.until(lambda: till.app.workstation.line.sentence == "You were signed off at DESK-2.")
