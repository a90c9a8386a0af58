"""What can be told: events, whom they concern, and the words in Indonesian and English. Pure.

A message names a booking, a train, times and amounts; never a passenger, an identity or a ticket's code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from string import Template
from typing import Any, Final

from babel.dates import format_datetime

from core.money import grouped

CUSTOMER: Final = "customer"
STAFF: Final = "staff"
#: What a notification on the screen is filed under, by the first word of its event.
_FILED: Final = {"booking": "booking", "ticket": "booking", "refund": "payment", "schedule": "schedule"}
OUTWARD: Final = ("email", "sms", "whatsapp")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event that can be told. ``once`` says of what it is told once, whatever events say it again."""

    template: str
    audience: str
    once: str = "event"

    @property
    def on_screen(self) -> bool:
        """Staff are told on the screen unless somebody decides otherwise; customers only by what is configured."""
        return self.audience == STAFF


EVENTS: Final[Mapping[str, Kind]] = {
    "booking.confirmed": Kind("booking_confirmed", CUSTOMER, once="booking"),
    "booking.contact_left": Kind("booking_confirmed", CUSTOMER, once="booking"),
    "booking.cancelled": Kind("booking_cancelled", CUSTOMER),
    "refund.initiated": Kind("refund_decided", CUSTOMER),
    "refund.completed": Kind("refund_paid", CUSTOMER),
    "ticket.rescheduled": Kind("rescheduled", CUSTOMER),
    "ticket.upgraded": Kind("rescheduled", CUSTOMER),
    "ticket.reseated": Kind("reseated", CUSTOMER),
    "schedule.delayed": Kind("train_delayed", CUSTOMER),
    "schedule.cancelled": Kind("train_cancelled", CUSTOMER),
    "schedule.stop_skipped": Kind("stop_skipped", CUSTOMER),
    "approval.requested": Kind("approval_waiting", STAFF),
    "job.failed": Kind("job_failed", STAFF),
}
#: Configurations go by these: what is left later is told as the first.
CONFIGURABLE: Final = tuple(name for name in EVENTS if name != "booking.contact_left")

_TEXTS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "booking_confirmed": {
        "id": (
            "Pemesanan $booking",
            "Pemesanan $booking sudah dibayar: KA $train $train_name, $origin-$destination, berangkat $departs,"
            " $passengers penumpang, $amount.",
        ),
        "en": (
            "Booking $booking",
            "Booking $booking is paid: train $train $train_name, $origin-$destination, leaves $departs,"
            " $passengers passengers, $amount.",
        ),
    },
    "booking_cancelled": {
        "id": ("Pembatalan $booking", "Pemesanan $booking sudah dibatalkan."),
        "en": ("Booking $booking cancelled", "Booking $booking is cancelled."),
    },
    "refund_decided": {
        "id": (
            "Pengembalian $reference",
            "Untuk pemesanan $booking Anda menerima kembali $amount, nomor $reference.",
        ),
        "en": ("Refund $reference", "For booking $booking you get back $amount, number $reference."),
    },
    "refund_paid": {
        "id": ("Pengembalian $reference dibayar", "$amount untuk pemesanan $booking sudah dibayarkan ($reference)."),
        "en": ("Refund $reference paid", "$amount for booking $booking is paid out ($reference)."),
    },
    "rescheduled": {
        "id": (
            "Perubahan jadwal $booking",
            "Pemesanan $booking dipindahkan: KA $train, $origin-$destination, berangkat $departs. Tiket lama tidak"
            " berlaku.",
        ),
        "en": (
            "Booking $booking changed",
            "Booking $booking was moved: train $train, $origin-$destination, leaves $departs. The old ticket is void.",
        ),
    },
    "reseated": {
        "id": (
            "Tempat duduk baru $booking",
            "KA $train pada $departs: tempat duduk pemesanan $booking berubah. Cetak ulang tiket di loket.",
        ),
        "en": (
            "New seats for $booking",
            "Train $train of $departs: the seats of booking $booking have changed. Have the tickets printed again.",
        ),
    },
    "train_delayed": {
        "id": (
            "KA $train terlambat",
            "KA $train terlambat $minutes menit ($reason). Berangkat dari $origin $departs. Pemesanan $booking.",
        ),
        "en": (
            "Train $train is late",
            "Train $train is $minutes minutes late ($reason). It leaves $origin $departs. Booking $booking.",
        ),
    },
    "train_cancelled": {
        "id": (
            "KA $train batal",
            "KA $train dari $origin $departs dibatalkan ($reason). Uang pemesanan $booking dikembalikan penuh.",
        ),
        "en": (
            "Train $train is cancelled",
            "Train $train from $origin $departs does not run ($reason). The fare of booking $booking is given back.",
        ),
    },
    "stop_skipped": {
        "id": (
            "KA $train tidak berhenti",
            "KA $train pada $departs tidak berhenti di $skipped ($reason). Uang pemesanan $booking dikembalikan.",
        ),
        "en": (
            "Train $train skips a stop",
            "Train $train of $departs does not call at $skipped ($reason). Booking $booking is refunded.",
        ),
    },
    "approval_waiting": {
        "id": ("Permintaan $number menunggu", "Permintaan $number ($kind, $amount) menunggu persetujuan: $reason"),
        "en": ("Request $number waits", "Request $number ($kind, $amount) waits for a decision: $reason"),
    },
    "job_failed": {
        "id": ("Pekerjaan gagal", "$kind gagal. Lihat: counter admin failures list"),
        "en": ("Work has failed", "$kind has failed. See: counter admin failures list"),
    },
}


@dataclass(frozen=True, slots=True)
class Message:
    """What is told, in words."""

    subject: str
    body: str


def filed_under(event_type: str) -> str:
    """The type of its notification on the screen."""
    return _FILED.get(event_type.partition(".")[0], "service")


def render(template: str, language: str, params: Mapping[str, Any], currency: str) -> Message:
    """The words of a message.

    Args:
        params: ``amount`` in minor units, ``departs`` as ISO text; the rest as it is written.
    """
    subject, body = _TEXTS[template][language]
    words = {name: _written(name, value, language, currency) for name, value in params.items()}
    return Message(
        " ".join(Template(subject).safe_substitute(words).split()), Template(body).safe_substitute(words).strip()
    )


def _written(name: str, value: Any, language: str, currency: str) -> str:
    if value is None:
        return "-"
    if name == "amount":
        return f"{currency} {grouped(int(value))}"
    if name == "departs":
        return str(format_datetime(datetime.fromisoformat(value), "EEE d MMM HH:mm", locale=language))
    return str(value)
