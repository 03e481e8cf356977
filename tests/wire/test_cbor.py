"""Every value has exactly one spelling, and nothing but that spelling is read."""

import math
import struct

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engram_wire import LimitError, ProtocolError, WireError, cbor

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.binary(max_size=40)
    | st.text(max_size=40)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=30), inner),
    max_leaves=20,
)


def head(major: int, n: int) -> bytes:
    if n < 24:
        return bytes((major << 5 | n,))
    width = next(w for w in (1, 2, 4, 8) if n < 1 << 8 * w)
    return bytes((major << 5 | 23 + width.bit_length(),)) + n.to_bytes(width, "big")


def shortest_float(value: float) -> bytes:
    for code, first in (("e", 0xF9), ("f", 0xFA)):
        try:
            packed = struct.pack(">" + code, value)
        except OverflowError:
            continue
        if struct.unpack(">" + code, packed)[0] == value:
            return bytes((first,)) + packed
    return b"\xfb" + struct.pack(">d", value)


def reference(value: cbor.Value) -> bytes:
    """RFC 8949 section 4.2.1 written out, to compare with."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return shortest_float(value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(reference, value))
    items = sorted((reference(k), reference(v)) for k, v in value.items())
    return head(5, len(value)) + b"".join(k + v for k, v in items)


@pytest.mark.slow
@given(values)
@example({"aa": 1, "b": 2, "ä": 3, "x" * 24: 4})
@example(-0.0)
@example(2.0**-24)
@example(65504.0)
def test_the_encoding_is_the_deterministic_one_of_rfc_8949(value: cbor.Value) -> None:
    assert cbor.encode(value) == reference(value)


@pytest.mark.slow
@given(values)
def test_what_is_encoded_decodes_to_the_same_value(value: cbor.Value) -> None:
    decoded = cbor.decode_untrusted(cbor.encode(value))
    assert decoded == value
    assert cbor.encode(decoded) == cbor.encode(value)


@pytest.mark.slow
@given(values)
def test_what_was_written_here_is_read_without_checks(value: cbor.Value) -> None:
    assert cbor.load(cbor.encode(value)) == value


def test_what_is_no_cbor_is_refused_even_unchecked() -> None:
    with pytest.raises(ProtocolError, match="not CBOR"):
        cbor.load(b"\x82\x01")


@given(st.binary(max_size=64))
@example(b"\x9f\xff")
@example(b"\xc2\x41\x01")
def test_arbitrary_bytes_give_a_value_that_encodes_to_them_or_a_wire_error(data: bytes) -> None:
    try:
        value = cbor.decode_untrusted(data)
    except WireError:
        return
    assert cbor.encode(value) == data


@pytest.mark.slow
@given(values, st.data())
def test_no_change_of_one_byte_gives_a_second_spelling(
    value: cbor.Value, data: st.DataObject
) -> None:
    encoded = bytearray(cbor.encode(value))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    try:
        changed = cbor.decode_untrusted(bytes(encoded))
    except WireError:
        return
    assert cbor.encode(changed) == bytes(encoded)
    assert cbor.encode(changed) != cbor.encode(value)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "nothing"),
        (b"\x00\x00", "trailing byte"),
        (b"\x18\x17", "long integer"),
        (b"\x19\x00\x18", "long integer"),
        (b"\x38\x00", "long negative integer"),
        (b"\x58\x01a", "long length of bytes"),
        (b"\x78\x01a", "long length of text"),
        (b"\x98\x00", "long length of an array"),
        (b"\xb8\x00", "long length of a map"),
        (b"\x5f\x41a\xff", "indefinite bytes"),
        (b"\x7f\x61a\xff", "indefinite text"),
        (b"\x9f\xff", "indefinite array"),
        (b"\xbf\xff", "indefinite map"),
        (b"\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00", "long float"),
        (b"\xfa\x3f\x80\x00\x00", "long float"),
        (b"\xf9\x7e\x00", "not a number"),
        (b"\xf9\x7c\x00", "infinity"),
        (b"\xf9\xfc\x00", "negative infinity"),
        (b"\xf7", "undefined"),
        (b"\xe0", "simple value"),
        (b"\xf8\x20", "simple value"),
        (b"\x61\xff", "text that is not UTF-8"),
        (b"\x63\xed\xa0\x80", "a lone surrogate"),
        (b"\xa2\x61b\x00\x61a\x00", "unsorted keys"),
        (b"\xa2\x62aa\x00\x61b\x00", "keys sorted by letter, not by encoding"),
        (b"\xa2\x61a\x00\x61a\x00", "the same key twice"),
        (b"\xa1\x00\x00", "a key that is a number"),
        (b"\xa1\x41a\x00", "a key that is bytes"),
        (b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff", "an integer outside 64 bits"),
        (b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", "a length beyond any memory"),
        (b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", "a count beyond any memory"),
        (b"\x81" * 17 + b"\x00", "nested 17 deep"),
        (b"\xff", "a lone break"),
        (b"\x1c", "a reserved length"),
    ],
)
def test_every_other_spelling_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ProtocolError):
        cbor.decode_untrusted(data)


def test_nesting_up_to_the_limit_is_read() -> None:
    data = b"\x81" * 16 + b"\x00"
    assert cbor.encode(cbor.decode_untrusted(data)) == data


@pytest.mark.parametrize("content", [b"\x00", b"\x41\x01", b"\x61a", b"\x82\x00\x01", b"\xa0"])
@pytest.mark.parametrize("start", range(0, 1 << 16, 1 << 13))
def test_no_tag_is_read(start: int, content: bytes) -> None:
    for tag in [
        *range(start, start + 64),
        *range(start, start + (1 << 13), 97),
        55799,
        43000,
        1004,
    ]:
        with pytest.raises(ProtocolError):
            cbor.decode_untrusted(head(6, tag) + content)


@pytest.mark.parametrize(
    ("data", "tag"),
    [
        # 10 ** (10 ** 9) as a decimal fraction took more than 20 seconds to become an integer.
        (b"\xc4\x82\x1a\x3b\x9a\xca\x00\x01", 4),
        # Shared references of 339 bytes stood for 2 ** 30 leaves.
        (b"\xd8\x1c\x82\x00\x00", 28),
        # String references of 1 MB stood for 10 GB.
        (b"\xd9\x01\x00\x81\x41a", 256),
    ],
)
def test_a_tag_is_refused_before_its_content_is_computed(data: bytes, tag: int) -> None:
    with pytest.raises(ProtocolError, match=f"semantic tag {tag}"):
        cbor.decode_untrusted(data)


def test_a_value_above_the_size_limit_is_refused_unread() -> None:
    assert cbor.decode_untrusted(b"\x43abc", bytes_max=4) == b"abc"
    with pytest.raises(LimitError):
        cbor.decode_untrusted(b"\x43abc", bytes_max=3)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, 2**64, -(2**63) - 1, {1: 2}, object(), {1, 2}, [[math.nan]], {"a": 2**64}],
)
def test_encode_refuses_what_a_peer_would_refuse(value: cbor.Encodable) -> None:
    with pytest.raises(ValueError):
        cbor.encode(value)


def test_encode_refuses_nesting_beyond_the_limit() -> None:
    value: cbor.Encodable = 0
    for _ in range(17):
        value = [value]
    with pytest.raises(ValueError):
        cbor.encode(value)


def test_tuples_are_written_as_arrays() -> None:
    assert cbor.encode((1, (2.5, "x"))) == cbor.encode([1, [2.5, "x"]])


@pytest.mark.parametrize("length", [0, 1, 23, 24, 255, 256, 65535])
def test_array_heads_are_the_shortest(length: int) -> None:
    assert cbor.array_head(length) == cbor2.dumps([None] * length)[: -length or None]
