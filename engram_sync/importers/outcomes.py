"""What importers yield: memories, and problems with their places."""

from dataclasses import dataclass
from hashlib import blake2b

from engram_sync.api.arguments import NewMemory
from engram_sync.errors import UsageError
from engram_sync.memory.write.creation import puts_of
from engram_sync.model import fields as fields


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """One part of a source that could not become a memory; everything else still does."""

    place: str
    """Where: ``file:line`` or ``repository@commit``."""
    message: str
    """What is wrong with it."""


def checked(memory: NewMemory, place: str) -> NewMemory | ImportProblem:
    """The memory, or why it cannot be stored."""
    try:
        puts_of(memory)
        if memory.key is not None:
            fields.check_source_key(memory.key)
    except UsageError as error:
        return ImportProblem(place, error.message)
    return memory


def check_shard(shard: tuple[int, int] | None) -> None:
    """Refuse a slice that does not exist.

    Raises:
        UsageError: It is not (i, n) with 0 <= i < n.
    """
    if shard is not None and not 0 <= shard[0] < shard[1]:
        raise UsageError(
            f"there is no part {shard[0]} of {shard[1]}", hint="parts are numbered from 0"
        )


def in_shard(name: str, shard: tuple[int, int] | None) -> bool:
    """Whether something belongs to part i of n.

    Decided by its name alone, so that parts never overlap, whoever reads them and whenever.
    """
    if shard is None:
        return True
    data = name.encode("utf-8", "surrogateescape")
    digest = blake2b(data, digest_size=8, person=b"engram shard").digest()
    return int.from_bytes(digest, "big") % shard[1] == shard[0]


def one_line(text: str, bytes_max: int) -> str:
    """``text`` as a title: one line, no control characters, cut where it gets too long."""
    words = "".join(c if c.isprintable() else " " for c in text).split()
    line = " ".join(words)
    if len(line.encode("utf-8", "replace")) <= bytes_max:
        return line
    cut = line.encode("utf-8", "replace")[: bytes_max - 3].decode("utf-8", "ignore")
    return cut.rstrip() + "…"
