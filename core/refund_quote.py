"""What cancelling one, several or all tickets of a booking comes to, before anything happens. Pure decisions.

Each ticket by itself is ``core.refund_rules``, which way the money goes ``core.refund_ways``. Infants are free and go
with their adult. A quote adds up to the minor unit: what was paid for its tickets is what is kept and what goes back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from core import refund_ways
from core.errors import Refused, StateConflict
from core.refund_rules import CLOSED, REASONS, Fault, Item, Line, judge
from core.refund_ways import Paid, Part, Windows

_LIVE: Final = ("active", "used")
#: While one of these is left, something of the booking was or is travelled on, or lost.
_STANDING: Final = ("active", "used", "expired")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A ticket that cannot be cancelled, and why."""

    number: str
    error: Refused

    def as_json(self) -> dict[str, Any]:
        return {"ticket_number": self.number, **self.error.as_json()}


@dataclass(frozen=True)
class Quote:
    """What cancelling these tickets comes to, before anything happens."""

    lines: tuple[Line, ...]
    refused: tuple[Refusal, ...]
    parts: tuple[Part, ...]
    methods: Mapping[str, str | None]  #: method → why not
    booking_fee: int  #: what was paid as booking fee and still stands
    booking_fee_back: int
    ends_booking: bool  #: no ticket is left
    claim_until: datetime
    pay_out_by: datetime

    @property
    def paid(self) -> int:
        return sum(line.item.paid for line in self.lines)

    @property
    def fee(self) -> int:
        return sum(line.fee for line in self.lines)

    @property
    def refund(self) -> int:
        """What goes back altogether."""
        return sum(line.refund for line in self.lines) + self.booking_fee_back

    @property
    def fault(self) -> Fault | None:
        """The operator's fault, where all of it is that."""
        faults = {line.fault for line in self.lines}
        return next(iter(faults)) if len(faults) == 1 else None

    @property
    def reason(self) -> str:
        """One of ``core.models.money.REFUND_REASONS``."""
        return REASONS[self.fault]

    def as_json(self) -> dict[str, Any]:
        """As ``counter cancel --quote`` prints it."""
        return {
            "tickets": [line.as_json() for line in self.lines],
            "refused": [one.as_json() for one in self.refused],
            "paid": self.paid,
            "fee": self.fee,
            "booking_fee": self.booking_fee,
            "booking_fee_refunded": self.booking_fee_back,
            "kept": self.fee + (self.booking_fee - self.booking_fee_back if self.ends_booking else 0),
            "refund": self.refund,
            "reason": self.reason,
            "fault": self.fault,
            "ends_booking": self.ends_booking,
            "parts": [part.as_json() for part in self.parts],
            "methods": {name: {"allowed": why is None, "cause": why} for name, why in self.methods.items()},
            "claim_until": self.claim_until.isoformat(),
            "pay_out_by": self.pay_out_by.isoformat(),
        }


def adults_of(items: Sequence[Item]) -> dict[str, str]:
    """Number of each live infant's ticket → its adult's.

    Nobody wrote down whose lap an infant sits on: on each train the first infant belongs to the first adult, and so on.
    """
    found: dict[str, str] = {}
    for schedule_id in {one.trip.schedule_id for one in items}:
        here = [one for one in _ordered(items) if one.trip.schedule_id == schedule_id and one.status in _LIVE]
        adults = [one.number for one in here if one.passenger_type in ("adult", "senior")]
        infants = [one.number for one in here if one.is_infant]
        if adults:
            found |= {infant: adults[place % len(adults)] for place, infant in enumerate(infants)}
    return found


def _ordered(items: Sequence[Item]) -> list[Item]:
    return sorted(items, key=lambda one: (one.position, one.number))


