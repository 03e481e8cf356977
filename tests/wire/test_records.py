"""Records: their bytes, their chain, their signatures, and what no honest author can write."""

from hashlib import blake2b

import nacl.bindings
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_wire import (
    AUTH_UNCHANGED,
    NO_IDS,
    NO_SUPERSEDED,
    InvalidRecordError,
    LimitError,
    RecordKind,
    SignatureError,
    Superseded,
    WireError,
    body_of,
    cbor,
    check_key_untrusted,
    decode_auth_untrusted,
    decode_ids_untrusted,
    decode_superseded_untrusted,
    encode_ids,
    encode_payload,
    encode_superseded,
    extend,
    log_id,
    parse_shape_untrusted,
    payload_hash,
    record_bytes,
    shape_of,
    sign_head,
    split_payload_untrusted,
    statement_shape,
    verify_head_untrusted,
    verify_signature_untrusted,
)
from tests.wire.parties import ALICE, ALICE_LOG, BOB, INCARNATION, SCOPE, heads_of, record

UNKNOWN_KIND = 9
UNKNOWN_MEMBERSHIP_KIND = 22
ids32 = st.binary(min_size=32, max_size=32)


# ---- chain and signature -------------------------------------------------------------------------


def test_a_body_is_the_canonical_array_of_seven() -> None:
    dep, head = b"d" * 32, b"m" * 32
    dots = encode_superseded([Superseded(0, None, 3)])
    item = record(7, superseded=dots, deps=encode_ids([dep]), auth=encode_ids([head]))
    names: list[cbor.Encodable] = ["r/content", "s/tags"]
    assert body_of(item) == cbor.encode([0, item.engram, item.hlc, [dep], [head], names, [0, 0, 3]])


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


# ---- shape ---------------------------------------------------------------------------------------


def test_a_shape_keeps_its_kind_and_collections() -> None:
    shape = shape_of(RecordKind.UPDATE, ["r/content", "s/tags", "s/tags"])
    parsed = parse_shape_untrusted(shape)
    assert (parsed.kind, parsed.collections) == (1, ("r/content", "s/tags", "s/tags"))
    assert parsed.statement is None


def test_a_statement_keeps_its_kind_and_array() -> None:
    parsed = parse_shape_untrusted(statement_shape(RecordKind.ADMIT, [b"k" * 32, 2, None]))
    assert (parsed.kind, parsed.collections) == (17, ())
    assert parsed.statement == [b"k" * 32, 2, None]


@pytest.mark.parametrize("kind", [UNKNOWN_KIND, UNKNOWN_MEMBERSHIP_KIND])
def test_the_array_of_an_unknown_kind_is_kept_as_it_is(kind: int) -> None:
    parsed = parse_shape_untrusted(bytes((kind,)) + cbor.encode([{"future": [1.5]}]))
    assert parsed == (kind, (), [{"future": [1.5]}])


def test_a_parsed_statement_is_nobody_elses() -> None:
    shape = statement_shape(RecordKind.ADMIT, [1])
    first = parse_shape_untrusted(shape).statement
    assert first is not None
    first.append(2)
    assert parse_shape_untrusted(shape).statement == [1]


@pytest.mark.parametrize(
    "name",
    ["", "r", "r/", "R/content", "r/Content", "1/content", "rr/content", "r/c", "r/" + "c" * 62],
)
def test_collection_names_are_bounded_lower_case(name: str) -> None:
    allowed = name in {"r/c", "r/" + "c" * 62}
    shape = bytes((0,)) + cbor.encode([name])
    if allowed:
        assert parse_shape_untrusted(shape).collections == (name,)
        assert shape_of(0, [name]) == shape
        return
    with pytest.raises(InvalidRecordError):
        parse_shape_untrusted(shape)
    with pytest.raises(ValueError):
        shape_of(0, [name])


@pytest.mark.parametrize("name", ["r/" + "c" * 63, "r/content\n", "r/é", "r/content "])
def test_other_collection_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidRecordError):
        parse_shape_untrusted(b"\x00" + cbor.encode([name]))


@pytest.mark.parametrize(
    "shape",
    [
        b"",
        b"\x18\x80",
        b"\xff\x80",
        b"\x00",
        b"\x00\x01",
        b"\x10\xf6",
        b"\x00" + cbor.encode([b"r/content"]),
        b"\x00" + cbor.encode(["r/content"] * 65),
        b"\x00\x98\x01\x63r/c",
        b"\x00\x80\x00",
    ],
)
def test_a_shape_that_is_none_is_refused(shape: bytes) -> None:
    with pytest.raises(WireError):
        parse_shape_untrusted(shape)


def test_a_shape_above_its_size_is_refused_unread() -> None:
    with pytest.raises(LimitError):
        parse_shape_untrusted(b"\x10" + bytes(8 << 10))
    with pytest.raises(ValueError):
        statement_shape(16, [bytes(8 << 10)])


@pytest.mark.parametrize("kind", [-1, 16, 24])
def test_a_data_shape_has_the_kind_of_a_data_record(kind: int) -> None:
    with pytest.raises(ValueError):
        shape_of(kind, [])


@pytest.mark.parametrize("kind", [0, 15, 24])
def test_a_statement_has_the_kind_of_a_membership_record(kind: int) -> None:
    with pytest.raises(ValueError):
        statement_shape(kind, [])


# ---- superseded dots -----------------------------------------------------------------------------

dots = st.builds(Superseded, st.integers(0, 3), st.none() | ids32, st.integers(0, 2**32 - 1))


