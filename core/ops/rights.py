"""The database roles of an operator's terminals: made where they are missing, and what the server lets each do.

What they should be granted stands in ``core.models.roles``; what is told here is read back from the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, text

from core.models import DatabaseLogin, Operator
from core.models.roles import ROLE_OF_LOGIN
from core.ops import migrate
from core.ops.prepare import owning

#: Privilege -> what it lets somebody do, in a word.
VERBS: Final = {"SELECT": "reads", "INSERT": "adds to", "UPDATE": "changes", "DELETE": "deletes from"}

_RIGHTS: Final = text(
    "SELECT c.relname AS table, p.privilege,"
    " has_table_privilege(:role, c.oid, p.privilege) AS whole,"
    " ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0"
    "  AND NOT a.attisdropped AND p.privilege <> 'DELETE'"
    "  AND has_column_privilege(:role, c.oid, a.attnum, replace(p.privilege, 'DELETE', 'SELECT'))"
    "  ORDER BY a.attnum) AS columns"
    " FROM pg_class c CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) WITH ORDINALITY"
    "  AS p (privilege, place)"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition"
    " ORDER BY c.relname, p.place"
)


@dataclass(frozen=True, slots=True)
class Right:
    """One privilege on one table; ``columns`` is None where it is the whole row."""

    table: str
    privilege: str
    columns: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Role:
    """A database role, the logins that work with it (name and operator), and what it may do."""

    name: str
    kind: str
    created: bool
    logins: Sequence[tuple[str, str]]
    rights: Sequence[Right]

    def as_json(self) -> dict[str, Any]:
        """The role as ``counter admin roles --json`` prints it."""
        tables: dict[str, dict[str, Any]] = {}
        for right in self.rights:
            may: bool | list[str] = True if right.columns is None else list(right.columns)
            tables.setdefault(right.table, {})[right.privilege.lower()] = may
        return {
            "role": self.name,
            "kind": self.kind,
            "created": self.created,
            "logins": [{"login": login, "operator": operator} for login, operator in self.logins],
            "tables": tables,
        }


def roles(owner_url: str) -> list[Role]:
    """Make the roles that are missing, and read what each may do in this database.

    Raises:
        NotReady: one is missing and this login may not create it.
    """
    with owning(owner_url) as engine, engine.begin() as connection:
        migrate.hold_preparation_lock(connection)
        made = migrate.ensure_roles(connection)
        logins = _logins(connection) if migrate.current(connection) is not None else {}
        return [
            Role(name, kind, name in made, logins.get(kind, ()), tuple(_rights(connection, name)))
            for kind, name in ROLE_OF_LOGIN.items()
        ]


def _logins(connection: Connection) -> Mapping[str, Sequence[tuple[str, str]]]:
    asked = (
        select(DatabaseLogin.login_role, DatabaseLogin.login_name, Operator.operator_code)
        .join(Operator, Operator.id == DatabaseLogin.operator_id)
        .order_by(DatabaseLogin.login_name)
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for kind, login, operator in connection.execute(asked):
        found.setdefault(kind, []).append((login, operator))
    return found


def _rights(connection: Connection, role: str) -> list[Right]:
    return [
        Right(row.table, row.privilege, None if row.whole else tuple(row.columns))
        for row in connection.execute(_RIGHTS, {"role": role})
        if row.whole or row.columns
    ]
