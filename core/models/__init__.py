"""The tables, and nothing but the tables: no rule, no query, no service.

One module per room of the railway: ``network`` (stations, trains, schedules, seats), ``sales`` (bookings, passengers,
tickets), ``money`` (payments, charges, promotions), ``shifts`` (drawers, counts, reports), ``approvals`` (second
people's decisions, modifications, open questions), ``people`` (users, terminals, sessions, entitlements), ``journal``
(audit, events, print jobs, check-ins, idempotency), ``after_sale_tickets`` (spoilt prints), ``service``
(service requests and what was escalated), ``disruption`` (long jobs, vouchers), ``notifying`` (messages, failed work),
``fines`` and ``policy``.

``guards`` holds what PostgreSQL enforces beyond columns and constraints: row-level security, grants and
state-transition triggers; ``roles`` what each database role may do; ``ledger_guards`` what it refuses about sold
bookings and closed shifts; ``audit_guards`` how it chains the audit trail; ``sign_in_guards`` how it judges who signs
in, ``session_guards`` how it knows who works.
"""

from core.models.after_sale_tickets import SpoiltPrint
from core.models.approvals import Approval, BookingModification, PaymentQuestion
from core.models.base import Base
from core.models.disruption import BackgroundJob, BackgroundJobItem, DelayVoucher
from core.models.fines import Fine
from core.models.journal import (
    AuditCheckpoint,
    AuditHead,
    AuditLog,
    CheckIn,
    DomainEvent,
    IdempotencyKey,
    Notification,
    PrintJob,
)
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
from core.models.notifying import JobFailure, NotificationConfiguration, NotificationDelivery
from core.models.people import (
    DatabaseLogin,
    Entitlement,
    KeyRing,
    Operator,
    SignInAttempt,
    Terminal,
    User,
    UserProfile,
    UserSession,
    UserStation,
)
from core.models.policy import PolicyConfiguration
from core.models.quotas import BookingModificationStat
from core.models.sales import Booking, Passenger, SeatHold, Ticket
from core.models.service import CallbackEscalation, CallbackRequest
from core.models.shifts import CashMovement, Shift, ShiftCount, StockCount, ZReport

__all__ = [
    "Approval",
    "AuditCheckpoint",
    "AuditHead",
    "AuditLog",
    "BackgroundJob",
    "BackgroundJobItem",
    "Base",
    "Booking",
    "BookingCharge",
    "BookingModification",
    "BookingModificationStat",
    "BookingPromotion",
    "CallbackEscalation",
    "CallbackRequest",
    "CashMovement",
    "CheckIn",
    "Coach",
    "DatabaseLogin",
    "DelayVoucher",
    "DomainEvent",
    "Entitlement",
    "FareBucket",
    "Fine",
    "IdempotencyKey",
    "JobFailure",
    "KeyRing",
    "Notification",
    "NotificationConfiguration",
    "NotificationDelivery",
    "Operator",
    "Passenger",
    "Payment",
    "PaymentQuestion",
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
    "Shift",
    "ShiftCount",
    "SignInAttempt",
    "SpoiltPrint",
    "Station",
    "StockCount",
    "Terminal",
    "Ticket",
    "Train",
    "TrainClass",
    "User",
    "UserProfile",
    "UserSession",
    "UserStation",
    "ZReport",
]
