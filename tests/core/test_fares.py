"""Fares: distance share, rounding, minimum, and which bucket is open."""

import math
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refused
from core.fares import Bucket, open_bucket, seat_fare

STEP = 1000
prices = st.integers(1, 5_000_000)
shares = st.integers(1, 2000)
kilometres = st.integers(1, 2000)
buckets = st.lists(
    st.builds(
        Bucket, st.sampled_from(["AA", "A", "H", "I", "J", "CA", "C", "Q"]), shares, st.integers(1, 100) | st.none()
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize(
    ("km", "permille", "fare"),
    [(512, 1000, 450_000), (512, 865, 390_000), (198, 1000, 175_000), (1, 1000, 1_000)],
)
def test_taksaka_at_450_000(km: int, permille: int, fare: int) -> None:
    assert seat_fare(450_000, permille, km, 512, STEP) == fare


@given(prices, shares, kilometres, kilometres, st.sampled_from([1, 50, 100, 1000, 5000]))
def test_fare_is_the_next_step_above_the_exact_share(
    price: int, permille: int, one: int, other: int, step: int
) -> None:
    km, route_km = sorted((one, other))
    exact = Fraction(price * permille * km, 1000 * route_km)
    fare = seat_fare(price, permille, km, route_km, step)
    assert fare == math.ceil(exact / step) * step
    assert fare % step == 0


@given(prices, shares, st.lists(kilometres, min_size=3, max_size=3))
def test_further_is_never_cheaper(price: int, permille: int, distances: list[int]) -> None:
    shorter, longer, route_km = sorted(distances)
    assert seat_fare(price, permille, shorter, route_km, STEP) <= seat_fare(price, permille, longer, route_km, STEP)


@given(prices, kilometres)
def test_whole_route_costs_the_base_price_rounded_up(price: int, route_km: int) -> None:
    assert seat_fare(price, 1000, route_km, route_km, STEP) == math.ceil(price / STEP) * STEP


@given(prices, shares, kilometres, st.integers(0, 100_000))
def test_minimum_lifts_short_journeys_only(price: int, permille: int, km: int, minimum: int) -> None:
    plain = seat_fare(price, permille, km, 2000, STEP)
    lifted = seat_fare(price, permille, km, 2000, STEP, minimum=minimum)
    assert lifted == max(plain, math.ceil(minimum / STEP) * STEP)


@pytest.mark.parametrize("km", [0, -5, 513])
def test_no_fare_for_an_impossible_stretch(km: int) -> None:
    with pytest.raises(ValueError, match="no stretch"):
        seat_fare(450_000, 1000, km, 512, STEP)


FULL, MIDDLE, PROMOTION = Bucket("A", 1000, None), Bucket("H", 930, 60), Bucket("J", 865, 40)
EXECUTIVE = (FULL, MIDDLE, PROMOTION)


@pytest.mark.parametrize(
    ("sold", "party", "expected"),
    [
        (0, 4, PROMOTION),
        (36, 4, PROMOTION),
        (37, 4, MIDDLE),
        (39, 1, PROMOTION),
        (40, 1, MIDDLE),
        (96, 4, MIDDLE),
        (97, 4, FULL),
        (249, 1, FULL),
        (10_000, 4, FULL),
    ],
)
def test_buckets_are_used_up_cheapest_first(sold: int, party: int, expected: Bucket) -> None:
    assert open_bucket(EXECUTIVE, sold, party) == expected


def test_dearest_bucket_stays_open_when_every_quota_is_used_up() -> None:
    assert open_bucket([Bucket("Q", 800, 2), Bucket("C", 900, 2)], sold=4, party=1).subclass == "C"


def test_class_without_buckets_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        open_bucket([], sold=0, party=1)
    assert caught.value.reason == "no_fare"


@given(buckets, st.integers(0, 300), st.integers(1, 4))
def test_selling_on_never_makes_the_next_seat_cheaper(offered: list[Bucket], sold: int, party: int) -> None:
    now = open_bucket(offered, sold, party)
    later = open_bucket(offered, sold + party, party)
    assert later.price_permille >= now.price_permille


@given(buckets, st.integers(0, 300), st.integers(1, 4), st.randoms())
def test_order_of_entry_does_not_matter(offered: list[Bucket], sold: int, party: int, rng: random.Random) -> None:
    shuffled = list(offered)
    rng.shuffle(shuffled)
    assert open_bucket(shuffled, sold, party).price_permille == open_bucket(offered, sold, party).price_permille
