"""Notifications: which are the gateway's, and what even those do not prove."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from core.payments.webhook import Notification, NotificationRefused, read_notification, signature

KEY = SecretStr("SB-Mid-server-abc123")
SIGNED = {"order_id": "SC-1", "status_code": "200", "gross_amount": "789000.00"}


def body(**changes: object) -> bytes:
    fields = SIGNED | {"transaction_status": "settlement", "signature_key": signature(**SIGNED, server_key=KEY)}
    return json.dumps({name: value for name, value in (fields | changes).items() if value is not None}).encode()


def refusal(raw: bytes, key: SecretStr = KEY) -> str:
    with pytest.raises(NotificationRefused) as caught:
        read_notification(raw, key)
    return caught.value.reason


def test_the_signature_is_the_documented_one() -> None:
    expected = hashlib.sha512(b"SC-1200789000.00SB-Mid-server-abc123").hexdigest()
    assert signature("SC-1", "200", "789000.00", KEY) == expected


def test_a_genuine_notification_names_the_order_to_ask_about() -> None:
    assert read_notification(body(), KEY) == Notification("SC-1", 789_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"order_id": "SC-2"},
        {"status_code": "201"},
        {"gross_amount": "789000.0"},
        {"gross_amount": "1000.00"},
        {"signature_key": "0" * 128},
        {"signature_key": ""},
        {"signature_key": "é" * 128},
        {"signature_key": signature(**SIGNED, server_key=KEY).upper()},
        {"signature_key": signature(**SIGNED, server_key=KEY)[:-1]},
    ],
)
def test_a_changed_notification_is_forged(changes: dict[str, str]) -> None:
    assert refusal(body(**changes)) == "webhook_forged"


def test_another_key_does_not_fit() -> None:
    assert refusal(body(), SecretStr("SB-Mid-server-abc124")) == "webhook_forged"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"order_id": "SC-1", "order_id": "SC-1"}',
        b"{}" + b" " * 70_000,
        body(order_id=None),
        body(order_id=7),
        body(order_id=""),
        body(order_id="SC\n1"),
        body(signature_key=None),
        body(signature_key=["x"]),
        body(gross_amount=789000),
        body(gross_amount="789000.50"),
        body(gross_amount="1e3"),
        body(status_code=200),
        body(status_code="2000"),
    ],
)
def test_what_is_no_notification_is_malformed(raw: bytes) -> None:
    assert refusal(raw) == "webhook_malformed"


def test_a_replay_with_another_status_proves_no_status() -> None:
    """The signature does not cover the status, so the notification must not carry one."""
    assert read_notification(body(transaction_status="deny"), KEY) == read_notification(body(), KEY)
    assert not hasattr(read_notification(body(), KEY), "transaction_status")


def test_fields_cut_elsewhere_keep_the_signature_but_not_the_amount() -> None:
    """Why order and amount are compared with our own books: the signed characters run into each other."""
    signed = signature("SC-1", "200", "789000.00", KEY)
    cut = {"order_id": "SC-12", "status_code": "007", "gross_amount": "89000.00", "signature_key": signed}
    assert refusal(body(**cut)) == "webhook_malformed", "no status code begins with 0"
    signed = signature("SC-1", "222", "789000.00", KEY)
    cut = {"order_id": "SC-12", "status_code": "227", "gross_amount": "89000.00", "signature_key": signed}
    assert read_notification(body(**cut), KEY) == Notification("SC-12", 89_000)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(raw: bytes) -> None:
    assert refusal(raw) == "webhook_malformed"


@given(at=st.integers(0, 127), put=st.sampled_from("0123456789abcdef"))
def test_every_character_of_the_signature_counts(at: int, put: str) -> None:
    good = signature(**SIGNED, server_key=KEY)
    if good[at] != put:
        assert refusal(body(signature_key=good[:at] + put + good[at + 1 :])) == "webhook_forged"
