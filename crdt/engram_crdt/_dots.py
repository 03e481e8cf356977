"""The nouns of a document: dots, changes, elements and pieces of text."""

from hashlib import blake2b
from typing import NamedTuple

from ._limits import CLIENT_MAX


class Dot(NamedTuple):
    """The name of one element: which put of which log it was.  Dots order by log, then clock."""

    log: bytes
    """Id of the log, 32 bytes."""
    clock: int
    """Number of puts and of units of text that this log made before in this engram: 0, 1, 2, ...
    without a gap."""


class TextInsert(NamedTuple):
    """Characters that one change adds to a text.  They take ``length`` clocks, one per unit."""

    left: Dot | None
    """The unit that stood before them; None at the beginning."""
    right: Dot | None
    """The unit that stood after them, deleted or not; None at the end."""
    length: int
    """In UTF-16 code units, at least 1: a character beyond U+FFFF has two."""
    text: str | None
    """The characters; None where the payload is not held."""


class TextEdit(NamedTuple):
    """What one change does to the text of one generation."""

    generation: Dot
    """The element of ``r/body`` whose text it is."""
    inserts: tuple[TextInsert, ...]
    deletes: tuple[tuple[Dot, int], ...]
    """(first unit, length in UTF-16 code units) of each deleted span."""


class Change(NamedTuple):
    """One record as a document sees it.  Its k puts take the next k clocks of its log."""

    log: bytes
    """Id of the log that holds the record, 32 bytes."""
    seq: int
    """Place of the record in its log; grows within a log."""
    hlc: int
    """Hybrid logical clock of the record, see ``engram_crdt.hlc``."""
    puts: tuple[tuple[str, bytes | None], ...]
    """(collection, encoded value) of each put; None where the payload is not held."""
    payload_hash: bytes
    """Hash of the record's payload, 32 bytes, known also when the payload is not held."""
    removed: tuple[Dot, ...]
    """Dots that this change supersedes or removes."""
    until: tuple[tuple[bytes, int], ...] = ()
    """(log, n): every dot of that log with a clock below n is removed.  Used by deletes."""
    edit: TextEdit | None = None
    """What this change does to one collaborative text; its inserts take clocks after the puts."""
    skipped: int = 0
    """Clocks that it takes, after all others, for what this version does not know."""


class Element(NamedTuple):
    """One live value.  Elements order by collection, log and clock: a plain sort is the order."""

    collection: str
    dot: Dot
    hlc: int
    """Hybrid logical clock of the record that put it."""
    value: bytes | None
    """Encoded value, or None while its payload is owed."""
    payload_hash: bytes
    """Hash of the payload of the record that put it."""
    seq: int
    """Place of that record in its log."""


class TextSpan(NamedTuple):
    """Live units of text that one record put side by side.  Spans order by generation and dot."""

    generation: Dot
    dot: Dot
    """Its first unit; the others have the clocks after it."""
    length: int
    """In UTF-16 code units."""
    hlc: int
    text: str | None
    """The characters that begin in it, or None while their payload is owed."""
    payload_hash: bytes
    seq: int


def clocks_of(change: Change) -> int:
    """Return how many clocks of its log a change takes: one per put, one per unit of text,
    and those that it skips.
    """
    taken = len(change.puts) + change.skipped
    if change.edit is not None:
        taken += sum(insert.length for insert in change.edit.inserts)
    return taken


def client_id(engram: bytes, log: bytes) -> int:
    """Derive the Yjs client id that a log asks for in one engram.

    Args:
        engram: Engram id, 16 bytes.
        log: Log id, 32 bytes.

    Returns:
        A number of 53 bits, never 0.  Two logs may get the same one: an identity is the log id,
        and a document gives colliding logs different ids (see ``EngramDocument``).
    """
    digest = blake2b(engram + log, digest_size=8, person=b"engram client").digest()
    return int.from_bytes(digest) % CLIENT_MAX + 1
