"""Approvals: a second person decides about one exact thing, once.

Whoever needs one says what it is (``Wish``); the request carries a fingerprint of exactly that. Somebody else who may
decide does so at his own desk (``decide``), or in place at the desk of the one who asks (``decide_in_place``: named
first, then the PIN, since PINs collide; the session at the desk stays as it is). The service that does the approved
thing takes the approval in its own transaction (``consume``), which binds it to the same wish and lets it through once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import ColumnElement, bindparam, func, insert, literal_column, select, update
from sqlalchemy.orm import aliased
from uuid_utils.compat import uuid7

from core import policy, staff
from core.database import Actor, Statement, Transaction
from core.errors import NotFound, Refused, StateConflict
from core.models import Approval as ApprovalRow
from core.models import CallbackEscalation, User
from core.office import Office
from core.permissions import require
from core.policy import APPROVAL_MINUTES
from core.terminals import TerminalInfo
from core.wording import one_line

#: What can be asked for, and the permission it takes to decide.
KINDS: Final[Mapping[str, str]] = dict.fromkeys(
    (
        *("over_short", "cash_movement", "refund", "reschedule", "correction", "quota", "fault", "duplicate"),
        *("fine_waiver", "ban_lift"),
    ),
    "approve",
)


class ApprovalNeeded(Refused):
    """This takes a second person; ``details`` say what is to be approved."""

    code = "approval_needed"


class NotApproved(StateConflict):
    """The approval that was brought is not one for this, or not any more."""

    code = "not_approved"


@dataclass(frozen=True)
class Wish:
    """Exactly what is asked for. ``amount`` is in minor units; ``details`` hold whatever else must not change."""

    kind: str
    subject_type: str
    subject_id: str
    amount: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of everything in it."""
        said = [self.kind, self.subject_type, self.subject_id, self.amount, dict(self.details)]
        return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).digest()


@dataclass(frozen=True, slots=True)
class Approval:
    """A request and what became of it. ``status`` is one of ``core.states.APPROVAL``."""

    id: UUID
    number: int
    kind: str
    subject_type: str
    subject_id: str
    amount: int | None
    details: Mapping[str, Any]
    reason: str
    status: str
    requested_by: UUID
    requested_by_name: str
    requested_at: datetime
    expires_at: datetime
    terminal_id: int
    decided_by: UUID | None
    decided_by_name: str | None
    decision_reason: str | None
    now: datetime

    def as_json(self) -> dict[str, Any]:
        """The approval as commands print it."""
        return {
            "number": self.number,
            "kind": self.kind,
            "subject": f"{self.subject_type}/{self.subject_id}",
            "amount": self.amount,
            "details": dict(self.details),
            "reason": self.reason,
            "status": self.status,
            "requested_by": self.requested_by_name,
            "requested_at": self.requested_at.isoformat(),
            "expires_at": self.expires_at.isoformat(),
            "decided_by": self.decided_by_name,
            "decision_reason": self.decision_reason,
        }


_COLUMNS: Final = (
    *("operator_id", "id", "approval_number", "approval_kind", "subject_type", "subject_id", "amount", "fingerprint"),
    *("details", "reason", "requested_by", "terminal_id", "expires_at"),
)
_INSERT: Final = Statement(insert(ApprovalRow).values({name: bindparam(name) for name in _COLUMNS}))
_NUMBERS: Final = Statement(
    select(func.pg_advisory_xact_lock(func.hashtext(literal_column("'approval_number'")), bindparam("operator_id")))
)
_LAST_NUMBER: Final = Statement(
    select(func.coalesce(func.max(ApprovalRow.approval_number), 0)).where(
        ApprovalRow.operator_id == bindparam("operator_id")
    )
)
_asker, _decider = aliased(User), aliased(User)
_MINE: Final[ColumnElement[bool]] = ApprovalRow.operator_id == bindparam("operator_id")
_SELECT: Final = (
    select(ApprovalRow, _asker.full_name.label("asker"), _decider.full_name.label("decider"), func.now().label("now"))
    .join(_asker, (_asker.operator_id == ApprovalRow.operator_id) & (_asker.id == ApprovalRow.requested_by))
    .outerjoin(_decider, (_decider.operator_id == ApprovalRow.operator_id) & (_decider.id == ApprovalRow.decided_by))
)
_BY_ID: Final = Statement(_SELECT.where(_MINE, ApprovalRow.id == bindparam("approval_id")))
_BY_NUMBER: Final = Statement(_SELECT.where(_MINE, ApprovalRow.approval_number == bindparam("number")))
_WAITING: Final = Statement(
    _SELECT.where(_MINE, ApprovalRow.status == "pending", ApprovalRow.expires_at > func.now()).order_by(
        ApprovalRow.created_at, ApprovalRow.approval_number
    )
)
_LOCK: Final = Statement(
    select(ApprovalRow.id).where(_MINE, ApprovalRow.id == bindparam("approval_id")).with_for_update()
)
_THIS: Final = _MINE & (ApprovalRow.id == bindparam("approval_id"))
_DECIDE: Final = Statement(
    update(ApprovalRow)
    .where(_THIS)
    .values(
        status=bindparam("verdict"),
        decided_by=bindparam("approver"),
        decided_at=func.now(),
        decision_reason=bindparam("why"),
        updated_at=func.now(),
    )
)
_USE: Final = Statement(
    update(ApprovalRow).where(_THIS).values(status="used", used_at=func.now(), updated_at=func.now())
)


