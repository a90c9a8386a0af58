"""A counter in a process of its own that takes one QRIS payment and is killed at a given moment.

Run as ``python payer.py DATABASE_URL KEYS GATEWAY_URL SERVER_KEY TERMINAL BOOKING_ID NAME;NIK MOMENT``. Moments:

    written    our row is committed, the gateway has not been asked
    charged    the gateway has the charge, its answer was not heard
    answered   the answer is in our books, the code would be shown now
    settled    the gateway has said that it is paid, our books do not know yet
    confirmed  the sale is in our books, nobody was told

Says ``shown`` once there is a code, so that the test can let the customer pay.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from core import keys, staff, terminals
from core import office as offices
from core.passengers import PassengerInput
from core.payments import awaited
from core.payments.gateway import Gateway
from core.payments.gateway_answer import TransactionState
from core.payments.gateway_settings import GatewayAccess
from core.payments.qris_sale import QrisDesk


def die(*_arguments: object, **_options: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, folder: str, gateway: str, key: str, terminal: str, booking: str, person: str, moment: str) -> None:
    office = offices.open_office(offices.connect(url), keys.load(Path(folder)))
    here = terminals.register(office, terminal, station="YK")
    actor = staff.sign_in(office, here, "1001", "123456", program="tests").actor
    access = GatewayAccess(url=gateway, server_key=SecretStr(key))
    desk = QrisDesk(office, actor, access, Gateway(access))
    carry_out = awaited.carry_out

    def carried(*arguments: Any) -> Any:
        if moment == "charged" or (moment == "settled" and arguments[3].state is TransactionState.SETTLEMENT):
            die()
        return carry_out(*arguments)

    awaited.carry_out = carried
    if moment == "written":
        Gateway.charge = die  # type: ignore[method-assign]
    name, _, identity = person.partition(";")
    shown = desk.show(UUID(booking), [PassengerInput(name, identity)], printer="file")
    if moment == "answered":
        die()
    sys.stdout.write("shown\n")
    sys.stdout.flush()
    sys.stdin.readline()
    desk.ask(shown.awaited)
    die()


if __name__ == "__main__":
    main(*sys.argv[1:])
