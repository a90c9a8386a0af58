"""The gate's verdict: may the bearer of this ticket board here and now? Pure decisions.

Reading codes, locking tickets and putting scans on record is ``core.checkin``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from core.entitlements import Entitlement
from core.network import RouteInfo
from core.timetable import Journey


class Outcome(StrEnum):
    """What a gate answers; the first is the only one that opens it."""

    OK = "ok"
    ALREADY_USED = "already_used"
    NOT_YET = "not_yet"
    DEPARTED = "departed"
    WRONG_TRAIN = "wrong_train"
    WRONG_STATION = "wrong_station"
    WRONG_DIRECTION = "wrong_direction"
    WRONG_DATE = "wrong_date"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    DUPLICATE = "duplicate"
    ENTITLEMENT = "entitlement"
    UNPAID = "unpaid"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    FORGED = "forged"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class TicketState:
    """A ticket as the verdict sees it. ``entitlement`` is what its fare was reduced for."""

    status: str
    booking_status: str
    issue_no: int
    journey: Journey
    entitlement: Entitlement | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A gate as the verdict sees it. ``route`` is the one of the train being boarded, where the gate is set to one."""

    station_id: int
    train_number: str | None
    route: RouteInfo | None
    day: date | None
    at: datetime
    opens_minutes: int
    closes_minutes: int


def verdict(ticket: TicketState, issue_no: int, place: Place) -> Outcome:
    """May the bearer of issue ``issue_no`` of this ticket pass here and now?

    What is wrong with the ticket itself is said before what is wrong with the place, and the place before the time:
    the most serious reason is the one the gate agent must act on.
    """
    return _of_the_ticket(ticket, issue_no) or _of_the_place(ticket.journey, place) or _of_the_time(ticket, place)


_CLOSED: Final = {
    "cancelled": Outcome.CANCELLED,
    "voided": Outcome.CANCELLED,
    "superseded": Outcome.SUPERSEDED,
    "expired": Outcome.DEPARTED,
}


def _of_the_ticket(ticket: TicketState, issue_no: int) -> Outcome | None:
    if ticket.status in _CLOSED:
        return _CLOSED[ticket.status]
    if issue_no < ticket.issue_no:
        return Outcome.DUPLICATE
    if issue_no > ticket.issue_no:
        return Outcome.UNKNOWN  # signed by us, but never put on record: a restored backup, or worse
    if ticket.booking_status == "pending":
        return Outcome.UNPAID
    if ticket.booking_status in ("cancelled", "expired") or ticket.journey.status == "cancelled":
        return Outcome.CANCELLED
    if ticket.status == "used":
        return Outcome.ALREADY_USED
    lapsed = ticket.entitlement is not None and not ticket.entitlement.holds_on(ticket.journey.day)
    return Outcome.ENTITLEMENT if lapsed else None


def _of_the_place(trip: Journey, place: Place) -> Outcome | None:
    if place.station_id != trip.origin.id:
        return Outcome.WRONG_DIRECTION if place.station_id == trip.destination.id else Outcome.WRONG_STATION
    if place.train_number is not None and place.train_number != trip.train.number:
        return Outcome.WRONG_DIRECTION if _runs_back(trip, place.route) else Outcome.WRONG_TRAIN
    if place.day is not None and place.day not in (trip.day, trip.service_date):
        return Outcome.WRONG_DATE
    return None


def _runs_back(trip: Journey, route: RouteInfo | None) -> bool:
    """Whether the train at this gate calls at the traveller's destination before it calls here."""
    here = route.stop_at(trip.origin.id) if route else None
    there = route.stop_at(trip.destination.id) if route else None
    return here is not None and there is not None and there.order < here.order


def _of_the_time(ticket: TicketState, place: Place) -> Outcome:
    departs = ticket.journey.departs_at
    if place.at < departs - timedelta(minutes=place.opens_minutes):
        return Outcome.NOT_YET
    if place.at >= departs - timedelta(minutes=place.closes_minutes):
        return Outcome.DEPARTED
    return Outcome.OK
