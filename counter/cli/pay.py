"""Commands for money: parts of a sale, payments that are waited for, what has to be looked at, reconciliation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click
from uuid_utils.compat import uuid7

from core import pending, shifts
from core.database import Actor
from core.errors import NotSignedIn, StateConflict, UsageError
from core.money import grouped
from core.payments import awaited, parts, questions
from core.payments.reconciliation import reconcile as run_reconciliation
from core.payments.standing import Standing, read_standing
from core.permissions import require
from counter.cli.opening import workplace
from counter.cli.output import exits_with, json_option, print_json, print_table, say
from counter.cli.paying import gateway_desk, is_awaited, pay_awaited, payment_options, tender_of
from counter.printing import kick_drawer, print_queued
from counter.session import Workplace


@click.group()
def pay() -> None:
    """Take money for a booking that is held, see how it stands, and look after payments under way."""


@pay.command()
@click.argument("booking_number", metavar="BOOKING")
@payment_options
@click.option("--key", type=click.UUID, help="Names this payment: asked again, it is taken once.")
@json_option
def take(
    booking_number: str, amount: int | None, wait_seconds: float, key: UUID | None, as_json: bool, **given: Any
) -> None:
    """Take all, or a part, of what is owed for a BOOKING; the part that covers the rest prints the tickets."""
    tender = tender_of(given)
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter pay take")
        require(actor, "sell")
        booking_id = read_standing(place.office, booking_number).booking_id
        shifts.open_for_scripts(place.office, actor)
        if is_awaited(tender.method):
            with gateway_desk(place, actor) as desk:
                sold = pay_awaited(
                    desk, booking_id, None, amount, (), place.printer_kind, wait_seconds, as_json=as_json
                )  # fmt: skip
        else:
            sold = parts.take(
                place.office, actor, booking_id, None, tender, amount, key=key or uuid7(), printer=place.printer_kind
            ).sale
            if tender.method == "cash":
                kick_drawer(place)
        states = print_queued(place, actor, [ticket.serial for ticket in sold.tickets]) if sold else {}
        tickets = [
            {**ticket.as_json(), "print": states.get(ticket.serial, ticket.print_state)}
            for ticket in (sold.tickets if sold else ())
        ]
        show_standing(read_standing(place.office, booking_id), as_json=as_json, tickets=tickets)


@pay.command()
@click.argument("booking_number", metavar="BOOKING")
@json_option
def status(booking_number: str, as_json: bool) -> None:
    """What is paid, under way and owed for a BOOKING, as it stands in the books."""
    with workplace(as_json=as_json) as place:
        require(place.scripted_actor("counter pay status"), "show")
        show_standing(read_standing(place.office, booking_number), as_json=as_json)


def show_standing(now: Standing, *, as_json: bool, **more: Any) -> None:
    """How a booking stands; ``more`` is for the JSON."""
    if as_json:
        print_json({**now.as_json(), **more})
        return
    say(f"{now.booking_number}  {now.status}  paid {grouped(now.paid)} of {grouped(now.due)}  change"
        f" {grouped(now.change)}")  # fmt: skip
    for one in now.payments:
        say(f"  {one.payment_reference}  {one.payment_method}  {grouped(one.amount)}  {one.payment_status}")
    for one in now.refunds:
        say(f"  {one.refund_reference}  back by {one.refund_method}  {grouped(one.refund_amount)}  {one.refund_status}")
    if now.owed:
        say(f"  owed {grouped(now.owed)}")


@pay.command()
@json_option
def waiting(as_json: bool) -> None:
    """The payments this terminal is waiting for, also after a restart."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter pay waiting")
        require(actor, "show")
        found = awaited.of_terminal(place.office, actor)
    if as_json:
        print_json({"payments": [one.as_json() for one in found]})
    for one in () if as_json else found:
        say(f"{one.booking_number}  {one.order_id}  {one.method}  {grouped(one.amount)}  {one.status}")


