"""Staff signing in: a number and a PIN, proved to the database, which judges, counts, locks and opens the session.

A number nobody has is treated like one somebody has, so that nothing tells which exist: the same hash is computed,
and it locks after as many failures, each lock longer than the one before. Those are counted on the audit trail, by a
digest (it may be a mistyped PIN). What the database does stands in ``core.models.sign_in_guards``.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.orm import aliased
from uuid_utils.compat import uuid7

from core import pins, policy
from core.database import Actor, Statement, Transaction, on_violation
from core.errors import DatabaseBusy, NotPermitted, NotSignedIn, Refused
from core.models import Terminal, UserSession
from core.office import Office
from core.policy import IDLE_LOCK_MINUTES
from core.terminals import TerminalInfo

#: A decision in place takes no longer.
_IN_PLACE_MINUTES: Final = 5
_NO_LIMIT_MINUTES: Final = 60 * 24 * 7
_LONGEST_NUMBER: Final = 40

_CHALLENGE: Final = Statement(
    text(
        "SELECT c.*, now() AS now FROM sign_in_challenge(CAST(:number AS text), CAST(:digest AS text),"
        " CAST(:mail AS bytea), CAST(:terminal AS integer)) c"
    )
)
_ATTEMPT: Final = Statement(
    text(
        "SELECT a.*, now() AS now FROM sign_in_attempt(CAST(:number AS text), CAST(:digest AS text),"
        " CAST(:mail AS bytea), CAST(:answer AS bytea), CAST(:terminal AS integer)) a"
    )
)
_OPEN: Final = Statement(
    text(
        "SELECT s.*, now() AS now FROM open_session(CAST(:attempt AS uuid), CAST(:session AS uuid),"
        " CAST(:token AS bytea), CAST(:terminal AS integer), CAST(:program AS text), CAST(:interactive AS boolean),"
        " CAST(:minutes AS integer)) s"
    )
)
_END: Final = Statement(text("SELECT end_session(CAST(:why AS text)) IS NULL"))
_CHANGE: Final = Statement(
    text("SELECT set_secret(CAST(:somebody AS uuid), CAST(:kept AS text), CAST(:terminal AS integer))")
)
_STANDING: Final = Statement(
    select(UserSession.is_active, UserSession.expires_at, UserSession.ended_because, func.now().label("now")).where(
        UserSession.operator_id == bindparam("operator_id"), UserSession.id == bindparam("session")
    )
)
_this = aliased(UserSession)
_ENDED_WITH_IT: Final = Statement(
    select(Terminal.terminal_code)
    .join(UserSession, (UserSession.operator_id == Terminal.operator_id) & (UserSession.terminal_id == Terminal.id))
    .join(_this, (_this.operator_id == UserSession.operator_id) & (_this.login_time == UserSession.ended_at))
    .where(
        Terminal.operator_id == bindparam("operator_id"),
        _this.id == bindparam("session"),
        UserSession.user_id == bindparam("user"),
        UserSession.ended_because == "signed in elsewhere",
    )
    .order_by(Terminal.terminal_code)
)
_TOUCH: Final = Statement(
    update(UserSession)
    .where(UserSession.operator_id == bindparam("operator_id"), UserSession.id == bindparam("session"))
    .values(last_activity=func.now())
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody signed in at a terminal, until ``expires_at``; ``ended`` sessions of theirs elsewhere ended with it."""

    actor: Actor
    expires_at: datetime
    session_id: UUID
    ended: int = 0


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who wants to sign in: staff by number, customers by the digest of their e-mail address."""

    secret: str
    number: str = ""
    mail_digest: bytes | None = None

    def __repr__(self) -> str:
        return "Credentials(…)"


def sign_in(
    office: Office, terminal: TerminalInfo, staff_number: str, pin: str, *, program: str, interactive: bool = False
) -> SignIn:
    """Prove number and PIN to the database, and open a session.

    Args:
        program: what signs in, for the record: ``counter`` or ``counter sell``.
        interactive: somebody sits at the screen; by policy that is at one terminal at a time.

    Raises:
        NotSignedIn: wrong number or PIN, deactivated, or locked after too many failures (``locked``); or the PIN has
            to be changed first (``pin_must_change``).
        NotPermitted: not at this station (``wrong_station``).
    """
    return enter(office, terminal, Credentials(pin, staff_number.strip()), program=program, interactive=interactive)


def identify(office: Office, terminal: TerminalInfo, staff_number: str, pin: str) -> Actor:
    """Somebody who decides something in place, with a short session of his own beside the one at the desk.

    Whoever asked ends it (``sign_off``) when it is decided.

    Raises:
        NotSignedIn, NotPermitted: as ``sign_in``, and failures count towards the same lock.
    """
    who = Credentials(pin, staff_number.strip())
    return enter(office, terminal, who, program="in place", minutes=_IN_PLACE_MINUTES).actor


def enter(
    office: Office,
    terminal: TerminalInfo,
    who: Credentials,
    *,
    program: str,
    interactive: bool = False,
    minutes: int = _NO_LIMIT_MINUTES,
) -> SignIn:
    """``sign_in`` for whoever it is; see there.

    Args:
        minutes: the session lasts no longer, whatever policy allows.
    """
    answer, token, session_id = _judged(
        office, terminal, who, program=program, interactive=interactive, minutes=minutes
    )
    _require_ok(answer)
    actor = Actor(
        answer.user_id,
        answer.staff_number or "",
        answer.full_name,
        answer.role,
        terminal.id,
        terminal.code,
        terminal.station_id,
        session=token,
    )
    return SignIn(actor, answer.expires_at, session_id, answer.ended)


def _judged(
    office: Office, terminal: TerminalInfo, who: Credentials, *, program: str, interactive: bool, minutes: int
) -> tuple[Any, str, UUID]:
    """What the database says to an answer, and the token and key of the session it has opened if it is right.

    The answer is put down in a transaction of its own: a judgement that is rolled back cannot be had twice.
    """
    attempt = _attempt(office, terminal, who)
    token, session_id = secrets.token_urlsafe(32), uuid7()

    def judge(tx: Transaction) -> Any:
        return tx.send(
            _OPEN,
            attempt=attempt,
            session=session_id,
            token=hashlib.sha256(token.encode()).digest(),
            terminal=terminal.id,
            program=program[:_LONGEST_NUMBER],
            interactive=interactive,
            minutes=minutes,
        ).first()

    return office.database.transaction(judge), token, session_id


def _attempt(office: Office, terminal: TerminalInfo, who: Credentials) -> UUID:
    """
    Raises:
        NotSignedIn: locked; then nothing is computed, whoever it is.
        DatabaseBusy: too many try this number at this moment.
    """
    number = who.number[: _LONGEST_NUMBER + 1]
    storable = number.isprintable() and len(number) <= _LONGEST_NUMBER
    known = {
        "number": number if storable and who.mail_digest is None else None,
        "digest": office.keys.digest(who.mail_digest.hex() if who.mail_digest else ascii(number)).hex(),
        "mail": who.mail_digest,
        "terminal": terminal.id,
    }
    challenge: Any = office.database.transaction(lambda tx: tx.send(_CHALLENGE, **known).first())
    is_locked = challenge.locked_until is not None and challenge.locked_until > challenge.now
    proof = b"" if is_locked else pins.proof(challenge.parameters or pins.DECOY, who.secret)
    answer = hashlib.sha256(proof).digest()
    made: Any = office.database.transaction(lambda tx: tx.send(_ATTEMPT, **known, answer=answer).first())
    if made.locked_until is not None and made.locked_until > made.now:
        raise _locked(made.locked_until - made.now)
    if made.attempt is None:
        raise DatabaseBusy("Too many sign in with this number at this moment.", hint="Try again in a few seconds.")
    attempt: UUID = made.attempt
    return attempt


def _require_ok(answer: Any) -> None:
    if answer.outcome == "locked":
        raise _locked(answer.locked_until - answer.now)
    if answer.outcome == "must_change":
        raise NotSignedIn(
            "This PIN was set by somebody else and has to be changed first.",
            code="pin_must_change",
            hint="Choose one of your own: on the login screen, or with: counter staff pin",
            details={"staff_number": answer.staff_number},
        )
    if answer.outcome == "wrong_station":
        raise NotPermitted(
            "You do not work at this station.", code="wrong_station", hint="Ask a supervisor to enter it for you."
        )
    if answer.outcome != "ok":
        raise NotSignedIn("This number and PIN do not fit.", hint="Check both; after several tries the number locks.")


def change_pin(office: Office, terminal: TerminalInfo, staff_number: str, old: str, new: str) -> None:
    """Change one's own PIN; everybody signed in with the old one elsewhere is signed off.

    Raises:
        NotSignedIn: number and old PIN do not fit, or it is locked.
        Refused: the new one is too easy to guess (``pin_weak``), or the old one (``pin_not_new``).
    """
    number = staff_number.strip()
    change_secret(office, terminal, Credentials(old, number), new, check=lambda: pins.require_good_pin(new, number))


def change_secret(office: Office, terminal: TerminalInfo, who: Credentials, new: str, *, check: Any) -> None:
    """``change_pin`` for whoever it is; ``check`` says whether the new secret is good enough."""
    answer, token, _ = _judged(office, terminal, who, program="change", interactive=False, minutes=_IN_PLACE_MINUTES)
    if answer.outcome != "must_change":
        _require_ok(answer)
    session = Actor(terminal_id=terminal.id, session=token)
    try:
        check()
        if new == who.secret:
            raise Refused("This is the PIN you have.", code="pin_not_new", hint="Choose another one.")
        change = {"somebody": answer.user_id, "kept": pins.keep(new), "terminal": terminal.id}
        if office.database.transaction(lambda tx: tx.send(_CHANGE, **change).scalar(), actor=session) != "ok":
            raise NotSignedIn("This number and PIN do not fit.", hint="Nothing was changed.")
    finally:
        sign_off(office, session, "changed")


def reset_secret(tx: Transaction, user_id: UUID, new: str) -> None:
    """Set somebody else's PIN or password; it has to be changed at the next sign-in.

    Raises:
        NotPermitted: the database does not let this session manage that person.
    """
    done = tx.send(_CHANGE, somebody=user_id, kept=pins.keep(new), terminal=tx.actor.terminal_id).scalar()
    if done != "ok":
        raise NotPermitted("You may not set this person's PIN.", hint="Ask an administrator.")


def sign_off(office: Office, actor: Actor, why: str = "signed off") -> None:
    """End the session of ``actor``; nothing if it is over already."""
    if actor.session:
        office.database.transaction(lambda tx: tx.send(_END, why=why).scalar(), actor=actor)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a session stands: why it is ``over`` (None while it goes on), and when by policy an idle screen locks."""

    over: str | None
    idle_lock_minutes: int


