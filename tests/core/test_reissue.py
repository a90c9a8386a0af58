"""Lost tickets and spoilt prints: new codes, marked and counted paper, blanks accounted for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from core import approvals, policy, print_journal, reissue, tickets
from core.approvals import ApprovalNeeded
from core.checkin import Gate, check_in
from core.database import Actor
from core.errors import CounterError, KeyReused, NotPermitted, Refused
from core.payments import Tender
from core.shifts import closing, counting
from core.shifts.counting import RollEnd
from core.ticket_changes import Issued
from core.tickets import TicketRecord
from tests.conftest import sign_in

if TYPE_CHECKING:
    from tests.core.conftest import Desk

NIK = "3171010101900001"


@pytest.fixture
def supervisor(desk: Desk) -> Actor:
    return sign_in(desk.office, "3001", "TEST-2")


@pytest.fixture
def lost(desk: Desk) -> Callable[..., Issued]:
    """Issues a lost ticket anew."""

    def again(ticket: TicketRecord, tender: Tender | None = None, *, who: str = NIK, key: UUID | None = None,
              **more: Any) -> Issued:  # fmt: skip
        return reissue.duplicate(
            desk.office, desk.clerk, ticket.number, who, "lost at the station", tender, key=key or uuid7(), **more
        )

    return again


@pytest.fixture
def spoil(desk: Desk) -> Callable[..., reissue.Spoilt]:
    """Calls the last print of a ticket spoilt."""

    def again(ticket: TicketRecord, *, blank: str | None = None, key: UUID | None = None, printer: str = "file",
              reason: str = "paper jam") -> reissue.Spoilt:  # fmt: skip
        return reissue.spoilt(desk.office, desk.clerk, ticket.number, reason, printer, key=key or uuid7(), blank=blank)

    return again


def prints(desk: Desk) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in desk.owner("SELECT issue_no, copy_no, state FROM print_jobs ORDER BY id")]


def loaded(desk: Desk) -> None:
    """Roll A17 is in the printer from its blank 100 on."""
    desk.owner(
        "INSERT INTO stock_counts (operator_id, id, shift_id, roll, first_number)"
        " SELECT 1, gen_random_uuid(), id, 'A17', 100 FROM shifts"
    )


def printed(desk: Desk, ticket: TicketRecord, state: str) -> None:
    """What a printer does with what is queued for a ticket."""
    for job in print_journal.queued_for(desk.office, [ticket.serial]):
        assert print_journal.mark_sent(desk.office, desk.clerk, job, "0001")
        if state != "sent":
            assert print_journal.settle(desk.office, desk.clerk, job, state)


def test_the_lost_paper_opens_no_gate(desk: Desk, lost: Callable[..., Issued], gate_agent: Actor) -> None:
    ticket = desk.sell(printer="file").tickets[0]
    done = lost(ticket, printer="file")
    assert (done.kind, done.ticket.issue_no, done.ticket.serial, done.fee) == ("duplicate", 2, ticket.serial, 0)
    assert done.ticket.code != ticket.code
    assert prints(desk) == [(1, 0, "queued"), (2, 0, "queued")]
    third = lost(ticket)

    def scan(code: str) -> str:
        at = ticket.journey.departs_at - timedelta(minutes=10)
        return check_in(desk.office, gate_agent, code, Gate("YK"), at=at).outcome.value

    codes = (ticket.code, done.ticket.code, third.ticket.code, third.ticket.code)
    assert [scan(code) for code in codes] == ["duplicate", "duplicate", "ok", "already_used"]
    with pytest.raises(Refused) as refused:
        lost(ticket)
    assert refused.value.reason == "ticket_used"
    desk.require_sound()


def test_the_fee_is_a_policy(desk: Desk, lost: Callable[..., Issued]) -> None:
    desk.decide(policy.DUPLICATE_FEE, 20_000)
    ticket = desk.sell().tickets[0]
    with pytest.raises(Refused) as refused:
        lost(ticket)
    assert refused.value.reason == "payment_missing"
    done = lost(ticket, Tender("cash", 50_000))
    assert (done.fee, done.paid, done.change) == (20_000, 20_000, 30_000)
    row = desk.owner("SELECT modification_type, fee_charged, status, reason FROM booking_modifications")[0]
    assert tuple(row) == ("duplicate", 20_000, "closed", "lost at the station")
    desk.require_sound()


def test_once_per_key(desk: Desk, lost: Callable[..., Issued]) -> None:
    ticket, key = desk.sell().tickets[0], uuid7()
    first = lost(ticket, key=key)
    assert lost(ticket, key=key).as_json() == first.as_json()
    assert desk.value("SELECT issue_no FROM tickets") == 2
    with pytest.raises(KeyReused):
        lost(ticket, Tender("cash"), key=key)


@pytest.mark.parametrize(("who", "code"), [("", "identity_missing"), ("3171010101900009", "identity_mismatch")])
def test_it_takes_the_identity(desk: Desk, lost: Callable[..., Issued], who: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        lost(desk.sell().tickets[0], who=who)
    assert refused.value.reason == code


def test_lost_again_and_again(desk: Desk, lost: Callable[..., Issued], supervisor: Actor) -> None:
    """The third time a supervisor decides; and there are 15 issues at most."""
    ticket = desk.sell().tickets[0]
    lost(ticket)
    lost(ticket)
    with pytest.raises(ApprovalNeeded):
        lost(ticket)
    wish = reissue.duplicate_wish_for(desk.office, desk.clerk, ticket.number)
    asked = approvals.request(desk.office, desk.clerk, wish, "says he lost it")
    approvals.decide(desk.office, supervisor, asked.id, approve=True)
    assert not lost(ticket, approval_id=asked.id).within_policy
    desk.decide(policy.DUPLICATES_PER_TICKET, 14)
    for issue_no in range(5, 16):
        assert lost(ticket).ticket.issue_no == issue_no
    with pytest.raises(Refused) as refused:
        lost(ticket)
    assert refused.value.reason == "too_many_issues"
    desk.require_sound()


@pytest.mark.parametrize("state", ["queued", "sent", "unknown"])
def test_a_print_nobody_confirmed_comes_again_as_the_original(
    desk: Desk, spoil: Callable[..., reissue.Spoilt], state: str
) -> None:
    ticket = desk.sell(printer="file").tickets[0]
    if state != "queued":
        printed(desk, ticket, state)
    done = spoil(ticket)
    assert (done.copy_no, prints(desk)) == (0, [(1, 0, "queued")])
    printed(desk, ticket, "confirmed")
    assert prints(desk) == [(1, 0, "confirmed")]
    row = desk.owner("SELECT ticket_id, issue_no, still_counted, reason, recorded_by FROM spoilt_prints")[0]
    assert tuple(row) == (ticket.serial, 1, False, "paper jam", desk.clerk.user_id)
    assert desk.value("SELECT modification_type FROM booking_modifications WHERE status = 'closed'") == "non_issued"
    desk.require_sound()


def test_a_print_that_was_confirmed_comes_again_as_a_copy(desk: Desk, spoil: Callable[..., reissue.Spoilt]) -> None:
    ticket = desk.sell(printer="file").tickets[0]
    printed(desk, ticket, "confirmed")
    assert (spoil(ticket).copy_no, prints(desk)) == (1, [(1, 0, "confirmed"), (1, 1, "queued")])
    printed(desk, ticket, "confirmed")
    assert spoil(ticket).copy_no == 2
    assert desk.value("SELECT copies_printed FROM tickets") == 2
    assert desk.value("SELECT qr_code FROM tickets") == ticket.code
    desk.require_sound()


@pytest.mark.parametrize("state", ["unknown", "confirmed"])
def test_every_blank_is_accounted_for(desk: Desk, spoil: Callable[..., reissue.Spoilt], state: str) -> None:
    """Three blanks left the roll: one spoilt, one instead of it, one of another ticket."""
    loaded(desk)
    ticket, other = (desk.sell(first=n, printer="file").tickets[0] for n in (1, 2))
    printed(desk, other, "confirmed")
    printed(desk, ticket, state)
    done = spoil(ticket, blank="101")
    assert (done.roll, done.blank) == ("A17", 101)
    printed(desk, ticket, "confirmed")
    due = desk.value("SELECT sum(amount) FROM payments")
    counting.count(desk.office, desk.clerk, {1_000: int(due) // 1_000}, (RollEnd("A17", 103),))
    report = closing.close(desk.office, desk.clerk, printer="none").report.as_json()
    assert (report["stock_spoilt"], report["stock_unaccounted"]) == (1, 0)
    assert report["rolls"] == [{"roll": "A17", "first_number": 100, "next_number": 103, "used": 3, "spoilt": 1}]
    desk.require_sound()


@pytest.mark.parametrize(
    ("blank", "code"),
    [("beans", "roll_invalid"), ("A17:-1", "roll_invalid"), ("5", "roll_missing"), ("B1:5", "unknown_roll")],
)
def test_blanks_that_cannot_be(desk: Desk, spoil: Callable[..., reissue.Spoilt], blank: str, code: str) -> None:
    ticket = desk.sell(printer="file").tickets[0]
    with pytest.raises(CounterError) as refused:
        spoil(ticket, blank=blank)
    assert refused.value.reason == code
    assert desk.count("spoilt_prints") == 0


def test_a_blank_is_spoilt_once(desk: Desk, spoil: Callable[..., reissue.Spoilt]) -> None:
    loaded(desk)
    ticket, other = (desk.sell(first=n, printer="file").tickets[0] for n in (1, 2))
    spoil(ticket, blank="a17:101")
    for again in (ticket, other):
        with pytest.raises(Refused) as refused:
            spoil(again, blank="101")
        assert refused.value.reason == "blank_spoilt_before"
    with pytest.raises(Refused) as refused:
        spoil(other, blank="99")
    assert refused.value.reason == "roll_numbers"
    assert desk.value("SELECT spoilt FROM stock_counts") == 1


def test_what_cannot_be_spoilt(desk: Desk, spoil: Callable[..., reissue.Spoilt]) -> None:
    never = desk.sell().tickets[0]
    for ticket, options, code in (
        (never, {}, "never_printed"),
        (never, {"printer": "none"}, "no_printer"),
        (never, {"reason": "  "}, "reason_missing"),
    ):
        with pytest.raises(Refused) as refused:
            spoil(ticket, **options)
        assert refused.value.reason == code


def test_spoilt_once_per_key(desk: Desk, spoil: Callable[..., reissue.Spoilt]) -> None:
    ticket, key = desk.sell(printer="file").tickets[0], uuid7()
    printed(desk, ticket, "confirmed")
    assert spoil(ticket, key=key) == spoil(ticket, key=key)
    assert desk.count("spoilt_prints") == 1
    with pytest.raises(KeyReused):
        spoil(ticket, key=key, reason="torn")


def test_counted_by_clerk(
    desk: Desk, lost: Callable[..., Issued], spoil: Callable[..., reissue.Spoilt], supervisor: Actor
) -> None:
    ticket = desk.sell(printer="file").tickets[0]
    lost(ticket, printer="file")
    spoil(ticket)
    spoil(ticket)
    now = desk.office.database.transaction(lambda tx: tx.now)
    since, until = now - timedelta(hours=1), now + timedelta(hours=1)
    found = reissue.by_clerk(desk.office, supervisor, since, until)
    assert [(one.staff_number, one.duplicates, one.non_issued, one.corrections) for one in found] == [("1001", 1, 2, 0)]
    assert reissue.by_clerk(desk.office, supervisor, until, until) == []
    with pytest.raises(NotPermitted):
        reissue.by_clerk(desk.office, desk.clerk, since, until)


def test_a_copy_after_a_new_issue(desk: Desk, lost: Callable[..., Issued]) -> None:
    """Copies count on through the issues of a ticket."""
    ticket = desk.sell(printer="file").tickets[0]
    tickets.order_copy(desk.office, desk.clerk, ticket.number, "wet", "file")
    lost(ticket, printer="file")
    assert tickets.order_copy(desk.office, desk.clerk, ticket.number, "wet", "file")[1] == 2
