"""The users: what they ask of their nodes, and what they write down about the answers."""

import random
from collections.abc import Awaitable, Callable

import trio

from engram_simulations._caretakers import Caretakers
from engram_simulations._checkers import NothingLeaks
from engram_simulations._continuity import LogsContinueOnProof
from engram_simulations._host import Host
from engram_simulations._many_edits import ManyEdits
from engram_simulations._together import Together
from engram_simulations._verdict import CorrectnessError
from engram_simulations._world import ID_SHOWN, World
from engram_simulations._writes import (
    Outcome,
    Write,
    content,
    contents_of,
    is_deleted,
    shown,
    tag,
)
from engram_sync.api import Engram
from engram_sync.api.arguments import NewMemory
from engram_sync.errors import EngramError
from engram_sync.node import Node

HOT = 6
"""Newest engrams, which get most of the edits, so that users meet."""
FEW_MAX, MANY_MAX = 40, 400
"""Memories of a bulk write; every fourth time there may be more than fit one frame."""


class Users:
    """One user per node.

    Args:
        world: Where they live.
        luck: Draws what they do, before they do it.
        leaks: Told what is private.
        continuity: Told where records went.
    """

    def __init__(
        self,
        world: World,
        luck: random.Random,
        leaks: NothingLeaks,
        continuity: LogsContinueOnProof,
    ) -> None:
        self._world = world
        self._trace = world.trace
        self._account = world.account
        self._luck = luck
        self._leaks = leaks
        self._continuity = continuity
        self._texts = 0
        self._choices: dict[Callable[[trio.Nursery, Host, Node], None], float] = {
            self._remember: 24,
            self._update: 34,
            self._update_blindly: 6,
            self._tag: 12,
            self._forget: 9,
            self._restore: 6,
            self._recall: 6,
            self._keep_private: 4,
            self._remember_many: 1.5,
        }
        self._choices |= Together(self, world, luck).choices()
        self._choices |= Caretakers(self, world, luck).choices()
        self._choices |= ManyEdits(self, world, luck).choices()

    def act(self, nursery: trio.Nursery, host: Host) -> None:
        """Let the user of an open node do something; it goes on beside what others do."""
        assert host.node is not None
        choices = list(self._choices)
        (chosen,) = self._luck.choices(choices, weights=list(self._choices.values()))
        chosen(nursery, host, host.node)

    # -- what a user may do: drawn at once, done in a task ---------------------------------------

    def _remember(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        text = self.text(host)
        write = self._account.begin(host.name, "", "remember", puts=[content(text)])

        async def call() -> Engram:
            view = await node.remember(text)
            if host.node is node:
                entries = await node.history(view.id)
                if host.node is node:
                    self._continuity.wrote(host.name, entries[0].log)
            return view

        nursery.start_soon(self.write, host, write, call)

    def _remember_many(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        count = self._luck.randint(2, self._luck.choice((FEW_MAX, FEW_MAX, FEW_MAX, MANY_MAX)))
        texts = [self.text(host) for _ in range(count)]
        writes = [self._account.begin(host.name, "", "many", puts=[content(t)]) for t in texts]
        nursery.start_soon(self._many, host, node, texts, writes)

    def _update(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        nursery.start_soon(self._edit, host, node, self.pick(host), self.text(host), self._old())

    def _tag(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        self._texts += 1
        word, remove = f"t{self._texts}", self._luck.random() < 0.5
        nursery.start_soon(self._retag, host, node, self.pick(host), word, remove)

    def _update_blindly(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        engram, text = self.pick(host), self.text(host)
        if not engram or engram in self._account.texts:
            return
        write = self._account.begin(
            host.name, engram, "update blindly", puts=[content(text)], blind=True
        )
        nursery.start_soon(self.write, host, write, lambda: node.update(engram, content=text))

    def _forget(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        nursery.start_soon(self._delete, host, node, self.pick(host), self._old())

    def _restore(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        dead = [engram for engram, view in host.views.items() if is_deleted(view)]
        engram = self._luck.choice(dead) if dead else self.pick(host)
        nursery.start_soon(self._undelete, host, node, engram)

    def _recall(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        nursery.start_soon(self._search, host, node, self.pick(host))

    def _keep_private(self, nursery: trio.Nursery, host: Host, node: Node) -> None:
        text = f"private {self.text(host)}"
        self._leaks.keep_private(host.name, text)
        nursery.start_soon(self._private, host, node, text)

    # -- doing it --------------------------------------------------------------------------------

    async def _many(self, host: Host, node: Node, texts: list[str], writes: list[Write]) -> None:
        crashes = host.crashes
        ids: list[str] = []
        outcome = Outcome.ACKNOWLEDGED
        try:
            ids = await node.remember_many([NewMemory(content=text) for text in texts])
            self._trace.sometimes("a memory of many records")
        except EngramError:
            outcome = Outcome.REFUSED
        if host.crashes != crashes:
            outcome = Outcome.UNKNOWN
        for index, write in enumerate(writes):
            self._account.end(write, outcome, ids[index] if ids else "")
        numbers = f"#{writes[0].number}..{writes[-1].number}"
        self._trace.event(host.name, f"{numbers} remember many: {outcome.value}")

    async def _edit(self, host: Host, node: Node, engram: str, text: str, old: bool) -> None:
        view = await self.look(host, node, engram, old=old)
        if view is None or view.collaborative:
            return  # A shared text is edited, not replaced; see ``Together``.
        takes = contents_of(shown(view))
        write = self._account.begin(
            host.name,
            engram,
            "update",
            puts=[content(text)],
            takes=takes,
            undeletes=is_deleted(view),
        )
        done = await self.write(host, write, lambda: node.update(view, content=text))
        if done and len(takes) > 1:
            self._trace.sometimes("a conflict resolved")
        if done and old:
            self._trace.sometimes("a write on an old view")

    async def _retag(self, host: Host, node: Node, engram: str, word: str, remove: bool) -> None:
        view = await self.look(host, node, engram, old=False)
        if view is None:
            return
        gone = sorted(view.tags)[:1] if remove else []
        write = self._account.begin(
            host.name,
            engram,
            "tag",
            puts=[tag(word)],
            takes=[tag(t) for t in gone],
            undeletes=is_deleted(view),
        )
        await self.write(host, write, lambda: node.update(view, add_tags=[word], remove_tags=gone))

    async def _delete(self, host: Host, node: Node, engram: str, old: bool) -> None:
        view = await self.look(host, node, engram, old=old)
        if view is None or view.collaborative:
            return
        write = self._account.begin(host.name, engram, "forget", takes=shown(view), deletes=True)
        if await self.write(host, write, lambda: node.forget(view, reason=f"#{write.number}")):
            self._trace.sometimes("a delete")

    async def _undelete(self, host: Host, node: Node, engram: str) -> None:
        view = await self.look(host, node, engram, old=False)
        if view is None or not is_deleted(view):
            return
        write = self._account.begin(host.name, engram, "restore", undeletes=True)
        if await self.write(host, write, lambda: node.restore(view)):
            self._trace.sometimes("a restore")

    async def _search(self, host: Host, node: Node, engram: str) -> None:
        before = await self.look(host, node, engram, old=False)
        if before is None or not before.content or is_deleted(before) or before.collaborative:
            return
        word = before.content.split()[0]
        try:
            hits = await node.recall(word)
            after = await node.get(engram)
        except EngramError:
            return
        found = any(hit.engram.id == engram for hit in hits)
        self._trace.event(host.name, f"recall {word}: {len(hits)} found")
        if not found and after.version == before.version:
            raise CorrectnessError(
                "RecallFinds",
                f"{host.name} holds {word!r} in {engram}, and recall does not find it",
            )

    async def _private(self, host: Host, node: Node, text: str) -> None:
        crashes = host.crashes
        try:
            view = await node.remember(text, type="episodic")
        except EngramError:
            return
        if host.crashes == crashes:
            self._leaks.kept(host, view)
            self._trace.event(host.name, f"keeps {view.id[-ID_SHOWN:]} private")
            self._trace.sometimes("an instance memory")

    async def look(self, host: Host, node: Node, engram: str, *, old: bool) -> Engram | None:
        """What the user sees before acting: what was seen last, or what the node shows now."""
        crashes = host.crashes
        if old and engram in host.views:
            return host.views[engram]
        if not engram:
            return None
        try:
            view = await node.get(engram)
        except EngramError:
            return None
        if host.crashes != crashes:
            return None  # The machine was without power already: nobody saw this.
        if not old:
            host.views[engram] = view
        texts = contents_of(shown(view))
        if len(texts) > 1:
            self._trace.sometimes("concurrent edits")
        if texts and is_deleted(view):
            self._trace.sometimes("an edit concurrent with a delete")
        return view

    async def write(self, host: Host, write: Write, call: Callable[[], Awaitable[Engram]]) -> bool:
        """Make one call and enter its outcome; returns whether it was acknowledged."""
        crashes = host.crashes
        view: Engram | None = None
        why = ""
        try:
            view = await call()
            outcome = Outcome.ACKNOWLEDGED
        except EngramError as error:
            outcome = Outcome.REFUSED
            why = f" ({type(error).__name__}: {error.message})"
            if write.blind and "concurrent edits" in why:
                self._trace.sometimes("a write refused over open edits")
        if host.crashes != crashes:
            # What a dying machine said nobody has heard.
            outcome = Outcome.UNKNOWN
            self._trace.sometimes("a crash during a write")
        self._account.end(write, outcome, view.id if view is not None else "")
        engram = write.engram[-ID_SHOWN:] or "?"
        text = f"#{write.number} {write.kind} {engram}: {outcome.value}{why}"
        self._trace.event(host.name, text)
        if view is None or outcome is not Outcome.ACKNOWLEDGED:
            return False
        if not write.puts <= shown(view):
            raise CorrectnessError("OwnWritesShow", f"{text}, and it does not show {write.puts}")
        if write.deletes and not is_deleted(view):
            raise CorrectnessError("OwnWritesShow", f"{text}, and it shows {view.life}")
        host.views[view.id] = view
        return True

    # -- drawing ---------------------------------------------------------------------------------

    def text(self, host: Host) -> str:
        """A text that nobody has written yet; its first word is in no other."""
        self._texts += 1
        return f"w{self._texts} by the user of {host.name}"

    def _old(self) -> bool:
        return self._luck.random() < 0.35

    def pick(self, host: Host) -> str:
        """An engram that somebody has written, most often one of the newest; may be empty."""
        known = self._account.engrams()
        if not known:
            return ""
        if self._luck.random() < 0.8:
            known = known[-HOT:]
        elif host.views and self._luck.random() < 0.5:
            known = list(host.views)
        return self._luck.choice(known)
