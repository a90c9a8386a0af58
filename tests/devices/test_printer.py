"""The words that name a printer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from counter.devices.printer import FilePrinter, NetworkPrinter, NoPrinter, PrinterSpec, parse_printer, transport_for
from counter.devices.transports import FileTransport, NetworkTransport


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("none", NoPrinter()),
        (" NONE ", NoPrinter()),
        ("file:/tmp/tickets.bin", FilePrinter(Path("/tmp/tickets.bin"))),
        ("file:a b:c", FilePrinter(Path("a b:c"))),
        ("FILE:/dev/usb/lp0", FilePrinter(Path("/dev/usb/lp0"))),
        ("file:~/tickets", FilePrinter(Path.home() / "tickets")),
        ("network:192.0.2.7:9100", NetworkPrinter("192.0.2.7", 9100)),
        ("network:printer-2.station.example:65535", NetworkPrinter("printer-2.station.example", 65535)),
        ("network:[::1]:9100", NetworkPrinter("::1", 9100)),
        ("network:[fe80::1%eth0]:9100", NetworkPrinter("fe80::1%eth0", 9100)),
    ],
)
def test_printers_are_named(text: str, spec: PrinterSpec) -> None:
    assert parse_printer(text) == spec
    assert parse_printer(str(spec)) == spec


@pytest.mark.parametrize("text", ["serial:/dev/ttyUSB0", "usb:04b8:0202", "cups:Ticket", "USB:04b8:0202", "usb"])
def test_printers_of_a_later_version_are_recognised_and_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not supported in this version") as caught:
        parse_printer(text)
    assert caught.value.reason == "printer_not_supported"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "lp0",
        "file",
        "file:",
        "file:a\0b",
        "file:~nobody-of-that-name/x",
        "none:x",
        "network",
        "network:",
        "network:host",
        "network:host:",
        "network::9100",
        "network:host:0",
        "network:host:65536",
        "network:host:-1",
        "network:host:9100x",
        "network:host:٩١٠٠",
        "network:ho st:9100",
        "network:host:9100\n9",
        "network:fe80::1:9100",
        "network:[::1]",
        "network:[host]:9100",
        "http://printer:9100",
    ],
)
def test_nonsense_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="names no printer") as caught:
        parse_printer(text)
    assert caught.value.reason == "printer_address"
    assert "network:HOST:PORT" in caught.value.hint


@given(st.text(max_size=60) | st.text(max_size=40).map("network:".__add__) | st.text(max_size=40).map("file:".__add__))
def test_every_text_is_a_printer_or_a_usage_error(text: str) -> None:
    try:
        spec = parse_printer(text)
    except UsageError:
        return
    assert parse_printer(str(spec)) == spec


def test_each_printer_has_its_transport(tmp_path: Path) -> None:
    assert transport_for(NoPrinter()) is None
    assert transport_for(FilePrinter(tmp_path / "x"), reply_timeout=2) == FileTransport(tmp_path / "x", timeout=2)
    network = transport_for(NetworkPrinter("::1", 9100), connect_timeout=1, reply_timeout=2)
    assert network == NetworkTransport("::1", 9100, connect_timeout=1, reply_timeout=2)
    assert network.hears_replies
    assert not list(tmp_path.iterdir()), "nothing is opened before something is sent"
