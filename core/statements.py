"""Statements of SQLAlchemy Core, compiled once for psycopg, and the answers to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import BindParameter, Insert, bindparam, insert
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.visitors import cloned_traverse

DIALECT: Final = PGDialect_psycopg(paramstyle="pyformat")  # type: ignore[no-untyped-call]
#: psycopg reads a text with more parameters anew each time it is executed.
_PARAMETERS: Final = 50


class Statement:
    """A SQLAlchemy Core statement, compiled for psycopg the first time it is used and never again.

    Its parameters are the ``bindparam``s without a value; whatever else it says is a constant of the program.
    """

    __slots__ = ("_by_rows", "_clause", "_names", "_record", "_sql", "returns_rows")

    def __init__(self, clause: ClauseElement) -> None:
        self._clause = clause
        self._sql: str | None = None
        self._names: tuple[str, ...] = ()
        self._by_rows: dict[int, Statement] = {}
        self._record: Callable[[Sequence[Any]], Any] | None = None
        #: Whether the server answers with rows; known once the statement is bound.
        self.returns_rows = True

    def bind(self, parameters: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """The SQL text and its parameters."""
        return self._compiled(), parameters

    def bind_rows(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """An INSERT with one parameter to a column, for all of these rows in as few statements as are worth it."""
        self._compiled()
        most = max(1, _PARAMETERS // len(self._names))
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            if len(some) == 1:
                yield self.bind(some[0])
            else:
                parameters = {f"{name}_{at}": row[name] for at, row in enumerate(some) for name in self._names}
                yield self._for_rows(len(some))._compiled(), parameters

    def record(self, cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Any]:
        """Makes named tuples of this statement's rows; the names are read from its first answer."""
        if self._record is None:
            self._record = namedtuple_row(cursor)
        return self._record

    def _compiled(self) -> str:
        if self._sql is None:
            named: dict[str, None] = {}
            clause = cloned_traverse(self._clause, {}, {"bindparam": partial(_write_out, named)})
            compiled = clause.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
            assert isinstance(compiled, SQLCompiler)
            self._names = tuple(named)
            changes = compiled.isinsert or compiled.isupdate or compiled.isdelete
            self.returns_rows = not changes or bool(compiled.effective_returning)
            self._sql = str(compiled)
        return self._sql

    def _for_rows(self, count: int) -> Statement:
        if count not in self._by_rows:
            self._compiled()
            assert isinstance(self._clause, Insert)
            values: list[dict[str, Any]] = [
                {name: bindparam(f"{name}_{at}") for name in self._names} for at in range(count)
            ]
            self._by_rows[count] = Statement(insert(self._clause.table).values(values))
        return self._by_rows[count]


def _write_out(named: dict[str, None], bound: BindParameter[Any]) -> None:
    """Constants go into the text: a plan made for any parameters could not use a partial index on their account."""
    if bound.required:
        named[bound.key] = None
        bound.required = False
    else:
        bound.literal_execute = True


class Rows:
    """The answer to a statement that was sent; reading it waits for the server, once."""

    __slots__ = ("_cursor", "_statement")

    def __init__(self, cursor: psycopg.Cursor[Any], statement: Statement | None = None) -> None:
        self._cursor = cursor
        self._statement = statement

    def all(self) -> list[Any]:
        rows = self._cursor.fetchall()
        return list(map(self._record(), rows)) if rows else rows

    def first(self) -> Any | None:
        row = self._cursor.fetchone()
        return None if row is None else self._record()(row)

    def scalar(self) -> Any | None:
        row = self._cursor.fetchone()
        return None if row is None else row[0]

    def scalars(self) -> list[Any]:
        return [row[0] for row in self._cursor.fetchall()]

    def pairs(self) -> dict[Any, Any]:
        """Rows of two columns as a dictionary, without a record for each."""
        return dict(self._cursor.fetchall())

    @property
    def has_come(self) -> bool:
        """Whether the server's answer is here already."""
        return self._cursor.pgresult is not None

    def _record(self) -> Callable[[Sequence[Any]], Any]:
        return namedtuple_row(self._cursor) if self._statement is None else self._statement.record(self._cursor)
