"""Taking seats and giving them back: bits in ``seat_inventory.occupied``, one per leg between neighbouring stops.

A take sets the bits of a stretch where none of them is set; a release clears them where all are set; both say which
seats they changed. Three ways to take, from the quickest to the most patient:

- ``take``: exactly these seats, passing over rows somebody else has locked (the party's best fit);
- ``take_any``: whatever is free and not locked;
- ``free_after_waiting``: wait for every lock, in seat order, before anything is refused: a locked seat may come free.

Rows are always locked in seat order, so two takes cannot deadlock. This module decides nothing about money or people.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Integer

from core.database import Rows, Statement, Transaction
from core.models import SeatInventory as Row
from core.network import SeatInfo
from core.seating import SeatState

_LEGS: Final = bindparam("legs", type_=BigInteger)
_SEATS: Final = bindparam("seat_ids", type_=ARRAY(Integer))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which bits of which rows: one class of one departure between two stops."""

    service_date: date
    schedule_id: int
    class_id: int
    legs: int

    def parameters(self) -> dict[str, Any]:
        return {
            "service_date": self.service_date,
            "schedule_id": self.schedule_id,
            "class_id": self.class_id,
            "legs": self.legs,
        }


def _departure() -> ColumnElement[bool]:
    return and_(
        Row.operator_id == bindparam("operator_id"),
        Row.service_date == bindparam("service_date"),
        Row.schedule_id == bindparam("schedule_id"),
        Row.class_id == bindparam("class_id"),
    )


_FREE: Final = Row.occupied.bitwise_and(_LEGS) == 0
_HELD: Final = Row.occupied.bitwise_and(_LEGS) == _LEGS
_THESE: Final = Row.seat_id == func.any(_SEATS)

_CLASS: Final = Statement(select(Row.seat_id, Row.occupied).where(_departure()))


def _among(picked: Select[int]) -> ColumnElement[bool]:
    """The seats ``picked`` locks. As an array it is asked exactly once, and its seats are found by their key."""
    return Row.seat_id == func.any(func.array(picked.scalar_subquery()))


def _take(picked: Select[int]) -> Statement:
    """Set the bits of the seats ``picked`` locks."""
    return Statement(
        update(Row)
        .where(_departure(), _FREE, _among(picked))
        .values(occupied=Row.occupied.bitwise_or(_LEGS))
        .returning(Row.seat_id)
    )


_CHOSEN: Final = select(Row.seat_id).where(_departure(), _FREE, _THESE).order_by(Row.seat_id)
_TAKE: Final = _take(_CHOSEN.with_for_update(skip_locked=True))
_TAKE_WAITING: Final = _take(_CHOSEN.with_for_update())
_TAKE_ANY: Final = _take(
    select(Row.seat_id)
    .where(_departure(), _FREE)
    .order_by(Row.seat_id)
    .limit(bindparam("party", type_=Integer))
    .with_for_update(skip_locked=True)
)
_WAIT: Final = Statement(
    select(Row.seat_id, Row.occupied).where(_departure(), _FREE).order_by(Row.seat_id).with_for_update()
)
_GIVEN_BACK: Final = select(Row.seat_id).where(_departure(), _HELD, _THESE).order_by(Row.seat_id).with_for_update()
_RELEASE: Final = Statement(
    update(Row)
    .where(_departure(), _among(_GIVEN_BACK))
    .values(occupied=Row.occupied.bitwise_and(_LEGS.bitwise_not()))
    .returning(Row.seat_id)
)


def fetch(tx: Transaction, stretch: Stretch) -> Rows:
    """Queue the question which seats of the class are taken on which legs: rows of (seat_id, occupied)."""
    parameters = stretch.parameters()
    del parameters["legs"]
    return tx.send(_CLASS, **parameters)


def states(seats: Collection[SeatInfo], occupied: dict[int, int], legs: int) -> list[SeatState]:
    """The seats free on these legs, as the choice wants them; one without inventory is not on this departure."""
    return [
        SeatState(
            seat.id, seat.coach.number, seat.row, seat.column, seat.place, seat.kind, seat.accessible, occupied[seat.id]
        )
        for seat in seats
        if not occupied.get(seat.id, legs) & legs
    ]


def take(tx: Transaction, stretch: Stretch, seat_ids: Collection[int], *, wait: bool = False) -> Rows:
    """Queue taking exactly these seats; the rows are the ids that were taken, fewer if somebody was faster."""
    return tx.send(_TAKE_WAITING if wait else _TAKE, seat_ids=list(seat_ids), **stretch.parameters())


def take_any(tx: Transaction, stretch: Stretch, party: int) -> Rows:
    """Queue taking ``party`` seats nobody has locked; fewer rows mean that no more were to be had at once."""
    return tx.send(_TAKE_ANY, party=party, **stretch.parameters())


def free_after_waiting(tx: Transaction, stretch: Stretch) -> dict[int, int]:
    """Lock every free seat of the class, waiting for whoever is at one; id → legs taken. The last word before a no."""
    return tx.send(_WAIT, **stretch.parameters()).pairs()


def release(tx: Transaction, stretch: Stretch, seat_ids: Collection[int]) -> Rows:
    """Queue giving these seats back; the rows are the ids that were given back."""
    return tx.send(_RELEASE, seat_ids=list(seat_ids), **stretch.parameters())
