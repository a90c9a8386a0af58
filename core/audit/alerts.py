"""Security alerts: what is on record and somebody should look at, by the limits the operator has set.

Which incidents make an alert ``core.audit.incidents`` decides, whose day is out of line ``core.audit.outliers``. Here
both are loaded, the look is put on record, and what somebody has looked at is acknowledged: an audit row of the type
``security_alerts`` whose key is the alert's. Only a supervisor's or an administrator's counts, and nobody's about
himself.

What is loaded begins at a midnight at least a day before the span that is asked for, so that an alert that began
before it, and its key, are the same whenever one looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Date, Text, bindparam, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import DateTime

from core import policy
from core.audit.incidents import ABOUT_SOMEBODY, Acknowledgement, Alert, Incident, Place, find
from core.audit.outliers import REFUNDS, REPRINTS, Days, Tally, out_of_line
from core.clock import instant, local
from core.database import Actor, Statement, Transaction
from core.errors import NotFound, Refused
from core.models import AuditLog, CheckIn, Refund, Shift, Terminal, User
from core.network import Network
from core.office import Office
from core.permissions import PERMISSIONS, require
from core.wording import one_line

__all__ = ["Alert", "acknowledge", "alerts", "count_open"]

ACKNOWLEDGED: Final = "security_alerts"
#: How far back alerts are announced, and looked for when one is acknowledged by its key.
RECENT, KNOWN = timedelta(days=1), timedelta(days=31)

_LOOK_BACK: Final = timedelta(days=1)
#: Of each kind so many incidents are looked at, the newest: who guesses for days makes more than memory should hold.
_MOST: Final = 50_000
_DIGITS_SHOWN: Final = 12
#: What a gate refuses to somebody who tries, not to somebody who stands at the wrong platform.
_SUSPICIOUS: Final = ("already_used", "cancelled", "superseded", "duplicate", "unpaid", "revoked", "forged")
_SINCE: Final = bindparam("since", type_=DateTime(timezone=True))
_BEFORE: Final = bindparam("before", type_=DateTime(timezone=True))

_FAILED_SIGN_INS: Final = Statement(
    select(AuditLog.created_at, AuditLog.entity_type, AuditLog.entity_id, AuditLog.terminal_id)
    .where(
        AuditLog.operator_id == bindparam("operator_id"),
        AuditLog.created_at >= _SINCE,
        AuditLog.created_at < _BEFORE,
        AuditLog.new_values["sign_in"].astext.in_(("failed", "locked")),
    )
    .order_by(AuditLog.created_at.desc())
    .limit(_MOST)
)
_REFUSED_CODES: Final = Statement(
    select(CheckIn.recorded_at, CheckIn.terminal_id, CheckIn.station_id)
    .where(
        CheckIn.operator_id == bindparam("operator_id"),
        CheckIn.recorded_at >= _SINCE,
        CheckIn.recorded_at < _BEFORE,
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


def _days(*columns: Any, when: Any, where: Sequence[Any]) -> Any:
    """Rows with the day of the operator's calendar they fall on, in front."""
    day = cast(func.timezone(bindparam("zone", type_=Text()), when), Date)
    return select(day.label("day"), *columns).where(when >= _SINCE, when < _BEFORE, *where).subquery()


_refund = _days(
    *(Refund.requested_by.label("person"), Refund.refund_amount.label("amount"), Refund.created_at.label("at")),
    literal(None, Text()).label("terminal"),
    when=Refund.created_at,
    where=(Refund.operator_id == bindparam("operator_id"), Refund.requested_by.is_not(None)),
)
_copy = _days(
    *(AuditLog.user_id.label("person"), literal(0).label("amount"), AuditLog.created_at.label("at")),
    Terminal.terminal_code.label("terminal"),
    when=AuditLog.created_at,
    where=(
        AuditLog.operator_id == bindparam("operator_id"),
        AuditLog.entity_type == "tickets",
        AuditLog.action == "update",
        AuditLog.new_values.has_key("copy"),
        Terminal.operator_id == AuditLog.operator_id,
        Terminal.id == AuditLog.terminal_id,
    ),
)
_shift = _days(
    Shift.user_id.label("person"), when=Shift.opened_at, where=(Shift.operator_id == bindparam("operator_id"),)
)


def _tallied(rows: Any) -> Statement:
    return Statement(
        select(
            *(rows.c.day, User.staff_number, func.count().label("number"), func.sum(rows.c.amount).label("amount")),
            *(func.min(rows.c.at).label("first_at"), func.max(rows.c.at).label("last_at")),
            func.array_remove(func.array_agg(rows.c.terminal.distinct()), None, type_=ARRAY(Text)).label("terminals"),
        )
        .join(User, (User.operator_id == bindparam("operator_id")) & (User.id == rows.c.person))
        .where(User.staff_number.is_not(None))
        .group_by(rows.c.day, User.staff_number)
    )


_TALLIES: Final = {REFUNDS: _tallied(_refund), REPRINTS: _tallied(_copy)}
_AT_WORK: Final = Statement(
    select(_shift.c.day, User.staff_number)
    .join(User, (User.operator_id == bindparam("operator_id")) & (User.id == _shift.c.person))
    .where(User.staff_number.is_not(None))
    .distinct()
)


