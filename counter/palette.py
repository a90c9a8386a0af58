"""The palette: everything that can be asked for here and now, found by name.

What belongs here: Textual's command palette filled with our commands (``counter.commands``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial

from textual.command import CommandPalette, DiscoveryHit, Hit, Provider

from counter.commands import Available, Command, Commanded, available, key_name
from counter.i18n import _
from counter.symbols import in_ascii


class CommandFinder(Provider):
    """The commands of the screen in front and of the application that can be used now."""

    def _entries(self) -> Iterator[Available]:
        return (entry for entry in available(self.screen) if entry.command.in_palette and not entry.refusal)

    async def discover(self) -> AsyncIterator[DiscoveryHit]:
        """All of them, before anything is typed."""
        for node, command, _refusal in self._entries():
            yield DiscoveryHit(_title(command), partial(self._run, node, command), help=_(command.help))

    async def search(self, query: str) -> AsyncIterator[Hit]:
        """Those whose title fits what is typed."""
        matcher = self.matcher(query)
        for node, command, _refusal in self._entries():
            title = _title(command)
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), partial(self._run, node, command), help=_(command.help))

    async def _run(self, node: Commanded, command: Command) -> None:
        await self.app.run_action(command.id, default_namespace=node)


class Palette(CommandPalette):
    """Textual's palette with these commands; its magnifying glass is two cells wide on some terminals and left out."""

    DEFAULT_CSS = """
    Palette SearchIcon { display: none; }
    """

    def __init__(self) -> None:
        super().__init__([CommandFinder], placeholder=_("What do you want to do?"))


def _title(command: Command) -> str:
    name = _(command.title or command.label)
    key = f" ({key_name(command.key, ascii_only=in_ascii())})" if command.key else ""
    return f"{name[:1].upper()}{name[1:]}{key}"
