"""A day at one counter: a hundred sales of every kind, closed to the rupiah; the Z report adds up from the rows."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from uuid_utils.compat import uuid7

from core import sale, shifts
from core.payments import Tender, parts
from core.promotion_register import Terms, create
from core.shifts import closing, counting, movements
from core.shifts.counting import DENOMINATIONS
from core.shifts.movements import Move
from tests.conftest import sign_in
from tests.core.conftest import Desk

SALES = 100
METHODS = ("cash", "cash", "cash", "debit_card", "credit_card", "wallet", "bank_transfer", "split")


def tender(method: str, chance: random.Random) -> Tender:
    if method == "cash":
        return Tender("cash", chance.choice([None, 5_000_000]))
    card = "1234" if method.endswith("card") else None
    return Tender(method, None, f"REF-{chance.randrange(10**9)}", card)


def sell(desk: Desk, number: int, chance: random.Random) -> None:
    """One sale: a train, a party, perhaps a promotion, paid at once or in two parts."""
    train, origin, destination, class_code = chance.choice(
        [("43", "YK", "GMR", "EKS"), ("43", "YK", "KM", "EKS"), ("6", "YK", "SGU", "EKS")]
    )
    seats = chance.randint(1, 3)
    held = desk.hold(seats, train=train, origin=origin, destination=destination, class_code=class_code)
    people = desk.people(seats, first=10 * number)
    codes = ("DAY",) if chance.random() < 0.3 else ()
    method = chance.choice(METHODS)
    if method != "split":
        sale.confirm(
            desk.office, desk.clerk, held.booking_id, people, tender(method, chance), key=uuid7(), promotions=codes
        )
        return
    cash, card = tender("cash", random.Random(1)), tender("debit_card", chance)
    first = parts.take(desk.office, desk.clerk, held.booking_id, people, card, 50_000, key=uuid7())
    assert first.sale is None
    assert parts.take(desk.office, desk.clerk, held.booking_id, None, cash, None, key=uuid7()).sale is not None


def by_rows(desk: Desk) -> dict[str, Any]:
    """The shift's money by the rows alone."""
    rows = desk.owner(
        "SELECT p.payment_method, count(*) AS n, sum(p.amount) AS amount FROM payments p"
        " JOIN shifts s ON s.id = p.shift_id WHERE s.shift_number = 2 AND p.payment_status = 'completed' GROUP BY 1"
    )
    return {row.payment_method: {"count": row.n, "amount": int(row.amount)} for row in rows}


def test_a_day_closes_to_the_rupiah(desk: Desk) -> None:
    chance = random.Random(20261120)
    counting.count(desk.office, desk.clerk, {})
    closing.close(desk.office, desk.clerk)
    shifts.open_shift(desk.office, desk.clerk, 500_000)
    now = desk.office.database.transaction(lambda tx: tx.now)
    boss = sign_in(desk.office, "9001", "OFFICE")
    create(
        desk.office, boss,
        Terms(code="DAY", name="A day", kind="percentage", value=10, valid_from=now - timedelta(days=1),
              valid_to=now + timedelta(days=1)),
    )  # fmt: skip
    for number in range(1, SALES + 1):
        sell(desk, number, chance)
    movements.record(desk.office, desk.clerk, Move("cash_in", 250_000, "change"))
    movements.record(desk.office, desk.clerk, Move("cash_out", 35_000, "taxi"))
    movements.record(desk.office, desk.clerk, Move("drop", 1_000_000, "full", "B-1"))

    rows = by_rows(desk)
    assert sum(one["count"] for one in rows.values()) >= SALES
    assert set(rows) == {"cash", "debit_card", "credit_card", "wallet", "bank_transfer"}
    drawer = 500_000 + rows["cash"]["amount"] + 250_000 - 35_000 - 1_000_000
    pieces, left = {}, drawer
    for worth in DENOMINATIONS:
        pieces[worth], left = divmod(left, worth)
    assert left == 0
    assert counting.count(desk.office, desk.clerk, pieces).difference == 0

    report = closing.close(desk.office, desk.clerk).report.body
    assert (report["sales"], report["expected"], report["counted"]) == (rows, drawer, drawer)
    assert report["bookings"] == desk.value("SELECT count(*) FROM bookings WHERE status = 'confirmed'")
    assert report["tickets"] == desk.count("tickets")
    discount = desk.value("SELECT sum(-amount) FROM booking_charges WHERE charge_kind = 'discount' AND cause = 'DAY'")
    assert report["discounts"]["DAY"]["amount"] == discount
    assert report["sales_total"]["amount"] == desk.value(
        "SELECT sum(final_amount) FROM bookings WHERE status = 'confirmed'"
    )
    desk.require_sound()
