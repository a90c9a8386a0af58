"""Commands for service requests and for what is told to whoever is signed in: the queue, and unread notices."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import click

from core import escalations, notices, service_requests
from core.clock import local
from core.models.service import ESCALATED_TO, PRIORITIES, SERVICE_KINDS
from core.service_requests import ServiceRequest, Wanted
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say
from counter.cli.values import Number
from counter.session import Workplace

_PROGRAM: Final = "counter service"
_number = click.argument("number", type=Number(1, 2**31 - 1))


@click.group()
def service() -> None:
    """Call-backs, assistance, complaints, lost property: the queue of those who wait for somebody."""


@service.command("open")
@click.argument("kind", type=click.Choice(SERVICE_KINDS))
@click.option("--customer", required=True, metavar="NAME", help="Who asks.")
@click.option("--phone", default="", metavar="NUMBER", help="Where to call; a callback needs it.")
@click.option("--note", required=True, help="What is wanted.")
@click.option("--station", metavar="S", help="Whose staff it is for; this station's if left out.")
@click.option("--staff", metavar="NUMBER", help="Whom the customer prefers; it is assigned at once.")
@click.option("--priority", type=click.Choice(PRIORITIES), default="normal", show_default=True)
@json_option
def open_(as_json: bool, **given: Any) -> None:
    """Enter a request of a KIND; by when it has to be answered is policy."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        _tell(service_requests.open_request(place.office, actor, Wanted(**given)), place, as_json=as_json)


@service.command("list")
@click.option("--station", metavar="S", help="Only those for this station's staff.")
@click.option("--all", "everything", is_flag=True, help="The latest ones, ended ones too.")
@json_option
def list_(station: str | None, everything: bool, as_json: bool) -> None:
    """The queue, by priority and then age."""
    with workplace(as_json=as_json) as place:
        actor, zone = place.scripted_actor(_PROGRAM), place.office.operator.time_zone
        found = service_requests.listed(place.office, actor, station=station, everything=everything)
    if as_json:
        print_json({"requests": [one.as_json(zone) for one in found]})
    elif not found:
        say("Nobody waits.")
    else:
        head = ("No.", "Kind", "Priority", "Customer", "Station", "Until", "Status", "With", "Wants")
        print_table([head, *(_row(one, zone) for one in found)], right=(0,))


def _row(one: ServiceRequest, zone: str) -> tuple[str, ...]:
    until = f"{local(one.expires_at, zone):%d %b %H:%M}{' late' if one.is_late else ''}"
    return (str(one.number), one.kind.replace("_", " "), one.priority, one.customer, one.station or "", until,
            one.status.replace("_", " "), one.assigned_to or "", one.note)  # fmt: skip


@service.command("show")
@_number
@json_option
def show(number: int, as_json: bool) -> None:
    """Request NUMBER as it stands."""
    with workplace(as_json=as_json) as place:
        _tell(service_requests.find(place.office, place.scripted_actor(_PROGRAM), number), place, as_json=as_json)


@service.command("assign")
@_number
@click.argument("staff", metavar="STAFF")
@json_option
def assign(number: int, staff: str, as_json: bool) -> None:
    """Give request NUMBER to the member of the STAFF with that number."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        _tell(service_requests.assign(place.office, actor, number, staff), place, as_json=as_json)


@service.command("take")
@_number
@json_option
def take(number: int, as_json: bool) -> None:
    """Begin with request NUMBER yourself."""
    with workplace(as_json=as_json) as place:
        _tell(service_requests.take(place.office, place.scripted_actor(_PROGRAM), number), place, as_json=as_json)


@service.command("resolve")
@_number
@click.option("--note", required=True, help="What was done.")
@json_option
def resolve(number: int, note: str, as_json: bool) -> None:
    """End request NUMBER."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        _tell(service_requests.resolve(place.office, actor, number, note), place, as_json=as_json)


@service.command("cancel")
@_number
@click.option("--reason", required=True, help="Why nobody wants it answered any more.")
@json_option
def cancel(number: int, reason: str, as_json: bool) -> None:
    """End request NUMBER unanswered."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        _tell(service_requests.cancel(place.office, actor, number, reason), place, as_json=as_json)


@service.command("escalate")
@_number
@click.option("--reason", required=True, help="Why; it is told on.")
@click.option("--to", "role", type=click.Choice(ESCALATED_TO), help="Which role is told; supervisors if left out.")
@click.option("--staff", metavar="NUMBER", help="One person instead.")
@json_option
def escalate(number: int, reason: str, role: str | None, staff: str | None, as_json: bool) -> None:
    """Tell somebody higher of request NUMBER."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        found, done = escalations.escalate(place.office, actor, number, reason, role=role, staff=staff)
        if as_json:
            zone = place.office.operator.time_zone
            print_json({**found.as_json(zone), "escalation": done.as_json()})
        else:
            say(f"Request {number}: {done.told} of the staff {'knows' if done.told == 1 else 'know'} of it.")


def _tell(one: ServiceRequest, place: Workplace, *, as_json: bool) -> None:
    zone = place.office.operator.time_zone
    if as_json:
        print_json(one.as_json(zone))
        return
    until = f", to be answered by {local(one.expires_at, zone):%d %b %H:%M}" if one.is_open else ""
    by = f" with {one.assigned_to}" if one.assigned_to else ""
    say(f"Request {one.number} ({one.kind.replace('_', ' ')}) is {one.status.replace('_', ' ')}{by}{until}.")


@click.command("escalate")
@json_option
def escalate_due(as_json: bool) -> None:
    """Escalate requests and approvals that wait too long; for a job that runs every minute."""
    with workplace(as_json=as_json) as place:
        done = escalations.escalate_due(place.office)
    if as_json:
        print_json({"escalated": [one.as_json() for one in done]})
    elif not done:
        say("Nothing waits too long.")
    else:
        for one in done:
            say(f"{one.about.capitalize()} {one.number}: level {one.level}, {one.told} told ({one.to_role}).")


@click.group("notices")
def notices_() -> None:
    """What the house has to say to whoever is signed in."""


@notices_.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that were read too.")
@json_option
def list_notices(everything: bool, as_json: bool) -> None:
    """Unread notices, the newest first."""
    with workplace(as_json=as_json) as place:
        actor, zone = place.scripted_actor("counter notices"), place.office.operator.time_zone
        found = notices.listed(place.office, actor, everything=everything)
    if as_json:
        print_json({"notices": [one.as_json(zone) for one in found]})
    elif not found:
        say("There is nothing new.")
    else:
        for one in found:
            say(f"{local(one.created_at, zone):%d %b %H:%M}  {one.title}. {one.message}  {one.id}")


@notices_.command("read")
@click.argument("ids", nargs=-1, type=click.UUID, metavar="[ID]…")
@json_option
def read(ids: tuple[UUID, ...], as_json: bool) -> None:
    """Mark notices as read; all of them if none is named."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter notices")
        found = ids or [one.id for one in notices.listed(place.office, actor)]
        done = notices.mark_read(place.office, actor, found)
    if as_json:
        print_json({"read": done})
    else:
        say(f"{done} marked as read.")
