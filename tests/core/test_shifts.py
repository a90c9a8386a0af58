"""Shifts: what goes into a drawer and out of it, counted blindly, closed once with an unchangeable report."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from core import approvals, print_journal, shifts, staff, terminals
from core.approvals import ApprovalNeeded, NotApproved
from core.database import Actor
from core.errors import CounterError, NotFound, NotPermitted, Refused, StateConflict, UsageError
from core.ops import integrity
from core.policy import CASH_OUT_LIMIT, SHIFT_RECOUNTS, X_SHOWS_EXPECTED
from core.shifts import NoOpenShift, closing, counting, movements, sheet
from core.shifts.counting import DENOMINATIONS, RollEnd
from core.shifts.figures import Count, Figures, Movement, Sum
from core.shifts.movements import Move
from tests.conftest import PIN, sign_in
from tests.core.conftest import Desk


def cents(amount: int) -> dict[int, int]:
    """Notes and coins that make up an amount."""
    pieces = {}
    for worth in DENOMINATIONS:
        pieces[worth], amount = divmod(amount, worth)
    assert amount == 0
    return pieces


@pytest.fixture
def clerk(office: Any) -> Actor:
    """A clerk with a shift of his own, opened with a float."""
    here = terminals.register(office, "TEST-1", station="YK")
    actor = staff.sign_in(office, here, "1001", PIN, program="tests").actor
    shifts.open_shift(office, actor, 300_000, roll=("a17", 100))
    return actor


def expected(desk: Desk) -> int:
    boss = sign_in(desk.office, "3001", "TEST-1")
    return int(closing.x_report(desk.office, boss)["expected"])


def move(desk: Desk, kind: str, amount: int, **more: Any) -> None:
    movements.record(desk.office, desk.clerk, Move(kind, amount, "a reason", **more))


def close(desk: Desk, off: int = 0, **more: Any) -> closing.Closed:
    counting.count(desk.office, desk.clerk, cents(expected(desk) + off))
    return closing.close(desk.office, desk.clerk, **more)


def code_of(caught: pytest.ExceptionInfo[CounterError]) -> str:
    return caught.value.reason


# Figures


@given(
    st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9),
    st.lists(st.tuples(st.sampled_from(["cash_in", "cash_out", "drop", "no_sale"]), st.integers(1, 10**8))),
)  # fmt: skip
def test_what_should_be_in_the_drawer(opening: int, sold: int, refunded: int, moves: list[tuple[str, int]]) -> None:
    figures = Figures(
        opening,
        sales={"cash": Sum(3, sold), "qris": Sum(1, 10**6)},
        refunds={"cash": Sum(1, refunded), "bank_transfer": Sum(1, 5)},
        movements=tuple(Movement(kind, amount * (kind != "no_sale"), "r", None, "", "") for kind, amount in moves),
    )
    signs = {"cash_in": 1, "cash_out": -1, "drop": -1, "no_sale": 0}
    assert figures.expected == opening + sold - refunded + sum(signs[kind] * amount for kind, amount in moves)
    assert "expected" not in figures.as_json()


def test_a_count_adds_up() -> None:
    assert Count({100_000: 3, 500: 7}).amount == 303_500
    assert Count({}).amount == 0


# Opening and movements


def test_an_open_shift_is_in_the_way_of_another(desk: Desk) -> None:
    with pytest.raises(StateConflict) as caught:
        shifts.open_shift(desk.office, desk.clerk, 1)
    assert code_of(caught) == "shift_open"
    other = sign_in(desk.office, "3001", "TEST-1")
    with pytest.raises(NoOpenShift, match="belongs to shift 1 of Sari"):
        desk.office.database.transaction(lambda tx: shifts.ask(tx).read(), actor=other)


def test_movements_change_what_should_be_there(desk: Desk) -> None:
    assert expected(desk) == 300_000
    desk.sell(1)
    paid = int(desk.value("SELECT sum(amount) FROM payments"))
    move(desk, "cash_in", 50_000)
    move(desk, "cash_out", 20_000)
    move(desk, "drop", 100_000, bag="B-77")
    move(desk, "no_sale", 0)
    assert expected(desk) == 300_000 + paid + 50_000 - 20_000 - 100_000
    report = closing.x_report(desk.office, desk.clerk)
    assert [one["bag"] for one in report["movements"]] == [None, None, "B-77", None]
    assert (report["no_sales"], report["drops"]) == (1, {"count": 1, "amount": 100_000})


@pytest.mark.parametrize(
    ("bad", "error", "code"),
    [
        (Move("cash_in", 0, "r"), UsageError, "amount_invalid"),
        (Move("cash_out", -5, "r"), UsageError, "amount_invalid"),
        (Move("no_sale", 5, "r"), UsageError, "amount_invalid"),
        (Move("cash_out", 5, "  "), Refused, "reason_missing"),
        (Move("drop", 5, "r", " "), Refused, "bag_missing"),
        (Move("cash_in", 5, "\x00\x1b"), Refused, "reason_missing"),
    ],
)
def test_movements_that_cannot_be(desk: Desk, bad: Move, error: type[CounterError], code: str) -> None:
    with pytest.raises(error) as caught:
        movements.record(desk.office, desk.clerk, bad)
    assert code_of(caught) == code
    assert desk.count("cash_movements") == 0


def test_a_large_payment_out_takes_a_second_person(desk: Desk) -> None:
    desk.decide(CASH_OUT_LIMIT, 10_000)
    large = Move("cash_out", 10_001, "taxi for a stranded family")
    with pytest.raises(ApprovalNeeded):
        movements.record(desk.office, desk.clerk, large)
    wish = movements.wish_for(desk.office, desk.clerk, large)
    asked = approvals.request(desk.office, desk.clerk, wish, large.reason)
    here = terminals.register(desk.office, "TEST-1")
    approvals.decide_in_place(desk.office, here, asked.id, "3001", PIN)
    with pytest.raises(NotApproved):
        movements.record(desk.office, desk.clerk, Move("cash_out", 10_002, large.reason), approval_id=asked.id)
    movements.record(desk.office, desk.clerk, large, approval_id=asked.id)
    with pytest.raises(NotApproved):
        movements.record(desk.office, desk.clerk, large, approval_id=asked.id)
    assert desk.value("SELECT approval_id FROM cash_movements") == asked.id
    assert desk.count("cash_movements") == 1


def test_a_gate_agent_has_no_drawer(desk: Desk, gate_agent: Actor) -> None:
    with pytest.raises(NotPermitted):
        movements.record(desk.office, gate_agent, Move("cash_in", 5, "r"))
    with pytest.raises(NotPermitted):
        closing.x_report(desk.office, gate_agent)


# The count


def test_before_the_count_a_clerk_is_not_told_what_should_be_there(desk: Desk) -> None:
    assert closing.x_report(desk.office, desk.clerk)["expected"] is None
    desk.decide(X_SHOWS_EXPECTED, True)
    assert closing.x_report(desk.office, desk.clerk)["expected"] == 300_000


def test_the_count_ends_the_shift_and_tells_the_difference(desk: Desk) -> None:
    done = counting.count(desk.office, desk.clerk, {100_000: 2, 50: 1})
    assert (done.expected, done.count.amount, done.difference) == (300_000, 200_050, -99_950)
    assert (done.needs_approval, done.recounts_left) == (True, 1)
    assert closing.x_report(desk.office, desk.clerk)["expected"] == 300_000
    held = desk.hold(1)
    with pytest.raises(NoOpenShift) as caught:
        desk.confirm(held)
    assert code_of(caught) == "shift_counted"
    with pytest.raises(NoOpenShift):
        move(desk, "cash_in", 5)


def test_a_recount_stands_beside_the_first(desk: Desk) -> None:
    counting.count(desk.office, desk.clerk, {100_000: 2})
    done = counting.count(desk.office, desk.clerk, {100_000: 3})
    assert [one.amount for one in done.attempts] == [200_000, 300_000]
    assert (done.difference, done.recounts_left) == (0, 0)
    with pytest.raises(Refused) as caught:
        counting.count(desk.office, desk.clerk, {})
    assert code_of(caught) == "recounts_used"
    report = _closed_with_approval(desk, done)
    assert [sum(line["amount"] for line in one) for one in report.body["counts"]] == [200_000, 300_000]


def _closed_with_approval(desk: Desk, done: counting.Counted) -> sheet.StoredZ:
    asked = approvals.request(desk.office, desk.clerk, done.wish(), "miscounted")
    approvals.decide(desk.office, sign_in(desk.office, "3001", "TEST-9"), asked.id, approve=True)
    return closing.close(desk.office, desk.clerk, reason="miscounted", approval_id=asked.id).report


def test_a_recount_that_fits_does_not_undo_what_was_counted_before(desk: Desk) -> None:
    """The first count tells what should be there: whoever counts again could just repeat it."""
    counting.count(desk.office, desk.clerk, {})
    done = counting.count(desk.office, desk.clerk, {100_000: 3})
    assert (done.difference, done.worst, done.needs_reason, done.needs_approval) == (0, -300_000, True, True)
    with pytest.raises(Refused) as caught:
        closing.close(desk.office, desk.clerk)
    assert code_of(caught) == "reason_missing"
    with pytest.raises(Refused) as caught:
        closing.close(desk.office, desk.clerk, reason="miscounted")
    assert code_of(caught) == "approval_needed"
    assert _closed_with_approval(desk, done).body["difference"] == 0
    desk.require_sound()


def test_policy_may_allow_no_recount(desk: Desk) -> None:
    desk.decide(SHIFT_RECOUNTS, 0)
    assert counting.count(desk.office, desk.clerk, {}).recounts_left == 0
    with pytest.raises(Refused):
        counting.count(desk.office, desk.clerk, {100_000: 3})


@pytest.mark.parametrize(("pieces", "code"), [({3: 1}, "denomination_unknown"), ({50: -1}, "pieces_invalid"),
                                              ({50: 100_001}, "pieces_invalid")])  # fmt: skip
def test_what_is_no_count(desk: Desk, pieces: dict[int, int], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        counting.count(desk.office, desk.clerk, pieces)
    assert code_of(caught) == code
    assert desk.value("SELECT status FROM shifts") == "open"


def test_ticket_stock_is_compared_with_what_was_printed(desk: Desk) -> None:
    sold = desk.sell(2, printer="file")
    desk.owner("UPDATE print_jobs SET state = 'sent', sent_at = now()")
    done = counting.count(desk.office, desk.clerk, cents(300_000 + sold.paid), (RollEnd("A17", 104, 1),))
    assert done.figures.work.originals_printed == 2
    assert done.figures.unaccounted == 1  # four blanks are gone: two printed, one spoilt
    report = closing.close(desk.office, desk.clerk).report
    assert report.body["rolls"] == [{"roll": "A17", "first_number": 100, "next_number": 104, "used": 4, "spoilt": 1}]
    assert report.body["stock_unaccounted"] == 1


@pytest.mark.parametrize(
    ("end", "code"),
    [(RollEnd("B1", 104), "unknown_roll"), (RollEnd("A17", 99), "roll_numbers"),
     (RollEnd("A17", 101, 2), "roll_spoilt"), (RollEnd("A17", -1), "roll_invalid"), (RollEnd("", 104), "roll_invalid")],
)  # fmt: skip
def test_stock_that_cannot_be(desk: Desk, end: RollEnd, code: str) -> None:
    with pytest.raises(CounterError) as caught:
        counting.count(desk.office, desk.clerk, {}, (end,))
    assert code_of(caught) == code
    assert desk.value("SELECT status FROM shifts") == "open"


# Closing


def test_a_shift_that_is_not_counted_is_not_closed(desk: Desk) -> None:
    with pytest.raises(Refused) as caught:
        closing.close(desk.office, desk.clerk)
    assert code_of(caught) == "shift_not_counted"


def test_a_drawer_that_fits_closes_without_a_word(desk: Desk) -> None:
    done = close(desk)
    assert (done.report.number, done.report.body["difference"], done.job_id) == (1, 0, None)
    assert done.report.body["difference_reason"] is None
    assert shifts.current(desk.office, desk.clerk) is None
    with pytest.raises(NoOpenShift):
        closing.close(desk.office, desk.clerk)
    desk.require_sound()


def test_a_small_difference_takes_a_reason(desk: Desk) -> None:
    with pytest.raises(Refused) as caught:
        close(desk, 1_000)
    assert code_of(caught) == "reason_missing"
    assert caught.value.details["difference"] == 1_000
    done = closing.close(desk.office, desk.clerk, reason="a customer left his change")
    assert (done.report.body["difference"], done.report.body["approved_by"]) == (1_000, None)
    desk.require_sound()


def test_a_large_difference_takes_a_second_person(desk: Desk) -> None:
    with pytest.raises(ApprovalNeeded):
        close(desk, -20_050, reason="lost")
    wish = counting.counted(desk.office, desk.clerk).wish()
    asked = approvals.request(desk.office, desk.clerk, wish, "lost")
    here = terminals.register(desk.office, "TEST-1")
    approvals.decide_in_place(desk.office, here, asked.id, "3001", PIN)
    done = closing.close(desk.office, desk.clerk, reason="lost", approval_id=asked.id)
    assert (done.report.body["approved_by"], done.report.body["difference"]) == ("Wulan", -20_050)
    assert desk.value("SELECT status FROM approvals") == "used"
    desk.require_sound()


def test_an_approval_of_one_count_does_not_cover_the_next(desk: Desk) -> None:
    with pytest.raises(ApprovalNeeded):
        close(desk, -50_000, reason="lost")
    asked = approvals.request(desk.office, desk.clerk, counting.counted(desk.office, desk.clerk).wish(), "lost")
    approvals.decide(desk.office, sign_in(desk.office, "3001", "OFFICE"), asked.id, approve=True)
    counting.count(desk.office, desk.clerk, cents(300_000 - 60_000))
    with pytest.raises(NotApproved):
        closing.close(desk.office, desk.clerk, reason="lost", approval_id=asked.id)


def test_another_clerks_shift_is_a_supervisors_to_close(desk: Desk) -> None:
    supervisor = sign_in(desk.office, "3001", "TEST-1")
    counting.count(desk.office, supervisor, cents(300_000))
    done = closing.close(desk.office, supervisor)
    assert (done.report.body["clerk"], done.report.body["closed_by"]) == ("Sari", "Wulan")
    desk.require_sound()


def test_a_scripted_shift_closes_the_same_way(desk: Desk, office: Any) -> None:
    close(desk)
    opened = shifts.open_for_scripts(office, desk.clerk)
    desk.sell(1)
    done = close(desk)
    assert (opened.is_scripted, done.report.body["float"], done.report.body["scripted"]) == (True, 0, True)
    assert done.report.number == 2
    desk.require_sound()


def test_reports_are_chained_and_found_again(desk: Desk) -> None:
    first = close(desk).report
    shifts.open_shift(desk.office, desk.clerk, 0)
    desk.sell(2)
    second = close(desk).report
    assert second.body["previous_digest"] == first.digest.hex()
    stored = sheet.z_report(desk.office, desk.clerk, 2)
    assert stored.body == second.body  # what JSON gave back is what was hashed
    assert closing.digest(first.digest, stored.body) == stored.digest == second.digest
    assert sheet.z_report(desk.office, desk.clerk).number == 2
    with pytest.raises(NotFound):
        sheet.z_report(desk.office, desk.clerk, 3)
    assert [one.z_number for one in sheet.of_day(desk.office, desk.clerk)] == [2, 1]
    assert (second.body["bookings"], second.body["tickets"]) == (1, 2)
    assert second.body["first_booking"] == second.body["last_booking"]


def test_the_report_is_queued_for_the_printer(desk: Desk) -> None:
    done = close(desk, printer="file")
    assert done.job_id is not None
    job = print_journal.find_document(desk.office, done.job_id)
    assert job is not None
    assert (job.kind, job.state, job.document) == ("z_report", "queued", done.report.as_json())
    assert print_journal.open_documents(desk.office, desk.clerk) == [job]
    assert print_journal.open_jobs(desk.office, desk.clerk) == []
    assert print_journal.mark_sent(desk.office, desk.clerk, job, "P1")
    assert not print_journal.mark_sent(desk.office, desk.clerk, job, "P2")
    assert print_journal.settle(desk.office, desk.clerk, job, "confirmed")
    assert print_journal.open_documents(desk.office, desk.clerk) == []


# Closed is closed


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE shifts SET counted_amount = 1",
        "DELETE FROM shifts",
        "UPDATE z_reports SET body = '{}'",
        "DELETE FROM z_reports",
        "UPDATE stock_counts SET next_number = 500",
        "INSERT INTO cash_movements (operator_id, id, shift_id, movement_kind, amount, reason, recorded_by)"
        " SELECT 1, gen_random_uuid(), id, 'cash_in', 5, 'r', user_id FROM shifts",
        "INSERT INTO shift_counts (operator_id, id, shift_id, attempt, denomination, pieces, counted_by)"
        " SELECT 1, gen_random_uuid(), id, 9, 100, 5, user_id FROM shifts",
        "UPDATE payments SET shift_id = NULL",
        "UPDATE shift_counts SET pieces = 5",
    ],
)
def test_nothing_changes_a_closed_shift(desk: Desk, database: Any, statement: str) -> None:
    desk.sell(1)
    close(desk)
    for url in (database.owner_url, database.counter_url):
        with psycopg.connect(url, autocommit=True) as session, pytest.raises(psycopg.Error) as caught:
            session.execute(statement)  # type: ignore[arg-type]
        assert isinstance(caught.value, psycopg.errors.CheckViolation | psycopg.errors.InsufficientPrivilege)
    desk.require_sound()


def test_money_that_arrives_after_the_close_is_in_nobodys_drawer(desk: Desk) -> None:
    held = desk.hold(1)
    desk.owner(
        "INSERT INTO payments (operator_id, id, booking_id, payment_reference, payment_method, payment_status, amount,"
        " taken_by, terminal_id, shift_id) SELECT 1, gen_random_uuid(), b.id, 'X-1', 'qris', 'pending', 5000,"
        " b.sold_by, b.terminal_id, s.id FROM bookings b, shifts s WHERE b.id = :id",
        id=held.booking_id,
    )
    assert closing.x_report(desk.office, desk.clerk)["payments_under_way"] == 1
    report = close(desk).report
    assert report.body["sales"] == {}
    desk.owner("UPDATE payments SET payment_status = 'completed', payment_date = now()")
    assert desk.value("SELECT shift_id FROM payments") is None


# Races


def test_a_sale_that_is_being_confirmed_is_counted_or_refused(
    desk: Desk, owner_session: Connection, until_blocked: Any
) -> None:
    """The count waits for a sale that has its payment in already; the sale is in what is expected."""
    held = desk.hold(1)
    owner_session.execute(text("SELECT FROM shifts FOR SHARE"))  # as a payment's trigger holds it
    results: list[Any] = []
    counter = Thread(target=lambda: results.append(counting.count(desk.office, desk.clerk, {})))
    counter.start()
    until_blocked(counter)
    owner_session.rollback()
    counter.join()
    assert results[0].sheet.shift.status == "counted"
    with pytest.raises(NoOpenShift):
        desk.confirm(held)


def test_sales_against_the_count(desk: Desk) -> None:
    """Eight sales and the count at once: every sale that was made is in the count's expectation."""
    held = [desk.hold(1) for _ in range(8)]
    barrier = Barrier(9)

    def sell(number: int) -> int:
        barrier.wait()
        try:
            return desk.confirm(held[number], first=10 + number).paid
        except (NoOpenShift, StateConflict):
            return 0

    def tally(_: int) -> int:
        barrier.wait()
        counting.count(desk.office, desk.clerk, {})
        return 0

    with ThreadPoolExecutor(9) as pool:
        counted = pool.submit(tally, 0)
        paid = sum(pool.map(sell, range(8)))
        counted.result()
    assert counting.counted(desk.office, desk.clerk).expected == 300_000 + paid
    assert desk.value("SELECT coalesce(sum(amount), 0) FROM payments") == paid


