"""Moving a ticket to another train, date or class: whether it may be moved, and what that costs. Pure decisions.

What belongs here: cut-offs, the fee, the difference, the operator's fault, and which infants go along. Loading,
locking, taking seats and writing is ``core.reschedules``. Amounts are minor units.

Source: the reference railway's terms. Until 60 minutes before departure; the fee is 25 % of the fare, rounded up to
Rp 1,000; the customer pays an upward difference and gets no downward one back. The percentages are policies.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from core import policy
from core.errors import NotFound, Refused, StateConflict
from core.identity import PassengerType, age_on
from core.money import grouped, round_up, share
from core.network import ClassInfo
from core.policy import Policies
from core.timetable import Journey

RESCHEDULE: Final = "reschedule"
UPGRADE: Final = "upgrade"


class Fault(StrEnum):
    """Why a journey is not what was sold, where the operator answers for it."""

    CANCELLED = "train_cancelled"
    DELAYED = "train_delayed"


class Outside(StrEnum):
    """What takes a move outside policy: a supervisor may still allow it."""

    CUTOFF = "after_cutoff"
    QUOTA = "over_quota"


@dataclass(frozen=True, slots=True)
class Terms:
    """What policy says about moving tickets of a train at its boarding station."""

    cutoff_minutes: int
    fee_percent: int
    fee_rounding: int
    other_relation: bool
    upgrades_allowed: bool
    upgrade_fee_percent: int
    upgrade_cutoff_minutes: int
    fault_delay_minutes: int
    fault_claim_days: int
    infants_per_adult: int

    @classmethod
    def of(cls, policies: Policies, trip: Journey) -> Terms:
        """The terms in force for the journey that is given up."""
        place = {"station_id": trip.origin.id, "train_id": trip.train.id}
        return cls(
            cutoff_minutes=policies.get(policy.RESCHEDULE_CUTOFF_MINUTES, **place),
            fee_percent=policies.get(policy.RESCHEDULE_FEE_PERCENT, **place),
            fee_rounding=policies.get(policy.RESCHEDULE_FEE_ROUNDING, **place),
            other_relation=policies.get(policy.RESCHEDULE_OTHER_RELATION, **place),
            upgrades_allowed=policies.get(policy.UPGRADES_ALLOWED, **place),
            upgrade_fee_percent=policies.get(policy.UPGRADE_FEE_PERCENT, **place),
            upgrade_cutoff_minutes=policies.get(policy.UPGRADE_CUTOFF_MINUTES, **place),
            fault_delay_minutes=policies.get(policy.DELAY_REFUND_MINUTES, **place),
            fault_claim_days=policies.get(policy.FAULT_CLAIM_DAYS, **place),
            infants_per_adult=policies.get(policy.INFANTS_PER_ADULT, **place),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """A ticket as it is before it is moved. ``seat_id`` is None for an infant on a lap."""

    status: str
    booking_status: str
    journey: Journey
    travel_class: ClassInfo
    seat_id: int | None
    fare: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where it is to go. ``seat_id`` is the seat that was asked for by name, or None: any seat will do."""

    journey: Journey
    travel_class: ClassInfo
    seat_id: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A move that is possible: of which kind, whose fault, and what takes it outside policy."""

    kind: str
    fault: Fault | None
    outside: tuple[Outside, ...] = ()

    @property
    def within_policy(self) -> bool:
        return not self.outside


def fault_of(trip: Journey, delay_minutes: int) -> Fault | None:
    """Whether the operator answers for it: the train is cancelled, or later than ``delay_minutes``."""
    if trip.status == "cancelled":
        return Fault.CANCELLED
    return Fault.DELAYED if trip.delay_minutes > delay_minutes else None


def judge(ticket: Standing, wanted: Wanted, terms: Terms, now: datetime) -> Verdict:
    """May this ticket be moved there now? Whether the new train is on sale is ``timetable.require_in_sale``.

    Raises:
        StateConflict: booking or ticket are not in force (``booking_not_sold``, ``ticket_closed``, ``ticket_used``).
        Refused: ``departed``, ``fault_claim_over``, ``other_relation``, ``same_journey``, ``upgrades_not_allowed``.
    """
    require_in_force(ticket.status, ticket.booking_status)
    fault = fault_of(ticket.journey, terms.fault_delay_minutes)
    require_not_departed(ticket.journey, fault, terms.fault_claim_days, now)
    _require_relation(ticket.journey, wanted.journey, terms.other_relation)
    kind = _kind(ticket, wanted)
    if kind == UPGRADE and not terms.upgrades_allowed:
        raise Refused("Tickets are not upgraded.", code="upgrades_not_allowed", hint="Move to another train instead.")
    minutes = terms.upgrade_cutoff_minutes if kind == UPGRADE else terms.cutoff_minutes
    late = fault is None and now > ticket.journey.departs_at - timedelta(minutes=minutes)
    return Verdict(kind, fault, (Outside.CUTOFF,) if late else ())


def require_in_force(status: str, booking_status: str) -> None:
    """
    Raises:
        StateConflict: ``booking_not_sold``, ``ticket_used``, ``ticket_closed``.
    """
    if booking_status != "confirmed":
        raise StateConflict(
            f"The booking is {booking_status}.", code="booking_not_sold", hint="Only sold bookings are changed."
        )
    if status == "used":
        raise StateConflict(
            "This ticket has been used.", code="ticket_used", hint="A journey that has begun is not changed."
        )
    if status != "active":
        raise StateConflict(
            f"This ticket is {status}.", code="ticket_closed", hint="Look up the booking for the one in force."
        )


def require_not_departed(trip: Journey, fault: Fault | None, claim_days: int, now: datetime) -> None:
    """A train that left is gone. One that was cancelled never leaves: its tickets are good for ``claim_days`` more.

    Raises:
        Refused: ``departed``, ``fault_claim_over``.
    """
    if fault is not Fault.CANCELLED and now >= trip.departs_at:
        raise Refused("This train has departed.", code="departed", hint="A ticket is changed before its train leaves.")
    if fault is Fault.CANCELLED and now >= trip.departs_at + timedelta(days=claim_days):
        raise Refused(
            f"Tickets of a cancelled train are changed for {claim_days} days after it.",
            code="fault_claim_over",
            hint="Sell a new ticket.",
        )


def _require_relation(old: Journey, new: Journey, other_relation: bool) -> None:
    same = (old.origin.id, old.destination.id) == (new.origin.id, new.destination.id)
    if not same and not other_relation:
        raise Refused(
            f"This ticket is for {old.origin.code} to {old.destination.code}.",
            code="other_relation",
            hint="Another relation is a new ticket: cancel this one and sell that.",
        )


def _kind(ticket: Standing, wanted: Wanted) -> str:
    old, new = ticket.journey, wanted.journey
    same_train = (old.schedule_id, old.board.order, old.leave.order) == (
        new.schedule_id,
        new.board.order,
        new.leave.order,
    )
    same_class = ticket.travel_class.id == wanted.travel_class.id
    if same_train and same_class and wanted.seat_id in (None, ticket.seat_id):
        raise Refused(
            "This is the journey the ticket is for.",
            code="same_journey",
            hint="Name another train, date, class or seat.",
        )
    dearer = wanted.travel_class.base_price > ticket.travel_class.base_price
    return UPGRADE if same_train and not same_class and dearer else RESCHEDULE


@dataclass(frozen=True, slots=True)
class Cost:
    """What moving one ticket costs; ``difference`` is paid, ``forgone`` is not given back."""

    old_fare: int
    new_fare: int
    fee: int

    @property
    def difference(self) -> int:
        return max(0, self.new_fare - self.old_fare)

    @property
    def forgone(self) -> int:
        return max(0, self.old_fare - self.new_fare)

    @property
    def due(self) -> int:
        return self.difference + self.fee


def fee_of(old_fare: int, percent: int, rounding: int) -> int:
    """A share of the old fare, rounded up to a multiple of ``rounding``; nothing of nothing."""
    return round_up(share(old_fare, percent, 100), rounding)


def cost(old_fare: int, new_fare: int, verdict: Verdict, terms: Terms) -> Cost:
    """What a move costs. The operator's fault is free of the fee; a difference is paid in any case."""
    percent = terms.upgrade_fee_percent if verdict.kind == UPGRADE else terms.fee_percent
    fee = 0 if verdict.fault else fee_of(old_fare, percent, terms.fee_rounding)
    return Cost(old_fare, new_fare, fee)


