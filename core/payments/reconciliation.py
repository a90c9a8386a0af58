"""Reconciliation: our books and the gateway's agree in the end, whatever died in between.

Asks the gateway about every payment that is under way or ended a short while ago, carries its answers out, and sends
money back that has to go back. Run by the application in the background, by ``counter pay reconcile`` and from cron;
any number of them at once do everything once.

What belongs here: which payments are asked about. What answers mean stands in ``core.payments.judgement``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, bindparam, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, INTERVAL
from sqlalchemy.types import Text

from core import pending, policy
from core.database import Statement, Transaction
from core.errors import CounterError, Refused, StateConflict, Unreachable
from core.models import Payment, PaymentQuestion, Refund
from core.payments import METHODS, awaited, giving_back, questions
from core.payments.awaited import Progress
from core.payments.gateway_answer import Answer
from core.payments.gateway_errors import GatewayRefused
from core.payments.judgement import Action
from core.payments.qris_sale import QrisDesk, answer_of
from core.policy import LATE_PAYMENT_HOURS

#: In the background only what has just ended is asked about again.
_JUST_NOW: Final = timedelta(minutes=15)
_OURS: Final = (Payment.operator_id == bindparam("operator_id")) & (
    Payment.payment_method == func.any(bindparam("methods", type_=ARRAY(Text)))
)
_HAS_OPEN_QUESTION: Final = (
    select(PaymentQuestion.id)
    .where(
        PaymentQuestion.operator_id == Payment.operator_id,
        PaymentQuestion.payment_id == Payment.id,
        PaymentQuestion.resolved_at.is_(None),
    )
    .exists()
)
_DUE: Final = Statement(
    select(Payment.id)
    .where(
        _OURS,
        or_(
            text("payments.payment_status IN ('pending', 'processing')"),
            and_(
                text("payments.payment_status = 'failed'"),
                or_(
                    func.greatest(Payment.updated_at, Payment.expires_at)
                    > func.now() - bindparam("failed_since", type_=INTERVAL),
                    _HAS_OPEN_QUESTION,  # money that waits for the end of its sale
                ),
            ),
            and_(
                text("payments.payment_status = 'completed'"),
                Payment.payment_date > func.now() - bindparam("completed_since", type_=INTERVAL),
            ),
        ),
    )
    .order_by(Payment.id)
)
_OF_PAYMENT: Final = (
    select(
        *(Refund.id, Refund.refund_reference, Refund.refund_amount, Refund.refund_status, Refund.payment_id),
        *(Payment.payment_reference, Payment.booking_id),
    )
    .join(Payment, (Payment.operator_id == Refund.operator_id) & (Payment.id == Refund.payment_id))
    .where(Refund.operator_id == bindparam("operator_id"))
)
_REFUND: Final = Statement(_OF_PAYMENT.where(Refund.id == bindparam("refund_id")))
_REFUNDS: Final = Statement(
    _OF_PAYMENT.where(
        Refund.refund_method == func.any(bindparam("methods", type_=ARRAY(Text))),
        Refund.refund_status == func.any(bindparam("states", type_=ARRAY(Text))),
    ).order_by(Refund.id)
)
_LOCK_REFUND: Final = Statement(
    select(Refund)
    .where(Refund.operator_id == bindparam("operator_id"), Refund.id == bindparam("refund_id"))
    .with_for_update()
)
_PAYMENT: Final = Statement(
    select(Payment).where(Payment.operator_id == bindparam("operator_id"), Payment.id == bindparam("payment_id"))
)
_FAIL_REFUND: Final = Statement(
    update(Refund)
    .where(Refund.operator_id == bindparam("operator_id"), Refund.id == bindparam("refund_id"))
    .values(refund_status="failed", updated_at=func.now())
)


@dataclass
class Report:
    """What a run did. ``unreachable`` counts questions that the gateway did not answer: run again."""

    asked: int = 0
    confirmed: int = 0  #: payments that turned out to be paid and count for their sale
    ended: int = 0  #: payments that ended without money
    returned: int = 0  #: payments whose money came for nothing and has to go back
    refunded: int = 0  #: refunds the gateway has paid out
    questions: int = 0  #: questions for a supervisor, new ones
    unreachable: int = 0
    refused: list[str] = field(default_factory=list)  #: codes of what could not be carried out

    def as_json(self) -> dict[str, Any]:
        """As ``counter pay reconcile`` prints it."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


def reconcile(desk: QrisDesk, *, thorough: bool = True, workers: int = 1) -> Report:
    """Ask and carry out.

    Args:
        thorough: also what ended some time ago (policy ``late_payment_hours``), what was completed since, and refunds
            the gateway refused before; else what is under way, what has just ended, and refunds that wait.
        workers: how many questions at once.
    """
    report = Report()
    methods = [code for code, method in METHODS.items() if method.asynchronous]
    _each([partial(_settle, desk, payment_id) for payment_id in _due(desk, methods, thorough)], report, workers)
    states = ["initiated", "processing", *(["failed"] if thorough else [])]

    def waiting(tx: Transaction) -> list[Any]:
        return tx.send(_REFUNDS, methods=methods, states=states).all()

    refunds = desk.office.database.transaction(waiting)
    _each([partial(_send_back, desk, row) for row in refunds], report, workers)
    return report


