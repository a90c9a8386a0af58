"""Notices of whoever is signed in: Enter marks one as read, and it is gone from the list.

What belongs here: the list. What a notice is ``core.notices`` decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Final
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from core.clock import local
from core.errors import CounterError
from core.notices import Notice
from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.i18n import _, clock_time, day_in_words, reworded, sentences_of
from counter.symbols import drawn
from counter.widgets.key_bar import KeyBar
from counter.widgets.marked_list import MarkedList

#: Marks notices as read and gives those that are left.
Reading = Callable[[Sequence[UUID]], Awaitable[list[Notice]]]
_ALL: Final = "read_all"


class Notices(Dialog[None]):
    """A list to be worked off."""

    CSS_PATH = "notices.tcss"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("read", "enter", "read", "Mark the notice as read.", in_palette=False),
        Command(_ALL, "a", "all", "Mark every notice as read.", in_palette=False),
        Command("back", "escape", "back", "Go back; what is not marked stays unread.", in_palette=False),
    )

    def __init__(self, found: Sequence[Notice], read: Reading) -> None:
        super().__init__()
        self._found, self._read, self._busy = list(found), read, False

    def compose(self) -> ComposeResult:
        """Title, list, and the whole of the marked one."""
        with Vertical(id="box"):
            yield Static(drawn(_("Notices")), id="title", markup=False)
            yield MarkedList(markup=False)
            yield Static("", id="whole", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Show them."""
        self._fill()

    def _fill(self) -> None:
        options = self.query_one(MarkedList)
        at = options.highlighted or 0
        options.clear_options()
        options.add_options([Option(drawn(self._row(one))) for one in self._found])
        options.highlighted = min(at, len(self._found) - 1) if self._found else None
        self._show()

    def _row(self, one: Notice) -> str:
        place = self.counter.workplace
        at = local(one.created_at, place.time_zone) if place is not None else one.created_at
        return f"{day_in_words(at.date())} {clock_time(at)}  {reworded(one.title)}"

    def on_option_list_option_highlighted(self, _message: OptionList.OptionHighlighted) -> None:
        """Another one is marked."""
        self._show()

    def _show(self) -> None:
        at = self.query_one(MarkedList).highlighted
        known = at is not None and at < len(self._found)
        self.query_one("#whole", Static).update(drawn(reworded(self._found[at or 0].message)) if known else "")

    def on_option_list_option_selected(self, _message: OptionList.OptionSelected) -> None:
        """A line was clicked."""
        self.action_read()

    def action_read(self) -> None:
        """The marked one."""
        at = self.query_one(MarkedList).highlighted
        if at is not None and at < len(self._found):
            self._mark([self._found[at].id])

    def action_read_all(self) -> None:
        """Every one."""
        self._mark([one.id for one in self._found])

    def _mark(self, ids: Sequence[UUID]) -> None:
        if not self._busy:
            self._busy = True
            self.run_worker(self._marked(ids), name="notices")

    async def _marked(self, ids: Sequence[UUID]) -> None:
        try:
            self._found = await self._read(ids)
        except CounterError as error:
            self.query_one("#whole", Static).update(drawn(" ".join(filter(None, sentences_of(error)))))
            return
        finally:
            self._busy = False
        if self._found:
            self._fill()
        else:
            self.dismiss(None)
