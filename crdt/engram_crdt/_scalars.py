"""Reads the key of an encoded value without decoding it."""

_ARRAY = 0x80
_LENGTH_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}
_BYTES, _TEXT = 2, 3
_SCALARS = frozenset((0, 1, _BYTES, _TEXT, 7))


def leading_items(value: bytes, count: int) -> bytes | None:
    """Return the encoded first ``count`` items of an array of scalars.

    Args:
        value: Deterministic CBOR of an array with fewer than 24 items.
        count: How many items make the key.

    Returns:
        The bytes of these items: equal bytes mean equal items, because the encoding is
        deterministic.  None where the value has no such items: values come from peers.
    """
    if not value or not _ARRAY + count <= value[0] < _ARRAY + 24:
        return None
    offset = 1
    for _ in range(count):
        offset = _end_of_scalar(value, offset)
    return value[1:offset] if offset <= len(value) else None


def leading_bytes(value: bytes) -> bytes | None:
    """Return the encoded byte string that an array begins with, None for any other value."""
    item = leading_items(value, 1)
    return item if item and item[0] >> 5 == _BYTES else None


def whole_number(value: bytes) -> int | None:
    """Return the number that a value is, None where it is none of up to 64 bits."""
    if not value or value[0] >> 5 > 1 or _end_of_scalar(value, 0) != len(value):
        return None
    number = int.from_bytes(value[1:]) if value[0] & 31 >= 24 else value[0] & 31
    return -1 - number if value[0] >> 5 else number


def _end_of_scalar(value: bytes, offset: int) -> int:
    """Return the offset after a scalar; one beyond the end where there is none."""
    nowhere = len(value) + 1
    if offset >= len(value):
        return nowhere
    major, length = value[offset] >> 5, value[offset] & 31
    offset += 1
    if major not in _SCALARS:
        return nowhere
    if length >= 24:
        if length not in _LENGTH_BYTES:
            return nowhere
        more = _LENGTH_BYTES[length]
        length = int.from_bytes(value[offset : offset + more])
        offset += more
    return offset + length if major in (_BYTES, _TEXT) else offset
