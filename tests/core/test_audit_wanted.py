"""Filters typed in one line: read, and written again."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audit.trail import Filter
from core.audit.wanted import line_of, parse
from core.errors import UsageError
from core.models.journal import AUDIT_ACTIONS

JAKARTA = "Asia/Jakarta"
KEY = UUID("01a1fbae-0ecc-71d2-bdf2-0a6d652c3565")


def test_every_word_of_a_line() -> None:
    line = f"who 1001 terminal 'Loket 2' entity bookings id 7 action view correlation {KEY} since 2026-03-10"
    assert parse(f"{line} until 2026-03-11T08:30", JAKARTA) == Filter(
        who="1001",
        terminal="Loket 2",
        entity="bookings",
        entity_id="7",
        action="view",
        correlation=KEY,
        since=datetime(2026, 3, 9, 17, tzinfo=UTC),
        before=datetime(2026, 3, 11, 1, 30, tzinfo=UTC),
    )


def test_nothing_finds_everything() -> None:
    assert parse("  ", JAKARTA) == Filter()
    assert line_of(Filter(), JAKARTA) == ""


def test_the_words_of_the_command_and_a_day_as_a_whole() -> None:
    assert parse("FROM 2026-03-10 to 2026-03-10", JAKARTA) == Filter(
        since=datetime(2026, 3, 9, 17, tzinfo=UTC), before=datetime(2026, 3, 10, 17, tzinfo=UTC)
    )
    assert parse("since 2026-03-10T00:00+09:00", JAKARTA).since == datetime(2026, 3, 9, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    ["1001", "who", "who 1001 entity", "who 'x", "action steal", "since yesterday", "until 2026-02-30",
     "since 0001-01-01", "correlation x", "from 9999-12-31"],
)  # fmt: skip
def test_what_says_nothing_right(line: str) -> None:
    with pytest.raises(UsageError):
        parse(line, JAKARTA)


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
moments = st.integers(1, 200_000_000_000).map(lambda tenths: datetime.fromtimestamp(tenths / 10, UTC))


@given(
    st.builds(
        Filter,
        entity=st.none() | texts,
        entity_id=st.none() | texts,
        who=st.none() | texts,
        action=st.none() | st.sampled_from(AUDIT_ACTIONS),
        terminal=st.none() | texts,
        correlation=st.none() | st.uuids(),
        since=st.none() | moments,
        before=st.none() | moments,
    )
)
def test_a_filter_written_and_read_again_is_the_same(wanted: Filter) -> None:
    assert parse(line_of(wanted, JAKARTA), JAKARTA) == wanted
