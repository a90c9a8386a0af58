"""Payment codes: notation, checksum, and what must never be shown to a customer."""

from __future__ import annotations

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.payments.emv import crc16, pack, parse, sealed
from core.payments.qris import Merchant, QrRefused, build_payload, check_payload, parse_payload

MERCHANT = Merchant("ID1020021181745", "KERETA UJI", "YOGYAKARTA", "55232")
CODE = build_payload(MERCHANT, amount=789_000, reference="SC-1", terminal="YK2")
PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)

tags = st.integers(0, 99).map("{:02d}".format)
fields = st.dictionaries(tags, st.text(PRINTABLE, min_size=1, max_size=99), max_size=12)


def code(**changes: str | None) -> str:
    """A sealed code with some fields changed or left out, named ``t54`` for tag 54."""
    found = parse(CODE[:-8]) | {tag[1:]: value for tag, value in changes.items()}
    return sealed(pack((tag, value) for tag, value in found.items() if value is not None))


def refusal(text: str, **wanted: object) -> str:
    with pytest.raises(QrRefused) as caught:
        check_payload(text, **{"amount": 789_000, **wanted})  # type: ignore[arg-type]
    return caught.value.reason


def test_the_checksum_is_the_standard_one() -> None:
    assert crc16("123456789") == "29B1"


def test_the_checksum_agrees_with_the_specification_s_own_example() -> None:
    example = (
        "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802CN5914BEST TRANSPORT"
        "6007BEIJING64200002ZH0104最佳运输0202北京540523.7253031565502016233030412340603***0708A60086670902ME9132001"
        "6A0112233449988770708123456786304"
    )
    assert crc16(example) == "A13A"


def test_a_code_says_what_was_put_in() -> None:
    payload = check_payload(CODE, amount=789_000, national_id=MERCHANT.national_id)
    assert payload.dynamic
    assert not payload.tip
    assert (payload.name, payload.city, payload.postcode) == ("KERETA UJI", "YOGYAKARTA", "55232")
    assert (payload.reference, payload.terminal, payload.category) == ("SC-1", "YK2", "4112")
    assert (payload.acquirer, payload.national_id) == (MERCHANT.acquirer, MERCHANT.national_id)
    assert (payload.amount, payload.currency, payload.country) == (789_000, "360", "ID")


@pytest.mark.parametrize("written", ["789000", "789000.", "789000.0", "789000.00", "0789000"])
def test_amounts_are_written_in_several_ways(written: str) -> None:
    assert check_payload(code(t54=written), amount=789_000).amount == 789_000


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"t54": "789001"}, "qris_amount"),
        ({"t54": "789000.50"}, "qris_amount"),
        ({"t54": "7,89"}, "qris_amount"),
        ({"t54": None}, "qris_amount"),
        ({"t01": "11"}, "qris_static"),
        ({"t01": "13"}, "qris_malformed"),
        ({"t00": "02"}, "qris_malformed"),
        ({"t53": "840"}, "qris_currency"),
        ({"t53": None}, "qris_malformed"),
        ({"t58": "SG"}, "qris_country"),
        ({"t59": None}, "qris_malformed"),
        ({"t55": "01"}, "qris_tip"),
        ({"t57": "5"}, "qris_tip"),
        ({"t51": None}, "qris_not_qris"),
        ({"t51": pack([("00", "SG.PAYNOW"), ("02", "ID1")])}, "qris_not_qris"),
        ({"t51": pack([("00", "ID.CO.QRIS.WWW")])}, "qris_not_qris"),
        ({"t26": None}, "qris_not_qris"),
        ({"t26": "0099short"}, "qris_malformed"),
        ({"t62": "05"}, "qris_malformed"),
    ],
)
def test_codes_that_must_not_be_shown(changes: dict[str, str | None], why: str) -> None:
    assert refusal(code(**changes)) == why


def test_a_code_of_another_merchant_is_refused() -> None:
    assert refusal(CODE, national_id="ID1020021181746") == "qris_merchant"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "qris_malformed"),
        ("6304", "qris_malformed"),
        (sealed(""), "qris_malformed"),
        (CODE[:-1], "qris_malformed"),
        (CODE[:-8], "qris_malformed"),
        (CODE + "6304" + crc16(CODE + "6304"), "qris_malformed"),
        (CODE[:-8] + "0002016304" + crc16(CODE[:-8] + "0002016304"), "qris_malformed"),
        (CODE[:-4] + "0000", "qris_crc"),
        (CODE[:-4] + CODE[-4:].lower(), "qris_crc"),
        (CODE.replace("KERETA", "KER\nTA"), "qris_characters"),
        (CODE.replace("KERETA", "KER\x1bTA"), "qris_characters"),
        (CODE.replace("KERETA", "KERÉTA"), "qris_characters"),
        (CODE.replace("0002", "٠٠٠٢"), "qris_characters"),
        (sealed(CODE[:-8] + pack((str(tag), "x" * 99) for tag in range(80, 84))), "qris_malformed"),
    ],
)
def test_damaged_codes_are_refused(text: str, why: str) -> None:
    assert refusal(text) == why


def test_a_static_code_can_be_read_but_not_taken_for_a_sale() -> None:
    static = build_payload(MERCHANT, amount=None)
    assert parse_payload(static).amount is None
    assert refusal(static) == "qris_static"


@pytest.mark.parametrize("bad", [("1", "x"), ("123", "x"), ("٠٠", "x"), ("00", ""), ("00", "x" * 100), ("00", "\t")])
def test_what_a_field_cannot_hold_is_not_packed(bad: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"tag|cannot hold"):
        pack([bad])


@given(fields)
def test_fields_come_back_as_they_were(found: dict[str, str]) -> None:
    assert list(parse(pack(found.items())).items()) == list(found.items())


@given(
    amount=st.integers(0, 10**12 - 1),
    name=st.text(PRINTABLE, min_size=1, max_size=40),
    reference=st.text(PRINTABLE, max_size=25),
)
def test_every_code_built_passes_its_own_check(amount: int, name: str, reference: str) -> None:
    built = build_payload(Merchant("ID1", name, "KOTA"), amount=amount, reference=reference)
    payload = check_payload(built, amount=amount)
    assert (payload.name, payload.reference) == (name[:25], reference)


@given(at=st.integers(0, len(CODE) - 1), put=PRINTABLE)
def test_a_changed_character_is_always_noticed(at: int, put: str) -> None:
    assume(CODE[at] != put)
    assert refusal(CODE[:at] + put + CODE[at + 1 :]).startswith("qris_")


@given(at=st.integers(0, len(CODE) - 2), put=st.text(PRINTABLE, min_size=2, max_size=2))
def test_two_changed_neighbours_are_always_noticed(at: int, put: str) -> None:
    assume(CODE[at : at + 2] != put)
    assert refusal(CODE[:at] + put + CODE[at + 2 :]).startswith("qris_")


@given(
    st.text(max_size=600)
    | st.text(string.digits, max_size=80).map(sealed)
    | fields.map(lambda f: sealed(pack(f.items())))
)
def test_any_text_at_all_is_read_or_refused(text: str) -> None:
    assert refusal(text).startswith("qris_")
