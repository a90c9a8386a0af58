"""Who works here: members of the staff as supervisors see them, and where they are signed in.

What belongs here: reading. What is changed is ``core.staff_register``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, text

from core.clock import local
from core.database import Actor, Statement, Transaction
from core.errors import NotFound, NotSignedIn
from core.models import Station, Terminal, User, UserSession, UserStation
from core.office import Office
from core.permissions import require

PAGE_ROWS: Final = 100
_LONGEST_SEARCH: Final = 80
#: What is known of somebody. What is kept of the PIN is readable by nobody.
COLUMNS: Final = (
    *(User.id, User.staff_number, User.full_name, User.role, User.is_active, User.must_change_pin),
    *(User.failed_attempts, User.lockouts, User.locked_until, User.last_login),
)
_ACTING: Final = Statement(text("SELECT acting_role()"))


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in somewhere. ``is_interactive``: at a screen; else a command or a decision in place."""

    id: UUID
    staff_number: str
    full_name: str
    role: str
    terminal: str
    station: str
    program: str
    since: datetime
    last_activity: datetime
    expires_at: datetime
    is_interactive: bool

    def as_json(self, time_zone: str) -> dict[str, Any]:
        """The session as commands print it, with times on the operator's clock."""
        return {
            "staff_number": self.staff_number,
            "name": self.full_name,
            "role": self.role,
            "terminal": self.terminal,
            "station": self.station or None,
            "program": self.program,
            "interactive": self.is_interactive,
            "since": local(self.since, time_zone).isoformat(),
            "last_activity": local(self.last_activity, time_zone).isoformat(),
            "expires_at": local(self.expires_at, time_zone).isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the staff at the moment ``now``. ``stations`` are codes; none means every station."""

    id: UUID
    number: str
    name: str
    role: str
    is_active: bool
    must_change_pin: bool
    failed_attempts: int
    lockouts: int
    locked_until: datetime | None
    last_login: datetime | None
    stations: tuple[str, ...]
    sessions: tuple[Session, ...]
    now: datetime

    @property
    def is_locked(self) -> bool:
        """Whether too many wrong PINs keep this number out now."""
        return self.locked_until is not None and self.locked_until > self.now

    @property
    def status(self) -> str:
        """The first that holds: ``inactive``, ``locked``, ``must_change_pin``, ``signed_in``, ``active``."""
        if not self.is_active:
            return "inactive"
        if self.is_locked:
            return "locked"
        if self.must_change_pin:
            return "must_change_pin"
        return "signed_in" if any(one.is_interactive for one in self.sessions) else "active"

    def as_json(self, time_zone: str) -> dict[str, Any]:
        """The member as commands print it, with times on the operator's clock."""

        def when(moment: datetime | None) -> str | None:
            return None if moment is None else local(moment, time_zone).isoformat()

        return {
            "staff_number": self.number,
            "name": self.name,
            "role": self.role,
            "status": self.status,
            "active": self.is_active,
            "must_change_pin": self.must_change_pin,
            "failed_attempts": self.failed_attempts,
            "locked_until": when(self.locked_until) if self.is_locked else None,
            "last_login": when(self.last_login),
            "stations": list(self.stations),
            "sessions": [one.as_json(time_zone) for one in self.sessions],
        }


@dataclass(frozen=True, slots=True)
class Page:
    """Some members, by number. ``total`` is how many there are on all pages; ``number`` counts pages from 0."""

    members: tuple[Member, ...]
    number: int
    total: int

    @property
    def has_more(self) -> bool:
        return (self.number + 1) * PAGE_ROWS < self.total


def listed(office: Office, actor: Actor, wanted: str = "", *, page: int = 0) -> Page:
    """A page of the staff whose number begins with ``wanted``, whose name has it in it, or whose role it is.

    Those who have left come last.

    Raises:
        NotPermitted: the role may not look after staff.
    """
    require(actor, "manage_staff")
    where = _matching(wanted)

    def look(tx: Transaction) -> Page:
        require_session(tx)
        mine = (User.operator_id == tx.operator_id) & (User.role != "customer")
        total = tx.query(select(func.count()).select_from(User).where(mine, where))
        order = (User.is_active.desc(), func.length(User.staff_number), User.staff_number)
        chosen = select(*COLUMNS).where(mine, where).order_by(*order)
        rows = tx.query(chosen.limit(PAGE_ROWS).offset(max(page, 0) * PAGE_ROWS)).all()
        return Page(members_of(tx, rows), max(page, 0), total.scalar() or 0)

    return office.database.transaction(look, actor=actor)


def _matching(wanted: str) -> ColumnElement[bool]:
    words = " ".join(wanted.split())[:_LONGEST_SEARCH]
    if not words or "\x00" in words:
        return User.id.is_not(None) if not words else User.id.is_(None)
    return or_(
        User.staff_number.istartswith(words, autoescape=True),
        User.full_name.icontains(words, autoescape=True),
        User.role == words.casefold(),
    )


def find(office: Office, actor: Actor, number: str) -> Member:
    """
    Raises:
        NotPermitted: the role may not look after staff.
        NotFound: nobody has that number (``unknown_staff``).
    """
    require(actor, "manage_staff")

    def look(tx: Transaction) -> Member:
        require_session(tx)
        return read(tx, number)

    return office.database.transaction(look, actor=actor)


def sessions(office: Office, actor: Actor, number: str = "") -> list[Session]:
    """Who is signed in where, those who came last first; of one member of the staff if a number is given.

    Raises:
        NotPermitted: the role may not look after staff.
        NotFound: nobody has that number (``unknown_staff``).
    """
    require(actor, "manage_staff")

    def look(tx: Transaction) -> list[Session]:
        require_session(tx)
        who = None if not number else read(tx, number).id
        found = tx.query(_running(tx, User.role != "customer" if who is None else User.id == who)).all()
        return [_session(row) for row in found]

    return office.database.transaction(look, actor=actor)


def require_session(tx: Transaction) -> None:
    """
    Raises:
        NotSignedIn: the session of whoever works is over (``session_over``); the database would show and let nothing.
    """
    if tx.send(_ACTING).scalar() is None:
        raise NotSignedIn(
            "Your session is over.", code="session_over", hint="Sign in again; what is on the screen is kept."
        )


def read(tx: Transaction, number: str) -> Member:
    """
    Raises:
        NotFound: nobody has that number (``unknown_staff``).
    """
    wanted = number.strip()
    found: Sequence[Any] = ()
    if wanted.isascii() and wanted.isprintable():
        found = tx.query(
            select(*COLUMNS).where(
                User.operator_id == tx.operator_id, User.role != "customer", User.staff_number == wanted
            )
        ).all()
    if not found:
        shown = "".join(letter if letter.isprintable() else "?" for letter in wanted[:20])
        raise NotFound(f"Nobody has the staff number {shown!r}.", code="unknown_staff", hint="List them first.")
    (member,) = members_of(tx, found)
    return member


def members_of(tx: Transaction, rows: Iterable[Any]) -> tuple[Member, ...]:
    """Rows of ``COLUMNS``, with the stations and the sessions that belong to them."""
    rows = list(rows)
    ids = [row.id for row in rows]
    assigned = tx.query(
        select(UserStation.user_id, Station.station_code)
        .join(Station, (Station.operator_id == UserStation.operator_id) & (Station.id == UserStation.station_id))
        .where(UserStation.operator_id == tx.operator_id, UserStation.user_id.in_(ids))
        .order_by(Station.station_code)
    )
    running = tx.query(_running(tx, User.id.in_(ids)))
    stations: dict[UUID, list[str]] = defaultdict(list)
    for row in assigned.all():
        stations[row.user_id].append(row.station_code)
    at: dict[UUID, list[Session]] = defaultdict(list)
    for row in running.all():
        at[row.user_id].append(_session(row))
    return tuple(
        Member(
            row.id, row.staff_number, row.full_name, row.role, row.is_active, row.must_change_pin,
            row.failed_attempts, row.lockouts, row.locked_until, row.last_login,
            tuple(stations[row.id]), tuple(at[row.id]), tx.now,
        )
        for row in rows
    )  # fmt: skip


def _running(tx: Transaction, whose: ColumnElement[bool]) -> Any:
    return (
        select(
            *(UserSession.id, UserSession.user_id, UserSession.login_time, UserSession.last_activity),
            *(UserSession.expires_at, UserSession.is_interactive, UserSession.user_agent),
            *(User.staff_number, User.full_name, User.role, Terminal.terminal_code, Station.station_code),
        )
        .join(User, (User.operator_id == UserSession.operator_id) & (User.id == UserSession.user_id))
        .outerjoin(
            Terminal, (Terminal.operator_id == UserSession.operator_id) & (Terminal.id == UserSession.terminal_id)
        )
        .outerjoin(Station, (Station.operator_id == Terminal.operator_id) & (Station.id == Terminal.station_id))
        .where(
            UserSession.operator_id == tx.operator_id,
            UserSession.is_active,
            UserSession.expires_at > func.now(),
            whose,
        )
        .order_by(UserSession.login_time.desc(), UserSession.id)
    )


def _session(row: Any) -> Session:
    return Session(
        id=row.id,
        staff_number=row.staff_number,
        full_name=row.full_name,
        role=row.role,
        terminal=row.terminal_code or "",
        station=row.station_code or "",
        program=row.user_agent or "",
        since=row.login_time,
        last_activity=row.last_activity,
        expires_at=row.expires_at,
        is_interactive=row.is_interactive,
    )
