"""Refunds on a real database: asked, approved, carried out once, paid out, retried, forfeited; races and refusals."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from core import after_sale, approvals, checkin, payouts, policy, quotas, refunds, sale, shifts
from core.checkin import Gate, Outcome
from core.errors import CounterError, NotPermitted, Refused, StateConflict
from core.keys import sealed_in
from core.office import Office
from core.ops import erasure, integrity
from core.ops.prepare import owning
from core.payments import Tender, parts
from core.payouts import Payout
from core.personal_data import person
from core.refund_rules import Fault
from core.refunds import Cancellation
from tests.conftest import TestDatabase
from tests.core.conftest import Desk
from tests.core.refunding import IDENTITY, TRANSFER, Refunder, somebody


@pytest.fixture
def refunder(desk: Desk) -> Refunder:
    return Refunder(desk, somebody(desk, "3001"))


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(CounterError) as refused:
        call()
    return refused.value.reason


def test_a_quote_changes_nothing_but_is_on_record(desk: Desk) -> None:
    sold = desk.sell(2)
    before = desk.fingerprint()
    found = refunds.quote(desk.office, desk.clerk, Cancellation(sold.booking_number)).as_json()
    after = desk.fingerprint()
    assert {table for table in after if after[table] != before[table]} == {"audit_logs", "audit_heads"}
    assert (found["paid"], found["fee"], found["refund"], found["booking_fee"]) == (900_000, 225_000, 675_000, 7_500)
    assert found["methods"]["cash"]["allowed"] is False
    assert found["parts"] == [
        {"payment": f"{sold.booking_number}-1", "method": "bank_transfer", "amount": 675_000,
         "cause": "Cash is paid out only by policy or where the operator is to blame."}
    ]  # fmt: skip


def test_one_of_two_is_cancelled_and_the_other_travels(desk: Desk, refunder: Refunder) -> None:
    sold = desk.sell(2, infants=1)
    done = refunder.cancel(sold, sold.tickets[0].number)
    assert (done.refund, done.kept, len(done.tickets)) == (337_500, 112_500, 2)
    assert refunder.tickets(sold) == ["cancelled", "active", "cancelled"]
    assert (desk.status(sold.booking_id), desk.taken()) == ("confirmed", 1)
    assert refunder.ledger(sold) == (907_500, 0, 907_500)
    desk.require_sound()
    (owed,) = done.refunds
    assert refunder.pay(owed.reference).as_json()["status"] == "completed"
    assert refunder.ledger(sold) == (907_500, 337_500, 570_000)
    assert desk.value("SELECT payment_status FROM payments") == "completed"
    desk.require_sound()
    rest = refunder.cancel(sold)
    assert [one.reference for one in rest.refunds] == [f"{sold.booking_number}-1-R2"]
    refunder.pay(rest.refunds[0].reference)
    assert (desk.status(sold.booking_id), desk.taken()) == ("cancelled", 0)
    assert refunder.ledger(sold) == (907_500, 675_000, 232_500)
    desk.require_sound()
    assert {row.status for row in desk.owner("SELECT status FROM booking_modifications")} == {"closed"}


def test_a_seat_is_free_for_just_its_stretch(desk: Desk, refunder: Refunder) -> None:
    whole, half = desk.sell(1, labels=("EKS 1/1A",)), None
    refunder.cancel(whole)
    half = desk.sell(1, first=2, labels=("EKS 1/1A",), destination="CN")
    rest = desk.sell(1, first=3, labels=("EKS 1/1A",), origin="CN")
    refunder.cancel(half, identity="3171010101900002")
    assert refunder.tickets(rest) == ["active"]
    assert desk.taken() == 1
    desk.require_sound()


def test_a_wholly_refunded_payment_is_refunded(desk: Desk, refunder: Refunder) -> None:
    desk.decide(policy.CANCEL_FEE_PERCENT, 0)
    desk.decide(policy.BOOKING_FEE, 0)
    sold = desk.sell(2)
    first = refunder.cancel(sold, sold.tickets[0].number)
    refunder.pay(first.refunds[0].reference)
    assert desk.value("SELECT payment_status FROM payments") == "completed"
    refunder.pay(refunder.cancel(sold).refunds[0].reference)
    assert desk.value("SELECT payment_status FROM payments") == "refunded"
    assert refunder.ledger(sold) == (900_000, 900_000, 0)
    desk.require_sound()


def test_reductions_and_promotions_are_given_back_as_they_were_paid(desk: Desk, refunder: Refunder) -> None:
    desk.owner(
        "INSERT INTO promotions (operator_id, promotion_code, promotion_name, discount_type, discount_value,"
        " valid_from, valid_to) VALUES (1, 'LEBARAN', 'x', 'fixed_amount', 50001, now() - interval '1 day',"
        " now() + interval '9 days')"
    )
    held = desk.hold(2)
    sold = sale.confirm(
        desk.office, desk.clerk, held.booking_id, desk.people(2), Tender("cash"), key=UUID(int=5),
        promotions=("LEBARAN",),
    )  # fmt: skip
    one = refunder.cancel(sold, sold.tickets[0].number)
    two = refunder.cancel(sold)
    assert one.refund + one.kept + two.refund + two.kept == 900_000 - 50_001
    for owed in (*one.refunds, *two.refunds):
        refunder.pay(owed.reference)
    assert refunder.ledger(sold)[2] == one.kept + two.kept + 7_500
    desk.require_sound()


def test_split_payments_go_back_in_parts(desk: Desk, refunder: Refunder) -> None:
    held = desk.hold(1)
    card = Tender("debit_card", reference="A1B2C3", card_last_four="4242")
    parts.take(desk.office, desk.clerk, held.booking_id, desk.people(), Tender("cash"), 200_000, key=UUID(int=1))
    sold = parts.take(desk.office, desk.clerk, held.booking_id, None, card, None, key=UUID(int=2)).sale
    assert sold is not None
    done = refunder.cancel(sold)
    assert [(one.method, one.amount) for one in done.refunds] == [("debit_card", 257_500), ("bank_transfer", 80_000)]
    by_card, by_bank = done.refunds
    assert code_of(lambda: refunder.pay(by_card.reference, Payout())) == "reference_missing"
    assert code_of(lambda: refunder.pay(by_card.reference, Payout(reference="4111111111111111"))) == (
        "card_number_refused"
    )
    refunder.pay(by_card.reference, Payout(reference="VOID 000018"))
    assert code_of(lambda: refunder.pay(by_bank.reference, Payout(reference="T1"))) == "reference_missing"
    refunder.pay(by_bank.reference, TRANSFER)
    kept = desk.value("SELECT external_reference FROM refunds WHERE refund_method = 'debit_card'")
    assert "VOID 000018" not in kept
    row = desk.owner("SELECT id, payout_account FROM refunds WHERE refund_method = 'bank_transfer'")[0]
    assert desk.office.keys.decrypt(bytes(row.payout_account), sealed_in("refunds.payout_account", row.id)) == (
        TRANSFER.account
    )
    assert [one.payment_status for one in desk.owner("SELECT * FROM payments ORDER BY id")] == ["completed", "refunded"]
    desk.require_sound()


# -- who may, and what is refused ------------------------------------------------------------------------------------


def test_a_booking_number_alone_changes_nothing(desk: Desk, refunder: Refunder) -> None:
    sold = desk.sell(1)
    assert code_of(lambda: refunder.ask(sold, identity="")) == "identity_missing"
    for wrong in ("3171010101900009", "A1234567", "nonsense"):
        assert code_of(lambda wrong=wrong: refunder.ask(sold, identity=wrong)) == "identity_mismatch"
    refusals = "SELECT count(*) FROM audit_logs WHERE new_values ->> 'refused' = 'identity_mismatch'"
    assert desk.value(refusals) == 3
    assert desk.count("approvals") == 0
    assert IDENTITY not in str(desk.owner("SELECT new_values, old_values FROM audit_logs"))


def test_nobody_decides_on_his_own_refund(desk: Desk, refunder: Refunder) -> None:
    sold = desk.sell(1)
    asked = refunder.ask(sold)
    assert code_of(lambda: refunds.carry_out(desk.office, desk.clerk, asked)) == "not_approved"
    with pytest.raises(NotPermitted):
        approvals.decide(desk.office, desk.clerk, asked.id, approve=True)
    wanted = Cancellation(sold.booking_number)
    own = refunds.request(desk.office, refunder.supervisor, wanted, IDENTITY, "does not travel")
    assert own.id == asked.id  # the same wish is one request
    refunder.approve(asked)
    with pytest.raises(NotPermitted):
        refunds.quote(desk.office, somebody(desk, "2001", "GATE-1"), wanted)
    assert code_of(lambda: refunds.request(desk.office, desk.clerk, wanted, IDENTITY, " ")) == "reason_missing"
    assert refunder.tickets(sold) == ["active"]


def test_another_wish_about_the_same_ticket_waits(desk: Desk, refunder: Refunder) -> None:
    sold = desk.sell(2)
    refunder.ask(sold, sold.tickets[0].number)
    assert code_of(lambda: refunder.ask(sold)) == "refund_requested"
    refunder.ask(sold, sold.tickets[1].number)
    assert desk.count("approvals") == 2


def test_an_approval_is_for_one_decision_and_used_once(desk: Desk, refunder: Refunder) -> None:
    sold = desk.sell(2)
    asked = refunder.approve(refunder.ask(sold, sold.tickets[0].number))
    refunds.carry_out(desk.office, desk.clerk, asked)
    assert code_of(lambda: refunds.carry_out(desk.office, desk.clerk, asked)) == "ticket_cancelled"
    assert len(desk.owner("SELECT * FROM refunds")) == 1
    other = refunder.approve(refunder.ask(sold, sold.tickets[1].number))
    forged = dict(other.details) | {"tickets": [sold.tickets[1].number], "refund": 450_000}
    changed = refunds.carry_out
    cheat = type(other)(**{name: getattr(other, name) for name in other.__slots__} | {"details": forged})
    assert code_of(lambda: changed(desk.office, desk.clerk, cheat)) == "refund_changed"
    terms = {sold.tickets[1].number: {**other.details["terms"][sold.tickets[1].number], "cancel_fee_percent": 0}}
    free = dict(other.details) | {"terms": terms, "refund": 450_000, "fee": 0}
    free["parts"] = [{**other.details["parts"][0], "amount": 450_000}]
    cheat = type(other)(**{name: getattr(other, name) for name in other.__slots__} | {"details": free})
    assert code_of(lambda: changed(desk.office, desk.clerk, cheat)) == "not_approved"
    desk.require_sound()


def test_a_decided_refund_keeps_its_values(desk: Desk, refunder: Refunder) -> None:
    sold = desk.sell(1)
    asked = refunder.approve(refunder.ask(sold))
    desk.decide(policy.CANCEL_FEE_PERCENT, 90)
    desk.decide(policy.CANCEL_CUTOFF_MINUTES, 10_000)
    desk.decide(policy.REFUND_UNCLAIMED_DAYS, 1)
    assert code_of(lambda: refunds.quote(desk.office, desk.clerk, Cancellation(sold.booking_number))) == "cutoff_passed"
    done = refunds.carry_out(desk.office, desk.clerk, asked)
    assert (done.refund, done.kept) == (337_500, 112_500)
    kept = desk.owner("SELECT decided_with, claim_until - created_at > interval '364 days' AS long FROM refunds")[0]
    assert kept.decided_with["terms"][sold.tickets[0].number]["cancel_fee_percent"] == 25
    assert kept.long


def test_what_was_used_or_never_sold_gives_nothing_back(desk: Desk, refunder: Refunder) -> None:
    sold, held = desk.sell(2), desk.hold(1)
    desk.decide(policy.BOARDING_OPENS_MINUTES, 100_000)
    assert checkin.check_in(desk.office, desk.clerk, sold.tickets[0].code, Gate("YK")).outcome is Outcome.OK
    assert code_of(lambda: refunder.ask(sold, sold.tickets[0].number)) == "ticket_used"
    assert code_of(lambda: refunder.ask(held.booking_number)) == "not_sold"
    assert code_of(lambda: refunder.ask("NOSUCH2")) == "unknown_booking"
    assert code_of(lambda: refunder.ask(sold, "000000000001")) == "unknown_ticket"
    done = refunder.cancel(sold)
    assert (refunder.tickets(sold), done.refund) == (["used", "cancelled"], 337_500)
    assert desk.status(sold.booking_id) == "confirmed"
    desk.require_sound()


def test_a_cancelled_train_is_paid_back_whole_and_in_cash(desk: Desk, refunder: Refunder) -> None:
    sold = desk.sell(2)
    desk.owner("UPDATE schedules SET status = 'cancelled'")
    done = refunder.cancel(sold)
    assert (done.refund, done.kept, done.refunds[0].method) == (900_000, 0, "cash")
    reference = done.refunds[0].reference
    assert code_of(lambda: refunder.pay(reference, Payout("3171010101900009"))) == "identity_mismatch"
    assert code_of(lambda: refunder.pay(reference, Payout())) == "identity_missing"
    shift = shifts.current(desk.office, desk.clerk)
    assert shift is not None
    refunder.pay(reference, Payout(IDENTITY))
    row = desk.owner("SELECT * FROM refunds")[0]
    assert (row.shift_id, row.refund_reason, row.refund_status) == (shift.id, "schedule_change", "completed")
    assert refunder.ledger(sold) == (907_500, 900_000, 7_500)
    assert desk.owner("SELECT modification_type FROM booking_modifications ORDER BY id")[0][0] == "fault"
    assert desk.count("booking_modification_stats") == 0  # the operator's fault counts for nobody
    desk.require_sound()


def test_cash_needs_an_open_shift_also_for_the_database(desk: Desk, refunder: Refunder) -> None:
    sold = desk.sell(1)
    desk.owner("UPDATE schedules SET status = 'cancelled'")
    reference = refunder.cancel(sold).refunds[0].reference
    payer = somebody(desk, "3001", "DESK-3")
    with pytest.raises(shifts.NoOpenShift):
        payouts.pay(desk.office, payer, reference, Payout(IDENTITY))

    def by_hand(tx: Any) -> None:
        tx.raw("UPDATE refunds SET refund_status = 'completed', refund_date = now()")

    assert code_of(lambda: desk.office.database.transaction(by_hand, actor=desk.clerk)) == "no_open_shift"


def test_a_fault_nobody_knows_of_is_claimed_and_approved(desk: Desk, refunder: Refunder) -> None:
    sold = desk.sell(1)
    asked = refunder.ask(sold, claim=Fault.SERVICE)
    assert (asked.amount, asked.details["claim"]) == (450_000, "service_failure")
    refunds.carry_out(desk.office, desk.clerk, refunder.approve(asked))
    assert desk.value("SELECT refund_reason FROM refunds") == "system_error"
    assert desk.value("SELECT within_policy FROM booking_modifications") is False


# -- paying out -------------------------------------------------------------------------------------------------------


def test_paid_out_once(desk: Desk, refunder: Refunder) -> None:
    sold = desk.sell(1)
    reference = refunder.cancel(sold).refunds[0].reference
    (waiting,) = payouts.waiting(desk.office, desk.clerk)
    assert (waiting.reference, waiting.is_late) == (reference, False)

    def pay(_: int) -> str:
        try:
            refunder.pay(reference)
        except StateConflict as refused:
            return refused.reason
        return "paid"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(pay, range(8))) == ["paid"] + ["refund_paid"] * 7
    assert payouts.waiting(desk.office, desk.clerk) == []
    assert refunder.ledger(sold) == (457_500, 337_500, 120_000)
    assert code_of(lambda: refunder.pay("NOSUCH-R")) == "unknown_refund"
    desk.require_sound()


def test_another_way_is_by_transfer_only(desk: Desk, refunder: Refunder) -> None:
    sold = desk.sell(1)
    reference = refunder.cancel(sold).refunds[0].reference
    with pytest.raises(Refused):
        refunder.pay(reference, Payout(IDENTITY, method="cash"))

    def by_hand(tx: Any) -> None:
        tx.raw("UPDATE refunds SET refund_method = 'cash'")

    assert code_of(lambda: desk.office.database.transaction(by_hand, actor=desk.clerk)) == "method_refused"
    refunder.pay(reference, Payout(reference="W-1", account="0812", method="wallet"))
    assert desk.value("SELECT refund_method FROM refunds") == "wallet"


def test_what_nobody_claims_is_kept(desk: Desk, refunder: Refunder) -> None:
    sold = desk.sell(2)
    first = refunder.cancel(sold, sold.tickets[0].number).refunds[0].reference
    refunder.cancel(sold)
    assert payouts.forfeit(desk.office, refunder.supervisor) == []
    desk.owner("UPDATE refunds SET claim_until = now() - interval '1 day' WHERE refund_reference = :r", r=first)
    assert code_of(lambda: refunder.pay(first)) == "refund_forfeited"
    with pytest.raises(NotPermitted):
        payouts.forfeit(desk.office, desk.clerk)
    assert [one.reference for one in payouts.forfeit(desk.office, refunder.supervisor)] == [first]
    assert payouts.forfeit(desk.office, refunder.supervisor) == []
    assert refunder.ledger(sold) == (907_500, 0, 907_500)
    assert desk.value("SELECT sum(amount) FROM booking_charges WHERE charge_kind = 'kept_fee'") == 225_000 + 337_500
    assert code_of(lambda: refunder.pay(first)) == "refund_forfeited"
    desk.require_sound()

    def too_soon(tx: Any) -> None:
        tx.raw("UPDATE refunds SET refund_status = 'forfeited' WHERE refund_status = 'initiated'")

    assert code_of(lambda: desk.office.database.transaction(too_soon, actor=desk.clerk)) == "refund_claimable"


# -- quotas -----------------------------------------------------------------------------------------------------------


def test_too_many_changes_are_shown_to_the_supervisor(desk: Desk, refunder: Refunder) -> None:
    desk.decide(policy.MODIFICATIONS_PER_WINDOW, 1)
    first, second = desk.sell(1), desk.sell(1)
    refunder.cancel(first)
    asked = refunder.ask(second)
    assert asked.details["over_quota"] == "1 of 1 changes in 30 days"
    refunds.carry_out(desk.office, desk.clerk, refunder.approve(asked))
    rows = desk.owner("SELECT within_policy FROM booking_modifications ORDER BY id")
    assert [row.within_policy for row in rows] == [True, False]
    (stat,) = desk.owner("SELECT * FROM booking_modification_stats")
    assert (bytes(stat.customer), stat.count) == (desk.office.keys.digest(IDENTITY), 2)
    assert quotas.customer_of(None, bytes(stat.customer)) == bytes(stat.customer)


# -- races ------------------------------------------------------------------------------------------------------------


def test_sixteen_refund_one_booking(desk: Desk, refunder: Refunder, open_office: Callable[..., Office]) -> None:
    sold = desk.sell(2)
    offices = [open_office() for _ in range(4)]
    wanted = Cancellation(sold.booking_number)

    def whole(number: int) -> str:
        office = offices[number % 4]
        try:
            asked = refunds.request(office, desk.clerk, wanted, IDENTITY, "does not travel")
            if asked.status == "pending":
                asked = approvals.decide(office, refunder.supervisor, asked.id, approve=True)
            refunds.carry_out(office, desk.clerk, asked)
        except StateConflict as refused:
            return refused.reason
        return "cancelled"

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(whole, range(16)))
    assert answers.count("cancelled") == 1
    lost = {"ticket_cancelled", "approval_decided", "approval_used", "refund_requested"}
    assert set(answers) - {"cancelled"} <= lost
    assert desk.value("SELECT sum(refund_amount) FROM refunds") == 675_000
    assert (refunder.tickets(sold), desk.taken()) == (["cancelled"] * 2, 0)
    desk.require_sound()


def test_a_ticket_is_refunded_or_used(desk: Desk, refunder: Refunder) -> None:
    desk.decide(policy.BOARDING_OPENS_MINUTES, 100_000)
    for turn in range(6):
        sold = desk.sell(1, first=turn + 1)
        asked = refunder.approve(refunder.ask(sold, identity=f"317101010190{turn + 1:04}"))

        def cancel(asked: approvals.Approval = asked) -> str:
            try:
                refunds.carry_out(desk.office, desk.clerk, asked)
            except StateConflict as refused:
                return refused.reason
            return "cancelled"

        def scan(code: str = sold.tickets[0].code) -> str:
            return checkin.check_in(desk.office, desk.clerk, code, Gate("YK")).outcome.value

        tasks = [scan, cancel] if turn % 2 else [cancel, scan]
        with ThreadPoolExecutor(2) as pool:
            answers = {
                task.__name__: done for task, done in zip(tasks, pool.map(lambda one: one(), tasks), strict=True)
            }
        assert (answers["cancel"], answers["scan"]) in {("cancelled", "cancelled"), ("ticket_used", "ok")}
    desk.require_sound()


def test_the_database_wants_an_approval_for_just_this_booking(desk: Desk, refunder: Refunder) -> None:
    mine, other = desk.sell(1), desk.sell(1, first=2)
    refunder.cancel(mine)
    approval = desk.value("SELECT id FROM approvals")
    payment = desk.value("SELECT id FROM payments WHERE booking_id = :id", id=other.booking_id)
    modification, refund = UUID(int=77), UUID(int=78)

    def steal(tx: Any) -> None:
        after_sale.lock(tx, desk.office.network(), other.booking_id)
        tx.raw(
            "INSERT INTO booking_modifications (operator_id, id, booking_id, modification_type, reason, approval_id,"
            f" opened_by) VALUES (1, '{modification}', '{other.booking_id}', 'cancel', 'x', '{approval}',"
            f" '{desk.clerk.user_id}')"
        )
        tx.raw(
            "INSERT INTO refunds (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount,"
            f" refund_method, modification_id) VALUES (1, '{refund}', '{payment}', 'X-R', 'cancellation', 1000,"
            f" 'wallet', '{modification}')"
        )
        tx.raw(f"UPDATE refunds SET refund_status = 'completed' WHERE id = '{refund}'")

    assert code_of(lambda: desk.office.database.transaction(steal, actor=desk.clerk)) == "refund_not_approved"
    assert desk.value("SELECT count(*) FROM refunds WHERE refund_status = 'completed'") == 0


@pytest.mark.parametrize(
    ("check", "tampering"),
    [
        ("refunds_within_payments", "UPDATE refunds SET refund_amount = 1000000"),
        ("refunds_within_payments", "UPDATE payments SET payment_status = 'refunded'"),
        ("refunds_are_approved", "UPDATE booking_modifications SET approval_id = NULL"),
        ("owed_is_what_waits", "DELETE FROM booking_charges WHERE charge_kind = 'owed'"),
        ("cash_refunds_left_a_drawer", "UPDATE refunds SET refund_method = 'cash', refund_status = 'completed'"),
        ("changes_are_closed", "UPDATE booking_modifications SET status = 'open', closed_at = NULL"),
        (
            "cancelled_bookings_have_no_live_ticket",
            "UPDATE tickets SET ticket_status = 'active' WHERE id = (SELECT min(id) FROM tickets)",
        ),
        ("seats_match_tickets_and_holds", "UPDATE seat_inventory SET occupied = 1 WHERE seat_id = 1"),
    ],
)
def test_the_integrity_check_names_what_was_tampered_with(
    desk: Desk, refunder: Refunder, check: str, tampering: str
) -> None:
    refunder.cancel(desk.sell(1))
    tables = ("refunds", "payments", "booking_modifications", "booking_charges", "tickets")
    desk.require_sound()
    for table in tables:
        desk.owner(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    if check == "changes_are_closed":
        desk.owner("UPDATE refunds SET refund_status = 'forfeited'")
    desk.owner(tampering)
    found = {one.name: one for one in integrity.verify(desk.office)}
    assert not found[check].ok


def test_where_money_went_is_forgotten_with_the_person(desk: Desk, refunder: Refunder, database: TestDatabase) -> None:
    sold = desk.sell(1)
    refunder.pay(refunder.cancel(sold).refunds[0].reference)
    who = person(desk.office.keys, identity=IDENTITY)
    with owning(database.owner_url) as engine, engine.begin() as connection:
        erasure.erase_rows(connection, 1, erasure.whereabouts(connection, 1, who))
    assert desk.value("SELECT payout_account FROM refunds") is None
    assert desk.count("booking_modification_stats") == 0
