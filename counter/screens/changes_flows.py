"""Changing one ticket of a booking, step by step: which, how, the quote, a supervisor where it takes one, the payment.

What belongs here: the order of dialogs. The bookings screen builds upon it; the library is ``changes_desk``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import UUID

from core.lookup import BookingFile
from core.money import grouped
from core.states import LIVE_TICKET
from core.tickets import TicketRecord
from counter.dialogs.approver import Approver
from counter.dialogs.choice import Choice
from counter.dialogs.form import Field, Form, Typed
from counter.dialogs.question import Question
from counter.i18n import _
from counter.screens.bookings_flows import BookingsFlows
from counter.screens.changes_desk import ChangesDesk, Done, Draft

_MOVE, _UPGRADE, _CORRECT, _LOST, _SPOILT = range(5)
_QUOTED: Final = (_MOVE, _UPGRADE, _CORRECT, _LOST)


class ChangesFlows(BookingsFlows):
    """The flows; see the module's docstring."""

    @property
    def changes(self) -> ChangesDesk:
        """The library, for whoever works here."""
        return ChangesDesk.of(self.counter)

    async def change(self, file: BookingFile) -> None:
        """One ticket, and what happens to it."""
        live = [one for one in file.tickets if one.status in LIVE_TICKET]
        if not live:
            self.say(_("No ticket of this booking is in force."))
            return
        choices = [(one, f"{one.passenger_name}  {one.seat.label if one.seat else _('on a lap')}") for one in live]
        ticket = live[0] if len(live) == 1 else await self.counter.ask(Choice(_("Which ticket?"), choices))
        kind = None if ticket is None else await self.counter.ask(Choice(_what(ticket), _kinds()))
        if ticket is None or kind is None:
            return
        if kind in _QUOTED:
            await self._quoted_change(ticket, kind)
        else:
            await self._spoilt(ticket)

    async def _quoted_change(self, ticket: TicketRecord, kind: int) -> None:
        desk = self.changes
        quote: Callable[[TicketRecord, Typed], Draft] = (desk.move, desk.upgrade, desk.correct, desk.lost)[kind]
        draft = await self.counter.ask(Form(_what(ticket), _fields(ticket, kind), partial(quote, ticket)))
        if draft is None:
            return
        approval = None
        if draft.wish is not None:
            approval = await self._allowed(draft)
            if approval is None:
                return
        done = await (self._paid(draft, approval) if draft.due else self._agreed(draft, approval))
        if done is not None:
            await self._changed(done)

    async def _allowed(self, draft: Draft) -> UUID | None:
        """A supervisor's approval, given here or meanwhile at his own desk."""
        assert draft.wish is not None, "it is asked for where there is something to ask for"
        request = await self.counter.in_thread(partial(self.changes.request, draft.wish, draft.why))
        decided = await self.counter.ask(Approver(self.changes, request, draft.why)) or request
        if decided.status == "approved":
            return decided.id
        if decided.status == "pending":
            self.warn(_("Request {number} waits for a supervisor.", number=decided.number))
        else:
            self.warn(_("Request {number} is refused.", number=decided.number), decided.decision_reason or "")
        return None

    async def _paid(self, draft: Draft, approval: UUID | None) -> Done | None:
        fields = (
            Field("method", _("Paid by"), placeholder=_("nothing: cash")),
            Field("tendered", _("Tendered"), "money", placeholder=_("nothing: the exact amount")),
            Field("reference", _("Reference"), placeholder=_("of a card, transfer or wallet")),
        )
        pay = partial(self.changes.finish, draft, approval)
        return await self.counter.ask(Form(_("To pay: {amount}", amount=grouped(draft.due)), fields, pay,
                                           note=draft.note))  # fmt: skip

    async def _agreed(self, draft: Draft, approval: UUID | None) -> Done | None:
        if not await self.counter.ask(Question(draft.note, yes=_("change it"), no=_("leave it"))):
            return None
        return await self.counter.in_thread(partial(self.changes.print_only, draft, approval))

    async def _spoilt(self, ticket: TicketRecord) -> None:
        done = await self.counter.ask(
            Form(_what(ticket), _fields(ticket, _SPOILT), partial(self.changes.spoilt, ticket))
        )
        if done is not None:
            await self._changed(done)

    async def _changed(self, done: Done) -> None:
        await self.reload()
        said = _("Ticket {number}: print {state}.", number=done.ticket, state=_(done.print_state))
        if done.paid:
            said += " " + _("Paid {paid}, change {change}.", paid=grouped(done.paid), change=grouped(done.change))
        self.say(said)


def _what(ticket: TicketRecord) -> str:
    return _("Ticket {number} of {name}", number=ticket.number, name=ticket.passenger_name)


def _kinds() -> list[tuple[int, str]]:
    return [
        (_MOVE, _("Move to another train, day or class")),
        (_UPGRADE, _("Upgrade on the same train")),
        (_CORRECT, _("Correct name or identity")),
        (_LOST, _("Lost: issue it anew")),
        (_SPOILT, _("Spoilt print: print it again")),
    ]


def _fields(ticket: TicketRecord, kind: int) -> tuple[Field, ...]:
    identity = Field("identity", _("Identity"), missing=_("Ask for a passenger's identity card."))
    reason = Field("reason", _("Reason"), missing=_("Say why; it goes on record."))
    seat = Field("seat", _("Seat"), placeholder=_("nothing: the best that is free"))
    if kind == _MOVE:
        return (
            Field("train", _("Train"), missing=_("Type the number of the train."), value=ticket.journey.train.number),
            Field("day", _("Day"), missing=_("Type the new day: 25, 25/11, +1.")),
            Field("class", _("Class"), placeholder=_("nothing: the same")), seat, identity,
        )  # fmt: skip
    if kind == _UPGRADE:
        return Field("class", _("Class"), missing=_("Type the dearer class: LUX.")), seat, identity
    if kind == _CORRECT:
        return (
            Field("name", _("Name"), missing=_("Type it as the card shows it."), value=ticket.passenger_name),
            identity,
            Field("holder", _("Holder"), placeholder=_("another person: the identity it was sold for")),
        )
    if kind == _LOST:
        return identity, reason
    return Field("blank", _("Blank"), placeholder=_("such as A17:123, or nothing")), reason
