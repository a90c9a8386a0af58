"""The key ring: what it seals, what it refuses to read, and which file it accepts."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import keys
from core import office as offices
from core.errors import IntegrityFailure, NotReady
from core.keys import KeyRing

PURPOSE = "passengers.identity_number"


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return keys.create(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return keys.create(tmp_path_factory.mktemp("other"))


# Sealing


@given(text=st.text(max_size=200))
def test_what_was_sealed_is_read(ring: KeyRing, text: str) -> None:
    sealed = ring.encrypt(text, PURPOSE)
    assert ring.decrypt(sealed, PURPOSE) == text
    assert text.encode() not in sealed or len(text) < 3


def test_the_same_text_is_sealed_differently_and_digested_the_same(ring: KeyRing, other: KeyRing) -> None:
    assert ring.encrypt("3171010101900001", PURPOSE) != ring.encrypt("3171010101900001", PURPOSE)
    assert ring.digest("3171010101900001") == ring.digest("3171010101900001") != other.digest("3171010101900001")


@given(position=st.integers(0, 44), bit=st.integers(0, 7))
def test_one_changed_bit_is_found(ring: KeyRing, position: int, bit: int) -> None:
    sealed = bytearray(ring.encrypt("3171010101900001", PURPOSE))
    sealed[position] ^= 1 << bit
    with pytest.raises(IntegrityFailure):
        ring.decrypt(bytes(sealed), PURPOSE)


@given(length=st.integers(0, 44))
def test_a_piece_is_not_the_whole(ring: KeyRing, length: int) -> None:
    with pytest.raises(IntegrityFailure):
        ring.decrypt(ring.encrypt("3171010101900001", PURPOSE)[:length], PURPOSE)


def test_a_value_does_not_move_to_another_column_or_ring(ring: KeyRing, other: KeyRing) -> None:
    sealed = ring.encrypt("3171010101900001", PURPOSE)
    for reader, purpose in ((ring, "bookings.contact_phone"), (other, PURPOSE)):
        with pytest.raises(IntegrityFailure):
            reader.decrypt(sealed, purpose)


def test_nothing_of_a_ring_is_printed(ring: KeyRing) -> None:
    shown = repr(ring) + str(ring)
    assert ring.digest_key.hex() not in shown
    assert "PrivateKey" not in shown
    assert repr(ring.digest_key) not in shown


# The file


def test_a_ring_is_kept_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "keys"
    made = keys.create(folder)
    assert keys.exists(folder)
    assert (folder / "ring.json").stat().st_mode & 0o777 == 0o600
    assert keys.load(folder).fingerprints() == made.fingerprints() == keys.create(folder).fingerprints()
    assert [path.name for path in folder.iterdir()] == ["ring.json"]


def test_many_who_make_a_ring_at_once_have_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: keys.create(tmp_path).fingerprints(), range(8)))
    assert all(one == made[0] for one in made)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_ring_others_may_read_is_not_used(tmp_path: Path, mode: int) -> None:
    keys.create(tmp_path)
    (tmp_path / "ring.json").chmod(mode)
    with pytest.raises(NotReady) as caught:
        keys.load(tmp_path)
    assert "chmod 600" in caught.value.hint


def document(folder: Path) -> dict[str, Any]:
    keys.create(folder)
    return json.loads((folder / "ring.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "damage",
    [
        {"ticket": {}},
        {"identity": {}},
        {"digest": ""},
        {"digest": "AAAA"},
        {"digest": None},
        {"digest": "not base64!"},
        {"ticket": {"1": "AAAA"}},
        {"ticket": {"one": "A" * 43 + "="}},
        {"ticket": {"0": "A" * 43 + "="}},
        {"ticket": {"256": "A" * 43 + "="}},
        {"ticket": ["1"]},
        {"ticket": None},
        {"identity": {"1": "AAAA"}},
        {"identity": {"256": "A" * 43 + "="}},
        {"identity": {"1": 5}},
    ],
)
def test_a_damaged_ring_is_not_used(tmp_path: Path, damage: dict[str, Any]) -> None:
    whole = document(tmp_path)
    (tmp_path / "ring.json").write_text(json.dumps({**whole, **damage}), encoding="utf-8")
    with pytest.raises(NotReady):
        keys.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}"])
def test_a_file_that_is_no_ring_is_not_used(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ring.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(NotReady):
        keys.load(tmp_path)


def test_no_ring_and_no_place_for_one(tmp_path: Path) -> None:
    with pytest.raises(NotReady):
        keys.load(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NotReady):
        keys.create(tmp_path / "file" / "keys")
    assert not keys.exists(tmp_path)


def test_a_ring_survives_the_death_of_whoever_makes_it(tmp_path: Path) -> None:
    """Killed before the ring appears: the next one makes it; what is left over disturbs nobody."""
    code = (
        "import os, signal, sys; from pathlib import Path; from core import keys\n"
        "os.link = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"
        "keys.create(Path(sys.argv[1]))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    assert not keys.exists(tmp_path)
    assert keys.create(tmp_path).fingerprints() == keys.load(tmp_path).fingerprints()


# Ring and database


def test_another_ring_does_not_open_the_office(database: Any, other: KeyRing) -> None:
    connected = offices.connect(database.counter_url)
    with pytest.raises(NotReady) as caught:
        offices.open_office(connected, other)
    assert "key ring" in caught.value.message
    connected.close()


def test_a_new_key_is_used_when_the_database_knows_it(database: Any, key_ring: KeyRing, tmp_path: Path) -> None:
    """Rotation begins by adding a key to the ring: until it is registered the old one goes on signing."""
    whole = json.loads((Path(database.keys_folder) / "ring.json").read_text(encoding="utf-8"))
    fresh = document(tmp_path)
    whole["ticket"]["2"], whole["identity"]["2"] = fresh["ticket"]["1"], fresh["identity"]["1"]
    (tmp_path / "ring.json").write_text(json.dumps(whole), encoding="utf-8")
    (tmp_path / "ring.json").chmod(0o600)
    opened = offices.open_office(offices.connect(database.counter_url), keys.load(tmp_path))
    assert (opened.keys.signing_key_id, set(opened.public_keys)) == (1, {1})
    assert opened.keys.decrypt(key_ring.encrypt("x", PURPOSE), PURPOSE) == "x"
    opened.close()
