"""The audit trail for auditors: a file of rows, and beside it a file that signs it.

``FILE`` is CSV (harmless cells, see ``core.spreadsheet``) or JSON lines, oldest row first, one column or key for each
column of the row, hashes included: whoever has all rows of a chain can recompute them without the database, as
``core.models.audit_guards`` describes. ``FILE.sig`` is
one JSON object: the ``statement`` (whose trail, from when to when, how many rows, the file's SHA-256, who made it and
when), its ``signature`` by the ticket key ``key_id`` in hexadecimal digits (``core.audit.signing`` says over what), and
that key's public half, to be compared with the one the operator publishes.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core import spreadsheet, training
from core.audit.signing import EXPORT, is_signed, sign
from core.audit.trail import Entry, Filter, oldest_first
from core.database import Actor, Transaction
from core.errors import IntegrityFailure, NotFound, NotReady, Refused
from core.office import Office
from core.permissions import require

_AT_ONCE: Final = 1_000
_BLOCK: Final = 1 << 20
_COLUMNS: Final = tuple(column.name for column in fields(Entry))

KeyOf = Callable[[int], Ed25519PublicKey | None]


def _csv_line(entry: Entry) -> str:
    return spreadsheet.line(entry.as_json().values())


def _json_line(entry: Entry) -> str:
    return json.dumps(entry.as_json()) + "\n"


#: format -> (its first line, how an entry is written)
FORMATS: Final[Mapping[str, tuple[str, Callable[[Entry], str]]]] = {
    "csv": (spreadsheet.line(_COLUMNS), _csv_line),
    "jsonl": ("", _json_line),
}

_NOTICES: Final[Mapping[str, str]] = {
    "csv": spreadsheet.line([training.NOTICE]),
    "jsonl": json.dumps({"training": True, "notice": training.NOTICE}) + "\n",
}


@dataclass(frozen=True, slots=True)
class Signed:
    """An export's statement, as it was signed or found to be."""

    statement: Mapping[str, Any]
    key_id: int

    def as_json(self) -> dict[str, Any]:
        return {**self.statement, "key_id": self.key_id}


def export(office: Office, actor: Actor, wanted: Filter, out: Path, *, form: str) -> Signed:
    """Write the rows that ``wanted`` finds to ``out`` and sign them in ``out`` + ``.sig``; both appear whole.

    Args:
        form: a key of ``FORMATS``.

    Raises:
        NotPermitted: not a supervisor or an administrator.
        Refused: a file of that name is there (code ``file_exists``).
        NotReady: the files cannot be written (code ``file_not_written``).
    """
    require(actor, "export_audit")
    signature_file = _beside(out)
    for taken in (out, signature_file):
        if taken.exists():
            raise Refused(f"{taken} is there already.", code="file_exists", hint="Choose another name.")
    made_at = office.database.transaction(lambda tx: _record(tx, wanted, form), actor=actor)

    def write(tx: Transaction) -> tuple[int, str]:
        entries = oldest_first(tx, wanted, at_once=_AT_ONCE)
        return _write_rows(drafts[0], entries, form, in_training=office.operator.is_training)

    drafts: list[Path] = []
    try:
        drafts += [_draft(out), _draft(out)]
        rows, digest = office.database.transaction(write, actor=actor, snapshot=True, statement_timeout=600)
        statement = {
            "issuer": office.operator.issuer,
            "operator": office.operator.code,
            **({"training": True} if office.operator.is_training else {}),
            "operator_id": office.operator.id,
            "filter": wanted.as_json(),
            "format": form,
            "rows": rows,
            "sha256": digest,
            "made_at": made_at.astimezone(UTC).isoformat(timespec="microseconds"),
            "made_by": actor.staff_number,
        }
        _write(drafts[1], [json.dumps(_sign(office, statement), indent=1) + "\n"])
        drafts[1].replace(signature_file)
        drafts[0].replace(out)
    except OSError as error:
        raise NotReady(f"{out} cannot be written.", code="file_not_written", hint=f"{error.strerror}.") from error
    finally:
        for left in drafts:
            left.unlink(missing_ok=True)
    return Signed(statement, office.keys.signing_key_id)


def keys_of(office: Office) -> KeyOf:
    """The keys that sign for this operator; what a revoked one signed may be anybody's."""

    def find(key_id: int) -> Ed25519PublicKey | None:
        return None if key_id in office.revoked_keys else office.public_keys.get(key_id)

    return find


def check(file: Path, key_of: KeyOf) -> Signed:
    """Whether a file is what was exported and signed.

    Args:
        key_of: the operator's public key of an id.

    Raises:
        NotFound: the file or its signature is not there or cannot be read.
        IntegrityFailure: the file was changed (code ``export_changed``), or its statement is not what one of these
            keys signed (code ``signature_invalid``).
    """
    try:
        document = json.loads(_read(_beside(file)))
        statement, key_id = dict(document["statement"]), int(document["key_id"])
        signature = bytes.fromhex(document["signature"])
        said = str(statement["sha256"])
    except (ValueError, KeyError, TypeError):
        raise _invalid(file) from None
    if not is_signed(key_of(key_id), EXPORT, statement, signature):
        raise _invalid(file)
    if _digest(file) != said:
        raise IntegrityFailure(
            f"{file} was changed after it was signed.", code="export_changed", hint="Ask for a new export."
        )
    return Signed(statement, key_id)


def _record(tx: Transaction, wanted: Filter, form: str) -> datetime:
    """Put the look on the trail before it is taken."""
    tx.audit("view", "audit_logs", "export", new={"filter": wanted.as_json(), "format": form})
    return tx.now


def _sign(office: Office, statement: Mapping[str, Any]) -> dict[str, Any]:
    key_id = office.keys.signing_key_id
    return {
        "statement": statement,
        "key_id": key_id,
        "public_key": office.keys.public_key(key_id).hex(),
        "signature": sign(office.keys, EXPORT, statement).hex(),
    }


def _write_rows(draft: Path, entries: Iterable[Entry], form: str, *, in_training: bool) -> tuple[int, str]:
    """Write an export's rows; how many they are, and the file's SHA-256. In training it says so first and last."""
    first_line, write_entry = FORMATS[form]
    notice = _NOTICES[form] if in_training else ""
    digest, rows = hashlib.sha256(), 0

    def lines() -> Iterable[str]:
        nonlocal rows
        yield notice + first_line
        for entry in entries:
            rows += 1
            yield write_entry(entry)
        yield notice

    _write(draft, lines(), digest.update)
    return rows, digest.hexdigest()


def _write(path: Path, lines: Iterable[str], also: Callable[[bytes], None] = lambda _text: None) -> None:
    """Write a file and have it on the disk."""
    with path.open("wb") as stream:
        for line in lines:
            text = line.encode()
            also(text)
            stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _draft(beside: Path) -> Path:
    """A new file in the same folder, which its owner alone may read."""
    descriptor, name = tempfile.mkstemp(prefix=f".{beside.name}.", dir=beside.parent)
    os.close(descriptor)
    return Path(name)


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.sig")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise _unreadable(path, error) from error
    return digest.hexdigest()


def _unreadable(path: Path, error: OSError) -> NotFound:
    return NotFound(f"{path} cannot be read.", code="file_not_read", hint=f"{error.strerror}.")


def _invalid(file: Path) -> IntegrityFailure:
    return IntegrityFailure(
        f"The signature of {file} is not this operator's.",
        code="signature_invalid",
        hint="Compare the public key in the signature file with the operator's.",
    )
