"""What the sell screen asks of the library: blocking calls for ``CounterApp.in_thread``, with plain answers.

What belongs here: which services a step of a sale needs, in which order. No widget, no decision of the railway.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from core import booking, entitlement_register, lookup, party, pending, policy, print_journal, sale, tickets
from core.booking import AlreadySold, HoldRequest
from core.clock import local
from core.database import Actor, Transaction
from core.entitlement_register import Possibility, Registered, Registration
from core.errors import Refused, SeatTaken, StateConflict
from core.lookup import BookingFile
from core.passengers import PartyLimits, PassengerInput
from core.payments import METHODS
from core.payments.standing import Standing
from core.pending import Hold
from core.policy import Policies
from core.print_journal import Job
from core.quote import Quote, quote
from core.sale import Sale
from core.search import Offer, offers
from core.seat_map import MappedCoach, seat_map
from core.ticket_code import Reading, decode
from core.tickets import TicketRecord
from core.timetable import Journey
from counter.entry import Entry, Place, TimeOfDay
from counter.printing import preview, print_queued
from counter.screens.sale_draft import Holding, Submission, Terms
from counter.screens.sell_money_desk import MoneyDesk
from counter.session import Workplace

_DAY_HOURS: Final = 24


@dataclass(frozen=True)
class Lexis:
    """The words the entry line knows here, and the day it is."""

    places: tuple[Place, ...]
    classes: Mapping[str, str]
    class_names: Mapping[str, str]
    home: str | None
    today: date


@dataclass(frozen=True)
class Found:
    """An answer of the timetable. ``fees`` are by train; ``others`` is how many offers the time of day left out."""

    offers: tuple[Offer, ...]
    fees: Mapping[int, int]
    today: date
    is_direct: bool
    others: int = 0


@dataclass(frozen=True)
class OpenWork:
    """What this terminal left unfinished: unpaid holds, and paid sales with tickets nobody saw printed."""

    holdings: tuple[Holding, ...]
    unprinted: tuple[Sale, ...]


@dataclass(frozen=True)
class SaleDesk:
    """One person at one terminal. Every method blocks and raises ``CounterError``s."""

    place: Workplace
    actor: Actor

    @property
    def money(self) -> MoneyDesk:
        """The same person's questions about money."""
        return MoneyDesk(self.place, self.actor)

    # -- questions --------------------------------------------------------------------------------------------------

    def lexis(self) -> Lexis:
        """What the entry line understands."""
        network = self.place.office.network()
        words: dict[str, set[str]] = {}
        types: dict[str, set[str]] = {}
        on_sale = network.class_codes()
        for entry in network.classes.values():
            if entry.code not in on_sale:
                continue
            for word in (entry.code, entry.name, entry.type):
                words.setdefault(word.casefold(), set()).add(entry.code)
            types.setdefault(entry.code, set()).add(entry.type)
        now, _ = self._now_and_policies()
        return Lexis(
            places=tuple(Place(one.code, one.name, one.city) for one in network.stations.values()),
            classes={word: codes.pop() for word, codes in words.items() if len(codes) == 1},
            class_names={code: kinds.pop() for code, kinds in types.items() if len(kinds) == 1},
            home=self.place.station_code,
            today=local(now, self.place.office.operator.time_zone).date(),
        )

    def search(self, entry: Entry) -> Found:
        """What runs, with the entry's filters.

        Raises:
            Refused: the question cannot be asked like this; see ``core.search.offers``.
        """
        assert entry.origin is not None
        assert entry.destination is not None
        office, start, end = self.place.office, entry.origin.code, entry.destination.code
        if entry.pay_method is not None and entry.pay_method not in METHODS:
            raise Refused(
                f"{entry.pay_method!r} is not taken at this counter.",
                code="method_not_taken",
                hint=f"Taken are: {', '.join(METHODS)}.",
            )
        network = office.network()
        number = network.train(entry.train_number).number if entry.train_number else None
        seats = entry.party - entry.infants

        def on(day: date) -> list[Offer]:
            return offers(office, start, end, day, class_code=entry.class_code, party=seats, train_number=number)

        found = on(entry.day)
        kept = [offer for offer in found if leaves_in(offer.journey, entry.day, entry.time_of_day)]
        if entry.time_of_day and entry.time_of_day.hours[1] > _DAY_HOURS:
            kept += self._after_midnight(entry, on)
        now, policies = self._now_and_policies()
        return Found(
            offers=tuple(kept),
            fees={offer.journey.train.id: _fee(policies, offer.journey) for offer in kept},
            today=local(now, network.station(start).time_zone).date(),
            is_direct=bool(network.routes_between(network.station(start).id, network.station(end).id)),
            others=len(found) if not kept else 0,
        )

    @staticmethod
    def _after_midnight(entry: Entry, on: Callable[[date], list[Offer]]) -> list[Offer]:
        tomorrow = entry.day + timedelta(days=1)
        try:
            found = on(tomorrow)
        except Refused:  # not on sale yet
            return []
        return [offer for offer in found if leaves_in(offer.journey, entry.day, entry.time_of_day)]

    def _now_and_policies(self) -> tuple[datetime, Policies]:
        def look(tx: Transaction) -> tuple[datetime, Policies]:
            asked = policy.ask(tx)
            return tx.now, asked.read()

        return self.place.office.database.transaction(look)

    # -- seats ------------------------------------------------------------------------------------------------------

    def hold(self, request: HoldRequest, key: UUID) -> Holding:
        """Hold seats under a key; asked again with the same key, the same hold."""
        held = booking.hold(self.place.office, self.actor, request, key=key)
        return self._holding(held, request, key)

    def hold_again(self, lost: Hold, request: HoldRequest, key: UUID) -> Holding:
        """Hold for the same party after its hold has run out: the same seats if they are still free, else others."""
        names = tuple(seat.label for seat in lost.seats)
        if len(names) == request.seats:
            try:
                return self.hold(replace(request, seat_labels=names), key)
            except SeatTaken:
                pass
        return self.hold(request, uuid4())

    def hold_other_number(self, old: Holding, request: HoldRequest, keep: Sequence[str]) -> tuple[Holding, str]:
        """Exchange a hold for one of another number of seats, ``keep`` if that is as many.

        Returns the new hold; or the old seats, held again, and why there are no others.
        """
        pending.give_up(self.place.office, self.actor, old.hold.booking_id)
        kept = replace(old.hold, seats=tuple(seat for seat in old.hold.seats if seat.label in keep))
        try:
            return self.hold_again(kept, request, uuid4()), ""
        except Refused as refusal:
            return self.hold_again(old.hold, old.request, uuid4()), refusal.message

    def change_seats(self, held: Hold, seat_ids: Sequence[int]) -> Hold:
        """Move a hold to other seats."""
        return pending.change_seats(self.place.office, self.actor, held.booking_id, seat_ids)

    def extend(self, held: Hold) -> float:
        """Hold longer; returns the new end on the monotonic clock."""
        until = pending.extend(self.place.office, self.actor, held.booking_id)
        now, _ = self._now_and_policies()
        return time.monotonic() + (until - now).total_seconds()

    def give_up(self, held: Hold) -> None:
        """Give the seats back."""
        pending.give_up(self.place.office, self.actor, held.booking_id)

    def seat_map(self, trip: Journey, class_id: int, mine: Collection[int]) -> list[MappedCoach]:
        """How the seats of a class stand now."""
        return seat_map(self.place.office, trip, self.place.office.network().classes[class_id], mine)

    def still_held(self, held: Hold) -> Hold:
        """The hold as the database has it now, in case the answer to a change of seats got lost."""
        for one in pending.open_work(self.place.office, self.actor):
            if one.booking_id == held.booking_id:
                return one
        return held

    def _holding(self, held: Hold, request: HoldRequest, key: UUID) -> Holding:
        now, policies = self._now_and_policies()
        where = {"station_id": held.journey.origin.id, "train_id": held.journey.train.id}
        limits = PartyLimits(
            policies.get(policy.INFANT_AGE, **where),
            policies.get(policy.INFANTS_PER_ADULT, **where),
            policies.get(policy.SENIOR_AGE, **where),
        )
        exclusive = held.journey.train.is_subsidised and policies.get(policy.ONE_TICKET_PER_IDENTITY, **where)
        terms = Terms(local(now, held.journey.origin.time_zone).date(), limits, exclusive)
        return Holding(held, request, terms, key, time.monotonic() + (held.expires_at - now).total_seconds())

    # -- money and open work ----------------------------------------------------------------------------------------

    def name_passengers(self, held: Hold, passengers: Sequence[PassengerInput], codes: Sequence[str]) -> None:
        """Store who travels, so that a terminal that dies before the payment finds them again."""
        party.name_passengers(self.place.office, self.actor, held.booking_id, passengers, promotions=codes)

    def quote(self, held: Hold, passengers: Sequence[PassengerInput], codes: Sequence[str]) -> Quote:
        """What a hold costs with reductions and promotions."""
        return quote(self.place.office, self.actor, held, passengers, codes)

    def possible(self, held: Hold, identity: str) -> Sequence[Possibility]:
        """The reductions of somebody on a hold's journey."""
        return entitlement_register.possible(self.place.office, self.actor, held, identity)

    def register(self, shown: Registration) -> Registered:
        """Enter the document that was shown for a reduction."""
        return entitlement_register.register(self.place.office, self.actor, shown)

    def named(self, held: Hold) -> list[PassengerInput]:
        """Who was stored for an unpaid hold."""
        return party.named(self.place.office, self.actor, held.booking_id) if held.is_named else []

    def confirm(self, submission: Submission) -> Sale | Standing:
        """Take the money and issue the tickets; the same submission again is the same sale.

        Returns:
            How the money stands, where more than this part of it is owed.

        Raises:
            AlreadySold: the booking was paid before, under another key.
        """
        office = self.place.office
        try:
            if submission.in_parts:
                return self.money.take_part(submission)
            return sale.confirm(
                office, self.actor, submission.booking_id, submission.passengers, submission.tender,
                key=submission.key, promotions=submission.promotions, printer=self.place.printer_kind,
            )  # fmt: skip
        except StateConflict:
            if self.sale(submission.booking_id).status in ("confirmed", "completed"):
                raise AlreadySold("This booking was paid before.", hint="Do not take the money again.") from None
            raise

    def sale(self, booking_id: UUID) -> Sale:
        """A finished sale as it stands."""
        return sale.find(self.place.office, booking_id)

    def open_work(self) -> OpenWork:
        """What this terminal left unfinished, as the database knows it."""
        office = self.place.office
        holdings = []
        for held in pending.open_work(office, self.actor):
            request = HoldRequest(
                held.journey.schedule_id, held.travel_class.code, held.journey.origin.code,
                held.journey.destination.code, len(held.seats), held.infants,
            )  # fmt: skip
            holdings.append(self._holding(held, request, uuid4()))
        serials = {job.ticket_serial for job in print_journal.open_jobs(office, self.actor)}
        network = office.network()

        def bookings_of(tx: Transaction) -> set[UUID]:
            found = [tickets.by_serial(tx, network, serial) for serial in sorted(serials)]
            return {ticket.booking_id for ticket in found if ticket is not None}

        unprinted = office.database.transaction(bookings_of) if serials else set()
        return OpenWork(tuple(holdings), tuple(sale.find(office, booking_id) for booking_id in sorted(unprinted)))

    # -- tickets ----------------------------------------------------------------------------------------------------

    def print_ticket(self, ticket: TicketRecord) -> str:
        """Print what is queued for a ticket; returns its state. Nothing is printed that was printed before."""
        states = print_queued(self.place, self.actor, [ticket.serial])
        return states.get(ticket.serial) or self.print_state(ticket)

    def print_state(self, ticket: TicketRecord) -> str:
        """A ticket's print state as it stands."""
        office, network = self.place.office, self.place.office.network()
        now = office.database.transaction(lambda tx: tickets.of_booking(tx, network, ticket.booking_id))
        return next((one.print_state for one in now if one.serial == ticket.serial), ticket.print_state)

    def unanswered_job(self, ticket: TicketRecord) -> Job | None:
        """The print job of a ticket that a printer was given and never answered for."""
        jobs = print_journal.open_jobs(self.place.office, self.actor)
        mine = [job for job in jobs if job.ticket_serial == ticket.serial and job.state in ("sent", "unknown")]
        return mine[-1] if mine else None

    def settle(self, job: Job, *, printed: bool) -> None:
        """Record what the clerk sees: the paper is there, or it is not."""
        if job.state == "sent":  # the terminal stopped while it was printing: nobody will answer for it any more
            print_journal.settle(self.place.office, self.actor, job, "unknown")
            job = replace(job, state="unknown")
        print_journal.settle(self.place.office, self.actor, job, "confirmed" if printed else "cancelled")

    def print_copy(self, ticket: TicketRecord, reason: str) -> str:
        """Print a marked copy and put it on record; returns its state."""
        tickets.order_copy(self.place.office, self.actor, ticket.number, reason, self.place.printer_kind)
        return self.print_ticket(ticket)

    def preview(self, ticket: TicketRecord) -> list[str]:
        """A ticket as lines of text."""
        return preview(self.place, ticket)

    def scanned(self, text: str) -> BookingFile:
        """The booking that a scanned ticket belongs to.

        Raises:
            Refused: the code is forged or none of this railway's (``ticket_forged``, ``ticket_unknown``).
        """
        office = self.place.office
        read = decode(text, issuer=office.operator.issuer, public_keys=office.public_keys)
        payload = read.payload
        if read.reading is Reading.FORGED:
            raise Refused("This code is forged.", code="ticket_forged", hint="Keep the ticket; ask a supervisor.")
        network = office.network()
        ticket = (
            office.database.transaction(lambda tx: tickets.by_serial(tx, network, payload.ticket_serial))
            if payload is not None
            else None
        )
        if ticket is None:
            raise Refused(
                "This is no ticket of this railway.", code="ticket_unknown", hint="Look the booking up by its number."
            )
        return lookup.booking(office, self.actor, ticket.booking_number)


def _fee(policies: Policies, trip: Journey) -> int:
    return policies.get(policy.BOOKING_FEE, station_id=trip.origin.id, train_id=trip.train.id)


def leaves_in(trip: Journey, day: date, part: TimeOfDay | None) -> bool:
    """Whether a train leaves in that part of the day; the evening reaches into the small hours of the next one."""
    if part is None:
        return True
    hour = trip.departs_at.hour + _DAY_HOURS * (trip.departs_at.date() - day).days
    first, end = part.hours
    return first <= hour < end
