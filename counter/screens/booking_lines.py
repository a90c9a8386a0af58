"""A booking put into lines: what a clerk wants to know who has just scanned one of its tickets.

What belongs here: words for ``core.lookup.BookingFile``, purely.
"""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from core.lookup import BookingFile
from core.money import grouped
from core.tickets import TicketRecord
from counter.i18n import _
from counter.screens.sell_finished import print_state_in_words
from counter.screens.sell_offers import class_label, journey_in_words
from counter.symbols import drawn, symbols

_NAME = 28


def title_of(file: BookingFile) -> str:
    """``Booking ABX4K7Q · confirmed · 857.500``."""
    row = file.row
    words = (_("Booking {number}", number=row.booking_number), _(row.status), grouped(row.final_amount))
    return f" {symbols().dot} ".join(words)


def lines_of(file: BookingFile) -> Content:
    """Journeys, passengers, payments."""
    return Content("\n").join([Content(drawn(line)) for line in _lines(file)])


def _lines(file: BookingFile) -> Iterator[str]:
    before = ""
    for ticket in file.tickets:
        journey = journey_in_words(ticket.journey)
        label = class_label(ticket.travel_class.code, ticket.subclass)
        heading = f"{journey} {symbols().dot} {label}"
        if heading != before:
            yield from ("", heading) if before else (heading,)
            before = heading
        yield _ticket(ticket)
    yield ""
    for payment in file.payments:
        change = f", {_('change')} {grouped(payment.change_given)}" if payment.change_given else ""
        yield f"{_(payment.payment_method)} {grouped(payment.amount)}  {_(payment.payment_status)}{change}"
    for refund in file.refunds:
        yield f"{_('refund')} {grouped(refund.refund_amount)}  {_(refund.refund_status)}"


def _ticket(ticket: TicketRecord) -> str:
    seat = ticket.seat.label if ticket.seat else _("on a lap")
    name = f"{ticket.passenger_name[:_NAME]:{_NAME}}"
    state = f"{_(ticket.status)}, {print_state_in_words(ticket.print_state)}"
    return f"  {name} {ticket.identity:6} {seat:11} {ticket.number}  {state}"
