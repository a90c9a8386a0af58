"""Help: the keys that work here and now, each in a sentence, and why some do not."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from counter.commands import available, key_name
from counter.dialogs.dialog import Dialog
from counter.i18n import _
from counter.symbols import drawn, in_ascii
from counter.widgets.key_bar import KeyBar

_KEY_CELLS = 8


class HelpDialog(Dialog[None]):
    """The list for a screen as it is now; arrows scroll, Esc closes."""

    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "VerticalScroll"

    def __init__(self, about: Screen[object]) -> None:
        super().__init__()
        self._text = Content("\n").join(list(_lines(about)))

    def compose(self) -> ComposeResult:
        """A title and the list."""
        with Vertical(id="box"):
            yield Static(_("Keys that work here and now"), id="title", markup=False)
            with VerticalScroll():
                yield Static(self._text, id="keys")
        yield KeyBar()


def _lines(about: Screen[object]) -> Iterator[Content]:
    named = set()
    for entry in available(about):
        if not entry.command.key:
            continue
        named.add(entry.command.id)
        yield _line(key_name(entry.command.key, ascii_only=in_ascii()), _(entry.command.help), entry.refusal)
    for active in about.active_bindings.values():
        binding = active.binding
        if binding.show and binding.action not in named:
            named.add(binding.action)
            yield _line(key_name(binding.key, ascii_only=in_ascii()), _(binding.tooltip or binding.description), "")


def _line(key: str, help_text: str, refusal: str) -> Content:
    words = Content(drawn(help_text))
    if refusal:
        words = Content.assemble(words.stylize("dim"), (f"\n{'':{_KEY_CELLS + 1}}{drawn(refusal)}", "$warning"))
    return Content.assemble((f"{key:>{_KEY_CELLS}} ", "$accent bold"), words)