def standing(office: Office, signed_in: SignIn) -> str | None:
    """Why a session is over (``expired``, or what whoever ended it said); None while it goes on.

    Whoever asks is at work: that moment is noted.
    """
    return attend(office, signed_in).over


def attend(office: Office, signed_in: SignIn, *, at_work: bool = True) -> Standing:
    """How a session stands.

    Args:
        at_work: somebody has touched a key since it was last asked; then that moment is noted.
    """

    def look(tx: Transaction) -> Standing:
        policies = policy.ask(tx)
        if at_work:
            tx.send(_TOUCH, session=signed_in.session_id)
        found = tx.send(_STANDING, session=signed_in.session_id).first()
        minutes = policies.read().get(IDLE_LOCK_MINUTES, station_id=signed_in.actor.station_id)
        if found is not None and found.is_active:
            return Standing(None if found.expires_at > found.now else "expired", minutes)
        return Standing((found.ended_because if found is not None else None) or "ended", minutes)

    return office.database.transaction(look, actor=signed_in.actor)


def unlock(office: Office, terminal: TerminalInfo, signed_in: SignIn, pin: str) -> bool:
    """Prove the PIN again for a session that goes on behind a locked screen; False if it is over, then nothing is.

    Raises:
        NotSignedIn, NotPermitted: as ``sign_in``, and failures count towards the same lock.
    """
    if standing(office, signed_in) is not None:
        return False
    who = Credentials(pin, signed_in.actor.staff_number)
    proved = enter(office, terminal, who, program="unlock", minutes=_IN_PLACE_MINUTES).actor
    sign_off(office, proved, "unlocked")
    return standing(office, signed_in) is None


def signed_off_at(office: Office, signed_in: SignIn) -> list[str]:
    """The terminals where this sign-in has ended the same person's sessions."""
    return [row.terminal_code for row in office.database.transaction(
        lambda tx: tx.send(_ENDED_WITH_IT, user=signed_in.actor.user_id, session=signed_in.session_id).all(),
        actor=signed_in.actor,
    )]  # fmt: skip


def at_another_place(actor: Actor, terminal: TerminalInfo) -> Actor:
    """The same person, at a terminal that was moved."""
    return replace(actor, terminal_id=terminal.id, terminal_code=terminal.code, station_id=terminal.station_id)


def _locked(left: timedelta) -> NotSignedIn:
    minutes = max(1, -(-int(left.total_seconds()) // 60))
    return NotSignedIn(
        f"This number is locked for {minutes} more minute{'s' if minutes > 1 else ''}.",
        code="locked",
        hint="Wait, or ask a supervisor.",
    )


on_violation(
    "audit_row_is_own",
    lambda: NotSignedIn(
        "Your session is over.", code="session_over", hint="Sign in again; what is on the screen is kept."
    ),
)
