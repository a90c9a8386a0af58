"""The refund of a whole train that does not run: one job, each booking in a transaction of its own, everybody once.

    wish       what it comes to; a second person approves just this
    start      the approval is used, the job stands with every booking in it
    go_on      booking after booking, until none is left; killed at any moment, it is gone on with by asking again

A booking's refund and the note that it is done are one transaction under the booking's lock; what somebody had refunded
by himself meanwhile is found closed and left alone. All is decided with the moment and the policies of the approval.
Source of the rule: the operator is at fault (``core.refund_rules``), all of the fare goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.types import Integer

from core import after_sale, approvals, background_jobs, cancelling, disruption, job_failures, policy, refund_quote
from core.after_sale import SoldBooking
from core.approvals import Approval, Wish
from core.background_jobs import Job
from core.cancelling import Decision
from core.database import Actor, Statement, Transaction
from core.disruption import Run
from core.errors import CounterError, NotFound, StateConflict, Unreachable
from core.models import Approval as ApprovalRow
from core.models import Ticket
from core.network import Network
from core.office import Office
from core.permissions import require
from core.refund_quote import Quote
from core.refund_rules import Terms

JOB: Final = "train_refund"
_KIND: Final = "fault"
_REFUNDABLE: Final = ("active", "used", "expired")
_BOOKINGS: Final = Statement(
    select(Ticket.booking_id)
    .where(
        Ticket.operator_id == bindparam("operator_id"),
        Ticket.schedule_id == bindparam("schedule_id", type_=Integer),
        Ticket.ticket_status.in_(_REFUNDABLE),
    )
    .distinct()
    .order_by(Ticket.booking_id)
)

_REQUESTS: Final = Statement(
    select(ApprovalRow.id, ApprovalRow.details, ApprovalRow.amount).where(
        ApprovalRow.operator_id == bindparam("operator_id"),
        ApprovalRow.approval_kind == _KIND,
        ApprovalRow.subject_type == "schedules",
        ApprovalRow.subject_id == bindparam("subject"),
        ApprovalRow.status.in_(("pending", "approved")),
        ApprovalRow.expires_at > bindparam("now"),
    )
)
#: What of the details says the same wish, whenever it was asked for.
_SAME: Final = ("terms", "bookings", "tickets")

Progress = Callable[[Job], None]


@dataclass(frozen=True)
class _Terms:
    """With what every booking of a job is decided: one moment, and the policies at each boarding station."""

    at: datetime
    schedule_id: int
    by_station: Mapping[int, Terms]

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> _Terms:
        """As an approval's details or a job's hold them."""
        stations = {int(station): Terms.from_json(values) for station, values in facts["terms"].items()}
        return cls(datetime.fromisoformat(facts["as_of"]), int(facts["schedule_id"]), stations)

    def quote(self, sold: SoldBooking) -> Quote | None:
        """What refunding its tickets of this departure comes to; None: none is left.

        Raises:
            Refused: as ``refund_quote.quote``.
        """
        mine = [
            one
            for one in sold.tickets
            if one.journey.schedule_id == self.schedule_id
            and one.journey.status == "cancelled"
            and one.status in _REFUNDABLE
        ]
        if not mine:
            return None
        return refund_quote.quote(
            cancelling.items_of(sold, {one.number: self.by_station[one.journey.origin.id] for one in mine}),
            {one.number for one in mine},
            cancelling.payments_of(sold),
            self.at,
            booking_fee=cancelling.booking_fee_of(sold),
        )


def wish(office: Office, actor: Actor, train_number: str, day: date) -> Wish:
    """What refunding the train comes to, as a second person is asked to approve it.

    Raises:
        NotPermitted: a supervisor asks for it.
        NotFound: no such departure.
        StateConflict: it runs (``train_runs``), nobody is left to refund (``nothing_to_refund``), or it is being
            refunded already (``job_running``).
        Refused: a booking that cannot be refunded now; see ``core.refund_rules``.
    """
    require(actor, "disrupt")
    network = office.network()
    train = network.train(train_number)

    def look(tx: Transaction) -> Wish:
        run = disruption.read(tx, network, train, day)
        _require_stopped(run)
        before = background_jobs.latest(tx, JOB, str(run.schedule_id))
        if before is not None and before.status == "running":
            raise StateConflict("This train is being refunded already.", code="job_running", hint="Go on with it.")
        facts = {
            "train": run.train.number,
            "date": run.service_date.isoformat(),
            "schedule_id": run.schedule_id,
            "as_of": tx.now.isoformat(),
            "terms": _terms(tx, run),
        }
        by = _Terms.of(facts)
        quotes = [one for one in (by.quote(_look(tx, network, key)) for key in _bookings(tx, run)) if one]
        if not quotes:
            raise StateConflict("Nobody of this train is left to refund.", code="nothing_to_refund", hint="Look at it.")
        details = {**facts, "bookings": len(quotes), "tickets": sum(len(one.lines) for one in quotes)}
        return Wish(_KIND, "schedules", str(run.schedule_id), sum(one.refund for one in quotes), details)

    return office.database.transaction(look, actor=actor, statement_timeout=60.0)


def request(office: Office, actor: Actor, train_number: str, day: date, reason: str) -> Approval:
    """Ask for the refund of a train; asked again while it comes to the same, the same request.

    Raises:
        Refused: without a reason (``reason_missing``), or as ``wish``.
    """
    asked = wish(office, actor, train_number, day)

    def look(tx: Transaction) -> UUID | None:
        for row in tx.send(_REQUESTS, subject=asked.subject_id, now=tx.now).all():
            if all(row.details.get(name) == asked.details[name] for name in _SAME) and row.amount == asked.amount:
                return UUID(str(row.id))
        return None

    before = office.database.transaction(look, actor=actor)
    return approvals.find(office, before) if before else approvals.request(office, actor, asked, reason)


def _look(tx: Transaction, network: Network, booking_id: UUID) -> SoldBooking:
    return after_sale.look(tx, network, booking_id)


def _bookings(tx: Transaction, run: Run) -> list[UUID]:
    return [UUID(str(key)) for key in tx.send(_BOOKINGS, schedule_id=run.schedule_id).scalars()]


def _terms(tx: Transaction, run: Run) -> dict[str, Any]:
    policies = policy.ask(tx).read()
    return {str(one.id): Terms.of(policies, station_id=one.id, train_id=run.train.id).as_json() for one in run.stations}


def _require_stopped(run: Run) -> None:
    if run.status != "cancelled" and not run.skipped:
        raise StateConflict(
            f"Train {run.train.number} runs on {run.service_date.isoformat()}.",
            code="train_runs",
            hint="Cancel it first; whoever is late asks for his own refund.",
        )


def start(office: Office, actor: Actor, approval: Approval) -> Job:
    """Use the approval and put the job on record; nothing is refunded yet.

    Raises:
        NotPermitted: a supervisor starts it.
        NotApproved: it is not approved, used already, too old, or for something else.
        StateConflict: it is being refunded already (``job_running``).
    """
    require(actor, "disrupt")
    network = office.network()
    asked = Wish(approval.kind, approval.subject_type, approval.subject_id, approval.amount, approval.details)
    if approval.kind != _KIND or approval.subject_type != "schedules":
        raise approvals.NotApproved("This approval is not of a whole train's refund.", hint="Ask for one.")
    facts = approval.details
    train = network.train(facts["train"])

    def write(tx: Transaction) -> Job:
        run = disruption.read(tx, network, train, date.fromisoformat(facts["date"]), lock=True)
        _require_stopped(run)
        approvals.consume(tx, approval.id, asked)
        items = [str(key) for key in _bookings(tx, run)]
        job = background_jobs.start(
            tx,
            JOB,
            str(run.schedule_id),
            items,
            {**facts, "reason": approval.reason, "amount": approval.amount},
            approval_id=approval.id,
        )
        tx.event("train_refund.started", "schedules", run.schedule_id, {**run.as_json(), "bookings": len(items)})
        return background_jobs.find(tx, job)

    return office.database.transaction(write, actor=actor)


def find(office: Office, actor: Actor, train_number: str, day: date) -> Job:
    """The newest job of a departure.

    Raises:
        NotPermitted: the role may not look.
        NotFound: no such departure, or it was never refunded (``unknown_job``).
    """
    require(actor, "disrupt")
    run = disruption.find(office, train_number, day)

    def look(tx: Transaction) -> Job:
        found = background_jobs.latest(tx, JOB, str(run.schedule_id))
        if found is None:
            raise NotFound("This train was never refunded as a whole.", code="unknown_job", hint="disrupt refund")
        return found

    return office.database.transaction(look, actor=actor)


def go_on(office: Office, actor: Actor, job_id: UUID, progress: Progress = lambda _job: None) -> Job:
    """Refund booking after booking until none is left; what failed before is tried again first.

    Args:
        progress: told how the job stands after each booking.

    Raises:
        NotPermitted, NotFound: the role may not; no such job.
        Unreachable: the database went away; what was done is done, ask again.
    """
    require(actor, "disrupt")
    network = office.network()
    office.database.transaction(lambda tx: background_jobs.try_failed_again(tx, job_id), actor=actor)
    while True:
        at: list[str] = []
        try:
            job = office.database.transaction(partial(_step, network=network, job_id=job_id, at=at), actor=actor)
        except Unreachable:
            raise
        except CounterError as error:
            if not at:
                raise
            job = _note_failure(office, actor, job_id, at[-1], error)
        progress(job)
        if job.status == "finished":
            return job


def _step(tx: Transaction, *, network: Network, job_id: UUID, at: list[str]) -> Job:
    """The next booking, noted in ``at``; or the job's end."""
    job = background_jobs.find(tx, job_id)
    item = background_jobs.take(tx, job_id)
    if item is None:
        background_jobs.finish(tx, job_id)
        return background_jobs.find(tx, job_id)
    at.append(item)
    sold = after_sale.lock(tx, network, UUID(item))
    decided = _Terms.of(job.details).quote(sold)
    result: dict[str, Any] = {"booking_number": sold.number, "refund": 0}
    if decided is not None:
        how = Decision(
            kind="disruption",
            reason=str(job.details["reason"]),
            approval_id=job.approval_id,
            requested_by=job.started_by,
            more={"as_of": job.details["as_of"], "job": str(job_id)},
        )
        owed = cancelling.carry_out(tx, sold, decided, how)
        result |= {"refund": decided.refund, "refunds": [one.reference for one in owed]}
    background_jobs.settle(tx, job_id, item, "done", result)
    return background_jobs.find(tx, job_id)


def _note_failure(office: Office, actor: Actor, job_id: UUID, item: str, error: CounterError) -> Job:
    """A booking that cannot be refunded stops no other one; a person looks into it."""

    def write(tx: Transaction) -> Job:
        if background_jobs.still_pending(tx, job_id, item):
            said = {"code": error.reason, "message": error.message}
            background_jobs.settle(tx, job_id, item, "failed", said)
            context = {"job_id": str(job_id), "booking_id": item, **said}
            job_failures.record(tx, JOB, item, error.message, context, critical=True)
        return background_jobs.find(tx, job_id)

    return office.database.transaction(write, actor=actor)
