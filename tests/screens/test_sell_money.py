"""Cards, wallets, parts and QRIS on the screen, on a real database and against the simulated gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from core.ops import integrity
from core.payments.qris_sale import QrisDesk
from counter.dialogs.choice import Choice
from counter.dialogs.qris import QrisDialog
from counter.dialogs.slip import Slip
from counter.screens.sale_draft import Step
from counter.simulator import Fault, GatewaySimulator
from tests.screens.till import Till

BUDI, SITI = "3171010101900001", "3171014507920003"
TO_THE_MONEY = f"gmr +2 eks\r\rBudi {BUDI}\r"


@pytest.fixture
async def till(counter) -> AsyncIterator[Till]:
    async with counter("1001") as pilot:
        yield await Till(pilot).ready()


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewaySimulator]:
    """A gateway that this machine is set up for and asks without pauses."""
    with GatewaySimulator(drip=0.02) as running:
        monkeypatch.setenv("COUNTER_GATEWAY_URL", running.url)
        monkeypatch.setenv("COUNTER_GATEWAY_SERVER_KEY", running.server_key)
        monkeypatch.setenv("COUNTER_GATEWAY_ATTEMPTS", "1")
        monkeypatch.setattr(QrisDesk, "pause_after", staticmethod(lambda _payment, _asked: timedelta(seconds=0.05)))
        yield running


def sound(till: Till) -> bool:
    return all(check.ok for check in integrity.verify(till.office))


async def shown(till: Till) -> QrisDialog:
    await till.until(lambda: isinstance(till.app.screen, QrisDialog))
    assert isinstance(till.app.screen, QrisDialog)
    return till.app.screen


async def test_a_card_by_its_slip(till: Till) -> None:
    await till.type(TO_THE_MONEY)
    await till.press("f5")
    assert isinstance(till.app.screen, Slip)
    assert "457.500" in till.text
    await till.press("enter")
    assert "needs a reference" in till.text
    await till.type("A1B2C3")
    await till.press("f5", "tab")
    await till.type("4242\t12345678\t000017\r")
    sold = till.sale()
    assert (sold.status, sold.paid, sold.change) == ("confirmed", 457_500, 0)
    assert till.count("payments WHERE payment_method = 'credit_card' AND card_last_four = '4242'") == 1
    assert sound(till)
    await till.type(f"\r{TO_THE_MONEY.replace(BUDI, SITI)}")
    await till.press("f5")
    assert "12345678" in till.text, "the machine is the same one for many slips"
    assert "000017" in till.text
    await till.press("escape")
    assert till.screen.draft.step is Step.PAYMENT


async def test_a_card_number_never_gets_past_the_dialog(till: Till) -> None:
    await till.type(TO_THE_MONEY)
    await till.press("f5")
    await till.type("4111 1111 1111 1111\r")
    assert "card number" in till.text
    assert till.count("payments") == 0


async def test_wallet_and_transfer_by_their_number(till: Till) -> None:
    for key, method, who in (("f7", "wallet", BUDI), ("f10", "bank_transfer", SITI)):
        await till.type(TO_THE_MONEY.replace(BUDI, who))
        await till.press(key)
        await till.type("TRX-77\r")
        assert till.sale().paid == 457_500
        assert till.count(f"payments WHERE payment_method = '{method}' AND external_reference = 'TRX-77'") == 1
        await till.type("\r")


async def test_part_in_cash_the_rest_by_card(till: Till) -> None:
    await till.type(TO_THE_MONEY)
    await till.press("f2")
    await till.type("500k\r")
    assert "more than the 457.500" in till.text
    await till.press("ctrl+u")
    await till.type("200k\r")
    assert "200.000 is paid now, 257.500 later" in till.message
    await till.type("250k\r")
    assert "Give back 50.000" in till.message
    assert "STILL OWED" in till.text
    assert (till.screen.draft.owed, till.screen.draft.step) == (257_500, Step.PAYMENT)
    await till.press("f5")
    assert "257.500" in till.text
    await till.type("A1\r")
    assert (till.sale().paid, till.sale().change) == (457_500, 50_000)
    assert till.count("payments") == 2
    assert sound(till)


async def test_a_sale_with_a_part_paid_is_given_up_and_the_money_goes_back(till: Till) -> None:
    await till.type(TO_THE_MONEY)
    await till.press("f2")
    await till.type("200k\r")
    await till.type("\r")
    await till.press("f2")
    await till.type("100k\r")
    await till.press("f5")
    await till.type("A1\r")
    await till.press("escape")
    assert isinstance(till.app.screen, Choice)
    assert "300.000 is paid, 157.500 is owed" in till.text
    await till.press("down", "down", "enter")
    assert isinstance(till.app.screen, Slip)
    await till.type("VOID 18\r")
    assert "Give back 200.000 in cash" in till.message
    assert till.count("refunds WHERE refund_status = 'completed'") == 2
    assert till.count("bookings WHERE status = 'cancelled'") == 1
    assert sound(till)


async def test_qris_is_refused_in_a_sentence_where_no_gateway_is(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTER_GATEWAY_URL", raising=False)
    await till.type(TO_THE_MONEY)
    await till.press("f6")
    await till.until(lambda: "No payment gateway is set up" in till.message)
    assert till.count("payments") == 0
    await till.type("\r")
    assert till.sale().paid == 457_500


async def test_qris_scanned_and_paid(till: Till, gateway: GatewaySimulator) -> None:
    await till.type(TO_THE_MONEY)
    await till.press("f6")
    await shown(till)
    (order,) = gateway.orders.all()
    assert order.order_id in till.text
    assert "Waiting to be paid" in till.text
    gateway.orders.settle(order.order_id)
    await till.until(lambda: till.screen.draft.step is Step.FINISHED)
    await till.until(lambda: set(till.screen.print_states.values()) == {"confirmed"})
    assert till.sale().paid == 457_500
    assert sound(till)


async def test_qris_called_off_then_cash(till: Till, gateway: GatewaySimulator) -> None:
    await till.type(TO_THE_MONEY)
    await till.press("f6")
    await shown(till)
    await till.press("escape", "down", "enter")
    await till.until(lambda: "ended without money" in till.message)
    assert gateway.orders.all()[0].state == "cancel"
    await till.type("\r")
    assert till.sale().paid == 457_500
    assert sound(till)


async def test_qris_with_the_gateway_gone_is_forgotten_and_paid_another_way(
    till: Till, gateway: GatewaySimulator
) -> None:
    await till.type(TO_THE_MONEY)
    await till.press("f6")
    await shown(till)
    gateway.faults.add(Fault.ERROR, times=999)
    await till.until(lambda: "trouble of its own" in till.text)
    await till.press("escape", "down", "enter")
    await till.until(lambda: "The code may still" in till.text)
    await till.press("down", "enter")
    await till.until(lambda: "ended without money" in till.message)
    await till.type("\r")
    assert till.sale().paid == 457_500
    assert sound(till)


async def test_a_waiting_code_survives_the_counter(counter, gateway: GatewaySimulator) -> None:
    async with counter("1001") as pilot:
        till = await Till(pilot).ready()
        await till.type(TO_THE_MONEY)
        await till.press("f6")
        await shown(till)
    (order,) = gateway.orders.all()
    async with counter("1001") as pilot:
        till = await Till(pilot).ready()
        await till.press("f9", "enter")
        await shown(till)
        assert order.order_id in till.text
        gateway.orders.settle(order.order_id)
        await till.until(lambda: till.screen.draft.step is Step.FINISHED)
        assert till.sale().paid == 457_500
        assert (till.count("payments"), len(gateway.orders.all())) == (1, 1)
        assert sound(till)


async def test_left_waiting_it_is_paid_in_the_background(till: Till, gateway: GatewaySimulator) -> None:
    await till.type(TO_THE_MONEY)
    await till.press("f6")
    await shown(till)
    await till.press("escape", "down", "down", "enter")
    assert till.screen.draft.step is Step.QUESTION
    gateway.orders.settle(gateway.orders.all()[0].order_id)
    till.app.payments.look()
    await till.until(lambda: till.count("bookings WHERE status = 'confirmed'") == 1)
    await till.press("f9", "enter")
    await till.until(lambda: till.screen.draft.sale is not None)
    assert till.sale().paid == 457_500
    await till.until(lambda: set(till.screen.print_states.values()) == {"confirmed"})
    assert sound(till)