def quote(
    items: Sequence[Item],
    chosen: Collection[str] | None,
    payments: Sequence[Paid],
    now: datetime,
    *,
    booking_fee: int = 0,
    claim: Fault | None = None,
    method: str | None = None,
) -> Quote:
    """What cancelling comes to.

    Args:
        items: all tickets the booking ever had.
        chosen: numbers of the tickets to cancel; None: whatever can be cancelled, saying why the rest cannot.
        payments: of the booking, with what remains of each.
        booking_fee: what stands of it on the ledger.
        claim: a fault that a supervisor is asked to recognize.
        method: how the money is wanted back.

    Raises:
        Refused: the first reason why a chosen ticket cannot be cancelled, or why none can; as ``judge`` and
            ``refund_ways.allocate``. ``nothing_to_cancel`` where every ticket is closed already.
    """
    adults = adults_of(items)
    wanted = [one for one in items if (one.number in chosen if chosen is not None else one.status not in CLOSED)]
    lines, refused = _judged(wanted, now, claim)
    if chosen is None:
        lines, staying = _without_staying(lines, adults)
        refused += staying
    if refused and (chosen is not None or not lines):
        raise refused[0].error
    if not lines:
        raise _nothing(items)
    numbers = {line.item.number for line in lines}
    lines += [
        _along(one, lines[0])
        for one in items
        if one.status == "active" and one.number not in numbers and adults.get(one.number) in numbers
    ]
    lines.sort(key=lambda line: (line.item.position, line.item.number))
    numbers = {line.item.number for line in lines}
    ends = not any(one.status in _STANDING and one.number not in numbers for one in items)
    at_fault = all(line.fault is not None and line.item.terms.fault_returns_booking_fee for line in lines)
    fee_back = booking_fee if ends and at_fault else 0
    windows = _windows(lines)
    amount = sum(line.refund for line in lines) + fee_back
    return Quote(
        lines=tuple(lines),
        refused=tuple(refused),
        parts=refund_ways.allocate(amount, payments, windows, now, method),
        methods=refund_ways.methods(payments, windows, now),
        booking_fee=booking_fee,
        booking_fee_back=fee_back,
        ends_booking=ends,
        claim_until=now + timedelta(days=min(line.item.terms.unclaimed_days for line in lines)),
        pay_out_by=now + timedelta(days=min(line.item.terms.payout_days for line in lines)),
    )


def _judged(wanted: Sequence[Item], now: datetime, claim: Fault | None) -> tuple[list[Line], list[Refusal]]:
    lines: list[Line] = []
    refused: list[Refusal] = []
    for one in _ordered(wanted):
        try:
            lines.append(judge(one, now, claim))
        except Refused as error:
            refused.append(Refusal(one.number, error))
    return lines, refused


def _without_staying(lines: Sequence[Line], adults: Mapping[str, str]) -> tuple[list[Line], list[Refusal]]:
    """The lines without infants whose adult travels on."""
    numbers = {line.item.number for line in lines}
    staying = [line for line in lines if adults.get(line.item.number, line.item.number) not in numbers]
    refused = [
        Refusal(
            line.item.number,
            StateConflict(
                f"{line.item.passenger} stays with its adult.",
                code="infant_stays",
                hint="Name its ticket to cancel it.",
            ),
        )
        for line in staying
    ]
    return [line for line in lines if line not in staying], refused


def _along(infant: Item, first: Line) -> Line:
    return Line(infant, 0, infant.paid, first.fault, first.until, "goes with its adult", along=True)


def _windows(lines: Sequence[Line]) -> Windows:
    """The narrowest terms of all tickets; cash where each of them allows it, or is the operator's fault."""
    return Windows(
        qris_days=min(line.item.terms.qris_days for line in lines),
        card_days=min(line.item.terms.card_days for line in lines),
        cash=all(line.item.terms.cash_allowed or line.fault is not None for line in lines),
    )


def _nothing(items: Sequence[Item]) -> StateConflict:
    if items and all(one.status == "cancelled" for one in items):
        return StateConflict(
            "All tickets of this booking are cancelled already.",
            code="ticket_cancelled",
            hint="Look at its refunds: counter show.",
        )
    return StateConflict("Nothing of this booking is left to cancel.", code="nothing_to_cancel", hint="Look at it.")
