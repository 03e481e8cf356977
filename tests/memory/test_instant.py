"""Claims about instant memories."""

import pytest

from engram_sync.api import Engram
from engram_sync.api.arguments import Filters, MemoryUpdate, NewMemory
from engram_sync.errors import NotFoundError, PreconditionError, UsageError
from engram_sync.memory import instant as _instant
from engram_sync.memory.instant import InstantMemories


def keep(memories: InstantMemories, number: int, content: str, **fields: object) -> Engram:
    new = NewMemory(content, type="instant", **fields)  # type: ignore[arg-type]  # as callers do
    return memories.remember(bytes([number]) * 16, new, now_ms=number)


@pytest.fixture
def memories() -> InstantMemories:
    return InstantMemories(node="n", label="me")


def test_an_instant_memory_looks_like_any_other(memories: InstantMemories) -> None:
    e = keep(memories, 1, "the build runs", tags=("ci",), metadata={"k": 1, "none": None})
    assert memories.find(e.id[:8]) == e
    assert (e.type, e.scope, e.life, e.tags) == ("instant", "instance", "active", ("ci",))
    assert e.metadata == {"k": 1}
    assert e.provenance.node == "n"


def test_it_is_recalled_and_listed_with_the_same_filters(memories: InstantMemories) -> None:
    one = keep(memories, 1, "the build runs", tags=("ci",))
    two = keep(memories, 2, "the build broke the build")
    assert [hit.engram for hit in memories.recall("build?")] == [two, one]
    assert [hit.engram for hit in memories.recall("build", limit=1)] == [two]
    assert [h.engram for h in memories.recall("build", filters=Filters(tags=("ci",)))] == [one]
    assert memories.recall("build", filters=Filters(scope="agent")) == []
    assert memories.recall("build", filters=Filters(since_ms=2))[0].engram == two
    assert memories.recall("weather") == []
    assert list(memories.list()) == [two, one] == [h.engram for h in memories.recall("")]


def test_it_can_be_changed_and_dropped(memories: InstantMemories) -> None:
    e = keep(memories, 1, "one", tags=("a",), metadata={"k": 1})
    u = memories.update(
        e.id,
        MemoryUpdate(content="two", add_tags=("b",), remove_tags=("a",), metadata={"k": None}),
        now_ms=5,
        if_version=e.version,
    )
    assert (u.content, u.tags, u.metadata, u.updated_at_ms) == ("two", ("b",), {}, 5)
    with pytest.raises(PreconditionError):
        memories.update(e.id, MemoryUpdate(content="x"), now_ms=6, if_version=e.version)
    assert memories.forget(e.id).life == "deleted"
    assert memories.find(e.id) is None
    with pytest.raises(NotFoundError):
        memories.forget(e.id)


def test_it_has_the_limits_of_all_memories(memories: InstantMemories) -> None:
    with pytest.raises(UsageError):
        keep(memories, 1, "x" * 300_000)
    with pytest.raises(UsageError, match="never leaves"):
        keep(memories, 1, "x", scope="agent")
    with pytest.raises(UsageError):
        memories.find("zz")


def test_beyond_the_limit_the_oldest_goes(
    memories: InstantMemories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_instant, "INSTANT_MEMORIES_MAX", 2)
    for number in (1, 2, 3):
        keep(memories, number, f"note {number}")
    assert [e.content for e in memories.list()] == ["note 3", "note 2"]
