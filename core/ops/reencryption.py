"""Moving sealed values to the newest identity key while sales go on: the owner's job, in batches, resumable.

A sealed value begins with its key's number, so what is left to do shows in the values themselves: a run that was cut
short is simply started again. A batch passes over rows that somebody works on at that moment and comes back to them;
what it holds it holds for milliseconds. Old values stay readable all the while, since every ring has both keys.

Columns are found by their comment, ``AES-GCM``; a value is bound to ``table.column`` and its row's key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Connection, Engine, Table, func, literal, select, text, union_all, update

from core.errors import IntegrityFailure, NotReady
from core.key_states import KeyState, state
from core.keys import KeyRing, sealed_in
from core.models.base import Base
from core.ops import own_keys
from core.ops.prepare import owning

BATCH: Final = 200

#: (column, done so far) as it goes on.
Report = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Reencrypted:
    """How many values were moved to which key, and how many another run must move because their rows were held."""

    key_id: int
    moved: int
    left: int


def sealed_columns() -> Iterator[tuple[Table, Column[Any]]]:
    """Every column that holds sealed values."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if (column.comment or "").startswith("AES-GCM"):
                yield table, column


def count_sealed(connection: Connection, operator_id: int) -> dict[int, int]:
    """Identity key → how many values of this operator are sealed with it."""
    counts = [
        select(func.get_byte(column, 0).label("key_id"), func.count().label("number"))
        .where(table.c.operator_id == operator_id, func.length(column) > 0)
        .group_by(text("1"))
        for table, column in sealed_columns()
    ]
    each = union_all(*counts).subquery()
    rows = connection.execute(select(each.c.key_id, func.sum(each.c.number).label("number")).group_by(each.c.key_id))
    return {row.key_id: int(row.number) for row in rows}


def reencrypt(owner_url: str, folder: Path, *, batch: int = BATCH, report: Report | None = None) -> Reencrypted:
    """Seal every value anew that another key than the newest has sealed; an announced key is taken into use first.

    Raises:
        NotReady: there is no ring, it is another database's, or it lacks the newest key (code ``ring_outdated``).
        IntegrityFailure: a value cannot be read with this ring; everything before it is done.
    """
    with own_keys.opened(owner_url, folder) as own:
        newest = max(
            (
                row
                for row in own.rows
                if row.purpose == "identity" and state(row) in (KeyState.IN_USE, KeyState.ANNOUNCED)
            ),
            key=lambda row: int(row.key_id),
        )
        own.take_into_use(newest)
        ring, operator_id = own.ring.working_with({("identity", newest.key_id)}), own.operator_id
        if ring.sealing is None:
            raise NotReady(
                f"This machine's key ring lacks the identity key {newest.key_id}.",
                code="ring_outdated",
                hint="Bring the current ring here first: counter admin keys restore FILE",
            )
    with owning(owner_url) as engine:
        moved = 0
        for table, column in sealed_columns():
            done = 0
            while step := _pass(engine, table, column, operator_id, ring, batch):
                done += step
                if report is not None:
                    report(f"{table.name}.{column.name}", done)
            moved += done
        with engine.begin() as connection:
            left = sum(
                number
                for key_id, number in count_sealed(connection, operator_id).items()
                if key_id != ring.encryption_key_id
            )
            said = {"moved": moved, "left": left}
            own_keys.note(connection, operator_id, "update", "key_rings", f"identity {ring.encryption_key_id}", said)
    return Reencrypted(ring.encryption_key_id, moved, left)


def _pass(engine: Engine, table: Table, column: Column[Any], operator_id: int, ring: KeyRing, batch: int) -> int:
    """Move every value of a column whose row is free, from the first row to the last; how many that were."""
    moved, after = 0, None
    while True:
        with engine.begin() as connection:
            rows = _batch(connection, table, column, operator_id, ring.encryption_key_id, after, batch)
            for row in rows:
                _reseal(connection, table, column, operator_id, row, ring)
        moved += len(rows)
        if len(rows) < batch:
            return moved
        after = rows[-1].id


def _batch(
    connection: Connection, table: Table, column: Column[Any], operator_id: int, key_id: int, after: Any, batch: int
) -> list[Any]:
    """The next rows to do that nobody holds, now held by us; a sale that refers to one of them does not wait."""
    wanted = (
        select(table.c.id, column.label("sealed"))
        .where(table.c.operator_id == operator_id, func.length(column) > 0, func.get_byte(column, 0) != literal(key_id))
        .order_by(table.c.id)
        .limit(batch)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return list(connection.execute(wanted if after is None else wanted.where(table.c.id > after)).all())


def _reseal(
    connection: Connection, table: Table, column: Column[Any], operator_id: int, row: Any, ring: KeyRing
) -> None:
    purpose = sealed_in(f"{table.name}.{column.name}", row.id)
    try:
        sealed = ring.encrypt(ring.decrypt(bytes(row.sealed), purpose), purpose)
    except IntegrityFailure as error:
        raise IntegrityFailure(
            f"The value in {purpose} cannot be read with this key ring.",
            code="value_unreadable",
            hint="Bring the ring with its key here, or ask who changed it: counter admin verify",
        ) from error
    connection.execute(
        update(table).where(table.c.operator_id == operator_id, table.c.id == row.id).values({column: sealed})
    )
