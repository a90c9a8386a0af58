"""What a supervisor sees of a request: for a refund the line that decides, for anything else its facts as they are.

What belongs here: words for requests. Pure; nothing here decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.approvals import Approval
from core.clock import local
from core.money import grouped
from core.refunds import KIND
from counter.i18n import _, clock_time, day_in_words


def what_it_is(asked: Approval) -> str:
    """One line for the list: which booking and how much of it, or the reason."""
    facts = asked.details
    if asked.kind != KIND:
        return asked.reason
    part = _("{n} of {of}", n=len(facts["tickets"]), of=facts["of"])
    return f"{facts['booking']}  {part}  KA {facts['train']}  {asked.reason}"


def shown_amount(asked: Approval) -> str:
    """With its sign where money goes out."""
    if asked.amount is None:
        return ""
    return grouped(-asked.amount if asked.kind == KIND else asked.amount)


def facts(asked: Approval, zone: str) -> str:
    """The facts of the marked request, a thing to each part of the line."""
    if asked.kind == KIND:
        return " · ".join(_refund(asked.details, asked.now, zone))
    said = [f"{_(str(name).replace('_', ' '))} {_fact(value)}" for name, value in asked.details.items() if value]
    return " · ".join(said)


def _refund(said: Mapping[str, Any], now: datetime, zone: str) -> list[str]:
    """As on the paper a supervisor would be shown: what was paid and how, what is kept and why, until when."""
    paid = ", ".join(f"{_(one['method'])} {_moment(one['at'], now, zone)}" for one in said["paid_by"])
    terms: Mapping[str, Any] = next(iter(said["terms"].values()), {})
    parts = [
        _("{n} of {of} seats: paid {amount} {how}", n=len(said["tickets"]), of=said["of"],
          amount=grouped(said["paid"]), how=paid),
    ]  # fmt: skip
    if said["fault"]:
        parts.append(_("fault: {fault}, nothing is kept", fault=_(said["fault"].replace("_", " "))))
    else:
        fee = grouped(said["fee"])
        parts.append(_("fee {percent} % {amount}", percent=terms.get("cancel_fee_percent", "?"), amount=fee))
    parts.append(_("until {time}", time=_moment(said["until"], now, zone)))
    back = ", ".join(f"{grouped(one['amount'])} {_(one['method'])}" for one in said["parts"])
    if back:
        parts.append(_("back {how}", how=back))
    if said.get("over_quota"):
        parts.append(_("over quota: {quota}", quota=said["over_quota"]))
    return parts


def _moment(written: str, now: datetime, zone: str) -> str:
    """A moment by the operator's clock, with its day where that is not today."""
    at = local(datetime.fromisoformat(written), zone)
    today = local(now, zone).date()
    return clock_time(at) if at.date() == today else f"{day_in_words(at.date())} {clock_time(at)}"


def _fact(value: object) -> str:
    return grouped(value) if isinstance(value, int) else str(value)
