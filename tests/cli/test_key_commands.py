"""admin keys: the whole life of a key from the command line, rings for gates and for the safe, the revocation list."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def folder(database: Any, tmp_path: Path) -> Path:
    """A ring of this test's own, to be changed."""
    made = tmp_path / "keys"
    made.mkdir()
    shutil.copy(database.keys_folder / "ring.json", made / "ring.json")
    return made


@pytest.fixture
def keys(run: Run, folder: Path) -> Run:
    """Runs ``counter admin keys … --json`` with that ring."""

    def command(*words: str, **changes: str) -> Any:
        return run("admin", "keys", *words, "--json", **{"keys": str(folder), **changes})

    return command


@pytest.fixture
def sell(run: Run, folder: Path, travel_day: date) -> Callable[[str], Any]:
    def one(passenger: str) -> Any:
        words = ["yk", "gmr", travel_day.isoformat(), "--train", "43", "--class", "EKS", "--pay", "cash", "--json"]
        sold = run("sell", *words, "--passenger", passenger, keys=str(folder))
        assert sold.status == 0
        return sold.json["tickets"][0]

    return one


def states(keys: Run, purpose: str) -> list[tuple[int, str, bool]]:
    found = keys("list").json["keys"]
    return [(one["key_id"], one["state"], one["newest"]) for one in found if one["purpose"] == purpose]


def test_a_ticket_keys_life(keys: Run, run: Run, sell: Any, folder: Path, travel_day: date) -> None:
    def outcome(ticket: Any) -> str:
        words = ["--station", "YK", "--at", f"{travel_day.isoformat()}T06:00", "--json"]
        return run("checkin", ticket["code"], *words, staff="2001", keys=str(folder)).json["outcome"]

    first = sell("Budi;3171010101900001")
    second = sell("Sari;3171010101900002")
    assert keys("rotate").json == {"purpose": "ticket", "key_id": 2, "state": "in_use"}
    assert states(keys, "ticket") == [(1, "in_use", False), (2, "in_use", True)]
    assert keys("retire", "1").json == {"purpose": "ticket", "key_id": 1, "state": "retired"}
    assert outcome(first) != "revoked"
    revoked = keys("revoke", "1", "--reason", "a terminal was stolen").json
    assert revoked == {"purpose": "ticket", "key_id": 1, "state": "revoked", "live_tickets": 2}
    assert outcome(second) == "revoked"
    assert outcome(sell("Tono;3171010101900003")) != "revoked"
    assert [one["state"] for one in keys("public").json["keys"]] == ["revoked", "in_use"]
    assert keys("drop", "1", "--purpose", "ticket").json["state"] == "dropped"
    assert (folder / "ring.json").stat().st_mode & 0o777 == 0o600


def test_an_identity_keys_life(keys: Run, run: Run, sell: Any, folder: Path) -> None:
    sell("Budi;3171010101900001")
    rotated = keys("rotate", "--purpose", "identity").json
    assert rotated == {"purpose": "identity", "key_id": 2, "state": "announced"}
    sell("Sari;3171010101900002")
    refused = keys("retire", "1", "--purpose", "identity")
    assert (refused.status, refused.json["error"]["code"]) == (1, "last_key")
    assert keys("reencrypt").json == {"key_id": 2, "moved": 2, "left": 0}
    assert keys("retire", "1", "--purpose", "identity").json["state"] == "retired"
    assert states(keys, "identity") == [(1, "retired", False), (2, "in_use", True)]
    sell("Tono;3171010101900003")
    assert keys("drop", "1", "--purpose", "identity").json["error"]["code"] == "just_retired"
    assert run("admin", "verify", "--json", keys=str(folder), staff="3001").status == 0


