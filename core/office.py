"""An office: everything a service needs to work for one operator — database, keys, reference data.

Opening one greets the database: schema and program must fit, the login must stand for an operator, and the key ring
must be the one this operator's tickets and identities were made with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select

from core.database import Database, Transaction
from core.errors import NotReady
from core.keys import KeyRing
from core.models import KeyRing as KeyRingRow
from core.models import Operator
from core.models.guards import COUNTER_ROLE
from core.network import Network, NetworkCache

#: The schema revision this program was written for.
REVISION: Final = "0003"

_WHO: Final = (
    "SELECT to_regclass('public.alembic_version') IS NOT NULL AS prepared,"
    " pg_catalog.pg_get_userbyid(c.relowner) = current_user OR r.rolsuper OR r.rolbypassrls AS owner"
    " FROM pg_roles r LEFT JOIN pg_class c ON c.oid = to_regclass('public.operators') WHERE r.rolname = current_user"
)


@dataclass(frozen=True)
class OperatorInfo:
    id: int
    code: str
    name: str
    issuer: str
    currency: str
    time_zone: str
    is_demonstration: bool


@dataclass
class Office:
    """See the module's docstring. One per process; safe to share between threads."""

    database: Database
    keys: KeyRing
    operator: OperatorInfo
    public_keys: Mapping[int, Ed25519PublicKey]  #: revoked ones too: their tickets are ours, and not valid
    revoked_keys: frozenset[int]
    _cache: NetworkCache

    def network(self) -> Network:
        return self._cache.get()

    def close(self) -> None:
        self.database.close()


def connect(url: str, *, pooled: bool = False, pool_size: int = 4) -> Database:
    """A database ready for services: greeted, stepped down from an owner's login, its operator known.

    Raises:
        NotReady: not prepared, another revision, or a login without an operator.
        DatabaseUnreachable: no answer.
    """
    database = Database(url, pooled=pooled, pool_size=pool_size)
    try:
        who = database.ask(_WHO)
        if who is None or not who.prepared:
            raise NotReady("The database is not prepared.", hint="Run: counter admin init")
        if who.owner:
            database.step_down(COUNTER_ROLE)
        greeting = database.ask("SELECT version_num, current_operator() AS operator FROM alembic_version")
        _require_revision(None if greeting is None else greeting.version_num)
        assert greeting is not None
        if greeting.operator is None:
            raise NotReady(
                "This database login stands for no operator.",
                hint="The owner enters it with: counter admin login NAME",
            )
        database.operator_id = greeting.operator
    except BaseException:
        database.close()
        raise
    return database


def _require_revision(found: str | None) -> None:
    if found == REVISION:
        return
    if found is None or found < REVISION:
        raise NotReady(
            f"The database is at revision {found}, this program needs {REVISION}.",
            hint="The owner upgrades it with: counter admin init",
        )
    raise NotReady(f"The database is newer (revision {found}) than this program.", hint="Update the program first.")


def open_office(database: Database, keys: KeyRing) -> Office:
    """
    Raises:
        NotReady: this key ring is not the one the database knows.
    """

    def read(tx: Transaction) -> tuple[Any, list[Any]]:
        operator = tx.query(select(Operator).where(Operator.id == tx.operator_id))
        rings = tx.query(select(KeyRingRow).where(KeyRingRow.operator_id == tx.operator_id))
        return operator.first(), rings.all()

    operator, rings = database.transaction(read)
    known = {(row.purpose, row.key_id): bytes(row.fingerprint) for row in rings if row.revoked_at is None}
    mine = keys.fingerprints()
    if not known or any(mine.get(key) != fingerprint for key, fingerprint in known.items()):
        raise NotReady(
            "The key ring of this terminal is not the one this database was set up with.",
            hint="Copy the right ring into the keys folder; nothing was changed.",
        )
    in_use = {(row.purpose, row.key_id) for row in rings if row.revoked_at is None and row.retired_at is None}
    return Office(
        database=database,
        keys=keys.working_with(in_use),
        operator=OperatorInfo(
            operator.id,
            operator.operator_code,
            operator.operator_name,
            operator.issuer_code,
            operator.currency,
            operator.time_zone,
            operator.is_demonstration,
        ),
        public_keys={
            row.key_id: Ed25519PublicKey.from_public_bytes(bytes(row.public_key))
            for row in rings
            if row.purpose == "ticket"
        },
        revoked_keys=frozenset(row.key_id for row in rings if row.purpose == "ticket" and row.revoked_at is not None),
        _cache=NetworkCache(database),
    )
