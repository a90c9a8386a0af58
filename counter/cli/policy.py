"""Commands for supervisors who decide policies: list, show, set, withdraw, history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from core import policy_register as register
from core.clock import local
from core.policy_values import Entered, InForce, Place, named, parse_value, shown
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say
from counter.session import Workplace

Command = TypeVar("Command", bound=Callable[..., Any])

_PROGRAM: Final = "counter policy"


def place_options(command: Command) -> Command:
    """``--station`` and ``--train``, which say where."""
    command = click.option("--train", metavar="NO", help="For this train.")(command)
    return click.option("--station", metavar="S", help="At this station.")(command)


@click.group()
def policy() -> None:
    """Rates, windows, limits and cut-offs: what holds, where it comes from, and changing it. For supervisors."""


@policy.command("list")
@click.argument("wanted", default="")
@place_options
@json_option
def list_policies(wanted: str, station: str | None, train: str | None, as_json: bool) -> None:
    """Every policy, or those with WANTED in their name or meaning, as they hold for the operator or at a place."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        where = register.place_of(place.office, station=station, train=train)
        found = [one for one in register.listed(place.office, actor, where) if _fits(one, wanted)]
        zone = place.office.operator.time_zone
    if as_json:
        print_json({"place": where.as_json(), "policies": [one.as_json(zone) for one in found]})
    elif not found:
        say("There is no policy like that.")
    else:
        head = ("Policy", "Value", "Unit", "From", "Default", "Meaning")
        print_table([head, *map(_row, found)], right=(1, 4))


def _fits(one: InForce, wanted: str) -> bool:
    about = f"{one.policy.name} {one.policy.name.replace('_', ' ')} {one.policy.meaning}".lower()
    return wanted.strip().lower().replace("-", "_") in about or wanted.strip().lower() in about


def _row(one: InForce) -> tuple[str, ...]:
    value = shown(one.value) if one.is_sound else f"{shown(one.value)} (not valid)"
    return one.policy.name, value, one.policy.unit, where_from(one), shown(one.policy.default), one.policy.meaning


def where_from(one: InForce) -> str:
    """Where a value comes from, in a word or two."""
    return "default" if one.entered is None else place_words(one.entered.place)


def place_words(place: Place) -> str:
    """A place as people say it."""
    parts = [f"train {place.train or place.train_id}"] if place.train_id is not None else []
    if place.station_id is not None:
        parts.append(f"station {place.station or place.station_id}")
    return " at ".join(parts) or "operator"


@policy.command("show")
@click.argument("name")
@place_options
@json_option
def show(name: str, station: str | None, train: str | None, as_json: bool) -> None:
    """What the policy NAME is, what holds at a place, and what stands anywhere."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        where = register.place_of(place.office, station=station, train=train)
        _tell(register.find(place.office, actor, name, where), place, as_json=as_json)


@policy.command("set")
@click.argument("name")
@click.argument("value")
@place_options
@json_option
def set_(name: str, value: str, station: str | None, train: str | None, as_json: bool) -> None:
    """Let VALUE hold for the policy NAME from now on, for the operator or at a place."""
    decided = parse_value(named(name), value)
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        where = register.place_of(place.office, station=station, train=train)
        _tell(register.set_value(place.office, actor, name, decided, where), place, as_json=as_json)


@policy.command("withdraw")
@click.argument("name")
@place_options
@json_option
def withdraw(name: str, station: str | None, train: str | None, as_json: bool) -> None:
    """Take away what was decided for NAME at exactly this place; the next wider value holds again."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        where = register.place_of(place.office, station=station, train=train)
        _tell(register.withdraw(place.office, actor, name, where), place, as_json=as_json)


@policy.command("history")
@click.argument("name")
@json_option
def history(name: str, as_json: bool) -> None:
    """Everything that ever stood for the policy NAME, anywhere, the newest first."""
    with workplace(as_json=as_json) as place:
        found = register.history(place.office, place.scripted_actor(_PROGRAM), name)
        zone = place.office.operator.time_zone
    if as_json:
        print_json({"name": named(name).name, "history": [one.as_json(zone) for one in found]})
    elif not found:
        say("Nobody has ever changed it.")
    else:
        head = ("Value", "For", "Since", "By", "Until", "Ended by")
        print_table([head, *(_past(one, zone) for one in found)], right=(0,))


def _past(one: Entered, zone: str) -> tuple[str, ...]:
    since = f"{local(one.since, zone):%Y-%m-%d %H:%M}"
    until = f"{local(one.ended_at, zone):%Y-%m-%d %H:%M}" if one.ended_at else ""
    return shown(one.value), place_words(one.place), since, one.by, until, one.ended_by


def _tell(one: InForce, place: Workplace, *, as_json: bool) -> None:
    zone = place.office.operator.time_zone
    if as_json:
        print_json(one.as_json(zone))
        return
    about = one.policy
    say(f"{about.name}: {about.meaning}.")
    say(f"It is {shown(one.value)} ({about.unit}), from: {where_from(one)}. By default {shown(about.default)}.")
    say(f"It takes {about.bounds}.")
    if not one.is_sound:
        say("What stands there is no valid value: every decision by it is refused until it is set.")
    for entered in one.all:
        by = f" by {entered.by}" if entered.by else ""
        since = f"{local(entered.since, zone):%Y-%m-%d %H:%M}"
        say(f"  {place_words(entered.place)}: {shown(entered.value)}, since {since}{by}")
