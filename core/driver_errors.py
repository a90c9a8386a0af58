"""What the driver's errors mean: the one boundary that turns them, and the names of violated constraints, into ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import errors as pg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.errors import (
    CounterError,
    DatabaseBusy,
    DatabaseUnreachable,
    IntegrityFailure,
    NotPermitted,
    NotReady,
    StateConflict,
    UsageError,
)
from core.states import TRANSITIONS


def connection_lost(error: psycopg.Error) -> bool:
    state = error.sqlstate
    return isinstance(error, psycopg.OperationalError) and (
        state is None or state.startswith("08") or state in {"57P01", "57P02", "57P03"}
    )


def _said(error: psycopg.Error, *words: str) -> bool:
    """While connecting libpq passes on the server's words but not its code; the server's own words are English here."""
    connecting = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    return connecting and any(word in str(error) for word in words)


def _login_refused(error: psycopg.Error) -> bool:
    refusals = pg.InvalidPassword | pg.InvalidAuthorizationSpecification | pg.InvalidCatalogName
    words = ("authentication failed", "does not exist", "no pg_hba.conf entry", "is not permitted to log in")
    return isinstance(error, refusals) or _said(error, *words)


def _wrong_address(error: psycopg.Error) -> bool:
    """libpq looks at the values of an address's parameters only when it connects."""
    return _said(error, "connection is bad: invalid", "invalid integer value", "definition of service")


#: libpq's words while connecting -> what they mean, and what to do.
_NOT_TRUSTED: Final = (
    (
        ("does not support SSL",),
        "The database server offers no encrypted connection.",
        "Turn TLS on at the server; a network that nobody else can reach may do without, by sslmode=disable in "
        "COUNTER_DATABASE_URL.",
    ),
    (
        ("root certificate file", "root certificate store", "load system root certificate"),
        "The file of authorities that the database server's certificate is checked by cannot be read.",
        "Name one with sslrootcert=FILE in COUNTER_DATABASE_URL.",
    ),
    (
        ("does not match host name", "host name must be specified", "get server's host name from server certificate"),
        "The database server's certificate is made out to another name.",
        "Name the server in COUNTER_DATABASE_URL as its certificate does.",
    ),
    (
        ("certificate verify failed",),
        "No known authority vouches for the database server's certificate, or it has expired.",
        "Name the file of the authority that signed it with sslrootcert=FILE in COUNTER_DATABASE_URL.",
    ),
    (
        (
            " alert ",
            "unsupported protocol",
            "wrong version number",
            "no protocols available",
            "SSL support is not compiled",
        ),
        "No encrypted connection to the database server comes about.",
        "Check the TLS settings of the server, and the parameters that begin with ssl in COUNTER_DATABASE_URL.",
    ),
)


def _not_trusted(error: psycopg.Error) -> DatabaseUnreachable | None:
    """The server could not prove who it is; nothing was said to it, no password either."""
    connecting = _said(error, "connection to server at", "connection is bad", "connection failed")
    for words, message, hint in _NOT_TRUSTED if connecting else ():
        if _said(error, *words):
            return DatabaseUnreachable(message, hint=hint, code="database_not_trusted")
    return None


def _no_room(error: psycopg.Error) -> bool:
    words = ("too many clients", "too many connections", "remaining connection slots")
    return isinstance(error, pg.TooManyConnections) or _said(error, *words)


@contextmanager
def translated() -> Iterator[None]:
    """The one boundary between the driver's errors and ours; retried ones pass through."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise translate(error.orig) from error
        raise
    except (pg.SerializationFailure, pg.DeadlockDetected):
        raise
    except psycopg.Error as error:
        raise translate(error) from error
    except UnicodeEncodeError as error:  # half a character: bytes of another encoding on a command line
        raise _not_storable() from error
    except PoolTimeout as error:
        raise DatabaseBusy("All database connections are in use.", hint="Try again in a moment.") from error


#: constraint name -> the error a service wants to see instead; services register theirs.
_CONSTRAINTS: Final[dict[str, Callable[[], CounterError]]] = {}


def on_violation(constraint: str, make: Callable[[], CounterError]) -> None:
    """Name the error that a violated constraint means to people."""
    _CONSTRAINTS[constraint] = make


def _cannot_be_stored(error: psycopg.Error) -> bool:
    unfit = pg.NumericValueOutOfRange | pg.DatetimeFieldOverflow | pg.UntranslatableCharacter
    return isinstance(error, unfit | pg.CharacterNotInRepertoire) or (
        isinstance(error, psycopg.DataError) and error.sqlstate is None and "NUL" in str(error)  # seen by the driver
    )


def _not_storable() -> UsageError:
    return UsageError(
        "Something typed here cannot be stored.",
        hint="Check large numbers and special characters.",
        code="not_storable",
    )


def translate(error: psycopg.Error) -> CounterError:
    """The error of ours that a driver error stands for."""
    name = getattr(error.diag, "constraint_name", None) or ""
    if name in _CONSTRAINTS:
        return _CONSTRAINTS[name]()
    not_trusted = _not_trusted(error)
    if not_trusted is not None:
        return not_trusted
    if _wrong_address(error):
        return UsageError(
            "A parameter of the database address has no usable value.",
            hint="Correct what follows the ? in COUNTER_DATABASE_URL.",
            code="database_address",
        )
    if _login_refused(error):
        return DatabaseUnreachable(
            "The database refused the login.", hint="Check user, password and name in COUNTER_DATABASE_URL."
        )
    if isinstance(error, pg.LockNotAvailable | pg.QueryCanceled) or _no_room(error):
        return DatabaseBusy("The database is busy with somebody else's work.", hint="Nothing was done; try again.")
    if connection_lost(error):
        return DatabaseUnreachable("The database does not answer.", hint="Nothing was lost; try again once it is back.")
    if isinstance(error, pg.InsufficientPrivilege):
        return NotPermitted("This login may not do that in the database.", hint="Ask the owner of the database.")
    if isinstance(error, pg.UndefinedTable | pg.UndefinedColumn | pg.UndefinedFunction):
        return NotReady("The database is not prepared for this program.", hint="Run: counter admin init")
    if _cannot_be_stored(error):
        return _not_storable()
    cause = {"sqlstate": error.sqlstate or "", "constraint": name}
    if isinstance(error, pg.IntegrityError):
        return IntegrityFailure(
            f"The database refused a contradiction ({name or 'constraint'}).", hint="Report this.", details=cause
        )
    if isinstance(error, psycopg.OperationalError):
        return DatabaseBusy(
            "The database could not do that just now.",
            hint="Nothing was done; try again, and tell whoever runs the server.",
            details=cause,
        )
    return IntegrityFailure("The database refused a statement of this program.", hint="Report this.", details=cause)


def _moved_on(table: str) -> Callable[[], CounterError]:
    thing = table.removesuffix("s").replace("_", " ")
    return lambda: StateConflict(
        f"The {thing} is no longer in a state that allows this.", hint="Look it up again: it has changed."
    )


for _table in TRANSITIONS:
    on_violation(f"{_table}_transition", _moved_on(_table))
