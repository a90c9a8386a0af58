"""Bookings that were sold: found by whatever the customer has, looked at, cancelled, paid out.

What belongs here: keys, and what stands where. How one goes from step to step is ``bookings_flows`` and
``changes_flows``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar, Final

from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from core.finding import Found
from counter.commands import Command
from counter.dialogs.reading import Reading
from counter.i18n import LanguageChanged, _, counted
from counter.screens.booking_lines import lines_of, title_of
from counter.screens.bookings_view import found_row
from counter.screens.changes_flows import ChangesFlows
from counter.screens.sell_fields import PlainInput, too_long
from counter.screens.sell_words import Words
from counter.symbols import drawn, symbols
from counter.widgets.marked_list import MarkedList
from counter.widgets.scan_input import Scanned

_LONGEST: Final = 300
_OF_ONE: Final = frozenset({"cancel", "change", "pay_out", "whole"})


class BookingsScreen(ChangesFlows):
    """The bookings workstation; see the module's docstring."""

    CSS_PATH = "bookings.tcss"
    AUTO_FOCUS = "#wanted"
    # Textual calls its lists of palette providers COMMANDS as well, see Workstation.
    COMMANDS: ClassVar[tuple[Command, ...]] = (  # type: ignore[assignment]
        Command("look", "enter", "find", "Find by number, ticket, identity, phone, or name train day.",
                in_palette=False),
        Command("cancel", "f2", "cancel", "Cancel tickets of the marked booking; the quote comes first.", "sell",
                title="Cancel tickets of the marked booking"),
        Command("change", "f3", "change", "Move, correct or issue anew a ticket of the marked booking.", "sell",
                title="Change a ticket of the marked booking"),
        Command("pay_out", "f5", "pay out", "Pay out what waits of the marked booking.", "sell",
                title="Pay out a refund of the marked booking"),
        Command("whole", "f6", "whole", "Read everything about the marked booking.", "show",
                title="Everything about the marked booking"),
        Command("line_after", "down", "", "Mark the next booking.", in_palette=False),
        Command("line_before", "up", "", "Mark the booking before.", in_palette=False),
        Command("page_after", "pagedown", "page", "Show the next page.", in_palette=False),
        Command("back", "escape", "back", "Take what was typed away, then go back to where you came from.",
                in_palette=False),
    )  # fmt: skip

    def compose_work(self) -> Iterable[Widget]:
        """How many were found, the line, the list, and the marked one."""
        yield Words("", id="bookings-title")
        with Horizontal(id="wanted-line"):
            yield Static("", id="wanted-word", markup=False)
            yield PlainInput(id="wanted", max_length=_LONGEST)
        found = MarkedList(id="found", markup=False)
        found.can_focus = False
        yield found
        yield Static("", id="booking", markup=False)

    def on_mount(self) -> None:
        """Empty, and ready."""
        self.show()

    # -- keys -------------------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> Found | None:
        """The marked booking."""
        at = self.query_one(MarkedList).highlighted
        return self.page.bookings[at] if at is not None and at < len(self.page.bookings) else None

    def offers(self, command: Command) -> bool:
        """Only what means something for the marked one."""
        if command.id == "page_after":
            return self.page.next is not None
        return command.id not in _OF_ONE or self.chosen is not None

    def action_look(self) -> None:
        """What was typed."""
        typed = self.query_one("#wanted", PlainInput).value.strip()
        if typed:
            self.turn(partial(self._find, typed))

    async def _find(self, typed: str) -> None:
        self.page = await self.counter.in_thread(partial(self.desk.find, typed))
        self._fill()
        await self._open()

    def _fill(self) -> None:
        options = self.query_one(MarkedList)
        options.clear_options()
        options.add_options([Option(found_row(one)) for one in self.page.bookings])
        options.highlighted = 0 if self.page.bookings else None

    async def _open(self) -> None:
        """The whole of the marked one, to be worked on."""
        one = self.chosen
        self.file = None if one is None else await self.counter.in_thread(partial(self.desk.file, one.number))

    def action_page_after(self) -> None:
        """Older ones."""
        self.turn(self._older)

    async def _older(self) -> None:
        typed, after = self.query_one("#wanted", PlainInput).value.strip(), self.page.next
        self.page = await self.counter.in_thread(partial(self.desk.find, typed, after))
        self._fill()
        await self._open()

    def action_cancel(self) -> None:
        """Tickets of the marked one."""
        self.turn(self._cancel)

    async def _cancel(self) -> None:
        await self._require_file()
        if self.file is not None:
            await self.cancel(self.file)

    def action_change(self) -> None:
        """One ticket of the marked one."""
        self.turn(self._change)

    async def _change(self) -> None:
        await self._require_file()
        if self.file is not None:
            await self.change(self.file)

    def action_pay_out(self) -> None:
        """What waits of the marked one."""
        self.turn(self._pay_out)

    async def _pay_out(self) -> None:
        await self._require_file()
        if self.file is not None:
            await self.pay_out_one(self.file)

    def action_whole(self) -> None:
        """Everything about the marked one."""
        self.turn(self._read)

    async def _read(self) -> None:
        await self._require_file()
        if self.file is not None:
            await self.counter.ask(Reading(title_of(self.file), lines_of(self.file)))

    async def _require_file(self) -> None:
        one = self.chosen
        if one is not None and (self.file is None or self.file.id != one.booking_id):
            await self._open()

    def action_line_after(self) -> None:
        """The next one."""
        self.query_one(MarkedList).action_cursor_down()

    def action_line_before(self) -> None:
        """The one before."""
        self.query_one(MarkedList).action_cursor_up()

    def action_back(self) -> None:
        """Without what was typed, then where one came from."""
        field = self.query_one("#wanted", PlainInput)
        if field.value:
            field.clear()
        else:
            self.turn(self.counter.leave_aside)

    def on_scanned(self, message: Scanned) -> None:
        """A ticket opens the booking it stands for."""
        message.stop()
        self.query_one("#wanted", PlainInput).value = message.text
        self.turn(partial(self._find, message.text))

    def on_plain_input_too_long(self, message: PlainInput.TooLong) -> None:
        """Nothing is called that."""
        message.stop()
        self.warn(too_long(message))

    def on_option_list_option_highlighted(self, _message: OptionList.OptionHighlighted) -> None:
        """Another one is marked."""
        self._show_chosen()

    # -- what is seen -------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Everything as it is now."""
        self.query_one("#wanted-word", Static).update(drawn(f"{_('Find')} {symbols().prompt} "))
        words = counted("{n} booking", "{n} bookings", len(self.page.bookings))
        self.query_one("#bookings-title", Words).say(Content(drawn(words if self.page.bookings else _("Bookings"))))
        self._show_chosen()

    def _show_chosen(self) -> None:
        one, shown = self.chosen, Content("")
        if one is not None and self.file is not None and self.file.id == one.booking_id:
            shown = Content("\n").join([Content(drawn(title_of(self.file))), lines_of(self.file)])
        self.query_one("#booking", Static).update(shown)
        self.refresh_bindings()

    def place_cursor(self) -> None:
        """In the line; what was found is typed over."""
        field = self.query_one("#wanted", PlainInput)
        field.focus()
        if self.page.bookings:
            field.select_all()

    def on_language_changed(self, message: LanguageChanged) -> None:
        """Everything in words again; what was typed stays."""
        super().on_language_changed(message)
        self._fill()
        self.show()
