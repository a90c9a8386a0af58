"""The five calls against a gateway that does not work: every fault has its stated end, and no secret leaks."""

from __future__ import annotations

import base64
import logging
import socket
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid5

import pytest

from core.errors import CounterError, Unreachable
from core.payments.gateway import Gateway
from core.payments.gateway_answer import Answer, TransactionState
from core.payments.gateway_errors import (
    GatewayBusy,
    GatewayMismatch,
    GatewayOutcomeUnknown,
    GatewayUnreachable,
)
from core.payments.gateway_settings import GatewayAccess
from core.payments.qris import QrRefused, check_payload
from counter.simulator import Fault, GatewaySimulator

NAMESPACE = UUID("0199d1a0-5a3c-7c11-8a54-1f6a2b3c4d5e")
AMOUNT = 789_000
QUARTER = timedelta(minutes=15)
#: Of a time-out's test: it will come, so there is no need to wait long for it.
HURRIED = {"connect": 20, "read": 0.2, "total": 0.3}

SLOW = (Fault.SILENT, Fault.LOST, Fault.DRIP, Fault.DRIP_HEAD, Fault.LATE)
#: fault → its cause in the error's details.
UNANSWERED = {
    **dict.fromkeys(SLOW, "timeout"),
    Fault.ERROR: "server_error",
    Fault.ERROR_AFTER: "server_error",
    Fault.ERROR_IN_BODY: "server_error",
    Fault.REDIRECT: "redirect",
    Fault.RESET: "connection",
    Fault.CUT: "connection",
    Fault.MALFORMED: "not_json",
    Fault.HTML: "content_type",
    Fault.HUGE: "too_large",
    Fault.PACKED: "encoding",
    Fault.WRONG_STATE: "incomplete",
}
MISMATCHES = {Fault.WRONG_AMOUNT: "amount", Fault.WRONG_ORDER: "order", Fault.WRONG_CURRENCY: "currency"}
#: These do their harm elsewhere: a repeated request is answered as such, a bad code is found by its own check.
HARMLESS = {Fault.TWICE, Fault.WRONG_CODE, Fault.NO_CODE}
NOT_DONE = {Fault.SILENT, Fault.ERROR, Fault.ERROR_IN_BODY, Fault.REDIRECT}


def charge(gateway: Gateway, order_id: str = "SC-1") -> Answer:
    return gateway.charge(order_id, AMOUNT, key=uuid5(NAMESPACE, order_id), expires_in=QUARTER)


def refund(gateway: Gateway) -> Answer:
    return gateway.refund("SC-1", refund_key="R-1", amount=AMOUNT, reason="train cancelled")


CALLS: dict[str, Callable[[Gateway], Answer]] = {
    "charge": charge,
    "status": lambda gateway: gateway.status("SC-1"),
    "cancel": lambda gateway: gateway.cancel("SC-1"),
    "expire": lambda gateway: gateway.expire("SC-1"),
    "refund": refund,
}
DONE = {"charge": "pending", "status": "pending", "cancel": "cancel", "expire": "expire", "refund": "refund"}


@pytest.fixture
def ready(simulator: GatewaySimulator) -> Callable[[str], None]:
    """Bring the order into the state that a call needs."""

    def prepare(call: str) -> None:
        if call != "charge":
            details = {"order_id": "SC-1", "gross_amount": AMOUNT}
            simulator.orders.charge({"payment_type": "qris", "transaction_details": details})
        if call == "refund":
            simulator.orders.settle("SC-1")

    return prepare


def limits(fault: Fault) -> dict[str, float]:
    return HURRIED if fault in SLOW else {}


def test_every_fault_is_accounted_for() -> None:
    assert {*UNANSWERED, *MISMATCHES, *HARMLESS, Fault.RATE_LIMIT} == set(Fault)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", UNANSWERED)
