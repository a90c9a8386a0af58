"""Printing tickets: from the print journal to a printer and back.

A job is claimed in the journal before its bytes leave and settled after; no transaction is open while the printer
works. Tickets of a sale are printed in order; one that fails does not keep the next from being tried.
"""

from __future__ import annotations

from collections.abc import Sequence

from core import print_journal, tickets
from core.clock import local
from core.database import Actor, Transaction
from core.errors import CounterError
from core.print_journal import Job
from core.states import LIVE_TICKET
from core.tickets import TicketRecord
from counter.devices.printer import transport_for
from counter.devices.printer_dialogue import process_id_of
from counter.devices.ticket_layout import TicketFace
from counter.devices.transports import Outcome
from counter.session import Workplace


def face_of(place: Workplace, ticket: TicketRecord, *, copy_no: int = 0) -> TicketFace:
    """The ticket as it is printed and previewed."""
    trip, operator = ticket.journey, place.office.operator
    return TicketFace(
        operator_name=operator.name,
        train_number=trip.train.number,
        train_name=trip.train.name,
        class_name=ticket.travel_class.name,
        subclass=ticket.subclass,
        origin_code=trip.origin.code,
        origin_name=trip.origin.name,
        destination_code=trip.destination.code,
        destination_name=trip.destination.name,
        departs_at=trip.departs_at,
        arrives_at=trip.arrives_at,
        coach=ticket.seat.coach.label if ticket.seat else "",
        seat=ticket.seat.number if ticket.seat else "",
        passenger_name=ticket.passenger_name,
        passenger_type=ticket.passenger_type,
        identity=ticket.identity,
        booking_number=ticket.booking_number,
        ticket_number=ticket.number,
        fare=ticket.fare,
        currency=operator.currency,
        issued_at=local(ticket.issued_at, trip.origin.time_zone),
        issued_by=ticket.sold_by,
        terminal=place.terminal.code,
        code=ticket.code,
        copy_no=copy_no,
        issue_no=ticket.issue_no,
        demo=operator.is_demonstration,
    )


def print_queued(place: Workplace, actor: Actor, serials: Sequence[int]) -> dict[int, str]:
    """Print what is queued for these tickets; returns serial → state as the command line words it.

    Raises nothing the sale could be blamed for: what cannot be printed or recorded stays in the journal.
    """
    try:
        jobs = print_journal.queued_for(place.office, serials)
    except CounterError:
        return {}
    return {job.ticket_serial: print_job(place, actor, job) for job in jobs}


def print_job(place: Workplace, actor: Actor, job: Job) -> str:
    """Print one queued job; returns what became of it.

    ``confirmed``; ``unknown``: the paper may be there, nobody said so; ``queued``: surely nothing was printed;
    ``off``: there is nothing to print any more.
    """
    transport = transport_for(place.printer)
    if transport is None:
        return "queued"
    process_id = process_id_of(int(job.id) & 0xFFFFFFFF)
    try:
        document = _document(place, job, process_id if transport.hears_replies else None)
        if document is None:
            print_journal.settle(place.office, actor, job, "cancelled", "the ticket has changed since")
            return "off"
        if not print_journal.mark_sent(place.office, actor, job, process_id):
            return _elsewhere(place, job)
    except CounterError:
        return "queued"
    delivery = transport.send(document, process_id)
    state = {Outcome.CONFIRMED: "confirmed", Outcome.UNKNOWN: "unknown", Outcome.NOT_SENT: "queued"}[delivery.outcome]
    try:
        print_journal.settle(place.office, actor, job, state, delivery.reason or None)
    except CounterError:
        return "unknown"  # the paper may be there, the record is not: the journal still says sent
    return state


def _elsewhere(place: Workplace, job: Job) -> str:
    """What another program of this terminal makes of a job it has in hand."""
    now = print_journal.find(place.office, job.id)
    return tickets.shown_state(now.state if now else None)


def _document(place: Workplace, job: Job, process_id: str | None) -> bytes | None:
    """The bytes of a job; None when its ticket was issued anew or closed since the job was queued."""
    from counter.devices.escpos_ticket import escpos_bytes, paper_for
    from counter.devices.ticket_layout import ticket_lines

    network = place.office.network()

    def find(tx: Transaction) -> TicketRecord | None:
        return tickets.by_serial(tx, network, job.ticket_serial)

    ticket = place.office.database.transaction(find)
    if ticket is None or ticket.issue_no != job.issue_no or ticket.status not in LIVE_TICKET:
        return None
    paper = paper_for(place.settings.paper_width, place.settings.printer_profile)
    lines = ticket_lines(face_of(place, ticket, copy_no=job.copy_no), paper)
    return escpos_bytes(lines, paper, profile=place.settings.printer_profile, process_id=process_id)


def preview(place: Workplace, ticket: TicketRecord) -> list[str]:
    """The ticket as lines of text, for the screen."""
    from counter.devices.escpos_ticket import paper_for
    from counter.devices.ticket_layout import preview as lines_of
    from counter.devices.ticket_layout import ticket_lines

    paper = paper_for(place.settings.paper_width, place.settings.printer_profile)
    return lines_of(ticket_lines(face_of(place, ticket), paper), paper.columns)
