"""Paying by card, wallet, transfer, QRIS and in parts on the sell screen; cash is a line of ``sell_flows``.

What belongs here: the order of dialogs and of questions to library and gateway. What is owed is never computed here:
after every part the database is asked how the money stands.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from core.errors import CounterError, Unreachable
from core.money import grouped
from core.payments import METHODS, Tender
from core.payments.awaited import Awaited, Progress
from core.payments.judgement import Action
from core.payments.standing import Standing
from counter.dialogs.choice import Choice
from counter.dialogs.part import PartDialog
from counter.dialogs.qris import QrisDialog
from counter.dialogs.slip import Machine, Slip
from counter.i18n import _, reworded
from counter.screens.sale_draft import SaleDraft
from counter.screens.sell_price import PriceFlows
from counter.screens.sell_turns import Flow


class MoneyFlows(PriceFlows):
    """The flows; see the module's docstring. ``machine`` is the card machine as typed last."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine()

    @property
    def keeps_awake(self) -> bool:
        """Whether a lock would hide or lose money: a code that is being paid, a slip half typed, an answer owed.

        Not for longer than the seats are held: what was left lying after that is locked like anything else.
        """
        draft, front = self.draft, self.counter.screen
        if draft.outcome_unknown or (self.busy and front is self):
            return True
        if not self.busy or draft.expired:
            return False
        standing = draft.money.standing
        return isinstance(front, QrisDialog | Slip) or (standing is not None and bool(standing.under_way))

    # -- what keys ask for

    def action_pay_card(self) -> None:
        """A card, on the bank's machine."""
        self._pay(partial(self.pay_by_slip, "debit_card"))

    def action_pay_wallet(self) -> None:
        """A wallet, by its number."""
        self._pay(partial(self.pay_by_slip, "wallet"))

    def action_pay_transfer(self) -> None:
        """A bank transfer, by its number."""
        self._pay(partial(self.pay_by_slip, "bank_transfer"))

    def action_pay_qris(self) -> None:
        """QRIS, through the gateway."""
        self._pay(self.pay_by_qris)

    def action_split(self) -> None:
        """Pay a part of it now."""
        self._pay(self.split)

    def _pay(self, flow: Flow) -> None:
        self.read_all()
        self.turn(flow, keep_ahead=False)

    # -- at once

    async def pay_by_slip(self, method: str) -> None:
        """What somebody else's slip says pays what is to be paid now."""
        if not await self.price_stands():
            return
        machine = self.machine if METHODS[method].takes_card_details else None
        tender = await self.counter.ask(Slip(method, self.draft.to_pay, machine))
        if tender is None:
            return
        if machine is not None:
            self.machine = Machine(tender.edc_terminal or "", tender.edc_batch or "")
        await self.take(tender)

    async def split(self) -> None:
        """Ask how much is paid now; then any way to pay pays that part."""
        draft = self.draft
        if not await self.price_stands():
            return
        part = await self.counter.ask(PartDialog(draft.owed, draft.money.parts))
        if part is None:
            draft.money.part = None
            return
        draft.money.part = None if part == draft.owed else part
        draft.tendered = ""
        if draft.money.part is not None:
            self.say(_("{part} is paid now, {rest} later: Enter takes cash, F5 card, F6 QRIS.",
                       part=grouped(part), rest=grouped(draft.owed - part)))  # fmt: skip

    def part_taken(self, standing: Standing) -> None:
        """A part was paid, and more is owed."""
        draft, before = self.draft, self.draft.money.standing
        given = standing.change - (before.change if before is not None else 0)
        self._tell(draft, standing)
        draft.tendered = ""
        paid = _("{paid} is paid, {owed} is still owed.", paid=grouped(standing.paid), owed=grouped(draft.owed))
        self.say(f"{_('Give back {change}.', change=grouped(given))} {paid}" if given else paid)

    def _tell(self, draft: SaleDraft, standing: Standing) -> None:
        left = (standing.expires_at - standing.now).total_seconds() if standing.expires_at else 0.0
        draft.tell_money(standing, self.now() + left)

    # -- through the gateway

    async def pay_by_qris(self) -> None:
        """Ask for a code, show it, and wait until it is paid, called off, or over."""
        if not await self.price_stands():
            return
        draft = self.draft
        self.say(_("Asking the payment gateway for a code."))
        asked = draft.submit(Tender("qris"))
        draft.refused()  # nothing of it has to be asked again: the booking itself remembers what is under way
        try:
            progress = await self.counter.in_thread(partial(self.desk.money.show_code, asked))
        finally:
            with suppress(CounterError):
                await self._look_at_money(draft)
        self.counter.light("QRIS", "on")
        self.line.clear()
        await self._follow(progress)

    async def _follow(self, progress: Progress) -> None:
        """Show the code until the payment has ended, or somebody wants something else."""
        while progress.awaited.is_waiting:
            now = progress.awaited
            answer = await self.counter.ask(QrisDialog(now, self._ask_gateway))
            if answer is not None:
                progress = answer
                continue
            does = await self.counter.ask(Choice(_("What about this QRIS payment?"), [
                ("show", _("Show the code again")),
                ("call_off", _("Call it off: the code cannot be paid any more, take another way")),
                ("park", _("Leave it waiting: serve somebody else, F9 brings this back")),
            ]))  # fmt: skip
            if does == "park":
                self.park()
                return
            if does == "call_off":
                progress = await self._call_off(now)
            else:
                progress = await self._again(now)
        await self._ended(progress.awaited)

    def _ask_gateway(self, payment: Awaited) -> Progress:
        return self.desk.money.look(payment)  # as whoever works here then: a session may be over meanwhile

    async def _again(self, payment: Awaited) -> Progress:
        now = await self.counter.in_thread(partial(self.desk.money.load, payment))
        return Progress(now, Action.WAIT)

    async def _call_off(self, payment: Awaited) -> Progress:
        try:
            return await self.counter.in_thread(partial(self.desk.money.call_off, payment))
        except Unreachable as error:
            self.counter.light("QRIS", "away")
            said = reworded(error.message)
        does = await self.counter.ask(Choice(f"{said} {_('The code may still be paid.')}", [
            ("show", _("Go on waiting")),
            ("forget", _("Take another way; if the code is paid all the same, that money goes back")),
        ]))  # fmt: skip
        if does == "forget":
            ended = await self.counter.in_thread(partial(self.desk.money.forget, payment))
            return Progress(ended, Action.CLOSE)
        return await self._again(payment)

    async def _ended(self, payment: Awaited) -> None:
        """The gateway has said how it ended: go on from there."""
        draft = self.draft
        await self._look_at_money(draft)
        if draft.sale is not None:
            self.say(_("Paid {paid}. Booking {number}.", paid=grouped(draft.sale.paid),
                       number=draft.sale.booking_number))  # fmt: skip
            self.sold()
        elif payment.status == "completed" and draft.money.is_fixed and draft.owed:
            self.say(_("{paid} is paid, {owed} is still owed.", paid=grouped(payment.amount), owed=grouped(draft.owed)))
        elif payment.status == "completed":
            self.warn(_("The sale could not be finished; what was paid goes back."), _("Ask a supervisor."))
        else:
            self.warn(_("The QRIS payment ended without money."), _("Take another way to pay."))

    async def _look_at_money(self, draft: SaleDraft) -> None:
        """Take over what the database says of the sale in hand: how its money stands, that it is paid, or gone."""
        held = draft.held
        if held is None or draft.sale is not None:
            return
        standing = await self.counter.in_thread(partial(self.desk.money.standing, held.booking_id))
        if standing.status == "confirmed":
            draft.finish(await self.counter.in_thread(partial(self.desk.sale, held.booking_id)))
        elif standing.status == "pending" and standing.is_priced:
            self._tell(draft, standing)
            draft.paying = True
        elif standing.status != "pending":
            draft.expire()

    # -- parked, given up, out of time

    async def hold_on(self, draft: SaleDraft) -> None:
        """A sale is brought back: it may have been paid meanwhile, or its code may still be waiting."""
        try:
            await self._look_at_money(draft)
        except Unreachable as error:
            self.report(error)
            return
        if draft.sale is not None:
            self.say(_("Paid {paid}. Booking {number}.", paid=grouped(draft.sale.paid),
                       number=draft.sale.booking_number))  # fmt: skip
            self.sold()
            return
        await super().hold_on(draft)
        standing, held = draft.money.standing, draft.held
        if standing is not None and standing.under_way and held is not None:
            waiting = await self.counter.in_thread(partial(self.desk.money.under_way, held.booking_id))
            if waiting is not None:
                await self._follow(Progress(waiting, Action.WAIT))

    async def leave(self) -> None:
        """Step out of a sale of which parts are paid: parked, or given up with everything paid back."""
        draft, held = self.draft, self.draft.held
        standing = draft.money.standing
        if not draft.money.is_fixed or standing is None or held is None or draft.expired:
            await super().leave()
            return
        question = _("{paid} is paid, {owed} is owed. What about this sale?", paid=grouped(standing.paid),
                     owed=grouped(draft.owed))  # fmt: skip
        does = await self.counter.ask(Choice(question, [
            ("stay", _("Go on with it")),
            ("park", _("Park: keep the seats, serve somebody else, F9 brings this back")),
            ("give_up", _("Give it up: the seats are free, what was paid goes back")),
        ]))  # fmt: skip
        if does == "park":
            self.park()
        elif does == "give_up":
            voids = await self._voided(standing)
            back = await self.counter.in_thread(partial(self.desk.money.give_up, held.booking_id, voids))
            draft.release()
            self._tell_what_goes_back([(one["method"], one["amount"], one["status"]) for one in back])
            await self.refresh_offers()

    async def _voided(self, standing: Standing) -> dict[str, str]:
        """The numbers of void slips, for cards; Esc leaves one to the supervisor."""
        voids = {}
        for payment in standing.payments:
            if payment.payment_status == "completed" and METHODS[payment.payment_method].takes_card_details:
                notice = _("Void it on the card machine and type the number of that slip; Esc leaves it for later.")
                tender = await self.counter.ask(Slip(payment.payment_method, payment.amount, notice=notice))
                if tender is not None and tender.reference:
                    voids[payment.payment_reference] = tender.reference
        return voids

    def _tell_what_goes_back(self, back: list[tuple[str, int, str]]) -> None:
        now = sum(amount for method, amount, status in back if status == "completed" and METHODS[method].gives_change)
        later = sum(amount for _method, amount, status in back if status != "completed")
        said = [_("Give back {amount} in cash.", amount=grouped(now)) if now else _("The seats were given back.")]
        if later:
            said.append(_("{amount} goes back later: it is on the supervisor's list.", amount=grouped(later)))
        (self.warn if now or later else self.say)(" ".join(said))

    def tell_expired(self) -> None:
        """The hold has run out; what was paid is not lost."""
        parts = self.draft.money.parts
        super().tell_expired()
        if parts:
            paid = grouped(sum(amount for _method, amount in parts))
            self.warn(_("The hold has ended; {paid} that was paid goes back.", paid=paid), _("Ask a supervisor."))
