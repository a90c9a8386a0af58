"""How audit rows and domain events are written. Services never call this: ``transaction()`` does, as its last act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, insert

from core.database import Statement, Transaction
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

#: What a transaction's audit row and event share.
_SHARED: Final = ("operator_id", "correlation_id", "user_id", "terminal_id")

INSERT_AUDIT: Final = Statement(insert(AuditLog).values({name: bindparam(name) for name in _AUDIT_COLUMNS}))
INSERT_EVENT: Final = Statement(insert(DomainEvent).values({name: bindparam(name) for name in _EVENT_COLUMNS}))
_EVENT_BESIDE: Final = insert(DomainEvent).values(
    {name: bindparam(name if name in _SHARED else f"event_{name}") for name in _EVENT_COLUMNS}
)
_INSERT_PAIR: Final = Statement(
    insert(AuditLog).values({name: bindparam(name) for name in _AUDIT_COLUMNS}).add_cte(_EVENT_BESIDE.cte("event"))
)


def write(tx: Transaction, events: Sequence[Mapping[str, Any]], audit: Sequence[Mapping[str, Any]]) -> None:
    """Queue a transaction's events and audit rows; one of each, as most changes leave behind, in one statement."""
    if len(events) == len(audit) == 1:
        beside = {f"event_{name}": value for name, value in events[0].items() if name not in _SHARED}
        tx.send(_INSERT_PAIR, **audit[0], **beside)
    else:
        tx.send_each(INSERT_EVENT, events)
        tx.send_each(INSERT_AUDIT, audit)
