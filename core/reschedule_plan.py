"""What moving a ticket comes to: from a sold booking and a wish to seats, fares, fee and everybody who goes along.

Worked out the same way for a quote (nothing is locked or taken) and for the move itself (booking and tickets locked,
the new seat taken). The rules are ``core.reschedule_rules``, writing is ``core.reschedules``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger

from core import entitlements, quotas, timetable
from core.after_sale import SoldBooking, SoldPassenger, SoldTicket
from core.approvals import Wish
from core.database import Statement, Transaction
from core.entitlements import EntitlementRefused, Journeying, Rates, Reduction
from core.errors import Refused
from core.identity import PassengerType
from core.models import Ticket
from core.network import Network, SeatInfo
from core.policy import FARE_ROUNDING, INFANT_AGE, ONE_TICKET_PER_IDENTITY, Policies
from core.reschedule_rules import (
    UPGRADE,
    Cost,
    Outside,
    Rider,
    Standing,
    Terms,
    Verdict,
    Wanted,
    companions,
    cost,
    explain,
    judge,
    require_in_force,
    require_still_infant,
)
from core.reschedule_seats import Found
from core.search import price
from core.states import LIVE_TICKET
from core.timetable import Journey
from core.worth import worth

_SAME_TRIP: Final = Statement(
    select(Ticket.ticket_number).where(
        Ticket.operator_id == bindparam("operator_id"),
        Ticket.schedule_id == bindparam("schedule_id"),
        Ticket.exclusive_identity == bindparam("digest"),
        Ticket.ticket_status.in_(LIVE_TICKET),
        Ticket.id != func.all(bindparam("given_up", type_=ARRAY(BigInteger))),
    )
)


@dataclass(frozen=True, slots=True)
class Order:
    """Where a ticket is to go.

    Attributes:
        ticket: its number.
        class_code: None: the class it is in.
        seat: a seat by its label, or None: the best that is free.
        infants: numbers of the infants' tickets that go along; None: those that sit on this traveller's lap.
        upgrade: nothing but a dearer class of the same train will do.
    """

    ticket: str
    schedule_id: int
    origin: str
    destination: str
    class_code: str | None = None
    seat: str | None = None
    infants: tuple[str, ...] | None = None
    upgrade: bool = False


@dataclass(frozen=True)
class Move:
    """One ticket's move. ``full_fare`` is before the reduction; amounts are minor units."""

    ticket: SoldTicket
    passenger: SoldPassenger
    seat: SeatInfo | None
    full_fare: int
    reduction: Reduction | None
    cost: Cost
    exclusive: bytes | None
    note: str = ""


@dataclass(frozen=True)
class Plan:
    """A move as it was worked out. ``moves`` begins with the ticket that was named; infants follow."""

    verdict: Verdict
    terms: Terms
    wanted: Wanted
    subclass: str
    moves: tuple[Move, ...]
    customer: bytes | None
    quota: quotas.Quota

    @property
    def fee(self) -> int:
        return sum(one.cost.fee for one in self.moves)

    @property
    def difference(self) -> int:
        return sum(one.cost.difference for one in self.moves)

    @property
    def due(self) -> int:
        return self.fee + self.difference

    @property
    def notes(self) -> tuple[str, ...]:
        """What the customer should be told: a reduction that is not given on the new journey."""
        return tuple(one.note for one in self.moves if one.note)

    def wish(self, order: Order) -> Wish:
        """What a supervisor allows: this ticket, to that departure and class, for these amounts."""
        trip = self.wanted.journey
        details: dict[str, Any] = {
            "type": self.verdict.kind,
            "train": trip.train.number,
            "departs_at": trip.departs_at.isoformat(),
            "relation": f"{trip.origin.code}-{trip.destination.code}",
            "class": self.wanted.travel_class.code,
            "tickets": [one.ticket.number for one in self.moves],
            "fee": self.fee,
            "difference": self.difference,
            "outside": [one.value for one in self.verdict.outside],
        }
        if order.seat:
            details["seat"] = order.seat.strip().upper()
        return Wish("reschedule", "tickets", self.moves[0].ticket.number, self.due, details)

    @property
    def why_outside(self) -> str:
        return explain(self.verdict.outside, self.terms, self.verdict.kind)

    def as_json(self) -> dict[str, Any]:
        """The move as a quote shows it."""
        main, trip = self.moves[0], self.wanted.journey
        fault = self.verdict.fault
        return {
            "ticket_number": main.ticket.number,
            "type": self.verdict.kind,
            "train_number": trip.train.number,
            "class": self.wanted.travel_class.code,
            "subclass": self.subclass,
            "origin": trip.origin.code,
            "destination": trip.destination.code,
            "departs_at": trip.departs_at.isoformat(),
            "seat": main.seat.label if main.seat else None,
            "old_fare": sum(one.cost.old_fare for one in self.moves),
            "new_fare": sum(one.cost.new_fare for one in self.moves),
            "difference": self.difference,
            "not_given_back": sum(one.cost.forgone for one in self.moves),
            "fee": self.fee,
            "due": self.due,
            "fault": fault.value if fault else None,
            "within_policy": self.verdict.within_policy,
            "approval_needed": not self.verdict.within_policy,
            "outside": [one.value for one in self.verdict.outside],
            "quota": self.quota.as_json(),
            "tickets": [one.ticket.number for one in self.moves],
            "notes": list(self.notes),
        }


