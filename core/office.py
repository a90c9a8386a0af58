"""An office: everything a service needs to work for one operator — database, keys, reference data.

Opening one greets the database: schema and program must fit, the login must stand for an operator, and the key ring
must be the one this operator's tickets and identities were made with.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select

from core import key_states, training
from core.database import Database, Transaction
from core.errors import NotReady, Unreachable
from core.keys import KeyRing
from core.models import Operator
from core.models.roles import COUNTER_ROLE, ROLE_OF_STAFF, ROLES
from core.network import Network, NetworkCache

#: The schema revision this program was written for.
REVISION: Final = "0005"
#: A key that was rotated or revoked is known here so much later at most, in seconds.
KEYS_FRESH_SECONDS: Final = 30.0

_WHO: Final = (
    "SELECT to_regclass('public.alembic_version') IS NOT NULL AS prepared,"
    " pg_catalog.pg_get_userbyid(c.relowner) = current_user OR r.rolsuper OR r.rolbypassrls AS owner,"
    " ARRAY(SELECT m.rolname::text FROM pg_roles m WHERE m.rolname <> current_user"
    "  AND pg_has_role(current_user, m.oid, 'MEMBER')) AS roles"
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
    is_training: bool = False


@dataclass
class Office:
    """See the module's docstring. One per process; safe to share between threads."""

    database: Database
    keys: KeyRing
    operator: OperatorInfo
    public_keys: Mapping[int, Ed25519PublicKey]  #: revoked ones too: their tickets are ours, and not valid
    revoked_keys: frozenset[int]
    _cache: NetworkCache
    _keys_read_at: float = field(default_factory=time.monotonic)

    def network(self) -> Network:
        """The reference data of now. Every service begins here, so the keys are looked after as well."""
        if time.monotonic() - self._keys_read_at > KEYS_FRESH_SECONDS:
            self.refresh_keys()
        return self._cache.get()

    def refresh_keys(self) -> None:
        """Learn which keys were rotated, retired or revoked meanwhile; a new ring beside the old one is read as well.

        What is known goes on being true while the database is away.
        """
        self._keys_read_at = time.monotonic()
        with suppress(Unreachable):
            self.use_keys(key_states.in_force(self.keys, self.database.transaction(key_states.read)))

    def use_keys(self, found: key_states.KeysInForce) -> None:
        self.keys, self.public_keys, self.revoked_keys = found.ring, found.public_keys, found.revoked

    def close(self) -> None:
        self.database.close()


def connect(url: str, *, pooled: bool = False, pool_size: int = 4, logins: Mapping[str, str] | None = None) -> Database:
    """A database ready for services: greeted, stepped down from an owner's login, its operator known.

    A login with more than one role takes, in each transaction, the least that whoever works there needs.

    Args:
        logins: database role -> URL, for staff whose work needs another login than this one.

    Raises:
        NotReady: not prepared, another revision, or a login without an operator.
        DatabaseUnreachable: no answer.
    """
    database = Database(url, pooled=pooled, pool_size=pool_size)
    try:
        who = database.ask(_WHO)
        if who is None or not who.prepared:
            raise NotReady("The database is not prepared.", hint="Run: counter admin init")
        _step_down(database, who)
        greeting = database.ask("SELECT version_num, current_operator() AS operator FROM alembic_version")
        _require_revision(None if greeting is None else greeting.version_num)
        assert greeting is not None
        if greeting.operator is None:
            raise NotReady(
                "This database login stands for no operator.",
                hint="The owner enters it with: counter admin login NAME",
            )
        database.operator_id = greeting.operator
        _add_logins(database, logins or {}, pooled=pooled)
    except BaseException:
        database.close()
        raise
    return database


def _step_down(database: Database, who: Any) -> None:
    """An owner works as a counter, a login with several roles as what whoever works needs, others as they are."""
    mine = set(ROLES) & set(who.roles)
    by_staff = {staff: role for staff, role in ROLE_OF_STAFF.items() if role in mine}
    if who.owner:
        database.step_down(COUNTER_ROLE, by_staff)
    elif len(mine) > 1:
        database.step_down(None, by_staff)


def _add_logins(database: Database, logins: Mapping[str, str], *, pooled: bool) -> None:
    """Connections of their own for staff whose work takes another login; they are opened when first needed."""
    by_role = {role: Database(url, pooled=pooled, pool_size=2) for role, url in logins.items()}
    for other in by_role.values():
        other.operator_id = database.operator_id
    database.log_in_others({staff: by_role[role] for staff, role in ROLE_OF_STAFF.items() if role in by_role})


def _require_revision(found: str | None) -> None:
    if found == REVISION:
        return
    if found is None or found < REVISION:
        raise NotReady(
            f"The database is at revision {found}, this program needs {REVISION}.",
            hint="The owner upgrades it with: counter admin init",
        )
    raise NotReady(f"The database is newer (revision {found}) than this program.", hint="Update the program first.")


def require_kind(database: Database, *, in_training: bool) -> None:
    """The first question to a database, before any key of this machine is looked for.

    Raises:
        NotReady: it is of training and the program is not, or the other way round (``training_mismatch``).
    """
    mine = select(Operator.is_training).where(Operator.id == database.operator_id)
    training.require_same(database=bool(database.transaction(lambda tx: tx.query(mine).scalar())), program=in_training)


def open_office(database: Database, keys: KeyRing, *, in_training: bool = False) -> Office:
    """
    Args:
        in_training: whether this program practises; it must be so for the operator of the database as well.

    Raises:
        NotReady: the database is of training and the program is not, or the other way round (``training_mismatch``);
            this key ring is not the one the database knows, or it is a counter's without a key that is in use.
    """

    def read(tx: Transaction) -> tuple[Any, list[Any]]:
        operator = tx.query(select(Operator).where(Operator.id == tx.operator_id))
        return operator.first(), key_states.read(tx)

    operator, rows = database.transaction(read)
    training.require_same(database=operator.is_training, program=in_training)
    found = key_states.in_force(keys, rows)
    found.ring.require_usable()
    return Office(
        database=database,
        keys=found.ring,
        operator=OperatorInfo(
            operator.id,
            operator.operator_code,
            operator.operator_name,
            operator.issuer_code,
            operator.currency,
            operator.time_zone,
            operator.is_demonstration,
            operator.is_training,
        ),
        public_keys=found.public_keys,
        revoked_keys=found.revoked,
        _cache=NetworkCache(database),
    )
