"""A release that takes valid records of others for invalid, for some time, on one machine."""

import random
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import trio

from engram_simulations._checkers import REFUSED, Watcher
from engram_simulations._continuity import LogsContinueOnProof
from engram_simulations._faults import Faults
from engram_simulations._host import Host
from engram_simulations._releases import OPTIONAL
from engram_simulations._world import World
from engram_sync.errors import EngramError
from engram_sync.ledger import Draft
from engram_sync.ledger._check import RunCheck
from engram_sync.node import Node
from engram_sync.store import Transaction
from engram_wire import InvalidRecordError, Record, cbor

RATE = 0.2
"""How likely a frame is the first of its author that is refused."""
AUTHORS_MAX = 3
"""Of so many authors a record is refused, one each: an author gives way once an hour."""
LOOK_S = 1.0
_CHANGES = "_changes_untrusted"

Check = Callable[[RunCheck, Sequence[Record]], Iterator[None]]


class RefusalsStopNothing(Watcher):
    """Of what a node writes after a refused record everything arrives, and in the end that too."""

    async def at_rest(self, world: World) -> None:
        """Nobody refuses anything any more, and nobody says so."""
        for host in world.hosts:
            for problem in (await (await host.opened()).status()).problems:
                if any(words in problem for words in REFUSED[:-1]):
                    raise self.objects(f"{host.name} still says: {problem}")


@dataclass(eq=False)
class Refusing:
    """The release that refuses, and the machine that has it.

    Args:
        world: Where it runs.
        luck: Draws on which machine, from when until when, and what is refused.
        continuity: Told which nodes have to end their logs, and which are stopped in order.
        checker: Objects where records do not arrive.
    """

    world: World
    luck: random.Random
    continuity: LogsContinueOnProof
    checker: RefusalsStopNothing
    _refused: dict[bytes, tuple[bytes, int]] = field(default_factory=dict[bytes, tuple[bytes, int]])
    """By author: log and position of the record that is refused."""
    _steps: int = 0
    _on: bool = False

    def __post_init__(self) -> None:
        steps = self.world.plan.steps
        self._host = self.luck.choice(self.world.hosts)
        self._begins = self.luck.randint(0, steps // 3)
        self._ends = self.luck.randint(steps // 2, steps * 2)

    @contextmanager
    def running(self) -> Generator[None]:
        """Let that machine have this release for the time of the block."""
        honest: Check = getattr(RunCheck, _CHANGES)

        def strict(check: RunCheck, records: Sequence[Record]) -> Iterator[None]:
            self._look_untrusted(check, records)
            yield from honest(check, records)

        setattr(RunCheck, _CHANGES, strict)
        try:
            yield
        finally:
            setattr(RunCheck, _CHANGES, honest)

    def strike(self, nursery: trio.Nursery, moments: trio.Nursery) -> None:
        """The machine gets that release in some step, and in a later one perhaps a better one.

        Args:
            nursery: Runs its node.
            moments: Runs what has to be over before everything is healed.
        """
        if not self.world.plan.refuses:
            return
        if self._steps == self._begins:
            self._on = True
            self.world.trace.event(self._host.name, "has a release that refuses valid records")
        elif self._steps == self._ends:
            moments.start_soon(self._upgrade, nursery)
        self._steps += 1

    def _look_untrusted(self, check: RunCheck, records: Sequence[Record]) -> None:
        node, log = self._host.node, check.log
        if not self._on or node is None or _registry(node) is not check.registry:
            return
        if log.author == self._host.storage.public:
            return
        standing = [record.seq for record in records if log.stands(record.seq) == record.seq]
        new = log.author not in self._refused and len(self._refused) < AUTHORS_MAX
        if new and standing and self.luck.random() < RATE:
            self._refused[log.author] = log.id, self.luck.choice(standing)
            self._note(log.author)
        name, seq = self._refused.get(log.author, (b"", 0))
        if name == log.id and seq in standing:
            check.failed_at = seq
            raise InvalidRecordError("this release takes it for invalid")

    def _note(self, author: bytes) -> None:
        _, seq = self._refused[author]
        (writer,) = (host for host in self.world.hosts if host.storage.public == author)
        self.world.refused |= {writer.name, self._host.name}
        self.continuity.cannot_tell(writer.name)
        self.world.trace.event(writer.name, f"its record {seq} is refused by {self._host.name}")
        self.world.trace.sometimes("a refused record")

    # -- when nothing else is wrong ----------------------------------------------------------

    async def rest(self, faults: Faults, nursery: trio.Nursery) -> None:
        """Let everybody write once more while something is refused; and then take everything.

        Raises:
            CorrectnessError: It does not arrive where something else is refused.
        """
        if not self._on:
            return
        faults.undo_all(nursery)
        self.world.set_clocks_right()
        if self._refused and not self.world.tampered:
            # Of a log that forked nobody can give way.
            written = [await self._write(host) for host in self.world.hosts]
            await self._arrive(written)
        await self._upgrade(nursery)

    async def _write(self, host: Host) -> tuple[bytes, int, str]:
        """Write something that nobody looks at; where it is, and by whom."""
        core = (await host.opened())._core  # noqa: SLF001 - users write what checkers account for
        draft = Draft(OPTIONAL, self.luck.randbytes(16), (("r/after", cbor.encode(host.name)),))
        batch = await core.write(lambda tx: core.path.write(tx, core.facts.agent_scope, [draft]))
        return batch.log.id, batch.seq, host.name

    async def _arrive(self, written: Sequence[tuple[bytes, int, str]]) -> None:
        missing = list(written)
        with trio.move_on_after(self.world.plan.converge_s):
            while missing := await self._missing(missing):
                await trio.sleep(LOOK_S)
                await self.world.step_done()
        for _, seq, writer in missing:
            raise self.checker.objects(
                f"record {seq}, which {writer} wrote after a refused one, is not on"
                f" {self._host.name}"
            )
        self.world.trace.sometimes("records that arrived where another one is refused")

    async def _missing(self, written: list[tuple[bytes, int, str]]) -> list[tuple[bytes, int, str]]:
        core = (await self._host.opened())._core  # noqa: SLF001 - as above

        def held(_: Transaction, name: bytes) -> int:
            log = core.path.ledger.log_by_id(core.facts.agent_scope, name)
            return 0 if log is None else log.seq

        try:
            ends = [await core.write(partial(held, name=name)) for name, _, _ in written]
        except EngramError:
            return written  # It is being restarted.
        return [item for item, end in zip(written, ends, strict=True) if end < item[1]]

    async def _upgrade(self, nursery: trio.Nursery) -> None:
        host = self._host
        if host.node is not None:
            self.continuity.left(host.name)
            host.leave()
        await host.open_or_off()
        self._on = False
        self.world.trace.event(host.name, "has a release that takes everything")
        if self._refused:
            self.world.trace.sometimes("a refused record that is taken after all")
        if not host.running:
            self.world.power_on(nursery, host)


def _registry(node: Node) -> object:
    return node._core.path.ledger._registry  # noqa: SLF001 - whose check it is, is seen nowhere else
