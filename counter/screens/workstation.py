"""What every workstation has in common: state bar, work, message line and keys, from top to bottom.

What belongs here: the base class of the screens in this folder, and nothing that only one of them needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget

from core.errors import CounterError, DatabaseUnreachable
from counter.commands import Command, Commanded
from counter.i18n import LanguageChanged, _, sentences_of
from counter.widgets.key_bar import KeyBar
from counter.widgets.message_line import MessageLine
from counter.widgets.scan_input import Scanned
from counter.widgets.state_bar import BarState, StateBar

if TYPE_CHECKING:
    from counter.app import CounterApp


class Workstation(Commanded, Screen[None]):
    """A screen that people work at. Subclasses say what stands in the middle with :meth:`compose_work`."""

    DEFAULT_CSS = """
    Workstation {
        layout: vertical;
        #work { height: 1fr; }
    }
    """
    # Textual calls its lists of palette providers COMMANDS as well; our palette does not ask for them.
    COMMANDS: ClassVar[tuple[Command, ...]] = ()  # type: ignore[assignment]

    @property
    def counter(self) -> CounterApp:
        """The application, by its own type."""
        return cast("CounterApp", self.app)

    @property
    def has_work(self) -> bool:
        """Whether signing off now would throw away something half done."""
        return False

    @property
    def keeps_awake(self) -> bool:
        """Whether locking the screen now would hide or lose a payment."""
        return False

    def compose_work(self) -> Iterable[Widget]:
        """What stands between the state bar and the message line, from top to bottom in a container ``#work``."""
        return ()

    def compose(self) -> ComposeResult:
        """The frame around the work."""
        yield StateBar()
        with Vertical(id="work"):
            yield from self.compose_work()
        yield MessageLine()
        yield KeyBar()

    def on_mount(self) -> None:
        """Follow what the application knows about database, printer and people."""
        self.watch(self.app, "bar", self._show_state)

    def _show_state(self, state: BarState) -> None:
        self.query_one(StateBar).state = state

    @property
    def line(self) -> MessageLine:
        """The message line of this workstation."""
        return self.query_one(MessageLine)

    def say(self, sentence: str) -> None:
        """Something was done; the sentence stands until the next one."""
        self.line.show(sentence)

    def warn(self, sentence: str, hint: str = "") -> None:
        """Something to watch."""
        self.line.show(sentence, kind="warning", hint=hint)

    def report(self, error: CounterError) -> None:
        """One calm sentence about what went wrong, and what to do next."""
        sentence, hint = sentences_of(error)
        if isinstance(error, DatabaseUnreachable) and self.counter.workplace is not None:
            hint = _("What was typed is kept.")  # what to do next is said when it is back
        self.line.show(sentence, kind="error", hint=hint)

    def on_scanned(self, message: Scanned) -> None:
        """Scans end here, whether this workstation has a use for them or not."""
        message.stop()

    def on_language_changed(self, _message: LanguageChanged) -> None:
        """Everything in words again; what was typed stays. Screens with words of their own have a handler as well."""
        for widget in self.query(Widget):
            widget.refresh(layout=True)
        self.refresh_bindings()
