"""The staff for supervisors: who may work, who is locked, who is signed in where; typing filters the list.

What belongs here: keys, and what stands where. How one goes from step to step is ``staff_flows``, how somebody is
drawn ``staff_view``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, ClassVar, Final

from textual import events, on
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from core.staff_list import PAGE_ROWS, Member
from counter.commands import Command
from counter.dialogs.reading import Reading
from counter.i18n import LanguageChanged, _, counted
from counter.lifeline import DatabaseBack
from counter.screens.sell_fields import PlainInput, too_long
from counter.screens.sell_words import Words
from counter.screens.staff_flows import StaffFlows
from counter.screens.staff_view import member_details, member_row
from counter.symbols import drawn, in_ascii, symbols
from counter.widgets.marked_list import MarkedList

#: Seconds between two looks at who is locked or signed in.
_EVERY: Final = 10.0
_LONGEST_FILTER: Final = 80
_MANY: Final = 20
#: What is done to the marked member, and by those alone who look after that kind of staff.
_OF_ONE: Final = frozenset({"change", "stations", "unlock", "new_pin", "sign_off_member", "switch"})


class StaffScreen(StaffFlows):
    """The staff workstation; see the module's docstring."""

    CSS_PATH = "staff.tcss"
    AUTO_FOCUS = "#filter"
    # Textual calls its lists of palette providers COMMANDS as well, see Workstation.
    COMMANDS: ClassVar[tuple[Command, ...]] = (  # type: ignore[assignment]
        Command("add", "f2", "add", "Enter somebody new; the first PIN is shown once.", "manage_staff",
                title="Add a member of the staff"),
        Command("change", "f3", "edit", "Change the name or the role.", "manage_staff", title="Change name or role"),
        Command("stations", "f4", "where", "Say where this person may work.", "manage_staff",
                title="Stations of this person"),
        Command("unlock", "f5", "unlock", "Let this number try again after wrong PINs.", "manage_staff",
                title="Unlock this number"),
        Command("new_pin", "f6", "PIN", "Give this person a new PIN, shown once.", "manage_staff",
                title="New PIN for this person"),
        Command("sign_off_member", "f7", "sign off", "End the sessions of this person, wherever they are.",
                "sign_off_others", title="Sign this person off"),
        Command("switch", "f8", "on/off", "Let this number sign in no more, or again.", "manage_staff",
                title="Switch this number off or on"),
        Command("details", "enter", "whole", "Read everything about the marked person.", in_palette=False),
        Command("line_after", "down", "", "Mark the next person.", in_palette=False),
        Command("line_before", "up", "", "Mark the person before.", in_palette=False),
        Command("page_after", "pagedown", "page", "Show the next page.", in_palette=False),
        Command("page_before", "pageup", "", "Show the page before.", in_palette=False),
        Command("back", "escape", "back", "Take the filter away, then go back to where you came from.",
                in_palette=False),
    )  # fmt: skip

    def compose_work(self) -> Iterable[Widget]:
        """How many there are, the filter, the list, and the whole of the marked one."""
        yield Words("", id="staff-title")
        with Horizontal(id="filter-line"):
            yield Static("", id="filter-word", markup=False)
            yield PlainInput(id="filter", max_length=_LONGEST_FILTER)
        members = MarkedList(id="members", markup=False)
        members.can_focus = False
        yield members
        yield Static("", id="member", markup=False)

    def on_mount(self) -> None:
        """Read the list, and follow it."""
        self.set_class(in_ascii(), "-ascii")
        self.set_interval(_EVERY, self._follow)
        self.show()
        self.look()

    async def on_screen_resume(self, event: events.ScreenResume) -> None:
        """In front again: something may have happened."""
        await super().on_screen_resume(event)
        self.look()

    def _follow(self) -> None:
        if self.is_current and not self.busy and not self.counter.lifeline.away:
            self.look()

    # -- keys -------------------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> Member | None:
        """The marked member."""
        at = self.query_one(MarkedList).highlighted
        return self.page.members[at] if at is not None and at < len(self.page.members) else None

    def offers(self, command: Command) -> bool:
        """Only what means something for the marked one."""
        one = self.chosen
        if command.id == "unlock":
            return one is not None and (one.is_locked or one.failed_attempts > 0)
        if command.id == "sign_off_member":
            return one is not None and bool(one.sessions)
        if command.id == "page_after":
            return self.page.has_more
        if command.id == "page_before":
            return self.page.number > 0
        return command.id not in (*_OF_ONE, "details") or one is not None

    def refusal(self, command: Command) -> str:
        """Supervisors and administrators are an administrator's business, and nobody is his own."""
        refused = super().refusal(command)
        if refused or command.id not in _OF_ONE or self.chosen is None or self.counter.actor is None:
            return refused
        if self.desk.may_manage(self.chosen):
            return ""
        if self.chosen.id == self.counter.actor.user_id:
            own_elsewhere = command.id == "sign_off_member" and len(self.chosen.sessions) > 1
            return "" if own_elsewhere else _("Nobody does this to himself.")
        return _("An administrator looks after {role}.", role=_(self.chosen.role))

    def _with_chosen(self, flow: Callable[[Member], Coroutine[Any, Any, None]]) -> None:
        if self.chosen is not None:
            self.turn(partial(flow, self.chosen))

    def action_add(self) -> None:
        """Somebody new."""
        self.turn(self.add)

    def action_change(self) -> None:
        """Name or role."""
        self._with_chosen(self.change)

    def action_stations(self) -> None:
        """Where somebody may work."""
        self._with_chosen(self.stations)

    def action_unlock(self) -> None:
        """After wrong PINs."""
        self._with_chosen(self.unlock)

    def action_new_pin(self) -> None:
        """A new PIN."""
        self._with_chosen(self.new_pin)

    def action_sign_off_member(self) -> None:
        """From afar."""
        self._with_chosen(self.sign_off)

    def action_switch(self) -> None:
        """Off, or on again."""
        self._with_chosen(self.switch)

    def action_details(self) -> None:
        """Everything about the marked one."""
        self._with_chosen(self._read)

    async def _read(self, one: Member) -> None:
        lines = member_details(one, self._zone, most_sessions=_MANY)
        await self.counter.ask(Reading(_("A member of the staff"), Content(lines)))

    def action_line_after(self) -> None:
        """The next one."""
        self.query_one(MarkedList).action_cursor_down()

    def action_line_before(self) -> None:
        """The one before."""
        self.query_one(MarkedList).action_cursor_up()

    def action_page_after(self) -> None:
        """The next page."""
        self.look(page=self.page.number + 1)

    def action_page_before(self) -> None:
        """The page before."""
        self.look(page=self.page.number - 1)

    def action_back(self) -> None:
        """Without a filter, then where one came from."""
        field = self.query_one("#filter", PlainInput)
        if field.value:
            field.clear()
        else:
            self.turn(self.counter.leave_aside)

    @on(Input.Changed, "#filter")
    def _typed(self, message: Input.Changed) -> None:
        self.look(" ".join(message.value.split()))

    def on_plain_input_too_long(self, message: PlainInput.TooLong) -> None:
        """Nobody is called that."""
        message.stop()
        self.warn(too_long(message))

    def on_option_list_option_highlighted(self, _message: OptionList.OptionHighlighted) -> None:
        """Another one is marked."""
        self._show_chosen()

    # -- what is seen -------------------------------------------------------------------------------------------------

    @property
    def _zone(self) -> str:
        place = self.counter.workplace
        return place.time_zone if place is not None else "UTC"

    def fill(self, marked: str) -> None:
        """List the page."""
        before = marked or (self._marked_number or "")
        options = self.query_one(MarkedList)
        options.clear_options()
        options.add_options([Option(member_row(one, self._zone)) for one in self.page.members])
        same = next((at for at, one in enumerate(self.page.members) if one.number == before), 0)
        options.highlighted = same if self.page.members else None
        self.show()

    def show(self) -> None:
        """Everything as it is now."""
        self.query_one("#filter-word", Static).update(drawn(f"{_('Filter')} {symbols().prompt} "))
        self.query_one("#staff-title", Words).say(Content(drawn(self._title())))
        self._show_chosen()

    def _title(self) -> str:
        total = self.page.total
        if not total and self.wanted:
            return _("Nobody fits this filter.")
        words = counted("{n} member of the staff", "{n} members of the staff", total)
        pages = -(-total // PAGE_ROWS)
        if pages > 1:
            words += f" {symbols().dot} " + _("page {n} of {pages}", n=self.page.number + 1, pages=pages)
        return words

    def _show_chosen(self) -> None:
        one = self.chosen
        self._marked_number = one.number if one is not None else None
        self.query_one("#member", Static).update(member_details(one, self._zone) if one is not None else "")
        self.refresh_bindings()

    _marked_number: str | None = None

    def place_cursor(self) -> None:
        """In the filter."""
        self.query_one("#filter", PlainInput).focus()

    def on_database_back(self, _message: DatabaseBack) -> None:
        """Look again."""
        self.look()

    def on_language_changed(self, message: LanguageChanged) -> None:
        """Everything in words again; what was typed stays."""
        super().on_language_changed(message)
        self.fill("")