def test_an_unreadable_answer_leaves_the_outcome_open(
    simulator: GatewaySimulator, connect: Callable[..., Gateway], ready: Callable[[str], None], call: str, fault: Fault
) -> None:
    ready(call)
    simulator.faults.add(fault, call)
    with pytest.raises(Unreachable) as caught:
        CALLS[call](connect(attempts=1, **limits(fault)))
    expected = GatewayUnreachable if call == "status" else GatewayOutcomeUnknown
    assert type(caught.value) is expected
    assert caught.value.details == {"cause": UNANSWERED[fault], "order_id": "SC-1"}
    if fault not in NOT_DONE and fault not in SLOW:  # the slow ones may still be at it
        assert simulator.orders.all()[0].state == DONE[call]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", UNANSWERED)
def test_a_second_attempt_finds_what_the_first_one_did(
    simulator: GatewaySimulator,
    connect: Callable[..., Gateway],
    ready: Callable[[str], None],
    pauses: list[float],
    call: str,
    fault: Fault,
) -> None:
    ready(call)
    simulator.faults.add(fault, call)
    # Several attempts, since a hurried one may fail on a busy machine without any fault.
    gateway = connect(attempts=10, **limits(fault))
    assert CALLS[call](gateway).state == DONE[call]
    assert pauses[0] == 0.5
    assert len(simulator.orders.all()) == 1
    assert simulator.orders.take_in() == 0


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", [Fault.WRONG_ORDER, Fault.WRONG_CURRENCY])
def test_an_answer_about_something_else_is_not_believed(
    simulator: GatewaySimulator, connect: Callable[..., Gateway], ready: Callable[[str], None], call: str, fault: Fault
) -> None:
    ready(call)
    simulator.faults.add(fault, call)
    with pytest.raises(GatewayMismatch) as caught:
        CALLS[call](connect(attempts=1))
    assert caught.value.details["cause"] == MISMATCHES[fault]


def test_a_charge_of_another_amount_is_not_believed(
    simulator: GatewaySimulator, connect: Callable[..., Gateway]
) -> None:
    simulator.faults.add(Fault.WRONG_AMOUNT, "charge", times=3)
    with pytest.raises(GatewayMismatch) as caught:
        charge(connect())
    assert (caught.value.details["asked"], caught.value.details["answered"]) == (AMOUNT, AMOUNT + 1_000)
    assert connect().expire("SC-1").state is TransactionState.EXPIRE


def test_a_damaged_code_is_found_before_it_is_shown(simulator: GatewaySimulator, gateway: Gateway) -> None:
    simulator.faults.add(Fault.WRONG_CODE)
    answer = charge(gateway)
    with pytest.raises(QrRefused) as caught:
        check_payload(answer.qr_string or "", amount=AMOUNT)
    assert caught.value.reason == "qris_crc"
    simulator.faults.add(Fault.NO_CODE)
    assert charge(gateway, "SC-2").qr_string is None


@pytest.mark.parametrize("call", CALLS)
def test_asked_too_often_nothing_was_done(
    simulator: GatewaySimulator, gateway: Gateway, ready: Callable[[str], None], pauses: list[float], call: str
) -> None:
    ready(call)
    before = [order.state for order in simulator.orders.all()]
    simulator.faults.add(Fault.RATE_LIMIT, times=3)
    with pytest.raises(GatewayBusy):
        CALLS[call](gateway)
    assert [order.state for order in simulator.orders.all()] == before
    assert pauses == [0.5, 1.0]


def test_pauses_grow_to_a_limit(
    simulator: GatewaySimulator, connect: Callable[..., Gateway], pauses: list[float]
) -> None:
    simulator.faults.add(Fault.ERROR, times=7)
    with pytest.raises(GatewayUnreachable):
        connect(attempts=7).status("SC-1")
    assert pauses == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


# Once in doubt, always in doubt, until the gateway speaks about the order


@pytest.mark.parametrize("call", ["charge", "refund", "cancel", "expire"])
def test_a_doubt_outlives_a_refused_key(simulator: GatewaySimulator, ready: Callable[[str], None], call: str) -> None:
    ready(call)
    simulator.faults.add(Fault.ERROR_AFTER, call)

    def key_is_changed(_seconds: float) -> None:
        simulator.server_key = "SB-Mid-server-other"

    with Gateway(simulator.access(), pause=key_is_changed) as gateway, pytest.raises(GatewayOutcomeUnknown):
        CALLS[call](gateway)
    assert simulator.orders.all()[0].state == DONE[call]


