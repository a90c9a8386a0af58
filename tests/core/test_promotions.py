"""Promotions: what each takes off, who is refused, and that each is used no more often than it may be."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import checkout, policy, promotion_register, promotions, sale, shifts, terminals
from core import pending as pendings
from core.database import Actor
from core.errors import CounterError, NotFound, NotPermitted, Refused, StateConflict, UsageError
from core.payments import Tender
from core.promotion_register import Changes, Terms
from core.promotions import Promotion, PromotionRefused, discount
from core.quote import quote
from tests.conftest import sign_in

if TYPE_CHECKING:
    from tests.core.conftest import Desk

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
OPEN = Promotion(
    1, "LEBARAN", "Lebaran", "percentage", 10, 0, None, NOW - timedelta(days=1), NOW + timedelta(days=1), None, 0, True
)


def code_of(work: Callable[[], object], error: type[CounterError] = PromotionRefused) -> str:
    with pytest.raises(error) as caught:
        work()
    return caught.value.reason


# The rule alone

promotions_made = st.builds(
    Promotion,
    id=st.just(1),
    code=st.just("X"),
    name=st.just("X"),
    kind=st.just("percentage"),
    value=st.integers(1, 100),
    minimum_amount=st.integers(0, 2_000_000),
    maximum_discount=st.none() | st.integers(1, 500_000),
    valid_from=st.just(NOW) | st.datetimes(timezones=st.just(UTC)),
    valid_to=st.just(NOW) | st.datetimes(timezones=st.just(UTC)),
    usage_limit=st.none() | st.integers(0, 5),
    used_count=st.integers(0, 5),
    is_active=st.booleans(),
) | st.builds(
    Promotion,
    id=st.just(1),
    code=st.just("X"),
    name=st.just("X"),
    kind=st.just("fixed_amount"),
    value=st.integers(1, 2_000_000),
    minimum_amount=st.integers(0, 2_000_000),
    maximum_discount=st.none() | st.integers(1, 500_000),
    valid_from=st.just(NOW - timedelta(days=1)),
    valid_to=st.just(NOW + timedelta(days=1)),
    usage_limit=st.just(None),
    used_count=st.integers(0, 5),
    is_active=st.just(True),
)


@given(promotions_made, st.integers(0, 4_000_000))
def test_it_applies_just_where_nothing_stands_against_it(promotion: Promotion, amount: int) -> None:
    """Against the rule said the other way round."""
    applies = (
        promotion.is_active
        and promotion.valid_from <= NOW < promotion.valid_to
        and (promotion.usage_limit is None or promotion.usage_limit > promotion.used_count)
        and amount >= promotion.minimum_amount
    )
    if not applies:
        with pytest.raises(PromotionRefused):
            discount(promotion, amount, NOW)
        return
    off = discount(promotion, amount, NOW)
    assert 0 <= off <= amount
    assert off <= (promotion.maximum_discount or off)
    exact = promotion.value * amount / 100 if promotion.kind == "percentage" else promotion.value
    capped = min(exact, amount, promotion.maximum_discount or amount)
    assert capped - 1 < off <= capped


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"is_active": False}, "promotion_inactive"),
        ({"valid_from": NOW + timedelta(seconds=1)}, "promotion_not_yet"),
        ({"valid_to": NOW}, "promotion_over"),
        ({"usage_limit": 3, "used_count": 3}, "promotion_used_up"),
        ({"minimum_amount": 100_001}, "promotion_below_minimum"),
    ],
)
def test_every_refusal_has_its_code(change: dict[str, Any], code: str) -> None:
    assert code_of(lambda: discount(replace(OPEN, **change), 100_000, NOW)) == code


@pytest.mark.parametrize(
    ("promotion", "off"),
    [
        (OPEN, 10_000),
        (replace(OPEN, value=33), 33_002),
        (replace(OPEN, maximum_discount=4_000), 4_000),
        (replace(OPEN, kind="fixed_amount", value=25_000), 25_000),
        (replace(OPEN, kind="fixed_amount", value=250_000), 100_009),
    ],
)
def test_what_it_takes_off(promotion: Promotion, off: int) -> None:
    assert discount(promotion, 100_009, NOW) == off


def test_codes_are_typed_in_any_case_and_once() -> None:
    assert promotions.normalised([" lebaran ", "X", "LEBARAN"]) == ("LEBARAN", "X")
    assert code_of(lambda: promotions.normalised([" "]), UsageError) == "promotion_invalid"


# A sale with promotions


@pytest.fixture
def supervisor(desk: Desk) -> Actor:
    return sign_in(desk.office, "3001", "OFFICE-1")


@pytest.fixture
def make(desk: Desk, supervisor: Actor) -> Callable[..., Promotion]:
    """Enters a promotion that is valid now, by default 10 % off."""

    def enter(code: str = "LEBARAN", kind: str = "percentage", value: int = 10, **terms: Any) -> Promotion:
        now = datetime.now(UTC)
        wanted = {"valid_from": now - timedelta(days=1), "valid_to": now + timedelta(days=9), **terms}
        return promotion_register.create(desk.office, supervisor, Terms(code, code, kind, value, **wanted))

    return enter


def sell(desk: Desk, *codes: str, seats: int = 2, first: int = 1, **options: Any) -> sale.Sale:
    people = desk.people(seats, first=first)
    return sale.sell(
        desk.office, desk.clerk, desk.request(seats), people, Tender("cash"),
        **{"key": uuid4(), "promotions": codes, **options},
    )  # fmt: skip


def test_a_promotion_is_a_line_of_the_bill_and_a_use(desk: Desk, make: Callable[..., Promotion]) -> None:
    promotion = make(maximum_discount=60_000)
    sold = sell(desk, "lebaran")
    assert (sold.total_amount, sold.discount_amount, sold.final_amount) == (907_500, 60_000, 847_500)
    assert (sold.paid, [ticket.fare for ticket in sold.tickets]) == (847_500, [450_000, 450_000])
    line = desk.owner("SELECT * FROM booking_charges WHERE charge_kind = 'discount'")[0]
    assert (line.amount, line.cause, line.passenger_id) == (-60_000, "LEBARAN", None)
    use = desk.owner("SELECT * FROM booking_promotions")[0]
    assert (use.promotion_id, use.discount_applied, use.released_at) == (promotion.id, 60_000, None)
    assert used(desk) == 1
    assert sale.find(desk.office, sold.booking_id).discount_amount == 60_000
    desk.require_sound()


def used(desk: Desk, code: str = "LEBARAN") -> int:
    return int(desk.value("SELECT used_count FROM promotions WHERE promotion_code = :code", code=code))


def test_several_by_policy_each_from_what_is_left(desk: Desk, make: Callable[..., Promotion]) -> None:
    make()
    make("SUM", "fixed_amount", 100_000)
    assert code_of(lambda: sell(desk, "SUM", "LEBARAN")) == "too_many_promotions"
    desk.decide(policy.PROMOTIONS_PER_BOOKING, 2)
    assert sell(desk, "SUM", "LEBARAN").discount_amount == 100_000 + 80_000
    assert sell(desk, "LEBARAN", "SUM", first=5).discount_amount == 90_000 + 100_000
    assert (used(desk), used(desk, "SUM")) == (2, 2)
    desk.require_sound()


@pytest.mark.parametrize(
    ("code", "reason"),
    [("NOSUCH", "unknown_promotion"), ("OFF", "promotion_inactive"), ("RICH", "promotion_below_minimum")],
)
def test_a_refused_promotion_sells_nothing(
    desk: Desk, make: Callable[..., Promotion], supervisor: Actor, code: str, reason: str
) -> None:
    make("OFF")
    promotion_register.switch_off(desk.office, supervisor, "off")
    make("RICH", minimum_amount=900_001)
    assert code_of(lambda: sell(desk, code)) == reason
    assert (desk.taken(), desk.count("payments"), desk.count("booking_promotions")) == (0, 0, 0)


def test_the_same_key_uses_it_once(desk: Desk, make: Callable[..., Promotion]) -> None:
    make()
    key = uuid4()
    assert sell(desk, "LEBARAN", key=key) == sell(desk, "LEBARAN", key=key)
    assert used(desk) == 1
    assert code_of(lambda: sell(desk, key=key), Refused) == "key_reused"


def test_a_promotion_may_make_it_free(desk: Desk, make: Callable[..., Promotion]) -> None:
    desk.decide(policy.BOOKING_FEE, 0)
    make("FREE", value=100)
    sold = sell(desk, "FREE", seats=1)
    assert (sold.final_amount, sold.paid, sold.change) == (0, 0, 0)
    desk.require_sound()


def test_a_use_comes_back_when_the_sale_comes_to_nothing(desk: Desk, make: Callable[..., Promotion]) -> None:
    make(usage_limit=1)
    held = desk.hold(1)

    def fix(tx: Any) -> None:
        wanted = checkout.ask(tx, desk.office, held.booking_id, None, ["LEBARAN"])
        done = checkout.work_out(tx, desk.office, wanted.held(desk.office.network()), wanted, desk.people())
        checkout.fix(tx, desk.office, done)

    desk.office.database.transaction(fix, actor=desk.clerk)
    assert used(desk) == 1
    assert code_of(lambda: sell(desk, "LEBARAN", seats=1, first=9)) == "promotion_used_up"
    pendings.give_up(desk.office, desk.clerk, held.booking_id)
    assert used(desk) == 0
    desk.require_sound()
    assert sell(desk, "LEBARAN", seats=1, first=9).discount_amount == 45_000
    desk.require_sound()


def test_32_clerks_fight_for_the_last_10_uses(
    desk: Desk, make: Callable[..., Promotion], open_office: Callable[..., Any]
) -> None:
    make(usage_limit=10)
    office, barrier = open_office(pool_size=32), Barrier(32)

    def fight(number: int) -> str:
        here = terminals.register(office, f"FIGHT-{number}", station="YK")
        actor = replace(desk.clerk, terminal_id=here.id)
        shifts.open_for_scripts(office, actor)
        people = desk.people(1, first=number)
        barrier.wait()
        try:
            sold = sale.sell(
                office, actor, desk.request(1), people, Tender("cash"), key=uuid4(), promotions=("LEBARAN",)
            )
        except PromotionRefused as refusal:
            return refusal.reason
        return f"{sold.discount_amount}"

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(fight, range(1, 33)))
    assert sorted(answers) == ["45000"] * 10 + ["promotion_used_up"] * 22
    assert (used(desk), desk.count("booking_promotions"), desk.count("tickets")) == (10, 10, 10)
    assert desk.taken() == 10, "the seats of the others were given back"
    desk.require_sound()


# Before paying


def test_a_quote_says_what_a_code_takes_off_or_why_not(desk: Desk, make: Callable[..., Promotion]) -> None:
    make()
    make("RICH", minimum_amount=900_001)
    held = desk.hold(2)
    shown = quote(desk.office, desk.clerk, held, [], ["rich", "lebaran", "nosuch"])
    assert [(use.code, use.discount) for use in shown.uses] == [("LEBARAN", 90_000)]
    assert {code: why.reason for code, why in shown.refused_promotions.items()} == {
        "RICH": "promotion_below_minimum", "NOSUCH": "unknown_promotion",
    }  # fmt: skip
    assert (shown.discount, shown.due) == (90_000, 817_500)
    assert used(desk) == 0
    done = sale.confirm(
        desk.office, desk.clerk, held.booking_id, desk.people(2), Tender("cash"), key=uuid4(), promotions=["LEBARAN"]
    )
    assert done.final_amount == shown.due


# Looking after them


def test_changes_are_kept_and_on_record(desk: Desk, make: Callable[..., Promotion], supervisor: Actor) -> None:
    made = make(usage_limit=5)
    changes: Changes = {"usage_limit": None, "maximum_discount": 7_000, "name": "  Idul  Fitri "}
    changed = promotion_register.change(desk.office, supervisor, "lebaran", changes)
    assert changed == replace(made, usage_limit=None, maximum_discount=7_000, name="Idul Fitri")
    found = {one.code: one for one in promotion_register.listed(desk.office, desk.clerk)}
    assert found["LEBARAN"] == changed
    assert set(found) == {"LEBARAN", "DEMO10", "DEMO50K", "DEMOLAST"}
    trail = desk.owner("SELECT * FROM audit_logs WHERE entity_type = 'promotions' ORDER BY id")
    assert [row.action for row in trail] == ["create", "update"]
    assert trail[1].old_values["usage_limit"] == 5
    assert trail[1].new_values["promotion_name"] == "Idul Fitri"


def test_who_may_and_what_cannot_be(desk: Desk, make: Callable[..., Promotion], supervisor: Actor) -> None:
    make(usage_limit=5)
    sell(desk, "LEBARAN")

    def change(**changes: Any) -> Callable[[], object]:
        return lambda: promotion_register.change(desk.office, supervisor, "LEBARAN", Changes(**changes))

    assert code_of(lambda: make("lebaran"), StateConflict) == "promotion_exists"
    assert code_of(change(usage_limit=0), Refused) == "usage_limit_too_low"
    for wrong in ({"minimum_amount": -1}, {"maximum_discount": 0}, {"valid_to": NOW - timedelta(days=9999)},
                  {"name": " "}, {"name": "x\x1b[2J"}, {"usage_limit": 2**31}):  # fmt: skip
        assert code_of(change(**wrong), UsageError) == "promotion_invalid"
    for kind, value in (("percentage", 101), ("percentage", 0), ("gift", 5), ("fixed_amount", -5)):
        assert code_of(lambda kind=kind, value=value: make("NEW", kind, value), UsageError) == "promotion_invalid"
    assert code_of(lambda: promotion_register.switch_off(desk.office, supervisor, "NEW"), NotFound)
    with pytest.raises(NotPermitted):
        promotion_register.switch_off(desk.office, desk.clerk, "LEBARAN")
    assert promotion_register.switch_off(desk.office, supervisor, "LEBARAN").is_active is False


def test_verify_finds_a_miscount(desk: Desk, make: Callable[..., Promotion]) -> None:
    make()
    sell(desk, "LEBARAN")
    desk.owner("UPDATE promotions SET used_count = 3 WHERE promotion_code = 'LEBARAN'")
    with pytest.raises(AssertionError, match="promotion LEBARAN: 3 uses counted, 1 stand"):
        desk.require_sound()
