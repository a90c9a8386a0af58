"""Training and real sales on one embedded server: two databases and two rings that know nothing of each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

from core import keys
from core.ops import embedded

SALE = (
    "sell", "yk", "gmr", "+2", "--train", "43", "--class", "EKS", "--passenger", "Budi;3171010101900001", "--pay",
    "cash",
)  # fmt: skip


def counter(home: Path, *words: str, **settings: str) -> Any:
    """Run a command as a program of its own; its JSON."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COUNTER_")}
    here = {"COUNTER_HOME": str(home), "COUNTER_STAFF": "1001", "COUNTER_PIN": "123456", "COUNTER_STATION": "YK"}
    done = subprocess.run(
        [sys.executable, "-m", "counter", *words, "--json"],
        env={**environment, **here, **settings}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def test_both_make_themselves_at_first_use_and_stay_apart(home: Path) -> None:
    with_it, without = ("--training",), ()
    practised, real = (counter(home, *words, *SALE) for words in (with_it, without))
    assert practised["training"] is True
    assert "training" not in real
    assert practised["booking_number"][0] == "0" != real["booking_number"][0]
    assert (practised["tickets"][0]["ticket_number"], real["tickets"][0]["ticket_number"]) == (
        "900000000001",
        "000001000001",
    )
    rings = [keys.load(folder).fingerprints().values() for folder in (home / "keys", home / "training" / "keys")]
    assert not {*rings[0]} & {*rings[1]}
    server = embedded.start(home)
    for name, number in (("counter", real["booking_number"]), ("counter_training", practised["booking_number"])):
        with psycopg.connect(server.url(user="counter", database=name)) as connection:
            assert connection.execute("SELECT booking_number FROM bookings").fetchall() == [(number,)]
    for words in (with_it, without):
        assert counter(home, *words, "admin", "verify")["ok"] is True
    assert counter(home, *SALE, COUNTER_TRAINING="1")["tickets"][0]["ticket_number"] == "900000000002"


def test_an_owners_command_makes_the_one_it_was_asked_for(home: Path) -> None:
    made = counter(home, "admin", "init", "--training", "--days", "1")
    assert (made["training"], made["demo"], made["schedules"] > 0) == (True, True, True)
    server = embedded.start(home)
    with psycopg.connect(server.url(user="postgres", database="postgres")) as connection:
        names = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
    assert "counter_training" in names
    assert "counter" not in names
    assert not (home / "keys").exists()
