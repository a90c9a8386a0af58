"""Staff signing in: a number and a PIN, checked against argon2, with a lock after too many failures.

A number nobody has is treated like one somebody has, so that nothing tells which exist: the same hash is computed,
and it locks after as many failures. Those are counted on the audit trail, by a digest (it may be a mistyped PIN).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import bindparam, func, insert, select, update
from uuid_utils.compat import uuid7

from core import policy
from core.database import Actor, Statement, Transaction
from core.errors import NotSignedIn
from core.models import AuditLog, User, UserSession
from core.office import Office
from core.policy import PIN_ATTEMPTS, PIN_LOCK_MINUTES, SESSION_HOURS
from core.terminals import TerminalInfo

_HASHER: Final = PasswordHasher()
#: Of a PIN nobody has; compared with when the number is unknown.
_DECOY: Final = "$argon2id$v=19$m=65536,t=3,p=4$YJ9GwbQZ5FinixRtZ+8q0Q$BLZuoMHtOUaTdCrHbY2Eg6xfmzLm5Zt7BKKG7nOIxt8"

_FIND: Final = Statement(
    select(User.id, User.full_name, User.role, User.password_hash, User.is_active, User.locked_until).where(
        User.operator_id == bindparam("operator_id"), User.staff_number == bindparam("staff_number")
    )
)
_OF_NOBODY: Final = "staff_numbers"
_FAILURES_OF_NOBODY: Final = Statement(
    select(func.count().label("failures"), func.max(AuditLog.created_at).label("last")).where(
        AuditLog.operator_id == bindparam("operator_id"),
        AuditLog.entity_type == bindparam("entity_type"),
        AuditLog.entity_id == bindparam("number_digest"),
    )
)
_LOCK: Final = Statement(
    select(User.failed_attempts, User.locked_until)
    .where(User.operator_id == bindparam("operator_id"), User.id == bindparam("user_id"))
    .with_for_update()
)
_SUCCEEDED: Final = Statement(
    update(User)
    .where(User.operator_id == bindparam("operator_id"), User.id == bindparam("user_id"))
    .values(failed_attempts=0, locked_until=None, last_login=func.now())
)
_FAILED: Final = Statement(
    update(User)
    .where(User.operator_id == bindparam("operator_id"), User.id == bindparam("user_id"))
    .values(failed_attempts=bindparam("attempts"), locked_until=bindparam("until"), updated_at=func.now())
)
_SESSION_COLUMNS: Final = ("operator_id", "id", "user_id", "terminal_id", "session_token", "user_agent", "expires_at")
_INSERT_SESSION: Final = Statement(insert(UserSession).values({name: bindparam(name) for name in _SESSION_COLUMNS}))


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody signed in at a terminal, until ``expires_at``."""

    actor: Actor
    expires_at: datetime


def sign_in(office: Office, terminal: TerminalInfo, staff_number: str, pin: str, *, program: str) -> SignIn:
    """Check number and PIN and open a session.

    Args:
        program: what signs in, for the record: ``counter`` or ``counter sell``.

    Raises:
        NotSignedIn: wrong number or PIN, deactivated, or locked after too many failures.
    """
    actor = _check(office, terminal, staff_number, pin)

    def open_session(tx: Transaction) -> datetime:
        asked = policy.ask(tx)
        _count_success(tx, actor)
        until = tx.now + timedelta(hours=asked.read().get(SESSION_HOURS, station_id=terminal.station_id))
        session_id = uuid7()
        tx.send(
            _INSERT_SESSION,
            id=session_id,
            user_id=actor.user_id,
            terminal_id=terminal.id,
            session_token=hashlib.sha256(secrets.token_bytes(32)).digest(),
            user_agent=program,
            expires_at=until,
        )
        tx.audit("create", "user_sessions", session_id, new={"staff_number": actor.staff_number, "program": program})
        return until

    return SignIn(actor, office.database.transaction(open_session, actor=actor))


