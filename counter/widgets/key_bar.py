"""The bottom line: the keys that work here and now, as far as they fit, with help and the way back always among them.

What belongs here: drawing the screen's active bindings on one line. Textual's own footer is made of a widget per key,
has its labels fixed when a class is written, and scrolls what does not fit out of sight.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from rich.cells import cell_len
from textual.app import App
from textual.binding import ActiveBinding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from counter.commands import Commanded, available, key_name
from counter.i18n import _
from counter.symbols import drawn, in_ascii

#: Stay on the line however narrow it is.
_ALWAYS: Final = frozenset({"help", "back", "clear"})


class KeyLabel(NamedTuple):
    """One entry of the line."""

    action: str
    key: str
    label: str
    enabled: bool

    @property
    def cells(self) -> int:
        """Room it takes, the blanks around it included."""
        return cell_len(self.key) + cell_len(self.label) + 3


def fitting(entries: list[KeyLabel], width: int) -> list[KeyLabel]:
    """The entries that fit, in their order: those that must stay, then from the left."""
    room = width - sum(entry.cells for entry in entries if entry.action in _ALWAYS)
    kept = []
    for entry in entries:
        if entry.action not in _ALWAYS:
            if entry.cells > room:
                continue
            room -= entry.cells
        kept.append(entry)
    return kept


class KeyBar(Widget):
    """The keys of the screen it stands on; a click on one is the key."""

    DEFAULT_CSS = """
    KeyBar {
        dock: bottom;
        height: 1;
        background: $panel;
        color: $foreground;
        link-style: none;
        link-color: $foreground;
        link-style-hover: underline;
        link-color-hover: $foreground;
        link-background-hover: $panel;
    }
    """

    def on_mount(self) -> None:
        """Follow the focus and everything else that changes what keys do."""
        self.screen.bindings_updated_signal.subscribe(self, self._on_bindings)

    def on_unmount(self) -> None:
        """Nobody is looking any more."""
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _on_bindings(self, _screen: Screen[object]) -> None:
        self.refresh()

    def entries(self) -> list[KeyLabel]:
        """What the line shows, if there is room: the screen's commands, what has the focus, the application's."""
        active = self.screen.active_bindings
        shown = {key: entry for key, entry in active.items() if entry.binding.show}
        found: dict[str, KeyLabel] = {}
        for place, command, refusal in available(self.screen):
            keys = [key.strip() for key in command.key.split(",")]
            if isinstance(place, App):
                _add_rest(found, shown)
            # A key that a widget has taken for itself shows what it does there, unless that is not worth saying.
            if command.label and not (keys[0] in shown and shown[keys[0]].binding.action != command.id):
                name = key_name(command.key, ascii_only=in_ascii())
                found.setdefault(command.id, KeyLabel(command.id, name, drawn(_(command.label)), not refusal))
        _add_rest(found, shown)
        return list(found.values())

    def render(self) -> Content:
        """The line for the width there is."""
        pieces: list[tuple[str, str] | str] = []
        for _action, key, label, enabled in fitting(self.entries(), self.size.width):
            look = "" if enabled else " dim"
            pieces += [" ", (key, f"$footer-key-foreground bold{look}"), (f" {label} ", look.strip() or "$foreground")]
        return Content.assemble(*pieces)


def _add_rest(found: dict[str, KeyLabel], shown: dict[str, ActiveBinding]) -> None:
    """Bindings that are no commands: those of the widget that has the focus."""
    for active in shown.values():
        binding = active.binding
        if not isinstance(active.node, Commanded):
            key = binding.key_display or key_name(binding.key, ascii_only=in_ascii())
            label = drawn(_(binding.description))
            found.setdefault(binding.action, KeyLabel(binding.action, key, label, active.enabled))
