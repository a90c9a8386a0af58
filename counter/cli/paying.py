"""What commands that take money have in common: how a payment is given on a command line, and waiting for a gateway.

What belongs here: from options to a tender, a code on standard error, and the one answer of a payment still open.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import click

from core import booking, pending, sale
from core.booking import AlreadySold, HoldRequest
from core.clock import local
from core.database import Actor
from core.errors import CounterError, Refused, StateConflict
from core.models.money import PAYMENT_METHODS
from core.money import grouped
from core.passengers import PassengerInput
from core.payments import METHODS, Tender, awaited, parts
from core.payments.awaited import Awaited, Progress
from core.payments.gateway_errors import GatewayOutcomeUnknown
from core.payments.judgement import Action
from core.payments.qris_sale import QrisDesk
from core.payments.standing import Standing, read_standing
from core.sale import Sale
from counter.cli.output import tell
from counter.cli.values import Number
from counter.session import Workplace
from counter.widgets.qr_drawing import as_ansi, fitting

_MOST: Final = 10**12
_COLUMNS, _LINES = 120, 60
_OPTIONS: Final = (
    click.option("--pay", "method", required=True, type=click.Choice(PAYMENT_METHODS), help="How it is paid."),
    click.option("--amount", type=Number(1, _MOST), help="Pay a part of it; the sale waits for the rest."),
    click.option("--tendered", type=Number(0, _MOST), help="Cash handed over; the exact amount if left out."),
    click.option("--reference", metavar="REF", help="Approval code of a card, number of a transfer or wallet payment."),
    click.option("--card-last4", "card_last_four", metavar="NNNN", help="The card's last four figures."),
    click.option("--edc-terminal", metavar="NO", help="The card machine's own number."),
    click.option("--edc-batch", metavar="NO", help="Its settlement batch."),
    click.option("--wait", "wait_seconds", type=Number(0, 3600, fractions=True), default=300, show_default=True,
                 metavar="SECONDS", help="How long to wait for a payment such as QRIS."),
)  # fmt: skip


class PaymentPending(Refused):
    """The gateway has not said yet what became of a payment; the same command goes on waiting."""

    code = "payment_pending"


def payment_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How something is paid."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def tender_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How something is paid that is paid at once and whole."""
    for option in reversed((_OPTIONS[0], *_OPTIONS[2:-1])):
        command = option(command)
    return command


def tender_of(given: dict[str, Any]) -> Tender:
    """The tender that the options say; takes them out of ``given``, all but amount and waiting time."""
    names = ("method", "tendered", "reference", "card_last_four", "edc_terminal", "edc_batch")
    return Tender(**{name: given.pop(name) for name in names})


def is_awaited(method: str) -> bool:
    """Whether a gateway has to be waited for."""
    return METHODS[method].asynchronous


@contextmanager
def gateway_desk(place: Workplace, actor: Actor) -> Iterator[QrisDesk]:
    """The gateway, for one command."""
    desk = QrisDesk.open(place.office, actor)
    try:
        yield desk
    finally:
        desk.close()


@dataclass(frozen=True)
class Order:
    """A sale that a command asks for, under its key."""

    place: Workplace
    actor: Actor
    request: HoldRequest
    passengers: Sequence[PassengerInput]
    tender: Tender
    amount: int | None
    promotions: Sequence[str]
    key: UUID
    fingerprint: bytes
    wait_seconds: float
    as_json: bool


