"""Commands after the sale that give money back: cancel, and the list of what is to be paid out."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from core import payouts, refunds
from core.approvals import Approval
from core.clock import local
from core.database import Actor
from core.errors import CounterError, NotSignedIn, StateConflict, Unreachable, UsageError
from core.models.money import PAYMENT_METHODS
from core.money import grouped
from core.payments import METHODS
from core.payments.reconciliation import send_back
from core.payouts import Payout, WaitingRefund
from core.refund_rules import Fault
from core.refund_ways import CASH
from core.refunds import Cancellation, Cancelled, Quoted
from counter.cli.approver import Approver, approver_options
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say, tell
from counter.cli.paying import gateway_desk
from counter.cli.values import Number
from counter.printing import kick_drawer
from counter.session import Workplace

_identity: Final = click.option("--identity", default="", metavar="I", help="Of a passenger of the booking, whole.")
_paid_out: Final = (
    click.option("--reference", default="", metavar="REF", help="The card machine's slip, or the bank's number."),
    click.option("--account", default="", metavar="ACCOUNT", help="Where a transfer goes; it is sealed."),
)
_method: Final = click.option("--method", type=click.Choice(PAYMENT_METHODS), help="How the money is wanted back.")


@click.command()
@click.argument("booking_number", metavar="BOOKING")
@click.option("--ticket", "tickets", multiple=True, metavar="TICKET", help="Only this ticket; once per ticket.")
@_identity
@click.option("--reason", default="cancelled by the customer", show_default=True, help="Why; it goes on record.")
@click.option("--fault", is_flag=True, help="Claim the operator's fault, for a supervisor to judge.")
@_method
@click.option("--quote", "only_quote", is_flag=True, help="Only say what it would come to.")
@click.option("--approval", "approval_number", type=Number(1), help="A request that was approved; carry it out.")
@approver_options
@_paid_out[0]
@_paid_out[1]
@json_option
def cancel(
    booking_number: str, tickets: tuple[str, ...], identity: str, reason: str, fault: bool, method: str | None,
    only_quote: bool, approval_number: int | None, approve_staff: str | None, approve_pin_file: Path | None,
    reference: str, account: str, as_json: bool,
) -> None:  # fmt: skip
    """Cancel a BOOKING, or some of its tickets, and give back what policy gives back.

    A supervisor approves it in place (--approver), or the request waits: counter approve yes NUMBER carries it out.
    """
    asked = Cancellation(booking_number, tickets or None, method, Fault.SERVICE if fault else None)
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter cancel")
        if only_quote:
            _show_quote(place, refunds.quote(place.office, actor, asked), as_json=as_json)
            return
        if approval_number is not None:
            approval = refunds.approved(place.office, approval_number, booking_number)
        else:
            approval = refunds.request(place.office, actor, asked, identity, reason)
            if approval.status == "pending":
                approval = Approver(approve_staff, approve_pin_file).decide(place, approval)
            if approval.status == "pending":
                _show_request(approval, as_json=as_json)
                return
        done = refunds.carry_out(place.office, actor, approval)
        paid = _pay_now(place, actor, done, Payout(identity, reference, account))
    _show_done(done, approval, paid, as_json=as_json)


def _pay_now(place: Workplace, actor: Actor, done: Cancelled, how: Payout) -> list[WaitingRefund]:
    """Pay out what can be paid out on the spot; the rest waits on the list, and a failure changes nothing of that."""
    for one in done.refunds:
        card = METHODS[one.method].takes_card_details and how.reference
        by_hand = one.method == CASH or card or (how.reference and how.account)
        try:
            if METHODS[one.method].asynchronous:
                _through_gateway(place, actor, payouts.find(place.office, actor, one.reference))
            elif by_hand:
                _by_hand(place, actor, one.reference, how)
        except CounterError as error:
            tell(f"{one.reference} is not paid out yet: {error.message} {error.hint}")
    return payouts.waiting(place.office, actor, done.booking_number)


def _by_hand(place: Workplace, actor: Actor, reference: str, how: Payout) -> WaitingRefund:
    paid = payouts.pay(place.office, actor, reference, how)
    if paid.row.refund_method == CASH:
        kick_drawer(place)
    return paid


def _through_gateway(place: Workplace, actor: Actor, refund: WaitingRefund) -> WaitingRefund:
    payouts.require_payable(refund.row, "", by_gateway=True)
    with gateway_desk(place, actor) as desk:
        report = send_back(desk, refund.row.id)
    now = payouts.find(place.office, actor, refund.reference)
    if report.unreachable:
        raise Unreachable("The payment gateway does not answer.", hint="The refund waits: counter pay reconcile.")
    if now.row.refund_status != "completed":
        raise StateConflict(
            "The gateway does not pay this back.",
            code="refund_refused",
            hint=f"Transfer it: counter refund retry {now.reference} --method bank_transfer --account …",
        )
    return now


def _show_quote(place: Workplace, quoted: Quoted, *, as_json: bool) -> None:
    if as_json:
        print_json({"outcome": "quoted", **quoted.as_json()})
        return
    quote = quoted.quote
    rows = [("Ticket", "Passenger", "Paid", "Kept", "Back", "Until", "")]
    for line in quote.lines:
        until = local(line.until, place.time_zone)
        rows.append((line.item.number, line.item.passenger, grouped(line.item.paid), grouped(line.fee),
                     grouped(line.refund), f"{until:%d %b %H:%M}", line.cause))  # fmt: skip
    print_table(rows, right=(2, 3, 4))
    for refusal in quote.refused:
        say(f"{refusal.number}  not cancelled: {refusal.error.message}")
    say(f"paid {grouped(quote.paid)}  kept {grouped(quote.fee)}  back {grouped(quote.refund)}")
    if quote.ends_booking and quote.booking_fee > quote.booking_fee_back:
        say(f"The booking fee of {grouped(quote.booking_fee - quote.booking_fee_back)} is kept.")
    for part in quote.parts:
        say(f"  {part.payment}  {grouped(part.amount)} by {part.method}: {part.cause}")
    for method, why in quote.methods.items():
        if why is not None:
            say(f"  not by {method}: {why}")


def _show_request(approval: Approval, *, as_json: bool) -> None:
    if as_json:
        print_json({
            "outcome": "requested", "booking_number": approval.details["booking"], "refund": approval.amount,
            "tickets": approval.details["tickets"], "approval": approval.as_json(),
        })  # fmt: skip
    else:
        say(f"Request {approval.number} for {grouped(approval.amount or 0)} waits for a supervisor:"
            f" counter approve yes {approval.number}.")  # fmt: skip


def _show_done(done: Cancelled, approval: Approval, paid: list[WaitingRefund], *, as_json: bool) -> None:
    mine = {one.reference for one in done.refunds}
    now = [one for one in paid if one.reference in mine]
    if as_json:
        print_json({
            "outcome": "cancelled", **done.as_json(), "approval": approval.number,
            "refunds": [one.as_json() for one in now],
        })  # fmt: skip
        return
    say(f"{done.booking_number}: {len(done.tickets)} tickets cancelled, kept {grouped(done.kept)},"
        f" back {grouped(done.refund)}.")  # fmt: skip
    for one in now:
        _say(one)


def _say(one: WaitingRefund) -> None:
    row = one.row
    say(f"  {one.reference}  {grouped(row.refund_amount)} by {row.refund_method}  {row.refund_status}")


@click.group()
def refund() -> None:
    """What is to be paid back: list it, pay it out, try again, keep what nobody claims."""


@refund.command("list")
@click.option("--booking", "booking_number", metavar="BOOKING", help="Every refund of this booking.")
@json_option
def list_waiting(booking_number: str | None, as_json: bool) -> None:
    """What waits to be paid out, the oldest first."""
    with workplace(as_json=as_json) as place:
        found = payouts.waiting(place.office, place.scripted_actor("counter refund"), booking_number)
        if as_json:
            print_json({"refunds": [one.as_json() for one in found]})
            return
        if not found:
            say("Nothing waits to be paid out.")
            return
        rows = [("Refund", "Booking", "Amount", "By", "", "Since", "Pay out by")]
        for one in found:
            since = local(one.row.created_at, place.time_zone)
            by = local(one.pay_out_by, place.time_zone) if one.pay_out_by else None
            rows.append((one.reference, one.booking_number, grouped(one.row.refund_amount), one.row.refund_method,
                         one.row.refund_status, f"{since:%d %b %Y}",
                         (f"{by:%d %b %Y}" if by else "") + (" !" if one.is_late else "")))  # fmt: skip
        print_table(rows, right=(2,))


@refund.command()
@click.argument("reference_of", metavar="REFUND")
@_identity
@_paid_out[0]
@_paid_out[1]
@json_option
def pay(reference_of: str, identity: str, reference: str, account: str, as_json: bool) -> None:
    """Pay a REFUND out: cash to a passenger of the booking, a card with its slip, a transfer; QRIS by the gateway."""
    _pay(reference_of, Payout(identity, reference, account), as_json=as_json)


@refund.command()
@click.argument("reference_of", metavar="REFUND")
@click.option("--method", type=click.Choice(["bank_transfer", "wallet"]), help="Another way than was decided.")
@_paid_out[0]
@_paid_out[1]
@json_option
def retry(reference_of: str, method: str | None, reference: str, account: str, as_json: bool) -> None:
    """Try a REFUND that failed once more, or pay it by transfer instead of the way it was decided."""
    _pay(reference_of, Payout("", reference, account, method), as_json=as_json)


def _pay(reference_of: str, how: Payout, *, as_json: bool) -> None:
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter refund")
        known = payouts.find(place.office, actor, reference_of)
        if METHODS[known.row.refund_method].asynchronous and how.method is None:
            done = _through_gateway(place, actor, known)
        else:
            done = _by_hand(place, actor, known.reference, how)
    if as_json:
        print_json(done.as_json())
    else:
        _say(done)


@refund.command()
@json_option
def forfeit(as_json: bool) -> None:
    """Keep what nobody claimed in its time, by policy; for cron as well."""
    with workplace(as_json=as_json) as place:
        lapsed = payouts.forfeit(place.office, _whoever(place))
    if as_json:
        print_json({"forfeited": [one.reference for one in lapsed],
                    "amount": sum(one.row.refund_amount for one in lapsed)})  # fmt: skip
    else:
        say(f"{len(lapsed)} refunds of {grouped(sum(one.row.refund_amount for one in lapsed))} are kept.")


def _whoever(place: Workplace) -> Actor:
    """Somebody, if one is named; a job at night runs as this terminal alone."""
    try:
        return place.scripted_actor("counter refund forfeit")
    except (NotSignedIn, UsageError):
        if place.settings.staff is not None:
            raise
        return Actor(terminal_id=place.terminal.id, terminal_code=place.terminal.code)
