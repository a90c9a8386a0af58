"""Moving tickets of sold bookings: seats, money, codes, approvals, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from uuid_utils.compat import uuid7

from core import approvals, booking, policy, reschedules, shifts
from core.approvals import ApprovalNeeded, NotApproved
from core.booking import HoldRequest
from core.checkin import Gate, check_in
from core.database import Actor
from core.errors import NotEnoughSeats, NotFound, Refused, SeatTaken
from core.payments import Tender
from core.sale import confirm
from tests.conftest import sign_in
from tests.core.moving import CASH, FARE, FEE, Counter, nik

if TYPE_CHECKING:
    from tests.core.conftest import Desk


@pytest.fixture
def counter(desk: Desk) -> Counter:
    return Counter(desk)


@pytest.fixture
def supervisor(desk: Desk) -> Actor:
    return sign_in(desk.office, "3001", "TEST-2")


def test_to_the_next_day(counter: Counter, desk: Desk) -> None:
    sold = desk.sell(2)
    first, second = sold.tickets
    moved = counter.move(counter.order(first), tender=Tender("cash", 150_000), printer="file")
    new, old = moved.tickets[0]
    assert (old, new.issue_no, new.status, new.journey.day) == (first.number, 1, "active", desk.day + timedelta(days=1))
    assert new.serial not in (first.serial, second.serial)
    assert (moved.kind, moved.old_fare, moved.new_fare, moved.fee, moved.due) == ("reschedule", FARE, FARE, FEE, FEE)
    assert (moved.paid, moved.change, moved.method, moved.not_given_back) == (FEE, 37_000, "cash", 0)
    rows = desk.owner("SELECT ticket_status, closed_reason, closed_at, supersedes_id FROM tickets ORDER BY id")
    assert [tuple(row)[:2] for row in rows] == [("superseded", "rescheduled"), ("active", None), ("active", None)]
    assert (rows[0].closed_at is not None, rows[2].supersedes_id) == (True, first.serial)
    assert desk.taken() == 2
    payment = desk.owner("SELECT amount, tendered, change_given, payment_reference, modification_id, shift_id"
                         " FROM payments WHERE modification_id IS NOT NULL")[0]  # fmt: skip
    shift = shifts.current(desk.office, desk.clerk)
    assert shift is not None
    assert tuple(payment) == (FEE, 150_000, 37_000, f"{sold.booking_number}-2", moved.modification_id, shift.id)
    row = desk.owner("SELECT * FROM booking_modifications")[0]
    assert (row.modification_type, row.within_policy, row.fee_charged, row.status, row.ticket_id, row.opened_by) == (
        "reschedule", True, FEE, "closed", first.serial, desk.clerk.user_id,
    )  # fmt: skip
    lines = desk.owner(
        "SELECT charge_kind, amount, cause FROM booking_charges WHERE modification_id IS NOT NULL ORDER BY id"
    )
    assert [tuple(line) for line in lines] == [
        ("reversal", -FARE, "reschedule"), ("fare", FARE, "reschedule"), ("fee", FEE, "reschedule_fee"),
    ]  # fmt: skip
    assert (
        desk.value("SELECT count(*) FROM print_jobs WHERE ticket_id = :new AND state = 'queued'", new=new.serial) == 1
    )
    events = {row[0] for row in desk.owner("SELECT event_type FROM domain_events WHERE event_type LIKE 'ticket%'")}
    assert events == {"ticket.superseded", "ticket.rescheduled"}
    desk.require_sound()


def test_every_code_gives_its_own_answer(counter: Counter, desk: Desk, gate_agent: Actor) -> None:
    ticket = desk.sell().tickets[0]
    new = counter.move(counter.order(ticket)).tickets[0][0]

    def scan(one: Any) -> str:
        at = one.journey.departs_at - timedelta(minutes=10)
        return check_in(desk.office, gate_agent, one.code, Gate("YK"), at=at).outcome.value

    assert (scan(ticket), scan(new), scan(new), scan(ticket)) == ("superseded", "ok", "already_used", "superseded")
    assert counter.refused(counter.order(new)) == "ticket_used"
    desk.require_sound()


def test_a_quote_changes_nothing(counter: Counter, desk: Desk) -> None:
    order = counter.order(desk.sell().tickets[0])
    before = desk.fingerprint()
    plan = counter.quote(order)
    assert desk.fingerprint() == before
    said = plan.as_json()
    assert (said["old_fare"], said["new_fare"], said["fee"], said["due"]) == (FARE, FARE, FEE, FEE)
    assert (said["type"], said["within_policy"], said["fault"]) == ("reschedule", True, None)
    assert counter.move(order).due == said["due"]


def test_an_upgrade_pays_the_difference_alone(counter: Counter, desk: Desk) -> None:
    ticket = desk.sell().tickets[0]
    order = reschedules.upgrade_order(desk.office, desk.clerk, ticket.number, "lux")
    plan = counter.quote(order)
    moved = counter.move(order)
    assert (moved.kind, moved.fee, moved.due) == ("upgrade", 0, moved.new_fare - FARE)
    assert moved.due == plan.due > 0
    assert moved.tickets[0][0].travel_class.code == "LUX"
    assert desk.value("SELECT closed_reason FROM tickets WHERE id = :id", id=ticket.serial) == "upgraded"
    down = reschedules.upgrade_order(desk.office, desk.clerk, moved.tickets[0][0].number, "EKS")
    assert counter.refused(down) == "no_upgrade"
    desk.require_sound()


def test_a_cheaper_journey_gives_nothing_back(counter: Counter, desk: Desk) -> None:
    up = counter.move(reschedules.upgrade_order(desk.office, desk.clerk, desk.sell().tickets[0].number, "LUX"))
    luxury = up.new_fare
    back = counter.move(counter.order(up.tickets[0][0], class_code="EKS"))
    assert (back.old_fare, back.new_fare, back.not_given_back) == (luxury, FARE, luxury - FARE)
    assert back.due == back.fee == -(-luxury // 4000) * 1000
    third = counter.move(counter.order(back.tickets[0][0], days=0))
    assert (third.old_fare, third.fee, third.due) == (FARE, FEE, FEE)
    desk.require_sound()


def test_what_was_paid_counts_not_what_the_tariff_says(counter: Counter, desk: Desk) -> None:
    """A promotion lowered the old fare: it is not carried to a train it was not for."""
    desk.owner(
        "INSERT INTO promotions (operator_id, promotion_code, promotion_name, discount_type, discount_value,"
        " valid_from, valid_to) VALUES (1, 'HALF', 'Half', 'percentage', 50, now() - interval '1 day',"
        " now() + interval '9 days')"
    )
    held = desk.hold()
    sold = confirm(desk.office, desk.clerk, held.booking_id, desk.people(), CASH, key=uuid7(), promotions=("HALF",))
    paid = FARE // 2
    moved = counter.move(counter.order(sold.tickets[0]))
    assert (moved.old_fare, moved.new_fare, moved.fee) == (paid, FARE, -(-paid // 4000) * 1000)
    assert moved.due == FARE - paid + moved.fee
    again = counter.quote(counter.order(moved.tickets[0][0], days=0))
    assert again.moves[0].cost.old_fare == FARE
    desk.require_sound()
    assert desk.value("SELECT used_count FROM promotions WHERE promotion_code = 'HALF'") == 1


@pytest.mark.parametrize(
    "tender",
    [
        Tender("debit_card", reference="123456", card_last_four="4242"),
        Tender("bank_transfer", reference="TRX-1"),
        Tender("wallet", reference="W-1"),
    ],
)
def test_other_ways_to_pay(counter: Counter, desk: Desk, tender: Tender) -> None:
    moved = counter.move(counter.order(desk.sell().tickets[0]), tender=tender)
    assert (moved.method, moved.paid, moved.change) == (tender.method, FEE, 0)
    desk.require_sound()


@pytest.mark.parametrize(
    ("tender", "code"),
    [
        (None, "payment_missing"),
        (Tender("cash", 100), "tendered_too_little"),
        (Tender("qris"), "method_waits"),
        (Tender("debit_card"), "reference_missing"),
        (Tender("beans"), "method_not_taken"),
    ],
)
def test_nothing_moves_unpaid(counter: Counter, desk: Desk, tender: Tender | None, code: str) -> None:
    assert counter.refused(counter.order(desk.sell().tickets[0]), tender=tender) == code
    desk.require_sound()


def test_cash_is_rounded_as_at_the_sale(counter: Counter, desk: Desk) -> None:
    desk.decide(policy.CASH_ROUNDING, 5_000)
    moved = counter.move(counter.order(desk.sell().tickets[0]))
    assert (moved.due, moved.paid) == (FEE, 110_000)
    desk.require_sound()


def test_a_shift_takes_the_money(counter: Counter, desk: Desk) -> None:
    order = counter.order(desk.sell().tickets[0])
    desk.owner("UPDATE shifts SET status = 'counted', counted_at = now()")
    assert counter.refused(order) == "shift_counted"


def test_the_seat_that_was_wished(counter: Counter, desk: Desk) -> None:
    ticket = desk.sell().tickets[0]
    moved = counter.move(counter.order(ticket, seat="EKS 2/5C"))
    assert moved.tickets[0][0].seat is not None
    assert moved.tickets[0][0].seat.label == "EKS 2/5C"
    other = desk.sell(first=2).tickets[0]
    with pytest.raises(SeatTaken):
        counter.quote(counter.order(other, seat="eks 2/5C"), who=nik(2))
    assert counter.refused(counter.order(other, seat="EKS 2/5C"), who=nik(2)) == "seat_taken"
    assert counter.refused(counter.order(other, seat="EKS 2/99Z"), who=nik(2)) == "unknown_seat"
    desk.require_sound()


def test_another_seat_on_the_same_train(counter: Counter, desk: Desk) -> None:
    ticket = desk.sell(labels=("EKS 1/1A",)).tickets[0]
    assert counter.refused(counter.order(ticket, days=0)) == "same_journey"
    assert counter.refused(counter.order(ticket, days=0, seat="EKS 1/1A")) == "same_journey"
    assert counter.move(counter.order(ticket, days=0, seat="EKS 1/1B")).tickets[0][0].seat.number == "1B"  # type: ignore[union-attr]
    assert desk.taken() == 1
    desk.require_sound()


def test_a_full_train_leaves_the_ticket_as_it_is(counter: Counter, desk: Desk) -> None:
    ticket = desk.sell().tickets[0]
    order = counter.order(ticket)
    desk.owner("DELETE FROM seat_inventory WHERE schedule_id = :id", id=order.schedule_id)
    with pytest.raises(NotEnoughSeats):
        counter.quote(order)
    assert counter.refused(order) == "not_enough_seats"
    desk.require_sound()


def test_the_last_seat_is_freed_by_a_hold_out_of_time(counter: Counter, desk: Desk) -> None:
    ticket = desk.sell().tickets[0]
    order = counter.order(ticket)
    desk.owner(
        "DELETE FROM seat_inventory WHERE schedule_id = :id AND seat_id NOT IN"
        " (SELECT seat_id FROM seat_inventory WHERE schedule_id = :id AND class_id = :class_id LIMIT 1)",
        id=order.schedule_id,
        class_id=ticket.travel_class.id,
    )
    held = booking.hold(desk.office, desk.clerk, HoldRequest(order.schedule_id, "EKS", "YK", "GMR", 1))
    assert counter.refused(order) == "not_enough_seats"
    desk.expire(held)
    counter.move(order)
    desk.require_sound()


def test_a_seat_is_free_again_for_just_its_stretch(counter: Counter, desk: Desk) -> None:
    """Somebody else travels on the same seat further on, and keeps it."""
    near = desk.sell(labels=("EKS 1/1A",), destination="CN").tickets[0]
    far = desk.sell(first=2, labels=("EKS 1/1A",), origin="CN").tickets[0]
    counter.move(counter.order(near))
    left = desk.value("SELECT occupied FROM seat_inventory WHERE seat_id = :seat AND schedule_id = :id",
                      seat=far.seat.id, id=far.journey.schedule_id)  # fmt: skip
    assert left == far.journey.legs
    desk.require_sound()


def test_after_the_cutoff_a_supervisor_decides(counter: Counter, desk: Desk, supervisor: Actor) -> None:
    ticket = desk.sell().tickets[0]
    order = counter.order(ticket)
    counter.leaves_in(ticket.serial, 59)
    plan = counter.quote(order)
    assert (plan.verdict.within_policy, plan.as_json()["outside"]) == (False, ["after_cutoff"])
    with pytest.raises(ApprovalNeeded) as needed:
        counter.move(order)
    assert needed.value.details["approval"]["amount"] == FEE
    wish = reschedules.wish_for(desk.office, desk.clerk, order, nik())
    asked = approvals.request(desk.office, desk.clerk, wish, "missed his bus")
    assert counter.refused(order, approval_id=asked.id) == "not_approved"
    with pytest.raises(Refused):
        approvals.decide(desk.office, desk.clerk, asked.id, approve=True)
    approvals.decide(desk.office, supervisor, asked.id, approve=True)
    other = counter.order(ticket, class_code="LUX")
    with pytest.raises(NotApproved):
        counter.move(other, approval_id=asked.id)
    moved = counter.move(order, approval_id=asked.id)
    row = desk.owner("SELECT within_policy, approval_id FROM booking_modifications")[0]
    assert (moved.within_policy, tuple(row)) == (False, (False, asked.id))
    assert desk.value("SELECT status FROM approvals") == "used"
    desk.require_sound()


def test_over_the_quota_a_supervisor_decides(counter: Counter, desk: Desk, supervisor: Actor) -> None:
    desk.decide(policy.MODIFICATIONS_PER_WINDOW, 1)
    ticket = desk.sell().tickets[0]
    new = counter.move(counter.order(ticket)).tickets[0][0]
    order = counter.order(new, days=0)
    with pytest.raises(ApprovalNeeded):
        counter.move(order)
    assert counter.quote(order).as_json()["outside"] == ["over_quota"]
    asked = approvals.request(
        desk.office, desk.clerk, reschedules.wish_for(desk.office, desk.clerk, order, nik()), "again"
    )
    approvals.decide(desk.office, supervisor, asked.id, approve=True)
    counter.move(order, approval_id=asked.id)
    desk.require_sound()


def test_a_train_that_left_is_gone(counter: Counter, desk: Desk) -> None:
    ticket = desk.sell().tickets[0]
    order = counter.order(ticket)
    counter.leaves_in(ticket.serial, -1)
    assert counter.refused(order) == "departed"


@pytest.mark.parametrize(
    ("change", "left", "due"),
    [
        ("status = 'delayed', delay_minutes = 61", 30, 0),
        ("status = 'cancelled'", 30, 0),
        ("status = 'cancelled'", -60 * 24 * 6, 0),
        ("status = 'delayed', delay_minutes = 60", 90, FEE),
    ],
)
def test_the_operators_fault_is_free(counter: Counter, desk: Desk, change: str, left: int, due: int) -> None:
    desk.decide(policy.MODIFICATIONS_PER_WINDOW, 0)
    desk.decide(policy.RESCHEDULE_CUTOFF_MINUTES, 60)
    ticket = desk.sell().tickets[0]
    order = counter.order(ticket)
    counter.leaves_in(ticket.serial, left)
    desk.owner(f"UPDATE schedules SET {change} WHERE id = :id", id=ticket.journey.schedule_id)
    if due:
        assert counter.quote(order).due == due
        return
    moved = counter.move(order, tender=None)
    assert (moved.fee, moved.due, moved.paid, moved.within_policy) == (0, 0, 0, True)
    assert desk.count("booking_modification_stats") == 0
    desk.require_sound()


def test_the_new_train_has_to_be_on_sale(counter: Counter, desk: Desk) -> None:
    ticket = desk.sell().tickets[0]
    order = counter.order(ticket)
    desk.owner("UPDATE schedules SET status = 'cancelled' WHERE id = :id", id=order.schedule_id)
    assert counter.refused(order) == "train_cancelled"
    desk.owner("UPDATE schedules SET departs_at = now() - interval '1 hour' WHERE id = :id", id=order.schedule_id)
    assert counter.refused(order) in ("departed", "train_cancelled")


def test_go_show_counters_move_tickets_all_the_same(counter: Counter, desk: Desk) -> None:
    order = counter.order(desk.sell().tickets[0])
    desk.decide(policy.GO_SHOW_HOURS, 3)
    counter.move(order)


@pytest.mark.parametrize(
    ("who", "code"), [("", "identity_missing"), (nik(9), "identity_mismatch"), ("beans", "identity_mismatch")]
)
def test_a_ticket_number_alone_moves_nothing(counter: Counter, desk: Desk, who: str, code: str) -> None:
    assert counter.refused(counter.order(desk.sell().tickets[0]), who=who) == code
    with pytest.raises(Refused):
        counter.quote(counter.order(desk.owner("SELECT ticket_number FROM tickets")[0][0]), who=who)


def test_what_does_not_exist(counter: Counter, desk: Desk) -> None:
    ticket = desk.sell().tickets[0]
    with pytest.raises(NotFound):
        counter.order("000000000042")
    with pytest.raises(NotFound):
        counter.order(ticket, train="999")
    assert counter.refused(counter.order(ticket, class_code="XXX")) == "unknown_class"
    with pytest.raises(Refused):
        counter.order(ticket, days=-30)
