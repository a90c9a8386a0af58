"""Commands for whoever looks after the installation: prepare, extend, verify, measure."""

from __future__ import annotations

import re
import signal
import threading
from pathlib import Path
from zoneinfo import available_timezones

import click

from core.config import settings
from core.errors import NotReady
from core.models.roles import ROLE_OF_LOGIN
from core.ops import prepare
from counter.cli.audit import audit
from counter.cli.entitlements import entitlements
from counter.cli.keys import keys
from counter.cli.notify import dispatch, failures, notify
from counter.cli.opening import workplace
from counter.cli.output import exits_with, json_option, print_json, print_table, progress, say, training_option
from counter.cli.personal import forget
from counter.cli.promotions import promotions
from counter.cli.service import escalate_due
from counter.cli.values import Number
from counter.session import DEMONSTRATION_DAYS, database_name, owner_url

_LONGEST_NAME = 80


@click.group()
def admin() -> None:
    """Look after the installation."""


for _group in (promotions, entitlements, audit, keys, forget, escalate_due, dispatch, failures, notify):
    admin.add_command(_group)


@admin.command("init")
@click.option(
    "--demo/--no-demo", "with_demo", default=None,
    help="Load the demonstration railway into an empty database; for training that is done unless told not to.",
)  # fmt: skip
@training_option("Make it a database of training, for good.")
@click.option("--days", type=Number(0, 366), help="Open schedules for so many days ahead.")
@click.option("--operator", "operator_code", metavar="CODE", help="Whose keys these are, where there are several.")
@json_option
def init(with_demo: bool | None, days: int | None, operator_code: str | None, as_json: bool) -> None:
    """Create or upgrade the database. Needs the owner's login (COUNTER_OWNER_DATABASE_URL)."""
    chosen, report = settings(), progress(as_json)
    wants_demo = chosen.training if with_demo is None else with_demo
    done = prepare.prepare(
        owner_url(chosen, report, of_any_kind=True), chosen.keys_folder, with_demo=with_demo,
        days=DEMONSTRATION_DAYS if days is None and wants_demo else days, operator_code=operator_code,
        training=chosen.training, report=report,
    )  # fmt: skip
    if as_json:
        print_json({"revision": done.revision, "demo": done.demo, "schedules": done.schedules})
    else:
        if chosen.training:
            say("This is a database of training: nothing that is sold in it is real.")
        say(f"The database is at revision {done.revision} with {done.schedules} departures, {done.opened} of them new.")


@admin.command("extend")
@click.option("--days", type=Number(1, 366), default=DEMONSTRATION_DAYS, show_default=True)
@json_option
def extend(days: int, as_json: bool) -> None:
    """Open schedules for the days ahead: the owner's daily job on an operator's database."""
    report = progress(as_json)
    opened = prepare.extend(owner_url(settings(), report), days, report=report)
    if as_json:
        print_json({"opened": opened})
    else:
        say(f"{opened} departures were opened.")


@admin.command("operator")
@click.argument("code")
@click.argument("name")
@click.option("--issuer", required=True, metavar="ABC", help="Three letters that open its ticket codes.")
@click.option("--time-zone", default="Asia/Jakarta", show_default=True, metavar="ZONE")
@json_option
def operator(code: str, name: str, issuer: str, time_zone: str, as_json: bool) -> None:
    """Enter an operator of CODE and NAME, with the key ring of this machine for its tickets."""
    if not re.fullmatch("[A-Za-z0-9_-]{1,12}", code):
        raise click.BadParameter("it is up to twelve letters and figures.", param_hint="'CODE'")
    if not (name.strip() and name.isprintable() and len(name) <= _LONGEST_NAME):
        raise click.BadParameter(f"it is one line of at most {_LONGEST_NAME} characters.", param_hint="'NAME'")
    if not re.fullmatch("[A-Za-z]{3}", issuer):
        raise click.BadParameter("it is three letters A to Z.", param_hint="'--issuer'")
    if time_zone not in available_timezones():
        raise click.BadParameter(f"{time_zone[:40]!r} is no IANA time zone.", param_hint="'--time-zone'")
    chosen = settings()
    address = owner_url(chosen, progress(as_json))
    prepare.add_operator(
        address, chosen.keys_folder, code.upper(), name, issuer.upper(), time_zone, training=chosen.training
    )
    if as_json:
        print_json({"operator": code.upper(), "issuer": issuer.upper()})
    else:
        say(f"{code.upper()} is entered; its tickets begin with {issuer.upper()}.")


@admin.command("login")
@click.argument("name")
@click.option("--operator", "operator_code", default="KAI", show_default=True, metavar="CODE")
@click.option(
    "--role",
    "kind",
    type=click.Choice(tuple(ROLE_OF_LOGIN)),
    default="counter",
    show_default=True,
    help="What kind of terminal it is for; see: counter admin roles",
)
@json_option
def login(name: str, operator_code: str, kind: str, as_json: bool) -> None:
    """Let the database login NAME work for an operator. The owner's job; the login must exist on the server."""
    prepare.add_login(owner_url(settings(), progress(as_json)), name, operator_code, kind)
    if as_json:
        print_json({"login": name, "operator": operator_code.upper(), "role": ROLE_OF_LOGIN[kind]})
    else:
        say(f"{name} now works for {operator_code.upper()} as {ROLE_OF_LOGIN[kind]}.")


