"""The gate: one scan, one answer that fills the screen.

What belongs here: scans waiting for their answer, in order, and what is shown around it. A scan keeps its nonce until
it is decided: asked again after the database was away, it is the same scan and gets the same answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import ClassVar, Final
from uuid import UUID

from textual import work
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Static
from uuid_utils.compat import uuid7

from core import boarding
from core.boarding import Departure, Tally
from core.checkin import Answer, Gate, Outcome, check_in
from core.errors import CounterError, Unreachable
from counter.commands import Command
from counter.dialogs.departures import DepartureDialog
from counter.i18n import LanguageChanged, _, clock_time, reworded, sentences_of
from counter.lifeline import DatabaseBack
from counter.screens import gate_faces
from counter.screens.workstation import Workstation
from counter.symbols import cut, drawn, symbols
from counter.widgets.answer_board import AnswerBoard
from counter.widgets.scan_input import ScanInput, Scanned

#: Seconds between two looks at how many have boarded, and before a busy database is asked again.
_RECOUNT: Final = 5.0
_BUSY: Final = 1.0
#: Seconds after which the answer before must not stand there any more while the next one is on its way.
_SLOW: Final = 0.3
#: Answers remembered for the line at the bottom.
_REMEMBERED: Final = 8


@dataclass(slots=True)
class Scan:
    """A scan that waits for its answer, and the gate as it was set when it came."""

    nonce: UUID
    code: str
    gate: Gate
    at: datetime | None
    asked: bool = False


class GateScreen(Workstation):
    """Scans in, answers out."""

    CSS_PATH = "gate.tcss"
    AUTO_FOCUS = "#scan"
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command(
            "choose_train", "f2", "train", "Board one train only, or any.", permission="check_in",
            title="Choose the train to board",
        ),
        Command(
            "judge_again", "f5", "ask again", "Ask again about the scans that are not decided.",
            title="Ask again about waiting scans",
        ),
        Command("back", "escape", "clear", "Clear what was typed and the last answer.", in_palette=False),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._scans: deque[Scan] = deque()
        self._judging = False
        self._departure: Departure | None = None
        self._tally: Tally | None = None
        self._boarded = self._refused = 0
        self._answers: deque[tuple[Answer, Gate]] = deque(maxlen=_REMEMBERED)

    @property
    def has_work(self) -> bool:
        """Whether scans wait for an answer."""
        return bool(self._scans)

    def offers(self, command: Command) -> bool:
        """Asking again means something only while a scan waits."""
        return command.id != "judge_again" or any(scan.asked for scan in self._scans)

    @property
    def gate(self) -> Gate:
        """Where scans happen, and for which train."""
        place, departure = self.counter.workplace, self._departure
        station = (place.station_code if place else None) or ""
        return Gate(station, departure.train.number, departure.day) if departure else Gate(station)

    def compose_work(self) -> Iterable[Widget]:
        """What is boarded, the field, the answer, the last scans."""
        with Horizontal(id="boarding"):
            yield Static(id="train", markup=False)
            yield Static(id="tally", markup=False)
        with Horizontal(id="entry"):
            yield Static(f"{symbols().prompt} ", id="prompt", markup=False)
            yield ScanInput(id="scan")
        yield AnswerBoard()
        yield Static(id="last", markup=False)

    def on_mount(self) -> None:
        """Say where this is, and begin to count."""
        self._show()
        self.set_interval(_RECOUNT, self._recount)

    # Scans

    def on_scanned(self, message: Scanned) -> None:
        """Judge a scan after those before it; scanned again while it is not decided, it is the same scan."""
        if message.source in ("wedge", "paste"):
            self.counter.light("scanner", "on")
        self.line.clear()
        undecided = any(scan.asked and scan.code == message.text for scan in self._scans)
        if not undecided:
            self._scans.append(Scan(uuid7(), message.text, self.gate, self.counter.lifeline.clock.now))
        self._judge()

    def on_database_back(self, _message: DatabaseBack) -> None:
        """Scans that waited get their answer now."""
        self._judge()

    def action_judge_again(self) -> None:
        """Ask again about what waits."""
        self.counter.lifeline.nudge()
        self._judge()

    @work
    async def _judge(self) -> None:
        if self._judging:
            return
        self._judging = True
        try:
            while self._scans and await self._judge_one(self._scans[0]):
                self._scans.popleft()
        finally:
            self._judging = False
            self.refresh_bindings()
        self._recount()

    async def _judge_one(self, scan: Scan) -> bool:
        """Get a scan its answer; False if it must be asked again."""
        place, actor = self.counter.workplace, self.counter.actor
        assert place is not None, "this screen opens after the workplace"
        assert actor is not None, "and after signing in"
        # The first time now is the database's; later, the moment at which the passenger stood here.
        ask = partial(check_in, place.office, actor, scan.code, scan.gate, at=scan.at if scan.asked else None)
        scan.asked = True
        slow = self.set_timer(_SLOW, self._show_checking)
        try:
            answer = await self.counter.in_thread(partial(ask, nonce=scan.nonce))
        except Unreachable as error:
            self._postpone(error)
            return False
        except CounterError as error:
            self._refused += 1
            self._show_boarding()
            self.board.face = gate_faces.failed(*sentences_of(error))
            self.app.bell()
            return True
        finally:
            slow.stop()
        self._take(answer, scan.gate)
        return True

    def _postpone(self, error: Unreachable) -> None:
        self.board.face = gate_faces.undecided(reworded(error.message), len(self._scans))
        self.refresh_bindings()
        self.app.bell()
        if not self.counter.lifeline.away:
            self.set_timer(_BUSY, self._judge)

    def _show_checking(self) -> None:
        self.board.face = gate_faces.checking()

    def _take(self, answer: Answer, gate: Gate) -> None:
        self._answers.appendleft((answer, gate))
        if answer.outcome is Outcome.OK:
            self._boarded += 1
        else:
            self._refused += 1
            self.app.bell()
        self._show()

    # The train

    @work(exclusive=True, group="train")
    async def action_choose_train(self) -> None:
        """Board one train only, or any."""
        chosen = await self.counter.ask(DepartureDialog(self.gate.station))
        if chosen is None:
            return
        self._departure = chosen.departure
        self._tally = None
        self._show()
        self._recount()

    @work(exclusive=True, group="tally")
    async def _recount(self) -> None:
        departure, place = self._departure, self.counter.workplace
        if departure is None or place is None or self.counter.lifeline.away:
            return
        try:
            self._tally = await self.counter.in_thread(partial(boarding.tally, place.office, departure))
        except CounterError:
            return  # the light says it; the count is only a help
        self._show_boarding()

    # What is seen

    @property
    def board(self) -> AnswerBoard:
        """The answer."""
        return self.query_one(AnswerBoard)

    def _show(self) -> None:
        self._show_boarding()
        self.board.face = gate_faces.face_of(*self._answers[0]) if self._answers else gate_faces.idle(self.gate.station)
        self.query_one("#last", Static).update(self._last_scans())

    def _show_boarding(self) -> None:
        departure, tally = self._departure, self._tally
        if departure is None:
            train = _("GATE {station} · any train", station=self.gate.station)
        else:
            name = f"{departure.train.number} {departure.train.name} {clock_time(departure.departs_at)}"
            train = _("GATE {station} · boarding {train}", station=self.gate.station, train=name)
        if tally is None:
            counts = _("{yes} boarded · {no} refused", yes=self._boarded, no=self._refused)
        else:
            through = f"{tally.boarded} / {tally.expected}"
            counts = _("{yes} boarded · {no} refused", yes=through, no=self._refused)
        self.query_one("#train", Static).update(drawn(train))
        self.query_one("#tally", Static).update(drawn(counts))

    def _last_scans(self) -> str:
        if not self._answers:
            return ""
        pieces = [_piece(answer) for answer, _gate in self._answers]
        return drawn(cut(f"{_('last')}: " + "  ".join(pieces), self.size.width - 2))

    def action_back(self) -> None:
        """First what was typed, then the answer."""
        field = self.query_one(ScanInput)
        self.line.clear()
        if field.value:
            field.clear()
        elif not self._scans:
            self.board.face = gate_faces.idle(self.gate.station)

    def on_language_changed(self, _message: LanguageChanged) -> None:
        """The answer as well."""
        self._show()


def _piece(answer: Answer) -> str:
    """One scan of the bottom line: ``✔ 5C SITI`` or ``✘ USED``."""
    if answer.outcome is not Outcome.OK:
        return f"{symbols().no} {gate_faces.word_of(answer.outcome)}"
    seat = answer.seat.number if answer.seat else ""
    first_name = (answer.passenger_name or "").split(" ")[0][:12]
    return " ".join(part for part in (symbols().yes, seat, first_name) if part)
