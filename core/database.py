"""The one way to the database: connections and transactions, with statements that share round trips.

``Database.transaction(work)`` runs ``work(tx)`` in one transaction. Inside, statements are SQLAlchemy Core compiled
once (``core.statements``) and sent through psycopg's pipeline: ``tx.send`` queues, reading a result flushes, so
statements that do not need each other's answers share a round trip, BEGIN and COMMIT among them. The transaction's
first statement sets who works and fetches the database's now; audit rows and events collected on the way are written
last.

Serialization failures and deadlocks are tried again, since nothing of them was kept. So is, once, work whose connection
was lost before COMMIT was sent. A connection lost during the commit is an error (``OutcomeUnknown``), never a silent
second try: the caller asks again with the same idempotency key. What the driver's errors mean stands in
``core.driver_errors``.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import psycopg
from psycopg import errors as pg
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.types.json import Jsonb
from sqlalchemy import Engine, PoolProxiedConnection, create_engine
from sqlalchemy.sql.elements import ClauseElement
from uuid_utils.compat import uuid7

from core import database_address
from core.driver_errors import connection_lost, on_violation, translate, translated
from core.errors import DatabaseBusy, DatabaseUnreachable, OutcomeUnknown
from core.statements import DIALECT, Rows, Statement

__all__ = ["NOBODY", "Actor", "Database", "Rows", "Statement", "Transaction", "on_violation", "translate"]

T = TypeVar("T")

_ATTEMPTS: Final = 6
# A pipeline that ends in an error tells the log about it as well; the error itself is raised, and nothing may write
# over the screen.
logging.getLogger("psycopg").addHandler(logging.NullHandler())
_BEGIN: Final = "BEGIN"
_BEGIN_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
#: Plans are made once per prepared statement: every statement here reaches its rows by key, and planning a take anew
#: for each month's partition, as PostgreSQL would by itself, costs more than the take.
_OPENING: Final = (
    "SELECT now() AS now, set_config('lock_timeout', %(lock)s, true), set_config('statement_timeout', %(limit)s, true),"
    " set_config('counter.staff', %(staff)s, true), set_config('counter.terminal', %(terminal)s, true),"
    " set_config('counter.session', %(session)s, true),"
    " set_config('plan_cache_mode', 'force_generic_plan', true)"
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who works, and where. Commands that need nobody run as ``NOBODY``."""

    user_id: UUID | None = None
    staff_number: str = ""
    full_name: str = ""
    role: str = ""
    terminal_id: int | None = None
    terminal_code: str = ""
    station_id: int | None = None
    #: What proves to the database who works; never shown, never logged.
    session: str = field(default="", repr=False, compare=False)


NOBODY: Final = Actor()


@dataclass
class _Journal:
    audit: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