@dataclass(frozen=True, slots=True)
class Rider:
    """Somebody with a ticket in force on the departure that is given up; ``position`` is the order in the booking."""

    serial: int
    position: int
    type: PassengerType
    name: str = ""
    birth_date: date | None = None

    @property
    def is_infant(self) -> bool:
        return self.type is PassengerType.INFANT

    @property
    def is_lap(self) -> bool:
        return self.type in (PassengerType.ADULT, PassengerType.SENIOR)


def companions(
    mover: Rider, party: Sequence[Rider], infants_per_adult: int, chosen: Collection[int] | None = None
) -> tuple[Rider, ...]:
    """The infants that go along with one traveller of a party (``mover`` among them).

    Nobody wrote down whose lap an infant sits on: the first one belongs to the first adult, and so on; ``chosen``
    (serials of infants' tickets) says it better.

    Raises:
        NotFound: somebody chosen is no infant of this party (``unknown_infant``).
        Refused: an infant moved by itself (``infant_goes_with_adult``), more infants than laps on either train
            (``too_many_infants``, ``infant_left_alone``).
    """
    if mover.is_infant:
        raise Refused(
            f"{mover.name or 'An infant'} goes with an adult.",
            code="infant_goes_with_adult",
            hint="Move the ticket of the adult; the infant's goes along.",
        )
    ordered = sorted(party, key=lambda rider: rider.position)
    infants, laps = [one for one in ordered if one.is_infant], [one for one in ordered if one.is_lap]
    each = max(1, infants_per_adult)
    if chosen is None:
        going = [one for place, one in enumerate(infants) if _lap_of(place, laps, each) == mover]
    else:
        going = [one for one in infants if one.serial in chosen]
        if len(going) != len(set(chosen)):
            raise NotFound(
                "One of these is no infant's ticket on this train.",
                code="unknown_infant",
                hint="Name tickets of infants of this booking on the same train.",
            )
    if len(going) > (each if mover.is_lap else 0):
        raise Refused(
            "There are more infants than laps on the new train.",
            code="too_many_infants",
            hint="Leave the infant with another adult, or move them one adult at a time.",
        )
    if len(infants) - len(going) > each * (len(laps) - mover.is_lap):
        raise Refused(
            "An infant would be left without an adult.",
            code="infant_left_alone",
            hint="The infant goes along: name its ticket.",
        )
    return tuple(going)


def _lap_of(place: int, laps: Sequence[Rider], each: int) -> Rider | None:
    return laps[place // each] if place // each < len(laps) else None


def require_still_infant(rider: Rider, day: date, infant_age: int) -> None:
    """
    Raises:
        Refused: on the new day the infant is one no more (``infant_too_old``).
    """
    if rider.birth_date is not None and age_on(rider.birth_date, day) >= infant_age:
        raise Refused(
            f"{rider.name} is {age_on(rider.birth_date, day)} on {day.isoformat()}; infants are under {infant_age}.",
            code="infant_too_old",
            hint="Choose an earlier day, or cancel the infant's ticket and sell a child's seat.",
        )


def explain(outside: Sequence[Outside], terms: Terms, kind: str) -> str:
    """Why a supervisor is asked, in one sentence."""
    minutes = terms.upgrade_cutoff_minutes if kind == UPGRADE else terms.cutoff_minutes
    said = {
        Outside.CUTOFF: f"tickets are moved until {grouped(minutes)} minutes before departure",
        Outside.QUOTA: "this customer has changed as much as is allowed for now",
    }
    return f"This is outside policy: {' and '.join(said[one] for one in outside)}."
