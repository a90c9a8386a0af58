"""The rush: everybody sells the last seats of one train until refused, and then it is checked that all was right."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import bindparam, text

from core.database import Statement, Transaction
from core.errors import IntegrityFailure
from core.office import Office
from core.ops import integrity
from core.ops.bench import demand
from core.ops.bench.crew import Crew, Desks, Tally
from core.ops.bench.demand import Departure
from core.ops.bench.ground import Ground
from core.ops.bench.stock import sell_ahead, sign_what_the_floor_sold
from core.ops.bench.tasks import FLOOR, PRODUCT, Refusal, RushTask

LAST_SEATS: Final = 300
#: A rush ends by itself when the train is full; this is for a server that has stopped answering.
_LONGEST_SECONDS: Final = 300.0
_SECONDS_EACH: Final = 3.0
_MOST_ROUNDS: Final = 3

#: Seats that were free when somebody was refused: not kept, on any leg of the stretch, by a booking begun until then.
_FREE_THEN: Final = Statement(
    text(
        "SELECT count(*) FROM seat_inventory i WHERE i.operator_id = :operator_id AND i.service_date = :service_date"
        " AND i.schedule_id = :schedule_id AND i.class_id = :class_id AND NOT EXISTS ("
        " SELECT FROM tickets t JOIN bookings b ON b.operator_id = t.operator_id AND b.id = t.booking_id"
        " WHERE t.operator_id = i.operator_id AND t.schedule_id = i.schedule_id AND t.seat_id = i.seat_id"
        " AND t.legs & CAST(:legs AS bigint) <> 0 AND b.created_at <= :at)"
    ).bindparams(bindparam("at"))
)


def _rounds(seconds: float) -> int:
    return max(1, min(_MOST_ROUNDS, round(seconds / _SECONDS_EACH)))


def days_needed(seconds: float) -> int:
    """How many service dates one measurement sells: two for each round, and one to warm up on."""
    return 2 * _rounds(seconds) + 1


def measure(
    crew: Crew, here: Ground, desks: Desks, first: date, clients: int, seconds: float
) -> tuple[dict[str, Tally], dict[str, Any]]:
    """Sell out a departure per side and round, on service dates from ``first``.

    Raises:
        IntegrityFailure: somebody was refused while enough seats were free, or the integrity check found something.
    """
    days, where = days_needed(seconds), here.one_day
    here.open_days(where, first, days)
    desk = desks.at(where.counter)
    trains = demand.departures(
        *(desk.office, first + timedelta(days=1), first + timedelta(days=days - 1)),
        class_id=demand.largest_class(desk.office),
    )
    for train in trains:
        seats = desk.office.network().classes[train.class_id].capacity
        sell_ahead(desk.office, desk.clerk, train, seats - LAST_SEATS)
    sides = [f"{side} {number}" for number in range(_rounds(seconds)) for side in (PRODUCT, FLOOR)]
    rounds = dict(zip(sides, trains, strict=True))
    crew.open([RushTask(where.counter, rounds, first, first.toordinal())] * clients)
    tallies = {PRODUCT: Tally(), FLOOR: Tally()}
    for side in sides:
        tallies[side.split()[0]].add(crew.slice(side, _LONGEST_SECONDS, clients))
    refusals: list[Refusal] = tallies[PRODUCT].reasons
    product_trains = [train for side, train in rounds.items() if side.startswith(PRODUCT)]
    _check(desk.office, refusals)
    return tallies, {
        "seats": LAST_SEATS,
        "rounds": len(product_trains),
        "tickets": _sold(desk.office, product_trains),
        "refused": len(refusals),
    }


def _check(office: Office, refusals: list[Refusal]) -> None:
    for refusal in refusals:
        free = office.database.transaction(partial(_free_then, refusal=refusal))
        if free >= refusal.wanted.party:
            raise IntegrityFailure(
                f"A party of {refusal.wanted.party} was refused while {free} seats were free.", hint="Report this."
            )
    sign_what_the_floor_sold(office)
    for check in integrity.verify(office):
        if not check.ok:
            raise IntegrityFailure(
                f"After the rush the check {check.name} failed: {check.problems[0]}.", hint="Report this."
            )


def _free_then(tx: Transaction, refusal: Refusal) -> int:
    wanted = refusal.wanted
    asked = tx.send(
        _FREE_THEN,
        service_date=wanted.service_date,
        schedule_id=wanted.schedule_id,
        class_id=wanted.class_id,
        legs=wanted.legs,
        at=refusal.at,
    )
    return int(asked.scalar() or 0)


def _sold(office: Office, trains: list[Departure]) -> int:
    """Tickets of these departures that the rush sold: all but those from before it."""
    keys = [train.schedule_id for train in trains]
    counted = Statement(
        text(
            "SELECT count(*) FROM tickets t JOIN bookings b ON b.operator_id = t.operator_id AND b.id = t.booking_id"
            " WHERE t.operator_id = :operator_id AND t.schedule_id = ANY(CAST(:keys AS integer[]))"
            " AND b.booking_number NOT LIKE 'AHEAD-%'"
        )
    )
    return office.database.transaction(lambda tx: int(tx.send(counted, keys=keys).scalar() or 0))
