"""A workplace: settings, database, terminal and printer of this machine, opened together.

The app and every command start here. On the embedded server the first start prepares the demonstration railway, and
each start extends its schedules; an operator's database is left to its owner.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from sqlalchemy import func, select

from core import audit, holds, keys, staff, terminals
from core import office as offices
from core.clock import local
from core.config import Settings
from core.database import Actor, Transaction, translate
from core.errors import CounterError, DatabaseUnreachable, NotReady, NotSignedIn, UsageError
from core.models import Schedule
from core.models.roles import COUNTER_ROLE, GATE_ROLE, SUPERVISOR_ROLE
from core.network import StationInfo
from core.office import Office
from core.ops import prepare
from core.staff import SignIn, Standing
from core.terminals import TerminalInfo
from counter.devices.drawer import DrawerPort, parse_drawer
from counter.devices.printer import NoPrinter, PrinterSpec, parse_printer
from counter.logs import note

if TYPE_CHECKING:
    from core.ops.embedded import EmbeddedServer

#: Days the embedded server's demonstration is kept on sale.
DEMONSTRATION_DAYS: Final = 90
#: Where a terminal of the demonstration stands unless it is told otherwise.
DEMONSTRATION_STATION: Final = "YK"

#: (what is being done, done, total); total 0 where nobody can tell.
Report = Callable[[str, int, int], None]


@dataclass
class Workplace:
    """Everything opened; close it when the work is done."""

    settings: Settings
    office: Office
    terminal: TerminalInfo
    printer: PrinterSpec
    server: EmbeddedServer | None
    #: Where this terminal stands, as last read: screens look at it without asking the database.
    station: StationInfo | None = None
    drawer: DrawerPort | None = None
    #: Who runs a command; signed off with it.
    scripted: Actor | None = None

    @property
    def station_code(self) -> str | None:
        """The code of the station this terminal stands at."""
        return self.station.code if self.station else None

    @property
    def printer_kind(self) -> str:
        """What print jobs are queued for; ``none`` queues nothing."""
        return "none" if isinstance(self.printer, NoPrinter) else str(self.printer)

    def sign_in(self, staff_number: str, pin: str, *, program: str, interactive: bool = False) -> SignIn:
        return staff.sign_in(self.office, self.terminal, staff_number, pin, program=program, interactive=interactive)

    def attend(self, signed_in: SignIn, *, at_work: bool) -> Standing:
        """How a session stands, and when an idle screen locks; see ``core.staff.attend``."""
        return staff.attend(self.office, signed_in, at_work=at_work)

    def unlock(self, signed_in: SignIn, pin: str) -> bool:
        """Prove the PIN again behind a locked screen; False if the session is over."""
        return staff.unlock(self.office, self.terminal, signed_in, pin)

    def signed_off_at(self, signed_in: SignIn) -> list[str]:
        """Where this sign-in has signed off the same person."""
        return staff.signed_off_at(self.office, signed_in)

    def sign_off(self, actor: Actor, why: str) -> None:
        """End a session."""
        staff.sign_off(self.office, actor, why)

    def change_pin(self, staff_number: str, old: str, new: str) -> None:
        """Change one's own PIN."""
        staff.change_pin(self.office, self.terminal, staff_number, old, new)

    def scripted_actor(self, program: str) -> Actor:
        """Who runs a command that needs somebody: ``COUNTER_STAFF`` with ``COUNTER_PIN`` or ``COUNTER_PIN_FILE``.

        Raises:
            NotSignedIn: nobody is named, or the PIN does not fit.
        """
        pin = self.settings.read_pin()
        if self.settings.staff is None or pin is None:
            raise NotSignedIn(
                "This command needs somebody.", hint="Set COUNTER_STAFF, and COUNTER_PIN or COUNTER_PIN_FILE."
            )
        self.scripted = self.sign_in(self.settings.staff, pin, program=program).actor
        return self.scripted

    @property
    def time_zone(self) -> str:
        """The zone whose clock hangs where this terminal stands; the operator's where that is not known."""
        return self.station.time_zone if self.station else self.office.operator.time_zone

    def locate(self) -> None:
        """Look up where this terminal stands."""
        self.station = self.office.network().stations.get(self.terminal.station_id or 0)

    def reconnect(self) -> datetime:
        """Ask the database what time it is; an embedded server that was killed is started again first.

        Raises:
            DatabaseUnreachable: it does not answer.
            NotReady: the embedded server cannot be started any more.
        """
        try:
            return self._now()
        except DatabaseUnreachable:
            if self.server is None:
                raise
            from core.ops import embedded

            server = embedded.start(self.settings.home)
            if server != self.server:
                url, logins = _embedded_url(self.settings, server), _embedded_logins(self.settings, server)
                office = _open_office(self.settings, url, logins)
                self.office.close()
                self.office, self.server = office, server
            return self._now()

    def look_after(self) -> datetime:
        """``reconnect``, look where this is, and give back holds out of time where nobody searches or sells."""
        now = self.reconnect()
        self.locate()
        holds.sweep(self.office.database)
        return now

    def note_audit_head(self, actor: Actor) -> None:
        """Sign how far this terminal's audit trail goes and keep it outside the database too.

        Nothing waits for it and nothing fails with it: the next one covers what this one missed.
        """
        try:
            audit.checkpoint(self.office, actor, self.settings.audit_heads_file, terminal_id=self.terminal.id)
        except CounterError as error:
            note("no_audit_checkpoint", code=error.reason)

    def note_own_audit_head(self) -> None:
        """The same for whoever is here or not: as this terminal."""
        self.note_audit_head(Actor(terminal_id=self.terminal.id))

    def _now(self) -> datetime:
        return self.office.database.transaction(lambda tx: tx.now)

    def close(self) -> None:
        if self.scripted is not None:
            with suppress(CounterError):  # a session that cannot be ended now runs out
                staff.sign_off(self.office, self.scripted, "command ended")
        self.office.close()
        if self.server is not None:
            self.server.release()


