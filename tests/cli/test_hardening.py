"""What a script, a keyboard or a row in the database may contain, and what comes out of it."""

from __future__ import annotations

import csv
import json
import unicodedata
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from psycopg import sql

Run = Callable[..., Any]

MEGABYTE = "x" * 1_000_000
#: Clears the screen (C0 and C1), sets the title, turns the direction, deletes; a printer's "initialise" and "cut".
HOSTILE = "B\x1b[2J\x9b2J\x1b]0,own\x07\u202e\u2066\x7f\x1b@\x1dV1"
FORMULA = "=HYPERLINK(1)"
SUPERVISOR = {"staff": "3001"}


def sold(run: Run, day: date) -> dict[str, Any]:
    """A ticket for 43 Taksaka, Yogyakarta to Gambir."""
    words = ["yk", "gmr", day.isoformat(), "--train", "43", "--class", "EKS", "--pay", "cash", "--json"]
    found: dict[str, Any] = run("sell", *words, "--passenger", "Budi;3171010101900001").json
    return found


def stored(database: Any) -> int:
    """The longest row of any table, in bytes."""
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    longest = sql.SQL("SELECT coalesce(max(octet_length(t::text)), 0) FROM {} t")
    with psycopg.connect(database.administrator_url, autocommit=True) as connection:
        names = [str(row[0]) for row in connection.execute(tables)]
        rows = [connection.execute(longest.format(sql.Identifier(name))).fetchone() for name in names]
    return max(int(row[0]) for row in rows if row)


class TestLength:
    @pytest.mark.parametrize(
        "words",
        [
            ("search", MEGABYTE, "GMR"),
            ("show", MEGABYTE),
            ("reprint", "T1", "--reason", MEGABYTE),
            ("shift", "no-sale", "--reason", MEGABYTE),
            ("shift", "drop", "1000", "--bag", MEGABYTE),
            ("checkin", MEGABYTE, "--station", "YK"),
            ("sell", "yk", "gmr", "today", "--train", "43", "--class", "EKS", "--pay", "cash", "--passenger", MEGABYTE),
            ("approve", "no", "1", "--reason", MEGABYTE),
            ("admin", "entitlements", "add", "student", MEGABYTE, "3171010101900001", "--document", "x"),
            (MEGABYTE,),
        ],
        ids=lambda words: "-".join(words)[:24],
    )
    def test_a_megabyte_is_no_argument(self, run: Run, database: Any, words: tuple[str, ...]) -> None:
        refused = run(*words, "--json")
        assert (refused.status, refused.json["error"]["code"]) == (2, "too_long")
        assert "1000000 characters" in refused.err
        assert len(refused.err) < 200

    @pytest.mark.parametrize(
        "words",
        [
            ("reprint", "T1", "--reason", "{}"),
            ("shift", "in", "1000", "--reason", "{}"),
            ("approve", "no", "1", "--reason", "{}"),
            ("admin", "promotions", "add", "X", "--name", "{}", "--percent", "5", "--until", "+5"),
        ],
    )
    def test_a_text_that_does_not_fit_is_refused_and_not_cut(self, run: Run, words: tuple[str, ...]) -> None:
        refused = run(*(word.format("x" * 201) for word in words), "--json")
        assert (refused.status, refused.json["error"]["code"]) == (2, "usage")
        assert "201 characters" in refused.err
        assert len(refused.err) < 300

    def test_a_line_without_end_at_the_gate_is_one_that_cannot_be_read(
        self, run: Run, database: Any, travel_day: date
    ) -> None:
        code = sold(run, travel_day)["tickets"][0]["code"]
        lines = f"{MEGABYTE}\n{code}\n{MEGABYTE}{code}".encode()
        at = ("--at", f"{travel_day}T07:00")
        answers = run("checkin", "-", "--station", "YK", *at, "--json", stdin=lines).lines
        assert [one["outcome"] for one in answers] == [answers[0]["outcome"], "ok", answers[0]["outcome"]]
        assert answers[0]["outcome"] != "ok"
        assert all(len(json.dumps(one)) < 2_000 for one in answers)
        assert stored(database) < 100_000


