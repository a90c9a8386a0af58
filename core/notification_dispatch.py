"""Sending what is planned: each message once, as far as its channel allows, by however many dispatchers there are.

A delivery is *sending* from the moment a dispatcher has it and *handing over* from right before its text leaves this
machine; each is committed before it is so. A dispatcher that dies leaves its delivery to others: at once where they see
that its process is gone (same machine), else when its time is up. What was only *sending* has not left and is sent.
What was *handing over* is sent again by a webhook, which knows it by its key; by mail, which has no such promise, it is
*unknown* and a person decides (policy of this library: rather once too few than twice).

What cannot be sent is tried again after a wait that doubles, and after so many attempts, or a refusal for good, or when
it has become old, it is dead: a row of ``job_failures`` says why, and a supervisor tries it again or lets it be.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import psutil
from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, INTERVAL
from sqlalchemy.types import Text

from core import job_failures, notifications, policy
from core.database import Actor, Statement, Transaction
from core.errors import IntegrityFailure, StateConflict
from core.job_failures import Failure
from core.keys import sealed_in
from core.models import NotificationDelivery as Row
from core.notification_catalogue import OUTWARD, render
from core.notification_senders import Letter, MaybeSent, NotSent, Sender
from core.office import Office
from core.permissions import require
from core.policy import Policies

FAILURE: Final = "notification"
_MOST_ERROR: Final = 500
_MINE: Final = Row.operator_id == bindparam("operator_id")
_THIS: Final = _MINE & (Row.id == bindparam("delivery"))
#: In terms of the partial index.
_OPEN: Final = text("notification_deliveries.state IN ('queued', 'sending', 'handing_over', 'failed')")
_UNDER_WAY: Final = Row.state.in_(("sending", "handing_over"))
_DUE: Final = Statement(
    select(Row)
    .where(
        _MINE,
        _OPEN,
        (Row.next_try_at <= func.now()) | (_UNDER_WAY & (Row.sender == func.any(bindparam("gone", type_=ARRAY(Text))))),
        (Row.channel == func.any(bindparam("channels", type_=ARRAY(Text))))
        | (Row.created_at < func.now() - bindparam("oldest", type_=INTERVAL)),
    )
    .order_by(Row.next_try_at)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_SENDERS: Final = Statement(select(Row.sender).where(_MINE, _OPEN, _UNDER_WAY, Row.sender.is_not(None)).distinct())
_TAKE: Final = Statement(
    update(Row)
    .where(_THIS)
    .values(
        state="sending",
        attempts=Row.attempts + 1,
        sender=bindparam("sender"),
        next_try_at=func.now() + bindparam("lease", type_=INTERVAL),
        updated_at=func.now(),
    )
)
#: A dispatcher whose time is up may have lost it to another one.
_HAND_OVER: Final = Statement(
    update(Row)
    .where(_THIS, Row.state == "sending", Row.sender == bindparam("sender"))
    .values(
        state="handing_over",
        next_try_at=func.now() + bindparam("lease", type_=INTERVAL),
        updated_at=func.now(),
    )
    .returning(Row.id)
)
_SENT: Final = Statement(
    update(Row)
    .where(_THIS, Row.state.in_(("sending", "handing_over")))
    .values(state="sent", sent_at=func.now(), recipient=None, sender=None, last_error=None, updated_at=func.now())
)
_FAIL: Final = Statement(
    update(Row)
    .where(_THIS, Row.state.in_(("queued", "sending", "handing_over", "failed")))
    .values(
        state=bindparam("outcome"),
        sender=None,
        last_error=bindparam("error"),
        next_try_at=func.now() + bindparam("wait", type_=INTERVAL),
        updated_at=func.now(),
    )
)
_AGAIN: Final = Statement(
    update(Row)
    .where(_THIS, Row.state.in_(("dead", "unknown")))
    .values(state="queued", attempts=0, next_try_at=func.now(), updated_at=func.now())
    .returning(Row.id)
)
_STANDING: Final = Statement(select(Row.state, func.count()).where(_MINE).group_by(Row.state))


class LostToAnother(Exception):
    """Somebody else has taken the delivery meanwhile; it is his now."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a dispatcher did: events planned, messages sent, to be tried again, and given up for people to look into."""

    events: int = 0
    sent: int = 0
    failed: int = 0
    dead: int = 0
    unknown: int = 0

    def plus(self, outcome: str) -> Sent:
        counted = {name: getattr(self, name) for name in ("events", "sent", "failed", "dead", "unknown")}
        return Sent(**{**counted, outcome: counted[outcome] + 1})

    def as_json(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("events", "sent", "failed", "dead", "unknown")}


@dataclass(frozen=True, slots=True)
class _Claim:
    """A delivery to be sent, or what became of one that is not."""

    row: Any
    outcome: str | None
    timeout: float
    lease: timedelta


def this_process() -> str:
    """Names a process for good: machine, number, and when it was started."""
    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time():.2f}"


def is_gone(sender: str) -> bool:
    """Whether a process of this machine has ended; of other machines nothing is known."""
    machine, number, started = sender.rsplit(" ", 2)
    if machine != socket.gethostname():
        return False
    try:
        return bool(abs(psutil.Process(int(number)).create_time() - float(started)) > 1)
    except psutil.Error as error:
        return isinstance(error, psutil.NoSuchProcess)


def backoff(attempts: int, policies: Policies) -> timedelta:
    """How long to wait after so many attempts, the first of which was number 1."""
    first = policies.get(policy.NOTIFICATION_BACKOFF_SECONDS)
    most = policies.get(policy.NOTIFICATION_BACKOFF_MOST_SECONDS)
    return timedelta(seconds=min(most, first * 2 ** min(max(attempts - 1, 0), 30)))


