"""The keys of one operator in the owner's hands: the rows, this machine's ring, and the lock that keeps others off.

What is done with them stands in ``core.ops.key_rotation`` and ``core.ops.reencryption``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select, update
from uuid_utils.compat import uuid7

from core import key_states, keys
from core.errors import NotFound, NotReady, StateConflict
from core.key_states import KeyState
from core.keys import KeyRing
from core.models import AuditLog, Operator
from core.models import KeyRing as KeyRow
from core.ops import migrate
from core.ops.prepare import owning


@dataclass(frozen=True)
class Keys:
    """The keys of one operator while they are looked at or changed: the owner's connection, the rows and the ring."""

    connection: Connection
    operator_id: int
    issuer: str
    ring: KeyRing
    folder: Path
    rows: Sequence[Any]

    def row(self, purpose: str, key_id: int) -> Any:
        """
        Raises:
            NotFound: there is no such key (code ``unknown_key``).
        """
        for row in self.rows:
            if (row.purpose, row.key_id) == (purpose, key_id):
                return row
        raise NotFound(f"There is no {purpose} key {key_id}.", code="unknown_key", hint="List them first.")

    def others_in_use(self, purpose: str, key_id: int) -> list[Any]:
        """The keys of that purpose in use beside this one, of those that are on this machine's ring."""
        have = self.ring.ticket_keys if purpose == "ticket" else self.ring.identity_keys
        return [
            row
            for row in self.rows
            if row.purpose == purpose
            and row.key_id != key_id
            and row.key_id in have
            and key_states.state(row) is KeyState.IN_USE
        ]

    def change(self, purpose: str, key_id: int, **values: Any) -> None:
        whose = (KeyRow.operator_id == self.operator_id) & (KeyRow.purpose == purpose) & (KeyRow.key_id == key_id)
        self.connection.execute(update(KeyRow).where(whose).values(values))

    def take_into_use(self, row: Any) -> None:
        """Take an announced key into use; one that is in use already is left alone.

        Raises:
            StateConflict: it was retired or revoked.
            NotReady: it is not on this machine's ring (code ``ring_outdated``).
        """
        found = key_states.state(row)
        if found is KeyState.IN_USE:
            return
        if found is not KeyState.ANNOUNCED:
            raise StateConflict(f"The {row.purpose} key {row.key_id} is {found.value}.", hint="Make a new one: rotate.")
        if row.key_id not in (self.ring.ticket_keys if row.purpose == "ticket" else self.ring.identity_keys):
            raise NotReady(
                f"The {row.purpose} key {row.key_id} is not on this machine's ring.",
                code="ring_outdated",
                hint="Bring the current ring here first: counter admin keys restore FILE",
            )
        self.change(row.purpose, row.key_id, retired_at=None)
        self.note("update", f"{row.purpose} {row.key_id}", {"state": KeyState.IN_USE.value})

    def note(self, action: str, entity_id: str, said: dict[str, Any]) -> None:
        note(self.connection, self.operator_id, action, "key_rings", entity_id, said)


@contextmanager
def opened(owner_url: str, folder: Path) -> Iterator[Keys]:
    """The keys of the operator whose ring is in ``folder``; nobody else changes any until this is over.

    Raises:
        NotReady: there is no ring, or no operator of this database works with it.
        DatabaseUnreachable: no answer.
    """
    with owning(owner_url) as engine, engine.begin() as connection:
        migrate.hold_preparation_lock(connection)
        ring = keys.load(folder)
        operator_id, issuer = operator_of(connection, ring)
        rows = connection.execute(
            select(*KeyRow.__table__.c)
            .where(KeyRow.operator_id == operator_id)
            .order_by(KeyRow.purpose.desc(), KeyRow.key_id)
        ).all()
        key_states.require_fits(ring, key_states.fingerprints(rows))
        yield Keys(connection, operator_id, issuer, ring, folder, rows)


def operator_of(connection: Connection, ring: KeyRing) -> tuple[int, str]:
    """Id and issuer of the operator that works with a ring.

    Raises:
        NotReady: none of this database does.
    """
    found = connection.execute(
        select(Operator.id, Operator.issuer_code)
        .join(KeyRow, KeyRow.operator_id == Operator.id)
        .where(KeyRow.fingerprint.in_(ring.fingerprints().values()))
        .distinct()
    ).all()
    if len(found) != 1:
        raise NotReady(
            "The key ring of this terminal is not the one this database was set up with.",
            hint="Copy the right ring into the keys folder; nothing was changed.",
        )
    return found[0].id, found[0].issuer_code


def note(
    connection: Connection, operator_id: int, action: str, entity: str, entity_id: str, said: dict[str, Any],
    user_id: UUID | None = None,
) -> None:  # fmt: skip
    """Put an owner's job on the operator's audit trail, on the chain of rows without a terminal."""
    row = {
        "operator_id": operator_id,
        "id": uuid7(),
        "user_id": user_id,
        "correlation_id": uuid7(),
        "entity_type": entity,
        "entity_id": entity_id,
        "action": action,
        "new_values": said,
    }
    connection.execute(insert(AuditLog.__table__).values(row).inline())  # type: ignore[arg-type]
