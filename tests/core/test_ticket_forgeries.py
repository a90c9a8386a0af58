"""A hundred thousand codes that nobody sold: none is accepted, none makes anything crash."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.checkin import Gate, Outcome, check_in
from core.database import Actor
from core.ticket_code import CODE_LENGTH, Reading, TicketPayload, decode, encode, keyboard_variants

if TYPE_CHECKING:
    from tests.core.conftest import Desk

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
ATTEMPTS = 100_000
PAYLOAD = TicketPayload(1, 1_000_001, 4711, date(2026, 11, 25), 2, 9, 1, 1, 3, 42, False)
KEY = Ed25519PrivateKey.generate()
CODE = encode(PAYLOAD, "KAI", KEY)
STRANGE = "\x00\x1b\x7f\u00e9\u0130\u202e\ud800\U0001f600 \t\n]0189abc"


def mutated(code: str, chance: random.Random) -> str:
    """A code with something changed: letters, length, order, case, or a stretch of another text."""
    letters, where = list(code), chance.randrange(len(code))
    match chance.randrange(8):
        case 0:
            letters[where] = chance.choice(ALPHABET)
        case 1:
            for _ in range(chance.randrange(2, 20)):
                letters[chance.randrange(len(letters))] = chance.choice(ALPHABET)
        case 2:
            other = chance.randrange(len(code))
            letters[where], letters[other] = letters[other], letters[where]
        case 3:
            letters.insert(where, chance.choice(ALPHABET + STRANGE))
        case 4:
            del letters[where : where + chance.randrange(1, 10)]
        case 5:
            letters[where] = chance.choice(STRANGE)
        case 6:
            letters[where:] = chance.choices(ALPHABET, k=len(code) - where)
        case _:
            letters = letters[where:] + letters[:where]
    return "".join(letters)


def invented(chance: random.Random) -> str:
    """A text somebody made up: of our form and prefix, of our form, or of none."""
    match chance.randrange(3):
        case 0:
            return "KAIA" + "".join(chance.choices(ALPHABET, k=CODE_LENGTH - 4))
        case 1:
            return "".join(chance.choices(ALPHABET, k=CODE_LENGTH))
        case _:
            return "".join(chance.choices(ALPHABET + STRANGE, k=chance.randrange(0, 300)))


def forgeries(codes: list[str], number: int, seed: int) -> Iterator[str]:
    """So many texts, half of them changed from ``codes``, none of which says what one of these says."""
    chance = random.Random(seed)
    genuine, made = set(codes), 0
    while made < number:
        text = mutated(chance.choice(codes), chance) if made % 2 else invented(chance)
        if genuine.isdisjoint(keyboard_variants(text)):
            yield text
            made += 1


def test_none_of_a_hundred_thousand_is_accepted() -> None:
    public_keys = {key_id: KEY.public_key() for key_id in range(256)}  # every number is a key: signatures alone decide
    said = dict.fromkeys(Reading, 0)
    for text in forgeries([CODE], ATTEMPTS, seed=20261125):
        said[decode(text, issuer="KAI", public_keys=public_keys).reading] += 1
    assert (said[Reading.VALID], sum(said.values())) == (0, ATTEMPTS)
    assert said[Reading.FORGED] > ATTEMPTS // 4
    assert said[Reading.UNKNOWN] > ATTEMPTS // 10


@pytest.mark.parametrize("bit", range(4 * 8 + 1))
def test_no_field_can_be_changed_and_signed_by_another(bit: int) -> None:
    """The same payload but for one thing, signed by somebody who has a key of his own."""
    changes = {"ticket_serial": PAYLOAD.ticket_serial ^ (1 << bit), "service_date": PAYLOAD.service_date + timedelta(1)}
    for name, value in changes.items():
        forged = encode(replace(PAYLOAD, **{name: value}), "KAI", Ed25519PrivateKey.generate())
        own = CODE[:4] + forged[4:39] + CODE[39:]  # and with the genuine signature
        for text in (forged, own):
            assert decode(text, issuer="KAI", public_keys={1: KEY.public_key()}).reading is Reading.FORGED


def test_none_opens_the_gate(desk: Desk, gate_agent: Actor) -> None:
    """Changed from tickets that were sold; the gate itself answers each and keeps count."""
    tickets = desk.sell(2).tickets
    at = tickets[0].journey.departs_at - timedelta(minutes=1)
    refused = {Outcome.FORGED, Outcome.UNKNOWN, Outcome.UNREADABLE}
    texts = list(forgeries([one.code for one in tickets], 400, seed=7))
    for text in texts:
        assert check_in(desk.office, gate_agent, text, Gate("YK"), at=at).outcome in refused
    assert desk.count("checkins") == len(texts)
    assert desk.value("SELECT count(*) FROM tickets WHERE ticket_status = 'active'") == 2
    assert check_in(desk.office, gate_agent, tickets[0].code, Gate("YK"), at=at).outcome is Outcome.OK
