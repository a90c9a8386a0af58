"""Who may do what. Services ask here; the screens ask here too, to show what is not allowed before it is tried."""

from __future__ import annotations

from typing import Final

from core.database import Actor
from core.errors import NotPermitted, NotSignedIn

#: permission -> roles that have it
PERMISSIONS: Final[dict[str, frozenset[str]]] = {
    "sell": frozenset({"clerk", "supervisor", "admin"}),
    "show": frozenset({"clerk", "gate", "supervisor", "admin"}),
    "reprint": frozenset({"clerk", "supervisor", "admin"}),
    "look_into_payments": frozenset({"clerk", "supervisor", "admin"}),
    "resolve_payments": frozenset({"supervisor", "admin"}),
    "approve": frozenset({"supervisor", "admin"}),
    "manage_shifts": frozenset({"supervisor", "admin"}),
    "check_in": frozenset({"clerk", "gate", "supervisor", "admin"}),
    "register_entitlements": frozenset({"clerk", "supervisor", "admin"}),
    "revoke_entitlements": frozenset({"supervisor", "admin"}),
    "manage_promotions": frozenset({"supervisor", "admin"}),
    "manage_staff": frozenset({"supervisor", "admin"}),
    "sign_off_others": frozenset({"supervisor", "admin"}),
    "look_into_audit": frozenset({"supervisor", "admin"}),
    "export_audit": frozenset({"supervisor", "admin"}),
    "look_into_personal_data": frozenset({"supervisor", "admin"}),
    "erase_personal_data": frozenset({"supervisor", "admin"}),
    "disrupt": frozenset({"supervisor", "admin"}),
    "look_into_failures": frozenset({"supervisor", "admin"}),
    "issue_fines": frozenset({"clerk", "gate", "supervisor", "admin"}),
    "handle_fines": frozenset({"clerk", "supervisor", "admin"}),
    "waive_fines": frozenset({"supervisor", "admin"}),
    "lift_bans": frozenset({"supervisor", "admin"}),
    "handle_requests": frozenset({"clerk", "supervisor", "admin"}),
    "read_notices": frozenset({"clerk", "gate", "supervisor", "admin"}),
    "decide_policies": frozenset({"supervisor", "admin"}),
    "look_into_reports": frozenset({"supervisor", "admin"}),
}


def allowed(actor: Actor, permission: str) -> bool:
    return actor.role in PERMISSIONS[permission]


def require(actor: Actor, permission: str) -> None:
    """
    Raises:
        NotSignedIn: nobody works here.
        NotPermitted: somebody does, whose role lacks the permission.
    """
    if actor.user_id is None:
        raise NotSignedIn(
            "This needs somebody who is signed in.", hint="Set COUNTER_STAFF and COUNTER_PIN, or sign in on the screen."
        )
    if not allowed(actor, permission):
        raise NotPermitted(
            f"A {actor.role} may not do this ({permission.replace('_', ' ')}).", hint="Ask a supervisor."
        )
