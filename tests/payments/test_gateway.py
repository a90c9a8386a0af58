"""The five calls against a gateway that works: what they ask, what they hear, and what a repetition does."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid5

import pytest

from core.errors import UsageError
from core.payments.gateway import Gateway
from core.payments.gateway_answer import Answer, RefundLine, TransactionState, Unreadable, read_answer, read_object
from core.payments.gateway_errors import (
    CannotBeChanged,
    GatewayMismatch,
    GatewayNotReady,
    GatewayRefused,
    UnknownOrder,
)
from core.payments.qris import check_payload
from counter.simulator import Fault, GatewaySimulator

NAMESPACE = UUID("0199d1a0-5a3c-7c11-8a54-1f6a2b3c4d5e")
AMOUNT = 789_000
QUARTER = timedelta(minutes=15)


@pytest.fixture(params=[False, True], ids=["code in HTTP", "code in body"], autouse=True)
def both_kinds_of_gateway(simulator: GatewaySimulator, request: pytest.FixtureRequest) -> None:
    simulator.codes_in_body_only = request.param


def charge(gateway: Gateway, order_id: str = "SC-1", amount: int = AMOUNT, lasts: timedelta = QUARTER) -> Answer:
    return gateway.charge(order_id, amount, key=uuid5(NAMESPACE, order_id), expires_in=lasts)


def test_a_charge_brings_a_code_for_exactly_that_amount(gateway: Gateway) -> None:
    answer = charge(gateway)
    assert (answer.state, answer.amount, answer.gross_amount) == (TransactionState.PENDING, AMOUNT, "789000.00")
    assert answer.qr_string is not None
    assert check_payload(answer.qr_string, amount=AMOUNT).reference == "SC-1"


@pytest.mark.parametrize("lasts", [timedelta(seconds=90), timedelta(minutes=2), timedelta(hours=3)])
def test_the_code_lasts_as_long_as_was_asked(gateway: Gateway, lasts: timedelta) -> None:
    answer = charge(gateway, lasts=lasts)
    assert answer.expiry_time is not None
    assert answer.transaction_time is not None
    assert answer.expiry_time - answer.transaction_time == lasts


def test_charging_again_with_the_same_key_brings_the_same_code(gateway: Gateway, simulator: GatewaySimulator) -> None:
    assert charge(gateway) == charge(gateway)
    assert len(simulator.orders.all()) == 1


def test_a_repeated_order_under_another_key_is_looked_up(gateway: Gateway, simulator: GatewaySimulator) -> None:
    first = charge(gateway)
    again = gateway.charge("SC-1", AMOUNT, key=uuid5(NAMESPACE, "another"), expires_in=QUARTER)
    assert again.transaction_id == first.transaction_id
    assert again.qr_string is None
    assert len(simulator.orders.all()) == 1


def test_a_repeated_order_of_another_amount_is_a_mismatch(connect: Callable[..., Gateway]) -> None:
    gateway = connect(attempts=1)
    charge(gateway)
    with pytest.raises(GatewayMismatch) as caught:
        gateway.charge("SC-1", AMOUNT + 1000, key=uuid5(NAMESPACE, "another"), expires_in=QUARTER)
    assert caught.value.details["answered"] == AMOUNT


def test_the_status_follows_the_customer(gateway: Gateway, simulator: GatewaySimulator) -> None:
    charge(gateway)
    assert gateway.status("SC-1").state is TransactionState.PENDING
    simulator.orders.settle("SC-1")
    paid = gateway.status("SC-1")
    assert paid.state is TransactionState.SETTLEMENT
    assert paid.settlement_time == simulator.orders.now()
    simulator.orders.settle("SC-1")
    assert gateway.status("SC-1") == paid
    simulator.orders.deny("SC-1")
    assert gateway.status("SC-1").state is TransactionState.DENY


def test_an_order_expires_by_itself_and_may_be_paid_late(gateway: Gateway, simulator: GatewaySimulator) -> None:
    charge(gateway)
    simulator.orders.advance(QUARTER)
    assert gateway.status("SC-1").state is TransactionState.EXPIRE
    simulator.orders.settle("SC-1", late=True)
    assert gateway.status("SC-1").state is TransactionState.SETTLEMENT


@pytest.mark.parametrize(("verb", "state"), [("cancel", "cancel"), ("expire", "expire")])
def test_an_open_order_can_be_ended_once_and_again(gateway: Gateway, verb: str, state: str) -> None:
    charge(gateway)
    assert getattr(gateway, verb)("SC-1").state == state
    assert getattr(gateway, verb)("SC-1").state == state


@pytest.mark.parametrize("verb", ["cancel", "expire"])
def test_a_paid_order_cannot_be_ended_and_says_that_it_is_paid(
    gateway: Gateway, simulator: GatewaySimulator, verb: str
) -> None:
    charge(gateway)
    simulator.orders.settle("SC-1")
    with pytest.raises(CannotBeChanged) as caught:
        getattr(gateway, verb)("SC-1")
    assert caught.value.answer.state is TransactionState.SETTLEMENT


@pytest.mark.parametrize("call", ["status", "cancel", "expire"])
def test_an_order_that_never_arrived_is_unknown(gateway: Gateway, call: str) -> None:
    with pytest.raises(UnknownOrder):
        getattr(gateway, call)("SC-404")


def refund(gateway: Gateway, key: str = "R-1", amount: int = AMOUNT) -> Answer:
    return gateway.refund("SC-1", refund_key=key, amount=amount, reason="train cancelled")


def paid(gateway: Gateway, simulator: GatewaySimulator) -> None:
    charge(gateway)
    simulator.orders.settle("SC-1")


def test_refunds_in_parts_until_nothing_is_left(gateway: Gateway, simulator: GatewaySimulator) -> None:
    paid(gateway, simulator)
    first = refund(gateway, "R-1", 289_000)
    assert (first.state, first.refunds) == (TransactionState.PARTIAL_REFUND, (RefundLine("R-1", 289_000),))
    assert refund(gateway, "R-2", 500_000).state is TransactionState.REFUND
    assert gateway.status("SC-1").refunds == (RefundLine("R-1", 289_000), RefundLine("R-2", 500_000))
    with pytest.raises(CannotBeChanged):
        refund(gateway, "R-3", 1_000)
    assert simulator.orders.take_in() == 0


@pytest.mark.parametrize("repeats_refunds", [True, False])
def test_the_same_refund_key_gives_back_once(
    gateway: Gateway, simulator: GatewaySimulator, repeats_refunds: bool
) -> None:
    simulator.orders.terms = replace(simulator.orders.terms, repeats_refunds=repeats_refunds)
    paid(gateway, simulator)
    for _ in range(2):
        assert refund(gateway, "R-1", 100_000).has_refund("R-1", 100_000)
    assert simulator.orders.take_in() == AMOUNT - 100_000


def test_a_refund_key_stands_for_one_amount(connect: Callable[..., Gateway], simulator: GatewaySimulator) -> None:
    gateway = connect(attempts=1)
    paid(gateway, simulator)
    refund(gateway, "R-1", 100_000)
    with pytest.raises(GatewayMismatch):
        refund(gateway, "R-1", 200_000)
    assert simulator.orders.take_in() == AMOUNT - 100_000


def test_an_unpaid_order_is_not_refunded(gateway: Gateway) -> None:
    charge(gateway)
    with pytest.raises(CannotBeChanged) as caught:
        refund(gateway)
    assert caught.value.answer.state is TransactionState.PENDING


def test_a_refund_after_the_window_is_refused(gateway: Gateway, simulator: GatewaySimulator) -> None:
    paid(gateway, simulator)
    simulator.orders.advance(timedelta(days=45, seconds=1))
    with pytest.raises(CannotBeChanged) as caught:
        refund(gateway)
    assert caught.value.answer.state is TransactionState.SETTLEMENT


def test_a_refund_without_funds_is_refused(gateway: Gateway, simulator: GatewaySimulator) -> None:
    simulator.orders.terms = replace(simulator.orders.terms, funds=AMOUNT - 1)
    paid(gateway, simulator)
    with pytest.raises(GatewayRefused) as caught:
        refund(gateway)
    assert caught.value.reason == "gateway_no_funds"
    assert simulator.orders.take_in() == AMOUNT


@pytest.mark.parametrize("call", ["status", "cancel", "expire", "charge", "refund"])
def test_a_wrong_server_key_is_refused(simulator: GatewaySimulator, call: str) -> None:
    with Gateway(simulator.access()) as right:
        charge(right)
    access = simulator.access()
    simulator.server_key = "SB-Mid-server-other"
    calls = {"charge": charge, "refund": refund}
    with Gateway(access) as gateway, pytest.raises(GatewayNotReady) as caught:
        calls[call](gateway) if call in calls else getattr(gateway, call)("SC-1")
    assert caught.value.reason == "gateway_key_refused"
    assert [order.state for order in simulator.orders.all()] == ["pending"]


def test_a_charge_the_gateway_does_not_like_is_refused(gateway: Gateway) -> None:
    with pytest.raises(GatewayRefused) as caught:
        charge(gateway, lasts=timedelta(days=8))
    assert caught.value.details["status_code"] == "400"


def test_a_wrong_address_is_no_unknown_order(simulator: GatewaySimulator) -> None:
    astray = replace(simulator.access(), url=f"{simulator.url}/elsewhere")
    with Gateway(astray) as gateway, pytest.raises(GatewayRefused) as caught:
        charge(gateway)
    assert not isinstance(caught.value, UnknownOrder)


@pytest.mark.parametrize("order_id", ["", ".", "..", "a/b", "a b", "a?b", "a%2Fb", "-a", "é", "x" * 51, "a\n"])
def test_an_order_id_cannot_lead_elsewhere(gateway: Gateway, order_id: str) -> None:
    for call in (gateway.status, gateway.cancel, gateway.expire, lambda name: charge(gateway, name)):
        with pytest.raises(UsageError):
            call(order_id)


def test_amounts_keys_and_times_must_be_some(gateway: Gateway) -> None:
    for wrong in (
        lambda: charge(gateway, amount=0),
        lambda: charge(gateway, amount=-1),
        lambda: charge(gateway, lasts=timedelta(milliseconds=10)),
        lambda: refund(gateway, amount=0),
        lambda: refund(gateway, "R 1"),
        lambda: refund(gateway, ""),
    ):
        with pytest.raises(UsageError):
            wrong()


def test_an_answer_survives_the_payment_s_row(gateway: Gateway, simulator: GatewaySimulator) -> None:
    answers = [charge(gateway)]
    simulator.orders.settle("SC-1")
    answers += [refund(gateway, "R-1", 1_000), gateway.status("SC-1")]
    for answer in answers:
        assert read_answer(json.loads(json.dumps(answer.as_record()))) == answer


@pytest.mark.parametrize(
    "changes",
    [
        {"order_id": None},
        {"order_id": ""},
        {"order_id": "SC\x1b1"},
        {"order_id": "x" * 300},
        {"transaction_id": 5},
        {"transaction_status": "marvellous"},
        {"gross_amount": "789000.50"},
        {"gross_amount": "-1.00"},
        {"gross_amount": "٧٨٩"},
        {"gross_amount": 789_000},
        {"status_code": "999"},
        {"currency": 360},
        {"refunds": {}},
        {"refunds": ["R-1"]},
        {"refunds": [{"refund_key": "R-1", "refund_amount": 5}]},
        {"qr_string": "x" * 2000},
    ],
)
def test_an_answer_with_something_missing_is_none(gateway: Gateway, changes: dict[str, object]) -> None:
    record = charge(gateway).as_record() | changes
    with pytest.raises(Unreadable, match="incomplete"):
        read_answer(record)


def test_times_only_inform(gateway: Gateway) -> None:
    assert read_answer(charge(gateway).as_record() | {"expiry_time": "soon"}).expiry_time is None


@pytest.mark.parametrize("raw", [b"", b"7", b"{", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 60_000, b'{"a": "\xff"}'])
def test_only_strict_json_objects_are_read(raw: bytes) -> None:
    with pytest.raises(Unreadable, match="not_json"):
        read_object(raw)


def test_a_full_refund_made_at_the_gateway_s_desk_counts_whole() -> None:
    answer = Answer("SC-1", "t", TransactionState.REFUND, "200", "789000.00", AMOUNT)
    assert answer.refunded == AMOUNT


def test_one_client_serves_several_threads(gateway: Gateway, simulator: GatewaySimulator) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: charge(gateway), range(16)))
    assert len({answer.transaction_id for answer in answers}) == 1
    assert len(simulator.orders.all()) == 1


def test_a_request_heard_twice_charges_once(gateway: Gateway, simulator: GatewaySimulator) -> None:
    simulator.faults.add(Fault.TWICE, "charge")
    assert charge(gateway).state is TransactionState.PENDING
    assert len(simulator.orders.all()) == 1
