"""The gate: every answer it can give, the same scan twice, and two gates at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from core import office as offices
from core import policy, tickets
from core.checkin import Answer, FirstUse, Gate, Outcome, check_in
from core.database import NOBODY, Actor
from core.entitlements import Entitlement
from core.errors import KeyReused, NotFound, NotSignedIn
from core.keys import KeyRing
from core.models.journal import CHECK_IN_OUTCOMES
from core.network import RouteInfo, StationInfo, Stop, TrainInfo
from core.office import Office
from core.ticket_code import decode, encode
from core.tickets import TicketRecord
from core.timetable import Journey
from core.verdict import Place, TicketState, verdict

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk

YK = Gate("YK")


@pytest.fixture
def ticket(desk: Desk) -> TicketRecord:
    """43 Taksaka from Yogyakarta (07:30) to Cirebon."""
    return desk.sell(1, destination="CN").tickets[0]


@pytest.fixture
def scan(desk: Desk, gate_agent: Actor, ticket: TicketRecord) -> Callable[..., Answer]:
    """Scans the ticket (or another code) at Yogyakarta, so many minutes before its departure."""

    def at(before: float = 10, *, code: str = ticket.code, gate: Gate = YK, **options: Any) -> Answer:
        when = ticket.journey.departs_at - timedelta(minutes=before)
        return check_in(desk.office, gate_agent, code, gate, at=when, **options)

    return at


def test_the_words_are_the_same_everywhere() -> None:
    assert tuple(outcome.value for outcome in Outcome) == CHECK_IN_OUTCOMES


# The answers


def test_ok_opens_once(desk: Desk, gate_agent: Actor, ticket: TicketRecord, scan: Callable[..., Answer]) -> None:
    answer = scan()
    assert answer.as_json() == {
        "outcome": "ok",
        "ticket_number": ticket.number,
        "passenger_name": "PENUMPANG 1",
        "coach": ticket.seat.coach.label,
        "seat": ticket.seat.number,
        "first_used": None,
        "offline": False,
    }
    again = scan(5)
    assert (again.outcome, again.first_used) == (
        Outcome.ALREADY_USED, FirstUse(ticket.journey.departs_at - timedelta(minutes=10), "YK"),
    )  # fmt: skip
    row = desk.owner("SELECT ticket_status, check_in_time, checked_in_by FROM tickets")[0]
    assert tuple(row) == ("used", ticket.journey.departs_at - timedelta(minutes=10), gate_agent.user_id)
    assert desk.count("checkins") == 2
    desk.require_sound()


@pytest.mark.parametrize(
    ("before", "outcome"),
    [
        (60.1, Outcome.NOT_YET),
        (60, Outcome.OK),
        (0.01, Outcome.OK),
        (0, Outcome.DEPARTED),
        (-600, Outcome.DEPARTED),
        (60 * 24 * 40, Outcome.NOT_YET),
    ],
)
def test_the_time(scan: Callable[..., Answer], before: float, outcome: Outcome) -> None:
    assert scan(before).outcome is outcome


def test_boarding_times_are_policies_of_the_place(desk: Desk, scan: Callable[..., Answer]) -> None:
    desk.decide(policy.BOARDING_OPENS_MINUTES, 15, station="YK")
    assert scan(16).outcome is Outcome.NOT_YET
    desk.decide(policy.BOARDING_CLOSES_MINUTES, 5, train="43")
    assert scan(5).outcome is Outcome.DEPARTED
    assert scan(6).outcome is Outcome.OK


def test_a_delayed_train_is_waited_for(desk: Desk, ticket: TicketRecord, scan: Callable[..., Answer]) -> None:
    desk.owner(
        "UPDATE schedules SET status = 'delayed', delay_minutes = 90 WHERE id = :id", id=ticket.journey.schedule_id
    )
    assert scan(40).outcome is Outcome.NOT_YET
    assert scan(-89).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("gate", "outcome"),
    [
        (Gate("yk", "43"), Outcome.OK),
        (Gate("KM"), Outcome.WRONG_STATION),
        (Gate("GMR"), Outcome.WRONG_STATION),
        (Gate("CN"), Outcome.WRONG_DIRECTION),
        (Gate("YK", "45"), Outcome.WRONG_TRAIN),
        (Gate("YK", "6"), Outcome.WRONG_TRAIN),
        (Gate("YK", "60"), Outcome.WRONG_DIRECTION),  # comes from Cirebon
    ],
)
def test_the_place(scan: Callable[..., Answer], gate: Gate, outcome: Outcome) -> None:
    assert scan(gate=gate).outcome is outcome


def test_the_date(desk: Desk, ticket: TicketRecord, scan: Callable[..., Answer]) -> None:
    assert scan(gate=Gate("YK", day=desk.day + timedelta(days=1))).outcome is Outcome.WRONG_DATE
    assert scan(gate=Gate("YK", day=desk.day - timedelta(days=1))).outcome is Outcome.WRONG_DATE
    assert scan(gate=Gate("YK", day=desk.day)).outcome is Outcome.OK


def test_a_train_boarded_after_midnight_has_two_dates(desk: Desk, gate_agent: Actor) -> None:
    """The day it left and the day it is boarded: a gate may be set to either."""
    for days, outcome in ((0, Outcome.OK), (-1, Outcome.OK), (1, Outcome.WRONG_DATE)):
        sold = desk.sell(1, train="60", origin="MN", destination="SGU").tickets[0]
        assert (sold.journey.departs_at.hour, sold.journey.service_date) == (1, desk.day - timedelta(days=1))
        gate = Gate("MN", "60", desk.day + timedelta(days=days))
        answer = check_in(desk.office, gate_agent, sold.code, gate, at=sold.journey.departs_at - timedelta(minutes=1))
        assert answer.outcome is outcome


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("UPDATE tickets SET ticket_status = 'cancelled'", Outcome.CANCELLED),
        ("UPDATE tickets SET ticket_status = 'voided'", Outcome.CANCELLED),
        ("UPDATE tickets SET ticket_status = 'superseded'", Outcome.SUPERSEDED),
        ("UPDATE tickets SET ticket_status = 'expired'", Outcome.DEPARTED),
        ("UPDATE tickets SET issue_no = 2", Outcome.DUPLICATE),
        ("UPDATE bookings SET status = 'cancelled'", Outcome.CANCELLED),
        ("UPDATE bookings SET status = 'completed'", Outcome.OK),
        ("UPDATE schedules SET status = 'cancelled'", Outcome.CANCELLED),
        ("UPDATE schedules SET status = 'completed'", Outcome.OK),
    ],
)
def test_the_state(desk: Desk, scan: Callable[..., Answer], state: str, outcome: Outcome) -> None:
    desk.open_modifications()
    desk.owner(state)
    assert scan().outcome is outcome
    assert desk.value("SELECT outcome FROM checkins") == outcome.value


def test_unpaid(desk: Desk, scan: Callable[..., Answer]) -> None:
    """A ticket issued before its money came; no service does that yet."""
    desk.owner("ALTER TABLE bookings DISABLE TRIGGER guard_transition")
    desk.owner("UPDATE bookings SET status = 'pending', expires_at = now() + interval '1 hour'")
    assert scan().outcome is Outcome.UNPAID


def test_a_new_issue_kills_the_older_code(desk: Desk, ticket: TicketRecord, scan: Callable[..., Answer]) -> None:
    trip, travel_class, seat = ticket.journey, ticket.travel_class, ticket.seat
    second = tickets.code_for(desk.office, trip, travel_class, seat, serial=ticket.serial, issue_no=2)
    assert scan(code=second).outcome is Outcome.UNKNOWN  # signed, and never put on record
    desk.owner("UPDATE tickets SET issue_no = 2, qr_code = :code", code=second)
    assert scan().outcome is Outcome.DUPLICATE
    assert scan(code=second).outcome is Outcome.OK


def test_codes_that_are_none_of_ours(desk: Desk, ticket: TicketRecord, scan: Callable[..., Answer]) -> None:
    payload = decode(ticket.code, issuer="KAI", public_keys=desk.office.public_keys).payload
    other_railway = encode(payload, "JRE", Ed25519PrivateKey.generate())
    other_key = encode(payload, "KAI", Ed25519PrivateKey.generate())
    nobody = encode(replace(payload, ticket_serial=5), "KAI", desk.office.keys.ticket_keys[1])
    swapped = ticket.code[:-1] + ("A" if ticket.code[-1] != "A" else "B")
    said = {
        code: scan(code=code).outcome
        for code in (swapped, other_railway, other_key, nobody, "https://example.org", "x" * 5000, "\x00\ud800", " \n")
    }
    assert list(said.values()) == [
        *[Outcome.FORGED] * 3, *[Outcome.UNKNOWN] * 4, Outcome.UNREADABLE,
    ]  # fmt: skip
    assert desk.count("checkins") == 8
    assert desk.value("SELECT count(*) FROM checkins WHERE ticket_id IS NOT NULL") == 0
    assert scan().outcome is Outcome.OK


def test_a_revoked_key_signs_nothing_any_more(
    desk: Desk, gate_agent: Actor, ticket: TicketRecord, database: TestDatabase, key_ring: KeyRing
) -> None:
    fresh = replace(key_ring, ticket_keys={**key_ring.ticket_keys, 2: Ed25519PrivateKey.generate()})
    desk.owner("UPDATE key_rings SET revoked_at = now() WHERE purpose = 'ticket'")
    desk.owner(
        "INSERT INTO key_rings (operator_id, purpose, key_id, fingerprint, public_key) VALUES (1, 'ticket', 2, :f, :p)",
        f=fresh.fingerprints()[("ticket", 2)],
        p=fresh.public_key(2),
    )
    office = offices.open_office(offices.connect(database.counter_url), fresh)
    assert office.keys.signing_key_id == 2
    assert check_in(office, gate_agent, ticket.code, YK).outcome is Outcome.REVOKED
    office.close()


def test_an_infant_boards_on_a_ticket_without_a_seat(desk: Desk, gate_agent: Actor) -> None:
    baby = desk.sell(1, infants=1).tickets[1]
    answer = check_in(desk.office, gate_agent, baby.code, YK, at=baby.journey.departs_at - timedelta(minutes=1))
    assert (answer.outcome, answer.seat, answer.identity) == (Outcome.OK, None, None)


@pytest.mark.parametrize(
    "out_of_service",
    [
        "UPDATE trains SET is_active = false",
        "UPDATE routes SET is_active = false",
        "UPDATE train_classes SET is_available = false",
        "UPDATE stations SET is_active = false WHERE station_code <> 'YK'",
    ],
)
def test_what_was_sold_before_it_went_out_of_service_still_boards(
    desk: Desk, gate_agent: Actor, ticket: TicketRecord, open_office: Callable[[], Office], out_of_service: str
) -> None:
    desk.owner(out_of_service)
    office = open_office()
    when = ticket.journey.departs_at - timedelta(minutes=1)
    assert check_in(office, gate_agent, ticket.code, YK, at=when).outcome is Outcome.OK
    shown = office.database.transaction(lambda tx: tickets.by_number(tx, office.network(), ticket.number))
    assert (shown.journey.destination.code, shown.travel_class.code) == ("CN", "EKS")


def test_a_gate_that_does_not_exist(scan: Callable[..., Answer]) -> None:
    for gate, code in ((Gate("XXX"), "unknown_station"), (Gate("YK", "9999"), "unknown_train")):
        with pytest.raises(NotFound) as caught:
            scan(gate=gate)
        assert caught.value.reason == code


def test_who_may_check_in(desk: Desk, ticket: TicketRecord) -> None:
    with pytest.raises(NotSignedIn):
        check_in(desk.office, NOBODY, ticket.code, YK)
    assert desk.count("checkins") == 0


# The same scan again


def test_the_same_scan_gets_the_same_answer_and_is_recorded_once(desk: Desk, scan: Callable[..., Answer]) -> None:
    for before, outcome in ((100, Outcome.NOT_YET), (10, Outcome.OK), (5, Outcome.ALREADY_USED)):
        nonce = uuid7()
        first = scan(before, nonce=nonce)
        assert first.outcome is outcome
        assert scan(before, nonce=nonce) == first
        assert scan(-1000, nonce=nonce, gate=Gate("GMR")).outcome is outcome
    assert desk.count("checkins") == 3
    desk.require_sound()


@pytest.mark.parametrize("code", ["A" * 140, "something else", "", "\x00"])
def test_an_unread_scan_is_repeated_as_well(desk: Desk, scan: Callable[..., Answer], code: str) -> None:
    nonce = uuid7()
    assert scan(code=code, nonce=nonce) == scan(code=code, nonce=nonce)
    assert desk.count("checkins") == 1


def test_a_ticket_that_is_not_on_record_is_repeated_as_well(
    desk: Desk, ticket: TicketRecord, scan: Callable[..., Answer]
) -> None:
    payload = decode(ticket.code, issuer="KAI", public_keys=desk.office.public_keys).payload
    code, nonce = encode(replace(payload, ticket_serial=5), "KAI", desk.office.keys.ticket_keys[1]), uuid7()
    assert scan(code=code, nonce=nonce) == scan(code=code, nonce=nonce)
    assert desk.count("checkins") == 1


def test_a_nonce_opens_the_gate_for_no_other_code(desk: Desk, scan: Callable[..., Answer]) -> None:
    other, nonce = desk.sell(1, first=2).tickets[0], uuid7()
    assert scan(nonce=nonce).outcome is Outcome.OK
    for code in (other.code, "nonsense"):
        with pytest.raises(KeyReused):
            scan(code=code, nonce=nonce)
    assert desk.value("SELECT count(*) FROM tickets WHERE ticket_status = 'used'") == 1


# At the same moment


def at_once(number: int, work: Callable[[int], Answer]) -> list[Answer]:
    barrier = Barrier(number)

    def run(index: int) -> Answer:
        barrier.wait()
        return work(index)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def test_eight_gates_at_the_same_moment_open_one(desk: Desk, scan: Callable[..., Answer]) -> None:
    answers = at_once(8, lambda index: scan(10 - index))
    assert sorted(answer.outcome for answer in answers) == [Outcome.ALREADY_USED] * 7 + [Outcome.OK]
    assert len({answer.first_used for answer in answers if answer.first_used}) == 1
    assert desk.value("SELECT count(*) FROM checkins WHERE outcome = 'ok'") == 1
    desk.require_sound()


@pytest.mark.parametrize("code", [None, "nonsense"])
def test_one_scan_sent_eight_times_at_the_same_moment_is_one(
    desk: Desk, ticket: TicketRecord, scan: Callable[..., Answer], code: str | None
) -> None:
    nonce = uuid7()
    answers = at_once(8, lambda _: scan(code=code or ticket.code, nonce=nonce))
    assert answers == [answers[0]] * 8
    assert answers[0].outcome is (Outcome.UNKNOWN if code else Outcome.OK)
    assert desk.count("checkins") == 1
    desk.require_sound()


# The verdict alone


@given(
    status=st.sampled_from(["active", "used", "cancelled", "expired", "superseded", "voided"]),
    booking=st.sampled_from(["pending", "confirmed", "cancelled", "completed", "expired"]),
    issue=st.integers(1, 3),
    station=st.sampled_from([1, 2, 3]),
    minutes=st.integers(-100, 10),
    day=st.sampled_from([None, 0, 1]),
)
def test_only_a_faultless_ticket_passes(
    status: str, booking: str, issue: int, station: int, minutes: int, day: int | None
) -> None:
    """Against the rule said the other way round: what must hold for the gate to open."""
    journey = _journey()
    today = journey.departs_at.date()
    place = Place(
        station, None, None, None if day is None else today + timedelta(days=day),
        journey.departs_at + timedelta(minutes=minutes), 60, 0,
    )  # fmt: skip
    opens = verdict(TicketState(status, booking, 2, journey), issue, place) is Outcome.OK
    assert opens == (
        status == "active"
        and booking in ("confirmed", "completed")
        and issue == 2
        and station == 1
        and day in (None, 0)
        and -60 <= minutes < 0
    )


@given(st.integers(-30, 30), st.integers(0, 30), st.booleans(), st.sampled_from(["active", "used", "cancelled"]))
def test_only_an_entitlement_in_force_passes(first: int, length: int, revoked: bool, status: str) -> None:
    trip = _journey()
    holds = Entitlement(
        UUID(int=1), "senior", "B", "…1", "D", trip.day + timedelta(days=first),
        trip.day + timedelta(days=first + length), revoked,
    )  # fmt: skip
    place = Place(1, None, None, None, trip.departs_at - timedelta(minutes=5), 60, 0)
    found = verdict(TicketState(status, "confirmed", 1, trip, holds), 1, place)
    expected = {"used": Outcome.ALREADY_USED, "cancelled": Outcome.CANCELLED}.get(status)
    in_force = not revoked and first <= 0 <= first + length
    assert found is (expected or (Outcome.OK if in_force else Outcome.ENTITLEMENT))


def _journey() -> Journey:
    stops = (Stop(0, 1, 0, 0, 0), Stop(1, 2, 60, 60, 50))
    here, there = (StationInfo(key, f"S{key}", "", "", "Asia/Jakarta") for key in (1, 2))
    departs = datetime.fromisoformat("2026-11-25T07:30:00+07:00")
    return Journey(
        1, departs.date(), "scheduled", TrainInfo(1, "43", "", False), RouteInfo(1, "", stops), *stops, here, there,
        departs, departs + timedelta(hours=1), 0,
    )  # fmt: skip