def owner_url(settings: Settings, report: Report, *, of_any_kind: bool = False) -> str:
    """The owner's address of the database: of the operator's server, else of the embedded one, started if need be.

    Args:
        of_any_kind: it is about to be made one of training, or not.

    Raises:
        NotReady: it is a database of training and this program works for real, or the other way round.
    """
    url = settings.owner_database_url or settings.database_url
    if not url:
        server = _embedded(settings, report)
        _provision(settings, server)
        url = server.url(user=prepare.OWNER_ROLE, database=database_name(settings))
    if not of_any_kind:
        prepare.require_kind(url, in_training=settings.training)
    return url


def database_name(settings: Settings) -> str:
    """The embedded server's database: that of real sales, or that of training."""
    return prepare.TRAINING_DATABASE_NAME if settings.training else prepare.DATABASE_NAME


def open_workplace(settings: Settings, report: Report) -> Workplace:
    """Open this machine's workplace.

    Raises:
        NotReady: the database, the keys or a setting do not fit.
        DatabaseUnreachable: no answer.
        UsageError: COUNTER_PRINTER names no printer.
    """
    printer = parse_printer(settings.printer)
    drawer = parse_drawer(settings.drawer, settings.drawer_pulse)
    if settings.training:
        drawer = None  # there is real money in it
    if settings.printer_profile:
        from counter.devices.escpos_ticket import paper_for

        paper_for(settings.paper_width, settings.printer_profile)  # a wrong name is said now, not after a sale
    if settings.database_url:
        server, office = None, _open_office(settings, settings.database_url, _own_logins(settings))
    else:
        server = _embedded(settings, report)
        office = _open_or_prepare(settings, server, report)
    try:
        place = Workplace(settings, office, _terminal(settings, office), printer, server, drawer=drawer)
        place.locate()
    except BaseException:
        office.close()
        if server is not None:
            server.release()
        raise
    return place


