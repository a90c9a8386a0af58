"""checkin as a script uses it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def ticket(run: Run, travel_day: date) -> dict[str, Any]:
    """A ticket for 43 Taksaka, Yogyakarta 07:30 to Gambir."""
    words = ["yk", "gmr", travel_day.isoformat(), "--train", "43", "--class", "EKS", "--pay", "cash", "--json"]
    sold = run("sell", *words, "--passenger", "Budi;3171010101900001")
    found: dict[str, Any] = sold.json["tickets"][0]
    return found


def _changed(code: str) -> str:
    return code[:70] + ("A" if code[70] != "A" else "B") + code[71:]


def test_a_ticket_opens_one_gate_once(run: Run, ticket: dict[str, Any], travel_day: date) -> None:
    words = ["checkin", ticket["code"], "--station", "YK", "--at", f"{travel_day}T07:00", "--json"]
    first, second = run(*words), run(*words)
    assert (first.status, first.json["outcome"], first.json["first_used"]) == (0, "ok", None)
    assert (second.status, second.json["outcome"]) == (1, "already_used")
    assert second.json["first_used"] == {"at": f"{travel_day}T07:00:00+07:00", "where": "YK"}
    assert second.err == ""


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        (("--station", "GMR"), "wrong_direction"),
        (("--station", "CN"), "wrong_station"),
        (("--station", "YK", "--train", "45"), "wrong_train"),
        (("--station", "YK", "--train", "44"), "wrong_direction"),
        (("--station", "YK", "--train", "43"), "ok"),
    ],
)
def test_the_place_matters(
    run: Run, ticket: dict[str, Any], travel_day: date, options: tuple[str, ...], outcome: str
) -> None:
    assert run("checkin", ticket["code"], *options, "--at", f"{travel_day}T07:00", "--json").json["outcome"] == outcome


def test_the_time_matters(run: Run, ticket: dict[str, Any], travel_day: date) -> None:
    def outcome(*options: str) -> str:
        answer: str = run("checkin", ticket["code"], "--station", "YK", *options, "--json").json["outcome"]
        return answer

    assert outcome() == "not_yet"
    assert outcome("--at", f"{travel_day}T06:29") == "not_yet"
    assert outcome("--at", f"{travel_day}T07:30") == "departed"
    next_day = (travel_day + timedelta(days=1)).isoformat()
    assert outcome("--date", next_day, "--at", "07:00") == "wrong_date"
    assert outcome("--date", travel_day.isoformat(), "--at", "07:00") == "ok"


def test_what_is_no_ticket(run: Run, ticket: dict[str, Any]) -> None:
    lines = [_changed(ticket["code"]), "00020101021226610014COM.GO-JEK.WWW", "", "\udcff" * 3]
    stdin = "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n"
    answers = run("checkin", "-", "--station", "YK", "--json", stdin=stdin)
    assert answers.status == 0
    assert [answer["outcome"] for answer in answers.lines] == ["forged", "unknown", "unreadable", "unknown"]


def test_a_stream_answers_line_by_line(run: Run, ticket: dict[str, Any], travel_day: date) -> None:
    stdin = f"{ticket['code']}\n{ticket['code'].lower()}\n".encode()
    answers = run("checkin", "-", "--station", "YK", "--at", f"{travel_day}T07:00", "--json", stdin=stdin)
    assert [answer["outcome"] for answer in answers.lines] == ["ok", "already_used"]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (("--station", "QQ"), 1),
        ((), 2),
        (("--station", "YK", "--at", "noon"), 2),
        (("--station", "YK", "--train", "9"), 1),
    ],
)
def test_a_gate_must_exist(run: Run, options: tuple[str, ...], status: int) -> None:
    assert run("checkin", "anything", *options).status == status


def test_gate_staff_may(run: Run, ticket: dict[str, Any], travel_day: date) -> None:
    at = datetime.combine(travel_day, datetime.min.time()).replace(hour=7).isoformat()
    assert run("checkin", ticket["code"], "--station", "YK", "--at", at, staff="2001").status == 0
