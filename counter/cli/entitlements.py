"""The commands for registered entitlements to reduced fares: add, list, revoke."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import click

from core import entitlement_register as register
from core.clock import local
from core.days import parse_day
from core.entitlement_register import FOR_LIFE, Registration
from core.entitlements import KINDS, Entitlement
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say, tell
from counter.session import Workplace


@click.group()
def entitlements() -> None:
    """Who may travel at a reduced fare. An identity is never shown whole."""


def _day(place: Workplace, text: str | None) -> date | None:
    """A day on the operator's calendar."""
    if text is None:
        return None
    time_zone = place.office.operator.time_zone
    return parse_day(text, place.office.database.transaction(lambda tx: local(tx.now, time_zone).date()))


@entitlements.command("add")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("holder", metavar="NAME")
@click.argument("identity", metavar="IDENTITY")
@click.option("--document", required=True, metavar="NUMBER", help="The card or letter that was shown.")
@click.option("--until", "ends", metavar="DATE", help="Its last day; a senior's may be left out.")
@click.option("--from", "begins", metavar="DATE", help="Its first day; today if left out.")
@json_option
def add(
    kind: str, holder: str, identity: str, document: str, ends: str | None, begins: str | None, as_json: bool
) -> None:
    """Register the entitlement of NAME with that IDENTITY, or prolong it with a new document."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter admin entitlements")
        shown = Registration(kind, holder, identity, document, _day(place, ends), _day(place, begins))
        done = register.register(place.office, actor, shown)
    for finding in done.findings:
        tell(f"Look again: {finding.message}")
    if as_json:
        print_json(done.entitlement.as_json() | {"warnings": [finding.message for finding in done.findings]})
    else:
        say(f"{'Prolonged' if done.was_renewed else 'Registered'}: {'  '.join(_row(done.entitlement))}")


@entitlements.command("list")
@click.option("--identity", metavar="NUMBER", help="Only this person's.")
@json_option
def list_entitlements(identity: str | None, as_json: bool) -> None:
    """What is registered, the newest first. Who looked goes on record."""
    with workplace(as_json=as_json) as place:
        found = register.listed(place.office, place.scripted_actor("counter admin entitlements"), identity)
    if as_json:
        print_json({"entitlements": [one.as_json() for one in found]})
    elif not found:
        say("Nothing is registered.")
    else:
        print_table([("Id", "Kind", "Holder", "", "Document", "From", "Until", ""), *(_row(one) for one in found)])


@entitlements.command("revoke")
@click.argument("entitlement_id", metavar="ID", type=click.UUID)
@click.option("--reason", required=True, help="Why; it goes on record.")
@json_option
def revoke(entitlement_id: UUID, reason: str, as_json: bool) -> None:
    """End the entitlement ID now; the gate refuses tickets that were reduced for it."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter admin entitlements")
        ended = register.revoke(place.office, actor, entitlement_id, reason)
    if as_json:
        print_json(ended.as_json())
    else:
        say(f"Revoked: {'  '.join(_row(ended))}")


def _row(one: Entitlement) -> tuple[str, ...]:
    until = "for life" if one.valid_until == FOR_LIFE else one.valid_until.isoformat()
    state = "revoked" if one.is_revoked else ""
    return (str(one.id), one.kind, one.holder, one.identity, one.document, one.valid_from.isoformat(), until, state)
