"""admin audit: list, export, check, checkpoint, alerts, acknowledge, report; and what verify says of the trail."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

Run = Callable[..., Any]


@pytest.fixture
def audit(run: Run) -> Run:
    """Runs ``counter admin audit …`` as a supervisor."""

    def command(*words: str, **changes: str) -> Any:
        return run("admin", "audit", *words, **{"staff": "3001", **changes})

    return command


@pytest.fixture
def sold(run: Run, travel_day: Any) -> Any:
    words = ["yk", "gmr", travel_day.isoformat(), "--train", "43", "--class", "EKS", "--pay", "cash", "--json"]
    done = run("sell", *words, "--passenger", "Budi;3171010101900001")
    assert done.status == 0
    return done.json


def test_a_list_names_who_did_what_where(audit: Run, sold: Any) -> None:
    rows = audit("list", "--entity", "bookings", "--who", "1001", "--terminal", "CLI-1", "--json").json["rows"]
    assert [(row["action"], row["staff_number"], row["terminal"]) for row in rows] == [
        ("update", "1001", "CLI-1"),
        ("create", "1001", "CLI-1"),
    ]
    assert [row["action"] for row in audit("list", "--id", rows[0]["entity_id"], "--json").json["rows"]] == [
        "update",
        "create",
    ]
    shown = audit("list", "--action", "update").out
    assert "bookings" in shown
    assert "1001" in shown


def test_a_list_goes_on_where_another_ended(audit: Run, sold: Any) -> None:
    first = audit("list", "--entity", "bookings", "--limit", "1", "--json").json
    second = audit("list", "--entity", "bookings", "--after", first["next"], "--json").json
    assert ([len(first["rows"]), len(second["rows"])], second["next"]) == ([1, 1], None)
    assert f"--after {first['next']}" in audit("list", "--entity", "bookings", "--limit", "1").out


def test_more_than_a_page(audit: Run, run: Run, database: Any) -> None:
    with psycopg.connect(database.counter_url) as session:
        session.execute(
            "INSERT INTO audit_logs (operator_id, id, correlation_id, entity_type, entity_id, action)"
            " SELECT 1, gen_random_uuid(), gen_random_uuid(), 'things', n::text, 'view' FROM generate_series(1, 250) n"
        )
    rows = audit("list", "--entity", "things", "--limit", "220", "--json").json["rows"]
    assert len({row["id"] for row in rows}) == 220


def test_days_are_those_of_the_terminal(audit: Run, database: Any) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO audit_logs (operator_id, id, correlation_id, entity_type, entity_id, action, created_at)"
            " SELECT 1, gen_random_uuid(), gen_random_uuid(), 'things', at::text, 'create', at"
            " FROM unnest(ARRAY['2026-03-09 23:59:59+07', '2026-03-10 00:00+07', '2026-03-10 23:59:59+07',"
            " '2026-03-11 00:00+07']::timestamptz[]) AS at"
        )

    def count(*words: str) -> int:
        return len(audit("list", "--entity", "things", *words, "--json").json["rows"])

    assert count() == 4
    assert count("--from", "2026-03-10", "--to", "2026-03-10") == 2
    assert count("--since", "2026-03-10", "--until", "2026-03-10") == 2
    assert count("--from", "2026-03-10T00:01") == 2
    assert count("--to", "2026-03-10T00:00") == 1
    assert count("--to", "2026-03-10T00:00:00.5+07:00") == 2


@pytest.mark.parametrize(
    "words",
    [
        ("list", "--from", "2026-02-30"),
        ("list", "--to", "yesterday"),
        ("list", "--to", "9999-12-31"),
        ("list", "--from", "0001-01-01"),
        ("list", "--limit", "0"),
        ("list", "--limit", "1001"),
        ("list", "--action", "steal"),
        ("list", "--after", "nowhere"),
        ("list", "--correlation", "x"),
        ("acknowledge",),
        ("acknowledge", "0123456789ab"),
        ("report", "--since", "yesterday"),
        ("report", "--csv"),
        ("export",),
        ("export", "--out", "x", "--format", "xls"),
        ("check",),
        ("check", "x", "--public-key", "00"),
        ("check", "x", "--public-key", "zz"),
    ],
)
def test_what_is_no_value_of_its_kind(audit: Run, words: tuple[str, ...]) -> None:
    refused = audit(*words, "--json")
    assert (refused.status, refused.json["error"]["code"]) == (2, "usage")


@pytest.mark.parametrize(
    "words",
    [("list",), ("alerts",), ("export", "--out", "never.csv"), ("report",), ("acknowledge", "0" * 12, "--note", "x")],
)
def test_clerks_do_not_look(audit: Run, words: tuple[str, ...]) -> None:
    refused = audit(*words, "--json", staff="1001")
    assert (refused.status, refused.json["error"]["code"]) == (1, "not_permitted")
    assert not Path("never.csv").exists()


def test_unknown_people_and_terminals(audit: Run) -> None:
    assert audit("list", "--who", "4711", "--json").json["error"]["code"] == "unknown_staff"
    assert audit("list", "--terminal", "X", "--json").json["error"]["code"] == "unknown_terminal"


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_is_checked(audit: Run, sold: Any, tmp_path: Path, form: str) -> None:
    out = tmp_path / f"audit.{form}"
    made = audit("export", "--out", str(out), "--format", form, "--from", "2020-01-01", "--json")
    assert (made.status, made.json["format"], made.json["file"]) == (0, form, str(out))
    checked = audit("check", str(out), "--json")
    assert (checked.status, checked.json["ok"], checked.json["rows"]) == (0, True, made.json["rows"])
    key = json.loads(Path(made.json["signature"]).read_bytes())["public_key"]
    by_key = audit("check", str(out), "--public-key", key, "--json", database_url="postgresql://nobody@127.0.0.1:1/x")
    assert (by_key.status, by_key.json) == (0, checked.json)
    assert audit("check", str(out), "--public-key", "11" * 32).status == 4
    out.write_bytes(out.read_bytes().replace(b"1001", b"1002"))
    changed = audit("check", str(out), "--json")
    assert (changed.status, changed.json["error"]["code"]) == (4, "export_changed")
    again = audit("export", "--out", str(out), "--json")
    assert (again.status, again.json["error"]["code"]) == (1, "file_exists")


def test_an_export_says_with_which_key(audit: Run, tmp_path: Path) -> None:
    out = tmp_path / "audit.csv"
    shown = audit("export", "--out", str(out)).out
    assert json.loads((tmp_path / "audit.csv.sig").read_bytes())["public_key"] in shown
    assert "is what KAI signed" in audit("check", str(out)).out


def test_verify_knows_the_trail_and_the_file_outside(run: Run, audit: Run, sold: Any, database: Any) -> None:
    taken = run("admin", "audit", "checkpoint", "--json").json
    assert Path(taken["file"]).read_text(encoding="utf-8").count("\n") == len(taken["checkpoints"])
    assert "CLI-1" in run("admin", "audit", "checkpoint").out
    assert run("admin", "verify").status == 0
    with psycopg.connect(database.owner_url) as owner:
        for table in ("audit_logs", "audit_heads", "audit_checkpoints"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            owner.execute(f"DELETE FROM {table}")
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    wrong = run("admin", "verify", "--json")
    assert wrong.status == 4
    problems = {check["name"]: check["problems"] for check in wrong.json["checks"]}
    assert any(found.startswith("terminal CLI-1: rows 1 to ") for found in problems["audit_chain"])


def test_alerts_are_shown(audit: Run) -> None:
    for _ in range(5):
        assert audit("alerts", pin="000000").status == 1
    found = audit("alerts", "--json", staff="9001").json["alerts"]
    assert ("failed_pins", "3001", 5, ["CLI-1"]) in [
        (one["kind"], one["subject"], one["count"], one["terminals"]) for one in found
    ]
    assert "failed pins" in audit("alerts", staff="9001").out
    assert audit("alerts", "--to", "2020-01-01", staff="9001").out == "Nothing is out of line.\n"


def test_what_one_transaction_did(audit: Run, sold: Any) -> None:
    one = audit("list", "--entity", "bookings", "--action", "update", "--json").json["rows"][0]
    rows = audit("list", "--correlation", one["correlation_id"], "--json").json["rows"]
    assert one["id"] in [row["id"] for row in rows]
    assert {row["correlation_id"] for row in rows} == {one["correlation_id"]}


def test_an_alert_is_acknowledged_by_somebody_else(audit: Run) -> None:
    for _ in range(5):
        audit("alerts", pin="000000")
    key = next(one["id"] for one in audit("alerts", "--json", staff="9001").json["alerts"] if one["subject"] == "3001")
    done = audit("acknowledge", key, "--note", "forgot the new PIN", "--json", staff="9001")
    assert (done.status, done.json["open"], done.json["acknowledged"]["by"]) == (0, False, "9001")
    assert "9001: forgot the new PIN" in audit("alerts", staff="9001").out
    again = audit("acknowledge", key, "--note", "again", "--json", staff="9001")
    assert (again.status, again.json["error"]["code"]) == (1, "alert_acknowledged")
    rows = audit("list", "--entity", "security_alerts", "--id", key, "--json", staff="9001").json["rows"]
    assert [row["staff_number"] for row in rows] == ["9001"]


def test_a_report_for_people_programs_and_spreadsheets(audit: Run, sold: Any) -> None:
    audit("list")
    document = audit("report", "--json").json
    views = document["sections"]["views"]["rows"]
    assert document["problems"] == []
    assert {"staff": "3001", "entity": "audit_logs", "views": 1, "different": 1} in views
    shown = audit("report").out
    assert "Over short" in shown
    assert "MUST NOT BE" not in shown
    rows = list(csv.reader(io.StringIO(audit("report", "--csv").out)))
    assert ["views", "staff", "entity", "views", "different"] in rows
    assert audit("report", "--until", "2020-01-31", "--since", "2020-01-01", "--json").json["since"].startswith("2020")
