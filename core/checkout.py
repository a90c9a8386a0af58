"""The checkout: a held booking with its party and its bill, worked out anew or as it stands while it is paid in parts.

A sale that is paid at once works out its bill and writes it in the transaction that confirms it. One that is paid in
parts, or waited for, fixes its bill first (``fix``): from then on its charges stand, its promotions are used, and only
money is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, update

from core import bans, pending, policy, promotions, timetable
from core import bill as bills
from core import party as parties
from core.bans import PendingBans
from core.bill import Bill, Line
from core.database import Statement, Transaction
from core.errors import StateConflict
from core.models import Booking, BookingCharge, Payment
from core.money import grouped
from core.network import Network
from core.office import Office
from core.party import Traveller
from core.passengers import PassengerInput
from core.pending import Hold, Pending
from core.policy import CASH_ROUNDING, PROMOTIONS_PER_BOOKING, PendingPolicies, Policies
from core.promotions import PendingPromotions, Use

_LINES: Final = Statement(
    select(BookingCharge.charge_kind, BookingCharge.amount, BookingCharge.cause, BookingCharge.passenger_id)
    .where(BookingCharge.operator_id == bindparam("operator_id"), BookingCharge.booking_id == bindparam("booking_id"))
    .order_by(BookingCharge.id)
)
_PARTS: Final = Statement(
    select(Payment.payment_status, Payment.amount, Payment.change_given).where(
        Payment.operator_id == bindparam("operator_id"), Payment.booking_id == bindparam("booking_id")
    )
)
_FIX: Final = Statement(
    update(Booking)
    .where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
    .values(
        total_amount=bindparam("total"),
        discount_amount=bindparam("discount"),
        final_amount=bindparam("due"),
        booking_details=Booking.booking_details.op("||")(func.jsonb_build_object("named", True)),
        priced_at=func.now(),
        updated_at=func.now(),
    )
)


@dataclass(frozen=True)
class Checkout:
    """A booking about to be paid. Amounts are minor units.

    Attributes:
        uses: promotions that are still to be written down.
        paid, change: of the parts that are completed.
        under_way: of the parts that a gateway has not answered for yet.
        parts: how many payments there are already, whatever became of them.
        written: how many lines of the bill stand on the ledger.
    """

    held: Hold
    party: tuple[Traveller, ...]
    bill: Bill
    policies: Policies
    uses: tuple[Use, ...] = ()
    paid: int = 0
    change: int = 0
    under_way: int = 0
    parts: int = 0
    written: int = 0

    @property
    def owed(self) -> int:
        """What is left to pay."""
        return self.bill.due - self.paid


class Wanted:
    """Everything a checkout needs, asked for in a pipeline and not yet read."""

    __slots__ = ("bans", "booked", "policies", "promotions")

    def __init__(
        self, policies: PendingPolicies, booked: Pending, asked: PendingPromotions | None, banned: PendingBans
    ) -> None:
        self.policies, self.booked, self.promotions, self.bans = policies, booked, asked, banned

    def held(self, network: Network) -> Hold:
        """The hold, as ``pending.Pending.read``."""
        return self.booked.read(network)


def ask(
    tx: Transaction,
    office: Office,
    booking_id: UUID,
    passengers: Sequence[PassengerInput] | None,
    codes: Sequence[str],
) -> Wanted:
    """Queue locking the booking and the questions a checkout has, whether the party may buy among them."""
    asked_policies = policy.ask(tx)
    booked = pending.ask_pending(tx, booking_id)
    banned = bans.ask(tx, office.keys, booking_id, passengers)
    return Wanted(asked_policies, booked, promotions.ask(tx, codes), banned)


def work_out(
    tx: Transaction, office: Office, held: Hold, wanted: Wanted, passengers: Sequence[PassengerInput] | None
) -> Checkout:
    """Party, bill and what is paid of it; nothing is written.

    Args:
        passengers: None: as they were named before. Of a booking whose bill is fixed they stand already.

    Raises:
        Refused: the train is not on sale any more, the party does not fit, a promotion does not apply.
        TravelBan: unpaid fines ban one of them from buying.
    """
    if held.is_priced:
        return as_fixed(tx, office, held, wanted.policies.read())
    policies = wanted.policies.read()
    timetable.require_on_sale(held.journey, policies, tx.now)
    entered = parties.stored(tx, office, held.booking_id) if passengers is None else passengers
    party = parties.seat(tx, office, held, policies, entered)
    parties.require_may_buy(tx, office, held, policies, party, wanted.bans)
    bill = bills.make(party, held.booking_fee)
    if wanted.promotions is None:
        return Checkout(held, tuple(party), bill, policies)
    place = {"station_id": held.journey.origin.id, "train_id": held.journey.train.id}
    uses = wanted.promotions.apply(bill.fares, policies.get(PROMOTIONS_PER_BOOKING, **place), tx.now)
    return Checkout(held, tuple(party), bill.less(uses), policies, uses)


def as_fixed(tx: Transaction, office: Office, held: Hold, policies: Policies) -> Checkout:
    """A booking whose bill is fixed, as it stands."""
    lines, parts = tx.send(_LINES, booking_id=held.booking_id), tx.send(_PARTS, booking_id=held.booking_id)
    party = parties.seated(tx, office, held, policies)
    bill = Bill(tuple(Line(row.charge_kind, row.amount, row.cause, row.passenger_id) for row in lines.all()))
    rows = parts.all()
    completed = [row for row in rows if row.payment_status == "completed"]
    return Checkout(
        held,
        tuple(party),
        bill,
        policies,
        paid=sum(row.amount for row in completed),
        change=sum(row.change_given or 0 for row in completed),
        under_way=sum(row.amount for row in rows if row.payment_status in ("pending", "processing")),
        parts=len(rows),
        written=len(bill.lines),
    )


def in_cash(done: Checkout) -> Checkout:
    """The same when what is owed is paid in cash: rounded down by policy, as a line of the bill."""
    trip = done.held.journey
    unit = done.policies.get(CASH_ROUNDING, station_id=trip.origin.id, train_id=trip.train.id)
    over = done.owed % unit
    return replace(done, bill=Bill((*done.bill.lines, Line("discount", -over, "cash_rounding")))) if over else done


def require_nothing_under_way(done: Checkout) -> None:
    """
    Raises:
        StateConflict: the gateway has not said yet what became of a payment (code ``payment_under_way``).
    """
    if done.under_way:
        raise StateConflict(
            f"A payment of {grouped(done.under_way)} is under way.",
            code="payment_under_way",
            hint="Wait for it, or cancel it first.",
            details={"under_way": done.under_way},
        )


def fix(tx: Transaction, office: Office, done: Checkout) -> Checkout:
    """Queue what makes the bill stand: passengers, charges, promotions used, amounts. Returns it as it stands then."""
    if done.held.is_priced:
        return done
    bill, booking_id = done.bill, done.held.booking_id
    parties.store(tx, office, done.held, done.party)
    bills.write(tx, booking_id, bill)
    promotions.write(tx, booking_id, done.uses)
    tx.send(_FIX, booking_id=booking_id, total=bill.total, discount=bill.discount, due=bill.due)
    tx.audit("update", "bookings", booking_id, new={"total": bill.total, "discount": bill.discount, "due": bill.due})
    held = replace(done.held, is_priced=True, is_named=True)
    return replace(done, held=held, uses=(), written=len(bill.lines))
