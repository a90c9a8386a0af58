"""Looking after policies: what holds where, who may change it, two at once, and what remains of what stood before."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import booking, policy
from core import policy_register as register
from core.database import Actor
from core.errors import CounterError, NotFound, NotPermitted, NotSignedIn, Refused, StateConflict, UsageError
from core.office import Office
from core.policy import ESCALATION_ROLE, HOLD_MINUTES, REFUND_CASH_ALLOWED, REGISTRY, RESCHEDULE_FEE_PERCENT, Policy
from core.policy_values import OPERATOR, Entered, Place, in_force, parse_value, shown
from tests.conftest import TestDatabase, sign_in

if TYPE_CHECKING:
    from tests.core.conftest import Desk

#: What the work after the sale is built on, by the names it asks for.
AFTER_THE_SALE = {
    "cancel_fee_percent": 25, "cancel_cutoff_minutes": 30, "cancel_fee_rounding": 1, "reschedule_fee_percent": 25,
    "reschedule_fee_rounding": 1000, "reschedule_cutoff_minutes": 60, "refund_unclaimed_days": 365,
    "refund_payout_days": 7, "refund_cash_allowed": False, "fault_claim_days": 7, "fault_keeps_booking_fee": False,
    "delay_refund_minutes": 60, "delay_drink_minutes": 60, "delay_snack_minutes": 180, "delay_meal_minutes": 300,
    "modification_window_days": 30, "fine_multiple": 2, "ban_days": 90, "ban_days_repeated": 180, "ban_after_fines": 3,
}  # fmt: skip


@pytest.fixture
def supervisor(office: Office) -> Actor:
    return sign_in(office, "3001", "DESK-1")


def code_of(work: Callable[[], object], error: type[CounterError]) -> str:
    with pytest.raises(error) as caught:
        work()
    return caught.value.reason


def of(office: Office, actor: Actor, name: str, **place: str) -> tuple[object, str]:
    found = register.find(office, actor, name, register.place_of(office, **place))
    return found.value, found.origin


# Words and values


@pytest.mark.parametrize(("name", "default"), AFTER_THE_SALE.items())
def test_the_rates_of_the_trade_are_the_defaults(name: str, default: object) -> None:
    assert REGISTRY[name].default == default
    assert type(REGISTRY[name].default) is type(default)


@given(st.data())
def test_every_value_within_bounds_reads_back_as_it_is_shown(data: st.DataObject) -> None:
    described: Policy[Any] = data.draw(st.sampled_from(list(REGISTRY.values())))
    values: dict[type, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: st.integers(described.minimum, described.maximum),
        str: st.sampled_from(described.choices or ("",)),
    }
    value = data.draw(values[type(described.default)])
    assert parse_value(described, shown(value)) == value
    assert described.read(value) == value


@pytest.mark.parametrize(
    ("described", "written", "error", "code"),
    [
        (RESCHEDULE_FEE_PERCENT, "101", Refused, "policy_out_of_bounds"),
        (RESCHEDULE_FEE_PERCENT, "-1", Refused, "policy_out_of_bounds"),
        (RESCHEDULE_FEE_PERCENT, "2.5", UsageError, "policy_value_invalid"),
        (RESCHEDULE_FEE_PERCENT, "1.00", UsageError, "policy_value_invalid"),
        (RESCHEDULE_FEE_PERCENT, "", UsageError, "policy_value_invalid"),
        (RESCHEDULE_FEE_PERCENT, "²", UsageError, "policy_value_invalid"),
        (RESCHEDULE_FEE_PERCENT, "--2", UsageError, "policy_value_invalid"),
        (RESCHEDULE_FEE_PERCENT, "9" * 5000, UsageError, "policy_value_invalid"),
        (RESCHEDULE_FEE_PERCENT, "yes", UsageError, "policy_value_invalid"),
        (REFUND_CASH_ALLOWED, "1", UsageError, "policy_value_invalid"),
        (ESCALATION_ROLE, "clerk", UsageError, "policy_value_invalid"),
        (HOLD_MINUTES, "0", Refused, "policy_out_of_bounds"),
    ],
)
def test_other_values_are_refused(described: Policy[Any], written: str, error: type[CounterError], code: str) -> None:
    assert code_of(lambda: parse_value(described, written), error) == code


def test_thousands_may_be_set_apart_as_they_are_shown() -> None:
    assert parse_value(policy.BOOKING_FEE, "12.500") == 12_500
    assert parse_value(policy.BOOKING_FEE, " 1.000.000 ") == 1_000_000


def test_a_misspelt_name_is_told_what_it_may_have_been(office: Office, supervisor: Actor) -> None:
    with pytest.raises(NotFound) as caught:
        register.find(office, supervisor, "cancel-fee-per-cent")
    assert caught.value.reason == "unknown_policy"
    assert "cancel_fee_percent" in caught.value.hint
    assert register.find(office, supervisor, "Cancel-Fee-Percent").policy is policy.CANCEL_FEE_PERCENT


places = st.builds(Place, st.none() | st.integers(1, 3), st.none() | st.integers(1, 3))


@given(st.dictionaries(places, st.integers(0, 100)), places)
def test_what_is_shown_is_what_decisions_read(entered: dict[Place, int], place: Place) -> None:
    rows = [Entered(n, "cancel_fee_percent", value, at, None, "") for n, (at, value) in enumerate(entered.items())]  # type: ignore[arg-type]  # no time matters here
    found = in_force(policy.CANCEL_FEE_PERCENT, rows, place)
    read = policy.Policies(
        policy.Setting("cancel_fee_percent", at.station_id, at.train_id, value) for at, value in entered.items()
    ).get(policy.CANCEL_FEE_PERCENT, station_id=place.station_id, train_id=place.train_id)
    assert found.value == read
    assert (found.origin == "default") == (found.entered is None)


# In the database


def test_the_nearest_value_holds_and_says_where_it_comes_from(office: Office, supervisor: Actor) -> None:
    name = "cancel_cutoff_minutes"
    assert of(office, supervisor, name, station="GMR") == (30, "default")
    register.set_value(office, supervisor, name, 20)
    register.set_value(office, supervisor, name, 40, register.place_of(office, station="GMR"))
    register.set_value(office, supervisor, name, 15, register.place_of(office, train="43"))
    register.set_value(office, supervisor, name, 5, register.place_of(office, station="GMR", train="43"))
    assert of(office, supervisor, name) == (20, "operator")
    assert of(office, supervisor, name, station="YK") == (20, "operator")
    assert of(office, supervisor, name, station="GMR") == (40, "station")
    assert of(office, supervisor, name, train="43", station="YK") == (15, "train")
    assert of(office, supervisor, name, train="43", station="GMR") == (5, "train at station")
    found = register.find(office, supervisor, name)
    assert [(one.place.train, one.place.station, one.value) for one in found.all] == [
        (None, None, 20), (None, "GMR", 40), ("43", None, 15), ("43", "GMR", 5),
    ]  # fmt: skip
    by_id = {one.id: one for one in found.all}
    assert [by_id[one.overrides].value if one.overrides else None for one in found.all] == [None, 20, 20, 15]
    assert found.entered is not None
    assert found.entered.by == supervisor.full_name


def test_a_withdrawn_value_gives_way_to_the_wider_one(office: Office, supervisor: Actor) -> None:
    gambir = register.place_of(office, station="GMR")
    register.set_value(office, supervisor, "hold_minutes", 12)
    register.set_value(office, supervisor, "hold_minutes", 3, gambir)
    assert register.withdraw(office, supervisor, "hold_minutes", gambir).value == 12
    assert register.withdraw(office, supervisor, "hold_minutes").origin == "default"
    assert code_of(lambda: register.withdraw(office, supervisor, "hold_minutes"), NotFound) == "policy_not_set"


def test_what_ever_stood_is_told_with_who_and_when(desk: Desk, office: Office, supervisor: Actor) -> None:
    admin = sign_in(office, "9001", "DESK-2")
    register.set_value(office, supervisor, "ban_days", 30)
    register.set_value(office, admin, "ban_days", 60)
    register.withdraw(office, supervisor, "ban_days")
    newest, oldest = register.history(office, supervisor, "ban_days")
    assert (newest.value, newest.by, newest.ended_by) == (60, admin.full_name, supervisor.full_name)
    assert (oldest.value, oldest.by, oldest.ended_by) == (30, supervisor.full_name, admin.full_name)
    assert oldest.ended_at is not None
    assert newest.ended_at is not None
    assert oldest.since <= oldest.ended_at <= newest.ended_at
    rows = desk.owner(
        "SELECT action, old_values->>'value', new_values->>'value', new_values->>'policy' FROM audit_logs"
        " WHERE entity_type = 'policy_configurations' ORDER BY created_at, id"
    )
    assert [tuple(row) for row in rows] == [
        ("create", None, "30", "ban_days"), ("update", "30", "60", "ban_days"), ("delete", "60", None, None),
    ]  # fmt: skip
    assert desk.value("SELECT count(*) FROM policy_configurations WHERE deleted_at IS NULL") == 0
    told = desk.owner("SELECT event_type FROM domain_events WHERE entity_type = 'policy_configurations' ORDER BY id")
    assert [row[0] for row in told] == ["policy.changed", "policy.changed", "policy.withdrawn"]


def test_the_same_value_again_changes_nothing(desk: Desk, office: Office, supervisor: Actor) -> None:
    for _ in range(2):
        register.set_value(office, supervisor, "refund_cash_allowed", True)
    assert len(register.history(office, supervisor, "refund_cash_allowed")) == 1


def test_a_change_holds_for_the_next_decision_at_another_counter(
    desk: Desk, supervisor: Actor, open_office: Callable[..., Office]
) -> None:
    elsewhere = open_office()
    clerk = sign_in(elsewhere, terminal="FAR-1", station="GMR")

    def minutes() -> int:
        held = booking.hold(elsewhere, clerk, desk.request())
        left = desk.value(
            "SELECT round(extract(epoch FROM expires_at - booking_date) / 60) FROM bookings WHERE id = :id",
            id=held.booking_id,
        )
        return int(left)

    assert minutes() == HOLD_MINUTES.default
    register.set_value(desk.office, supervisor, "hold_minutes", 3)
    assert minutes() == 3
    register.withdraw(desk.office, supervisor, "hold_minutes")
    assert minutes() == HOLD_MINUTES.default


def test_of_many_at_once_exactly_one_value_stands(
    desk: Desk, supervisor: Actor, open_office: Callable[..., Office], database: TestDatabase
) -> None:
    offices = [open_office(logins=database.logins) for _ in range(4)]
    start = Barrier(len(offices))

    def change(at: int) -> None:
        start.wait()
        for value in range(at * 10, at * 10 + 5):
            register.set_value(offices[at], supervisor, "callback_minutes", value + 1)

    with ThreadPoolExecutor(len(offices)) as pool:
        list(pool.map(change, range(len(offices))))
    stood = register.history(desk.office, supervisor, "callback_minutes")
    assert len(stood) == 20
    assert [one.ended_at is None for one in stood].count(True) == 1
    audited = "SELECT count(*) FROM audit_logs WHERE entity_type = 'policy_configurations'"
    assert desk.value(audited) == 20


def test_whoever_decided_by_an_older_value_is_told(office: Office, supervisor: Actor) -> None:
    first = register.set_value(office, supervisor, "fine_multiple", 3, seen=0).entered
    assert first is not None
    again = code_of(lambda: register.set_value(office, supervisor, "fine_multiple", 4, seen=0), StateConflict)
    assert again == "policy_changed"
    second = register.set_value(office, supervisor, "fine_multiple", 4, seen=first.id)
    assert second.value == 4
    withdrawn = code_of(lambda: register.withdraw(office, supervisor, "fine_multiple", seen=first.id), StateConflict)
    assert withdrawn == "policy_changed"


def test_a_value_that_somebody_broke_is_shown_and_can_be_mended(desk: Desk, office: Office, supervisor: Actor) -> None:
    desk.decide(policy.CANCEL_FEE_PERCENT, 400)
    broken = register.find(office, supervisor, "cancel_fee_percent")
    assert (broken.value, broken.is_sound) == (400, False)
    assert register.set_value(office, supervisor, "cancel_fee_percent", 40).is_sound


@pytest.mark.parametrize("work", ["listed", "find", "set", "withdraw", "history"])
@pytest.mark.parametrize("who", ["1001", "2001", ""])
def test_policies_are_a_supervisors_business(office: Office, work: str, who: str) -> None:
    actor = sign_in(office, who, "X-1") if who else Actor()
    asked: dict[str, Callable[[], object]] = {
        "listed": lambda: register.listed(office, actor),
        "find": lambda: register.find(office, actor, "ban_days"),
        "set": lambda: register.set_value(office, actor, "ban_days", 1),
        "withdraw": lambda: register.withdraw(office, actor, "ban_days"),
        "history": lambda: register.history(office, actor, "ban_days"),
    }
    code_of(asked[work], NotPermitted if who else NotSignedIn)


def test_the_database_itself_lets_no_clerk_decide(office: Office, clerk: Actor, database: TestDatabase) -> None:
    entry = (
        "INSERT INTO policy_configurations (operator_id, policy_type, config)"
        """ VALUES (1, 'cancel_fee_percent', '{"value": 0}')"""
    )
    for url in (database.counter_url, database.supervisor_url):
        with psycopg.connect(url) as session:
            session.execute("SELECT set_config('counter.session', %s, false)", (clerk.session,))
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(entry)
    assert register.listed(office, sign_in(office, "3001", "DESK-1"), OPERATOR)[0].origin == "default"
