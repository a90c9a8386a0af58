"""What can go wrong between a counter and its gateway, and when it does.

Faults are ordered one by one (``FaultPlan.add``) or drawn for a share of all requests from a seed. A draw depends on
the seed, the call, the order and how often that call came for it, never on threads or time, so a run can be repeated.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Each says what the gateway did with the request and what the counter gets to hear."""

    SILENT = "silent"  #: not done, no answer
    LOST = "lost"  #: done, no answer
    ERROR = "error"  #: not done, 500
    ERROR_AFTER = "error-after"  #: done, 500
    ERROR_IN_BODY = "error-in-body"  #: not done, 200 with status_code 500
    RATE_LIMIT = "rate-limit"  #: not done, 429
    REDIRECT = "redirect"  #: not done, 302 to another address
    RESET = "reset"  #: done, the connection breaks in the middle of the answer
    CUT = "cut"  #: done, the connection ends in the middle of the answer
    DRIP = "drip"  #: done, the body comes a byte at a time
    DRIP_HEAD = "drip-head"  #: done, even the status line comes a byte at a time
    LATE = "late"  #: done, answered after a while
    MALFORMED = "malformed"  #: done, half of the JSON
    HTML = "html"  #: done, a page for people
    HUGE = "huge"  #: done, far too much JSON
    PACKED = "packed"  #: done, compressed although nobody asked for it
    TWICE = "twice"  #: the request arrived twice, the second answer is heard
    WRONG_AMOUNT = "wrong-amount"  #: done, the answer is about another amount
    WRONG_ORDER = "wrong-order"  #: done, the answer is about another order
    WRONG_CURRENCY = "wrong-currency"  #: done, the answer is in another currency
    WRONG_STATE = "wrong-state"  #: done, the answer has a state nobody knows
    WRONG_CODE = "wrong-code"  #: done, the code to be shown is damaged
    NO_CODE = "no-code"  #: done, without the code to be shown


@dataclass
class _Ordered:
    fault: Fault
    call: str | None
    order_id: str | None
    times: int


class FaultPlan:
    """Decides about each request. Thread-safe.

    Args:
        rate: the share of requests that get a drawn fault, 0 to 1.
        seed: makes the draws repeatable.
        kinds: what is drawn from; all by default.
    """

    def __init__(self, *, rate: float = 0, seed: int = 0, kinds: Sequence[Fault] = tuple(Fault)) -> None:
        self._rate, self._seed, self._kinds = rate, seed, tuple(kinds)
        self._lock = threading.Lock()
        self._ordered: list[_Ordered] = []
        self._asked: Counter[tuple[str, str]] = Counter()

    def add(self, fault: Fault, call: str | None = None, *, order_id: str | None = None, times: int = 1) -> None:
        """Let the next requests fail: all, or those of one call (charge, status, cancel, expire, refund) or order."""
        with self._lock:
            self._ordered.append(_Ordered(fault, call, order_id, times))

    def clear(self) -> None:
        """Nothing goes wrong from now on."""
        with self._lock:
            self._ordered.clear()
            self._rate = 0

    def next(self, call: str, order_id: str) -> Fault | None:
        """The fault for this request, if any; ordered ones first."""
        with self._lock:
            for ordered in self._ordered:
                if ordered.call in (None, call) and ordered.order_id in (None, order_id):
                    ordered.times -= 1
                    if ordered.times <= 0:
                        self._ordered.remove(ordered)
                    return ordered.fault
            number = self._asked[call, order_id]
            self._asked[call, order_id] += 1
        draw = random.Random(f"{self._seed}/{call}/{order_id}/{number}")
        return draw.choice(self._kinds) if draw.random() < self._rate else None