def identify(office: Office, terminal: TerminalInfo, staff_number: str, pin: str) -> Actor:
    """Check number and PIN of somebody who decides something in place; nobody's session changes.

    Raises:
        NotSignedIn: as ``sign_in``, and failures count towards the same lock.
    """
    actor = _check(office, terminal, staff_number, pin)
    office.database.transaction(lambda tx: _count_success(tx, actor), actor=actor)
    return actor


def _check(office: Office, terminal: TerminalInfo, staff_number: str, pin: str) -> Actor:
    number = staff_number.strip()
    number_digest = office.keys.digest(ascii(number)).hex()

    def find(tx: Transaction) -> tuple[Any, datetime | None, datetime]:
        user = tx.send(_FIND, staff_number=number).first()
        until = _nobody_locked_until(tx, number_digest, terminal) if user is None else user.locked_until
        return user, until, tx.now

    user, locked_until, now = office.database.transaction(find)
    right = _verify(user.password_hash if user is not None and user.password_hash else _DECOY, pin)
    if locked_until is not None and locked_until > now:
        raise _locked(locked_until - now)
    if user is None or not user.is_active or not right:
        if user is not None:
            _record_failure(office, user.id, terminal)
        else:
            _record_failure_of_nobody(office, number_digest, terminal)
        raise NotSignedIn("This number and PIN do not fit.", hint="Check both; after several tries the number locks.")
    return Actor(user.id, number, user.full_name, user.role, terminal.id, terminal.code, terminal.station_id)


def _count_success(tx: Transaction, actor: Actor) -> None:
    """
    Raises:
        NotSignedIn: wrong PINs tried at the same moment have locked the number.
    """
    locked_until = tx.send(_LOCK, user_id=actor.user_id).all()[0].locked_until
    if locked_until is not None and locked_until > tx.now:
        raise _locked(locked_until - tx.now)
    tx.send(_SUCCEEDED, user_id=actor.user_id)


def _verify(stored: str, pin: str) -> bool:
    try:
        return _HASHER.verify(stored, pin.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False


def _record_failure(office: Office, user_id: Any, terminal: TerminalInfo) -> None:
    def fail(tx: Transaction) -> None:
        asked = policy.ask(tx)
        before = tx.send(_LOCK, user_id=user_id).scalar() or 0
        policies = asked.read()
        attempts = before + 1
        until = None
        if attempts >= policies.get(PIN_ATTEMPTS, station_id=terminal.station_id):
            until = tx.now + timedelta(minutes=policies.get(PIN_LOCK_MINUTES, station_id=terminal.station_id))
            attempts = 0
        tx.send(_FAILED, user_id=user_id, attempts=attempts, until=until)
        tx.audit("update", "users", user_id, new={"sign_in": "locked" if until else "failed"})

    office.database.transaction(fail, actor=Actor(terminal_id=terminal.id))


def _nobody_locked_until(tx: Transaction, number_digest: str, terminal: TerminalInfo) -> datetime | None:
    asked = policy.ask(tx)
    found = tx.send(_FAILURES_OF_NOBODY, entity_type=_OF_NOBODY, number_digest=number_digest).all()[0]
    policies = asked.read()
    if not found.failures or found.failures % policies.get(PIN_ATTEMPTS, station_id=terminal.station_id):
        return None
    last: datetime = found.last
    return last + timedelta(minutes=policies.get(PIN_LOCK_MINUTES, station_id=terminal.station_id))


def _record_failure_of_nobody(office: Office, number_digest: str, terminal: TerminalInfo) -> None:
    def fail(tx: Transaction) -> None:
        tx.audit("update", _OF_NOBODY, number_digest, new={"sign_in": "failed"})

    office.database.transaction(fail, actor=Actor(terminal_id=terminal.id))


def _locked(left: timedelta) -> NotSignedIn:
    minutes = max(1, -(-int(left.total_seconds()) // 60))
    return NotSignedIn(
        f"This number is locked for {minutes} more minute{'s' if minutes > 1 else ''}.",
        code="locked",
        hint="Wait, or ask a supervisor.",
    )
