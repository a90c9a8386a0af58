"""Who travels on a departure, as data: riders, what happens at each stop, and the table of both.

What belongs here: what papers, files and screens make a manifest from; it is read by ``core.reports.manifest``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from core.reports.table import Cell, Column, Report

_COLUMNS: Final = (
    Column("coach", "Coach"),
    Column("seat", "Seat"),
    Column("name", "Name"),
    Column("identity", "Identity"),
    Column("type", "Type"),
    Column("from", "From"),
    Column("to", "To"),
    Column("boarded", "Boarded"),
    Column("ticket", "Ticket"),
    Column("booking", "Booking"),
)


@dataclass(frozen=True, slots=True)
class Rider:
    """A live ticket. ``coach`` and ``seat`` are empty for an infant on a lap; ``order`` sorts by where they sit."""

    order: tuple[int, int]
    coach: str
    seat: str
    name: str
    identity: str
    kind: str
    board: int
    leave: int
    is_boarded: bool
    ticket: str
    booking: str


@dataclass(frozen=True, slots=True)
class Halt:
    """What happens at a stop: who gets on and off there, and how many travel on; seats and laps alike."""

    order: int
    station: str
    departs: str
    on: int
    off: int
    aboard: int

    def as_json(self) -> dict[str, Cell]:
        return {
            "station": self.station, "departs": self.departs, "on": self.on, "off": self.off, "aboard": self.aboard
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Manifest:
    """One departure, or a stretch of it."""

    train: str
    train_name: str
    day: date
    status: str
    origin: str
    destination: str
    riders: tuple[Rider, ...]
    halts: tuple[Halt, ...]
    #: Station codes by the order of their stops.
    codes: Mapping[int, str]

    def report(self) -> Report:
        """As a table: for files, commands and screens."""
        rows: list[tuple[Cell, ...]] = [
            (
                one.coach, one.seat, one.name, one.identity, one.kind, self.codes[one.board], self.codes[one.leave],
                "yes" if one.is_boarded else "", one.ticket, one.booking,
            )
            for one in self.riders
        ]  # fmt: skip
        return Report("manifest", "Manifest", _COLUMNS, tuple(rows), self.facts())

    def facts(self) -> dict[str, Cell]:
        return {
            "train": self.train,
            "train_name": self.train_name,
            "date": self.day.isoformat(),
            "status": self.status,
            "from": self.origin,
            "to": self.destination,
            "travellers": len(self.riders),
        }

    def as_json(self) -> dict[str, Any]:
        """The manifest as commands print it: its rows, and stop by stop who gets on and off."""
        told = self.report().as_json()
        return {**told, "stops": [one.as_json() for one in self.halts]}


def halts(riders: Sequence[Rider], stops: Sequence[tuple[int, str, str]]) -> list[Halt]:
    """Stop by stop (order, station, time) who gets on and off. Who was aboard before the first is aboard there."""
    found = []
    for order, station, departs in stops:
        on = sum(one.board == order for one in riders)
        off = sum(one.leave == order for one in riders)
        aboard = sum(one.board <= order < one.leave for one in riders)
        found.append(Halt(order, station, departs, on, off, aboard))
    return found
