"""Bookings that are held and not yet paid: read, locked, moved to other seats, held longer, given up, found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, update

from core import holds, inventory, policy, shifts, timetable
from core.database import Actor, Rows, Statement, Transaction
from core.errors import CounterError, HoldExpired, NotFound, Refused, SeatTaken, StateConflict
from core.inventory import Stretch
from core.models import Booking, Schedule, SeatHold
from core.network import ClassInfo, Network, SeatInfo
from core.office import Office
from core.payments.card import concealed_reference
from core.payments.giving_back import OnTheSpot, refund_reference
from core.permissions import require
from core.policy import HOLD_MINUTES
from core.timetable import Journey


@dataclass(frozen=True)
class Hold:
    """Seats held for an unpaid booking. Amounts are minor units."""

    booking_id: UUID
    booking_number: str
    journey: Journey
    travel_class: ClassInfo
    subclass: str
    seats: tuple[SeatInfo, ...]
    infants: int
    seat_fare: int
    booking_fee: int
    expires_at: datetime
    is_named: bool = False  #: its passengers are stored already
    promotions: tuple[str, ...] = ()  #: codes asked for when they were named
    is_priced: bool = False  #: its charges stand already: it is being paid in parts

    @property
    def total(self) -> int:
        return self.seat_fare * len(self.seats) + self.booking_fee


_HELD: Final = Statement(
    select(
        *(SeatHold.class_id, SeatHold.from_stop, SeatHold.to_stop, SeatHold.seat_ids, SeatHold.subclass),
        *(SeatHold.seat_fare, SeatHold.expires_at, *timetable.COLUMNS),
    )
    .join(Schedule, (Schedule.operator_id == SeatHold.operator_id) & (Schedule.id == SeatHold.schedule_id))
    .where(SeatHold.operator_id == bindparam("operator_id"), SeatHold.booking_id == bindparam("booking_id"))
)
LOCK: Final = Statement(
    select(Booking)
    .where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
    .with_for_update()
)
_EXTEND: Final = Statement(
    update(Booking)
    .where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
    .values(expires_at=bindparam("expires_at"), updated_at=func.now())
)
_HOLD_ROW: Final = (SeatHold.operator_id == bindparam("operator_id")) & (SeatHold.booking_id == bindparam("of_booking"))
_EXTEND_HOLD: Final = Statement(update(SeatHold).where(_HOLD_ROW).values(expires_at=bindparam("expires_at")))
_MOVE_HOLD: Final = Statement(update(SeatHold).where(_HOLD_ROW).values(seat_ids=bindparam("seat_ids")))
_OPEN_WORK: Final = Statement(
    select(Booking)
    .where(
        Booking.operator_id == bindparam("operator_id"),
        Booking.terminal_id == bindparam("terminal_id"),
        Booking.status == "pending",
        Booking.expires_at > func.now(),
    )
    .order_by(Booking.created_at.desc())
)


def load(tx: Transaction, network: Network, booking: Any) -> Hold:
    """The hold of a pending booking's row.

    Raises:
        HoldExpired: its seats are gone.
    """
    return _hold(tx, network, booking, tx.send(_HELD, booking_id=booking.id).first())


def _hold(tx: Transaction, network: Network, booking: Any, row: Any | None) -> Hold:
    if row is None:
        raise HoldExpired("The seats of this booking were given back.", hint="Search again and hold new seats.")
    stops = {stop.order: stop for stop in network.routes[row.route_id].stops}
    trip = timetable.journey(network, row, stops[row.from_stop], stops[row.to_stop])
    seats = network.seats(tx, row.class_id)
    return Hold(
        booking_id=booking.id,
        booking_number=booking.booking_number,
        journey=trip,
        travel_class=network.classes[row.class_id],
        subclass=row.subclass,
        seats=tuple(seats[seat_id] for seat_id in row.seat_ids),
        infants=booking.booking_details["infants"],
        seat_fare=row.seat_fare,
        booking_fee=booking.booking_details["booking_fee"],
        expires_at=row.expires_at,
        is_named=booking.booking_details.get("named", False),
        promotions=tuple(booking.booking_details.get("promotions", ())),
        is_priced=booking.priced_at is not None,
    )


class Pending:
    """A booking that was asked for in a pipeline, and locked, and not yet read."""

    __slots__ = ("_booking", "_held", "_tx")

    def __init__(self, tx: Transaction, booking: Rows, held: Rows) -> None:
        self._tx, self._booking, self._held = tx, booking, held

    def read(self, network: Network) -> Hold:
        """The hold of the booking, if it is still to be paid for.

        Raises:
            NotFound: there is no booking of that id.
            HoldExpired: its time is over.
            StateConflict: it is confirmed or given up already.
        """
        booking = self._booking.first()
        if booking is None:
            raise NotFound("There is no such booking.", code="unknown_booking", hint="Look it up by its number.")
        if booking.status == "expired" or (booking.status == "pending" and booking.expires_at <= self._tx.now):
            raise HoldExpired("The hold has expired.", hint="Search again and hold new seats.")
        if booking.status != "pending":
            raise StateConflict(f"Booking {booking.booking_number} is already {booking.status}.", hint="Look it up.")
        return _hold(self._tx, network, booking, self._held.first())


def ask_pending(tx: Transaction, booking_id: UUID) -> Pending:
    """Queue locking a pending booking and asking for its hold; ``read()`` after other statements have been queued."""
    return Pending(tx, tx.send(LOCK, booking_id=booking_id), tx.send(_HELD, booking_id=booking_id))


def change_seats(office: Office, actor: Actor, booking_id: UUID, seat_ids: Sequence[int]) -> Hold:
    """Move a hold to other seats of the same class: the new ones are taken before the old ones are given up.

    Raises:
        SeatTaken: somebody else has one of them; the hold keeps the seats it had.
    """
    require(actor, "sell")
    network = office.network()

    def move(tx: Transaction) -> Hold:
        held = ask_pending(tx, booking_id).read(network)
        require_not_priced(held)
        known = network.seats(tx, held.travel_class.id)
        before = [seat.id for seat in held.seats]
        if not known.keys() >= set(seat_ids):
            raise NotFound("One of these seats is not in this class.", code="unknown_seat", hint="Choose another seat.")
        require_as_many(seat_ids, len(before))
        trip = held.journey
        stretch = Stretch(trip.service_date, trip.schedule_id, held.travel_class.id, trip.legs)
        take_named(tx, stretch, known, [seat_id for seat_id in seat_ids if seat_id not in before])
        inventory.release(tx, stretch, [seat_id for seat_id in before if seat_id not in seat_ids]).all()
        tx.send(_MOVE_HOLD, of_booking=booking_id, seat_ids=list(seat_ids))
        after = replace(held, seats=tuple(known[seat_id] for seat_id in seat_ids))
        tx.audit(
            "update",
            "bookings",
            booking_id,
            old={"seats": [seat.label for seat in held.seats]},
            new={"seats": [seat.label for seat in after.seats]},
        )
        return after

    return office.database.transaction(move, actor=actor)


def extend(office: Office, actor: Actor, booking_id: UUID) -> datetime:
    """Hold a while longer, from now; returns the new end."""
    require(actor, "sell")
    network = office.network()

    def extended(tx: Transaction) -> datetime:
        asked = policy.ask(tx)
        held = ask_pending(tx, booking_id).read(network)
        trip = held.journey
        place = {"station_id": trip.origin.id, "train_id": trip.train.id}
        longer = tx.now + timedelta(minutes=asked.read().get(HOLD_MINUTES, **place))
        until = max(longer, held.expires_at) if held.is_priced else longer  # a payment may be waited for
        keep_until(tx, booking_id, until)
        return until

    return office.database.transaction(extended, actor=actor)


def require_not_priced(held: Hold) -> None:
    """
    Raises:
        StateConflict: its bill is fixed, so seats and passengers are too (code ``booking_priced``).
    """
    if held.is_priced:
        raise StateConflict(
            "This sale is being paid: its seats and passengers stand.",
            code="booking_priced",
            hint="Finish it, or give it up and begin again.",
        )


def keep_until(tx: Transaction, booking_id: object, until: datetime) -> None:
    """Queue a new end of a hold whose booking the caller has locked."""
    tx.send(_EXTEND, booking_id=booking_id, expires_at=until)
    tx.send(_EXTEND_HOLD, of_booking=booking_id, expires_at=until)


def give_up(
    office: Office, actor: Actor, booking_id: UUID, *, voids: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Cancel a pending booking and give its seats back; doing it twice, or after its time, changes nothing more.

    Parts that were paid go back: cash from this clerk's drawer at once, a card whose slip was voided
    (``voids``: payment reference to the void's reference) as well, everything else is left to do.

    Returns:
        The refunds, with reference, method, amount and status.
    """
    require(actor, "sell")

    def cancel(tx: Transaction) -> list[dict[str, Any]]:
        booking = tx.send(LOCK, booking_id=booking_id).first()
        if booking is not None and booking.status == "confirmed":
            raise StateConflict(f"Booking {booking.booking_number} is already paid.", hint="Cancel it with a refund.")
        if booking is None or booking.status != "pending":
            return []
        priced, spot = booking.priced_at is not None, None
        if priced:
            shift = shifts.ask(tx).find()
            mine = shift is not None and shift.user_id == actor.user_id and shift.status == "open"
            spot = OnTheSpot(shift.id if shift and mine else None, _concealed(office, voids or {}))
        return holds.give_back(tx, booking_id, status="cancelled", is_priced=priced, on_the_spot=spot)

    return office.database.transaction(cancel, actor=actor)


