"""The counting table: a line for every note and coin, its sum beside it, the running total in large figures.

What belongs here: the panel and its keys. Nothing here knows what should be in the drawer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input

from core.money import grouped
from core.shifts.counting import DENOMINATIONS, RollEnd
from counter.i18n import _
from counter.screens.sell_fare import Figure
from counter.screens.sell_words import Words
from counter.symbols import drawn, in_ascii, symbols

_MOST_DIGITS = 5
_ROLL_DIGITS = 12


class NumberInput(Input):
    """Figures only; Enter and the arrows belong to the screen."""

    DEFAULT_CSS = """
    NumberInput { border: none; height: 1; padding: 0 1; width: 9; background: $surface; text-align: right; }
    NumberInput:focus { border: none; background: $panel-lighten-1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("up,down", "nothing", show=False)]

    def __init__(self, *, id: str, digits: int = _MOST_DIGITS) -> None:
        super().__init__(id=id, restrict=r"[0-9]*", max_length=digits, select_on_focus=True)

    @property
    def number(self) -> int:
        """What stands in it; nothing is none."""
        return int(self.value or 0)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter goes on to the next line."""
        return False if action in ("submit", "nothing") else super().check_action(action, parameters)


class CountPanel(Horizontal):
    """Pieces by denomination, then the ends of the rolls of ticket stock."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._rolls: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        """The lines on the left, the total on the right."""
        with VerticalScroll(id="pieces", can_focus=False):
            for worth in DENOMINATIONS:
                with Horizontal(classes="piece"):
                    yield Words(Content(f"{grouped(worth):>8} {'x' if in_ascii() else '×'} "), classes="worth")
                    yield NumberInput(id=f"worth-{worth}")
                    yield Words("", classes="sum", id=f"sum-{worth}")
            yield Vertical(id="rolls")
        with Vertical(id="count-side"):
            yield Words("", id="count-help")
            yield Words("", id="count-word")
            yield Figure(id="count-total")

    def on_mount(self) -> None:
        """Nothing is counted yet."""
        self.put_into_words()

    def put_into_words(self) -> None:
        """The words around the figures."""
        said = _("Count every note and coin. What should be there is told when the count is stored.")
        self.query_one("#count-help", Words).say(Content(drawn(said)))
        self.tell_total()

    async def begin(self, rolls: Sequence[str]) -> None:
        """Count anew; ``rolls`` are the marks of the rolls to account for."""
        self._rolls = tuple(rolls)
        for field in self.query(NumberInput):
            field.value = ""
        place = self.query_one("#rolls", Vertical)
        await place.remove_children()
        for number, mark in enumerate(self._rolls):
            for word, field in (
                (_("next number"), NumberInput(id=f"next-{number}", digits=_ROLL_DIGITS)),
                (_("spoilt"), NumberInput(id=f"spoilt-{number}")),
            ):
                words = drawn(f"{_('Roll')} {mark} {word} {symbols().prompt} ")
                await place.mount(Horizontal(Words(Content(words), classes="roll"), field, classes="piece"))
        self.tell_total()

    @property
    def fields(self) -> list[NumberInput]:
        """Every field, from top to bottom."""
        return list(self.query(NumberInput))

    @property
    def pieces(self) -> dict[int, int]:
        """Worth → pieces."""
        return {worth: self.query_one(f"#worth-{worth}", NumberInput).number for worth in DENOMINATIONS}

    @property
    def ends(self) -> Iterable[RollEnd]:
        """The ends of those rolls whose next number was typed."""
        for number, mark in enumerate(self._rolls):
            following = self.query_one(f"#next-{number}", NumberInput)
            if following.value:
                yield RollEnd(mark, following.number, self.query_one(f"#spoilt-{number}", NumberInput).number)

    @property
    def total(self) -> int:
        """What was typed so far comes to."""
        return sum(worth * number for worth, number in self.pieces.items())

    @on(Input.Changed)
    def tell_total(self) -> None:
        """Sums and total, at every key."""
        for worth, number in self.pieces.items():
            words = grouped(worth * number) if number else ""
            self.query_one(f"#sum-{worth}", Words).say(Content(words))
        self.query_one("#count-word", Words).say(Content(drawn(_("COUNTED"))))
        self.query_one("#count-total", Figure).show("", self.total)
