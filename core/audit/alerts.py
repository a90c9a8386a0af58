"""Security alerts: what is on record and somebody should look at, by the limits the operator has set.

- failed PINs: one number, or one terminal, with more wrong PINs within an hour than policy allows;
- refusals at night: sign-ins, and ticket codes that were used up, given back or never ours, refused at a station in
  the hours policy calls night, by the station's own clock.

Which incidents make an alert ``find`` decides; ``alerts`` loads them and puts the look on record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Text, bindparam, cast, select

from core import policy
from core.clock import local
from core.database import Actor, Statement, Transaction
from core.models import AuditLog, CheckIn, Terminal, User
from core.network import Network
from core.office import Office
from core.permissions import require
from core.policy import (
    ALERT_FAILED_PINS,
    ALERT_FAILED_PINS_AT_TERMINAL,
    ALERT_NIGHT_REFUSALS,
    NIGHT_ENDS,
    NIGHT_STARTS,
    Policies,
)

FAILED_PINS: Final = "failed_pins"
FAILED_PINS_AT_TERMINAL: Final = "failed_pins_at_terminal"
REFUSALS_AT_NIGHT: Final = "refusals_at_night"

_WITHIN: Final = timedelta(hours=1)
#: Of each kind so many incidents are looked at, the newest: who guesses for days makes more than memory should hold.
_MOST: Final = 50_000
_DIGITS_SHOWN: Final = 12
#: What a gate refuses to somebody who tries, not to somebody who stands at the wrong platform.
_SUSPICIOUS: Final = ("already_used", "cancelled", "superseded", "duplicate", "unpaid", "revoked", "forged")

_FAILED_SIGN_INS: Final = Statement(
    select(AuditLog.created_at, AuditLog.entity_type, AuditLog.entity_id, AuditLog.terminal_id)
    .where(
        AuditLog.operator_id == bindparam("operator_id"),
        AuditLog.created_at >= bindparam("since"),
        AuditLog.created_at < bindparam("before"),
        AuditLog.new_values["sign_in"].astext.in_(("failed", "locked")),
    )
    .order_by(AuditLog.created_at.desc())
    .limit(_MOST)
)
_REFUSED_CODES: Final = Statement(
    select(CheckIn.recorded_at, CheckIn.terminal_id, CheckIn.station_id)
    .where(
        CheckIn.operator_id == bindparam("operator_id"),
        CheckIn.recorded_at >= bindparam("since"),
        CheckIn.recorded_at < bindparam("before"),
        CheckIn.outcome.in_(_SUSPICIOUS),
    )
    .order_by(CheckIn.recorded_at.desc())
    .limit(_MOST)
)
_TERMINALS: Final = Statement(
    select(Terminal.id, Terminal.terminal_code, Terminal.station_id).where(
        Terminal.operator_id == bindparam("operator_id")
    )
)


@dataclass(frozen=True, slots=True)
class Incident:
    """A wrong PIN, or a code that a gate refused.

    Args:
        number: the staff number a PIN was tried for; None at a gate.
        terminal: the terminal's code; empty where none is known.
        place: the code of the station, its own key and its time zone.
    """

    at: datetime
    number: str | None
    terminal: str
    place: Place


@dataclass(frozen=True, slots=True)
class Place:
    station: str
    station_id: int | None
    time_zone: str


@dataclass(frozen=True, slots=True)
class Alert:
    """Incidents that were too many: for one number, at one terminal, or in one night at one station."""

    kind: str
    subject: str
    count: int
    first_at: datetime
    last_at: datetime
    terminals: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "subject": self.subject,
            "count": self.count,
            "first_at": self.first_at.astimezone(UTC).isoformat(),
            "last_at": self.last_at.astimezone(UTC).isoformat(),
            "terminals": list(self.terminals),
        }


def alerts(office: Office, actor: Actor, since: datetime, before: datetime) -> list[Alert]:
    """What was out of line from ``since`` up to ``before``, newest first.

    Raises:
        NotPermitted: not a supervisor or an administrator.
    """
    require(actor, "look_into_audit")
    network = office.network()

    def read(tx: Transaction) -> list[Alert]:
        asked = policy.ask(tx)
        found = find(_incidents(tx, network, office.operator.time_zone, since, before), asked.read())
        span = {"since": since.astimezone(UTC).isoformat(), "before": before.astimezone(UTC).isoformat()}
        tx.audit("view", "audit_logs", "alerts", new={"filter": span, "rows": len(found)})
        return found

    return office.database.transaction(read, actor=actor, statement_timeout=120)


def find(incidents: Iterable[Incident], policies: Policies) -> list[Alert]:
    """The alerts that incidents make, newest first."""
    by_time = sorted(incidents, key=lambda one: one.at)
    wrong_pins = [one for one in by_time if one.number is not None]
    found = [
        *_bursts(FAILED_PINS, wrong_pins, lambda one: one.number or "", policies, ALERT_FAILED_PINS),
        *_bursts(
            FAILED_PINS_AT_TERMINAL, wrong_pins, lambda one: one.terminal, policies, ALERT_FAILED_PINS_AT_TERMINAL
        ),
        *_nights(by_time, policies),
    ]
    return sorted(found, key=lambda alert: alert.last_at, reverse=True)


def _bursts(
    kind: str,
    incidents: Sequence[Incident],
    subject: Callable[[Incident], str],
    policies: Policies,
    limit: policy.Policy[int],
) -> Iterator[Alert]:
    """One alert for each row of incidents without a pause of an hour, if some hour of it reached the limit."""
    of_subject: dict[str, list[Incident]] = defaultdict(list)
    for one in incidents:
        of_subject[subject(one)].append(one)
    for name, mine in of_subject.items():
        starts = [at for at, one in enumerate(mine) if at == 0 or one.at - mine[at - 1].at > _WITHIN]
        for begin, stop in zip(starts, [*starts[1:], len(mine)], strict=True):
            burst = mine[begin:stop]
            most = policies.get(limit, station_id=burst[-1].place.station_id)
            if any(late.at - early.at <= _WITHIN for early, late in zip(burst, burst[most - 1 :], strict=False)):
                yield _alert(kind, name, burst)


def _nights(incidents: Sequence[Incident], policies: Policies) -> Iterator[Alert]:
    nights: dict[tuple[Place, date], list[Incident]] = defaultdict(list)
    for one in incidents:
        night = _night(one, policies)
        if night is not None:
            nights[one.place, night].append(one)
    for (place, _), refused in nights.items():
        if len(refused) >= policies.get(ALERT_NIGHT_REFUSALS, station_id=place.station_id):
            yield _alert(REFUSALS_AT_NIGHT, place.station, refused)


def _night(one: Incident, policies: Policies) -> date | None:
    """The evening of the night an incident falls into; None by day."""
    starts = policies.get(NIGHT_STARTS, station_id=one.place.station_id)
    ends = policies.get(NIGHT_ENDS, station_id=one.place.station_id)
    there = local(one.at, one.place.time_zone)
    if starts <= ends:
        return there.date() if starts <= there.hour < ends else None
    if there.hour >= starts:
        return there.date()
    return there.date() - timedelta(days=1) if there.hour < ends else None


def _alert(kind: str, subject: str, incidents: Sequence[Incident]) -> Alert:
    terminals = tuple(sorted({one.terminal for one in incidents if one.terminal}))
    return Alert(kind, subject, len(incidents), incidents[0].at, incidents[-1].at, terminals)


def _incidents(
    tx: Transaction, network: Network, time_zone: str, since: datetime, before: datetime
) -> Iterator[Incident]:
    asked = tx.send(_FAILED_SIGN_INS, since=since, before=before), tx.send(_REFUSED_CODES, since=since, before=before)
    terminals = {row.id: row for row in tx.send(_TERMINALS).all()}
    sign_ins, codes = asked[0].all(), asked[1].all()
    numbers = _numbers(tx, {row.entity_id for row in sign_ins if row.entity_type == "users"})

    def place(station_id: int | None) -> Place:
        station = network.stations.get(station_id or 0)
        return Place(station.code, station.id, station.time_zone) if station else Place("", None, time_zone)

    for row in sign_ins:
        here = terminals.get(row.terminal_id)
        number = numbers.get(row.entity_id) or f"unknown {row.entity_id[:_DIGITS_SHOWN]}"
        yield Incident(
            row.created_at, number, here.terminal_code if here else "", place(here.station_id if here else None)
        )
    for row in codes:
        here = terminals.get(row.terminal_id)
        yield Incident(row.recorded_at, None, here.terminal_code if here else "", place(row.station_id))


def _numbers(tx: Transaction, user_ids: set[str]) -> dict[str, str]:
    """Staff numbers by the id of the person, as the trail writes it."""
    if not user_ids:
        return {}
    key = cast(User.id, Text)  # what the trail says is text, and need not be anybody's key
    found: dict[str, str] = tx.query(
        select(key, User.staff_number).where(User.operator_id == tx.operator_id, key.in_(user_ids))
    ).pairs()
    return found