def sell(order: Order) -> Sale | Standing:
    """Hold the seats and take the payment; how the booking stands, while more than this payment is owed.

    Raises:
        PaymentPending: the gateway has not answered for it yet.
        StateConflict: the payment ended without money (``payment_failed``); the seats were given back.
        Refused: as ``core.sale.sell``.
    """
    place, actor, tender = order.place, order.actor, order.tender
    if order.amount is None and not is_awaited(tender.method):
        return sale.sell(
            place.office, actor, order.request, order.passengers, tender, key=order.key,
            fingerprint=order.fingerprint, promotions=order.promotions, printer=place.printer_kind,
        )  # fmt: skip
    if not is_awaited(tender.method):
        return _in_parts(
            order,
            lambda booking_id: parts.take(
                place.office, actor, booking_id, order.passengers, tender, order.amount, key=order.key,
                promotions=order.promotions, printer=place.printer_kind,
            ).sale,
        )  # fmt: skip
    with gateway_desk(place, actor) as desk:
        return _in_parts(
            order,
            lambda booking_id: pay_awaited(
                desk, booking_id, order.passengers, order.amount, order.promotions, place.printer_kind,
                order.wait_seconds, as_json=order.as_json, key=order.key,
            ),
        )  # fmt: skip


def _in_parts(order: Order, pay: Callable[[UUID], Sale | None]) -> Sale | Standing:
    """Hold under the order's key and pay; the seats are given back after a refusal that left no money behind."""
    office, actor = order.place.office, order.actor
    try:
        held = booking.hold(office, actor, order.request, key=order.key, fingerprint=order.fingerprint)
    except AlreadySold as sold:
        return sale.find(office, UUID(sold.details["booking_id"]))
    try:
        return pay(held.booking_id) or read_standing(office, held.booking_id)
    except (PaymentPending, GatewayOutcomeUnknown):
        raise
    except CounterError:
        now = read_standing(office, held.booking_id)
        if not now.paid and not now.under_way:
            pending.give_up_quietly(office, actor, held.booking_id)
        raise


def pay_awaited(
    desk: QrisDesk,
    booking_id: UUID,
    passengers: Sequence[PassengerInput] | None,
    amount: int | None,
    promotions: Sequence[str],
    printer: str,
    wait_seconds: float,
    *,
    as_json: bool,
    key: UUID | None = None,
) -> Sale | None:
    """Show a code and wait until it is paid; the sale, if nothing is owed any more.

    Raises:
        PaymentPending, StateConflict: as ``sell``.
    """
    try:
        progress = desk.show(booking_id, passengers, amount, promotions=promotions, printer=printer)
    except GatewayOutcomeUnknown:
        waiting = awaited.of_booking(desk.office, booking_id)
        if waiting is None:
            raise
        progress = Progress(waiting, Action.WAIT)

    def show(one: Awaited) -> None:
        if not as_json:
            _show_code(one, desk.office.operator.time_zone)

    show(progress.awaited)
    progress = desk.wait(progress.awaited, wait_seconds, on_change=show)
    now = progress.awaited
    if now.is_waiting:
        raise _still_open(now, key)
    if now.status != "completed":
        raise StateConflict("The payment ended without money.", code="payment_failed", hint="Take another way to pay.")
    if progress.sale is not None:
        return progress.sale
    return sale.find(desk.office, booking_id) if now.booking_status == "confirmed" else None


def _still_open(now: Awaited, key: UUID | None) -> PaymentPending:
    again = f"with --key {key}" if key else "with the same booking"
    details = now.as_json()
    return PaymentPending(
        f"The payment of {grouped(now.amount)} for {now.booking_number} is still waiting.",
        hint=f"Ask again {again}, or call it off: counter pay cancel {now.booking_number}",
        details={**details, "key": str(key)} if key else details,
    )


def _show_code(one: Awaited, zone: str) -> None:
    """What the customer scans, on standard error: standard output is for the answer."""
    if one.qr_string is None or not one.is_waiting:
        return
    drawing = fitting(one.qr_string, _COLUMNS, _LINES, sextants=False) if sys.stderr.isatty() else None
    if drawing is not None:
        with suppress(OSError):
            click.echo(as_ansi(drawing), err=True)
    else:
        tell(one.qr_string)
    tell(f"{grouped(one.amount)} by QRIS for {one.booking_number}, until {local(one.expires_at, zone):%H:%M:%S}.")