class _Void(click.ParamType[Any]):
    """``PAYMENT=SLIP``."""

    name = "void"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        payment, _, slip = str(value).partition("=")
        if not payment.strip() or not slip.strip():
            self.fail("A void is PAYMENT=NUMBER, such as ABX4K7Q-1=000018.", param, ctx)
        return payment.strip().upper(), slip.strip()


@pay.command()
@click.argument("booking_number", metavar="BOOKING")
@click.option("--void", "voids", type=_Void(), multiple=True, metavar="PAYMENT=NUMBER",
              help="A card payment whose slip was voided, and the void's number.")  # fmt: skip
@click.option("--payment-only", is_flag=True, help="Call off what is under way; the sale goes on.")
@click.option("--force", is_flag=True, help="Also while the gateway is away; money that comes is sent back later.")
@json_option
def cancel(
    booking_number: str, voids: tuple[tuple[str, str], ...], payment_only: bool, force: bool, as_json: bool
) -> None:
    """Call off the payment under way and give an unpaid BOOKING up; parts that were paid go back."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter pay cancel")
        require(actor, "sell")
        booking_id = read_standing(place.office, booking_number).booking_id
        _call_off(place, actor, booking_id, force=force)
        if not payment_only:
            pending.give_up(place.office, actor, booking_id, voids=dict(voids))
        show_standing(read_standing(place.office, booking_id), as_json=as_json)


def _call_off(place: Workplace, actor: Actor, booking_id: UUID, *, force: bool) -> None:
    waiting = awaited.of_booking(place.office, booking_id)
    if waiting is None:
        return
    if force:
        awaited.end(place.office, actor, waiting.id)
        return
    with gateway_desk(place, actor) as desk:
        done = desk.end(waiting)
    if done.awaited.status == "completed":
        raise StateConflict(
            f"{grouped(done.awaited.amount)} was paid in the meantime.",
            code="payment_completed",
            hint=f"Look at it: counter pay status {done.awaited.booking_number}",
        )


@pay.command("questions")
@json_option
def list_questions(as_json: bool) -> None:
    """What people must look at: doubts about payments, and money that is still to be paid back."""
    with workplace(as_json=as_json) as place:
        found = questions.open_questions(place.office, place.scripted_actor("counter pay questions"))
    if as_json:
        print_json({"questions": [one.as_json() for one in found]})
    elif not found:
        say("No question is open.")
    else:
        print_table(
            [
                ("Question", "Booking", "", "Method", "Amount", "What"),
                *(
                    (one.name, one.booking_number, one.booking_status, one.method, grouped(one.amount), one.sentence)
                    for one in found
                ),
            ],
            right=(4,),
        )


@pay.command()
@click.argument("question", metavar="QUESTION")
@click.argument("words", metavar="WORDS")
@json_option
def resolve(question: str, words: str, as_json: bool) -> None:
    """Answer a QUESTION with WORDS that say how it ended; for a refund, with the number it was paid back under."""
    with workplace(as_json=as_json) as place:
        questions.resolve(place.office, place.scripted_actor("counter pay resolve"), question, words)
    if as_json:
        print_json({"question": question, "resolution": words})
    else:
        say("Put on record.")


@pay.command()
@click.option("--quick", is_flag=True, help="Only what is under way or has just ended.")
@json_option
@exits_with
def reconcile(quick: bool, as_json: bool) -> int:
    """Ask the gateway about all payments it may know more of, and carry out what it says; for cron as well."""
    with workplace(as_json=as_json) as place:
        actor = _whoever(place)
        with gateway_desk(place, actor) as desk:
            report = run_reconciliation(desk, thorough=not quick)
    if as_json:
        print_json(report.as_json())
    else:
        for name, value in report.as_json().items():
            say(f"{name:12} {', '.join(value) if isinstance(value, list) else value}")
    return 3 if report.unreachable else 0


def _whoever(place: Workplace) -> Actor:
    """Somebody, if one is named; a job at night runs as this terminal alone."""
    try:
        actor = place.scripted_actor("counter pay reconcile")
    except (NotSignedIn, UsageError):
        if place.settings.staff is not None:
            raise
        return Actor(terminal_id=place.terminal.id, terminal_code=place.terminal.code)
    require(actor, "look_into_payments")
    return actor
