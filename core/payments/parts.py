"""Paying in parts: some of it in cash, some by card; the part that covers the rest closes the sale.

The first part fixes the bill, so that what is owed cannot change between two parts. What becomes of the parts of a
sale that is never finished stands in ``core.payments.giving_back``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from core import checkout, closing, idempotency, pending, shifts
from core.checkout import Checkout
from core.closing import Sale
from core.database import Actor, Transaction, on_violation
from core.errors import Refused, StateConflict, UsageError
from core.idempotency import Request
from core.money import grouped
from core.office import Office
from core.passengers import PassengerInput
from core.payments import Tender, find, settle
from core.payments.practice import marked
from core.payments.record import record_part
from core.payments.standing import Standing, standing
from core.permissions import require
from core.policy import HOLD_MINUTES

on_violation(
    "booking_closed",
    lambda: StateConflict(
        "This booking is closed; no money enters it any more.", code="booking_closed", hint="Look it up."
    ),
)


@dataclass(frozen=True)
class Taken:
    """What a part came to. ``sale`` is there once nothing is owed any more; the money is in ``standing``."""

    standing: Standing
    sale: Sale | None = None

    def as_json(self) -> dict[str, Any]:
        """As ``counter pay take`` prints it."""
        return {**self.standing.as_json(), "tickets": [one.as_json() for one in self.sale.tickets] if self.sale else []}


def take(
    office: Office,
    actor: Actor,
    booking_id: UUID,
    passengers: Sequence[PassengerInput] | None,
    tender: Tender,
    amount: int | None,
    *,
    key: UUID,
    promotions: Sequence[str] = (),
    printer: str = "none",
) -> Taken:
    """Take a part of what is owed; the same key again takes nothing more and tells how the booking stands.

    Args:
        passengers, promotions: count for the first part only; then they stand. None: as they were named before.
        amount: of this part, minor units; None: all that is left.

    Raises:
        UsageError: an amount that is not above zero.
        Refused: more than is owed (``more_than_owed``), or see ``sale.confirm``.
    """
    require(actor, "sell")
    if amount is not None and amount <= 0:
        raise UsageError("A part is more than nothing.", code="amount_invalid", hint="Say how much is paid.")
    network = office.network()
    asked = Request(key, "payment", idempotency.fingerprint(office.keys, [str(booking_id), tender, amount]))

    def pay(tx: Transaction) -> Taken:
        claim = idempotency.claim(tx, asked, booking_id, step="part")
        wanted = checkout.ask(tx, office, booking_id, passengers, promotions)
        here = shifts.ask(tx)
        first = claim.first()
        if first is not None:
            first.require_same()
            return Taken(standing(tx, office, booking_id))
        done = checkout.work_out(tx, office, wanted.held(network), wanted, passengers)
        shift = here.read()
        done, part = _part(done, tender, amount)
        settlement = settle(part, tender)
        if part == done.owed:
            sold = closing.close(tx, office, done, settlement, shift_id=shift.id, printer=printer)
            return Taken(standing(tx, office, booking_id), sold)
        done = checkout.fix(tx, office, done)
        record_part(tx, office.keys, uuid7(), done, marked(office, settlement), shift.id)
        hold_on(tx, done)
        return Taken(standing(tx, office, booking_id))

    # How it stands is read before the commit: once that is done, nothing can fail any more that was saved.
    return office.database.transaction(pay, actor=actor)


def _part(done: Checkout, tender: Tender, amount: int | None) -> tuple[Checkout, int]:
    """The bill as this tender pays it, and how much of it this part is.

    Raises:
        Refused: more than is owed (code ``more_than_owed``).
    """
    if find(tender.method).gives_change and not done.under_way:
        rounded = checkout.in_cash(done)
        if amount is None or rounded.owed <= amount <= done.owed:
            return rounded, rounded.owed
    left = left_of(done)
    part = left if amount is None else amount
    if part > left or not left:
        raise Refused(
            f"{grouped(part)} is more than the {grouped(left)} that is owed.",
            code="more_than_owed",
            hint="Take what is owed." if left else "A payment is under way: wait for it, or cancel it.",
            details={"owed": left},
        )
    return done, part


def left_of(done: Checkout) -> int:
    """What is owed and not spoken for by a payment under way."""
    return done.owed - done.under_way


def hold_on(tx: Transaction, done: Checkout) -> None:
    """Queue a longer hold: somebody is paying."""
    trip = done.held.journey
    minutes = done.policies.get(HOLD_MINUTES, station_id=trip.origin.id, train_id=trip.train.id)
    pending.keep_until(tx, done.held.booking_id, max(done.held.expires_at, tx.now + timedelta(minutes=minutes)))
