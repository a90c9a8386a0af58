"""What every test can ask for: a real PostgreSQL, a database of its own cloned from a template, and a terminal's wire.

The server is the embedded one, shared by all workers of a run; ``COUNTER_TEST_DATABASE_URL`` names another PostgreSQL
(a login that may create roles and databases). The template holds the demonstration railway with a few days on sale.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import hypothesis
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from core import keys, shifts, staff, terminals
from core import office as offices
from core.database import Actor, Database
from core.keys import KeyRing
from core.models import roles
from core.office import Office
from core.ops import embedded, migrate, prepare
from core.search import Offer, offers

if TYPE_CHECKING:
    from textual.pilot import Pilot

hypothesis.settings.register_profile("steady", deadline=None)
hypothesis.settings.load_profile("steady")

DAYS = 4
MORE_LOGINS = ("supervisor", "gate", "reporting")
PIN = "123456"


@dataclass(frozen=True)
class Server:
    """A PostgreSQL the tests may do anything with, and the logins they work as."""

    administrator: str
    owner: str
    counter: str
    folder: Path
    supervisor: str
    gate: str
    reporting: str

    def database(self, name: str) -> Server:
        """The same logins, to another database."""
        here = (_to(url, name) for url in (self.administrator, self.owner, self.counter))
        more = (_to(url, name) for url in (self.supervisor, self.gate, self.reporting))
        return Server(*here, self.folder, *more)


@dataclass(frozen=True)
class TestDatabase:
    """A database of one test."""

    __test__ = False

    name: str
    owner_url: str
    counter_url: str
    administrator_url: str
    keys_folder: Path
    supervisor_url: str
    gate_url: str
    reporting_url: str

    @property
    def logins(self) -> dict[str, str]:
        """What a machine for everybody has beside the counter's login."""
        return {roles.SUPERVISOR_ROLE: self.supervisor_url, roles.GATE_ROLE: self.gate_url}

    @property
    def environment(self) -> dict[str, str]:
        """The same as settings."""
        return {
            "COUNTER_DATABASE_URL": self.counter_url,
            "COUNTER_SUPERVISOR_DATABASE_URL": self.supervisor_url,
            "COUNTER_GATE_DATABASE_URL": self.gate_url,
        }


def _to(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def _connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url, autocommit=True)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


def _shared_folder(factory: pytest.TempPathFactory) -> Path:
    """The same folder for every worker of this run."""
    own = factory.getbasetemp()
    return own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own


