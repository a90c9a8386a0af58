"""A program of its own for ``test_scan_terminal``: one field, real terminal driver; writes what it was told.

Usage: python scan_desk.py FIELD RESULT, with FIELD ``scan`` or ``input``. F10 ends it and writes RESULT as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from textual.app import ComposeResult
from textual.widgets import Input, Static

from counter.widgets.scan_capture import ScanningApp
from counter.widgets.scan_input import ScanInput, Scanned


class ScanDesk(ScanningApp[None]):
    """Shows how many scans it got, so that the other end of the terminal can wait for them."""

    def __init__(self, field: str, result: Path) -> None:
        super().__init__()
        self.field_class = ScanInput if field == "scan" else Input
        self.result = result
        self.scans: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.field_class()
        yield Static("READY")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_scanned(self, message: Scanned) -> None:
        self.scans.append(message.text)
        self.query_one(Static).update(f"SCANS={len(self.scans)};")

    def on_input_changed(self, message: Input.Changed) -> None:
        if not self.scans:
            self.query_one(Static).update(f"TYPED={message.value};")

    def key_f10(self) -> None:
        self.result.write_text(json.dumps({"scans": self.scans, "field": self.query_one(Input).value}))
        self.exit()


if __name__ == "__main__":
    ScanDesk(sys.argv[1], Path(sys.argv[2])).run()
