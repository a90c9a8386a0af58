"""The benchmark: it measures what it says, its floor does the whole of the work, and it leaves nothing behind."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from core import checkin, sale, search, shifts
from core.checkin import Gate, Outcome
from core.database import Actor, Transaction
from core.errors import DatabaseUnreachable, IntegrityFailure, NotReady, Unreachable, UsageError
from core.keys import KeyRing
from core.models import Base
from core.office import Office
from core.ops import bench, integrity
from core.ops.bench import demand, ground, rush, stock
from core.ops.bench.crew import Crew, Desk, Slice, Tally
from core.ops.bench.demand import Departure, Wanted
from core.ops.bench.floor import Till
from core.ops.bench.ground import Addresses
from core.ops.bench.tasks import FLOOR, PRODUCT, CheckInTask, Refusal, SaleTask, SearchTask, sell

if TYPE_CHECKING:
    from tests.conftest import TestDatabase

#: table → rows inserted, changed, deleted
Changes = dict[str, tuple[int, int, int]]


@pytest.fixture
def desk(office: Office, clerk: Actor, database: TestDatabase) -> Iterator[Desk]:
    """A clerk with the library and a hand-written till, in the same database."""
    role = office.database.role
    shift = shifts.open_for_scripts(office, clerk)
    till = Till(
        database.counter_url, operator_id=office.operator.id, actor=clerk, shift_id=shift.id, role=role, pooled=False
    )
    with closing(till):
        yield Desk(office, clerk, till)


@pytest.fixture
def on_sale(office: Office, travel_day: date) -> list[Departure]:
    """Every class of every departure of a day."""
    return demand.sellable(office, travel_day, travel_day)


def a_party(office: Office, among: list[Departure], *, of: int, exclusive: bool = False, seed: int = 1) -> Wanted:
    chosen = [one for one in among if one.exclusive is exclusive]
    return next(one for one in demand.parties(office.network(), chosen, seed) if one.party == of)


# What the floor does


@pytest.fixture
def changes(desk: Desk, owner_connection: Connection) -> Callable[[Callable[[], object]], Changes]:
    """Counts what some work on either connection does to each table, by the server's own statistics."""

    def read() -> Changes:
        flush = "SELECT pg_stat_force_next_flush()"
        desk.office.database.transaction(lambda tx: tx.raw(flush).all())
        desk.till._connection.execute(flush)
        rows = owner_connection.execute(
            text("SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables")
        ).all()
        return {row[0]: (row[1], row[2], row[3]) for row in rows}

    def count(work: Callable[[], object]) -> Changes:
        before = read()
        work()
        after = read()
        found = {name: tuple(now - then for now, then in zip(after[name], before[name], strict=True)) for name in after}
        return {name: change for name, change in found.items() if any(change)}

    return count


def rows_of(connection: Connection) -> Counter[tuple[str, frozenset[str]]]:
    """Every table's rows by which of their columns, and of their documents' keys, are filled in."""
    found: Counter[tuple[str, frozenset[str]]] = Counter()
    for table in Base.metadata.sorted_tables:
        if table.name == "seat_inventory":
            continue
        for (row,) in connection.execute(text(f"SELECT jsonb_strip_nulls(to_jsonb(t)) FROM {table.name} t")):
            documents = {f"{name}.{key}" for name, value in row.items() if isinstance(value, dict) for key in value}
            found[table.name, frozenset(row.keys() | documents)] += 1
    return found


