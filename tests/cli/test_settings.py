"""Commands under settings that cannot be: one sentence each, and never an error of the program's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://\udcff",
        "postgresql://counter@127.0.0.1:99999/railway",
        "postgresql://counter@127.0.0.1:abc/railway",
        "postgresql://counter@127.0.0.1:1/railway?sslmode=bogus",
        "postgresql://counter@127.0.0.1:1/railway?nonsense=1",
        "postgresql://db..example/railway",
        "mysql://counter@127.0.0.1/railway",
        "beans\x1b[2J",
    ],
)
def test_an_address_that_is_none(run: Run, url: str) -> None:
    for words in (("search", "YK", "GMR"), ("admin", "init"), ("admin", "extend")):
        refused = run(*words, "--json", database_url=url, owner_database_url=url)
        assert (refused.status, refused.json["error"]["code"]) == (2, "database_address")
        assert refused.err.removesuffix("\n").isprintable()


@pytest.mark.parametrize("embedded", [False, True])
@pytest.mark.parametrize(
    "named", ["{}/" + "x" * 256, "{}/" + "y/" * 3_000, "{}/file", "{}/file/below"], ids=lambda named: named[:14]
)
def test_a_home_that_cannot_be(run: Run, tmp_path: Path, named: str, embedded: bool) -> None:
    (tmp_path / "file").touch()
    without = {"database_url": "", "owner_database_url": ""} if embedded else {}
    refused = run("search", "YK", "GMR", "--json", home=named.format(tmp_path), **without)
    assert (refused.status, refused.json["error"]["code"]) == (2, "home_not_usable")
    assert len(refused.err.splitlines()) == 1


def test_a_home_where_nothing_can_be_made(run: Run) -> None:
    refused = run("search", "YK", "GMR", "--json", home="/proc/counter", database_url="", owner_database_url="")
    assert (refused.status, refused.json["error"]["code"]) == (2, "home_not_usable")
    assert len(refused.err.splitlines()) == 1


def test_a_home_called_what_is_no_text(run: Run, tmp_path: Path) -> None:
    assert run("search", "YK", "GMR", home=str(tmp_path / os.fsdecode(b"no \xff text"))).status == 0


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"staff": "\udcff"}, 1),
        ({"pin": "\udcff"}, 1),
        ({"pin": "", "pin_file": "/nonexistent"}, 3),
        ({"pin": "", "pin_file": "/" + "x" * 5_000}, 3),
        ({"pin": ""}, 1),
        ({"station": "\udcff"}, 1),
        ({"terminal": "\udcff"}, 2),
        ({"terminal": "\x1b[2J"}, 2),
        ({"keys": "/" + "x" * 5_000}, 3),
        ({"printer": "\x1b[2J" * 1_000}, 2),
        ({"printer_profile": "\udcff"}, 2),
        ({"paper_width": "narrow"}, 2),
        ({"language": "xx"}, 2),
        ({"database_pooled": "perhaps"}, 2),
    ],
)
def test_any_other_value_that_cannot_be(run: Run, settings: dict[str, str], status: int) -> None:
    refused = run("show", "ABCDEFG", "--json", **settings)
    assert refused.status == status
    assert refused.json["error"]["code"] != "internal_error"
    assert refused.err.removesuffix("\n").isprintable()
    assert len(refused.err) < 900
