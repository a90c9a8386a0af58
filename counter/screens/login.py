"""Signing in: a staff number and a PIN. The first thing that is seen, while everything else is still being loaded.

What belongs here: the two fields, how far the preparation is, and what is typed ahead of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from textual import on, work
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input, Static

from core.errors import CounterError, DatabaseUnreachable, NotSignedIn, OutcomeUnknown, UsageError
from counter.commands import Command
from counter.i18n import LanguageChanged, _
from counter.lifeline import DatabaseBack, DatabaseLost, Opened, Opening, OpeningFailed
from counter.screens.workstation import Workstation
from counter.symbols import drawn, symbols

#: The words of ``core.ops.prepare`` for its steps; anything else comes as a sentence.
_STEPS: Final = {
    "schema": "Preparing the tables",
    "railway": "Loading the demonstration railway",
    "schedules": "Opening the schedules of the coming days",
}
_BAR_CELLS: Final = 24


class LoginScreen(Workstation):
    """Number, PIN, Enter. What is typed before the database is ready is used when it is."""

    CSS_PATH = "login.tcss"
    AUTO_FOCUS = "#number"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("sign_in", "enter", "sign in", "Sign in with the number and the PIN.", in_palette=False),
        Command("back", "escape", "clear", "Clear the PIN, then the number.", in_palette=False),
    )

    def __init__(self) -> None:
        super().__init__()
        self._wanted = False
        self._busy = False
        self._step: Opening | None = None
        self._failure: OpeningFailed | None = None

    def compose_work(self) -> Iterable[Widget]:
        """The two fields in the middle."""
        yield Static(id="training", markup=False)
        with Vertical(id="desk"):
            yield Static(id="operator", markup=False)
            yield Static(id="number-label", markup=False)
            yield Input(id="number", max_length=20)
            yield Static(id="pin-label", markup=False)
            yield Input(id="pin", password=True, max_length=60)
            yield Static(id="below", markup=False)

    def on_mount(self) -> None:
        """Everything in words."""
        self._show()

    # Typing

    @property
    def _number(self) -> Input:
        return self.query_one("#number", Input)

    @property
    def _pin(self) -> Input:
        return self.query_one("#pin", Input)

    @on(Input.Submitted)
    def _entered(self) -> None:
        self.action_sign_in()

    def action_sign_in(self) -> None:
        """Go to the field that is still empty, else sign in as soon as that is possible."""
        self.line.clear()
        if not self._number.value.strip():
            self._number.focus()
        elif not self._pin.value:
            self._pin.focus()
        else:
            self._wanted = True
            self._try()
        if self._failure is not None:
            self.counter.lifeline.nudge()

    def action_back(self) -> None:
        """Clear the PIN, then the number; what was to be signed in is not."""
        self._wanted = False
        self.line.clear()
        (self._pin if self._pin.value else self._number).clear()
        (self._pin if self._number.value else self._number).focus()
        self._show()

    # Signing in

    def _try(self) -> None:
        if self.counter.workplace is not None and self._wanted and not self._busy:
            self._sign_in()
        self._show()

    @work
    async def _sign_in(self) -> None:
        self._busy, self._wanted = True, False
        self._show()
        try:
            if not await self._enter(self._number.value, self._pin.value):
                self._pin.clear()
                self._pin.focus()
                return
        except (DatabaseUnreachable, OutcomeUnknown) as error:
            self._wanted = True  # what is typed stays, and is used when the database is back
            self.report(error)
        except CounterError as error:
            self.report(error)
            self._pin.clear()
            self._pin.focus()
        else:
            self.line.clear()
            self._number.clear()
            self._pin.clear()
            self._number.focus()
        finally:
            self._busy = False
            self._show()

    async def _enter(self, number: str, pin: str) -> bool:
        """Sign in; whoever has to choose another PIN first does, or False."""
        try:
            await self.counter.sign_in(number, pin)
        except NotSignedIn as refused:
            if refused.reason != "pin_must_change":
                raise
            new = await self._choose_pin(number, pin)
            if new is None:
                return False
            await self.counter.sign_in(number, new)
        return True

    async def _choose_pin(self, number: str, old: str) -> str | None:
        from counter.dialogs.form import Field, Form, Typed

        place = self.counter.workplace
        assert place is not None, "the database has just answered"

        def change(typed: Typed) -> str:
            if typed["new"] != typed["again"]:
                raise UsageError("These are two different PINs.", code="pin_differs", hint="Type them again.")
            place.change_pin(number, old, typed["new"])
            return typed["new"]

        fields = [
            Field("new", _("New PIN"), "secret", missing=_("Type a new PIN.")),
            Field("again", _("Once more"), "secret", missing=_("Type it once more.")),
        ]
        note = _("The one you have was set by somebody else. Take 6 to 12 digits that nobody guesses.")
        return await self.counter.ask(Form(_("Choose a PIN of your own"), fields, change, note=note))

    def resume_as(self, staff_number: str, sentence: str) -> None:
        """Somebody's screen is locked: the number stands there already, and the sentence says why."""
        self._number.value = staff_number
        self._pin.clear()
        self._pin.focus()
        self.warn(sentence)

    # What happens behind it

    def on_opening(self, message: Opening) -> None:
        """The preparation goes on."""
        self._step = message
        self._show()

    def on_opening_failed(self, message: OpeningFailed) -> None:
        """The workplace could not be opened."""
        self._failure, self._step = message, None
        self.report(message.error)
        self._show()

    def on_opened(self, _message: Opened) -> None:
        """Ready: what was typed meanwhile counts."""
        if self._failure is not None:
            self.line.clear()
        self._failure = self._step = None
        self._try()

    def on_database_lost(self, _message: DatabaseLost) -> None:
        """Nothing to do but to say so."""
        self._show()

    def on_database_back(self, _message: DatabaseBack) -> None:
        """What was to be signed in is."""
        self.line.clear()
        self._try()

    # What is seen

    def _show(self) -> None:
        prompt = symbols().prompt
        self._label("#number-label", f"{_('Staff number'):<14}{prompt}")
        self._label("#pin-label", f"{_('PIN'):<14}{prompt}")
        self._label("#operator", self._operator())
        self._label("#training", _("TRAINING - nothing that is sold here is real."))
        self.query_one("#training").display = self.counter.training
        self._label("#below", self._progress() or self._demonstration())

    def _label(self, selector: str, text: str) -> None:
        self.query_one(selector, Static).update(drawn(text))

    def _operator(self) -> str:
        place = self.counter.workplace
        return "counter" if place is None else place.office.operator.name

    def _progress(self) -> str:
        if self._busy:
            return _("Signing in…")
        if self.counter.workplace is None and self._failure is not None:
            return _("Trying again by itself…") if self._failure.again else _("Enter tries again.")
        if self.counter.lifeline.away:
            return _("Signs in when the database is back.") if self._wanted else _("Waiting for the database…")
        if self.counter.workplace is not None:
            return ""
        waits = _("Signs in as soon as it is done.") if self._wanted else _("Number and PIN can be typed already.")
        return f"{self._step_in_words()}\n{waits}"

    def _step_in_words(self) -> str:
        step = self._step
        if step is None:
            return _("Opening the database…")
        words = _(_STEPS.get(step.step, step.step))
        if step.total <= 0:
            return words
        share = min(1.0, step.done / step.total)
        done = round(share * _BAR_CELLS)
        return f"{words}\n{symbols().block * done}{symbols().rule * (_BAR_CELLS - done)} {share:4.0%}"

    def _demonstration(self) -> str:
        """The demonstration railway's staff, which is shown here and nowhere else."""
        place = self.counter.workplace
        if place is None or not place.office.operator.is_demonstration:
            return ""
        from core.ops.demo import PIN, STAFF

        staff = "\n".join(f"{number}  {name} · {_(role)}" for number, (name, role) in STAFF.items())
        return _("Demonstration railway, PIN {pin}:", pin=PIN) + f"\n{staff}"

    def on_language_changed(self, _message: LanguageChanged) -> None:
        """The labels as well."""
        self._show()
