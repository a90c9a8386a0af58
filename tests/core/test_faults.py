"""Faults: connections that die before, in and at the end of a transaction, locks, deadlocks, a server that stops."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors as pg
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from uuid_utils.compat import uuid7

from core import office as offices
from core import sale
from core.database import Database, Transaction
from core.errors import (
    CounterError,
    DatabaseBusy,
    DatabaseUnreachable,
    OutcomeUnknown,
    Refused,
)
from core.keys import KeyRing
from core.office import Office
from core.ops import embedded
from core.payments import Tender

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk

Administrator = psycopg.Connection[Any]


def terminate(administrator: Administrator, where: str = "true", *parameters: object) -> int:
    """End the counter's sessions in this test's database and wait until they are gone; returns how many."""
    ended = administrator.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        f" WHERE datname = current_database() AND application_name = 'counter' AND {where}",
        parameters or None,
    ).fetchall()
    return len(ended)


def sold_in_thread(desk: Desk, key: UUID) -> tuple[Thread, list[object]]:
    """A sale under way in a thread of its own, and what becomes of it."""
    request, outcome = desk.request(), []

    def run() -> None:
        try:
            outcome.append(sale.sell(desk.office, desk.clerk, request, desk.people(), Tender("cash"), key=key))
        except CounterError as error:
            outcome.append(error)

    thread = Thread(target=run)
    thread.start()
    return thread, outcome


# Connections that die


def test_idle_connections_that_died_are_replaced(desk: Desk, administrator: Administrator) -> None:
    desk.sell()
    assert terminate(administrator) > 0
    desk.sell()
    desk.require_sound()


def test_a_connection_lost_before_the_commit_is_replaced_once(office: Office, administrator: Administrator) -> None:
    attempts = []

    def work(tx: Transaction) -> int:
        attempts.append(tx.raw("SELECT pg_backend_pid()").scalar())
        if len(attempts) == 1:
            terminate(administrator, "pid = %s", attempts[0])
        return int(tx.raw("SELECT 7").scalar() or 0)

    assert office.database.transaction(work) == 7
    assert len(set(attempts)) == 2


def test_a_connection_that_dies_every_time_is_an_error(office: Office, administrator: Administrator) -> None:
    attempts = []

    def work(tx: Transaction) -> None:
        attempts.append(tx.raw("SELECT pg_backend_pid()").scalar())
        terminate(administrator, "pid = %s", attempts[-1])
        tx.raw("SELECT 7").scalar()

    with pytest.raises(DatabaseUnreachable):
        office.database.transaction(work)
    assert len(attempts) == 2
    office.database.ask("SELECT 1")


def test_a_refusal_is_a_refusal_even_if_the_connection_dies_with_it(
    office: Office, administrator: Administrator
) -> None:
    def work(tx: Transaction) -> None:
        terminate(administrator, "pid = %s", tx.raw("SELECT pg_backend_pid()").scalar())
        raise Refused("No.")

    with pytest.raises((Refused, DatabaseUnreachable)):
        office.database.transaction(work)
    office.database.ask("SELECT 1")


def test_a_sale_whose_connection_dies_in_the_middle_is_made_once(
    desk: Desk, administrator: Administrator, owner_session: Connection, until_blocked: Callable[[Thread], None]
) -> None:
    """The payment's table is locked, so the confirmation hangs with its tickets written when its session is ended.

    Its commit may be on the way already: then nobody knows, and the same key tells.
    """
    owner_session.execute(text("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE"))
    key = uuid7()
    thread, outcome = sold_in_thread(desk, key)
    until_blocked(thread)
    assert terminate(administrator, "wait_event_type = 'Lock'") == 1
    owner_session.rollback()
    thread.join()
    assert isinstance(outcome[0], sale.Sale | OutcomeUnknown), outcome
    done = sale.sell(desk.office, desk.clerk, desk.request(), desk.people(), Tender("cash"), key=key)
    assert done.status == "confirmed"
    assert (desk.count("bookings"), desk.count("payments"), desk.taken()) == (1, 1, 1)
    desk.require_sound()


def test_a_commit_that_was_cut_short_is_asked_for_again(
    desk: Desk, administrator: Administrator, until_blocked: Callable[[Thread], None]
) -> None:
    """A deferred trigger makes the commit wait; its session is ended there: nothing was saved, but who knows."""
    desk.owner(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NULL; END $$"
    )
    desk.owner(
        "CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON payments DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION dawdle()"
    )
    administrator.execute("SELECT pg_advisory_lock(4711)")
    key = uuid7()
    thread, outcome = sold_in_thread(desk, key)
    until_blocked(thread)
    terminate(administrator, "wait_event_type = 'Lock'")
    administrator.execute("SELECT pg_advisory_unlock(4711)")
    thread.join()
    assert isinstance(outcome[0], OutcomeUnknown), outcome
    assert desk.count("payments") == 0
    done = sale.sell(desk.office, desk.clerk, desk.request(), desk.people(), Tender("cash"), key=key)
    assert (done.status, desk.count("bookings"), desk.count("payments")) == ("confirmed", 1, 1)
    desk.require_sound()


class LossyLine:
    """A line to the server that breaks, once armed, after the next COMMIT has arrived and before it is answered."""

    def __init__(self, url: str) -> None:
        target = make_url(url)
        self._host = str(target.query.get("host") or target.host)
        self._port = int(target.query.get("port") or target.port or 5432)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = target.set(
            host="127.0.0.1",
            port=self._door.getsockname()[1],
            query={"sslmode": "disable", "gssencmode": "disable"},
        ).render_as_string(hide_password=False)
        self.armed = False
        Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._door.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                Thread(target=self._carry, args=(client, self._call()), daemon=True).start()

    def _call(self) -> socket.socket:
        if not self._host.startswith("/"):
            return socket.create_connection((self._host, self._port))
        line = socket.socket(socket.AF_UNIX)
        line.connect(f"{self._host}/.s.PGSQL.{self._port}")
        return line

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        answers = Thread(target=self._pass_on, args=(server, client), daemon=True)
        answers.start()
        with suppress(OSError):
            while data := client.recv(65536):
                if self.armed and b"COMMIT" in data:
                    self.armed = False
                    self._cutting = client
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    _cutting: socket.socket | None = None

    def _pass_on(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if self._cutting is client:
                    break  # this is the answer to the commit
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        client.close()
        server.close()


@pytest.fixture
def lossy_line(database: TestDatabase) -> Iterator[LossyLine]:
    line = LossyLine(database.counter_url)
    yield line
    line.close()


def test_a_commit_whose_answer_was_lost_is_found_again(desk: Desk, lossy_line: LossyLine, key_ring: KeyRing) -> None:
    """The sale is saved and nobody heard of it: the same key finds it."""
    office = offices.open_office(offices.connect(lossy_line.url), key_ring)
    held, key = desk.hold(2), uuid7()
    people, tender = desk.people(2), Tender("cash", 1_000_000)
    office.network()
    lossy_line.armed = True
    with pytest.raises(OutcomeUnknown):
        sale.confirm(office, desk.clerk, held.booking_id, people, tender, key=key)
    assert not lossy_line.armed
    done = sale.confirm(office, desk.clerk, held.booking_id, people, tender, key=key)
    assert (done.status, done.change) == ("confirmed", 1_000_000 - held.total)
    assert (desk.count("payments"), desk.count("tickets")) == (1, 2)
    office.close()
    desk.require_sound()


# Locks


def test_somebody_elses_lock_is_not_waited_for_forever(desk: Desk, owner_session: Connection) -> None:
    desk.hold()
    owner_session.execute(text("SELECT 1 FROM bookings FOR UPDATE"))
    with pytest.raises(DatabaseBusy):
        desk.office.database.transaction(
            lambda tx: tx.raw("SELECT 1 FROM bookings FOR UPDATE").all(), lock_timeout=0.05
        )


def test_a_statement_that_takes_too_long_is_ended(office: Office) -> None:
    with pytest.raises(DatabaseBusy):
        office.database.transaction(lambda tx: tx.raw("SELECT pg_sleep(60)").all(), statement_timeout=0.05)
    office.database.ask("SELECT 1")


def test_a_deadlock_is_tried_again(office: Office) -> None:
    meeting, attempts, done = Barrier(2), [], []

    def run(first: int, second: int) -> None:
        mine: list[int] = []

        def work(tx: Transaction) -> None:
            mine.append(first)
            tx.raw(f"SELECT pg_advisory_xact_lock({first})").all()
            if len(mine) == 1:
                meeting.wait()
            tx.raw(f"SELECT pg_advisory_xact_lock({second})").all()

        office.database.transaction(work, lock_timeout=30)
        attempts.extend(mine)
        done.append(first)

    threads = [Thread(target=run, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [1, 2]
    assert len(attempts) == 3


def test_what_never_serializes_is_busy(office: Office) -> None:
    attempts = []

    def work(tx: Transaction) -> None:
        attempts.append(tx.now)
        raise pg.SerializationFailure("could not serialize access")

    with pytest.raises(DatabaseBusy):
        office.database.transaction(work)
    assert 2 < len(attempts) < 20


def test_more_work_than_connections_is_busy(database: TestDatabase) -> None:
    narrow = Database(database.counter_url, pool_size=1, connect_timeout=0)

    def nested(depth: int) -> Callable[[Transaction], int]:
        return lambda tx: narrow.transaction(nested(depth - 1)) if depth else 1

    assert narrow.transaction(nested(1)) == 1
    with pytest.raises(DatabaseBusy):
        narrow.transaction(nested(2))
    narrow.close()


def test_a_server_without_room_is_busy(database: TestDatabase, administrator: Administrator) -> None:
    administrator.execute(f'ALTER DATABASE "{database.name}" CONNECTION LIMIT 0')
    with pytest.raises(DatabaseBusy):
        offices.connect(database.counter_url)


# A server that stops


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home for a server of this test's own; for root one whose folders others may pass."""
    folder = tmp_path
    if os.geteuid() == 0:
        folder = Path(tempfile.mkdtemp(prefix="counter-home-"))
        folder.chmod(0o711)
    yield folder
    with suppress(CounterError):
        embedded.stop(folder)
    shutil.rmtree(folder, ignore_errors=True)


def test_a_server_that_stops_and_comes_back(home: Path) -> None:
    server = embedded.start(home)
    database = Database(server.url(user="postgres", database="postgres"))
    database.transaction(lambda tx: tx.raw("CREATE TABLE kept (n int)"))
    assert embedded.stop(home)
    for _ in range(2):
        with pytest.raises(DatabaseUnreachable):
            database.transaction(lambda tx: tx.raw("INSERT INTO kept VALUES (1)"))
    embedded.start(home)
    database.transaction(lambda tx: tx.raw("INSERT INTO kept VALUES (2)"))
    assert database.ask("SELECT array_agg(n) FROM kept") == ([2],)
    database.close()
    server.release()
