"""admin: preparing, extending, verifying."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

Run = Callable[..., Any]


def test_init_is_safe_to_repeat(run: Run) -> None:
    first, second = run("admin", "init", "--json"), run("admin", "init", "--demo", "--days", "4", "--json")
    assert (first.status, second.status) == (0, 0)
    assert first.json == second.json
    assert first.json["demo"] is True


def test_extend_opens_further_days(run: Run) -> None:
    assert run("admin", "extend", "--days", "5", "--json").json == {"opened": 36}
    assert run("admin", "extend", "--days", "5", "--json").json == {"opened": 0}


def test_a_login_is_bound_to_an_operator(run: Run, database: Any) -> None:
    role = f"loket_{database.name}"
    with psycopg.connect(database.administrator_url, autocommit=True) as administrator:
        administrator.execute(f"CREATE ROLE {role} LOGIN")
    try:
        assert run("admin", "login", role).status == 0
        assert run("admin", "login", "nobody_of_that_name").status == 1
        assert run("admin", "login", role, "--operator", "ZZZ").status == 1
    finally:
        with psycopg.connect(database.administrator_url, autocommit=True) as administrator:
            administrator.execute(f"DROP OWNED BY {role}")
            administrator.execute(f"DROP ROLE {role}")


def test_verify_names_what_is_wrong(run: Run, database: Any) -> None:
    assert run("admin", "verify", "--json").json["ok"] is True
    with psycopg.connect(database.owner_url) as owner:
        owner.execute(
            "UPDATE seat_inventory SET occupied = 1 WHERE (schedule_id, seat_id) IN"
            " (SELECT schedule_id, seat_id FROM seat_inventory LIMIT 1)"
        )
    wrong = run("admin", "verify", "--json")
    assert (wrong.status, wrong.json["ok"]) == (4, False)
    bad = [check for check in wrong.json["checks"] if not check["ok"]]
    assert [check["name"] for check in bad] == ["seats_match_tickets_and_holds"]
    assert len(bad[0]["problems"]) == 1


def test_a_command_in_a_process_of_its_own_prints_only_json(environment: Path) -> None:
    words = [sys.executable, "-W", "error::ResourceWarning", "-c", "from counter.cli import main; main()"]
    done = subprocess.run(
        [*words, "search", "YK", "GMR", "+1", "--json"], capture_output=True, env=os.environ, check=True, text=True
    )
    assert json.loads(done.stdout)["offers"]
    assert done.stderr == ""
