"""Policies on the screen: found by typing, changed for the operator and for a place, withdrawn, with their history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from textual.widgets import Input

from core import policy_register as register
from core.office import Office
from core.policy import REGISTRY
from counter.dialogs.form import Form
from counter.dialogs.question import Question
from counter.dialogs.reading import Reading
from counter.screens.policies import PoliciesScreen
from tests.conftest import sign_in
from tests.screens.till import Till


class Boss(Till):
    """A supervisor at the policies."""

    @property
    def policies(self) -> PoliciesScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, PoliciesScreen)
        return screen

    @property
    def message(self) -> str:
        shown = self.app.workstation.line.message
        return f"{shown[1]} {shown[2]}".strip() if shown else ""

    @property
    def names(self) -> list[str]:
        return [one.policy.name for one in self.policies.found]

    async def come(self) -> Boss:
        await self.press("ctrl+y")
        await self.until(lambda: isinstance(self.app.screen_stack[0], PoliciesScreen) and bool(self.policies.known))
        await self.settled()
        return self

    async def mark(self, name: str) -> None:
        """Filter until this one is marked."""
        self.policies.query_one("#filter", Input).value = ""
        await self.type(name)
        await self.until(lambda: self.policies.chosen is not None and self.policies.chosen.policy.name == name)

    async def shown(self, dialog: type[Any]) -> Any:
        await self.until(lambda: isinstance(self.app.screen, dialog))
        await self.settled()
        return self.app.screen

    async def done(self) -> None:
        await self.until(lambda: self.app.screen is self.policies and not self.policies.busy)
        await self.settled()


@pytest.fixture
async def boss(counter: Any) -> AsyncIterator[Boss]:
    async with counter("3001") as pilot:
        till = Boss(pilot)
        await till.until(lambda: till.app.screen_stack[0].query(Input))
        yield await till.come()


async def test_typing_finds_by_name_meaning_value_and_origin(boss: Boss, office: Office) -> None:
    assert len(boss.names) == len(REGISTRY)
    assert f"{len(REGISTRY)} policies" in boss.text
    await boss.type("cancel percent")
    await boss.until(lambda: boss.names == ["cancel_fee_percent"])
    assert "What of the fare is kept when a customer cancels." in boss.text
    assert "It takes 0 to 100. By default 25 per cent." in boss.text
    await boss.press("escape")
    gambir, admin = register.place_of(office, station="GMR"), sign_in(office, "9001", "FAR-1")
    register.set_value(office, admin, "ban_days", 77, gambir)
    boss.policies.turn(boss.policies.look)
    await boss.done()
    await boss.press("f6")
    assert boss.names == ["ban_days"]
    assert "station GMR: 77, since" in boss.text
    await boss.press("escape")
    assert len(boss.names) == len(REGISTRY)
    await boss.press("escape")
    await boss.until(lambda: boss.app.current_mode == "sell")


async def test_a_value_is_changed_told_and_withdrawn(boss: Boss, office: Office) -> None:
    await boss.mark("cancel_fee_percent")
    await boss.press("f2")
    form = await boss.shown(Form)
    assert "It takes 0 to 100." in boss.text
    await boss.type("120\r")
    await boss.until(lambda: "outside" in boss.text)
    form.query_one("#value", Input).value = ""
    await boss.type("30\r")
    await boss.done()
    assert boss.message == "cancel_fee_percent is 30 per cent from now on, at every counter."
    actor = sign_in(office, "9001", "FAR-1")
    assert register.find(office, actor, "cancel_fee_percent").value == 30
    await boss.press("f5")
    await boss.shown(Reading)
    assert "operator: 30, since" in boss.text
    await boss.press("escape")
    await boss.done()
    await boss.press("f3")
    await boss.shown(Question)
    await boss.press("enter")
    await boss.done()
    assert boss.message == "cancel_fee_percent is 25 again."
    assert register.find(office, actor, "cancel_fee_percent").origin == "default"


async def test_a_place_has_values_of_its_own_and_shows_what_the_others_say(boss: Boss, office: Office) -> None:
    actor = sign_in(office, "9001", "FAR-1")
    register.set_value(office, actor, "cancel_cutoff_minutes", 45)
    await boss.press("f4")
    await boss.shown(Form)
    await boss.type("gmr")
    await boss.press("tab")
    await boss.type("43\r")
    await boss.done()
    assert "for: train 43 at GMR" in boss.text
    await boss.mark("cancel_cutoff_minutes")
    assert "operator" in boss.text
    await boss.press("f2")
    await boss.shown(Form)
    assert "operator: 45, since" in boss.text
    await boss.type("10\r")
    await boss.done()
    where = register.place_of(office, station="GMR", train="43")
    assert register.find(office, actor, "cancel_cutoff_minutes", where).value == 10
    assert register.find(office, actor, "cancel_cutoff_minutes").value == 45


async def test_somebody_else_was_quicker(boss: Boss, office: Office) -> None:
    await boss.mark("ban_days")
    await boss.press("f2")
    await boss.shown(Form)
    register.set_value(office, sign_in(office, "9001", "FAR-1"), "ban_days", 60)
    await boss.type("50\r")
    await boss.until(lambda: "Somebody has changed this policy meanwhile." in boss.text)
    await boss.press("escape")
    await boss.done()
    assert boss.policies.chosen is not None
    assert boss.policies.chosen.value == 60


async def test_a_clerk_has_no_business_here(counter: Any) -> None:
    async with counter("1001") as pilot:
        till = await Till(pilot).ready()
        await till.press("ctrl+y")
        assert till.app.current_mode == "sell"
        assert "does not allow this" in till.text


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_it_fits(counter: Any, size: tuple[int, int]) -> None:
    async with counter("3001", size=size) as pilot:
        boss = Boss(pilot)
        await boss.until(lambda: boss.app.screen_stack[0].query(Input))
        await boss.come()
        await boss.mark("refund_cash_allowed")
        assert "It takes yes or no." in boss.text
        assert "F2" in boss.text
        await boss.press("f2")
        form = await boss.shown(Form)
        box = form.query_one("#box").region
        assert box.bottom < size[1]
