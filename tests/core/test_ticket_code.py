"""The ticket code: round trips, every kind of damage, scanners on the wrong keyboard layout."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import UsageError
from core.ticket_code import (
    CODE_LENGTH,
    EPOCH,
    FIELD_BITS,
    Decoded,
    Reading,
    TicketPayload,
    decode,
    encode,
    has_our_form,
    keyboard_variants,
)

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
KEYS = {1: KEY.public_key(), 2: OTHER_KEY.public_key()}
LAST_DATE = date(2064, 11, 8)

PAYLOAD = TicketPayload(
    key_id=1,
    ticket_serial=90_210,
    schedule_id=4711,
    service_date=date(2026, 11, 25),
    from_stop=0,
    to_stop=4,
    issue_no=1,
    travel_class=2,
    coach=3,
    seat=18,
    training=False,
)
CODE = encode(PAYLOAD, "KAI", KEY)

PAYLOADS = st.builds(
    TicketPayload,
    key_id=st.sampled_from([1, 2]),
    ticket_serial=st.integers(0, 2**64 - 1),
    schedule_id=st.integers(0, 2**32 - 1),
    service_date=st.dates(EPOCH, LAST_DATE),
    from_stop=st.integers(0, 63),
    to_stop=st.integers(0, 63),
    issue_no=st.integers(0, 15),
    travel_class=st.integers(0, 15),
    coach=st.integers(0, 63),
    seat=st.integers(0, 255),
    training=st.booleans(),
)


def reading_of(text: str) -> Reading:
    return decode(text, issuer="KAI", public_keys=KEYS).reading


def signed(data: bytes, prefix: str = "KAIA") -> str:
    return prefix + base64.b32encode(data + KEY.sign(prefix.encode() + data)).decode()


@given(PAYLOADS)
@example(PAYLOAD)
@example(TicketPayload(1, 2**64 - 1, 2**32 - 1, LAST_DATE, 63, 63, 15, 15, 63, 255, True))
@example(TicketPayload(1, 0, 0, EPOCH, 0, 0, 0, 0, 0, 0, False))
def test_what_is_encoded_is_decoded(payload: TicketPayload) -> None:
    code = encode(payload, "KAI", KEY if payload.key_id == 1 else OTHER_KEY)
    assert len(code) == CODE_LENGTH == 140
    assert code.startswith("KAIA")
    assert set(code) <= set(ALPHABET)
    assert decode(code, issuer="KAI", public_keys=KEYS) == Decoded(Reading.VALID, payload, code)


def test_every_issuer_signs_its_own_codes() -> None:
    code = encode(PAYLOAD, "PJN", KEY)
    assert decode(code, issuer="PJN", public_keys=KEYS) == Decoded(Reading.VALID, PAYLOAD, code)
    assert decode(CODE, issuer="PJN", public_keys=KEYS) == Decoded(Reading.FORGED)
    assert decode("PJNA" + CODE[4:], issuer="PJN", public_keys=KEYS) == Decoded(Reading.FORGED)


def test_the_payload_stands_where_the_format_says() -> None:
    bits = int.from_bytes(base64.b32decode(CODE[4:])[:21], "big")
    written = f"{bits:0168b}"
    expected = [(1, 8), (90_210, 64), (4711, 32), ((PAYLOAD.service_date - date(2020, 1, 1)).days, 14),
                (0, 6), (4, 6), (1, 4), (2, 4), (3, 6), (18, 8), (0, 1), (0, 15)]  # fmt: skip
    assert written == "".join(f"{value:0{width}b}" for value, width in expected)
    KEYS[1].verify(base64.b32decode(CODE[4:])[21:], b"KAIA" + base64.b32decode(CODE[4:])[:21])


def test_every_field_has_its_bits() -> None:
    assert [field.name for field in fields(TicketPayload)] == list(FIELD_BITS)
    assert sum(FIELD_BITS.values()) + 15 == 21 * 8


@pytest.mark.parametrize(("name", "bits"), [(name, bits) for name, bits in FIELD_BITS.items() if bits not in (1, 14)])
def test_values_out_of_range_are_refused(name: str, bits: int) -> None:
    for value in (-1, 1 << bits):
        with pytest.raises(UsageError, match=name) as caught:
            replace(PAYLOAD, **{name: value})
        assert caught.value.reason == "ticket_field_range"


@pytest.mark.parametrize("day", [EPOCH - timedelta(days=1), LAST_DATE + timedelta(days=1)])
def test_dates_out_of_range_are_refused(day: date) -> None:
    with pytest.raises(UsageError, match="service_date"):
        replace(PAYLOAD, service_date=day)


@pytest.mark.parametrize("issuer", ["", "KA", "KAIA", "kai", "K1I", "KÄI"])
def test_an_issuer_is_three_letters(issuer: str) -> None:
    for call in (
        lambda: encode(PAYLOAD, issuer, KEY),
        lambda: decode(CODE, issuer=issuer, public_keys=KEYS),
        lambda: has_our_form(CODE, issuer),
    ):
        with pytest.raises(UsageError):
            call()


def test_one_changed_character_anywhere_is_forged() -> None:
    for position, character in enumerate(CODE):
        for other in ALPHABET:
            if other != character:
                changed = CODE[:position] + other + CODE[position + 1 :]
                assert reading_of(changed) is Reading.FORGED, (position, other)


def test_ten_thousand_random_mutations_are_never_accepted() -> None:
    chance = random.Random(2026)
    for _ in range(10_000):
        characters = list(CODE)
        match chance.randrange(4):
            case 0:
                for position in chance.sample(range(CODE_LENGTH), chance.randint(1, 8)):
                    characters[position] = chance.choice(ALPHABET)
            case 1:
                one, other = chance.sample(range(CODE_LENGTH), 2)
                characters[one], characters[other] = characters[other], characters[one]
            case 2:
                characters[4:] = chance.choices(ALPHABET, k=CODE_LENGTH - 4)
            case _:
                shift = chance.randrange(1, CODE_LENGTH)
                characters = characters[shift:] + characters[:shift]
        mutated = "".join(characters)
        if mutated != CODE:
            assert reading_of(mutated) is Reading.FORGED


@pytest.mark.parametrize(
    "forgery",
    [
        pytest.param(encode(PAYLOAD, "KAI", OTHER_KEY), id="signed with another key"),
        pytest.param(encode(replace(PAYLOAD, key_id=9), "KAI", KEY), id="unknown key id"),
        pytest.param(encode(replace(PAYLOAD, key_id=2), "KAI", KEY), id="another key's id"),
        pytest.param(encode(PAYLOAD, "PJN", KEY), id="another issuer"),
        pytest.param("PJNA" + CODE[4:], id="another issuer's prefix on our code"),
        pytest.param(signed(PAYLOAD.to_bytes(), "KAIB"), id="a version that does not exist"),
        pytest.param(signed(PAYLOAD.to_bytes()[:-1] + b"\x01"), id="last reserved bit set"),
        pytest.param(signed(PAYLOAD.to_bytes()[:-2] + b"\x40\x00"), id="first reserved bit set"),
        pytest.param("A" * 140, id="nothing but our form"),
    ],
)
def test_our_form_without_our_signature_is_forged(forgery: str) -> None:
    assert decode(forgery, issuer="KAI", public_keys=KEYS) == Decoded(Reading.FORGED)


@pytest.mark.parametrize(
    "text",
    [
        CODE[:-1],
        CODE + "A",
        CODE[:70] + " " + CODE[70:],
        CODE[:139] + "1",
        CODE[:139] + "=",
        "x",
        "\x00",
        "https://example.com/ticket/ABX4K7Q",
        "06ABCDEFGHI2L0" + "A" * 126 + "0",
        "M1SANTOSO/BUDI        EABX4K7 CGKSUBGA 0312 330Y021A0099 100",
        "00020101021226610014ID.CO.QRIS.WWW",
        "#UT0108000000" + "0" * 127,
        "🚆" * 140,
        "ı" * 140,
        "A" * 1_000_000,
    ],
)
def test_any_other_text_is_unknown(text: str) -> None:
    assert decode(text, issuer="KAI", public_keys=KEYS) == Decoded(Reading.UNKNOWN)


def test_a_letter_that_only_unicode_takes_for_ours_is_unknown() -> None:
    for alike, ours in (("\u0131", "I"), ("\u017f", "S"), ("\u212a", "K"), ("\uff21", "A")):
        assert ours in CODE
        assert reading_of(CODE.replace(ours, alike, 1)) is Reading.UNKNOWN


@pytest.mark.parametrize("text", ["", " ", "\r\n", "\t \u00a0", "]Q1", " ]Q3 "])
def test_nothing_is_unreadable(text: str) -> None:
    assert decode(text, issuer="KAI", public_keys=KEYS) == Decoded(Reading.UNREADABLE)


@given(st.text(max_size=200))
def test_no_text_raises_or_is_accepted(text: str) -> None:
    assert reading_of(text) is not Reading.VALID


@pytest.mark.parametrize(
    "text",
    [CODE.lower(), CODE.swapcase(), f"  {CODE}\r\n", f"]Q1{CODE}", f"]q1{CODE.lower()}\n", f" ]Q3{CODE}"],
)
def test_case_space_and_symbology_do_not_matter(text: str) -> None:
    assert decode(text, issuer="KAI", public_keys=KEYS) == Decoded(Reading.VALID, PAYLOAD, CODE)
    assert has_our_form(text, "KAI")


def keyboard(keys: dict[str, str]) -> Callable[[str], str]:
    return lambda text: text.translate(str.maketrans(keys))


# What the host types for the US keys that the scanner presses (published layouts), with Shift for capitals.
AZERTY = keyboard({"A": "Q", "Q": "A", "W": "Z", "Z": "W", "M": "?", "2": "é", "3": '"', "4": "'", "5": "(",
                   "6": "-", "7": "è", "]": "$", "1": "&"})  # fmt: skip
AZERTY_LOWER = keyboard({"A": "q", "Q": "a", "W": "z", "Z": "w", "M": ",", "2": "É", "7": "È", "6": "§"})
QWERTZ = keyboard({"Y": "Z", "Z": "Y"})
QWERTZ_SHIFTED = keyboard({"Y": "Z", "Z": "Y", "2": '"', "3": "§", "4": "$", "5": "%", "6": "&", "7": "/"})
SWISS_SHIFTED = keyboard({"Y": "z", "Z": "y", "2": '"', "3": "*", "4": "ç", "5": "%", "6": "&", "7": "/"})


@pytest.mark.parametrize("layout", [AZERTY, AZERTY_LOWER, QWERTZ, QWERTZ_SHIFTED, SWISS_SHIFTED])
@given(payload=PAYLOADS)
def test_a_scanner_on_a_wrong_layout_is_understood(layout: Callable[[str], str], payload: TicketPayload) -> None:
    code = encode(payload, "KAI", KEY if payload.key_id == 1 else OTHER_KEY)
    typed = layout(code)
    assert code in keyboard_variants(typed)
    assert has_our_form(typed, "KAI")
    assert decode(typed, issuer="KAI", public_keys=KEYS) == Decoded(Reading.VALID, payload, code)


def test_an_aim_identifier_on_a_wrong_layout_is_understood() -> None:
    assert reading_of(AZERTY("]Q1" + CODE)) is Reading.VALID


def test_a_forged_code_on_a_wrong_layout_is_forged() -> None:
    changed = CODE[:-1] + ("B" if CODE[-1] != "B" else "C")
    assert reading_of(AZERTY(changed)) is Reading.FORGED
    assert "-" in AZERTY(CODE)


def test_other_text_that_a_layout_turns_into_our_form_is_unknown() -> None:
    assert reading_of("é" * 140) is Reading.UNKNOWN


def test_variants_begin_with_the_plain_reading_and_do_not_repeat() -> None:
    assert keyboard_variants(" abc ") == ("ABC", "QBC")
    assert keyboard_variants("xyz") == ("XYZ", "XYW", "XZY")
    assert keyboard_variants("bcd") == ("BCD",)


def test_has_our_form_says_nothing_about_the_signature() -> None:
    assert has_our_form("KAIA" + "A" * 136, "KAI")
    assert not has_our_form("PJNA" + "A" * 136, "KAI")
    assert not has_our_form(CODE[:-1], "KAI")
    assert not has_our_form("malang besok", "KAI")