SeatFinder = Callable[[Wanted], Found]


def work_out(
    tx: Transaction,
    network: Network,
    sold: SoldBooking,
    shown_by: SoldPassenger,
    order: Order,
    find_seat: SeatFinder,
) -> Plan:
    """Everything about a move but the writing of it.

    Args:
        shown_by: the passenger whose identity was shown.
        find_seat: sees or takes the new seat, once all rules have said yes.

    Raises:
        Refused: a rule says no; see ``core.reschedule_rules`` and ``timetable.require_in_sale``.
        SeatTaken, NotEnoughSeats: there is no seat.
    """
    ticket = sold.ticket(order.ticket)
    require_in_force(ticket.status, sold.status)
    departure = tx.send(timetable.BY_ID, schedule_id=order.schedule_id)
    customer = quotas.customer_of(sold.user_id, shown_by.digest)
    asked_quota = quotas.ask(tx, customer)
    trip = timetable.stretch(network, departure.first(), order.origin, order.destination)
    travel_class = network.class_of(trip.train.id, order.class_code or ticket.travel_class.code)
    seat_id = network.find_seat(tx, travel_class.id, order.seat).id if order.seat else None
    wanted = Wanted(trip, travel_class, seat_id)
    terms = Terms.of(sold.policies, ticket.journey)
    going = (ticket, *_infants(sold, ticket, terms, order))
    verdict = _judge_all(sold, going, wanted, terms, order)
    timetable.require_in_sale(trip, sold.policies, sold.now)
    quota = asked_quota.read(sold.policies, **ticket.place)
    if quota.is_used_up and verdict.fault is None:
        verdict = Verdict(verdict.kind, verdict.fault, (*verdict.outside, Outside.QUOTA))
    _require_young(sold, going[1:], trip)
    exclusive = _is_exclusive(trip, sold.policies)
    if exclusive:
        _require_one_ticket(tx, sold, going, trip)
    paid = _paid(sold)
    found = find_seat(wanted)
    bucket, full_fare = price(trip, travel_class, sold.policies, found.touched, 1)
    moves = []
    for one in going:
        passenger = sold.passenger(one.passenger_id)
        who = passenger.digest if exclusive else None
        if one is ticket:
            reduction, fare, note = _reduced(tx, passenger, one, wanted, full_fare, sold.policies)
            amounts = cost(paid[passenger.id], fare, verdict, terms)
            moves.append(Move(one, passenger, found.seat, full_fare, reduction, amounts, who, note))
        else:
            moves.append(Move(one, passenger, None, 0, None, cost(paid[passenger.id], 0, verdict, terms), who))
    return Plan(verdict, terms, wanted, bucket.subclass, tuple(moves), customer, quota)


def _paid(sold: SoldBooking) -> Mapping[UUID, int]:
    """Passenger → what his journey costs him so far, promotions included; what cash was rounded by is no price."""
    priced = [line for line in sold.lines if line.cause != "cash_rounding"]
    found = worth(priced, [one.id for one in sold.passengers])
    return {one: max(0, amount) for one, amount in found.items()}


def _standing(sold: SoldBooking, ticket: SoldTicket) -> Standing:
    seat_id = ticket.seat.id if ticket.seat else None
    return Standing(ticket.status, sold.status, ticket.journey, ticket.travel_class, seat_id, ticket.fare)


