"""Paying out what was decided to go back: across the counter, through the gateway, by transfer; and what lapses.

A refund waits on this list until somebody pays it out. Cash leaves the open shift of the clerk who pays, into the hands
of somebody whose identity is one of the booking's. A card's is given back at the card machine and goes on record with
its slip, a transfer with the bank's reference and the sealed account. The gateway pays QRIS by itself
(``core.payments.reconciliation``), once under our reference; what it refuses goes by transfer. What nobody claims until
its day is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, text, update

from core import after_sale, pending, shifts
from core.database import Actor, Statement, Transaction, on_violation
from core.errors import NotFound, Refused, StateConflict, UsageError
from core.keys import sealed_in
from core.models import Booking, Payment, Refund
from core.office import Office
from core.payments import METHODS, giving_back, questions
from core.payments.card import concealed_reference, holds_card_number
from core.payments.standing import refund_json
from core.permissions import require
from core.refund_ways import CASH, TRANSFER, WALLET
from core.wording import one_line

on_violation(
    "refund_approved",
    lambda: StateConflict(
        "This refund is not approved.", code="refund_not_approved", hint="A supervisor approves it: counter cancel."
    ),
)
on_violation(
    "refund_way_stands",
    lambda: Refused(
        "A refund goes the way it was approved, or by transfer.", code="method_refused", hint="Choose bank_transfer."
    ),
)
on_violation(
    "refund_claimable",
    lambda: StateConflict(
        "This refund can still be claimed.", code="refund_claimable", hint="It is kept when its time is over."
    ),
)

_PAGE: Final = 100
_OPEN_STATES: Final = text("refunds.refund_status IN ('initiated', 'processing', 'failed')")
_ROWS: Final = (
    select(Refund, Booking.id.label("booking_id"), Booking.booking_number, Booking.status.label("booking_status"))
    .add_columns(Payment.payment_reference, func.now().label("now"))
    .join(Payment, (Payment.operator_id == Refund.operator_id) & (Payment.id == Refund.payment_id))
    .join(Booking, (Booking.operator_id == Payment.operator_id) & (Booking.id == Payment.booking_id))
    .where(Refund.operator_id == bindparam("operator_id"))
)
_WAITING: Final = Statement(_ROWS.where(_OPEN_STATES).order_by(Refund.created_at, Refund.id).limit(_PAGE))
_OF_BOOKING: Final = Statement(
    _ROWS.where(Booking.booking_number == bindparam("booking_number")).order_by(Refund.created_at, Refund.id)
)
_BY_REFERENCE: Final = Statement(_ROWS.where(Refund.refund_reference == bindparam("reference")))
_UNCLAIMED: Final = Statement(
    _ROWS.where(
        text("refunds.refund_status IN ('initiated', 'failed') AND refunds.claim_until < now()"),
    ).order_by(Refund.id)
)
_MINE: Final = (Refund.operator_id == bindparam("operator_id")) & (Refund.id == bindparam("refund_id"))
_LOCK: Final = Statement(select(Refund, func.now().label("now")).where(_MINE).with_for_update())
_PAYMENT: Final = Statement(
    select(Payment).where(Payment.operator_id == bindparam("operator_id"), Payment.id == bindparam("payment_id"))
)
_GO_ANOTHER_WAY: Final = Statement(
    update(Refund).where(_MINE).values(refund_method=bindparam("method"), updated_at=func.now())
)
_TO_ACCOUNT: Final = Statement(
    update(Refund).where(_MINE).values(payout_account=bindparam("account"), updated_at=func.now())
)


@dataclass(frozen=True)
class WaitingRefund:
    """A refund and where it stands. Minor units; ``row`` is the refund's."""

    row: Any
    booking_id: UUID
    booking_number: str
    payment: str
    pay_out_by: datetime | None
    now: datetime

    @property
    def reference(self) -> str:
        return str(self.row.refund_reference)

    @property
    def is_late(self) -> bool:
        """It waits longer than was promised."""
        waits = self.row.refund_status in ("initiated", "processing", "failed")
        return waits and self.pay_out_by is not None and self.now > self.pay_out_by

    def as_json(self) -> dict[str, Any]:
        """As ``counter refund list`` prints it."""
        until = self.row.claim_until
        return {
            **refund_json(self.row),
            "booking_number": self.booking_number,
            "payment": self.payment,
            "since": self.row.created_at.isoformat(),
            "pay_out_by": self.pay_out_by.isoformat() if self.pay_out_by else None,
            "late": self.is_late,
            "claim_until": until.isoformat() if until else None,
        }


