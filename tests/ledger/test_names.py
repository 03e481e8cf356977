"""Ids, witnesses and pasts: small values with exact forms."""

from hashlib import blake2b
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_sync.errors import CorruptError
from engram_sync.ledger import (
    Past,
    Witness,
    continues,
    decode_past,
    decode_witnesses,
    encode_past,
    encode_witnesses,
    keyed_id,
    uuid7,
)
from engram_wire import cbor, encode_ids
from tests.ledger.replica import Replica, create, engram_id

SECRET = bytes(range(32))
SPEC = Path(__file__).parents[2] / "wire" / "SPEC.md"


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_a_new_engram_id_is_a_uuid_of_version_7_with_its_time(ms: int, entropy: bytes) -> None:
    identity = UUID(bytes=uuid7(ms, entropy))
    assert (identity.version, identity.variant) == (7, "specified in RFC 4122")
    assert identity.int >> 80 == ms


def test_the_example_of_rfc_9562() -> None:
    entropy = bytes.fromhex("0cc318c4dc0c0c07398f")
    assert UUID(bytes=uuid7(0x017F22E279B0, entropy)) == UUID(
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    )


def test_later_ids_sort_later() -> None:
    assert uuid7(1, b"\xff" * 10) < uuid7(2, bytes(10))


@pytest.mark.parametrize(("ms", "size"), [(-1, 10), (2**48, 10), (0, 9)])
def test_a_uuid7_of_wrong_parts_is_refused(ms: int, size: int) -> None:
    with pytest.raises(ValueError, match="UUIDv7"):
        uuid7(ms, bytes(size))


def test_a_keyed_id_is_a_uuid_of_version_8_that_depends_on_every_part() -> None:
    ids = {
        keyed_id(SECRET, b"agent", "remember", b"key"),
        keyed_id(SECRET[::-1], b"agent", "remember", b"key"),
        keyed_id(SECRET, b"other", "remember", b"key"),
        keyed_id(SECRET, b"agent", "import", b"key"),
        keyed_id(SECRET, b"agent", "remember", b"other"),
        keyed_id(SECRET, b"agentr", "emember", b"key"),
    }
    assert len(ids) == 6
    assert {UUID(bytes=identity).version for identity in ids} == {8}
    assert keyed_id(SECRET, b"agent", "remember", b"key") in ids


def test_a_keyed_id_never_changes() -> None:
    """Imports made years apart must meet, and those of other programs."""
    identity = keyed_id(SECRET, bytes(32), "remember", b"deploy-key")
    assert UUID(bytes=identity) == UUID("b9d1bad3-1e64-8d8e-a0ba-872144064557")
    assert f"`{UUID(bytes=identity)}`" in SPEC.read_text("utf-8")


def test_a_keyed_id_is_made_as_the_specification_says() -> None:
    source = cbor.encode([bytes(32), "remember", b"deploy-key"])
    made = blake2b(source, digest_size=16, key=SECRET, person=b"engram id").digest()
    number = int.from_bytes(made) & ~(0xF << 76 | 3 << 62) | 8 << 76 | 2 << 62
    assert keyed_id(SECRET, bytes(32), "remember", b"deploy-key") == number.to_bytes(16)


def test_a_scope_secret_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="scope secret"):
        keyed_id(b"short", b"", "", b"")


# -- witness -----------------------------------------------------------------------------------


def test_only_the_log_that_was_closed_since_the_same_boot_continues() -> None:
    ann = Replica("ann")
    log = ann.write(ann.found(), create(engram_id(1))).log
    witness = Witness(log.id, log.seq, log.head, "boot 1")
    assert continues(witness, log, "boot 1")
    assert not continues(None, log, "boot 1")
    assert not continues(witness, log, "boot 2")
    assert not continues(witness._replace(seq=2), log, "boot 1")
    assert not continues(witness._replace(head=bytes(32)), log, "boot 1")
    assert not continues(witness._replace(log=bytes(32)), log, "boot 1")


def test_witnesses_come_back_as_they_were_written() -> None:
    witnesses = [Witness(bytes([n]) * 32, n, b"h" * 32, "boot") for n in range(3)]
    assert decode_witnesses(encode_witnesses(witnesses)) == {w.log: w for w in witnesses}


@given(st.binary(max_size=64))
def test_a_damaged_witness_proves_nothing(data: bytes) -> None:
    assert isinstance(decode_witnesses(data), dict)


@pytest.mark.parametrize("value", [None, b"", b"\x80", cbor.encode([1, [[b"", 1, b""]]])])
def test_an_absent_or_odd_witness_proves_nothing(value: bytes | None) -> None:
    assert decode_witnesses(value) == {}


# -- past --------------------------------------------------------------------------------------


@given(st.dictionaries(st.integers(1, 2**31), st.integers(1, 2**40)))
def test_a_past_comes_back_as_it_was_stored(seen: dict[int, int]) -> None:
    past = Past(seen, encode_ids([b"h" * 32]))
    assert decode_past(encode_past(past)) == past


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x82\x40\x81\x01", b"\x82\x40\x82\x01\x40"])
def test_a_damaged_past_is_corruption_not_an_empty_past(data: bytes) -> None:
    with pytest.raises(CorruptError):
        decode_past(data)
    assert decode_past(None) == Past()


def test_a_ledger_rebuilt_from_its_rows_is_the_same() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    ann.admit(scope, bob.key)
    for number in range(4):
        bob.take_all(ann, scope)
        bob.write(scope, create(engram_id(number)))
        ann.take_all(bob, scope)
        ann.write(scope, create(engram_id(100 + number)))
    again = ann.reopened()
    assert again.state(scope) == ann.state(scope)
    assert again.ledger.version(scope) == ann.ledger.version(scope)
    again.write(scope, create(engram_id(7)))
    bob.take_all(again, scope)
    assert bob.ledger.clock(scope) == again.ledger.clock(scope)
