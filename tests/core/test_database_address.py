"""Database addresses: which are refused before anything is tried, and what connections are told."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from core import database_address
from core.database import Database
from core.errors import UsageError
from core.ops import migrate

WATCHED = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class _Told(Exception):
    """Instead of connecting."""


def told(engine: Engine) -> dict[str, Any]:
    """What the driver is told when this engine connects."""
    parameters: dict[str, Any] = {}

    @event.listens_for(engine, "do_connect")
    def look(_dialect: object, _record: object, _arguments: object, given: dict[str, Any]) -> None:
        parameters.update(given)
        raise _Told

    with pytest.raises(_Told):
        engine.raw_connection()
    return parameters


def watch_of(engine: Engine) -> dict[str, Any]:
    return {name: value for name, value in told(engine).items() if name in WATCHED}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://counter@db.example/railway",
        "postgresql://counter@[::1]:5432/railway",
        "postgresql://counter@/railway?host=one.example&host=two.example",
        "postgresql://counter@/railway?hostaddr=192.0.2.1",
    ],
)
def test_a_connection_over_a_network_is_watched(url: str) -> None:
    assert watch_of(Database(url).engine) == WATCHED
    assert watch_of(migrate.owner_engine(url)) == WATCHED


def test_a_silent_peer_is_noticed_within_a_quarter_of_a_minute() -> None:
    address = database_address.read("postgresql://counter@db.example/railway")
    given = database_address.connect_arguments(address)
    assert given["keepalives_idle"] + given["keepalives_interval"] * given["keepalives_count"] <= 15
    assert given["tcp_user_timeout"] <= 15_000


@pytest.mark.parametrize("host", ["/run/postgresql", "%2Frun%2Fpostgresql", "@abstract"])
def test_a_socket_of_this_machine_is_not(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert watch_of(Database(f"postgresql://counter@/railway?host={host}").engine) == {}
    monkeypatch.setenv("PGHOST", "db.example")  # what is named in the address wins
    assert watch_of(Database(f"postgresql://counter@/railway?host={host}").engine) == {}


def test_where_no_host_is_named_the_environment_decides_as_libpq_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    assert watch_of(Database("postgresql://counter@/railway").engine) == {}
    monkeypatch.setenv("PGHOST", "db.example")
    assert watch_of(Database("postgresql://counter@/railway").engine) == WATCHED


def test_what_the_address_itself_says_wins() -> None:
    own = {"keepalives_idle": "60", "tcp_user_timeout": "0", "connect_timeout": "30", "application_name": "loket"}
    query = "&".join(f"{name}={value}" for name, value in own.items())
    given = told(Database(f"postgresql://counter@db.example/railway?{query}").engine)
    assert {name: given[name] for name in own} == own
    assert given["keepalives_interval"] == 2


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "mysql://counter@db.example/railway",
        "postgresql://\udcff",
        "postgresql://counter@db.example:abc/railway",
        "postgresql://counter@db.example:99999/railway",
        "postgresql://counter@db.example:0/railway",
        "postgresql://counter@db.example:-1/railway",
        "postgresql://counter@/railway?host=one:1&host=two:99999",
        "postgresql://counter@[::1/railway",
        "postgresql://counter@db..example/railway",
        "postgresql://counter@" + "x" * 300 + "/railway",
        "postgresql://counter@db.example/rail%00way",
        "postgresql://counter@db.example/railway?nonsense=1",
        "postgresql://counter@db.example/railway?connect_timeout=soon",
    ],
    ids=lambda url: url[:60],
)
def test_what_is_no_address_is_wrong_usage(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        Database(url)
    assert refused.value.reason == "database_address"


@pytest.mark.parametrize("value", ["sslmode=bogus", "keepalives_idle=soon", "target_session_attrs=nothing"])
def test_parameters_without_a_usable_value_are_wrong_usage_too(value: str) -> None:
    database = Database(f"postgresql://counter@127.0.0.1:1/railway?{value}")
    with pytest.raises(UsageError) as refused:
        database.ask("SELECT 1")
    assert refused.value.reason == "database_address"


@given(
    text=st.text(st.characters(exclude_characters="\0")),
    before=st.sampled_from(["", "postgresql://", "postgresql://counter@db.example:5432/railway?"]),
)
def test_no_address_is_a_crash(text: str, before: str) -> None:
    with suppress(UsageError):
        database_address.connect_arguments(database_address.read(before + text))


def test_a_refused_address_is_not_repeated() -> None:
    with pytest.raises(UsageError) as refused:
        Database("postgresql://counter:hunter2@db.example:99999/railway")
    assert refused.value.__cause__ is None
    assert "hunter2" not in str(refused.value.as_json())