def test_a_shift_is_closed_once(desk: Desk) -> None:
    counting.count(desk.office, desk.clerk, cents(300_000))
    barrier = Barrier(6)

    def end(_: int) -> str:
        barrier.wait()
        try:
            return str(closing.close(desk.office, desk.clerk).report.number)
        except NoOpenShift as refused:
            return refused.reason

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(end, range(6))) == ["1", *["no_open_shift"] * 5]
    desk.require_sound()


def test_shifts_closed_at_once_are_numbered_without_gaps(desk: Desk) -> None:
    actors = []
    for number in range(6):
        actor = sign_in(desk.office, "1001", f"RACE-{number}")
        counting.count(desk.office, actor, {})
        actors.append(actor)
    barrier = Barrier(6)

    def end(actor: Actor) -> int:
        barrier.wait()
        return closing.close(desk.office, actor).report.number

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(end, actors)) == [1, 2, 3, 4, 5, 6]
    desk.require_sound()


# The integrity check


def problems(desk: Desk) -> list[str]:
    return [check.name for check in integrity.verify(desk.office) if not check.ok]


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE z_reports SET body = body || '{\"expected\": 1}' WHERE z_number = 1", "z_reports_are_chained"),
        ("UPDATE z_reports SET z_number = 9 WHERE z_number = 2", "z_reports_have_no_gaps"),
        ("DELETE FROM z_reports WHERE z_number = 2", "closed_shifts_have_a_report"),
        ("UPDATE payments SET amount = amount - 1, tendered = tendered - 1", "z_reports_match_the_rows"),
        ("UPDATE cash_movements SET amount = amount + 1", "z_reports_match_the_rows"),
    ],
)
def test_the_integrity_check_finds_damage(desk: Desk, damage: str, found: str) -> None:
    desk.sell(1)
    move(desk, "cash_in", 1_000)
    close(desk)
    shifts.open_shift(desk.office, desk.clerk, 0)
    close(desk)
    assert problems(desk) == []
    for table in ("z_reports", "payments", "cash_movements"):
        desk.owner(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    desk.owner(damage)
    assert found in problems(desk)
