"""Cards, parts, QRIS against the simulated gateway, questions and reconciliation, as scripts use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from counter.simulator import Fault, GatewaySimulator, Terms

Run = Callable[..., Any]
BUDI = "Budi Santoso;3171010101900001"
SITI = "Siti Aminah;3171014507920003"
SUPERVISOR = {"staff": "3001"}


@pytest.fixture
def gateway() -> Iterator[GatewaySimulator]:
    with GatewaySimulator(drip=0.02) as running:
        yield running


@pytest.fixture
def at(gateway: GatewaySimulator) -> dict[str, str]:
    """The environment of a counter that knows the gateway."""
    return {"gateway_url": gateway.url, "gateway_server_key": gateway.server_key, "gateway_attempts": "1"}


def sell(run: Run, day: date, method: str, *more: str, who: str = BUDI, **env: str) -> Any:
    where = ["yk", "gmr", day.isoformat(), "--train", "43", "--class", "EKS", "--passenger", who]
    return run("sell", *where, "--pay", method, "--json", *more, **env)


def test_a_card_goes_on_record_with_what_its_slip_says(run: Run, travel_day: date) -> None:
    slip = ("--reference", "A1B2C3", "--card-last4", "4242", "--edc-terminal", "12345678", "--edc-batch", "000017")
    sold = sell(run, travel_day, "debit_card", *slip)
    assert (sold.status, sold.json["paid"], sold.json["change"]) == (0, 457_500, 0)
    (payment,) = run("show", sold.json["booking_number"], "--json").json["payments"]
    assert (payment["method"], payment["external_reference"], payment["card_last_four"]) == (
        "debit_card", "A1B2C3", "4242",
    )  # fmt: skip
    refused = sell(run, travel_day, "debit_card", who=SITI)
    assert (refused.status, refused.json["error"]["code"]) == (1, "reference_missing")
    refused = sell(run, travel_day, "credit_card", "--reference", "4111111111111111", who=SITI)
    assert refused.json["error"]["code"] == "card_number_refused"
    assert "4111" not in refused.out + refused.err


def test_part_cash_part_card(run: Run, travel_day: date) -> None:
    key = str(uuid4())
    first = sell(run, travel_day, "cash", "--amount", "200000", "--tendered", "250000", "--key", key)
    assert (first.status, first.json["status"], first.json["owed"]) == (0, "pending", 257_500)
    assert sell(run, travel_day, "cash", "--amount", "200000", "--tendered", "250000", "--key", key).json == first.json
    number = first.json["booking_number"]
    late = run("pay", "take", number, "--pay", "cash", "--amount", "300000", "--json")
    assert (late.status, late.json["error"]["code"]) == (1, "more_than_owed")
    last = run("pay", "take", number, "--pay", "credit_card", "--reference", "A1", "--json")
    assert (last.json["status"], last.json["paid"], last.json["change"]) == ("confirmed", 457_500, 50_000)
    assert [ticket["print"] for ticket in last.json["tickets"]] == ["confirmed"]
    again = run("pay", "take", number, "--pay", "cash", "--json")
    assert again.json["error"]["code"] == "state_conflict"
    assert run("admin", "verify", "--json").status == 0


def test_given_up_the_parts_go_back(run: Run, travel_day: date) -> None:
    number = sell(run, travel_day, "cash", "--amount", "100000").json["booking_number"]
    run("pay", "take", number, "--pay", "debit_card", "--reference", "A1", "--amount", "50000")
    run("pay", "take", number, "--pay", "debit_card", "--reference", "A2", "--amount", "60000")
    done = run("pay", "cancel", number, "--void", f"{number}-2=VOID 18", "--json").json
    assert done["status"] == "cancelled"
    assert [(one["method"], one["status"]) for one in done["refunds"]] == [
        ("cash", "completed"), ("debit_card", "completed"), ("debit_card", "initiated"),
    ]  # fmt: skip
    (question,) = run("pay", "questions", "--json").json["questions"]
    refused = run("pay", "resolve", question["question"], "VOID 19", "--json")
    assert refused.json["error"]["code"] == "not_permitted"
    assert run("pay", "resolve", question["question"], "VOID 19", **SUPERVISOR).status == 0
    assert run("pay", "questions", "--json").json == {"questions": []}
    assert run("pay", "status", number, "--json").json["refunds"][2]["external_reference"] == "VOID 19"
    assert run("admin", "verify", "--json").status == 0


def test_qris_without_a_gateway_is_refused_in_a_sentence(run: Run, travel_day: date) -> None:
    refused = sell(run, travel_day, "qris")
    assert (refused.status, refused.json["error"]["code"]) == (3, "gateway_not_ready")
    assert "No payment gateway is set up." in refused.err


def test_qris_that_is_paid_while_the_command_waits(
    run: Run, travel_day: date, gateway: GatewaySimulator, at: Any
) -> None:
    gateway.orders.terms = Terms(settle_after=timedelta(0))
    sold = sell(run, travel_day, "qris", **at)
    assert (sold.status, sold.json["status"], sold.json["paid"]) == (0, "confirmed", 457_500)
    assert [ticket["print"] for ticket in sold.json["tickets"]] == ["confirmed"]


def test_qris_that_waits_goes_on_waiting_under_its_key(
    run: Run, travel_day: date, gateway: GatewaySimulator, at: Any
) -> None:
    key = str(uuid4())
    waiting = sell(run, travel_day, "qris", "--wait", "0", "--key", key, **at)
    error = waiting.json["error"]
    assert (waiting.status, error["code"], error["key"]) == (1, "payment_pending", key)
    (order,) = gateway.orders.all()
    assert (error["qr_string"], error["payment"]) == (order.qr_string, order.order_id)
    again = sell(run, travel_day, "qris", "--wait", "0", "--key", key, **at)
    assert again.json == waiting.json
    (listed,) = run("pay", "waiting", "--json").json["payments"]
    assert (listed["payment"], listed["status"]) == (order.order_id, "processing")
    now = run("pay", "status", error["booking_number"], "--json").json
    assert (now["status"], now["under_way"], now["owed"]) == ("pending", 457_500, 457_500)
    gateway.orders.settle(order.order_id)
    sold = sell(run, travel_day, "qris", "--wait", "0", "--key", key, **at)
    assert (sold.status, sold.json["status"]) == (0, "confirmed")
    assert (
        sell(run, travel_day, "qris", "--wait", "0", "--key", key, **at).json["booking_number"]
        == (sold.json["booking_number"])
    )
    assert len(gateway.orders.all()) == 1
    assert run("admin", "verify", "--json").status == 0


def test_the_code_is_for_the_eyes_the_answer_for_the_script(run: Run, travel_day: date, at: Any) -> None:
    where = ["yk", "gmr", travel_day.isoformat(), "--train", "43", "--class", "EKS", "--passenger", BUDI]
    shown = run("sell", *where, "--pay", "qris", "--wait", "0", **at)
    assert shown.out == ""
    assert "00020101" in shown.err
    assert "457.500 by QRIS for" in shown.err


def test_qris_called_off_and_paid_in_cash(run: Run, travel_day: date, gateway: GatewaySimulator, at: Any) -> None:
    number = sell(run, travel_day, "qris", "--wait", "0", **at).json["error"]["booking_number"]
    refused = run("pay", "take", number, "--pay", "cash", "--json", **at)
    assert refused.json["error"]["code"] == "more_than_owed"
    assert run("pay", "cancel", number, "--payment-only", "--json", **at).json["payments"][0]["status"] == "failed"
    assert gateway.orders.all()[0].state == "cancel"
    assert run("pay", "take", number, "--pay", "cash", "--json", **at).json["status"] == "confirmed"


def test_reconciliation_finds_what_was_paid_and_sends_back_what_was_not_wanted(
    run: Run, travel_day: date, gateway: GatewaySimulator, at: Any
) -> None:
    first = sell(run, travel_day, "qris", "--wait", "0", **at).json["error"]["booking_number"]
    second = sell(run, travel_day, "qris", "--wait", "0", who=SITI, **at).json["error"]["booking_number"]
    run("pay", "cancel", second, "--force", **at)
    for order in gateway.orders.all():
        gateway.orders.settle(order.order_id)
    gateway.faults.add(Fault.ERROR, times=9)
    away = run("pay", "reconcile", "--json", **at)
    assert (away.status, away.json["unreachable"]) == (3, 2)
    gateway.faults.clear()
    report = run("pay", "reconcile", "--json", **at, staff="", pin="")
    assert report.status == 0
    assert (report.json["confirmed"], report.json["returned"], report.json["refunded"]) == (1, 1, 1)
    assert run("show", first, "--json").json["status"] == "confirmed"
    assert [one["status"] for one in run("show", second, "--json").json["refunds"]] == ["completed"]
    assert run("admin", "verify", "--json").status == 0


def test_the_gateway_to_try_with_runs_by_command(run: Run, tmp_path: Path) -> None:
    book = tmp_path / "orders.json"
    taken = run("admin", "gateway-simulator", "--port", "0", "--file", str(book), stdin=b"list\nquit\n")
    assert taken.status == 0
    assert "COUNTER_GATEWAY_URL=http://127.0.0.1:" in taken.out
    book.write_text("no orders", encoding="utf-8")
    refused = run("admin", "gateway-simulator", "--port", "0", "--file", str(book))
    assert refused.status == 3