class Transaction:
    """One transaction under way. Handed to the work; never outlives it.

    ``writer`` is the cursor of statements that answer nothing: one serves them all.
    """

    def __init__(
        self,
        driver: psycopg.Connection[Any],
        writer: psycopg.Cursor[Any],
        operator_id: int,
        actor: Actor,
        opening: Rows,
    ) -> None:
        self.operator_id = operator_id
        self.actor = actor
        self.correlation_id = uuid7()
        self._driver = driver
        self._writer = writer
        self._opening = opening
        self._now: datetime | None = None
        self._journal = _Journal()

    @property
    def now(self) -> datetime:
        """The database's clock at the start of this transaction."""
        if self._now is None:
            self._now = self._opening.scalar()
            assert self._now is not None
        return self._now

    def send(self, statement: Statement, /, **parameters: Any) -> Rows:
        """Queue a statement. ``operator_id`` is always among its parameters."""
        bound = statement.bind({"operator_id": self.operator_id, **parameters})
        cursor = self._driver.cursor() if statement.returns_rows else self._writer
        return Rows(cursor.execute(*bound), statement)

    def query(self, clause: ClauseElement) -> Rows:
        """Queue a Core statement that is built anew each time: administration, look-ups, reports."""
        compiled = clause.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
        cursor = self._driver.cursor()
        cursor.execute(str(compiled), compiled.params)
        return Rows(cursor)

    def raw(self, sql: str) -> Rows:
        """Queue a constant SQL text without parameters: catalogue questions, and the benchmark's floor."""
        cursor = self._driver.cursor()
        cursor.execute(sql)
        return Rows(cursor)

    def send_each(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Queue the INSERT of some rows, with one parameter to a column; nothing is returned."""
        if rows:
            for sql, parameters in statement.bind_rows([{"operator_id": self.operator_id, **row} for row in rows]):
                self._writer.execute(sql, parameters)

    def audit(
        self,
        action: str,
        entity_type: str,
        entity_id: object,
        *,
        old: Mapping[str, Any] | None = None,
        new: Mapping[str, Any] | None = None,
    ) -> None:
        """Put a row on the audit trail; it is written when the work is done."""
        self._journal.audit.append(
            {
                "id": uuid7(),
                "user_id": self.actor.user_id,
                "terminal_id": self.actor.terminal_id,
                "correlation_id": self.correlation_id,
                "entity_type": entity_type,
                "entity_id": str(entity_id),
                "action": action,
                "old_values": None if old is None else Jsonb(old),
                "new_values": None if new is None else Jsonb(new),
            }
        )

    def event(self, event_type: str, entity_type: str, entity_id: object, payload: Mapping[str, Any]) -> None:
        """Announce a change to whoever listens; it is written in this transaction, or not at all."""
        self._journal.events.append(
            {
                "id": uuid7(),
                "event_type": event_type,
                "entity_type": entity_type,
                "entity_id": str(entity_id),
                "payload": Jsonb(payload),
                "correlation_id": self.correlation_id,
                "user_id": self.actor.user_id,
                "terminal_id": self.actor.terminal_id,
            }
        )

    @property
    def has_answers(self) -> bool:
        """Whether the server has answered anything yet in this transaction."""
        return self._opening.has_come

    def _write_journal(self) -> None:
        from core.journal import write

        write(self, self._journal.events, self._journal.audit)


class Database:
    """A pool of connections to one PostgreSQL database, as one login.

    Args:
        url: ``postgresql://…`` as libpq reads it.
        pooled: the URL leads through a transaction pooler: no prepared statements, nothing kept per session.
        role: step down to this role on every connection (for an owner's login that runs the program).
        pool_size: connections kept; twice as many may be open for a moment.
        connect_timeout: seconds to wait for the server to answer.

    Raises:
        UsageError: the URL is not usable.
    """

    def __init__(
        self, url: str, *, pooled: bool = False, role: str | None = None, pool_size: int = 4, connect_timeout: int = 5
    ) -> None:
        self.operator_id = 0
        self.role = role
        self._roles: Mapping[str, str] = {}
        self._logins: Mapping[str, Database] = {}
        address = database_address.read(url)
        arguments: dict[str, Any] = {
            **database_address.connect_arguments(address, connect_timeout=connect_timeout),
            "prepare_threshold": None if pooled else 1,
        }
        self.engine: Engine = create_engine(
            address,
            connect_args=arguments,
            isolation_level="AUTOCOMMIT",  # BEGIN and COMMIT travel in the pipeline; the driver's own would not
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=connect_timeout,
            pool_reset_on_return=None,  # every transaction here ends before its connection goes back
        )

    def close(self) -> None:
        self.engine.dispose()
        for other in set(self._logins.values()) - {self}:
            other.engine.dispose()

    def step_down(self, role: str | None, by_staff: Mapping[str, str] | None = None) -> None:
        """From now on work as ``role``: an owner's login must not see across operators while it sells.

        Args:
            by_staff: kind of staff -> the role their work needs, where that is another one.
        """
        self.role = role
        self._roles = dict(by_staff or {})

    def log_in_others(self, by_staff: Mapping[str, Database]) -> None:
        """Kind of staff -> the login their work needs, where this machine has one for them."""
        self._logins = dict(by_staff)

    @property
    def others(self) -> Collection[Database]:
        """The other logins of this machine."""
        return set(self._logins.values()) - {self}

    def ask(self, sql: str) -> Any | None:
        """The first row of a catalogue question, asked before anything is known about the database."""

        def look(tx: Transaction) -> Any | None:
            return tx.raw(sql).first()

        return self.transaction(look)

    def transaction(
        self,
        work: Callable[[Transaction], T],
        *,
        actor: Actor = NOBODY,
        lock_timeout: float = 5.0,
        statement_timeout: float = 30.0,
        snapshot: bool = False,
    ) -> T:
        """Run ``work`` in one transaction and commit it; its exceptions roll everything back.

        Args:
            work: called again from the start after a serialization failure or a deadlock, so it must keep no state.
            actor: who works, for the audit trail.
            lock_timeout: seconds to wait for somebody else's lock.
            statement_timeout: seconds for any one statement.
            snapshot: read only, and everything as it was at one moment.

        Raises:
            DatabaseUnreachable: no connection; nothing was done.
            OutcomeUnknown: the connection broke during the commit.
            DatabaseBusy: locks, time limits or repeated deadlocks; nothing was done.
        """
        opening = {
            "lock": f"{int(lock_timeout * 1000)}ms",
            "limit": f"{int(statement_timeout * 1000)}ms",
            "staff": str(actor.user_id or ""),
            "terminal": str(actor.terminal_id or ""),
            "session": actor.session,
        }
        login = self._logins.get(actor.role, self)
        for attempt in range(_ATTEMPTS):
            try:
                with translated():
                    return login._attempt(work, actor, opening, snapshot)
            except (pg.SerializationFailure, pg.DeadlockDetected) as error:
                if attempt == _ATTEMPTS - 1:
                    raise DatabaseBusy(
                        "Too many counters changed the same thing at once.", hint="Nothing was done; try again."
                    ) from error
                time.sleep(random.uniform(0, 0.01 * 2**attempt))
            except DatabaseUnreachable:
                # Nothing was committed yet: a pooled connection may have died idle. A fresh one gets one chance.
                login.engine.dispose()
                if attempt > 0:
                    raise
        raise AssertionError("every attempt returns or raises")

    def _attempt(self, work: Callable[[Transaction], T], actor: Actor, opening: dict[str, str], snapshot: bool) -> T:
        connection = self.engine.raw_connection()
        driver: psycopg.Connection[Any] = connection.dbapi_connection  # type: ignore[assignment]
        committing = False
        try:
            with driver.pipeline() as pipeline:
                writer = driver.cursor()
                writer.execute(_BEGIN_SNAPSHOT if snapshot else _BEGIN, prepare=False)
                tx = Transaction(driver, writer, self.operator_id, actor, self._open(driver, actor, opening))
                result = work(tx)
                tx._write_journal()
                if not tx.has_answers:
                    pipeline.sync()  # a connection that died idle must show before a commit is under way
                committing = True
                writer.execute("COMMIT", prepare=False)
            return result
        except BaseException as error:
            _roll_back(connection, driver)
            if committing and isinstance(error, psycopg.Error) and connection_lost(error):
                raise OutcomeUnknown(
                    "The database went away while this was being saved.",
                    hint="It may have been saved: ask again with the same key once it is back.",
                ) from error
            raise
        finally:
            connection.close()

    def _open(self, driver: psycopg.Connection[Any], actor: Actor, opening: dict[str, str]) -> Rows:
        role = self._roles.get(actor.role, self.role)
        if role is not None:
            driver.execute("SELECT set_config('role', %s, true)", (role,))
        cursor = driver.cursor()
        cursor.execute(_OPENING, opening)
        return Rows(cursor)


def _roll_back(connection: PoolProxiedConnection, driver: psycopg.Connection[Any]) -> None:
    """Undo the transaction, or give up a connection that is past that."""
    try:
        usable = not driver.broken and not driver.closed
        if usable and driver.info.transaction_status is TransactionStatus.INTRANS:
            # The driver's own rollback forgets all prepared statements, since one that failed may be among them.
            # Nothing failed here, a rule said no: they are as good as before.
            usable = driver.pgconn.exec_(b"ROLLBACK").status == ExecStatus.COMMAND_OK
        elif usable:
            driver.rollback()
    except psycopg.Error:
        usable = False
    if not usable:
        connection.invalidate()
