"""Reductions: what each is worth and when, how they are registered, applied, found again, and checked at the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import entitlement_register, party, pending, policy, sale
from core.checkin import Gate, Outcome, check_in
from core.database import Actor
from core.entitlement_register import Registration
from core.entitlements import (
    KINDS,
    Entitlement,
    EntitlementRefused,
    Journeying,
    Rates,
    judge,
    reduced_fare,
    reduction_percent,
)
from core.errors import CounterError, NotFound, NotPermitted, Refused, StateConflict, UsageError
from core.identity import PassengerType
from core.models.network import CLASS_TYPES
from core.passengers import PassengerInput
from core.payments import Tender
from core.quote import quote
from tests.conftest import sign_in

if TYPE_CHECKING:
    from tests.core.conftest import Desk

RATES = Rates(20, 30, 50, 25, 50)
MONDAY = date(2026, 11, 23)
#: 43 Taksaka's cheapest bucket in executive class, and what is left of it for a senior.
FULL, SENIOR_FARE = 450_000, 360_000
OLD_BUDI = PassengerInput("Budi", "3171010101500001", PassengerType.SENIOR)


def code_of(work: Callable[[], object], error: type[CounterError] = EntitlementRefused) -> str:
    with pytest.raises(error) as caught:
        work()
    return caught.value.reason


# The rules alone


@pytest.mark.parametrize(
    ("weekday", "percent"), [(0, 30), (1, 50), (2, 50), (3, 50), (4, 30), (5, 30), (6, 30)]
)  # Monday is 0
def test_veterans_pay_by_the_day(weekday: int, percent: int) -> None:
    assert reduction_percent("veteran", "executive", MONDAY + timedelta(days=weekday), RATES) == percent


def test_soldiers_pay_by_the_class() -> None:
    worth = {each: reduction_percent("military", each, MONDAY, RATES) for each in CLASS_TYPES}
    assert worth == {
        "economy": 50, "premium": 50, "business": 50, "executive": 25,
        "luxury": 0, "panoramic": 0, "suites": 0, "sleeper": 0,
    }  # fmt: skip


@given(st.sampled_from(CLASS_TYPES), st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_seniors_pay_less_in_every_class_on_every_day(class_type: str, day: date) -> None:
    assert reduction_percent("senior", class_type, day, RATES) == 20
    assert reduction_percent("senior", class_type, day, replace(RATES, are_given=False)) == 0


@given(st.integers(0, 10_000_000), st.integers(0, 100), st.sampled_from([1, 500, 1_000, 5_000]))
def test_a_reduced_fare_is_rounded_up_and_never_dearer(fare: int, percent: int, rounding: int) -> None:
    reduced = reduced_fare(fare, percent, rounding)
    assert fare * (100 - percent) / 100 <= reduced + 1e-6
    assert reduced <= fare
    assert reduced == fare or reduced % rounding == 0
    assert reduced == fare or reduced - fare * (100 - percent) / 100 < rounding


def entitled(kind: str = "veteran", first: int = -10, last: int = 10, *, revoked: bool = False) -> Entitlement:
    since, until = MONDAY + timedelta(days=first), MONDAY + timedelta(days=last)
    return Entitlement(UUID(int=abs(first * 1000 + last)), kind, "BUDI", "…0001", "V-1", since, until, revoked)


ON_MONDAY = Journeying("executive", MONDAY, RATES, 1_000)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], "entitlement_missing"),
        ([entitled("senior")], "entitlement_missing"),
        ([entitled(revoked=True)], "entitlement_missing"),
        ([entitled(last=-1)], "entitlement_expired"),
        ([entitled(first=1)], "entitlement_not_yet"),
        ([entitled(), entitled(last=-1)], None),
        ([entitled(first=0, last=0)], None),
    ],
)
def test_who_gets_it(found: list[Entitlement], code: str | None) -> None:
    if code is None:
        assert judge("veteran", found, ON_MONDAY).entitlement_id == found[0].id
    else:
        assert code_of(lambda: judge("veteran", found, ON_MONDAY)) == code


def test_none_where_none_is_given() -> None:
    on_luxury = replace(ON_MONDAY, class_type="luxury")
    assert code_of(lambda: judge("military", [entitled("military")], on_luxury)) == "reduction_not_given"
    assert on_luxury.fare("military", 900_000) == 900_000


def test_an_infant_asks_for_nothing() -> None:
    assert PassengerInput("Bayi", type=PassengerType.INFANT, reduction="military").claim is None
    assert OLD_BUDI.claim == "senior"
    assert replace(OLD_BUDI, reduction="veteran").claim == "veteran"


# Registering


@pytest.fixture
def supervisor(desk: Desk) -> Actor:
    return sign_in(desk.office, "3001", "OFFICE-1")


@pytest.fixture
def register(desk: Desk) -> Callable[..., Entitlement]:
    """Registers somebody, by default for a year around the travel day."""

    def enter(kind: str, identity: str, **more: Any) -> Entitlement:
        shown = {"valid_until": desk.day + timedelta(days=365), **more}
        made = entitlement_register.register(
            desk.office, desk.clerk, Registration(kind, "Budi", identity, f"DOC-{kind}", **shown)
        )
        return made.entitlement

    return enter


def test_nobody_reads_the_number_in_the_register(desk: Desk, register: Callable[..., Entitlement]) -> None:
    made = register("senior", OLD_BUDI.identity)
    assert made.identity == "…0001"
    everything = str(desk.owner("SELECT * FROM entitlements")) + str(desk.owner("SELECT * FROM audit_logs"))
    assert OLD_BUDI.identity not in everything
    assert entitlement_register.listed(desk.office, desk.clerk, OLD_BUDI.identity) == [made]
    assert entitlement_register.listed(desk.office, desk.clerk, "3171010101500002") == []
    assert entitlement_register.listed(desk.office, desk.clerk) == [made]
    actions = desk.owner("SELECT action FROM audit_logs WHERE entity_type = 'entitlements' ORDER BY id")
    assert [row.action for row in actions] == ["create", "view", "view", "view"]


def test_a_new_document_prolongs_what_is_registered(desk: Desk, register: Callable[..., Entitlement]) -> None:
    first = register("veteran", OLD_BUDI.identity)
    later = desk.day + timedelta(days=800)
    again = entitlement_register.register(
        desk.office, desk.clerk, Registration("veteran", "Budi", OLD_BUDI.identity, "NEW", later)
    )
    assert again.was_renewed
    assert again.entitlement == replace(first, document="NEW", valid_until=later)
    assert code_of(lambda: register("veteran", OLD_BUDI.identity), StateConflict) == "entitlement_registered"
    assert desk.count("entitlements") == 1


def test_what_cannot_be_registered(desk: Desk, register: Callable[..., Entitlement]) -> None:
    past = desk.day - timedelta(days=30)
    for kind, more, error, code in (
        ("pilot", {}, UsageError, "entitlement_kind"),
        ("veteran", {"valid_until": None}, UsageError, "document_missing"),
        ("veteran", {"valid_until": past}, Refused, "document_expired"),
        ("veteran", {"valid_from": desk.day + timedelta(days=999)}, Refused, "document_expired"),
    ):
        assert code_of(lambda kind=kind, more=more: register(kind, "3171010101500001", **more), error) == code
    assert code_of(lambda: register("senior", "12"), Refused) == "identity_invalid"
    blank = Registration("senior", "Budi", "3171010101500001", " ")
    assert code_of(lambda: entitlement_register.register(desk.office, desk.clerk, blank), UsageError)
    assert desk.count("entitlements") == 0


def test_a_senior_who_seems_young_is_looked_at_again(desk: Desk) -> None:
    young = Registration("senior", "Budi", "3171010101900001", "KTP")
    made = entitlement_register.register(desk.office, desk.clerk, young)
    assert [finding.code for finding in made.findings] == ["not_yet_senior"]
    assert made.entitlement.valid_until == entitlement_register.FOR_LIFE


def test_revoking_takes_a_supervisor_and_a_reason(
    desk: Desk, register: Callable[..., Entitlement], supervisor: Actor
) -> None:
    made = register("military", OLD_BUDI.identity)

    def revoke(actor: Actor, reason: str = "left the army", key: UUID = made.id) -> Entitlement:
        return entitlement_register.revoke(desk.office, actor, key, reason)

    with pytest.raises(NotPermitted):
        revoke(desk.clerk)
    with pytest.raises(NotPermitted):
        entitlement_register.listed(desk.office, sign_in(desk.office, "2001", "GATE-9"))
    assert code_of(lambda: revoke(supervisor, " "), Refused) == "reason_missing"
    assert code_of(lambda: revoke(supervisor, key=uuid4()), NotFound) == "unknown_entitlement"
    assert revoke(supervisor).is_revoked
    assert code_of(lambda: revoke(supervisor), StateConflict) == "state_conflict"
    trail = desk.owner("SELECT * FROM audit_logs WHERE entity_type = 'entitlements' AND action = 'update'")
    assert [row.new_values for row in trail] == [{"revoked": True, "reason": "left the army"}]
    register("military", OLD_BUDI.identity)
    assert desk.count("entitlements") == 2


# Sales


def sell(desk: Desk, *people: PassengerInput, **wanted: Any) -> sale.Sale:
    request = desk.request(len(people), **wanted)
    return sale.sell(desk.office, desk.clerk, request, people, Tender("cash"), key=uuid4())


def test_a_senior_pays_less_and_it_stands_everywhere(desk: Desk, register: Callable[..., Entitlement]) -> None:
    made = register("senior", OLD_BUDI.identity)
    sold = sell(desk, OLD_BUDI, *desk.people(1, first=7))
    assert (sold.total_amount, sold.discount_amount, sold.final_amount) == (907_500, 90_000, 817_500)
    assert [ticket.fare for ticket in sold.tickets] == [SENIOR_FARE, FULL]
    assert sold.findings == ()
    line = desk.owner("SELECT * FROM booking_charges WHERE charge_kind = 'discount'")[0]
    budi = desk.owner("SELECT * FROM passengers ORDER BY position")[0]
    assert (line.amount, line.cause, line.passenger_id) == (-90_000, "senior", budi.id)
    assert (budi.ticket_price, budi.entitlement_id) == (SENIOR_FARE, made.id)
    tickets = desk.owner("SELECT fare, entitlement_id FROM tickets ORDER BY id")
    assert [tuple(row) for row in tickets] == [(SENIOR_FARE, made.id), (FULL, None)]
    desk.require_sound()


def test_promotions_count_from_the_reduced_fares(desk: Desk, register: Callable[..., Entitlement]) -> None:
    register("senior", OLD_BUDI.identity)
    held = desk.hold(1)
    shown = quote(desk.office, desk.clerk, held, [OLD_BUDI], ["DEMO10"])
    assert (shown.reductions[0].discount, shown.uses[0].discount, shown.due) == (90_000, 36_000, 331_500)
    done = sale.confirm(
        desk.office, desk.clerk, held.booking_id, [OLD_BUDI], Tender("cash"), key=uuid4(), promotions=("DEMO10",)
    )
    assert done.final_amount == 331_500
    desk.require_sound()


def test_an_unregistered_senior_pays_the_full_fare_with_a_warning(desk: Desk) -> None:
    sold = sell(desk, OLD_BUDI)
    assert sold.discount_amount == 0
    assert sold.findings == (
        "BUDI pays the full fare: No senior entitlement is registered for this identity.",
    )  # fmt: skip
    assert desk.value("SELECT entitlement_id FROM tickets") is None


@pytest.mark.parametrize("kind", ["veteran", "military"])
def test_others_are_refused_without_a_document(desk: Desk, kind: str) -> None:
    claiming = replace(desk.people()[0], reduction=kind)
    assert code_of(lambda: sell(desk, claiming)) == "entitlement_missing"
    assert desk.taken() == 0


def test_the_document_must_hold_on_the_day_of_travel(desk: Desk, register: Callable[..., Entitlement]) -> None:
    soldier, late = (replace(one, reduction="military") for one in desk.people(2))
    register("military", soldier.identity, valid_until=desk.day - timedelta(days=1))
    register("military", late.identity, valid_from=desk.day + timedelta(days=1))
    assert code_of(lambda: sell(desk, soldier)) == "entitlement_expired"
    assert code_of(lambda: sell(desk, late)) == "entitlement_not_yet"
    register("military", soldier.identity)
    assert sell(desk, soldier).tickets[0].fare == 338_000, "337.500, rounded up"


def test_subsidised_trains_give_none_unless_policy_says_so(desk: Desk, register: Callable[..., Entitlement]) -> None:
    soldier = replace(desk.people()[0], reduction="military")
    register("military", soldier.identity)
    matarmaja = {"train": "281", "class_code": "EKO", "origin": "ML", "destination": "PSE"}
    assert code_of(lambda: sell(desk, soldier, **matarmaja)) == "reduction_not_given"
    desk.decide(policy.REDUCTIONS_ON_SUBSIDISED, True, train="281")
    sold = sell(desk, soldier, **matarmaja)
    assert sold.discount_amount * 2 <= sold.tickets[0].fare + sold.discount_amount
    assert sold.discount_amount > 0


def test_one_person_one_reduced_seat(desk: Desk, register: Callable[..., Entitlement]) -> None:
    register("senior", OLD_BUDI.identity)
    assert code_of(lambda: sell(desk, OLD_BUDI, OLD_BUDI)) == "entitlement_repeated"
    sold = sell(desk, OLD_BUDI, replace(OLD_BUDI, type=PassengerType.ADULT))
    assert [ticket.fare for ticket in sold.tickets] == [SENIOR_FARE, FULL]


def test_a_sale_without_claims_asks_nothing_about_entitlements(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    original = party.entitlements.ask
    monkeypatch.setattr(party.entitlements, "ask", lambda tx, digests: asked.append(digests) or original(tx, digests))
    desk.sell(2, infants=1)
    assert asked == []
    sell(desk, OLD_BUDI)
    assert len(asked) == 1


def test_reductions_are_found_again_after_a_restart(desk: Desk, register: Callable[..., Entitlement]) -> None:
    soldier = replace(desk.people()[0], reduction="military")
    register("military", soldier.identity)
    held = desk.hold(1)
    party.name_passengers(desk.office, desk.clerk, held.booking_id, [soldier], promotions=["DEMO10"])
    (again,) = pending.open_work(desk.office, desk.clerk)
    assert again.promotions == ("DEMO10",)
    (named,) = party.named(desk.office, desk.clerk, held.booking_id)
    assert named.reduction == "military"
    done = sale.confirm(
        desk.office, desk.clerk, held.booking_id, None, Tender("cash"), key=uuid4(), promotions=again.promotions
    )
    assert done.tickets[0].fare == 338_000
    assert done.discount_amount == 112_000 + 33_800
    desk.require_sound()


def test_a_quote_of_a_half_typed_party(desk: Desk, register: Callable[..., Entitlement]) -> None:
    register("senior", OLD_BUDI.identity)
    half = (PassengerInput("", "31", reduction="military"), PassengerInput("", "X1234567", reduction="veteran"))
    typed = [OLD_BUDI, OLD_BUDI, *half]
    shown = quote(desk.office, desk.clerk, desk.hold(4), typed)
    assert {place: one.kind for place, one in shown.reductions.items()} == {0: "senior"}
    refused = {place: why.reason for place, why in shown.refused_reductions.items()}
    assert refused == {1: "entitlement_repeated", 3: "entitlement_missing"}
    assert shown.due == 4 * FULL - 90_000 + 7_500


def test_what_is_possible_for_somebody(desk: Desk, register: Callable[..., Entitlement]) -> None:
    held = desk.hold(1)
    register("senior", OLD_BUDI.identity)
    found = entitlement_register.possible(desk.office, desk.clerk, held, OLD_BUDI.identity)
    assert [one.kind for one in found] == list(KINDS)
    assert [one.refusal.reason if one.refusal else "" for one in found] == ["", *["entitlement_missing"] * 2]
    assert [one.can_be_registered for one in found] == [False, True, True]
    assert [found[0].fare, found[2].fare] == [SENIOR_FARE, 338_000]


# The gate


def scan(desk: Desk, gate_agent: Actor, sold: sale.Sale) -> Any:
    ticket = sold.tickets[0]
    when = ticket.journey.departs_at - timedelta(minutes=10)
    return check_in(desk.office, gate_agent, ticket.code, Gate("YK"), at=when)


def test_the_gate_asks_again(
    desk: Desk, register: Callable[..., Entitlement], gate_agent: Actor, supervisor: Actor
) -> None:
    made = register("senior", OLD_BUDI.identity)
    honest, gone, short = (sell(desk, OLD_BUDI) for _ in range(3))
    assert scan(desk, gate_agent, honest).outcome is Outcome.OK
    desk.owner("UPDATE entitlements SET valid_until = :last", last=desk.day - timedelta(days=1))
    lapsed = scan(desk, gate_agent, short)
    assert (lapsed.outcome, lapsed.entitlement.is_revoked) == (Outcome.ENTITLEMENT, False)
    desk.owner("UPDATE entitlements SET valid_until = :last", last=desk.day)
    entitlement_register.revoke(desk.office, supervisor, made.id, "a forged card")
    revoked = scan(desk, gate_agent, gone)
    assert (revoked.outcome, revoked.entitlement.is_revoked) == (Outcome.ENTITLEMENT, True)
    assert revoked.as_json()["entitlement"]["kind"] == "senior"
    assert "entitlement" not in scan(desk, gate_agent, honest).as_json(), "used is what it says"
    assert desk.value("SELECT count(*) FROM tickets WHERE ticket_status = 'used'") == 1
    desk.require_sound()
