"""What reaches the terminal, the script and nobody at all: other people's words, full disks, readers that have gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import IO, Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from counter.cli import output

Run = Callable[..., Any]

FULL = Path("/dev/full")
needs_a_full_disk = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
#: Clears the screen (twice, as C0 and C1), turns the direction of writing, begins a line, is half a character.
NASTY = "x\x1b[2J\x9b2J\u202e\n\udcff"
#: Commands that say something about what was typed where the braces are.
QUOTING = [
    ("search", "{}", "GMR"),
    ("search", "YK", "GMR", "{}"),
    ("search", "YK", "GMR", "--train", "{}"),
    ("search", "YK", "GMR", "--class", "{}"),
    ("search", "YK", "GMR", "--passengers", "{}"),
    ("search", "YK", "GMR", "--{}"),
    ("search", "YK", "GMR", "today", "{}"),
    ("show", "{}"),
    ("{}",),
    ("checkin", "x", "--station", "{}"),
    ("checkin", "x", "--station", "YK", "--at", "{}"),
    ("admin", "login", "{}"),
    ("admin", "login", "x", "--operator", "{}"),
    ("admin", "operator", "{}", "Name", "--issuer", "ABC"),
    ("admin", "operator", "CODE", "{}", "--issuer", "ABC"),
    ("admin", "init", "--operator", "{}"),
]


def start(*words: str, out: int | IO[Any], err: int | IO[Any] = subprocess.PIPE, **env: str) -> tuple[int, str]:
    """Run a command in a process of its own; its status and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "counter", *words], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
        env={**os.environ, **env}, check=False,
    )  # fmt: skip
    return done.returncode, (done.stderr or b"").decode()


