"""Reports by command: sales, occupancy, refunds, modifications, drawers, promotions, the manifest. For supervisors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from core.database import Actor
from core.errors import Refused
from core.money import grouped
from core.reports import changes, drawers, fines, manifest, occupancy, printing, promotion_use, sales
from core.reports.span import Span, day_of, span_of
from core.reports.table import Report
from core.shifts.export import write
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say
from counter.printing import print_report
from counter.session import Workplace

Command = TypeVar("Command", bound=Callable[..., Any])
Made = Callable[[Workplace, Actor], Report]

_PROGRAM: Final = "counter report"
_DATE: Final = "DATE"


def out_options(command: Command) -> Command:
    """``--json``, ``--csv FILE`` and ``--print``."""
    command = json_option(command)
    command = click.option("--print", "printed", is_flag=True, help="Print it as well.")(command)
    return click.option(
        "--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
        help="Write it there as CSV.",
    )(command)  # fmt: skip


def span_options(command: Command) -> Command:
    """``--from`` and ``--to``: today if neither is given, one day if only one is."""
    command = click.option("--to", "last", metavar=_DATE, help="The last day.")(command)
    return click.option("--from", "first", metavar=_DATE, help="The first day; -1 is yesterday. Else today.")(command)


@click.group()
def report() -> None:
    """Figures: sales, occupancy, refunds, drawers, promotions, and the conductor's manifest. For supervisors."""


def _give(make: Made, csv_file: Path | None, printed: bool, *, as_json: bool) -> None:
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        if printed:
            _require_printer(place)
        made = make(place, actor)
        if csv_file is not None:
            write(csv_file, made.table(), in_training=place.settings.training)
        state = "off"
        if printed:
            job = printing.queue(place.office, actor, made, place.printer_kind, in_training=place.settings.training)
            state = print_report(place, actor, job)
    if as_json:
        print_json({**made.as_json(), "print": state})
    else:
        show(made)
        if printed:
            say(f"Printing: {state}.")


def _require_printer(place: Workplace) -> None:
    if place.printer_kind == "none":
        raise Refused("This terminal has no printer.", code="no_printer", hint="Set COUNTER_PRINTER.")


