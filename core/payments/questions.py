"""Questions about payments that people must look at: asked once each, listed for the supervisor, and answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text
from uuid_utils.compat import uuid7

from core import shifts
from core.database import Actor, Statement, Transaction
from core.errors import NotFound, StateConflict, UsageError
from core.models import Booking, Payment, PaymentQuestion, Refund
from core.office import Office
from core.payments import METHODS, giving_back
from core.payments.card import concealed_reference
from core.payments.judgement import QUESTIONS
from core.permissions import require
from core.wording import one_line

#: What is asked besides the judgement's questions.
OWN_QUESTIONS: Final = {
    "code_refused": "The gateway's code asked for something else than was due and was not shown.",
    "sale_refused": "The money is there, but the sale could not be finished and was given up.",
    "refund_refused": "The gateway refuses to send money back.",
    "refund_no_funds": "The merchant's account lacks the money for a refund.",
}
_SENTENCES: Final = {**QUESTIONS, **OWN_QUESTIONS}
#: Doubts that a later, right answer settles.
PASSING: Final = ("wrong_order", "wrong_amount", "wrong_currency", "settled_under_review", "refund_missing")
#: What is settled once the money is back.
UNTIL_REFUNDED: Final = ("settled_late", "settled_unwanted", "sale_refused", "refund_refused", "refund_no_funds")

_ASKED: Final = Statement(
    select(PaymentQuestion.id).where(
        PaymentQuestion.operator_id == bindparam("operator_id"),
        PaymentQuestion.payment_id == bindparam("payment_id"),
        PaymentQuestion.question == bindparam("question"),
    )
)
_COLUMNS: Final = ("operator_id", "id", "payment_id", "question", "details")
_ASK: Final = Statement(insert(PaymentQuestion).values({name: bindparam(name) for name in _COLUMNS}))
_ANSWER: Final = (
    update(PaymentQuestion)
    .where(PaymentQuestion.operator_id == bindparam("operator_id"), PaymentQuestion.resolved_at.is_(None))
    .values(
        resolved_at=func.now(), resolved_by=bindparam("by"), resolution=bindparam("how"),
    )
)  # fmt: skip
_SETTLE: Final = Statement(
    _ANSWER.where(
        PaymentQuestion.payment_id == bindparam("of_payment"),
        PaymentQuestion.question == func.any(bindparam("codes", type_=ARRAY(Text))),
    )
)
_RESOLVE: Final = Statement(
    _ANSWER.where(PaymentQuestion.id == bindparam("question_id")).returning(PaymentQuestion.payment_id)
)
_OPEN: Final = Statement(
    select(
        *(PaymentQuestion.id, PaymentQuestion.question, PaymentQuestion.details, PaymentQuestion.opened_at),
        *(Payment.payment_reference, Payment.payment_method, Payment.payment_status, Payment.amount),
        *(Booking.booking_number, Booking.status),
    )
    .join(Payment, (Payment.operator_id == PaymentQuestion.operator_id) & (Payment.id == PaymentQuestion.payment_id))
    .join(Booking, (Booking.operator_id == Payment.operator_id) & (Booking.id == Payment.booking_id))
    .where(PaymentQuestion.operator_id == bindparam("operator_id"), PaymentQuestion.resolved_at.is_(None))
    .order_by(PaymentQuestion.opened_at)
)
_WAITING: Final = text("refunds.refund_status IN ('initiated', 'processing', 'failed')")
_OPEN_REFUNDS: Final = Statement(
    select(
        *(Refund.id, Refund.refund_reference, Refund.refund_amount, Refund.refund_method, Refund.refund_status),
        *(Refund.created_at, Booking.booking_number, Booking.status),
    )
    .join(Payment, (Payment.operator_id == Refund.operator_id) & (Payment.id == Refund.payment_id))
    .join(Booking, (Booking.operator_id == Payment.operator_id) & (Booking.id == Payment.booking_id))
    .where(Refund.operator_id == bindparam("operator_id"), _WAITING)
    .order_by(Refund.created_at)
)
_REFUND: Final = Statement(
    select(Refund, Payment.booking_id)
    .join(Payment, (Payment.operator_id == Refund.operator_id) & (Payment.id == Refund.payment_id))
    .where(Refund.operator_id == bindparam("operator_id"), Refund.refund_reference == bindparam("reference"))
)
_LOCK_BOOKING: Final = Statement(
    select(Booking.id)
    .where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
    .with_for_update()
)
_LOCK_REFUND: Final = Statement(
    select(Refund)
    .where(Refund.operator_id == bindparam("operator_id"), Refund.id == bindparam("refund_id"))
    .with_for_update()
)
_PAYMENT: Final = Statement(
    select(Payment).where(Payment.operator_id == bindparam("operator_id"), Payment.id == bindparam("payment_id"))
)


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """Something that waits for a supervisor: a doubt about a payment, or money that somebody still has to pay back.

    ``name`` is what it is answered by: the question's id or the refund's reference. ``amount`` is in minor units.
    """

    name: str
    code: str
    sentence: str
    booking_number: str
    booking_status: str
    method: str
    amount: int
    since: datetime
    details: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As ``counter pay questions`` prints it."""
        return {
            "question": self.name,
            "code": self.code,
            "message": self.sentence,
            "booking_number": self.booking_number,
            "booking_status": self.booking_status,
            "method": self.method,
            "amount": self.amount,
            "since": self.since.isoformat(),
            "details": dict(self.details),
        }


