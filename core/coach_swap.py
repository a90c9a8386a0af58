"""A coach that is taken out of one departure: everybody in it is seated elsewhere, together who sat together.

All of it is one transaction or nothing. The bookings are locked in the order of their keys, then the seats of the
class; the new seats are taken before the old ones are given up, and at the end the coach has no seat on this departure
any more. A seat stands in its ticket's code, so each ticket gets a further issue: the old paper is a duplicate at the
gate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Date, Integer

from core import after_sale, disruption, inventory, modifications, tickets
from core.after_sale import SoldBooking, SoldTicket
from core.database import Actor, Statement, Transaction
from core.disruption import Run
from core.disruption_rules import Seated, require_running, reseat
from core.errors import NotEnoughSeats, NotFound, Refused, StateConflict
from core.inventory import Stretch
from core.models import SeatInventory, Ticket
from core.network import CoachInfo, Network, SeatInfo
from core.office import Office
from core.permissions import require
from core.ticket_changes import require_another_issue
from core.wording import one_line

_CLASS: Final = (
    (SeatInventory.operator_id == bindparam("operator_id"))
    & (SeatInventory.service_date == bindparam("day", type_=Date))
    & (SeatInventory.schedule_id == bindparam("schedule_id", type_=Integer))
    & (SeatInventory.class_id == bindparam("class_id", type_=Integer))
)
_LOCK: Final = Statement(
    select(SeatInventory.seat_id, SeatInventory.occupied)
    .where(_CLASS)
    .order_by(SeatInventory.seat_id)
    .with_for_update()
)
_WITHDRAW: Final = Statement(
    delete(SeatInventory)
    .where(
        _CLASS,
        SeatInventory.seat_id == func.any(bindparam("seat_ids", type_=ARRAY(Integer))),
        SeatInventory.occupied == 0,
    )
    .returning(SeatInventory.seat_id)
)
_MOVE: Final = Statement(
    update(Ticket)
    .where(Ticket.operator_id == bindparam("operator_id"), Ticket.id == bindparam("serial", type_=BigInteger))
    .values(
        seat_id=bindparam("seat", type_=Integer),
        qr_code=bindparam("code"),
        issue_no=bindparam("issue", type_=Integer),
        updated_at=func.now(),
    )
)


@dataclass(frozen=True, slots=True)
class Reseated:
    """Somebody's old and new seat."""

    booking_number: str
    ticket_number: str
    passenger: str
    old: str
    new: str

    def as_json(self) -> dict[str, Any]:
        return {
            "booking_number": self.booking_number,
            "ticket_number": self.ticket_number,
            "passenger_name": self.passenger,
            "old_seat": self.old,
            "new_seat": self.new,
        }


@dataclass(frozen=True)
class Swapped:
    """A coach that is out of a departure, and where everybody went."""

    run: Run
    coach: str
    reseated: tuple[Reseated, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "departure": self.run.as_json(),
            "coach": self.coach,
            "reseated": [one.as_json() for one in self.reseated],
        }


def swap(
    office: Office, actor: Actor, train_number: str, day: date, coach: str, reason: str, *, into: str | None = None
) -> Swapped:
    """Take a coach out of a departure and seat its passengers in others of its class.

    Args:
        coach: as painted beside its door, ``EKS 1``.
        into: only into this coach.

    Raises:
        NotPermitted: a supervisor decides it.
        NotFound: no such departure or coach (``no_departure``, ``unknown_coach``), or it is out already.
        StateConflict: it does not run, or somebody is just buying seats in it (``seats_held``).
        NotEnoughSeats: the class has no room for all; nothing was changed.
        Refused: no reason, or two coaches of different classes (``other_class``).
    """
    require(actor, "disrupt")
    why = one_line(reason)
    if not why:
        raise Refused("A disruption needs a reason.", code="reason_missing", hint="Say why; travellers are told.")
    network = office.network()
    train = network.train(train_number)

    def write(tx: Transaction) -> Swapped:
        run = disruption.read(tx, network, train, day)
        require_running(run.rules)
        seats = _seats(tx, network, run)
        out = _coach(seats.values(), coach)
        target = None if into is None else _coach(seats.values(), into)
        if target is not None and target.class_id != out.class_id:
            raise Refused("The two coaches are of different classes.", code="other_class", hint="Name another one.")
        return _Swapping(tx, office, network, run, seats, out, target, why).run_it()

    return office.database.transaction(write, actor=actor, lock_timeout=30.0)


def _seats(tx: Transaction, network: Network, run: Run) -> Mapping[int, SeatInfo]:
    """The train's seats by their ids."""
    found: dict[int, SeatInfo] = {}
    for one in network.classes_of(run.train.id):
        found |= network.seats(tx, one.id)
    return found


def _coach(seats: Any, label: str) -> CoachInfo:
    wanted = "".join(letter for letter in label.upper() if letter.isalnum())
    for seat in seats:
        coach: CoachInfo = seat.coach
        if "".join(letter for letter in coach.label.upper() if letter.isalnum()) == wanted:
            return coach
    known = sorted({seat.coach.label for seat in seats})
    raise NotFound(
        f"This train has no coach {label.strip()[:20]!r}.", code="unknown_coach", hint=f"It has {', '.join(known)}."
    )


