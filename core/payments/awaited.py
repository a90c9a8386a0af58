"""Payments that a gateway has to be waited for, in our books: begun before it is asked, ended by what it answers.

A payment's row is committed as ``pending`` before the gateway hears of it, so whoever starts again after a crash finds
it; it is ``processing`` once the gateway knows it. Every answer, whoever asked for it, goes through ``carry_out``:
booking and payment are locked, ``judgement.judge`` decides, and what it decides happens in the same transaction.

What belongs here: the database's side. Talking to the gateway is ``core.payments.qris_sale``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import DateTime, Text
from uuid_utils.compat import uuid7

from core import checkout, closing, holds, pending, policy, shifts
from core.closing import Sale
from core.database import Actor, Statement, Transaction
from core.errors import NotFound, Refused, UsageError
from core.models import Booking, Payment, Refund
from core.models import Shift as ShiftRow
from core.money import grouped
from core.office import Office
from core.passengers import PassengerInput
from core.payments import find, giving_back, questions
from core.payments.gateway_answer import Answer
from core.payments.judgement import Action, Decision, judge
from core.payments.parts import hold_on, left_of
from core.payments.record import record_awaited
from core.permissions import require
from core.policy import QRIS_MINUTES

#: The hold outlasts the code by this: the customer's bank may need a moment, and so may we.
GRACE: Final = timedelta(minutes=2)
_WAITING: Final = text("payments.payment_status IN ('pending', 'processing')")

_AWAITED: Final = (
    select(
        *(Payment.id, Payment.booking_id, Payment.payment_reference, Payment.payment_method, Payment.payment_status),
        *(Payment.amount, Payment.expires_at, Payment.created_at, Payment.terminal_id, Payment.gateway_response),
        *(Booking.booking_number, Booking.status.label("booking_status"), func.now().label("now")),
    )
    .join(Booking, (Booking.operator_id == Payment.operator_id) & (Booking.id == Payment.booking_id))
    .where(Payment.operator_id == bindparam("operator_id"))
)
_BY_ID: Final = Statement(_AWAITED.where(Payment.id == bindparam("payment_id")))
_OF_BOOKING: Final = Statement(_AWAITED.where(Payment.booking_id == bindparam("booking_id"), _WAITING))
_OF_TERMINAL: Final = Statement(
    _AWAITED.where(Payment.terminal_id == bindparam("terminal_id"), _WAITING).order_by(Payment.id)
)
_LOCK_PAYMENT: Final = Statement(
    select(Payment)
    .where(Payment.operator_id == bindparam("operator_id"), Payment.id == bindparam("payment_id"))
    .with_for_update()
)
#: What went another way the gateway knows nothing of.
_REFUNDED: Final = Statement(
    select(func.coalesce(func.sum(Refund.refund_amount), 0))
    .join(Payment, (Payment.operator_id == Refund.operator_id) & (Payment.id == Refund.payment_id))
    .where(
        Refund.operator_id == bindparam("operator_id"),
        Refund.payment_id == bindparam("payment_id"),
        Refund.refund_status == "completed",
        Refund.refund_method == Payment.payment_method,
    )
)
_HEARD: Final = Statement(
    update(Payment)
    .where(Payment.operator_id == bindparam("operator_id"), Payment.id == bindparam("payment_id"))
    .values(
        external_reference=bindparam("transaction", type_=Text),
        gateway_response=bindparam("response", type_=JSONB),
        updated_at=func.now(),
    )
)
_MOVE: Final = Statement(
    update(Payment)
    .where(Payment.operator_id == bindparam("operator_id"), Payment.id == bindparam("payment_id"))
    .values(
        payment_status=bindparam("state"),
        payment_date=func.coalesce(bindparam("paid_at", type_=DateTime(timezone=True)), Payment.payment_date),
        shift_id=bindparam("shift"),
        updated_at=func.now(),
    )
)
_SHIFT: Final = Statement(
    select(ShiftRow.status)
    .where(ShiftRow.operator_id == bindparam("operator_id"), ShiftRow.id == bindparam("shift_id"))
    .with_for_update(read=True)
)
_PRINTER: Final = Statement(
    update(Booking)
    .where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
    .values(booking_details=Booking.booking_details.op("||")(bindparam("printed")))
)


@dataclass(frozen=True)
class Awaited:
    """A payment as our books have it. ``now`` is the database's time when it was read, ``amount`` in minor units."""

    id: UUID
    booking_id: UUID
    booking_number: str
    booking_status: str
    order_id: str
    method: str
    status: str
    amount: int
    created_at: datetime
    expires_at: datetime
    terminal_id: int
    qr_string: str | None
    now: datetime

    @property
    def is_waiting(self) -> bool:
        """Whether the gateway has not said yet what became of it."""
        return self.status in ("pending", "processing")

    def as_json(self) -> dict[str, Any]:
        """As commands print it."""
        return {
            "booking_number": self.booking_number,
            "payment": self.order_id,
            "method": self.method,
            "status": self.status,
            "amount": self.amount,
            "qr_string": self.qr_string,
            "expires_at": self.expires_at.isoformat(),
        }

    @property
    def is_over(self) -> bool:
        """Whether its code can no longer be paid."""
        return self.now >= self.expires_at


