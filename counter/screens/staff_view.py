"""How members of the staff are drawn: pure functions from what is known of them to what stands on the screen."""

from __future__ import annotations

from datetime import datetime

from rich.table import Table
from rich.text import Text

from core.clock import local
from core.staff_list import Member, Session
from counter.i18n import _, clock_time, counted, day_in_words
from counter.symbols import drawn, symbols

#: Sessions that fit below the list.
_SESSIONS_SHOWN = 2


def member_row(one: Member, zone: str) -> Table:
    """One member on one line: number, name, role, where, and how things stand."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=9, no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(width=12, no_wrap=True, overflow="ellipsis")
    table.add_column(width=31, no_wrap=True, overflow="ellipsis")
    cells = (one.number, one.name, _(one.role), f"{mark_of(one)} {status_in_words(one, zone)}")
    table.add_row(*(Text(drawn(cell)) for cell in cells))
    return table


def mark_of(one: Member) -> str:
    """A symbol beside the words."""
    mark = symbols()
    return {
        "inactive": mark.off, "locked": mark.no, "must_change_pin": mark.unsure, "signed_in": mark.on,
        "active": mark.dot,
    }[one.status]  # fmt: skip


def status_in_words(one: Member, zone: str) -> str:
    """The one thing that matters most about somebody now."""
    if one.status == "inactive":
        return _("not active")
    if one.status == "locked" and one.locked_until is not None:
        return _("locked until {time}", time=when(one.locked_until, one.now, zone))
    if one.status == "must_change_pin":
        return _("must change PIN")
    if one.status == "signed_in":
        here = next(each for each in one.sessions if each.is_interactive)
        return _("signed in at {place}", place=place_of(here))
    return _("not signed in")


def member_details(one: Member, zone: str, *, most_sessions: int = _SESSIONS_SHOWN) -> str:
    """The whole of a member, on several lines."""
    stations = " ".join(one.stations) or _("every station")
    last = one.last_login
    facts = [_("last sign-in {time}", time=when(last, one.now, zone)) if last else _("never signed in")]
    if one.must_change_pin and one.status != "must_change_pin":
        facts.append(_("must change PIN"))
    if one.failed_attempts:
        facts.append(counted("{n} wrong PIN", "{n} wrong PINs", one.failed_attempts))
    lines = [
        f"{one.number} {one.name} {symbols().dot} {_(one.role)} {symbols().dot} {status_in_words(one, zone)}",
        _("Works at: {stations}", stations=stations),
        f" {symbols().dot} ".join(facts),
        *(session_in_words(each, one.now, zone) for each in one.sessions[:most_sessions]),
    ]
    if len(one.sessions) > most_sessions:
        more = len(one.sessions) - most_sessions
        lines.append(counted("and {n} more session: Enter", "and {n} more sessions: Enter", more))
    return drawn("\n".join(lines))


def session_in_words(one: Session, now: datetime, zone: str) -> str:
    """Where somebody is signed in, with what, since when."""
    return _(
        "{place}: {program}, since {since}, last seen {seen}", place=place_of(one), program=one.program or "?",
        since=when(one.since, now, zone), seen=when(one.last_activity, now, zone),
    )  # fmt: skip


def place_of(one: Session) -> str:
    """Station and terminal."""
    return f"{one.station} {one.terminal}".strip() or "?"


def when(moment: datetime, now: datetime, zone: str) -> str:
    """The time; with its day unless that is today."""
    there, today = local(moment, zone), local(now, zone).date()
    day = "" if there.date() == today else f"{day_in_words(there.date(), year=there.year != today.year)} "
    return f"{day}{clock_time(there)}"
