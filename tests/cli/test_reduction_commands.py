"""Promotions and entitlements as scripts use them, and sales with both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from core.clock import zone
from core.errors import UsageError
from counter.cli.promotions import moment

Run = Callable[..., Any]
BUDI = "Budi Santoso;3171010101500001"
SUPERVISOR = {"staff": "3001"}


def sell(run: Run, day: date, *more: str, passenger: str = BUDI) -> Any:
    where = ["yk", "gmr", day.isoformat(), "--train", "43", "--class", "EKS", "--passenger", passenger]
    return run("sell", *where, "--pay", "cash", "--json", *more)


def promotions(run: Run, *words: str, **env: str) -> Any:
    return run("admin", "promotions", *words, "--json", **(env or SUPERVISOR))


def entitlements(run: Run, *words: str, **env: str) -> Any:
    return run("admin", "entitlements", *words, "--json", **env)


# Promotions


def test_a_promotion_from_its_making_to_its_end(run: Run, travel_day: date) -> None:
    until = travel_day.isoformat()
    made = promotions(
        run, "add", "lebaran", "--name", "Lebaran", "--percent", "10", "--maximum", "30000", "--uses", "2",
        "--until", until,
    )  # fmt: skip
    assert made.status == 0
    assert (made.json["code"], made.json["kind"], made.json["value"], made.json["used"]) == (
        "LEBARAN", "percentage", 10, 0,
    )  # fmt: skip
    assert made.json["valid_to"] == f"{travel_day + timedelta(days=1)}T00:00:00+07:00", "its last day counts"
    sold = sell(run, travel_day, "--promo", "Lebaran")
    assert (sold.json["discount_amount"], sold.json["final_amount"]) == (30_000, 427_500)
    changed = promotions(run, "change", "LEBARAN", "--maximum", "0", "--minimum", "450000")
    assert (changed.json["maximum_discount"], changed.json["minimum_amount"], changed.json["used"]) == (
        None, 450_000, 1,
    )  # fmt: skip
    assert sell(run, travel_day, "--promo", "LEBARAN").json["discount_amount"] == 45_000
    assert sell(run, travel_day, "--promo", "LEBARAN").json["error"]["code"] == "promotion_used_up"
    assert promotions(run, "change", "LEBARAN", "--uses", "0").json["usage_limit"] is None
    assert promotions(run, "off", "lebaran").json["active"] is False
    assert sell(run, travel_day, "--promo", "LEBARAN").json["error"]["code"] == "promotion_inactive"
    assert promotions(run, "change", "lebaran", "--on").json["active"] is True
    listed = {one["code"]: one for one in promotions(run, "list", staff="1001").json["promotions"]}
    assert listed["LEBARAN"]["used"] == 2
    assert "LEBARAN" in run("admin", "promotions", "list").out
    assert run("admin", "verify").status == 0


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("add", "X", "--name", "X", "--until", "+5"), 2, "usage"),
        (("add", "X", "--name", "X", "--percent", "5", "--amount", "5", "--until", "+5"), 2, "usage"),
        (("add", "X", "--name", "X", "--percent", "101", "--until", "+5"), 2, "usage"),
        (("add", "X", "--name", "X", "--percent", "5", "--until", "2020-01-01"), 2, "promotion_invalid"),
        (("add", "X", "--name", "X", "--percent", "5", "--until", "31/2"), 2, "date_invalid"),
        (("add", "X", "--name", "X", "--percent", "5", "--until", "2026-11-25T99"), 2, "date_invalid"),
        (("add", " ", "--name", "X", "--percent", "5", "--until", "+5"), 2, "promotion_invalid"),
        (("add", "demo10", "--name", "X", "--percent", "5", "--until", "+5"), 1, "promotion_exists"),
        (("change", "NOSUCH", "--name", "X"), 1, "unknown_promotion"),
        (("change", "DEMO10"), 2, "usage"),
        (("off", "NOSUCH"), 1, "unknown_promotion"),
    ],
)
def test_a_promotion_that_cannot_be(run: Run, words: tuple[str, ...], status: int, code: str) -> None:
    refused = promotions(run, *words)
    assert (refused.status, refused.json["error"]["code"]) == (status, code)
    assert len(refused.err.strip().splitlines()) == 1


def test_a_clerk_makes_no_promotion(run: Run) -> None:
    made = promotions(run, "add", "X", "--name", "X", "--percent", "5", "--until", "+5", staff="1001")
    assert (made.status, made.json["error"]["code"]) == (1, "not_permitted")


NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ends", "expected"),
    [
        ("2026-11-25", False, "2026-11-25T00:00:00+07:00"),
        ("2026-11-25", True, "2026-11-26T00:00:00+07:00"),
        ("25/11", True, "2026-11-26T00:00:00+07:00"),
        ("+1", False, "2026-11-21T00:00:00+07:00"),
        ("2026-11-25T18:30", True, "2026-11-25T18:30:00+07:00"),
        ("2026-11-25T18:30+08:00", True, "2026-11-25T17:30:00+07:00"),
    ],
)
def test_times_are_the_operators(text: str, ends: bool, expected: str) -> None:
    assert moment(text, NOON, "Asia/Jakarta", ends=ends) == datetime.fromisoformat(expected)
    assert moment(text, NOON, "Asia/Jakarta", ends=ends).astimezone(zone("Asia/Jakarta")).isoformat() == expected


def test_a_time_that_is_none() -> None:
    with pytest.raises(UsageError):
        moment("soon", NOON, "Asia/Jakarta")


# Sales with promotions


def test_the_same_key_with_another_promotion_is_another_sale(run: Run, travel_day: date) -> None:
    key = str(uuid4())
    first = sell(run, travel_day, "--key", key, "--promo", "DEMO10")
    assert first.json["discount_amount"] == 45_000
    assert sell(run, travel_day, "--key", key, "--promo", "demo10 ").json == first.json
    assert sell(run, travel_day, "--key", key).json["error"]["code"] == "key_reused"


@pytest.mark.parametrize(
    ("codes", "status", "code"),
    [
        (("NOSUCH",), 1, "unknown_promotion"),
        (("DEMO50K",), 1, "promotion_below_minimum"),
        (("DEMO10", "DEMOLAST"), 1, "too_many_promotions"),
        (("",), 2, "promotion_invalid"),
        (("X" * 41,), 2, "promotion_invalid"),
    ],
)
def test_a_refused_promotion_sells_nothing(
    run: Run, travel_day: date, codes: tuple[str, ...], status: int, code: str
) -> None:
    refused = sell(run, travel_day, *(word for each in codes for word in ("--promo", each)))
    assert (refused.status, refused.json["error"]["code"]) == (status, code)
    free = run("search", "YK", "GMR", travel_day.isoformat(), "--class", "EKS", "--train", "43", "--json")
    assert free.json["offers"][0]["available"] == 250


# Entitlements


def test_an_entitlement_from_the_counter_to_the_gate(run: Run, travel_day: date) -> None:
    missing = sell(run, travel_day, passenger=f"{BUDI};military")
    assert (missing.status, missing.json["error"]["code"]) == (1, "entitlement_missing")
    added = entitlements(
        run, "add", "military", "Budi Santoso", "3171010101500001", "--document", "KTA 55", "--until", "+300"
    )
    assert (added.status, added.json["kind"], added.json["identity"]) == (0, "military", "…0001")
    sold = sell(run, travel_day, passenger=f"{BUDI};military")
    assert (sold.json["discount_amount"], sold.json["tickets"][0]["fare"]) == (112_000, 338_000)
    assert sold.json["tickets"][0]["passenger_type"] == "adult"
    ended = entitlements(run, "revoke", added.json["id"], "--reason", "left", staff="3001")
    assert ended.json["revoked"] is True
    at = f"{travel_day.isoformat()}T07:20"
    code = sold.json["tickets"][0]["code"]
    scanned = run("checkin", code, "--station", "YK", "--at", at, "--json", staff="2001")
    assert (scanned.status, scanned.json["outcome"], scanned.json["entitlement"]["revoked"]) == (1, "entitlement", True)
    listed = entitlements(run, "list", "--identity", "3171010101500001")
    assert [one["revoked"] for one in listed.json["entitlements"]] == [True]
    assert "3171010101500001" not in listed.out + run("admin", "entitlements", "list").out
    assert run("admin", "verify").status == 0


def test_a_senior_is_warned_about_until_registered(run: Run, travel_day: date) -> None:
    full = sell(run, travel_day, passenger=f"{BUDI};senior")
    assert (full.status, full.json["discount_amount"]) == (0, 0)
    assert full.json["warnings"] == [
        "BUDI SANTOSO pays the full fare: No senior entitlement is registered for this identity."
    ]
    added = entitlements(run, "add", "senior", "Budi Santoso", "3171010101500001", "--document", "KTP")
    assert (added.json["valid_until"], added.json["warnings"]) == ("9999-12-31", [])
    assert "for life" in run("admin", "entitlements", "list").out
    reduced = sell(run, travel_day, passenger=f"{BUDI};senior")
    assert (reduced.json["discount_amount"], reduced.json["warnings"]) == (90_000, [])
    twice = entitlements(run, "add", "senior", "Budi Santoso", "3171010101500001", "--document", "KTP")
    assert (twice.status, twice.json["error"]["code"]) == (1, "entitlement_registered")


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("add", "pilot", "Budi", "3171010101500001", "--document", "X"), 2, "usage"),
        (("add", "veteran", "Budi", "3171010101500001", "--document", "X"), 2, "document_missing"),
        (("add", "senior", "Budi", "317", "--document", "X"), 1, "identity_invalid"),
        (("add", "senior", "Budi", "3171010101500001", "--document", " "), 2, "document_missing"),
        (
            ("add", "veteran", "Budi", "3171010101500001", "--document", "X", "--until", "2020-01-01"),
            1, "document_expired",
        ),
        (("revoke", str(uuid4()), "--reason", "x"), 1, "not_permitted"),
        (("revoke", "1", "--reason", "x"), 2, "usage"),
        (("list", "--identity", "1"), 1, "identity_invalid"),
    ],
)  # fmt: skip
def test_what_cannot_be_registered(run: Run, words: tuple[str, ...], status: int, code: str) -> None:
    refused = entitlements(run, *words)
    assert (refused.status, refused.json["error"]["code"]) == (status, code)
