"""Ids of engrams: time-ordered ones, and keyed ones for what must get the same id twice."""

from hashlib import blake2b

from engram_wire import cbor

_ENTROPY_BYTES = 10
_SECRET_BYTES = 32


def uuid7(ms: int, entropy: bytes) -> bytes:
    """A UUIDv7 (RFC 9562 section 5.7): 48 bits of milliseconds, 74 random bits.

    Args:
        ms: Milliseconds since 1970, 0 to 2**48 - 1.
        entropy: 10 fresh bytes.

    Raises:
        ValueError: An argument is outside its range.
    """
    if not 0 <= ms < 1 << 48 or len(entropy) != _ENTROPY_BYTES:
        raise ValueError(f"a UUIDv7 of {ms} ms and {len(entropy)} random bytes")
    return _shaped(ms.to_bytes(6, "big") + entropy, 7)


def keyed_id(scope_secret: bytes, agent: bytes, operation: str, key: bytes) -> bytes:
    """The UUIDv8 that everybody who knows the scope's secret derives from the same source.

    Keyed, so that an id tells an outsider nothing about what it was made from.

    Args:
        scope_secret: 32 bytes only members of the scope hold.
        agent: Scope id of the agent.
        operation: What makes the engram: ``remember``, ``import/git`` ...
        key: The idempotency key, or the name of the source.

    Raises:
        ValueError: The secret has another size.
    """
    if len(scope_secret) != _SECRET_BYTES:
        raise ValueError(f"a scope secret of {len(scope_secret)} bytes, need {_SECRET_BYTES}")
    source = cbor.encode([agent, operation, key])
    digest = blake2b(source, digest_size=16, key=scope_secret, person=b"engram id").digest()
    return _shaped(digest, 8)


def _shaped(raw: bytes, version: int) -> bytes:
    shaped = bytearray(raw)
    shaped[6] = version << 4 | shaped[6] & 0x0F
    shaped[8] = 0x80 | shaped[8] & 0x3F
    return bytes(shaped)
