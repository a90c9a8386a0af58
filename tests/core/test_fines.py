"""Fines on the real database: written at gate and counter, paid once, in the shift's figures, and bans at the sale."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from uuid_utils.compat import uuid7

from core import approvals, bans, fine_settling, fines, party, policy, sale
from core.approvals import ApprovalNeeded, NotApproved
from core.bans import TravelBan
from core.database import Actor
from core.errors import CounterError, NotPermitted
from core.fines import Fine, FineOrder
from core.ops import erasure, retention
from core.passengers import PassengerInput
from core.payments import Tender
from core.personal_data import export, person
from core.shifts import closing, counting
from tests.conftest import sign_in

if TYPE_CHECKING:
    from core.office import Office
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk

NIK = "3171010101900001"
BUDI = FineOrder(name="Budi", identity=NIK, train="43", origin="CN", destination="GMR")


@pytest.fixture
def supervisor(office: Office) -> Actor:
    return sign_in(office, "3001", "SPV-1")


def code_of(work: Callable[[], Any], kind: type[CounterError] = CounterError) -> str:
    with pytest.raises(kind) as refused:
        work()
    return refused.value.reason


def fine(desk: Desk, order: FineOrder = BUDI, actor: Actor | None = None) -> Fine:
    return fines.issue(desk.office, actor or desk.clerk, order)


def pay(desk: Desk, number: int, tender: Tender | None = None, **more: Any) -> fine_settling.Paid:
    key = more.pop("key", None) or uuid7()
    return fine_settling.pay(desk.office, desk.clerk, number, tender or Tender("cash"), key=key, **more)


def test_it_costs_twice_the_lowest_fare_of_the_stretch(desk: Desk) -> None:
    one = fine(desk)
    lowest = one.decided_with["lowest_fare"]
    assert lowest % 1_000 == 0
    assert one.amount == 2 * lowest
    assert (one.number, one.status, one.name, one.identity) == (1, "open", "BUDI", "…0001")
    cheaper = fine(desk, FineOrder(name="Budi", identity=NIK, train="43"))
    assert cheaper.amount < one.amount
    desk.decide(policy.FINE_MULTIPLE, 3, train="43")
    assert fine(desk).amount == 3 * lowest


def test_the_identity_is_sealed_and_found_by_its_digest(desk: Desk) -> None:
    fine(desk)
    row = desk.owner("SELECT * FROM fines")[0]
    assert NIK.encode() not in bytes(row.identity_number)
    assert bytes(row.identity_digest) == desk.office.keys.digest(NIK)
    assert [one.number for one in fines.listed(desk.office, desk.clerk, identity=NIK)] == [1]
    assert fines.listed(desk.office, desk.clerk, identity="3171010101900002") == []


def test_a_gate_writes_one_by_the_ticket_and_settles_none(desk: Desk, gate_agent: Actor) -> None:
    sold = desk.sell(1, origin="YK", destination="CN")
    one = fine(desk, FineOrder(ticket=sold.tickets[0].number, destination="GMR"), gate_agent)
    assert (one.name, one.identity, one.origin, one.destination) == ("PENUMPANG 1", "…0001", "CN", "GMR")
    assert desk.value("SELECT identity_digest FROM fines") == desk.office.keys.digest(NIK)
    for work in (
        lambda: fine_settling.pay(desk.office, gate_agent, 1, Tender("cash"), key=uuid7()),
        lambda: fine_settling.waive(desk.office, gate_agent, 1, "friend"),
        lambda: bans.lift(desk.office, gate_agent, desk.office.keys.digest(NIK), "friend"),
    ):
        assert code_of(work, NotPermitted) == "not_permitted"
    desk.require_sound()


def test_a_gates_login_can_write_fines_and_change_none(desk: Desk, database: TestDatabase) -> None:
    fine(desk)
    with psycopg.connect(database.gate_url, autocommit=True) as gate:
        assert gate.execute("SELECT fine_number FROM fines").fetchall() == [(1,)]
        for statement in (
            "UPDATE fines SET status = 'paid'",
            "DELETE FROM fines",
            "SELECT identity_digest FROM fines",
            "SELECT identity_number FROM fines",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                gate.execute(statement)


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (FineOrder(name="Budi", identity=NIK), "train_missing"),
        (FineOrder(name="Budi", identity=NIK, train="999"), "unknown_train"),
        (FineOrder(name="Budi", identity="12", train="43"), "identity_invalid"),
        (FineOrder(name="", identity=NIK, train="43"), "name_invalid"),
        (FineOrder(name="Budi", identity=NIK, train="43", origin="GMR", destination="YK"), "no_connection"),
        (FineOrder(name="Budi", identity=NIK, train="43", kind="dancing"), "fine_kind_unknown"),
        (FineOrder(name="Budi", identity=NIK, train="43", class_code="ZZZ"), "unknown_class"),
        (FineOrder(ticket="123456789012"), "unknown_ticket"),
    ],
)
def test_what_is_no_fine(desk: Desk, order: FineOrder, code: str) -> None:
    assert code_of(lambda: fine(desk, order)) == code
    assert desk.count("fines") == 0


def test_paying_takes_the_cash_into_the_shift_and_its_z(desk: Desk) -> None:
    one = fine(desk)
    other = fine(desk, FineOrder(name="Siti", identity="3171014507920003", train="43"))
    paid = pay(desk, one.number, Tender("cash", one.amount + 5_000), printer="file")
    pay(desk, other.number, Tender("debit_card", reference="A12345", card_last_four="4242"))
    assert (paid.fine.status, paid.fine.change, paid.fine.paid_by) == ("paid", 5_000, desk.clerk.full_name)
    x = closing.x_report(desk.office, desk.clerk)
    assert x["fines"] == {
        "cash": {"count": 1, "amount": one.amount},
        "debit_card": {"count": 1, "amount": other.amount},
    }
    assert x["fines_total"] == {"count": 2, "amount": one.amount + other.amount}
    assert x["sales_total"]["count"] == 0
    counted = counting.count(desk.office, desk.clerk, {1_000: one.amount // 1_000})
    assert (counted.expected, counted.difference) == (one.amount, 0)
    closed = closing.close(desk.office, desk.clerk)
    assert closed.report.body["fines"]["cash"]["amount"] == one.amount
    desk.require_sound()


def test_verify_sees_a_z_that_hides_a_fine(desk: Desk) -> None:
    one = fine(desk)
    pay(desk, one.number)
    counting.count(desk.office, desk.clerk, {1_000: one.amount // 1_000})
    closing.close(desk.office, desk.clerk)
    desk.require_sound()
    for table, change in (
        ("z_reports", "UPDATE z_reports SET body = jsonb_set(body, '{fines}', '{}')"),
        ("fines", "UPDATE fines SET amount = amount + 1000, tendered = tendered + 1000"),
    ):
        desk.owner(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        desk.owner(change)
        desk.owner(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        with pytest.raises(AssertionError, match="fines cash"):
            desk.require_sound()


def test_a_receipt_without_the_name_is_queued(desk: Desk) -> None:
    one = fine(desk)
    job = pay(desk, one.number, printer="file").job_id
    document = desk.value("SELECT document FROM print_jobs WHERE id = :id", id=job)
    assert (document["report"], document["number"], document["amount"]) == ("fine", 1, one.amount)
    assert "BUDI" not in str(document)
    assert NIK not in str(document)


def test_a_slips_reference_is_concealed(desk: Desk) -> None:
    pay(desk, fine(desk).number, Tender("credit_card", reference="APPROVAL-778899"))
    stored = desk.value("SELECT external_reference FROM fines")
    assert "APPROVAL-778899" not in stored
    assert stored.startswith("…8899")


def test_the_same_key_pays_once(desk: Desk) -> None:
    one, key = fine(desk), uuid7()
    first, again = pay(desk, one.number, key=key), pay(desk, one.number, key=key)
    assert first.fine == again.fine
    assert code_of(lambda: pay(desk, one.number)) == "fine_paid"
    assert code_of(lambda: pay(desk, fine(desk).number, key=key)) == "key_reused"
    assert closing.x_report(desk.office, desk.clerk)["fines_total"]["count"] == 1


@pytest.mark.parametrize(
    ("tender", "code"),
    [
        (Tender("cash", 1), "tendered_too_little"),
        (Tender("qris"), "method_waits"),
        (Tender("debit_card"), "reference_missing"),
    ],
)
def test_what_pays_no_fine(desk: Desk, tender: Tender, code: str) -> None:
    one = fine(desk)
    assert code_of(lambda: pay(desk, one.number, tender)) == code
    assert fines.find(desk.office, desk.clerk, one.number).status == "open"


def test_eight_counters_pay_one_fine_at_once(desk: Desk) -> None:
    one = fine(desk)
    clients = [sign_in(desk.office, "1001", f"RUSH-{n}") for n in range(8)]
    start = Barrier(len(clients))

    def work(actor: Actor) -> str:
        start.wait()
        try:
            fine_settling.pay(desk.office, actor, one.number, Tender("cash"), key=uuid7())
        except CounterError as error:
            return error.reason
        return "paid"

    with ThreadPoolExecutor(len(clients)) as pool:
        answers = sorted(pool.map(work, clients))
    assert answers == ["fine_paid"] * 7 + ["paid"]
    totals = [closing.x_report(desk.office, actor)["fines_total"]["amount"] for actor in clients]
    assert sorted(totals) == [0] * 7 + [one.amount]
    desk.require_sound()


def test_nothing_is_paid_into_a_counted_shift(desk: Desk) -> None:
    one = fine(desk)
    counting.count(desk.office, desk.clerk, {})
    assert code_of(lambda: pay(desk, one.number)) == "shift_counted"
    with pytest.raises(CounterError) as refused:
        desk.office.database.transaction(
            lambda tx: tx.raw(
                "UPDATE fines SET status = 'paid', paid_at = now(), payment_method = 'wallet', paid_by = acting_user(),"
                " shift_id = (SELECT id FROM shifts)"
            ).all(),
            actor=desk.clerk,
        )
    assert refused.value.reason == "shift_closed"


def test_a_settled_fine_stays_as_it_is(desk: Desk) -> None:
    pay(desk, fine(desk).number)
    for change in ("amount = 1, tendered = 1, change_given = 0", "status = 'open', paid_at = NULL"):
        with pytest.raises(Exception, match=r"kept as it was written|cannot become"):
            desk.owner(f"UPDATE fines SET {change}")
    with pytest.raises(Exception, match="kept as it was written"):
        desk.owner("DELETE FROM fines")


def test_a_clerk_waives_with_an_approval_for_just_this(desk: Desk, supervisor: Actor) -> None:
    one, other = fine(desk), fine(desk)
    office = desk.office
    assert code_of(lambda: fine_settling.waive(office, desk.clerk, one.number, "wrong person"), ApprovalNeeded)
    asked = approvals.request(
        office, desk.clerk, fine_settling.wish_for(office, desk.clerk, one.number), "wrong person"
    )
    approvals.decide(office, supervisor, asked.id, approve=True)
    with pytest.raises(NotApproved):
        fine_settling.waive(office, desk.clerk, other.number, "wrong person", approval_id=asked.id)
    done = fine_settling.waive(office, desk.clerk, one.number, "wrong person", approval_id=asked.id)
    assert (done.status, done.waive_reason) == ("waived", "wrong person")
    assert code_of(lambda: pay(desk, one.number)) == "fine_waived"
    assert fine_settling.waive(office, supervisor, other.number, "paid on the train").status == "waived"
    assert code_of(lambda: fine_settling.waive(office, supervisor, fine(desk).number, " ")) == "reason_missing"
    desk.require_sound()


def test_the_database_lets_no_clerk_off_by_himself(desk: Desk) -> None:
    fine(desk)
    for change in (
        "status = 'waived', waived_at = now(), waived_by = acting_user(), waive_reason = 'me'",
        "ban_lifted_at = now(), ban_lifted_by = acting_user(), ban_lift_reason = 'me'",
    ):
        with pytest.raises(NotPermitted) as refused:
            desk.office.database.transaction(
                lambda tx, change=change: tx.raw(f"UPDATE fines SET {change} RETURNING id").all(), actor=desk.clerk
            )
        assert refused.value.reason == "not_permitted"


# -- bans ----


def test_who_is_fined_buys_nothing_until_it_is_paid(desk: Desk) -> None:
    one = fine(desk)
    held = desk.hold(2)
    with pytest.raises(TravelBan) as refused:
        desk.confirm(held)
    assert refused.value.reason == "travel_ban"
    assert refused.value.details["fines"] == [one.number]
    assert refused.value.details["until"] in refused.value.message
    assert "Paying lifts" in refused.value.hint
    assert desk.status(held.booking_id) == "pending"
    pay(desk, one.number)
    assert desk.confirm(held).status == "confirmed"
    desk.require_sound()


def test_every_way_to_buy_asks(desk: Desk) -> None:
    fine(desk)
    people = [PassengerInput("Budi", NIK)]
    held = desk.hold(1)
    office = desk.office
    from core.payments import awaited, parts

    for work in (
        lambda: party.name_passengers(office, desk.clerk, held.booking_id, people),
        lambda: parts.take(office, desk.clerk, held.booking_id, people, Tender("cash"), 10_000, key=uuid7()),
        lambda: sale.sell(office, desk.clerk, desk.request(1), people, Tender("cash"), key=uuid7()),
        lambda: awaited.begin(office, desk.clerk, held.booking_id, people, "qris", None),
    ):
        assert code_of(work, TravelBan) == "travel_ban"


def test_a_party_that_was_named_before_its_fine_is_asked_again(desk: Desk) -> None:
    held = desk.hold(1)
    party.name_passengers(desk.office, desk.clerk, held.booking_id, [PassengerInput("Budi", NIK)])
    fine(desk)
    with pytest.raises(TravelBan):
        sale.confirm(desk.office, desk.clerk, held.booking_id, None, Tender("cash"), key=uuid7())


def test_policy_says_how_long(desk: Desk) -> None:
    for _ in range(4):
        fine(desk)
    desk.owner("UPDATE fines SET issued_at = now() - interval '100 days'")
    assert code_of(lambda: desk.sell(1)) == "travel_ban"  # four: 180 days
    pay(desk, 1)
    assert desk.sell(1).status == "confirmed"  # three: 90 days, and they are over
    desk.decide(policy.BAN_DAYS, 120)
    assert code_of(lambda: desk.sell(1)) == "travel_ban"


def test_a_supervisor_lifts_a_ban_and_the_fine_stays(desk: Desk, supervisor: Actor) -> None:
    office, digest = desk.office, desk.office.keys.digest(NIK)
    fine(desk)
    assert [one.name for one in bans.listed(office, desk.clerk)] == ["BUDI"]
    assert code_of(lambda: bans.lift(office, desk.clerk, digest, "please"), ApprovalNeeded) == "approval_needed"
    lifted = bans.lift(office, supervisor, bans.digest_of(office, fine=1), "goes to a funeral")
    assert (lifted.identity, lifted.ban.amount) == ("…0001", desk.value("SELECT amount FROM fines"))
    assert bans.listed(office, desk.clerk) == []
    assert desk.sell(1).status == "confirmed"
    assert fines.find(office, desk.clerk, 1).status == "open"
    assert code_of(lambda: bans.lift(office, supervisor, digest, "again")) == "not_banned"
    trail = desk.value("SELECT new_values FROM audit_logs WHERE entity_type = 'fines' AND new_values ? 'banned'")
    assert (trail["banned"], trail["reason"]) == (False, "goes to a funeral")
    fine(desk)
    assert code_of(lambda: desk.sell(1, first=1)) == "travel_ban"
    desk.require_sound()


def test_a_clerk_lifts_a_ban_with_an_approval(desk: Desk, supervisor: Actor) -> None:
    office, digest = desk.office, desk.office.keys.digest(NIK)
    fine(desk)
    asked = approvals.request(office, desk.clerk, bans.wish_for(office, desk.clerk, digest), "goes to a funeral")
    approvals.decide(office, supervisor, asked.id, approve=True)
    fine(desk)
    with pytest.raises(NotApproved):  # it was given for one fine, and there are two now
        bans.lift(office, desk.clerk, digest, "goes to a funeral", approval_id=asked.id)
    fine_settling.waive(office, supervisor, 2, "twice")
    assert bans.lift(office, desk.clerk, digest, "goes to a funeral", approval_id=asked.id).name == "BUDI"
    desk.require_sound()


def test_the_question_uses_its_index(desk: Desk) -> None:
    desk.owner("SET enable_seqscan = off")
    plan = desk.owner(
        "EXPLAIN SELECT fine_number FROM fines WHERE operator_id = 1 AND status = 'open' AND ban_lifted_at IS NULL"
        " AND identity_digest = ANY(ARRAY['\\x00'::bytea])"
    )
    desk.owner("RESET enable_seqscan")
    assert any("ix_fines_banning" in row[0] for row in plan)


# -- personal data ----


def test_a_person_is_told_of_fines_and_taken_out_of_them(desk: Desk, supervisor: Actor, database: TestDatabase) -> None:
    who = person(desk.office.keys, identity=NIK)
    one = fine(desk)
    told = export(desk.office, supervisor, who)["held"]["fines"]
    assert [(row["person_name"], row["identity_number"]) for row in told] == [("BUDI", NIK)]
    erase = (database.owner_url, database.keys_folder, supervisor, who)
    assert code_of(lambda: erasure.erase(*erase)) == "fine_open"
    pay(desk, one.number)
    assert erasure.erase(*erase).fines == 1
    row = desk.owner("SELECT * FROM fines")[0]
    assert (row.person_name, row.identity_number, bytes(row.identity_digest)) == ("ERASED", None, b"")
    assert row.amount == one.amount
    assert code_of(lambda: erasure.erase(*erase)) == "person_unknown"
    desk.require_sound()


def test_settled_fines_are_forgotten_in_time(desk: Desk, database: TestDatabase) -> None:
    pay(desk, fine(desk).number)
    fine(desk)
    desk.owner("ALTER TABLE fines DISABLE TRIGGER USER")
    desk.owner("UPDATE fines SET paid_at = now() - interval '20 years' WHERE status = 'paid'")
    desk.owner("ALTER TABLE fines ENABLE TRIGGER USER")
    assert retention.retain(database.owner_url).erased.fines == 1
    assert [row.person_name for row in desk.owner("SELECT person_name FROM fines ORDER BY fine_number")] == [
        "ERASED", "BUDI",
    ]  # fmt: skip


def test_another_operator_sees_none(desk: Desk, two: psycopg.Connection[Any]) -> None:
    fine(desk, FineOrder(name="Budi", identity="P1234567", train="43"))
    assert two.execute("SELECT count(*) FROM fines").fetchall() == [(0,)]
