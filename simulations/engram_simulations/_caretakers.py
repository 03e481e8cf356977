"""Users who see to it that what must go is gone: erasing and compacting."""

import random

import trio

from engram_simulations._host import Host
from engram_simulations._together import Acting, Choices
from engram_simulations._world import World
from engram_simulations._writes import shown
from engram_sync.errors import EngramError
from engram_sync.node import Node


class Caretakers:
    """What users do about values that nobody is to read any more.

    Args:
        users: Look and write for them.
        world: Where they live.
        luck: Draws what they do.
    """

    def __init__(self, users: Acting, world: World, luck: random.Random) -> None:
        self._users = users
        self._world = world
        self._luck = luck

    def choices(self) -> Choices:
        """What a user may do, with its weight."""
        plan = self._world.plan
        erasing: Choices = {self._erase: 5} if plan.erases else {}
        return erasing | ({self._compact: 4} if plan.compacts else {})

    def _erase(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        nursery.start_soon(self._erase_one, host, node, self._users.pick(host))

    async def _erase_one(self, host: Host, node: Node, engram: str) -> None:
        view = await self._users.look(host, node, engram, old=False)
        if view is None or view.collaborative or not shown(view):
            return
        account, trace = self._world.account, self._world.trace
        write = account.begin(host.name, engram, "erase", takes=shown(view), deletes=True)
        done = await self._users.write(host, write, lambda: node.forget(view, erase=True))
        if done:
            trace.sometimes("an erasure")
            account.erasures.append(write)
        elif not write.happened and write.happened is not None:
            trace.sometimes("an erasure refused")

    def _compact(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        nursery.start_soon(self._compact_one, host, node)

    async def _compact_one(self, host: Host, node: Node) -> None:
        try:
            result = await node.compact(keep_days=0.0)
        except EngramError:
            return
        self._world.trace.event(host.name, f"compacts: {result.saved.payloads} values dropped")
        if result.saved.payloads:
            self._world.trace.sometimes("a compaction that dropped values")
