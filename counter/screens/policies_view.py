"""How policies are drawn: pure functions from what holds and what stood to what is on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from core.clock import local
from core.money import grouped
from core.policy_kind import Policy
from core.policy_values import OPERATOR, Entered, InForce, Place, shown
from counter.i18n import _, clock_time, counted, day_in_words
from counter.symbols import drawn, symbols

#: Other places that fit into a dialog, and below the list.
OTHERS_SHOWN: Final = 4


def policy_row(one: InForce, *, wide: bool) -> Table:
    """One policy on one line: name, value and unit, where it comes from, and where there is room what it means."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(ratio=2, no_wrap=True, overflow="ellipsis")
    table.add_column(width=9, justify="right", no_wrap=True, overflow="ellipsis")
    table.add_column(width=13, no_wrap=True, overflow="ellipsis")
    table.add_column(width=17, no_wrap=True, overflow="ellipsis")
    mark = symbols().dot if one.entered is None else symbols().on if one.is_sound else symbols().no
    cells = [
        one.policy.name, value_in_words(one.value), unit_in_words(one.policy), f"{mark} {origin_in_words(one)}",
    ]  # fmt: skip
    if wide:
        table.add_column(ratio=3, no_wrap=True, overflow="ellipsis")
        cells.append(_(one.policy.meaning))
    table.add_row(*(Text(drawn(cell)) for cell in cells))
    return table


def value_in_words(value: object) -> str:
    """``25``, ``7.500``, ``yes``, ``supervisor``: in the language of the screen."""
    if isinstance(value, int) and not isinstance(value, bool):
        return grouped(value)
    return _(shown(value))


def unit_in_words(policy: Policy[Any]) -> str:
    """The unit; a yes or no has none."""
    return "" if isinstance(policy.default, bool) else _(policy.unit)


def bounds_in_words(policy: Policy[Any]) -> str:
    """What it takes."""
    if isinstance(policy.default, bool):
        return _("It takes yes or no.")
    if policy.choices:
        return _("It takes one of: {words}.", words=", ".join(map(_, policy.choices)))
    return _("It takes {least} to {most}.", least=grouped(policy.minimum), most=grouped(policy.maximum))


def origin_in_words(one: InForce) -> str:
    """Where the value in force comes from."""
    return _("default") if one.entered is None else place_in_words(one.entered.place)


def place_in_words(place: Place) -> str:
    """A place as people say it."""
    if place == OPERATOR:
        return _("operator")
    station, train = place.station or place.station_id, place.train or place.train_id
    if place.train_id is None:
        return _("station {station}", station=station)
    if place.station_id is None:
        return _("train {train}", train=train)
    return _("train {train} at {station}", train=train, station=station)


def entered_in_words(one: Entered, zone: str) -> str:
    """A value that stands somewhere: where, what, since when, by whom."""
    there = local(one.since, zone)
    since = f"{day_in_words(there.date(), year=True)} {clock_time(there)}"
    value, place = value_in_words(one.value), place_in_words(one.place)
    if not one.by:
        return _("{place}: {value}, since {since}", place=place, value=value, since=since)
    return _("{place}: {value}, since {since} by {who}", place=place, value=value, since=since, who=one.by)


def policy_facts(one: InForce, zone: str, *, most: int = OTHERS_SHOWN) -> list[str]:
    """What a policy is and what stands for it anywhere, a line each."""
    about = one.policy
    default = f"{value_in_words(about.default)} {unit_in_words(about)}".strip()
    lines = [
        sentence(_(about.meaning)),
        f"{bounds_in_words(about)} {_('By default {value}.', value=default)}",
    ]
    if not one.is_sound:
        lines.append(_("What stands there is no valid value: every decision by it is refused."))
    lines += [entered_in_words(each, zone) for each in one.all[:most]]
    if len(one.all) > most:
        lines.append(counted("and {n} more: Enter", "and {n} more: Enter", len(one.all) - most))
    return lines


def sentence(words: str) -> str:
    """Words with a capital letter and a full stop."""
    return f"{words[:1].upper()}{words[1:]}."


def history_lines(past: Sequence[Entered], zone: str) -> list[str]:
    """What ever stood, the newest first, each with its end."""
    lines = []
    for one in past:
        lines.append(entered_in_words(one, zone))
        if one.ended_at is not None:
            there = local(one.ended_at, zone)
            until = f"{day_in_words(there.date(), year=True)} {clock_time(there)}"
            said = _("until {time}", time=until) + (f", {one.ended_by}" if one.ended_by else "")
            lines.append(f"  {said}")
    return lines


def haystack(one: InForce) -> str:
    """The words a filter looks into: name, meaning, value, unit and origin, in English and as shown."""
    about = one.policy
    words = (
        about.name, about.name.replace("_", " "), about.meaning, _(about.meaning), shown(one.value),
        value_in_words(one.value), about.unit, _(about.unit), one.origin, origin_in_words(one),
    )  # fmt: skip
    return " ".join(words).casefold()
