"""The rows compliance reports are made of. What belongs here: questions to the database, and no judgement.

Who stands in a row is a staff number; empty where nobody was signed in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Select, Text, and_, case, cast, distinct, func, literal, literal_column, or_, select
from sqlalchemy.orm import aliased

from core.database import Transaction
from core.models import Approval, AuditLog, Booking, Refund, Shift, StockCount, Ticket, User

#: What only supervisors and administrators change: people, rules, prices, keys.
GUARDED: Final = (
    "users", "user_profiles", "user_stations", "policy_configurations", "promotions", "key_rings", "operators",
    "database_logins",
)  # fmt: skip
#: Sign-ins of numbers nobody has stand on the trail under a digest.
_OF_NOBODY: Final = "staff_numbers"
#: Everything known of one person, put together for that person.
_PERSONS_DATA: Final = "people"
_STAFF: Final = func.coalesce(User.staff_number, literal_column("''", Text()))
_WHOLE: Final = BigInteger()
#: What stands for a number nobody has.
_UNKNOWN: Final = func.concat(literal_column("'unknown '"), func.left(AuditLog.entity_id, literal_column("12")))


@dataclass(frozen=True, slots=True)
class Decision:
    """A request, who asked and who decided: as it is stored, and by the audit trail."""

    number: int
    kind: str
    status: str
    amount: int | None
    asked_by: str
    decided_by: str | None
    trail_asked: tuple[str, ...] = ()
    trail_decided: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """Rows by question.

    Args:
        views: (staff, entity, how often, how many different ones)
        changes: (at, staff, action, entity, key, old values, new values)
        sign_ins: (number, succeeded, failed, locked, last failure)
        papers: (staff, copies, tickets voided, blanks spoilt)
        differences: (staff, counted less expected) of each closed shift
        refunds: (staff, requested, completed, amount)
        exports: (at, staff, entity, what, filter)
    """

    views: tuple[tuple[Any, ...], ...] = ()
    changes: tuple[tuple[Any, ...], ...] = ()
    decisions: tuple[Decision, ...] = ()
    sign_ins: tuple[tuple[Any, ...], ...] = ()
    papers: tuple[tuple[Any, ...], ...] = ()
    differences: tuple[tuple[Any, ...], ...] = ()
    refunds: tuple[tuple[Any, ...], ...] = ()
    exports: tuple[tuple[Any, ...], ...] = ()


def load(tx: Transaction, since: datetime, before: datetime) -> Found:
    """What is on record from ``since`` up to ``before``."""
    span = _Span(tx, since, before)
    return Found(
        views=span.views(),
        changes=span.changes(),
        decisions=span.decisions(),
        sign_ins=span.sign_ins(),
        papers=(*span.copies(), *span.voided(), *span.spoilt()),
        differences=span.differences(),
        refunds=span.refunds(),
        exports=span.exports(),
    )


class _Span:
    """One period of one operator."""

    def __init__(self, tx: Transaction, since: datetime, before: datetime) -> None:
        self._tx, self._since, self._before = tx, since, before

    def _all(self, question: Select[*tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
        return tuple(tuple(row) for row in self._tx.query(question).all())

    def _in(self, moment: Any) -> Any:
        return and_(moment >= self._since, moment < self._before)

    def _trail(self, *columns: Any) -> Select[*tuple[Any, ...]]:
        """Rows of the trail in this period, with whoever wrote them."""
        return (
            select(*columns)
            .select_from(AuditLog)
            .outerjoin(User, (User.operator_id == AuditLog.operator_id) & (User.id == AuditLog.user_id))
            .where(AuditLog.operator_id == self._tx.operator_id, self._in(AuditLog.created_at))
        )

    def _by(self, person: Any, *figures: Any, of: Any, where: Any, joins: Any = None) -> tuple[tuple[Any, ...], ...]:
        """Figures by staff number."""
        question = select(_STAFF, *figures).select_from(of)
        if joins is not None:
            question = question.join(*joins)
        question = question.outerjoin(User, (User.operator_id == self._tx.operator_id) & (User.id == person))
        return self._all(question.where(of.operator_id == self._tx.operator_id, where).group_by(_STAFF))

    def views(self) -> tuple[tuple[Any, ...], ...]:
        counted = func.count(), func.count(distinct(AuditLog.entity_id))
        looked = self._trail(_STAFF, AuditLog.entity_type, *counted).where(AuditLog.action == "view")
        return self._all(looked.group_by(_STAFF, AuditLog.entity_type))

    def changes(self) -> tuple[tuple[Any, ...], ...]:
        wanted = self._trail(
            *(AuditLog.created_at, _STAFF, AuditLog.action, AuditLog.entity_type, AuditLog.entity_id),
            *(AuditLog.old_values, AuditLog.new_values),
        ).where(
            AuditLog.entity_type.in_(GUARDED),
            AuditLog.action != "view",
            or_(AuditLog.new_values.is_(None), ~AuditLog.new_values.has_key("sign_in")),
        )
        return self._all(wanted.order_by(AuditLog.created_at, AuditLog.id))

    def decisions(self) -> tuple[Decision, ...]:
        asker, decider = aliased(User), aliased(User)
        rows = self._tx.query(
            select(
                *(Approval.id, Approval.approval_number, Approval.approval_kind, Approval.status, Approval.amount),
                *(asker.staff_number.label("asker"), decider.staff_number.label("decider"), Approval.decided_by),
            )
            .join(asker, (asker.operator_id == Approval.operator_id) & (asker.id == Approval.requested_by))
            .outerjoin(decider, (decider.operator_id == Approval.operator_id) & (decider.id == Approval.decided_by))
            .where(Approval.operator_id == self._tx.operator_id, self._in(Approval.created_at))
            .order_by(Approval.approval_number)
        ).all()
        asked, decided = self._decided_by_trail([str(row.id) for row in rows])
        return tuple(
            Decision(
                *(row.approval_number, row.approval_kind, row.status, row.amount, row.asker or ""),
                None if row.decided_by is None else row.decider or "",
                tuple(asked.get(str(row.id), ())),
                tuple(decided.get(str(row.id), ())),
            )
            for row in rows
        )

    def _decided_by_trail(self, keys: list[str]) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
        """Who asked and who decided by the trail, whenever that was."""
        asked: dict[str, list[str]] = defaultdict(list)
        decided: dict[str, list[str]] = defaultdict(list)
        if not keys:
            return asked, decided
        told = AuditLog.new_values["status"].astext
        rows = self._tx.query(
            select(AuditLog.entity_id, AuditLog.action, _STAFF.label("staff"))
            .outerjoin(User, (User.operator_id == AuditLog.operator_id) & (User.id == AuditLog.user_id))
            .where(
                AuditLog.operator_id == self._tx.operator_id,
                AuditLog.entity_type == "approvals",
                AuditLog.entity_id.in_(keys),
                or_(AuditLog.action == "create", told.in_(("approved", "refused"))),
            )
        ).all()
        for row in rows:
            (asked if row.action == "create" else decided)[row.entity_id].append(row.staff)
        return asked, decided

    def sign_ins(self) -> tuple[tuple[Any, ...], ...]:
        outcome = AuditLog.new_values["sign_in"].astext
        number = aliased(User)
        known = cast(number.id, Text) == AuditLog.entity_id
        name = func.coalesce(number.staff_number, _UNKNOWN)
        failures = (
            self._trail(
                name,
                literal(0),
                func.count(case((outcome == "failed", 1))),
                func.count(case((outcome == "locked", 1))),
                func.max(AuditLog.created_at),
            )
            .outerjoin(number, (number.operator_id == AuditLog.operator_id) & known)
            .where(AuditLog.entity_type.in_(("users", _OF_NOBODY)), outcome.in_(("failed", "locked")))
        )
        successes = self._trail(_STAFF, func.count()).where(
            AuditLog.entity_type == "user_sessions", AuditLog.action == "create"
        )
        signed_in = dict(self._all(successes.group_by(_STAFF)))
        rows = self._all(failures.group_by(name))
        return tuple((who, signed_in.get(who, 0), failed, locked, last) for who, _, failed, locked, last in rows)

    def copies(self) -> tuple[tuple[Any, ...], ...]:
        made = self._trail(_STAFF, func.count(), literal(0), literal(0)).where(
            AuditLog.entity_type == "tickets", AuditLog.action == "update", AuditLog.new_values.has_key("copy")
        )
        return self._all(made.group_by(_STAFF))

    def voided(self) -> tuple[tuple[Any, ...], ...]:
        of_ticket = Booking, (Booking.operator_id == Ticket.operator_id) & (Booking.id == Ticket.booking_id)
        figures = literal(0), func.count(), literal(0)
        voided = and_(Ticket.ticket_status == "voided", self._in(Ticket.closed_at))
        return self._by(Booking.sold_by, *figures, of=Ticket, where=voided, joins=of_ticket)

    def spoilt(self) -> tuple[tuple[Any, ...], ...]:
        of_count = Shift, (Shift.operator_id == StockCount.operator_id) & (Shift.id == StockCount.shift_id)
        figures = literal(0), literal(0), cast(func.sum(StockCount.spoilt), _WHOLE)
        where = and_(StockCount.spoilt > 0, self._in(Shift.closed_at))
        return self._by(Shift.user_id, *figures, of=StockCount, where=where, joins=of_count)

    def differences(self) -> tuple[tuple[Any, ...], ...]:
        question = (
            select(_STAFF, Shift.counted_amount - Shift.expected_amount)
            .select_from(Shift)
            .outerjoin(User, (User.operator_id == Shift.operator_id) & (User.id == Shift.user_id))
            .where(Shift.operator_id == self._tx.operator_id, Shift.status == "closed", self._in(Shift.closed_at))
        )
        return self._all(question)

    def refunds(self) -> tuple[tuple[Any, ...], ...]:
        done = case((Refund.refund_status == "completed", 1))
        figures = func.count(), func.count(done), cast(func.sum(Refund.refund_amount), _WHOLE)
        return self._by(Refund.requested_by, *figures, of=Refund, where=self._in(Refund.created_at))

    def exports(self) -> tuple[tuple[Any, ...], ...]:
        """What left the database: the trail as a file, a report, all that is known of one person."""
        taken = self._trail(
            AuditLog.created_at, _STAFF, AuditLog.entity_type, AuditLog.entity_id,
            cast(AuditLog.new_values["filter"], Text),
        ).where(
            AuditLog.action == "view",
            or_(AuditLog.entity_id == "export", AuditLog.new_values.has_key("export"),
                AuditLog.entity_type == _PERSONS_DATA),
        )  # fmt: skip
        return self._all(taken.order_by(AuditLog.created_at))