def test_a_ring_for_gates(keys: Run, run: Run, sell: Any, tmp_path: Path, travel_day: date) -> None:
    ticket = sell("Budi;3171010101900001")
    gate = tmp_path / "gate"
    assert keys("export", "--gate", str(gate / "ring.json")).json["kind"] == "gate"
    words = ["--station", "YK", "--at", f"{travel_day.isoformat()}T06:00", "--json"]
    answered = run("checkin", ticket["code"], *words, staff="2001", keys=str(gate))
    assert answered.json["ticket_number"] == ticket["ticket_number"]
    sale = ["yk", "gmr", travel_day.isoformat(), "--train", "43", "--class", "EKS", "--pay", "cash", "--json"]
    refused = run("sell", *sale, "--passenger", "Sari;3171010101900002", keys=str(gate))
    assert (refused.status, refused.json["error"]["code"]) == (3, "no_signing_key")
    assert keys("export", str(tmp_path / "x")).status == 2


def test_the_safe(keys: Run, folder: Path, tmp_path: Path) -> None:
    words, saved = tmp_path / "words", tmp_path / "ring.escrow"
    words.write_text("kereta api ekspres malam\n", encoding="utf-8")
    made = keys("escrow", str(saved), "--passphrase-file", str(words)).json
    assert made == {"file": str(saved), "sealed": True, "ticket_keys": [1], "identity_keys": [1]}
    before = json.loads((folder / "ring.json").read_text(encoding="utf-8"))
    (folder / "ring.json").unlink()
    assert keys("restore", str(saved)).json["error"]["code"] == "passphrase_wrong"
    restored = keys("restore", str(saved), "--passphrase-file", str(words)).json
    assert restored == {"kind": "counter", "ticket_keys": [1], "identity_keys": [1]}
    assert json.loads((folder / "ring.json").read_text(encoding="utf-8")) == before
    assert keys("escrow", str(saved)).json["error"]["code"] == "file_exists"
    assert keys("escrow", str(saved), "--passphrase-file", str(tmp_path / "none")).status == 3


def test_the_revocation_list(keys: Run, tmp_path: Path) -> None:
    made = keys("revocations").json
    assert (made["statement"]["issuer"], made["statement"]["keys"], made["key_id"]) == ("KAI", [], 1)
    out = tmp_path / "revocations.json"
    assert keys("revocations", "--out", str(out)).status == 0
    assert json.loads(out.read_text(encoding="utf-8"))["statement"]["tickets"] == []
    assert keys("revocations", "--out", str(out)).json["error"]["code"] == "file_exists"
    assert keys("revocations", "--out", str(tmp_path / "no" / "folder")).status == 3


@pytest.mark.parametrize(
    "words",
    [
        ("retire", "0"),
        ("retire", "256"),
        ("retire", "x"),
        ("revoke", "1"),
        ("rotate", "--purpose", "beans"),
        ("export",),
        ("drop", "1"),
    ],
)
def test_what_is_no_value_of_its_kind(keys: Run, words: tuple[str, ...]) -> None:
    assert keys(*words).status == 2


def test_for_people(run: Run, keys: Run, folder: Path, tmp_path: Path) -> None:
    def said(*words: str) -> str:
        done = run("admin", "keys", *words, keys=str(folder))
        assert done.status == 0
        return str(done.out)

    assert "Values sealed" in said("list")
    assert "ring.json" in said("rotate", "--announce")
    assert "in use" in said("activate", "2")
    assert "Ed25519" in said("public")
    assert "NOT sealed" in said("escrow", str(tmp_path / "copy"))
    assert "signs nothing" in said("export", "--gate", str(tmp_path / "gate.json"))
    assert "ticket keys [1, 2]" in said("restore", str(tmp_path / "copy"))
    assert "0 keys and 0 tickets" in said("revocations", "--out", str(tmp_path / "list"))
    assert "reencrypt" in said("rotate", "--purpose", "identity")
    assert "0 values" in said("reencrypt")
    secret = json.loads((folder / "ring.json").read_text(encoding="utf-8"))
    assert secret["digest"] not in said("list") + said("public")