class TestOtherPeoplesWords:
    @given(st.text())
    def test_a_line_is_one_line_without_anything_a_terminal_obeys(self, text: str) -> None:
        shown = output.harmless(text)
        assert shown.isprintable()
        assert len(shown) == len(text)

    @given(st.text())
    def test_what_can_be_seen_stays(self, text: str) -> None:
        assert [new for old, new in zip(text, output.harmless(text), strict=True) if old.isprintable()] == [
            letter for letter in text if letter.isprintable()
        ]

    @given(st.text() | st.text("x ", min_size=400))
    def test_a_sentence_is_short_and_has_both_its_ends(self, text: str) -> None:
        shown = output.shortened(f"There is no station '{text}' here.")
        assert len(shown) <= 400
        assert shown.startswith("There is no station '")
        assert shown.endswith("' here.")

    @given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
    def test_json_is_ascii_without_control_characters(self, document: Any) -> None:
        with pytest.MonkeyPatch.context() as patch:
            written: list[str] = []
            patch.setattr(output.click, "echo", written.append)
            output.print_json(document)
        assert json.loads(written[0]) == document
        assert all(" " <= letter <= "~" for letter in written[0])

    @pytest.mark.parametrize("typed", [NASTY, "x" * 5_000, "x " * 2_500], ids=["nasty", "long", "wordy"])
    def test_a_refusal_quotes_them_harmlessly_and_briefly(self, run: Run, typed: str) -> None:
        for words in QUOTING:
            refused = run(*(word.format(typed) for word in words), "--json")
            assert refused.status in (1, 2)
            assert refused.json["error"]["code"] != "internal_error"
            assert refused.err.removesuffix("\n").isprintable()
            assert len(refused.err) < 600
            assert all(" " <= letter <= "~" for letter in refused.out.removesuffix("\n"))

    def test_a_seat_and_a_class_too(self, run: Run, travel_day: date) -> None:
        where = ["sell", "yk", "gmr", travel_day.isoformat(), "--pay", "cash", "--passenger", "Budi;3171010101900001"]
        for choice in (["--train", NASTY, "--class", "EKS"], ["--train", "43", "--class", NASTY],
                       ["--train", "43", "--class", "EKS", "--seat", NASTY]):  # fmt: skip
            refused = run(*where, *choice)
            assert refused.status == 1
            assert refused.err.removesuffix("\n").isprintable()

    def test_an_error_of_its_own_shows_no_values(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def crash(*_: object, **__: object) -> None:
            raise RuntimeError("3171010101900001")

        monkeypatch.setattr("counter.cli.sales.offers", crash)
        crashed = run("search", "YK", "GMR", "--json")
        structlog.reset_defaults()
        log = tmp_path / "home" / "log" / "counter.log"
        assert (crashed.status, crashed.json["error"]["code"]) == (3, "internal_error")
        assert crashed.err.endswith("counter.log.\n")
        assert "RuntimeError" in log.read_text(encoding="utf-8")
        assert "3171" not in crashed.err + crashed.out + log.read_text(encoding="utf-8")


class TestNobodyTakesIt:
    @needs_a_full_disk
    @pytest.mark.parametrize("unbuffered", ["", "1"])
    @pytest.mark.parametrize("words", [("search", "YK", "GMR"), ("search", "YK", "GMR", "--json"), ("--help",)])
    def test_a_full_disk_is_one_sentence(self, environment: Path, words: tuple[str, ...], unbuffered: str) -> None:
        with FULL.open("wb") as full:
            status, said = start(*words, out=full, PYTHONUNBUFFERED=unbuffered)
        assert status == 3
        assert said == "The answer cannot be written (No space left on device); what was done is done.\n"

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    @pytest.mark.parametrize("words", [("search", "YK", "GMR"), ("search", "YK", "GMR", "--json"), ("--help",)])
    def test_a_reader_that_has_gone_is_no_error(
        self, environment: Path, words: tuple[str, ...], unbuffered: str
    ) -> None:
        theirs, ours = os.pipe()
        os.close(theirs)
        try:
            assert start(*words, out=ours, PYTHONUNBUFFERED=unbuffered) == (0, "")
        finally:
            os.close(ours)

    @needs_a_full_disk
    def test_a_refusal_stays_one_whoever_hears_of_it(self, environment: Path) -> None:
        words = ("search", "XX", "GMR", "--json")
        with FULL.open("wb") as full:
            assert start(*words, out=full) == (1, "There is no station 'XX'. Use a code such as GMR.\n")
            assert start(*words, out=full, err=full) == (1, "")
            assert start(*words, out=subprocess.DEVNULL, err=full) == (1, "")

    @needs_a_full_disk
    def test_a_sale_that_could_not_be_written_is_found_again(
        self, environment: Path, run: Run, travel_day: date
    ) -> None:
        sale = ["sell", "yk", "gmr", travel_day.isoformat(), "--train", "43", "--class", "EKS", "--pay", "cash"]
        sale += ["--passenger", "Budi;3171010101900001"]
        with FULL.open("wb") as full:
            status, said = start(*sale, out=full)
        assert status == 3
        key = said.partition("--key ")[2][:36]
        assert run(*sale, "--key", key, "--json").json["status"] == "confirmed"
        free = run("search", "yk", "gmr", travel_day.isoformat(), "--train", "43", "--class", "EKS", "--json")
        assert free.json["offers"][0]["available"] == 249

    @pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
    def test_closed_streams_lead_nowhere(self, environment: Path, closed: str) -> None:
        for words, status in ((("search", "YK", "GMR"), 0), (("search", "XX", "GMR"), 1)):
            shell = ["sh", "-c", f'exec "$0" -m counter "$@" {closed}', sys.executable, *words]
            assert subprocess.run(shell, env=os.environ, capture_output=True, check=False).returncode == status

    def test_a_terminal_without_arrows_is_no_reason_to_stop(
        self, environment: Path, run: Run, travel_day: date
    ) -> None:
        sale = ["sell", "yk", "gmr", travel_day.isoformat(), "--train", "43", "--class", "EKS", "--pay", "cash"]
        number = run(*sale, "--passenger", "Budi;3171010101900001", "--json").json["booking_number"]
        shown = subprocess.run(
            [sys.executable, "-m", "counter", "show", number], env={**os.environ, "PYTHONIOENCODING": "latin-1"},
            capture_output=True, check=True,
        )  # fmt: skip
        assert b"YK ? GMR" in shown.stdout

    def test_the_application_needs_a_terminal(self) -> None:
        status, said = start(out=subprocess.DEVNULL)
        assert status == 2
        assert said == "The application needs a terminal. Commands work without one: counter --help\n"

    def test_a_group_without_a_command_names_them(self, run: Run) -> None:
        asked = run("admin")
        assert (asked.status, asked.out) == (2, "")
        assert asked.err.startswith("counter admin needs a command: ")
        assert "verify" in asked.err
        assert len(asked.err.splitlines()) == 1
