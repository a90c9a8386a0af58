"""Notices: what the house has to say to whoever is signed in, until it is marked as read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from core.clock import local
from core.database import Actor, Statement
from core.models import Notification
from core.office import Office
from core.permissions import require

#: Rows of a list at most.
PAGE: Final = 100

_MINE: Final = (Notification.operator_id == bindparam("operator_id")) & (Notification.user_id == bindparam("user_id"))
_UNREAD: Final = _MINE & Notification.is_read.is_(False)
_LIST: Final = Statement(select(Notification).where(_UNREAD).order_by(Notification.created_at.desc()).limit(PAGE))
_ALL: Final = Statement(select(Notification).where(_MINE).order_by(Notification.created_at.desc()).limit(PAGE))
_COUNT: Final = Statement(select(func.count()).select_from(Notification).where(_UNREAD))
_READ: Final = Statement(
    update(Notification)
    .where(_UNREAD, Notification.id == func.any(bindparam("ids", type_=ARRAY(Uuid))))
    .values(is_read=True, read_at=func.now())
    .returning(Notification.id)
)


@dataclass(frozen=True, slots=True)
class Notice:
    """One of them. ``kind`` is one of ``core.models.journal.NOTIFICATION_TYPES``."""

    id: UUID
    kind: str
    title: str
    message: str
    details: Mapping[str, Any]
    is_read: bool
    created_at: datetime

    def as_json(self, zone: str) -> dict[str, Any]:
        """The notice as commands print it."""
        return {
            "id": str(self.id),
            "kind": self.kind,
            "title": self.title,
            "message": self.message,
            "details": dict(self.details),
            "read": self.is_read,
            "created_at": local(self.created_at, zone).isoformat(timespec="seconds"),
        }


def listed(office: Office, actor: Actor, *, everything: bool = False) -> list[Notice]:
    """The unread notices of whoever is signed in, newest first; with ``everything`` the read ones too."""
    require(actor, "read_notices")
    asked = _ALL if everything else _LIST
    rows = office.database.transaction(lambda tx: tx.send(asked, user_id=actor.user_id).all(), actor=actor)
    return [
        Notice(row.id, row.notification_type, row.title, row.message, row.metadata or {}, row.is_read, row.created_at)
        for row in rows
    ]


def count_unread(office: Office, actor: Actor) -> int:
    """How many there are."""
    require(actor, "read_notices")
    found = office.database.transaction(lambda tx: tx.send(_COUNT, user_id=actor.user_id).scalar(), actor=actor)
    return int(found or 0)


def mark_read(office: Office, actor: Actor, ids: Sequence[UUID]) -> int:
    """Mark notices of one's own as read; returns how many were not yet. Others' are left alone."""
    require(actor, "read_notices")
    return office.database.transaction(
        lambda tx: len(tx.send(_READ, user_id=actor.user_id, ids=list(ids)).all()), actor=actor
    )
