"""A supervisor's desk as a process of its own: goes on with the refund of a train until it is done or killed.

Run as ``python refunder.py COUNTER_URL SUPERVISOR_URL KEYS_FOLDER JOB_ID DIE_AT``. Says how many are settled, a line
after each. At the booking number ``DIE_AT`` of this run it is killed before its transaction is committed; 0: never.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from core import background_jobs, keys, staff, terminals, train_refund
from core import office as offices
from core.models import roles

_settle = background_jobs.settle


def main(url: str, supervisor_url: str, folder: str, job_id: str, die_at: str) -> None:
    database = offices.connect(url, logins={roles.SUPERVISOR_ROLE: supervisor_url})
    office = offices.open_office(database, keys.load(Path(folder)))
    here = terminals.register(office, f"JOB-{os.getpid()}", station="YK")
    actor = staff.sign_in(office, here, "3001", "123456", program="tests", interactive=False).actor
    settled = 0

    def settle(*arguments: Any) -> None:
        nonlocal settled
        _settle(*arguments)
        settled += 1
        if settled == int(die_at):
            arguments[0].raw("SELECT 1").first()  # everything has reached the server
            os.kill(os.getpid(), signal.SIGKILL)

    def tell(job: background_jobs.Job) -> None:
        sys.stdout.write(f"{job.done}\n")
        sys.stdout.flush()

    background_jobs.settle = settle
    train_refund.go_on(office, actor, UUID(job_id), tell)
    office.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
