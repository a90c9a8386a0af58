"""Database addresses: reading a ``postgresql://…`` URL, and what every connection made from it is told.

What belongs here: nothing that needs a server. A wrong address is wrong usage and said before anything is tried; one
that is right and leads nowhere shows when connecting.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from core import database_trust
from core.errors import UsageError

_DRIVER: Final = "postgresql+psycopg"
#: How a peer that went away without a word is noticed, by PostgreSQL's parameters of these names: a silent connection
#: is probed after 5 s and given up 11 s after it fell silent, one with unanswered data 10 s after those were sent.
#: The system's own limits are two hours and a quarter of one.
_WATCH: Final = {
    "keepalives": 1,
    "keepalives_idle": 5,  # seconds
    "keepalives_interval": 2,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}


def read(url: str) -> URL:
    """The address that ``url`` is, for SQLAlchemy with psycopg.

    Raises:
        UsageError: it is none, or has parts that cannot be (code ``database_address``).
    """
    try:
        url.encode()  # bytes that were no text are half characters here
        address = make_url(url)
        if address.get_backend_name() != "postgresql":
            raise ValueError("not a postgresql:// address")
        address = address.set(drivername=_DRIVER)
        _require_possible(address)
    except (ValueError, SQLAlchemyError, psycopg.ProgrammingError):
        # no cause: what the libraries say quotes the address, and with it a password
        raise UsageError(
            "The database address is not usable.",
            hint="COUNTER_DATABASE_URL looks like postgresql://counter@host:5432/name.",
            code="database_address",
        ) from None
    return address


def connect_arguments(address: URL, *, connect_timeout: int = 5) -> dict[str, Any]:
    """What to tell the driver besides the address, whose own parameters win.

    A server on another machine has to prove who it is unless the address, its service or the environment says
    otherwise (``core.database_trust``).

    Args:
        connect_timeout: seconds to wait for the server to answer.
    """
    wanted = {"connect_timeout": connect_timeout, "application_name": "counter"}
    if _leads_over_a_network(address):
        wanted |= _WATCH
    unsaid = {name: value for name, value in wanted.items() if name not in address.query}
    return unsaid | database_trust.required(_parameters(address))


def _parameters(address: URL) -> dict[str, Any]:
    """The parameters the driver makes of it."""
    return dict(address.get_dialect()().create_connect_args(address)[1])


def _require_possible(address: URL) -> None:
    """
    Raises:
        ValueError: a port, a host or a time that cannot be.
        psycopg.ProgrammingError: a parameter libpq does not have.
    """
    parameters = _parameters(address)
    if "\0" in make_conninfo("", **parameters):
        raise ValueError("the rest would not be read")
    float(parameters.get("connect_timeout", 0))
    ports = [] if address.port is None else [str(address.port)]
    for port in [*ports, *str(parameters.get("port", "")).split(",")]:
        if port and not 0 < int(port) < 65536:
            raise ValueError("no port")
    for host in _network_hosts(str(parameters.get("host") or "").split(",")):
        host.encode("idna")  # as looking it up will


def _leads_over_a_network(address: URL) -> bool:
    return bool(_network_hosts(database_trust.known_hosts(_parameters(address))))


def _network_hosts(hosts: Iterable[str]) -> list[str]:
    """Those of the hosts that are reached by TCP."""
    return [host for host in hosts if not database_trust.is_socket(host)]
