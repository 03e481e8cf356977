"""Stores that live in this process only."""

import pytest
import trio

from engram_sync.errors import NotFoundError
from engram_sync.store import MemoryStore
from engram_sync.testing import InlineExecutor


async def test_a_memory_store_is_found_again_and_copied_by_its_name(nursery: trio.Nursery) -> None:
    first = await MemoryStore.open("restart", InlineExecutor())
    await nursery.start(first.serve)
    await first.submit(lambda tx: tx.put_meta("key", b"value"))
    await first.aclose()

    second = await MemoryStore.open("restart", InlineExecutor())
    assert await second.read(lambda reader: reader.meta("key")) == b"value"
    await second.aclose()

    MemoryStore.copy("restart", "clone")
    MemoryStore.discard("restart")
    clone = await MemoryStore.open("clone", InlineExecutor())
    assert await clone.read(lambda reader: reader.meta("key")) == b"value"
    await clone.aclose()
    MemoryStore.discard("clone")
    with pytest.raises(NotFoundError):
        MemoryStore.copy("restart", "clone")
    third = await MemoryStore.open("restart", InlineExecutor())
    assert await third.read(lambda reader: reader.meta("key")) is None
    await third.aclose()
    MemoryStore.discard("restart")
