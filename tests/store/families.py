"""Logs that fork, for tests of the store."""

from engram_sync.store import Reader, Transaction
from engram_wire import Record

from .rows import AUTHOR, add_log, add_scope, id_of, record

ENGRAM = b"e" * 16


def add_branch(tx: Transaction, scope: int, name: str, parent: int, base: int) -> int:
    """A new log that branches off ``parent`` behind ``base``."""
    return tx.put_log(
        scope,
        id_of(name),
        0,
        AUTHOR,
        id_of("log")[:16],
        parent=parent,
        base=base,
        branch=id_of(f"first of {name}"),
    )


def say(seq: int, text: str, engram: bytes = ENGRAM) -> Record:
    """A record whose payload tells where it belongs."""
    return record(seq, engram, payload=text.encode())


def text_of(found: Record) -> str:
    """What ``say`` was told."""
    assert found.payload is not None
    return found.payload.decode()


def put(
    tx: Transaction, log: int, first: int, last: int, text: str, *, held: int = 0, at: int = 0
) -> int:
    """Records ``first`` .. ``last`` of ``log`` as one run; those up to ``held`` are there."""
    records = [say(seq, f"{text}{seq}") for seq in range(max(first, held + 1), last + 1)]
    tx.put_records(log, records)
    arrival = tx.put_run(log, first, last, id_of(f"{text}{last}"), b"g" * 64, at=at or None)
    tx.set_head(log, last, id_of(f"{text}{last}"), records[-1].hlc)
    return arrival


def fork(tx: Transaction, log: int, base: int, name: str) -> int:
    """Split ``log`` behind ``base``; the number of the branch that took what was beyond."""
    row = tx.log(log)
    assert row is not None
    moved = add_branch(tx, row.scope, name, log, base)
    tx.split_log(log, base, moved)
    tx.set_head(log, base, id_of(f"base {base}"), 7)
    return moved


def forked(tx: Transaction) -> tuple[int, int, int]:
    """A trunk of 5, held first with 6 .. 8 (b), then found with other 6 .. 7 (c).

    The run that brought 4 .. 6 straddles the fork, and so does the one that brought c.
    """
    trunk = add_log(tx, add_scope(tx))
    put(tx, trunk, 1, 3, "a")
    put(tx, trunk, 4, 6, "b")
    put(tx, trunk, 7, 8, "b")
    left = fork(tx, trunk, 5, "left")
    right = add_branch(tx, 1, "right", trunk, 5)
    put(tx, right, 5, 7, "c", held=5)
    return trunk, left, right


def told(reader: Reader, log: int, first: int, last: int) -> list[str]:
    """The payloads on the path of ``log``."""
    return [text_of(found) for found in reader.records(log, first, last)]


def told_of(reader: Reader, engram: bytes = ENGRAM) -> list[tuple[int, str]]:
    """(log, payload) of an engram in order of arrival."""
    return [(log, text_of(found)) for log, found in list(reader.stream_of(1, engram))]
