"""Policies for supervisors: what holds, where it comes from, changing it; typing filters the list.

What belongs here: keys, and what stands where. How one goes from step to step is ``policies_flows``, how a policy is
drawn ``policies_view``.
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

from core.policy_values import InForce
from counter.commands import Command
from counter.i18n import LanguageChanged, _, counted
from counter.lifeline import DatabaseBack
from counter.screens.policies_flows import PoliciesFlows
from counter.screens.policies_view import haystack, place_in_words, policy_facts, policy_row
from counter.screens.sell_fields import PlainInput, too_long
from counter.screens.sell_words import Words
from counter.symbols import drawn, in_ascii, symbols
from counter.widgets.marked_list import MarkedList

_LONGEST_FILTER: Final = 80
_WIDE: Final = 100
_OF_ONE: Final = frozenset({"change", "withdraw", "history", "details"})


class PoliciesScreen(PoliciesFlows):
    """The policies workstation; see the module's docstring."""

    CSS_PATH = "policies.tcss"
    AUTO_FOCUS = "#filter"
    # Textual calls its lists of palette providers COMMANDS as well, see Workstation.
    COMMANDS: ClassVar[tuple[Command, ...]] = (  # type: ignore[assignment]
        Command("change", "f2", "change", "Let another value hold, for the place that is shown.", "decide_policies",
                title="Change the policy"),
        Command("withdraw", "f3", "withdraw", "Take away what was decided for the place that is shown.",
                "decide_policies", title="Withdraw the policy's value"),
        Command("place", "f4", "place", "Choose the station or train to look at and decide for.", "decide_policies",
                title="Policies of a station or train"),
        Command("history", "f5", "history", "Everything that ever stood for this policy.", "decide_policies",
                title="History of the policy"),
        Command("decided", "f6", "decided", "Show only what somebody has decided, or everything again.",
                "decide_policies", title="Only policies that were decided"),
        Command("details", "enter", "whole", "Read everything about the marked policy.", in_palette=False),
        Command("line_after", "down", "", "Mark the next policy.", in_palette=False),
        Command("line_before", "up", "", "Mark the policy before.", in_palette=False),
        Command("page_after", "pagedown", "", "Go down by a page.", in_palette=False),
        Command("page_before", "pageup", "", "Go up by a page.", in_palette=False),
        Command("back", "escape", "back", "Take the filter away, then go back to where you came from.",
                in_palette=False),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.found: list[InForce] = []
        self.only_decided = False

    def compose_work(self) -> Iterable[Widget]:
        """How many there are and for which place, the filter, the list, and the whole of the marked one."""
        yield Words("", id="policies-title")
        with Horizontal(id="filter-line"):
            yield Static("", id="filter-word", markup=False)
            yield PlainInput(id="filter", max_length=_LONGEST_FILTER)
        found = MarkedList(id="found", markup=False)
        found.can_focus = False
        yield found
        yield Static("", id="policy", markup=False)

    def on_mount(self) -> None:
        """Read everything."""
        self.set_class(in_ascii(), "-ascii")
        self.show()
        self.turn(self.look)

    async def on_screen_resume(self, event: events.ScreenResume) -> None:
        """In front again: somebody else may have decided something."""
        await super().on_screen_resume(event)
        if not self.busy and not self.counter.lifeline.away:
            self.turn(self.look)

    def on_resize(self, event: events.Resize) -> None:
        """More room: what a policy means in the list."""
        was, wide = self.has_class("-wide"), event.size.width >= _WIDE
        self.set_class(wide, "-wide")
        if was != wide:
            self.fill()

    # -- keys -------------------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> InForce | None:
        """The marked policy."""
        at = self.query_one(MarkedList).highlighted
        return self.found[at] if at is not None and at < len(self.found) else None

    def offers(self, command: Command) -> bool:
        """Only what means something for the marked one."""
        if command.id == "withdraw":
            return self.chosen is not None and self.chosen.at(self.where) is not None
        return command.id not in _OF_ONE or self.chosen is not None

    def _with_chosen(self, flow: Callable[[InForce], Coroutine[Any, Any, None]]) -> None:
        if self.chosen is not None:
            self.turn(partial(flow, self.chosen))

    def action_change(self) -> None:
        """Another value."""
        self._with_chosen(self.change)

    def action_withdraw(self) -> None:
        """The value of this place away."""
        self._with_chosen(self.withdraw)

    def action_history(self) -> None:
        """What ever stood."""
        self._with_chosen(self.history)

    def action_details(self) -> None:
        """Everything about the marked one."""
        self._with_chosen(self.read)

    def action_place(self) -> None:
        """Another place."""
        self.turn(self.go_to)

    def action_decided(self) -> None:
        """Only what was decided, or everything."""
        self.only_decided = not self.only_decided
        self.fill()

    def action_line_after(self) -> None:
        """The next one."""
        self.query_one(MarkedList).action_cursor_down()

    def action_line_before(self) -> None:
        """The one before."""
        self.query_one(MarkedList).action_cursor_up()

    def action_page_after(self) -> None:
        """A page down."""
        self._page(+1)

    def action_page_before(self) -> None:
        """A page up."""
        self._page(-1)

    def _page(self, way: int) -> None:
        options = self.query_one(MarkedList)
        if self.found:
            at = (options.highlighted or 0) + way * max(1, options.size.height - 1)
            options.highlighted = max(0, min(at, len(self.found) - 1))

    def action_back(self) -> None:
        """Without a filter, then where one came from."""
        field = self.query_one("#filter", PlainInput)
        if field.value:
            field.clear()
        elif self.only_decided:
            self.action_decided()
        else:
            self.turn(self.counter.leave_aside)

    @on(Input.Changed, "#filter")
    def _typed(self, _message: Input.Changed) -> None:
        self.fill()

    def on_plain_input_too_long(self, message: PlainInput.TooLong) -> None:
        """No policy is called that."""
        message.stop()
        self.warn(too_long(message))

    def on_option_list_option_highlighted(self, _message: OptionList.OptionHighlighted) -> None:
        """Another one is marked."""
        self._show_chosen()

    # -- what is seen -------------------------------------------------------------------------------------------------

    def fill(self, marked: str = "") -> None:
        """List what has every word of the filter in it."""
        before = marked or (self.chosen.policy.name if self.chosen is not None else "")
        words = self.query_one("#filter", PlainInput).value.casefold().split()
        decided = [one for one in self.known if one.all] if self.only_decided else self.known
        self.found = [one for one in decided if all(word in haystack(one) for word in words)]
        options = self.query_one(MarkedList)
        options.clear_options()
        wide = self.has_class("-wide")
        options.add_options([Option(policy_row(one, wide=wide)) for one in self.found])
        same = next((at for at, one in enumerate(self.found) if one.policy.name == before), 0)
        options.highlighted = same if self.found else None
        self.show()

    def show(self) -> None:
        """Everything as it is now."""
        self.query_one("#filter-word", Static).update(drawn(f"{_('Filter')} {symbols().prompt} "))
        self.query_one("#policies-title", Words).say(Content(drawn(self._title())))
        self._show_chosen()

    def _title(self) -> str:
        if self.known and not self.found:
            return _("No policy fits this filter.")
        parts = [
            counted("{n} policy", "{n} policies", len(self.found)),
            counted("{n} decided", "{n} decided", sum(bool(one.all) for one in self.found)),
            _("for: {place}", place=place_in_words(self.where)),
        ]
        return f" {symbols().dot} ".join(parts)

    def _show_chosen(self) -> None:
        one = self.chosen
        lines = [] if one is None else [one.policy.name, *policy_facts(one, self.zone)]
        self.query_one("#policy", Static).update(drawn("\n".join(lines)))
        self.refresh_bindings()

    def place_cursor(self) -> None:
        """In the filter."""
        self.query_one("#filter", PlainInput).focus()

    def on_database_back(self, _message: DatabaseBack) -> None:
        """Look again."""
        self.turn(self.look)

    def on_language_changed(self, message: LanguageChanged) -> None:
        """Everything in words again; what was typed stays."""
        super().on_language_changed(message)
        self.fill()
