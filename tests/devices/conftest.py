"""What the tests of devices share: a ticket to print and the printer in software that prints it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.ticket_code import TicketPayload, encode
from counter.devices.ticket_layout import TicketFace

WIB = ZoneInfo("Asia/Jakarta")


@pytest.fixture(scope="session")
def ticket_code() -> str:
    payload = TicketPayload(1, 90_210, 4711, date(2026, 11, 25), 0, 4, 1, 2, 3, 18, False)
    return encode(payload, "KAI", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@pytest.fixture(scope="session")
def make_face(ticket_code: str) -> Callable[..., TicketFace]:
    """A ticket from Yogyakarta to Gambir, with whatever a test wants to be different."""
    face = TicketFace(
        operator_name="PT Kereta Api Indonesia",
        train_number="43",
        train_name="Taksaka",
        class_name="Eksekutif",
        subclass="A",
        origin_code="YK",
        origin_name="Yogyakarta",
        destination_code="GMR",
        destination_name="Gambir",
        departs_at=datetime(2026, 11, 25, 7, 30, tzinfo=WIB),
        arrives_at=datetime(2026, 11, 25, 13, 45, tzinfo=WIB),
        coach="EKS 3",
        seat="5B",
        passenger_name="BUDI SANTOSO",
        passenger_type="adult",
        identity="…0001",
        booking_number="ABX4K7Q",
        ticket_number="T2611250000123",
        fare=450_000,
        currency="IDR",
        issued_at=datetime(2026, 11, 20, 8, 41, tzinfo=WIB),
        issued_by="1001 Sari",
        terminal="YK-2",
        code=ticket_code,
    )

    def make(**changes: Any) -> TicketFace:
        return replace(face, **changes)

    return make
