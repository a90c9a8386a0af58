"""After a sale: its tickets at the printer, on the screen, printed again; and tickets that somebody scans.

What belongs here: flows around tickets. Printing itself is ``counter.printing``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial

from textual import work
from textual.content import Content

from core.errors import CounterError, DatabaseUnreachable
from core.lookup import BookingFile
from core.tickets import TicketRecord
from counter.dialogs.choice import Choice
from counter.dialogs.reading import Reading
from counter.dialogs.reason import Reason
from counter.i18n import _, counted
from counter.screens.booking_lines import lines_of, title_of
from counter.screens.sell_finished import PRINTING
from counter.screens.sell_parking import ParkingFlows
from counter.widgets.scan_input import Scanned
from counter.widgets.state_bar import Light


class TicketFlows(ParkingFlows):
    """The flows; see the module's docstring. ``print_states`` is by ticket serial, newer than what the sale says."""

    def __init__(self) -> None:
        super().__init__()
        self.print_states: dict[int, str] = {}
        self._scans: deque[str] = deque()
        self._reading: Reading | None = None
        self._looks_up = False

    # To be overridden

    def show_tickets(self) -> None:
        """Draw the tickets as they are now."""
        raise NotImplementedError

    def chosen_ticket(self) -> TicketRecord | None:
        """The ticket under the cursor."""
        raise NotImplementedError

    # -- printing -----------------------------------------------------------------------------------------------------

    def sold(self) -> None:
        """Print the tickets of the finished sale, while the clerk counts the change."""
        sale = self.draft.sale
        assert sale is not None
        waiting = [ticket for ticket in sale.tickets if ticket.print_state == "queued"]
        self.print_states.update((ticket.serial, PRINTING) for ticket in waiting)
        if waiting:
            self._print(waiting)

    @work(name="print")
    async def _print(self, waiting: Sequence[TicketRecord]) -> None:
        failed = 0
        for ticket in waiting:
            state = await self._print_one(ticket)
            self.print_states[ticket.serial] = state
            failed += state != "confirmed"
            self._tell_printer(state)
            self.show_tickets()
        if failed:
            here = self.draft.sale is not None and self.draft.sale.tickets[0].serial == waiting[0].serial
            hint = _("R prints it again.") if here else _("F9 finds them again.")
            self.warn(counted("{n} ticket was not printed.", "{n} tickets were not printed.", failed), hint)

    def _tell_printer(self, state: str) -> None:
        """The state bar says how the printer did last."""
        lights: dict[str, Light] = {"confirmed": "on", "unknown": "unsure", "queued": "away"}
        if state in lights:
            self.counter.light("printer", lights[state])

    async def _print_one(self, ticket: TicketRecord) -> str:
        try:
            return await self.counter.in_thread(partial(self.desk.print_ticket, ticket))
        except DatabaseUnreachable:
            return "queued"  # the journal could not be asked, so nothing has left for the printer
        except CounterError as error:
            self.report(error)
            return "unknown"

    async def print_again(self) -> None:
        """The ticket under the cursor once more: as it is if it never left, else a marked copy with its reason."""
        ticket = self.chosen_ticket()
        if ticket is None or self.print_states.get(ticket.serial) == PRINTING:
            return
        state = await self.counter.in_thread(partial(self.desk.print_state, ticket))
        if state == "queued":
            state = await self.counter.in_thread(partial(self.desk.print_ticket, ticket))
        elif state == "unknown":
            state = await self._settle(ticket)
        else:
            state = await self._copy(ticket, state)
        self.print_states[ticket.serial] = state
        self._tell_printer(state)
        if state != "confirmed":
            self.warn(_("The printer did not say that it printed."), _("Look at it, then try again."))

    async def _settle(self, ticket: TicketRecord) -> str:
        question = _("The printer gave no answer for {name}. Is the ticket there?", name=ticket.passenger_name)
        answers = [(True, _("Yes, it is printed")), (False, _("No: print it again, marked as a copy"))]
        printed = await self.counter.ask(Choice(question, answers))
        if printed is None:
            return "unknown"
        job = await self.counter.in_thread(partial(self.desk.unanswered_job, ticket))
        if job is not None:
            await self.counter.in_thread(partial(self.desk.settle, job, printed=printed))
        if printed:
            self.say(_("Noted: the ticket is printed."))
            return "confirmed"
        return await self.counter.in_thread(partial(self.desk.print_copy, ticket, "not printed"))

    async def _copy(self, ticket: TicketRecord, state: str) -> str:
        reason = await self.counter.ask(Reason(_("Why is the ticket of {name} printed again?",
                                                 name=ticket.passenger_name)))  # fmt: skip
        if reason is None:
            return state
        state = await self.counter.in_thread(partial(self.desk.print_copy, ticket, reason))
        if state == "confirmed":
            self.say(_("A copy was printed; it is marked and counted."))
        return state

    async def preview(self) -> None:
        """The ticket under the cursor, as it is printed."""
        ticket = self.chosen_ticket()
        if ticket is not None:
            lines = await self.counter.in_thread(partial(self.desk.preview, ticket))
            await self.counter.ask(Reading(_("Ticket {number}", number=ticket.number), Content("\n".join(lines))))

    # -- scans ------------------------------------------------------------------------------------------------------

    def on_scanned(self, message: Scanned) -> None:
        """A ticket was scanned: show what it stands for, whatever is being typed meanwhile."""
        message.stop()
        self.take_scan(message.text)

    def take_scan(self, text: str) -> None:
        """Look up one scan after the other."""
        self._scans.append(text)
        if not self._looks_up:
            self._look_up()

    @work(name="scan")
    async def _look_up(self) -> None:
        self._looks_up = True
        try:
            while self._scans:
                text = self._scans.popleft()
                try:
                    file = await self.counter.in_thread(partial(self.desk.scanned, text))
                except CounterError as error:
                    self.report(error)
                else:
                    self._open(file)
        finally:
            self._looks_up = False

    def _open(self, file: BookingFile) -> None:
        if self._reading is not None:
            self._reading.show(title_of(file), lines_of(file))
        else:
            self._reading = Reading(title_of(file), lines_of(file), self.take_scan)
            self._read(self._reading)

    @work(name="read")
    async def _read(self, reading: Reading) -> None:
        try:
            await self.counter.ask(reading)
        finally:
            self._reading = None
