"""What never gets into a log: secrets and people's data, by what they are called and by what they look like.

What belongs here: one function that makes a value fit for a line that anybody who looks after this machine may read. It
hides too much rather than too little: what is missing in a log can be looked up by those who may.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

HIDDEN: Final = "…"
_DEEPEST: Final = 8
_LONGEST: Final = 2_000

#: A value whose name contains one of these is hidden whatever it is.
_SECRET_NAMES: Final = re.compile(
    "pin|passw|pwd|secret|token|session|cookie|auth|credential|signature|key|url|dsn|conninfo|code"
    "|identity|nik|passport|name|phone|mobile|mail|contact|address|birth"
    "|card|account|iban|reference|approval",
    re.IGNORECASE,
)
_SPACERS: Final = r"[\s.,/_\-‐‑‒–—]"
#: What stands beside words that say so, and what is left of it; in this order.
_SAID: Final = (
    # What PostgreSQL says about a row: DETAIL: Key (column)=(value) …, Failing row contains (…). To the end of the
    # text: a value may contain anything.
    (re.compile(r"\bKey \([^)]*\)\s*=.*|\bFailing row contains.*", re.DOTALL), HIDDEN),
    # user:password@ of an address, to its last @
    (re.compile(r"://\S*@"), f"://{HIDDEN}@"),
    # pin=…, "password": …, token …; with whatever stands between quotation marks
    (
        re.compile(
            r"""((?:pin|passw(?:or)?d|pwd|secret|token|session|cookie|authorization|api[ _-]?key|nik|passport)["']?)"""
            r"""(?:\s*[=:]\s*(?:(?:bearer|basic)\s+)?|\s+(?=["']?\S*\d))("[^"]*"|'(?:[^'\\]|\\.)*'|[^\s,;&]+)""",
            re.IGNORECASE,
        ),
        rf"\1 {HIDDEN}",
    ),
    # the payment gateway's keys
    (re.compile(r"(?:SB-)?Mid-(?:server|client)-\S+", re.IGNORECASE), HIDDEN),
)
#: Rows of this program: they name nobody, and whoever looks into a fault needs them.
_UUID: Final = re.compile(r"(?<![\w-])([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?![\w-])")
#: What looks like one: numbers of cards, identities and telephones, also in groups; ticket codes (Base32); tokens and
#: keys as hexadecimal digits or Base64.
_LOOKS_SECRET: Final = re.compile(
    rf"\d(?:{_SPACERS}?\d){{11,}}|\d{{8,}}|[A-Za-z2-7]{{60,}}|(?=[a-zA-Z_+-]*[0-9])[a-zA-Z0-9_+-]{{32,}}={{0,2}}"
)


def redacted(value: object, name: str = "") -> Any:
    """The value without anything that belongs to a person or opens a door, as JSON can carry it.

    Args:
        name: what it is called where it stands.
    """
    return _redacted(value, name, _DEEPEST)


def redacted_text(text: str) -> str:
    """A text with what looks like a secret hidden; a long one is cut first."""
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}{HIDDEN}"
    for pattern, instead in _SAID:
        shown = pattern.sub(instead, shown)
    pieces = _UUID.split(shown)  # every second one is a UUID
    pieces[::2] = [_LOOKS_SECRET.sub(HIDDEN, piece) for piece in pieces[::2]]
    return "".join(pieces)


def _redacted(value: object, name: str, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if _SECRET_NAMES.search(name) or not depth:
        return HIDDEN
    if isinstance(value, Enum):
        return _redacted(value.value, name, depth - 1)
    if isinstance(value, int | float):
        return value if redacted_text(str(value)) == str(value) else HIDDEN
    if isinstance(value, str | UUID | PurePath):
        return redacted_text(str(value))
    if isinstance(value, date | time | timedelta):
        return str(value)
    if isinstance(value, Mapping):
        return {redacted_text(str(key)): _redacted(one, str(key), depth - 1) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(one, name, depth - 1) for one in value]
    # Errors quote what they were about, bytes are keys, and nobody knows what else says of itself.
    return type(value).__name__
