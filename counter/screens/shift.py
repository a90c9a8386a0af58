"""The shift: what the drawer has seen, cash in and out, the blind count, the close and its report.

What belongs here: keys, and what stands on the screen. How a shift goes on from step to step is ``shift_flows``, how
it is drawn ``shift_view``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from textual import events
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from core.money import grouped
from counter.commands import Command
from counter.i18n import LanguageChanged, _
from counter.lifeline import DatabaseBack
from counter.screens.sell_fare import Figure
from counter.screens.sell_words import Words
from counter.screens.shift_count import CountPanel, NumberInput
from counter.screens.shift_flows import Face, ShiftFlows
from counter.screens.shift_view import (
    count_table,
    lines_of,
    sums_table,
    title_of,
    verdict_of,
    verdict_table,
    work_table,
)
from counter.symbols import in_ascii

_WIDE = 100
_N, _O, _C, _D, _Z = Face.NONE, Face.OPEN, Face.COUNTING, Face.COUNTED, Face.CLOSED
_FACES_OF = {
    "open_shift": {_N, _Z}, "cash_in": {_O}, "cash_out": {_O}, "drop": {_O}, "no_sale": {_O}, "count": {_O},
    "print_x": {_O}, "next_piece": {_C}, "piece_before": {_C}, "piece_after": {_C}, "store": {_C}, "recount": {_D},
    "close_shift": {_D}, "print_z": {_Z}, "last_z": {_N, _O},
}  # fmt: skip


class ShiftScreen(ShiftFlows):
    """The shift workstation; see the module's docstring."""

    CSS_PATH = "shift.tcss"
    # Textual calls its lists of palette providers COMMANDS as well, see Workstation.
    COMMANDS: ClassVar[tuple[Command, ...]] = (  # type: ignore[assignment]
        Command("open_shift", "enter", "open a shift", "Open a shift with its float.", "sell"),
        Command("count", "c", "count", "Count the drawer, which ends the selling in this shift.", "sell",
                title="Count the drawer"),
        Command("cash_in", "i", "in", "Put cash into the drawer that is no sale.", "sell", title="Cash in"),
        Command("cash_out", "o", "out", "Pay cash out of the drawer.", "sell", title="Cash out"),
        Command("drop", "d", "drop", "Take cash out of the drawer into a sealed bag.", "sell", title="Drop"),
        Command("no_sale", "n", "no-sale", "Open the drawer without a sale.", "sell",
                title="Open the drawer without a sale"),
        Command("print_x", "x", "print X", "Print the X report.", "sell", title="Print the X report"),
        Command("next_piece", "enter", "next", "Go to the next line; from the last one store the count.",
                in_palette=False),
        Command("piece_before", "up", "", "Go to the line above.", in_palette=False),
        Command("piece_after", "down", "", "Go to the line below.", in_palette=False),
        Command("store", "f2", "store", "Store the count as it stands.", "sell"),
        Command("close_shift", "enter", "close", "Close the shift with its Z report.", "sell"),
        Command("recount", "r", "recount", "Count again; the first count stays on record.", "sell"),
        Command("print_z", "p", "print", "Print the report; again is a marked copy.", "sell", title="Print the Z"),
        Command("last_z", "z", "last Z", "Read the last Z report of this terminal.", "sell", title="The last Z report"),
        Command("back", "escape", "back", "Go back, at last to where you came from.", in_palette=False),
    )  # fmt: skip

    def compose_work(self) -> Iterable[Widget]:
        """A title, and below it one face at a time."""
        yield Words("", id="shift-title")
        with ContentSwitcher(id="faces", initial="nothing"):
            yield Static("", id="nothing", markup=False)
            with Horizontal(id="overview"):
                with VerticalScroll(id="sums-pane"):
                    yield Static("", id="sums")
                with VerticalScroll(id="work-pane"):
                    yield Static("", id="work-words")
            yield CountPanel(id="counting")
            with Horizontal(id="counted"):
                with VerticalScroll(id="counts-pane"):
                    yield Static("", id="counts")
                with Vertical(id="verdict-side"):
                    yield Static("", id="verdict")
                    yield Words("", id="verdict-word")
                    yield Figure(id="difference")
                    yield Static("", id="advice-shift", markup=False)
            with VerticalScroll(id="paper"):
                yield Static("", id="paper-lines", markup=False)

    def on_mount(self) -> None:
        """Look how the drawer stands."""
        self.set_class(in_ascii(), "-ascii")
        self.turn(self.look)

    async def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Other workstations have sold meanwhile."""
        await super().on_screen_resume(event)
        if self.face is not Face.COUNTING and not self.busy:
            self.turn(self.look)

    def on_resize(self) -> None:
        """More room for the columns."""
        self.set_class(self.size.width >= _WIDE, "-wide")

    # -- keys -------------------------------------------------------------------------------------------------------

    @property
    def has_work(self) -> bool:
        """Whether something that was counted would be lost."""
        return self.face is Face.COUNTING and self.counting.total > 0

    def offers(self, command: Command) -> bool:
        """Only what means something now."""
        faces = _FACES_OF.get(command.id)
        if faces is not None and self.face not in faces:
            return False
        if command.id == "recount":
            return self.state.counted is not None and self.state.counted.recounts_left > 0
        if command.id == "open_shift":
            return self.state.shift is None
        return self.state.report is not None or command.id in ("last_z", "back", "print_z")

    def action_open_shift(self) -> None:
        """A float, and a new shift."""
        self.turn(self.open_shift)

    def action_cash_in(self) -> None:
        """Cash that comes in."""
        self.turn(partial(self.move, "cash_in"))

    def action_cash_out(self) -> None:
        """Cash that goes out."""
        self.turn(partial(self.move, "cash_out"))

    def action_drop(self) -> None:
        """Cash into a bag."""
        self.turn(partial(self.move, "drop"))

    def action_no_sale(self) -> None:
        """The drawer, for no sale."""
        self.turn(partial(self.move, "no_sale"))

    def action_print_x(self) -> None:
        """The X report on paper."""
        self.turn(self.print_x)

    def action_count(self) -> None:
        """Begin to count."""
        self.turn(self.begin_count)

    def action_recount(self) -> None:
        """Count again."""
        self.turn(self.begin_count)

    def action_next_piece(self) -> None:
        """The next line; the last one stores the count."""
        fields = self.counting.fields
        if self.focused is fields[-1]:
            self.action_store()
        else:
            self._go(1)

    def action_piece_before(self) -> None:
        """The line above."""
        self._go(-1)

    def action_piece_after(self) -> None:
        """The line below."""
        self._go(1)

    def _go(self, step: int) -> None:
        fields = self.counting.fields
        at = next((n for n, field in enumerate(fields) if field is self.focused), -1)
        fields[max(0, min(at + step, len(fields) - 1))].focus()

    def action_store(self) -> None:
        """Store what was counted."""
        self.turn(self.store_count)

    def action_close_shift(self) -> None:
        """The reason, the approver, the report."""
        self.turn(self.close_shift)

    def action_print_z(self) -> None:
        """The report on paper."""
        self.turn(self.print_z)

    def action_last_z(self) -> None:
        """The last report of this terminal."""
        self.turn(self.show_last_z)

    def action_back(self) -> None:
        """One step back."""
        if self.face is Face.COUNTING:
            self.turn(self.leave_count)
        elif self.face is Face.CLOSED and self.state.shift is not None:
            self.turn(self.look)
        else:
            self.turn(self.counter.leave_aside)

    # -- what is seen -------------------------------------------------------------------------------------------------

    @property
    def counting(self) -> CountPanel:
        """The counting table."""
        return self.query_one(CountPanel)

    def show(self) -> None:
        """Everything as it is now."""
        state, face = self.state, self.face
        current = {_N: "nothing", _O: "overview", _C: "counting", _D: "counted", _Z: "paper"}[face]
        self.query_one("#shift-title", Words).say(Content(self._title()))
        if face is _N:
            self.query_one("#nothing", Static).update(self._why_nothing())
        elif face is _O and state.report is not None:
            self.query_one("#sums", Static).update(sums_table(state.report))
            self.query_one("#work-words", Static).update(work_table(state.report))
        elif face is _D and state.counted is not None:
            self.query_one("#counts", Static).update(count_table(state.counted))
            self.query_one("#verdict", Static).update(verdict_table(state.counted))
            word, amount = verdict_of(state.counted)
            self.query_one("#verdict-word", Words).say(Content(word))
            self.query_one("#difference", Figure).show("", amount)
            self.query_one("#advice-shift", Static).update(self._advice())
        elif face is _Z:
            self.query_one("#paper-lines", Static).update("\n".join(self.paper))
        self.query_one("#faces", ContentSwitcher).current = current
        self.refresh_bindings()

    def place_cursor(self) -> None:
        """The first line that is to be counted; else nothing wants a key of its own."""
        if self.face is Face.COUNTING:
            if not isinstance(self.focused, NumberInput):
                self.counting.fields[0].focus()
        else:
            self.set_focus(self.query_one("#paper") if self.face is _Z else None)

    def _title(self) -> str:
        if self.face is _Z and self.z_report is not None:
            return _("Z report {number}", number=self.z_report.number)
        if self.state.report is not None:
            return title_of(self.state.report)
        return _("Shift")

    def _why_nothing(self) -> str:
        shift = self.state.shift
        if shift is None:
            return lines_of((_("No shift is open at this counter."), _("Enter opens one: count the float first.")))
        whose = _("The drawer belongs to shift {number} of {clerk}.", number=shift.number, clerk=shift.clerk)
        what = _("Nobody else sells here until it is closed.")
        who = _("Its clerk signs in and counts it, or a supervisor signs in here and does.")
        return lines_of((whose, what, "", who))

    def _advice(self) -> str:
        counted = self.state.counted
        assert counted is not None
        return lines_of((
            _("A reason is asked for.") if counted.needs_reason else _("Enter closes the shift."),
            _("Above {limit} a supervisor approves it.", limit=grouped(counted.limit))
            if counted.needs_approval else "",
            _("R counts again; this count stays on record.") if counted.recounts_left else "",
        ))  # fmt: skip

    def on_database_back(self, _message: DatabaseBack) -> None:
        """Look again; what was counted but not stored stays."""
        if self.face is not Face.COUNTING:
            self.turn(self.look)

    def on_language_changed(self, _message: LanguageChanged) -> None:
        """Everything in words again."""
        self.counting.put_into_words()
        if self.face is _Z and self.z_report is not None:
            self.turn(partial(self.read_z, self.z_report))
        self.show()
