"""Time: instants are aware, local times carry the station's zone, and now is the database's.

A terminal's own clock never decides about a sale; services take ``now`` from their transaction.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name, read once per process."""
    return ZoneInfo(name)


def local(instant: datetime, zone_name: str) -> datetime:
    """The instant as the clock on the platform shows it."""
    return instant.astimezone(zone(zone_name))


def instant(day: date, clock_time: time, zone_name: str) -> datetime:
    """A local date and time as an instant. Indonesia has no summer time; elsewhere the first of two is meant."""
    return datetime.combine(day, clock_time, tzinfo=zone(zone_name))


def minutes_after(start: datetime, minutes: int) -> datetime:
    """An instant so many minutes later, in the zone of ``start``."""
    return start + timedelta(minutes=minutes)
