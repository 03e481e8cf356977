"""Digest of an engram: equal on two replicas if and only if they hold the same elements."""

from collections.abc import Iterable
from hashlib import blake2b

from ._dots import Element, TextSpan


def digest(engram: bytes, elements: Iterable[Element], spans: Iterable[TextSpan] = ()) -> int:
    """Return the digest of one engram, to be summed mod 2**256 over a scope.

    It covers names and payload hashes, not values: a payload that is owed, erased or compacted
    away does not change it.

    Args:
        engram: Engram id, 16 bytes.
        elements: All live elements, sorted, as documents return them.
        spans: All live text, sorted likewise.
    """
    parts = [engram]
    for collection, (log, clock), _, _, payload_hash, _ in elements:
        parts += (collection.encode(), b"\0", log, clock.to_bytes(8), payload_hash)
    for generation, dot, length, _, _, payload_hash, _ in spans:
        # No collection's name begins with a zero byte.
        parts += (b"\0", generation.log, generation.clock.to_bytes(8))
        parts += (dot.log, dot.clock.to_bytes(8), length.to_bytes(8), payload_hash)
    data = b"".join(parts)
    return int.from_bytes(blake2b(data, digest_size=32, person=b"engram digest").digest())
