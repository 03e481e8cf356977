"""Checkers of forks and erasures: what a copy may cause, and what must never come back."""

from engram_simulations._checkers import Watcher
from engram_simulations._world import World
from engram_simulations._writes import Value, said_again
from engram_sync.errors import EngramError
from engram_sync.node import Node


class ForksAreTold(Watcher):
    """A log with two histories is reported by every node, and only copies cause one."""

    async def at_rest(self, world: World) -> None:
        """All nodes tell the same forks, each of a node whose home was copied."""
        told = {host.name: (await (await host.opened()).status()).forks for host in world.hosts}
        first = world.hosts[0].name
        for name, forks in told.items():
            if sorted(forks, key=repr) != sorted(told[first], key=repr):
                raise self.objects(f"{first} tells of {told[first]}, {name} of {forks}")
        copied = {f"node {name}" for name in world.tampered}
        for fork in told[first]:
            world.trace.sometimes("a forked log")
            if fork.label not in copied:
                raise self.objects(f"{fork.label} has two histories, and its home was not copied")


class ErasedStaysErased(Watcher):
    """What was erased is shown by no node, found by no search, and never sent again."""

    def __init__(self) -> None:
        self._needles: set[bytes] = set()
        self._heard: list[str] = []

    def overhear(self, name: str, seen: bytes, _overlap: int) -> None:
        """Bytes leave a node."""
        self._heard += [f"{name} sent {n!r}, which is erased" for n in self._needles if n in seen]

    async def at_rest(self, world: World) -> None:
        """All nodes hold all erasures, so none of them holds a value that was erased."""
        if self._heard:
            raise self.objects(self._heard[0])
        for write in world.account.erasures:
            if not write.happened:
                continue  # The disk that it was written to is gone, perhaps before others heard.
            if said_again(world.account.of[write.engram], write, world.tampered):
                continue
            texts = [value.partition(":")[2] for value in sorted(write.takes)]
            for host in world.hosts:
                await self._look(world, host.name, await host.opened(), write.engram, texts)
            self._needles |= {text.encode() for text in texts if text.startswith("w")}
            world.trace.sometimes("an erasure that all confirmed")

    async def _look(
        self, world: World, name: str, node: Node, engram: str, texts: list[Value]
    ) -> None:
        try:
            shown = [await node.get(engram), *await node.history(engram)]
        except EngramError:
            return  # The disk that it was written to is gone.
        for text in texts:
            words = text.split()
            # The letters of an id or a version may spell a short tag; they never stand alone.
            said = repr(text)[1:-1] if len(words) > 1 else repr(text)
            if any(said in repr(item) for item in shown):
                raise self.objects(f"{name} shows {text!r} of {engram}, which was erased")
            if world.plan.erases and words[0].startswith("w"):
                hits = [hit for hit in await node.recall(words[0]) if hit.engram.id == engram]
                if hits:
                    raise self.objects(f"{name} finds {engram} by {words[0]!r}, which was erased")
