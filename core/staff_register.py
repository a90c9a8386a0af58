"""Looking after staff: entered, changed, switched off and on, unlocked, given a new PIN, signed off from afar.

A supervisor looks after clerks and gate agents, an administrator after everybody; the database holds the same rule
(``may_manage`` in ``core.models.session_guards``). Nobody does any of this to himself, and one active administrator
always stays. A PIN that somebody else has set is random, told once, and changed at the first sign-in.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypedDict, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, insert, select, true, update
from uuid_utils.compat import uuid7

from core import pins, staff
from core.database import Actor, Transaction, on_violation
from core.errors import NotPermitted, Refused, StateConflict, UsageError
from core.models import Terminal, User, UserSession, UserStation
from core.office import Office
from core.permissions import require
from core.staff_list import Member, find, listed, read, require_session, sessions
from core.wording import one_line

__all__ = [
    "ROLES", "Changes", "NewPin", "activate", "add", "change", "deactivate", "find", "listed", "manageable",
    "may_manage", "reset_pin", "sessions", "set_stations", "sign_off", "unlock",
]  # fmt: skip

T = TypeVar("T")

#: Kinds of staff, as they may be given to somebody.
ROLES: Final = ("clerk", "gate", "supervisor", "admin")
LONGEST_NUMBER: Final = 20
LONGEST_NAME: Final = 80
_PIN_DIGITS: Final = 6
_NUMBER: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,18}[A-Za-z0-9])?")
#: Who looks after whom.
_MANAGED: Final[Mapping[str, frozenset[str]]] = {
    "supervisor": frozenset({"clerk", "gate"}),
    "admin": frozenset(ROLES),
}


def _exists() -> StateConflict:
    return StateConflict("Somebody has this staff number already.", code="staff_exists", hint="Choose another number.")


on_violation("uq_users_operator_id_staff_number", _exists)


@dataclass(frozen=True, slots=True)
class NewPin:
    """Somebody with a PIN that was just made. It is shown once and stored nowhere."""

    member: Member
    pin: str

    def __repr__(self) -> str:
        return f"NewPin({self.member.number})"


class Changes(TypedDict, total=False):
    """What may be changed; what is left out stays."""

    name: str
    role: str


def manageable(actor: Actor) -> Sequence[str]:
    """The kinds of staff that somebody looks after."""
    return [role for role in ROLES if role in _MANAGED.get(actor.role, frozenset())]


def may_manage(actor: Actor, member: Member) -> bool:
    """Whether somebody looks after this member: a kind he may manage, and not himself."""
    return member.role in manageable(actor) and member.id != actor.user_id


def add(office: Office, actor: Actor, number: str, name: str, role: str, stations: Iterable[str] = ()) -> NewPin:
    """Enter a member of the staff, with a random PIN to be changed at the first sign-in.

    Args:
        stations: codes of the stations somebody may work at; none means every one.

    Raises:
        UsageError: a number, a name or a role that cannot be (``staff_invalid``).
        NotFound: an unknown station (``unknown_station``).
        NotPermitted: the role may not look after such staff.
        StateConflict: the number is taken (``staff_exists``).
    """
    require(actor, "manage_staff")
    number, name = _number(number), _name(name)
    _require_role(actor, role)
    at = _stations(office, stations)
    member_id, pin = uuid7(), _random_pin(number)
    values: dict[str, Any] = {"staff_number": number, "full_name": name, "role": role, "must_change_pin": True}
    kept = pins.keep(pin)

    def write(tx: Transaction) -> Member:
        require_session(tx)
        mine = User.operator_id == tx.operator_id
        if tx.query(select(User.id).where(mine, func.lower(User.staff_number) == number.lower())).first():
            raise _exists()
        tx.query(insert(User).values(operator_id=tx.operator_id, id=member_id, password_hash=kept, **values))
        _assign(tx, member_id, at.values())
        tx.audit("create", "users", member_id, new={**values, "stations": sorted(at)})
        return read(tx, number)

    return NewPin(office.database.transaction(write, actor=actor), pin)


def change(office: Office, actor: Actor, number: str, changes: Changes) -> Member:
    """Change a name or a role. Who gets another role is signed off everywhere.

    Raises:
        UsageError: a name or a role that cannot be (``staff_invalid``).
        NotFound: nobody has that number (``unknown_staff``).
        NotPermitted: the actor does not look after this person, or after such a role; or wants another role himself.
        Refused: the last active administrator stays one (``last_admin``).
    """
    wanted: dict[str, Any] = {}
    if "name" in changes:
        wanted["full_name"] = _name(changes["name"])
    if "role" in changes:
        _require_role(actor, changes["role"])
        wanted["role"] = changes["role"]

    def work(tx: Transaction, before: Member) -> None:
        new = {name: value for name, value in wanted.items() if value != _known(before)[name]}
        if "role" in new:
            _keep_an_admin(tx, before)
        _update(tx, before, new)
        if "role" in new:
            _end_sessions(tx, before, "role changed")

    return _managing(office, actor, number, work)


def deactivate(office: Office, actor: Actor, number: str) -> Member:
    """Nobody signs in with this number any more, and who is signed in with it is signed off.

    Raises:
        NotFound, NotPermitted, Refused: as ``change``.
    """

    def work(tx: Transaction, before: Member) -> None:
        _keep_an_admin(tx, before)
        _update(tx, before, {"is_active": False} if before.is_active else {})
        _end_sessions(tx, before, "deactivated")

    return _managing(office, actor, number, work)


def activate(office: Office, actor: Actor, number: str) -> Member:
    """This number may sign in again.

    Raises:
        NotFound, NotPermitted: as ``change``.
    """

    def work(tx: Transaction, before: Member) -> None:
        _update(tx, before, {} if before.is_active else {"is_active": True})

    return _managing(office, actor, number, work)


def unlock(office: Office, actor: Actor, number: str) -> Member:
    """Forget the wrong PINs of this number.

    Raises:
        NotFound, NotPermitted: as ``change``.
    """

    def work(tx: Transaction, before: Member) -> None:
        clean = {"failed_attempts": 0, "lockouts": 0, "locked_until": None}
        _update(tx, before, {name: value for name, value in clean.items() if value != _known(before)[name]})

    return _managing(office, actor, number, work)


def reset_pin(office: Office, actor: Actor, number: str) -> NewPin:
    """A new random PIN, to be changed at the next sign-in; the number is unlocked and signed off everywhere.

    Raises:
        NotFound, NotPermitted: as ``change``.
    """
    pin = _random_pin(number.strip())
    member = _managing(office, actor, number, lambda tx, before: staff.reset_secret(tx, before.id, pin))
    return NewPin(member, pin)


def set_stations(office: Office, actor: Actor, number: str, stations: Iterable[str]) -> Member:
    """Where somebody may work: at these stations, or without any at every one. Sessions elsewhere end.

    Raises:
        NotFound: an unknown number or station.
        NotPermitted: as ``change``.
    """
    at = _stations(office, stations)

    def work(tx: Transaction, before: Member) -> None:
        if set(before.stations) == set(at):
            return
        tx.query(delete(UserStation).where(UserStation.operator_id == tx.operator_id, UserStation.user_id == before.id))
        _assign(tx, before.id, at.values())
        tx.audit(
            "update", "users", before.id, old={"stations": list(before.stations)}, new={"stations": sorted(at)}
        )  # fmt: skip
        if at:
            here = select(Terminal.id).where(
                Terminal.operator_id == tx.operator_id, Terminal.station_id.in_(at.values())
            )
            _end_sessions(tx, before, "stations changed", UserSession.terminal_id.not_in(here))

    return _managing(office, actor, number, work)


def sign_off(office: Office, actor: Actor, number: str, reason: str) -> int:
    """End all sessions of somebody at once; of oneself those at other terminals. Returns how many there were.

    Raises:
        UsageError: without a reason (``reason_missing``).
        NotFound: nobody has that number (``unknown_staff``).
        NotPermitted: the actor does not look after this person.
    """
    require(actor, "sign_off_others")
    why = one_line(reason)
    if not why:
        raise UsageError("Signing somebody off needs a reason.", code="reason_missing", hint="Say why; it is recorded.")

    def work(tx: Transaction) -> int:
        require_session(tx)
        member = read(tx, number)
        said = f"signed off by {actor.staff_number}: {why}"
        if member.id == actor.user_id:
            return _end_sessions(tx, member, said, UserSession.terminal_id.is_distinct_from(actor.terminal_id))
        _require_managed(actor, member)
        return _end_sessions(tx, member, said)

    return office.database.transaction(work, actor=actor)


# What they have in common


def _managing(office: Office, actor: Actor, number: str, work: Callable[[Transaction, Member], None]) -> Member:
    """Do something to a member whom the actor looks after, whose row stays locked until it is done."""
    require(actor, "manage_staff")

    def do(tx: Transaction) -> Member:
        require_session(tx)
        seen = read(tx, number)
        _require_managed(actor, seen)
        # Two administrators who remove each other at once wait for each other: all their rows, in one order.
        which = (User.id == seen.id) | (User.role == "admin") if seen.role == "admin" else User.id == seen.id
        mine = User.operator_id == tx.operator_id
        locked = tx.query(select(User.id).where(mine, which).order_by(User.id).with_for_update()).all()
        if seen.id not in {row.id for row in locked}:
            raise NotPermitted(
                "The database login of this terminal may not change staff.",
                hint="Give it a supervisor's login as well: COUNTER_SUPERVISOR_DATABASE_URL.",
            )
        before = read(tx, number)
        _require_managed(actor, before)
        work(tx, before)
        return read(tx, number)

    return office.database.transaction(do, actor=actor)


def _require_managed(actor: Actor, member: Member) -> None:
    if member.id == actor.user_id:
        raise NotPermitted("Nobody does this to himself.", hint="Ask another supervisor or an administrator.")
    if not may_manage(actor, member):
        raise NotPermitted(
            f"A {actor.role} does not look after anybody who is {member.role}.", hint="Ask an administrator."
        )


def _require_role(actor: Actor, role: str) -> None:
    if role not in ROLES:
        raise UsageError(
            f"{one_line(role, 20)!r} is no role.", code="staff_invalid", hint=f"Use one of: {', '.join(ROLES)}."
        )
    if role not in manageable(actor):
        raise NotPermitted(f"A {actor.role} cannot make anybody {role}.", hint="Ask an administrator.")


def _keep_an_admin(tx: Transaction, before: Member) -> None:
    if before.role != "admin" or not before.is_active:
        return
    mine = User.operator_id == tx.operator_id
    others = select(User.id).where(mine, User.role == "admin", User.is_active, User.id != before.id)
    if not tx.query(others).all():
        raise Refused("This is the last administrator.", code="last_admin", hint="Enter another one first.")


def _known(member: Member) -> dict[str, Any]:
    return {
        "full_name": member.name,
        "role": member.role,
        "is_active": member.is_active,
        "failed_attempts": member.failed_attempts,
        "lockouts": member.lockouts,
        "locked_until": member.locked_until,
    }


def _update(tx: Transaction, before: Member, new: Mapping[str, Any]) -> None:
    if not new:
        return
    mine = (User.operator_id == tx.operator_id) & (User.id == before.id)
    tx.query(update(User).where(mine).values(updated_at=func.now(), **new))
    known = _known(before)
    tx.audit("update", "users", before.id, old=_plain({name: known[name] for name in new}), new=_plain(new))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()}


def _assign(tx: Transaction, member_id: UUID, station_ids: Iterable[int]) -> None:
    rows = [{"operator_id": tx.operator_id, "user_id": member_id, "station_id": one} for one in station_ids]
    if rows:
        tx.query(insert(UserStation).values(rows))


def _end_sessions(tx: Transaction, member: Member, why: str, which: ColumnElement[bool] | None = None) -> int:
    ended = tx.query(
        update(UserSession)
        .where(
            UserSession.operator_id == tx.operator_id,
            UserSession.user_id == member.id,
            UserSession.is_active,
            UserSession.expires_at > func.now(),
            true() if which is None else which,
        )
        .values(is_active=False, ended_at=func.now(), ended_because=why)
        .returning(UserSession.id)
    ).all()
    for row in ended:
        tx.audit("update", "user_sessions", row.id, old={"is_active": True}, new={"is_active": False, "ended": why})
    return len(ended)


def _number(text: str) -> str:
    number = text.strip()
    if not _NUMBER.fullmatch(number):
        raise UsageError(
            f"A staff number has 1 to {LONGEST_NUMBER} letters and figures, with hyphens and full stops inside.",
            code="staff_invalid",
            hint="Choose another number.",
        )
    return number


def _name(text: str) -> str:
    name = one_line(text, LONGEST_NAME + 1)
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(
            f"A name is one line of at most {LONGEST_NAME} characters.", code="staff_invalid", hint="Check the name."
        )
    return name


def _stations(office: Office, codes: Iterable[str]) -> dict[str, int]:
    network = office.network()
    found = [network.station(code) for code in codes]
    return {station.code: station.id for station in found}


def _random_pin(number: str) -> str:
    while True:
        pin = "".join(secrets.choice("0123456789") for _ in range(_PIN_DIGITS))
        try:
            pins.require_good_pin(pin, number)
        except Refused:
            continue
        return pin
