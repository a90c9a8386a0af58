"""What the tests of the library share: a desk that sells, the owner's hand, other processes, another operator."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection, Row, text
from sqlalchemy.engine import make_url
from uuid_utils.compat import uuid7

from core import booking, sale, terminals
from core import office as offices
from core.audit import checkpoint, checkpoints, proof
from core.booking import HoldRequest
from core.database import Actor, Transaction
from core.identity import PassengerType
from core.keys import KeyRing
from core.models import Base
from core.office import Office
from core.ops import integrity, migrate, prepare
from core.passengers import PassengerInput
from core.payments import Tender
from core.pending import Hold
from core.policy import Policy
from core.sale import Sale
from core.search import departure

if TYPE_CHECKING:
    from tests.conftest import TestDatabase


#: The tables of operators' own rows.
OWNED = tuple(
    table.name for table in Base.metadata.sorted_tables if "operator_id" in table.c and table.name != "database_logins"
)


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

    def decide(
        self, policy: Policy[Any], value: object, *, station: str | None = None, train: str | None = None
    ) -> None:
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
        adults = [PassengerInput(f"Penumpang {n}", f"317101010190{n:04}") for n in range(first, first + count)]
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

    def open_modifications(self) -> None:
        """Let every booking be changed, as an approved cancellation would."""
        self.owner(
            "INSERT INTO booking_modifications (operator_id, id, booking_id, modification_type, reason)"
            " SELECT operator_id, gen_random_uuid(), id, 'cancel', 'asked for' FROM bookings"
        )

    def status(self, booking_id: UUID) -> str:
        return str(self.value("SELECT status FROM bookings WHERE id = :id", id=booking_id))

    def count(self, table: str) -> int:
        return int(self.value(f"SELECT count(*) FROM {table}"))

    def taken(self) -> int:
        """Seats with any leg taken, on any train."""
        return int(self.value("SELECT count(*) FROM seat_inventory WHERE occupied <> 0"))

    def fingerprint(self) -> dict[str, str]:
        """A digest of every row of the first operator, by table."""
        rows = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t WHERE operator_id = 1"
        return {table: self.value(rows.format(table)) for table in OWNED}

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
        question = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
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


class Trail:
    """The chain of one terminal with some rows on it, and the hands of somebody with every right on the database."""

    rows = 7
    tables = ("audit_logs", "audit_heads", "audit_checkpoints")

    def __init__(self, desk: Desk, actor: Actor, heads_file: Path) -> None:
        self.desk, self.office, self.actor, self.heads_file = desk, desk.office, actor, heads_file
        self.chain = actor.terminal_id
        self.write(self.rows)

    def write(self, rows: int = 1) -> None:
        """So many rows, a transaction each."""
        for number in range(rows):
            new = {"number": number, "name": "Ünïcode “quoted” \\ \x1f 中"}
            self.office.database.transaction(
                lambda tx, new=new: tx.audit("create", "things", "x", old={"a": None}, new=new), actor=self.actor
            )

    def checkpoint(self) -> list[checkpoints.Checkpoint]:
        return checkpoint(self.office, self.actor, self.heads_file)

    def tamper(self, *statements: str, **parameters: Any) -> None:
        """Change the tables as their owner, with every trigger out of the way."""
        for table in self.tables:
            self.desk.owner(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            self.desk.owner(statement, chain=self.chain, **parameters)
        for table in self.tables:
            self.desk.owner(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Afterwards everything is as it was before."""
        for table in self.tables:
            self.desk.owner(f"CREATE TABLE kept_{table} AS TABLE {table}")
        yield
        for table in self.tables:
            self.tamper(f"DELETE FROM {table}", f"INSERT INTO {table} TABLE kept_{table}")
            self.desk.owner(f"DROP TABLE kept_{table}")

    def problems(self, *, outside: bool = False) -> list[str]:
        """What the proof finds, with the file outside the database or without it."""
        lines = checkpoints.read_file(self.heads_file) if outside else []

        def look(tx: Transaction) -> tuple[str, ...]:
            return proof.prove(tx, self.office, lines).problems

        return list(self.office.database.transaction(look, snapshot=True))

    def id(self, number: int) -> str:
        where = "terminal_id = :chain AND chain_no = :number"
        return str(self.desk.value(f"SELECT id FROM audit_logs WHERE {where}", chain=self.chain, number=number))

    def named(self, number: int, key: str | None = None) -> str:
        """How a row is named."""
        return f"row {number} (create of things x, id {key or self.id(number)})"


