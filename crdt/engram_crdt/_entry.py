"""What the document stores under one key: canonical CBOR of an element without its name.

    [hlc, payload hash, seq, value]     the value is held
    [hlc, payload hash, seq]            its payload is owed

The value is embedded as the CBOR that it is; nothing here decodes it.  ``hlc`` always has its
eight-byte form (a valid clock is at least 2**32), so everything before ``seq`` stands at a
fixed offset.
"""

import struct

from ._errors import DocumentError

_FIXED = struct.Struct(">BBQH32s")
_HEADS = {0x18: ">B", 0x19: ">H", 0x1A: ">I", 0x1B: ">Q"}
_OWED, _HELD = 0x83, 0x84
_HLC_HEAD, _HASH_HEAD = 0x1B, 0x5820


def entry_heads(hlc: int, payload_hash: bytes, seq: int) -> tuple[bytes, bytes]:
    """Encode what all puts of one record share.

    Returns:
        The bytes before a value that is held, and the whole entry of one that is owed.
    """
    number = encode_uint(seq)
    return (
        _FIXED.pack(_HELD, _HLC_HEAD, hlc, _HASH_HEAD, payload_hash) + number,
        _FIXED.pack(_OWED, _HLC_HEAD, hlc, _HASH_HEAD, payload_hash) + number,
    )


def encode_uint(number: int) -> bytes:
    """Encode an unsigned number below 2**64 in its shortest CBOR form."""
    if number < 24:
        return bytes((number,))
    if number < 1 << 8:
        return struct.pack(">BB", 0x18, number)
    if number < 1 << 16:
        return struct.pack(">BH", 0x19, number)
    if number < 1 << 32:
        return struct.pack(">BI", 0x1A, number)
    return struct.pack(">BQ", 0x1B, number)


def decode_entry(data: bytes) -> tuple[int, bytes, int, bytes | None]:
    """Decode one stored entry.

    Returns:
        Clock, payload hash, seq and the value, None when it is owed.

    Raises:
        DocumentError: These bytes are no entry.
    """
    try:
        shape, hlc_head, hlc, hash_head, payload_hash = _FIXED.unpack_from(data)
        seq = data[_FIXED.size]
        offset = _FIXED.size + 1
        if seq >= 24:
            form = _HEADS[seq]
            (seq,) = struct.unpack_from(form, data, offset)
            offset += struct.calcsize(form)
    except (struct.error, IndexError, KeyError) as error:
        raise DocumentError(f"entry of {len(data)} bytes is cut short") from error
    if (hlc_head, hash_head) != (_HLC_HEAD, _HASH_HEAD):
        raise DocumentError("entry does not hold a clock and a payload hash")
    value = data[offset:]
    if shape != (_HELD if value else _OWED):
        raise DocumentError(f"entry opens with {shape:#x} and has {len(value)} bytes of value")
    return hlc, payload_hash, seq, value or None
