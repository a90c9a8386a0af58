"""Commands of the drawer: open a shift, move cash, count, close, and the reports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from core import shifts
from core.approvals import ApprovalNeeded
from core.clock import local
from core.database import Actor
from core.days import parse_day
from core.errors import Refused
from core.money import grouped
from core.shifts import closing, counting, export, movements, sheet
from core.shifts.counting import Counted, RollEnd
from core.shifts.movements import Move
from counter.cli.approver import Approver, approver_options
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say
from counter.cli.values import Number
from counter.printing import kick_drawer, preview_report, print_report, print_stored
from counter.session import Workplace

_PROGRAM = "counter shift"
_csv_option = click.option(
    "--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it there as CSV."
)


class _Pieces(click.ParamType[Any]):
    """``100000x3``: three notes of 100,000; ``0`` alone is an empty drawer."""

    name = "pieces"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = re.fullmatch(r"([0-9]{1,9})[xX*]([0-9]{1,9})", str(value), re.ASCII)
        if found is None and str(value) != "0":
            self.fail(f"{str(value)[:20]!r} is no count such as 100000x3; 0 is an empty drawer.", param, ctx)
        return (int(found[1]), int(found[2])) if found else None


class _Numbers(click.ParamType[Any]):
    """``ROLL:NUMBER``, with up to ``most`` numbers."""

    name = "roll"

    def __init__(self, most: int) -> None:
        self._most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        mark, *numbers = str(value).split(":")
        if not (mark and 1 <= len(numbers) <= self._most and all(re.fullmatch("[0-9]{1,12}", one) for one in numbers)):
            form = "ROLL:NEXT[:SPOILT]" if self._most > 1 else "ROLL:FIRST"
            self.fail(f"{str(value)[:30]!r} is no {form}, such as A17:120.", param, ctx)
        return (mark, *map(int, numbers))


@click.group()
def shift() -> None:
    """The drawer: open a shift, move cash, count, close, and the reports."""


@shift.command("open")
@click.option("--float", "amount", type=Number(0, 10**12), required=True, help="Cash in the drawer now.")
@click.option("--stock", type=_Numbers(1), metavar="ROLL:FIRST", help="The roll of tickets and its first number.")
@json_option
def open_(amount: int, stock: tuple[str, int] | None, as_json: bool) -> None:
    """Open a shift at this terminal's drawer."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        opened = shifts.open_shift(place.office, actor, amount, roll=stock)
        kick_drawer(place)
    if as_json:
        at = local(opened.opened_at, place.time_zone).isoformat(timespec="seconds")
        print_json({"shift_number": opened.number, "float": opened.float_amount, "opened_at": at})
    else:
        say(f"Shift {opened.number} is open with {grouped(opened.float_amount)}.")


@shift.command("show")
@json_option
def show(as_json: bool) -> None:
    """The shift at this terminal as it stands."""
    _x(as_json=as_json, printed=False)


@shift.command("x")
@click.option("--print", "printed", is_flag=True, help="Print it as well.")
@json_option
def x(printed: bool, as_json: bool) -> None:
    """The X report: the shift as it stands, nothing is closed."""
    _x(as_json=as_json, printed=printed)


def _x(*, as_json: bool, printed: bool) -> None:
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        report = closing.x_report(place.office, actor)
        state = "off"
        if printed:
            _require_printer(place)
            state = print_report(place, actor, closing.print_x(place.office, actor, report, place.printer_kind))
        _show_report(place, {**report, "print": state}, as_json=as_json)


def _require_printer(place: Workplace) -> None:
    if place.printer_kind == "none":
        raise Refused("This terminal has no printer.", code="no_printer", hint="Set COUNTER_PRINTER.")


