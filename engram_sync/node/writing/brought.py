"""Which memories were brought from one agent to another, as the store remembers it both ways."""

from engram_sync.ledger import keyed_id
from engram_sync.store import Reader, Transaction

_SAME = "same as "
"""Prefix of the meta key that says what a memory was brought to or from: scopes and ids."""
_DUE = "brought due"
"""The meta key with the ids of erased memories whose counterparts were not looked at yet."""
_SOURCE = "source keys "
"""Prefix of the meta key that says from which scope and secret ids were made before a migration."""
SCOPE_BYTES = 32
ENGRAM_BYTES = 16
_ENTRY_BYTES = SCOPE_BYTES + ENGRAM_BYTES

Place = tuple[bytes, bytes]
"""Scope and id of a memory."""


def note_brought(tx: Transaction, original: Place, copy: Place) -> None:
    """Remember that one memory was made from the other."""
    for (_, engram), (scope, other) in ((original, copy), (copy, original)):
        known = tx.meta(_SAME + engram.hex()) or b""
        tx.put_meta(_SAME + engram.hex(), known + scope + other)


def counterparts(reader: Reader, engram: bytes) -> list[Place]:
    """What a memory was brought to, and from."""
    known = reader.meta(_SAME + engram.hex()) or b""
    entries = [known[at : at + _ENTRY_BYTES] for at in range(0, len(known), _ENTRY_BYTES)]
    return [(entry[:SCOPE_BYTES], entry[SCOPE_BYTES:]) for entry in entries]


def note_erased(tx: Transaction, engram: bytes) -> None:
    """A memory was erased, by whomever: so shall be its counterparts."""
    if counterparts(tx, engram):
        tx.put_meta(_DUE, (tx.meta(_DUE) or b"") + engram)


def are_due(reader: Reader) -> bool:
    """Whether there are counterparts to erase."""
    return reader.meta(_DUE) is not None


def take_due(tx: Transaction, limit: int) -> list[bytes]:
    """The first memories whose counterparts are due, which are not due any more."""
    due = tx.meta(_DUE) or b""
    rest = due[limit * ENGRAM_BYTES :]
    if rest:
        tx.put_meta(_DUE, rest)
    else:
        tx.delete_meta(_DUE)
    taken = due[: len(due) - len(rest)]
    return [taken[at : at + ENGRAM_BYTES] for at in range(0, len(taken), ENGRAM_BYTES)]


def note_source(tx: Transaction, scope: bytes, earlier: bytes, secret: bytes) -> None:
    """Remember what the ids of a scope were made from that took the place of an earlier one."""
    tx.put_meta(_SOURCE + scope.hex(), earlier + secret)


def earlier_id(reader: Reader, scope: bytes, operation: str, key: str) -> bytes | None:
    """The id that a source key gave to a memory before a migration, if there was one."""
    source = reader.meta(_SOURCE + scope.hex())
    if source is None:
        return None
    return keyed_id(source[SCOPE_BYTES:], source[:SCOPE_BYTES], operation, key.encode())
