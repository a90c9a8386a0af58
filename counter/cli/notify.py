"""Commands for messages: the dispatcher, what is told by which channel, how a booking is reached, and what failed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from core import contacts as booking_contacts
from core import job_failures, notification_dispatch, notification_routes
from core.clock import local
from core.errors import DatabaseUnreachable, NotFound, Unreachable, UsageError
from core.job_failures import Failure
from core.models.notifying import CHANNELS, LANGUAGES
from core.notification_catalogue import CONFIGURABLE
from core.notification_dispatch import Sent
from core.notification_routes import Configuration
from core.notification_senders import sender_for
from core.notification_settings import channels
from core.policy_register import place_of
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say, tell
from counter.cli.values import Number
from counter.session import Workplace

Command = TypeVar("Command", bound=Callable[..., Any])

_PROGRAM: Final = "counter admin"


@click.command("dispatch")
@click.option("--once", is_flag=True, help="Send what is due now, and end.")
@click.option("--interval", type=Number(1, 3600), default=10, show_default=True, help="Seconds between two looks.")
@json_option
def dispatch(once: bool, interval: int, as_json: bool) -> None:
    """Send messages that wait, by the channels this machine has. Runs until it is stopped; several may run.

    With --json a line after each look at which something was done.
    """
    senders = {name: sender_for(one) for name, one in channels().items()}
    with workplace(as_json=as_json) as place:
        if once:
            _tell_sent(place, notification_dispatch.run(place.office, senders), as_json=as_json)
            return
        tell(f"Sending by {', '.join(sorted(senders)) or 'no channel but the screen'}; Ctrl+C ends it.")
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        while not ended.is_set():
            try:
                done = notification_dispatch.run(place.office, senders)
            except Unreachable as error:
                tell(f"{error.message} {error.hint}")
            else:
                if done != Sent():
                    _tell_sent(place, done, as_json=as_json)
            ended.wait(interval)


def _tell_sent(place: Workplace, done: Sent, *, as_json: bool) -> None:
    if as_json:
        try:
            standing = notification_dispatch.standing(place.office)
        except DatabaseUnreachable:
            standing = {}
        print_json({**done.as_json(), "standing": standing})
        return
    say(
        f"{done.events} events, {done.sent} messages sent, {done.failed} to be tried again, {done.dead} given up,"
        f" {done.unknown} unknown."
    )


@click.group("failures")
def failures() -> None:
    """Work in the background that came to nothing. For supervisors."""


@failures.command("list")
@click.option("--all", "resolved", is_flag=True, help="Also what is resolved.")
@json_option
def list_failures(resolved: bool, as_json: bool) -> None:
    """What nobody has resolved yet, critical things first."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        found = job_failures.listed(place.office, actor, resolved=resolved)
        zone = place.office.operator.time_zone
    if as_json:
        print_json({"failures": [one.as_json() for one in found]})
    elif not found:
        say("Nothing has failed.")
    else:
        rows = [
            (str(one.id)[-12:], one.kind, "yes" if one.is_critical else "", str(one.attempts),
             f"{local(one.at, zone):%d %b %H:%M}", one.resolution or one.exception)
            for one in found
        ]  # fmt: skip
        print_table([("Failure", "Kind", "Critical", "Tries", "At", "What"), *rows], right=(3,))


def _named(place: Workplace, actor: Any, text: str) -> Failure:
    """A failure by its id or the end of it, as the list shows."""
    wanted = text.strip().lower()
    found = [one for one in job_failures.listed(place.office, actor, resolved=True) if str(one.id).endswith(wanted)]
    if len(found) != 1 or len(wanted) < 4:
        raise NotFound("There is no such failure.", code="unknown_failure", hint="List: counter admin failures list.")
    return found[0]