@pytest.mark.parametrize("exclusive", [False, True], ids=["ordinary", "subsidised"])
@pytest.mark.parametrize("party", [1, 4])
def test_the_floor_writes_the_rows_of_a_sale(
    party: int,
    exclusive: bool,
    desk: Desk,
    on_sale: list[Departure],
    changes: Callable[[Callable[[], object]], Changes],
    owner_connection: Connection,
) -> None:
    wanted = a_party(desk.office, on_sale, of=party, exclusive=exclusive)
    desk.office.database.transaction(lambda tx: desk.office.network().seats(tx, wanted.class_id))
    empty = rows_of(owner_connection)
    by_library = changes(lambda: sell(desk, wanted))
    library_rows = rows_of(owner_connection)
    by_floor = changes(lambda: desk.till.sell(wanted))
    floor_rows = rows_of(owner_connection)
    assert by_floor == by_library
    assert by_library["tickets"] == (party, 0, 0)
    assert by_library["seat_holds"] == (1, 0, 1)
    assert by_library["print_jobs"] == (party, 0, 0)
    assert floor_rows - library_rows == library_rows - empty
    assert stock.sign_what_the_floor_sold(desk.office) == party
    assert all(check.ok for check in integrity.verify(desk.office))


def test_the_floor_writes_the_rows_of_a_check_in(
    desk: Desk,
    on_sale: list[Departure],
    changes: Callable[[Callable[[], object]], Changes],
    owner_connection: Connection,
) -> None:
    first, second = stock.fill_gates(desk.office, desk.clerk, on_sale, 2)
    before = rows_of(owner_connection)

    def by_library() -> None:
        gate = Gate(first.station)
        assert checkin.check_in(desk.office, desk.clerk, first.code, gate, at=first.boards_at).outcome is Outcome.OK

    library = changes(by_library)
    library_rows = rows_of(owner_connection)
    floor = changes(lambda: desk.till.check_in(second.serial, second.station_id, second.boards_at))
    floor_rows = rows_of(owner_connection)
    assert floor == library
    assert library["tickets"] == (0, 1, 0)
    assert library["checkins"] == (1, 0, 0)
    assert floor_rows - library_rows == library_rows - before
    assert all(check.ok for check in integrity.verify(desk.office))


def test_the_floor_admits_nobody_twice(desk: Desk, on_sale: list[Departure]) -> None:
    (ticket,) = stock.fill_gates(desk.office, desk.clerk, on_sale, 1)
    assert desk.till.check_in(ticket.serial, ticket.station_id, ticket.boards_at)
    assert not desk.till.check_in(ticket.serial, ticket.station_id, ticket.boards_at)


def test_the_floor_sells_no_seat_twice(desk: Desk, on_sale: list[Departure]) -> None:
    train = max(on_sale, key=lambda one: one.class_id)
    seats = desk.office.network().classes[train.class_id].capacity
    assert len(stock.sell_ahead(desk.office, desk.clerk, train, seats - 1)) == seats - 1
    assert not desk.till.sell(a_party(desk.office, [train], of=2, exclusive=train.exclusive))
    assert desk.till.sell(a_party(desk.office, [train], of=1, exclusive=train.exclusive))
    assert not desk.till.sell(a_party(desk.office, [train], of=1, exclusive=train.exclusive))
    stock.sign_what_the_floor_sold(desk.office)
    assert all(check.ok for check in integrity.verify(desk.office))


def test_the_floor_answers_a_search_as_the_library_does(desk: Desk, on_sale: list[Departure]) -> None:
    sold = demand.parties(desk.office.network(), on_sale, 5)
    for _ in range(5):
        sell(desk, next(sold))
    asked = demand.questions(desk.office.network(), on_sale[0].service_date, 1, 3)
    compared = 0
    for _ in range(10):
        question = next(asked)
        found = search.offers(desk.office, question.origin, question.destination, question.day, party=question.party)
        free = {(one.journey.schedule_id, one.travel_class.id): one.available for one in found}
        assert desk.till.search(question.origin, question.destination, question.day) == free
        compared += len(free)
    assert compared > 0


# The crew


@pytest.fixture
def crew(database: TestDatabase) -> Iterator[Crew]:
    """Two clients with clerks of their own in this test's database."""
    ground.add_clerks(database.owner_url, 2)
    with Crew(2, database.keys_folder, pooled=False) as made:
        yield made


