"""Who watches the world, and what each of them does not accept."""

from base64 import urlsafe_b64decode
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

import trio

from engram_simulations._host import Host
from engram_simulations._verdict import CorrectnessError
from engram_simulations._world import ID_SHOWN, World
from engram_simulations._writes import (
    Value,
    contents_of,
    invented,
    is_deleted,
    lost,
    may_be_deleted,
    must_be_deleted,
    returned,
    shown,
)
from engram_sync.api import Conflict, Engram, ScopeStatus, Status
from engram_sync.node import Node

PAGE = 200
COPIES = ("another copy of this node", " branches after record ", "a copy of that home runs")
"""Of the problems that a copied or restored home may rightly cause."""
NEWER_VERSION = "only a newer version of engram-sync knows"
"""Of the one that stops a scope."""
NEWER = (NEWER_VERSION, "or they share nothing until they are upgraded")
"""Of those that such a scope may rightly cause, on who holds it and on who does not."""
REFUSED = (
    " refuses record ",
    "is not valid; nothing more of that log",
    "records that build on refused ones",
    "refuses a record of this node; what follows",
)
"""Of those that a record causes of which somebody takes nothing, on who does not and on others."""
CLOCK = "this machine's clock"
"""Of those that a wrong clock causes, also long after it was set right."""
LATE_S = 1.0
"""Beyond the latency of a few pieces: what a busy link may need to carry news."""
STATE_BYTES = 16
NOTICE_S = 1.0
"""What a node may need to see that a peer is there again."""


class Watcher:
    """A checker that looks at nothing; the others override what they look at."""

    def on_step(self, world: World, statuses: dict[str, Status]) -> None:
        """After every step, with what each open node says of itself."""

    async def on_opened(self, world: World, host: Host) -> None:
        """A node is open again after a restart or a crash."""

    async def at_rest(self, world: World) -> None:
        """All nodes are up and have come to agree."""

    def objects(self, what: str) -> CorrectnessError:
        """The error that says what is wrong."""
        return CorrectnessError(type(self).__name__, what)


class NoNodeComplains(Watcher):
    """Nothing is damaged here, so a node may only say that it reaches nobody, and only if so."""

    def __init__(self) -> None:
        self._wrong_since: dict[str, float] = {}

    def on_step(self, world: World, statuses: dict[str, Status]) -> None:
        """No other problem is open, and this one not for longer than noticing takes."""
        now = trio.current_time()
        for name, status in statuses.items():
            wrong = False
            for problem in status.problems:
                if world.tampered and any(words in problem for words in COPIES):
                    if "another copy" in problem:
                        world.trace.sometimes("a log ended because a copy wrote it")
                    continue
                causes = (*(NEWER if world.newer else ()), *(REFUSED if world.refused else ()))
                if any(words in problem for words in causes):
                    continue
                if world.plan.clocks_are_wrong and CLOCK in problem:
                    world.trace.sometimes("a node that knows of a wrong clock")
                    continue
                if "no other node" not in problem:
                    raise self.objects(f"{name} is {status.health}: {problem}")
                world.trace.sometimes("a node that knows it is alone")
                wrong = any(peer.connected for peer in status.peers)
            if not wrong:
                self._wrong_since.pop(name, None)
            elif now - self._wrong_since.setdefault(name, now) > NOTICE_S:
                raise self.objects(f"{name} says that it reaches nobody, and it does")


