"""Commands about customers with an account: opened, verified, changed, looked at, closed.

Passwords come from a prompt or a file, never from an option that other people's process lists would show.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, Final

import click

from core import customers
from core.customers import Changes, Customer
from core.errors import UsageError
from core.models.people import GENDERS
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, say
from counter.cli.values import Line
from counter.session import Workplace

_LONGEST_PASSWORD: Final = 200


@click.group()
def customer() -> None:
    """Customers with an account: what a web shop does, for scripts and for the counter."""


def _password(path: Path | None, *, confirm: bool) -> str:
    if path is None:
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True))
    try:
        with click.open_file(str(path), encoding="utf-8-sig") as stream:
            return str(stream.readline(_LONGEST_PASSWORD)).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read.", hint="Name a file with the password in its first line.") from error


_password_option: Final = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the password stands; - is standard input. Asked for if left out.",
)
_day: Final = click.DateTime(["%Y-%m-%d"])


def _tell(found: Customer, as_json: bool, *, more: dict[str, Any] | None = None) -> None:
    if as_json:
        print_json({"customer": found.as_json(), **(more or {})})
        return
    state = "closed" if not found.is_active else "verified" if found.is_verified else "not verified yet"
    say(f"{found.full_name}, {found.email} ({state})")
    for name in ("phone_number", "date_of_birth", "gender", "address", "city", "province", "postal_code"):
        if getattr(found, name) is not None:
            say(f"  {name.replace('_', ' ')}: {getattr(found, name)}")
    for name, value in found.preferences.items():
        say(f"  prefers {name}: {value}")


@customer.command("register")
@click.argument("email")
@click.argument("name")
@click.option("--phone", metavar="NUMBER")
@click.option("--born", type=_day, help="Such as 1990-12-31.")
@click.option("--gender", type=click.Choice(GENDERS))
@_password_option
@json_option
def register(
    email: str, name: str, phone: str | None, born: Any, gender: str | None, password_file: Path | None, as_json: bool
) -> None:
    """Open an account for NAME at EMAIL; prints the link that verifies the address."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter customer register")
        password = _password(password_file, confirm=True)
        made = customers.register(
            place.office, actor, email, password, name, phone_number=phone,
            date_of_birth=born.date() if born else None, gender=gender,
        )  # fmt: skip
        link = customers.verification_link(place.office, made, place.office.database.transaction(lambda tx: tx.now))
    _tell(made, as_json, more={"verification": link})
    if not as_json:
        say(f"It is verified with: counter customer verify {link}")


@customer.command("verify")
@click.argument("link", type=Line(400))
@json_option
def verify(link: str, as_json: bool) -> None:
    """Note that an address is its customer's own."""
    with workplace(as_json=as_json) as place:
        _tell(customers.verify(place.office, place.scripted_actor("counter customer verify"), link), as_json)


@customer.command("sign-in")
@click.argument("email")
@_password_option
@json_option
def sign_in(email: str, password_file: Path | None, as_json: bool) -> None:
    """Check a customer's password, as a shop would."""
    with workplace(as_json=as_json) as place:
        signed = customers.sign_in(
            place.office, place.terminal, email, _password(password_file, confirm=False), program="counter customer"
        )
        place.scripted = signed.actor
        found = customers.find(place.office, signed.actor, email)
    _tell(found, as_json)


@customer.command("show")
@click.argument("email")
@json_option
def show(email: str, as_json: bool) -> None:
    """A customer's account. The look is on record."""
    with workplace(as_json=as_json) as place:
        _tell(customers.find(place.office, place.scripted_actor("counter customer show"), email), as_json)


@customer.command("history")
@click.argument("email")
@json_option
def history(email: str, as_json: bool) -> None:
    """What a customer bought, the newest first."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter customer history")
        found = customers.history(place.office, actor, customers.find(place.office, actor, email).id)
    if as_json:
        print_json({"bookings": [one.as_json() for one in found]})
    elif not found:
        say("Nothing yet.")
    else:
        rows = [(one.booking_number, one.train_number, one.departs_on.isoformat(), one.status) for one in found]
        print_table([("Booking", "Train", "Day", ""), *rows])


@customer.command("change")
@click.argument("email")
@click.option("--name")
@click.option("--phone", metavar="NUMBER")
@click.option("--born", type=_day)
@click.option("--gender", type=click.Choice(GENDERS))
@click.option("--address")
@click.option("--city")
@click.option("--province")
@click.option("--postal-code")
@click.option("--preferences", type=Line(4_000), metavar="JSON", help="An object, in place of the present one.")
@json_option
def change(
    email: str, name: str | None, phone: str | None, born: Any, gender: str | None, preferences: str | None,
    as_json: bool, **lines: str | None,
) -> None:  # fmt: skip
    """Change what is said of a customer; an empty value takes it away."""
    wanted: dict[str, Any] = {key: text or None for key, text in lines.items() if text is not None}
    wanted |= {"full_name": name} if name is not None else {}
    wanted |= {"phone_number": phone or None} if phone is not None else {}
    wanted |= {"date_of_birth": date(born.year, born.month, born.day)} if born else {}
    wanted |= {"gender": gender} if gender else {}
    wanted |= {"preferences": _object(preferences)} if preferences is not None else {}
    if not wanted:
        raise UsageError("Nothing is to be changed.", hint="See: counter customer change --help")
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter customer change")
        before = customers.find(place.office, actor, email)
        after = customers.change(place.office, actor, before.id, Changes(**wanted))  # type: ignore[typeddict-item] # as above
    _tell(after, as_json)


def _object(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text or "{}")
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise UsageError("Preferences are a JSON object.", hint='Such as {"seat": "window"}.')
    return read


@customer.command("attach")
@click.argument("email")
@click.argument("booking")
@json_option
def attach(email: str, booking: str, as_json: bool) -> None:
    """Put a BOOKING into a customer's history."""
    with workplace(as_json=as_json) as place:
        actor = place.scripted_actor("counter customer attach")
        found = customers.find(place.office, actor, email)
        customers.attach(place.office, actor, found.id, booking)
    if as_json:
        print_json({"customer": str(found.id), "booking_number": booking.strip().upper()})
    else:
        say(f"{booking.strip().upper()} is in {found.full_name}'s history.")


def _set_active(place: Workplace, email: str, active: bool) -> Customer:
    actor = place.scripted_actor("counter customer close" if not active else "counter customer reopen")
    return customers.set_active(place.office, actor, customers.find(place.office, actor, email).id, active)


@customer.command("close")
@click.argument("email")
@json_option
def close(email: str, as_json: bool) -> None:
    """Close an account; what was bought stays on record. To forget a person see: counter personal erase."""
    with workplace(as_json=as_json) as place:
        _tell(_set_active(place, email, False), as_json)


@customer.command("reopen")
@click.argument("email")
@json_option
def reopen(email: str, as_json: bool) -> None:
    """Open a closed account again."""
    with workplace(as_json=as_json) as place:
        _tell(_set_active(place, email, True), as_json)