def test_clients_work_at_the_same_time_until_there_is_no_more(
    crew: Crew, desk: Desk, database: TestDatabase, on_sale: list[Departure], owner_connection: Connection
) -> None:
    sold = stock.fill_gates(desk.office, desk.clerk, on_sale, 112)
    shares = (sold[:27], sold[27:54], sold[54:83], sold[83:112])
    tasks = [CheckInTask(database.counter_url, tuple(shares[at]), tuple(shares[at + 2])) for at in range(2)]
    crew.open(tasks)
    assert [len(one.latencies) for one in crew.slice(PRODUCT, 600.0, 2)] == [3, 3]  # the others were the warm-up's
    assert [len(one.latencies) for one in crew.slice(FLOOR, 600.0, 2)] == [5, 5]
    admitted = owner_connection.execute(text("SELECT terminal_id, user_id, count(*) FROM checkins GROUP BY 1, 2")).all()
    assert sorted(row[2] for row in admitted) == [56, 56]
    assert len({row[0] for row in admitted}) == len({row[1] for row in admitted}) == 2


def test_every_side_gets_its_turns(crew: Crew, database: TestDatabase, travel_day: date) -> None:
    crew.open([SearchTask(travel_day, {"": (database.counter_url, 1)})])
    tallies = crew.alternate((PRODUCT, FLOOR), 0.02, 1)
    assert set(tallies) == {PRODUCT, FLOOR}
    assert all(tally.operations == len(tally.latencies) >= 2 for tally in tallies.values())


def test_a_clients_error_is_the_main_process_error(crew: Crew, database: TestDatabase, travel_day: date) -> None:
    nowhere = make_url(database.counter_url).set(database="nowhere").render_as_string(hide_password=False)
    with pytest.raises(DatabaseUnreachable):
        crew.open([SaleTask(nowhere, travel_day, travel_day, 0)])
    with pytest.raises(RuntimeError, match="Traceback"):
        crew.open([SearchTask(travel_day, "none")])  # type: ignore[arg-type]
    crew.open([SearchTask(travel_day, {"": (database.counter_url, 1)})])  # and the client goes on


def test_a_client_that_is_killed_is_noticed(crew: Crew, database: TestDatabase, travel_day: date) -> None:
    process, _ = crew._clients[1]
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(Unreachable):
        crew.open([SearchTask(travel_day, {"": (database.counter_url, 1)})] * 2)


def test_a_tally_adds_clients_and_takes_the_longest() -> None:
    tally = Tally()
    tally.add(
        [Slice(bench.crew.array("d", [0.001] * 98), 1.0), Slice(bench.crew.array("d", [0.002, 0.010]), 2.0, "why")]
    )
    assert tally.per_second == 50
    assert (tally.quantile_ms(0.5), tally.quantile_ms(0.99), tally.quantile_ms(1.0)) == (1.0, 2.0, 10.0)
    assert tally.reasons == ["why"]


# The rush


def test_a_wrong_refusal_is_found(desk: Desk, on_sale: list[Departure]) -> None:
    wanted = a_party(desk.office, on_sale, of=2)

    def now(tx: Transaction) -> Any:
        return tx.now

    refusal = Refusal(wanted, desk.office.database.transaction(now))
    with pytest.raises(IntegrityFailure, match="were free"):
        rush._check(desk.office, [refusal])


def test_a_right_refusal_is_none(desk: Desk, on_sale: list[Departure]) -> None:
    wanted = a_party(desk.office, on_sale, of=2)
    train = next(one for one in on_sale if (one.schedule_id, one.class_id) == (wanted.schedule_id, wanted.class_id))
    stock.sell_ahead(desk.office, desk.clerk, train, 10_000)
    with pytest.raises(sale.Refused):
        sell(desk, wanted)
    refusal = Refusal(wanted, desk.office.database.transaction(lambda tx: tx.now))
    rush._check(desk.office, [refusal])


def test_what_a_rush_leaves_wrong_is_found(desk: Desk, on_sale: list[Departure], owner_connection: Connection) -> None:
    sell(desk, a_party(desk.office, on_sale, of=2))
    owner_connection.execute(text("UPDATE seat_inventory SET occupied = 0"))
    with pytest.raises(IntegrityFailure, match="seats_match"):
        rush._check(desk.office, [])


