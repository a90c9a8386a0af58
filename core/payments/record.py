"""Payments on record: a row for each, whatever becomes of it. What belongs here: the row, and who took the money."""

from __future__ import annotations

from dataclasses import replace
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


def _concealed(keys: KeyRing, done: Checkout, settlement: Settlement) -> Settlement:
    """A card's settlement without a slip's reference that anybody could read."""
    if settlement.reference is None or not METHODS[settlement.method].takes_card_details:
        return settlement
    return replace(settlement, reference=concealed_reference(keys, _reference(done), settlement.reference))


def _reference(done: Checkout) -> str:
    """Our own name for the next payment of a booking."""
    return f"{done.held.booking_number}-{done.parts + 1}"


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
    tx.send(
        _INSERT,
        id=payment_id,
        booking_id=held.booking_id,
        payment_reference=_reference(done),
        payment_method=settlement.method,
        payment_status=payment_status,
        amount=settlement.amount,
        processing_fee=processing_fee(done.policies, settlement.method, settlement.amount, **place),
        tendered=settlement.tendered,
        change_given=settlement.change,
        external_reference=settlement.reference,
        taken_by=tx.actor.user_id,
        terminal_id=tx.actor.terminal_id,
        payment_date=payment_date,
        shift_id=shift_id,
        card_last_four=settlement.card_last_four,
        edc_terminal=settlement.edc_terminal,
        edc_batch=settlement.edc_batch,
        expires_at=expires_at,
    )