@failures.command("retry")
@click.argument("failure")
@json_option
def retry(failure: str, as_json: bool) -> None:
    """Send the message of a FAILURE again."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        found = notification_dispatch.try_again(place.office, actor, _named(place, actor, failure).id)
    if as_json:
        print_json({"failure_id": str(found.id), "resolution": "sent again"})
    else:
        say("It waits to be sent again.")


@failures.command("resolve")
@click.argument("failure")
@click.option("--note", required=True, metavar="NOTE", help="What was done about it.")
@json_option
def resolve(failure: str, note: str, as_json: bool) -> None:
    """Let a FAILURE be, with a note."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        found = job_failures.resolve(place.office, actor, _named(place, actor, failure).id, note)
    if as_json:
        print_json({"failure_id": str(found.id), "resolution": note})
    else:
        say("Resolved.")


@click.group("notify")
def notify() -> None:
    """Which event is told by which channel, for the operator, a station or a train. For supervisors."""


def _where(command: Command) -> Command:
    command = click.option("--train", metavar="NO", help="For this train.")(command)
    command = click.option("--station", metavar="S", help="At this station.")(command)
    command = click.argument("channel", type=click.Choice(CHANNELS))(command)
    return click.argument("event", type=click.Choice(CONFIGURABLE))(command)


@notify.command("list")
@json_option
def list_configurations(as_json: bool) -> None:
    """What is told by which channel. Staff are told on the screen unless that is switched off."""
    with workplace(as_json=as_json) as place:
        found = notification_routes.listed(place.office, place.scripted_actor(_PROGRAM))
    if as_json:
        print_json({"configurations": [one.as_json() for one in found], "events": list(CONFIGURABLE)})
    elif not found:
        say("Nothing is configured: customers are told nothing.")
    else:
        rows = [
            (one.event_type, one.channel, str(one.station_id or ""), str(one.train_id or ""),
             "on" if one.is_enabled else "off", one.language, one.to or "")
            for one in found
        ]  # fmt: skip
        print_table([("Event", "Channel", "Station", "Train", "", "Language", "To"), *rows])


@notify.command("set")
@_where
@click.option("--language", type=click.Choice(LANGUAGES), default=LANGUAGES[0], show_default=True)
@click.option("--to", metavar="ADDRESS", help="An address of the operator's own instead of the customer's.")
@click.option("--off", is_flag=True, help="Told nobody by this channel from here on.")
@json_option
def set_(
    event: str, channel: str, station: str | None, train: str | None, language: str, to: str | None, off: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Let an EVENT be told by a CHANNEL; the nearest place counts."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        where = place_of(place.office, station=station, train=train)
        details = {"language": language, **({"to": to} if to else {})}
        wanted = Configuration(event, channel, where.station_id, where.train_id, not off, details)
        done = notification_routes.configure(place.office, actor, wanted)
    if as_json:
        print_json(done.as_json())
    else:
        say(f"{event} by {channel} is {'off' if off else 'on'}.")


@notify.command("withdraw")
@_where
@json_option
def withdraw(event: str, channel: str, station: str | None, train: str | None, as_json: bool) -> None:
    """Take away what stands for an EVENT and a CHANNEL at exactly this place."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        where = place_of(place.office, station=station, train=train)
        wanted = Configuration(event, channel, where.station_id, where.train_id)
        notification_routes.withdraw(place.office, actor, wanted)
    if as_json:
        print_json({"event": event, "channel": channel, "withdrawn": True})
    else:
        say("It is taken away.")


@click.command("contact")
@click.argument("booking_number", metavar="BOOKING")
@click.option("--phone", metavar="NUMBER", help="Where short messages go.")
@click.option("--email", metavar="ADDRESS", help="Where mail goes.")
@json_option
def contact(booking_number: str, phone: str | None, email: str | None, as_json: bool) -> None:
    """Keep how the people of a BOOKING are reached; the confirmation goes there."""
    if not phone and not email:
        raise UsageError("Give a phone number or an e-mail address.", code="contact_missing", hint="--phone, --email")
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter contact")
        booking_contacts.leave(place.office, actor, booking_number, phone=phone, email=email)
    if as_json:
        print_json({"booking_number": booking_number.strip().upper(), "phone": bool(phone), "email": bool(email)})
    else:
        say("It is kept with the booking.")
