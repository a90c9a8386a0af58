"""One declaration for everything a key can do: key, footer label, palette entry, permission and help.

A screen, a dialog or the application declares ``COMMANDS``; its bindings, the footer (``counter.widgets.key_bar``),
the help (``counter.dialogs.help``) and the palette (``counter.palette``) are made from it. The core enforces
permissions again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from textual.binding import Binding
from textual.dom import DOMNode

from counter.i18n import _

if TYPE_CHECKING:
    from core.database import Actor

_KEY_NAMES: Final = {
    "escape": "Esc", "enter": "Enter", "space": "Space", "tab": "Tab", "pageup": "PgUp", "pagedown": "PgDn",
    "up": "↑", "down": "↓", "left": "←", "right": "→", "home": "Home", "end": "End", "delete": "Del",
    "backspace": "Bksp", "insert": "Ins",
}  # fmt: skip
_KEY_NAMES_IN_ASCII: Final = {"up": "Up", "down": "Down", "left": "Left", "right": "Right"}


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person can ask for. Whoever declares it has a method ``action_<id>``.

    ``label``, ``help`` and ``title`` are English and put into words when shown. Without a label it stays out of the
    footer; the palette calls it by its title, else by its label. ``key`` may list several, separated by commas: footer
    and help show the first. Without a key it stands in the palette alone.
    """

    id: str
    key: str
    label: str
    help: str
    permission: str | None = None
    title: str = ""
    in_palette: bool = True
    priority: bool = False

    def binding(self) -> Binding:
        """The same for Textual."""
        return Binding(
            self.key, self.id, self.label, show=bool(self.label), priority=self.priority, tooltip=self.help, id=self.id
        )


# For Textual it must be no node of its own: styles are inherited from the first base that is one.
if TYPE_CHECKING:
    _Node = DOMNode
else:
    _Node = object


class Commanded(_Node):
    """Mixed into screens, dialogs and the application: bindings from ``COMMANDS``, with the reason where one is off."""

    COMMANDS: ClassVar[tuple[Command, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        own: tuple[Command, ...] = cls.__dict__.get("COMMANDS", ())
        if own:
            cls.BINDINGS = [*cls.__dict__.get("BINDINGS", ()), *(command.binding() for command in own if command.key)]
        super().__init_subclass__(**options)

    @classmethod
    def commands(cls) -> Iterator[Command]:
        """What this class and those it builds upon declare, the most special first."""
        seen: set[str] = set()
        for base in cls.__mro__:
            for command in base.__dict__.get("COMMANDS", ()):
                if isinstance(command, Command) and command.id not in seen:
                    seen.add(command.id)
                    yield command

    def command(self, action: str) -> Command | None:
        """The command declared here that an action belongs to."""
        return next((command for command in self.commands() if command.id.partition("(")[0] == action), None)

    def refusal(self, command: Command) -> str:
        """Why a command cannot be used now, in a sentence; empty if it can. To be extended by screens."""
        actor: Actor | None = getattr(self.app, "actor", None)
        if command.permission is None:
            return ""
        if actor is None:
            return _("Sign in first.")
        from core.permissions import allowed

        if allowed(actor, command.permission):
            return ""
        return _("Your role, {role}, does not allow this.", role=_(actor.role))

    def offers(self, command: Command) -> bool:  # noqa: ARG002 - for screens to override
        """Whether a command means anything here and now; one that does not is not shown. To be extended by screens."""
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Textual's question whether a key works: no and hidden, no and greyed, or yes."""
        command = self.command(action)
        if command is None:
            return super().check_action(action, parameters)
        if not self.offers(command):
            return False
        return None if self.refusal(command) else True


class Available(NamedTuple):
    """A command as it stands here and now."""

    node: Commanded
    command: Command
    refusal: str


def available(node: DOMNode) -> Iterator[Available]:
    """Every command that means something on a screen now: its own first, then the application's."""
    for place in (node, node.app):
        if isinstance(place, Commanded):
            for command in place.commands():
                if place.offers(command):
                    yield Available(place, command, place.refusal(command))


def key_name(key: str, *, ascii_only: bool = False) -> str:
    """A key as printed on keyboards: ``F3``, ``Ctrl+G``, ``Esc``."""
    *modifiers, last = key.split(",")[0].split("+")
    plain = _KEY_NAMES_IN_ASCII.get(last) if ascii_only else None
    name = plain or _KEY_NAMES.get(last) or (last.upper() if len(last) > 1 or modifiers else last)
    return "+".join([*(modifier.capitalize() for modifier in modifiers), name])
