"""Checkpoints: the heads of the chains as they stood at one moment, signed, in the database and in a file outside it.

Whoever may do anything to the database can cut off a chain's end and set its head back; what they cannot do is sign, or
reach the files of the terminals. The file, ``heads.jsonl``, has one JSON object to a line, with the signature that the
row of ``audit_checkpoints`` has. It is only ever added to; keep it as long as the audit trail. A database begun anew
with the same keys looks like one that was cut off: put the old file away together with the old database.

A checkpoint is to be taken when a shift is closed, when the application starts, when somebody signs off, and by
whatever looks after an installation: ``counter admin audit checkpoint``. On paper a head stands on every Z report
(``head_of``): of a row that was rewritten or cut off since, the paper says another hash than the trail.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from core.audit.signing import CHECKPOINT, is_signed, sign
from core.database import Actor, Statement, Transaction
from core.errors import NotReady
from core.models import AuditCheckpoint, AuditHead, Terminal
from core.office import Office

#: Of rows that no terminal wrote.
NO_TERMINAL: Final = 0

_HEADS: Final = Statement(
    select(
        *(AuditHead.chain, AuditHead.last_no, AuditHead.last_hash, Terminal.terminal_code),
        *(AuditCheckpoint.row_hash, AuditCheckpoint.user_id, AuditCheckpoint.key_id, AuditCheckpoint.signature),
        AuditCheckpoint.created_at,
    )
    .outerjoin(Terminal, (Terminal.operator_id == AuditHead.operator_id) & (Terminal.id == AuditHead.chain))
    .outerjoin(
        AuditCheckpoint,
        (AuditCheckpoint.operator_id == AuditHead.operator_id)
        & (AuditCheckpoint.chain == AuditHead.chain)
        & (AuditCheckpoint.chain_no == AuditHead.last_no),
    )
    .where(AuditHead.operator_id == bindparam("operator_id"), AuditHead.last_no > 0)
    .order_by(AuditHead.chain)
)
_COLUMNS: Final = ("operator_id", "chain", "chain_no", "row_hash", "user_id", "key_id", "signature")
_INSERT: Final = Statement(
    insert(AuditCheckpoint).values({name: bindparam(name) for name in _COLUMNS}).on_conflict_do_nothing()
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The end of one chain at one moment, signed. ``terminal`` is the terminal's code, empty where there is none."""

    issuer: str
    chain: int
    terminal: str
    number: int
    hash: bytes
    user_id: UUID | None
    at: datetime
    key_id: int = 0
    signature: bytes = b""

    @property
    def statement(self) -> dict[str, Any]:
        """What is signed."""
        return {
            "issuer": self.issuer,
            "chain": self.chain,
            "chain_no": self.number,
            "row_hash": self.hash.hex(),
            "user_id": str(self.user_id) if self.user_id else None,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
        }

    def as_json(self) -> dict[str, Any]:
        """The checkpoint as a line of the file, and as commands print it."""
        signed = {"key_id": self.key_id, "signature": self.signature.hex()}
        return {**self.statement, "terminal": self.terminal, **signed}

    def is_ours(self, office: Office) -> bool:
        """Whether a key of this operator signed it; one that was revoked since did so as well."""
        key = office.public_keys.get(self.key_id)
        return is_signed(key, CHECKPOINT, self.statement, self.signature)


_HEAD: Final = Statement(
    select(AuditHead.last_no, AuditHead.last_hash).where(
        AuditHead.operator_id == bindparam("operator_id"), AuditHead.chain == bindparam("chain")
    )
)
#: So much of a hash is printed: enough that nobody finds another row with the same.
_PRINTED_BYTES: Final = 8


def head_of(tx: Transaction, terminal_id: int) -> dict[str, Any] | None:
    """Where a terminal's chain ends now, to be printed: chain, row, and the first sixteen digits of its hash."""
    row = tx.send(_HEAD, chain=terminal_id).first()
    if row is None:
        return None
    return {"chain": terminal_id, "row": row.last_no, "hash": bytes(row.last_hash)[:_PRINTED_BYTES].hex()}


