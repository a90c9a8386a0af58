"""A shift with everything a report says about it: who, where, when, counted, closed. And finding shifts again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import aliased
from sqlalchemy.types import DateTime

from core.clock import instant, local
from core.database import Actor, Statement, Transaction
from core.errors import NotFound
from core.models import Shift as ShiftRow
from core.models import Station, Terminal, User, ZReport
from core.office import Office
from core.permissions import allowed, require
from core.shifts.desk import NoOpenShift, Shift

_MOST: Final = 500
_clerk, _closer = aliased(User), aliased(User)
_SHEETS: Final = (
    select(
        *(ShiftRow.id, ShiftRow.shift_number, ShiftRow.user_id, ShiftRow.terminal_id, ShiftRow.status),
        *(ShiftRow.float_amount, ShiftRow.opened_at, ShiftRow.is_scripted, ShiftRow.counted_at, ShiftRow.closed_at),
        *(ShiftRow.counted_amount, ShiftRow.expected_amount, ShiftRow.difference_reason),
        *(_clerk.full_name, _clerk.staff_number, Terminal.terminal_code, Station.station_code, Station.time_zone),
        *(_closer.full_name.label("closer"), ZReport.z_number),
    )
    .join(_clerk, (_clerk.operator_id == ShiftRow.operator_id) & (_clerk.id == ShiftRow.user_id))
    .join(Terminal, (Terminal.operator_id == ShiftRow.operator_id) & (Terminal.id == ShiftRow.terminal_id))
    .outerjoin(Station, (Station.operator_id == Terminal.operator_id) & (Station.id == Terminal.station_id))
    .outerjoin(_closer, (_closer.operator_id == ShiftRow.operator_id) & (_closer.id == ShiftRow.closed_by))
    .outerjoin(ZReport, (ZReport.operator_id == ShiftRow.operator_id) & (ZReport.shift_id == ShiftRow.id))
    .where(ShiftRow.operator_id == bindparam("operator_id"))
)
_HERE = _SHEETS.where(ShiftRow.terminal_id == bindparam("terminal_id"), text("shifts.status <> 'closed'"))
_FIND: Final = Statement(_HERE)
_LOCK: Final = Statement(_HERE.with_for_update(of=ShiftRow))
_OF_DAY: Final = Statement(
    _SHEETS.where(
        ShiftRow.opened_at >= bindparam("since", type_=DateTime(timezone=True)),
        ShiftRow.opened_at < bindparam("until", type_=DateTime(timezone=True)),
    ).order_by(ShiftRow.shift_number)
)
_LATEST: Final = Statement(_SHEETS.order_by(ShiftRow.shift_number.desc()).limit(_MOST))


@dataclass(frozen=True)
class Sheet:
    """See the module's docstring. Amounts in minor units; ``zone`` is that of the terminal's clock."""

    shift: Shift
    staff_number: str
    terminal_code: str
    station_code: str
    zone: str
    counted_at: datetime | None
    counted_amount: int | None
    expected_amount: int | None
    difference_reason: str | None
    closed_at: datetime | None
    closed_by: str | None
    z_number: int | None

    def at(self, moment: datetime | None) -> str | None:
        """A moment as the clock at this terminal shows it, ISO 8601."""
        return None if moment is None else local(moment, self.zone).isoformat(timespec="seconds")

    def heading(self) -> dict[str, Any]:
        """What every report of this shift begins with."""
        return {
            "shift_number": self.shift.number,
            "status": self.shift.status,
            "clerk": self.shift.clerk,
            "staff_number": self.staff_number,
            "terminal": self.terminal_code,
            "station": self.station_code,
            "scripted": self.shift.is_scripted,
            "opened_at": self.at(self.shift.opened_at),
            "counted_at": self.at(self.counted_at),
        }

    def as_json(self) -> dict[str, Any]:
        """One line of a list of shifts; what is expected is known once it is closed."""
        return {
            **self.heading(),
            "closed_at": self.at(self.closed_at),
            "closed_by": self.closed_by,
            "float": self.shift.float_amount,
            "expected": self.expected_amount,
            "counted": self.counted_amount if self.closed_at else None,
            "difference": None
            if self.expected_amount is None or self.counted_amount is None
            else self.counted_amount - self.expected_amount,
            "difference_reason": self.difference_reason,
            "z_number": self.z_number,
        }


def _sheet(row: Any, zone: str) -> Sheet:
    shift = Shift(
        id=row.id,
        number=row.shift_number,
        user_id=row.user_id,
        clerk=row.full_name,
        terminal_id=row.terminal_id,
        status=row.status,
        float_amount=row.float_amount,
        opened_at=row.opened_at,
        is_scripted=row.is_scripted,
    )
    return Sheet(
        shift=shift,
        staff_number=row.staff_number or "",
        terminal_code=row.terminal_code,
        station_code=row.station_code or "",
        zone=row.time_zone or zone,
        counted_at=row.counted_at,
        counted_amount=row.counted_amount,
        expected_amount=row.expected_amount,
        difference_reason=row.difference_reason,
        closed_at=row.closed_at,
        closed_by=row.closer,
        z_number=row.z_number,
    )


def here(tx: Transaction, office: Office, actor: Actor, *, lock: bool = False) -> Sheet:
    """The shift of this terminal that is not closed; with ``lock`` nobody else adds to it until this is done.

    Raises:
        NoOpenShift: there is none, or it is somebody else's and this is no supervisor.
    """
    require(actor, "sell")
    row = tx.send(_LOCK if lock else _FIND, terminal_id=actor.terminal_id).first()
    if row is None:
        raise NoOpenShift(
            "No shift is open at this counter.", hint="Open one: Ctrl+T, or counter shift open --float AMOUNT."
        )
    found = _sheet(row, office.operator.time_zone)
    if found.shift.user_id != actor.user_id and not allowed(actor, "manage_shifts"):
        raise NoOpenShift(
            f"The drawer belongs to shift {found.shift.number} of {found.shift.clerk}.",
            code="shift_of_another",
            hint="Its clerk or a supervisor counts and closes it first.",
        )
    return found


def of_day(office: Office, actor: Actor, day: date | None = None) -> list[Sheet]:
    """The shifts that were opened on a day, by the operator's clock; without a day the latest ones, newest first.

    A clerk sees his own, whoever manages shifts sees all.

    Raises:
        NotPermitted: the role has nothing to do with shifts.
    """
    require(actor, "sell")
    zone = office.operator.time_zone

    def look(tx: Transaction) -> list[Any]:
        if day is None:
            return tx.send(_LATEST).all()
        since = instant(day, datetime.min.time(), zone)
        return tx.send(_OF_DAY, since=since, until=since + timedelta(days=1)).all()

    found = [_sheet(row, zone) for row in office.database.transaction(look, actor=actor)]
    return [one for one in found if allowed(actor, "manage_shifts") or one.shift.user_id == actor.user_id]


_Z: Final = select(ZReport.z_number, ZReport.body, ZReport.digest, ZReport.shift_id).where(
    ZReport.operator_id == bindparam("operator_id")
)
_Z_BY_NUMBER: Final = Statement(_Z.where(ZReport.z_number == bindparam("number")))
_LAST_Z_HERE: Final = Statement(
    _Z.join(ShiftRow, (ShiftRow.operator_id == ZReport.operator_id) & (ShiftRow.id == ZReport.shift_id))
    .where(ShiftRow.terminal_id == bindparam("terminal_id"))
    .order_by(ZReport.z_number.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class StoredZ:
    """A Z report as it is stored."""

    number: int
    body: dict[str, Any]
    digest: bytes
    shift_id: UUID

    def as_json(self) -> dict[str, Any]:
        """The report as it is printed and shown."""
        return {**self.body, "digest": self.digest.hex()}


def z_report(office: Office, actor: Actor, number: int | None = None) -> StoredZ:
    """A Z report by its number, or the last one of this terminal.

    Raises:
        NotFound: there is none, or it is of somebody else's shift and this is no supervisor.
    """
    require(actor, "sell")

    def look(tx: Transaction) -> Any:
        if number is not None:
            return tx.send(_Z_BY_NUMBER, number=number).first()
        return tx.send(_LAST_Z_HERE, terminal_id=actor.terminal_id).first()

    row = office.database.transaction(look, actor=actor)
    if row is None or not (allowed(actor, "manage_shifts") or row.body["staff_number"] == actor.staff_number):
        raise NotFound(
            "There is no such Z report." if number else "No shift was closed here yet.",
            code="unknown_z_report",
            hint="Your shifts: counter shift list.",
        )
    return StoredZ(row.z_number, row.body, bytes(row.digest), row.shift_id)