class StatusIsTrue(Watcher):
    """A node that says synced holds what its peer held, now or as long ago as news travels.

    Two nodes cannot know the same at the same instant: what one has just written is on its way to
    the other.  A claim is false when the peer never held what the claimant holds, or left it
    longer ago than a message, or the end of a dead link, takes.
    """

    def on_step(self, world: World, statuses: dict[str, Status]) -> None:
        """Every claim is true."""
        labels = {f"node {host.name}": host for host in world.hosts}
        for name, status in statuses.items():
            claims = [peer.label for peer in status.peers if peer.state == "synced"]
            if status.sync == "synced" and len(claims) < len(status.peers):
                raise self.objects(f"{name} says synced, and so only of {claims}")
            if not any(scope.id == world.scope for scope in status.scopes):
                continue
            scope = world.agent_scope(status)
            self._note(world, scope)
            if not claims:
                continue
            if scope.owed:
                raise self.objects(f"{name} lacks {scope.owed} payloads and says synced")
            digest = scope.digest
            for label in claims:
                world.trace.sometimes("synced claimed")
                self._check(world, name, digest, labels[label])

    @staticmethod
    def _note(world: World, scope: ScopeStatus) -> None:
        for what, how_many in (
            ("a sealed log", scope.sealed),
            ("an owed payload", scope.owed),
        ):
            if how_many:
                world.trace.sometimes(what)

    def _check(self, world: World, name: str, digest: str, peer: Host) -> None:
        if not digest:
            return  # It says that it has not looked at everything it holds.
        left = self._held_until(peer, world.scope, digest)
        if left is None:
            raise self.objects(f"{name} says synced, but {peer.name} never held {digest[:8]}")
        now = trio.current_time()
        late_s = LATE_S + 10 * world.plan.latency_s
        if left < now - late_s and now > world.clogged_until:
            raise self.objects(
                f"{name} says synced, but {peer.name} left {digest[:8]} {now - left:.3f} s ago"
            )

    @staticmethod
    def _held_until(peer: Host, scope: str, digest: str) -> float | None:
        """When the peer's store last held that state; None when it never did."""
        states = peer.digests[scope]
        for index in range(len(states) - 1, -1, -1):
            if states[index][1] == digest:
                newer = states[index + 1 : index + 2]
                return newer[0][0] if newer else trio.current_time()
        return None


class NothingLeaks(Watcher):
    """No byte that depends on an instance's own scope leaves its node."""

    def __init__(self) -> None:
        self._needles: dict[str, dict[bytes, str]] = defaultdict(dict)
        self._heard: list[str] = []
        self._texts: dict[str, set[str]] = defaultdict(set)

    def overhear(self, name: str, seen: bytes, _overlap: int) -> None:
        """Bytes leave a node."""
        for needle, what in self._needles[name].items():
            if needle in seen:
                self._heard.append(f"{name} sent {what} of its own scope")

    def keep_private(self, name: str, text: str) -> None:
        """From now on this text must not leave the node."""
        self._needles[name][text.encode()] = f"the text {text!r}"

    def kept(self, host: Host, view: Engram) -> None:
        """The node has acknowledged a private memory."""
        self._needles[host.name][UUID(view.id).bytes] = f"the id {view.id}"
        self._texts[host.name].add(view.content)

    def on_step(self, world: World, statuses: dict[str, Status]) -> None:  # noqa: ARG002 - Checker's
        """Nothing was heard; ids and digests of now are listened for from here on."""
        if self._heard:
            raise self.objects(self._heard[0])
        for name, status in statuses.items():
            for scope in status.scopes:
                if scope.kind == "instance":
                    self._listen_for(name, "the id", scope.id)
                    self._listen_for(name, "the clock", scope.clock_digest)
                    self._listen_for(name, "the digest", scope.digest)

    def _listen_for(self, name: str, what: str, text: str) -> None:
        needle = bytes.fromhex(text)
        if any(needle):  # The digest of an empty scope is zero, as any unused byte is.
            self._needles[name][needle] = what

    async def at_rest(self, world: World) -> None:
        """Each node holds its own private memories and nobody else's."""
        for host in world.hosts:
            node = await host.opened()
            held = {view.content for view in await every_engram(node, "instance")}
            missing = self._texts[host.name] - held
            if missing and host.name not in world.tampered:
                raise self.objects(f"{host.name} lost its private {min(missing)!r}")
            foreign = [
                text
                for other, texts in self._texts.items()
                for text in sorted(texts & held)
                if other != host.name
            ]
            if foreign:
                raise self.objects(f"{host.name} holds the private {foreign[0]!r}")