@given(st.lists(dots, max_size=8))
def test_superseded_dots_have_one_spelling_whatever_their_order(items: list[Superseded]) -> None:
    encoded = encode_superseded(items)
    assert encode_superseded([*reversed(items), *items]) == encoded
    decoded = decode_superseded_untrusted(encoded, kind=RecordKind.UPDATE, puts=3)
    assert set(decoded) == set(items)
    assert encode_superseded(decoded) == encoded


@given(st.dictionaries(st.none() | ids32, st.integers(0, 2**32 - 1), max_size=5))
def test_a_delete_names_each_log_once(until: dict[bytes | None, int]) -> None:
    items = [Superseded(0, log, clock) for log, clock in until.items()]
    encoded = encode_superseded(items, kind=RecordKind.DELETE)
    decoded = decode_superseded_untrusted(encoded, kind=RecordKind.DELETE, puts=0)
    assert {log: clock for _, log, clock in decoded} == until


@pytest.mark.parametrize(
    ("kind", "flat"),
    [
        (1, [0]),
        (1, [0, 0]),
        (1, [0, 0, 1, 0]),
        (1, [3, 0, 1]),
        (1, [-1, 0, 1]),
        (1, [True, 0, 1]),
        (1, [0, 1, 1]),
        (1, [0, False, 1]),
        (1, [0, b"short", 1]),
        (1, [0, None, 1]),
        (1, [0, 0, -1]),
        (1, [0, 0, 2**32]),
        (1, [0, 0, 1.0]),
        (1, [0, 0, 2, 0, 0, 1]),
        (1, [0, 0, 1, 0, 0, 1]),
        (1, [1, 0, 1, 0, 0, 1]),
        (1, [0, b"a" * 32, 1, 0, 0, 1]),
        (2, [0, 1, 1]),
        (2, [0, 1, 0, 2]),
        (2, [b"b" * 32, 1, b"a" * 32, 1]),
        (16, [0, 0, 1]),
    ],
)
def test_other_superseded_dots_are_refused(kind: int, flat: list[cbor.Value]) -> None:
    with pytest.raises(InvalidRecordError):
        decode_superseded_untrusted(cbor.encode(flat), kind=kind, puts=2)


def test_superseded_that_is_no_array_or_not_canonical_is_refused() -> None:
    for data in (b"", b"\x00", b"\xa0", b"\x98\x00", b"\x83\x00\x00\x18\x01", b"\x80\x00"):
        with pytest.raises(WireError):
            decode_superseded_untrusted(data, kind=1, puts=1)


def test_superseded_dots_of_an_unknown_kind_are_not_read() -> None:
    assert decode_superseded_untrusted(cbor.encode(["new"]), kind=UNKNOWN_KIND, puts=0) == ()
    with pytest.raises(WireError):
        decode_superseded_untrusted(b"\x98\x00", kind=UNKNOWN_KIND, puts=0)


def test_superseded_dots_are_bounded_in_number_and_bytes() -> None:
    most = [Superseded(0, None, clock) for clock in range(4096)]
    assert len(decode_superseded_untrusted(encode_superseded(most), kind=1, puts=1)) == 4096
    too_many = encode_superseded([*most, Superseded(0, None, 4096)])
    with pytest.raises(LimitError):
        decode_superseded_untrusted(too_many, kind=1, puts=1)
    with pytest.raises(LimitError):
        decode_superseded_untrusted(bytes(1 << 20), kind=1, puts=1)


def test_the_largest_legal_superseded_fits_its_limit() -> None:
    most = [Superseded(24, b"%032d" % n, 2**32 - 1) for n in range(4096)]
    assert len(decode_superseded_untrusted(encode_superseded(most), kind=5, puts=64)) == 4096


# ---- ids -----------------------------------------------------------------------------------------


@given(st.lists(ids32, max_size=30))
def test_ids_have_one_spelling_whatever_their_order(ids: list[bytes]) -> None:
    encoded = encode_ids(ids)
    assert encoded == cbor.encode(sorted(set(ids)))
    assert list(decode_ids_untrusted(encoded)) == sorted(set(ids))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\xf6",
        b"\x80\x00",
        cbor.encode([b"short"]),
        cbor.encode([b"b" * 32, b"a" * 32]),
        cbor.encode([b"a" * 32, b"a" * 32]),
        cbor.encode([b"a" * 33]),
        cbor.encode([b"a" * 31]),
        cbor.encode([b"a" * 32, b"b" * 31]),
        encode_ids([b"a" * 32])[:-1],
        encode_ids([b"a" * 32]) + b"\x00",
        b"\x98\x01" + encode_ids([b"a" * 32])[1:],
        b"\x98\x00",
        b"\x98",
    ],
)
def test_other_ids_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidRecordError):
        decode_ids_untrusted(data)


def test_an_id_of_another_size_is_not_encoded() -> None:
    with pytest.raises(ValueError):
        encode_ids([b"a" * 31])


def test_ids_are_bounded_in_number() -> None:
    ids = [b"%032d" % n for n in range(65)]
    assert len(decode_ids_untrusted(encode_ids(ids[:64]))) == 64
    with pytest.raises(LimitError):
        decode_ids_untrusted(encode_ids(ids))
    assert len(decode_ids_untrusted(encode_ids(ids[:8]), count_max=8)) == 8
    with pytest.raises(LimitError):
        decode_ids_untrusted(encode_ids(ids[:9]), count_max=8)


def test_auth_is_unchanged_or_one_to_eight_heads() -> None:
    heads = [b"%032d" % n for n in range(9)]
    assert decode_auth_untrusted(AUTH_UNCHANGED) is None
    assert decode_auth_untrusted(encode_ids(heads[:8])) == tuple(heads[:8])
    for data in (NO_IDS, encode_ids(heads), b"", b"\xf5"):
        with pytest.raises(WireError):
            decode_auth_untrusted(data)


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
