"""How audit rows and domain events are written. Services never call this: ``transaction()`` does, as its last act."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, insert

from core.database import Statement
from core.models import AuditLog, DomainEvent

_AUDIT_COLUMNS: Final = (
    "operator_id",
    "id",
    "user_id",
    "terminal_id",
    "correlation_id",
    "entity_type",
    "entity_id",
    "action",
    "old_values",
    "new_values",
)
_EVENT_COLUMNS: Final = (
    "operator_id",
    "id",
    "event_type",
    "entity_type",
    "entity_id",
    "payload",
    "correlation_id",
    "user_id",
    "terminal_id",
)

INSERT_AUDIT: Final = Statement(insert(AuditLog).values({name: bindparam(name) for name in _AUDIT_COLUMNS}))
INSERT_EVENT: Final = Statement(insert(DomainEvent).values({name: bindparam(name) for name in _EVENT_COLUMNS}))