class NothingIsLost(Watcher):
    """An acknowledged write is visible until somebody who saw it takes it away."""

    async def on_opened(self, world: World, host: Host) -> None:
        """Whatever the power did, a node still holds what it acknowledged itself."""
        node = host.node
        if node is None or host.name in world.tampered | world.damaged:
            return  # What another copy of its home acknowledged, or its disk lost, its peers know.
        held = {view.id: shown(view) for view in await every_engram(node, "agent")}
        if host.node is node:
            self._check(world, host.name, held, host.name)

    async def at_rest(self, world: World) -> None:
        """In the end every node holds what anybody acknowledged."""
        for name, views in world.views.items():
            held = {view.id: shown(view) for view in views}
            self._check(world, name, held, world.plan.names)

    def _check(
        self, world: World, name: str, held: dict[str, frozenset[Value]], authors: str
    ) -> None:
        for engram, writes in world.account.of.items():
            for write, value in lost(writes, held.get(engram, frozenset())):
                if write.host in authors:
                    raise self.objects(
                        f"{name} does not show {value!r}, which {write.host} acknowledged as"
                        f" #{write.number} of {engram[:ID_SHOWN]}"
                    )


class NothingReturns(Watcher):
    """What was replaced or deleted stays so, and nothing appears that nobody wrote."""

    async def at_rest(self, world: World) -> None:
        """Every value is one that somebody wrote and nobody took away."""
        for name, views in world.views.items():
            for view in views:
                self._check(world, name, view)

    def _check(self, world: World, name: str, view: Engram) -> None:
        writes = world.account.of.get(view.id, [])
        values = shown(view)
        where = f"{name} shows in {view.id[:ID_SHOWN]}"
        for value in invented(writes, values):
            # A write that was cut off has no id to be known by; its text says whose it is.
            if not any(value in w.puts for w in world.account.unplaced):
                raise self.objects(f"{where} {value!r}, which nobody wrote")
        for value in returned(writes, values):
            raise self.objects(f"{where} {value!r}, which was replaced by somebody who saw it")
        if must_be_deleted(writes) and not is_deleted(view):
            raise self.objects(f"{where} life again, and nobody brought it back")
        if is_deleted(view) and not may_be_deleted(writes):
            raise self.objects(f"{where} a deletion that nobody asked for")


class AllAgree(Watcher):
    """Nodes that hold the same records show the same memories and the same conflicts."""

    async def at_rest(self, world: World) -> None:
        """All nodes show the same, and every open edit as a conflict."""
        first, *others = world.hosts
        views = world.views[first.name]
        conflicts = await (await first.opened()).conflicts()
        for host in others:
            theirs = await (await host.opened()).conflicts()
            for mine, other in zip(by_id(views), by_id(world.views[host.name]), strict=True):
                if everywhere(mine) != everywhere(other):
                    raise self.objects(f"{first.name} shows {mine}, {host.name} shows {other}")
            if same_everywhere(conflicts) != same_everywhere(theirs):
                raise self.objects(f"{first.name} and {host.name} show different conflicts")
        listed = {conflict.engram for conflict in conflicts}
        for view in views:
            texts = contents_of(shown(view))
            if view.id not in listed and (len(texts) > 1 or (texts and is_deleted(view))):
                raise self.objects(f"the concurrent edits of {view.id} are no conflict")


def everywhere(view: Engram) -> Engram:
    """A view without what only the node that gave it out can tell from its version."""
    return replace(view, version=state_of(view.version))


def same_everywhere(conflicts: Iterable[Conflict]) -> list[Conflict]:
    """Conflicts in one order, as ``everywhere`` has views."""
    found = [replace(c, engram_version=state_of(c.engram_version)) for c in conflicts]
    return sorted(found, key=lambda conflict: conflict.id)


def state_of(version: str) -> str:
    """The part of a version that names the state it shows: equal on every node."""
    return urlsafe_b64decode(version.partition(".")[2])[:STATE_BYTES].hex()


def by_id(views: Iterable[Engram]) -> list[Engram]:
    """Sorted by id."""
    return sorted(views, key=lambda view: view.id)


async def every_engram(node: Node, scope: str) -> list[Engram]:
    """All engrams of a scope, deleted ones too."""
    found: list[Engram] = []
    after: str | None = None
    while page := await node.list(limit=PAGE, scope=scope, life=None, after=after):
        found += page
        after = page[-1].id
    return found
