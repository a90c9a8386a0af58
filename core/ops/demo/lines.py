"""The lines of the reference railway: which stops a train makes, when after its departure, and how far along.

Lengths and end times are the railway's own. The times between are demonstration data, and so are the kilometres at
the stops between: the length of the line, shared out by running time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

_MINUTES_AN_HOUR: Final = 60


class Stop(NamedTuple):
    """A stop: minutes after the departure from the origin, kilometres from it."""

    station: str
    arrival: int
    departure: int
    km: int


@dataclass(frozen=True, slots=True)
class Line:
    """One direction of a line: its stops in order, from origin to terminus."""

    stops: tuple[Stop, ...]

    @property
    def minutes(self) -> int:
        return self.stops[-1].arrival

    @property
    def km(self) -> int:
        return self.stops[-1].km

    def reversed(self) -> Line:
        """The way back: the same stretches take the same minutes, the stops are as long."""
        return Line(
            tuple(
                Stop(stop.station, self.minutes - stop.departure, self.minutes - stop.arrival, self.km - stop.km)
                for stop in reversed(self.stops)
            )
        )


def minutes(clock_time: str) -> int:
    """``07:30`` as minutes after midnight; hours run past 24 after midnight, as in GTFS."""
    hours, _, rest = clock_time.partition(":")
    return int(hours) * _MINUTES_AN_HOUR + int(rest)


def line(km: int, timetable: str) -> Line:
    """Read a timetable column: ``GMR 08:20, CN 10:46/10:50, SBI 16:05``, arrival/departure at the stops between."""
    calls = [_call(entry) for entry in timetable.split(",")]
    start, total = calls[0][2], calls[-1][1] - calls[0][2]
    return Line(
        tuple(
            Stop(station, arrival - start, departure - start, round(km * (arrival - start) / total))
            for station, arrival, departure in calls
        )
    )


def _call(entry: str) -> tuple[str, int, int]:
    station, times = entry.split()
    arrival, _, departure = times.partition("/")
    return station, minutes(arrival), minutes(departure or arrival)


JAKARTA_SURABAYA_NORTH: Final = line(720, "GMR 08:20, CN 10:46/10:50, PK 12:12/12:15, SMT 13:10/13:15, SBI 16:05")
YOGYAKARTA_JAKARTA: Final = line(512, "YK 07:30, KM 08:33/08:35, PWT 09:31/09:35, CN 11:15/11:20, GMR 13:45")
BANDUNG_SURABAYA: Final = line(
    696,
    "BD 07:40, TSM 09:57/10:00, BJR 10:45/10:50, KYA 11:57/12:00, KTA 12:52/12:55,"
    " YK 13:40/13:45, SLO 14:26/14:30, MN 15:31/15:35, JG 16:38/16:40, SGU 17:30",
)
JAKARTA_SURABAYA_SOUTH: Final = line(
    820,
    "GMR 17:00, CN 19:25/19:30, PWT 21:15/21:20, YK 23:10/23:15, SLO 23:52/23:55, MN 24:56/25:00, MR 26:37/26:40,"
    " SGU 27:30",
)
JAKARTA_BANDUNG: Final = line(166, "GMR 06:30, BKS 06:58/07:00, CKP 07:42/07:45, BD 09:30")
SURABAYA_YOGYAKARTA: Final = line(
    310, "SGU 07:00, MR 07:33/07:35, JG 07:56/07:58, MN 09:01/09:05, SLO 10:11/10:15, YK 11:05"
)
MALANG_JAKARTA: Final = line(906, "ML 08:50, MN 14:25/14:30, SMC 18:25/18:30, TG 20:26/20:30, PSE 24:19")
YOGYAKARTA_KETAPANG: Final = line(
    613, "LPN 07:00, MN 09:46/09:50, JG 11:12/11:15, SGU 12:50/13:20, JR 17:26/17:30, KTG 20:40"
)
