"""What happens in the demo, in order.  Every sentence is checked before it is printed."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TextIO, TypeVar

import trio

from engram_sync.api import Conflict, PeerStatus, ScopeStatus, Status
from engram_sync.api.arguments import NewMemory
from engram_sync.cli._import_command import read_source, write_batches
from engram_sync.cli._output import print_line, print_table, short
from engram_sync.errors import DegradedError, NotFoundError

from .nodes import DemoNode

T = TypeVar("T")

POLL_SECONDS = 0.1
DIGEST_CHARACTERS = 16
BATCH_MEMORIES = 20
"""A third of a young history is small; the bar should still be seen to move."""
MULTICAST_SECONDS_MAX = 12.0
"""Announcing and asking take about a second each; a busy machine gets some more."""
AGREE_SECONDS_MAX = 40.0
SPREAD_SECONDS_MAX = 20.0


class Story:
    """The demo.

    Args:
        nodes: Three of them, not started.
        source: A git checkout to import.
        output: Where to tell it.
        multicast: False pretends that it does not work here.
    """

    def __init__(
        self, nodes: Sequence[DemoNode], source: Path, output: TextIO, *, multicast: bool
    ) -> None:
        self._nodes = nodes
        self._source = source
        self._output = output
        self._multicast = multicast
        self._chapter = 0

    async def tell(self) -> None:
        """Play everything, from the first start to the status table; the nodes stay up.

        Raises:
            DegradedError: Something that should hold did not.
        """
        await self._start()
        await self._join()
        await self._import()
        await self._meet()
        await self._disagree()
        await self._end()

    async def _start(self) -> None:
        self._say("Three nodes, three processes, three homes")
        await self._everyone(lambda node: node.init())
        flags = () if self._multicast else ("--no-mdns",)
        await self._everyone(lambda node: node.up(*flags))
        for node in self._nodes:
            self._line(f"{node.name}  {node.id[:16]}…  listens on {node.listen}")

    async def _join(self) -> None:
        first, *others = self._nodes
        self._say(f"{first.name} invites {' and '.join(node.name for node in others)}")
        agents: dict[str, str] = {}

        async def join(node: DemoNode) -> None:
            token = (await first.type("invite", "--ttl", "5m"))["token"]
            self._line(f"{first.name}$ invite         {token[:28]}…")
            joined = await node.type("join", token)
            self._require(joined["node"] == first.id, f"{node.name} joined somebody else's agent")
            agents[node.name] = joined["agent"]

        await self._everyone(join, others)
        for node in others:
            self._line(f"{node.name}$ join TOKEN     joined agent {short(agents[node.name])}")

    async def _import(self) -> None:
        self._say(f"Each imports a third of the history and the Markdown files of {self._source}")
        parts = [await trio.to_thread.run_sync(self._part, place) for place in range(3)]
        await self._write_all(parts)
        total = sum(len(part) for part in parts)
        scopes = await self._agreement(total)
        self._table(
            ("node", "imported", "holds", "digest"),
            [
                (
                    node.name,
                    f"{len(part):,}",
                    f"{scope.engrams:,}",
                    scope.digest[:DIGEST_CHARACTERS],
                )
                for node, part, scope in zip(self._nodes, parts, scopes, strict=True)
            ],
        )
        self._line(f"All three hold the same {total:,} memories: one digest.")

    def _part(self, place: int) -> list[NewMemory]:
        """A third of the source; unreadable parts of it are somebody else's demo."""
        slot = (place + 1, len(self._nodes))
        git, _ = read_source(self._source, "git", slot)
        markdown, _ = read_source(self._source, "markdown", slot)
        return git + markdown

    async def _write_all(self, parts: Sequence[Sequence[NewMemory]]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

        columns = (TextColumn("   {task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            async with trio.open_nursery() as nursery:
                for node, part in zip(self._nodes, parts, strict=True):
                    task = bar.add_task(node.name, total=len(part))

                    async def write(
                        node: DemoNode, part: Sequence[NewMemory], task: TaskID
                    ) -> None:
                        refused = await write_batches(
                            node.node, part, partial(bar.advance, task), size=BATCH_MEMORIES
                        )
                        self._require(not refused, f"{node.name} refused {refused[:1]}")

                    nursery.start_soon(write, node, part, task)

    async def _agreement(self, engrams: int) -> list[ScopeStatus]:
        """Wait until all hold that many memories under one digest, with nothing in between."""

        async def probe() -> list[ScopeStatus] | None:
            scopes = [current_scope(await node.node.status()) for node in self._nodes]
            digests = {scope.digest for scope in scopes}
            complete = all(scope.engrams == engrams and scope.lag == 0 for scope in scopes)
            return scopes if complete and len(digests) == 1 and digests != {""} else None

        return await until(f"one digest over {engrams:,} memories", AGREE_SECONDS_MAX, probe)

    async def _meet(self) -> None:
        _, left, right = self._nodes
        self._say(f"{left.name} and {right.name} were never told about each other")
        try:
            seen = await self._wait_via("mdns", MULTICAST_SECONDS_MAX if self._multicast else 0)
        except DegradedError:
            self._line("Multicast does not work on this machine: no node hears another one's")
            self._line(f"announcement.  {right.name} starts again with the address of {left.name}:")
            await right.down()
            await right.up("--no-mdns", "--peer", left.listen)
            seen = await self._wait_via("static", SPREAD_SECONDS_MAX)
        self._line(f"{seen.name}$ peers")
        self._text(await seen.show("peers"))

    async def _wait_via(self, via: str, seconds: float) -> DemoNode:
        """Wait until one of the two found the other that way; returns the one that did."""
        _, left, right = self._nodes

        async def probe() -> DemoNode | None:
            for node, other in ((left, right), (right, left)):
                if any(is_link(peer, other.id, via) for peer in await node.node.peers()):
                    return node
            return None

        return await until(f"{left.name} and {right.name} connected via={via}", seconds, probe)

    async def _disagree(self) -> None:
        here, _, there = self._nodes
        self._say(f"{there.name} goes offline, and both sides edit the same memory")
        engram = await here.type("remember", "Deploys go out on Tuesdays", "--tag", "ops")
        ref = str(engram["id"])
        await self._spread(ref)
        await there.type("offline")
        edits = {here: "Deploys go out on Wednesdays", there: "Deploys go out on Thursdays"}

        async def edit(node: DemoNode) -> None:
            await node.type("update", ref, "--content", edits[node])

        await self._everyone(edit, list(edits))
        for node, text in edits.items():
            self._line(f'{node.name}$ update {short(ref)}… --content "{text}"')
        await there.type("online")
        self._line(f"{there.name}$ online")
        await self._same_conflict(ref, set(edits.values()))
        shown: dict[DemoNode, str] = {}

        async def show(node: DemoNode) -> None:
            shown[node] = await node.show("conflicts")

        await self._everyone(show)
        for node in self._nodes:
            self._line(f"{node.name}$ conflicts")
            self._text(shown[node])
        self._line("Neither edit was lost: all three nodes list both, as one conflict.")

    async def _spread(self, ref: str) -> None:
        async def probe() -> bool | None:
            for node in self._nodes:
                try:
                    await node.node.get(ref)
                except NotFoundError:
                    return None
            return True

        await until("the new memory on all three nodes", SPREAD_SECONDS_MAX, probe)

    async def _same_conflict(self, ref: str, texts: set[str]) -> None:
        async def probe() -> bool | None:
            found = [conflict_of(await node.node.conflicts(), ref) for node in self._nodes]
            names = {(one.id, one.version) for one in found if one is not None}
            agreed = all(
                one is not None and {sibling.value for sibling in one.siblings} == texts
                for one in found
            )
            return True if agreed and len(names) == 1 else None

        await until("the same conflict on all three nodes", SPREAD_SECONDS_MAX, probe)

    async def _end(self) -> None:
        self._say("Where everybody stands")

        async def probe() -> list[Status] | None:
            found = [await node.node.status() for node in self._nodes]
            return found if all(status.sync == "synced" for status in found) else None

        statuses = await until("all three synced", AGREE_SECONDS_MAX, probe)
        scopes = [current_scope(status) for status in statuses]
        self._require(len({scope.digest for scope in scopes}) == 1, "the digests differ")
        self._table(
            ("node", "network", "health", "sync", "memories", "conflicts", "peers", "digest"),
            [
                (
                    node.name,
                    status.network,
                    status.health,
                    status.sync,
                    f"{scope.engrams:,}",
                    f"{scope.conflicts}",
                    f"{scope.synced_peers}/{scope.peers}",
                    scope.digest[:DIGEST_CHARACTERS],
                )
                for node, status, scope in zip(self._nodes, statuses, scopes, strict=True)
            ],
        )

    async def _everyone(
        self,
        work: Callable[[DemoNode], Awaitable[None]],
        nodes: Sequence[DemoNode] | None = None,
    ) -> None:
        """Do the same on several nodes at once."""
        async with trio.open_nursery() as nursery:
            for node in self._nodes if nodes is None else nodes:
                nursery.start_soon(work, node)

    def _require(self, held: bool, otherwise: str) -> None:
        if not held:
            raise DegradedError(otherwise)

    def _say(self, text: str) -> None:
        self._chapter += 1
        print_line(file=self._output)
        print_line(f"{self._chapter}. {text}", file=self._output)

    def _line(self, text: str) -> None:
        print_line(f"   {text}", file=self._output)

    def _text(self, text: str) -> None:
        """Repeat what a command printed, which made it safe to show already."""
        for line in text.rstrip("\n").split("\n"):
            print(f"     {line}".rstrip(), file=self._output, flush=True)

    def _table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        print_table(columns, rows, file=self._output)


async def until(what: str, seconds: float, probe: Callable[[], Awaitable[T | None]]) -> T:
    """Ask again and again until there is an answer.

    Raises:
        DegradedError: There was none in time.
    """
    with trio.move_on_after(seconds):
        while True:
            found = await probe()
            if found is not None:
                return found
            await trio.sleep(POLL_SECONDS)
    raise DegradedError(f"after {seconds:g} s there is still no sign of: {what}")


def current_scope(status: Status) -> ScopeStatus:
    """The scope of the agent that the node belongs to."""
    return next(scope for scope in status.scopes if scope.id == status.identity.agent)


def conflict_of(conflicts: Sequence[Conflict], ref: str) -> Conflict | None:
    """The conflict about one memory."""
    return next((conflict for conflict in conflicts if conflict.engram == ref), None)


def is_link(peer: PeerStatus, node: str, via: str) -> bool:
    """Whether this is a live connection to ``node`` that was found in this way."""
    return peer.node == node and peer.connected and peer.via == via
