"""What was done to a chain is told from its links alone: changed, removed, put in, moved, cut off."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audit import chain
from core.audit.chain import Head, Link, Walk, Witness


def follow(previous: bytes, content: int) -> bytes:
    return hashlib.sha256(previous + content.to_bytes(4)).digest()


def link(number: int, content: int, previous: bytes) -> Link:
    return Link(number, UUID(int=content), previous, follow(previous, content), True, "update of things x")


def chain_of(length: int) -> list[Link]:
    """A faultless chain; the content of each row is its number."""
    links: list[Link] = []
    for number in range(1, length + 1):
        links.append(link(number, number, links[-1].hash if links else b""))
    return links


def head_of(links: Sequence[Link]) -> Head:
    return Head(links[-1].number, links[-1].previous, links[-1].hash)


def verdict(
    links: Sequence[Link],
    head: Head | None,
    *,
    witnesses: Sequence[Witness] = (),
    belongs: dict[UUID, int] | None = None,
) -> list[str]:
    """As the proof puts it together: the first break or the end, and the witnesses."""
    walk = Walk(head, frozenset(witness.number for witness in witnesses))
    in_order = sorted(links, key=lambda one: (one.number, one.id))
    rest: list[Link] = []
    for one in in_order:
        if rest or not walk.take(one):
            rest.append(one)
    broken = chain.diagnose(walk, rest, belongs or {}) if rest else chain.end(walk)
    last = max((one.number for one in in_order), default=0)
    return [said for said in (broken, chain.testimony(walk, witnesses, last)) if said]


lengths = st.integers(2, 12)


@given(lengths)
def test_a_whole_chain_is_whole(length: int) -> None:
    links = chain_of(length)
    witnesses = [Witness(one.number, one.hash, "somebody") for one in links]
    assert verdict(links, head_of(links), witnesses=witnesses) == []


@given(lengths, st.data())
def test_a_changed_row_is_named(length: int, data: st.DataObject) -> None:
    links, at = chain_of(length), data.draw(st.integers(0, length - 1))
    head = head_of(links)
    links[at] = replace(links[at], whole=False)
    assert verdict(links, head) == [f"{links[at]} was changed"]


@given(lengths, st.data())
def test_removed_rows_are_named(length: int, data: st.DataObject) -> None:
    links = chain_of(length)
    first, last = sorted((data.draw(st.integers(1, length - 1)), data.draw(st.integers(1, length - 1))))
    left = [one for one in links if not first <= one.number <= last]
    rows = f"row {first} was" if first == last else f"rows {first} to {last} were"
    assert verdict(left, head_of(links)) == [f"{rows} removed: next comes {links[last]}"]


@given(lengths, st.data())
def test_a_removed_row_is_missed_when_the_rest_is_numbered_anew(length: int, data: st.DataObject) -> None:
    links, gone = chain_of(length), data.draw(st.integers(1, length - 1))
    left = [replace(one, number=one.number - (one.number > gone)) for one in links if one.number != gone]
    head = replace(head_of(links), number=length - 1)
    assert verdict(left, head) == [f"a row before {left[gone - 1]} was removed, and the rest was numbered anew"]


@given(lengths, st.data())
def test_two_swapped_rows_are_named(length: int, data: st.DataObject) -> None:
    links = chain_of(length)
    one, other = sorted(data.draw(st.sets(st.integers(0, length - 1), min_size=2, max_size=2)))
    moved = list(links)
    moved[one] = replace(links[one], number=links[other].number)
    moved[other] = replace(links[other], number=links[one].number)
    assert verdict(moved, head_of(links)) == [f"{moved[one]} was moved: it belongs into place {one + 1}"]


def test_swapped_contents_are_named() -> None:
    links = chain_of(5)
    swapped = [
        *links[:1],
        replace(links[1], id=links[3].id, whole=False),
        links[2],
        replace(links[3], id=links[1].id, whole=False),
        links[4],
    ]
    fits = {links[3].id: 4, links[1].id: 2}
    assert verdict(swapped, head_of(links), belongs=fits) == [
        f"{swapped[1]} was moved: what it says belongs into row 4"
    ]


@given(lengths, st.data())
def test_a_row_with_another_number_is_named(length: int, data: st.DataObject) -> None:
    links, at = chain_of(length), data.draw(st.integers(0, length - 1))
    head = head_of(links)
    links[at] = replace(links[at], number=data.draw(st.integers(0, length).filter(lambda n: n != at + 1)))
    (said,) = verdict(links, head)
    assert f"{links[at]} was moved" in said


@given(lengths, st.booleans(), st.booleans(), st.booleans(), st.data())
def test_a_row_that_was_put_in_is_named(
    length: int, whole: bool, linked: bool, renumbered: bool, data: st.DataObject
) -> None:
    """Anywhere before the end, hashed rightly or not, linked to the row before it or to nothing."""
    links, at = chain_of(length), data.draw(st.integers(0, length - 1))
    head = head_of(links)
    before = links[at - 1].hash if at else b""
    stranger = link(at + 1, 1000, before if linked else b"\0" * 32)
    if not whole:
        stranger = replace(stranger, hash=b"\1" * 32, whole=False)
    later = [replace(one, number=one.number + renumbered) for one in links[at:]]
    head = replace(head, number=length + renumbered)
    (said,) = verdict([*links[:at], stranger, *later], head)
    assert f"{stranger} was put in" in said


@pytest.mark.parametrize("whole", [True, False])
def test_a_row_beyond_the_end_is_named(whole: bool) -> None:
    links = chain_of(3)
    stranger = replace(link(4, 4, links[-1].hash), whole=whole)
    assert verdict([*links, stranger], head_of(links)) == [f"{stranger} was put in: the chain ends with row 3"]


def test_an_end_that_was_cut_off_is_named() -> None:
    links = chain_of(5)
    head = head_of(links)
    assert verdict(links[:4], head) == ["row 5 was cut off: its head knows of row 5"]
    assert verdict(links[:2], head) == ["rows 3 to 5 were cut off: its head knows of row 5"]
    assert verdict([], head) == ["rows 1 to 5 were cut off: its head knows of row 5"]


def test_an_end_that_was_cut_off_with_its_head_is_told_by_a_witness() -> None:
    links = chain_of(5)
    witness = Witness(4, links[3].hash, "somebody")
    assert verdict(links[:4], head_of(links[:4]), witnesses=[witness]) == []
    assert verdict(links[:3], head_of(links[:3]), witnesses=[witness]) == ["row 4 was cut off: somebody knows of row 4"]
    assert verdict([], None, witnesses=[witness]) == ["rows 1 to 4 were cut off: somebody knows of row 4"]


def test_a_chain_that_was_made_anew_is_told_by_a_witness() -> None:
    links = chain_of(5)
    witnesses = [Witness(number, links[number - 1].hash, f"witness {number}") for number in (2, 4)]
    forged = links[:2]
    for content in (33, 4, 5):
        forged.append(link(len(forged) + 1, content, forged[-1].hash))
    assert verdict(forged, head_of(forged), witnesses=witnesses) == [
        "rows 3 to 4 were rewritten: witness 4 knows another"
    ]


@pytest.mark.parametrize("change", [{"hash": b"x" * 32}, {"previous": b"x" * 32}])
def test_a_changed_head_is_named(change: dict[str, bytes]) -> None:
    links = chain_of(3)
    assert verdict(links, replace(head_of(links), **change)) == [f"its head was changed; {links[-1]} is the last"]


def test_a_head_that_is_gone_is_missed() -> None:
    assert verdict(chain_of(2), None) == ["its head is gone; row 2 is the last"]


def test_a_head_that_was_set_back_is_told() -> None:
    links = chain_of(4)
    (said,) = verdict(links, head_of(links[:2]))
    assert said == f"{links[2]} was put in: the chain ends with row 2"