# The whole of it


def addresses(database: TestDatabase) -> Addresses:
    return Addresses(database.owner_url, database.counter_url)


def exists(database: TestDatabase, url: str) -> bool:
    with psycopg.connect(database.administrator_url) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", (make_url(url).database,)).fetchone()
    return found is not None


def test_a_short_run_measures_everything(database: TestDatabase, office: Office, key_ring: KeyRing) -> None:
    steps = []
    results = bench.run(
        database.owner_url,
        database.counter_url,
        database.keys_folder,
        administrator_url=database.administrator_url,
        seconds=0.2,
        clients=(2,),
        days=4,
        report=lambda step, done, total: steps.append((step, done, total)),
    )
    assert [one.name for one in results] == ["sale", "checkin", "search", "search", "rush"]
    for one in results:
        printed = one.as_json()
        keys = {"name", "clients", "per_second", "p50_ms", "p99_ms", "floor_per_second", "ratio"}
        assert keys <= printed.keys()
        assert one.clients == 2
        assert one.per_second > 0
        assert one.floor_per_second > 0
        assert 0 < one.p50_ms <= one.p99_ms
        assert one.ratio == pytest.approx(one.per_second / one.floor_per_second)
    one_day, whole, rushed = results[2:]
    assert (one_day.details["days"], whole.details["days"]) == (1, 4)
    assert whole.details["p99_ratio"] == pytest.approx(whole.p99_ms / one_day.p99_ms, abs=0.001)
    assert rushed.details["refused"] == 2  # each client stops at its first refusal
    assert rushed.details["tickets"] > 200
    assert {step for step, _, _ in steps} >= {"railway", "schedules", "sale, 2 clients", "rush, 2 clients"}

    def soiled(tx: Transaction) -> int:
        return int(tx.raw("SELECT (SELECT count(*) FROM bookings) + (SELECT count(*) FROM terminals)").scalar() or 0)

    assert office.database.transaction(soiled) == 0


def test_its_databases_are_gone_afterwards(database: TestDatabase) -> None:
    left_by_a_killed_one = "postgresql:///counter_bench_1600000000_test_day"
    with psycopg.connect(database.administrator_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {make_url(left_by_a_killed_one).database}")
    made: list[str] = []
    with (  # noqa: PT012 - what is under test is how the block ends
        pytest.raises(KeyboardInterrupt),
        ground.temporary(
            addresses(database), database.administrator_url, database.keys_folder, days=2, clients=1, report=print
        ) as here,
    ):
        made += [here.one_day.counter, here.whole.counter]
        assert all(exists(database, url) for url in made)
        assert not exists(database, left_by_a_killed_one)
        raise KeyboardInterrupt
    assert len(made) == 2
    assert not any(exists(database, url) for url in made)


def test_nobody_may_make_a_database(database: TestDatabase) -> None:
    with pytest.raises(NotReady) as raised:
        bench.run(database.counter_url, database.counter_url, database.keys_folder, seconds=1)
    assert raised.value.reason == "no_database_for_benchmark"


def test_no_key_ring_is_made(database: TestDatabase, tmp_path: Any) -> None:
    with pytest.raises(NotReady):
        bench.run(database.owner_url, database.counter_url, tmp_path / "none", seconds=1)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "numbers", [{"seconds": 0.0}, {"seconds": 1.0, "clients": ()}, {"seconds": 1.0, "clients": (0,)}]
)
def test_numbers_that_are_none(numbers: dict[str, Any], database: TestDatabase) -> None:
    with pytest.raises(UsageError):
        bench.run(database.owner_url, database.counter_url, database.keys_folder, **numbers)


def test_every_measurement_fits_its_days() -> None:
    """The rush needs more days than a short window has; it opens them itself."""
    assert rush.days_needed(0.2) == 3
    assert rush.days_needed(60) == 7
    assert timedelta(days=rush.days_needed(60) * 2) < timedelta(days=45)
