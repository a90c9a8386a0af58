"""Forgetting in time: who travelled is erased so many days after the last journey. The owner's daily job.

How long is policy (``retention_days_personal_data``, ``retention_days_unsold``), per operator. Rows are done in
batches, each a transaction of its own that passes over rows somebody holds: sales go on, a run that was cut short is
started again, and one that finds nothing changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Engine, and_, delete, exists, func, or_, select, text

from core.models import (
    Booking,
    CallbackRequest,
    Entitlement,
    Fine,
    Operator,
    Passenger,
    PolicyConfiguration,
    Ticket,
    User,
    UserSession,
)
from core.ops import own_keys
from core.ops.erasure import Erased, erase_rows, open_money
from core.ops.prepare import owning
from core.personal_data import Whereabouts
from core.policy import RETENTION_DAYS, RETENTION_DAYS_UNSOLD, Policies, Setting

BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class Kept:
    """Journeys before ``travelled`` are old, and so are sales before ``unsold`` that came to nothing."""

    operator_id: int
    travelled: date
    unsold: date


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased, or would be; ``sessions`` are sign-ins of long ago that were deleted."""

    erased: Erased
    sessions: int

    def as_json(self) -> dict[str, int]:
        return {**self.erased.as_json(), "sessions": self.sessions}


def retain(owner_url: str, *, dry_run: bool = False, batch: int = BATCH) -> Forgotten:
    """Erase what is older than policy allows, for every operator of this database.

    Raises:
        Refused: a policy has a value that is none (code ``policy_invalid``).
        DatabaseUnreachable: no answer; whole batches are done.
    """
    erased, sessions = Erased(), 0
    with owning(owner_url) as engine:
        with engine.connect() as connection:
            kept = [_kept(connection, row) for row in connection.execute(select(Operator.id, Operator.time_zone))]
        for one in kept:
            mine = Erased()
            for kind, find in _OLD.items():
                mine += _each_batch(engine, one, kind, find(one), batch, dry_run=dry_run)
            with engine.begin() as connection:
                ended = _sessions(connection, one, dry_run=dry_run)
                if (mine or ended) and not dry_run:
                    said = {**mine.as_json(), "sessions": ended, "before": one.travelled.isoformat()}
                    own_keys.note(connection, one.operator_id, "delete", "people", "retention", said)
            erased, sessions = erased + mine, sessions + ended
    return Forgotten(erased, sessions)


def _kept(connection: Connection, operator: Any) -> Kept:
    rows = connection.execute(
        select(PolicyConfiguration).where(
            PolicyConfiguration.operator_id == operator.id, PolicyConfiguration.deleted_at.is_(None)
        ).with_only_columns(
            PolicyConfiguration.policy_type,
            PolicyConfiguration.station_id,
            PolicyConfiguration.train_id,
            PolicyConfiguration.config,
        )
    )  # fmt: skip
    policies = Policies(Setting(row.policy_type, row.station_id, row.train_id, row.config.get("value")) for row in rows)
    zone = {"zone": operator.time_zone}
    today: date = connection.execute(text("SELECT (now() AT TIME ZONE :zone)::date"), zone).scalar_one()
    return Kept(
        operator.id,
        today - timedelta(days=policies.get(RETENTION_DAYS)),
        today - timedelta(days=policies.get(RETENTION_DAYS_UNSOLD)),
    )


def _each_batch(engine: Engine, kept: Kept, kind: str, found: tuple[Any, Any], batch: int, *, dry_run: bool) -> Erased:
    """Erase what a question finds, a batch at a time in the order of its key; ``kind`` is one of ``Whereabouts``."""
    key, question = found
    done, after = Erased(), None
    while True:
        with engine.begin() as connection:
            asked = question.order_by(key).limit(batch)
            asked = asked if after is None else asked.where(key > after)
            if not dry_run:
                asked = asked.with_for_update(skip_locked=True, key_share=True, of=key.class_)
            ids: Sequence[UUID] = connection.execute(asked).scalars().all()
            if dry_run:
                done += Erased(**{kind: len(ids)})
            else:
                done += erase_rows(connection, kept.operator_id, _only(kind, ids))
        if len(ids) < batch:
            return done
        after = ids[-1]


