"""Records: their bytes, their chain, their signatures and their payloads."""

from hashlib import blake2b

import nacl.bindings
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_wire import (
    NO_IDS,
    NO_SUPERSEDED,
    LimitError,
    SignatureError,
    Superseded,
    WireError,
    body_of,
    cbor,
    check_key_untrusted,
    encode_ids,
    encode_payload,
    encode_superseded,
    extend,
    log_id,
    payload_hash,
    record_bytes,
    shape_of,
    sign_head,
    split_payload_untrusted,
    verify_head_untrusted,
    verify_signature_untrusted,
)
from tests.wire.parties import ALICE, ALICE_LOG, BOB, INCARNATION, SCOPE, heads_of, record

# ---- chain and signature -------------------------------------------------------------------------


def test_a_body_is_the_canonical_array_of_eight() -> None:
    dep, head = b"d" * 32, b"m" * 32
    dots = encode_superseded([Superseded(0, None, 3)])
    item = record(7, superseded=dots, deps=encode_ids([dep]), auth=encode_ids([head]))
    names: list[cbor.Encodable] = ["r/content", "s/tags"]
    parts: list[cbor.Encodable] = [0, item.engram, item.hlc, [dep], [head], names, [0, 0, 3]]
    assert body_of(item) == cbor.encode([*parts, 1])
    assert body_of(item._replace(marked=False)) == cbor.encode([*parts, 0])


def test_the_chain_hashes_the_previous_id_the_seq_the_payload_hash_and_the_body() -> None:
    first, second = record(1), record(2)
    for item, before in ((first, ALICE_LOG), (second, heads_of([first])[0])):
        data = before + item.seq.to_bytes(8, "big") + item.payload_hash + body_of(item)
        expected = blake2b(data, digest_size=32, person=b"engram record").digest()
        assert extend(before, item) == expected


def test_a_log_id_depends_on_every_part_of_its_name() -> None:
    parts = (0, SCOPE, ALICE.public_key, INCARNATION)
    others = [
        (1, SCOPE, ALICE.public_key, INCARNATION),
        (0, b"t" * 32, ALICE.public_key, INCARNATION),
        (0, SCOPE, BOB.public_key, INCARNATION),
        (0, SCOPE, ALICE.public_key, b"j" * 16),
    ]
    assert len({log_id(*parts), *(log_id(*other) for other in others)}) == 5
    with pytest.raises(ValueError):
        log_id(0, SCOPE[:-1], ALICE.public_key, INCARNATION)


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 2},
        {"engram": b"x" * 16},
        {"hlc": 1 << 40},
        {"shape": shape_of(1, ["r/content", "s/tags"])},
        {"superseded": encode_superseded([Superseded(0, None, 0)])},
        {"payload_hash": b"x" * 32},
        {"deps": encode_ids([b"x" * 32])},
        {"auth": encode_ids([b"x" * 32])},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_field_of_a_record_changes_its_id(change: dict[str, object]) -> None:
    item = record(1)
    assert extend(ALICE_LOG, item._replace(**change)) != extend(ALICE_LOG, item)  # type: ignore[arg-type]  # each row fits its field


def test_dropping_a_payload_does_not_change_the_id() -> None:
    item = record(1)
    assert extend(ALICE_LOG, item._replace(payload=None)) == extend(ALICE_LOG, item)


def test_a_signature_holds_for_its_author_and_head_only() -> None:
    head = heads_of([record(1)])[0]
    signature = sign_head(ALICE.secret_key, head)
    verify_head_untrusted(ALICE.public_key, head, signature)
    for author, over, proof in (
        (BOB.public_key, head, signature),
        (ALICE.public_key, ALICE_LOG, signature),
        (ALICE.public_key, head, bytes(64)),
        (ALICE.public_key, head, signature[:-1]),
        (ALICE.public_key[:-1], head, signature),
    ):
        with pytest.raises(SignatureError):
            verify_head_untrusted(author, over, proof)


def test_a_signature_whose_scalar_was_raised_by_the_group_order_is_refused() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    head = heads_of([record(1)])[0]
    signature = sign_head(ALICE.secret_key, head)
    raised = int.from_bytes(signature[32:], "little") + order
    malleated = signature[:32] + raised.to_bytes(32, "little")
    with pytest.raises(SignatureError):
        verify_head_untrusted(ALICE.public_key, head, malleated)


