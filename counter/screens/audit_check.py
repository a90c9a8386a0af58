"""The check of the audit chains: how far it is, and at the end a plain verdict.

What belongs here: the dialog. What is proven and how stands in ``core.audit.proof``.
"""

from __future__ import annotations

from functools import partial
from threading import Event
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import ProgressBar, Static

from core.audit.proof import Proof
from core.errors import CounterError
from core.money import grouped
from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.i18n import _, counted, sentences_of
from counter.screens.audit_desk import AuditDesk
from counter.screens.audit_view import plain
from counter.symbols import drawn, symbols
from counter.widgets.key_bar import KeyBar

_EVERY: Final = 0.2


class _Stopped(Exception):
    """Nobody waits for the answer any more."""


class ChainCheck(Dialog[Proof]):
    """Proves one chain or all in a thread; Esc ends it at any time.

    Args:
        terminal: the code of a terminal, or None for all chains.
    """

    CSS_PATH = "audit.tcss"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("back", "escape,enter", "close", "Close this; a check under way ends.", in_palette=False),
        Command("scroll(1)", "down", "", "Scroll down by a line.", in_palette=False),
        Command("scroll(-1)", "up", "", "Scroll up by a line.", in_palette=False),
    )

    def __init__(self, desk: AuditDesk, terminal: str | None) -> None:
        super().__init__()
        self._desk, self._terminal = desk, terminal
        self._progress = (0, 0)
        self._stop = Event()
        self.proof: Proof | None = None

    def compose(self) -> ComposeResult:
        """What is checked, how far it is, what came of it."""
        one = _("The chain of terminal {terminal}", terminal=plain(self._terminal or ""))
        with Vertical(id="box"):
            yield Static(drawn(one if self._terminal else _("All chains of the audit trail")), id="title", markup=False)
            yield Static(_("One moment…"), id="so-far", markup=False)
            yield ProgressBar(show_eta=False, show_percentage=False, id="bar")
            with VerticalScroll(can_focus=False):
                yield Static("", id="problems", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin."""
        self.set_interval(_EVERY, self._show_progress)
        self.run_worker(self._check(), name="chain check")

    def on_unmount(self) -> None:
        """Nobody waits any more."""
        self._stop.set()

    def _told(self, done: int, total: int) -> None:
        """Called in the thread."""
        if self._stop.is_set():
            raise _Stopped
        self._progress = (done, total)

    async def _check(self) -> None:
        try:
            self.proof = await self.counter.in_thread(partial(self._desk.prove, self._terminal, self._told))
        except _Stopped:
            return
        except CounterError as error:
            self._conclude(symbols().no, " ".join(filter(None, sentences_of(error))))
            return
        self._conclude(*verdict(self.proof))
        self.query_one("#problems", Static).update("\n".join(drawn(plain(one)) for one in self.proof.problems))

    def _conclude(self, symbol: str, sentence: str) -> None:
        self.query_one("#bar").display = False
        self.query_one("#so-far", Static).update(drawn(f"{symbol} {sentence}"))

    def _show_progress(self) -> None:
        done, total = self._progress
        if self.proof is None and total:
            self.query_one(ProgressBar).update(total=total, progress=done)
            sentence = _("{done} of {total} rows", done=grouped(done), total=grouped(total))
            self.query_one("#so-far", Static).update(drawn(sentence))

    def action_scroll(self, lines: int) -> None:
        """Scroll what is wrong."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_back(self) -> None:
        """Close, with what was found."""
        self.dismiss(self.proof)


def verdict(proof: Proof) -> tuple[str, str]:
    """A symbol and a sentence."""
    rows = grouped(proof.checked)
    if not proof.problems:
        return symbols().yes, _("Nothing was changed: {rows} rows fit together.", rows=rows)
    found = counted("{n} thing is wrong in {rows} rows:", "{n} things are wrong in {rows} rows:", len(proof.problems),
                    rows=rows)  # fmt: skip
    return symbols().no, found
