"""Scans through a real terminal: bytes into a pseudo-terminal, read by Textual's own driver in another process."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Condition, Thread

import pytest

DESK = Path(__file__).with_name("scan_desk.py")
PACE = tuple(each / 1000 for each in (0, 3, 8, 1, 5, 0, 7, 2))


class Terminal:
    """The outer end of a pseudo-terminal with a program at the inner one."""

    def __init__(self, *command: str) -> None:
        self.outer, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "NO_COLOR": "1"}
        self.program = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=environment)
        os.close(inner)
        self._shown = b""
        self._news = Condition()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.outer, 65536)
            except OSError:
                return
            with self._news:
                self._shown += data
                self._news.notify_all()

    def wait_for(self, text: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: text.encode() in self._shown, timeout=60), self._shown[-2000:]

    def send(self, text: str, chunk: int, gaps: tuple[float, ...]) -> None:
        data = text.encode()
        for number, begin in enumerate(range(0, len(data), chunk)):
            os.write(self.outer, data[begin : begin + chunk])
            # The pace is what is tested here.
            time.sleep(gaps[number % len(gaps)])

    def close(self) -> None:
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait()
        os.close(self.outer)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return tmp_path / "result.json"


@pytest.fixture(params=["scan", "input"])
def terminal(request: pytest.FixtureRequest, result: Path) -> Iterator[Terminal]:
    terminal = Terminal(sys.executable, str(DESK), request.param, str(result))
    yield terminal
    terminal.close()


@pytest.mark.parametrize(
    ("chunk", "gaps"), [(1, (0.0, 0.001, 0.0, 0.008, 0.0, 0.0)), (4, PACE), (64, PACE), (1000, PACE), (1000, (0.0,))]
)
def test_ten_scans_through_a_terminal(terminal: Terminal, result: Path, codes: list[str], chunk: int, gaps) -> None:
    terminal.wait_for("READY")
    terminal.send("Budi", 4, (0.0,))
    terminal.wait_for("TYPED=Budi;")
    terminal.send("".join(code + "\r" for code in codes), chunk, gaps)
    terminal.wait_for("SCANS=10;")
    terminal.send("\x1b[21~", 5, (0.0,))
    assert terminal.program.wait(timeout=60) == 0
    assert json.loads(result.read_text()) == {"scans": codes, "field": "Budi"}
