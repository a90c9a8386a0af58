"""From the lines of a ticket to the ESC/POS bytes that print it, by way of python-escpos.

What belongs here: profiles of the printer database, code pages, the native or drawn QR symbol, and the request for a
process id at the end. How the bytes get to a printer is ``transports``'s business.

Every ticket is built with a fresh ``Dummy``: the library's encoder remembers the code page it last chose, the printer
forgets it at ESC @, and a second ticket from the same object would begin in the wrong one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from core.errors import UsageError
from counter.devices.escpos_library import PROFILES, QR_LEVEL_M, Dummy, Encoder, Profile
from counter.devices.print_text import width_of
from counter.devices.printer_dialogue import process_id_request
from counter.devices.ticket_layout import PAPER_58, PAPER_80, QR, Cut, Feed, Line, Paper, Rule, Text

#: Code pages whose slots hardly differ between makers. The database knows sixty; a letter printed from a slot that a
#: clone fills with something else is worse than one without its accent.
_CODE_PAGES: Final = ("CP437", "CP850", "CP1252", "CP852", "CP858")
_DOTS_PER_COLUMN: Final = 12
_DEFAULT_PROFILES: Final = {80: "default", 58: "POS-5890"}


def profile_names() -> tuple[str, ...]:
    """The printers of the database that can print a ticket's symbol, for settings and their error messages."""
    return tuple(name for name, data in PROFILES.items() if _prints_symbols(data))


def _prints_symbols(data: Mapping[str, Any]) -> bool:
    features = data["features"]
    return bool(features.get("qrCode") or features.get("bitImageRaster"))


def paper_for(millimetres: int, profile: str = "") -> Paper:
    """The paper of a printer: 80 or 58 mm wide, columns and dots as the named profile has them.

    Without a profile 48 columns in 576 dots, or 32 in 384. Raises UsageError for a width or profile that is unknown.
    """
    default = {80: PAPER_80, 58: PAPER_58}.get(millimetres)
    if default is None:
        raise UsageError(f"No ticket paper is {millimetres} mm wide.", hint="Use 80 or 58.", code="paper_width")
    if profile in ("", "default"):
        return default
    data = _profile_data(profile)
    columns = data["fonts"]["0"]["columns"]
    dots = data.get("media", {}).get("width", {}).get("pixels")
    if not isinstance(dots, int):
        dots = columns * _DOTS_PER_COLUMN
    # Some entries give the dots of a character where the columns of a line belong.
    return Paper(millimetres, columns if columns >= PAPER_58.columns else dots // _DOTS_PER_COLUMN, dots)


def escpos_bytes(lines: Iterable[Line], paper: Paper, *, profile: str = "", process_id: str | None = None) -> bytes:
    """The bytes that print ``lines`` on ``paper``.

    ``profile`` names an entry of the printer database (empty: the usual one for that width). A printer without a
    knife, by its profile, only feeds; one without native QR gets the symbol drawn. With ``process_id`` (four printable
    ASCII characters) the printer is asked to say it back once everything before it is printed.
    Text that no code page has loses its accents or becomes "?", as wide as it was; nothing in it raises.
    Raises UsageError for an unknown profile, ValueError for a process id of another form.
    """
    known = _profile(profile or _DEFAULT_PROFILES[paper.millimetres], paper)
    encoder = Encoder(known.get_code_pages())
    printer = Dummy(profile=known, magic_encode_args={"encoder": encoder})
    printer.hw("INIT")
    for line in lines:
        _write(printer, encoder, line, paper)
    if process_id is not None:
        printer._raw(process_id_request(process_id))
    return bytes(printer.output)


def _write(printer: Any, encoder: Any, line: Line, paper: Paper) -> None:
    match line:
        case Text():
            plain = not (line.double_width or line.double_height)
            printer.set(
                align=line.align,
                bold=line.bold,
                normal_textsize=plain,
                double_width=line.double_width,
                double_height=line.double_height,
            )
            printer.textln(_encodable(line.line, encoder))
        case Rule():
            printer.set(align="left", bold=False, normal_textsize=True)
            printer.textln("-" * paper.columns)
        case QR():
            printer.set(align="center")
            _write_symbol(printer, line)
        case Feed():
            printer.print_and_feed(line.lines)
        case Cut():
            printer.cut()


def _write_symbol(printer: Any, symbol: QR) -> None:
    native = bool(printer.profile.supports("qrCode"))
    printer.qr(symbol.data, ec=QR_LEVEL_M, size=symbol.module, native=native)


def _encodable(text: str, encoder: Any) -> str:
    """``text`` with every character that no code page has replaced by one or two that all have, width unchanged."""
    return "".join(c if _has(encoder, c) else _replacement(c) for c in text)


def _has(encoder: Any, character: str) -> bool:
    if character.isascii():
        return character.isprintable()  # a control character in a line built elsewhere stops here
    return encoder.find_suitable_encoding(character) is not None


def _replacement(character: str) -> str:
    width = width_of(character)
    base = "".join(c for c in unicodedata.normalize("NFKD", character) if c.isascii() and c.isprintable())
    return base if len(base) == width else "?" * width


def _profile_data(name: str) -> dict[str, Any]:
    if name not in profile_names():
        raise UsageError(
            f"No profile of a ticket printer is called {name!r}.",
            hint=f"Known: {', '.join(profile_names())}.",
            code="printer_profile",
        )
    return PROFILES[name]


@lru_cache(maxsize=8)
def _profile(name: str, paper: Paper) -> Any:
    """The profile of the database, narrowed to the roll in the printer and to the code pages that can be trusted."""
    data = _profile_data(name)
    slots: dict[str, str] = {}
    for slot, page in sorted(data["codePages"].items(), key=lambda item: int(item[0])):
        if page in _CODE_PAGES:
            slots.setdefault(page, slot)
    profile = Profile(columns=paper.columns, features=data["features"])
    profile.profile_data = {
        **data,
        "media": {"width": {"mm": paper.millimetres, "pixels": paper.dots}},
        "codePages": {slot: page for page, slot in slots.items()},
    }
    return profile
