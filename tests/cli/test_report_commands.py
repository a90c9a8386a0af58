"""Policies and reports by command, as scripts use them: JSON, CSV without formulas, paper, refusals."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Run = Callable[..., Any]
BOSS = {"staff": "3001"}
BUDI = "Budi Santoso;3171010101900001"
SPANS = ("sales", "refunds", "modifications", "over-short", "promotions", "fines")


def sell(run: Run, day: date, passenger: str = BUDI) -> Any:
    where = ["yk", "gmr", day.isoformat(), "--train", "43", "--class", "EKS"]
    sold = run("sell", *where, "--passenger", passenger, "--pay", "cash", "--json")
    assert sold.status == 0, sold.err
    return sold.json


# Policies


def test_a_policy_is_listed_set_shown_withdrawn_and_remembered(run: Run) -> None:
    listed = run("policy", "list", "--json", **BOSS).json["policies"]
    fee = next(one for one in listed if one["name"] == "cancel_fee_percent")
    assert (fee["value"], fee["origin"], fee["default"], fee["minimum"], fee["maximum"]) == (25, "default", 25, 0, 100)
    done = run("policy", "set", "cancel-fee-percent", "30", "--station", "gmr", "--json", **BOSS)
    assert (done.status, done.json["value"], done.json["origin"], done.json["station"]) == (0, 30, "station", "GMR")
    here = run("policy", "show", "cancel_fee_percent", "--station", "GMR", "--train", "43", "--json", **BOSS).json
    assert (here["value"], here["origin"], here["by"]) == (30, "station", "Wulan")
    assert run("policy", "show", "cancel_fee_percent", "--json", **BOSS).json["value"] == 25
    gone = run("policy", "withdraw", "cancel_fee_percent", "--station", "GMR", "--json", **BOSS).json
    assert (gone["value"], gone["entered"]) == (25, [])
    (past,) = run("policy", "history", "cancel_fee_percent", "--json", **BOSS).json["history"]
    assert (past["value"], past["station"], past["by"], past["ended_by"]) == (30, "GMR", "Wulan", "Wulan")
    told = run("policy", "list", "unclaimed", **BOSS).out
    assert "refund_unclaimed_days" in told
    assert "hold_minutes" not in told


def test_a_sale_obeys_what_was_set(run: Run, travel_day: date) -> None:
    assert run("policy", "set", "booking_fee", "12000", **BOSS).status == 0
    before = run("search", "YK", "GMR", travel_day.isoformat(), "--class", "EKS", "--train", "43", "--json")
    sold = sell(run, travel_day)
    assert sold["final_amount"] == before.json["offers"][0]["fare"] + 12_000


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("set", "cancel_fee_percent", "101"), 1, "policy_out_of_bounds"),
        (("set", "cancel_fee_percent", "much"), 2, "policy_value_invalid"),
        (("set", "cancel_fee", "1"), 1, "unknown_policy"),
        (("set", "cancel_fee_percent", "1", "--station", "XXX"), 1, "unknown_station"),
        (("set", "cancel_fee_percent", "1", "--train", "999"), 1, "unknown_train"),
        (("withdraw", "cancel_fee_percent"), 1, "policy_not_set"),
        (("history", "nothing"), 1, "unknown_policy"),
    ],
)
def test_what_cannot_be_is_said(run: Run, words: tuple[str, ...], status: int, code: str) -> None:
    refused = run("policy", *words, "--json", **BOSS)
    assert (refused.status, refused.json["error"]["code"]) == (status, code)


@pytest.mark.parametrize("words", [("policy", "list"), ("policy", "set", "ban_days", "1"), ("report", "sales")])
def test_a_clerk_has_no_business_here(run: Run, words: tuple[str, ...]) -> None:
    refused = run(*words, "--json")
    assert (refused.status, refused.json["error"]["code"]) == (1, "not_permitted")


# Reports


def test_sales_agree_with_what_was_paid(run: Run, travel_day: date) -> None:
    paid = sum(sell(run, travel_day, f"Siti Aminah;31710145079200{n:02}")["paid"] for n in (1, 2))
    for by in ("day", "shift", "clerk", "train", "class", "method"):
        made = run("report", "sales", "--by", by, "--json", **BOSS).json
        assert made["totals"]["net"] == paid
        assert [one["net"] for one in made["rows"]] == [paid]
    assert run("report", "sales", "--from", "-1", "--to", "-1", "--json", **BOSS).json["rows"] == []
    assert "Total" in run("report", "sales", **BOSS).out


def test_occupancy_of_a_train_and_of_a_day(run: Run, travel_day: date) -> None:
    sell(run, travel_day)
    legs = run("report", "occupancy", "43", travel_day.isoformat(), "--json", **BOSS).json
    together = [one for one in legs["rows"] if one["class"] == "all"]
    assert [one["sold"] for one in together] == [1] * 4
    day = run("report", "occupancy", "all", travel_day.isoformat(), "--json", **BOSS).json
    assert {one["train"]: one["tickets"] for one in day["rows"]}["43 Taksaka"] == 1
    missing = run("report", "occupancy", "43", "2020-01-01", "--json", **BOSS)
    assert (missing.status, missing.json["error"]["code"]) == (1, "no_departure")


def test_a_name_in_an_exported_manifest_is_no_formula(run: Run, travel_day: date, tmp_path: Path) -> None:
    sold = sell(run, travel_day, "'=SUM(A1);3171010101900001")
    file = tmp_path / "manifest.csv"
    made = run("report", "manifest", "43", travel_day.isoformat(), "--csv", str(file), "--json", **BOSS)
    assert made.status == 0, made.err
    (row,) = made.json["rows"]
    assert (row["from"], row["to"], row["booking"]) == ("YK", "GMR", sold["booking_number"])
    assert row["identity"] == "…0001"
    assert [one["aboard"] for one in made.json["stops"]] == [1, 1, 1, 1, 0]
    with file.open(encoding="utf-8", newline="") as stream:
        heading, line = csv.reader(stream)
    assert heading[:3] == ["coach", "seat", "name"]
    assert line[2].startswith("'")
    beyond = run("report", "manifest", "43", travel_day.isoformat(), "--from", "GMR", "--json", **BOSS)
    assert (beyond.status, beyond.json["error"]["code"]) == (1, "no_connection")


@pytest.mark.parametrize("words", [*((one,) for one in SPANS), ("occupancy", "43", "+2"), ("manifest", "43", "+2")])
def test_every_report_is_printed_and_written(
    run: Run, environment: Path, travel_day: date, tmp_path: Path, escpos: ModuleType, words: tuple[str, ...]
) -> None:
    sell(run, travel_day)
    before = environment.stat().st_size if environment.exists() else 0
    file = tmp_path / "out.csv"
    made = run("report", *words, "--print", "--csv", str(file), "--json", **BOSS)
    assert (made.status, made.json["print"]) == (0, "confirmed")
    paper = environment.read_bytes()[before:]
    text = "\n".join(escpos.interpret(paper, 576).lines)
    expected = {
        "sales": "Penjualan per hari", "manifest": "BUDI SANTOSO", "occupancy": "Okupansi",
        "refunds": "Pengembalian", "modifications": "Perubahan pesanan", "over-short": "Selisih kas",
        "promotions": "Pemakaian promosi", "fines": "Denda",
    }  # fmt: skip
    assert expected[words[0]] in text
    assert file.read_bytes().count(b"\r\n") == len(made.json["rows"]) + 1


def test_without_a_printer_nothing_is_asked(run: Run) -> None:
    refused = run("report", "sales", "--print", "--json", printer="none", **BOSS)
    assert (refused.status, refused.json["error"]["code"]) == (1, "no_printer")


@pytest.mark.parametrize(
    ("words", "code"),
    [(("--from", "2026-02-31"), "date_invalid"), (("--from", "today", "--to", "-3"), "span_invalid")],
)
def test_days_that_cannot_be_are_wrong_usage(run: Run, words: tuple[str, ...], code: str) -> None:
    refused = run("report", "sales", *words, "--json", **BOSS)
    assert (refused.status, refused.json["error"]["code"]) == (2, code)
