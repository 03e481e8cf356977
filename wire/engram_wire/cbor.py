"""Deterministic CBOR (RFC 8949 section 4.2), the only spelling of every value on the wire.

``cbor2`` alone is not strict enough for peer bytes: it accepts long integers, trailing bytes,
dates, sets, shared references and string references.  So no tag is decoded at all, the exact type
of every item is checked against an allow-list, and what was decoded must encode to the same bytes.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, NoReturn, TypeAlias, TypeGuard

import cbor2

from ._limits import CBOR_DEPTH_MAX, CBOR_VALUE_BYTES_MAX
from .errors import LimitError, ProtocolError

Value: TypeAlias = bool | int | float | bytes | str | list["Value"] | dict[str, "Value"] | None
"""What ``decode_untrusted`` returns."""

Encodable: TypeAlias = (
    bool | int | float | bytes | str | Sequence["Encodable"] | Mapping[str, "Encodable"] | None
)
"""What ``encode`` takes: as ``Value``, with lists and tuples alike written as arrays."""

_INT_MIN = -(1 << 63)
_INT_MAX = (1 << 64) - 1

# Every tag that cbor2 decodes by itself.  Others go to its tag hook.  A tag that a later cbor2
# learns would still be stopped by the allow-list of types below.
_TAGS = [
    *range(6),
    25,
    *range(28, 31),
    *range(35, 38),
    52,
    54,
    100,
    256,
    258,
    260,
    261,
    1004,
    43000,
    55799,
]


class _TagError(Exception):
    """Raised inside cbor2 to stop at a tag before its content is looked at."""


def _refuse_tag(*_: object) -> NoReturn:
    raise _TagError


_NO_TAGS: dict[int, Any] = dict.fromkeys(_TAGS, _refuse_tag)


_PLAIN = frozenset({bytes, str, bool, type(None)})
"""Types of which every value is allowed."""
_SCALAR = _PLAIN | {int}


def _is_allowed(value: object, depth: int) -> bool:
    if type(value) in _PLAIN:
        return True
    if type(value) is int:
        return _INT_MIN <= value <= _INT_MAX
    if type(value) is float:
        return isfinite(value)
    if depth == 0:
        return False
    if is_list(value) or is_tuple(value):
        types = set(map(type, value))
        if types <= _SCALAR:
            # Long columns of them are common, and a call for each would cost more than the rest.
            numbers = [item for item in value if type(item) is int] if int in types else [0]
            return min(numbers) >= _INT_MIN and max(numbers) <= _INT_MAX
        return all(_is_allowed(item, depth - 1) for item in value)
    if is_dict(value):
        return all(type(k) is str and _is_allowed(v, depth - 1) for k, v in value.items())
    return False


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether ``value`` is exactly a list, for the type checker as for the reader."""
    return type(value) is list


def is_tuple(value: object) -> TypeGuard[tuple[object, ...]]:
    """Whether ``value`` is exactly a tuple."""
    return type(value) is tuple


def is_dict(value: object) -> TypeGuard[dict[object, object]]:
    """Whether ``value`` is exactly a dict."""
    return type(value) is dict


def encode(value: Encodable) -> bytes:
    """The one encoding of ``value``: shortest integers and floats, maps in bytewise key order.

    Raises:
        ValueError: ``value`` holds something a peer would refuse: another type, an integer outside
            64 bits, a float that is not finite, text that is not UTF-8, or too deep a nesting.
    """
    if not _is_allowed(value, CBOR_DEPTH_MAX):
        raise ValueError(f"a {type(value).__name__} with a part that CBOR here does not allow")
    return dump_canonical(value)


def dump_canonical(value: object) -> bytes:
    """As ``encode``, for values known to hold only allowed types."""
    # cbor2 sorts map keys length-first.  That equals the bytewise order of RFC 8949 as long as
    # all keys are text, because a shorter text has the smaller head.
    return cbor2.dumps(value, canonical=True)


def load_untrusted(data: bytes, *, bytes_max: int) -> object:
    """Decode one item within the limits of size and depth, without checking types or spelling.

    Raises:
        WireError: ``data`` is too large, not CBOR, carries a tag, or is nested too deep.
    """
    if len(data) > bytes_max:
        raise LimitError(f"CBOR of {len(data)} bytes, at most {bytes_max} allowed")
    try:
        return cbor2.loads(
            data,
            tag_hook=_refuse_tag,
            semantic_decoders=_NO_TAGS,
            max_depth=CBOR_DEPTH_MAX,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    except cbor2.CBORError as error:
        raise ProtocolError(f"not CBOR as agreed, in {len(data)} bytes: {error}") from None


def decode_untrusted(data: bytes, *, bytes_max: int = CBOR_VALUE_BYTES_MAX) -> Value:
    """Decode one value that must be spelled exactly as ``encode`` would.

    Args:
        data: The whole encoding, nothing before or after it.
        bytes_max: Refuse more bytes than this before looking at them.

    Raises:
        WireError: anything else than the canonical encoding of one allowed value.
    """
    value = load_untrusted(data, bytes_max=bytes_max)
    if not _is_allowed(value, CBOR_DEPTH_MAX):
        raise ProtocolError(f"CBOR of {len(data)} bytes holds a type that is not allowed")
    if dump_canonical(value) != data:
        raise ProtocolError(f"CBOR of {len(data)} bytes is not in canonical form")
    return value  # type: ignore[return-value]  # _is_allowed has just proven it a Value


def load(data: bytes) -> Value:
    """Decode what ``encode`` or ``dump_canonical`` has written here, several times faster.

    Raises:
        WireError: ``data`` is no CBOR.
    """
    try:
        value: Value = cbor2.loads(data)
    except cbor2.CBORError as error:
        raise ProtocolError(f"not CBOR, in {len(data)} bytes: {error}") from None
    return value


def decode_array_untrusted(data: bytes, *, size: int, bytes_max: int, what: str) -> list[object]:
    """Decode an array of ``size`` items in canonical form, leaving their types to the caller.

    For the arrays of this protocol, whose items are each compared with an exact type: no maps and
    no floats pass that, and without them plain and canonical encoding are the same bytes.

    Raises:
        WireError: not one canonical array of that many items.
    """
    value = load_untrusted(data, bytes_max=bytes_max)
    if not is_list(value) or len(value) != size:
        raise ProtocolError(f"{what} is not an array of {size}")
    if cbor2.dumps(value) != data:
        raise ProtocolError(f"{what} of {len(data)} bytes is not in canonical form")
    return value


def encode_item_untrusted(item: object) -> bytes:
    """Encode again what ``load_untrusted`` returned, to compare it with the bytes it came from.

    Raises:
        ProtocolError: ``item`` holds a type that is not allowed.
    """
    if not _is_allowed(item, CBOR_DEPTH_MAX):
        raise ProtocolError(f"a {type(item).__name__} holds a type that is not allowed")
    return dump_canonical(item)


def array_head(length: int) -> bytes:
    """The CBOR head of an array of ``length`` items, for arrays joined from encoded items."""
    if length < 24:
        return bytes((0x80 | length,))
    if length < 256:
        return bytes((0x98, length))
    return b"\x99" + length.to_bytes(2, "big")
