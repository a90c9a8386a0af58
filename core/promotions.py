"""Promotions: who gets which discount, and that each is used no more often than it may be.

Eligibility is pure. A use is counted by the database as it is written (a trigger on ``booking_promotions``), which
locks the promotion's row: of many that want the last use exactly one gets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text
from uuid_utils.compat import uuid7

from core.database import Rows, Statement, Transaction, on_violation
from core.errors import Refused, UsageError
from core.models import BookingPromotion
from core.models import Promotion as PromotionRow
from core.money import grouped


class PromotionRefused(Refused):
    """A promotion does not apply; the sentence says why."""

    code = "promotion_refused"


on_violation(
    "ck_promotions_usage_within_limit",
    lambda: PromotionRefused(
        "The last use of this promotion is taken.", code="promotion_used_up", hint="Sell without it."
    ),
)

_WANTED: Final = Statement(
    select(PromotionRow).where(
        PromotionRow.operator_id == bindparam("operator_id"),
        PromotionRow.promotion_code == func.any(bindparam("codes", type_=ARRAY(Text))),
    )
)
_USE_COLUMNS: Final = ("operator_id", "id", "booking_id", "promotion_id", "discount_applied")
_INSERT_USE: Final = Statement(insert(BookingPromotion).values({name: bindparam(name) for name in _USE_COLUMNS}))


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion's terms. ``value`` is percent or minor units, by ``kind``."""

    id: int
    code: str
    name: str
    kind: str
    value: int
    minimum_amount: int
    maximum_discount: int | None
    valid_from: datetime
    valid_to: datetime
    usage_limit: int | None
    used_count: int
    is_active: bool


@dataclass(frozen=True, slots=True)
class Use:
    """A promotion as one sale uses it. ``discount`` in minor units."""

    promotion_id: int
    code: str
    name: str
    discount: int


def discount(promotion: Promotion, amount: int, now: datetime) -> int:
    """What a promotion takes off fares of ``amount``, minor units; a percentage is rounded down.

    Raises:
        PromotionRefused: codes ``promotion_inactive``, ``promotion_not_yet``, ``promotion_over``,
            ``promotion_used_up``, ``promotion_below_minimum``.
    """
    refusals = (
        (not promotion.is_active, "promotion_inactive", f"The promotion {promotion.code} is not on."),
        (now < promotion.valid_from, "promotion_not_yet", f"The promotion {promotion.code} has not begun."),
        (now >= promotion.valid_to, "promotion_over", f"The promotion {promotion.code} is over."),
        (
            promotion.usage_limit is not None and promotion.used_count >= promotion.usage_limit,
            "promotion_used_up",
            f"The promotion {promotion.code} is used up.",
        ),
        (
            amount < promotion.minimum_amount,
            "promotion_below_minimum",
            f"The promotion {promotion.code} needs fares of {grouped(promotion.minimum_amount)} or more.",
        ),
    )
    for refused, code, message in refusals:
        if refused:
            raise PromotionRefused(message, code=code, hint="Sell without it.")
    off = amount * promotion.value // 100 if promotion.kind == "percentage" else promotion.value
    if promotion.maximum_discount is not None:
        off = min(off, promotion.maximum_discount)
    return min(off, amount)


def normalised(codes: Sequence[str]) -> tuple[str, ...]:
    """Codes as they are stored: upper case, each once, in the order they were named.

    Raises:
        UsageError: an empty or overlong code.
    """
    cleaned = [code.strip().upper() for code in codes]
    if any(not code or len(code) > 40 for code in cleaned):
        raise UsageError("This is no promotion code.", code="promotion_invalid", hint="Type the code as printed.")
    return tuple(dict.fromkeys(cleaned))


class PendingPromotions:
    """Promotions that were asked for in a pipeline and not yet read."""

    __slots__ = ("_codes", "_rows")

    def __init__(self, codes: Sequence[str], rows: Rows) -> None:
        self._codes, self._rows = codes, rows

    def apply(self, fares: int, most: int, now: datetime) -> tuple[Use, ...]:
        """What each takes off, in the order they were named, each from what the ones before left.

        Args:
            fares: what they count from, minor units.
            most: how many one booking may use, by policy.

        Raises:
            PromotionRefused: one is unknown or does not apply, or there are too many.
        """
        uses, refused = self.preview(fares, most, now)
        for refusal in refused.values():
            raise refusal
        return uses

    def preview(self, fares: int, most: int, now: datetime) -> tuple[tuple[Use, ...], dict[str, PromotionRefused]]:
        """As ``apply``, leaving out what is refused; why stands beside it, by code."""
        known = {row.promotion_code: of_row(row) for row in self._rows.all()}
        uses: list[Use] = []
        refused: dict[str, PromotionRefused] = {}
        for code in self._codes:
            try:
                uses.append(_use(known.get(code), code, fares - sum(use.discount for use in uses), now))
                if len(uses) > most:
                    uses.pop()
                    raise _too_many(most)
            except PromotionRefused as refusal:
                refused[code] = refusal
        return tuple(uses), refused


def _use(promotion: Promotion | None, code: str, fares: int, now: datetime) -> Use:
    if promotion is None:
        raise PromotionRefused(f"There is no promotion {code}.", code="unknown_promotion", hint="Check the code.")
    return Use(promotion.id, code, promotion.name, discount(promotion, fares, now))


def _too_many(most: int) -> PromotionRefused:
    return PromotionRefused(
        f"A booking takes at most {most} promotion{'s' if most != 1 else ''}.",
        code="too_many_promotions",
        hint="Choose the best.",
    )


def of_row(row: Any) -> Promotion:
    """A row of ``promotions``."""
    return Promotion(
        id=row.id,
        code=row.promotion_code,
        name=row.promotion_name,
        kind=row.discount_type,
        value=row.discount_value,
        minimum_amount=row.minimum_amount,
        maximum_discount=row.maximum_discount,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        usage_limit=row.usage_limit,
        used_count=row.used_count,
        is_active=row.is_active,
    )


def ask(tx: Transaction, codes: Sequence[str]) -> PendingPromotions | None:
    """Queue the question for promotions, if any are named."""
    wanted = normalised(codes)
    return PendingPromotions(wanted, tx.send(_WANTED, codes=list(wanted))) if wanted else None


def write(tx: Transaction, booking_id: UUID, uses: Sequence[Use]) -> None:
    """Queue the uses of a sale; the database counts them.

    In the order of their keys: two sales with the same promotions named differently then never wait for each other.
    """
    tx.send_each(
        _INSERT_USE,
        [
            {
                "id": uuid7(),
                "booking_id": booking_id,
                "promotion_id": use.promotion_id,
                "discount_applied": use.discount,
            }
            for use in sorted(uses, key=lambda use: use.promotion_id)
        ],
    )
