"""Commands for ticket paper: a lost ticket issued anew, a print that came out spoilt."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click
from uuid_utils.compat import uuid7

from core import print_journal, reissue, shifts
from core.approvals import Approval
from counter.cli.changes import show_issued
from counter.cli.changing import Change, change_options, show_request
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, say
from counter.cli.sales import found_again_by
from counter.printing import print_job

_key_option = click.option("--key", type=click.UUID, help="Names this change: asked again, it is the same change.")


@click.command("reissue")
@click.argument("ticket", metavar="TICKET")
@click.option("--identity", required=True, metavar="I", help="Of a passenger of the booking, whole.")
@click.option("--reason", required=True, help="How it was lost; it goes on record.")
@change_options
@_key_option
@json_option
def reissue_(ticket: str, identity: str, reason: str, key: UUID | None, as_json: bool, **given: Any) -> None:
    """Issue a lost TICKET anew, marked as a duplicate; the lost one opens no gate any more."""
    key = key or uuid7()
    with workplace(as_json=as_json) as place, found_again_by(key):
        change = Change.of(place, "counter reissue", given)
        done = change.carry_out(
            lambda approval: reissue.duplicate(
                place.office, change.actor, ticket, identity, reason, change.tender, key=key, approval_id=approval,
                printer=place.printer_kind,
            ),
            lambda: reissue.duplicate_wish_for(place.office, change.actor, ticket),
            reason,
        )  # fmt: skip
        if isinstance(done, Approval):
            show_request(done, as_json=as_json)
            return
        show_issued(change, done, key, as_json=as_json)


@click.command("spoilt")
@click.argument("ticket", metavar="TICKET")
@click.option("--blank", metavar="SERIAL", help="The number on the spoilt blank: 123, or A17:123.")
@click.option("--reason", required=True, help="What happened to the print; it goes on record.")
@_key_option
@json_option
def spoilt_(ticket: str, blank: str | None, reason: str, key: UUID | None, as_json: bool) -> None:
    """Account for a print of a TICKET that came out spoilt, and print it again."""
    key = key or uuid7()
    with workplace(as_json=as_json) as place, found_again_by(key):
        actor = place.scripted_actor("counter spoilt")
        shifts.open_for_scripts(place.office, actor)
        done = reissue.spoilt(place.office, actor, ticket, reason, place.printer_kind, key=key, blank=blank)
        job = print_journal.find(place.office, done.job_id)
        assert job is not None, "it was queued a moment ago"
        state = print_job(place, actor, job) if job.state == "queued" else job.state
    if as_json:
        print_json({**done.as_json(), "print": state, "key": str(key)})
    else:
        again = f"copy {done.copy_no}" if done.copy_no else "the original again"
        say(f"Spoilt print of {done.ticket_number} is accounted for; {again}: print {state}.")
