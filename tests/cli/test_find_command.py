"""Finding bookings as scripts do it: by one word, or by options."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

Run = Callable[..., Any]
IDENTITY = "3171010101900001"


def test_found_by_a_word_or_by_options(run: Run, travel_day: date) -> None:
    where = ["yk", "gmr", travel_day.isoformat(), "--train", "43", "--class", "EKS"]
    sold = run("sell", *where, "--passenger", f"Budi Santoso;{IDENTITY}", "--pay", "cash", "--json").json
    number, ticket = sold["booking_number"], sold["tickets"][0]
    day = travel_day.isoformat()
    for words in (
        (number.lower(),),
        (ticket["ticket_number"],),
        (ticket["code"],),
        (IDENTITY,),
        ("--identity", IDENTITY),
        ("--name", "budi", "--train", "43", "--date", day),
        ("budi", "--train", "43", "--date", day),
    ):
        found = run("find", *words, "--json")
        assert found.status == 0, words
        assert [one["booking_number"] for one in found.json["bookings"]] == [number], words
        assert found.json["next"] is None
    assert number in run("find", number).out
    assert run("find", "NOSUCH2", "--json").json["bookings"] == []
    for words in ((), ("budi",), (number, "--identity", IDENTITY), ("--name", "budi")):
        refused = run("find", *words, "--json")
        assert (refused.status, refused.json["error"]["code"]) == (2, "find_unclear"), words