@dataclass(frozen=True, slots=True)
class Payout:
    """How a refund is paid out.

    Attributes:
        identity: a passenger's, of whoever takes cash.
        reference: the slip of the card machine, or the bank's number of the transfer.
        account: where a transfer goes; it is sealed.
        method: another way than was decided: ``bank_transfer`` or ``wallet``.
    """

    identity: str = ""
    reference: str = ""
    account: str = ""
    method: str | None = None


def waiting(office: Office, actor: Actor, booking_number: str | None = None) -> list[WaitingRefund]:
    """What is still to be paid out, the oldest first and at most a page; or every refund of a booking."""
    require(actor, "sell")

    def look(tx: Transaction) -> list[WaitingRefund]:
        if booking_number is None:
            return [_waiting(row) for row in tx.send(_WAITING).all()]
        number = booking_number.strip().upper()
        return [_waiting(row) for row in tx.send(_OF_BOOKING, booking_number=number).all()]

    return office.database.transaction(look, actor=actor)


def _waiting(row: Any) -> WaitingRefund:
    promised = (row.decided_with or {}).get("pay_out_by")
    return WaitingRefund(
        row,
        row.booking_id,
        row.booking_number,
        row.payment_reference,
        datetime.fromisoformat(promised) if promised else None,
        row.now,
    )


def find(office: Office, actor: Actor, reference: str) -> WaitingRefund:
    """
    Raises:
        NotFound: there is none of that reference (code ``unknown_refund``).
    """
    row = office.database.transaction(
        lambda tx: tx.send(_BY_REFERENCE, reference=reference.strip().upper()).first(), actor=actor
    )
    if row is None:
        raise NotFound(
            f"There is no refund {reference.strip()[:40]!r}.",
            code="unknown_refund",
            hint="List them: counter refund list.",
        )
    return _waiting(row)


def pay(office: Office, actor: Actor, reference: str, how: Payout) -> WaitingRefund:
    """Pay one refund out, once; returns it as it stands then.

    Raises:
        NotFound: there is none.
        StateConflict: it is paid out (``refund_paid``), lapsed (``refund_forfeited``), or the gateway is at it or
            pays it by itself (``refund_under_way``, ``gateway_refunds``).
        NoOpenShift: cash without an open shift.
        Refused: cash for somebody whose identity is nobody's of the booking.
        UsageError: a slip, a bank's reference or an account is missing.
    """
    require(actor, "sell")
    known = find(office, actor, reference)
    method = how.method or known.row.refund_method
    _require_other_way(known.row.refund_method, method)
    _require_told(method, how)
    if method == CASH:
        _require_customer(office, actor, known, how.identity)
    office.database.transaction(partial(_pay, office=office, known=known, method=method, how=how), actor=actor)
    return find(office, actor, reference)


def _pay(tx: Transaction, *, office: Office, known: WaitingRefund, method: str, how: Payout) -> None:
    drawer = shifts.ask(tx)
    refund, payment = _locked(tx, known)
    require_payable(refund, method)
    shift = drawer.read() if method == CASH else drawer.find()
    mine = shift is not None and shift.user_id == tx.actor.user_id and shift.status == "open"
    if method != refund.refund_method:
        tx.send(_GO_ANOTHER_WAY, refund_id=refund.id, method=method)
        tx.audit("update", "refunds", refund.id, old={"method": refund.refund_method}, new={"method": method})
    on_record: str | None = one_line(how.reference) or None
    if METHODS[method].takes_card_details and on_record:
        on_record = concealed_reference(office.keys, refund.refund_reference, on_record)
    if how.account and method in (TRANSFER, WALLET):
        sealed = office.keys.encrypt(one_line(how.account), sealed_in("refunds.payout_account", refund.id))
        tx.send(_TO_ACCOUNT, refund_id=refund.id, account=sealed)
    giving_back.complete(
        tx, refund, payment, reference=on_record, shift_id=shift.id if shift is not None and mine else None
    )
    questions.settle(tx, refund.payment_id, questions.UNTIL_REFUNDED, "paid back by hand")


