"""Customers' accounts by command: passwords from a file or standard input, one JSON object each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "kereta malam ke Gambir"
MAIL = "budi@example.org"


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n", encoding="utf-8")
    return str(path)


def test_a_customer_from_first_to_last(run: Callable[..., Any], secret: str) -> None:
    made = run("customer", "register", MAIL, "Budi Santoso", "--password-file", secret, "--json").json
    assert made["customer"]["email"] == MAIL
    assert made["customer"]["is_verified"] is False
    verified = run("customer", "verify", made["verification"], "--json").json
    assert verified["customer"]["is_verified"] is True
    signed = run("customer", "sign-in", MAIL, "--password-file", secret, "--json").json
    assert signed["customer"]["full_name"] == "BUDI SANTOSO"
    changed = run("customer", "change", MAIL, "--city", "Solo", "--preferences", '{"seat": "window"}', "--json").json
    assert (changed["customer"]["city"], changed["customer"]["preferences"]) == ("Solo", {"seat": "window"})
    assert run("customer", "history", MAIL, "--json").json == {"bookings": []}
    assert run("customer", "close", MAIL, "--json").json["customer"]["is_active"] is False
    assert run("customer", "sign-in", MAIL, "--password-file", secret, "--json").status == 1


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("show", MAIL), 1, "unknown_customer"),
        (("show", "nobody"), 2, "person_unclear"),
        (("register", MAIL, "Budi", "--password-file", "/nowhere"), 2, "usage"),
        (("change", MAIL), 2, "usage"),
        (("change", MAIL, "--preferences", "[]"), 2, "usage"),
        (("attach", MAIL, "ABCDEFG"), 1, "unknown_customer"),
        (("verify", "x"), 1, "link_invalid"),
    ],
)
def test_what_is_refused(run: Callable[..., Any], words: tuple[str, ...], status: int, code: str) -> None:
    done = run("customer", *words, "--json")
    assert (done.status, done.json["error"]["code"]) == (status, code)
