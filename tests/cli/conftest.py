"""Running commands as a script would: arguments and environment in, exit status and output out."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.config import settings
from counter.cli import main

#: What a script would export to work as the demonstration's clerk.
CLERK = {"COUNTER_STAFF": "1001", "COUNTER_PIN": "123456"}


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON object it must be."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Outcome]


@pytest.fixture
def environment(database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A terminal of its own on this test's database; returns the file its printer writes to."""
    paper = tmp_path / "paper.bin"
    values = {
        "COUNTER_HOME": str(tmp_path / "home"),
        **database.environment,
        "COUNTER_OWNER_DATABASE_URL": database.owner_url,
        "COUNTER_KEYS": str(database.keys_folder),
        "COUNTER_TERMINAL": "CLI-1",
        "COUNTER_STATION": "YK",
        "COUNTER_PRINTER": f"file:{paper}",
        **CLERK,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return paper


@pytest.fixture
def run(environment: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run one command in this process, settings read afresh."""

    def command(*arguments: str, stdin: bytes = b"", **changes: str) -> Outcome:
        with monkeypatch.context() as patch:
            patch.setenv("COUNTER_TRAINING", "")  # what a command makes of it ends with the command
            for name, value in changes.items():
                patch.setenv(f"COUNTER_{name.upper()}", value)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            settings.cache_clear()
            capfd.readouterr()
            with pytest.raises(SystemExit) as left:
                main(list(arguments))
        settings.cache_clear()
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return Outcome(int(left.value.code or 0), captured.out, captured.err)

    return command
