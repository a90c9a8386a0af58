"""How training is begun: by a word on the command line, before anything heavy is loaded, and for the whole program."""

from __future__ import annotations

import pytest

from counter import __main__ as program
from counter import training
from counter.cli import main as command_line


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each application that was started is in training."""
    seen: list[bool] = []
    monkeypatch.setenv("COUNTER_TRAINING", "")  # which is put back when the test is over
    monkeypatch.setattr(program, "_ENDINGS", ())
    monkeypatch.setattr(program, "application", lambda: seen.append(training.is_on()))
    return seen


@pytest.mark.parametrize(("words", "trains"), [([], False), (["--training"], True), (["train"], True)])
def test_the_application_is_started_in_the_mode_asked_for(
    monkeypatch: pytest.MonkeyPatch, started: list[bool], words: list[str], trains: bool
) -> None:
    monkeypatch.setattr("sys.argv", ["counter", *words])
    program.main()
    assert started == [trains]


@pytest.mark.parametrize(
    ("words", "trains"), [([], False), (["--training"], True), (["train"], True), (["--training", "train"], True)]
)
def test_so_it_is_by_the_command_line(started: list[bool], words: list[str], trains: bool) -> None:
    with pytest.raises(SystemExit) as left:
        command_line(words)
    assert (left.value.code, started) == (0, [trains])


def test_the_environment_begins_it_as_well(monkeypatch: pytest.MonkeyPatch, started: list[bool]) -> None:
    monkeypatch.setenv("COUNTER_TRAINING", "1")
    monkeypatch.setattr("sys.argv", ["counter"])
    program.main()
    assert started == [True]