def _concealed(office: Office, voids: Mapping[str, str]) -> dict[str, str]:
    """The references of void slips as they go on record with the refund of each payment."""
    return {
        of: concealed_reference(office.keys, refund_reference(of), void.strip())
        for of, void in voids.items()
        if void.strip()
    }


def give_up_quietly(office: Office, actor: Actor, booking_id: UUID) -> None:
    """Give up after a refusal that is being reported already; if it fails the hold ends by itself in time."""
    with suppress(CounterError):
        give_up(office, actor, booking_id)


def open_work(office: Office, actor: Actor) -> list[Hold]:
    """The unpaid holds of this terminal, newest first: what a clerk finds again after a restart."""
    network = office.network()

    def find(tx: Transaction) -> list[Hold]:
        rows = tx.send(_OPEN_WORK, terminal_id=actor.terminal_id).all()
        return [load(tx, network, row) for row in rows]

    return office.database.transaction(find, actor=actor, snapshot=True)


def require_as_many(named: Sequence[int], party: int) -> None:
    """Named are seats, not labels: several labels can mean one seat.

    Raises:
        Refused: not exactly one seat for everyone but infants.
    """
    if len(set(named)) != len(named):
        raise Refused(
            "One seat was named twice.", code="seats_do_not_fit_party", hint="Name one seat for everyone but infants."
        )
    if len(named) != party:
        raise Refused(
            f"The party needs {party} seat{'s' if party != 1 else ''}, not {len(named)}.",
            code="seats_do_not_fit_party",
            hint="Name one seat for everyone but infants.",
        )


def take_named(
    tx: Transaction, stretch: Stretch, known: Mapping[int, SeatInfo], wanted: Sequence[int]
) -> tuple[SeatInfo, ...]:
    """Take just these seats, waiting for locked ones.

    Raises:
        SeatTaken: one of them is taken; ``details["seats"]`` says which.
    """
    taken = inventory.take(tx, stretch, wanted, wait=True).scalars()
    lost = [known[seat_id].label for seat_id in wanted if seat_id not in taken]
    if lost:
        raise SeatTaken(
            f"{', '.join(lost)} {'is' if len(lost) == 1 else 'are'} taken on this stretch.",
            hint="Choose another seat.",
            details={"seats": lost},
        )
    return tuple(known[seat_id] for seat_id in wanted)
