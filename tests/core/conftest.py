"""What the tests of the library share: a desk that sells, and the owner's hand in the same database."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Connection, Row, text
from uuid_utils.compat import uuid7

from core import booking, sale
from core import office as offices
from core.booking import Hold, HoldRequest
from core.database import Actor
from core.identity import PassengerType
from core.keys import KeyRing
from core.office import Office
from core.ops import integrity, migrate
from core.passengers import PassengerInput
from core.payments import Tender
from core.policy import Policy
from core.sale import Sale
from core.search import departure

if TYPE_CHECKING:
    from tests.conftest import TestDatabase


class Desk:
    """A clerk at work on the demonstration railway, with an owner at hand who can change what a clerk cannot."""

    def __init__(self, office: Office, clerk: Actor, day: date, connection: Connection) -> None:
        self.office, self.clerk, self.day = office, clerk, day
        self._connection = connection

    def owner(self, statement: str, **parameters: Any) -> list[Row[Any]]:
        """Run a statement as the database's owner, at once; its rows, if it has any."""
        result = self._connection.execute(text(statement), parameters)
        return list(result.all()) if result.returns_rows else []

    def value(self, statement: str, **parameters: Any) -> Any:
        """The first value of the first row."""
        return self.owner(statement, **parameters)[0][0]

    def decide(self, policy: Policy[Any], value: object, *, station: str | None = None, train: str | None = None) -> None:
        """Enter a policy, for the operator or nearer."""
        self.owner(
            "INSERT INTO policy_configurations (operator_id, policy_type, config, station_id, train_id, is_override)"
            " VALUES (1, :policy, CAST(:config AS jsonb),"
            " (SELECT id FROM stations WHERE station_code = :station),"
            " (SELECT id FROM trains WHERE train_number = :train), :override)",
            policy=policy.name,
            config=json.dumps({"value": value}),
            station=station,
            train=train,
            override=station is not None or train is not None,
        )

    def request(
        self,
        seats: int = 1,
        *,
        train: str = "43",
        class_code: str = "EKS",
        origin: str = "YK",
        destination: str = "GMR",
        infants: int = 0,
        labels: tuple[str, ...] = (),
    ) -> HoldRequest:
        """What to hold on a train of the travel day."""
        trip = departure(self.office, origin, destination, self.day, train)
        return HoldRequest(trip.schedule_id, class_code, origin, destination, seats, infants, labels)

    def hold(self, seats: int = 1, *, key: UUID | None = None, **wanted: Any) -> Hold:
        return booking.hold(self.office, self.clerk, self.request(seats, **wanted), key=key)

    def confirm(self, held: Hold, *, first: int = 1, key: UUID | None = None, printer: str = "none") -> Sale:
        """Pay a hold with exact cash."""
        people = self.people(len(held.seats), infants=held.infants, first=first)
        return sale.confirm(
            self.office, self.clerk, held.booking_id, people, Tender("cash"), key=key or uuid7(), printer=printer
        )

    def sell(self, seats: int = 1, *, first: int = 1, printer: str = "none", **wanted: Any) -> Sale:
        """Hold and pay, passengers numbered from ``first``."""
        return self.confirm(self.hold(seats, **wanted), first=first, printer=printer)

    def people(self, count: int = 1, *, infants: int = 0, first: int = 1) -> list[PassengerInput]:
        """So many adults with different, faultless NIKs, and infants of half a year without any."""
        adults = [
            PassengerInput(f"Penumpang {n}", f"317101010190{n:04}") for n in range(first, first + count)
        ]
        born = self.day - timedelta(days=180)
        return adults + [
            PassengerInput(f"Bayi {n}", "", PassengerType.INFANT, born) for n in range(first, first + infants)
        ]

    def expire(self, *held: Hold) -> None:
        """Let these holds (or every one) run out of time a minute ago."""
        ids = [one.booking_id for one in held] or [row.booking_id for row in self.owner("SELECT * FROM seat_holds")]
        past = "now() - interval '1 minute'"
        self.owner(f"UPDATE bookings SET expires_at = {past} WHERE id = ANY(:ids)", ids=ids)
        self.owner(f"UPDATE seat_holds SET expires_at = {past} WHERE booking_id = ANY(:ids)", ids=ids)

    def status(self, booking_id: UUID) -> str:
        return str(self.value("SELECT status FROM bookings WHERE id = :id", id=booking_id))

    def count(self, table: str) -> int:
        return int(self.value(f"SELECT count(*) FROM {table}"))

    def taken(self) -> int:
        """Seats with any leg taken, on any train."""
        return int(self.value("SELECT count(*) FROM seat_inventory WHERE occupied <> 0"))

    def require_sound(self) -> None:
        """What is stored agrees with itself."""
        assert [problem for check in integrity.verify(self.office) for problem in check.problems] == []


@pytest.fixture
def desk(office: Office, clerk: Actor, travel_day: date, owner_connection: Connection) -> Desk:
    return Desk(office, clerk, travel_day, owner_connection)


@pytest.fixture
def administrator(database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    """The administrator's connection to this test's database, autocommitting."""
    with psycopg.connect(database.administrator_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def until_blocked(administrator: psycopg.Connection[Any]) -> Callable[[Thread], None]:
    """Waits until some session of this test's database waits for a lock, or the thread that should has ended."""

    def wait(thread: Thread) -> None:
        question = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        while thread.is_alive() and not administrator.execute(question).fetchone():
            pass

    return wait


@pytest.fixture
def owner_session(database: TestDatabase) -> Iterator[Connection]:
    """A further connection of the owner's, in a transaction of its own."""
    engine = migrate.owner_engine(database.owner_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def open_office(database: TestDatabase, key_ring: KeyRing) -> Iterator[Callable[[], Office]]:
    """Opens further offices on this test's database, as other processes would."""
    opened: list[Office] = []

    def another(**options: Any) -> Office:
        opened.append(offices.open_office(offices.connect(database.counter_url, **options), key_ring))
        return opened[-1]

    yield another
    for one in opened:
        one.close()


class Seller:
    """A counter in a process of its own (``seller.py``)."""

    def __init__(self, database: TestDatabase, terminal: str) -> None:
        program = Path(__file__).with_name("seller.py")
        self.process = subprocess.Popen(
            [sys.executable, str(program), database.counter_url, str(database.keys_folder), terminal],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, task: dict[str, Any]) -> None:
        """Ask for a sale; the process works through its orders one after the other."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any] | None:
        """The answer to the next order; None if the process has died."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def finish(self) -> list[dict[str, Any]]:
        """No more orders; all answers that are left."""
        output, _ = self.process.communicate()
        return [json.loads(line) for line in output.splitlines()]

    def ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        """As ``kill -9`` does."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def sellers(database: TestDatabase) -> Iterator[Callable[[int], list[Seller]]]:
    """Starts so many counters at once; whatever is left of them at the end is killed."""
    started: list[Seller] = []

    def start(number: int) -> list[Seller]:
        new = [Seller(database, f"PROCESS-{len(started) + index}") for index in range(number)]
        started.extend(new)
        for seller in new:
            seller.ready()
        return new

    yield start
    for seller in started:
        seller.kill()
        for stream in (seller.process.stdin, seller.process.stdout):
            with suppress(OSError):
                stream.close()
