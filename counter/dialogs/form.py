"""A few fields and one thing to do with them: Enter goes from field to field and then does it; a refusal stands below.

What belongs here: the form. What is asked for and done stands with whoever opens it; it is done in a thread while the
form stays, so that a refusal can be answered where it was caused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Generic, Literal, TypeAlias, TypeVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from core.errors import CounterError, UsageError
from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.i18n import _, reworded, sentences_of
from counter.screens.sell_fields import PlainInput, too_long
from counter.symbols import drawn, symbols
from counter.widgets.key_bar import KeyBar
from counter.widgets.money_input import MoneyInput, parse_money

T = TypeVar("T")
Kind: TypeAlias = Literal["text", "money", "secret"]
#: What was typed, by the fields' names; amounts of money as they stand in the field.
Typed: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a form. ``missing`` is said when it is left empty; without that it may be."""

    name: str
    label: str
    kind: Kind = "text"
    placeholder: str = ""
    missing: str = ""
    value: str = ""


class SumInput(MoneyInput):
    """An amount of money; Enter belongs to the form."""

    DEFAULT_CSS = """
    SumInput { border: none; height: 1; padding: 0; background: $surface; }
    SumInput:focus { border: none; background: $background; }
    SumInput.-rejected { text-style: underline; }
    """

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter belongs to the form, which shows it among its keys."""
        return False if action == "submit" else super().check_action(action, parameters)


class Form(Dialog[T], Generic[T]):
    """Asks for some fields and answers with what ``work`` makes of them.

    Args:
        title: what this is about.
        fields: from top to bottom.
        work: runs in a thread, and raises ``CounterError`` if something is wrong; the form then stays.
        note: further words below the title.
    """

    CSS_PATH = "form.tcss"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("accept", "enter", "go on", "Go to the next field, and from the last one on.", in_palette=False),
        Command("next_field", "tab,down", "field", "Go to the next field.", in_palette=False),
        Command("field_before", "shift+tab,up", "", "Go to the field before.", in_palette=False),
        Command("back", "escape", "back", "Go back and do nothing.", in_palette=False),
    )

    def __init__(self, title: str, fields: Sequence[Field], work: Callable[[Typed], T], *, note: str = "") -> None:
        super().__init__()
        self._title, self._fields, self._work, self._note = title, fields, work, note
        self._doing = False

    def compose(self) -> ComposeResult:
        """Title, note, a line for each field, and room for what is wrong."""
        widest = max(len(field.label) for field in self._fields) + 3
        with Vertical(id="box"):
            yield Static(drawn(self._title), id="title", markup=False)
            if self._note:
                yield Static(drawn(self._note), id="note", markup=False)
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield Static(drawn(f"{field.label:<{widest - 2}}{symbols().prompt} "), markup=False)
                    yield _input_of(field)
            yield Static("", id="trouble", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin with the first field that is empty."""
        empty = next((field for field in self._fields if not field.value), self._fields[0])
        self._input(empty.name).focus()

    def _input(self, name: str) -> Input:
        return self.query_one(f"#{name}", Input)

    def on_plain_input_too_long(self, message: PlainInput.TooLong) -> None:
        """A long story."""
        message.stop()
        self.tell(too_long(message))

    def action_next_field(self) -> None:
        """The next field."""
        self.focus_next(Input)

    def action_field_before(self) -> None:
        """The field before."""
        self.focus_previous(Input)

    def action_accept(self) -> None:
        """On to the next field that still needs something; if there is none, do it."""
        if self._doing:
            return
        at = next((n for n, field in enumerate(self._fields) if self._input(field.name) is self.focused), 0)
        after = self._fields[at + 1 :]
        empty = next((one for one in after if one.missing and not self._input(one.name).value.strip()), None)
        if empty is not None and self._may_leave(self._fields[at]):
            self._input(empty.name).focus()
        elif empty is None and all(map(self._may_leave, self._fields)):
            self._do()

    def _may_leave(self, field: Field) -> bool:
        value = self._input(field.name).value.strip()
        trouble = field.missing if not value else ""
        if value and field.kind == "money":
            try:
                parse_money(value)
            except UsageError as error:
                trouble = f"{reworded(error.message)} {reworded(error.hint)}"
        self.tell(trouble)
        if trouble:
            self._input(field.name).focus()
        return not trouble

    def _do(self) -> None:
        self._doing = True
        typed = {field.name: self._input(field.name).value for field in self._fields}
        self.tell(_("One moment…"))
        self.run_worker(self._finish(typed), name="form")

    async def _finish(self, typed: Typed) -> None:
        try:
            done = await self.counter.in_thread(partial(self._work, typed))
        except CounterError as error:
            self.tell(" ".join(filter(None, sentences_of(error))))
            self._forget_secrets()
        else:
            self.dismiss(done)
        finally:
            self._doing = False

    def _forget_secrets(self) -> None:
        for field in self._fields:
            if field.kind == "secret":
                self._input(field.name).clear()
                self._input(field.name).focus()

    def tell(self, sentence: str) -> None:
        """Say something below the fields."""
        self.query_one("#trouble", Static).update(drawn(sentence))


def _input_of(field: Field) -> Input:
    if field.kind == "money":
        return SumInput(value=field.value, id=field.name, placeholder=drawn(field.placeholder), select_on_focus=False)
    secret = field.kind == "secret"
    return PlainInput(
        value=field.value, id=field.name, placeholder=drawn(field.placeholder), max_length=200, password=secret
    )
