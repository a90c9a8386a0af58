"""What a log may not contain: found by its name or by its looks, wherever it stands, and the rest is left alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.database import Database
from core.driver_errors import translated
from core.errors import CounterError
from core.redaction import HIDDEN, redacted, redacted_text

NAMES = (
    *("pin", "COUNTER_PIN", "approverPin", "password", "sslpassword", "secret", "session", "session_token", "cookie"),
    *("server_key", "signature", "database_url", "ticket_code", "identity", "nik", "passport", "passport_no"),
    *("passenger_name", "phone", "e-mail", "contact", "birth_date", "card_reference", "reference", "approval_code"),
)
#: Whatever stands around a secret, in letters that do not make it a longer or a different one.
AROUND = st.text(max_size=20)
DIGITS = "0123456789"
SPACED = st.sampled_from(["", " ", "-", ".", "\u2013", "\u00a0"])


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """An identity, card or telephone number as people write them: bare, or in groups of four."""
    digits = draw(st.text(DIGITS, min_size=12, max_size=19))
    spacer = draw(SPACED)
    return spacer.join(digits[at : at + 4] for at in range(0, len(digits), 4))


TOKENS = (
    st.binary(min_size=32, max_size=64).map(bytes.hex)
    | st.binary(min_size=32, max_size=64).map(lambda raw: "KAIA" + "A7" * len(raw))
    | st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=43, max_size=64).filter(
        lambda token: any(letter in DIGITS for letter in token)
    )
)
PASSWORDS = st.text(st.characters(exclude_categories=["Cs", "Z", "C"]), min_size=6, max_size=20)


@given(before=AROUND, number=numbers(), after=AROUND)
def test_numbers_of_people_are_hidden_wherever_they_stand(before: str, number: str, after: str) -> None:
    assert number not in redacted_text(f"{before}{number}{after}")


@given(before=AROUND, token=TOKENS, after=AROUND)
def test_tokens_keys_and_codes_are_hidden_wherever_they_stand(before: str, token: str, after: str) -> None:
    assert token not in redacted_text(f"{before}{token}{after}")


@given(password=PASSWORDS, where=st.sampled_from(["db/counter", "db.example:5432/x?sslmode=require"]))
def test_passwords_within_addresses_are_hidden(password: str, where: str) -> None:
    shown = redacted_text(f"cannot reach postgresql://counter:{password}@{where}!")
    assert shown.startswith("cannot reach postgresql://")
    assert shown.endswith(f"@{where}!")
    assert "counter:" not in shown


@given(
    word=st.sampled_from(["pin", "PIN", "password", "passwd", "token", "secret", "session_token", "NIK", "passport"]),
    between=st.sampled_from(["=", ": ", "': '", '":"', " = "]),
    secret=st.text("abcdefgh0123456789XYZ!%$#", min_size=4, max_size=12),
)
def test_what_is_said_to_be_one_is_hidden(word: str, between: str, secret: str) -> None:
    assert secret not in redacted_text(f"x {word}{between}{secret} y").removeprefix(f"x {word}")


@pytest.mark.parametrize(
    "secret", ["PIN 4711", "Pin: 4711", "pin=4711", "{'pin': '4711 '}", "host=x password='a 4711'"]
)
def test_a_short_one_too(secret: str) -> None:
    assert "4711" not in redacted_text(secret)


JSON = st.recursive(
    st.just("tell nobody") | st.just(12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
)


@given(name=st.sampled_from(NAMES), value=JSON, wrap=st.sampled_from(["none", "list", "dict", "tuple"]))
def test_what_is_called_like_a_secret_is_hidden_at_any_depth(name: str, value: Any, wrap: str) -> None:
    held: dict[str, Any] = {name: value}
    inside: Any = {"none": held, "list": [held], "dict": {"of": held}, "tuple": ({"of": [held]},)}[wrap]
    shown = redacted(inside)
    assert "tell nobody" not in str(shown)
    assert HIDDEN in str(shown)


@given(number=numbers(), wrap=st.sampled_from(["list", "dict", "key", "deep"]))
def test_and_what_looks_like_one_too(number: str, wrap: str) -> None:
    inside: Any = {"list": [number], "dict": {"of": number}, "key": {number: 1}, "deep": [[[[[[[[[number]]]]]]]]]}
    assert number not in str(redacted(inside[wrap]))


@given(st.text(max_size=60))
def test_an_error_leaves_its_kind_and_nothing_it_says(text: str) -> None:
    assert redacted(ValueError(text)) == "ValueError"
    assert redacted({"what": [KeyError(text)]}) == {"what": ["KeyError"]}


@pytest.mark.parametrize("value", [3171010101900001, 3171010101900001.0, b"3171", object(), {1, 3171010101900001}])
def test_values_that_are_no_text_are_no_way_around(value: object) -> None:
    assert "3171" not in str(redacted(value))


@pytest.mark.parametrize(
    "detail",
    [
        "duplicate key\nDETAIL:  Key (operator_id, identity_digest)=(1, \\x4711) already exists.",
        "null value in column\nDETAIL:  Failing row contains (1, Budi\nSantoso, 4711).",
    ],
)
def test_what_the_database_says_about_a_row_is_hidden(detail: str) -> None:
    shown = redacted_text(detail)
    assert "DETAIL" in shown
    assert not {"4711", "Budi", "Santoso"} & set(shown.replace(",", " ").replace(")", " ").split())


@pytest.mark.parametrize(
    "text",
    [
        "signed in", "1001", "YK-2", "booking ABX4K7Q", "2026-11-20T12:00:00.123456+00:00", "postgresql://db/counter",
        "0193d3a8-1b2c-7def-8123-456789abcdef", "correlation 11111111-2222-3333-4444-555555555555 done", "no pin given",
        "/opt/lib/python3.11/site-packages/textual/app.py:12 run", "the_quick_brown_fox_jumps_over_the_lazy_dog",
    ],
)  # fmt: skip
def test_what_a_fault_is_found_by_stays(text: str) -> None:
    assert redacted_text(text) == text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None), (True, True), (450_000, 450_000), (0.5, 0.5), (date(2026, 11, 25), "2026-11-25"),
        (Path("/var/lib/x"), "/var/lib/x"), ([1, "a"], [1, "a"]), ((1, None), [1, None]), ({"of": "x"}, {"of": "x"}),
        (UUID("0193d3a8-1b2c-7def-8123-456789abcdef"), "0193d3a8-1b2c-7def-8123-456789abcdef"),
    ],
)  # fmt: skip
def test_values_stay_what_they_are(value: object, shown: object) -> None:
    assert redacted(value) == shown


def test_what_contains_itself_comes_to_an_end() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert HIDDEN in str(redacted(endless))


def test_a_long_text_is_cut_and_takes_no_time() -> None:
    for text in ("x" * 1_000_000, "1 " * 500_000, "pin " * 250_000, "://" * 300_000, "Key (" * 200_000):
        assert len(redacted_text(text)) < 2_100


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO people VALUES (%(number)s, %(name)s)",
        "INSERT INTO people VALUES (NULL, %(name)s)",
        "INSERT INTO people VALUES ('2', %(name)s || %(number)s)",
        "SELECT CAST(%(name)s AS integer)",
        "DO $$BEGIN RAISE EXCEPTION 'about Budi Santoso 3171010101900001'; END$$",
    ],
)
def test_what_the_database_refused_is_told_without_the_values(database: Any, statement: str) -> None:
    person = {"number": "3171010101900001", "name": "Budi Santoso"}
    opened = Database(database.counter_url)
    connection = opened.engine.raw_connection()
    driver: Any = connection.dbapi_connection
    driver.execute("CREATE TEMP TABLE people (number text PRIMARY KEY, name varchar(20))")
    driver.execute("INSERT INTO people VALUES (%(number)s, %(name)s)", person)
    with pytest.raises(CounterError) as refused, translated():
        driver.execute(statement, person if "%(" in statement else None)
    connection.invalidate()
    opened.close()
    said = str(refused.value.as_json()) + str(redacted(refused.value))
    assert "3171" not in said
    assert "Budi" not in said
    assert "3171010101900001" not in redacted_text(str(refused.value.__cause__))
