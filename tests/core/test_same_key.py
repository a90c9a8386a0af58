"""The same key is the same sale: repeated, at the same moment, from several processes, and after a kill."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Barrier
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from core import pending, sale
from core.booking import HoldRequest
from core.errors import CounterError, KeyReused, Refused
from core.payments import Tender
from core.pending import Hold
from core.sale import Sale

if TYPE_CHECKING:
    from tests.core.conftest import Desk, Seller


def sell(
    desk: Desk, key: UUID, *, request: HoldRequest | None = None, first: int = 1, tender: int | None = None
) -> Sale:
    """A whole sale of one seat under this key."""
    return sale.sell(
        desk.office, desk.clerk, request or desk.request(), desk.people(first=first), Tender("cash", tender), key=key
    )


def at_once(number: int, work: Callable[[int], object]) -> list[object]:
    """The results (or errors) of so many threads that start together."""
    barrier = Barrier(number)

    def run(index: int) -> object:
        barrier.wait()
        try:
            return work(index)
        except CounterError as error:
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


# Repeated


def test_a_repeated_sale_is_the_first_one(desk: Desk) -> None:
    key = uuid7()
    first = sell(desk, key)
    assert sell(desk, key) == first
    assert (desk.count("bookings"), desk.count("tickets"), desk.count("payments")) == (1, 1, 1)
    desk.require_sound()


def test_a_repeated_confirmation_is_the_first_one(desk: Desk) -> None:
    key, held = uuid7(), desk.hold(2)
    first = desk.confirm(held, key=key)
    assert desk.confirm(held, key=key) == first
    with pytest.raises(KeyReused):
        desk.confirm(held, first=3, key=key)
    with pytest.raises(KeyReused):
        desk.confirm(desk.hold(2), key=key)
    assert desk.count("tickets") == 2


@pytest.mark.parametrize("changed", ["tender", "passenger", "seat", "stretch"])
def test_a_key_with_other_arguments_is_an_error(desk: Desk, changed: str) -> None:
    key = uuid7()
    first = sell(desk, key)
    other: dict[str, dict[str, Any]] = {
        "tender": {"tender": 1_000_000},
        "passenger": {"first": 2},
        "seat": {"request": desk.request(labels=("EKS 5/9A",))},
        "stretch": {"request": desk.request(destination="CN")},
    }
    with pytest.raises(KeyReused):
        sell(desk, key, **other[changed])
    assert sell(desk, key) == first
    assert (desk.count("bookings"), desk.taken()) == (1, 1)


def test_a_sale_that_was_cancelled_since_is_not_made_again(desk: Desk) -> None:
    key = uuid7()
    first = sell(desk, key)
    desk.owner("UPDATE tickets SET ticket_status = 'cancelled'")
    desk.open_modifications()
    desk.owner("UPDATE bookings SET status = 'cancelled'")
    again = sell(desk, key)
    assert (again.booking_id, again.status) == (first.booking_id, "cancelled")
    assert desk.count("bookings") == 1


def test_two_operators_of_a_key_are_none_of_each_others_business(desk: Desk) -> None:
    """A key is unique within an operator only."""
    key = uuid7()
    desk.owner("INSERT INTO operators (id, operator_code, operator_name, issuer_code) VALUES (2, 'B', 'Other', 'BBB')")
    desk.owner(
        "INSERT INTO idempotency (operator_id, key, purpose, fingerprint, result_id) VALUES (2, :key, 'sale', '', 'x')",
        key=key,
    )
    assert sell(desk, key).status == "confirmed"


# Refused


def test_a_refused_sale_gives_its_seat_back_and_its_key_may_try_again(desk: Desk) -> None:
    key = uuid7()
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            sell(desk, key, tender=1)
        assert caught.value.reason == "tendered_too_little"
    assert (desk.taken(), desk.count("tickets")) == (0, 0)
    done = sell(desk, key, tender=500_000)
    assert (done.change, desk.taken()) == (500_000 - done.paid, 1)
    assert sell(desk, key, tender=500_000).booking_id == done.booking_id
    desk.require_sound()


def test_another_sale_under_a_key_in_use_does_not_end_the_first(desk: Desk) -> None:
    """The first has its seats and is about to pay; a mistaken second one is refused and takes nothing from it."""
    key = uuid7()
    confirm = sale.confirm
    meanwhile: list[object] = []

    def interrupted(*arguments: Any, **options: Any) -> Sale:
        sale.confirm = confirm
        for mistake in ({"first": 2}, {"tender": 1}):
            try:
                meanwhile.append(sell(desk, key, **mistake))
            except CounterError as error:
                meanwhile.append(error)
        return confirm(*arguments, **options)

    sale.confirm = interrupted
    try:
        done = sell(desk, key)
    finally:
        sale.confirm = confirm
    assert [type(result) for result in meanwhile] == [KeyReused, KeyReused]
    assert done.status == "confirmed"
    assert desk.count("bookings") == 1


# At the same moment


def test_the_same_sale_from_eight_threads_is_one(desk: Desk) -> None:
    key, request = uuid7(), desk.request()
    results = at_once(8, lambda _: sell(desk, key, request=request))
    assert {result.booking_id if isinstance(result, Sale) else result for result in results} == {results[0].booking_id}
    assert (desk.count("bookings"), desk.count("payments"), desk.taken()) == (1, 1, 1)
    desk.require_sound()


def test_the_same_confirmation_from_eight_threads_is_one(desk: Desk) -> None:
    key, held = uuid7(), desk.hold(4)
    results = at_once(8, lambda _: desk.confirm(held, key=key))
    assert all(result == results[0] for result in results)
    assert (desk.count("payments"), desk.count("tickets")) == (1, 4)
    desk.require_sound()


def test_a_hold_confirmed_under_eight_keys_is_confirmed_once(desk: Desk) -> None:
    held = desk.hold(1)
    results = at_once(8, lambda _: desk.confirm(held))
    assert sum(isinstance(result, Sale) for result in results) == 1
    assert {result.reason for result in results if isinstance(result, CounterError)} == {"state_conflict"}
    assert (desk.count("payments"), desk.count("tickets")) == (1, 1)
    desk.require_sound()


def test_an_identity_at_eight_counters_gets_one_subsidised_ticket(desk: Desk) -> None:
    request = desk.request(train="281", class_code="EKO", origin="ML", destination="PSE")
    results = at_once(8, lambda _: sell(desk, uuid7(), request=request))
    assert sum(isinstance(result, Sale) for result in results) == 1
    assert {result.reason for result in results if isinstance(result, CounterError)} == {"one_ticket_per_identity"}
    assert desk.taken() == 1
    desk.require_sound()


def test_payment_against_giving_up(desk: Desk) -> None:
    """Whoever is first wins, and the other hears of it: never a paid booking without seats."""

    def pay(held: Hold) -> object:
        return desk.confirm(held)

    def give_up(held: Hold) -> None:
        pending.give_up(desk.office, desk.clerk, held.booking_id)

    for _ in range(8):
        results = at_once(2, partial(lambda held, index: (pay, give_up)[index](held), desk.hold(1)))
        assert sum(isinstance(result, CounterError) for result in results) == 1
    desk.require_sound()


# Processes


def task(desk: Desk, key: UUID, **extra: object) -> dict[str, Any]:
    request = desk.request()
    wish = {"schedule_id": request.schedule_id, "class_code": "EKS", "origin": "YK", "destination": "GMR", "seats": 1}
    people = [(one.name, one.identity) for one in desk.people()]
    return {"key": str(key), "request": wish, "people": people, **extra}


def test_the_same_sale_from_two_processes_is_one(desk: Desk, sellers: Callable[[int], list[Seller]]) -> None:
    two = sellers(2)
    keys = [uuid7() for _ in range(5)]
    for key in keys:
        for seller in two:
            seller.order(task(desk, key))
    for key in keys:
        answers = [seller.answer() for seller in two]
        assert answers[0] == answers[1]
        assert answers[0]["key"] == str(key)
    assert (desk.count("bookings"), desk.count("payments"), desk.taken()) == (5, 5, 5)
    desk.require_sound()


@pytest.mark.parametrize(("die", "left"), [("held", "pending"), ("sold", "confirmed")])
def test_a_key_whose_process_was_killed(
    desk: Desk, sellers: Callable[[int], list[Seller]], die: str, left: str
) -> None:
    (victim,) = sellers(1)
    key = uuid7()
    victim.order(task(desk, key, die=die))
    assert victim.answer() is None
    rows = desk.owner("SELECT id, status FROM bookings")
    assert [row.status for row in rows] == [left]
    with pytest.raises(KeyReused):
        sell(desk, key, first=2)
    done = sell(desk, key)
    assert (done.booking_id, done.status) == (rows[0].id, "confirmed")
    assert desk.count("payments") == 1
    desk.require_sound()


def test_a_key_whose_hold_expired_after_the_kill(desk: Desk, sellers: Callable[[int], list[Seller]]) -> None:
    (victim,) = sellers(1)
    key = uuid7()
    victim.order(task(desk, key, die="held"))
    assert victim.answer() is None
    desk.expire()
    done = sell(desk, key)
    assert sorted(row.status for row in desk.owner("SELECT status FROM bookings")) == ["confirmed", "expired"]
    assert sell(desk, key) == done
    assert desk.taken() == 1
    desk.require_sound()


def test_an_infant_does_not_change_what_a_key_means(desk: Desk) -> None:
    """The arguments are compared as they were given: an added passenger is another sale."""
    key, request = uuid7(), desk.request(1, infants=1)
    baby = desk.people(0, infants=1)
    sale.sell(desk.office, desk.clerk, request, [*desk.people(), *baby], Tender("cash"), key=key)
    with pytest.raises(KeyReused):
        sale.sell(
            desk.office, desk.clerk, request, [*desk.people(), replace(baby[0], name="Other")],
            Tender("cash"), key=key,
        )  # fmt: skip