def _locked(tx: Transaction, known: WaitingRefund) -> tuple[Any, Any]:
    """The rows of refund and payment, the booking's locked first."""
    tx.send(pending.LOCK, booking_id=known.booking_id).first()
    refund = tx.send(_LOCK, refund_id=known.row.id).first()
    payment = tx.send(_PAYMENT, payment_id=known.row.payment_id).first()
    assert refund is not None, "refunds are kept"
    return refund, payment


def require_payable(refund: Any, method: str, *, by_gateway: bool = False) -> None:
    """
    Args:
        refund: its row, with ``now``.
        method: by which it is to be paid.
        by_gateway: the gateway pays it; it may be under way already.

    Raises:
        StateConflict: see ``pay``.
    """
    if refund.refund_status == "completed":
        raise StateConflict(
            "This refund is paid out already.", code="refund_paid", hint="counter refund list shows it."
        )
    if refund.refund_status == "forfeited" or (refund.claim_until is not None and refund.claim_until < refund.now):
        raise StateConflict(
            "Nobody claimed this refund in its time.", code="refund_forfeited", hint="A supervisor decides in writing."
        )
    if METHODS[refund.refund_method].asynchronous and not by_gateway:
        if refund.refund_status == "processing":
            raise StateConflict(
                "The gateway is at it.", code="refund_under_way", hint="Run: counter pay reconcile, then look again."
            )
        if method == refund.refund_method or refund.refund_status != "failed":
            raise StateConflict(
                "The gateway pays this back by itself.", code="gateway_refunds", hint="Run: counter pay reconcile"
            )


def _require_other_way(decided: str, method: str) -> None:
    if method != decided and method not in (TRANSFER, WALLET):
        raise Refused(
            "A refund goes the way it was approved, or by transfer.",
            code="method_refused",
            hint="Choose bank_transfer or wallet, or leave the method out.",
        )


def _require_told(method: str, how: Payout) -> None:
    if holds_card_number(how.reference):
        raise Refused("Never a whole card number.", code="card_number_refused", hint="The slip's own number is meant.")
    if METHODS[method].takes_card_details and not one_line(how.reference):
        raise UsageError(
            "The number of the card machine's slip is missing.", code="reference_missing", hint="Give --reference."
        )
    if method in (TRANSFER, WALLET) and not (one_line(how.reference) and one_line(how.account)):
        raise UsageError(
            "A transfer needs the account and the bank's reference.",
            code="reference_missing",
            hint="Give --account and --reference.",
        )


def _require_customer(office: Office, actor: Actor, known: WaitingRefund, identity: str) -> None:
    """Cash of a sold booking goes to one of its passengers; who paid for a sale that came to nothing stands here."""
    network = office.network()
    try:
        sold = office.database.transaction(lambda tx: after_sale.look(tx, network, known.booking_id), actor=actor)
    except StateConflict:
        return
    if sold.tickets:
        after_sale.require_identity(office, actor, sold, identity)


def forfeit(office: Office, actor: Actor) -> list[WaitingRefund]:
    """Keep what nobody claimed in its time; for a nightly job, or a supervisor. Returns what lapsed.

    Args:
        actor: somebody, or this terminal alone.
    """
    if actor.user_id is not None:
        require(actor, "resolve_payments")
    due = [_waiting(row) for row in office.database.transaction(lambda tx: tx.send(_UNCLAIMED).all(), actor=actor)]
    return [one for one in due if office.database.transaction(partial(_forfeit, known=one), actor=actor)]


def _forfeit(tx: Transaction, *, known: WaitingRefund) -> bool:
    refund, payment = _locked(tx, known)
    if refund.refund_status not in ("initiated", "failed"):
        return False
    giving_back.forfeit(tx, refund, payment)
    return True
