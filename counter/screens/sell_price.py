"""Promotions and reductions on the sell screen: asked for, priced before the money is counted, taken off again.

What belongs here: the two dialogs' flows, and asking for the price whenever something it depends on has changed. What a
code or a document is worth is decided by the library.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from rich.table import Table
from rich.text import Text
from textual.worker import Worker

from core.entitlement_register import Possibility, Registration
from core.entitlements import SENIOR, EntitlementRefused
from core.errors import CounterError, Refused, UsageError
from core.identity import PassengerType, parse_identity
from core.money import grouped
from core.payments import Tender
from core.permissions import allowed
from core.promotions import PromotionRefused, normalised
from counter.dialogs.choice import Choice
from counter.dialogs.promotion import PromotionDialog
from counter.dialogs.registering import Registering
from counter.i18n import _, reworded, sentences_of
from counter.screens.sale_draft import SaleDraft, Spot
from counter.screens.sell_tickets import TicketFlows
from counter.screens.sell_turns import Flow
from counter.symbols import drawn


class PriceFlows(TicketFlows):
    """The flows; see the module's docstring."""

    # To be overridden

    def read_all(self) -> None:
        """Take over everything typed."""

    # -- the price follows the sale -----------------------------------------------------------------------------------

    def turn(self, flow: Flow, *, keep_ahead: bool = True) -> Worker[None] | None:
        """Every flow ends with a price that fits what it changed."""
        return super().turn(partial(self._priced, flow), keep_ahead=keep_ahead)

    async def _priced(self, flow: Flow) -> None:
        try:
            await flow()
        except (PromotionRefused, EntitlementRefused):
            self.draft.price.forget()
            await self.requote(quietly=True)
            raise
        await self.requote()

    def go_to(self, spot: Spot | None) -> None:
        """The next field or the money; the price is asked for again where it may have changed."""
        super().go_to(spot)
        if self.draft.needs_quote:
            self.turn(self.requote)

    async def requote(self, *, quietly: bool = False) -> None:
        """Ask what the sale costs now, if that is not known."""
        draft = self.draft
        if not draft.needs_quote:
            return
        assert draft.held is not None
        ask = partial(self.desk.quote, draft.held, draft.half_typed(), tuple(draft.price.codes))
        quote = await self.counter.in_thread(ask)
        given_up = draft.take_quote(quote)
        for refusal in () if quietly else given_up.values():
            self.warn(reworded(refusal.message), _("The promotion was taken off."))
        self._stop_at_refusal(draft)

    def _stop_at_refusal(self, draft: SaleDraft) -> None:
        """Nobody pays while a reduction is claimed that is not given; a senior without one pays the full fare."""
        refused = draft.quote.refused_reductions if draft.quote else {}
        for line, refusal in refused.items():
            if draft.paying and draft.party[line].reduction is not None:
                draft.paying, draft.spot = False, Spot(line, "identity")
                self.report(refusal)
                return

    async def take(self, tender: Tender) -> None:
        """Confirm the sale at the price that was seen: where it could not be asked for, that comes first."""
        if self.draft.outcome_unknown or await self.price_stands():
            await super().take(tender)

    async def price_stands(self) -> bool:
        """Whether the price that was seen is the one that will be charged; else it says so."""
        before = self.draft.due
        await self.requote()
        if self.draft.due != before and self.draft.paying:
            self.warn(_("The price has changed: {due} is to be paid.", due=grouped(self.draft.due)))
            return False
        return self.draft.paying

    # -- promotions ---------------------------------------------------------------------------------------------------

    def action_promotion(self) -> None:
        """A promotion code."""
        self.read_all()
        if self._may_change_price():
            self.turn(self.choose_promotion)

    def _may_change_price(self) -> bool:
        held = self.draft.held
        if held is not None and held.is_priced:
            self.say(_("This sale is being paid: its price stands."))
            return False
        return True

    async def choose_promotion(self) -> None:
        """Ask for a code until one applies, or take off those there are."""
        draft, typed, notice = self.draft, "", ""
        await self.requote()
        while True:
            uses = draft.quote.uses if draft.quote else ()
            answer = await self.counter.ask(PromotionDialog(uses, typed, notice))
            if answer is None:
                return
            if not answer:
                draft.price.codes.clear()
                self.say(_("No promotion is used."))
                return
            typed = answer
            try:
                notice = await self._apply_promotion(draft, answer)
            except CounterError as error:
                notice = " ".join(sentences_of(error)).strip()
            if not notice:
                return

    async def _apply_promotion(self, draft: SaleDraft, typed: str) -> str:
        """Use a promotion; returns why not, if it does not apply."""
        assert draft.held is not None
        (code,) = normalised([typed])
        if code in draft.price.codes:
            return _("{code} is used already.", code=code)
        ask = partial(self.desk.quote, draft.held, draft.half_typed(), (*draft.price.codes, code))
        quote = await self.counter.in_thread(ask)
        refusal = quote.refused_promotions.get(code)
        if refusal is not None:
            return " ".join(sentences_of(refusal)).strip()
        draft.price.codes.append(code)
        draft.take_quote(quote)
        off = next(use.discount for use in quote.uses if use.code == code)
        self.say(_("{code} takes off {amount}.", code=code, amount=grouped(off)))
        return ""

    # -- reductions ---------------------------------------------------------------------------------------------------

    def action_reduction(self) -> None:
        """The reductions of the passenger under the cursor."""
        self.read_all()
        if not self._may_change_price():
            return
        line = self.draft.spot.line
        if not self.draft.party[line].identity.strip():
            with suppress(Refused, UsageError):  # a number behind the name will do
                self.draft.enter_name(line)
        self.turn(partial(self.choose_reduction, line))

    async def choose_reduction(self, line: int) -> None:
        """Show what is possible for a passenger's identity; apply, remove or register one."""
        draft = self.draft
        traveller = draft.party[line]
        if traveller.type is PassengerType.INFANT:
            self.say(_("An infant pays nothing: there is nothing to reduce."))
            return
        try:
            parse_identity(traveller.identity)
        except Refused:
            self.warn(_("Type the identity number first: a reduction belongs to it."))
            return
        assert draft.held is not None
        held, identity = draft.held, traveller.identity
        found = await self.counter.in_thread(partial(self.desk.possible, held, identity))
        question = _("Which reduction for {name}?", name=traveller.name.strip() or _("this passenger"))
        chosen = await self.counter.ask(Choice(question, reduction_lines(found, held.seat_fare)))
        if chosen is None:
            return
        possibility = next((one for one in found if one.kind == chosen), None)
        if possibility is not None and possibility.refusal is not None:
            if not possibility.can_be_registered:
                raise possibility.refusal
            if not await self._register(line, possibility.kind):
                return
        draft.set_reduction(line, chosen or None)
        draft.price.forget()
        await self.seat_passengers()

    async def _register(self, line: int, kind: str) -> bool:
        """Enter the document that was shown; whether that was done."""
        traveller, terms = self.draft.party[line], self.draft.terms
        actor, typed, notice = self.counter.actor, ("", ""), ""
        if actor is None or not allowed(actor, "register_entitlements"):
            self.warn(_("Your role does not register entitlements; ask a supervisor."))
            return False
        while True:
            title = _("Register for {name}: {kind}", name=traveller.name.strip() or _("this passenger"), kind=_(kind))
            dialog = Registering(title, terms.today, *typed, notice, may_be_for_life=kind == SENIOR)
            shown = await self.counter.ask(dialog)
            if shown is None:
                return False
            typed = shown.document, shown.until.isoformat() if shown.until else ""
            made = Registration(kind, traveller.name, traveller.identity, shown.document, shown.until)
            try:
                done = await self.counter.in_thread(partial(self.desk.register, made))
            except CounterError as error:
                notice = " ".join(sentences_of(error)).strip()
                continue
            if done.findings:
                self.warn(" ".join(reworded(finding.message) for finding in done.findings))
            else:
                self.say(_("Registered until {day}.", day=done.entitlement.valid_until.isoformat()))
            return True


def reduction_lines(found: Sequence[Possibility], full_fare: int) -> list[tuple[str, str | Table]]:
    """Each reduction with the fare it makes and how it stands, and none at all."""
    return [
        *((one.kind, _row(_(one.kind), one.fare, _standing(one))) for one in found),
        ("", _row(_("none"), full_fare, _("the full fare"))),
    ]


def _standing(possibility: Possibility) -> str:
    if possibility.refusal is None:
        return _("registered")
    if possibility.refusal.reason == "entitlement_missing":
        return _("not registered: Enter registers it")
    return reworded(possibility.refusal.message)


def _row(kind: str, fare: int, standing: str) -> Table:
    row = Table.grid(padding=(0, 1, 0, 0), expand=True)
    row.add_column(width=10, no_wrap=True)
    row.add_column(width=11, no_wrap=True, justify="right")
    row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    row.add_row(*(Text(drawn(cell)) for cell in (kind, grouped(fare), standing)))
    return row
