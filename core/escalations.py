"""What waits too long is told to somebody higher: service requests and approvals, by the clock or by hand.

A level that is missed is escalated exactly once, however many terminals and jobs look at the same time: the row that
says so has a key of its own, and whoever writes it tells the people. Whom and when is policy, of the station.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import Table, bindparam, exists, func, insert, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import Text
from uuid_utils.compat import uuid7

from core import policy, service_queue
from core.database import Actor, Statement, Transaction
from core.errors import NotFound, Refused, UsageError
from core.models import Approval, CallbackEscalation, CallbackRequest, Notification, Terminal, User, UserStation
from core.models.service import ESCALATED_TO
from core.office import Office
from core.permissions import require
from core.policy import (
    APPROVAL_ESCALATION_MINUTES,
    ESCALATION_AGAIN_MINUTES,
    ESCALATION_ROLE,
    ESCALATION_SECOND_ROLE,
    Policies,
)
from core.service_queue import ServiceRequest
from core.wording import one_line

LEVELS: Final = 2

_MISSED: Final = select(func.coalesce(func.max(CallbackEscalation.level), 0))
_REQUESTS: Final = Statement(
    select(
        *(CallbackRequest.id, CallbackRequest.request_number.label("number")),
        CallbackRequest.service_kind.label("kind"),
        *(CallbackRequest.station_id, CallbackRequest.expires_at, CallbackRequest.assigned_to.label("waits_for")),
        _MISSED.where(
            CallbackEscalation.operator_id == CallbackRequest.operator_id,
            CallbackEscalation.request_id == CallbackRequest.id,
        ).scalar_subquery().label("level"),
    ).where(
        CallbackRequest.operator_id == bindparam("operator_id"),
        CallbackRequest.status == func.any(literal(list(service_queue.OPEN), ARRAY(Text))),
        CallbackRequest.expires_at <= func.now(),
    )
)  # fmt: skip
_APPROVALS: Final = Statement(
    select(
        *(Approval.id, Approval.approval_number.label("number"), Approval.approval_kind.label("kind")),
        *(Terminal.station_id, Approval.created_at, Approval.requested_by.label("asker")),
        _MISSED.where(
            CallbackEscalation.operator_id == Approval.operator_id, CallbackEscalation.approval_id == Approval.id
        ).scalar_subquery().label("level"),
    )
    .join(Terminal, (Terminal.operator_id == Approval.operator_id) & (Terminal.id == Approval.terminal_id))
    .where(
        Approval.operator_id == bindparam("operator_id"),
        Approval.status == "pending",
        Approval.expires_at > func.now(),
    )
)  # fmt: skip
_COLUMNS: Final = (
    *("operator_id", "id", "request_id", "approval_id", "level", "reason", "escalated_from", "escalated_to_role"),
    *("escalated_to", "escalated_by"),
)
_ROW: Final[dict[str, Any]] = {name: bindparam(name) for name in _COLUMNS}
_ONCE: Final = Statement(
    upsert(CallbackEscalation).values(_ROW).on_conflict_do_nothing().returning(CallbackEscalation.id)
)
_BY_HAND: Final = Statement(insert(CallbackEscalation).values(_ROW))
_HAS_STATIONS: Final = exists().where(UserStation.operator_id == User.operator_id, UserStation.user_id == User.id)
_HERE: Final = exists().where(
    UserStation.operator_id == User.operator_id,
    UserStation.user_id == User.id,
    UserStation.station_id == bindparam("station_id"),
)
_PEOPLE: Final = Statement(
    select(User.id, User.role).where(
        User.operator_id == bindparam("operator_id"),
        User.is_active,
        User.role == func.any(literal(list(ESCALATED_TO), ARRAY(Text))),
        ~_HAS_STATIONS | _HERE,
    )
)
_BY_STAFF_NUMBER: Final = Statement(
    select(User.id).where(
        User.operator_id == bindparam("operator_id"), User.staff_number == bindparam("number"), User.is_active
    )
)
_NOTE_COLUMNS: Final = ("operator_id", "id", "user_id", "notification_type", "title", "message", "metadata", "sent_at")
_TELL: Final = Statement(
    insert(cast(Table, Notification.__table__)).values({name: bindparam(name) for name in _NOTE_COLUMNS})
)


@dataclass(frozen=True, slots=True)
class Escalation:
    """What was escalated: a ``request`` or an ``approval``, which one, the level, and how many were told."""

    about: str
    number: int
    level: int
    to_role: str | None
    told: int

    def as_json(self) -> dict[str, Any]:
        return {
            "about": self.about, "number": self.number, "level": self.level, "to_role": self.to_role,
            "told": self.told,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Late:
    """Something that waits. ``due`` is when its first level is missed; ``excepted`` need not be told."""

    about: str
    id: UUID
    number: int
    kind: str
    station_id: int | None
    due: datetime
    level: int
    waits_for: UUID | None
    excepted: UUID | None


def missed(due: datetime, now: datetime, again: timedelta, level: int) -> list[int]:
    """The levels that are missed by now and not yet escalated; pure.

    Args:
        due: when the first one is missed; each further one after ``again``.
        level: the highest that was escalated already, 0 for none.
    """
    return [one for one in range(level + 1, LEVELS + 1) if due + (one - 1) * again <= now]


def escalate_due(office: Office) -> list[Escalation]:
    """Escalate everything that is late now; safe at any moment, from anywhere, by several at once.

    Nobody in particular does it: the clock does, so no session is needed.
    """

    def look(tx: Transaction) -> tuple[list[_Late], Policies]:
        asked, requests, approvals = policy.ask(tx), tx.send(_REQUESTS), tx.send(_APPROVALS)
        policies = asked.read()
        late = [
            _Late(
                "request", row.id, row.number, row.kind, row.station_id, row.expires_at, row.level, row.waits_for, None
            )
            for row in requests.all()
        ]
        for row in approvals.all():
            limit = timedelta(minutes=policies.get(APPROVAL_ESCALATION_MINUTES, station_id=row.station_id))
            due = row.created_at + limit
            late.append(
                _Late("approval", row.id, row.number, row.kind, row.station_id, due, row.level, None, row.asker)
            )
        now = tx.now
        return [one for one in late if missed(one.due, now, _again(policies, one), one.level)], policies

    late, policies = office.database.transaction(look)
    done: list[Escalation] = []
    # One to a transaction: what is told is told, even if the next one fails.
    for one in late:
        done += office.database.transaction(lambda tx, one=one: _escalate(tx, one, policies))  # type: ignore[misc]
    return done


def _again(policies: Policies, one: _Late) -> timedelta:
    return timedelta(minutes=policies.get(ESCALATION_AGAIN_MINUTES, station_id=one.station_id))


def _escalate(tx: Transaction, one: _Late, policies: Policies) -> list[Escalation]:
    done = []
    for level in missed(one.due, tx.now, _again(policies, one), one.level):
        role = policies.get(ESCALATION_ROLE if level == 1 else ESCALATION_SECOND_ROLE, station_id=one.station_id)
        key = uuid7()
        written = tx.send(
            _ONCE, id=key, **_about(one.about, one.id), level=level, reason="service level missed",
            escalated_from=one.waits_for, escalated_to_role=role, escalated_to=None, escalated_by=None,
        )  # fmt: skip
        if written.first() is None:
            continue  # another terminal was faster, and has told them
        told = _of_role(tx, role, one.station_id, one.excepted)
        minutes = int((tx.now - one.due).total_seconds()) // 60
        _tell(tx, told, one.about, one.number, one.kind, f"It is {minutes} min over its limit.", one.station_id, key)
        said = {"about": one.about, "number": one.number, "level": level, "role": role, "told": len(told)}
        tx.audit("create", "callback_escalations", key, new=said)
        tx.event("service.escalated", _TABLES[one.about], one.id, said)
        done.append(Escalation(one.about, one.number, level, role, len(told)))
    return done


_TABLES: Final = {"request": "callback_requests", "approval": "approvals"}


def _about(about: str, key: UUID) -> dict[str, UUID | None]:
    return {"request_id": key if about == "request" else None, "approval_id": key if about == "approval" else None}


def _of_role(tx: Transaction, role: str, station_id: int | None, excepted: UUID | None) -> list[UUID]:
    """Those of a role who work at a station; where there is nobody, the administrators, so that somebody knows."""
    people = [row for row in tx.send(_PEOPLE, station_id=station_id).all() if row.id != excepted]
    found = [row.id for row in people if row.role == role]
    return found or [row.id for row in people]


def _tell(
    tx: Transaction, people: Sequence[UUID], about: str, number: int, kind: str, message: str,
    station_id: int | None, escalation: UUID,
) -> None:  # fmt: skip
    what = {"request": "Service request", "approval": "Approval"}[about]
    details = {"about": about, "number": number, "station_id": station_id, "escalation": str(escalation)}
    tx.send_each(
        _TELL,
        [
            {
                "id": uuid7(),
                "user_id": who,
                "notification_type": "service",
                "title": f"{what} {number} ({kind.replace('_', ' ')}) waits too long",
                "message": message,
                "metadata": Jsonb(details),
                "sent_at": tx.now,
            }
            for who in people
        ],
    )


def escalate(
    office: Office, actor: Actor, number: int, reason: str, *, role: str | None = None, staff: str | None = None
) -> tuple[ServiceRequest, Escalation]:
    """Tell somebody higher of a request by hand, to a role (supervisors, if left out) or to one of the staff.

    Raises:
        NotFound: no such request, or nobody of that number (``unknown_staff``).
        StateConflict: it has ended.
        Refused: no reason (``reason_missing``).
        UsageError: no such role, or role and staff (``escalation_unclear``).
    """
    require(actor, "handle_requests")
    why = one_line(reason)
    if not why:
        raise Refused("An escalation needs a reason.", code="reason_missing", hint="Say why; it is told on.")
    if (role is not None and staff is not None) or role not in (None, *ESCALATED_TO):
        raise UsageError(
            "It is told to a role or to one person.",
            code="escalation_unclear",
            hint=f"Roles: {', '.join(ESCALATED_TO)}.",
        )
    to_role = None if staff is not None else role or ESCALATED_TO[0]

    def write(tx: Transaction) -> tuple[ServiceRequest, Escalation]:
        found = service_queue.lock(tx, office, number)
        person = None
        if staff is not None:
            person = tx.send(_BY_STAFF_NUMBER, number=staff.strip()).scalar()
            if person is None:
                raise NotFound(
                    f"There is nobody with the number {staff.strip()[:20]!r}.", code="unknown_staff",
                    hint="List them: counter staff list.",
                )  # fmt: skip
        key = uuid7()
        tx.send(
            _BY_HAND, id=key, **_about("request", found.id), level=0, reason=why, escalated_from=found.assigned_to_id,
            escalated_to_role=to_role, escalated_to=person, escalated_by=actor.user_id,
        )  # fmt: skip
        told = [person] if person else _of_role(tx, to_role or "", found.station_id, actor.user_id)
        _tell(tx, told, "request", number, found.kind, f"{actor.full_name}: {why}", found.station_id, key)
        said = {"about": "request", "number": number, "level": 0, "role": to_role, "told": len(told), "reason": why}
        tx.audit("create", "callback_escalations", key, new=said)
        tx.event("service.escalated", "callback_requests", found.id, said)
        return service_queue.read(tx, office, number), Escalation("request", number, 0, to_role, len(told))

    return office.database.transaction(write, actor=actor)
