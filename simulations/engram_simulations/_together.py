"""Users who edit one text together, piece by piece, at the places where they see them."""

import random
from collections.abc import Awaitable, Callable
from typing import Protocol

import trio

from engram_simulations._host import Host
from engram_simulations._world import World
from engram_simulations._writes import TOKEN, Write, token
from engram_sync.api import Delete, Engram, Insert
from engram_sync.node import Node

Choices = dict[Callable[[trio.Nursery, Host, Node], None], float]


class Acting(Protocol):
    """What users of all kinds do alike."""

    async def look(self, host: Host, node: Node, engram: str, *, old: bool) -> Engram | None:
        """What the user sees before acting."""
        ...

    async def write(self, host: Host, write: Write, call: Callable[[], Awaitable[Engram]]) -> bool:
        """Make one call and enter its outcome; returns whether it was acknowledged."""
        ...

    def pick(self, host: Host) -> str:
        """An engram that somebody has written; may be empty."""
        ...


class Together:
    """What users do with shared texts.

    Every piece that is inserted is unique in its run, and inserted between two others: that every
    piece is there, which nobody who saw it took out, is what a merged text owes to its writers.

    Args:
        users: Look and write for them.
        world: Where they live.
        luck: Draws what they do.
    """

    def __init__(self, users: Acting, world: World, luck: random.Random) -> None:
        self._users = users
        self._world = world
        self._account = world.account
        self._luck = luck
        self._pieces = 0

    def choices(self) -> Choices:
        """What a user may do, with its weight."""
        return {self._begin: 4, self._edit: 24} if self._world.plan.writes_together else {}

    def _piece(self) -> str:
        self._pieces += 1
        return f"<{self._pieces}>"

    def _begin(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        text = "".join(self._piece() for _ in range(3))
        puts = [token(piece) for piece in TOKEN.findall(text)]
        write = self._account.begin(host.name, "", "begin a text", puts=puts)

        async def call() -> Engram:
            view = await node.remember(text, collaborative=True)
            self._account.texts.append(view.id)
            return view

        nursery.start_soon(self._users.write, host, write, call)

    def _edit(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        texts = self._account.texts
        if texts:
            engram = self._luck.choice(texts[-2:])
            old, draw = self._luck.random() < 0.35, self._luck.random()
            nursery.start_soon(self._edit_one, host, node, engram, self._piece(), old, draw)

    async def _edit_one(
        self, host: Host, node: Node, engram: str, piece: str, old: bool, draw: float
    ) -> None:
        view = await self._users.look(host, node, engram, old=old)
        if view is None or not view.collaborative:
            return
        pieces = list(TOKEN.finditer(view.content))
        chosen = pieces[int(draw * len(pieces))] if pieces else None
        edits: list[Insert | Delete] = [Insert(chosen.end() if chosen else 0, piece)]
        takes: list[str] = []
        if chosen is not None and draw * 100 % 1 < 0.3:
            edits.append(Delete(chosen.start(), len(chosen.group())))
            takes = [token(chosen.group())]
        write = self._account.begin(
            host.name, engram, "edit a text", puts=[token(piece)], takes=takes
        )
        if await self._users.write(host, write, lambda: node.update(view, edits=edits)):
            self._world.trace.sometimes("an edit of a shared text")
            others = [w.puts for w in self._account.of[engram] if w.host != host.name]
            seen = {token(text) for text in TOKEN.findall(view.content)}
            if any(puts and not puts & seen for puts in others):
                self._world.trace.sometimes("a shared text that two edited at once")
