"""The settings: where they come from, and what happens to values that cannot be."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.config import Settings, home_folder, settings
from core.errors import CounterError, NotReady, UsageError

Read = Callable[..., Settings]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Read]:
    """Reads the settings afresh from these variables and no others."""
    for name in [name for name in os.environ if name.startswith("COUNTER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COUNTER_HOME", str(tmp_path))

    def afresh(**values: str) -> Settings:
        for name, value in values.items():
            monkeypatch.setenv(f"COUNTER_{name.upper()}", value)
        settings.cache_clear()
        return settings()

    yield afresh
    settings.cache_clear()


def refusal(read: Read, **values: str) -> CounterError:
    with pytest.raises(CounterError) as refused:
        read(**values)
    return refused.value


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name != "home"])
def test_set_to_nothing_is_not_set(read: Read, name: str) -> None:
    assert getattr(read(**{name: ""}), name) == Settings.model_fields[name].default


def test_a_home_set_to_nothing_is_the_usual_one(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = read(home="").home
    monkeypatch.delenv("COUNTER_HOME")
    assert empty == home_folder() == read().home
    assert empty.is_absolute()


def test_the_environment_wins_over_the_file(read: Read, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('station = "GMR"\nlanguage = "id"\n', encoding="utf-8")
    chosen = read(language="en", station="")
    assert (chosen.station, chosen.language) == ("GMR", "en")


@pytest.mark.parametrize("named", ["~/below", "relative"])
def test_the_home_is_absolute_however_it_is_named(read: Read, named: str) -> None:
    assert read(home=named).home == home_folder() == Path(named).expanduser().absolute()


def test_a_home_may_be_called_what_is_no_text(read: Read, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"no \xff text")
    assert read(home=str(odd)).home == odd


@pytest.mark.parametrize(
    "named",
    ["{}/" + "x" * 256, "{}/file", "{}/file/below", "~nobody_of_that_name", "{}" + "/y" * 4_000],
    ids=lambda named: named[:20],
)
def test_what_cannot_be_a_home_is_said_so(read: Read, tmp_path: Path, named: str) -> None:
    (tmp_path / "file").touch()
    error = refusal(read, home=named.format(tmp_path))
    assert isinstance(error, UsageError)
    assert error.reason == "home_not_usable"


@pytest.mark.parametrize(
    ("name", "value"),
    [("language", "xx"), ("paper_width", "81"), ("terminal", "\x1b[2J"), ("ascii", "maybe"), ("language", "\udcff")],
)
def test_a_value_that_is_none_of_its_kind_is_wrong_usage(read: Read, name: str, value: str) -> None:
    error = refusal(read, **{name: value})
    assert (type(error), error.reason) == (UsageError, "setting_invalid")
    assert f"COUNTER_{name.upper()}" in error.message
    assert value not in error.message


@pytest.mark.parametrize(
    "content", [b"\xff", b"language", b"a=" + b"[" * 5_000], ids=["no text", "no value", "too deep"]
)
def test_a_file_that_is_no_toml_is_said_so(read: Read, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "settings.toml").write_bytes(content)
    assert isinstance(refusal(read), NotReady)


@pytest.mark.parametrize("content", [b"123456\n", b"\xef\xbb\xbf123456\r\n"])
def test_a_pin_file_may_come_from_any_editor(read: Read, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pin").write_bytes(content)
    assert read(pin_file=str(tmp_path / "pin")).read_pin() == "123456"


def test_an_approvers_pin_may_come_from_a_file_too(read: Read, tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("654321\n", encoding="ascii")
    assert read().read_approver_pin() is None
    assert read(approver_pin_file=str(tmp_path / "pin")).read_approver_pin() == "654321"
    assert read(approver_pin="1234").read_approver_pin() == "1234"


@pytest.mark.parametrize("which", ["pin_file", "approver_pin_file"])
def test_a_pin_file_that_cannot_be_read_is_named(read: Read, tmp_path: Path, which: str) -> None:
    chosen = read(**{which: str(tmp_path / "missing")})
    with pytest.raises(NotReady) as refused:
        _ = (chosen.read_pin(), chosen.read_approver_pin())
    assert f"COUNTER_{which.upper()}" in refused.value.hint


def test_a_pin_file_without_end_is_not_read_to_it(read: Read) -> None:
    assert len(read(pin_file="/dev/zero").read_pin() or "") <= 4096


needs_modes = pytest.mark.skipif(os.name != "posix", reason="no file modes there")


@needs_modes
@pytest.mark.parametrize(("mode", "exposed"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
@pytest.mark.parametrize("which", ["pin_file", "approver_pin_file"])
def test_a_pin_file_that_others_read_is_worth_a_warning(
    read: Read, tmp_path: Path, which: str, mode: int, exposed: bool
) -> None:
    file = tmp_path / "pin"
    file.write_text("123456", encoding="ascii")
    file.chmod(mode)
    assert read(**{which: str(file)}).exposed_files() == ([file] if exposed else [])


@needs_modes
@pytest.mark.parametrize(
    ("line", "exposed"),
    [
        ('pin = "123456"', True),
        ('approver_pin = "123456"', True),
        ('gateway_server_key = "SB-Mid-server-x"', True),
        ('database_url = "postgresql://counter:hunter2@db.example/railway"', True),
        ('owner_database_url = "postgresql:///railway?user=x&password=hunter2"', True),
        ('database_url = "postgresql://counter@db.example/railway"', False),
        ('station = "YK"', False),
    ],
)
def test_settings_with_a_secret_that_others_read_are_too(read: Read, tmp_path: Path, line: str, exposed: bool) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f"{line}\n", encoding="utf-8")
    file.chmod(0o644)
    assert read().exposed_files() == ([file] if exposed else [])
    file.chmod(0o600)
    assert read().exposed_files() == []


@pytest.mark.parametrize("name", ["staff", "pin", "station", "printer", "database_url", "approver"])
def test_a_value_without_end_is_refused(read: Read, name: str) -> None:
    assert refusal(read, **{name: "x" * 100_000}).reason == "setting_invalid"
