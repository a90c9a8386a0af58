"""Service requests: what customers ask for besides tickets, by when they are answered, and who looks after it.

A request waits in a queue by priority, then age, until somebody takes it or is given it, and ends resolved or
cancelled, with a note. By when is policy, of the station; what happens to those that are late is ``core.escalations``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, insert, literal_column, select, update
from uuid_utils.compat import uuid7

from core import policy
from core.database import Actor, Statement, Transaction
from core.errors import NotFound, Refused, StateConflict, UsageError
from core.identity import normalize_name
from core.keys import sealed_in
from core.models import CallbackEscalation, CallbackRequest, User
from core.models.service import PRIORITIES, SERVICE_KINDS
from core.office import Office
from core.permissions import PERMISSIONS, require
from core.personal_data import normalize_phone
from core.policy import ASSISTANCE_MINUTES, CALLBACK_MINUTES, CALLBACK_URGENT_MINUTES, Policies
from core.service_queue import ServiceRequest, find, listed, lock, read
from core.wording import one_line

__all__ = ["ServiceRequest", "Wanted", "assign", "cancel", "find", "listed", "open_request", "resolve", "take"]

_COLUMNS: Final = (
    *("operator_id", "id", "request_number", "service_kind", "priority", "customer_name", "contact_phone"),
    *("contact_phone_digest", "station_id", "preferred_staff", "assigned_to", "status", "note", "expires_at"),
    *("opened_by", "terminal_id"),
)
_INSERT: Final = Statement(insert(CallbackRequest).values({name: bindparam(name) for name in _COLUMNS}))
_NUMBERS: Final = Statement(
    select(func.pg_advisory_xact_lock(func.hashtext(literal_column("'request_number'")), bindparam("operator_id")))
)
_LAST_NUMBER: Final = Statement(
    select(func.coalesce(func.max(CallbackRequest.request_number), 0)).where(
        CallbackRequest.operator_id == bindparam("operator_id")
    )
)
_STAFF: Final = Statement(
    select(User.id, User.role, User.full_name).where(
        User.operator_id == bindparam("operator_id"), User.staff_number == bindparam("number"), User.is_active
    )
)
_THIS: Final = (CallbackRequest.operator_id == bindparam("operator_id")) & (
    CallbackRequest.request_number == bindparam("number")
)
_MOVE: Final = Statement(
    update(CallbackRequest)
    .where(_THIS)
    .values(status=bindparam("state"), assigned_to=bindparam("assignee"), updated_at=func.now())
)
_END: Final = Statement(
    update(CallbackRequest)
    .where(_THIS)
    .values(
        status=bindparam("state"),
        resolved_at=func.now(),
        resolved_by=bindparam("who"),
        resolution=bindparam("said"),
        updated_at=func.now(),
    )
)
_NO_MORE_LATE: Final = Statement(
    update(CallbackEscalation)
    .where(
        CallbackEscalation.operator_id == bindparam("operator_id"),
        CallbackEscalation.request_id == bindparam("request_id"),
        CallbackEscalation.resolved_at.is_(None),
    )
    .values(resolved_at=func.now())
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request as somebody writes it down. ``station`` and ``staff`` are a code and a staff number."""

    kind: str
    customer: str
    note: str
    phone: str = ""
    station: str | None = None
    staff: str | None = None
    priority: str = "normal"


def level_minutes(policies: Policies, kind: str, priority: str, station_id: int | None) -> int:
    """Within how many minutes somebody of the staff has to answer; the shorter of what kind and priority ask for."""
    limits = [policies.get(ASSISTANCE_MINUTES if kind == "assistance" else CALLBACK_MINUTES, station_id=station_id)]
    if priority == "urgent":
        limits.append(policies.get(CALLBACK_URGENT_MINUTES, station_id=station_id))
    return min(limits)


def open_request(office: Office, actor: Actor, wanted: Wanted) -> ServiceRequest:
    """Enter a request; whoever the customer prefers is given it.

    Raises:
        UsageError: no such kind or priority (``service_kind_unknown``, ``priority_unknown``), or no phone number.
        Refused: no name (``name_invalid``), nothing is wanted (``note_missing``), a call without a number
            (``phone_missing``).
        NotFound: no such station or member of the staff (``unknown_station``, ``unknown_staff``).
    """
    require(actor, "handle_requests")
    note, phone = _checked(wanted)
    name = normalize_name(wanted.customer)
    station_id = office.network().station(wanted.station).id if wanted.station else actor.station_id

    def write(tx: Transaction) -> ServiceRequest:
        asked = policy.ask(tx)
        staff = _staff(tx, wanted.staff) if wanted.staff else None
        tx.send(_NUMBERS)
        number = (tx.send(_LAST_NUMBER).scalar() or 0) + 1
        minutes = level_minutes(asked.read(), wanted.kind, wanted.priority, station_id)
        request_id = uuid7()
        sealed = sealed_in("callback_requests.contact_phone", request_id)
        tx.send(
            _INSERT,
            id=request_id,
            request_number=number,
            service_kind=wanted.kind,
            priority=wanted.priority,
            customer_name=name,
            contact_phone=office.keys.encrypt(phone, sealed) if phone else None,
            contact_phone_digest=office.keys.digest(phone) if phone else None,
            station_id=station_id,
            preferred_staff=staff,
            assigned_to=staff,
            status="assigned" if staff else "new",
            note=note,
            expires_at=tx.now + timedelta(minutes=minutes),
            opened_by=actor.user_id,
            terminal_id=actor.terminal_id,
        )
        said = {"number": number, "kind": wanted.kind, "priority": wanted.priority, "minutes": minutes}
        tx.audit("create", "callback_requests", request_id, new=said)
        tx.event("service.requested", "callback_requests", request_id, said)
        return read(tx, office, number)

    return office.database.transaction(write, actor=actor)


