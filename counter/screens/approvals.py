"""Approvals: what others have asked for, the oldest first; yes or no with a key, and the reason for a no.

What belongs here: the list, its keys and what stands below it. Deciding is ``core.approvals``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar, Final

from rich.table import Table
from rich.text import Text
from textual import events, work
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from core.approvals import Approval
from core.clock import local
from core.errors import CounterError
from core.money import grouped
from counter.commands import Command
from counter.dialogs.form import Field, Form, Typed
from counter.i18n import LanguageChanged, _, clock_time, counted
from counter.lifeline import DatabaseBack
from counter.screens.approval_facts import facts, shown_amount, what_it_is
from counter.screens.sell_turns import Turns
from counter.screens.sell_words import Words
from counter.shift_desk import ShiftDesk
from counter.symbols import drawn
from counter.widgets.marked_list import MarkedList

#: Seconds between two looks at what waits.
_EVERY: Final = 3.0
_MINUTE: Final = 60
#: Kinds of request as people call them.
_KINDS: Final = {"over_short": "count", "cash_movement": "cash", "refund": "refund"}


class ApprovalsScreen(Turns):
    """The approvals workstation; see the module's docstring."""

    CSS_PATH = "approvals.tcss"
    AUTO_FOCUS = "#waiting"
    # Textual calls its lists of palette providers COMMANDS as well, see Workstation.
    COMMANDS: ClassVar[tuple[Command, ...]] = (  # type: ignore[assignment]
        Command("approve", "a", "approve", "Approve the marked request.", "approve", title="Approve the request"),
        Command("refuse", "x", "refuse", "Refuse the marked request, with a reason.", "approve",
                title="Refuse the request"),
        Command("back", "escape", "back", "Go back to where you came from.", in_palette=False),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Approval] = []
        self._looking = False

    @property
    def desk(self) -> ShiftDesk:
        """The library, for whoever works here."""
        return ShiftDesk.of(self.counter)

    def compose_work(self) -> Iterable[Widget]:
        """How many wait, the list, and the whole of the marked one."""
        yield Words("", id="approvals-title")
        yield MarkedList(id="waiting", markup=False)
        yield Static("", id="request", markup=False)

    def on_mount(self) -> None:
        """Follow what is asked for."""
        self.set_interval(_EVERY, self._follow)
        self._follow()

    async def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Back again: something may have been asked for meanwhile."""
        await super().on_screen_resume(event)
        self._follow()

    @work
    async def _follow(self) -> None:
        if self._looking or self.busy or self.counter.lifeline.away or not self.is_current:
            return
        self._looking = True
        try:
            found = await self.counter.in_thread(self.desk.waiting)
        except CounterError as error:
            self.report(error)
            return
        finally:
            self._looking = False
        self._take(found)

    def _take(self, found: list[Approval]) -> None:
        chosen = self.chosen
        before, self.waiting = [one.id for one in self.waiting], found
        if [one.id for one in found] != before:
            options = self.query_one(MarkedList)
            options.clear_options()
            options.add_options([Option(_row(one)) for one in found])
            same = next((at for at, one in enumerate(found) if chosen is not None and one.id == chosen.id), 0)
            options.highlighted = same if found else None
        self.show()

    # -- keys -------------------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> Approval | None:
        """The marked request."""
        at = self.query_one(MarkedList).highlighted
        return self.waiting[at] if at is not None and at < len(self.waiting) else None

    def offers(self, command: Command) -> bool:
        """Without a request there is nothing to decide."""
        return command.id == "back" or self.chosen is not None

    def action_approve(self) -> None:
        """Yes."""
        if self.chosen is not None:
            self.turn(partial(self._approve, self.chosen))

    async def _approve(self, asked: Approval) -> None:
        try:
            done = await self.counter.in_thread(partial(self.desk.decide, asked, approve=True))
        finally:
            self._take(await self.counter.in_thread(self.desk.waiting))
        if done.kind == "refund":
            amount = grouped(done.amount or 0)
            self.say(_("Request {number} is approved and carried out: {amount} goes back.", number=done.number,
                       amount=amount))  # fmt: skip
        else:
            self.say(_("Request {number} is approved.", number=done.number))

    def action_refuse(self) -> None:
        """No, and why."""
        if self.chosen is not None:
            self.turn(partial(self._refuse, self.chosen))

    async def _refuse(self, asked: Approval) -> None:
        desk = self.desk

        def refuse(typed: Typed) -> Approval:
            return desk.decide(asked, approve=False, reason=typed["reason"])

        reason = Field("reason", _("Reason"), missing=_("Say why; it goes on record."))
        done = await self.counter.ask(
            Form(_("Why is request {number} refused?", number=asked.number), [reason], refuse)
        )
        self._take(await self.counter.in_thread(self.desk.waiting))
        if done is not None:
            self.say(_("Request {number} is refused.", number=done.number))

    def action_back(self) -> None:
        """Where one came from."""
        self.turn(self.counter.leave_aside)

    def on_option_list_option_highlighted(self, _message: OptionList.OptionHighlighted) -> None:
        """Another one is marked."""
        self.show()

    # -- what is seen -------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """How many, and the whole of the marked one."""
        words = counted("{n} request waits", "{n} requests wait", len(self.waiting))
        title = words if self.waiting else _("Nothing waits for a decision.")
        self.query_one("#approvals-title", Words).say(Content(drawn(title)))
        self.query_one("#request", Static).update(self._whole())
        self.refresh_bindings()

    def place_cursor(self) -> None:
        """On the list."""
        self.query_one(MarkedList).focus()

    def _whole(self) -> str:
        asked, place = self.chosen, self.counter.workplace
        if asked is None or place is None:
            return ""
        until = clock_time(local(asked.expires_at, place.time_zone))
        return drawn("\n".join((
            _("{who} asks: {reason}", who=asked.requested_by_name, reason=asked.reason),
            facts(asked, place.time_zone),
            _("Good until {time}.", time=until),
        )))  # fmt: skip

    def on_database_back(self, _message: DatabaseBack) -> None:
        """Look again."""
        self._follow()

    def on_language_changed(self, _message: LanguageChanged) -> None:
        """Everything in words again."""
        found, self.waiting = self.waiting, []
        self._take(found)


def _row(asked: Approval) -> Table:
    """One request on one line: number, kind, amount, who, for how long."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=5, justify="right", no_wrap=True)
    table.add_column(width=8, no_wrap=True)
    table.add_column(width=14, justify="right", no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(width=14, no_wrap=True, overflow="ellipsis")
    table.add_column(width=7, justify="right", no_wrap=True)
    minutes = int((asked.now - asked.requested_at).total_seconds()) // _MINUTE
    cells = (
        str(asked.number), _(_KINDS.get(asked.kind, asked.kind)),
        shown_amount(asked), what_it_is(asked), asked.requested_by_name,
        _("{n} min", n=minutes),
    )  # fmt: skip
    table.add_row(*(Text(drawn(cell)) for cell in cells))
    return table