def _show_report(place: Workplace, report: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    for line in preview_report(place, report, place.settings.language):
        say(line)
    if report["print"] not in ("off", "confirmed"):
        say(f"Printing: {report['print']}.")


def _movement(kind: str, amount: int, reason: str, bag: str | None, approver: Approver, *, as_json: bool) -> None:
    move = Move(kind, amount, reason, bag)
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        try:
            movements.record(place.office, actor, move)
        except ApprovalNeeded:
            approval = approver.approve(place, actor, movements.wish_for(place.office, actor, move), reason)
            if approval is None:
                raise
            movements.record(place.office, actor, move, approval_id=approval)
        kick_drawer(place)
    if as_json:
        print_json({"kind": kind, "amount": amount, "reason": reason.strip(), "bag": bag})
    else:
        say(f"Noted: {kind.replace('_', ' ')} {grouped(amount) if amount else ''}".rstrip() + ".")


_reason_option = click.option("--reason", required=True, help="Why; it goes on record.")


@shift.command("in")
@click.argument("amount", type=Number(1, 10**12))
@_reason_option
@approver_options
@json_option
def cash_in(amount: int, reason: str, approve_staff: str | None, approve_pin_file: Path | None, as_json: bool) -> None:
    """Put AMOUNT into the drawer that is no sale."""
    _movement("cash_in", amount, reason, None, Approver(approve_staff, approve_pin_file), as_json=as_json)


@shift.command("out")
@click.argument("amount", type=Number(1, 10**12))
@_reason_option
@approver_options
@json_option
def cash_out(amount: int, reason: str, approve_staff: str | None, approve_pin_file: Path | None, as_json: bool) -> None:
    """Pay AMOUNT out of the drawer."""
    _movement("cash_out", amount, reason, None, Approver(approve_staff, approve_pin_file), as_json=as_json)


@shift.command("drop")
@click.argument("amount", type=Number(1, 10**12))
@click.option("--bag", required=True, metavar="NUMBER", help="The number on the sealed bag.")
@click.option("--reason", default="drop", show_default=True, help="Why.")
@approver_options
@json_option
def drop(
    amount: int, bag: str, reason: str, approve_staff: str | None, approve_pin_file: Path | None, as_json: bool
) -> None:
    """Take AMOUNT out of the drawer into a sealed bag."""
    _movement("drop", amount, reason, bag, Approver(approve_staff, approve_pin_file), as_json=as_json)


@shift.command("no-sale")
@_reason_option
@json_option
def no_sale(reason: str, as_json: bool) -> None:
    """Open the drawer without a sale."""
    _movement("no_sale", 0, reason, None, Approver(None, None), as_json=as_json)


_count_options = (
    click.option(
        "--count", "pieces", type=_Pieces(), multiple=True, metavar="WORTHxPIECES",
        help="Once per kind of note and coin: 100000x3. 0 is an empty drawer.",
    ),
    click.option(
        "--stock", "rolls", type=_Numbers(2), multiple=True, metavar="ROLL:NEXT[:SPOILT]",
        help="The number on the roll's next blank, and how many were spoilt.",
    ),
)  # fmt: skip


def _count(
    place: Workplace, actor: Actor, pieces: tuple[tuple[int, int] | None, ...], rolls: tuple[tuple[Any, ...], ...]
) -> Counted:
    found: dict[int, int] = {}
    for worth, number in filter(None, pieces):
        found[worth] = found.get(worth, 0) + number
    counted = counting.count(place.office, actor, found, tuple(RollEnd(*roll) for roll in rolls))
    kick_drawer(place)
    return counted


@shift.command("count")
@_count_options[0]
@_count_options[1]
@json_option
def count(pieces: tuple[tuple[int, int] | None, ...], rolls: tuple[tuple[Any, ...], ...], as_json: bool) -> None:
    """Count the drawer: from then on nothing is sold, and what should have been there is told."""
    if not pieces:
        raise click.UsageError("A count needs --count, once per kind of note and coin; --count 0 is an empty drawer.")
    with workplace(as_json=as_json) as place:
        counted = _count(place, place.scripted_actor(_PROGRAM), pieces, rolls)
    if as_json:
        print_json(counted.as_json())
        return
    say(f"Counted {grouped(counted.count.amount)}, expected {grouped(counted.expected)}.")
    say(f"The difference is {grouped(counted.difference)}." if counted.difference else "The drawer fits.")


@shift.command("close")
@_count_options[0]
@_count_options[1]
@click.option("--reason", default="", help="Why the drawer differs, if it does.")
@approver_options
@json_option
def close(
    pieces: tuple[tuple[int, int] | None, ...], rolls: tuple[tuple[Any, ...], ...], reason: str,
    approve_staff: str | None, approve_pin_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Count the drawer, if it is not counted yet, and close the shift with its Z report."""
    approver = Approver(approve_staff, approve_pin_file)
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        done = _count(place, actor, pieces, rolls) if pieces else counting.counted(place.office, actor)
        approval = None
        if done.needs_approval and reason.strip():
            approval = approver.approve(place, actor, done.wish(), reason)
        closed = closing.close(place.office, actor, reason=reason, approval_id=approval, printer=place.printer_kind)
        place.note_audit_head(actor)
        state = "off" if closed.job_id is None else print_report(place, actor, closed.job_id)
        _show_report(place, {**closed.report.as_json(), "print": state}, as_json=as_json)


@shift.command("z")
@click.argument("number", type=Number(1), required=False)
@click.option("--print", "printed", is_flag=True, help="Print it: as a marked copy if it was printed before.")
@_csv_option
@json_option
def z(number: int | None, printed: bool, csv_file: Path | None, as_json: bool) -> None:
    """A Z report by its NUMBER, or the last one of this terminal."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        report = sheet.z_report(place.office, actor, number)
        if printed:
            _require_printer(place)
        state = print_stored(place, actor, report) if printed else "off"
        if csv_file is not None:
            export.write(csv_file, export.z_table(report.as_json()), in_training=place.settings.training)
        _show_report(place, {**report.as_json(), "print": state}, as_json=as_json)


@shift.command("list")
@click.option("--day", metavar="DATE", help="Only those opened on this day; else the latest.")
@_csv_option
@json_option
def list_(day: str | None, csv_file: Path | None, as_json: bool) -> None:
    """Shifts with what they came to; a clerk sees his own."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor(_PROGRAM)
        today = place.office.database.transaction(lambda tx: local(tx.now, place.office.operator.time_zone).date())
        found = sheet.of_day(place.office, actor, parse_day(day, today) if day else None)
        lines = [one.as_json() for one in found]
        if csv_file is not None:
            numbers = [one.z_number for one in found if one.z_number is not None]
            reports = {number: sheet.z_report(place.office, actor, number).body for number in numbers}
            export.write(csv_file, export.shifts_table(lines, reports), in_training=place.settings.training)
    if as_json:
        print_json({"shifts": lines})
    elif not lines:
        say("There are no shifts.")
    else:
        print_table([_LIST_HEAD, *map(_list_row, lines)], right=(0, 4, 5, 6, 7))


_LIST_HEAD = ("Shift", "Clerk", "Terminal", "Opened", "Float", "Counted", "Differs", "Z", "State")


def _list_row(one: Mapping[str, Any]) -> tuple[str, ...]:
    amounts = (one["float"], one["counted"], one["difference"])
    shown = ("" if amount is None else grouped(amount) for amount in amounts)
    opened = str(one["opened_at"])[:16].replace("T", " ")
    z_number = "" if one["z_number"] is None else str(one["z_number"])
    return (str(one["shift_number"]), one["clerk"], one["terminal"], opened, *shown, z_number, one["status"])