#: Whoever was told that it waits too long need not look any more.
_NO_MORE_LATE: Final = Statement(
    update(CallbackEscalation)
    .where(
        CallbackEscalation.operator_id == bindparam("operator_id"),
        CallbackEscalation.approval_id == bindparam("approval_id"),
        CallbackEscalation.resolved_at.is_(None),
    )
    .values(resolved_at=func.now())
)


def _approval(row: Any) -> Approval:
    return Approval(
        id=row.id,
        number=row.approval_number,
        kind=row.approval_kind,
        subject_type=row.subject_type,
        subject_id=row.subject_id,
        amount=row.amount,
        details=row.details,
        reason=row.reason,
        status="expired" if row.status in ("pending", "approved") and row.expires_at <= row.now else row.status,
        requested_by=row.requested_by,
        requested_by_name=row.asker,
        requested_at=row.created_at,
        expires_at=row.expires_at,
        terminal_id=row.terminal_id,
        decided_by=row.decided_by,
        decided_by_name=row.decider,
        decision_reason=row.decision_reason,
        now=row.now,
    )


def request(office: Office, actor: Actor, wish: Wish, reason: str, *, minutes: int | None = None) -> Approval:
    """Ask for an approval.

    Args:
        minutes: how long it waits and can be used; by policy if left out.

    Raises:
        Refused: without a reason (code ``reason_missing``).
    """
    require(actor, "sell")
    reason = one_line(reason)
    if not reason:
        raise Refused("An approval needs a reason.", code="reason_missing", hint="Say why it is asked for.")
    assert wish.kind in KINDS, "kinds are declared"

    def write(tx: Transaction) -> Approval:
        asked = policy.ask(tx)
        tx.send(_NUMBERS)
        number = (tx.send(_LAST_NUMBER).scalar() or 0) + 1
        limit = asked.read().get(APPROVAL_MINUTES, station_id=actor.station_id) if minutes is None else minutes
        approval_id = uuid7()
        tx.send(
            _INSERT,
            id=approval_id,
            approval_number=number,
            approval_kind=wish.kind,
            subject_type=wish.subject_type,
            subject_id=wish.subject_id,
            amount=wish.amount,
            fingerprint=wish.fingerprint,
            details=Jsonb(dict(wish.details)),
            reason=reason,
            requested_by=actor.user_id,
            terminal_id=actor.terminal_id,
            expires_at=tx.now + timedelta(minutes=limit),
        )
        said = {"number": number, "kind": wish.kind, "amount": wish.amount, "reason": reason}
        tx.audit("create", "approvals", approval_id, new=said)
        tx.event("approval.requested", "approvals", approval_id, said)
        return _read(tx, approval_id)

    return office.database.transaction(write, actor=actor)


def _read(tx: Transaction, approval_id: UUID) -> Approval:
    row = tx.send(_BY_ID, approval_id=approval_id).first()
    if row is None:
        raise NotFound("There is no such request.", code="unknown_approval", hint="List them: counter approve list.")
    return _approval(row)


