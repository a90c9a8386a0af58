"""The simulated gateway for a user: shows what happens and takes orders line by line.

What belongs here: words typed and words shown.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from core.payments.gateway_settings import TRIAL_KEY
from counter.cli import output
from counter.simulator.faults import Fault, FaultPlan
from counter.simulator.server import GatewaySimulator, play
from counter.simulator.transactions import CannotHappen, Orders, Terms

_HELP: Final = """\
settle [ORDER]      the customer pays            late [ORDER]        pays although it has expired
deny [ORDER]        the bank says no             expire [ORDER]      its time is over
chargeback [ORDER]  the bank takes it back       auto SECONDS|off    pay every order by itself
list                all orders                   quit                end
fault KIND [CALL] [TIMES]   the next calls go wrong; CALL is charge, status, cancel, expire or refund
                            KIND is {kinds}
ORDER is the id or its end; without one the newest order is meant."""

_EVENTS: Final = {
    "settle": "settle", "late": "settle-late", "deny": "deny", "expire": "expire", "chargeback": "chargeback",
}  # fmt: skip
_CALLS: Final = ("charge", "status", "cancel", "expire", "refund")
_TICK_SECONDS: Final = 0.5


class Console:
    """Understands one line at a time. ``say`` shows a line."""

    def __init__(self, simulator: GatewaySimulator, say: Callable[[str], None]) -> None:
        self._simulator, self._say = simulator, say

    def obey(self, line: str) -> bool:
        """Do what the line says; False when it says to end."""
        words = line.split()
        if not words:
            return True
        verb, rest = words[0].lower(), words[1:]
        if verb in ("quit", "exit", "q"):
            return False
        try:
            self._do(verb, rest)
        except (CannotHappen, ValueError, OverflowError) as error:
            self._say(f"That cannot be: {error}.")
        return True

    def _do(self, verb: str, rest: list[str]) -> None:
        if verb in _EVENTS:
            play(self._simulator.orders, _EVENTS[verb], self._order(rest))
        elif verb == "auto":
            self._automatic(rest)
        elif verb == "fault":
            self._fault(rest)
        elif verb == "list":
            for order in self._simulator.orders.all():
                self._say(order.line())
        else:
            self._say(_HELP.format(kinds=", ".join(Fault)))

    def _order(self, rest: list[str]) -> str:
        orders = self._simulator.orders.all()
        if not orders:
            raise CannotHappen("there is no order yet")
        if not rest:
            return orders[-1].order_id
        found = [order.order_id for order in orders if order.order_id.endswith(rest[0])]
        if len(found) != 1 and rest[0] not in found:
            raise CannotHappen(f"{len(found)} orders end with {rest[0]}")
        return rest[0] if rest[0] in found else found[0]

    def _automatic(self, rest: list[str]) -> None:
        orders = self._simulator.orders
        after = None if rest == ["off"] else timedelta(seconds=float(rest[0] if rest else "nothing"))
        orders.terms = replace(orders.terms, settle_after=after)
        self._say("Every order waits to be paid." if after is None else f"Every order is paid after {rest[0]} s.")

    def _fault(self, rest: list[str]) -> None:
        fault = Fault(rest[0] if rest else "nothing")
        call = rest[1] if len(rest) > 1 else None
        if call is not None and call not in _CALLS:
            raise ValueError(f"{call} is no call")
        times = int(rest[2]) if len(rest) > 2 else 1
        self._simulator.faults.add(fault, call, times=times)
        self._say(f"{fault}: the next {times} {call or 'calls'}.")


def _say(text: str) -> None:
    """Lines for people; an order's id is whatever a client made up."""
    for line in text.splitlines():
        output.say(line)


def run_simulator(
    port: int,
    *,
    server_key: str = TRIAL_KEY,
    settle_after: float | None = None,
    file: Path | None = None,
    fault_rate: float = 0,
    seed: int = 0,
    lines: Iterable[str] | None = None,
    say: Callable[[str], None] = _say,
) -> None:
    """Run a gateway on loopback until told to quit or interrupted; without a keyboard it just runs.

    Args:
        port: to listen on; 0 takes a free one.
        server_key: what counters must know.
        settle_after: seconds after which orders are paid by themselves.
        file: keeps the orders across restarts.
        fault_rate: share of requests that go wrong, 0 to 1, drawn from ``seed``.
        seed: of the faults.
        lines: what is typed; standard input by default.
        say: shows a line.

    Raises:
        OSError: the port is taken, or the file cannot be read.
        ValueError: the file holds no orders.
    """
    terms = Terms(settle_after=None if settle_after is None else timedelta(seconds=settle_after))
    orders = Orders(terms, file=file, on_event=say)
    plan = FaultPlan(rate=fault_rate, seed=seed)
    with GatewaySimulator(orders, plan, port=port, server_key=server_key, on_request=say) as simulator:
        say(f"The simulated gateway listens on {simulator.url} only. For the counter:")
        say(f"  export COUNTER_GATEWAY_URL={simulator.url} COUNTER_GATEWAY_SERVER_KEY={server_key}")
        say("Type help for what you can do.")
        ticker = threading.Thread(target=_tick, args=(simulator,), daemon=True)
        ticker.start()
        try:
            _listen(Console(simulator, say), sys.stdin if lines is None else lines, simulator)
        except KeyboardInterrupt:
            say("Interrupted.")


def _listen(console: Console, lines: Iterable[str], simulator: GatewaySimulator) -> None:
    for line in lines:
        if not console.obey(line):
            return
    simulator.closing.wait()  # nobody at the keyboard: run until interrupted


def _tick(simulator: GatewaySimulator) -> None:
    """Orders expire and automatic customers pay even while nobody asks."""
    while not simulator.closing.wait(_TICK_SECONDS):
        simulator.orders.let_time_pass()
