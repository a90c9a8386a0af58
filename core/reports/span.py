"""The days a report is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from core.clock import local, zone
from core.days import parse_day
from core.errors import UsageError
from core.reports.table import Cell

#: Days that one report may be about.
MOST_DAYS: Final = 400


@dataclass(frozen=True, slots=True)
class Span:
    """Some days of the operator's calendar, both ends included."""

    first: date
    last: date
    time_zone: str

    @property
    def begin(self) -> datetime:
        return datetime.combine(self.first, datetime.min.time(), tzinfo=zone(self.time_zone))

    @property
    def end(self) -> datetime:
        """The moment before which all of it is."""
        return datetime.combine(self.last + timedelta(days=1), datetime.min.time(), tzinfo=zone(self.time_zone))

    @property
    def bounds(self) -> dict[str, Any]:
        """For a query's parameters ``:begin``, ``:end`` and ``:zone``."""
        return {"begin": self.begin, "end": self.end, "zone": self.time_zone}

    def facts(self) -> dict[str, Cell]:
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}


def span_of(now: datetime, time_zone: str, first: str | None = None, last: str | None = None) -> Span:
    """The days somebody asks about: today if nothing is said, one day if only the first is.

    Raises:
        UsageError: no such day (``date_invalid``), or the days go backwards or are too many (``span_invalid``).
    """
    today = local(now, time_zone).date()
    begin = _day(first, today) if first else None
    end = _day(last, today) if last else begin
    begin, end = begin or end or today, end or today
    if not timedelta() <= end - begin < timedelta(days=MOST_DAYS):
        raise UsageError(
            f"From {begin} to {end} is no span of up to {MOST_DAYS} days.",
            code="span_invalid",
            hint="Name the earlier day first.",
        )
    return Span(begin, end, time_zone)


def day_of(now: datetime, time_zone: str, written: str) -> date:
    """One day as somebody writes it, on the operator's calendar.

    Raises:
        UsageError: no such day (code ``date_invalid``).
    """
    return _day(written, local(now, time_zone).date())


def _day(written: str, today: date) -> date:
    """A day as people write it; ``-1`` is yesterday, since reports look back."""
    word = written.strip()
    if word.startswith("-") and word[1:].isascii() and word[1:].isdigit() and len(word) <= len("-999"):
        return today - timedelta(days=int(word[1:]))
    return parse_day(word, today)
