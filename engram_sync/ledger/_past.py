"""The causal past of a position as a vector: how far it has seen each lineage of its scope."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from engram_sync.errors import CorruptError
from engram_wire import AUTH_UNCHANGED, WireError, cbor

NOTHING: Mapping[int, int] = MappingProxyType({})


class Past(NamedTuple):
    """What a position of a log has behind it, outside its own log."""

    seen: Mapping[int, int] = NOTHING
    """Local log number to the newest seq seen, without what lineages tell.  Never changed in
    place."""
    auth: bytes = AUTH_UNCHANGED
    """Encoded membership heads in force; ``AUTH_UNCHANGED`` when none were ever stated."""


def encode_past(past: Past) -> bytes:
    """The bytes the store keeps; local numbers make them meaningless elsewhere."""
    flat: list[int] = []
    for log in sorted(past.seen):
        flat += (log, past.seen[log])
    return cbor.encode([past.auth, flat])


def decode_past(data: bytes | None) -> Past:
    """What ``encode_past`` wrote; the empty past for None.

    Raises:
        CorruptError: The store holds something else.
    """
    if data is None:
        return Past()
    try:
        value = cbor.decode_untrusted(data)
    except WireError as error:
        raise CorruptError(f"a stored past cannot be read: {error}") from error
    match value:
        case [bytes() as auth, list() as flat] if len(flat) % 2 == 0:
            numbers = [item for item in flat if isinstance(item, int)]
            if len(numbers) == len(flat):
                return Past(dict(zip(numbers[::2], numbers[1::2], strict=True)), auth)
        case _:
            pass
    raise CorruptError(f"a stored past of {len(data)} bytes has another shape")
