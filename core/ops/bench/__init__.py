"""How fast is the library? Sales, check-ins, searches and a rush, measured against bare statements on the same server.

``run`` measures in databases of its own (``ground``), with processes as clients (``crew``) that do the same things
(``demand``, ``tasks``) once through the library and once by hand (``floor``), in turns. A ratio of 1.0 means that the
library costs no more than the statements themselves, one to a round trip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from core.errors import UsageError
from core.ops.bench import ground, rush
from core.ops.bench.crew import Crew, Desks, Tally
from core.ops.bench.demand import departures
from core.ops.bench.ground import Addresses, Ground
from core.ops.bench.stock import fill_gates
from core.ops.bench.tasks import FLOOR, PRODUCT, CheckInTask, SaleTask, SearchTask
from core.ops.prepare import Report

__all__ = ["DAYS", "Result", "run"]

#: How many days are on sale while it is measured.
DAYS: Final = 90
#: More tickets than all clients together can check in within a second.
_TICKETS_PER_SECOND: Final = 3_000
#: Further apart than there are clients: every measurement has customers of its own.
_SEEDS: Final = 10_000
#: This share of the days, the last ones, is sold out beforehand for the gates.
_DAYS_FOR_GATES: Final = 1 / 3


@dataclass(frozen=True)
class Result:
    """One measurement: operations per second of all clients together, and how long one took.

    ``ratio`` is the library's speed by the floor's. ``details`` are further keys of the JSON.
    """

    name: str
    clients: int
    per_second: float
    p50_ms: float
    p99_ms: float
    floor_per_second: float
    ratio: float
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The result as ``counter admin bench`` prints it."""
        return {
            "name": self.name,
            "clients": self.clients,
            "per_second": round(self.per_second, 1),
            "p50_ms": round(self.p50_ms, 3),
            "p99_ms": round(self.p99_ms, 3),
            "floor_per_second": round(self.floor_per_second, 1),
            "ratio": round(self.ratio, 3),
            **self.details,
        }


def run(
    owner_url: str,
    counter_url: str,
    keys_folder: Path,
    *,
    seconds: float,
    clients: Sequence[int] = (1, 8),
    pooled: bool = False,
    administrator_url: str | None = None,
    days: int = DAYS,
    report: Report = lambda _step, _done, _total: None,
) -> list[Result]:
    """Measure everything; takes about six times ``seconds`` for two numbers of clients, and some preparation.

    The operator's data stay untouched: the work is done in two databases made for it beside the operator's, and
    dropped afterwards, also after an error or Ctrl+C.

    Args:
        owner_url: the owner's login; prepares the databases, and makes them unless an administrator does.
        counter_url: the login terminals work as; what is measured.
        keys_folder: the key ring to sign and encrypt with; it is only read.
        seconds: how long each measurement takes, the library's share and the floor's together; searches are measured
            in two databases and take twice as long.
        clients: numbers of processes to measure with, each one a terminal.
        pooled: ``counter_url`` leads through a transaction pooler (which must let any database name through).
        administrator_url: a login that may create databases, where the owner may not (the embedded server's).
        days: how many days are on sale.
        report: told (what is being done, done, total).

    Raises:
        UsageError: a number is not positive.
        NotReady: nobody may create databases on this server, or there is no key ring.
        DatabaseUnreachable: no answer.
        IntegrityFailure: the rush refused somebody while seats were free, or left a contradiction behind.
    """
    if seconds <= 0 or days < 2 or not clients or min(clients) < 1:
        raise UsageError("Seconds and clients are positive numbers.", hint="For example: --seconds 10 --clients 8")
    addresses = Addresses(owner_url, counter_url)
    with ground.temporary(
        addresses, administrator_url, keys_folder, days=days, clients=max(clients), report=report
    ) as here:
        measuring = _Measuring(here, Desks(0, keys_folder, pooled), seconds, clients, report)
        try:
            with Crew(max(clients), keys_folder, pooled=pooled) as crew:
                # Searches come first, while both databases are as they were made; the report is in another order.
                searches = [result for number in clients for result in measuring.search(crew, number)]
                sales = [measuring.sale(crew, number) for number in clients]
                check_ins = [measuring.check_in(crew, number) for number in clients]
                rushes = [measuring.rush(crew, number) for number in clients]
        finally:
            measuring.close()
    return [*sales, *check_ins, *searches, *rushes]


