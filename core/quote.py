"""What a held booking will cost before it is paid: reductions and promotions as they stand now, and why one does not.

Nothing is locked, written or used. The party may be half typed: whoever cannot be told yet pays the full fare. What is
charged in the end is worked out again by ``core.checkout``, under lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core import entitlements, policy, promotions
from core.database import Actor, Transaction
from core.entitlements import Entitlement, EntitlementRefused, Journeying, Reduction
from core.errors import Refused
from core.identity import PassengerType, parse_identity
from core.office import Office
from core.party import journeying
from core.passengers import PassengerInput
from core.pending import Hold
from core.permissions import require
from core.policy import PROMOTIONS_PER_BOOKING
from core.promotions import PromotionRefused, Use


@dataclass(frozen=True, slots=True)
class Reduced:
    """A passenger's reduction: of which kind, and how much it takes off the fare, minor units."""

    kind: str
    discount: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A price before it is paid, minor units. Passengers are numbered from 0, as they were named.

    Attributes:
        fares: the full fares.
        reductions: by passenger.
        uses: promotions that apply, in the order they were named.
        refused_reductions: why somebody's is not given, by passenger.
        refused_promotions: why one does not apply, by code.
    """

    fares: int
    fee: int
    reductions: Mapping[int, Reduced] = field(default_factory=dict)
    uses: tuple[Use, ...] = ()
    refused_reductions: Mapping[int, EntitlementRefused] = field(default_factory=dict)
    refused_promotions: Mapping[str, PromotionRefused] = field(default_factory=dict)

    @property
    def discount(self) -> int:
        """Everything that is taken off."""
        return sum(one.discount for one in self.reductions.values()) + sum(use.discount for use in self.uses)

    @property
    def due(self) -> int:
        """What is to be paid."""
        return self.fares + self.fee - self.discount


def quote(
    office: Office, actor: Actor, held: Hold, entered: Sequence[PassengerInput], codes: Sequence[str] = ()
) -> Quote:
    """The price of a hold for a party as far as it is typed, with promotions.

    Raises:
        UsageError: something that is no promotion code.
    """
    require(actor, "sell")
    digests = [_digest(office, one) for one in entered]

    def look(tx: Transaction) -> Quote:
        asked = policy.ask(tx)
        wanted = promotions.ask(tx, codes)
        registered = entitlements.ask(tx, {digest for digest in digests if digest})
        policies = asked.read()
        journey = journeying(held, policies)
        reductions, refused = _reductions(held, entered, digests, registered.read(), journey)
        fares = held.seat_fare * len(held.seats)
        left = fares - sum(one.discount for one in reductions.values())
        place = {"station_id": held.journey.origin.id, "train_id": held.journey.train.id}
        most = policies.get(PROMOTIONS_PER_BOOKING, **place)
        uses, not_used = wanted.preview(left, most, tx.now) if wanted is not None else ((), {})
        return Quote(fares, held.booking_fee, reductions, uses, refused, not_used)

    return office.database.transaction(look, actor=actor)


def _digest(office: Office, one: PassengerInput) -> bytes | None:
    """Of the identity of somebody who asks for a reduction, as far as it is typed."""
    if one.claim is None or one.type is PassengerType.INFANT:
        return None
    try:
        return office.keys.digest(parse_identity(one.identity).number)
    except Refused:
        return None


def _reductions(
    held: Hold,
    entered: Sequence[PassengerInput],
    digests: Sequence[bytes | None],
    registered: Mapping[bytes, list[Entitlement]],
    journey: Journeying,
) -> tuple[dict[int, Reduced], dict[int, EntitlementRefused]]:
    given: dict[int, Reduced] = {}
    refused: dict[int, EntitlementRefused] = {}
    used: list[Reduction] = []
    for place, (one, digest) in enumerate(zip(entered, digests, strict=True)):
        if one.claim is None or digest is None:
            continue
        try:
            reduction = entitlements.judge(one.claim, registered.get(digest, []), journey)
            entitlements.require_used_once([*used, reduction])
        except EntitlementRefused as refusal:
            refused[place] = refusal
        else:
            used.append(reduction)
            given[place] = Reduced(one.claim, held.seat_fare - journey.fare(one.claim, held.seat_fare))
    return given, refused