def _embedded(settings: Settings, report: Report) -> EmbeddedServer:
    from core.ops import embedded

    return embedded.start(settings.home, report=lambda sentence: report(sentence, 0, 0))


def _provision(settings: Settings, server: EmbeddedServer) -> None:
    """The one thing the embedded server's superuser is needed for: roles and an empty database, on the first start."""
    try:
        prepare.provision(server.url(user="postgres", database="postgres"), database_name(settings))
    except psycopg.Error as error:
        raise translate(error) from error


def _embedded_url(settings: Settings, server: EmbeddedServer) -> str:
    return server.url(user=COUNTER_ROLE, database=database_name(settings))


def _embedded_logins(settings: Settings, server: EmbeddedServer) -> dict[str, str]:
    """One machine for everybody: each kind of staff works with a login of its own."""
    return {role: server.url(user=role, database=database_name(settings)) for role in (SUPERVISOR_ROLE, GATE_ROLE)}


def _own_logins(settings: Settings) -> dict[str, str]:
    """What this terminal was given beside its own login."""
    named = {SUPERVISOR_ROLE: settings.supervisor_database_url, GATE_ROLE: settings.gate_database_url}
    return {role: url for role, url in named.items() if url}


def _open_office(settings: Settings, url: str, logins: Mapping[str, str]) -> Office:
    database = offices.connect(url, pooled=settings.database_pooled, logins=logins)
    try:
        offices.require_kind(database, in_training=settings.training)
        return offices.open_office(database, keys.load(settings.keys_folder), in_training=settings.training)
    except BaseException:
        database.close()
        raise


def _open_or_prepare(settings: Settings, server: EmbeddedServer, report: Report) -> Office:
    """The embedded server's office: prepared on its first start, upgraded and extended on later ones."""
    owner = server.url(user=prepare.OWNER_ROLE, database=database_name(settings))
    url, logins = _embedded_url(settings, server), _embedded_logins(settings, server)
    try:
        with suppress(NotReady, DatabaseUnreachable):  # no schema yet, or not even the database and its roles
            office = _open_office(settings, url, logins)
            if not _reaches(office, DEMONSTRATION_DAYS):
                prepare.extend(owner, DEMONSTRATION_DAYS, report=report)
            return office
        _provision(settings, server)
        prepare.prepare(
            owner, settings.keys_folder, with_demo=True, days=DEMONSTRATION_DAYS, training=settings.training,
            report=report,
        )  # fmt: skip
        return _open_office(settings, url, logins)
    except BaseException:
        server.release()
        raise


def _reaches(office: Office, days: int) -> bool:
    """Whether schedules are on sale for so many days from today."""

    def look(tx: Transaction) -> bool:
        last = tx.query(select(func.max(Schedule.departure_date)).where(Schedule.operator_id == tx.operator_id))
        today = local(tx.now, office.operator.time_zone).date()
        end = last.scalar()
        return end is not None and end >= today + timedelta(days=days)

    return office.database.transaction(look)


def _terminal(settings: Settings, office: Office) -> TerminalInfo:
    code = settings.terminal or _own_code(settings.home)
    terminal = terminals.register(office, code, station=settings.station)
    if terminal.station_id is None and office.operator.is_demonstration:
        terminal = terminals.register(office, code, station=DEMONSTRATION_STATION)
    return terminal


def _own_code(home: Path) -> str:
    """This terminal's code, made on its first start: the machine's name and four random characters."""
    path = home / "terminal"
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise NotReady(f"{path} cannot be read.", hint="Check its permissions.") from error
    name = "".join(letter for letter in socket.gethostname().split(".")[0] if letter.isalnum())[:12] or "terminal"
    code = f"{name}-{secrets.token_hex(2)}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(code + "\n")
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip() or code
    except OSError as error:
        raise UsageError(
            f"{home} cannot be written.", code="home_not_usable", hint="Set COUNTER_HOME to a folder of your own."
        ) from error
    return code
