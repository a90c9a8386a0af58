"""Terminals: each counter and gate has a code of its own, made on its first start, and a station it stands at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from core.database import Statement, Transaction
from core.errors import Refused
from core.models import Terminal
from core.office import Office

_FIND: Final = Statement(
    select(Terminal.id, Terminal.terminal_code, Terminal.station_id, Terminal.is_active).where(
        Terminal.operator_id == bindparam("operator_id"), Terminal.terminal_code == bindparam("terminal_code")
    )
)
_ADD: Final = Statement(
    insert(Terminal)
    .values({name: bindparam(name) for name in ("operator_id", "terminal_code", "station_id")})
    .on_conflict_do_nothing()
    .returning(Terminal.id)
)
_MOVE: Final = Statement(
    update(Terminal)
    .where(Terminal.operator_id == bindparam("operator_id"), Terminal.id == bindparam("terminal"))
    .values(station_id=bindparam("station_id"), updated_at=func.now())
)


@dataclass(frozen=True, slots=True)
class TerminalInfo:
    id: int
    code: str
    station_id: int | None


def register(office: Office, code: str, *, station: str | None = None) -> TerminalInfo:
    """This terminal's row, made on its first start; ``station`` moves it there.

    Raises:
        NotFound: an unknown station.
        Refused: the terminal was taken out of service (code ``terminal_inactive``).
    """
    station_id = office.network().station(station).id if station else None

    def find(tx: Transaction) -> TerminalInfo:
        row = tx.send(_FIND, terminal_code=code).first()
        if row is None:
            made = tx.send(_ADD, terminal_code=code, station_id=station_id).scalar()
            if made is not None:
                tx.audit("create", "terminals", made, new={"terminal_code": code})
            row = tx.send(_FIND, terminal_code=code).first()
            assert row is not None, "either we or somebody else has just made it"
        if not row.is_active:
            raise Refused(
                f"The terminal {code} is out of service.", code="terminal_inactive", hint="Ask an administrator."
            )
        if station_id is not None and row.station_id != station_id:
            tx.send(_MOVE, terminal=row.id, station_id=station_id)
            tx.audit("update", "terminals", row.id, old={"station_id": row.station_id}, new={"station_id": station_id})
            return TerminalInfo(row.id, row.terminal_code, station_id)
        return TerminalInfo(row.id, row.terminal_code, row.station_id)

    return office.database.transaction(find)