@admin.command("roles")
@json_option
def roles(as_json: bool) -> None:
    """Make the database roles of terminals where they are missing, and say what each may do. The owner's job."""
    from core.ops import rights

    found = rights.roles(owner_url(settings(), progress(as_json)))
    if as_json:
        print_json({"roles": [role.as_json() for role in found]})
        return
    for role in found:
        named = ", ".join(f"{login} ({operator})" for login, operator in role.logins) or "no login"
        say(f"{role.name}{' (made now)' if role.created else ''}: {named}")
        for privilege, verb in rights.VERBS.items():
            tables = [
                right.table if right.columns is None else f"{right.table} ({', '.join(right.columns)})"
                for right in role.rights
                if right.privilege == privilege
            ]
            if tables:
                say(f"  {verb}: {', '.join(tables)}")


@admin.command("verify")
@json_option
@exits_with
def verify(as_json: bool) -> int:
    """Check that what is stored agrees with itself; exit status 4 if it does not."""
    from core.ops import integrity

    with workplace(as_json=as_json) as place:
        checks = integrity.verify(place.office, place.settings.audit_heads_file)
    ok = all(check.ok for check in checks)
    if as_json:
        print_json({"ok": ok, "checks": [check.as_json() for check in checks]})
    else:
        for check in checks:
            say(f"{'ok     ' if check.ok else 'WRONG  '} {check.name}  ({check.checked} checked)")
            for problem in check.problems:
                say(f"        {problem}")
    return 0 if ok else 4


@admin.command("server")
@json_option
def server(as_json: bool) -> None:
    """Keep the embedded database running until Ctrl+C, and say how other programs reach it."""
    with workplace(as_json=as_json) as place:
        if place.server is None:
            say("COUNTER_DATABASE_URL is set: the database is not this machine's to run.")
            return
        url = place.server.url(user="counter", database=database_name(place.settings))
        if as_json:
            print_json({"url": url})
        else:
            for line in ("The embedded database runs. Programs log in as the counter role:", url, "Ctrl+C stops it."):
                say(line)
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        stop.wait()


@admin.command("gateway-simulator")
@click.option("--port", type=Number(0, 65535), default=8799, show_default=True, help="0 takes a free one.")
@click.option("--server-key", metavar="KEY", help="What counters must know; a trial key if left out.")
@click.option(
    "--settle-after",
    type=Number(0, 86400, fractions=True),
    metavar="SECONDS",
    help="Orders are paid by themselves after so long.",
)
@click.option(
    "--fault-rate",
    type=Number(0, 1, fractions=True),
    default=0.0,
    show_default=True,
    metavar="SHARE",
    help="So many requests go wrong, 0 to 1.",
)
@click.option("--seed", type=Number(0), default=0, show_default=True, help="Of what goes wrong.")
@click.option("--file", "file", type=click.Path(dir_okay=False, path_type=Path), help="Keeps the orders.")
def gateway_simulator(
    port: int, server_key: str | None, settle_after: float | None, fault_rate: float, seed: int, file: Path | None
) -> None:
    """A payment gateway to try QRIS with: on this machine only, without real money."""
    from core.payments.gateway_settings import TRIAL_KEY, require_server_key
    from counter.simulator import run_simulator

    key = server_key or TRIAL_KEY
    require_server_key(key)
    try:
        run_simulator(
            port, server_key=key, settle_after=settle_after, file=file, fault_rate=fault_rate,
            seed=seed,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise NotReady(
            f"The simulated gateway cannot start: {error}.", hint="Choose another --port or --file."
        ) from None


@admin.command("bench")
@click.option(
    "--seconds", type=Number(0.2, 600, fractions=True), default=4.0, show_default=True, help="Per measurement."
)
@click.option("--clients", type=Number(1, 64), help="Processes at once; 1 and then 8 if left out.")
@json_option
def bench(seconds: float, clients: int | None, as_json: bool) -> None:
    """Measure sales, check-ins, searches and a rush against bare statements, in databases made for it."""
    from core.ops import bench as benches

    chosen, report = settings(), progress(as_json)
    with workplace(as_json=as_json) as place:
        server = place.server
        administrator = server.url(user="postgres", database="postgres") if server else None
        counter_url = (
            server.url(user="counter", database=database_name(chosen)) if server else (chosen.database_url or "")
        )
        results = benches.run(
            owner_url(chosen, report),
            counter_url,
            chosen.keys_folder,
            seconds=seconds,
            clients=(clients,) if clients else (1, 8),
            pooled=chosen.database_pooled,
            administrator_url=administrator,
            report=report,
        )
    if as_json:
        print_json({"results": [result.as_json() for result in results]})
        return
    head = ("Measured", "Clients", "Per second", "p50 ms", "p99 ms", "Floor", "Ratio")
    lines = [
        (
            result.name,
            str(result.clients),
            f"{result.per_second:.1f}",
            f"{result.p50_ms:.2f}",
            f"{result.p99_ms:.2f}",
            f"{result.floor_per_second:.1f}",
            f"{result.ratio:.2f}",
        )
        for result in results
    ]
    print_table([head, *lines], right=(1, 2, 3, 4, 5, 6))
