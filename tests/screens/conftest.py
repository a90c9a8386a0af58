"""The application on a database of its own, as a person at a counter meets it; and the cable to that database."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeAlias

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url
from textual.pilot import Pilot

from core.config import Settings
from core.office import Office
from core.ops.demo import PIN
from counter.app import CounterApp
from counter.i18n import set_language
from counter.symbols import use_ascii
from tests.conftest import sign_in

Until: TypeAlias = Callable[[Pilot[Any], Callable[[], bool]], Awaitable[None]]
Counter: TypeAlias = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


#: The cable looks for words in what passes, so nothing is encrypted on it.
_OPENLY = {"sslmode": "disable", "gssencmode": "disable"}


_LAST = b"COMMIT"


class Cable:
    """The network between a counter and its database: it can be cut, at once or after the next commit, and mended."""

    def __init__(self, database_url: str) -> None:
        self._server = conninfo_to_dict(database_url)
        self._sockets: set[socket.socket] = set()
        self._last_words: tuple[bytes, bytes] | None = None
        self._was_cut = Event()
        self._door = self._listen(0)
        port = self._door.getsockname()[1]
        self._port = port
        self.url = self.to(database_url)

    def to(self, database_url: str) -> str:
        """Another login of the same server, by this cable."""
        return make_url(database_url).set(host="127.0.0.1", port=self._port, query=_OPENLY).render_as_string(False)

    def _listen(self, port: int) -> socket.socket:
        door = socket.create_server(("127.0.0.1", port))
        Thread(target=self._serve, args=(door,), daemon=True).start()
        return door

    def _serve(self, door: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = door.accept()
                far = self._to_server()
                self._sockets |= {near, far}
                Thread(target=self._upstream, args=(near, far), daemon=True).start()
                Thread(target=self._pump, args=(far, near), daemon=True).start()

    def _to_server(self) -> socket.socket:
        host, port = str(self._server.get("host") or "127.0.0.1"), int(str(self._server.get("port") or 5432))
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        far = socket.socket(socket.AF_UNIX)
        far.connect(f"{host}/.s.PGSQL.{port}")
        return far

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        _hang_up(source, target)

    def _upstream(self, near: socket.socket, far: socket.socket) -> None:
        said = b""
        with suppress(OSError):
            while data := near.recv(65536):
                said += data
                if self._last_words is not None and self._last_words[0] in said and self._last_words[1] in data:
                    self._last_words = None
                    _deliver_without_reply(near, far, data)
                    self.cut()
                    return
                if _LAST in data:
                    said = b""
                far.sendall(data)
        _hang_up(near, far)

    def cut(self) -> None:
        """Nothing gets through any more, and nobody new is let in."""
        _hang_up(self._door, *self._sockets)
        self._sockets.clear()
        self._was_cut.set()

    def cut_after_commit(self, of: bytes) -> None:
        """The server still gets the COMMIT of the next transaction that says this, and obeys; its reply is lost."""
        self._was_cut.clear()
        self._last_words = (of, _LAST)

    @property
    def is_cut(self) -> bool:
        return self._was_cut.is_set()

    def mend(self) -> None:
        """As if nothing had been."""
        self._door = self._listen(self._door_port)
        self._was_cut.clear()

    @property
    def _door_port(self) -> int:
        return int(make_url(self.url).port or 0)


def _deliver_without_reply(near: socket.socket, far: socket.socket, data: bytes) -> None:
    """Wait for the server to have done it: its answer has come when it is ready for the next question."""
    near.shutdown(socket.SHUT_RDWR)
    far.sendall(data)
    far.shutdown(socket.SHUT_WR)
    with suppress(OSError):
        while far.recv(65536):
            pass


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


#: Seconds after which what a test waits for is not going to happen, however busy the machine.
PATIENCE = 90.0


async def _until(pilot: Pilot[Any], done: Callable[[], bool]) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not done():
                await pilot.pause(0.01)
    except TimeoutError:
        strips = pilot.app.screen._compositor.render_strips()
        raise AssertionError("It never happened:\n" + "\n".join(strip.text for strip in strips)) from None
    await pilot.pause()


@pytest.fixture(scope="session")
def until() -> Until:
    """``await until(pilot, lambda: …)``: wait for something to become true."""
    return _until


@pytest.fixture
def cable(database: Any) -> Iterator[Cable]:
    """Between the counter of this test and its database."""
    laid = Cable(database.counter_url)
    yield laid
    laid.cut()


@pytest.fixture
def desk_settings(database: Any, cable: Cable, tmp_path: Path) -> Settings:
    """A counter at Yogyakarta, with the test's database at the other end of the cable, and a printer to a file."""
    return Settings(
        home=tmp_path,
        database_url=cable.url,
        supervisor_database_url=cable.to(database.supervisor_url),
        gate_database_url=cable.to(database.gate_url),
        keys=database.keys_folder,
        terminal="TEST-1",
        station="YK",
        printer=f"file:{tmp_path / 'printer.bin'}",
    )


@pytest.fixture(autouse=True)
def _plain_speech() -> Iterator[None]:
    """Language and symbols are the process's; no test leaves them changed."""
    yield
    set_language("en")
    use_ascii(False)


@pytest.fixture
def counter(desk_settings: Settings, office: Office) -> Counter:
    """``async with counter("1001") as pilot``: the application with somebody signed in; ``None`` for nobody."""

    @asynccontextmanager
    async def opened(staff: str | None = "1001", *, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
        if staff == "1001":
            sign_in(office)  # the shift stands open already; how it is opened has tests of its own
        app = CounterApp(desk_settings)
        async with app.run_test(size=size) as pilot:
            await _until(pilot, lambda: app.workplace is not None)
            if staff is not None:
                await app.sign_in(staff, PIN)
                await _until(pilot, lambda: app.current_mode != "login")
            yield pilot

    return opened
