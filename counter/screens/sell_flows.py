"""How a sale goes on from step to step: search, hold, seats, passengers, money.

What belongs here: the order of questions to the library and of dialogs. Every flow runs under the guard of
``sell_turns``; what it changes is the ``SaleDraft``; what is seen is drawn afterwards by ``counter.screens.sell``.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from textual import work

from core.booking import AlreadySold, HoldRequest
from core.errors import (
    CounterError,
    DatabaseUnreachable,
    HoldExpired,
    NotEnoughSeats,
    OutcomeUnknown,
    Refused,
    SeatTaken,
    StateConflict,
    Unreachable,
)
from core.identity import PassengerType
from core.money import grouped
from core.payments import Tender
from core.payments.standing import Standing
from core.pending import Hold
from core.search import Offer
from counter.dialogs.seats import SeatsDialog, coach_views
from counter.i18n import _, counted, reworded
from counter.screens.sale_draft import CASH, Holding, SaleDraft, Spot, Step, Submission
from counter.screens.sell_desk import Found, SaleDesk
from counter.screens.sell_offers import journey_in_words
from counter.screens.sell_passengers import seats_in_words
from counter.screens.sell_turns import Turns


class SaleFlows(Turns):
    """The flows; see the module's docstring. The screen that is drawn builds upon it."""

    def __init__(self) -> None:
        super().__init__()
        self.draft = SaleDraft()
        self.found: Found | None = None
        self.parked: list[SaleDraft] = []
        self.trouble = ""
        self.seats_dialog: SeatsDialog | None = None

    @property
    def desk(self) -> SaleDesk:
        """The library, for whoever works here.

        Raises:
            DatabaseUnreachable: the workplace is not open.
        """
        place, actor = self.counter.workplace, self.counter.actor
        if place is None or actor is None:
            raise DatabaseUnreachable("The database does not answer.", hint="What was typed is kept; try again.")
        return SaleDesk(place, actor)

    # To be overridden

    def chosen_offer(self) -> Offer | None:
        """The offer under the cursor."""
        raise NotImplementedError

    async def seat_passengers(self) -> None:
        """Make the lines of the party."""
        raise NotImplementedError

    def show_offers(self, keep: Offer | None) -> None:
        """Show what was found, the cursor on the offer to keep."""
        raise NotImplementedError

    def put_line(self, line: str) -> None:
        """Set the entry line."""
        raise NotImplementedError

    def sold(self) -> None:
        """A sale is finished: its tickets can be printed."""
        raise NotImplementedError

    def ready_for_next(self) -> None:
        """Begin with the next customer."""
        raise NotImplementedError

    def part_taken(self, standing: Standing) -> None:
        """A part was paid, and more is owed."""
        raise NotImplementedError

    # -- offers -----------------------------------------------------------------------------------------------------

    async def search(self) -> None:
        """Ask the timetable what the draft's question says."""
        entry = self.draft.entry
        assert entry is not None
        self.found = found = await self.counter.in_thread(partial(self.desk.search, entry))
        self.draft.offered = bool(found.offers)
        self.show_offers(None)
        if not found.offers:
            self._say_why_nothing(found)
        elif self.draft.is_one_line_sale and (offer := self._the_one_meant(found)) is not None:
            await self.hold(offer)

    def _say_why_nothing(self, found: Found) -> None:
        entry = self.draft.entry
        assert entry is not None
        assert entry.origin is not None
        assert entry.destination is not None
        between = {"origin": entry.origin.name, "destination": entry.destination.name}
        if not found.is_direct:
            self.warn(_("No direct train goes from {origin} to {destination}.", **between))
        elif found.others:
            self.warn(counted("No train in that part of the day; there is {n} offer at other times.",
                              "No train in that part of the day; there are {n} offers at other times.",
                              found.others))  # fmt: skip
        else:
            self.warn(_("No train from {origin} to {destination} is on sale that day.", **between),
                      _("Try another day or class."))  # fmt: skip

    def _the_one_meant(self, found: Found) -> Offer | None:
        """The earliest train with room, if the line leaves no doubt about the class."""
        with_room = [offer for offer in found.offers if offer.available >= self.draft.seats]
        classes = {offer.travel_class.code for offer in with_room}
        return with_room[0] if len(classes) == 1 else None

    async def refresh_offers(self) -> None:
        """The same question again, quietly, after something changed."""
        entry = self.draft.entry
        if entry is None:
            return
        keep = self.chosen_offer()
        self.found = await self.counter.in_thread(partial(self.desk.search, entry))
        self.draft.offered = bool(self.found.offers)
        self.show_offers(keep)

    # -- seats ------------------------------------------------------------------------------------------------------

    async def hold(self, offer: Offer) -> None:
        """Hold the best seats for the party at once, and go on to the passengers."""
        trip, draft = offer.journey, self.draft
        request = HoldRequest(
            trip.schedule_id, offer.travel_class.code, trip.origin.code, trip.destination.code,
            draft.seats, draft.infants,
        )  # fmt: skip
        try:
            held = await self.counter.in_thread(partial(self.desk.hold, request, draft.key_for(request)))
        except Refused as refusal:
            draft.forget_key()
            if isinstance(refusal, NotEnoughSeats):
                await self.refresh_offers()
            raise
        self.line.clear()
        await self._take(held)
        if draft.is_one_line_sale:
            self.go_to(draft.first_missing())

    async def _take(self, held: Holding) -> None:
        self.draft.hold(held)
        self.trouble = ""
        await self.seat_passengers()

    async def hold_again(self) -> None:
        """After the time ran out: the same seats if they are free, else others; the passengers stay."""
        draft = self.draft
        assert draft.holding is not None
        lost, request = draft.holding.hold, draft.holding.request
        before, paying = {seat.id for seat in lost.seats}, draft.paying
        again = await self.counter.in_thread(partial(self.desk.hold_again, lost, request, draft.key_for(request)))
        await self._take(again)
        draft.paying = paying and draft.first_missing() is None
        same = {seat.id for seat in again.hold.seats} == before
        sentence = _("Held again, the same seats.") if same else _("Held again, other seats: {seats}.",
                                                                   seats=seats_in_words(draft))  # fmt: skip
        self.say(sentence)

    async def seats(self) -> None:
        """The seat map: on the held seats, or on those held for the offer under the cursor."""
        if self.draft.step is Step.OFFERS:
            offer = self.chosen_offer()
            if offer is None:
                return
            await self.hold(offer)
        draft, notice = self.draft, ""
        assert draft.held is not None
        draft.move(await self.counter.in_thread(partial(self.desk.still_held, draft.held)))
        while True:
            held = draft.held
            chosen = await self._choose_seats(held, notice)
            if chosen is None or set(chosen) == {seat.id for seat in held.seats}:
                break
            try:
                draft.move(await self.counter.in_thread(partial(self.desk.change_seats, held, chosen)))
            except SeatTaken as taken:
                notice = f"{reworded(taken.message)} {_('You keep the seats you had; choose others.')}"
                continue
            self.say(_("Seats: {seats}", seats=seats_in_words(draft)))
            break

    async def _choose_seats(self, held: Hold, notice: str) -> tuple[int, ...] | None:
        mine = tuple(seat.id for seat in held.seats)
        look = partial(self.desk.seat_map, held.journey, held.travel_class.id, mine)
        coaches = coach_views(await self.counter.in_thread(look), held.travel_class.code)
        self.seats_dialog = SeatsDialog(journey_in_words(held.journey), coaches, mine, look, notice)
        try:
            return await self.counter.ask(self.seats_dialog)
        finally:
            self.seats_dialog = None

    # -- passengers -------------------------------------------------------------------------------------------------

    def go_to(self, spot: Spot | None) -> None:
        """The next field, or the money once everybody is known."""
        if spot is not None:
            self.draft.spot = spot
            return
        try:
            self.draft.pay()
        except Refused as refusal:
            self.report(refusal)
        else:
            self._remember(self.draft)

    @work(name="remember")
    async def _remember(self, draft: SaleDraft) -> None:
        """Store who travels while the money is counted; a terminal that dies now finds them again."""
        assert draft.held is not None
        name = partial(self.desk.name_passengers, draft.held, draft.passengers(), tuple(draft.price.codes))
        with suppress(CounterError):  # whatever is wrong is said when the money is taken
            await self.counter.in_thread(name)

    async def change_type(self, line: int, kind: PassengerType) -> None:
        """Make a traveller of another kind; where that changes the number of seats, the hold follows."""
        draft = self.draft
        old = draft.holding
        assert old is not None
        if not draft.needs_other_seats(line, kind):
            draft.set_type(line, kind)
            await self.seat_passengers()
            return
        before, keep = draft.party[line].type, [seat.label for seat in old.hold.seats]
        if kind is PassengerType.INFANT:
            keep.remove(draft.seat_of(line))
        draft.set_type(line, kind)
        request = HoldRequest(
            old.request.schedule_id, old.request.class_code, old.request.origin, old.request.destination,
            draft.seats, draft.infants,
        )  # fmt: skip
        try:
            held, refusal = await self.counter.in_thread(partial(self.desk.hold_other_number, old, request, keep))
        except CounterError:
            draft.set_type(line, before)
            draft.expire()  # the seats may have been given back: nobody pays for what may not be held
            raise
        if refusal:
            draft.set_type(line, before)
        await self._take(held)
        draft.spot = Spot(line, "name")
        if refusal:
            self.warn(reworded(refusal), _("The party stays as it was."))
        else:
            self.say(_("Seats: {seats}", seats=seats_in_words(draft)))

    # -- money ------------------------------------------------------------------------------------------------------

    async def take_money(self, tendered: int) -> None:
        """Take cash."""
        await self.take(Tender(CASH, tendered=tendered))

    async def take(self, tender: Tender) -> None:
        """Confirm the sale, or take a part; asked again after a lost answer it is word for word the same request."""
        draft = self.draft
        submission: Submission = draft.submit(tender)
        try:
            done = await self.counter.in_thread(partial(self.desk.confirm, submission))
        except OutcomeUnknown:
            draft.lost_answer()
            self.warn(
                _("The database went away; was this sale saved?"),
                _("It asks again by itself."),
            )
            return
        except Unreachable:
            if not draft.outcome_unknown:
                draft.refused()  # nothing was saved
            raise
        except AlreadySold as paid:
            draft.finish(await self.counter.in_thread(partial(self.desk.sale, submission.booking_id)))
            self.report(paid)
            return
        except (HoldExpired, StateConflict) as lost:
            draft.refused()
            if lost.reason != "payment_under_way":
                draft.expire()
            raise
        except CounterError:
            draft.refused()
            raise
        if tender.method == CASH:
            self.counter.drawer.kick()
        if isinstance(done, Standing):
            draft.refused()
            self.part_taken(done)
            return
        draft.finish(done)
        self.say(_("Paid {paid}. Booking {number}.", paid=grouped(done.paid), number=done.booking_number))
        self.sold()
