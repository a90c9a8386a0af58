"""The terminal application: workstations as modes, who works here, and the way from a screen to the library.

What belongs here: what all workstations share. Nothing of the library is imported before the login screen is painted:
it loads in a thread behind it (``counter.lifeline``), and so do the workstations when they are first switched to.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar, cast

from textual import events, on, work
from textual.actions import ActionParseResult
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.worker import WorkerFailed, get_current_worker

from core.errors import CounterError, DatabaseUnreachable, NotSignedIn, OutcomeUnknown
from counter import training
from counter.asides import ASIDE, ASIDE_COMMANDS, Asides
from counter.attendance import Attendance
from counter.audit_watch import AlertWatch
from counter.commands import Command, Commanded
from counter.drawer import Drawer
from counter.i18n import LANGUAGES, LanguageChanged, _, language, set_language
from counter.lifeline import DatabaseBack, DatabaseLost, Lifeline, Opened, Opening, OpeningFailed
from counter.modes import LOGIN, MODES
from counter.notice_watch import NoticeWatch
from counter.notification_watch import NotificationWatch
from counter.payment_watch import PaymentWatch
from counter.screens.workstation import Workstation
from counter.symbols import in_ascii, use_ascii
from counter.terminal_text import TerminalText
from counter.themes import PLAIN, ThemedApp
from counter.widgets.scan_capture import ScanningApp
from counter.widgets.scan_input import Scanned
from counter.widgets.state_bar import BarState, Light

if TYPE_CHECKING:
    from core.config import Settings
    from core.database import Actor
    from counter.session import Workplace

T = TypeVar("T")

#: Threads for blocking work: a sale, a print job, a map that follows and the lifeline at once, and one to spare.
_THREADS: Final = 5
_CRASHED: Final = 3


class CounterApp(Asides, Commanded, ScanningApp[None], ThemedApp[None]):
    """The application that the bare ``counter`` command starts.

    Args:
        settings: this machine's; read from environment and settings file, behind the login screen, if left out.
    """

    TITLE = "counter"
    MODES = MODES
    DEFAULT_MODE = LOGIN
    COMMANDS: ClassVar[tuple[Command, ...]] = (  # type: ignore[assignment] # see Workstation
        Command("help", "f1", "keys", "List the keys that work here and now.", in_palette=False, priority=True),
        Command(
            "next_workstation", "ctrl+g,f11", "", "Go to the next workstation; what is half done waits here.",
            title="Next workstation",
        ),
        *ASIDE_COMMANDS,
        Command("notices", "ctrl+d", "", "What the house has to say to you.", "read_notices", title="Notices",
                priority=True),
        Command("lock", "ctrl+r", "", "Lock the screen; your PIN opens it again.", title="Lock the screen",
                priority=True),
        Command("sign_off", "f12", "", "Sign off, so that somebody else can work here.", title="Sign off"),
        Command("language", "", "", "English, then Bahasa Indonesia.", title="Change the language"),
        Command("colours", "", "", "Dark, light, then high contrast.", title="Change the colours"),
        Command("command_palette", "ctrl+p", "", "Find anything by name.", in_palette=False),
        Command("quit", "ctrl+q", "", "End the program.", title="Quit"),
    )  # fmt: skip

    bar: reactive[BarState] = reactive(BarState(station="counter", lights=(("db", "unsure"),)))

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self.workplace: Workplace | None = None
        self.attendance = Attendance(self)
        self.drawer = Drawer(self)
        self.payments = PaymentWatch(self)
        self.alerts = AlertWatch(self)
        self.messages = NotificationWatch(self)
        self.notices = NoticeWatch(self)
        self._settings = settings
        self._terminal_text = TerminalText()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="counter")
        self.lifeline = Lifeline(self, settings)
        self.training = False
        if training.asked_for() if settings is None else settings.training:
            self._practise()
        if settings is None:
            # Only what decides how the first paint looks; everything is read, and checked, behind it.
            set_language(os.environ.get("COUNTER_LANGUAGE", ""))
            use_ascii(os.environ.get("COUNTER_ASCII", "").lower() in ("1", "true", "t", "yes", "y", "on"))
        else:
            set_language(settings.language)
            use_ascii(settings.ascii)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Every line of every widget passes these; the last one keeps what a terminal obeys out of it."""
        return [*super().get_line_filters(), self._terminal_text]

    async def on_event(self, event: events.Event) -> None:
        """Keys, clicks and scans show that somebody is here."""
        if isinstance(event, events.InputEvent | events.Paste) and not isinstance(event, events.MouseMove):
            self.attendance.touch()
        await super().on_event(event)

    # Work that blocks

    async def in_background(self, work: Callable[[], T]) -> T:
        """Run something that blocks in a thread. It must not touch widgets; its exceptions come back here."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking library or device work in a thread, and notice whether the database answers.

        Raises:
            CounterError: whatever the work raises.
        """
        try:
            result = await self.in_background(work)
        except (DatabaseUnreachable, OutcomeUnknown):
            self.lifeline.lost()
            raise
        except NotSignedIn as error:
            if error.reason == "session_over":
                self.attendance.look()
            raise
        self.lifeline.answered()
        return result

    # Dialogs and messages

    async def ask(self, dialog: ModalScreen[T]) -> T | None:
        """Open a dialog above the workstation that asks, and wait for its answer; ``None`` for Esc.

        To be awaited in a worker (``@work``) of that workstation: the dialog belongs to its mode and waits there while
        another one is in front.
        """
        return await self.push_screen_wait(dialog, mode=self._mode_of(get_current_worker().node))

    def _mode_of(self, node: DOMNode) -> str:
        for mode, stack in self._screen_stacks.items():
            if any(screen in stack for screen in node.ancestors_with_self):
                return mode
        return self.current_mode

    def workstations(self) -> Iterator[Workstation]:
        """The base screens of all modes that were opened."""
        for stack in list(self._screen_stacks.values()):
            if stack and isinstance(stack[0], Workstation):
                yield stack[0]

    @property
    def workstation(self) -> Workstation:
        """The workstation in front, also when a dialog is above it."""
        return cast(Workstation, self.screen_stack[0])

    def report(self, error: CounterError) -> None:
        """One calm sentence and what to do next, in the message line of the workstation in front."""
        self.workstation.report(error)

    def light(self, name: str, light: Light) -> None:
        """Change a light of the state bar: ``db``, ``printer`` or ``scanner``."""
        self.bar = self.bar.with_light(name, light)

    def on_scanned(self, message: Scanned) -> None:
        """A scan that the dialog in front has no use for is the workstation's below it."""
        if self.screen is not self.workstation:
            self.workstation.post_message(Scanned(message.text, message.source))

    # The workplace

    def on_mount(self) -> None:
        """The clock of the state bar; everything else waits until the login screen can be seen."""
        self.set_interval(1.0, self._tick)
        self.call_after_refresh(self.begin)

    def begin(self) -> None:
        """The login screen is painted: open the workplace behind it."""
        self.run_worker(self.lifeline.keep(), name="lifeline")

    def _practise(self) -> None:
        """From now on, and until the program ends, every screen says that this is training."""
        self.training = True
        self.dress_for_training()
        self.set_reactive(CounterApp.bar, replace(self.bar, mark=training.MARK))

    def _tick(self) -> None:
        if self.workplace is None or (now := self.lifeline.clock.now) is None:
            return
        from core.clock import local

        here = local(now, self.workplace.time_zone).replace(second=0, microsecond=0)
        self.bar = replace(self.bar, now=here)
        self.attendance.check(now)

    def on_opened(self, message: Opened) -> None:
        """The workplace is there: the bar knows where this is."""
        place = self.workplace
        assert place is not None
        if place.settings.training:
            self._practise()
        self.bar = BarState(
            station=place.station_code or "",
            terminal=place.terminal.code,
            lights=(
                ("db", "on"),
                ("printer", "off" if place.printer_kind == "none" else "unsure"),
                ("scanner", "off"),
                ("QRIS", "off"),
            ),
            mark=training.mark_of(place.office.operator),
        )
        if (place.settings.language, place.settings.ascii) != (language(), in_ascii()):
            # The settings file says more than the environment, which was all there was time for.
            use_ascii(place.settings.ascii)
            self.speak(place.settings.language)
        self.note("opened", terminal=place.terminal.code, station=place.station_code, training=self.training)
        self._tick()
        self.payments.begin()
        self.alerts.begin()
        self.messages.begin()
        self.notices.begin()
        self.attendance.begin()
        self.note_audit_head()
        self._pass_on(message)

    @on(Opening)
    @on(OpeningFailed)
    def _for_the_login_screen(self, message: Message) -> None:
        self._pass_on(message)

    def on_database_lost(self, message: DatabaseLost) -> None:
        """Say so in the bar, and tell every workstation."""
        self._database_is("away", message)

    def on_database_back(self, message: DatabaseBack) -> None:
        """Say so in the bar, and tell every workstation."""
        self._database_is("on", message)

    def _database_is(self, light: Light, message: Message) -> None:
        self.light("db", light)
        self.note("database", answers=light == "on")
        self._pass_on(message)

    def _pass_on(self, message: Message) -> None:
        for workstation in self.workstations():
            workstation.post_message(message)

    def note(self, event: str, **values: object) -> None:
        """Write a line of the log, once it is open."""
        if self.workplace is not None:
            from counter import logs

            logs.note(event, **values)

    def note_audit_head(self) -> None:
        """Sign how far this terminal's audit trail goes, in the background: nobody waits for it."""
        if (place := self.workplace) is not None:
            self.run_worker(self.in_background(place.note_own_audit_head), name="audit head", exit_on_error=False)

    # People

    @property
    def actor(self) -> Actor | None:
        """Who works here; ``None`` before sign-in."""
        return self.attendance.actor

    async def sign_in(self, number: str, pin: str) -> None:
        """Check number and PIN, and go to where this person works; see :meth:`Attendance.sign_in`."""
        await self.attendance.sign_in(number, pin)

    async def close_mode(self, mode: str) -> bool:
        """Close a workstation that is not in front, with everything in it; False if it was not open."""
        if mode not in self._screen_stacks:
            return False
        await self.remove_mode(mode)
        return True

    def action_notices(self) -> None:
        """List what is unread; a dialog that asks something first has its answer first."""
        if self.screen is self.workstation:
            self.notices.show()

    # Commands

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key stands for, or say why not; what was said before has been read."""
        node = default_namespace or self
        if isinstance(node, Commanded) and isinstance(action, str):
            command = node.command(action.partition("(")[0])
            if command is not None and node.offers(command):
                if refusal := node.refusal(command):
                    self.workstation.warn(refusal)
                    self.bell()
                    return True
                if isinstance(node, Workstation):
                    node.line.clear()
        return await super().run_action(action, default_namespace, namespaces)

    def offers(self, command: Command) -> bool:
        """Signing off and going elsewhere mean nothing at the login screen, colours nothing without them."""
        if command.id in ("next_workstation", "sign_off", "lock", "notices", *ASIDE):
            return self.current_mode != LOGIN
        return command.id != "colours" or self.theme != PLAIN.name

    def refusal(self, command: Command) -> str:
        """Somebody who may work at one workstation only cannot go to another."""
        if command.id == "next_workstation" and len(self.attendance.modes()) < 2:
            return _("There is no other workstation here for you.")
        return super().refusal(command)

    async def action_next_workstation(self) -> None:
        """Go to the next workstation this person may work at."""
        await self.attendance.next_workstation()

    def action_lock(self) -> None:
        """The login screen in front; everything stays behind it."""
        self.attendance.lock()

    @work
    async def action_sign_off(self) -> None:
        """Go back to the login screen, after asking if something is half done."""
        if self.current_mode != LOGIN and await self._may_leave():
            await self.attendance.sign_off()

    async def action_quit(self) -> None:
        """End the program, after asking if something is half done."""
        self._leave()

    @work(exclusive=True, group="leave")
    async def _leave(self) -> None:
        if await self._may_leave():
            await self.attendance.leave()
            self.exit()

    def action_help_quit(self) -> None:
        """What Ctrl+C does, which people press to leave."""
        self.workstation.say(_("Ctrl+Q ends the program."))

    async def _may_leave(self) -> bool:
        if not any(workstation.has_work for workstation in self.workstations()):
            return True
        from counter.dialogs.question import Question

        sentence = _("Something here is half done and will be lost.")
        answer = await self.ask(Question(sentence, yes=_("leave"), no=_("stay")))
        return answer is True

    def action_help(self) -> None:
        """The keys that work here and now."""
        from counter.dialogs.help import HelpDialog

        if not isinstance(self.screen, HelpDialog):
            self.push_screen(HelpDialog(self.screen))

    def action_command_palette(self) -> None:
        """Everything that can be asked for here, by name."""
        if not self.screen.is_modal:
            from counter.palette import Palette

            self.push_screen(Palette())

    def action_language(self) -> None:
        """The next language, at once."""
        codes = list(LANGUAGES)
        self.speak(codes[(codes.index(language()) + 1) % len(codes)])

    def speak(self, code: str) -> None:
        """Put every screen into a language; what was typed stays."""
        set_language(code)
        self._pass_on(LanguageChanged())

    def action_colours(self) -> None:
        """The next palette, at once."""
        names = [theme.name for theme in self.themes_here if theme is not PLAIN]
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    # The end

    def _handle_exception(self, error: Exception) -> None:
        """An error of the program's own: its places go to the log, one sentence to the terminal, values nowhere."""
        if isinstance(error, WorkerFailed) and isinstance(error.error, Exception):
            error = error.error
        self._return_code = _CRASHED
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
            self.panic(self._crash_sentence(error))

    def _crash_sentence(self, error: Exception) -> str:
        from core.config import home_folder
        from counter import logs

        path = logs.note_crash(error, self._settings.home if self._settings else home_folder())
        sentence = _("The program met an error of its own and had to stop; what was saved is saved.")
        return f"{sentence} {_('Its log is {path}.', path=path) if path else _('The log cannot be written.')}"

    def on_unmount(self) -> None:
        """Leave the database and stop what this program started."""
        self.close()

    def close(self) -> None:
        """Leave the database and stop what this program started; waits for work under way. Safe to call again."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        if self.workplace is not None:
            self.workplace.close()
            self.workplace = None


def run() -> None:
    """Start the application; what the bare ``counter`` command calls. Leaves with status 3 after a crash."""
    app = CounterApp()
    try:
        app.run()
    finally:
        app.close()
    if app.return_code:
        sys.exit(app.return_code)
