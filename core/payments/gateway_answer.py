"""What the payment gateway says about an order, read from its JSON once and for all.

The shape is the Midtrans Core API's. Amounts are strings with two decimals; ``gross_amount`` is kept verbatim, since a
notification's signature covers it as it was written. Its local times are Western Indonesian Time (UTC+7).
What belongs here: reading, nothing that asks or decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, Final, NoReturn

CURRENCY: Final = "IDR"
WESTERN_INDONESIA: Final = timezone(timedelta(hours=7), "WIB")
#: Whole rupiah; an amount with sen is none of ours.
_AMOUNT: Final = re.compile(r"([0-9]{1,15})(?:\.0{1,2})?")
_STATUS_CODE: Final = re.compile(r"[2-5][0-9]{2}")
_LONGEST_TEXT: Final = 255
_LONGEST_QR: Final = 1024


class TransactionState(StrEnum):
    """The gateway's words for the state of an order."""

    PENDING = "pending"
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    SETTLEMENT = "settlement"
    DENY = "deny"
    CANCEL = "cancel"
    EXPIRE = "expire"
    FAILURE = "failure"
    REFUND = "refund"
    PARTIAL_REFUND = "partial_refund"
    CHARGEBACK = "chargeback"
    PARTIAL_CHARGEBACK = "partial_chargeback"


class Unreadable(ValueError):
    """An answer that is none; ``cause`` is a word from the table in ``core.payments.gateway_errors``."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class RefundLine:
    """One refund as the gateway has it, in rupiah."""

    key: str
    amount: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway says about one order. ``amount`` and ``refunded`` are in rupiah.

    ``qr_string`` comes with the answer to a charge only; it is None where an order was merely looked up.
    """

    order_id: str
    transaction_id: str
    state: TransactionState
    status_code: str
    gross_amount: str
    amount: int
    currency: str = CURRENCY
    fraud_status: str = ""
    issuer: str = ""
    acquirer: str = ""
    transaction_time: datetime | None = None
    settlement_time: datetime | None = None
    expiry_time: datetime | None = None
    qr_string: str | None = None
    refunds: tuple[RefundLine, ...] = ()

    @property
    def refunded(self) -> int:
        """All refunds together; a full one that is not listed (made at the gateway's own desk) is the whole amount."""
        listed = sum(line.amount for line in self.refunds)
        return self.amount if self.state is TransactionState.REFUND and not listed else listed

    def has_refund(self, key: str, amount: int) -> bool:
        return RefundLine(key, amount) in self.refunds

    def as_record(self) -> dict[str, Any]:
        """The answer for the payment's row, in the gateway's own words; ``read_answer`` reads it back."""
        record: dict[str, Any] = {
            "order_id": self.order_id,
            "transaction_id": self.transaction_id,
            "transaction_status": str(self.state),
            "status_code": self.status_code,
            "gross_amount": self.gross_amount,
            "currency": self.currency,
            "fraud_status": self.fraud_status,
            "issuer": self.issuer,
            "acquirer": self.acquirer,
            "transaction_time": _written(self.transaction_time),
            "settlement_time": _written(self.settlement_time),
            "expiry_time": _written(self.expiry_time),
            "qr_string": self.qr_string,
            "refunds": [{"refund_key": line.key, "refund_amount": f"{line.amount}.00"} for line in self.refunds],
        }
        return {name: value for name, value in record.items() if value}


def read_object(raw: bytes) -> dict[str, Any]:
    """A JSON object, strictly: UTF-8, no name twice, no NaN.

    Raises:
        Unreadable: ``not_json``.
    """
    try:
        document = json.loads(raw.decode(), object_pairs_hook=_no_name_twice, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Unreadable("not_json")
    return document


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Readers disagree on which of two counts; an answer about money must not depend on that.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def read_status_code(body: Mapping[str, Any]) -> str:
    """The gateway's own status code, which counts even where HTTP says 200.

    Raises:
        Unreadable: ``incomplete``.
    """
    code = body.get("status_code")
    if not isinstance(code, str) or _STATUS_CODE.fullmatch(code) is None:
        raise Unreadable("incomplete")
    return code


def read_amount(written: object) -> int:
    """An amount as the gateway writes it ("789000.00"), in rupiah.

    Raises:
        Unreadable: ``incomplete``, for anything else, also for an amount with sen.
    """
    whole = _AMOUNT.fullmatch(written) if isinstance(written, str) else None
    if whole is None:
        raise Unreadable("incomplete")
    return int(whole[1])


def read_answer(body: Mapping[str, Any]) -> Answer:
    """
    Raises:
        Unreadable: ``incomplete``: a field is missing or no value of its kind.
    """
    gross_amount = _text(body, "gross_amount")
    try:
        state = TransactionState(_text(body, "transaction_status"))
    except ValueError:
        raise Unreadable("incomplete") from None
    return Answer(
        order_id=_text(body, "order_id"),
        transaction_id=_text(body, "transaction_id"),
        state=state,
        status_code=read_status_code(body),
        gross_amount=gross_amount,
        amount=read_amount(gross_amount),
        currency=_text(body, "currency", CURRENCY),
        fraud_status=_text(body, "fraud_status", ""),
        issuer=_text(body, "issuer", ""),
        acquirer=_text(body, "acquirer", ""),
        transaction_time=_time(body, "transaction_time"),
        settlement_time=_time(body, "settlement_time"),
        expiry_time=_time(body, "expiry_time"),
        qr_string=_text(body, "qr_string", "", longest=_LONGEST_QR) or None,
        refunds=_refunds(body),
    )


def _text(body: Mapping[str, Any], name: str, default: str | None = None, *, longest: int = _LONGEST_TEXT) -> str:
    value = body.get(name)
    if value is None and default is not None:
        return default
    # The qr_string's own check names what is wrong with it; here it only has to be a text of sane length.
    if not isinstance(value, str) or len(value) > longest or not (value.isprintable() or name == "qr_string"):
        raise Unreadable("incomplete")
    if not value and default is None:
        raise Unreadable("incomplete")
    return value


def _time(body: Mapping[str, Any], name: str) -> datetime | None:
    """Times inform; one that cannot be read is left out rather than spoiling the answer."""
    value = body.get(name)
    try:
        return datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=WESTERN_INDONESIA)
    except ValueError:
        return None


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(WESTERN_INDONESIA).strftime("%Y-%m-%d %H:%M:%S")


def _refunds(body: Mapping[str, Any]) -> tuple[RefundLine, ...]:
    """A status lists all refunds; the answer to a refund names its own at the top level. A key may be missing."""
    listed = body.get("refunds")
    if listed is None:
        listed = [body] if "refund_amount" in body else []
    if not isinstance(listed, list) or not all(isinstance(line, Mapping) for line in listed):
        raise Unreadable("incomplete")
    return tuple(RefundLine(_text(line, "refund_key", ""), read_amount(line.get("refund_amount"))) for line in listed)
