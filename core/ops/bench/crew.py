"""The clients of the benchmark: processes that work at the same time, slice by slice, as the main process tells them.

Each client is a process of its own (started anew, nothing is inherited), a terminal of its own with a clerk of its
own, and has connections of its own. A task is opened and warmed up by every client before its first slice begins; the
slices of the library and of the floor take turns, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
import traceback
from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from math import ceil
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol

import psycopg

from core import keys, shifts, staff, terminals
from core import office as offices
from core.database import Actor, translate
from core.errors import CounterError, Unreachable
from core.office import Office
from core.ops.bench.floor import Till
from core.ops.demo import PIN

#: One sale, one check-in, one search. Raises ``Finished`` when there is nothing left to do.
Operation = Callable[[], None]

_SLICE_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 5.0


class Finished(Exception):
    """A client is done before its slice is over; ``reason`` goes to the main process."""

    def __init__(self, reason: Any = None) -> None:
        super().__init__()
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Slice:
    """What one client did in one slice: seconds each operation took, seconds altogether, and why it ended early."""

    latencies: array[float]
    elapsed: float
    reason: Any = None


@dataclass
class Tally:
    """All slices of one side of a measurement."""

    operations: int = 0
    elapsed: float = 0.0
    latencies: list[float] = field(default_factory=list)
    reasons: list[Any] = field(default_factory=list)

    def add(self, slices: Sequence[Slice]) -> None:
        self.operations += sum(len(one.latencies) for one in slices)
        self.elapsed += max(one.elapsed for one in slices)
        for one in slices:
            self.latencies.extend(one.latencies)
            if one.reason is not None:
                self.reasons.append(one.reason)

    @property
    def per_second(self) -> float:
        return self.operations / self.elapsed

    def quantile_ms(self, share: float) -> float:
        """The latency that this share of the operations did not exceed (nearest rank), in milliseconds."""
        ranked = sorted(self.latencies)
        return ranked[max(0, ceil(share * len(ranked)) - 1)] * 1000 if ranked else 0.0


@dataclass(frozen=True)
class Desk:
    """A client at work in one database: the library's office, and a hand-written till beside it."""

    office: Office
    clerk: Actor
    till: Till

    def close(self) -> None:
        self.till.close()
        self.office.close()


class Desks:
    """The desks of one client, opened when they are first needed."""

    def __init__(self, index: int, keys_folder: Path, pooled: bool) -> None:
        self.index = index
        self._keys_folder, self._pooled = keys_folder, pooled
        self._open: dict[str, Desk] = {}

    def at(self, url: str) -> Desk:
        if url not in self._open:
            self._open[url] = self._make(url)
        return self._open[url]

    def _make(self, url: str) -> Desk:
        database = offices.connect(url, pooled=self._pooled, pool_size=1)
        try:
            office = offices.open_office(database, keys.load(self._keys_folder))
            terminal = terminals.register(office, f"BENCH-{self.index}", station="YK")
            clerk = staff.sign_in(office, terminal, staff_number(self.index), PIN, program="counter admin bench").actor
            shift = shifts.open_for_scripts(office, clerk)
            till = Till(
                url,
                operator_id=database.operator_id,
                actor=clerk,
                shift_id=shift.id,
                role=database.role,
                pooled=self._pooled,
            )
        except psycopg.Error as error:
            database.close()
            raise translate(error) from error
        except BaseException:
            database.close()
            raise
        return Desk(office, clerk, till)

    def close(self) -> None:
        for desk in self._open.values():
            desk.close()


def staff_number(index: int) -> str:
    """Who works at the terminal of the client of that index."""
    return f"B{index:03d}"


class Task(Protocol):
    """Something to be measured; travels to the clients by pickle."""

    def open(self, desks: Desks) -> Mapping[str, Operation]:
        """The operations of a client by the side they belong to, warmed up."""


@dataclass(frozen=True, slots=True)
class _Run:
    side: str
    seconds: float


