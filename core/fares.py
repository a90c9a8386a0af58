"""What a seat costs: the pure decision, without a database.

What belongs here: the fare of a seat on a stretch of its route, and which fare subclass (bucket) a party is offered.
Rates, steps and minimums are policies and come in as arguments. Amounts are whole minor units of the currency.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import Refused
from core.money import round_up

_WHOLE_PERMILLE = 1000


@dataclass(frozen=True, slots=True)
class Bucket:
    """A fare subclass of a class: a share of its base price for so many seats of a departure.

    ``price_permille`` is the share (1000 is all of it); ``quota`` counts seats, None means all that are left.
    """

    subclass: str
    price_permille: int
    quota: int | None


def seat_fare(base_price: int, price_permille: int, km: int, route_km: int, rounding: int, *, minimum: int = 0) -> int:
    """The fare of one seat: base price x bucket x distance share, rounded up to ``rounding``, at least ``minimum``.

    ``base_price`` is for the whole route of ``route_km``; ``km`` is the stretch that is travelled. The minimum is
    rounded up like a fare, so every fare is a multiple of ``rounding``. The share by distance is the reference
    railway's demonstration tariff; rounding up to Rp 1,000 is how KAI rounds its own fees.

    Raises ValueError for a stretch that is empty or longer than the route.
    """
    if not 0 < km <= route_km:
        raise ValueError(f"{km} km are no stretch of a route of {route_km} km")
    # One division at the end: a fare rounded twice could come out a whole step too dear.
    exact = -(-base_price * price_permille * km // (_WHOLE_PERMILLE * route_km))
    return round_up(max(exact, minimum), rounding)


def open_bucket(buckets: Iterable[Bucket], sold: int, party: int) -> Bucket:
    """The cheapest bucket that can still take a whole party, all of which pays the same fare.

    ``sold`` counts the seats of the class already taken on any stretch of the departure; they have used up the
    buckets cheapest first. A quota steers the price and is no promise: counters that decide in the same instant may
    each sell the last seats of a bucket, rather than wait for one another. When every quota is used up the dearest
    bucket stays open: whether there is a seat is not the tariff's business.

    Raises:
        Refused: the class has no bucket at all (code ``no_fare``).
    """
    ascending = sorted(buckets, key=lambda bucket: (bucket.price_permille, bucket.subclass))
    if not ascending:
        raise Refused(
            "This class has no fare.", code="no_fare", hint="Enter its fare subclasses before it can be sold."
        )
    used = sold
    for bucket in ascending:
        if bucket.quota is None or bucket.quota - used >= party:
            return bucket
        used = max(0, used - bucket.quota)
    return ascending[-1]
