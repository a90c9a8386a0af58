"""Commands for supervisors whose trains are late or do not run: delay, cancel, skip, affected, refund, vouchers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from core import approvals, background_jobs, coach_swap, delay_vouchers, disruption, train_refund
from core.approvals import Approval
from core.background_jobs import Job
from core.clock import local
from core.database import Actor, Transaction
from core.days import parse_day
from core.delay_vouchers import Voucher
from core.disruption import Run
from core.errors import UsageError
from core.money import grouped
from core.permissions import require
from counter.cli.approver import Approver, approver_options
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, progress, say
from counter.cli.values import Number
from counter.session import Workplace

Command = TypeVar("Command", bound=Callable[..., Any])

_PROGRAM: Final = "counter disrupt"


def _departure(command: Command) -> Command:
    command = click.argument("day", metavar="[DATE]", default="today")(command)
    return click.argument("train_number", metavar="TRAIN")(command)


_reason: Final = click.option("--reason", required=True, metavar="WHY", help="Why; travellers are told.")


def _day(place: Workplace, text: str) -> date:
    """The day the train leaves its origin."""
    zone = place.office.operator.time_zone
    return parse_day(text, place.office.database.transaction(lambda tx: local(tx.now, zone).date()))


@click.group()
def disrupt() -> None:
    """Late and cancelled trains: DATE is the day a train leaves its origin. For supervisors."""


@disrupt.command("delay")
@click.argument("train_number", metavar="TRAIN")
@click.argument("day", metavar="DATE")
@click.argument("minutes", type=Number(0))
@_reason
@json_option
def delay(train_number: str, day: str, minutes: int, reason: str, as_json: bool) -> None:
    """A TRAIN is MINUTES late from its origin on; 0: on time again."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        run = disruption.delay(place.office, actor, train_number, _day(place, day), minutes, reason)
        _tell(place, actor, run, as_json=as_json)


@disrupt.command("cancel")
@_departure
@_reason
@json_option
def cancel(train_number: str, day: str, reason: str, as_json: bool) -> None:
    """A TRAIN does not run: its sale ends at once."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        run = disruption.cancel(place.office, actor, train_number, _day(place, day), reason)
        _tell(place, actor, run, as_json=as_json)


@disrupt.command("skip")
@click.argument("train_number", metavar="TRAIN")
@click.argument("day", metavar="DATE")
@click.argument("station", metavar="STATION")
@_reason
@json_option
def skip(train_number: str, day: str, station: str, reason: str, as_json: bool) -> None:
    """A TRAIN does not call at a STATION: for whoever boards or leaves there it is cancelled."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        run = disruption.skip(place.office, actor, train_number, _day(place, day), station, reason)
        _tell(place, actor, run, as_json=as_json)


@disrupt.command("swap")
@click.argument("train_number", metavar="TRAIN")
@click.argument("day", metavar="DATE")
@click.argument("coach", metavar="COACH")
@click.option("--into", metavar="COACH", help="Only into this coach.")
@_reason
@json_option
def swap(train_number: str, day: str, coach: str, into: str | None, reason: str, as_json: bool) -> None:
    """Take a COACH such as "EKS 1" out of a departure and seat everybody elsewhere in the class, together."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        done = coach_swap.swap(place.office, actor, train_number, _day(place, day), coach, reason, into=into)
    if as_json:
        print_json(done.as_json())
        return
    rows = [(one.booking_number, one.passenger, one.ticket_number, one.old, one.new) for one in done.reseated]
    if rows:
        print_table([("Booking", "Passenger", "Ticket", "Seat", "New seat"), *rows])
    say(f"Coach {done.coach} is out; {len(rows)} passengers are seated elsewhere. Their tickets are printed anew.")


def _tell(place: Workplace, actor: Actor, run: Run, *, as_json: bool) -> None:
    found = disruption.affected(place.office, actor, run)
    people = sum(len(one.passengers) for one in found)
    if as_json:
        print_json({**run.as_json(), "bookings": len(found), "passengers": people})
        return
    late = f", {run.delay_minutes} minutes late" if run.delay_minutes else ""
    skipped = f", without {', '.join(run.skipped_codes)}" if run.skipped else ""
    say(f"Train {run.train.number} of {run.service_date.isoformat()} is {run.status}{late}{skipped}.")
    say(f"{len(found)} bookings with {people} passengers are affected.")


@disrupt.command("affected")
@_departure
@click.option("--cancelled", is_flag=True, help="Only those for whom it does not run.")
@json_option
def affected(train_number: str, day: str, cancelled: bool, as_json: bool) -> None:
    """Who travels with a TRAIN, booking by booking."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        run = disruption.find(place.office, train_number, _day(place, day))
        found = disruption.affected(place.office, actor, run, only_cancelled=cancelled)
    if as_json:
        people = sum(len(one.passengers) for one in found)
        print_json({"departure": run.as_json(), "bookings": [one.as_json() for one in found], "passengers": people})
        return
    if not found:
        say("Nobody travels with it.")
        return
    rows = [("Booking", "Passenger", "Ticket", "Seat", "From", "To", "Contact")]
    for one in found:
        known = "yes" if one.contact_known else "no"
        for who in one.passengers:
            rows.append(
                (one.booking_number, who["name"], who["ticket_number"], who["seat"] or "lap", who["origin"],
                 who["destination"], known)
            )  # fmt: skip
    print_table(rows)


