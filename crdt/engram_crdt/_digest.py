"""Digest of an engram: equal on two replicas if and only if they hold the same elements.

It is a sum with one hash for each live element, so whoever adds or removes one adds or subtracts
that hash and looks at nothing else.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from ._dots import Dot, Element, TextSpan

DIGEST_MODULUS: Final = 1 << 256


def element_hash(engram: bytes, collection: str, dot: Dot, payload_hash: bytes) -> int:
    """What one live element adds to the digest of its engram.

    It covers the name and the payload hash, not the value: a payload that is owed, erased or
    compacted away does not change it.

    Args:
        engram: Engram id, 16 bytes.
        collection: Where the element was put.
        dot: Its name.
        payload_hash: Hash of the payload of the record that put it.
    """
    data = engram + collection.encode() + b"\0" + dot.log + dot.clock.to_bytes(8) + payload_hash
    return int.from_bytes(blake2b(data, digest_size=32, person=b"engram element").digest())


def span_hash(engram: bytes, span: TextSpan) -> int:
    """What one span of live text adds to the digest of its engram."""
    generation, dot, length, _, _, payload_hash, _ = span
    data = b"".join(
        (
            engram,
            generation.log,
            generation.clock.to_bytes(8),
            dot.log,
            dot.clock.to_bytes(8),
            length.to_bytes(8),
            payload_hash,
        )
    )
    return int.from_bytes(blake2b(data, digest_size=32, person=b"engram span").digest())


def digest(engram: bytes, elements: Iterable[Element], spans: Iterable[TextSpan] = ()) -> int:
    """Return the digest of one engram, to be summed mod 2**256 over a scope.

    Args:
        engram: Engram id, 16 bytes.
        elements: All live elements, in any order.
        spans: All live text, likewise.
    """
    total = sum(element_hash(engram, e.collection, e.dot, e.payload_hash) for e in elements)
    return (total + sum(span_hash(engram, span) for span in spans)) % DIGEST_MODULUS