def alerts(office: Office, actor: Actor, since: datetime, before: datetime) -> list[Alert]:
    """What was out of line from ``since`` up to ``before``, newest first, with who has looked at it.

    Raises:
        NotPermitted: not a supervisor or an administrator.
    """
    require(actor, "look_into_audit")

    def read(tx: Transaction) -> list[Alert]:
        found = _load(tx, office, since, before)
        span = {"since": since.astimezone(UTC).isoformat(), "before": before.astimezone(UTC).isoformat()}
        tx.audit("view", "audit_logs", "alerts", new={"filter": span, "rows": len(found)})
        return found

    return office.database.transaction(read, actor=actor, statement_timeout=120)


def count_open(office: Office, actor: Actor) -> int:
    """How many alerts of the last day nobody has looked at; a number alone is no look into the trail.

    Raises:
        NotPermitted: not a supervisor or an administrator.
    """
    require(actor, "look_into_audit")

    def read(tx: Transaction) -> int:
        return sum(one.is_open for one in _load(tx, office, tx.now - RECENT, tx.now + timedelta(seconds=1)))

    return office.database.transaction(read, actor=actor, statement_timeout=120)


def acknowledge(office: Office, actor: Actor, alert_id: str, note: str) -> Alert:
    """Put on record that somebody has looked at an alert of the last month, and what came of it.

    Raises:
        NotPermitted: not a supervisor or an administrator.
        NotFound: there is no such alert (code ``unknown_alert``).
        Refused: without a note (``note_missing``), about oneself (``own_alert``), or somebody has
            (``alert_acknowledged``).
    """
    require(actor, "look_into_audit")
    note = one_line(note)
    if not note:
        raise Refused("An acknowledgement needs a note.", code="note_missing", hint="Say what came of it.")

    def write(tx: Transaction) -> Alert:
        known = _load(tx, office, tx.now - KNOWN, tx.now + timedelta(seconds=1))
        one = next((one for one in known if one.id == alert_id.strip().lower()), None)
        if one is None:
            raise NotFound(
                f"There is no alert {alert_id.strip()[:20]!r}.",
                code="unknown_alert",
                hint="Its key stands in the list of alerts.",
            )
        if is_about(one, actor.staff_number):
            raise Refused(
                "Nobody acknowledges an alert about himself.", code="own_alert", hint="Ask another supervisor."
            )
        if not one.is_open:
            raise Refused("This alert is acknowledged already.", code="alert_acknowledged", hint="Look at it.")
        said = {"note": note, "kind": one.kind, "subject": one.subject, "count": one.count}
        tx.audit("update", ACKNOWLEDGED, one.id, new=said)
        return replace(one, acknowledged=Acknowledgement(actor.staff_number, tx.now, note, one.count))

    return office.database.transaction(write, actor=actor, statement_timeout=120)


def is_about(alert: Alert, staff_number: str) -> bool:
    """Whether an alert is about this person."""
    return alert.kind in ABOUT_SOMEBODY and alert.subject == staff_number


def _load(tx: Transaction, office: Office, since: datetime, before: datetime) -> list[Alert]:
    """The alerts whose last incident lies in the span, newest first."""
    zone = office.operator.time_zone
    begin = instant(local(since - _LOOK_BACK, zone).date(), time(), zone)
    asked = policy.ask(tx)
    incidents = list(_incidents(tx, office.network(), zone, begin, before))
    days = _read_days(tx, zone, begin, before)
    policies = asked.read()
    found = [one for one in (*find(incidents, policies), *out_of_line(days, policies)) if one.last_at >= since]
    seen = _acknowledgements(tx, found)
    found = [replace(one, acknowledged=seen.get(one.id)) for one in found]
    return sorted(found, key=lambda one: one.last_at, reverse=True)


def _acknowledgements(tx: Transaction, found: Sequence[Alert]) -> dict[str, Acknowledgement]:
    """The last acknowledgement of each alert by somebody whose word counts."""
    if not found:
        return {}
    rows = tx.query(
        select(AuditLog.entity_id, AuditLog.created_at, AuditLog.new_values, User.staff_number)
        .join(User, (User.operator_id == AuditLog.operator_id) & (User.id == AuditLog.user_id))
        .where(
            AuditLog.operator_id == tx.operator_id,
            AuditLog.entity_type == ACKNOWLEDGED,
            AuditLog.entity_id.in_([one.id for one in found]),
            AuditLog.action == "update",
            User.role.in_(sorted(PERMISSIONS["look_into_audit"])),
        )
        .order_by(AuditLog.created_at, AuditLog.chain_no)
    ).all()
    of_id = {one.id: one for one in found}
    seen = {}
    for row in rows:
        said, number = row.new_values or {}, row.staff_number or ""
        if isinstance(said.get("count"), int) and not is_about(of_id[row.entity_id], number):
            note = one_line(str(said.get("note", "")))
            seen[row.entity_id] = Acknowledgement(number, row.created_at, note, said["count"])
    return seen


def _read_days(tx: Transaction, zone: str, since: datetime, before: datetime) -> Days:
    span = {"since": since, "before": before, "zone": zone}
    at_work = tx.send(_AT_WORK, **span)
    asked = {what: tx.send(statement, **span) for what, statement in _TALLIES.items()}
    tallies = [
        Tally(
            *(row.day, row.staff_number, what, row.number, int(row.amount), row.first_at, row.last_at),
            tuple(row.terminals or ()),
        )
        for what, rows in asked.items()
        for row in rows.all()
    ]
    present: frozenset[tuple[date, str]] = frozenset((row.day, row.staff_number) for row in at_work.all())
    return Days(present, tallies)


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
