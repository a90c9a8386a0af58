"""Moving tickets of people: infants, reductions, one ticket to an identity; and doing it once."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from uuid_utils.compat import uuid7

from core import entitlement_register, reschedules
from core.database import Actor
from core.entitlement_register import Registration
from core.errors import KeyReused, Refused, StateConflict
from core.identity import PassengerType
from core.passengers import PassengerInput
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


def test_an_infant_goes_with_its_adult(counter: Counter, desk: Desk) -> None:
    sold = desk.sell(2, infants=1)
    adult, other, infant = sold.tickets
    assert counter.refused(counter.order(infant)) == "infant_goes_with_adult"
    moved = counter.move(counter.order(adult))
    assert [old for _, old in moved.tickets] == [adult.number, infant.number]
    new = moved.tickets[1][0]
    assert (new.seat, new.fare, new.journey.schedule_id) == (None, 0, moved.tickets[0][0].journey.schedule_id)
    assert (moved.old_fare, moved.fee) == (FARE, FEE)
    states = {row[0]: row[1] for row in desk.owner("SELECT id, ticket_status FROM tickets")}
    assert states[other.serial] == "active"
    desk.require_sound()


def test_the_other_adult_takes_the_infant(counter: Counter, desk: Desk) -> None:
    adult, other, _ = desk.sell(2, infants=1).tickets
    moved = counter.move(counter.order(adult, infants=()))
    assert len(moved.tickets) == 1
    assert counter.refused(counter.order(other, infants=()), who=nik(2)) == "infant_left_alone"
    assert len(counter.move(counter.order(other), who=nik(2)).tickets) == 2
    desk.require_sound()


def test_an_infant_that_grows_up_meanwhile(counter: Counter, desk: Desk) -> None:
    held = desk.hold(1, infants=1)
    third_birthday = desk.day + timedelta(days=1)
    born = third_birthday.replace(year=third_birthday.year - 3)
    people = [*desk.people(1), PassengerInput("Bayi", "", PassengerType.INFANT, born)]
    sold = confirm(desk.office, desk.clerk, held.booking_id, people, CASH, key=uuid7())
    assert counter.refused(counter.order(sold.tickets[0])) == "infant_too_old"


# Reductions and subsidised trains


def soldier(desk: Desk, until: date) -> Any:
    entitlement_register.register(
        desk.office, desk.clerk, Registration("military", "Penumpang 1", nik(1), "TNI-1", until)
    )
    held = desk.hold()
    person = PassengerInput("Penumpang 1", nik(1), reduction="military")
    return confirm(desk.office, desk.clerk, held.booking_id, [person], CASH, key=uuid7()).tickets[0]


def test_a_reduction_goes_along(counter: Counter, desk: Desk) -> None:
    ticket = soldier(desk, desk.day + timedelta(days=30))
    paid = 338_000  # 25 % off 450,000, rounded up
    moved = counter.move(counter.order(ticket))
    assert (moved.old_fare, moved.new_fare, moved.fee, moved.due) == (paid, paid, 85_000, 85_000)
    rows = desk.owner("SELECT fare, entitlement_id FROM tickets ORDER BY id")
    assert tuple(rows[0]) == tuple(rows[1])
    desk.require_sound()


@pytest.mark.parametrize("how", ["lapsed", "revoked", "luxury"])
def test_a_reduction_that_does_not_hold_is_lost(counter: Counter, desk: Desk, supervisor: Actor, how: str) -> None:
    """It ends before the new day, was revoked, or is not given in luxury class: the difference is paid."""
    ticket = soldier(desk, desk.day + timedelta(days=0 if how == "lapsed" else 30))
    if how == "revoked":
        entitlement = desk.value("SELECT id FROM entitlements")
        entitlement_register.revoke(desk.office, supervisor, entitlement, "left the army")
    order = counter.order(ticket, class_code="LUX" if how == "luxury" else None)
    plan = counter.quote(order)
    moved = counter.move(order)
    assert (moved.old_fare, moved.fee) == (338_000, 85_000)
    assert moved.due == moved.new_fare - 338_000 + 85_000
    assert moved.new_fare > FARE if how == "luxury" else moved.new_fare == FARE
    assert "full fare" in plan.notes[0]
    assert "full fare" in moved.notes[0]
    assert desk.value("SELECT entitlement_id FROM tickets WHERE supersedes_id IS NOT NULL") is None
    desk.require_sound()


def test_one_ticket_to_an_identity_on_subsidised_trains(counter: Counter, desk: Desk) -> None:
    """Another one on the train he wants to move to stands in the way; the one he gives up does not."""
    pso = {"train": "281", "class_code": "EKO", "origin": "ML", "destination": "PSE"}
    first = desk.sell(**pso).tickets[0]
    moved = counter.move(counter.order(first, train="281")).tickets[0][0]
    assert desk.value("SELECT count(*) FROM tickets WHERE exclusive_identity IS NOT NULL") == 2
    again = desk.sell(**pso).tickets[0]
    assert counter.refused(counter.order(again, train="281")) == "one_ticket_per_identity"
    assert counter.refused(counter.order(moved, train="281", days=0)) == "one_ticket_per_identity"
    seat = counter.move(counter.order(moved, train="281", seat=_other_seat(desk, moved)))
    assert seat.kind == "reschedule"
    desk.require_sound()


def _other_seat(desk: Desk, ticket: Any) -> str:
    network = desk.office.network()
    known = desk.office.database.transaction(lambda tx: network.seats(tx, ticket.travel_class.id))
    return next(seat.label for seat in known.values() if seat.id != ticket.seat.id)


# Once


def test_the_same_key_moves_once(counter: Counter, desk: Desk) -> None:
    ticket = desk.sell(1, infants=1).tickets[0]
    order, key = counter.order(ticket), uuid7()
    first = counter.move(order, key=key)
    before = desk.fingerprint()
    again = counter.move(order, key=key)
    assert again.as_json() == first.as_json()
    assert desk.fingerprint() == before
    with pytest.raises(KeyReused):
        counter.move(counter.order(ticket, class_code="LUX"), key=key)
    with pytest.raises(StateConflict):
        counter.move(order)
    desk.require_sound()


def test_a_refusal_is_not_remembered(counter: Counter, desk: Desk) -> None:
    order, key = counter.order(desk.sell().tickets[0]), uuid7()
    assert counter.refused(order, tender=None, key=key) == "payment_missing"
    assert counter.move(order, key=key, tender=CASH).paid == FEE


def test_whoever_may_not_sell_moves_nothing(counter: Counter, desk: Desk, gate_agent: Actor) -> None:
    order = counter.order(desk.sell().tickets[0])
    with pytest.raises(Refused):
        reschedules.carry_out(desk.office, gate_agent, order, nik(), CASH, key=uuid7())
