"""What PostgreSQL refuses about fines: money belongs to an open shift, and only supervisors let somebody off.

A gate cannot read the digests of passengers, so the database itself takes the fined person from the ticket where no
identity was typed. Whose name stands on a row follows from the session (``session_guards``).
"""

# ruff: noqa: S608 - statements put together from constants of this module

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_TAKE_FROM_TICKET: Final = """
CREATE FUNCTION take_fined_from_ticket() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT p.identity_digest, p.identity_last_four, p.identity_kind, p.passenger_name
    INTO NEW.identity_digest, NEW.identity_last_four, NEW.identity_kind, NEW.person_name
    FROM public.tickets t
    JOIN public.passengers p ON p.operator_id = t.operator_id AND p.id = t.passenger_id
    WHERE t.operator_id = NEW.operator_id AND t.operator_id = public.current_operator() AND t.id = NEW.ticket_id;
    RETURN NEW;
END $$
"""

_REFUSE: Final = (
    "RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation', CONSTRAINT = '{rule}', TABLE = 'fines';"
)
_BY_SELF: Final = _REFUSE.format(message="a fine is written in the own name", rule="fine_by_self")
_SHIFT: Final = _REFUSE.format(message="this shift is closed", rule="shift_closed")
_APPROVED: Final = _REFUSE.format(message="a supervisor decides this", rule="fine_needs_supervisor")

#: The owner takes people out of the record and puts right what must be.
_GUARD: Final = f"""
CREATE FUNCTION guard_fine() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me uuid := public.acting_user();
    drawer record;
BEGIN
    IF pg_has_role(current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'MEMBER') THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.issued_by IS DISTINCT FROM me THEN
            {_BY_SELF}
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.status = 'paid' AND OLD.status <> 'paid' THEN
        IF NEW.paid_by IS DISTINCT FROM me THEN
            {_BY_SELF}
        END IF;
        SELECT s.status INTO drawer FROM public.shifts s
        WHERE s.operator_id = NEW.operator_id AND s.id = NEW.shift_id FOR SHARE;
        IF drawer.status IS DISTINCT FROM 'open' THEN
            {_SHIFT}
        END IF;
    END IF;
    IF NEW.status = 'waived' AND OLD.status <> 'waived' THEN
        IF NEW.waived_by IS DISTINCT FROM me THEN
            {_BY_SELF}
        END IF;
        IF coalesce(public.acting_role(), '') <> ALL (ARRAY['supervisor', 'admin']) AND NOT EXISTS (
            SELECT FROM public.approvals a WHERE a.operator_id = NEW.operator_id AND a.id = NEW.waive_approval_id
                AND a.approval_kind = 'fine_waiver' AND a.subject_id = NEW.id::text
                AND a.status IN ('approved', 'used'))
        THEN
            {_APPROVED}
        END IF;
    END IF;
    IF NEW.ban_lifted_at IS NOT NULL AND OLD.ban_lifted_at IS NULL THEN
        IF NEW.ban_lifted_by IS DISTINCT FROM me THEN
            {_BY_SELF}
        END IF;
        IF coalesce(public.acting_role(), '') <> ALL (ARRAY['supervisor', 'admin']) AND NOT EXISTS (
            SELECT FROM public.approvals a WHERE a.operator_id = NEW.operator_id AND a.id = NEW.ban_approval_id
                AND a.approval_kind = 'ban_lift' AND a.status IN ('approved', 'used')
                AND a.subject_id = 'identity ' || left(encode(NEW.identity_digest, 'hex'), 16))
        THEN
            {_APPROVED}
        END IF;
    END IF;
    RETURN NEW;
END $$
"""


def statements() -> Iterator[str]:
    """DDL to run as the owner, after ``session_guards.functions()``."""
    yield _TAKE_FROM_TICKET
    yield "REVOKE ALL ON FUNCTION take_fined_from_ticket() FROM PUBLIC"
    yield _GUARD
    yield (
        "CREATE TRIGGER a_take_from_ticket BEFORE INSERT ON fines FOR EACH ROW"
        " WHEN (NEW.identity_digest IS NULL AND NEW.ticket_id IS NOT NULL) EXECUTE FUNCTION take_fined_from_ticket()"
    )
    yield (
        "CREATE TRIGGER guard_names BEFORE INSERT OR UPDATE OF status, ban_lifted_at ON fines FOR EACH ROW"
        " EXECUTE FUNCTION guard_fine()"
    )
    yield (
        "CREATE TRIGGER guard_settled BEFORE UPDATE OF status, amount, paid_at, paid_by, shift_id, payment_method,"
        " tendered, change_given, waived_at, waived_by ON fines FOR EACH ROW WHEN (OLD.status <> 'open')"
        " EXECUTE FUNCTION guard_history()"
    )
    for table in ("fines", "callback_requests", "callback_escalations"):
        yield (
            f"CREATE TRIGGER guard_history BEFORE DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION guard_history()"
        )