def _checked(wanted: Wanted) -> tuple[str, str | None]:
    if wanted.kind not in SERVICE_KINDS:
        raise UsageError(
            f"{wanted.kind[:20]!r} is no kind of service.", code="service_kind_unknown",
            hint=f"One of: {', '.join(SERVICE_KINDS)}.",
        )  # fmt: skip
    if wanted.priority not in PRIORITIES:
        raise UsageError(
            f"{wanted.priority[:20]!r} is no priority.",
            code="priority_unknown",
            hint=f"One of: {', '.join(PRIORITIES)}.",
        )
    note = one_line(wanted.note)
    if not note:
        raise Refused("A request says what is wanted.", code="note_missing", hint="Say what the customer asks for.")
    phone = normalize_phone(wanted.phone) if wanted.phone.strip() else None
    if phone is None and wanted.kind == "callback":
        raise Refused("Nobody can be called without a number.", code="phone_missing", hint="Type the phone number.")
    return note, phone


def _staff(tx: Transaction, number: str) -> UUID:
    row = tx.send(_STAFF, number=number.strip()).first()
    if row is None or row.role not in PERMISSIONS["handle_requests"]:
        raise NotFound(
            f"Nobody with the number {number.strip()[:20]!r} handles requests.", code="unknown_staff",
            hint="List them: counter staff list.",
        )  # fmt: skip
    found: UUID = row.id
    return found


def assign(office: Office, actor: Actor, number: int, staff_number: str) -> ServiceRequest:
    """Give a request to somebody.

    Raises:
        NotFound: no such request, or nobody of that number handles requests (``unknown_staff``).
        StateConflict: it has ended.
    """

    def change(tx: Transaction, found: ServiceRequest) -> Mapping[str, Any]:
        staff = _staff(tx, staff_number)
        tx.send(_MOVE, number=found.number, state="assigned", assignee=staff)
        return {"status": "assigned", "assigned_to": str(staff)}

    return _change(office, actor, number, change)


def take(office: Office, actor: Actor, number: int) -> ServiceRequest:
    """Begin with a request oneself; of two who take it at once one gets it.

    Raises:
        NotFound: no such request.
        StateConflict: it has ended, or somebody else is at it (code ``request_taken``).
    """

    def change(tx: Transaction, found: ServiceRequest) -> Mapping[str, Any]:
        if found.status == "in_progress" and found.assigned_to_id != actor.user_id:
            raise StateConflict(
                f"{found.assigned_to} is at it already.", code="request_taken", hint="Have it assigned to you first."
            )
        tx.send(_MOVE, number=found.number, state="in_progress", assignee=actor.user_id)
        return {"status": "in_progress", "assigned_to": str(actor.user_id)}

    return _change(office, actor, number, change)


def resolve(office: Office, actor: Actor, number: int, note: str) -> ServiceRequest:
    """End a request with what was done.

    Raises:
        NotFound: no such request.
        StateConflict: it has ended.
        Refused: nothing is said (code ``note_missing``).
    """
    return _end(office, actor, number, "resolved", note)


def cancel(office: Office, actor: Actor, number: int, reason: str) -> ServiceRequest:
    """End a request that nobody wants answered any more; raises as ``resolve``."""
    return _end(office, actor, number, "cancelled", reason)


def _end(office: Office, actor: Actor, number: int, status: str, note: str) -> ServiceRequest:
    said = one_line(note)
    if not said:
        raise Refused("A request ends with a note.", code="note_missing", hint="Say what was done, or why nothing.")

    def change(tx: Transaction, found: ServiceRequest) -> Mapping[str, Any]:
        tx.send(_END, number=found.number, state=status, who=actor.user_id, said=said)
        tx.send(_NO_MORE_LATE, request_id=found.id)
        return {"status": status, "in_time": not found.is_late}

    return _change(office, actor, number, change)


def _change(
    office: Office, actor: Actor, number: int, change: Callable[[Transaction, ServiceRequest], Mapping[str, Any]]
) -> ServiceRequest:
    require(actor, "handle_requests")

    def write(tx: Transaction) -> ServiceRequest:
        found = lock(tx, office, number)
        said = {"number": number, **change(tx, found)}
        tx.audit("update", "callback_requests", found.id, old={"status": found.status}, new=said)
        tx.event(f"service.{said['status']}", "callback_requests", found.id, said)
        return read(tx, office, number)

    return office.database.transaction(write, actor=actor)
