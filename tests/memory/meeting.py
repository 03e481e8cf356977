"""Desks that meet: what they show afterwards, and the conflicts that they tell."""

from engram_sync.conflicts import (
    ConflictType,
    as_seen_by,
    decode_conflict_untrusted,
    encode_conflict,
    from_plain,
    to_plain,
)
from engram_sync.memory import node_text
from engram_sync.results import Engram

from .desk import Desk


async def meet(*all_desks: Desk) -> None:
    """Let each take what the others hold."""
    for one in all_desks:
        for other in all_desks:
            if one is not other:
                await one.pull(other)


async def agree(one: Desk, other: Desk, e: Engram) -> Engram:
    """Bring two desks together and see that they show the same."""
    await meet(one, other)
    here, there = await one.get(e), await other.get(e)
    assert here == there
    assert await one.conflicts() == await other.conflicts()
    assert await one.counts() == await other.counts()
    return here


async def the_conflict(desk: Desk, kind: str) -> tuple[ConflictType, ...]:
    """The only open conflict from the place of this desk; it survives both encodings."""
    (conflict,) = await desk.conflicts()
    assert conflict.kind == kind
    told = as_seen_by(conflict, node_text(desk.public))
    for one in told:
        assert decode_conflict_untrusted(encode_conflict(one)) == one
        assert from_plain(to_plain(one)) == one
    return told
