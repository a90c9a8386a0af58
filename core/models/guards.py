"""What PostgreSQL enforces beyond columns and constraints: row-level security, grants and state transitions.

What it refuses about sold bookings and closed shifts stands in ``ledger_guards``, how it chains the audit trail in
``audit_guards``, how it knows who works in ``session_guards``, and what each role is granted in ``roles``.

``statements()`` yields the DDL that belongs to the current models. The first migration holds a frozen copy of it; a
test compares the two by schema dumps, since Alembic's autogenerate sees none of this.

The operator follows from the database login alone (``session_user``): nothing a client can SET changes it. The owner,
who migrates and opens schedules, is bound by the same FORCE and let through by a policy of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Column, DateTime, Table

from core.models import audit_guards, fine_guards, ledger_guards, session_guards
from core.models.base import Base
from core.models.roles import COUNTER_ROLE, GATE_ROLE, GRANTS, HIDDEN, REPORTING_ROLE, SUPERVISOR_ROLE
from core.states import TRANSITIONS

#: Tables that belong to no single operator and so carry no policy.
_UNOWNED: Final = frozenset({"database_logins"})

_BY_SUPERVISORS: Final = "(SELECT acting_role()) IN ('supervisor', 'admin')"
_OF_MANAGED: Final = "user_id IN (SELECT u.id FROM users u WHERE may_manage(u.role))"

_CURRENT_OPERATOR: Final = """
CREATE FUNCTION current_operator() RETURNS smallint
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT l.operator_id FROM public.database_logins l WHERE l.login_name = session_user);
END $$
"""

_GUARD_TRANSITION: Final = """
CREATE FUNCTION guard_{table}_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.{column} || '>' || NEW.{column} <> ALL (ARRAY[{moves}]) THEN
        RAISE EXCEPTION '{table}: % cannot become %', OLD.{column}, NEW.{column}
            USING ERRCODE = 'check_violation', CONSTRAINT = '{table}_transition', TABLE = '{table}';
    END IF;
    RETURN NEW;