def _only(kind: str, ids: Sequence[UUID]) -> Whereabouts:
    return Whereabouts(**{**dict.fromkeys(("passengers", "entitlements", "customers", "bookings"), ()), kind: (*ids,)})


def _is_over(kept: Kept) -> Any:
    """Whether nothing of a booking is still to come, under way, or too young to be forgotten."""
    its_tickets = (Ticket.operator_id == Booking.operator_id) & (Ticket.booking_id == Booking.id)
    younger = exists().where(its_tickets, Ticket.service_date >= kept.travelled)
    any_ticket = exists().where(its_tickets)
    money = [question.exists() for question in open_money(kept.operator_id, [Booking.id])]
    return and_(
        Booking.operator_id == kept.operator_id,
        Booking.status != "pending",
        ~younger,
        or_(any_ticket, Booking.booking_date < kept.unsold),
        *(~one for one in money),
    )


def _old_passengers(kept: Kept) -> tuple[Any, Any]:
    question = (
        select(Passenger.id)
        .join(Booking, (Booking.operator_id == Passenger.operator_id) & (Booking.id == Passenger.booking_id))
        .where(Passenger.operator_id == kept.operator_id, Passenger.erased_at.is_(None), _is_over(kept))
    )
    return Passenger.id, question


def _old_contacts(kept: Kept) -> tuple[Any, Any]:
    left = or_(Booking.contact_phone.is_not(None), Booking.contact_email.is_not(None))
    return Booking.id, select(Booking.id).where(left, _is_over(kept))


def _old_entitlements(kept: Kept) -> tuple[Any, Any]:
    """Those that ended; no ticket that is kept refers to them any more by name."""
    return Entitlement.id, select(Entitlement.id).where(
        Entitlement.operator_id == kept.operator_id,
        or_(Entitlement.valid_until < kept.travelled, Entitlement.revoked_at < kept.travelled),
        func.length(Entitlement.identity_digest) > 0,
    )


def _old_customers(kept: Kept) -> tuple[Any, Any]:
    """Accounts that nobody signed in to and nothing was bought with for so long."""
    bought = exists().where(
        Booking.operator_id == User.operator_id,
        Booking.user_id == User.id,
        or_(
            Booking.booking_date >= kept.travelled,
            exists().where(
                Ticket.operator_id == Booking.operator_id,
                Ticket.booking_id == Booking.id,
                Ticket.service_date >= kept.travelled,
            ),
        ),
    )
    return User.id, select(User.id).where(
        User.operator_id == kept.operator_id,
        User.role == "customer",
        User.erased_at.is_(None),
        func.coalesce(User.last_login, User.created_at) < kept.travelled,
        ~bought,
    )


def _old_fines(kept: Kept) -> tuple[Any, Any]:
    """Those that ended so long ago; one that is still owed is kept."""
    return Fine.id, select(Fine.id).where(
        Fine.operator_id == kept.operator_id,
        Fine.erased_at.is_(None),
        func.coalesce(Fine.paid_at, Fine.waived_at) < kept.travelled,
    )


def _old_requests(kept: Kept) -> tuple[Any, Any]:
    return CallbackRequest.id, select(CallbackRequest.id).where(
        CallbackRequest.operator_id == kept.operator_id,
        CallbackRequest.erased_at.is_(None),
        CallbackRequest.resolved_at < kept.travelled,
    )


#: kind of rows -> its key, and the question which of them are old
_OLD: Final[dict[str, Callable[[Kept], tuple[Any, Any]]]] = {
    "passengers": _old_passengers,
    "bookings": _old_contacts,
    "entitlements": _old_entitlements,
    "customers": _old_customers,
    "fines": _old_fines,
    "requests": _old_requests,
}


def _sessions(connection: Connection, kept: Kept, *, dry_run: bool) -> int:
    """Sign-ins tell from where somebody worked; their audit rows stay."""
    old = (UserSession.operator_id == kept.operator_id) & (UserSession.expires_at < kept.travelled)
    if dry_run:
        return connection.execute(select(func.count()).select_from(UserSession).where(old)).scalar_one()
    return connection.execute(delete(UserSession).where(old)).rowcount
