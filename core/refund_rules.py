"""What cancelling a ticket costs and gives back, and why it cannot be cancelled. Pure decisions.

Source, the reference railway's terms: until 30 minutes before departure at the boarding station 25 % of what was paid
for the ticket is kept, and the booking fee. Where the operator is to blame (a train cancelled, or late by more than an
hour) all of it but the booking fee goes back, claimed within 7 x 24 hours of departure. The figures are policies.
Amounts are minor units. Several tickets of a booking are ``core.refund_quote``, ways back ``core.refund_ways``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from core import policy
from core.errors import Refused, StateConflict
from core.money import grouped, round_up, share
from core.policy import Policies


class Fault(StrEnum):
    """Why the operator is to blame."""

    CANCELLED = "train_cancelled"
    DELAYED = "train_delayed"
    SERVICE = "service_failure"  #: what no timetable knows; a supervisor judges it


#: What stands in ``refunds.refund_reason``.
REASONS: Final[Mapping[Fault | None, str]] = {
    None: "cancellation",
    Fault.CANCELLED: "schedule_change",
    Fault.DELAYED: "schedule_change",
    Fault.SERVICE: "system_error",
}
#: Field of ``Terms`` → the policy it holds the value of.
_POLICIES: Final[Mapping[str, policy.Policy[Any]]] = {
    "fee_percent": policy.CANCEL_FEE_PERCENT,
    "fee_rounding": policy.CANCEL_FEE_ROUNDING,
    "cutoff_minutes": policy.CANCEL_CUTOFF_MINUTES,
    "unclaimed_days": policy.REFUND_UNCLAIMED_DAYS,
    "payout_days": policy.REFUND_PAYOUT_DAYS,
    "cash_allowed": policy.REFUND_CASH_ALLOWED,
    "qris_days": policy.QRIS_REFUND_DAYS,
    "card_days": policy.CARD_REFUND_DAYS,
    "fault_claim_days": policy.FAULT_CLAIM_DAYS,
    "fault_returns_booking_fee": policy.FAULT_KEEPS_BOOKING_FEE,
    "delay_minutes": policy.DELAY_REFUND_MINUTES,
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What policy says at one boarding station for one train; a decided refund keeps them whatever changes later."""

    fee_percent: int = 25
    fee_rounding: int = 1
    cutoff_minutes: int = 30
    unclaimed_days: int = 365
    payout_days: int = 7
    cash_allowed: bool = False
    qris_days: int = 7
    card_days: int = 45
    fault_claim_days: int = 7
    fault_returns_booking_fee: bool = False
    delay_minutes: int = 60

    @classmethod
    def of(cls, policies: Policies, *, station_id: int, train_id: int) -> Terms:
        """The terms in force there."""
        place = {"station_id": station_id, "train_id": train_id}
        return cls(**{name: policies.get(one, **place) for name, one in _POLICIES.items()})

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Terms:
        """Terms as ``as_json`` wrote them; what it did not know yet holds by default."""
        known = {name: values[one.name] for name, one in _POLICIES.items() if one.name in values}
        return cls(**known)

    def as_json(self) -> dict[str, Any]:
        """By the names of the policies."""
        return {_POLICIES[one.name].name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, slots=True)
