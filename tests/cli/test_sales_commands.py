"""search, sell, show and reprint as scripts use them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import zxingcpp

Run = Callable[..., Any]
BUDI = "Budi Santoso;3171010101900001"
SITI = "Siti Aminah;3171014507920003"


def sell(run: Run, day: date, *more: str, train: str = "43", passengers: tuple[str, ...] = (BUDI,), **env: str) -> Any:
    named = [word for passenger in passengers for word in ("--passenger", passenger)]
    where = ["yk", "gmr", day.isoformat(), "--train", train, "--class", "EKS"]
    return run("sell", *where, *named, "--pay", "cash", "--json", *more, **env)


def free_seats(run: Run, day: date) -> Any:
    """Free seats of the class that ``sell`` sells, as a search counts them."""
    found = run("search", "YK", "GMR", day.isoformat(), "--class", "EKS", "--train", "43", "--json")
    return found.json["offers"][0]["available"]


def test_search_lists_offers(run: Run, travel_day: date) -> None:
    found = run("search", "YK", "GMR", travel_day.isoformat(), "--json")
    assert found.status == 0
    taksaka = found.json["offers"][0]
    assert (taksaka["train_number"], taksaka["class"], taksaka["origin"]) == ("43", "EKS", "YK")
    assert taksaka["departs_at"].startswith(f"{travel_day.isoformat()}T07:30")
    assert taksaka["available"] == 250


def test_search_for_people_has_money_as_written_here(run: Run, travel_day: date) -> None:
    assert "450.000" in run("search", "yk", "gmr", travel_day.isoformat(), "--class", "eks").out


def test_a_sale_prints_tickets_that_scan(run: Run, travel_day: date, environment: Path, escpos: Any) -> None:
    sold = sell(run, travel_day, "--tendered", "500000", passengers=(BUDI, "Rafi;;infant;2025-03-02"))
    assert sold.status == 0
    assert (sold.json["status"], sold.json["paid"], sold.json["change"]) == ("confirmed", 457_500, 42_500)
    codes = [ticket["code"] for ticket in sold.json["tickets"]]
    assert [ticket["print"] for ticket in sold.json["tickets"]] == ["confirmed", "confirmed"]
    printed = escpos.interpret(environment.read_bytes(), 576)
    assert {found.text for found in zxingcpp.read_barcodes(printed.paper)} == set(codes)


def test_the_same_key_is_the_same_sale(run: Run, travel_day: date) -> None:
    key = str(uuid4())
    first, second = sell(run, travel_day, "--key", key), sell(run, travel_day, "--key", key)
    assert first.json == second.json
    other = sell(run, travel_day, "--key", key, passengers=(SITI,))
    assert (other.status, other.json["error"]["code"]) == (1, "key_reused")


def test_a_refused_sale_gives_its_key_and_seats_back(run: Run, travel_day: date) -> None:
    key = str(uuid4())
    refused = sell(run, travel_day, "--key", key, "--tendered", "1000")
    assert (refused.status, refused.json["error"]["code"]) == (1, "tendered_too_little")
    assert sell(run, travel_day, "--key", key, "--tendered", "500000").status == 0
    assert run("admin", "verify").status == 0


def test_a_sale_that_fails_after_its_seats_were_held_gives_them_back_at_once(
    run: Run, travel_day: date, database: Any, tmp_path: Path
) -> None:
    too_little = sell(run, travel_day, "--tendered", "1000")
    unstorable = sell(run, travel_day, printer=f"file:{tmp_path}/\udcff")  # its print job names the printer
    assert [(refused.status, refused.json["error"]["code"]) for refused in (too_little, unstorable)] == [
        (1, "tendered_too_little"),
        (2, "not_storable"),
    ]
    assert free_seats(run, travel_day) == 250
    with psycopg.connect(database.owner_url) as owner:
        left = owner.execute("SELECT (SELECT count(*) FROM seat_holds), array_agg(status) FROM bookings").fetchone()
    assert left == (0, ["cancelled", "cancelled"])  # they had been held


@pytest.mark.parametrize(
    "amount",
    ["1" + "0" * 13, "1" + "0" * 30, "9" * 5_000, "-1", "-0.5", "1e6", "beans", ""],
    ids=lambda amount: amount[:20],
)
def test_an_absurd_amount_is_wrong_usage(run: Run, travel_day: date, amount: str) -> None:
    refused = sell(run, travel_day, "--tendered", amount)
    assert (refused.status, refused.json["error"]["code"]) == (2, "too_long" if len(amount) > 4_096 else "usage")
    assert "no whole number from 0 to" in refused.err or len(amount) > 4_096
    assert len(refused.err.splitlines()) == 1
    assert len(refused.err) < 200


@pytest.mark.parametrize(
    ("wanted", "status", "sentence"),
    [
        ("0", 2, "Invalid value for '--passengers': '0' is no whole number of 1 or more."),
        ("-1", 2, "Invalid value for '--passengers': '-1' is no whole number of 1 or more."),
        ("1.5", 2, "Invalid value for '--passengers': '1.5' is no whole number of 1 or more."),
        ("5", 1, "A booking has at most 4 seats."),
        ("9", 1, "A booking has at most 4 seats."),
        ("999999999999", 1, "A booking has at most 4 seats."),
    ],
)
def test_a_party_that_cannot_be_is_told_why(run: Run, wanted: str, status: int, sentence: str) -> None:
    refused = run("search", "YK", "GMR", "--passengers", wanted)
    assert refused.status == status
    assert refused.err.startswith(f"{sentence} ")
    assert len(refused.err.splitlines()) == 1


def test_an_interrupted_sale_says_how_to_find_it_again(
    run: Run, travel_day: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("counter.cli.sales.print_queued", _interrupt)
        cut_short = sell(run, travel_day)
    assert (cut_short.status, cut_short.json["error"]["code"]) == (130, "interrupted")
    key = cut_short.err.partition("--key ")[2][:36]
    assert sell(run, travel_day, "--key", key).json["status"] == "confirmed"
    assert free_seats(run, travel_day) == 249


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("search", "XX", "GMR"), 1, "unknown_station"),
        (("search", "YK", "GMR", "2020-01-01"), 1, "past_date"),
        (("search", "YK", "GMR", "31/2"), 2, "date_invalid"),
        (("search", "YK", "YK"), 1, "same_station"),
        (("search", "YK", "GMR", "+400"), 1, "not_on_sale_yet"),
        (("search", "YK", "GMR", "--passengers", "9"), 1, "party_too_large"),
        (("search", "YK", "GMR", "--passengers", "0"), 2, "usage"),
        (("search", "YK", "GMR", "--class", "ZZ"), 1, "unknown_class"),
        (("search", "YK", "GMR", "--nonsense"), 2, "usage"),
        (("search", "YK"), 2, "usage"),
        (("show", "NOPE222"), 1, "unknown_booking"),
        (("reprint", "000000000001", "--reason", "jam"), 1, "unknown_ticket"),
        (("nothing",), 2, "usage"),
    ],
)
def test_bad_input_gets_one_sentence(run: Run, words: tuple[str, ...], status: int, code: str) -> None:
    refused = run(*words, "--json")
    assert (refused.status, refused.json["error"]["code"]) == (status, code)
    assert len(refused.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (("--seat", "99Z"), 1, "unknown_seat"),
        (("--tendered", "-1"), 2, "usage"),
        (("--pay", "beans"), 2, "usage"),
        (("--pay", "qris"), 3, "gateway_not_ready"),
        (("--key", "no-uuid"), 2, "usage"),
        (("--train", "999"), 1, "unknown_train"),
        (("--train", "2"), 1, "no_connection"),
        (("--class", "SLP"), 1, "unknown_class"),
        (("--passenger", "x" * 5_000 + ";3171010101900002"), 2, "too_long"),
        (("--passenger", "x" * 150 + ";3171010101900002"), 1, "name_invalid"),
        (("--passenger", "A\x1b[2J;3171010101900002"), 1, "name_invalid"),
        (("--passenger", "Ani;12"), 1, "identity_invalid"),
        (("--passenger", "Ani;"), 1, "identity_missing"),
        (("--passenger", "Ani"), 2, "usage"),
        (("--passenger", "Ani;3171010101900002;elephant"), 2, "usage"),
        (("--passenger", "Ani;;infant;2025-02-31"), 2, "usage"),
        (("--passenger", "Ani;;infant;2015-02-01"), 1, "infant_too_old"),
        (tuple(word for n in range(8) for word in ("--passenger", f"P;31710101019{n:05d}")), 1, "party_too_large"),
    ],
)
def test_a_bad_sale_sells_nothing(run: Run, travel_day: date, change: tuple[str, ...], status: int, code: str) -> None:
    refused = sell(run, travel_day, *change)
    assert (refused.status, refused.json["error"]["code"]) == (status, code)
    assert free_seats(run, travel_day) == 250


def test_selling_needs_somebody_who_may(run: Run, travel_day: date) -> None:
    assert sell(run, travel_day, pin="000000").json["error"]["code"] == "not_signed_in"
    assert sell(run, travel_day, staff="2001").json["error"]["code"] == "not_permitted"


def test_show_tells_everything_and_hides_identities(run: Run, travel_day: date) -> None:
    number = sell(run, travel_day).json["booking_number"]
    shown = run("show", number.lower(), "--json")
    assert shown.json["payments"][0]["amount"] == 457_500
    assert shown.json["tickets"][0]["print"] == "confirmed"
    assert "3171010101900001" not in shown.out
    assert set(shown.json) >= {"passengers", "payments", "refunds", "tickets", "modifications"}


def test_a_copy_is_marked_and_counted(run: Run, travel_day: date, environment: Path, escpos: Any) -> None:
    ticket = sell(run, travel_day).json["tickets"][0]
    before = environment.stat().st_size
    for copy in (1, 2):
        assert run("reprint", ticket["ticket_number"], "--reason", "paper jam", "--json").json["copy"] == copy
    printed = "\n".join(escpos.interpret(environment.read_bytes()[before:], 576).lines)
    assert "COPY 1" in printed
    assert "COPY 2" in printed
    assert run("reprint", ticket["ticket_number"], "--reason", " ").status == 1


def test_an_unreachable_printer_loses_no_sale(run: Run, travel_day: date) -> None:
    sold = sell(run, travel_day, printer="network:127.0.0.1:1")
    assert (sold.status, sold.json["tickets"][0]["print"]) == (0, "queued")


def test_an_unreachable_database_is_said_so(run: Run) -> None:
    gone = run("search", "YK", "GMR", "--json", database_url="postgresql://counter@127.0.0.1:1/nowhere")
    assert (gone.status, gone.json["error"]["code"]) == (3, "database_unreachable")


def test_the_same_identity_twice_is_refused_only_where_it_must_be(run: Run, travel_day: date) -> None:
    twice = sell(run, travel_day, "--passenger", BUDI)
    assert twice.status == 0
    assert twice.json["warnings"] == ["BUDI SANTOSO has the number of another passenger."]
    words = ["lpn", "sgu", travel_day.isoformat(), "--train", "286", "--class", "EKO", "--pay", "cash", "--json"]
    subsidised = run("sell", *words, "--passenger", BUDI, "--passenger", BUDI)
    assert (subsidised.status, subsidised.json["error"]["code"]) == (1, "identity_repeated")
    assert run("sell", *words, "--passenger", BUDI).status == 0
    again = run("sell", *words, "--passenger", BUDI)
    assert (again.status, again.json["error"]["code"]) == (1, "one_ticket_per_identity")


def test_a_printer_of_an_unknown_model_is_said_before_the_sale(run: Run, travel_day: date) -> None:
    assert sell(run, travel_day, printer_profile="bogus").json["error"]["code"] == "printer_profile"
    assert free_seats(run, travel_day) == 250
