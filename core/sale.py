"""Finishing a sale: passengers, payment and tickets in one transaction with audit, event and print jobs.

``confirm`` turns a held booking into a paid one with tickets. ``sell`` is the whole sale from nothing, for scripts: a
hold and its confirmation under one key. Either the whole of a confirmation is kept or nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select

from core import booking as bookings
from core import checkout, closing, idempotency, pending, shifts, tickets
from core.booking import HoldRequest
from core.checkout import Checkout
from core.closing import Sale
from core.database import Actor, Statement, Transaction
from core.errors import Refused, StateConflict, UsageError
from core.idempotency import Request
from core.models import Booking, Payment
from core.money import grouped
from core.office import Office
from core.passengers import PassengerInput
from core.payments import Settlement, Tender, settle
from core.payments import find as find_method
from core.permissions import require

__all__ = ["Sale", "confirm", "earlier", "find", "sell"]

_SALE: Final = Statement(
    select(Booking).where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
)
_PAID: Final = Statement(
    select(
        func.coalesce(func.sum(Payment.amount), 0).label("paid"),
        func.coalesce(func.sum(Payment.change_given), 0).label("change"),
    ).where(
        Payment.operator_id == bindparam("operator_id"),
        Payment.booking_id == bindparam("booking_id"),
        Payment.payment_status == "completed",
    )
)


def confirm(
    office: Office,
    actor: Actor,
    booking_id: UUID,
    passengers: Sequence[PassengerInput] | None,
    tender: Tender | None,
    *,
    key: UUID,
    promotions: Sequence[str] = (),
    printer: str = "none",
    fingerprint: bytes | None = None,
) -> Sale:
    """Take the money and issue the tickets of a held booking; the same key again returns the first result.

    Args:
        passengers: in order; everyone but infants gets the next of the held seats. None: as they were named before.
        tender: pays what is left to pay. None: all of it was paid in parts.
        promotions: codes; of a booking that is being paid in parts they stand already.
        printer: the kind of printer the tickets are queued for; ``none`` queues nothing.

    Raises:
        HoldExpired: the seats are gone; nothing was taken.
        StateConflict: it was confirmed or given up under another key.
        NoOpenShift: this clerk has no open shift at this drawer.
        Refused: passengers, promotions or tender do not fit; see ``checkout.work_out`` and the payment's method.
    """
    require(actor, "sell")
    network = office.network()
    asked = Request(key, "sale", fingerprint or _fingerprint(office, booking_id, passengers, tender, tuple(promotions)))

    def sell_held(tx: Transaction) -> UUID | Sale:
        claim = idempotency.claim(tx, asked, booking_id, step="confirm")
        wanted = checkout.ask(tx, office, booking_id, passengers, promotions)
        here = shifts.ask(tx)
        serials = closing.Serials(tx, len(passengers or ()))
        first = claim.first()
        if first is not None:
            return UUID(first.require_same())
        done = checkout.work_out(tx, office, wanted.held(network), wanted, passengers)
        done = checkout.in_cash(done) if tender is not None and find_method(tender.method).gives_change else done
        shift = here.read()
        settlement = settle_rest(done, tender)
        return closing.close(tx, office, done, settlement, serials=serials, shift_id=shift.id, printer=printer)

    done = office.database.transaction(sell_held, actor=actor)
    return find(office, done) if isinstance(done, UUID) else done


def _fingerprint(office: Office, *arguments: Any) -> bytes:
    """What tells one sale from another; what is empty is left out, as it was before there was such an argument."""
    return idempotency.fingerprint(office.keys, [one for one in arguments if one != ()])


def sell(
    office: Office,
    actor: Actor,
    request: HoldRequest,
    passengers: Sequence[PassengerInput],
    tender: Tender,
    *,
    key: UUID,
    promotions: Sequence[str] = (),
    printer: str = "none",
    fingerprint: bytes | None = None,
) -> Sale:
    """A whole sale under one key; asked again with the same key, the first result.

    Args:
        fingerprint: tells a repetition from another sale under the same key; by default made of the arguments.

    Raises:
        KeyReused: the key belongs to a sale with other arguments.
        Refused: as ``booking.hold`` and ``confirm``; the seats are then given back at once.
    """
    whole = fingerprint or _fingerprint(office, request, passengers, tender, tuple(promotions))
    try:
        held = bookings.hold(office, actor, request, key=key, fingerprint=whole)
    except bookings.AlreadySold:
        done = earlier(office, key, whole)
        assert done is not None, "a sold booking was confirmed under its key"
        return done
    try:
        return confirm(
            office,
            actor,
            held.booking_id,
            passengers,
            tender,
            key=key,
            promotions=promotions,
            printer=printer,
            fingerprint=whole,
        )
    except (Refused, UsageError):
        pending.give_up_quietly(office, actor, held.booking_id)
        raise


def earlier(office: Office, key: UUID, fingerprint: bytes) -> Sale | None:
    """The sale that was finished under this key, if one was.

    Raises:
        KeyReused: it was another sale.
    """
    asked = Request(key, "sale", fingerprint)
    done = office.database.transaction(lambda tx: idempotency.earlier(tx, asked, step="confirm"))
    return None if done is None else find(office, UUID(done.require_same()))


def find(office: Office, booking_id: UUID) -> Sale:
    """A confirmed sale as it stands now, read from the database."""
    network = office.network()

    def read(tx: Transaction) -> Sale:
        row = tx.send(_SALE, booking_id=booking_id).first()
        money = tx.send(_PAID, booking_id=booking_id).first()
        assert row is not None
        assert money is not None
        return Sale(
            booking_id=row.id,
            booking_number=row.booking_number,
            status=row.status,
            total_amount=row.total_amount,
            discount_amount=row.discount_amount,
            final_amount=row.final_amount,
            paid=int(money.paid),
            change=int(money.change),
            tickets=tuple(tickets.of_booking(tx, network, booking_id)),
        )

    return office.database.transaction(read)


def settle_rest(done: Checkout, tender: Tender | None) -> Settlement | None:
    """How a tender pays what is owed; None pays nothing, where nothing is owed.

    Raises:
        StateConflict: a payment is under way (``payment_under_way``), or something is owed (``not_paid``).
        Refused: see ``core.payments.settle``.
    """
    checkout.require_nothing_under_way(done)
    if tender is not None:
        return settle(done.owed, tender)
    if done.owed:
        raise StateConflict(
            f"{grouped(done.owed)} is still to be paid.",
            code="not_paid",
            hint="Take the rest first.",
            details={"due": done.owed},
        )
    return None
