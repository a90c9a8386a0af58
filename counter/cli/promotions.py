"""The administrator's commands for promotions: list, add, change, off."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Final

import click

from core import promotion_register as register
from core.clock import instant, local, zone
from core.days import parse_day
from core.money import grouped
from core.promotion_register import Changes, Terms
from core.promotions import Promotion
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say
from counter.cli.values import Number
from counter.session import Workplace

_MOST: Final = 10**12
_WHEN: Final = "A day, or a time such as 2026-11-25T07:00, on the operator's clock"


@click.group()
def promotions() -> None:
    """Discounts by code: what they take off, when, and how often."""


def moment(text: str, now: datetime, time_zone: str, *, ends: bool = False) -> datetime:
    """A day or a time on the operator's clock. A day begins at its midnight, and as an end is over at the next one.

    Raises:
        UsageError: it is neither.
    """
    with suppress(ValueError):
        if not _is_day(text):
            exact = datetime.fromisoformat(text.strip())
            return exact if exact.tzinfo else exact.replace(tzinfo=zone(time_zone))
    day = parse_day(text, local(now, time_zone).date())
    return instant(day + timedelta(days=1) if ends else day, time.min, time_zone)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _moment(place: Workplace, text: str, *, ends: bool = False) -> datetime:
    now = place.office.database.transaction(lambda tx: tx.now)
    return moment(text, now, place.office.operator.time_zone, ends=ends)


@promotions.command("list")
@json_option
def list_promotions(as_json: bool) -> None:
    """Every promotion, those that end last first."""
    with workplace(as_json=as_json) as place:
        found = register.listed(place.office, place.scripted_actor("counter admin promotions"))
        time_zone = place.office.operator.time_zone
    if as_json:
        print_json({"promotions": [register.as_json(one, time_zone) for one in found]})
    elif not found:
        say("There is no promotion.")
    else:
        head = ("Code", "Name", "Takes off", "From", "Until", "Used", "")
        print_table([head, *(_row(one, time_zone) for one in found)], right=(2, 5))


@promotions.command("add")
@click.argument("code")
@click.option("--name", required=True, help="What it is called on the bill.")
@click.option("--percent", type=Number(1, 100), help="Takes off a share of the fares.")
@click.option("--amount", type=Number(1, _MOST), help="Takes off a sum.")
@click.option("--from", "begins", default="today", show_default=True, metavar="WHEN", help=f"{_WHEN}.")
@click.option("--until", "ends", required=True, metavar="WHEN", help="Its last day, or the time it is over.")
@click.option("--minimum", type=Number(0, _MOST), default=0, help="Fares it needs at least.")
@click.option("--maximum", type=Number(1, _MOST), help="What it takes off at most.")
@click.option("--uses", type=Number(1, 2**31 - 1), help="How often it may be used; without limit if left out.")
@json_option
def add(
    code: str, name: str, percent: int | None, amount: int | None, begins: str, ends: str, minimum: int,
    maximum: int | None, uses: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Make the promotion CODE; it takes off either a --percent or an --amount."""
    if (percent is None) is (amount is None):
        raise click.UsageError("A promotion has either --percent or --amount.")
    kind, value = ("percentage", percent) if percent is not None else ("fixed_amount", amount)
    assert value is not None
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter admin promotions")
        terms = Terms(
            code, name, kind, value, _moment(place, begins), _moment(place, ends, ends=True), minimum, maximum, uses
        )
        _tell(register.create(place.office, actor, terms), place, as_json=as_json)


@promotions.command("change")
@click.argument("code")
@click.option("--name", help="What it is called on the bill.")
@click.option("--from", "begins", metavar="WHEN", help=f"{_WHEN}.")
@click.option("--until", "ends", metavar="WHEN", help="Its last day, or the time it is over.")
@click.option("--minimum", type=Number(0, _MOST), help="Fares it needs at least.")
@click.option("--maximum", type=Number(0, _MOST), help="What it takes off at most; 0: no maximum.")
@click.option("--uses", type=Number(0, 2**31 - 1), help="How often it may be used; 0: without limit.")
@click.option("--on", "switched_on", is_flag=True, help="Switch it on again.")
@json_option
def change(
    code: str, name: str | None, begins: str | None, ends: str | None, minimum: int | None, maximum: int | None,
    uses: int | None, switched_on: bool, as_json: bool,
) -> None:  # fmt: skip
    """Change the terms of CODE for the sales to come. Its discount stands: another one is another promotion."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter admin promotions")
        changes = Changes()
        if name is not None:
            changes["name"] = name
        if begins is not None:
            changes["valid_from"] = _moment(place, begins)
        if ends is not None:
            changes["valid_to"] = _moment(place, ends, ends=True)
        if minimum is not None:
            changes["minimum_amount"] = minimum
        if maximum is not None:
            changes["maximum_discount"] = maximum or None
        if uses is not None:
            changes["usage_limit"] = uses or None
        if switched_on:
            changes["is_active"] = True
        if not changes:
            raise click.UsageError("Nothing is to be changed.")
        _tell(register.change(place.office, actor, code, changes), place, as_json=as_json)


@promotions.command("off")
@click.argument("code")
@json_option
def off(code: str, as_json: bool) -> None:
    """Switch CODE off: no sale uses it any more."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter admin promotions")
        _tell(register.switch_off(place.office, actor, code), place, as_json=as_json)


def _tell(promotion: Promotion, place: Workplace, *, as_json: bool) -> None:
    time_zone = place.office.operator.time_zone
    if as_json:
        print_json(register.as_json(promotion, time_zone))
    else:
        say("  ".join(part for part in _row(promotion, time_zone) if part))


def _row(promotion: Promotion, time_zone: str) -> tuple[str, ...]:
    takes = f"{promotion.value} %" if promotion.kind == "percentage" else grouped(promotion.value)
    used = f"{promotion.used_count}" if promotion.usage_limit is None else (
        f"{promotion.used_count} of {promotion.usage_limit}"
    )  # fmt: skip
    return (
        promotion.code,
        promotion.name,
        takes,
        f"{local(promotion.valid_from, time_zone):%Y-%m-%d %H:%M}",
        f"{local(promotion.valid_to, time_zone):%Y-%m-%d %H:%M}",
        used,
        "" if promotion.is_active else "off",
    )
