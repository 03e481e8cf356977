"""Digests of how far logs are held: of a clock, of a set of sealed logs, of a range of both."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from . import _limits
from .records import keyed_hash

PERSON_CLOCK: Final = b"engram clock"
PERSON_POSITION: Final = b"engram position"
PERSON_SEALED: Final = b"engram sealed"
PERSON_RANGE: Final = b"engram range"


@dataclass(frozen=True, slots=True)
class ClockEntry:
    """How far one log is held."""

    log: bytes
    seq: int
    """The last signed position held, from 1."""
    head: bytes
    """The id at that position."""


def _term(person: bytes, entry: ClockEntry, before: bytes = b"") -> int:
    data = b"".join((before, entry.log, entry.seq.to_bytes(8, "big"), entry.head))
    return int.from_bytes(keyed_hash(person, data), "big")


def _modulo(total: int) -> bytes:
    return (total % (1 << 256)).to_bytes(_limits.HASH_BYTES, "big")


def sealed_term(entry: ClockEntry) -> int:
    """What one sealed log adds to the digest of all."""
    return _term(PERSON_SEALED, entry)


def sealed_sum(total: int) -> bytes:
    """The digest of the logs whose ``sealed_term`` add up to ``total``.

    A log that is sealed, or goes on beyond its seal, costs one term, however many others there are.
    """
    return _modulo(total)


def sealed_digest(entries: Iterable[ClockEntry]) -> bytes:
    """The digest of the logs of a scope that are held exactly to their seal."""
    return sealed_sum(sum(map(sealed_term, entries)))


EMPTY_SEALED: Final = sealed_digest(())
"""``sealed_digest`` of a scope without sealed logs."""

NOTHING_SEALED: Final = (0, EMPTY_SEALED)
"""``SyncRequest.sealed`` of such a scope."""


def clock_digest(entries: Iterable[ClockEntry], sealed_digest: bytes = EMPTY_SEALED) -> bytes:
    """The digest of a scope's clock: equal exactly when both sides hold the same of every log.

    Args:
        entries: The logs that are not sealed.
        sealed_digest: ``sealed_digest`` of all others, which change seldom.
    """
    return clock_sum(sum(map(clock_term, entries)), sealed_digest)


def clock_term(entry: ClockEntry) -> int:
    """What one log that is not sealed adds to the digest of a clock."""
    return _term(PERSON_POSITION, entry)


def clock_sum(total: int, sealed_digest: bytes) -> bytes:
    """``clock_digest`` of the logs whose ``clock_term`` add up to ``total``.

    A log that goes on costs one term, however many others there are.
    """
    return keyed_hash(PERSON_CLOCK, _modulo(total) + sealed_digest)


def range_fingerprint(session_id: bytes, entries: Iterable[ClockEntry]) -> bytes:
    """The fingerprint of a set of positions, 16 bytes, good for one session only.

    A sum does not depend on the order, and that of a union is the sum of the sums.
    """
    terms = [range_term(session_id, entry) for entry in entries]
    return range_sum(sum(terms), len(terms))


def range_term(session_id: bytes, entry: ClockEntry) -> int:
    """What one position adds to the fingerprint of a range."""
    return _term(PERSON_RANGE, entry, session_id)


def range_sum(total: int, count: int) -> bytes:
    """``range_fingerprint`` of ``count`` positions whose ``range_term`` add up to ``total``."""
    whole = _modulo(total) + count.to_bytes(8, "big")
    return keyed_hash(PERSON_RANGE, whole)[: _limits.FINGERPRINT_BYTES]
