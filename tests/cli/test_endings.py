"""How a command ends when somebody wants it to: signals, and a terminal that has gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import with_default_signals

Gate = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def gate(environment: Path) -> Iterator[Gate]:
    """Starts `counter checkin -`, which waits for codes until it is told to leave; killed at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(before: str = "") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "counter", "checkin", "-", "--station", "YK"]
        process = subprocess.Popen(
            ["sh", "-c", f'{before} exec "$@"', "sh", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ,
            preexec_fn=with_default_signals,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(BrokenPipeError):
            process.kill()
            process.communicate()


def answer(gate: subprocess.Popen[bytes]) -> bytes:
    assert gate.stdin is not None
    assert gate.stdout is not None
    gate.stdin.write(b"no ticket\n")
    gate.stdin.flush()
    return gate.stdout.readline()


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (signal.SIGHUP, 128 + signal.SIGHUP, b""),
        (signal.SIGTERM, 128 + signal.SIGTERM, b""),
        (signal.SIGINT, 128 + signal.SIGINT, b"Interrupted.\n"),
    ],
)
def test_asked_to_end_it_ends_without_a_traceback(gate: Gate, number: int, status: int, said: bytes) -> None:
    process = gate()
    assert answer(process) == b"unknown\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (status, said)


def test_under_nohup_it_outlives_its_terminal(gate: Gate) -> None:
    process = gate("trap '' HUP;")
    assert answer(process) == b"unknown\n"
    process.send_signal(signal.SIGHUP)
    assert answer(process) == b"unknown\n"
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 0
