"""A counter as a process of its own: sells what it reads from standard input, a sale a line, until it is killed.

Run as ``python seller.py DATABASE_URL KEYS_FOLDER TERMINAL``. Says ``ready``, then answers every line with one line.
A sale with ``"die": "held"`` is killed between the hold and its confirmation, with ``"die": "sold"`` before it tells.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from core import keys, sale, shifts, staff, terminals
from core import office as offices
from core.booking import HoldRequest
from core.errors import CounterError
from core.office import Office
from core.passengers import PassengerInput
from core.payments import Tender


def _die(*_arguments: object, **_options: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _sell(office: Office, actor: Any, task: dict[str, Any]) -> dict[str, Any]:
    request = HoldRequest(**task["request"])
    people = [PassengerInput(name, identity) for name, identity in task["people"]]
    confirm = sale.confirm
    if task.get("die") == "held":
        sale.confirm = _die
    try:
        sold = sale.sell(office, actor, request, people, Tender("cash"), key=UUID(task["key"]))
    except CounterError as error:
        return {"key": task["key"], "refused": error.as_json(), "request": task["request"]}
    finally:
        sale.confirm = confirm
    if task.get("die") == "sold":
        _die()
    return {"key": task["key"], "sold": sold.as_json(), "booking_id": str(sold.booking_id)}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(url: str, folder: str, terminal: str) -> None:
    office = offices.open_office(offices.connect(url), keys.load(Path(folder)))
    here = terminals.register(office, terminal, station="YK")
    actor = staff.sign_in(office, here, "1001", "123456", program="tests").actor
    shifts.open_for_scripts(office, actor)
    _say("ready")
    for line in sys.stdin:
        _say(json.dumps(_sell(office, actor, json.loads(line))))
    office.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
