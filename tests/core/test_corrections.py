"""Correcting names and identities on sold tickets: who may, what becomes of the old print, what it does not open."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from core import approvals, corrections, entitlement_register, fines, policy
from core.approvals import ApprovalNeeded, NotApproved
from core.checkin import Gate, check_in
from core.corrections import Wanted
from core.database import Actor
from core.entitlement_register import Registration
from core.errors import CounterError, KeyReused, Refused
from core.fines import FineOrder
from core.passengers import PassengerInput
from core.payments import Tender
from core.sale import confirm
from core.ticket_changes import Issued
from tests.conftest import sign_in

if TYPE_CHECKING:
    from tests.core.conftest import Desk

CASH = Tender("cash")
FAR = "3273016004850007"


def nik(number: int = 1) -> str:
    return f"317101010190{number:04}"


class Corrector:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def fix(self, wanted: Wanted, *, tender: Tender | None = None, key: UUID | None = None, **more: Any) -> Issued:
        desk = self.desk
        return corrections.carry_out(desk.office, desk.clerk, wanted, tender, key=key or uuid7(), **more)

    def refused(self, wanted: Wanted, **more: Any) -> str:
        """The code of the refusal, after which nothing has changed."""
        before = self.desk.fingerprint()
        with pytest.raises(Refused) as refused:
            self.fix(wanted, **more)
        after = self.desk.fingerprint()
        assert {one for one in before if before[one] != after[one]} <= {"audit_logs", "audit_heads", "domain_events"}
        return refused.value.reason

    def approved(self, wanted: Wanted, supervisor: Actor) -> UUID:
        desk = self.desk
        wish = corrections.wish_for(desk.office, desk.clerk, wanted)
        asked = approvals.request(desk.office, desk.clerk, wish, "his brother goes")
        approvals.decide(desk.office, supervisor, asked.id, approve=True)
        return asked.id


@pytest.fixture
def corrector(desk: Desk) -> Corrector:
    return Corrector(desk)


@pytest.fixture
def supervisor(desk: Desk) -> Actor:
    return sign_in(desk.office, "3001", "TEST-2")


def test_a_spelling_mistake_is_the_clerks_to_correct(corrector: Corrector, desk: Desk, gate_agent: Actor) -> None:
    ticket = desk.sell().tickets[0]
    done = corrector.fix(Wanted(ticket.number, "Penumpeng  1", nik()), printer="file")
    new = done.ticket
    assert (done.kind, done.within_policy, done.fee) == ("correction", True, 0)
    assert (new.serial, new.issue_no, new.passenger_name, new.seat) == (ticket.serial, 2, "PENUMPENG 1", ticket.seat)
    assert new.code != ticket.code
    assert desk.value("SELECT issue_no FROM print_jobs WHERE state = 'queued' AND copy_no = 0") == 2

    def scan(code: str) -> str:
        at = ticket.journey.departs_at - timedelta(minutes=10)
        return check_in(desk.office, gate_agent, code, Gate("YK"), at=at).outcome.value

    assert (scan(ticket.code), scan(new.code), scan(ticket.code)) == ("duplicate", "ok", "duplicate")
    desk.require_sound()


@pytest.mark.parametrize("identity", [nik()[:-1] + "9", nik()[:-2] + "10"])
def test_so_is_a_digit_of_the_identity(corrector: Corrector, desk: Desk, identity: str) -> None:
    ticket = desk.sell().tickets[0]
    done = corrector.fix(Wanted(ticket.number, None, identity))
    assert done.ticket.identity.endswith(identity[-4:])
    row = desk.owner("SELECT identity_digest, identity_last_four FROM passengers")[0]
    assert (bytes(row.identity_digest), row.identity_last_four) == (desk.office.keys.digest(identity), identity[-4:])
    assert corrector.refused(Wanted(ticket.number, "Penumpeng 1", nik())) == "identity_mismatch"
    desk.require_sound()


def test_another_person_takes_a_supervisor(corrector: Corrector, desk: Desk, supervisor: Actor) -> None:
    ticket = desk.sell().tickets[0]
    other = Wanted(ticket.number, "Rina Wati", FAR, holder=nik())
    plan = corrections.quote(desk.office, desk.clerk, other)
    assert plan.as_json()["outside"] == ["other_person"]
    with pytest.raises(ApprovalNeeded, match="another person"):
        corrector.fix(other)
    approval = corrector.approved(other, supervisor)
    with pytest.raises(NotApproved):
        corrector.fix(Wanted(ticket.number, "Rina Wati", FAR[:-1] + "8", holder=nik()), approval_id=approval)
    key = uuid7()
    done = corrector.fix(other, approval_id=approval, key=key)
    assert (done.within_policy, done.ticket.passenger_name) == (False, "RINA WATI")
    assert desk.value("SELECT gender FROM passengers") == "female"
    assert corrector.fix(other, key=key).as_json() == done.as_json()
    with pytest.raises(KeyReused):
        corrector.fix(Wanted(ticket.number, "Rina", FAR), key=key)
    desk.require_sound()


def test_nobodys_name_stands_where_it_is_kept_for_good(corrector: Corrector, desk: Desk, supervisor: Actor) -> None:
    other = Wanted(desk.sell().tickets[0].number, "Rina Wati", FAR, holder=nik())
    corrector.fix(other, approval_id=corrector.approved(other, supervisor))
    kept = desk.owner(
        "SELECT new_values::text FROM audit_logs UNION ALL SELECT payload::text FROM domain_events"
        " UNION ALL SELECT details::text FROM approvals"
    )
    assert not [row for row in kept if row[0] and ("RINA" in row[0].upper() or FAR in row[0])]


def test_a_stranger_corrects_nothing(corrector: Corrector, desk: Desk) -> None:
    """Who knows the ticket's number alone, and even who names two letters of the name."""
    ticket = desk.sell().tickets[0]
    assert corrector.refused(Wanted(ticket.number, "Rina Wati", FAR)) == "identity_mismatch"
    assert corrector.refused(Wanted(ticket.number, "Penumpeng 1")) == "identity_missing"
    assert corrector.refused(Wanted(ticket.number, "Penumpeng 1", FAR)) == "identity_mismatch"
    assert corrector.refused(Wanted(ticket.number, None, FAR)) == "identity_mismatch"
    assert corrector.refused(Wanted(ticket.number, "Penumpang 1", nik())) == "nothing_to_correct"


