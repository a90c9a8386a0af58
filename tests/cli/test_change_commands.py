"""reschedule, upgrade, correct, reissue and spoilt as scripts use them: JSON, approvers, keys, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import zxingcpp

Run = Callable[..., Any]
NIK = "3171010101900001"
BUDI = f"Budi Santoso;{NIK}"
SITI = "Siti Aminah;3171014507920003"
SUPERVISOR = {"approver_pin": "123456"}


@pytest.fixture
def sold(run: Run, travel_day: date) -> Any:
    """A sale to two, with an infant."""
    named = [word for one in (BUDI, SITI, "Rafi;;infant;2025-03-02") for word in ("--passenger", one)]
    done = run(
        "sell", "yk", "gmr", travel_day.isoformat(), "--train", "43", "--class", "EKS", *named, "--pay", "cash",
        "--json",
    )  # fmt: skip
    assert done.status == 0
    return done.json


@pytest.fixture
def ticket(sold: Any) -> str:
    return str(sold["tickets"][0]["ticket_number"])


@pytest.fixture
def move(run: Run, ticket: str, travel_day: date) -> Callable[..., Any]:
    """``counter reschedule`` of the first ticket to the next day."""

    def again(*more: str, number: str = ticket, identity: str = NIK, pay: bool = True, **env: str) -> Any:
        paid = ("--pay", "cash") if pay else ()
        day = (travel_day + timedelta(days=1)).isoformat()
        where = ("--train", "43", "--date", day)
        return run("reschedule", number, *where, "--identity", identity, *paid, "--json", *more, **env)

    return again


@pytest.fixture
def owner(database: Any) -> Callable[[str], None]:
    """Something only the owner can do."""

    def change(statement: str) -> None:
        with psycopg.connect(database.owner_url, autocommit=True) as connection:
            connection.execute(statement)

    return change


def test_a_quote_and_then_the_move(
    run: Run, move: Callable[..., Any], sold: Any, environment: Path, escpos: Any
) -> None:
    quoted = move("--quote", pay=False)
    assert quoted.status == 0
    said = quoted.json
    assert (said["quote"], said["fee"], said["difference"], said["due"]) == (True, 113_000, 0, 113_000)
    assert (said["within_policy"], said["fault"], said["type"]) == (True, None, "reschedule")
    environment.write_bytes(b"")
    done = move("--tendered", "150000")
    assert done.status == 0
    assert (done.json["paid"], done.json["change"], done.json["supersedes"]) == (
        113_000, 37_000, sold["tickets"][0]["ticket_number"],
    )  # fmt: skip
    assert [one["print"] for one in done.json["tickets"]] == ["confirmed", "confirmed"]  # the infant goes along
    printed = escpos.interpret(environment.read_bytes(), 576)
    assert {one.text for one in zxingcpp.read_barcodes(printed.paper)} == {one["code"] for one in done.json["tickets"]}
    shown = run("show", sold["booking_number"], "--json").json
    assert [one["status"] for one in shown["tickets"]].count("superseded") == 2
    assert shown["modifications"][0]["type"] == "reschedule"
    assert run("admin", "verify").status == 0


def test_the_same_key_is_the_same_move(move: Callable[..., Any]) -> None:
    key = str(uuid4())
    first, second = move("--key", key), move("--key", key)
    assert (first.status, second.status) == (0, 0)
    assert first.json == second.json
    other = move("--key", key, "--class", "LUX")
    assert (other.status, other.json["error"]["code"]) == (1, "key_reused")
    assert move().json["error"]["code"] == "ticket_closed"


def test_for_people(run: Run, ticket: str, travel_day: date) -> None:
    day = (travel_day + timedelta(days=1)).isoformat()
    words = ("reschedule", ticket, "--train", "43", "--date", day, "--identity", NIK)
    assert "113.000" in run(*words, "--quote").out
    assert "113.000" in run(*words, "--pay", "cash").out


def test_a_seat_an_infant_and_a_class(run: Run, move: Callable[..., Any], sold: Any) -> None:
    moved = move("--class", "lux", "--seat", "LUX 1/1A", "--no-infant")
    assert [one["seat"] for one in moved.json["tickets"]] == ["1A"]
    infant = sold["tickets"][2]["ticket_number"]
    other = move("--infant", infant, number=sold["tickets"][1]["ticket_number"], identity=SITI.split(";")[1])
    assert [one["supersedes"] for one in other.json["tickets"]][1] == infant


def test_an_upgrade(run: Run, ticket: str) -> None:
    words = ("upgrade", ticket, "--class", "LUX", "--identity", NIK, "--json")
    quoted = run(*words, "--quote").json
    done = run(*words, "--pay", "debit_card", "--reference", "123456", "--card-last4", "4242")
    assert done.status == 0
    assert (done.json["type"], done.json["fee"], done.json["method"]) == ("upgrade", 0, "debit_card")
    assert done.json["paid"] == quoted["due"] == quoted["difference"] > 0
    down = run("upgrade", done.json["ticket_number"], "--class", "EKS", "--identity", NIK, "--json")
    assert (down.status, down.json["error"]["code"]) == (1, "no_upgrade")


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("--pay", "beans"), 2, "usage"),
        (("--tendered", "-5"), 2, "usage"),
        (("--tendered", "5"), 2, "usage"),  # of what?
        (("--date", "2026-02-31"), 2, "date_invalid"),
        (("--key", "beans"), 2, "usage"),
        (("--infant", "1", "--no-infant"), 2, "usage"),
        (("--pay", "cash", "--tendered", "5"), 1, "tendered_too_little"),
        (("--pay", "qris"), 1, "method_waits"),
        ((), 1, "payment_missing"),
        (("--date", "2020-01-01"), 1, "past_date"),
        (("--train", "999"), 1, "unknown_train"),
        (("--train", "6"), 1, "no_connection"),
        (("--class", "XXX"), 1, "unknown_class"),
        (("--seat", "EKS 1/99Z"), 1, "unknown_seat"),
        (("--identity", ""), 1, "identity_missing"),
        (("--identity", "3171010101900009"), 1, "identity_mismatch"),
        (("--to", "CN"), 1, "other_relation"),
        (("--approval", "42"), 1, "unknown_approval"),
    ],
)
def test_bad_input(move: Callable[..., Any], words: tuple[str, ...], status: int, code: str) -> None:
    refused = move(*words, pay=False)
    assert (refused.status, refused.json["error"]["code"]) == (status, code)


def test_a_ticket_that_does_not_exist(run: Run, move: Callable[..., Any]) -> None:
    for words in (
        ("correct", "42", "--name", "X"),
        ("reissue", "42", "--identity", NIK, "--reason", "lost"),
        ("spoilt", "beans", "--reason", "jam"),
        ("upgrade", "42", "--class", "LUX", "--identity", NIK),
    ):
        refused = run(*words, "--json")
        assert (refused.status, refused.json["error"]["code"]) == (1, "unknown_ticket")
    assert move(number="000000000042").json["error"]["code"] == "unknown_ticket"


def test_a_supervisor_in_place(move: Callable[..., Any], owner: Callable[[str], None]) -> None:
    owner("INSERT INTO policy_configurations (operator_id, policy_type, config, is_override)"
          " VALUES (1, 'reschedule_cutoff_minutes', '{\"value\": 20000}', false)")  # fmt: skip
    refused = move()
    assert (refused.status, refused.json["error"]["code"]) == (1, "approval_needed")
    assert refused.json["error"]["approval"]["amount"] == 113_000
    assert move("--approver", "3001", approver_pin="999999").status == 1
    done = move("--approver", "3001", **SUPERVISOR)
    assert (done.status, done.json["within_policy"]) == (0, False)


def test_a_supervisor_at_his_own_desk(run: Run, move: Callable[..., Any], owner: Callable[[str], None]) -> None:
    owner("INSERT INTO policy_configurations (operator_id, policy_type, config, is_override)"
          " VALUES (1, 'reschedule_cutoff_minutes', '{\"value\": 20000}', false)")  # fmt: skip
    asked = move("--ask", "--reason", "missed the bus", pay=False)
    number = str(asked.json["approval"]["number"])
    assert move("--approval", number).json["error"]["code"] == "not_approved"
    assert run("approve", "yes", number, "--json").status == 1
    assert run("approve", "yes", number, "--json", staff="3001").status == 0
    assert move("--approval", number).status == 0
    assert run("admin", "verify").status == 0


def test_a_correction(run: Run, ticket: str) -> None:
    words = ("correct", ticket, "--name", "Budi Sentosa", "--identity", NIK, "--json")
    quoted = run(*words, "--quote").json
    assert (quoted["correction"], quoted["within_policy"], quoted["fee"]) == ("spelling", True, 0)
    key = str(uuid4())
    done = run(*words, "--key", key)
    assert (done.status, done.json["issue_no"], done.json["passenger_name"]) == (0, 2, "BUDI SENTOSA")
    assert done.json["print"] == "confirmed"
    assert run(*words, "--key", key).json == done.json
    assert run("correct", ticket, "--json").status == 2
    other = ("correct", ticket, "--name", "Rina Wati", "--identity", "3273016004850007", "--holder", NIK, "--json")
    refused = run(*other)
    assert (refused.status, refused.json["error"]["code"]) == (1, "approval_needed")
    assert run(*other, "--approver", "3001", **SUPERVISOR).json["passenger_name"] == "RINA WATI"
    assert run("admin", "verify").status == 0


def test_a_lost_ticket(run: Run, ticket: str, sold: Any, travel_day: date, environment: Path, escpos: Any) -> None:
    environment.write_bytes(b"")
    done = run("reissue", ticket, "--identity", NIK, "--reason", "lost", "--json")
    assert (done.status, done.json["type"], done.json["issue_no"], done.json["print"]) == (
        0,
        "duplicate",
        2,
        "confirmed",
    )
    printed = escpos.interpret(environment.read_bytes(), 576)
    assert any("DUPLICATE 2" in line for line in printed.lines)
    at = f"{travel_day.isoformat()}T07:20:00+07:00"
    scan = ("checkin", "--station", "YK", "--at", at, "--json")
    codes = (sold["tickets"][0]["code"], done.json["code"])
    assert [run(*scan, code, staff="2001").json["outcome"] for code in codes] == ["duplicate", "ok"]


def test_a_spoilt_print(run: Run, ticket: str) -> None:
    done = run("spoilt", ticket, "--reason", "paper jam", "--json")
    assert (done.status, done.json["copy"], done.json["print"], done.json["blank"]) == (0, 1, "confirmed", None)
    assert "copy 2" in run("spoilt", ticket, "--reason", "paper jam").out
    for words, status, code in (
        (("--blank", "beans"), 2, "roll_invalid"),
        (("--blank", "17"), 1, "roll_missing"),
        (("--reason", " "), 1, "reason_missing"),
    ):
        refused = run("spoilt", ticket, "--reason", "jam", *words, "--json")
        assert (refused.status, refused.json["error"]["code"]) == (status, code)
    assert run("spoilt", ticket, "--reason", "jam", "--json", printer="none").json["error"]["code"] == "no_printer"
