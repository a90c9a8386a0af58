"""Checkpoints: signed once for every head, in the database and in the file outside it; changed ones are found."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.audit import checkpoint, checkpoints
from core.errors import NotReady

if TYPE_CHECKING:
    from tests.core.conftest import Trail

ROWS = 7


def test_a_checkpoint_signs_every_head_once(trail: Trail) -> None:
    taken = {one.terminal: one for one in trail.checkpoint()}
    assert {"", "AUDIT"} <= set(taken)
    mine = taken["AUDIT"]
    assert (mine.number, mine.is_ours(trail.office)) == (ROWS, True)
    lines = trail.heads_file.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [one.as_json() for one in taken.values()]
    assert trail.checkpoint() == list(taken.values())  # nothing has moved
    assert trail.heads_file.read_text(encoding="utf-8").splitlines() == lines
    trail.write()
    (next_one,) = checkpoint(trail.office, trail.actor, trail.heads_file, terminal_id=trail.chain)
    assert next_one.number == ROWS + 1
    assert trail.problems(outside=True) == []
    assert trail.heads_file.stat().st_mode & 0o077 == 0


def test_another_machine_notes_a_checkpoint_too(trail: Trail, tmp_path: Path) -> None:
    trail.checkpoint()
    elsewhere = tmp_path / "elsewhere.jsonl"
    checkpoint(trail.office, trail.actor, elsewhere)
    assert elsewhere.read_bytes() == trail.heads_file.read_bytes()


def test_checkpoints_at_once_are_one(trail: Trail) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: trail.checkpoint(), range(8)))
    assert trail.desk.value("SELECT count(*) FROM audit_checkpoints WHERE chain = :chain", chain=trail.chain) == 1
    assert trail.problems(outside=True) == []


CHECKPOINT_CHANGES = {
    "chain": "chain + 1000",
    "chain_no": "chain_no - 1",
    "row_hash": "set_byte(row_hash, 0, get_byte(row_hash, 0) # 1)",
    "user_id": "gen_random_uuid()",
    "key_id": "2",
    "signature": "set_byte(signature, 63, get_byte(signature, 63) # 1)",
    "created_at": "created_at - interval '1 microsecond'",
}


@pytest.mark.parametrize("column", CHECKPOINT_CHANGES)
def test_a_changed_checkpoint_is_found(trail: Trail, column: str) -> None:
    trail.checkpoint()
    trail.tamper(f"UPDATE audit_checkpoints SET {column} = {CHECKPOINT_CHANGES[column]} WHERE chain = :chain")
    (found,) = trail.problems()
    assert found.endswith(" was changed: its signature does not verify")


@pytest.mark.parametrize("damage", [b'"chain_no": 7', b"}\n{", b'"key_id": 1'])
def test_a_changed_line_of_the_file_is_found(trail: Trail, damage: bytes) -> None:
    trail.checkpoint()
    text_ = trail.heads_file.read_bytes()
    assert damage in text_
    trail.heads_file.write_bytes(text_.replace(damage, damage.translate(bytes.maketrans(b"17{", b"26x"))))
    found = trail.problems(outside=True)
    assert found
    assert all(" of the file of audit heads was changed" in problem for problem in found)


def test_a_line_that_a_crash_left_unfinished_is_passed_over(trail: Trail) -> None:
    trail.checkpoint()
    whole = trail.heads_file.read_bytes()
    with trail.heads_file.open("ab") as stream:
        stream.write(b'{"issuer": "KAI", "cha')
    assert trail.problems(outside=True) == []
    trail.write()
    trail.checkpoint()
    assert trail.heads_file.read_bytes().startswith(whole)
    assert trail.problems(outside=True) == []
    assert len(checkpoints.read_file(trail.heads_file)) == len(whole.splitlines()) + 1


def test_lines_of_another_operator_do_not_matter(trail: Trail) -> None:
    trail.heads_file.parent.mkdir()
    other = {"issuer": "XXX", "chain": 1, "chain_no": 99, "row_hash": "00", "user_id": None, "terminal": "T"}
    other |= {"at": "2026-01-01T00:00:00+00:00", "key_id": 1, "signature": "00"}
    trail.heads_file.write_text(json.dumps(other) + "\n", encoding="utf-8")
    assert trail.problems(outside=True) == []


def test_a_file_that_cannot_be_written_is_said(trail: Trail, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotReady) as caught:
        checkpoint(trail.office, trail.actor, tmp_path / "file" / "heads.jsonl")
    assert caught.value.reason == "audit_heads_file"
