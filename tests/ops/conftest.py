"""What the tests of the embedded server share: homes, and terminals that are processes of their own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from core.errors import CounterError
from core.ops import embedded
from core.ops.embedded import EmbeddedServer

_TERMINAL = """
import sys
from pathlib import Path
from core.ops import embedded
server = embedded.start(Path(sys.argv[1]))
print(server.socket_folder, flush=True)
sys.stdin.read()
"""


class Terminal:
    """A process that needs the server of ``home`` until it is told to leave, or killed."""

    def __init__(self, home: Path, *, code: str = _TERMINAL, options: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *options, "-c", code, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def joined(self) -> Path:
        """Wait until it has the server; its socket folder."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        return Path(line.rstrip("\n"))

    def leave(self) -> tuple[str, str]:
        """Let it end as a program ends; the rest of its output and everything on its standard error."""
        output, errors = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, errors
        return output, errors

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture(scope="session")
def ask() -> Callable[[EmbeddedServer, str], str]:
    """Runs a statement as the superuser; the first value of its result, if it has one."""

    def run(server: EmbeddedServer, statement: str) -> str:
        with psycopg.connect(server.url(user="postgres", database="postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
        return "" if row is None else str(row[0])

    return run


@pytest.fixture(scope="session")
def postmaster() -> Callable[[Path], psutil.Process | None]:
    """Finds the running server of a home."""

    def find(home: Path) -> psutil.Process | None:
        try:
            return psutil.Process(int((embedded.data_folder(home) / "postmaster.pid").read_bytes().split()[0]))
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None

    return find


def release(home: Path) -> None:
    """This process no longer needs the server of ``home``; others it may hold (this run's own) stay."""
    for layout, _ in list(embedded._held.values()):
        if layout.home == home:
            EmbeddedServer(layout.data, layout.data, 0).release()


@pytest.fixture
def release_home() -> Callable[[Path], None]:
    return release


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A new home whose data live inside it: for root that is one where others may pass."""
    folder = tmp_path
    if os.geteuid() == 0:
        folder = Path(tempfile.mkdtemp(prefix="counter-home-"))
        folder.chmod(0o711)
    yield folder
    release(folder)
    with suppress(CounterError):
        embedded.stop(folder)
    if folder != tmp_path:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Starts terminals; whatever is left of them at the end is killed."""
    started: list[Terminal] = []

    def start(home: Path, **arguments: object) -> Terminal:
        started.append(Terminal(home, **arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.kill()
