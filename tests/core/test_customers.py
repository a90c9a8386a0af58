"""Customers' accounts: opened, verified, changed by their owner alone, and what they bought."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core import customers, terminals
from core.customers import Changes, Customer
from core.errors import CounterError, NotFound, NotPermitted, NotSignedIn, UsageError
from core.terminals import TerminalInfo

if TYPE_CHECKING:
    from core.database import Actor
    from tests.core.conftest import Desk

MAIL, PASSWORD = "Budi.Santoso@Example.org", "kereta malam ke Gambir"


@pytest.fixture
def shop(desk: Desk) -> TerminalInfo:
    return terminals.register(desk.office, "WEB-1")


@pytest.fixture
def budi(desk: Desk) -> Customer:
    return customers.register(
        desk.office, desk.clerk, MAIL, PASSWORD, "Budi Santoso", phone_number="0812 3456 7890", gender="male"
    )


def signed_in(desk: Desk, shop: TerminalInfo, password: str = PASSWORD, mail: str = MAIL) -> Actor:
    return customers.sign_in(desk.office, shop, mail, password, program="shop").actor


def test_an_account_is_opened_and_used(desk: Desk, shop: TerminalInfo, budi: Customer) -> None:
    assert (budi.email, budi.full_name, budi.phone_number) == (MAIL.lower(), "BUDI SANTOSO", "+6281234567890")
    assert not budi.is_verified
    actor = signed_in(desk, shop)
    assert (actor.user_id, actor.role) == (budi.id, "customer")
    assert customers.find(desk.office, actor, f" {MAIL.upper()} ") == budi


def test_nothing_readable_is_stored(desk: Desk, budi: Customer) -> None:
    told = desk.value("SELECT string_agg(u::text || encode(email, 'escape'), '') FROM users u WHERE role = 'customer'")
    for readable in ("budi.santoso", "6281234567890", PASSWORD):
        assert readable not in told.lower()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"email": "nobody"}, "person_unclear"),
        ({"password": "short"}, "password_weak"),
        ({"password": "aaaaaaaaaaaa"}, "password_weak"),
        ({"password": MAIL}, "password_weak"),
        ({"full_name": " "}, "name_invalid"),
        ({"phone_number": "12"}, "person_unclear"),
        ({"gender": "x"}, "usage"),
        ({}, "customer_exists"),
    ],
)
def test_what_opens_no_account(desk: Desk, budi: Customer, changed: dict[str, str], code: str) -> None:
    wanted = {"email": MAIL, "password": PASSWORD, "full_name": "Budi", **changed}
    with pytest.raises(CounterError) as caught:
        customers.register(desk.office, desk.clerk, **wanted)  # type: ignore[arg-type]
    assert caught.value.reason == code


def test_an_address_is_verified_by_its_link_alone(desk: Desk, budi: Customer) -> None:
    now = desk.office.database.transaction(lambda tx: tx.now)
    link = customers.verification_link(desk.office, budi, now)
    old = customers.verification_link(desk.office, budi, now - timedelta(days=3))
    moved = link.replace(link.split(".")[1], "9999999999")
    for wrong in ("", "x", ".." * 40, link[:-1], old, moved, link.replace(str(budi.id), str(desk.clerk.user_id))):
        with pytest.raises(CounterError) as caught:
            customers.verify(desk.office, desk.clerk, wrong)
        assert caught.value.reason == "link_invalid"
    assert customers.verify(desk.office, desk.clerk, f" {link}\n").is_verified
    assert customers.verify(desk.office, desk.clerk, link).is_verified


def test_wrong_passwords_lock_as_pins_do(desk: Desk, shop: TerminalInfo, budi: Customer) -> None:
    heard = []
    for mail in (MAIL, "nobody@example.org"):
        for _ in range(6):
            with pytest.raises(NotSignedIn) as caught:
                signed_in(desk, shop, "wrong", mail)
            heard.append(caught.value.reason)
    assert heard[:6] == heard[6:] == ["not_signed_in"] * 5 + ["locked"]


def test_a_password_is_changed(desk: Desk, shop: TerminalInfo, budi: Customer) -> None:
    customers.change_password(desk.office, shop, MAIL, PASSWORD, "naik kereta tut tut")
    with pytest.raises(NotSignedIn):
        signed_in(desk, shop)
    signed_in(desk, shop, "naik kereta tut tut")


def test_a_customer_changes_what_is_his_own(desk: Desk, shop: TerminalInfo, budi: Customer) -> None:
    actor = signed_in(desk, shop)
    for address in ("Jl. Malioboro 1", "Jl. Malioboro 2"):
        wanted = Changes(address=address, city="Yogyakarta", preferences={"seat": "window"}, phone_number=None)
        after = customers.change(desk.office, actor, budi.id, wanted)
        assert (after.address, after.city, after.preferences) == (address, "Yogyakarta", {"seat": "window"})
    assert after.phone_number is None
    with pytest.raises(UsageError):
        customers.change(desk.office, actor, budi.id, Changes(preferences={"x": "y" * 5000}))


def test_nobody_else_does(desk: Desk, shop: TerminalInfo, budi: Customer) -> None:
    customers.register(desk.office, desk.clerk, "eve@example.org", PASSWORD, "Eve")
    eve = signed_in(desk, shop, mail="eve@example.org")
    for tried in (
        lambda: customers.find(desk.office, eve, MAIL),
        lambda: customers.change(desk.office, eve, budi.id, Changes(city="X")),
        lambda: customers.history(desk.office, eve, budi.id),
        lambda: customers.set_active(desk.office, eve, budi.id, False),
        lambda: customers.attach(desk.office, eve, budi.id, "ABCDEFG"),
    ):
        with pytest.raises(NotPermitted):
            tried()


def test_what_was_bought(desk: Desk, shop: TerminalInfo, budi: Customer) -> None:
    sold = desk.sell()
    customers.attach(desk.office, desk.clerk, budi.id, sold.booking_number.lower())
    bought = customers.history(desk.office, signed_in(desk, shop), budi.id)
    assert [(one.booking_number, one.train_number) for one in bought] == [(sold.booking_number, "43")]
    other = customers.register(desk.office, desk.clerk, "eve@example.org", PASSWORD, "Eve")
    with pytest.raises(NotFound):
        customers.attach(desk.office, desk.clerk, other.id, sold.booking_number)
    desk.require_sound()


def test_a_closed_account(desk: Desk, shop: TerminalInfo, budi: Customer) -> None:
    customers.set_active(desk.office, desk.clerk, budi.id, False)
    with pytest.raises(NotSignedIn):
        signed_in(desk, shop)
    customers.set_active(desk.office, desk.clerk, budi.id, True)
    signed_in(desk, shop)
