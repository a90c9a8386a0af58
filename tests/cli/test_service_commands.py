"""Service requests, notices, fines and bans by commands, as scripts use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, text

Run = Callable[..., Any]
BOSS = {"staff": "3001"}
NIK = "3171010101900001"
FINE = ("fine", "issue", "--train", "43", "--name", "Budi", "--identity", NIK, "--from", "CN", "--to", "GMR")


def json(run: Run, *words: str, **env: str) -> Any:
    done = run(*words, "--json", **env)
    assert done.status == 0, done.err
    return done.json


def code(run: Run, *words: str, **env: str) -> tuple[int, str]:
    done = run(*words, "--json", **env)
    return done.status, done.json["error"]["code"]


def test_a_request_from_the_queue_to_its_end(run: Run) -> None:
    made = json(run, "service", "open", "callback", "--customer", "Siti", "--phone", "08123456789", "--note", "refund?")
    assert (made["number"], made["status"], made["late"], made["escalated"]) == (1, "new", False, None)
    json(run, "service", "open", "complaint", "--customer", "Adi", "--note", "noise", "--priority", "urgent")
    assert [one["number"] for one in json(run, "service", "list")["requests"]] == [2, 1]
    assert json(run, "service", "assign", "1", "3001")["status"] == "assigned"
    assert json(run, "service", "take", "1", **BOSS)["status"] == "in_progress"
    assert json(run, "service", "escalate", "1", "--reason", "loud", "--to", "admin")["escalation"]["told"] == 1
    assert json(run, "service", "resolve", "1", "--note", "called", **BOSS)["resolution"] == "called"
    assert json(run, "service", "cancel", "2", "--reason", "went home")["status"] == "cancelled"
    assert json(run, "service", "list") == {"requests": []}
    assert len(json(run, "service", "list", "--all")["requests"]) == 2
    assert code(run, "service", "take", "1") == (1, "request_ended")
    assert code(run, "service", "show", "7") == (1, "unknown_request")
    assert code(run, "service", "open", "dance", "--customer", "A", "--note", "x")[0] == 2
    [notice] = json(run, "notices", "list", staff="9001")["notices"]
    assert notice["message"].endswith("loud")
    assert json(run, "notices", "read", notice["id"], staff="9001") == {"read": 1}
    assert json(run, "notices", "list", staff="9001") == {"notices": []}


def test_what_is_late_is_escalated_once(run: Run, owner_connection: Connection) -> None:
    json(run, "service", "open", "complaint", "--customer", "Adi", "--note", "noise")
    assert json(run, "admin", "escalate") == {"escalated": []}
    owner_connection.execute(text("UPDATE callback_requests SET expires_at = now() - interval '5 minutes'"))
    [done] = json(run, "admin", "escalate")["escalated"]
    assert (done["about"], done["level"], done["to_role"], done["told"]) == ("request", 1, "supervisor", 1)
    assert json(run, "admin", "escalate") == {"escalated": []}
    assert len(json(run, "notices", "list", **BOSS)["notices"]) == 1
    assert json(run, "notices", "read", **BOSS) == {"read": 1}


def test_a_fine_bans_until_it_is_paid(run: Run) -> None:
    made = json(run, *FINE, staff="2001")
    assert (made["number"], made["status"], made["name"], made["identity"]) == (1, "open", "BUDI", "…0001")
    assert made["amount"] == 2 * made["decided_with"]["lowest_fare"]
    sell = ("sell", "YK", "GMR", "+2", "--train", "43", "--class", "EKS", "--passenger", f"Budi;{NIK}", "--pay", "cash")
    refused = run(*sell, "--json")
    assert (refused.status, refused.json["error"]["code"]) == (1, "travel_ban")
    assert refused.json["error"]["fines"] == [1]
    assert [one["name"] for one in json(run, "ban", "list")["bans"]] == ["BUDI"]
    paid = json(run, "fine", "pay", "1", "--pay", "cash", "--tendered", str(made["amount"] + 1_000))
    assert (paid["status"], paid["change"], paid["method"]) == ("paid", 1_000, "cash")
    assert json(run, "ban", "list") == {"bans": []}
    assert run(*sell).status == 0
    x = json(run, "shift", "x")
    assert x["fines"] == {"cash": {"count": 1, "amount": made["amount"]}}
    assert "Cash fines" in run("shift", "x", COUNTER_LANGUAGE="en").out
    assert code(run, "fine", "pay", "1", "--pay", "cash") == (1, "fine_paid")
    assert run("admin", "verify").status == 0


def test_waiving_and_lifting_take_a_supervisor(run: Run) -> None:
    json(run, *FINE)
    assert code(run, "fine", "waive", "1", "--reason", "mistake") == (1, "approval_needed")
    assert code(run, "ban", "lift", NIK, "--reason", "funeral") == (1, "approval_needed")
    lifted = json(run, "ban", "lift", NIK, "--reason", "funeral", **BOSS)
    assert (lifted["lifted"], lifted["fines"]) == (True, [1])
    assert code(run, "ban", "lift", "--fine", "1", "--reason", "funeral", **BOSS) == (1, "not_banned")
    assert json(run, "fine", "waive", "1", "--reason", "mistake", **BOSS)["status"] == "waived"
    assert [one["status"] for one in json(run, "fine", "list", "--identity", NIK)["fines"]] == ["waived"]
    assert json(run, "fine", "list", "--open") == {"fines": []}
    assert json(run, "fine", "show", "1")["waive_reason"] == "mistake"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("fine", "pay", "1", "--pay", "beans"), 2),
        (("fine", "pay", "-1", "--pay", "cash"), 2),
        (("fine", "pay", "9", "--pay", "cash"), 1),
        (("fine", "issue", "--train", "43", "--kind", "dancing"), 2),
        (("fine", "waive", "1"), 2),
        (("ban", "lift", "--reason", "x"), 2),
        (("ban", "lift", NIK, "--fine", "1", "--reason", "x"), 2),
        (("service", "assign", "1"), 2),
    ],
)
def test_wrong_usage_and_refusals(run: Run, words: tuple[str, ...], status: int) -> None:
    assert run(*words, "--json").status == status
