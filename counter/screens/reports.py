"""Reports for supervisors: a table, and a chart above it where a picture says more; saved and printed by keys.

What belongs here: keys, and what stands where. How one goes from report to report is ``reports_flows``, how a report is
drawn ``reports_view``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, ClassVar, Final

from textual import events
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from counter.commands import Command
from counter.i18n import LanguageChanged, _
from counter.lifeline import DatabaseBack
from counter.screens.reports_desk import Made
from counter.screens.reports_flows import ReportsFlows
from counter.screens.reports_view import chart, pages, table, title
from counter.screens.sell_words import Words
from counter.symbols import drawn, in_ascii, symbols

_WIDE: Final = 100
_TALL: Final = 32
_OF_ONE: Final = frozenset({"save", "print", "before", "after"})


class ReportsScreen(ReportsFlows):
    """The reports workstation; see the module's docstring."""

    CSS_PATH = "reports.tcss"
    AUTO_FOCUS = "#figures-pane"
    # Textual calls its lists of palette providers COMMANDS as well, see Workstation.
    COMMANDS: ClassVar[tuple[Command, ...]] = (  # type: ignore[assignment]
        Command("choose", "f2", "report", "Choose another report.", "look_into_reports", title="Choose a report"),
        Command("about", "f3", "days", "Other days, or another train.", "look_into_reports",
                title="Days or train of the report"),
        Command("before", "left", "earlier", "The same about the days before.", "look_into_reports",
                title="The days before", priority=True),
        Command("after", "right", "", "The same about the days after.", "look_into_reports",
                title="The days after", priority=True),
        Command("picture", "f5", "chart", "Show the chart, or the table alone.", "look_into_reports",
                title="Show or hide the chart"),
        Command("save", "f6", "save", "Save the report to a file for a spreadsheet.", "look_into_reports",
                title="Save the report as CSV"),
        Command("print", "f7", "print", "Print the report.", "look_into_reports", title="Print the report"),
        Command("again", "f8", "", "Read the report again.", "look_into_reports", title="Read the report again"),
        Command("page_after", "n", "page", "Show the next page.", in_palette=False),
        Command("page_before", "p", "", "Show the page before.", in_palette=False),
        Command("back", "escape", "back", "Go back to where you came from.", in_palette=False),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.with_chart = True

    def compose_work(self) -> Iterable[Widget]:
        """What it is about, room for a chart, and the table."""
        yield Words("", id="reports-title")
        yield Vertical(id="chart-pane")
        with VerticalScroll(id="figures-pane"):
            yield Static("", id="figures")

    def on_mount(self) -> None:
        """What was sold today."""
        self.set_class(in_ascii(), "-ascii")
        self.show()
        self.turn(partial(self.look, self.asked))

    def on_resize(self, event: events.Resize) -> None:
        """More room: more columns, a taller chart."""
        self.set_class(event.size.height >= _TALL, "-tall")
        self.set_class(event.size.width >= _WIDE, "-wide")
        self.fill()

    # -- keys -------------------------------------------------------------------------------------------------------

    def offers(self, command: Command) -> bool:
        """Only what means something for the report in front."""
        made = self.made
        if command.id == "picture":
            return made is not None and chart(made.report) is not None
        if command.id == "page_after":
            return made is not None and self.page + 1 < pages(made.report)
        if command.id == "page_before":
            return self.page > 0
        return command.id not in _OF_ONE or made is not None

    def _with_made(self, flow: Callable[[Made], Coroutine[Any, Any, None]]) -> None:
        if self.made is not None:
            self.turn(partial(flow, self.made))

    def action_choose(self) -> None:
        """Another report."""
        self.turn(self.choose)

    def action_about(self) -> None:
        """Other days or another train."""
        self.turn(self.about)

    def action_before(self) -> None:
        """The days before."""
        self.turn(partial(self.look, self.asked.moved(-1)))

    def action_after(self) -> None:
        """The days after."""
        self.turn(partial(self.look, self.asked.moved(+1)))

    def action_again(self) -> None:
        """The same, as it is now."""
        self.turn(partial(self.look, self.asked))

    def action_picture(self) -> None:
        """With a chart or without."""
        self.with_chart = not self.with_chart
        self.fill()

    def action_save(self) -> None:
        """To a file."""
        self._with_made(self.save)

    def action_print(self) -> None:
        """On paper."""
        self._with_made(self.print)

    def action_page_after(self) -> None:
        """The next page."""
        self.page += 1
        self.fill()

    def action_page_before(self) -> None:
        """The page before."""
        self.page -= 1
        self.fill()

    def action_back(self) -> None:
        """Where one came from."""
        self.turn(self.counter.leave_aside)

    # -- what is seen -------------------------------------------------------------------------------------------------

    def fill(self) -> None:
        """The report in front, from its beginning."""
        if self.made is not None and self.is_mounted:
            wide = self.has_class("-wide")
            figures = self.query_one("#figures", Static)
            empty = not self.made.report.rows
            figures.update(
                drawn(_("Nothing is on record.")) if empty else table(self.made.report, self.page, wide=wide)
            )
            self.query_one("#figures-pane", VerticalScroll).scroll_home(animate=False)
            self._show_chart()
        self.show()

    def _show_chart(self) -> None:
        assert self.made is not None
        bars = chart(self.made.report) if self.with_chart else None
        pane = self.query_one("#chart-pane", Vertical)
        pane.display = bars is not None
        if bars is None:
            return
        from counter.widgets.figures_chart import FiguresChart

        drawn_already = pane.query(FiguresChart)
        if drawn_already:
            drawn_already.first().draw(bars)
        else:
            new = FiguresChart()
            pane.mount(new)
            new.draw(bars)

    def show(self) -> None:
        """Everything as it is now."""
        words = title(self.asked, self.made.report if self.made is not None else None)
        if self.made is not None and pages(self.made.report) > 1:
            page = _("page {n} of {pages}", n=self.page + 1, pages=pages(self.made.report))
            words += f" {symbols().dot} {page}"
        self.query_one("#reports-title", Words).say(Content(drawn(words)))
        self.refresh_bindings()

    def place_cursor(self) -> None:
        """On the table, which scrolls."""
        self.query_one("#figures-pane").focus()

    def on_database_back(self, _message: DatabaseBack) -> None:
        """Look again, if there was nothing to be seen."""
        if self.made is None:
            self.turn(partial(self.look, self.asked))

    def on_language_changed(self, message: LanguageChanged) -> None:
        """Everything in words again."""
        super().on_language_changed(message)
        self.fill()