def decide(office: Office, approver: Actor, approval_id: UUID, *, approve: bool, reason: str = "") -> Approval:
    """Say yes or no to a request; a no needs a reason.

    Raises:
        NotPermitted: the role may not decide.
        Refused: it is a request of one's own (``own_request``), or a no without a reason (``reason_missing``).
        StateConflict: it is decided already, or too old (``approval_expired``).
    """
    why = one_line(reason)
    if not approve and not why:
        raise Refused("A refusal needs a reason.", code="reason_missing", hint="Say why it is refused.")

    def write(tx: Transaction) -> Approval:
        tx.send(_LOCK, approval_id=approval_id)
        asked = _read(tx, approval_id)
        _require_may_decide(approver, asked)
        tx.send(
            _DECIDE,
            approval_id=approval_id,
            verdict="approved" if approve else "refused",
            approver=approver.user_id,
            why=why or None,
        )
        tx.send(_NO_MORE_LATE, approval_id=approval_id)
        said = {
            "number": asked.number,
            "status": "approved" if approve else "refused",
            "requested_by": asked.requested_by_name,
            "decided_by": approver.full_name,
            "amount": asked.amount,
            "reason": why,
        }
        tx.audit("update", "approvals", approval_id, old={"status": "pending"}, new=said)
        tx.event("approval.decided", "approvals", approval_id, said)
        return _read(tx, approval_id)

    return office.database.transaction(write, actor=approver)


def _require_may_decide(approver: Actor, asked: Approval) -> None:
    require(approver, KINDS.get(asked.kind, "approve"))
    if asked.requested_by == approver.user_id:
        raise Refused("Nobody decides on a request of his own.", code="own_request", hint="Ask another supervisor.")
    if asked.status == "expired":
        raise StateConflict("This request is too old.", code="approval_expired", hint="It has to be asked for again.")
    if asked.status != "pending":
        raise StateConflict(f"This request is {asked.status} already.", code="approval_decided", hint="Look at it.")


def decide_in_place(
    office: Office,
    terminal: TerminalInfo,
    approval_id: UUID,
    staff_number: str,
    pin: str,
    *,
    approve: bool = True,
    reason: str = "",
) -> Approval:
    """``decide``, by somebody who comes to the desk of the one who asked and types number and PIN there.

    Raises:
        NotSignedIn: they do not fit, or the number is locked; the request still waits.
    """
    approver = staff.identify(office, terminal, staff_number, pin)
    try:
        return decide(office, approver, approval_id, approve=approve, reason=reason)
    finally:
        staff.sign_off(office, approver, "decided")


def consume(tx: Transaction, approval_id: UUID, wish: Wish) -> Approval:
    """Use an approval for what it was given for, in the transaction that does it. Of two at once one gets it.

    Raises:
        NotApproved: it is for something else, not approved, used before (``approval_used``) or too old
            (``approval_expired``).
    """
    tx.send(_LOCK, approval_id=approval_id)
    row = tx.send(_BY_ID, approval_id=approval_id).first()
    if row is None or bytes(row.fingerprint) != wish.fingerprint:
        raise NotApproved("This approval is for something else.", hint="Ask for one for exactly this.")
    given = _approval(row)
    if given.status == "used":
        raise NotApproved("This approval was used before.", code="approval_used", hint="Ask for another one.")
    if given.status == "expired":
        raise NotApproved("This approval is too old.", code="approval_expired", hint="Ask for another one.")
    if given.status != "approved":
        raise NotApproved(f"This request is {given.status}.", hint="A supervisor decides on it first.")
    tx.send(_USE, approval_id=approval_id)
    said = {"status": "used", "requested_by": given.requested_by_name, "decided_by": given.decided_by_name}
    tx.audit("update", "approvals", approval_id, old={"status": "approved"}, new={**said, "amount": given.amount})
    return given


def waiting(office: Office, actor: Actor) -> list[Approval]:
    """The requests that wait for a decision, the oldest first.

    Raises:
        NotPermitted: the role may not decide.
    """
    require(actor, "approve")
    rows = office.database.transaction(lambda tx: tx.send(_WAITING).all(), actor=actor)
    return [_approval(row) for row in rows]


def find(office: Office, approval_id: UUID) -> Approval:
    """
    Raises:
        NotFound: there is none.
    """
    return office.database.transaction(lambda tx: _read(tx, approval_id))


def by_number(office: Office, number: int) -> Approval:
    """
    Raises:
        NotFound: no request has this number.
    """
    row = office.database.transaction(lambda tx: tx.send(_BY_NUMBER, number=number).first())
    if row is None:
        raise NotFound(f"There is no request {number}.", code="unknown_approval", hint="List: counter approve list.")
    return _approval(row)
