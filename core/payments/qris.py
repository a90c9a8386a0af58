"""QRIS, Indonesia's payment code: what one says, and whether it may be shown for a sale.

Source: EMVCo Merchant-Presented Mode 1.1 with Bank Indonesia's QRIS fields (national merchant id in template 51).
A code that fails any check here is never drawn: the customer would pay another amount, another merchant, or nothing.

    code              what is wrong
    ───────────────── ──────────────────────────────────────────────────────────────
    qris_characters   anything but printable ASCII
    qris_malformed    tags and lengths do not add up, a mandatory field is missing
    qris_crc          the checksum is wrong
    qris_not_qris     an EMVCo code, but without a national merchant id
    qris_static       a static code (the customer would type the amount)
    qris_amount       no amount, or another one
    qris_currency     not the operator's currency
    qris_country      not the operator's country
    qris_merchant     another merchant's code
    qris_tip          the customer would be asked for, or charged, something on top
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from core.payments.emv import QrRefused, pack, parse, refusal, sealed, unsealed

__all__ = ["RUPIAH", "Merchant", "QrRefused", "QrisPayload", "build_payload", "check_payload", "parse_payload"]

#: ISO 4217, numeric.
RUPIAH: Final = "360"

_FORMAT, _INITIATION = "00", "01"
_ACQUIRERS: Final = tuple(str(tag) for tag in range(26, 46))
_NATIONAL: Final = "51"
_CATEGORY, _CURRENCY, _AMOUNT, _COUNTRY, _NAME, _CITY, _POSTCODE = "52", "53", "54", "58", "59", "60", "61"
_TIPS: Final = ("55", "56", "57")
_ADDITIONAL: Final = "62"
_MANDATORY: Final = (_FORMAT, _INITIATION, _CATEGORY, _CURRENCY, _COUNTRY, _NAME, _CITY)
_NATIONAL_ID: Final = "ID.CO.QRIS.WWW"
_INITIATIONS: Final = {"11": False, "12": True}
#: Whole units with at most a fraction of zeros: the rupiah's sen are not in use.
_WHOLE: Final = re.compile(r"([0-9]{1,12})(?:\.0{0,2})?")


@dataclass(frozen=True, slots=True)
class Merchant:
    """Whose code it is. ``national_id`` is the NMID; name and city are cut to the 25 and 15 characters they may have.

    ``category`` is ISO 18245: 4112 is passenger railways.
    """

    national_id: str
    name: str
    city: str
    postcode: str = ""
    category: str = "4112"
    acquirer: str = "ID.CO.ACQUIRER.WWW"
    account: str = "936009990000000001"


@dataclass(frozen=True, slots=True)
class QrisPayload:
    """What a code says. ``amount`` is in rupiah, None where the customer is to type it."""

    dynamic: bool
    acquirer: str
    national_id: str
    category: str
    currency: str
    amount: int | None
    country: str
    name: str
    city: str
    postcode: str
    reference: str
    terminal: str
    tip: bool


def parse_payload(text: str) -> QrisPayload:
    """Read a code that is whole and a QRIS one, whatever it asks for.

    Raises:
        QrRefused: ``qris_characters``, ``qris_malformed``, ``qris_crc``, ``qris_not_qris``, and ``qris_amount`` for
            an amount with sen.
    """
    fields = unsealed(text)
    missing = [tag for tag in _MANDATORY if tag not in fields]
    if missing or next(iter(fields)) != _FORMAT or fields[_FORMAT] != "01":
        raise refusal(
            "qris_malformed", "The code is no payment code of the kind that customers can pay.", missing=missing
        )
    dynamic = _INITIATIONS.get(fields[_INITIATION])
    if dynamic is None:
        raise refusal("qris_malformed", "The code does not say whether it is for one payment or for many.")
    acquirer = parse(next((fields[tag] for tag in _ACQUIRERS if tag in fields), ""))
    national = parse(fields.get(_NATIONAL, ""))
    if national.get("00") != _NATIONAL_ID or not national.get("02") or not acquirer.get("00"):
        raise refusal("qris_not_qris", "The code names no QRIS merchant.")
    additional = parse(fields.get(_ADDITIONAL, ""))
    return QrisPayload(
        dynamic=dynamic,
        acquirer=acquirer["00"],
        national_id=national["02"],
        category=fields[_CATEGORY],
        currency=fields[_CURRENCY],
        amount=_amount(fields.get(_AMOUNT)),
        country=fields[_COUNTRY],
        name=fields[_NAME],
        city=fields[_CITY],
        postcode=fields.get(_POSTCODE, ""),
        reference=additional.get("05", ""),
        terminal=additional.get("07", ""),
        tip=any(tag in fields for tag in _TIPS),
    )


def _amount(written: str | None) -> int | None:
    if written is None:
        return None
    whole = _WHOLE.fullmatch(written)
    if whole is None:
        raise refusal("qris_amount", "The code's amount is no whole number of rupiah.", found=written)
    return int(whole[1])


def check_payload(
    text: str, *, amount: int, currency: str = RUPIAH, country: str = "ID", national_id: str | None = None
) -> QrisPayload:
    """Read a code and make sure that it asks for exactly this amount, once, for this merchant.

    Args:
        amount: what is due, in rupiah.
        currency: ISO 4217 numeric.
        country: ISO 3166 alpha-2.
        national_id: the merchant's NMID, where the operator has stated one.

    Raises:
        QrRefused: with one of the codes in this module's table.
    """
    payload = parse_payload(text)
    if not payload.dynamic:
        raise refusal("qris_static", "The code is for many payments of any amount, not for this one.")
    if payload.currency != currency:
        raise refusal("qris_currency", "The code asks for another currency.", due=currency, found=payload.currency)
    if payload.country != country:
        raise refusal("qris_country", "The code is another country's.", due=country, found=payload.country)
    if payload.amount != amount:
        raise refusal("qris_amount", "The code asks for another amount than is due.", due=amount, found=payload.amount)
    if payload.tip:
        raise refusal("qris_tip", "The code would charge the customer something on top.")
    if national_id is not None and payload.national_id != national_id:
        raise refusal("qris_merchant", "The code pays another merchant.", due=national_id, found=payload.national_id)
    return payload


def build_payload(merchant: Merchant, *, amount: int | None, reference: str = "", terminal: str = "") -> str:
    """A valid code for that merchant: dynamic with an amount, static without.

    Raises:
        ValueError: a value that a field cannot hold; a negative amount.
    """
    if amount is not None and amount < 0:
        raise ValueError("an amount is not negative")
    additional = pack(pair for pair in (("05", reference), ("07", terminal)) if pair[1])
    fields = (
        (_FORMAT, "01"),
        (_INITIATION, "11" if amount is None else "12"),
        (_ACQUIRERS[0], pack((("00", merchant.acquirer), ("01", merchant.account)))),
        (_NATIONAL, pack((("00", _NATIONAL_ID), ("02", merchant.national_id)))),
        (_CATEGORY, merchant.category),
        (_CURRENCY, RUPIAH),
        (_AMOUNT, "" if amount is None else str(amount)),
        (_COUNTRY, "ID"),
        (_NAME, merchant.name[:25]),
        (_CITY, merchant.city[:15]),
        (_POSTCODE, merchant.postcode),
        (_ADDITIONAL, additional),
    )
    return sealed(pack(field for field in fields if field[1]))