SMALL_ORDER_KEYS = [
    bytes(32),
    bytes(31) + b"\x80",
    b"\x01" + bytes(31),
    b"\x01" + bytes(30) + b"\x80",
    b"\xec" + b"\xff" * 30 + b"\x7f",
    b"\xed" + b"\xff" * 30 + b"\x7f",
    b"\xee" + b"\xff" * 30 + b"\x7f",
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]


@pytest.mark.parametrize("key", SMALL_ORDER_KEYS, ids=bytes.hex)
def test_no_signature_verifies_under_a_small_order_key(key: bytes) -> None:
    # R = A, S = 0 satisfies the verification equation of a careless library for any message.
    for signature in (key + bytes(32), b"\x01" + bytes(63)):
        for number in range(16):
            with pytest.raises(SignatureError):
                verify_signature_untrusted(key, b"message %d" % number, signature, "forgery")


@pytest.mark.parametrize("key", [b"", bytes(31), *SMALL_ORDER_KEYS], ids=bytes.hex)
def test_what_is_no_key_cannot_be_enrolled(key: bytes) -> None:
    check_key_untrusted(ALICE.public_key)
    with pytest.raises(SignatureError):
        check_key_untrusted(key)


# ---- payload -------------------------------------------------------------------------------------


payload_values = st.lists(
    (
        st.text(max_size=30)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.integers(-(2**63), 2**64 - 1)
        | st.lists(st.text(max_size=5) | st.booleans(), max_size=3)
    ).map(cbor.encode),
    max_size=64,
)


@pytest.mark.slow
@given(payload_values)
def test_a_payload_splits_into_the_values_it_was_joined_from(values: list[bytes]) -> None:
    payload = encode_payload(b"s" * 16, values)
    assert split_payload_untrusted(payload) == values
    assert cbor.decode_untrusted(payload) == [b"s" * 16, [cbor.decode_untrusted(v) for v in values]]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x80",
        cbor.encode([b"s" * 16]),
        cbor.encode([b"s" * 15, []]),
        cbor.encode(["s" * 16, []]),
        cbor.encode([b"s" * 16, {}]),
        cbor.encode([b"s" * 16, [1] * 65]),
        cbor.encode([b"s" * 16, [], 1]),
        encode_payload(b"s" * 16, [b"\x18\x01"]),
        encode_payload(b"s" * 16, [b"\xf7"]),
        encode_payload(b"s" * 16, [b"\xa2\x61b\x00\x61a\x00"]),
        encode_payload(b"s" * 16, [b"\x01"])[:-1],
        encode_payload(b"s" * 16, [b"\x01"]) + b"\x00",
        b"\x82\x50" + b"s" * 16 + b"\x98\x01\x01",
    ],
)
def test_a_payload_that_is_none_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        split_payload_untrusted(payload)


def test_payloads_are_bounded() -> None:
    with pytest.raises(LimitError):
        split_payload_untrusted(bytes((512 << 10) + 1))
    with pytest.raises(ValueError):
        encode_payload(b"s" * 16, [bytes(512 << 10)])
    with pytest.raises(ValueError):
        encode_payload(b"s" * 15, [])
    with pytest.raises(ValueError):
        encode_payload(b"s" * 16, [b"\x00"] * 65)


def test_payload_hashes_are_separated_from_other_hashes() -> None:
    data = encode_payload(b"s" * 16, [])
    assert payload_hash(data) == blake2b(data, digest_size=32, person=b"engram payload").digest()


def test_the_size_of_a_record_is_that_of_its_payload_and_body() -> None:
    item = record(1)
    assert item.payload is not None
    assert record_bytes(item) == len(item.payload) + len(body_of(item))
    assert record_bytes(item._replace(payload=None)) == len(body_of(item))
    assert NO_SUPERSEDED == NO_IDS == cbor.encode([])


def test_a_signature_of_another_use_does_not_verify_as_a_record_signature() -> None:
    head = heads_of([record(1)])[0]
    bare = nacl.bindings.crypto_sign(head, ALICE.secret_key)[:64]
    with pytest.raises(SignatureError):
        verify_head_untrusted(ALICE.public_key, head, bare)
