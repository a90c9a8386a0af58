"""The print journal: what is queued, claimed once, settled once, and how copies are counted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from uuid_utils.compat import uuid7

from core import print_journal, tickets
from core.database import Actor
from core.errors import CounterError, NotFound, NotPermitted, Refused, StateConflict, UsageError
from core.print_journal import Job
from core.states import PRINT_JOB
from core.tickets import TicketRecord

if TYPE_CHECKING:
    from tests.core.conftest import Desk


@pytest.fixture
def ticket(desk: Desk) -> TicketRecord:
    return desk.sell(1, printer="file").tickets[0]


@pytest.fixture
def job(desk: Desk, ticket: TicketRecord) -> Job:
    """The original of a ticket, queued by its sale."""
    (queued,) = print_journal.queued_for(desk.office, [ticket.serial])
    return queued


def state(desk: Desk, job: Job) -> str:
    found = print_journal.find(desk.office, job.id)
    assert found is not None
    return found.state


# Jobs


def test_a_sale_queues_one_original_a_ticket(desk: Desk) -> None:
    sold = desk.sell(2, infants=1, printer="network")
    jobs = print_journal.queued_for(desk.office, [ticket.serial for ticket in sold.tickets])
    assert sorted(job.ticket_serial for job in jobs) == [ticket.serial for ticket in sold.tickets]
    assert {(job.copy_no, job.issue_no, job.state, job.printer) for job in jobs} == {(0, 1, "queued", "network")}
    assert print_journal.open_jobs(desk.office, desk.clerk) == jobs
    desk.sell(1)
    assert print_journal.queued_for(desk.office, []) == []
    assert desk.count("print_jobs") == 3


def test_a_job_is_given_to_one_printer_once(desk: Desk, job: Job) -> None:
    barrier = Barrier(8)

    def claim(number: int) -> bool:
        barrier.wait()
        return print_journal.mark_sent(desk.office, desk.clerk, job, f"P{number}")

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(claim, range(8))) == [False] * 7 + [True]
    assert state(desk, job) == "sent"
    assert print_journal.queued_for(desk.office, [job.ticket_serial]) == []
    assert print_journal.open_jobs(desk.office, desk.clerk) == [replace(job, state="sent")]


def test_one_answer_of_a_printer_counts(desk: Desk, job: Job) -> None:
    print_journal.mark_sent(desk.office, desk.clerk, job, "P1")
    assert print_journal.settle(desk.office, desk.clerk, job, "confirmed")
    for late in ("unknown", "queued", "cancelled", "confirmed"):
        assert not print_journal.settle(desk.office, desk.clerk, job, late)
    assert state(desk, job) == "confirmed"
    assert print_journal.open_jobs(desk.office, desk.clerk) == []
    assert desk.value("SELECT settled_at >= sent_at FROM print_jobs")


def test_what_surely_did_not_print_is_queued_again(desk: Desk, job: Job) -> None:
    print_journal.mark_sent(desk.office, desk.clerk, job, "P1")
    assert print_journal.settle(desk.office, desk.clerk, job, "queued", "no paper")
    again = print_journal.find(desk.office, job.id)
    assert again == replace(job, last_error="no paper")
    assert print_journal.mark_sent(desk.office, desk.clerk, job, "P2")
    assert desk.value("SELECT process_id FROM print_jobs") == "P2"


@pytest.mark.parametrize("answer", ["confirmed", "cancelled"])
def test_a_clerk_answers_for_an_unknown_one_and_is_on_record(desk: Desk, job: Job, answer: str) -> None:
    print_journal.mark_sent(desk.office, desk.clerk, job, "P1")
    assert print_journal.settle(desk.office, desk.clerk, job, "unknown", "no reply")
    unknown = print_journal.find(desk.office, job.id)
    assert unknown == replace(job, state="unknown", last_error="no reply")
    assert not print_journal.mark_sent(desk.office, desk.clerk, job, "P2")  # never printed again by itself
    assert print_journal.settle(desk.office, desk.clerk, unknown, answer)
    trail = desk.owner("SELECT * FROM audit_logs WHERE entity_type = 'print_jobs'")
    assert [(row.user_id, row.old_values, row.new_values) for row in trail] == [
        (desk.clerk.user_id, {"state": "unknown"}, {"state": answer})
    ]


def test_the_journal_makes_no_move_the_table_does_not_draw(desk: Desk, job: Job) -> None:
    """Whatever is asked in whatever state: done as drawn, or not done."""
    for before, after in product(PRINT_JOB, ("confirmed", "unknown", "queued", "cancelled")):
        desk.owner("ALTER TABLE print_jobs DISABLE TRIGGER guard_transition")
        desk.owner("UPDATE print_jobs SET state = :before", before=before)
        desk.owner("ALTER TABLE print_jobs ENABLE TRIGGER guard_transition")
        done = print_journal.settle(desk.office, desk.clerk, job, after)
        assert state(desk, job) == (after if done else before)
        assert not done or after in PRINT_JOB[before]


def test_a_job_nobody_knows(desk: Desk, job: Job) -> None:
    stranger = replace(job, id=uuid7())
    assert print_journal.find(desk.office, stranger.id) is None
    assert not print_journal.mark_sent(desk.office, desk.clerk, stranger, "P1")
    assert not print_journal.settle(desk.office, desk.clerk, stranger, "confirmed")


def test_open_jobs_are_a_terminals_own(desk: Desk, job: Job, gate_agent: Actor) -> None:
    assert print_journal.open_jobs(desk.office, gate_agent) == []
    assert print_journal.open_jobs(desk.office, desk.clerk) == [job]


@pytest.mark.parametrize(
    ("stored", "shown"),
    [(None, "off"), ("queued", "queued"), ("sent", "unknown"), ("unknown", "unknown"), ("confirmed", "confirmed"),
     ("cancelled", "off")],
)  # fmt: skip
def test_states_in_the_words_of_the_command_line(stored: str | None, shown: str) -> None:
    assert tickets.shown_state(stored) == shown


# Copies


def order(desk: Desk, number: str, *, reason: str = "paper jam", printer: str = "file") -> tuple[Job, int]:
    job_id, copy = tickets.order_copy(desk.office, desk.clerk, number, reason, printer)
    found = print_journal.find(desk.office, job_id)
    assert found is not None
    return found, copy


def test_copies_are_counted_and_keep_their_code(desk: Desk, ticket: TicketRecord) -> None:
    assert [order(desk, ticket.number)[1] for _ in range(3)] == [1, 2, 3]
    shown = desk.office.database.transaction(lambda tx: tickets.by_number(tx, desk.office.network(), ticket.number))
    assert (shown.copies, shown.code) == (3, ticket.code)
    job, _ = order(desk, f" {ticket.number} ", reason="wet! " * 100, printer="serial")
    assert (job.copy_no, job.state, job.printer) == (4, "queued", "serial")
    assert desk.value("SELECT max(length(reason)) FROM print_jobs") == 199
    trail = desk.value("SELECT count(*) FROM audit_logs WHERE entity_type = 'tickets' AND new_values ? 'copy'")
    assert trail == 4


def test_copies_ordered_at_the_same_moment_have_different_numbers(desk: Desk, ticket: TicketRecord) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(lambda _: order(desk, ticket.number)[1], range(8))) == list(range(1, 9))


@pytest.mark.parametrize(
    ("changed", "error", "code"),
    [
        ({"number": "000000000001"}, NotFound, "unknown_ticket"),
        ({"number": ""}, NotFound, "unknown_ticket"),
        ({"number": "x" * 5000}, NotFound, "unknown_ticket"),
        ({"number": "\x00"}, UsageError, "not_storable"),
        ({"reason": " "}, Refused, "reason_missing"),
        ({"reason": "\x00"}, Refused, "reason_missing"),
        ({"reason": "\ud800"}, Refused, "reason_missing"),
        ({"printer": "none"}, Refused, "no_printer"),
    ],
)
def test_copies_that_cannot_be_ordered(
    desk: Desk, ticket: TicketRecord, changed: dict[str, str], error: type[CounterError], code: str
) -> None:
    with pytest.raises(error) as caught:
        order(desk, **{"number": ticket.number, **changed})
    assert caught.value.reason == code
    assert len(caught.value.message) < 100
    assert desk.value("SELECT copies_printed FROM tickets") == 0


@pytest.mark.parametrize("closed", ["cancelled", "superseded", "voided", "expired"])
def test_a_ticket_that_is_closed_is_not_copied(desk: Desk, ticket: TicketRecord, closed: str) -> None:
    desk.owner("UPDATE tickets SET ticket_status = :closed", closed=closed)
    with pytest.raises(StateConflict):
        order(desk, ticket.number)


def test_a_gate_agent_orders_no_copies(desk: Desk, ticket: TicketRecord, gate_agent: Actor) -> None:
    with pytest.raises(NotPermitted):
        tickets.order_copy(desk.office, gate_agent, ticket.number, "paper jam", "file")
