"""Opening a booking: its seats are held until it is paid; what becomes of the hold then is in ``core.pending``.

A hold takes its seats in up to three passes. First the best fit for the party, chosen from one fetch and taken without
waiting for anybody. If another counter was faster: whatever is free and not locked. Only then, before a refusal,
every free seat of the class is waited for, and every expired hold that is just being given back. Each pass is a
transaction of its own, so none waits while it keeps seats.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import partial
from itertools import count
from typing import Final
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, insert, select
from uuid_utils.compat import uuid7

from core import holds, idempotency, inventory, policy, timetable, training
from core.database import Actor, Statement, Transaction, on_violation
from core.errors import (
    NotEnoughSeats,
    Refused,
    StateConflict,
    UsageError,
)
from core.idempotency import Request
from core.inventory import Stretch
from core.models import Booking, SeatHold, Ticket
from core.network import ClassInfo, Network, SeatInfo
from core.office import Office
from core.pending import LOCK, Hold, load, require_as_many, take_named
from core.permissions import require
from core.policy import BOOKING_FEE, HOLD_MINUTES, INFANTS_PER_ADULT, MAX_SEATS, Policies
from core.search import price
from core.seating import choose
from core.timetable import Journey

#: Booking numbers: seven characters without look-alikes (0/O, 1/I).
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_LENGTH: Final = 7


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """What a clerk asks to hold. ``seats`` counts everyone but infants; ``seat_labels`` names seats, or none."""

    schedule_id: int
    class_code: str
    origin: str
    destination: str
    seats: int
    infants: int = 0
    seat_labels: tuple[str, ...] = ()


class AlreadySold(StateConflict):
    """The sale of this key is finished; ``details["booking_id"]`` names its booking."""

    code = "already_sold"


class _NumberTaken(StateConflict):
    """The random booking number exists already; another one is drawn."""


class _SeatsLost(Exception):
    """Somebody took or locked some of the chosen seats in the meantime."""


class _ExpiredInTheWay(Exception):
    """Holds on this departure are out of time; they are given back before anything is chosen."""

    def __init__(self, booking_ids: Sequence[UUID]) -> None:
        super().__init__()
        self.booking_ids = booking_ids


class _Pass(Enum):
    BEST_FIT = "best fit"
    WHAT_IS_FREE = "what is free"
    AFTER_WAITING = "after waiting"


on_violation("uq_bookings_operator_id_booking_number", lambda: _NumberTaken("This booking number is taken."))

_BOOKING_COLUMNS: Final = (
    "operator_id",
    "id",
    "booking_number",
    "schedule_id",
    "total_amount",
    "final_amount",
    "passenger_count",
    "sold_by",
    "terminal_id",
    "expires_at",
    "booking_details",
)
_INSERT_BOOKING: Final = Statement(insert(Booking).values({name: bindparam(name) for name in _BOOKING_COLUMNS}))
_HOLD_COLUMNS: Final = (
    "operator_id",
    "id",
    "booking_id",
    "schedule_id",
    "service_date",
    "class_id",
    "from_stop",
    "to_stop",
    "legs",
    "seat_ids",
    "subclass",
    "seat_fare",
    "expires_at",
)
_INSERT_HOLD: Final = Statement(insert(SeatHold).values({name: bindparam(name) for name in _HOLD_COLUMNS}))
_SOLD: Final = Statement(
    select(Ticket.id)
    .where(Ticket.operator_id == bindparam("operator_id"), Ticket.booking_id == bindparam("booking_id"))
    .limit(1)
)


def hold(
    office: Office, actor: Actor, request: HoldRequest, *, key: UUID | None = None, fingerprint: bytes | None = None
) -> Hold:
    """Hold seats for a party; the same key again returns the first hold while it lasts.

    Args:
        key: names this sale; a new one each time if not given.
        fingerprint: tells a repetition of the sale from another one under the same key; the request's own by default.

    Raises:
        NotEnoughSeats: fewer free seats than the party needs on this stretch.
        SeatTaken: a seat that was asked for by name is taken.
        AlreadySold: the sale of this key is finished.
        Refused: not on sale, too large a party, too many infants; see ``timetable.require_on_sale``.
        KeyReused: the key belongs to another sale.
    """
    require(actor, "sell")
    print_of = fingerprint or idempotency.fingerprint(office.keys, ["hold", request])
    work = _Holding(office, office.network(), actor, request, Request(key or uuid7(), "sale", print_of))
    for generation in count():
        held = work.run(f"hold {generation}")
        if held is not None:
            return held
    raise AssertionError("generations do not end")


def _number(prefix: str) -> str:
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH - len(prefix)))


class _Holding:
    """One request to hold, through its passes."""

    def __init__(self, office: Office, network: Network, actor: Actor, request: HoldRequest, asked: Request) -> None:
        self.office, self.network, self.actor, self.request, self.asked = office, network, actor, request, asked
        self._swept: set[_Pass] = set()

    def run(self, step: str) -> Hold | None:
        """Hold under this sub-key; None when its hold ended without a sale, so that the next may be tried."""
        passes = [_Pass.AFTER_WAITING] if self.request.seat_labels else list(_Pass)
        while True:
            try:
                return self.office.database.transaction(
                    partial(self._attempt, step=step, how=passes[0]), actor=self.actor
                )
            except _NumberTaken:
                continue
            except _SeatsLost:
                passes.pop(0)
            except _ExpiredInTheWay as found:
                patient = passes[0] is _Pass.AFTER_WAITING
                holds.release(self.office.database, found.booking_ids, wait=patient)
                self._swept.add(passes[0])

    def _attempt(self, tx: Transaction, *, step: str, how: _Pass) -> Hold | None:
        booking_id = uuid7()
        claim = idempotency.claim(tx, self.asked, booking_id, step=step)
        departure = tx.send(timetable.BY_ID, schedule_id=self.request.schedule_id)
        asked_policies = policy.ask(tx)
        expired = holds.expired(tx, [self.request.schedule_id])
        first = claim.first()
        if first is not None:
            return _first_hold(tx, self.network, first)
        trip = timetable.stretch(self.network, departure.first(), self.request.origin, self.request.destination)
        travel_class = self.network.class_of(trip.train.id, self.request.class_code)
        policies = asked_policies.read()
        timetable.require_on_sale(trip, policies, tx.now)
        _require_party(self.request, policies, trip)
        late = expired.scalars()
        if late and how not in self._swept:
            raise _ExpiredInTheWay(late)
        seats, touched = self._take(tx, trip, travel_class, how)
        bucket, fare = price(trip, travel_class, policies, touched, len(seats))
        place = {"station_id": trip.origin.id, "train_id": trip.train.id}
        held = Hold(
            booking_id=booking_id,
            booking_number=_number(training.BOOKING_PREFIX if self.office.operator.is_training else ""),
            journey=trip,
            travel_class=travel_class,
            subclass=bucket.subclass,
            seats=seats,
            infants=self.request.infants,
            seat_fare=fare,
            booking_fee=policies.get(BOOKING_FEE, **place),
            expires_at=tx.now + timedelta(minutes=policies.get(HOLD_MINUTES, **place)),
        )
        _write(tx, self.actor, held)
        return held

    def _take(
        self, tx: Transaction, trip: Journey, travel_class: ClassInfo, how: _Pass
    ) -> tuple[tuple[SeatInfo, ...], int]:
        """Take the party's seats in this pass; also tells how many seats of the class were taken on any leg before."""
        stretch = Stretch(trip.service_date, trip.schedule_id, travel_class.id, trip.legs)
        rows = inventory.fetch(tx, stretch)
        known = self.network.seats(tx, travel_class.id)
        occupied = rows.pairs()
        touched = sum(1 for bits in occupied.values() if bits)
        if self.request.seat_labels:
            wanted = [self.network.find_seat(tx, travel_class.id, label).id for label in self.request.seat_labels]
            require_as_many(wanted, self.request.seats)
            return take_named(tx, stretch, known, wanted), touched
        party = self.request.seats
        if how is _Pass.WHAT_IS_FREE:
            taken = inventory.take_any(tx, stretch, party).scalars()
        else:
            if how is _Pass.AFTER_WAITING:
                occupied = inventory.free_after_waiting(tx, stretch)
            chosen = choose(
                inventory.states(known.values(), occupied, trip.legs),
                trip.legs,
                party,
                leg_count=len(trip.route.stops) - 1,
                start_coach=self.actor.terminal_id,  # terminals spread over the coaches: a rush collides less
            )
            if not chosen and how is _Pass.AFTER_WAITING:
                raise NotEnoughSeats(
                    f"{travel_class.code} on this train has fewer than {party} seats left for this stretch.",
                    hint="Offer another class or train.",
                    details={"free": sum(1 for bits in occupied.values() if not bits & trip.legs)},
                )
            taken = inventory.take(tx, stretch, chosen).scalars() if chosen else []
            taken.sort(key=chosen.index)
        if len(taken) < party:
            raise _SeatsLost
        return tuple(known[seat_id] for seat_id in taken), touched