def checkpoint(office: Office, actor: Actor, heads_file: Path, *, terminal_id: int | None = None) -> list[Checkpoint]:
    """Sign the heads of all chains, or of one terminal's, and note them in the database and in ``heads_file``.

    A head that did not move since its last checkpoint gets no other; the file gets the lines it does not have yet.

    Raises:
        NotReady: the file cannot be written (the checkpoints in the database stand).
    """

    def take(tx: Transaction) -> list[Checkpoint]:
        heads = [row for row in tx.send(_HEADS).all() if terminal_id is None or row.chain == terminal_id]
        return [_known(office, row) if row.signature is not None else _sign(office, tx, row) for row in heads]

    taken = office.database.transaction(take, actor=actor)
    _note(heads_file, taken)
    return taken


def _known(office: Office, head: Any) -> Checkpoint:
    return Checkpoint(
        issuer=office.operator.issuer,
        chain=head.chain,
        terminal=head.terminal_code or "",
        number=head.last_no,
        hash=bytes(head.row_hash),
        user_id=head.user_id,
        at=head.created_at,
        key_id=head.key_id,
        signature=bytes(head.signature),
    )


def _sign(office: Office, tx: Transaction, head: Any) -> Checkpoint:
    taken = Checkpoint(
        issuer=office.operator.issuer,
        chain=head.chain,
        terminal=head.terminal_code or "",
        number=head.last_no,
        hash=bytes(head.last_hash),
        user_id=tx.actor.user_id,
        at=tx.now,
        key_id=office.keys.signing_key_id,
    )
    taken = replace(taken, signature=sign(office.keys, CHECKPOINT, taken.statement))
    tx.send(
        _INSERT,
        chain=taken.chain,
        chain_no=taken.number,
        row_hash=taken.hash,
        user_id=taken.user_id,
        key_id=taken.key_id,
        signature=taken.signature,
    )
    return taken


# The file outside the database


@dataclass(frozen=True, slots=True)
class Noted:
    """A line of the file: a checkpoint, or None where it is none that can be read."""

    line: int
    checkpoint: Checkpoint | None


def read_file(heads_file: Path) -> list[Noted]:
    """The lines of the file; none where there is no file. A last line that a crash left unfinished is passed over.

    Raises:
        NotReady: it cannot be read.
    """
    try:
        text = heads_file.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _not_ready(heads_file, "read", error) from error
    finished = text[: text.rfind(b"\n") + 1].splitlines()
    return [Noted(number, _read_line(line)) for number, line in enumerate(finished, start=1) if line.strip()]


def _read_line(line: bytes) -> Checkpoint | None:
    try:
        said = json.loads(line)
        return Checkpoint(
            issuer=str(said["issuer"]),
            chain=int(said["chain"]),
            terminal=str(said["terminal"]),
            number=int(said["chain_no"]),
            hash=bytes.fromhex(said["row_hash"]),
            user_id=UUID(said["user_id"]) if said["user_id"] else None,
            at=datetime.fromisoformat(said["at"]),
            key_id=int(said["key_id"]),
            signature=bytes.fromhex(said["signature"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _note(heads_file: Path, taken: Sequence[Checkpoint]) -> None:
    """Append what the file does not have, and have it on the disk before this returns."""
    known = {
        (one.checkpoint.issuer, one.checkpoint.chain, one.checkpoint.number, one.checkpoint.hash)
        for one in read_file(heads_file)
        if one.checkpoint is not None
    }
    new = [one for one in taken if (one.issuer, one.chain, one.number, one.hash) not in known]
    if new:
        _append(heads_file, [one.as_json() for one in new])


def _append(heads_file: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    try:
        heads_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(heads_file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "rb+", buffering=0) as stream:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            stream.truncate(stream.readall().rfind(b"\n") + 1)  # a line that a crash left unfinished
            stream.write(text.encode())
            os.fsync(descriptor)
        folder = os.open(heads_file.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        raise _not_ready(heads_file, "written", error) from error


def _not_ready(heads_file: Path, done: str, error: OSError) -> NotReady:
    return NotReady(
        f"The audit heads in {heads_file} cannot be {done}.", hint=f"{error.strerror}.", code="audit_heads_file"
    )
