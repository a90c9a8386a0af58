"""Which keys are in force: what the database says of each key of this operator, and what a terminal's ring makes of it.

A key is *announced* when its fingerprint is entered and nobody may use it yet, so that rings can be brought to every
terminal first; then *in use*: the newest one a ring has signs and seals; *retired*: its tickets and values are good,
new ones are made with another; *revoked*: its tickets are not good any more.

In ``key_rings`` an announced key is one that was retired the moment it was entered. Taking it into use clears that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import bindparam, select

from core import keys
from core.database import Statement, Transaction
from core.errors import NotReady
from core.keys import KeyName, KeyRing
from core.models import KeyRing as KeyRingRow


class KeyState(StrEnum):
    ANNOUNCED = "announced"
    IN_USE = "in_use"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KeysInForce:
    """A terminal's ring, told what it may use, and the public halves of every ticket key there ever was."""

    ring: KeyRing
    public_keys: Mapping[int, Ed25519PublicKey]
    revoked: frozenset[int]


_KEYS: Final = Statement(select(KeyRingRow).where(KeyRingRow.operator_id == bindparam("operator_id")))


def read(tx: Transaction) -> list[Any]:
    """The rows of this operator's keys."""
    return tx.send(_KEYS).all()


def state(row: Any) -> KeyState:
    """What a row of ``key_rings`` says of its key."""
    if row.revoked_at is not None:
        return KeyState.REVOKED
    if row.retired_at is None:
        return KeyState.IN_USE
    return KeyState.ANNOUNCED if row.retired_at == row.created_at else KeyState.RETIRED


def in_force(ring: KeyRing, rows: Sequence[Any]) -> KeysInForce:
    """
    Raises:
        NotReady: the ring is not this operator's.
    """
    known = fingerprints(rows)
    usable = {(row.purpose, row.key_id) for row in rows if state(row) is KeyState.IN_USE}
    ring = _newest(ring, usable, known)
    require_fits(ring, known)
    return KeysInForce(
        ring.working_with(usable),
        {
            row.key_id: Ed25519PublicKey.from_public_bytes(bytes(row.public_key))
            for row in rows
            if row.purpose == "ticket"
        },
        frozenset(row.key_id for row in rows if row.purpose == "ticket" and row.revoked_at is not None),
    )


def fingerprints(rows: Sequence[Any]) -> dict[KeyName, bytes]:
    return {(row.purpose, row.key_id): bytes(row.fingerprint) for row in rows}


def require_fits(ring: KeyRing, known: Mapping[KeyName, bytes]) -> None:
    """
    Raises:
        NotReady: the ring is not the one whose keys have these fingerprints.
    """
    if not ring.fits(known):
        raise NotReady(
            "The key ring of this terminal is not the one this database was set up with.",
            hint="Copy the right ring into the keys folder; nothing was changed.",
        )


def _newest(ring: KeyRing, usable: set[KeyName], known: Mapping[KeyName, bytes]) -> KeyRing:
    """The ring as its file is now, if keys are in use that it lacked when it was read."""
    if ring.folder is None or ring.is_gate or usable <= ring.fingerprints().keys():
        return ring
    with suppress(NotReady):
        now = keys.load(ring.folder)
        if not now.is_gate and now.fits(known):
            return now
    return ring
