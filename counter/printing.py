"""Printing tickets and reports: from the print journal to a printer and back; and opening the drawer that hangs on it.

A job is claimed in the journal before its bytes leave and settled after; no transaction is open while the printer
works. Tickets of a sale are printed in order; one that fails does not keep the next from being tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from core import print_journal, tickets
from core.clock import local
from core.database import Actor, Transaction
from core.errors import CounterError
from core.print_journal import DocumentJob, Job
from core.shifts import closing
from core.shifts.sheet import StoredZ
from core.states import LIVE_TICKET
from core.tickets import TicketRecord
from counter.devices.printer import transport_for
from counter.devices.printer_dialogue import process_id_of
from counter.devices.ticket_layout import TicketFace
from counter.devices.transports import Outcome
from counter.session import Workplace

if TYPE_CHECKING:
    from counter.devices.ticket_layout import Line, Paper

#: Seconds that a drawer's pulse may wait for the printer; nobody prints meanwhile.
_DRAWER_TIMEOUT: Final = 1.0


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
        training=operator.is_training,
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


def print_report(place: Workplace, actor: Actor, job_id: UUID) -> str:
    """Print the queued report of this job; returns its state as ``print_job`` does, and raises nothing either."""
    try:
        job = print_journal.find_document(place.office, job_id)
    except CounterError:
        return "queued"
    if job is None or job.state != "queued":
        return tickets.shown_state(job.state if job else None)
    return print_job(place, actor, job)


def print_stored(place: Workplace, actor: Actor, report: StoredZ) -> str:
    """Print a Z report again: the one that still waits, else a marked copy; returns its state, ``off`` with no printer.

    Raises:
        CounterError: it cannot be queued.
    """
    if place.printer_kind == "none":
        return "off"
    return print_report(place, actor, closing.print_z(place.office, actor, report, place.printer_kind))


def kick_drawer(place: Workplace) -> bool:
    """Open the drawer if there is one; whether the pulse was sent. A drawer that is not there is nobody's trouble."""
    transport = transport_for(place.printer, connect_timeout=_DRAWER_TIMEOUT, reply_timeout=_DRAWER_TIMEOUT)
    if transport is None or place.drawer is None:
        return False
    return transport.send(place.drawer.kick).outcome is not Outcome.NOT_SENT


def print_job(place: Workplace, actor: Actor, job: Job | DocumentJob) -> str:
    """Print one queued job; returns what became of it.

    ``confirmed``; ``unknown``: the paper may be there, nobody said so; ``queued``: surely nothing was printed;
    ``off``: there is nothing to print any more.
    """
    transport = transport_for(place.printer)
    if transport is None:
        return "queued"
    process_id = process_id_of(int(job.id) & 0xFFFFFFFF)
    try:
        document = _document(place, actor, job, process_id if transport.hears_replies else None)
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


def _elsewhere(place: Workplace, job: Job | DocumentJob) -> str:
    """What another program of this terminal makes of a job it has in hand."""
    look = print_journal.find_document if isinstance(job, DocumentJob) else print_journal.find
    now = look(place.office, job.id)
    return tickets.shown_state(now.state if now else None)


def _document(place: Workplace, actor: Actor, job: Job | DocumentJob, process_id: str | None) -> bytes | None:
    """The bytes of a job; None for a ticket that was issued anew or closed since the job was queued."""
    from counter.devices.escpos_ticket import escpos_bytes, paper_for

    paper = paper_for(place.settings.paper_width, place.settings.printer_profile)
    lines = _report(place, actor, job, paper) if isinstance(job, DocumentJob) else _ticket(place, job, paper)
    if lines is None:
        return None
    return escpos_bytes(lines, paper, profile=place.settings.printer_profile, process_id=process_id)


def _report(place: Workplace, actor: Actor, job: DocumentJob, paper: Paper) -> tuple[Line, ...]:
    demo = place.office.operator.is_demonstration
    if job.kind == "receipt":
        from counter.devices.receipt_layout import receipt_lines

        return receipt_lines(job.document, paper, copy_no=job.copy_no, demo=demo)
    if job.kind != "report":
        from counter.devices.report_layout import report_lines

        return report_lines(job.document, paper, copy_no=job.copy_no, demo=demo)
    from counter.devices.figures_layout import figures_lines, manifest_lines

    if job.document["report"] != "manifest":
        return figures_lines(job.document, paper, demo=demo)
    from core.reports import manifest

    which = job.document
    made = manifest.of_departure(
        place.office, actor, which["train"], date.fromisoformat(which["date"]), origin=which["from"],
        destination=which["to"], purpose="printed",
    )  # fmt: skip
    operator, training = place.office.operator.name, place.settings.training
    return manifest_lines(made, paper, operator=operator, demo=demo, training=training)


def _ticket(place: Workplace, job: Job, paper: Paper) -> tuple[Line, ...] | None:
    from counter.devices.ticket_layout import ticket_lines

    network = place.office.network()

    def find(tx: Transaction) -> TicketRecord | None:
        return tickets.by_serial(tx, network, job.ticket_serial)

    ticket = place.office.database.transaction(find)
    if ticket is None or ticket.issue_no != job.issue_no or ticket.status not in LIVE_TICKET:
        return None
    return ticket_lines(face_of(place, ticket, copy_no=job.copy_no), paper)


def preview(place: Workplace, ticket: TicketRecord) -> list[str]:
    """The ticket as lines of text, for the screen."""
    from counter.devices.escpos_ticket import paper_for
    from counter.devices.ticket_layout import preview as lines_of
    from counter.devices.ticket_layout import ticket_lines

    paper = paper_for(place.settings.paper_width, place.settings.printer_profile)
    return lines_of(ticket_lines(face_of(place, ticket), paper), paper.columns)


def preview_report(place: Workplace, report: Mapping[str, Any], language: str) -> list[str]:
    """A report as lines of text, for the screen."""
    from counter.devices.escpos_ticket import paper_for
    from counter.devices.report_layout import report_lines
    from counter.devices.ticket_layout import preview as lines_of

    paper = paper_for(place.settings.paper_width, place.settings.printer_profile)
    return lines_of(report_lines(report, paper, language), paper.columns)
