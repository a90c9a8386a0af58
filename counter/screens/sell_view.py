"""What is drawn on the sell screen: the parts, what each step shows, and where the cursor stands.

What belongs here: from the ``SaleDraft`` to the widgets, and from what is typed back into the draft. What keys do is
``counter.screens.sell``; the parts themselves have files of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from textual import events, on, work
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList

from core.errors import CounterError
from core.search import Offer
from core.tickets import TicketRecord
from counter.i18n import LanguageChanged, _
from counter.screens.sale_draft import SaleDraft, Step
from counter.screens.sell_fare import Charges, FareSummary
from counter.screens.sell_fields import CashInput, PlainInput, too_long
from counter.screens.sell_finished import ChangePanel, FinishedPanel
from counter.screens.sell_map import LiveMap
from counter.screens.sell_money import MoneyFlows
from counter.screens.sell_offers import OffersPanel, OffersTable, detail_content
from counter.screens.sell_passengers import PassengersPanel, notes_on
from counter.screens.sell_payment import PaymentPanel
from counter.screens.sell_question import EXAMPLE, QuestionLine
from counter.screens.sell_words import Words
from counter.symbols import drawn, in_ascii, symbols

_Q, _O, _P, _M, _F = Step.QUESTION, Step.OFFERS, Step.PASSENGERS, Step.PAYMENT, Step.FINISHED
#: Part → the steps that show it.
_SHOWN = {
    "#advice": {_Q}, "#offers-panel": {_O}, "#passengers-panel": {_P, _M}, "#finished-panel": {_F},
    "#offer-detail": {_O}, "#passenger-notes": {_P}, "#payment": {_M}, "#change-panel": {_F},
}  # fmt: skip


class SellView(MoneyFlows):
    """The drawing; see the module's docstring."""

    CSS_PATH = "sell.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-high")]
        self._looks = False
        self._line_read = ""

    def compose_work(self) -> Iterable[Widget]:
        """The question, the work in the middle, what is said about it, the money."""
        yield QuestionLine(id="question")
        with Container(id="desk"):
            with Container(id="middle"):
                yield Words("", id="advice")
                yield OffersPanel(id="offers-panel")
                yield PassengersPanel(id="passengers-panel")
                yield LiveMap(id="live-map")
                yield FinishedPanel(id="finished-panel")
            with Container(id="detail"):
                yield Words("", id="offer-detail")
                yield Words("", id="passenger-notes")
                yield PaymentPanel(id="payment")
                yield ChangePanel(id="change-panel")
            yield FareSummary(id="fare")

    # -- what is drawn ------------------------------------------------------------------------------------------------

    @property
    def question(self) -> QuestionLine:
        """The entry line and its meaning."""
        return self.query_one(QuestionLine)

    @property
    def passengers(self) -> PassengersPanel:
        """The lines of the party."""
        return self.query_one(PassengersPanel)

    def show(self) -> None:
        """Draw the draft as it is now."""
        draft, step = self.draft, self.draft.step
        self.set_class(in_ascii(), "-ascii")
        for selector, steps in _SHOWN.items():
            self.query_one(selector).display = step in steps
        self.query_one(LiveMap).display = step in (_P, _M) and self.has_room_for_map
        self.question.input.disabled = step not in (_Q, _O)
        self.question.input.placeholder = EXAMPLE if step is _Q else ""
        self.query_one(PaymentPanel).disabled = draft.outcome_unknown
        self.passengers.disabled = draft.outcome_unknown or draft.money.is_fixed
        self.passengers.set_class(step is _M, "-known")
        if step is _Q:
            home = self.lexis.home if self.lexis is not None else None
            self.query_one("#advice", Words).say(_advice(home))
        elif step in (_P, _M):
            self.passengers.put_into_words(draft, self.now())
            self.show_notes()
        elif draft.sale is not None:
            self.query_one(ChangePanel).show(draft.sale)
            self.show_tickets()
        if step is _M and draft.held is not None:
            self.query_one(PaymentPanel).ask_for(draft.to_pay, draft.tendered, owed=draft.owed)
        self.show_fare()
        self.refresh_bindings()

    def show_fare(self) -> None:
        """What it costs: by the offer under the cursor, then by the hold, then as paid."""
        draft, charges, word = self.draft, None, _("TO PAY")
        if draft.held is not None:
            charges = Charges.of_hold(draft.held, draft.quote, draft.sale)
        elif draft.sale is None and draft.offered and self.found is not None and (offer := self.chosen_offer()):
            fee = self.found.fees.get(offer.journey.train.id, 0)
            charges = Charges.of_offer(offer, draft.seats, draft.infants, fee)
        if draft.sale is not None:
            word = _("PAID")
        elif charges is not None and draft.money.parts:
            self.query_one(FareSummary).show_parts(draft.due, draft.money.parts, draft.owed)
            return
        self.query_one(FareSummary).show(charges, word)

    def show_notes(self) -> None:
        """What is said about the passenger under the cursor."""
        notes = notes_on(self.draft, min(self.draft.spot.line, len(self.draft.party) - 1), self.trouble)
        self.query_one("#passenger-notes", Words).say(notes)

    def show_tickets(self) -> None:
        """The finished sale's tickets and what became of their paper."""
        if self.draft.sale is not None:
            self.query_one(FinishedPanel).show(self.draft.sale, self.print_states)

    def show_offers(self, keep: Offer | None) -> None:
        """What was found."""
        if self.found is not None and self.draft.entry is not None:
            self.query_one(OffersPanel).show(self.found.offers, self.draft.seats, self.draft.entry.day, keep)
        self._show_detail()

    def _show_detail(self) -> None:
        self.query_one("#offer-detail", Words).say(detail_content(self.chosen_offer(), self.draft.seats))

    def place_cursor(self) -> None:
        """The focus follows the step."""
        step = self.draft.step
        target: Widget | None = None
        if step is _Q:
            target = self.question.input
        elif step is _O:
            target = self.query_one(OffersTable)
        elif step is _P:
            target = self.passengers.field(self.draft.spot)
        elif step is _M:
            target = None if self.draft.outcome_unknown else self.query_one(CashInput)
        else:
            target = self.query_one(FinishedPanel).tickets
        self.set_focus(target)

    def chosen_offer(self) -> Offer | None:
        """The offer under the cursor."""
        return self.query_one(OffersPanel).chosen

    def chosen_ticket(self) -> TicketRecord | None:
        """The ticket under the cursor."""
        return self.query_one(FinishedPanel).chosen

    async def seat_passengers(self) -> None:
        """A line for everybody."""
        await self.passengers.seat(self.draft, self.now())

    def ready_for_next(self) -> None:
        """An empty line for the next customer; Up brings back the one that stood there."""
        self.question.input.remember(self.question.input.value)
        self.draft, self.trouble = SaleDraft(), ""
        self.put_line("")

    def put_line(self, line: str) -> None:
        self._line_read = line
        self.question.input.put(line)
        self.question.understand()

    # -- the map beside the passengers, where there is room -----------------------------------------------------------

    @property
    def has_room_for_map(self) -> bool:
        """Whether the seats are drawn beside the passengers."""
        return self.has_class("-wide") and self.has_class("-high")

    def on_resize(self) -> None:
        """There may be room for the map now, or no longer."""
        self.call_after_refresh(self.show)

    @work(name="live map")
    async def follow_map(self) -> None:
        """Look how the seats of the held class stand now."""
        held = self.draft.held
        if held is None or self._looks or not (self.has_room_for_map and self.is_current):
            return
        mine = tuple(seat.id for seat in held.seats)
        self._looks = True
        try:
            look = partial(self.desk.seat_map, held.journey, held.travel_class.id, mine)
            coaches = await self.counter.in_thread(look)
        except CounterError:
            return  # the state bar says it; the map stays as it was
        finally:
            self._looks = False
        if self.draft.held is held:
            await self.query_one(LiveMap).show(held, coaches)

    # -- what is typed ------------------------------------------------------------------------------------------------

    # A key such as Enter climbs to the screen before the messages about the text it was typed behind: whoever acts on
    # a key reads the fields first, and these handlers do nothing about what was read, or filled in, already.

    def read_entry(self) -> None:
        """Take over the entry line as it stands."""
        line = self.question.input.value
        if line == self._line_read:
            return
        self._line_read = line
        self.touch()
        self.line.clear()
        self.question.understand()
        if self.draft.step is _O:
            self.draft.offered = False
            self.show()
        if not line.strip() and self.draft.step is _Q:
            self.draft = SaleDraft()  # what was typed before belonged to another customer

    @on(Input.Changed, "#entry")
    def _entry_changed(self) -> None:
        self.read_entry()

    @on(Input.Changed, "#cash")
    def _cash_changed(self, message: Input.Changed) -> None:
        self.touch()
        self.draft.tendered = message.input.value

    def read_passenger(self, place: int) -> None:
        """Take over what stands in a passenger's fields."""
        if not self.draft.is_open or place >= len(self.draft.party):
            return
        line, traveller = self.passengers.lines[place], self.draft.party[place]
        name, identity = line.field("name").value, line.field("identity").value
        if (name, identity) != (traveller.name, traveller.identity):
            self.touch()
            traveller.name, traveller.identity, self.trouble = name, identity, ""
            line.put_into_words(self.draft)
            self.show_notes()

    def read_all(self) -> None:
        """Take over everything typed, before the sale is left or changed."""
        for place in range(len(self.draft.party)):
            self.read_passenger(place)
        if self.draft.step is _M:
            self.draft.tendered = self.query_one(CashInput).value

    @on(Input.Changed, ".name, .identity")
    def _passenger_changed(self, message: Input.Changed) -> None:
        spot = self.passengers.spot_of(message.input)
        if spot is not None:
            self.read_passenger(spot.line)

    def on_plain_input_too_long(self, message: PlainInput.TooLong) -> None:
        """More than fits into a field was typed or pasted; nothing of it was taken, nor the Enter behind it."""
        self.counter.drop_keys(self)
        self.warn(too_long(message))

    def on_descendant_focus(self, message: events.DescendantFocus) -> None:
        """Another field: its passenger is the one that is talked about."""
        spot = self.passengers.spot_of(message.widget)
        if spot is None or not self.draft.is_open:
            return
        if spot.line != self.draft.spot.line:
            self.trouble = ""
        self.draft.spot = spot
        if self.draft.step is _M:
            self.draft.paying = False
            self.show()
        self.show_notes()

    @on(OptionList.OptionHighlighted, "#offers")
    def _offer_highlighted(self) -> None:
        self.touch()
        self._show_detail()
        self.show_fare()

    def on_language_changed(self, _message: LanguageChanged) -> None:
        """Everything in words again; what was typed stays."""
        self.question.understand()
        if self.found is not None and self.draft.step is _O and self.draft.entry is not None:
            self.query_one(OffersPanel).put_into_words(self.draft.seats, self.draft.entry.day)
            self._show_detail()
        self.show()


def _advice(home: str | None) -> Content:
    """How to ask, for whoever is new here; nobody asks for the station he is at."""
    code, name = ("yk", "Yogyakarta") if home == "GMR" else ("gmr", "Gambir")
    examples = (
        (code, _("to {station} today, one adult", station=name)),
        (f"{code} 25 2a1i eks", _("on the 25th, two adults and an infant, executive")),
        ("bd sgu +1 pagi", _("from Bandung to Surabaya tomorrow morning")),
        ("gubeng besok ka60", _("station names, days and train numbers in any order")),
    )
    lines = [Content.assemble((f"  {line:20}", "bold"), (meaning, "dim")) for line, meaning in examples]
    return Content("\n").join([Content(""), Content.styled(drawn(f"  {_('Ask in one line')} {symbols().arrow}"), "dim"),
                               *lines])  # fmt: skip
