"""Money: whole minor units of the operator's currency, its rounding, and how it is written.

An amount is an ``int`` everywhere; the rupiah has no minor unit in use, so 1 is one rupiah.
"""

from __future__ import annotations

from typing import Final

from babel.numbers import format_decimal

#: The currency's own separators whatever the language of the screen: 857.500, as on the notes and the posters.
_SEPARATORS: Final = "id_ID"


def round_up(amount: int, step: int) -> int:
    """The smallest multiple of ``step`` that is not below ``amount``; fares and fees round up to Rp 1,000.

    >>> round_up(112_001, 1000)
    113000
    """
    return -(-amount // step) * step


def share(amount: int, part: int, whole: int) -> int:
    """``amount * part / whole``, rounded up to the next minor unit, without ever leaving the integers."""
    return -(-amount * part // whole)


def grouped(amount: int) -> str:
    """The bare number as a till shows it: ``857.500``."""
    return str(format_decimal(amount, locale=_SEPARATORS))
