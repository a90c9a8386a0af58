"""Looking after promotions: made, changed, switched off, listed. What a sale does with them is ``core.promotions``.

A promotion's code and discount stand for good, since sales refer to them: another discount is another promotion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypedDict

from sqlalchemy import bindparam, func, insert, select, update

from core.clock import local
from core.database import Actor, Statement, Transaction, on_violation
from core.errors import NotFound, Refused, StateConflict, UsageError
from core.models import Promotion as PromotionRow
from core.money import grouped
from core.office import Office
from core.permissions import require
from core.promotions import Promotion, normalised, of_row

KINDS: Final = ("percentage", "fixed_amount")
_LONGEST_NAME: Final = 80
#: As many as the column takes.
_MOST_USES: Final = 2**31 - 1

on_violation(
    "uq_promotions_operator_id_promotion_code",
    lambda: StateConflict(
        "There is a promotion of that code already.", code="promotion_exists", hint="Change it, or choose another code."
    ),
)


@dataclass(frozen=True, slots=True)
class Terms:
    """A promotion to be made. ``value`` is percent or minor units, by ``kind``; amounts are minor units.

    It is valid from ``valid_from`` on and before ``valid_to``.
    """

    code: str
    name: str
    kind: str
    value: int
    valid_from: datetime
    valid_to: datetime
    minimum_amount: int = 0
    maximum_discount: int | None = None
    usage_limit: int | None = None


class Changes(TypedDict, total=False):
    """What may be changed later; what is left out stays."""

    name: str
    minimum_amount: int
    maximum_discount: int | None
    usage_limit: int | None
    valid_from: datetime
    valid_to: datetime
    is_active: bool


_COLUMN_OF: Final = {"name": "promotion_name"}
_LISTED: Final = Statement(
    select(PromotionRow)
    .where(PromotionRow.operator_id == bindparam("operator_id"))
    .order_by(PromotionRow.valid_to.desc(), PromotionRow.promotion_code)
)
_LOCK: Final = Statement(
    select(PromotionRow)
    .where(PromotionRow.operator_id == bindparam("operator_id"), PromotionRow.promotion_code == bindparam("code"))
    .with_for_update()
)


def listed(office: Office, actor: Actor) -> list[Promotion]:
    """Every promotion, those that end last first."""
    require(actor, "sell")
    return office.database.transaction(lambda tx: [of_row(row) for row in tx.send(_LISTED).all()], actor=actor)


def create(office: Office, actor: Actor, terms: Terms) -> Promotion:
    """Make a promotion; it is on from its first moment.

    Raises:
        UsageError: terms that cannot be (code ``promotion_invalid``).
        StateConflict: the code is taken (``promotion_exists``).
    """
    require(actor, "manage_promotions")
    (code,) = normalised([terms.code])
    _require_sound(terms)
    values = {
        "promotion_code": code,
        "promotion_name": _plain(terms.name),
        "discount_type": terms.kind,
        "discount_value": terms.value,
        "minimum_amount": terms.minimum_amount,
        "maximum_discount": terms.maximum_discount,
        "valid_from": terms.valid_from,
        "valid_to": terms.valid_to,
        "usage_limit": terms.usage_limit,
        "is_active": True,
    }

    def write(tx: Transaction) -> Promotion:
        made = tx.query(insert(PromotionRow).values(operator_id=tx.operator_id, **values).returning(PromotionRow))
        promotion = of_row(made.first())
        tx.audit("create", "promotions", promotion.id, new=_recorded(values))
        return promotion

    return office.database.transaction(write, actor=actor)


def change(office: Office, actor: Actor, code: str, changes: Changes) -> Promotion:
    """Change a promotion's terms for the sales to come.

    Raises:
        NotFound: there is no such promotion (``unknown_promotion``).
        Refused: the limit is below the uses there are (``usage_limit_too_low``).
        UsageError: terms that cannot be (``promotion_invalid``).
    """
    require(actor, "manage_promotions")
    (wanted,) = normalised([code])

    def write(tx: Transaction) -> Promotion:
        row = tx.send(_LOCK, code=wanted).first()
        if row is None:
            raise NotFound(f"There is no promotion {wanted}.", code="unknown_promotion", hint="List them first.")
        before = of_row(row)
        values = {_COLUMN_OF.get(name, name): value for name, value in changes.items()}
        if "promotion_name" in values:
            values["promotion_name"] = _plain(str(values["promotion_name"]))
        _require_sound(_as_terms(before, changes))
        limit = changes.get("usage_limit")
        if limit is not None and limit < before.used_count:
            raise Refused(
                f"{wanted} has been used {grouped(before.used_count)} times already.",
                code="usage_limit_too_low",
                hint="Choose a limit not below that, or switch it off.",
            )
        if not values:
            return before
        changed = tx.query(
            update(PromotionRow)
            .where(PromotionRow.operator_id == tx.operator_id, PromotionRow.id == before.id)
            .values(updated_at=func.now(), **values)
            .returning(PromotionRow)
        )
        tx.audit(
            "update", "promotions", before.id,
            old=_recorded({name: getattr(row, name) for name in values}), new=_recorded(values),
        )  # fmt: skip
        return of_row(changed.first())

    return office.database.transaction(write, actor=actor)


def switch_off(office: Office, actor: Actor, code: str) -> Promotion:
    """No sale uses it any more, until it is switched on by ``change``."""
    return change(office, actor, code, {"is_active": False})


def as_json(promotion: Promotion, time_zone: str) -> dict[str, Any]:
    """A promotion as commands print it, with times on the operator's clock."""
    return {
        "code": promotion.code,
        "name": promotion.name,
        "kind": promotion.kind,
        "value": promotion.value,
        "minimum_amount": promotion.minimum_amount,
        "maximum_discount": promotion.maximum_discount,
        "valid_from": local(promotion.valid_from, time_zone).isoformat(),
        "valid_to": local(promotion.valid_to, time_zone).isoformat(),
        "usage_limit": promotion.usage_limit,
        "used": promotion.used_count,
        "active": promotion.is_active,
    }


