"""Policies: every rate, window, limit and cut-off an operator decides, typed and described in one registry.

Values stand in ``policy_configurations``, for the whole operator, for a station or for a train; the nearest one wins
(train before station before operator), and where none stands the registry's default holds. Decisions read them inside
their own transaction, so a change holds for the next decision at every counter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, select

from core.database import Rows, Statement, Transaction
from core.models import PolicyConfiguration
from core.policy_kind import Policy as Policy
from core.policy_kind import V

REGISTRY: Final[dict[str, Policy[Any]]] = {}


def _policy(
    name: str,
    unit: str,
    default: V,
    meaning: str,
    *,
    minimum: int = 0,
    maximum: int = 1_000_000_000,
    choices: tuple[str, ...] = (),
) -> Policy[V]:
    made = Policy(name, unit, default, meaning, minimum, maximum, choices)
    REGISTRY[name] = made
    return made


HOLD_MINUTES: Final = _policy(
    "hold_minutes", "minutes", 10, "how long seats are held for an unpaid sale", minimum=1, maximum=1440
)
SALE_WINDOW_DAYS: Final = _policy(
    "sale_window_days", "days", 90, "how many days before departure the sale opens", maximum=366
)
SUBSIDISED_SALE_WINDOW_DAYS: Final = _policy(
    "subsidised_sale_window_days", "days", 45, "the same for subsidised trains", maximum=366
)
SALE_CLOSES_MINUTES: Final = _policy(
    "sale_closes_minutes", "minutes", 0, "how long before a train leaves the boarding station its sale closes",
    maximum=366 * 1440,
)  # fmt: skip
GO_SHOW_HOURS: Final = _policy(
    "go_show_hours",
    "hours",
    0,
    "counters sell only this long before departure; 0: the whole sale window",
    maximum=366 * 24,
)
MAX_SEATS: Final = _policy("max_seats_per_booking", "seats", 4, "largest party of one booking", minimum=1, maximum=20)
INFANT_AGE: Final = _policy("infant_age_years", "years", 3, "younger travels free on a lap", maximum=18)
INFANTS_PER_ADULT: Final = _policy("infants_per_adult", "infants", 1, "infants one adult may carry", maximum=5)
SENIOR_AGE: Final = _policy("senior_age_years", "years", 60, "from this age a traveller is a senior", maximum=120)
BOOKING_FEE: Final = _policy("booking_fee", "minor units", 7_500, "added to every booking, never refunded")
FARE_ROUNDING: Final = _policy("fare_rounding", "minor units", 1_000, "fares round up to a multiple of it", minimum=1)
ONE_TICKET_PER_IDENTITY: Final = _policy(
    "one_ticket_per_identity", "yes or no", True, "on subsidised trains an identity travels once per departure"
)
BOARDING_OPENS_MINUTES: Final = _policy(
    "boarding_opens_minutes", "minutes", 60, "how long before departure the gate lets passengers through",
    maximum=366 * 1440,
)  # fmt: skip
BOARDING_CLOSES_MINUTES: Final = _policy(
    "boarding_closes_minutes", "minutes", 0, "how long before departure the gate closes", maximum=366 * 1440
)
PROMOTIONS_PER_BOOKING: Final = _policy(
    "promotions_per_booking", "promotions", 1, "how many promotions one booking may use", maximum=5
)
SENIOR_PERCENT: Final = _policy("senior_reduction_percent", "per cent", 20, "a senior's reduction", maximum=100)
VETERAN_WEEKEND_PERCENT: Final = _policy(
    "veteran_weekend_reduction_percent", "per cent", 30, "a veteran's reduction from Friday to Monday", maximum=100
)
VETERAN_WEEKDAY_PERCENT: Final = _policy(
    "veteran_weekday_reduction_percent", "per cent", 50, "a veteran's reduction from Tuesday to Thursday", maximum=100
)
MILITARY_EXECUTIVE_PERCENT: Final = _policy(
    "military_executive_reduction_percent", "per cent", 25, "the reduction of soldiers and police in executive class",
    maximum=100,
)  # fmt: skip
MILITARY_ECONOMY_PERCENT: Final = _policy(
    "military_economy_reduction_percent", "per cent", 50, "the same in business, premium and economy class", maximum=100
)
REDUCTIONS_ON_SUBSIDISED: Final = _policy(
    "reductions_on_subsidised", "yes or no", False, "reductions are given on subsidised trains too"
)
#: What a payment costs the operator by its contract with a bank or gateway. One per method of ``core.payments``.
PROCESSING_FEES: Final = {
    method: _policy(
        f"{method}_fee_basis_points", "hundredths of a per cent", 0, f"what a {method} payment costs the operator",
        maximum=10_000,
    )
    for method in ("cash", "debit_card", "credit_card", "qris", "wallet", "bank_transfer")
}  # fmt: skip
CASH_ROUNDING: Final = _policy(
    "cash_rounding", "minor units", 1, "what is paid in cash is rounded down to a multiple of it", minimum=1,
    maximum=10_000,
)  # fmt: skip
QRIS_MINUTES: Final = _policy("qris_minutes", "minutes", 5, "how long a QRIS code can be paid", minimum=1, maximum=60)
LATE_PAYMENT_HOURS: Final = _policy(
    "late_payment_hours", "hours", 72, "how long the gateway is asked about payments that have ended", minimum=1,
    maximum=24 * 60,
)  # fmt: skip
SCRIPTS_OPEN_SHIFTS: Final = _policy(
    "scripts_open_shifts", "yes or no", True, "a command's sale opens a shift without a float where none is open"
)
SHIFT_RECOUNTS: Final = _policy("shift_recounts", "recounts", 1, "how often a drawer may be counted again", maximum=10)
OVER_SHORT_LIMIT: Final = _policy(
    "over_short_limit", "minor units", 20_000, "a counted drawer that is further off needs an approver"
)
X_SHOWS_EXPECTED: Final = _policy(
    "x_shows_expected", "yes or no", False, "clerks see what should be in the drawer before they have counted it"
)
CASH_IN_LIMIT: Final = _policy("cash_in_limit", "minor units", 5_000_000, "more cash in needs an approver")
CASH_OUT_LIMIT: Final = _policy("cash_out_limit", "minor units", 500_000, "more cash out needs an approver")
DROP_LIMIT: Final = _policy("drop_limit", "minor units", 50_000_000, "a larger drop into a bag needs an approver")
APPROVAL_MINUTES: Final = _policy(
    "approval_minutes", "minutes", 30, "how long a request waits for its approval and to be used", minimum=1
)
PIN_ATTEMPTS: Final = _policy("pin_attempts", "attempts", 5, "wrong PINs before an account is locked", minimum=1)
PIN_LOCK_MINUTES: Final = _policy(
    "pin_lock_minutes", "minutes", 5, "how long it stays locked the first time; each time twice as long", minimum=1
)
PIN_LOCK_MOST_MINUTES: Final = _policy("pin_lock_most_minutes", "minutes", 1440, "the longest it is locked", minimum=1)
SESSIONS_AT_ONE_TERMINAL: Final = _policy(
    "sessions_at_one_terminal", "1 or 0", 1, "1: whoever signs in at a screen is signed off at every other", maximum=1
)
IDLE_LOCK_MINUTES: Final = _policy(
    "idle_lock_minutes", "minutes", 10, "a screen nobody touches asks for the PIN after so long; 0: never", maximum=720
)
SESSION_HOURS: Final = _policy("session_hours", "hours", 12, "how long a sign-in lasts", minimum=1, maximum=48)
ALERT_FAILED_PINS: Final = _policy(
    "alert_failed_pins", "attempts", 5, "wrong PINs for one number within an hour that make an alert", minimum=1
)
ALERT_FAILED_PINS_AT_TERMINAL: Final = _policy(
    "alert_failed_pins_at_terminal", "attempts", 10, "the same at one terminal, whatever the numbers", minimum=1
)
ALERT_NIGHT_REFUSALS: Final = _policy(
    "alert_night_refusals", "refusals", 3, "sign-ins and codes refused in a night that make an alert", minimum=1
)
ALERT_REFUNDS_LEAST: Final = _policy(
    "alert_refunds_least", "refunds", 5, "fewer refunds of a clerk in a day never make an alert", minimum=2
)
ALERT_REFUNDS_TIMES: Final = _policy(
    "alert_refunds_times", "times", 3, "so many times what other clerks refund that day, by number or sum, is in line",
    minimum=1, maximum=100,
)  # fmt: skip
ALERT_REPRINTS_LEAST: Final = _policy(
    "alert_reprints_least", "copies", 5, "fewer copies of tickets by a clerk in a day never make an alert", minimum=2
)
ALERT_REPRINTS_TIMES: Final = _policy(
    "alert_reprints_times", "times", 3, "so many times what the other clerks copy that day is in line", minimum=1,
    maximum=100,
)  # fmt: skip
NIGHT_STARTS: Final = _policy("night_starts_hour", "hour of the day", 23, "from when on it is night", maximum=23)
NIGHT_ENDS: Final = _policy("night_ends_hour", "hour of the day", 4, "until when it is night", maximum=23)
RETENTION_DAYS: Final = _policy(
    "retention_days_personal_data", "days", 365, "how long after the last journey it is known who travelled", minimum=1,
    maximum=3660,
)  # fmt: skip
RETENTION_DAYS_UNSOLD: Final = _policy(
    "retention_days_unsold", "days", 7, "the same of parties that were named and never travelled", minimum=1,
    maximum=3660,
)  # fmt: skip

#: After the sale: cancelling, rescheduling, correcting, and what is paid back.
CANCEL_FEE_PERCENT: Final = _policy(
    "cancel_fee_percent", "per cent", 25, "what of the fare is kept when a customer cancels", maximum=100
)
CANCEL_FEE_ROUNDING: Final = _policy(
    "cancel_fee_rounding", "minor units", 1, "what is kept is rounded up to a multiple of it", minimum=1,
    maximum=1_000_000,
)  # fmt: skip
CANCEL_CUTOFF_MINUTES: Final = _policy(
    "cancel_cutoff_minutes", "minutes", 30, "how long before departure a counter stops cancelling", maximum=366 * 1440
)
RESCHEDULE_FEE_PERCENT: Final = _policy(
    "reschedule_fee_percent", "per cent", 25, "what of the fare a move to another train, date or class costs",
    maximum=100,
)  # fmt: skip
RESCHEDULE_FEE_ROUNDING: Final = _policy(
    "reschedule_fee_rounding", "minor units", 1_000, "the fee of a move is rounded up to a multiple of it", minimum=1,
    maximum=1_000_000,
)  # fmt: skip
RESCHEDULE_CUTOFF_MINUTES: Final = _policy(
    "reschedule_cutoff_minutes", "minutes", 60, "how long before departure a counter stops moving tickets",
    maximum=366 * 1440,
)  # fmt: skip
RESCHEDULE_OTHER_RELATION: Final = _policy(
    "reschedule_other_relation", "yes or no", False, "a ticket may be moved to another pair of stations"
)
REFUND_UNCLAIMED_DAYS: Final = _policy(
    "refund_unclaimed_days", "days", 365, "after so long a refund nobody claims is forfeited", minimum=1, maximum=3660
)
REFUND_PAYOUT_DAYS: Final = _policy(
    "refund_payout_days", "days", 7, "within how long a refund is promised to be paid out", maximum=366
)
REFUND_CASH_ALLOWED: Final = _policy(
    "refund_cash_allowed", "yes or no", False, "what a customer cancels is paid out in cash without an exception"
)
QRIS_REFUND_DAYS: Final = _policy(
    "qris_refund_days", "days", 7, "how long after its payment the gateway sends money back", maximum=366
)
CARD_REFUND_DAYS: Final = _policy(
    "card_refund_days", "days", 45, "how long after its payment the card machine gives money back", maximum=366
)
FAULT_CLAIM_DAYS: Final = _policy(
    "fault_claim_days", "days", 7, "how long after departure the operator's fault is claimed", maximum=366
)
FAULT_KEEPS_BOOKING_FEE: Final = _policy(
    "fault_keeps_booking_fee", "yes or no", False, "the booking fee too is paid back when the operator is at fault"
)
DELAY_REFUND_MINUTES: Final = _policy(
    "delay_refund_minutes", "minutes", 60, "a train later than this may be cancelled for a full refund", maximum=2880
)
DELAY_DRINK_MINUTES: Final = _policy(
    "delay_drink_minutes", "minutes", 60, "whoever waits longer than this is given a drink", maximum=2880
)
DELAY_SNACK_MINUTES: Final = _policy(
    "delay_snack_minutes", "minutes", 180, "whoever waits longer than this is given a snack", maximum=2880
)
DELAY_MEAL_MINUTES: Final = _policy(
    "delay_meal_minutes", "minutes", 300, "whoever waits longer than this is given a meal or another mode",
    maximum=2880,
)  # fmt: skip
MODIFICATIONS_PER_WINDOW: Final = _policy(
    "modifications_per_window", "modifications", 4, "what a customer may change in the window without a supervisor",
    maximum=1_000,
)  # fmt: skip
MODIFICATION_WINDOW_DAYS: Final = _policy(
    "modification_window_days", "days", 30, "how long a cancellation or move counts for its customer", minimum=1,
    maximum=366,
)  # fmt: skip
NAME_CORRECTIONS_ALLOWED: Final = _policy(
    "name_corrections_allowed", "yes or no", True, "names and identities on sold tickets may be corrected"
)
CORRECTIONS_PER_TICKET: Final = _policy(
    "corrections_per_ticket", "corrections", 1, "how often one ticket's name or identity is corrected", maximum=20
)
CORRECTION_CUTOFF_MINUTES: Final = _policy(
    "correction_cutoff_minutes", "minutes", 60, "how long before departure corrections stop", maximum=366 * 1440
)
CORRECTION_FEE: Final = _policy("correction_fee", "minor units", 0, "what correcting a name or identity costs")
CORRECTION_LETTERS: Final = _policy(
    "correction_letters", "letters", 3, "a name that changes by more letters is another person's", maximum=20
)
CORRECTION_DIGITS: Final = _policy("correction_digits", "digits", 2, "the same of an identity number", maximum=8)
UPGRADES_ALLOWED: Final = _policy("upgrades_allowed", "yes or no", True, "a sold ticket may move to a dearer class")
UPGRADE_FEE_PERCENT: Final = _policy(
    "upgrade_fee_percent", "per cent", 0, "what of the old fare an upgrade costs beside the difference", maximum=100
)
UPGRADE_CUTOFF_MINUTES: Final = _policy(
    "upgrade_cutoff_minutes", "minutes", 30, "how long before departure upgrades stop", maximum=366 * 1440
)
DUPLICATE_FEE: Final = _policy("duplicate_fee", "minor units", 0, "what re-issuing a lost ticket costs")
DUPLICATES_PER_TICKET: Final = _policy(
    "duplicates_per_ticket", "duplicates", 2, "how often a ticket is re-issued without a supervisor", maximum=14
)
#: Fines and bans.
FINE_MULTIPLE: Final = _policy(
    "fine_multiple", "times", 2, "a fine for riding too far, by the lowest fare of the stretch", minimum=1, maximum=100
)
FINE_DUE_DAYS: Final = _policy(
    "fine_due_days", "days", 0, "how long a fine may stay unpaid before its traveller is banned", maximum=366
)
BAN_DAYS: Final = _policy("ban_days", "days", 90, "how long unpaid fines ban a traveller from buying", maximum=3660)
BAN_DAYS_REPEATED: Final = _policy(
    "ban_days_repeated", "days", 180, "the same for a traveller with many unpaid fines", maximum=3660
)
BAN_AFTER_FINES: Final = _policy(
    "ban_after_fines", "fines", 3, "more unpaid fines than this are many", minimum=1, maximum=100
)
#: Service levels, escalation and what is told to whom.
CALLBACK_MINUTES: Final = _policy(
    "callback_minutes", "minutes", 60, "within how long a customer is called back", minimum=1, maximum=43_200
)
CALLBACK_URGENT_MINUTES: Final = _policy(
    "callback_urgent_minutes", "minutes", 15, "the same for urgent requests", minimum=1, maximum=43_200
)
ASSISTANCE_MINUTES: Final = _policy(
    "assistance_minutes", "minutes", 15, "within how long somebody who needs assistance is met", minimum=1,
    maximum=43_200,
)  # fmt: skip
APPROVAL_ESCALATION_MINUTES: Final = _policy(
    "approval_escalation_minutes", "minutes", 10, "an approval that waits longer is told to the escalation's role",
    minimum=1, maximum=1440,
)  # fmt: skip
_ESCALATED_TO: Final = ("supervisor", "admin")
ESCALATION_ROLE: Final = _policy(
    "escalation_role", "role", "supervisor", "who is told of a service level that was missed", choices=_ESCALATED_TO
)
ESCALATION_AGAIN_MINUTES: Final = _policy(
    "escalation_again_minutes", "minutes", 30, "what is still open so long after is escalated a second time", minimum=1,
    maximum=43_200,
)  # fmt: skip
ESCALATION_SECOND_ROLE: Final = _policy(
    "escalation_second_role", "role", "admin", "who is told the second time", choices=_ESCALATED_TO
)
NOTIFICATION_ATTEMPTS: Final = _policy(
    "notification_attempts", "attempts", 8, "after so many a notification is a dead letter", minimum=1, maximum=100
)
NOTIFICATION_BACKOFF_SECONDS: Final = _policy(
    "notification_backoff_seconds", "seconds", 30, "how long until the second attempt; each time twice as long",
    minimum=1, maximum=86_400,
)  # fmt: skip
NOTIFICATION_BACKOFF_MOST_SECONDS: Final = _policy(
    "notification_backoff_most_seconds", "seconds", 3_600, "the longest wait between two attempts", minimum=1,
    maximum=86_400,
)  # fmt: skip
NOTIFICATION_TIMEOUT_SECONDS: Final = _policy(
    "notification_timeout_seconds", "seconds", 10, "how long a mail server or webhook may take", minimum=1, maximum=120
)
NOTIFICATION_HOURS: Final = _policy(
    "notification_hours", "hours", 72, "a message older than this is a dead letter, not sent any more", minimum=1,
    maximum=8_784,
)  # fmt: skip

_SELECT: Final = Statement(
    select(
        PolicyConfiguration.policy_type,
        PolicyConfiguration.station_id,
        PolicyConfiguration.train_id,
        PolicyConfiguration.config,
    ).where(PolicyConfiguration.operator_id == bindparam("operator_id"), PolicyConfiguration.deleted_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of ``policy_configurations``."""

    policy_type: str
    station_id: int | None
    train_id: int | None
    value: object


class Policies:
    """All values in force at one moment, asked per station and train."""

    __slots__ = ("_settings",)

    def __init__(self, settings: Iterable[Setting]) -> None:
        self._settings = {(s.policy_type, s.station_id, s.train_id): s.value for s in settings}

    def get(self, policy: Policy[V], *, station_id: int | None = None, train_id: int | None = None) -> V:
        """The nearest value: train at this station, train, station, operator, else the registry's default."""
        nearest_first = ((station_id, train_id), (None, train_id), (station_id, None), (None, None))
        for station, train in nearest_first:
            key = (policy.name, station, train)
            if key in self._settings:
                return policy.read(self._settings[key])
        return policy.default


class PendingPolicies:
    """Policies that were asked for in a pipeline and not yet read."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def read(self) -> Policies:
        return Policies(
            Setting(row.policy_type, row.station_id, row.train_id, row.config.get("value")) for row in self._rows.all()
        )


def ask(tx: Transaction) -> PendingPolicies:
    """Queue the question; ``read()`` the answer after other statements have been queued too."""
    return PendingPolicies(tx.send(_SELECT))
