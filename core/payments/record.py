"""Payments on record: a row for each, whatever becomes of it. What belongs here: the row, and who took the money."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, insert
from uuid_utils.compat import uuid7

from core.checkout import Checkout
from core.database import Statement, Transaction
from core.keys import KeyRing
from core.models import Payment
from core.payments import METHODS, Settlement, processing_fee
from core.payments.card import concealed_reference

_COLUMNS: Final = (
    *("operator_id", "id", "booking_id", "payment_reference", "payment_method", "payment_status", "amount"),
    *("processing_fee", "tendered", "change_given", "external_reference", "taken_by", "terminal_id", "payment_date"),
    *("shift_id", "card_last_four", "edc_terminal", "edc_batch", "expires_at"),
)
_INSERT: Final = Statement(insert(Payment).values({name: bindparam(name) for name in _COLUMNS}))
_INSERT_LATER: Final = Statement(
    insert(Payment).values({name: bindparam(name) for name in (*_COLUMNS, "modification_id")})
)


@dataclass(frozen=True, slots=True)
class Later:
    """A payment for the change of a sold booking: the ``number``-th of its booking, let in by its modification."""

    booking_id: UUID
    booking_number: str
    number: int
    modification_id: UUID
    processing_fee: int


def record(tx: Transaction, keys: KeyRing, done: Checkout, settlement: Settlement, shift_id: UUID | None) -> None:
    """Queue a payment that is done, the next one of its booking."""
    settlement = _concealed(keys, done, settlement)
    _write(tx, uuid7(), done, settlement, shift_id, payment_status="completed", payment_date=tx.now)


def record_part(
    tx: Transaction, keys: KeyRing, payment_id: UUID, done: Checkout, settlement: Settlement, shift_id: UUID
) -> None:
    """The same under a key that is known already, and on the audit trail by itself: the sale goes on."""
    settlement = _concealed(keys, done, settlement)
    _write(tx, payment_id, done, settlement, shift_id, payment_status="completed", payment_date=tx.now)
    tx.audit("create", "payments", payment_id, new=_said(done, settlement, "completed"))


def record_awaited(
    tx: Transaction, payment_id: UUID, done: Checkout, method: str, amount: int, shift_id: UUID, until: datetime
) -> None:
    """Queue a payment that a gateway is about to be asked for; ``until`` its code can be paid."""
    settlement = Settlement(method, amount)
    _write(tx, payment_id, done, settlement, shift_id, payment_status="pending", payment_date=None, expires_at=until)
    tx.audit("create", "payments", payment_id, new=_said(done, settlement, "pending"))


def record_later(tx: Transaction, keys: KeyRing, of: Later, settlement: Settlement, shift_id: UUID) -> UUID:
    """Queue a payment that is done for a change of a sold booking; returns its id."""
    payment_id: UUID = uuid7()
    reference = _name(of.booking_number, of.number)
    settlement = _concealed_as(keys, reference, settlement)
    row = _row(tx, payment_id, of.booking_id, reference, of.processing_fee, settlement, shift_id)
    row |= {"payment_status": "completed", "payment_date": tx.now, "expires_at": None}
    tx.send(_INSERT_LATER, **row, modification_id=of.modification_id)
    said = {"booking_number": of.booking_number, "method": settlement.method, "amount": settlement.amount}
    said |= {"status": "completed", "modification_id": str(of.modification_id)}
    tx.audit("create", "payments", payment_id, new=said)
    return payment_id


def _concealed(keys: KeyRing, done: Checkout, settlement: Settlement) -> Settlement:
    return _concealed_as(keys, _reference(done), settlement)


def _concealed_as(keys: KeyRing, reference: str, settlement: Settlement) -> Settlement:
    """A card's settlement without a slip's reference that anybody could read."""
    if settlement.reference is None or not METHODS[settlement.method].takes_card_details:
        return settlement
    return replace(settlement, reference=concealed_reference(keys, reference, settlement.reference))


def _reference(done: Checkout) -> str:
    """Our own name for the next payment of a booking."""
    return _name(done.held.booking_number, done.parts + 1)


def _name(booking_number: str, number: int) -> str:
    return f"{booking_number}-{number}"


def _said(done: Checkout, settlement: Settlement, status: str) -> dict[str, Any]:
    return {
        "booking_number": done.held.booking_number,
        "method": settlement.method,
        "amount": settlement.amount,
        "status": status,
    }


def _write(
    tx: Transaction,
    payment_id: UUID,
    done: Checkout,
    settlement: Settlement,
    shift_id: UUID | None,
    *,
    payment_status: str,
    payment_date: datetime | None,
    expires_at: datetime | None = None,
) -> None:
    held = done.held
    place = {"station_id": held.journey.origin.id, "train_id": held.journey.train.id}
    fee = processing_fee(done.policies, settlement.method, settlement.amount, **place)
    row = _row(tx, payment_id, held.booking_id, _reference(done), fee, settlement, shift_id)
    tx.send(_INSERT, **row, payment_status=payment_status, payment_date=payment_date, expires_at=expires_at)


def _row(
    tx: Transaction,
    payment_id: UUID,
    booking_id: UUID,
    reference: str,
    fee: int,
    settlement: Settlement,
    shift_id: UUID | None,
) -> dict[str, Any]:
    """What a payment is, but not what became of it."""
    return {
        "id": payment_id,
        "booking_id": booking_id,
        "payment_reference": reference,
        "payment_method": settlement.method,
        "amount": settlement.amount,
        "processing_fee": fee,
        "tendered": settlement.tendered,
        "change_given": settlement.change,
        "external_reference": settlement.reference,
        "taken_by": tx.actor.user_id,
        "terminal_id": tx.actor.terminal_id,
        "shift_id": shift_id,
        "card_last_four": settlement.card_last_four,
        "edc_terminal": settlement.edc_terminal,
        "edc_batch": settlement.edc_batch,
    }