def run(office: Office, senders: Mapping[str, Sender], *, most: int | None = None) -> Sent:
    """Plan what is pending and send what is due, until nothing is left for now.

    Args:
        senders: by channel; those this machine has. Training has none, whatever it is given.
        most: stop after so many messages.

    Raises:
        Unreachable: the database went away; what was under way is gone on with by the next one.
    """
    done = Sent()
    while (planned := notifications.plan(office).events) > 0:
        done = Sent(done.events + planned)
    own = {} if office.operator.is_training else {name: one for name, one in senders.items() if name in OUTWARD}
    count = 0
    while most is None or count < most:
        claim = office.database.transaction(partial(_claim, channels=sorted(own)))
        if claim is None:
            break
        done = done.plus(claim.outcome or _send(office, own[claim.row.channel], claim))
        count += 1
    return done


def _claim(tx: Transaction, channels: list[str]) -> _Claim | None:
    senders, asked = tx.send(_SENDERS), policy.ask(tx)
    gone = [one for one in senders.scalars() if is_gone(one)]
    policies = asked.read()
    oldest = timedelta(hours=policies.get(policy.NOTIFICATION_HOURS))
    row = tx.send(_DUE, gone=gone, channels=channels, oldest=oldest).first()
    if row is None:
        return None
    timeout = policies.get(policy.NOTIFICATION_TIMEOUT_SECONDS)
    lease = timedelta(seconds=4 * timeout + 30)
    if row.created_at < tx.now - oldest:
        return _Claim(row, _dead(tx, row, "it has become old", row.attempts), timeout, lease)
    if row.state == "handing_over" and row.channel == "email":
        return _Claim(row, _unknown(tx, row, "whoever sent it was cut off while handing it over"), timeout, lease)
    if row.state == "handing_over":
        tx.send(_FAIL, delivery=row.id, outcome="failed", error="cut off while handing it over", wait=timedelta())
    tx.send(_TAKE, delivery=row.id, sender=this_process(), lease=lease)
    return _Claim(row, None, timeout, lease)


def _send(office: Office, sender: Sender, claim: _Claim) -> str:
    """Send one message; returns what became of it."""
    row = claim.row
    try:
        sender.send(_letter(office, row), partial(_hand_over, office, claim), claim.timeout)
    except LostToAnother:
        return "failed"
    except NotSent as error:
        return office.database.transaction(partial(_note, row=row, error=error.reason, permanent=error.permanent))
    except MaybeSent as error:
        return office.database.transaction(partial(_unknown, row=row, error=error.reason))
    except IntegrityFailure as error:  # a recipient no key opens
        return office.database.transaction(partial(_note, row=row, error=error.message, permanent=True))
    office.database.transaction(lambda tx: tx.send(_SENT, delivery=row.id))
    return "sent"


def _letter(office: Office, row: Any) -> Letter:
    return Letter(
        id=row.id,
        channel=row.channel,
        event_type=row.event_type,
        to=office.keys.decrypt(bytes(row.recipient or b""), sealed_in("notification_deliveries.recipient", row.id)),
        language=row.language,
        words=render(row.template, row.language, row.params, office.operator.currency),
        params=row.params,
        at=row.created_at,
    )


def _hand_over(office: Office, claim: _Claim) -> None:
    def mark(tx: Transaction) -> bool:
        asked = tx.send(_HAND_OVER, delivery=claim.row.id, sender=this_process(), lease=claim.lease)
        return asked.first() is not None

    if not office.database.transaction(mark):
        raise LostToAnother


def _note(tx: Transaction, *, row: Any, error: str, permanent: bool) -> str:
    attempts = row.attempts + 1
    policies = policy.ask(tx).read()
    if permanent or attempts >= policies.get(policy.NOTIFICATION_ATTEMPTS):
        return _dead(tx, row, error, attempts)
    wait = backoff(attempts, policies)
    tx.send(_FAIL, delivery=row.id, outcome="failed", error=error[:_MOST_ERROR], wait=wait)
    return "failed"


def _dead(tx: Transaction, row: Any, error: str, attempts: int) -> str:
    return _given_up(tx, row, "dead", error, attempts)


def _unknown(tx: Transaction, row: Any, error: str) -> str:
    return _given_up(tx, row, "unknown", error, max(1, row.attempts))


def _given_up(tx: Transaction, row: Any, outcome: str, error: str, attempts: int) -> str:
    tx.send(_FAIL, delivery=row.id, outcome=outcome, error=error[:_MOST_ERROR], wait=timedelta())
    context = {"channel": row.channel, "event_type": row.event_type, "template": row.template, "state": outcome}
    job_failures.record(tx, FAILURE, str(row.id), error, context, attempts=attempts)
    return outcome


def try_again(office: Office, actor: Actor, failure_id: UUID) -> Failure:
    """Queue a message that was given up once more, and close its failure.

    Raises:
        NotPermitted: the role may not.
        NotFound, StateConflict: see ``job_failures.open_one``; the failure is of another kind (``not_a_message``).
    """
    require(actor, "look_into_failures")

    def write(tx: Transaction) -> Failure:
        found = job_failures.open_one(tx, failure_id)
        if found.kind != FAILURE or tx.send(_AGAIN, delivery=UUID(found.subject)).first() is None:
            raise StateConflict(
                "This is no message that could be sent again.",
                code="not_a_message",
                hint="Do what is to be done, and resolve it with a note.",
            )
        job_failures.close(tx, found, "sent again")
        return found

    return office.database.transaction(write, actor=actor)


def standing(office: Office) -> dict[str, int]:
    """State → how many messages are in it."""
    counted = office.database.transaction(lambda tx: tx.send(_STANDING).pairs())
    return {str(state): int(count) for state, count in counted.items()}
