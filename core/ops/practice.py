"""Databases of training, as their owner makes and tells them: marking one, and never taking a real one for it.

What belongs here: what only an owner may do to or ask of a whole database. Who may open which kind is decided by
``core.training``; a database is of training when its operators are.
"""

from __future__ import annotations

from sqlalchemy import Connection, column, func, select, table, update

from core import training
from core.errors import Refused
from core.models import Booking, Operator, Payment, Shift
from core.models.sales import TICKET_SERIAL

#: What nobody has who has only entered a timetable.
_WORK = (Booking, Payment, Shift)


def require_kind(connection: Connection, in_training: bool) -> None:
    """
    Raises:
        NotReady: the database has operators, and they are of the other kind (code ``training_mismatch``).
    """
    for is_training in connection.execute(select(Operator.is_training).distinct()).scalars().all():
        training.require_same(database=is_training, program=in_training)


def mark(connection: Connection) -> None:
    """Make a database one of training: its operators say so, and its tickets are counted from where no real one is.

    Safe to run again. Once marked, a database stays so.

    Raises:
        Refused: something was sold in it for real (code ``training_on_real_data``).
    """
    real = select(Operator.id).where(~Operator.is_training)
    for work in _WORK:
        if connection.execute(select(work.id).where(work.operator_id.in_(real)).limit(1)).first():
            raise Refused(
                "This database holds real sales; nothing was changed.",
                code="training_on_real_data",
                hint="Training needs a database of its own: set COUNTER_TRAINING_OWNER_DATABASE_URL to an empty one.",
            )
    connection.execute(update(Operator).where(~Operator.is_training).values(is_training=True))
    last: int = connection.execute(select(column("last_value")).select_from(table(TICKET_SERIAL.name))).scalar_one()
    if last < training.FIRST_SERIAL:
        connection.execute(select(func.setval(TICKET_SERIAL.name, training.FIRST_SERIAL, False)))
