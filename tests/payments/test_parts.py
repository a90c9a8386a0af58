"""Paying in parts: what is owed, who wins a race, and where the money goes when the sale comes to nothing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from core import holds, pending, policy, sale, shifts
from core.errors import CounterError, KeyReused, Refused, StateConflict, UsageError
from core.ops import integrity
from core.payments import Tender, card, parts, questions
from core.payments.parts import Taken
from core.payments.standing import read_standing
from core.pending import Hold
from tests.payments.conftest import actor_of

if TYPE_CHECKING:
    from tests.core.conftest import Desk

CASH = Tender("cash")
CARD = Tender("debit_card", reference="A1B2C3", card_last_four="4242", edc_terminal="12345678", edc_batch="000017")


def refused(error: type[CounterError], code: str, work: Callable[[], object]) -> CounterError:
    with pytest.raises(error) as caught:
        work()
    assert caught.value.reason == code
    return caught.value


def take(desk: Desk, held: Hold, tender: Tender, amount: int | None, key: UUID | None = None) -> Taken:
    return parts.take(
        desk.office, desk.clerk, held.booking_id, desk.people(len(held.seats)), tender, amount, key=key or uuid7()
    )


def at_once(number: int, work: Callable[[int], object]) -> list[object]:
    barrier = Barrier(number)

    def run(index: int) -> object:
        barrier.wait()
        try:
            return work(index)
        except CounterError as error:
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def money(desk: Desk, held: Hold) -> tuple[int, int, int]:
    """Paid, paid back, charged."""
    row = desk.owner(
        "SELECT (SELECT coalesce(sum(amount), 0) FROM payments WHERE booking_id = :id AND payment_status IN"
        " ('completed', 'refunded')), (SELECT coalesce(sum(refund_amount), 0) FROM refunds r JOIN payments p"
        " ON p.id = r.payment_id WHERE p.booking_id = :id AND refund_status = 'completed'),"
        " (SELECT coalesce(sum(amount), 0) FROM booking_charges WHERE booking_id = :id)", id=held.booking_id,
    )[0]  # fmt: skip
    return int(row[0]), int(row[1]), int(row[2])


def test_part_cash_and_the_rest_by_card(desk: Desk) -> None:
    held = desk.hold()
    first = take(desk, held, Tender("cash", tendered=250_000), 200_000)
    assert (first.sale, first.standing.paid, first.standing.change, first.standing.owed) == (
        None,
        200_000,
        50_000,
        257_500,
    )
    last = take(desk, held, CARD, None)
    assert last.sale is not None
    assert (last.sale.paid, last.sale.change, len(last.sale.tickets)) == (457_500, 50_000, 1)
    rows = desk.owner("SELECT * FROM payments ORDER BY id")
    assert [row.payment_reference for row in rows] == [f"{held.booking_number}-1", f"{held.booking_number}-2"]
    assert (rows[1].card_last_four, rows[1].edc_terminal, rows[1].edc_batch) == ("4242", "12345678", "000017")
    on_record = rows[1].external_reference
    assert "A1B2C3" not in on_record
    assert card.shown_reference(on_record) == "…2C3"
    assert card.whole_reference(desk.office.keys, rows[1].payment_reference, on_record) == "A1B2C3"
    assert desk.count("booking_charges") == 2
    desk.require_sound()


def test_a_part_lengthens_the_hold_and_stands_in_the_books_at_once(desk: Desk) -> None:
    held = desk.hold()
    desk.decide(policy.HOLD_MINUTES, 25)
    standing = take(desk, held, CASH, 100_000).standing
    assert standing.expires_at is not None
    assert standing.expires_at > held.expires_at
    assert money(desk, held) == (100_000, 0, 457_500)
    desk.require_sound()


def test_the_first_part_fixes_party_seats_and_price(desk: Desk) -> None:
    held = desk.hold()
    take(desk, held, CASH, 100_000)
    desk.decide(policy.BOOKING_FEE, 0)
    refused(
        StateConflict, "booking_priced",
        lambda: pending.change_seats(desk.office, desk.clerk, held.booking_id, [held.seats[0].id]),
    )  # fmt: skip
    done = take(desk, held, CASH, None)
    assert done.sale is not None
    assert done.sale.paid == 457_500


@pytest.mark.parametrize(("amount", "error", "code"), [
    (0, UsageError, "amount_invalid"), (-5, UsageError, "amount_invalid"), (457_501, Refused, "more_than_owed"),
])  # fmt: skip
def test_wrong_amounts(desk: Desk, amount: int, error: type[CounterError], code: str) -> None:
    held = desk.hold()
    refused(error, code, lambda: take(desk, held, CASH, amount))
    take(desk, held, CASH, 457_000)
    refused(Refused, "more_than_owed", lambda: take(desk, held, CASH, 501))
    refused(Refused, "tendered_too_little", lambda: take(desk, held, Tender("cash", tendered=499), 500))
    assert desk.count("payments") == 1


def test_the_same_key_takes_a_part_once(desk: Desk) -> None:
    held, key = desk.hold(), uuid7()
    take(desk, held, CASH, 100_000, key)
    again = take(desk, held, CASH, 100_000, key)
    assert (again.standing.paid, again.sale) == (100_000, None)
    with pytest.raises(KeyReused):
        take(desk, held, CASH, 200_000, key)
    assert desk.count("payments") == 1


def test_eight_counters_pay_the_same_booking(desk: Desk) -> None:
    held = desk.hold()
    results = at_once(8, lambda _: take(desk, held, CASH, None))
    assert sum(isinstance(one, Taken) for one in results) == 1
    assert {one.reason for one in results if isinstance(one, CounterError)} == {"state_conflict"}
    assert (desk.count("payments"), desk.count("tickets")) == (1, 1)
    desk.require_sound()


def test_eight_counters_take_a_part_each_and_never_too_much(desk: Desk) -> None:
    held = desk.hold()
    results = at_once(8, lambda _: take(desk, held, CASH, 100_000))
    assert sum(isinstance(one, Taken) for one in results) == 4
    assert {one.reason for one in results if isinstance(one, CounterError)} == {"more_than_owed"}
    assert money(desk, held)[0] == 400_000
    assert take(desk, held, CARD, None).sale is not None
    desk.require_sound()


def test_one_key_from_eight_threads_is_one_payment(desk: Desk) -> None:
    held, key = desk.hold(), uuid7()
    results = at_once(8, lambda _: take(desk, held, CASH, 100_000, key))
    assert all(isinstance(one, Taken) for one in results)
    assert desk.count("payments") == 1


def test_a_sale_paid_in_parts_is_not_paid_again_at_once(desk: Desk) -> None:
    held = desk.hold()
    take(desk, held, CASH, 400_000)
    done = sale.confirm(desk.office, desk.clerk, held.booking_id, None, CASH, key=uuid7())
    assert (done.paid, desk.count("payments")) == (457_500, 2)
    assert desk.value("SELECT amount FROM payments ORDER BY id DESC LIMIT 1") == 57_500
    desk.require_sound()


def test_without_a_shift_no_part_is_taken(desk: Desk) -> None:
    held = desk.hold()
    desk.owner("UPDATE shifts SET status = 'counted', counted_at = now()")
    with pytest.raises(shifts.NoOpenShift):
        take(desk, held, CASH, 1_000)
    assert desk.count("payments") == desk.count("booking_charges") == 0


# Given up, or out of time


def test_given_up_the_cash_comes_out_of_the_drawer_and_the_card_waits(desk: Desk) -> None:
    held = desk.hold()
    take(desk, held, CASH, 200_000)
    take(desk, held, CARD, 100_000)
    back = pending.give_up(desk.office, desk.clerk, held.booking_id)
    assert [(one["method"], one["status"]) for one in back] == [("cash", "completed"), ("debit_card", "initiated")]
    assert money(desk, held) == (300_000, 200_000, 100_000), "what is still in our hands stays charged"
    rows = desk.owner("SELECT * FROM refunds ORDER BY id")
    assert (rows[0].shift_id is not None, rows[1].shift_id) == (True, None)
    assert desk.status(held.booking_id) == "cancelled"
    assert pending.give_up(desk.office, desk.clerk, held.booking_id) == []
    desk.require_sound()
    supervisor = actor_of(desk, "3001")
    (open_one,) = questions.open_questions(desk.office, supervisor)
    assert (open_one.code, open_one.amount) == ("refund_initiated", 100_000)
    refused(CounterError, "not_permitted", lambda: questions.resolve(desk.office, desk.clerk, open_one.name, "V-1"))
    questions.resolve(desk.office, supervisor, open_one.name, "VOID 000018")
    assert money(desk, held) == (300_000, 300_000, 0)
    assert questions.open_questions(desk.office, supervisor) == []
    assert desk.value("SELECT count(*) FROM booking_modifications WHERE status <> 'closed'") == 0
    assert {row.payment_status for row in desk.owner("SELECT payment_status FROM payments")} == {"refunded"}
    refused(CounterError, "unknown_question", lambda: questions.resolve(desk.office, supervisor, open_one.name, "X"))
    desk.require_sound()


def test_a_voided_slip_settles_a_card_on_the_spot(desk: Desk) -> None:
    held = desk.hold()
    take(desk, held, CARD, 100_000)
    voids = {f"{held.booking_number}-1": "VOID 000018"}
    (back,) = pending.give_up(desk.office, desk.clerk, held.booking_id, voids=voids)
    assert back["status"] == "completed"
    assert money(desk, held) == (100_000, 100_000, 0)
    assert "VOID 000018" not in desk.value("SELECT external_reference FROM refunds")
    shown = read_standing(desk.office, held.booking_id).as_json()["refunds"]
    assert [one["external_reference"] for one in shown] == ["VOID 000018"]
    desk.require_sound()


@pytest.mark.parametrize("how", ["sweep", "next buyer"])
def test_a_hold_that_runs_out_with_parts_paid_loses_no_money(desk: Desk, how: str) -> None:
    held = desk.hold()
    take(desk, held, CASH, 200_000)
    take(desk, held, CARD, 100_000)
    desk.expire(held)
    if how == "sweep":
        assert holds.sweep(desk.office.database) == 1
    else:
        desk.hold()
    assert desk.status(held.booking_id) == "expired"
    assert money(desk, held) == (300_000, 0, 300_000)
    assert [one.refund_status for one in desk.owner("SELECT refund_status FROM refunds")] == ["initiated"] * 2
    desk.require_sound()
    supervisor = actor_of(desk, "3001")
    waiting = questions.open_questions(desk.office, supervisor)
    with pytest.raises(shifts.NoOpenShift):  # cash comes out of a drawer
        questions.resolve(desk.office, supervisor, waiting[0].name, "paid back")
    drawer = shifts.open_shift(desk.office, supervisor, 500_000)
    for one in waiting:
        questions.resolve(desk.office, supervisor, one.name, "paid back")
    assert money(desk, held) == (300_000, 300_000, 0)
    cash = "SELECT shift_id FROM refunds WHERE refund_method = 'cash'"
    assert [row.shift_id for row in desk.owner(cash)] == [drawer.id]
    desk.require_sound()


def test_a_promotion_of_a_sale_given_up_is_free_again(desk: Desk) -> None:
    desk.owner(
        "INSERT INTO promotions (operator_id, promotion_code, promotion_name, discount_type, discount_value,"
        " valid_from, valid_to, usage_limit) VALUES (1, 'LAST', 'x', 'fixed_amount', 50000, now() - interval"
        " '1 day', now() + interval '9 days', 1)"
    )
    held = desk.hold()
    parts.take(
        desk.office, desk.clerk, held.booking_id, desk.people(), CASH, 100_000, key=uuid7(), promotions=("last",)
    )
    assert desk.value("SELECT used_count FROM promotions WHERE promotion_code = 'LAST'") == 1
    assert read_standing(desk.office, held.booking_number).owed == 307_500
    pending.give_up(desk.office, desk.clerk, held.booking_id)
    assert desk.value("SELECT used_count FROM promotions WHERE promotion_code = 'LAST'") == 0
    assert money(desk, held) == (100_000, 100_000, 0)
    desk.require_sound()


def test_giving_up_and_the_last_part_at_the_same_moment(desk: Desk) -> None:
    for _ in range(4):
        held = desk.hold()
        take(desk, held, CASH, 400_000)

        def work(which: int, held: Hold = held) -> object:
            if which:
                return take(desk, held, CASH, None)
            return pending.give_up(desk.office, desk.clerk, held.booking_id)

        at_once(2, work)
        assert desk.status(held.booking_id) in ("confirmed", "cancelled")
    desk.require_sound()


def test_the_integrity_check_misses_money_and_promotions_that_were_forgotten(desk: Desk) -> None:
    desk.owner(
        "INSERT INTO promotions (operator_id, promotion_code, promotion_name, discount_type, discount_value,"
        " valid_from, valid_to) VALUES (1, 'P', 'x', 'fixed_amount', 1000, now() - interval '1 day',"
        " now() + interval '9 days')"
    )
    held = desk.hold()
    parts.take(desk.office, desk.clerk, held.booking_id, desk.people(), CARD, 100_000, key=uuid7(), promotions=("p",))
    desk.expire(held)
    holds.sweep(desk.office.database)
    desk.require_sound()
    for table in ("refunds", "booking_promotions"):
        desk.owner(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    desk.owner("DELETE FROM refunds")
    desk.owner("UPDATE booking_promotions SET released_at = NULL")
    found = {check.name for check in integrity.verify(desk.office) if not check.ok}
    assert {"money_of_sales_given_up_goes_back", "promotions_of_sales_given_up_are_free"} <= found


# The methods


@pytest.mark.parametrize(("tender", "code"), [
    (Tender("debit_card"), "reference_missing"),
    (Tender("wallet", reference="  "), "reference_missing"),
    (Tender("bank_transfer"), "reference_missing"),
    (Tender("qris"), "method_waits"),
    (Tender("beans"), "method_not_taken"),
    (Tender("credit_card", reference="4111 1111 1111 1111"), "card_number_refused"),
    (Tender("credit_card", reference="A1", edc_batch="5500005555555559"), "card_number_refused"),
    (Tender("credit_card", reference="A1", card_last_four="42"), "card_details_invalid"),
    (Tender("credit_card", reference="A1", edc_terminal="x" * 21), "card_details_invalid"),
    (Tender("wallet", reference="A1", card_last_four="4242"), "card_details_unexpected"),
    (Tender("wallet", reference="A1", tendered=500_000), "tendered_unexpected"),
    (Tender("wallet", reference="A" * 61), "reference_invalid"),
])  # fmt: skip
def test_what_a_method_refuses(desk: Desk, tender: Tender, code: str) -> None:
    held = desk.hold()
    refused(Refused, code, lambda: take(desk, held, tender, None))
    assert desk.count("payments") == 0


def test_a_number_that_is_no_card_number_is_a_reference(desk: Desk) -> None:
    assert take(desk, desk.hold(), Tender("credit_card", reference="4111111111111112"), None).sale is not None


def test_the_fee_of_a_method_is_ours_to_pay(desk: Desk) -> None:
    desk.decide(policy.PROCESSING_FEES["credit_card"], 185)
    done = take(desk, desk.hold(), Tender("credit_card", reference="A1"), None)
    assert done.sale is not None
    assert done.sale.paid == 457_500
    assert desk.value("SELECT processing_fee FROM payments") == 8_464


@pytest.mark.parametrize("split", [False, True])
def test_cash_is_rounded_down_by_policy_as_a_line_of_the_bill(desk: Desk, split: bool) -> None:
    desk.decide(policy.CASH_ROUNDING, 1_000)
    held = desk.hold()
    if split:
        take(desk, held, CARD, 100_200)
    done = take(desk, held, Tender("cash", tendered=400_000 if split else 500_000), None)
    assert done.sale is not None
    assert done.sale.paid == (457_200 if split else 457_000)
    assert done.sale.final_amount == done.sale.paid
    assert desk.value("SELECT amount FROM booking_charges WHERE cause = 'cash_rounding'") == done.sale.paid - 457_500
    desk.require_sound()


def test_cards_are_not_rounded(desk: Desk) -> None:
    desk.decide(policy.CASH_ROUNDING, 1_000)
    done = take(desk, desk.hold(), CARD, None)
    assert done.sale is not None
    assert done.sale.paid == 457_500