@dataclass(frozen=True)
class Progress:
    """What an answer came to. ``sale`` is there if it finished the sale just now, ``question`` if it is a new one."""

    awaited: Awaited
    action: Action
    sale: Sale | None = None
    question: str | None = None


def _awaited(row: Any) -> Awaited:
    return Awaited(
        id=row.id,
        booking_id=row.booking_id,
        booking_number=row.booking_number,
        booking_status=row.booking_status,
        order_id=row.payment_reference,
        method=row.payment_method,
        status=row.payment_status,
        amount=row.amount,
        created_at=row.created_at,
        expires_at=row.expires_at,
        terminal_id=row.terminal_id,
        qr_string=(row.gateway_response or {}).get("qr_string"),
        now=row.now,
    )


def begin(
    office: Office,
    actor: Actor,
    booking_id: UUID,
    passengers: Sequence[PassengerInput] | None,
    method: str,
    amount: int | None = None,
    *,
    promotions: Sequence[str] = (),
    printer: str = "none",
) -> Awaited:
    """Write a payment down before the gateway is asked for it. While one is under way for this booking, that one.

    Args:
        passengers, promotions: as ``parts.take``.
        amount: minor units; None: all that is left.
        printer: the kind of printer the tickets are queued for once it is paid, at this terminal.

    Raises:
        Refused: more than is owed (``more_than_owed``), nobody pays this way (``method_not_awaited``), and as
            ``sale.confirm``.
    """
    require(actor, "sell")
    if not find(method).asynchronous:
        raise Refused(f"{find(method).name} is paid at once.", code="method_not_awaited", hint="Take it as a payment.")
    if amount is not None and amount <= 0:
        raise UsageError("A part is more than nothing.", code="amount_invalid", hint="Say how much is paid.")
    network = office.network()

    def write(tx: Transaction) -> UUID:
        wanted = checkout.ask(tx, office, booking_id, passengers, promotions)
        here, waiting = shifts.ask(tx), tx.send(_OF_BOOKING, booking_id=booking_id)
        held = wanted.held(network)
        under_way = waiting.first()
        if under_way is not None:
            return UUID(str(under_way.id))
        done = checkout.work_out(tx, office, held, wanted, passengers)
        shift, part = here.read(), left_of(done) if amount is None else amount
        if part > left_of(done) or not part:
            raise Refused(
                f"{grouped(part)} is more than the {grouped(left_of(done))} that is owed.",
                code="more_than_owed",
                hint="Take what is owed.",
                details={"owed": left_of(done)},
            )
        done = checkout.fix(tx, office, done)
        place = {"station_id": held.journey.origin.id, "train_id": held.journey.train.id}
        until = tx.now + timedelta(minutes=done.policies.get(QRIS_MINUTES, **place))
        payment_id = uuid7()
        record_awaited(tx, payment_id, done, method, part, shift.id, until)
        tx.send(_PRINTER, booking_id=booking_id, printed=Jsonb({"printer": printer}))
        pending.keep_until(tx, booking_id, max(held.expires_at, until + GRACE))
        return payment_id

    return load(office, office.database.transaction(write, actor=actor))


def load(office: Office, payment_id: UUID) -> Awaited:
    """A payment as it stands now."""
    row = office.database.transaction(lambda tx: tx.send(_BY_ID, payment_id=payment_id).first())
    if row is None:
        raise NotFound("There is no such payment.", code="unknown_payment", hint="Look the booking up.")
    return _awaited(row)


def of_booking(office: Office, booking_id: UUID) -> Awaited | None:
    """The payment that is under way for a booking."""
    row = office.database.transaction(lambda tx: tx.send(_OF_BOOKING, booking_id=booking_id).first())
    return None if row is None else _awaited(row)


def of_terminal(office: Office, actor: Actor) -> list[Awaited]:
    """What this terminal was waiting for when it stopped."""
    rows = office.database.transaction(lambda tx: tx.send(_OF_TERMINAL, terminal_id=actor.terminal_id).all())
    return [_awaited(row) for row in rows]


def carry_out(office: Office, actor: Actor, payment_id: UUID, answer: Answer) -> Progress:
    """Do what an answer of the gateway means, once, however often it comes."""
    try:
        decision, sold, asked = office.database.transaction(
            lambda tx: _heard(tx, office, payment_id, answer), actor=actor
        )
    except Refused as refusal:
        # Paid, and yet no sale: an identity that got another ticket meanwhile. The money must not hang in the air.
        reason = refusal.as_json()
        office.database.transaction(lambda tx: _paid_in_vain(tx, payment_id, answer, reason), actor=actor)
        raise
    return Progress(load(office, payment_id), decision.action, sold, asked)


