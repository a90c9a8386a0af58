"""Through PgBouncer in transaction mode: clients share connections, and nothing of one reaches another.

Needs ``pgbouncer``, which is no part of this program; without it these tests are skipped.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url

from core import office as offices
from core.keys import KeyRing
from core.office import Office
from tests.conftest import sign_in

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk

pytestmark = pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="pgbouncer is not installed")

_SETTINGS = """
[databases]
{name} = host={host} port={port} dbname={name}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 1
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


@pytest.fixture
def pooled(database: TestDatabase, login: str, tmp_path: Path) -> Iterator[Any]:
    """An address of this test's database that leads through a pooler with one connection for each login."""
    server, listen = conninfo_to_dict(database.counter_url), _free_port()
    users = [make_url(url) for url in (database.counter_url, database.supervisor_url, login)]
    told = "".join(f'"{user.username}" "{user.password or ""}"\n' for user in users)
    (tmp_path / "users").write_text(told, encoding="utf-8")
    place = {"host": server["host"], "port": server.get("port", 5432), "listen": listen, "folder": tmp_path}
    (tmp_path / "pgbouncer.ini").write_text(_SETTINGS.format(name=database.name, **place), encoding="utf-8")
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    # The embedded server answers its own user alone, and the pooler will not run as root.
    unprivileged = {"user": _server_user(str(server["host"]))} if os.geteuid() == 0 else {}
    running = subprocess.Popen(
        ["pgbouncer", str(tmp_path / "pgbouncer.ini")], stderr=(tmp_path / "log").open("wb"), **unprivileged
    )  # type: ignore[call-overload]

    def through(url: str) -> str:
        return make_url(url).set(host="127.0.0.1", port=listen, query={}).render_as_string(hide_password=False)

    try:
        _wait_for(through(database.counter_url), running)
        yield through
    finally:
        running.terminate()
        running.wait(10)


def _server_user(host: str) -> int:
    return Path(host).stat().st_uid if host.startswith("/") else pwd.getpwnam("nobody").pw_uid


def _wait_for(url: str, running: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            psycopg.connect(url, connect_timeout=10).close()
        except psycopg.OperationalError as error:
            assert running.poll() is None, "the pooler stopped"
            if "refused" not in str(error):
                raise
        else:
            return


@pytest.fixture
def open_pooled(database: TestDatabase, pooled: Any, key_ring: KeyRing) -> Iterator[Any]:
    opened: list[Office] = []

    def connect(url: str = database.counter_url) -> Office:
        logins = {role: pooled(other) for role, other in database.logins.items() if "supervisor" in role}
        opened.append(offices.open_office(offices.connect(pooled(url), pooled=True, logins=logins), key_ring))
        return opened[-1]

    yield connect
    for office in opened:
        office.close()


def test_a_session_does_not_stay_on_the_connection(open_pooled: Any, desk: Desk) -> None:
    first, second = open_pooled(), open_pooled()
    clerk = sign_in(first, "1001", "POOL-1")
    settings = (
        "SELECT current_setting('counter.session', true) AS session, current_setting('role') AS role, acting_user()"
    )
    for _ in range(3):
        mine = first.database.transaction(lambda tx: tx.raw(settings).first(), actor=clerk)
        others = second.database.transaction(lambda tx: tx.raw(settings).first())
        assert mine == (clerk.session, "none", clerk.user_id)
        assert others == ("", "none", None)


def test_sales_and_decisions_of_two_counters_in_turn(open_pooled: Any, desk: Desk) -> None:
    desk.office = open_pooled()
    desk.clerk = sign_in(desk.office, "1001", "POOL-1")
    sold = [desk.sell(first=number) for number in (1, 2)]
    desk.office = open_pooled()
    sold.append(desk.sell(first=3))
    assert len({one.booking_number for one in sold}) == 3
    desk.require_sound()


def test_two_operators_on_one_pooler(open_pooled: Any, pooled: Any, desk: Desk, login: str) -> None:
    with psycopg.connect(pooled(login), autocommit=True, prepare_threshold=None) as two:
        for _ in range(3):
            clerk = sign_in(open_pooled(), "1001", "POOL-1")
            assert clerk.user_id is not None
            assert two.execute("SELECT current_operator()").fetchone() == (2,)
            assert two.execute("SELECT count(*) FROM users WHERE operator_id = 1").fetchone() == (0,)
            assert two.execute("SELECT booking_number FROM bookings").fetchall() == [("OTHER22",)]
            assert two.execute("UPDATE seat_inventory SET occupied = 0 WHERE operator_id = 1").rowcount == 0
