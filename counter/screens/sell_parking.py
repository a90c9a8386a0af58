"""Sales put aside and brought back: parked ones with everything typed, and what this terminal left unfinished.

What belongs here: leaving a held sale, the list to choose from, and what became of a hold meanwhile. A hold that is
parked runs on; it is held longer when it is brought back, and when it has run out that is said.
"""

from __future__ import annotations

from functools import partial

from rich.table import Table
from rich.text import Text

from core.errors import HoldExpired, StateConflict, Unreachable
from core.pending import Hold
from core.timetable import Journey
from counter.dialogs.choice import Choice
from counter.i18n import _, day_in_words
from counter.screens.sale_draft import Holding, SaleDraft
from counter.screens.sell_desk import Lexis
from counter.screens.sell_flows import SaleFlows
from counter.screens.sell_passengers import hold_in_words, seats_in_words
from counter.screens.sell_question import read
from counter.symbols import drawn, symbols


class ParkingFlows(SaleFlows):
    """The flows; see the module's docstring. ``lexis`` is what the entry line understands, once it is known."""

    def __init__(self) -> None:
        super().__init__()
        self.lexis: Lexis | None = None

    async def leave(self) -> None:
        """Step out of a held sale: parked with everything typed, or given up."""
        held = self.draft.held
        assert held is not None
        if self.draft.expired:
            self.draft.release()
            await self.refresh_offers()
            return
        question = _("{seats} are held. What about them?", seats=seats_in_words(self.draft))
        choices = [
            ("park", _("Park: keep them, serve somebody else, F9 brings this back")),
            ("give_up", _("Give them up: back to the offers, what was typed stays")),
        ]
        answer = await self.counter.ask(Choice(question, choices))
        if answer == "park":
            self.park()
        elif answer == "give_up":
            await self.counter.in_thread(partial(self.desk.give_up, held))
            self.draft.release()
            self.say(_("The seats were given back."))
            await self.refresh_offers()

    def park(self) -> None:
        """Put the sale aside with everything typed."""
        self.parked.append(self.draft)
        number = self.draft.held.booking_number if self.draft.held else ""
        self.ready_for_next()
        self.say(_("Parked as {number}. F9 brings it back.", number=number))

    def watch_parked(self, now: float) -> None:
        """Say once of every parked sale that its hold has ended, when nothing more urgent is being said."""
        if self.busy or (self.line.message is not None and self.line.message[0] != "info"):
            return
        for draft in self.parked:
            if draft.held is not None and not draft.expired and not draft.seconds_left(now):
                draft.expire()
                self.warn(_("The parked sale {number} is no longer held.", number=draft.held.booking_number),
                          _("F9 brings back what was typed."))  # fmt: skip
                return

    # -- bringing back ------------------------------------------------------------------------------------------------

    async def recall(self) -> None:
        """Bring back a parked sale, or something this terminal left unfinished."""
        found, trouble = [], None
        try:
            work = await self.counter.in_thread(self.desk.open_work)
        except Unreachable as error:
            trouble = error
        else:
            known = {one.held.booking_id for one in (*self.parked, self.draft) if one.held is not None}
            found = [self._found_again(held) for held in work.holdings if held.hold.booking_id not in known]
            found += [SaleDraft(sale=sale) for sale in work.unprinted if self.draft.sale is None
                      or sale.booking_id != self.draft.sale.booking_id]  # fmt: skip
        choices = [*reversed(self.parked), *found]
        if not choices:
            if trouble is not None:
                raise trouble
            self.say(_("Nothing is parked, and this terminal has left nothing unfinished."))
            return
        now = self.now()
        lines = [(place, recall_row(draft, now)) for place, draft in enumerate(choices)]
        answer = await self.counter.ask(Choice(_("Bring back which sale?"), lines))
        if answer is not None:
            await self._bring_back(choices[answer])

    def _found_again(self, held: Holding) -> SaleDraft:
        """What the terminal was at before it stopped, with the question that leads there."""
        draft = SaleDraft()
        draft.hold(held)
        if self.lexis is not None:
            draft.ask(read(question_for(held.hold), self.lexis))
            draft.offered = True
        return draft

    async def _bring_back(self, draft: SaleDraft) -> None:
        if draft.held is not None and all(draft.is_blank(line) for line in range(len(draft.party))):
            named = await self.counter.in_thread(partial(self.desk.named, draft.held))
            if named:
                draft.recall(named)
        if self.draft.is_open:
            self.parked.append(self.draft)
        self.parked = [one for one in self.parked if one is not draft]
        self.ready_for_next()
        self.draft = draft
        self.line.clear()
        self.put_line(draft.line)
        if draft.sale is None:
            await self.seat_passengers()
            await self.hold_on(draft)

    async def hold_on(self, draft: SaleDraft) -> None:
        """The clerk is at it again: hold the seats longer, or say that they are gone."""
        held = draft.held
        assert held is not None
        if not draft.seconds_left(self.now()):
            self.tell_expired()
            return
        try:
            draft.extend(await self.counter.in_thread(partial(self.desk.extend, held)))
        except (HoldExpired, StateConflict):
            self.tell_expired()
        except Unreachable as error:
            self.report(error)  # the clock goes on

    def tell_expired(self) -> None:
        """The hold of the sale in hand has run out."""
        self.draft.expire()
        self.warn(_("The hold has ended; what was typed is kept."), _("F5 holds seats again."))


def question_for(held: Hold) -> str:
    """What somebody typed, or could have, to get this hold."""
    trip, seats = held.journey, len(held.seats)
    party = f"{seats}a{held.infants}i" if held.infants else f"{seats}a"
    words = (trip.origin.code, trip.destination.code, f"{trip.day.day}/{trip.day.month}", party, held.travel_class.code)
    return " ".join(words).lower()


def recall_row(draft: SaleDraft, now: float) -> Table:
    """A sale on one line: number, first name, day and train, what became of it."""
    if draft.sale is not None:
        number, trip = draft.sale.booking_number, draft.sale.tickets[0].journey
        names = [ticket.passenger_name for ticket in draft.sale.tickets]
        waiting = sum(1 for ticket in draft.sale.tickets if ticket.print_state in ("queued", "unknown"))
        state = _("paid, {n} not printed", n=waiting)
    else:
        assert draft.held is not None
        number, trip = draft.held.booking_number, draft.held.journey
        names = [one.name.strip() for one in draft.party]
        state = hold_in_words(draft, now)
    row = Table.grid(padding=(0, 1, 0, 0), expand=True)
    row.add_column(width=7, no_wrap=True)
    row.add_column(width=14, no_wrap=True, overflow="ellipsis")
    row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    row.add_column(width=20, no_wrap=True, overflow="ellipsis", justify="right")
    name = next(filter(None, names), "") or seats_in_words(draft)
    row.add_row(*(Text(drawn(cell)) for cell in (number, name, _trip(trip), state)))
    return row


def _trip(trip: Journey) -> str:
    return f"{day_in_words(trip.day)} {symbols().dot} {trip.train.number} {trip.train.name}"