def end(office: Office, actor: Actor, payment_id: UUID) -> Awaited:
    """Give a payment up in our books without the gateway: it was never asked, or does not answer.

    If its money comes after all, reconciliation finds it and sends it back.
    """

    def write(tx: Transaction) -> None:
        booking, payment = _lock(tx, payment_id)
        if payment.payment_status in ("pending", "processing"):
            tx.send(_MOVE, payment_id=payment_id, state="failed", paid_at=None, shift=payment.shift_id)
            said = {"status": "failed", "booking_number": booking.booking_number}
            tx.audit("update", "payments", payment_id, old={"status": payment.payment_status}, new=said)

    office.database.transaction(write, actor=actor)
    return load(office, payment_id)


def _lock(tx: Transaction, payment_id: UUID) -> tuple[Any, Any]:
    """Booking and payment, locked in the order everybody locks them in."""
    found = tx.send(_BY_ID, payment_id=payment_id).first()
    assert found is not None, "payments are kept"
    booking = tx.send(pending.LOCK, booking_id=found.booking_id)
    payment = tx.send(_LOCK_PAYMENT, payment_id=payment_id)
    return booking.first(), payment.first()


def _heard(
    tx: Transaction, office: Office, payment_id: UUID, answer: Answer
) -> tuple[Decision, Sale | None, str | None]:
    booking, payment = _lock(tx, payment_id)
    refunded = int(tx.send(_REFUNDED, payment_id=payment_id).scalar() or 0)
    is_open = booking.status == "pending"
    decision = judge(
        payment.payment_status, answer, amount=payment.amount, order_id=payment.payment_reference, refunded=refunded,
        wanted=is_open,
    )  # fmt: skip
    question = decision.question
    if question is not None and not questions.ask(tx, payment_id, question, answer.as_record()):
        question = None
    if decision.action is not Action.ASK:
        questions.settle(tx, payment_id, questions.PASSING, "a later answer was right")
        _note(tx, payment, answer)
    match decision.action:
        case Action.CONFIRM:
            return decision, _confirm(tx, office, booking, payment), question
        case Action.RETURN if not is_open:
            giving_back.take_late(tx, payment)
        case Action.RETURN:
            pass  # the sale may still be paid another way; when it is closed, this money goes on record and back
        case _ if decision.state == "failed" or (is_open and decision.state != "refunded"):
            _move(tx, payment, decision.state)
    return decision, None, question


def _note(tx: Transaction, payment: Any, answer: Answer) -> None:
    """Keep what the gateway said last; the code it gave stays, though later answers leave it out."""
    before: Mapping[str, Any] = payment.gateway_response or {}
    kept = {"qr_string": before["qr_string"]} if before.get("qr_string") else {}
    response = Jsonb({**kept, **answer.as_record()})
    tx.send(_HEARD, payment_id=payment.id, transaction=answer.transaction_id, response=response)


def _move(tx: Transaction, payment: Any, state: str) -> None:
    if state != payment.payment_status:
        tx.send(_MOVE, payment_id=payment.id, state=state, paid_at=None, shift=payment.shift_id)
        tx.audit("update", "payments", payment.id, old={"status": payment.payment_status}, new={"status": state})


def _complete(tx: Transaction, payment: Any) -> None:
    shift = _shift_for(tx, payment)
    tx.send(_MOVE, payment_id=payment.id, state="completed", paid_at=tx.now, shift=shift)
    said = {"status": "completed", "amount": payment.amount}
    tx.audit("update", "payments", payment.id, old={"status": payment.payment_status}, new=said)
    tx.event("payment.completed", "payments", payment.id, said)


def _shift_for(tx: Transaction, payment: Any) -> UUID | None:
    """The shift that began the payment, while it is open; else the one open here; a closed one takes nothing more."""
    if payment.shift_id is not None and tx.send(_SHIFT, shift_id=payment.shift_id).scalar() == "open":
        return UUID(str(payment.shift_id))
    if tx.actor.user_id is None or tx.actor.terminal_id is None:
        return None
    with suppress(Refused):
        here = shifts.ask(tx).read().id
        return here if tx.send(_SHIFT, shift_id=here).scalar() == "open" else None
    return None


def _confirm(tx: Transaction, office: Office, booking: Any, payment: Any) -> Sale | None:
    """The money is there: the sale is closed, or goes on with the next part."""
    policies = policy.ask(tx)
    _complete(tx, payment)
    held = pending.load(tx, office.network(), booking)
    done = checkout.as_fixed(tx, office, held, policies.read())
    if done.owed:
        hold_on(tx, done)
        return None
    printer = booking.booking_details.get("printer", "none")
    return closing.close(tx, office, done, None, printer=printer, terminal_id=payment.terminal_id)


def _paid_in_vain(tx: Transaction, payment_id: UUID, answer: Answer, reason: Mapping[str, Any]) -> None:
    booking, payment = _lock(tx, payment_id)
    if booking.status != "pending" or payment.payment_status not in ("pending", "processing"):
        return
    _note(tx, payment, answer)
    _complete(tx, payment)
    questions.ask(tx, payment_id, "sale_refused", reason)
    holds.give_back(tx, booking.id, status="cancelled", is_priced=True)
