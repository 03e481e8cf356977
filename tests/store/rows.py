"""Records and rows for tests of the store; their bytes mean nothing to it."""

import hashlib

from engram_sync.store import EngramRow, Reader, Transaction
from engram_wire import Record, payload_hash

SCOPE = b"s" * 32
AUTHOR = b"a" * 32
SHAPE = b"\x00\x81\x69r/content"
NO_IDS = b"\x80"
UNCHANGED = b"\xf6"


def id_of(text: str) -> bytes:
    """32 bytes that stand for ``text``."""
    return hashlib.sha256(text.encode()).digest()


def record(
    seq: int,
    engram: bytes = b"e" * 16,
    *,
    hlc: int | None = None,
    shape: bytes = SHAPE,
    superseded: bytes = NO_IDS,
    payload: bytes | None = b"payload",
    deps: bytes = NO_IDS,
    auth: bytes = UNCHANGED,
    marked: bool = True,
) -> Record:
    """A record; one without a payload keeps the hash of what it would have been."""
    return Record(
        seq=seq,
        engram=engram,
        hlc=(1 << 40) + seq if hlc is None else hlc,
        shape=shape,
        superseded=superseded,
        payload=payload,
        payload_hash=payload_hash(b"gone" if payload is None else payload),
        deps=deps,
        auth=auth,
        marked=marked,
    )


def engram_row(
    scope: int, engram: bytes, hlc: int, *, life: int = 0, conflict: int = 0
) -> EngramRow:
    """A row of an engram with one record."""
    return EngramRow(0, scope, engram, 1, 1, 1, hlc, hlc, 1, 1, life, conflict)


def add_scope(tx: Transaction, name: str = "scope") -> int:
    """A new scope's number."""
    return tx.put_scope(id_of(name), "agent", b"secret")


def add_log(tx: Transaction, scope: int, name: str = "log") -> int:
    """A new data log's number."""
    return tx.put_log(scope, id_of(name), 0, AUTHOR, id_of(name)[:16])


def append(tx: Transaction, log: int, *records: Record) -> int:
    """Add ``records`` as one run and move the head; the run's arrival."""
    tx.put_records(log, records)
    last = records[-1]
    head = id_of(f"{log}:{last.seq}")
    arrival = tx.put_run(log, records[0].seq, last.seq, head, b"g" * 64)
    tx.set_head(log, last.seq, head, last.hlc)
    return arrival


def metas(reader: Reader, keys: list[str]) -> list[bytes | None]:
    """The values under ``keys``."""
    return [reader.meta(key) for key in keys]
