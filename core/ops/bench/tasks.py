"""What is measured: sales, check-ins, searches and the rush, each by the library and by the floor.

A task is opened in a client's process; it makes one operation for each side and warms both up, so that statements are
prepared and reference data is in memory, as they are at a counter that has been open for a while.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from uuid_utils.compat import uuid7

from core import booking, checkin, sale
from core.booking import HoldRequest
from core.checkin import Gate, Outcome
from core.database import Transaction
from core.errors import IntegrityFailure, NotEnoughSeats
from core.ops.bench import demand
from core.ops.bench.crew import Desk, Desks, Finished, Operation
from core.ops.bench.demand import Departure, Question, Wanted
from core.ops.bench.stock import SoldAhead
from core.payments import Tender
from core.search import offers

PRODUCT: Final = "product"
FLOOR: Final = "floor"

#: psycopg prepares a statement the sixth time, PostgreSQL settles its plan five executions later, and parties of each
#: size have statements of their own.
_WARM_UP: Final = 24
_CHANGE: Final = 2_500


def sell(desk: Desk, wanted: Wanted) -> None:
    """A sale as the screen makes it: hold, confirm with cash, print jobs queued.

    Raises:
        NotEnoughSeats: the departure is full on this stretch.
    """
    key = uuid7()
    request = HoldRequest(wanted.schedule_id, wanted.class_code, wanted.origin, wanted.destination, wanted.party)
    held = booking.hold(desk.office, desk.clerk, request, key=key)
    tender = Tender("cash", held.total + _CHANGE)
    sale.confirm(desk.office, desk.clerk, held.booking_id, wanted.passengers, tender, key=key, printer=wanted.printer)


@dataclass(frozen=True)
class SaleTask:
    """Sales on every departure from ``first`` to ``last``; another ``seed`` brings other customers."""

    url: str
    first: date
    last: date
    seed: int

    def open(self, desks: Desks) -> Mapping[str, Operation]:
        desk = desks.at(self.url)
        network = desk.office.network()
        on_sale = demand.sellable(desk.office, self.first, self.last)
        desk.office.database.transaction(lambda tx: [network.seats(tx, one) for one in network.classes])
        for_product = demand.parties(network, on_sale, self.seed + desks.index)
        for_floor = demand.parties(network, on_sale, self.seed + desks.index)

        def product() -> None:
            while True:
                try:
                    return sell(desk, next(for_product))
                except NotEnoughSeats:
                    continue  # full by now: the next customer wants another train

        def floor() -> None:
            while not desk.till.sell(next(for_floor)):
                pass

        return _warmed_up({PRODUCT: product, FLOOR: floor})


@dataclass(frozen=True)
class CheckInTask:
    """Check-ins of tickets that were sold before; the slice ends early when there are no more."""

    url: str
    for_product: tuple[SoldAhead, ...]
    for_floor: tuple[SoldAhead, ...]

    def open(self, desks: Desks) -> Mapping[str, Operation]:
        desk = desks.at(self.url)
        product_tickets, floor_tickets = iter(self.for_product), iter(self.for_floor)

        def product() -> None:
            ticket = _next(product_tickets)
            gate = Gate(ticket.station)
            answer = checkin.check_in(desk.office, desk.clerk, ticket.code, gate, at=ticket.boards_at)
            _require(answer.outcome is Outcome.OK, ticket)

        def floor() -> None:
            ticket = _next(floor_tickets)
            _require(desk.till.check_in(ticket.serial, ticket.station_id, ticket.boards_at), ticket)

        return _warmed_up({PRODUCT: product, FLOOR: floor})


def _next(tickets: Iterator[SoldAhead]) -> SoldAhead:
    try:
        return next(tickets)
    except StopIteration:
        raise Finished from None


def _require(admitted: bool, ticket: SoldAhead) -> None:
    if not admitted:
        raise IntegrityFailure(f"The ticket {ticket.serial} was sold and not admitted.", hint="Report this.")


@dataclass(frozen=True)
class SearchTask:
    """The same kind of searches in several databases: ``windows`` maps a side's suffix to its address and days."""

    first: date
    windows: Mapping[str, tuple[str, int]]

    def open(self, desks: Desks) -> Mapping[str, Operation]:
        operations: dict[str, Operation] = {}
        for name, (url, days) in self.windows.items():
            desk = desks.at(url)
            network = desk.office.network()
            operations[PRODUCT + name] = _ask(desk, demand.questions(network, self.first, days, desks.index))
            operations[FLOOR + name] = _ask_floor(desk, demand.questions(network, self.first, days, desks.index))
        return _warmed_up(operations)


def _ask(desk: Desk, asked: Iterator[Question]) -> Operation:
    def search() -> None:
        one = next(asked)
        offers(desk.office, one.origin, one.destination, one.day, party=one.party)

    return search


def _ask_floor(desk: Desk, asked: Iterator[Question]) -> Operation:
    def search() -> None:
        one = next(asked)
        desk.till.search(one.origin, one.destination, one.day)

    return search


@dataclass(frozen=True)
class Refusal:
    """A party that was told there are no seats, and when: the database's clock just after the answer."""

    wanted: Wanted
    at: datetime


@dataclass(frozen=True)
class RushTask:
    """Everybody sells the same departure until refused; ``rounds`` maps each side to its own departure.

    ``rehearsal`` is another day, whose trains are sold to warm up.
    """

    url: str
    rounds: Mapping[str, Departure]
    rehearsal: date
    seed: int

    def open(self, desks: Desks) -> Mapping[str, Operation]:
        desk = desks.at(self.url)
        network = desk.office.network()
        SaleTask(self.url, self.rehearsal, self.rehearsal, self.seed).open(desks)
        return {
            side: (_rush if side.startswith(PRODUCT) else _rush_floor)(
                desk, demand.parties(network, [departure], self.seed + desks.index)
            )
            for side, departure in self.rounds.items()
        }


def _rush(desk: Desk, customers: Iterator[Wanted]) -> Operation:
    def one_sale() -> None:
        wanted = next(customers)
        try:
            sell(desk, wanted)
        except NotEnoughSeats:
            raise Finished(Refusal(wanted, desk.office.database.transaction(_now))) from None

    return one_sale


def _rush_floor(desk: Desk, customers: Iterator[Wanted]) -> Operation:
    def one_sale() -> None:
        if not desk.till.sell(next(customers)):
            raise Finished

    return one_sale


def _now(tx: Transaction) -> datetime:
    return tx.now


def _warmed_up(operations: Mapping[str, Operation]) -> Mapping[str, Operation]:
    for operation in operations.values():
        for _ in range(_WARM_UP):
            operation()
    return operations
