"""Users who write much at once: hundreds of edits in a row, many values beside each other."""

import random
from functools import partial

import trio

from engram_simulations._host import Host
from engram_simulations._together import Acting, Choices
from engram_simulations._world import World
from engram_simulations._writes import content as content_value
from engram_simulations._writes import contents_of, is_deleted, shown, tag
from engram_sync.node import Node

TAGS = 24
NUMBERED = {f"n{number}": number for number in range(16)}
"""With the tags, nearly all that one write may hold."""


class ManyEdits:
    """What users do by the hundred.

    Args:
        users: Look and write for them.
        world: Where they live.
        luck: Draws what they do.
    """

    def __init__(self, users: Acting, world: World, luck: random.Random) -> None:
        self._users = users
        self._world = world
        self._luck = luck
        self._bursts = 0

    def choices(self) -> Choices:
        """What a user may do, with its weight."""
        return {self._burst: 8, self._widen: 4} if self._world.plan.bursts else {}

    def _burst(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        # Once for each home: after a resumed snapshot they lie on both sides of a fork.
        if host.name not in self._world.hurried:
            self._world.hurried.add(host.name)
            nursery.start_soon(self._edit_often, host, node, self._users.pick(host))

    async def _edit_often(self, host: Host, node: Node, engram: str) -> None:
        self._bursts += 1
        word, done = f"batch{self._bursts}", 0
        view = await self._users.look(host, node, engram, old=False)
        if view is None or view.collaborative or is_deleted(view):
            return
        for number in range(self._world.plan.bursts):
            text = f"{word}.{number} by the user of {host.name}"
            write = self._world.account.begin(
                host.name,
                engram,
                "burst",
                puts=[content_value(text)],
                takes=contents_of(shown(view)),
            )
            if not await self._users.write(host, write, partial(node.update, view, content=text)):
                return
            view, done = host.views.get(engram, view), done + 1
        self._world.trace.sometimes("a burst of edits")
        if host.name in self._world.tampered:
            self._world.trace.sometimes("a burst of edits after a resumed snapshot")

    def _widen(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        nursery.start_soon(self._widen_one, host, node, self._users.pick(host))

    async def _widen_one(self, host: Host, node: Node, engram: str) -> None:
        view = await self._users.look(host, node, engram, old=False)
        if view is None or is_deleted(view):
            return
        self._bursts += 1
        tags = [f"wide{self._bursts}-{number}" for number in range(TAGS)]
        write = self._world.account.begin(host.name, engram, "widen", puts=map(tag, tags))
        if await self._users.write(
            host,
            write,
            lambda: node.update(view, add_tags=tags, metadata=NUMBERED, count=NUMBERED),
        ):
            self._world.trace.sometimes("a memory with much beside each other")