def _require_party(request: HoldRequest, policies: Policies, trip: Journey) -> None:
    place = {"station_id": trip.origin.id, "train_id": trip.train.id}
    most = policies.get(MAX_SEATS, **place)
    if request.seats < 0 or request.infants < 0:
        raise UsageError("A party is not counted below zero.", code="party_invalid", hint="Count the travellers.")
    if request.seats < 1:
        raise Refused("An infant cannot travel alone.", code="infant_alone", hint="Add an adult.")
    if request.seats > most:
        raise Refused(
            f"A booking has at most {most} seats.", code="party_too_large", hint="Make several bookings of the party."
        )
    if request.infants > request.seats * policies.get(INFANTS_PER_ADULT, **place):
        raise Refused(
            "There are more infants than laps.",
            code="too_many_infants",
            hint="A further infant pays a fare and gets a seat: enter it as a child.",
        )


def _write(tx: Transaction, actor: Actor, held: Hold) -> None:
    trip = held.journey
    tx.send(
        _INSERT_BOOKING,
        id=held.booking_id,
        booking_number=held.booking_number,
        schedule_id=trip.schedule_id,
        total_amount=held.total,
        final_amount=held.total,
        passenger_count=len(held.seats) + held.infants,
        sold_by=actor.user_id,
        terminal_id=actor.terminal_id,
        expires_at=held.expires_at,
        booking_details=Jsonb({"infants": held.infants, "booking_fee": held.booking_fee}),
    )
    tx.send(
        _INSERT_HOLD,
        id=uuid7(),
        booking_id=held.booking_id,
        schedule_id=trip.schedule_id,
        service_date=trip.service_date,
        class_id=held.travel_class.id,
        from_stop=trip.board.order,
        to_stop=trip.leave.order,
        legs=trip.legs,
        seat_ids=[seat.id for seat in held.seats],
        subclass=held.subclass,
        seat_fare=held.seat_fare,
        expires_at=held.expires_at,
    )
    tx.audit(
        "create",
        "bookings",
        held.booking_id,
        new={
            "booking_number": held.booking_number,
            "status": "pending",
            "total_amount": held.total,
            "seats": [seat.label for seat in held.seats],
        },
    )


def _first_hold(tx: Transaction, network: Network, first: idempotency.First) -> Hold | None:
    """The hold an earlier request under this key left, unless it has ended without a sale."""
    booking = tx.send(LOCK, booking_id=UUID(first.result_id)).first()
    assert booking is not None
    if booking.status == "pending" and booking.expires_at <= tx.now:
        holds.give_back(tx, booking.id, status="expired", is_priced=booking.priced_at is not None)
        return None
    if booking.status in ("expired", "cancelled") and tx.send(_SOLD, booking_id=booking.id).first() is None:
        return None
    first.require_same()
    if booking.status != "pending":
        raise AlreadySold("This sale is already finished.", hint="Look it up.", details={"booking_id": first.result_id})
    return load(tx, network, booking)