def _as_terms(promotion: Promotion, changes: Changes) -> Terms:
    """The terms as they will be."""
    now: dict[str, Any] = {
        "minimum_amount": promotion.minimum_amount,
        "maximum_discount": promotion.maximum_discount,
        "usage_limit": promotion.usage_limit,
        "valid_from": promotion.valid_from,
        "valid_to": promotion.valid_to,
        "name": promotion.name,
    } | {name: value for name, value in changes.items() if name != "is_active"}
    return Terms(code=promotion.code, kind=promotion.kind, value=promotion.value, **now)


def _require_sound(terms: Terms) -> None:
    percentage = terms.kind == "percentage"
    limit = terms.usage_limit
    problems = (
        (terms.kind not in KINDS, f"{terms.kind[:20]!r} is no kind of discount."),
        (not 0 < terms.value <= (100 if percentage else 10**12), "The discount is from 1 to 100 % or a sum above 0."),
        (not 0 <= terms.minimum_amount <= 10**12, "The minimum is not below 0."),
        (not 0 < (terms.maximum_discount or 1) <= 10**12 or terms.maximum_discount == 0, "The maximum is above 0."),
        (limit is not None and not 0 <= limit <= _MOST_USES, "The usage limit is not below 0."),
        (terms.valid_to <= terms.valid_from, "A promotion ends after it begins."),
    )
    for wrong, message in problems:
        if wrong:
            raise UsageError(message, code="promotion_invalid", hint="Check the terms.")
    _plain(terms.name)


def _plain(name: str) -> str:
    plain = " ".join(name.split())
    if not plain or not plain.isprintable() or len(plain) > _LONGEST_NAME:
        raise UsageError(
            f"A promotion's name is one line of at most {_LONGEST_NAME} characters.",
            code="promotion_invalid",
            hint="Choose a shorter one.",
        )
    return plain


def _recorded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
