"""Selling: one line asks, Enter by Enter the sale goes on to the change and the tickets.

What belongs here: the keys of the screen, and what time and the database do to a sale. What a sale knows is
``sale_draft``, how it goes on ``sell_flows`` (tickets: ``sell_tickets``), what is drawn ``sell_view``; the parts that
are drawn have files of their own (``sell_*``).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import ClassVar

from textual import work

from core.clock import local
from core.errors import CounterError, Refused, UsageError
from counter.commands import Command
from counter.i18n import _, counted, day_in_words, reworded
from counter.lifeline import DatabaseBack
from counter.screens.sale_draft import SaleDraft, Spot, Step
from counter.screens.sell_fields import CashInput, EntryInput
from counter.screens.sell_question import QuestionLine, missing, problems, read, shifted, with_guess
from counter.screens.sell_view import SellView
from counter.widgets.money_input import MoneyInput

_Q, _O, _P, _M, _F = Step.QUESTION, Step.OFFERS, Step.PASSENGERS, Step.PAYMENT, Step.FINISHED
_STEPS_OF = {
    "search": {_Q}, "clear": {_Q}, "back": {_O, _P, _M, _F}, "take_guess": {_Q},
    "hold": {_O}, "day_before": {_O}, "day_after": {_O}, "next_field": {_P},
    "line_before": {_P}, "line_after": {_P}, "take_money": {_M}, "choose_note": {_M}, "next_customer": {_F},
    "seats": {_O, _P, _M}, "type": {_P}, "reduction": {_P}, "promotion": {_P}, "hold_again": {_P, _M}, "park": {_P, _M},
    "pay_card": {_M}, "pay_qris": {_M}, "pay_wallet": {_M}, "pay_transfer": {_M}, "split": {_M},
    "preview": {_F}, "print_again": {_F},
}  # fmt: skip


#: What means nothing once the seats are gone.
_NEEDS_SEATS = {
    "seats", "type", "reduction", "promotion", "pay_card", "pay_qris", "pay_wallet", "pay_transfer", "split",
}  # fmt: skip


class SellScreen(SellView):
    """The sell workstation; see the module's docstring."""

    # Textual calls its lists of palette providers COMMANDS as well, see Workstation.
    COMMANDS: ClassVar[tuple[Command, ...]] = (  # type: ignore[assignment]
        Command("search", "enter", "search", "Ask the timetable what the line says.", "sell", in_palette=False),
        Command("take_guess", "tab", "take guess", "Take the guess for what was not understood.", in_palette=False),
        Command("hold", "enter", "hold seats", "Hold the best seats on this train at once.", "sell", in_palette=False),
        Command("next_field", "enter", "next", "Go on: name, number, next passenger, money.", in_palette=False),
        Command("take_money", "enter", "take money", "Take the money and issue the tickets.", "sell", in_palette=False),
        Command("pay_card", "f5", "card", "A card, on the bank's machine.", "sell"),
        Command("pay_qris", "f6", "QRIS", "Show a QRIS code for the customer.", "sell"),
        Command("pay_wallet", "f7", "wallet", "A wallet payment, by its number.", "sell"),
        Command("split", "f2", "split", "Pay a part of it now and the rest another way.", "sell"),
        Command("pay_transfer", "f10", "transfer", "A bank transfer, by its number.", "sell"),
        Command("next_customer", "enter", "next", "Go on with the next customer.", in_palette=False),
        Command("day_before", "left", "day −", "Show the day before.", in_palette=False),
        Command("day_after", "right", "day +", "Show the day after.", in_palette=False),
        Command("line_before", "up", "", "Go to the passenger above.", in_palette=False),
        Command("line_after", "down", "", "Go to the passenger below.", in_palette=False),
        Command("choose_note", "a,b,c,d", "", "Put the suggested sum of that letter into the field.", in_palette=False),
        Command("hold_again", "f5", "hold again", "Hold seats again; the passengers stay.", "sell"),
        Command("preview", "p", "preview", "Show the ticket as it is printed."),
        Command("print_again", "r", "print again", "Print the ticket again.", "reprint"),
        Command("seats", "f3", "seats", "Choose seats on the map of the train.", "sell"),
        Command("type", "f4", "type", "Adult, child, infant, senior: change the traveller's type.", "sell"),
        Command("reduction", "f6", "reduce", "Senior, veteran, military: reduce this passenger's fare.", "sell"),
        Command("promotion", "f7", "promo", "Use a promotion code, or take it off.", "sell"),
        Command("park", "f8", "park", "Put this sale aside with everything typed.", "sell"),
        Command("recall", "f9", "recall", "Bring back a parked or unfinished sale.", "sell"),
        Command("clear", "escape", "clear", "Clear the line; Up brings it back.", in_palette=False),
        Command("back", "escape", "back", "Go back by one step.", in_palette=False),
    )

    def __init__(self) -> None:
        super().__init__()
        self._extending = False

    def on_mount(self) -> None:
        """Learn the words of this railway, and look for what was left unfinished here."""
        self.set_interval(1.0, self._tick)
        self.show()
        self.turn(self._learn)
        self.counter.drawer.welcome(self)

    async def _learn(self) -> None:
        self.lexis = await self.counter.in_thread(self.desk.lexis)
        self.query_one(QuestionLine).learn(self.lexis)
        left = await self.counter.in_thread(self.desk.open_work)
        count = len(left.holdings) + len(left.unprinted)
        if count and not self.parked:
            self.warn(counted("{n} sale was left unfinished here.", "{n} sales were left unfinished here.", count),
                      _("F9 shows what is left."))  # fmt: skip

    # -- keys -------------------------------------------------------------------------------------------------------

    def offers(self, command: Command) -> bool:
        """Only what means something at this step."""
        draft = self.draft
        if draft.outcome_unknown:
            return command.id == "take_money"
        steps = _STEPS_OF.get(command.id)
        if steps is not None and draft.step not in steps and not (command.id == "search" and self._in_entry):
            return False
        if command.id in ("hold", "day_before", "day_after") and self._in_entry:
            return False
        if command.id == "take_guess":
            return self._in_entry and self.question.entry is not None and with_guess(self.question.entry) is not None
        if command.id == "hold_again":
            return draft.expired
        if draft.money.is_fixed and command.id in ("seats", "line_before", "line_after"):
            return False
        return not (draft.expired and command.id in _NEEDS_SEATS)

    @property
    def _in_entry(self) -> bool:
        return isinstance(self.focused, EntryInput)

    def action_search(self) -> None:
        """Ask, or say what is not understood."""
        self.read_entry()
        entry = self.question.entry
        if self.lexis is None:
            self.turn(self._learn_first)
        elif entry is None:
            self.say(_("Type where to, and Enter: gmr 25 2a1i eks"))
        elif trouble := next(problems(entry), ""):
            hint = _("Tab takes the guess.") if with_guess(entry) is not None else ""
            self.warn(trouble if trouble.endswith("?") else f"{trouble}.", hint)
        elif trouble := missing(entry):
            self.warn(trouble)
        else:
            self.line.clear()
            self.question.input.remember(entry.line)
            self.draft.ask(entry)
            self.turn(self.search)

    async def _learn_first(self) -> None:
        await self._learn()
        self.call_later(self.action_search)

    def action_take_guess(self) -> None:
        """Replace the first mistake by its guess."""
        self.read_entry()
        better = with_guess(self.question.entry) if self.question.entry else None
        if better is not None:
            self.question.input.put(better)

    def action_hold(self) -> None:
        """Hold seats for the offer under the cursor."""
        offer = self.chosen_offer()
        if offer is not None:
            self.turn(partial(self.hold, offer))

    def action_day_before(self) -> None:
        """The day before."""
        self._other_day(-1)

    def action_day_after(self) -> None:
        """The day after."""
        self._other_day(1)

    def _other_day(self, days: int) -> None:
        entry = self.draft.entry
        if entry is None or self.lexis is None:
            return
        day = entry.day + timedelta(days=days)
        if day < self.lexis.today:
            self.warn(_("{day} is past.", day=day_in_words(day)))
            return
        self.line.clear()
        self.turn(partial(self._search_day, shifted(entry, days)))

    async def _search_day(self, line: str) -> None:
        draft, before = self.draft, self.draft.entry
        assert before is not None
        assert self.lexis is not None
        draft.ask(read(line, self.lexis))
        try:
            await self.search()
        except CounterError:
            draft.ask(before)
            raise
        draft.offered = True
        self.put_line(line)

    def action_next_field(self) -> None:
        """Check the field and go on; a refusal stands beside the line and the cursor goes to what is wrong."""
        self.touch()
        spot = self.passengers.spot_of(self.focused)
        if spot is None:
            self.place_cursor()
            return
        self.read_passenger(spot.line)
        draft, line = self.draft, self.passengers.lines[spot.line]
        if draft.is_blank(spot.line):
            self.say(_("Type the name of passenger {n}.", n=spot.line + 1))
            self._go(Spot(spot.line, "name"))
            return
        try:
            following = draft.enter_name(spot.line) if spot.field == "name" else draft.enter_identity(spot.line)
        except (Refused, UsageError) as refusal:
            self._refuse(spot.line, refusal)
            return
        finally:
            line.fill(draft)
        self.line.clear()
        self.trouble = ""
        if draft.problem(spot.line) is None and (doubts := draft.findings(spot.line)):
            said = " ".join(reworded(doubt.message) for doubt in doubts)
            self.warn(_("Check the card of passenger {n}: {doubts}", n=spot.line + 1, doubts=said))
        self.go_to(following)
        self.show()
        self.place_cursor()

    def _refuse(self, line: int, refusal: CounterError) -> None:
        wrong = self.draft.first_missing(after=line - 1)
        spot = wrong if wrong is not None and wrong.line == line else Spot(line, "identity")
        self._go(spot)
        self.trouble = f"{reworded(refusal.message)} {reworded(refusal.hint)}".rstrip()
        field = self.passengers.field(spot)
        if field is not None:
            field.add_class("-refused")
        self.show()

    def _go(self, spot: Spot) -> None:
        self.draft.spot, self.trouble = spot, ""
        self.set_focus(self.passengers.field(spot))

    def action_line_before(self) -> None:
        """The passenger above."""
        self._move_line(-1)

    def action_line_after(self) -> None:
        """The passenger below."""
        self._move_line(1)

    def _move_line(self, step: int) -> None:
        spot = self.passengers.spot_of(self.focused) or self.draft.spot
        self._go(spot._replace(line=max(0, min(spot.line + step, len(self.draft.party) - 1))))
        self.show_notes()

    def action_seats(self) -> None:
        """The seat map."""
        self.read_all()
        self.turn(self.seats)

    def action_type(self) -> None:
        """The next type of traveller for this line."""
        line = self.draft.spot.line
        self.read_passenger(line)
        self.turn(partial(self.change_type, line, self.draft.next_type(line)))

    def action_hold_again(self) -> None:
        """Seats again, after the time ran out."""
        self.read_all()
        self.turn(self.hold_again)

    async def action_take_money(self) -> None:
        """Take what the field says; ask again, unchanged, while an answer is owed."""
        owed = self.draft.submission if self.draft.outcome_unknown else None
        if owed is not None:
            self.turn(partial(self.take_money, owed.tender.tendered or 0), keep_ahead=False)
        elif self.draft.expired:
            self.action_hold_again()
        else:
            await self.query_one(CashInput).action_submit()

    def on_money_input_entered(self, message: MoneyInput.Entered) -> None:
        """An amount: the sale can be finished."""
        if self.draft.step is _M:
            self.turn(partial(self.take_money, message.amount), keep_ahead=False)

    def on_money_input_rejected(self, message: MoneyInput.Rejected) -> None:
        """No amount."""
        self.warn(reworded(message.message), reworded(message.hint))

    def action_choose_note(self) -> None:
        """The first suggested sum; the field itself takes the letters."""
        self.query_one(CashInput).choose(0)

    def action_next_customer(self) -> None:
        """On to the next one."""
        self.ready_for_next()
        self.line.clear()
        self.show()
        self.place_cursor()

    def action_preview(self) -> None:
        """The ticket on the screen."""
        self.turn(self.preview)

    def action_print_again(self) -> None:
        """The ticket on paper, again."""
        self.turn(self.print_again)

    def action_park(self) -> None:
        """Put the sale aside."""
        self.read_all()
        self.park()
        self.show()
        self.place_cursor()

    def action_recall(self) -> None:
        """Bring a sale back."""
        self.read_all()
        self.turn(self.recall)

    def action_back(self) -> None:
        """One step back; a held sale is never left without saying what becomes of it."""
        self.touch()
        self.read_all()
        step = self.draft.step
        if step is _P or (step is _M and self.draft.money.is_fixed):
            self.turn(self.leave)
            return
        if step is _F:
            self.action_next_customer()
            return
        self.line.clear()
        if step is _M:
            self.draft.paying = False
        elif step is _O:
            self.draft.offered = False
        self.show()
        self.place_cursor()

    def action_clear(self) -> None:
        """An empty line; what stood there is remembered."""
        self.line.clear()
        self.ready_for_next()
        self.show()
        self.place_cursor()

    # -- time and the database ----------------------------------------------------------------------------------------

    @property
    def has_work(self) -> bool:
        """Whether something typed would be lost by signing off."""
        return self.draft.is_open or bool(self.parked)

    def _tick(self) -> None:
        now, draft = self.now(), self.draft
        if self.seats_dialog is not None and self.seats_dialog.touched:
            self.seats_dialog.touched = False
            self.touch()
        if draft.is_open:
            self.passengers.tell_time(draft, now)
            if not draft.expired and not draft.outcome_unknown and not draft.seconds_left(now):
                self._expire()
            elif draft.wants_extension(now, self.last_key) and not self._extending:
                self._extend(draft)
        self.watch_parked(now)
        self._follow_the_day()
        if draft.is_open and self.has_room_for_map:
            self.follow_map()

    def _expire(self) -> None:
        self.tell_expired()
        self.show()

    @work(name="extend")
    async def _extend(self, draft: SaleDraft) -> None:
        held = draft.held
        assert held is not None
        self._extending = True
        try:
            ends_at = await self.counter.in_thread(partial(self.desk.extend, held))
        except CounterError:
            return  # the clock goes on; if it runs out, that is said
        finally:
            self._extending = False
        if draft.held is not None and draft.held.booking_id == held.booking_id:
            draft.extend(ends_at)

    def _follow_the_day(self) -> None:
        place, now = self.counter.workplace, self.counter.lifeline.clock.now
        if self.lexis is None or place is None or now is None:
            return
        today = local(now, place.office.operator.time_zone).date()
        if today != self.lexis.today:
            self.lexis = replace(self.lexis, today=today)
            self.question.learn(self.lexis)

    def on_database_back(self, _message: DatabaseBack) -> None:
        """The answer that is owed is asked for again; the same request, so the same sale."""
        owed = self.draft.submission if self.draft.outcome_unknown else None
        if owed is not None:
            self.turn(partial(self.take_money, owed.tender.tendered or 0), keep_ahead=False)
        elif self.lexis is None:
            self.turn(self._learn)
        elif self.line.message is not None and self.line.message[0] == "error":
            self.say(_("The database is back: the same key goes on."))
