"""What every dialog has in common: Esc answers ``None``, and an answer closes this dialog and no other.

What belongs here: the base class. Questions have files of their own beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, ScreenResultType

from counter.commands import Command, Commanded
from counter.symbols import in_ascii

if TYPE_CHECKING:
    from counter.app import CounterApp


class Dialog(Commanded, ModalScreen[ScreenResultType | None]):
    """A question above a workstation, in a container ``#box``. Open it with ``CounterApp.ask``.

    It may answer while another workstation is in front, when something it waited for has happened: then it closes as
    soon as its own comes back, since Textual closes whatever is on top of the mode in front.
    """

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: $background 60%;
        & > #box { border: round $accent; background: $panel; }
        &.-ascii > #box { border: ascii $accent; }
    }
    """
    COMMANDS: ClassVar[tuple[Command, ...]] = (  # type: ignore[assignment]
        Command("back", "escape", "back", "Close this without an answer.", in_palette=False),
    )

    def __init__(self) -> None:
        super().__init__()
        self.set_class(in_ascii(), "-ascii")
        self._answered = False
        self._waiting: tuple[ScreenResultType | None] | None = None

    @property
    def counter(self) -> CounterApp:
        """The application, by its own type."""
        return cast("CounterApp", self.app)

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Answer and close; later answers are ignored."""
        if self._answered:
            return AwaitComplete()
        if not self.is_current:
            self._waiting = self._waiting or (result,)
            return AwaitComplete()
        self._answered = True
        return super().dismiss(result)

    def on_screen_resume(self, _event: events.ScreenResume) -> None:
        """This workstation is in front again: give the answer that waited for it."""
        if self._waiting is not None:
            self.call_later(self._give, self._waiting[0])

    def _give(self, answer: ScreenResultType | None) -> None:
        self.dismiss(answer)  # whose end must not be waited for from in here

    def action_back(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
