"""The wedge assembler: strokes with their times in, typing and scans out."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counter.devices.wedge import (
    BURST_STROKES,
    FOREIGN_LENGTH,
    GLANCE,
    LONGEST,
    LONGEST_WORD,
    PAUSE,
    Deliver,
    Scan,
    WedgeAssembler,
    codes_in,
    plain_code,
)

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
CODE = "KAIA" + "".join(random.Random(7).choices(ALPHABET, k=136))
OTHER_CODE = "KAIA" + "".join(random.Random(8).choices(ALPHABET, k=136))
ENTER, TAB, LEFT = "\r", "\t", "<left>"


@dataclass(frozen=True)
class Key:
    """A stroke as the outside knows it: equal ones are told apart by their number."""

    number: int
    name: str


class Bench:
    """Strikes keys at given times, as a terminal and its timer would, and sorts what comes out."""

    def __init__(self, *, scan_field: bool = False, recognises=None) -> None:
        self.wedge: WedgeAssembler[Key] = WedgeAssembler(recognises) if recognises else WedgeAssembler()
        self.scan_field = scan_field
        self.now = 0.0
        self.struck: list[Key] = []
        self.field: list[Key] = []
        self.scans: list[Scan[Key]] = []
        self.swallowed_ends = 0

    def strike(self, name: str, gap: float = 0.0, *, stalled: bool = False) -> None:
        later = self.now + gap
        if not stalled and self.wedge.due is not None and self.wedge.due <= later:
            self._take(self.wedge.pause(self.wedge.due))
        self.now = later
        key = Key(len(self.struck), name)
        self.struck.append(key)
        if name in (ENTER, TAB):
            decisions = self.wedge.terminator(key, self.now, scan_field=self.scan_field)
            self.swallowed_ends += not any(isinstance(each, Deliver) and key in each.keys for each in decisions)
            self._take(decisions)
        elif len(name) > 1:
            self._take(self.wedge.other(key))
        else:
            self._take(self.wedge.character(key, name, self.now))

    def type(self, text: str, gap: float, **how: bool) -> None:
        for character in text:
            self.strike(character, gap, **how)

    def rest(self) -> None:
        self.now += 10
        self._take(self.wedge.pause(self.now))

    def _take(self, decisions) -> None:
        for decision in decisions:
            if isinstance(decision, Scan):
                self.scans.append(decision)
                for key in decision.delivered:
                    self.field.remove(key)
            else:
                self.field.extend(decision.keys)

    @property
    def text(self) -> str:
        return "".join(key.name for key in self.field)

    @property
    def scanned(self) -> list[str]:
        return [scan.text for scan in self.scans]


@pytest.mark.parametrize("end", [ENTER, TAB])
@pytest.mark.parametrize("gap", [0.0, 0.008, 0.020, 0.030, 0.060, 0.100, 0.101, 0.5, 20.0])
@pytest.mark.parametrize("code", [CODE, CODE.lower(), CODE.swapcase()])
def test_a_code_is_a_scan_at_any_speed_and_leaves_nothing(code: str, gap: float, end: str) -> None:
    bench = Bench()
    bench.type("budi", 0.2)
    bench.strike(code[0], 0.4)
    bench.type(code[1:], gap)
    bench.strike(end, gap)
    assert (bench.scanned, bench.text) == ([CODE], "budi")


def test_a_scan_at_scanner_speed_never_shows_for_a_moment() -> None:
    bench = Bench()
    for character in CODE:
        bench.strike(character, 0.020)
        assert bench.text == ""
    bench.strike(ENTER, 0.020)
    assert bench.scans == [Scan(CODE)]


def test_a_burst_survives_pauses_up_to_a_tenth_of_a_second_without_showing() -> None:
    bench = Bench()
    bench.type(CODE[:60], 0.002)
    bench.type(CODE[60:], PAUSE - 0.001)
    assert bench.text == ""


def test_characters_that_came_before_the_scan_in_the_same_burst_were_typed() -> None:
    bench = Bench()
    bench.type("BUDI", 0.05, stalled=True)
    bench.type(CODE, 0.002)
    bench.strike(ENTER)
    assert (bench.scanned, bench.text) == ([CODE], "BUDI")


@pytest.mark.parametrize("scan_field", [False, True])
def test_the_end_of_a_long_text_without_a_blank_is_no_code(scan_field: bool) -> None:
    bench = Bench(scan_field=scan_field)
    text = "abcdefg" * 100
    bench.type(text, 0.0)
    bench.strike(ENTER)
    assert (bench.scanned, bench.text) == (([text], "") if scan_field else ([], text + ENTER))


def test_what_is_longer_than_any_symbol_was_not_scanned() -> None:
    bench = Bench(scan_field=True)
    text = "gate " * LONGEST
    bench.type(text, 0.0)
    bench.strike(ENTER)
    assert (bench.scanned, bench.text) == ([], text + ENTER)


def test_a_code_behind_the_longest_word_in_the_same_burst_is_a_scan() -> None:
    bench = Bench()
    bench.type("x" * (LONGEST_WORD - 1) + CODE, 0.0)
    bench.strike(ENTER)
    assert (bench.scanned, bench.text) == ([CODE], "x" * (LONGEST_WORD - 1))


def test_the_name_of_the_symbology_belongs_to_the_scan() -> None:
    bench = Bench()
    bench.type("budi]Q1" + CODE, 0.004)
    bench.strike(ENTER)
    assert (bench.scanned, bench.text) == ([CODE], "budi")


def test_ten_scans_back_to_back_are_ten_scans() -> None:
    bench = Bench(scan_field=True)
    for number in range(10):
        bench.type(CODE if number % 2 else OTHER_CODE, 0.0)
        bench.strike(ENTER)
    assert (bench.scanned, bench.text) == ([OTHER_CODE, CODE] * 5, "")


def test_the_line_feed_after_the_carriage_return_disappears_too() -> None:
    bench = Bench()
    bench.type(CODE, 0.001)
    bench.strike(ENTER)
    bench.strike(ENTER, 0.001)
    assert bench.swallowed_ends == 2
    bench.strike(ENTER, PAUSE + 0.001)
    assert bench.swallowed_ends == 2, "an Enter later than that is a person's"


@pytest.mark.parametrize("text", [CODE[:-1], CODE + "1", "0" + CODE[1:], CODE[:70] + " " + CODE[71:]])
def test_what_is_no_code_is_typing_where_no_scans_are_expected(text: str) -> None:
    bench = Bench()
    bench.type(text, 0.001)
    bench.strike(ENTER)
    assert (bench.scanned, bench.text) == ([], text + ENTER)


def test_a_long_fast_text_is_a_scan_where_scans_are_expected() -> None:
    text = "https://example.org/t?id=0001"
    bench = Bench(scan_field=True)
    bench.type("12", 0.3)
    bench.strike(text[0], 0.3)
    bench.type(text[1:], 0.010)
    bench.strike(ENTER, 0.010)
    assert (bench.scanned, bench.text) == ([text], "12")


def test_a_foreign_scan_that_began_haltingly_is_whole() -> None:
    """Its first characters were handed on before the burst was recognised; they are taken back."""
    text = "UIC-0801:123456789012345678"
    bench = Bench(scan_field=True)
    bench.type(text[:2], GLANCE + 0.02)
    bench.type(text[2:], 0.010)
    bench.strike(ENTER, 0.010)
    assert (bench.scanned, bench.text) == ([text], "")
    assert bench.scans[0].delivered


@pytest.mark.parametrize(
    ("text", "gap"), [("K" * (FOREIGN_LENGTH - 1), 0.001), ("a long sentence by a person", GLANCE + 0.01)]
)
def test_short_or_slow_texts_are_typing_even_there(text: str, gap: float) -> None:
    bench = Bench(scan_field=True)
    bench.type(text, gap)
    bench.strike(ENTER, gap)
    assert (bench.scanned, bench.text) == ([], text + ENTER)


def test_a_person_waits_no_longer_than_a_glance() -> None:
    bench = Bench()
    bench.strike("g")
    assert bench.wedge.due == pytest.approx(GLANCE)
    bench.strike("m", 0.12)
    assert bench.text == "g"
    bench.type("r", 0.010)
    assert bench.wedge.due == pytest.approx(bench.now + GLANCE), "two fast keys are a roll, not a scanner"


def test_a_key_held_down_is_not_held_back() -> None:
    bench = Bench()
    bench.type("x" * (BURST_STROKES * 4), 0.016)
    assert bench.wedge.due == pytest.approx(bench.now + GLANCE)


def test_a_correction_on_the_way_makes_it_typing() -> None:
    """A text that was edited is no longer what came in; the field itself knows it best."""
    bench = Bench()
    bench.type(CODE[:100], 0.2)
    bench.strike(LEFT, 0.2)
    bench.type(CODE[100:], 0.2)
    bench.strike(ENTER, 0.2)
    assert bench.scanned == []
    assert bench.text == CODE[:100] + LEFT + CODE[100:] + ENTER


def test_what_waits_goes_before_a_click() -> None:
    bench = Bench()
    bench.type("ab", 0.001)
    assert [decision.keys for decision in bench.wedge.release()] == [tuple(bench.struck)]
    assert bench.wedge.release() == []


def test_an_endless_stream_is_handed_on_in_pieces() -> None:
    bench = Bench()
    bench.type("ab" * LONGEST, 0.001)
    assert len(bench.field) >= LONGEST
    bench.rest()
    assert bench.text == "ab" * LONGEST


def test_another_form_of_code_can_be_taught() -> None:
    swapped = CODE.replace("2", "é")
    bench = Bench(recognises=lambda text: plain_code(text.replace("é", "2")) is not None)
    bench.type(swapped, 0.3)
    bench.strike(ENTER)
    assert (bench.scanned, bench.text) == ([swapped], "")


gaps = st.sampled_from([0.0, 0.001, 0.008, 0.029, 0.031, 0.099, 0.1, 0.101, 1.0])
pieces = st.one_of(
    st.tuples(st.text("AB2 0x", min_size=1, max_size=30), gaps),
    st.tuples(st.sampled_from([CODE, OTHER_CODE, CODE[:139]]), gaps),
    st.tuples(st.sampled_from([ENTER, TAB, LEFT]), gaps),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(pieces, max_size=12), st.booleans(), st.booleans())
def test_nothing_is_lost_doubled_or_reordered(parts, scan_field: bool, stalled: bool) -> None:
    bench = Bench(scan_field=scan_field)
    for piece, gap in parts:
        if piece == LEFT:
            bench.strike(LEFT, gap)
        else:
            bench.type(piece, gap, stalled=stalled)
    bench.rest()
    numbers = [key.number for key in bench.field]
    assert numbers == sorted(set(numbers)), "in the order of striking, each once"
    missing = len(bench.struck) - len(numbers)
    assert missing == sum(len(scan.text) for scan in bench.scans) + bench.swallowed_ends


@settings(max_examples=100, deadline=None)
@given(st.lists(gaps, min_size=140, max_size=140), st.sampled_from([ENTER, TAB]), st.booleans())
def test_every_code_is_found_however_unevenly_it_comes(pauses, end: str, stalled: bool) -> None:
    bench = Bench()
    bench.type("budi ", 0.2)
    for character, gap in zip(CODE, pauses, strict=True):
        bench.strike(character, gap, stalled=stalled)
    bench.strike(end)
    assert (bench.scanned, bench.text) == ([CODE], "budi ")


def test_pasted_codes() -> None:
    assert codes_in(f"  {CODE.lower()}\n") == [CODE]
    assert codes_in(f"{CODE}\r\n{OTHER_CODE}\r\n") == [CODE, OTHER_CODE]
    assert codes_in(f"{CODE[:76]}\n{CODE[76:]}") == [CODE], "broken over lines by a mail program"
    assert codes_in(f"]Q1{CODE}") == [CODE]
    assert codes_in(f"Budi {CODE}") == []
    assert codes_in("") == []
