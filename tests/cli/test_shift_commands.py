"""The drawer by command: opened, moved, counted, closed, reported, exported."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Outcome, Run

SUPERVISOR = {"staff": "3001"}


@pytest.fixture
def opened(run: Run) -> Any:
    answer = run("shift", "open", "--float", "300000", "--stock", "a17:100", "--json")
    assert answer.status == 0, answer.err
    return answer.json


def sell(run: Run, person: int = 1, *, pay: str = "cash", **changes: str) -> Outcome:
    reference = () if pay == "cash" else ("--reference", "REF-1")
    return run(
        "sell", "YK", "GMR", "+2", "--train", "43", "--class", "EKS", "--pay", pay, *reference, "--json",
        "--passenger", f"Penumpang;317101010190{person:04}", **changes,
    )  # fmt: skip


def pieces(amount: int) -> list[str]:
    answer = []
    for worth in (100_000, 50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50):
        number, amount = divmod(amount, worth)
        if number:
            answer += ["--count", f"{worth}x{number}"]
    return answer or ["--count", "0"]


def test_a_day_at_the_drawer(run: Run, opened: Any, environment: Path) -> None:
    assert (opened["shift_number"], opened["float"]) == (1, 300_000)
    paid = sell(run).json["paid"]
    assert run("shift", "in", "50000", "--reason", "change from the office").status == 0
    assert run("shift", "out", "20000", "--reason", "stamps").status == 0
    dropped = run("shift", "drop", "100000", "--bag", "B-7", "--json").json
    assert (dropped["kind"], dropped["bag"]) == ("drop", "B-7")
    assert run("shift", "no-sale", "--reason", "change a note").status == 0
    shown = run("shift", "show", "--json").json
    assert shown["expected"] is None
    assert shown["sales"] == {"cash": {"count": 1, "amount": paid}}
    expected = 300_000 + paid + 50_000 - 20_000 - 100_000
    assert run("shift", "x", "--json", **SUPERVISOR).json["expected"] == expected
    closed = run("shift", "close", *pieces(expected), "--stock", "A17:102:1", "--json").json
    assert (closed["z_number"], closed["difference"], closed["print"]) == (1, 0, "confirmed")
    assert closed["stock_unaccounted"] == 0  # the ticket and a spoilt one
    assert b"LAPORAN Z 1" in environment.read_bytes()
    assert run("shift", "z", "--json").json["digest"] == closed["digest"]
    assert run("admin", "verify").status == 0


def test_a_drawer_that_differs(run: Run, opened: Any, tmp_path: Path) -> None:
    refused = run("shift", "close", *pieces(250_000), "--json")
    assert (refused.status, refused.json["error"]["code"]) == (1, "reason_missing")
    assert refused.json["error"]["difference"] == -50_000
    needs = run("shift", "close", "--reason", "lost", "--json")
    assert (needs.status, needs.json["error"]["code"]) == (1, "approval_needed")
    assert sell(run).json["error"]["code"] == "shift_counted"
    pin = tmp_path / "pin"
    pin.write_text("123456\n")
    own = run("shift", "close", "--reason", "lost", "--approve-staff", "1001", "--approve-pin-file", str(pin), "--json")
    assert own.json["error"]["code"] == "not_permitted"
    closed = run(
        "shift", "close", "--reason", "lost", "--approve-staff", "3001", "--approve-pin-file", str(pin), "--json"
    ).json
    assert (closed["difference"], closed["approved_by"]) == (-50_000, "Wulan")
    assert run("admin", "verify").status == 0


def test_a_close_leaves_a_signed_head_of_the_trail_outside_the_database(
    run: Run, opened: Any, environment: Path
) -> None:
    heads = environment.parent / "home" / "audit" / "heads.jsonl"
    assert not heads.exists()
    assert run("shift", "close", *pieces(300_000)).status == 0
    assert len(heads.read_text().splitlines()) == 1
    assert run("admin", "verify").status == 0


def test_an_approver_in_the_environment(run: Run, opened: Any) -> None:
    out = run("shift", "out", "600000", "--reason", "safe", "--json")
    assert out.json["error"]["code"] == "approval_needed"
    nearly = run("shift", "out", "600000", "--reason", "safe", "--json", approver="3001")
    assert nearly.status == 2
    assert run("shift", "out", "600000", "--reason", "safe", approver="3001", approver_pin="123456").status == 0


def test_a_count_first_and_the_close_later(run: Run, opened: Any) -> None:
    counted = run("shift", "count", "--count", "100000x2", "--count", "100000x1", "--json").json
    assert (counted["counted"], counted["expected"], counted["difference"]) == (300_000, 300_000, 0)
    again = run("shift", "count", *pieces(300_000))
    assert "The drawer fits." in again.out
    assert run("shift", "count", "--count", "0", "--json").json["error"]["code"] == "recounts_used"
    assert run("shift", "close", "--json").json["z_number"] == 1


def test_a_scripted_shift_closes_the_same_way(run: Run) -> None:
    paid = sell(run).json["paid"]
    closed = run("shift", "close", *pieces(paid), "--json").json
    assert (closed["float"], closed["scripted"], closed["counted"]) == (0, True, paid)


def test_requests_are_decided_by_command(run: Run, opened: Any) -> None:
    from core import approvals, shifts, terminals  # what a screen would ask for
    from counter.cli.opening import workplace

    assert run("approve", "list", "--json", **SUPERVISOR).json == {"approvals": []}
    with workplace(as_json=True) as place:
        here = terminals.register(place.office, "CLI-1")
        assert here.id == place.terminal.id
        actor = place.scripted_actor("tests")
        shift = shifts.current(place.office, actor)
        assert shift is not None
        for number in (1, 2):
            wish = approvals.Wish("over_short", "shifts", str(shift.id), -number)
            approvals.request(place.office, actor, wish, "because")
    assert run("approve", "list", "--json").json["error"]["code"] == "not_permitted"
    assert [one["number"] for one in run("approve", "list", "--json", **SUPERVISOR).json["approvals"]] == [1, 2]
    assert run("approve", "yes", "1", "--json", **SUPERVISOR).json["status"] == "approved"
    assert run("approve", "no", "2", "--reason", "count again", "--json", **SUPERVISOR).json["status"] == "refused"
    assert run("approve", "yes", "2", "--json", **SUPERVISOR).json["error"]["code"] == "approval_decided"
    assert run("approve", "yes", "9", "--json", **SUPERVISOR).json["error"]["code"] == "unknown_approval"


@pytest.mark.parametrize(
    "arguments",
    [
        ("open", "--float", "-1"), ("open",), ("in", "0", "--reason", "r"), ("in", "5"), ("drop", "5"),
        ("count",), ("count", "--count", "five"), ("count", "--count", "3x5"), ("close", "--stock", "A17"),
        ("open", "--float", "1", "--stock", "A17:1:2"), ("z", "0"), ("list", "--day", "31/02"),
    ],
)  # fmt: skip
def test_what_is_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    run("shift", "open", "--float", "0")
    assert run("shift", *arguments).status == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show",), "no_open_shift"), (("in", "5", "--reason", "r"), "no_open_shift"), (("close",), "no_open_shift"),
        (("z",), "unknown_z_report"), (("z", "7"), "unknown_z_report"), (("count", "--count", "0"), "no_open_shift"),
    ],
)  # fmt: skip
def test_what_is_refused_without_a_shift(run: Run, arguments: tuple[str, ...], code: str) -> None:
    answer = run("shift", *arguments, "--json")
    assert (answer.status, answer.json["error"]["code"]) == (1, code)


def test_a_report_is_printed_again_as_a_copy(run: Run, opened: Any, environment: Path) -> None:
    run("shift", "close", *pieces(300_000))
    environment.write_bytes(b"")
    assert run("shift", "z", "1", "--print", "--json").json["print"] == "confirmed"
    assert b"COPY 1" in environment.read_bytes()
    run("shift", "z", "1", "--print")
    assert b"COPY 2" in environment.read_bytes()


def test_a_report_that_could_not_be_printed_waits_and_is_no_copy(run: Run, opened: Any, environment: Path) -> None:
    broken = run("shift", "close", *pieces(300_000), "--json", printer="file:/nowhere/at/all")
    assert (broken.status, broken.json["print"]) == (0, "queued")
    assert run("shift", "z", "--print", "--json").json["print"] == "confirmed"
    assert b"COPY" not in environment.read_bytes()


def test_the_drawer_opens_and_one_that_is_not_there_stops_nothing(run: Run, environment: Path) -> None:
    kick = b"\x1bp\x01\x32\x7d"
    run("shift", "open", "--float", "0", drawer="printer:5")
    assert environment.read_bytes() == kick
    run("shift", "no-sale", "--reason", "change", drawer="printer:5")
    assert environment.read_bytes() == kick * 2
    assert run("shift", "no-sale", "--reason", "r", drawer="printer", printer="file:/nowhere/x").status == 0
    assert run("shift", "no-sale", "--reason", "r", drawer="printer", printer="network:127.0.0.1:1").status == 0
    assert run("shift", "no-sale", "--reason", "r", drawer="cupboard").status == 2
    environment.write_bytes(b"")
    assert sell(run, drawer="printer:5").status == 0
    assert environment.read_bytes().startswith(kick)  # before the ticket
    environment.write_bytes(b"")
    assert sell(run, 2, drawer="printer:5", pay="wallet").status == 0
    assert kick not in environment.read_bytes()


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def test_tables_for_a_spreadsheet_hold_no_formula(run: Run, opened: Any, tmp_path: Path) -> None:
    table = tmp_path / "z.csv"
    for evil in ("=1+1", "+1", "-1", "@x"):
        run("shift", "in", "5", "--reason", evil)
    run("shift", "close", *pieces(300_000), "--reason", "=HYPERLINK(1)")
    assert run("shift", "z", "--csv", str(table)).status == 0
    cells = [cell for row in rows(table) for cell in row]
    texts = [cell for cell in cells if not cell.lstrip("-").isdigit()]
    assert not any(text.startswith(("=", "+", "-", "@")) for text in texts)
    assert "'=HYPERLINK(1)" in texts
    assert ["drawer", "difference", "", "-20", ""] in rows(table)


def test_the_shifts_of_a_day(run: Run, opened: Any, tmp_path: Path) -> None:
    paid = sell(run).json["paid"]
    run("shift", "close", *pieces(300_000 + paid))
    run("shift", "open", "--float", "5")
    table = tmp_path / "day.csv"
    listed = run("shift", "list", "--day", "today", "--csv", str(table), "--json").json["shifts"]
    assert [(one["shift_number"], one["z_number"], one["status"]) for one in listed] == [
        (1, 1, "closed"),
        (2, None, "open"),
    ]
    head, first, second = rows(table)
    assert dict(zip(head, first, strict=True))["sales_cash"] == str(paid)
    assert dict(zip(head, second, strict=True))["sales_cash"] == ""
    assert run("shift", "list").out.splitlines()[0].split()[:2] == ["Shift", "Clerk"]
    assert run("shift", "list", "--csv", "/nowhere/x.csv").status == 2