def _judge_all(sold: SoldBooking, going: tuple[SoldTicket, ...], wanted: Wanted, terms: Terms, order: Order) -> Verdict:
    """The verdict on the ticket that was named; the infants' own have to be in force as well."""
    verdict = judge(_standing(sold, going[0]), wanted, terms, sold.now)
    for one in going[1:]:
        require_in_force(one.status, sold.status)
    if order.upgrade and verdict.kind != UPGRADE:
        raise Refused(
            f"{wanted.travel_class.code} is no dearer class than {going[0].travel_class.code}.",
            code="no_upgrade",
            hint="Choose a dearer class of the same train, or reschedule.",
        )
    return verdict


def _riders(sold: SoldBooking, ticket: SoldTicket) -> dict[int, Rider]:
    """Who travels together now: the live tickets of the booking for the same departure."""
    together = [one for one in sold.live if one.journey.schedule_id == ticket.journey.schedule_id]
    found = {}
    for one in together:
        who = sold.passenger(one.passenger_id)
        found[one.serial] = Rider(one.serial, who.position, PassengerType(who.type), who.name, who.row.passenger_dob)
    return found


def _infants(sold: SoldBooking, ticket: SoldTicket, terms: Terms, order: Order) -> tuple[SoldTicket, ...]:
    riders = _riders(sold, ticket)
    chosen = None if order.infants is None else {sold.ticket(number).serial for number in order.infants}
    along = companions(riders[ticket.serial], list(riders.values()), terms.infants_per_adult, chosen)
    by_serial: Mapping[int, SoldTicket] = {one.serial: one for one in sold.tickets}
    return tuple(by_serial[one.serial] for one in along)


def _require_young(sold: SoldBooking, infants: tuple[SoldTicket, ...], trip: Journey) -> None:
    limit = sold.policies.get(INFANT_AGE, station_id=trip.origin.id, train_id=trip.train.id)
    for one in infants:
        who = sold.passenger(one.passenger_id)
        rider = Rider(one.serial, who.position, PassengerType.INFANT, who.name, who.row.passenger_dob)
        require_still_infant(rider, trip.day, limit)


def _is_exclusive(trip: Journey, policies: Policies) -> bool:
    """Whether an identity may have only one ticket for the new trip."""
    place = {"station_id": trip.origin.id, "train_id": trip.train.id}
    return trip.train.is_subsidised and policies.get(ONE_TICKET_PER_IDENTITY, **place)


def _require_one_ticket(tx: Transaction, sold: SoldBooking, going: tuple[SoldTicket, ...], trip: Journey) -> None:
    """Said before the seat is taken; the database's own index has the last word."""
    serials = [one.serial for one in going]
    for one in going:
        digest = sold.passenger(one.passenger_id).digest
        if digest is None:
            continue
        other = tx.send(_SAME_TRIP, schedule_id=trip.schedule_id, digest=digest, given_up=serials).scalar()
        if other is not None:
            raise Refused(
                f"{sold.passenger(one.passenger_id).name} already has a ticket for this train.",
                code="one_ticket_per_identity",
                hint="On subsidised trains an identity travels once per departure.",
            )


def _reduced(
    tx: Transaction, who: SoldPassenger, ticket: SoldTicket, wanted: Wanted, full_fare: int, policies: Policies
) -> tuple[Reduction | None, int, str]:
    """The reduction, if the entitlement holds on the new journey, and the fare that is left; else why it does not."""
    if who.digest is None or (ticket.entitlement_id is None and who.type != PassengerType.SENIOR):
        return None, full_fare, ""
    known = entitlements.ask(tx, {who.digest}).read().get(who.digest, [])
    own = (one.kind for one in known if one.id == ticket.entitlement_id)
    kind = next(own, entitlements.SENIOR if who.type == PassengerType.SENIOR else None)
    trip = wanted.journey
    if kind is None:
        return None, full_fare, f"{who.name} pays the full fare: the entitlement was revoked."
    place = {"station_id": trip.origin.id, "train_id": trip.train.id}
    rates = Rates.of(policies, **place, is_subsidised=trip.train.is_subsidised)
    journey = Journeying(wanted.travel_class.type, trip.day, rates, policies.get(FARE_ROUNDING, **place))
    try:
        given = entitlements.judge(kind, known, journey)
    except EntitlementRefused as refusal:
        return None, full_fare, f"{who.name} pays the full fare: {refusal.message}"
    return given, journey.fare(kind, full_fare), ""
