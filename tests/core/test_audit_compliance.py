"""Compliance reports: what rows make of a report, and that everything on record gets into it."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import approvals, lookup, policy, shifts, staff, terminals, tickets
from core.approvals import Wish
from core.audit import compliance, export, trail
from core.audit.compliance import Report, Section, summarise
from core.audit.compliance_rows import Decision, Found
from core.audit.trail import Filter
from core.database import Actor
from core.errors import NotPermitted, NotReady, NotSignedIn, Refused
from core.office import Office
from core.shifts import closing, counting

if TYPE_CHECKING:
    from tests.core.conftest import Desk

JAKARTA = "Asia/Jakarta"
AT = datetime(2026, 3, 10, 3, 0, tzinfo=UTC)


def section(found: Found, name: str) -> Section:
    return next(one for one in summarise(found, JAKARTA) if one.name == name)


def decision(**changed: Any) -> Decision:
    usual: dict[str, Any] = {
        "number": 7, "kind": "refund", "status": "used", "amount": 100, "asked_by": "1001", "decided_by": "3001",
        "trail_asked": ("1001",), "trail_decided": ("3001",),
    }  # fmt: skip
    return Decision(**{**usual, **changed})


# What rows make


def test_four_eyes_that_were_four() -> None:
    made = section(Found(decisions=(decision(), decision(number=8, status="refused", amount=None))), "approvals")
    assert made.rows == (("1001", "3001", "refund", 2, 1, 1, 0, 100),)
    assert made.total == ("", "", "", 2, 1, 1, 0, 100)
    assert made.problems == ()
    waiting = decision(status="pending", decided_by=None, trail_decided=())
    assert section(Found(decisions=(waiting,)), "approvals").problems == ()


@pytest.mark.parametrize(
    ("changed", "problems"),
    [
        ({"decided_by": "1001", "trail_decided": ("1001",)},
         ("request 7: 1001 asked and decided", "request 7: by the audit trail 1001 asked and decided")),
        ({"trail_decided": ("1001",)},
         ("request 7: by the audit trail 1001 asked and decided",
          "request 7: 3001 decided, by the audit trail 1001")),
        ({"trail_decided": ()}, ("request 7: 3001 decided, by the audit trail nobody",)),
        ({"trail_asked": ("1002",)}, ("request 7: 1001 asked, by the audit trail 1002",)),
        ({"trail_asked": ()}, ("request 7: 1001 asked, by the audit trail nobody",)),
        ({"decided_by": None, "status": "pending"}, ("request 7: nobody decided, by the audit trail 3001",)),
    ],
)  # fmt: skip
def test_four_eyes_that_were_not(changed: dict[str, Any], problems: tuple[str, ...]) -> None:
    assert section(Found(decisions=(decision(**changed),)), "approvals").problems == problems


def test_figures_are_added_up_by_person() -> None:
    papers = (("1002", 1, 0, 0), ("1001", 2, 0, 0), ("1001", 0, 1, 0), ("1001", 0, 0, 3))
    made = section(Found(papers=papers), "copies_and_spoilt")
    assert (made.rows, made.total) == ((("1001", 2, 1, 3), ("1002", 1, 0, 0)), ("", 3, 1, 3))
    shifts_closed = (("1001", -500), ("1001", 200), ("1002", 0))
    made = section(Found(differences=shifts_closed), "over_short")
    assert (made.rows, made.total) == ((("1001", 2, 200, 500, -300), ("1002", 1, 0, 0, 0)), ("", 3, 200, 500, -300))


def test_times_are_the_operators_and_values_stay_on_the_trail() -> None:
    change = (AT, "9001", "update", "users", "k", {"role": "clerk", "name": "A"}, {"role": "admin", "name": "A"})
    assert section(Found(changes=(change,)), "changes").rows == (
        ("2026-03-10T10:00:00+07:00", "9001", "update", "users k", "role"),
    )


def test_only_those_who_failed_stand_among_failures() -> None:
    made = section(Found(sign_ins=(("1001", 5, 0, 0, None), ("1002", 2, 4, 1, AT))), "sign_ins")
    assert made.rows == (("1002", 2, 4, 1, "2026-03-10T10:00:00+07:00"),)


def test_a_table_has_harmless_cells() -> None:
    said = (AT, "1001", "=cmd()", "export", "x")
    made = Report("KAI", "a", "b", JAKARTA, summarise(Found(exports=(said,)), JAKARTA))
    rows = list(csv.reader(io.StringIO("".join(made.csv_lines()), newline="")))
    assert ["exports", "2026-03-10T10:00:00+07:00", "1001", "'=cmd()", "export", "x"] in rows
    assert rows[0] == ["report", "KAI", "a", "b", JAKARTA]


# What is on record


@pytest.fixture
def supervisor(office: Office) -> Actor:
    here = terminals.register(office, "OFFICE", station="YK")
    return staff.sign_in(office, here, "3001", "123456", program="tests").actor


def report_of(office: Office, actor: Actor, *, days: int = 1) -> dict[str, Section]:
    now: datetime = office.database.transaction(lambda tx: tx.now)
    made = compliance.report(office, actor, now - timedelta(days=days), now + timedelta(minutes=1))
    return {one.name: one for one in made.sections}


def test_everything_on_record_gets_into_the_report(desk: Desk, supervisor: Actor, tmp_path: Path) -> None:
    sale = desk.sell(1, printer="file:x")
    lookup.booking(desk.office, desk.clerk, sale.booking_number)
    lookup.booking(desk.office, desk.clerk, sale.booking_number)
    tickets.order_copy(desk.office, desk.clerk, sale.tickets[0].number, "paper jam", "file:x")
    asked = approvals.request(desk.office, desk.clerk, Wish("refund", "bookings", "1", 5_000), "ill")
    approvals.decide(desk.office, supervisor, asked.id, approve=True)
    with pytest.raises(NotSignedIn):
        staff.sign_in(desk.office, terminals.register(desk.office, "DESK-9"), "1001", "000000", program="tests")
    export.export(desk.office, supervisor, Filter(who="1001"), tmp_path / "audit.csv", form="csv")
    desk.office.database.transaction(
        lambda tx: tx.audit("update", "promotions", "1", old={"is_active": True}, new={"is_active": False}),
        actor=supervisor,
    )
    made = report_of(desk.office, supervisor)
    assert ("1001", "bookings", 2, 1) in made["views"].rows
    assert made["copies_and_spoilt"].rows == (("1001", 1, 0, 0),)
    assert made["approvals"].rows == (("1001", "3001", "refund", 1, 1, 0, 0, 5_000),)
    assert made["approvals"].problems == ()
    assert [row[:4] for row in made["sign_ins"].rows] == [("1001", 1, 1, 0)]
    assert [row[1:] for row in made["exports"].rows] == [("3001", "audit_logs", "export", '{"who": "1001"}')]
    assert ("3001", "update", "promotions 1", "is_active") in [row[1:] for row in made["changes"].rows]


def test_over_and_short_refunds_void_and_spoilt(desk: Desk, supervisor: Actor) -> None:
    sold = desk.sell(1)
    desk.decide(policy.OVER_SHORT_LIMIT, 1_000_000_000)
    desk.owner("ALTER TABLE tickets DISABLE TRIGGER USER")
    desk.owner("UPDATE tickets SET ticket_status = 'voided', closed_reason = 'spoilt', closed_at = now()")
    desk.owner("ALTER TABLE tickets ENABLE TRIGGER USER")
    desk.open_modifications()
    desk.owner("ALTER TABLE refunds DISABLE TRIGGER USER")
    desk.owner(
        "INSERT INTO refunds (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount,"
        " refund_method, requested_by) SELECT operator_id, gen_random_uuid(), id, 'R', 'cancellation', amount,"
        " payment_method, taken_by FROM payments WHERE booking_id = :id",
        id=sold.booking_id,
    )
    counting.count(desk.office, desk.clerk, {100_000: 1}, ())
    closed = closing.close(desk.office, desk.clerk, reason="counted once")
    made = report_of(desk.office, supervisor)
    off = closed.report.body["difference"]
    assert made["over_short"].rows == (("1001", 1, max(0, off), max(0, -off), off),)
    amount = desk.value("SELECT sum(refund_amount) FROM refunds")
    assert made["refunds"].rows == (("1001", 1, 0, int(amount)),)
    assert made["copies_and_spoilt"].rows == (("1001", 0, 1, 0),)


def test_what_was_before_and_after_is_not_in_it(desk: Desk, supervisor: Actor) -> None:
    lookup.booking(desk.office, desk.clerk, desk.sell(1).booking_number)
    now: datetime = desk.office.database.transaction(lambda tx: tx.now)
    for since, before in ((now - timedelta(days=9), now - timedelta(days=1)), (now + timedelta(days=1),) * 2):
        made = compliance.report(desk.office, supervisor, since, before)
        assert [one.name for one in made.sections if one.rows] == []


def test_somebody_with_every_right_who_decides_for_himself_is_named(desk: Desk, supervisor: Actor) -> None:
    asked = approvals.request(desk.office, desk.clerk, Wish("refund", "bookings", "1", 5_000), "ill")
    desk.owner("ALTER TABLE approvals DISABLE TRIGGER USER")
    desk.owner(
        "UPDATE approvals SET status = 'approved', decided_at = now(), decided_by ="
        " (SELECT id FROM users WHERE staff_number = '3001' AND operator_id = 1)"
    )
    made = report_of(desk.office, supervisor)
    assert made["approvals"].problems == (f"request {asked.number}: 3001 decided, by the audit trail nobody",)


def test_the_look_is_on_the_trail(desk: Desk, supervisor: Actor) -> None:
    report_of(desk.office, supervisor)
    newest = trail.look(desk.office, supervisor, Filter(entity="audit_logs", entity_id="report")).entries[0]
    assert (newest.action, newest.staff_number) == ("view", "3001")


def test_clerks_get_no_report(desk: Desk, supervisor: Actor, tmp_path: Path) -> None:
    with pytest.raises(NotPermitted):
        report_of(desk.office, desk.clerk)
    made = Report("KAI", "a", "b", JAKARTA)
    with pytest.raises(NotPermitted):
        compliance.save(desk.office, desk.clerk, made, tmp_path / "x.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_report_is_saved_once_and_for_its_owner(desk: Desk, supervisor: Actor, tmp_path: Path) -> None:
    made = Report("KAI", "a", "b", JAKARTA, summarise(Found(decisions=(decision(),)), JAKARTA))
    compliance.save(desk.office, supervisor, made, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_bytes()) == made.as_json()
    compliance.save(desk.office, supervisor, made, tmp_path / "report.csv")
    assert (tmp_path / "report.csv").read_bytes().decode() == "".join(made.csv_lines())
    assert (tmp_path / "report.csv").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Refused):
        compliance.save(desk.office, supervisor, made, tmp_path / "report.csv")
    with pytest.raises(NotReady):
        compliance.save(desk.office, supervisor, made, tmp_path / "nowhere" / "report.csv")
    assert [row[3] for row in report_of(desk.office, supervisor)["exports"].rows] == ["report"] * 4


def test_a_report_names_its_rows_by_column(desk: Desk, supervisor: Actor) -> None:
    shift = shifts.current(desk.office, desk.clerk)
    assert shift is not None
    made = Report("KAI", "a", "b", JAKARTA, (Section("refunds", ("staff", "amount"), (("1001", 5),), ("", 5), ("x",)),))
    assert made.as_json()["sections"]["refunds"] == {
        "rows": [{"staff": "1001", "amount": 5}], "total": {"staff": "", "amount": 5}, "problems": ["x"],
    }  # fmt: skip
    assert made.as_json()["problems"] == ["x"]
