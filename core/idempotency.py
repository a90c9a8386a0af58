"""Doing a thing once: a request carries a key, the first result is remembered, the second request finds it.

INSERT … ON CONFLICT DO NOTHING is the transaction's first statement. A second request with the same key waits there
for the first to end; then a *separate* statement, with a snapshot of its own, reads the first result (in the same
statement it would not be visible yet under READ COMMITTED). Refusals roll back and are not remembered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from core.database import Rows, Statement, Transaction
from core.errors import KeyReused
from core.keys import KeyRing
from core.models import IdempotencyKey

_COLUMNS: Final = ("operator_id", "key", "purpose", "fingerprint", "result_id")

_CLAIM: Final = Statement(
    insert(IdempotencyKey)
    .values({name: bindparam(name) for name in _COLUMNS})
    .on_conflict_do_nothing()
    .returning(IdempotencyKey.result_id)
)
_FIRST: Final = Statement(
    select(IdempotencyKey.purpose, IdempotencyKey.fingerprint, IdempotencyKey.result_id).where(
        IdempotencyKey.operator_id == bindparam("operator_id"), IdempotencyKey.key == bindparam("key")
    )
)


@dataclass(frozen=True, slots=True)
class Request:
    """A key with what was asked under it. ``fingerprint`` tells a repetition from a different request."""

    key: UUID
    purpose: str
    fingerprint: bytes

    def step(self, name: str) -> UUID:
        """The sub-key of one step of a request that takes several transactions."""
        return uuid5(self.key, name)


def fingerprint(keys: KeyRing, arguments: Any) -> bytes:
    """A keyed digest of the arguments; they may hold identities, so a plain hash would give them away."""
    return keys.digest(json.dumps(arguments, sort_keys=True, default=_plain))


def _plain(value: Any) -> Any:
    """Dataclasses by what differs from their defaults: a field added later does not make an old request another one."""
    if is_dataclass(value):
        given = {one.name: getattr(value, one.name) for one in fields(value)}
        return {one.name: given[one.name] for one in fields(value) if given[one.name] != one.default}
    return str(value)


@dataclass(frozen=True, slots=True)
class First:
    """What the first request under a key left behind."""

    result_id: str
    same_request: bool

    def require_same(self) -> str:
        """
        Raises:
            KeyReused: the key belongs to another request.
        """
        if not self.same_request:
            raise KeyReused("This key was already used for something else.", hint="Use a new key for a new sale.")
        return self.result_id


class Claim:
    """A key being claimed; ``first()`` tells who was first."""

    __slots__ = ("_key", "_request", "_rows", "_tx")

    def __init__(self, tx: Transaction, request: Request, key: UUID, rows: Rows) -> None:
        self._tx, self._request, self._key, self._rows = tx, request, key, rows

    def first(self) -> First | None:
        """None when this request is the first one under its key."""
        if self._rows.first() is not None:
            return None
        found = _look_up(self._tx, self._request, self._key)
        assert found is not None, "the row that stood in the way is visible to the next statement"
        return found


def _look_up(tx: Transaction, request: Request, key: UUID) -> First | None:
    row = tx.send(_FIRST, key=key).first()
    if row is None:
        return None
    same = row.purpose == request.purpose and bytes(row.fingerprint) == request.fingerprint
    return First(str(row.result_id), same)


def earlier(tx: Transaction, request: Request, *, step: str) -> First | None:
    """What was done under this key before, without claiming it."""
    return _look_up(tx, request, request.step(step))


def claim(tx: Transaction, request: Request, result_id: object, *, step: str) -> Claim:
    """Queue the claim; it must be the first statement of its transaction."""
    key = request.step(step)
    rows = tx.send(_CLAIM, key=key, purpose=request.purpose, fingerprint=request.fingerprint, result_id=str(result_id))
    return Claim(tx, request, key, rows)