def _due(desk: QrisDesk, methods: Sequence[str], thorough: bool) -> list[UUID]:
    def look(tx: Transaction) -> list[UUID]:
        hours = policy.ask(tx).read().get(LATE_PAYMENT_HOURS)
        failed, completed = (timedelta(hours=hours),) * 2 if thorough else (_JUST_NOW, timedelta())
        rows = tx.send(_DUE, methods=list(methods), failed_since=failed, completed_since=completed)
        return [UUID(str(one)) for one in rows.scalars()]

    return desk.office.database.transaction(look)


_Task = Callable[[Report], None]


def _each(tasks: Sequence[_Task], report: Report, workers: int) -> None:
    def run(task: _Task) -> Report:
        own = Report()
        try:
            task(own)
        except Unreachable:
            own.unreachable += 1
        except CounterError as error:
            own.refused.append(error.reason)
        return own

    with ThreadPoolExecutor(max(1, workers)) as pool:
        for own in pool.map(run, tasks):
            for one in fields(Report):
                setattr(report, one.name, getattr(report, one.name) + getattr(own, one.name))


def _settle(desk: QrisDesk, payment_id: UUID, report: Report) -> None:
    """One payment: what became of it, and what that means."""
    now = awaited.load(desk.office, payment_id)
    report.asked += 1
    if now.is_waiting and now.is_over:
        _count(desk.end(now, expired=True), report)
        return
    answer = answer_of(desk, now.order_id)
    if answer is None:
        return  # the charge never arrived, or is on its way: the end of its time tells
    progress = awaited.carry_out(desk.office, desk.actor, payment_id, answer)
    if progress.action is Action.EXPIRE:
        progress = desk.end(progress.awaited, expired=True)
    _count(progress, report)


def _count(progress: Progress, report: Report) -> None:
    report.confirmed += progress.action is Action.CONFIRM
    report.ended += progress.action is Action.CLOSE
    report.returned += progress.action is Action.RETURN and progress.awaited.status == "completed"
    report.questions += progress.question is not None


def send_back(desk: QrisDesk, refund_id: UUID) -> Report:
    """Ask the gateway for one refund, at once; it pays it out once however often it is asked.

    Raises:
        Unreachable: the gateway did not answer; the refund waits.
    """
    report = Report()
    row = desk.office.database.transaction(lambda tx: tx.send(_REFUND, refund_id=refund_id).first())
    if row is not None:
        _send_back(desk, row, report)
    return report


def _send_back(desk: QrisDesk, row: Any, report: Report) -> None:
    """One refund: the gateway is asked for it under our reference, which it pays out once."""
    if not desk.office.database.transaction(partial(_still_waits, row=row), actor=desk.actor):
        return
    report.asked += 1
    try:
        answer = desk.gateway.refund(
            row.payment_reference, refund_key=row.refund_reference, amount=row.refund_amount, reason="not travelled"
        )
    except GatewayRefused as refused:
        code = "refund_no_funds" if refused.reason == "gateway_no_funds" else "refund_refused"
        _refused(desk, row, code, refused, report)
    except StateConflict as refused:
        _refused(desk, row, "refund_refused", refused, report)
    else:
        desk.office.database.transaction(partial(_done, row=row, answer=answer), actor=desk.actor)
        report.refunded += 1


def _still_waits(tx: Transaction, *, row: Any) -> bool:
    """Whether nobody has paid it out meanwhile; it is under way from here on, and goes no other way until it fails."""
    tx.send(pending.LOCK, booking_id=row.booking_id).first()
    refund = tx.send(_LOCK_REFUND, refund_id=row.id).first()
    if refund is None or not _is_to_be_sent(refund):
        return False
    if refund.refund_status != "processing":
        giving_back.take_up(tx, row.id)
    return True


def _is_to_be_sent(refund: Any) -> bool:
    """Paid out already, forfeited, or sent another way meanwhile: not by the gateway."""
    return METHODS[refund.refund_method].asynchronous and refund.refund_status in ("initiated", "processing", "failed")


def _done(tx: Transaction, *, row: Any, answer: Answer) -> None:
    tx.send(pending.LOCK, booking_id=row.booking_id).first()
    refund = tx.send(_LOCK_REFUND, refund_id=row.id).first()
    if refund is None or refund.refund_status != "processing":
        return
    payment = tx.send(_PAYMENT, payment_id=row.payment_id).first()
    giving_back.complete(tx, refund, payment, reference=answer.transaction_id, response=answer.as_record())
    questions.settle(tx, row.payment_id, questions.UNTIL_REFUNDED, "the gateway has paid it back")


def _refused(desk: QrisDesk, row: Any, code: str, refused: Refused, report: Report) -> None:
    """Lack of funds passes; any other refusal makes the refund somebody's to pay out another way."""

    def note(tx: Transaction) -> bool:
        tx.send(pending.LOCK, booking_id=row.booking_id).first()
        refund = tx.send(_LOCK_REFUND, refund_id=row.id).first()
        if refund is not None and refund.refund_status in ("initiated", "processing") and code == "refund_refused":
            tx.send(_FAIL_REFUND, refund_id=row.id)
        return questions.ask(tx, row.payment_id, code, refused.as_json())

    report.questions += desk.office.database.transaction(note, actor=desk.actor)
