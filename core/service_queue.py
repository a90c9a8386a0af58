"""The queue of service requests: how one stands, by what order they wait, and how they are found and locked.

What belongs here: reading. What is done with them is ``core.service_requests``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, bindparam, case, func, literal, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased
from sqlalchemy.types import Text

from core.clock import local
from core.database import Actor, Statement, Transaction
from core.errors import NotFound, StateConflict
from core.keys import sealed_in
from core.models import CallbackEscalation, CallbackRequest, Station, User
from core.models.service import PRIORITIES
from core.office import Office
from core.permissions import require

OPEN: Final = ("new", "assigned", "in_progress")
#: Rows of a list at most.
PAGE: Final = 100

_assigned, _preferred = aliased(User), aliased(User)
_late = (
    select(func.max(CallbackEscalation.level))
    .where(
        CallbackEscalation.operator_id == CallbackRequest.operator_id,
        CallbackEscalation.request_id == CallbackRequest.id,
    )
    .scalar_subquery()
)
_SELECT: Final[Select[Any]] = (
    select(
        CallbackRequest,
        *(_assigned.full_name.label("assignee"), _preferred.full_name.label("wished"), Station.station_code),
        *(_late.label("escalated"), func.now().label("now")),
    )
    .outerjoin(
        _assigned,
        (_assigned.operator_id == CallbackRequest.operator_id) & (_assigned.id == CallbackRequest.assigned_to),
    )
    .outerjoin(
        _preferred,
        (_preferred.operator_id == CallbackRequest.operator_id) & (_preferred.id == CallbackRequest.preferred_staff),
    )
    .outerjoin(
        Station, (Station.operator_id == CallbackRequest.operator_id) & (Station.id == CallbackRequest.station_id)
    )
    .where(CallbackRequest.operator_id == bindparam("operator_id"))
)
_RANK: Final = case(
    *((CallbackRequest.priority == one, literal_column(str(rank))) for rank, one in enumerate(PRIORITIES)),
    else_=literal_column(str(len(PRIORITIES))),
)
_QUEUE: Final = (
    _SELECT.where(CallbackRequest.status == func.any(literal(list(OPEN), ARRAY(Text))))
    .order_by(_RANK, CallbackRequest.created_at, CallbackRequest.request_number)
    .limit(PAGE)
)
_EVERYWHERE: Final = Statement(_QUEUE)
_AT_STATION: Final = Statement(_QUEUE.where(CallbackRequest.station_id == bindparam("station_id")))
_ALL: Final = Statement(_SELECT.order_by(CallbackRequest.request_number.desc()).limit(PAGE))
_BY_NUMBER: Final = Statement(_SELECT.where(CallbackRequest.request_number == bindparam("number")))
_THIS: Final = (CallbackRequest.operator_id == bindparam("operator_id")) & (
    CallbackRequest.request_number == bindparam("number")
)
_LOCK: Final = Statement(select(CallbackRequest.id).where(_THIS).with_for_update())


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """A request as it stands. ``escalated`` is the highest level that was missed, 0 if only by hand, None if never."""

    id: UUID
    number: int
    kind: str
    status: str
    priority: str
    customer: str
    phone: str | None
    station: str | None
    station_id: int | None
    preferred: str | None
    assigned_to: str | None
    assigned_to_id: UUID | None
    note: str
    opened_at: datetime
    expires_at: datetime
    resolution: str | None
    resolved_at: datetime | None
    escalated: int | None
    now: datetime

    @property
    def is_open(self) -> bool:
        """Whether somebody still waits."""
        return self.status in OPEN

    @property
    def is_late(self) -> bool:
        """Whether the service level was missed."""
        return self.is_open and self.expires_at <= self.now

    def as_json(self, zone: str) -> dict[str, Any]:
        """The request as commands print it."""

        def at(moment: datetime | None) -> str | None:
            return None if moment is None else local(moment, zone).isoformat(timespec="seconds")

        return {
            "number": self.number,
            "kind": self.kind,
            "status": self.status,
            "priority": self.priority,
            "customer": self.customer,
            "phone": self.phone,
            "station": self.station,
            "preferred_staff": self.preferred,
            "assigned_to": self.assigned_to,
            "note": self.note,
            "opened_at": at(self.opened_at),
            "expires_at": at(self.expires_at),
            "late": self.is_late,
            "escalated": self.escalated,
            "resolution": self.resolution,
            "resolved_at": at(self.resolved_at),
        }


def _request(office: Office, row: Any) -> ServiceRequest:
    phone = None
    if row.contact_phone:
        phone = office.keys.decrypt(bytes(row.contact_phone), sealed_in("callback_requests.contact_phone", row.id))
    return ServiceRequest(
        row.id, row.request_number, row.service_kind, row.status, row.priority, row.customer_name or "", phone,
        row.station_code, row.station_id, row.wished, row.assignee, row.assigned_to, row.note, row.created_at,
        row.expires_at, row.resolution, row.resolved_at, row.escalated, row.now,
    )  # fmt: skip


def listed(
    office: Office, actor: Actor, *, station: str | None = None, everything: bool = False
) -> list[ServiceRequest]:
    """The queue: by priority, then age; at most ``PAGE``. The look is on the audit trail.

    Args:
        station: only those for this station's staff.
        everything: the latest ones instead, whatever became of them.
    """
    require(actor, "handle_requests")
    station_id = office.network().station(station).id if station else None

    def look(tx: Transaction) -> list[ServiceRequest]:
        if everything:
            rows = tx.send(_ALL).all()
        else:
            rows = (tx.send(_AT_STATION, station_id=station_id) if station_id else tx.send(_EVERYWHERE)).all()
        return [_request(office, row) for row in rows if station_id is None or row.station_id == station_id]

    return office.database.transaction(look, actor=actor)


def read(tx: Transaction, office: Office, number: int) -> ServiceRequest:
    """
    Raises:
        NotFound: no request has this number (code ``unknown_request``).
    """
    row = tx.send(_BY_NUMBER, number=number).first()
    if row is None:
        raise NotFound(f"There is no request {number}.", code="unknown_request", hint="List: counter service list.")
    return _request(office, row)


def find(office: Office, actor: Actor, number: int) -> ServiceRequest:
    """
    Raises:
        NotFound: no request has this number.
    """
    require(actor, "handle_requests")
    return office.database.transaction(lambda tx: read(tx, office, number), actor=actor)


def lock(tx: Transaction, office: Office, number: int) -> ServiceRequest:
    """An open request, kept from everybody else until the transaction ends.

    Raises:
        NotFound: no request has this number.
        StateConflict: it has ended (code ``request_ended``).
    """
    tx.send(_LOCK, number=number)
    found = read(tx, office, number)
    if not found.is_open:
        raise StateConflict(f"Request {number} is {found.status}.", code="request_ended", hint="Open a new one.")
    return found