class Trip:
    """What a ticket's departure looks like from its boarding station; ``departs_at`` with the delay."""

    schedule_id: int
    departs_at: datetime
    train: str = ""
    is_cancelled: bool = False
    delay_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """A ticket as the rules see it. ``paid`` is what was paid for it (``core.worth``)."""

    number: str
    status: str
    passenger_id: UUID
    passenger: str
    passenger_type: str
    position: int
    paid: int
    trip: Trip
    terms: Terms = field(default_factory=Terms)

    @property
    def is_infant(self) -> bool:
        return self.passenger_type == "infant"


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of one ticket. ``fee`` is kept, ``refund`` goes back; together they are what was paid for it."""

    item: Item
    fee: int
    refund: int
    fault: Fault | None
    until: datetime  #: till when it can be cancelled for that
    cause: str
    along: bool = False  #: an infant that goes with its adult

    def as_json(self) -> dict[str, Any]:
        return {
            "ticket_number": self.item.number,
            "passenger_name": self.item.passenger,
            "train_number": self.item.trip.train,
            "departs_at": self.item.trip.departs_at.isoformat(),
            "cancel_until": self.until.isoformat(),
            "paid": self.item.paid,
            "fee": self.fee,
            "refund": self.refund,
            "fault": self.fault,
            "cause": self.cause,
            "along": self.along,
        }


def fee_of(paid: int, terms: Terms) -> int:
    """What is kept of what was paid: a percentage, rounded up to the policy's multiple, never more than was paid."""
    return min(paid, round_up(share(paid, terms.fee_percent, 100), terms.fee_rounding))


def fault_of(trip: Trip, terms: Terms) -> Fault | None:
    """What the timetable itself says against the operator: cancelled, or later than policy lets pass."""
    if trip.is_cancelled:
        return Fault.CANCELLED
    return Fault.DELAYED if trip.delay_minutes > terms.delay_minutes else None


def judge(item: Item, now: datetime, claim: Fault | None = None) -> Line:
    """What cancelling one ticket comes to.

    Args:
        claim: a fault that a supervisor is asked to recognize; the timetable's own counts without.

    Raises:
        StateConflict: it is closed or used (``ticket_cancelled``, ``ticket_superseded``, ``ticket_voided``,
            ``ticket_used``, ``departed``).
        Refused: too late (``cutoff_passed``, ``departed``, ``fault_claim_over``).
    """
    fault = fault_of(item.trip, item.terms) or claim
    _require_refundable(item, fault)
    departs = item.trip.departs_at
    if fault is not None:
        until = departs + timedelta(days=item.terms.fault_claim_days)
        if now > until:
            raise Refused(
                f"The operator's fault was to be claimed within {item.terms.fault_claim_days} days of departure.",
                code="fault_claim_over",
                hint="A supervisor may be asked in writing.",
            )
        return Line(item, 0, item.paid, fault, until, f"{fault.replace('_', ' ')}: all of it goes back")
    until = departs - timedelta(minutes=item.terms.cutoff_minutes)
    if now >= departs:
        raise Refused("The train has left: nothing is paid back.", code="departed", hint="The ticket has expired.")
    if now > until:
        raise Refused(
            f"Tickets are cancelled until {item.terms.cutoff_minutes} minutes before departure.",
            code="cutoff_passed",
            hint=f"It ended at {until:%H:%M}.",
        )
    fee = fee_of(item.paid, item.terms)
    cause = f"{item.terms.fee_percent} % of {grouped(item.paid)} is kept" if item.paid else "nothing was paid for it"
    return Line(item, fee, item.paid - fee, None, until, cause)


CLOSED: Final = {
    "cancelled": ("ticket_cancelled", "is cancelled already", "Look at the booking's refunds: counter show."),
    "superseded": ("ticket_superseded", "was exchanged for another one", "Cancel the ticket that took its place."),
    "voided": ("ticket_voided", "was never issued", "Nothing was paid for it."),
}


def _require_refundable(item: Item, fault: Fault | None) -> None:
    if item.status in CLOSED:
        code, what, hint = CLOSED[item.status]
        raise StateConflict(f"Ticket {item.number} {what}.", code=code, hint=hint)
    if item.status == "used" and fault not in (Fault.CANCELLED, Fault.SERVICE):
        raise StateConflict(
            f"Ticket {item.number} was used at the gate.",
            code="ticket_used",
            hint="Whoever did not travel after all has the check-in undone at the gate first.",
        )
    if item.status == "expired" and fault is None:
        raise StateConflict(f"Ticket {item.number} has expired.", code="departed", hint="Nothing is paid back.")
