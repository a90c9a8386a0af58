"""The boundary to the driver: which addresses lead nowhere, and which error of ours each of its errors becomes."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy.engine import make_url

from core import office as offices
from core.database import translate
from core.errors import (
    CounterError,
    DatabaseBusy,
    DatabaseUnreachable,
    IntegrityFailure,
    NotPermitted,
    NotReady,
    UsageError,
)
from core.office import Office

if TYPE_CHECKING:
    from tests.conftest import TestDatabase


# Addresses


def test_nobody_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        closed = door.getsockname()[1]
    for url in (f"postgresql://counter@127.0.0.1:{closed}/x", f"postgresql://counter@/x?host={tmp_path}"):
        with pytest.raises(DatabaseUnreachable):
            offices.connect(url)


@pytest.mark.parametrize("url", ["", "counter", "mysql://x@y/z", "sqlite:///x", "postgresql://x@y:port/z", "://"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(UsageError):
        offices.connect(url)


@pytest.mark.parametrize("part", ["username", "database"])
def test_a_login_the_server_does_not_know(database: TestDatabase, part: str) -> None:
    target = make_url(database.counter_url).set(**{part: "nobody_knows_this"})
    with pytest.raises(DatabaseUnreachable) as caught:
        offices.connect(target.render_as_string(hide_password=False))
    assert "login" in caught.value.message


# Words


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELECT 1 FROM nothing", NotReady),
        ("SELECT nothing FROM bookings", NotReady),
        ("DELETE FROM bookings", NotPermitted),
        ("SELECT 1 / 0", IntegrityFailure),
        ("SELECT 99999999999::int", UsageError),
        ("syntax error", IntegrityFailure),
        ("DO $$ BEGIN RAISE unique_violation; END $$", IntegrityFailure),
        ("DO $$ BEGIN RAISE disk_full; END $$", DatabaseBusy),
        ("DO $$ BEGIN RAISE lock_not_available; END $$", DatabaseBusy),
    ],
)
def test_every_error_of_the_driver_is_one_of_ours(office: Office, statement: str, error: type[CounterError]) -> None:
    with pytest.raises(error) as caught:
        office.database.transaction(lambda tx: tx.raw(statement).all())
    assert caught.value.message.endswith(".")
    assert caught.value.hint
    office.database.ask("SELECT 1")


def test_an_error_without_anything_is_translated() -> None:
    assert isinstance(translate(psycopg.OperationalError()), DatabaseUnreachable)
    assert isinstance(translate(psycopg.Error()), IntegrityFailure)
