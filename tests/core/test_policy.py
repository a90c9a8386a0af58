"""Policies: the registry, what it accepts, and which of several values is the nearest."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from core import pending, policy
from core.checkin import Gate, check_in
from core.database import Actor
from core.errors import CounterError, Refused
from core.policy import BOOKING_FEE, HOLD_MINUTES, ONE_TICKET_PER_IDENTITY, REGISTRY, Policies, Setting
from core.search import offers
from core.staff import sign_in
from core.terminals import register

if TYPE_CHECKING:
    from tests.core.conftest import Desk

PLACES = st.one_of(st.none(), st.integers(1, 3))


@pytest.mark.parametrize("name", REGISTRY)
def test_every_policy_describes_itself_and_its_default_is_allowed(name: str) -> None:
    described = REGISTRY[name]
    assert described.name == name
    assert described.unit
    assert described.meaning
    assert described.read(described.default) == described.default


@given(
    settings=st.dictionaries(st.tuples(PLACES, PLACES), st.integers(0, 100_000)),
    station=st.integers(1, 3),
    train=st.integers(1, 3),
)
def test_the_nearest_value_wins(settings: dict[tuple[int | None, int | None], int], station: int, train: int) -> None:
    policies = Policies(Setting("booking_fee", *place, value) for place, value in settings.items())
    fitting = {
        (at_train is not None, at_station is not None): value
        for (at_station, at_train), value in settings.items()
        if at_station in (None, station) and at_train in (None, train)
    }
    expected = fitting[max(fitting)] if fitting else BOOKING_FEE.default
    assert policies.get(BOOKING_FEE, station_id=station, train_id=train) == expected


def test_a_place_that_is_not_named_has_no_override() -> None:
    policies = Policies([Setting("booking_fee", 1, None, 5), Setting("booking_fee", None, 1, 6)])
    assert policies.get(BOOKING_FEE) == BOOKING_FEE.default
    assert policies.get(HOLD_MINUTES, station_id=1, train_id=1) == HOLD_MINUTES.default


@pytest.mark.parametrize(
    ("described", "value"),
    [
        (HOLD_MINUTES, 0),
        (HOLD_MINUTES, -1),
        (HOLD_MINUTES, 1.5),
        (HOLD_MINUTES, "10"),
        (HOLD_MINUTES, True),
        (HOLD_MINUTES, None),
        (HOLD_MINUTES, [10]),
        (HOLD_MINUTES, 10**12),
        (ONE_TICKET_PER_IDENTITY, 1),
        (ONE_TICKET_PER_IDENTITY, "yes"),
    ],
)
def test_a_value_of_another_kind_is_refused(described: policy.Policy, value: object) -> None:
    with pytest.raises(Refused) as caught:
        described.read(value)
    assert caught.value.reason == "policy_invalid"
    assert described.name in caught.value.message


def test_no_allowed_value_breaks_a_sale(desk: Desk, gate_agent: Actor) -> None:
    """At either end of its bounds a policy may refuse what is asked, in words, and nothing else."""
    sold = desk.sell(1).tickets[0]
    here = register(desk.office, "T")
    works = (
        lambda: offers(desk.office, "YK", "GMR", desk.day),
        lambda: pending.extend(desk.office, desk.clerk, desk.hold(1).booking_id),
        lambda: desk.sell(1, infants=1, first=2),
        lambda: check_in(desk.office, gate_agent, sold.code, Gate("YK"), at=sold.journey.departs_at),
    )
    sign_ins = tuple(
        lambda pin=pin: sign_in(desk.office, here, "1001", pin, program="tests") for pin in ("123456", "wrong")
    )
    for described in REGISTRY.values():
        ends = (False, True) if isinstance(described.default, bool) else (described.minimum, described.maximum)
        for value in ends:
            desk.owner("DELETE FROM policy_configurations")
            desk.decide(described, value)
            for work in sign_ins if described.name.startswith(("pin", "session")) else works:
                with suppress(CounterError):
                    work()


def test_the_database_keeps_one_live_value_to_a_place(desk: Desk) -> None:
    for place in ({}, {"station": "YK"}, {"train": "43"}, {"station": "YK", "train": "43"}):
        desk.decide(BOOKING_FEE, 1, **place)
        with pytest.raises(IntegrityError):
            desk.decide(BOOKING_FEE, 2, **place)
    desk.owner("UPDATE policy_configurations SET deleted_at = now()")
    desk.decide(BOOKING_FEE, 3)
    policies = desk.office.database.transaction(lambda tx: policy.ask(tx).read())
    assert policies.get(BOOKING_FEE, station_id=1, train_id=1) == 3
    assert desk.count("policy_configurations") == 5  # the history is kept


def test_a_configuration_without_a_value_is_none(desk: Desk) -> None:
    with pytest.raises(IntegrityError):
        desk.owner(
            "INSERT INTO policy_configurations (operator_id, policy_type, config)"
            " VALUES (1, 'booking_fee', '{\"v\": 1}')"
        )
