"""What happens to a booking that was found, step by step: cancelled with the quote shown first, and paid out.

What belongs here: which dialog, then which question to the library. Keys and what is drawn are ``bookings``.
"""

from __future__ import annotations

from functools import partial

from core.approvals import Approval
from core.errors import UsageError
from core.finding import Page
from core.lookup import BookingFile
from core.money import grouped
from core.payments import METHODS
from core.payouts import Payout, WaitingRefund
from core.refund_ways import CASH
from core.refunds import Cancellation, Quoted
from counter.dialogs.approver import Approver
from counter.dialogs.choice import Choice
from counter.dialogs.form import Field, Form, Typed
from counter.i18n import _
from counter.screens.bookings_desk import BookingsDesk
from counter.screens.bookings_view import owed_line, quote_lines, tickets_to_choose
from counter.screens.sell_turns import Turns


class BookingsFlows(Turns):
    """The flows; see the module's docstring. ``page`` is what was found, ``file`` the whole of the marked booking."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Page((), None)
        self.file: BookingFile | None = None

    @property
    def desk(self) -> BookingsDesk:
        """The library, for whoever works here."""
        return BookingsDesk.of(self.counter)

    @property
    def zone(self) -> str:
        """The clock on the wall."""
        place = self.counter.workplace
        return place.time_zone if place is not None else "UTC"

    async def reload(self) -> None:
        """The marked booking as it stands now."""
        if self.file is not None:
            self.file = await self.counter.in_thread(partial(self.desk.file, self.file.row.booking_number))

    async def cancel(self, file: BookingFile) -> None:
        """Tickets, then the quote with identity and reason, then a supervisor; what can be paid out is paid out."""
        quoted, asked = await self._quoted(file) or (None, None)
        if quoted is None or asked is None:
            return
        typed: dict[str, str] = {}
        request = await self.counter.ask(self._request_form(quoted, asked, typed))
        if request is None:
            return
        if request.status == "pending":
            sentence = _("{amount} goes back for {booking}.", amount=grouped(request.amount or 0),
                         booking=request.details["booking"])  # fmt: skip
            decided = await self.counter.ask(Approver(self.desk, request, sentence))
            request = decided or request
        if request.status == "pending":
            self.say(_("Request {number} waits for a supervisor.", number=request.number))
            return
        await self._finish(request, typed.get("identity", ""))

    async def _quoted(self, file: BookingFile) -> tuple[Quoted, Cancellation] | None:
        desk, number = self.desk, file.row.booking_number

        def quote(said: Typed) -> tuple[Quoted, Cancellation]:
            asked = Cancellation(number, _chosen(file, said["tickets"]), _method(said["method"]))
            return desk.quote(asked), asked

        fields = (
            Field("tickets", _("Tickets"), placeholder=_("such as 1 3; nothing: all of them")),
            Field("method", _("Back by"), placeholder=_("nothing: the way it came")),
        )
        title = _("Cancel {booking}: which tickets?", booking=number)
        return await self.counter.ask(Form(title, fields, quote, note=tickets_to_choose(file)))

    def _request_form(self, quoted: Quoted, asked: Cancellation, typed: dict[str, str]) -> Form[Approval]:
        desk, quote = self.desk, quoted.quote

        def request(said: Typed) -> Approval:
            typed.update(said)
            return desk.request_refund(asked, said["identity"], said["reason"])

        title = _("Cancel {booking}: {amount} goes back, {kept} is kept", booking=quoted.sold.number,
                  amount=grouped(quote.refund), kept=grouped(quote.fee))  # fmt: skip
        fields = (
            Field("identity", _("Identity"), missing=_("Ask for a passenger's identity card.")),
            Field("reason", _("Reason"), missing=_("Say why; it goes on record.")),
        )
        return Form(title, fields, request, note=quote_lines(quoted, self.zone))

    async def _finish(self, approval: Approval, identity: str) -> None:
        if approval.status == "refused":
            self.warn(_("Request {number} is refused.", number=approval.number), approval.decision_reason or "")
            return
        if approval.status == "used":  # a supervisor's desk was faster
            await self.reload()
            self.say(_("{booking} is cancelled.", booking=approval.details["booking"]))
            return
        done = await self.counter.in_thread(partial(self.desk.carry_out, approval))
        await self.reload()
        self.say(_("{booking} is cancelled: {amount} goes back.", booking=done.booking_number,
                   amount=grouped(done.refund)))  # fmt: skip
        for one in await self.counter.in_thread(partial(self.desk.owed, done.booking_number)):
            await self.pay_out(one, identity)

    async def pay_out_one(self, file: BookingFile) -> None:
        """One of the refunds of a booking that wait."""
        owed = await self.counter.in_thread(partial(self.desk.owed, file.row.booking_number))
        if not owed:
            self.say(_("Nothing of this booking waits to be paid out."))
            return
        choices = [(one, owed_line(one)) for one in owed]
        one = owed[0] if len(owed) == 1 else await self.counter.ask(Choice(_("Which refund?"), choices))
        if one is not None:
            await self.pay_out(one, "")

    async def pay_out(self, refund: WaitingRefund, identity: str) -> None:
        """Ask for what the way back takes, then pay; Esc leaves it on the list."""
        desk, method = self.desk, refund.row.refund_method
        fields = _payout_fields(method, identity)

        def pay(said: Typed) -> WaitingRefund:
            return desk.pay_out(
                refund, Payout(said.get("identity", identity), said.get("reference", ""), said.get("account", ""))
            )

        if fields:
            title = _("{amount} goes back by {method}", amount=grouped(refund.row.refund_amount), method=_(method))
            paid = await self.counter.ask(Form(title, fields, pay, note=refund.reference))
        else:
            paid = await self.counter.in_thread(partial(pay, {}))
        await self.reload()
        if paid is None:
            self.say(_("{amount} waits to be paid out.", amount=grouped(refund.row.refund_amount)))
        elif paid.row.refund_status == "completed":
            self.say(_("{amount} is paid out by {method}.", amount=grouped(paid.row.refund_amount),
                       method=_(paid.row.refund_method)))  # fmt: skip
        else:
            self.warn(_("The gateway does not pay this back yet; it waits."))


def _payout_fields(method: str, identity: str) -> tuple[Field, ...]:
    if method == CASH:
        missing = _("Ask for a passenger's identity card.")
        return () if identity else (Field("identity", _("Identity"), missing=missing),)
    if METHODS[method].asynchronous:
        return ()
    if METHODS[method].takes_card_details:
        return (Field("reference", _("Slip"), missing=_("Type the number of the card machine's slip.")),)
    return (
        Field("account", _("Account"), missing=_("Type where it is transferred to.")),
        Field("reference", _("Reference"), missing=_("Type the bank's reference.")),
    )


def _chosen(file: BookingFile, said: str) -> tuple[str, ...] | None:
    """Numbers of tickets, named by their places.

    Raises:
        UsageError: there is none at such a place (code ``unknown_ticket``).
    """
    words = said.replace(",", " ").split()
    if not words:
        return None
    try:
        places = [int(word) for word in words]
        if min(places) < 1:
            raise ValueError(places)
        return tuple(file.tickets[place - 1].number for place in places)
    except (ValueError, IndexError):
        raise UsageError(
            "There is no such ticket in this list.", code="unknown_ticket", hint="Type the numbers before the names."
        ) from None


def _method(said: str) -> str | None:
    word = "_".join(said.lower().split())
    if not word:
        return None
    if word not in METHODS:
        raise UsageError(
            "This is no way to pay back.", code="method_unknown", hint="Such as cash, wallet or bank_transfer."
        )
    return word
