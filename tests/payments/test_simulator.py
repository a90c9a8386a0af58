"""The simulated gateway itself: its books, its memory, its desk, its console, its weather."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from core.payments.qris import check_payload
from counter.simulator import Fault, FaultPlan, GatewaySimulator, Orders, Terms, run_simulator
from counter.simulator.console import Console
from counter.simulator.transactions import CannotHappen

NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
AMOUNT = 275_000


def request(order_id: str = "SC-1", **changes: object) -> dict[str, object]:
    details = {"order_id": order_id, "gross_amount": AMOUNT}
    return {"payment_type": "qris", "transaction_details": details} | changes


@pytest.fixture
def orders() -> Orders:
    return Orders(clock=lambda: NOON)


def states(orders: Orders) -> list[str]:
    return [order.state for order in orders.all()]


# Books


def test_a_charge_is_described_as_the_gateway_does(orders: Orders) -> None:
    body = orders.charge(request())
    assert body["status_code"] == "201"
    assert (body["order_id"], body["gross_amount"], body["currency"]) == ("SC-1", "275000.00", "IDR")
    assert (body["transaction_status"], body["acquirer"]) == ("pending", "gopay")
    assert (body["transaction_time"], body["expiry_time"]) == ("2026-11-20 12:00:00", "2026-11-20 12:15:00")
    assert check_payload(body["qr_string"], amount=AMOUNT).dynamic
    assert body["transaction_id"] in body["actions"][0]["url"]


def test_a_status_shows_the_code_no_more(orders: Orders) -> None:
    transaction_id = orders.charge(request())["transaction_id"]
    for name in ("SC-1", transaction_id):
        body = orders.status(name)
        assert (body["status_code"], body["order_id"]) == ("201", "SC-1")
        assert "qr_string" not in body


@pytest.mark.parametrize(
    "changes",
    [
        {"payment_type": "gopay"},
        {"transaction_details": None},
        {"transaction_details": {"order_id": "SC-1"}},
        {"transaction_details": {"order_id": "SC-1", "gross_amount": "275000"}},
        {"transaction_details": {"order_id": "SC-1", "gross_amount": 0}},
        {"transaction_details": {"order_id": "SC-1", "gross_amount": True}},
        {"transaction_details": {"order_id": "a b", "gross_amount": 1}},
        {"transaction_details": {"order_id": 7, "gross_amount": 1}},
        {"custom_expiry": {"expiry_duration": 1, "unit": "year"}},
        {"custom_expiry": {"expiry_duration": -1}},
        {"custom_expiry": 7},
        {"custom_expiry": {"expiry_duration": 10**400, "unit": "day"}},
    ],
)
def test_what_cannot_be_charged_is_refused(orders: Orders, changes: dict[str, object]) -> None:
    assert orders.charge(request(**changes))["status_code"] == "400"
    assert orders.all() == []


def test_a_key_repeats_an_answer_and_an_order_is_not_repeated(orders: Orders) -> None:
    first = orders.charge(request(), "k" * 36)
    orders.settle("SC-1")
    assert orders.charge(request(), "k" * 36) == first
    assert orders.charge(request(), "other")["status_code"] == "406"
    assert orders.charge(request("SC-2"), "k" * 37)["status_code"] == "400"
    assert states(orders) == ["settlement"]


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        ([], "settle", "settlement"),
        ([], "deny", "deny"),
        ([], "lapse", "expire"),
        (["settle"], "settle", "settlement"),
        (["settle"], "deny", "deny"),
        (["settle"], "charge_back", "chargeback"),
        (["settle"], "lapse", None),
        (["lapse"], "settle", None),
        (["deny"], "settle", None),
        (["lapse"], "deny", None),
        ([], "charge_back", None),
    ],
)
def test_what_can_happen_to_an_order(orders: Orders, before: list[str], event: str, after: str | None) -> None:
    orders.charge(request())
    for name in before:
        getattr(orders, name)("SC-1")
    if after is None:
        with pytest.raises(CannotHappen):
            getattr(orders, event)("SC-1")
    else:
        assert getattr(orders, event)("SC-1").state == after


def test_nothing_happens_to_an_order_that_is_not_there(orders: Orders) -> None:
    with pytest.raises(CannotHappen):
        orders.settle("SC-1")
    assert orders.refund("SC-1", {})["status_code"] == "404"


def test_time_expires_orders_and_pays_automatic_ones(orders: Orders) -> None:
    orders.charge(request())
    orders.advance(timedelta(minutes=15))
    assert states(orders) == ["expire"]
    orders.terms = replace(orders.terms, settle_after=timedelta(seconds=5))
    orders.charge(request("SC-2"))
    orders.advance(timedelta(seconds=4))
    assert states(orders) == ["expire", "pending"]
    orders.advance(timedelta(days=1))
    assert states(orders) == ["expire", "settlement"]
    assert orders.all()[1].settled == NOON + timedelta(minutes=15, seconds=5)


@pytest.mark.parametrize("body", [{"amount": 0}, {"amount": "5"}, {"refund_key": "a b"}, {"refund_key": 5}])
def test_a_refund_that_is_none_is_refused(orders: Orders, body: dict[str, object]) -> None:
    orders.charge(request())
    orders.settle("SC-1")
    assert orders.refund("SC-1", body)["status_code"] == "400"
    assert orders.take_in() == AMOUNT


def test_orders_outlive_the_simulator(tmp_path: Path) -> None:
    file = tmp_path / "gateway.json"
    first = Orders(clock=lambda: NOON, file=file)
    answer = first.charge(request(), "key")
    first.settle("SC-1")
    first.refund("SC-1", {"refund_key": "R-1", "amount": 5_000})
    second = Orders(clock=lambda: NOON, file=file)
    assert second.all() == first.all()
    assert second.charge(request(), "key") == answer
    assert second.take_in() == AMOUNT - 5_000


# Weather


def test_drawn_faults_are_the_same_for_the_same_seed() -> None:
    def drawn(seed: int) -> list[Fault | None]:
        plan = FaultPlan(rate=0.3, seed=seed)
        return [plan.next("status", f"SC-{number % 40}") for number in range(400)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert 80 < sum(fault is not None for fault in drawn(1)) < 160


def test_ordered_faults_wait_for_their_call_and_order() -> None:
    plan = FaultPlan()
    plan.add(Fault.HTML, "status", order_id="SC-2", times=2)
    asked = [("charge", "SC-2"), ("status", "SC-1"), ("status", "SC-2"), ("status", "SC-2"), ("status", "SC-2")]
    assert [plan.next(*one) for one in asked] == [None, None, Fault.HTML, Fault.HTML, None]


def test_clearing_ends_all_faults() -> None:
    plan = FaultPlan(rate=1)
    plan.add(Fault.HTML, times=9)
    plan.clear()
    assert plan.next("status", "SC-1") is None


# HTTP


@pytest.fixture
def http(simulator: GatewaySimulator) -> Iterator[httpx.Client]:
    auth = (simulator.server_key, "")
    with httpx.Client(base_url=simulator.url, auth=auth, trust_env=False, timeout=20) as client:
        yield client


def test_it_listens_on_loopback_only(simulator: GatewaySimulator) -> None:
    port = int(simulator.url.rpartition(":")[2])
    with socket.socket() as line:
        line.settimeout(5)
        assert line.connect_ex(("127.0.0.1", port)) == 0
    with socket.socket() as line:
        line.settimeout(5)
        assert line.connect_ex(("127.0.0.2", port)) != 0, "another address of this machine"


@pytest.mark.parametrize(
    ("method", "path", "content", "code"),
    [
        ("POST", "/v2/charge", b"{", 413),
        ("POST", "/v2/charge", b"[]", 413),
        ("POST", "/v2/charge", b" " * 70_000, 413),
        ("POST", "/v2/charge", b"{}", 400),
        ("GET", "/v2/charge", b"", 404),
        ("GET", "/v2/SC-1/cancel", b"", 404),
        ("POST", "/v2/SC-1/status", b"", 404),
        ("GET", "/v2/SC-1/status", b"", 404),
        ("GET", "/", b"", 404),
        ("GET", "/v2/qris/none/qr-code", b"", 404),
    ],
)
def test_requests_that_are_none(http: httpx.Client, method: str, path: str, content: bytes, code: int) -> None:
    answer = http.request(method, path, content=content)
    assert answer.status_code == code
    assert answer.json()["status_code"] == str(code)


def test_the_code_s_picture_is_where_the_answer_says(http: httpx.Client) -> None:
    actions = http.post("/v2/charge", json=request()).json()["actions"]
    picture = http.get(actions[0]["url"])
    assert picture.headers["content-type"] == "image/svg+xml"
    assert b"<svg" in picture.content


def test_another_process_can_play_customer_bank_and_weather(http: httpx.Client, simulator: GatewaySimulator) -> None:
    http.post("/v2/charge", json=request())
    assert "settlement" in http.post("/simulator/orders/SC-1/settle").json()
    assert http.post("/simulator/orders/SC-1/expire").status_code == 409
    http.post("/v2/charge", json=request("SC-2"))
    http.post("/simulator/clock", json={"advance_seconds": 900})
    http.post("/simulator/orders/SC-2/settle-late")
    assert [order["state"] for order in http.get("/simulator/orders").json()] == ["settlement", "settlement"]
    http.post("/simulator/faults", json={"fault": "html", "call": "status", "times": 1})
    assert http.get("/v2/SC-1/status").headers["content-type"] == "text/html"
    assert http.post("/simulator/faults", json={"fault": "none"}).status_code == 409
    assert http.post("/simulator/clock", json=[]).status_code == 409
    assert http.post("/simulator/nonsense").status_code == 404
    assert states(simulator.orders) == ["settlement", "settlement"]


# Console


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def console(simulator: GatewaySimulator, said: list[str]) -> Console:
    simulator.orders.charge(request("SC-100"))
    simulator.orders.charge(request("SC-200"))
    return Console(simulator, said.append)


@pytest.mark.parametrize(
    ("lines", "after"),
    [
        (["settle"], ["pending", "settlement"]),
        (["settle SC-100"], ["settlement", "pending"]),
        (["SETTLE 100"], ["settlement", "pending"]),
        (["settle 00"], ["pending", "pending"]),
        (["deny 100", "expire 200"], ["deny", "expire"]),
        (["expire", "late"], ["pending", "settlement"]),
        (["expire", "settle"], ["pending", "expire"]),
        (["settle", "deny"], ["pending", "deny"]),
        (["settle", "chargeback"], ["pending", "chargeback"]),
        (["", "nonsense", "auto", "auto never", "fault", "fault html status x", "fault html nocall"], ["pending"] * 2),
    ],
)
def test_lines_typed_do_what_they_say(
    console: Console, simulator: GatewaySimulator, lines: list[str], after: list[str]
) -> None:
    assert all(console.obey(line) for line in lines)
    assert states(simulator.orders) == after


def test_a_mistake_is_answered_with_a_sentence(console: Console, said: list[str]) -> None:
    for line in ("settle 00", "expire SC-999", "auto x", "fault weird", "fault html status x"):
        console.obey(line)
    assert len(said) == 5
    assert all(re.fullmatch(r"That cannot be: .+\.", line) for line in said)


def test_the_console_lists_automates_and_helps(console: Console, simulator: GatewaySimulator, said: list[str]) -> None:
    for line in ("list", "auto 3", "auto off", "fault lost charge 2", "help"):
        console.obey(line)
    assert said[:2] == ["SC-100  Rp 275.000  pending", "SC-200  Rp 275.000  pending"]
    assert said[2:5] == ["Every order is paid after 3 s.", "Every order waits to be paid.", "lost: the next 2 charge."]
    assert all(fault in said[5] for fault in Fault)
    assert [simulator.faults.next("charge", "x") for _ in range(3)] == [Fault.LOST, Fault.LOST, None]
    assert not console.obey("quit")


def test_run_by_a_user_from_start_to_quit(tmp_path: Path) -> None:
    said: list[str] = []

    def typed() -> Iterator[str]:
        url = re.search(r"http://\S+", said[0])
        assert url is not None
        answer = httpx.post(
            f"{url[0]}/v2/charge", json=request(), auth=("SB-Mid-server-mine", ""), trust_env=False, timeout=20
        )
        assert answer.status_code == 201
        yield "settle\n"
        yield "quit\n"

    file = tmp_path / "gateway.json"
    run_simulator(0, server_key="SB-Mid-server-mine", file=file, lines=typed(), say=said.append)
    assert "COUNTER_GATEWAY_SERVER_KEY=SB-Mid-server-mine" in said[1]
    assert [line for line in said if "SC-1" in line] == [
        "SC-1  Rp 275.000  pending",
        "charge SC-1 → 201",
        "SC-1  Rp 275.000  settlement",
    ]
    assert states(Orders(file=file)) == ["settlement"]


def test_closing_does_not_wait_for_requests_it_never_answers(simulator: GatewaySimulator, http: httpx.Client) -> None:
    simulator.faults.add(Fault.SILENT)
    left = threading.Event()

    def ask() -> None:
        with pytest.raises(httpx.HTTPError):
            http.get("/v2/SC-1/status")
        left.set()

    heard = threading.Event()
    simulator.on_request = lambda _line: heard.set()
    threading.Thread(target=ask, daemon=True).start()
    assert heard.wait(20)
    simulator.closing.set()
    assert left.wait(20)


def test_standard_terms_are_a_quarter_of_an_hour() -> None:
    assert Terms().expiry == timedelta(minutes=15)
