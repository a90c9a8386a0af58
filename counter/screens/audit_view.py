"""How the audit trail, its alerts and reports are drawn: pure functions from rows to what stands on the screen.

What is stored may be anybody's words; whatever a terminal would obey is shown as a mark.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.content import Content

from core.audit.compliance import Report, Section
from core.audit.incidents import Alert
from core.audit.trail import Entry
from core.clock import local
from core.money import grouped
from counter.i18n import _
from counter.symbols import cut, drawn

_HASH_SHOWN: Final = 16
#: Characters of one value; the whole of it leaves by export.
_LONGEST: Final = 2_000
#: Columns of compliance reports that hold keys, names or words.
_WORDS: Final = frozenset({"at", "staff", "of", "what", "filter", "fields", "action", "entity", "number", "kind"})


def plain(text: str) -> str:
    """A text on one line, without anything a terminal would obey."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def entry_row(one: Entry, zone: str, *, wide: bool) -> Table:
    """One row of the trail on one line: when, who, where, what, of what, and where there is room its values."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for width in (14, 6, 12, 6):
        table.add_column(width=width, no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=2, no_wrap=True, overflow="ellipsis")
    cells = [
        f"{local(one.at, zone):%m-%d %H:%M:%S}", one.staff_number or "", one.terminal or "", _(one.action),
        f"{one.entity} {one.entity_id}",
    ]  # fmt: skip
    if wide:
        table.add_column(ratio=3, no_wrap=True, overflow="ellipsis")
        cells.append(" > ".join(text for text in (one.old, one.new) if text is not None))
    table.add_row(*(Text(drawn(plain(cell[:_LONGEST]))) for cell in cells))
    return table


def entry_details(one: Entry, zone: str) -> Group:
    """The whole of a row: where it stands in its chain, and old and new values side by side."""
    lines = (Text(drawn(plain(line)), no_wrap=True, overflow="ellipsis") for line in _head(one, zone))
    return Group(*lines, values(one))


def _head(one: Entry, zone: str) -> tuple[str, ...]:
    here = local(one.at, zone)
    chain = f"{one.terminal_id or 0}/{one.chain_no} {one.row_hash.hex()[:_HASH_SHOWN]}"
    by = " ".join(filter(None, (one.staff_number or _("nobody"), one.terminal, one.ip_address, one.user_agent)))
    return (
        f"{here:%Y-%m-%d %H:%M:%S}  {by}",
        f"{_(one.action)}  {one.entity} {one.entity_id}",
        f"{_('transaction')} {one.correlation_id}",
        f"{_('chain')} {chain}",
    )


def entry_text(one: Entry, zone: str) -> Content:
    """The same to be read from top to bottom: each field with what it said before and says after."""
    old, new = _fields(one.old), _fields(one.new)
    lines = [Content(drawn(plain(line))) for line in _head(one, zone)]
    for name in [*new, *(name for name in old if name not in new)]:
        lines.append(Content.styled(drawn(plain(name)), "bold"))
        for word, said in ((_("before"), old), (_("after"), new)):
            if name in said:
                lines.append(Content(drawn(f"  {word}: {plain(said[name][:_LONGEST])}")))
    return Content("\n").join(lines)


def values(one: Entry) -> Table:
    """Old and new values side by side, as stored; only those there are."""
    sides = [(word, _fields(said)) for word, said in ((_("before"), one.old), (_("after"), one.new)) if said]
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(ratio=2)
    for _side in sides:
        table.add_column(ratio=3)
    names = list(dict.fromkeys(name for _word, fields in reversed(sides) for name in fields))
    if names:
        table.add_row("", *(Text(word, "bold") for word, _said in sides))
    for name in names:
        said = [fields.get(name, "") for _word, fields in sides]
        style = "bold" if len(set(said)) > 1 else ""
        table.add_row(Text(drawn(plain(name))), *(Text(drawn(plain(text[:_LONGEST])), style) for text in said))
    return table


def _fields(stored: str | None) -> dict[str, str]:
    """A stored document by its fields; one that is no object is a field without a name."""
    if stored is None:
        return {}
    said = json.loads(stored)
    return {name: _value(value) for name, value in said.items()} if isinstance(said, dict) else {"": _value(said)}


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def alert_row(one: Alert, zone: str) -> Table:
    """One alert on one line: open or not, when, what, of whom, how many."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for width in (8, 14):
        table.add_column(width=width, no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(width=18, no_wrap=True, overflow="ellipsis")
    table.add_column(width=6, justify="right", no_wrap=True)
    state = _("open") if one.is_open else _("seen")
    cells = (state, _when(one.last_at, zone), kind_of(one), one.subject, grouped(one.count))
    table.add_row(*(Text(drawn(plain(cell)), "bold" if one.is_open else "") for cell in cells))
    return table


def alert_details(one: Alert, zone: str) -> str:
    """The whole of an alert: from when to when, where, beside what others do, and who has looked at it."""
    span = f"{_when(one.first_at, zone)} – {_when(one.last_at, zone)}"
    lines = [f"{kind_of(one)}: {one.subject} · {grouped(one.count)} · {span}"]
    if one.terminals:
        lines.append(_("Terminals: {terminals}", terminals=", ".join(one.terminals)))
    if one.details:
        lines.append(" · ".join(f"{_(name.replace('_', ' '))} {grouped(value)}" for name, value in one.details.items()))
    if (seen := one.acknowledged) is not None:
        lines.append(_("{who} has looked at it: {note}", who=seen.by, note=seen.note))
        if one.is_open:
            lines.append(_("It has grown since."))
    return drawn("\n".join(plain(line) for line in lines))


def kind_of(one: Alert) -> str:
    """The kind of an alert in words."""
    return {
        "failed_pins": _("Wrong PINs for one number"),
        "failed_pins_at_terminal": _("Wrong PINs at one terminal"),
        "refusals_at_night": _("Refusals at night"),
        "refunds_out_of_line": _("Refunds out of line"),
        "reprints_out_of_line": _("Copies out of line"),
    }.get(one.kind, one.kind)


def report_view(report: Report) -> Group:
    """A compliance report: what must not be first, then every section with its sums."""
    head = [Text(drawn(plain(f"{report.operator}: {_short(report.since)} – {_short(report.before)}")), "bold")]
    wrong: Iterable[Text] = (Text(drawn(f"✘ {plain(problem)}"), "bold") for problem in report.problems)
    fine = [] if report.problems else [Text(drawn(f"✔ {_('Nobody decided on a request of their own.')}"))]
    return Group(*head, *wrong, *fine, *(part for section in report.sections for part in _section(section)))


def _section(section: Section) -> Sequence[Text | Table]:
    title = Text(drawn(f"\n{section_name(section)}"), "bold")
    if not section.rows:
        return (title, Text(_("Nothing is on record.")))
    table = Table.grid(padding=(0, 2, 0, 0))
    for name in section.columns:
        table.add_column(justify="left" if name in _WORDS or name.endswith(("_by", "failed")) else "right",
                         overflow="fold")  # fmt: skip
    table.add_row(*(Text(_(name.replace("_", " ")), "underline") for name in section.columns))
    for row in section.rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    if section.total is not None:
        table.add_row(*(Text(_cell(value), "bold") for value in section.total))
    return (title, table)


def section_name(section: Section) -> str:
    """The title of a section."""
    return {
        "views": _("Looks at data"),
        "changes": _("Changes of people, rules, promotions and keys"),
        "approvals": _("Approvals, asked and decided"),
        "sign_ins": _("Sign-in failures and locks"),
        "copies_and_spoilt": _("Copies, void tickets and spoilt blanks"),
        "over_short": _("Over and short"),
        "refunds": _("Refunds"),
        "exports": _("Exports taken"),
    }[section.name]


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return drawn(grouped(value))
    text = plain(str(value))
    return drawn(cut(_short(text) if _is_moment(text) else text, 60))


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _short(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M}"


def _when(moment: datetime, zone: str) -> str:
    return f"{local(moment, zone):%m-%d %H:%M:%S}"
