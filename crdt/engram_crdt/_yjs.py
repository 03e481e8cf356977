"""The part of the Yjs update format (v1) that documents are made of.

    update  := clients, [ structs, client, first clock, struct... ]..., delete set
    struct  := item | deleted item | gap of n dead clocks
    item    := 0x28 0x01 root key 0x01 0x74 bytes     one key of a root map, set to bytes
    deleted := 0x21 0x01 root key length              the same after the value is gone
    gap     := 0x00 length
    root, key, bytes := length, content               lengths and numbers are LEB128

An item has no origins, because its key is never written twice: it needs no other item, and any
item may be missing.  The key is the Yjs id of the item itself, in hexadecimal.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from ._errors import DocumentError
from ._limits import COLLECTION_NAME

Ranges = Mapping[int, list[tuple[int, int]]]
"""Delete set: client -> (first clock, length) of each removed range."""


_SMALL = [bytes((number,)) for number in range(128)]


Item = tuple[int, int, str, bytes]
"""(client, clock, collection, entry) of one live key of a root map."""


class Block(NamedTuple):
    """Consecutive structs of one client."""

    client: int
    clock: int
    structs: list[bytes]


def varint(number: int) -> bytes:
    """Encode an unsigned number as LEB128."""
    if number < 128:
        return _SMALL[number]
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data: bytes, offset: int) -> tuple[int, int]:
    """Read a LEB128 number below 2**64; returns it and the offset after it.

    Raises:
        IndexError: The data ends within the number.
        DocumentError: The number is too long.
    """
    number = data[offset]
    if number < 128:
        return number, offset + 1
    number &= 127
    for place in range(1, 10):
        byte = data[offset + place]
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return number, offset + place + 1
    raise DocumentError(f"number at offset {offset} has more than 10 bytes")


@lru_cache(maxsize=1024)
def _root(collection: str) -> bytes:
    if not COLLECTION_NAME.fullmatch(collection):
        raise DocumentError(f"{collection!r} is no collection name")
    return b"\x01" + bytes((len(collection),)) + collection.encode()


def _key(client: int, clock: int) -> bytes:
    key = b"%x.%x" % (client, clock)
    return bytes((len(key),)) + key


def encode_item(client: int, clock: int, collection: str, entry: bytes) -> bytes:
    """Encode one key of one root map.

    Raises:
        DocumentError: The collection's name is malformed.
    """
    return b"\x28%b%b\x01\x74%b%b" % (
        _root(collection),
        _key(client, clock),
        varint(len(entry)),
        entry,
    )


def encode_gap(length: int) -> bytes:
    """Encode ``length`` clocks of which nothing is left."""
    return b"\x00" + varint(length)


def encode_update(blocks: Iterable[Block], removed: Ranges) -> bytes:
    """Join structs and removals into one update."""
    held = [block for block in blocks if block.structs]
    out = [varint(len(held))]
    for client, clock, structs in held:
        out += (varint(len(structs)), varint(client), varint(clock), *structs)
    out.append(varint(len(removed)))
    # Larger clients first, like the JavaScript Yjs; yrs follows its hash map.
    for client in sorted(removed, reverse=True):
        ranges = _joined(removed[client])
        out += (varint(client), varint(len(ranges)))
        out += (varint(clock) + varint(length) for clock, length in ranges)
    return b"".join(out)


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for clock, length in sorted(ranges):
        if joined and clock <= sum(joined[-1]):
            first, before = joined[-1]
            joined[-1] = (first, max(before, clock + length - first))
        else:
            joined.append((clock, length))
    return joined


def decode_update(data: bytes) -> list[Item]:
    """Read the live items of a document's own update.

    The removals at its end are not read: a document writes what they removed as a deleted item.

    Raises:
        DocumentError: The update holds anything that a document does not write.
    """
    items: list[Item] = []
    try:
        blocks, offset = read_varint(data, 0)
        for _ in range(blocks):
            structs, offset = read_varint(data, offset)
            client, offset = read_varint(data, offset)
            clock, offset = read_varint(data, offset)
            for _ in range(structs):
                clock, offset = _decode_struct(data, offset, client, clock, items)
    except (IndexError, UnicodeDecodeError) as error:
        raise DocumentError(f"update of {len(data)} bytes is malformed") from error
    return items


def _decode_struct(
    data: bytes, offset: int, client: int, clock: int, items: list[Item]
) -> tuple[int, int]:
    """Read one struct, append it when it is live; returns the next clock and offset."""
    kind = data[offset]
    if kind == 0x00:
        length, offset = read_varint(data, offset + 1)
        return clock + length, offset
    name = offset + 3
    key = name + data[offset + 2]
    key_bytes = _key(client, clock)
    end = key + len(key_bytes)
    if data[offset + 1] != 1 or data[key:end] != key_bytes:
        raise DocumentError(f"struct at offset {offset} is not the entry of its own dot")
    if kind == 0x21:
        length, offset = read_varint(data, end)
        return clock + length, offset
    if kind != 0x28 or data[end : end + 2] != b"\x01\x74":
        raise DocumentError(f"struct at offset {offset} is of kind {kind:#x}")
    size, start = read_varint(data, end + 2)
    offset = start + size
    if offset > len(data):
        raise DocumentError(f"entry at offset {start} has {len(data) - start} of {size} bytes")
    items.append((client, clock, data[name:key].decode(), data[start:offset]))
    return clock + 1, offset
