"""``counter contact``, ``counter admin dispatch|failures|notify``."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from tests.cli.test_disrupt_commands import SUPERVISOR

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def sold(run: Run) -> str:
    done = run(
        "sell", "YK", "GMR", "tomorrow", "--train", "43", "--class", "EKS", "--pay", "cash", "--tendered", "9000000",
        "--passenger", "Sari;3171010101900001", "--json",
    )  # fmt: skip
    return str(done.json["booking_number"])


def closed_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


def test_a_message_that_fails_is_looked_into(run: Run) -> None:
    one = run("admin", "notify", "set", "booking.confirmed", "sms", "--language", "en", "--json", **SUPERVISOR)
    assert (one.status, one.json["enabled"]) == (0, True)
    assert run("policy", "set", "notification_attempts", "1", **SUPERVISOR).status == 0
    kept = run("contact", sold(run), "--phone", "0812 3456 7890", "--json")
    assert (kept.status, kept.json["phone"]) == (0, True)
    away = {"sms_webhook_url": f"http://127.0.0.1:{closed_port()}/"}
    sent = run("admin", "dispatch", "--once", "--json", **away)
    assert (sent.status, sent.json["dead"], sent.json["standing"]) == (0, 1, {"dead": 1})
    (failure,) = run("admin", "failures", "list", "--json", **SUPERVISOR).json["failures"]
    assert failure["kind"] == "notification"
    again = run("admin", "failures", "retry", failure["failure_id"], "--json", **SUPERVISOR)
    assert again.json["resolution"] == "sent again"
    assert run("admin", "dispatch", "--once", "--json", **away).json["dead"] == 1
    (failure,) = run("admin", "failures", "list", "--json", **SUPERVISOR).json["failures"]
    done = run("admin", "failures", "resolve", failure["failure_id"], "--note", "telephoned", **SUPERVISOR)
    assert done.status == 0
    assert run("admin", "failures", "list", "--json", **SUPERVISOR).json["failures"] == []


def test_clerks_neither_configure_nor_look_into_failures(run: Run) -> None:
    for command in (("notify", "list"), ("failures", "list"), ("notify", "set", "schedule.delayed", "sms")):
        refused = run("admin", *command, "--json")
        assert (refused.status, refused.json["error"]["code"]) == (1, "not_permitted")


def test_what_stands_is_listed_and_withdrawn(run: Run) -> None:
    set_ = ("admin", "notify", "set", "schedule.delayed", "whatsapp", "--train", "43", "--off", "--json")
    assert run(*set_, **SUPERVISOR).json["enabled"] is False
    listed = run("admin", "notify", "list", "--json", **SUPERVISOR).json["configurations"]
    assert [(one["event"], one["channel"], one["enabled"]) for one in listed] == [
        ("schedule.delayed", "whatsapp", False)
    ]
    gone = ("admin", "notify", "withdraw", "schedule.delayed", "whatsapp", "--train", "43", "--json")
    assert run(*gone, **SUPERVISOR).status == 0
    assert run(*gone, **SUPERVISOR).json["error"]["code"] == "unknown_configuration"


def test_an_unsafe_channel_is_named(run: Run) -> None:
    refused = run("admin", "dispatch", "--once", "--json", sms_webhook_url="http://hooks.example.org/")
    assert (refused.status, refused.json["error"]["code"]) == (3, "channel_not_safe")
    assert run("contact", "ABCDEFG", "--json").json["error"]["code"] == "contact_missing"


def test_a_sale_says_where_its_confirmation_goes(run: Run) -> None:
    assert run("admin", "notify", "set", "booking.confirmed", "sms", **SUPERVISOR).status == 0
    sale = (
        "sell", "YK", "GMR", "tomorrow", "--train", "43", "--class", "EKS", "--pay", "cash", "--tendered", "9000000",
        "--passenger", "Sari;3171010101900001", "--json",
    )  # fmt: skip
    wrong = run(*sale, "--phone", "nobody")
    assert (wrong.status, wrong.json["error"]["code"]) == (2, "person_unclear")
    assert run(*sale, "--phone", "0812 3456 7890", "--email", "sari@example.org").status == 0
    sent = run("admin", "dispatch", "--once", "--json")
    assert sent.json["standing"] == {"queued": 1}
