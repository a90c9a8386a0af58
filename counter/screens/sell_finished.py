"""The finished sale: its number, every ticket with what became of its paper, and the change until the next key.

What belongs here: how a finished sale looks. Printing is ``counter.printing``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets.option_list import Option

from core.sale import Sale
from core.tickets import TicketRecord
from counter.i18n import _, reworded
from counter.screens.sell_fare import Figure
from counter.screens.sell_offers import journey_in_words
from counter.screens.sell_words import Words
from counter.symbols import drawn, symbols
from counter.widgets.marked_list import MarkedList

#: What is shown while a ticket is at the printer.
PRINTING: Final = "printing"
_WORDS: Final = {
    "confirmed": "printed",
    "queued": "not printed yet",
    "unknown": "no answer",
    "off": "no printer",
    PRINTING: "printing",
}


def print_state_in_words(state: str) -> str:
    """A print state as symbol and word."""
    mark = symbols()
    signs = {"confirmed": mark.yes, "queued": mark.no, "unknown": mark.unsure, PRINTING: mark.dot}
    return f"{signs.get(state, mark.off)} {_(_WORDS.get(state, state))}"


def ticket_row(ticket: TicketRecord, state: str) -> Table:
    """One ticket on one line."""
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(width=12, no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(width=11, no_wrap=True)
    table.add_column(width=18, no_wrap=True)
    seat = ticket.seat.label if ticket.seat else _("on a lap")
    cells = (ticket.number, ticket.passenger_name, seat, print_state_in_words(state))
    table.add_row(*(Text(drawn(cell)) for cell in cells))
    return table


class TicketList(MarkedList):
    """The tickets of the sale; Enter, which belongs to the screen, goes on to the next customer."""

    DEFAULT_CSS = "TicketList { height: 1fr; background: $background; }"


class FinishedPanel(Vertical):
    """Booking number, journey and tickets."""

    def compose(self) -> ComposeResult:
        """Two lines of heading, then the tickets."""
        yield Words("", id="sold-number")
        yield Words("", id="sold-journey")
        yield TicketList(id="tickets", markup=False)

    def on_mount(self) -> None:
        """Nothing is sold yet."""
        self._sale: Sale | None = None

    @property
    def tickets(self) -> TicketList:
        """The list."""
        return self.query_one(TicketList)

    @property
    def chosen(self) -> TicketRecord | None:
        """The ticket under the cursor."""
        at = self.tickets.highlighted
        return self._sale.tickets[at] if self._sale is not None and at is not None else None

    def show(self, sale: Sale, states: Mapping[int, str]) -> None:
        """Show a sale, its tickets printed as far as ``states`` (serial → state) says."""
        mark, other = symbols(), self._sale is None or sale.booking_id != self._sale.booking_id
        at = 0 if other else self.tickets.highlighted
        self._sale = sale
        number = Content.assemble(f"{mark.yes} {_('Sold')}  ", (sale.booking_number, "bold reverse"))
        self.query_one("#sold-number", Words).say(number)
        self.query_one("#sold-journey", Words).say(Content(drawn(journey_in_words(sale.tickets[0].journey))))
        self.tickets.clear_options()
        self.tickets.add_options(
            [Option(ticket_row(ticket, states.get(ticket.serial, ticket.print_state))) for ticket in sale.tickets]
        )
        self.tickets.highlighted = at


class ChangePanel(Vertical):
    """What the customer gets back, large, and what was noticed about the passengers."""

    def compose(self) -> ComposeResult:
        """The sum where it stood while it was counted, the rest above it."""
        yield Words("", id="findings")
        yield Figure(id="given-back")

    def show(self, sale: Sale) -> None:
        """The change of a sale."""
        self.query_one("#given-back", Figure).show(_("CHANGE"), sale.change)
        said = [f"{symbols().warning} {_('Check the card')}: {reworded(finding)}" for finding in sale.findings]
        self.query_one("#findings", Words).say(Content.styled(drawn("\n".join(said)), "$warning"))
