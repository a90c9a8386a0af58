"""The tables, and nothing but the tables: no rule, no query, no service.

One module per room of the railway: ``network`` (stations, trains, schedules, seats), ``sales`` (bookings, passengers,
tickets), ``money`` (payments, charges, promotions), ``people`` (users, terminals, sessions), ``journal`` (audit,
events, print jobs, check-ins, idempotency) and ``policy``. ``guards`` holds what PostgreSQL enforces beyond columns and
constraints: row-level security, grants and state-transition triggers.
"""

from core.models.base import Base
from core.models.journal import AuditLog, CheckIn, DomainEvent, IdempotencyKey, Notification, PrintJob
from core.models.money import BookingCharge, BookingPromotion, Payment, Promotion, Refund
from core.models.network import (
    Coach,
    FareBucket,
    Route,
    RouteStation,
    Schedule,
    Seat,
    SeatInventory,
    ServicePattern,
    Station,
    Train,
    TrainClass,
)
from core.models.people import DatabaseLogin, KeyRing, Operator, Terminal, User, UserProfile, UserSession
from core.models.policy import PolicyConfiguration
from core.models.sales import Booking, Passenger, SeatHold, Ticket

__all__ = [
    "AuditLog",
    "Base",
    "Booking",
    "BookingCharge",
    "BookingPromotion",
    "CheckIn",
    "Coach",
    "DatabaseLogin",
    "DomainEvent",
    "FareBucket",
    "IdempotencyKey",
    "KeyRing",
    "Notification",
    "Operator",
    "Passenger",
    "Payment",
    "PolicyConfiguration",
    "PrintJob",
    "Promotion",
    "Refund",
    "Route",
    "RouteStation",
    "Schedule",
    "Seat",
    "SeatHold",
    "SeatInventory",
    "ServicePattern",
    "Station",
    "Terminal",
    "Ticket",
    "Train",
    "TrainClass",
    "User",
    "UserProfile",
    "UserSession",
]