@dataclass(frozen=True)
class _Swapping:
    """One coach on its way out, within a transaction."""

    tx: Transaction
    office: Office
    network: Network
    run: Run
    seats: Mapping[int, SeatInfo]
    out: CoachInfo
    target: CoachInfo | None
    reason: str

    def run_it(self) -> Swapped:
        bookings = self._locked_bookings()
        people = [
            (sold, one)
            for sold in bookings
            for one in sold.live
            if one.journey.schedule_id == self.run.schedule_id and self._is_out(one)
        ]
        occupied = self.tx.send(_LOCK, **self._class).pairs()
        own = [key for key in occupied if self.seats[key].coach.id == self.out.id]
        if not own:
            raise NotFound(
                f"Coach {self.out.label} is not on this departure.", code="unknown_coach", hint="Nothing was changed."
            )
        self._require_known(occupied, own, [one for _, one in people])
        places = self._places([one for _, one in people], occupied)
        moved = [self._move(sold, [one for owner, one in people if owner is sold], places) for sold in bookings]
        self._exchange([one for _, one in people], places)
        if sorted(self.tx.send(_WITHDRAW, **self._class, seat_ids=own).scalars()) != sorted(own):
            raise _held(self.out)
        done = Swapped(self.run, self.out.label, tuple(one for party in moved for one in party))
        said = {"coach": self.out.label, "reason": self.reason, "reseated": len(done.reseated)}
        self.tx.audit("update", "schedules", self.run.schedule_id, new=said)
        self.tx.event("schedule.coach_withdrawn", "schedules", self.run.schedule_id, said)
        return done

    @property
    def _class(self) -> dict[str, Any]:
        return {
            "day": self.run.service_date,
            "schedule_id": self.run.schedule_id,
            "class_id": self.out.class_id,
        }

    def _is_out(self, ticket: SoldTicket) -> bool:
        return ticket.seat is not None and ticket.seat.coach.id == self.out.id

    def _locked_bookings(self) -> list[SoldBooking]:
        keys = {
            UUID(str(row.booking_id))
            for row in disruption.on_board(self.tx, self.run)
            if row.seat_id is not None and self.seats[row.seat_id].coach.id == self.out.id
        }
        return [after_sale.lock(self.tx, self.network, key) for key in sorted(keys)]

    def _require_known(self, occupied: Mapping[int, int], own: Sequence[int], people: Sequence[SoldTicket]) -> None:
        """Every bit of the coach is one of these tickets'; else a sale is under way there."""
        known = dict.fromkeys(own, 0)
        for one in people:
            assert one.seat is not None, "it sits in the coach"
            known[one.seat.id] |= one.journey.legs
        if any(occupied[key] != known[key] for key in own):
            raise _held(self.out)

    def _places(self, people: Sequence[SoldTicket], occupied: Mapping[int, int]) -> Mapping[int, int]:
        """Serial → new seat."""
        allowed = [
            seat
            for key, seat in self.seats.items()
            if key in occupied
            and seat.coach.id != self.out.id
            and (self.target is None or seat.coach.id == self.target.id)
        ]
        states = inventory.states(allowed, dict(occupied), 0)
        booked = {one.serial: sold for sold, one in self._owners(people)}
        wanted = [
            Seated(one.serial, booked[one.serial], one.seat.id, one.journey.legs)
            for one in people
            if one.seat is not None
        ]
        found, left = reseat(wanted, states, len(self.run.route.stops) - 1)
        if left:
            raise NotEnoughSeats(
                f"{len(left)} passengers of coach {self.out.label} find no seat in their class.",
                hint="Nothing was changed. Move or refund some of them first.",
                details={"unseated": len(left)},
            )
        return found

    def _owners(self, people: Sequence[SoldTicket]) -> list[tuple[UUID, SoldTicket]]:
        rows = {row.serial: UUID(str(row.booking_id)) for row in disruption.on_board(self.tx, self.run)}
        return [(rows[one.serial], one) for one in people]

    def _exchange(self, people: Sequence[SoldTicket], places: Mapping[int, int]) -> None:
        """Take the new seats, then give the old ones up."""
        by_stretch: dict[Stretch, list[SoldTicket]] = {}
        for one in people:
            by_stretch.setdefault(one.stretch, []).append(one)
        for stretch, party in sorted(by_stretch.items(), key=lambda item: item[0].legs):
            wanted = sorted(places[one.serial] for one in party)
            if sorted(inventory.take(self.tx, stretch, wanted).scalars()) != wanted:
                raise _held(self.out)
        modifications.free_seats(self.tx, people)

    def _move(self, sold: SoldBooking, party: Sequence[SoldTicket], places: Mapping[int, int]) -> list[Reseated]:
        modification = modifications.begin(self.tx, sold.id, "disruption", self.reason, user_id=sold.user_id)
        done = []
        for one in party:
            seat, issue = self.seats[places[one.serial]], require_another_issue(one)
            code = tickets.code_for(self.office, one.journey, one.travel_class, seat, serial=one.serial, issue_no=issue)
            self.tx.send(_MOVE, serial=one.serial, seat=seat.id, code=code, issue=issue)
            old = one.seat.label if one.seat else ""
            said = {"seat": seat.label, "issue_no": issue}
            self.tx.audit("update", "tickets", one.serial, old={"seat": old, "issue_no": one.issue_no}, new=said)
            name = sold.passenger(one.passenger_id).name
            done.append(Reseated(sold.number, one.number, name, old, seat.label))
        modifications.close(self.tx, modification)
        said = {"booking_number": sold.number, "tickets": [one.number for one in party], "reason": self.reason}
        self.tx.event("ticket.reseated", "bookings", sold.id, said)
        return done


def _held(coach: CoachInfo) -> StateConflict:
    return StateConflict(
        f"Seats of coach {coach.label} are being sold just now.",
        code="seats_held",
        hint="Nothing was changed; try again in a few minutes.",
    )