def ask(tx: Transaction, payment_id: UUID, question: str, details: Mapping[str, Any]) -> bool:
    """Put a question on the list, unless it was asked about this payment before; tells whether it is new."""
    if tx.send(_ASKED, payment_id=payment_id, question=question).first() is not None:
        return False
    tx.send(_ASK, id=uuid7(), payment_id=payment_id, question=question, details=Jsonb(dict(details)))
    tx.event("payment.question", "payments", payment_id, {"question": question})
    return True


def settle(tx: Transaction, payment_id: UUID, codes: tuple[str, ...], how: str) -> None:
    """Queue the end of questions that have answered themselves."""
    tx.send(_SETTLE, of_payment=payment_id, codes=list(codes), by=None, how=how)


def open_questions(office: Office, actor: Actor) -> list[OpenQuestion]:
    """Everything that waits for a supervisor, oldest first: questions, and refunds that are not paid out yet."""
    require(actor, "look_into_payments")

    def look(tx: Transaction) -> list[OpenQuestion]:
        asked, owing = tx.send(_OPEN), tx.send(_OPEN_REFUNDS)
        found = [
            OpenQuestion(
                str(row.id), row.question, _SENTENCES.get(row.question, row.question), row.booking_number, row.status,
                row.payment_method, row.amount, row.opened_at, {**row.details, "payment": row.payment_reference},
            )
            for row in asked.all()
        ]  # fmt: skip
        found += [
            OpenQuestion(
                row.refund_reference, f"refund_{row.refund_status}", "Money is to be paid back.", row.booking_number,
                row.status, row.refund_method, row.refund_amount, row.created_at, {},
            )
            for row in owing.all()
        ]  # fmt: skip
        return sorted(found, key=lambda one: one.since)

    return office.database.transaction(look, actor=actor)


def resolve(office: Office, actor: Actor, name: str, how: str) -> None:
    """Answer a question with how it ended; or say under which number a refund was paid back.

    Args:
        name: a question's id or a refund's reference, as ``open_questions`` lists them.
        how: the supervisor's words; for a refund the void slip's or the transfer's number.

    Raises:
        NotFound: nothing of that name is open (code ``unknown_question``).
        StateConflict: the gateway pays this refund (code ``gateway_refunds``).
        NoOpenShift: cash is paid out of a drawer, and none is open here.
        UsageError: no words.
    """
    require(actor, "resolve_payments")
    how = one_line(how)
    if not how:
        raise UsageError("Say how it ended.", code="resolution_missing", hint="It goes on record.")
    try:
        question_id = UUID(name)
    except ValueError:
        office.database.transaction(lambda tx: _pay_back(tx, office, name.strip().upper(), how), actor=actor)
        return

    def answer(tx: Transaction) -> None:
        row = tx.send(_RESOLVE, question_id=question_id, by=actor.user_id, how=how).first()
        if row is None:
            raise _unknown()
        tx.audit("update", "payment_questions", question_id, new={"resolution": how})

    office.database.transaction(answer, actor=actor)


def _pay_back(tx: Transaction, office: Office, reference: str, how: str) -> None:
    found = tx.send(_REFUND, reference=reference).first()
    if found is None:
        raise _unknown()
    tx.send(_LOCK_BOOKING, booking_id=found.booking_id).first()
    refund = tx.send(_LOCK_REFUND, refund_id=found.id).first()
    assert refund is not None, "refunds are kept"
    if refund.refund_status == "completed":
        raise _unknown()
    if METHODS[refund.refund_method].asynchronous and refund.refund_status != "failed":
        raise StateConflict(
            "The gateway pays this back by itself.", code="gateway_refunds", hint="Run: counter pay reconcile"
        )
    payment = tx.send(_PAYMENT, payment_id=refund.payment_id).first()
    if METHODS[refund.refund_method].takes_card_details:
        how = concealed_reference(office.keys, refund.refund_reference, how)
    in_cash = METHODS[refund.refund_method].gives_change
    drawer = shifts.ask(tx).read().id if in_cash else None
    giving_back.complete(tx, refund, payment, reference=how, shift_id=drawer)
    settle(tx, refund.payment_id, UNTIL_REFUNDED, "paid back by hand")


def _unknown() -> NotFound:
    return NotFound("No such question is open.", code="unknown_question", hint="List them with: counter pay questions")
