"""``counter disrupt``: late and cancelled trains, the whole train's refund, vouchers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run

SUPERVISOR = {"staff": "3001"}
SECOND = {"approver": "9001", "approver_pin": "123456"}


def sell(run: Run, number: int = 1) -> str:
    sold = run(
        "sell", "YK", "GMR", "tomorrow", "--train", "43", "--class", "EKS", "--pay", "cash", "--tendered", "9000000",
        "--passenger", f"Penumpang {number};317101010190{number:04}", "--json",
    )  # fmt: skip
    assert sold.status == 0, sold.err
    return str(sold.json["tickets"][0]["ticket_number"])


def test_a_train_is_cancelled_and_refunded(run: Run) -> None:
    ticket = sell(run)
    sell(run, 2)
    cancelled = run("disrupt", "cancel", "43", "tomorrow", "--reason", "flood", "--json", **SUPERVISOR)
    assert (cancelled.status, cancelled.json["status"], cancelled.json["passengers"]) == (0, "cancelled", 2)
    found = run("disrupt", "affected", "43", "tomorrow", "--json", **SUPERVISOR)
    assert ticket in {who["ticket_number"] for one in found.json["bookings"] for who in one["passengers"]}
    waits = run("disrupt", "refund", "43", "tomorrow", "--json", **SUPERVISOR)
    assert (waits.status, waits.json["outcome"]) == (0, "requested")
    again = run("disrupt", "refund", "43", "tomorrow", "--json", **SUPERVISOR)
    number = str(again.json["approval"]["number"])
    assert number == str(waits.json["approval"]["number"])
    early = run("disrupt", "refund", "43", "tomorrow", "--approval", number, "--json", **SUPERVISOR)
    assert (early.status, early.json["outcome"]) == (0, "requested")
    assert run("disrupt", "jobs", "--json", **SUPERVISOR).json["jobs"] == []
    done = run("disrupt", "refund", "43", "tomorrow", "--json", **SUPERVISOR, **SECOND)
    assert (done.json["status"], done.json["done"], done.json["failed"]) == ("finished", 2, 0)
    resumed = run("disrupt", "resume", "43", "tomorrow", "--json", **SUPERVISOR)
    assert resumed.json["done"] == 2
    verified = run("admin", "verify", "--json")
    assert verified.status == 0, verified.out


def test_a_late_train_and_its_vouchers(run: Run) -> None:
    ticket = sell(run)
    late = run("disrupt", "delay", "43", "tomorrow", "200", "--reason", "engine", "--json", **SUPERVISOR)
    assert (late.json["status"], late.json["delay_minutes"]) == ("delayed", 200)
    one = run("disrupt", "vouchers", "--ticket", ticket, "--json")
    assert [given["kind"] for given in one.json["vouchers"]] == ["drink", "snack"]
    assert run("disrupt", "vouchers", "43", "tomorrow", "--json", **SUPERVISOR).json["vouchers"] == []
    listed = run("disrupt", "vouchers", "43", "tomorrow", "--list", "--json", **SUPERVISOR)
    assert len(listed.json["vouchers"]) == 2


@pytest.mark.parametrize("what", [("cancel", "43", "tomorrow"), ("delay", "43", "tomorrow", "5")])
def test_clerks_decide_nothing(run: Run, what: tuple[str, ...]) -> None:
    refused = run("disrupt", *what, "--reason", "x", "--json")
    assert (refused.status, refused.json["error"]["code"]) == (1, "not_permitted")


def test_a_stop_is_skipped(run: Run) -> None:
    skipped = run("disrupt", "skip", "43", "tomorrow", "PWT", "--reason", "landslide", "--json", **SUPERVISOR)
    assert skipped.json["skipped_stops"] == ["PWT"]
    nowhere = run("disrupt", "skip", "43", "tomorrow", "SGU", "--reason", "landslide", "--json", **SUPERVISOR)
    assert (nowhere.status, nowhere.json["error"]["code"]) == (1, "no_connection")


def test_a_coach_is_taken_out(run: Run) -> None:
    sell(run)
    for coach in ("EKS 1", "EKS 2", "EKS 3"):
        done = run("disrupt", "swap", "43", "tomorrow", coach, "--reason", "brakes", "--json", **SUPERVISOR)
        if done.json.get("reseated"):
            assert done.json["reseated"][0]["new_seat"].partition("/")[0] != coach
            break
    else:
        raise AssertionError("somebody sat in one of them")
    assert run("admin", "verify", "--json").status == 0
