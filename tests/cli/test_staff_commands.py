"""Looking after staff by commands, and one's own PIN, as scripts do it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

Run = Callable[..., Any]
BOSS = {"staff": "3001"}
NEW = "847261"


def staff(run: Run, *words: str, **env: str) -> Any:
    return run("staff", *words, "--json", **(env or BOSS))


def test_somebody_from_the_first_day_to_the_last(run: Run) -> None:
    made = staff(run, "add", "1044", "Dewi Lestari", "--role", "clerk", "--station", "yk", "--station", "GMR")
    assert made.status == 0
    assert (made.json["staff_number"], made.json["status"], made.json["stations"]) == (
        "1044", "must_change_pin", ["GMR", "YK"],
    )  # fmt: skip
    first = made.json["pin"]
    refused = run("staff", "list", staff="1044", pin=first)
    assert (refused.status, "counter staff pin" in refused.err) == (1, True)
    changed = run("staff", "pin", "--json", stdin=f"{NEW}\n".encode(), staff="1044", pin=first)
    assert (changed.status, changed.json) == (0, {"staff_number": "1044", "changed": True})
    assert run("shift", "show", staff="1044", pin=NEW).err.find("do not fit") == -1
    listed = {one["staff_number"]: one for one in staff(run, "list").json["staff"]}
    assert {"1001", "1044", "2001", "3001", "9001"} <= set(listed)
    assert listed["1044"]["status"] == "active"
    renamed = staff(run, "change", "1044", "--name", "Dewi L.", "--role", "gate")
    assert (renamed.json["name"], renamed.json["role"]) == ("Dewi L.", "gate")
    assert staff(run, "stations", "1044", "--every").json == {"staff_number": "1044", "stations": []}
    assert staff(run, "stations", "1044", "yk").json["stations"] == ["YK"]
    assert staff(run, "stations", "1044").json["stations"] == ["YK"]
    assert staff(run, "deactivate", "1044").json["active"] is False
    assert run("staff", "list", staff="1044", pin=NEW).status == 1
    assert staff(run, "activate", "1044").json["status"] == "active"
    again = staff(run, "reset-pin", "1044").json
    assert (again["status"], again["pin"] != first) == ("must_change_pin", True)
    assert "pin" not in staff(run, "show", "1044").json
    assert run("admin", "verify").status == 0


def test_people_read_the_pin_once(run: Run, environment: Path) -> None:
    made = run("staff", "add", "1044", "Dewi", "--role", "clerk", **BOSS)
    (pin,) = re.findall(r"PIN is (\d{6})$", made.out, flags=re.MULTILINE)
    for command in (("staff", "show", "1044"), ("staff", "list"), ("admin", "audit", "list")):
        shown = run(*command, **BOSS)
        assert pin not in shown.out
    logs = [path for path in environment.parent.rglob("*") if path.is_file() and path.suffix in (".log", ".jsonl")]
    assert not any(pin in path.read_text(encoding="utf-8") for path in logs)


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("show", "4711"), 1, "unknown_staff"),
        (("add", "10 44", "Dewi", "--role", "clerk"), 2, "staff_invalid"),
        (("add", "1044", "", "--role", "clerk"), 2, "staff_invalid"),
        (("add", "1044", "D" * 81, "--role", "clerk"), 2, "staff_invalid"),
        (("add", "1044", "Dewi", "--role", "boss"), 2, "staff_invalid"),
        (("add", "1044", "Dewi"), 2, "usage"),
        (("add", "1044", "Dewi", "--role", "clerk", "--station", "NOWHERE"), 1, "unknown_station"),
        (("add", "1001", "Dewi", "--role", "clerk"), 1, "staff_exists"),
        (("add", "9002", "Dewi", "--role", "admin"), 1, "not_permitted"),
        (("change", "1001"), 2, "usage"),
        (("change", "1001", "--role", "boss"), 2, "staff_invalid"),
        (("change", "9001", "--name", "Dewi"), 1, "not_permitted"),
        (("change", "3001", "--role", "clerk"), 1, "not_permitted"),
        (("deactivate", "3001"), 1, "not_permitted"),
        (("deactivate", "4711"), 1, "unknown_staff"),
        (("unlock", "9001"), 1, "not_permitted"),
        (("reset-pin", "3001"), 1, "not_permitted"),
        (("stations", "1001", "NOWHERE"), 1, "unknown_station"),
        (("stations", "1001", "YK", "--every"), 2, "usage"),
        (("sign-off", "1001"), 2, "usage"),
        (("sign-off", "1001", "--reason", " "), 2, "reason_missing"),
        (("sign-off", "9001", "--reason", "why"), 1, "not_permitted"),
        (("sessions", "4711"), 1, "unknown_staff"),
        (("add", "1044", "x" * 201, "--role", "clerk"), 2, "usage"),
    ],
)
def test_what_is_refused(run: Run, words: tuple[str, ...], status: int, code: str) -> None:
    refused = staff(run, *words)
    assert (refused.status, refused.json["error"]["code"]) == (status, code)
    assert len(refused.err.strip().splitlines()) == 1


def test_a_clerk_looks_after_nobody(run: Run) -> None:
    for words in (("list",), ("show", "1001"), ("unlock", "2001"), ("sessions",), ("reset-pin", "2001")):
        refused = staff(run, *words, staff="1001")
        assert (refused.status, refused.json["error"]["code"]) == (1, "not_permitted")


def test_a_locked_number_is_unlocked(run: Run, owner_connection: Connection) -> None:
    owner_connection.execute(
        text("UPDATE users SET locked_until = now() + interval '1 hour', lockouts = 2 WHERE staff_number = '1001'")
    )
    refused = run("shift", "show", "--json")
    assert refused.json["error"]["code"] == "locked"
    assert staff(run, "show", "1001").json["status"] == "locked"
    assert "locked until" in run("staff", "list", **BOSS).out
    assert staff(run, "unlock", "1001").json["status"] != "locked"
    assert run("shift", "show", "--json").json.get("error", {}).get("code") != "locked"


def test_who_is_signed_in_and_is_signed_off(run: Run, owner_connection: Connection) -> None:
    (own,) = staff(run, "sessions").json["sessions"]
    assert (own["staff_number"], own["program"], own["interactive"]) == ("3001", "counter staff", False)
    owner_connection.execute(
        text(
            "INSERT INTO user_sessions (operator_id, id, user_id, terminal_id, session_token, expires_at,"
            " is_interactive) SELECT 1, gen_random_uuid(), u.id, t.id, 'x', now() + interval '1 hour', true"
            " FROM users u, terminals t WHERE u.staff_number = '1001' AND t.terminal_code = 'CLI-1'"
        )
    )
    assert "signed in at YK CLI-1" in run("staff", "list", "1001", **BOSS).out
    assert "YK CLI-1" in run("staff", "sessions", "1001", **BOSS).out
    assert staff(run, "sign-off", "1001", "--reason", "gone home").json == {"staff_number": "1001", "ended": 1}
    why = owner_connection.execute(text("SELECT ended_because FROM user_sessions WHERE session_token = 'x'")).scalar()
    assert why == "signed off by 3001: gone home"
    assert staff(run, "sessions", "1001").json == {"sessions": []}


# One's own PIN


def pin(run: Run, **given: Any) -> Any:
    return run("staff", "pin", "--json", **given)


def test_a_new_pin_comes_from_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "new"
    file.write_text(f" {NEW}\n", encoding="utf-8")
    file.chmod(0o644)
    changed = pin(run, new_pin_file=str(file), stdin=b"999999\n")
    assert (changed.status, "Others can read" in changed.err) == (0, True)
    assert run("shift", "show", "--json").json["error"]["code"] == "not_signed_in"
    file.chmod(0o600)
    back = pin(run, pin=NEW, stdin=b"284756\n")
    assert (back.status, back.err) == (0, "")


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"stdin": b""}, 2, "pin_missing"),
        ({"stdin": b"\n" + NEW.encode()}, 2, "pin_missing"),
        ({"stdin": b"123456\n"}, 1, "pin_weak"),
        ({"stdin": b"12345\n"}, 1, "pin_weak"),
        ({"stdin": b"991001\n"}, 1, "pin_weak"),
        ({"stdin": b"abcdef\n"}, 1, "pin_weak"),
        ({"stdin": NEW.encode(), "pin": "000000"}, 1, "not_signed_in"),
        ({"stdin": NEW.encode(), "staff": "4711"}, 1, "not_signed_in"),
        ({"new_pin_file": "/nowhere/new"}, 3, "not_ready"),
    ],
)
def test_a_pin_that_is_not_changed(run: Run, given: dict[str, Any], status: int, code: str) -> None:
    refused = pin(run, **given)
    assert (refused.status, refused.json["error"]["code"]) == (status, code)
    assert NEW not in refused.out + refused.err


def test_no_option_takes_a_pin(run: Run) -> None:
    """The process list would show it."""
    helped = run("staff", "pin", "--help").out
    assert set(re.findall(r"--[a-z-]+", helped)) == {"--json", "--help"}
    assert run("staff", "pin", NEW).status == 2
