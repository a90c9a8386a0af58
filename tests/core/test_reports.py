"""Reports: every sum is the ledger's, legs and stops are counted right, and nobody else looks into them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from core import promotion_register, sale
from core.clock import local
from core.database import Actor
from core.errors import CounterError, NotFound, NotPermitted, UsageError
from core.payments import Tender
from core.promotion_register import Terms
from core.reports import changes, drawers, fines, manifest, occupancy, promotion_use, sales
from core.reports.riders import Rider, halts
from core.reports.span import Span, span_of
from core.reports.table import Column, Report
from core.shifts import closing, counting
from tests.conftest import sign_in

if TYPE_CHECKING:
    from tests.core.conftest import Desk


@pytest.fixture
def supervisor(desk: Desk) -> Actor:
    return sign_in(desk.office, "3001", "DESK-1")


@pytest.fixture
def today(desk: Desk) -> Span:
    zone = desk.office.operator.time_zone
    return span_of(desk.office.database.transaction(lambda tx: tx.now), zone)


def give_back(desk: Desk, booking: str, amount: int) -> None:
    """A part of a sold booking goes back in cash, and off the ledger."""
    desk.owner(
        "WITH one AS (SELECT p.* FROM payments p JOIN bookings b USING (operator_id)"
        "  WHERE b.id = p.booking_id AND b.booking_number = :booking LIMIT 1), open AS ("
        " INSERT INTO booking_modifications (operator_id, id, booking_id, modification_type, reason, fee_charged)"
        "  SELECT operator_id, gen_random_uuid(), booking_id, 'cancel', 'asked for', 5 FROM one RETURNING id)"
        " SELECT 1 FROM open",
        booking=booking,
    )
    desk.owner(
        "WITH one AS (SELECT p.*, m.id AS change FROM payments p JOIN booking_modifications m USING (operator_id)"
        "  JOIN bookings b ON b.operator_id = p.operator_id AND b.id = p.booking_id"
        "  WHERE m.booking_id = p.booking_id AND b.booking_number = :booking LIMIT 1), charged AS ("
        " INSERT INTO booking_charges (operator_id, id, booking_id, charge_kind, amount, cause, modification_id)"
        "  SELECT operator_id, gen_random_uuid(), booking_id, 'reversal', -:amount, 'cancel', change FROM one)"
        " INSERT INTO refunds (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount,"
        "  refund_status, refund_method, refund_date, shift_id, modification_id, requested_by)"
        "  SELECT operator_id, gen_random_uuid(), id, 'R1', 'cancellation', :amount, 'completed', 'cash', now(),"
        "   shift_id, change, taken_by FROM one",
        booking=booking,
        amount=amount,
    )


def as_owner(desk: Desk, work: Callable[[], object]) -> None:
    """Without the guards that ask for approvals, which have tests of their own."""
    tables = ("refunds", "booking_charges", "payments", "booking_modifications")
    for table in tables:
        desk.owner(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    work()
    for table in tables:
        desk.owner(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.fixture
def day_of_work(desk: Desk, supervisor: Actor) -> Desk:
    """Sales of three trains and two classes, by two clerks and two methods, one with a promotion, one partly back."""
    now = desk.office.database.transaction(lambda tx: tx.now)
    terms = Terms("HEMAT", "Hemat", "percentage", 10, now - timedelta(days=1), now + timedelta(days=9))
    promotion_register.create(desk.office, supervisor, terms)
    desk.sell(2, infants=1)
    desk.sell(1, first=11, train="43", origin="PWT", destination="GMR")
    back = desk.sell(1, first=21, train="6", origin="BD", destination="SGU")
    held = desk.hold(1)
    sale.confirm(
        desk.office, desk.clerk, held.booking_id, desk.people(1, first=31), Tender("debit_card", reference="A1B2C3"),
        key=uuid7(), promotions=["HEMAT"],
    )  # fmt: skip
    desk.hold(1)
    as_owner(desk, lambda: give_back(desk, back.booking_number, 100_000))
    return desk


def ledger(desk: Desk) -> int:
    return int(
        desk.value(
            "SELECT sum(amount) FROM booking_charges c JOIN bookings b ON b.id = c.booking_id"
            " WHERE b.status <> 'pending'"
        )
    )


# Sales


@pytest.mark.parametrize("by", sales.BY)
def test_every_way_to_look_at_sales_comes_to_what_the_ledger_says(
    day_of_work: Desk, supervisor: Actor, today: Span, by: sales.By
) -> None:
    desk = day_of_work
    made = sales.report(desk.office, supervisor, today, by)
    paid = int(desk.value("SELECT sum(amount) FROM payments WHERE payment_status IN ('completed', 'refunded')"))
    back = int(desk.value("SELECT sum(refund_amount) FROM refunds WHERE refund_status = 'completed'"))
    assert back == 100_000
    assert made.total("net") == paid - back == ledger(desk)
    if by not in ("train", "class"):
        assert (made.total("sold"), made.total("refunded")) == (paid, back)
    else:
        parts = [made.total(name) for name in ("fares", "discounts", "fees", "changes")]
        assert sum(parts) == made.total("net")
        assert parts[3] == -back


def test_each_line_of_a_sales_report_has_its_own(day_of_work: Desk, supervisor: Actor, today: Span) -> None:
    desk = day_of_work
    by_method = sales.report(desk.office, supervisor, today, "method")
    for method, sold in zip(by_method.cells("method"), by_method.cells("sold"), strict=True):
        assert sold == int(desk.value("SELECT sum(amount) FROM payments WHERE payment_method = :m", m=method))
    by_train = sales.report(desk.office, supervisor, today, "train")
    assert by_train.cells("train") == ["43 Taksaka", "6 Argo Wilis"]
    fares = desk.owner(
        "SELECT sum(c.amount) FROM booking_charges c JOIN bookings b ON b.id = c.booking_id AND b.status <> 'pending'"
        " JOIN schedules s ON s.id = b.schedule_id JOIN trains t ON t.id = s.train_id WHERE c.charge_kind = 'fare'"
        " GROUP BY t.train_number ORDER BY t.train_number"
    )
    assert by_train.cells("fares") == [int(row[0]) for row in fares]
    assert by_train.cells("passengers") == [4, 1]
    by_clerk = sales.report(desk.office, supervisor, today, "clerk")
    assert by_clerk.cells("clerk") == [f"1001 {desk.clerk.full_name}"]
    by_shift = sales.report(desk.office, supervisor, today, "shift")
    assert by_shift.cells("shift") == ["000001"]


def test_money_counts_on_the_day_it_came(day_of_work: Desk, supervisor: Actor, today: Span) -> None:
    desk = day_of_work
    moved = int(desk.value("SELECT sum(amount) FROM payments WHERE payment_method = 'debit_card'"))
    as_owner(
        desk,
        lambda: desk.owner(
            "UPDATE payments SET payment_date = payment_date - interval '1 day' WHERE payment_method = 'debit_card'"
        ),
    )
    yesterday = Span(today.first - timedelta(days=1), today.first - timedelta(days=1), today.time_zone)
    assert sales.report(desk.office, supervisor, yesterday, "day").total("net") == moved
    both = sales.report(desk.office, supervisor, Span(yesterday.first, today.last, today.time_zone), "day")
    assert both.cells("day") == [str(yesterday.first), str(today.first)]
    assert both.total("net") == ledger(desk)


def test_money_of_a_sale_that_is_not_finished_is_told_apart(desk: Desk, supervisor: Actor, today: Span) -> None:
    desk.sell(1)
    held = desk.hold(1)
    as_owner(
        desk,
        lambda: desk.owner(
            "INSERT INTO payments (operator_id, id, booking_id, payment_reference, payment_method, payment_status,"
            " amount, taken_by, terminal_id, payment_date) SELECT operator_id, gen_random_uuid(), id, 'P9', 'qris',"
            " 'completed', 1000, sold_by, terminal_id, now() FROM bookings WHERE id = :id",
            id=held.booking_id,
        ),
    )
    by_train = sales.report(desk.office, supervisor, today, "train")
    assert by_train.rows[-1] == ("", 1, 0, 0, 0, 0, 1000, 1000)
    assert by_train.total("net") == sales.report(desk.office, supervisor, today, "method").total("net")


# Refunds, drawers, promotions


def test_refunds_and_changes_by_reason(day_of_work: Desk, supervisor: Actor, today: Span) -> None:
    found = changes.refunds(day_of_work.office, supervisor, today)
    assert found.rows == (("cancellation", "cancel", "cash", "completed", 1, 100_000, 0),)
    changed = changes.modifications(day_of_work.office, supervisor, today)
    assert changed.rows == (("cancel", "within", "open", 1, 1, 0, 5),)


def test_promotions_took_off_what_the_ledger_says(day_of_work: Desk, supervisor: Actor, today: Span) -> None:
    off = -int(day_of_work.value("SELECT sum(amount) FROM booking_charges WHERE cause = 'HEMAT'"))
    found = promotion_use.report(day_of_work.office, supervisor, today)
    assert found.rows == (("HEMAT", "Hemat", 1, off, 0, 1, None),)


def test_over_and_short_by_shift(desk: Desk, supervisor: Actor, today: Span) -> None:
    desk.sell(1)
    due = int(desk.value("SELECT sum(amount) FROM payments"))
    pieces = {500: due // 500 + 3}
    counting.count(desk.office, desk.clerk, pieces, ())
    closing.close(desk.office, desk.clerk, reason="a note too many")
    (row,) = drawers.over_short(desk.office, supervisor, today).as_json()["rows"]
    counted = 500 * pieces[500]
    assert (row["expected"], row["counted"], row["over"], row["short"]) == (due, counted, counted - due, 0)
    assert (row["shift"], row["reason"], row["terminal"]) == ("1", "a note too many", "TEST-1")


def test_fines_by_how_they_stand(desk: Desk, supervisor: Actor, today: Span) -> None:
    for number, (status, how) in enumerate((("open", "NULL"), ("paid", "'cash'"), ("paid", "'cash'"))):
        paid = status == "paid"
        desk.owner("ALTER TABLE fines DISABLE TRIGGER USER")
        desk.owner(
            "INSERT INTO fines (operator_id, id, fine_number, fine_kind, status, person_name, identity_digest,"
            " identity_last_four, train_id, service_date, amount, decided_with, terminal_id, issued_by, paid_at,"
            " paid_by, shift_id, payment_method, tendered, change_given)"
            " SELECT 1, gen_random_uuid(), :number, 'no_ticket', :status, 'X', '\\x00', '0001', 1, current_date, 500,"
            f" '{{}}', s.terminal_id, s.user_id, {'now()' if paid else 'NULL'}, {'s.user_id' if paid else 'NULL'},"
            f" {'s.id' if paid else 'NULL'}, {how}, {'500' if paid else 'NULL'}, {'0' if paid else 'NULL'}"
            " FROM shifts s",
            number=number,
            status=status,
        )
        desk.owner("ALTER TABLE fines ENABLE TRIGGER USER")
    assert fines.report(desk.office, supervisor, today).rows == (
        ("no_ticket", "open", "", 1, 500), ("no_ticket", "paid", "cash", 2, 1_000),
    )  # fmt: skip


# Occupancy


def test_a_seat_sold_twice_half_way_counts_on_its_legs(desk: Desk, supervisor: Actor) -> None:
    desk.sell(1, origin="YK", destination="PWT", labels=("EKS 1/1A",))
    desk.sell(1, first=5, origin="PWT", destination="GMR", labels=("EKS 1/1A",))
    desk.sell(1, first=9, infants=1, origin="KM", destination="CN")
    desk.hold(1, origin="YK", destination="KM")
    made = occupancy.departure(desk.office, supervisor, "43", desk.day)
    together = [row for row in made.as_json()["rows"] if row["class"] == "all"]
    assert [(row["from"], row["to"], row["sold"], row["held"]) for row in together] == [
        ("YK", "KM", 1, 1), ("KM", "PWT", 2, 0), ("PWT", "CN", 2, 0), ("CN", "GMR", 1, 0),
    ]  # fmt: skip
    assert all(row["seats"] == row["sold"] + row["held"] + row["free"] for row in together)
    listed = occupancy.day(desk.office, supervisor, desk.day).as_json()["rows"]
    taksaka = next(row for row in listed if row["train"] == "43 Taksaka")
    assert (taksaka["tickets"], taksaka["seats"]) == (3, together[0]["seats"])


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_per_cents_are_whole_and_never_beyond_what_is_taken(part: int, whole: int) -> None:
    found = occupancy.percent(part, whole)
    assert found == 0 if not whole else abs(found * whole - 100 * part) * 2 <= whole


def test_a_day_without_the_train_is_said(desk: Desk, supervisor: Actor) -> None:
    with pytest.raises(NotFound) as caught:
        occupancy.departure(desk.office, supervisor, "43", date(2020, 1, 1))
    assert caught.value.reason == "no_departure"


# The manifest


def test_the_manifest_says_who_sits_where_between_which_stops(desk: Desk, supervisor: Actor) -> None:
    first = desk.sell(1, infants=1, origin="YK", destination="PWT", labels=("EKS 1/1A",))
    desk.sell(1, first=5, origin="PWT", destination="GMR", labels=("EKS 1/1A",))
    desk.hold(1)
    made = manifest.of_departure(desk.office, supervisor, "43", desk.day)
    seats = [(one.coach, one.seat, one.name, made.codes[one.board], made.codes[one.leave]) for one in made.riders]
    assert seats == [
        ("EKS 1", "1A", "PENUMPANG 1", "YK", "PWT"), ("EKS 1", "1A", "PENUMPANG 5", "PWT", "GMR"),
        ("", "", "BAYI 1", "YK", "PWT"),
    ]  # fmt: skip
    assert [one.identity for one in made.riders] == ["…0001", "…0005", ""]
    assert [(one.station, one.on, one.off, one.aboard) for one in made.halts] == [
        ("YK", 2, 0, 2), ("KM", 0, 0, 2), ("PWT", 1, 2, 1), ("CN", 0, 0, 1), ("GMR", 0, 1, 0),
    ]  # fmt: skip
    assert made.riders[0].booking == first.booking_number
    later = manifest.of_departure(desk.office, supervisor, "43", desk.day, origin="PWT")
    assert [one.name for one in later.riders] == ["PENUMPANG 5"]
    assert (later.halts[0].aboard, len(later.halts)) == (1, 3)


def test_a_look_at_the_manifest_is_on_the_trail_and_no_name_is(desk: Desk, supervisor: Actor) -> None:
    desk.sell(1)
    made = manifest.of_departure(desk.office, supervisor, "43", desk.day, purpose="exported")
    job = manifest.queue(desk.office, supervisor, made, "file")
    looks = "SELECT new_values, user_id FROM audit_logs WHERE entity_type = 'schedules' AND action = 'view'"
    (seen,) = desk.owner(looks)
    assert seen.new_values["manifest"] == "exported"
    assert (seen.new_values["people"], seen.user_id) == (1, supervisor.user_id)
    kept = desk.value("SELECT document::text FROM print_jobs WHERE id = :id", id=job)
    assert "PENUMPANG" not in kept + str(seen.new_values)
    assert '"43"' in kept


@pytest.mark.parametrize(
    ("train", "origin", "destination", "code"),
    [
        ("999", None, None, "unknown_train"),
        ("43", "XXX", None, "unknown_station"),
        ("43", "GMR", "YK", "no_connection"),
        ("43", "SBI", None, "no_connection"),
    ],
)
def test_manifests_that_cannot_be(
    desk: Desk, supervisor: Actor, train: str, origin: str | None, destination: str | None, code: str
) -> None:
    with pytest.raises(CounterError) as caught:
        manifest.of_departure(desk.office, supervisor, train, desk.day, origin=origin, destination=destination)
    assert caught.value.reason == code


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)).filter(lambda one: one[0] < one[1])))
def test_whoever_gets_on_gets_off(stretches: list[tuple[int, int]]) -> None:
    riders = [Rider((1, 1), "", "", "", "", "", board, leave, False, "", "") for board, leave in stretches]
    found = halts(riders, [(order, str(order), "") for order in range(7)])
    aboard = 0
    for halt in found:
        aboard += halt.on - halt.off
        assert halt.aboard == aboard
    assert aboard == 0


# What all have in common


@pytest.mark.parametrize("who", ["1001", "2001"])
def test_reports_are_a_supervisors_business(desk: Desk, today: Span, who: str) -> None:
    actor, office = sign_in(desk.office, who, "X-1"), desk.office
    asked: list[Callable[[], object]] = [
        lambda: sales.report(office, actor, today),
        lambda: occupancy.departure(office, actor, "43", desk.day),
        lambda: occupancy.day(office, actor, desk.day),
        lambda: changes.refunds(office, actor, today),
        lambda: changes.modifications(office, actor, today),
        lambda: drawers.over_short(office, actor, today),
        lambda: promotion_use.report(office, actor, today),
        lambda: fines.report(office, actor, today),
        lambda: manifest.of_departure(office, actor, "43", desk.day),
    ]
    for ask in asked:
        with pytest.raises(NotPermitted):
            ask()


def test_spans_are_days_of_the_operators_calendar(desk: Desk) -> None:
    zone = desk.office.operator.time_zone
    now = desk.office.database.transaction(lambda tx: tx.now)
    here = local(now, zone).date()
    assert span_of(now, zone) == Span(here, here, zone)
    assert span_of(now, zone, "-1") == Span(here - timedelta(days=1), here - timedelta(days=1), zone)
    week = span_of(now, zone, "-6", "today")
    assert (week.last - week.first).days == 6
    assert week.end - week.begin == timedelta(days=7)
    for first, last in (("today", "-1"), ("-900", "today")):
        with pytest.raises(UsageError) as caught:
            span_of(now, zone, first, last)
        assert caught.value.reason == "span_invalid"


def test_a_table_sums_only_what_adds_up() -> None:
    columns = (Column("a", "A"), Column("n", "N", "count"), Column("m", "M", "count", adds_up=False))
    made = Report("x", "X", columns, (("p", 1, 5), ("q", None, 6)), {"date": "2026-11-20"})
    assert made.totals == (None, 1, None)
    assert made.as_json()["totals"] == {"n": 1}
    assert made.table() == [["a", "n", "m"], ("p", 1, 5), ("q", None, 6)]
