"""Amounts: how they are read, and the field that groups them while they are typed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import ComposeResult

from core.errors import UsageError
from core.money import grouped
from counter.widgets.money_input import MoneyInput, parse_money, regrouped
from counter.widgets.scan_capture import ScanningApp


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("900.000", 900_000),
        ("900000", 900_000),
        (" 900k ", 900_000),
        ("900rb", 900_000),
        ("900 RB", 900_000),
        ("1.500k", 1_500_000),
        ("857,5rb", 857_500),
        ("Rp 857.500", 857_500),
        ("Rp.857500", 857_500),
        ("0", 0),
    ],
)
def test_amounts_people_type(text: str, amount: int) -> None:
    assert parse_money(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "k", "rb", "beans", "-5", "1e5", "9.00", "1.5k", "900,000", "1,500k", "12,5", "1..000"),
        *("٣٤", "9\x00", "\x1b[31m9", "9" * 13, "9" * 5000),
    ],
)
def test_anything_else_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_money(text)
    assert refusal.value.reason == "not_an_amount"
    assert refusal.value.message.isprintable()
    assert len(refusal.value.message) < 80


@given(st.integers(0, 999_999_999_999))
def test_what_is_shown_is_read_back(amount: int) -> None:
    assert parse_money(grouped(amount)) == parse_money(str(amount)) == amount
    assert regrouped(str(amount)) == grouped(amount)


@given(st.text(max_size=40))
def test_no_text_raises_anything_else(text: str) -> None:
    with suppress(UsageError):
        assert parse_money(text) >= 0


class Till(ScanningApp[None]):
    def __init__(self) -> None:
        super().__init__()
        self.entered: list[int] = []
        self.rejected: list[str] = []

    def compose(self) -> ComposeResult:
        yield MoneyInput()

    def on_money_input_entered(self, message: MoneyInput.Entered) -> None:
        self.entered.append(message.amount)

    def on_money_input_rejected(self, message: MoneyInput.Rejected) -> None:
        self.rejected.append(message.message)


async def test_digits_are_grouped_as_they_are_typed() -> None:
    app = Till()
    async with app.run_test() as pilot:
        field = app.query_one(MoneyInput)
        shown = []
        for digit in "1500000":
            await pilot.press(digit)
            shown.append(field.value)
        assert shown == ["1", "15", "150", "1.500", "15.000", "150.000", "1.500.000"]
        assert field.cursor_position == len("1.500.000")
        assert field.amount == 1_500_000
        await pilot.press("enter")
        assert app.entered == [1_500_000]


async def test_the_cursor_keeps_its_place_among_the_digits() -> None:
    app = Till()
    async with app.run_test() as pilot:
        field = app.query_one(MoneyInput)
        await pilot.press(*"857500", "left", "left", "left")
        await pilot.press("9")
        assert (field.value, field.cursor_position) == ("8.579.500", len("8.579."))
        await pilot.press("backspace")
        assert (field.value, field.cursor_position) == ("857.500", len("857.")), "the digit before the separator"
        await pilot.press("backspace", "delete")
        assert (field.value, field.cursor_position) == ("8.500", len("8.5"))
        await pilot.press("home", "right", "delete")
        assert (field.value, field.cursor_position) == ("800", 1), "the digit behind the separator"


async def test_only_what_an_amount_contains_can_be_typed() -> None:
    app = Till()
    async with app.run_test() as pilot:
        field = app.query_one(MoneyInput)
        await pilot.press(*"9x-0 z0k", "k")
        assert (field.value, field.amount) == ("900k", 900_000)
        await pilot.press("enter")
        assert app.entered == [900_000]


async def test_a_broken_amount_is_answered_with_a_sentence_and_kept() -> None:
    app = Till()
    async with app.run_test() as pilot:
        field = app.query_one(MoneyInput)
        await pilot.press(*"12,5", "enter")
        assert (app.entered, field.value, field.has_class("-rejected")) == ([], "12,5", True)
        assert app.rejected == ["'12,5' is not an amount of money."]
        await pilot.press("k")
        assert not field.has_class("-rejected")
        await pilot.press("enter")
        assert app.entered == [12_500]


async def test_enter_alone_takes_the_default_where_there_is_one() -> None:
    app = Till()
    async with app.run_test() as pilot:
        await pilot.press("enter")
        assert (app.entered, app.rejected) == ([], ["No amount was typed."])
        app.query_one(MoneyInput).default_amount = 857_500
        await pilot.press("enter")
        assert app.entered == [857_500]


async def test_a_pasted_amount_is_grouped(wire) -> None:
    app = Till()
    async with app.run_test() as pilot:
        await wire(pilot).send("\x1b[200~Rp 1500000\x1b[201~")
        await wire(pilot).until(lambda: app.query_one(MoneyInput).value == "1.500.000")


async def test_a_scan_leaves_a_half_typed_amount_alone(wire, codes) -> None:
    app = Till()
    async with app.run_test() as pilot:
        field = app.query_one(MoneyInput)
        await pilot.press(*"1500")
        await wire(pilot).send(codes[0], chunk=1, gaps=(0.2,), ahead=-60)
        await wire(pilot).send("\r")
        await wire(pilot).until(lambda: field.value == "1.500")
        assert app.entered == []