def _home(folder: Path) -> Path:
    """Where this run's embedded server lives: in memory where there is room, since every test copies a database."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < 4 * 2**30:
        return folder / "home"
    home = memory / f"counter-tests-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    home.mkdir(mode=0o711, exist_ok=True)
    return home


def _external(url: str, folder: Path) -> Server:
    """Logins of this run on somebody's server; made once, by the first worker."""
    marker = folder / "logins"
    if not marker.exists():
        marker.write_text(f"{secrets.token_hex(4)} {secrets.token_hex(8)}", encoding="utf-8")
        run, password = marker.read_text(encoding="utf-8").split()
        with _connect(url) as connection:
            known = "SELECT 1 FROM pg_roles WHERE rolname = %s"
            missing = [role for role in roles.ROLES if not connection.execute(known, (role,)).fetchone()]
            for statement in migrate.role_statements(missing):
                connection.execute(sql.SQL(statement))
            for kind, rights in (("owner", "CREATEROLE"), *((kind, "") for kind in roles.ROLE_OF_LOGIN)):
                made = sql.SQL("CREATE ROLE {} LOGIN " + rights + " PASSWORD {}")
                connection.execute(made.format(sql.Identifier(f"test_{kind}_{run}"), sql.Literal(password)))
            owner = sql.Identifier(f"test_owner_{run}")
            for role in roles.ROLES:
                connection.execute(sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(sql.Identifier(role), owner))
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(f"test_owner_{run}")))
    run, password = marker.read_text(encoding="utf-8").split()

    def login(role: str) -> str:
        changed = make_url(url).set(username=f"{role}_{run}", password=password)
        return changed.render_as_string(hide_password=False)

    return Server(url, login("test_owner"), login("test_counter"), folder, *(
        login(f"test_{kind}") for kind in ("supervisor", "gate", "reporting")
    ))  # fmt: skip


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of this run, with a template to clone from: ``template_demo`` and ``template_empty``."""
    folder = _shared_folder(tmp_path_factory)
    external = os.environ.get("COUNTER_TEST_DATABASE_URL")
    running = None
    with _one_at_a_time(folder):
        if external:
            made = _external(external, folder)
        else:
            running = embedded.start(_home(folder))
            prepare.provision(running.url(user="postgres", database="postgres"))
            made = Server(
                running.url(user="postgres", database="postgres"),
                running.url(user=prepare.OWNER_ROLE, database="postgres"),
                running.url(user="counter", database="postgres"),
                folder,
                *(running.url(user=f"counter_{kind}", database="postgres") for kind in MORE_LOGINS),
            )
        _make_templates(made)
    yield made
    if running is not None:
        running.release()


def _name(server: Server, name: str) -> str:
    return f"{name}_{make_url(server.owner).username}"


def _make_templates(server: Server) -> None:
    if (server.folder / "templates").exists():
        return
    owner = sql.Identifier(make_url(server.owner).username or "")
    for template in ("template_empty", "template_demo"):
        with _connect(server.administrator) as connection:
            name = _name(server, template)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), owner))
        url = server.database(name).owner
        if template == "template_empty":
            engine = migrate.owner_engine(url)
            with engine.begin() as owning:
                migrate.upgrade(owning)
            engine.dispose()
        else:
            prepare.prepare(url, server.folder / "keys", with_demo=True, days=DAYS)
            for kind, login_url in zip(
                ("counter", *MORE_LOGINS),
                (server.counter, server.supervisor, server.gate, server.reporting),
                strict=True,
            ):
                login = make_url(login_url).username or ""
                if login not in roles.ROLES:
                    prepare.add_login(url, login, "KAI", kind)
    (server.folder / "templates").touch()


@contextmanager
def _cloned(server: Server, template: str) -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    owner = sql.Identifier(make_url(server.owner).username or "")
    with _connect(server.administrator) as connection:
        clone = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
        with _one_at_a_time(server.folder):  # a template may not be in use while it is copied
            connection.execute(clone.format(sql.Identifier(name), sql.Identifier(_name(server, template)), owner))
    try:
        yield name
    finally:
        with _connect(server.administrator) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _test_database(name: str, urls: Server) -> TestDatabase:
    more = (urls.supervisor, urls.gate, urls.reporting)
    return TestDatabase(name, urls.owner, urls.counter, urls.administrator, urls.folder / "keys", *more)


@pytest.fixture
def database(server: Server) -> Iterator[TestDatabase]:
    """A database with the demonstration railway and its first days on sale, for this test alone."""
    with _cloned(server, "template_demo") as name:
        urls = server.database(name)
        yield _test_database(name, urls)


@pytest.fixture
def empty_database(server: Server) -> Iterator[TestDatabase]:
    """A migrated database without any operator, for this test alone."""
    with _cloned(server, "template_empty") as name:
        urls = server.database(name)
        yield _test_database(name, urls)


@pytest.fixture
def empty_owner_connection(empty_database: TestDatabase) -> Iterator[Connection]:
    """The owner's connection, in a transaction, to a migrated and empty database."""
    engine = migrate.owner_engine(empty_database.owner_url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def owner_connection(database: TestDatabase) -> Iterator[Connection]:
    """The owner's connection, autocommitting, to this test's demonstration railway."""
    engine = migrate.owner_engine(database.owner_url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection
    engine.dispose()


@pytest.fixture(scope="session")
def escpos() -> ModuleType:
    """The printer in software: an ESC/POS interpreter written from the published command set."""
    name = "escpos_interpreter"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / "devices" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def key_ring(server: Server) -> KeyRing:
    return keys.load(server.folder / "keys")


def _connected(database: TestDatabase, **options: int) -> Database:
    return offices.connect(database.counter_url, logins=database.logins, **options)


@pytest.fixture
def office(database: TestDatabase, key_ring: KeyRing) -> Iterator[Office]:
    """The library, opened on this test's database as the counter role."""
    opened = offices.open_office(_connected(database, pool_size=8), key_ring)
    yield opened
    opened.close()


def with_default_signals() -> None:
    """For ``preexec_fn``: a run under nohup or in the background hands on ignored signals to what it starts."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def sign_in(office: Office, number: str = "1001", terminal: str = "TEST-1", station: str = "YK") -> Actor:
    """A member of the demonstration's staff, at work on a terminal."""
    here = terminals.register(office, terminal, station=station)
    actor = staff.sign_in(office, here, number, PIN, program="tests").actor
    if actor.role == "clerk":
        shifts.open_for_scripts(office, actor)
    return actor


@pytest.fixture
def clerk(office: Office) -> Actor:
    return sign_in(office)


@pytest.fixture
def gate_agent(office: Office) -> Actor:
    return sign_in(office, "2001", "GATE-1")


@pytest.fixture
def travel_day(office: Office) -> date:
    """A day on sale on which every train is still to come."""
    from core.clock import local

    today = office.database.transaction(lambda tx: local(tx.now, office.operator.time_zone).date())
    return today + timedelta(days=2)


@pytest.fixture
def taksaka(office: Office, travel_day: date) -> Offer:
    """43 Taksaka from Yogyakarta to Gambir in executive class."""
    return offers(office, "YK", "GMR", travel_day, class_code="EKS", train_number="43")[0]


class Wire:
    """A wire to an application: bytes in, through Textual's own terminal parser, as its terminal driver would."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        from textual._xterm_parser import XTermParser

        self.app = pilot.app
        self.pilot = pilot
        self.parser = XTermParser()

    async def send(
        self, text: str, *, chunk: int = 4096, gaps: Sequence[float] = (0.0,), ahead: float | None = None
    ) -> None:
        """Feed a text chunk by chunk.

        Args:
            chunk: characters to one ``read()``.
            gaps: seconds between chunks, over and over.
            ahead: do not wait, but stamp the events as if they came at that pace, beginning so many seconds from now.
                Far ahead, no pause is ever over; far back, every one is.
        """
        from textual._time import get_time

        assert self.app._driver is not None
        at = get_time() + (ahead or 0.0)
        for number, begin in enumerate(range(0, len(text), chunk)):
            gap = gaps[number % len(gaps)]
            at += gap
            for event in self.parser.feed(text[begin : begin + chunk]):
                if ahead is not None:
                    event.time = at
                self.app._driver.process_message(event)
            await asyncio.sleep(gap if ahead is None else 0)

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait for something to become true; the test's own time limit is the runner's."""
        while not done():
            await self.pilot.pause()
        await self.pilot.pause()


@pytest.fixture
def wire() -> type[Wire]:
    return Wire


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The run's own logins and server data do not outlive it."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        return
    factory: pytest.TempPathFactory = session.config._tmp_path_factory  # type: ignore[attr-defined]
    folder = factory.getbasetemp()
    home = _home(folder)
    if home.exists():
        embedded.stop(home)
        shutil.rmtree(embedded.data_folder(home).parent, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
    marker, external = folder / "logins", os.environ.get("COUNTER_TEST_DATABASE_URL")
    if external and marker.exists():
        run = marker.read_text(encoding="utf-8").split()[0]
        with _connect(make_conninfo(external)) as connection:
            for row in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"%{run}",)):
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(str(row[0]))))
            for role in [f"test_{kind}_{run}" for kind in ("owner", *roles.ROLE_OF_LOGIN)]:
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
