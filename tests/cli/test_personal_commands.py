"""personal export and erase, and the job that forgets in time."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

Run = Callable[..., Any]
NIK = "3171010101900001"


@pytest.fixture
def personal(run: Run) -> Run:
    """Runs ``counter personal …`` as a supervisor."""

    def command(*words: str, **changes: Any) -> Any:
        return run("personal", *words, **{"staff": "3001", **changes})

    return command


@pytest.fixture
def sold(run: Run, travel_day: date) -> Any:
    words = ["yk", "gmr", travel_day.isoformat(), "--train", "43", "--class", "EKS", "--pay", "cash", "--json"]
    done = run("sell", *words, "--passenger", f"Budi;{NIK}")
    assert done.status == 0
    return done.json


def test_a_persons_data_is_told(personal: Run, sold: Any, tmp_path: Path) -> None:
    told = personal("export", NIK, "--json").json
    assert told["held"]["passengers"][0]["identity_number"] == NIK
    assert told["person"] == {"known_by": "identity", "value": "…0001"}
    assert personal("export", "-", "--json", stdin=f"{NIK}\n".encode()).json["held"] == told["held"]
    out = tmp_path / "budi.json"
    assert personal("export", NIK, "--out", str(out), "--json").json["held"]["tickets"] == 1
    assert out.stat().st_mode & 0o777 == 0o600
    assert json.loads(out.read_text(encoding="utf-8"))["held"] == told["held"]
    assert personal("export", NIK, "--out", str(out), "--json").json["error"]["code"] == "file_exists"
    assert "1 passengers" in personal("export", NIK, "--out", str(tmp_path / "again")).out
    assert "nothing" in personal("export", "--phone", "081234567890", "--out", str(tmp_path / "none")).out


def test_a_person_is_erased_when_it_is_over(personal: Run, sold: Any, database: Any) -> None:
    refused = personal("erase", NIK, "--json")
    assert (refused.status, refused.json["error"]["code"]) == (1, "journey_to_come")
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("UPDATE tickets SET ticket_status = 'expired'")
    counts = {"passengers": 1, "bookings": 0, "entitlements": 0, "customers": 0, "fines": 0, "requests": 0}
    assert personal("erase", NIK, "--dry-run", "--json").json == {
        "person": "…0001", "dry_run": True, "erased": counts,
    }  # fmt: skip
    assert "would be" in personal("erase", NIK, "--dry-run").out
    assert personal("erase", NIK, "--json").json["erased"] == counts
    assert personal("erase", NIK, "--json").json["error"]["code"] == "person_unknown"
    assert personal("export", NIK, "--json").json["held"]["passengers"] == []


@pytest.mark.parametrize("words", [("export", NIK), ("erase", NIK)])
def test_clerks_do_neither(personal: Run, words: tuple[str, ...]) -> None:
    refused = personal(*words, "--json", staff="1001")
    assert (refused.status, refused.json["error"]["code"]) == (1, "not_permitted")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("export",), "person_unclear"),
        (("export", NIK, "--phone", "081234567890"), "person_unclear"),
        (("erase", "--phone", "x"), "person_unclear"),
        (("erase", "--customer", "nobody"), "person_unclear"),
        (("export", "12"), "identity_invalid"),
    ],
)
def test_who_is_meant_must_be_clear(personal: Run, words: tuple[str, ...], code: str) -> None:
    assert personal(*words, "--json").json["error"]["code"] == code


def test_forgetting_in_time(run: Run, sold: Any, database: Any) -> None:
    everybody = ("passengers", "bookings", "entitlements", "customers", "fines", "requests", "sessions")
    nothing = dict.fromkeys(everybody, 0)
    assert run("admin", "retention", "--json").json == {"dry_run": False, **nothing}
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("UPDATE user_sessions SET expires_at = now() - interval '2 years'")
        (sessions,) = owner.execute("SELECT count(*) FROM user_sessions").fetchone() or (0,)
    assert sessions > 0
    assert run("admin", "retention", "--dry-run", "--json").json == {
        "dry_run": True, **nothing, "sessions": sessions,
    }  # fmt: skip
    assert f"{sessions} old sign-ins" in run("admin", "retention").out
    assert run("admin", "retention", "--json").json["sessions"] == 0