@disrupt.command("refund")
@_departure
@click.option("--reason", default="the train does not run", show_default=True, help="Why; it goes on record.")
@click.option("--approval", "approval_number", type=Number(1), metavar="NUMBER", help="A request that was approved.")
@approver_options
@json_option
def refund(
    train_number: str, day: str, reason: str, approval_number: int | None, approve_staff: str | None,
    approve_pin_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Give everybody of a cancelled TRAIN the money back, once a second person approves it.

    Interrupted at any moment, counter disrupt resume goes on with it.
    """
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        if approval_number is not None:
            approval = approvals.by_number(place.office, approval_number)
            _require_same_train(place, approval, train_number, _day(place, day))
        else:
            approval = train_refund.request(place.office, actor, train_number, _day(place, day), reason)
            if approval.status == "pending":
                approval = Approver(approve_staff, approve_pin_file).decide(place, approval)
        if approval.status == "pending":
            _tell_request(approval, as_json=as_json)
            return
        job = train_refund.start(place.office, actor, approval)
        _go_on(place, actor, job, as_json=as_json)


def _require_same_train(place: Workplace, approval: Approval, train_number: str, day: date) -> None:
    run = disruption.find(place.office, train_number, day)
    if (approval.subject_type, approval.subject_id) != ("schedules", str(run.schedule_id)):
        raise UsageError(f"Request {approval.number} is about something else.", hint="List: counter approve list.")


def _tell_request(approval: Approval, *, as_json: bool) -> None:
    if as_json:
        print_json({"outcome": "requested", "approval": approval.as_json()})
        return
    amount, facts = grouped(approval.amount or 0), approval.details
    say(f"Request {approval.number} waits: {amount} to {facts['bookings']} bookings, {facts['tickets']} tickets.")
    say(f"Approved, go on with: counter disrupt refund … --approval {approval.number}")


@disrupt.command("resume")
@_departure
@json_option
def resume(train_number: str, day: str, as_json: bool) -> None:
    """Go on with the refund of a TRAIN; what had failed is tried again."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        job = train_refund.find(place.office, actor, train_number, _day(place, day))
        _go_on(place, actor, job, as_json=as_json)


def _go_on(place: Workplace, actor: Actor, job: Job, *, as_json: bool) -> None:
    show = progress(as_json)
    done = train_refund.go_on(
        place.office, actor, job.id, lambda now: show("Refunded", now.done + now.failed, now.total)
    )
    _tell_job(place, actor, done, as_json=as_json)


def _tell_job(place: Workplace, actor: Actor, job: Job, *, as_json: bool) -> None:
    failed = place.office.database.transaction(lambda tx: background_jobs.failures(tx, job.id), actor=actor)
    if as_json:
        amount = job.details.get("amount")
        print_json({**job.as_json(), "amount": amount, "failures": failed})
        return
    say(f"{job.done} of {job.total} bookings are done, {job.failed} failed; the job is {job.status}.")
    for one in failed:
        say(f"  {one['item']}: {one['message']}")


@disrupt.command("status")
@_departure
@json_option
def status(train_number: str, day: str, as_json: bool) -> None:
    """How the refund of a TRAIN stands."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        job = train_refund.find(place.office, actor, train_number, _day(place, day))
        _tell_job(place, actor, job, as_json=as_json)


@disrupt.command("jobs")
@json_option
def jobs(as_json: bool) -> None:
    """The newest jobs and how they stand."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        require(actor, "disrupt")

        def look(tx: Transaction) -> list[Job]:
            return background_jobs.listed(tx)

        found = place.office.database.transaction(look, actor=actor)
        zone = place.office.operator.time_zone
    if as_json:
        print_json({"jobs": [one.as_json() for one in found]})
    elif not found:
        say("There are no jobs.")
    else:
        rows = [
            (one.kind, str(one.details.get("train", "")), str(one.details.get("date", "")), one.status, str(one.total),
             str(one.done), str(one.failed), f"{local(one.updated_at, zone):%d %b %H:%M}")
            for one in found
        ]  # fmt: skip
        print_table([("Job", "Train", "Date", "State", "All", "Done", "Failed", "Last"), *rows], right=(4, 5, 6))


@disrupt.command("vouchers")
@click.argument("train_number", metavar="[TRAIN]", default="")
@click.argument("day", metavar="[DATE]", default="today")
@click.option("--ticket", metavar="TICKET", help="For this one ticket; any clerk may.")
@click.option("--list", "only_list", is_flag=True, help="Only list what was issued.")
@json_option
def vouchers(train_number: str, day: str, ticket: str | None, only_list: bool, as_json: bool) -> None:
    """Issue what the travellers of a late TRAIN are given for waiting: each once for each ticket."""
    if bool(ticket) == bool(train_number) or (ticket and only_list):
        raise UsageError("Name a train, or a ticket with --ticket.", hint="counter disrupt vouchers 43 today")
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        if ticket:
            found = delay_vouchers.issue_for(place.office, actor, ticket)
        elif only_list:
            run = disruption.find(place.office, train_number, _day(place, day))
            found = delay_vouchers.listed(place.office, actor, run)
        else:
            found = delay_vouchers.issue(place.office, actor, train_number, _day(place, day))
    _tell_vouchers(found, as_json=as_json)


def _tell_vouchers(found: list[Voucher], *, as_json: bool) -> None:
    if as_json:
        print_json({"vouchers": [one.as_json() for one in found]})
    elif not found:
        say("There are none to issue.")
    else:
        rows = [(one.ticket_number, one.kind, one.code, str(one.delay_minutes)) for one in found]
        print_table([("Ticket", "Voucher", "Code", "Minutes late"), *rows], right=(3,))
