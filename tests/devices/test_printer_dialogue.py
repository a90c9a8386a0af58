"""Printer replies: found in any company and cut up in any way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counter.devices.printer_dialogue import PaperStatus, ProcessDone, Reply, ReplyParser

PROCESS_DONE = b"\x37\x22AB12\x00"
# ASB as a TM-T88 sends it: on line, then the drawer pin high, then out of paper with the cover open.
ASB = (b"\x10\x00\x00\x0f", b"\x14\x00\x00\x0f", b"\x3c\x00\x0c\x0f")
NOISE = st.sampled_from(
    [*ASB, b"\x11", b"\x13", b"\x12", b"\x16", b"\x1e", b"\x5fEPSON\x00", b"\x37\x23\x40\x00", b"\x53\x7e\x00", b"\xff"]
)


def replies(*chunks: bytes) -> list[Reply]:
    parser = ReplyParser()
    return [reply for chunk in chunks for reply in parser.feed(chunk)]


def test_a_process_id_is_heard() -> None:
    assert replies(PROCESS_DONE) == [ProcessDone("AB12")]


@pytest.mark.parametrize(
    ("byte", "paper_end"), [(0x00, False), (0x03, False), (0x0C, True), (0x0F, True), (0x60, False)]
)
def test_a_status_byte_tells_about_paper(byte: int, paper_end: bool) -> None:
    [status] = replies(bytes([byte]))
    assert isinstance(status, PaperStatus)
    assert status.paper_end is paper_end


@given(st.lists(NOISE, max_size=6), st.lists(NOISE, max_size=6), st.lists(NOISE, max_size=6), st.data())
def test_other_replies_do_not_confuse(
    before: list[bytes], between: list[bytes], after: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join([*before, PROCESS_DONE, *between, b"\x00", *after])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert replies(*chunks) == [ProcessDone("AB12"), PaperStatus(0)]


def test_flow_control_may_stand_anywhere() -> None:
    def with_flow_control(data: bytes) -> bytes:
        return b"".join(b"\x13\x11" + bytes([byte]) for byte in data)

    stream = with_flow_control(ASB[2] + PROCESS_DONE + b"\x03")
    assert replies(stream) == [ProcessDone("AB12"), PaperStatus(3)]


def test_an_automatic_status_cut_short_does_not_eat_the_reply() -> None:
    assert replies(b"\x10\x00", PROCESS_DONE) == [ProcessDone("AB12")]
    assert replies(b"\x10\x00", ASB[0], b"\x00") == [PaperStatus(0)]


@pytest.mark.parametrize(
    "block", [b"\x37\x22AB1\x00", b"\x37\x22AB123\x00", b"\x37\x21AB12\x00", b"\x37\x00", b"\x5f\x22AB12\x00"]
)
def test_blocks_of_another_form_are_no_process_id(block: bytes) -> None:
    assert replies(block, b"\x00") == [PaperStatus(0)]


def test_a_block_without_end_does_not_last_for_ever() -> None:
    assert ProcessDone("AB12") in replies(b"\x37" + b"x" * 300, PROCESS_DONE)


@given(st.binary(max_size=600))
def test_any_bytes_are_taken(data: bytes) -> None:
    for reply in replies(data):
        assert isinstance(reply, ProcessDone | PaperStatus)