def test_a_name_is_not_changed_letter_by_letter(corrector: Corrector, desk: Desk) -> None:
    ticket = desk.sell().tickets[0]
    corrector.fix(Wanted(ticket.number, "Penumpeng 1", nik()))
    with pytest.raises(ApprovalNeeded, match="corrected before"):
        corrector.fix(Wanted(ticket.number, "Penumbeng 1", nik()))
    desk.decide(policy.CORRECTIONS_PER_TICKET, 2)
    assert corrector.fix(Wanted(ticket.number, "Penumbeng 1", nik())).ticket.issue_no == 3
    desk.require_sound()


def test_by_policy(corrector: Corrector, desk: Desk) -> None:
    ticket = desk.sell().tickets[0]
    wanted = Wanted(ticket.number, "Penumpeng 1", nik())
    desk.decide(policy.CORRECTION_FEE, 25_000)
    assert corrector.refused(wanted) == "payment_missing"
    desk.decide(policy.NAME_CORRECTIONS_ALLOWED, False, station="YK")
    assert corrector.refused(wanted, tender=CASH) == "corrections_not_allowed"
    desk.owner("UPDATE policy_configurations SET deleted_at = now() WHERE policy_type = 'name_corrections_allowed'")
    desk.decide(policy.CORRECTION_CUTOFF_MINUTES, 366 * 1440)
    with pytest.raises(ApprovalNeeded, match="too late"):
        corrector.fix(wanted, tender=CASH)
    desk.decide(policy.CORRECTION_CUTOFF_MINUTES, 60, train="43")
    done = corrector.fix(wanted, tender=Tender("cash", 30_000))
    assert (done.fee, done.paid, done.change) == (25_000, 25_000, 5_000)
    desk.require_sound()


