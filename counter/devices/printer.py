"""Which printer a terminal has: reading ``COUNTER_PRINTER`` and making the transport it names.

What belongs here: the words of a printer's address and nothing about bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from core.errors import UsageError
from counter.devices.transports import FileTransport, NetworkTransport, Transport

_FORMS: Final = "Use file:PATH, network:HOST:PORT or none."
#: Addresses of the published list that this version cannot print to.
_NOT_YET: Final = ("serial", "usb", "cups")
_HOST_AND_PORT: Final = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<name>[\w.-]{1,253})):(?P<port>\d{1,5})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class FilePrinter:
    """Bytes are appended to a file, device or named pipe."""

    path: Path

    def __str__(self) -> str:
        return f"file:{self.path}"


@dataclass(frozen=True, slots=True)
class NetworkPrinter:
    """A raw TCP port. ``host`` is a name or an address, IPv6 without its brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"network:[{self.host}]:{self.port}" if ":" in self.host else f"network:{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class NoPrinter:
    """This terminal prints nothing."""

    def __str__(self) -> str:
        return "none"


PrinterSpec: TypeAlias = FilePrinter | NetworkPrinter | NoPrinter


def parse_printer(text: str) -> PrinterSpec:
    """The printer that ``text`` names: ``file:PATH``, ``network:HOST:PORT`` (IPv6 in brackets) or ``none``.

    Raises UsageError: ``printer_not_supported`` for serial, usb and cups, ``printer_address`` for anything else.
    """
    word, colon, rest = text.strip().partition(":")
    match word.lower():
        case "none" if not colon:
            return NoPrinter()
        case "file" if path := _path(rest):
            return FilePrinter(path)
        case "network" if (found := _HOST_AND_PORT.fullmatch(rest)) and 0 < int(found["port"]) < 65536:
            return NetworkPrinter(found["v6"] or found["name"], int(found["port"]))
        case kind if kind in _NOT_YET:
            raise UsageError(
                f"Printers on {kind}: are not supported in this version.", hint=_FORMS, code="printer_not_supported"
            )
    raise UsageError(f"{text!r} names no printer.", hint=_FORMS, code="printer_address")


def _path(text: str) -> Path | None:
    """The path, with the home folder put in; None when no file can be called that."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:  # ~name of nobody
        return None
    return path if text and "\0" not in text else None


def transport_for(spec: PrinterSpec, *, connect_timeout: float = 3.0, reply_timeout: float = 5.0) -> Transport | None:
    """The way to a printer, or None where nothing is printed. Times are in seconds. Opens nothing yet."""
    match spec:
        case FilePrinter(path):
            return FileTransport(path, timeout=reply_timeout)
        case NetworkPrinter(host, port):
            return NetworkTransport(host, port, connect_timeout, reply_timeout)
        case NoPrinter():
            return None
