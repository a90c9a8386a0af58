"""The log of this terminal: what happened when, in one JSON line each, without anything that belongs to a person.

What belongs here: where the log lies, how long it grows, and what never gets into it. A crash leaves the places in the
program it went through, and no values.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final

import structlog

from core.redaction import redacted, redacted_text

_FILE: Final = "counter.log"
_LARGEST: Final = 1_000_000
#: What this module itself makes, of the program's own words.
_OWN: Final = ("timestamp", "level", "kind", "places")


def redact(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what is called like a secret, and what looks like one whatever it is called (``core.redaction``)."""
    for name, value in list(entry.items()):
        if name == "event":
            entry[name] = redacted_text(str(value))
        elif name not in _OWN:
            del entry[name]
            entry[redacted_text(name)] = redacted(value, name)
    return entry


def open_log(home: Path) -> Path | None:
    """Write to ``log/counter.log`` below the home folder from now on; ``None`` if it cannot be written."""
    path = home / "log" / _FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LARGEST:
            path.replace(path.with_suffix(".old"))
        mine = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)  # nobody else's, if it is made now
        stream = os.fdopen(mine, "a", encoding="utf-8", buffering=1)
    except OSError:
        return None
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    return path


def note(event: str, **values: object) -> None:
    """Write a line, if the log is open."""
    if structlog.is_configured():
        structlog.get_logger().info(event, **values)


def note_crash(error: BaseException, home: Path) -> Path | None:
    """Write down where the program was when it met an error of its own; returns the log's path."""
    path = open_log(home)
    if path is not None:
        structlog.get_logger().error("crash", kind=type(error).__name__, places=list(_places(error)))
    return path


def _places(error: BaseException) -> Iterator[str]:
    """Each error of the chain and the frames it came through, innermost last."""
    seen: BaseException | None = error
    while seen is not None:
        yield type(seen).__name__
        frame = seen.__traceback__
        while frame is not None:
            code = frame.tb_frame.f_code
            yield f"{code.co_filename}:{frame.tb_lineno} {code.co_name}"
            frame = frame.tb_next
        seen = seen.__cause__ or seen.__context__
