"""The witness of continuity: what an own log looked like when the node last closed it.

It is kept outside the home, where neither a backup nor a reboot carries it along.  A store that
disagrees with it, or finds none, is not proven to be the one that was closed, and the node opens a
new incarnation instead of writing on.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from engram_wire import WireError, cbor

from ._limits import WITNESS_BYTES_MAX


class Witness(NamedTuple):
    """One own log, as it was closed."""

    log: bytes
    """Id of the log."""
    seq: int
    head: bytes
    boot_id: str
    """Differs after a reboot."""


class StoredLog(Protocol):
    """A log as the store holds it."""

    @property
    def id(self) -> bytes:
        """Id of the log."""
        ...

    @property
    def seq(self) -> int:
        """Its last record."""
        ...

    @property
    def head(self) -> bytes:
        """The head there."""
        ...


def continues(witness: Witness | None, log: StoredLog, boot_id: str) -> bool:
    """Whether ``log`` is proven to be exactly what was closed, since the same boot."""
    return witness == Witness(log.id, log.seq, log.head, boot_id)


def encode_witnesses(witnesses: Iterable[Witness]) -> bytes:
    """The bytes of the witness file of a node with several own logs."""
    return cbor.encode([1, [list(w) for w in witnesses]])


def decode_witnesses(data: bytes | None) -> dict[bytes, Witness]:
    """What ``encode_witnesses`` wrote, by log id.

    Empty for anything else: without a witness continuity is not proven, which is always safe.
    """
    if data is None:
        return {}
    try:
        value = cbor.decode_untrusted(data, bytes_max=WITNESS_BYTES_MAX)
    except WireError:
        return {}
    found: dict[bytes, Witness] = {}
    match value:
        case [1, list() as items]:
            for item in items:
                match item:
                    case [bytes() as log, int() as seq, bytes() as head, str() as boot_id]:
                        found[log] = Witness(log, seq, head, boot_id)
                    case _:
                        return {}
        case _:
            pass
    return found