def test_only_a_journey_to_come_is_corrected(corrector: Corrector, desk: Desk) -> None:
    ticket = desk.sell().tickets[0]
    wanted = Wanted(ticket.number, "Penumpeng 1", nik())
    desk.owner("UPDATE schedules SET departs_at = now() - interval '5 hours' WHERE id = :id",
               id=ticket.journey.schedule_id)  # fmt: skip
    assert corrector.refused(wanted) == "departed"


def test_one_ticket_to_an_identity_on_subsidised_trains(corrector: Corrector, desk: Desk) -> None:
    pso = {"train": "281", "class_code": "EKO", "origin": "ML", "destination": "PSE"}
    ticket = desk.sell(**pso).tickets[0]
    desk.sell(first=2, **pso)
    assert corrector.refused(Wanted(ticket.number, None, nik(2))) == "one_ticket_per_identity"
    corrector.fix(Wanted(ticket.number, None, nik(3)))
    found = desk.value("SELECT exclusive_identity FROM tickets WHERE id = :id", id=ticket.serial)
    assert bytes(found) == desk.office.keys.digest(nik(3))
    desk.sell(first=1, **pso)  # who gave the ticket away may buy another
    desk.require_sound()


def test_a_reduction_is_not_passed_on(corrector: Corrector, desk: Desk, supervisor: Actor) -> None:
    until = desk.day + timedelta(days=30)
    entitlement_register.register(desk.office, desk.clerk, Registration("military", "A", nik(), "TNI-1", until))
    person = PassengerInput("Penumpang 1", nik(), reduction="military")
    ticket = confirm(desk.office, desk.clerk, desk.hold().booking_id, [person], CASH, key=uuid7()).tickets[0]
    before = desk.value("SELECT entitlement_id FROM tickets")
    wanted = Wanted(ticket.number, None, nik(2))
    assert corrector.refused(wanted) == "entitlement_missing"
    entitlement_register.register(desk.office, desk.clerk, Registration("military", "A", nik(2), "TNI-2", until))
    corrector.fix(wanted)
    assert desk.value("SELECT entitlement_id FROM tickets") not in (before, None)
    desk.require_sound()


def test_an_infant_gets_a_number(corrector: Corrector, desk: Desk) -> None:
    infant = desk.sell(1, infants=1).tickets[1]
    born = desk.day - timedelta(days=180)
    number = f"317101{born:%d%m%y}0001"
    assert corrector.refused(Wanted(infant.number, None, number)) == "identity_mismatch"
    done = corrector.fix(Wanted(infant.number, None, number, holder=nik()))
    assert done.within_policy
    assert done.ticket.identity.endswith("0001")
    desk.require_sound()


def test_the_database_lets_nobody_rename_outside_a_modification(desk: Desk) -> None:
    ticket = desk.sell().tickets[0]
    for change in (
        "UPDATE passengers SET passenger_name = 'SOMEBODY ELSE'",
        "UPDATE tickets SET issue_no = 2",
        "UPDATE tickets SET qr_code = 'X'",
        "UPDATE tickets SET exclusive_identity = NULL",
    ):
        with pytest.raises(CounterError, match="closed"):
            desk.office.database.transaction(
                lambda tx, sql=change: tx.raw(f"{sql} RETURNING 1").all(), actor=desk.clerk
            )
    assert desk.value("SELECT issue_no FROM tickets") == ticket.issue_no


def test_nobody_takes_a_ticket_over_in_spite_of_a_ban(corrector: Corrector, desk: Desk) -> None:
    fines.issue(
        desk.office,
        desk.clerk,
        FineOrder(
            name="Rina Wati", identity=FAR, train="43", day=desk.day, origin="CN", destination="GMR", class_code="EKS"
        ),
    )
    other = Wanted(desk.sell().tickets[0].number, "Rina Wati", FAR, holder=nik())
    assert corrector.refused(other) == "travel_ban"
