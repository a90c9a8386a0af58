"""The audit trail for supervisors: its rows with filters, whether it is whole, alerts, reports, exports.

What belongs here: keys, and what stands where. How one goes from step to step is ``audit_flows``, how it is drawn
``audit_view``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar, Final

from textual import events
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import ContentSwitcher, OptionList, Static
from textual.widgets.option_list import Option

from core.audit.incidents import Alert
from core.audit.trail import Entry, Filter
from counter.commands import Command
from counter.dialogs.reading import Reading
from counter.i18n import LanguageChanged, _, counted
from counter.lifeline import DatabaseBack
from counter.screens.audit_flows import AuditFlows, Face
from counter.screens.audit_view import alert_details, alert_row, entry_details, entry_row, entry_text, report_view
from counter.screens.sell_fields import PlainInput, too_long
from counter.screens.sell_words import Words
from counter.symbols import drawn, in_ascii, symbols
from counter.widgets.marked_list import MarkedList

_WIDE: Final = 100
_TALL: Final = 32
_LONGEST_FILTER: Final = 300
_TRAIL_ONLY: Final = frozenset({
    "filter", "details", "older", "newer", "same_person", "same_entity", "same_transaction", "all_rows", "check",
    "export", "alerts",
})  # fmt: skip
_OF_A_ROW: Final = frozenset({"details", "same_person", "same_entity", "same_transaction"})


class AuditScreen(AuditFlows):
    """The audit workstation; see the module's docstring."""

    CSS_PATH = "audit.tcss"
    AUTO_FOCUS = "#rows"
    # Textual calls its lists of palette providers COMMANDS as well, see Workstation.
    COMMANDS: ClassVar[tuple[Command, ...]] = (  # type: ignore[assignment]
        Command("find", "enter", "find", "Show the rows that the filter finds.", in_palette=False),
        Command("filter", "f,slash", "filter", "Write a filter: who 1001 entity bookings since 2026-11-20.",
                "look_into_audit", title="Filter the audit trail"),
        Command("acknowledge", "k", "acknowledge", "Say that you have looked at the marked alert.", "look_into_audit",
                title="Acknowledge the alert"),
        Command("save", "w", "save", "Save the report to a file.", "export_audit", title="Save the report"),
        Command("older", "o", "older", "Go to older rows.", "look_into_audit", title="Older rows"),
        Command("newer", "n", "newer", "Go to newer rows.", "look_into_audit", title="Newer rows"),
        Command("same_person", "p", "person", "Only rows of the same person.", "look_into_audit",
                title="Rows of the same person"),
        Command("same_entity", "e", "thing", "Only rows about the same thing.", "look_into_audit",
                title="Rows about the same thing"),
        Command("same_transaction", "c", "act", "Only rows of the same transaction.", "look_into_audit",
                title="Rows of the same transaction"),
        Command("all_rows", "x", "all", "Take the filter away.", "look_into_audit", title="All rows of the trail"),
        Command("check", "v", "check", "Check that nobody changed the trail.", "look_into_audit",
                title="Check the audit chains"),
        Command("alerts", "a", "alerts", "The security alerts of the last days.", "look_into_audit",
                title="Security alerts"),
        Command("export", "w", "export", "Write the rows of this filter to a signed file.", "export_audit",
                title="Export the audit trail"),
        Command("report", "r", "report", "Who looked, changed, decided, refunded.", "look_into_audit",
                title="Compliance report"),
        Command("details", "enter", "whole row", "Read the whole row.", in_palette=False),
        Command("back", "escape", "back", "Go back, at last to where you came from.", in_palette=False),
    )  # fmt: skip

    def compose_work(self) -> Iterable[Widget]:
        """A title, the filter, and one face at a time."""
        yield Words("", id="audit-title")
        with Horizontal(id="filter-line"):
            yield Static("", id="filter-word", markup=False)
            yield PlainInput(id="filter", max_length=_LONGEST_FILTER)
        with ContentSwitcher(id="faces", initial="trail"):
            with Vertical(id="trail"):
                yield MarkedList(id="rows", markup=False)
                with VerticalScroll(id="row-pane", can_focus=False):
                    yield Static("", id="row")
            with Vertical(id="alerts"):
                yield MarkedList(id="alert-list", markup=False)
                with VerticalScroll(id="alert-pane", can_focus=False):
                    yield Static("", id="alert", markup=False)
            with VerticalScroll(id="report-pane"):
                yield Static("", id="report")

    def on_mount(self) -> None:
        """The newest rows."""
        self.set_class(in_ascii(), "-ascii")
        self._name_filter()
        self.turn(partial(self.look, Filter(), [None]))

    def _name_filter(self) -> None:
        self.query_one("#filter-word", Static).update(drawn(f"{_('Filter')} {symbols().prompt} "))

    def on_resize(self, event: events.Resize) -> None:
        """More room: values in the list, more of the marked row."""
        self.set_class(event.size.height >= _TALL, "-tall")
        was, wide = self.has_class("-wide"), event.size.width >= _WIDE
        self.set_class(wide, "-wide")
        if was != wide and self.page.entries:
            self._list_rows()

    # -- keys -------------------------------------------------------------------------------------------------------

    def offers(self, command: Command) -> bool:
        """Only what means something now."""
        if command.id == "find" or self.is_typing:
            return self.is_typing and command.id in ("find", "back")
        if command.id in _TRAIL_ONLY and self.face is not Face.TRAIL:
            return False
        return {
            "older": self.page.next is not None,
            "all_rows": self.wanted != Filter(),
            "acknowledge": self.face is Face.ALERTS and self.chosen_alert is not None,
            "save": self.face is Face.REPORT,
        }.get(command.id, command.id not in _OF_A_ROW or self.chosen is not None)

    def action_filter(self) -> None:
        """Into the filter line."""
        self.is_typing = True
        self.place_cursor()
        self.refresh_bindings()

    def action_find(self) -> None:
        """What the line says."""
        self.turn(self.find)

    def action_older(self) -> None:
        """Older rows."""
        self.turn(self.older)

    def action_newer(self) -> None:
        """Newer rows."""
        self.turn(self.newer)

    def action_same_person(self) -> None:
        """Rows of the same person."""
        if self.chosen is not None and self.chosen.staff_number:
            self.turn(partial(self.narrow, who=self.chosen.staff_number))
        else:
            self.say(_("Nobody was signed in for this row."))

    def action_same_entity(self) -> None:
        """Rows about the same thing."""
        if self.chosen is not None:
            self.turn(partial(self.narrow, entity=self.chosen.entity, entity_id=self.chosen.entity_id))

    def action_same_transaction(self) -> None:
        """Rows of the same transaction."""
        if self.chosen is not None:
            self.turn(partial(self.narrow, correlation=self.chosen.correlation_id))

    def action_all_rows(self) -> None:
        """Without a filter."""
        self.turn(partial(self.look, Filter(), [None]))

    def action_details(self) -> None:
        """The whole of the marked row, to scroll in."""
        self.turn(self._read_row)

    async def _read_row(self) -> None:
        place = self.counter.workplace
        if self.chosen is None or place is None:
            return
        await self.counter.ask(Reading(_("A row of the audit trail"), entry_text(self.chosen, place.time_zone)))

    def action_check(self) -> None:
        """Is the trail whole?"""
        self.turn(self.check)

    def action_export(self) -> None:
        """To a file."""
        self.turn(self.export)

    def action_alerts(self) -> None:
        """The alerts."""
        self.turn(self.show_alerts)

    def action_acknowledge(self) -> None:
        """The marked alert was looked at."""
        self.turn(self.acknowledge)

    def action_report(self) -> None:
        """A report."""
        self.turn(self.make_report)

    def action_save(self) -> None:
        """The report to a file."""
        self.turn(self.save_report)

    def action_back(self) -> None:
        """One step back."""
        if self.is_typing:
            self.is_typing = False
            self._write_filter()
        elif self.face is not Face.TRAIL:
            self.face = Face.TRAIL
        else:
            self.turn(self.counter.leave_aside)
            return
        self.show()
        self.place_cursor()

    # -- what is seen -------------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> Entry | None:
        """The marked row of the trail."""
        at = self.query_one("#rows", MarkedList).highlighted
        return self.page.entries[at] if at is not None and at < len(self.page.entries) else None

    @property
    def chosen_alert(self) -> Alert | None:
        """The marked alert."""
        at = self.query_one("#alert-list", MarkedList).highlighted
        return self.alerts[at] if at is not None and at < len(self.alerts) else None

    @property
    def typed(self) -> str:
        """What stands in the filter line."""
        return self.query_one("#filter", PlainInput).value

    @property
    def _zone(self) -> str:
        place = self.counter.workplace
        return place.time_zone if place is not None else "UTC"

    def fill(self) -> None:
        """List what was found."""
        if self.face is Face.TRAIL:
            self._write_filter()
            self._list_rows()
        elif self.face is Face.ALERTS:
            rows = [Option(alert_row(one, self._zone)) for one in self.alerts]
            _refill(self.query_one("#alert-list", MarkedList), rows)
        elif self.compliance is not None:
            self.query_one("#report", Static).update(report_view(self.compliance))
            self.query_one("#report-pane", VerticalScroll).scroll_home(animate=False)

    def _write_filter(self) -> None:
        self.query_one("#filter", PlainInput).value = self.desk.line_of(self.wanted)

    def _list_rows(self) -> None:
        wide = self.has_class("-wide")
        options = self.query_one("#rows", MarkedList)
        at = options.highlighted
        _refill(options, [Option(entry_row(one, self._zone, wide=wide)) for one in self.page.entries])
        if at is not None and options.option_count == len(self.page.entries) and at < options.option_count:
            options.highlighted = 0 if self.busy else at

    def show(self) -> None:
        """Everything as it is now."""
        current = {Face.TRAIL: "trail", Face.ALERTS: "alerts", Face.REPORT: "report-pane"}[self.face]
        self.query_one("#faces", ContentSwitcher).current = current
        self.query_one("#filter-line").display = self.face is Face.TRAIL
        self.query_one("#audit-title", Words).say(Content(drawn(self._title())))
        self._show_chosen()
        self.refresh_bindings()

    def _show_chosen(self) -> None:
        row, alert = self.chosen, self.chosen_alert
        self.query_one("#row", Static).update(entry_details(row, self._zone) if row is not None else "")
        self.query_one("#alert", Static).update(alert_details(alert, self._zone) if alert is not None else "")

    def _title(self) -> str:
        if self.face is Face.REPORT:
            return _("Compliance report")
        if self.face is Face.ALERTS:
            waiting = sum(one.is_open for one in self.alerts)
            if not self.alerts:
                return _("Nothing was out of line in the last seven days.")
            return _("Security alerts") + " · " + counted("{n} is open", "{n} are open", waiting)
        rows = counted("{n} row", "{n} rows", len(self.page.entries))
        title = f"{_('Audit trail')} · {rows}"
        if len(self.places) > 1 or self.page.next is not None:
            title += " · " + _("page {n}", n=len(self.places))
        number = self.counter.alerts.number
        if number:
            title += " · " + counted("{n} security alert: a", "{n} security alerts: a", number)
        return title

    def place_cursor(self) -> None:
        """In the filter while it is written, else on the list."""
        if self.face is Face.TRAIL:
            self.query_one("#filter" if self.is_typing else "#rows").focus()
        else:
            self.query_one("#alert-list" if self.face is Face.ALERTS else "#report-pane").focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Somebody has clicked into the filter, or out of it."""
        typing = event.widget.id == "filter"
        if typing != self.is_typing and not self.busy:
            self.is_typing = typing
            self.refresh_bindings()

    def on_plain_input_too_long(self, message: PlainInput.TooLong) -> None:
        """No filter is that long."""
        message.stop()
        self.warn(too_long(message))

    def on_option_list_option_highlighted(self, _message: OptionList.OptionHighlighted) -> None:
        """Another row is marked."""
        self._show_chosen()
        self.refresh_bindings()

    def on_database_back(self, _message: DatabaseBack) -> None:
        """Look again, if there was nothing to be seen."""
        if self.face is Face.TRAIL and not self.page.entries and not self.is_typing:
            self.turn(partial(self.look, self.wanted, [None]))

    def on_language_changed(self, message: LanguageChanged) -> None:
        """Everything in words again; what was typed stays."""
        super().on_language_changed(message)
        typed = self.typed
        self._name_filter()
        self.fill()
        self.query_one("#filter", PlainInput).value = typed
        self.show()


def _refill(options: MarkedList, rows: list[Option]) -> None:
    """Other options, the first one marked."""
    options.clear_options()
    options.add_options(rows)
    options.highlighted = 0 if rows else None
