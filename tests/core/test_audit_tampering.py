"""Whatever somebody with every right on the database does to the audit trail is found and named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.models import AuditLog
from core.models.audit_guards import canonical

if TYPE_CHECKING:
    from tests.core.conftest import Trail

ROWS = 7
HERE = "terminal AUDIT: "
OF_CHAIN = "WHERE terminal_id = :chain"
ROW = f"{OF_CHAIN} AND chain_no = :number"


# Changed, removed, put in, moved, cut off

#: column -> another value, a byte away or so
CHANGES = {
    "operator_id": "2::smallint",
    "id": "overlay(id::text placing CASE right(id::text, 1) WHEN '0' THEN '1' ELSE '0' END from 36)::uuid",
    "user_id": "'00000000-0000-0000-0000-000000000001'",
    "terminal_id": "999",
    "correlation_id": "overlay(correlation_id::text placing CASE right(correlation_id::text, 1)"
    " WHEN '0' THEN '1' ELSE '0' END from 36)::uuid",
    "entity_type": "entity_type || ' '",
    "entity_id": "'X'",
    "action": "'update'",
    "old_values": "NULL",
    "new_values": "jsonb_set(new_values, '{number}', '99')",
    "ip_address": "''",
    "user_agent": "''",
    "created_at": "created_at + interval '1 microsecond'",
    "chain_no": "chain_no + 1",
    "previous_hash": "CASE previous_hash WHEN '' THEN '\\x00' ELSE set_byte(previous_hash, 31,"
    " get_byte(previous_hash, 31) # 1) END",
    "row_hash": "set_byte(row_hash, 0, get_byte(row_hash, 0) # 128)",
}
#: Such a row leaves its chain: it is missed there.
LEAVING = {"operator_id", "terminal_id"}


def test_every_column_is_tried() -> None:
    assert set(CHANGES) == {column.name for column in AuditLog.__table__.columns}


@pytest.mark.parametrize("column", CHANGES)
@pytest.mark.parametrize("number", [1, 4, ROWS])
def test_one_byte_changed_in_any_column_is_found(trail: Trail, column: str, number: int) -> None:
    key = trail.id(number)
    trail.tamper(f"UPDATE audit_logs SET {column} = {CHANGES[column]} {ROW}", number=number)
    found = trail.problems()
    if column in LEAVING:
        gone = "removed: next comes" if number < ROWS else f"cut off: its head knows of row {number}"
        assert found[0].startswith(f"{HERE}row {number} was {gone}")
        strangers = [f"terminal no 999: {trail.named(number, key)} was changed"] if column == "terminal_id" else []
        assert found[1:] == strangers
    elif column == "chain_no":
        assert found == [f"{HERE}{trail.named(number + 1, key)} was moved: it belongs into place {number}"]
    else:
        row = f"row {number} (" if column in ("entity_type", "entity_id", "action", "id") else trail.named(number, key)
        assert len(found) == 1
        assert found[0].startswith(f"{HERE}{row}")
        assert found[0].endswith(" was changed")


@pytest.mark.parametrize(
    ("before", "after"), [("NULL", "'null'::jsonb"), ("'null'::jsonb", "NULL"), ("'{}'::jsonb", "'[]'::jsonb")]
)
def test_no_value_and_an_empty_value_are_not_the_same(trail: Trail, before: str, after: str) -> None:
    trail.desk.owner(
        "INSERT INTO audit_logs (operator_id, id, terminal_id, correlation_id, entity_type, entity_id, action,"
        f" new_values) VALUES (1, gen_random_uuid(), :chain, gen_random_uuid(), 'things', 'x', 'create', {before})",
        chain=trail.chain,
    )
    assert trail.problems() == []
    trail.tamper(f"UPDATE audit_logs SET new_values = {after} {ROW}", number=ROWS + 1)
    assert trail.problems() == [f"{HERE}{trail.named(ROWS + 1)} was changed"]


def test_one_row_deleted_is_found(trail: Trail) -> None:
    for number in (1, 4):
        with trail.kept():
            trail.tamper(f"DELETE FROM audit_logs {ROW}", number=number)
            assert trail.problems() == [f"{HERE}row {number} was removed: next comes {trail.named(number + 1)}"]
    with trail.kept():
        trail.tamper(f"DELETE FROM audit_logs {OF_CHAIN} AND chain_no IN (3, 4)")
        assert trail.problems() == [f"{HERE}rows 3 to 4 were removed: next comes {trail.named(5)}"]
    with trail.kept():
        trail.tamper(f"DELETE FROM audit_logs {OF_CHAIN}")
        assert trail.problems() == [f"{HERE}rows 1 to {ROWS} were cut off: its head knows of row {ROWS}"]


def test_a_row_deleted_and_the_rest_numbered_anew_is_found(trail: Trail) -> None:
    trail.tamper(
        f"DELETE FROM audit_logs {ROW}",
        f"UPDATE audit_logs SET chain_no = chain_no - 1 {OF_CHAIN} AND chain_no > :number",
        "UPDATE audit_heads SET last_no = last_no - 1 WHERE chain = :chain",
        number=3,
    )
    assert trail.problems() == [f"{HERE}a row before {trail.named(3)} was removed, and the rest was numbered anew"]


@pytest.mark.parametrize(("one", "other"), [(1, 2), (3, 4), (2, 6), (1, ROWS)])
def test_two_rows_swapped_are_found(trail: Trail, one: int, other: int) -> None:
    key = trail.id(one)
    swap = "CASE chain_no WHEN :one THEN :other ELSE :one END"
    both = f"{OF_CHAIN} AND chain_no IN (:one, :other)"
    trail.tamper(f"UPDATE audit_logs SET chain_no = {swap} {both}", one=one, other=other)
    assert trail.problems() == [f"{HERE}{trail.named(other, key)} was moved: it belongs into place {one}"]


@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 6)])
def test_two_rows_with_swapped_contents_are_found(trail: Trail, one: int, other: int) -> None:
    """The hashes stay where they are; everything that is said changes places."""
    key = trail.id(other)
    trail.tamper(
        "UPDATE audit_logs a SET chain_no = b.chain_no, previous_hash = b.previous_hash, row_hash = b.row_hash"
        " FROM audit_logs b WHERE a.terminal_id = :chain AND b.terminal_id = :chain"
        " AND (a.chain_no, b.chain_no) IN ((:one, :other), (:other, :one))",
        one=one,
        other=other,
    )
    assert trail.problems() == [f"{HERE}{trail.named(one, key)} was moved: what it says belongs into row {other}"]


STRANGER = "00000000-0000-7000-8000-000000000001"
COPY = (
    "INSERT INTO audit_logs (operator_id, id, terminal_id, correlation_id, entity_type, entity_id, action, chain_no,"
    f" previous_hash, row_hash) SELECT operator_id, '{STRANGER}', terminal_id, correlation_id, 'things', 'x', 'create',"
    f" :to, previous_hash, row_hash FROM audit_logs {ROW}"
)
REHASH = f"UPDATE audit_logs a SET row_hash = sha256(a.previous_hash || {canonical('a')}) WHERE a.id = '{STRANGER}'"


@pytest.mark.parametrize("rehashed", [False, True])
@pytest.mark.parametrize("number", [1, 4])
def test_a_row_put_in_is_found(trail: Trail, number: int, rehashed: bool) -> None:
    statements = [
        f"UPDATE audit_logs SET chain_no = chain_no + 1 {OF_CHAIN} AND chain_no > :number",
        COPY,
        "UPDATE audit_heads SET last_no = last_no + 1 WHERE chain = :chain",
        *([REHASH] if rehashed else []),
    ]
    trail.tamper(*statements, number=number, to=number + 1)
    (found,) = trail.problems()
    assert found.startswith(f"{HERE}{trail.named(number + 1, STRANGER)} was put in")


@pytest.mark.parametrize("rehashed", [False, True])
def test_a_second_row_of_the_same_number_is_found(trail: Trail, rehashed: bool) -> None:
    trail.tamper(COPY, *([REHASH] if rehashed else []), number=4, to=4)
    (found,) = trail.problems()
    assert found.startswith(f"{HERE}{trail.named(4, STRANGER)} was put in")


def test_a_row_put_in_beyond_the_end_is_found(trail: Trail) -> None:
    trail.tamper(
        COPY, "UPDATE audit_logs SET previous_hash = row_hash WHERE id = '" + STRANGER + "'", REHASH,
        number=ROWS, to=ROWS + 1,
    )  # fmt: skip
    assert trail.problems() == [f"{HERE}{trail.named(ROWS + 1, STRANGER)} was put in: the chain ends with row {ROWS}"]


def test_a_row_written_while_the_trigger_was_away_is_found(trail: Trail) -> None:
    trail.tamper(COPY, number=2, to=ROWS + 1)
    trail.write()
    (found,) = trail.problems()
    assert STRANGER in found


CUT_OFF = (
    f"DELETE FROM audit_logs {OF_CHAIN} AND chain_no > :number",
    "UPDATE audit_heads h SET last_no = a.chain_no, previous_hash = a.previous_hash, last_hash = a.row_hash"
    " FROM audit_logs a WHERE h.chain = :chain AND a.terminal_id = h.chain AND a.chain_no = :number",
)


def test_an_end_cut_off_is_found_by_its_head(trail: Trail) -> None:
    trail.tamper(CUT_OFF[0], number=5)
    assert trail.problems() == [f"{HERE}rows 6 to {ROWS} were cut off: its head knows of row {ROWS}"]


def test_an_end_cut_off_together_with_its_head_is_found_by_a_checkpoint(trail: Trail) -> None:
    trail.checkpoint()
    trail.write(2)
    assert trail.problems(outside=True) == []
    trail.tamper(*CUT_OFF, number=5)
    (found,) = trail.problems()
    assert found.startswith(f"{HERE}rows 6 to {ROWS} were cut off: the checkpoint of ")
    trail.write(4)  # growing over it does not hide it
    (found,) = trail.problems()
    assert found.startswith(f"{HERE}rows 1 to {ROWS} were rewritten: the checkpoint of ")


def test_an_end_cut_off_with_head_and_checkpoints_is_found_by_the_file(trail: Trail) -> None:
    trail.checkpoint()
    trail.tamper(*CUT_OFF, "DELETE FROM audit_checkpoints WHERE chain = :chain", number=5)
    assert trail.problems() == []  # the database alone cannot know
    first, second = trail.problems(outside=True)
    assert first.endswith(f" at row {ROWS} was removed")
    assert second == f"{HERE}rows 6 to {ROWS} were cut off: line 3 of the file of audit heads knows of row {ROWS}"


def test_a_chain_that_is_gone_as_a_whole_is_found(trail: Trail) -> None:
    trail.checkpoint()
    trail.tamper(f"DELETE FROM audit_logs {OF_CHAIN}", "DELETE FROM audit_heads WHERE chain = :chain")
    (found,) = trail.problems()
    assert found.startswith(f"{HERE}rows 1 to {ROWS} were cut off: the checkpoint of ")


def test_a_history_hashed_anew_is_found_by_a_checkpoint(trail: Trail) -> None:
    trail.checkpoint()
    trail.write(2)
    trail.checkpoint()
    rehash = "UPDATE audit_logs a SET previous_hash = coalesce((SELECT b.row_hash FROM audit_logs b"
    rehash += " WHERE b.terminal_id = :chain AND b.chain_no = a.chain_no - 1), '')"
    rehash += " WHERE a.terminal_id = :chain AND a.chain_no = {0}"
    own = f"UPDATE audit_logs a SET row_hash = sha256(a.previous_hash || {canonical('a')})"
    own += " WHERE a.terminal_id = :chain AND a.chain_no = {0}"
    steps = [step.format(number) for number in range(8, ROWS + 3) for step in (rehash, own)]
    trail.tamper(
        f"UPDATE audit_logs SET entity_id = 'forged' {OF_CHAIN} AND chain_no = 8",
        *steps,
        "UPDATE audit_heads h SET previous_hash = a.previous_hash, last_hash = a.row_hash FROM audit_logs a"
        " WHERE h.chain = :chain AND a.terminal_id = h.chain AND a.chain_no = h.last_no",
    )
    (found,) = trail.problems()
    assert found.startswith(f"{HERE}rows 8 to 9 were rewritten: the checkpoint of ")