@dataclass(frozen=True, slots=True)
class _Failure:
    kind: type[CounterError] | None
    message: str
    hint: str = ""
    code: str = ""

    def error(self) -> Exception:
        if self.kind is None:
            return RuntimeError(f"a client of the benchmark failed:\n{self.message}")
        return self.kind(self.message, hint=self.hint, code=self.code)


class Crew:
    """So many client processes, from ``with`` to its end."""

    def __init__(self, size: int, keys_folder: Path, *, pooled: bool) -> None:
        self._size, self._keys_folder, self._pooled = size, keys_folder, pooled
        self._clients: list[tuple[BaseProcess, Connection]] = []

    def __enter__(self) -> Crew:
        context = multiprocessing.get_context("spawn")
        with ExitStack() as undo:
            undo.callback(self._end)
            for index in range(self._size):
                ours, theirs = context.Pipe()
                process = context.Process(
                    target=_client, args=(theirs, index, self._keys_folder, self._pooled), daemon=True
                )
                process.start()
                theirs.close()
                self._clients.append((process, ours))
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        for _, pipe in self._clients:
            pipe.close()  # a client ends when nobody talks to it any more
        for process, _ in self._clients:
            process.join(_PATIENCE_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()

    def open(self, tasks: Sequence[Task]) -> None:
        """Hand a task to each of the first clients and wait until all are warm."""
        self._tell(tasks)

    def slice(self, side: str, seconds: float, clients: int) -> list[Slice]:
        """Let the first clients work on one side at the same time."""
        return self._tell([_Run(side, seconds)] * clients)

    def alternate(self, sides: Sequence[str], seconds: float, clients: int) -> dict[str, Tally]:
        """Give every side the same share of ``seconds``, in turns of about a second, there and back again."""
        rounds = max(2, round(seconds / len(sides) / _SLICE_SECONDS))
        tallies = {side: Tally() for side in sides}
        for number in range(rounds):
            for side in sides if number % 2 == 0 else reversed(sides):
                tallies[side].add(self.slice(side, seconds / len(sides) / rounds, clients))
        return tallies

    def _tell(self, orders: Sequence[Any]) -> list[Any]:
        clients = self._clients[: len(orders)]
        try:
            for (_, pipe), order in zip(clients, orders, strict=True):
                pipe.send(order)
            answers = [pipe.recv() for _, pipe in clients]
        except (EOFError, OSError) as error:
            raise Unreachable(
                "A client of the benchmark ended by itself.", hint="Try fewer clients: memory may be short."
            ) from error
        for answer in answers:
            if isinstance(answer, _Failure):
                raise answer.error()
        return answers


def _client(pipe: Connection, index: int, keys_folder: Path, pooled: bool) -> None:
    """A client's whole life: open what it is given, work when it is told, end when nobody talks to it any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides what Ctrl+C means
    desks = Desks(index, keys_folder, pooled)
    operations: dict[str, Operation] = {}
    with suppress(EOFError, OSError):
        while True:
            order = pipe.recv()
            pipe.send(_obey(order, desks, operations))
    desks.close()


def _obey(order: _Run | Task, desks: Desks, operations: dict[str, Operation]) -> Slice | _Failure | None:
    try:
        if isinstance(order, _Run):
            return _work(operations[order.side], order.seconds)
        operations.clear()
        operations.update(order.open(desks))
    except Exception as error:
        return _failure(error)
    return None


def _work(operation: Operation, seconds: float) -> Slice:
    latencies = array("d")
    began = now = time.perf_counter()
    until, reason = began + seconds, None
    try:
        while now < until:
            operation()
            after = time.perf_counter()
            latencies.append(after - now)
            now = after
    except Finished as finished:
        reason = finished.reason
    return Slice(latencies, time.perf_counter() - began, reason)


def _failure(error: Exception) -> _Failure:
    if isinstance(error, psycopg.Error):
        error = translate(error)
    if isinstance(error, CounterError):
        return _Failure(type(error), error.message, error.hint, error.reason)
    return _Failure(None, "".join(traceback.format_exception(error)))