@pytest.fixture
def hostile_rows(database: Any) -> Callable[[str], None]:
    """Puts a text where names stand, as an import or a program that knows no rules would."""
    places = {
        "passengers": "passenger_name", "stations": "station_name", "trains": "train_name", "users": "full_name",
        "operators": "operator_name",
    }  # fmt: skip

    def put(text: str) -> None:
        with psycopg.connect(database.administrator_url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            for table, column in places.items():
                names = sql.Identifier(table), sql.Identifier(column)
                changed = connection.execute(sql.SQL("UPDATE {} SET {} = %s").format(*names), [text])
                assert changed.rowcount, table

    return put


def obeyed(text: str) -> list[str]:
    """What a terminal would obey, besides the ends of lines."""
    return [one for one in text if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") and one != "\n"]


class TestControlCharacters:
    def test_nothing_of_a_row_reaches_the_terminal_or_the_printer_as_a_command(
        self, run: Run, hostile_rows: Any, environment: Path, escpos: ModuleType, travel_day: date, tmp_path: Path
    ) -> None:
        sale = sold(run, travel_day)
        ticket = sale["tickets"][0]
        run("shift", "no-sale", "--reason", f"change {HOSTILE}")
        hostile_rows(HOSTILE)
        table, exported = tmp_path / "shifts.csv", tmp_path / "audit.csv"
        commands = [
            ("search", "YK", "GMR", travel_day.isoformat()),
            ("show", sale["booking_number"]),
            ("reprint", ticket["ticket_number"], "--reason", f"torn {HOSTILE}"),
            ("checkin", ticket["code"], "--station", "YK", "--at", f"{travel_day}T07:00"),
            ("shift", "show"),
            ("shift", "x", "--print"),
            ("shift", "list", "--csv", str(table)),
            ("shift", "close", "--count", "50000x2"),
        ]
        audit = [
            ("admin", "audit", "list"),
            ("admin", "audit", "export", "--format", "csv", "--out", str(exported)),
        ]
        for words, who in [*((one, {}) for one in commands), *((one, SUPERVISOR) for one in audit)]:
            for flags in ((), ("--json",)):
                exported.unlink(missing_ok=True)
                exported.with_name("audit.csv.sig").unlink(missing_ok=True)
                shown = run(*words, *flags, **who)
                assert obeyed(shown.out + shown.err) == [], words
                assert "internal_error" not in shown.out, words
        for file in (table, exported):
            assert obeyed(file.read_text(encoding="utf-8").replace("\r\n", "\n")) == []
        assert "[2J" in table.read_text(encoding="utf-8")
        # A ticket, its reprint and a report at least: nothing in them is a command but the printer library's own.
        printed = escpos.interpret(environment.read_bytes(), 576)
        assert printed.cuts >= 3
        assert any("[2J" in line for line in printed.lines)
        assert obeyed("".join(printed.lines)) == []

    def test_a_passenger_with_such_a_name_is_not_sold_to(self, run: Run, travel_day: date) -> None:
        words = ["yk", "gmr", travel_day.isoformat(), "--train", "43", "--class", "EKS", "--pay", "cash", "--json"]
        refused = run("sell", *words, "--passenger", f"{HOSTILE};3171010101900001")
        assert (refused.status, refused.json["error"]["code"]) == (1, "name_invalid")
        assert obeyed(refused.out + refused.err) == []

    def test_no_table_has_a_formula(self, run: Run, hostile_rows: Any, travel_day: date, tmp_path: Path) -> None:
        sold(run, travel_day)
        hostile_rows(FORMULA)
        run("shift", "list", "--csv", str(tmp_path / "shifts.csv"))
        run("admin", "audit", "export", "--format", "csv", "--out", str(tmp_path / "audit.csv"), **SUPERVISOR)
        for name in ("shifts.csv", "audit.csv"):
            with (tmp_path / name).open(encoding="utf-8", newline="") as stream:
                cells = [cell for row in csv.reader(stream) for cell in row]
            assert cells
            assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
        assert f"'{FORMULA}" in (tmp_path / "shifts.csv").read_text(encoding="utf-8")


class TestSecretFiles:
    @pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o600, False)])
    def test_a_pin_file_that_others_read_is_told_and_still_works(
        self, run: Run, tmp_path: Path, mode: int, warned: bool
    ) -> None:
        file = tmp_path / "pin"
        file.write_text("123456\n", encoding="ascii")
        file.chmod(mode)
        shown = run("shift", "show", "--json", pin="", pin_file=str(file))
        assert shown.json.get("error", {}).get("code") != "not_signed_in"
        assert (f"Others can read {file}" in shown.err) is warned

    def test_an_approvers_too(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "approver"
        file.write_text("123456\n", encoding="ascii")
        file.chmod(0o604)
        assert run("shift", "open", "--float", "1000000").status == 0
        words = ("shift", "out", "600000", "--reason", "safe", "--approve-staff", "3001")
        named = run(*words, "--approve-pin-file", str(file))
        assert named.status == 0
        assert f"Others can read {file}" in named.err
        set_ = run("shift", "out", "300000", *words[3:], approver_pin_file=str(file))
        assert set_.status == 0
        assert f"Others can read {file}" in set_.err