def test_a_doubt_outlives_a_busy_gateway(simulator: GatewaySimulator, gateway: Gateway) -> None:
    simulator.faults.add(Fault.RESET, "charge")
    simulator.faults.add(Fault.RATE_LIMIT, "charge", times=2)
    with pytest.raises(GatewayOutcomeUnknown):
        charge(gateway)


def test_a_repeated_order_that_cannot_be_looked_up_stays_in_doubt(
    simulator: GatewaySimulator, connect: Callable[..., Gateway]
) -> None:
    gateway = connect(attempts=1)
    charge(gateway)
    simulator.faults.add(Fault.ERROR, "status")
    with pytest.raises(GatewayOutcomeUnknown):
        gateway.charge("SC-1", AMOUNT, key=uuid5(NAMESPACE, "another"), expires_in=QUARTER)
    assert gateway.status("SC-1").amount == AMOUNT


def test_a_lost_refund_is_found_although_the_gateway_refuses_its_repetition(
    simulator: GatewaySimulator, gateway: Gateway, ready: Callable[[str], None]
) -> None:
    simulator.orders.terms = replace(simulator.orders.terms, repeats_refunds=False)
    ready("refund")
    simulator.faults.add(Fault.RESET, "refund")
    assert refund(gateway).has_refund("R-1", AMOUNT)
    assert simulator.orders.take_in() == 0


# No way to the gateway


def closed_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


@pytest.mark.parametrize("call", CALLS)
def test_without_a_connection_nothing_was_done(simulator: GatewaySimulator, call: str) -> None:
    access = GatewayAccess(f"http://127.0.0.1:{closed_port()}", simulator.access().server_key)
    pauses: list[float] = []
    with Gateway(access, pause=pauses.append) as gateway, pytest.raises(GatewayUnreachable) as caught:
        CALLS[call](gateway)
    assert type(caught.value) is GatewayUnreachable
    assert len(pauses) == 2


def test_redirects_are_not_followed(simulator: GatewaySimulator, connect: Callable[..., Gateway]) -> None:
    heard: list[str] = []
    simulator.on_request = heard.append
    simulator.faults.add(Fault.REDIRECT, "charge")
    with pytest.raises(GatewayOutcomeUnknown) as caught:
        charge(connect(attempts=1))
    assert caught.value.details["cause"] == "redirect"
    assert heard == ["charge SC-1: redirect"]


def test_the_environment_s_proxy_is_left_alone(
    simulator: GatewaySimulator, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    with Gateway(simulator.access()) as fresh:
        assert charge(fresh).amount == AMOUNT


# Secrets


@pytest.mark.parametrize("fault", [None, *UNANSWERED, Fault.WRONG_ORDER, Fault.RATE_LIMIT])
def test_the_server_key_is_in_no_error_and_no_log(
    simulator: GatewaySimulator,
    connect: Callable[..., Gateway],
    caplog: pytest.LogCaptureFixture,
    fault: Fault | None,
) -> None:
    gateway = connect(attempts=1, **(limits(fault) if fault else {}))
    secrets = (simulator.server_key, base64.b64encode(f"{simulator.server_key}:".encode()).decode())
    if fault is None:
        simulator.server_key = "SB-Mid-server-other"  # 401
    else:
        simulator.faults.add(fault)
    with caplog.at_level(logging.DEBUG), pytest.raises(CounterError) as caught:
        charge(gateway)
    error = caught.value
    # Without this test's own frame, which knows the secrets.
    below = traceback.TracebackException(
        type(error), error, error.__traceback__ and error.__traceback__.tb_next, capture_locals=True
    )
    told = ["".join(below.format()), caplog.text, repr(error), repr(error.as_json()), repr(gateway)]
    assert "access = " in told[0] or "attempt" in told[0], "locals are in it"
    assert not [text for text in told for secret in secrets if secret in text]
    assert error.__cause__ is None


def test_settings_and_access_do_not_show_the_server_key(simulator: GatewaySimulator) -> None:
    assert simulator.server_key not in repr(simulator.access()) + str(simulator.access())