class _Measuring:
    """The measurements, one after the other; ``desks`` are the main process's own, for scenery and checks."""

    def __init__(self, here: Ground, desks: Desks, seconds: float, clients: Sequence[int], report: Report) -> None:
        self._here, self._desks, self._seconds, self._report = here, desks, seconds, report
        self._done, self._total = 0, 4 * len(clients)
        self._first_for_gates = here.first + timedelta(days=here.days - max(1, int(here.days * _DAYS_FOR_GATES)))
        self._rush_day = here.first + timedelta(days=1)

    def close(self) -> None:
        self._desks.close()

    def sale(self, crew: Crew, clients: int) -> Result:
        """Hold and confirm, parties of one to four on random stretches of all departures but the gates'."""
        self._tell("sale", clients)
        task = SaleTask(
            self._here.whole.counter, self._here.first, self._first_for_gates - timedelta(days=1), self._done * _SEEDS
        )
        crew.open([task] * clients)
        return _result("sale", clients, crew.alternate((PRODUCT, FLOOR), self._seconds, clients))

    def check_in(self, crew: Crew, clients: int) -> Result:
        """Admit tickets that were sold beforehand, every one valid and in its boarding time."""
        self._tell("checkin", clients)
        desk = self._desks.at(self._here.whole.counter)
        last = self._here.first + timedelta(days=self._here.days - 1)
        on_sale = departures(desk.office, self._first_for_gates, last)
        wanted = int(self._seconds * _TICKETS_PER_SECOND) + 100 * clients
        sold = fill_gates(desk.office, desk.clerk, on_sale, wanted)
        shares = [tuple(sold[index :: 2 * clients]) for index in range(2 * clients)]
        crew.open([CheckInTask(self._here.whole.counter, shares[at], shares[clients + at]) for at in range(clients)])
        return _result("checkin", clients, crew.alternate((PRODUCT, FLOOR), self._seconds, clients))

    def search(self, crew: Crew, clients: int) -> list[Result]:
        """The same kind of questions with one day on sale and with all of them."""
        self._tell("search", clients)
        windows = {" 1": (self._here.one_day.counter, 1), " n": (self._here.whole.counter, self._here.days)}
        crew.open([SearchTask(self._here.first, windows)] * clients)
        sides = [side + window for window in windows for side in (PRODUCT, FLOOR)]
        tallies = crew.alternate(sides, self._seconds * len(windows), clients)
        one_day_p99 = tallies[PRODUCT + " 1"].quantile_ms(0.99)
        return [
            _result(
                "search",
                clients,
                {PRODUCT: tallies[PRODUCT + name], FLOOR: tallies[FLOOR + name]},
                days=days,
                p99_ratio=round(tallies[PRODUCT + name].quantile_ms(0.99) / one_day_p99, 3),
            )
            for name, (_, days) in windows.items()
        ]

    def rush(self, crew: Crew, clients: int) -> Result:
        """Everybody sells the last seats of one train until refused."""
        self._tell("rush", clients)
        tallies, details = rush.measure(crew, self._here, self._desks, self._rush_day, clients, self._seconds)
        self._rush_day += timedelta(days=rush.days_needed(self._seconds))
        return _result("rush", clients, tallies, **details)

    def _tell(self, name: str, clients: int) -> None:
        self._report(f"{name}, {clients} client{'s' if clients > 1 else ''}", self._done, self._total)
        self._done += 1


def _result(name: str, clients: int, tallies: Mapping[str, Tally], **details: Any) -> Result:
    product, floor = tallies[PRODUCT], tallies[FLOOR]
    return Result(
        name=name,
        clients=clients,
        per_second=product.per_second,
        p50_ms=product.quantile_ms(0.5),
        p99_ms=product.quantile_ms(0.99),
        floor_per_second=floor.per_second,
        ratio=product.per_second / floor.per_second,
        details=details,
    )