def show(made: Report) -> None:
    """A report for people, with its sums."""
    facts = [str(value) for name, value in made.facts.items() if name != "by" and value not in (None, "")]
    say(f"{made.title}: {' '.join(dict.fromkeys(facts))}")
    if not made.rows:
        say("Nothing is on record.")
        return
    kinds = [column.kind for column in made.columns]
    rows = [[_cell(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in made.rows]
    right = [at for at, kind in enumerate(kinds) if kind != "text"]
    if any(value is not None for value in made.totals):
        rows.append(["Total", *(_cell(value, kind) for value, kind in zip(made.totals[1:], kinds[1:], strict=True))])
    print_table([[column.label for column in made.columns], *rows], right=right)


def _cell(value: object, kind: str) -> str:
    if value is None:
        return ""
    if kind == "money" and isinstance(value, int):
        return grouped(value)
    return f"{value} %" if kind == "percent" else str(value)


def _span(place: Workplace, first: str | None, last: str | None) -> Span:
    zone = place.office.operator.time_zone
    return span_of(place.office.database.transaction(lambda tx: tx.now), zone, first, last)


def _day(place: Workplace, written: str) -> date:
    return day_of(place.office.database.transaction(lambda tx: tx.now), place.office.operator.time_zone, written)


@report.command("sales")
@click.option("--by", type=click.Choice(sales.BY), default="day", show_default=True, help="A line for each.")
@span_options
@out_options
def sales_(
    by: sales.By, first: str | None, last: str | None, csv_file: Path | None, printed: bool, as_json: bool
) -> None:
    """What was sold and given back: by day, shift, clerk, train, class or method."""
    _give(
        lambda place, actor: sales.report(place.office, actor, _span(place, first, last), by), csv_file, printed,
        as_json=as_json,
    )  # fmt: skip


@report.command("occupancy")
@click.argument("train")
@click.argument("day", metavar=_DATE)
@out_options
def occupancy_(train: str, day: str, csv_file: Path | None, printed: bool, as_json: bool) -> None:
    """How full TRAIN is on DATE, leg by leg; TRAIN "all" lists every departure of the day."""

    def make(place: Workplace, actor: Actor) -> Report:
        when = _day(place, day)
        if train.strip().lower() == "all":
            return occupancy.day(place.office, actor, when)
        return occupancy.departure(place.office, actor, train, when)

    _give(make, csv_file, printed, as_json=as_json)


@report.command("refunds")
@span_options
@out_options
def refunds(first: str | None, last: str | None, csv_file: Path | None, printed: bool, as_json: bool) -> None:
    """Refunds: why, how, in which state, how much."""
    _give(
        lambda place, actor: changes.refunds(place.office, actor, _span(place, first, last)), csv_file, printed,
        as_json=as_json,
    )  # fmt: skip


@report.command("modifications")
@span_options
@out_options
def modifications(first: str | None, last: str | None, csv_file: Path | None, printed: bool, as_json: bool) -> None:
    """Changes of sold bookings: of which kind, within policy or not, and what they cost."""
    _give(
        lambda place, actor: changes.modifications(place.office, actor, _span(place, first, last)), csv_file, printed,
        as_json=as_json,
    )  # fmt: skip


@report.command("fines")
@span_options
@out_options
def fines_(first: str | None, last: str | None, csv_file: Path | None, printed: bool, as_json: bool) -> None:
    """Fines: of which kind, open, paid or waived, and how much."""
    _give(
        lambda place, actor: fines.report(place.office, actor, _span(place, first, last)), csv_file, printed,
        as_json=as_json,
    )  # fmt: skip


@report.command("over-short")
@span_options
@out_options
def over_short(first: str | None, last: str | None, csv_file: Path | None, printed: bool, as_json: bool) -> None:
    """Closed shifts: expected and counted, over or short, why, and who agreed."""
    _give(
        lambda place, actor: drawers.over_short(place.office, actor, _span(place, first, last)), csv_file, printed,
        as_json=as_json,
    )  # fmt: skip


@report.command("promotions")
@span_options
@out_options
def promotions(first: str | None, last: str | None, csv_file: Path | None, printed: bool, as_json: bool) -> None:
    """How often promotions were used, and what they took off."""
    _give(
        lambda place, actor: promotion_use.report(place.office, actor, _span(place, first, last)), csv_file, printed,
        as_json=as_json,
    )  # fmt: skip


@report.command("manifest")
@click.argument("train")
@click.argument("day", metavar=_DATE)
@click.option("--from", "origin", metavar="S", help="Only who is aboard after this stop.")
@click.option("--to", "destination", metavar="S", help="Only who is aboard before this stop.")
@out_options
def manifest_(
    train: str, day: str, origin: str | None, destination: str | None, csv_file: Path | None, printed: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Who sits where on TRAIN of DATE, between which stops. A look at it is on the audit trail."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        if printed:
            _require_printer(place)
        made = manifest.of_departure(
            place.office, actor, train, _day(place, day), origin=origin, destination=destination,
            purpose="exported" if csv_file is not None else "shown",
        )  # fmt: skip
        if csv_file is not None:
            write(csv_file, made.report().table(), in_training=place.settings.training)
        state = "off"
        if printed:
            state = print_report(place, actor, manifest.queue(place.office, actor, made, place.printer_kind))
    if as_json:
        print_json({**made.as_json(), "print": state})
        return
    show(made.report())
    head = ("Stop", "Departs", "On", "Off", "Aboard")
    stops = [(one.station, one.departs, str(one.on), str(one.off), str(one.aboard)) for one in made.halts]
    print_table([head, *stops], right=(2, 3, 4))
    if printed:
        say(f"Printing: {state}.")
