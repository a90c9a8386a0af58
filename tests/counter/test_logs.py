"""The log: what it tells, and what it keeps to itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from counter import logs

SECRETS = ("3171010101900001", "KAIA" + "A" * 136, "081234567890")


@pytest.fixture(autouse=True)
def _closed_again() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def entries(home: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (home / "log" / "counter.log").read_text(encoding="utf-8").splitlines()]


def test_a_line_is_json_with_its_time(tmp_path: Path) -> None:
    logs.open_log(tmp_path)
    logs.note("signed in", staff="1001")
    (entry,) = entries(tmp_path)
    assert (entry["event"], entry["staff"]) == ("signed in", "1001")
    assert str(entry["timestamp"]).endswith("Z")


@pytest.mark.parametrize("name", ["pin", "COUNTER_PIN", "passenger_name", "identity", "ticket_code", "database_url"])
def test_what_is_called_like_a_secret_is_hidden(tmp_path: Path, name: str) -> None:
    logs.open_log(tmp_path)
    logs.note("something", **{name: "tell nobody"})
    assert entries(tmp_path)[0][name] == "…"


@given(before=st.text(max_size=20), secret=st.sampled_from(SECRETS), after=st.text(max_size=20))
def test_what_looks_like_a_secret_is_hidden_whatever_it_is_called(before: str, secret: str, after: str) -> None:
    assert secret not in str(logs.redact(None, "info", {"event": "x", "detail": f"{before}{secret}{after}"}))


@given(text=st.text())
def test_a_line_is_one_line_without_anything_a_terminal_obeys(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    home = tmp_path_factory.mktemp("home")
    logs.open_log(home)
    logs.note(f"typed {text}", what=text)
    written = (home / "log" / "counter.log").read_bytes()
    assert written.count(b"\n") == 1
    assert all(0x20 <= byte <= 0x7F for byte in written.removesuffix(b"\n"))


def test_a_password_within_an_address_is_hidden() -> None:
    entry = logs.redact(None, "info", {"event": "x", "where": "postgresql://counter:hunter2@db/counter"})
    assert "hunter2" not in str(entry)


def test_lists_errors_and_the_event_itself_are_no_way_around(tmp_path: Path) -> None:
    logs.open_log(tmp_path)
    logs.note(f"checked {SECRETS[0]}", rows=[{"identity": "C1234567"}, SECRETS[2]], why=KeyError("Budi Santoso"))
    (entry,) = entries(tmp_path)
    assert entry["event"] == "checked …"
    assert entry["rows"] == [{"identity": "…"}, "…"]
    assert entry["why"] == "KeyError"


@pytest.mark.skipif(sys.platform == "win32", reason="no file modes there")
def test_the_log_is_its_owners_alone(tmp_path: Path) -> None:
    path = logs.open_log(tmp_path)
    assert path is not None
    assert path.stat().st_mode & 0o077 == 0


def test_without_an_open_log_nothing_happens(tmp_path: Path) -> None:
    logs.note("nobody hears this")
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_has_grown_is_put_aside(tmp_path: Path) -> None:
    path = logs.open_log(tmp_path)
    assert path is not None
    path.write_text("x" * 1_000_001, encoding="utf-8")
    logs.open_log(tmp_path)
    logs.note("anew")
    assert len(entries(tmp_path)) == 1
    assert (tmp_path / "log" / "counter.old").stat().st_size == 1_000_001


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("in the way", encoding="utf-8")
    assert logs.open_log(tmp_path) is None
    assert logs.note_crash(ValueError("secret"), tmp_path) is None


def test_a_crash_leaves_places_and_causes_but_no_values(tmp_path: Path) -> None:
    def inner() -> None:
        raise KeyError("3171010101900001")

    try:
        try:
            inner()
        except KeyError as error:
            raise ValueError("Budi Santoso") from error
    except ValueError as error:
        logs.note_crash(error, tmp_path)
    (entry,) = entries(tmp_path)
    assert entry["kind"] == "ValueError"
    places = entry["places"]
    assert isinstance(places, list)
    assert "KeyError" in places
    assert any(place.endswith(" inner") for place in places)
    assert "Budi" not in str(entry)
    assert "3171" not in str(entry)
