"""How a call to the payment gateway can end badly. What belongs here: the errors and the one table of endings.

    what happened                              error                 code                      what is known
    ────────────────────────────────────────── ───────────────────── ───────────────────────── ───────────────────────
    no address or server key, or not usable    GatewayNotReady       gateway_not_ready         nothing was sent
    no connection, name or trusted certificate GatewayUnreachable    gateway_unreachable       nothing was done
    rate limit (429)                           GatewayBusy           gateway_busy              nothing was done
    status: timeout, lost, 5xx, unreadable     GatewayUnreachable    gateway_unreachable       nothing was done
    others: timeout, connection lost, 5xx      GatewayOutcomeUnknown gateway_outcome_unknown   ask for the status
    others: not JSON, other content type,      GatewayOutcomeUnknown gateway_outcome_unknown   ask for the status
      redirect, too large, a field missing
    another order, amount or currency answered GatewayMismatch       gateway_mismatch          believe nothing
    key or contract refused (401 402 403 410)  GatewayNotReady       gateway_key_refused       not done
    no such order (404)                        UnknownOrder          gateway_order_unknown     not done
    state does not allow it (412)              CannotBeChanged       gateway_cannot_be_changed ``answer`` is the state
    refund without funds (414)                 GatewayRefused        gateway_no_funds          not done
    any other 4xx; 404 to a charge             GatewayRefused        gateway_refused           not done

``details["cause"]`` narrows the first five: ``timeout``, ``connection``, ``server_error``, ``not_json``,
``content_type``, ``encoding``, ``too_large``, ``incomplete``, ``redirect``, ``rate_limit``, ``contradiction``.

A doubt stays: once a call that moves money got no readable answer, a later attempt that was not sent, or was refused
for another reason than the order itself, ends as GatewayOutcomeUnknown too. A repeated order (406) and success of
expire (407) are no errors. No error carries a request, a header or the server key.
"""

from __future__ import annotations

from core.errors import NotFound, NotReady, OutcomeUnknown, Refused, StateConflict, Unreachable
from core.payments.gateway_answer import Answer

_CAUSES = {
    "timeout": "The payment gateway did not answer in time.",
    "connection": "The connection to the payment gateway failed.",
    "server_error": "The payment gateway has trouble of its own.",
    "rate_limit": "The payment gateway was asked too often.",
    "redirect": "The payment gateway's address leads somewhere else.",
}
_UNREADABLE = "The payment gateway's answer cannot be read."


def sentence(cause: str) -> str:
    """The cause in words."""
    return _CAUSES.get(cause, _UNREADABLE)


class GatewayNotReady(NotReady):
    """Address, server key or contract do not fit."""

    code = "gateway_not_ready"


class GatewayUnreachable(Unreachable):
    """This call changed nothing; trying again is safe."""

    code = "gateway_unreachable"

    @classmethod
    def because(cls, cause: str, order_id: str) -> GatewayUnreachable:
        return cls(
            sentence(cause), hint="Nothing was changed: try again.", details={"cause": cause, "order_id": order_id}
        )


class GatewayBusy(GatewayUnreachable):
    """Asked too often; this call changed nothing."""

    code = "gateway_busy"


class GatewayOutcomeUnknown(OutcomeUnknown):
    """The gateway may or may not have done it. Only its status for the order tells."""

    code = "gateway_outcome_unknown"

    @classmethod
    def because(cls, cause: str, order_id: str) -> GatewayOutcomeUnknown:
        return cls(
            sentence(cause),
            hint="It may have been done all the same: ask for the payment's status before anything else.",
            details={"cause": cause, "order_id": order_id},
        )


class GatewayMismatch(GatewayOutcomeUnknown):
    """A well-formed answer about another order, amount or currency."""

    code = "gateway_mismatch"

    @classmethod
    def between(cls, what: str, order_id: str, asked: object, answered: object) -> GatewayMismatch:
        return cls(
            f"The payment gateway answered about another {what}.",
            hint="Show no code and take no money on this answer; ask for the payment's status again.",
            details={"cause": what, "order_id": order_id, "asked": asked, "answered": answered},
        )


class GatewayRefused(Refused):
    """The gateway said no, and nothing was done."""

    code = "gateway_refused"


class UnknownOrder(NotFound):
    """The gateway has no such order: a charge for it never arrived."""

    code = "gateway_order_unknown"


class CannotBeChanged(StateConflict):
    """The order's state does not allow it; ``answer`` is that state, as asked for right after."""

    code = "gateway_cannot_be_changed"

    def __init__(self, order_id: str, answer: Answer) -> None:
        super().__init__(
            f"The payment is {answer.state} at the gateway and cannot be changed.",
            hint="Go on from that state.",
            details={"order_id": order_id, "state": str(answer.state)},
        )
        self.answer = answer
