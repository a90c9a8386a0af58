"""The program's terminal goes away: whoever is the last user of the embedded server still stops it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import with_default_signals

Postmaster = Callable[[Path], psutil.Process | None]

#: What a terminal's shell does: make the terminal its own, then become the program.
_IN_A_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.executable, [sys.executable, '-m', 'counter', *sys.argv[1:]])"
)


class Program:
    """`counter` on a home and a terminal of its own."""

    def __init__(self, home: Path, words: tuple[str, ...]) -> None:
        self.screen, theirs = pty.openpty()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COUNTER_")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _IN_A_TERMINAL, *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**environment, "COUNTER_HOME": str(home)},
            preexec_fn=with_default_signals,
        )
        os.close(theirs)

    def read_until(self, done: Callable[[], object]) -> None:
        """Look at the screen, which goes on changing while the program prepares its database."""
        while not done():
            assert os.read(self.screen, 10_000)

    def hang_up(self) -> None:
        os.close(self.screen)
        self.screen = -1


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Program]]:
    """Starts the program; what is left of it at the end is killed."""
    started: list[Program] = []

    def run(*words: str) -> Program:
        started.append(Program(home, words))
        return started[-1]

    yield run
    for one in started:
        if one.screen >= 0:
            one.hang_up()
        one.process.kill()
        one.process.wait()


@pytest.mark.parametrize("words", [(), ("admin", "server")])
def test_a_hang_up_stops_the_server_with_its_last_user(
    home: Path, start: Callable[..., Program], postmaster: Postmaster, words: tuple[str, ...]
) -> None:
    program = start(*words)
    program.read_until(lambda: postmaster(home))
    program.hang_up()
    assert program.process.wait(timeout=120) == 128 + signal.SIGHUP
    assert postmaster(home) is None


def test_hanging_up_twice_does_not_cut_the_stopping_short(
    home: Path, start: Callable[..., Program], postmaster: Postmaster
) -> None:
    program = start("admin", "server")
    program.read_until(lambda: postmaster(home))
    for _ in range(3):  # the shell, the kernel, and somebody impatient
        program.process.send_signal(signal.SIGHUP)
        program.process.send_signal(signal.SIGTERM)
    program.hang_up()
    assert program.process.wait(timeout=120) in (128 + signal.SIGHUP, 128 + signal.SIGTERM)
    assert postmaster(home) is None
