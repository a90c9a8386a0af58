"""Words at a fixed place: drawn again only when they change, and never the reason for a new layout.

What belongs here: the one widget that the parts of the sell screen say things with. Typing stays quick because a key
that changes one word redraws one word.
"""

from __future__ import annotations

from rich.table import Table
from textual.content import Content
from textual.widgets import Static


class Words(Static):
    """Text whose size the stylesheet decides; one line unless it says otherwise."""

    DEFAULT_CSS = "Words { height: 1; }"

    def say(self, what: Content | Table) -> None:
        """Show this from now on."""
        before = self.content
        if not (isinstance(before, Content) and isinstance(what, Content) and what.is_same(before)):
            self.update(what, layout=False)
