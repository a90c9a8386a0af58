"""How bookings, quotes and refunds look on the bookings screen. Pure: from what was found to what is drawn."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from core.clock import local
from core.finding import Found
from core.lookup import BookingFile
from core.money import grouped
from core.payouts import WaitingRefund
from core.refunds import Quoted
from counter.i18n import _, clock_time, day_in_words
from counter.symbols import drawn

_NAME, _SHORT = 24, 16


def found_row(one: Found) -> Table:
    """One booking on one line."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for width in (8, 10, 6, 12):
        table.add_column(width=width, no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(width=7, justify="right", no_wrap=True)
    cells = (
        one.number, _(one.status), one.train, day_in_words(one.departs_on), ", ".join(one.passengers),
        _("{n} of {of}", n=one.live, of=one.tickets),
    )  # fmt: skip
    table.add_row(*(Text(drawn(cell)) for cell in cells))
    return table


def tickets_to_choose(file: BookingFile) -> str:
    """The tickets a clerk can name by their places."""
    lines = []
    for place, ticket in enumerate(file.tickets, 1):
        seat = ticket.seat.label if ticket.seat else _("on a lap")
        lines.append(f"{place}  {ticket.passenger_name[:_NAME]:{_NAME}}  {seat:11}  {_(ticket.status)}")
    return "\n".join(lines)


def quote_lines(quoted: Quoted, zone: str) -> str:
    """What it comes to, line by line with its cause, before anything happens."""
    quote, lines = quoted.quote, []
    for line in quote.lines:
        lines.append(
            f"{line.item.passenger[:_SHORT]:{_SHORT}} {grouped(line.item.paid):>9}  {_('kept')} {grouped(line.fee):>8}"
            f"  {_('back')} {grouped(line.refund):>9}"
        )
    until = local(min(line.until for line in quote.lines), zone)
    lines.append(_("possible until {day} {time}", day=day_in_words(until.date()), time=clock_time(until)))
    for refusal in quote.refused:
        lines.append(f"{refusal.number}: {_(refusal.error.message)}")
    if quote.ends_booking and quote.booking_fee > quote.booking_fee_back:
        lines.append(_("The booking fee of {amount} is kept.", amount=grouped(quote.booking_fee)))
    for part in quote.parts:
        lines.append(_("{amount} goes back by {method}", amount=grouped(part.amount), method=_(part.method)))
    if quoted.needs_supervisor_twice:
        lines.append(_("over quota: {quota}", quota=str(quoted.quota)))
    return "\n".join(lines)


def owed_line(one: WaitingRefund) -> str:
    """A refund that waits."""
    row = one.row
    return f"{one.reference}  {grouped(row.refund_amount)}  {_(row.refund_method)}  {_(row.refund_status)}"
