"""Exports for auditors: complete, signed, and provable without the database."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core import spreadsheet, staff, terminals
from core.audit import export as exports
from core.audit.trail import Filter
from core.database import Actor
from core.errors import CounterError, IntegrityFailure, NotFound, NotPermitted, NotReady, Refused
from core.office import Office

if TYPE_CHECKING:
    from tests.core.conftest import Desk

NASTY = ["=1+1", "'", 'quoted "name"', "two\nlines", "Ünïcode 中 😀", "\x1f\x7f\\u0041", "a,b;c", " +6281"]


@pytest.fixture
def supervisor(office: Office) -> Actor:
    here = terminals.register(office, "OFFICE", station="YK")
    return staff.sign_in(office, here, "3001", "123456", program="tests").actor


@pytest.fixture
def write(desk: Desk, supervisor: Actor, tmp_path: Path) -> Callable[..., Path]:
    """Sells something, writes nasty texts and exports everything."""
    desk.sell(2)
    for text in NASTY:
        desk.office.database.transaction(
            lambda tx, text=text: tx.audit("update", "things", text, old={text: None}, new={"name": text}),
            actor=desk.clerk,
        )

    def export(form: str, wanted: Filter | None = None) -> Path:
        out = tmp_path / f"audit.{form}"
        exports.export(desk.office, supervisor, wanted or Filter(), out, form=form)
        return out

    return export


def test_all_rows_are_there_in_both_forms(desk: Desk, write: Callable[..., Path]) -> None:
    lines = [json.loads(line) for line in write("jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == desk.count("audit_logs")
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    assert [line["entity_id"] for line in lines if line["entity"] == "things"] == NASTY
    with write("csv").open(encoding="utf-8", newline="") as stream:
        rows = [{name: spreadsheet.plain(text) for name, text in row.items()} for row in csv.DictReader(stream)]
    in_words = [{name: "" if value is None else str(value) for name, value in line.items()} for line in lines]
    assert rows[: len(lines)] == in_words
    assert len(rows) == len(lines) + 1  # the other export is on the trail by now


def test_no_cell_is_a_formula(write: Callable[..., Path]) -> None:
    with write("csv").open(encoding="utf-8", newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert "'=1+1" in cells
    assert not any(cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\n")) for cell in cells)


def test_an_export_proves_the_chains_without_the_database(write: Callable[..., Path]) -> None:
    """As an auditor would, by the words of ``core.models.audit_guards`` alone."""
    out = write("jsonl")
    operator_id = json.loads(out.with_name("audit.jsonl.sig").read_bytes())["statement"]["operator_id"]
    chains: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for line in out.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        chains[row["terminal_id"] or 0].append(row)
    names = ("id", "user_id", "terminal_id", "correlation_id", "entity", "entity_id", "action", "old", "new")
    for rows in chains.values():
        before = b""
        for row in sorted(rows, key=lambda row: row["chain_no"]):
            said = json.dumps(
                [operator_id, *(row[name] for name in (*names, "ip_address", "user_agent"))], ensure_ascii=False
            )
            moment = datetime.fromisoformat(row["at"])
            body = f"{said[:-1]}, {int(moment.timestamp())}.{moment.microsecond:06}]"
            assert row["previous_hash"] == before.hex()
            before = hashlib.sha256(before + body.encode()).digest()
            assert row["row_hash"] == before.hex()
    assert len(chains) > 2


def test_a_span_is_exported_and_stands_in_the_statement(desk: Desk, write: Callable[..., Path]) -> None:
    now: datetime = desk.office.database.transaction(lambda tx: tx.now)
    out = write("jsonl", Filter(since=now + timedelta(hours=1)))
    assert out.read_bytes() == b""
    statement = exports.check(out, exports.keys_of(desk.office)).statement
    assert statement["rows"] == 0
    assert (
        statement["filter"] == {"since": (now + timedelta(hours=1)).astimezone().isoformat()}
        or "since" in statement["filter"]
    )
    assert (statement["made_by"], statement["operator"], statement["format"]) == ("3001", "KAI", "jsonl")


def test_an_export_is_on_the_trail_before_it_is_read(desk: Desk, write: Callable[..., Path]) -> None:
    assert b'"entity_id": "export"' in write("jsonl").read_bytes()


def test_more_rows_than_fit_into_a_page(
    desk: Desk, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_AT_ONCE", 3)
    lines = write("jsonl").read_text(encoding="utf-8").splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == len(lines) == desk.count("audit_logs")


# The signature


def test_what_was_signed_is_found_to_be(office: Office, write: Callable[..., Path]) -> None:
    for form in exports.FORMATS:
        out = write(form)
        signed = exports.check(out, exports.keys_of(office))
        assert signed.statement["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
        assert out.stat().st_mode & 0o077 == 0


def test_a_changed_file_is_refused(office: Office, write: Callable[..., Path]) -> None:
    out = write("csv")
    whole = out.read_bytes()
    for changed in (whole[:-1], whole + b"x", whole.replace(b"1001", b"1002", 1), whole[:50] + b"\0" + whole[51:]):
        out.write_bytes(changed)
        with pytest.raises(IntegrityFailure) as caught:
            exports.check(out, exports.keys_of(office))
        assert caught.value.reason == "export_changed"


def test_a_changed_statement_is_refused(office: Office, write: Callable[..., Path]) -> None:
    out = write("csv")
    beside = out.with_name("audit.csv.sig")
    document = json.loads(beside.read_bytes())
    for name, value in document["statement"].items():
        for other in (f"{value}x", None):
            forged = document | {"statement": document["statement"] | {name: other}}
            beside.write_text(json.dumps(forged), encoding="utf-8")
            assert refusal(out, office) == "signature_invalid"
    for other in ({}, [], 5, document | {"signature": "zz"}, document | {"key_id": 99}):
        beside.write_text(json.dumps(other), encoding="utf-8")
        assert refusal(out, office) == "signature_invalid"
    beside.write_bytes(b"\xff{")
    assert refusal(out, office) == "signature_invalid"


def refusal(out: Path, office: Office) -> str:
    with pytest.raises(CounterError) as caught:
        exports.check(out, exports.keys_of(office))
    assert caught.value.exit_status == 4
    return caught.value.reason


def test_a_foreign_key_and_a_revoked_one_prove_nothing(office: Office, write: Callable[..., Path]) -> None:
    out = write("csv")
    foreign = Ed25519PrivateKey.generate().public_key()
    with pytest.raises(IntegrityFailure):
        exports.check(out, lambda _: foreign)
    office.revoked_keys = frozenset({office.keys.signing_key_id})
    assert refusal(out, office) == "signature_invalid"


def test_a_checkpoint_is_no_export(office: Office, supervisor: Actor, tmp_path: Path) -> None:
    """Statements of one kind cannot be passed off as another's."""
    from core.audit.signing import CHECKPOINT, EXPORT, is_signed, sign

    key = office.public_keys[office.keys.signing_key_id]
    signature = sign(office.keys, CHECKPOINT, {"a": 1})
    assert is_signed(key, CHECKPOINT, {"a": 1}, signature)
    assert not is_signed(key, EXPORT, {"a": 1}, signature)
    assert not is_signed(None, CHECKPOINT, {"a": 1}, signature)


# What does not work


def test_nothing_is_written_over(office: Office, supervisor: Actor, tmp_path: Path) -> None:
    for taken in ("out.csv", "out.csv.sig"):
        (tmp_path / taken).write_text("mine", encoding="utf-8")
        with pytest.raises(Refused) as caught:
            exports.export(office, supervisor, Filter(), tmp_path / "out.csv", form="csv")
        assert caught.value.reason == "file_exists"
        (tmp_path / taken).unlink()


def test_what_cannot_be_written_leaves_nothing(
    office: Office, supervisor: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotReady):
        exports.export(office, supervisor, Filter(), tmp_path / "nowhere" / "out.csv", form="csv")

    def broken(_entry: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(exports.FORMATS, "csv", ("", broken))
    with pytest.raises(NotReady, match="cannot be written"):
        exports.export(office, supervisor, Filter(), tmp_path / "out.csv", form="csv")
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_signature(office: Office, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        exports.check(tmp_path / "none.csv", exports.keys_of(office))


def test_only_supervisors_export(office: Office, clerk: Actor, tmp_path: Path) -> None:
    with pytest.raises(NotPermitted):
        exports.export(office, clerk, Filter(), tmp_path / "out.csv", form="csv")
