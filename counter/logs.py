"""The log of this terminal: what happened when, in one JSON line each, without anything that belongs to a person.

What belongs here: where the log lies, how long it grows, and what never gets into it. A crash leaves the places in the
program it went through, and no values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final

import structlog

_FILE: Final = "counter.log"
_LARGEST: Final = 1_000_000
_SECRET_NAMES: Final = re.compile(
    "pin|password|secret|token|code|identity|nik|passport|name|phone|mail|contact|url|key", re.IGNORECASE
)
#: Identity and phone numbers, ticket codes, and passwords within addresses.
_SECRET_VALUES: Final = re.compile(r"\d{8,}|[A-Za-z2-7]{60,}|://[^/@\s]+@")
_HIDDEN: Final = "…"


def redact(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what is called like a secret, and what looks like one whatever it is called."""
    for name, value in entry.items():
        if name in ("event", "timestamp", "level"):
            continue
        if _SECRET_NAMES.search(name):
            entry[name] = _HIDDEN
        elif isinstance(value, str):
            entry[name] = _SECRET_VALUES.sub(_HIDDEN, value)
    return entry


def open_log(home: Path) -> Path | None:
    """Write to ``log/counter.log`` below the home folder from now on; ``None`` if it cannot be written."""
    path = home / "log" / _FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LARGEST:
            path.replace(path.with_suffix(".old"))
        stream = path.open("a", encoding="utf-8", buffering=1)
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
