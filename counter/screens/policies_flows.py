"""What a supervisor does about policies, step by step: which dialog, then which question to the library.

What belongs here: the flows of the policies screen. Keys and what is drawn are ``policies`` and ``policies_view``.
"""

from __future__ import annotations

from functools import partial

from textual.content import Content

from core.policy_values import OPERATOR, InForce, Place
from counter.dialogs.form import Field, Form, Typed
from counter.dialogs.question import Question
from counter.dialogs.reading import Reading
from counter.i18n import _
from counter.screens.policies_desk import PolicyDesk
from counter.screens.policies_view import (
    history_lines,
    place_in_words,
    policy_facts,
    unit_in_words,
    value_in_words,
)
from counter.screens.sell_turns import Turns
from counter.symbols import drawn

_MANY = 1_000


class PoliciesFlows(Turns):
    """The flows; see the module's docstring. ``known`` is every policy as it holds at ``where``."""

    def __init__(self) -> None:
        super().__init__()
        self.known: list[InForce] = []
        self.where: Place = OPERATOR

    @property
    def desk(self) -> PolicyDesk:
        """The library, for whoever works here."""
        return PolicyDesk.of(self.counter)

    # To be overridden

    def fill(self, marked: str = "") -> None:
        """List what fits the filter; the policy of that name stays or becomes the marked one."""

    @property
    def zone(self) -> str:
        """The clock that hangs here."""
        place = self.counter.workplace
        return place.time_zone if place is not None else "UTC"

    # The flows

    async def look(self, marked: str = "") -> None:
        """Read everything again."""
        self.known = await self.counter.in_thread(partial(self.desk.listed, self.where))
        self.fill(marked)

    async def go_to(self) -> None:
        """Another place: what holds there, and what is changed there."""
        desk = self.desk

        def find(typed: Typed) -> Place:
            return desk.place_of(typed["station"], typed["train"])

        note = _("Policies are shown as they hold there, and changed for just there. Tab goes to the train.")
        found = await self.counter.ask(Form(_("Where?"), [
            Field("station", _("Station"), value=self.where.station or "", placeholder=_("empty: every station")),
            Field("train", _("Train"), value=self.where.train or "", placeholder=_("empty: every train")),
        ], find, note=note))  # fmt: skip
        if found is not None:
            self.where = found
            await self.look()

    async def change(self, one: InForce) -> None:
        """Another value, for the place that is shown."""
        desk, where = self.desk, self.where

        def write(typed: Typed) -> InForce:
            return desk.set_value(one, typed["value"], where)

        unit = unit_in_words(one.policy)
        label = f"{_('Value')} ({unit})" if unit else _("Value")
        now = _("now {value}", value=value_in_words(one.value))
        field = Field("value", label, placeholder=now, missing=_("Type a value."))
        title = _("{name} for: {place}", name=one.policy.name, place=place_in_words(where))
        done = await self.counter.ask(Form(title, [field], write, note="\n".join(policy_facts(one, self.zone))))
        if done is not None:
            await self.look(done.policy.name)
            value = f"{value_in_words(done.value)} {unit}".strip()
            self.say(_("{name} is {value} from now on, at every counter.", name=done.policy.name, value=value))
        else:
            await self.look(one.policy.name)  # whoever came back from "somebody has changed it" sees what holds

    async def withdraw(self, one: InForce) -> None:
        """Take the value of this place away, after asking."""
        here = one.at(self.where)
        if here is None:
            place = place_in_words(self.where)
            self.warn(_("Nothing was decided for: {place}.", place=place), _("Choose the place it comes from first."))
            return
        wanted = _(
            "Withdraw {value} of {name} for: {place}?", value=value_in_words(here.value), name=one.policy.name,
            place=place_in_words(self.where),
        )  # fmt: skip
        if await self.counter.ask(Question(wanted, yes=_("withdraw"), no=_("leave it"))):
            done = await self.counter.in_thread(partial(self.desk.withdraw, one, self.where))
            await self.look(done.policy.name)
            self.say(_("{name} is {value} again.", name=done.policy.name, value=value_in_words(done.value)))

    async def history(self, one: InForce) -> None:
        """What ever stood for it."""
        past = await self.counter.in_thread(partial(self.desk.history, one.policy.name))
        lines = history_lines(past, self.zone) or [_("Nobody has ever changed it.")]
        title = _("History of {name}", name=one.policy.name)
        await self.counter.ask(Reading(title, Content(drawn("\n".join(lines)))))

    async def read(self, one: InForce) -> None:
        """Everything about it."""
        lines = policy_facts(one, self.zone, most=_MANY)
        await self.counter.ask(Reading(one.policy.name, Content(drawn("\n".join(lines)))))
