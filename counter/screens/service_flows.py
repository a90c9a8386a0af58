"""What the service screen asks in forms: a request, how it ended, whom to give it to; a fine, and its payment.

What belongs here: one flow for each key. Each answers with the sentence to be said, nothing if it was given up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from core.fines import Fine
from core.models.service import PRIORITIES, SERVICE_KINDS
from core.money import grouped
from core.service_requests import ServiceRequest
from counter.dialogs.form import Field, Form, Typed
from counter.i18n import _

if TYPE_CHECKING:
    from counter.screens.service import ServiceScreen

Flow: TypeAlias = Callable[["ServiceScreen"], Awaitable[str]]


async def new(screen: ServiceScreen) -> str:
    """Somebody asks for something."""
    fields = [
        Field("kind", _("Kind"), value="callback", placeholder=_either(SERVICE_KINDS), missing=_("Say which kind.")),
        Field("customer", _("Customer"), missing=_("Type the customer's name.")),
        Field("phone", _("Phone"), placeholder="0812 3456 7890"),
        Field("note", _("Wanted"), missing=_("Say what the customer asks for.")),
        Field("priority", _("Priority"), value="normal", placeholder=_either(PRIORITIES)),
        Field("staff", _("Prefers"), placeholder=_("a staff number")),
    ]
    made = await screen.counter.ask(Form(_("New service request"), fields, screen.desk.open))
    return "" if made is None else _("Request {number} is in the queue.", number=made.number)


def _either(words: tuple[str, ...]) -> str:
    return " / ".join(word.replace("_", " ") for word in words)


async def take(screen: ServiceScreen) -> str:
    """Begin with it."""
    chosen = screen.chosen
    if chosen is None:
        return ""
    done = await screen.counter.in_thread(partial(screen.desk.take, chosen.number))
    return _("Request {number} is yours.", number=done.number)


async def resolve(screen: ServiceScreen) -> str:
    """What was done."""
    return await _one_line(
        screen, screen.desk.resolve, _("How was request {number} resolved?"), _("Note"), _("Say what was done."),
        _("Request {number} is resolved."),
    )  # fmt: skip


async def cancel(screen: ServiceScreen) -> str:
    """Nobody wants it any more."""
    return await _one_line(
        screen, screen.desk.cancel, _("Why is request {number} cancelled?"), _("Reason"),
        _("Say why; it goes on record."), _("Request {number} is cancelled."),
    )  # fmt: skip


async def escalate(screen: ServiceScreen) -> str:
    """Higher."""
    return await _one_line(
        screen, screen.desk.escalate, _("Why is request {number} escalated?"), _("Reason"),
        _("Say why; it is told on."), _("The supervisors know of request {number}."),
    )  # fmt: skip


async def assign(screen: ServiceScreen) -> str:
    """To somebody else."""
    return await _one_line(
        screen, screen.desk.assign, _("Who looks after request {number}?"), _("Staff number"),
        _("Type a staff number."), _("Request {number} is given away."),
    )  # fmt: skip


async def _one_line(
    screen: ServiceScreen, work: Callable[[int, str], ServiceRequest], title: str, label: str, missing: str, said: str
) -> str:
    """Ask for one line about the marked request and do something with it; ``{number}`` stands for its number."""
    chosen = screen.chosen
    if chosen is None:
        return ""
    number = chosen.number

    def do(typed: Typed) -> ServiceRequest:
        return work(number, typed["line"])

    field = Field("line", label, missing=missing)
    done = await screen.counter.ask(Form(title.format(number=number), [field], do))
    return "" if done is None else said.format(number=number)


async def fine(screen: ServiceScreen) -> str:
    """Somebody rode without paying for it."""
    fields = [
        Field("ticket", _("Ticket"), placeholder=_("its number; empty if there is none")),
        Field("train", _("Train"), placeholder=_("with a ticket it is known")),
        Field("name", _("Name")),
        Field("identity", _("Identity"), placeholder=_("NIK or passport")),
        Field("origin", _("From"), placeholder=_("where the paid ride ended")),
        Field("destination", _("To"), placeholder=_("where the ride ended")),
        Field("note", _("Note")),
    ]
    made = await screen.counter.ask(Form(_("Write a fine"), fields, screen.desk.fine))
    if made is None:
        return ""
    return _("Fine {number}: {amount} for {name}.", number=made.number, amount=grouped(made.amount), name=made.name)


async def pay_fine(screen: ServiceScreen) -> str:
    """And pays."""
    desk = screen.desk
    number = Field("number", _("Fine"), missing=_("Type the fine's number."))
    found = await screen.counter.ask(
        Form(_("Which fine is paid?"), [number], lambda typed: desk.find_fine(typed["number"]))
    )
    if found is None:
        return ""
    fields = [
        Field("method", _("Method"), value="cash", missing=_("Say how it is paid.")),
        Field("tendered", _("Cash"), "money", placeholder=grouped(found.amount)),
        Field("reference", _("Reference"), placeholder=_("approval code, transfer number")),
    ]
    title = _("Fine {number}: {amount} for {name}.", number=found.number, amount=grouped(found.amount), name=found.name)

    def pay(typed: Typed) -> Fine:
        return desk.pay_fine(found, typed)

    done = await screen.counter.ask(Form(title, fields, pay))
    if done is None:
        return ""
    change = grouped(done.change or 0)
    return _("Fine {number} is paid. Change {change}.", number=done.number, change=change)
