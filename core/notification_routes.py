"""Which event is told by which channel: the operator's configurations, of which the nearest counts for each channel.

Where none stands, staff are told on the screen and nobody else is told anything. The choice is pure (``routes``);
looking, setting and withdrawing are a supervisor's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.types import Integer

from core.database import Actor, Rows, Statement, Transaction, on_violation
from core.errors import NotFound, Refused, StateConflict
from core.models import NotificationConfiguration
from core.models.notifying import CHANNELS, LANGUAGES
from core.notification_catalogue import CONFIGURABLE, EVENTS
from core.office import Office
from core.permissions import require
from core.personal_data import normalize_mail, normalize_phone

_MINE: Final = (NotificationConfiguration.operator_id == bindparam("operator_id")) & (
    NotificationConfiguration.deleted_at.is_(None)
)
_ALL: Final = Statement(
    select(NotificationConfiguration)
    .where(_MINE)
    .order_by(NotificationConfiguration.event_type, NotificationConfiguration.channel, NotificationConfiguration.id)
)
_HERE: Final = (
    _MINE
    & (NotificationConfiguration.event_type == bindparam("event"))
    & (NotificationConfiguration.channel == bindparam("channel"))
    & (NotificationConfiguration.station_id.is_not_distinct_from(bindparam("station", type_=Integer)))
    & (NotificationConfiguration.train_id.is_not_distinct_from(bindparam("train", type_=Integer)))
)
_WITHDRAW: Final = Statement(
    update(NotificationConfiguration)
    .where(_HERE)
    .values(deleted_at=func.now(), updated_at=func.now())
    .returning(NotificationConfiguration.id)
)
_COLUMNS: Final = ("operator_id", "event_type", "channel", "station_id", "train_id", "is_enabled", "created_by")
_INSERT: Final = Statement(
    insert(NotificationConfiguration)
    .values({**{name: bindparam(name) for name in _COLUMNS}, "details": bindparam("details")})
    .returning(NotificationConfiguration.id)
)
on_violation(
    "uq_notification_configurations_live",
    lambda: StateConflict("Somebody else has just changed this.", code="changed_meanwhile", hint="Look again."),
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """One row of ``notification_configurations``. ``to``: the operator's own address, not the customer's."""

    event_type: str
    channel: str
    station_id: int | None = None
    train_id: int | None = None
    is_enabled: bool = True
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def language(self) -> str:
        return str(self.details.get("language", LANGUAGES[0]))

    @property
    def to(self) -> str | None:
        return self.details.get("to")

    def as_json(self) -> dict[str, Any]:
        return {
            "event": self.event_type,
            "channel": self.channel,
            "station_id": self.station_id,
            "train_id": self.train_id,
            "enabled": self.is_enabled,
            **self.details,
        }


def routes(
    configured: Iterable[Configuration], event_type: str, *, station_id: int | None, train_id: int | None
) -> tuple[Configuration, ...]:
    """What is to be sent for an event there: for each channel the nearest configuration, if it is switched on.

    The train at this station is nearest, then the train, the station, the operator.
    """
    name = "booking.confirmed" if event_type == "booking.contact_left" else event_type
    nearest = ((station_id, train_id), (None, train_id), (station_id, None), (None, None))
    by_place = {(one.channel, one.station_id, one.train_id): one for one in configured if one.event_type == name}
    found = []
    for channel in CHANNELS:
        chosen = next((by_place[(channel, *place)] for place in nearest if (channel, *place) in by_place), None)
        if chosen is None and channel == "screen" and EVENTS[event_type].on_screen:
            chosen = Configuration(name, channel, details={"language": "en"})
        if chosen is not None and chosen.is_enabled:
            found.append(chosen)
    return tuple(found)


def ask(tx: Transaction) -> Rows:
    """Queue the question for all configurations; see ``read``."""
    return tx.send(_ALL)


def read(rows: Rows) -> list[Configuration]:
    """The answer to ``ask``."""
    return [
        Configuration(row.event_type, row.channel, row.station_id, row.train_id, row.is_enabled, row.metadata)
        for row in rows.all()
    ]


def listed(office: Office, actor: Actor) -> list[Configuration]:
    """Everything that stands.

    Raises:
        NotPermitted: the role may not look.
    """
    require(actor, "decide_policies")
    return office.database.transaction(lambda tx: read(ask(tx)), actor=actor)


def configure(office: Office, actor: Actor, wanted: Configuration) -> Configuration:
    """Let this hold from now on at its place, instead of what stood there.

    Raises:
        NotPermitted: the role may not.
        Refused: no such event, channel or language (``unknown_event``, ``unknown_channel``, ``unknown_language``).
        UsageError: an address that is none.
    """
    require(actor, "decide_policies")
    one = _checked(wanted)

    def write(tx: Transaction) -> Configuration:
        gone = tx.send(_WITHDRAW, **_place(one)).all()
        made = tx.send(
            _INSERT,
            event_type=one.event_type,
            channel=one.channel,
            station_id=one.station_id,
            train_id=one.train_id,
            is_enabled=one.is_enabled,
            details=Jsonb(dict(one.details)),
            created_by=tx.actor.user_id,
        ).scalar()
        old = {"replaced": [row.id for row in gone]} if gone else None
        tx.audit("create", "notification_configurations", made, old=old, new=one.as_json())
        return one

    return office.database.transaction(write, actor=actor)


def withdraw(office: Office, actor: Actor, wanted: Configuration) -> None:
    """Take away what stands at exactly this place; the next wider one counts again.

    Raises:
        NotPermitted: the role may not.
        NotFound: nothing stands there (code ``unknown_configuration``).
    """
    require(actor, "decide_policies")

    def write(tx: Transaction) -> None:
        gone = tx.send(_WITHDRAW, **_place(wanted)).all()
        if not gone:
            raise NotFound("Nothing is configured there.", code="unknown_configuration", hint="List what stands.")
        tx.audit("delete", "notification_configurations", gone[0].id, old=wanted.as_json())

    office.database.transaction(write, actor=actor)


def _place(one: Configuration) -> dict[str, Any]:
    return {"event": one.event_type, "channel": one.channel, "station": one.station_id, "train": one.train_id}


def _checked(one: Configuration) -> Configuration:
    if one.event_type not in CONFIGURABLE:
        raise Refused(
            f"There is no event {one.event_type[:40]!r}.",
            code="unknown_event",
            hint=f"One of {', '.join(CONFIGURABLE)}.",
        )
    if one.channel not in CHANNELS:
        raise Refused(
            f"There is no channel {one.channel[:20]!r}.", code="unknown_channel", hint=f"One of {', '.join(CHANNELS)}."
        )
    if one.language not in LANGUAGES:
        raise Refused("There is no such language.", code="unknown_language", hint=f"One of {', '.join(LANGUAGES)}.")
    if one.to is None or one.channel == "screen":
        return one
    to = normalize_mail(one.to) if one.channel == "email" else normalize_phone(one.to)
    return Configuration(
        one.event_type, one.channel, one.station_id, one.train_id, one.is_enabled, {**one.details, "to": to}
    )