END $$
"""


def _transition_triggers() -> Iterator[str]:
    for table, (column, transitions) in TRANSITIONS.items():
        moves = sorted(f"'{before}>{after}'" for before, afters in transitions.items() for after in afters)
        yield _GUARD_TRANSITION.format(table=table, column=column, moves=", ".join(moves))
        yield (
            f"CREATE TRIGGER guard_transition BEFORE UPDATE OF {column} ON {table} FOR EACH ROW"
            f" WHEN (OLD.{column} IS DISTINCT FROM NEW.{column}) EXECUTE FUNCTION guard_{table}_transition()"
        )


def _grant(role: str, table: Table) -> str:
    """What a role may do with a table, with the columns it may not read left out.

    When a row was written is for the database to say, so nobody may insert that.
    """
    told = [column.name for column in table.columns if not _is_written_at(column)]
    rights = re.sub(r"\bINSERT\b(?! \()", f"INSERT ({', '.join(told)})", GRANTS[role][table.name])
    hidden = HIDDEN[role].get(table.name)
    if hidden:
        shown = [column.name for column in table.columns if column.name not in hidden]
        rights = re.sub(r"\bSELECT\b", f"SELECT ({', '.join(shown)})", rights)
    return rights


def _is_written_at(column: Column[Any]) -> bool:
    return isinstance(column.type, DateTime) and column.server_default is not None


#: Beside what everybody may see of the own operator, what may be written where it matters who writes.
#: table -> (policy, role, command, condition)
_WRITING: Final[dict[str, tuple[tuple[str, str, str, str], ...]]] = {
    "users": (
        ("customers_come", COUNTER_ROLE, "INSERT", "role = 'customer'"),
        ("customers_change", COUNTER_ROLE, "UPDATE", "role = 'customer' AND (SELECT acting_user()) IS NOT NULL"),
        ("staff_come", SUPERVISOR_ROLE, "INSERT", "may_manage(role) AND must_change_pin"),
        ("staff_change", SUPERVISOR_ROLE, "UPDATE", "may_manage(role)"),
    ),
    "user_sessions": (
        ("own_session", f"{COUNTER_ROLE}, {GATE_ROLE}", "UPDATE", "user_id = (SELECT acting_user())"),
        ("sign_off", SUPERVISOR_ROLE, "UPDATE", _OF_MANAGED),
    ),
    "user_stations": (
        ("assign", SUPERVISOR_ROLE, "INSERT", _OF_MANAGED),
        ("relieve", SUPERVISOR_ROLE, "DELETE", _OF_MANAGED),
    ),
    "policy_configurations": (
        ("decide", SUPERVISOR_ROLE, "INSERT", _BY_SUPERVISORS),
        ("withdraw", SUPERVISOR_ROLE, "UPDATE", _BY_SUPERVISORS),
    ),
    "notifications": (
        ("tell", COUNTER_ROLE, "INSERT", "notification_type <> 'security'"),
        ("read", f"{COUNTER_ROLE}, {GATE_ROLE}", "UPDATE", "user_id = (SELECT acting_user())"),
    ),
    "schedules": (("disrupt", SUPERVISOR_ROLE, "UPDATE", _BY_SUPERVISORS),),
    "background_jobs": (
        ("start", SUPERVISOR_ROLE, "INSERT", f"{_BY_SUPERVISORS} AND started_by = (SELECT acting_user())"),
        ("go_on", SUPERVISOR_ROLE, "UPDATE", _BY_SUPERVISORS),
    ),
    "background_job_items": (
        ("start", SUPERVISOR_ROLE, "INSERT", _BY_SUPERVISORS),
        ("settle", SUPERVISOR_ROLE, "UPDATE", _BY_SUPERVISORS),
    ),
    "notification_configurations": (
        ("decide", SUPERVISOR_ROLE, "INSERT", _BY_SUPERVISORS),
        ("withdraw", SUPERVISOR_ROLE, "UPDATE", _BY_SUPERVISORS),
    ),
    "job_failures": (
        ("fail", COUNTER_ROLE, "INSERT", "true"),
        (
            *("resolve", SUPERVISOR_ROLE, "UPDATE"),
            f"{_BY_SUPERVISORS} AND (resolved_at IS NULL OR resolved_by = (SELECT acting_user()))",
        ),
    ),
    "seat_inventory": (
        ("take", COUNTER_ROLE, "UPDATE", "true"),
        ("withdraw", SUPERVISOR_ROLE, "DELETE", f"occupied = 0 AND {_BY_SUPERVISORS}"),
    ),
    "promotions": (
        ("offer", SUPERVISOR_ROLE, "INSERT", _BY_SUPERVISORS),
        ("change", SUPERVISOR_ROLE, "UPDATE", _BY_SUPERVISORS),
    ),
    "tickets": (
        ("sell", COUNTER_ROLE, "INSERT", "true"),
        ("change", COUNTER_ROLE, "UPDATE", "true"),
        ("admit", GATE_ROLE, "UPDATE", "ticket_status IN ('active', 'used')"),
    ),
}


#: What not everybody of an operator sees.
_READING: Final = {"notifications": "user_id = (SELECT acting_user())"}


def _row_security(table: str) -> Iterator[str]:
    key = "id" if table == "operators" else "operator_id"
    mine = f"{key} = (SELECT current_operator())"
    everybody = f"{COUNTER_ROLE}, {GATE_ROLE}, {REPORTING_ROLE}"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    if table not in _WRITING:
        yield f"CREATE POLICY own_operator ON {table} TO {everybody} USING ({mine}) WITH CHECK ({mine})"
    else:
        seen = f"({mine} AND {_READING[table]})" if table in _READING else f"({mine})"
        yield f"CREATE POLICY own_operator ON {table} FOR SELECT TO {everybody} USING {seen}"
        for name, role, command, condition in _WRITING[table]:
            allowed = f"({mine} AND {condition})"
            # A gate locks any ticket it looks at; what it leaves behind is for the check.
            seen = f"({mine})" if name == "admit" else allowed
            using = "" if command == "INSERT" else f" USING {seen}"
            check = "" if command == "DELETE" else f" WITH CHECK {allowed}"
            yield f"CREATE POLICY {name} ON {table} FOR {command} TO {role}{using}{check}"
    yield f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)"


def statements() -> Iterator[str]:
    """DDL to run, as the owner, after the tables exist."""
    yield _CURRENT_OPERATOR
    yield "REVOKE ALL ON FUNCTION current_operator() FROM PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION current_operator() TO {COUNTER_ROLE}, {GATE_ROLE}, {REPORTING_ROLE}"
    yield from _transition_triggers()
    yield from ledger_guards.statements()
    yield from audit_guards.statements()
    yield from session_guards.functions()
    yield from session_guards.triggers()
    yield from fine_guards.statements()
    for table in Base.metadata.sorted_tables:
        if table.name not in _UNOWNED:
            yield from _row_security(table.name)
        for role in GRANTS:
            if table.name in GRANTS[role]:
                yield f"GRANT {_grant(role, table)} ON {table.name} TO {role}"
    yield f"GRANT USAGE ON SEQUENCE ticket_serial TO {COUNTER_ROLE}"
