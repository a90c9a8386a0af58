"""Service: who waits for somebody of the staff, by priority and age, each against its limit; and fines.

What belongs here: the list, its keys and what stands below it. Whatever is asked in a form is ``service_flows``.
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

from core.clock import local
from core.errors import CounterError
from core.service_requests import ServiceRequest
from counter.commands import Command
from counter.i18n import LanguageChanged, _, clock_time, counted
from counter.lifeline import DatabaseBack
from counter.screens import service_flows as flows
from counter.screens.sell_turns import Turns
from counter.screens.sell_words import Words
from counter.service_desk import ServiceDesk
from counter.symbols import drawn, symbols
from counter.widgets.marked_list import MarkedList

#: Seconds between two looks at who waits.
_EVERY: Final = 3.0
_MINUTE: Final = 60
_HANDLES: Final = "handle_requests"
#: Keys that mean something without a request.
_ALWAYS: Final = ("back", "new", "fine", "pay_fine")


class ServiceScreen(Turns):
    """The service workstation; see the module's docstring."""

    CSS_PATH = "service.tcss"
    AUTO_FOCUS = "#queue"
    # Textual calls its lists of palette providers COMMANDS as well, see Workstation.
    COMMANDS: ClassVar[tuple[Command, ...]] = (  # type: ignore[assignment]
        Command("new", "n", "new", "Enter a request.", _HANDLES, title="New service request"),
        Command("take", "t", "take", "Begin with the marked request.", _HANDLES, title="Take the request"),
        Command("resolve", "r", "resolve", "End the marked request with what was done.", _HANDLES,
                title="Resolve the request"),
        Command("assign", "g", "give", "Give the marked request to somebody.", _HANDLES, title="Assign the request"),
        Command("escalate", "e", "escalate", "Tell the supervisors of the marked request.", _HANDLES,
                title="Escalate the request"),
        Command("cancel", "x", "cancel", "End the marked request unanswered.", _HANDLES, title="Cancel the request"),
        Command("fine", "f", "fine", "Write a fine.", "issue_fines", title="Write a fine"),
        Command("pay_fine", "p", "pay fine", "Take the money for a fine.", "sell", title="Take the money for a fine"),
        Command("back", "escape", "back", "Go back to where you came from.", in_palette=False),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[ServiceRequest] = []
        self._looking = False

    @property
    def desk(self) -> ServiceDesk:
        """The library, for whoever works here."""
        return ServiceDesk.of(self.counter)

    def compose_work(self) -> Iterable[Widget]:
        """How many wait, the list, and the whole of the marked one."""
        yield Words("", id="service-title")
        yield MarkedList(id="queue", markup=False)
        yield Static("", id="request", markup=False)

    def on_mount(self) -> None:
        """Follow who waits."""
        self.set_interval(_EVERY, self._follow)
        self._follow()

    async def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Back again: somebody may wait meanwhile."""
        await super().on_screen_resume(event)
        self._follow()

    @work
    async def _follow(self) -> None:
        if self._looking or self.busy or self.counter.lifeline.away or not self.is_current:
            return
        self._looking = True
        try:
            found = await self.counter.in_thread(self.desk.queue)
        except CounterError as error:
            self.report(error)
            return
        finally:
            self._looking = False
        self._fill(found)

    def _fill(self, found: list[ServiceRequest]) -> None:
        chosen = self.chosen
        self.waiting = found
        options = self.query_one(MarkedList)
        options.clear_options()
        options.add_options([Option(_row(one)) for one in found])
        same = next((at for at, one in enumerate(found) if chosen is not None and one.id == chosen.id), 0)
        options.highlighted = same if found else None
        self.show()

    # -- keys ----

    @property
    def chosen(self) -> ServiceRequest | None:
        """The marked request."""
        at = self.query_one(MarkedList).highlighted
        return self.waiting[at] if at is not None and at < len(self.waiting) else None

    def offers(self, command: Command) -> bool:
        """Without a request there is nothing to do with one."""
        return command.id in _ALWAYS or self.chosen is not None

    def _turn(self, flow: flows.Flow) -> None:
        self.turn(partial(self._done, flow))

    async def _done(self, flow: flows.Flow) -> None:
        try:
            said = await flow(self)
        finally:
            self._fill(await self.counter.in_thread(self.desk.queue))
        if said:
            self.say(said)

    def action_new(self) -> None:
        """Somebody asks for something."""
        self._turn(flows.new)

    def action_take(self) -> None:
        """Begin with it."""
        self._turn(flows.take)

    def action_resolve(self) -> None:
        """What was done."""
        self._turn(flows.resolve)

    def action_assign(self) -> None:
        """To somebody else."""
        self._turn(flows.assign)

    def action_escalate(self) -> None:
        """Higher."""
        self._turn(flows.escalate)

    def action_cancel(self) -> None:
        """Nobody wants it any more."""
        self._turn(flows.cancel)

    def action_fine(self) -> None:
        """Somebody rode without paying for it."""
        self._turn(flows.fine)

    def action_pay_fine(self) -> None:
        """And pays."""
        self._turn(flows.pay_fine)

    def action_back(self) -> None:
        """Where one came from."""
        self.turn(self.counter.leave_aside)

    def on_option_list_option_highlighted(self, _message: OptionList.OptionHighlighted) -> None:
        """Another one is marked."""
        self.show()

    # -- what is seen ----

    def show(self) -> None:
        """How many, how many of them late, and the whole of the marked one."""
        late = sum(1 for one in self.waiting if one.is_late)
        words = counted("{n} request waits", "{n} requests wait", len(self.waiting))
        title = words if self.waiting else _("Nobody waits.")
        if late:
            title = f"{title} · {symbols().warning} {_('{n} late', n=late)}"
        self.query_one("#service-title", Words).say(Content(drawn(title)))
        self.query_one("#request", Static).update(self._whole())
        self.refresh_bindings()

    def place_cursor(self) -> None:
        """On the list."""
        self.query_one(MarkedList).focus()

    def _whole(self) -> str:
        one, place = self.chosen, self.counter.workplace
        if one is None or place is None:
            return ""
        until = clock_time(local(one.expires_at, place.time_zone))
        who = " · ".join(filter(None, (one.customer, one.phone or "", one.station or "")))
        given = one.assigned_to or one.preferred
        lines = (
            who,
            one.note,
            _("To be answered by {time}.", time=until),
            _("With {name}.", name=given) if given else _("With nobody yet."),
            _("Escalated.") if one.escalated is not None else "",
        )
        return drawn("\n".join(line for line in lines if line))

    def on_database_back(self, _message: DatabaseBack) -> None:
        """Look again."""
        self._follow()

    def on_language_changed(self, _message: LanguageChanged) -> None:
        """Everything in words again."""
        self._fill(self.waiting)


def _row(one: ServiceRequest) -> Table:
    """One request on one line: number, kind, priority, who, what, with whom, how long it has or is late."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=4, justify="right", no_wrap=True)
    table.add_column(width=13, no_wrap=True)
    table.add_column(width=8, no_wrap=True)
    table.add_column(ratio=2, no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=3, no_wrap=True, overflow="ellipsis")
    table.add_column(width=12, justify="right", no_wrap=True)
    minutes = int((one.expires_at - one.now).total_seconds()) // _MINUTE
    left = _("{n} min", n=minutes) if not one.is_late else f"{symbols().warning} {_('{n} min late', n=-minutes)}"
    cells = (
        str(one.number), _(one.kind.replace("_", " ")), _(one.priority), one.customer, one.note, left,
    )  # fmt: skip
    style = "bold" if one.is_late or one.priority == "urgent" else ""
    table.add_row(*(Text(drawn(cell), style) for cell in cells))
    return table