@pytest.fixture
def trail(desk: Desk, tmp_path: Path) -> Trail:
    terminal = terminals.register(desk.office, "AUDIT", station="YK")
    made = Trail(desk, Actor(terminal_id=terminal.id), tmp_path / "audit" / "heads.jsonl")
    assert made.problems() == []
    return made


#: Reference data of a second operator, and one booking of its own.
SECOND = (
    "INSERT INTO operators (id, operator_code, operator_name, issuer_code) VALUES (2, 'TWO', 'Second', 'TWO')",
    "INSERT INTO stations (operator_id, id, station_code, station_name, city, province, time_zone)"
    " OVERRIDING SYSTEM VALUE VALUES (2, 9001, 'AAA', 'A', '', '', 'Asia/Jakarta'),"
    " (2, 9002, 'BBB', 'B', '', '', 'Asia/Jakarta')",
    "INSERT INTO routes (operator_id, id, route_name, origin_station_id, destination_station_id, distance,"
    " estimated_duration) OVERRIDING SYSTEM VALUE VALUES (2, 9001, 'R', 9001, 9002, 50, 60)",
    "INSERT INTO trains (operator_id, id, train_number, train_name, train_type, total_capacity) OVERRIDING SYSTEM VALUE"
    " VALUES (2, 9001, '43', 'Other', 'local', 0)",
    "INSERT INTO schedules (operator_id, id, train_id, route_id, departure_date, departure_time, arrival_time,"
    " departs_at) OVERRIDING SYSTEM VALUE"
    " VALUES (2, 9001, 9001, 9001, '2026-01-01', '06:00', '07:00', '2026-01-01 06:00+07')",
    "INSERT INTO train_classes (operator_id, id, train_id, class_type, class_code, class_name, capacity, base_price)"
    " OVERRIDING SYSTEM VALUE VALUES (2, 9001, 9001, 'economy', 'EKO', 'E', 0, 0)",
    "INSERT INTO terminals (operator_id, id, terminal_code) OVERRIDING SYSTEM VALUE VALUES (2, 9001, 'T')",
    "INSERT INTO users (operator_id, id, staff_number, role, full_name)"
    " VALUES (2, gen_random_uuid(), '1001', 'clerk', 'Other')",
    "INSERT INTO bookings (operator_id, id, booking_number, schedule_id, total_amount, final_amount, passenger_count,"
    " sold_by, terminal_id, expires_at) SELECT 2, gen_random_uuid(), 'OTHER22', 9001, 0, 0, 1, id, 9001, now()"
    " FROM users WHERE operator_id = 2",
)


@pytest.fixture
def login(desk: Desk, database: TestDatabase, administrator: psycopg.Connection[Any]) -> Iterator[str]:
    """The address of a second operator's login; the first operator has sold something."""
    desk.sell(2, infants=1, printer="file")
    desk.hold(1)
    for statement in SECOND:
        desk.owner(statement)
    name, password = f"counter_two_{secrets.token_hex(4)}", secrets.token_hex(8)
    role = sql.Identifier(name)
    administrator.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
    prepare.add_login(database.owner_url, name, "TWO")
    target = make_url(database.counter_url).set(username=name, password=password)
    yield target.render_as_string(hide_password=False)
    administrator.execute(sql.SQL("DROP OWNED BY {}").format(role))
    administrator.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.fixture
def two(login: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody of the second operator with nothing but psycopg."""
    with psycopg.connect(login, autocommit=True) as session:
        yield session
