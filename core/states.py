"""Every state a booking, ticket, payment, refund, schedule or print job can be in, and the moves between them.

The same table drives the services, the CHECK constraints and the triggers in the database; a test holds the
three against each other. What belongs here: words and arrows, no behaviour.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BOOKING: Final[Mapping[str, frozenset[str]]] = {
    "pending": frozenset({"confirmed", "cancelled", "expired"}),
    "confirmed": frozenset({"cancelled", "completed"}),
    "cancelled": frozenset(),
    "completed": frozenset({"cancelled"}),  # the operator's fault, claimed after the journey
    "expired": frozenset(),
}
TICKET: Final[Mapping[str, frozenset[str]]] = {
    "active": frozenset({"used", "cancelled", "expired", "superseded", "voided"}),
    "used": frozenset({"active", "cancelled"}),
    "cancelled": frozenset(),
    "expired": frozenset({"cancelled"}),
    "superseded": frozenset(),
    "voided": frozenset(),
}
PAYMENT: Final[Mapping[str, frozenset[str]]] = {
    "pending": frozenset({"processing", "completed", "failed"}),
    "processing": frozenset({"completed", "failed"}),
    "completed": frozenset({"refunded", "failed"}),  # a settlement can be denied later
    "failed": frozenset({"completed"}),  # and money can arrive after it was given up
    "refunded": frozenset(),
}
REFUND: Final[Mapping[str, frozenset[str]]] = {
    "initiated": frozenset({"processing", "completed", "failed", "forfeited"}),
    "processing": frozenset({"completed", "failed"}),
    "completed": frozenset(),
    "failed": frozenset({"processing", "forfeited"}),
    "forfeited": frozenset(),
}
SCHEDULE: Final[Mapping[str, frozenset[str]]] = {
    "scheduled": frozenset({"delayed", "cancelled", "completed"}),
    "delayed": frozenset({"scheduled", "cancelled", "completed"}),
    "cancelled": frozenset(),
    "completed": frozenset(),
}
PRINT_JOB: Final[Mapping[str, frozenset[str]]] = {
    "queued": frozenset({"sent", "cancelled"}),
    "sent": frozenset({"confirmed", "unknown", "queued"}),
    "unknown": frozenset({"confirmed", "cancelled", "queued"}),  # queued: the clerk calls the paper spoilt
    "confirmed": frozenset(),
    "cancelled": frozenset(),
}

SHIFT: Final[Mapping[str, frozenset[str]]] = {
    "open": frozenset({"counted"}),
    "counted": frozenset({"closed"}),
    "closed": frozenset(),
}
APPROVAL: Final[Mapping[str, frozenset[str]]] = {
    "pending": frozenset({"approved", "refused", "expired"}),
    "approved": frozenset({"used", "expired"}),
    "refused": frozenset(),
    "used": frozenset(),
    "expired": frozenset(),
}
MODIFICATION: Final[Mapping[str, frozenset[str]]] = {
    "open": frozenset({"closed", "withdrawn"}),
    "closed": frozenset(),
    "withdrawn": frozenset(),
}
BACKGROUND_JOB: Final[Mapping[str, frozenset[str]]] = {
    "running": frozenset({"finished"}),
    "finished": frozenset({"running"}),  # what had failed is tried again
}
JOB_ITEM: Final[Mapping[str, frozenset[str]]] = {
    "pending": frozenset({"done", "failed"}),
    "done": frozenset(),
    "failed": frozenset({"pending"}),
}
DELIVERY: Final[Mapping[str, frozenset[str]]] = {
    "queued": frozenset({"sending", "dead"}),
    "sending": frozenset({"handing_over", "sent", "failed", "dead"}),  # nothing has left this house yet
    "handing_over": frozenset({"sent", "failed", "unknown", "dead"}),  # from here on it may have arrived
    "failed": frozenset({"sending", "dead"}),
    "sent": frozenset(),
    "unknown": frozenset({"queued"}),
    "dead": frozenset({"queued"}),
}
CALLBACK: Final[Mapping[str, frozenset[str]]] = {
    "new": frozenset({"assigned", "in_progress", "resolved", "cancelled"}),
    "assigned": frozenset({"new", "in_progress", "resolved", "cancelled"}),
    "in_progress": frozenset({"assigned", "resolved", "cancelled"}),
    "resolved": frozenset(),
    "cancelled": frozenset(),
}
FINE: Final[Mapping[str, frozenset[str]]] = {
    "open": frozenset({"paid", "waived"}),
    "paid": frozenset(),
    "waived": frozenset(),
}

#: table -> (column, transitions); the database's triggers are generated from it.
TRANSITIONS: Final[Mapping[str, tuple[str, Mapping[str, frozenset[str]]]]] = {
    "bookings": ("status", BOOKING),
    "tickets": ("ticket_status", TICKET),
    "payments": ("payment_status", PAYMENT),
    "refunds": ("refund_status", REFUND),
    "schedules": ("status", SCHEDULE),
    "print_jobs": ("state", PRINT_JOB),
    "shifts": ("status", SHIFT),
    "approvals": ("status", APPROVAL),
    "booking_modifications": ("status", MODIFICATION),
    "callback_requests": ("status", CALLBACK),
    "fines": ("status", FINE),
    "background_jobs": ("status", BACKGROUND_JOB),
    "background_job_items": ("state", JOB_ITEM),
    "notification_deliveries": ("state", DELIVERY),
}

#: A ticket in one of these holds its seat.
LIVE_TICKET: Final = ("active", "used")
