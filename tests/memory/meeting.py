"""Desks that meet: what they show afterwards, and the conflicts that they tell."""

from collections.abc import Iterable
from dataclasses import replace

from engram_sync.api import Conflict, Engram
from engram_sync.model.ids import node_text

from .desk import Desk


async def meet(*all_desks: Desk) -> None:
    """Let each take what the others hold."""
    for one in all_desks:
        for other in all_desks:
            if one is not other:
                await one.pull(other)


def unversioned(engram: Engram) -> Engram:
    """What is shown without its version, by which each node knows what itself has shown."""
    return replace(engram, version="")


def told(conflicts: Iterable[Conflict]) -> list[Conflict]:
    """Conflicts likewise."""
    return [replace(conflict, engram_version="") for conflict in conflicts]


async def agree(one: Desk, other: Desk, e: Engram) -> Engram:
    """Bring two desks together and see that they show the same."""
    await meet(one, other)
    here, there = await one.get(e), await other.get(e)
    assert unversioned(here) == unversioned(there)
    assert told(await one.conflicts()) == told(await other.conflicts())
    assert await one.counts() == await other.counts()
    return here


async def the_conflict(desk: Desk, kind: str) -> Conflict:
    """The only open conflict that this desk knows of."""
    (conflict,) = await desk.conflicts()
    assert conflict.kind == kind
    return conflict


def written_by(desk: Desk, conflict: Conflict) -> list[object]:
    """What this desk wrote of the values that are in conflict, oldest first."""
    key = node_text(desk.public)
    return [sibling.data for sibling in conflict.siblings if sibling.node == key]
