"""Commands for whoever decides: what waits, yes, no."""

from __future__ import annotations

import click

from core import approvals, refunds
from core.approvals import Approval
from core.money import grouped
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say
from counter.cli.values import Number


@click.group()
def approve() -> None:
    """Decide on what somebody else has asked for."""


@approve.command("list")
@json_option
def waiting(as_json: bool) -> None:
    """What waits for a decision, the oldest first."""
    with workplace(as_json=as_json) as place:
        found = approvals.waiting(place.office, place.scripted_actor("counter approve"))
    if as_json:
        print_json({"approvals": [one.as_json() for one in found]})
    elif not found:
        say("Nothing waits for a decision.")
    else:
        rows = [
            (
                str(one.number),
                one.kind,
                "" if one.amount is None else grouped(one.amount),
                one.requested_by_name,
                _minutes(one),
                one.reason,
            )
            for one in found
        ]
        print_table([("No.", "Kind", "Amount", "Asked by", "Minutes", "Reason"), *rows], right=(0, 2, 4))


def _minutes(one: Approval) -> str:
    return str(int((one.now - one.requested_at).total_seconds()) // 60)


@approve.command("yes")
@click.argument("number", type=Number(1))
@json_option
def yes(number: int, as_json: bool) -> None:
    """Approve request NUMBER; what it asks for is carried out at once where that takes nothing more."""
    _decide(number, True, "", as_json)


@approve.command("no")
@click.argument("number", type=Number(1))
@click.option("--reason", required=True, help="Why it is refused.")
@json_option
def no(number: int, reason: str, as_json: bool) -> None:
    """Refuse request NUMBER."""
    _decide(number, False, reason, as_json)


def _decide(number: int, verdict: bool, reason: str, as_json: bool) -> None:
    with workplace(as_json=as_json) as place:
        approver = place.scripted_actor("counter approve")
        asked = approvals.by_number(place.office, number)
        done = approvals.decide(place.office, approver, asked.id, approve=verdict, reason=reason)
        carried_out = refunds.carry_out(place.office, approver, done) if verdict and done.kind == refunds.KIND else None
    more = {} if carried_out is None else {"carried_out": carried_out.as_json()}
    if as_json:
        print_json({**done.as_json(), **more})
        return
    say(f"Request {done.number} is {done.status}.")
    for one in carried_out.refunds if carried_out else ():
        say(f"  {one.reference}  {grouped(one.amount)} by {one.method} waits to be paid out")
