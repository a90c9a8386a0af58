"""A filter typed in one line: ``who 1001 entity bookings since 2026-11-20``, in the words of the command's options.

What belongs here: words and moments, read and written; nothing is asked of the database.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from core.audit.trail import Filter
from core.clock import local, zone
from core.errors import UsageError
from core.models.journal import AUDIT_ACTIONS

#: Word -> what it filters by. Those that come first of their kind are the ones written.
WORDS: Final[Mapping[str, str]] = {
    "who": "who", "terminal": "terminal", "entity": "entity", "id": "entity_id", "action": "action",
    "correlation": "correlation", "since": "since", "until": "before", "from": "since", "to": "before",
}  # fmt: skip
#: Every zone knows these, and the day after.
_YEARS: Final = (1970, 9000)


def moment(text: str) -> date | datetime:
    """A day or a time: ``2026-11-25`` or ``2026-11-25T14:30``.

    Raises:
        UsageError: neither.
    """
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            found = read(text)
        except ValueError:
            continue
        if _YEARS[0] <= found.year <= _YEARS[1]:
            return found
    raise UsageError(
        f"{text[:30]!r} is no day or time.", code="moment_invalid", hint="Write 2026-11-25 or 2026-11-25T14:30."
    )


def begin(said: date | datetime, zone_name: str) -> datetime:
    """The moment a day or time begins on the clock of a zone."""
    if not isinstance(said, datetime):
        return datetime.combine(said, time(), tzinfo=zone(zone_name))
    return said if said.tzinfo else said.replace(tzinfo=zone(zone_name))


def end(said: date | datetime, zone_name: str) -> datetime:
    """The moment before which all is that is meant; a day is meant as a whole."""
    return begin(said if isinstance(said, datetime) else said + timedelta(days=1), zone_name)


def parse(line: str, zone_name: str) -> Filter:
    """The filter that a line says; an empty one finds everything. A value with blanks stands in quotes.

    Raises:
        UsageError: a word that is none, a word without its value, or a value of the wrong kind.
    """
    try:
        parts = shlex.split(line)
    except ValueError:
        raise UsageError("A quote is not closed.", code="filter_invalid", hint="Close it.") from None
    known: dict[str, object] = {}
    for word, value in zip(parts[::2], [*parts[1::2], None], strict=False):
        name = WORDS.get(word.lower())
        if name is None:
            raise UsageError(
                f"{word[:20]!r} is no word of a filter.",
                code="filter_invalid",
                hint="Write: who, terminal, entity, id, action, correlation, since or until, then its value.",
            )
        if value is None:
            raise UsageError(f"After {word[:20]!r} its value is missing.", code="filter_invalid", hint="Write it.")
        known[name] = _value(name, word.lower(), value, zone_name)
    return Filter(**known)  # type: ignore[arg-type]  # by name, each of its kind


def _value(name: str, word: str, text: str, zone_name: str) -> object:
    if word in ("since", "from"):
        return begin(moment(text), zone_name)
    if word in ("until", "to"):
        return end(moment(text), zone_name)
    if name == "correlation":
        try:
            return UUID(text)
        except ValueError:
            raise UsageError(
                f"{text[:40]!r} is no correlation id.", code="filter_invalid", hint="Copy it from a row."
            ) from None
    if name == "action" and text not in AUDIT_ACTIONS:
        raise UsageError(f"{text[:20]!r} is no action.", hint=f"One of: {', '.join(AUDIT_ACTIONS)}.")
    return text


def line_of(wanted: Filter, zone_name: str) -> str:
    """The line that says this filter."""
    written: dict[str, str] = {}
    for word, name in WORDS.items():
        value = getattr(wanted, name)
        if value is not None and name not in written:
            shown = _shown(name, value, zone_name) if isinstance(value, datetime) else shlex.quote(str(value))
            written[name] = f"{word} {shown}"
    return " ".join(written.values())


def _shown(name: str, at: datetime, zone_name: str) -> str:
    here = local(at, zone_name)
    if here.timetz().replace(tzinfo=None) == time():
        return (here.date() - timedelta(days=name == "before")).isoformat()
    return here.replace(tzinfo=None).isoformat()
