"""Cancelling and paying back as scripts do it: quotes, approval in place or from the queue, payouts, QRIS, forfeits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection, text

from counter.simulator import Fault, GatewaySimulator

Run = Callable[..., Any]
BUDI, IDENTITY = "Budi Santoso;3171010101900001", "3171010101900001"
SITI = "Siti Aminah;3171014507920003"
SUPERVISOR = {"staff": "3001"}
APPROVED = ("--approver", "3001")
APPROVER = {"approver_pin": "123456"}


@pytest.fixture
def gateway() -> Iterator[GatewaySimulator]:
    with GatewaySimulator(drip=0.02) as running:
        yield running


@pytest.fixture
def at(gateway: GatewaySimulator) -> dict[str, str]:
    """The environment of a counter that knows the gateway."""
    return {"gateway_url": gateway.url, "gateway_server_key": gateway.server_key, "gateway_attempts": "1"}


def sell(run: Run, day: date, *more: str, who: tuple[str, ...] = (BUDI, SITI), pay: str = "cash", **env: str) -> Any:
    people = [word for one in who for word in ("--passenger", one)]
    where = ["yk", "gmr", day.isoformat(), "--train", "43", "--class", "EKS", *people]
    sold = run("sell", *where, "--pay", pay, "--json", *more, **env)
    assert sold.status == 0, sold.err
    return sold.json


def code(refused: Any) -> tuple[int, str]:
    return refused.status, refused.json["error"]["code"]


def test_a_quote_then_approved_in_place(run: Run, travel_day: date) -> None:
    sold = sell(run, travel_day)
    number, ticket = sold["booking_number"], sold["tickets"][0]["ticket_number"]
    quoted = run("cancel", number, "--ticket", ticket, "--quote", "--json").json
    assert (quoted["outcome"], quoted["refund"], quoted["fee"]) == ("quoted", 337_500, 112_500)
    assert "25 % of 450.000 is kept" in run("cancel", number, "--quote").out
    assert code(run("cancel", number, "--ticket", ticket, "--json")) == (1, "identity_missing")
    wrong = run("cancel", number, "--identity", "3171010101900002", *APPROVED, "--json", **APPROVER)
    assert code(wrong) == (1, "identity_mismatch")
    asked = ("cancel", number, "--ticket", ticket, "--identity", IDENTITY)
    bad = run(*asked, *APPROVED, "--json", approver_pin="000000")
    assert bad.status == 1
    done = run(*asked, *APPROVED, "--reference", "TRX-1", "--account", "BCA 123", "--json", **APPROVER)
    assert (done.status, done.json["outcome"], done.json["refund"], done.json["kept"]) == (
        0, "cancelled", 337_500, 112_500,
    )  # fmt: skip
    (refund,) = done.json["refunds"]
    assert (refund["method"], refund["status"], refund["amount"]) == ("bank_transfer", "completed", 337_500)
    assert "BCA 123" not in done.out
    assert code(run(*asked, *APPROVED, "--json", **APPROVER)) == (1, "ticket_cancelled")
    shown = run("show", number, "--json").json
    assert [one["status"] for one in shown["tickets"]] == ["cancelled", "active"]
    assert [one["type"] for one in shown["modifications"]] == ["cancel", "settlement"]
    assert run("admin", "verify", "--json").status == 0


def test_from_the_queue(run: Run, travel_day: date) -> None:
    sold = sell(run, travel_day)
    number = sold["booking_number"]
    asked = run("cancel", number, "--identity", IDENTITY, "--reason", "ill", "--json")
    assert (asked.status, asked.json["outcome"], asked.json["refund"]) == (0, "requested", 675_000)
    request = str(asked.json["approval"]["number"])
    assert run("cancel", number, "--identity", IDENTITY, "--json").json["approval"]["number"] == int(request)
    assert code(run("cancel", number, "--approval", request, "--json")) == (1, "not_approved")
    assert code(run("approve", "yes", request, "--json")) == (1, "not_permitted")
    (waiting,) = run("approve", "list", "--json", **SUPERVISOR).json["approvals"]
    assert (waiting["kind"], waiting["amount"], waiting["details"]["fee"]) == ("refund", 675_000, 225_000)
    done = run("approve", "yes", request, "--json", **SUPERVISOR)
    assert done.json["carried_out"]["refund"] == 675_000
    (refund,) = run("refund", "list", "--json").json["refunds"]
    reference = refund["reference"]
    assert (refund["booking_number"], refund["status"], refund["late"]) == (number, "initiated", False)
    assert reference in run("refund", "list").out
    assert code(run("refund", "pay", reference, "--json")) == (2, "reference_missing")
    paid = run("refund", "pay", reference, "--reference", "TRX-1", "--account", "BCA 123", "--json")
    assert (paid.status, paid.json["status"]) == (0, "completed")
    again = run("refund", "pay", reference, "--reference", "TRX-1", "--account", "BCA 123", "--json")
    assert code(again) == (1, "refund_paid")
    assert run("refund", "list", "--json").json["refunds"] == []
    assert len(run("refund", "list", "--booking", number, "--json").json["refunds"]) == 1
    assert run("show", number, "--json").json["status"] == "cancelled"
    assert run("admin", "verify", "--json").status == 0


def test_cash_where_the_operator_is_to_blame(run: Run, travel_day: date, owner_connection: Connection) -> None:
    number = sell(run, travel_day)["booking_number"]
    refused = run("cancel", number, "--method", "cash", "--quote", "--json")
    assert code(refused) == (1, "method_refused")
    owner_connection.execute(text("UPDATE schedules SET status = 'cancelled'"))
    before = run("shift", "x", "--json").json
    done = run("cancel", number, "--identity", IDENTITY, *APPROVED, "--json", **APPROVER)
    assert [(one["method"], one["status"], one["amount"]) for one in done.json["refunds"]] == [
        ("cash", "completed", 900_000)
    ]  # fmt: skip
    after = run("shift", "x", "--json").json
    assert before != after
    assert run("admin", "verify", "--json").status == 0


def test_qris_goes_back_through_the_gateway(
    run: Run, travel_day: date, gateway: GatewaySimulator, at: dict[str, str]
) -> None:
    sold = _sell_by_qris(run, travel_day, gateway, at)
    number, ticket = sold["booking_number"], sold["tickets"][0]["ticket_number"]
    gateway.faults.add(Fault.LOST, "refund", times=9)
    asked = ("cancel", number, "--ticket", ticket, "--identity", IDENTITY, *APPROVED, "--json")
    done = run(*asked, **at, **APPROVER)
    (refund,) = done.json["refunds"]
    assert (done.status, refund["method"], refund["status"]) == (0, "qris", "processing")
    other = ("refund", "retry", refund["reference"], "--method", "bank_transfer", "--account", "B", "--reference", "T")
    assert code(run(*other, "--json", **at)) == (1, "refund_under_way")
    gateway.faults.clear()
    paid = run("refund", "pay", refund["reference"], "--json", **at)
    assert (paid.status, paid.json["status"]) == (0, "completed")
    assert gateway.orders.all()[0].refunded == 337_500
    assert code(run("refund", "pay", refund["reference"], "--json", **at)) == (1, "refund_paid")
    rest = run("cancel", number, "--identity", IDENTITY, *APPROVED, "--json", **at, **APPROVER)
    assert [(one["reference"], one["status"]) for one in rest.json["refunds"]] == [(f"{number}-1-R2", "completed")]
    assert gateway.orders.all()[0].refunded == 675_000
    report = run("pay", "reconcile", "--json", **at).json
    assert (report["questions"], report["refunded"]) == (0, 0)
    assert run("admin", "verify", "--json").status == 0


def _sell_by_qris(run: Run, day: date, gateway: GatewaySimulator, at: dict[str, str]) -> Any:
    key = "01900000-0000-7000-8000-000000000001"
    people = ["--passenger", BUDI, "--passenger", SITI]
    words = ["sell", "yk", "gmr", day.isoformat(), "--train", "43", "--class", "EKS", *people, "--pay", "qris"]
    waiting = run(*words, "--key", key, "--wait", "0", "--json", **at)
    assert code(waiting) == (1, "payment_pending")
    gateway.orders.settle(gateway.orders.all()[0].order_id)
    sold = run(*words, "--key", key, "--wait", "5", "--json", **at)
    assert sold.status == 0, sold.err
    return sold.json


def test_unclaimed_refunds_are_kept(run: Run, travel_day: date, owner_connection: Connection) -> None:
    number = sell(run, travel_day, who=(BUDI,))["booking_number"]
    run("cancel", number, "--identity", IDENTITY, *APPROVED, **APPROVER)
    assert run("refund", "forfeit", "--json", **SUPERVISOR).json == {"forfeited": [], "amount": 0}
    owner_connection.execute(text("UPDATE refunds SET claim_until = now() - interval '1 day'"))
    assert code(run("refund", "forfeit", "--json")) == (1, "not_permitted")
    kept = run("refund", "forfeit", "--json", **SUPERVISOR).json
    assert kept == {"forfeited": [f"{number}-1-R"], "amount": 337_500}
    (refund,) = run("refund", "list", "--booking", number, "--json").json["refunds"]
    assert refund["status"] == "forfeited"
    assert run("admin", "verify", "--json").status == 0
