"""Promotions of the demonstration railway, marked as such: one by share, one by sum, one that is soon used up."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from core.ops.demo.stations import TIME_ZONE

_FROM: Final = datetime(2020, 1, 1, tzinfo=ZoneInfo(TIME_ZONE))
_TO: Final = datetime(2100, 1, 1, tzinfo=ZoneInfo(TIME_ZONE))


def _promotion(code: str, name: str, kind: str, value: int, **terms: int) -> dict[str, Any]:
    return {
        "promotion_code": code,
        "promotion_name": f"{name} (demonstration)",
        "discount_type": kind,
        "discount_value": value,
        "minimum_amount": terms.get("minimum", 0),
        "maximum_discount": terms.get("maximum"),
        "usage_limit": terms.get("uses"),
        "valid_from": _FROM,
        "valid_to": _TO,
    }


#: Rows of ``promotions``; amounts are rupiah.
PROMOTIONS: Final = (
    _promotion("DEMO10", "Ten per cent", "percentage", 10, maximum=50_000),
    _promotion("DEMO50K", "Fifty thousand off", "fixed_amount", 50_000, minimum=500_000),
    _promotion("DEMOLAST", "First ten customers", "fixed_amount", 25_000, uses=10),
)
