"""Reading the audit trail: filters, pages by key, and the look itself on the trail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core import staff, terminals
from core.audit import trail
from core.audit.trail import Filter
from core.database import NOBODY, Actor
from core.errors import CounterError, NotFound, NotPermitted, NotSignedIn, UsageError
from core.office import Office

if TYPE_CHECKING:
    from tests.core.conftest import Desk

EVERYTHING = Filter()


@pytest.fixture
def supervisor(office: Office) -> Actor:
    here = terminals.register(office, "OFFICE", station="YK")
    return staff.sign_in(office, here, "3001", "123456", program="tests").actor


@pytest.fixture
def things(desk: Desk) -> Callable[[int], None]:
    """Writes so many rows about things, a transaction for every ten of them: their times are equal by tens."""

    def write(rows: int) -> None:
        for first in range(0, rows, 10):
            desk.office.database.transaction(
                lambda tx, first=first: [tx.audit("create", "things", n) for n in range(first, min(first + 10, rows))],
                actor=desk.clerk,
            )

    return write


def test_every_row_comes_once_page_by_page(desk: Desk, supervisor: Actor, things: Callable[[int], None]) -> None:
    things(235)
    wanted, seen, after = Filter(entity="things"), [], None
    sizes = []
    while True:
        page = trail.look(desk.office, supervisor, wanted, after=after, limit=500)
        seen += [int(entry.entity_id) for entry in page.entries]
        sizes.append(len(page.entries))
        if page.next is None:
            break
        after = page.next
    assert sizes == [100, 100, 35]
    assert seen == list(range(234, -1, -1))


def test_a_page_that_is_just_full_is_the_last(desk: Desk, supervisor: Actor, things: Callable[[int], None]) -> None:
    things(20)
    assert trail.look(desk.office, supervisor, Filter(entity="things"), limit=20).next is None
    assert trail.look(desk.office, supervisor, Filter(entity="things"), limit=19).next is not None


def test_a_look_is_on_the_trail(desk: Desk, supervisor: Actor) -> None:
    wanted = Filter(entity="bookings", who="1001")
    trail.look(desk.office, supervisor, wanted)
    newest = trail.look(desk.office, supervisor, EVERYTHING).entries[0]
    assert (newest.action, newest.entity, newest.entity_id, newest.staff_number) == (
        "view", "audit_logs", "list", "3001",
    )  # fmt: skip
    assert newest.new is not None
    assert '"who": "1001"' in newest.new
    desk.require_sound()


FILTERS: dict[str, tuple[Filter, Callable[[Any], bool]]] = {
    "entity": (Filter(entity="bookings"), lambda one: one.entity == "bookings"),
    "who": (Filter(who=" 1001 "), lambda one: one.staff_number == "1001"),
    "action": (Filter(action="create"), lambda one: one.action == "create"),
    "terminal": (Filter(terminal="OFFICE"), lambda one: one.terminal == "OFFICE"),
    "both": (Filter(entity="bookings", action="update"), lambda one: one.entity == "bookings"),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_finds_its_rows_and_no_others(desk: Desk, supervisor: Actor, name: str) -> None:
    desk.sell(1)
    everything = trail.look(desk.office, supervisor, EVERYTHING).entries
    wanted, fits = FILTERS[name]
    found = trail.look(desk.office, supervisor, wanted).entries
    assert 0 < len(found) < len(everything)
    assert all(fits(one) for one in found)
    if name != "both":
        assert {one.id for one in everything if fits(one)} <= {one.id for one in found}


def test_one_thing_is_found_by_its_key(desk: Desk, supervisor: Actor) -> None:
    sold, _ = desk.sell(1), desk.sell(1, first=2)
    found = trail.look(desk.office, supervisor, Filter(entity="bookings", entity_id=str(sold.booking_id))).entries
    assert [one.action for one in found] == ["update", "create"]


def test_a_span_begins_with_its_first_moment_and_ends_before_its_last(desk: Desk, supervisor: Actor) -> None:
    sold = desk.sell(1)
    mine = Filter(entity="bookings", entity_id=str(sold.booking_id))
    newest, oldest = trail.look(desk.office, supervisor, mine).entries

    def count(since: datetime | None, before: datetime | None) -> int:
        return len(trail.look(desk.office, supervisor, replace(mine, since=since, before=before)).entries)

    assert count(oldest.at, newest.at) == 1
    assert count(oldest.at, newest.at + timedelta(microseconds=1)) == 2
    assert count(newest.at + timedelta(microseconds=1), None) == 0


@pytest.mark.parametrize(
    ("wanted", "after", "expected"),
    [
        (Filter(who="4711"), None, NotFound),
        (Filter(terminal="NOWHERE"), None, NotFound),
        (Filter(action="steal"), None, UsageError),
        (EVERYTHING, "yesterday", UsageError),
        (EVERYTHING, "2026-01-01/x", UsageError),
        (EVERYTHING, "2026-01-01T00:00:00/00000000-0000-0000-0000-000000000000", UsageError),
    ],
)
def test_what_does_not_exist_is_said(
    office: Office, supervisor: Actor, wanted: Filter, after: str | None, expected: type[CounterError]
) -> None:
    with pytest.raises(expected):
        trail.look(office, supervisor, wanted, after=after)


def test_only_supervisors_look(office: Office, clerk: Actor, gate_agent: Actor) -> None:
    for actor in (clerk, gate_agent):
        with pytest.raises(NotPermitted):
            trail.look(office, actor, EVERYTHING)
    with pytest.raises(NotSignedIn):
        trail.look(office, NOBODY, EVERYTHING)
