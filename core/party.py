"""The party of a booking: its passengers checked against the hold, stored, replaced while unpaid, read back.

Passengers are stored as soon as they are named, so that a terminal that dies before the payment is finished finds them
again. What must be known of each is decided in ``core.passengers``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, delete, func, insert, select, update
from uuid_utils.compat import uuid7

from core import bans, entitlements, pending, policy
from core.bans import PendingBans
from core.clock import local
from core.database import Actor, Statement, Transaction
from core.entitlements import EntitlementRefused, Journeying, Rates, Reduction
from core.errors import Refused
from core.identity import Finding, Identity, PassengerType
from core.models import Booking, Entitlement, Passenger
from core.network import SeatInfo
from core.office import Office
from core.passengers import PartyLimits, PassengerDetails, PassengerInput, check_party
from core.pending import Hold
from core.permissions import require
from core.policy import FARE_ROUNDING, INFANT_AGE, INFANTS_PER_ADULT, ONE_TICKET_PER_IDENTITY, SENIOR_AGE, Policies

_COLUMNS: Final = (
    "operator_id",
    "id",
    "booking_id",
    "position",
    "passenger_name",
    "passenger_dob",
    "passenger_type",
    "identity_kind",
    "identity_number",
    "identity_digest",
    "identity_last_four",
    "gender",
    "seat_id",
    "ticket_price",
    "entitlement_id",
)
_OF_BOOKING: Final = (Passenger.operator_id == bindparam("operator_id")) & (
    Passenger.booking_id == bindparam("booking_id")
)
_ITS_ENTITLEMENT: Final = (Entitlement.operator_id == Passenger.operator_id) & (
    Entitlement.id == Passenger.entitlement_id
)
_INSERT: Final = Statement(insert(Passenger).values({name: bindparam(name) for name in _COLUMNS}))
_FORGET: Final = Statement(delete(Passenger).where(_OF_BOOKING))
_STORED: Final = Statement(
    select(
        Passenger.id,
        Passenger.passenger_name,
        Passenger.passenger_type,
        Passenger.passenger_dob,
        Passenger.identity_number,
        Entitlement.entitlement_kind,
    )
    .outerjoin(Entitlement, _ITS_ENTITLEMENT)
    .where(_OF_BOOKING)
    .order_by(Passenger.position)
)
_SEATED: Final = Statement(
    select(
        *(Passenger.id, Passenger.passenger_name, Passenger.passenger_type, Passenger.passenger_dob),
        *(Passenger.identity_kind, Passenger.identity_number, Passenger.identity_digest, Passenger.gender),
        *(Passenger.seat_id, Passenger.ticket_price, Passenger.entitlement_id, Entitlement.entitlement_kind),
    )
    .outerjoin(Entitlement, _ITS_ENTITLEMENT)
    .where(_OF_BOOKING)
    .order_by(Passenger.position)
)
_NAMED: Final = Statement(
    update(Booking)
    .where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
    .values(booking_details=Booking.booking_details.op("||")(bindparam("named")), updated_at=func.now())
)


@dataclass(frozen=True)
class Traveller:
    """A passenger with the seat and fare he gets; ``exclusive`` where his identity may have one ticket only.

    ``fare`` is what is left of ``full_fare`` after his reduction, in minor units.
    """

    id: UUID
    details: PassengerDetails
    seat: SeatInfo | None
    full_fare: int
    fare: int
    digest: bytes | None
    exclusive: bool
    reduction: Reduction | None = None


def seat(
    tx: Transaction, office: Office, held: Hold, policies: Policies, entered: Sequence[PassengerInput]
) -> list[Traveller]:
    """Check the party against the hold; everyone but infants gets the next of the held seats.

    Entitlements are asked for only where somebody claims a reduction.

    Raises:
        Refused: as ``passengers.check_party``, and code ``passengers_do_not_fit_hold``.
        EntitlementRefused: somebody claims a reduction that is not given. A senior pays the full fare instead, with a
            finding.
    """
    trip = held.journey
    place = {"station_id": trip.origin.id, "train_id": trip.train.id}
    exclusive = _is_exclusive(held, policies)
    limits = PartyLimits(
        policies.get(INFANT_AGE, **place), policies.get(INFANTS_PER_ADULT, **place), policies.get(SENIOR_AGE, **place)
    )
    party = check_party(entered, trip.day, local(tx.now, trip.origin.time_zone).date(), limits, exclusive=exclusive)
    infants = sum(1 for one in party if one.type is PassengerType.INFANT)
    if len(party) - infants != len(held.seats) or infants != held.infants:
        raise Refused(
            f"{len(held.seats)} seats and {held.infants} infants are held, "
            f"{len(party) - infants} and {infants} passengers were named.",
            code="passengers_do_not_fit_hold",
            hint="Name as many passengers as are held.",
        )
    free = iter(held.seats)
    travellers = []
    for details in party:
        place_taken = None if details.type is PassengerType.INFANT else next(free)
        fare = held.seat_fare if place_taken else 0
        digest = office.keys.digest(details.identity.number) if details.identity else None
        travellers.append(Traveller(uuid7(), details, place_taken, fare, fare, digest, exclusive))
    return _reduced(tx, held, policies, travellers, [one.claim for one in entered])


def require_may_buy(
    tx: Transaction, office: Office, held: Hold, policies: Policies, travellers: Sequence[Traveller], asked: PendingBans
) -> None:
    """
    Raises:
        TravelBan: unpaid fines ban one of them from buying (code ``travel_ban``).
    """
    trip = held.journey
    people = [(one.details.name, one.digest) for one in travellers]
    zone = office.operator.time_zone
    asked.require_none(people, policies, tx.now, zone, station_id=trip.origin.id, train_id=trip.train.id)


def _reduced(
    tx: Transaction, held: Hold, policies: Policies, travellers: list[Traveller], claims: Sequence[str | None]
) -> list[Traveller]:
    """The travellers with the reductions that their registered entitlements give them."""
    digests = {one.digest for claim, one in zip(claims, travellers, strict=True) if claim and one.digest}
    if not digests:
        return travellers
    known, journey = entitlements.ask(tx, digests).read(), journeying(held, policies)
    party = [
        _reduce(one, claim, known.get(one.digest, []), journey) if claim and one.digest else one
        for claim, one in zip(claims, travellers, strict=True)
    ]
    entitlements.require_used_once([one.reduction for one in party if one.reduction])
    return party


def _reduce(one: Traveller, claim: str, known: Sequence[entitlements.Entitlement], journey: Journeying) -> Traveller:
    try:
        given = entitlements.judge(claim, known, journey)
    except EntitlementRefused as refusal:
        if claim != entitlements.SENIOR:
            raise
        full = Finding(refusal.reason, f"{one.details.name} pays the full fare: {refusal.message}")
        return replace(one, details=replace(one.details, findings=(*one.details.findings, full)))
    return replace(one, fare=journey.fare(claim, one.full_fare), reduction=given)


def journeying(held: Hold, policies: Policies) -> Journeying:
    """What reductions are judged by on the journey of a hold; the day is the one at the boarding station."""
    trip = held.journey
    place = {"station_id": trip.origin.id, "train_id": trip.train.id}
    rates = Rates.of(policies, **place, is_subsidised=trip.train.is_subsidised)
    return Journeying(held.travel_class.type, trip.day, rates, policies.get(FARE_ROUNDING, **place))


def _is_exclusive(held: Hold, policies: Policies) -> bool:
    """Whether an identity may have only one ticket for this trip."""
    trip = held.journey
    place = {"station_id": trip.origin.id, "train_id": trip.train.id}
    return trip.train.is_subsidised and policies.get(ONE_TICKET_PER_IDENTITY, **place)


def seated(tx: Transaction, office: Office, held: Hold, policies: Policies) -> list[Traveller]:
    """The travellers of a booking whose bill is fixed, as they were stored with seats and fares."""
    seats = {place.id: place for place in held.seats}
    exclusive = _is_exclusive(held, policies)
    return [
        _traveller(office, row, seats, held.seat_fare, exclusive)
        for row in tx.send(_SEATED, booking_id=held.booking_id).all()
    ]


def _traveller(office: Office, row: Any, seats: Mapping[int, SeatInfo], full_fare: int, exclusive: bool) -> Traveller:
    number = identity_number(office, row)
    details = PassengerDetails(
        name=row.passenger_name,
        identity=Identity(row.identity_kind, number) if number else None,
        type=PassengerType(row.passenger_type),
        birth_date=row.passenger_dob,
        gender=row.gender,
    )
    return Traveller(
        id=row.id,
        details=details,
        seat=seats[row.seat_id] if row.seat_id else None,
        full_fare=full_fare if row.seat_id else 0,
        fare=row.ticket_price,
        digest=bytes(row.identity_digest) if row.identity_digest else None,
        exclusive=exclusive,
        reduction=Reduction(row.entitlement_kind, row.entitlement_id) if row.entitlement_id else None,
    )


def store(tx: Transaction, office: Office, held: Hold, travellers: Sequence[Traveller]) -> None:
    """Queue the passengers of a booking, in place of those that were named before."""
    if held.is_named:
        tx.send(_FORGET, booking_id=held.booking_id)
    rows = [_row(office, position, one) for position, one in enumerate(travellers, 1)]
    tx.send_each(_INSERT, [{"booking_id": held.booking_id, **row} for row in rows])


def _row(office: Office, position: int, one: Traveller) -> dict[str, Any]:
    details, identity = one.details, one.details.identity
    return {
        "id": one.id,
        "position": position,
        "passenger_name": details.name,
        "passenger_dob": details.birth_date,
        "passenger_type": details.type.value,
        "identity_kind": identity.kind if identity else None,
        "identity_number": office.keys.encrypt(identity.number, identity_purpose(one.id)) if identity else None,
        "identity_digest": one.digest,
        "identity_last_four": identity.number[-4:] if identity else None,
        "gender": details.gender,
        "seat_id": one.seat.id if one.seat else None,
        "ticket_price": one.fare,
        "entitlement_id": one.reduction.entitlement_id if one.reduction else None,
    }


def identity_number(office: Office, row: Any) -> str:
    """The identity number of a row of ``passengers``, in the clear; empty where there is none."""
    return office.keys.decrypt(bytes(row.identity_number), identity_purpose(row.id)) if row.identity_number else ""


def identity_purpose(passenger_id: UUID) -> str:
    """Binds a ciphertext to its row: one copied to another passenger does not decrypt."""
    return f"passengers.identity_number {passenger_id}"


def name_passengers(
    office: Office, actor: Actor, booking_id: UUID, entered: Sequence[PassengerInput], *, promotions: Sequence[str] = ()
) -> list[PassengerDetails]:
    """Store the passengers of a pending booking, in place of those named before; returns them with findings.

    Args:
        promotions: codes that were asked for, to be found again like the passengers; they are used at the payment.

    Raises:
        HoldExpired: the seats are gone.
        StateConflict: its bill is fixed.
        Refused: as ``seat``.
        TravelBan: unpaid fines ban one of them from buying.
    """
    require(actor, "sell")
    network = office.network()

    def write(tx: Transaction) -> list[PassengerDetails]:
        asked, booked = policy.ask(tx), pending.ask_pending(tx, booking_id)
        banned = bans.ask(tx, office.keys, booking_id, entered)
        held = booked.read(network)
        pending.require_not_priced(held)
        pending.require_not_priced(held)
        policies = asked.read()
        travellers = seat(tx, office, held, policies, entered)
        require_may_buy(tx, office, held, policies, travellers, banned)
        store(tx, office, held, travellers)
        tx.send(_NAMED, booking_id=booking_id, named=Jsonb({"named": True, "promotions": [*promotions]}))
        tx.audit("update", "bookings", booking_id, new={"passengers": len(travellers)})
        return [one.details for one in travellers]

    return office.database.transaction(write, actor=actor)


def stored(tx: Transaction, office: Office, booking_id: UUID) -> list[PassengerInput]:
    """The passengers a booking has, as they were entered."""
    return [
        PassengerInput(
            name=row.passenger_name,
            identity=identity_number(office, row),
            type=PassengerType(row.passenger_type),
            birth_date=row.passenger_dob,
            reduction=row.entitlement_kind,
        )
        for row in tx.send(_STORED, booking_id=booking_id).all()
    ]


def named(office: Office, actor: Actor, booking_id: UUID) -> list[PassengerInput]:
    """The passengers of a booking this terminal left unpaid; none if they were not named yet."""
    require(actor, "sell")

    def read(tx: Transaction) -> list[PassengerInput]:
        tx.audit("view", "bookings", booking_id)
        return stored(tx, office, booking_id)

    return office.database.transaction(read, actor=actor)
