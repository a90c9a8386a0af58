"""Reading the audit trail: which rows a filter finds, a page at a time. Every look is on the trail itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, Text, cast, select, tuple_

from core.database import Actor, Transaction
from core.errors import NotFound, UsageError
from core.models import AuditLog, Terminal, User
from core.models.journal import AUDIT_ACTIONS
from core.office import Office
from core.permissions import require

#: Rows of one page.
PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows are wanted; what is None does not matter.

    Args:
        who: a staff number.
        terminal: a terminal's code.
        correlation: what one transaction did has one correlation id.
        since: from this moment on.
        before: up to, and without, this moment.
    """

    entity: str | None = None
    entity_id: str | None = None
    who: str | None = None
    action: str | None = None
    terminal: str | None = None
    correlation: UUID | None = None
    since: datetime | None = None
    before: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """What was asked, for the record."""
        named = {name: getattr(self, name) for name in self.__slots__ if getattr(self, name) is not None}
        return {name: _plain(value) for name, value in named.items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the trail. ``old`` and ``new`` are the text of the stored JSON, None where nothing is stored."""

    at: datetime
    id: UUID
    action: str
    entity: str
    entity_id: str
    staff_number: str | None
    user_id: UUID | None
    terminal: str | None
    terminal_id: int | None
    correlation_id: UUID
    old: str | None
    new: str | None
    ip_address: str | None
    user_agent: str | None
    chain_no: int
    previous_hash: bytes
    row_hash: bytes

    def as_json(self) -> dict[str, Any]:
        """Every column, hashes as hexadecimal digits; what ``export`` writes and commands print."""
        said = {name: getattr(self, name) for name in self.__slots__}
        return {name: _plain(value) for name, value in said.items()}


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, newest first, and the place to go on from; None where there are no more."""

    entries: tuple[Entry, ...]
    next: str | None


def look(office: Office, actor: Actor, wanted: Filter, *, after: str | None = None, limit: int = PAGE) -> Page:
    """The newest rows that ``wanted`` finds, or those after the place where another page ended.

    Args:
        limit: at most ``PAGE``.

    Raises:
        NotPermitted: not a supervisor or an administrator.
        NotFound: no such staff number or terminal.
        UsageError: an action nobody does, or a place no page ended at.
    """
    require(actor, "look_into_audit")
    place = None if after is None else _place(after)
    limit = min(limit, PAGE)

    def read(tx: Transaction) -> Page:
        found = _select(tx, wanted)
        if place is not None:
            found = found.where(tuple_(AuditLog.created_at, AuditLog.id) < place)
        newest = found.order_by(AuditLog.created_at.desc(), AuditLog.id.desc()).limit(limit + 1)
        rows = [Entry(*row) for row in tx.query(newest).all()]
        entries = tuple(rows[:limit])
        tx.audit("view", "audit_logs", "list", new={"filter": wanted.as_json(), "rows": len(entries)})
        return Page(entries, _after(entries[-1]) if len(rows) > limit else None)

    return office.database.transaction(read, actor=actor)


def oldest_first(tx: Transaction, wanted: Filter, *, at_once: int) -> Iterator[Entry]:
    """All rows that ``wanted`` finds, a page in memory at a time; whoever asks has put that on record."""
    found = _select(tx, wanted).order_by(AuditLog.created_at, AuditLog.id).limit(at_once)
    entries = [Entry(*row) for row in tx.query(found).all()]
    while entries:
        yield from entries
        last = (entries[-1].at, entries[-1].id)
        following = found.where(tuple_(AuditLog.created_at, AuditLog.id) > last)
        entries = [Entry(*row) for row in tx.query(following).all()]


def _select(tx: Transaction, wanted: Filter) -> Select[*tuple[Any, ...]]:
    found: Select[*tuple[Any, ...]] = (
        select(
            *(AuditLog.created_at, AuditLog.id, AuditLog.action, AuditLog.entity_type, AuditLog.entity_id),
            *(User.staff_number, AuditLog.user_id, Terminal.terminal_code, AuditLog.terminal_id),
            *(AuditLog.correlation_id, cast(AuditLog.old_values, Text), cast(AuditLog.new_values, Text)),
            *(AuditLog.ip_address, AuditLog.user_agent),
            *(AuditLog.chain_no, AuditLog.previous_hash, AuditLog.row_hash),
        )
        .outerjoin(User, (User.operator_id == AuditLog.operator_id) & (User.id == AuditLog.user_id))
        .outerjoin(Terminal, (Terminal.operator_id == AuditLog.operator_id) & (Terminal.id == AuditLog.terminal_id))
        .where(AuditLog.operator_id == tx.operator_id)
    )
    if wanted.entity is not None:
        found = found.where(AuditLog.entity_type == wanted.entity)
    if wanted.entity_id is not None:
        found = found.where(AuditLog.entity_id == wanted.entity_id)
    if wanted.action is not None:
        found = found.where(AuditLog.action == _action(wanted.action))
    if wanted.who is not None:
        found = found.where(AuditLog.user_id == _person(tx, wanted.who))
    if wanted.terminal is not None:
        found = found.where(AuditLog.terminal_id == _terminal(tx, wanted.terminal))
    if wanted.correlation is not None:
        found = found.where(AuditLog.correlation_id == wanted.correlation)
    if wanted.since is not None:
        found = found.where(AuditLog.created_at >= wanted.since)
    if wanted.before is not None:
        found = found.where(AuditLog.created_at < wanted.before)
    return found


def _action(name: str) -> str:
    if name not in AUDIT_ACTIONS:
        raise UsageError(f"{name[:20]!r} is no action.", hint=f"One of: {', '.join(AUDIT_ACTIONS)}.")
    return name


def _person(tx: Transaction, staff_number: str) -> UUID:
    mine = (User.operator_id == tx.operator_id) & (User.staff_number == staff_number.strip())
    found: UUID | None = tx.query(select(User.id).where(mine)).scalar()
    if found is None:
        raise NotFound(
            f"Nobody has the staff number {staff_number.strip()[:20]!r}.",
            code="unknown_staff",
            hint="Use the number they sign in with.",
        )
    return found


def _terminal(tx: Transaction, code: str) -> int:
    mine = (Terminal.operator_id == tx.operator_id) & (Terminal.terminal_code == code.strip())
    found: int | None = tx.query(select(Terminal.id).where(mine)).scalar()
    if found is None:
        raise NotFound(f"There is no terminal {code.strip()[:40]!r}.", code="unknown_terminal", hint="Check the code.")
    return found


def _after(last: Entry) -> str:
    return f"{_time(last.at)}/{last.id}"


def _place(after: str) -> tuple[datetime, UUID]:
    at, _, key = after.partition("/")
    try:
        moment, last = datetime.fromisoformat(at), UUID(key)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(f"{after[:60]!r} is no place a page ended at.", hint="Use what “next” said.")
    return moment, last


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return _time(value)
    return str(value) if isinstance(value, UUID) else value


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
