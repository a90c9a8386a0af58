"""A receipt printer in software: reads ESC/POS bytes as a printer would and draws what comes out of the slot.

Written from the published command set (Epson's ESC/POS command reference), not from the library that makes the bytes.
It is stricter than a printer: a byte or command it does not know, a line wider than the paper and a symbol that does
not fit raise ``NotEscPos``, where a printer would print rubbish or drop it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import qrcode
from PIL import Image, ImageDraw, ImageFont

ESC, GS, DLE = 0x1B, 0x1D, 0x10
CELL_WIDTH, CELL_HEIGHT, LINE_SPACING = 12, 24, 30
#: ESC t n: the page that stands in slot n (Epson's numbering, kept by most makers).
CODE_PAGES = {0: "cp437", 2: "cp850", 3: "cp860", 4: "cp863", 5: "cp865", 16: "cp1252", 18: "cp852", 19: "cp858"}
QR_LEVELS = {
    48: qrcode.constants.ERROR_CORRECT_L,
    49: qrcode.constants.ERROR_CORRECT_M,
    50: qrcode.constants.ERROR_CORRECT_Q,
    51: qrcode.constants.ERROR_CORRECT_H,
}


class NotEscPos(Exception):
    """The bytes are no document that this printer prints."""


@dataclass(frozen=True)
class PrintedText:
    """One printed line; width and height are multiples of font A."""

    text: str
    bold: bool
    width: int
    height: int
    align: int


@dataclass(frozen=True)
class PrintedSymbol:
    """One printed QR symbol. ``left`` and ``size`` are dots; a drawn one has no data of its own."""

    data: str
    module: int
    level: int
    model: int
    left: int
    size: int


@dataclass
class Printout:
    """What lies on the counter afterwards. ``strips`` are the pieces of paper between cuts, the last one uncut."""

    dots: int
    texts: list[PrintedText] = field(default_factory=list)
    symbols: list[PrintedSymbol] = field(default_factory=list)
    strips: list[Image.Image] = field(default_factory=list)
    cuts: int = 0
    process_ids: list[str] = field(default_factory=list)
    status_requests: int = 0

    @property
    def lines(self) -> list[str]:
        return [printed.text for printed in self.texts]

    @property
    def paper(self) -> Image.Image:
        """All strips below each other."""
        whole = Image.new("L", (self.dots, max(1, sum(strip.height for strip in self.strips))), 255)
        top = 0
        for strip in self.strips:
            whole.paste(strip, (0, top))
            top += strip.height
        return whole


def interpret(document: bytes, dots: int) -> Printout:
    """Print ``document`` on paper ``dots`` wide. Raises NotEscPos."""
    return _Printer(dots).run(document)


class _Printer:
    def __init__(self, dots: int) -> None:
        self.out = Printout(dots)
        self.font = ImageFont.load_default(size=17)
        self.images: list[Image.Image] = []
        self.data: Iterator[int] = iter(b"")
        self.reset()
        self.commands: dict[tuple[int, int], Callable[[], None]] = {
            (ESC, ord("@")): self.reset,
            (ESC, ord("!")): self.print_mode,
            (ESC, ord("E")): self.emphasis,
            (ESC, ord("a")): self.justify,
            (ESC, ord("d")): self.feed_lines,
            (ESC, ord("t")): self.code_page,
            (GS, ord("!")): self.character_size,
            (GS, ord("V")): self.cut,
            (GS, ord("r")): self.transmit_status,
            (GS, ord("v")): self.raster,
            (GS, ord("(")): self.extended,
        }

    def reset(self) -> None:
        self.bold, self.width, self.height, self.align, self.page = False, 1, 1, 0, 0
        self.buffer: list[tuple[str, int, int]] = []
        self.qr_model, self.qr_module, self.qr_level, self.qr_data = 50, 3, 48, b""

    def run(self, document: bytes) -> Printout:
        self.data = iter(document)
        for byte in self.data:
            if byte == 0x0A:
                self.line_feed()
            elif byte in (ESC, GS):
                self.command(byte)
            elif byte == DLE:
                self.real_time()
            elif byte >= 0x20 and byte != 0x7F:
                self.character(byte)
            else:
                raise NotEscPos(f"control byte {byte:#04x}")
        if self.buffer:
            raise NotEscPos("text left in the line buffer")
        self.tear_off()
        return self.out

    def next(self) -> int:
        try:
            return next(self.data)
        except StopIteration:
            raise NotEscPos("the document ends inside a command") from None

    def word(self) -> int:
        return self.next() + 256 * self.next()

    def one_of(self, *allowed: int) -> int:
        value = self.next()
        if value not in allowed:
            raise NotEscPos(f"parameter {value}, allowed {allowed}")
        return value

    def command(self, first: int) -> None:
        second = self.next()
        if (first, second) not in self.commands:
            raise NotEscPos(f"unknown command {first:#04x} {second:#04x}")
        self.commands[first, second]()

    def real_time(self) -> None:
        self.one_of(0x04)
        self.one_of(1, 2, 3, 4)
        self.out.status_requests += 1

    # Text

    def character(self, byte: int) -> None:
        try:
            self.buffer.append((bytes([byte]).decode(CODE_PAGES[self.page]), self.width, self.height))
        except UnicodeDecodeError:
            raise NotEscPos(f"byte {byte:#04x} is no character of {CODE_PAGES[self.page]}") from None
        if sum(width for _, width, _ in self.buffer) * CELL_WIDTH > self.out.dots:
            raise NotEscPos(f"the line is wider than {self.out.dots} dots: {self.buffered()!r}")

    def buffered(self) -> str:
        return "".join(character for character, _, _ in self.buffer)

    def line_feed(self) -> None:
        height = max((height for _, _, height in self.buffer), default=1)
        strip = Image.new("L", (self.out.dots, max(LINE_SPACING, height * CELL_HEIGHT)), 255)
        if self.buffer:
            left = self.left(sum(width for _, width, _ in self.buffer) * CELL_WIDTH)
            for character, width, height_of_one in self.buffer:
                cell = Image.new("L", (CELL_WIDTH, CELL_HEIGHT), 255)
                ImageDraw.Draw(cell).text((0, 0), character, fill=0, font=self.font)
                strip.paste(cell.resize((CELL_WIDTH * width, CELL_HEIGHT * height_of_one)), (left, 0))
                left += CELL_WIDTH * width
            _, width, height = self.buffer[0]
            self.out.texts.append(PrintedText(self.buffered(), self.bold, width, height, self.align))
        self.buffer = []
        self.images.append(strip)

    def left(self, width: int) -> int:
        return (self.out.dots - width) * self.align // 2

    def print_mode(self) -> None:
        mode = self.next()
        if mode & 0x47:
            raise NotEscPos(f"ESC ! {mode:#04x} asks for another font or an undefined bit")
        self.bold, self.height, self.width = bool(mode & 0x08), 1 + (mode >> 4 & 1), 1 + (mode >> 5 & 1)

    def character_size(self) -> None:
        size = self.next()
        if size & 0x88:
            raise NotEscPos(f"GS ! {size:#04x}")
        self.width, self.height = 1 + (size >> 4), 1 + (size & 7)

    def emphasis(self) -> None:
        self.bold = bool(self.next() & 1)

    def justify(self) -> None:
        if self.buffer:
            raise NotEscPos("ESC a in the middle of a line is ignored")
        self.align = self.one_of(0, 1, 2, 48, 49, 50) % 48

    def code_page(self) -> None:
        self.page = self.one_of(*CODE_PAGES)

    def feed_lines(self) -> None:
        lines = self.next()
        if self.buffer:
            self.line_feed()
        self.images.append(Image.new("L", (self.out.dots, max(1, lines * LINE_SPACING)), 255))

    # Paper

    def cut(self) -> None:
        if self.one_of(0, 1, 48, 49, 65, 66) in (65, 66):
            self.next()
        if self.buffer:
            raise NotEscPos("a cut is ignored in the middle of a line")
        self.out.cuts += 1
        self.tear_off()

    def tear_off(self) -> None:
        strip = Image.new("L", (self.out.dots, max(1, sum(image.height for image in self.images))), 255)
        top = 0
        for image in self.images:
            strip.paste(image, (0, top))
            top += image.height
        self.out.strips.append(strip)
        self.images = []

    def transmit_status(self) -> None:
        self.one_of(1, 2, 49, 50)
        self.out.status_requests += 1

    # Pictures

    def raster(self) -> None:
        self.one_of(48)
        mode = self.one_of(0, 1, 2, 3, 48, 49, 50, 51) % 48
        width_bytes, height = self.word(), self.word()
        data = bytes(self.next() for _ in range(width_bytes * height))
        picture = Image.frombytes("1", (width_bytes * 8, height), bytes(byte ^ 0xFF for byte in data))
        self.place(picture.resize((picture.width * (1 + mode % 2), picture.height * (1 + mode // 2))))

    def place(self, picture: Image.Image) -> int:
        if self.buffer:
            raise NotEscPos("a picture in the middle of a line")
        if picture.width > self.out.dots:
            raise NotEscPos(f"a picture of {picture.width} dots on {self.out.dots}")
        strip = Image.new("L", (self.out.dots, picture.height), 255)
        left = self.left(picture.width)
        strip.paste(picture.convert("L"), (left, 0))
        self.images.append(strip)
        return left

    def extended(self) -> None:
        function, length = self.next(), self.word()
        parameters = bytes(self.next() for _ in range(length))
        if function == ord("k") and parameters[:1] == b"1":
            self.qr_code(parameters[1], parameters[2:])
        elif function == ord("H") and parameters[:2] == b"00" and length == 6:
            identifier = parameters[2:]
            if not all(0x20 <= byte <= 0x7E for byte in identifier):
                raise NotEscPos(f"process id {identifier!r}")
            self.out.process_ids.append(identifier.decode("ascii"))
        else:
            raise NotEscPos(f"unknown function GS ( {chr(function)} {parameters[:2]!r}")

    def qr_code(self, function: int, parameters: bytes) -> None:
        if function == 65 and len(parameters) == 2 and parameters[0] in (49, 50) and parameters[1] == 0:
            self.qr_model = parameters[0]
        elif function == 67 and len(parameters) == 1 and 1 <= parameters[0] <= 16:
            self.qr_module = parameters[0]
        elif function == 69 and len(parameters) == 1 and parameters[0] in QR_LEVELS:
            self.qr_level = parameters[0]
        elif function == 80 and parameters[:1] == b"0" and len(parameters) > 1:
            self.qr_data = parameters[1:]
        elif function == 81 and parameters == b"0":
            self.print_qr_code()
        else:
            raise NotEscPos(f"GS ( k function {function} with {parameters!r}")

    def print_qr_code(self) -> None:
        if not self.qr_data:
            raise NotEscPos("no data is stored for a QR code")
        code = qrcode.QRCode(error_correction=QR_LEVELS[self.qr_level], box_size=self.qr_module, border=0)
        code.add_data(self.qr_data)
        picture = code.make_image().get_image()
        left = self.place(picture)
        self.out.symbols.append(
            PrintedSymbol(
                self.qr_data.decode("ascii"), self.qr_module, self.qr_level, self.qr_model, left, picture.width
            )
        )
