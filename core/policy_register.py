"""Looking after policies: what holds where and since when, changed and withdrawn, with everything that ever stood.

A value is never overwritten: changing one ends its row (``deleted_at``) and enters another, in one transaction. What
decides by policies reads them in its own transaction (``core.policy``), so the next decision at any counter knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import Select, func, insert, select, text, update
from sqlalchemy.orm import aliased

from core.database import Actor, Transaction, on_violation
from core.errors import NotFound, StateConflict
from core.models import AuditLog, PolicyConfiguration, User
from core.network import Network
from core.office import Office
from core.permissions import require
from core.policy import REGISTRY
from core.policy_values import OPERATOR, Entered, InForce, Place, in_force, named, parse_value, shown

#: An audit row's entity.
ENTITY: Final = "policy_configurations"


def _changed_meanwhile() -> StateConflict:
    return StateConflict(
        "Somebody has changed this policy meanwhile.", code="policy_changed", hint="Look at what it says now."
    )


on_violation("uq_policy_configurations_live", _changed_meanwhile)


def place_of(office: Office, *, station: str | None = None, train: str | None = None) -> Place:
    """A place by the codes people know.

    Raises:
        NotFound: no such station or train (codes ``unknown_station``, ``unknown_train``).
    """
    network = office.network()
    where, what = network.station(station) if station else None, network.train(train) if train else None
    return Place(
        where.id if where else None,
        what.id if what else None,
        where.code if where else None,
        what.number if what else None,
    )


def listed(office: Office, actor: Actor, place: Place = OPERATOR) -> list[InForce]:
    """Every policy of the registry, in its order, as it holds at a place."""
    require(actor, "decide_policies")
    found = _entered(office, actor)
    return [in_force(policy, found.get(name, ()), place) for name, policy in REGISTRY.items()]


def find(office: Office, actor: Actor, name: str, place: Place = OPERATOR) -> InForce:
    """One policy as it holds at a place.

    Raises:
        NotFound: there is none of that name (code ``unknown_policy``).
    """
    require(actor, "decide_policies")
    policy = named(name)
    return in_force(policy, _entered(office, actor, policy.name).get(policy.name, ()), place)


def set_value(
    office: Office, actor: Actor, name: str, value: object, place: Place = OPERATOR, *, seen: int | None = None
) -> InForce:
    """Let a value hold at a place from now on. One that stands there already is left as it is.

    Args:
        seen: the row that stood there when somebody made up his mind, 0 for none; None asks no such question.

    Raises:
        NotFound: no such policy (code ``unknown_policy``).
        Refused: the value is outside the bounds (``policy_out_of_bounds``).
        UsageError: it is of another type (``policy_value_invalid``).
        StateConflict: somebody else has changed it meanwhile (``policy_changed``).
    """
    require(actor, "decide_policies")
    policy = named(name)
    decided = parse_value(policy, shown(value))

    def write(tx: Transaction) -> None:
        standing = _stand_alone(tx, policy.name, place, seen)
        if standing is not None and standing.value == decided and type(standing.value) is type(decided):
            return
        if standing is not None:
            _end(tx, standing.id)
        wider = _wider(tx, policy.name, place)
        made = tx.query(
            insert(PolicyConfiguration)
            .values(
                operator_id=tx.operator_id,
                policy_type=policy.name,
                config=Jsonb({"value": decided}),
                station_id=place.station_id,
                train_id=place.train_id,
                is_override=place != OPERATOR,
                overrides_id=wider,
                created_by=actor.user_id,
            )
            .returning(PolicyConfiguration.id)
        ).scalar()
        about = {"policy": policy.name, **place.as_json()}
        old = None if standing is None else {**about, "id": standing.id, "value": standing.value}
        tx.audit("create" if standing is None else "update", ENTITY, made, old=old, new={**about, "value": decided})
        tx.event("policy.changed", ENTITY, made, {**about, "value": decided})

    office.database.transaction(write, actor=actor)
    return find(office, actor, policy.name, place)


def withdraw(office: Office, actor: Actor, name: str, place: Place = OPERATOR, *, seen: int | None = None) -> InForce:
    """Take away what stands at exactly this place; the next wider value holds from now on.

    Raises:
        NotFound: no such policy (code ``unknown_policy``), or nothing stands there (``policy_not_set``).
        StateConflict: somebody else has changed it meanwhile (``policy_changed``).
    """
    require(actor, "decide_policies")
    policy = named(name)

    def write(tx: Transaction) -> None:
        standing = _stand_alone(tx, policy.name, place, seen)
        if standing is None:
            raise NotFound(
                f"Nobody has decided {policy.name} there.",
                code="policy_not_set",
                hint="Look where its value comes from.",
            )
        _end(tx, standing.id)
        about = {"policy": policy.name, **place.as_json()}
        tx.audit("delete", ENTITY, standing.id, old={**about, "value": standing.value})
        tx.event("policy.withdrawn", ENTITY, standing.id, about)

    office.database.transaction(write, actor=actor)
    return find(office, actor, policy.name, place)


def history(office: Office, actor: Actor, name: str) -> list[Entered]:
    """Everything that ever stood for a policy, anywhere, the newest first.

    Raises:
        NotFound: there is none of that name (code ``unknown_policy``).
    """
    require(actor, "decide_policies")
    policy, network = named(name), office.network()

    def read(tx: Transaction) -> list[Entered]:
        rows = tx.query(_rows(tx, policy.name).order_by(PolicyConfiguration.id.desc())).all()
        enders = _enders(tx, [row.id for row in rows if row.deleted_at is not None])
        return [_of_row(row, network, enders.get(row.id, "")) for row in rows]

    return office.database.transaction(read, actor=actor)


# -- rows -----------------------------------------------------------------------------------------------------------


def _rows(tx: Transaction, name: str | None = None) -> Select[Any]:
    who = aliased(User)
    wrote = (who.operator_id == PolicyConfiguration.operator_id) & (who.id == PolicyConfiguration.created_by)
    found: Select[Any] = (
        select(*PolicyConfiguration.__table__.c, who.full_name)
        .outerjoin_from(PolicyConfiguration, who, wrote)
        .where(PolicyConfiguration.operator_id == tx.operator_id)
    )
    return found if name is None else found.where(PolicyConfiguration.policy_type == name)


def _entered(office: Office, actor: Actor, name: str | None = None) -> Mapping[str, Sequence[Entered]]:
    network = office.network()

    def read(tx: Transaction) -> dict[str, list[Entered]]:
        found: dict[str, list[Entered]] = {}
        for row in tx.query(_rows(tx, name).where(PolicyConfiguration.deleted_at.is_(None))).all():
            found.setdefault(row.policy_type, []).append(_of_row(row, network))
        return found

    return office.database.transaction(read, actor=actor)


def _of_row(row: Any, network: Network, ended_by: str = "") -> Entered:
    station, train = network.stations.get(row.station_id), network.trains.get(row.train_id)
    place = Place(row.station_id, row.train_id, station.code if station else None, train.number if train else None)
    return Entered(
        row.id, row.policy_type, row.config.get("value"), place, row.created_at, row.full_name or "",
        row.overrides_id, row.deleted_at, ended_by,
    )  # fmt: skip


def _at(tx: Transaction, name: str, place: Place) -> Any:
    return (
        (PolicyConfiguration.operator_id == tx.operator_id)
        & (PolicyConfiguration.policy_type == name)
        & PolicyConfiguration.station_id.is_not_distinct_from(place.station_id)
        & PolicyConfiguration.train_id.is_not_distinct_from(place.train_id)
        & PolicyConfiguration.deleted_at.is_(None)
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    id: int
    value: object


def _stand_alone(tx: Transaction, name: str, place: Place, seen: int | None) -> _Standing | None:
    """What stands there, with nobody else at work on this policy until the transaction ends."""
    # A lock of the row alone would let the second of two find neither the old row nor the new one.
    tx.query(select(func.pg_advisory_xact_lock(tx.operator_id, func.hashtext(f"policy {name}"))))
    row = tx.query(select(PolicyConfiguration.id, PolicyConfiguration.config).where(_at(tx, name, place))).first()
    if seen is not None and seen != (0 if row is None else row.id):
        raise _changed_meanwhile()
    return None if row is None else _Standing(row.id, row.config.get("value"))


def _wider(tx: Transaction, name: str, place: Place) -> int | None:
    """The row that holds here without this one."""
    for one in place.wider:
        found: int | None = tx.query(select(PolicyConfiguration.id).where(_at(tx, name, one))).scalar()
        if found is not None:
            return found
    return None


def _end(tx: Transaction, row_id: int) -> None:
    # Not now(): the transaction that entered it may have begun after this one.
    tx.query(
        update(PolicyConfiguration)
        .where(PolicyConfiguration.operator_id == tx.operator_id, PolicyConfiguration.id == row_id)
        .values(deleted_at=text("clock_timestamp()"), updated_at=text("clock_timestamp()"))
        .returning(PolicyConfiguration.id)
    )


def _enders(tx: Transaction, ids: Sequence[int]) -> dict[int, str]:
    """Who ended these rows, by the audit trail: an update names the row it replaced, a withdrawal is about it."""
    if not ids:
        return {}
    replaced = AuditLog.old_values["id"].astext
    rows = tx.query(
        select(func.coalesce(replaced, AuditLog.entity_id).label("ended"), User.full_name)
        .join(User, (User.operator_id == AuditLog.operator_id) & (User.id == AuditLog.user_id))
        .where(
            AuditLog.operator_id == tx.operator_id,
            AuditLog.entity_type == ENTITY,
            ((AuditLog.action == "update") & replaced.in_([str(one) for one in ids]))
            | ((AuditLog.action == "delete") & AuditLog.entity_id.in_([str(one) for one in ids])),
        )
    ).all()
    return {int(row.ended): row.full_name for row in rows}
